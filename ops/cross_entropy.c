/* cross_entropy.c -- the loss of a row of logits against its class.
 *
 *   softmax_cross_entropy   each = sum_j q_j (log sum_k e^(x_k - m) - (x_j - m)),   m = max_j x_j
 *
 * over the last axis. Plainly q is 1 at the label. With a = label_smoothing, w and r the weights of
 * classes and rows,
 *
 *                           q_j = r ((1 - a) w_label [j == label] + a / C w_j)
 *
 * and the mean is divided by the sum of r w_label; a row whose label is ignore_index has no weight
 * at all. Taking m away keeps every exponent at or below 0, and all terms have one sign. A term
 * whose q_j is 0 is 0, also where x_j is -inf. A label out of range fails the run; that row's loss
 * is 0 and counts nothing. The plain loss goes its own way, a sweep less and without a weight.  */
#include "ops/cross_entropy.h"
#include "ops/access.h"
#include "ops/elementwise.h"
#include "ops/loss.h"
#include "ops/losses.h"

#include <math.h>

#define UNIT 8192 /* elements, or one row */

/* ---- infer -------------------------------------------------------------- */

static an_status want_rows(const an_infer *q)
{
    const an_status s = an_want_rank(q, 0, 1, AN_MAX_RANK);
    if (s) return s;
    const an_shape *x = &q->in[AN_CE_LOGITS].shape, *labels = &q->in[AN_CE_LABELS].shape;
    bool fit = labels->rank == x->rank - 1;
    for (int i = 0; fit && i < labels->rank; i++) fit = labels->dim[i] == x->dim[i];
    if (fit) return AN_OK;
    an_refuse(q, AN_E_SHAPE, "labels must have the logits' shape without its last dim");
    return an_hint(q, AN_E_SHAPE, "labels are class numbers, one per row, not one-hot rows");
}

static bool is_given(const an_infer *q, int operand)
{
    return operand < q->inputs && q->present[operand];
}

static an_status want_class_weights(const an_infer *q, int operand)
{
    const an_shape *x = &q->in[AN_CE_LOGITS].shape, *w = &q->in[operand].shape;
    if (w->rank == 1 && w->dim[0] == x->dim[x->rank - 1]) return AN_OK;
    return an_refuse(q, AN_E_SHAPE, "class_weights must be one number a class");
}

static an_status want_label(const an_infer *q)
{
    const an_id ignored = q->attrs->ignore_index;
    const int64_t most = (int64_t)1 << 53; /* up to there a number of a graph is exact */
    const bool held = ignored.is <= most && ignored.is >= -most &&
                      an_dtype_holds(q->in[AN_CE_LABELS].dtype, (double)ignored.is);
    if (!ignored.set || held) return AN_OK;
    return an_refuse(q, AN_E_ATTRIBUTE, "ignore_index %lld is no label", (long long)ignored.is);
}

an_status an_ce_want(const an_infer *q, int classes)
{
    an_status s = want_rows(q);
    if (!s) s = want_label(q);
    if (!s && is_given(q, classes)) s = want_class_weights(q, classes);
    if (!s && is_given(q, classes + 1)) s = an_want_same_shape(q, AN_CE_LABELS, classes + 1);
    return s;
}

static an_status rows_infer(const an_infer *q, an_type out[])
{
    const an_status s = an_ce_want(q, AN_CE_CLASSES);
    if (s) return s;
    out[AN_LOSS_MEAN] = (an_type){q->in[AN_CE_LOGITS].dtype, AN_SCALAR};
    out[AN_LOSS_EACH] = (an_type){q->in[AN_CE_LOGITS].dtype, q->in[AN_CE_LABELS].shape};
    return AN_OK;
}

/* ---- what a row counts -------------------------------------------------- */

static const an_tensor *operand(const an_work *w, int i)
{
    static const an_tensor none;
    return i < w->inputs ? &w->in[i] : &none;
}

