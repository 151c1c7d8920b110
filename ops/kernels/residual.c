/* residual.c -- the residual sum, plain and scaled.
 *
 * Bound by memory, so the one thing to gain is not to read what will be written:
 * large results are streamed past the cache.                                   */
#include "ops/kernels/kernels.h"
#include "core/simd.h"

AN_INLINE an_v sum_of(const float *x, const float *skip, int64_t i)
{
    return an_v_load(x + i) + an_v_load(skip + i);
}

/* y[i] = x[i] + skip[i] for begin <= i < end; y may be x or skip. `stream` needs y
 * and begin on a 64-byte boundary. */
void AN_ISA(residual_add)(const float *x, const float *skip, float *y, int64_t begin, int64_t end,
                          bool stream)
{
    int64_t i = begin;
    if (stream) {
        for (; i + AN_LANES <= end; i += AN_LANES) an_v_stream(y + i, sum_of(x, skip, i));
        an_v_fence();
    } else {
        for (; i + AN_LANES <= end; i += AN_LANES) an_v_store(y + i, sum_of(x, skip, i));
    }
    for (; i < end; i++) y[i] = x[i] + skip[i];
}

/* y[i] = x[i] + skip[i] * scale[i * step] for i < n, step 0 or 1. The product is
 * rounded first, as in mul and add. */
void AN_ISA(residual_scaled)(const float *x, const float *skip, const float *scale, int64_t step,
                             float *y, int64_t n)
{
    const an_v one = an_v_set(n > 0 ? scale[0] : 0.0f);
    int64_t i = 0;
    for (; i + AN_LANES <= n; i += AN_LANES) {
        const an_v s = step ? an_v_load(scale + i) : one;
        an_v_store(y + i, an_v_load(x + i) + an_v_load(skip + i) * s);
    }
    for (; i < n; i++) y[i] = x[i] + skip[i] * scale[i * step];
}
