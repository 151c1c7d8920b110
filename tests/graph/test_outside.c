/* test_outside.c -- ops from outside: what a set takes, and what is done with a graph of them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "graph/ir.h"
#include "graph/equal/equal.h"
#include "tests/support.h"

/* ---- a few definitions --------------------------------------------------- */

static int64_t eights(const an_work *w) { return an_tensor_count(&w->out[0]) / 8 + 1; }

static int64_t one(const an_work *w)
{
    (void)w;
    return 1;
}

static void twice_ref(const an_work *w)
{
    an_tensor y = w->out[0];
    for (int64_t i = 0; y.data && i < an_tensor_count(&y); i++)
        an_tensor_set(&y, i, 2 * an_tensor_get(&w->in[0], i));
}

static void twice_run(const an_work *w, int64_t begin, int64_t end)
{
    float *y = w->out[0].data;
    const float *x = w->in[0].data;
    for (int64_t i = begin * 8; y && i < end * 8 && i < an_tensor_count(&w->out[0]); i++)
        y[i] = 2 * x[i];
}

static void twice_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    dx[0] = an_mul(dy[0], an_number(c->in[0], 2));
}

static void twice_meaning(const an_call *c, an_value out[]) { out[0] = an_add(c->in[0], c->in[0]); }

static void thrice_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    dx[0] = an_mul(dy[0], an_number(c->in[0], 3));
}

/* A row too far. */
static void far_run(const an_work *w, int64_t begin, int64_t end)
{
    (void)begin, (void)end;
    float *y = w->out[0].data;
    const float *x = w->in[0].data;
    const int64_t count = an_tensor_count(&w->out[0]);
    for (int64_t i = 0; i < count + w->out[0].extent[1]; i++) y[i] = i < count ? 2 * x[i] : 7;
}

/* Other bits where a unit stands alone. */
static void cut_run(const an_work *w, int64_t begin, int64_t end)
{
    float *y = w->out[0].data;
    const float *x = w->in[0].data;
    for (int64_t i = begin * 8; i < end * 8 && i < an_tensor_count(&w->out[0]); i++)
        y[i] = 2 * x[i] * (end - begin == 1 ? 1.000001f : 1);
}

/* As many as the operand has, whatever the result's type says. */
static void short_run(const an_work *w, int64_t begin, int64_t end)
{
    (void)begin, (void)end;
    for (int64_t i = 0; i < an_tensor_count(&w->in[0]); i++)
        ((float *)w->out[0].data)[i] = 2 * ((const float *)w->in[0].data)[i];
}

static an_status one_more(const an_infer *q, an_type out[])
{
    out[0] = q->in[0];
    out[0].shape.dim[1] = an_infer_add(q, out[0].shape.dim[1], 1);
    return AN_OK;
}

#define NAMED(called) .size = sizeof(an_op_def), .name = called
#define TWICE(called) NAMED(called), .inputs = "x", .ref = twice_ref

static const an_op_def twice = {TWICE("twice"), .stages = {{eights, twice_run}}, .share = 1u,
                                .grad = twice_grad,
                                .meaning = twice_meaning, .colour = "#abcdef", .title = "2x"};

/* y = scale * x, and attributes of every kind that nothing reads. */
static void scaled_ref(const an_work *w)
{
    an_tensor y = w->out[0];
    for (int64_t i = 0; y.data && i < an_tensor_count(&y); i++)
        an_tensor_set(&y, i, w->attrs->own[0].f64 * an_tensor_get(&w->in[0], i));
}

static const an_op_def scaled = {
    .size = sizeof(an_op_def), .name = "scaled", .inputs = "x", .ref = scaled_ref,
    .attributes = "scale:f64 steps:i64 mode:text taps:i64s weights:f64s words:texts"};

