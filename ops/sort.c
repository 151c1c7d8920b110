/* sort.c -- elements in order along an axis, and where they were.
 *
 *   sort   y_j = x_(i_j), where i puts x in order        dx_(i_j) = dy_j
 *   top_k  the first k of x sorted from the largest      likewise, and 0 for all others
 *
 * Both are stable: of equal elements the first comes first, whatever the direction; 0 equals -0. A
 * NaN counts as the largest, as for argmax: it comes last, or first where the largest does.
 * Indices are i32; they are constant almost everywhere, so no gradient passes through them.
 *
 * f32 is sorted as integers of the same order with the index in their low half, so that no two are
 * equal: by their digits, four passes of 8 bits (D. Knuth, "The art of computer programming", vol.
 * 3, 5.2.5), short rows by insertion. top_k keeps the best k so far in a heap.   */
#include "core/memory.h"
#include "ops/access.h"
#include "ops/elementwise.h"

#include <math.h>

#define SHORT 48 /* rows that are sorted by insertion */

/* Seen along the axis: rows of `along` elements `inner` apart, of which the result has `kept`. */
typedef struct lines {
    int64_t along, inner, kept, count;
    int64_t group; /* lines to a unit */
} lines;

static lines lines_of(const an_work *w)
{
    const an_tensor *x = &w->in[0], *y = &w->out[0];
    const int axis = w->attrs->axis;
    lines l = {.along = x->extent[axis], .inner = an_span(x, axis + 1, x->rank),
               .kept = y->extent[axis]};
    l.count = an_span(x, 0, axis) * l.inner;
    l.group = l.along > 0 && l.along < AN_BLOCK ? AN_BLOCK / l.along : 1;
    return l;
}

static int64_t first_of(const lines *l, int64_t line, int64_t along)
{
    return line / l->inner * along * l->inner + line % l->inner;
}

static int64_t line_units(const an_work *w)
{
    const lines l = lines_of(w);
    return (l.count + l.group - 1) / l.group;
}

static void put_zero(const an_tensor *t, int64_t i)
{
    const size_t size = an_dtype_size(t->dtype);
    memset((char *)t->data + (size_t)i * size, 0, size);
}

/* Element j of a line of the results was element `from` of x's. A k that turns out to be too large
 * has none; whoever binds has looked. */
static void put_line(const an_work *w, const lines *l, int64_t line, int64_t j, int64_t from)
{
    const int64_t at = first_of(l, line, l->kept) + j * l->inner;
    if (from < 0 || from >= l->along) {
        an_raise(w, 0, w->attrs->axis, l->kept, l->along + 1);
        if (w->out[0].data) put_zero(&w->out[0], at);
        if (w->out[1].data) an_put_int(&w->out[1], at, 0);
        return;
    }
    if (w->out[0].data)
        an_move(&w->out[0], at, &w->in[0], first_of(l, line, l->along) + from * l->inner);
    if (w->out[1].data) an_put_int(&w->out[1], at, from);
}

/* ---- types and gradients ----------------------------------------------- */

static an_status sort_infer(const an_infer *q, an_type out[])
{
    int axis;
    const an_status s = an_want_axis(q, q->attrs->axis, q->in[0].shape.rank, false, &axis);
    if (s != AN_OK) return s;
    if (q->in[0].shape.dim[axis] > INT32_MAX)
        return an_refuse(q, AN_E_LIMIT, "axis %d is longer than i32 counts", axis);
    out[0] = q->in[0];
    out[1] = (an_type){AN_I32, q->in[0].shape};
    return AN_OK;
}

static an_status top_k_infer(const an_infer *q, an_type out[])
{
    const an_dim size = q->attrs->size;
    const an_status s = sort_infer(q, out);
    if (s != AN_OK) return s;
    if (!an_dims_valid(q->dims, size))
        return an_refuse(q, AN_E_ATTRIBUTE, "k is neither an extent nor a dim of this graph");
    const int axis = an_axis(q->attrs->axis, out[0].shape.rank);
    const an_dim along = out[0].shape.dim[axis];
    if (size >= 0 && along >= 0 && size > along)
        return an_refuse(q, AN_E_ATTRIBUTE, "k is %lld, the axis has only %lld elements",
                         (long long)size, (long long)along);
    out[0].shape.dim[axis] = out[1].shape.dim[axis] = size;
    return AN_OK;
}

static bool k_fits(const an_attrs *a, const an_shape *shape, const an_dims *dims,
                   const int64_t *extent, const char *x, an_text *why)
{
    (void)dims;
    const int64_t size = an_dim_extent(a->size, extent);
    const int64_t along = an_dim_extent(shape->dim[a->axis], extent);
    if (size < 0 || along < 0 || size <= along) return true;
    an_text_addf(why, "k is %lld, dim %d of %s has only %lld elements", (long long)size, a->axis, x,
                 (long long)along);
    return false;
}

static an_value whole(an_graph *g, an_dim size)
{
    return an_emit_leaf(AN_HERE, g, AN_OP_count, NULL,
                        &(an_attrs){.dtype = AN_I64, .size = size});
}

