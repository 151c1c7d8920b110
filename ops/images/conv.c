/* conv.c -- convolution over images, and its two gradients.
 *
 *   conv2d              y[n, o, p] = sum_ct x[n, c, at(p, t)] kernel[o, c, t] + bias[o]
 *   conv2d_transpose    y[n, c, i] = sum_opt x[n, o, p] kernel[o, c, t]       where at(p, t) = i
 *   conv2d_kernel_grad  dkernel[o, c, t] = sum_np x[n, c, at(p, t)] dy[n, o, p]
 *
 * with at(p, t) = stride * p - padding + dilation * t along rows and along columns; outside its
 * image x is 0. The first is linear in x and in the kernel; the others are its adjoints, so each
 * one's gradients are the other two:
 *
 *   conv2d:              dx = transpose(dy, kernel)    dkernel = kernel_grad(x, dy)
 *   conv2d_transpose:    dx = conv2d(dy, kernel)       dkernel = kernel_grad(dy, x)
 *   conv2d_kernel_grad:  dx = transpose(dy, dk)        ddy = conv2d(x, dk)
 *
 * conv_run.c computes the first two, conv_kernel.c the third, conv_ref.c all in double. */
#include "ops/access.h"
#include "ops/images/conv.h"

/* ---- types --------------------------------------------------------------- */

/* The extents of three shapes of one convolution; y's are made if it has none. */
static an_status want_conv(const an_infer *q, const an_shape *x, const an_shape *kernel,
                           an_shape *y)
{
    const an_dim groups = q->attrs->groups;
    an_dim parts, windows[2] = {0};
    if (!an_dims_divides(q->dims, kernel->dim[0], groups, &parts))
        return an_refuse(q, AN_E_SHAPE, "the kernel's channels, its dim 0, do not fall into %d "
                                        "groups", q->attrs->groups);
    an_status s = an_want_dim(q, "the images' channels", x->dim[1],
                              an_infer_mul(q, groups, kernel->dim[1]));
    for (int i = 0; i < 2 && s == AN_OK; i++) {
        const an_dim size = kernel->dim[2 + i];
        if (size < 1 || size > AN_MOST_WINDOW) {
            an_refuse(q, AN_E_SHAPE, "the kernel's dim %d must be an extent from 1 to %d", 2 + i,
                      AN_MOST_WINDOW);
            return an_hint(q, AN_E_SHAPE, "kernels are [out, in / groups, rows, columns]");
        }
        s = an_window_count(q, i, x->dim[2 + i], size, &windows[i]);
    }
    if (s != AN_OK) return s;
    if (y->rank == 0) {
        *y = AN_SHAPE(x->dim[0], kernel->dim[0], windows[0], windows[1]);
        return AN_OK;
    }
    s = an_want_dim(q, "the number of images", y->dim[0], x->dim[0]);
    if (s == AN_OK) s = an_want_dim(q, "the windows' channels", y->dim[1], kernel->dim[0]);
    if (s == AN_OK) s = an_want_dim(q, "the rows of windows", y->dim[2], windows[0]);
    return s == AN_OK ? an_want_dim(q, "the columns of windows", y->dim[3], windows[1]) : s;
}

static an_status conv2d_infer(const an_infer *q, an_type out[])
{
    an_shape y = {0};
    an_status s = an_want_window(q);
    if (s == AN_OK) s = want_conv(q, &q->in[0].shape, &q->in[1].shape, &y);
    if (s == AN_OK && q->present[2])
        s = an_want_dim(q, "bias's extent", q->in[2].shape.dim[0], y.dim[1]);
    out[0] = (an_type){q->in[0].dtype, y};
    return s;
}

/* The result's shape is given; it has four dims. */
static an_status want_given(const an_infer *q, an_type out[])
{
    const an_shape *shape = &q->attrs->shape;
    an_status s = an_want_window(q);
    if (s == AN_OK) s = an_want_shape(q, shape);
    if (s == AN_OK && shape->rank != 4)
        s = an_refuse(q, AN_E_SHAPE, "the result has rank 4, not %d", shape->rank);
    out[0] = (an_type){q->in[0].dtype, *shape};
    return s;
}

