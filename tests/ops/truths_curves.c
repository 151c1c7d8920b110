/* truths_curves.c -- functions that saturate, fade or overflow, a second time. */
#include "tests/ops/truths.h"

static const an_real pi = 3.14159265358979323846264338327950288L;

/* f s, where s goes to 0 faster than f to infinity. */
static an_real fading(an_real f, an_real s)
{
    return s == 0 ? copysignl(0, f) : f * s;
}

/* ---- elementary -------------------------------------------------------- */

FORMULA(exponential, expl(a))
FORMULA(logarithm, logl(a))
FORMULA(logarithm_slope, a < 0 ? (an_real)NAN : 1 / fabsl(a))
FORMULA(sine, sinl(a))
FORMULA(cosine, cosl(a))
FORMULA(minus_sine, -sinl(a))
FORMULA(error, erfl(a))
FORMULA(error_slope, 2 / sqrtl(pi) * expl(-a * a))
FORMULA(hyperbolic, tanhl(a))
FORMULA(hyperbolic_slope, 1 / (coshl(a) * coshl(a)))
FORMULA(logistic, 1 / (1 + expl(-a)))
FORMULA(silu, fading(a, logistic(x)))

static an_real logistic_slope(const an_real x[])
{
    const an_real e = expl(-fabsl(x[0]));
    return e / ((1 + e) * (1 + e));
}

FORMULA(silu_slope, logistic(x) + fading(a, logistic_slope(x)))

FORMULA(exponential_less_one, expm1l(a))
FORMULA(logarithm_of_more, log1pl(a))
FORMULA(logarithm_of_more_slope, a < -1 ? (an_real)NAN : 1 / (1 + a))
FORMULA(elu, a > 0 ? a : 1.5L * expm1l(a))
FORMULA(elu_slope, a > 0 ? 1 : 1.5L * expl(a))
FORMULA(softplus, isnan(a) ? a : fmaxl(a, 0) + log1pl(expl(-fabsl(a))))

/* x t with t = tanh(softplus(x)), whose slope is sigmoid(x) / cosh(softplus(x))^2. */
FORMULA(gain, tanhl(softplus(x)))

static an_real gain_slope(const an_real x[])
{
    const an_real c = coshl(softplus(x));
    return fading(x[0], 1 / (c * c)) / (1 + expl(-x[0]));
}

FORMULA(mish, fading(a, gain(x)))
FORMULA(mish_slope, gain(x) + (isinf(a) ? 0 : gain_slope(x)))

EXCUSE(value_overflows, overflows(p, p->value) && isinf(p->got))
EXCUSE(a_is_below_minus_one, p->x[0] < -1)
EXCUSE(a_is_negative, signbit(p->x[0]))
EXCUSE(nan_at_infinity, isinf(p->x[0]) && isnan(p->got))
EXCUSE(nan_at_minus_infinity, isinf(p->x[0]) && p->x[0] < 0 && isnan(p->got))
EXCUSE(right_to_units_of_one, is_within(p, 4))
EXCUSE(right_to_units_of_x, is_within(p, 4 + fabsl(p->x[0])))
EXCUSE(logistic_is_denormal,
       logistic(p->x) < p->of.least && is_lost_below(p, 2 * fabsl(p->x[0])))

/* ---- gelu: Phi and phi, or s(v) with v = k (x + 0.044715 x^3) ---------- */

FORMULA(share, erfcl(-a / sqrtl(2)) / 2)
FORMULA(density, expl(-a * a / 2) / sqrtl(2 * pi))
FORMULA(gelu, fading(a, share(x)))
FORMULA(gelu_slope, share(x) + fading(a, density(x)))
FORMULA(gelu_bend, fading(2 - a * a, density(x)))

#define K (2 * sqrtl(2 / pi))
FORMULA(v, K * (a + 0.044715L * a * a * a))
FORMULA(v_slope, K * (1 + 3 * 0.044715L * a * a))
FORMULA(v_bend, K * 6 * 0.044715L * a)
FORMULA(tanh_gelu, fading(a, at(logistic, v(x))))
FORMULA(tanh_slope, at(logistic, v(x)) + fading(a * v_slope(x), at(logistic_slope, v(x))))

/* s'' = s' (1 - 2s), and 1 - 2s is -tanh(v/2). */
static an_real tanh_bend(const an_real x[])
{
    const an_real u = v_slope(x), turn = -tanhl(v(x) / 2);
    return fading(2 * u + x[0] * (v_bend(x) + u * u * turn), at(logistic_slope, v(x)));
}

EXCUSE(share_is_denormal, share(p->x) < p->of.least && is_lost_below(p, 2 * fabsl(p->x[0])))
/* 1 - s is right to units of 1, before x v' multiplies it. */
EXCUSE(tanh_slope_cancels, is_within(p, 4 + fabsl(p->x[0] * v_slope(p->x))))

