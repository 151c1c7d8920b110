/* exec.c -- one run: all waves, then all updates, or an error and none.
 *
 * Nothing outside the slab and the out tensors is written before the gate, but for
 * parts of states that are put back if the run fails (undo.c), and past the gate
 * nothing can fail. Fetched values are made in the outs themselves
 * where that is possible, so a run that fails leaves anything there. Kernels are
 * cut into units by shape alone, and each unit writes what no other reads, so
 * every number of threads gives the same bits. After the first run of a binding
 * nothing is allocated.                                                      */
#include "graph/run/program.h"

#include "core/pool.h"
#include "ops/kernels/kernels.h"

#include <string.h>

typedef struct run {
    an_program *p;
    an_plan *plan;
    an_at at;
    an_tensor *const *out;
    int out_count;
    bool finite;
    bool patient; /* what ranks share has ended behind the wave that began it */
    int64_t patched; /* parts of states that are overwritten by now */
    an_trace *trace; /* NULL: nobody wants to know */
} run;

/* ---- plans ------------------------------------------------------------- */

/* Contents of the slab do not outlive a run, so growing copies nothing. */
static bool grow_slab(an_program *p, int64_t bytes)
{
    if (bytes <= p->slab_bytes) return true;
    char *slab = an_alloc_aligned(bytes);
    if (!slab) return false;
    an_free_aligned(p->slab);
    p->slab = slab;
    p->slab_bytes = bytes;
    return true;
}

static int least_recent(const an_program *p)
{
    int oldest = 0;
    for (int i = 1; i < p->plan_count; i++)
        if (p->plans[i]->used < p->plans[oldest]->used) oldest = i;
    return oldest;
}

an_plan *an_program_plan(an_program *p, an_at at)
{
    const size_t size = (size_t)an_dims_names(p->graph->dims) * sizeof *p->bound;
    for (int i = 0; i < p->plan_count; i++)
        if (size == 0 || !memcmp(p->plans[i]->bound, p->bound, size)) {
            p->plans[i]->used = ++p->runs;
            return p->plans[i];
        }
    an_error error = {0};
    an_plan *plan = an_plan_new(&p->schedule, p->bound, &error);
    if (!plan) {
        an_text words = {0};
        an_text_add(&words, error.text);
        if (error.status == AN_E_BINDING) an_program_hint_open(p, &words);
        an_program_fail(p, at, error.status, "%s", an_text_view(&words));
        an_text_free(&words);
        return NULL;
    }
    if (!grow_slab(p, plan->slab_bytes)) {
        an_program_fail(p, at, AN_E_MEMORY, "there is no memory for the %lld bytes of one run",
                        (long long)plan->slab_bytes);
        an_plan_free(plan);
        return NULL;
    }
    an_program_note_saved(p, plan);
    int place = p->plan_count;
    if (place == AN_PLANS) {
        place = least_recent(p);
        an_plan_free(p->plans[place]);
    } else {
        p->plan_count++;
    }
    plan->used = ++p->runs;
    return p->plans[place] = plan;
}

/* ---- results ---------------------------------------------------------- */

/* A fetched value is made where it is wanted, not in the slab: its buffer lies in the out, and the
 * plan is proved to keep it there to the end. Of several outs of one buffer the last becomes it. */
static void aim_at_outs(const run *r)
{
    an_program *p = r->p;
    for (int i = 0; i < r->out_count; i++) {
        const an_tensor *t = r->out[i];
        const uint32_t b = p->schedule.fetches[i].buffer;
        if (!t || !t->data || p->schedule.buffers[b].home != AN_HOME_SLAB) continue;
        if ((uintptr_t)t->data % an_dtype_size(t->dtype)) continue; /* kernels could not write it */
        p->at[b] = t->data;
        if (p->poison) memset(t->data, 0xff, (size_t)an_tensor_bytes(t));
    }
}

/* What was not made there: feeds, states, literals, other outs of the same buffer. */
static void copy_outs(const run *r, bool late)
{
    for (int i = 0; i < r->out_count; i++) {
        if (!r->out[i] || r->p->schedule.fetches[i].late != late) continue;
        const void *made = r->p->at[r->p->schedule.fetches[i].buffer];
        const int64_t bytes = an_tensor_bytes(r->out[i]);
        if (bytes > 0 && made != r->out[i]->data) memcpy(r->out[i]->data, made, (size_t)bytes);
    }
}

/* ---- kernels ----------------------------------------------------------- */

static const an_op_rules *rules_of(const an_program *p, const an_task *task)
{
    return p->graph->nodes[task->node].op->rules;
}

