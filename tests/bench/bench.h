/* bench.h -- the clock of benchmarks, and how medians are found. */
#ifndef AN_TESTS_BENCH_BENCH_H
#define AN_TESTS_BENCH_BENCH_H

#include "core/core.h"

#include <time.h>

/* Milliseconds. On one thread the process's own time, which others on the machine do not
 * lengthen. */
static inline double now(void)
{
    struct timespec t;
    clock_gettime(an_threads() == 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

/* Of doubles, for qsort. */
static inline int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

#endif
