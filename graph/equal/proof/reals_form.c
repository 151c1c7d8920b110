/* reals_form.c -- one spelling for each form.
 *
 * A term's factors are in order and its own indices are numbered by where they are met; indices
 * that always stand side by side are one. Where two orders look alike the first is taken: then
 * equal terms may be told apart, and unequal ones never are one.
 *
 * A function of a form is an atom over the indices at which that is read, in an order that does not
 * depend on theirs: so it is one, whatever axes its operand had.             */
#include "graph/equal/proof/reals.h"

#include <math.h>
#include <string.h>

static uint64_t mix(uint64_t hash, uint64_t x)
{
    hash = (hash ^ x) * 0x9E3779B97F4A7C15u;
    return hash ^ hash >> 29;
}

static uint64_t bits_of(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* ---- beginning --------------------------------------------------------- */

void an_expr_copy(an_expr *to, const an_expr *from)
{
    memcpy(to, from, offsetof(an_expr, at) + (size_t)from->terms * sizeof from->at[0]);
}

bool an_expr_begin(an_expr *f, const an_shape *shape)
{
    f->rank = shape->rank;
    f->indices = f->terms = 0;
    for (int k = 0; k < shape->rank; k++) {
        f->count[k] = shape->dim[k] != 1;
        if (f->count[k]) f->extent[f->indices++] = shape->dim[k];
    }
    return true;
}

bool an_expr_number(an_expr *f, const an_shape *shape, double number)
{
    an_expr_begin(f, shape);
    f->at[0].scale = number;
    f->at[0].factors = f->at[0].own = 0;
    f->terms = number != 0;
    return isfinite(number);
}

bool an_expr_is_number(const an_expr *f, double *number)
{
    *number = f->terms ? f->at[0].scale : 0;
    return f->terms == 0 || (f->terms == 1 && f->at[0].factors == 0);
}

bool an_expr_of_atom(an_expr *f, const an_shape *shape, uint32_t atom)
{
    an_expr_begin(f, shape);
    an_monomial *t = &f->at[0];
    t->scale = 1;
    t->factors = 1;
    t->own = 0;
    t->at[0] = (an_factor){.atom = atom, .power = 1};
    int index = 0;
    for (int k = 0; k < shape->rank; k++) {
        if (f->count[k]) t->at[0].at[t->at[0].length++] = (uint8_t)index++;
        t->at[0].at[t->at[0].length++] = AN_REAL_END;
    }
    f->terms = 1;
    return atom != 0;
}

/* ---- strings of indices ------------------------------------------------ */

/* Whether b always stands right behind a, and a right before b. */
static bool are_neighbours(const an_monomial *t, int a, int b, bool *met)
{
    for (int i = 0; i < t->factors; i++) {
        const an_factor *f = &t->at[i];
        for (int k = 0; k < f->length; k++) {
            if (f->at[k] == a && (k + 1 == f->length || f->at[k + 1] != b)) return false;
            if (f->at[k] == b && (k == 0 || f->at[k - 1] != a)) return false;
            *met = *met || f->at[k] == a;
        }
    }
    return true;
}

/* Takes an index out; those above it in its range move down by one. */
static void drop_index(an_monomial *t, int index)
{
    const int range = index >= AN_REAL_OWN ? AN_REAL_END : AN_REAL_OWN;
    for (int i = 0; i < t->factors; i++) {
        an_factor *f = &t->at[i];
        int length = 0;
        for (int k = 0; k < f->length; k++) {
            const int id = f->at[k];
            if (id != index)
                f->at[length++] = (uint8_t)(id > index && id < range ? id - 1 : id);
        }
        f->length = (uint8_t)length;
    }
}

bool an_expr_split(an_expr *f, int index, an_dim first, an_dim second)
{
    if (f->indices == AN_REAL_INDICES) return false;
    for (int t = 0; t < f->terms; t++)
        for (int i = 0; i < f->at[t].factors; i++) {
            an_factor *x = &f->at[t].at[i];
            an_factor y = *x;
            y.length = 0;
            for (int k = 0; k < x->length; k++) {
                const int id = x->at[k];
                if (y.length + 2 > AN_REAL_STRING) return false;
                y.at[y.length++] = (uint8_t)(id > index && id < AN_REAL_OWN ? id + 1 : id);
                if (id == index) y.at[y.length++] = (uint8_t)(index + 1);
            }
            *x = y;
        }
    for (int i = f->indices++; i > index + 1; i--) f->extent[i] = f->extent[i - 1];
    f->extent[index] = first;
    f->extent[index + 1] = second;
    for (int k = 0, at = 0; k < f->rank; at += f->count[k], k++)
        if (index >= at && index < at + f->count[k]) {
            f->count[k]++;
            return true;
        }
    return false;
}

/* ---- terms ------------------------------------------------------------- */

static int compare_factors(const an_factor *a, const an_factor *b)
{
    if (a->atom != b->atom) return a->atom < b->atom ? -1 : 1;
    if (a->length != b->length) return a->length < b->length ? -1 : 1;
    return memcmp(a->at, b->at, a->length);
}

/* Factors in order; of one atom read at the same place, one. */
static void sort_factors(an_monomial *t)
{
    int count = 0;
    for (int i = 0; i < t->factors; i++) {
        const an_factor f = t->at[i];
        int k = count;
        while (k > 0 && compare_factors(&t->at[k - 1], &f) > 0) k--;
        if (k > 0 && compare_factors(&t->at[k - 1], &f) == 0) {
            t->at[k - 1].power += f.power;
            continue;
        }
        memmove(&t->at[k + 1], &t->at[k], (size_t)(count - k) * sizeof f);
        t->at[k] = f;
        count++;
    }
    t->factors = 0;
    for (int i = 0; i < count; i++)
        if (fabs(t->at[i].power) > AN_REAL_SAME_BITS) t->at[t->factors++] = t->at[i];
}

static uint64_t hash_factor(const an_factor *f, const uint64_t *own, const uint64_t *free)
{
    uint64_t hash = mix(f->atom, bits_of(f->power));
    for (int k = 0; k < f->length; k++) {
        const int id = f->at[k];
        if (id == AN_REAL_END) hash = mix(hash, AN_REAL_END);
        else if (id >= AN_REAL_OWN) hash = mix(hash, own[id - AN_REAL_OWN]);
        else hash = mix(hash, free ? free[id] : (uint64_t)id);
    }
    return hash;
}

/* What a term's own indices are told apart by: where they are read, in three rounds. */
static void tell_own(const an_monomial *t, uint64_t *own, const uint64_t *free)
{
    uint64_t next[AN_REAL_INDICES];
    for (int i = 0; i < t->own; i++) own[i] = mix(7, (uint64_t)t->extent[i]);
    for (int round = 0; round < 3; round++) {
        memcpy(next, own, sizeof next);
        for (int i = 0; i < t->factors; i++) {
            const uint64_t hash = hash_factor(&t->at[i], own, free);
            for (int k = 0; k < t->at[i].length; k++) {
                const int id = t->at[i].at[k];
                if (id >= AN_REAL_OWN && id != AN_REAL_END)
                    next[id - AN_REAL_OWN] += mix(hash, (uint64_t)k);
            }
        }
        memcpy(own, next, sizeof next);
    }
}

/* Numbers the term's own indices by where they are met, factors being in an order that does not
 * depend on the numbers they have. */
static void number_own(an_monomial *t)
{
    uint64_t own[AN_REAL_INDICES] = {0}, hash[AN_REAL_FACTORS];
    int order[AN_REAL_FACTORS], number[AN_REAL_INDICES], count = 0;
    if (t->own == 0) return;
    tell_own(t, own, NULL);
    for (int i = 0; i < t->factors; i++) {
        hash[i] = hash_factor(&t->at[i], own, NULL);
        int k = i;
        for (; k > 0; k--) {
            const an_factor *a = &t->at[order[k - 1]], *b = &t->at[i];
            const bool after =
                a->atom != b->atom ? a->atom > b->atom : hash[order[k - 1]] > hash[i];
            if (!after) break;
            order[k] = order[k - 1];
        }
        order[k] = i;
    }
    for (int i = 0; i < t->own; i++) number[i] = -1;
    an_dim extent[AN_REAL_INDICES];
    for (int i = 0; i < t->factors; i++) {
        const an_factor *f = &t->at[order[i]];
        for (int k = 0; k < f->length; k++) {
            const int id = f->at[k] - AN_REAL_OWN;
            if (id < 0 || f->at[k] == AN_REAL_END || number[id] >= 0) continue;
            extent[count] = t->extent[id];
            number[id] = count++;
        }
    }
    for (int i = 0; i < t->factors; i++)
        for (int k = 0; k < t->at[i].length; k++) {
            uint8_t *id = &t->at[i].at[k];
            if (*id >= AN_REAL_OWN && *id != AN_REAL_END)
                *id = (uint8_t)(AN_REAL_OWN + number[*id - AN_REAL_OWN]);
        }
    memcpy(t->extent, extent, (size_t)count * sizeof *extent);
}

static bool is_read(const an_monomial *t, int index)
{
    for (int i = 0; i < t->factors; i++)
        if (memchr(t->at[i].at, index, t->at[i].length)) return true;
    return false;
}

/* An extent that no factor is read along is a number. Of a named one its names are atoms. */
bool an_term_times_extent(an_reals *r, an_monomial *t, an_dim extent, double power)
{
    an_dims *dims = r->p->values.graph->dims;
    for (int i = 0; i < an_dims_names(dims) && extent < 0; i++) {
        const an_dim name = an_dims_name(dims, an_dims_name_at(dims, i));
        an_dim rest;
        while (extent < 0 && an_dims_divides(dims, extent, name, &rest)) {
            const uint32_t atom = an_atom_keep(r, &(an_atom){AN_ATOM_EXTENT, .id = name});
            if (!atom || t->factors == AN_REAL_FACTORS) return false;
            t->at[t->factors++] = (an_factor){.atom = atom, .power = power};
            extent = rest;
        }
    }
    if (extent >= 0) {
        t->scale *= pow((double)extent, power);
        return isfinite(t->scale);
    }
    const uint32_t atom = an_atom_keep(r, &(an_atom){AN_ATOM_EXTENT, .id = extent});
    if (!atom || t->factors == AN_REAL_FACTORS) return false;
    t->at[t->factors++] = (an_factor){.atom = atom, .power = power};
    return true;
}

static void drop_own(an_monomial *t, int i)
{
    drop_index(t, AN_REAL_OWN + i);
    memmove(&t->extent[i], &t->extent[i + 1], (size_t)(t->own - i - 1) * sizeof t->extent[0]);
    t->own--;
}

/* Own indices that stand side by side become one. */
static bool join_own(an_reals *r, an_monomial *t)
{
    for (int a = 0; a < t->own; a++)
        for (int b = 0; b < t->own; b++) {
            bool met = false;
            if (a == b || !are_neighbours(t, AN_REAL_OWN + a, AN_REAL_OWN + b, &met) || !met)
                continue;
            const an_dim both =
                an_dims_mul(r->p->values.graph->dims, t->extent[a], t->extent[b]);
            if (both == AN_DIM_BAD) return false;
            t->extent[a] = both;
            drop_own(t, b);
            return join_own(r, t);
        }
    return true;
}

bool an_term_tidy(an_reals *r, an_monomial *t)
{
    sort_factors(t);
    for (int i = t->own - 1; i >= 0; i--) {
        if (is_read(t, AN_REAL_OWN + i)) continue;
        const an_dim extent = t->extent[i];
        drop_own(t, i);
        if (!an_term_times_extent(r, t, extent, 1)) return false;
        sort_factors(t);
    }
    if (!join_own(r, t)) return false;
    number_own(t);
    sort_factors(t);
    return isfinite(t->scale);
}

static int compare_terms(const an_monomial *a, const an_monomial *b)
{
    if (a->factors != b->factors) return a->factors < b->factors ? -1 : 1;
    if (a->own != b->own) return a->own < b->own ? -1 : 1;
    for (int i = 0; i < a->factors; i++) {
        const int order = compare_factors(&a->at[i], &b->at[i]);
        if (order) return order;
        if (!an_real_is_close(a->at[i].power, b->at[i].power))
            return a->at[i].power < b->at[i].power ? -1 : 1;
    }
    return memcmp(a->extent, b->extent, (size_t)a->own * sizeof a->extent[0]);
}

bool an_expr_add_term(an_expr *f, const an_monomial *t)
{
    if (t->scale == 0) return true;
    for (int i = 0; i < f->terms; i++) {
        an_monomial *own = &f->at[i];
        if (compare_terms(own, t) != 0) continue;
        const double sum = own->scale + t->scale;
        const bool gone = fabs(sum) <= AN_REAL_SAME_BITS * fmax(fabs(own->scale), fabs(t->scale));
        own->scale = sum;
        if (gone) *own = f->at[--f->terms];
        return isfinite(sum);
    }
    if (f->terms == AN_REAL_TERMS) return false;
    f->at[f->terms++] = *t;
    return true;
}

static bool tidy_all(an_reals *r, an_expr *f)
{
    for (int i = 0; i < f->terms; i++)
        if (!an_term_tidy(r, &f->at[i])) return false;
    for (int i = 1; i < f->terms; i++)
        for (int k = i; k > 0 && compare_terms(&f->at[k - 1], &f->at[k]) > 0; k--) {
            const an_monomial t = f->at[k];
            f->at[k] = f->at[k - 1];
            f->at[k - 1] = t;
        }
    return true;
}

/* Indices of one axis that always stand side by side become one. */
bool an_expr_settle(an_reals *r, an_expr *f)
{
    for (int k = 0, at = 0; k < f->rank; at += f->count[k], k++)
        for (int i = at; i + 1 < at + f->count[k];) {
            bool met = false, all = true;
            for (int t = 0; t < f->terms && all; t++)
                all = are_neighbours(&f->at[t], i, i + 1, &met);
            const an_dim both = an_dims_mul(r->p->values.graph->dims, f->extent[i],
                                            f->extent[i + 1]);
            if (both == AN_DIM_BAD) return false;
            if (!all) {
                i++;
                continue;
            }
            for (int t = 0; t < f->terms; t++) drop_index(&f->at[t], i + 1);
            f->extent[i] = both;
            for (int m = i + 1; m + 1 < f->indices; m++) f->extent[m] = f->extent[m + 1];
            f->indices--;
            f->count[k]--;
        }
    return tidy_all(r, f);
}

/* ---- functions of forms ------------------------------------------------ */

/* The indices that a form is read at, each as a list of what it was before some were joined. */
typedef struct lists {
    int count[AN_REAL_INDICES];
    uint8_t at[AN_REAL_INDICES][AN_REAL_INDICES];
} lists;

static bool join_free(an_reals *r, an_expr *f, lists *l)
{
    for (int a = 0; a < f->indices; a++)
        for (int b = 0; b < f->indices; b++) {
            bool met = false, all = a != b;
            for (int t = 0; t < f->terms && all; t++) all = are_neighbours(&f->at[t], a, b, &met);
            if (!all || !met) continue;
            const an_dim both =
                an_dims_mul(r->p->values.graph->dims, f->extent[a], f->extent[b]);
            if (both == AN_DIM_BAD) return false;
            f->extent[a] = both;
            memcpy(l->at[a] + l->count[a], l->at[b], (size_t)l->count[b]);
            l->count[a] += l->count[b];
            for (int t = 0; t < f->terms; t++) drop_index(&f->at[t], b);
            for (int m = b; m + 1 < f->indices; m++) {
                f->extent[m] = f->extent[m + 1];
                l->count[m] = l->count[m + 1];
                memcpy(l->at[m], l->at[m + 1], sizeof l->at[m]);
            }
            f->indices--;
            return join_free(r, f, l);
        }
    return true;
}

/* What the form's indices are told apart by, whatever their order. */
static void tell_free(an_reals *r, const an_expr *f, uint64_t *free)
{
    uint64_t next[AN_REAL_INDICES], own[AN_REAL_INDICES] = {0};
    for (int i = 0; i < f->indices; i++) free[i] = mix(3, (uint64_t)f->extent[i]);
    for (int round = 0; round < 3; round++) {
        memcpy(next, free, sizeof next);
        for (int t = 0; t < f->terms; t++) {
            const an_monomial *x = &f->at[t];
            uint64_t whole = bits_of(an_real_number(r, x->scale, false));
            tell_own(x, own, free);
            for (int i = 0; i < x->factors; i++) whole += hash_factor(&x->at[i], own, free);
            for (int i = 0; i < x->factors; i++) {
                const uint64_t hash = mix(whole, hash_factor(&x->at[i], own, free));
                for (int k = 0; k < x->at[i].length; k++)
                    if (x->at[i].at[k] < AN_REAL_OWN)
                        next[x->at[i].at[k]] += mix(hash, (uint64_t)k);
            }
        }
        memcpy(free, next, sizeof next);
    }
}

/* The form over the indices that it is read at, in an order that does not depend on theirs. */
static bool compress(an_reals *r, an_expr *f, lists *l)
{
    uint64_t told[AN_REAL_INDICES] = {0};
    int order[AN_REAL_INDICES], number[AN_REAL_INDICES];
    f->rank = 0;
    for (int i = 0; i < f->indices; i++) l->count[i] = 1, l->at[i][0] = (uint8_t)i;
    for (int i = f->indices - 1; i >= 0; i--) {
        bool read = false;
        for (int t = 0; t < f->terms && !read; t++) read = is_read(&f->at[t], i);
        if (read) continue;
        for (int t = 0; t < f->terms; t++) drop_index(&f->at[t], i);
        for (int m = i; m + 1 < f->indices; m++) {
            f->extent[m] = f->extent[m + 1];
            l->count[m] = l->count[m + 1];
            memcpy(l->at[m], l->at[m + 1], sizeof l->at[m]);
        }
        f->indices--;
    }
    if (f->indices > AN_MAX_RANK || !join_free(r, f, l)) return false;
    tell_free(r, f, told);
    for (int i = 0; i < f->indices; i++) {
        int k = i;
        for (; k > 0 && told[order[k - 1]] > told[i]; k--) order[k] = order[k - 1];
        order[k] = i;
    }
    an_dim extent[AN_REAL_INDICES];
    const lists kept = *l;
    for (int k = 0; k < f->indices; k++) {
        number[order[k]] = k;
        extent[k] = f->extent[order[k]];
        l->count[k] = kept.count[order[k]];
        memcpy(l->at[k], kept.at[order[k]], sizeof l->at[k]);
    }
    memcpy(f->extent, extent, (size_t)f->indices * sizeof *extent);
    for (int t = 0; t < f->terms; t++)
        for (int i = 0; i < f->at[t].factors; i++)
            for (int k = 0; k < f->at[t].at[i].length; k++) {
                uint8_t *id = &f->at[t].at[i].at[k];
                if (*id < AN_REAL_OWN) *id = (uint8_t)number[*id];
            }
    f->rank = f->indices;
    for (int k = 0; k < f->rank; k++) f->count[k] = 1;
    return true;
}

bool an_expr_function(an_reals *r, const an_op_info *op, const an_attrs *attrs, const an_expr *f,
                      an_expr *out)
{
    an_expr inner;
    lists l;
    an_expr_copy(&inner, f);
    if (!an_expr_settle(r, &inner)) return false;
    an_expr_copy(out, &inner);
    if (!compress(r, &inner, &l)) return false;
    const uint32_t number = an_expr_keep(r, &inner);
    if (!number) return false;
    const an_atom atom = {AN_ATOM_FUNCTION, .op = op, .attrs = attrs, .count = 1, .forms = &number};
    an_monomial *t = &out->at[0];
    out->terms = 1;
    t->scale = 1;
    t->factors = 1;
    t->own = 0;
    t->at[0] = (an_factor){.atom = an_atom_keep(r, &atom), .power = 1};
    for (int k = 0; k < inner.indices; k++) {
        if (t->at[0].length + l.count[k] + 1 > AN_REAL_STRING) return false;
        memcpy(t->at[0].at + t->at[0].length, l.at[k], (size_t)l.count[k]);
        t->at[0].length = (uint8_t)(t->at[0].length + l.count[k] + 1);
        t->at[0].at[t->at[0].length - 1] = AN_REAL_END;
    }
    return t->at[0].atom != 0;
}
