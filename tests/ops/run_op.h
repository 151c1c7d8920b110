/* run_op.h -- one op by hand, without a graph: by its stages, units last first, or by its ref. */
#ifndef AN_TESTS_RUN_OP_H
#define AN_TESTS_RUN_OP_H

#include "core/memory.h"
#include "core/runtime.h"
#include "ops/kernels/kernels.h"
#include "ops/op.h"

#include <string.h>

#define REF (-1) /* instead of an instruction set: the reference loops */

static inline void an_test_run_op(int op, int how, const an_attrs *attrs, int inputs,
                                  const an_tensor *in, int outputs, const an_tensor *out)
{
    static const int64_t no_extent[1];
    const an_op_rules *rules = an_op(op)->rules;
    an_attrs counted = *attrs; /* axes from the front, as a graph has them */
    counted.axis = an_axis(attrs->axis, in[0].rank);
    an_work w = {.op = an_op(op), .attrs = &counted, .extent = no_extent, .inputs = inputs,
                 .outputs = outputs, .in = in, .out = out};
    const int64_t bytes = rules->scratch ? rules->scratch(&w) : 0;
    if (bytes > 0) w.scratch = an_alloc_aligned(bytes);
    if (bytes > 0) memset(w.scratch, 0xFF, (size_t)bytes);
    if (how == REF) rules->ref(&w);
    else w.kernels = an_kernels_of((an_isa)how);
    for (int s = 0; how != REF && s < AN_MAX_STAGES && rules->stages[s].run; s++)
        for (int64_t u = rules->stages[s].units(&w); u > 0; u--) /* last first: any order will do */
            rules->stages[s].run(&w, u - 1, u);
    an_free_aligned(w.scratch);
}

#endif
