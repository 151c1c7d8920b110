/* simd.h -- sixteen floats at a time, with the same bits on every CPU.
 *
 * A vector is always 16 lanes, whatever the machine has: AVX-512 does one
 * instruction, AVX2 two, the plain build what the compiler makes of it. Since
 * lane count, reduction tree and every rounding are fixed here, kernels written
 * with it give equal bits on all of them. Multiply-add is written out (an_v_fma)
 * and the compiler may not invent it (-ffp-contract=off).
 *
 * Only files that are compiled once per instruction set (ops/kernels/) include
 * this.                                                                      */
#ifndef AN_CORE_SIMD_H
#define AN_CORE_SIMD_H

#include <math.h>
#include <stdint.h>
#include <string.h>
#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__SSE__)
#include <xmmintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define AN_LANES 16
#define AN_INLINE static inline __attribute__((always_inline, unused))

typedef float an_v __attribute__((vector_size(64)));     /* 16 floats */
typedef int32_t an_vi __attribute__((vector_size(64)));  /* 16 ints; also comparison masks */
typedef uint32_t an_vu __attribute__((vector_size(64)));

/* With AVX2 alone a vector is two registers. gcc 12 takes such a vector apart
 * lane by lane wherever it must compare, convert, copy or call an intrinsic, so
 * those are written out for the halves. */
#if defined(__AVX2__) && defined(__FMA__) && !defined(__AVX512F__)
#define AN_SIMD_HALVES 1
typedef union an_v_halves {
    an_v v;
    an_vi vi;
    __m256 h[2];
    __m256i hi[2];
} an_v_halves;
#endif

/* ---- moving ------------------------------------------------------------ */

AN_INLINE an_v an_v_set(float x)
{
    return (an_v){x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x};
}

AN_INLINE an_vi an_vi_set(int32_t x)
{
    return (an_vi){x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x};
}

AN_INLINE an_v an_v_load(const float *p)
{
    an_v v;
    memcpy(&v, p, sizeof v);
    return v;
}

AN_INLINE void an_v_store(float *p, an_v v)
{
#if defined(AN_SIMD_HALVES)
    const an_v_halves x = {v};
    _mm256_storeu_ps(p, x.h[0]);
    _mm256_storeu_ps(p + 8, x.h[1]);
#else
    memcpy(p, &v, sizeof v);
#endif
}

/* Lane number i of each lane: 0 .. 15. */
AN_INLINE an_vi an_vi_iota(void)
{
    return (an_vi){0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
}

#if defined(AN_SIMD_HALVES)
/* -1 in the first n of 8 lanes; none for n <= 0. */
AN_INLINE __m256i an_v_first_lanes(int64_t n)
{
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), lane);
}
#endif

/* The first n lanes (0 <= n <= 16) from memory, the others `fill`. */
AN_INLINE an_v an_v_load_n(const float *p, int64_t n, float fill)
{
#if defined(__AVX512F__)
    const __mmask16 m = (__mmask16)((1u << n) - 1u);
    return (an_v)_mm512_mask_loadu_ps(_mm512_set1_ps(fill), m, p);
#elif defined(AN_SIMD_HALVES)
    an_v_halves x;
    for (int i = 0; i < 2; i++) {
        const __m256i m = an_v_first_lanes(n - 8 * i);
        x.h[i] = _mm256_blendv_ps(_mm256_set1_ps(fill), _mm256_maskload_ps(p + 8 * i, m),
                                  _mm256_castsi256_ps(m));
    }
    return x.v;
#else
    float lane[AN_LANES];
    for (int i = 0; i < AN_LANES; i++) lane[i] = i < n ? p[i] : fill;
    return an_v_load(lane);
#endif
}

AN_INLINE void an_v_store_n(float *p, int64_t n, an_v v)
{
#if defined(__AVX512F__)
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1u), (__m512)v);
#elif defined(AN_SIMD_HALVES)
    const an_v_halves x = {v};
    for (int i = 0; i < 2; i++) _mm256_maskstore_ps(p + 8 * i, an_v_first_lanes(n - 8 * i), x.h[i]);
#else
    float lane[AN_LANES];
    an_v_store(lane, v);
    for (int64_t i = 0; i < n; i++) p[i] = lane[i];
#endif
}

/* The same where `left` elements are still to come: a whole vector goes without a mask. */
AN_INLINE an_v an_v_load_part(const float *p, int64_t left, float fill)
{
    return left >= AN_LANES ? an_v_load(p) : an_v_load_n(p, left, fill);
}

