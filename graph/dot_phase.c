/* dot_phase.c -- what a node is for, in a picture: which phase it belongs to, whether
 * it is written into its users' boxes, whether the focus shows it.            */
#include "graph/dot.h"

#include <stdio.h>
#include <string.h>

/* ---- phases ------------------------------------------------------------ */

static an_phase own_phase(const an_node *n)
{
    const an_op_info *op = an_op(n->op);
    const char *how = n->from.how ? n->from.how : "";
    if (op->category == AN_CATEGORY_OPTIMIZER || !strcmp(how, "update")) return AN_PHASE_UPDATE;
    const bool derived = !strcmp(how, "grad") || op->traits & AN_TRAIT_DERIVED;
    return derived ? AN_PHASE_BACKWARD : AN_PHASE_FORWARD;
}

static bool is_leaf(const an_node *n)
{
    return an_op(n->op)->traits & AN_TRAIT_LEAF;
}

/* A node that only updates read (a schedule, a counter) belongs to them; a leaf to
 * the earliest phase that reads it. Users stand behind what they use, so one walk
 * backwards sees every user first. */
static void sink_towards_users(const an_graph *g, uint8_t *phase, uint8_t *earliest)
{
    for (int64_t i = 0; i < g->commit_count; i++)
        earliest[g->slots[g->commits[i].value].node] = AN_PHASE_UPDATE;
    for (int64_t i = 0; i < g->output_count; i++)
        earliest[g->slots[g->outputs[i].value].node] = AN_PHASE_FORWARD;
    for (int64_t i = g->node_count; i > 0; i--) {
        const an_node *n = &g->nodes[i];
        const bool sinks = is_leaf(n) ? n->op != AN_OP_input : earliest[i] == AN_PHASE_UPDATE;
        if (sinks && phase[i] == AN_PHASE_FORWARD && earliest[i] < AN_PHASES)
            phase[i] = earliest[i];
        for (int k = 0; k < n->inputs; k++) {
            const uint32_t p = n->in[k] ? g->slots[n->in[k]].node : 0;
            if (p && earliest[p] > phase[i]) earliest[p] = phase[i];
        }
    }
}

bool an_view_phases(const an_graph *g, uint8_t *phase)
{
    for (int64_t i = 1; i <= g->node_count; i++) {
        const an_node *n = &g->nodes[i];
        phase[i] = (uint8_t)(is_leaf(n) ? AN_PHASE_FORWARD : own_phase(n));
        for (int k = 0; k < n->inputs; k++) {
            const uint32_t p = n->in[k] ? g->slots[n->in[k]].node : 0;
            if (p && phase[p] > phase[i]) phase[i] = phase[p];
        }
    }
    uint8_t *earliest = an_alloc(g->node_count + 1);
    if (!earliest) return false;
    memset(earliest, AN_PHASES, (size_t)g->node_count + 1);
    sink_towards_users(g, phase, earliest);
    an_free(earliest);
    return true;
}

/* ---- folding ----------------------------------------------------------- */

bool an_view_is_tiny(const an_graph *g, const an_node *n)
{
    const an_shape *s = &an_slot_type(g, n->first)->shape;
    return n->op == AN_OP_constant || n->op == AN_OP_count || s->rank == 0 ||
           (s->rank == 1 && s->dim[0] >= 0 && s->dim[0] <= 2);
}

/* A leaf is folded if it is tiny, or if it has one user in the phase that reads it
 * first: gradients and updates of that user read it by implication. */
bool an_view_fold(an_view *v)
{
    const an_graph *g = v->g;
    uint32_t *users = an_alloc_zeroed((g->node_count + 1) * (int64_t)sizeof *users);
    if (!users) return false;
    for (int64_t i = 1; i <= g->node_count; i++) {
        const an_node *n = &g->nodes[i];
        for (int k = 0; k < n->inputs; k++) {
            const uint32_t p = n->in[k] ? g->slots[n->in[k]].node : 0;
            bool first = p && v->phase[i] == v->phase[p];
            for (int j = 0; j < k && first; j++)
                first = !n->in[j] || g->slots[n->in[j]].node != p;
            users[p] += first;
        }
    }
    for (int64_t i = 1; i <= g->node_count; i++) {
        const an_node *n = &g->nodes[i];
        const bool foldable = is_leaf(n) && n->op != AN_OP_input && users[i] > 0;
        v->folded[i] = foldable && (users[i] == 1 || an_view_is_tiny(g, n));
    }
    for (int64_t i = 0; i < g->output_count; i++)
        v->folded[g->slots[g->outputs[i].value].node] = false;
    an_free(users);
    return true;
}

/* ---- focus ------------------------------------------------------------- */

static bool focus_matches(const an_graph *g, const an_node *n, const char *focus)
{
    const size_t length = strlen(focus);
    if (!strcmp(n->name, focus)) return true;
    if (!strncmp(n->scope, focus, length) && (!n->scope[length] || n->scope[length] == '/'))
        return true;
    char ordinal[16];
    snprintf(ordinal, sizeof ordinal, "%%%u", n->ordinal);
    if (!strcmp(ordinal, focus)) return true;
    for (int64_t i = 0; i < g->output_count; i++)
        if (an_node_of(g, g->outputs[i].value) == n && !strcmp(g->outputs[i].name, focus))
            return true;
    return false;
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
        const bool hit = focus_matches(g, &g->nodes[i], focus);
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