typedef struct alone {
    const run *r;
    int64_t index;
    int stage;
} alone;

/* Units of a stage of a task; its plain loops are one unit. */
static void run_part(const run *r, int64_t index, int stage, int64_t begin, int64_t end)
{
    const an_task *task = &r->p->schedule.tasks[index];
    const an_op_rules *rules = rules_of(r->p, task);
    const int64_t since = an_trace_since(r->trace);
    if (task->fast) rules->stages[stage].run(&r->plan->works[index], begin, end);
    else rules->ref(&r->plan->works[index]);
    an_trace_note(r->trace, index, stage, since);
}

static void run_alone_units(void *context, int64_t begin, int64_t end)
{
    const alone *a = context;
    run_part(a->r, a->index, a->stage, begin, end);
}

static void run_alone(const run *r, int64_t index)
{
    const an_task *task = &r->p->schedule.tasks[index];
    const an_op_rules *rules = rules_of(r->p, task);
    if (!task->fast) run_part(r, index, 0, 0, 1);
    for (int s = 0; task->fast && s < AN_MAX_STAGES && rules->stages[s].run; s++) {
        const int64_t units = rules->stages[s].units(&r->plan->works[index]);
        if (units == 1) run_part(r, index, s, 0, 1);
        else an_pool_run(units, run_alone_units, &(alone){r, index, s});
    }
}

/* Stage `stage` of every task of a wave, their units numbered through. */
typedef struct abreast {
    const run *r;
    const an_wave *wave;
    int stage;
} abreast;

static int64_t units_of(const run *r, int64_t index, int stage)
{
    const an_task *task = &r->p->schedule.tasks[index];
    const an_op_rules *rules = rules_of(r->p, task);
    if (!task->fast) return stage == 0;
    return rules->stages[stage].run ? rules->stages[stage].units(&r->plan->works[index]) : 0;
}

static void run_abreast_units(void *context, int64_t begin, int64_t end)
{
    const abreast *a = context;
    const int64_t *first = a->r->p->first_unit;
    int64_t low = 0, high = a->wave->count; /* the task that holds unit `begin` */
    while (high - low > 1) {
        const int64_t middle = low + (high - low) / 2;
        if (first[middle] <= begin) low = middle;
        else high = middle;
    }
    for (int64_t i = low; begin < end; i++) {
        const int64_t stop = first[i + 1] < end ? first[i + 1] : end;
        if (begin < stop)
            run_part(a->r, a->wave->first + i, a->stage, begin - first[i], stop - first[i]);
        if (begin < stop) begin = stop;
    }
}

static void run_abreast(const run *r, const an_wave *wave)
{
    for (int s = 0; s < AN_MAX_STAGES; s++) {
        int64_t *first = r->p->first_unit;
        first[0] = 0;
        for (int64_t i = 0; i < wave->count; i++)
            first[i + 1] = first[i] + units_of(r, wave->first + i, s);
        an_pool_run(first[wave->count], run_abreast_units, &(abreast){r, wave, s});
    }
}

/* ---- the run ----------------------------------------------------------- */

/* Gives every buffer, argument and scratch its address for this run. */
static void set_addresses(const run *r)
{
    an_program *p = r->p;
    const an_run_schedule *s = &p->schedule;
    const an_kernels *kernels = an_kernels_of(an_runtime_isa());
    for (int64_t b = 1; b <= s->buffer_count; b++)
        if (s->buffers[b].home == AN_HOME_SLAB) p->at[b] = p->slab + r->plan->offset[b];
    aim_at_outs(r);
    for (int64_t i = 0; i < s->argument_count; i++)
        r->plan->arguments[i].data = p->at[s->arguments[i]];
    for (int64_t t = 0; t < s->task_count; t++) {
        an_work *w = &r->plan->works[t];
        w->scratch = r->plan->scratch[t] >= 0 ? p->slab + r->plan->scratch[t] : NULL;
        w->fault = &p->fault;
        w->kernels = kernels;
    }
}

