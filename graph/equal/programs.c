/* programs.c -- does the program that really runs have the interpreter's bits?
 *
 * The interpreter knows no plan, no memory reuse and no threads. Here the second graph
 * is compiled as it is and run as a user would run it, once per number of threads and
 * update table, from the same states and through the same steps; its slab is poisoned
 * before each run. Of several tables each has but its own updates, so with more than one
 * only the first step can be compared.                                       */
#include "graph/equal/trial.h"
#include "graph/passes/pipeline.h"
#include "graph/run/program.h"

#include <stdio.h>

typedef struct one { /* a program on a number of threads */
    int threads;
    uint32_t table; /* 0: none */
    an_store *store;
    an_program *program;
} one;

typedef struct an_programs {
    an_graph *g; /* a copy of the second graph: compiling writes to it */
    one *at;
    int64_t count;
    an_feed *feed;
    an_value *fetch;
    an_tensor *out;
    an_tensor **result;
    int64_t feeds, outputs;
} an_programs;

void an_programs_free(an_programs *p)
{
    if (!p) return;
    for (int64_t i = 0; p->at && i < p->count; i++) {
        an_program_free(p->at[i].program);
        an_store_free(p->at[i].store);
    }
    for (int64_t i = 0; p->out && i < p->outputs; i++) an_tensor_free(&p->out[i]);
    an_free(p->at);
    an_free(p->feed);
    an_free(p->fetch);
    an_free(p->out);
    an_free(p->result);
    an_graph_free(p->g);
    an_free(p);
}

/* ---- opening ----------------------------------------------------------- */

static int threads_listed(const an_equivalent_args *args, int *list)
{
    int count = 0;
    for (int i = 0; i < 8; i++)
        if (args->threads[i] > 0) list[count++] = args->threads[i];
    if (count > 0) return count;
    list[0] = 1;
    list[1] = 2;
    return 2;
}

static an_status reserve(an_trial *t, an_programs *p)
{
    an_error error = {0};
    p->g = an_pipeline_copy(t->side[1].g, &error);
    if (!p->g) return error.status;
    const int64_t tables = p->g->set_count > 0 ? p->g->set_count : 1;
    p->outputs = p->g->output_count;
    p->at = an_alloc_zeroed((8 * tables + 1) * (int64_t)sizeof *p->at);
    p->feed = an_alloc_zeroed((p->g->leaf_count + 1) * (int64_t)sizeof *p->feed);
    p->fetch = an_alloc_zeroed((p->outputs + 1) * (int64_t)sizeof *p->fetch);
    p->out = an_alloc_zeroed((p->outputs + 1) * (int64_t)sizeof *p->out);
    p->result = an_alloc_zeroed((p->outputs + 1) * (int64_t)sizeof *p->result);
    if (!p->at || !p->feed || !p->fetch || !p->out || !p->result) return AN_E_MEMORY;
    for (int64_t i = 0; i < p->outputs; i++) {
        p->fetch[i] = an_graph_output_value(p->g, i);
        p->result[i] = &p->out[i];
    }
    return AN_OK;
}

/* The states of this step; what else the program reads is fed. */
static an_status fill_store(const an_trial *t, an_programs *p, one *o)
{
    an_status status = AN_OK;
    const an_graph *g = t->side[1].g;
    for (int64_t i = 0; status == AN_OK && i < g->leaf_count; i++) {
        const an_name_entry *leaf = &g->leaves[i];
        if (an_node_is_state(an_node_of(g, leaf->value)) && an_graph_leaf(p->g, leaf->name))
            status = an_store_set(o->store, leaf->name, &t->side[1].e.value[leaf->value]);
    }
    return status;
}

/* Whether the program reads it or not: it may be what says how large a dim is. */
static void list_feeds(const an_trial *t, an_programs *p)
{
    const an_graph *g = t->side[1].g;
    p->feeds = 0;
    for (int64_t i = 0; i < g->leaf_count; i++) {
        const an_name_entry *leaf = &g->leaves[i];
        if (an_node_is_input(an_node_of(g, leaf->value)) && an_graph_leaf(p->g, leaf->name))
            p->feed[p->feeds++] = (an_feed){leaf->name, &t->side[1].e.value[leaf->value]};
    }
}

