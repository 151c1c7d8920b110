/* equal.h -- do two graphs compute the same? Proofs, numbers, gradients.
 *
 * an_prove shows equality for every feed, state and extent, from the graphs alone.
 * an_equivalent adds numbers, which test what a proof rests on: kernels, lemmas,
 * plan, executor. an_check_gradients asks finite differences.                 */
#ifndef AN_GRAPH_EQUAL_H
#define AN_GRAPH_EQUAL_H

#include "graph/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

#define AN_PROOF_RULES 24

/* A rule that a proof applied: a lemma about an op, or an axiom of arithmetic. */
typedef struct an_proof_rule {
    bool lemma;
    const char *name, *says; /* "times-one", "x * 1 = x"; live as long as the program */
    int64_t uses;
} an_proof_rule;

typedef struct an_proof_place { /* a value of one graph */
    char name[160];    /* "encoder/%6.mean (layer_norm)"; "" if there is none */
    char file[160];    /* "clf.c:41"; "" if unknown */
    const char *op;    /* NULL if there is no such value */
    uint32_t node, ordinal;
} an_proof_place;

typedef struct an_proof {
    bool proved;
    an_status status;        /* not AN_OK: it could not be tried; `message` says why */
    int64_t roots, met;      /* outputs and updates compared; how many are equal */
    int rules;
    an_proof_rule rule[AN_PROOF_RULES]; /* those used */
    /* Where not proved: a root that differs, and the first values that stop matching. */
    char root[128];          /* "output \"y\"" */
    an_proof_place at[2];
    const char *kind;        /* "attribute", "operand", "op", "result", "root", "leaf",
                                "interface", or "" */
    char difference[320];    /* "eps is 1e-05 in the first graph and 1e-06 in the second" */
    char message[1024];      /* one paragraph for people */
} an_proof;

typedef struct an_prove_args {
    an_at at;
    const an_graph *a, *b;
    bool subset; /* b, a program's graph say, may lack outputs and updates of a */
} an_prove_args;

/* Tries to prove that both graphs compute the same: outputs and updates by name,
 * for every feed, every state and every binding of the dims, bit for bit, given the
 * rules listed. What the rules do not relate stays unproved, though it may be equal. */
AN_API an_proof an_prove_with(const an_prove_args *args);
#define an_prove(...) an_prove_with(&(an_prove_args){.at = AN_HERE, __VA_ARGS__})

typedef enum an_verdict {
    AN_BITWISE,   /* every compared tensor has the same bits */
    AN_ROUNDING,  /* within the bound, and no farther from the truth than allowed */
    AN_DIFFERENT, /* beyond it */
    AN_VACUOUS,   /* the comparison could not have shown a fault; `message` says why */
    AN_FAILED     /* it could not be carried out; `message` says why */
} an_verdict;

typedef struct an_compared { /* one tensor of both graphs */
    char name[128];
    const char *kind; /* "output", "gradient" or "update" */
    an_verdict verdict;
    int64_t count, different; /* elements; how many differ in bits */
    int64_t worst;            /* index of the worst element */
    double worst_a, worst_b, max_abs, max_rel;
    double max_ulp;
    bool degenerate; /* all zero or not finite: shows nothing */
} an_compared;

typedef struct an_equivalence {
    an_verdict verdict;
    int64_t compared_count;
    an_compared *compared; /* freed by an_equivalence_free */
    int64_t worst;         /* index of the worst tensor; -1 if all bits agree */
    int64_t fused_forward, fused_backward; /* add_norm and add_norm_grad in b, less those in a */
    an_proof proof;        /* of the same two graphs, gradients included if asked for */
    char message[2048];    /* one paragraph for people */
} an_equivalence;

typedef struct an_equivalent_args {
    an_at at;
    const an_graph *a, *b;
    bool gradients;  /* also d(random projection of the float outputs)/d(states, float inputs) */
    bool subset;     /* b, a program's graph say, may lack outputs and updates of a */
    int seeds;       /* feeds drawn from this many seeds; 0: 1 */
    uint64_t seed;   /* the first of them */
    int steps;       /* runs in a row, so that updates feed back; 0: 1 */
    int64_t extent;  /* what every named dim is bound to; 0: 4 */
    const char *bind; /* or by name: "B=32,T=100" */
    double ulps;     /* bound for AN_ROUNDING; 0: 16 */
} an_equivalent_args;

/* Runs both graphs on the same seeded feeds and weights. They must have the same
 * outputs and updates by name; an output called "%12.1", as a program names a fetch
 * that has no name, is output 1 of the node with ordinal 12. */
AN_API an_equivalence an_equivalent_with(const an_equivalent_args *args);
#define an_equivalent(...) an_equivalent_with(&(an_equivalent_args){.at = AN_HERE, __VA_ARGS__})
AN_API void an_equivalence_free(an_equivalence *e);
AN_API const char *an_verdict_name(an_verdict v);
AN_API char *an_equivalence_report(const an_equivalence *e); /* readable; an_string_free */

typedef struct an_gradient_check {
    an_status status;
    double worst;       /* largest relative error */
    char where[128];    /* "encoder/kernel[17]" */
    double analytic, numeric;
    char message[512];
} an_gradient_check;

typedef struct an_check_gradients_args {
    an_at at;
    an_value loss;
    uint64_t seed;
    const char *bind;  /* extents of named dims, as in an_equivalent_args */
    double tolerance;  /* relative; 0: 1e-6 */
    int64_t samples;   /* elements tried per tensor; 0: 16 */
} an_check_gradients_args;

/* Compares the gradients of a scalar with central differences, in f64 on the
 * plain loops, for every state and float input it depends on. */
AN_API an_gradient_check an_check_gradients_with(const an_check_gradients_args *args);
#define an_check_gradients(...)                                                                    \
    an_check_gradients_with(&(an_check_gradients_args){.at = AN_HERE, __VA_ARGS__})

#ifdef __cplusplus
}
#endif
#endif
