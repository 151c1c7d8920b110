/* bench_ranks.c -- what a reduction takes by size: mpirun -n N build/tests/bench_ranks
 *
 * On rank 0 a line a size: bytes, microseconds (the median of many), and what the model of
 * frontends/mpi/SCALING.md says after it was fitted to the smallest and the largest.      */
#include "frontends/mpi/addnorm_mpi.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SIZES = 10, TURNS = 41 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double reduce(const an_communicator *c, float *data, int64_t count)
{
    double took[TURNS];
    for (int i = 0; i < TURNS; i++) {
        uint64_t word = 0;
        if (!c->largest(c->context, &word, 1)) exit(1); /* all begin together */
        const double since = now();
        if (!c->begin(c->context, AN_F32, data, count, true) || !c->end(c->context)) exit(1);
        took[i] = now() - since;
    }
    qsort(took, TURNS, sizeof *took, by_size);
    return took[TURNS / 2];
}

int main(int argc, char **argv)
{
    an_communicator *c = an_mpi_open(&argc, &argv);
    const int64_t most = (int64_t)4096 << (SIZES - 1);
    float *data = calloc((size_t)most, sizeof *data);
    double took[SIZES];
    if (!c || !data) return 1;
    for (int i = 0; i < SIZES; i++) took[i] = reduce(c, data, (int64_t)4096 << i);
    const double last = (double)((int64_t)4096 << (SIZES - 1)), first = 4096;
    const double each = (took[SIZES - 1] - took[0]) / (last - first);
    const double fixed = took[0] - each * first;
    if (c->rank == 0) printf("%d ranks: %.0f us and %.2f ns an element\n   bytes      us   model\n",
                             c->ranks, 1e6 * fixed, 1e9 * each);
    for (int i = 0; c->rank == 0 && i < SIZES; i++)
        printf("%8d %7.0f %7.0f\n", 16384 << i, 1e6 * took[i],
               1e6 * (fixed + each * (double)((int64_t)4096 << i)));
    free(data);
    an_mpi_close(c);
    return 0;
}
