/* pending.c -- rows of the table whose family has not landed yet; shrinks to nothing. */
#include "ops/op.h"

const an_op_rules an_rules_relu = {0};
const an_op_rules an_rules_gelu = {0};
const an_op_rules an_rules_gelu_grad = {0};
const an_op_rules an_rules_silu = {0};
const an_op_rules an_rules_argmax = {0};
const an_op_rules an_rules_slice = {0};
const an_op_rules an_rules_concat = {0};
const an_op_rules an_rules_pad = {0};
const an_op_rules an_rules_gather = {0};
const an_op_rules an_rules_scatter_add = {0};
const an_op_rules an_rules_one_hot = {0};
const an_op_rules an_rules_embedding = {0};
const an_op_rules an_rules_softmax_cross_entropy = {0};
const an_op_rules an_rules_softmax_cross_entropy_grad = {0};
