/* test_outside.c -- every allocation of what defines, applies, reads, checks ops from outside. */
#include <string.h>

#include "tests/oom/oom.h"

static void twice_ref(const an_work *w)
{
    an_tensor y = w->out[0];
    for (int64_t i = 0; y.data && i < an_tensor_count(&y); i++)
        an_tensor_set(&y, i, 2 * an_tensor_get(&w->in[0], i));
}

static int64_t one(const an_work *w)
{
    (void)w;
    return 1;
}

static int64_t some(const an_work *w)
{
    (void)w;
    return 256;
}

static void twice_run(const an_work *w, int64_t begin, int64_t end)
{
    (void)begin, (void)end;
    twice_ref(w);
}

static void twice_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    dx[0] = an_mul(dy[0], an_number(c->in[0], 2));
}

static void twice_meaning(const an_call *c, an_value out[]) { out[0] = an_add(c->in[0], c->in[0]); }

/* Operands beyond those for which no memory is asked. */
#define MANY "x a? b? c? d? e? f? g? h? i? j? k? l? m? n? o? p? q? r? s?"

static const an_op_def defs[] = {
    {.size = sizeof(an_op_def), .name = "twice", .inputs = MANY, .ref = twice_ref,
     .stages = {{one, twice_run}}, .scratch = some, .share = 1, .grad = twice_grad,
     .attributes = "alpha:f64 mode:text taps:i64s words:texts"},
    {.size = sizeof(an_op_def), .name = "sum_of", .inputs = "x", .meaning = twice_meaning},
};

static an_ops *define(an_oom *w)
{
    an_ops *set = an_ops_new();
    an_status status = set ? AN_OK : AN_E_MEMORY;
    for (int i = 0; i < 2 && status == AN_OK; i++) status = an_ops_add(set, &defs[i]);
    if (status == AN_OK) status = an_ops_add_opaque(set, "rotary", " base:f64   modes:texts ");
    if (status != AN_OK) an_oom_says(w, status, set ? an_ops_message(set) : "out of memory");
    return set;
}

/* Own attributes, an op that is its meaning, and one of which nothing is known. */
static an_graph *build(an_ops *set)
{
    static const int64_t taps[] = {3, -1};
    static const char *const words[] = {"one", "two \"quoted\""};
    an_graph *g = an_graph_new("outside");
    if (!g || an_graph_use(g, set) != AN_OK) return g;
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(an_dim_named(g, "B"), 4));
    const an_value h = an_apply("twice", &x, 1, (an_own_given[]){
        {"mode", {AN_OWN_TEXT, 0, {.text = "same"}}}, {"taps", {AN_OWN_I64S, 2, {.i64s = taps}}},
        {"words", {AN_OWN_TEXTS, 2, {.texts = words}}}, {0}});
    const an_value y = an_apply("sum_of", &h, 1, NULL);
    const an_value loss = an_sum_axes(y, AN_ALL_AXES, false);
    an_graph_output(y, "y");
    an_graph_output(h, "h");
    an_graph_output(an_gradient(loss, x), "dx");
    return g;
}

static void add_opaque(an_graph *g)
{
    const an_value y = an_graph_find(g, "y");
    const an_type types[] = {an_type_of(y), an_type_of(y)};
    an_graph_output(an_apply_opaque("rotary", &y, 1,
                                    (an_own_given[]){{"base", {AN_OWN_F64, 0, {.f64 = 1e4}}}, {0}},
                                    types, 2), "z");
}

static void take(an_oom *w, an_graph *g)
{
    w->graph = g;
    an_oom_says(w, g ? an_graph_status(g) : AN_E_MEMORY, g ? an_graph_message(g) : "out of memory");
}

static void define_and_build(an_oom *w)
{
    an_ops *set = define(w);
    if (w->status == AN_OK) {
        an_graph *g = build(set);
        if (g && an_graph_status(g) == AN_OK) add_opaque(g);
        take(w, g);
    }
    an_ops_free(set);
}

/* ---- of a graph that is there ------------------------------------------------ */

static void prepare(an_oom *w)
{
    w->more = define(w);
    w->m.g = build(w->more);
    w->text = an_print(w->m.g);
}

static void prepare_opaque(an_oom *w)
{
    w->more = define(w);
    w->m.g = build(w->more);
    add_opaque(w->m.g);
    w->text = an_print(w->m.g);
}

static void prepare_kernel(an_oom *w)
{
    prepare(w);
    strcpy(w->path, "h");
}

static void prepare_meaning(an_oom *w)
{
    prepare(w);
    strcpy(w->path, "y");
}

static void done(an_oom *w)
{
    an_ops_free(w->more);
    w->more = NULL;
}

static void print(an_oom *w)
{
    w->made = an_print(w->m.g, .locations = true);
    an_oom_says(w, w->made ? AN_OK : AN_E_MEMORY, w->made ? "" : "out of memory");
}

/* Read without a set. */
static const char declared[] = "graph \"g\"\nopaque rotary {base:f64 modes:texts}\n"
                               "%1: f32[4] = input \"x\"\n"
                               "%2: f32[4] = rotary %1 {base=7, modes=[\"a\",\"b\"]}\n"
                               "output \"y\" %2\n";

static void read_set(an_oom *w)
{
    take(w, an_parse(.text = w->text, .ops = w->more));
}

static void read_opaque(an_oom *w)
{
    take(w, an_parse(.text = declared));
}

static void draw(an_oom *w)
{
    w->made = an_dot(w->m.g);
    an_oom_says(w, w->made ? AN_OK : AN_E_MEMORY, w->made ? "" : "out of memory");
}

static void optimise(an_oom *w)
{
    w->optimised = an_optimise(.graph = w->m.g);
    an_oom_says(w, an_optimised_status(w->optimised), an_optimised_message(w->optimised));
}

static void verify(an_oom *w)
{
    w->equivalence = an_equivalent(.a = w->m.g);
    an_oom_says(w, an_equivalence_status(w->equivalence), an_equivalence_message(w->equivalence));
}

/* It says false, with a report if there is memory for one. */
static void check(an_oom *w)
{
    const bool good = an_check_op(an_graph_find(w->m.g, w->path), .report = &w->made);
    an_oom_says(w, good ? AN_OK : AN_E_MEMORY, good ? "" : "out of memory");
}

static const an_oom_case rows[] = {
    {"define", .work = define_and_build},
    {"print", .prepare = prepare_opaque, .work = print, .done = done},
    {"parse", .prepare = prepare_opaque, .work = read_set, .done = done},
    {"parse opaque", .work = read_opaque},
    {"dot", .prepare = prepare_opaque, .work = draw, .done = done},
    {"optimise", .prepare = prepare_opaque, .work = optimise, .done = done},
    {"verify", .prepare = prepare, .work = verify, .done = done},
    {"verify opaque", .prepare = prepare_opaque, .work = verify, .done = done},
    {"check kernel", .prepare = prepare_kernel, .work = check, .done = done},
    {"check meaning", .prepare = prepare_meaning, .work = check, .done = done},
};

START_TEST(test_every_allocation)
{
    ck_assert_int_eq(an_oom_try(rows, (int)(sizeof rows / sizeof *rows)), 0);
}
END_TEST

AN_TEST_MAIN("oom_outside", test_every_allocation)
