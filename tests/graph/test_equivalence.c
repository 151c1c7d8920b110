/* test_equivalence.c -- the verifier must agree when it should and object when it should. */
#include "graph/passes/pipeline.h"
#include "graph/equal/result.h"
#include "graph/ir.h"
#include "tests/support.h"

static const char residual[] =
    "graph \"r\"\ndims B\n"
    "%1: f32[B,24] = input \"x\"\n"
    "%2: f32[B,24] = input \"skip\"\n"
    "%3: f32[24] = state \"gamma\"\n"
    "%4: f32[24] = state \"beta\"\n"
    "%5: f32[B,24] = residual_add %1, %2\n"
    "%6: f32[B,24], f32[B], f32[B] = layer_norm %5, %3, %4 {axis=1, eps=1e-05}\n"
    "%7: f32[B,24] = tanh %5\n"
    "%8: f32[B,24] = mul %6, %7\n"
    "output \"y\" %8\n";

static an_graph *parse(const char *text)
{
    an_graph *g = an_parse(.text = text, .name = "t.an");
    ck_assert_msg(an_graph_status(g) == AN_OK, "%s", an_graph_message(g));
    return g;
}

/* The same text with the first `from` replaced. */
static an_graph *edited(const char *from, const char *to)
{
    char text[4096];
    const char *at = strstr(residual, from);
    ck_assert_ptr_nonnull(at);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - residual), residual, to, at + strlen(from));
    return parse(text);
}

START_TEST(test_fusion_is_bitwise_with_gradients)
{
    an_graph *g = parse(residual);
    an_optimised *o = an_optimise(g);
    ck_assert_int_eq(o->status, AN_OK);
    ck_assert_int_eq(an_graph_count(o->graph, "add_norm"), 1);
    an_equivalence *e = an_equivalent(.a = g, .b = o->graph, .gradients = true, .seeds = 3,
                                     .bind = "B=7");
    ck_assert_msg(e->verdict == AN_BITWISE, "%s", e->message);
    ck_assert_int_eq(e->fused_forward, 1);
    ck_assert_int_eq(e->compared_count, 5); /* y, and the gradients of four leaves */
    for (int64_t i = 0; i < e->compared_count; i++) ck_assert(!e->compared[i].degenerate);
    an_equivalence_free(e);
    an_optimised_free(o);
    an_graph_free(g);
}
END_TEST

START_TEST(test_faults_are_found)
{
    static const char *const faults[][2] = {
        {"eps=1e-05", "eps=0.001"},                    /* another eps */
        {"layer_norm %5, %3, %4", "layer_norm %5, %4, %3"}, /* gamma and beta swapped */
        {"tanh %5", "tanh %6"},                        /* the norm instead of the sum */
        {"residual_add %1, %2", "residual_add %1, %1"},
        {"mul %6, %7", "mul %7, %7"},
    };
    an_graph *g = parse(residual);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        an_graph *wrong = edited(faults[i][0], faults[i][1]);
        an_equivalence *e = an_equivalent(.a = g, .b = wrong);
        ck_assert_msg(e->verdict == AN_DIFFERENT, "fault %d: %s", (int)i, e->message);
        ck_assert_ptr_nonnull(strstr(e->message, "\"y\""));
        an_equivalence_free(e);
        an_graph_free(wrong);
    }
    an_graph_free(g);
}
END_TEST

START_TEST(test_what_shows_nothing_is_vacuous)
{
    an_graph *g = parse(residual);
    an_equivalence *e = an_equivalent(.a = g, .b = g);
    ck_assert_msg(e->verdict == AN_VACUOUS, "%s", e->message);
    an_equivalence_free(e);
    an_graph *zero = edited("tanh %5", "sub %5, %5");
    an_graph *zero2 = edited("tanh %5", "sub %6, %6");
    e = an_equivalent(.a = zero, .b = zero2);
    ck_assert_msg(e->verdict == AN_VACUOUS, "%s", e->message);
    an_equivalence_free(e);
    an_graph_free(zero);
    an_graph_free(zero2);
    an_graph_free(g);
}
END_TEST

