/* test_gradient_rules.c -- differences that know how far to trust themselves, and what is held
 * against them: losses of any graph, each op's rule, both orders of fusing.
 *
 * That a wrong rule is named was seen with sub's sign turned by hand: "the gradient of %4 (sub)
 * at m.an:5 with respect to b is 0.203491292, differences say -0.203491292: opposite sign".  */
#include "graph/passes/pipeline.h"
#include "graph/equal/differences.h"
#include "graph/equal/result.h"
#include "graph/ir.h"
#include "tests/support.h"

#include <math.h>

/* ---- differences -------------------------------------------------------- */

typedef struct curve {
    double (*f)(double x);
    double x, noise;
    int calls;
} curve;

static an_status curve_at(void *context, double h, double *f)
{
    curve *c = context;
    c->calls++;
    *f = c->f(c->x + h) + c->noise * sin(1e9 * h);
    return AN_OK;
}

static an_slope slope_of(curve *c)
{
    an_slope s;
    const an_line line = {curve_at, c, AN_LINE_STEP, 0, NULL};
    ck_assert_int_eq(an_slope_of(&line, &s), AN_OK);
    return s;
}

static double steep(double x) { return tanh(300 * x); }
static double near_kink(double x) { return fabs(x - 1e-3) + x; }
static double small_kink(double x) { return 100 * x + 1e-4 * fabs(x); }
static double flat(double x) { return 3 + 0 * x; }

START_TEST(test_slopes_know_their_error)
{
    const struct {
        double (*f)(double x);
        double x, noise, slope, most;
    } cases[] = {
        {exp, 1, 0, 2.718281828459045, 1e-8},
        {steep, 0.001, 0, 300 * (1 - 0.0848617764), 1e-4}, /* large steps bend */
        {exp, 1, 1e-9, 2.718281828459045, 1e-4},           /* small ones round */
        {near_kink, 0, 0, 0, 1e-9},                        /* a kink aside is stepped back from */
        {small_kink, 0, 0, 100, 2e-4},                     /* one on the spot is in the error */
        {flat, 1, 0, 0, 1e-9},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        curve c = {cases[i].f, cases[i].x, cases[i].noise, 0};
        const an_slope s = slope_of(&c);
        ck_assert_msg(s.settled, "case %d: not settled: %g +- %g", (int)i, s.value, s.error);
        const double far = fabs(s.value - cases[i].slope);
        ck_assert_msg(far <= s.error + 1e-5 * fabs(s.value), "case %d: %.12g +- %g, not %.12g",
                      (int)i, s.value, s.error, cases[i].slope);
        ck_assert_msg(s.error <= cases[i].most * fmax(1, fabs(s.value)), "case %d: +- %g", (int)i,
                      s.error);
        ck_assert_int_le(c.calls, 17);
    }
}
END_TEST

START_TEST(test_no_slope_is_not_settled)
{
    const curve cases[] = {{fabs, 0, 0, 0}, {log, -1, 0, 0}, {sqrt, 0, 0, 0}, {exp, 0, 0.1, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        curve c = cases[i];
        const an_slope s = slope_of(&c);
        ck_assert_msg(!s.settled, "case %d: settled at %g +- %g", (int)i, s.value, s.error);
    }
}
END_TEST

START_TEST(test_words)
{
    const struct {
        double analytic[2], numeric[2];
        const char *words;
    } cases[] = {
        {{1.25, -2}, {-1.25, 2}, ": opposite sign"},
        {{3, 4}, {1.5, 2}, ": off by a factor of 2"},
        {{0, 0}, {1.5, 2}, ": it is zero"},
        {{3, 4}, {1.5, 3}, ""},
        {{-1.5, 3}, {1.5, 3}, ""}, /* one sign is not the rule's */
        {{3, 4}, {1.5, NAN}, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char words[64];
        an_slope_words(cases[i].analytic, cases[i].numeric, words, sizeof words);
        ck_assert_str_eq(words, cases[i].words);
    }
}
END_TEST

/* ---- losses ------------------------------------------------------------- */

/* x * stop(x) + other is 2x or 0 to a difference, and x to an_gradients. */
static an_gradient_check *check_cheat(bool subtract)
{
    an_graph *g = an_graph_new("t");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(3, 4));
    const an_value cheat = an_mul(x, an_stop_gradient(x));
    const an_value twice = an_mul(cheat, an_number(x, 3));
    const an_value loss = subtract ? an_sub(an_square(x), twice) : cheat;
    an_gradient_check *c = an_check_gradients(.loss = loss, .seed = 5);
    an_graph_free(g);
    return c;
}

START_TEST(test_signs_count)
{
    an_gradient_check *c = check_cheat(false); /* x, and truly 2x */
    ck_assert_int_eq(c->status, AN_E_GRADIENT);
    ck_assert_double_eq_tol(c->analytic / c->numeric, 0.5, 1e-6);
    ck_assert_ptr_null(strstr(c->message, "opposite"));
    an_gradient_check_free(c);
    c = check_cheat(true); /* 2x - 3x, and truly 2x - 6x */
    ck_assert_int_eq(c->status, AN_E_GRADIENT);
    ck_assert_double_eq_tol(c->analytic / c->numeric, 0.25, 1e-6);
    an_graph *g = an_graph_new("t");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(3, 4));
    const an_value held = an_mul(an_stop_gradient(x), an_number(x, 2));
    an_gradient_check_free(c);
    c = an_check_gradients(.loss = an_sub(x, held), .seed = 5); /* 1, and truly 1 - 2 */
    ck_assert_int_eq(c->status, AN_E_GRADIENT);
    ck_assert_msg(strstr(c->message, "opposite sign"), "%s", c->message);
    an_gradient_check_free(c);
    an_graph_free(g);
}
END_TEST

