/* watch.h -- what a training shows while it goes on: the events of .events.
 *
 * Without .events nothing is done. Gradients are fetched by a program of its own from the graph
 * that trains, which commits nothing, and only in the steps that are shown.   */
#ifndef AN_FRONTENDS_TRAIN_WATCH_H
#define AN_FRONTENDS_TRAIN_WATCH_H

#include "frontends/train/batches.h"
#include "frontends/train/history.h"

typedef struct an_watched { /* a parameter that the table changes */
    const char *name;
    int gradient; /* which fetch; -1: none */
    an_tensor before;
} an_watched;

typedef struct an_watch { /* zero-initialised: nothing */
    an_at at;
    an_error *error;
    an_events *events;
    int64_t every; /* epochs; 0: no histograms */
    an_store *store;
    an_watched *parameters;
    int64_t parameter_count;
    an_program *probe; /* fetches gradients and rates */
    an_value *fetch;
    const char **tag;  /* [fetch] of a rate; NULL: a gradient */
    an_tensor *out;    /* [fetch] */
    an_tensor **outs;
    int fetch_count;
} an_watch;

/* Begins a file; `behind` epochs are done already. */
an_status an_watch_open(an_watch *w, const an_fit_args *args, int64_t behind, an_error *e);
void an_watch_close(an_watch *w);
/* Whether the last step of that epoch is to be shown. */
bool an_watch_wants(const an_watch *w, int64_t epoch);
/* Before the step of that batch, and behind it. */
an_status an_watch_before(an_watch *w, const an_batches *b);
an_status an_watch_after(an_watch *w, an_history *h, int64_t epoch);
/* At the epoch's end. */
an_status an_watch_epoch(an_watch *w, const an_history *h, const an_epoch *record);

#endif
