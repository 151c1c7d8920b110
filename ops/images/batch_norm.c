/* batch_norm.c -- normalising each channel over all images, and its gradient.
 *
 *   y = xhat * gamma + beta     xhat = (x - mean) * rstd     over all axes but 1
 *   mean = sum(x)/n             variance = sum((x - mean)^2)/n     rstd = 1/sqrt(variance + eps)
 *
 *   dx     = (dy - sum(dy)/n - xhat * sum(dy * xhat)/n) * rstd * gamma
 *   dgamma = sum(dy * xhat)     dbeta = sum(dy)
 *
 * (Ioffe & Szegedy 2015.) In an inference program running statistics stand for those of the batch,
 * if they are given, in the gradients too; otherwise they are not looked at. The variance is the
 * biased one, of which an estimate for inference is made as well: n/(n - 1) times it. Through the
 * statistics a gradient is written out as nodes, since hardly anyone takes it. A unit is a channel
 * (kernels/batch_norm.c): nothing is added across units. A channel without elements has mean,
 * variance and rstd NaN, as 0/0 is; all others that are finite have their right y, as rows of
 * layer_norm have. */
#include "ops/access.h"
#include "ops/images/window.h"
#include "ops/kernels/kernels.h"

#include <float.h>
#include <math.h>

enum { X, GAMMA, BETA, RUNNING_MEAN, RUNNING_VARIANCE, INPUTS };
enum { Y, MEAN, RSTD, VARIANCE };
enum { GRAD_DY, GRAD_X, GRAD_GAMMA, GRAD_MEAN, GRAD_RSTD, GRAD_RUNNING_MEAN,
       GRAD_RUNNING_VARIANCE, GRAD_INPUTS };
enum { DX, DGAMMA, DBETA };

/* ---- types --------------------------------------------------------------- */

/* Operands [from, to) that are there have one number a channel of operand x. */
static an_status want_channels(const an_infer *q, int x, int from, int to)
{
    an_status s = an_want_rank(q, x, 2, AN_MAX_RANK);
    if (s == AN_OK && q->present[to - 2] != q->present[to - 1])
        s = an_refuse(q, AN_E_ARGUMENT, "running_mean and running_variance come together");
    for (int i = from; i < to && s == AN_OK; i++) {
        char name[32];
        if (!q->present[i]) continue;
        an_op_input_name(q->op, i, name, sizeof name);
        s = an_want_rank(q, i, 1, 1);
        if (s == AN_OK) s = an_want_dim(q, name, q->in[i].shape.dim[0], q->in[x].shape.dim[1]);
    }
    return s;
}

static an_status batch_norm_infer(const an_infer *q, an_type out[])
{
    const an_status s = want_channels(q, X, GAMMA, INPUTS);
    const an_type each = {q->in[X].dtype, AN_SHAPE(q->in[X].shape.dim[1])};
    out[Y] = q->in[X];
    out[MEAN] = out[RSTD] = out[VARIANCE] = each;
    return s;
}

static an_status batch_norm_grad_infer(const an_infer *q, an_type out[])
{
    const an_status s = want_channels(q, GRAD_X, GRAD_GAMMA, GRAD_INPUTS);
    out[DX] = q->in[GRAD_X];
    out[DGAMMA] = out[DBETA] = (an_type){q->in[GRAD_X].dtype, AN_SHAPE(q->in[GRAD_X].shape.dim[1])};
    return s;
}

/* ---- as nodes ------------------------------------------------------------ */

/* [C] as it broadcasts against x: [1, C, 1, ..]. */
static an_value keep(an_value v, an_value x)
{
    an_shape shape = an_type_of(x).shape;
    for (int i = 0; i < shape.rank; i++)
        if (i != 1) shape.dim[i] = 1;
    return an_reshape(v, shape);
}

static an_value over(an_value variance, float eps)
{
    return an_rsqrt(an_add(variance, an_number(variance, (double)eps)));
}

static an_axes others(an_value x)
{
    an_axes axes = {0};
    for (int i = 0; i < an_type_of(x).shape.rank; i++)
        if (i != 1) axes.at[axes.count++] = i;
    return axes;
}

static an_value plus(an_value a, an_value b)
{
    return an_is_none(a) ? b : an_add(a, b);
}

