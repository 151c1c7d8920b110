/* losses.h -- losses and metrics with their options.
 *
 * What one op does in one sweep is a node (loss.c, cross_entropy.c); all others are written out of
 * ops of ops.h (losses.c), and users could have written them. A loss is a scalar, the mean over all
 * its elements or rows. Options are named, and those left out change no bit:
 *     loss = an_softmax_cross_entropy(logits, labels, .label_smoothing = 0.1);
 *
 * Weights make the mean a weighted one: the sum of weight times loss divided by the sum of the
 * weights, and 0 where that is 0; a weight of 0 leaves an element out, even one whose loss is
 * infinite or NaN. Weights take no gradient. `.each` asks for the weighted losses themselves, not
 * for their mean. Without weights the mean over nothing is NaN.
 *
 * Over many batches an_evaluate averages what it is given, weighted by rows. That is right for a
 * mean over rows; it is not for a weighted mean, for perplexity, precision, recall and F1. They are
 * right over one batch (.batch = as many rows as there are); over many take what can be averaged,
 * and finish in C: exp of the mean cross entropy, ratios of an_class_counts divided by the rows.
 *
 * Threads: as ops.h has it.                                                   */
#ifndef AN_OPS_LOSSES_H
#define AN_OPS_LOSSES_H

#include "ops/ops.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- cross entropies --------------------------------------------------- */

typedef struct an_cross_entropy_args {
    an_at at;
    an_value logits;         /* [.., K], float */
    an_value labels;         /* [..], i32 or i64 in [0, K) */
    double label_smoothing;  /* 0 to 1: that share of the target is spread evenly over all K */
    an_id ignore_index;      /* AN_ID(-100): rows with this label count for nothing */
    an_value class_weights;  /* [K] */
    an_value sample_weights; /* [..], like labels; both of the logits' dtype */
} an_cross_entropy_args;
/* Of row n, with a = label_smoothing, w and r the weights of classes and rows:
 *     each = -r_n ((1 - a) w_label log p_label + a / K sum_j w_j log p_j),  p = softmax(logits)
 *     loss = sum each / sum r_n w_label, over the rows that are not ignored
 * which is PyTorch's CrossEntropyLoss, but that a loss whose weights sum to 0, or whose rows are
 * all ignored, is 0 (there NaN); so is a class's term where its weight is 0, though its logit be
 * -inf. With smoothing any other logit of -inf makes the loss infinite, as the formula does.
 * Results: loss, each. The smoothing is kept as an f32, also for f64 logits. Szegedy et al. 2016
 * (smoothing). */
AN_API an_value an_softmax_cross_entropy_with(const an_cross_entropy_args *args);
#define an_softmax_cross_entropy(...)                                                              \
    an_softmax_cross_entropy_with(&(an_cross_entropy_args){.at = AN_HERE, __VA_ARGS__})
/* e to that loss: as many classes as a uniform guess would hesitate between. */
AN_API an_value an_perplexity_with(const an_cross_entropy_args *args);
#define an_perplexity(...)                                                                         \
    an_perplexity_with(&(an_cross_entropy_args){.at = AN_HERE, __VA_ARGS__})

typedef struct an_bce_args {
    an_at at;
    an_value logits, labels; /* of one float type; labels in [0, 1] */
    double label_smoothing;  /* a: labels become z (1 - a) + a / 2, as in Keras */
    an_value pos_weight;     /* broadcasts to the logits: what the positive share counts */
    an_value sample_weights; /* of the logits' leading dims, or all of them */
    bool each;
} an_bce_args;
/* each = -(c z log s + (1 - z) log (1 - s)),  s = sigmoid(logit), c = pos_weight or 1. The weighted
 * mean divides by the sum of the weights; PyTorch's `weight` divides by the count instead. */
AN_API an_value an_bce_with_logits_with(const an_bce_args *args);
#define an_bce_with_logits(...)                                                                    \
    an_bce_with_logits_with(&(an_bce_args){.at = AN_HERE, __VA_ARGS__})

/* ---- differences ------------------------------------------------------- */

