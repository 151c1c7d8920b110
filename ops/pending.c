/* pending.c -- rows of the table whose family has not landed yet; shrinks to nothing. */
#include "ops/op.h"

const an_op_rules an_rules_softmax_cross_entropy = {0};
const an_op_rules an_rules_softmax_cross_entropy_grad = {0};