/* A loss alone: its cotangent is one number, and that must not be 0. */
START_TEST(test_one_number_shows_something)
{
    static const char loss[] = "graph \"l\"\n%1: f32[5] = input \"x\"\n%2: f32[5] = exp %1\n"
                               "%3: f32[] = sum %2 {axes=[0]}\noutput \"loss\" %3\n";
    const an_trial_kind data[] = {AN_DATA_PLAIN, AN_DATA_EXACT};
    an_graph *g = parse(loss);
    for (int i = 0; i < 80; i++) {
        an_equivalence *e = an_equivalent(.a = g, .b = g, .gradients = true, .subset = true,
                                          .seeds = 1, .seed = (uint64_t)i / 2, .data = data[i % 2],
                                          .quick = true);
        for (int64_t k = 0; k < e->compared_count; k++)
            ck_assert_msg(!e->compared[k].degenerate, "seed %d, kind %d: %s", i / 2, i % 2,
                          e->compared[k].name);
        an_equivalence_free(e);
    }
    an_graph_free(g);
}
END_TEST

START_TEST(test_interfaces_must_match)
{
    an_graph *g = parse(residual);
    an_graph *other = edited("output \"y\"", "output \"z\"");
    an_equivalence *e = an_equivalent(.a = g, .b = other);
    ck_assert_int_eq(e->verdict, AN_FAILED);
    ck_assert_ptr_nonnull(strstr(e->message, "output \"z\""));
    an_equivalence_free(e);
    an_graph *kind = edited("state \"gamma\"", "input \"gamma\"");
    e = an_equivalent(.a = g, .b = kind);
    ck_assert_int_eq(e->verdict, AN_FAILED);
    ck_assert_ptr_nonnull(strstr(e->message, "an input in one graph and a state"));
    an_equivalence_free(e);
    an_graph_free(kind);
    e = an_equivalent(.a = g, .b = NULL, .passes = "no such pass");
    ck_assert_int_eq(e->verdict, AN_FAILED);
    ck_assert_ptr_nonnull(strstr(e->message, "the passes failed: "));
    an_equivalence_free(e);
    e = an_equivalent(.a = g, .b = g, .bind = "Q=3");
    ck_assert_int_eq(e->verdict, AN_FAILED);
    an_equivalence_free(e);
    an_graph_free(other);
    an_graph_free(g);
}
END_TEST

/* A program's fetches need no declared output: they are matched by ordinal. */
START_TEST(test_a_program_against_its_graph)
{
    an_graph *g = parse(residual);
    an_graph_forget_outputs(g);
    const an_value y = {g, (uint32_t)g->slot_count};
    an_store *store = an_store_new(1);
    an_program *p = an_compile(g, store, .fetch = {y});
    ck_assert_ptr_nonnull(p);
    an_equivalence *e = an_equivalent(g, an_program_graph(p), .gradients = true, .subset = true);
    ck_assert_msg(e->verdict == AN_BITWISE, "%s", e->message);
    ck_assert_int_eq(e->compared_count, 5);
    an_equivalence_free(e);
    an_program_free(p);
    an_store_free(store);
    an_graph_free(g);
}
END_TEST

START_TEST(test_gradient_check_agrees_and_objects)
{
    an_graph *g = an_graph_new("t");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(3, 8));
    const an_value w = an_state(g, "w", AN_F32, AN_SHAPE(8), (an_init){AN_INIT_ZEROS, 0, 0});
    const an_value sum = an_residual_add(x, an_tanh(an_mul(x, w)));
    const an_value y = an_layer_norm(sum, w, AN_NONE, -1, 1e-3f);
    const an_value loss = an_sum_axes(an_mul(y, an_mul(y, x)), AN_ALL_AXES, false);
    an_gradient_check *c = an_check_gradients(.loss = loss, .seed = 5);
    ck_assert_msg(c->status == AN_OK && c->worst < 1e-6, "%s", c->message);
    /* stop_gradient makes the analytic gradient wrong on purpose. */
    const an_value cheat = an_sum_axes(an_mul(x, an_stop_gradient(x)), AN_ALL_AXES, false);
    an_gradient_check_free(c);
    c = an_check_gradients(.loss = cheat, .seed = 5);
    ck_assert_int_eq(c->status, AN_E_GRADIENT);
    ck_assert_ptr_nonnull(strstr(c->where, "x["));
    an_gradient_check_free(c);
    an_graph_free(g);
}
END_TEST

