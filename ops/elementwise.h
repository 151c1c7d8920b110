/* elementwise.h -- what the element-by-element families share.
 *
 * An op whose elements are a formula (an_formula in its record) needs no functions of its own to
 * run, to be held against its plain formula, or to be differentiated: those here go by the record.
 * Work is cut into blocks of AN_BLOCK elements of the result, so that a small op is one unit. Loops
 * get one run at a time, in which an operand either moves with the result or stays where it is. */
#ifndef AN_OPS_ELEMENTWISE_H
#define AN_OPS_ELEMENTWISE_H

#include "ops/kernels/kernels.h"
#include "ops/op.h"

#define AN_BLOCK 8192

/* y[i] = f(x[i]; p, q). y may be x. */
typedef void (*an_unary_kernel)(const float *x, float *y, int64_t count, float p, float q);
/* y[i] = f(a[i * step_a], b[i * step_b]), steps 0 or 1. y may be a or b. */
typedef void (*an_binary_kernel)(const float *a, int64_t step_a, const float *b, int64_t step_b,
                                 float *y, int64_t count);

int64_t an_block_units(const an_work *w); /* blocks of output 0 */
/* The elements of blocks [begin, end): the first, and how many. */
int64_t an_block_range(const an_work *w, int64_t begin, int64_t end, int64_t *first);

/* Of formulas of one operand: stage, reference and gradient; and of two. */
void an_unary_run(const an_work *w, int64_t begin, int64_t end);
void an_unary_ref(const an_work *w);
void an_unary_grad(const an_call *c, const an_value dy[], an_value dx[]);
void an_binary_run(const an_work *w, int64_t begin, int64_t end);
void an_binary_ref(const an_work *w);
/* The same by a loop, and by functions, that the record does not name. */
void an_unary_run_by(const an_work *w, int64_t begin, int64_t end, an_unary_kernel kernel);
void an_unary_ref_by(const an_work *w, double (*real)(double));
void an_binary_run_by(const an_work *w, int64_t begin, int64_t end, an_binary_kernel kernel);
void an_binary_ref_by(const an_work *w, double (*real)(double, double));

#define AN_UNARY_RULES                                                                             \
    .grad = an_unary_grad, .stages = {{an_block_units, an_unary_run}}, .ref = an_unary_ref,        \
    .share = {1u}
#define AN_BINARY_RULES                                                                            \
    .stages = {{an_block_units, an_binary_run}}, .ref = an_binary_ref, .share = {1u | 2u}

/* The builder and the record of a formula of one operand without attributes. */
#define AN_UNARY_OP(op, operands, real_rule, whole_rule, slope_rule)                               \
    an_value an_##op##_at(an_at at, an_value x)                                                    \
    {                                                                                              \
        return an_emit(at, AN_OP_##op, &x, 1, NULL);                                               \
    }                                                                                              \
    const an_op_rules an_rules_##op = {                                                            \
        .operands = 1u, AN_UNARY_RULES,                                                            \
        .formula = {AN_LOOP(op), .real = real_rule, .whole = whole_rule, .slope = slope_rule},     \
    };

double an_real_sigmoid(double x);
/* dy times the slope, and dy over it, for slopes that may be infinite or NaN (chain.c). */
an_value an_chain_times(an_value dy, an_value slope);
an_value an_chain_over(an_value dy, an_value slope);
/* A slope of 0 everywhere: no gradient comes back, which counts as zeros. */
an_value an_flat(const an_call *c, an_value dy);
/* dy where the condition holds, else 0. */
an_value an_gate(an_value condition, an_value dy);

#endif
