/* isolated.h -- one node in a graph of its own, with its gradients. */
#ifndef AN_GRAPH_EQUAL_ISOLATED_H
#define AN_GRAPH_EQUAL_ISOLATED_H

#include "graph/equal/trial.h"

#define AN_ISOLATED_INPUTS 24 /* nodes of more operands are passed over */

typedef struct an_isolated {
    const an_trial_side *side; /* where the node comes from */
    uint32_t number;     /* there */
    an_graph *g;
    an_evaluation e;     /* in f64 */
    uint32_t node;       /* here */
    an_value in[AN_ISOLATED_INPUTS], y[AN_MAX_OUTPUTS], dy[AN_MAX_OUTPUTS];
    int outputs;         /* float ones: each y has a dy, an input of random numbers */
    int operand[AN_ISOLATED_INPUTS], operands; /* which operands have gradients, and those */
    an_value dx[AN_ISOLATED_INPUTS];
    bool own;            /* extents are the trial's */
    int shift;           /* else literal extents are divided by so many twos */
} an_isolated;

/* Builds and binds it and fills its leaves. `shows` is false if this node shows nothing alone,
 * or if memory is out, which is the one status but AN_OK; close it whatever comes out. */
an_status an_isolated_open(an_isolated *p, const an_trial_side *side, uint32_t number,
                           bool *shows);
void an_isolated_close(an_isolated *p);

#endif