static an_graph *graph_with(an_ops **set, const an_op_def *d, an_value *y)
{
    an_graph *g = an_graph_new("g");
    *set = an_ops_new();
    ck_assert_msg(an_ops_add(*set, d) == AN_OK, "%s", an_ops_message(*set));
    ck_assert_int_eq(an_graph_use(g, *set), AN_OK);
    const an_shape shape = AN_SHAPE(an_dim_named(g, "B"), an_dim_named(g, "C"));
    an_value x = an_input(g, "x", AN_F32, shape);
    *y = an_apply(d->name, &x, 1, NULL);
    ck_assert_msg(an_graph_output(*y, "y") == AN_OK, "%s", an_graph_message(g));
    return g;
}

/* ---- sets ----------------------------------------------------------------- */

START_TEST(test_a_set_refuses_what_is_no_op)
{
    static const struct {
        an_op_def d;
        const char *says;
    } bad[] = {
        {{.size = 3}, "says sizeof(an_op_def) as its size"},
        {{.size = sizeof(an_op_def)}, "is no name for an op"},
        {{TWICE("2x")}, "is no name for an op"},
        {{TWICE("my.op")}, "is no name for an op"},
        {{TWICE("add")}, "the library has an op of that name"},
        {{TWICE("twice")}, "the set has an op of that name"},
        {{NAMED("t"), .inputs = "", .ref = twice_ref}, "it has no inputs"},
        {{NAMED("t"), .inputs = "x y!", .ref = twice_ref}, "'y!' is no name of an input"},
        {{NAMED("t"), .inputs = "x... y", .ref = twice_ref}, "'x...' is no name of an input"},
        {{TWICE("t"), .outputs = "y z?"}, "an op always has all its outputs"},
        {{TWICE("t"), .attributes = "alpha:f31"}, "'alpha:f31' is no attribute"},
        {{TWICE("t"), .attributes = "alpha"}, "'alpha' is no attribute"},
        {{NAMED("t"), .inputs = "x"}, "it has neither kernel nor meaning"},
        {{NAMED("t"), .inputs = "x", .stages = {{eights, twice_run}}},
         "a kernel needs plain loops"},
        {{TWICE("t"), .stages = {{NULL, twice_run}}}, "a stage is units and run"},
        {{TWICE("t"), .grad = twice_grad, .no_grad = "so"}, "and a reason why it has none"},
        {{TWICE("t"), .fast = 1u << AN_I32}, "f32 and f64 only"},
        {{NAMED("t"), .inputs = "x y x", .ref = twice_ref}, "'x' is named twice"},
        {{TWICE("t"), .outputs = "y y"}, "'y' is named twice"},
        {{TWICE("t"), .attributes = "a:f64 b:i64 a:i64"}, "'a' is named twice"},
        {{TWICE("t"), .share = 2}, "has a bit beyond its operands"},
        {{TWICE("t"), .constant_in = 1u << 31}, "has a bit beyond its operands"},
        {{TWICE("t"), .meaning_rounds = true}, "rounds beside a kernel only"},
        {{TWICE("t"), .colour = "red"}, "a colour is written"},
        {{.size = sizeof(an_op_def) - 3, .name = "t"}, "says sizeof(an_op_def) as its size"},
    };
    an_ops *set = an_ops_new();
    ck_assert_int_eq(an_ops_add(set, &twice), AN_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_int_ne(an_ops_add(set, &bad[i].d), AN_OK);
        ck_assert_msg(strstr(an_ops_message(set), bad[i].says), "%zu: %s", i, an_ops_message(set));
    }
    an_ops_free(set);
}
END_TEST

/* A later library's definition may say what this one would pass over. */
START_TEST(test_a_larger_definition_must_not_say_more)
{
    struct {
        an_op_def d;
        uint64_t later;
    } large = {.d = {TWICE("t")}};
    large.d.size = sizeof large;
    an_ops *set = an_ops_new();
    ck_assert_int_eq(an_ops_add(set, &large.d), AN_OK);
    large.d.name = "u";
    large.later = 1;
    ck_assert_int_eq(an_ops_add(set, &large.d), AN_E_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(an_ops_message(set), "only a later library knows"));
    an_ops_free(set);
}
END_TEST