an_ce an_ce_of(const an_work *w, int classes)
{
    const an_tensor *x = &w->in[AN_CE_LOGITS];
    an_ce c = {.w = w, .x = x->data, .class_weights = operand(w, classes),
               .sample_weights = operand(w, classes + 1), .classes = x->extent[x->rank - 1],
               .rows = an_elements(&w->in[AN_CE_LABELS]),
               .smoothing = (double)w->attrs->label_smoothing};
    c.weighted = w->attrs->ignore_index.set || c.class_weights->data || c.sample_weights->data;
    return c;
}

an_ce an_ce_fast_of(const an_work *w, int classes)
{
    an_ce c = an_ce_of(w, classes);
    const float *weights = c.class_weights->data;
    if (c.smoothing > 0) {
        c.spread = c.smoothing / (double)c.classes;
        c.weights = weights ? w->kernels->sum_row(weights, c.classes) : (double)c.classes;
    }
    return c;
}

an_ce_row an_ce_weighed_row(const an_ce *c, int64_t row)
{
    const an_id ignored = c->w->attrs->ignore_index;
    const an_ce_row none = {.label = -1};
    if (ignored.set && an_get_int(&c->w->in[AN_CE_LABELS], row) == ignored.is) return none;
    const int64_t label = an_index_at(c->w, AN_CE_LABELS, row, c->classes);
    if (label < 0) return none;
    const double sample = c->sample_weights->data ? an_get(c->sample_weights, row) : 1;
    const double its_class = c->class_weights->data ? an_get(c->class_weights, label) : 1;
    return (an_ce_row){label, sample, sample * its_class};
}

an_soft_target an_ce_target(const an_ce *c, const an_ce_row *row)
{
    const double hit = (1 - c->smoothing) * row->weight, base = row->sample * c->spread;
    return (an_soft_target){row->label, hit, base, hit + base * c->weights,
                            c->class_weights->data};
}

int64_t an_ce_rows_per_unit(const an_ce *c)
{
    return c->classes < UNIT ? UNIT / (c->classes > 0 ? c->classes : 1) : 1;
}

int64_t an_ce_units(const an_work *w)
{
    const an_tensor *x = &w->in[AN_CE_LOGITS];
    const an_ce c = {.classes = x->extent[x->rank - 1]};
    return an_loss_units(an_elements(&w->in[AN_CE_LABELS]), an_ce_rows_per_unit(&c));
}

/* ---- the loss ----------------------------------------------------------- */

static int64_t rows_units(const an_work *w)
{
    return an_loss_wanted(w) ? an_ce_units(w) : 0;
}

/* Partial sums of losses, and behind them of weights. */
static int64_t rows_scratch(const an_work *w)
{
    int64_t sums;
    return an_mul_size(an_ce_units(w), 2, &sums) ? an_loss_scratch(sums) : -1;
}

static double row_loss(const an_ce *c, const an_ce_row *row, const float *x)
{
    const an_kernels *k = c->w->kernels;
    if (row->label < 0) return 0;
    if (c->smoothing > 0) {
        const an_soft_target q = an_ce_target(c, row);
        return k->cross_entropy_soft(c->classes, x, &q);
    }
    return row->weight == 0 ? 0 : row->weight * k->cross_entropy(c->classes, x, row->label);
}

static void rows_run(const an_work *w, int64_t begin, int64_t end)
{
    const an_ce c = an_ce_fast_of(w, AN_CE_CLASSES);
    const int64_t step = an_ce_rows_per_unit(&c);
    float *each = w->out[AN_LOSS_EACH].data;
    double *partial = w->scratch, *weights = partial + an_ce_units(w);
    for (int64_t u = begin; u < end; u++) {
        const int64_t last = c.rows - u * step < step ? c.rows : (u + 1) * step;
        double total = 0, weight = 0;
        for (int64_t row = u * step; row < last; row++) {
            const an_ce_row r = an_ce_row_at(&c, row);
            const double v = row_loss(&c, &r, c.x + row * c.classes);
            if (each) each[row] = (float)v;
            total += v;
            weight += r.weight;
        }
        partial[u] = total;
        weights[u] = weight;
    }
}

