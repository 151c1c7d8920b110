/* step.c -- optimizer steps: one op per parameter, one sweep over its tensors.
 *
 * g is the gradient times `scale` (1 if absent; clipping puts it there), r the rate.
 *
 *   sgd_step       p' = p - r (g + decay p)
 *   momentum_step  v' = momentum v - r g
 *                  p' = p - r decay p + v',   with nesterov + (momentum v' - r g)
 *   adam_step      m' = beta1 m + (1 - beta1) g
 *                  v' = beta2 v + (1 - beta2) g^2
 *                  p' = p - r decay p - r sqrt(1 - beta2^t) / (1 - beta1^t) m' / (sqrt(v') + eps)
 *
 *   rmsprop_step   v' = rho v + (1 - rho) g^2
 *                  with a mean:  mean' = rho mean + (1 - rho) g, else 0 stands for it
 *                  u' = momentum u + r g / sqrt(max(v' - mean'^2, 0) + eps)
 *                  p' = p - r decay p - u',   u, the velocity, being 0 where there is none
 *   adagrad_step   sum' = sum + g^2
 *                  p' = p - r decay p - r g / sqrt(sum' + eps)
 *
 *   sum_step       sum' = g if it is the first, else sum + g
 *   average_step   average' = average + share (value - average)
 *
 * Where `when` is false a step is not taken: each result is the operand that it replaces, 0 if
 * that is absent. In place nothing is done then, so accumulating costs no step.
 *
 * t is the step counter, 1 at the first step. Decay is decoupled from the moments
 * (AdamW). Formulas and the place of eps are those of Keras 3; with `outside` the last two
 * divide by sqrt(...) + eps, as PyTorch does. PyTorch's velocity leaves out r and is
 * multiplied by it when it is used, which is the same for a rate that stays. A mean's
 * square may exceed v' by rounding where gradients hardly change: both have NaN there.
 *
 * Written out of elementwise ops, Adam moves ten times the bytes. These ops are made by
 * an_minimize; differentiating through one goes by way of its meaning.
 *
 * Polyak 1964; Nesterov 1983; Sutskever et al., "On the importance of initialization
 * and momentum", 2013; Kingma & Ba, "Adam", 2015; Loshchilov & Hutter, "Decoupled
 * weight decay regularization", 2019; Tieleman & Hinton, "Lecture 6.5 - rmsprop", 2012;
 * Graves, "Generating sequences with recurrent neural networks", 2013 (the mean); Duchi,
 * Hazan & Singer, "Adaptive subgradient methods", 2011.                      */
#include "ops/access.h"
#include "ops/kernels/kernels.h"
#include "ops/op.h"

#include <math.h>
#include <string.h>

#define UNIT 16384 /* elements: all tensors of a unit fit the second-level cache */

/* Where each op keeps its operands: tensors first, then scalars. */
enum { PARAM, GRAD };
enum { SGD_RATE = 2, SGD_SCALE, SGD_WHEN };
enum { VELOCITY = 2, MOMENTUM_RATE, MOMENTUM_SCALE, MOMENTUM_WHEN };
enum { M = 2, V, ADAM_RATE, ADAM_STEP, ADAM_SCALE, ADAM_WHEN };
enum { SQUARES = 2, MEAN, MOVE, RMSPROP_RATE, RMSPROP_SCALE, RMSPROP_WHEN };
enum { SUM = 2, ADAGRAD_RATE, ADAGRAD_SCALE, ADAGRAD_WHEN };
enum { SUM_FIRST = 2 };
enum { AVERAGE_SHARE = 2, AVERAGE_WHEN };

/* ---- shapes ------------------------------------------------------------ */

static bool given(int inputs, int operand)
{
    return operand < inputs;
}

static an_status want_scalar(const an_infer *q, int operand, an_dtype dtype)
{
    if (!given(q->inputs, operand) || !q->present[operand]) return AN_OK;
    const an_type *t = &q->in[operand];
    if (t->shape.rank == 0 && t->dtype == dtype) return AN_OK;
    char name[32];
    an_op_input_name(q->op, operand, name, sizeof name);
    return an_refuse(q, t->shape.rank ? AN_E_SHAPE : AN_E_DTYPE, "%s must be one %s", name,
                     an_dtype_name(dtype));
}