AN_INLINE void an_v_store_part(float *p, int64_t left, an_v v)
{
    if (left >= AN_LANES) an_v_store(p, v);
    else an_v_store_n(p, left, v);
}

/* Writes past the caches: a tensor too large to be found there again should not
 * push out what is, nor be read before it is overwritten. `p` must be 64-byte
 * aligned. Follow the last one with an_v_fence, before another thread looks. */
AN_INLINE void an_v_stream(float *p, an_v v)
{
#if defined(__AVX512F__)
    _mm512_stream_ps(p, (__m512)v);
#elif defined(__AVX2__)
    union { an_v v; __m256 h[2]; } x = {v};
    _mm256_stream_ps(p, x.h[0]);
    _mm256_stream_ps(p + 8, x.h[1]);
#elif defined(__SSE__)
    union { an_v v; __m128 h[4]; } x = {v};
    for (int i = 0; i < 4; i++) _mm_stream_ps(p + 4 * i, x.h[i]);
#else
    an_v_store(p, v);
#endif
}

AN_INLINE void an_v_fence(void)
{
#if defined(__SSE__)
    _mm_sfence();
#endif
}

/* ---- arithmetic (+ - * / are the language's own) ----------------------- */

/* a * b + c, rounded once. */
AN_INLINE an_v an_v_fma(an_v a, an_v b, an_v c)
{
#if defined(__AVX512F__)
    return (an_v)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(AN_SIMD_HALVES)
    const an_v_halves x = {a}, y = {b}, z = {c};
    return (an_v_halves){.h = {_mm256_fmadd_ps(x.h[0], y.h[0], z.h[0]),
                               _mm256_fmadd_ps(x.h[1], y.h[1], z.h[1])}}.v;
#elif defined(__aarch64__)
    union { an_v v; float32x4_t h[4]; } x = {a}, y = {b}, z = {c};
    for (int i = 0; i < 4; i++) z.h[i] = vfmaq_f32(z.h[i], x.h[i], y.h[i]);
    return z.v;
#else
    an_v r;
    for (int i = 0; i < AN_LANES; i++) r[i] = fmaf(a[i], b[i], c[i]);
    return r;
#endif
}

/* Correctly rounded square root. */
AN_INLINE an_v an_v_sqrt(an_v x)
{
#if defined(__AVX512F__)
    return (an_v)_mm512_sqrt_ps((__m512)x);
#elif defined(AN_SIMD_HALVES)
    const an_v_halves y = {x};
    return (an_v_halves){.h = {_mm256_sqrt_ps(y.h[0]), _mm256_sqrt_ps(y.h[1])}}.v;
#else
    an_v r;
    for (int i = 0; i < AN_LANES; i++) r[i] = sqrtf(x[i]);
    return r;
#endif
}

/* Comparisons: -1 where true, 0 where false; any with a NaN is false, but ne is
 * true. The language's own operators mean the same, and are slow in halves. */
#if defined(AN_SIMD_HALVES)
#define AN_COMPARE(name, op, predicate)                                                            \
    AN_INLINE an_vi an_v_##name(an_v a, an_v b)                                                    \
    {                                                                                              \
        const an_v_halves x = {a}, y = {b};                                                        \
        return (an_v_halves){.h = {_mm256_cmp_ps(x.h[0], y.h[0], predicate),                       \
                                   _mm256_cmp_ps(x.h[1], y.h[1], predicate)}}.vi;                  \
    }
#else
#define AN_COMPARE(name, op, predicate)                                                            \
    AN_INLINE an_vi an_v_##name(an_v a, an_v b)                                                    \
    {                                                                                              \
        return a op b;                                                                             \
    }
#endif
AN_COMPARE(lt, <, _CMP_LT_OQ)
AN_COMPARE(le, <=, _CMP_LE_OQ)
AN_COMPARE(gt, >, _CMP_GT_OQ)
AN_COMPARE(ge, >=, _CMP_GE_OQ)
AN_COMPARE(eq, ==, _CMP_EQ_OQ)
AN_COMPARE(ne, !=, _CMP_NEQ_UQ)
#undef AN_COMPARE

/* Whole numbers as floats. */
AN_INLINE an_v an_v_from_int(an_vi x)
{
#if defined(AN_SIMD_HALVES)
    const an_v_halves n = {.vi = x};
    return (an_v_halves){.h = {_mm256_cvtepi32_ps(n.hi[0]), _mm256_cvtepi32_ps(n.hi[1])}}.v;
#else
    return __builtin_convertvector(x, an_v);
#endif
}

