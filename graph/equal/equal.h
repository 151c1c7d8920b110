/* equal.h -- do two graphs compute the same? Proofs, numbers, gradients.
 *
 * an_prove shows equality for every feed, state and extent, from the graphs alone.
 * an_equivalent adds numbers, which test what a proof rests on: kernels, lemmas,
 * plan, executor. an_check_gradients asks finite differences.
 *
 * Threads: the graphs must not change meanwhile; an_equivalent runs programs and sets the
 * number of threads, so nothing else may run beside it. A result is fixed once it is made,
 * and any number of threads may read it.                                     */
#ifndef AN_GRAPH_EQUAL_H
#define AN_GRAPH_EQUAL_H

#include "graph/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A proof, an equivalence and a check of gradients are read through calls and belong to
 * the caller, who frees them; records that calls hand out (rules, places, tensors, checks)
 * live as long as the result, and later versions may append fields to them. NULL, which a
 * verifying call returns only if memory is out, reads as a failure.          */

typedef struct an_proof an_proof;

/* A rule that a proof applied: a lemma about an op, an axiom of arithmetic or, where those did not
 * do, a law over the reals. */
typedef struct an_proof_rule {
    bool lemma;
    const char *name, *says; /* "times-one", "x * 1 = x"; live as long as the program */
    int64_t uses;
    bool real;         /* it keeps the number that was meant, not its bits */
    const char *where; /* of those, the first node: "%12 (softmax) at a.an:14"; else NULL */
} an_proof_rule;

typedef struct an_place { /* a value of one graph */
    const char *name; /* "encoder/%6.mean (layer_norm)" */
    const char *file; /* "clf.c:41"; "" if unknown */
    const char *op;   /* NULL if there is no such value */
    uint32_t node, ordinal;
} an_place;

typedef struct an_prove_args {
    an_at at;
    const an_graph *a, *b;
    bool subset; /* b, a program's graph say, may lack outputs and updates of a */
} an_prove_args;

/* Tries to prove that both graphs compute the same: outputs and updates by name,
 * for every feed, every state and every binding of the dims, bit for bit, given the
 * rules listed. What the rules do not relate stays unproved, though it may be equal. */
AN_API an_proof *an_prove_with(const an_prove_args *args);
#define an_prove(...) an_prove_with(&(an_prove_args){.at = AN_HERE, __VA_ARGS__})
AN_API void an_proof_free(an_proof *p);

/* What a proof says. */
typedef enum an_proof_answer {
    AN_PROOF_UNPROVED, /* the rules do not relate the two graphs */
    AN_PROOF_LOCATED,  /* they differ at one place, which is named: after all rules the same op
                          with another attribute, or other leaves, literals or results read,
                          where all else is equal; or states that start otherwise */
    AN_PROOF_REALS,    /* equal over the reals: by laws that hold for real numbers, or by a meaning
                          from outside that holds up to rounding only */
    AN_PROOF_PROVED
} an_proof_answer;
AN_API an_proof_answer an_proof_says(const an_proof *p);
AN_API const char *an_proof_answer_name(an_proof_answer a); /* "unproved" ... */
AN_API bool an_proof_holds(const an_proof *p); /* it says AN_PROOF_PROVED */
/* "bias_gelu, ...": the ops from outside that it takes at their authors' word, who say what their
 * kernels mean; "": none. */
AN_API const char *an_proof_given(const an_proof *p);
/* Not AN_OK: it could not be tried; the message says why. */
AN_API an_status an_proof_status(const an_proof *p);
AN_API const char *an_proof_message(const an_proof *p); /* one paragraph for people */
/* Outputs and updates compared, and how many of them are equal. */
AN_API int64_t an_proof_roots(const an_proof *p);
AN_API int64_t an_proof_met(const an_proof *p);
/* The i-th of the rules used; NULL past the end. */
AN_API const an_proof_rule *an_proof_rule_at(const an_proof *p, int64_t i);
/* Where it does not hold in bits: a root that differs (`output "y"`), and of each graph (0, 1) the
 * first value that stops matching, NULL if there is none. */
