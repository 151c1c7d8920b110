/* twins.h -- which nodes of two graphs are the same one, however they are numbered. */
#ifndef AN_GRAPH_TEXT_TWINS_H
#define AN_GRAPH_TEXT_TWINS_H

#include "graph/text/facets.h"

typedef struct an_twins {
    const an_graph *g[2];
    an_facet *facet[2]; /* per node */
    uint32_t *of[2];    /* per node: the number of its twin in the other graph; 0: it has none */
} an_twins;

/* Fills `t`, which is zeroed; false if memory is out. Free it in either case. */
bool an_twins_find(an_twins *t, const an_graph *a, const an_graph *b);
void an_twins_free(an_twins *t);
/* Whether a value of the first graph is that of the second: of twins, or the same by value number.
 * 0 is 0. And whether operand k of node `a` of the first is that of node `b`. */
bool an_twins_same(const an_twins *t, uint32_t a, uint32_t b);
bool an_twins_agree(const an_twins *t, uint32_t a, uint32_t b, int k);

#endif
