/* elementwise.h -- what the element-by-element families share.
 *
 * Work is cut into blocks of AN_BLOCK elements of the result, so that a small op
 * is one unit. Kernels get one run at a time, in which an operand either moves
 * with the result or stays where it is.                                        */
#ifndef AN_OPS_ELEMENTWISE_H
#define AN_OPS_ELEMENTWISE_H

#include "ops/op.h"

#define AN_BLOCK 8192

/* y[i] = f(x[i]). y may be x. */
typedef void (*an_unary_kernel)(const float *x, float *y, int64_t count);
/* y[i] = f(a[i * step_a], b[i * step_b]), steps 0 or 1. y may be a or b. */
typedef void (*an_binary_kernel)(const float *a, int64_t step_a, const float *b, int64_t step_b,
                                 float *y, int64_t count);

int64_t an_block_units(const an_work *w); /* blocks of output 0 */
/* The elements of blocks [begin, end): the first, and how many. */
int64_t an_block_range(const an_work *w, int64_t begin, int64_t end, int64_t *first);

/* Stages: blocks [begin, end) of output 0, in f32. */
void an_unary_run(const an_work *w, int64_t begin, int64_t end, an_unary_kernel kernel);
void an_binary_run(const an_work *w, int64_t begin, int64_t end, an_binary_kernel kernel);

/* References: floats by `real`, integers by `whole` (NULL where infer wants floats). */
void an_unary_ref(const an_work *w, double (*real)(double), int64_t (*whole)(int64_t));
void an_binary_ref(const an_work *w, double (*real)(double, double),
                   int64_t (*whole)(int64_t, int64_t));
double an_real_sigmoid(double x);

/* Result like the operand: a float, or any number. */
an_status an_unary_infer(const an_infer *q, an_type out[]);
an_status an_number_infer(const an_infer *q, an_type out[]);

#endif