/* The first `tensors` operands are alike; those from `tensors` on are scalars of
 * the same dtype, but for counters and, last, whether. Every result is like the parameter. */
static an_status step_infer(const an_infer *q, int tensors, int results, an_type out[])
{
    an_status s = AN_OK;
    for (int i = tensors; i < q->inputs && !s; i++) {
        const bool counter = q->op->code == AN_OP_adam_step && i == ADAM_STEP;
        const bool whether = i == q->op->max_inputs - 1;
        s = want_scalar(q, i, whether ? AN_BOOL : counter ? AN_I64 : q->in[PARAM].dtype);
    }
    for (int k = 0; k < results; k++) out[k] = q->in[PARAM];
    return s;
}

static an_status sgd_infer(const an_infer *q, an_type out[])
{
    return step_infer(q, SGD_RATE, 1, out);
}

static an_status momentum_infer(const an_infer *q, an_type out[])
{
    return step_infer(q, MOMENTUM_RATE, 2, out);
}

static an_status adam_infer(const an_infer *q, an_type out[])
{
    return step_infer(q, ADAM_RATE, 3, out);
}

static an_status rmsprop_infer(const an_infer *q, an_type out[])
{
    return step_infer(q, RMSPROP_RATE, 4, out);
}

static an_status adagrad_infer(const an_infer *q, an_type out[])
{
    return step_infer(q, ADAGRAD_RATE, 2, out);
}

static an_status sum_infer(const an_infer *q, an_type out[])
{
    return step_infer(q, SUM_FIRST, 1, out);
}

static an_status average_infer(const an_infer *q, an_type out[])
{
    return step_infer(q, AVERAGE_SHARE, 1, out);
}

/* ---- the fast sweep ---------------------------------------------------- */

static bool present(const an_work *w, int operand)
{
    return given(w->inputs, operand) && w->in[operand].data;
}

static double number(const an_work *w, int operand, double absent)
{
    return present(w, operand) ? an_get(&w->in[operand], 0) : absent;
}

/* The rate with Adam's bias corrections, which need more digits than f32 has:
 * 1 - 0.999^1. */
static double adam_alpha(const an_work *w)
{
    const double t = (double)*(const int64_t *)w->in[ADAM_STEP].data;
    return number(w, ADAM_RATE, 0) * sqrt(1 - pow((double)w->attrs->beta2, t)) /
           (1 - pow((double)w->attrs->beta1, t));
}

static an_step numbers(const an_work *w, int rate, int scale)
{
    const an_attrs *a = w->attrs;
    const double r = number(w, rate, 0);
    return (an_step){
        .taken = number(w, scale + 1, 1) != 0,
        .rate = (float)r,
        .scale = (float)number(w, scale, 1),
        .decay = (float)(r * (double)a->decay),
        .momentum = a->momentum,
        .nesterov = a->nesterov,
        .beta1 = a->beta1,
        .rest1 = (float)(1 - (double)a->beta1),
        .beta2 = a->beta2,
        .rest2 = (float)(1 - (double)a->beta2),
        .eps = a->eps,
        .outside = a->outside,
        .rho = a->rho,
        .rest = (float)(1 - (double)a->rho),
    };
}

static int64_t step_units(const an_work *w)
{
    const int64_t n = an_elements(&w->out[0]);
    return n / UNIT + (n % UNIT != 0);
}

/* The operand that result k replaces. */
static int replaced(int k)
{
    return k ? k + 1 : PARAM;
}

typedef void (*sweep_fn)(const an_step *s, int64_t n, const float *const in[], float *const out[]);

/* Hands units [begin, end), which are neighbours, to the kernel in one go. */
static void sweep(const an_work *w, const an_step *s, sweep_fn kernel, int64_t begin, int64_t end)
{
    const int64_t count = an_elements(&w->out[0]), first = begin * UNIT;
    const int64_t n = (end * UNIT < count ? end * UNIT : count) - first;
    const float *in[5] = {0};
    float *out[4] = {0};
    for (int i = 0; i < w->outputs + 1; i++)
        if (present(w, i)) in[i] = (const float *)w->in[i].data + first;
    for (int k = 0; k < w->outputs; k++)
        if (w->out[k].data) out[k] = (float *)w->out[k].data + first;
    if (s->taken) kernel(s, n, in, out);
    for (int k = 0; !s->taken && k < w->outputs; k++) {
        const float *old = in[replaced(k)];
        if (!out[k] || out[k] == old) continue;
        if (old) memcpy(out[k], old, (size_t)n * sizeof *old);
        else memset(out[k], 0, (size_t)n * sizeof *out[k]);
    }
}

