/* twins.h -- which nodes of two graphs are the same one, however they are numbered. */
#ifndef AN_GRAPH_TEXT_TWINS_H
#define AN_GRAPH_TEXT_TWINS_H

#include "graph/ir.h"

/* What a node says by itself: texts of either graph, numbered once for both. */
typedef struct an_facet {
    uint32_t op, attrs, types, scope, label; /* label: a leaf's name, too */
    uint32_t value; /* the same for two nodes if these (but scope and label) and all operands are */
} an_facet;

typedef struct an_twins {
    const an_graph *g[2];
    an_facet *facet[2]; /* per node */
    uint32_t *of[2];    /* per node: the number of its twin in the other graph; 0: it has none */
} an_twins;

/* Fills `t`, which is zeroed; false if memory is out. Free it in either case. */
bool an_twins_find(an_twins *t, const an_graph *a, const an_graph *b);
void an_twins_free(an_twins *t);
/* Whether operand k of a node of the first graph is that of its twin, or of any node `b`. */
bool an_twins_agree(const an_twins *t, uint32_t a, uint32_t b, int k);
/* An attribute's text. Ordinals in it (`order`) become places among themselves. */
void an_twins_attr(const an_graph *g, const an_node *n, int id, an_text *out);

#endif