static void rows_mean(const an_work *w, int64_t begin, int64_t end)
{
    (void)begin, (void)end;
    const an_ce c = an_ce_of(w, AN_CE_CLASSES);
    const int64_t units = an_ce_units(w);
    if (!c.weighted) {
        an_loss_put_mean(w, units, c.rows);
        return;
    }
    const double *partial = w->scratch;
    double total = 0, weight = 0;
    for (int64_t u = 0; u < units; u++) total += partial[u], weight += partial[units + u];
    an_put(&w->out[AN_LOSS_MEAN], 0, weight == 0 ? 0 : total / weight);
}

/* ---- in double ---------------------------------------------------------- */

double an_ce_ref_sum(const an_tensor *x, int64_t row, int64_t n, double *largest)
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

double an_ce_ref_share(const an_ce *c, const an_ce_row *row, int64_t j)
{
    const double its_class = c->class_weights->data ? an_get(c->class_weights, j) : 1;
    const double evenly = c->smoothing > 0 ? c->smoothing / (double)c->classes : 0;
    const double share = (j == row->label ? 1 - c->smoothing : 0) + evenly;
    return share == 0 ? 0 : row->sample * its_class * share;
}

static void rows_ref(const an_work *w)
{
    const an_ce c = an_ce_of(w, AN_CE_CLASSES);
    const an_tensor *x = &w->in[AN_CE_LOGITS];
    double total = 0, weight = 0;
    for (int64_t row = 0; row < c.rows; row++) {
        const an_ce_row r = an_ce_row_at(&c, row);
        double m, v = 0;
        const double log_sum = r.label < 0 ? 0 : log(an_ce_ref_sum(x, row, c.classes, &m));
        for (int64_t j = 0; r.label >= 0 && j < c.classes; j++) {
            const double q = an_ce_ref_share(&c, &r, j);
            if (q != 0) v += q * (log_sum - (an_get(x, row * c.classes + j) - m));
        }
        an_put_wanted(&w->out[AN_LOSS_EACH], row, v);
        total += v;
        weight += r.weight;
    }
    if (!c.weighted) weight = (double)c.rows;
    an_put_wanted(&w->out[AN_LOSS_MEAN], 0, c.weighted && weight == 0 ? 0 : total / weight);
}

/* ---- as a graph --------------------------------------------------------- */

static void rows_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    const an_value in[] = {c->in[AN_CE_LOGITS], c->in[AN_CE_LABELS], dy[AN_LOSS_MEAN],
                           dy[AN_LOSS_EACH], c->in[AN_CE_CLASSES], c->in[AN_CE_SAMPLES]};
    dx[0] = an_emit(AN_HERE, AN_OP_softmax_cross_entropy_grad, in, 6, c->attrs);
}

an_value an_ce_column(an_value x)
{
    an_shape shape = an_type_of(x).shape;
    shape.dim[shape.rank++] = 1;
    return an_reshape(x, shape);
}

/* Rows' weights; NONE where each is 1. */
static an_value samples_of(const an_call *c, an_value given)
{
    const an_value x = c->in[AN_CE_LOGITS], labels = c->in[AN_CE_LABELS];
    const an_id ignored = c->attrs->ignore_index;
    if (!ignored.set) return given;
    const an_value kept = an_compare(labels, AN_NE, an_number(labels, (double)ignored.is));
    return an_where(kept, an_is_none(given) ? an_number(x, 1) : given, an_number(x, 0));
}

/* What the mean is divided by, from what is known of p already. */
static an_value total_of(const an_ce_parts *p, an_value like)
{
    an_value weights = p->samples;
    if (!an_is_none(p->classes)) {
        weights = an_sum(an_where(p->hits, p->classes, an_number(like, 0)), -1);
        if (!an_is_none(p->samples)) weights = an_mul(weights, p->samples);
    }
    return an_is_none(weights) ? AN_NONE : an_sum_axes(weights, AN_ALL_AXES, false);
}

static an_value smoothing_of(const an_call *c, an_value like)
{
    return an_number(like, (double)c->attrs->label_smoothing);
}

