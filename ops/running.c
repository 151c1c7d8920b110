/* running.c -- running sums and products along an axis.
 *
 *   cumsum       y_j = x_0 + .. + x_j            dx = cumsum(dy) from the other end
 *   prod         y = x_0 .. x_(n-1)              dx_j = dy * (x_0 .. x_(j-1)) (x_(j+1) .. x_(n-1))
 *   linear_scan  y_j = h_j,  h_0 = value,  h_(j+1) = a_j h_j + b_j
 *                                                db = the scan of a and dy from the other end,
 *                                                     from 0;  da = db * y
 *
 * `exclusive` leaves out x_j itself, `reverse` begins at the axis' end. linear_scan makes prod's
 * gradient, whose two factors are scans of x from both ends, right whatever zeros are in a row, and
 * so are the gradients of that: nothing is divided by. (G. Blelloch, "Prefix sums and their
 * applications", 1990: linear recurrences are scans, and closed under differentiation.)
 *
 * Whatever runs along the axis is a double, rounded to f32 where it is written, so no error grows
 * in f32. An array is strips of up to WIDTH neighbours, which are done beside each other.        */
#include "ops/access.h"
#include "ops/elementwise.h"

#define WIDTH 64

/* Seen along the axis. */
typedef struct strips {
    int64_t outer, along, inner;
    int64_t beside; /* strips to a slab */
    int64_t group;  /* strips to a unit */
} strips;

static strips strips_of(const an_work *w)
{
    const an_tensor *x = &w->in[0];
    const int axis = w->attrs->axis;
    strips s = {.outer = an_span(x, 0, axis), .along = x->extent[axis],
                .inner = an_span(x, axis + 1, x->rank)};
    s.beside = (s.inner + WIDTH - 1) / WIDTH;
    const int64_t work = s.along * (s.inner < WIDTH ? s.inner : WIDTH);
    s.group = work > 0 && work < AN_BLOCK ? AN_BLOCK / work : 1;
    return s;
}

static int64_t strip_units(const an_work *w)
{
    const strips s = strips_of(w);
    return (s.outer * s.beside + s.group - 1) / s.group;
}

/* One strip: `first` is its first element in x, `result` that in an array without the axis. */
typedef void (*strip_fn)(const an_work *w, const strips *s, int64_t first, int64_t result,
                         int64_t width);

static void run_strips(const an_work *w, int64_t begin, int64_t end, strip_fn strip)
{
    if (!w->out[0].data) return;
    const strips s = strips_of(w);
    const int64_t all = s.outer * s.beside, last = end * s.group < all ? end * s.group : all;
    for (int64_t i = begin * s.group; i < last; i++) {
        const int64_t outer = i / s.beside, column = i % s.beside * WIDTH;
        const int64_t width = s.inner - column < WIDTH ? s.inner - column : WIDTH;
        strip(w, &s, outer * s.along * s.inner + column, outer * s.inner + column, width);
    }
}

static an_status axis_infer(const an_infer *q, an_type out[])
{
    int axis;
    out[0] = q->in[0];
    return an_want_axis(q, q->attrs->axis, q->in[0].shape.rank, false, &axis);
}

/* Where step k of `along` is. */
static int64_t step_at(const an_work *w, int64_t along, int64_t k)
{
    return w->attrs->reverse ? along - 1 - k : k;
}

/* ---- cumsum ------------------------------------------------------------ */

static void cumsum_strip(const an_work *w, const strips *s, int64_t first, int64_t result,
                         int64_t width)
{
    (void)result;
    const float *x = (const float *)w->in[0].data + first;
    float *y = (float *)w->out[0].data + first;
    const bool exclusive = w->attrs->exclusive;
    double sum[WIDTH] = {0};
    for (int64_t k = 0; k < s->along; k++) {
        const int64_t row = step_at(w, s->along, k) * s->inner;
        for (int64_t c = 0; c < width; c++) {
            const double before = sum[c];
            sum[c] += (double)x[row + c];
            y[row + c] = (float)(exclusive ? before : sum[c]);
        }
    }
}

static void cumsum_run(const an_work *w, int64_t begin, int64_t end)
{
    run_strips(w, begin, end, cumsum_strip);
}

