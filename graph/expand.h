/* expand.h -- an op application written out by its meaning, in its own graph's values.
 *
 * Used where an op must be seen as the simpler ops it stands for: by the
 * differentiator, which never sees a fused op.                              */
#ifndef AN_GRAPH_EXPAND_H
#define AN_GRAPH_EXPAND_H

#include "graph/ir.h"

/* One op application over values of the graph; `in` and `out` hold value ids. */
typedef struct an_applied {
    const an_op_info *op;
    int inputs, outputs;
    const an_attrs *attrs;
    const uint32_t *in, *out;
    uint32_t ordinal;
    uint32_t node; /* the node of the graph it is (a part of) */
} an_applied;

/* A list of them, in an order in which values are made before they are used. */
typedef struct an_expansion {
    an_arena arena;
    an_applied *at;
    int64_t count, capacity;
} an_expansion;

/* Appends node `number` of g, or what it means if `whole(op)` is false. Results
 * that are outputs of the node keep their ids; others are added to g as nodes. */
an_status an_expand(an_expansion *e, an_graph *g, uint32_t number,
                    bool (*whole)(const an_op_info *op));
void an_expansion_free(an_expansion *e);

/* Has `meaning` write the call out into `to`, and looks at what comes: every result a value of
 * that graph, and neither a leaf nor the op itself made on the way. False: the graph's error says
 * what was wrong (meanings.c). */
bool an_meaning_write(an_graph *to, an_meaning_fn meaning, const an_call *call, an_value out[]);
/* Whether its result k is of the type that the op has there, in `to`'s dims; false likewise. */
bool an_meaning_fits(an_graph *to, const an_call *call, int k, const an_type *must, an_value y);

#endif
