/* apart.h -- one node, computed apart in f64 from the operands it had in a trial. */
#ifndef AN_GRAPH_EQUAL_APART_H
#define AN_GRAPH_EQUAL_APART_H

#include "graph/equal/trial.h"

#define AN_SPREAD_TIMES 64 /* a kernel may err by so many of the largest spread seen */

typedef struct an_apart {
    an_arena room;
    an_tensor *in; /* floats as f64, unless they are only moved; others borrowed */
    an_tensor *out, *moved, *spread;
    bool *owned, *single; /* per operand: was a float; was f32 */
    bool moves; /* elements are what they were: in any type, with no bound */
    int inputs, outputs;
} an_apart;

/* Makes the operands; close it whatever the status. The node must be no leaf. */
an_status an_apart_open(an_apart *p, const an_trial_side *s, uint32_t number);
/* Computes `out` by the op's reference loops. */
an_status an_apart_run(an_apart *p, const an_trial_side *s, uint32_t number);
/* How far the f64 results move (`spread`, largest of a few tries) when every operand that
 * was a float moves by up to half a unit in the last place. The operands stay moved. */
an_status an_apart_spread(an_apart *p, const an_trial_side *s, uint32_t number);
void an_apart_close(an_apart *p);

/* Whether one node is as near to f64 as rounding allows (node_errors.c). */
typedef struct an_finding {
    uint32_t number;
    bool anywhere;     /* asked: whatever the size of its operands; else `tried` says if it was */
    bool may_overflow; /* asked: no fault is a NaN or an infinity where f64 has a number */
    an_status status;
    bool tried;
    int output;        /* of the result that is off; -1: none is */
    int64_t element;
    double truth, allowed;
} an_finding;

void an_node_examine(const an_trial_side *s, an_finding *f);

#endif
