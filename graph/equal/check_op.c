/* check_op.c -- an op from outside, held to what the library's own are held to.
 *
 * Most of it the verifier does already, once the op stands alone in a graph: kernels against their
 * plain loops in f64, writes past results, programs on several threads, on plain and hard data.
 * What it does not do is here: units in another order, results over operands, the text form, and
 * extents of 0 and 1. A fault is reported; a check goes on behind it where it can. */
#include "graph/equal/equal.h"
#include "graph/evaluate.h"

#include <stdio.h>
#include <string.h>

#include "core/random.h"
#include "ops/access.h"
#include "ops/kernels/kernels.h"
#include "ops/set.h"

typedef struct op_check {
    const an_check_op_args *args;
    const an_graph *g;
    const an_node *n;
    an_graph *alone; /* the node, its operands as inputs, its results as outputs */
    an_text report;
    int faults;
    an_error error; /* memory is out, or the op cannot stand alone */
} op_check;

static void say(op_check *c, bool holds, const char *what, const char *why)
{
    an_text_addf(&c->report, "  %-7s %-10s %s\n", holds ? "holds" : "FAILS", what, why);
    c->faults += !holds;
}

/* ---- alone ------------------------------------------------------------- */

static an_status stand_alone(op_check *c)
{
    an_arena scrap = {0};
    uint32_t *in = an_arena_alloc(&scrap, (c->n->inputs + 1) * (int64_t)sizeof *in);
    c->alone = an_graph_like(c->g);
    for (int i = 0; c->alone && in && i < c->n->inputs; i++) {
        char name[32];
        if (!c->n->in[i]) continue;
        snprintf(name, sizeof name, "in%d", i);
        const an_type *type = an_slot_type(c->g, c->n->in[i]);
        in[i] = an_input(c->alone, name, type->dtype, type->shape).id;
    }
    const an_spec spec = {.op = c->n->op, .inputs = c->n->inputs, .in = in, .attrs = c->n->attrs,
                          .at = c->n->at};
    const uint32_t first = c->alone && in ? an_graph_add(c->alone, &spec) : 0;
    for (int k = 0; first && k < c->n->outputs; k++) {
        char name[32];
        an_op_output_name(c->n->op, k, name, sizeof name);
        an_graph_output(an_value_of(c->alone, first + (uint32_t)k), name);
    }
    an_arena_free(&scrap);
    if (!c->alone || !in) return an_fail(&c->error, AN_E_MEMORY, "out of memory");
    const an_status status = an_graph_status(c->alone);
    return status == AN_OK ? AN_OK : an_fail(&c->error, status, "%s", an_graph_message(c->alone));
}

/* The same operands again must give the same types. */
static void check_infer(op_check *c)
{
    const an_node *again = &c->alone->nodes[c->alone->node_count];
    bool same = again->outputs == c->n->outputs;
    for (int k = 0; same && k < c->n->outputs; k++)
        same = an_type_equal(an_slot_type(c->alone, again->first + (uint32_t)k),
                             an_slot_type(c->g, c->n->first + (uint32_t)k));
    say(c, same, "infer", same ? "the same operands have the same results"
                               : "the same operands have results of other types");
}

/* ---- what the verifier does -------------------------------------------- */

/* "B=1,T=1"; lost if memory is out. */
static void bind_all(const an_graph *g, int64_t extent, an_text *out)
{
    for (int i = 0; i < an_dims_names(g->dims); i++)
        an_text_addf(out, i ? ",%s=%lld" : "%s=%lld", an_dims_name_at(g->dims, i),
                     (long long)extent);
}

static void verify(op_check *c, const char *bind, an_trial_kind data, const char *what)
{
    an_equivalence *e = an_equivalent(.a = c->alone, .bind = bind, .data = data, .passes = "",
                                      .seed = c->args->seed, .threads = {1, 2, 3});
    if (an_equivalence_status(e) == AN_E_MEMORY) an_fail(&c->error, AN_E_MEMORY, "out of memory");
    bool good = true;
    for (int i = 0; an_equivalence_check(e, i); i++) {
        const an_check *row = an_equivalence_check(e, i);
        if (row->failed == 0) continue;
        good = false;
        say(c, false, row->name, row->message);
    }
    const bool tried = an_equivalence_rung(e) < AN_RUNG_REFUSED;
    if (!tried) say(c, false, what, an_equivalence_message(e));
    else if (good) say(c, true, what, "f64, guards, programs on 1, 2 and 3 threads");
    an_equivalence_free(e);
}

