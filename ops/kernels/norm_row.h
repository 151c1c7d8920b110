/* norm_row.h -- one row's statistics: the routine that every norm kernel shares.
 *
 * layer_norm and add_norm, rms_norm and add_rms_norm, forward and backward, come
 * here with the same rounded sum s and so get the same bits: that is what makes
 * fusion exact. Sixteen lanes, four accumulators, one tree, whatever the
 * instruction set.
 *
 * Long rows are added up in blocks (blocks.h). Rows that f32 cannot measure are told
 * by their statistics and done once more in double (norm_double.c).
 *
 * s = x + skip is formed again in each pass instead of being kept: the row is in
 * L1, an addition is cheaper than a buffer, and the sum may then be written over
 * x or skip in the last pass.                                                 */
#ifndef AN_OPS_KERNELS_NORM_ROW_H
#define AN_OPS_KERNELS_NORM_ROW_H

#include "core/simd.h"
#include "ops/kernels/blocks.h"

#include <float.h>
#include <stdbool.h>

/* Read again and again in place of an operand that is absent: multiplying by 1
 * and adding -0 change no value, not even the sign of a zero. */
static const float row_ones[AN_LANES] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
static const float row_nothing[AN_LANES] = {-0.0f, -0.0f, -0.0f, -0.0f, -0.0f, -0.0f,
                                            -0.0f, -0.0f, -0.0f, -0.0f, -0.0f, -0.0f,
                                            -0.0f, -0.0f, -0.0f, -0.0f};

typedef struct row_operand {
    const float *at;
    int64_t step; /* 1, or 0 for the constant that stands in */
} row_operand;

AN_INLINE row_operand row_or(const float *p, const float *instead)
{
    return p ? (row_operand){p, 1} : (row_operand){instead, 0};
}

AN_INLINE an_v row_load(row_operand o, int64_t i)
{
    return an_v_load(o.at + i * o.step);
}

AN_INLINE an_v row_load_n(row_operand o, int64_t i, int64_t n)
{
    return an_v_load_n(o.at + i * o.step, n, 0.0f);
}

/* Sixteen elements of s; `skip` counts only if `pair`, a constant at every call. */
AN_INLINE an_v row_at(const float *x, const float *skip, int64_t i, bool pair)
{
    const an_v v = an_v_load(x + i);
    return pair ? v + an_v_load(skip + i) : v;
}

AN_INLINE an_v row_at_n(const float *x, const float *skip, int64_t i, int64_t n, bool pair)
{
    const an_v v = an_v_load_n(x + i, n, 0.0f);
    return pair ? v + an_v_load_n(skip + i, n, 0.0f) : v;
}

AN_INLINE float sum_of_four(an_acc a, an_acc b, an_acc c, an_acc d)
{
    return an_v_sum((an_acc_v(a) + an_acc_v(b)) + (an_acc_v(c) + an_acc_v(d)));
}

AN_INLINE float block_sum(const float *x, const float *skip, int64_t count, bool pair)
{
    an_acc a = {0}, b = {0}, c = {0}, d = {0};
    int64_t i = 0;
    for (; i + 4 * AN_LANES <= count; i += 4 * AN_LANES) {
        an_acc_add(&a, row_at(x, skip, i, pair));
        an_acc_add(&b, row_at(x, skip, i + AN_LANES, pair));
        an_acc_add(&c, row_at(x, skip, i + 2 * AN_LANES, pair));
        an_acc_add(&d, row_at(x, skip, i + 3 * AN_LANES, pair));
    }
    for (; i + AN_LANES <= count; i += AN_LANES) an_acc_add(&a, row_at(x, skip, i, pair));
    if (i < count) an_acc_add(&b, row_at_n(x, skip, i, count - i, pair));
    return sum_of_four(a, b, c, d);
}

/* e = sum(s - mu): what rounding left in the mean, times the width. */
AN_INLINE float block_rest(const float *x, int64_t count, an_v mu)
{
    an_acc a = {0}, b = {0}, c = {0}, d = {0};
    int64_t i = 0;
    for (; i + 4 * AN_LANES <= count; i += 4 * AN_LANES) {
        an_acc_add(&a, an_v_load(x + i) - mu);
        an_acc_add(&b, an_v_load(x + i + AN_LANES) - mu);
        an_acc_add(&c, an_v_load(x + i + 2 * AN_LANES) - mu);
        an_acc_add(&d, an_v_load(x + i + 3 * AN_LANES) - mu);
    }
    for (; i + AN_LANES <= count; i += AN_LANES) an_acc_add(&a, an_v_load(x + i) - mu);
    if (i < count) an_acc_add(&b, an_v_first(an_v_load_n(x + i, count - i, 0.0f) - mu, count - i));
    return sum_of_four(a, b, c, d);
}

