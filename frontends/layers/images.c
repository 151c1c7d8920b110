/* images.c -- layers over images [N,C,H,W] and series [N,C,T]: convolutions and pools. */
#include "frontends/layers/layer.h"

/* ---- helpers ------------------------------------------------------------- */

static an_value refuse(an_at at, an_value x, const char *layer, const char *why)
{
    an_reject(at, x.graph, AN_E_ARGUMENT, "%s: %s", layer, why);
    return poison(x);
}

/* A kernel's fans lie in its first two axes, not in its last two. */
static an_init start_of(const an_start *given)
{
    an_init init = start(given, (an_init){AN_INIT_GLOROT_UNIFORM, 0, 0});
    if (init.kind >= AN_INIT_GLOROT_UNIFORM && init.kind <= AN_INIT_HE_NORMAL) init.a = 1;
    return init;
}

/* ---- windows ------------------------------------------------------------- */

/* What a layer was told, with everything written out but the padding of `same`. */
static an_window window_of(const an_window *given, int size, int stride, bool pools)
{
    an_window w = *given;
    for (int i = 0; i < 2; i++) {
        if (w.size[i] == 0) w.size[i] = size;
        if (w.stride[i] == 0) w.stride[i] = stride > 0 ? stride : pools ? w.size[i] : 1;
        if (w.dilation[i] == 0) w.dilation[i] = 1;
    }
    if (w.groups == 0) w.groups = 1;
    return w;
}

static void split(an_window *w, int axis, int64_t total)
{
    w->padding[2 * axis] = (int)(total / 2);
    w->padding[2 * axis + 1] = (int)(total - total / 2);
}

static int64_t span_of(const an_window *w, int axis)
{
    return (int64_t)w->dilation[axis] * (w->size[axis] - 1) + 1;
}

/* Padding that makes extent / stride windows, rounded up. With strides it depends on the extent,
 * which must be literal then; false where it is not. */
static bool pad_same(an_window *w, an_value x)
{
    const an_shape shape = an_type_of(x).shape;
    for (int i = 0; i < 2 && shape.rank == 4; i++) {
        const int64_t stride = w->stride[i];
        int64_t total = span_of(w, i) - 1;
        if (stride > 1) {
            if (shape.dim[2 + i] < 0) return false;
            const int64_t windows = (shape.dim[2 + i] + stride - 1) / stride;
            total = (windows - 1) * stride + span_of(w, i) - shape.dim[2 + i];
        }
        split(w, i, total > 0 ? total : 0);
    }
    return true;
}

static const char *const needs_extents =
    "with strides .same needs literal rows and columns; give .window.padding instead";

/* ---- convolutions -------------------------------------------------------- */

static bool is_known(const an_conv_args *a, const an_window *w)
{
    return !an_is_none(a->kernel) || (a->channels >= 1 && w->size[0] >= 1 && w->size[1] >= 1);
}

/* A kernel handed in says how large its windows are. */
static void measure(an_window *w, an_value kernel)
{
    const an_shape shape = an_type_of(kernel).shape;
    for (int i = 0; i < 2 && !an_is_missing(kernel) && shape.rank == 4; i++)
        if (shape.dim[2 + i] > 0 && shape.dim[2 + i] < INT32_MAX)
            w->size[i] = (int)shape.dim[2 + i];
}

static an_value kernel_of(const an_conv_args *a, an_value x, const an_window *w, bool back)
{
    const an_dim in = an_dim_of(x, 1), groups = w->groups > 0 ? w->groups : 1;
    const an_dim out = a->channels;
    const an_shape shape = back ? AN_SHAPE(in, out / groups, w->size[0], w->size[1])
                                : AN_SHAPE(out, in / groups, w->size[0], w->size[1]);
    return weight(a->at, a->kernel, x, "kernel", shape, start_of(&a->kernel_start));
}

static an_value with_bias(const an_conv_args *a, an_value y)
{
    if (a->no_bias || an_is_missing(y)) return y;
    const an_value bias = weight(a->at, a->bias, y, "bias", AN_SHAPE(an_dim_of(y, 1)),
                                start(&a->bias_start, (an_init){0}));
    return an_add_at(a->at, y, per_channel(a->at, bias, y, "bias"));
}

static an_value convolve(const an_conv_args *a, an_value x, an_window w, const char *layer)
{
    measure(&w, a->kernel);
    if (!is_known(a, &w))
        return refuse(a->at, x, layer, ".channels and .size must be at least 1");
    if (an_type_of(x).shape.rank != 4 || an_dim_of(x, 1) < 0)
        return refuse(a->at, x, layer, "x must have rank 4 (of series 3), its channels literal");
    if (a->same && !pad_same(&w, x)) return refuse(a->at, x, layer, needs_extents);
    const an_value kernel = kernel_of(a, x, &w, false);
    an_value bias = AN_NONE;
    if (!a->no_bias && !an_is_missing(kernel))
        bias = weight(a->at, a->bias, x, "bias", AN_SHAPE(an_dim_of(kernel, 0)),
                     start(&a->bias_start, (an_init){0}));
    return an_conv2d_at(a->at, x, kernel, bias, w);
}

