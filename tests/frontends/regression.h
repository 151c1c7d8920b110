/* regression.h -- a model to train: a linear regression with dropout, by momentum, from bare ops.
 *
 * It has states of every kind that a resumed training must bring back.       */
#ifndef AN_TESTS_FRONTENDS_REGRESSION_H
#define AN_TESTS_FRONTENDS_REGRESSION_H

#include "frontends/train/history.h"
#include "tests/support.h"

#define FEATURES 6

typedef struct model {
    an_graph *graph;
    an_store *store;
    an_program *train, *test, *predict;
} model;

model a_model(float rate);
model checked_model(float rate);
void free_model(model *m);

typedef struct arrays {
    an_tensor x, y;
} arrays;

arrays some_arrays(int64_t examples, uint64_t seed);
void free_arrays(arrays *a);

void fingerprint(const model *m, char hex[65]);
void check_history(const an_history *h, int64_t epochs);
void expect_same_epochs(const an_history *a, const an_history *b);
void expect_same_states(const model *a, const model *b);

/* A directory in memory, if there is such a place; closing it removes what a training leaves and
 * fails if there is more. */
extern char folder[64];
void open_folder(void);
void close_folder(void);

#endif
