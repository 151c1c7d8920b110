/* bench_fetch.c -- Add & Norm through an_run with both results fetched, and what bounds it.
 *
 *   meson compile -C build bench_fetch && build/tests/bench_fetch
 *
 * Nanoseconds per element, medians of rounds in which three ways take turns: outs of the library's
 * (on a cache line), the caller's (16 bytes off one, as malloc gives them), and a bare copy of two
 * tensors into two others, which moves the same bytes. Given ROWS WIDTH THREADS it instead answers
 * each line of its input with the first figure, for peers_fetch.py to take turns with it.       */
#include "core/memory.h"
#include "core/pool.h"
#include "ops/kernels/kernels.h"
#include "frontends/addnorm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { X, SKIP, Y, SUM, Y_OFF, SUM_OFF, TENSORS };
enum { OURS, CALLERS, COPY, WAYS };
#define ROUNDS 31
#define WAKE 20e6 /* ns */

typedef struct setup {
    int64_t rows, width;
    an_graph *g;
    an_store *s;
    an_program *p;
    an_tensor t[TENSORS];
} setup;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static bool prepare(setup *s)
{
    s->g = an_graph_new("fetch");
    const an_dim B = an_dim_named(s->g, "B");
    const an_value x = an_input(s->g, "x", AN_F32, AN_SHAPE(B, s->width));
    const an_value sum = an_residual_add(x, an_input(s->g, "skip", AN_F32, AN_SHAPE(B, s->width)));
    const an_value y = an_nn_layer_norm(sum);
    s->s = an_store_new(1);
    s->p = an_compile(s->g, s->s, .fetch = {y, sum});
    if (!s->p) return fprintf(stderr, "%s\n", an_compile_message(s->g)), false;
    for (int i = 0; i < TENSORS; i++) {
        float *data = an_alloc_aligned(s->rows * s->width * 4 + 64);
        if (!data) return false;
        if (i >= Y_OFF) data += 4;
        s->t[i] = an_tensor_borrow(AN_F32, AN_EXTENTS(s->rows, s->width), data);
        for (int64_t j = 0; j < s->rows * s->width; j++)
            data[j] = (float)(j * 7919 % 1000) / 500 - 1;
    }
    return true;
}

static void release(setup *s)
{
    for (int i = 0; i < TENSORS; i++)
        if (s->t[i].data) an_free_aligned((float *)s->t[i].data - (i >= Y_OFF ? 4 : 0));
    an_program_free(s->p);
    an_store_free(s->s);
    an_graph_free(s->g);
}

static void copy_rows(void *context, int64_t begin, int64_t end)
{
    setup *s = context;
    const int64_t n = s->rows * s->width * 4, half = n / 2;
    for (int64_t part = begin; part < end; part++) {
        const int64_t at = part * half, bytes = part ? n - half : half;
        for (int i = 0; i < 2; i++)
            memcpy((char *)s->t[Y + i].data + at, (char *)s->t[X + i].data + at, (size_t)bytes);
    }
}

static bool once(setup *s, int way)
{
    if (way == COPY) return an_pool_run(2, copy_rows, s), true;
    const int out = way == OURS ? Y : Y_OFF;
    return an_run(s->p, .feed = {{"x", &s->t[X]}, {"skip", &s->t[SKIP]}},
                  .out = {&s->t[out], &s->t[out + 1]}) == AN_OK;
}

/* At least four times, for as long as a clock can tell, after a while that is not counted: to wake
 * threads that slept, and until they have a core each, takes some milliseconds. */
static double measure(setup *s, int way)
{
    const int64_t times = 4 + (1 << 20) / (s->rows * s->width);
    bool good = true;
    double start = now();
    for (const double awake = start + WAKE; good && now() < awake;) good = once(s, way);
    start = now();
    for (int64_t i = 0; i < times; i++) good = once(s, way) && good;
    return good ? (now() - start) / (double)(times * s->rows * s->width) : -1;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int bench(int64_t rows, int64_t width, int threads)
{
    static double time[WAYS][ROUNDS];
    setup s = {.rows = rows, .width = width};
    an_set_threads(threads);
    const bool good = prepare(&s);
    for (int r = 0; good && r < ROUNDS; r++)
        for (int way = 0; way < WAYS; way++) time[way][r] = measure(&s, way);
    printf("%5lld x %4lld, %d thread%s", (long long)rows, (long long)width, threads,
           threads > 1 ? "s" : " ");
    for (int way = 0; good && way < WAYS; way++) {
        qsort(time[way], ROUNDS, sizeof(double), by_size);
        printf("  %6.3f (%.3f)", time[way][ROUNDS / 2], time[way][0]);
    }
    printf("\n");
    release(&s);
    return !good;
}

static int answer(int64_t rows, int64_t width, int threads)
{
    setup s = {.rows = rows, .width = width};
    an_set_threads(threads);
    const bool good = prepare(&s);
    while (good && getchar() != EOF) {
        printf("%.5f\n", measure(&s, OURS));
        fflush(stdout);
    }
    release(&s);
    return !good;
}

int main(int count, char **word)
{
    if (count == 4) return answer(atoll(word[1]), atoll(word[2]), atoi(word[3]));
    printf("%s, ns per element: median (best)\n%25s  %-16s%-16s%s\n", an_runtime_describe(), "",
           "library's outs", "caller's outs", "bare copy");
    const int64_t shapes[][2] = {{512, 64}, {3200, 64}, {512, 768}, {4096, 768}, {2048, 1024},
                                 {8192, 1024}, {1024, 4096}};
    int failed = 0;
    for (int threads = 1; threads <= 2; threads++)
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
            failed |= bench(shapes[i][0], shapes[i][1], threads);
    return failed;
}
