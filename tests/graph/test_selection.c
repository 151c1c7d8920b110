/* test_selection.c -- pictures of a part of a graph, of one with its fusions taken apart, and of
 * what became of the graph before. */
#include "tests/graph/pictures.h"
#include "tests/models.h"
#include "tests/support.h"

static int64_t count_of(const char *text, char *dot)
{
    ck_assert_ptr_nonnull(dot);
    const int64_t count = an_test_count(dot, text);
    an_test_check_reads(dot);
    an_string_free(dot);
    return count;
}

START_TEST(test_one_phase)
{
    an_graph *g = an_test_classifier(true);
    ck_assert_int_eq(count_of("subgraph cluster_", an_dot(g, .phase = "update", .depth = -1)), 0);
    ck_assert_int_eq(count_of("adam_step", an_dot(g, .phase = "forward")), 0);
    ck_assert_int_eq(count_of("<B>bce_with_logits</B>", an_dot(g, .phase = "backward")), 0);
    ck_assert_int_eq(count_of("<B>lstm_grad</B>", an_dot(g, .phase = "backward")), 5);
    ck_assert_int_eq(count_of("of the phase backward", an_dot(g, .phase = "backward")), 1);
    an_graph_free(g);
}
END_TEST

/* What it reads and what reads it is dashed; all else is not there. */
START_TEST(test_one_scope)
{
    an_graph *g = an_test_classifier(true);
    char *dot = an_dot(g, .scope = "bilstm", .no_legend = true);
    ck_assert_int_eq(an_test_count(dot, "<B>lstm</B>"), 2);
    ck_assert_int_eq(an_test_count(dot, "<B>lstm_grad</B>"), 2);
    ck_assert_ptr_nonnull(strstr(dot, "nodes in bilstm; dashed"));
    ck_assert_ptr_null(strstr(dot, "residual_add"));
    ck_assert_ptr_null(strstr(dot, "<B>bilstm_1</B>")); /* a dropout stands between */
    ck_assert_int_ge(an_test_count(dot, "rounded,dashed"), 4);
    an_string_free(dot);
    ck_assert_int_eq(count_of("lstm_grad", an_dot(g, .scope = "bilstm", .phase = "forward",
                                                  .no_legend = true)), 0);
    an_graph_free(g);
}
END_TEST

START_TEST(test_ways)
{
    an_graph *g = an_test_classifier(true);
    ck_assert_int_eq(count_of("<B>label</B>", an_dot(g, .from = "ids", .to = "loss")), 0);
    ck_assert_int_eq(count_of("<B>label</B>", an_dot(g, .to = "loss")), 1);
    ck_assert_int_eq(count_of("<B>embedding</B>", an_dot(g, .from = "bilstm", .to = "lstm")), 0);
    ck_assert_int_eq(count_of("<B>concat</B>", an_dot(g, .from = "bilstm", .to = "lstm")), 2);
    ck_assert_int_eq(count_of("rankdir=LR", an_dot(g, .direction = AN_DIRECTION_RIGHT)), 1);
    an_graph_free(g);
}
END_TEST

/* The surroundings of one weight are not those of all that its optimizer updates. */
START_TEST(test_an_update_is_no_way_on)
{
    an_graph *g = an_test_classifier(true);
    ck_assert_int_eq(count_of("<B>adam_step</B>", an_dot(g, .focus = "lstm", .radius = 2)), 2);
    an_graph_free(g);
}
END_TEST

START_TEST(test_what_is_not_there)
{
    an_graph *g = an_test_classifier(true);
    const struct { an_dot_args args; const char *says; } asked[] = {
        {{.graph = g, .phase = "sideways"}, "there are forward, backward and update, not 'sidew"},
        {{.graph = g, .scope = "bilst"}, "there is no scope 'bilst'; the nearest is 'bilstm"},
        {{.graph = g, .scope = "bil"}, "there is no scope 'bil'"},
        {{.graph = g, .from = "idz"}, "from: nothing is called 'idz'; the nearest is 'ids'"},
        {{.graph = g, .to = "los"}, "to: nothing is called 'los'; the nearest is 'loss'"},
    };
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        char why[300] = "";
        an_dot_args args = asked[i].args;
        args.message = why;
        args.message_size = sizeof why;
        ck_assert_ptr_null(an_dot_with(&args));
        ck_assert_msg(strstr(why, asked[i].says), "%d: %s", (int)i, why);
    }
    an_graph_free(g);
}
END_TEST

START_TEST(test_fusions_taken_apart)
{
    an_graph *g = an_test_classifier(true);
    an_optimised *fused = an_optimise(g);
    an_optimised *apart = an_optimise(an_optimised_graph(fused), .passes = "unfuse");
    const an_graph *before = an_optimised_graph(fused), *after = an_optimised_graph(apart);
    ck_assert_ptr_nonnull(after);
    ck_assert_int_eq(an_graph_count(before, "add_norm"), 1);
    ck_assert_int_eq(an_graph_count(after, "add_norm"), 0);
    ck_assert_int_eq(an_graph_count(after, "add_norm_grad"), 0);
    ck_assert_int_eq(an_graph_count(after, "residual_add"), 1);
    an_equivalence *e = an_equivalent(before, after, .quick = true);
    ck_assert_msg(an_equivalence_rung(e) == AN_RUNG_PROVED, "%s", an_equivalence_message(e));
    an_equivalence_free(e);
    an_optimised_free(fused);
    an_optimised_free(apart);
    an_graph_free(g);
}
END_TEST

