/* test_layers.c -- weights handed to a layer are the ones it uses, and it makes no others. */
#include "frontends/addnorm.h"
#include "graph/ir.h"
#include "tests/support.h"

static an_value state(an_graph *g, const char *name, an_shape shape)
{
    return an_state(g, name, AN_F32, shape, (an_init){AN_INIT_UNIFORM, -1, 1});
}

static bool is_used(const an_graph *g, uint32_t value)
{
    for (int64_t i = 1; i <= g->node_count; i++)
        for (int k = 0; k < g->nodes[i].inputs; k++)
            if (g->nodes[i].in[k] == value) return true;
    return false;
}

/* Exactly `states` states, each of them used. */
static void expect_states(an_graph *g, int states)
{
    an_value all[8];
    ck_assert_msg(an_graph_status(g) == AN_OK, "%s", an_graph_message(g));
    ck_assert_int_eq(an_graph_parameters_of(g, "", all, 8), states);
    for (int i = 0; i < states; i++)
        ck_assert_msg(is_used(g, all[i].id), "%s", an_graph_leaf_name(g, i));
    an_graph_free(g);
}

START_TEST(test_norms_take_their_weights)
{
    for (int rms = 0; rms < 2; rms++) {
        an_graph *g = an_graph_new("norms");
        const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(3, 8));
        const an_value gamma = state(g, "mine/gamma", AN_SHAPE(8));
        const an_value beta = rms ? AN_NONE : state(g, "mine/beta", AN_SHAPE(8));
        an_value y = x;
        for (int i = 0; i < 2; i++) /* tied: twice the same */
            y = rms ? an_nn_rms_norm(y, .gamma = gamma)
                    : an_nn_layer_norm(y, .gamma = gamma, .beta = beta);
        expect_states(g, rms ? 1 : 2);
    }
}
END_TEST

START_TEST(test_lstms_take_their_weights)
{
    for (int both = 0; both < 2; both++) {
        an_graph *g = an_graph_new("lstms");
        const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(2, 5, 3));
        const an_lstm_weights w = {state(g, "w/kernel", AN_SHAPE(3, 16)),
                                   state(g, "w/recurrent", AN_SHAPE(4, 16)),
                                   state(g, "w/bias", AN_SHAPE(16))};
        if (both) an_nn_bilstm(x, .units = 4, .weights = w, .backward = w);
        else an_nn_lstm(x, .units = 4, .weights = w);
        expect_states(g, 3);
    }
}
END_TEST

/* A GRU that resets before the product has one bias, else two; both ways, twice as many states. */
START_TEST(test_grus_and_rnns_make_or_take_their_weights)
{
    for (int both = 0; both < 2; both++)
        for (int before = 0; before < 2; before++) {
            an_graph *g = an_graph_new("grus");
            const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(2, 5, 3));
            const an_value y = both ? an_nn_bigru(x, .units = 4, .reset_before = before)
                                    : an_nn_gru(x, .units = 4, .reset_before = before);
            ck_assert_int_eq(an_type_of(y).shape.dim[2], both ? 8 : 4);
            expect_states(g, (before ? 3 : 4) * (both ? 2 : 1));
            g = an_graph_new("rnns");
            const an_value z = an_input(g, "x", AN_F32, AN_SHAPE(2, 5, 3));
            const an_value last = both ? an_nn_birnn(z, .units = 4, .last = true, .relu = before)
                                       : an_nn_rnn(z, .units = 4, .last = true, .relu = before);
            ck_assert_int_eq(an_type_of(last).shape.rank, 2);
            expect_states(g, both ? 6 : 3);
        }
    an_graph *g = an_graph_new("given");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(2, 5, 3));
    const an_gru_weights w = {state(g, "w/kernel", AN_SHAPE(3, 12)),
                              state(g, "w/recurrent", AN_SHAPE(4, 12)),
                              state(g, "w/bias", AN_SHAPE(12)), state(g, "w/other", AN_SHAPE(12))};
    const an_rnn_weights v = {state(g, "kernel", AN_SHAPE(8, 5)),
                              state(g, "recurrent", AN_SHAPE(5, 5)),
                              state(g, "bias", AN_SHAPE(5))};
    an_nn_birnn(an_nn_bigru(x, .weights = w, .backward = w), .weights = v, .backward = v);
    expect_states(g, 7);
}
END_TEST

START_TEST(test_the_others_take_their_weights)
{
    an_graph *g = an_graph_new("others");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(3, 8));
    const an_value kernel = state(g, "kernel", AN_SHAPE(8, 4));
    const an_value bias = state(g, "bias", AN_SHAPE(4));
    const an_value gamma = state(g, "gamma", AN_SHAPE(4)), beta = state(g, "beta", AN_SHAPE(4));
    const an_value project = state(g, "project", AN_SHAPE(8, 4));
    const an_value branch = an_nn_dense(x, .units = 4, .kernel = kernel, .bias = bias);
    an_nn_residual(x, .branch = branch, .gamma = gamma, .beta = beta, .project = project);
    expect_states(g, 5);
    g = an_graph_new("table");
    const an_value ids = an_input(g, "ids", AN_I32, AN_SHAPE(3));
    const an_value table = state(g, "table", AN_SHAPE(10, 4));
    an_nn_embedding(ids, .vocab = 10, .units = 4, .table = table);
    expect_states(g, 1);
}
END_TEST

START_TEST(test_starts)
{
    an_graph *g = an_graph_new("starts");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(2, 5, 3));
    an_nn_layer_norm(an_nn_lstm(x, .units = 4, .bias_start = AN_START(AN_INIT_CONSTANT, 7, 0)),
                     .gamma_start = AN_START(AN_INIT_CONSTANT, 11, 0),
                     .beta_start = AN_START(AN_INIT_CONSTANT, 13, 0));
    char *text = an_print(g);
    const char *const want[] = {"constant(7)", "constant(11)", "constant(13)"};
    for (int i = 0; i < 3; i++)
        ck_assert_msg(text && strstr(text, want[i]), "no %s in\n%s", want[i], text);
    an_string_free(text);
    an_graph_free(g);
}
END_TEST

START_TEST(test_a_weight_of_another_shape_is_refused)
{
    an_graph *g = an_graph_new("wrong");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(3, 8));
    const an_value y = an_nn_layer_norm(x, .gamma = state(g, "gamma", AN_SHAPE(7)));
    ck_assert(an_is_poison(y));
    ck_assert_msg(strstr(an_graph_message(g), "gamma") && strstr(an_graph_message(g), "f32[7]"),
                  "%s", an_graph_message(g));
    an_graph_free(g);
}
END_TEST

AN_TEST_MAIN("layers", test_norms_take_their_weights, test_lstms_take_their_weights,
             test_grus_and_rnns_make_or_take_their_weights,
             test_the_others_take_their_weights, test_starts,
             test_a_weight_of_another_shape_is_refused)
