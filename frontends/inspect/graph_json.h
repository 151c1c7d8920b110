/* graph_json.h -- a graph as JSON, for what puts it into something larger. */
#ifndef AN_FRONTENDS_INSPECT_GRAPH_JSON_H
#define AN_FRONTENDS_INSPECT_GRAPH_JSON_H

#include "frontends/inspect/json_text.h"
#include "graph/ir.h"

/* What an_graph_json writes; dims that `bind` does not name are `usual`, or -1: nothing is known
 * that needs them. NULL if memory is out. */
json_t *an_json_graph(const an_graph *g, const char *bind, int64_t usual);

#endif