static void sgd_run(const an_work *w, int64_t begin, int64_t end)
{
    an_step s = numbers(w, SGD_RATE, SGD_SCALE);
    s.decay = w->attrs->decay;
    sweep(w, &s, w->kernels->sgd_step, begin, end);
}

static void momentum_run(const an_work *w, int64_t begin, int64_t end)
{
    const an_step s = numbers(w, MOMENTUM_RATE, MOMENTUM_SCALE);
    sweep(w, &s, w->kernels->momentum_step, begin, end);
}

static void adam_run(const an_work *w, int64_t begin, int64_t end)
{
    an_step s = numbers(w, ADAM_RATE, ADAM_SCALE);
    s.alpha = (float)adam_alpha(w);
    sweep(w, &s, w->kernels->adam_step, begin, end);
}

static void rmsprop_run(const an_work *w, int64_t begin, int64_t end)
{
    const an_step s = numbers(w, RMSPROP_RATE, RMSPROP_SCALE);
    sweep(w, &s, w->kernels->rmsprop_step, begin, end);
}

static void adagrad_run(const an_work *w, int64_t begin, int64_t end)
{
    const an_step s = numbers(w, ADAGRAD_RATE, ADAGRAD_SCALE);
    sweep(w, &s, w->kernels->adagrad_step, begin, end);
}

static void sum_run(const an_work *w, int64_t begin, int64_t end)
{
    const an_step s = {.taken = true, .first = number(w, SUM_FIRST, 0) != 0};
    sweep(w, &s, w->kernels->sum_step, begin, end);
}

static void average_run(const an_work *w, int64_t begin, int64_t end)
{
    const an_step s = {.taken = number(w, AVERAGE_WHEN, 1) != 0,
                       .rate = (float)number(w, AVERAGE_SHARE, 0)};
    sweep(w, &s, w->kernels->average_step, begin, end);
}

/* ---- the oracle -------------------------------------------------------- */

/* Where the step is not taken, writes what was there. */
static bool stays(const an_work *w, int when)
{
    if (!present(w, when) || an_get(&w->in[when], 0) != 0) return false;
    for (int k = 0; k < w->outputs; k++)
        for (int64_t i = 0; i < an_elements(&w->out[0]); i++) {
            const int old = k == 0 ? 0 : k + 1;
            an_put_wanted(&w->out[k], i, present(w, old) ? an_get(&w->in[old], i) : 0);
        }
    return true;
}

static void sgd_ref(const an_work *w)
{
    if (stays(w, SGD_WHEN)) return;
    const double rate = number(w, SGD_RATE, 0), scale = number(w, SGD_SCALE, 1);
    const double decay = w->attrs->decay;
    for (int64_t i = 0; i < an_elements(&w->out[0]); i++) {
        const double p = an_get(&w->in[PARAM], i), g = an_get(&w->in[GRAD], i);
        an_put_wanted(&w->out[0], i, p - rate * (scale * g + (decay > 0 ? decay * p : 0)));
    }
}

static void momentum_ref(const an_work *w)
{
    if (stays(w, MOMENTUM_WHEN)) return;
    const double rate = number(w, MOMENTUM_RATE, 0), scale = number(w, MOMENTUM_SCALE, 1);
    const double keep = w->attrs->momentum, decay = w->attrs->decay;
    for (int64_t i = 0; i < an_elements(&w->out[0]); i++) {
        double p = an_get(&w->in[PARAM], i);
        const double g = scale * an_get(&w->in[GRAD], i);
        const double v = keep * an_get(&w->in[VELOCITY], i) - rate * g;
        if (rate * decay != 0) p -= rate * decay * p;
        an_put_wanted(&w->out[0], i, w->attrs->nesterov ? p + (keep * v - rate * g) : p + v);
        an_put_wanted(&w->out[1], i, v);
    }
}

