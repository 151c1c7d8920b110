/* clusters.c -- the tree of clusters that boxes stand in: a lane for each phase, and in it
 * a cluster for each scope, a child of the scope around it.                   */
#include "core/random.h"
#include "graph/picture/view.h"

#include <string.h>

const char *an_view_scope(const an_graph *g, const an_node *n, int *length)
{
    const char *scope = n->scope;
    *length = (int)strlen(scope);
    if (!(n->op->traits & AN_TRAIT_STEP) || n->inputs < 1 || !n->in[0]) return scope;
    const an_node *parameter = an_node_of(g, n->in[0]);
    if (!an_node_is_state(parameter)) return scope;
    const char *slash = strrchr(parameter->name, '/');
    *length = slash ? (int)(slash - parameter->name) : 0;
    return parameter->name;
}

int an_view_cut(const an_view *v, const char *path, int length)
{
    int cut = 0;
    for (int level = 0; cut < length; cut++)
        if (path[cut] == '/' && level++ >= v->depth) break;
    return cut;
}

static uint64_t hash_box(uint32_t parent, const char *path, int length)
{
    return an_hash_bytes(path, length, parent);
}

static uint32_t add_box(an_view *v, uint32_t parent, an_phase phase, const char *path, int length)
{
    if (!AN_GROW(v->boxes, v->box_capacity, v->box_count + 2)) return 0;
    const uint32_t id = (uint32_t)++v->box_count;
    v->boxes[id] = (an_box){.path = path, .length = length, .parent = parent, .phase = phase};
    if (!parent) return id;
    if (!an_index_add(&v->by_path, hash_box(parent, path, length), id)) return 0;
    an_box *p = &v->boxes[parent];
    if (p->last_child) v->boxes[p->last_child].next = id;
    else p->child = id;
    p->last_child = id;
    return id;
}

static uint32_t find_child(const an_view *v, uint32_t parent, const char *path, int length)
{
    uint64_t probe = 0;
    uint32_t c;
    while ((c = an_index_next(&v->by_path, hash_box(parent, path, length), &probe))) {
        const an_box *b = &v->boxes[c];
        if (b->parent == parent && b->length == length && !memcmp(b->path, path, (size_t)length))
            break;
    }
    return c;
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

bool an_view_lanes(an_view *v)
{
    v->box_count = 0;
    an_index_free(&v->by_path);
    for (int p = 0; p < AN_PHASES; p++)
        if (!add_box(v, 0, (an_phase)p, "", 0)) return false;
    return true;
}

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

/* ---- walking ----------------------------------------------------------- */

bool an_view_is_cluster(const an_view *v, uint32_t box)
{
    const an_box *b = &v->boxes[box];
    if (b->total == 0 || v->simpler == AN_SIMPLEST) return false;
    if (b->parent) return b->total > 1;
    int phases = 0; /* a graph of one phase needs no frame around it */
    for (uint32_t p = 1; p <= AN_PHASES; p++) phases += v->boxes[p].total > 0;
    return phases > 1;
}

/* Down, along and up, without recursion: scopes nest as deep as a user likes. */
void an_view_walk(const an_view *v, an_box_fn enter, an_box_fn leave, void *context)
{
    for (uint32_t phase = 1; phase <= AN_PHASES; phase++) {
        uint32_t b = v->reversed ? AN_PHASES + 1 - phase : phase;
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
