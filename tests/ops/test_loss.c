/* test_loss.c -- what the sweep cannot know about losses: values worked out by hand,
 * logits far out, and what a bad label does to a run and its states.          */
#include "graph/graph.h"
#include "tests/support.h"

#include <math.h>

/* Computes `value` from the two feeds. */
static an_status run(an_graph *g, an_value value, an_tensor *x, an_tensor *labels, an_tensor *out)
{
    an_store *store = an_store_new(1);
    an_program *p = an_compile(g, store, .fetch = {value});
    ck_assert_msg(p != NULL, "%s%s", an_graph_message(g), an_compile_message(g));
    const an_status status =
        an_run(p, .feed = {{"x", x}, {"labels", labels}}, .out = {out});
    an_program_free(p);
    an_store_free(store);
    return status;
}

START_TEST(test_bce_by_hand)
{
    float x[] = {0, 0, 1000, -1000, 1000, -30, -INFINITY, INFINITY};
    float z[] = {0, 0.25f, 1, 0, 0, 0, 0, 1};
    const double want[] = {log(2), log(2), 0, 0, 1000, exp(-30), 0, 0};
    an_graph *g = an_graph_new("bce");
    const an_shape shape = AN_SHAPE(an_dim_named(g, "B"));
    const an_value loss = an_bce_with_logits(an_input(g, "x", AN_F32, shape),
                                             an_input(g, "labels", AN_F32, shape));
    an_tensor tx = an_tensor_borrow(AN_F32, AN_EXTENTS(8), x), out = {0};
    an_tensor tz = an_tensor_borrow(AN_F32, AN_EXTENTS(8), z);
    ck_assert_int_eq(run(g, an_result(loss, 1), &tx, &tz, &out), AN_OK);
    double sum = 0;
    for (int i = 0; i < 8; i++) {
        const double got = an_tensor_get(&out, i);
        ck_assert_msg(fabs(got - want[i]) <= 1e-6 * want[i], "%d: %.9g, not %.9g", i, got, want[i]);
        sum += want[i];
    }
    ck_assert_int_eq(run(g, loss, &tx, &tz, &out), AN_OK);
    ck_assert(an_test_close(an_tensor_get(&out, 0), sum / 8, 1e-6));
    an_tensor_free(&out);
    an_graph_free(g);
}
END_TEST

/* Equal logits: log C whatever their size. A certain one: 0, or the distance. */
START_TEST(test_cross_entropy_by_hand)
{
    float x[4][3] = {{7, 7, 7}, {-3e38f, -3e38f, -3e38f}, {0, 500, 0}, {0, 500, 0}};
    int32_t labels[] = {0, 2, 1, 2};
    const double want[] = {log(3), log(3), 0, 500};
    an_graph *g = an_graph_new("ce");
    const an_dim B = an_dim_named(g, "B");
    const an_value logits = an_input(g, "x", AN_F32, AN_SHAPE(B, 3));
    const an_value loss =
        an_softmax_cross_entropy(logits, an_input(g, "labels", AN_I32, AN_SHAPE(B)));
    an_tensor tx = an_tensor_borrow(AN_F32, AN_EXTENTS(4, 3), x), out = {0};
    an_tensor tl = an_tensor_borrow(AN_I32, AN_EXTENTS(4), labels);
    ck_assert_int_eq(run(g, an_result(loss, 1), &tx, &tl, &out), AN_OK);
    for (int i = 0; i < 4; i++)
        ck_assert(an_test_close(an_tensor_get(&out, i), want[i], 1e-6));
    ck_assert_int_eq(run(g, an_gradient(loss, logits), &tx, &tl, &out), AN_OK);
    const double gradient[] = {-1 / 6.0, 1 / 12.0, 1 / 12.0, 1 / 12.0, 1 / 12.0, -1 / 6.0,
                               0, 0, 0, 0, 0.25, -0.25};
    for (int i = 0; i < 12; i++)
        ck_assert(an_test_close(an_tensor_get(&out, i), gradient[i], 1e-7));
    an_tensor_free(&out);
    an_graph_free(g);
}
END_TEST

/* The run fails, names the label, and leaves the weights as they were. */
START_TEST(test_bad_label_commits_nothing)
{
    float x[] = {1, 2};
    int32_t labels[] = {0, 3};
    an_graph *g = an_graph_new("bad");
    const an_dim B = an_dim_named(g, "B");
    const an_init ones = {AN_INIT_CONSTANT, 1, 0};
    const an_value w = an_state(g, "w", AN_F32, AN_SHAPE(1, 3), ones);
    const an_value logits = an_matmul(an_input(g, "x", AN_F32, AN_SHAPE(B, 1)), w);
    const an_value loss =
        an_softmax_cross_entropy(logits, an_input(g, "labels", AN_I32, AN_SHAPE(B)));
    const an_updates u = an_updates_new(g, "train");
    ck_assert_int_eq(an_updates_add(u, w, an_sub(w, an_gradient(loss, w))), AN_OK);
    an_store *store = an_store_new(1);
    an_program *p = an_compile(g, store, .fetch = {loss}, .update = u);
    ck_assert_ptr_nonnull(p);
    an_tensor tx = an_tensor_borrow(AN_F32, AN_EXTENTS(2, 1), x), out = {0};
    an_tensor tl = an_tensor_borrow(AN_I32, AN_EXTENTS(2), labels);
    ck_assert_int_eq(an_run(p, .feed = {{"x", &tx}, {"labels", &tl}}, .out = {&out}), AN_E_DATA);
    ck_assert_ptr_nonnull(strstr(an_program_message(p), "3"));
    for (int i = 0; i < 3; i++)
        ck_assert(an_tensor_get(an_store_view(store, "w"), i) == 1);
    labels[1] = 2; /* the same program goes on with good labels */
    ck_assert_int_eq(an_run(p, .feed = {{"x", &tx}, {"labels", &tl}}, .out = {&out}), AN_OK);
    ck_assert(an_test_close(an_tensor_get(&out, 0), log(3), 1e-6));
    ck_assert(an_test_close(an_tensor_get(an_store_view(store, "w"), 2), 1.5, 1e-6));
    an_tensor_free(&out);
    an_program_free(p);
    an_store_free(store);
    an_graph_free(g);
}
END_TEST

START_TEST(test_accuracy_by_hand)
{
    float p[] = {0.4f, 0.6f, 0.5f, NAN};
    float labels[] = {0, 0, 0, 0}; /* right, wrong, right: 0.5 is not above 0.5, right */
    an_graph *g = an_graph_new("accuracy");
    const an_shape shape = AN_SHAPE(an_dim_named(g, "B"));
    const an_value share = an_accuracy(an_input(g, "x", AN_F32, shape),
                                       an_input(g, "labels", AN_F32, shape), 0.5f);
    an_tensor tp = an_tensor_borrow(AN_F32, AN_EXTENTS(4), p), out = {0};
    an_tensor tl = an_tensor_borrow(AN_F32, AN_EXTENTS(4), labels);
    ck_assert_int_eq(run(g, share, &tp, &tl, &out), AN_OK);
    ck_assert(an_tensor_get(&out, 0) == 0.75);
    an_tensor_free(&out);
    an_graph_free(g);
}
END_TEST

AN_TEST_MAIN("loss", test_bce_by_hand, test_cross_entropy_by_hand, test_bad_label_commits_nothing,
             test_accuracy_by_hand)
