/* depth.c -- how much of a graph is shown at once.
 *
 * A graph of more boxes than can be read, or of more rows than fit a page, is closed by itself:
 * the deepest scopes first. If the outermost are still too many, nodes that stand on neighbouring
 * rows of a lane become one box, a *part*: rows descend everywhere, so parts read only from above.
 * How large a picture gets, only Graphviz knows: the renderer asks for a step more (`closed`) if it
 * became too large.                                                           */
#include "graph/picture/view.h"

#include <limits.h>
#include <string.h>

#define READABLE 150   /* boxes; above, scopes close unless .whole forbids it */
#define ROW_POINTS 62  /* what a row of the ladder takes, with its arrows; measured: 58 to 80 */
#define DEEPEST 8      /* levels of scopes that are tried one by one */
#define PARTS 24       /* of a lane, at most ... */
#define FEWEST_PARTS -3 /* ... or a half, or a quarter of that */
#define FEW_INPUTS 12  /* are no part of anything */

/* ---- parts -------------------------------------------------------------- */

typedef struct gathering {
    an_view *v;
    uint32_t *was;  /* per node: its box before */
    an_unit *old;   /* the boxes before */
    uint32_t *into; /* per box before: the place of what it goes to */
    struct place {
        int64_t boxes; /* that go there */
        uint32_t unit; /* once it is made */
    } *place;
} gathering;

static bool is_input(const an_view *v, uint32_t unit)
{
    return v->units[unit].kind == AN_UNIT_NODE &&
           an_node_is_input(&v->g->nodes[v->units[unit].first]);
}

/* Which part each row goes to, so that parts hold about as many boxes. NULL: no memory. */
static int32_t *cut_rows(const an_view *v, int parts)
{
    int32_t *of = an_alloc_zeroed(((int64_t)v->rows + 1) * (int64_t)sizeof *of);
    int64_t passed = 0;
    for (uint32_t u = 1; of && (int64_t)u <= v->unit_count; u++) of[v->row[u]]++;
    for (int32_t row = 0; of && row <= v->rows; row++) {
        const int32_t boxes = of[row];
        of[row] = (int32_t)(passed * parts / (v->unit_count + 1));
        passed += boxes;
    }
    return of;
}

/* Where each box goes: a few inputs stay. */
static bool share_out(gathering *t, int parts)
{
    const an_view *v = t->v;
    int32_t *part = cut_rows(v, parts);
    int64_t inputs = 0;
    for (uint32_t u = 1; (int64_t)u <= v->unit_count; u++) inputs += is_input(v, u);
    uint32_t alone = AN_PHASES * PARTS;
    for (uint32_t u = 1; part && (int64_t)u <= v->unit_count; u++) {
        const bool own = inputs <= FEW_INPUTS && is_input(v, u);
        const uint32_t lane = v->units[u].phase * PARTS;
        t->into[u] = own ? alone++ : lane + (uint32_t)part[v->row[u]];
        t->place[t->into[u]].boxes++;
    }
    an_free(part);
    return part != NULL;
}

/* The box that a node goes to; 0: no memory. */
static uint32_t part_of(gathering *t, uint32_t node)
{
    an_view *v = t->v;
    const an_phase phase = (an_phase)v->phase[node];
    struct place *place = &t->place[t->into[t->was[node]]];
    if (place->unit) return place->unit;
    an_unit fresh = {.kind = AN_UNIT_PART, .phase = phase};
    if (place->boxes == 1) fresh.kind = t->old[t->was[node]].kind;
    fresh.first = node;
    fresh.box = (uint32_t)phase + 1;
    return place->unit = an_view_unit(v, &fresh);
}

/* From boxes to parts: all that is known of the boxes is in `t`. */
static bool refile(gathering *t)
{
    an_view *v = t->v;
    v->unit_count = 0;
    if (!an_view_lanes(v)) return false;
    for (uint32_t i = 1; (int64_t)i <= v->g->node_count; i++) {
        v->next_in_unit[i] = 0;
        if (!t->was[i]) continue;
        v->unit_of[i] = part_of(t, i);
        if (!v->unit_of[i]) return false;
        an_view_file(v, v->unit_of[i], i);
    }
    return true;
}

static bool gather(an_view *v, int parts)
{
    const int64_t places = AN_PHASES * PARTS + FEW_INPUTS, units = v->unit_count + 1;
    gathering t = {.v = v};
    t.was = an_alloc((v->g->node_count + 1) * (int64_t)sizeof *t.was);
    t.old = an_alloc(units * (int64_t)sizeof *t.old);
    t.into = an_alloc_zeroed(units * (int64_t)sizeof *t.into);
    t.place = an_alloc_zeroed(places * (int64_t)sizeof *t.place);
    bool good = t.was && t.old && t.into && t.place;
    if (good) {
        memcpy(t.was, v->unit_of, (size_t)(v->g->node_count + 1) * sizeof *t.was);
        if (v->unit_count) memcpy(t.old, v->units, (size_t)units * sizeof *t.old);
        good = share_out(&t, parts) && refile(&t);
    }
    an_free(t.was);
    an_free(t.old);
    an_free(t.into);
    an_free(t.place);
    return good;
}

