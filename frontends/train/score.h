/* score.h -- running a program whose fetches are metrics, and their means.
 *
 * A metric is a scalar fetch that is a mean over the batch's examples; over many
 * batches it is the mean weighted by their rows, as Keras has it.            */
#ifndef AN_FRONTENDS_TRAIN_SCORE_H
#define AN_FRONTENDS_TRAIN_SCORE_H

#include "frontends/train/batches.h"

typedef struct an_scoring {
    an_program *program;
    an_at at;
    bool finite;                    /* steps that are not finite are refused */
    int count;                      /* metrics; [0] is the loss */
    double last[AN_MAX_METRICS];    /* of the last batch */
    double sum[AN_MAX_METRICS];     /* times examples, since the last reset */
    int64_t examples;
    double memory[AN_MAX_METRICS];  /* where fetches are put */
    an_tensor out[AN_MAX_METRICS];
    an_tensor *outs[AN_MAX_METRICS];
} an_scoring;

/* `s` must stay where it is. Refuses programs that fetch anything but 1 to
 * AN_MAX_METRICS float scalars; `role` is what messages call the program. */
an_status an_scoring_open(an_scoring *s, an_program *p, an_at at, const char *role, an_error *e);
void an_scoring_reset(an_scoring *s);
/* Runs the present batch and adds its metrics. */
an_status an_scoring_step(an_scoring *s, const an_batches *b, an_error *e);
void an_scoring_means(const an_scoring *s, double mean[AN_MAX_METRICS]);
/* All examples in order, `rows` at a time; fewer if *stop, which may be NULL, becomes true. */
an_status an_scoring_pass(an_scoring *s, an_batches *b, int64_t rows,
                          const volatile sig_atomic_t *stop, an_error *e);

#endif
