/* page_views.c -- which pictures a page has.
 *
 * The whole graph as `addnorm dot` draws it, then by depth, what repeats unfolded, by phase, and
 * scope by scope, the outermost first; behind each pass; two graphs beside each other; the map of
 * memory. How many depends on the size of the graph and on nothing else, no clock: equal graphs
 * give equal pages. */
#include "frontends/page/page.h"

#include <stdio.h>
#include <string.h>

#include "core/random.h"
#include "graph/picture/beside.h"
#include "graph/text/lines.h"

#define MOST_VIEWS 28   /* of a graph that takes little time */
#define MOST_DEPTHS 4
#define MANY_NODES 1000 /* above, a picture takes a second or so: less of them */
#define FEW_VIEWS 14
#define HUGE_NODES 3000
#define LEAST_VIEWS 7

/* ---- one view ------------------------------------------------------------ */

/* Whether a source was not drawn yet; from now on it was. */
static bool is_new(an_page *p, const char *dot)
{
    const uint64_t hash = an_hash_string(dot);
    for (int64_t i = 0; i < p->count; i++)
        if (p->drawn[i] == hash) return false;
    if (!AN_GROW(p->drawn, p->drawn_capacity, p->count + 1)) {
        an_page_fail(p, AN_E_MEMORY, "out of memory");
        return false;
    }
    p->drawn[p->count] = hash;
    return true;
}

/* The SVG as text that no browser looks into; without what stands before it, and comments. */
static void add_svg(an_page *p, const char *svg)
{
    const char *at = strstr(svg, "<svg");
    an_text_addf(&p->svgs, "<script type=\"text/plain\" id=\"view-%lld\">", (long long)p->count);
    while (at) {
        const char *comment = strstr(at, "<!--");
        const char *end = comment ? strstr(comment, "-->") : NULL;
        an_text_add_bytes(&p->svgs, at, comment ? comment - at : (int64_t)strlen(at));
        at = end ? end + 3 + (end[3] == '\n') : NULL;
    }
    an_text_add(&p->svgs, "</script>\n");
}

/* Lists the view that was added last; `before`: what a difference is shown to, -1: nothing. */
static void list_view(an_page *p, const char *kind, const char *title, const char *scope,
                      const char *said, int64_t graph, int64_t before)
{
    json_t *to = json_object();
    const bool good = an_json_put(to, "id", json_integer(p->count)) &&
                      an_json_put(to, "kind", json_string(kind)) &&
                      an_json_put(to, "title", an_json_text(title)) &&
                      an_json_put(to, "scope", scope ? an_json_text(scope) : json_null()) &&
                      an_json_put(to, "said", an_json_text(said)) &&
                      an_json_put(to, "graph", json_integer(graph)) &&
                      an_json_put(to, "before", json_integer(before));
    if (!an_json_push(p->views, good ? to : NULL)) an_page_fail(p, AN_E_MEMORY, "out of memory");
    if (!good) json_decref(to);
    p->count++;
}

/* False if that was drawn before. */
static bool add_view(an_page *p, const char *kind, const char *title, const an_dot_args *args,
                     int64_t graph, int64_t before)
{
    char said[1024] = "";
    an_text svg = {0};
    if (p->status != AN_OK) return false;
    char *dot = an_dot_with(args);
    const bool fresh = dot && is_new(p, dot);
    an_string_free(dot);
    if (!dot) an_page_fail(p, AN_E_MEMORY, "out of memory");
    if (!fresh) return false;
    const an_status status = an_picture_svg(an_dot_sketch, args, &svg, said, sizeof said);
    if (status == AN_OK) {
        add_svg(p, an_text_view(&svg));
        list_view(p, kind, title, args->scope, said, graph, before);
    } else if (p->count == 0 || status == AN_E_MEMORY) {
        an_page_fail(p, status, said);
    } else {
        p->left_out++; /* the others are good without it */
    }
    an_text_free(&svg);
    return status == AN_OK;
}

static int64_t add_graph(an_page *p, const an_graph *g)
{
    json_t *made = an_json_graph(g, p->args->bind, AN_PAGE_USUAL);
    if (!made || !an_json_push(p->graphs, made)) an_page_fail(p, AN_E_MEMORY, "out of memory");
    return (int64_t)json_array_size(p->graphs) - 1;
}

/* ---- the graph ----------------------------------------------------------- */

