/* ghosts.c -- what the graph before had and this one has not, and what became of the rest.
 *
 * Which node is which is told by graph/text/twins.c, as for `addnorm diff`; beside the graph before
 * (`beside`), by the proof, then by ordinal and op, which copies inherit. A node that is gone
 * becomes a ghost: in the box of the fused node that replaced it if there is one, else in its old
 * scope. If an equal one is still there it was merged into that. Folded leaves leave no ghost.  */
#include "graph/picture/view.h"
#include "graph/text/twins.h"

#include <limits.h>
#include <string.h>

typedef struct ordinals { /* nodes of the new graph by ordinal */
    uint32_t *head;    /* [ordinal]: the first node of that ordinal */
    uint32_t *next;    /* [node]: another node of the same ordinal */
    uint32_t *home;    /* [ordinal]: the unit of the fused node that replaced it */
    uint32_t limit;    /* ordinals are below it */
} ordinals;

static uint32_t largest_ordinal(const an_graph *g)
{
    uint32_t largest = 0;
    for (int64_t i = 1; i <= g->node_count; i++)
        if (g->nodes[i].ordinal > largest) largest = g->nodes[i].ordinal;
    return largest;
}

static bool make_index(const an_view *v, ordinals *x)
{
    const uint32_t a = largest_ordinal(v->g), b = largest_ordinal(v->before);
    x->limit = (a > b ? a : b) + 1;
    const int64_t size = (int64_t)x->limit * (int64_t)sizeof(uint32_t);
    x->head = an_alloc_zeroed(size);
    x->home = an_alloc_zeroed(size);
    x->next = an_alloc_zeroed((v->g->node_count + 1) * (int64_t)sizeof *x->next);
    if (!x->head || !x->home || !x->next) return false;
    for (uint32_t i = (uint32_t)v->g->node_count; i > 0; i--) {
        const an_node *n = &v->g->nodes[i];
        x->next[i] = x->head[n->ordinal];
        x->head[n->ordinal] = i;
        const bool pass = n->from.how && strcmp(n->from.how, "grad") != 0 &&
                          strcmp(n->from.how, "update") != 0;
        for (int k = 0; pass && k < n->from.count; k++)
            if (n->from.of[k] < x->limit) x->home[n->from.of[k]] = v->unit_of[i];
    }
    return true;
}

static void match(an_view *v, const ordinals *x, bool *old)
{
    for (int64_t i = 1; v->twin && i <= v->before->node_count; i++)
        if (v->twin[i] && !old[v->twin[i]]) old[v->same_as[i] = v->twin[i]] = true;
    for (int64_t i = 1; i <= v->before->node_count; i++) {
        const an_node *n = &v->before->nodes[i];
        if (v->same_as[i]) continue;
        uint32_t now = x->head[n->ordinal];
        while (now && (v->g->nodes[now].op != n->op || old[now])) now = x->next[now];
        v->same_as[i] = now;
        if (now) old[now] = true;
    }
}

/* Whether operand k was led elsewhere: from a node that is still there to one that was. */
static bool is_rewired(const an_twins *t, uint32_t a, uint32_t b, int k)
{
    const an_node *m = &t->g[0]->nodes[a], *n = &t->g[1]->nodes[b];
    const uint32_t p = m->in[k] ? t->g[0]->slots[m->in[k]].node : 0;
    const uint32_t q = n->in[k] ? t->g[1]->slots[n->in[k]].node : 0;
    return !an_twins_agree(t, a, b, k) && (!p || t->of[0][p]) && (!q || t->of[1][q]);
}

static bool is_changed(const an_twins *t, uint32_t a, uint32_t b)
{
    const an_facet *x = &t->facet[0][a], *y = &t->facet[1][b];
    const an_node *m = &t->g[0]->nodes[a], *n = &t->g[1]->nodes[b];
    bool changed = x->op != y->op || x->attrs != y->attrs || x->types != y->types ||
                   x->label != y->label || m->inputs != n->inputs;
    for (int k = 0; !changed && k < n->inputs; k++) changed = is_rewired(t, a, b, k);
    return changed;
}