/* Two equal nodes that a pass merges: their gradients are summed apart if each graph is
 * differentiated by itself, and once if the passes come after. */
START_TEST(test_passes_work_on_the_gradients)
{
    an_graph *g = an_parse(.text = "graph \"bn\"\n%1: f32[2,4] = input \"a\"\n"
                           "%2: f32[4] = input \"b\"\n"
                           "%3: f32[2,4] = sub %1, %2\n%4: f32[2,4] = sub %1, %2\n"
                           "output \"y\" %4\noutput \"z\" %3\n", .name = "bn");
    an_equivalence *e = an_equivalent(g, .gradients = true);
    ck_assert_msg(an_equivalence_holds(e, AN_RUNG_PROVED), "%s", an_equivalence_message(e));
    ck_assert_ptr_eq(an_optimised_graph(an_equivalence_optimised(e)), an_equivalence_graph(e, 1));
    an_equivalence_free(e);
    an_graph_free(g);
    g = parse(residual);
    e = an_equivalent(g, .gradients = true, .passes = "fuse_add_norm", .fusions = 1);
    ck_assert_msg(an_equivalence_holds(e, AN_RUNG_PROVED), "%s", an_equivalence_message(e));
    ck_assert_int_eq(an_equivalence_fused(e), 1);
    ck_assert_int_eq(an_equivalence_fused_backward(e), 1);
    ck_assert(an_optimised_note(an_equivalence_optimised(e), 0)->done);
    an_equivalence_free(e);
    an_graph_free(g);
}
END_TEST

/* What users see of a result, and that nothing is there without one. */
START_TEST(test_results_are_read_through_calls)
{
    an_graph *a = an_parse(.text = "graph \"g\"\n%1: f32[2,8] = input \"x\"\n"
                           "%2: f32[2,8] = tanh %1\n"
                           "output \"y\" %2\n", .name = "a");
    an_graph *b = an_parse(.text = "graph \"g\"\n%1: f32[2,8] = input \"x\"\n"
                           "%2: f32[2,8] = sin %1\n"
                           "output \"y\" %2\n", .name = "b");
    an_equivalence *e = an_equivalent(a, b);
    const an_proof *p = an_equivalence_proof(e);
    ck_assert_int_eq(an_equivalence_rung(e), AN_RUNG_DIFFERENT);
    ck_assert_str_eq(an_equivalence_worst(e)->name, "y");
    ck_assert_ptr_eq(an_equivalence_worst(e), an_equivalence_compared(e, 0));
    ck_assert_ptr_null(an_equivalence_compared(e, 1));
    ck_assert_ptr_null(an_equivalence_compared(e, -1));
    ck_assert_str_eq(an_equivalence_check(e, 0)->name, "values");
    ck_assert_ptr_null(an_equivalence_check(e, 99));
    ck_assert_str_eq(an_equivalence_divergence(e)->at[1].op, "sin");
    ck_assert_ptr_eq(an_equivalence_graph(e, 1), b);
    ck_assert_ptr_null(an_equivalence_graph(e, 2));
    ck_assert(!an_proof_holds(p) && an_proof_roots(p) == 1 && an_proof_met(p) == 0);
    ck_assert_str_eq(an_proof_root(p), "output \"y\"");
    ck_assert_str_eq(an_proof_kind(p), "op");
    ck_assert_str_eq(an_proof_place(p, 0)->op, "tanh");
    ck_assert_str_eq(an_proof_place(p, 1)->name, "%2 (sin)");
    ck_assert_ptr_null(an_proof_place(p, 2));
    ck_assert_ptr_null(an_proof_rule_at(p, 0));
    an_equivalence_free(e);
    an_graph_free(a);
    an_graph_free(b);
}
END_TEST

