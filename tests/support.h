/* support.h -- what every unit test shares: a Check main that needs no list.
 *
 * A test file holds START_TEST functions and ends with
 *     AN_TEST_MAIN("dims", test_sum, test_product)
 * One file is one program, so a crash in one cannot hide the others.        */
#ifndef AN_TESTS_SUPPORT_H
#define AN_TESTS_SUPPORT_H

#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/core.h"

/* Whether a sanitizer makes everything slow. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define AN_TEST_INSTRUMENTED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define AN_TEST_INSTRUMENTED 1
#endif
#endif
#ifndef AN_TEST_INSTRUMENTED
#define AN_TEST_INSTRUMENTED 0
#endif

/* Runs the cases and prints Check's summary line, which tests/run.sh adds up. */
int an_test_run(const char *suite, const TTest *const *cases, int count);
/* The same for a suite made by hand, of loops say, which it frees: what main returns. */
int an_test_run_suite(Suite *suite);

#define AN_TEST_MAIN(suite, ...)                                                                   \
    int main(void)                                                                                 \
    {                                                                                              \
        const TTest *const cases[] = {__VA_ARGS__};                                                \
        return an_test_run(suite, cases, (int)(sizeof cases / sizeof *cases));                     \
    }

/* Says what is not tried here and why: "SKIP: what: why", which tests/count.py collects. */
void an_test_skip(const char *what, const char *why);
/* Whether Valgrind runs this program (tests/run.sh says so). It computes some things otherwise than
 * a CPU does:
 * - vfnmadd, which compilers make of fma(-a, b, c), as -(a * b - c): an exact zero gets the other
 *   sign, as every dx of a norm of width 1, and other instruction sets do not agree;
 * - long double as a double, which is no oracle for f64. */
bool an_test_on_valgrind(void);
/* Whether the sign of a zero counts: everywhere but on Valgrind, where it is said to be skipped. */
bool an_test_zeros_have_signs(void);

/* A seeded source of test data; print `seed` in every failure message. */
typedef struct an_test_random {
    uint64_t state;
} an_test_random;

uint64_t an_test_next(an_test_random *r);                        /* SplitMix64 */
double an_test_uniform(an_test_random *r, double low, double high);
int64_t an_test_int(an_test_random *r, int64_t low, int64_t high); /* inclusive */

/* |a - b| <= tolerance * max(1, |a|, |b|), and false if either is NaN. */
bool an_test_close(double a, double b, double tolerance);

/* A hook for an_set_allocator that counts blocks and fails request number
 * `fail_at` (0 is the next one, -1 none). One test uses it at a time. The usual
 * loop runs the work with fail_at = 0, 1, 2 ... until nothing failed. */
void an_test_heap_start(int64_t fail_at);
/* Again from here, what is alive being as it was: request `fail_at` from now on is refused, and
 * all later ones too if it is for good. How many requests there were since. */
void an_test_heap_refuse(int64_t fail_at, bool for_good);
int64_t an_test_heap_requests(void);
int64_t an_test_heap_live(void);
void *an_test_heap_malloc(size_t size); /* the same heap, for libraries with a hook of their own */
void an_test_heap_free(void *block);
bool an_test_heap_failed(void);    /* has a request been refused? */
int64_t an_test_heap_stop(void);   /* restores the C library's; blocks still alive */

#endif
