/* test_wide.c -- ops of many operands and many results: nothing has room for so few only. */
#include "frontends/addnorm.h"
#include "graph/ir.h"
#include "tests/support.h"

#define RESULTS 12
#define OPERANDS 30

static const char wide_names[] = "a b c d e f g h i j k l m n o p q r s t u v w x y z aa bb cc dd?";

/* ---- one operand, twelve results --------------------------------------- */

static an_status spread_infer(const an_infer *q, an_type out[])
{
    for (int k = 0; k < RESULTS; k++) out[k] = q->in[0];
    return an_want_float(q, 0);
}

static void spread_meaning(const an_call *c, an_value out[])
{
    for (int k = 0; k < RESULTS; k++) out[k] = an_scale(c->in[0], k + 1);
}

static const an_op_def spread = {
    .size = sizeof spread, .name = "spread", .inputs = "x",
    .outputs = "y0 y1 y2 y3 y4 y5 y6 y7 y8 y9 y10 y11", .infer = spread_infer,
    .meaning = spread_meaning};

/* ---- thirty operands, the last of which may be absent ------------------- */

static void gather_meaning(const an_call *c, an_value out[])
{
    out[0] = an_neg(c->in[0]);
    for (int i = 1; i < c->inputs; i++)
        if (!an_is_none(c->in[i])) out[0] = an_add(out[0], an_scale(c->in[i], i));
}

static void gather_ref(const an_work *w)
{
    an_tensor y = w->out[0];
    for (int64_t at = 0; y.data && at < an_tensor_count(&y); at++) {
        double sum = -an_tensor_get(&w->in[0], at);
        for (int i = 1; i < w->inputs; i++)
            if (w->in[i].data) sum += i * an_tensor_get(&w->in[i], at);
        an_tensor_set(&y, at, sum);
    }
}

static const an_op_def gathered = {
    .size = sizeof gathered, .name = "gathered", .inputs = wide_names, .ref = gather_ref,
    .meaning = gather_meaning, .meaning_rounds = true};

static an_ops *both(void)
{
    an_ops *set = an_ops_new();
    ck_assert_msg(an_ops_add(set, &spread) == AN_OK && an_ops_add(set, &gathered) == AN_OK, "%s",
                  an_ops_message(set));
    return set;
}

/* sum over spread(x), gathered again: of x it is -1 + 1*2 + 2*3 + ... */
static an_graph *build(an_ops *set, bool last)
{
    an_graph *g = an_graph_new("wide");
    an_graph_use(g, set);
    const an_value x = an_state(g, "x", AN_F32, AN_SHAPE(4), (an_init){AN_INIT_CONSTANT, 1, 0});
    const an_value y = an_apply("spread", &x, 1, NULL);
    an_value in[OPERANDS];
    for (int i = 0; i < OPERANDS; i++) in[i] = an_result(y, i % RESULTS);
    const an_value z = an_apply("gathered", in, last ? OPERANDS : OPERANDS - 1, NULL);
    const an_value loss = an_sum(z, 0);
    an_graph_output(loss, "loss");
    an_graph_output(an_gradient(loss, x), "dx");
    ck_assert_msg(an_graph_status(g) == AN_OK, "%s", an_graph_message(g));
    return g;
}

START_TEST(test_ops_from_outside)
{
    for (int last = 0; last < 2; last++) {
        an_ops *set = both();
        an_graph *g = build(set, last);
        an_store *store = an_store_new(1);
        an_program *p = an_compile(.graph = g, .store = store,
                                   .fetch = {an_graph_find(g, "loss"), an_graph_find(g, "dx")});
        ck_assert_msg(p != NULL, "%s", an_compile_message(g));
        an_tensor loss = {0}, dx = {0};
        ck_assert_int_eq(an_run(p, .out = {&loss, &dx}), AN_OK);
        double slope = -1;
        for (int i = 1; i < OPERANDS - !last; i++) slope += i * (i % RESULTS + 1);
        ck_assert_double_eq(an_tensor_get(&loss, 0), 4 * slope);
        ck_assert_double_eq(an_tensor_get(&dx, 3), slope);

        char *text = an_print(g);
        an_graph *again = an_parse(.text = text, .ops = set);
        char *same = an_print(again);
        ck_assert_str_eq(text, same);
        an_equivalence *e = an_equivalent(.a = g);
        ck_assert_int_eq(an_equivalence_rung(e), AN_RUNG_PROVED);

        an_equivalence_free(e);
        an_string_free(same);
        an_string_free(text);
        an_graph_free(again);
        an_tensor_free(&loss);
        an_tensor_free(&dx);
        an_program_free(p);
        an_store_free(store);
        an_graph_free(g);
        an_ops_free(set);
    }
}
END_TEST

