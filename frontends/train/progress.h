/* progress.h -- what a person sees of a training.
 *
 * On a terminal a bar that is redrawn ten times a second at most, otherwise a
 * line an epoch. Never allocates; without a stream every call does nothing.  */
#ifndef AN_FRONTENDS_TRAIN_PROGRESS_H
#define AN_FRONTENDS_TRAIN_PROGRESS_H

#include "frontends/train/history.h"

typedef struct an_progress {
    FILE *to;
    bool terminal;
    int columns;
    int64_t epoch, epochs, steps;
    double started, drawn; /* seconds on the monotonic clock */
} an_progress;

double an_now(void); /* seconds on the monotonic clock */

void an_progress_open(an_progress *p, FILE *to, int64_t epochs, int64_t steps);
void an_progress_epoch(an_progress *p, int64_t epoch);
/* After step number `done` of the epoch, with the means so far. */
void an_progress_step(an_progress *p, const an_history *h, int64_t done, const double *means);
/* After the epoch: its line, which replaces the bar. */
void an_progress_end(an_progress *p, const an_history *h, const an_epoch *record);
/* In place of an epoch's end: after how many steps it was stopped. */
void an_progress_stop(an_progress *p, int64_t done);
/* Leaves no half bar behind a training that fails. */
void an_progress_abandon(an_progress *p);

#endif
