/* einsum.c -- sums of products, as einsum's equations write them.
 *
 *   "bhtd,bhsd->bhts"    y[b,h,t,s] = sum over d of a[b,h,t,d] b[b,h,s,d]
 *
 * A letter is an axis; what the result does not name is summed. Without `->` the result names what
 * occurs once, in the order of the alphabet, behind the dots. A letter twice in one operand is its
 * diagonal. `...` stands for the axes that no letter names, counted from the end, and only those
 * broadcast. An equation becomes ops that everybody knows: operands are taken from the left, each
 * first brought to the letters that are still needed; two of them become one matmul, which reads an
 * operand transposed where its letters stand so, or one mul where nothing or everything is summed.
 *
 * Of two operands a letter is `batch` (in both, and needed), `inner` (in both, summed by the
 * product), or `own`.                                                          */
#include "ops/op.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { LETTERS = 52, LABELS = LETTERS + AN_MAX_RANK, MOST = 2 * AN_MAX_RANK };

/* Axes in order: letters as A..Za..z, then those of the dots, counted from the end. */
typedef struct labels {
    int count, at[MOST];
} labels;

typedef struct term {
    an_value v;
    labels axes;
} term;

typedef struct einsum {
    an_at at;
    an_graph *g;
    an_dims *dims;
    const char *equation;
    an_dim extent[LABELS];
    int said_by[LABELS]; /* the operand that the extent is of */
    int times[LABELS];   /* how often the operands name it */
    int uses[LABELS];    /* operands still to come, and the result, that name it */
    int dots;            /* axes that `...` stands for, at most */
    labels result;
    bool failed;
} einsum;