static void adam_ref(const an_work *w)
{
    if (stays(w, ADAM_WHEN)) return;
    const an_attrs *a = w->attrs;
    const double t = an_get(&w->in[ADAM_STEP], 0), rate = number(w, ADAM_RATE, 0);
    const double b1 = a->beta1, b2 = a->beta2, scale = number(w, ADAM_SCALE, 1);
    const double c1 = 1 - pow(b1, t), c2 = 1 - pow(b2, t);
    for (int64_t i = 0; i < an_elements(&w->out[0]); i++) {
        double p = an_get(&w->in[PARAM], i);
        const double g = scale * an_get(&w->in[GRAD], i);
        const double m = b1 * an_get(&w->in[M], i) + (1 - b1) * g;
        const double v = b2 * an_get(&w->in[V], i) + (1 - b2) * g * g;
        if (rate * (double)a->decay != 0) p -= rate * (double)a->decay * p;
        an_put_wanted(&w->out[0], i, p - rate * sqrt(c2) / c1 * m / (sqrt(v) + (double)a->eps));
        an_put_wanted(&w->out[1], i, m);
        an_put_wanted(&w->out[2], i, v);
    }
}

/* p less its decay and the step u. */
static double moved(const an_attrs *a, double p, double rate, double u)
{
    return rate * (double)a->decay != 0 ? p - rate * (double)a->decay * p - u : p - u;
}

static double real_root(const an_attrs *a, double spread)
{
    const double eps = a->eps;
    return a->outside ? sqrt(spread) + eps : sqrt(spread + eps);
}

static void rmsprop_ref(const an_work *w)
{
    if (stays(w, RMSPROP_WHEN)) return;
    const an_attrs *a = w->attrs;
    const double rate = number(w, RMSPROP_RATE, 0), scale = number(w, RMSPROP_SCALE, 1);
    const double rho = a->rho;
    const bool centered = present(w, MEAN), swift = present(w, MOVE);
    for (int64_t i = 0; i < an_elements(&w->out[0]); i++) {
        const double g = scale * an_get(&w->in[GRAD], i);
        const double v = rho * an_get(&w->in[SQUARES], i) + (1 - rho) * g * g;
        const double mean = (centered ? rho * an_get(&w->in[MEAN], i) : 0) + (1 - rho) * g;
        const double variance = v - mean * mean < 0 ? 0 : v - mean * mean;
        double u = rate * g / real_root(a, centered ? variance : v);
        if (swift) u += (double)a->momentum * an_get(&w->in[MOVE], i);
        an_put_wanted(&w->out[0], i, moved(a, an_get(&w->in[PARAM], i), rate, u));
        an_put_wanted(&w->out[1], i, v);
        an_put_wanted(&w->out[2], i, mean);
        an_put_wanted(&w->out[3], i, u);
    }
}

static void adagrad_ref(const an_work *w)
{
    if (stays(w, ADAGRAD_WHEN)) return;
    const an_attrs *a = w->attrs;
    const double rate = number(w, ADAGRAD_RATE, 0), scale = number(w, ADAGRAD_SCALE, 1);
    for (int64_t i = 0; i < an_elements(&w->out[0]); i++) {
        const double g = scale * an_get(&w->in[GRAD], i), p = an_get(&w->in[PARAM], i);
        const double sum = an_get(&w->in[SUM], i) + g * g;
        an_put_wanted(&w->out[0], i, moved(a, p, rate, rate * g / real_root(a, sum)));
        an_put_wanted(&w->out[1], i, sum);
    }
}

static void sum_ref(const an_work *w)
{
    const bool first = an_get(&w->in[SUM_FIRST], 0) != 0;
    for (int64_t i = 0; i < an_elements(&w->out[0]); i++)
        an_put_wanted(&w->out[0], i, (first ? 0 : an_get(&w->in[PARAM], i)) +
                                         an_get(&w->in[GRAD], i));
}

static void average_ref(const an_work *w)
{
    if (stays(w, AVERAGE_WHEN)) return;
    const double share = an_get(&w->in[AVERAGE_SHARE], 0);
    for (int64_t i = 0; i < an_elements(&w->out[0]); i++) {
        const double average = an_get(&w->in[PARAM], i);
        an_put_wanted(&w->out[0], i, average + share * (an_get(&w->in[GRAD], i) - average));
    }
}

