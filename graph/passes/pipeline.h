/* pipeline.h -- the door of this room: what others need of passes beside an_optimise. */
#ifndef AN_GRAPH_PASSES_PIPELINE_H
#define AN_GRAPH_PASSES_PIPELINE_H

#include "graph/ir.h"

/* All that a graph's roots need, node for node; NULL and `e` set if that fails. */
an_graph *an_pipeline_copy(const an_graph *g, an_error *e);
/* The graph with every op that has no kernel written out by its meaning, as often as meanings need
 * it; frees `g`, or hands it back if there is none. NULL and `e` set if that fails. */
an_graph *an_pipeline_written_out(an_graph *g, an_error *e);
/* The graph with `training` true; frees `g`, or hands it back if it has no such leaf. NULL and `e`
 * set if that fails. */
an_graph *an_pipeline_training(an_graph *g, an_error *e);
/* A copy of the nodes that `needed` marks (by node number), without outputs and updates;
 * `value` (slot_count + 1 zeroes) receives the map from old value ids to new ones. NULL if
 * out of memory; if a node could not be copied, the copy's status says so. */
an_graph *an_pipeline_part(const an_graph *from, const bool *needed, uint32_t *value);

/* Whether a word of a list of passes, "cse" or "recompute=block_*", names one that keeps every
 * bit. */
bool an_pipeline_is_exact(const char *word);

struct an_optimised {
    an_graph *graph; /* NULL if it failed, or is taken */
    an_note *notes;  /* with their texts one block */
    int64_t note_count;
    uint32_t *value; /* [old value id] -> new id, 0 where gone */
    int64_t value_count;
    an_status status;
    char message[512];
};

#endif
