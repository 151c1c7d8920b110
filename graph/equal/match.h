/* match.h -- a proof that also says which values inside are paired. */
#ifndef AN_GRAPH_EQUAL_MATCH_H
#define AN_GRAPH_EQUAL_MATCH_H

#include "graph/equal/equal.h"

/* Two values of the sides that are the same by the proof; or, if not `proved`, that
 * should have been for a root to meet. */
typedef struct an_match {
    uint32_t value[2];
    bool proved;
} an_match;

typedef struct an_matches {
    an_match *at; /* freed by the caller */
    int64_t count, capacity;
} an_matches;

/* an_prove, and every value of the first graph that the second has too. */
an_proof an_prove_matching(const an_prove_args *args, an_matches *matches);

#endif
