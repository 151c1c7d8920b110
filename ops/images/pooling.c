/* pooling.c -- the largest and the mean of each window of an image.
 *
 *   max_pool2d   y = the largest x of the window, at = where it lies among all of x's elements
 *                dx = dy scattered to `at`
 *   avg_pool2d   y = sum of x / count     dx = avg_pool2d_grad(dy): each dy / count to its window
 *
 * Of equal elements the first is the largest, row by row, and a NaN is larger than all: it alone
 * gets the gradient. Padding is less than all, or 0 that counts or not. avg_pool2d is linear and
 * avg_pool2d_grad its adjoint, so that each is the other's gradient. A unit is some planes, images
 * times channels, which do not see each other. */
#include "ops/access.h"
#include "ops/images/window.h"

#include <math.h>

#define UNIT 16384 /* elements of all windows together, about */

/* ---- geometry ------------------------------------------------------------ */

/* One axis: image and windows. */
typedef struct slide {
    int64_t in, out, size, stride, before;
} slide;

/* The elements [from, to) of the image that window i lies over. */
typedef struct span {
    int64_t from, to;
} span;

static span span_of(const slide *s, int64_t i)
{
    const int64_t first = i * s->stride - s->before, last = first + s->size;
    return (span){first > 0 ? first : 0, last < s->in ? last : s->in};
}

typedef struct pool {
    slide axis[2]; /* rows, columns */
    int64_t planes;
    bool counted;
} pool;

static pool pool_of(const an_attrs *a, const an_tensor *x, const an_tensor *y)
{
    pool p = {.planes = x->extent[0] * x->extent[1], .counted = a->counted};
    for (int i = 0; i < 2; i++)
        p.axis[i] = (slide){x->extent[2 + i], y->extent[2 + i], a->window.at[i], a->stride.at[i],
                            a->padding.at[2 * i]};
    return p;
}

static int64_t elements(const pool *p) { return p->axis[0].in * p->axis[1].in; }
static int64_t windows(const pool *p) { return p->axis[0].out * p->axis[1].out; }

/* What a mean divides by. */
static double count_of(const pool *p, span rows, span columns)
{
    const int64_t inside = (rows.to - rows.from) * (columns.to - columns.from);
    return (double)(p->counted ? p->axis[0].size * p->axis[1].size : inside);
}

static int64_t planes_per_unit(const pool *p)
{
    const double work = (double)windows(p) * (double)p->axis[0].size * (double)p->axis[1].size;
    return work < 1 ? UNIT : work >= UNIT ? 1 : (int64_t)(UNIT / work);
}

static int64_t units_of(const pool *p)
{
    const int64_t per = planes_per_unit(p);
    return p->planes / per + (p->planes % per != 0);
}

/* ---- types --------------------------------------------------------------- */

/* The shape of windows over images of shape x. */
static an_status want_windows(const an_infer *q, const an_shape *x, an_shape *y)
{
    an_status s = an_want_window(q);
    *y = *x;
    for (int i = 0; i < 2 && s == AN_OK; i++)
        s = an_window_count(q, i, x->dim[2 + i], q->attrs->window.at[i], &y->dim[2 + i]);
    return s;
}

static an_status max_pool_infer(const an_infer *q, an_type out[])
{
    const an_status s = want_windows(q, &q->in[0].shape, &out[0].shape);
    out[0].dtype = q->in[0].dtype;
    out[1] = (an_type){AN_I64, out[0].shape};
    return s;
}

static an_status avg_pool_infer(const an_infer *q, an_type out[])
{
    out[0].dtype = q->in[0].dtype;
    return want_windows(q, &q->in[0].shape, &out[0].shape);
}

static an_status avg_pool_grad_infer(const an_infer *q, an_type out[])
{
    const an_shape *x = &q->attrs->shape, *dy = &q->in[0].shape;
    an_shape y;
    an_status s = an_want_shape(q, x);
    if (s == AN_OK && x->rank != 4)
        s = an_refuse(q, AN_E_SHAPE, "the result has rank 4, not %d", x->rank);
    if (s == AN_OK) s = want_windows(q, x, &y);
    for (int i = 0; i < 4 && s == AN_OK; i++)
        s = an_want_dim(q, "a dim of dy", dy->dim[i], y.dim[i]);
    out[0] = (an_type){q->in[0].dtype, *x};
    return s;
}

/* ---- max_pool2d ---------------------------------------------------------- */

static void max_pool_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    const an_shape x = an_type_of(c->in[0]).shape;
    const an_dim size = an_dims_count(an_dims_of(c->in[0].graph), &x);
    if (an_is_none(dy[0])) return;
    dx[0] = an_reshape(an_scatter_add(c->out[1], dy[0], 0, size), x);
}

