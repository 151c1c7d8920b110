/* unary.c -- functions of one element, and the change of its type.
 *
 *   neg      y = -x             dx = -dy
 *   abs      y = |x|            dx = dy * sign(x), 0 at 0
 *   square   y = x^2            dx = dy * 2x
 *   sqrt     y = x^(1/2)        dx = dy / 2y
 *   exp      y = e^x            dx = dy * y
 *   log      y = ln x           dx = dy / x
 *   sin      y = sin x          dx = dy * cos x
 *   cos      y = cos x          dx = -dy * sin x
 *   erf      y = erf x          dx = dy * 2/sqrt(pi) * e^(-x^2)
 *   tanh     y = tanh x         dx = dy * (1 - y^2)
 *   sigmoid  y = 1/(1 + e^-x)   dx = dy * y * (1 - y)
 *   cast     y = x              dx = dy in x's type, between floats
 *
 * Gradients use y where they can: then x need not be kept for them. Outside its
 * domain a function is NaN (sqrt and log below 0), at a pole infinite.
 *
 * cast rounds to the nearest float; to integers it goes towards zero, stops at
 * the ends of the range, and makes 0 of NaN; to bool everything but 0 is true. */
#include "ops/access.h"
#include "ops/elementwise.h"
#include "ops/kernels/kernels.h"

#include <math.h>

an_status an_unary_infer(const an_infer *q, an_type out[])
{
    out[0] = q->in[0];
    return an_want_float(q, 0);
}

an_status an_number_infer(const an_infer *q, an_type out[])
{
    out[0] = q->in[0];
    return an_want_number(q, 0);
}

/* ---- each element ------------------------------------------------------ */

static double real_neg(double x) { return -x; }
static double real_square(double x) { return x * x; }

double an_real_sigmoid(double x)
{
    return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x)); /* neither overflows nor cancels */
}

/* Unsigned, because that is what wraps around. */
static int64_t whole_neg(int64_t x) { return (int64_t)(0 - (uint64_t)x); }
static int64_t whole_abs(int64_t x) { return x < 0 ? whole_neg(x) : x; }
static int64_t whole_square(int64_t x) { return (int64_t)((uint64_t)x * (uint64_t)x); }

static void sin_each(const float *x, float *y, int64_t count)
{
    for (int64_t i = 0; i < count; i++) y[i] = sinf(x[i]);
}

static void cos_each(const float *x, float *y, int64_t count)
{
    for (int64_t i = 0; i < count; i++) y[i] = cosf(x[i]);
}

/* ---- gradients --------------------------------------------------------- */

static an_value neg_slope(an_value dy, an_value x, an_value y)
{
    (void)x, (void)y;
    return an_neg(dy);
}

static an_value abs_slope(an_value dy, an_value x, an_value y)
{
    (void)y;
    const an_value zero = an_number(x, 0);
    const an_value below = an_where(an_compare(x, AN_LT, zero), an_neg(dy), zero);
    return an_where(an_compare(x, AN_GT, zero), dy, below);
}

static an_value square_slope(an_value dy, an_value x, an_value y)
{
    (void)y;
    return an_mul(dy, an_mul(x, an_number(x, 2)));
}

static an_value sqrt_slope(an_value dy, an_value x, an_value y)
{
    return an_div(an_mul(dy, an_number(x, 0.5)), y);
}

static an_value exp_slope(an_value dy, an_value x, an_value y)
{
    (void)x;
    return an_mul(dy, y);
}

static an_value log_slope(an_value dy, an_value x, an_value y)
{
    (void)y;
    return an_div(dy, x);
}

static an_value sin_slope(an_value dy, an_value x, an_value y)
{
    (void)y;
    return an_mul(dy, an_cos(x));
}

static an_value cos_slope(an_value dy, an_value x, an_value y)
{
    (void)y;
    return an_neg(an_mul(dy, an_sin(x)));
}

static an_value erf_slope(an_value dy, an_value x, an_value y)
{
    (void)y;
    const an_value bell = an_exp(an_neg(an_square(x)));
    return an_mul(dy, an_mul(bell, an_number(x, M_2_SQRTPI)));
}

static an_value tanh_slope(an_value dy, an_value x, an_value y)
{
    return an_mul(dy, an_sub(an_number(x, 1), an_square(y)));
}

static an_value sigmoid_slope(an_value dy, an_value x, an_value y)
{
    return an_mul(dy, an_mul(y, an_sub(an_number(x, 1), y)));
}

/* ---- the rows ---------------------------------------------------------- */