static an_status report_fault(const run *r)
{
    const an_fault *f = &r->p->fault;
    const an_graph *g = r->p->graph;
    const an_node *n = &g->nodes[f->node];
    an_text node = {0}, what = {0};
    char operand[32];
    an_op_input_name(n->op, f->operand, operand, sizeof operand);
    an_node_print(n, &node);
    an_text_addf(&node, " (%s", n->op->name);
    if (n->at.file && n->at.line > 0)
        an_text_addf(&node, ", made at %s:%d", n->at.file, n->at.line);
    if (f->bound > 0)
        an_text_addf(&what, "outside 0..%lld\n  hint: %s must be below %lld: map the values beyond "
                     "to one inside, or enlarge what they index", (long long)f->bound - 1, operand,
                     (long long)f->bound);
    else
        an_text_add(&what, "which has no result here\n  hint: keep it out of the feed");
    const an_status status =
        an_program_fail(r->p, r->at, AN_E_DATA, "%s): %s[%lld] is %lld, %s", an_text_view(&node),
                        operand, (long long)f->position, (long long)f->value, an_text_view(&what));
    an_text_free(&node);
    an_text_free(&what);
    return status;
}

static void run_late_wave(const run *r, int64_t wave)
{
    const an_wave *w = &r->p->schedule.waves[wave];
    if (w->count == 1) run_alone(r, w->first);
    else if (w->count > 1) run_abreast(r, w);
}

/* Before the gate. Where a part of a state does not fit, a fault is raised and nothing runs. */
static void run_wave(run *r, int64_t wave)
{
    const int64_t since = an_trace_since(r->trace), before = r->patched;
    if (!an_program_keep_parts(r->p, r->plan, wave, &r->patched)) return;
    if (r->patched > before)
        an_trace_note(r->trace, r->p->schedule.patches[before].task, 0, since);
    run_late_wave(r, wave);
}

/* The wave, and what ranks share before and behind it. */
static void run_among_ranks(run *r, int64_t wave, bool faulty)
{
    an_program_end_shared(r->p, wave);
    if (!faulty) run_wave(r, wave);
    an_program_begin_shared(r->p, r->plan, wave);
    if (r->patient) an_program_end_shared(r->p, r->p->schedule.gate);
}

static void undo(run *r)
{
    an_program_undo(r->p, r->plan, &r->patched);
}

typedef void (*look_fn)(const run *r, int64_t wave, void *context);

/* The waves before the gate once more; `look` comes behind each. */
static void run_again(run *r, look_fn look, void *context)
{
    r->p->begun = r->p->ended = 0;
    for (int64_t w = 0; w < r->p->schedule.gate; w++) {
        run_among_ranks(r, w, false);
        look(r, w, context);
    }
}

typedef struct blaming {
    uint32_t refused, blamed; /* 0: another rank's are, and this one takes part */
    int64_t made;
    an_status status;
} blaming;

static void look_for_cause(const run *r, int64_t wave, void *context)
{
    const blaming *b = context;
    if (b->refused) an_program_blame_wave(r->p, r->plan, wave);
}

static void look_at_cause(const run *r, int64_t wave, void *context)
{
    blaming *b = context;
    if (b->refused && wave == b->made)
        b->status = an_program_refuse(r->p, r->at, r->plan, b->refused, b->blamed);
}

/* The run once more to see where it came from, and again to see what it is. */
static an_status refuse(run *r, uint32_t value)
{
    blaming b = {.refused = value, .status = AN_OK};
    r->trace = NULL;
    r->patient = true;
    undo(r);
    if (value) an_program_blame_begin(r->p, r->plan);
    run_again(r, look_for_cause, &b);
    if (value) b.blamed = an_program_blame_end(r->p, value);
    if (value) b.made = an_program_wave_of(r->p, b.blamed);
    undo(r); /* what was there before is looked at as it was */
    if (value && b.made < 0)
        b.status = an_program_refuse(r->p, r->at, r->plan, value, b.blamed);
    run_again(r, look_at_cause, &b);
    undo(r);
    return b.status;
}

/* Nothing here can fail: see the file's head. */
static void commit(const run *r)
{
    const an_run_schedule *s = &r->p->schedule;
    void *const *at = r->p->at;
    int64_t since = an_trace_since(r->trace);
    copy_outs(r, false);
    for (int64_t i = 0; i < s->write_count; i++) {
        const an_write *w = &s->writes[i];
        if (w->kept) memcpy(at[w->kept], at[w->from], (size_t)r->plan->bytes[w->state]);
    }
    an_trace_note(r->trace, AN_CHORE_COPY, 0, since);
    for (int64_t w = s->gate + 1; w < s->end; w++) run_late_wave(r, w);
    since = an_trace_since(r->trace);
    copy_outs(r, true);
    for (int64_t i = 0; i < s->write_count; i++) {
        const an_write *w = &s->writes[i];
        memcpy(at[w->state], at[w->kept ? w->kept : w->from], (size_t)r->plan->bytes[w->state]);
    }
    an_trace_note(r->trace, AN_CHORE_COPY, 0, since);
}