START_TEST(test_no_result_reads_as_a_failure)
{
    ck_assert_int_eq(an_equivalence_rung(NULL), AN_RUNG_FAILED);
    ck_assert_ptr_nonnull(strstr(an_equivalence_message(NULL), "out of memory"));
    ck_assert_ptr_null(an_equivalence_compared(NULL, 0));
    ck_assert_ptr_null(an_equivalence_worst(NULL));
    ck_assert_ptr_null(an_equivalence_inner(NULL, 0));
    ck_assert_ptr_null(an_equivalence_divergence(NULL));
    ck_assert_ptr_null(an_equivalence_check(NULL, 0));
    ck_assert_ptr_null(an_equivalence_graph(NULL, 0));
    ck_assert_int_eq(an_equivalence_inners(NULL) + an_equivalence_inners_different(NULL), 0);
    ck_assert_int_eq(an_equivalence_fused(NULL) + an_equivalence_fused_backward(NULL), 0);
    ck_assert_int_eq(an_equivalence_bytes_saved(NULL), 0);
    const an_proof *p = an_equivalence_proof(NULL);
    ck_assert(!an_proof_holds(p) && an_proof_status(p) == AN_E_MEMORY);
    ck_assert_ptr_nonnull(strstr(an_proof_message(p), "out of memory"));
    ck_assert_str_eq(an_proof_kind(p), "");
    ck_assert_ptr_null(an_proof_place(p, 0));
    ck_assert_int_eq(an_gradient_check_status(NULL), AN_E_MEMORY);
    ck_assert_str_eq(an_gradient_check_where(NULL), "");
    an_equivalence_free(NULL);
    an_proof_free(NULL);
    an_gradient_check_free(NULL);
}
END_TEST

/* A sum of rows that are alike for long goes far above its end on the way: 3,200 rows of a shift's
 * gradient, a hundred equal ones after the other. That is no fault of the kernel. */
START_TEST(test_long_sums_are_no_alarm)
{
    an_graph *g = an_parse(.text =
        "graph \"pooled\"\ndims B, T\n%1: f32[B,T,16] = input \"x\"\n%2: f32[B,16] = input \"d\"\n"
        "%3: f32[16] = state \"gamma\"\n%4: f32[16] = state \"beta\"\n"
        "%5: f32[B,T,16], f32[B,T], f32[B,T] = layer_norm %1, %3, %4 {axis=-1, eps=0.001}\n"
        "%6: f32[B,16] = mean %5 {axes=[1]}\n%7: f32[B,16] = mul %6, %2\n"
        "%8: f32[] = mean %7 {axes=[0,1]}\noutput \"loss\" %8\n");
    for (uint64_t seed = 0; seed < 12; seed++) {
        an_equivalence *e = an_equivalent(g, NULL, .seed = seed, .bind = "B=32,T=100",
                                          .gradients = true);
        ck_assert_msg(an_equivalence_rung(e) == AN_RUNG_PROVED, "seed %d: %s", (int)seed,
                      an_equivalence_message(e));
        an_equivalence_free(e);
    }
    an_graph_free(g);
}
END_TEST

AN_TEST_MAIN("equivalence", test_long_sums_are_no_alarm, test_passes_work_on_the_gradients,
             test_results_are_read_through_calls,
             test_no_result_reads_as_a_failure, test_fusion_is_bitwise_with_gradients,
             test_faults_are_found, test_what_shows_nothing_is_vacuous,
             test_one_number_shows_something, test_interfaces_must_match,
             test_a_program_against_its_graph,
             test_gradient_check_agrees_and_objects)
