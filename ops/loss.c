/* loss.c -- losses of single elements, and the machinery all losses share.
 *
 *   bce_with_logits   each = max(x, 0) - x z + log(1 + e^-|x|), which is |x| w + the same
 *                     with w = 1 - z where x >= 0, else z; no w costs nothing, however large x
 *                     dx = (sigmoid(x) - z) s,   dz = -x s
 *   mse               each = (p - t)^2
 *                     dp = 2 (p - t) s,   dt = -dp
 *
 * with s = dloss / count + deach: both results may be used, and the mean's share is
 * the same everywhere. The exponent is never positive, so no logit overflows. The
 * mean over nothing is NaN.                                                   */
#include "core/memory.h"
#include "ops/access.h"
#include "ops/elementwise.h"
#include "ops/kernels/kernels.h"
#include "ops/loss.h"

#include <math.h>

#define UNIT 8192 /* elements */

/* ---- what losses share -------------------------------------------------- */

an_value an_loss_strength(const an_value dy[], an_value counted, an_axes axes)
{
    if (an_is_none(dy[AN_LOSS_MEAN])) return dy[AN_LOSS_EACH];
    const an_value share = an_div(dy[AN_LOSS_MEAN], an_count(counted, axes));
    return an_is_none(dy[AN_LOSS_EACH]) ? share : an_add(share, dy[AN_LOSS_EACH]);
}

an_value an_loss_share(an_at at, an_value a, an_value total)
{
    const an_value zero = an_number_at(at, total, 0);
    const an_value nothing = an_compare_at(at, total, AN_EQ, zero);
    const an_value safe = an_where_at(at, nothing, an_number_at(at, total, 1), total);
    return an_where_at(at, nothing, zero, an_div_at(at, a, safe));
}

int64_t an_loss_units(int64_t losses, int64_t per_unit)
{
    return losses / per_unit + (losses % per_unit != 0);
}

int64_t an_loss_scratch(int64_t units)
{
    int64_t bytes;
    return an_mul_size(units, (int64_t)sizeof(double), &bytes) ? bytes : -1;
}

bool an_loss_wanted(const an_work *w)
{
    return w->out[AN_LOSS_MEAN].data || w->out[AN_LOSS_EACH].data;
}

int64_t an_loss_mean_units(const an_work *w)
{
    return w->out[AN_LOSS_MEAN].data ? 1 : 0;
}

void an_loss_put_mean(const an_work *w, int64_t units, int64_t losses)
{
    const double *partial = w->scratch;
    double total = 0;
    for (int64_t u = 0; u < units; u++) total += partial[u];
    an_put(&w->out[AN_LOSS_MEAN], 0, total / (double)losses);
}

/* ---- one loss per pair of elements -------------------------------------- */

static an_status pair_infer(const an_infer *q, an_type out[])
{
    out[AN_LOSS_MEAN] = (an_type){q->in[0].dtype, AN_SCALAR};
    out[AN_LOSS_EACH] = q->in[0];
    return AN_OK;
}

static int64_t pair_blocks(const an_work *w)
{
    return an_loss_units(an_elements(&w->in[0]), UNIT);
}

static int64_t pair_units(const an_work *w)
{
    return an_loss_wanted(w) ? pair_blocks(w) : 0;
}

static int64_t pair_scratch(const an_work *w)
{
    return an_loss_scratch(pair_blocks(w));
}

typedef double (*pair_fn)(int64_t n, const float *a, const float *b, float *each);

static void pair_run(const an_work *w, int64_t begin, int64_t end)
{
    const pair_fn kernel = *(const pair_fn *)an_loop_of(w);
    const int64_t count = an_elements(&w->in[0]);
    double *partial = w->scratch;
    for (int64_t u = begin; u < end; u++) {
        const int64_t first = u * UNIT, n = count - first < UNIT ? count - first : UNIT;
        float *each = w->out[AN_LOSS_EACH].data;
        partial[u] = kernel(n, (const float *)w->in[0].data + first,
                            (const float *)w->in[1].data + first, each ? each + first : NULL);
    }
}

