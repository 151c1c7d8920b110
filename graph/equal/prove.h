/* prove.h -- the value graph: both sides of a proof in one hash-consed graph.
 *
 * Every node of both graphs is copied into one graph and *settled*: a rule
 * (axioms.c) says that its results are other values, or an equal node is there
 * already, or it is new. What a value settled to is its normal form; two values
 * with the same normal form are equal for every input and every binding.
 *
 * prove.c and axioms.c decide. prove_report.c only says why not.             */
#ifndef AN_GRAPH_PROVE_H
#define AN_GRAPH_PROVE_H

#include "graph/equal/equal.h"
#include "graph/ir.h"

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
} an_values;

/* Two values, in normal form, that should have been one. */
typedef struct an_couple {
    uint32_t a, b;
} an_couple;

typedef struct an_prover {
    const an_graph *side[2];
    uint32_t *normal[2]; /* per value of a side: its normal form */
    an_values values;
    uint32_t *slot;      /* settled nodes by hash; 0: free */
    int64_t size, used;
    an_couple *open;     /* roots that do not meet; later, couples still to be looked at */
    int64_t open_count, open_capacity;
    bool subset;
    an_proof *proof;
    struct an_matches *matches; /* where to list them; NULL: nowhere */
} an_prover;

/* Operand i of a node of the value graph in normal form; 0 if absent. */
static inline uint32_t an_operand(const an_values *v, const an_node *n, int i)
{
    return n->in[i] ? v->known[n->in[i]].normal : 0;
}

/* Two values of the sides that are the same by the proof; or, if not `proved`, that
 * should have been for a root to meet. */
typedef struct an_match {
    uint32_t value[2];
    bool proved;
} an_match;

typedef struct an_matches {
    an_match *at; /* freed by the caller */
    int64_t count, capacity;
} an_matches;

/* an_prove, and every value of the first graph that the second has too. */
an_proof an_prove_matching(const an_prove_args *args, an_matches *matches);
an_status an_prove_list(an_prover *p); /* match.c */

/* ---- axioms.c ---------------------------------------------------------- */

/* Gives the attributes of a new node their one spelling. */
void an_axiom_spell(an_values *v, uint32_t number);
/* If a rule says what a node's results are, sets out[k] to them and returns true.
 * They are older values, or of nodes that the rule has just added, unsettled. */
bool an_axiom_apply(an_values *v, uint32_t number, an_value out[]);
/* Whether op(a, b) is op(b, a); and that this was used. */
static inline bool an_axiom_commutes(int op) { return op == AN_OP_add || op == AN_OP_mul; }
void an_axiom_commuted(an_values *v);
void an_axioms_used(const an_values *v, an_proof *proof);

/* ---- prove_report.c ---------------------------------------------------- */

/* Adds a couple to `open`. */
an_status an_prove_doubt(an_prover *p, an_couple c);
/* Sets the proof's kind and difference. */
void an_prove_differ(an_prover *p, const char *kind, const char *format, ...) AN_PRINTF(3, 4);
void an_prove_leaf_differs(an_prover *p, uint32_t first, const an_spec *second);
/* Sets the proof's status and message; returns the status. */
an_status an_prove_give_up(an_prover *p, an_status status, const char *why);
an_status an_prove_no_memory(an_prover *p);
an_status an_prove_check(an_prover *p, const an_graph *g); /* gives up if g has an error */
/* From the roots in `open` down to the first values that stop matching. */
an_status an_prove_search(an_prover *p);
/* The verdict as a paragraph, and the matches if they are wanted. */
void an_prove_conclude(an_prover *p);

/* ---- place.c ----------------------------------------------------------- */

/* "encoder/%6.mean (layer_norm)"; `value` 0 means the whole node. */
void an_place_print(const an_graph *g, const an_node *n, uint32_t value, an_text *out);
void an_place_set(an_place *place, const an_graph *g, uint32_t node, uint32_t value);
/* The same with its file and line. */
void an_place_describe(const an_place *place, char *out, int64_t size);

#endif
