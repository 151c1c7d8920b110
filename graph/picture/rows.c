/* rows.c -- the ladder: on which row of the picture each box should stand.
 *
 * Forward runs down. The gradient of a node stands beside it or lower, but above the
 * next node's gradient, and the next node stands below it: so both phases descend
 * in step. Updates form a third column, each beside the gradient that it takes.
 * Graphviz ranks every cluster by itself; rows become minimal arrow lengths there.
 *
 * Rows are the least solution of those inequalities. Collapsed scopes can make them
 * circular; then there are no rows, and Graphviz does as it likes.           */
#include "graph/picture/view.h"

#include <string.h>

/* The unit of the forward node whose gradient unit `u` belongs to; 0: unknown. */
static uint32_t partner(const an_view *v, const uint32_t *by_ordinal, uint32_t limit, uint32_t u)
{
    for (uint32_t i = v->units[u].first; i; i = v->next_in_unit[i]) {
        const an_from *from = &v->g->nodes[i].from;
        const bool grad = from->how && !strcmp(from->how, "grad") && from->count > 0;
        if (!grad || from->of[0] >= limit || !by_ordinal[from->of[0]]) continue;
        const uint32_t unit = v->unit_of[by_ordinal[from->of[0]]];
        if (unit && v->units[unit].phase == AN_PHASE_FORWARD) return unit;
    }
    return 0;
}

static bool find_partners(const an_view *v, uint32_t *of)
{
    uint32_t limit = 0;
    for (int64_t i = 1; i <= v->g->node_count; i++)
        if (v->g->nodes[i].ordinal >= limit) limit = v->g->nodes[i].ordinal + 1;
    uint32_t *by_ordinal = an_alloc_zeroed(((int64_t)limit + 1) * (int64_t)sizeof *by_ordinal);
    if (!by_ordinal) return false;
    for (int64_t i = 1; i <= v->g->node_count; i++)
        if (v->phase[i] == AN_PHASE_FORWARD)
            by_ordinal[v->g->nodes[i].ordinal] = (uint32_t)i;
    for (uint32_t u = 1; (int64_t)u <= v->unit_count; u++)
        if (v->units[u].kind != AN_UNIT_GHOST && v->units[u].phase == AN_PHASE_BACKWARD)
            of[u] = partner(v, by_ordinal, limit, u);
    an_free(by_ordinal);
    return true;
}

static bool at_least(an_view *v, uint32_t unit, int32_t row)
{
    if (v->row[unit] >= row) return false;
    v->row[unit] = row;
    return true;
}

/* One round over all inequalities; true if one did not hold yet. `lowest` is the
 * lowest row on which a gradient of a forward unit stands. */
static bool relax(an_view *v, const uint32_t *of, int32_t *lowest)
{
    bool moved = false;
    for (uint32_t u = 1; (int64_t)u <= v->unit_count; u++) {
        if (!of[u]) continue;
        moved = at_least(v, u, v->row[of[u]]) || moved;
        if (lowest[of[u]] < v->row[u]) lowest[of[u]] = v->row[u];
    }
    for (int64_t e = 0; e < v->edge_count; e++) {
        const an_edge *edge = &v->edges[e];
        const an_phase from = v->units[edge->from].phase, to = v->units[edge->to].phase;
        if (edge->kind == AN_EDGE_COMMIT || to == AN_PHASE_UPDATE) continue;
        const int32_t above = v->row[edge->from], below = v->row[edge->to];
        if (from == AN_PHASE_BACKWARD)
            moved = at_least(v, edge->from, below + 1) || moved;
        else if (to == AN_PHASE_BACKWARD)
            moved = at_least(v, edge->to, above) || moved;
        else
            moved = at_least(v, edge->to, 1 + (above > lowest[edge->from] ? above
                                                   : lowest[edge->from])) || moved;
    }
    return moved;
}

/* What nothing leads to (an input, mostly) stands right above its first user. */
static void lower_sources(an_view *v, bool *led_to)
{
    for (int64_t e = 0; e < v->edge_count; e++)
        if (v->edges[e].kind != AN_EDGE_COMMIT) led_to[v->edges[e].to] = true;
    for (int64_t e = v->edge_count - 1; e >= 0; e--) {
        const an_edge *edge = &v->edges[e];
        if (edge->kind != AN_EDGE_DATA || led_to[edge->from] ||
            v->units[edge->from].phase != AN_PHASE_FORWARD ||
            v->units[edge->to].phase != AN_PHASE_FORWARD)
            continue;
        int32_t *row = &v->row[edge->from];
        const int32_t above = v->row[edge->to] > 0 ? v->row[edge->to] - 1 : 0;
        *row = *row == 0 || above < *row ? above : *row;
    }
}

/* One column of updates in the order of the gradients that they take. */
static void stack_updates(an_view *v)
{
    for (int64_t e = 0; e < v->edge_count; e++) {
        const an_edge *edge = &v->edges[e];
        if (edge->kind == AN_EDGE_DATA && v->units[edge->to].phase == AN_PHASE_UPDATE &&
            v->units[edge->from].phase == AN_PHASE_BACKWARD)
            at_least(v, edge->to, v->row[edge->from]);
    }
    uint32_t last = 0;
    for (;;) { /* insertion in order; there are no more updates than weights */
        uint32_t next = 0;
        for (uint32_t u = 1; (int64_t)u <= v->unit_count; u++) {
            const an_unit *unit = &v->units[u];
            if (unit->phase != AN_PHASE_UPDATE || unit->kind == AN_UNIT_GHOST || v->below[u] ||
                u == last)
                continue;
            if (!next || v->row[u] < v->row[next]) next = u;
        }
        if (!next) break;
        if (last) {
            v->below[last] = next;
            at_least(v, next, v->row[last] + 1);
        }
        last = next;
    }
}

bool an_view_rows(an_view *v)
{
    const int64_t size = (v->unit_count + 1) * (int64_t)sizeof(uint32_t);
    v->row = an_alloc_zeroed(size);
    v->below = an_alloc_zeroed(size);
    uint32_t *of = an_alloc_zeroed(size);
    int32_t *lowest = an_alloc_zeroed(size);
    bool *led_to = an_alloc_zeroed(v->unit_count + 1);
    const bool good = v->row && v->below && of && lowest && led_to && find_partners(v, of);
    if (good) {
        int64_t rounds = 0;
        while (relax(v, of, lowest) && rounds <= v->unit_count) rounds++;
        if (rounds > v->unit_count) memset(v->row, 0, (size_t)size);
        stack_updates(v);
    }
    if (good) lower_sources(v, led_to);
    an_free(of);
    an_free(lowest);
    an_free(led_to);
    return good;
}
