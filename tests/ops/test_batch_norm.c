/* test_batch_norm.c -- channels of any magnitude, length and distance from zero have their right
 * norm and gradient, as formulas in long double say. */
#include "core/memory.h"
#include "core/runtime.h"
#include "ops/kernels/kernels.h"
#include "tests/support.h"

#include <math.h>

typedef struct trouble {
    const char *name;
    int64_t images, size;
    float (*value)(int64_t i);
    float eps;
} trouble;

static float usual(int64_t i) { return (float)(i * 7919 % 1000) / 500 - 1; }
static float two_values(int64_t i) { return i % 2 ? 1.37f : -1.37f; }
static float far(int64_t i) { return 1e6f + 1.1f * (float)(i * 7919 % 13); }
static float large(int64_t i) { return (float)(i % 5 - 2) * 1.1e30f; }
static float largest(int64_t i) { return i % 3 ? 3e38f : -3e38f; }
static float small(int64_t i) { return (float)(i % 5 - 2) * 1.1e-23f; }
static float least(int64_t i) { return (float)(i % 5 - 2) * 1e-39f; }
static float constant(int64_t i) { return (float)i * 0 + 7654321.5f; }

static const trouble troubles[] = {
    {"usual", 9, 49, usual, 1e-5f},         {"rows", 300, 1, usual, 1e-5f},
    {"long", 3, 5000, usual, 1e-5f},        {"+-1.37", 300, 1000, two_values, 1e-5f},
    {"far from zero", 40, 64, far, 1e-5f},  {"far, rows", 999, 1, far, 1e-5f},
    {"1e30", 40, 16, large, 1e-5f},         {"3e38", 20, 70, largest, 1e-5f},
    {"1e-23", 7, 100, small, 0},            {"1e-39", 7, 10, least, 0},
    {"constant", 10, 100, constant, 1e-5f},
};

#define CHANNELS 3

static int64_t place(const trouble *t, int64_t channel, int64_t i)
{
    return (i / t->size * CHANNELS + channel) * t->size + i % t->size;
}

typedef struct truth {
    long double mean, variance, rstd, dy, product;
} truth;

static float given(int64_t i) { return (float)(i * 31 % 17) / 8 - 1; } /* dy */

static truth measure(const trouble *t, const float *x, int64_t channel)
{
    const int64_t n = t->images * t->size;
    truth r = {0};
    for (int64_t i = 0; i < n; i++) r.mean += (long double)x[place(t, channel, i)];
    r.mean /= (long double)n;
    for (int64_t i = 0; i < n; i++) {
        const long double d = (long double)x[place(t, channel, i)] - r.mean;
        r.variance += d * d / (long double)n;
    }
    r.rstd = 1 / sqrtl(r.variance + (long double)t->eps);
    for (int64_t i = 0; i < n; i++) {
        const int64_t at = place(t, channel, i);
        r.dy += (long double)given(at);
        r.product += (long double)given(at) * ((long double)x[at] - r.mean) * r.rstd;
    }
    return r;
}

static void want(const trouble *t, const char *what, double is, long double must,
                 long double allowed)
{
    const long double off = fabsl((long double)is - must);
    ck_assert_msg(off <= allowed, "%s: %s is %.9g, must be %.9Lg", t->name, what, is, must);
}

static void check_channel(const trouble *t, const an_batch_norm *b, int64_t channel)
{
    const long double unit = 0x1p-24L, n = (long double)(t->images * t->size);
    const long double gamma = (long double)b->gamma[channel], beta = (long double)b->beta[channel];
    const truth r = measure(t, b->x, channel);
    want(t, "the mean", (double)b->mean[channel], r.mean, 2 * unit * fabsl(r.mean) + unit / r.rstd);
    if (r.variance < 0x1p120L && r.variance > 0x1p-120L)
        want(t, "the variance", (double)b->variance[channel], r.variance, 8 * unit * r.variance);
    for (int64_t i = 0; i < t->images * t->size; i++) {
        const int64_t at = place(t, channel, i);
        const long double hat = ((long double)b->x[at] - r.mean) * r.rstd;
        want(t, "y", (double)b->y[at], hat * gamma + beta,
             5 * unit * (fabsl(hat * gamma) + fabsl(beta) + fabsl(gamma)));
        const long double scale = gamma * r.rstd, dy = (long double)given(at);
        const long double dx = (dy - r.dy / n - hat * r.product / n) * scale;
        const long double size = fabsl(scale) * (2 + fabsl(hat) * 2);
        if (size > 0x1p-100L && size < 0x1p100L) want(t, "dx", (double)b->dx[at], dx,
                                                      16 * unit * size);
    }
}

START_TEST(test_hard_channels)
{
    const an_kernels *k = an_kernels_of(an_runtime_isa());
    for (size_t i = 0; i < sizeof troubles / sizeof *troubles; i++) {
        const trouble *t = &troubles[i];
        const int64_t count = t->images * CHANNELS * t->size;
        float *at[4], gamma[CHANNELS] = {1, 0.5f, -3}, beta[CHANNELS] = {0, 2, -1};
        float mean[CHANNELS], rstd[CHANNELS], variance[CHANNELS], sums[2][CHANNELS];
        for (int j = 0; j < 4; j++) ck_assert_ptr_nonnull(at[j] = malloc((size_t)count * 4));
        for (int64_t e = 0; e < count; e++) at[0][e] = t->value(e), at[1][e] = given(e);
        const an_batch_norm b = {.images = t->images, .channels = CHANNELS, .size = t->size,
                                 .x = at[0], .dy = at[1], .gamma = gamma, .beta = beta, .y = at[2],
                                 .mean = mean, .rstd = rstd, .variance = variance, .of_mean = mean,
                                 .of_rstd = rstd, .dx = at[3], .dgamma = sums[0], .dbeta = sums[1],
                                 .eps = t->eps};
        for (int64_t c = 0; c < CHANNELS; c++) {
            k->batch_norm(&b, c);
            k->batch_norm_grad(&b, c);
            check_channel(t, &b, c);
        }
        for (int j = 0; j < 4; j++) free(at[j]);
    }
}
END_TEST

AN_TEST_MAIN("batch_norm", test_hard_channels)
