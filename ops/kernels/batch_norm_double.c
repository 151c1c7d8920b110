/* batch_norm_double.c -- a channel of images in double, for what f32 sums cannot measure.
 *
 * As norm_double.c, but that a channel's elements lie apart. Compiled once. */
#include "ops/kernels/batch_norm.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct stats {
    double mean, shift, variance, rstd;
} stats;

static int64_t count_of(const an_batch_norm *b)
{
    return b->images * b->size;
}

static int64_t place(const an_batch_norm *b, int64_t channel, int64_t i)
{
    return (i / b->size * b->channels + channel) * b->size + i % b->size;
}

/* About `mean`, which may be rounded. */
static stats measure(const an_batch_norm *b, int64_t channel, double mean)
{
    const double count = (double)count_of(b);
    double rest = 0, squares = 0;
    for (int64_t i = 0; i < count_of(b); i++) {
        const double d = (double)b->x[place(b, channel, i)] - mean;
        rest += d;
        squares += d * d;
    }
    stats s = {.mean = mean, .shift = rest / count};
    squares -= rest * s.shift;
    s.variance = squares < 0 ? 0 : squares / count;
    s.rstd = 1 / sqrt(s.variance + (double)b->eps);
    return s;
}

static double gamma_of(const an_batch_norm *b, int64_t channel)
{
    return b->gamma ? (double)b->gamma[channel] : 1.0;
}

void an_batch_norm_double(const an_batch_norm *b, int64_t channel)
{
    double sum = 0;
    for (int64_t i = 0; i < count_of(b); i++) sum += (double)b->x[place(b, channel, i)];
    const stats s = measure(b, channel, sum / (double)count_of(b));
    const double beta = b->beta ? (double)b->beta[channel] : -0.0;
    if (b->mean) b->mean[channel] = (float)s.mean;
    if (b->rstd) b->rstd[channel] = (float)s.rstd;
    if (b->variance) b->variance[channel] = (float)s.variance;
    for (int64_t i = 0; b->y && i < count_of(b); i++) {
        const int64_t at = place(b, channel, i);
        const double hat = (((double)b->x[at] - s.mean) - s.shift) * s.rstd;
        b->y[at] = (float)(hat * gamma_of(b, channel) + beta);
    }
}

void an_batch_norm_grad_double(const an_batch_norm *b, int64_t channel)
{
    const float rstd = b->of_rstd[channel];
    const bool lost = rstd > FLT_MAX || (rstd > 0 && rstd < FLT_MIN);
    stats s = measure(b, channel, (double)b->of_mean[channel]);
    if (!lost) s.rstd = (double)rstd; /* or it has no digits left, and is taken from x again */
    const double count = (double)count_of(b);
    double sum = 0, product = 0;
    for (int64_t i = 0; i < count_of(b); i++) {
        const int64_t at = place(b, channel, i);
        sum += (double)b->dy[at];
        product += (double)b->dy[at] * ((((double)b->x[at] - s.mean) - s.shift) * s.rstd);
    }
    if (b->dgamma) b->dgamma[channel] = (float)product;
    if (b->dbeta) b->dbeta[channel] = (float)sum;
    for (int64_t i = 0; b->dx && i < count_of(b); i++) {
        const int64_t at = place(b, channel, i);
        const double hat = (((double)b->x[at] - s.mean) - s.shift) * s.rstd;
        b->dx[at] = (float)(((double)b->dy[at] - sum / count - hat * (product / count)) *
                            s.rstd * gamma_of(b, channel));
    }
}
