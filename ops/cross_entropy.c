/* cross_entropy.c -- the loss of a row of logits against its class.
 *
 *   softmax_cross_entropy   each = log sum_j e^(x_j - m) - (x_label - m),   m = max_j x_j
 *                           dx_j = (softmax(x)_j - [j == label]) s
 *
 * over the last axis, with s = dloss / rows + deach. Taking m away keeps every
 * exponent at or below 0. The gradient is one op, since its row needs the softmax that
 * the loss threw away. A label out of range fails the run; that row's loss and
 * gradient are zeros.                                                        */
#include "ops/access.h"
#include "ops/kernels/kernels.h"
#include "ops/loss.h"

#include <math.h>

#define UNIT 8192 /* elements, or one row */

enum { LOGITS, LABELS, DLOSS, DEACH };

/* ---- rows --------------------------------------------------------------- */

/* logits[.., C] and labels[..]. */
static an_status want_rows(const an_infer *q)
{
    const an_status s = an_want_rank(q, 0, 1, AN_MAX_RANK);
    if (s) return s;
    const an_shape *x = &q->in[LOGITS].shape, *labels = &q->in[LABELS].shape;
    bool fit = labels->rank == x->rank - 1;
    for (int i = 0; fit && i < labels->rank; i++) fit = labels->dim[i] == x->dim[i];
    if (fit) return AN_OK;
    an_refuse(q, AN_E_SHAPE, "labels must have the logits' shape without its last dim");
    return an_hint(q, AN_E_SHAPE, "labels are class numbers, one per row, not one-hot rows");
}

static an_status rows_infer(const an_infer *q, an_type out[])
{
    const an_status s = want_rows(q);
    if (s) return s;
    out[AN_LOSS_MEAN] = (an_type){q->in[LOGITS].dtype, AN_SCALAR};
    out[AN_LOSS_EACH] = (an_type){q->in[LOGITS].dtype, q->in[LABELS].shape};
    return AN_OK;
}

static int64_t classes(const an_work *w)
{
    return w->in[LOGITS].extent[w->in[LOGITS].rank - 1];
}

static int64_t rows_per_unit(const an_work *w)
{
    const int64_t n = classes(w);
    return n < UNIT ? UNIT / (n > 0 ? n : 1) : 1;
}

static int64_t row_blocks(const an_work *w)
{
    return an_loss_units(an_elements(&w->in[LABELS]), rows_per_unit(w));
}

static int64_t rows_units(const an_work *w)
{
    return an_loss_wanted(w) ? row_blocks(w) : 0;
}

static int64_t rows_scratch(const an_work *w)
{
    return an_loss_scratch(row_blocks(w));
}

static void rows_run(const an_work *w, int64_t begin, int64_t end)
{
    const int64_t n = classes(w), rows = an_elements(&w->in[LABELS]), step = rows_per_unit(w);
    const float *x = w->in[LOGITS].data;
    float *each = w->out[AN_LOSS_EACH].data;
    double *partial = w->scratch;
    for (int64_t u = begin; u < end; u++) {
        const int64_t last = rows - u * step < step ? rows : (u + 1) * step;
        double total = 0;
        for (int64_t row = u * step; row < last; row++) {
            const int64_t label = an_index_at(w, LABELS, row, n);
            const double v = label < 0 ? 0 : w->kernels->cross_entropy(n, x + row * n, label);
            if (each) each[row] = (float)v;
            total += v;
        }
        partial[u] = total;
    }
}

static void rows_mean(const an_work *w, int64_t begin, int64_t end)
{
    (void)begin, (void)end;
    an_loss_put_mean(w, row_blocks(w), an_elements(&w->in[LABELS]));
}

/* Largest logit of a row, and the sum of the exponentials below it. */
static double ref_sum(const an_tensor *x, int64_t row, int64_t n, double *largest)
{
    double m = -INFINITY, sum = 0;
    for (int64_t j = 0; j < n; j++) {
        const double v = an_get(x, row * n + j);
        if (isnan(v) || v > m) m = v;
    }
    for (int64_t j = 0; j < n; j++) sum += exp(an_get(x, row * n + j) - m);
    *largest = m;
    return sum;
}

static void rows_ref(const an_work *w)
{
    const int64_t n = classes(w), rows = an_elements(&w->in[LABELS]);
    double total = 0;
    for (int64_t row = 0; row < rows; row++) {
        const int64_t label = an_index_at(w, LABELS, row, n);
        double m, v = 0;
        if (label >= 0) {
            v = log(ref_sum(&w->in[LOGITS], row, n, &m));
            v -= an_get(&w->in[LOGITS], row * n + label) - m;
        }
        an_put_wanted(&w->out[AN_LOSS_EACH], row, v);
        total += v;
    }
    an_put_wanted(&w->out[AN_LOSS_MEAN], 0, total / (double)rows);
}

static void rows_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    const an_value in[] = {c->in[LOGITS], c->in[LABELS], dy[AN_LOSS_MEAN], dy[AN_LOSS_EACH]};
    dx[0] = an_emit(AN_HERE, AN_OP_softmax_cross_entropy_grad, in, 4, NULL);
}

/* [..] as [.., 1], to meet [.., C]. */
static an_value as_column(an_value x)
{
    an_shape shape = an_type_of(x).shape;
    shape.dim[shape.rank++] = 1;
    return an_reshape(x, shape);
}

/* Where the class is the label. */
static an_value hits(const an_call *c)
{
    const an_value x = c->in[LOGITS], labels = c->in[LABELS];
    const an_value classes =
        an_iota(x.graph, an_type_of(labels).dtype, an_type_of(x).shape, -1);
    return an_compare(classes, AN_EQ, as_column(labels));
}

