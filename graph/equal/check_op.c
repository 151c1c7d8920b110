/* check_op.c -- an op from outside, held to what the library's own are held to.
 *
 * Much of it the verifier does already, once the op stands alone in a graph: kernels against their
 * plain loops in f64, programs on several threads, on plain and hard data. What it does not do is
 * here: the text form, extents of 0 and 1, the meaning, gradients of every result; and on the bench
 * (op_bench.c). A fault is reported; a check goes on behind it where it can. */
#include "graph/equal/check_op.h"
#include "graph/expand.h"

#include <stdio.h>
#include <string.h>

#include "ops/set.h"

void an_op_say(an_op_check *c, bool holds, const char *what, const char *why)
{
    an_text_addf(&c->report, "  %-7s %-10s %s\n", holds ? "holds" : "FAILS", what, why);
    c->faults += !holds;
}

void an_op_sayf(an_op_check *c, bool holds, const char *what, const char *format, ...)
{
    char line[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    an_op_say(c, holds, what, line);
}

/* ---- alone ------------------------------------------------------------- */

static an_status stand_alone(an_op_check *c)
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
static void check_infer(an_op_check *c)
{
    const an_node *again = &c->alone->nodes[c->alone->node_count];
    bool same = again->outputs == c->n->outputs;
    for (int k = 0; same && k < c->n->outputs; k++)
        same = an_type_equal(an_slot_type(c->alone, again->first + (uint32_t)k),
                             an_slot_type(c->g, c->n->first + (uint32_t)k));
    an_op_say(c, same, "infer", same ? "the same operands have the same results"
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

/* Extents that the op does not have, or where its own indices find nothing, are no fault. */
static bool is_idle(an_status status) { return status == AN_E_BINDING || status == AN_E_DATA; }

static void verify(an_op_check *c, const char *bind, an_trial_kind data, const char *what)
{
    an_equivalence *e = an_equivalent(.a = c->alone, .bind = bind, .data = data, .passes = "",
                                      .seed = c->args->seed, .threads = {1, 2, 3});
    if (an_equivalence_status(e) == AN_E_MEMORY) an_fail(&c->error, AN_E_MEMORY, "out of memory");
    bool good = true;
    for (int i = 0; an_equivalence_check(e, i); i++) {
        const an_check *row = an_equivalence_check(e, i);
        if (row->failed == 0) continue;
        good = false;
        an_op_say(c, false, row->name, row->message);
    }
    const bool tried = an_equivalence_rung(e) < AN_RUNG_REFUSED;
    const bool idle = bind && is_idle(an_equivalence_status(e));
    if (!tried) an_op_sayf(c, idle, what, "%s%s", idle ? "passed over: " : "",
                           an_equivalence_message(e));
    else if (good) an_op_say(c, true, what, "f64, guards, programs on 1, 2 and 3 threads");
    an_equivalence_free(e);
}

/* ---- its meaning --------------------------------------------------------- */

/* A graph like the op alone, of what it means; NULL, and said why, if that is nothing. */
static an_graph *written(an_op_check *c)
{
    const an_node *n = an_op_alone(c);
    an_graph *m = an_graph_like(c->alone);
    an_room room;
    an_value *in = an_room_open(&room, n->inputs + (int64_t)n->outputs, sizeof *in);
    an_value *out = in ? in + n->inputs : NULL;
    for (int i = 0; m && in && i < n->inputs; i++) {
        if (!n->in[i]) continue;
        const an_type *type = an_slot_type(c->alone, n->in[i]);
        in[i] = an_input(m, an_node_of(c->alone, n->in[i])->name, type->dtype, type->shape);
    }
    const an_call call = {.op = n->op, .attrs = n->attrs, .inputs = n->inputs,
                          .outputs = n->outputs, .in = in};
    bool good = m && in && an_meaning_write(m, n->op->rules->meaning, &call, out);
    for (int k = 0; good && k < n->outputs; k++)
        good = an_meaning_fits(m, &call, k, an_slot_type(c->alone, n->first + (uint32_t)k), out[k]);
    for (int k = 0; good && k < n->outputs; k++)
        an_graph_output(out[k], c->alone->outputs[k].name);
    if (!m || !in || an_graph_status(m) == AN_E_MEMORY)
        an_fail(&c->error, AN_E_MEMORY, "out of memory");
    else if (!good) an_op_say(c, false, "meaning", an_graph_message(m));
    for (int k = 0; good && k < n->outputs; k++)
        if (an_node_is_named(an_node_of(m, out[k].id)))
            an_op_sayf(c, false, "meaning", "result %d is an operand itself: it must be a new value"
                       " (an_reshape to its own shape)", k);
    an_room_close(&room);
    if (good && an_graph_status(m) == AN_OK) return m;
    an_graph_free(m);
    return NULL;
}

static void compare_meaning(an_op_check *c, const an_graph *m, an_trial_kind data, an_verdict most)
{
    an_equivalence *e = an_equivalent(.a = c->alone, .b = m, .quick = true, .data = data,
                                      .seed = c->args->seed, .extent = 37);
    const an_compared *worst = an_equivalence_worst(e);
    const an_verdict found = worst ? worst->verdict : AN_BITWISE;
    const bool tried = an_equivalence_rung(e) < AN_RUNG_REFUSED;
    if (an_equivalence_status(e) == AN_E_MEMORY) an_fail(&c->error, AN_E_MEMORY, "out of memory");
    else if (!tried) an_op_say(c, is_idle(an_equivalence_status(e)), "meaning",
                               an_equivalence_message(e));
    else if (found > most)
        an_op_sayf(c, false, "meaning", "result %s: %lld of %lld elements are not what it means%s; "
                   "one is %.9g and should be %.9g", worst->name, (long long)worst->different,
                   (long long)worst->count, found == AN_ROUNDING ?
                   " (by rounding: say meaning_rounds)" : "", worst->worst_a, worst->worst_b);
    else an_op_say(c, true, "meaning", most == AN_BITWISE ? "its bits" : "up to rounding");
    an_equivalence_free(e);
}

/* A kernel has the bits of its meaning, whatever the data, or up to rounding where it rounds; that
 * may be the meaning's own, of many terms that cancel, hence as far as what is but suspect. */
static void check_meaning(an_op_check *c)
{
    const an_op_info *op = c->n->op;
    an_graph *m = op->rules->meaning ? written(c) : NULL;
    if (m && !an_op_is_meaning(op)) {
        compare_meaning(c, m, AN_DATA_PLAIN, op->rules->meaning_rounds ? AN_SUSPECT : AN_BITWISE);
        if (!op->rules->meaning_rounds) compare_meaning(c, m, AN_DATA_HARD, AN_BITWISE);
    }
    an_graph_free(m);
}

/* ---- its gradient -------------------------------------------------------- */

static void check_gradient(an_op_check *c, an_value loss, const char *of, bool several)
{
    an_gradient_check *g = an_check_gradients(loss, .seed = c->args->seed);
    const an_status status = an_gradient_check_status(g);
    if (status == AN_E_MEMORY) an_fail(&c->error, AN_E_MEMORY, "out of memory");
    an_op_sayf(c, status == AN_OK, "gradient", "%s%s%s", several ? of : "", several ? ": " : "",
               status == AN_OK ? "differences in f64" : an_gradient_check_message(g));
    an_gradient_check_free(g);
}

/* Of each result by itself, and of all at once, for a rule adds up what comes from each. */
static void check_gradients(an_op_check *c)
{
    const an_op_rules *rules = c->n->op->rules;
    const an_node n = *an_op_alone(c); /* nodes move */
    an_value sum = AN_NONE;
    int floats = 0;
    for (int k = 0; !rules->no_grad && k < n.outputs; k++) {
        const an_value y = an_value_of(c->alone, n.first + (uint32_t)k);
        if (!an_dtype_is_float(an_type_of(y).dtype)) continue;
        check_gradient(c, y, c->alone->outputs[k].name, n.outputs > 1);
        const an_value one = an_cast(an_sum_axes(y, AN_ALL_AXES, false), AN_F64);
        sum = floats++ ? an_add(sum, one) : one;
    }
    if (floats > 1) check_gradient(c, sum, "all", true);
    if (floats == 0)
        an_op_say(c, true, "gradient", rules->no_grad ? rules->no_grad : "no float result");
}

/* ---- text -------------------------------------------------------------- */

static void check_text(an_op_check *c)
{
    an_ops *set = NULL;
    for (int64_t i = 0; i < c->g->ops_count && !set; i++)
        if (an_ops_find(c->g->ops[i], c->n->op->name) == c->n->op) set = c->g->ops[i];
    char *text = an_print(.graph = c->alone);
    an_graph *back = text ? an_parse(.text = text, .name = "printed", .ops = set) : NULL;
    char *again = back ? an_print(.graph = back) : NULL;
    const bool memory = !text || !back || an_graph_status(back) == AN_E_MEMORY;
    if (memory) an_fail(&c->error, AN_E_MEMORY, "out of memory");
    else if (an_graph_status(back) != AN_OK) an_op_say(c, false, "text", an_graph_message(back));
    else an_op_say(c, again && !strcmp(text, again), "text", "what is printed reads back");
    an_string_free(text);
    an_string_free(again);
    an_graph_free(back);
}

/* ---- the call ---------------------------------------------------------- */

static void run(an_op_check *c)
{
    check_infer(c);
    check_text(c);
    if (!an_op_check_memory(c)) return;
    an_text ones = {0}, none = {0};
    bind_all(c->alone, 1, &ones);
    bind_all(c->alone, 0, &none);
    verify(c, NULL, AN_DATA_PLAIN, "plain");
    verify(c, NULL, AN_DATA_HARD, "hard");
    verify(c, an_text_view(&ones), AN_DATA_PLAIN, "extents 1");
    verify(c, an_text_view(&none), AN_DATA_PLAIN, "extents 0");
    an_op_check_magnitudes(c);
    check_meaning(c);
    check_gradients(c);
    an_op_check_places(c);
    an_text_free(&ones);
    an_text_free(&none);
}

bool an_check_op_with(const an_check_op_args *args)
{
    if (args && args->report) *args->report = NULL;
    if (!args || !args->y.graph || an_is_poison(args->y)) return false;
    an_op_check c = {.args = args, .g = args->y.graph, .n = an_node_of(args->y.graph, args->y.id)};
    an_text_addf(&c.report, "%s\n", c.n->op->name);
    if (stand_alone(&c) == AN_OK) run(&c);
    if (c.error.status != AN_OK) an_op_say(&c, false, "check", c.error.text);
    const bool told = !args->report || !c.report.failed;
    if (args->report) *args->report = an_text_take(&c.report);
    an_text_free(&c.report);
    an_graph_free(c.alone);
    return told && c.faults == 0 && c.error.status == AN_OK;
}