/* d rstd / d variance = -rstd^3 / 2, d variance / d x = 2 (x - mean) / n. */
static an_value through_spread(const an_call *c, an_value drstd, an_value dvariance)
{
    const an_value x = c->in[X], rstd = c->out[RSTD];
    an_value slope = AN_NONE;
    if (!an_is_none(drstd))
        slope = an_neg(an_mul(drstd, an_mul(an_square(rstd), rstd)));
    if (!an_is_none(dvariance)) slope = plus(slope, an_scale(dvariance, 2));
    slope = an_div(slope, an_count(x, others(x)));
    return an_mul(an_sub(x, keep(c->out[MEAN], x)), keep(slope, x));
}

static void batch_norm_grad_rule(const an_call *c, const an_value dy[], an_value dx[])
{
    const an_value x = c->in[X], gamma = c->in[GAMMA];
    if (!an_is_none(dy[Y])) {
        const an_attrs attrs = {.eps = c->attrs->eps};
        const an_value in[GRAD_INPUTS] = {dy[Y], x, gamma, c->out[MEAN], c->out[RSTD],
                                          c->in[RUNNING_MEAN], c->in[RUNNING_VARIANCE]};
        dx[X] = an_emit(AN_HERE, AN_OP_batch_norm_grad, in, GRAD_INPUTS, &attrs);
        if (!an_is_none(gamma)) dx[GAMMA] = an_result(dx[X], DGAMMA);
        if (!an_is_none(c->in[BETA])) dx[BETA] = an_result(dx[X], DBETA);
    }
    if (!an_is_none(dy[MEAN])) {
        const an_value each = an_div(dy[MEAN], an_count(x, others(x)));
        dx[X] = plus(dx[X], an_broadcast(keep(each, x), an_type_of(x).shape));
    }
    if (!an_is_none(dy[RSTD]) || !an_is_none(dy[VARIANCE]))
        dx[X] = plus(dx[X], through_spread(c, dy[RSTD], dy[VARIANCE]));
}

/* The statistics are operands here, so this differentiates again; rounding's share of the mean is
 * found again, as the kernel does. */
static void batch_norm_grad_meaning(const an_call *c, an_value out[])
{
    const an_value dy = c->in[GRAD_DY], x = c->in[GRAD_X], gamma = c->in[GRAD_GAMMA];
    const an_axes axes = others(x);
    const an_value off = an_sub(x, keep(c->in[GRAD_MEAN], x));
    const an_value rstd = keep(c->in[GRAD_RSTD], x);
    const an_value hat = an_mul(an_sub(off, an_mean_axes(off, axes, true)), rstd);
    const an_value rest = an_sub(dy, an_mean_axes(dy, axes, true));
    const an_value along = an_mul(hat, an_mean_axes(an_mul(dy, hat), axes, true));
    const an_value scale = an_is_none(gamma) ? rstd : an_mul(rstd, keep(gamma, x));
    out[DX] = an_mul(an_sub(rest, along), scale);
    out[DGAMMA] = an_sum_axes(an_mul(dy, hat), axes, false);
    out[DBETA] = an_sum_axes(dy, axes, false);
}

static void batch_norm_meaning(const an_call *c, an_value out[])
{
    const an_value x = c->in[X];
    const an_axes axes = others(x);
    out[MEAN] = an_mean_axes(x, axes, false);
    const an_value off = an_sub(x, keep(out[MEAN], x));
    out[VARIANCE] = an_mean_axes(an_square(off), axes, false);
    out[RSTD] = over(out[VARIANCE], c->attrs->eps);
    out[Y] = an_mul(off, keep(out[RSTD], x));
    if (!an_is_none(c->in[GAMMA])) out[Y] = an_mul(out[Y], keep(c->in[GAMMA], x));
    if (!an_is_none(c->in[BETA])) out[Y] = an_add(out[Y], keep(c->in[BETA], x));
}

/* ---- in an inference program --------------------------------------------- */

/* x normalised by what is running, if anything is. */
static void batch_norm_inference(const an_call *c, an_value out[])
{
    const an_value x = c->in[X], mean = c->in[RUNNING_MEAN];
    if (an_is_none(mean)) {
        batch_norm_meaning(c, out);
        return;
    }
    out[MEAN] = mean;
    out[VARIANCE] = c->in[RUNNING_VARIANCE];
    out[RSTD] = over(out[VARIANCE], c->attrs->eps);
    const an_value scale = an_is_none(c->in[GAMMA]) ? out[RSTD] : an_mul(out[RSTD], c->in[GAMMA]);
    out[Y] = an_mul(an_sub(x, keep(mean, x)), keep(scale, x));
    if (!an_is_none(c->in[BETA])) out[Y] = an_add(out[Y], keep(c->in[BETA], x));
}

