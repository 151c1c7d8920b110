/* test_recompute.c -- scopes whose values are computed again: the same bits, in less memory. */
#include "frontends/addnorm.h"
#include "graph/ir.h"
#include "tests/models.h"
#include "tests/support.h"

#include <string.h>

#define STEPS 3

static const an_transformer_sizes deep_gpt = {
    .name = "gpt", .tokens = 50, .length = 32, .width = 32, .heads = 2, .blocks = 24,
    .pre_norm = true, .causal = true, .tied = true};
static const an_transformer_sizes post_norm = {
    .name = "encoder", .tokens = 50, .length = 16, .width = 32, .heads = 2, .blocks = 4};

typedef struct trained {
    char sha256[65];
    double loss[STEPS];
    int64_t bytes, saved;
} trained;

static an_tensor ids_of(int64_t rows, int64_t length, int64_t below)
{
    an_tensor t = {0};
    ck_assert_int_eq(an_tensor_alloc(&t, AN_I32, AN_EXTENTS(rows, length)), AN_OK);
    for (int64_t i = 0; i < rows * length; i++) an_tensor_set(&t, i, (double)(i * 7 % below));
    return t;
}

static an_tensor labels_of(int64_t rows)
{
    an_tensor t = {0};
    ck_assert_int_eq(an_tensor_alloc(&t, AN_F32, AN_EXTENTS(rows, 1)), AN_OK);
    for (int64_t i = 0; i < rows; i++) an_tensor_set(&t, i, (double)(i % 2));
    return t;
}

static trained train(an_model m, const char *recompute, int threads, const an_tensor *ids,
                     const char *target, const an_tensor *labels)
{
    trained t = {.bytes = 0};
    an_set_threads(threads);
    an_store *s = an_store_new(3);
    an_program *p = an_compile(m.g, s, .fetch = {m.loss}, .update = m.up, .recompute = recompute);
    ck_assert_msg(p != NULL, "%s", an_compile_message(m.g));
    for (int i = 0; i < STEPS; i++) {
        an_tensor loss = {0};
        ck_assert_msg(an_run(p, .feed = {{"ids", ids}, {target, labels}}, .out = {&loss}) == AN_OK,
                      "%s", an_program_message(p));
        t.loss[i] = an_tensor_get(&loss, 0);
        an_tensor_free(&loss);
    }
    t.bytes = an_program_bytes(p);
    t.saved = an_program_saved(p);
    ck_assert_int_eq(an_store_sha256(s, t.sha256), AN_OK);
    an_program_free(p);
    an_store_free(s);
    an_set_threads(0);
    return t;
}

static void check_same(const trained *a, const trained *b)
{
    ck_assert_str_eq(a->sha256, b->sha256);
    ck_assert(!memcmp(a->loss, b->loss, sizeof a->loss));
}

/* Proved, and that much of it is computed again. */
static void check_proof(const an_graph *g, const char *recompute, int64_t least)
{
    an_optimised *plain = an_optimise(.graph = g);
    an_optimised *o = an_optimise(.graph = g, .recompute = recompute);
    ck_assert_msg(an_optimised_status(o) == AN_OK, "%s", an_optimised_message(o));
    ck_assert_int_ge(an_graph_node_count(an_optimised_graph(o)),
                     an_graph_node_count(an_optimised_graph(plain)) + least);
    an_proof *p = an_prove(.a = g, .b = an_optimised_graph(o));
    ck_assert_msg(an_proof_holds(p), "%s", an_proof_message(p));
    an_proof_free(p);
    an_optimised_free(o);
    an_optimised_free(plain);
}

static void check_transformer(an_transformer_sizes sizes, const char *recompute, int64_t least)
{
    an_model m = an_model_minimise(an_model_transformer(sizes), 1e-2f);
    check_proof(m.g, recompute, least);
    an_tensor ids = ids_of(4, sizes.length, sizes.tokens);
    const trained plain = train(m, NULL, 1, &ids, "labels", &ids);
    ck_assert_int_eq(plain.saved, 0);
    for (int threads = 1; threads <= 3; threads += 2) {
        const trained again = train(m, recompute, threads, &ids, "labels", &ids);
        check_same(&plain, &again);
        ck_assert_int_gt(again.saved, 0);
        ck_assert_int_eq(again.bytes + again.saved, plain.bytes);
    }
    an_tensor_free(&ids);
    an_graph_free(m.g);
}

START_TEST(test_blocks_have_the_same_bits)
{
    check_transformer(post_norm, "block*", 4 * 10);
    check_transformer(post_norm, "block/attention", 4);
    check_transformer(post_norm, "block, block_?", 4 * 10);
    check_transformer(post_norm, "attention,dense", 8);
}
END_TEST

START_TEST(test_half_the_memory_at_24_blocks)
{
    an_model m = an_model_minimise(an_model_transformer(deep_gpt), 1e-2f);
    an_tensor ids = ids_of(4, deep_gpt.length, deep_gpt.tokens);
    const trained plain = train(m, NULL, 2, &ids, "labels", &ids);
    const trained again = train(m, "block*", 2, &ids, "labels", &ids);
    check_same(&plain, &again);
    ck_assert_msg(again.bytes <= plain.bytes / 2, "%lld of %lld bytes", (long long)again.bytes,
                  (long long)plain.bytes);
    an_tensor_free(&ids);
    an_graph_free(m.g);
}
END_TEST

/* Dropout draws the same again: its key is read once, its stream is an attribute. */
START_TEST(test_dropout_and_recurrence)
{
    const an_classifier_sizes sizes = AN_CLASSIFIER_SMALL;
    an_model m = an_model_minimise(an_model_classifier(sizes), 1e-2f);
    ck_assert_int_gt(an_graph_count(m.g, "dropout"), 0);
    check_proof(m.g, "*", 1);
    an_tensor ids = ids_of(6, 9, sizes.vocabulary), labels = labels_of(6);
    const trained plain = train(m, NULL, 2, &ids, "label", &labels);
    const trained again = train(m, "*", 2, &ids, "label", &labels);
    check_same(&plain, &again);
    an_tensor_free(&ids);
    an_tensor_free(&labels);
    an_graph_free(m.g);
}
END_TEST

START_TEST(test_refusals)
{
    static const struct {
        const char *recompute, *passes, *says;
    } wrong[] = {
        {"blok", NULL, "no scope is named \"blok\"; the nearest is 'block'"},
        {"block/atention", NULL, "no scope is named"},
        {NULL, "recompute", "is written recompute=scopes"},
        {NULL, "recompute=", "is written recompute=scopes"},
        {NULL, "cse=block", "pass \"cse\" is written cse"},
        {NULL, "recomputed=block", "there is no pass \"recomputed\""},
    };
    an_model m = an_model_transformer(post_norm);
    an_graph_output(m.loss, "loss");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        an_optimised *o = an_optimise(.graph = m.g, .recompute = wrong[i].recompute,
                                      .passes = wrong[i].passes);
        ck_assert_int_ne(an_optimised_status(o), AN_OK);
        ck_assert_msg(strstr(an_optimised_message(o), wrong[i].says), "%s",
                      an_optimised_message(o));
        an_optimised_free(o);
    }
    an_optimised *o = an_optimise(.graph = m.g, .recompute = "block*");
    ck_assert_int_eq(an_optimised_status(o), AN_OK); /* no gradient: nothing to do */
    an_optimised_free(o);
    an_graph_free(m.g);
}
END_TEST

AN_TEST_MAIN("recompute", test_blocks_have_the_same_bits, test_half_the_memory_at_24_blocks,
             test_dropout_and_recurrence, test_refusals)
