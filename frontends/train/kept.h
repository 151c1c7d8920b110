/* kept.h -- all states of a store as they were once: for restore_best without a directory. */
#ifndef AN_FRONTENDS_TRAIN_KEPT_H
#define AN_FRONTENDS_TRAIN_KEPT_H

#include "core/text.h"
#include "graph/run/store.h"

typedef struct an_kept { /* zero-initialised: nothing */
    an_named_tensor *states;
    int64_t count;
} an_kept;

/* Copies all states, over those of an earlier time if there are some. */
an_status an_kept_take(an_kept *k, an_store *s, an_error *e);
/* Gives the store what was taken, all or nothing. */
an_status an_kept_give(an_kept *k, an_store *s, an_error *e);
void an_kept_free(an_kept *k);

#endif