/* Its gradients: what is running does not depend on x. */
static void batch_norm_grad_inference(const an_call *c, an_value out[])
{
    const an_value dy = c->in[GRAD_DY], x = c->in[GRAD_X], mean = c->in[GRAD_RUNNING_MEAN];
    if (an_is_none(mean)) {
        batch_norm_grad_meaning(c, out);
        return;
    }
    const an_value rstd = over(c->in[GRAD_RUNNING_VARIANCE], c->attrs->eps);
    const an_value gamma = c->in[GRAD_GAMMA];
    const an_value hat = an_mul(an_sub(x, keep(mean, x)), keep(rstd, x));
    out[DX] = an_mul(dy, keep(an_is_none(gamma) ? rstd : an_mul(rstd, gamma), x));
    out[DGAMMA] = an_sum_axes(an_mul(dy, hat), others(x), false);
    out[DBETA] = an_sum_axes(dy, others(x), false);
}

/* ---- kernels ------------------------------------------------------------- */

static an_batch_norm shape_of(const an_work *w, const an_tensor *x)
{
    return (an_batch_norm){.images = x->extent[0], .channels = x->extent[1],
                           .size = an_span(x, 2, x->rank), .eps = w->attrs->eps, .x = x->data};
}

static int64_t channels_forward(const an_work *w) { return w->in[X].extent[1]; }

static void run_forward(const an_work *w, int64_t begin, int64_t end)
{
    an_batch_norm b = shape_of(w, &w->in[X]);
    b.gamma = w->in[GAMMA].data, b.beta = w->in[BETA].data;
    b.y = w->out[Y].data, b.mean = w->out[MEAN].data;
    b.rstd = w->out[RSTD].data, b.variance = w->out[VARIANCE].data;
    for (int64_t c = begin; c < end; c++) w->kernels->batch_norm(&b, c);
}

static int64_t channels_back(const an_work *w) { return w->in[GRAD_X].extent[1]; }

static void run_back(const an_work *w, int64_t begin, int64_t end)
{
    an_batch_norm b = shape_of(w, &w->in[GRAD_X]);
    b.dy = w->in[GRAD_DY].data, b.gamma = w->in[GRAD_GAMMA].data;
    b.of_mean = w->in[GRAD_MEAN].data, b.of_rstd = w->in[GRAD_RSTD].data;
    b.dx = w->out[DX].data, b.dgamma = w->out[DGAMMA].data, b.dbeta = w->out[DBETA].data;
    for (int64_t c = begin; c < end; c++) w->kernels->batch_norm_grad(&b, c);
}

/* ---- the oracle ---------------------------------------------------------- */

static int64_t ref_count(const an_tensor *x)
{
    return x->extent[0] * an_span(x, 2, x->rank);
}

/* Place of element i of a channel. */
static int64_t ref_place(const an_tensor *x, int64_t channel, int64_t i)
{
    const int64_t size = an_span(x, 2, x->rank);
    return (i / size * x->extent[1] + channel) * size + i % size;
}

static double ref_gamma(const an_tensor *gamma, int64_t channel)
{
    return gamma->data ? an_get(gamma, channel) : 1;
}

static void ref_forward_channel(const an_work *w, int64_t channel)
{
    const an_tensor *x = &w->in[X];
    const int64_t n = ref_count(x);
    double sum = 0, squares = 0, rest = 0;
    for (int64_t i = 0; i < n; i++) sum += an_get(x, ref_place(x, channel, i));
    const double mean = sum / (double)n;
    for (int64_t i = 0; i < n; i++) {
        const double d = an_get(x, ref_place(x, channel, i)) - mean;
        squares += d * d;
        rest += d;
    }
    const double shift = rest / (double)n;
    double variance = (squares - rest * shift) / (double)n;
    if (variance < 0) variance = 0;
    const double rstd = 1 / sqrt(variance + (double)w->attrs->eps);
    an_put_wanted(&w->out[MEAN], channel, mean);
    an_put_wanted(&w->out[VARIANCE], channel, variance);
    an_put_wanted(&w->out[RSTD], channel, rstd);
    for (int64_t i = 0; w->out[Y].data && i < n; i++) {
        const int64_t at = ref_place(x, channel, i);
        const double beta = w->in[BETA].data ? an_get(&w->in[BETA], channel) : 0;
        an_put(&w->out[Y], at,
               (an_get(x, at) - mean - shift) * rstd * ref_gamma(&w->in[GAMMA], channel) + beta);
    }
}