static an_status transpose_infer(const an_infer *q, an_type out[])
{
    an_shape y = q->in[0].shape;
    const an_status s = want_given(q, out);
    return s == AN_OK ? want_conv(q, &out[0].shape, &q->in[1].shape, &y) : s;
}

static an_status kernel_infer(const an_infer *q, an_type out[])
{
    an_shape y = q->in[1].shape;
    const an_status s = want_given(q, out);
    return s == AN_OK ? want_conv(q, &q->in[0].shape, &out[0].shape, &y) : s;
}

/* ---- gradients ----------------------------------------------------------- */

static an_attrs same_window(const an_call *c)
{
    const an_attrs *a = c->attrs;
    return (an_attrs){.stride = a->stride, .padding = a->padding, .dilation = a->dilation,
                      .groups = a->groups};
}

static an_value forward_node(const an_call *c, an_value x, an_value kernel)
{
    const an_attrs attrs = same_window(c);
    return an_emit(AN_HERE, AN_OP_conv2d, (an_value[]){x, kernel, AN_NONE}, 3, &attrs);
}

/* A gradient of the type of `like`. */
static an_value adjoint_node(const an_call *c, int op, an_value a, an_value b, an_value like)
{
    an_attrs attrs = same_window(c);
    attrs.shape = an_type_of(like).shape;
    return an_emit(AN_HERE, op, (an_value[]){a, b}, 2, &attrs);
}

static void conv2d_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    dx[0] = adjoint_node(c, AN_OP_conv2d_transpose, dy[0], c->in[1], c->in[0]);
    dx[1] = adjoint_node(c, AN_OP_conv2d_kernel_grad, c->in[0], dy[0], c->in[1]);
    if (!an_is_none(c->in[2])) dx[2] = an_sum_axes(dy[0], AN_AXES(0, 2, 3), false);
}

static void transpose_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    dx[0] = forward_node(c, dy[0], c->in[1]);
    dx[1] = adjoint_node(c, AN_OP_conv2d_kernel_grad, dy[0], c->in[0], c->in[1]);
}

static void kernel_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    dx[0] = adjoint_node(c, AN_OP_conv2d_transpose, c->in[1], dy[0], c->in[0]);
    dx[1] = forward_node(c, c->in[0], dy[0]);
}

/* ---- meanings: a product of matrices for each tap ------------------------- */

/* Matrices of [groups, O, C] a tap, and images that each tap sees through a grid of windows. */
typedef struct taps {
    const an_attrs *a;
    an_dims *dims;
    an_shape kernel;
    an_dim out[2]; /* windows along each axis */
    int rows, columns;
} taps;

static taps taps_of(const an_call *c, an_shape kernel)
{
    return (taps){.a = c->attrs, .dims = an_dims_of(c->in[0].graph), .kernel = kernel,
                  .rows = (int)kernel.dim[2], .columns = (int)kernel.dim[3]};
}

/* The same, of images whose windows are counted. */
static taps taps_over(const an_call *c, an_shape kernel)
{
    taps t = taps_of(c, kernel);
    const an_shape shape = an_type_of(c->in[0]).shape;
    for (int i = 0; i < 2; i++) {
        const int *p = t.a->padding.at + 2 * i;
        const an_dim span = t.a->dilation.at[i] * (kernel.dim[2 + i] - 1) + 1;
        const an_dim left = an_dims_sub(
            t.dims, an_dims_add(t.dims, shape.dim[2 + i], (an_dim)p[0] + p[1]), span);
        t.out[i] = an_dims_add(t.dims, an_dims_div(t.dims, left, t.a->stride.at[i]), 1);
    }
    return t;
}

/* [N, G*C, H, W] as [N, G, C, H*W]. */
static an_value by_group(const taps *t, an_value x)
{
    const an_shape s = an_type_of(x).shape;
    return an_reshape(x, AN_SHAPE(s.dim[0], t->a->groups,
                                  an_dims_div(t->dims, s.dim[1], t->a->groups),
                                  an_dims_mul(t->dims, s.dim[2], s.dim[3])));
}

/* What tap (i, j) sees through all windows: every stride-th element of the padded images. */
static an_value seen(const taps *t, an_value padded, int i, int j)
{
    const int tap[] = {i, j};
    for (int k = 0; k < 2; k++) {
        const int stride = t->a->stride.at[k];
        const an_dim start = (an_dim)tap[k] * t->a->dilation.at[k];
        const an_dim stop = an_dims_add(t->dims, start, an_dims_mul(t->dims, stride, t->out[k]));
        padded = an_slice(padded, 2 + k, start, stop, stride);
    }
    return by_group(t, padded);
}

