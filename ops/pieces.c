/* pieces.c -- cutting arrays apart along an axis and putting them together.
 *
 *   slice   y_i = x_(start + i step)          dx = dy spread out between zeros (pad)
 *   concat  y = x0, then x1, ...              dx_k = its piece of dy (slice)
 *   pad     y = before * value, then x with `interior` values between neighbours,
 *           then after * value                dx = dy without the values (slice)
 *
 * Extents may be named: a slice of T - 1 steps, a concatenation of T and U. What
 * is literal is checked when the node is made. A slice that turns out to reach
 * past its axis is found by the kernel: it writes zeros and raises the run's
 * fault, with the axis as position and `stop` as the value. An axis of named
 * extent counts as not empty when `interior` values are added between elements.
 *
 * Seen along the axis an array is lines of `inner` neighbours; each unit writes
 * a range of the result's lines.                                              */
#include "core/dims.h"
#include "ops/access.h"
#include "ops/elementwise.h"
#include "ops/movement.h"

#include <math.h>
#include <string.h>

typedef struct lines {
    int axis;
    int64_t inner, along, count; /* elements to a line, lines along the axis, lines in all */
    int64_t group;               /* lines to a unit */
    int64_t size;                /* bytes to an element */
} lines;

static lines lines_of(const an_work *w)
{
    const an_tensor *y = &w->out[0];
    lines l = {.axis = w->attrs->axis};
    l.inner = an_span(y, l.axis + 1, y->rank);
    l.along = y->extent[l.axis];
    l.count = an_span(y, 0, l.axis + 1);
    l.group = l.inner > 0 && l.inner < AN_BLOCK ? AN_BLOCK / l.inner : 1;
    l.size = (int64_t)an_dtype_size(y->dtype);
    return l;
}