static void pair_mean(const an_work *w, int64_t begin, int64_t end)
{
    (void)begin, (void)end;
    an_loss_put_mean(w, pair_blocks(w), an_elements(&w->in[0]));
}

static void pair_ref(const an_work *w)
{
    const int64_t count = an_elements(&w->in[0]);
    double total = 0;
    for (int64_t i = 0; i < count; i++) {
        const double v = w->op->rules->formula.real_two(an_get(&w->in[0], i), an_get(&w->in[1], i));
        an_put_wanted(&w->out[AN_LOSS_EACH], i, v);
        total += v;
    }
    an_put_wanted(&w->out[AN_LOSS_MEAN], 0, total / (double)count);
}

#define PAIR_RULES                                                                                 \
    .floats = 1u, .alike = 2u, .infer = pair_infer, .ref = pair_ref, .scratch = pair_scratch,      \
    .stages = {{pair_units, pair_run}, {an_loss_mean_units, pair_mean}}, .share = {0, 3}

/* ---- bce_with_logits -------------------------------------------------- */

static double bce_of(double x, double z)
{
    const double wrong = x >= 0 ? 1 - z : z;
    return (wrong == 0 ? 0 : fabs(x) * wrong) + log1p(exp(-fabs(x)));
}

static void bce_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    const an_value x = c->in[0], z = c->in[1], s = an_loss_strength(dy, x, AN_ALL_AXES);
    dx[0] = an_mul(an_sub(an_sigmoid(x), z), s);
    dx[1] = an_neg(an_mul(x, s));
}

static void bce_meaning(const an_call *c, an_value out[])
{
    const an_value x = c->in[0], z = c->in[1], size = an_abs(x);
    const an_value e = an_exp(an_neg(size)), rest = an_log(an_add(an_number(e, 1), e));
    const an_value one = an_number(z, 1), above = an_compare(x, AN_GE, an_number(x, 0));
    const an_value wrong = an_where(above, an_sub(one, z), z);
    out[AN_LOSS_EACH] = an_add(an_chain_times(wrong, size), rest);
    out[AN_LOSS_MEAN] = an_mean_axes(out[AN_LOSS_EACH], AN_ALL_AXES, false);
}

/* About twenty operations an element: exponential and logarithm. */
an_value an_bce_with_logits_at(an_at at, an_value logits, an_value labels)
{
    return an_emit(at, AN_OP_bce_with_logits, (an_value[]){logits, labels}, 2, NULL);
}

const an_op_rules an_rules_bce_with_logits = {
    PAIR_RULES,
    .grad = bce_grad,
    .meaning = bce_meaning,
    .formula = {AN_LOOP(bce), .real_two = bce_of},
    .flops = 20,
    .labels = 1u << 1,
};

/* ---- mse --------------------------------------------------------------- */

static double squared_error(double p, double t)
{
    return (p - t) * (p - t);
}

static void mse_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    const an_value d = an_sub(c->in[0], c->in[1]), s = an_loss_strength(dy, d, AN_ALL_AXES);
    dx[0] = an_mul(an_mul(d, an_number(d, 2)), s);
    dx[1] = an_neg(dx[0]);
}

static void mse_meaning(const an_call *c, an_value out[])
{
    out[AN_LOSS_EACH] = an_square(an_sub(c->in[0], c->in[1]));
    out[AN_LOSS_MEAN] = an_mean_axes(out[AN_LOSS_EACH], AN_ALL_AXES, false);
}

an_value an_mse_at(an_at at, an_value prediction, an_value target)
{
    return an_emit(at, AN_OP_mse, (an_value[]){prediction, target}, 2, NULL);
}

const an_op_rules an_rules_mse = {
    PAIR_RULES,
    .grad = mse_grad,
    .meaning = mse_meaning,
    .formula = {AN_LOOP(squared_error), .real_two = squared_error},
    .flops = 3,
};
