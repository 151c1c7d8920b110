/* cases_norm.c -- sweep cases of residuals, norms and the fused pairs. */
#include "tests/ops/sweep.h"

#include <math.h>

/* Makes sums exact in f32: the sum is rounded to the tensors' type before it is
 * normalised, in ref as well, and would differ between f32 and f64. */
static void exact_sum(an_tensor in[])
{
    for (int k = 0; k < 2; k++)
        for (int64_t i = 0; i < an_tensor_count(&in[k]); i++)
            an_tensor_set(&in[k], i, round(an_tensor_get(&in[k], i) * 4096) / 4096);
}

/* mean and rstd really of x; `mean` is NULL for rms_norm. */
static void measure(const an_tensor *x, an_tensor *mean, an_tensor *rstd)
{
    const int64_t rows = an_tensor_count(rstd);
    const int64_t width = rows > 0 ? an_tensor_count(x) / rows : 0;
    for (int64_t r = 0; r < rows; r++) {
        double sum = 0, squares = 0;
        for (int64_t i = 0; i < width && mean; i++) sum += an_tensor_get(x, r * width + i);
        const double mu = sum / (double)width;
        for (int64_t i = 0; i < width; i++) {
            const double d = an_tensor_get(x, r * width + i) - (mean ? mu : 0);
            squares += d * d;
        }
        if (mean) an_tensor_set(mean, r, mu);
        an_tensor_set(rstd, r, 1 / sqrt(squares / (double)width + 1e-3));
    }
}

static void layer_statistics(an_tensor in[])
{
    measure(&in[1], &in[3], &in[4]);
}

static void rms_statistics(an_tensor in[])
{
    measure(&in[1], NULL, &in[3]);
}

#define LAST {.axis = -1, .eps = 1e-3f}
#define FROM_1 {.axis = 1, .eps = 1e-3f}
#define ALL {.axis = 0, .eps = 1e-3f}
#define NEAR .ulps = 8, .absolute = 2e-6
#define SUMS .ulps = 8, .absolute = 2e-5 /* dgamma, dbeta: cancelling sums over rows */
/* What dx is does not depend on the mean it is told: rounding's share is found
 * again, and a wrong mean is nothing else. */
#define GRAD SUMS, .prepare = layer_statistics, .zero_grad = 1 << 3
#define RMS_GRAD SUMS, .prepare = rms_statistics

