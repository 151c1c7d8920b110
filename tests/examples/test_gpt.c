/* test_gpt.c -- what examples/gpt.c is made of: its baseline by hand-computed numbers, its graphs
 * for every norm fused and proved, its cache, its text.                          */
#include "examples/gpt.h"
#include "tests/support.h"

#include <math.h>

/* ---- Kneser-Ney ---------------------------------------------------------- */

static double probability(const ngram *m, const char *context, char byte)
{
    unsigned char text[MOST_ORDER + 1] = "";
    const size_t n = strlen(context);
    memcpy(text, context, n);
    text[n] = (unsigned char)byte;
    return ngram_probability(m, text + n);
}

static void check_probability(const ngram *m, const char *context, char byte, double right)
{
    const double p = probability(m, context, byte);
    ck_assert_msg(fabs(p - right) < 1e-12, "P(%c | %s) is %.15g, not %.15g", byte, context, p,
                  right);
}

/* "abaabab". Trigrams aba 2, baa 1, aab 1, bab 1: n1 = 3, n2 = 1, D3 = 3/5.
 * What stands before bigrams: ba {a}, aa {b}, ab {a, b}: 1, 1, 2, so D2 = 2/4.
 * Before single bytes: a {a, b}, b {a}: 2, 1, so D1 = 1/3; 3 bigrams, 2 kinds.    */
START_TEST(test_by_hand)
{
    ngram *m = ngram_new(3, (const unsigned char *)"abaabab", 7);
    const double rest = 1. / 3 * 2 / 3 / 256;               /* D1 kinds / total, to each byte */
    const double a = (2 - 1. / 3) / 3 + rest, b = (1 - 1. / 3) / 3 + rest;
    const double a_after_a = .5 / 3 + .5 * 2 / 3 * a, b_after_a = 1.5 / 3 + .5 * 2 / 3 * b;
    const double a_after_b = .5 / 1 + .5 * a, b_after_b = .5 * b;
    check_probability(m, "ab", 'a', 1.4 / 2 + .6 / 2 * a_after_b); /* ab: aba twice */
    check_probability(m, "ab", 'b', .6 / 2 * b_after_b);
    check_probability(m, "ab", 'x', .6 / 2 * .5 * rest);
    check_probability(m, "ba", 'a', .4 / 2 + .6 * 2 / 2 * a_after_a); /* baa, bab */
    check_probability(m, "ba", 'b', .4 / 2 + .6 * 2 / 2 * b_after_a);
    check_probability(m, "aa", 'b', .4 / 1 + .6 * b_after_a);
    check_probability(m, "bb", 'a', a_after_b); /* never occurred */
    check_probability(m, "xx", 'a', a);
    ngram_free(m);
}
END_TEST

/* Of order 1 it is how often each byte occurs: a 4, b 3; no count of 1, so D1 is a half. */
START_TEST(test_single_bytes)
{
    const unsigned char *text = (const unsigned char *)"abaabab";
    ngram *m = ngram_new(1, text, 7);
    const double a = 3.5 / 7 + 1. / 7 / 256, b = 2.5 / 7 + 1. / 7 / 256;
    check_probability(m, "", 'a', a);
    check_probability(m, "", 'b', b);
    ck_assert_double_eq_tol(ngram_bits(m, text, 3), -(2 * log2(a) + log2(b)) / 3, 1e-12);
    ngram_free(m);
}
END_TEST

START_TEST(test_probabilities_sum_to_one)
{
    gpt_text t;
    ck_assert(generate_text(&t, 20000, 3));
    for (int order = 1; order <= MOST_ORDER; order++) {
        ngram *m = ngram_new(order, t.byte, t.held);
        for (int64_t at = t.held; at < t.held + 50; at++) {
            const unsigned char was = t.byte[at];
            double sum = 0;
            for (int byte = 0; byte < BYTES; byte++) {
                t.byte[at] = (unsigned char)byte;
                sum += ngram_probability(m, t.byte + at);
            }
            t.byte[at] = was;
            ck_assert_double_eq_tol(sum, 1, 1e-12);
        }
        ngram_free(m);
    }
    free_text(&t);
}
END_TEST

/* ---- the text ------------------------------------------------------------ */

