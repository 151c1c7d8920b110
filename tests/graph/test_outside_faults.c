/* test_outside_faults.c -- ops from outside that are not what they say: each is named, where it is
 * applied, differentiated or proved, and by an_check_op. */
#include <math.h>
#include <string.h>

#include "core/text.h"
#include "graph/equal/equal.h"
#include "graph/ir.h"
#include "tests/support.h"

#define COUNT an_tensor_count(&w->out[0])
#define X ((const float *)w->in[0].data)
#define Y ((float *)w->out[0].data)

static int64_t eights(const an_work *w) { return COUNT / 8 + 1; }

static int64_t some_scratch(const an_work *w) { return (void)w, 64; }

static void twice_ref(const an_work *w)
{
    an_tensor y = w->out[0];
    for (int64_t i = 0; y.data && i < COUNT; i++)
        an_tensor_set(&y, i, 2 * an_tensor_get(&w->in[0], i));
}

/* A kernel that makes `value` of element i. */
#define KERNEL(name, value)                                                                        \
    static void name(const an_work *w, int64_t begin, int64_t end)                                 \
    {                                                                                              \
        for (int64_t i = begin * 8; Y && i < end * 8 && i < COUNT; i++) Y[i] = value;              \
    }

KERNEL(right, 2 * X[i])
KERNEL(wrong_large, fabsf(X[i]) > 1e28f ? 3 * X[i] : 2 * X[i])
KERNEL(wrong_denormal, fabsf(X[i]) < 1.2e-38f ? 0 : 2 * X[i])
KERNEL(wrong_nan, isnan(X[i]) ? 0 : 2 * X[i])
KERNEL(wrong_infinity, isinf(X[i]) ? 0 : 2 * X[i])
KERNEL(wrong_block, COUNT > 64 && i >= COUNT / 64 * 64 ? 2.002f * X[i] : 2 * X[i])
KERNEL(reads_past, 2 * X[i] + (X[i + 1] > 1e9f))
KERNEL(reads_scratch, 2 * X[i] + 0 * ((const float *)w->scratch)[3])
KERNEL(skips_last, i == COUNT - 1 ? Y[i] : 2 * X[i])
KERNEL(backwards, 2 * X[COUNT - 1 - i])

static void changes(const an_work *w, int64_t begin, int64_t end)
{
    right(w, begin, end);
    for (int64_t i = begin * 8; i < end * 8 && i < COUNT; i++) ((float *)w->in[0].data)[i]++;
}

static void far_scratch(const an_work *w, int64_t begin, int64_t end)
{
    ((float *)w->scratch)[40] = 1;
    right(w, begin, end);
}

static void backwards_ref(const an_work *w)
{
    an_tensor y = w->out[0];
    for (int64_t i = 0; y.data && i < COUNT; i++)
        an_tensor_set(&y, i, 2 * an_tensor_get(&w->in[0], COUNT - 1 - i));
}

static void two_ref(const an_work *w)
{
    an_tensor z = w->out[1];
    twice_ref(w);
    for (int64_t i = 0; z.data && i < an_tensor_count(&z); i++)
        an_tensor_set(&z, i, 3 * an_tensor_get(&w->in[0], i));
}

static an_status two(const an_infer *q, an_type out[])
{
    out[0] = out[1] = q->in[0];
    return AN_OK;
}

/* One less, which 0 does not have. */
static an_status shorter(const an_infer *q, an_type out[])
{
    out[0] = q->in[0];
    out[0].shape.dim[1] = an_infer_sub(q, out[0].shape.dim[1], 1);
    return AN_OK;
}

static an_status no_dtype(const an_infer *q, an_type out[])
{
    out[0] = q->in[0];
    out[0].dtype = (an_dtype)77;
    return AN_OK;
}

static an_status no_rank(const an_infer *q, an_type out[])
{
    out[0] = q->in[0];
    out[0].shape.rank = 100;
    return AN_OK;
}

/* ---- gradients and meanings ------------------------------------------------ */

static an_graph *elsewhere; /* freed by whoever uses it */

static an_value stranger(void)
{
    if (!elsewhere) elsewhere = an_graph_new("elsewhere");
    const an_value there = an_graph_find(elsewhere, "there");
    return there.id ? there : an_input(elsewhere, "there", AN_F32, AN_SHAPE(3));
}

#define GRADIENT(name, value)                                                                      \
    static void name(const an_call *c, const an_value dy[], an_value dx[])                         \
    {                                                                                              \
        (void)c, (void)dy;                                                                         \
        dx[0] = value;                                                                             \
    }
