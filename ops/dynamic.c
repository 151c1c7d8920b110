/* dynamic.c -- slices whose place is data.
 *
 *   dynamic_slice  y = x[start : start + size] along the axis
 *                                             dx = update_slice(zeros, dy, start)
 *   update_slice   y = x, but u in place of x[start : start + its extent]
 *                                             dx = update_slice(dy, zeros, start)
 *                                             du = dynamic_slice(dy, start)
 *
 * start is a scalar of the run: a position in a cache, say. What would reach past the axis is
 * refused, as gather refuses ids, and never moved to where it fits (as XLA's ops of these names
 * do): the result is zeros and the run's fault is raised. update_slice may be written over x; then
 * what is not replaced is not touched, and nothing is where the start is refused.              */
#include "core/dims.h"
#include "ops/access.h"
#include "ops/elementwise.h"
#include "ops/movement.h"

#include <string.h>

/* A piece of x as bytes: `outer` slabs, in each `piece` bytes from `first` on out of `whole`. */
typedef struct cut {
    int64_t outer, whole, piece, first;
    bool fits;
} cut;

static cut cut_of(const an_work *w, const an_tensor *x, const an_tensor *piece, int start)
{
    const int axis = w->attrs->axis;
    const int64_t line = an_span(x, axis + 1, x->rank) * (int64_t)an_dtype_size(x->dtype);
    const int64_t places = x->extent[axis] - piece->extent[axis] + 1;
    const int64_t first = an_index_at(w, start, 0, places);
    return (cut){an_span(x, 0, axis), x->extent[axis] * line, piece->extent[axis] * line,
                 first * line, first >= 0};
}

/* At least one, for somebody must look at the start. */
static int64_t units(const an_work *w)
{
    const int64_t blocks = an_block_units(w);
    return blocks > 0 ? blocks : 1;
}

/* The bytes of the result that units [begin, end) write. */
static void byte_range(const an_work *w, int64_t begin, int64_t end, int64_t *from, int64_t *to)
{
    const int64_t size = (int64_t)an_dtype_size(w->out[0].dtype);
    int64_t first;
    const int64_t count = an_block_range(w, begin, end, &first);
    *from = first * size;
    *to = count > 0 ? (first + count) * size : *from;
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

static an_status refuse_length(const an_infer *q, const char *what, an_dim size, an_dim extent)
{
    return an_refuse(q, AN_E_SHAPE, "%s %lld is more than the axis' extent %lld", what,
                     (long long)size, (long long)extent);
}

/* ---- dynamic_slice ----------------------------------------------------- */

static an_status slice_infer(const an_infer *q, an_type out[])
{
    const an_dim size = q->attrs->size;
    int axis;
    const an_status s = an_want_axis(q, q->attrs->axis, q->in[0].shape.rank, false, &axis);
    if (s != AN_OK) return s;
    if (!an_dims_valid(q->dims, size))
        return an_refuse(q, AN_E_ATTRIBUTE, "size is neither an extent nor a dim of this graph");
    const an_dim extent = q->in[0].shape.dim[axis];
    if (size >= 0 && extent >= 0 && size > extent) return refuse_length(q, "size", size, extent);
    out[0] = q->in[0];
    out[0].shape.dim[axis] = size;
    return AN_OK;
}

static bool slice_fits(const an_attrs *a, const an_shape *shape, const an_dims *dims,
                       const int64_t *extent, const char *x, an_text *why)
{
    const int64_t size = an_dim_extent(a->size, extent);
    const int64_t all = an_dim_extent(shape->dim[a->axis], extent);
    if (size < 0 || all < 0 || size <= all) return true;
    an_text_add(why, "size ");
    if (a->size < 0) an_dims_print(dims, a->size, why);
    an_text_addf(why, "%s%lld exceeds %lld, the extent of dim %d of %s", a->size < 0 ? "=" : "",
                 (long long)size, (long long)all, a->axis, x);
    return false;
}

static void slice_run(const an_work *w, int64_t begin, int64_t end)
{
    const char *x = w->in[0].data;
    char *y = w->out[0].data;
    if (!y) return;
    const cut c = cut_of(w, &w->in[0], &w->out[0], 1);
    int64_t from, to;
    byte_range(w, begin, end, &from, &to);
    if (!c.fits) memset(y + from, 0, (size_t)(to - from));
    while (c.fits && from < to) {
        const int64_t outer = from / c.piece, at = from % c.piece;
        const int64_t count = least(c.piece - at, to - from);
        memcpy(y + from, x + outer * c.whole + c.first + at, (size_t)count);
        from += count;
    }
}

static void slice_ref(const an_work *w)
{
    const an_tensor *x = &w->in[0], *y = &w->out[0];
    if (!y->data) return;
    const int axis = w->attrs->axis;
    const int64_t along = y->extent[axis], count = an_elements(y);
    const int64_t inner = an_span(y, axis + 1, y->rank);
    const int64_t start = an_index_at(w, 1, 0, x->extent[axis] - along + 1);
    if (start < 0) memset(y->data, 0, (size_t)count * an_dtype_size(y->dtype));
    for (int64_t i = 0; start >= 0 && i < count; i++) {
        const int64_t line = start + i / inner % along, outer = i / inner / along;
        an_move(y, i, x, (outer * x->extent[axis] + line) * inner + i % inner);
    }
}

static void slice_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    const an_type x = an_type_of(c->in[0]);
    dx[0] = an_update_slice(an_fill(dy[0].graph, x.dtype, x.shape, 0), dy[0], c->in[1],
                            c->attrs->axis);
}

