/* test_asked.c -- what is asked for is checked where it enters, in text and through builders alike:
 * numbers outside what they mean, numbers that their type would turn into others, initialisers of
 * another type's, names that are none. */
#include "frontends/addnorm.h"
#include "tests/support.h"

#include <math.h>
#include <stdlib.h>

/* ---- in text ------------------------------------------------------------ */

typedef struct line {
    const char *text, *says; /* NULL: nothing is wrong */
} line;

#define X "%1: f32[4,8] = input \"x\"\n"
#define NORM(eps) X "%2: f32[4,8], f32[4], f32[4] = layer_norm %1 {axis=1, eps=" eps "}\n"
#define STATE(type, init) "%1: " type " = state \"s\" {init=" init "}\n"

static const line lines[] = {
    {NORM("1e-5"), NULL},
    {NORM("0"), NULL},
    {NORM("1e-45"), NULL}, /* the least there is */
    {NORM("-1e-5"), "eps -1e-05 is not finite and at least 0"},
    {NORM("nan"), "eps nan is not finite"},
    {NORM("inf"), "eps inf is not finite"},
    {NORM("1e-50"), "1e-50 becomes 0 in f32"},
    {NORM("1e50"), "1e50 becomes inf in f32"},
    {X "%2: f32[4,8] = elu %1 {alpha=nan}\n", "alpha nan is not finite"},
    {X "%2: f32[4,8] = elu %1 {alpha=1e400}\n", "1e400 becomes inf in f64"},
    {X "%2: f32[4,8] = elu %1 {alpha=1e50}\n", "alpha 1e+50 does not survive f32"},
    {X "%2: f32[4,8] = clip %1 {low=-inf, high=6}\n", NULL},
    {X "%2: f32[4,8] = clip %1 {low=-1e50, high=6}\n", "low -1e+50 does not survive f32"},
    {X "%2: f32[4,8] = clip %1 {low=nan, high=6}\n", "low nan is not a number"},
    {X "%2: f32[6,8] = pad %1 {axis=0, before=1, after=1, value=-inf}\n", NULL},
    {X "%2: f32[6,8] = pad %1 {axis=0, before=1, after=1, value=1e-60}\n", "value 1e-60 does not"},
    {"%1: i32[4] = input \"x\"\n%2: i32[5] = pad %1 {axis=0, before=1, after=0, value=0.5}\n",
     "value 0.5 does not survive i32"},
    {X "%2: f32[] = constant {data=[1e50]}\n", "1e50 becomes inf in f32"},
    {X "%2: f32[] = constant {data=[1e-50]}\n", "1e-50 becomes 0 in f32"},
    {X "%2: f32[] = constant {data=[-inf]}\n", NULL},
    {STATE("f32[4,8]", "uniform(-1,1)"), NULL},
    {STATE("f32[4,8]", "uniform(nan,inf)"), "must go from a finite low to a high"},
    {STATE("f32[4,8]", "uniform(2,1)"), "must go from a finite low to a high"},
    {STATE("i32[4]", "uniform(0,9)"), "draws floats"},
    {STATE("f32[4,8]", "normal(0,-1)"), "a deviation of at least 0"},
    {STATE("f32[4,8]", "normal(inf,1)"), "a finite mean"},
    {STATE("f32[4,8]", "constant(1e50)"), "does not fit the type"},
    {STATE("f32[4,8]", "constant(-inf)"), NULL},
    {STATE("i32[4]", "constant(7)"), NULL},
    {STATE("i32[4]", "constant(0.5)"), "does not fit the type"},
    {STATE("bool[4]", "constant(2)"), "does not fit the type"},
    {STATE("f32[4,8]", "glorot_uniform(3)"), "takes no numbers"},
    {STATE("f32[4,8]", "orthogonal(inf)"), "needs a finite gain"},
    {STATE("f32[4]", "orthogonal"), "is for matrices"},
    {STATE("f32[8]", "forget_bias"), NULL},
    {STATE("f32[5]", "forget_bias"), "is for the biases of four gates"},
    {STATE("f32[4,4]", "forget_bias"), "is for the biases of four gates"},
    {STATE("i64[2]", "random_key"), NULL},
    {STATE("f32[4]", "random_key"), "is for i64[2]"},
    {STATE("f32[2]", "zeros, frozen=1"), NULL},
    {STATE("f32[2]", "zeros, frozen=true"), "it is 0 (no) or 1 (yes), not 'true'"},
    {"", "there is no graph here"},
    {"# nothing but this\n\n", "there is no graph here"},
    {"graph \"empty\"\n", NULL},
    {X "%2: f32[4,8] = gelo %1\n", "there is no op 'gelo'; the nearest is 'gelu'"},
    {X "%2 = layer_norm %1 {axis=1, eps=1e-5}\n%3: f32[4] = neg %2.1\n", NULL},
    {X "%2 = neg %1\n%3: f32[4,9] = neg %2\n", "result 0 of neg is f32[4,8]"},
    {"%1 = input \"x\"\n", "input needs its type"},
    {X "%2 = reshape %1\n", "reshape needs its type"},
    {X "%2 = cast %1\n", "cast needs its type"},
    {"dims B\n", NULL},
    {"dims B, B\n", "B is there already"},
    {"dims B\ndims T, B\n", "B is there already"},
    {"graph \"a\xff\"\n", "the name is not UTF-8"},
    {"%1: f32[4] = input \"\xc3\"\n", "is not UTF-8"},
    {X "%2: f32[4,8] = neg %1 as \"\xed\xa0\x80\"\n", "is not UTF-8"},
    {X "%2: f32[4,8] = neg %1 in \"\xf4\x90\x80\x80\"\n", "is not UTF-8"},
    {X "output \"\xc0\xaf\" %1\n", "is not UTF-8"},
    {STATE("f32[2]", "zeros") "update \"\xff\" %1 <- %1\n", "is not UTF-8"},
    {STATE("f32[2]", "zeros") "update \"u\" %1 <- %1\nupdate \"v\" %1 <- %1\n", NULL},
    {STATE("f32[2]", "zeros") "update \"u\" %1 <- %1\nupdate \"u\" %1 <- %1\n",
     "t.an:3:20: error AN-E030 %1 is updated twice in \"u\""},
};

