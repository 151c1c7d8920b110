/* norm_double.c -- one row of a norm in double, there and back.
 *
 * For rows that f32 sums cannot measure: no square of an f32 overflows or vanishes in
 * double, and no sum of them cancels to nothing. Who comes here is decided by the row's
 * statistics (norm_row.h), the same fused and unfused; compiled once, for whatever
 * machine, so that instruction sets need not agree about it.
 *
 * A saved rstd may be infinite (deviations below 2.9e-39) or have lost digits (above
 * 8.5e37) although the row is sound: then it is taken from the row again.             */
#include "ops/kernels/norm.h"

#include <float.h>
#include <math.h>
#include <stddef.h>

typedef struct row_stats {
    double mean, shift, rstd;
} row_stats;

/* s, rounded as where it is a tensor. */
static double element(const float *x, const float *skip, int64_t i)
{
    return (double)(skip ? x[i] + skip[i] : x[i]);
}

static double sum_of(const float *x, const float *skip, int64_t width)
{
    double sum = 0;
    for (int64_t i = 0; i < width; i++) sum += element(x, skip, i);
    return sum;
}

/* About `mean`, which need not be the row's. A constant row's variance may come out below 0, by
 * rounding; that of a NaN stays NaN. */
static row_stats measure(const float *x, const float *skip, int64_t width, double mean, float eps,
                         bool rms)
{
    row_stats r = {.mean = mean};
    double rest = 0, squares = 0;
    for (int64_t i = 0; i < width; i++) {
        const double d = element(x, skip, i) - mean;
        rest += d;
        squares += d * d;
    }
    if (!rms) {
        r.shift = rest / (double)width;
        squares -= rest * r.shift;
    }
    r.rstd = 1 / sqrt((squares < 0 ? 0 : squares / (double)width) + (double)eps);
    return r;
}

void an_norm_row_double(const an_norm_rows *r, int64_t row)
{
    const int64_t at = row * r->width;
    const float *x = r->x + at, *skip = r->skip ? r->skip + at : NULL;
    const double mean = r->rms ? 0 : sum_of(x, skip, r->width) / (double)r->width;
    const row_stats t = measure(x, skip, r->width, mean, r->eps, r->rms);
    if (r->mean) r->mean[row] = (float)t.mean;
    if (r->rstd) r->rstd[row] = (float)t.rstd;
    for (int64_t i = 0; r->y && i < r->width; i++) {
        const double s = element(x, skip, i), hat = ((s - t.mean) - t.shift) * t.rstd;
        if (r->skip && r->sum) r->sum[at + i] = (float)s;
        r->y[at + i] = (float)(hat * (r->gamma ? (double)r->gamma[i] : 1.0) +
                               (r->beta ? (double)r->beta[i] : -0.0));
    }
}

/* ---- backward ------------------------------------------------------------- */

static row_stats recall(const an_norm_grad_rows *r, int64_t row)
{
    const float rstd = r->rstd[row];
    const double mean = r->rms ? 0 : (double)r->mean[row];
    row_stats t = measure(r->x + row * r->width, NULL, r->width, mean, r->eps, r->rms);
    const bool lost = rstd > FLT_MAX || (rstd > 0 && rstd < FLT_MIN);
    if (!lost) t.rstd = (double)rstd;
    return t;
}

void an_norm_grad_row_double(const an_norm_grad_rows *r, int64_t row, bool partial)
{
    const row_stats t = recall(r, row);
    const float *x = r->x + row * r->width, *dy = r->dy + row * r->width;
    const float *dsum = r->dsum ? r->dsum + row * r->width : NULL;
    double mean_w = 0, mean_wx = 0;
    for (int64_t i = 0; i < r->width; i++) {
        const double hat = (((double)x[i] - t.mean) - t.shift) * t.rstd, g = (double)dy[i];
        const double w = g * (r->gamma ? (double)r->gamma[i] : 1.0);
        mean_w += w;
        mean_wx += w * hat;
        if (!partial) continue;
        float *dgamma = r->partial + i, *dbeta = dgamma + r->width;
        *dgamma = (float)((double)*dgamma + g * hat);
        if (!r->rms) *dbeta += dy[i];
    }
    mean_w = r->rms ? 0 : mean_w / (double)r->width;
    mean_wx /= (double)r->width;
    for (int64_t i = 0; r->dx && i < r->width; i++) {
        const double hat = (((double)x[i] - t.mean) - t.shift) * t.rstd;
        const double w = (double)dy[i] * (r->gamma ? (double)r->gamma[i] : 1.0);
        const float dx = (float)(((w - mean_w) - hat * mean_wx) * t.rstd);
        r->dx[row * r->width + i] = dsum ? dsum[i] + dx : dx;
    }
}