static void ref_forward(const an_work *w)
{
    for (int64_t c = 0; c < w->in[X].extent[1]; c++) ref_forward_channel(w, c);
}

/* The rstd that was saved; where it has no digits left in f32, from x again. */
static double ref_rstd(const an_work *w, int64_t channel, double mean, double shift)
{
    const an_tensor *x = &w->in[GRAD_X];
    const double saved = an_get(&w->in[GRAD_RSTD], channel);
    const double least = x->dtype == AN_F32 ? (double)FLT_MIN : DBL_MIN;
    double squares = 0;
    if (saved != INFINITY && !(saved > 0 && saved < least)) return saved;
    for (int64_t i = 0; i < ref_count(x); i++)
        squares += pow(an_get(x, ref_place(x, channel, i)) - mean - shift, 2);
    return 1 / sqrt(squares / (double)ref_count(x) + (double)w->attrs->eps);
}

static void ref_back_channel(const an_work *w, int64_t channel)
{
    const an_tensor *x = &w->in[GRAD_X], *dy = &w->in[GRAD_DY];
    const int64_t n = ref_count(x);
    const double mean = an_get(&w->in[GRAD_MEAN], channel);
    double rest = 0, sum = 0, product = 0;
    for (int64_t i = 0; i < n; i++) rest += an_get(x, ref_place(x, channel, i)) - mean;
    const double shift = rest / (double)n, rstd = ref_rstd(w, channel, mean, shift);
    for (int64_t i = 0; i < n; i++) {
        const int64_t at = ref_place(x, channel, i);
        sum += an_get(dy, at);
        product += an_get(dy, at) * ((an_get(x, at) - mean - shift) * rstd);
    }
    an_put_wanted(&w->out[DGAMMA], channel, product);
    an_put_wanted(&w->out[DBETA], channel, sum);
    for (int64_t i = 0; w->out[DX].data && i < n; i++) {
        const int64_t at = ref_place(x, channel, i);
        const double hat = (an_get(x, at) - mean - shift) * rstd;
        an_put(&w->out[DX], at, (an_get(dy, at) - sum / (double)n - hat * product / (double)n) *
                                    rstd * ref_gamma(&w->in[GRAD_GAMMA], channel));
    }
}

static void ref_back(const an_work *w)
{
    for (int64_t c = 0; c < w->in[GRAD_X].extent[1]; c++) ref_back_channel(w, c);
}

/* ---- builder and records ------------------------------------------------- */

an_value an_batch_norm_at(an_at at, an_value x, an_value gamma, an_value beta,
                          an_value running_mean, an_value running_variance, double eps)
{
    const an_attrs attrs = {.eps = an_narrow(at, x, "batch_norm: eps", eps)};
    const an_value in[INPUTS] = {x, gamma, beta, running_mean, running_variance};
    return an_emit(at, AN_OP_batch_norm, in, INPUTS, &attrs);
}

/* Per element: sum 1, squares 3, y 5. */
const an_op_rules an_rules_batch_norm = {
    .floats = 1,
    .kin = 30,
    .constant_in = 1u << RUNNING_MEAN | 1u << RUNNING_VARIANCE,
    .inference = batch_norm_inference,
    .infer = batch_norm_infer,
    .grad = batch_norm_grad_rule,
    .meaning = batch_norm_meaning,
    .stages = {{channels_forward, run_forward}},
    .ref = ref_forward,
    .share = {1},
    .flops = 9,
};

const an_op_rules an_rules_batch_norm_grad = {
    .floats = 1,
    .alike = 2,
    .kin = 124,
    .constant_in = 1u << GRAD_RUNNING_MEAN | 1u << GRAD_RUNNING_VARIANCE,
    .inference = batch_norm_grad_inference,
    .infer = batch_norm_grad_infer,
    .meaning = batch_norm_grad_meaning,
    .stages = {{channels_back, run_back}},
    .ref = ref_back,
    .share = {3},
    .flops = 12,
};