an_value an_dynamic_slice_at(an_at at, an_value x, an_value start, int axis, an_dim size)
{
    return an_emit(at, AN_OP_dynamic_slice, (an_value[]){x, start}, 2,
                   &(an_attrs){.axis = axis, .size = size});
}

const an_op_rules an_rules_dynamic_slice = {
    .indices = 2u,
    .ranks = ".0",
    .infer = slice_infer,
    .fits = slice_fits,
    .grad = slice_grad,
    .constant_in = 2u,
    .stages = {{units, slice_run}},
    .fast = AN_FAST_ANY,
    .ref = slice_ref,
    .flops = AN_NO_FLOPS,
    .index = {.by = AN_BOUND_START, .operand = 1, .axis = AN_OUT(0)},
    .moves = true,
};

/* ---- update_slice ------------------------------------------------------ */

static an_status update_infer(const an_infer *q, an_type out[])
{
    const an_shape *x = &q->in[0].shape, *u = &q->in[1].shape;
    int axis;
    const an_status s = an_want_axis(q, q->attrs->axis, x->rank, false, &axis);
    if (s != AN_OK) return s;
    if (x->rank != u->rank)
        return an_refuse(q, AN_E_SHAPE, "update has rank %d, x rank %d", u->rank, x->rank);
    for (int i = 0; i < x->rank; i++)
        if (i != axis && x->dim[i] != u->dim[i]) {
            an_refuse(q, AN_E_SHAPE, "update and x differ in dim %d", i);
            return an_hint(q, AN_E_SHAPE, "only dim %d may differ: it is the axis", axis);
        }
    if (u->dim[axis] >= 0 && x->dim[axis] >= 0 && u->dim[axis] > x->dim[axis])
        return refuse_length(q, "the update's extent", u->dim[axis], x->dim[axis]);
    out[0] = q->in[0];
    return AN_OK;
}

static bool is_over_x(const an_work *w) { return w->in[0].data == w->out[0].data; }

/* Over x it has as many as the update has blocks. */
static int64_t update_units(const an_work *w)
{
    const int64_t blocks = is_over_x(w) ? (an_elements(&w->in[1]) - 1) / AN_BLOCK + 1 : units(w);
    return blocks > 0 ? blocks : 1;
}

