/* profile_json.c -- a profile for programs: all its figures as JSON, and its last run as a trace.
 *
 * The trace is Chrome's: an object with a list of events, times in microseconds. Perfetto and
 * chrome://tracing draw it, a lane a thread.                                 */
#include "frontends/frontends.h"
#include "frontends/inspect/json_text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "graph/profile/figures.h"

/* ---- figures --------------------------------------------------------------- */

static bool put_place(json_t *to, const an_node *n)
{
    const bool known = n->at.file && n->at.line > 0;
    return an_json_put(to, "file", known ? an_json_text(n->at.file) : json_null()) &&
           an_json_put(to, "line", known ? json_integer(n->at.line) : json_null());
}

static bool put_node(json_t *to, const an_graph *g, const an_profile_row *r)
{
    const an_node *n = &g->nodes[r->node];
    an_text type = {0};
    an_type_print(g->dims, an_slot_type(g, n->first), &type);
    const bool good =
        !type.failed && an_json_put(to, "node", json_integer(n->ordinal)) &&
        an_json_put(to, "scope", an_json_text(r->scope)) &&
        an_json_put(to, "phase", json_string(r->phase)) &&
        an_json_put(to, "wave", json_integer(r->wave)) &&
        an_json_put(to, "type", an_json_text(an_text_view(&type))) && put_place(to, n);
    an_text_free(&type);
    return good;
}

static json_t *row_json(const an_graph *g, const an_profile_row *r)
{
    json_t *to = json_object();
    const bool good = an_json_put(to, "name", an_json_text(r->name)) &&
                      an_json_put(to, "op", an_json_text(r->op)) &&
                      an_json_put(to, "nodes", json_integer(r->nodes)) &&
                      an_json_put(to, "seconds", an_json_number(r->seconds)) &&
                      an_json_put(to, "flops", an_json_number(r->flops)) &&
                      an_json_put(to, "bytes", an_json_number(r->bytes)) &&
                      an_json_put(to, "flop_rate", an_json_number(r->flop_rate)) &&
                      an_json_put(to, "byte_rate", an_json_number(r->byte_rate)) &&
                      an_json_put(to, "of_peak", r->roof < 0 ? json_null() : json_real(r->roof)) &&
                      (!r->node || put_node(to, g, r));
    if (good) return to;
    json_decref(to);
    return NULL;
}

static bool put_rows(json_t *root, an_profile *f, const char *key, an_profile_by by)
{
    const an_profile_row *rows;
    const int64_t count = an_profile_rows(f, by, &rows);
    json_t *list = count < 0 ? NULL : json_array();
    bool good = list != NULL;
    for (int64_t i = 0; good && i < count; i++)
        good = an_json_push(list, row_json(f->program->graph, &rows[i]));
    if (good) return an_json_put(root, key, list);
    json_decref(list);
    return false;
}

static bool put_threads(json_t *root, const an_profile *f)
{
    json_t *list = json_array();
    bool good = list != NULL;
    for (int i = 0; good && i < an_profile_threads(f); i++)
        good = an_json_push(list, json_pack("{s:f, s:f}", "busy", an_profile_busy(f, i), "chores",
                                            an_profile_chores(f, i)));
    if (good) return an_json_put(root, "threads", list);
    json_decref(list);
    return false;
}

char *an_profile_json(an_profile *f)
{
    static const struct {
        const char *key;
        an_profile_by by;
    } lists[] = {{"ops", AN_BY_OP}, {"scopes", AN_BY_SCOPE}, {"phases", AN_BY_PHASE},
                 {"waves", AN_BY_WAVE}, {"nodes", AN_BY_NODE}};
    if (!f) return NULL;
    json_t *root = json_object();
    const bool peaks = an_profile_peaks(f, NULL, NULL);
    bool good = an_json_put(root, "graph", an_json_text(f->program->graph->name)) &&
                an_json_put(root, "runs", json_integer(an_profile_runs(f))) &&
                an_json_put(root, "seconds", an_json_number(an_profile_seconds(f))) &&
                an_json_put(root, "peak_flop_rate", an_json_number(peaks ? f->peak_flops : NAN)) &&
                an_json_put(root, "peak_byte_rate", an_json_number(peaks ? f->peak_bytes : NAN)) &&
                put_threads(root, f);
    for (size_t i = 0; good && i < sizeof lists / sizeof *lists; i++)
        good = put_rows(root, f, lists[i].key, lists[i].by);
    return an_json_take(root, good);
}

