/* support.c -- see support.h. */
#include "tests/support.h"

#include <math.h>
#include <stdatomic.h>

int an_test_run(const char *suite, const TTest *const *cases, int count)
{
    Suite *s = suite_create(suite);
    TCase *group = tcase_create("all");
    tcase_set_timeout(group, 300);
    for (int i = 0; i < count; i++) tcase_add_test(group, cases[i]);
    suite_add_tcase(s, group);
    return an_test_run_suite(s);
}

int an_test_run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

void an_test_skip(const char *what, const char *why)
{
    printf("SKIP: %s: %s\n", what, why);
    fflush(stdout);
}

bool an_test_on_valgrind(void)
{
    return getenv("AN_VALGRIND") != NULL;
}

bool an_test_zeros_have_signs(void)
{
    static bool said;
    if (!an_test_on_valgrind()) return true;
    if (!said) an_test_skip("signs of zeros", "Valgrind's vfnmadd has others than a CPU's");
    said = true;
    return false;
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

/* ---- the failing heap -------------------------------------------------- */

static struct {
    atomic_llong requests, fail_at, live;
    atomic_bool failed, for_good;
} heap;

/* Whether request number `n` is served. */
static bool serves(long long n)
{
    const long long at = atomic_load(&heap.fail_at);
    const bool good = at < 0 || n < at || (n > at && !atomic_load(&heap.for_good));
    if (!good) atomic_store(&heap.failed, true);
    return good;
}

static void *heap_resize(void *context, void *block, size_t size)
{
    (void)context;
    if (size == 0) {
        if (block) atomic_fetch_sub(&heap.live, 1);
        free(block);
        return NULL;
    }
    if (!serves(atomic_fetch_add(&heap.requests, 1))) return NULL;
    void *result = realloc(block, size);
    if (result && !block) atomic_fetch_add(&heap.live, 1);
    return result;
}

void an_test_heap_refuse(int64_t fail_at, bool for_good)
{
    atomic_store(&heap.requests, 0);
    atomic_store(&heap.fail_at, fail_at);
    atomic_store(&heap.for_good, for_good);
    atomic_store(&heap.failed, false);
}

void an_test_heap_start(int64_t fail_at)
{
    an_test_heap_refuse(fail_at, false);
    atomic_store(&heap.live, 0);
    an_set_allocator(&(an_allocator){heap_resize, NULL});
}

int64_t an_test_heap_requests(void)
{
    return atomic_load(&heap.requests);
}

int64_t an_test_heap_live(void)
{
    return atomic_load(&heap.live);
}

void *an_test_heap_malloc(size_t size)
{
    return heap_resize(NULL, NULL, size > 0 ? size : 1);
}

void an_test_heap_free(void *block)
{
    heap_resize(NULL, block, 0);
}

bool an_test_heap_failed(void)
{
    return atomic_load(&heap.failed);
}

int64_t an_test_heap_stop(void)
{
    an_set_allocator(NULL);
    return atomic_load(&heap.live);
}
