/* watch.c -- see watch.h. The graph that trains has been through the passes, and its steps still
 * say what they read; so the probe fetches that, and nothing is differentiated again. */
#include "frontends/train/watch.h"

#include <math.h>
#include <stdio.h>

#include "core/memory.h"
#include "frontends/inspect/events.h"
#include "graph/run/program.h"
#include "optim/apply.h"

/* ---- what there is to be shown ------------------------------------------- */

static const char *name_of(const an_graph *g, const an_commit *row)
{
    return an_node_of(g, row->state)->name;
}

/* A float state that is learned, and that the program's table changes. */
static bool is_shown(const an_program *p, const uint8_t *phase, const an_commit *row)
{
    const an_graph *const g = p->graph;
    return row->set == p->schedule.set && an_dtype_is_float(an_slot_type(g, row->state)->dtype) &&
           an_graph_is_parameter(g, phase, g->slots[row->state].node);
}

static int add_fetch(an_watch *w, an_value value, const char *tag)
{
    w->fetch[w->fetch_count] = value;
    w->tag[w->fetch_count] = tag;
    w->outs[w->fetch_count] = &w->out[w->fetch_count];
    return w->fetch_count++;
}

/* Each rate once, by the first parameter that has it. */
static void add_rate(an_watch *w, an_value rate, const char *name)
{
    for (int i = 0; i < w->fetch_count; i++)
        if (w->tag[i] && w->fetch[i].id == rate.id) return;
    if (!an_is_none(rate)) add_fetch(w, rate, name);
}

static void add_parameter(an_watch *w, const an_graph *g, const an_commit *row)
{
    an_taken taken;
    an_watched *const one = &w->parameters[w->parameter_count++];
    *one = (an_watched){.name = name_of(g, row), .gradient = -1};
    if (!an_taken_apart(g, row, &taken)) return;
    one->gradient = add_fetch(w, taken.gradient, NULL);
    add_rate(w, taken.rate, one->name);
}

static bool make_room(an_watch *w, int64_t rows)
{
    w->parameters = an_alloc_zeroed((rows + 1) * (int64_t)sizeof *w->parameters);
    w->fetch = an_alloc_zeroed(2 * (rows + 1) * (int64_t)sizeof *w->fetch);
    w->tag = an_alloc_zeroed(2 * (rows + 1) * (int64_t)sizeof *w->tag);
    w->out = an_alloc_zeroed(2 * (rows + 1) * (int64_t)sizeof *w->out);
    w->outs = an_alloc_zeroed(2 * (rows + 1) * (int64_t)sizeof *w->outs);
    return w->parameters && w->fetch && w->tag && w->out && w->outs;
}

static bool list(an_watch *w, const an_program *p)
{
    const an_graph *const g = p->graph;
    uint8_t *const phase = an_alloc_zeroed(g->node_count + 1);
    const bool good = phase && an_graph_phases(g, phase) && make_room(w, g->commit_count);
    for (int64_t i = 0; good && p->schedule.set && i < g->commit_count; i++)
        if (is_shown(p, phase, &g->commits[i])) add_parameter(w, g, &g->commits[i]);
    an_free(phase);
    return good;
}

static an_status make_probe(an_watch *w, const an_program *p)
{
    if (!list(w, p)) return an_fail_at(w->error, w->at, AN_E_MEMORY, "there is no memory to watch "
                                                                     "the gradients");
    if (w->fetch_count == 0) return AN_OK;
    w->probe = an_compile_with(&(an_compile_args){.at = w->at, .graph = p->graph,
        .store = p->store, .fetch_list = w->fetch, .fetch_count = w->fetch_count, .passes = ""});
    const an_error *const why = &p->graph->compile_error;
    return w->probe ? AN_OK : an_fail_text(w->error, why->status, why->text);
}

static an_status told(an_watch *w, an_status status)
{
    return status == AN_OK ? status : an_fail_text(w->error, status, an_events_message(w->events));
}

an_status an_watch_open(an_watch *w, const an_fit_args *args, int64_t behind, an_error *e)
{
    *w = (an_watch){.at = args->at, .error = e, .every = args->histograms,
                    .store = args->train->store};
    if (args->histograms < 0 || (args->histograms > 0 && !args->events))
        return an_fail_at(e, args->at, AN_E_ARGUMENT,
                          ".histograms must not be negative, and needs .events");
    if (!args->events) return AN_OK;
    w->events = an_events_open(args->events);
    an_status status = an_events_status(w->events);
    if (status == AN_OK && behind > 0) status = an_events_restart(w->events, behind + 1);
    if (status == AN_OK) status = an_events_graph(w->events, args->train->graph);
    status = told(w, status);
    return status == AN_OK && w->every ? make_probe(w, args->train) : status;
}