static an_status open_one(an_trial *t, an_programs *p, one *o, an_check_row *row)
{
    o->store = an_store_new(t->args->seed);
    if (!o->store) return AN_E_MEMORY;
    an_status status = fill_store(t, p, o);
    if (status != AN_OK) return status;
    an_set_threads(o->threads);
    o->program = an_compile_with(&(an_compile_args){
        .graph = p->g, .store = o->store, .fetch_list = p->fetch,
        .fetch_count = (int)p->outputs, .update = {p->g, o->table}, .passes = ""});
    if (!o->program && p->g->compile_error.status == AN_E_MEMORY) return AN_E_MEMORY;
    if (o->program) o->program->poison = true;
    else an_check_fail(row, AN_FAILED, "it does not compile: %.400s", an_compile_message(p->g));
    return AN_OK;
}

static an_status open_programs(an_trial *t, an_check_row *row)
{
    int threads[8];
    const int numbers = threads_listed(t->args, threads);
    an_programs *p = t->programs = an_alloc_zeroed(sizeof *p);
    if (!p) return AN_E_MEMORY;
    an_status status = reserve(t, p);
    const uint32_t tables = status == AN_OK ? (uint32_t)p->g->set_count : 0;
    if (tables == 0 && p->outputs == 0) return status;
    for (int i = 0; i < numbers && status == AN_OK; i++)
        for (uint32_t table = tables > 0; table <= tables && status == AN_OK; table++) {
            p->at[p->count] = (one){.threads = threads[i], .table = table};
            status = open_one(t, p, &p->at[p->count++], row);
        }
    return status;
}

/* ---- running ----------------------------------------------------------- */

static void judge(an_trial *t, const one *o, const char *kind, const char *name,
                  const an_tensor *want, const an_tensor *got, an_check_row *row)
{
    an_compared c;
    an_compare_begin(&c, kind, name);
    const an_judge bound = {.ulps = an_trial_ulps(t)};
    an_compare_tensors(&c, want, got, &bound);
    row->tried++;
    if (c.verdict == AN_BITWISE) return;
    an_check_fail(row, c.verdict,
                  "on %d thread%s %s \"%.100s\" has other bits than in the interpreter, in %lld "
                  "of %lld elements; the worst, element %lld, is %.9g there, %.9g in the program",
                  o->threads, o->threads == 1 ? "" : "s", kind, name, (long long)c.different,
                  (long long)c.count, (long long)c.worst, c.worst_a, c.worst_b);
}

static an_status run_one(an_trial *t, an_programs *p, const one *o, an_check_row *row)
{
    const an_graph *g = t->side[1].g;
    const an_evaluation *e = &t->side[1].e;
    an_set_threads(o->threads);
    list_feeds(t, p);
    const an_status status = an_run_with(&(an_run_args){
        .program = o->program, .feed_list = p->feed, .feed_count = (int)p->feeds,
        .out_list = p->result, .out_count = (int)p->outputs});
    if (status == AN_E_MEMORY) return status;
    if (status == AN_E_BINDING) return AN_OK; /* no input says how large some dim is */
    if (status != AN_OK) {
        an_check_fail(row, AN_FAILED, "it does not run: %.400s", an_program_message(o->program));
        return AN_OK;
    }
    for (int64_t i = 0; i < p->outputs; i++)
        judge(t, o, "output", g->outputs[i].name, &e->value[g->outputs[i].value], &p->out[i], row);
    for (int64_t i = 0; i < g->commit_count; i++) {
        const an_commit *c = &g->commits[i];
        const char *name = an_node_of(g, c->state)->name;
        const an_tensor *now = an_store_view(o->store, name);
        if (c->set != AN_PENDING && c->set == o->table && now)
            judge(t, o, "update", name, &e->value[c->value], now, row);
    }
    return AN_OK;
}

an_status an_check_programs(an_trial *t, an_check_row *row)
{
    const int usual = an_threads();
    an_status status = AN_OK;
    if (t->step == 0) {
        an_programs_free(t->programs);
        t->programs = NULL;
        status = open_programs(t, row);
    }
    an_programs *p = t->programs;
    for (int64_t i = 0; p && status == AN_OK && i < p->count; i++)
        if (p->at[i].program && (t->step == 0 || p->g->set_count <= 1))
            status = run_one(t, p, &p->at[i], row);
    an_set_threads(usual);
    return status == AN_OK ? AN_OK
                           : an_fail(&t->error, status, "the program cannot be readied: %s",
                                     an_status_name(status));
}
