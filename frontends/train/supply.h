/* supply.h -- where the rows of a step come from: arrays, shuffled or in order, or .next.
 *
 * A function of (seed, epoch, step) of arrays, of the step alone of .next, so that a training which
 * goes on finds what it would have had.                                        */
#ifndef AN_FRONTENDS_TRAIN_SUPPLY_H
#define AN_FRONTENDS_TRAIN_SUPPLY_H

#include "frontends/train/batches.h"

typedef struct an_supply {
    const an_fit_args *args;
    an_batches data;      /* all rows, and the present batch */
    int64_t batch, steps; /* rows of a batch; steps of an epoch, INT64_MAX: one without end */
    int64_t *order;       /* of the examples in this epoch; NULL: kept, or .next */
} an_supply;

/* Looks at the feeds; `s` must stay where it is. Arrays may be narrowed then, before _reserve,
 * which cuts them into batches. */
an_status an_supply_open(an_supply *s, const an_fit_args *args, an_error *e);
an_status an_supply_reserve(an_supply *s, an_error *e);
void an_supply_close(an_supply *s);

void an_supply_epoch(an_supply *s, int64_t epoch); /* counted from 1 */
/* Makes step `step` of that epoch the present batch; fails if .next does, or gave no tensors. */
an_status an_supply_take(an_supply *s, int64_t epoch, int64_t step, an_error *e);

#endif