static int64_t most_views(const an_graph *g)
{
    if (g->node_count > HUGE_NODES) return LEAST_VIEWS;
    return g->node_count > MANY_NODES ? FEW_VIEWS : MOST_VIEWS;
}

static an_dot_args usual(const an_page *p)
{
    return (an_dot_args){.graph = p->args->graph, .title = p->args->title,
                         .profile = p->args->profile,
                         .color = p->args->profile ? AN_COLOR_TIME : AN_COLOR_CATEGORY};
}

static void draw_depths(an_page *p)
{
    const int deepest = an_view_deepest(p->args->graph);
    for (int depth = 0; depth < deepest && depth <= MOST_DEPTHS; depth++) {
        char title[64];
        an_dot_args args = usual(p);
        args.depth = depth ? depth : -1;
        snprintf(title, sizeof title, depth ? "scopes open to level %d" : "all scopes closed",
                 depth);
        add_view(p, "depth", title, &args, 0, -1);
    }
}

static void draw_phases(an_page *p)
{
    uint8_t *phase = an_alloc_zeroed(p->args->graph->node_count + 1);
    bool there[AN_PHASES] = {false};
    if (!phase || !an_graph_phases(p->args->graph, phase))
        an_page_fail(p, AN_E_MEMORY, "out of memory");
    for (int64_t i = 1; p->status == AN_OK && i <= p->args->graph->node_count; i++)
        there[phase[i]] = true;
    an_free(phase);
    for (unsigned k = 0; k < AN_PHASES; k++) {
        if (!there[k] || !(there[AN_PHASE_BACKWARD] || there[AN_PHASE_UPDATE])) continue;
        an_dot_args args = usual(p);
        args.phase = an_phase_name(k);
        add_view(p, "phase", args.phase, &args, 0, -1);
    }
}

/* The beginning of a path that is `deep` scopes, kept by the arena; NULL if it has not so many. */
static const char *cut_path(an_arena *arena, const char *path, int deep)
{
    const char *end = path;
    for (; *end && (deep > 1 || *end != '/'); end++) deep -= *end == '/';
    if (deep > 1 || end == path) return NULL;
    char *kept = an_arena_alloc(arena, end - path + 1);
    if (kept) memcpy(kept, path, (size_t)(end - path));
    if (kept) kept[end - path] = 0;
    return kept;
}

static bool is_known(const an_page *p, const char *scope)
{
    const json_t *view;
    size_t i;
    json_array_foreach(p->views, i, view) {
        const char *its = json_string_value(json_object_get(view, "scope"));
        if (its && !strcmp(its, scope)) return true;
    }
    return false;
}

/* A view of each scope, but for those that repeat another: the picture of one is that of all. */
static void draw_scopes(an_page *p)
{
    const an_graph *g = p->args->graph;
    const an_dot_args whole = usual(p);
    an_view v = {0};
    an_arena arena = {0};
    const char *last = "";
    if (!an_view_make(&v, &whole)) an_page_fail(p, AN_E_MEMORY, "out of memory");
    for (int deep = 1; deep <= 8; deep++)
        for (int64_t i = 1; p->status == AN_OK && i <= g->node_count; i++) {
            if (v.alike[i]) continue; /* cut_path tells whether it is so deep */
            const char *scope = cut_path(&arena, g->nodes[i].scope, deep);
            if (!scope || !strcmp(scope, last) || is_known(p, scope)) continue;
            last = scope;
            an_dot_args args = usual(p);
            args.scope = scope;
            if (p->count < most_views(g)) add_view(p, "scope", scope, &args, 0, -1);
            else p->left_out++;
        }
    an_view_free(&v);
    an_arena_free(&arena);
}

void an_page_draw_graph(an_page *p)
{
    const an_graph *g = p->args->graph;
    an_dot_args args = usual(p);
    add_graph(p, g);
    add_view(p, "whole", "overview", &args, 0, -1);
    draw_phases(p);
    draw_depths(p);
    args.unfold = "*";
    if (g->node_count <= HUGE_NODES)
        add_view(p, "whole", "what repeats, unfolded", &args, 0, -1);
    draw_scopes(p);
}

/* ---- passes -------------------------------------------------------------- */

