/* test_fusion.c -- the promise: fused equals unfused, bit for bit, and it did fuse.
 *
 * Whole models, compiled with and without fuse_add_norm: how many pairs fused,
 * and whether outputs, gradients and a hundred training steps agree in every bit,
 * with the pass before or after differentiation.                             */
#include "graph/passes/pipeline.h"
#include "graph/equal/result.h"
#include "frontends/addnorm.h"
#include "graph/ir.h"
#include "tests/models.h"
#include "tests/support.h"

#define WITHOUT_FUSION "canonicalise,fold,cse,dce"

static an_model minimised(an_model m)
{
    m = an_model_minimise(m, 1e-2f);
    ck_assert_msg(an_graph_status(m.g) == AN_OK, "%s", an_graph_message(m.g));
    return m;
}

/* ---- counts ------------------------------------------------------------ */

static void check_counts(an_model m, int64_t forward, int64_t backward)
{
    an_optimised *o = an_optimise(.graph = m.g);
    ck_assert_msg(o->status == AN_OK, "%s", o->message);
    ck_assert_int_eq(an_graph_add_norms(o->graph), forward);
    ck_assert_int_eq(an_graph_add_norm_grads(o->graph), backward);
    an_proof *p = an_prove(.a = m.g, .b = o->graph);
    ck_assert_msg(an_proof_holds(p), "%s: %s", an_graph_name(m.g), an_proof_message(p));
    an_proof_free(p);
    an_optimised_free(o);
}

START_TEST(test_counts)
{
    an_model m = minimised(an_model_classifier(AN_CLASSIFIER_SMALL));
    check_counts(m, 1, 1);
    an_graph_free(m.g);
    m = minimised(an_model_stack(12, true));
    check_counts(m, 24, 24);
    an_graph_free(m.g);
    m = minimised(an_model_stack(12, false));
    check_counts(m, 24, 24);
    an_graph_free(m.g);
    m = minimised(an_model_rms_stack(12));
    check_counts(m, 24, 24);
    an_graph_free(m.g);
}
END_TEST

/* None of these is left by itself, in a loss alone or with its gradients. */
START_TEST(test_every_rms_norm_fuses)
{
    an_model m = an_model_rms_stack(12);
    an_graph_output(m.loss, "loss");
    check_counts(m, 24, 0);
    an_graph_free(m.g);
    m = minimised(an_model_rms_stack(12));
    an_optimised *o = an_optimise(.graph = m.g);
    ck_assert_int_eq(an_graph_count(o->graph, "add_rms_norm"), 24);
    ck_assert_int_eq(an_graph_count(o->graph, "add_rms_norm_grad"), 24);
    ck_assert_int_eq(an_graph_count(o->graph, "rms_norm"), 1); /* of x itself: no sum */
    an_equivalence *e = an_equivalent(.a = m.g, .b = o->graph, .gradients = true, .bind = "B=5",
                                     .seed = 7);
    ck_assert_msg(an_equivalence_rung(e) == AN_RUNG_PROVED && e->verdict == AN_BITWISE, "%s",
                  e->message);
    an_equivalence_free(e);
    an_optimised_free(o);
    an_graph_free(m.g);
}
END_TEST

/* The default passes are done in one round: gradients multiply by ones that folding makes. */
START_TEST(test_one_round)
{
    const an_model models[] = {an_model_classifier(AN_CLASSIFIER_SMALL), an_model_stack(12, true),
                               an_model_stack(12, false), an_model_rms_stack(12),
                               an_model_transformer(AN_GPT),
                               an_model_transformer(AN_ENCODER)};
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        an_model m = minimised(models[i]);
        an_optimised *once = an_optimise(.graph = m.g);
        an_optimised *twice = an_optimise(.graph = an_optimised_graph(once));
        char *x = an_print(once->graph), *y = an_print(twice->graph);
        ck_assert_msg(!strcmp(x, y), "%s: a second round finds more to do", an_graph_name(m.g));
        an_string_free(x);
        an_string_free(y);
        an_optimised_free(once);
        an_optimised_free(twice);
        an_graph_free(m.g);
    }
}
END_TEST

/* In a pre-norm stack the sums live on in the stream: each but the last has a user
 * beside the norm. */
START_TEST(test_sums_are_kept)
{
    an_model m = minimised(an_model_stack(12, true));
    an_optimised *o = an_optimise(.graph = m.g);
    int kept = 0;
    for (int64_t i = 1; i <= o->graph->node_count; i++) {
        const an_node *n = &o->graph->nodes[i];
        if (!an_is_op(n, AN_OP_add_norm)) continue;
        for (int k = 0; k < 2; k++) {
            const an_node *source = an_node_of(o->graph, n->in[k]);
            kept += an_is_op(source, AN_OP_add_norm) && n->in[k] == source->first + 1;
        }
    }
    ck_assert_int_eq(kept, 23);
    an_optimised_free(o);
    an_graph_free(m.g);
}
END_TEST

/* ---- equality ---------------------------------------------------------- */

static void check_equal(an_model m, const char *bind)
{
    an_optimised *o = an_optimise(.graph = m.g);
    an_equivalence *e = an_equivalent(.a = m.g, .b = o->graph, .gradients = true, .bind = bind,
                                     .steps = 3, .seed = 7);
    ck_assert_msg(e->verdict == AN_BITWISE, "%s: %s", bind, e->message);
    ck_assert_int_gt(e->fused_forward, 0);
    ck_assert_int_gt(e->fused_backward, 0);
    an_equivalence_free(e);
    an_optimised_free(o);
}

