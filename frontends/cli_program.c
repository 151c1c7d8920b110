/* cli_program.c -- the program against the interpreter, thread by thread.
 *
 * an_equivalent compares graphs in the interpreter, which knows no plan, no memory
 * reuse and no threads. Here the graph is compiled and run as a user would run it,
 * once per number of threads and update table, each time from the same states. */
#include "frontends/cli_program.h"

#include "core/memory.h"
#include "graph/equal/compare.h"
#include "graph/equal/trial_data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define USUAL_EXTENT 4 /* of a dim that is not bound, as an_equivalent has it */
#define ULPS 16

typedef struct oracle {
    an_graph *g;
    const an_cli *line;
    an_evaluation e; /* the interpreter's values, leaves included */
    an_feed *feed;
    an_value *fetch;
    an_tensor *out;
    an_tensor **result;
    int64_t feeds, outputs;
} oracle;

bool an_cli_read_threads(const char *list, an_cli_trials *trials)
{
    *trials = (an_cli_trials){0};
    bool good = true;
    an_text word = {0};
    for (const char *p = list ? list : "1,2"; good && an_cli_next_word(&p, &word);) {
        const char *text = an_text_view(&word);
        const size_t digits = strspn(text, "0123456789");
        const long n = digits > 0 && digits < 5 && !text[digits] ? strtol(text, NULL, 10) : 0;
        good = n > 0 && n <= 64 * AN_CLI_MOST_THREADS && trials->count < AN_CLI_MOST_THREADS;
        if (good) trials->at[trials->count++].threads = (int)n;
    }
    an_text_free(&word);
    if (good && trials->count > 0) return true;
    an_cli_say("--threads takes a list like 1,2,4 of at most %d numbers up to %d, not '%s'",
               AN_CLI_MOST_THREADS, 64 * AN_CLI_MOST_THREADS, list);
    return false;
}

/* ---- the interpreter's side -------------------------------------------- */

static an_status fail(an_cli_trials *trials, an_status status, const char *message)
{
    for (int i = 0; i < trials->count; i++) {
        trials->at[i].verdict = AN_FAILED;
        snprintf(trials->at[i].message, sizeof trials->at[i].message, "%.600s", message);
    }
    return status;
}

static an_status evaluate(oracle *o, an_cli_trials *trials)
{
    an_error error = {0};
    int64_t *bound = an_alloc_zeroed((an_dims_names(o->g->dims) + 1) * (int64_t)sizeof *bound);
    if (!bound) return fail(trials, AN_E_MEMORY, "out of memory");
    an_status status = an_trial_bind(o->g, o->line->bind, USUAL_EXTENT, bound, &error);
    if (status == AN_OK) status = an_evaluation_begin(&o->e, o->g, bound);
    an_free(bound);
    for (int64_t i = 0; status == AN_OK && i < o->g->leaf_count; i++) {
        const uint32_t id = o->g->leaves[i].value;
        an_trial_fill(&o->e, id, (uint64_t)o->line->seed, &o->e.value[id]);
    }
    if (status == AN_OK) status = an_evaluate(&o->e);
    if (status == AN_OK) return AN_OK;
    return fail(trials, status, error.status != AN_OK ? error.text : o->e.error.text);
}

static an_status prepare(oracle *o, an_cli_trials *trials)
{
    const an_graph *g = o->g;
    const int64_t leaves = g->leaf_count + 1, outputs = g->output_count + 1;
    o->feed = an_alloc_zeroed(leaves * (int64_t)sizeof *o->feed);
    o->fetch = an_alloc_zeroed(outputs * (int64_t)sizeof *o->fetch);
    o->out = an_alloc_zeroed(outputs * (int64_t)sizeof *o->out);
    o->result = an_alloc_zeroed(outputs * (int64_t)sizeof *o->result);
    if (!o->feed || !o->fetch || !o->out || !o->result)
        return fail(trials, AN_E_MEMORY, "out of memory");
    for (o->outputs = 0; o->outputs < g->output_count; o->outputs++) {
        o->fetch[o->outputs] = an_graph_output_value(o->g, o->outputs);
        o->result[o->outputs] = &o->out[o->outputs];
    }
    return AN_OK;
}

/* ---- the program's side ------------------------------------------------ */

