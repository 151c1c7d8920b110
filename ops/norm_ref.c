/* norm_ref.c -- the norms as plain loops in double: the oracle of the kernels.
 *
 * The same corrected two-pass as the kernels, from left to right, of the row times a
 * power of two, so that f64 rows of any magnitude have their norm, too. s = x + skip and
 * dx are rounded to the tensors' type before they go on, as the separate ops
 * would, so in f64 too fused and unfused agree in every bit.
 *
 * A circle with norm.c, whose record names these loops: they cut rows as it does. */
#include "ops/access.h"
#include "ops/norm.h"

#include <float.h>
#include <math.h>

static bool wanted(const an_tensor *t)
{
    return t && t->data;
}

static double rounded(an_dtype dtype, double value)
{
    return dtype == AN_F32 ? (double)(float)value : value;
}

/* One row of s = x + skip. */
typedef struct line {
    const an_tensor *x, *skip; /* NULL: no skip */
    int64_t at, width;
} line;

static double element(const line *l, int64_t i)
{
    const double x = an_get(l->x, l->at + i);
    return wanted(l->skip) ? rounded(l->x->dtype, x + an_get(l->skip, l->at + i)) : x;
}

/* Of a row taken times `scale`: the mean, what rounding took from it where it is saved, rstd. */
typedef struct statistics {
    double scale, mean, shift, rstd;
} statistics;

/* The power of two that brings the row's largest element near 1, or sqrt(eps) if that is larger:
 * then no square and no sum overflows or vanishes, in f64 either. Other rows keep their bits. */
static double scale_of(const line *l, double eps)
{
    double most = sqrt(eps);
    int exponent;
    for (int64_t i = 0; i < l->width; i++) most = fmax(most, fabs(element(l, i)));
    if (!isfinite(most) || most == 0) return 1;
    frexp(most, &exponent);
    return ldexp(1, exponent > 1000 ? -1000 : exponent < -1000 ? 1000 : -exponent);
}

/* shift and rstd about the mean that is there. By rounding the variance of a constant row may come
 * out below 0. */
static void spread(const line *l, double eps, bool rms, statistics *s)
{
    double rest = 0, squares = 0;
    for (int64_t i = 0; i < l->width; i++) {
        const double d = element(l, i) * s->scale - s->mean;
        rest += d;
        squares += d * d;
    }
    if (!rms) {
        s->shift = rest / (double)l->width;
        squares -= rest * s->shift;
    }
    const double variance = squares < 0 ? 0 : squares / (double)l->width;
    s->rstd = 1 / sqrt(variance + eps * s->scale * s->scale);
}

static statistics measure(const line *l, double eps, bool rms)
{
    statistics s = {.scale = scale_of(l, eps)};
    double sum = 0;
    for (int64_t i = 0; i < l->width && !rms; i++) sum += element(l, i) * s.scale;
    if (!rms) s.mean = sum / (double)l->width;
    spread(l, eps, rms, &s);
    return s;
}

static double hat(const line *l, const statistics *s, int64_t i)
{
    return ((element(l, i) * s->scale - s->mean) - s->shift) * s->rstd;
}

void an_norm_ref(const an_work *w)
{
    const an_norm_parts parts = an_norm_parts_of(w), *p = &parts;
    const an_norm_cut cut = an_norm_cut_of(p->x, w->attrs->axis);
    for (int64_t row = 0; row < cut.rows; row++) {
        const int64_t at = row * cut.width;
        const line l = {p->x, p->skip, at, cut.width};
        const statistics s = measure(&l, (double)w->attrs->eps, p->rms);
        an_put_wanted(p->mean, row, s.mean / s.scale);
        an_put_wanted(p->rstd, row, s.rstd * s.scale);
        for (int64_t i = 0; i < cut.width; i++) {
            const double value = element(&l, i);
            double y = hat(&l, &s, i);
            if (wanted(p->gamma)) y *= an_get(p->gamma, i);
            if (wanted(p->beta)) y += an_get(p->beta, i);
            an_put_wanted(p->sum, at + i, value);
            an_put_wanted(p->y, at + i, y);
        }
    }
}

/* ---- backward ------------------------------------------------------------- */

static line line_of(const an_norm_grad_parts *p, const an_norm_cut *cut, int64_t row)
{
    return (line){p->x, NULL, row * cut->width, cut->width};
}

/* Did the tensor's type hold it, with all its digits? */
static bool held(an_dtype dtype, double rstd)
{
    const double least = dtype == AN_F32 ? (double)FLT_MIN : DBL_MIN;
    return !(isinf(rstd) && rstd > 0) && !(rstd > 0 && rstd < least);
}

/* The row's saved statistics, and the shift that rounding the mean calls for. An rstd that its
 * type could not hold is taken from the row. */
static statistics recall(const an_norm_grad_parts *p, const line *l, int64_t row, double eps)
{
    const double rstd = an_get(p->rstd, row);
    statistics s = {.scale = scale_of(l, eps)};
    if (!p->rms) s.mean = an_get(p->mean, row) * s.scale;
    spread(l, eps, p->rms, &s);
    if (held(p->rstd->dtype, rstd)) s.rstd = rstd / s.scale;
    return s;
}

static double weighted(const an_norm_grad_parts *p, int64_t at, int64_t i)
{
    return an_get(p->dy, at + i) * (wanted(p->gamma) ? an_get(p->gamma, i) : 1);
}

/* The sums over rows stay in double, in the scratch, until all rows are in. */
static void scale_grads(const an_norm_grad_parts *p, const an_norm_cut *cut, double eps,
                        double *scratch)
{
    if (cut->width == 0) return;
    double *dgamma = scratch, *dbeta = scratch + cut->width;
    for (int64_t i = 0; i < 2 * cut->width; i++) scratch[i] = 0;
    for (int64_t row = 0; row < cut->rows; row++) {
        const line l = line_of(p, cut, row);
        const statistics s = recall(p, &l, row, eps);
        for (int64_t i = 0; i < cut->width; i++) {
            const int64_t at = row * cut->width + i;
            dgamma[i] += an_get(p->dy, at) * hat(&l, &s, i);
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
    if (wanted(p->dgamma) || wanted(p->dbeta))
        scale_grads(p, &cut, (double)w->attrs->eps, w->scratch);
    for (int64_t row = 0; row < cut.rows && wanted(p->dx); row++) {
        const int64_t at = row * cut.width;
        const line l = line_of(p, &cut, row);
        const statistics s = recall(p, &l, row, (double)w->attrs->eps);
        double mean = 0, product = 0;
        for (int64_t i = 0; i < cut.width; i++) {
            mean += weighted(p, at, i);
            product += weighted(p, at, i) * hat(&l, &s, i);
        }
        mean = p->rms ? 0 : mean / (double)cut.width;
        product /= (double)cut.width;
        for (int64_t i = 0; i < cut.width; i++) {
            const double d = ((weighted(p, at, i) - mean) - hat(&l, &s, i) * product) * s.rstd;
            const double dx = rounded(p->dx->dtype, d * s.scale);
            an_put(p->dx, at + i, wanted(p->dsum) ? an_get(p->dsum, at + i) + dx : dx);
        }
    }
}
