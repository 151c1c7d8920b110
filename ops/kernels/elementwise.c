/* elementwise.c -- arithmetic, functions and masks of floats, sixteen at a time. */
#include "ops/kernels/curves.h"
#include "ops/kernels/loops.h"
#include "ops/ops.h"

void AN_ISA(copy)(const float *x, float *y, int64_t count)
{
    if (x != y && count > 0) memcpy(y, x, (size_t)count * sizeof *y);
}

#define AN_UNARY(name, formula) UNARY(name, formula)
#define AN_BINARY(name, formula) BINARY(name, formula)
#include "ops/kernels/formulas.def"
#undef AN_UNARY
#undef AN_BINARY

/* The C library's own, element by element: the same bits whatever this is compiled for. */
void AN_ISA(sin)(const float *x, float *y, int64_t count, float p, float q)
{
    (void)p, (void)q;
    for (int64_t i = 0; i < count; i++) y[i] = sinf(x[i]);
}

void AN_ISA(cos)(const float *x, float *y, int64_t count, float p, float q)
{
    (void)p, (void)q;
    for (int64_t i = 0; i < count; i++) y[i] = cosf(x[i]);
}

/* exp(b * log a) would lose a digit per factor ten of b * log a. */
void AN_ISA(power)(const float *a, int64_t step_a, const float *b, int64_t step_b, float *y,
                   int64_t count)
{
    for (int64_t i = 0; i < count; i++) y[i] = powf(a[i * step_a], b[i * step_b]);
}

/* ---- masks ------------------------------------------------------------- */

/* Plain loops: here the compiler packs lanes into bytes well. */
#define COMPARE_STEPS(test)                                                                        \
    do {                                                                                           \
        if (step_a == 1 && step_b == 1) {                                                          \
            for (int64_t i = 0; i < count; i++) y[i] = a[i] test b[i];                             \
        } else if (step_a == 1) {                                                                  \
            const float fixed = *b;                                                                \
            for (int64_t i = 0; i < count; i++) y[i] = a[i] test fixed;                            \
        } else {                                                                                   \
            const float fixed = *a;                                                                \
            for (int64_t i = 0; i < count; i++) y[i] = fixed test b[i * step_b];                   \
        }                                                                                          \
    } while (0)

void AN_ISA(compare)(int test, const float *restrict a, int64_t step_a, const float *restrict b,
                     int64_t step_b, uint8_t *restrict y, int64_t count)
{
    if (count <= 0) return;
    if (test == AN_EQ) COMPARE_STEPS(==);
    else if (test == AN_NE) COMPARE_STEPS(!=);
    else if (test == AN_LT) COMPARE_STEPS(<);
    else COMPARE_STEPS(<=);
}

typedef uint8_t mask_bytes __attribute__((vector_size(AN_LANES)));

/* Bytes of a mask as lanes: -1 where set. */
AN_INLINE an_vi mask_load(const uint8_t *p, int64_t step, int64_t n)
{
    mask_bytes bytes;
    if (step && n >= AN_LANES) {
        memcpy(&bytes, p, sizeof bytes);
    } else {
        for (int i = 0; i < AN_LANES; i++) bytes[i] = i < n ? p[i * step] : 0;
    }
#if defined(AN_SIMD_HALVES) /* gcc would take them apart one by one */
    const __m128i low = (__m128i)bytes, high = _mm_unpackhi_epi64(low, low);
    const __m256i zero = _mm256_setzero_si256();
    return (an_v_halves){.hi = {_mm256_cmpgt_epi32(_mm256_cvtepu8_epi32(low), zero),
                                _mm256_cmpgt_epi32(_mm256_cvtepu8_epi32(high), zero)}}.vi;
#else
    return __builtin_convertvector(bytes, an_vi) != an_vi_set(0);
#endif
}

/* Elements from i on, `left` of them, a constant where all lanes are there. */
AN_INLINE void choose_part(const an_choice *x, an_v a0, an_v b0, float *y, int64_t i, int64_t left)
{
    const int64_t step = x->step_condition;
    const an_vi mask = mask_load(x->condition + i * step, step, left);
    const an_v a = x->step_a ? an_v_load_part(x->a + i, left, 0.0f) : a0;
    const an_v b = x->step_b ? an_v_load_part(x->b + i, left, 0.0f) : b0;
    an_v_store_part(y + i, left, an_v_select(mask, a, b));
}

void AN_ISA(choose)(const an_choice *x, float *y, int64_t count)
{
    const an_v a0 = an_v_set(*x->a), b0 = an_v_set(*x->b);
    int64_t i = 0;
    for (; i + AN_LANES <= count; i += AN_LANES) choose_part(x, a0, b0, y, i, AN_LANES);
    if (i < count) choose_part(x, a0, b0, y, i, count - i);
}
