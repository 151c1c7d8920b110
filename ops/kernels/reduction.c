/* reduction.c -- folding rows and columns of floats.
 *
 * A row is folded by 64 chains (four vectors), a block of BLOCK elements at a
 * time; blocks of a sum are put together in double. Columns are folded in
 * registers, CHAIN rows at a time. Both keep each chain of additions short,
 * whatever the length, and the same on every instruction set.                 */
#include "core/simd.h"
#include "ops/kernels/kernels.h"

#define BLOCK 1024
#define CHAIN 16

/* Defines a fold by its step on vectors, by that on all lanes of one, and by
 * what it starts from. */
#define FOLD(name, step, lanes, start)                                                             \
    AN_INLINE float name##_block(const float *x, int64_t count)                                    \
    {                                                                                              \
        const an_v s = an_v_set(start);                                                            \
        an_v a = s, b = s, c = s, d = s;                                                           \
        int64_t i = 0;                                                                             \
        for (; i + 4 * AN_LANES <= count; i += 4 * AN_LANES) {                                     \
            a = step(a, an_v_load(x + i));                                                         \
            b = step(b, an_v_load(x + i + AN_LANES));                                              \
            c = step(c, an_v_load(x + i + 2 * AN_LANES));                                          \
            d = step(d, an_v_load(x + i + 3 * AN_LANES));                                          \
        }                                                                                          \
        for (; i + AN_LANES <= count; i += AN_LANES) a = step(a, an_v_load(x + i));                \
        if (i < count) b = step(b, an_v_load_n(x + i, count - i, start));                          \
        return lanes(step(step(a, b), step(c, d)));                                                \
    }                                                                                              \
    /* y[j] = fold of y[j] and x[i * stride + j] over `rows` rows i, for up to 64 columns. */      \
    AN_INLINE void name##_strip(const float *x, int64_t rows, int64_t stride, float *y, int width) \
    {                                                                                              \
        const int full = width / AN_LANES, rest = width % AN_LANES;                                \
        an_v total[4], sum[4];                                                                     \
        for (int k = 0; k < full; k++) total[k] = an_v_load(y + k * AN_LANES);                     \
        if (rest) total[full] = an_v_load_n(y + full * AN_LANES, rest, start);                     \
        for (int64_t i = 0; i < rows;) {                                                           \
            const int64_t end = rows - i < CHAIN ? rows : i + CHAIN;                               \
            for (int k = 0; k < full + (rest > 0); k++) sum[k] = an_v_set(start);                  \
            for (; i < end; i++) {                                                                 \
                const float *row = x + i * stride;                                                 \
                for (int k = 0; k < full; k++)                                                     \
                    sum[k] = step(sum[k], an_v_load(row + k * AN_LANES));                          \
                if (rest)                                                                          \
                    sum[full] = step(sum[full], an_v_load_n(row + full * AN_LANES, rest, start));  \
            }                                                                                      \
            for (int k = 0; k < full + (rest > 0); k++) total[k] = step(total[k], sum[k]);         \
        }                                                                                          \
        for (int k = 0; k < full; k++) an_v_store(y + k * AN_LANES, total[k]);                     \
        if (rest) an_v_store_n(y + full * AN_LANES, rest, total[full]);                            \
    }                                                                                              \
    void AN_ISA(name##_columns)(const float *x, int64_t rows, int64_t stride, float *y,            \
                                int64_t width)                                                     \
    {                                                                                              \
        int64_t j = 0;                                                                             \
        for (; j + 4 * AN_LANES <= width; j += 4 * AN_LANES)                                       \
            name##_strip(x + j, rows, stride, y + j, 4 * AN_LANES);                                \
        if (j < width) name##_strip(x + j, rows, stride, y + j, (int)(width - j));                 \
    }

AN_INLINE an_v add(an_v a, an_v b)
{
    return a + b;
}

AN_INLINE float min_all(an_v v)
{
    return -an_v_max_all(-v); /* negation is exact, and keeps NaN a NaN */
}

FOLD(sum, add, an_v_sum, 0.0f)
FOLD(max, an_v_max, an_v_max_all, -INFINITY)
FOLD(min, an_v_min, min_all, INFINITY)

double AN_ISA(sum_row)(const float *x, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i += BLOCK)
        sum += (double)sum_block(x + i, count - i < BLOCK ? count - i : BLOCK);
    return sum;
}

double AN_ISA(max_row)(const float *x, int64_t count)
{
    return (double)max_block(x, count);
}

double AN_ISA(min_row)(const float *x, int64_t count)
{
    return (double)min_block(x, count);
}
