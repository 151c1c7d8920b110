/* losses.c -- losses and metrics written out of other ops: no op of their own, no kernel.
 *
 *   bce      with options   c z softplus(-x) + (1 - z) softplus(x): two terms of one sign each
 *   huber    k (d - k / 2),  k = d held to -delta .. delta
 *   kl       p (log p - log q), chosen to be 0 where p is 0
 *   cosine   of a / max |a| and b / max |b|, in which squares neither overflow nor vanish; the
 *            divisors are held constant, since the cosine does not change with them
 *
 * What leads to a value that nobody counts (an element of weight 0, the logarithm of 0) is chosen
 * away before the loss, not multiplied by 0 behind it, which keeps gradients numbers, too. All
 * carry the place where the user called.                                      */
#include "ops/losses.h"
#include "ops/loss.h"

/* ---- weighted means ----------------------------------------------------- */

static an_value number(an_at at, an_value like, double x)
{
    return an_number_at(at, like, x);
}

static an_value sum_of_all(an_at at, an_value x)
{
    return an_sum_axes_at(at, x, AN_ALL_AXES, false);
}

/* Whether weights have the dims that those of `x` begin with. */
static bool leads(an_value weights, an_value x)
{
    const an_shape w = an_type_of(weights).shape, shape = an_type_of(x).shape;
    bool same = w.rank <= shape.rank;
    for (int i = 0; same && i < w.rank; i++) same = w.dim[i] == shape.dim[i];
    return same;
}

/* Weights of leading dims, with dims of 1 behind them to meet those of `each`. */
static an_value spread(an_at at, an_value weights, an_value each)
{
    an_shape shape = an_type_of(weights).shape;
    while (shape.rank < an_type_of(each).shape.rank) shape.dim[shape.rank++] = 1;
    return an_stop_gradient_at(at, an_reshape_at(at, weights, shape));
}

/* v, with zeros for what has no weight. Weights that do not fit are refused in `reduced`. */
static an_value counted(an_at at, an_value v, an_value weights)
{
    if (an_is_missing(v) || an_is_missing(weights) || !leads(weights, v)) return v;
    const an_value w = spread(at, weights, v);
    const an_value nothing = an_compare_at(at, w, AN_EQ, number(at, w, 0));
    return an_where_at(at, nothing, number(at, v, 0), v);
}

/* How many elements of `each` one weight is for. */
static an_value elements_of_one(an_at at, an_value weights, an_value each)
{
    an_axes behind = {0};
    for (int i = an_type_of(weights).shape.rank; i < an_type_of(each).shape.rank; i++)
        behind.at[behind.count++] = i;
    return an_count_at(at, each, behind);
}

static bool same_shape(an_value a, an_value b)
{
    return an_type_of(a).shape.rank == an_type_of(b).shape.rank && leads(a, b);
}

/* An error of the graph, in the name of the builder `%s`. */
static an_value refused(an_at at, an_value like, an_status status, const char *why,
                        const char *name)
{
    an_reject(at, like.graph, status, why, name); /* house: the formats are this file's */
    return (an_value){like.graph, 0};
}

/* What becomes of single losses: themselves or their mean, weighted or not. */
static an_value reduced(an_at at, const char *loss, an_value each, an_value weights, bool keep)
{
    if (an_is_missing(each)) return each;
    if (an_is_none(weights))
        return keep ? each : an_mean_axes_at(at, each, AN_ALL_AXES, false);
    if (an_is_poison(weights)) return weights;
    if (!leads(weights, each))
        return refused(at, each, AN_E_SHAPE, "%s: sample_weights must have the leading dims of the "
                       "losses\n  hint: of losses [B, D], [B] or [B, D]", loss);
    const an_value weighed = an_mul_at(at, spread(at, weights, each), each);
    if (keep) return weighed;
    const an_value total = an_mul_at(at, sum_of_all(at, an_stop_gradient_at(at, weights)),
                                     elements_of_one(at, weights, each));
    return an_loss_share(at, sum_of_all(at, weighed), total);
}

