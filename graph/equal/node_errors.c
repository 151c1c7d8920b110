/* node_errors.c -- is each node as near to the truth as rounding allows?
 *
 * Fused and unfused share routines, so a wrong constant in one of them leaves both
 * equal. Here every node is computed once more, by the op's plain loops in f64 from
 * the same f32 operands, which shares nothing with the kernel. A kernel may err as if
 * its operands had been rounded anew (backward error), so where the simple bound is
 * exceeded the f64 run is repeated on operands moved by half a unit in the last place,
 * and the spread of the results says what rounding can do there.            */
#include "graph/equal/apart.h"
#include "graph/equal/proof/place.h"

#include "core/pool.h"
#include "ops/access.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define ULPS 16 /* and one for each root of the terms of a sum: rounding walks at random */

/* Squares of what lies outside overflow or vanish in f32, and in f64 they do not. A norm's rows may
 * be as large as they like. */
static bool is_in_range(const an_apart *p, const an_norm_roles *norm)
{
    const double far = norm->row && !norm->dy ? (double)FLT_MAX : 1e18;
    for (int i = 0; i < p->inputs; i++) {
        if (!p->single[i]) continue;
        const double *x = p->in[i].data;
        double most = 0;
        for (int64_t k = 0, count = an_elements(&p->in[i]); k < count; k++) {
            const double size = fabs(x[k]);
            if (!(size <= far)) return false; /* nor may it be NaN */
            if (size > most) most = size;
        }
        if (most > 0 && most < 1e-18) return false;
    }
    return true;
}

/* ---- judging ----------------------------------------------------------- */

/* Sums of terms that cancel have no scale of their own: that of the tensor counts, too. */
static double largest(const an_tensor *t)
{
    const double *x = t->data;
    double most = 0;
    for (int64_t i = 0, count = an_elements(t); i < count; i++)
        if (fabs(x[i]) <= DBL_MAX && fabs(x[i]) > most) most = fabs(x[i]);
    return most;
}

static bool is_near(double y, double t, double allowed)
{
    if (isnan(t) || isnan(y)) return isnan(t) && isnan(y);
    if (!isfinite(y)) return fabs(t) > FLT_MAX && (t > 0) == (y > 0);
    return fabs(y - t) <= allowed;
}

/* How far all elements of a tensor may be off: a few units of the largest, or of denormals a
 * thousand. The plain loops in f64 are no truer than a kernel in f64, but no nearer to each other
 * than 1e-12 need two ways to compute one number be. */
static double scale_of(an_dtype dtype, const an_tensor *t, double terms)
{
    const double unit = dtype == AN_F32 ? (double)FLT_EPSILON : DBL_EPSILON;
    return fmax((3 + sqrt(terms)) * unit * largest(t), dtype == AN_F32 ? FLT_MIN / 0x1p13 : 1e-12);
}

/* Other results are what they must be, to the bit. */
static bool is_wide(const an_tensor *t) { return t->dtype == AN_F64; }

/* How many terms go into an element of result k, at least: elements of the largest operand for each
 * of the result. */
static double terms_of(const an_apart *p, const an_tensor *y)
{
    double most = 1;
    const double results = (double)an_elements(y);
    for (int i = 0; i < p->inputs && results > 0; i++)
        most = fmax(most, (double)an_elements(&p->in[i]) / results);
    return most;
}

/* Rounding of a sum walks at random with its steps, and these are as large as the sum on the way:
 * as the tensor's largest, for other elements end where this one was. Of 3,200 rows that add up to
 * the gradient of a shift, the result was seen 23 units off, and 140 where it was small. */
static double units_of(double terms) { return ULPS + sqrt(terms) - 1; }

/* The first element of result k that is too far from f64; -1 if none. `spread` NULL: by
 * the simple bound. */
static int64_t first_far(const an_tensor *y, const an_tensor *t, const an_tensor *spread,
                         double terms, bool may_overflow)
{
    const int64_t count = an_tensor_count(y);
    if (!is_wide(t)) {
        for (int64_t i = 0; i < count; i++)
            if (!is_near(an_get(y, i), an_get(t, i), 0)) return i;
        return -1;
    }
    const double *d = t->data, *wide = spread ? spread->data : NULL;
    const double scale = scale_of(y->dtype, t, terms);
    for (int64_t i = 0; i < count; i++) {
        const double f = an_get(y, i);
        if (fabs(f - d[i]) <= scale || (may_overflow && !isfinite(f))) continue;
        const double bound = scale + units_of(terms) * an_ulp_at(d[i], y->dtype);
        if (!is_near(f, d[i], bound + (wide ? AN_SPREAD_TIMES * wide[i] : 0))) return i;
    }
    return -1;
}

typedef struct search {
    const an_trial_side *side;
    an_finding *found;
} search;

