/* invariants.c -- what a layer norm must satisfy, whatever computed it.
 *
 * Derived on paper, and independent of the kernels and of the ops' reference loops alike.
 * Over a row s of width D let m be its mean, v its variance, r = rstd, h = (s - m) r.
 *
 *   forward:  sum h = 0, and since r = (v + eps)^-1/2: mean h^2 = v r^2 = 1 - eps r^2.
 *   backward: dx = (w - mean(w) - h mean(w h)) r with w = gamma dy. Hence
 *             sum dx = r (sum w - sum w - sum h mean(w h)) = 0, and
 *             sum dx h = r (sum w h - mean(w h) sum h^2) = eps r^3 sum w h,
 *             as sum h = 0 and sum h^2 = D (1 - eps r^2).
 *   rms norm: the same with m = 0, but for sum dx, which may be anything.
 *
 * add_norm_grad adds dsum, which is taken off again. Each sum is allowed TIMES units of
 * rounding of the magnitudes that went into it. A mean far from its row's values is rounded
 * by more than they differ by; that part is in the bound, too.                            */
#include "graph/equal/proof/place.h"
#include "graph/equal/trial.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

#define TIMES 24
#define LARGE 1e15 /* squares of more, or of less than one over it, are not for f32 */

/* What plays which part in a node; NULL where it has none. */
typedef struct parts {
    const an_tensor *s, *mean, *rstd;             /* the row, and what is saved of it */
    const an_tensor *dy, *gamma, *dsum, *dx;      /* backward only */
    int64_t rows, width;
    double eps, unit; /* one unit of rounding */
    bool rms;
} parts;

typedef struct row_sums { /* in double, from the values as they are saved */
    double mean, rstd, size, square; /* size: mean |s - mean|; square: mean (s - mean)^2 */
    double shift; /* how far off the saved mean is */
    bool usable;
} row_sums;

static double at(const an_tensor *t, int64_t i)
{
    return t->dtype == AN_F32 ? (double)((const float *)t->data)[i] : ((const double *)t->data)[i];
}

/* ---- which tensors ------------------------------------------------------ */

static const an_tensor *in_role(const an_trial_side *side, const an_node *n, int role)
{
    const uint32_t value = an_node_role(n, role);
    return value ? &side->e.value[value] : NULL;
}

static bool read_parts(const an_trial_side *side, const an_node *n, parts *p)
{
    const an_norm_roles *r = &n->op->rules->norm;
    if (!r->row) return false;
    *p = (parts){.s = in_role(side, n, r->row), .mean = in_role(side, n, r->mean),
                 .rstd = in_role(side, n, r->rstd), .dy = in_role(side, n, r->dy),
                 .gamma = in_role(side, n, r->gamma), .dsum = in_role(side, n, r->dsum),
                 .dx = in_role(side, n, r->dx), .rms = !r->mean};
    p->rows = 1;
    for (int i = 0; i < n->attrs->axis; i++) p->rows *= p->s->extent[i];
    p->width = p->rows > 0 ? an_tensor_count(p->s) / p->rows : 0;
    p->eps = (double)n->attrs->eps;
    p->unit = p->s->dtype == AN_F32 ? FLT_EPSILON : 4 * DBL_EPSILON;
    return p->width > 0 && isfinite(p->eps);
}

static row_sums measure(const parts *p, int64_t row)
{
    row_sums r = {.rstd = at(p->rstd, row)};
    double most = 0, rest = 0, width = (double)p->width;
    for (int64_t i = row * p->width; i < (row + 1) * p->width; i++) {
        r.mean += p->rms ? 0 : at(p->s, i) / width;
        most = fmax(most, isfinite(at(p->s, i)) ? fabs(at(p->s, i)) : INFINITY);
    }
    /* Of a constant row rounding must not leave a deviation, however small: rstd is large. */
    for (int64_t i = row * p->width; i < (row + 1) * p->width; i++)
        rest += p->rms ? 0 : (at(p->s, i) - r.mean) / width;
    r.mean += rest;
    for (int64_t i = row * p->width; i < (row + 1) * p->width; i++) {
        const double d = at(p->s, i) - r.mean;
        r.size += fabs(d) / width;
        r.square += d * d / width;
    }
    r.shift = p->rms ? 0 : at(p->mean, row) - r.mean;
    r.usable = most < LARGE && (most == 0 || most > 1 / LARGE) && isfinite(r.rstd) &&
               isfinite(r.shift);
    return r;
}