static void append(char *to, size_t size, const char *format, int i)
{
    const size_t used = strlen(to);
    snprintf(to + used, size - used, format, i);
}

/* All operands that the row names, however many; and as many attributes as there may be. */
START_TEST(test_long_lists)
{
    char inputs[600] = "x0", attributes[600] = "";
    for (int i = 1; i < 64; i++) append(inputs, sizeof inputs, " x%d?", i);
    for (int i = 0; i < AN_MOST_OWN; i++) append(attributes, sizeof attributes, "a%d:texts ", i);
    an_ops *set;
    an_value y;
    an_graph *g = graph_with(&set, &(an_op_def){NAMED("t"), .inputs = inputs, .ref = twice_ref,
                                                .attributes = attributes}, &y);
    ck_assert_int_eq(an_node_of(g, y.id)->inputs, 64);
    strcat(inputs, " x64?");
    ck_assert_int_ne(an_ops_add(set, &(an_op_def){NAMED("u"), .inputs = inputs, .ref = twice_ref}),
                     AN_OK);
    ck_assert_ptr_nonnull(strstr(an_ops_message(set), "only the first 64 may be optional"));
    strcat(attributes, "more:texts");
    ck_assert_int_ne(an_ops_add(set, &(an_op_def){TWICE("u"), .attributes = attributes}), AN_OK);
    ck_assert_ptr_nonnull(strstr(an_ops_message(set), "'more:texts' is no attribute"));
    an_graph_free(g);
    an_ops_free(set);
}
END_TEST

/* A compiler that knows fewer fields says a smaller size: what lies behind it is not looked at. */
START_TEST(test_a_smaller_definition_is_read_as_far_as_it_goes)
{
    an_op_def d = {TWICE("twice")};
    d.size = offsetof(an_op_def, share);
    memset((char *)&d + d.size, 0xff, sizeof d - d.size);
    an_ops *set;
    an_value y;
    an_graph *g = graph_with(&set, &d, &y);
    ck_assert_int_eq(an_node_of(g, y.id)->op->rules->share[0], 0);
    an_graph_free(g);
    an_ops_free(set);
}
END_TEST

/* A graph holds the sets that it uses, and hands them on to its copies. */
START_TEST(test_rows_outlive_their_set)
{
    an_ops *set;
    an_value y;
    an_graph *g = graph_with(&set, &twice, &y);
    an_ops_free(set);
    an_optimised *o = an_optimise(.graph = g);
    an_graph_free(g);
    char *text = an_print(.graph = an_optimised_graph(o));
    ck_assert_ptr_nonnull(strstr(text, "= twice %1"));
    an_string_free(text);
    an_optimised_free(o);
}
END_TEST

/* ---- attributes of their own ----------------------------------------------- */

static an_value with_all(an_value x, double scale, const char *word)
{
    const int64_t taps[] = {3, -1, 2};
    const double weights[] = {0.5, 1e-300};
    const char *const words[] = {"a \"quoted\" word", word};
    return an_apply("scaled", &x, 1, (const an_own_given[]){
        {"words", {AN_OWN_TEXTS, 2, {.texts = words}}}, {"scale", {AN_OWN_F64, 0, {.f64 = scale}}},
        {"taps", {AN_OWN_I64S, 3, {.i64s = taps}}}, {"mode", {AN_OWN_TEXT, 0, {.text = "same"}}},
        {"weights", {AN_OWN_F64S, 2, {.f64s = weights}}}, {"steps", {AN_OWN_I64, 0, {.i64 = -7}}},
        {0}});
}

