/* norm.c -- layer_norm, rms_norm and the two fused with a sum, forward.
 *
 * One sweep over x and skip: a row is read from memory once and then stays in L1
 * for the passes that follow. While it is written, the next row is fetched, to be
 * read and to be written: in the passes before, the memory would otherwise idle. */
#include "ops/kernels/kernels.h"
#include "ops/kernels/norm.h"
#include "ops/kernels/norm_row.h"

/* Writes y (and s, if `pair` and wanted) of one row. `ahead` is how far off the
 * next row is, or 0. */
AN_INLINE void write_row(const an_norm_rows *r, int64_t at, row_stats stats, int64_t ahead,
                         bool pair, bool keep, bool stream)
{
    const float *x = r->x + at, *skip = pair ? r->skip + at : NULL;
    float *y = r->y + at, *sum = keep ? r->sum + at : NULL;
    const row_operand gamma = row_or(r->gamma, row_ones), beta = row_or(r->beta, row_nothing);
    const an_v mean = an_v_set(stats.mean), shift = an_v_set(stats.shift);
    const an_v rstd = an_v_set(stats.rstd);
    int64_t i = 0;
    for (; i + AN_LANES <= r->width; i += AN_LANES) {
        __builtin_prefetch(x + i + ahead);
        if (pair) __builtin_prefetch(skip + i + ahead);
        if (!stream) __builtin_prefetch(y + i + ahead, 1);
        if (keep && !stream) __builtin_prefetch(sum + i + ahead, 1);
        const an_v s = row_at(x, skip, i, pair), hat = row_hat(s, mean, shift, rstd);
        if (keep) row_store(sum + i, s, stream);
        row_store(y + i, an_v_fma(hat, row_load(gamma, i), row_load(beta, i)), stream);
    }
    const int64_t n = r->width - i;
    if (n == 0) return;
    const an_v s = row_at_n(x, skip, i, n, pair), hat = row_hat(s, mean, shift, rstd);
    if (keep) an_v_store_n(sum + i, n, s);
    an_v_store_n(y + i, n, an_v_fma(hat, row_load_n(gamma, i, n), row_load_n(beta, i, n)));
}

AN_INLINE void norm_rows(const an_norm_rows *r, int64_t begin, int64_t end, bool pair, bool keep,
                         bool stream)
{
    for (int64_t row = begin; row < end; row++) {
        const int64_t at = row * r->width;
        const row_stats stats = row_measure(r->x + at, pair ? r->skip + at : NULL, r->width,
                                            r->eps, pair, r->rms);
        if (!stats.usable) {
            an_norm_row_double(r, row);
            continue;
        }
        if (r->mean) r->mean[row] = stats.mean;
        if (r->rstd) r->rstd[row] = stats.rstd;
        if (r->y) write_row(r, at, stats, row + 1 < end ? r->width : 0, pair, keep, stream);
    }
    if (stream) an_v_fence();
}

/* Rows [begin, end). Constants select the loop, never the arithmetic. */
void AN_ISA(norm_rows)(const an_norm_rows *r, int64_t begin, int64_t end)
{
    const bool keep = r->sum && r->y;
    if (!r->skip && !r->stream) norm_rows(r, begin, end, false, false, false);
    else if (!r->skip) norm_rows(r, begin, end, false, false, true);
    else if (!keep && !r->stream) norm_rows(r, begin, end, true, false, false);
    else if (!keep) norm_rows(r, begin, end, true, false, true);
    else if (!r->stream) norm_rows(r, begin, end, true, true, false);
    else norm_rows(r, begin, end, true, true, true);
    if (r->skip && r->sum && !r->y)
        AN_ISA(residual_add)(r->x, r->skip, r->sum, begin * r->width, end * r->width, r->stream);
}
