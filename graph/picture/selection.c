/* selection.c -- which part of a graph was asked for: what is near something, one phase, one scope,
 * the ways from here to there.
 *
 * All that is asked for must hold of a node. Of a scope its surroundings are shown, too: what it
 * reads and what reads it, as closed as they can be.                          */
#include "core/guess.h"
#include "graph/called.h"
#include "graph/picture/view.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- what is asked for exists -------------------------------------------- */

static an_status refuse(const an_dot_args *args, const char *format, ...) AN_PRINTF(2, 3);
static an_status refuse(const an_dot_args *args, const char *format, ...)
{
    char text[400];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    if (args->message && args->message_size > 0)
        snprintf(args->message, (size_t)args->message_size, "error AN-E%03d: %s", (int)AN_E_NAME,
                 text);
    return AN_E_NAME;
}

/* What nothing is called may be the name of an op: all nodes of it are meant. */
typedef enum meaning { NOTHING, NAMED, OPS } meaning;

static meaning meaning_of(const an_graph *g, const char *name)
{
    meaning found = NOTHING;
    for (int64_t i = 1; i <= g->node_count; i++) {
        if (an_node_is_called(g, &g->nodes[i], name)) return NAMED;
        if (!strcmp(g->nodes[i].op->name, name)) found = OPS;
    }
    return found;
}

static bool is_meant(const an_graph *g, const an_node *n, const char *name, meaning as)
{
    return as == OPS ? !strcmp(n->op->name, name) : an_node_is_called(g, n, name);
}

static an_status check_called(const an_dot_args *args, const char *what, const char *name)
{
    const an_graph *g = args->graph;
    if (!name || !name[0]) return AN_OK;
    an_guess guess = {.word = name};
    if (meaning_of(g, name) != NOTHING) return AN_OK;
    an_graph_guess_called(g, &guess);
    an_text nearest = {0};
    an_guess_print(&guess, &nearest);
    const an_status status = refuse(args, "%s: nothing is called '%.200s'%s", what, name,
                                    an_text_view(&nearest));
    an_text_free(&nearest);
    return status;
}

static bool is_in(const char *path, int length, const char *scope)
{
    const int size = (int)strlen(scope);
    return length >= size && !memcmp(path, scope, (size_t)size) &&
           (length == size || path[size] == '/');
}

static an_status check_scope(const an_dot_args *args)
{
    const an_graph *g = args->graph;
    if (!args->scope || !args->scope[0]) return AN_OK;
    an_guess guess = {.word = args->scope};
    for (int64_t i = 1; i <= g->node_count; i++) {
        int length;
        const char *path = an_view_scope(g, &g->nodes[i], &length);
        if (is_in(path, length, args->scope)) return AN_OK;
        an_guess_try(&guess, g->nodes[i].scope);
    }
    an_text nearest = {0};
    an_guess_print(&guess, &nearest);
    const an_status status = refuse(args, "scope: there is no scope '%.200s'%s", args->scope,
                                    an_text_view(&nearest));
    an_text_free(&nearest);
    return status;
}

/* The phase of that name; AN_PHASES: none. */
static unsigned phase_called(const char *name)
{
    unsigned p = 0;
    while (p < AN_PHASES && strcmp(an_phase_name(p), name) != 0) p++;
    return p;
}

an_status an_view_check(const an_dot_args *args)
{
    an_status status = check_called(args, "focus", args->focus);
    if (status == AN_OK) status = check_called(args, "from", args->from);
    if (status == AN_OK) status = check_called(args, "to", args->to);
    if (status == AN_OK) status = check_scope(args);
    if (status == AN_OK && args->phase && args->phase[0] && phase_called(args->phase) == AN_PHASES)
        return refuse(args, "phase: there are forward, backward and update, not '%.200s'",
                      args->phase);
    return status;
}

/* ---- near something ------------------------------------------------------ */

/* One step outwards from everything at distance `now` - 1, both ways. An update is no way to all
 * that its optimizer does. */
static void widen(const an_view *v, int32_t *distance, int32_t now)
{
    const an_graph *g = v->g;
    for (int64_t i = 1; i <= g->node_count; i++) {
        const an_node *n = &g->nodes[i];
        const bool down = v->phase[i] != AN_PHASE_UPDATE || now == 1;
        for (int k = 0; k < n->inputs; k++) {
            const uint32_t p = n->in[k] ? g->slots[n->in[k]].node : 0;
            if (!p || v->folded[p]) continue;
            const bool up = v->phase[p] != AN_PHASE_UPDATE || now == 1;
            if (distance[i] == now - 1 && distance[p] < 0 && down) distance[p] = now;
            else if (distance[p] == now - 1 && distance[i] < 0 && up) distance[i] = now;
        }
    }
}

