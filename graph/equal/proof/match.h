/* match.h -- a proof that also says which values inside are paired. */
#ifndef AN_GRAPH_EQUAL_MATCH_H
#define AN_GRAPH_EQUAL_MATCH_H

#include "graph/equal/proof/proof.h"

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

/* an_prove into `f`, which is zeroed, and every value of the first graph that the second
 * has too. */
void an_prove_matching(an_proof *f, const an_prove_args *args, an_matches *matches);

#endif
