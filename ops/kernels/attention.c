/* attention.c -- what attention does between its products: scores to weights, and to slopes.
 *
 * Flash attention (Dao et al. 2022, 2023): the softmax of a row is taken tile by tile, with the
 * largest score so far subtracted; what was added up under an older one is shrunk. Sixteen queries
 * stand beside each other, so nothing is reduced across lanes. A NaN need not survive the maximum:
 * its weight makes the sum NaN.                                               */
#include "ops/kernels/kernels.h"
#include "core/vecmath.h"

#define CHAIN 32 /* weights that a lane adds up in f32 */
#define LOG_2 0x1.62e43p-1f
#define LOG2_E 0x1.715476p0f

/* a > b ? a : b, and the same with <: b where either is no number. */
#if defined(__AVX512F__)
AN_INLINE an_v larger(an_v a, an_v b) { return (an_v)_mm512_max_ps((__m512)a, (__m512)b); }
AN_INLINE an_v smaller(an_v a, an_v b) { return (an_v)_mm512_min_ps((__m512)a, (__m512)b); }
#elif defined(AN_SIMD_HALVES)
AN_INLINE an_v larger(an_v a, an_v b)
{
    const an_v_halves x = {a}, y = {b};
    return (an_v_halves){.h = {_mm256_max_ps(x.h[0], y.h[0]), _mm256_max_ps(x.h[1], y.h[1])}}.v;
}
AN_INLINE an_v smaller(an_v a, an_v b)
{
    const an_v_halves x = {a}, y = {b};
    return (an_v_halves){.h = {_mm256_min_ps(x.h[0], y.h[0]), _mm256_min_ps(x.h[1], y.h[1])}}.v;
}
#else
AN_INLINE an_v larger(an_v a, an_v b) { return an_v_select(an_v_gt(a, b), a, b); }
AN_INLINE an_v smaller(an_v a, an_v b) { return an_v_select(an_v_lt(a, b), a, b); }
#endif

/* 0 where t < least. */
AN_INLINE an_vi unless_below(an_v t, float least, an_vi v)
{
#if defined(__AVX512F__)
    const __m512 bound = _mm512_set1_ps(least);
    const __mmask16 there = _mm512_cmp_ps_mask((__m512)t, bound, _CMP_NLT_UQ);
    return (an_vi)_mm512_maskz_mov_epi32(there, (__m512i)v);
#else
    return v & ~an_v_lt(t, an_v_set(least));
#endif
}

/* 2^t = 2^n 2^f, |f| <= 1/2. Below 2^-125 it is 0, for next to a weight of 1 that is nothing; from
 * 2^128 on inf. Adding 1.5 * 2^23 leaves n in the low bits, which are added to the exponent of 2^f.
 *
 * Error below 1.1 ulp. */
AN_INLINE an_v power_of_two(an_v t)
{
    static const float c[] = {0x1.62e43p-1f,  0x1.ebfbdcp-3f,  0x1.c6af7cp-5f,
                              0x1.3b2de0p-7f, 0x1.5f0830p-10f, 0x1.416b5ep-13f};
    const an_v magic = an_v_set(0x1.8p23f), most = smaller(an_v_set(128.0f), t);
    const an_v shifted = most + magic, f = most - (shifted - magic);
    const an_v p = an_v_fma(an_v_polynomial(f, c, 6), f, an_v_set(1.0f));
    return (an_v)unless_below(t, -125.0f, (an_vi)((an_vu)p + ((an_vu)shifted << 23)));
}

/* ---- turning ----------------------------------------------------------- */

#if defined(__SSE__)
/* Four rows of x as four elements of four rows of y. */
AN_INLINE void turn_four(const float *x, int64_t row, __m128 factor, float *y)
{
    __m128 a = _mm_loadu_ps(x), b = _mm_loadu_ps(x + row);
    __m128 c = _mm_loadu_ps(x + 2 * row), d = _mm_loadu_ps(x + 3 * row);
    _MM_TRANSPOSE4_PS(a, b, c, d);
    _mm_storeu_ps(y, _mm_mul_ps(a, factor));
    _mm_storeu_ps(y + AN_PANEL, _mm_mul_ps(b, factor));
    _mm_storeu_ps(y + 2 * AN_PANEL, _mm_mul_ps(c, factor));
    _mm_storeu_ps(y + 3 * AN_PANEL, _mm_mul_ps(d, factor));
}
#endif

