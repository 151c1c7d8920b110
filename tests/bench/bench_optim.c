/* bench_optim.c -- what a step costs beside its gradient, on one thread.
 *
 *   bench_optim [WEIGHTS]
 *
 * As many weights as the article's classifier has, and a gradient that is there already, under
 * every optimizer, clipped, summed over batches and averaged. Runs of all are interleaved and
 * medians taken; the slab is what a program needs beside its states. A run of those that sum over
 * four batches is a run, not a step.                                         */
#include "frontends/addnorm.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define RUNS 31

typedef struct row {
    const char *what;
    an_optimizer o;
    double clip, average;
    int64_t accumulate;
    an_graph *g;
    an_store *store;
    an_program *p;
    double ms[RUNS];
} row;

static row rows[] = {
    {.what = "sgd", .o = {.kind = AN_SGD}},
    {.what = "momentum", .o = {.kind = AN_SGD, .momentum = 0.9}},
    {.what = "adam", .o = {.kind = AN_ADAM}},
    {.what = "rmsprop", .o = {.kind = AN_RMSPROP}},
    {.what = "rmsprop, centered, momentum",
     .o = {.kind = AN_RMSPROP, .centered = true, .momentum = 0.9}},
    {.what = "adagrad", .o = {.kind = AN_ADAGRAD}},
    {.what = "adam, clipped", .o = {.kind = AN_ADAM}, .clip = 1},
    {.what = "adam, averaged", .o = {.kind = AN_ADAM}, .average = 0.999},
    {.what = "adam, 4 batches", .o = {.kind = AN_ADAM}, .accumulate = 4},
    {.what = "adam, 4 batches, averaged", .o = {.kind = AN_ADAM}, .accumulate = 4,
     .average = 0.999},
    {.what = "adam, 4 batches, clipped", .o = {.kind = AN_ADAM}, .accumulate = 4, .clip = 1},
};
#define ROWS (int)(sizeof rows / sizeof *rows)

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static bool build(row *r, int64_t weights)
{
    const an_init any = {AN_INIT_UNIFORM, -1, 1};
    r->g = an_graph_new(r->what);
    r->store = an_store_new(1);
    const an_value w = an_state(r->g, "w", AN_F32, AN_SHAPE(weights), any);
    const an_value d = an_state(r->g, "d", AN_F32, AN_SHAPE(weights), any);
    const an_updates up = an_apply_gradients(r->o, .state = {w}, .gradient = {d},
                                             .clip_norm = r->clip, .accumulate = r->accumulate);
    if (r->average > 0) an_average(up, .decay = r->average);
    r->p = an_compile(r->g, r->store, .update = up);
    if (!r->p) fprintf(stderr, "%s: %s\n", r->what, an_compile_message(r->g));
    return r->p && an_run(r->p) == AN_OK && an_run(r->p) == AN_OK;
}

int main(int argc, char **argv)
{
    const int64_t weights = argc > 1 ? atoll(argv[1]) : 4400000;
    an_set_threads(1);
    bool good = true;
    for (int i = 0; i < ROWS; i++) good &= build(&rows[i], weights);
    for (int k = 0; good && k < RUNS; k++)
        for (int i = 0; i < ROWS; i++) {
            const double start = now();
            good &= an_run(rows[i].p) == AN_OK;
            rows[i].ms[k] = now() - start;
        }
    printf("%s\n%lld weights; milliseconds a run, medians of %d; slab in MB\n\n",
           an_runtime_describe(), (long long)weights, RUNS);
    for (int i = 0; good && i < ROWS; i++) {
        qsort(rows[i].ms, RUNS, sizeof *rows[i].ms, by_size);
        printf("%-28s  %6.2f  %6.1f\n", rows[i].what, rows[i].ms[RUNS / 2],
               (double)an_program_bytes(rows[i].p) * 1e-6);
    }
    for (int i = 0; i < ROWS; i++) {
        an_program_free(rows[i].p);
        an_store_free(rows[i].store);
        an_graph_free(rows[i].g);
    }
    return good ? 0 : 1;
}
