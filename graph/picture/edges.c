/* edges.c -- the arrows of a picture: at most one of a kind between two boxes.
 *
 * Values that several nodes of a box read from one other box share its arrow. What
 * the backward phase reads from the forward phase was kept for it ("saved"); a
 * commit leads from the value to the box that shows the state.
 *
 * Where a residual stream runs: of the two values that a sum adds, one is computed from the other,
 * which came past the block; and from a sum to the norm that reads it.        */
#include "core/random.h"
#include "graph/picture/view.h"

typedef struct drawing {
    an_view *v;
    int64_t *arrow;   /* per unit: 1 + its newest arrow */
    uint32_t *target; /* per unit: where that arrow leads */
    uint32_t *readers; /* per unit of a view of parts: how many others read it */
    uint32_t *named;  /* per value: the unit whose arrow named it last */
    uint32_t *steps;  /* per value: how many updates read it */
    uint32_t *reader; /* per node: the first of its phase that reads it; 0: none */
    an_index commits; /* arrows of commits, by where they lead from and to */
    an_index drawn;   /* those for data, likewise, if something repeats */
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

/* Two values of one type are added: no bias, no table of positions. */
static bool adds_alike(const an_graph *g, const an_node *n)
{
    for (int k = 0; k < 2; k++) {
        const an_node *made = n->inputs > 1 && n->in[k] ? an_node_of(g, n->in[k]) : NULL;
        if (!made || (an_node_is_leaf(made) && !an_node_is_input(made))) return false;
    }
    return an_slot_type(g, n->in[0]) == an_slot_type(g, n->in[1]);
}

#define LOOKED_AT 400 /* operands of what lies between the two values of a sum */

/* Whether a value is computed from an older one; operands are older than who reads them. */
static bool descends(const an_graph *g, uint32_t value, uint32_t from)
{
    uint32_t open[LOOKED_AT];
    int count = 0, looked = 0;
    const uint32_t oldest = g->slots[from].node;
    open[count++] = g->slots[value].node;
    while (count > 0) {
        const an_node *n = &g->nodes[open[--count]];
        for (int k = 0; k < n->inputs; k++) {
            const uint32_t p = n->in[k] ? g->slots[n->in[k]].node : 0;
            if (p == oldest) return true;
            if (p > oldest && looked++ < LOOKED_AT && count < LOOKED_AT) open[count++] = p;
        }
    }
    return false;
}

static bool is_stream(const an_view *v, uint32_t value, uint32_t reader)
{
    const an_node *n = &v->g->nodes[reader], *made = an_node_of(v->g, value);
    const an_op_rules *rules = n->op->rules;
    if (v->phase[reader] != AN_PHASE_FORWARD) return false;
    if (rules->adds && adds_alike(v->g, n)) {
        const bool first = n->in[0] < n->in[1];
        return value == n->in[!first] && descends(v->g, n->in[first], value);
    }
    return rules->norm.row > 0 && value == n->in[rules->norm.row - 1] && made->op->rules->adds;
}

/* A leaf that many parts read: an arrow to each would hide all else. */
static bool fans_out(drawing *d, uint32_t from)
{
    const an_view *v = d->v;
    const bool leaf = an_node_is_leaf(&v->g->nodes[v->units[from].first]);
    return v->parts && leaf && d->readers[from]++ > 0;
}

/* `reader`, a node of the unit `to`, reads the value. */
static bool draw_operand(drawing *d, uint32_t value, uint32_t reader, uint32_t to)
{
    an_view *v = d->v;
    const uint32_t from = v->unit_of[v->g->slots[value].node];
    const bool stream = from && from != to && is_stream(v, value, reader);
    if (stream && d->target[from] == to) v->edges[d->arrow[from] - 1].stream = true;
    if (!from || from == to || d->named[value] == to) return true;
    if (v->units[to].phase == AN_PHASE_UPDATE && is_common(d, value)) return true;
    if (an_view_gathers(v, reader)) return true;
    if (an_view_between(v, v->g->slots[value].node, reader)) return true;
    d->named[value] = to;
    if (d->target[from] == to) {
        an_edge *e = &v->edges[d->arrow[from] - 1];
        if (e->values < AN_EDGE_VALUES) e->value[e->values] = value;
        e->values++;
        return true;
    }
    if (fans_out(d, from)) return true;
    const bool saved = v->units[from].phase == AN_PHASE_FORWARD &&
                       v->units[to].phase == AN_PHASE_BACKWARD;
    if (!add_edge(v, saved ? AN_EDGE_SAVED : AN_EDGE_DATA, from, to, value)) return false;
    v->edges[v->edge_count - 1].stream = stream;
    d->target[from] = to;
    d->arrow[from] = v->edge_count;
    return true;
}

/* The arrow for data from one unit to another; -1: there is none. */
static int64_t find_drawn(drawing *d, uint32_t from, uint32_t to)
{
    const uint32_t ends[] = {from, to};
    uint64_t probe = 0;
    for (uint32_t e; (e = an_index_next(&d->drawn, an_hash_bytes(ends, sizeof ends, 1), &probe));)
        if (d->v->edges[e - 1].from == from && d->v->edges[e - 1].to == to) return e - 1;
    return -1;
}

static bool file_drawn(drawing *d, int64_t e)
{
    const uint32_t ends[] = {d->v->edges[e].from, d->v->edges[e].to};
    return an_index_add(&d->drawn, an_hash_bytes(ends, sizeof ends, 1), (uint32_t)e + 1);
}

/* What the other repetitions read from elsewhere leads to the one that is drawn. */
static bool draw_repetitions(drawing *d)
{
    an_view *v = d->v;
    bool good = true;
    for (int64_t e = 0; good && e < v->edge_count; e++) good = file_drawn(d, e);
    for (uint32_t i = 1; good && (int64_t)i <= v->g->node_count; i++) {
        const uint32_t to = v->alike[i] ? v->unit_of[i] : 0;
        for (int k = 0; good && to && k < v->g->nodes[i].inputs; k++) {
            const uint32_t value = v->g->nodes[i].in[k], p = value ? v->g->slots[value].node : 0;
            const uint32_t from = p ? v->unit_of[p] : 0;
            if (!from || v->block[p] == v->block[i] || find_drawn(d, from, to) >= 0) continue;
            const int64_t before = v->edge_count;
            good = draw_operand(d, value, i, to);
            if (good && v->edge_count > before) good = file_drawn(d, before);
        }
    }
    return good;
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
                if (v->g->nodes[i].in[k] && !draw_operand(d, v->g->nodes[i].in[k], i, u))
                    return false;
    }
    return !v->repeated || draw_repetitions(d);
}