#if defined(__AVX512F__)
#define LOW _MM_SHUFFLE(2, 0, 2, 0)  /* of the quarters of two vectors, the even ones */
#define HIGH _MM_SHUFFLE(3, 1, 3, 1) /* and the odd ones */

/* One look at each line, in the order in which they lie, fetches the next ones as well: lines a row
 * apart are not foreseen, and prefetches teach nothing. Keys that are in no cache are turned about
 * twice as fast. */
AN_INLINE void look_along(const float *x, int64_t count)
{
    for (int64_t i = 0; i < count; i += 16) (void)*(const volatile float *)(x + i);
}

/* Sixteen rows as sixteen elements: whole lines are read and written. Pairs of rows, fours of them
 * within each quarter of a vector, and the quarters. */
AN_INLINE void turn_sixteen(const float *x, int64_t row, __m512 factor, float *y)
{
    __m512 a[16], b[16];
    for (int i = 0; i < 16; i++) a[i] = _mm512_mul_ps(_mm512_loadu_ps(x + i * row), factor);
    for (int i = 0; i < 16; i += 2) {
        b[i] = _mm512_unpacklo_ps(a[i], a[i + 1]);
        b[i + 1] = _mm512_unpackhi_ps(a[i], a[i + 1]);
    }
    for (int i = 0; i < 16; i += 4)
        for (int k = 0; k < 2; k++) {
            const __m512d one = _mm512_castps_pd(b[i + k]), two = _mm512_castps_pd(b[i + k + 2]);
            a[i + 2 * k] = _mm512_castpd_ps(_mm512_unpacklo_pd(one, two));
            a[i + 2 * k + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(one, two));
        }
    for (int k = 0; k < 4; k++) {
        const __m512 even = _mm512_shuffle_f32x4(a[k], a[k + 4], LOW);
        const __m512 odd = _mm512_shuffle_f32x4(a[k], a[k + 4], HIGH);
        const __m512 more = _mm512_shuffle_f32x4(a[k + 8], a[k + 12], LOW);
        const __m512 rest = _mm512_shuffle_f32x4(a[k + 8], a[k + 12], HIGH);
        _mm512_storeu_ps(y + k * AN_PANEL, _mm512_shuffle_f32x4(even, more, LOW));
        _mm512_storeu_ps(y + (k + 4) * AN_PANEL, _mm512_shuffle_f32x4(odd, rest, LOW));
        _mm512_storeu_ps(y + (k + 8) * AN_PANEL, _mm512_shuffle_f32x4(even, more, HIGH));
        _mm512_storeu_ps(y + (k + 12) * AN_PANEL, _mm512_shuffle_f32x4(odd, rest, HIGH));
    }
}
#endif

/* Columns from `column` on of rows from `from` to `rows`. */
AN_INLINE void turn_rest(const float *x, int64_t row, int64_t step, int64_t from, int64_t rows,
                         int64_t column, int64_t columns, float factor, float *y)
{
    int64_t c = column, turned = from; /* columns that are done, up to row `turned` */
#if defined(__SSE__)
    if (step == 1) turned += (rows - from) / 4 * 4;
    for (; turned > from && c + 4 <= columns; c += 4)
        for (int64_t r = from; r < turned; r += 4)
            turn_four(x + r * row + c, row, _mm_set1_ps(factor), y + c * AN_PANEL + r);
#endif
    for (int64_t k = column; k < columns; k++)
        for (int64_t r = k < c ? turned : from; r < rows; r++)
            y[k * AN_PANEL + r] = x[r * row + k * step] * factor;
}

/* y[c][r] = factor * x[r][c], in rows of AN_PANEL; lanes beyond the rows are 0. Elements of x lie
 * `row` and `step` apart, which may be 0. */
