/* history.h -- what a training and an evaluation hold, while they are made.
 *
 * Users read them through the calls of frontends.h (history.c), so that they may grow. */
#ifndef AN_FRONTENDS_TRAIN_HISTORY_H
#define AN_FRONTENDS_TRAIN_HISTORY_H

#include "frontends/frontends.h"

typedef struct an_epoch {
    int64_t epoch;  /* from 1 */
    double seconds; /* with validation */
    double step_ms; /* the median training step */
    double train[AN_MAX_METRICS];      /* by metric, as seen while the weights changed */
    double validation[AN_MAX_METRICS]; /* after the epoch; NaN without validation */
} an_epoch;

/* What is watched besides, of as many epochs as it was. */
typedef struct an_series {
    char *name;    /* "learning_rate", "gradient_norm/dense/kernel" ... */
    double *value; /* by epoch; NaN where it was not looked at */
    int64_t count, capacity;
} an_series;

struct an_history {
    an_status status;
    char message[2048]; /* "" unless status says otherwise */
    int metric_count;
    char metric[AN_MAX_METRICS][32]; /* "loss", "accuracy" ... */
    bool validated;
    int64_t epoch_count, epoch_capacity;
    an_epoch *epochs; /* complete ones, those before a resume among them */
    int64_t best;     /* the epoch whose monitored metric was best; 0: none */
    bool stopped;     /* before the last epoch, by .patience, .on_epoch or .stop */
    int64_t skipped;  /* steps that were not finite and left out */
    an_series *series;
    int64_t series_count, series_capacity;
};

/* One more epoch, after the others. */
bool an_history_append(an_history *h, const an_epoch *record);
/* A value of that epoch, from 1, which may be the one that is going on. False if memory is out. */
bool an_history_watch(an_history *h, const char *name, int64_t epoch, double value);
/* Empties it; the struct itself stays. */
void an_history_reset(an_history *h);

struct an_scores {
    an_status status;
    char message[2048];
    int count;
    double value[AN_MAX_METRICS]; /* in the order of the program's fetches */
    int64_t examples;
    double seconds;
};

#endif