#define MEANING(name, value)                                                                       \
    static void name(const an_call *c, an_value out[])                                             \
    {                                                                                              \
        (void)c;                                                                                   \
        out[0] = value;                                                                            \
    }

GRADIENT(poison_grad, ((an_value){c->in[0].graph, 0}))
GRADIENT(unknown_grad, ((an_value){c->in[0].graph, 99999}))
GRADIENT(strange_grad, stranger())
GRADIENT(wide_grad, an_cast(dy[0], AN_F64))
GRADIENT(turned_grad, an_transpose(dy[0], ((an_axes){2, {1, 0}})))
GRADIENT(summed_grad, an_sum_axes(dy[0], AN_AXES(0), false))
MEANING(twice_meaning, an_add(c->in[0], c->in[0]))
MEANING(thrice_meaning, an_mul(c->in[0], an_number(c->in[0], 3)))
MEANING(rounding_meaning, an_add(an_mul(c->in[0], an_number(c->in[0], 0.3)),
                                 an_mul(c->in[0], an_number(c->in[0], 1.7))))
MEANING(operand_meaning, c->in[0])
MEANING(poison_meaning, ((an_value){c->in[0].graph, 0}))
MEANING(unknown_meaning, ((an_value){c->in[0].graph, 77777}))
MEANING(no_meaning, AN_NONE)
MEANING(strange_meaning, stranger())
MEANING(summed_meaning, an_sum_axes(c->in[0], AN_AXES(0), true))
MEANING(own_meaning, an_apply("t", c->in, 1, NULL))
MEANING(other_meaning, an_apply("u", c->in, 1, NULL))
MEANING(state_meaning, an_add(c->in[0], an_state(c->in[0].graph, "s", AN_F32, AN_SHAPE(1),
                                                 (an_init){.kind = AN_INIT_ZEROS})))

static void wrong_second_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    an_value sum = dy[0].graph ? an_mul(dy[0], an_number(c->in[0], 2)) : AN_NONE;
    if (!dy[1].graph) dx[0] = sum;
    else {
        const an_value part = an_mul(dy[1], an_number(c->in[0], 5));
        dx[0] = sum.graph ? an_add(sum, part) : part;
    }
}

/* ---- an_check_op ------------------------------------------------------------ */

#define OP(called) .size = sizeof(an_op_def), .name = called, .inputs = "x"
#define TWICE OP("t"), .ref = twice_ref
#define WITH(kernel) TWICE, .stages = {{eights, kernel}}

static an_graph *graph_with(an_ops **set, const an_op_def *d, an_value *y)
{
    an_graph *g = an_graph_new("g");
    *set = an_ops_new();
    ck_assert_msg(an_ops_add(*set, d) == AN_OK, "%s", an_ops_message(*set));
    ck_assert_int_eq(an_graph_use(g, *set), AN_OK);
    const an_shape shape = AN_SHAPE(an_dim_named(g, "B"), an_dim_named(g, "C"));
    const an_value x = an_input(g, "x", AN_F32, shape);
    *y = an_apply(d->name, &x, 1, NULL);
    an_graph_output(*y, "y");
    return g;
}

START_TEST(test_each_fault_is_named)
{
    static const struct {
        an_op_def d;
        const char *says; /* NULL: nothing is wrong with it */
    } faults[] = {
        {{WITH(right), .meaning = twice_meaning, .share = 1}, NULL},
        {{WITH(right), .meaning = rounding_meaning, .meaning_rounds = true}, NULL},
        {{OP("t"), .ref = backwards_ref, .stages = {{eights, backwards}}}, NULL},
        {{WITH(right), .infer = shorter}, NULL},
        {{WITH(wrong_large)}, "FAILS   magnitudes around 1e+30: element"},
        {{WITH(wrong_denormal)}, "FAILS   magnitudes around 1e-42: element"},
        {{WITH(wrong_nan)}, "FAILS   magnitudes among nan: element"},
        {{WITH(wrong_infinity)}, "FAILS   magnitudes among inf: element"},
        {{WITH(wrong_block)}, "FAILS   magnitudes around"},
        {{WITH(reads_past)}, "depends on what lies behind an operand"},
        {{WITH(reads_scratch), .scratch = some_scratch}, "depends on what its scratch held"},
        {{WITH(far_scratch), .scratch = some_scratch}, "its kernel writes past a result or the s"},
        {{WITH(skips_last)}, "element 0 of result 0 is never written, or read before"},
        {{WITH(changes)}, "its kernel changes operand x"},
        {{OP("t"), .ref = backwards_ref, .share = 1}, "other bits come out over an operand, of its "
                                                      "plain loops"},
        {{OP("t"), .outputs = "y z", .infer = two, .ref = two_ref, .grad = wrong_second_grad},
         "FAILS   gradient   z: "},
        {{WITH(right), .meaning = thrice_meaning}, "FAILS   meaning    result y"},
        {{WITH(right), .meaning = rounding_meaning}, "(by rounding: say meaning_rounds)"},
        {{WITH(right), .meaning = operand_meaning}, "result 0 is an operand itself"},
        {{WITH(right), .meaning = unknown_meaning}, "the meaning of t leaves a result out"},
        {{OP("t"), .meaning = unknown_meaning}, "the meaning of t leaves a result out"},
        {{OP("t"), .meaning = own_meaning}, "the meaning of t is made of the op itself"},
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        an_ops *set;
        an_value y;
        char *report = NULL;
        an_graph *g = graph_with(&set, &faults[i].d, &y);
        const bool good = an_check_op(y, .report = &report);
        ck_assert_msg(good == !faults[i].says, "%zu: %s", i, report);
        if (!good) ck_assert_msg(strstr(report, faults[i].says), "%zu: %s", i, report);
        an_string_free(report);
        an_graph_free(g);
        an_ops_free(set);
    }
}
END_TEST

