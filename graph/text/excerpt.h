/* excerpt.h -- the lines of a graph that are near a node. */
#ifndef AN_GRAPH_TEXT_EXCERPT_H
#define AN_GRAPH_TEXT_EXCERPT_H

#include "graph/ir.h"

/* The lines within `radius` arrows (0: 1), either way, of what is called `around` (called.h), in
 * the order of the file, each behind a mark: "*" the node, "^" what it reads, "v" what reads it,
 * "^v" both, "-" what is near but neither. Outputs, updates and pending updates are arrows from
 * their values, and those that name a state that is called so are there, too. AN_E_NAME and a
 * message in `out` if nothing is called so; AN_E_MEMORY. */
an_status an_print_around(const an_graph *g, const char *around, int64_t radius, bool locations,
                          an_text *out);

#endif