void an_watch_close(an_watch *w)
{
    for (int64_t i = 0; i < w->parameter_count; i++) an_tensor_free(&w->parameters[i].before);
    for (int i = 0; i < w->fetch_count; i++) an_tensor_free(&w->out[i]);
    an_program_free(w->probe);
    an_events_close(w->events);
    an_free(w->parameters);
    an_free(w->fetch);
    an_free(w->tag);
    an_free(w->out);
    an_free(w->outs);
    *w = (an_watch){0};
}

/* ---- a step --------------------------------------------------------------- */

bool an_watch_wants(const an_watch *w, int64_t epoch)
{
    return w->every > 0 && epoch % w->every == 0;
}

an_status an_watch_before(an_watch *w, const an_batches *b)
{
    for (int64_t i = 0; i < w->parameter_count; i++) {
        an_watched *const one = &w->parameters[i];
        const an_tensor *const now = an_store_view(w->store, one->name);
        const an_status status = now ? an_tensor_copy(&one->before, now) : AN_E_STATE;
        if (status != AN_OK)
            return an_fail_at(w->error, w->at, status, "\"%s\" cannot be copied", one->name);
    }
    if (!w->probe) return AN_OK;
    const an_status status =
        an_run_with(&(an_run_args){.at = w->at, .program = w->probe, .feed_list = b->feed,
                                   .feed_count = b->count, .out_list = w->outs,
                                   .out_count = w->fetch_count});
    return status == AN_OK ? status
                           : an_fail_text(w->error, status, an_program_message(w->probe));
}

/* Of `a`, or of what it is more than `b`. */
static double norm(const an_tensor *a, const an_tensor *b)
{
    double squares = 0;
    for (int64_t i = 0; i < an_tensor_count(a); i++) {
        const double x = an_tensor_get(a, i) - (b ? an_tensor_get(b, i) : 0);
        squares += x * x;
    }
    return sqrt(squares);
}

static const char *tag_of(an_text *tag, const char *what, const char *whose)
{
    an_text_clear(tag);
    an_text_addf(tag, "%s/%s", what, whose);
    return an_text_view(tag);
}

/* Into the file, and into the history. */
static void show_scalar(an_watch *w, an_history *h, const char *tag, int64_t epoch, double value)
{
    an_events_scalar(w->events, tag, epoch, value);
    if (!an_history_watch(h, tag, epoch, value))
        an_fail_at(w->error, w->at, AN_E_MEMORY, "there is no memory for what is watched");
}

static void show_parameter(an_watch *w, an_history *h, const an_watched *one, int64_t epoch,
                           an_text *tag)
{
    const an_tensor *const now = an_store_view(w->store, one->name);
    if (!now) return;
    an_events_histogram(w->events, tag_of(tag, "weights", one->name), epoch, now);
    show_scalar(w, h, tag_of(tag, "update_ratio", one->name), epoch,
                norm(now, &one->before) / norm(&one->before, NULL));
    if (one->gradient < 0) return;
    const an_tensor *const slope = &w->out[one->gradient];
    an_events_histogram(w->events, tag_of(tag, "gradients", one->name), epoch, slope);
    show_scalar(w, h, tag_of(tag, "gradient_norm", one->name), epoch, norm(slope, NULL));
}

an_status an_watch_after(an_watch *w, an_history *h, int64_t epoch)
{
    an_text tag = {0};
    int rates = 0;
    for (int64_t i = 0; i < w->parameter_count; i++)
        show_parameter(w, h, &w->parameters[i], epoch, &tag);
    for (int i = 0; i < w->fetch_count; i++) rates += w->tag[i] != NULL;
    for (int i = 0; i < w->fetch_count; i++)
        if (w->tag[i])
            show_scalar(w, h, rates == 1 ? "learning_rate"
                                         : tag_of(&tag, "learning_rate", w->tag[i]),
                        epoch, an_tensor_get(&w->out[i], 0));
    an_text_free(&tag);
    const an_status status = told(w, an_events_status(w->events));
    return status == AN_OK ? w->error->status : status;
}

/* ---- an epoch ------------------------------------------------------------- */

an_status an_watch_epoch(an_watch *w, const an_history *h, const an_epoch *record)
{
    if (!w->events) return AN_OK;
    for (int i = 0; i < h->metric_count; i++) {
        char tag[sizeof h->metric[0] + 16];
        (void)snprintf(tag, sizeof tag, "%s/train", h->metric[i]);
        an_events_scalar(w->events, tag, record->epoch, record->train[i]);
        (void)snprintf(tag, sizeof tag, "%s/validation", h->metric[i]);
        if (h->validated) an_events_scalar(w->events, tag, record->epoch, record->validation[i]);
    }
    an_events_scalar(w->events, "time/epoch", record->epoch, record->seconds);
    return told(w, an_events_scalar(w->events, "time/step", record->epoch, record->step_ms));
}