AN_API const char *an_proof_root(const an_proof *p);
AN_API const an_place *an_proof_place(const an_proof *p, int graph);
/* "attribute", "operand", "op", "result", "root", "leaf", "interface", or "". */
AN_API const char *an_proof_kind(const an_proof *p);
/* "eps is 1e-05 in the first graph and 1e-06 in the second" */
AN_API const char *an_proof_difference(const an_proof *p);

/* ---- numbers ----------------------------------------------------------- */

/* What numbers say: of a tensor, a check, or all that was compared. */
typedef enum an_verdict {
    AN_BITWISE,   /* every compared element has the same bits; NaN equals NaN */
    AN_ROUNDING,  /* within the bound: no farther from the truth than rounding goes */
    AN_SUSPECT,   /* up to 64 times beyond the bound: somebody should look */
    AN_DIFFERENT, /* farther, or NaN or infinite in one graph only */
    AN_VACUOUS,   /* the comparison could not have shown a fault; `message` says why */
    AN_FAILED     /* it could not be carried out; `message` says why */
} an_verdict;

/* What inputs and weights are filled with. */
typedef enum an_trial_kind {
    AN_DATA_PLAIN, /* uniform in +-2, an eighth zeros; kernels scaled by their fan-in */
    AN_DATA_HARD,  /* each seed another trouble: rows far from zero, constant rows, one NaN, one
                      infinity, denormals, near overflow, addends that cancel */
    AN_DATA_EXACT, /* powers of two in pairs, such that sums, means and norms need no rounding
                      where widths are powers of two and eps allows it; then any difference
                      is an error of logic */
    AN_DATA_AIMED  /* each seed another kind of values at which ops turn: ties, rows that hardly
                      vary, states as they start; tried by itself where a proof locates what
                      ordinary data does not show */
} an_trial_kind;

typedef struct an_compared { /* one tensor of both graphs */
    const char *name;
    const char *kind; /* "output", "gradient", "update" or "pending update" */
    an_verdict verdict;
    int64_t count, different; /* elements; how many differ in bits, at most in one run */
    int64_t first, worst;     /* index of the first that differs, and of the worst; -1 if none */
    int64_t special;          /* how many are NaN or infinite in one graph, not so in the other */
    int64_t exact;            /* on exact data: how many of the first graph's are what f64 says,
                                 at least in each run; else -1 */
    double worst_a, worst_b, max_abs, max_rel, max_ulp;
    bool degenerate; /* all zero or not finite: shows nothing */
} an_compared;

/* A value inside both graphs: the proof says that these two are the same or, where it fails,
 * that they had to be for some root to meet. */
typedef struct an_inner {
    uint32_t value[2]; /* in an_equivalence_graph 0 and 1 */
    an_verdict verdict;
    int64_t different;
    double max_ulp;
    bool proved; /* else the two only had to be equal for some root to meet */
} an_inner;

/* Where numbers part: the earliest pair of values that should agree and do not, although
 * the second graph's part was run again on the first graph's own operands. */
typedef struct an_divergence {
    an_place at[2];
    an_verdict verdict; /* of the error made here */
    double local_ulp, total_ulp; /* made here; as it came out, with what was inherited */
    int farther;        /* if proved equal, which graph is farther from f64 on the same
                           operands; -1: neither */
    int64_t inherited;  /* later values that differ by what they were given, and no more */
    const char *message;
} an_divergence;

/* One of the checks of an_equivalent beyond comparing outputs and updates. */
typedef struct an_check {
    const char *name, *says; /* "kernels", "each node is as near to f64 as rounding allows" */
    an_verdict verdict;      /* AN_BITWISE: it holds; AN_VACUOUS: there was nothing to try */
    int64_t tried, failed;
    const char *message;     /* the first failure, by name and place; "" if there is none */
} an_check;

