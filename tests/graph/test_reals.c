/* test_reals.c -- what is equal over the reals is called that, and no more.
 *
 * Forms written out as other tools do (written_out.def) must be equal over the reals, by the laws
 * that the report names, and in numbers but for rounding.                    */
#include "graph/equal/result.h"
#include "tests/graph/real_trial.h"
#include "tests/support.h"

#include <stdarg.h>

START_TEST(test_written_out)
{
    const an_spelling *w = &an_spellings[_i];
    an_graph *a = an_spelling_graph(w->left), *b = an_spelling_graph(w->right);
    for (int turn = 0; turn < 2; turn++) {
        an_equivalence *e = an_equivalent(.a = turn ? b : a, .b = turn ? a : b, .seeds = 2);
        ck_assert_msg(an_equivalence_rung(e) == AN_RUNG_REALS, "%s, %s: %s", w->what, w->how,
                      an_equivalence_message(e));
        ck_assert(!an_proof_holds(an_equivalence_proof(e)));
        ck_assert(!an_equivalence_holds(e, AN_RUNG_PROVED));
        ck_assert(an_equivalence_holds(e, AN_RUNG_REALS));
        an_equivalence_free(e);
    }
    an_graph_free(a);
    an_graph_free(b);
}
END_TEST

static void object(const char *format, ...)
{
    char text[16384];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    ck_abort_msg("%s", text);
}

START_TEST(test_one_edit_apart)
{
    const char *many = getenv("AN_PAIRS"), *from = getenv("AN_SEED");
    const int pairs = many ? atoi(many) : 2000;
    const uint64_t first = (from ? strtoull(from, NULL, 10) : 1) * 10000000;
    int apart = 0, equal = 0;
    uint64_t seed = first;
    for (; apart < pairs; seed++) apart += an_trial_edit(seed, &equal, object);
    printf("%d unequal pairs, one edit apart, none proved (seeds %llu to %llu); %d other edits "
           "changed nothing and were proved\n", apart, (unsigned long long)first,
           (unsigned long long)seed, equal);
}
END_TEST

START_TEST(test_values_apart)
{
    const char *many = getenv("AN_GRAPHS"), *from = getenv("AN_SEED");
    const int graphs = many ? atoi(many) : 200;
    const uint64_t first = (from ? strtoull(from, NULL, 10) : 1) * 10000000;
    int counts[3] = {0};
    for (int i = 0; i < graphs; i++) an_trial_values(first + (uint64_t)i, counts, object);
    printf("values of %d graphs: of %d pairs apart none is proved, of %d alike %d are\n", graphs,
           counts[0], counts[1] + counts[2], counts[1]);
    ck_assert_int_gt(counts[1], counts[2]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reals");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 300);
    tcase_add_loop_test(t, test_written_out, 0, an_spelling_count);
    tcase_add_test(t, test_one_edit_apart);
    tcase_add_test(t, test_values_apart);
    suite_add_tcase(suite, t);
    printf("%d forms as other tools write them\n", an_spelling_count);
    return an_test_run_suite(suite);
}
