/* compare.h -- judging two tensors that should be equal against the truth. */
#ifndef AN_GRAPH_COMPARE_H
#define AN_GRAPH_COMPARE_H

#include "graph/equal/equal.h"

/* Folds the comparison of a and b into `c`, whose worst element stays the worst
 * over all calls. `truth` is a computed in f64 (NULL: judge by ulps alone): a
 * difference counts as rounding if b is within twice a's error of it, or within
 * `ulps` units in the last place. */
void an_compare_tensors(an_compared *c, const an_tensor *a, const an_tensor *b,
                        const an_tensor *truth, double ulps);
/* Starts with the best verdict there is. */
void an_compare_begin(an_compared *c, const char *kind, const char *name);

#endif
