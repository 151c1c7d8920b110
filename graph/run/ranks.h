/* ranks.h -- a set of numbers below a fixed size, in order: what comes next, what before? */
#ifndef AN_GRAPH_RUN_RANKS_H
#define AN_GRAPH_RUN_RANKS_H

#include "core/memory.h"

#define AN_RANK_LEVELS 6 /* of 64 each: more numbers than there is memory for */

typedef struct an_ranks {
    uint64_t *level[AN_RANK_LEVELS]; /* bit i of a level: word i of the one below is not 0 */
    int64_t size;
} an_ranks;

/* Empty; lives in `arena`. False if memory is out. */
bool an_ranks_make(an_ranks *r, an_arena *arena, int64_t size);
void an_ranks_put(an_ranks *r, int64_t i);
void an_ranks_drop(an_ranks *r, int64_t i);
int64_t an_ranks_next(const an_ranks *r, int64_t i); /* the first from i on; beyond all: none */
int64_t an_ranks_last(const an_ranks *r, int64_t i); /* the last before i; -1: none */

#endif
