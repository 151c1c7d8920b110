/* activation.c -- what stands between layers.
 *
 *   relu         y = max(x, 0)                dx = dy where y > 0, else 0
 *   leaky_relu   y = x above 0, else alpha x  dx = dy above 0, else alpha dy
 *   elu          y = x above 0, else alpha (e^x - 1)      dx = dy above 0, else dy alpha e^x
 *   gelu         y = x Phi(x)                 dx = dy (Phi(x) + x phi(x))
 *     by tanh: Phi(x) ~ (1 + tanh u)/2 = s,  s = sigmoid(v),  v = 2u = k x + k3 x^3,
 *     k = 2 sqrt(2/pi), k3 = 0.044715 k       dx = dy (s + x s (1-s) v')
 *   silu         y = x s,  s = sigmoid(x)     dx = dy s (1 + x (1-s))
 *   softplus     y = ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|)     dx = dy sigmoid(x)
 *   mish         y = x t,  t = tanh(softplus(x))
 *                                             dx = dy (t + x (1 - t^2) sigmoid(x))
 *   hardsigmoid  y = (x + 3)/6 held to 0 .. 1 dx = dy/6 where -3 < x < 3, else 0
 *   hardswish    y = x hardsigmoid(x)         dx = dy (2x + 3)/6 there, else dy above and 0 below
 *
 * Phi and phi are the normal distribution and its density. gelu's derivative is an
 * op of its own, gelu_grad, so that a backward pass is one sweep; that op's
 * gradient by x needs the second derivative,
 *
 *   exact     gelu'' = phi(x) (2 - x^2)
 *   by tanh   gelu'' = s (1-s) (2v' + x (v'' + v'^2 (1 - 2s)))
 *
 * relu of a NaN is NaN, its gradient there 0. At -inf gelu and silu are -inf * 0,
 * a NaN; at both infinities silu's gradient is one, too, and gelu's is dy or 0.
 * Hendrycks & Gimpel, "Gaussian error linear units", 2016; Elfwing et al.,
 * "Sigmoid-weighted linear units", 2018; Clevert et al., "Exponential linear units", 2016; Misra,
 * "Mish", 2020; Howard et al., "Searching for MobileNetV3", 2019 (the hard ones). */
#include "ops/access.h"
#include "ops/elementwise.h"

#include <math.h>

static const double linear = 1.5957691216057308; /* 2 sqrt(2/pi) */
static const double cubic = 0.044715 * 1.5957691216057308;
static const double peak = 0.3989422804014327; /* phi(0) = 1 / sqrt(2 pi) */
static const double reach = 64; /* of Phi and of s: from there on they are 0 or 1 in f64 */

/* ---- each element ------------------------------------------------------ */

static double real_relu(double x)
{
    return x < 0 ? 0 : x; /* a NaN is not below 0 and stays */
}

static double real_leaky_relu(double x, double alpha, double unused)
{
    (void)unused;
    return x > 0 ? x : alpha * x;
}

static double real_elu(double x, double alpha, double unused)
{
    (void)unused;
    return x > 0 ? x : alpha * expm1(x);
}

static double real_silu(double x)
{
    return x * an_real_sigmoid(x);
}

static double real_softplus(double x)
{
    return (x < 0 ? 0 : x) + log1p(exp(-fabs(x)));
}

/* tanh(ln(1 + e^x)) without a difference. */
static double real_mish(double x)
{
    const double e = exp(-fabs(x));
    if (x < 0) return (x < -800 ? -800 : x) * (e * (2 + e) / (e * (2 + e) + 2));
    return x * ((1 + 2 * e) / (1 + 2 * e + 2 * e * e));
}

static double real_hardsigmoid(double x)
{
    return x < -3 ? 0 : x > 3 ? 1 : (x + 3) / 6;
}

static double real_hardswish(double x)
{
    return (x < -3 ? -3 : x) * real_hardsigmoid(x);
}

/* Beyond `most` all that fades with x has faded, and an x or x^2 of infinity would make a NaN of
 * it: the first of the two for doubles, the second for values. */
static double real_within(double x, double most)
{
    return x > most ? most : x < -most ? -most : x;
}

static an_value within(an_value x, double most)
{
    return an_minimum(an_maximum(x, an_number(x, -most)), an_number(x, most));
}

/* ---- gradients --------------------------------------------------------- */

