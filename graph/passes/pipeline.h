/* pipeline.h -- the door of this room: what compiling needs of passes beside an_optimise. */
#ifndef AN_GRAPH_PASSES_PIPELINE_H
#define AN_GRAPH_PASSES_PIPELINE_H

#include "graph/ir.h"

/* A copy of the nodes that `needed` marks (by node number), without outputs and updates;
 * `value` (slot_count + 1 zeroes) receives the map from old value ids to new ones. NULL if
 * out of memory; if a node could not be copied, the copy's status says so. */
an_graph *an_pipeline_part(const an_graph *from, const bool *needed, uint32_t *value);

#endif