static void sum_line_ref(const an_work *w, int64_t first, int64_t along, int64_t inner)
{
    const an_tensor *x = &w->in[0], *y = &w->out[0];
    double sum = 0;
    uint64_t whole = 0;
    for (int64_t k = 0; k < along; k++) {
        const int64_t i = first + step_at(w, along, k) * inner;
        const double real = sum;
        const uint64_t integer = whole;
        const bool is_float = an_dtype_is_float(x->dtype);
        if (is_float) sum += an_get(x, i);
        else whole += (uint64_t)an_get_int(x, i);
        if (is_float) an_put(y, i, w->attrs->exclusive ? real : sum);
        else an_put_int(y, i, (int64_t)(w->attrs->exclusive ? integer : whole));
    }
}

static void cumsum_ref(const an_work *w)
{
    const an_tensor *x = &w->in[0];
    const int axis = w->attrs->axis;
    const int64_t along = x->extent[axis], inner = an_span(x, axis + 1, x->rank);
    const int64_t lines = w->out[0].data ? an_span(x, 0, axis) * inner : 0;
    for (int64_t i = 0; i < lines; i++)
        sum_line_ref(w, i / inner * along * inner + i % inner, along, inner);
}

static void cumsum_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    dx[0] = an_cumsum(dy[0], c->attrs->axis, c->attrs->exclusive, !c->attrs->reverse);
}

an_value an_cumsum_at(an_at at, an_value x, int axis, bool exclusive, bool reverse)
{
    return an_emit(at, AN_OP_cumsum, &x, 1,
                   &(an_attrs){.axis = axis, .exclusive = exclusive, .reverse = reverse});
}

const an_op_rules an_rules_cumsum = {
    .numbers = 1u,
    .infer = axis_infer,
    .grad = cumsum_grad,
    .stages = {{strip_units, cumsum_run}},
    .ref = cumsum_ref,
    .share = {1u},
};

/* ---- linear_scan ------------------------------------------------------- */

static void scan_strip(const an_work *w, const strips *s, int64_t first, int64_t result,
                       int64_t width)
{
    (void)result;
    const float *a = (const float *)w->in[0].data + first;
    const float *b = w->in[1].data ? (const float *)w->in[1].data + first : NULL;
    float *y = (float *)w->out[0].data + first;
    double h[WIDTH];
    for (int64_t c = 0; c < width; c++) h[c] = w->attrs->value;
    for (int64_t k = 0; k < s->along; k++) {
        const int64_t row = step_at(w, s->along, k) * s->inner;
        for (int64_t c = 0; c < width; c++) {
            const double before = h[c];
            h[c] *= (double)a[row + c];
            if (b) h[c] += (double)b[row + c];
            y[row + c] = (float)before;
        }
    }
}

static void scan_run(const an_work *w, int64_t begin, int64_t end)
{
    run_strips(w, begin, end, scan_strip);
}

static void scan_ref(const an_work *w)
{
    const an_tensor *a = &w->in[0], *b = &w->in[1], *y = &w->out[0];
    const int axis = w->attrs->axis;
    const int64_t along = a->extent[axis], inner = an_span(a, axis + 1, a->rank);
    const int64_t lines = y->data ? an_span(a, 0, axis) * inner : 0;
    for (int64_t line = 0; line < lines; line++) {
        double h = w->attrs->value;
        for (int64_t k = 0; k < along; k++) {
            const int64_t i = (line / inner * along + step_at(w, along, k)) * inner + line % inner;
            const double next = an_get(a, i) * h + (b->data ? an_get(b, i) : 0);
            an_put(y, i, h);
            h = next;
        }
    }
}

static void scan_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    const an_value db = an_linear_scan(c->in[0], dy[0], c->attrs->axis, !c->attrs->reverse, 0);
    dx[0] = an_mul(db, c->out[0]);
    if (!an_is_none(c->in[1])) dx[1] = db;
}

an_value an_linear_scan_at(an_at at, an_value a, an_value b, int axis, bool reverse, double value)
{
    return an_emit(at, AN_OP_linear_scan, (an_value[]){a, b}, 2,
                   &(an_attrs){.axis = axis, .reverse = reverse, .value = value});
}