/* ---- gelu_grad: a is its dy, b its x ----------------------------------- */

FORMULA(gelu_grad, a * at(gelu_slope, b))
FORMULA(gelu_grad_by_a, at(gelu_slope, b))
FORMULA(gelu_grad_by_b, a * at(gelu_bend, b))
FORMULA(tanh_grad, a * at(tanh_slope, b))
FORMULA(tanh_grad_by_a, at(tanh_slope, b))
FORMULA(tanh_grad_by_b, a * at(tanh_bend, b))

static an_real strength(const an_point *p)
{
    return p->operand == 0 ? 1 : fabsl(p->x[0]);
}

/* What a multiplies is denormal or nearly: it is known to some of the least numbers. */
static bool vanishes(const an_point *p, an_truth_fn f)
{
    if (fabsl(at(f, p->x[1])) >= 256 * p->of.least) return false;
    return isinf(p->x[0]) || is_lost_below(p, 256 * (1 + strength(p)));
}

EXCUSE(slope_vanishes, vanishes(p, gelu_slope))
EXCUSE(bend_vanishes, vanishes(p, gelu_bend))
EXCUSE(tanh_slope_vanishes, vanishes(p, tanh_slope))
EXCUSE(tanh_bend_vanishes, vanishes(p, tanh_bend))
EXCUSE(dy_times_a_overflows, overflows(p, p->dy * p->x[0]) && !isfinite(p->got))

static bool tanh_grad_cancels(const an_point *p)
{
    const an_real x = p->x[1], u = at(v_slope, x);
    return is_within(p, (4 + fabsl(x) * u * (p->operand == 1 ? u : 1)) * strength(p));
}

/* ---- a certain choice -------------------------------------------------- */

/* Even an infinite logit costs nothing if the label agrees. */
FORMULA(bce, (b == (a > 0) ? 0 : a >= 0 ? a * (1 - b) : -a * b) + log1pl(expl(-fabsl(a))))
FORMULA(bce_by_a, logistic(x) - b)
FORMULA(minus_a, -a)

/* The softmax of a row {a, b} at a. An infinite logit makes a NaN, as is documented. */
FORMULA(soft, fmaxl(a, b) == (an_real)INFINITY ? (an_real)NAN : at(logistic, a - b))
FORMULA(soft_by_a, isnan(soft(x)) ? soft(x) : at(logistic_slope, a - b))
FORMULA(soft_by_b, -soft_by_a(x))
FORMULA(log_soft, isnan(soft(x)) ? soft(x) : -(fmaxl(b - a, 0) + log1pl(expl(-fabsl(b - a)))))
FORMULA(log_soft_by_a, isnan(soft(x)) ? soft(x) : at(logistic, b - a))
FORMULA(log_soft_by_b, -log_soft_by_a(x))

static an_value rows(const an_value in[])
{
    const an_dim count = an_type_of(in[0]).shape.dim[0];
    const an_value column[] = {an_reshape(in[0], AN_SHAPE(count, 1)),
                               an_reshape(in[1], AN_SHAPE(count, 1))};
    return an_concat(column, 2, 1);
}

static an_value first_of(an_value y)
{
    const an_dim count = an_type_of(y).shape.dim[0];
    return an_reshape(an_slice(y, 1, 0, 1, 1), AN_SHAPE(count));
}

static an_value build_softmax(const an_value in[])
{
    return first_of(an_softmax(rows(in), 1));
}

static an_value build_log_softmax(const an_value in[])
{
    return first_of(an_log_softmax(rows(in), 1));
}

/* ---- the table --------------------------------------------------------- */

static const char denormal_slope[] = "the slope is denormal or 0 before dy multiplies it";
static const char denormal_bend[] = "the bend is denormal or 0 before dy multiplies it";
static const char huge_dy[] = "the product of both dy overflows, that with the bend does not";

