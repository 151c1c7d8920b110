/* batch_norm.c -- a channel of images: its mean and variance, and what is normalised by them.
 *
 * A channel's elements are taken in pieces: blocks of its runs or, where runs are SHORT, several of
 * them, gathered. Where pieces end depends on the shape alone. As for a long row of the other norms
 * (norm_row.h) a piece is summed in f32, by one tree, and pieces go on in double. */
#include "ops/kernels/batch_norm.h"
#include "ops/kernels/kernels.h"
#include "ops/kernels/norm_row.h"

#define SHORT 64 /* elements of a run, below which it is gathered */

/* Up to AN_BLOCK_ROW elements of a channel. */
typedef struct piece {
    int64_t at, count;      /* the first one's place in the tensor; how many */
    int64_t runs, run, gap; /* gathered: runs of `run` elements, `gap` apart; or 0 runs */
} piece;

/* The piece that begins at element `done` of the channel. */
AN_INLINE piece piece_at(const an_batch_norm *b, int64_t channel, int64_t done)
{
    const int64_t image = done / b->size, from = done % b->size, gap = b->channels * b->size;
    piece p = {.at = (image * b->channels + channel) * b->size + from, .run = b->size, .gap = gap};
    if (b->size >= SHORT) {
        p.count = an_block_at(b->size, from);
        return p;
    }
    const int64_t fit = AN_BLOCK_ROW / b->size, left = b->images - image;
    p.runs = left < fit ? left : fit;
    p.count = p.runs * b->size;
    return p;
}

AN_INLINE const float *take(const piece *p, const float *x, float *buffer)
{
    if (p->runs == 0) return x + p->at;
    for (int64_t r = 0; r < p->runs; r++)
        for (int64_t i = 0; i < p->run; i++) buffer[r * p->run + i] = x[p->at + r * p->gap + i];
    return buffer;
}

AN_INLINE void give(const piece *p, const float *from, float *to)
{
    for (int64_t r = 0; r < p->runs; r++)
        for (int64_t i = 0; i < p->run; i++) to[p->at + r * p->gap + i] = from[r * p->run + i];
}

AN_INLINE int64_t count_of(const an_batch_norm *b)
{
    return b->images * b->size;
}

/* ---- forward ------------------------------------------------------------- */

static double sum_of(const an_batch_norm *b, int64_t channel)
{
    float buffer[AN_BLOCK_ROW];
    double sum = 0;
    for (int64_t i = 0; i < count_of(b);) {
        const piece p = piece_at(b, channel, i);
        sum += (double)block_sum(take(&p, b->x, buffer), NULL, p.count, false);
        i += p.count;
    }
    return sum;
}

static void normalise(const an_batch_norm *b, int64_t channel, row_stats s)
{
    float buffer[AN_BLOCK_ROW];
    const an_v mean = an_v_set(s.mean), shift = an_v_set(s.shift), rstd = an_v_set(s.rstd);
    const an_v gamma = an_v_set(b->gamma ? b->gamma[channel] : 1.0f);
    const an_v beta = an_v_set(b->beta ? b->beta[channel] : -0.0f);
    for (int64_t done = 0; done < count_of(b);) {
        const piece p = piece_at(b, channel, done);
        const float *x = take(&p, b->x, buffer);
        float *y = p.runs > 0 ? buffer : b->y + p.at;
        int64_t i = 0;
        for (; i + AN_LANES <= p.count; i += AN_LANES)
            an_v_store(y + i, an_v_fma(row_hat(an_v_load(x + i), mean, shift, rstd), gamma, beta));
        if (i < p.count)
            an_v_store_n(y + i, p.count - i,
                         an_v_fma(row_hat(an_v_load_n(x + i, p.count - i, 0.0f), mean, shift, rstd),
                                  gamma, beta));
        give(&p, buffer, b->y);
        done += p.count;
    }
}

/* Mean, variance and rstd of a channel; y of it. */
void AN_ISA(batch_norm)(const an_batch_norm *b, int64_t channel)
{
    float buffer[AN_BLOCK_ROW];
    const double count = (double)count_of(b);
    double rest = 0, squares = 0;
    row_stats s = {.mean = (float)(sum_of(b, channel) / count)};
    for (int64_t i = 0; i < count_of(b);) {
        const piece p = piece_at(b, channel, i);
        float e;
        squares += (double)block_squares(take(&p, b->x, buffer), NULL, p.count, an_v_set(s.mean),
                                         &e, false);
        rest += (double)e;
        i += p.count;
    }
    s.shift = (float)(rest / count);
    const double variance = (squares - rest * (rest / count)) / count;
    const double square = variance + (double)b->eps;
    s.rstd = (float)(1 / sqrt(square));
    if (!row_usable((float)square, s.shift, false)) {
        an_batch_norm_double(b, channel);
        return;
    }
    if (b->mean) b->mean[channel] = s.mean;
    if (b->rstd) b->rstd[channel] = s.rstd;
    if (b->variance) b->variance[channel] = (float)variance;
    if (b->y) normalise(b, channel, s);
}