/* ---- cross entropies --------------------------------------------------- */

an_value an_perplexity_with(const an_cross_entropy_args *a)
{
    return a ? an_exp_at(a->at, an_softmax_cross_entropy_with(a)) : AN_NONE;
}

/* z (1 - a) + a / 2 */
static an_value smoothed(const an_bce_args *a)
{
    const an_value kept = an_scale_at(a->at, a->labels, 1 - a->label_smoothing);
    return an_add_at(a->at, kept, number(a->at, kept, a->label_smoothing / 2));
}

static an_value bce_by_sides(const an_bce_args *a, an_value z)
{
    const an_at at = a->at;
    const an_value c = an_stop_gradient_at(at, a->pos_weight);
    const an_value above = an_mul_at(at, c, z);
    const an_value below = an_sub_at(at, number(at, z, 1), z);
    return an_add_at(
        at, an_chain_at(at, above, an_softplus_at(at, an_neg_at(at, a->logits)), false),
        an_chain_at(at, below, an_softplus_at(at, a->logits), false));
}

an_value an_bce_with_logits_with(const an_bce_args *args)
{
    if (!args) return AN_NONE;
    an_bce_args counting = *args, *const a = &counting;
    a->logits = counted(a->at, a->logits, a->sample_weights);
    a->labels = counted(a->at, a->labels, a->sample_weights);
    const char *const name = "an_bce_with_logits";
    const bool smooth = a->label_smoothing != 0;
    if (smooth && !(a->label_smoothing > 0 && a->label_smoothing <= 1))
        return refused(a->at, a->logits, AN_E_ATTRIBUTE, "%s: label_smoothing is not from 0 to 1",
                       name);
    const an_value z = smooth ? smoothed(a) : a->labels;
    if (!an_is_none(a->pos_weight)) {
        const an_value each = bce_by_sides(a, z);
        if (!an_is_missing(each) && !(same_shape(a->logits, z) && same_shape(each, z)))
            return refused(a->at, each, AN_E_SHAPE,
                           "%s: labels must have the logits' shape, and pos_weight broadcast to it",
                           name);
        return reduced(a->at, name, each, a->sample_weights, a->each);
    }
    const an_value loss = an_bce_with_logits_at(a->at, a->logits, z);
    if (an_is_missing(loss) || (an_is_none(a->sample_weights) && !a->each)) return loss;
    return reduced(a->at, name, an_result(loss, AN_LOSS_EACH), a->sample_weights, a->each);
}

/* ---- differences ------------------------------------------------------- */

/* Of identical types: nothing is broadcast, as mse has it. A delta is huber's alone. */
static an_value difference(const an_difference_args *a, const char *loss)
{
    const an_value p = counted(a->at, a->prediction, a->sample_weights);
    const an_value t = counted(a->at, a->target, a->sample_weights);
    if (a->delta != 0)
        return refused(a->at, p, AN_E_ATTRIBUTE, "%s has no delta: an_huber has one", loss);
    if (!an_is_missing(p) && !an_is_missing(t) && !same_shape(p, t))
        return refused(a->at, p, AN_E_SHAPE, "%s: prediction and target differ in shape", loss);
    return an_sub_at(a->at, p, t);
}

an_value an_mse_with(const an_difference_args *a)
{
    if (!a) return AN_NONE;
    if (a->delta != 0) return difference(a, "an_mse"); /* refused there */
    const an_value loss = an_mse_at(a->at, counted(a->at, a->prediction, a->sample_weights),
                                    counted(a->at, a->target, a->sample_weights));
    if (an_is_missing(loss) || (an_is_none(a->sample_weights) && !a->each)) return loss;
    return reduced(a->at, "an_mse", an_result(loss, AN_LOSS_EACH), a->sample_weights, a->each);
}

an_value an_mae_with(const an_difference_args *a)
{
    if (!a) return AN_NONE;
    const an_value each = an_abs_at(a->at, difference(a, "an_mae"));
    return reduced(a->at, "an_mae", each, a->sample_weights, a->each);
}