/* Behind, enough for the last window's stride. */
static an_value padded_images(const taps *t, an_value x)
{
    const int *p = t->a->padding.at, *stride = t->a->stride.at;
    return an_pad(an_pad(x, 2, p[0], p[1] + stride[0] - 1, 0, 0), 3, p[2],
                  p[3] + stride[1] - 1, 0, 0);
}

/* The kernel's matrix of tap (i, j): [groups, O, C]. */
static an_value matrix_of(const taps *t, an_value kernel, int i, int j)
{
    const an_value one = an_slice(an_slice(kernel, 2, i, i + 1, 1), 3, j, j + 1, 1);
    return an_reshape(one, AN_SHAPE(t->a->groups,
                                    an_dims_div(t->dims, t->kernel.dim[0], t->a->groups),
                                    t->kernel.dim[1]));
}

static an_value plus(an_value sum, an_value v)
{
    return an_is_none(sum) ? v : an_add(sum, v);
}

static void conv2d_meaning(const an_call *c, an_value out[])
{
    const an_value x = c->in[0], kernel = c->in[1], bias = c->in[2];
    const taps t = taps_over(c, an_type_of(kernel).shape);
    const an_value padded = padded_images(&t, x);
    an_value sum = AN_NONE;
    for (int i = 0; i < t.rows; i++)
        for (int j = 0; j < t.columns; j++)
            sum = plus(sum, an_matmul(matrix_of(&t, kernel, i, j), seen(&t, padded, i, j)));
    out[0] = an_reshape(sum, AN_SHAPE(an_type_of(x).shape.dim[0], t.kernel.dim[0], t.out[0],
                                      t.out[1]));
    if (!an_is_none(bias))
        out[0] = an_add(out[0], an_reshape(bias, AN_SHAPE(t.kernel.dim[0], 1, 1)));
}

/* Images with stride - 1 zeros behind each row and column, and what windows reach beyond. */
static an_value spread(const taps *t, an_value x, an_shape to)
{
    const an_shape s = an_type_of(x).shape;
    an_dims *dims = t->dims;
    const int *stride = t->a->stride.at;
    x = an_reshape(x, AN_SHAPE(s.dim[0], s.dim[1], s.dim[2], 1, s.dim[3], 1));
    x = an_pad(an_pad(x, 3, 0, stride[0] - 1, 0, 0), 5, 0, stride[1] - 1, 0, 0);
    x = an_reshape(x, AN_SHAPE(s.dim[0], s.dim[1], an_dims_mul(dims, stride[0], s.dim[2]),
                               an_dims_mul(dims, stride[1], s.dim[3])));
    for (int k = 0; k < 2; k++)
        x = an_pad(x, 2 + k, t->a->dilation.at[k] * (t->kernel.dim[2 + k] - 1),
                   an_dims_add(dims, t->a->padding.at[2 * k], to.dim[2 + k]), 0, 0);
    return x;
}

/* What tap (i, j) adds to each element of images of shape `to`. */
static an_value added(const taps *t, an_value spread, an_shape to, int i, int j)
{
    const int tap[] = {i, j};
    for (int k = 0; k < 2; k++) {
        const an_dim start = t->a->padding.at[2 * k] +
                             t->a->dilation.at[k] * (t->kernel.dim[2 + k] - 1 - tap[k]);
        spread = an_slice(spread, 2 + k, start, an_dims_add(t->dims, start, to.dim[2 + k]), 1);
    }
    return by_group(t, spread);
}

static void transpose_meaning(const an_call *c, an_value out[])
{
    const an_value kernel = c->in[1];
    const an_shape to = c->attrs->shape;
    const taps t = taps_of(c, an_type_of(kernel).shape);
    const an_value wide = spread(&t, c->in[0], to);
    an_value sum = AN_NONE;
    for (int i = 0; i < t.rows; i++)
        for (int j = 0; j < t.columns; j++)
            sum = plus(sum, an_matmul_t(matrix_of(&t, kernel, i, j), true,
                                        added(&t, wide, to, i, j), false));
    out[0] = an_reshape(sum, to);
}