static json_t *notes_json(const an_optimised *o)
{
    json_t *list = json_array();
    const an_note *n;
    bool good = list != NULL;
    for (int64_t i = 0; good && (n = an_optimised_note(o, i)) != NULL; i++) {
        json_t *to = json_object();
        good = an_json_put(to, "done", json_boolean(n->done)) &&
               an_json_put(to, "reason", an_json_text(n->reason)) &&
               an_json_put(to, "ordinal", json_integer(n->ordinal)) &&
               an_json_put(to, "text", an_json_text(n->text));
        if (!good) json_decref(to);
        good = good && an_json_push(list, to);
    }
    if (good) return list;
    json_decref(list);
    return NULL;
}

static void list_pass(an_page *p, const char *name, const an_optimised *o, const an_graph *before,
                      const an_graph *after, int64_t view)
{
    const char *summary = "";
    for (int i = 0; an_pass_name(i); i++)
        if (!strcmp(an_pass_name(i), name)) summary = an_pass_summary(i);
    json_t *to = json_object();
    const bool good = an_json_put(to, "name", an_json_text(name)) &&
                      an_json_put(to, "summary", an_json_text(summary)) &&
                      an_json_put(to, "nodes_before", json_integer(before->node_count)) &&
                      an_json_put(to, "nodes_after", json_integer(after->node_count)) &&
                      an_json_put(to, "view", view < 0 ? json_null() : json_integer(view)) &&
                      an_json_put(to, "notes", notes_json(o));
    if (!good) json_decref(to);
    if (!good || !an_json_push(p->passes, to)) an_page_fail(p, AN_E_MEMORY, "out of memory");
}

/* Runs one pass on *now, which is then what it made. */
static void step(an_page *p, an_graph **now, int64_t *number, const char *pass)
{
    an_optimised *o = an_optimise(*now, .passes = pass);
    an_graph *after = an_optimised_take(o);
    int64_t view = -1;
    if (!after) an_page_fail(p, an_optimised_status(o), an_optimised_message(o));
    if (after && !an_text_is_same(*now, after)) {
        const int64_t before = *number < 0 ? add_graph(p, *now) : *number;
        const an_dot_args args = {.graph = after, .diff = *now, .title = pass};
        view = p->count;
        *number = add_graph(p, after);
        if (!add_view(p, "pass", pass, &args, *number, before)) view = -1;
    }
    if (after) list_pass(p, pass, o, *now, after, view);
    an_optimised_free(o);
    if (!after) return;
    an_graph_free(*now);
    *now = after;
}

void an_page_draw_passes(an_page *p)
{
    const char *list = p->args->passes;
    const an_graph *g = p->args->graph;
    if (p->status != AN_OK || p->args->profile || p->args->memory || (list && !list[0])) return;
    if (g->node_count > HUGE_NODES) return;
    an_optimised *o = an_optimise(g, .passes = "");
    an_graph *now = an_optimised_take(o);
    int64_t number = -1;
    if (!now) an_page_fail(p, an_optimised_status(o), an_optimised_message(o));
    an_optimised_free(o);
    for (int i = 0; now && !list && p->status == AN_OK && an_pass_name(i); i++)
        step(p, &now, &number, an_pass_name(i));
    an_text word = {0};
    while (now && list && p->status == AN_OK && an_text_next_word(&list, ", ", &word))
        step(p, &now, &number, an_text_view(&word));
    an_text_free(&word);
    an_graph_free(now);
}

/* ---- two graphs, and memory ---------------------------------------------- */

void an_page_draw_equivalence(an_page *p)
{
    const an_equivalence *e = p->args->equivalence;
    const an_equivalence_dot_args args = {.equivalence = e, .title = p->args->title,
                                          .optimised = an_equivalence_optimised(e)};
    char said[1024] = "";
    an_text svg = {0};
    for (int s = 0; s < 2; s++) add_graph(p, an_equivalence_graph(e, s));
    const an_status status = an_picture_svg(an_equivalence_sketch, &args, &svg, said, sizeof said);
    if (status != AN_OK) an_page_fail(p, status, said);
    if (p->status == AN_OK) {
        add_svg(p, an_text_view(&svg));
        list_view(p, "verify", "before | after", NULL, said, 0, 1);
    }
    an_text_free(&svg);
}

void an_page_draw_memory(an_page *p)
{
    if (p->status != AN_OK || !p->args->memory) return;
    char *svg = an_memory_map_svg(p->args->memory);
    if (!svg) {
        an_page_fail(p, AN_E_MEMORY, "out of memory");
        return;
    }
    add_svg(p, svg);
    list_view(p, "memory", "map of memory", NULL, "", 0, -1);
    an_string_free(svg);
}
