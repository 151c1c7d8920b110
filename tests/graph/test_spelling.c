/* test_spelling.c -- axes count from the front inside a graph, whoever wrote them how; the text
 * keeps what was written. */
#include "frontends/addnorm.h"
#include "graph/ir.h"
#include "tests/support.h"

static const char written[] = "graph \"spelling\"\n"
                              "dims B\n"
                              "%1: f32[B,3,4] = input \"x\"\n"
                              "%2: f32[B,3] = sum %1 {axes=[-1]}\n"
                              "%3: f32[B,3] = sum %1 {axes=[2]}\n"
                              "%4: f32[] = sum %1 {axes=all}\n"
                              "%5: f32[4] = sum %1 {axes=[-2,0]}\n"
                              "%6: i32[B,3] = argmax %1 {axis=-1}\n"
                              "%7: i32[B,3] = argmax %1 {axis=2}\n"
                              "%8: f32[4,3,B] = transpose %1 {axes=[-1,1,0]}\n"
                              "%9: f32[B,3,4] = softmax %1 {axis=-3}\n"
                              "output \"a\" %2\noutput \"b\" %3\noutput \"c\" %4\n"
                              "output \"d\" %5\noutput \"e\" %6\noutput \"f\" %7\n"
                              "output \"g\" %8\noutput \"h\" %9\n";

static an_graph *read_written(void)
{
    an_graph *g = an_parse(.text = written);
    ck_assert_msg(an_graph_status(g) == AN_OK, "%s", an_graph_message(g));
    return g;
}

static void want_axes(const an_graph *g, int64_t node, int count, const int *at)
{
    const an_axes *axes = &g->nodes[node].attrs->axes;
    ck_assert_int_eq(axes->count, count);
    for (int i = 0; i < count; i++) ck_assert_int_eq(axes->at[i], at[i]);
}

START_TEST(test_a_graph_counts_from_the_front)
{
    an_graph *g = read_written();
    want_axes(g, 2, 1, (const int[]){2});
    want_axes(g, 3, 1, (const int[]){2});
    want_axes(g, 5, 2, (const int[]){0, 1}); /* a set: in order */
    ck_assert_int_eq(g->nodes[6].attrs->axis, 2); /* of x, not of the result */
    want_axes(g, 8, 3, (const int[]){2, 1, 0});   /* a permutation: as it is */
    ck_assert_int_eq(g->nodes[9].attrs->axis, 0);
    an_graph_free(g);
}
END_TEST

START_TEST(test_the_text_keeps_what_was_written)
{
    an_graph *g = read_written();
    char *text = an_print(g);
    ck_assert_str_eq(text, written);
    an_string_free(text);
    an_graph_free(g);
}
END_TEST

START_TEST(test_two_spellings_are_one_op)
{
    an_graph *g = read_written();
    ck_assert_uint_eq(an_attrs_hash(g->nodes[6].op, g->nodes[6].attrs),
                     an_attrs_hash(g->nodes[7].op, g->nodes[7].attrs));
    ck_assert(an_attrs_equal(g->nodes[2].op, g->nodes[2].attrs, g->nodes[3].attrs));
    an_optimised *made = an_optimise(g);
    ck_assert_int_eq(an_graph_count(an_optimised_graph(made), "argmax"), 1);
    an_optimised_free(made);
    an_graph_free(g);
}
END_TEST

/* A pass that changes an axis copies the attributes whole. */
START_TEST(test_who_changes_an_axis_writes_it_anew)
{
    an_graph *g = read_written();
    an_attrs changed = *g->nodes[9].attrs;
    changed.axis = 1;
    const an_spec spec = {.op = g->nodes[9].op, .in = g->nodes[9].in, .inputs = 1,
                          .attrs = &changed};
    ck_assert_uint_ne(an_graph_add(g, &spec), 0);
    char *text = an_print(g);
    ck_assert_msg(strstr(text, "softmax %1 {axis=1}") != NULL, "%s", text);
    an_string_free(text);
    an_graph_free(g);
}
END_TEST

AN_TEST_MAIN("spelling", test_a_graph_counts_from_the_front, test_the_text_keeps_what_was_written,
             test_two_spellings_are_one_op, test_who_changes_an_axis_writes_it_anew)
