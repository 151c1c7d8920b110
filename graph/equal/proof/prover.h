/* prover.h -- a proof under way: what its files share.
 *
 * prove.c and axioms.c decide, match.c pairs the values inside. prove_report.c and
 * prove_words.c only say why not.                                            */
#ifndef AN_GRAPH_EQUAL_PROVER_H
#define AN_GRAPH_EQUAL_PROVER_H

#include "graph/equal/proof/values.h"

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
    bool *needed[2];     /* per node of a side: some root depends on it */
    uint32_t changed_leaf; /* a state that starts otherwise in the second graph; 0: none */
    an_couple place, reader; /* where the roots are located, and who reads that; a 0: nowhere */
    bool subset;
    bool reals; /* where the roots do not meet, over the reals is good enough */
    an_proof *proof;
    struct an_matches *matches; /* where to list them; NULL: nowhere */
} an_prover;

/* Lists every pair that the proof has found, and those it needed (match.c). */
an_status an_prove_list(an_prover *p);

/* Whether operand 0 of m goes with operand 1 of n, both of the value graph. */
bool an_prove_is_crossed(const an_prover *p, const an_node *m, const an_node *n);
/* Sets the place at which an open root is located, the earliest in the first graph, and the
 * couple that reads it (locate.c). */
an_status an_prove_locate(an_prover *p);

/* Whether all roots in `open` are equal over the reals; then the proof lists the laws (reals.c). */
an_status an_prove_reals(an_prover *p, bool *equal);

/* ---- prover.c ---------------------------------------------------------- */

/* Adds a couple to `open`. */
an_status an_prove_doubt(an_prover *p, an_couple c);
/* Sets the proof's kind and difference. */
void an_prove_differ(an_prover *p, const char *kind, const char *format, ...) AN_PRINTF(3, 4);
/* Sets the proof's status and message; returns the status. */
an_status an_prove_give_up(an_prover *p, an_status status, const char *why);
an_status an_prove_no_memory(an_prover *p);
an_status an_prove_check(an_prover *p, const an_graph *g); /* gives up if g has an error */

#define AN_PROVE_VALUES 2 /* where a node is: in side 0, in side 1, or in the value graph */

/* Operand i of a node that is there, in normal form. */
uint32_t an_prove_reads(const an_prover *p, int where, const an_node *n, int i);
/* If both graphs name the value, it is right in itself and its reader is wrong. */
bool an_prove_is_shared(const an_prover *p, uint32_t value);
/* Whether operand 0 of m goes with operand 1 of n, as it may where order is free. */
bool an_prove_crosses(const an_prover *p, int where_m, const an_node *m, int where_n,
                      const an_node *n);

/* ---- prove_report.c ---------------------------------------------------- */

/* From the roots in `open` down to the first values that stop matching. */
an_status an_prove_search(an_prover *p);

/* ---- prove_words.c ----------------------------------------------------- */

/* A leaf of another type, or a state of one type that starts or trains otherwise. */
void an_prove_leaf_differs(an_prover *p, uint32_t first, const an_spec *second);
void an_prove_leaf_changed(an_prover *p);
/* What is different about a couple; about the place at which roots are located, by who reads
 * it; about a root that names another value, which both graphs have. */
void an_prove_explain(an_prover *p, an_couple c);
void an_prove_explain_place(an_prover *p, an_couple place, an_couple reader);
void an_prove_explain_root(an_prover *p, an_couple wrong);
/* Adds a stop_gradient that only one graph has. */
an_status an_prove_add_stops(an_prover *p);
/* The verdict as a paragraph. */
void an_prove_conclude(an_prover *p);

#endif