/* Of one plane; y or at may be NULL. `first` is the plane's first element among all. */
static void max_plane(const pool *p, const float *x, int64_t first, float *y, int64_t *at)
{
    for (int64_t i = 0, n = 0; i < p->axis[0].out; i++)
        for (int64_t j = 0; j < p->axis[1].out; j++, n++) {
            const span rows = span_of(&p->axis[0], i), columns = span_of(&p->axis[1], j);
            float best = -INFINITY;
            int64_t where = rows.from * p->axis[1].in + columns.from;
            for (int64_t r = rows.from; r < rows.to; r++)
                for (int64_t s = columns.from; s < columns.to; s++) {
                    const float v = x[r * p->axis[1].in + s];
                    if (!(v > best || (isnan(v) && !isnan(best)))) continue;
                    best = v;
                    where = r * p->axis[1].in + s;
                }
            if (y) y[n] = best;
            if (at) at[n] = first + where;
        }
}

static int64_t max_units(const an_work *w)
{
    const pool p = pool_of(w->attrs, &w->in[0], &w->out[0]);
    return units_of(&p);
}

static void max_run(const an_work *w, int64_t begin, int64_t end)
{
    const pool p = pool_of(w->attrs, &w->in[0], &w->out[0]);
    const int64_t per = planes_per_unit(&p), last = end * per < p.planes ? end * per : p.planes;
    const float *x = w->in[0].data;
    float *y = w->out[0].data;
    int64_t *at = w->out[1].data;
    for (int64_t plane = begin * per; plane < last; plane++)
        max_plane(&p, x + plane * elements(&p), plane * elements(&p),
                  y ? y + plane * windows(&p) : NULL, at ? at + plane * windows(&p) : NULL);
}

/* One window, in double: its largest element's place. An image without elements has none. */
static int64_t ref_largest(const an_tensor *x, const pool *p, int64_t first, int64_t i, int64_t j)
{
    const slide *a = &p->axis[0], *b = &p->axis[1];
    int64_t best = -1;
    for (int64_t m = 0; m < a->size; m++)
        for (int64_t k = 0; k < b->size; k++) {
            const int64_t r = i * a->stride - a->before + m, s = j * b->stride - b->before + k;
            if (r < 0 || r >= a->in || s < 0 || s >= b->in) continue;
            const int64_t at = first + r * b->in + s;
            const double v = an_get(x, at), most = best < 0 ? 0 : an_get(x, best);
            if (best < 0 || v > most || (isnan(v) && !isnan(most))) best = at;
        }
    return best;
}

static void max_ref(const an_work *w)
{
    const pool p = pool_of(w->attrs, &w->in[0], &w->out[0]);
    for (int64_t plane = 0, n = 0; plane < p.planes; plane++)
        for (int64_t i = 0; i < p.axis[0].out; i++)
            for (int64_t j = 0; j < p.axis[1].out; j++, n++) {
                const int64_t at = ref_largest(&w->in[0], &p, plane * elements(&p), i, j);
                if (w->out[0].data)
                    an_put(&w->out[0], n, at < 0 ? -INFINITY : an_get(&w->in[0], at));
                if (w->out[1].data) an_put_int(&w->out[1], n, at < 0 ? 0 : at);
            }
}

/* ---- avg_pool2d and its adjoint ------------------------------------------- */

static an_attrs same_window(const an_call *c)
{
    const an_attrs *a = c->attrs;
    return (an_attrs){.window = a->window, .stride = a->stride, .padding = a->padding,
                      .counted = a->counted};
}

static void avg_pool_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    an_attrs attrs = same_window(c);
    attrs.shape = an_type_of(c->in[0]).shape;
    dx[0] = an_emit(AN_HERE, AN_OP_avg_pool2d_grad, dy, 1, &attrs);
}

static void avg_pool_grad_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    const an_attrs attrs = same_window(c);
    dx[0] = an_emit(AN_HERE, AN_OP_avg_pool2d, dy, 1, &attrs);
}

/* A convolution of one channel with ones, and images of one plane. */
typedef struct ones {
    an_window window;
    an_value kernel;
} ones;

static ones ones_of(const an_call *c)
{
    const an_attrs *a = c->attrs;
    const an_value x = c->in[0];
    ones o = {.kernel = an_broadcast(an_number(x, 1), AN_SHAPE(1, 1, a->window.at[0],
                                                               a->window.at[1]))};
    for (int i = 0; i < 2; i++) o.window.stride[i] = a->stride.at[i];
    for (int i = 0; i < 4; i++) o.window.padding[i] = a->padding.at[i];
    return o;
}