void AN_ISA(attention_turn)(const float *x, int64_t row, int64_t step, int64_t rows,
                            int64_t columns, float factor, float *y)
{
    const int64_t lanes = (rows + AN_LANES - 1) / AN_LANES * AN_LANES;
    int64_t done = 0, lines = 0; /* rows and columns */
#if defined(__AVX512F__)
    if (step == 1) done = rows / 16 * 16, lines = columns / 16 * 16;
    for (int64_t r = 0; r < done; r += 16) {
        if (row == columns) look_along(x + r * row, 16 * row);
        for (int64_t c = 0; c < lines; c += 16)
            turn_sixteen(x + r * row + c, row, _mm512_set1_ps(factor), y + c * AN_PANEL + r);
    }
#endif
    if (done < rows) turn_rest(x, row, step, done, rows, 0, lines, factor, y);
    turn_rest(x, row, step, 0, rows, lines, columns, factor, y);
    for (int64_t k = 0; k < columns && rows < lanes; k++)
        for (int64_t r = rows; r < lanes; r++) y[k * AN_PANEL + r] = 0.0f;
}

/* ---- scores ------------------------------------------------------------ */

/* Of the keys of a tile, those that all lanes of a vector see, and those that one of them sees. */
typedef struct sight {
    int64_t all, some;
} sight;

AN_INLINE int64_t held(int64_t n, int64_t most)
{
    return n < 0 ? 0 : n > most ? most : n;
}

AN_INLINE sight sight_of(const an_attention_tile *t, int first_lane)
{
    return (sight){held(t->last + first_lane + 1, t->keys),
                   held(t->last + first_lane + AN_LANES, t->keys)};
}

/* Adds the mask; -inf where a lane does not see the key. */
AN_INLINE void close_eyes(const an_attention_tile *t, int first_lane, sight s)
{
    float *score = t->score + first_lane;
    for (int64_t j = 0; t->mask && j < s.some; j++)
        an_v_store(score + j * AN_PANEL, an_v_load(score + j * AN_PANEL) +
                                             an_v_load(t->mask + j * AN_PANEL + first_lane));
    for (int64_t j = s.all; j < s.some; j++) {
        const int blind = (int)(j - t->last) - first_lane; /* so many lanes, 1 to 15 */
        const an_vi not = an_vi_iota() < an_vi_set(blind);
        const an_v v = an_v_load(score + j * AN_PANEL);
        an_v_store(score + j * AN_PANEL, an_v_select(not, an_v_set(-INFINITY), v));
    }
}

AN_INLINE an_v largest_of(const float *score, int64_t keys, an_v m)
{
#if defined(AN_SIMD_HALVES) /* each has a name: see an_acc */
    const an_v_halves x = {m};
    __m256 low = x.h[0], high = x.h[1];
    for (int64_t j = 0; j < keys; j++) {
        low = _mm256_max_ps(_mm256_loadu_ps(score + j * AN_PANEL), low);
        high = _mm256_max_ps(_mm256_loadu_ps(score + j * AN_PANEL + 8), high);
    }
    return (an_v_halves){.h = {low, high}}.v;
#else
    an_v a = m, b = m;
    int64_t j = 0;
    for (; j + 2 <= keys; j += 2) {
        a = larger(an_v_load(score + j * AN_PANEL), a);
        b = larger(an_v_load(score + (j + 1) * AN_PANEL), b);
    }
    if (j < keys) a = larger(an_v_load(score + j * AN_PANEL), a);
    return larger(a, b);
#endif
}

/* total = total * shrink + v, in double. */
AN_INLINE void go_on(double *total, an_v shrink, an_v v)
{
#if defined(__AVX512DQ__)
    for (int half = 0; half < 2; half++, total += 8) {
        const __m512d by = _mm512_cvtps_pd(half ? _mm512_extractf32x8_ps((__m512)shrink, 1)
                                                : _mm512_castps512_ps256((__m512)shrink));
        const __m512d more = _mm512_cvtps_pd(half ? _mm512_extractf32x8_ps((__m512)v, 1)
                                                  : _mm512_castps512_ps256((__m512)v));
        _mm512_storeu_pd(total, _mm512_loadu_pd(total) * by + more);
    }
#else
    float by[AN_LANES], more[AN_LANES];
    an_v_store(by, shrink);
    an_v_store(more, v);
    for (int l = 0; l < AN_LANES; l++) total[l] = total[l] * (double)by[l] + (double)more[l];
#endif
}

