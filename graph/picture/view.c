/* view.c -- from nodes to boxes.
 *
 * A graph of too many nodes to read is collapsed by itself: the deepest scopes first,
 * until it fits or only the outermost scopes are left.                        */
#include "graph/picture/view.h"

#include <limits.h>
#include <string.h>

#define READABLE 150 /* boxes; above, scopes collapse unless .whole forbids it */

/* ---- boxes ------------------------------------------------------------- */

static uint32_t unit_for(an_view *v, uint32_t number)
{
    const an_node *n = &v->g->nodes[number];
    int length;
    const char *scope = an_view_scope(v->g, n, &length);
    const an_phase phase = (an_phase)v->phase[number];
    const uint32_t box = an_view_box(v, phase, scope, length);
    if (!box) return 0;
    for (uint32_t b = v->times[number] ? box : 0; b; b = v->boxes[b].parent)
        if (v->boxes[b].length == v->reach[number]) v->boxes[b].times = v->times[number];
    an_unit unit = {.kind = AN_UNIT_NODE, .phase = phase, .first = number, .box = box};
    const bool deep = an_view_level(v, box) > v->depth && !an_node_is_input(n);
    const bool step = n->op->traits & AN_TRAIT_STEP;
    if (deep) {
        if (v->boxes[box].collapsed) return v->boxes[box].collapsed;
        unit.kind = AN_UNIT_SCOPE;
        unit.box = v->boxes[box].parent;
    } else if (step) {
        if (v->boxes[box].steps) return v->boxes[box].steps;
        unit.kind = AN_UNIT_STEPS;
    }
    const uint32_t id = an_view_unit(v, &unit);
    if (deep) v->boxes[box].collapsed = id;
    else if (step) v->boxes[box].steps = id;
    return id;
}

static void add_node(an_view *v, uint32_t u, uint32_t i)
{
    if (v->units[u].nodes++ > 0) v->next_in_unit[v->last_in_unit[u]] = i;
    v->last_in_unit[u] = i;
}

/* What repeats another node is drawn as that. A closed scope around all repetitions counts them. */
static void file_repetitions(an_view *v)
{
    for (uint32_t i = 1; (int64_t)i <= v->g->node_count; i++) {
        const uint32_t as = v->alike[i], u = as ? v->unit_of[as] : 0;
        if (!as || v->hidden[i]) continue;
        v->shown++;
        v->unit_of[i] = u;
        if (!u || v->units[u].kind != AN_UNIT_SCOPE) continue;
        int length;
        const char *path = an_view_scope(v->g, &v->g->nodes[as], &length);
        if (an_view_cut(v, path, length) < v->reach[as]) add_node(v, u, i);
    }
}

static bool make_units(an_view *v)
{
    v->unit_count = v->shown = 0;
    if (!an_view_lanes(v)) return false;
    for (uint32_t i = 1; (int64_t)i <= v->g->node_count; i++) {
        v->unit_of[i] = v->next_in_unit[i] = 0;
        if (v->hidden[i] || v->alike[i]) continue;
        v->shown++;
        if (v->folded[i]) continue;
        const uint32_t u = unit_for(v, i);
        if (!u) return false;
        v->unit_of[i] = u;
        add_node(v, u, i);
    }
    file_repetitions(v);
    for (int64_t u = 1; u <= v->unit_count; u++) {
        an_unit *unit = &v->units[u];
        const bool step = v->g->nodes[unit->first].op->traits & AN_TRAIT_STEP;
        if (unit->kind == AN_UNIT_SCOPE && unit->nodes == 1)
            unit->kind = step ? AN_UNIT_STEPS : AN_UNIT_NODE;
    }
    return true;
}

static int deepest_scope(const an_graph *g)
{
    int deepest = 0;
    for (int64_t i = 1; i <= g->node_count; i++) {
        int levels = g->nodes[i].scope[0] != 0;
        for (const char *s = g->nodes[i].scope; *s; s++) levels += *s == '/';
        if (levels > deepest) deepest = levels;
    }
    return deepest;
}

static bool choose_depth(an_view *v, const an_dot_args *args)
{
    v->depth = args->depth > 0 ? args->depth : args->depth < 0 ? 0 : INT_MAX;
    if (v->simpler > 2) v->depth = 0;
    if (!make_units(v)) return false;
    if (v->simpler > 2 || args->depth != 0 || args->whole || v->unit_count <= READABLE) return true;
    const int deepest = deepest_scope(v->g);
    for (int depth = deepest < 8 ? deepest - 1 : 8; depth >= 0; depth--) {
        v->depth = depth;
        v->automatic = true;
        if (!make_units(v)) return false;
        if (v->unit_count <= READABLE) break;
    }
    return true;
}

