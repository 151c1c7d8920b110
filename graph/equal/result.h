/* result.h -- what equivalences and checks of gradients hold, while they are made.
 *
 * Users read them through the calls of equal.h (result.c), so that results may grow. The
 * texts that records point to lie in the result's arena.                     */
#ifndef AN_GRAPH_EQUAL_RESULT_H
#define AN_GRAPH_EQUAL_RESULT_H

#include "graph/equal/proof/proof.h"

#define AN_CHECKS 12

/* A check under way; when it is done, `an_check` shows it. */
typedef struct an_check_row {
    const char *name, *says;
    an_verdict verdict;
    int64_t tried, failed;
    char message[512];
} an_check_row;

struct an_equivalence {
    an_status status;   /* why it could not be carried out, or was refused */
    an_verdict verdict; /* of the numbers */
    an_rung rung;
    bool refused;       /* the interfaces do not match */
    int64_t compared_count;
    an_compared *compared;
    int64_t worst; /* index of the worst tensor; -1 if all bits agree */
    const char *aimed; /* the data on which a located difference showed; NULL: it was not aimed */
    uint64_t aimed_seed;
    const an_graph *graph[2];
    int64_t inner_count, inner_different;
    an_inner *inner;
    an_divergence divergence; /* at[1].op is NULL: there is none */
    int checks;
    an_check_row check[AN_CHECKS];
    an_check shown[AN_CHECKS];
    int64_t fused_forward, fused_backward, bytes_saved;
    int64_t bytes;        /* that the trial needs */
    int64_t own_backward; /* those whose gradient the graph had before any was added */
    an_proof proof;
    char message[2048];
    an_graph *owned[2]; /* copies with gradients, freed with the result */
    an_optimised *optimised; /* whose graph is graph[1]; NULL if that is the caller's */
    an_arena arena;
};

struct an_gradient_check {
    an_status status;
    double worst, analytic, numeric;
    int64_t tried, passed_over;
    char where[128];
    char message[512];
};

#endif
