/* candidate.h -- a smaller graph, told as edits of a larger one, and built from them.
 *
 * A graph is never edited: what shall become of each node is written into a plan, and
 * the candidate is copied forward from it, with everything that its roots need and
 * nothing else. Types are inferred anew, so a plan may ask for anything; what fits
 * together no longer is refused by an_graph_add.                              */
#ifndef AN_GRAPH_REDUCE_CANDIDATE_H
#define AN_GRAPH_REDUCE_CANDIDATE_H

#include "graph/ir.h"

typedef struct an_fate { /* what a plan says of one node */
    bool cut;        /* its results are inputs now: all that is behind it goes */
    bool gone;       /* it goes, with all that reads it; what it reads become outputs */
    uint32_t absent; /* bit i: operand i goes (of an op with any number, the list closes up) */
    uint64_t plain;  /* bit id: that attribute gets its plainest value */
    uint32_t instead; /* whoever reads a result reads this older value; 0: as it was */
} an_fate;

typedef struct an_candidate {
    const an_graph *g;
    an_fate *node;         /* [1 .. node_count] */
    bool *lost;            /* outputs, then updates: those that go */
    int64_t from, to;      /* literal extents `from` become `to`; from 0: they stay */
    bool multiples;        /* and k * from becomes k * to */
    bool tidy;             /* scopes, labels, origins, gaps in ordinals, unused dims go */
    bool *bared;           /* by value id: becomes an output */
    bool *needed;          /* worked out while building: is read */
    uint32_t *value;       /* and its id in the candidate */
    an_arena arena;
} an_candidate;

/* No edits yet; false if memory is out. Closed either way. */
bool an_candidate_open(an_candidate *p, const an_graph *g);
void an_candidate_close(an_candidate *p);
/* The candidate, or NULL: AN_E_MEMORY, or another status if it is no graph or has no
 * roots. The caller's. */
an_graph *an_candidate_build(an_candidate *p, an_status *status);
/* How an attribute would look at its plainest; false if it is so already. */
bool an_attr_plain(const an_node *n, int id, an_attrs *a);

#endif
