/* norm_ref.c -- the norms as plain loops in double: the oracle of the kernels.
 *
 * The same corrected two-pass as the kernels, from left to right. s = x + skip and
 * dx are rounded to the tensors' type before they go on, as the separate ops
 * would, so in f64 too fused and unfused agree in every bit.
 *
 * A circle with norm.c, whose record names these loops: they cut rows as it does. */
#include "ops/access.h"
#include "ops/norm.h"

#include <math.h>

static bool wanted(const an_tensor *t)
{
    return t && t->data;
}

static double rounded(an_dtype dtype, double value)
{
    return dtype == AN_F32 ? (double)(float)value : value;
}

static double element(const an_norm_parts *p, int64_t i)
{
    const double x = an_get(p->x, i);
    return wanted(p->skip) ? rounded(p->x->dtype, x + an_get(p->skip, i)) : x;
}

/* Of the row at `at`: the mean as its output holds it, what rounding took from it, rstd. */
typedef struct statistics {
    double mean, shift, rstd;
} statistics;

static statistics measure(const an_norm_parts *p, int64_t at, int64_t width, double eps)
{
    statistics s = {0};
    double sum = 0, rest = 0, squares = 0;
    for (int64_t i = 0; i < width && !p->rms; i++) sum += element(p, at + i);
    if (!p->rms) s.mean = sum / (double)width;
    for (int64_t i = 0; i < width; i++) {
        const double d = element(p, at + i) - s.mean;
        rest += d;
        squares += d * d;
    }
    if (!p->rms) {
        s.shift = rest / (double)width;
        squares -= rest * s.shift;
    }
    s.rstd = 1 / sqrt(squares / (double)width + eps);
    return s;
}

void an_norm_ref(const an_work *w)
{
    const an_norm_parts parts = an_norm_parts_of(w), *p = &parts;
    const an_norm_cut cut = an_norm_cut_of(p->x, w->attrs->axis);
    for (int64_t row = 0; row < cut.rows; row++) {
        const int64_t at = row * cut.width;
        const statistics s = measure(p, at, cut.width, (double)w->attrs->eps);
        an_put_wanted(p->mean, row, s.mean);
        an_put_wanted(p->rstd, row, s.rstd);
        for (int64_t i = 0; i < cut.width; i++) {
            const double value = element(p, at + i);
            double y = ((value - s.mean) - s.shift) * s.rstd;
            if (wanted(p->gamma)) y *= an_get(p->gamma, i);
            if (wanted(p->beta)) y += an_get(p->beta, i);
            an_put_wanted(p->sum, at + i, value);
            an_put_wanted(p->y, at + i, y);
        }
    }
}

/* ---- backward ------------------------------------------------------------- */

/* The row's saved statistics, and the shift that rounding the mean calls for. */
static statistics recall(const an_norm_grad_parts *p, int64_t row, int64_t width)
{
    statistics s = {.rstd = an_get(p->rstd, row)};
    if (p->rms) return s;
    s.mean = an_get(p->mean, row);
    double rest = 0;
    for (int64_t i = 0; i < width; i++) rest += an_get(p->x, row * width + i) - s.mean;
    s.shift = rest / (double)width;
    return s;
}

static double hat(const an_norm_grad_parts *p, const statistics *s, int64_t i)
{
    return ((an_get(p->x, i) - s->mean) - s->shift) * s->rstd;
}

static double weighted(const an_norm_grad_parts *p, int64_t at, int64_t i)
{
    return an_get(p->dy, at + i) * (wanted(p->gamma) ? an_get(p->gamma, i) : 1);
}

/* The sums over rows stay in double, in the scratch, until all rows are in. */
static void scale_grads(const an_norm_grad_parts *p, const an_norm_cut *cut, double *scratch)
{
    if (cut->width == 0) return;
    double *dgamma = scratch, *dbeta = scratch + cut->width;
    for (int64_t i = 0; i < 2 * cut->width; i++) scratch[i] = 0;
    for (int64_t row = 0; row < cut->rows; row++) {
        const statistics s = recall(p, row, cut->width);
        for (int64_t i = 0; i < cut->width; i++) {
            const int64_t at = row * cut->width + i;
            dgamma[i] += an_get(p->dy, at) * hat(p, &s, at);
            dbeta[i] += an_get(p->dy, at);
        }
    }
    for (int64_t i = 0; i < cut->width; i++) {
        an_put_wanted(p->dgamma, i, dgamma[i]);
        an_put_wanted(p->dbeta, i, dbeta[i]);
    }
}

/* dx last: it may lie over dy, x or dsum. */
void an_norm_grad_ref(const an_work *w)
{
    const an_norm_grad_parts parts = an_norm_grad_parts_of(w), *p = &parts;
    const an_norm_cut cut = an_norm_cut_of(p->x, w->attrs->axis);
    if (wanted(p->dgamma) || wanted(p->dbeta)) scale_grads(p, &cut, w->scratch);
    for (int64_t row = 0; row < cut.rows && wanted(p->dx); row++) {
        const int64_t at = row * cut.width;
        const statistics s = recall(p, row, cut.width);
        double mean = 0, product = 0;
        for (int64_t i = 0; i < cut.width; i++) {
            mean += weighted(p, at, i);
            product += weighted(p, at, i) * hat(p, &s, at + i);
        }
        mean = p->rms ? 0 : mean / (double)cut.width;
        product /= (double)cut.width;
        for (int64_t i = 0; i < cut.width; i++) {
            const double d = ((weighted(p, at, i) - mean) - hat(p, &s, at + i) * product) * s.rstd;
            const double dx = rounded(p->dx->dtype, d);
            an_put(p->dx, at + i, wanted(p->dsum) ? an_get(p->dsum, at + i) + dx : dx);
        }
    }
}