/* The verdict: what proof and numbers say together, best first. A proof beats samples. */
typedef enum an_rung {
    AN_RUNG_PROVED,    /* the proof holds, and no number speaks against it */
    AN_RUNG_REALS,     /* equal over the reals, and numbers differ by rounding at most */
    AN_RUNG_BITWISE,   /* not proved; what was tried has the same bits */
    AN_RUNG_ROUNDING,  /* not proved; what was tried differs by rounding at most */
    AN_RUNG_SUSPECT,   /* the proof locates a difference, a check objects, or numbers are off */
    AN_RUNG_DIFFERENT, /* an output, gradient or update differs in numbers: a witness */
    AN_RUNG_REFUSED,   /* the interfaces do not match, so there is nothing to compare */
    AN_RUNG_FAILED     /* it could not be carried out */
} an_rung;

typedef struct an_equivalence an_equivalence;

typedef struct an_equivalent_args {
    an_at at;
    const an_graph *a;
    const an_graph *b;  /* NULL: what `passes` make of a */
    const char *passes; /* as in an_optimise_args; a is differentiated before, as it is when a
                           training program is compiled */
    bool gradients;  /* also d(sum of the float outputs times random cotangents)/d(states, float
                        inputs); an added input "cotangent of y" stands for what is fed */
    bool subset;     /* b, a program's graph say, may lack outputs and updates of a */
    bool inexact;    /* b comes from a pass that is not exact: `rounding` at best */
    bool quick;      /* outputs, gradients and updates only: no check, no compiled program */
    int seeds;       /* feeds drawn from this many seeds; 0: 1, of hard data one per trouble */
    uint64_t seed;   /* the first of them */
    an_trial_kind data;
    int steps;       /* runs in a row, so that updates feed back; 0: 2 if there are any */
    int64_t extent;  /* what every named dim is bound to; 0: each to another: 3, 5, 7 ... */
    const char *bind; /* or by name: "B=32,T=100" */
    int threads[8];  /* b is compiled and run on so many; none given: 1 and 2 */
    int64_t fusions; /* fewer add_norm more in b than in a show nothing */
    double ulps;     /* bound for AN_ROUNDING; 0: 16 */
    int64_t memory;  /* bytes that values may take, beyond which it fails at once with
                        AN_RUNG_FAILED and says how many; 0: as many as there are */
} an_equivalent_args;

/* Runs both graphs on the same seeded feeds and weights, and the first in f64 beside
 * them. They must have the same outputs and updates by name; an output called "%12.1",
 * as a program names a fetch that has no name, is output 1 of the node with ordinal 12.
 * A difference counts as rounding if b is within twice a's error of the f64 value, or
 * within `ulps` units in the last place of it. Unless `quick`, programs are run and the
 * number of threads is set and put back: no other run may be under way.
 *
 * If one graph is an_program_graph of what was not compiled for inference, an_training is true in
 * the other, too. Else it is a leaf of both (to an_prove always), and true in numbers. */
AN_API an_equivalence *an_equivalent_with(const an_equivalent_args *args);
#define an_equivalent(...) an_equivalent_with(&(an_equivalent_args){.at = AN_HERE, __VA_ARGS__})
AN_API void an_equivalence_free(an_equivalence *e);
AN_API const char *an_verdict_name(an_verdict v);

AN_API const char *an_rung_name(an_rung r); /* "proved" ... */

AN_API an_rung an_equivalence_rung(const an_equivalence *e);
/* Whether the verdict is `least` or better. Equal bits that could have shown no fault
 * (AN_VACUOUS) count only beside a proof. */