static an_value above(an_value x, double bound)
{
    return an_compare(x, AN_GT, an_number(x, bound));
}

/* By y, which is positive where x is: x need not be kept. */
static an_value relu_slope(const an_call *c, an_value dy)
{
    const an_value zero = an_number(dy, 0);
    return an_where(an_compare(c->out[0], AN_GT, zero), dy, zero);
}

static an_value leaky_relu_slope(const an_call *c, an_value dy)
{
    return an_where(above(c->in[0], 0), dy, an_mul(dy, an_number(dy, c->attrs->alpha)));
}

/* The exponent is held below 0, so that the side not taken stays finite. */
static an_value elu_slope(const an_call *c, an_value dy)
{
    const an_value x = c->in[0], e = an_exp(an_minimum(x, an_number(x, 0)));
    return an_where(above(x, 0), dy, an_mul(dy, an_mul(e, an_number(x, c->attrs->alpha))));
}

static an_value silu_slope(const an_call *c, an_value dy)
{
    const an_value x = c->in[0], one = an_number(x, 1), s = an_sigmoid(x);
    const an_value slope = an_mul(s, an_add(an_mul(x, an_sub(one, s)), one));
    return an_mul(dy, slope);
}

static an_value softplus_slope(const an_call *c, an_value dy)
{
    return an_mul(dy, an_sigmoid(c->in[0]));
}

static an_value mish_slope(const an_call *c, an_value dy)
{
    const an_value x = within(c->in[0], 128), t = an_tanh(an_softplus(x));
    const an_value fades = an_mul(an_sub(an_number(x, 1), an_square(t)), an_sigmoid(x));
    return an_mul(dy, an_add(t, an_mul(x, fades)));
}

static an_value hardsigmoid_slope(const an_call *c, an_value dy)
{
    const an_value size = an_abs(c->in[0]), sixth = an_div(dy, an_number(dy, 6));
    return an_gate(an_compare(size, AN_LT, an_number(size, 3)), sixth);
}

static an_value hardswish_slope(const an_call *c, an_value dy)
{
    const an_value x = c->in[0], near = within(x, 3), three = an_number(x, 3);
    const an_value slope = an_div(an_add(an_add(near, near), three), an_number(x, 6));
    const an_value inside = an_where(above(an_neg(x), 3), an_number(x, 0), slope);
    return an_mul(dy, an_where(above(x, 3), an_number(x, 1), inside));
}

/* ---- the rows ---------------------------------------------------------- */

AN_UNARY_OP(relu, floats, real_relu, NULL, relu_slope)
AN_UNARY_OP(silu, floats, real_silu, NULL, silu_slope)
AN_UNARY_OP(softplus, floats, real_softplus, NULL, softplus_slope)
AN_UNARY_OP(mish, floats, real_mish, NULL, mish_slope)
AN_UNARY_OP(hardsigmoid, floats, real_hardsigmoid, NULL, hardsigmoid_slope)
AN_UNARY_OP(hardswish, floats, real_hardswish, NULL, hardswish_slope)

/* ---- with an alpha ----------------------------------------------------- */

an_value an_leaky_relu_at(an_at at, an_value x, double alpha)
{
    return an_emit(at, AN_OP_leaky_relu, &x, 1, &(an_attrs){.alpha = alpha});
}

an_value an_elu_at(an_at at, an_value x, double alpha)
{
    return an_emit(at, AN_OP_elu, &x, 1, &(an_attrs){.alpha = alpha});
}

const an_op_rules an_rules_leaky_relu = {
    .floats = 1u,
    AN_UNARY_RULES,
    .formula = {AN_LOOP(leaky_relu), AN_NUMBER(alpha), .real_of = real_leaky_relu,
                .slope = leaky_relu_slope},
};

const an_op_rules an_rules_elu = {
    .floats = 1u,
    AN_UNARY_RULES,
    .formula = {AN_LOOP(elu), AN_NUMBER(alpha), .real_of = real_elu, .slope = elu_slope},
};

/* ---- gelu -------------------------------------------------------------- */

/* Of gelu and of gelu_grad. */
static an_status gelu_infer(const an_infer *q, an_type out[])
{
    out[0] = q->in[0];
    if (q->attrs->form == AN_EXACT || q->attrs->form == AN_TANH) return AN_OK;
    return an_refuse(q, AN_E_ATTRIBUTE, "%d is no form of gelu", (int)q->attrs->form);
}