/* How many elements each window over images of that shape has: [OH, OW], or a number. */
static an_value counts(const an_call *c, const ones *o, an_shape x)
{
    const an_attrs *a = c->attrs;
    const an_value one = an_number(c->in[0], 1);
    if (a->counted)
        return an_number(c->in[0], (double)a->window.at[0] * a->window.at[1]);
    return an_conv2d(an_broadcast(one, AN_SHAPE(1, 1, x.dim[2], x.dim[3])), o->kernel, AN_NONE,
                     o->window);
}

static an_value as_planes(an_value x, an_shape s)
{
    return an_reshape(x, AN_SHAPE(an_dims_mul(an_dims_of(x.graph), s.dim[0], s.dim[1]), 1, s.dim[2],
                                  s.dim[3]));
}

static void avg_pool_meaning(const an_call *c, an_value out[])
{
    const an_shape x = an_type_of(c->in[0]).shape;
    const ones o = ones_of(c);
    const an_value sums = an_conv2d(as_planes(c->in[0], x), o.kernel, AN_NONE, o.window);
    const an_value y = an_div(sums, counts(c, &o, x));
    const an_shape s = an_type_of(y).shape;
    out[0] = an_reshape(y, AN_SHAPE(x.dim[0], x.dim[1], s.dim[2], s.dim[3]));
}

static void avg_pool_grad_meaning(const an_call *c, an_value out[])
{
    const an_shape x = c->attrs->shape;
    const ones o = ones_of(c);
    const an_value dy = as_planes(c->in[0], an_type_of(c->in[0]).shape);
    an_attrs attrs = an_window_attrs(&o.window, false);
    attrs.shape = AN_SHAPE(an_type_of(dy).shape.dim[0], 1, x.dim[2], x.dim[3]);
    const an_value in[] = {an_div(dy, counts(c, &o, x)), o.kernel};
    out[0] = an_reshape(an_emit(AN_HERE, AN_OP_conv2d_transpose, in, 2, &attrs), x);
}

static int64_t avg_units(const an_work *w)
{
    const pool p = pool_of(w->attrs, &w->in[0], &w->out[0]);
    return w->out[0].data ? units_of(&p) : 0;
}

static void avg_run(const an_work *w, int64_t begin, int64_t end)
{
    const pool p = pool_of(w->attrs, &w->in[0], &w->out[0]);
    const int64_t per = planes_per_unit(&p), last = end * per < p.planes ? end * per : p.planes;
    float *y = w->out[0].data;
    for (int64_t plane = begin * per, n = plane * windows(&p); plane < last; plane++) {
        const float *x = (const float *)w->in[0].data + plane * elements(&p);
        for (int64_t i = 0; i < p.axis[0].out; i++)
            for (int64_t j = 0; j < p.axis[1].out; j++) {
                const span rows = span_of(&p.axis[0], i), columns = span_of(&p.axis[1], j);
                double sum = 0;
                for (int64_t r = rows.from; r < rows.to; r++)
                    for (int64_t s = columns.from; s < columns.to; s++)
                        sum += (double)x[r * p.axis[1].in + s];
                y[n++] = (float)(sum / count_of(&p, rows, columns));
            }
    }
}

/* The windows [from, to) that lie over element i. */
static span windows_over(const slide *s, int64_t i)
{
    const int64_t at = i + s->before, past = at - s->size + 1;
    const int64_t from = past > 0 ? (past + s->stride - 1) / s->stride : 0, to = at / s->stride + 1;
    return (span){from, to < s->out ? to : s->out};
}

static void avg_grad_plane(const pool *p, const float *dy, float *dx)
{
    for (int64_t r = 0, n = 0; r < p->axis[0].in; r++)
        for (int64_t s = 0; s < p->axis[1].in; s++) {
            const span rows = windows_over(&p->axis[0], r), columns = windows_over(&p->axis[1], s);
            double sum = 0;
            for (int64_t i = rows.from; i < rows.to; i++)
                for (int64_t j = columns.from; j < columns.to; j++)
                    sum += (double)dy[i * p->axis[1].out + j] /
                           count_of(p, span_of(&p->axis[0], i), span_of(&p->axis[1], j));
            dx[n++] = (float)sum;
        }
}

static int64_t avg_grad_units(const an_work *w)
{
    const pool p = pool_of(w->attrs, &w->out[0], &w->in[0]);
    return w->out[0].data ? units_of(&p) : 0;
}