/* ---- where it is used ------------------------------------------------------- */

START_TEST(test_types_that_are_none_are_refused)
{
    static const an_op_def defs[] = {{TWICE, .infer = no_dtype}, {TWICE, .infer = no_rank}};
    for (int i = 0; i < 2; i++) {
        an_ops *set;
        an_value y;
        an_graph *g = graph_with(&set, &defs[i], &y);
        ck_assert(an_is_poison(y));
        ck_assert_msg(strstr(an_graph_message(g), "its infer gives result 0 no type"), "%s",
                      an_graph_message(g));
        an_graph_free(g);
        an_ops_free(set);
    }
}
END_TEST

START_TEST(test_gradients_that_are_none_are_refused)
{
    static const struct {
        an_op_def d;
        const char *says;
    } bad[] = {
        {{TWICE, .grad = poison_grad}, "what the gradient of t gives for x is no value"},
        {{TWICE, .grad = unknown_grad}, "gives for x is no value"},
        {{TWICE, .grad = strange_grad}, "gives for x is a value of another graph"},
        {{TWICE, .grad = wide_grad}, "gives for x has another dtype"},
        {{TWICE, .grad = turned_grad}, "gives for x cannot be summed to its shape"},
        {{TWICE, .grad = summed_grad}, "gives for x cannot be summed to its shape"},
        {{OP("t"), .meaning = twice_meaning, .no_grad = "nobody needs one"}, "nobody needs one"},
        {{TWICE, .meaning = poison_meaning}, "the meaning of t leaves a result out (result 0)"},
        {{TWICE, .meaning = no_meaning}, "the meaning of t leaves a result out"},
        {{TWICE, .meaning = strange_meaning}, "the meaning of t returns a value of another graph"},
        {{TWICE, .meaning = summed_meaning}, "is of another type than its infer says"},
        {{TWICE, .meaning = state_meaning}, "the meaning of t makes a leaf of its own"},
        {{TWICE, .meaning = own_meaning}, "the meaning of t is made of the op itself"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        an_ops *set;
        an_value y;
        an_graph *g = graph_with(&set, &bad[i].d, &y);
        const an_value loss = an_sum_axes(y, AN_ALL_AXES, false);
        ck_assert(an_is_poison(an_gradient(loss, an_graph_find(g, "x"))));
        ck_assert_msg(strstr(an_graph_message(g), bad[i].says), "%zu: %s", i, an_graph_message(g));
        ck_assert_int_ne(an_graph_status(g), AN_E_INTERNAL);
        an_graph_free(g);
        an_ops_free(set);
    }
    an_graph_free(elsewhere);
    elsewhere = NULL;
}
END_TEST

/* Neither proof nor interpreter nor compiler follows a meaning that leads to itself. */
START_TEST(test_a_meaning_of_itself_comes_to_an_end)
{
    static const an_op_def defs[][2] = {
        {{TWICE, .meaning = other_meaning}, {OP("u"), .ref = twice_ref, .meaning = own_meaning}},
        {{OP("t"), .meaning = other_meaning}, {OP("u"), .meaning = own_meaning}},
    };
    for (int i = 0; i < 2; i++) {
        an_ops *set = an_ops_new();
        an_graph *g = an_graph_new("g"), *plain = an_graph_new("plain");
        an_graph_use(g, set);
        for (int k = 0; k < 2; k++) ck_assert_int_eq(an_ops_add(set, &defs[i][k]), AN_OK);
        const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(3));
        const an_value p = an_input(plain, "x", AN_F32, AN_SHAPE(3));
        const an_value y = an_apply("t", &x, 1, NULL);
        an_graph_output(y, "y");
        an_graph_output(an_add(p, p), "y");
        an_proof *f = an_prove(.a = g, .b = plain);
        ck_assert(!an_proof_holds(f));
        ck_assert_msg(strstr(an_proof_message(f), "is made of the op itself"), "%s",
                      an_proof_message(f));
        an_proof_free(f);
        an_equivalence *e = an_equivalent(.a = g, .b = plain);
        ck_assert_int_eq(an_equivalence_rung(e), i ? AN_RUNG_FAILED : AN_RUNG_BITWISE);
        an_equivalence_free(e);
        an_store *store = an_store_new(1);
        an_program *program = an_compile(.graph = g, .store = store, .fetch = {y});
        ck_assert(i == 0 ? program != NULL : program == NULL);
        an_program_free(program);
        an_store_free(store);
        an_graph_free(plain);
        an_graph_free(g);
        an_ops_free(set);
    }
}
END_TEST