AN_API bool an_equivalence_holds(const an_equivalence *e, an_rung least);
/* What numbers say by themselves: the worst of what was compared and checked. */
AN_API an_verdict an_equivalence_numbers(const an_equivalence *e);
/* One paragraph for people; its first word is the verdict. */
AN_API const char *an_equivalence_message(const an_equivalence *e);
/* The i-th output, gradient or update; NULL past the end. */
AN_API const an_compared *an_equivalence_compared(const an_equivalence *e, int64_t i);
AN_API const an_compared *an_equivalence_worst(const an_equivalence *e); /* NULL: all bits agree */
/* What kind of aimed data showed a difference that the proof located and the data asked for did
 * not, and with which seed; NULL: none was needed, or none found one. The same call finds the
 * same again. */
AN_API const char *an_equivalence_aimed(const an_equivalence *e, uint64_t *seed);
/* The i-th pair inside, by the first graph's order; NULL past the end. How many there are,
 * and how many differ. */
AN_API const an_inner *an_equivalence_inner(const an_equivalence *e, int64_t i);
AN_API int64_t an_equivalence_inners(const an_equivalence *e);
AN_API int64_t an_equivalence_inners_different(const an_equivalence *e);
AN_API const an_divergence *an_equivalence_divergence(const an_equivalence *e); /* NULL: none */
/* What the passes made and say, if .b was left to them; else NULL. */
AN_API const an_optimised *an_equivalence_optimised(const an_equivalence *e);
AN_API const an_check *an_equivalence_check(const an_equivalence *e, int64_t i);
/* Of the same two graphs, gradients included if asked for; freed with the equivalence. */
AN_API const an_proof *an_equivalence_proof(const an_equivalence *e);
/* What was compared: the caller's graph 0 or 1, or a copy with gradients. */
AN_API const an_graph *an_equivalence_graph(const an_equivalence *e, int graph);
/* How many more Add & Norm, of either norm, the second graph has, and gradients of one. */
AN_API int64_t an_equivalence_fused(const an_equivalence *e);
AN_API int64_t an_equivalence_fused_backward(const an_equivalence *e);
/* Tensors that fused nodes need not write and read, at these extents. */
AN_API int64_t an_equivalence_bytes_saved(const an_equivalence *e);
/* Not AN_OK: it could not be carried out, or was refused; the message says why. */
AN_API an_status an_equivalence_status(const an_equivalence *e);
/* What memory the values need at these extents, an estimate made before they are allocated;
 * 0 if it never came to that. */
AN_API int64_t an_equivalence_memory(const an_equivalence *e);
AN_API char *an_equivalence_report(const an_equivalence *e); /* readable; an_string_free */

typedef struct an_equivalence_dot_args {
    an_at at;
    const an_equivalence *equivalence; /* the graphs that it compared must still be there */
    const an_optimised *optimised; /* what made the second graph, for what it refused */
    const char *title;    /* NULL: the first graph's name */
    const char *path;     /* an_equivalence_dot_file: where to; its ending says what */
    int depth;            /* depth, whole, no_legend, message: as in an_dot_args */
    bool whole, no_legend;
    char *message;
    int64_t message_size;
} an_equivalence_dot_args;
/* Both graphs side by side as Graphviz source: removed nodes dashed, fused ones with the
 * members they replaced, refused candidates with the reason, arrows coloured by error, the
 * first divergence outlined. Equal results give equal bytes; free with an_string_free.
 * NULL only if out of memory or if no two graphs were compared. */
AN_API char *an_equivalence_dot_with(const an_equivalence_dot_args *args);
#define an_equivalence_dot(...)                                                                    \
    an_equivalence_dot_with(&(an_equivalence_dot_args){.at = AN_HERE, __VA_ARGS__})
/* The same as a file, as an_dot_file does it. */
AN_API an_status an_equivalence_dot_file_with(const an_equivalence_dot_args *args);
#define an_equivalence_dot_file(...)                                                               \
    an_equivalence_dot_file_with(&(an_equivalence_dot_args){.at = AN_HERE, __VA_ARGS__})

/* ---- ops from outside --------------------------------------------------- */