static int64_t line_units(const an_work *w)
{
    const lines l = lines_of(w);
    return l.inner > 0 ? (l.count + l.group - 1) / l.group : 0;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Calls `part` for the lines [from, to) along the axis that units [begin, end)
 * have of each slab `outer`. */
typedef void (*part_fn)(const an_work *w, const lines *l, int64_t outer, int64_t from, int64_t to);

static void run_lines(const an_work *w, int64_t begin, int64_t end, part_fn part)
{
    const lines l = lines_of(w);
    if (!w->out[0].data || l.along == 0) return;
    const int64_t last = least(end * l.group, l.count);
    int64_t at = begin * l.group, outer = at / l.along, from = at % l.along;
    for (; at < last; outer++, from = 0) {
        const int64_t to = least(l.along, from + last - at);
        part(w, &l, outer, from, to);
        at += to - from;
    }
}

/* ---- slice ------------------------------------------------------------- */

static an_status slice_infer(const an_infer *q, an_type out[])
{
    const an_attrs *a = q->attrs;
    out[0] = q->in[0];
    int axis;
    const an_status s = an_want_axis(q, a->axis, q->in[0].shape.rank, false, &axis);
    if (s != AN_OK) return s;
    if (a->step < 1) return an_refuse(q, AN_E_ATTRIBUTE, "step %d is not at least 1", a->step);
    if (!an_dims_valid(q->dims, a->start) || !an_dims_valid(q->dims, a->stop)) {
        an_refuse(q, AN_E_ATTRIBUTE, "start and stop must be extents or dims of this graph");
        return an_hint(q, AN_E_ATTRIBUTE, "T - 1 is written an_dim_minus(g, T, 1)");
    }
    const an_dim extent = q->in[0].shape.dim[axis];
    if (extent >= 0 && a->stop > extent) /* named ones are negative */
        return an_refuse(q, AN_E_ATTRIBUTE, "stop %lld is past the axis' extent %lld",
                         (long long)a->stop, (long long)extent);
    const an_dim length = an_dims_sub(q->dims, a->stop, a->start);
    if (length == AN_DIM_BAD)
        return an_refuse(q, AN_E_ATTRIBUTE, "start %lld is past stop %lld", (long long)a->start,
                         (long long)a->stop);
    const an_dim rounded_up = an_dims_add(q->dims, length, a->step - 1);
    out[0].shape.dim[axis] = an_dims_div(q->dims, rounded_up, a->step);
    return AN_OK;
}

/* "T=7", or "7". */
static void add_dim(const an_dims *dims, an_dim d, int64_t extent, an_text *out)
{
    if (d < 0) an_dims_print(dims, d, out);
    an_text_addf(out, d < 0 ? "=%lld" : "%lld", (long long)extent);
}

static bool slice_bounds_fit(const an_attrs *a, const an_shape *shape, const an_dims *dims,
                             const int64_t *extent, const char *x, an_text *why)
{
    const int64_t start = an_dim_extent(a->start, extent), stop = an_dim_extent(a->stop, extent);
    const int64_t all = an_dim_extent(shape->dim[a->axis], extent);
    if (stop >= 0 && all >= 0 && stop > all) {
        an_text_add(why, "stop ");
        add_dim(dims, a->stop, stop, why);
        an_text_add(why, " exceeds ");
        add_dim(dims, shape->dim[a->axis], all, why);
        an_text_addf(why, ", the extent of dim %d of %s", a->axis, x);
        return false;
    }
    if (start < 0 || stop < 0 || start <= stop) return true;
    an_text_add(why, "start ");
    add_dim(dims, a->start, start, why);
    an_text_add(why, " exceeds stop ");
    add_dim(dims, a->stop, stop, why);
    return false;
}

/* Named bounds are known only now; whoever binds has looked. */
static bool slice_fits(const an_work *w, int axis)
{
    const int64_t start = an_dim_extent(w->attrs->start, w->extent);
    const int64_t stop = an_dim_extent(w->attrs->stop, w->extent);
    if (start <= stop && stop <= w->in[0].extent[axis]) return true;
    an_raise(w, 0, axis, stop, w->in[0].extent[axis] + 1);
    return false;
}

static void slice_part(const an_work *w, const lines *l, int64_t outer, int64_t from, int64_t to)
{
    const int64_t start = an_dim_extent(w->attrs->start, w->extent), step = w->attrs->step;
    const int64_t extent = w->in[0].extent[l->axis], line = l->inner * l->size;
    const char *x = (const char *)w->in[0].data + (outer * extent + start) * line;
    char *y = (char *)w->out[0].data + outer * l->along * line;
    if (step == 1) memcpy(y + from * line, x + from * line, (size_t)((to - from) * line));
    for (int64_t i = from; step != 1 && i < to; i++)
        memcpy(y + i * line, x + i * step * line, (size_t)line);
}

static void zero_part(const an_work *w, const lines *l, int64_t outer, int64_t from, int64_t to)
{
    const int64_t line = l->inner * l->size;
    memset((char *)w->out[0].data + (outer * l->along + from) * line, 0,
           (size_t)((to - from) * line));
}

static void slice_run(const an_work *w, int64_t begin, int64_t end)
{
    run_lines(w, begin, end, slice_fits(w, w->attrs->axis) ? slice_part : zero_part);
}

static void slice_ref(const an_work *w)
{
    const an_tensor *x = &w->in[0], *y = &w->out[0];
    if (!y->data) return;
    const int axis = w->attrs->axis;
    const int64_t count = an_elements(y), inner = an_span(y, axis + 1, y->rank);
    const bool fits = count == 0 || slice_fits(w, axis);
    if (!fits) memset(y->data, 0, (size_t)count * an_dtype_size(y->dtype));
    const int64_t start = an_dim_extent(w->attrs->start, w->extent);
    for (int64_t i = 0; fits && i < count; i++) {
        const int64_t line = i / inner % y->extent[axis], outer = i / inner / y->extent[axis];
        const int64_t from =
            (outer * x->extent[axis] + start + line * w->attrs->step) * inner + i % inner;
        an_move(y, i, x, from);
    }
}

/* What lies behind the last element taken: extent - start - (step (n - 1) + 1). */
static void slice_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    const an_attrs *a = c->attrs;
    const an_shape x = an_type_of(c->in[0]).shape, y = an_type_of(dy[0]).shape;
    const int axis = a->axis;
    an_dims *dims = an_dims_of(dy[0].graph);
    an_dim after = an_dims_sub(dims, x.dim[axis], a->start);
    if (y.dim[axis] != 0) {
        after = an_dims_add(dims, after, a->step - 1);
        after = an_dims_sub(dims, after, an_dims_mul(dims, y.dim[axis], a->step));
    }
    dx[0] = an_pad(dy[0], axis, a->start, after, a->step - 1, 0);
}

an_value an_slice_at(an_at at, an_value x, int axis, an_dim start, an_dim stop, int step)
{
    return an_emit(at, AN_OP_slice, &x, 1,
                   &(an_attrs){.axis = axis, .start = start, .stop = stop, .step = step});
}

const an_op_rules an_rules_slice = {
    .infer = slice_infer,
    .fits = slice_bounds_fit,
    .grad = slice_grad,
    .stages = {{line_units, slice_run}},
    .fast = AN_FAST_ANY,
    .ref = slice_ref,
    .flops = AN_NO_FLOPS,
    .moves = true,
};

/* ---- concat ------------------------------------------------------------ */

