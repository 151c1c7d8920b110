/* check_op.h -- an op from outside under check: what both halves of the check share. */
#ifndef AN_GRAPH_EQUAL_CHECK_OP_H
#define AN_GRAPH_EQUAL_CHECK_OP_H

#include "graph/equal/equal.h"
#include "graph/evaluate.h"

typedef struct an_op_check {
    const an_check_op_args *args;
    const an_graph *g;
    const an_node *n;
    an_graph *alone; /* the node, its operands as inputs, its results as outputs */
    an_text report;
    int faults;
    an_error error; /* memory is out, or the op cannot stand alone */
} an_op_check;

/* The node, in the graph where it stands alone. */
static inline const an_node *an_op_alone(const an_op_check *c)
{
    return an_node_of(c->alone, c->alone->outputs[0].value);
}

/* A line of the report; the second of what is formatted, and short. */
void an_op_say(an_op_check *c, bool holds, const char *what, const char *why);
void an_op_sayf(an_op_check *c, bool holds, const char *what, const char *format, ...)
    AN_PRINTF(4, 5);

/* ---- op_bench.c: its kernel and its plain loops, run by themselves ------- */

/* Whether it writes its results, and nothing else, from its operands, and nothing else. Of an op
 * that does not, nothing more is run. */
bool an_op_check_memory(an_op_check *c);
/* Units in another order, results over operands, results that nobody reads. */
void an_op_check_places(an_op_check *c);
/* From denormals to where squares overflow, and among NaN and infinities. */
void an_op_check_magnitudes(an_op_check *c);

#endif
