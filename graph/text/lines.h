/* lines.h -- the canonical text for others than its readers: single lines, for whoever prints some
 * of them, and whether two texts are one (print.c). */
#ifndef AN_GRAPH_TEXT_LINES_H
#define AN_GRAPH_TEXT_LINES_H

#include "graph/ir.h"

/* "%12", "%12.1", or "_" for none. */
void an_line_value(const an_graph *g, uint32_t value, an_text *out);

/* Each ends in a newline. */
void an_line_node(const an_graph *g, uint32_t number, bool locations, an_text *out);
void an_line_output(const an_graph *g, const char *name, uint32_t value, an_text *out);
void an_line_commit(const an_graph *g, const an_commit *c, an_text *out);

/* Whether both graphs print alike; false if memory is out. */
bool an_text_is_same(const an_graph *a, const an_graph *b);

#endif
