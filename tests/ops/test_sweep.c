/* test_sweep.c -- the obligation: every row of ops.def has cases, and they hold.
 *
 * test_ops_sweep [PART PARTS]: all ops, or every so many. AN_SWEEP_OP=softmax tries one op only;
 * AN_SEED draws other data.                                                   */
#include "tests/ops/sweep.h"

static int part, parts = 1;

static bool skipped(int op)
{
    const char *only = getenv("AN_SWEEP_OP");
    return op % parts != part || (only && strcmp(only, an_op(op)->name) != 0);
}

START_TEST(test_kernels)
{
    if (skipped(_i)) return;
    const an_op_info *row = an_op(_i);
    int64_t most_units[AN_MAX_STAGES] = {0}, most = 0;
    int cases = 0;
    for (const an_case *c; (c = an_case_of(_i, cases)) != NULL; cases++)
        an_check_kernels(c, most_units);
    ck_assert_msg(cases > 0, "%s has no case in tests/ops/cases_*.c", row->name);
    ck_assert_msg(row->rules->ref || row->traits & AN_TRAIT_LEAF, "%s has no ref", row->name);
    for (int i = 0; i < AN_MAX_STAGES; i++) most = most_units[i] > most ? most_units[i] : most;
    ck_assert_msg(!row->rules->stages[0].run || most >= 2,
                  "%s: no case is cut into two units, so splitting is untested", row->name);
}
END_TEST

START_TEST(test_graphs)
{
    if (skipped(_i)) return;
    const an_case *c;
    for (int i = 0; (c = an_case_of(_i, i)) != NULL; i++) an_check_graphs(c);
}
END_TEST

/* A case of an op that does not exist would never run. */
START_TEST(test_cases_name_ops)
{
    static const an_case *const families[] = {
#define AN_CASES(family) an_cases_##family,
#include "tests/ops/families.def"
#undef AN_CASES
    };
    for (size_t f = 0; f < sizeof families / sizeof *families; f++)
        for (const an_case *c = families[f]; c->op; c++) {
            ck_assert_msg(an_op_find(c->op), "a case is about \"%s\"", c->op);
            ck_assert_ptr_nonnull(c->label);
        }
}
END_TEST

int main(int argc, char **argv)
{
    if (argc > 2) part = atoi(argv[1]), parts = atoi(argv[2]);
    Suite *suite = suite_create("sweep");
    TCase *group = tcase_create("all");
    tcase_set_timeout(group, 300);
    tcase_add_test(group, test_cases_name_ops);
    tcase_add_loop_test(group, test_kernels, 1, AN_OPS);
    tcase_add_loop_test(group, test_graphs, 1, AN_OPS);
    suite_add_tcase(suite, group);
    return an_test_run_suite(suite);
}
