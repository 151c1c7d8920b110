/* bench_step.c -- one training step of the article's classifier against its bare sgemm calls.
 *
 *   bench_step [THREADS] [ROUNDS]
 *
 * Batch 32, 100 steps, vocabulary 88,000, Adam on all 4.5 million parameters. The
 * yardstick is every matrix product that the step cannot do without, as plain
 * one-thread sgemm calls and nothing else. Both alternate; medians are printed.  */
#include "tests/models.h"

#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BATCH = 32, STEPS = 100 };

static double milliseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

/* ---- the yardstick ----------------------------------------------------- */

static float *a, *b, *c;

static void product(bool ta, bool tb, int m, int n, int k)
{
    cblas_sgemm(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans, m, n,
                k, 1, a, ta ? m : k, b, tb ? k : n, 0, c, n);
}

static void lstm_products(int d, int h)
{
    const int rows = BATCH * STEPS;
    product(false, false, rows, 4 * h, d); /* projections of all steps */
    for (int t = 0; t < STEPS; t++) {
        product(false, false, BATCH, 4 * h, h); /* recurrence */
        product(false, true, BATCH, h, 4 * h);  /* and its gradient */
    }
    product(false, true, rows, d, 4 * h); /* gradient of x */
    product(true, false, d, 4 * h, rows); /* of the kernel */
    product(true, false, h, 4 * h, rows); /* of the recurrent kernel */
}

static void all_products(void)
{
    for (int direction = 0; direction < 2; direction++) {
        lstm_products(50, 64);
        lstm_products(128, 32);
    }
    lstm_products(64, 64);
}

/* ---- the step ---------------------------------------------------------- */

static int compare(const void *x, const void *y)
{
    const double p = *(const double *)x, q = *(const double *)y;
    return (p > q) - (p < q);
}

int main(int argc, char **argv)
{
    const int threads = argc > 1 ? atoi(argv[1]) : 1, rounds = argc > 2 ? atoi(argv[2]) : 30;
    const int64_t vocabulary = AN_CLASSIFIER_FULL.vocabulary;
    static int32_t words[BATCH * STEPS];
    static float labels[BATCH];
    double *step = calloc((size_t)rounds + 1, sizeof *step);
    double *bare = calloc((size_t)rounds + 1, sizeof *bare);
    const size_t room = (size_t)BATCH * STEPS * 256;
    a = calloc(room, sizeof *a);
    b = calloc(room, sizeof *b);
    c = calloc(room, sizeof *c);
    if (rounds < 1 || !step || !bare || !a || !b || !c) return 2;
    for (size_t i = 0; i < room; i++) a[i] = b[i] = (float)(i % 13) * 0.01f;
    an_set_threads(threads);
    const an_model m = an_model_minimise(an_model_classifier(AN_CLASSIFIER_FULL), 1e-3f);
    an_store *store = an_store_new(1);
    an_program *p = an_compile(m.g, store, .fetch = {m.loss}, .update = m.up);
    if (!p) return fprintf(stderr, "%s\n", an_compile_message(m.g)), 1;
    const an_tensor x = an_tensor_borrow(AN_I32, AN_EXTENTS(BATCH, STEPS), words);
    const an_tensor y = an_tensor_borrow(AN_F32, AN_EXTENTS(BATCH, 1), labels);
    an_tensor loss = {0};
    for (int i = -3; i < rounds; i++) { /* three to warm up */
        for (int k = 0; k < BATCH * STEPS; k++) words[k] = rand() % (int)vocabulary;
        double start = milliseconds();
        if (an_run(p, .feed = {{"ids", &x}, {"label", &y}}, .out = {&loss}) != AN_OK) return 1;
        if (i >= 0) step[i] = milliseconds() - start;
        start = milliseconds();
        all_products();
        if (i >= 0) bare[i] = milliseconds() - start;
    }
    qsort(step, (size_t)rounds, sizeof *step, compare);
    qsort(bare, (size_t)rounds, sizeof *bare, compare);
    printf("%s\nstep %.2f ms, bare sgemm on one thread %.2f ms, ratio %.2f (medians of %d)\n",
           an_runtime_describe(), step[rounds / 2], bare[rounds / 2],
           step[rounds / 2] / bare[rounds / 2], rounds);
    an_tensor_free(&loss);
    an_program_free(p);
    an_store_free(store);
    an_graph_free(m.g);
    free(step);
    free(bare);
    free(a);
    free(b);
    free(c);
    return 0;
}