static void check_gradients(op_check *c)
{
    const an_op_rules *rules = c->n->op->rules;
    const uint32_t y = c->alone->nodes[c->alone->node_count].first;
    if (rules->no_grad || !an_dtype_is_float(an_slot_type(c->alone, y)->dtype)) {
        say(c, true, "gradient", rules->no_grad ? rules->no_grad : "no float result");
        return;
    }
    an_gradient_check *g = an_check_gradients(an_value_of(c->alone, y), .seed = c->args->seed);
    const an_status status = an_gradient_check_status(g);
    if (status == AN_E_MEMORY) an_fail(&c->error, AN_E_MEMORY, "out of memory");
    say(c, status == AN_OK, "gradient",
        status == AN_OK ? "differences in f64" : an_gradient_check_message(g));
    an_gradient_check_free(g);
}

/* ---- units and places --------------------------------------------------- */

typedef struct bench { /* the node over drawn operands */
    an_evaluation e;
    an_work w;
    an_arena room;
    an_tensor *in, *over, *again; /* operands; them with one replaced; results of another run */
    uint32_t first;
} bench;

static bool make_room(bench *b, const an_node *n)
{
    b->in = an_arena_alloc(&b->room, 2 * n->inputs * (int64_t)sizeof *b->in);
    b->again = an_arena_alloc(&b->room, n->outputs * (int64_t)sizeof *b->again);
    b->over = b->in ? b->in + n->inputs : NULL;
    return b->in && b->again;
}

static void close_bench(bench *b)
{
    an_evaluation_free(&b->e);
    an_arena_free(&b->room);
}

static void draw(an_tensor *t, uint64_t seed, uint32_t stream)
{
    const an_stream s = {.seed = seed, .stream = stream};
    for (int64_t i = 0, count = an_elements(t); i < count; i++) {
        const double u = 4 * an_random_uniform(&s, i) - 2;
        if (an_dtype_is_float(t->dtype)) an_put(t, i, u);
        else an_put_int(t, i, t->dtype == AN_BOOL ? u > 0 : (int64_t)(u > 0));
    }
}

static an_status open_bench(op_check *c, bench *b)
{
    int64_t *bound = an_alloc_zeroed((an_dims_names(c->alone->dims) + 1) * (int64_t)sizeof *bound);
    for (int i = 0; bound && i < an_dims_names(c->alone->dims); i++) bound[i] = 37;
    *b = (bench){.first = c->alone->nodes[c->alone->node_count].first};
    const an_status status = bound ? an_evaluation_begin(&b->e, c->alone, bound) : AN_E_MEMORY;
    an_free(bound);
    if (status != AN_OK) return an_fail(&c->error, status, "%s", b->e.error.text);
    const an_node *n = an_node_of(c->alone, b->first);
    if (!make_room(b, n)) return an_fail(&c->error, AN_E_MEMORY, "out of memory");
    for (int i = 0; i < n->inputs; i++) {
        if (!n->in[i]) continue;
        b->in[i] = b->e.value[n->in[i]];
        draw(&b->in[i], c->args->seed, (uint32_t)i);
    }
    b->w = (an_work){.op = n->op, .attrs = n->attrs, .extent = b->e.extent, .inputs = n->inputs,
                     .in = b->in, .outputs = n->outputs, .out = &b->e.value[b->first],
                     .fault = &b->e.fault, .kernels = an_kernels_of(an_runtime_isa())};
    return AN_OK;
}