/* The weight of a score, put in its place. */
AN_INLINE an_v weigh_one(float *score, an_v m)
{
    const an_v p = power_of_two(an_v_load(score) - m);
    an_v_store(score, p);
    return p;
}

/* Scores to weights; adds them up into total[16]. */
AN_INLINE void weigh(float *score, int64_t keys, an_v m, an_v shrink, double *total)
{
    for (int64_t first = 0; first < keys; first += CHAIN) {
        const int64_t end = keys - first < CHAIN ? keys : first + CHAIN;
        an_acc a = {0}, b = {0};
        int64_t j = first;
        for (; j + 2 <= end; j += 2) {
            an_acc_add(&a, weigh_one(score + j * AN_PANEL, m));
            an_acc_add(&b, weigh_one(score + (j + 1) * AN_PANEL, m));
        }
        if (j < end) an_acc_add(&a, weigh_one(score + j * AN_PANEL, m));
        go_on(total, first > 0 ? an_v_set(1.0f) : shrink, an_acc_v(a) + an_acc_v(b));
    }
}

AN_INLINE void clear(float *score, int64_t from, int64_t keys)
{
    for (int64_t j = from; j < keys; j++) an_v_store(score + j * AN_PANEL, an_v_set(0.0f));
}

/* One more tile of keys. */
void AN_ISA(attention_weights)(const an_attention_tile *t, an_attention_rows *r)
{
    for (int v = 0; v < t->vectors; v++) {
        const int lane = v * AN_LANES;
        const sight s = sight_of(t, lane);
        close_eyes(t, lane, s);
        const an_v before = an_v_load(r->largest + lane), none = an_v_set(-INFINITY);
        const an_v now = largest_of(t->score + lane, s.some, before);
        const an_v m = an_v_select(an_v_eq(now, none), an_v_set(0.0f), now); /* nothing seen yet */
        const an_v shrink = power_of_two(before - m);
        an_v_store(r->largest + lane, now);
        an_v_store(r->shrink + lane, shrink);
        weigh(t->score + lane, s.some, m, shrink, r->sum + lane);
        clear(t->score + lane, s.some, t->keys);
    }
}

/* Keys beside each other: 2^(score - m), of which the last lanes may be none. */
AN_INLINE void weigh_row(float *score, int64_t keys, float m)
{
    int64_t j = 0;
    for (; j + AN_LANES <= keys; j += AN_LANES) weigh_one(score + j, an_v_set(m));
    if (j == keys) return;
    const an_v last = an_v_load_n(score + j, keys - j, 0.0f);
    an_v_store_n(score + j, keys - j, power_of_two(last - an_v_set(m)));
}

AN_INLINE float largest_in_row(const float *score, int64_t keys, float m)
{
    an_v most = an_v_set(m);
    for (int64_t j = 0; j < keys; j += AN_LANES)
        most = larger(an_v_load_part(score + j, keys - j, -INFINITY), most);
    float lane[AN_LANES];
    an_v_store(lane, most);
    for (int l = 0; l < AN_LANES; l++) m = lane[l] > m ? lane[l] : m;
    return m;
}

/* As attention_weights for a single query, lane 0 of r: scores and mask lie beside each other, in
 * the same units but for the mask's. The same sums in the same order, so the same bits. */
