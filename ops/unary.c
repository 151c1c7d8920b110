/* unary.c -- functions of one element, and the change of its type.
 *
 *   neg         y = -x              dx = -dy
 *   abs         y = |x|             dx = dy * sign(x), 0 at 0
 *   sign        y = -1, 0 or 1      dx = 0
 *   square      y = x^2             dx = dy * 2x
 *   sqrt        y = x^(1/2)         dx = dy / 2y
 *   rsqrt       y = x^(-1/2)        dx = -dy * y / 2x
 *   reciprocal  y = 1 / x           dx = -dy * y^2
 *   exp         y = e^x             dx = dy * y
 *   expm1       y = e^x - 1         dx = dy * e^x
 *   log         y = ln x            dx = dy / x
 *   log1p       y = ln(1 + x)       dx = dy / (1 + x)
 *   sin         y = sin x           dx = dy * cos x
 *   cos         y = cos x           dx = -dy * sin x
 *   erf         y = erf x           dx = dy * 2/sqrt(pi) * e^(-x^2)
 *   tanh        y = tanh x          dx = dy * (1 - y^2)
 *   sigmoid     y = 1/(1 + e^-x)    dx = dy * y * (1 - y)
 *   floor, ceil, round (halves to the even number)      dx = 0
 *   clip        y = x held to low .. high     dx = dy where low <= x <= high, else 0
 *   cast        y = x               dx = dy in x's type, between floats
 *
 * Where a slope may be infinite or NaN, chain.c multiplies it. Gradients use y where they can:
 * then x need not be kept for them. Outside its domain a function is NaN (sqrt, rsqrt and log
 * below 0, log1p below -1), at a pole infinite.
 *
 * cast rounds to the nearest float; to integers it goes towards zero, stops at
 * the ends of the range, and makes 0 of NaN; to bool everything but 0 is true. */
#include "ops/access.h"
#include "ops/elementwise.h"

#include <math.h>

/* ---- each element ------------------------------------------------------ */

static double real_neg(double x) { return -x; }
static double real_square(double x) { return x * x; }
static double real_sign(double x) { return x > 0 ? 1 : x < 0 ? -1 : x; }
static double real_rsqrt(double x) { return 1 / sqrt(x); }
static double real_reciprocal(double x) { return 1 / x; }

double an_real_sigmoid(double x)
{
    return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x)); /* neither overflows nor cancels */
}

static double real_clip(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x; /* a NaN is neither and stays */
}

/* Unsigned, because that is what wraps around. */
static int64_t whole_neg(int64_t x) { return (int64_t)(0 - (uint64_t)x); }
static int64_t whole_abs(int64_t x) { return x < 0 ? whole_neg(x) : x; }
static int64_t whole_sign(int64_t x) { return x > 0 ? 1 : x < 0 ? -1 : 0; }
static int64_t whole_square(int64_t x) { return (int64_t)((uint64_t)x * (uint64_t)x); }

/* ---- gradients --------------------------------------------------------- */

static an_value neg_slope(const an_call *c, an_value dy)
{
    (void)c;
    return an_neg(dy);
}

static an_value abs_slope(const an_call *c, an_value dy)
{
    const an_value x = c->in[0], zero = an_number(x, 0);
    const an_value below = an_where(an_compare(x, AN_LT, zero), an_neg(dy), zero);
    return an_where(an_compare(x, AN_GT, zero), dy, below);
}

static an_value square_slope(const an_call *c, an_value dy)
{
    return an_mul(dy, an_mul(c->in[0], an_number(c->in[0], 2)));
}

static an_value sqrt_slope(const an_call *c, an_value dy)
{
    return an_chain_over(an_mul(dy, an_number(dy, 0.5)), c->out[0]);
}

static an_value rsqrt_slope(const an_call *c, an_value dy)
{
    const an_value y = c->out[0];
    return an_chain_over(an_chain_times(dy, an_mul(y, an_number(y, -0.5))), c->in[0]);
}

static an_value reciprocal_slope(const an_call *c, an_value dy)
{
    const an_value y = c->out[0];
    return an_neg(an_chain_times(an_chain_times(dy, y), y)); /* y^2 alone may overflow */
}

static an_value exp_slope(const an_call *c, an_value dy)
{
    return an_chain_times(dy, c->out[0]);
}

