/* support.c -- see support.h. */
#include "tests/support.h"

#include <math.h>

int an_test_run(const char *suite, const TTest *const *cases, int count)
{
    Suite *s = suite_create(suite);
    TCase *group = tcase_create("all");
    tcase_set_timeout(group, 300);
    for (int i = 0; i < count; i++) tcase_add_test(group, cases[i]);
    suite_add_tcase(s, group);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

uint64_t an_test_next(an_test_random *r)
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

double an_test_uniform(an_test_random *r, double low, double high)
{
    return low + (high - low) * ((double)(an_test_next(r) >> 11) * 0x1p-53);
}

int64_t an_test_int(an_test_random *r, int64_t low, int64_t high)
{
    return low + (int64_t)(an_test_next(r) % (uint64_t)(high - low + 1));
}

bool an_test_close(double a, double b, double tolerance)
{
    const double scale = fmax(1.0, fmax(fabs(a), fabs(b)));
    return fabs(a - b) <= tolerance * scale;
}
