/* called.h -- by which words a user means a node or a value: one rule for pictures, excerpts and
 * what the command fetches. */
#ifndef AN_GRAPH_CALLED_H
#define AN_GRAPH_CALLED_H

#include "core/guess.h"
#include "graph/ir.h"

/* Whether that is a name of the node: an input's or state's, a label, a scope that it stands in,
 * "%12" or "%12.1" by its ordinal, either of these behind its scope ("enc/%12", as messages say
 * it), or an output that it makes. */
bool an_node_is_called(const an_graph *g, const an_node *n, const char *name);
/* Tries all names of which the nearest to a wrong one can be. */
void an_graph_guess_called(const an_graph *g, an_guess *guess);

/* The one value that is called so: an output; an input or state; "%12" or "%12.1"; an inner value
 * by what messages call it, "label", "scope/label" or "scope/%12", with ".1" behind it for output
 * 1. If there is none or there are several, AN_NONE, and `said` tells which there are; else `said`
 * holds a remark if the word could have meant another value, too. */
an_value an_value_called(an_graph *g, const char *name, an_text *said);

#endif
