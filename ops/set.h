/* set.h -- what graphs ask of a set of definitions (set.c). */
#ifndef AN_OPS_SET_H
#define AN_OPS_SET_H

#include "ops/op.h"

an_ops *an_ops_hold(an_ops *set); /* once more; an_ops_free lets go */
const an_op_info *an_ops_find(const an_ops *set, const char *name); /* NULL if it is not there */
const an_op_info *an_ops_at(const an_ops *set, int64_t i); /* NULL past the end */

#endif
