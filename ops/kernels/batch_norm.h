/* batch_norm.h -- one channel of images, normalised over all images: there and back.
 *
 * A channel is `images` runs of `size` elements, `channels * size` apart. batch_norm.c adds up
 * in blocks of f32 that go on in double; what f32 cannot measure goes to batch_norm_double.c. */
#ifndef AN_OPS_KERNELS_BATCH_NORM_H
#define AN_OPS_KERNELS_BATCH_NORM_H

#include <stdint.h>

/* Pointers to tensors; NULL: absent, or not wanted. x, dy, y and dx are whole images, the others
 * have a number a channel. */
typedef struct an_batch_norm {
    int64_t images, channels, size;
    const float *x, *dy, *gamma, *beta;
    float *y, *mean, *rstd, *variance;  /* forward */
    const float *of_mean, *of_rstd;     /* backward: what forward gave */
    float *dx, *dgamma, *dbeta;
    float eps;
} an_batch_norm;

void an_batch_norm_double(const an_batch_norm *b, int64_t channel);
void an_batch_norm_grad_double(const an_batch_norm *b, int64_t channel);

#endif