/* ---- the invariants ----------------------------------------------------- */

typedef struct finding { /* a sum that is not what it must be */
    const char *what;
    double is, must, allowed;
} finding;

static bool misses(finding *f, const char *what, double is, double must, double allowed)
{
    *f = (finding){what, is, must, allowed};
    return !(fabs(is - must) <= allowed);
}

static bool forward_misses(const parts *p, const row_sums *r, finding *f)
{
    const double u = TIMES * p->unit, spread = r->size + fabs(r->mean);
    if (!p->rms && misses(f, "the mean of x, less the saved mean,", -r->shift, 0, u * spread))
        return true;
    const double hats = r->square * r->rstd * r->rstd, rest = p->eps * r->rstd * r->rstd;
    const double lost = r->shift * r->shift * r->rstd * r->rstd; /* as the mean was rounded */
    return misses(f, "the mean of xhat^2, by the saved rstd,", hats, 1 - rest,
                  u * (1 + hats + rest + lost));
}

/* Only of rows whose saved statistics are theirs: a graph may give any. */
static bool backward_misses(const parts *p, const row_sums *r, int64_t row, finding *f)
{
    if (forward_misses(p, r, f)) return false;
    double sum = 0, product = 0, wh = 0, size = 0, weighted = 0, w_size = 0, wh_size = 0;
    const double width = (double)p->width, typical = r->size * r->rstd;
    for (int64_t k = 0; k < p->width; k++) {
        const int64_t i = row * p->width + k;
        const double w = at(p->dy, i) * (p->gamma ? at(p->gamma, k) : 1);
        w_size += fabs(w) / width;
        wh += w * (at(p->s, i) - r->mean) * r->rstd;
        wh_size += fabs(w) * (fabs((at(p->s, i) - r->mean) * r->rstd) + typical) / width;
    }
    for (int64_t k = 0; k < p->width; k++) {
        const int64_t i = row * p->width + k;
        const double w = at(p->dy, i) * (p->gamma ? at(p->gamma, k) : 1);
        const double h = (at(p->s, i) - r->mean) * r->rstd, apart = p->dsum ? at(p->dsum, i) : 0;
        const double dx = at(p->dx, i) - apart;
        const double terms = (fabs(w) + w_size + (fabs(h) + typical) * wh_size) * r->rstd +
                             fabs(apart) + fabs(dx) + FLT_MIN * (1 + r->rstd);
        sum += dx;
        product += dx * h;
        size += terms;
        weighted += terms * (fabs(h) + typical);
    }
    if (!isfinite(sum) || !isfinite(size) || size > FLT_MAX) return false;
    /* In f64 the sums above are no better than the kernel: far from zero all are off alike. */
    const double u = TIMES * p->unit, far = TIMES * DBL_EPSILON * fabs(r->mean) * r->rstd;
    if (!p->rms && misses(f, "the sum of dx", sum, 0, (u + far) * size)) return true;
    return misses(f, "the sum of dx * xhat", product, p->eps * pow(r->rstd, 3) * wh,
                  u * weighted + far * (weighted + size));
}

static void check_node(const an_trial_side *side, uint32_t number, an_check_row *row)
{
    parts p;
    finding f;
    if (!read_parts(side, &side->g->nodes[number], &p)) return;
    bool tried = false;
    for (int64_t i = 0; i < p.rows; i++) {
        const row_sums r = measure(&p, i);
        if (!r.usable) continue;
        tried = true;
        if (!(p.dx ? backward_misses(&p, &r, i, &f) : forward_misses(&p, &r, &f))) continue;
        char where[360];
        an_place_words(side->g, number, 0, where, sizeof where);
        const bool far = !(fabs(f.is - f.must) <= AN_SUSPECT_TIMES * f.allowed);
        an_check_fail(row, far ? AN_DIFFERENT : AN_SUSPECT,
                      "%.240s: in row %lld %s is %.9g and must be %.9g", where, (long long)i,
                      f.what, f.is, f.must);
        break;
    }
    row->tried += tried;
}

an_status an_check_norms(an_trial *t, an_check_row *row)
{
    if (t->step > 0) return AN_OK;
    for (int s = 0; s < 2; s++)
        for (uint32_t i = 1; (int64_t)i <= t->side[s].g->node_count; i++)
            check_node(&t->side[s], i, row);
    return AN_OK;
}