/* What the proof asks of a meaning, it asks before it believes it. */
START_TEST(test_a_meaning_that_is_none_proves_nothing)
{
    static const an_op_def defs[] = {
        {TWICE, .meaning = summed_meaning}, {TWICE, .meaning = unknown_meaning},
        {TWICE, .meaning = strange_meaning}, {TWICE, .meaning = state_meaning},
    };
    for (size_t i = 0; i < sizeof defs / sizeof *defs; i++) {
        an_ops *set;
        an_value y;
        an_graph *g = graph_with(&set, &defs[i], &y), *plain = an_graph_new("plain");
        const an_shape shape = AN_SHAPE(an_dim_named(plain, "B"), an_dim_named(plain, "C"));
        an_value x = an_input(plain, "x", AN_F32, shape);
        if (defs[i].meaning == summed_meaning) x = an_sum_axes(x, AN_AXES(0), true);
        an_graph_output(x, "y");
        an_proof *f = an_prove(.a = g, .b = plain);
        ck_assert(!an_proof_holds(f));
        ck_assert_msg(strstr(an_proof_message(f), i ? "the meaning of t is none, or has leaves"
                                                    : "a rule changes the type of t"), "%zu: %s", i,
                      an_proof_message(f));
        an_proof_free(f);
        an_graph_free(plain);
        an_graph_free(g);
        an_ops_free(set);
    }
    an_graph_free(elsewhere);
    elsewhere = NULL;
}
END_TEST

/* ---- versions, and opaque ops ------------------------------------------------- */

static void expect_refused(an_graph *a, an_graph *b, const char *says)
{
    an_equivalence *e = an_equivalent(.a = a, .b = b);
    ck_assert_int_eq(an_equivalence_rung(e), AN_RUNG_REFUSED);
    ck_assert_msg(strstr(an_equivalence_message(e), says), "%s", an_equivalence_message(e));
    an_equivalence_free(e);
}

START_TEST(test_versions_are_two_ops)
{
    const an_op_def defs[] = {{TWICE, .version = 1}, {TWICE, .version = 2}};
    an_ops *sets[2], *opaque = an_ops_new();
    an_value y;
    an_graph *g[2], *o = an_graph_new("o");
    for (int i = 0; i < 2; i++) g[i] = graph_with(&sets[i], &defs[i], &y);
    an_ops_add_opaque(opaque, "t", NULL);
    an_graph_use(o, opaque);
    const an_shape shape = AN_SHAPE(an_dim_named(o, "B"), an_dim_named(o, "C"));
    const an_value x = an_input(o, "x", AN_F32, shape);
    const an_type type = an_type_of(x);
    an_graph_output(an_apply_opaque("t", &x, 1, NULL, &type, 1), "y");
    expect_refused(g[0], g[1], "t is of version 1 in the first graph and of version 2 in");
    expect_refused(g[0], o, "t is opaque in the second graph and defined in the other");
    an_proof *f = an_prove(.a = g[0], .b = g[1]);
    ck_assert_msg(strstr(an_proof_message(f), "two definitions of t, of version 1 in the first"),
                  "%s", an_proof_message(f));
    an_proof_free(f);
    for (int i = 0; i < 2; i++) an_graph_free(g[i]);
    for (int i = 0; i < 2; i++) an_ops_free(sets[i]);
    an_graph_free(o);
    an_ops_free(opaque);
}
END_TEST