/* ---- backward ------------------------------------------------------------ */

typedef struct sums {
    double rest, dy, product; /* of x - mean, dy, dy (x - mean) */
} sums;

AN_INLINE void add_block(sums *s, const float *x, const float *dy, int64_t count, an_v mean)
{
    an_v r[2] = {{0}}, g[2] = {{0}}, q[2] = {{0}};
    int64_t i = 0;
    for (; i + 2 * AN_LANES <= count; i += 2 * AN_LANES)
        for (int k = 0; k < 2; k++) {
            const an_v off = an_v_load(x + i + k * AN_LANES) - mean;
            const an_v d = an_v_load(dy + i + k * AN_LANES);
            r[k] += off, g[k] += d;
            q[k] = an_v_fma(d, off, q[k]);
        }
    for (int k = 0; i < count; i += AN_LANES, k++) {
        const int64_t n = count - i < AN_LANES ? count - i : AN_LANES;
        const an_v off = an_v_first(an_v_load_n(x + i, n, 0.0f) - mean, n);
        const an_v d = an_v_load_n(dy + i, n, 0.0f);
        r[k] += off, g[k] += d;
        q[k] = an_v_fma(d, off, q[k]);
    }
    s->rest += (double)an_v_sum(r[0] + r[1]);
    s->dy += (double)an_v_sum(g[0] + g[1]);
    s->product += (double)an_v_sum(q[0] + q[1]);
}

static sums sums_of(const an_batch_norm *b, int64_t channel)
{
    float x[AN_BLOCK_ROW], dy[AN_BLOCK_ROW];
    const an_v mean = an_v_set(b->of_mean[channel]);
    sums s = {0};
    for (int64_t i = 0; i < count_of(b);) {
        const piece p = piece_at(b, channel, i);
        add_block(&s, take(&p, b->x, x), take(&p, b->dy, dy), p.count, mean);
        i += p.count;
    }
    return s;
}

/* dx = (dy - away - off * along) * scale, with off = (x - mean) - shift. */
typedef struct slope {
    float mean, shift, away, along, scale;
} slope;

AN_INLINE an_v dx_of(an_v x, an_v dy, const slope *s)
{
    const an_v off = (x - an_v_set(s->mean)) - an_v_set(s->shift);
    return an_v_fma(-off, an_v_set(s->along), dy - an_v_set(s->away)) * an_v_set(s->scale);
}

static void write_dx(const an_batch_norm *b, int64_t channel, slope s)
{
    float kept[AN_BLOCK_ROW], also[AN_BLOCK_ROW];
    for (int64_t done = 0; done < count_of(b);) {
        const piece p = piece_at(b, channel, done);
        const float *x = take(&p, b->x, kept), *dy = take(&p, b->dy, also);
        float *dx = p.runs > 0 ? kept : b->dx + p.at;
        int64_t i = 0;
        for (; i + AN_LANES <= p.count; i += AN_LANES)
            an_v_store(dx + i, dx_of(an_v_load(x + i), an_v_load(dy + i), &s));
        const int64_t n = p.count - i;
        if (n > 0)
            an_v_store_n(dx + i, n,
                         dx_of(an_v_load_n(x + i, n, 0.0f), an_v_load_n(dy + i, n, 0.0f), &s));
        give(&p, kept, b->dx);
        done += p.count;
    }
}

/* Whether all numbers on the way to dx keep their digits in f32. */
AN_INLINE bool is_fine(const sums *s, double rstd, double scale, double along)
{
    const double most = fabs(s->rest) + fabs(s->dy) + fabs(s->product);
    const double least = fabs(along) < fabs(scale) ? along : scale;
    return most <= 1e30 && rstd >= 1e-15 && rstd <= 1e15 && fabs(scale) <= 1e30 &&
           fabs(along) <= 1e30 && (least == 0 || fabs(least) >= 1e-30);
}

void AN_ISA(batch_norm_grad)(const an_batch_norm *b, int64_t channel)
{
    const double count = (double)count_of(b), rstd = (double)b->of_rstd[channel];
    const sums s = sums_of(b, channel);
    const double shift = s.rest / count;
    const double product = (s.product - shift * s.dy) * rstd; /* of dy and xhat */
    const double scale = rstd * (b->gamma ? (double)b->gamma[channel] : 1.0);
    const double along = product / count * rstd;
    if (!is_fine(&s, rstd, scale, along) || count == 0) {
        an_batch_norm_grad_double(b, channel);
        return;
    }
    if (b->dgamma) b->dgamma[channel] = (float)product;
    if (b->dbeta) b->dbeta[channel] = (float)s.dy;
    if (b->dx)
        write_dx(b, channel, (slope){b->of_mean[channel], (float)shift, (float)(s.dy / count),
                                     (float)along, (float)scale});
}
