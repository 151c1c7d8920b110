/* visible.c -- which nodes have no box, for they are written into their users'. */
#include "graph/picture/view.h"

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