START_TEST(test_text)
{
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        const line *l = &lines[i];
        an_graph *g = an_parse(.text = l->text, .name = "t.an");
        const char *got = an_graph_message(g);
        const bool good = an_graph_status(g) == AN_OK;
        ck_assert_msg(l->says ? !good && strstr(got, l->says) : good, "not '%s' but '%s': %s",
                      l->says ? l->says : "well", got, l->text);
        ck_assert_msg(!l->says || strstr(got, "t.an:"), "no place: %s", got);
        an_graph_free(g);
    }
}
END_TEST

/* ---- through builders --------------------------------------------------- */

typedef void (*slip)(an_graph *g, an_value x, an_value ids);

static an_value train(an_value x, an_optimizer o, double clip_norm)
{
    const an_value loss = an_mean(an_mean(an_nn_dense(x, .units = 2), 1), 0);
    an_minimize(loss, o, .clip_norm = clip_norm);
    return loss;
}

#define SLIP(name, ...)                                                                            \
    static void name(an_graph *g, an_value x, an_value ids)                                        \
    {                                                                                              \
        (void)g, (void)x, (void)ids;                                                               \
        __VA_ARGS__;                                                                               \
    }
SLIP(tiny_eps, an_layer_norm(x, AN_NONE, AN_NONE, -1, 1e-50))
SLIP(huge_eps, an_rms_norm(x, AN_NONE, -1, 1e50))
SLIP(negative_eps, an_nn_layer_norm(x, .eps = -1e-5))
SLIP(nan_eps, an_add_norm(x, x, AN_NONE, AN_NONE, -1, (double)NAN))
SLIP(tiny_layer_eps, an_nn_residual(x, x, .eps = 1e-60))
SLIP(full_rate, an_dropout(x, 1))
SLIP(almost_full_rate, an_dropout(x, 0.999999999))
SLIP(nan_rate, an_dropout(x, (double)NAN))
SLIP(no_units, an_nn_dense(x))
SLIP(negative_units, an_nn_dense(x, .units = -3))
SLIP(no_vocabulary, an_nn_embedding(ids, .units = 4))
SLIP(no_width, an_nn_embedding(ids, .vocab = 4))
SLIP(no_cells, an_nn_lstm(an_reshape(x, AN_SHAPE(2, 2, 8))))
SLIP(no_cells_either_way, an_nn_bilstm(an_reshape(x, AN_SHAPE(2, 2, 8))))
SLIP(lost_number, an_mul(x, an_number(x, 1e-50)))
SLIP(broken_number, an_mul(ids, an_number(ids, 0.5)))
SLIP(negative_clip, train(x, an_adam(), -1))
SLIP(nan_clip, train(x, an_adam(), (double)NAN))
SLIP(lost_clip, train(x, an_adam(), 1e-60))
SLIP(negative_learning_rate, train(x, an_sgd(.rate = -0.1), 0))
SLIP(nan_learning_rate, train(x, an_adam(.rate = (double)NAN), 0))
SLIP(lost_learning_rate, train(x, an_adam(.rate = 1e-60), 0))
SLIP(nan_peak, train(x, an_sgd(.schedule = an_warmup_cosine(.peak = (double)NAN, .steps = 9)), 0))
SLIP(negative_factor, train(x, an_sgd(.schedule = an_step_decay(.factor = -1, .every = 9)), 0))
SLIP(negative_decay, train(x, an_adamw(.decay = -0.1), 0))
SLIP(nan_decay, train(x, an_sgd(.decay = (double)NAN), 0))
SLIP(large_momentum, train(x, an_sgd(.momentum = 1.5), 0))
SLIP(nan_momentum, train(x, an_sgd(.momentum = (double)NAN), 0))
SLIP(beta_of_one, train(x, an_adam(.beta1 = 1), 0))
SLIP(lost_beta, train(x, an_adam(.beta2 = 0.99999999999), 0))
SLIP(tiny_adam_eps, train(x, an_adam(.eps = 1e-60), 0))
SLIP(key_of_floats, an_state(g, "k", AN_F32, AN_SHAPE(4), (an_init){AN_INIT_RANDOM_KEY, 0, 0}))
SLIP(five_gates, an_state(g, "k", AN_F32, AN_SHAPE(5), (an_init){AN_INIT_FORGET_BIAS, 0, 0}))
SLIP(no_scope_name, an_scope_open(x, "\xff"))
SLIP(no_label, an_label(x, "ok"), an_label(an_neg(x), "\xff"))