/* ---- the meanings ------------------------------------------------------ */

/* Each result, or what it replaces where the step is not taken. */
static void choose(const an_call *c, int when, int results, an_value out[])
{
    if (!given(c->inputs, when) || an_is_none(c->in[when])) return;
    for (int k = 0; k < results; k++) {
        const an_value old = c->in[replaced(k)];
        out[k] = an_where(c->in[when], out[k], an_is_none(old) ? an_number(out[k], 0) : old);
    }
}

static an_value scaled_gradient(const an_call *c, int scale)
{
    const bool there = given(c->inputs, scale) && !an_is_none(c->in[scale]);
    return there ? an_mul(c->in[GRAD], c->in[scale]) : c->in[GRAD];
}

/* x * f for a number f; x itself where f is 1 is left to the passes. */
static an_value times(an_value x, double f)
{
    return an_mul(x, an_number(x, f));
}

static an_value decayed(const an_call *c, an_value rate)
{
    const an_value p = c->in[PARAM];
    return c->attrs->decay > 0 ? an_sub(p, an_mul(times(rate, (double)c->attrs->decay), p)) : p;
}

static void sgd_meaning(const an_call *c, an_value out[])
{
    const an_value p = c->in[PARAM];
    an_value g = scaled_gradient(c, SGD_SCALE);
    if (c->attrs->decay > 0) g = an_add(g, times(p, (double)c->attrs->decay));
    out[0] = an_sub(p, an_mul(g, c->in[SGD_RATE]));
    choose(c, SGD_WHEN, 1, out);
}

static void momentum_meaning(const an_call *c, an_value out[])
{
    const double momentum = c->attrs->momentum;
    const an_value rate = c->in[MOMENTUM_RATE];
    const an_value move = an_mul(scaled_gradient(c, MOMENTUM_SCALE), rate);
    const an_value v = an_sub(times(c->in[VELOCITY], momentum), move);
    const an_value ahead = c->attrs->nesterov ? an_sub(times(v, momentum), move) : v;
    out[0] = an_add(decayed(c, rate), ahead);
    out[1] = v;
    choose(c, MOMENTUM_WHEN, 2, out);
}

/* beta * x + (1 - beta) * y */
static an_value blend(an_value x, an_value y, double beta)
{
    return an_add(times(x, beta), times(y, 1 - beta));
}

/* 1 - beta^t */
static an_value correction(an_value t, double beta)
{
    return an_sub(an_number(t, 1), an_power(an_number(t, beta), t));
}

static void adam_meaning(const an_call *c, an_value out[])
{
    const double beta1 = c->attrs->beta1, beta2 = c->attrs->beta2;
    const an_value rate = c->in[ADAM_RATE], g = scaled_gradient(c, ADAM_SCALE);
    const an_value m = blend(c->in[M], g, beta1), v = blend(c->in[V], an_square(g), beta2);
    const an_value t = an_cast(c->in[ADAM_STEP], an_type_of(rate).dtype);
    const an_value alpha =
        an_div(an_mul(rate, an_sqrt(correction(t, beta2))), correction(t, beta1));
    const an_value root = an_sqrt(v);
    const an_value below = an_add(root, an_number(root, (double)c->attrs->eps));
    out[0] = an_sub(decayed(c, rate), an_div(an_mul(alpha, m), below));
    out[1] = m;
    out[2] = v;
    choose(c, ADAM_WHEN, 3, out);
}

static an_value root_meaning(const an_call *c, an_value spread)
{
    const an_value eps = an_number(spread, (double)c->attrs->eps);
    return c->attrs->outside ? an_add(an_sqrt(spread), eps) : an_sqrt(an_add(spread, eps));
}

static void rmsprop_meaning(const an_call *c, an_value out[])
{
    const double rho = c->attrs->rho;
    const an_value rate = c->in[RMSPROP_RATE], g = scaled_gradient(c, RMSPROP_SCALE);
    const bool centered = !an_is_none(c->in[MEAN]), swift = !an_is_none(c->in[MOVE]);
    const an_value v = blend(c->in[SQUARES], an_square(g), rho);
    const an_value mean = centered ? blend(c->in[MEAN], g, rho) : times(g, 1 - rho);
    const an_value spread =
        centered ? an_maximum(an_sub(v, an_square(mean)), an_number(v, 0)) : v;
    const an_value move = an_div(an_mul(rate, g), root_meaning(c, spread));
    out[3] = swift ? an_add(times(c->in[MOVE], (double)c->attrs->momentum), move) : move;
    out[0] = an_sub(decayed(c, rate), out[3]);
    out[1] = v;
    out[2] = mean;
    choose(c, RMSPROP_WHEN, 4, out);
}

