/* one_edit.h -- a graph's text with one thing changed: what must not be proved equal. */
#ifndef AN_TESTS_ONE_EDIT_H
#define AN_TESTS_ONE_EDIT_H

#include "core/core.h"

/* A seeded source of draws (SplitMix64), both ends included. */
typedef struct an_trial_random {
    uint64_t state;
} an_trial_random;
int64_t an_trial_int(an_trial_random *r, int64_t low, int64_t high);
double an_trial_uniform(an_trial_random *r, double low, double high);

/* The text of a graph as it is printed, with a sign, a factor, an index, an axis, an op or an
 * operand changed somewhere; NULL if the draw found nothing to change. `what` says which. The
 * caller frees it; it may be no graph. */
char *an_test_one_edit(const char *text, an_trial_random *r, const char **what);

#endif