static const struct {
    slip make;
    const char *says;
} slips[] = {
    {tiny_eps, "layer_norm: eps 1e-50 becomes 0 in f32"},
    {huge_eps, "rms_norm: eps 1e+50 becomes inf in f32"},
    {negative_eps, "eps -1e-05 is not finite and at least 0"},
    {nan_eps, "eps nan is not finite"},
    {tiny_layer_eps, "layer_norm: eps 1e-60 becomes 0"},
    {full_rate, "rate 1 is outside [0, 1)"},
    {almost_full_rate, "rate 1 is outside [0, 1)"},
    {nan_rate, "rate nan is outside"},
    {no_units, "an_nn_dense: .units is 0, not at least 1"},
    {negative_units, "an_nn_dense: .units is -3"},
    {no_vocabulary, "an_nn_embedding: .vocab is 0"},
    {no_width, "an_nn_embedding: .units is 0"},
    {no_cells, "LSTM: .units is 0"},
    {no_cells_either_way, "LSTM: .units is 0"},
    {lost_number, "1e-50 becomes 0 in f32"},
    {broken_number, "0.5 becomes 0 in i32"},
    {negative_clip, ".clip_norm -1 is not finite and at least 0"},
    {nan_clip, ".clip_norm nan is not finite"},
    {lost_clip, "clip 1e-60 does not survive f32"},
    {negative_learning_rate, ".rate -0.1 is not finite and at least 0"},
    {nan_learning_rate, ".rate nan is not finite"},
    {lost_learning_rate, "init constant(1e-60,0) does not fit the type"},
    {nan_peak, ".peak, .floor and .factor must be finite and not negative"},
    {negative_factor, ".peak, .floor and .factor must be finite and not negative"},
    {negative_decay, "decay -0.1 is not finite and at least 0"},
    {nan_decay, "decay nan is not finite"},
    {large_momentum, "momentum 1.5 is not from 0 to 1"},
    {nan_momentum, "momentum nan is not from 0 to 1"},
    {beta_of_one, "beta1 1 is not at least 0 and below 1"},
    {lost_beta, "beta2 1 is not at least 0 and below 1"},
    {tiny_adam_eps, "eps 1e-60 becomes 0 in f32"},
    {key_of_floats, "init random_key is for i64[2]"},
    {five_gates, "init forget_bias is for the biases of four gates"},
    {no_scope_name, "the scope's name is not UTF-8"},
    {no_label, "the label is not UTF-8"},
};

/* Every example that is a graph's text gives the status that it explains. */
START_TEST(test_examples_of_statuses)
{
    int tried = 0;
    for (int code = 1; code < 1000; code++) {
        const char *text = an_status_explain((an_status)code);
        if (!text) continue;
        ck_assert_str_ne(an_status_name((an_status)code), "unknown status");
        const char *example = strstr(text, "\n\n") + 2, *end = strstr(example, "\n\n");
        ck_assert(end != NULL && end[2] != 0);
        if (*example != '%') continue;
        char *alone = strndup(example, (size_t)(end - example));
        an_graph *g = an_parse(.text = alone, .name = "example");
        ck_assert_msg((int)an_graph_status(g) == code, "%d: %s", code, an_graph_message(g));
        an_graph_free(g);
        free(alone);
        tried++;
    }
    ck_assert_int_ge(tried, 6);
}
END_TEST

