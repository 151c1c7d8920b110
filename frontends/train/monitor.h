/* monitor.h -- which epoch was the best so far, and when to give up.
 *
 * A function of the epochs' records alone, so that a resumed training comes to
 * the same verdicts by going through them again.                             */
#ifndef AN_FRONTENDS_TRAIN_MONITOR_H
#define AN_FRONTENDS_TRAIN_MONITOR_H

#include "frontends/train/batches.h"
#include "frontends/train/history.h"

typedef struct an_monitor {
    int metric;
    bool validation; /* of the epoch's validation, not of its training */
    bool smallest;   /* small is good */
    double min_delta;
    int64_t patience; /* 0: never give up */
    double best;
    int64_t seen, waited; /* epochs; those since the best one */
} an_monitor;

/* `h` has the metrics' names and says whether there is validation. */
an_status an_monitor_open(an_monitor *m, const an_fit_args *args, const an_history *h, an_error *e);
/* True if the epoch is the best so far, as the first one is whatever it is. */
bool an_monitor_see(an_monitor *m, const an_epoch *record);
bool an_monitor_gives_up(const an_monitor *m);

#endif
