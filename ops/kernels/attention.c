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

/* 2^t = 2^n 2^f, |f| <= 1/2. Below 2^-125 it is 0, for next to a weight of 1 that is nothing; from
 * 2^128 on inf.
 *
 * Error below 1.1 ulp. */
AN_INLINE an_v power_of_two(an_v t)
{
    static const float c[] = {0x1.62e43p-1f,  0x1.ebfbdcp-3f,  0x1.c6af7cp-5f,
                              0x1.3b2de0p-7f, 0x1.5f0830p-10f, 0x1.416b5ep-13f};
    const an_v magic = an_v_set(0x1.8p23f), least = an_v_set(-125.0f), most = an_v_set(128.0f);
    const an_vi gone = an_v_lt(t, least);
    t = an_v_select(gone, least, t);
    t = an_v_select(an_v_gt(t, most), most, t);
    const an_v shifted = t + magic, f = t - (shifted - magic);
    const an_v p = an_v_fma(an_v_polynomial(f, c, 6), f, an_v_set(1.0f));
    const an_v y = p * an_v_power_of_two((an_vi)shifted - (an_vi)magic);
    return an_v_select(gone, an_v_set(0.0f), y);
}

AN_INLINE an_v larger(an_v a, an_v b)
{
    return an_v_select(an_v_gt(a, b), a, b);
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

/* y[c][r] = factor * x[r][c], in rows of AN_PANEL; lanes beyond the rows are 0. Elements of x lie
 * `row` and `step` apart, which may be 0. */
void AN_ISA(attention_turn)(const float *x, int64_t row, int64_t step, int64_t rows,
                            int64_t columns, float factor, float *y)
{
    const int64_t lanes = (rows + AN_LANES - 1) / AN_LANES * AN_LANES;
    int64_t c = 0, turned = 0; /* columns that are done, up to row `turned` */
#if defined(__SSE__)
    for (turned = step == 1 ? rows / 4 * 4 : 0; turned > 0 && c + 4 <= columns; c += 4)
        for (int64_t r = 0; r < turned; r += 4)
            turn_four(x + r * row + c, row, _mm_set1_ps(factor), y + c * AN_PANEL + r);
#endif
    for (int64_t k = 0; k < columns; k++) {
        for (int64_t r = k < c ? turned : 0; r < rows; r++)
            y[k * AN_PANEL + r] = x[r * row + k * step] * factor;
        for (int64_t r = rows; r < lanes; r++) y[k * AN_PANEL + r] = 0.0f;
    }
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
    an_v a = m, b = m;
    int64_t j = 0;
    for (; j + 2 <= keys; j += 2) {
        a = larger(an_v_load(score + j * AN_PANEL), a);
        b = larger(an_v_load(score + (j + 1) * AN_PANEL), b);
    }
    if (j < keys) a = larger(an_v_load(score + j * AN_PANEL), a);
    return larger(a, b);
}

/* Scores to weights; adds them up into total[16]. */
AN_INLINE void weigh(float *score, int64_t keys, an_v m, double *total)
{
    float lane[AN_LANES];
    for (int64_t first = 0; first < keys; first += CHAIN) {
        const int64_t end = keys - first < CHAIN ? keys : first + CHAIN;
        an_v a = {0}, b = {0};
        int64_t j = first;
        for (; j + 2 <= end; j += 2) {
            const an_v p = power_of_two(an_v_load(score + j * AN_PANEL) - m);
            const an_v q = power_of_two(an_v_load(score + (j + 1) * AN_PANEL) - m);
            a += p, b += q;
            an_v_store(score + j * AN_PANEL, p);
            an_v_store(score + (j + 1) * AN_PANEL, q);
        }
        if (j < end) {
            const an_v p = power_of_two(an_v_load(score + j * AN_PANEL) - m);
            a += p;
            an_v_store(score + j * AN_PANEL, p);
        }
        an_v_store(lane, a + b);
        for (int l = 0; l < AN_LANES; l++) total[l] += (double)lane[l];
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
        an_v_store(r->largest + lane, now);
        an_v_store(r->shrink + lane, power_of_two(before - m));
        for (int l = lane; l < lane + AN_LANES; l++) r->sum[l] *= (double)r->shrink[l];
        weigh(t->score + lane, s.some, m, r->sum + lane);
        clear(t->score + lane, s.some, t->keys);
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
        an_v sum = {0};
        int64_t i = 0;
        for (; i + AN_LANES <= width; i += AN_LANES)
            sum = an_v_fma(an_v_load(a + i), an_v_load(b + i), sum);
        if (i < width)
            sum = an_v_fma(an_v_load_n(a + i, width - i, 0.0f),
                           an_v_load_n(b + i, width - i, 0.0f), sum);
        y[r] = an_v_sum(sum);
    }
}