#define UNARY(op, infer_rule, kernel, real, whole)                                                 \
    static void op##_grad(const an_call *c, const an_value dy[], an_value dx[])                    \
    {                                                                                              \
        dx[0] = op##_slope(dy[0], c->in[0], c->out[0]);                                            \
    }                                                                                              \
    static void op##_run(const an_work *w, int64_t begin, int64_t end)                             \
    {                                                                                              \
        an_unary_run(w, begin, end, kernel);                                                       \
    }                                                                                              \
    static void op##_ref(const an_work *w)                                                         \
    {                                                                                              \
        an_unary_ref(w, real, whole);                                                              \
    }                                                                                              \
    an_value an_##op##_at(an_at at, an_value x)                                                    \
    {                                                                                              \
        return an_emit(at, AN_OP_##op, &x, 1, NULL);                                               \
    }                                                                                              \
    const an_op_rules an_rules_##op = {                                                            \
        .infer = infer_rule,                                                                       \
        .grad = op##_grad,                                                                         \
        .stages = {{an_block_units, op##_run}},                                                    \
        .ref = op##_ref,                                                                           \
        .share = {1u},                                                                             \
    };

UNARY(neg, an_number_infer, w->kernels->neg, real_neg, whole_neg)
UNARY(abs, an_number_infer, w->kernels->abs, fabs, whole_abs)
UNARY(square, an_number_infer, w->kernels->square, real_square, whole_square)
UNARY(sqrt, an_unary_infer, w->kernels->sqrt, sqrt, NULL)
UNARY(exp, an_unary_infer, w->kernels->exp, exp, NULL)
UNARY(log, an_unary_infer, w->kernels->log, log, NULL)
UNARY(sin, an_unary_infer, sin_each, sin, NULL)
UNARY(cos, an_unary_infer, cos_each, cos, NULL)
UNARY(erf, an_unary_infer, w->kernels->erf, erf, NULL)
UNARY(tanh, an_unary_infer, w->kernels->tanh, tanh, NULL)
UNARY(sigmoid, an_unary_infer, w->kernels->sigmoid, an_real_sigmoid, NULL)

/* ---- cast -------------------------------------------------------------- */

static an_status cast_infer(const an_infer *q, an_type out[])
{
    if (an_dtype_size(q->attrs->dtype) == 0)
        return an_refuse(q, AN_E_DTYPE, "%d is no element type", (int)q->attrs->dtype);
    out[0] = (an_type){q->attrs->dtype, q->in[0].shape};
    return AN_OK;
}

static void cast_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    const an_dtype from = an_type_of(c->in[0]).dtype;
    if (an_dtype_is_float(from) && an_dtype_is_float(c->attrs->dtype)) dx[0] = an_cast(dy[0], from);
}

/* An integer goes straight to its float: by way of double it would round twice. */
static void cast_whole(const an_tensor *x, const an_tensor *y, int64_t i)
{
    const int64_t value = an_get_int(x, i);
    if (y->dtype == AN_F32) ((float *)y->data)[i] = (float)value;
    else if (y->dtype == AN_F64) ((double *)y->data)[i] = (double)value;
    else if (y->dtype == AN_I32 && value > INT32_MAX) an_put_int(y, i, INT32_MAX);
    else if (y->dtype == AN_I32 && value < INT32_MIN) an_put_int(y, i, INT32_MIN);
    else an_put_int(y, i, value);
}

static void cast_real(const an_tensor *x, const an_tensor *y, int64_t i)
{
    const double value = an_get(x, i);
    if (an_dtype_is_float(y->dtype)) an_put(y, i, value);
    else if (y->dtype == AN_BOOL) an_put_int(y, i, value != 0);
    else {
        /* 2^31 and 2^63 are doubles; the largest i64 is not. */
        const double bound = y->dtype == AN_I32 ? 0x1p31 : 0x1p63;
        const int64_t largest = y->dtype == AN_I32 ? INT32_MAX : INT64_MAX;
        if (isnan(value)) an_put_int(y, i, 0);
        else if (value >= bound) an_put_int(y, i, largest);
        else if (value < -bound) an_put_int(y, i, -largest - 1);
        else an_put_int(y, i, (int64_t)value);
    }
}

static void cast_each(const an_work *w, int64_t first, int64_t count)
{
    const an_tensor *x = &w->in[0], *y = &w->out[0];
    for (int64_t i = first; i < first + count; i++)
        if (an_dtype_is_float(x->dtype)) cast_real(x, y, i);
        else cast_whole(x, y, i);
}

/* Masks and indices becoming floats are common enough to have loops of their own. */
static void cast_run(const an_work *w, int64_t begin, int64_t end)
{
    if (!w->out[0].data) return;
    int64_t first;
    const int64_t count = an_block_range(w, begin, end, &first);
    float *y = (float *)w->out[0].data + first;
    const an_dtype from = w->in[0].dtype, to = w->out[0].dtype;
    if (to == AN_F32 && from == AN_F32) {
        w->kernels->copy((const float *)w->in[0].data + first, y, count);
    } else if (to == AN_F32 && from == AN_BOOL) {
        const uint8_t *x = (const uint8_t *)w->in[0].data + first;
        for (int64_t i = 0; i < count; i++) y[i] = x[i] != 0 ? 1.0f : 0.0f;
    } else if (to == AN_F32 && from == AN_I32) {
        const int32_t *x = (const int32_t *)w->in[0].data + first;
        for (int64_t i = 0; i < count; i++) y[i] = (float)x[i];
    } else {
        cast_each(w, first, count);
    }
}

static void cast_ref(const an_work *w)
{
    if (w->out[0].data) cast_each(w, 0, an_elements(&w->out[0]));
}

an_value an_cast_at(an_at at, an_value x, an_dtype dtype)
{
    return an_emit(at, AN_OP_cast, &x, 1, &(an_attrs){.dtype = dtype});
}

/* In place only between identical types, which the planner asks for. */
const an_op_rules an_rules_cast = {
    .infer = cast_infer,
    .grad = cast_grad,
    .stages = {{an_block_units, cast_run}},
    .ref = cast_ref,
    .share = {1u},
};