/* q = sum((s - mu)^2), and e, added up as block_rest does. */
AN_INLINE float block_squares(const float *x, const float *skip, int64_t count, an_v mu,
                              float *rest, bool pair)
{
    an_acc a = {0}, b = {0}, c = {0}, d = {0}, qa = {0}, qb = {0}, qc = {0}, qd = {0};
    int64_t i = 0;
    for (; i + 4 * AN_LANES <= count; i += 4 * AN_LANES) {
        const an_v s = row_at(x, skip, i, pair) - mu;
        const an_v t = row_at(x, skip, i + AN_LANES, pair) - mu;
        const an_v u = row_at(x, skip, i + 2 * AN_LANES, pair) - mu;
        const an_v v = row_at(x, skip, i + 3 * AN_LANES, pair) - mu;
        an_acc_add(&a, s), an_acc_add(&b, t), an_acc_add(&c, u), an_acc_add(&d, v);
        an_acc_fma(&qa, s, s);
        an_acc_fma(&qb, t, t);
        an_acc_fma(&qc, u, u);
        an_acc_fma(&qd, v, v);
    }
    for (; i + AN_LANES <= count; i += AN_LANES) {
        const an_v s = row_at(x, skip, i, pair) - mu;
        an_acc_add(&a, s);
        an_acc_fma(&qa, s, s);
    }
    if (i < count) {
        const an_v s = an_v_first(row_at_n(x, skip, i, count - i, pair) - mu, count - i);
        an_acc_add(&b, s);
        an_acc_fma(&qb, s, s);
    }
    *rest = sum_of_four(a, b, c, d);
    return sum_of_four(qa, qb, qc, qd);
}

typedef struct row_stats {
    float mean, shift, rstd; /* xhat = ((s - mean) - shift) * rstd */
    bool usable;             /* or the row must be done in double */
} row_stats;

/* Did f32 tell 1 / rstd^2 well? Below 2^-120 squares lose digits, and where a sum has overflowed
 * there is no number. A mean that was rounded by more than two deviations, as a constant row's
 * may be, takes too much of the variance along. */
AN_INLINE bool row_usable(float square, float shift, bool rms)
{
    return square >= 0x1p-120f && square <= FLT_MAX && (rms || shift * shift <= 4 * square);
}

/* Of a row longer than AN_WHOLE: blocks in f32, the rest of it in double. */
AN_INLINE row_stats row_measure_blocks(const float *x, const float *skip, int64_t width, float eps,
                                       bool pair, bool rms)
{
    const double count = (double)width;
    double sum = 0, rest = 0, squares = 0;
    row_stats r = {0};
    for (int64_t i = 0, n; i < width && !rms; i += n) {
        n = an_block_at(width, i);
        sum += (double)block_sum(x + i, pair ? skip + i : NULL, n, pair);
    }
    if (!rms) r.mean = (float)(sum / count);
    for (int64_t i = 0, n; i < width; i += n) {
        float e;
        n = an_block_at(width, i);
        squares += (double)block_squares(x + i, pair ? skip + i : NULL, n, an_v_set(r.mean), &e,
                                         pair);
        rest += (double)e;
    }
    if (!rms) r.shift = (float)(rest / count);
    if (!rms) squares -= rest * (rest / count);
    const double square = squares / count + (double)eps;
    r.rstd = (float)(1 / sqrt(square));
    r.usable = row_usable((float)square, r.shift, rms);
    return r;
}

static __attribute__((noinline)) row_stats row_measure_long(const float *x, const float *skip,
                                                            int64_t width, float eps, bool rms)
{
    if (skip && rms) return row_measure_blocks(x, skip, width, eps, true, true);
    if (skip) return row_measure_blocks(x, skip, width, eps, true, false);
    if (rms) return row_measure_blocks(x, skip, width, eps, false, true);
    return row_measure_blocks(x, skip, width, eps, false, false);
}

/* Corrected two-pass. The variance is (q - e*dm)/D: exact cancellation of what the
 * rounded mean added. */
AN_INLINE row_stats row_measure(const float *x, const float *skip, int64_t width, float eps,
                                bool pair, bool rms)
{
    if (width > AN_WHOLE) return row_measure_long(x, pair ? skip : NULL, width, eps, rms);
    const float count = (float)width;
    row_stats r = {0};
    float rest;
    if (!rms) r.mean = block_sum(x, skip, width, pair) / count;
    const float squares = block_squares(x, skip, width, an_v_set(r.mean), &rest, pair);
    if (!rms) r.shift = rest / count;
    const float variance = rms ? squares / count : (squares - rest * r.shift) / count;
    const float square = variance + eps;
    r.rstd = 1.0f / sqrtf(square);
    r.usable = row_usable(square, r.shift, rms);
    return r;
}

/* e of a row of any length, over D. */
AN_INLINE float row_shift(const float *x, int64_t width, float mean)
{
    const an_v mu = an_v_set(mean);
    if (width <= AN_WHOLE) return block_rest(x, width, mu) / (float)width;
    double rest = 0;
    for (int64_t i = 0, n; i < width; i += n) {
        n = an_block_at(width, i);
        rest += (double)block_rest(x + i, n, mu);
    }
    return (float)(rest / (double)width);
}

/* The normalised value of one vector of s. */
AN_INLINE an_v row_hat(an_v s, an_v mean, an_v shift, an_v rstd)
{
    return ((s - mean) - shift) * rstd;
}

AN_INLINE void row_store(float *p, an_v v, bool stream)
{
    if (stream) an_v_stream(p, v);
    else an_v_store(p, v);
}

#endif
