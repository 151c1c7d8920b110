/* slab.h -- handing out ranges of one slab as buffers are born and die. */
#ifndef AN_GRAPH_RUN_SLAB_H
#define AN_GRAPH_RUN_SLAB_H

#include "core/memory.h"

#define AN_SLAB_ALIGNMENT 64

/* Free bytes between taken ones, in two search trees: [0] by offset, [1] by size. */
typedef struct an_hole {
    int64_t offset, size;
    uint32_t below[2], above[2]; /* holes; 0: none */
} an_hole;

/* Zero-initialised, nothing is taken. */
typedef struct an_slab {
    an_hole *holes;   /* from 1; below `top`, never touching each other */
    int64_t count;    /* how many there are */
    int64_t made, capacity;
    uint32_t root[2]; /* of the trees */
    uint32_t spare;   /* holes that are no more, joined by below[0] */
    int64_t top;      /* bytes from here on were never taken, or are free again */
    int64_t most;     /* the largest `top` was */
} an_slab;

/* Takes `size` bytes, rounded up to the alignment and at least that much, so that
 * an empty buffer has an address too. Status AN_E_MEMORY or AN_E_LIMIT. */
an_status an_slab_take(an_slab *s, int64_t size, int64_t *offset);
/* Gives back a range taken with that size. AN_E_MEMORY leaves it taken. */
an_status an_slab_give(an_slab *s, int64_t size, int64_t offset);
void an_slab_free(an_slab *s);

#endif