/* dy's elements at the places that the indices name: x seen as one line of all its elements. */
static void sort_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    if (an_is_none(dy[0])) return;
    an_graph *g = dy[0].graph;
    an_dims *dims = an_dims_of(g);
    const an_shape x = an_type_of(c->in[0]).shape, y = an_type_of(dy[0]).shape;
    const int axis = c->attrs->axis;
    an_dim outer = 1, inner = 1;
    for (int i = 0; i < axis; i++) outer = an_dims_mul(dims, outer, x.dim[i]);
    for (int i = axis + 1; i < x.rank; i++) inner = an_dims_mul(dims, inner, x.dim[i]);
    const an_value index = an_reshape(an_cast(c->out[1], AN_I64),
                                      AN_SHAPE(outer, y.dim[axis], inner));
    const an_value slab = an_iota(g, AN_I64, AN_SHAPE(outer, 1, 1), 0);
    const an_value row = an_add(an_mul(slab, whole(g, x.dim[axis])), index);
    const an_value place = an_add(an_mul(row, whole(g, inner)),
                                  an_iota(g, AN_I64, AN_SHAPE(1, 1, inner), 2));
    const an_shape flat = AN_SHAPE(AN_DIM_REST);
    dx[0] = an_reshape(an_scatter_add(an_reshape(place, flat), an_reshape(dy[0], flat), 0,
                                      an_dims_count(dims, &x)), x);
}

/* ---- plain loops ------------------------------------------------------- */

/* Whether element i of x belongs before element j. */
static bool goes_before(const an_tensor *x, int64_t i, int64_t j, bool descending)
{
    if (descending) {
        const int64_t swap = i;
        i = j;
        j = swap;
    }
    if (!an_dtype_is_float(x->dtype)) return an_get_int(x, i) < an_get_int(x, j);
    const double a = an_get(x, i), b = an_get(x, j);
    return isnan(b) ? !isnan(a) : a < b;
}

/* Two sorted runs of a line, [from, middle) and [middle, to), become one in `out`. */
static void merge_runs(const an_work *w, const lines *l, int64_t first, const int32_t *in,
                       int32_t *out, int64_t from, int64_t middle, int64_t to)
{
    int64_t a = from, b = middle;
    for (int64_t k = from; k < to; k++) {
        const bool right = a == middle ||
                           (b < to && goes_before(&w->in[0], first + in[b] * l->inner,
                                                  first + in[a] * l->inner, w->attrs->descending));
        out[k] = right ? in[b++] : in[a++];
    }
}

static void sort_ref(const an_work *w)
{
    const lines l = lines_of(w);
    if (l.along == 0) return; /* there is no scratch then */
    for (int64_t line = 0; line < l.count; line++) {
        int32_t *order = w->scratch, *spare = order + l.along;
        const int64_t first = first_of(&l, line, l.along);
        for (int64_t j = 0; j < l.along; j++) order[j] = (int32_t)j;
        for (int64_t run = 1; run < l.along; run *= 2) {
            for (int64_t from = 0; from < l.along; from += 2 * run) {
                const int64_t middle = from + run < l.along ? from + run : l.along;
                const int64_t to = middle + run < l.along ? middle + run : l.along;
                merge_runs(w, &l, first, order, spare, from, middle, to);
            }
            int32_t *swap = order;
            order = spare;
            spare = swap;
        }
        for (int64_t j = 0; j < l.along; j++) put_line(w, &l, line, j, order[j]);
    }
}

/* The largest that comes behind the last one taken, k times. */
static void top_k_ref(const an_work *w)
{
    const an_tensor *x = &w->in[0];
    const lines l = lines_of(w);
    for (int64_t line = 0; line < l.count; line++) {
        const int64_t first = first_of(&l, line, l.along);
        int64_t last = -1;
        for (int64_t k = 0; k < l.kept; k++) {
            int64_t best = -1;
            for (int64_t j = 0; j < l.along; j++) {
                const int64_t at = first + j * l.inner, of = first + last * l.inner;
                const bool taken = last >= 0 && (goes_before(x, at, of, true) ||
                                                 (!goes_before(x, of, at, true) && j <= last));
                if (!taken && (best < 0 || goes_before(x, at, first + best * l.inner, true)))
                    best = j;
            }
            put_line(w, &l, line, k, best);
            if (best >= 0) last = best;
        }
    }
}

/* ---- kernels ----------------------------------------------------------- */

/* Integers in the order that is wanted; no two are equal. */
static uint64_t key_of(float x, int64_t index, bool descending)
{
    uint32_t bits;
    x += 0.0f; /* -0 becomes 0 */
    memcpy(&bits, &x, sizeof bits);
    uint32_t key = isnan(x) ? UINT32_MAX : bits >> 31 ? ~bits : bits | 1u << 31;
    if (descending) key = ~key;
    return (uint64_t)key << 32 | (uint64_t)index;
}

static uint64_t key_at(const an_work *w, const lines *l, int64_t line, int64_t j, bool descending)
{
    const float *x = (const float *)w->in[0].data + first_of(l, line, l->along);
    return key_of(x[j * l->inner], j, descending);
}