static void kernel_meaning(const an_call *c, an_value out[])
{
    const an_shape shape = c->attrs->shape;
    const taps t = taps_over(c, shape);
    const an_value padded = padded_images(&t, c->in[0]), dy = by_group(&t, c->in[1]);
    an_value all = AN_NONE;
    for (int i = 0; i < t.rows; i++)
        for (int j = 0; j < t.columns; j++) {
            const an_value each = an_matmul_t(dy, false, seen(&t, padded, i, j), true);
            const an_value one = an_reshape(an_sum(each, 0),
                                            AN_SHAPE(shape.dim[0], shape.dim[1], 1));
            all = an_is_none(all) ? one : an_concat((an_value[]){all, one}, 2, 2);
        }
    out[0] = an_reshape(all, shape);
}

/* ---- builders and records ------------------------------------------------ */

an_value an_conv2d_at(an_at at, an_value x, an_value kernel, an_value bias, an_window window)
{
    const an_attrs attrs = an_window_attrs(&window, false);
    return an_emit(at, AN_OP_conv2d, (an_value[]){x, kernel, bias}, 3, &attrs);
}

/* The least extent that windows cover so, and `more`. */
static an_dim covered(an_dims *dims, const an_attrs *a, int axis, an_dim windows, an_dim size,
                      int more)
{
    const int *p = a->padding.at + 2 * axis;
    const an_dim strides = an_dims_mul(dims, a->stride.at[axis], an_dims_sub(dims, windows, 1));
    const an_dim span = a->dilation.at[axis] * (size - 1) + 1 + more;
    return an_dims_sub(dims, an_dims_add(dims, strides, span), (an_dim)p[0] + p[1]);
}

an_value an_conv2d_transpose_at(an_at at, an_value x, an_value kernel, an_window window,
                                int more_rows, int more_columns)
{
    an_attrs attrs = an_window_attrs(&window, false);
    const an_shape s = an_type_of(x).shape, k = an_type_of(kernel).shape;
    an_dims *dims = an_dims_of(x.graph);
    const int more[] = {more_rows, more_columns};
    if (dims && s.rank == 4 && k.rank == 4) {
        attrs.shape = AN_SHAPE(s.dim[0], an_dims_mul(dims, attrs.groups, k.dim[1]), 0, 0);
        for (int i = 0; i < 2; i++)
            attrs.shape.dim[2 + i] = covered(dims, &attrs, i, s.dim[2 + i], k.dim[2 + i], more[i]);
    }
    return an_emit(at, AN_OP_conv2d_transpose, (an_value[]){x, kernel}, 2, &attrs);
}

static double conv_flops(const an_work *w)
{
    const an_conv v = an_conv_of_work(w);
    return 2 * an_conv_products(&v);
}

const an_op_rules an_rules_conv2d = {
    .floats = 1,
    .kin = 6,
    .ranks = "441",
    .infer = conv2d_infer,
    .grad = conv2d_grad,
    .meaning = conv2d_meaning,
    .stages = {{an_conv2d_units, an_conv2d_run}},
    .ref = an_conv2d_ref,
    .scratch = an_conv2d_scratch,
    .count_flops = conv_flops,
    .factors = 3,
};

const an_op_rules an_rules_conv2d_transpose = {
    .floats = 1,
    .kin = 2,
    .ranks = "44",
    .infer = transpose_infer,
    .grad = transpose_grad,
    .meaning = transpose_meaning,
    .stages = {{an_conv2d_weigh_units, an_conv2d_weigh}, {an_conv2d_units, an_conv2d_run}},
    .ref = an_conv2d_transpose_ref,
    .scratch = an_conv2d_scratch,
    .count_flops = conv_flops,
    .factors = 3,
};

const an_op_rules an_rules_conv2d_kernel_grad = {
    .floats = 1,
    .kin = 2,
    .ranks = "44",
    .infer = kernel_infer,
    .grad = kernel_grad,
    .meaning = kernel_meaning,
    .stages = {{an_conv_kernel_units, an_conv_kernel_run},
               {an_conv_kernel_fold_units, an_conv_kernel_fold}},
    .ref = an_conv_kernel_ref,
    .scratch = an_conv_kernel_scratch,
    .count_flops = conv_flops,
    .factors = 3,
};