const an_op_rules an_rules_linear_scan = {
    .floats = 1u,
    .alike = 2u,
    .infer = axis_infer,
    .grad = scan_grad,
    .no_meaning = "a recurrence has no simpler ops; the oracle is ref",
    .stages = {{strip_units, scan_run}},
    .ref = scan_ref,
    .share = {1u | 2u},
    .flops = 2,
};

/* ---- prod -------------------------------------------------------------- */

static an_status prod_infer(const an_infer *q, an_type out[])
{
    const an_shape *x = &q->in[0].shape;
    int axis;
    const an_status s = an_want_axis(q, q->attrs->axis, x->rank, false, &axis);
    out[0].dtype = q->in[0].dtype;
    for (int i = 0; s == AN_OK && i < x->rank; i++)
        if (i != axis || q->attrs->keep)
            out[0].shape.dim[out[0].shape.rank++] = i == axis ? 1 : x->dim[i];
    return s;
}

static void prod_strip(const an_work *w, const strips *s, int64_t first, int64_t result,
                       int64_t width)
{
    const float *x = (const float *)w->in[0].data + first;
    float *y = (float *)w->out[0].data + result;
    double product[WIDTH];
    for (int64_t c = 0; c < width; c++) product[c] = 1;
    for (int64_t j = 0; j < s->along; j++)
        for (int64_t c = 0; c < width; c++) product[c] *= (double)x[j * s->inner + c];
    for (int64_t c = 0; c < width; c++) y[c] = (float)product[c];
}

static void prod_run(const an_work *w, int64_t begin, int64_t end)
{
    run_strips(w, begin, end, prod_strip);
}

static void prod_ref(const an_work *w)
{
    const an_tensor *x = &w->in[0], *y = &w->out[0];
    const int axis = w->attrs->axis;
    const int64_t along = x->extent[axis], inner = an_span(x, axis + 1, x->rank);
    const int64_t count = y->data ? an_elements(y) : 0;
    for (int64_t i = 0; i < count; i++) {
        const int64_t first = i / inner * along * inner + i % inner;
        double real = 1;
        uint64_t whole = 1;
        for (int64_t j = 0; j < along; j++)
            if (an_dtype_is_float(x->dtype)) real *= an_get(x, first + j * inner);
            else whole *= (uint64_t)an_get_int(x, first + j * inner);
        if (an_dtype_is_float(x->dtype)) an_put(y, i, real);
        else an_put_int(y, i, (int64_t)whole);
    }
}

static void prod_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    const int axis = c->attrs->axis;
    an_shape kept = an_type_of(c->in[0]).shape;
    kept.dim[axis] = 1;
    const an_value before = an_linear_scan(c->in[0], AN_NONE, axis, false, 1);
    const an_value behind = an_linear_scan(c->in[0], AN_NONE, axis, true, 1);
    dx[0] = an_mul(an_reshape(dy[0], kept), an_mul(before, behind));
}

an_value an_prod_at(an_at at, an_value x, int axis)
{
    return an_emit(at, AN_OP_prod, &x, 1, &(an_attrs){.axis = axis});
}

an_value an_prod_axes_at(an_at at, an_value x, an_axes axes, bool keep)
{
    const int rank = an_type_of(x).shape.rank, count = axes.count < 0 ? rank : axes.count;
    bool reduced[AN_MAX_RANK] = {false};
    for (int k = 0; k < count; k++) {
        const int axis = axes.count < 0 ? k : an_axis(axes.at[k], rank);
        const bool good = axis >= 0 && axis < rank;
        if (good && !reduced[axis]) reduced[axis] = true;
        else if (good) an_reject(at, x.graph, AN_E_ATTRIBUTE, "prod: axis %d is named twice", axis);
        else return an_prod_at(at, x, axes.at[k]); /* which says why it cannot be */
    }
    for (int i = rank - 1; i >= 0; i--) /* from the last on: no axis before it moves */
        if (reduced[i]) x = an_emit(at, AN_OP_prod, &x, 1, &(an_attrs){.axis = i, .keep = keep});
    return x;
}

const an_op_rules an_rules_prod = {
    .numbers = 1u,
    .axes_in = AN_IN(0),
    .infer = prod_infer,
    .grad = prod_grad,
    .stages = {{strip_units, prod_run}},
    .ref = prod_ref,
    .flops = 1,
};