static void sort_by_insertion(uint64_t *key, int64_t count)
{
    for (int64_t i = 1; i < count; i++) {
        const uint64_t now = key[i];
        int64_t j = i;
        for (; j > 0 && key[j - 1] > now; j--) key[j] = key[j - 1];
        key[j] = now;
    }
}

/* By bits 32 and up; the low half is in order already. Four passes end where they began. */
static void sort_by_digits(uint64_t *key, uint64_t *spare, int64_t count)
{
    for (int shift = 32; shift < 64; shift += 8) {
        int64_t place[257] = {0};
        for (int64_t i = 0; i < count; i++) place[(key[i] >> shift & 255) + 1]++;
        for (int d = 0; d < 256; d++) place[d + 1] += place[d];
        for (int64_t i = 0; i < count; i++) spare[place[key[i] >> shift & 255]++] = key[i];
        uint64_t *swap = key;
        key = spare;
        spare = swap;
    }
}

static int64_t sort_scratch(const an_work *w)
{
    const lines l = lines_of(w);
    int64_t count;
    if (!an_mul_size(l.along, l.count, &count)) return -1;
    return an_mul_size(count, 2 * (int64_t)sizeof(uint64_t), &count) ? count : -1;
}

static void sort_run(const an_work *w, int64_t begin, int64_t end)
{
    const lines l = lines_of(w);
    const int64_t last = end * l.group < l.count ? end * l.group : l.count;
    for (int64_t line = begin * l.group; line < last && l.along > 0; line++) {
        uint64_t *key = (uint64_t *)w->scratch + 2 * line * l.along;
        for (int64_t j = 0; j < l.along; j++)
            key[j] = key_at(w, &l, line, j, w->attrs->descending);
        if (l.along <= SHORT) sort_by_insertion(key, l.along);
        else sort_by_digits(key, key + l.along, l.along);
        for (int64_t j = 0; j < l.along; j++) put_line(w, &l, line, j, (int64_t)(uint32_t)key[j]);
    }
}

/* A heap whose first is its largest: the worst of those kept. */
static void sink(uint64_t *heap, int64_t count, uint64_t now)
{
    int64_t at = 0;
    for (int64_t below = 1; below < count; below = 2 * at + 1) {
        if (below + 1 < count && heap[below + 1] > heap[below]) below++;
        if (heap[below] <= now) break;
        heap[at] = heap[below];
        at = below;
    }
    heap[at] = now;
}

static int64_t top_k_scratch(const an_work *w)
{
    const lines l = lines_of(w);
    int64_t count;
    if (!an_mul_size(l.kept, l.count, &count)) return -1;
    return an_mul_size(count, (int64_t)sizeof(uint64_t), &count) ? count : -1;
}

static void top_k_run(const an_work *w, int64_t begin, int64_t end)
{
    const lines l = lines_of(w);
    const int64_t last = end * l.group < l.count ? end * l.group : l.count;
    for (int64_t line = begin * l.group; line < last && l.kept > 0; line++) {
        uint64_t *best = (uint64_t *)w->scratch + line * l.kept;
        for (int64_t j = 0; j < l.kept; j++) best[j] = UINT64_MAX; /* behind all others */
        for (int64_t j = 0; j < l.along; j++) {
            const uint64_t now = key_at(w, &l, line, j, true);
            if (now < best[0]) sink(best, l.kept, now);
        }
        for (int64_t k = l.kept - 1; k >= 0; k--) { /* the worst of those left goes to the end */
            const uint64_t worst = best[0];
            sink(best, k, best[k]);
            best[k] = worst;
        }
        for (int64_t k = 0; k < l.kept; k++) put_line(w, &l, line, k, (int64_t)(uint32_t)best[k]);
    }
}

/* ---- builders ---------------------------------------------------------- */

an_value an_sort_at(an_at at, an_value x, int axis, bool descending)
{
    return an_emit(at, AN_OP_sort, &x, 1, &(an_attrs){.axis = axis, .descending = descending});
}

an_value an_argsort_at(an_at at, an_value x, int axis, bool descending)
{
    return an_result(an_sort_at(at, x, axis, descending), 1);
}

an_value an_top_k_at(an_at at, an_value x, an_dim k, int axis)
{
    return an_emit(at, AN_OP_top_k, &x, 1, &(an_attrs){.axis = axis, .size = k});
}

const an_op_rules an_rules_sort = {
    .numbers = 1u,
    .infer = sort_infer,
    .grad = sort_grad,
    .stages = {{line_units, sort_run}},
    .ref = sort_ref,
    .scratch = sort_scratch,
    .flops = AN_NO_FLOPS,
    .closed = 2u,
};

const an_op_rules an_rules_top_k = {
    .numbers = 1u,
    .infer = top_k_infer,
    .fits = k_fits,
    .grad = sort_grad,
    .stages = {{line_units, top_k_run}},
    .ref = top_k_ref,
    .scratch = top_k_scratch,
    .flops = AN_NO_FLOPS,
    .closed = 2u,
};
