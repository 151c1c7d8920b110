/* mapping.h -- the inside of a map. */
#ifndef AN_GRAPH_MEMORY_MAPPING_H
#define AN_GRAPH_MEMORY_MAPPING_H

#include "graph/memory/memory_map.h"
#include "graph/run/program.h"

struct an_memory_map {
    an_arena arena; /* of all below */
    an_memory_facts facts;
    an_memory_box *boxes;
    int64_t box_count;
    an_memory_sum *scopes;
    int64_t scope_count;
    an_memory_sum whole;
    int64_t *alive; /* [wave, to the end] bytes */
};

/* Boxes alive at the peak, the largest first, as indices; NULL if memory is out, else to be freed
 * with an_free. */
int64_t *an_memory_map_at_peak(const an_memory_map *m, int64_t *count);

#endif
