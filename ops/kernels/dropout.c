/* dropout.c -- applying a dropout mask to sixteen elements at a time. */
#include "core/simd.h"
#include "ops/kernels/kernels.h"

/* y = x * scale where the draw is at least the threshold, else 0. y may be x. */
void AN_ISA(dropout)(int64_t n, const float *x, const uint32_t *draw, uint32_t threshold,
                     float scale, float *y)
{
    const an_v zero = an_v_set(0), factor = an_v_set(scale);
    const an_vu least = (an_vu)an_vi_set((int32_t)threshold);
    int64_t i = 0;
    for (; i + AN_LANES <= n; i += AN_LANES) {
        an_vu d;
        memcpy(&d, draw + i, sizeof d);
        an_v_store(y + i, an_v_select(d >= least, an_v_load(x + i) * factor, zero));
    }
    for (; i < n; i++) y[i] = draw[i] >= threshold ? x[i] * scale : 0;
}
