/* reals_algebra.c -- sums and products of forms, and forms whose axes are moved.
 *
 * Moving axes renumbers indices; repeating adds some that nothing is read at; summing over an
 * axis gives its index to the terms. A product is multiplied out as long as its terms fit; if they
 * do not, the longer factor becomes an atom first.                           */
#include "graph/equal/proof/reals.h"

#include <math.h>
#include <string.h>

/* ---- renumbering ------------------------------------------------------- */

/* Every index of the form is to[index] from now on. */
static void renumber(an_monomial *t, const int *to)
{
    for (int i = 0; i < t->factors; i++)
        for (int k = 0; k < t->at[i].length; k++) {
            uint8_t *id = &t->at[i].at[k];
            if (*id < AN_REAL_OWN) *id = (uint8_t)to[*id];
        }
}

bool an_expr_relaid(an_reals *r, const an_expr *f, int rank, const int *from, an_expr *out)
{
    int first[AN_MAX_RANK + 1] = {0}, to[AN_REAL_INDICES] = {0}, count = 0;
    (void)r;
    if (rank > AN_MAX_RANK) return false;
    for (int k = 0; k < f->rank; k++) first[k + 1] = first[k] + f->count[k];
    an_expr_copy(out, f);
    out->rank = rank;
    for (int k = 0; k < rank; k++) {
        out->count[k] = from[k] < 0 ? 0 : f->count[from[k]];
        for (int i = 0; i < out->count[k]; i++) {
            out->extent[count] = f->extent[first[from[k]] + i];
            to[first[from[k]] + i] = count++;
        }
    }
    if (count != f->indices) return false;
    for (int t = 0; t < out->terms; t++) renumber(&out->at[t], to);
    return true;
}

bool an_expr_repeated(an_reals *r, const an_expr *f, const an_shape *shape, an_expr *out)
{
    int to[AN_REAL_INDICES] = {0}, count = 0, at = 0;
    (void)r;
    an_expr_copy(out, f);
    out->rank = shape->rank;
    for (int k = 0; k < shape->rank; k++) {
        const int from = k - shape->rank + f->rank;
        out->count[k] = from >= 0 ? f->count[from] : 0;
        if (out->count[k] == 0 && shape->dim[k] != 1) {
            if (count == AN_REAL_INDICES) return false;
            out->count[k] = 1;
            out->extent[count++] = shape->dim[k];
            continue;
        }
        for (int i = 0; i < out->count[k]; i++) {
            if (count == AN_REAL_INDICES) return false;
            out->extent[count] = f->extent[at];
            to[at++] = count++;
        }
    }
    out->indices = count;
    for (int t = 0; t < out->terms; t++) renumber(&out->at[t], to);
    return true;
}

/* The indices in order, cut into axes of the shape; one that lies across a cut is split. */
bool an_expr_reshaped(an_reals *r, const an_expr *f, const an_shape *shape, an_expr *out)
{
    an_dims *dims = r->p->values.graph->dims;
    int at = 0;
    an_expr_copy(out, f);
    out->rank = 1; /* one axis, while indices are split */
    out->count[0] = (uint8_t)f->indices;
    uint8_t count[AN_MAX_RANK] = {0};
    for (int k = 0; k < shape->rank; k++) {
        for (an_dim left = shape->dim[k]; left != 1;) {
            an_dim rest;
            if (at == out->indices) return false;
            const an_dim extent = out->extent[at];
            if (extent != left && !an_dims_divides(dims, left, extent, &rest)) {
                if (!an_dims_divides(dims, extent, left, &rest) ||
                    !an_expr_split(out, at, left, rest))
                    return false;
                rest = 1;
            } else if (extent == left) {
                rest = 1;
            }
            left = rest;
            count[k]++;
            at++;
        }
    }
    if (at != out->indices) return false;
    out->rank = shape->rank;
    memcpy(out->count, count, sizeof count);
    return true;
}

/* ---- two forms of one shape -------------------------------------------- */

/* Splits indices of either until both have the same. */
static bool refine(an_reals *r, an_expr *f, an_expr *g)
{
    an_dims *dims = r->p->values.graph->dims;
    if (f->rank != g->rank) return false;
    for (int i = 0; i < f->indices || i < g->indices; i++) {
        an_dim rest;
        if (i >= f->indices || i >= g->indices) return false;
        if (f->extent[i] == g->extent[i]) continue;
        if (an_dims_divides(dims, f->extent[i], g->extent[i], &rest)) {
            if (!an_expr_split(f, i, g->extent[i], rest)) return false;
        } else if (an_dims_divides(dims, g->extent[i], f->extent[i], &rest)) {
            if (!an_expr_split(g, i, f->extent[i], rest)) return false;
        } else {
            return false;
        }
    }
    return !memcmp(f->count, g->count, (size_t)f->rank);
}