an_value an_nn_conv2d_with(const an_conv_args *a)
{
    if (!a || an_is_missing(a->x)) return a ? a->x : AN_NONE;
    an_scope_open_unique(a->x, name_or(a->name, "conv2d"));
    const an_value y = convolve(a, a->x, window_of(&a->window, a->size, a->stride, false),
                                "an_nn_conv2d");
    an_scope_close(a->x);
    return y;
}

/* [N,C,T] as images of one row. */
static an_value as_images(an_at at, an_value x)
{
    const an_shape s = an_type_of(x).shape;
    if (s.rank != 3) return refuse(at, x, "an_nn_conv1d", "x must be [N,C,T]");
    return an_reshape_at(at, x, AN_SHAPE(s.dim[0], s.dim[1], 1, s.dim[2]));
}

an_value an_nn_conv1d_with(const an_conv_args *a)
{
    if (!a || an_is_missing(a->x)) return a ? a->x : AN_NONE;
    an_scope_open_unique(a->x, name_or(a->name, "conv1d"));
    const an_window *g = &a->window;
    an_window w = {.size = {1, g->size[0]}, .stride = {1, g->stride[0]}, .groups = g->groups,
                   .padding = {0, 0, g->padding[0], g->padding[1]},
                   .dilation = {1, g->dilation[0]}};
    w = window_of(&w, a->size, a->stride, false);
    const an_value images = as_images(a->at, a->x);
    an_value y = an_is_poison(images) ? images : convolve(a, images, w, "an_nn_conv1d");
    if (!an_is_poison(y)) {
        const an_shape s = an_type_of(y).shape;
        y = an_reshape_at(a->at, y, AN_SHAPE(s.dim[0], s.dim[1], s.dim[3]));
    }
    an_scope_close(a->x);
    return y;
}

/* Twice as many rows with stride 2, and so on: what same padding of the convolution came from. */
static void grow_same(an_window *w, int more[2])
{
    for (int i = 0; i < 2; i++) {
        const int64_t total = span_of(w, i) - w->stride[i];
        split(w, i, total > 0 ? total : 0);
        more[i] = total < 0 ? (int)-total : 0;
    }
}

static an_value grow(const an_conv_args *a)
{
    an_window w = window_of(&a->window, a->size, a->stride, false);
    int more[2] = {a->more[0], a->more[1]};
    const char *layer = "an_nn_conv2d_transpose";
    measure(&w, a->kernel);
    if (!is_known(a, &w))
        return refuse(a->at, a->x, layer, ".channels and .size must be at least 1");
    if (an_type_of(a->x).shape.rank != 4 || an_dim_of(a->x, 1) < 0)
        return refuse(a->at, a->x, layer, "x must have rank 4, its channels literal");
    if (a->same) grow_same(&w, more);
    const an_value kernel = kernel_of(a, a->x, &w, true);
    return with_bias(a, an_conv2d_transpose_at(a->at, a->x, kernel, w, more[0], more[1]));
}

an_value an_nn_conv2d_transpose_with(const an_conv_args *a)
{
    if (!a || an_is_missing(a->x)) return a ? a->x : AN_NONE;
    an_scope_open_unique(a->x, name_or(a->name, "conv2d_transpose"));
    const an_value y = grow(a);
    an_scope_close(a->x);
    return y;
}

/* ---- pools --------------------------------------------------------------- */

static bool pool_window(const an_pool_args *a, const char *layer, an_window *w)
{
    *w = window_of(&a->window, a->size > 0 ? a->size : 2, a->stride, true);
    if (!a->same || pad_same(w, a->x)) return true;
    refuse(a->at, a->x, layer, needs_extents);
    return false;
}

an_value an_nn_max_pool2d_with(const an_pool_args *a)
{
    an_window w;
    if (!a || an_is_missing(a->x)) return a ? a->x : AN_NONE;
    if (!pool_window(a, "an_nn_max_pool2d", &w)) return poison(a->x);
    return an_max_pool2d_at(a->at, a->x, w);
}

an_value an_nn_avg_pool2d_with(const an_pool_args *a)
{
    an_window w;
    if (!a || an_is_missing(a->x)) return a ? a->x : AN_NONE;
    if (!pool_window(a, "an_nn_avg_pool2d", &w)) return poison(a->x);
    return an_avg_pool2d_at(a->at, a->x, w);
}

an_value an_nn_global_pool_at(an_at at, an_value x)
{
    an_axes axes = {0};
    for (int i = 2; i < an_type_of(x).shape.rank; i++) axes.at[axes.count++] = i;
    return an_is_missing(x) ? x : an_mean_axes_at(at, x, axes, false);
}