/* ---- the trace ------------------------------------------------------------- */

static const char *chore_name(int64_t task)
{
    if (task == AN_CHORE_READY) return "ready";
    return task == AN_CHORE_LOOK ? "look: is it finite?" : "copy";
}

static json_t *complete(const char *name, const char *category, int thread, int64_t began,
                        int64_t begin, int64_t end, json_t *args)
{
    json_t *to = json_object();
    const bool good = an_json_put(to, "name", an_json_text(name)) &&
                      an_json_put(to, "cat", json_string(category)) &&
                      an_json_put(to, "ph", json_string("X")) &&
                      an_json_put(to, "pid", json_integer(1)) &&
                      an_json_put(to, "tid", json_integer(thread)) &&
                      an_json_put(to, "ts", json_real((double)(begin - began) * 1e-3)) &&
                      an_json_put(to, "dur", json_real((double)(end - begin) * 1e-3));
    if (good && args && an_json_put(to, "args", args)) return to;
    if (!good) json_decref(args);
    json_decref(to);
    return NULL;
}

static json_t *kernel_args(const an_profile *f, const an_event *e)
{
    const an_task *task = &f->trace->schedule->tasks[e->task];
    const an_graph *g = f->program->graph;
    const an_node *n = &g->nodes[task->node];
    an_text type = {0};
    an_type_print(g->dims, an_slot_type(g, n->first), &type);
    json_t *to = type.failed ? NULL : json_object();
    const bool good = an_json_put(to, "op", an_json_text(n->op->name)) &&
                      an_json_put(to, "node", json_integer(n->ordinal)) &&
                      an_json_put(to, "type", an_json_text(an_text_view(&type))) &&
                      an_json_put(to, "wave", json_integer(task->wave)) &&
                      an_json_put(to, "stage", json_integer(e->stage)) && put_place(to, n);
    an_text_free(&type);
    if (good) return to;
    json_decref(to);
    return NULL;
}

static bool push_event(json_t *events, const an_profile *f, int thread, const an_event *e)
{
    const int64_t began = f->trace->last_began;
    if (e->task < 0)
        return an_json_push(events, complete(chore_name(e->task), "chore", thread, began, e->begin,
                                             e->end, json_object()));
    const uint32_t node = f->trace->schedule->tasks[e->task].node;
    an_text name = {0};
    an_node_print(&f->program->graph->nodes[node], &name);
    const bool good =
        !name.failed &&
        an_json_push(events, complete(an_text_view(&name), an_phase_name(f->phase[node]), thread,
                                      began, e->begin, e->end, kernel_args(f, e)));
    an_text_free(&name);
    return good;
}

static bool push_name(json_t *events, const char *what, int thread, const char *name)
{
    json_t *to = json_object(), *args = json_object();
    const bool named = an_json_put(args, "name", an_json_text(name));
    const bool good = an_json_put(to, "args", args) && named &&
                      an_json_put(to, "name", json_string(what)) &&
                      an_json_put(to, "ph", json_string("M")) &&
                      an_json_put(to, "pid", json_integer(1)) &&
                      an_json_put(to, "tid", json_integer(thread));
    if (good) return an_json_push(events, to);
    json_decref(to);
    return false;
}

static bool push_lane(json_t *events, const an_profile *f, int thread)
{
    const an_lane *lane = &f->trace->last[thread];
    char name[40];
    snprintf(name, sizeof name, thread ? "worker %d" : "caller", thread);
    bool good = push_name(events, "thread_name", thread, name);
    for (int64_t i = 0; good && i < lane->count; i++)
        good = push_event(events, f, thread, &lane->events[i]);
    return good;
}

char *an_profile_trace(an_profile *f)
{
    if (!f) return NULL;
    const an_trace *t = f->trace;
    json_t *root = json_object(), *events = json_array();
    bool good = push_name(events, "process_name", 0, f->program->graph->name);
    if (t->runs > 0)
        good = good && an_json_push(events, complete("run", "run", 0, t->last_began, t->last_began,
                                                     t->last_ended, json_object()));
    for (int i = 0; good && t->runs > 0 && i < t->threads; i++) good = push_lane(events, f, i);
    if (!an_json_put(root, "traceEvents", events)) good = false;
    good = good && an_json_put(root, "displayTimeUnit", json_string("ns"));
    return an_json_take(root, good);
}