void AN_ISA(attention_row)(float *score, int64_t keys, const float *mask, int64_t step,
                           an_attention_rows *r)
{
    for (int64_t j = 0; mask && j < keys; j++) score[j] += mask[j * step] * LOG2_E;
    const float before = r->largest[0], now = largest_in_row(score, keys, before);
    const float m = now == -INFINITY ? 0.0f : now;
    float shrink[AN_LANES];
    an_v_store(shrink, power_of_two(an_v_set(before - m)));
    r->largest[0] = now;
    r->shrink[0] = shrink[0];
    r->sum[0] *= (double)shrink[0];
    weigh_row(score, keys, m);
    for (int64_t first = 0; first < keys; first += CHAIN) {
        const int64_t end = keys - first < CHAIN ? keys : first + CHAIN;
        float sum[2] = {0, 0};
        for (int64_t j = first; j < end; j++) sum[(j - first) % 2] += score[j];
        r->sum[0] += (double)(sum[0] + sum[1]);
    }
}

/* After the last tile: by what to multiply the sums, 0 where nothing was seen, into `shrink`; and
 * the logarithm of the sum of exponentials. */
void AN_ISA(attention_finish)(an_attention_rows *r, int vectors, float *lse)
{
    for (int v = 0; v < vectors; v++) {
        float lane[AN_LANES];
        for (int l = 0; l < AN_LANES; l++) lane[l] = (float)r->sum[v * AN_LANES + l];
        const an_v sum = an_v_load(lane), zero = an_v_set(0.0f);
        an_v_store(r->shrink + v * AN_LANES, an_v_select(an_v_eq(sum, zero), zero, 1.0f / sum));
        const an_v m = an_v_load(r->largest + v * AN_LANES);
        an_v_store(lse + v * AN_LANES, an_v_fma(m, an_v_set(LOG_2), an_v_log(sum)));
    }
}

/* ---- slopes ------------------------------------------------------------ */

/* Scores to weights, by the lse in units of log 2, +inf for a query that saw nothing; and `slope`,
 * the gradient by weights, to that by scores: p (dp - delta). */
void AN_ISA(attention_slopes)(const an_attention_tile *t, const float *lse, const float *delta,
                              float *slope)
{
    for (int v = 0; v < t->vectors; v++) {
        const int lane = v * AN_LANES;
        const sight s = sight_of(t, lane);
        close_eyes(t, lane, s);
        const an_v m = an_v_load(lse + lane), d = an_v_load(delta + lane);
        float *score = t->score + lane, *to = slope + lane;
        for (int64_t j = 0; j < s.some; j++) {
            const an_v p = power_of_two(an_v_load(score + j * AN_PANEL) - m);
            an_v_store(score + j * AN_PANEL, p);
            an_v_store(to + j * AN_PANEL, p * (an_v_load(to + j * AN_PANEL) - d));
        }
        clear(score, s.some, t->keys);
        clear(to, s.some, t->keys);
    }
}

/* ---- rows -------------------------------------------------------------- */

/* y[r] = x[r] * factor[r * step]. */
void AN_ISA(attention_scale_rows)(const float *x, int64_t x_row, const float *factor, int64_t step,
                                  int64_t rows, int64_t width, float *y, int64_t y_row)
{
    for (int64_t r = 0; r < rows; r++, x += x_row, y += y_row) {
        const an_v by = an_v_set(factor[r * step]);
        int64_t i = 0;
        for (; i + AN_LANES <= width; i += AN_LANES) an_v_store(y + i, an_v_load(x + i) * by);
        if (i < width) an_v_store_n(y + i, width - i, an_v_load_n(x + i, width - i, 0.0f) * by);
    }
}

/* y[r] = sum over j of a[r][j] * b[r][j]. */
void AN_ISA(attention_dots)(const float *a, int64_t a_row, const float *b, int64_t b_row,
                            int64_t rows, int64_t width, float *y)
{
    for (int64_t r = 0; r < rows; r++, a += a_row, b += b_row) {
        an_acc sum = {0};
        int64_t i = 0;
        for (; i + AN_LANES <= width; i += AN_LANES)
            an_acc_fma(&sum, an_v_load(a + i), an_v_load(b + i));
        if (i < width)
            an_acc_fma(&sum, an_v_load_n(a + i, width - i, 0.0f),
                       an_v_load_n(b + i, width - i, 0.0f));
        y[r] = an_v_sum(an_acc_v(sum));
    }
}
