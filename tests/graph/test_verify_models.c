/* test_verify_models.c -- whole training graphs, at the extents they are trained at.
 *
 * What `addnorm verify` promises of them: proved, and equal in every bit over three
 * optimizer steps, within seconds. The limits are three times the promise, and of processor
 * time, for machines that have other things to do; bench/bench_verify.c measures. */
#include "graph/passes/pipeline.h"
#include "graph/equal/result.h"
#include "tests/models.h"
#include "tests/support.h"

#include <time.h>

static double seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

static void check_verified(an_model m, const char *bind, int64_t pairs)
{
    m = an_model_minimise(m, 1e-3f);
    an_optimised *o = an_optimise(.graph = m.g);
    ck_assert_msg(o->status == AN_OK, "%s", o->message);
    double start = seconds();
    an_proof *f = an_prove(.a = m.g, .b = o->graph);
    const double proving = seconds() - start;
    ck_assert_msg(f->proved, "%s", f->message);
    an_proof_free(f);
    start = seconds();
    an_equivalence *e = an_equivalent(.a = m.g, .b = o->graph, .bind = bind, .steps = 3);
    const double running = seconds() - start;
    printf("%s: an_prove %.4f s, an_equivalent %.2f s\n", an_graph_name(m.g), proving, running);
    ck_assert_msg(e->verdict == AN_BITWISE, "%s", e->message);
    ck_assert_int_eq(e->fused_forward, pairs);
    ck_assert_int_eq(e->fused_backward, pairs);
    if (AN_TEST_INSTRUMENTED) an_test_skip("how long verifying takes", "a sanitizer is slow");
    ck_assert(AN_TEST_INSTRUMENTED || proving < 3);
    ck_assert(AN_TEST_INSTRUMENTED || running < 30);
    an_equivalence_free(e);
    an_optimised_free(o);
    an_graph_free(m.g);
}

START_TEST(test_classifier)
{
    check_verified(an_model_classifier(AN_CLASSIFIER_FULL), "B=32,T=100", 1);
}
END_TEST

START_TEST(test_gpt)
{
    check_verified(an_model_transformer(AN_GPT), "B=8", 24);
}
END_TEST

START_TEST(test_encoder)
{
    check_verified(an_model_transformer(AN_ENCODER), "B=64", 4);
}
END_TEST

AN_TEST_MAIN("verify_models", test_classifier, test_gpt, test_encoder)
