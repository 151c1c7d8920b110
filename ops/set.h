/* set.h -- what graphs ask of a set of definitions (set.c). */
#ifndef AN_OPS_SET_H
#define AN_OPS_SET_H

#include "ops/op.h"

an_ops *an_ops_hold(an_ops *set); /* once more; an_ops_free lets go */
/* "opaque NAME {alpha:f64}", a line each. */
void an_ops_print_opaque(const an_ops *set, an_text *out);
const an_op_info *an_ops_find(const an_ops *set, const char *name); /* NULL if it is not there */

#endif
