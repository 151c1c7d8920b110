/* test_training.c -- a leaf that says whether the program trains. */
#include "frontends/addnorm.h"
#include "tests/support.h"

/* A literal chooses a branch whose shape is not the result's. */
START_TEST(test_a_literal_chooses)
{
    static const char text[] =
        "dims B\n%1: f32[B,3] = input \"x\"\n%2: f32[3] = state \"s\"\n%3: bool = training\n"
        "%4: f32[B,3] = exp %1\n%5: f32[B,3] = where %3, %4, %2\n%6: f32[B,3] = tanh %5\n"
        "output \"y\" %6\n";
    an_graph *g = an_parse(.text = text);
    ck_assert_str_eq(an_graph_message(g), "");
    an_optimised *form = an_optimise(.graph = g, .inference = true, .passes = "");
    an_equivalence *e = an_equivalent(an_optimised_graph(form));
    ck_assert_msg(an_equivalence_rung(e) == AN_RUNG_PROVED, "%s", an_equivalence_message(e));
    an_equivalence_free(e);
    an_optimised_free(form);
    an_optimised *o = an_optimise(.graph = g, .inference = true);
    ck_assert_int_eq(an_graph_count(an_optimised_graph(o), "where"), 0);
    ck_assert_int_eq(an_graph_count(an_optimised_graph(o), "exp"), 0);
    ck_assert_int_eq(an_graph_count(an_optimised_graph(o), "broadcast"), 1);
    an_optimised *again = an_optimise(.graph = an_optimised_graph(o));
    char *once = an_print(an_optimised_graph(o)), *twice = an_print(an_optimised_graph(again));
    ck_assert_str_eq(once, twice);
    an_string_free(once);
    an_string_free(twice);
    an_optimised_free(again);
    an_optimised_free(o);
    an_graph_free(g);
}
END_TEST

START_TEST(test_no_gradient_reaches_it)
{
    an_graph *g = an_graph_new("where");
    const an_value w = an_state(g, "w", AN_F32, AN_SCALAR, (an_init){AN_INIT_CONSTANT, 3, 0});
    const an_value loss = an_where(an_training(g), an_square(w), an_neg(w));
    const an_value dw = an_gradient(loss, w);
    ck_assert_str_eq(an_graph_message(g), "");
    an_store *s = an_store_new(1);
    for (int inference = 0; inference < 2; inference++) {
        an_program *p = an_compile(g, s, .fetch = {dw}, .inference = inference);
        ck_assert_msg(p != NULL, "%s", an_compile_message(g));
        an_tensor out = {0};
        ck_assert_int_eq(an_run(p, .out = {&out}), AN_OK);
        ck_assert(an_tensor_get(&out, 0) == (inference ? -1 : 6));
        an_tensor_free(&out);
        an_program_free(p);
    }
    an_store_free(s);
    an_graph_free(g);
}
END_TEST

START_TEST(test_slips_in_its_line)
{
    static const char *const slips[][2] = {{"%1: bool = training {axis=0}", "no attribute"},
                                           {"%1: f32 = training", "is bool[], not what"},
                                           {"%1: bool = training %1", "is not defined"}};
    for (int i = 0; i < 3; i++) {
        an_graph *g = an_parse(.text = slips[i][0]);
        ck_assert_msg(strstr(an_graph_message(g), slips[i][1]), "%s", an_graph_message(g));
        an_graph_free(g);
    }
    ck_assert(an_is_none(an_training(NULL)));
}
END_TEST

/* To a proof it is one and the same leaf, and neither true nor false. */
START_TEST(test_it_equals_itself)
{
    static const char *const conditions[] = {"training", "training in \"elsewhere\"",
                                             "constant {data=[1]}", "constant {data=[0]}"};
    an_graph *g[4];
    for (int i = 0; i < 4; i++) {
        char text[300];
        snprintf(text, sizeof text, "%%1: f32 = state \"s\"\n%%2: bool = %s\n"
                 "%%3: f32 = exp %%1\n%%4: f32 = where %%2, %%3, %%1\noutput \"y\" %%4\n",
                 conditions[i]);
        g[i] = an_parse(.text = text);
        ck_assert_str_eq(an_graph_message(g[i]), "");
    }
    for (int i = 0; i < 4; i++) {
        an_proof *f = an_prove(.a = g[0], .b = g[i]);
        ck_assert_msg(an_proof_holds(f) == (i < 2), "%d: %s", i, an_proof_message(f));
        an_proof_free(f);
    }
    for (int i = 0; i < 4; i++) an_graph_free(g[i]);
}
END_TEST

AN_TEST_MAIN("training", test_a_literal_chooses, test_no_gradient_reaches_it,
             test_slips_in_its_line, test_it_equals_itself)
