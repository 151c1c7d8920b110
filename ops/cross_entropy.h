/* cross_entropy.h -- what a row of logits counts: shared by the loss and its gradient.
 *
 * Both have logits, labels and then, at a place of their own, weights of classes and of rows.  */
#ifndef AN_OPS_CROSS_ENTROPY_H
#define AN_OPS_CROSS_ENTROPY_H

#include "ops/kernels/kernels.h"
#include "ops/op.h"

enum { AN_CE_LOGITS, AN_CE_LABELS, AN_CE_CLASSES, AN_CE_SAMPLES };           /* of the loss */
enum { AN_CE_DLOSS = 2, AN_CE_DEACH, AN_CE_GRAD_CLASSES, AN_CE_GRAD_SAMPLES }; /* of its gradient */

/* logits[.., C], labels[..], weights as described, of which those of classes are operand `classes`
 * and those of rows the next; the attributes fit. */
an_status an_ce_want(const an_infer *q, int classes);

/* ---- kernels ----------------------------------------------------------- */

/* A call as its kernels see it. */
typedef struct an_ce {
    const an_work *w;
    const float *x;                /* logits, in f32 */
    const an_tensor *class_weights, *sample_weights; /* data NULL: 1 each */
    int64_t classes, rows;
    bool weighted;                 /* rows differ in what they count */
    double smoothing, spread;      /* spread: all that a class gets of it, before its weight */
    double weights;                /* the sum of those of the classes, for stages */
} an_ce;
an_ce an_ce_of(const an_work *w, int classes);      /* for loops in double */
an_ce an_ce_fast_of(const an_work *w, int classes); /* for stages */

/* What a row counts. */
typedef struct an_ce_row {
    int64_t label; /* -1: ignored, or no class, which is raised; it counts nothing then */
    double sample; /* its own weight ... */
    double weight; /* ... times that of its class: what the mean is divided by */
} an_ce_row;
an_ce_row an_ce_weighed_row(const an_ce *c, int64_t row);
/* Rows are short where classes are few: of the plain loss, nothing but the label is looked at. */
static inline an_ce_row an_ce_row_at(const an_ce *c, int64_t row)
{
    if (c->weighted) return an_ce_weighed_row(c, row);
    const int64_t label = an_index_at(c->w, AN_CE_LABELS, row, c->classes);
    return (an_ce_row){label, label >= 0, label >= 0};
}
/* The row's target where labels are smoothed. */
an_soft_target an_ce_target(const an_ce *c, const an_ce_row *row);

int64_t an_ce_rows_per_unit(const an_ce *c);
int64_t an_ce_units(const an_work *w);

/* For loops in double: the largest logit of a row and the sum of the exponentials below it; and
 * q_j, the share of class j in what the row is held against. */
double an_ce_ref_sum(const an_tensor *x, int64_t row, int64_t n, double *largest);
double an_ce_ref_share(const an_ce *c, const an_ce_row *row, int64_t j);

/* ---- meanings ---------------------------------------------------------- */

/* The same as values of a graph. */
typedef struct an_ce_parts {
    an_value hits;    /* bool[.., C]: where the class is the label */
    an_value classes; /* [C], or NONE */
    an_value samples; /* [..]: rows' weights, 0 where ignored; NONE: 1 each */
    an_value total;   /* what the mean is divided by; NONE: the count of rows */
    an_value spread;  /* a scalar; NONE: not smoothed */
} an_ce_parts;
an_ce_parts an_ce_parts_of(const an_call *c, int classes);
an_value an_ce_kept(const an_call *c); /* 1 less the smoothing, a scalar */
/* [..] as [.., 1], to meet [.., C]. */
an_value an_ce_column(an_value x);

#endif