an_value an_huber_with(const an_difference_args *a)
{
    if (!a) return AN_NONE;
    if (!(a->delta >= 0))
        return refused(a->at, a->prediction, AN_E_ATTRIBUTE, "%s: delta is not above 0",
                       "an_huber");
    an_difference_args plain = *a;
    plain.delta = 0;
    const double delta = a->delta > 0 ? a->delta : 1;
    const an_value d = difference(&plain, "an_huber");
    const an_value k = an_clip_at(a->at, d, -delta, delta);
    const an_value each = an_mul_at(a->at, k, an_sub_at(a->at, d, an_scale_at(a->at, k, 0.5)));
    return reduced(a->at, "an_huber", each, a->sample_weights, a->each);
}

/* ---- distributions and directions -------------------------------------- */

an_value an_kl_divergence_with(const an_kl_args *a)
{
    if (!a) return AN_NONE;
    if (an_is_missing(a->p)) return a->p;
    if (an_is_missing(a->log_q)) return a->log_q;
    const an_at at = a->at;
    if (!same_shape(a->p, a->log_q))
        return refused(at, a->p, AN_E_SHAPE, "%s: log_q and p differ in shape", "an_kl_divergence");
    const an_value p = a->log_target ? an_exp_at(at, a->p) : a->p, zero = number(at, p, 0);
    const an_value none = an_compare_at(at, p, AN_EQ, zero);
    const an_value log_p = a->log_target
                               ? a->p
                               : an_log_at(at, an_where_at(at, none, number(at, p, 1), p));
    const an_value gap = an_where_at(at, none, zero, an_sub_at(at, log_p, a->log_q));
    const an_value each = an_mul_at(at, p, gap);
    if (a->each || a->mean) return reduced(at, "an_kl_divergence", each, AN_NONE, a->each);
    if (an_type_of(each).shape.rank == 0) return each;
    return an_div_at(at, sum_of_all(at, each), an_count_at(at, each, AN_AXES(0)));
}

/* A side of the cosine: x over its largest magnitude, that one, and the square of what is left. */
typedef struct side {
    an_value x, most, square;
} side;

static side side_of(an_at at, an_value x, int axis)
{
    const an_value largest = an_stop_gradient_at(
        at, an_max_axes_at(at, an_abs_at(at, x), AN_AXES(axis), true));
    const an_value zero = an_compare_at(at, largest, AN_EQ, number(at, x, 0));
    side s = {.most = an_where_at(at, zero, number(at, x, 1), largest)};
    s.x = an_div_at(at, x, s.most);
    s.square = an_sum_axes_at(at, an_square_at(at, s.x), AN_AXES(axis), true);
    return s;
}

/* Its length over the largest magnitude, or eps over that. */
static an_value length_of(an_at at, const side *s, double eps)
{
    const an_value root = an_sqrt_at(at, s->square);
    if (eps == 0) return root;
    return an_maximum_at(at, root, an_div_at(at, number(at, root, eps), s->most));
}

an_value an_cosine_similarity_at(an_at at, an_value a, an_value b, int axis, double eps)
{
    if (an_is_missing(a) || an_is_missing(b)) return an_is_missing(a) ? a : b;
    const char *const name = "an_cosine_similarity";
    if (!same_shape(a, b)) return refused(at, a, AN_E_SHAPE, "%s: a and b differ in shape", name);
    if (!(eps >= 0)) return refused(at, a, AN_E_ATTRIBUTE, "%s: eps is not at least 0", name);
    const side p = side_of(at, a, axis), q = side_of(at, b, axis);
    const an_value dot = an_sum_axes_at(at, an_mul_at(at, p.x, q.x), AN_AXES(axis), true);
    const an_value y = an_div_at(at, an_div_at(at, dot, length_of(at, &p, eps)),
                                 length_of(at, &q, eps));
    const an_value zero = number(at, y, 0);
    const an_value all = an_compare_at(at, an_mul_at(at, p.square, q.square), AN_NE, zero);
    return an_sum_axes_at(at, eps == 0 ? an_where_at(at, all, y, zero) : y, AN_AXES(axis), false);
}