START_TEST(test_bits_at_two_bindings)
{
    an_model m = minimised(an_model_classifier(AN_CLASSIFIER_SMALL));
    check_equal(m, "B=8,T=6");
    check_equal(m, "B=5,T=3");
    an_graph_free(m.g);
    for (int pre = 0; pre < 2; pre++) {
        m = minimised(an_model_stack(3, pre));
        check_equal(m, "B=8");
        check_equal(m, "B=3");
        an_graph_free(m.g);
    }
    m = minimised(an_model_rms_stack(3));
    check_equal(m, "B=8");
    check_equal(m, "B=3");
    an_graph_free(m.g);
}
END_TEST

static void check_early(an_model m)
{
    an_graph_output(m.loss, "loss");
    an_optimised *fused = an_optimise(.graph = m.g, .passes = "fuse_add_norm");
    ck_assert_int_eq(an_graph_add_norms(fused->graph), 6);
    an_equivalence *e =
        an_equivalent(.a = m.g, .b = fused->graph, .gradients = true, .bind = "B=5");
    ck_assert_msg(e->verdict == AN_BITWISE, "%s", e->message);
    ck_assert_int_gt(e->compared_count, 20);
    an_equivalence_free(e);
    an_optimised_free(fused);
    an_graph_free(m.g);
}

/* Fuse, then differentiate: the same bits as the other way round. */
START_TEST(test_fusing_before_differentiating)
{
    check_early(an_model_stack(3, true));
    check_early(an_model_rms_stack(3));
}
END_TEST

/* ---- a hundred steps --------------------------------------------------- */

static void train(an_model m, an_store *store, const char *passes, int64_t expected)
{
    an_program *p = an_compile(m.g, store, .fetch = {m.loss}, .update = m.up, .passes = passes);
    ck_assert_msg(p != NULL, "%s", an_compile_message(m.g));
    ck_assert_int_eq(an_graph_count(an_program_graph(p), "add_norm"), expected);
    ck_assert_int_eq(an_graph_count(an_program_graph(p), "add_norm_grad"), expected);
    an_test_random r = {.state = 11};
    int32_t ids[8 * 6];
    float label[8];
    an_tensor loss = {0};
    for (int step = 0; step < 100; step++) {
        const int64_t rows = step % 10 == 9 ? 5 : 8; /* a ragged binding now and then */
        for (int i = 0; i < 48; i++) ids[i] = (int32_t)an_test_int(&r, 0, 49);
        for (int i = 0; i < 8; i++) label[i] = (float)an_test_int(&r, 0, 1);
        const an_tensor x = an_tensor_borrow(AN_I32, AN_EXTENTS(rows, 6), ids);
        const an_tensor y = an_tensor_borrow(AN_F32, AN_EXTENTS(rows, 1), label);
        ck_assert_msg(an_run(p, .feed = {{"ids", &x}, {"label", &y}}, .out = {&loss}) == AN_OK,
                      "%s", an_program_message(p));
    }
    an_tensor_free(&loss);
    an_program_free(p);
}

/* An update table in the graph has gradients of its own, which a program that does not run it
 * lacks: their number is no objection. */
START_TEST(test_a_graph_that_also_trains)
{
    an_graph *g = an_graph_new("t");
    an_store *store = an_store_new(1);
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(an_dim_named(g, "B"), 4));
    const an_value s = an_state(g, "s", AN_F32, AN_SHAPE(4), AN_INIT(AN_INIT_CONSTANT, 1));
    const an_value y = an_nn_layer_norm(an_residual_add(an_mul(x, s), an_relu(x)));
    an_graph_output(y, "y");
    an_minimize(an_mean(an_mean(y, 1), 0), an_adam());
    an_program *p = an_compile(g, store, .fetch = {y});
    ck_assert_msg(p != NULL, "%s", an_compile_message(g));
    an_equivalence *e = an_equivalent(.a = g, .b = an_program_graph(p), .gradients = true,
                                     .subset = true);
    ck_assert_msg(an_equivalence_rung(e) == AN_RUNG_PROVED, "%s", an_equivalence_message(e));
    an_equivalence_free(e);
    an_program_free(p);
    an_store_free(store);
    an_graph_free(g);
}
END_TEST

START_TEST(test_a_hundred_steps)
{
    an_model m = minimised(an_model_classifier(AN_CLASSIFIER_SMALL));
    an_store *fused = an_store_new(3), *plain = an_store_new(3), *untrained = an_store_new(3);
    train(m, fused, NULL, 1);
    train(m, plain, WITHOUT_FUSION, 0);
    an_program_free(an_compile(m.g, untrained, .fetch = {m.loss}, .update = m.up));
    int moved = 0;
    for (int64_t i = 0; i < an_store_count(fused); i++) {
        const char *name = an_store_name(fused, i);
        const an_tensor *a = an_store_view(fused, name), *b = an_store_view(plain, name);
        const an_tensor *c = an_store_view(untrained, name);
        ck_assert_ptr_nonnull(b);
        ck_assert_msg(!memcmp(a->data, b->data, (size_t)an_tensor_bytes(a)), "%s differs", name);
        moved += memcmp(a->data, c->data, (size_t)an_tensor_bytes(a)) != 0;
    }
    ck_assert_int_gt(moved, 20); /* equal weights that never moved would prove nothing */
    an_store_free(fused);
    an_store_free(plain);
    an_store_free(untrained);
    an_graph_free(m.g);
}
END_TEST

AN_TEST_MAIN("fusion", test_counts, test_every_rms_norm_fuses, test_one_round, test_sums_are_kept,
             test_bits_at_two_bindings, test_fusing_before_differentiating,
             test_a_graph_that_also_trains, test_a_hundred_steps)
