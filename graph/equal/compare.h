/* compare.h -- judging two tensors that should be equal against the truth. */
#ifndef AN_GRAPH_EQUAL_COMPARE_H
#define AN_GRAPH_EQUAL_COMPARE_H

#include "graph/equal/result.h"

/* How a difference is judged. `truth` is a in f64 (NULL: judge by ulps alone): b may be
 * twice as far from it as a is, or `ulps` units in the last place. If `exact`, an element
 * of a that has the very bits of the truth must be had by b, too. `other` is b in f64 (NULL:
 * unknown): where both truths are one, a difference is rounding, however far a sum that
 * cancels carried it, as long as it is small beside the largest element. It needs a truth, too.
 * `reals`: a proof says that both truths are one but for literals a step apart, so each graph is
 * held to its own, and what tells them apart beyond that is a difference. */
typedef struct an_judge {
    const an_tensor *truth, *other;
    double ulps;
    bool exact, reals;
} an_judge;

#define AN_SUSPECT_TIMES 64 /* a difference up to so many bounds is suspect, not different */

/* Folds the comparison of a and b into `c`: over all calls the worst element, the most
 * that differ and the fewest that are exact. */
void an_compare_tensors(an_compared *c, const an_tensor *a, const an_tensor *b,
                        const an_judge *judge);
/* Starts with the best verdict there is; `name` must outlive it. */
void an_compare_begin(an_compared *c, const char *kind, const char *name);

/* One unit in the last place at x. */
double an_ulp_at(double x, an_dtype dtype);

#endif
