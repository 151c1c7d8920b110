/* sweep_run.c -- one execution of an op on guarded buffers.
 *
 * Every buffer lies between guard bytes and starts where the check asks for;
 * outputs and scratch hold poison before. After the run guards and operands must
 * be as they were, except an operand that an output was put over.            */
#include "ops/kernels/kernels.h"
#include "tests/ops/sweep.h"

#include "core/pool.h"

#define GUARD 128 /* bytes on each side: two cache lines, more than a vector store */
#define GUARD_BYTE 0xA5

typedef struct guarded {
    unsigned char *block, *data;
    int64_t bytes;
} guarded;

static guarded guarded_new(int64_t bytes, int64_t offset)
{
    guarded g = {.bytes = bytes};
    const size_t size = (size_t)(bytes + offset + 2 * GUARD + 63) / 64 * 64;
    g.block = aligned_alloc(64, size);
    an_want(g.block, "out of memory");
    memset(g.block, GUARD_BYTE, size);
    g.data = g.block + GUARD + offset;
    return g;
}

static bool guards_whole(const guarded *g)
{
    for (const unsigned char *p = g->block; p < g->data; p++)
        if (*p != GUARD_BYTE) return false;
    for (int i = 0; i < GUARD; i++)
        if (g->data[g->bytes + i] != GUARD_BYTE) return false;
    return true;
}

typedef struct execution {
    const an_setting *s;
    const an_how *how;
    guarded in[AN_CASE_OPERANDS], out[AN_CASE_OUTPUTS], scratch;
    an_tensor in_tensor[AN_CASE_OPERANDS], out_tensor[AN_CASE_OUTPUTS];
    an_fault fault;
    an_work work;
} execution;

static guarded tensor_buffer(const execution *x, const an_tensor *t)
{
    return guarded_new(an_tensor_bytes(t), x->how->shift * (int64_t)an_dtype_size(t->dtype));
}

static void place_operands(execution *x)
{
    for (int i = 0; i < x->s->inputs; i++) {
        const an_tensor *t = &x->s->in[i];
        x->in_tensor[i] = *t;
        if (!x->s->present[i]) continue;
        if (i > 0 && x->how->same == i + 1) {
            x->in_tensor[i].data = x->in_tensor[0].data;
            continue;
        }
        x->in[i] = tensor_buffer(x, t);
        if (x->in[i].bytes > 0) memcpy(x->in[i].data, t->data, (size_t)x->in[i].bytes);
        x->in_tensor[i].data = x->in[i].data;
    }
}

static void place_outputs(execution *x)
{
    for (int k = 0; k < x->s->outputs; k++) {
        x->out_tensor[k] = x->s->out[k];
        x->out_tensor[k].data = NULL;
        if (x->how->dead >> k & 1) continue;
        if (x->how->over[k]) {
            x->out_tensor[k].data = x->in_tensor[x->how->over[k] - 1].data;
            continue;
        }
        x->out[k] = tensor_buffer(x, &x->s->out[k]);
        memset(x->out[k].data, x->how->poison, (size_t)x->out[k].bytes);
        x->out_tensor[k].data = x->out[k].data;
    }
}

static void prepare(execution *x)
{
    place_operands(x);
    place_outputs(x);
    atomic_flag_clear(&x->fault.lock);
    x->work = (an_work){.op = x->s->op, .attrs = &x->s->attrs, .extent = x->s->extent,
                        .inputs = x->s->inputs, .outputs = x->s->outputs, .in = x->in_tensor,
                        .out = x->out_tensor, .fault = &x->fault, .node = 3,
                        .kernels = an_kernels_of(x->how->isa)};
    const an_op_rules *rules = x->s->op->rules;
    int64_t bytes = rules->scratch ? rules->scratch(&x->work) : 0;
    an_want(bytes >= 0, "%s: scratch says %lld", x->s->name, (long long)bytes);
    x->scratch = guarded_new(bytes, 0);
    memset(x->scratch.data, x->how->poison, (size_t)bytes);
    x->work.scratch = x->scratch.data;
}

/* ---- units in many orders ---------------------------------------------- */

