/* bench_norm.c -- Add & Norm and Add & RMS Norm, fused against the pairs they replace.
 *
 *   meson compile -C build bench_norm && build/tests/bench_norm
 *
 * One thread, f32, nanoseconds per element, medians (and best) of rounds in
 * which all ways take turns. "plain" stores through the cache, "stream" past it; a tensor is
 * streamed in earnest where it exceeds AN_STREAM_BYTES. "then read" adds a pass
 * over y by a consumer, who pays for what streaming put out of the cache. The
 * backward pair is the norm's gradient, then dsum + dx; both yield dgamma and dbeta. */
#include "core/memory.h"
#include "core/runtime.h"
#include "ops/kernels/kernels.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { X, SKIP, Y, SUM, DY, DSUM, DX, TOTAL, TENSORS };
enum { FUSED, FUSED_READ, DROPPED, PAIR, PAIR_READ, BACK, BACK_PAIR, WAYS };
#define ROUNDS 31

static const char *const names[WAYS] = {
    "forward, fused", "  then read", "forward, fused, sum dead", "forward, pair", "  then read",
    "backward, fused", "backward, pair"};

typedef struct setup {
    const an_kernels *k;
    int64_t rows, width, block;
    bool rms;
    float *t[TENSORS], *gamma, *beta, *mean, *rstd, *partial;
    volatile float sink;
} setup;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int64_t blocks(const setup *s)
{
    return (s->rows + s->block - 1) / s->block;
}

static void forward(setup *s, bool fused, bool keep, bool stream)
{
    an_norm_rows r = {.x = s->t[SUM], .gamma = s->gamma, .beta = s->rms ? NULL : s->beta,
                      .y = s->t[Y], .mean = s->rms ? NULL : s->mean, .rstd = s->rstd,
                      .width = s->width, .eps = 1e-5f, .rms = s->rms, .stream = stream};
    if (!fused)
        s->k->residual_add(s->t[X], s->t[SKIP], s->t[SUM], 0, s->rows * s->width, stream);
    if (fused) {
        r.x = s->t[X];
        r.skip = s->t[SKIP];
        if (keep) r.sum = s->t[SUM];
    }
    s->k->norm_rows(&r, 0, s->rows);
}

static void backward(setup *s, bool fused, bool stream)
{
    an_norm_grad_rows r = {.dy = s->t[DY], .x = s->t[SUM], .gamma = s->gamma, .mean = s->mean,
                           .rstd = s->rstd, .dsum = fused ? s->t[DSUM] : NULL, .dx = s->t[DX],
                           .width = s->width, .rms = s->rms, .stream = stream};
    for (int64_t b = 0; b < blocks(s); b++) {
        const int64_t end = (b + 1) * s->block;
        r.partial = s->partial + b * 2 * s->width;
        s->k->norm_grad_rows(&r, b * s->block, end < s->rows ? end : s->rows);
    }
    s->k->fold_rows(s->partial, blocks(s), 2 * s->width, 0, 2 * s->width);
    if (!fused)
        s->k->residual_add(s->t[DSUM], s->t[DX], s->t[TOTAL], 0, s->rows * s->width, stream);
}

static void read_y(setup *s)
{
    float lanes[16] = {0};
    for (int64_t i = 0; i < s->rows * s->width; i += 16)
        for (int l = 0; l < 16; l++) lanes[l] += s->t[Y][i + l];
    s->sink = lanes[0] + lanes[5] + lanes[15];
}

static double measure(setup *s, int way, bool stream)
{
    const double start = now();
    if (way == BACK || way == BACK_PAIR) backward(s, way == BACK, stream);
    else forward(s, way < PAIR, way != DROPPED, stream);
    if (way == FUSED_READ || way == PAIR_READ) read_y(s);
    return (now() - start) / (double)(s->rows * s->width);
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool prepare(setup *s)
{
    const int64_t n = s->rows * s->width;
    s->block = (s->rows + 63) / 64; /* as ops/norm_grad.c cuts it */
    if (s->block * s->width < 16384) s->block = 16384 / s->width;
    for (int i = 0; i < TENSORS; i++) {
        if (!(s->t[i] = an_alloc_aligned(n * 4))) return false;
        for (int64_t j = 0; j < n; j++) s->t[i][j] = (float)(j * 7919 % 1000) / 500 - 1;
    }
    s->gamma = an_alloc_aligned(s->width * 4);
    s->beta = an_alloc_aligned(s->width * 4);
    s->mean = an_alloc_aligned(s->rows * 4);
    s->rstd = an_alloc_aligned(s->rows * 4);
    s->partial = an_alloc_aligned(blocks(s) * s->width * 8);
    if (!s->gamma || !s->beta || !s->mean || !s->rstd || !s->partial) return false;
    for (int64_t i = 0; i < s->width; i++) s->gamma[i] = s->beta[i] = (float)(i % 9) / 8;
    return true;
}

static void release(setup *s)
{
    for (int i = 0; i < TENSORS; i++) an_free_aligned(s->t[i]);
    float *const rest[] = {s->gamma, s->beta, s->mean, s->rstd, s->partial};
    for (int i = 0; i < 5; i++) an_free_aligned(rest[i]);
}

static int bench(int64_t rows, int64_t width, bool rms)
{
    static double time[WAYS][2][ROUNDS];
    setup s = {.k = an_kernels_of(an_runtime_isa()), .rows = rows, .width = width, .rms = rms};
    if (!prepare(&s)) return 1;
    for (int r = 0; r < ROUNDS; r++)
        for (int way = 0; way < WAYS; way++)
            for (int stream = 0; stream < 2; stream++)
                time[way][stream][r] = measure(&s, way, stream);
    printf("%s %5lld x %4lld, %5.1f MB   plain (best)    stream (best)\n",
           rms ? "rms  " : "layer", (long long)rows, (long long)width,
           (double)(rows * width) * 4e-6);
    for (int way = 0; way < WAYS; way++) {
        for (int k = 0; k < 2; k++) qsort(time[way][k], ROUNDS, sizeof(double), by_size);
        printf("  %-28s %6.3f (%.3f) %8.3f (%.3f)\n", names[way], time[way][0][ROUNDS / 2],
               time[way][0][0], time[way][1][ROUNDS / 2], time[way][1][0]);
    }
    release(&s);
    return 0;
}

int main(void)
{
    printf("%s, ns per element\n", an_runtime_describe());
    const int64_t shapes[][2] = {{32, 768},   {256, 768},  {512, 768},
                                 {4096, 768}, {8192, 1024}, {1024, 4096}};
    int failed = 0;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int rms = 0; rms < 2; rms++) failed |= bench(shapes[i][0], shapes[i][1], rms);
    return failed;
}
