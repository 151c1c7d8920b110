/* dot_view.c -- from nodes to boxes in clusters.
 *
 * The clusters form a tree, a scope within a phase being a child of the scope
 * around it. A graph of too many nodes to read is collapsed by itself: the deepest
 * scopes first, until it fits or only the outermost scopes are left.         */
#include "graph/dot.h"

#include <limits.h>
#include <string.h>

#define READABLE 260 /* boxes; above, scopes collapse unless .whole forbids it */

const char *an_view_scope(const an_graph *g, const an_node *n, int *length)
{
    const char *scope = n->scope;
    *length = (int)strlen(scope);
    if (!(an_op(n->op)->traits & AN_TRAIT_STEP) || n->inputs < 1 || !n->in[0]) return scope;
    const an_node *parameter = an_node_of(g, n->in[0]);
    if (parameter->op != AN_OP_state) return scope;
    const char *slash = strrchr(parameter->name, '/');
    *length = slash ? (int)(slash - parameter->name) : 0;
    return parameter->name;
}

/* ---- clusters ---------------------------------------------------------- */

static uint32_t add_box(an_view *v, uint32_t parent, an_phase phase, const char *path, int length)
{
    if (!AN_GROW(v->boxes, v->box_capacity, v->box_count + 2)) return 0;
    const uint32_t id = (uint32_t)++v->box_count;
    v->boxes[id] = (an_box){.path = path, .length = length, .parent = parent, .phase = phase};
    if (!parent) return id;
    an_box *p = &v->boxes[parent];
    if (p->last_child) v->boxes[p->last_child].next = id;
    else p->child = id;
    p->last_child = id;
    return id;
}

static uint32_t find_child(const an_view *v, uint32_t parent, const char *path, int length)
{
    const uint32_t last = v->boxes[parent].last_child; /* neighbours share their scope */
    for (uint32_t c = last; c; c = c == last ? v->boxes[parent].child : v->boxes[c].next) {
        const an_box *b = &v->boxes[c];
        if (b->length == length && !memcmp(b->path, path, (size_t)length)) return c;
        if (v->boxes[parent].child == last || b->next == last) break;
    }
    return 0;
}

uint32_t an_view_box(an_view *v, an_phase phase, const char *path, int length)
{
    uint32_t box = (uint32_t)phase + 1;
    for (int end = -1, level = 0; end < length && length > 0 && box; level++) {
        if (level > v->depth) break; /* one cluster too deep stands for all below it */
        end++;
        while (end < length && path[end] != '/') end++;
        const uint32_t child = find_child(v, box, path, end);
        box = child ? child : add_box(v, box, phase, path, end);
    }
    return box;
}

int an_view_level(const an_view *v, uint32_t box)
{
    int level = 0;
    for (uint32_t b = v->boxes[box].parent; b; b = v->boxes[b].parent) level++;
    return level;
}

/* ---- boxes ------------------------------------------------------------- */

uint32_t an_view_unit(an_view *v, const an_unit *unit)
{
    if (!AN_GROW(v->units, v->unit_capacity, v->unit_count + 2)) return 0;
    const uint32_t id = (uint32_t)++v->unit_count;
    v->units[id] = *unit;
    uint32_t *chain = unit->home ? &v->units[unit->home].ghosts : &v->boxes[unit->box].unit;
    if (!unit->home) {
        an_box *b = &v->boxes[unit->box];
        if (b->last_unit) chain = &v->units[b->last_unit].next;
        b->last_unit = id;
    } else {
        while (*chain) chain = &v->units[*chain].next;
    }
    *chain = id;
    for (uint32_t b = unit->box; b; b = v->boxes[b].parent) v->boxes[b].total++;
    return id;
}

static uint32_t unit_for(an_view *v, uint32_t number)
{
    const an_node *n = &v->g->nodes[number];
    int length;
    const char *scope = an_view_scope(v->g, n, &length);
    const an_phase phase = (an_phase)v->phase[number];
    const uint32_t box = an_view_box(v, phase, scope, length);
    if (!box) return 0;
    an_unit unit = {.kind = AN_UNIT_NODE, .phase = phase, .first = number, .box = box};
    const bool deep = an_view_level(v, box) > v->depth && n->op != AN_OP_input;
    const bool step = an_op(n->op)->traits & AN_TRAIT_STEP;
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

static bool make_units(an_view *v)
{
    v->unit_count = v->box_count = v->shown = 0;
    for (int p = 0; p < AN_PHASES; p++)
        if (!add_box(v, 0, (an_phase)p, "", 0)) return false;
    for (uint32_t i = 1; (int64_t)i <= v->g->node_count; i++) {
        v->unit_of[i] = v->next_in_unit[i] = 0;
        if (v->hidden[i]) continue;
        v->shown++;
        if (v->folded[i]) continue;
        const uint32_t u = unit_for(v, i);
        if (!u) return false;
        v->unit_of[i] = u;
        if (v->units[u].nodes++ > 0) v->next_in_unit[v->last_in_unit[u]] = i;
        v->last_in_unit[u] = i;
    }
    for (int64_t u = 1; u <= v->unit_count; u++) {
        an_unit *unit = &v->units[u];
        const bool step = an_op(v->g->nodes[unit->first].op)->traits & AN_TRAIT_STEP;
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
    if (!make_units(v)) return false;
    if (args->depth != 0 || args->whole || v->unit_count <= READABLE) return true;
    const int deepest = deepest_scope(v->g);
    for (int depth = deepest < 8 ? deepest - 1 : 8; depth >= 0; depth--) {
        v->depth = depth;
        v->automatic = true;
        if (!make_units(v)) return false;
        if (v->unit_count <= READABLE) break;
    }
    return true;
}

/* ---- walking the clusters ---------------------------------------------- */

bool an_view_is_cluster(const an_view *v, uint32_t box)
{
    const an_box *b = &v->boxes[box];
    if (b->total == 0) return false;
    if (b->parent) return b->total > 1;
    int phases = 0; /* a graph of one phase needs no frame around it */
    for (uint32_t p = 1; p <= AN_PHASES; p++) phases += v->boxes[p].total > 0;
    return phases > 1;
}

/* Down, along and up, without recursion: scopes nest as deep as a user likes. */
void an_view_walk(const an_view *v, an_box_fn enter, an_box_fn leave, void *context)
{
    for (uint32_t phase = 1; phase <= AN_PHASES; phase++) {
        uint32_t b = phase;
        while (b) {
            enter(context, b);
            if (v->boxes[b].child) {
                b = v->boxes[b].child;
                continue;
            }
            while (b) {
                leave(context, b);
                if (v->boxes[b].next) break;
                b = v->boxes[b].parent;
            }
            if (b) b = v->boxes[b].next;
        }
    }
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
    return v->unit_of && v->next_in_unit && v->last_in_unit && v->phase && v->folded && v->hidden;
}

bool an_view_make(an_view *v, const an_dot_args *args)
{
    v->g = args->graph;
    v->before = args->diff;
    return reserve(v) && an_view_phases(v->g, v->phase) && an_view_fold(v) &&
           an_view_focus(v, args->focus, args->radius) && choose_depth(v, args) &&
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
    an_free(v->hidden);
    an_free(v->row);
    an_free(v->below);
    an_free(v->ghost_of);
    an_free(v->same_as);
}