START_TEST(test_the_author_is_told)
{
    an_ops *set = both();
    an_graph *g = an_graph_new("wide");
    an_graph_use(g, set);
    an_value in[OPERANDS];
    for (int i = 0; i < OPERANDS; i++) {
        char name[24];
        snprintf(name, sizeof name, "in%d", i);
        in[i] = an_input(g, name, AN_F32, AN_SHAPE(an_dim_named(g, "B")));
    }
    char *report = NULL;
    ck_assert_msg(an_check_op(.y = an_apply("gathered", in, OPERANDS, NULL), .report = &report),
                  "%s", report);
    an_string_free(report);
    ck_assert_msg(an_check_op(.y = an_apply("spread", in, 1, NULL), .report = &report), "%s",
                  report);
    an_string_free(report);
    an_graph_free(g);
    an_ops_free(set);
}
END_TEST

/* ---- opaque ops, and the library's own --------------------------------- */

START_TEST(test_an_opaque_op_of_twenty_results)
{
    an_graph *g = an_graph_new("opaque");
    an_ops *set = an_ops_new();
    ck_assert_int_eq(an_ops_add_opaque(set, "mystery", ""), AN_OK);
    an_graph_use(g, set);
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(4));
    an_type types[20];
    for (int k = 0; k < 20; k++) types[k] = (an_type){AN_F32, AN_SHAPE(k + 1)};
    const an_value y = an_apply_opaque("mystery", &x, 1, NULL, types, 20);
    an_graph_output(an_result(y, 19), "last");
    char *text = an_print(g);
    an_graph *again = an_parse(.text = text);
    ck_assert_msg(an_graph_status(again) == AN_OK, "%s", an_graph_message(again));
    char *same = an_print(again);
    ck_assert_str_eq(text, same);
    ck_assert_int_eq(an_graph_verify(again, NULL, 0), AN_OK);
    ck_assert_int_eq(an_type_of(an_graph_find(again, "last")).shape.dim[0], 20);
    an_string_free(text);
    an_string_free(same);
    an_graph_free(again);
    an_graph_free(g);
    an_ops_free(set);
}
END_TEST

/* Literals of any number fold, and a wide node is tried by itself like any other. */
START_TEST(test_a_concat_of_forty)
{
    an_graph *g = an_graph_new("concat");
    an_value parts[40], literals[40];
    for (int i = 0; i < 40; i++) {
        char name[24];
        snprintf(name, sizeof name, "x%d", i);
        parts[i] = an_input(g, name, AN_F32, AN_SHAPE(2));
        literals[i] = an_fill(g, AN_F32, AN_SHAPE(2), i);
    }
    const an_value y = an_mul(an_concat(parts, 40, 0), an_concat(literals, 40, 0));
    an_graph_output(an_sum(an_square(y), 0), "loss");
    an_equivalence *e = an_equivalent(.a = g, .gradients = true);
    ck_assert_int_eq(an_equivalence_rung(e), AN_RUNG_PROVED);
    int64_t rules = 0;
    for (int i = 0; an_equivalence_check(e, i); i++)
        if (!strcmp(an_equivalence_check(e, i)->name, "rules"))
            rules = an_equivalence_check(e, i)->tried;
    ck_assert_int_ge(rules, 4); /* concat, mul, square, sum */
    an_equivalence_free(e);
    an_optimised *made = an_optimise(g);
    ck_assert_int_eq(an_graph_count(an_optimised_graph(made), "concat"), 1);
    an_optimised_free(made);
    an_graph_free(g);
}
END_TEST

AN_TEST_MAIN("wide", test_ops_from_outside, test_the_author_is_told,
             test_an_opaque_op_of_twenty_results, test_a_concat_of_forty)