START_TEST(test_kinks_are_passed_over)
{
    an_graph *g = an_graph_new("t");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(6, 8));
    const an_value y = an_add(an_relu(x), an_abs(an_tanh(x))); /* an eighth of x is zero */
    an_gradient_check *c = an_check_gradients(.loss = y, .samples = 48);
    ck_assert_msg(c->status == AN_OK && c->worst < 1e-7, "%s", c->message);
    ck_assert_int_gt(c->passed_over, 0);
    ck_assert_int_gt(c->tried, 30);
    const int64_t tried = c->tried;
    an_gradient_check_free(c);
    c = an_check_gradients(.loss = y, .samples = 48, .directions = 7);
    ck_assert_int_eq(c->tried, tried + 5);
    an_gradient_check_free(c);
    c = an_check_gradients(.loss = an_log(an_sub(an_neg(an_abs(x)), an_number(x, 1))));
    ck_assert_int_eq(c->status, AN_E_GRADIENT); /* NaN everywhere */
    ck_assert_ptr_nonnull(strstr(c->message, "nothing could be tried"));
    an_gradient_check_free(c);
    an_graph_free(g);
}
END_TEST

/* ---- checks of an_equivalent --------------------------------------------- */

static const an_check_row *find(const an_equivalence *e, const char *name)
{
    for (int i = 0; i < e->checks; i++)
        if (!strcmp(e->check[i].name, name)) return &e->check[i];
    ck_abort_msg("no check '%s'", name);
    return NULL;
}

START_TEST(test_rules_and_norms_hold)
{
    an_graph *g = an_graph_new("t");
    const an_dim b = an_dim_named(g, "B");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(b, 16));
    const an_value s = an_residual_add(x, an_relu(x));
    const an_value n = an_layer_norm(s, AN_NONE, AN_NONE, -1, 1e-3f);
    const an_value y = an_div(an_maximum(n, s), an_add(an_square(x), an_number(x, 1)));
    ck_assert_int_eq(an_graph_output(an_log(an_sqrt(y)), "y"), AN_OK);
    an_optimised *o = an_optimise(g);
    an_equivalence *e = an_equivalent(g, o->graph, .gradients = true);
    ck_assert_int_eq(find(e, "rules")->verdict, AN_BITWISE);
    ck_assert_int_gt(find(e, "rules")->tried, 9); /* log and sqrt, too: somewhere positive */
    ck_assert_int_eq(find(e, "norms")->verdict, AN_BITWISE);
    ck_assert_int_ge(find(e, "norms")->tried, 4);
    ck_assert_int_eq(find(e, "orders")->verdict, AN_BITWISE);
    an_equivalence_free(e);
    an_optimised_free(o);
    an_graph_free(g);
}
END_TEST

/* The reshape is a no-op: its reader and q's have their gradients added up in two groups, or in
 * one once a pass has seen it. */
START_TEST(test_grouped_terms_are_said)
{
    an_graph *g = an_parse(.text = "dims B\n"
                           "%1: f32[B,8] = input \"x\"\n"
                           "%2: f32[B,8] = input \"skip\"\n"
                           "%3: f32[B,8] = input \"q\"\n"
                           "%4: f32[B,8] = residual_add %1, %2\n"
                           "%5: f32[B,8], f32[B], f32[B] = layer_norm %4 {axis=1, eps=1e-05}\n"
                           "%6: f32[B,8] = reshape %3\n"
                           "%7: f32[B,8] = tanh %6\n"
                           "%8: f32[B,8] = sin %3\n"
                           "%9: f32[B,8] = cos %6\n"
                           "%10: f32[B,8] = mul %7, %8\n"
                           "%11: f32[B,8] = mul %10, %9\n"
                           "%12: f32[B,8] = mul %11, %5\n"
                           "output \"y\" %12\n", .name = "t.an");
    ck_assert_msg(an_graph_status(g) == AN_OK, "%s", an_graph_message(g));
    an_optimised *o = an_optimise(g);
    an_equivalence *e = an_equivalent(g, o->graph, .gradients = true);
    ck_assert_msg(e->verdict == AN_ROUNDING, "%s", e->message);
    ck_assert_msg(strstr(e->message, "the passes before the fusion grouped gradient terms"), "%s",
                  e->message);
    ck_assert_int_eq(find(e, "orders")->verdict, AN_ROUNDING);
    an_equivalence_free(e);
    an_optimised_free(o);
    an_graph_free(g);
}
END_TEST

AN_TEST_MAIN("gradient rules", test_slopes_know_their_error, test_no_slope_is_not_settled,
             test_words, test_signs_count, test_kinks_are_passed_over, test_rules_and_norms_hold,
             test_grouped_terms_are_said)