typedef struct an_difference_args {
    an_at at;
    an_value prediction, target; /* of one float type */
    an_value sample_weights;     /* of its leading dims, [B] of [B, D], or all of them */
    double delta;                /* an_huber only: where the square ends; 0: 1 */
    bool each;
} an_difference_args;
/* With d = prediction - target: d^2, |d|, and of Huber 1964 d^2 / 2 up to |d| = delta and
 * delta (|d| - delta / 2) beyond, as PyTorch's HuberLoss. */
AN_API an_value an_mse_with(const an_difference_args *args);
AN_API an_value an_mae_with(const an_difference_args *args);
AN_API an_value an_huber_with(const an_difference_args *args);
#define an_mse(...) an_mse_with(&(an_difference_args){.at = AN_HERE, __VA_ARGS__})
#define an_mae(...) an_mae_with(&(an_difference_args){.at = AN_HERE, __VA_ARGS__})
#define an_huber(...) an_huber_with(&(an_difference_args){.at = AN_HERE, __VA_ARGS__})

/* ---- distributions and directions -------------------------------------- */

typedef struct an_kl_args {
    an_at at;
    an_value log_q;  /* [B, ..]: log-probabilities, of an_log_softmax */
    an_value p;      /* the target, of the same type: probabilities ... */
    bool log_target; /* ... or their logarithms */
    bool mean;       /* divide by all elements, not by B */
    bool each;
} an_kl_args;
/* KL(p || q): each = p (log p - log q), and 0 where p is 0, whatever q. Their sum divided by the
 * extent of axis 0 (PyTorch's "batchmean", which is the divergence of a row), or with `.mean` by
 * the count of elements (PyTorch's "mean", which is not). A p of 0 takes no gradient. */
AN_API an_value an_kl_divergence_with(const an_kl_args *args);
#define an_kl_divergence(...) an_kl_divergence_with(&(an_kl_args){.at = AN_HERE, __VA_ARGS__})

/* The cosine of the angle between a and b, of one float type, along the axis, which is removed:
 * a.b / (max(|a|, eps) max(|b|, eps)). Neither overflows nor vanishes for any finite a and b. With
 * eps 0, a side that is 0 has no direction: the cosine is 0 and takes no gradient. PyTorch's eps is
 * 1e-8, which calls rows of 1e-30 unlike themselves. */
AN_API an_value an_cosine_similarity_at(an_at at, an_value a, an_value b, int axis, double eps);
#define an_cosine_similarity(...) an_cosine_similarity_at(AN_HERE, __VA_ARGS__)

/* ---- counts of classes ------------------------------------------------- */

/* [3, K] of the prediction's dtype: per class the true positives, the false positives (predicted,
 * and wrong) and the false negatives (missed). Labels of the prediction's own shape: K is 1, and a
 * prediction above the threshold, a label above 1/2 is positive. Integer labels of one rank less:
 * the largest of the last axis is predicted, one of K classes. f32 counts to 2^24. No gradient. */
AN_API an_value an_class_counts_at(an_at at, an_value prediction, an_value labels,
                                   double threshold);
/* tp / (tp + fp), tp / (tp + fn) and 2 tp / (2 tp + fp + fn), their means over the K classes
 * ("macro"); 0 / 0 is 0, so a class that neither occurs nor is predicted counts as 0. */
AN_API an_value an_precision_at(an_at at, an_value prediction, an_value labels, double threshold);
AN_API an_value an_recall_at(an_at at, an_value prediction, an_value labels, double threshold);
AN_API an_value an_f1_at(an_at at, an_value prediction, an_value labels, double threshold);
#define an_class_counts(...) an_class_counts_at(AN_HERE, __VA_ARGS__)
#define an_precision(...) an_precision_at(AN_HERE, __VA_ARGS__)
#define an_recall(...) an_recall_at(AN_HERE, __VA_ARGS__)
#define an_f1(...) an_f1_at(AN_HERE, __VA_ARGS__)

#ifdef __cplusplus
}
#endif
#endif
