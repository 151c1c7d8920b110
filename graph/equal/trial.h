/* trial.h -- one trial: two graphs on the same data, and the first in f64 beside them.
 *
 * interface.c pairs what both graphs offer, trial.c runs them, equivalence.c judges.
 * A check looks at the values of one step, node by node or by running something
 * else on them, and writes one row of the result; it leaves the values alone.  */
#ifndef AN_GRAPH_EQUAL_TRIAL_H
#define AN_GRAPH_EQUAL_TRIAL_H

#include "graph/equal/compare.h"
#include "graph/equal/trial_data.h"

typedef struct an_trial_side {
    const an_graph *g; /* the caller's, or the result's copy with gradients */
    an_evaluation e;   /* every value; before an update is fed back, those of this step */
} an_trial_side;

/* One compared tensor: where it is in each graph, and which state it becomes. */
typedef struct an_pair {
    uint32_t value[2];
    uint32_t state[2]; /* 0 for outputs and gradients */
} an_pair;

typedef struct an_trial {
    const an_equivalent_args *args;
    an_trial_side side[2], truth[2]; /* truth: both graphs in f64 on the reference loops; the
                                        second's only where nothing is proved */
    an_equivalence *result;
    an_pair *pairs; /* beside result->compared */
    int64_t pair_capacity, compared_capacity;
    uint32_t *partner[2]; /* per value of a graph: the value of the other that it should
                             equal; 0: none. result->inner lists them */
    bool varied;          /* some norm saw a row that is not constant, or there are no norms */
    int round, step;      /* which seed, which of its runs; both from 0 */
    int truth_steps[2];   /* how many of the round's steps each truth has been through */
    struct an_programs *programs;
    an_error error;
} an_trial;

static inline double an_trial_ulps(const an_trial *t)
{
    return t->args->ulps > 0 ? t->args->ulps : 16;
}

/* ---- interface.c ------------------------------------------------------- */

/* Opens both sides, with gradients if asked for, and pairs leaves, outputs, updates
 * and, by a proof, the values inside. */
an_status an_trial_open(an_trial *t);

/* ---- needs.c ----------------------------------------------------------- */

/* Adds to the result's `bytes` what side 0 will hold with its dims bound so, or, after it, side
 * 1; `largest` is 0 before the first and what the largest node takes. */
an_status an_trial_needs(an_trial *t, int side, const int64_t *bound, int64_t *largest);
/* AN_E_LIMIT if that is more than the caller allows. */
an_status an_trial_check_needs(an_trial *t);

/* ---- trial.c ----------------------------------------------------------- */

/* Binds the dims of all sides and allocates their values. */
an_status an_trial_bind_sides(an_trial *t);
/* Runs one round on that data; `look` sees each step before its updates are fed back. */
an_status an_trial_round(an_trial *t, const an_draw *draw, an_status (*look)(an_trial *t));
/* Runs all rounds. */
an_status an_trial_run(an_trial *t, an_status (*look)(an_trial *t));
/* Brings the truth of graph 0 or 1 to this step. Before, its values may be an earlier one's. */
an_status an_trial_catch_up(an_trial *t, int graph);
/* Whether the second graph has a truth of its own. */
static inline bool an_trial_has_both(const an_trial *t)
{
    return !an_proof_holds(&t->result->proof);
}
void an_trial_close(an_trial *t);

/* ---- aim.c ------------------------------------------------------------- */

/* Looks for a witness of a difference that the proof located and no number showed. */
an_status an_trial_aim(an_trial *t);

/* ---- equivalence.c ----------------------------------------------------- */

/* Compares the outputs, gradients and updates of this step. */
an_status an_trial_compare(an_trial *t);
/* Whether any of them differed so far. */
bool an_trial_is_witnessed(const an_trial *t);

/* ---- checks: each a file, and a row of the table in equivalence.c ------- */

/* Folds what this step shows into the row: tried, failed, verdict, the first failure's
 * message. An error is returned only if the check could not be carried out. */
typedef an_status (*an_check_fn)(an_trial *t, an_check_row *row);

an_status an_check_values(an_trial *t, an_check_row *row);   /* local.c */
an_status an_check_kernels(an_trial *t, an_check_row *row);  /* node_errors.c */
an_status an_check_memory(an_trial *t, an_check_row *row);   /* node_errors.c */
an_status an_check_programs(an_trial *t, an_check_row *row); /* programs.c */
an_status an_check_norms(an_trial *t, an_check_row *row);    /* invariants.c */
an_status an_check_rules(an_trial *t, an_check_row *row);    /* rules.c */
an_status an_check_orders(an_trial *t, an_check_row *row);   /* orders.c */
void an_programs_free(struct an_programs *p);
/* Whether there are norms and all their rows were constant (norm_rows.c). */
bool an_norms_see_constants(const an_trial_side *s);

/* Records a failure; only the first one's message is kept, and the worst verdict. */
void an_check_fail(an_check_row *row, an_verdict verdict, const char *format, ...)
    AN_PRINTF(3, 4);

/* The first node that errs by itself, into the result (local.c). */
an_status an_trial_divergence(an_trial *t);

#endif
