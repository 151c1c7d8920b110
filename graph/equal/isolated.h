/* isolated.h -- one node in a graph of its own, with its gradients. */
#ifndef AN_GRAPH_EQUAL_ISOLATED_H
#define AN_GRAPH_EQUAL_ISOLATED_H

#include "graph/equal/trial.h"

typedef struct an_isolated {
    const an_trial_side *side; /* where the node comes from */
    uint32_t number;     /* there */
    an_graph *g;
    an_evaluation e;     /* in f64 */
    uint32_t node;       /* here */
    an_arena room;
    an_value *in, *y, *dy;
    int outputs;         /* float ones: each y has a dy, an input of random numbers */
    int *operand, operands; /* which operands have gradients, and how many */
    an_value *wrt, *dx;  /* those operands, and their gradients */
    bool own;            /* extents are the trial's */
    int shift;           /* else literal extents are divided by so many twos */
} an_isolated;

/* Builds and binds it and fills its leaves. `shows` is false if this node shows nothing alone,
 * or if memory is out, which is the one status but AN_OK; close it whatever comes out. */
an_status an_isolated_open(an_isolated *p, const an_trial_side *side, uint32_t number,
                           bool *shows);
void an_isolated_close(an_isolated *p);

#endif
