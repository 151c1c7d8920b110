/* visible.c -- which nodes a view leaves out: those written into their users' boxes, and
 * those that the focus does not show.                                        */
#include "graph/called.h"
#include "graph/picture/view.h"

#include <stdio.h>
#include <string.h>

#define GATHERED 8 /* operands that arrows can still be told from */

/* ---- folding ----------------------------------------------------------- */

bool an_view_is_tiny(const an_graph *g, const an_node *n)
{
    const an_shape *s = &an_slot_type(g, n->first)->shape;
    return an_node_is_constant(n) || an_is_op(n, AN_OP_count) || s->rank == 0 ||
           (s->rank == 1 && s->dim[0] >= 0 && s->dim[0] <= 2);
}

bool an_view_gathers(const an_view *v, uint32_t node)
{
    const an_node *n = &v->g->nodes[node];
    return v->phase[node] == AN_PHASE_UPDATE && n->inputs > GATHERED &&
           !(n->op->traits & AN_TRAIT_STEP);
}

/* Which operands only repeat another of their node. */
static bool find_repeats(an_view *v, uint32_t *last)
{
    const an_graph *g = v->g;
    v->operands = an_alloc_zeroed((g->node_count + 2) * (int64_t)sizeof *v->operands);
    if (!v->operands) return false;
    for (int64_t i = 1; i <= g->node_count; i++)
        v->operands[i + 1] = v->operands[i] + g->nodes[i].inputs;
    v->again = an_alloc_zeroed(v->operands[g->node_count + 1] + 1);
    if (!v->again) return false;
    for (uint32_t i = 1; (int64_t)i <= g->node_count; i++)
        for (int k = 0; k < g->nodes[i].inputs; k++) {
            const uint32_t p = g->nodes[i].in[k] ? g->slots[g->nodes[i].in[k]].node : 0;
            v->again[v->operands[i] + k] = p && last[p] == i;
            last[p] = i;
        }
    return true;
}

/* A leaf is folded if it is tiny, or if it has one user in the phase that reads it
 * first: gradients and updates of that user read it by implication. */
bool an_view_fold(an_view *v)
{
    const an_graph *g = v->g;
    uint32_t *users = an_alloc_zeroed((g->node_count + 1) * (int64_t)sizeof *users);
    if (!users || !find_repeats(v, users)) {
        an_free(users);
        return false;
    }
    memset(users, 0, (size_t)(g->node_count + 1) * sizeof *users);
    for (uint32_t i = 1; (int64_t)i <= g->node_count; i++) {
        const an_node *n = &g->nodes[i];
        for (int k = 0; k < n->inputs; k++) {
            const uint32_t p = n->in[k] ? g->slots[n->in[k]].node : 0;
            users[p] += p && v->phase[i] == v->phase[p] && an_view_first_use(v, i, k);
        }
    }
    for (int64_t i = 1; i <= g->node_count; i++) {
        const an_node *n = &g->nodes[i];
        const bool foldable = an_node_is_leaf(n) && !an_node_is_input(n) && users[i] > 0;
        v->folded[i] = foldable && (users[i] == 1 || an_view_is_tiny(g, n));
    }
    for (int64_t i = 0; i < g->output_count; i++)
        v->folded[g->slots[g->outputs[i].value].node] = false;
    an_free(users);
    return true;
}

/* ---- focus ------------------------------------------------------------- */

an_status an_view_check_focus(const an_dot_args *args)
{
    const an_graph *g = args->graph;
    if (!args->focus || !args->focus[0]) return AN_OK;
    an_guess guess = {.word = args->focus};
    for (int64_t i = 1; i <= g->node_count; i++)
        if (an_node_is_called(g, &g->nodes[i], args->focus)) return AN_OK;
    an_graph_guess_called(g, &guess);
    an_text nearest = {0};
    an_guess_print(&guess, &nearest);
    if (args->message && args->message_size > 0)
        snprintf(args->message, (size_t)args->message_size,
                 "error AN-E%03d: focus: nothing is called '%.200s'%s", (int)AN_E_NAME, args->focus,
                 an_text_view(&nearest));
    an_text_free(&nearest);
    return AN_E_NAME;
}

/* One step outwards from everything at distance `now` - 1, both ways. */
static void widen(an_view *v, int32_t *distance, int32_t now)
{
    const an_graph *g = v->g;
    for (int64_t i = 1; i <= g->node_count; i++) {
        const an_node *n = &g->nodes[i];
        for (int k = 0; k < n->inputs; k++) {
            const uint32_t p = n->in[k] ? g->slots[n->in[k]].node : 0;
            if (!p || v->folded[p]) continue;
            if (distance[i] == now - 1 && distance[p] < 0) distance[p] = now;
            else if (distance[p] == now - 1 && distance[i] < 0) distance[i] = now;
        }
    }
}

bool an_view_focus(an_view *v, const char *focus, int radius)
{
    const an_graph *g = v->g;
    v->focused = -1;
    if (!focus || !focus[0]) return true;
    int32_t *distance = an_alloc((g->node_count + 1) * (int64_t)sizeof *distance);
    if (!distance) return false;
    v->focused = 0;
    for (int64_t i = 1; i <= g->node_count; i++) {
        const bool hit = an_node_is_called(g, &g->nodes[i], focus);
        distance[i] = hit ? 0 : -1;
        v->focused += hit;
    }
    /* A weight is found in the box of its user. */
    for (int64_t i = 1; i <= g->node_count; i++)
        for (int k = 0; k < g->nodes[i].inputs; k++) {
            const uint32_t p = g->nodes[i].in[k] ? g->slots[g->nodes[i].in[k]].node : 0;
            if (p && v->folded[p] && distance[p] == 0) distance[i] = 0;
        }
    const int32_t far = radius > 0 ? radius : 1;
    for (int32_t d = 1; d <= far && d <= g->node_count; d++) widen(v, distance, d);
    for (int64_t i = 1; i <= g->node_count; i++) v->hidden[i] = distance[i] < 0;
    an_free(distance);
    return true;
}