/* A level less than was chosen, if there is one. */
static bool close_more(an_view *v)
{
    if (v->simpler != 2) return true;
    const int deepest = deepest_scope(v->g), depth = v->depth < deepest ? v->depth : deepest;
    v->depth = depth > 0 ? depth - 1 : 0;
    return make_units(v);
}

/* ---- the whole --------------------------------------------------------- */

static bool reserve(an_view *v)
{
    const int64_t n = v->g->node_count + 1, words = n * (int64_t)sizeof(uint32_t);
    v->unit_of = an_alloc_zeroed(words);
    v->next_in_unit = an_alloc_zeroed(words);
    v->last_in_unit = an_alloc_zeroed(words);
    v->phase = an_alloc_zeroed(n);
    v->folded = an_alloc_zeroed(n);
    v->hidden = an_alloc_zeroed(n);
    v->alike = an_alloc_zeroed(words);
    v->block = an_alloc_zeroed(words);
    v->times = an_alloc_zeroed(words);
    v->reach = an_alloc_zeroed(words);
    return v->alike && v->block && v->times && v->reach && v->unit_of && v->next_in_unit &&
           v->last_in_unit && v->phase && v->folded && v->hidden;
}

static bool find_commits(an_view *v)
{
    const an_graph *g = v->g;
    v->becomes = an_alloc_zeroed((g->node_count + 1) * (int64_t)sizeof *v->becomes);
    v->becomes_next = an_alloc_zeroed((g->commit_count + 1) * (int64_t)sizeof *v->becomes_next);
    if (!v->becomes || !v->becomes_next) return false;
    for (int64_t c = g->commit_count - 1; c >= 0; c--) {
        const an_commit *row = &g->commits[c];
        if (row->set == AN_PENDING && an_graph_both_take(g, row, g, row)) continue; /* a table's */
        uint32_t *first = &v->becomes[g->slots[g->commits[c].value].node];
        v->becomes_next[c] = *first;
        *first = (uint32_t)c + 1;
    }
    return true;
}

static bool take_profile(an_view *v, const an_dot_args *args)
{
    const an_profile *f = args->profile;
    if (!f || f->program->graph != v->g || an_profile_runs(f) == 0) return true;
    v->seconds = an_alloc_zeroed((v->g->node_count + 1) * (int64_t)sizeof *v->seconds);
    if (v->seconds) an_profile_by_node(f, v->seconds);
    v->whole = an_profile_seconds(f) * an_profile_threads(f);
    for (int64_t i = 1; v->seconds && i <= v->g->node_count; i++) {
        if (!v->alike[i]) continue;
        v->seconds[v->alike[i]] += v->seconds[i];
        v->seconds[i] = 0;
    }
    return v->seconds != NULL;
}

double an_view_seconds(const an_view *v, const an_unit *u)
{
    double sum = 0;
    if (!v->seconds || u->kind == AN_UNIT_GHOST) return 0;
    for (uint32_t i = u->first; i; i = v->next_in_unit[i]) sum += v->seconds[i];
    return sum;
}

/* Whether what repeats is drawn once: not if all is asked for, a place, or a comparison. */
static bool folds(const an_view *v, const an_dot_args *args)
{
    return !args->whole && !args->focus && !args->diff && !v->beside;
}

bool an_view_make(an_view *v, const an_dot_args *args)
{
    v->g = args->graph;
    v->before = args->diff;
    return reserve(v) && an_graph_phases(v->g, v->phase) &&
           (!folds(v, args) || an_view_alike(v, args->unfold)) && find_commits(v) &&
           take_profile(v, args) && an_view_fold(v) &&
           an_view_focus(v, args->focus, args->radius) && choose_depth(v, args) &&
           close_more(v) &&
           (!v->before || an_view_ghosts(v)) && an_view_edges(v) && an_view_rows(v);
}

void an_view_free(an_view *v)
{
    an_free(v->units);
    an_free(v->boxes);
    an_free(v->edges);
    an_free(v->unit_of);
    an_free(v->next_in_unit);
    an_free(v->last_in_unit);
    an_free(v->phase);
    an_free(v->folded);
    an_free(v->again);
    an_free(v->operands);
    an_free(v->becomes);
    an_free(v->becomes_next);
    an_free(v->gone);
    an_free(v->hidden);
    an_free(v->alike);
    an_free(v->block);
    an_free(v->times);
    an_free(v->reach);
    an_free(v->seconds);
    an_index_free(&v->by_path);
    an_free(v->row);
    an_free(v->below);
    an_free(v->ghost_of);
    an_free(v->same_as);
}
