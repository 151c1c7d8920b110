/* values.h -- the value graph: both sides of a proof in one hash-consed graph.
 *
 * Every node of both graphs is copied into one graph and *settled*: a rule
 * (axioms.c) says that its results are other values, or an equal node is there
 * already, or it is new. What a value settled to is its normal form; two values
 * with the same normal form are equal for every input and every binding.     */
#ifndef AN_GRAPH_EQUAL_VALUES_H
#define AN_GRAPH_EQUAL_VALUES_H

#include "graph/equal/proof/proof.h"
#include "graph/ir.h"

/* An op without a kernel is its meaning. That a kernel from outside has its meaning's bits is the
 * word of its author, and is asked for only where a proof fails without it; that one has them up to
 * rounding, whoever says so, makes what follows equal over the reals and no more. */
enum { AN_TRUST_NONE, AN_TRUST_EXACT, AN_TRUST_ROUNDING };

/* How far one must go to take the op's meaning; AN_TRUST_NONE: it is not taken so. Of our own ops,
 * those whose meaning is exact are lemmas, one by one. */
static inline int an_trust_needed(const an_op_info *op)
{
    if (op->opaque || !op->rules->meaning || an_op_is_meaning(op)) return AN_TRUST_NONE;
    if (op->rules->meaning_rounds) return AN_TRUST_ROUNDING;
    return op->code ? AN_TRUST_NONE : AN_TRUST_EXACT;
}

/* What is known of one value of the value graph. */
typedef struct an_known {
    uint32_t normal;   /* its normal form; the rest is kept at normal forms only */
    uint32_t value[2]; /* the first value of side 0 and of side 1 that is it; 0: none */
    uint32_t node[2];  /* the first node of each side that stands for it, or for more than it */
    bool paired;       /* the search for a difference has been here */
} an_known;

typedef struct an_values {
    an_graph *graph;
    an_known *known; /* per value id of the graph */
    int64_t capacity;
    int64_t uses[AN_PROOF_RULES]; /* how often each rule of axioms.c was applied */
    int trust;                    /* AN_TRUST_...: which meanings are taken */
    an_proof *proof;              /* hears which were */
} an_values;

/* Operand i of a node of the value graph in normal form; 0 if absent. */
static inline uint32_t an_operand(const an_values *v, const an_node *n, int i)
{
    return n->in[i] ? v->known[n->in[i]].normal : 0;
}

/* ---- axioms.c ---------------------------------------------------------- */

/* Gives the attributes of a new node their one spelling. */
void an_axiom_spell(an_values *v, uint32_t number);
/* If a rule says what a node's results are, sets out[k] to them and returns true.
 * They are older values, or of nodes that the rule has just added, unsettled. */
bool an_axiom_apply(an_values *v, uint32_t number, an_value out[]);
/* Whether op(a, b) is op(b, a); and that this was used. */
static inline bool an_axiom_commutes(const an_node *n)
{
    switch (n->op->code) {
    case AN_OP_add: case AN_OP_mul: return true;
    case AN_OP_logical_and: case AN_OP_logical_or: case AN_OP_logical_xor: return true;
    case AN_OP_compare: return n->attrs->test == AN_EQ || n->attrs->test == AN_NE;
    default: return false;
    }
}
void an_axiom_commuted(an_values *v);
void an_axioms_used(const an_values *v, an_proof *proof);

#endif