const an_truth an_truths_curves[] = {
    {"exp", 0, 1, .value = {exponential}, .slope = {{exponential}},
     .but = {{AN_OF_A, value_overflows, "made of y, which is infinite"}}},
    {"log", 0, 1, .value = {logarithm}, .slope = {{logarithm_slope}},
     .but = {{AN_OF_A, a_is_negative, "undefined below 0: dy / x goes on where y is NaN"}}},
    {"expm1", 0, 1, .value = {exponential_less_one}, .slope = {{exponential}},
     .but = {{AN_OF_A, value_overflows, "made of e^x, which is infinite"}}},
    {"log1p", 0, 1, .value = {logarithm_of_more}, .slope = {{logarithm_of_more_slope}},
     .but = {{AN_OF_A, a_is_below_minus_one,
              "undefined below -1: dy / (1 + x) goes on where y is NaN"}}},
    {"sin", 0, 1, .value = {sine}, .slope = {{cosine}}},
    {"cos", 0, 1, .value = {cosine}, .slope = {{minus_sine}}},
    {"erf", 0, 1, .value = {error}, .slope = {{error_slope, .steep = 1}}},
    {"tanh", 0, 1, .value = {hyperbolic}, .slope = {{hyperbolic_slope}},
     .but = {{AN_OF_A, right_to_units_of_one, "made of y: 1 - y^2 is right to units of 1"}}},
    {"sigmoid", 0, 1, .value = {logistic}, .slope = {{logistic_slope}},
     .but = {{AN_OF_A, right_to_units_of_one, "made of y: 1 - y is right to units of 1"}}},
    {"elu", 0, 1, .attrs = {.alpha = 1.5}, .value = {elu}, .slope = {{elu_slope}}},
    {"softplus", 0, 1, .value = {softplus}, .slope = {{logistic}}},
    {"mish", 0, 1, .value = {mish, .steep = 1}, .slope = {{mish_slope, .steep = 1}},
     .but = {{AN_OF_VALUE, logistic_is_denormal, "e^x is denormal before x multiplies it"},
             {AN_OF_A, right_to_units_of_x,
              "1 - t^2 is right to units of 1 before x multiplies it"}}},
    {"silu", 0, 1, .value = {silu}, .slope = {{silu_slope, .steep = 1}},
     .but = {{AN_OF_VALUE | AN_OF_A, nan_at_infinity, "documented: inf * 0"},
             {AN_OF_VALUE | AN_OF_A, logistic_is_denormal,
              "sigmoid(x) is denormal before x multiplies it"},
             {AN_OF_A, right_to_units_of_x,
              "1 - sigmoid(x) is right to units of 1 before x multiplies it"}}},

    {"gelu", 0, 1, .value = {gelu, .steep = 1}, .slope = {{gelu_slope, .steep = 1}},
     .but = {{AN_OF_VALUE, nan_at_minus_infinity, "documented: -inf * 0"},
             {AN_OF_VALUE, share_is_denormal, "Phi(x) is denormal before x multiplies it"}}},
    {"gelu", "by tanh", 1, .attrs = {.form = AN_TANH}, .value = {tanh_gelu, .steep = 1},
     .slope = {{tanh_slope, .steep = 1}},
     .but = {{AN_OF_VALUE, nan_at_minus_infinity, "documented: -inf * 0"},
             {AN_OF_A, tanh_slope_cancels,
              "1 - s is right to units of 1 before x v' multiplies it"}}},
    {"gelu_grad", 0, 2, .value = {gelu_grad, .steep = 1},
     .slope = {{gelu_grad_by_a, .steep = 1}, {gelu_grad_by_b, .steep = 1}},
     .but = {{AN_OF_VALUE, slope_vanishes, denormal_slope},
             {AN_OF_B, bend_vanishes, denormal_bend},
             {AN_OF_B, dy_times_a_overflows, huge_dy}}},
    {"gelu_grad", "by tanh", 2, .attrs = {.form = AN_TANH}, .value = {tanh_grad, .steep = 1},
     .slope = {{tanh_grad_by_a, .steep = 1}, {tanh_grad_by_b, .steep = 1}},
     .but = {{AN_OF_VALUE | AN_OF_A | AN_OF_B, tanh_grad_cancels,
              "1 - s is right to units of 1 before x v' or x v'^2 multiplies it"},
             {AN_OF_VALUE, tanh_slope_vanishes, denormal_slope},
             {AN_OF_B, tanh_bend_vanishes, denormal_bend},
             {AN_OF_B, dy_times_a_overflows, huge_dy}}},

    {"bce_with_logits", 0, 2, .output = 1, .high = {0, 1}, .value = {bce},
     .slope = {{bce_by_a}, {minus_a}},
     .but = {{AN_OF_A, right_to_units_of_one, "sigmoid(x) - z is right to units of 1"}}},
    {"softmax", "of two", 2, .value = {soft, .steep = 1}, .build = build_softmax,
     .slope = {{soft_by_a}, {soft_by_b}},
     .but = {{AN_OF_A | AN_OF_B, right_to_units_of_one,
              "made of y: y (1 - y) is right to units of 1"}}},
    {"log_softmax", "of two", 2, .value = {log_soft, .steep = 1}, .build = build_log_softmax,
     .slope = {{log_soft_by_a}, {log_soft_by_b}},
     .but = {{AN_OF_VALUE, right_to_units_of_one, "the logarithm of a sum is right to units of 1"},
             {AN_OF_A | AN_OF_B, right_to_units_of_one,
              "made of y: 1 - e^y is right to units of 1"}}},
    {0}};
