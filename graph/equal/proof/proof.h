/* proof.h -- what a proof holds while it is made; users read it through the calls of equal.h. */
#ifndef AN_GRAPH_EQUAL_PROOF_H
#define AN_GRAPH_EQUAL_PROOF_H

#include "core/memory.h"
#include "graph/equal/equal.h"

#define AN_PROOF_RULES 80

struct an_proof {
    bool proved, located;
    bool reals; /* equal by laws of real numbers, though not proved */
    an_status status;
    int64_t roots, met;
    int rules;
    an_proof_rule rule[AN_PROOF_RULES];
    char root[128];
    an_place at[2];
    const char *kind;
    char difference[640];
    char message[1024];
    char given[200]; /* ops from outside whose meanings it takes for granted, "a, b"; or "" */
    bool rounds;     /* one of those holds up to rounding only: over the reals, no more */
    an_arena arena;
};

/* A text as the arena keeps it; "" if memory is out or there is none. */
static inline const char *an_kept(const char *text)
{
    return text ? text : "";
}

#endif