typedef struct an_check_op_args {
    an_at at;
    an_value y;     /* a result of the op, over operands of the types to try: with named dims,
                       which will be 0, 1, small and larger */
    uint64_t seed;
    char **report;  /* NULL, or where to put what was checked, a line each; an_string_free */
} an_check_op_args;

/* Holds the node that made y to what the library's own ops are held to: its kernel to its plain
 * loops in f64, on plain and hard data and from denormals to 1e38; both to their operands, whatever
 * memory held before and behind them; its units in any order, on several threads, over an operand
 * if it may; its meaning to its bits; its gradients to differences; its text form. True if all
 * holds. A faulty op is reported; one that writes or reads far past a tensor, or writes a result
 * that nobody reads (data NULL), brings the process down here rather than in a program.
 *
 * Not seen: what differs on other extents than 0, 1, 3, 5, 7 and 37 only, or on other integers than
 * 0 and 1; a NaN or an infinity, for a number, among operands beyond 1e18; what kernel and plain
 * loops both get wrong, unless there is a meaning; f64, if the operands are f32. */
AN_API bool an_check_op_with(const an_check_op_args *args);
#define an_check_op(...) an_check_op_with(&(an_check_op_args){.at = AN_HERE, __VA_ARGS__})

/* ---- gradients --------------------------------------------------------- */

typedef struct an_gradient_check an_gradient_check;

typedef struct an_check_gradients_args {
    an_at at;
    an_value loss;
    uint64_t seed;
    const char *bind;  /* extents of named dims, as in an_equivalent_args */
    double tolerance;  /* relative; 0: 1e-6 */
    int64_t samples;   /* elements tried per tensor; 0: 16 */
    int directions;    /* random ones tried per tensor, and of all tensors at once; 0: 2 */
} an_check_gradients_args;

/* Compares gradients with central differences, in f64 on the plain loops, for every
 * state and float input. A loss that is no scalar is multiplied by random numbers and
 * summed. Signs count; kinks are passed over. */
AN_API an_gradient_check *an_check_gradients_with(const an_check_gradients_args *args);
#define an_check_gradients(...)                                                                    \
    an_check_gradients_with(&(an_check_gradients_args){.at = AN_HERE, __VA_ARGS__})
AN_API void an_gradient_check_free(an_gradient_check *c);
/* AN_OK: every slope is within tolerance. */
AN_API an_status an_gradient_check_status(const an_gradient_check *c);
AN_API const char *an_gradient_check_message(const an_gradient_check *c);
/* The largest relative error beyond that of the differences, where it is
 * ("encoder/kernel[17]", "encoder/kernel along a direction"), and both slopes there. */
AN_API double an_gradient_check_worst(const an_gradient_check *c);
AN_API const char *an_gradient_check_where(const an_gradient_check *c);
AN_API double an_gradient_check_analytic(const an_gradient_check *c);
AN_API double an_gradient_check_numeric(const an_gradient_check *c);
/* Slopes compared, and those that kinks leave undefined. */
AN_API int64_t an_gradient_check_tried(const an_gradient_check *c);
AN_API int64_t an_gradient_check_passed_over(const an_gradient_check *c);

/* ---- feeds for any graph (drawn.c) --------------------------------------- */

/* Something to run a graph on that has no data yet: numbers around 1, ids and lengths within their
 * bounds, labels that are 0 or 1, all from the seed. */
typedef struct an_drawn an_drawn;

/* A tensor for every input of the graph. `bind`, "B=32,T=100", says the extents of named dims, NULL
 * none; the others are 32. NULL if memory is out or they do not fit the graph, and `message` says
 * why. It borrows the graph's names. */
AN_API an_drawn *an_draw_feeds(const an_graph *g, const char *bind, uint64_t seed, char *message,
                               int64_t message_size);
AN_API void an_drawn_free(an_drawn *d);
/* They belong to `d`. */
AN_API const an_feed *an_drawn_feeds(const an_drawn *d, int *count);

#ifdef __cplusplus
}
#endif
#endif
