/* movement.h -- what the families that move bytes share. */
#ifndef AN_OPS_MOVEMENT_H
#define AN_OPS_MOVEMENT_H

#include "ops/op.h"

#define AN_FAST_ANY                                                                                \
    (AN_FAST_F32 | AN_FAST_F64 | AN_DTYPE_BIT(AN_I32) | AN_DTYPE_BIT(AN_I64) |                     \
     AN_DTYPE_BIT(AN_BOOL))

/* `count` copies of one element of `size` bytes, which lies outside `to`. */
void an_fill_bytes(char *to, int64_t count, const char *element, int64_t size);

/* Stage (with an_block_units) and reference of ops whose result is operand 0. */
void an_copy_run(const an_work *w, int64_t begin, int64_t end);
void an_copy_ref(const an_work *w);


#endif