START_TEST(test_own_attributes)
{
    an_ops *set;
    an_value y;
    an_graph *g = graph_with(&set, &scaled, &y);
    const an_value x = an_graph_find(g, "x");
    const an_value a = with_all(x, 0.1, "b"), b = with_all(x, 0.1, "b"), c = with_all(x, 0.1, "c");
    an_graph_output(an_add(an_add(a, b), c), "z");
    ck_assert_msg(an_graph_status(g) == AN_OK, "%s", an_graph_message(g));
    char *text = an_print(.graph = g);
    ck_assert_ptr_nonnull(strstr(text, "scaled %1 {scale=0.1, steps=-7, mode=\"same\", "
                                       "taps=[3,-1,2], weights=[0.5,1e-300], "
                                       "words=[\"a \\\"quoted\\\" word\",\"b\"]}"));
    ck_assert_ptr_nonnull(strstr(text, "%2: f32[B,C] = scaled %1\n"));
    an_graph *back = an_parse(.text = text, .ops = set);
    char *again = an_print(.graph = back);
    ck_assert_str_eq(text, again);
    an_optimised *o = an_optimise(.graph = g); /* a and b are one, c is not */
    ck_assert_int_eq(an_graph_count(an_optimised_graph(o), "add"), 2);
    ck_assert_int_eq(an_graph_count(g, "scaled"), 4);
    ck_assert_int_eq(an_graph_count(an_optimised_graph(o), "scaled"), 3);
    ck_assert_int_eq(an_graph_node_count(g) - an_graph_node_count(an_optimised_graph(o)), 1);
    an_optimised_free(o);
    an_string_free(text);
    an_string_free(again);
    an_graph_free(back);
    an_graph_free(g);
    an_ops_free(set);
}
END_TEST

/* What is printed is what reads back, to the prover and to merging, too. */
static void expect_round_trip(an_own_given given)
{
    an_ops *set;
    an_value y;
    an_graph *g = graph_with(&set, &scaled, &y);
    const an_value x = an_graph_find(g, "x");
    const an_own_given own[] = {given, {0}};
    an_graph_output(an_apply("scaled", &x, 1, own), "z");
    char *text = an_print(.graph = g);
    an_graph *back = an_parse(.text = text, .ops = set);
    char *again = an_print(.graph = back);
    an_proof *f = an_prove(.a = g, .b = back);
    ck_assert_str_eq(text, again);
    ck_assert_msg(an_proof_holds(f), "%s\n%s", an_proof_message(f), text);
    an_proof_free(f);
    an_string_free(text);
    an_string_free(again);
    an_graph_free(back);
    an_graph_free(g);
    an_ops_free(set);
}

START_TEST(test_extreme_attributes_read_back)
{
    static const double reals[] = {NAN, -NAN, INFINITY, -INFINITY, -0.0, 5e-324, 1.79e308};
    static const char *const texts[] = {"", "\"\\\n\t\x01", "\xc3\xa9 {}[],#", "]\""};
    static const int64_t whole[] = {INT64_MIN, INT64_MAX, 0};
    for (int i = 0; i < 7; i++)
        expect_round_trip((an_own_given){"scale", {AN_OWN_F64, 0, {.f64 = reals[i]}}});
    for (int i = 0; i < 4; i++)
        expect_round_trip((an_own_given){"mode", {AN_OWN_TEXT, 0, {.text = texts[i]}}});
    for (int i = 0; i < 3; i++)
        expect_round_trip((an_own_given){"steps", {AN_OWN_I64, 0, {.i64 = whole[i]}}});
    expect_round_trip((an_own_given){"weights", {AN_OWN_F64S, 7, {.f64s = reals}}});
    expect_round_trip((an_own_given){"words", {AN_OWN_TEXTS, 4, {.texts = texts}}});
    expect_round_trip((an_own_given){"taps", {AN_OWN_I64S, 3, {.i64s = whole}}});
    expect_round_trip((an_own_given){"taps", {AN_OWN_I64S, 0, {.i64s = whole}}});
    char *long_text = calloc(1, 65537);
    memset(long_text, 'x', 65536);
    expect_round_trip((an_own_given){"mode", {AN_OWN_TEXT, 0, {.text = long_text}}});
    free(long_text);
}
END_TEST