bool an_expr_plus(an_reals *r, const an_expr *f, const an_expr *g, an_expr *out)
{
    an_expr other;
    an_expr_copy(out, f);
    an_expr_copy(&other, g);
    if (!refine(r, out, &other)) return false;
    for (int i = 0; i < out->terms; i++)
        if (!an_term_tidy(r, &out->at[i])) return false;
    bool fits = true;
    for (int i = 0; i < other.terms && fits; i++)
        fits = an_term_tidy(r, &other.at[i]) && an_expr_add_term(out, &other.at[i]);
    if (fits) return an_expr_settle(r, out);
    an_expr longer; /* too many: the longer sum is an atom */
    const bool first = f->terms >= g->terms;
    if (!an_expr_function(r, NULL, NULL, first ? f : g, &longer)) return false;
    return longer.terms < AN_REAL_TERMS && (first ? f : g)->terms > 1 &&
           an_expr_plus(r, &longer, first ? g : f, out);
}

static bool multiply(an_reals *r, const an_monomial *a, const an_monomial *b, an_monomial *out)
{
    if (a->factors + b->factors > AN_REAL_FACTORS || a->own + b->own > AN_REAL_INDICES)
        return false;
    *out = *a;
    out->scale = a->scale * b->scale;
    memcpy(out->extent + a->own, b->extent, (size_t)b->own * sizeof b->extent[0]);
    out->own += b->own;
    for (int i = 0; i < b->factors; i++) {
        an_factor *f = &out->at[out->factors++];
        *f = b->at[i];
        for (int k = 0; k < f->length; k++)
            if (f->at[k] >= AN_REAL_OWN && f->at[k] != AN_REAL_END)
                f->at[k] = (uint8_t)(f->at[k] + a->own);
    }
    return an_term_tidy(r, out);
}

static bool multiply_out(an_reals *r, const an_expr *f, const an_expr *g, an_expr *out)
{
    an_expr x, y;
    an_expr_copy(&x, f);
    an_expr_copy(&y, g);
    if (!refine(r, &x, &y)) return false;
    an_expr_copy(out, &x);
    out->terms = 0;
    for (int i = 0; i < x.terms; i++)
        for (int k = 0; k < y.terms; k++) {
            an_monomial t;
            if (!multiply(r, &x.at[i], &y.at[k], &t) || !an_expr_add_product(r, out, &t, 4))
                return false;
        }
    return an_expr_settle(r, out);
}

bool an_expr_times(an_reals *r, const an_expr *f, const an_expr *g, an_expr *out)
{
    if (multiply_out(r, f, g, out)) return true;
    const bool first = f->terms >= g->terms;
    an_expr longer;
    if ((first ? f : g)->terms < 2 || r->starved) return false;
    if (!an_expr_function(r, NULL, NULL, first ? f : g, &longer)) return false;
    return an_expr_times(r, &longer, first ? g : f, out);
}

bool an_expr_scaled(an_reals *r, an_expr *f, double by)
{
    (void)r;
    for (int i = 0; i < f->terms; i++) {
        f->at[i].scale *= by;
        if (!isfinite(f->at[i].scale) || f->at[i].scale == 0) return false;
    }
    return true;
}

/* ---- sums along axes --------------------------------------------------- */

/* The term is summed over an index of the form, which becomes its own if it is read at it. */
static bool sum_term(an_reals *r, an_monomial *t, int index, an_dim extent, bool mean)
{
    bool read = false;
    for (int i = 0; i < t->factors; i++)
        for (int k = 0; k < t->at[i].length; k++) {
            if (t->at[i].at[k] != index) continue;
            if (!read && t->own == AN_REAL_INDICES) return false;
            t->at[i].at[k] = (uint8_t)(AN_REAL_OWN + t->own);
            read = true;
        }
    if (read) t->extent[t->own++] = extent;
    if (read == mean) return an_term_times_extent(r, t, extent, mean ? -1 : 1);
    return true;
}

bool an_expr_summed(an_reals *r, const an_expr *f, uint32_t axes, bool mean, an_expr *out)
{
    int to[AN_REAL_INDICES] = {0}, at = 0, count = 0;
    an_expr x;
    an_expr_copy(&x, f);
    for (int k = 0; k < f->rank; k++) {
        const bool summed = axes >> k & 1;
        for (int i = 0; i < f->count[k]; i++, at++) {
            if (!summed) {
                x.extent[count] = f->extent[at];
                to[at] = count++;
            }
            for (int t = 0; t < x.terms && summed; t++)
                if (!sum_term(r, &x.at[t], at, f->extent[at], mean)) return false;
        }
        if (summed) x.count[k] = 0;
    }
    x.indices = count;
    an_expr_copy(out, &x);
    out->terms = 0;
    for (int t = 0; t < x.terms; t++) {
        renumber(&x.at[t], to);
        if (!an_term_tidy(r, &x.at[t]) || !an_expr_add_term(out, &x.at[t])) return false;
    }
    return an_expr_settle(r, out);
}