/* ---- counts of classes ------------------------------------------------- */

/* What is predicted and what is so: bool[.., K], of one class bool[.., 1]. */
typedef struct verdicts {
    an_value said, so;
} verdicts;

static an_value flat(an_at at, an_value x)
{
    return an_reshape_at(at, x, AN_SHAPE(AN_DIM_REST, 1));
}

static verdicts verdicts_of(an_at at, an_value prediction, an_value labels, double threshold)
{
    const an_dtype dtype = an_type_of(labels).dtype;
    if (an_type_of(prediction).shape.rank != an_type_of(labels).shape.rank) {
        const an_dim classes = an_dim_of(prediction, -1);
        return (verdicts){
            an_one_hot_at(at, an_argmax_at(at, prediction, -1), classes, AN_BOOL),
            an_one_hot_at(at, labels, classes, AN_BOOL)};
    }
    an_value so = labels;
    if (dtype != AN_BOOL)
        so = an_compare_at(at, so, AN_GT, number(at, so, an_dtype_is_float(dtype) ? 0.5 : 0));
    return (verdicts){
        flat(at, an_compare_at(at, prediction, AN_GT, number(at, prediction, threshold))),
        flat(at, so)};
}

/* [1, K]: how often both hold. */
static an_value count_both(an_at at, an_value a, an_value b, an_dtype dtype)
{
    const an_value both = an_cast_at(at, an_logical_and_at(at, a, b), dtype);
    const an_value rows = an_reshape_at(at, both, AN_SHAPE(AN_DIM_REST, an_dim_of(both, -1)));
    return an_sum_axes_at(at, rows, AN_AXES(0), true);
}

an_value an_class_counts_at(an_at at, an_value prediction, an_value labels, double threshold)
{
    if (an_is_missing(labels)) return labels;
    if (an_is_missing(prediction)) return prediction;
    const an_dtype dtype = an_type_of(prediction).dtype;
    const int behind = an_type_of(prediction).shape.rank - an_type_of(labels).shape.rank;
    if (!leads(labels, prediction) || behind > 1 || !an_dtype_is_float(dtype))
        return refused(at, prediction, AN_E_SHAPE,
                       "%s: labels must have the prediction's dims, or those but the last, and the "
                       "prediction be f32 or f64", "an_class_counts");
    const verdicts v = verdicts_of(at, prediction, labels, threshold);
    const an_value counts[] = {
        count_both(at, v.said, v.so, dtype),
        count_both(at, v.said, an_logical_not_at(at, v.so), dtype),
        count_both(at, an_logical_not_at(at, v.said), v.so, dtype)};
    return an_concat_at(at, counts, 3, 0);
}

/* tp (1 + both) / (tp (1 + both) + the others asked for), over the classes. */
static an_value share_of_right(an_at at, an_value counts, bool fp, bool fn)
{
    if (an_is_missing(counts)) return counts;
    an_value right = an_slice_at(at, counts, 0, 0, 1, 1);
    if (fp && fn) right = an_scale_at(at, right, 2);
    an_value all = right;
    if (fp) all = an_add_at(at, all, an_slice_at(at, counts, 0, 1, 2, 1));
    if (fn) all = an_add_at(at, all, an_slice_at(at, counts, 0, 2, 3, 1));
    return an_mean_axes_at(at, an_loss_share(at, right, all), AN_ALL_AXES, false);
}

an_value an_precision_at(an_at at, an_value prediction, an_value labels, double threshold)
{
    const an_value counts = an_class_counts_at(at, prediction, labels, threshold);
    return share_of_right(at, counts, true, false);
}

an_value an_recall_at(an_at at, an_value prediction, an_value labels, double threshold)
{
    const an_value counts = an_class_counts_at(at, prediction, labels, threshold);
    return share_of_right(at, counts, false, true);
}

an_value an_f1_at(an_at at, an_value prediction, an_value labels, double threshold)
{
    const an_value counts = an_class_counts_at(at, prediction, labels, threshold);
    return share_of_right(at, counts, true, true);
}