/* Whether parts would say less than boxes do. */
static bool can_gather(const an_view *v)
{
    int64_t lane[AN_PHASES] = {0};
    for (int64_t u = 1; u <= v->unit_count; u++)
        if (++lane[v->units[u].phase] > PARTS + FEW_INPUTS) return true;
    return false;
}

/* ---- one step ------------------------------------------------------------ */

void an_view_forget(an_view *v)
{
    uint32_t **const all[] = {&v->below, &v->ghost_of, &v->same_as, &v->gone, &v->merged};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        an_free(*all[i]);
        *all[i] = NULL;
    }
    an_free(v->row);
    an_free(v->changed);
    v->row = NULL;
    v->changed = NULL;
    v->edge_count = 0;
    v->rows = 0;
    v->gone_limit = 0;
    v->laddered = false;
}

static bool join_boxes(an_view *v)
{
    return (!v->before || an_view_ghosts(v)) && an_view_edges(v) && an_view_rows(v) &&
           an_view_outputs(v);
}

static bool show_boxes(an_view *v, int depth)
{
    an_view_forget(v);
    v->depth = depth;
    v->parts = 0;
    return an_view_units(v);
}

/* Nodes one by one give the rows: among these nothing is circular. */
static bool show_parts(an_view *v, int parts)
{
    const int simpler = v->simpler;
    const an_graph *before = v->before;
    v->simpler = 0;
    v->before = NULL;
    bool good = show_boxes(v, INT_MAX) && an_view_edges(v) && an_view_rows(v);
    v->simpler = simpler;
    v->before = before;
    v->depth = 0;
    v->parts = parts;
    good = good && gather(v, parts);
    an_view_forget(v);
    return good;
}

static bool fits(const an_view *v)
{
    return v->unit_count <= READABLE && (int64_t)v->rows * ROW_POINTS <= AN_SIDE;
}

/* ---- which step ----------------------------------------------------------- */

int an_view_levels(const char *path, int64_t length)
{
    int levels = length > 0;
    for (int64_t i = 0; i < length; i++) levels += path[i] == '/';
    return levels;
}

int an_view_deepest(const an_graph *g)
{
    int deepest = 0;
    for (int64_t i = 1; i <= g->node_count; i++) {
        const char *scope = g->nodes[i].scope;
        const int levels = an_view_levels(scope, (int64_t)strlen(scope));
        if (levels > deepest) deepest = levels;
    }
    return deepest;
}

/* As asked for; of what Graphviz gave up a level less. */
static bool show_asked(an_view *v, const an_dot_args *args)
{
    int depth = args->depth > 0 ? args->depth : args->depth < 0 ? 0 : INT_MAX;
    const int deepest = an_view_deepest(v->g), most = depth < deepest ? depth : deepest;
    if (v->simpler == 2) depth = most > 0 ? most - 1 : 0;
    return show_boxes(v, v->simpler > 2 ? 0 : depth) && join_boxes(v);
}

/* From all open to the deepest scopes closed, and so on; -1 are parts, -2 half as many, ... */
static int next_depth(int depth, int deepest)
{
    if (depth != INT_MAX) return depth - 1;
    return deepest < DEEPEST ? deepest - 1 : DEEPEST;
}

/* Whether a step is not passed over: for Graphviz gave up, or for this graph stands beside another
 * that is closed further. */
static bool is_allowed(const an_view *v, int depth, int deepest)
{
    if (depth < 0) return true;
    const int level = depth < deepest ? depth : deepest;
    return (v->simpler <= 2 || level == 0) && (v->at_most == 0 || level < v->at_most);
}

bool an_view_open(an_view *v, const an_dot_args *args)
{
    if (args->depth != 0 || args->whole) return show_asked(v, args);
    const int deepest = an_view_deepest(v->g);
    int left = v->closed + (v->simpler == 2); /* steps to go on for when it fits */
    for (int depth = INT_MAX;; depth = next_depth(depth, deepest)) {
        if (!is_allowed(v, depth, deepest)) continue;
        v->automatic = depth != INT_MAX;
        const bool parts = depth < 0;
        if (!(parts ? show_parts(v, PARTS >> (-1 - depth)) : show_boxes(v, depth))) return false;
        const bool outermost = depth == 0 || deepest == 0;
        v->closes = depth >= 0 ? !outermost || can_gather(v) : depth > FEWEST_PARTS;
        if (v->closes && v->unit_count > READABLE) continue;
        if (!join_boxes(v)) return false;
        if (!v->closes || (fits(v) && left-- == 0)) return true;
    }
}