static bool select_near(an_view *v, const char *focus, int radius)
{
    const an_graph *g = v->g;
    int32_t *distance = an_alloc((g->node_count + 1) * (int64_t)sizeof *distance);
    if (!distance) return false;
    const meaning as = meaning_of(g, focus);
    v->focused = 0;
    for (int64_t i = 1; i <= g->node_count; i++) {
        const bool hit = is_meant(g, &g->nodes[i], focus, as);
        distance[i] = hit ? 0 : -1;
        v->focused += hit;
    }
    /* A weight is found in the box of its user. */
    for (int64_t i = 1; i <= g->node_count; i++)
        for (int k = 0; k < g->nodes[i].inputs; k++) {
            const uint32_t p = g->nodes[i].in[k] ? g->slots[g->nodes[i].in[k]].node : 0;
            if (p && v->folded[p] && distance[p] == 0) distance[i] = 0;
        }
    const int32_t far = radius > 0 ? radius : 1;
    for (int32_t d = 1; d <= far && d <= g->node_count; d++) widen(v, distance, d);
    for (int64_t i = 1; i <= g->node_count; i++) v->hidden[i] = distance[i] < 0;
    an_free(distance);
    return true;
}

/* ---- from here to there --------------------------------------------------- */

/* Per node: whether something that is called `name` leads to it (or, backwards, it leads there). */
static bool *reach(const an_graph *g, const char *name, bool backwards)
{
    bool *on = an_alloc_zeroed(g->node_count + 1);
    const meaning as = meaning_of(g, name);
    for (int64_t i = 1; on && i <= g->node_count; i++)
        on[i] = is_meant(g, &g->nodes[i], name, as);
    for (int64_t step = 1; on && step <= g->node_count; step++) {
        const int64_t i = backwards ? g->node_count + 1 - step : step;
        const an_node *n = &g->nodes[i];
        for (int k = 0; k < n->inputs; k++) {
            const uint32_t p = n->in[k] ? g->slots[n->in[k]].node : 0;
            if (p && backwards) on[p] = on[p] || on[i];
            else if (p) on[i] = on[i] || on[p];
        }
    }
    return on;
}

static bool select_ways(an_view *v, const char *name, bool backwards)
{
    if (!name || !name[0]) return true;
    bool *on = reach(v->g, name, backwards);
    for (int64_t i = 1; on && i <= v->g->node_count; i++) v->hidden[i] = v->hidden[i] || !on[i];
    an_free(on);
    return on != NULL;
}

/* ---- a scope, a phase ------------------------------------------------------ */

static void select_phase(an_view *v, const char *name)
{
    for (int64_t i = 1; name && name[0] && i <= v->g->node_count; i++)
        if (v->phase[i] != phase_called(name)) v->hidden[i] = true;
}

static void select_scope(an_view *v, const char *scope)
{
    for (int64_t i = 1; scope && scope[0] && i <= v->g->node_count; i++) {
        int length;
        const char *path = an_view_scope(v->g, &v->g->nodes[i], &length);
        if (!is_in(path, length, scope)) v->hidden[i] = true;
    }
}

/* What is shown reads, and what reads it. */
static void show_surroundings(an_view *v)
{
    const an_graph *g = v->g;
    for (int64_t i = 1; i <= g->node_count; i++)
        for (int k = 0; k < g->nodes[i].inputs; k++) {
            const uint32_t p = g->nodes[i].in[k] ? g->slots[g->nodes[i].in[k]].node : 0;
            if (!p || v->hidden[i] == v->hidden[p] || v->folded[p]) continue;
            v->outside[v->hidden[i] ? (uint32_t)i : p] = true;
        }
    for (int64_t i = 1; i <= g->node_count; i++) v->hidden[i] = v->hidden[i] && !v->outside[i];
}

int an_view_outside_cut(const an_view *v, const char *path, int length)
{
    int same = 0;
    while (same < length && v->scope[same] == path[same]) same++;
    if (same == length) return 0; /* it stands in a scope around that one */
    while (same < length && path[same] != '/') same++;
    return same;
}

bool an_view_select(an_view *v, const an_dot_args *args)
{
    v->focused = -1;
    v->scope = args->scope;
    if (args->focus && args->focus[0] && !select_near(v, args->focus, args->radius)) return false;
    if (!select_ways(v, args->from, false) || !select_ways(v, args->to, true)) return false;
    select_scope(v, args->scope);
    if (args->scope && args->scope[0]) show_surroundings(v);
    select_phase(v, args->phase);
    return true;
}