/* Behind a wave, while its operands are there. */
static void look_at_sums(const run *r, int64_t wave, int64_t *next)
{
    const int64_t since = an_trace_since(r->trace);
    an_program_look_at_sums(r->p, r->plan, wave, next);
    an_trace_note(r->trace, AN_CHORE_LOOK, 0, since);
}

/* The first value that is to be finite and is not; 0: there is none. */
static uint32_t find_unfit(const run *r)
{
    const int64_t since = an_trace_since(r->trace);
    const uint32_t unfit = an_program_find_unfit(r->p, r->plan);
    an_trace_note(r->trace, AN_CHORE_LOOK, 0, since);
    return unfit;
}

/* Whether data were refused: then nothing runs any more, but ranks go on with what they share. */
static bool run_waves(run *r)
{
    const an_program *p = r->p;
    int64_t sums = 0;
    bool faulty = false;
    for (int64_t w = 0; w < p->schedule.gate; w++) {
        run_among_ranks(r, w, faulty);
        if (r->finite && !faulty) look_at_sums(r, w, &sums);
        faulty = atomic_load_explicit(&p->fault.raised, memory_order_relaxed);
        if (faulty && p->shared_count == 0) break;
    }
    an_program_end_shared(r->p, p->schedule.gate);
    return faulty;
}

static an_status execute(run *r)
{
    an_program *p = r->p;
    const int64_t since = p->trace ? p->trace->began : 0;
    if (p->poison) memset(p->slab, 0xff, (size_t)p->slab_bytes);
    set_addresses(r);
    atomic_store_explicit(&p->fault.raised, false, memory_order_relaxed);
    an_trace_note(r->trace, AN_CHORE_READY, 0, since);
    const bool faulty = run_waves(r);
    const uint32_t unfit = !faulty && r->finite ? find_unfit(r) : 0;
    bool again = unfit != 0;
    an_status status = AN_OK;
    if (p->communicator) status = an_program_settle(p, r->at, faulty, unfit != 0, &again);
    if (again) {
        const an_status own = refuse(r, unfit);
        return unfit ? own : status;
    }
    if (status == AN_OK && faulty) status = report_fault(r);
    if (status == AN_OK && unfit) status = an_program_refuse(p, r->at, r->plan, unfit, unfit);
    if (status == AN_OK) commit(r);
    else undo(r);
    return status;
}

/* What of the run is this rank's own matter. */
static an_status prepare(run *r, const an_run_args *args)
{
    an_program *p = r->p;
    const an_feed *feeds = args->feed_list ? args->feed_list : args->feed;
    int feed_count = args->feed_list ? args->feed_count : 0;
    if (!args->feed_list)
        for (int i = 0; i < AN_MAX_NAMED; i++)
            if (feeds[i].name || feeds[i].tensor) feed_count = i + 1;
    an_status status = an_program_feed(p, args->at, feeds, feed_count);
    if (status != AN_OK) return status;
    r->plan = an_program_plan(p, args->at);
    if (!r->plan) return p->error.status;
    status = an_program_check_feeds(p, args->at, r->plan);
    if (status == AN_OK)
        status = an_program_ready_outs(p, args->at, r->plan, r->out, r->out_count);
    /* Only fetches can be copied: what is past them is NULL by now. */
    if ((int64_t)r->out_count > p->graph->output_count) r->out_count = (int)p->graph->output_count;
    return status;
}

static an_status run_held(an_program *p, const an_run_args *args)
{
    run r = {.p = p, .at = args->at, .out = args->out_list ? args->out_list : args->out,
             .out_count = args->out_list ? args->out_count : AN_MAX_NAMED,
             .finite = args->finite, .trace = p->trace};
    an_trace_begin(p->trace);
    an_status status = prepare(&r, args);
    if (p->communicator) status = an_program_meet(p, args->at, r.plan, status);
    if (status == AN_OK) status = execute(&r);
    an_trace_end(p->trace, status == AN_OK ? r.plan : NULL);
    return status;
}

an_status an_run_with(const an_run_args *args)
{
    if (!args || !args->program) return AN_E_ARGUMENT;
    an_program *p = args->program;
    if (!an_store_enter(p->store)) {
        atomic_store(&p->refused, true);
        return AN_E_BUSY;
    }
    atomic_store(&p->refused, false);
    an_error_clear(&p->error);
    p->unfit = false;
    const an_status status = run_held(p, args);
    an_store_leave(p->store);
    return status;
}
