/* norm.h -- what the norm kernels are handed: rows of a tensor, operand by operand.
 *
 * An absent operand or an unwanted result is NULL. `stream` asks for stores past
 * the caches; it needs rows that start on 64-byte boundaries.                 */
#ifndef AN_OPS_KERNELS_NORM_H
#define AN_OPS_KERNELS_NORM_H

#include <stdbool.h>
#include <stdint.h>

/* s = x + skip (x if there is no skip), normalised: y, and on request s itself. */
typedef struct an_norm_rows {
    const float *x, *skip;     /* rows * width */
    const float *gamma, *beta; /* width */
    float *y, *sum;            /* rows * width; may be x or skip */
    float *mean, *rstd;        /* rows */
    int64_t width;
    float eps;
    bool rms; /* do not centre: mean is 0 and not written */
    bool stream;
} an_norm_rows;

/* The way back: dx, and this block's part of dgamma and dbeta. */
typedef struct an_norm_grad_rows {
    const float *dy, *x;       /* rows * width; x is what was normalised */
    const float *gamma;        /* width */
    const float *mean, *rstd;  /* rows; mean is not read if rms */
    const float *dsum;         /* rows * width: added to dx */
    float *dx;                 /* rows * width; may be dy, x or dsum */
    float *partial;            /* width for dgamma, then width for dbeta, which if rms is 0 */
    int64_t width;
    float eps; /* of the norm: for an rstd that f32 does not hold */
    bool rms;
    bool stream;
} an_norm_grad_rows;

/* Row `row` in double, slowly: where f32 sums overflow, vanish or cancel. The way back adds to
 * `partial` only if asked. */
void an_norm_row_double(const an_norm_rows *r, int64_t row);
void an_norm_grad_row_double(const an_norm_grad_rows *r, int64_t row, bool partial);

#endif