static an_status concat_infer(const an_infer *q, an_type out[])
{
    int axis;
    an_status s = an_want_axis(q, q->attrs->axis, q->in[0].shape.rank, false, &axis);
    if (s != AN_OK) return s;
    out[0] = q->in[0];
    an_dim *along = &out[0].shape.dim[axis];
    for (int k = 1; k < q->inputs; k++) {
        const an_shape *x = &q->in[k].shape;
        s = an_want_same_dtype(q, 0, k);
        if (s != AN_OK) return s;
        if (x->rank != out[0].shape.rank)
            return an_refuse(q, AN_E_SHAPE, "x[%d] has rank %d, x[0] rank %d", k, x->rank,
                             out[0].shape.rank);
        for (int i = 0; i < x->rank; i++)
            if (i != axis && x->dim[i] != out[0].shape.dim[i]) {
                an_refuse(q, AN_E_SHAPE, "x[%d] and x[0] differ in dim %d", k, i);
                return an_hint(q, AN_E_SHAPE, "only dim %d may differ: it is the axis", axis);
            }
        *along = an_dims_add(q->dims, *along, x->dim[axis]);
        if (*along == AN_DIM_BAD) return an_refuse(q, AN_E_LIMIT, "the extents' sum overflows");
    }
    return AN_OK;
}

static void concat_part(const an_work *w, const lines *l, int64_t outer, int64_t from, int64_t to)
{
    const int64_t line = l->inner * l->size;
    char *y = (char *)w->out[0].data + outer * l->along * line;
    int64_t start = 0; /* of operand k, along the axis */
    for (int k = 0; k < w->inputs && start < to; k++) {
        const int64_t extent = w->in[k].extent[l->axis];
        const int64_t first = most(from, start), last = least(to, start + extent);
        const char *x = (const char *)w->in[k].data + outer * extent * line;
        if (first < last)
            memcpy(y + first * line, x + (first - start) * line, (size_t)((last - first) * line));
        start += extent;
    }
}

static void concat_run(const an_work *w, int64_t begin, int64_t end)
{
    run_lines(w, begin, end, concat_part);
}

static void concat_ref(const an_work *w)
{
    const an_tensor *y = &w->out[0];
    if (!y->data) return;
    const int axis = w->attrs->axis;
    const int64_t inner = an_span(y, axis + 1, y->rank);
    int64_t before = 0; /* lines of the operands before */
    for (int k = 0; k < w->inputs; k++) {
        const int64_t extent = w->in[k].extent[axis], count = an_elements(&w->in[k]);
        for (int64_t i = 0; i < count; i++) {
            const int64_t outer = i / inner / extent, line = before + i / inner % extent;
            an_move(y, (outer * y->extent[axis] + line) * inner + i % inner, &w->in[k], i);
        }
        before += extent;
    }
}

static void concat_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    an_dims *dims = an_dims_of(dy[0].graph);
    an_dim start = 0;
    for (int k = 0; k < c->inputs; k++) {
        const an_shape shape = an_type_of(c->in[k]).shape;
        const int axis = c->attrs->axis;
        const an_dim stop = an_dims_add(dims, start, shape.dim[axis]);
        dx[k] = an_slice(dy[0], axis, start, stop, 1);
        start = stop;
    }
}

an_value an_concat_at(an_at at, const an_value *x, int count, int axis)
{
    return an_emit(at, AN_OP_concat, x, count, &(an_attrs){.axis = axis});
}

const an_op_rules an_rules_concat = {
    .infer = concat_infer,
    .grad = concat_grad,
    .stages = {{line_units, concat_run}},
    .fast = AN_FAST_ANY,
    .ref = concat_ref,
    .flops = AN_NO_FLOPS,
};

/* ---- pad --------------------------------------------------------------- */

static an_status pad_infer(const an_infer *q, an_type out[])
{
    const an_attrs *a = q->attrs;
    int axis;
    const an_status s = an_want_axis(q, a->axis, q->in[0].shape.rank, false, &axis);
    if (s != AN_OK) return s;
    if (a->interior < 0)
        return an_refuse(q, AN_E_ATTRIBUTE, "interior %d is negative", a->interior);
    if (!an_dims_valid(q->dims, a->before) || !an_dims_valid(q->dims, a->after)) {
        an_refuse(q, AN_E_ATTRIBUTE, "before and after must be extents or dims of this graph");
        return an_hint(q, AN_E_ATTRIBUTE, "an_slice takes elements away; T + 1 is written "
                                          "an_dim_plus(g, T, 1)");
    }
    out[0] = q->in[0];
    an_dim *along = &out[0].shape.dim[axis];
    const bool between = *along != 0;
    *along = an_dims_mul(q->dims, *along, (an_dim)a->interior + 1);
    *along = an_dims_add(q->dims, *along, an_dims_add(q->dims, a->before, a->after));
    if (between) *along = an_dims_sub(q->dims, *along, a->interior);
    if (*along == AN_DIM_BAD) return an_refuse(q, AN_E_LIMIT, "the padded extent overflows");
    return AN_OK;
}