an_ce_parts an_ce_parts_of(const an_call *c, int classes)
{
    const an_value x = c->in[AN_CE_LOGITS], labels = c->in[AN_CE_LABELS];
    const an_value numbers =
        an_iota(x.graph, an_type_of(labels).dtype, an_type_of(x).shape, -1);
    an_ce_parts p = {.hits = an_compare(numbers, AN_EQ, an_ce_column(labels))};
    p.classes = classes < c->inputs ? c->in[classes] : AN_NONE;
    p.samples = samples_of(c, classes + 1 < c->inputs ? c->in[classes + 1] : AN_NONE);
    p.total = total_of(&p, x);
    if (c->attrs->label_smoothing > 0)
        p.spread = an_div(smoothing_of(c, x), an_count(x, AN_AXES(-1)));
    return p;
}

an_value an_ce_kept(const an_call *c)
{
    const an_value x = c->in[AN_CE_LOGITS];
    return an_sub(an_number(x, 1), smoothing_of(c, x));
}

/* The log-probability at the label is selected, not multiplied by 0 and 1: a class
 * ruled out with -inf would make 0 * -inf. */
static void rows_meaning(const an_call *c, an_value out[])
{
    const an_ce_parts p = an_ce_parts_of(c, AN_CE_CLASSES);
    const an_value logs = an_log_softmax(c->in[AN_CE_LOGITS], -1), zero = an_number(logs, 0);
    an_value each = an_neg(an_sum(an_where(p.hits, logs, zero), -1));
    if (!an_is_none(p.classes))
        each = an_chain_times(an_sum(an_where(p.hits, p.classes, zero), -1), each);
    if (!an_is_none(p.spread)) {
        const an_value all = an_is_none(p.classes) ? logs : an_chain_times(p.classes, logs);
        each = an_sub(an_chain_times(an_ce_kept(c), each), an_mul(p.spread, an_sum(all, -1)));
    }
    out[AN_LOSS_EACH] = an_is_none(p.samples) ? each : an_chain_times(p.samples, each);
    out[AN_LOSS_MEAN] = an_is_none(p.total)
                            ? an_mean_axes(out[AN_LOSS_EACH], AN_ALL_AXES, false)
                            : an_loss_share(AN_HERE,
                                            an_sum_axes(out[AN_LOSS_EACH], AN_ALL_AXES, false),
                                            p.total);
}

an_value an_softmax_cross_entropy_at(an_at at, an_value logits, an_value labels)
{
    return an_emit(at, AN_OP_softmax_cross_entropy, (an_value[]){logits, labels}, 2, NULL);
}

an_value an_softmax_cross_entropy_with(const an_cross_entropy_args *a)
{
    if (!a) return AN_NONE;
    const an_value in[] = {a->logits, a->labels, a->class_weights, a->sample_weights};
    const an_attrs attrs = {
        .label_smoothing = an_narrow(a->at, a->logits, "softmax_cross_entropy: label_smoothing",
                                     a->label_smoothing),
        .ignore_index = a->ignore_index};
    return an_emit(a->at, AN_OP_softmax_cross_entropy, in, 4, &attrs);
}

const an_op_rules an_rules_softmax_cross_entropy = {
    .floats = 1u << AN_CE_LOGITS,
    .indices = 1u << AN_CE_LABELS,
    .kin = 1u << AN_CE_CLASSES | 1u << AN_CE_SAMPLES,
    .infer = rows_infer,
    .grad = rows_grad,
    .constant_in = 1u << AN_CE_LABELS | 1u << AN_CE_CLASSES | 1u << AN_CE_SAMPLES,
    .meaning = rows_meaning,
    .stages = {{rows_units, rows_run}, {an_loss_mean_units, rows_mean}},
    .ref = rows_ref,
    .scratch = rows_scratch,
    .flops = 10,
    .index = {.by = AN_BOUND_EXTENT, .operand = AN_CE_LABELS, .axis = -1},
    .labels = 1u << AN_CE_CLASSES | 1u << AN_CE_SAMPLES, /* weights that are all 0 or 1 will do */
};
