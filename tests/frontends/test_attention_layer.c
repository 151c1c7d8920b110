/* test_attention_layer.c -- attention as a layer: a GPT in a screenful, its cache token by token,
 * rotary and sinusoidal positions by their formulas.                           */
#include "frontends/addnorm.h"
#include "tests/support.h"

#include <math.h>
#include <string.h>

enum { VOCABULARY = 13, UNITS = 24, LENGTH = 10, BLOCKS = 2 };

/* ---- a GPT ------------------------------------------------------------- */

static an_value block(an_value x, an_value position, int64_t cache)
{
    an_value y = an_nn_rms_norm(x);
    y = an_nn_attention(y, .heads = 4, .key_heads = 2, .causal = true, .rotary = 1e4,
                        .position = position, .cache = cache);
    x = an_residual_add(x, y);
    y = an_nn_dense(an_nn_layer_norm(x), .units = 4 * UNITS);
    return an_residual_add(x, an_nn_dense(an_gelu(y, AN_TANH), .units = UNITS));
}

/* Logits of every token; of a piece from `position` on if there is a cache. */
static an_value gpt(an_value ids, an_value position, int64_t cache)
{
    an_value x = an_nn_embedding(ids, .vocab = VOCABULARY, .units = UNITS);
    for (int i = 0; i < BLOCKS; i++) x = block(x, position, cache);
    return an_nn_dense(an_nn_rms_norm(x), .units = VOCABULARY);
}

static void check_status(an_graph *g)
{
    ck_assert_msg(an_graph_status(g) == AN_OK, "%s", an_graph_message(g));
}

/* `count` tokens a run: the cached logits are those of the whole text. */
static void generate(int64_t count)
{
    int32_t ids[2 * LENGTH];
    for (int i = 0; i < 2 * LENGTH; i++) ids[i] = (i * 5 + i / 3) % VOCABULARY;
    an_graph *whole = an_graph_new("gpt"), *piece = an_graph_new("gpt");
    an_store *store = an_store_new(3);
    an_value x = an_input(whole, "ids", AN_I32, AN_SHAPE(2, LENGTH));
    an_program *all = an_compile(whole, store, .fetch = {gpt(x, AN_NONE, 0)}, .inference = true);
    ck_assert_msg(all, "%s", an_compile_message(whole));
    an_tensor full = {0}, part = {0}, text = an_tensor_borrow(AN_I32, AN_EXTENTS(2, LENGTH), ids);
    ck_assert(an_run(all, .feed = {{"ids", &text}}, .out = {&full}) == AN_OK);

    x = an_input(piece, "ids", AN_I32, AN_SHAPE(2, count));
    const an_value y = gpt(x, an_input(piece, "position", AN_I32, AN_SCALAR), LENGTH);
    const an_updates u = an_updates_new(piece, "generate");
    an_updates_take_pending(u, y);
    check_status(piece);
    an_program *step = an_compile(piece, store, .fetch = {y}, .update = u, .inference = true);
    ck_assert_msg(step, "%s", an_compile_message(piece));
    char before[65], after[65]; /* of what a checkpoint keeps: no cache is among it */
    ck_assert(an_store_sha256(store, before) == AN_OK);
    for (int32_t t = 0; t < LENGTH; t += (int32_t)count) {
        int32_t some[2 * LENGTH];
        for (int64_t b = 0; b < 2; b++)
            memcpy(some + b * count, ids + b * LENGTH + t, (size_t)count * sizeof *some);
        an_tensor now = an_tensor_borrow(AN_I32, AN_EXTENTS(2, count), some);
        an_tensor at = an_tensor_borrow(AN_I32, 0, NULL, &t);
        ck_assert_msg(an_run(step, .feed = {{"ids", &now}, {"position", &at}}, .out = {&part}) ==
                          AN_OK, "%s", an_program_message(step));
        for (int64_t b = 0; b < 2; b++)
            for (int64_t i = 0; i < count * VOCABULARY; i++) {
                const double got = an_tensor_get(&part, b * count * VOCABULARY + i);
                const double want = an_tensor_get(&full, (b * LENGTH + t) * VOCABULARY + i);
                ck_assert_msg(fabs(got - want) <= 2e-5 * (1 + fabs(want)), "%d: %g, not %g", t, got,
                              want);
            }
    }
    ck_assert(an_store_sha256(store, after) == AN_OK);
    ck_assert_str_eq(after, before);
    an_tensor_free(&full);
    an_tensor_free(&part);
    an_program_free(all);
    an_program_free(step);
    an_store_free(store);
    an_graph_free(whole);
    an_graph_free(piece);
}

START_TEST(test_cache)
{
    generate(1);
    generate(5);
}
END_TEST

/* What comes later is not seen: the gradient of an early logit by a late embedding is 0. */
START_TEST(test_causal)
{
    an_graph *g = an_graph_new("gpt");
    an_store *s = an_store_new(3);
    an_value x = an_input(g, "x", AN_F32, AN_SHAPE(1, 6, UNITS));
    const an_value y = block(x, AN_NONE, 0);
    const an_value early = an_sum_axes(an_slice(y, 1, 0, 3, 1), AN_ALL_AXES, false);
    an_program *p = an_compile(g, s, .fetch = {an_gradient(early, x)});
    ck_assert_msg(p, "%s", an_compile_message(g));
    an_tensor in = {0}, d = {0};
    ck_assert(an_tensor_alloc(&in, AN_F32, 3, (const int64_t[]){1, 6, UNITS}) == AN_OK);
    for (int64_t i = 0; i < 6 * UNITS; i++) an_tensor_set(&in, i, sin((double)i));
    ck_assert(an_run(p, .feed = {{"x", &in}}, .out = {&d}) == AN_OK);
    for (int64_t i = 0; i < 6 * UNITS; i++)
        ck_assert((an_tensor_get(&d, i) != 0) == (i < 3 * UNITS));
    an_tensor_free(&in);
    an_tensor_free(&d);
    an_program_free(p);
    an_store_free(s);
    an_graph_free(g);
}
END_TEST

