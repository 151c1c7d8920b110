/* group.h -- nodes that become one: may they, and in which order is everything then made?
 *
 * A pass that makes one op of several joins their nodes here, two at a time, and has each
 * group made in its turn:
 *
 *     an_groups *x = an_groups_new(rw);                     each node a group of its own
 *     if (an_groups_join(x, add, norm, 1) == AN_JOIN_DONE)  may they be one? then they are
 *     an_groups_each(x, emit, context);                     each after what it reads
 *
 * What a pass makes of a group, and which nodes may meet in one at all, is its own affair. */
#ifndef AN_GRAPH_PASSES_GROUP_H
#define AN_GRAPH_PASSES_GROUP_H

#include "graph/passes/rewrite.h"

typedef struct an_groups an_groups;

typedef enum an_join {
    AN_JOIN_DONE,
    AN_JOIN_CYCLE,  /* one would wait for itself; nothing is done */
    AN_JOIN_TANGLED /* nobody knows: the search used up its steps; nothing is done */
} an_join;

/* Each node of rw->from as a group of its own. NULL, and rw->to failed, if memory is out. */
an_groups *an_groups_new(an_rewrite *rw);
void an_groups_free(an_groups *x); /* NULL is fine */
/* Makes the groups of nodes a and b one, a's nodes first. b's group reads a's `direct` times
 * as part of being one with it; if it needs a's in any other way, that is a cycle. */
an_join an_groups_join(an_groups *x, uint32_t a, uint32_t b, int direct);
/* The node after this one in its group; 0 after the last. */
uint32_t an_groups_next(const an_groups *x, uint32_t number);
/* What all joins cost together: edges looked at, groups moved. Joins stay exact up to
 * an_groups_budget, which is linear in the graph, and within AN_JOIN_STEPS beyond it. */
int64_t an_groups_steps(const an_groups *x);
int64_t an_groups_budget(const an_groups *x);
#define AN_JOIN_STEPS 64

/* Calls `emit` with the first node of each group, after those of all that it reads; as near
 * to the order of the nodes as that allows. Ends at the first status that is not AN_OK. */
typedef an_status (*an_emit_fn)(an_rewrite *rw, uint32_t first, void *context);
an_status an_groups_each(an_groups *x, an_emit_fn emit, void *context);

#endif
