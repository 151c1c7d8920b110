/* accuracy.c -- the share of predictions that are right.
 *
 *   labels of the prediction's shape   each = (p > threshold) == (label > 1/2)
 *   labels of one rank less            each = argmax over the last axis == label
 *
 * as 1 or 0, and their mean. Counting has no gradient worth the name. As in argmax,
 * the first of several largest wins and a NaN counts as largest; a NaN is not above
 * any threshold.                                                              */
#include "ops/access.h"
#include "ops/loss.h"

#include <math.h>

#define UNIT 8192 /* elements, or one row */

static bool by_threshold(const an_shape *prediction, const an_shape *labels)
{
    return prediction->rank == labels->rank;
}

static an_status accuracy_infer(const an_infer *q, an_type out[])
{
    const an_shape *p = &q->in[0].shape, *labels = &q->in[1].shape;
    an_status s = AN_OK;
    if (by_threshold(p, labels)) {
        s = an_want_same_shape(q, 0, 1);
    } else {
        s = an_want_index(q, 1);
        if (!s) s = an_want_rank(q, 1, p->rank - 1, p->rank - 1);
        for (int i = 0; !s && i < labels->rank; i++)
            if (labels->dim[i] != p->dim[i])
                s = an_refuse(q, AN_E_SHAPE, "prediction and labels differ in dim %d", i);
    }
    if (s) return s;
    out[AN_LOSS_MEAN] = (an_type){q->in[0].dtype, AN_SCALAR};
    out[AN_LOSS_EACH] = (an_type){q->in[0].dtype, *labels};
    return AN_OK;
}

/* Elements of a prediction: 1, or the classes to choose from. */
static int64_t width(const an_work *w)
{
    const an_tensor *p = &w->in[0];
    return p->rank == w->in[1].rank ? 1 : p->extent[p->rank - 1];
}

/* ---- f32 ---------------------------------------------------------------- */

static int64_t rows_per_unit(const an_work *w)
{
    const int64_t n = width(w);
    return n < UNIT ? UNIT / (n > 0 ? n : 1) : 1;
}

static int64_t blocks(const an_work *w)
{
    return an_loss_units(an_elements(&w->in[1]), rows_per_unit(w));
}

static int64_t accuracy_units(const an_work *w)
{
    return an_loss_wanted(w) ? blocks(w) : 0;
}

static int64_t accuracy_scratch(const an_work *w)
{
    return an_loss_scratch(blocks(w));
}

static int64_t first_largest(const float *x, int64_t n)
{
    int64_t best = 0;
    for (int64_t j = 1; j < n && !isnan(x[best]); j++)
        if (x[j] > x[best] || isnan(x[j])) best = j;
    return best;
}

static bool right(const an_work *w, int64_t row)
{
    const float *p = w->in[0].data;
    if (w->in[0].rank == w->in[1].rank)
        return (p[row] > w->attrs->threshold) == (an_get(&w->in[1], row) > 0.5);
    const int64_t n = width(w), label = an_index_at(w, 1, row, n);
    return label >= 0 && first_largest(p + row * n, n) == label;
}

static void accuracy_run(const an_work *w, int64_t begin, int64_t end)
{
    const int64_t rows = an_elements(&w->in[1]), step = rows_per_unit(w);
    float *each = w->out[AN_LOSS_EACH].data;
    double *partial = w->scratch;
    for (int64_t u = begin; u < end; u++) {
        const int64_t last = rows - u * step < step ? rows : (u + 1) * step;
        int64_t hits = 0;
        for (int64_t row = u * step; row < last; row++) {
            const bool hit = right(w, row);
            if (each) each[row] = hit;
            hits += hit;
        }
        partial[u] = (double)hits;
    }
}

static void accuracy_mean(const an_work *w, int64_t begin, int64_t end)
{
    (void)begin, (void)end;
    an_loss_put_mean(w, blocks(w), an_elements(&w->in[1]));
}

/* ---- the oracle --------------------------------------------------------- */

static double ref_right(const an_work *w, int64_t row)
{
    const an_tensor *p = &w->in[0];
    if (p->rank == w->in[1].rank)
        return (an_get(p, row) > (double)w->attrs->threshold) == (an_get(&w->in[1], row) > 0.5);
    const int64_t n = width(w), label = an_index_at(w, 1, row, n);
    if (label < 0) return 0;
    /* Right if nothing before the label is as large and nothing after it larger. */
    const double own = an_get(p, row * n + label);
    for (int64_t j = 0; j < n; j++) {
        const double x = an_get(p, row * n + j);
        if (j < label && (isnan(x) || x >= own)) return 0;
        if (j > label && !isnan(own) && (isnan(x) || x > own)) return 0;
    }
    return 1;
}

static void accuracy_ref(const an_work *w)
{
    const int64_t rows = an_elements(&w->in[1]);
    double hits = 0;
    for (int64_t row = 0; row < rows; row++) {
        const double hit = ref_right(w, row);
        an_put_wanted(&w->out[AN_LOSS_EACH], row, hit);
        hits += hit;
    }
    an_put_wanted(&w->out[AN_LOSS_MEAN], 0, hits / (double)rows);
}

an_value an_accuracy_at(an_at at, an_value prediction, an_value labels, double threshold)
{
    const float above = an_narrow(at, prediction, "accuracy: threshold", threshold);
    const an_attrs attrs = {.threshold = above};
    return an_emit(at, AN_OP_accuracy, (an_value[]){prediction, labels}, 2, &attrs);
}

const an_op_rules an_rules_accuracy = {
    .floats = 1u,
    .infer = accuracy_infer,
    .no_grad = "it counts, and a count does not change with small changes of a prediction",
    .stages = {{accuracy_units, accuracy_run}, {an_loss_mean_units, accuracy_mean}},
    .ref = accuracy_ref,
    .scratch = accuracy_scratch,
    .index = {.by = AN_BOUND_EXTENT, .operand = 1, .axis = -1},
    .labels = 1u << 1,
};