static void avg_grad_run(const an_work *w, int64_t begin, int64_t end)
{
    const pool p = pool_of(w->attrs, &w->out[0], &w->in[0]);
    const int64_t per = planes_per_unit(&p), last = end * per < p.planes ? end * per : p.planes;
    for (int64_t plane = begin * per; plane < last; plane++)
        avg_grad_plane(&p, (const float *)w->in[0].data + plane * windows(&p),
                       (float *)w->out[0].data + plane * elements(&p));
}

/* Both in double: each tap of each window moves x / count to y, or back. */
static void avg_ref_window(const an_tensor *x, const pool *p, int64_t plane, int64_t i, int64_t j,
                           double *sum, double *count, const an_tensor *add_to, double add)
{
    const slide *a = &p->axis[0], *b = &p->axis[1];
    for (int64_t m = 0; m < a->size; m++)
        for (int64_t k = 0; k < b->size; k++) {
            const int64_t r = i * a->stride - a->before + m, s = j * b->stride - b->before + k;
            const bool inside = r >= 0 && r < a->in && s >= 0 && s < b->in;
            if (inside || p->counted) *count += 1;
            if (!inside) continue;
            const int64_t at = plane * a->in * b->in + r * b->in + s;
            if (x) *sum += an_get(x, at);
            if (add_to) ((double *)add_to->data)[at - plane * a->in * b->in] += add;
        }
}

static void avg_ref(const an_work *w)
{
    const pool p = pool_of(w->attrs, &w->in[0], &w->out[0]);
    for (int64_t plane = 0, n = 0; plane < p.planes && w->out[0].data; plane++)
        for (int64_t i = 0; i < p.axis[0].out; i++)
            for (int64_t j = 0; j < p.axis[1].out; j++) {
                double sum = 0, count = 0;
                avg_ref_window(&w->in[0], &p, plane, i, j, &sum, &count, NULL, 0);
                an_put(&w->out[0], n++, sum / count);
            }
}

/* A plane of sums in double in the scratch. */
static int64_t avg_grad_scratch(const an_work *w)
{
    return w->out[0].extent[2] * w->out[0].extent[3] * (int64_t)sizeof(double);
}

static void avg_grad_ref(const an_work *w)
{
    const pool p = pool_of(w->attrs, &w->out[0], &w->in[0]);
    const an_tensor plane_sums = {.data = w->scratch};
    double *sums = w->scratch;
    for (int64_t plane = 0, n = 0; plane < p.planes && w->out[0].data; plane++) {
        for (int64_t e = 0; e < elements(&p); e++) sums[e] = 0;
        for (int64_t i = 0; i < p.axis[0].out; i++)
            for (int64_t j = 0; j < p.axis[1].out; j++, n++) {
                double count = 0;
                avg_ref_window(NULL, &p, plane, i, j, NULL, &count, NULL, 0);
                avg_ref_window(NULL, &p, plane, i, j, NULL, &(double){0}, &plane_sums,
                               an_get(&w->in[0], n) / count);
            }
        for (int64_t e = 0; e < elements(&p); e++)
            an_put(&w->out[0], plane * elements(&p) + e, sums[e]);
    }
}

/* ---- builders and records ------------------------------------------------ */

an_value an_max_pool2d_at(an_at at, an_value x, an_window window)
{
    const an_attrs attrs = an_window_attrs(&window, true);
    return an_emit(at, AN_OP_max_pool2d, &x, 1, &attrs);
}

an_value an_avg_pool2d_at(an_at at, an_value x, an_window window)
{
    const an_attrs attrs = an_window_attrs(&window, true);
    return an_emit(at, AN_OP_avg_pool2d, &x, 1, &attrs);
}

const an_op_rules an_rules_max_pool2d = {
    .floats = 1,
    .ranks = "4",
    .infer = max_pool_infer,
    .grad = max_pool_grad,
    .stages = {{max_units, max_run}},
    .ref = max_ref,
};

const an_op_rules an_rules_avg_pool2d = {
    .floats = 1,
    .ranks = "4",
    .infer = avg_pool_infer,
    .grad = avg_pool_grad,
    .meaning = avg_pool_meaning,
    .stages = {{avg_units, avg_run}},
    .ref = avg_ref,
};

const an_op_rules an_rules_avg_pool2d_grad = {
    .floats = 1,
    .ranks = "4",
    .infer = avg_pool_grad_infer,
    .grad = avg_pool_grad_grad,
    .meaning = avg_pool_grad_meaning,
    .stages = {{avg_grad_units, avg_grad_run}},
    .ref = avg_grad_ref,
    .scratch = avg_grad_scratch,
};
