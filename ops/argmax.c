/* argmax.c -- where the largest element along an axis is.
 *
 *   y = the first j with x_j >= all others, as i32
 *
 * A NaN counts as the largest; the first one wins. The result is constant almost
 * everywhere, so there is no gradient. Refused: an axis that is certainly empty,
 * or longer than i32 counts. An axis of named extent that turns out empty gives
 * -1, which every op that takes ids refuses in turn.                          */
#include "ops/access.h"
#include "ops/elementwise.h"
#include "ops/kernels/kernels.h"

#include <math.h>

static an_status argmax_infer(const an_infer *q, an_type out[])
{
    const an_shape *x = &q->in[0].shape;
    int axis;
    const an_status s = an_want_axis(q, q->attrs->axis, x->rank, false, &axis);
    if (s != AN_OK) return s;
    if (x->dim[axis] == 0) return an_refuse(q, AN_E_SHAPE, "axis %d has no elements", axis);
    if (x->dim[axis] > INT32_MAX)
        return an_refuse(q, AN_E_LIMIT, "axis %d is longer than i32 counts", axis);
    out[0].dtype = AN_I32;
    for (int i = 0; i < x->rank; i++)
        if (i != axis) out[0].shape.dim[out[0].shape.rank++] = x->dim[i];
    return AN_OK;
}

/* x as `outer` slabs of `along` rows of `inner` elements. */
typedef struct slabs {
    int64_t along, inner, group; /* group: results to a unit */
} slabs;

static slabs slabs_of(const an_work *w)
{
    const an_tensor *x = &w->in[0];
    const int axis = w->attrs->axis;
    slabs s = {.along = x->extent[axis], .inner = an_span(x, axis + 1, x->rank)};
    s.group = s.along > 0 && s.along < AN_BLOCK ? AN_BLOCK / s.along : 1;
    return s;
}

static int64_t argmax_units(const an_work *w)
{
    const int64_t group = slabs_of(w).group;
    return (an_elements(&w->out[0]) + group - 1) / group;
}

/* Two passes of a row: the largest, sixteen at a time, then where it is. */
static int32_t row_argmax(const an_work *w, const float *x, int64_t count)
{
    const float largest = (float)w->kernels->max_row(x, count);
    for (int64_t j = 0; j < count; j++)
        if (isnan(largest) ? isnan(x[j]) : x[j] == largest) return (int32_t)j;
    return -1; /* no elements */
}

static int32_t column_argmax(const float *x, int64_t count, int64_t stride)
{
    int32_t best = count > 0 ? 0 : -1;
    for (int64_t j = 1; j < count; j++) {
        const float now = x[j * stride], old = x[best * stride];
        if (now > old || (isnan(now) && !isnan(old))) best = (int32_t)j;
    }
    return best;
}

static void argmax_run(const an_work *w, int64_t begin, int64_t end)
{
    int32_t *y = w->out[0].data;
    if (!y) return;
    const slabs s = slabs_of(w);
    const int64_t all = an_elements(&w->out[0]), last = end * s.group < all ? end * s.group : all;
    for (int64_t i = begin * s.group; i < last; i++) {
        const float *x = (const float *)w->in[0].data + i / s.inner * s.along * s.inner;
        y[i] = s.inner == 1 ? row_argmax(w, x, s.along)
                            : column_argmax(x + i % s.inner, s.along, s.inner);
    }
}

static bool larger(const an_tensor *x, int64_t i, int64_t j)
{
    if (!an_dtype_is_float(x->dtype)) return an_get_int(x, i) > an_get_int(x, j);
    const double a = an_get(x, i), b = an_get(x, j);
    return isnan(a) ? !isnan(b) : a > b;
}

static void argmax_ref(const an_work *w)
{
    const an_tensor *x = &w->in[0], *y = &w->out[0];
    const slabs s = slabs_of(w);
    const int64_t count = y->data ? an_elements(y) : 0;
    for (int64_t i = 0; i < count; i++) {
        const int64_t first = i / s.inner * s.along * s.inner + i % s.inner;
        int64_t best = 0;
        for (int64_t j = 1; j < s.along; j++)
            if (larger(x, first + j * s.inner, first + best * s.inner)) best = j;
        an_put_int(y, i, s.along > 0 ? best : -1);
    }
}

an_value an_argmax_at(an_at at, an_value x, int axis)
{
    return an_emit(at, AN_OP_argmax, &x, 1, &(an_attrs){.axis = axis});
}

const an_op_rules an_rules_argmax = {
    .numbers = 1u,
    .axes_in = AN_IN(0),
    .infer = argmax_infer,
    .no_grad = "an index is constant almost everywhere",
    .constant_in = 1u,
    .stages = {{argmax_units, argmax_run}},
    .ref = argmax_ref,
    .flops = 1,
};
