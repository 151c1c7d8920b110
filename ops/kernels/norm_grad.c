/* norm_grad.c -- layer_norm, rms_norm and the two fused with a sum, backward.
 *
 * One sweep over dy and the normalised tensor yields dx (with dsum already added)
 * and this block's share of dgamma and dbeta; a second stage adds the blocks up.
 * xhat comes from the saved sum, never from y: gamma may be 0. A row goes on in double
 * where rstd is no ordinary number, the saved mean is far from the row's, or the sums
 * over it overflow.                                                          */
#include "ops/kernels/kernels.h"
#include "ops/kernels/norm.h"
#include "ops/kernels/norm_row.h"

/* One row's constants, broadcast. */
typedef struct row_terms {
    an_v mean, shift, rstd;
    an_v mean_w, mean_wx; /* means of w = gamma*dy and of w*xhat */
} row_terms;

typedef struct row_sums {
    float w, wx; /* sum(w), which if rms nobody reads, and sum(w * xhat) */
} row_sums;

/* Of `count` elements from column `j` of the row at `at`; and their part of dgamma and dbeta if
 * wanted. */
AN_INLINE row_sums gather_block(const an_norm_grad_rows *r, int64_t at, int64_t j, int64_t count,
                                const row_terms *t, bool partial, bool rms)
{
    const float *x = r->x + at + j, *dy = r->dy + at + j;
    float *dgamma = partial ? r->partial + j : NULL;
    float *dbeta = partial ? r->partial + r->width + j : NULL;
    const row_operand gamma = row_or(r->gamma ? r->gamma + j : NULL, row_ones);
    an_acc a = {0}, b = {0}, xa = {0}, xb = {0};
    int64_t i = 0;
    for (; i + 2 * AN_LANES <= count; i += 2 * AN_LANES) {
        const int64_t k = i + AN_LANES;
        const an_v g = an_v_load(dy + i), h = an_v_load(dy + k);
        const an_v p = row_hat(an_v_load(x + i), t->mean, t->shift, t->rstd);
        const an_v q = row_hat(an_v_load(x + k), t->mean, t->shift, t->rstd);
        const an_v v = g * row_load(gamma, i), w = h * row_load(gamma, k);
        if (!rms) an_acc_add(&a, v), an_acc_add(&b, w);
        an_acc_fma(&xa, v, p);
        an_acc_fma(&xb, w, q);
        if (partial) {
            an_v_store(dgamma + i, an_v_fma(g, p, an_v_load(dgamma + i)));
            an_v_store(dgamma + k, an_v_fma(h, q, an_v_load(dgamma + k)));
            if (!rms) an_v_store(dbeta + i, an_v_load(dbeta + i) + g);
            if (!rms) an_v_store(dbeta + k, an_v_load(dbeta + k) + h);
        }
    }
    for (int64_t n; i < count; i += AN_LANES) {
        n = count - i < AN_LANES ? count - i : AN_LANES;
        const an_v g = an_v_load_n(dy + i, n, 0.0f);
        const an_v s = an_v_load_n(x + i, n, 0.0f);
        const an_v p = an_v_first(row_hat(s, t->mean, t->shift, t->rstd), n);
        const an_v v = g * row_load_n(gamma, i, n);
        if (!rms) an_acc_add(&a, v);
        an_acc_fma(&xa, v, p);
        if (partial) {
            an_v_store_n(dgamma + i, n, an_v_fma(g, p, an_v_load_n(dgamma + i, n, 0.0f)));
            if (!rms) an_v_store_n(dbeta + i, n, an_v_load_n(dbeta + i, n, 0.0f) + g);
        }
    }
    return (row_sums){rms ? 0.0f : an_v_sum(an_acc_v(a) + an_acc_v(b)),
                      an_v_sum(an_acc_v(xa) + an_acc_v(xb))};
}

/* The means of w and w * xhat in a row longer than AN_WHOLE. */
AN_INLINE row_sums gather_blocks(const an_norm_grad_rows *r, int64_t at, const row_terms *t,
                                 bool partial, bool rms)
{
    double w = 0, wx = 0;
    for (int64_t j = 0, n; j < r->width; j += n) {
        n = an_block_at(r->width, j);
        const row_sums s = gather_block(r, at, j, n, t, partial, rms);
        w += (double)s.w;
        wx += (double)s.wx;
    }
    return (row_sums){(float)(w / (double)r->width), (float)(wx / (double)r->width)};
}

static __attribute__((noinline)) row_sums gather_long(const an_norm_grad_rows *r, int64_t row,
                                                      float shift, bool partial)
{
    const int64_t at = row * r->width;
    row_terms t = {.rstd = an_v_set(r->rstd[row])};
    if (r->rms && partial) return gather_blocks(r, at, &t, true, true);
    if (r->rms) return gather_blocks(r, at, &t, false, true);
    t.mean = an_v_set(r->mean[row]);
    t.shift = an_v_set(shift);
    if (partial) return gather_blocks(r, at, &t, true, false);
    return gather_blocks(r, at, &t, false, false);
}

/* ((w - mean(w)) - xhat * mean(w * xhat)) * rstd: rounded here, before dsum joins,
 * as it is where layer_norm_grad hands it to accumulate. */