/* A misspelt name is answered with the nearest. */
START_TEST(test_misspelt_names)
{
    an_graph *g = an_graph_new("t");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(4, 8));
    an_nn_dense(x, .units = 2, .name = "head");
    an_optimised *o = an_optimise(g, .passes = "cse,fuse_add_nrm");
    ck_assert_ptr_nonnull(strstr(an_optimised_message(o), "the nearest is 'fuse_add_norm'"));
    an_optimised_free(o);
    an_graph_state(g, "head/kernl");
    ck_assert_ptr_nonnull(strstr(an_graph_message(g), "the nearest is 'head/kernel'"));
    an_graph_free(g);
    g = an_graph_new("t");
    const an_value y = an_input(g, "x", AN_F32, AN_SHAPE(4, 8));
    an_apply("layernorm", &y, 1, NULL);
    ck_assert_ptr_nonnull(strstr(an_graph_message(g), "the nearest is 'layer_norm'"));
    an_graph_free(g);
}
END_TEST

/* It has no graph to complain to; whoever uses what it gives has. */
START_TEST(test_a_concat_of_nothing)
{
    an_graph *g = an_graph_new("t");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(4, 8));
    const an_value none = an_concat(&x, 0, 0);
    an_layer_norm(x, none, AN_NONE, -1, 0); /* not an operand that was left out */
    ck_assert_ptr_nonnull(strstr(an_graph_message(g), "operand gamma is no value"));
    an_graph_free(g);
}
END_TEST

START_TEST(test_builders)
{
    for (size_t i = 0; i < sizeof slips / sizeof *slips; i++) {
        an_graph *g = an_graph_new("t");
        const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(4, 8));
        slips[i].make(g, x, an_input(g, "ids", AN_I32, AN_SHAPE(4)));
        ck_assert_msg(an_graph_status(g) != AN_OK && strstr(an_graph_message(g), slips[i].says),
                      "not '%s' but: %s", slips[i].says, an_graph_message(g));
        an_graph_free(g);
    }
    an_graph *g = an_graph_new("\xff");
    ck_assert_ptr_nonnull(strstr(an_graph_message(g), "name is not UTF-8"));
    an_graph_free(g);
}
END_TEST

/* Weights that are handed in say how many. */
START_TEST(test_units_of_given_weights)
{
    an_graph *g = an_graph_new("t");
    const an_init zeros = {AN_INIT_ZEROS, 0, 0};
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(4, 8));
    const an_value kernel = an_state(g, "k", AN_F32, AN_SHAPE(8, 3), zeros);
    ck_assert_int_eq(an_dim_of(an_nn_dense(x, .kernel = kernel), -1), 3);
    const an_value steps = an_reshape(x, AN_SHAPE(2, 2, 8));
    const an_value recurrent = an_state(g, "r", AN_F32, AN_SHAPE(5, 20), zeros);
    ck_assert_int_eq(an_dim_of(an_nn_lstm(steps, .weights.recurrent = recurrent), -1), 5);
    ck_assert_msg(an_graph_status(g) == AN_OK, "%s", an_graph_message(g));
    an_graph_free(g);
}
END_TEST

/* ---- gradients through what has none ------------------------------------- */

START_TEST(test_closed_results_refuse)
{
    for (int result = 0; result < 5; result++) {
        an_graph *g = an_graph_new("t");
        const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(2, 3, 4));
        const an_value y = an_result(an_nn_lstm(x, .units = 5), result);
        an_gradient(an_sum_axes(y, AN_ALL_AXES, false), x);
        const bool closed = result > 2;
        ck_assert_int_eq(an_graph_status(g), closed ? AN_E_GRADIENT : AN_OK);
        if (closed)
            ck_assert_ptr_nonnull(strstr(an_graph_message(g), result == 3 ? "`gates`" : "`cells`"));
        an_graph_free(g);
        g = an_graph_new("t"); /* unless none is asked for */
        const an_value z = an_input(g, "x", AN_F32, AN_SHAPE(2, 3, 4));
        const an_value s = an_stop_gradient(an_result(an_nn_lstm(z, .units = 5), result));
        an_gradient(an_sum_axes(s, AN_ALL_AXES, false), z);
        an_graph_free(g);
    }
}
END_TEST

AN_TEST_MAIN("asked", test_text, test_builders, test_examples_of_statuses,
             test_misspelt_names, test_a_concat_of_nothing, test_units_of_given_weights,
             test_closed_results_refuse)
