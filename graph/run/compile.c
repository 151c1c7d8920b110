/* compile.c -- from a graph to a program: copy, optimise, check, ready the states.
 *
 * The user's graph is only read, but for the message of a failed compile. What
 * runs is a copy of what the fetches and updates need. All checks that do not
 * depend on a binding are done here, so that a run only checks its feeds.    */
#include "graph/passes/pipeline.h"
#include "graph/run/program.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct compiling {
    const an_compile_args *args;
    an_graph *g; /* the user's */
    const an_value *fetch;
    int fetch_count;
    an_program *p;
    an_error error;
} compiling;

static an_status fail(compiling *x, an_status status, const char *format, ...) AN_PRINTF(3, 4);
static an_status fail(compiling *x, an_status status, const char *format, ...)
{
    char line[1200], text[AN_ERROR_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    status = an_status_of(status, line);
    const an_at at = x->args->at;
    if (an_has_place(line)) return an_fail_text(&x->error, status, line);
    snprintf(text, sizeof text, "%.600s:%d: error AN-E%03d: an_compile: %s",
             at.file ? at.file : "?", at.line, (int)status, an_after_code(line));
    return an_fail_text(&x->error, status, text);
}

/* ---- what was asked for ------------------------------------------------ */

static an_status check_fetches(compiling *x)
{
    x->fetch = x->args->fetch_list;
    x->fetch_count = x->args->fetch_count;
    if (!x->fetch) {
        x->fetch = x->args->fetch;
        x->fetch_count = 0;
        for (int i = 0; i < AN_MAX_NAMED; i++)
            if (!an_is_none(x->fetch[i])) x->fetch_count = i + 1;
    }
    for (int i = 0; i < x->fetch_count; i++) {
        const an_value v = x->fetch[i];
        if (an_is_none(v)) return fail(x, AN_E_ARGUMENT, "fetch %d is AN_NONE, not a value", i);
        if (v.graph != x->g)
            return fail(x, AN_E_GRAPH, "fetch %d belongs to another graph (\"%s\")", i,
                        v.graph->name);
        if (an_is_poison(v)) return fail(x, AN_E_GRAPH, "fetch %d is no value of this graph", i);
    }
    return AN_OK;
}

static an_status check_updates(compiling *x)
{
    const an_updates u = x->args->update;
    if (u.id == 0 && x->fetch_count <= 0)
        return fail(x, AN_E_ARGUMENT, "there is nothing to compute: name a .fetch or an .update");
    if (u.id == 0) return AN_OK;
    if (u.graph != x->g || (int64_t)u.id > x->g->set_count)
        return fail(x, AN_E_GRAPH, "the update table belongs to another graph");
    an_arena scrap = {0};
    bool *seen = an_arena_alloc(&scrap, x->g->slot_count + 1);
    an_status status = seen ? AN_OK : fail(x, AN_E_MEMORY, "out of memory");
    for (int64_t i = 0; status == AN_OK && i < x->g->commit_count; i++) {
        const an_commit *c = &x->g->commits[i];
        if (c->set != u.id) continue;
        const an_node *n = an_node_of(x->g, c->state);
        if (!an_node_is_state(n))
            status = fail(x, AN_E_STATE, "the update table changes the result of %s, which is no "
                          "state", n->op->name);
        else if (seen[c->state])
            status = fail(x, AN_E_STATE, "state \"%s\" is updated twice", n->name);
        else if (!an_type_equal(an_slot_type(x->g, c->state), an_slot_type(x->g, c->value)))
            status = fail(x, AN_E_STATE, "the new value of state \"%s\" has another type", n->name);
        seen[c->state] = true;
    }
    an_arena_free(&scrap);
    return status;
}

/* ---- the copy ---------------------------------------------------------- */

/* A row of the table. What is pending was taken by the table when that was made, or not at all. */
static bool is_asked_for(const compiling *x, const an_commit *c)
{
    return c->set != AN_PENDING && c->set == x->args->update.id;
}

static void mark_needed(const compiling *x, bool *needed)
{
    const an_graph *g = x->g;
    for (int i = 0; i < x->fetch_count; i++) needed[g->slots[x->fetch[i].id].node] = true;
    for (int64_t i = 0; i < g->commit_count; i++) {
        if (!is_asked_for(x, &g->commits[i])) continue;
        needed[g->slots[g->commits[i].state].node] = true;
        needed[g->slots[g->commits[i].value].node] = true;
    }
    an_graph_mark_needed(g, needed);
}

typedef struct naming { /* per value of the user's graph */
    uint32_t *output; /* 1 + the first output that it is; 0: none */
    int *tries;       /* names by place that are known to be taken */
} naming;

/* The name that the graph declares for the value; otherwise "%ordinal.output", by
 * which the verifier finds it in the user's graph. Fetched twice, it gets a "#". */
static an_status name_output(const compiling *x, const naming *names, an_graph *to, int i,
                             uint32_t value)
{
    char made[48];
    const uint32_t id = x->fetch[i].id;
    const an_slot *slot = &x->g->slots[id];
    const char *name = names->output[id] ? x->g->outputs[names->output[id] - 1].name : NULL;
    while (!name || an_graph_named_output(to, name)) {
        const uint32_t ordinal = x->g->nodes[slot->node].ordinal;
        const int n = ++names->tries[id];
        int length = snprintf(made, sizeof made, "%%%u", ordinal);
        if (slot->index > 0) length += snprintf(made + length, 12, ".%d", slot->index);
        if (n > 1) snprintf(made + length, 12, "#%d", n);
        name = made;
    }
    return an_graph_add_output(to, name, value);
}

static an_status name_outputs(const compiling *x, an_graph *to, const uint32_t *value)
{
    an_arena scrap = {0};
    const int64_t slots = x->g->slot_count + 1;
    const naming names = {.output = an_arena_alloc(&scrap, slots * (int64_t)sizeof *names.output),
                          .tries = an_arena_alloc(&scrap, slots * (int64_t)sizeof *names.tries)};
    an_status status = names.output && names.tries ? AN_OK : AN_E_MEMORY;
    for (int64_t k = status == AN_OK ? x->g->output_count : 0; k > 0; k--)
        names.output[x->g->outputs[k - 1].value] = (uint32_t)k;
    for (int i = 0; status == AN_OK && i < x->fetch_count; i++)
        status = name_output(x, &names, to, i, value[x->fetch[i].id]);
    an_arena_free(&scrap);
    return status;
}

static an_status copy_roots(const compiling *x, an_graph *part, const uint32_t *value)
{
    an_status status = name_outputs(x, part, value);
    for (int64_t i = 0; status == AN_OK && i < x->g->commit_count; i++) {
        const an_commit *c = &x->g->commits[i];
        if (is_asked_for(x, c))
            status = an_graph_add_commit(
                part, &(an_commit){c->set, value[c->state], value[c->value], 0});
    }
    return status;
}

/* A graph of what the program needs and nothing else; its outputs are the fetches. */
static an_graph *extract(compiling *x)
{
    an_arena scrap = {0};
    bool *needed = an_arena_alloc(&scrap, x->g->node_count + 1);
    uint32_t *value = an_arena_alloc(&scrap, (x->g->slot_count + 1) * (int64_t)sizeof *value);
    an_graph *part = NULL;
    if (needed && value) {
        mark_needed(x, needed);
        part = an_pipeline_part(x->g, needed, value);
    }
    an_status status = part ? an_graph_status(part) : AN_E_MEMORY;
    if (status == AN_OK) status = copy_roots(x, part, value);
    an_arena_free(&scrap);
    if (status == AN_OK) return part;
    fail(x, status, "the graph cannot be copied: %s",
         part ? an_graph_message(part) : an_status_name(status));
    an_graph_free(part);
    return NULL;
}

/* NULL and the error if it fails. */
static an_graph *optimised(compiling *x, const an_optimise_args *args)
{
    an_optimised *o = an_optimise_with(args);
    an_status status = an_optimised_status(o);
    if (status != AN_OK) fail(x, status, "%s", an_optimised_message(o));
    char report[512] = "";
    if (status == AN_OK) status = an_graph_verify(an_optimised_graph(o), report, sizeof report);
    if (status != AN_OK) fail(x, status, "the optimised graph is broken: %s", report);
    an_graph *graph = status == AN_OK ? an_optimised_take(o) : NULL;
    an_optimised_free(o);
    return graph;
}

static an_status optimise(compiling *x)
{
    an_error error = {0};
    an_graph *roots = extract(x);
    if (!roots) return x->error.status;
    if (!an_graph_fingerprint(roots, x->args->update.id, &x->p->print)) {
        an_graph_free(roots);
        return fail(x, AN_E_MEMORY, "out of memory");
    }
    roots = an_pipeline_written_out(roots, &error);
    if (!x->args->inference) roots = an_pipeline_training(roots, &error);
    if (!roots) return fail(x, error.status, "%s", error.text);
    an_graph *plain = optimised(x, &(an_optimise_args){.graph = roots, .passes = x->args->passes,
                                                       .inference = x->args->inference});
    an_graph_free(roots);
    if (!plain || !x->args->recompute) {
        x->p->graph = plain;
        return x->error.status;
    }
    x->p->graph = optimised(x, &(an_optimise_args){.graph = plain, .passes = "",
                                                   .recompute = x->args->recompute});
    const bool compared = an_program_compare_with(x->p, plain, x->args->update.id);
    if (x->p->graph && !compared) fail(x, AN_E_MEMORY, "out of memory");
    return x->error.status;
}

/* ---- the program ------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const an_port *)a)->name, ((const an_port *)b)->name);
}

/* All inputs of the user's graph, so that feeding one that is not needed is fine. */
static an_status make_ports(compiling *x)
{
    an_program *p = x->p;
    const an_graph *g = x->g;
    p->ports = an_arena_alloc(&p->arena, g->leaf_count * (int64_t)sizeof *p->ports);
    p->spans = an_arena_alloc(&p->arena, (g->leaf_count + p->graph->output_count) *
                                             (int64_t)sizeof *p->spans);
    p->written = an_arena_alloc(&p->arena, (p->graph->commit_count + 1) *
                                               (int64_t)sizeof *p->written);
    if (!p->ports || !p->spans || !p->written) return fail(x, AN_E_MEMORY, "out of memory");
    for (int64_t i = 0; i < g->leaf_count; i++) {
        if (!an_node_is_input(an_node_of(g, g->leaves[i].value))) continue;
        an_port *port = &p->ports[p->port_count++];
        const uint32_t leaf = an_graph_leaf(p->graph, g->leaves[i].name);
        port->name = an_arena_string(&p->arena, g->leaves[i].name);
        port->type = *an_slot_type(g, g->leaves[i].value);
        port->buffer = leaf ? p->schedule.buffer_of[leaf] : 0;
        if (!port->name) return fail(x, AN_E_MEMORY, "out of memory");
    }
    qsort(p->ports, (size_t)p->port_count, sizeof *p->ports, by_name);
    return AN_OK;
}

/* States live in the store and literals in the graph: their addresses are for good. */
static an_status ready_leaves(compiling *x)
{
    an_program *p = x->p;
    an_error error = {0};
    an_status status = an_program_check_complete(p, x->g, &error);
    if (status != AN_OK) return fail(x, status, "%s", strchr(error.text, ':') + 2);
    for (int64_t b = 1; status == AN_OK && b <= p->schedule.buffer_count; b++) {
        const an_buffer *buffer = &p->schedule.buffers[b];
        const an_node *n = an_node_of(p->graph, buffer->value);
        if (buffer->home == AN_HOME_STATE)
            status = an_store_ready(p->store, p->graph, n, &p->at[b], &error);
        if (buffer->home == AN_HOME_CONSTANT) p->at[b] = (void *)(uintptr_t)n->attrs->data.bytes;
        if (status != AN_OK) fail(x, status, "%s", error.text);
    }
    return status;
}

static an_status check_kernels(compiling *x)
{
    const an_run_schedule *s = &x->p->schedule;
    for (int64_t t = 0; t < s->task_count; t++) {
        const an_op_info *op = x->p->graph->nodes[s->tasks[t].node].op;
        if (!s->tasks[t].fast && !op->rules->ref)
            return fail(x, op->opaque ? AN_E_ARGUMENT : AN_E_INTERNAL,
                        op->opaque ? "%s is opaque: nothing runs it" : "%s has no kernel",
                        op->name);
    }
    return AN_OK;
}

static an_status build(compiling *x)
{
    an_program *p = x->p;
    an_status status = an_run_schedule_make(&p->schedule, p->graph, x->args->update.id);
    if (status != AN_OK) return fail(x, status, "out of memory");
    status = check_kernels(x);
    if (status != AN_OK) return status;
    const int64_t names = an_dims_names(p->graph->dims) + 1;
    p->bound = an_arena_alloc(&p->arena, names * (int64_t)sizeof *p->bound);
    p->bound_by = an_arena_alloc(&p->arena, names * (int64_t)sizeof *p->bound_by);
    p->at = an_arena_alloc(&p->arena, (p->schedule.buffer_count + 1) * (int64_t)sizeof *p->at);
    p->first_unit = an_arena_alloc(&p->arena,
                                   (p->schedule.widest + 1) * (int64_t)sizeof *p->first_unit);
    if (!p->bound || !p->bound_by || !p->at || !p->first_unit)
        return fail(x, AN_E_MEMORY, "out of memory");
    status = make_ports(x);
    if (status != AN_OK) return status;
    if (!an_program_watch(p) || !an_program_list_shared(p))
        return fail(x, AN_E_MEMORY, "out of memory");
    if (!an_store_enter(p->store)) return fail(x, AN_E_BUSY, "the store is in use");
    status = ready_leaves(x);
    if (status == AN_OK) an_program_sort_written(p);
    an_store_leave(p->store);
    return status;
}

static an_status compile(compiling *x)
{
    const an_compile_args *args = x->args;
    if (x->g->error.status != AN_OK)
        return an_fail_text(&x->error, x->g->error.status, x->g->error.text);
    if (!args->store) return fail(x, AN_E_ARGUMENT, "there is no store");
    an_status status = check_fetches(x);
    if (status == AN_OK) status = check_updates(x);
    if (status != AN_OK) return status;
    x->p = an_alloc_zeroed(sizeof *x->p);
    if (!x->p) return fail(x, AN_E_MEMORY, "out of memory");
    x->p->store = args->store;
    x->p->communicator = args->communicator;
    status = optimise(x);
    return status == AN_OK ? build(x) : status;
}

/* The one thing of the user's graph that compiling changes: what the last one to end says. */
static void tell(an_graph *g, const an_error *error)
{
    while (atomic_flag_test_and_set(&g->telling)) {}
    g->compile_error = *error;
    atomic_flag_clear(&g->telling);
}

an_program *an_compile_with(const an_compile_args *args)
{
    if (!args || !args->graph) return NULL;
    compiling x = {.args = args, .g = args->graph};
    const an_status status = compile(&x);
    tell(x.g, &x.error);
    if (status == AN_OK) return x.p;
    an_program_free(x.p);
    return NULL;
}

const char *an_compile_message(const an_graph *g)
{
    return g ? g->compile_error.text : "there is no graph";
}

void an_program_free(an_program *p)
{
    if (!p) return;
    for (int i = 0; i < p->plan_count; i++) an_plan_free(p->plans[i]);
    an_free_aligned(p->slab);
    an_run_schedule_free(&p->schedule);
    an_program_forget_unsaved(p);
    an_arena_free(&p->arena);
    an_graph_free(p->graph);
    an_free(p);
}

const an_graph *an_program_graph(const an_program *p)
{
    return p ? p->graph : NULL;
}

const char *an_program_message(const an_program *p)
{
    if (!p) return "there is no program";
    if (atomic_load(&((an_program *)p)->refused))
        return "error AN-E023: the program's store is in use by another thread";
    return p->error.text;
}

int64_t an_program_bytes(const an_program *p)
{
    return p ? p->slab_bytes : 0;
}
