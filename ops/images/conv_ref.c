/* conv_ref.c -- the three convolution ops as their formulas say, in double: the oracle. */
#include "ops/access.h"
#include "ops/images/conv.h"

/* The element of an axis that tap t of window p lies over, or -1 beside the image. */
static int64_t under(const an_conv *v, int axis, int64_t p, int64_t t)
{
    const int64_t at = v->stride[axis] * p - v->before[axis] + v->dilation[axis] * t;
    return at >= 0 && at < v->in[axis] ? at : -1;
}

/* Element [a, b, i, j] of a tensor of rank 4. */
static int64_t place(const an_tensor *t, int64_t a, int64_t b, int64_t i, int64_t j)
{
    return ((a * t->extent[1] + b) * t->extent[2] + i) * t->extent[3] + j;
}

/* The same element's value: 0 beside the image, by which infinities are multiplied, too. */
static double value(const an_tensor *t, int64_t a, int64_t b, int64_t i, int64_t j)
{
    return i < 0 || j < 0 ? 0 : an_get(t, place(t, a, b, i, j));
}

/* Sum over the channels and taps that window [i, j] of output channel o sees. */
static double window_sum(const an_conv *v, const an_tensor *x, const an_tensor *kernel, int64_t n,
                         int64_t o, int64_t i, int64_t j)
{
    const int64_t first = o / v->o * v->c;
    double sum = 0;
    for (int64_t c = 0; c < v->c; c++)
        for (int64_t r = 0; r < v->window[0]; r++) {
            const int64_t row = under(v, 0, i, r);
            for (int64_t s = 0; s < v->window[1]; s++)
                sum += value(x, n, first + c, row, under(v, 1, j, s)) *
                       value(kernel, o, c, r, s);
        }
    return sum;
}

void an_conv2d_ref(const an_work *w)
{
    const an_tensor *y = &w->out[0], *bias = &w->in[2];
    const an_conv v = an_conv_of_work(w);
    for (int64_t n = 0; n < v.images && y->data; n++)
        for (int64_t o = 0; o < v.o * v.groups; o++)
            for (int64_t i = 0; i < v.out[0]; i++)
                for (int64_t j = 0; j < v.out[1]; j++)
                    an_put(y, place(y, n, o, i, j),
                           window_sum(&v, &w->in[0], &w->in[1], n, o, i, j) +
                               (bias->data ? an_get(bias, o) : 0));
}

enum { BESIDE = -1, BETWEEN = -2 };

/* The window whose tap t lies over element i of an axis; BESIDE those that there are, or BETWEEN
 * two. */
static int64_t above(const an_conv *v, int axis, int64_t i, int64_t t)
{
    const int64_t from = i + v->before[axis] - v->dilation[axis] * t;
    if (from % v->stride[axis] != 0) return BETWEEN;
    const int64_t window = from / v->stride[axis];
    return window >= 0 && window < v->out[axis] ? window : BESIDE;
}

/* Sum over the windows that see element [i, j] of channel c. */
static double element_sum(const an_conv *v, const an_tensor *dy, const an_tensor *kernel, int64_t n,
                          int64_t c, int64_t i, int64_t j)
{
    const int64_t first = c / v->c * v->o;
    double sum = 0;
    for (int64_t o = first; o < first + v->o; o++)
        for (int64_t r = 0; r < v->window[0]; r++) {
            const int64_t row = above(v, 0, i, r);
            for (int64_t s = 0; row != BETWEEN && s < v->window[1]; s++) {
                const int64_t column = above(v, 1, j, s);
                if (column != BETWEEN)
                    sum += value(dy, n, o, row, column) * value(kernel, o, c % v->c, r, s);
            }
        }
    return sum;
}

void an_conv2d_transpose_ref(const an_work *w)
{
    const an_tensor *y = &w->out[0];
    const an_conv v = an_conv_of_work(w);
    for (int64_t n = 0; n < v.images && y->data; n++)
        for (int64_t c = 0; c < v.c * v.groups; c++)
            for (int64_t i = 0; i < v.in[0]; i++)
                for (int64_t j = 0; j < v.in[1]; j++)
                    an_put(y, place(y, n, c, i, j),
                           element_sum(&v, &w->in[0], &w->in[1], n, c, i, j));
}

/* Sum over all windows of tap [r, s] between channels c and o. */
static double tap_sum(const an_conv *v, const an_tensor *x, const an_tensor *dy, int64_t o,
                      int64_t c, int64_t r, int64_t s)
{
    double sum = 0;
    for (int64_t n = 0; n < v->images; n++)
        for (int64_t i = 0; i < v->out[0]; i++) {
            const int64_t row = under(v, 0, i, r);
            for (int64_t j = 0; j < v->out[1]; j++)
                sum += value(x, n, c, row, under(v, 1, j, s)) * value(dy, n, o, i, j);
        }
    return sum;
}

void an_conv_kernel_ref(const an_work *w)
{
    const an_tensor *dkernel = &w->out[0];
    const an_conv v = an_conv_of_work(w);
    for (int64_t o = 0; o < v.o * v.groups && dkernel->data; o++)
        for (int64_t c = 0; c < v.c; c++)
            for (int64_t r = 0; r < v.window[0]; r++)
                for (int64_t s = 0; s < v.window[1]; s++)
                    an_put(dkernel, place(dkernel, o, c, r, s),
                           tap_sum(&v, &w->in[0], &w->in[1], o, o / v.o * v.c + c, r, s));
}