/* Steps that slice on evenly are one; where one slices elsewhere, they are not. */
START_TEST(test_steps_of_an_unrolled_recurrence)
{
    for (int odd = -1; odd < 6; odd += 6) {
        an_graph *g = an_graph_new("unrolled");
        const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(4, 40, 8));
        an_value h = an_input(g, "h", AN_F32, AN_SHAPE(4, 8));
        for (int t = 0; t < 20; t++) {
            char name[24];
            snprintf(name, sizeof name, "step_%d", t);
            an_scope_open(h, name);
            const int64_t at = t == odd ? 30 : t;
            const an_value now = an_slice(x, 1, at, at + 1, 1);
            h = an_tanh(an_add(an_reshape(now, AN_SHAPE(4, 8)), h));
            an_scope_close(h);
        }
        an_graph_output(h, "y");
        ck_assert_msg(an_graph_status(g) == AN_OK, "%s", an_graph_message(g));
        ck_assert_int_eq(count_of("step_0 \303\227 20", an_dot(g)), odd < 0);
        ck_assert_int_eq(count_of("<B>slice</B>", an_dot(g)) == 1, odd < 0);
        an_graph_free(g);
    }
}
END_TEST

/* New, gone, merged and changed are told apart, by what nodes compute and not by their numbers. */
START_TEST(test_what_became_of_it)
{
    static const char before[] =
        "graph \"m\"\ndims B\n%1: f32[B,8] = input \"x\"\n%2: f32[8,8] = state \"w\"\n"
        "%3: f32[B,8] = matmul %1, %2\n%4: f32[B,8] = relu %3\n%5: f32[B,8] = matmul %1, %2\n"
        "%6: f32[B,8] = relu %5\n%7: f32[B,8] = residual_add %4, %6\n"
        "%8: f32[B,8], f32[B], f32[B] = layer_norm %7 {axis=1, eps=0.001}\noutput \"y\" %8\n";
    static const char edited[] =
        "graph \"m\"\ndims B\n%1: f32[8,8] = state \"w\"\n%2: f32[B,8] = input \"x\"\n"
        "%3: f32[B,8] = matmul %2, %1\n%4: f32[B,8] = relu %3\n%5: f32[B,8] = tanh %4\n"
        "%7: f32[B,8] = residual_add %4, %5\n"
        "%8: f32[B,8], f32[B], f32[B] = layer_norm %7 {axis=1, eps=0.01}\noutput \"y\" %8\n";
    an_graph *a = an_parse(.text = before), *b = an_parse(.text = edited);
    an_optimised *o = an_optimise(a, .passes = "cse,dce");
    char *dot = an_dot(an_optimised_graph(o), .diff = a);
    ck_assert_int_eq(an_test_count(dot, "is %3 now"), 1); /* the product ... */
    ck_assert_int_eq(an_test_count(dot, "is %4 now"), 1); /* ... and its relu */
    ck_assert_ptr_nonnull(strstr(dot, "merged: an equal one stayed"));
    ck_assert_int_eq(an_test_count(dot, "#b7e5c0"), 1); /* new: in the legend alone */
    an_test_check_reads(dot);
    an_string_free(dot);
    dot = an_dot(b, .diff = a, .no_legend = true);
    ck_assert_int_eq(an_test_count(dot, "#b7e5c0"), 1); /* tanh */
    ck_assert_int_ge(an_test_count(dot, "#ffe9b0"), 1); /* the norm */
    ck_assert_ptr_nonnull(strstr(dot, "\"#ffe9b0\", color=\"#b06000\", label=<<B>layer_norm"));
    an_test_check_reads(dot);
    an_string_free(dot);
    an_optimised_free(o);
    an_graph_free(a);
    an_graph_free(b);
}
END_TEST

/* The road past the blocks is thick: in each from the older of the values that a sum adds, and
 * from the sum to its norm. What nothing is called is an op. */
START_TEST(test_the_residual_stream)
{
    an_graph *g = an_test_classifier(true);
    ck_assert_int_eq(count_of("class=stream", an_dot(g)), 2);
    ck_assert_int_eq(count_of("thick: the residual stream", an_dot(g)), 1);
    ck_assert_int_eq(count_of("class=stream", an_dot(g, .phase = "backward")), 0);
    ck_assert_int_eq(count_of("<B>residual_add</B>", an_dot(g, .focus = "residual_add")), 1);
    ck_assert_int_eq(count_of("<B>lstm</B>", an_dot(g, .focus = "residual_add")), 1);
    an_graph_free(g);
}
END_TEST

AN_TEST_MAIN("selection", test_the_residual_stream, test_steps_of_an_unrolled_recurrence,
             test_one_phase, test_one_scope, test_ways, test_an_update_is_no_way_on,
             test_what_is_not_there, test_fusions_taken_apart, test_what_became_of_it)
