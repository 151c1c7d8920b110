/* test_magnitudes.c -- every elementwise float op of the table has a truth and keeps it at all
 * magnitudes; a naive formula, right between -2 and 2, does not.
 *
 * AN_SWEEP_OP=gelu tries one op, AN_SWEEP_ALL=1 lists every fault.                            */
#include "tests/ops/truths.h"

static const an_truth *const tables[] = {an_truths_arithmetic, an_truths_curves};

/* ---- the ops ----------------------------------------------------------- */

static bool is_elementwise(const an_op_info *row)
{
    const bool of_bools = row->rules->bools == (1u << row->min_inputs) - 1;
    return !of_bools && (row->category == AN_CATEGORY_ELEMENTWISE ||
                         row->category == AN_CATEGORY_SELECT);
}

static void print_tally(const an_truth *t, const an_tally *tally)
{
    printf("%s%s%s: %lld values, %lld gradients\n", t->op, t->label ? " " : "",
           t->label ? t->label : "", (long long)tally->values, (long long)tally->gradients);
    for (int e = 0; e < AN_TRUTH_EXCEPTIONS && t->but[e].at; e++)
        printf("    but %lld: %s\n", (long long)tally->excused[e], t->but[e].why);
    fflush(stdout);
}

static void want_truth(const an_truth *t)
{
    an_tally tally = {0};
    an_try_magnitudes(t, (double)INFINITY, &tally);
    print_tally(t, &tally);
    ck_assert_msg(tally.faults == 0, "%lld faults, the first: %s", (long long)tally.faults,
                  tally.first);
    for (int e = 0; e < AN_TRUTH_EXCEPTIONS && t->but[e].at; e++)
        ck_assert_msg(tally.excused[e] > 0, "%s: \"%s\" excuses nothing: drop it", t->op,
                      t->but[e].why);
}

START_TEST(test_ops_keep_their_truth)
{
    const char *only = getenv("AN_SWEEP_OP");
    const an_op_info *row = an_op(_i);
    if (only && strcmp(only, row->name) != 0) return;
    int truths = 0;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        for (const an_truth *t = tables[i]; t->op; t++) {
            if (strcmp(t->op, row->name) != 0) continue;
            want_truth(t);
            truths++;
        }
    ck_assert_msg(truths > 0 || !is_elementwise(row), "%s has no truth in tests/ops/truths_*.c",
                  row->name);
}
END_TEST

START_TEST(test_truths_name_ops)
{
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        for (const an_truth *t = tables[i]; t->op; t++)
            ck_assert_msg(an_op_find(t->op) != AN_OP_none, "a truth is about \"%s\"", t->op);
}
END_TEST

/* ---- naive formulas ---------------------------------------------------- */

FORMULA(softplus, fmaxl(a, 0) + log1pl(expl(-fabsl(a))))
FORMULA(logistic, 1 / (1 + expl(-a)))
FORMULA(logistic_slope, at(logistic, a) * at(logistic, -a))
FORMULA(bce, (b == (a > 0) ? 0 : a >= 0 ? a * (1 - b) : -a * b) + log1pl(expl(-fabsl(a))))
FORMULA(bce_by_a, logistic(x) - b)
FORMULA(minus_a, -a)
EXCUSE(right_to_units_of_one, is_within(p, 4))
EXCUSE(a_is_nan, isnan(p->x[0]))

static an_value log_one_plus(an_value x)
{
    return an_log(an_add(an_number(x, 1), x));
}

static an_value naive_softplus(const an_value in[])
{
    return log_one_plus(an_exp(in[0]));
}

static an_value careful_softplus(const an_value in[])
{
    const an_value rest = log_one_plus(an_exp(an_neg(an_abs(in[0]))));
    return an_add(an_maximum(in[0], an_number(in[0], 0)), rest);
}

static an_value naive_sigmoid(const an_value in[])
{
    const an_value e = an_exp(in[0]);
    return an_div(e, an_add(e, an_number(e, 1)));
}

static an_value naive_bce(const an_value in[])
{
    return an_sub(naive_softplus(in), an_mul(in[0], in[1]));
}

#define ABSOLUTE {AN_OF_VALUE | AN_OF_A, right_to_units_of_one, "1 + e^x and 1 - y lose e^x and y"}

static const an_truth naive[] = {
    {"naive softplus", 0, 1, .value = {softplus}, .slope = {{logistic}}, .build = naive_softplus,
     .but = {ABSOLUTE}},
    {"naive sigmoid", 0, 1, .value = {logistic}, .slope = {{logistic_slope}},
     .build = naive_sigmoid, .but = {ABSOLUTE}},
    {"naive bce", 0, 2, .high = {0, 1}, .value = {bce}, .slope = {{bce_by_a}, {minus_a}},
     .build = naive_bce, .but = {ABSOLUTE}},
};

/* The sweep of cases, whose data lie there, passed an op of the first of these formulas. */
START_TEST(test_naive_formulas_fail)
{
    an_tally near = {0}, far = {0};
    an_try_magnitudes(&naive[_i], 2, &near);
    ck_assert_msg(near.values > 0 && near.faults == 0, "between -2 and 2: %s", near.first);
    an_try_magnitudes(&naive[_i], (double)INFINITY, &far);
    printf("%s: %lld faults of %lld, such as: %s\n", naive[_i].op, (long long)far.faults,
           (long long)(far.values + far.gradients), far.first);
    ck_assert_msg(far.faults > 0, "%s passes", naive[_i].op);
}
END_TEST

START_TEST(test_a_careful_formula_passes)
{
    static const an_truth careful = {
        "careful softplus", 0, 1, .value = {softplus}, .slope = {{logistic}},
        .build = careful_softplus,
        .but = {ABSOLUTE, {AN_OF_A, a_is_nan, "documented: a maximum hands on none at NaN"}}};
    an_tally tally = {0};
    an_try_magnitudes(&careful, (double)INFINITY, &tally);
    ck_assert_msg(tally.values > 0 && tally.faults == 0, "%s", tally.first);
}
END_TEST

int main(void)
{
    if (an_test_on_valgrind()) {
        an_test_skip("ops at all magnitudes", "Valgrind's long double is a double");
        return 77;
    }
    Suite *suite = suite_create("magnitudes");
    TCase *group = tcase_create("all");
    tcase_set_timeout(group, 300);
    tcase_add_test(group, test_truths_name_ops);
    tcase_add_loop_test(group, test_ops_keep_their_truth, 1, AN_OPS);
    tcase_add_loop_test(group, test_naive_formulas_fail, 0, (int)(sizeof naive / sizeof *naive));
    tcase_add_test(group, test_a_careful_formula_passes);
    suite_add_tcase(suite, group);
    return an_test_run_suite(suite);
}