void an_node_examine(const an_trial_side *s, an_finding *f)
{
    const an_node *n = &s->g->nodes[f->number];
    an_apart p;
    bool measured = false;
    f->output = -1;
    f->status = an_apart_open(&p, s, f->number);
    f->tried = f->status == AN_OK && (f->anywhere || is_in_range(&p, &n->op->rules->norm));
    if (f->tried) f->status = an_apart_run(&p, s, f->number);
    for (int k = 0; k < n->outputs && f->tried && f->status == AN_OK && f->output < 0; k++) {
        const an_tensor *y = &s->e.value[n->first + (uint32_t)k];
        const double terms = terms_of(&p, y);
        int64_t far = first_far(y, &p.out[k], NULL, terms, f->may_overflow);
        if (far >= 0 && is_wide(&p.out[k])) {
            if (!measured) f->status = an_apart_spread(&p, s, f->number);
            measured = true;
            if (f->status == AN_OK)
                far = first_far(y, &p.out[k], &p.spread[k], terms, f->may_overflow);
        }
        if (far < 0 || f->status != AN_OK) continue;
        f->output = k;
        f->element = far;
        f->truth = an_tensor_get(&p.out[k], far);
        if (measured) f->allowed = AN_SPREAD_TIMES * an_tensor_get(&p.spread[k], far);
    }
    an_apart_close(&p);
}

static void examine_units(void *search_, int64_t begin, int64_t end)
{
    const search *x = search_;
    for (int64_t i = begin; i < end; i++) an_node_examine(x->side, &x->found[i]);
}

static void complain(an_check_row *row, const an_trial_side *s, const an_finding *f)
{
    const an_node *n = &s->g->nodes[f->number];
    const uint32_t value = n->first + (uint32_t)f->output;
    const double y = an_tensor_get(&s->e.value[value], f->element), t = f->truth;
    const double far = fabs(y - t) / fmax(f->allowed, an_ulp_at(t, s->e.value[value].dtype));
    const bool turned = fabs(y + t) < 1e-3 * fabs(t);
    char where[360];
    an_place_words(s->g, f->number, value, where, sizeof where);
    an_check_fail(row, far <= AN_SUSPECT_TIMES ? AN_SUSPECT : AN_DIFFERENT,
                  "%.240s: element %lld is %.9g; from the same operands f64 has %.9g%s", where,
                  (long long)f->element, y, t, turned ? ": opposite sign" : "");
}

/* A node of the second graph that has a twin in the first, with the same bits, need not
 * be computed again. */
static bool has_twin(const an_trial *t, const an_node *n)
{
    const an_graph *a = t->side[0].g;
    for (int k = 0; k < n->outputs; k++) {
        const uint32_t value = n->first + (uint32_t)k, twin = t->partner[1][value];
        if (!twin || an_node_of(a, twin)->op != n->op) return false;
        const an_tensor *x = &t->side[0].e.value[twin], *y = &t->side[1].e.value[value];
        if (memcmp(x->data, y->data, (size_t)an_tensor_bytes(y)) != 0) return false;
    }
    return true;
}

/* Nodes do not wait for each other here, so they are shared out to the pool. */
static an_status check_side(an_trial *t, int side, an_check_row *row)
{
    const an_graph *g = t->side[side].g;
    search x = {&t->side[side],
                an_alloc_zeroed((g->node_count + 1) * (int64_t)sizeof(an_finding))};
    int64_t count = 0;
    if (!x.found) return an_fail(&t->error, AN_E_MEMORY, "out of memory");
    for (uint32_t i = 1; (int64_t)i <= g->node_count; i++) {
        const an_node *n = &g->nodes[i];
        const bool leaf = an_node_is_named(n);
        if (leaf || n->inputs == 0) continue;
        if (side == 0 || !has_twin(t, n)) x.found[count++].number = i;
    }
    an_pool_run(count, examine_units, &x);
    an_status status = AN_OK;
    for (int64_t i = 0; i < count && status == AN_OK; i++) {
        status = x.found[i].status;
        row->tried += x.found[i].tried;
        if (status == AN_OK && x.found[i].output >= 0) complain(row, x.side, &x.found[i]);
    }
    an_free(x.found);
    return status == AN_OK ? AN_OK
                           : an_fail(&t->error, status, "a node cannot be computed in f64: %s",
                                     an_status_name(status));
}

an_status an_check_kernels(an_trial *t, an_check_row *row)
{
    if (t->step > 0) return AN_OK;
    const an_status status = check_side(t, 0, row);
    return status == AN_OK ? check_side(t, 1, row) : status;
}

an_status an_check_memory(an_trial *t, an_check_row *row)
{
    const an_trial_side *const sides[] = {&t->side[0], &t->side[1], &t->truth[0]};
    for (int s = 0; s < 3; s++) {
        row->tried += t->step == 0 ? sides[s]->g->node_count : 0;
        if (!sides[s]->e.trespasser) continue;
        char where[360];
        an_place_words(sides[s]->g, sides[s]->e.trespasser, 0, where, sizeof where);
        an_check_fail(row, AN_DIFFERENT, "%.320s writes past its result or its scratch", where);
    }
    return AN_OK;
}