static void find_readers(drawing *d)
{
    const an_view *v = d->v;
    for (int64_t i = v->g->node_count; i > 0; i--) {
        const an_node *n = &v->g->nodes[i];
        for (int k = 0; k < n->inputs; k++) {
            const uint32_t p = n->in[k] ? v->g->slots[n->in[k]].node : 0;
            if (p && v->phase[i] == v->phase[p]) d->reader[p] = (uint32_t)i;
        }
    }
}

/* The unit in which a state is seen: its own, or that of its first user. */
static uint32_t shown_in(const drawing *d, uint32_t state)
{
    const uint32_t node = d->v->g->slots[state].node;
    return d->v->unit_of[d->v->folded[node] ? d->reader[node] : node];
}

static bool draw_commit(drawing *d, uint32_t from, uint32_t to, uint32_t state)
{
    const uint32_t ends[] = {from, to};
    const uint64_t hash = an_hash_bytes(ends, sizeof ends, 0);
    uint64_t probe = 0;
    for (uint32_t e; (e = an_index_next(&d->commits, hash, &probe));)
        if (d->v->edges[e - 1].from == from && d->v->edges[e - 1].to == to) return true;
    return add_edge(d->v, AN_EDGE_COMMIT, from, to, state) &&
           an_index_add(&d->commits, hash, (uint32_t)d->v->edge_count);
}

static bool draw_commits(drawing *d)
{
    const an_view *v = d->v;
    find_readers(d);
    for (int64_t c = 0; c < v->g->commit_count; c++) {
        const an_commit *commit = &v->g->commits[c];
        const an_node *state = an_node_of(v->g, commit->state);
        if (an_view_is_tiny(v->g, state)) continue; /* the label says it */
        const uint32_t from = v->unit_of[v->g->slots[commit->value].node];
        const uint32_t to = shown_in(d, commit->state);
        if (from && to && from != to && !draw_commit(d, from, to, commit->state)) return false;
    }
    return true;
}

/* Old arrows that touch a ghost. */
static bool draw_gone(drawing *d)
{
    an_view *v = d->v;
    for (int64_t u = 1; u <= v->unit_count; u++) d->target[u] = 0; /* from now on an old node */
    for (int64_t i = 1; i <= v->before->node_count; i++) {
        const an_node *n = &v->before->nodes[i];
        const uint32_t to = v->ghost_of[i] ? v->ghost_of[i] : v->unit_of[v->same_as[i]];
        for (int k = 0; to && k < n->inputs; k++) {
            const uint32_t p = n->in[k] ? v->before->slots[n->in[k]].node : 0;
            if (!p || (!v->ghost_of[i] && !v->ghost_of[p])) continue;
            const uint32_t from = v->ghost_of[p] ? v->ghost_of[p] : v->unit_of[v->same_as[p]];
            if (!from || d->target[from] == (uint32_t)i) continue;
            d->target[from] = (uint32_t)i;
            if (!add_edge(v, AN_EDGE_GONE, from, to, n->in[k])) return false;
        }
    }
    return true;
}

bool an_view_edges(an_view *v)
{
    const int64_t units = v->unit_count + 1;
    drawing d = {.v = v, .arrow = an_alloc_zeroed(units * (int64_t)sizeof *d.arrow),
                 .target = an_alloc_zeroed(units * (int64_t)sizeof *d.target),
                 .readers = an_alloc_zeroed(units * (int64_t)sizeof *d.readers),
                 .named = an_alloc_zeroed((v->g->slot_count + 1) * (int64_t)sizeof *d.named),
                 .steps = an_alloc_zeroed((v->g->slot_count + 1) * (int64_t)sizeof *d.steps),
                 .reader = an_alloc_zeroed((v->g->node_count + 1) * (int64_t)sizeof *d.reader)};
    bool good = d.arrow && d.target && d.readers && d.named && d.steps && d.reader &&
                draw_data(&d) && draw_commits(&d);
    if (good && v->before && !v->beside) good = draw_gone(&d);
    an_free(d.arrow);
    an_free(d.target);
    an_free(d.readers);
    an_free(d.named);
    an_free(d.steps);
    an_free(d.reader);
    an_index_free(&d.commits);
    an_index_free(&d.drawn);
    return good;
}