/* From the last unit to the first, each by itself. */
static void run_backwards(const an_op_rules *rules, const an_work *w)
{
    for (int s = 0; s < AN_MAX_STAGES && rules->stages[s].run; s++)
        for (int64_t unit = rules->stages[s].units(w); unit-- > 0;)
            rules->stages[s].run(w, unit, unit + 1);
}

/* Runs the kernel over `w`, units in order or backwards; false if memory is out. */
static bool run_over(const an_op_rules *rules, an_work *w, bool backwards)
{
    const int64_t size = rules->scratch ? rules->scratch(w) : 0;
    if (size > 0 && !(w->scratch = an_alloc_aligned(size))) return false;
    for (int s = 0; !backwards && s < AN_MAX_STAGES && rules->stages[s].run; s++)
        rules->stages[s].run(w, 0, rules->stages[s].units(w));
    if (backwards) run_backwards(rules, w);
    an_free_aligned(w->scratch);
    w->scratch = NULL;
    return true;
}

/* Once more, backwards or with result 0 in place of operand `over` (-1: neither): the same bits? */
static void check_again(op_check *c, bench *b, int over, const char *what, const char *says)
{
    const an_op_rules *rules = c->n->op->rules;
    an_tensor *out = b->again, *in = b->over;
    memcpy(in, b->in, (size_t)c->n->inputs * sizeof *in);
    bool room = true, same = true;
    for (int k = 0; k < c->n->outputs; k++)
        room = room && an_tensor_copy(&out[k], &b->w.out[k]) == AN_OK;
    an_work w = b->w;
    if (room && over >= 0) {
        memcpy(out[0].data, b->in[over].data, (size_t)an_tensor_bytes(&out[0]));
        in[over].data = out[0].data;
        w.in = in;
    }
    w.out = out;
    room = room && run_over(rules, &w, over < 0);
    for (int k = 0; room && same && k < c->n->outputs; k++)
        same = !memcmp(out[k].data, b->w.out[k].data, (size_t)an_tensor_bytes(&out[k]));
    if (!room) an_fail(&c->error, AN_E_MEMORY, "out of memory");
    else say(c, same, what, same ? says : "other bits come out");
    for (int k = 0; k < c->n->outputs; k++) an_tensor_free(&out[k]);
    memset(out, 0, (size_t)c->n->outputs * sizeof *out);
}

/* The first element of a float result that still is what the interpreter put there before (a NaN
 * of all ones, which no kernel makes); -1: none. */
static int64_t first_unwritten(const an_tensor *t)
{
    const size_t size = an_dtype_size(t->dtype);
    const unsigned char *at = t->data;
    static const unsigned char ones[8] = {255, 255, 255, 255, 255, 255, 255, 255};
    for (int64_t i = 0; an_dtype_is_float(t->dtype) && i < an_elements(t); i++)
        if (!memcmp(at + (size_t)i * size, ones, size)) return i;
    return -1;
}

static bool is_complete(op_check *c, const an_evaluation *e)
{
    const an_node *n = &c->alone->nodes[c->alone->node_count];
    for (int k = 0; k < n->outputs; k++) {
        const int64_t i = first_unwritten(&e->value[n->first + (uint32_t)k]);
        char where[120];
        snprintf(where, sizeof where, "element %lld of result %d is never written: infer says more "
                 "than is made", (long long)i, k);
        if (i >= 0) say(c, false, "infer", where);
        if (i >= 0) return false;
    }
    return true;
}

/* Nothing else is run of an op that writes where it must not: it would bring the process down. */
static bool stays_within(op_check *c, int64_t extent, bool reference)
{
    const int names = an_dims_names(c->alone->dims);
    int64_t *bound = an_alloc_zeroed((names + 1) * (int64_t)sizeof *bound);
    for (int i = 0; bound && i < names; i++) bound[i] = extent;
    an_evaluation e = {.guarded = true, .reference = reference};
    an_status status = bound ? an_evaluation_begin(&e, c->alone, bound) : AN_E_MEMORY;
    for (uint32_t id = 1; status == AN_OK && (int64_t)id <= c->alone->slot_count; id++)
        if (an_node_is_named(an_node_of(c->alone, id))) draw(&e.value[id], c->args->seed, id);
    if (status == AN_OK) status = an_evaluation_run(&e);
    char where[120];
    snprintf(where, sizeof where, "its %s write%s past a result or the scratch, at extents of %lld",
             reference ? "plain loops" : "kernel", reference ? "" : "s", (long long)extent);
    bool within = e.trespasser == 0;
    if (!within) say(c, false, "memory", where);
    else if (status != AN_OK) an_fail(&c->error, status, "%s", e.error.text);
    else within = is_complete(c, &e);
    an_evaluation_free(&e);
    an_free(bound);
    return within && status == AN_OK;
}