/* The filling element's bytes; returns how many. */
static int64_t fill_element(const an_work *w, void *room)
{
    an_tensor one = an_tensor_borrow(w->out[0].dtype, 0, NULL, room);
    an_tensor_set(&one, 0, w->attrs->value);
    return (int64_t)an_dtype_size(one.dtype);
}

/* So many lines of it; a gradient asks for zeros, between lines that may be short. */
static void fill(const an_work *w, const lines *l, char *to, int64_t count)
{
    int64_t room = 0;
    const double value = w->attrs->value;
    if (value == 0 && !signbit(value)) {
        memset(to, 0, (size_t)(count * l->inner * l->size));
    } else if (count > 0) {
        fill_element(w, &room);
        an_fill_bytes(to, count * l->inner, (const char *)&room, l->size);
    }
}

static void pad_part(const an_work *w, const lines *l, int64_t outer, int64_t from, int64_t to)
{
    const int64_t before = an_dim_extent(w->attrs->before, w->extent);
    const int64_t step = w->attrs->interior + 1;
    const int64_t extent = w->in[0].extent[l->axis], line = l->inner * l->size;
    const char *x = (const char *)w->in[0].data + outer * extent * line;
    char *y = (char *)w->out[0].data + outer * l->along * line;
    /* Elements [first, last) of x lie in this part. */
    const int64_t first = from <= before ? 0 : (from - before + step - 1) / step;
    const int64_t last = to <= before ? 0 : least(extent, (to - before + step - 1) / step);
    if (first >= last || step > 1)
        fill(w, l, y + from * line, to - from);
    if (first >= last) return;
    if (step > 1) {
        for (int64_t i = first; i < last; i++)
            memcpy(y + (before + i * step) * line, x + i * line, (size_t)line);
        return;
    }
    fill(w, l, y + from * line, before + first - from);
    memcpy(y + (before + first) * line, x + first * line, (size_t)((last - first) * line));
    fill(w, l, y + (before + last) * line, to - before - last);
}

static void pad_run(const an_work *w, int64_t begin, int64_t end)
{
    run_lines(w, begin, end, pad_part);
}

static void pad_ref(const an_work *w)
{
    const an_tensor *x = &w->in[0], *y = &w->out[0];
    if (!y->data) return;
    int64_t room;
    const int64_t size = fill_element(w, &room), step = w->attrs->interior + 1;
    const int axis = w->attrs->axis;
    const int64_t before = an_dim_extent(w->attrs->before, w->extent);
    const int64_t inner = an_span(y, axis + 1, y->rank), count = an_elements(y);
    for (int64_t i = 0; i < count; i++) {
        const int64_t line = i / inner % y->extent[axis] - before;
        const int64_t outer = i / inner / y->extent[axis];
        const bool inside = line >= 0 && line % step == 0 && line / step < x->extent[axis];
        const int64_t from = (outer * x->extent[axis] + line / step) * inner + i % inner;
        memcpy((char *)y->data + i * size,
               inside ? (const char *)x->data + from * size : (const char *)&room, (size_t)size);
    }
}

static void pad_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    const an_attrs *a = c->attrs;
    const an_shape x = an_type_of(c->in[0]).shape;
    const int axis = a->axis, step = a->interior + 1;
    an_dims *dims = an_dims_of(dy[0].graph);
    an_dim stop = an_dims_add(dims, a->before, an_dims_mul(dims, x.dim[axis], step));
    if (x.dim[axis] != 0) stop = an_dims_sub(dims, stop, a->interior);
    dx[0] = an_slice(dy[0], axis, a->before, stop, step);
}

an_value an_pad_at(an_at at, an_value x, int axis, an_dim before, an_dim after, int interior,
                   double value)
{
    return an_emit(at, AN_OP_pad, &x, 1,
                   &(an_attrs){.axis = axis, .before = before, .after = after,
                               .interior = interior, .value = value});
}

const an_op_rules an_rules_pad = {
    .infer = pad_infer,
    .grad = pad_grad,
    .stages = {{line_units, pad_run}},
    .fast = AN_FAST_ANY,
    .ref = pad_ref,
    .flops = AN_NO_FLOPS,
};
