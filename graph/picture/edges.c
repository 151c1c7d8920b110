/* edges.c -- the arrows of a picture: at most one of a kind between two boxes.
 *
 * Values that several nodes of a box read from one other box share its arrow. What
 * the backward phase reads from the forward phase was kept for it ("saved"); a
 * commit leads from the value to the box that shows the state.               */
#include "graph/picture/view.h"

typedef struct drawing {
    an_view *v;
    int64_t *arrow;   /* per unit: 1 + its newest arrow */
    uint32_t *target; /* per unit: where that arrow leads */
    uint32_t *named;  /* per value: the unit whose arrow named it last */
    uint32_t *steps;  /* per value: how many updates read it */
} drawing;

static bool add_edge(an_view *v, an_edge_kind kind, uint32_t from, uint32_t to, uint32_t value)
{
    if (!AN_GROW(v->edges, v->edge_capacity, v->edge_count + 1)) return false;
    v->edges[v->edge_count++] =
        (an_edge){.kind = kind, .from = from, .to = to, .values = 1, .value = {value}};
    return true;
}

/* A counter, rate or factor that every update reads: arrows would say nothing. */
static bool is_common(const drawing *d, uint32_t value)
{
    const an_view *v = d->v;
    const uint32_t node = v->g->slots[value].node;
    return d->steps[value] > 2 && v->phase[node] != AN_PHASE_FORWARD &&
           an_view_is_tiny(v->g, &v->g->nodes[node]);
}

static bool draw_operand(drawing *d, uint32_t value, uint32_t to)
{
    an_view *v = d->v;
    const uint32_t from = v->unit_of[v->g->slots[value].node];
    if (!from || from == to || d->named[value] == to) return true;
    if (v->units[to].phase == AN_PHASE_UPDATE && is_common(d, value)) return true;
    d->named[value] = to;
    if (d->target[from] == to) {
        an_edge *e = &v->edges[d->arrow[from] - 1];
        if (e->values < AN_EDGE_VALUES) e->value[e->values] = value;
        e->values++;
        return true;
    }
    const bool saved = v->units[from].phase == AN_PHASE_FORWARD &&
                       v->units[to].phase == AN_PHASE_BACKWARD;
    if (!add_edge(v, saved ? AN_EDGE_SAVED : AN_EDGE_DATA, from, to, value)) return false;
    d->target[from] = to;
    d->arrow[from] = v->edge_count;
    return true;
}

static bool draw_data(drawing *d)
{
    const an_view *v = d->v;
    for (int64_t i = 1; i <= v->g->node_count; i++)
        for (int k = 0; v->phase[i] == AN_PHASE_UPDATE && k < v->g->nodes[i].inputs; k++)
            d->steps[v->g->nodes[i].in[k]]++; /* of an absent operand: value 0's, never read */
    for (uint32_t u = 1; (int64_t)u <= v->unit_count; u++) {
        if (v->units[u].kind == AN_UNIT_GHOST) continue;
        for (uint32_t i = v->units[u].first; i; i = v->next_in_unit[i])
            for (int k = 0; k < v->g->nodes[i].inputs; k++)
                if (v->g->nodes[i].in[k] && !draw_operand(d, v->g->nodes[i].in[k], u))
                    return false;
    }
    return true;
}

/* The unit in which a state is seen: its own, or that of its first user. */
static uint32_t shown_in(const an_view *v, uint32_t state)
{
    const uint32_t node = v->g->slots[state].node;
    if (!v->folded[node]) return v->unit_of[node];
    for (int64_t i = node + 1; i <= v->g->node_count; i++) {
        const an_node *n = &v->g->nodes[i];
        for (int k = 0; k < n->inputs; k++)
            if (n->in[k] == state && v->phase[i] == v->phase[node]) return v->unit_of[i];
    }
    return 0;
}

static bool draw_commits(an_view *v)
{
    const int64_t first = v->edge_count;
    for (int64_t c = 0; c < v->g->commit_count; c++) {
        const an_commit *commit = &v->g->commits[c];
        const an_node *state = an_node_of(v->g, commit->state);
        if (an_view_is_tiny(v->g, state)) continue; /* the label says it */
        const uint32_t from = v->unit_of[v->g->slots[commit->value].node];
        const uint32_t to = shown_in(v, commit->state);
        bool news = from && to && from != to;
        for (int64_t e = first; e < v->edge_count && news; e++)
            news = v->edges[e].from != from || v->edges[e].to != to;
        if (news && !add_edge(v, AN_EDGE_COMMIT, from, to, commit->state)) return false;
    }
    return true;
}

/* Old arrows that touch a ghost. */
static bool draw_gone(an_view *v)
{
    for (int64_t i = 1; i <= v->before->node_count; i++) {
        const an_node *n = &v->before->nodes[i];
        const uint32_t to = v->ghost_of[i] ? v->ghost_of[i] : v->unit_of[v->same_as[i]];
        const int64_t first = v->edge_count;
        for (int k = 0; to && k < n->inputs; k++) {
            const uint32_t p = n->in[k] ? v->before->slots[n->in[k]].node : 0;
            if (!p || (!v->ghost_of[i] && !v->ghost_of[p])) continue;
            const uint32_t from = v->ghost_of[p] ? v->ghost_of[p] : v->unit_of[v->same_as[p]];
            bool news = from != 0;
            for (int64_t e = first; e < v->edge_count && news; e++)
                news = v->edges[e].from != from;
            if (news && !add_edge(v, AN_EDGE_GONE, from, to, n->in[k])) return false;
        }
    }
    return true;
}

bool an_view_edges(an_view *v)
{
    const int64_t units = v->unit_count + 1;
    drawing d = {.v = v, .arrow = an_alloc_zeroed(units * (int64_t)sizeof *d.arrow),
                 .target = an_alloc_zeroed(units * (int64_t)sizeof *d.target),
                 .named = an_alloc_zeroed((v->g->slot_count + 1) * (int64_t)sizeof *d.named),
                 .steps = an_alloc_zeroed((v->g->slot_count + 1) * (int64_t)sizeof *d.steps)};
    bool good = d.arrow && d.target && d.named && d.steps && draw_data(&d) && draw_commits(v);
    if (good && v->before && !v->beside) good = draw_gone(v);
    an_free(d.arrow);
    an_free(d.target);
    an_free(d.named);
    an_free(d.steps);
    return good;
}
