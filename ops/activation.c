/* activation.c -- relu, gelu and silu.
 *
 *   relu  y = max(x, 0)             dx = dy where y > 0, else 0
 *   gelu  y = x Phi(x)              dx = dy (Phi(x) + x phi(x))
 *     by tanh: Phi(x) ~ (1 + tanh u)/2 = s,  s = sigmoid(v),  v = 2u = k x + k3 x^3,
 *     k = 2 sqrt(2/pi), k3 = 0.044715 k      dx = dy (s + x s (1-s) v')
 *   silu  y = x s,  s = sigmoid(x)  dx = dy s (1 + x (1-s))
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
 * "Sigmoid-weighted linear units", 2018.                                      */
#include "ops/access.h"
#include "ops/elementwise.h"
#include "ops/kernels/kernels.h"

#include <math.h>

static const double linear = 1.5957691216057308; /* 2 sqrt(2/pi) */
static const double cubic = 0.044715 * 1.5957691216057308;
static const double peak = 0.3989422804014327; /* phi(0) = 1 / sqrt(2 pi) */
static const double reach = 64; /* of Phi and of s: from there on they are 0 or 1 in f64 */

/* ---- relu -------------------------------------------------------------- */

static void relu_run(const an_work *w, int64_t begin, int64_t end)
{
    an_unary_run(w, begin, end, w->kernels->relu);
}

static double real_relu(double x)
{
    return x < 0 ? 0 : x; /* a NaN is not below 0 and stays */
}

static void relu_ref(const an_work *w)
{
    an_unary_ref(w, real_relu, NULL);
}

/* By y, which is positive where x is: x need not be kept. */
static void relu_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    const an_value zero = an_number(dy[0], 0);
    dx[0] = an_where(an_compare(c->out[0], AN_GT, zero), dy[0], zero);
}

an_value an_relu_at(an_at at, an_value x)
{
    return an_emit(at, AN_OP_relu, &x, 1, NULL);
}

const an_op_rules an_rules_relu = {
    .infer = an_unary_infer,
    .grad = relu_grad,
    .stages = {{an_block_units, relu_run}},
    .ref = relu_ref,
    .share = {1u},
};

/* ---- silu -------------------------------------------------------------- */

static void silu_run(const an_work *w, int64_t begin, int64_t end)
{
    an_unary_run(w, begin, end, w->kernels->silu);
}

static double real_silu(double x)
{
    return x * an_real_sigmoid(x);
}

static void silu_ref(const an_work *w)
{
    an_unary_ref(w, real_silu, NULL);
}

static void silu_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    const an_value x = c->in[0], one = an_number(x, 1), s = an_sigmoid(x);
    const an_value slope = an_mul(s, an_add(an_mul(x, an_sub(one, s)), one));
    dx[0] = an_mul(dy[0], slope);
}

an_value an_silu_at(an_at at, an_value x)
{
    return an_emit(at, AN_OP_silu, &x, 1, NULL);
}

const an_op_rules an_rules_silu = {
    .infer = an_unary_infer,
    .grad = silu_grad,
    .stages = {{an_block_units, silu_run}},
    .ref = silu_ref,
    .share = {1u},
};

/* ---- gelu -------------------------------------------------------------- */

static an_status want_form(const an_infer *q)
{
    if (q->attrs->form == AN_EXACT || q->attrs->form == AN_TANH) return AN_OK;
    return an_refuse(q, AN_E_ATTRIBUTE, "%d is no form of gelu", (int)q->attrs->form);
}

static an_status gelu_infer(const an_infer *q, an_type out[])
{
    const an_status s = want_form(q);
    return s == AN_OK ? an_unary_infer(q, out) : s;
}

static void gelu_run(const an_work *w, int64_t begin, int64_t end)
{
    const bool by_tanh = w->attrs->form == AN_TANH;
    an_unary_run(w, begin, end, by_tanh ? w->kernels->gelu_tanh : w->kernels->gelu_erf);
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
    an_unary_ref(w, w->attrs->form == AN_TANH ? real_gelu_tanh : real_gelu, NULL);
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
    .infer = gelu_infer,
    .grad = gelu_grad,
    .stages = {{an_block_units, gelu_run}},
    .ref = gelu_ref,
    .share = {1u},
};

/* ---- gelu_grad --------------------------------------------------------- */

static an_status gelu_grad_infer(const an_infer *q, an_type out[])
{
    an_status s = want_form(q);
    if (s == AN_OK) s = an_want_float(q, 0);
    if (s == AN_OK) s = an_want_same_dtype(q, 0, 1);
    if (s == AN_OK) s = an_want_same_shape(q, 0, 1);
    out[0] = q->in[1];
    return s;
}

static void gelu_grad_run(const an_work *w, int64_t begin, int64_t end)
{
    const bool by_tanh = w->attrs->form == AN_TANH;
    an_binary_run(w, begin, end, by_tanh ? w->kernels->gelu_tanh_grad : w->kernels->gelu_erf_grad);
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
    an_binary_ref(w, w->attrs->form == AN_TANH ? real_gelu_tanh_grad : real_gelu_grad, NULL);
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
    .infer = gelu_grad_infer,
    .grad = gelu_grad_grad,
    .stages = {{an_block_units, gelu_grad_run}},
    .ref = gelu_grad_ref,
    .share = {1u | 2u},
};