/* One that is not there, or of another kind, is as if it were not given. */
START_TEST(test_own_attributes_are_read_by_any_index)
{
    an_ops *set;
    an_value y;
    an_graph *g = graph_with(&set, &scaled, &y);
    const an_node *n = an_node_of(g, with_all(an_graph_find(g, "x"), 0.5, "b").id);
    ck_assert_int_eq(an_own_i64(n->op, n->attrs, 1), -7);
    ck_assert_int_eq(an_own_i64(n->op, n->attrs, 0), 0);
    ck_assert_double_eq(an_own_f64(n->op, n->attrs, 0), 0.5);
    ck_assert_double_eq(an_own_f64(n->op, n->attrs, 1), 0);
    ck_assert_str_eq(an_own_text(n->op, n->attrs, 2), "same");
    ck_assert_str_eq(an_own_text(n->op, n->attrs, 3), "");
    ck_assert_int_eq(an_own_at(n->op, n->attrs, 6).count, 0);
    ck_assert_str_eq(an_own_text(n->op, n->attrs, -1), "");
    an_graph_free(g);
    an_ops_free(set);
}
END_TEST

START_TEST(test_slips_are_named)
{
    static const char *const hole[] = {"a", NULL};
    static const struct {
        const char *op;
        an_own_given own[2];
        const char *says;
    } slips[] = {
        {"scald", {{0}}, "there is no op \"scald\""},
        {"scaled", {{"scal", {.kind = AN_OWN_F64}}}, "it has no attribute \"scal\" (it has: scale"},
        {"scaled", {{"scale", {.kind = AN_OWN_I64}}}, "scale is of another kind"},
        {"scaled", {{"taps", {AN_OWN_I64S, 3, {.i64s = NULL}}}}, "taps, a list of 3, is NULL or"},
        {"scaled", {{"words", {AN_OWN_TEXTS, 2, {.texts = hole}}}}, "or has a NULL in it"},
    };
    for (size_t i = 0; i < sizeof slips / sizeof *slips; i++) {
        an_ops *set;
        an_value y;
        an_graph *g = graph_with(&set, &scaled, &y);
        const an_value x = an_graph_find(g, "x");
        ck_assert(an_is_poison(an_apply(slips[i].op, &x, 1, slips[i].own)));
        ck_assert_msg(strstr(an_graph_message(g), slips[i].says), "%s", an_graph_message(g));
        ck_assert_ptr_nonnull(strstr(an_graph_message(g), "test_outside.c:"));
        an_graph_free(g);
        an_ops_free(set);
    }
}
END_TEST

/* ---- proofs ---------------------------------------------------------------- */

static an_graph *plain_twice(void)
{
    an_graph *g = an_graph_new("g");
    const an_shape shape = AN_SHAPE(an_dim_named(g, "B"), an_dim_named(g, "C"));
    const an_value x = an_input(g, "x", AN_F32, shape);
    an_graph_output(an_add(x, x), "y");
    return g;
}

static void expect_rung(const an_op_def *d, an_rung rung, const char *given, const char *says)
{
    an_ops *set;
    an_value y;
    an_graph *g = graph_with(&set, d, &y), *plain = plain_twice();
    an_equivalence *e = an_equivalent(.a = g, .b = plain);
    ck_assert_msg(an_equivalence_rung(e) == rung, "%s", an_equivalence_message(e));
    ck_assert_str_eq(an_proof_given(an_equivalence_proof(e)), given);
    ck_assert_msg(strstr(an_equivalence_message(e), says), "%s", an_equivalence_message(e));
    an_equivalence_free(e);
    an_graph_free(plain);
    an_graph_free(g);
    an_ops_free(set);
}

START_TEST(test_a_meaning_from_outside_is_its_authors_word)
{
    an_op_def d = twice;
    expect_rung(&d, AN_RUNG_PROVED, "twice", "given the meaning of twice (not ours)");
    d.meaning_rounds = true;
    expect_rung(&d, AN_RUNG_REALS, "twice", "equal over the reals, given the meaning of twice");
    d.meaning = NULL;
    d.meaning_rounds = false;
    expect_rung(&d, AN_RUNG_BITWISE, "", "unproved");
    d = (an_op_def){NAMED("defined"), .inputs = "x", .meaning = twice_meaning};
    expect_rung(&d, AN_RUNG_PROVED, "", "equal for every feed, state and extent; ");
}
END_TEST

