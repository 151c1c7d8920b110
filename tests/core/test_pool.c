/* test_pool.c -- every unit runs exactly once, whatever the threads do. */
#include "core/pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support.h"

#if defined(__SANITIZE_THREAD__) /* gcc */
#define UNDER_TSAN 1
#elif defined(__has_feature) /* clang */
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#endif
#endif

#define MOST_UNITS 10000

static atomic_int hits[MOST_UNITS];

static void count_hits(void *context, int64_t begin, int64_t end)
{
    (void)context;
    for (int64_t i = begin; i < end; i++)
        atomic_fetch_add_explicit(&hits[i], 1, memory_order_relaxed);
}

/* How many of the first `units` were not run exactly `times`; clears them. */
static int64_t wrong_hits(int64_t units, int times)
{
    int64_t wrong = 0;
    for (int64_t i = 0; i < units; i++) wrong += atomic_exchange(&hits[i], 0) != times;
    return wrong;
}

START_TEST(test_every_unit_once)
{
    for (int threads = 1; threads <= 5; threads++) {
        an_set_threads(threads);
        for (int64_t units = 0; units < MOST_UNITS; units = units * 5 / 4 + 1) {
            an_pool_run(units, count_hits, NULL);
            ck_assert_int_eq(wrong_hits(units, 1), 0);
        }
    }
    an_set_threads(2);
    an_pool_run(-1, count_hits, NULL);
    an_pool_run(5, NULL, NULL);
    ck_assert_int_eq(wrong_hits(MOST_UNITS, 0), 0);
    an_pool_stop();
}
END_TEST

/* Back-to-back small jobs: what a run issues, and what shakes out lost wakes. */
START_TEST(test_many_jobs)
{
    an_set_threads(3);
    for (int round = 0; round < 20000; round++) {
        const int64_t units = 2 + round % 50;
        an_pool_run(units, count_hits, NULL);
        if (round % 1000 == 0) usleep(200); /* let the workers fall asleep */
        const int64_t wrong = wrong_hits(units, 1);
        if (wrong != 0) ck_abort_msg("round %d: %lld units are wrong", round, (long long)wrong);
    }
    an_pool_stop();
}
END_TEST

static void sleep_a_unit(void *context, int64_t begin, int64_t end)
{
    count_hits(context, begin, end);
    for (int64_t i = begin; i < end; i++) usleep(2000);
}

START_TEST(test_workers_take_part)
{
    an_set_threads(2);
    const int64_t before = an_pool_stolen();
    an_pool_run(40, sleep_a_unit, NULL);
    const int64_t stolen = an_pool_stolen() - before;
    ck_assert_int_eq(wrong_hits(40, 1), 0);
    ck_assert_int_ge(stolen, 5);
    ck_assert_int_le(stolen, 35);
    an_pool_stop();
}
END_TEST

static void run_inner(void *context, int64_t begin, int64_t end)
{
    for (int64_t i = begin; i < end; i++) an_pool_run(100, count_hits, context);
}

START_TEST(test_nested_calls_are_serial)
{
    an_set_threads(3);
    an_pool_run(20, run_inner, NULL);
    ck_assert_int_eq(wrong_hits(100, 20), 0);
    an_pool_stop();
}
END_TEST

static void *run_many(void *unused)
{
    (void)unused;
    for (int i = 0; i < 300; i++) an_pool_run(200, count_hits, NULL);
    return NULL;
}

START_TEST(test_callers_at_once)
{
    pthread_t caller[4];
    an_set_threads(3);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&caller[i], NULL, run_many, NULL), 0);
    for (int i = 0; i < 4; i++) pthread_join(caller[i], NULL);
    ck_assert_int_eq(wrong_hits(200, 4 * 300), 0);
    an_pool_stop();
}
END_TEST

/* Runs in the child: 0 if its pool works and its workers take part. */
static int child_result(void)
{
    const int64_t before = an_pool_stolen();
    an_pool_run(40, sleep_a_unit, NULL);
    const bool good = wrong_hits(40, 1) == 0 && an_pool_stolen() > before;
    an_pool_stop();
    return good ? 0 : 1;
}

START_TEST(test_fork)
{
#if defined(UNDER_TSAN)
    an_test_skip("threads in a forked child", "ThreadSanitizer ends it");
    return;
#endif
    an_set_threads(2);
    for (int round = 0; round < 10; round++) {
        an_pool_run(100, count_hits, NULL);
        ck_assert_int_eq(wrong_hits(100, 1), 0);
        const pid_t child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0) _exit(child_result());
        int status = -1;
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_int_eq(status, 0);
    }
    an_pool_stop();
}
END_TEST

AN_TEST_MAIN("pool", test_every_unit_once, test_many_jobs, test_workers_take_part,
             test_nested_calls_are_serial, test_callers_at_once, test_fork)