AN_INLINE an_v dx_of(an_v dy, an_v x, an_v gamma, const row_terms *t, bool rms)
{
    const an_v hat = row_hat(x, t->mean, t->shift, t->rstd), w = dy * gamma;
    return an_v_fma(-hat, t->mean_wx, rms ? w : w - t->mean_w) * t->rstd;
}

AN_INLINE void write_row(const an_norm_grad_rows *r, int64_t at, const row_terms *t, int64_t ahead,
                         bool rms, bool stream)
{
    const float *x = r->x + at, *dy = r->dy + at;
    float *dx = r->dx + at;
    const row_operand gamma = row_or(r->gamma, row_ones);
    const row_operand dsum = row_or(r->dsum ? r->dsum + at : NULL, row_nothing);
    int64_t i = 0;
    for (; i + AN_LANES <= r->width; i += AN_LANES) {
        __builtin_prefetch(x + i + ahead);
        __builtin_prefetch(dy + i + ahead);
        __builtin_prefetch(dsum.at + (i + ahead) * dsum.step);
        if (!stream) __builtin_prefetch(dx + i + ahead, 1);
        const an_v d = dx_of(an_v_load(dy + i), an_v_load(x + i), row_load(gamma, i), t, rms);
        row_store(dx + i, row_load(dsum, i) + d, stream);
    }
    const int64_t n = r->width - i;
    if (n == 0) return;
    const an_v d = dx_of(an_v_load_n(dy + i, n, 0.0f), an_v_load_n(x + i, n, 0.0f),
                         row_load_n(gamma, i, n), t, rms);
    an_v_store_n(dx + i, n, row_load_n(dsum, i, n) + d);
}

/* As row_usable says, by what is left of the row: f32 holds xhat, and rstd all its digits. */
AN_INLINE bool terms_usable(float rstd, float shift, bool rms)
{
    return rstd >= FLT_MIN && rstd <= 0x1p110f && (rms || fabsf(shift) * rstd <= 2);
}

/* Means that overflow, or are so small that they lose digits which a large rstd would show. */
AN_INLINE bool means_usable(float size)
{
    return size >= 0x1p-100f ? size <= FLT_MAX : size == 0;
}

AN_INLINE void grad_rows(const an_norm_grad_rows *r, int64_t begin, int64_t end, bool partial,
                         bool rms, bool stream)
{
    for (int64_t row = begin; row < end; row++) {
        const int64_t at = row * r->width;
        row_terms t = {.rstd = an_v_set(r->rstd[row])};
        float shift = 0;
        if (!rms) {
            t.mean = an_v_set(r->mean[row]);
            shift = row_shift(r->x + at, r->width, r->mean[row]);
            t.shift = an_v_set(shift);
        }
        if (!terms_usable(r->rstd[row], shift, rms)) {
            an_norm_grad_row_double(r, row, partial);
            continue;
        }
        row_sums means;
        if (r->width > AN_WHOLE) {
            means = gather_long(r, row, shift, partial);
        } else {
            means = gather_block(r, at, 0, r->width, &t, partial, rms);
            if (!rms) means.w /= (float)r->width;
            means.wx /= (float)r->width;
        }
        t.mean_w = an_v_set(means.w);
        t.mean_wx = an_v_set(means.wx);
        if (!means_usable(fabsf(means.wx) + (rms ? 0.0f : fabsf(means.w)))) {
            an_norm_grad_row_double(r, row, false);
            continue;
        }
        if (r->dx) write_row(r, at, &t, row + 1 < end ? r->width : 0, rms, stream);
    }
    if (stream) an_v_fence();
}

/* Rows [begin, end): one block, whose part of dgamma and dbeta goes to r->partial. */
void AN_ISA(norm_grad_rows)(const an_norm_grad_rows *r, int64_t begin, int64_t end)
{
    if (r->partial) memset(r->partial, 0, 2 * (size_t)r->width * sizeof(float));
    if (r->rms && r->stream) grad_rows(r, begin, end, r->partial != NULL, true, true);
    else if (r->rms) grad_rows(r, begin, end, r->partial != NULL, true, false);
    else if (r->partial && r->stream) grad_rows(r, begin, end, true, false, true);
    else if (r->partial) grad_rows(r, begin, end, true, false, false);
    else grad_rows(r, begin, end, false, false, r->stream);
}

/* Adds up columns [begin, end) of `blocks` rows that lie `stride` apart, by folding
 * the second half onto the first until one row is left: row 0. */
void AN_ISA(fold_rows)(float *rows, int64_t blocks, int64_t stride, int64_t begin, int64_t end)
{
    while (blocks > 1) {
        const int64_t kept = blocks - blocks / 2;
        for (int64_t b = 0; b < blocks / 2; b++) {
            float *to = rows + b * stride;
            const float *from = rows + (b + kept) * stride;
            int64_t i = begin;
            for (; i + AN_LANES <= end; i += AN_LANES)
                an_v_store(to + i, an_v_load(to + i) + an_v_load(from + i));
            for (; i < end; i++) to[i] += from[i];
        }
        blocks = kept;
    }
}