START_TEST(test_one_op_has_one_definition)
{
    an_ops *sets[2];
    an_value y[2];
    an_graph *g[2];
    for (int i = 0; i < 2; i++) g[i] = graph_with(&sets[i], &twice, &y[i]);
    an_equivalence *e = an_equivalent(.a = g[0], .b = g[1]);
    ck_assert_int_eq(an_equivalence_rung(e), AN_RUNG_REFUSED);
    ck_assert_msg(strstr(an_equivalence_message(e), "two definitions of twice"), "%s",
                  an_equivalence_message(e));
    an_equivalence_free(e);
    for (int i = 0; i < 2; i++) an_graph_free(g[i]);
    for (int i = 0; i < 2; i++) an_ops_free(sets[i]);
}
END_TEST

/* ---- opaque ops ------------------------------------------------------------ */

static const char imported[] =
    "graph \"imported\"\ndims B\nopaque rotary {base:f64 mode:text}\nopaque split\n"
    "%1: f32[B,8] = input \"x\"\n"
    "%2: f32[B,8] = rotary %1 {base=10000, mode=\"half\"}\n"
    "%3: f32[B,4], f32[B,4] = split %2\n"
    "%4: f32[B,4] = add %3, %3.1\n"
    "output \"y\" %4\n";

/* The text with the first `old` as `new`, read. */
static an_graph *edited(const char *old, const char *new)
{
    char text[600];
    const char *at = strstr(imported, old);
    ck_assert_ptr_nonnull(at);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - imported), imported, new,
             at + strlen(old));
    return an_parse(.text = text, .name = "edited");
}

static void expect_opaque(const char *old, const char *new, an_rung rung, const char *says)
{
    an_graph *a = an_parse(.text = imported), *b = edited(old, new);
    ck_assert_msg(an_graph_status(b) == AN_OK, "%s", an_graph_message(b));
    an_equivalence *e = an_equivalent(.a = a, .b = b);
    ck_assert_msg(an_equivalence_rung(e) == rung, "%s", an_equivalence_message(e));
    ck_assert_msg(strstr(an_equivalence_message(e), says), "%s", an_equivalence_message(e));
    an_equivalence_free(e);
    an_graph_free(a);
    an_graph_free(b);
}

START_TEST(test_opaque_ops_are_themselves)
{
    an_graph *g = an_parse(.text = imported);
    char *text = an_print(.graph = g), *dot = an_dot(.graph = g), report[256];
    ck_assert_str_eq(text, imported);
    ck_assert_ptr_nonnull(strstr(dot, "rotary"));
    ck_assert_int_eq(an_graph_verify(g, report, sizeof report), AN_OK);
    an_string_free(text);
    an_string_free(dot);
    expect_opaque("add %3, %3.1", "add %3.1, %3", AN_RUNG_PROVED, "nothing runs an opaque op");
    expect_opaque("base=10000", "base=1000", AN_RUNG_SUSPECT, "base is 10000");
    expect_opaque("split %2", "split %1", AN_RUNG_BITWISE, "x[0] is %2 (rotary) in the first");
    an_store *store = an_store_new(1);
    ck_assert_ptr_null(an_compile(.graph = g, .store = store, .fetch = {an_graph_find(g, "y")}));
    ck_assert_msg(strstr(an_compile_message(g), "rotary is opaque: nothing runs it"), "%s",
                  an_compile_message(g));
    an_store_free(store);
    an_graph_free(g);
}
END_TEST

START_TEST(test_what_is_declared_is_known)
{
    static const char *const slips[][3] = {
        {"opaque split\n", "", "there is no op 'split'"},
        {"opaque split\n", "opaque tanh\n", "there is an op 'tanh' already"},
        {"opaque split\n", "opaque split\nopaque split\n", "there is an op 'split' already"},
        {"base:f64", "base:f33", "'base:f33' is no attribute"},
        {"base=10000", "bass=10000", "rotary has no attribute 'bass' (it has: base:f64 mode:text)"},
        {"mode=\"half\"", "mode=7", "expected"},
    };
    for (size_t i = 0; i < sizeof slips / sizeof *slips; i++) {
        an_graph *g = edited(slips[i][0], slips[i][1]);
        ck_assert_int_ne(an_graph_status(g), AN_OK);
        ck_assert_msg(strstr(an_graph_message(g), slips[i][2]), "%s", an_graph_message(g));
        an_graph_free(g);
    }
}
END_TEST