/* ---- positions --------------------------------------------------------- */

/* The one output of a graph of x[3,4]: x counts from 1. */
static void evaluate(an_graph *g, an_value y, an_tensor *out)
{
    an_store *s = an_store_new(1);
    an_program *p = an_compile(g, s, .fetch = {y});
    ck_assert_msg(p, "%s", an_compile_message(g));
    float x[12];
    int64_t place = 7;
    for (int i = 0; i < 12; i++) x[i] = (float)(i + 1);
    an_tensor t = an_tensor_borrow(AN_F32, AN_EXTENTS(3, 4), x);
    an_tensor at = an_tensor_borrow(AN_I64, 0, NULL, &place);
    ck_assert_msg(an_run(p, .feed = {{"x", &t}, {"place", &at}}, .out = {out}) == AN_OK, "%s",
                  an_program_message(p));
    an_program_free(p);
    an_store_free(s);
}

static void check_near(const an_tensor *t, int64_t i, double want)
{
    const double got = an_tensor_get(t, i);
    ck_assert_msg(fabs(got - want) < 1e-5, "[%lld] is %g, not %g", (long long)i, got, want);
}

START_TEST(test_rotary)
{
    const bool pairs = _i;
    an_graph *g = an_graph_new("rotary");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(3, 4));
    const an_value place = an_input(g, "place", AN_I64, AN_SCALAR);
    an_tensor y = {0};
    evaluate(g, an_nn_rotary(x, .position = place, .base = 100, .pairs = pairs), &y);
    for (int t = 0; t < 3; t++)
        for (int i = 0; i < 2; i++) {
            const int a = pairs ? 2 * i : i, b = pairs ? 2 * i + 1 : i + 2;
            const double by = (7 + t) * pow(100, -i / 2.0), u = 4 * t + a + 1, v = 4 * t + b + 1;
            check_near(&y, 4 * t + a, u * cos(by) - v * sin(by));
            check_near(&y, 4 * t + b, v * cos(by) + u * sin(by));
        }
    an_tensor_free(&y);
    an_graph_free(g);
}
END_TEST

START_TEST(test_sinusoidal)
{
    an_graph *g = an_graph_new("sinusoidal");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(3, 4));
    const an_value place = an_input(g, "place", AN_I64, AN_SCALAR);
    an_tensor y = {0};
    evaluate(g, an_add(an_scale(x, 0), an_nn_sinusoidal(x, place)), &y);
    for (int t = 0; t < 3; t++)
        for (int i = 0; i < 2; i++) {
            check_near(&y, 4 * t + 2 * i, sin((7 + t) * pow(1e4, -i / 2.0)));
            check_near(&y, 4 * t + 2 * i + 1, cos((7 + t) * pow(1e4, -i / 2.0)));
        }
    an_tensor_free(&y);
    an_graph_free(g);
}
END_TEST

/* Cross attention takes keys and values from the memory; weights handed in are used, no others. */
START_TEST(test_weights)
{
    an_graph *g = an_graph_new("cross");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(2, 3, 6));
    const an_value memory = an_input(g, "memory", AN_F32, AN_SHAPE(2, 5, 7));
    const an_init any = {AN_INIT_UNIFORM, -1, 1};
    const an_attention_weights w = {.q = an_state(g, "q", AN_F32, AN_SHAPE(6, 8), any),
                                    .k = an_state(g, "k", AN_F32, AN_SHAPE(7, 4), any),
                                    .v = an_state(g, "v", AN_F32, AN_SHAPE(7, 4), any),
                                    .out = an_state(g, "o", AN_F32, AN_SHAPE(8, 6), any)};
    const an_value y = an_nn_attention(x, .heads = 2, .key_heads = 1, .width = 4, .memory = memory,
                                       .weights = w, .no_bias = true);
    an_value all[8];
    check_status(g);
    ck_assert_int_eq(an_graph_parameters_of(g, "", all, 8), 4);
    ck_assert_int_eq(an_type_of(y).shape.dim[1], 3);
    ck_assert_int_eq(an_type_of(y).shape.dim[2], 6);
    an_graph_free(g);
}
END_TEST

START_TEST(test_refusals)
{
    static const an_attention_args wrong[] = {
        {.heads = 0}, {.heads = 5}, {.heads = 4, .key_heads = 3}, {.heads = 4, .cache = 8},
        {.heads = 4, .key_heads = -1}, {.heads = 3, .width = -4}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        an_graph *g = an_graph_new("wrong");
        an_attention_args a = wrong[i];
        a.at = AN_HERE;
        a.x = an_input(g, "x", AN_F32, AN_SHAPE(2, 3, 12));
        ck_assert(an_is_poison(an_nn_attention_with(&a)));
        ck_assert_int_eq(an_graph_status(g), AN_E_ARGUMENT);
        an_graph_free(g);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("attention_layer");
    TCase *t = tcase_create("all");
    tcase_add_test(t, test_cache);
    tcase_add_test(t, test_causal);
    tcase_add_loop_test(t, test_rotary, 0, 2);
    tcase_add_test(t, test_sinusoidal);
    tcase_add_test(t, test_weights);
    tcase_add_test(t, test_refusals);
    suite_add_tcase(suite, t);
    return an_test_run_suite(suite);
}