/* Not y + 1, which cancels far below 0. */
static an_value expm1_slope(const an_call *c, an_value dy)
{
    return an_chain_times(dy, an_exp(c->in[0]));
}

static an_value log_slope(const an_call *c, an_value dy)
{
    return an_chain_over(dy, c->in[0]);
}

static an_value log1p_slope(const an_call *c, an_value dy)
{
    return an_chain_over(dy, an_add(c->in[0], an_number(dy, 1)));
}

static an_value sin_slope(const an_call *c, an_value dy)
{
    return an_mul(dy, an_cos(c->in[0]));
}

static an_value cos_slope(const an_call *c, an_value dy)
{
    return an_neg(an_mul(dy, an_sin(c->in[0])));
}

static an_value erf_slope(const an_call *c, an_value dy)
{
    const an_value x = c->in[0], bell = an_exp(an_neg(an_square(x)));
    return an_mul(dy, an_mul(bell, an_number(x, M_2_SQRTPI)));
}

static an_value tanh_slope(const an_call *c, an_value dy)
{
    return an_mul(dy, an_sub(an_number(dy, 1), an_square(c->out[0])));
}

static an_value sigmoid_slope(const an_call *c, an_value dy)
{
    const an_value y = c->out[0];
    return an_mul(dy, an_mul(y, an_sub(an_number(y, 1), y)));
}

/* By y, which clip leaves alone where x is inside: a bound itself counts as inside. */
static an_value clip_slope(const an_call *c, an_value dy)
{
    return an_gate(an_compare(c->in[0], AN_EQ, c->out[0]), dy);
}

/* ---- the rows ---------------------------------------------------------- */

AN_UNARY_OP(neg, numbers, real_neg, whole_neg, neg_slope)
AN_UNARY_OP(abs, numbers, fabs, whole_abs, abs_slope)
AN_UNARY_OP(sign, numbers, real_sign, whole_sign, an_flat)
AN_UNARY_OP(square, numbers, real_square, whole_square, square_slope)
AN_UNARY_OP(sqrt, floats, sqrt, NULL, sqrt_slope)
AN_UNARY_OP(rsqrt, floats, real_rsqrt, NULL, rsqrt_slope)
AN_UNARY_OP(reciprocal, floats, real_reciprocal, NULL, reciprocal_slope)
AN_UNARY_OP(exp, floats, exp, NULL, exp_slope)
AN_UNARY_OP(expm1, floats, expm1, NULL, expm1_slope)
AN_UNARY_OP(log, floats, log, NULL, log_slope)
AN_UNARY_OP(log1p, floats, log1p, NULL, log1p_slope)
AN_UNARY_OP(sin, floats, sin, NULL, sin_slope)
AN_UNARY_OP(cos, floats, cos, NULL, cos_slope)
AN_UNARY_OP(erf, floats, erf, NULL, erf_slope)
AN_UNARY_OP(tanh, floats, tanh, NULL, tanh_slope)
AN_UNARY_OP(sigmoid, floats, an_real_sigmoid, NULL, sigmoid_slope)
AN_UNARY_OP(floor, floats, floor, NULL, an_flat)
AN_UNARY_OP(ceil, floats, ceil, NULL, an_flat)
AN_UNARY_OP(round, floats, rint, NULL, an_flat)

/* ---- clip -------------------------------------------------------------- */

static an_status clip_infer(const an_infer *q, an_type out[])
{
    const double low = q->attrs->low, high = q->attrs->high;
    out[0] = q->in[0];
    if (low <= high) return AN_OK;
    an_refuse(q, AN_E_ATTRIBUTE, "low %g is not at most high %g", low, high);
    return an_hint(q, AN_E_ATTRIBUTE, "an infinite one leaves that side open");
}

an_value an_clip_at(an_at at, an_value x, double low, double high)
{
    return an_emit(at, AN_OP_clip, &x, 1, &(an_attrs){.low = low, .high = high});
}

const an_op_rules an_rules_clip = {
    .floats = 1u,
    .infer = clip_infer,
    AN_UNARY_RULES,
    .formula = {AN_LOOP(clip), AN_NUMBER(low), AN_NUMBER(high), .real_of = real_clip,
                .slope = clip_slope},
};

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
