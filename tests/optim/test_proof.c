/* test_proof.c -- what optimizers emit is ordinary graph: passes fuse beside it, the prover proves
 * it and pictures draw it, with groups, accumulation, averages and two optimizers in one table. */
#include "frontends/addnorm.h"
#include "graph/ir.h"
#include "tests/support.h"

typedef struct setup {
    double average, clip;
    int64_t accumulate;
    bool centered, no_decay;
} setup;

static an_value root_rate(void *context, an_value t, an_dtype dtype)
{
    (void)context;
    return an_scale(an_rsqrt(an_cast(t, dtype)), 1e-2);
}

/* Dense, Add & Norm, dense; the head is trained by RMSprop, the rest by Adam. */
static an_graph *training(const setup *s)
{
    an_graph *g = an_graph_new("all");
    const an_dim B = an_dim_named(g, "B");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(B, 8));
    const an_value target = an_input(g, "target", AN_F32, AN_SHAPE(B, 1));
    const an_value h = an_nn_dense(x, .units = 8);
    const an_value n = an_nn_layer_norm(an_residual_add(x, an_dropout(an_relu(h), 0.25)));
    const an_value loss = an_mse(an_nn_dense(n, .units = 1), target);
    const an_value head[] = {an_graph_state(g, "dense_1/kernel"),
                             an_graph_state(g, "dense_1/bias")};
    an_value rest[8];
    int many = 0;
    for (int64_t i = 0; i < an_graph_parameters_of(g, "", rest, 8); i++)
        if (rest[i].id != head[0].id && rest[i].id != head[1].id) rest[many++] = rest[i];
    const an_updates up =
        an_minimize(loss, an_adamw(.decay = 0.1, .schedule = an_rate_by(root_rate)),
                    .clip_norm = s->clip, .wrt_list = rest, .wrt_count = many,
                    .groups = {{.rank_below = 2, .no_decay = s->no_decay, .rate = 2}},
                    .accumulate = s->accumulate);
    an_minimize(loss, an_rmsprop(.centered = s->centered, .momentum = 0.5), .into = up,
                .wrt_list = head, .wrt_count = 2, .accumulate = s->accumulate);
    if (s->average > 0) {
        an_average(up, .decay = s->average, .state_list = rest, .count = many);
        an_average(up, .decay = s->average, .state_list = head, .count = 2);
    }
    ck_assert_int_eq(an_graph_output(loss, "loss"), AN_OK);
    ck_assert_int_eq(an_graph_output(an_updates_gradient(up, "dense/kernel"), "dkernel"), AN_OK);
    ck_assert_msg(an_graph_status(g) == AN_OK, "%s", an_graph_message(g));
    return g;
}

static const setup usual = {.average = 0.9, .clip = 1, .accumulate = 2, .centered = true,
                            .no_decay = true};

START_TEST(test_fused_equals_unfused)
{
    an_graph *g = training(&usual);
    an_equivalence *e = an_equivalent(g, .steps = 4);
    ck_assert_msg(an_equivalence_rung(e) == AN_RUNG_PROVED &&
                      an_equivalence_numbers(e) == AN_BITWISE,
                  "%s", an_equivalence_message(e));
    ck_assert(an_equivalence_fused(e) == 1 && an_equivalence_fused_backward(e) == 1);
    int updates = 0;
    for (int64_t i = 0; an_equivalence_compared(e, i); i++)
        updates += !strcmp(an_equivalence_compared(e, i)->kind, "update");
    /* Adam: 4 weights, with m, v, sum and average each; RMSprop: 2, with v, mean, velocity, sum and
     * average; step and batches of both, steps of both averages; dropout's key. */
    ck_assert_msg(updates == 4 * 5 + 2 * 6 + 4 + 2 + 1, "%d updates", updates);
    an_equivalence_free(e);
    an_graph_free(g);
}
END_TEST

/* Each thing that is set otherwise is another training, and the proof says so. */
START_TEST(test_another_training_is_told)
{
    setup other[5] = {usual, usual, usual, usual, usual};
    other[0].average = 0.8;
    other[1].clip = 2;
    other[2].accumulate = 3;
    other[3].centered = false;
    other[4].no_decay = false;
    an_graph *g = training(&usual), *same = training(&usual);
    an_proof *f = an_prove(.a = g, .b = same);
    ck_assert_msg(an_proof_holds(f), "%s", an_proof_message(f));
    an_proof_free(f);
    for (int i = 0; i < 5; i++) {
        an_graph *h = training(&other[i]);
        f = an_prove(.a = g, .b = h);
        ck_assert_msg(!an_proof_holds(f), "%d", i);
        an_proof_free(f);
        an_graph_free(h);
    }
    an_graph_free(g);
    an_graph_free(same);
}
END_TEST

START_TEST(test_text_and_picture)
{
    an_graph *g = training(&usual);
    char *text = an_print(.graph = g);
    an_graph *back = an_parse(.text = text);
    ck_assert_msg(an_graph_status(back) == AN_OK, "%s", an_graph_message(back));
    char *again = an_print(.graph = back);
    ck_assert_str_eq(text, again);
    char *dot = an_dot(.graph = g);
    ck_assert_ptr_nonnull(dot);
    ck_assert_int_eq(an_graph_verify(g, NULL, 0), AN_OK);
    an_string_free(dot);
    an_string_free(text);
    an_string_free(again);
    an_graph_free(back);
    an_graph_free(g);
}
END_TEST

/* Threads and passes change no bit of what is trained; dropout draws, groups and all. */
START_TEST(test_programs_agree)
{
    char hex[4][65];
    for (int i = 0; i < 4; i++) {
        an_graph *g = training(&usual);
        an_store *s = an_store_new(5);
        an_set_threads(i % 2 + 1);
        const char *passes = i < 2 ? NULL : "";
        an_program *p = an_compile(g, s, .update = an_updates_at(g, 0), .passes = passes);
        ck_assert_msg(p != NULL, "%s", an_compile_message(g));
        float x[5 * 8], y[5];
        for (int k = 0; k < 40; k++) x[k] = (float)(k * 29 % 17) / 8 - 1;
        for (int k = 0; k < 5; k++) y[k] = x[k] * x[k + 1];
        const an_tensor in = an_tensor_borrow(AN_F32, AN_EXTENTS(5, 8), x);
        const an_tensor out = an_tensor_borrow(AN_F32, AN_EXTENTS(5, 1), y);
        for (int k = 0; k < 7; k++)
            ck_assert_msg(an_run(p, .feed = {{"x", &in}, {"target", &out}}, .finite = true) ==
                              AN_OK, "%s", an_program_message(p));
        ck_assert_int_eq(an_store_sha256(s, hex[i]), AN_OK);
        ck_assert_str_eq(hex[i], hex[0]);
        an_program_free(p);
        an_store_free(s);
        an_graph_free(g);
    }
    an_set_threads(0);
}
END_TEST

AN_TEST_MAIN("proof", test_fused_equals_unfused, test_another_training_is_told,
             test_text_and_picture, test_programs_agree)
