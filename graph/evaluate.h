/* evaluate.h -- the interpreter: one node after the other, every value kept.
 *
 * No planning, no reuse, no threads of its own: the executor's oracle, and what
 * constant folding, gradient checks and the verifier run on. In `shadow` every
 * f32 value is held and computed as f64 on the ops' reference loops. `guarded`, results
 * are poisoned before each node and a guard behind each tensor shows who wrote too far. */
#ifndef AN_GRAPH_EVALUATE_H
#define AN_GRAPH_EVALUATE_H

#include "graph/ir.h"

/* Bytes that nobody may depend on: in results before their node, in its scratch, behind tensors.
 * 0: NaNs, NaNs, and a number that no one writes. */
typedef struct an_fills {
    unsigned char result, scratch, guard;
} an_fills;

typedef struct an_evaluation {
    const an_graph *graph;
    bool reference; /* use the ops' ref loops even where a fast kernel exists */
    bool shadow;    /* f32 becomes f64; implies reference */
    bool guarded;
    bool only_inputs; /* nothing else gets memory: to draw feeds, not to run */
    an_fills fills; /* what lies where nothing was written, if guarded; all zero: the usual */
    int depth;      /* of meanings in meanings */
    uint32_t trespasser; /* the first node that wrote past a result or its scratch; 0: none */
    int64_t *bound;    /* per dim name */
    int64_t *extent;   /* per dim entry */
    an_tensor *value;  /* per value id; leaves are the caller's to fill */
    char *guards;      /* where the values lie if guarded */
    an_fault fault;
    an_error error;
} an_evaluation;

/* Binds the graph's dims (`bound[i]` for name i; see an_dims_names) and allocates
 * all values, zeroed. On failure the reason is in e->error; free it anyway. */
an_status an_evaluation_begin(an_evaluation *e, const an_graph *g, const int64_t *bound);
/* The node by its op's meaning: for ops that have no kernel (meanings.c). */
an_status an_evaluate_meaning(an_evaluation *e, const an_node *n, const an_tensor *in,
                              const an_tensor *out);
/* Computes one node, or all of them. AN_E_DATA if a kernel refused its data. */
an_status an_evaluation_node(an_evaluation *e, uint32_t node);
an_status an_evaluation_run(an_evaluation *e);
/* Computes a node from and into tensors of the caller's: by its kernel, if it has one for
 * their dtype, or else by its reference loops. Faults and errors go to e. */
an_status an_evaluation_apart(an_evaluation *e, uint32_t node, const an_tensor *in,
                            const an_tensor *out, bool kernel);
void an_evaluation_free(an_evaluation *e);

#endif