/* ---- checking one ----------------------------------------------------------- */

static void expect_report(const an_op_def *d, const char *fault)
{
    an_ops *set;
    an_value y;
    char *report = NULL;
    an_graph *g = graph_with(&set, d, &y);
    const bool good = an_check_op(y, .report = &report);
    ck_assert_msg(good == !fault, "%s", report);
    if (fault) ck_assert_msg(strstr(report, fault), "not \"%s\":\n%s", fault, report);
    an_string_free(report);
    an_graph_free(g);
    an_ops_free(set);
}

START_TEST(test_a_faulty_op_is_named)
{
    expect_report(&twice, NULL);
    expect_report(&(an_op_def){TWICE("t"), .stages = {{eights, twice_run}}, .grad = thrice_grad},
                  "FAILS   gradient   the gradient of in0");
    expect_report(&(an_op_def){TWICE("t"), .stages = {{one, far_run}}},
                  "FAILS   memory     its kernel writes past a result");
    expect_report(&(an_op_def){TWICE("t"), .stages = {{eights, cut_run}}},
                  "FAILS   units      other bits come out");
    expect_report(&(an_op_def){TWICE("t"), .stages = {{one, short_run}}, .infer = one_more},
                  "FAILS   memory     its kernel: element ");
}
END_TEST

/* ---- pictures, and out of memory ------------------------------------------- */

START_TEST(test_it_is_drawn_as_it_says)
{
    an_ops *set;
    an_value y;
    an_graph *g = graph_with(&set, &twice, &y);
    char *dot = an_dot(.graph = g);
    ck_assert_ptr_nonnull(strstr(dot, "#abcdef"));
    ck_assert_ptr_nonnull(strstr(dot, "2x"));
    an_string_free(dot);
    an_graph_free(g);
    an_ops_free(set);
}
END_TEST

START_TEST(test_every_failed_allocation_is_noticed)
{
    for (int64_t n = 0, asked = 1; n < asked; n++) {
        an_test_heap_start(n);
        an_ops *set = an_ops_new();
        const an_status added = set ? an_ops_add(set, &scaled) : AN_E_MEMORY;
        an_graph *g = added == AN_OK ? an_graph_new("g") : NULL;
        an_status status = g ? an_graph_use(g, set) : AN_E_MEMORY;
        if (status == AN_OK)
            with_all(an_input(g, "x", AN_F32, AN_SHAPE(2, 3)), 0.25, "b");
        if (status == AN_OK) status = an_graph_status(g);
        asked = an_test_heap_requests();
        ck_assert_msg(status == (n < asked ? AN_E_MEMORY : AN_OK), "request %lld: %d", (long long)n,
                      (int)status);
        an_graph_free(g);
        an_ops_free(set);
        ck_assert_int_eq(an_test_heap_live(), 0);
        an_set_allocator(NULL);
    }
}
END_TEST

AN_TEST_MAIN("outside", test_a_set_refuses_what_is_no_op,
             test_a_smaller_definition_is_read_as_far_as_it_goes,
             test_a_larger_definition_must_not_say_more, test_long_lists,
             test_rows_outlive_their_set, test_own_attributes, test_extreme_attributes_read_back,
             test_own_attributes_are_read_by_any_index, test_slips_are_named,
             test_a_meaning_from_outside_is_its_authors_word, test_one_op_has_one_definition,
             test_opaque_ops_are_themselves, test_what_is_declared_is_known,
             test_a_faulty_op_is_named, test_it_is_drawn_as_it_says,
             test_every_failed_allocation_is_noticed)