/* Whole lines; brackets close as they were opened, the names come again in turned order. */
START_TEST(test_lines)
{
    gpt_text t;
    ck_assert(generate_text(&t, 50000, 5));
    int lines = 0;
    for (char *line = (char *)t.byte, *end; (end = memchr(line, '\n', 400)) && lines < 300;
         line = end + 1, lines++) {
        char first[20], other[20], again[20], once_more[20], open[8];
        int depth = 0;
        *end = 0;
        ck_assert_int_eq(sscanf(line, "%19s and %19s go", first, other), 2);
        char *asks = strstr(line, " asks ");
        ck_assert_ptr_nonnull(asks);
        ck_assert_int_eq(sscanf(asks + 6, "%19s", again), 1);
        ck_assert_str_eq(again, first);
        while (asks[-1] != ' ') asks--;
        ck_assert_int_eq(sscanf(asks, "%19s", once_more), 1);
        ck_assert_str_eq(once_more, other);
        for (const char *c = line; *c; c++) {
            const char *opens = strchr("([{", *c), *closes = strchr(")]}", *c);
            if (opens) open[depth++] = *c;
            if (closes)
                ck_assert_int_eq(open[--depth], *closes == ')' ? '(' : *closes == ']' ? '[' : '{');
            ck_assert(depth >= 0 && depth < 4);
        }
        ck_assert_int_eq(depth, 0);
    }
    ck_assert_int_eq(lines, 300);
    ck_assert(t.entropy > 0.1 && t.entropy < 1);
    free_text(&t);
}
END_TEST

/* ---- the model ----------------------------------------------------------- */

/* Of all six: pre, post, RMS; learned or rotary positions. Heads are 4 wide, and 1 / sqrt(4) needs
 * no rounding: differences would show that of 1 / sqrt(8) as a gradient off by 1e-7. */
static void build(gpt *m, int which)
{
    const gpt_config c = {.norm = (gpt_norm)(which % 3), .rotary = which >= 3, .context = 16,
                          .width = 16, .heads = 4, .blocks = 2, .steps = 10};
    ck_assert(gpt_build(m, &c, 7));
}

START_TEST(test_fused_and_proved)
{
    gpt m;
    build(&m, _i);
    const an_graph *g = an_program_graph(m.train);
    const bool rms = m.config.norm == GPT_RMS;
    ck_assert_int_eq(an_graph_count(g, rms ? "add_rms_norm" : "add_norm"), 4);
    ck_assert_int_eq(an_graph_count(g, rms ? "add_rms_norm_grad" : "add_norm_grad"), 4);
    /* Left is the first norm of pre-norm nets: of what was embedded, no sum of a residual. */
    ck_assert_int_eq(an_graph_count(g, "layer_norm"), m.config.norm == GPT_PRE);
    ck_assert_int_eq(an_graph_count(g, "rms_norm"), rms);
    ck_assert_int_eq(an_graph_count(g, "residual_add"), 0);
    an_proof *p = an_prove(.a = m.graph, .b = g, .subset = true);
    ck_assert_msg(an_proof_holds(p), "%s", an_proof_message(p));
    ck_assert_int_gt(an_proof_roots(p), 30); /* the updates of every weight */
    an_proof_free(p);
    gpt_free(&m);
}
END_TEST

START_TEST(test_bits)
{
    gpt m;
    build(&m, _i);
    an_equivalence *e = an_equivalent(.a = m.graph, .b = an_program_graph(m.train), .subset = true,
                                      .gradients = true, .bind = "B=3,T=9", .steps = 2, .seed = 5);
    ck_assert_msg(an_equivalence_rung(e) == AN_RUNG_PROVED &&
                      an_equivalence_numbers(e) == AN_BITWISE,
                  "%s", an_equivalence_message(e));
    an_equivalence_free(e);
    gpt_free(&m);
}
END_TEST

/* Far beyond the context, and from prompts shorter and longer than it: the cache changes none. */
START_TEST(test_cache)
{
    gpt m;
    build(&m, _i);
    unsigned char cached[100], plain[100];
    double seconds;
    const gpt_sampling some[] = {{"a", 100, 0, 1, 3}, {"the cat", 40, 0, 0, 5},
                                 {"a prompt longer than the context", 60, 5, 2, 4}};
    for (int i = 0; i < 3; i++) {
        ck_assert(gpt_generate(&m, &some[i], true, cached, &seconds));
        ck_assert(gpt_generate(&m, &some[i], false, plain, &seconds));
        ck_assert_mem_eq(cached, plain, (size_t)some[i].count);
    }
    gpt_free(&m);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("gpt");
    TCase *text = tcase_create("text"), *model = tcase_create("model");
    tcase_add_test(text, test_by_hand);
    tcase_add_test(text, test_single_bytes);
    tcase_add_test(text, test_probabilities_sum_to_one);
    tcase_add_test(text, test_lines);
    tcase_add_loop_test(model, test_fused_and_proved, 0, 6);
    tcase_add_loop_test(model, test_bits, 0, 6);
    tcase_add_loop_test(model, test_cache, 0, 6);
    suite_add_tcase(s, text);
    suite_add_tcase(s, model);
    return an_test_run_suite(s);
}
