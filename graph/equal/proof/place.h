/* place.h -- values and nodes called by name, file and line. */
#ifndef AN_GRAPH_EQUAL_PLACE_H
#define AN_GRAPH_EQUAL_PLACE_H

#include "graph/equal/proof/proof.h"
#include "graph/ir.h"

/* "encoder/%6.mean (layer_norm)"; `value` 0 means the whole node. */
void an_place_print(const an_graph *g, const an_node *n, uint32_t value, an_text *out);
/* Sets a place, whose texts are kept in the arena; false if memory is out. */
bool an_place_set(an_place *place, an_arena *arena, const an_graph *g, uint32_t node,
                  uint32_t value);
/* The same with its file and line. */
void an_place_describe(const an_place *place, char *out, int64_t size);
/* Both at once, for a place that nobody keeps; an_lost if memory is out. */
void an_place_words(const an_graph *g, uint32_t node, uint32_t value, char *out, int64_t size);

#endif