static bool check_memory(op_check *c)
{
    static const int64_t extents[] = {0, 1, 3, 37};
    for (int k = 0; k < 8; k++)
        if (!stays_within(c, extents[k / 2], k % 2 && c->n->op->rules->ref)) return false;
    say(c, true, "memory", "writes its results and its scratch and nothing else");
    return true;
}

static void check_kernel(op_check *c)
{
    bench b;
    if (open_bench(c, &b) == AN_OK && an_is_fast(c->n->op, &b.w)) {
        if (!run_over(c->n->op->rules, &b.w, false))
            an_fail(&c->error, AN_E_MEMORY, "out of memory");
        check_again(c, &b, -1, "units", "in any order, one by one, the same bits");
        for (int i = 0; i < c->n->inputs && i < 32; i++)
            if (c->n->op->rules->share[0] >> i & 1 && c->n->in[i] &&
                an_tensor_bytes(&b.in[i]) == an_tensor_bytes(&b.w.out[0]))
                check_again(c, &b, i, "in place", "over an operand the same bits");
    }
    close_bench(&b);
}

/* ---- text -------------------------------------------------------------- */

static void check_text(op_check *c)
{
    an_ops *set = NULL;
    for (int64_t i = 0; i < c->g->ops_count && !set; i++)
        if (an_ops_find(c->g->ops[i], c->n->op->name) == c->n->op) set = c->g->ops[i];
    char *text = an_print(.graph = c->alone);
    an_graph *back = text ? an_parse(.text = text, .name = "printed", .ops = set) : NULL;
    char *again = back ? an_print(.graph = back) : NULL;
    const bool memory = !text || !back || an_graph_status(back) == AN_E_MEMORY;
    if (memory) an_fail(&c->error, AN_E_MEMORY, "out of memory");
    else if (an_graph_status(back) != AN_OK) say(c, false, "text", an_graph_message(back));
    else say(c, again && !strcmp(text, again), "text", "what is printed reads back");
    an_string_free(text);
    an_string_free(again);
    an_graph_free(back);
}

/* ---- the call ---------------------------------------------------------- */

static void run(op_check *c)
{
    check_infer(c);
    check_text(c);
    if (!check_memory(c)) return;
    an_text ones = {0}, none = {0};
    bind_all(c->alone, 1, &ones);
    bind_all(c->alone, 0, &none);
    verify(c, NULL, AN_DATA_PLAIN, "plain");
    verify(c, NULL, AN_DATA_HARD, "hard");
    verify(c, an_text_view(&ones), AN_DATA_PLAIN, "extents 1");
    verify(c, an_text_view(&none), AN_DATA_PLAIN, "extents 0");
    check_kernel(c);
    check_gradients(c);
    an_text_free(&ones);
    an_text_free(&none);
}

bool an_check_op_with(const an_check_op_args *args)
{
    if (args && args->report) *args->report = NULL;
    if (!args || !args->y.graph || an_is_poison(args->y)) return false;
    op_check c = {.args = args, .g = args->y.graph, .n = an_node_of(args->y.graph, args->y.id)};
    an_text_addf(&c.report, "%s\n", c.n->op->name);
    if (stand_alone(&c) == AN_OK) run(&c);
    if (c.error.status != AN_OK) say(&c, false, "check", c.error.text);
    if (args->report) *args->report = an_text_take(&c.report);
    an_text_free(&c.report);
    an_graph_free(c.alone);
    return c.faults == 0 && c.error.status == AN_OK;
}
