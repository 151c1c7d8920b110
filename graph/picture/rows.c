/* rows.c -- the ladder: on which row of the picture each box should stand.
 *
 * Forward runs down. The gradient of a node stands beside it or lower, but above the
 * next node's gradient, and the next node stands below it: so both phases descend
 * in step. Updates form a third column, each beside the gradient that it takes.
 * Graphviz ranks every cluster by itself; rows become minimal arrow lengths there.
 *
 * Rows are the least solution of those inequalities: the longest way to each box, found by
 * taking boxes in an order in which every inequality leads onwards. Collapsed scopes can make
 * them circular; then there are no rows, and Graphviz does as it likes.       */
#include "graph/picture/view.h"

#include <stdlib.h>
#include <string.h>

/* `below` stands at least `gap` rows under `above`. A number is a unit's; or, all units further
 * up, that of the lowest gradient of a forward unit, under which the unit's readers stand. */
typedef struct bound {
    uint32_t above, below;
    int32_t gap;
} bound;

typedef struct ladder {
    an_view *v;
    uint32_t *of;    /* per unit: the forward unit whose gradient it is; 0: none */
    bound *bounds;
    int64_t count, places;
    int32_t *row;    /* the rest is per place */
    int64_t *first;  /* where its bounds begin in `onward` */
    int64_t *onward; /* bounds, by what is above */
    int64_t *open;   /* bounds from above that are not yet counted in */
    uint32_t *queue;
} ladder;

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

static void add_bound(ladder *l, uint32_t above, uint32_t below, int32_t gap)
{
    l->bounds[l->count++] = (bound){above, below, gap};
}

/* Between nodes all gaps are 1, so what is circular can never be met. */
static void collect_bounds(ladder *l)
{
    const an_view *v = l->v;
    const uint32_t lowest = (uint32_t)v->unit_count;
    for (uint32_t u = 1; (int64_t)u <= v->unit_count; u++) {
        if (!l->of[u]) continue;
        add_bound(l, l->of[u], u, 0);
        add_bound(l, u, lowest + l->of[u], 0);
    }
    for (int64_t e = 0; e < v->edge_count; e++) {
        const an_edge *edge = &v->edges[e];
        const an_phase from = v->units[edge->from].phase, to = v->units[edge->to].phase;
        if (edge->kind == AN_EDGE_COMMIT || to == AN_PHASE_UPDATE) continue;
        if (from == AN_PHASE_BACKWARD) {
            add_bound(l, edge->to, edge->from, 1);
        } else if (to == AN_PHASE_BACKWARD) {
            add_bound(l, edge->from, edge->to, 0);
        } else {
            add_bound(l, edge->from, edge->to, 1);
            add_bound(l, lowest + edge->from, edge->to, 1);
        }
    }
}

/* Files every bound under what is above it. */
static void sort_bounds(ladder *l)
{
    for (int64_t i = 0; i < l->count; i++) {
        l->first[l->bounds[i].above + 1]++;
        l->open[l->bounds[i].below]++;
    }
    for (int64_t p = 1; p <= l->places; p++) l->first[p] += l->first[p - 1];
    for (int64_t i = l->count - 1; i >= 0; i--) l->onward[--l->first[l->bounds[i].above + 1]] = i;
}

/* A place is taken once all that stand above it are. False if some never are. */
static bool descend(ladder *l)
{
    int64_t taken = 0, ready = 0;
    for (uint32_t p = 0; (int64_t)p < l->places; p++)
        if (l->open[p] == 0) l->queue[ready++] = p;
    for (; taken < ready; taken++) {
        const uint32_t p = l->queue[taken];
        const int64_t end = (int64_t)p + 2 <= l->places ? l->first[p + 2] : l->count;
        for (int64_t i = l->first[p + 1]; i < end; i++) {
            const bound *b = &l->bounds[l->onward[i]];
            if (l->row[b->below] < l->row[p] + b->gap) l->row[b->below] = l->row[p] + b->gap;
            if (--l->open[b->below] == 0) l->queue[ready++] = b->below;
        }
    }
    return taken == l->places;
}