static bool update_patched(const an_work *w, an_pieces *part)
{
    const cut c = cut_of(w, &w->in[0], &w->in[1], 2);
    *part = (an_pieces){.count = c.outer, .bytes = c.piece, .first = c.first, .apart = c.whole};
    return c.fits;
}

static void update_over_x(const an_work *w, const cut *c, int64_t begin, int64_t end)
{
    const char *u = w->in[1].data;
    char *y = w->out[0].data;
    const int64_t block = AN_BLOCK * (int64_t)an_dtype_size(w->out[0].dtype);
    int64_t from = begin * block;
    const int64_t to = least(end * block, c->outer * c->piece);
    while (from < to) {
        const int64_t outer = from / c->piece, at = from % c->piece;
        const int64_t count = least(c->piece - at, to - from);
        memcpy(y + outer * c->whole + c->first + at, u + from, (size_t)count);
        from += count;
    }
}

static void update_run(const an_work *w, int64_t begin, int64_t end)
{
    const char *x = w->in[0].data, *u = w->in[1].data;
    char *y = w->out[0].data;
    if (!y) return;
    const cut c = cut_of(w, &w->in[0], &w->in[1], 2);
    if (is_over_x(w)) {
        if (c.fits) update_over_x(w, &c, begin, end);
        return;
    }
    int64_t from, to;
    byte_range(w, begin, end, &from, &to);
    if (!c.fits) memset(y + from, 0, (size_t)(to - from));
    else memcpy(y + from, x + from, (size_t)(to - from));
    if (!c.fits || c.piece == 0) return;
    while (from < to) {
        const int64_t outer = from / c.whole, slab = outer * c.whole;
        const int64_t low = most(from - slab, c.first);
        const int64_t high = least(to - slab, c.first + c.piece);
        if (low < high)
            memcpy(y + slab + low, u + outer * c.piece + low - c.first, (size_t)(high - low));
        from = slab + c.whole;
    }
}

static void update_ref(const an_work *w)
{
    const an_tensor *x = &w->in[0], *u = &w->in[1], *y = &w->out[0];
    if (!y->data) return;
    const int axis = w->attrs->axis;
    const int64_t along = x->extent[axis], size = u->extent[axis], count = an_elements(y);
    const int64_t inner = an_span(y, axis + 1, y->rank);
    const int64_t start = an_index_at(w, 2, 0, along - size + 1);
    if (start < 0) memset(y->data, 0, (size_t)count * an_dtype_size(y->dtype));
    for (int64_t i = 0; start >= 0 && i < count; i++) {
        const int64_t line = i / inner % along - start, outer = i / inner / along;
        const bool inside = line >= 0 && line < size;
        an_move(y, i, inside ? u : x, inside ? (outer * size + line) * inner + i % inner : i);
    }
}

static void update_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    const an_type u = an_type_of(c->in[1]);
    const int axis = c->attrs->axis;
    dx[0] = an_update_slice(dy[0], an_fill(dy[0].graph, u.dtype, u.shape, 0), c->in[2], axis);
    dx[1] = an_dynamic_slice(dy[0], c->in[2], axis, u.shape.dim[axis]);
}

an_value an_update_slice_at(an_at at, an_value x, an_value update, an_value start, int axis)
{
    return an_emit(at, AN_OP_update_slice, (an_value[]){x, update, start}, 3,
                   &(an_attrs){.axis = axis});
}

const an_op_rules an_rules_update_slice = {
    .indices = 4u,
    .kin = 2u,
    .ranks = "..0",
    .infer = update_infer,
    .grad = update_grad,
    .constant_in = 4u,
    .stages = {{update_units, update_run}},
    .fast = AN_FAST_ANY,
    .ref = update_ref,
    .share = {1u},
    .patch = AN_IN(1),
    .patched = update_patched,
    .flops = AN_NO_FLOPS,
    .index = {.by = AN_BOUND_START, .operand = 2, .axis = AN_IN(1)},
};
