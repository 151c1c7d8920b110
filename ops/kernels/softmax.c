/* softmax.c -- softmax and log_softmax, along rows and along columns.
 *
 * A row is reduced across the lanes; of columns, sixteen neighbours are reduced
 * side by side, one to a lane. Long sums go on in double, block by block. A NaN need
 * not survive the maximum: its exp makes the sum NaN, and with it the whole row, as
 * the formula says.                                                            */
#include "ops/kernels/blocks.h"
#include "ops/kernels/kernels.h"
#include "core/vecmath.h"

#define CHAIN 32 /* elements of a column that a lane adds up before */

AN_INLINE an_v larger(an_v a, an_v b)
{
    return an_v_select(an_v_gt(a, b), a, b);
}

AN_INLINE float row_max(const float *x, int64_t width)
{
    an_v a = an_v_set(-INFINITY), b = a;
    int64_t i = 0;
    for (; i + 2 * AN_LANES <= width; i += 2 * AN_LANES) {
        a = larger(an_v_load(x + i), a);
        b = larger(an_v_load(x + i + AN_LANES), b);
    }
    for (; i < width; i += AN_LANES)
        a = larger(an_v_load_part(x + i, width - i, -INFINITY), a);
    return an_v_max_all(larger(a, b));
}

/* sum(exp(x - m)); `keep` also stores the terms in y, which may be x. */
AN_INLINE float block_exp(const float *x, float *y, int64_t width, float max, bool keep)
{
    const an_v m = an_v_set(max);
    an_v a = {0}, b = {0};
    int64_t i = 0;
    for (; i + 2 * AN_LANES <= width; i += 2 * AN_LANES) {
        const an_v e = an_v_exp(an_v_load(x + i) - m);
        const an_v f = an_v_exp(an_v_load(x + i + AN_LANES) - m);
        a += e, b += f;
        if (keep) {
            an_v_store(y + i, e);
            an_v_store(y + i + AN_LANES, f);
        }
    }
    for (int64_t n; i < width; i += AN_LANES) {
        n = width - i < AN_LANES ? width - i : AN_LANES;
        const an_v e = an_v_first(an_v_exp(an_v_load_n(x + i, n, 0.0f) - m), n);
        a += e;
        if (keep) an_v_store_n(y + i, n, e);
    }
    return an_v_sum(a + b);
}

/* Of a row longer than AN_WHOLE. */
AN_INLINE float blocks_exp(const float *x, float *y, int64_t width, float max, bool keep)
{
    double sum = 0;
    for (int64_t i = 0, n; i < width; i += n) {
        n = an_block_at(width, i);
        sum += (double)block_exp(x + i, keep ? y + i : NULL, n, max, keep);
    }
    return (float)sum;
}

AN_INLINE void softmax_row(const float *x, float *y, int64_t width, bool whole)
{
    const float max = row_max(x, width);
    const float sum =
        whole ? block_exp(x, y, width, max, true) : blocks_exp(x, y, width, max, true);
    const an_v scale = an_v_set(1.0f / sum);
    int64_t i = 0;
    for (; i + AN_LANES <= width; i += AN_LANES) an_v_store(y + i, an_v_load(y + i) * scale);
    if (i < width) an_v_store_n(y + i, width - i, an_v_load_n(y + i, width - i, 0.0f) * scale);
}

AN_INLINE void log_softmax_row(const float *x, float *y, int64_t width, bool whole)
{
    const float max = row_max(x, width);
    const an_v m = an_v_set(max);
    const an_v log = an_v_log(an_v_set(whole ? block_exp(x, NULL, width, max, false)
                                             : blocks_exp(x, NULL, width, max, false)));
    int64_t i = 0;
    for (; i + AN_LANES <= width; i += AN_LANES) an_v_store(y + i, (an_v_load(x + i) - m) - log);
    if (i < width)
        an_v_store_n(y + i, width - i, (an_v_load_n(x + i, width - i, 0.0f) - m) - log);
}

/* Rows [begin, end) of a dense [.., width], width at most AN_WHOLE; y may be x. */
void AN_ISA(softmax_rows)(const float *x, float *y, int64_t width, int64_t begin, int64_t end,
                          bool log)
{
    for (int64_t at = begin * width; at < end * width; at += width) {
        if (log) log_softmax_row(x + at, y + at, width, true);
        else softmax_row(x + at, y + at, width, true);
    }
}

/* The same, of any width: apart, for beside it gcc 12 makes a slower loop of the one above. */
void AN_ISA(softmax_long_rows)(const float *x, float *y, int64_t width, int64_t begin, int64_t end,
                               bool log)
{
    for (int64_t at = begin * width; at < end * width; at += width) {
        if (log) log_softmax_row(x + at, y + at, width, false);
        else softmax_row(x + at, y + at, width, false);
    }
}

/* sum(exp(x - m)) of a column to a lane; `keep` as above. */
AN_INLINE an_v lanes_exp(const float *x, float *y, int64_t length, int64_t stride, int64_t n,
                         an_v m, bool keep)
{
    double total[AN_LANES] = {0};
    float lane[AN_LANES];
    for (int64_t first = 0; first < length; first += CHAIN) {
        const int64_t last = length - first < CHAIN ? length : first + CHAIN;
        an_v sum = {0};
        for (int64_t i = first; i < last; i++) {
            const an_v e = an_v_exp(an_v_load_n(x + i * stride, n, 0.0f) - m);
            sum += e;
            if (keep) an_v_store_n(y + i * stride, n, e);
        }
        an_v_store(lane, sum);
        for (int l = 0; l < AN_LANES; l++) total[l] += (double)lane[l];
    }
    for (int l = 0; l < AN_LANES; l++) lane[l] = (float)total[l];
    return an_v_load(lane);
}

/* n <= 16 neighbouring columns of `length` elements that lie `stride` apart. */
AN_INLINE void softmax_lanes(const float *x, float *y, int64_t length, int64_t stride, int64_t n,
                             bool log)
{
    an_v m = an_v_set(-INFINITY);
    for (int64_t i = 0; i < length; i++) m = larger(an_v_load_n(x + i * stride, n, 0.0f), m);
    const an_v sum = lanes_exp(x, y, length, stride, n, m, !log);
    const an_v last = log ? an_v_log(sum) : an_v_set(1.0f) / sum;
    for (int64_t i = 0; i < length; i++) {
        const an_v v = an_v_load_n((log ? x : y) + i * stride, n, 0.0f);
        an_v_store_n(y + i * stride, n, log ? (v - m) - last : v * last);
    }
}

/* `columns` columns that start beside each other at x and y; y may be x. */
void AN_ISA(softmax_columns)(const float *x, float *y, int64_t length, int64_t stride,
                             int64_t columns, bool log)
{
    for (int64_t i = 0; i < columns; i += AN_LANES) {
        const int64_t n = columns - i < AN_LANES ? columns - i : AN_LANES;
        if (log) softmax_lanes(x + i, y + i, length, stride, n, true);
        else softmax_lanes(x + i, y + i, length, stride, n, false);
    }
}
