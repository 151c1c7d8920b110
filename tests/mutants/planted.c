/* planted.c -- faults that only a check of an_equivalent can see.
 *
 * Whoever watches over kernels, memory and programs cannot be caught off guard by right
 * ones. So a second mutant is planted here, and the check that is there to see it must.
 * The fault is in what runs, not in the graphs: these are equal, and proved so.  */
#include "graph/passes/pipeline.h"
#include "graph/equal/result.h"
#include "tests/mutants/mutants.h"

#include <string.h>

#define LEAVES                                                                                     \
    "graph \"g\"\ndims B\n%1: f32[B,24] = input \"x\"\n%2: f32[B,24] = input \"skip\"\n"           \
    "%3: f32[24] = state \"gamma\"\n%4: f32[24] = state \"beta\"\n"                                \
    "%5: f32[] = state \"rate\" {init=constant(0.1)}\n%6: f32[B,24] = input \"dy\"\n"

static const char apart[] = LEAVES
    "%7: f32[B,24] = residual_add %1, %2\n"
    "%8: f32[B,24], f32[B], f32[B] = layer_norm %7, %3, %4 {axis=1, eps=0.01}\n"
    "%9: f32[B,24] = tanh %7\n"
    "%10: f32[B,24], f32[24], f32[24] = layer_norm_grad %6, %7, %3, %8.1, %8.2 {axis=1, eps=0.01}\n"
    "%11: f32[B,24] = accumulate %6, %10\n"
    "%12: f32[24] = sgd_step %3, %10.1, %5\n%13: f32[24] = sgd_step %4, %10.2, %5\n"
    "output \"t\" %9\noutput \"mean\" %8.1\noutput \"rstd\" %8.2\noutput \"dx\" %11\n"
    "update \"u\" %3 <- %12\nupdate \"u\" %4 <- %13\n";

static const char fused[] = LEAVES
    "%7: f32[B,24], f32[B,24], f32[B], f32[B] = add_norm %1, %2, %3, %4 {axis=1, eps=0.01}\n"
    "%8: f32[B,24] = tanh %7.1\n"
    "%9: f32[B,24], f32[24], f32[24] = add_norm_grad %6, %7.1, %3, %7.2, %7.3, %6 "
    "{axis=1, eps=0.01}\n"
    "%10: f32[24] = sgd_step %3, %9.1, %5\n%11: f32[24] = sgd_step %4, %9.2, %5\n"
    "output \"t\" %8\noutput \"mean\" %7.2\noutput \"rstd\" %7.3\noutput \"dx\" %9\n"
    "update \"u\" %3 <- %10\nupdate \"u\" %4 <- %11\n";

/* What is differentiated: a sum with two users, one of them its norm, and an addend whose
 * two other users stand between them, so that the order of its three terms matters. */
static const char plain[] =
    "graph \"g\"\ndims B\n%1: f32[B,24] = input \"x\"\n%2: f32[B,24] = input \"skip\"\n"
    "%3: f32[24] = state \"gamma\"\n%4: f32[B,24] = residual_add %1, %2\n"
    "%5: f32[B,24] = tanh %1\n%6: f32[B,24] = sigmoid %1\n"
    "%7: f32[B,24], f32[B], f32[B] = layer_norm %4, %3 {axis=1, eps=0.01}\n"
    "%8: f32[B,24] = tanh %4\noutput \"y\" %7\noutput \"t\" %8\noutput \"u\" %5\n"
    "output \"v\" %6\n";

typedef struct plant {
    const char *mutant, *check;
    const char *blamed; /* the op where the graphs part; NULL: they do not */
    an_rung rung; /* not asked of gradients: a wrong rule turns what is equal otherwise */
} plant;

static const plant plants[] = {
    {"row-eps-doubled", "kernels", NULL, AN_RUNG_SUSPECT},
    {"norm-mean-is-rstd", "kernels", NULL, AN_RUNG_SUSPECT},
    {"row-squares-of-x", "kernels", "add_norm", AN_RUNG_DIFFERENT},
    {"norm-pair-sum-is-y", "values", "add_norm", AN_RUNG_DIFFERENT},
    {"row-tail-of-x", "values", "add_norm", AN_RUNG_DIFFERENT},
    {"norm-pair-rounds-twice", "values", "add_norm", AN_RUNG_SUSPECT}, /* by rounding, yet proved */
    {"norm-mean-too-far", "memory", NULL, AN_RUNG_SUSPECT},
    {"norm-sum-forgotten", "programs", NULL, AN_RUNG_DIFFERENT},
    {"exec-steps-forgotten", "programs", NULL, AN_RUNG_DIFFERENT},
    {"exec-second-thread", "programs", NULL, AN_RUNG_DIFFERENT},
};

/* Found with gradients only, which are projected from the outputs of `plain`. */
static const plant derived[] = {
    {"rule-residual-sign", "rules", NULL, AN_RUNG_FAILED},
    {"grad-mean-of-w-dropped", "norms", NULL, AN_RUNG_FAILED},
    {"expand-ordinals-of-the-whole", "orders", NULL, AN_RUNG_FAILED},
};

static void try_plant(const plant *p, const an_graph *a, const an_graph *b, bool gradients)
{
    an_planted = an_mutant_number(p->mutant);
    an_equivalence *e = an_equivalent(.a = a, .b = b, .extent = 3, .gradients = gradients);
    an_planted = 0;
    an_judge_watched(p->mutant, e, p->check);
    if (!gradients && an_equivalence_rung(e) != p->rung)
        an_object("rung", "%s: not %s: %s", p->mutant, an_rung_name(p->rung), e->message);
    const char *blamed = e->divergence.at[1].op;
    if (gradients) {
        an_equivalence_free(e);
        return;
    }
    if (p->blamed ? !blamed || strcmp(blamed, p->blamed) != 0 : blamed != NULL)
        an_object("planted", "%s: blames %s", p->mutant, blamed ? blamed : "nobody");
    an_equivalence_free(e);
}

void an_battery_planted(void)
{
    an_graph *a = an_read_graph("apart", apart), *b = an_read_graph("fused", fused);
    for (int turn = 0; a && b && turn < 2; turn++) {
        an_equivalence *e = an_equivalent(.a = turn ? b : a, .b = turn ? a : b, .extent = 3);
        an_judge_equal("nothing planted", e, NULL);
        if (e->fused_forward != (turn ? -1 : 1) || e->fused_backward != (turn ? -1 : 1))
            an_object("counts", "%lld and %lld fusions", (long long)e->fused_forward,
                      (long long)e->fused_backward);
        an_equivalence_free(e);
    }
    for (size_t i = 0; a && b && i < sizeof plants / sizeof *plants; i++)
        try_plant(&plants[i], a, b, false);
    an_graph_free(a);
    an_graph_free(b);
    a = an_read_graph("plain", plain);
    an_optimised *o = an_optimise(a);
    for (size_t i = 0; a && o->graph && i < sizeof derived / sizeof *derived; i++)
        try_plant(&derived[i], a, o->graph, true);
    an_optimised_free(o);
    an_graph_free(a);
}
