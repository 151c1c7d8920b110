/* dims_bind.c -- from names to extents.
 *
 * Evaluates all entries in order, each from those before it. An extent is never
 * negative: an entry that would be is the caller's mistake, named with the
 * expression as the user may write it. Allocates nothing.                    */
#include "core/dims_table.h"

int an_dims_names(const an_dims *dims)
{
    return dims ? (int)dims->name_count : 0;
}

const char *an_dims_name_at(const an_dims *dims, int i)
{
    if (!dims || i < 0 || i >= dims->name_count) return NULL;
    return dims->entries[dims->names[i]].text;
}

int an_dims_entries(const an_dims *dims)
{
    return dims ? (int)dims->count : 0;
}

int an_dims_name_index(const an_dims *dims, an_dim d)
{
    if (!an_dim_is_symbolic(d) || !an_dims_valid(dims, d)) return -1;
    const an_dims_entry *e = &dims->entries[an_dims_index(d)];
    return e->kind == AN_DIMS_NAME ? e->name : -1;
}

int64_t an_dim_extent(an_dim d, const int64_t *extent)
{
    if (d >= 0) return d;
    return extent && an_dim_is_symbolic(d) ? extent[an_dims_index(d)] : -1;
}

/* Value of a polynomial; false on overflow. *known turns false at an atom that
 * is not bound. */
static bool evaluate(const an_dims_entry *e, const int64_t *extent, int64_t *value, bool *known)
{
    int64_t sum = 0;
    for (int t = 0; t < e->terms; t++) {
        int64_t product = e->term[t].coef;
        for (int i = 0; i < e->term[t].degree; i++) {
            const int64_t factor = extent[e->term[t].atom[i]];
            if (factor < 0) *known = false;
            else if (__builtin_mul_overflow(product, factor, &product)) return false;
        }
        if (__builtin_add_overflow(sum, product, &sum)) return false;
    }
    *value = sum;
    return true;
}

/* One entry, from those before it; -1 if it depends on an unbound name. */
static an_status bind_entry(const an_dims_entry *e, const int64_t *bound, const int64_t *extent,
                            int64_t *value, an_error *error)
{
    bool known = true;
    if (e->kind == AN_DIMS_NAME) {
        *value = bound[e->name];
        known = *value != -1;
    } else if (e->kind == AN_DIMS_DIVISION) {
        const int64_t num = an_dim_extent(e->numerator, extent);
        const int64_t den = an_dim_extent(e->denominator, extent);
        known = num >= 0 && den >= 0;
        if (den == 0) return an_fail(error, AN_E_BINDING, "%s divides by zero", e->text);
        *value = known ? num / den : -1;
    } else if (!evaluate(e, extent, value, &known)) {
        return an_fail(error, AN_E_LIMIT, "%s overflows", e->text);
    }
    if (!known) *value = -1;
    else if (*value < 0)
        return an_fail(error, AN_E_BINDING, "%s would be %lld", e->text, (long long)*value);
    return AN_OK;
}

an_status an_dims_bind_all(const an_dims *dims, const int64_t *bound, int64_t *extent,
                           an_dim *culprit, an_error *e)
{
    an_status first = AN_OK;
    *culprit = AN_DIM_BAD;
    if (!dims || (dims->name_count > 0 && !bound) || (dims->count > 0 && !extent))
        return an_fail(e, AN_E_ARGUMENT, "an_dims_bind: an argument is NULL");
    for (int64_t i = 0; i < dims->count; i++) {
        const an_status status = bind_entry(&dims->entries[i], bound, extent, &extent[i],
                                            first == AN_OK ? e : NULL);
        if (status == AN_OK) continue;
        extent[i] = -1;
        if (first == AN_OK) first = status, *culprit = an_dims_at(i);
    }
    return first;
}

an_status an_dims_bind(const an_dims *dims, const int64_t *bound, int64_t *extent, an_error *e)
{
    an_dim culprit;
    return an_dims_bind_all(dims, bound, extent, &culprit, e);
}

/* ---- from an extent to a name -------------------------------------------- */

/* Adds a term to `rest`, or to `slope` what multiplies the one unbound name; false if it is more
 * than that. */
static bool gather_term(const an_dims *dims, const an_term *t, const int64_t *bound, int *name,
                        int64_t *rest, int64_t *slope)
{
    int64_t product = t->coef;
    bool open = false;
    for (int i = 0; i < t->degree; i++) {
        const an_dims_entry *atom = &dims->entries[t->atom[i]];
        if (atom->kind != AN_DIMS_NAME) return *name = -2, false;
        if (bound[atom->name] >= 0) {
            if (__builtin_mul_overflow(product, bound[atom->name], &product)) return false;
            continue;
        }
        if (open || (*name >= 0 && *name != atom->name)) return false;
        open = true;
        *name = atom->name;
    }
    int64_t *to = open ? slope : rest;
    return !__builtin_add_overflow(*to, product, to);
}

an_dims_answer an_dims_solve(const an_dims *dims, an_dim d, int64_t value, const int64_t *bound,
                             int *name, int64_t *extent)
{
    *name = -1;
    if (!an_dim_is_symbolic(d) || !an_dims_valid(dims, d)) return AN_DIMS_OPEN;
    const an_dims_entry *e = &dims->entries[an_dims_index(d)];
    int64_t rest = 0, slope = 0, off;
    if (e->kind == AN_DIMS_NAME) return AN_DIMS_OPEN;
    if (e->kind == AN_DIMS_DIVISION) return *name = -2, AN_DIMS_OPEN;
    for (int t = 0; t < e->terms; t++)
        if (!gather_term(dims, &e->term[t], bound, name, &rest, &slope)) return AN_DIMS_OPEN;
    if (*name < 0 || slope == 0 || __builtin_sub_overflow(value, rest, &off)) return AN_DIMS_OPEN;
    *extent = off / slope;
    return off % slope == 0 && *extent >= 0 ? AN_DIMS_SAYS : AN_DIMS_NEVER;
}