/* States as the interpreter had them; the other leaves that the program reads are fed. */
static an_status fill_store(oracle *o, an_store *store)
{
    an_status status = AN_OK;
    for (int64_t i = 0; status == AN_OK && i < o->g->leaf_count; i++) {
        const an_name_entry *leaf = &o->g->leaves[i];
        if (an_is_state((an_value){o->g, leaf->value}))
            status = an_store_set(store, leaf->name, &o->e.value[leaf->value]);
    }
    return status;
}

static void list_feeds(oracle *o, const an_graph *running)
{
    o->feeds = 0;
    for (int64_t i = 0; i < o->g->leaf_count; i++) {
        const an_name_entry *leaf = &o->g->leaves[i];
        if (!an_is_state((an_value){o->g, leaf->value}) && an_graph_leaf(running, leaf->name))
            o->feed[o->feeds++] = (an_feed){leaf->name, &o->e.value[leaf->value]};
    }
}

static void judge(an_cli_tried *t, const char *kind, const char *name, const an_tensor *want,
                  const an_tensor *got)
{
    an_compared c;
    an_compare_begin(&c, kind, name);
    an_compare_tensors(&c, want, got, NULL, ULPS);
    t->compared++;
    if (c.verdict <= t->verdict) return;
    t->verdict = c.verdict;
    snprintf(t->message, sizeof t->message,
             "%s \"%.100s\" differs from the interpreter's in %lld of %lld elements; the worst, "
             "element %lld, is %.9g there and %.9g in the program (%.3g ulp)",
             kind, c.name, (long long)c.different, (long long)c.count, (long long)c.worst,
             c.worst_a, c.worst_b, c.max_ulp);
}

static void judge_all(oracle *o, uint32_t table, an_store *store, an_cli_tried *t)
{
    const an_graph *g = o->g;
    for (int64_t i = 0; table <= 1 && i < o->outputs; i++)
        judge(t, "output", g->outputs[i].name, &o->e.value[g->outputs[i].value], &o->out[i]);
    for (int64_t i = 0; i < g->commit_count; i++) {
        const an_commit *c = &g->commits[i];
        const char *name = an_node_of(g, c->state)->name;
        const an_tensor *now = an_store_view(store, name);
        if (c->set == table && now) judge(t, "update", name, &o->e.value[c->value], now);
    }
}

/* One run with update table `table`; 0: none. */
static void try_table(oracle *o, uint32_t table, an_cli_tried *t)
{
    an_store *store = an_store_new((uint64_t)o->line->seed);
    const char *why = "out of memory";
    an_status status = store ? fill_store(o, store) : AN_E_MEMORY;
    if (status != AN_OK && store) why = an_store_message(store);
    an_program *p = NULL;
    if (status == AN_OK) {
        p = an_compile_with(&(an_compile_args){
            .graph = o->g, .store = store, .fetch_list = o->fetch, .fetch_count = (int)o->outputs,
            .update = {o->g, table}, .inference = o->line->inference,
            .passes = o->line->operands == 2 ? "" : o->line->passes});
        if (!p) why = an_compile_message(o->g);
    }
    if (p) {
        list_feeds(o, an_program_graph(p));
        status = an_run_with(&(an_run_args){
            .program = p, .feed_list = o->feed, .feed_count = (int)o->feeds,
            .out_list = o->result, .out_count = (int)o->outputs});
        why = an_program_message(p);
    }
    if (p && status == AN_OK) {
        judge_all(o, table, store, t);
    } else {
        t->verdict = AN_FAILED;
        snprintf(t->message, sizeof t->message, "the program failed: %.600s", why);
    }
    an_program_free(p);
    an_store_free(store);
}

void an_cli_try_program(an_graph *g, const an_cli *line, an_cli_trials *trials)
{
    oracle o = {.g = g, .line = line};
    const int usual = an_threads();
    an_status status = evaluate(&o, trials);
    if (status == AN_OK) status = prepare(&o, trials);
    for (int i = 0; status == AN_OK && i < trials->count; i++) {
        an_set_threads(trials->at[i].threads);
        const uint32_t tables = (uint32_t)g->set_count;
        if (tables == 0 && g->output_count > 0) try_table(&o, 0, &trials->at[i]);
        for (uint32_t t = 1; t <= tables && trials->at[i].verdict != AN_FAILED; t++)
            try_table(&o, t, &trials->at[i]);
    }
    an_set_threads(usual);
    for (int64_t i = 0; o.out && i < o.outputs; i++) an_tensor_free(&o.out[i]);
    an_free(o.feed);
    an_free(o.fetch);
    an_free(o.out);
    an_free(o.result);
    an_evaluation_free(&o.e);
}