/* The log-probability at the label is selected, not multiplied by 0 and 1: a class
 * ruled out with -inf would make 0 * -inf. */
static void rows_meaning(const an_call *c, an_value out[])
{
    const an_value logs = an_log_softmax(c->in[LOGITS], -1);
    out[AN_LOSS_EACH] = an_neg(an_sum(an_where(hits(c), logs, an_number(logs, 0)), -1));
    out[AN_LOSS_MEAN] = an_mean_axes(out[AN_LOSS_EACH], AN_ALL_AXES, false);
}

an_value an_softmax_cross_entropy_at(an_at at, an_value logits, an_value labels)
{
    return an_emit(at, AN_OP_softmax_cross_entropy, (an_value[]){logits, labels}, 2, NULL);
}

const an_op_rules an_rules_softmax_cross_entropy = {
    .floats = 1u << LOGITS,
    .indices = 1u << LABELS,
    .infer = rows_infer,
    .grad = rows_grad,
    .constant_in = 1u << LABELS,
    .meaning = rows_meaning,
    .stages = {{rows_units, rows_run}, {an_loss_mean_units, rows_mean}},
    .ref = rows_ref,
    .scratch = rows_scratch,
    .flops = 10,
    .index = {AN_BOUND_EXTENT, LABELS, -1},
};

/* ---- softmax_cross_entropy_grad ---------------------------------------- */

static bool given(int inputs, int operand)
{
    return operand < inputs;
}

static an_status rows_grad_infer(const an_infer *q, an_type out[])
{
    an_status s = want_rows(q);
    const bool dloss = given(q->inputs, DLOSS) && q->present[DLOSS];
    const bool deach = given(q->inputs, DEACH) && q->present[DEACH];
    if (!s && dloss) s = an_want_rank(q, DLOSS, 0, 0);
    if (!s && deach) s = an_want_same_shape(q, 1, DEACH);
    if (s) return s;
    if (!dloss && !deach) return an_refuse(q, AN_E_ARGUMENT, "needs dloss or deach");
    out[0] = q->in[LOGITS];
    return AN_OK;
}

/* s of a row. */
static double row_strength(const an_work *w, int64_t row)
{
    double s = 0;
    if (given(w->inputs, DLOSS) && w->in[DLOSS].data)
        s = an_get(&w->in[DLOSS], 0) / (double)an_elements(&w->in[LABELS]);
    if (given(w->inputs, DEACH) && w->in[DEACH].data) s += an_get(&w->in[DEACH], row);
    return s;
}

static int64_t rows_grad_units(const an_work *w)
{
    return w->out[0].data ? row_blocks(w) : 0;
}

static void rows_grad_run(const an_work *w, int64_t begin, int64_t end)
{
    const int64_t n = classes(w), rows = an_elements(&w->in[LABELS]), step = rows_per_unit(w);
    const int64_t last = rows - begin * step < (end - begin) * step ? rows : end * step;
    for (int64_t row = begin * step; row < last; row++) {
        const float *x = (const float *)w->in[LOGITS].data + row * n;
        float *dx = (float *)w->out[0].data + row * n;
        const int64_t label = an_index_at(w, LABELS, row, n);
        if (label >= 0)
            w->kernels->cross_entropy_grad(n, x, label, (float)row_strength(w, row), dx);
        else
            for (int64_t j = 0; j < n; j++) dx[j] = 0;
    }
}

static void rows_grad_ref(const an_work *w)
{
    const int64_t n = classes(w), rows = an_elements(&w->in[LABELS]);
    if (!w->out[0].data) return;
    for (int64_t row = 0; row < rows; row++) {
        const int64_t label = an_index_at(w, LABELS, row, n);
        const double s = row_strength(w, row);
        double m, sum = ref_sum(&w->in[LOGITS], row, n, &m);
        for (int64_t j = 0; j < n; j++) {
            const double p = exp(an_get(&w->in[LOGITS], row * n + j) - m) / sum;
            an_put_wanted(&w->out[0], row * n + j, label < 0 ? 0 : (p - (j == label)) * s);
        }
    }
}

static void rows_grad_meaning(const an_call *c, an_value out[])
{
    const an_value x = c->in[LOGITS];
    an_axes rows = {an_type_of(x).shape.rank - 1, {0}};
    for (int i = 0; i < rows.count; i++) rows.at[i] = i;
    an_value dy[] = {given(c->inputs, DLOSS) ? c->in[DLOSS] : AN_NONE,
                     given(c->inputs, DEACH) ? c->in[DEACH] : AN_NONE};
    if (!an_is_none(dy[AN_LOSS_EACH])) dy[AN_LOSS_EACH] = as_column(dy[AN_LOSS_EACH]);
    const an_value one_hot = an_cast(hits(c), an_type_of(x).dtype);
    out[0] = an_mul(an_sub(an_softmax(x, -1), one_hot), an_loss_strength(dy, x, rows));
}

const an_op_rules an_rules_softmax_cross_entropy_grad = {
    .floats = 1u << LOGITS,
    .indices = 1u << LABELS,
    .kin = 1u << DLOSS | 1u << DEACH,
    .infer = rows_grad_infer,
    .constant_in = 1u << LABELS,
    .meaning = rows_grad_meaning,
    .stages = {{rows_grad_units, rows_grad_run}},
    .ref = rows_grad_ref,
    .share = {1u << LOGITS},
    .flops = 10,
    .index = {AN_BOUND_EXTENT, LABELS, -1},
};