static void adagrad_meaning(const an_call *c, an_value out[])
{
    const an_value rate = c->in[ADAGRAD_RATE], g = scaled_gradient(c, ADAGRAD_SCALE);
    const an_value sum = an_add(c->in[SUM], an_square(g));
    out[0] = an_sub(decayed(c, rate), an_div(an_mul(rate, g), root_meaning(c, sum)));
    out[1] = sum;
    choose(c, ADAGRAD_WHEN, 2, out);
}

static void sum_meaning(const an_call *c, an_value out[])
{
    out[0] = an_where(c->in[SUM_FIRST], c->in[GRAD], an_add(c->in[PARAM], c->in[GRAD]));
}

static void average_meaning(const an_call *c, an_value out[])
{
    const an_value average = c->in[PARAM];
    const an_value way = an_sub(c->in[GRAD], average);
    out[0] = an_add(average, an_mul(way, c->in[AVERAGE_SHARE]));
    choose(c, AVERAGE_WHEN, 1, out);
}

/* About what one element costs, counting division and root as one each. */
const an_op_rules an_rules_sgd_step = {
    .floats = 1u << PARAM,
    .alike = 1u << GRAD,
    .infer = sgd_infer,
    .meaning = sgd_meaning,
    .stages = {{step_units, sgd_run}},
    .ref = sgd_ref,
    .share = {1u << PARAM},
    .flops = 4,
};

const an_op_rules an_rules_momentum_step = {
    .floats = 1u << PARAM,
    .alike = 1u << GRAD | 1u << VELOCITY,
    .infer = momentum_infer,
    .meaning = momentum_meaning,
    .stages = {{step_units, momentum_run}},
    .ref = momentum_ref,
    .share = {1u << PARAM, 1u << VELOCITY},
    .flops = 6,
};

const an_op_rules an_rules_adam_step = {
    .floats = 1u << PARAM,
    .alike = 1u << GRAD | 1u << M | 1u << V,
    .infer = adam_infer,
    .constant_in = 1u << ADAM_STEP,
    .meaning = adam_meaning,
    .stages = {{step_units, adam_run}},
    .ref = adam_ref,
    .share = {1u << PARAM, 1u << M, 1u << V},
    .flops = 14,
};

const an_op_rules an_rules_rmsprop_step = {
    .floats = 1u << PARAM,
    .alike = 1u << GRAD | 1u << SQUARES | 1u << MEAN | 1u << MOVE,
    .infer = rmsprop_infer,
    .meaning = rmsprop_meaning,
    .stages = {{step_units, rmsprop_run}},
    .ref = rmsprop_ref,
    .share = {1u << PARAM, 1u << SQUARES, 1u << MEAN, 1u << MOVE},
    .flops = 14,
};

const an_op_rules an_rules_adagrad_step = {
    .floats = 1u << PARAM,
    .alike = 1u << GRAD | 1u << SUM,
    .infer = adagrad_infer,
    .meaning = adagrad_meaning,
    .stages = {{step_units, adagrad_run}},
    .ref = adagrad_ref,
    .share = {1u << PARAM, 1u << SUM},
    .flops = 7,
};

const an_op_rules an_rules_sum_step = {
    .floats = 1u << PARAM,
    .alike = 1u << GRAD,
    .infer = sum_infer,
    .meaning = sum_meaning,
    .stages = {{step_units, sum_run}},
    .ref = sum_ref,
    .share = {1u << PARAM},
    .flops = 1,
};

const an_op_rules an_rules_average_step = {
    .floats = 1u << PARAM,
    .alike = 1u << GRAD,
    .infer = average_infer,
    .meaning = average_meaning,
    .stages = {{step_units, average_run}},
    .ref = average_ref,
    .share = {1u << PARAM},
    .flops = 3,
};