/* Splits, each with results of these types; the first result of the first is summed. */
static an_graph *split(const char *const types[], int count)
{
    an_text text = {0};
    an_text_add(&text, "graph \"g\"\ndims B\nopaque split\n%1: f32[B,8] = input \"x\"\n");
    for (int i = 0; i < count; i++)
        an_text_addf(&text, "%%%d: f32[B,4], %s = split %%1\n", i + 2, types[i]);
    an_text_addf(&text, "%%%d: f32 = sum %%2 {axes=[0,1]}\n", count + 2);
    an_text_addf(&text, "output \"y\" %%%d\n", count + 2);
    for (int i = 0; i < count; i++) an_text_addf(&text, "output \"y%d\" %%%d\n", i, i + 2);
    an_graph *g = an_parse(.text = an_text_view(&text));
    ck_assert_msg(an_graph_status(g) == AN_OK, "%s", an_graph_message(g));
    an_text_free(&text);
    return g;
}

/* Of an opaque op nothing is known: not that results of other types begin alike. */
START_TEST(test_results_of_other_types_are_others)
{
    const char *const types[] = {"f32[B,4]", "f32[B,4]", "f32[B,4], f32[B,8]", "i32[B,4]"};
    for (int i = 2; i < 4; i++) {
        an_graph *a = split(types, 1), *b = split(types + i, 1);
        an_proof *f = an_prove(.a = a, .b = b);
        ck_assert_msg(!an_proof_holds(f), "%s", an_proof_message(f));
        ck_assert_msg(strstr(an_proof_message(f), "split has results of other types"), "%s",
                      an_proof_message(f));
        an_proof_free(f);
        an_graph_free(a);
        an_graph_free(b);
    }
    an_graph *g = split(types, 4); /* nor do they become one */
    an_optimised *o = an_optimise(.graph = g);
    ck_assert_int_eq(an_graph_count(an_optimised_graph(o), "split"), 3);
    an_optimised_free(o);
    an_graph_free(g);
}
END_TEST

/* With the set that has the op, too, if it is the same; and that set may be one of several. */
static void expect_readable(const char *text, an_ops *set)
{
    an_ops *other = an_ops_new();
    an_ops_add_opaque(other, "q", "a:f64");
    an_graph *g = an_parse(.text = text, .ops = set), *h = an_parse(.text = text, .ops = other);
    an_graph_use(g, other);
    char *again = an_print(.graph = g);
    ck_assert_msg(again && !strcmp(text, again), "%s", an_graph_message(g));
    ck_assert_msg(strstr(an_graph_message(h), "'q' is opaque with other attributes already"), "%s",
                  an_graph_message(h));
    an_string_free(again);
    an_graph_free(g);
    an_graph_free(h);
    an_ops_free(other);
}

START_TEST(test_slips_around_opaque_ops)
{
    an_ops *set = an_ops_new();
    ck_assert_int_eq(an_ops_add_opaque(set, "q", "  a:i64   b:text "), AN_OK);
    ck_assert_int_eq(an_ops_add(set, &(an_op_def){TWICE}), AN_OK);
    for (int i = 0; i < 3; i++) {
        an_graph *g = an_graph_new("g");
        an_graph_use(g, set);
        const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(3));
        const an_type type = an_type_of(x);
        if (i == 0) an_apply_opaque("t", &x, 1, NULL, &type, 1);
        if (i == 1) an_apply_opaque("q", &x, 1, NULL, NULL, 1);
        if (i == 2) an_graph_output(an_apply_opaque("q", &x, 1, NULL, &type, 1), "y");
        const char *const says[] = {"t: it is not opaque", "types of its results must be given"};
        if (i < 2)
            ck_assert_msg(strstr(an_graph_message(g), says[i]), "%s", an_graph_message(g));
        char *text = i == 2 ? an_print(.graph = g) : NULL;
        if (text) ck_assert_ptr_nonnull(strstr(text, "opaque q {a:i64 b:text}\n"));
        if (text) expect_readable(text, set);
        an_string_free(text);
        an_graph_free(g);
    }
    an_ops_free(set);
}
END_TEST

AN_TEST_MAIN("outside_faults", test_each_fault_is_named, test_types_that_are_none_are_refused,
             test_gradients_that_are_none_are_refused, test_a_meaning_of_itself_comes_to_an_end,
             test_a_meaning_that_is_none_proves_nothing, test_versions_are_two_ops,
             test_results_of_other_types_are_others, test_slips_around_opaque_ops)
