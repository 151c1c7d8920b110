/* cross_entropy_grad.c -- the gradient of softmax_cross_entropy, in one sweep a row.
 *
 *   softmax_cross_entropy_grad   dx_j = (Q softmax(x)_j - q_j) s,   Q = sum_j q_j
 *
 * with q as the loss has it, plainly 1 at the label and Q = 1, and s = dloss / (sum of weights, or
 * rows) + deach. It is one op, since its row needs the softmax that the loss threw away. A row that
 * counts nothing gets zeros, and so does dloss's share where the weights sum to 0.  */
#include "ops/access.h"
#include "ops/cross_entropy.h"
#include "ops/elementwise.h"
#include "ops/loss.h"

#include <math.h>

static bool given(int inputs, int operand)
{
    return operand < inputs;
}

static an_status grad_infer(const an_infer *q, an_type out[])
{
    an_status s = an_ce_want(q, AN_CE_GRAD_CLASSES);
    const bool dloss = given(q->inputs, AN_CE_DLOSS) && q->present[AN_CE_DLOSS];
    const bool deach = given(q->inputs, AN_CE_DEACH) && q->present[AN_CE_DEACH];
    if (!s && dloss) s = an_want_rank(q, AN_CE_DLOSS, 0, 0);
    if (!s && deach) s = an_want_same_shape(q, AN_CE_LABELS, AN_CE_DEACH);
    if (s) return s;
    if (!dloss && !deach) return an_refuse(q, AN_E_ARGUMENT, "needs dloss or deach");
    out[0] = q->in[AN_CE_LOGITS];
    return AN_OK;
}

static bool has(const an_work *w, int operand)
{
    return given(w->inputs, operand) && w->in[operand].data;
}

/* The sum of all weights, in order of rows. */
static double total_weight(const an_ce *c)
{
    double total = c->weighted ? 0 : (double)c->rows;
    for (int64_t row = 0; c->weighted && row < c->rows; row++) total += an_ce_row_at(c, row).weight;
    return total;
}

/* s of a row. */
static double strength(const an_ce *c, double total, int64_t row)
{
    double s = 0;
    const bool nothing = c->weighted && total == 0;
    if (has(c->w, AN_CE_DLOSS) && !nothing) s = an_get(&c->w->in[AN_CE_DLOSS], 0) / total;
    if (has(c->w, AN_CE_DEACH)) s += an_get(&c->w->in[AN_CE_DEACH], row);
    return s;
}

static int64_t total_units(const an_work *w)
{
    return w->out[0].data && has(w, AN_CE_DLOSS) && an_ce_of(w, AN_CE_GRAD_CLASSES).weighted;
}

static void total_run(const an_work *w, int64_t begin, int64_t end)
{
    (void)begin, (void)end;
    const an_ce c = an_ce_of(w, AN_CE_GRAD_CLASSES);
    *(double *)w->scratch = total_weight(&c);
}

static int64_t grad_scratch(const an_work *w)
{
    (void)w;
    return (int64_t)sizeof(double);
}

static int64_t grad_units(const an_work *w)
{
    return w->out[0].data ? an_ce_units(w) : 0;
}

static void grad_row(const an_ce *c, const an_ce_row *row, double s, const float *x, float *dx)
{
    const an_kernels *k = c->w->kernels;
    const bool counts = row->label >= 0 && row->sample != 0;
    if (counts && c->smoothing > 0) {
        const an_soft_target q = an_ce_target(c, row);
        k->cross_entropy_soft_grad(c->classes, x, &q, (float)s, dx);
    } else if (counts && row->weight != 0) {
        k->cross_entropy_grad(c->classes, x, row->label, (float)(s * row->weight), dx);
    } else {
        for (int64_t j = 0; j < c->classes; j++) dx[j] = 0;
    }
}

static void grad_run(const an_work *w, int64_t begin, int64_t end)
{
    const an_ce c = an_ce_fast_of(w, AN_CE_GRAD_CLASSES);
    const double total = total_units(w) ? *(const double *)w->scratch : (double)c.rows;
    const int64_t step = an_ce_rows_per_unit(&c);
    const int64_t last = c.rows - begin * step < (end - begin) * step ? c.rows : end * step;
    for (int64_t row = begin * step; row < last; row++) {
        const an_ce_row r = an_ce_row_at(&c, row);
        grad_row(&c, &r, strength(&c, total, row), c.x + row * c.classes,
                 (float *)w->out[0].data + row * c.classes);
    }
}