static void refuse(einsum *e, const char *format, ...) AN_PRINTF(2, 3);
static void refuse(einsum *e, const char *format, ...)
{
    char why[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    if (!e->failed) an_reject(e->at, e->g, AN_E_SHAPE, "einsum \"%s\": %s", e->equation, why);
    e->failed = true;
}

/* ---- reading ----------------------------------------------------------- */

static int label_of(char c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' + 26 : -1;
}

static char letter_of(int label)
{
    return (char)(label < 26 ? 'A' + label : 'a' + label - 26);
}

static int place_of(const labels *l, int label)
{
    for (int i = 0; i < l->count; i++)
        if (l->at[i] == label) return i;
    return -1;
}

static void push(einsum *e, labels *l, int label)
{
    if (l->count < MOST) l->at[l->count++] = label;
    else refuse(e, "more than %d axes at once", MOST);
}

/* Letters and dots up to something else; the dots are `rest` axes. */
static void read_axes(einsum *e, const char **cursor, int rest, labels *l)
{
    l->count = 0;
    bool dots = false;
    for (;; (*cursor)++) {
        const int label = label_of(**cursor);
        if (label >= 0) push(e, l, label);
        else if (!strncmp(*cursor, "...", 3) && !dots) {
            for (int i = rest; i > 0; i--) push(e, l, LETTERS + i - 1);
            *cursor += 2;
            dots = true;
        } else if (**cursor != ' ') return;
    }
}

static int letters_in(const char *p)
{
    int count = 0;
    for (; *p && *p != ',' && *p != '-'; p++) count += label_of(*p) >= 0;
    return count;
}

static void note_extent(einsum *e, int operand, int label, an_dim extent)
{
    an_dim *known = &e->extent[label];
    const bool first = e->times[label]++ == 0;
    if (first || (label >= LETTERS && *known == 1)) {
        *known = extent;
        e->said_by[label] = operand;
    } else if (*known != extent && (label < LETTERS || extent != 1)) {
        an_text a = {0}, b = {0};
        an_dims_print(e->dims, *known, &a);
        an_dims_print(e->dims, extent, &b);
        char what[16] = "an axis of ...";
        if (label < LETTERS) snprintf(what, sizeof what, "%c", letter_of(label));
        refuse(e, "%s is %s in operand %d and %s in operand %d", what, an_text_view(&a),
               e->said_by[label], an_text_view(&b), operand);
        an_text_free(&a);
        an_text_free(&b);
    }
}

static void read_operand(einsum *e, const char **cursor, int operand, an_value v, labels *l)
{
    const an_shape shape = an_type_of(v).shape;
    const int letters = letters_in(*cursor), rest = shape.rank - letters;
    read_axes(e, cursor, rest, l);
    if (l->count != shape.rank)
        refuse(e, "operand %d has rank %d, but %d letter%s", operand, shape.rank, letters,
               letters == 1 ? "" : "s");
    if (rest > e->dots) e->dots = rest;
}

static void read_result(einsum *e, const char *cursor)
{
    read_axes(e, &cursor, e->dots, &e->result);
    if (*cursor) refuse(e, "'%c' is no letter of a result", *cursor);
    for (int i = 0; i < e->result.count; i++) {
        const int label = e->result.at[i];
        if (label < LETTERS && e->times[label] == 0)
            refuse(e, "%c is in no operand", letter_of(label));
        if (place_of(&e->result, label) != i)
            refuse(e, "%c is twice in the result", letter_of(label));
    }
}

static void read_equation(einsum *e, const an_value *in, int count)
{
    const char *p = e->equation;
    for (int k = 0; k < count && !e->failed; k++) {
        labels axes;
        read_operand(e, &p, k, in[k], &axes);
        for (int i = 0; i < axes.count && !e->failed; i++)
            note_extent(e, k, axes.at[i], an_type_of(in[k]).shape.dim[i]);
        for (int i = 0; i < axes.count && !e->failed; i++)
            e->uses[axes.at[i]] += place_of(&axes, axes.at[i]) == i;
        const bool last = k == count - 1;
        if (!last && *p != ',') refuse(e, "%d operands are given, but written %d", count, k + 1);
        if (last && *p == ',') refuse(e, "%d operand%s given, but more written", count,
                                      count == 1 ? " is" : "s are");
        if (*p == ',') p++;
    }
    if (e->failed) return;
    if (!strncmp(p, "->", 2)) read_result(e, p + 2);
    else if (*p) refuse(e, "'%c' is no letter, comma or ->", *p);
    else {
        for (int i = e->dots; i > 0; i--) push(e, &e->result, LETTERS + i - 1);
        for (int label = 0; label < LETTERS; label++)
            if (e->times[label] == 1) push(e, &e->result, label);
    }
    for (int i = 0; i < e->result.count; i++) e->uses[e->result.at[i]]++;
}

/* ---- one operand ------------------------------------------------------- */

static an_dim extent_of(const einsum *e, const labels *l)
{
    an_dim all = 1;
    for (int i = 0; i < l->count; i++) all = an_dims_mul(e->dims, all, e->extent[l->at[i]]);
    return all;
}

static void drop(term *t, int place)
{
    t->axes.count--;
    for (int i = place; i < t->axes.count; i++) t->axes.at[i] = t->axes.at[i + 1];
}

/* Axes of the dots that are to be broadcast: away, for mul and matmul do that themselves. */
static void squeeze(einsum *e, term *t)
{
    an_shape shape = {0};
    labels kept = {0};
    const an_shape from = an_type_of(t->v).shape;
    for (int i = 0; i < t->axes.count; i++) {
        const int label = t->axes.at[i];
        if (from.dim[i] == 1 && e->extent[label] != 1) continue;
        shape.dim[shape.rank++] = from.dim[i];
        kept.at[kept.count++] = label;
    }
    if (shape.rank == from.rank) return;
    t->v = an_reshape_at(e->at, t->v, shape);
    t->axes = kept;
}

/* Where axes i and j count alike; the sum along j of that has one element in each. */
static void take_diagonal(einsum *e, term *t, int i, int j)
{
    an_shape along_i = {.rank = t->axes.count}, along_j = {.rank = t->axes.count};
    for (int k = 0; k < t->axes.count; k++) along_i.dim[k] = along_j.dim[k] = 1;
    along_i.dim[i] = along_j.dim[j] = e->extent[t->axes.at[i]];
    const an_value same = an_compare_at(e->at, an_iota_at(e->at, e->g, AN_I64, along_i, i), AN_EQ,
                                        an_iota_at(e->at, e->g, AN_I64, along_j, j));
    t->v = an_sum_at(e->at, an_where_at(e->at, same, t->v, an_number_at(e->at, t->v, 0)), j);
    drop(t, j);
}

/* Sums what nobody names any more, but for what `other` has. */
static void sum_out(einsum *e, term *t, const labels *other)
{
    an_axes axes = {0};
    labels kept = {0};
    for (int i = 0; i < t->axes.count; i++) {
        const int label = t->axes.at[i];
        if (e->uses[label] == 0 && (!other || place_of(other, label) < 0))
            axes.at[axes.count++] = i;
        else kept.at[kept.count++] = label;
    }
    if (axes.count == 0) return;
    t->v = an_sum_axes_at(e->at, t->v, axes, false);
    t->axes = kept;
}

static void prepare(einsum *e, term *t, const labels *other)
{
    for (int i = 0; i < t->axes.count; i++)
        for (int j = t->axes.count - 1; j > i; j--)
            if (t->axes.at[j] == t->axes.at[i]) take_diagonal(e, t, i, j);
    for (int i = 0; i < t->axes.count; i++) e->uses[t->axes.at[i]]--;
    squeeze(e, t);
    sum_out(e, t, other);
}

static bool alike(const labels *a, const labels *b)
{
    return a->count == b->count &&
           !memcmp(a->at, b->at, (size_t)a->count * sizeof *a->at);
}

/* In the order of `want`, which has the same labels. */
static void order(einsum *e, term *t, const labels *want)
{
    if (e->failed || alike(&t->axes, want)) return;
    an_axes axes = {.count = want->count};
    for (int i = 0; i < want->count; i++) axes.at[i] = place_of(&t->axes, want->at[i]);
    t->v = an_transpose_at(e->at, t->v, axes);
    t->axes = *want;
}

/* ---- two operands ------------------------------------------------------ */

static labels joined(einsum *e, const labels *a, const labels *b, const labels *c)
{
    labels all = *a;
    for (int i = 0; i < b->count; i++) push(e, &all, b->at[i]);
    for (int i = 0; c && i < c->count; i++) push(e, &all, c->at[i]);
    return all;
}

/* The labels of `in`, in its order, that `other` has, too, or has not; in both, those that are
 * needed or those that are not. */
static labels pick(const einsum *e, const labels *in, const labels *other, bool both, bool needed)
{
    labels some = {0};
    for (int i = 0; i < in->count; i++) {
        const bool also = place_of(other, in->at[i]) >= 0;
        if (also == both && (!both || (e->uses[in->at[i]] > 0) == needed))
            some.at[some.count++] = in->at[i];
    }
    return some;
}

/* Whether the result names them all, in this order. */
static bool is_in_order(const einsum *e, const labels *l)
{
    for (int i = 0, last = -1; i < l->count; i++) {
        const int place = place_of(&e->result, l->at[i]);
        if (place <= last) return false;
        last = place;
    }
    return true;
}

static an_value shaped(const einsum *e, an_value v, const an_shape *shape)
{
    const an_type now = an_type_of(v), then = {now.dtype, *shape};
    bool same = now.shape.rank == shape->rank;
    for (int i = 0; same && i < shape->rank; i++) same = now.shape.dim[i] == then.shape.dim[i];
    return same ? v : an_reshape_at(e->at, v, *shape);
}

/* With an axis for every label of `all`: of extent 1 where the term has none. */
static an_value spread(einsum *e, term *t, const labels *all)
{
    labels mine = {0};
    an_shape shape = {.rank = all->count};
    for (int i = 0; i < all->count; i++) {
        const bool has = place_of(&t->axes, all->at[i]) >= 0;
        if (has) mine.at[mine.count++] = all->at[i];
        shape.dim[i] = has ? e->extent[all->at[i]] : 1;
    }
    order(e, t, &mine);
    return shaped(e, t->v, &shape);
}

static bool refuse_rank(einsum *e, int rank)
{
    if (rank > AN_MAX_RANK) refuse(e, "a product of two has rank %d, more than %d", rank,
                                   AN_MAX_RANK);
    return e->failed;
}

/* Element by element, then summed. */
static void multiply(einsum *e, term *a, term *b)
{
    const labels own = pick(e, &b->axes, &a->axes, false, false);
    labels all = joined(e, &a->axes, &own, NULL);
    if (all.count == e->result.count && is_in_order(e, &a->axes) && is_in_order(e, &b->axes))
        all = e->result; /* neither needs to be turned for it */
    if (refuse_rank(e, all.count)) return;
    const an_value x = spread(e, a, &all), y = spread(e, b, &all);
    *a = (term){an_mul_at(e->at, x, y), all};
    sum_out(e, a, NULL);
}

/* A term as a batch of matrices of its own labels and the inner ones. */
typedef struct matrices {
    labels batch, own, inner;
} matrices;

static bool stands(einsum *e, const term *t, const matrices *m)
{
    const labels own_first = joined(e, &m->batch, &m->own, &m->inner);
    const labels inner_first = joined(e, &m->batch, &m->inner, &m->own);
    return alike(&t->axes, &own_first) || alike(&t->axes, &inner_first);
}

/* [batch, own, inner], or with the last two changed over, which is told. */
static an_value as_matrices(einsum *e, term *t, const matrices *m, bool *inner_is_first)
{
    const labels inner_first = joined(e, &m->batch, &m->inner, &m->own);
    const labels own_first = joined(e, &m->batch, &m->own, &m->inner);
    *inner_is_first = alike(&t->axes, &inner_first) && !alike(&t->axes, &own_first);
    if (!*inner_is_first) order(e, t, &own_first);
    an_shape shape = {.rank = m->batch.count + 2};
    for (int i = 0; i < m->batch.count; i++) shape.dim[i] = e->extent[m->batch.at[i]];
    shape.dim[m->batch.count + *inner_is_first] = extent_of(e, &m->own);
    shape.dim[m->batch.count + !*inner_is_first] = extent_of(e, &m->inner);
    return shaped(e, t->v, &shape);
}

/* One matmul: a's own labels before b's. */
static void matmul(einsum *e, term *a, term *b, matrices ma, matrices mb)
{
    const labels all = joined(e, &ma.batch, &ma.own, &mb.own);
    if (refuse_rank(e, all.count > ma.batch.count + 2 ? all.count : ma.batch.count + 2)) return;
    bool a_turned, b_stands_so;
    const an_value x = as_matrices(e, a, &ma, &a_turned);
    const an_value y = as_matrices(e, b, &mb, &b_stands_so);
    an_shape shape = {.rank = all.count};
    for (int i = 0; i < all.count; i++) shape.dim[i] = e->extent[all.at[i]];
    a->v = shaped(e, an_matmul_t_at(e->at, x, a_turned, y, !b_stands_so), &shape);
    a->axes = all;
}

/* a becomes the product of both. */
static void combine(einsum *e, term *a, term *b)
{
    matrices ma = {pick(e, &a->axes, &b->axes, true, true),
                   pick(e, &a->axes, &b->axes, false, false),
                   pick(e, &a->axes, &b->axes, true, false)};
    matrices mb = {ma.batch, pick(e, &b->axes, &a->axes, false, false), ma.inner};
    const bool is_float = an_dtype_is_float(an_type_of(a->v).dtype);
    if (ma.inner.count == 0 || (ma.own.count == 0 && mb.own.count == 0) || !is_float) {
        multiply(e, a, b);
        return;
    }
    /* In b's order, if it is b that stands as a product wants it. */
    matrices na = ma, nb = mb;
    na.batch = nb.batch = pick(e, &b->axes, &a->axes, true, true);
    na.inner = nb.inner = pick(e, &b->axes, &a->axes, true, false);
    if (stands(e, a, &na) + stands(e, b, &nb) > stands(e, a, &ma) + stands(e, b, &mb)) {
        ma = na;
        mb = nb;
    }
    const bool one_is_rows = ma.own.count == 0 || mb.own.count == 0;
    if (one_is_rows && ma.batch.count > 0 && !(stands(e, a, &ma) && stands(e, b, &mb))) {
        multiply(e, a, b); /* a vector for each: no product is worth turning what it reads */
        return;
    }
    const labels forward = joined(e, &ma.own, &mb.own, NULL);
    const labels backward = joined(e, &mb.own, &ma.own, NULL);
    if (is_in_order(e, &forward) || !is_in_order(e, &backward)) {
        matmul(e, a, b, ma, mb);
        return;
    }
    matmul(e, b, a, mb, ma);
    *a = *b;
}

an_value an_einsum_at(an_at at, const char *equation, const an_value *in, int count)
{
    an_graph *g = NULL;
    for (int k = 0; k < count; k++) {
        if (in[k].graph) g = in[k].graph;
        if (an_is_missing(in[k])) return (an_value){g, 0};
    }
    if (!g) return AN_NONE;
    einsum e = {.at = at, .g = g, .dims = an_dims_of(g), .equation = equation ? equation : ""};
    read_equation(&e, in, count);
    term all = {0};
    const char *p = e.equation;
    for (int k = 0; k < count && !e.failed; k++) {
        term next = {.v = in[k]};
        read_operand(&e, &p, k, in[k], &next.axes);
        p++; /* the comma */
        prepare(&e, &next, k > 0 ? &all.axes : NULL);
        if (k > 0) combine(&e, &all, &next);
        else all = next;
    }
    order(&e, &all, &e.result);
    return e.failed ? (an_value){g, 0} : all.v;
}