/* Where mask lane is -1 take a, where it is 0 take b. */
AN_INLINE an_v an_v_select(an_vi mask, an_v a, an_v b)
{
    return (an_v)(((an_vi)a & mask) | ((an_vi)b & ~mask));
}

/* The first n lanes of v (0 <= n <= 16); the others become 0. */
AN_INLINE an_v an_v_first(an_v v, int64_t n)
{
    static const int32_t window[2 * AN_LANES] = {-1, -1, -1, -1, -1, -1, -1, -1,
                                                 -1, -1, -1, -1, -1, -1, -1, -1};
    an_vi mask;
    memcpy(&mask, window + AN_LANES - n, sizeof mask);
    return (an_v)((an_vi)v & mask);
}

AN_INLINE an_v an_v_abs(an_v x)
{
    return (an_v)((an_vi)x & an_vi_set(0x7fffffff));
}

/* Maximum and minimum that propagate NaN from either side. */
AN_INLINE an_v an_v_max(an_v a, an_v b)
{
    const an_v m = an_v_select(an_v_gt(a, b), a, b); /* NaN in either: b */
    return an_v_select(an_v_ne(a, a), a, m);
}

AN_INLINE an_v an_v_min(an_v a, an_v b)
{
    const an_v m = an_v_select(an_v_lt(a, b), a, b);
    return an_v_select(an_v_ne(a, a), a, m);
}

/* ---- accumulators -------------------------------------------------------- */

/* A vector that a loop adds to; begins as {0}. gcc 12 keeps an an_v of two registers in memory
 * wherever a loop carries it, but not its halves if each has a name. */
#if defined(AN_SIMD_HALVES)
typedef struct an_acc {
    __m256 low, high;
} an_acc;
#else
typedef struct an_acc {
    an_v v;
} an_acc;
#endif

AN_INLINE an_v an_acc_v(an_acc a)
{
#if defined(AN_SIMD_HALVES)
    return (an_v_halves){.h = {a.low, a.high}}.v;
#else
    return a.v;
#endif
}

AN_INLINE void an_acc_add(an_acc *a, an_v v)
{
#if defined(AN_SIMD_HALVES)
    const an_v_halves x = {v};
    a->low += x.h[0];
    a->high += x.h[1];
#else
    a->v += v;
#endif
}

/* Adds v * w, rounded once. */
AN_INLINE void an_acc_fma(an_acc *a, an_v v, an_v w)
{
#if defined(AN_SIMD_HALVES)
    const an_v_halves x = {v}, y = {w};
    a->low = _mm256_fmadd_ps(x.h[0], y.h[0], a->low);
    a->high = _mm256_fmadd_ps(x.h[1], y.h[1], a->high);
#else
    a->v = an_v_fma(v, w, a->v);
#endif
}

/* ---- reductions: one fixed tree, halves folded onto each other --------- */

/* The loop of the last case; compilers do not see that it can stay in registers. */
AN_INLINE float an_v_sum(an_v v)
{
#if defined(__SSE__)
#if defined(__AVX512F__)
    const __m256 e = _mm256_add_ps(
        _mm512_castps512_ps256((__m512)v),
        _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd((__m512)v), 1)));
    __m128 q = _mm_add_ps(_mm256_castps256_ps128(e), _mm256_extractf128_ps(e, 1));
#elif defined(AN_SIMD_HALVES)
    const an_v_halves x = {v};
    const __m256 e = _mm256_add_ps(x.h[0], x.h[1]);
    __m128 q = _mm_add_ps(_mm256_castps256_ps128(e), _mm256_extractf128_ps(e, 1));
#else
    const union { an_v v; __m128 h[4]; } x = {v};
    __m128 q = _mm_add_ps(_mm_add_ps(x.h[0], x.h[2]), _mm_add_ps(x.h[1], x.h[3]));
#endif
    q = _mm_add_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_add_ss(q, _mm_shuffle_ps(q, q, 1)));
#else
    float x[AN_LANES];
    an_v_store(x, v);
    for (int half = AN_LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) x[i] += x[i + half];
    return x[0];
#endif
}

AN_INLINE float an_v_max_all(an_v v)
{
    float x[AN_LANES];
    an_v_store(x, v);
    for (int half = AN_LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) {
            const float a = x[i], b = x[i + half];
            x[i] = a != a || a > b ? a : b;
        }
    return x[0];
}

#endif