static bool climb(an_view *v)
{
    ladder l = {.v = v, .places = 2 * v->unit_count + 1};
    const int64_t places = l.places + 2, most = 2 * (v->unit_count + v->edge_count) + 1;
    l.of = an_alloc_zeroed(places * (int64_t)sizeof *l.of);
    l.bounds = an_alloc_zeroed(most * (int64_t)sizeof *l.bounds);
    l.row = an_alloc_zeroed(places * (int64_t)sizeof *l.row);
    l.first = an_alloc_zeroed(places * (int64_t)sizeof *l.first);
    l.onward = an_alloc_zeroed(most * (int64_t)sizeof *l.onward);
    l.open = an_alloc_zeroed(places * (int64_t)sizeof *l.open);
    l.queue = an_alloc_zeroed(places * (int64_t)sizeof *l.queue);
    const bool good = l.of && l.bounds && l.row && l.first && l.onward && l.open && l.queue &&
                      find_partners(v, l.of);
    if (good) {
        collect_bounds(&l);
        sort_bounds(&l);
        v->laddered = descend(&l);
        if (v->laddered) memcpy(v->row, l.row, (size_t)(v->unit_count + 1) * sizeof *l.row);
    }
    void *const all[] = {l.of, l.bounds, l.row, l.first, l.onward, l.open, l.queue};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) an_free(all[i]);
    return good;
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

typedef struct placed {
    int32_t row;
    uint32_t unit;
} placed;

static int by_row(const void *a, const void *b)
{
    const placed *x = a, *y = b;
    if (x->row != y->row) return x->row < y->row ? -1 : 1;
    return x->unit < y->unit ? -1 : 1;
}

/* One column of updates in the order of the gradients that they take. */
static bool stack_updates(an_view *v)
{
    placed *column = an_alloc((v->unit_count + 1) * (int64_t)sizeof *column);
    if (!column) return false;
    for (int64_t e = 0; e < v->edge_count; e++) {
        const an_edge *edge = &v->edges[e];
        if (edge->kind == AN_EDGE_DATA && v->units[edge->to].phase == AN_PHASE_UPDATE &&
            v->units[edge->from].phase == AN_PHASE_BACKWARD &&
            v->row[edge->to] < v->row[edge->from])
            v->row[edge->to] = v->row[edge->from];
    }
    int64_t count = 0;
    for (uint32_t u = 1; (int64_t)u <= v->unit_count; u++)
        if (v->units[u].phase == AN_PHASE_UPDATE && v->units[u].kind != AN_UNIT_GHOST)
            column[count++] = (placed){v->row[u], u};
    qsort(column, (size_t)count, sizeof *column, by_row);
    for (int64_t i = 1; i < count; i++) {
        const uint32_t last = column[i - 1].unit, next = column[i].unit;
        v->below[last] = next;
        if (v->row[next] <= v->row[last]) v->row[next] = v->row[last] + 1;
    }
    an_free(column);
    return true;
}

bool an_view_rows(an_view *v)
{
    v->row = an_alloc_zeroed((v->unit_count + 1) * (int64_t)sizeof *v->row);
    v->below = an_alloc_zeroed((v->unit_count + 1) * (int64_t)sizeof *v->below);
    bool *led_to = an_alloc_zeroed(v->unit_count + 1);
    bool good = v->row && v->below && led_to;
    if (good && !v->simpler) {
        good = climb(v) && stack_updates(v);
        if (good) lower_sources(v, led_to);
    }
    for (int64_t u = 1; good && u <= v->unit_count; u++)
        if (v->row[u] >= v->rows) v->rows = v->row[u] + 1;
    an_free(led_to);
    return good;
}
