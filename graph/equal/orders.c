/* orders.c -- does it matter whether a graph is fused or differentiated first?
 *
 * The second graph was fused and then differentiated; here the first one, differentiated
 * already, goes through the default passes. Both must be the same graph to the prover, and as
 * many gradients must have fused where the same norms did.
 *
 * A known limit: canonicalise and cse make one value of two that are equal, whose gradient
 * is then summed in one go, where the passes, coming later, find two sums added up. Then the
 * prover cannot tell, and numbers do: gradients may differ in rounding. Where that shows in
 * what was compared, it is said as such.                                     */
#include "graph/equal/project.h"
#include "graph/equal/trial.h"

#include <string.h>

/* All outputs and updates have equal bits, and gradients differ by rounding at most. */
static bool only_gradients_round(const an_equivalence *r)
{
    int64_t gradients = 0;
    for (int64_t i = 0; i < r->compared_count; i++) {
        const an_compared *c = &r->compared[i];
        const bool gradient = !strcmp(c->kind, "gradient");
        if (c->verdict > (gradient ? AN_ROUNDING : AN_BITWISE)) return false;
        gradients += c->verdict != AN_BITWISE;
    }
    return gradients > 0;
}

/* Whether both have the same norms, fused and not. Passes before the fusion may have made one
 * of two equal sums or norms; then other pairs fuse, and other gradients. */
static bool same_norms(const an_graph *a, const an_graph *b)
{
    int64_t more[AN_OPS] = {0};
    for (int64_t i = 1; i <= a->node_count; i++)
        more[a->nodes[i].op->code] += an_node_is_norm(&a->nodes[i]);
    for (int64_t i = 1; i <= b->node_count; i++)
        more[b->nodes[i].op->code] -= an_node_is_norm(&b->nodes[i]);
    for (int code = 0; code < AN_OPS; code++)
        if (more[code]) return false;
    return true;
}

/* Else one may have gradients of its own that the other never had: those of an update table, say,
 * that the program compared does not run. */
static bool same_roots(const an_graph *a, const an_graph *b)
{
    return a->output_count == b->output_count && a->commit_count == b->commit_count;
}

/* On plain data, at the extents that are usual. */
static bool rounds_at_most(an_trial *t, const an_graph *other, const an_graph *second,
                           bool subset)
{
    an_equivalence *e = an_equivalent(.a = other, .b = second, .subset = subset, .quick = true,
                                      .seeds = 2, .seed = t->args->seed, .bind = t->args->bind,
                                      .extent = t->args->extent);
    const bool good = e && e->verdict != AN_FAILED && e->verdict <= AN_ROUNDING;
    const bool vacuous = e && e->verdict == AN_VACUOUS;
    if (an_equivalence_status(e) == AN_E_MEMORY) an_fail(&t->error, AN_E_MEMORY, "out of memory");
    an_equivalence_free(e);
    return good || vacuous;
}

/* `other` may have more: a gradient of a norm, say, that is dead in what came out. */
static void compare(an_trial *t, const an_graph *other, const an_graph *second, bool subset,
                    an_check_row *row)
{
    static const char *const orders[] = {"differentiated and then fused",
                                         "fused and then differentiated"};
    const bool late = t->args->b != NULL; /* the other one was differentiated first */
    an_proof *f = an_prove(.a = other, .b = second, .subset = subset);
    const bool proved = an_proof_holds(f);
    if (an_proof_status(f) == AN_E_MEMORY) an_fail(&t->error, AN_E_MEMORY, "out of memory");
    const int64_t a = an_graph_add_norm_grads(other), b = an_graph_add_norm_grads(second);
    if (!proved && only_gradients_round(t->result))
        an_check_fail(row, AN_ROUNDING,
                      "the passes before the fusion grouped gradient terms otherwise; outputs "
                      "and updates agree in every bit");
    else if (!proved && !rounds_at_most(t, other, second, subset))
        an_check_fail(row, AN_SUSPECT, "%s, the first graph is not the second, %s: %.300s",
                      orders[!late], orders[late], an_proof_message(f));
    else if (proved && a != b && same_roots(other, second) && same_norms(other, second))
        an_check_fail(row, AN_SUSPECT, "%lld fused gradients if %s, %lld if %s", (long long)a,
                      orders[!late], (long long)b, orders[late]);
    an_proof_free(f);
}

/* The first graph, as it was given, through the passes and then differentiated. */
static an_graph *fused_first(an_trial *t)
{
    an_optimised *o = an_optimise(.graph = t->args->a, .passes = t->args->passes);
    const an_graph *fused = an_optimised_graph(o);
    an_graph *early = fused ? an_project_gradients(fused, true, &t->error) : NULL;
    if (!fused) an_fail(&t->error, an_optimised_status(o), "%s", an_optimised_message(o));
    an_optimised_free(o);
    return early;
}

/* Two graphs of the caller's were differentiated each by itself, so the second was fused first;
 * what the passes made of one was differentiated first. The other order is made here. */
an_status an_check_orders(an_trial *t, an_check_row *row)
{
    if (t->round > 0 || t->step > 0 || t->result->fused_forward <= 0) return AN_OK;
    row->tried++;
    if (!t->args->b) {
        an_graph *early = fused_first(t);
        if (early) compare(t, early, t->side[1].g, true, row);
        an_graph_free(early);
        return t->error.status;
    }
    an_optimised *late = an_optimise(.graph = t->side[0].g);
    const an_graph *graph = an_optimised_graph(late);
    if (graph) compare(t, graph, t->side[1].g, t->args->subset, row);
    else an_fail(&t->error, an_optimised_status(late), "%s", an_optimised_message(late));
    an_optimised_free(late);
    return t->error.status;
}