static void grad_ref(const an_work *w)
{
    if (!w->out[0].data) return;
    const an_ce c = an_ce_of(w, AN_CE_GRAD_CLASSES);
    const an_tensor *x = &w->in[AN_CE_LOGITS];
    const double total = total_weight(&c);
    for (int64_t row = 0; row < c.rows; row++) {
        const an_ce_row r = an_ce_row_at(&c, row);
        const double s = strength(&c, total, row);
        double m, all = 0;
        const double sum = an_ce_ref_sum(x, row, c.classes, &m);
        for (int64_t j = 0; r.label >= 0 && j < c.classes; j++) all += an_ce_ref_share(&c, &r, j);
        for (int64_t j = 0; j < c.classes; j++) {
            const int64_t i = row * c.classes + j;
            const double q = r.label < 0 ? 0 : an_ce_ref_share(&c, &r, j);
            const double p = all == 0 ? 0 : all * exp(an_get(x, i) - m) / sum;
            an_put_wanted(&w->out[0], i, p == 0 && q == 0 ? 0 : (p - q) * s);
        }
    }
}

/* q: [.., C]. */
static an_value target_of(const an_call *c, const an_ce_parts *p)
{
    const an_value x = c->in[AN_CE_LOGITS];
    const bool plain = an_is_none(p->spread) && an_is_none(p->classes);
    if (plain) return an_cast(p->hits, an_type_of(x).dtype);
    an_value hit = an_ce_kept(c), rest = an_number(x, 0);
    if (!an_is_none(p->classes)) hit = an_mul(hit, p->classes);
    if (!an_is_none(p->spread)) {
        rest = an_is_none(p->classes) ? p->spread : an_mul(p->spread, p->classes);
        hit = an_add(hit, rest);
    }
    return an_where(p->hits, hit, rest);
}

static void grad_meaning(const an_call *c, an_value out[])
{
    const an_value x = c->in[AN_CE_LOGITS];
    const an_ce_parts p = an_ce_parts_of(c, AN_CE_GRAD_CLASSES);
    an_axes rows = {an_type_of(x).shape.rank - 1, {0}};
    for (int i = 0; i < rows.count; i++) rows.at[i] = i;
    an_value dy[] = {given(c->inputs, AN_CE_DLOSS) ? c->in[AN_CE_DLOSS] : AN_NONE,
                     given(c->inputs, AN_CE_DEACH) ? c->in[AN_CE_DEACH] : AN_NONE};
    if (!an_is_none(dy[AN_LOSS_EACH])) dy[AN_LOSS_EACH] = an_ce_column(dy[AN_LOSS_EACH]);
    an_value s;
    if (an_is_none(p.total) || an_is_none(dy[AN_LOSS_MEAN])) {
        s = an_loss_strength(dy, x, rows);
    } else {
        s = an_loss_share(AN_HERE, dy[AN_LOSS_MEAN], p.total);
        if (!an_is_none(dy[AN_LOSS_EACH])) s = an_add(s, dy[AN_LOSS_EACH]);
    }
    const an_value q = target_of(c, &p);
    an_value soft = an_softmax(x, -1);
    if (!an_is_none(p.spread) || !an_is_none(p.classes))
        soft = an_chain_times(an_sum_axes(q, AN_AXES(-1), true), soft);
    an_value dx = an_mul(an_sub(soft, q), s);
    if (!an_is_none(p.samples)) dx = an_chain_times(an_ce_column(p.samples), dx);
    out[0] = dx;
}

const an_op_rules an_rules_softmax_cross_entropy_grad = {
    .floats = 1u << AN_CE_LOGITS,
    .indices = 1u << AN_CE_LABELS,
    .kin = 1u << AN_CE_DLOSS | 1u << AN_CE_DEACH | 1u << AN_CE_GRAD_CLASSES |
           1u << AN_CE_GRAD_SAMPLES,
    .infer = grad_infer,
    .constant_in = 1u << AN_CE_LABELS | 1u << AN_CE_GRAD_CLASSES | 1u << AN_CE_GRAD_SAMPLES,
    .meaning = grad_meaning,
    .stages = {{total_units, total_run}, {grad_units, grad_run}},
    .ref = grad_ref,
    .scratch = grad_scratch,
    .share = {1u << AN_CE_LOGITS},
    .flops = 10,
    .index = {.by = AN_BOUND_EXTENT, .operand = AN_CE_LABELS, .axis = -1},
    .labels = 1u << AN_CE_GRAD_CLASSES | 1u << AN_CE_GRAD_SAMPLES,
};