/* Of nodes that are gone, those of which an equal one stayed. */
static bool find_merged(an_view *v, const an_twins *t)
{
    uint32_t most = 0;
    for (int64_t i = 1; i <= v->before->node_count; i++)
        if (t->facet[0][i].value > most) most = t->facet[0][i].value;
    uint32_t *stayed = an_alloc_zeroed(((int64_t)most + 1) * (int64_t)sizeof *stayed);
    v->merged = an_alloc_zeroed((v->before->node_count + 1) * (int64_t)sizeof *v->merged);
    const bool good = stayed && v->merged;
    for (uint32_t i = 1; good && (int64_t)i <= v->before->node_count; i++)
        if (v->same_as[i]) stayed[t->facet[0][i].value] = v->same_as[i];
    for (int64_t i = 1; good && i <= v->before->node_count; i++)
        if (!v->same_as[i]) v->merged[i] = stayed[t->facet[0][i].value];
    an_free(stayed);
    return good;
}

static bool match_twins(an_view *v, bool *old)
{
    an_twins t = {0};
    v->changed = an_alloc_zeroed(v->g->node_count + 1);
    bool good = v->changed && an_twins_find(&t, v->before, v->g);
    for (uint32_t i = 1; good && (int64_t)i <= v->before->node_count; i++) {
        const uint32_t now = v->same_as[i] = t.of[0][i];
        if (now) old[now] = true;
        if (now) v->changed[now] = is_changed(&t, i, now);
    }
    good = good && find_merged(v, &t);
    an_twins_free(&t);
    return good;
}

static bool leaves_a_ghost(const an_graph *g, const an_node *n)
{
    const bool leaf = n->op->traits & AN_TRAIT_LEAF;
    return !leaf || an_node_is_input(n) || (an_node_is_state(n) && !an_view_is_tiny(g, n));
}

static bool add_ghost(an_view *v, uint32_t number, const ordinals *x, const uint8_t *phase)
{
    const an_node *n = &v->before->nodes[number];
    if (!leaves_a_ghost(v->before, n)) return true;
    const uint32_t home = x->home[n->ordinal];
    if ((v->focused >= 0 || v->beside) && !home) return true;
    if (home && v->units[home].kind != AN_UNIT_NODE) return true; /* collapsed */
    int length;
    const char *scope = an_view_scope(v->before, n, &length);
    const uint32_t box =
        home ? v->units[home].box : an_view_box(v, (an_phase)phase[number], scope, length);
    if (!box) return false;
    if (!home && an_view_level(v, box) > v->depth) return true;
    const an_unit ghost = {.kind = AN_UNIT_GHOST, .phase = (an_phase)phase[number],
                           .first = number, .nodes = 1, .box = box, .home = home,
                           .merged = v->merged && v->merged[number]};
    v->ghost_of[number] = an_view_unit(v, &ghost);
    return v->ghost_of[number] != 0;
}

static void mark_added(an_view *v, const bool *old)
{
    for (int64_t u = 1; u <= v->unit_count; u++) {
        an_unit *unit = &v->units[u];
        if (unit->kind == AN_UNIT_GHOST) continue;
        unit->added = true;
        for (uint32_t i = unit->first; i; i = v->next_in_unit[i]) {
            unit->added = unit->added && !old[i];
            unit->changed = unit->changed || (v->changed && v->changed[i]);
        }
    }
}

static bool find_gone(an_view *v, uint32_t limit)
{
    v->gone = an_alloc_zeroed((int64_t)limit * (int64_t)sizeof *v->gone);
    if (!v->gone) return false;
    v->gone_limit = limit;
    for (uint32_t i = (uint32_t)v->before->node_count; i > 0; i--)
        if (!v->same_as[i]) v->gone[v->before->nodes[i].ordinal] = i;
    return true;
}

bool an_view_ghosts(an_view *v)
{
    const int64_t count = v->before->node_count + 1, words = count * (int64_t)sizeof(uint32_t);
    ordinals x = {0};
    v->ghost_of = an_alloc_zeroed(words);
    v->same_as = an_alloc_zeroed(words);
    bool *old = an_alloc_zeroed(v->g->node_count + 1);
    uint8_t *phase = an_alloc_zeroed(count);
    bool good = v->ghost_of && v->same_as && old && phase && make_index(v, &x) &&
                an_graph_phases(v->before, phase);
    if (good && v->beside) match(v, &x, old);
    else if (good) good = match_twins(v, old);
    if (good) good = find_gone(v, x.limit);
    if (good) mark_added(v, old);
    for (uint32_t i = 1; good && (int64_t)i < count; i++)
        if (!v->same_as[i]) good = add_ghost(v, i, &x, phase);
    an_free(x.head);
    an_free(x.next);
    an_free(x.home);
    an_free(old);
    an_free(phase);
    return good;
}
