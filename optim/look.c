/* look.c -- a table's steps taken apart: the gradients by which it steps.
 *
 * Nothing is kept for this but the graph itself, so it works on a graph that was read from a
 * file, too. A step reads its parameter first and the gradient next, or the sum that this was
 * added to.                                                                  */
#include "optim/apply.h"

#include "core/guess.h"

#include <string.h>

static an_value operand(const an_graph *g, const an_node *n, const char *name)
{
    char its[32];
    for (int i = 0; i < n->inputs; i++) {
        an_op_input_name(n->op, i, its, sizeof its);
        if (n->in[i] && !strcmp(its, name)) return an_value_of(g, n->in[i]);
    }
    return AN_NONE;
}

bool an_taken_apart(const an_graph *g, const an_commit *row, an_taken *out)
{
    const an_node *n = an_node_of(g, row->value);
    *out = (an_taken){.when = AN_NONE, .scale = AN_NONE, .rate = AN_NONE};
    if (!(n->op->traits & AN_TRAIT_STEP) || row->value != n->first || n->in[0] != row->state)
        return false;
    if (an_is_op(n, AN_OP_sum_step) || an_is_op(n, AN_OP_average_step)) return false;
    const an_node *sum = an_node_of(g, n->in[1]);
    out->step = n;
    out->total = an_value_of(g, n->in[1]);
    out->gradient = an_is_op(sum, AN_OP_sum_step) ? an_value_of(g, sum->in[1]) : out->total;
    out->rate = operand(g, n, "rate");
    out->scale = operand(g, n, "scale");
    out->when = operand(g, n, "when");
    return true;
}

static an_status fail_unknown(an_updates u, const char *call, const char *state)
{
    an_graph *g = u.graph;
    an_guess guess = {.word = state ? state : ""};
    an_text nearest = {0};
    an_taken taken;
    for (int64_t i = 0; i < g->commit_count; i++)
        if (g->commits[i].set == u.id && an_taken_apart(g, &g->commits[i], &taken))
            an_guess_try(&guess, an_node_of(g, g->commits[i].state)->name);
    an_guess_print(&guess, &nearest);
    const an_status status = an_graph_fail(g, (an_at){0}, AN_E_NAME,
                                           "%s: the table steps no state \"%s\"%s", call,
                                           state ? state : "(null)", an_text_view(&nearest));
    an_text_free(&nearest);
    return status;
}

static bool find(an_updates u, const char *call, const char *state, an_taken *out)
{
    an_graph *g = u.graph;
    if (!g || g->error.status != AN_OK) return false;
    const uint32_t leaf = state && u.id ? an_graph_leaf(g, state) : 0;
    const an_commit *row = leaf ? an_graph_commit_of(g, u.id, leaf) : NULL;
    if (row && an_taken_apart(g, row, out)) return true;
    fail_unknown(u, call, state);
    return false;
}

an_value an_updates_gradient(an_updates u, const char *state)
{
    an_taken taken;
    return find(u, "an_updates_gradient", state, &taken) ? taken.gradient : (an_value){u.graph, 0};
}

an_value an_updates_gradient_taken(an_updates u, const char *state)
{
    an_taken taken;
    if (!find(u, "an_updates_gradient_taken", state, &taken)) return (an_value){u.graph, 0};
    if (an_is_none(taken.scale)) return taken.total;
    return an_mul_at(taken.step->at, taken.total, taken.scale);
}

an_value an_count_runs_at(an_at at, an_updates u, const char *name)
{
    if (!u.graph) return AN_NONE;
    const an_init zeros = {AN_INIT_ZEROS, 0, 0};
    const an_value had = an_state_at(at, u.graph, name, AN_I64, AN_SCALAR, zeros);
    const an_value have = an_add_at(at, had, an_number_at(at, had, 1));
    an_updates_add(u, had, have);
    return an_graph_status(u.graph) == AN_OK ? have : (an_value){u.graph, 0};
}