static void gelu_run(const an_work *w, int64_t begin, int64_t end)
{
    const bool by_tanh = w->attrs->form == AN_TANH;
    an_unary_run_by(w, begin, end, by_tanh ? w->kernels->gelu_tanh : w->kernels->gelu_erf);
}

static double real_gelu(double x)
{
    return x * (0.5 * erfc(-x * M_SQRT1_2));
}

static double real_gelu_tanh(double x)
{
    return x * an_real_sigmoid(x * (linear + cubic * x * x));
}

static void gelu_ref(const an_work *w)
{
    an_unary_ref_by(w, w->attrs->form == AN_TANH ? real_gelu_tanh : real_gelu);
}

static void gelu_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    dx[0] = an_gelu_grad(dy[0], c->in[0], c->attrs->form);
}

an_value an_gelu_at(an_at at, an_value x, an_form form)
{
    return an_emit(at, AN_OP_gelu, &x, 1, &(an_attrs){.form = form});
}

const an_op_rules an_rules_gelu = {
    .floats = 1u,
    .infer = gelu_infer,
    .grad = gelu_grad,
    .stages = {{an_block_units, gelu_run}},
    .ref = gelu_ref,
    .share = {1u},
};

/* ---- gelu_grad --------------------------------------------------------- */

static void gelu_grad_run(const an_work *w, int64_t begin, int64_t end)
{
    const bool by_tanh = w->attrs->form == AN_TANH;
    an_binary_run_by(w, begin, end,
                     by_tanh ? w->kernels->gelu_tanh_grad : w->kernels->gelu_erf_grad);
}

static double real_gelu_grad(double dy, double far)
{
    const double x = real_within(far, reach);
    return dy * (0.5 * erfc(-x * M_SQRT1_2) + x * (peak * exp(-0.5 * x * x)));
}

static double real_gelu_tanh_grad(double dy, double far)
{
    const double x = real_within(far, reach);
    const double s = an_real_sigmoid(x * (linear + cubic * x * x));
    return dy * (s * (1 + x * (1 - s) * (linear + 3 * cubic * x * x)));
}

static void gelu_grad_ref(const an_work *w)
{
    an_binary_ref_by(w, w->attrs->form == AN_TANH ? real_gelu_tanh_grad : real_gelu_grad);
}

static an_value bend_exact(an_value x)
{
    const an_value square = an_square(x);
    const an_value bell = an_exp(an_mul(square, an_number(x, -0.5)));
    return an_mul(an_mul(bell, an_number(x, peak)), an_sub(an_number(x, 2), square));
}

static an_value bend_by_tanh(an_value x)
{
    const an_value one = an_number(x, 1), two = an_number(x, 2), square = an_square(x);
    const an_value v1 = an_add(an_mul(square, an_number(x, 3 * cubic)), an_number(x, linear));
    const an_value v2 = an_mul(x, an_number(x, 6 * cubic));
    const an_value third = an_mul(square, an_number(x, cubic));
    const an_value s = an_sigmoid(an_mul(x, an_add(third, an_number(x, linear))));
    const an_value turn = an_mul(an_square(v1), an_sub(one, an_mul(two, s)));
    const an_value sum = an_add(an_mul(two, v1), an_mul(x, an_add(v2, turn)));
    return an_mul(an_mul(s, an_sub(one, s)), sum);
}

static void gelu_grad_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    const an_value x = c->in[1], near = within(x, reach);
    const an_value bend = c->attrs->form == AN_TANH ? bend_by_tanh(near) : bend_exact(near);
    dx[0] = an_gelu_grad(dy[0], x, c->attrs->form);
    dx[1] = an_mul(an_mul(dy[0], c->in[0]), bend);
}

an_value an_gelu_grad_at(an_at at, an_value dy, an_value x, an_form form)
{
    return an_emit(at, AN_OP_gelu_grad, (an_value[]){dy, x}, 2, &(an_attrs){.form = form});
}

const an_op_rules an_rules_gelu_grad = {
    .floats = 1u,
    .alike = 2u,
    .infer = gelu_infer,
    .grad = gelu_grad_grad,
    .stages = {{an_block_units, gelu_grad_run}},
    .ref = gelu_grad_ref,
    .share = {1u | 2u},
};