/* Cuts [0, units) into ranges and runs them shuffled. */
static void run_shuffled(const an_stage *stage, const execution *x, int64_t units, int64_t longest)
{
    an_test_random r = {x->s->seed + (uint64_t)units};
    int64_t *cut = malloc(sizeof *cut * (size_t)(units + 1));
    int64_t *order = malloc(sizeof *order * (size_t)(units + 1));
    int64_t ranges = 0;
    for (int64_t at = 0; at < units; ranges++) {
        cut[ranges] = at;
        order[ranges] = ranges;
        at += an_test_int(&r, 1, longest);
    }
    cut[ranges] = units;
    for (int64_t i = ranges - 1; i > 0; i--) {
        const int64_t j = an_test_int(&r, 0, i), swap = order[i];
        order[i] = order[j];
        order[j] = swap;
    }
    for (int64_t i = 0; i < ranges; i++) {
        const int64_t end = cut[order[i] + 1];
        stage->run(&x->work, cut[order[i]], end < units ? end : units);
    }
    free(cut);
    free(order);
}

typedef struct pool_call {
    const an_stage *stage;
    const an_work *work;
} pool_call;

static void run_in_pool(void *context, int64_t begin, int64_t end)
{
    const pool_call *call = context;
    call->stage->run(call->work, begin, end);
}

static void run_stage(const execution *x, const an_stage *stage, int64_t units)
{
    const pool_call call = {stage, &x->work};
    switch (x->how->split) {
    case AN_SPLIT_WHOLE: stage->run(&x->work, 0, units); break;
    case AN_SPLIT_SINGLE: run_shuffled(stage, x, units, 1); break;
    case AN_SPLIT_RANDOM: run_shuffled(stage, x, units, 1 + units / 2); break;
    case AN_SPLIT_POOL: an_pool_run(units, run_in_pool, (void *)(uintptr_t)&call); break;
    }
}

static void run_stages(const execution *x, an_outcome *o)
{
    const an_op_rules *rules = x->s->op->rules;
    for (int i = 0; i < AN_MAX_STAGES && rules->stages[i].run; i++) {
        const int64_t units = rules->stages[i].units(&x->work);
        an_want(units >= 0, "%s: stage %d has %lld units", x->s->name, i, (long long)units);
        if (units > o->most_units[i]) o->most_units[i] = units;
        if (units > 0) run_stage(x, &rules->stages[i], units);
    }
}

/* ---- afterwards -------------------------------------------------------- */

static bool is_overwritten(const an_how *how, int operand)
{
    for (int k = 0; k < AN_CASE_OUTPUTS; k++)
        if (how->over[k] == operand + 1) return true;
    return false;
}

static void check_buffers(const execution *x)
{
    const an_setting *s = x->s;
    for (int i = 0; i < s->inputs; i++) {
        if (!x->in[i].block) continue;
        an_want(guards_whole(&x->in[i]), "%s: %s wrote beside operand %d", s->name,
                x->how->what, i);
        if (is_overwritten(x->how, i) || x->in[i].bytes == 0) continue;
        an_want(!memcmp(x->in[i].data, s->in[i].data, (size_t)x->in[i].bytes),
                "%s: %s changed operand %d", s->name, x->how->what, i);
    }
    for (int k = 0; k < s->outputs; k++)
        an_want(!x->out[k].block || guards_whole(&x->out[k]), "%s: %s wrote beside output %d",
                s->name, x->how->what, k);
    an_want(guards_whole(&x->scratch), "%s: %s wrote beside its scratch", s->name,
            x->how->what);
}

static void keep_outcome(const execution *x, an_outcome *o)
{
    for (int k = 0; k < x->s->outputs; k++)
        if (x->out_tensor[k].data)
            an_want_ok(an_tensor_copy(&o->out[k], &x->out_tensor[k]));
    o->faulted = atomic_load(&x->fault.raised);
    o->fault_operand = x->fault.operand;
    o->fault_position = x->fault.position;
    o->fault_value = x->fault.value;
    o->fault_bound = x->fault.bound;
    an_want(!o->faulted || x->fault.node == 3, "%s: fault blames another node", x->s->name);
}

void an_setting_run(const an_setting *s, const an_how *how, an_outcome *o)
{
    execution x = {.s = s, .how = how};
    memset(o, 0, sizeof *o);
    prepare(&x);
    if (how->ref) s->op->rules->ref(&x.work);
    else run_stages(&x, o);
    check_buffers(&x);
    keep_outcome(&x, o);
    for (int i = 0; i < s->inputs; i++) free(x.in[i].block);
    for (int k = 0; k < s->outputs; k++) free(x.out[k].block);
    free(x.scratch.block);
}

void an_outcome_free(an_outcome *o)
{
    for (int k = 0; k < AN_CASE_OUTPUTS; k++) an_tensor_free(&o->out[k]);
}