const an_case an_cases_norm[] = {
    {"residual_add", "rank 3", {"f32[B,T,D]", "f32[B,T,D]"}, .ulps = 1},
    {"residual_add", "scalar", {"f32[]", "f32[]"}, .ulps = 1},
    {"residual_add", "several units", {"f32[B,8200]", "f32[B,8200]"}, .ulps = 1},
    {"residual_add_scaled", "one scale", {"f32[B,T,D]", "f32[B,T,D]", "f32[]"}, .absolute = 1e-6},
    {"residual_add_scaled", "per feature", {"f32[B,T,D]", "f32[B,T,D]", "f32[D]"},
     .absolute = 1e-6},
    {"residual_add_scaled", "per row", {"f32[B,T,D]", "f32[B,T,D]", "f32[B,1,1]"},
     .absolute = 1e-6},
    {"residual_add_scaled", "several units", {"f32[B,8200]", "f32[B,8200]", "f32[8200]"},
     .absolute = 1e-6},
    {"layer_norm", "last axis", {"f32[B,T,D]", "f32[D]", "f32[D]"}, .attrs = LAST, NEAR},
    {"layer_norm", "bare", {"f32[B,D]"}, .attrs = LAST, NEAR},
    {"layer_norm", "gamma only", {"f32[B,D]", "f32[D]"}, .attrs = LAST, NEAR},
    {"layer_norm", "beta only", {"f32[B,D]", "-", "f32[D]"}, .attrs = LAST, NEAR},
    {"layer_norm", "two axes", {"f32[B,T,D]", "f32[T,D]", "f32[T,D]"}, .attrs = FROM_1, NEAR},
    {"layer_norm", "all axes", {"f32[T,D]", "f32[T,D]", "f32[T,D]"}, .attrs = ALL, NEAR},
    {"layer_norm", "wide", {"f32[B,83]", "f32[83]", "f32[83]"}, .attrs = LAST, NEAR},
    {"layer_norm", "many rows", {"f32[200,131]", "f32[131]", "f32[131]"}, .attrs = LAST, NEAR},
    {"rms_norm", "last axis", {"f32[B,T,D]", "f32[D]"}, .attrs = LAST, NEAR},
    {"rms_norm", "bare", {"f32[B,D]"}, .attrs = LAST, NEAR},
    {"rms_norm", "two axes", {"f32[B,T,D]", "f32[T,D]"}, .attrs = FROM_1, NEAR},
    {"rms_norm", "many rows", {"f32[200,131]", "f32[131]"}, .attrs = LAST, NEAR},
    {"layer_norm_grad", "last axis", {"f32[B,T,D]", "f32[B,T,D]", "f32[D]", "f32[B,T]", "f32[B,T]"},
     .attrs = LAST, GRAD},
    {"layer_norm_grad", "bare", {"f32[B,D]", "f32[B,D]", "-", "f32[B]", "f32[B]"}, .attrs = LAST,
     GRAD},
    {"layer_norm_grad", "two axes", {"f32[B,T,D]", "f32[B,T,D]", "f32[T,D]", "f32[B]", "f32[B]"},
     .attrs = FROM_1, GRAD},
    {"layer_norm_grad", "all axes", {"f32[T,D]", "f32[T,D]", "f32[T,D]", "f32[]", "f32[]"},
     .attrs = ALL, GRAD},
    {"layer_norm_grad", "many rows", {"f32[200,331]", "f32[200,331]", "f32[331]", "f32[200]",
     "f32[200]"}, .attrs = LAST, GRAD},
    {"rms_norm_grad", "last axis", {"f32[B,T,D]", "f32[B,T,D]", "f32[D]", "f32[B,T]"},
     .attrs = LAST, RMS_GRAD},
    {"rms_norm_grad", "bare", {"f32[B,D]", "f32[B,D]", "-", "f32[B]"}, .attrs = LAST, RMS_GRAD},
    {"rms_norm_grad", "many rows", {"f32[200,331]", "f32[200,331]", "f32[331]", "f32[200]"},
     .attrs = LAST, RMS_GRAD},
    {"add_norm", "last axis", {"f32[B,T,D]", "f32[B,T,D]", "f32[D]", "f32[D]"}, .attrs = LAST, NEAR,
     .prepare = exact_sum},
    {"add_norm", "bare", {"f32[B,D]", "f32[B,D]"}, .attrs = LAST, NEAR, .prepare = exact_sum},
    {"add_norm", "two axes", {"f32[B,T,D]", "f32[B,T,D]", "f32[T,D]", "f32[T,D]"},
     .attrs = FROM_1, NEAR, .prepare = exact_sum},
    {"add_norm", "many rows", {"f32[200,131]", "f32[200,131]", "f32[131]", "f32[131]"},
     .attrs = LAST, NEAR, .prepare = exact_sum},
    /* dsum is larger than dx: where they cancel, dx's own rounding would show. */
    {"add_norm_grad", "with dsum", {"f32[B,T,D]", "f32[B,T,D]", "f32[D]", "f32[B,T]", "f32[B,T]",
     "f32[B,T,D] 32..64"}, .attrs = LAST, GRAD},
    {"add_norm_grad", "without", {"f32[B,D]", "f32[B,D]", "f32[D]", "f32[B]", "f32[B]"},
     .attrs = LAST, GRAD},
    {"add_norm_grad", "no gamma", {"f32[B,D]", "f32[B,D]", "-", "f32[B]", "f32[B]",
     "f32[B,D] 32..64"}, .attrs = LAST, GRAD},
    {"add_norm_grad", "two axes", {"f32[B,T,D]", "f32[B,T,D]", "f32[T,D]", "f32[B]", "f32[B]",
     "f32[B,T,D] 32..64"}, .attrs = FROM_1, GRAD},
    {"add_norm_grad", "many rows", {"f32[200,331]", "f32[200,331]", "f32[331]", "f32[200]",
     "f32[200]", "f32[200,331] 32..64"}, .attrs = LAST, GRAD},
    {"add_rms_norm", "last axis", {"f32[B,T,D]", "f32[B,T,D]", "f32[D]"}, .attrs = LAST, NEAR,
     .prepare = exact_sum},
    {"add_rms_norm", "bare", {"f32[B,D]", "f32[B,D]"}, .attrs = LAST, NEAR, .prepare = exact_sum},
    {"add_rms_norm", "two axes", {"f32[B,T,D]", "f32[B,T,D]", "f32[T,D]"}, .attrs = FROM_1, NEAR,
     .prepare = exact_sum},
    {"add_rms_norm", "many rows", {"f32[200,131]", "f32[200,131]", "f32[131]"}, .attrs = LAST,
     NEAR, .prepare = exact_sum},
    {"add_rms_norm_grad", "with dsum", {"f32[B,T,D]", "f32[B,T,D]", "f32[D]", "f32[B,T]",
     "f32[B,T,D] 32..64"}, .attrs = LAST, RMS_GRAD},
    {"add_rms_norm_grad", "without", {"f32[B,D]", "f32[B,D]", "f32[D]", "f32[B]"}, .attrs = LAST,
     RMS_GRAD},
    {"add_rms_norm_grad", "no gamma", {"f32[B,D]", "f32[B,D]", "-", "f32[B]", "f32[B,D] 32..64"},
     .attrs = LAST, RMS_GRAD},
    {"add_rms_norm_grad", "two axes", {"f32[B,T,D]", "f32[B,T,D]", "f32[T,D]", "f32[B]",
     "f32[B,T,D] 32..64"}, .attrs = FROM_1, RMS_GRAD},
    {"add_rms_norm_grad", "many rows", {"f32[200,331]", "f32[200,331]", "f32[331]", "f32[200]",
     "f32[200,331] 32..64"}, .attrs = LAST, RMS_GRAD},
    {0}};
