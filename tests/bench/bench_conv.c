/* bench_conv.c -- convolutions, forward and both gradients, against what sgemm reaches here.
 *
 *   ninja -C build tests/bench_conv && build/tests/bench_conv [THREADS]
 *
 * Milliseconds and GFLOP/s, medians of rounds in which all take turns; the last column is the share
 * of the speed of a square sgemm of 1024 split over the same threads. The op alone runs, on the
 * pool, as a program would run it. */
#include "core/memory.h"
#include "core/pool.h"
#include "ops/kernels/kernels.h"
#include "ops/op.h"
#include "tests/bench/bench.h"

#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 15
#define EDGE 1024

static void fill(an_tensor *t)
{
    float *x = t->data;
    for (int64_t i = 0; i < an_tensor_count(t); i++) x[i] = (float)(i * 7919 % 1000) / 500 - 1;
}

/* ---- one op ------------------------------------------------------------- */

typedef struct stage_run {
    const an_work *w;
    const an_stage *stage;
} stage_run;

static void run_units(void *context, int64_t begin, int64_t end)
{
    const stage_run *r = context;
    r->stage->run(r->w, begin, end);
}

static double run_op(an_work *w)
{
    const double start = now();
    for (int i = 0; i < AN_MAX_STAGES && w->op->rules->stages[i].run; i++) {
        stage_run r = {w, &w->op->rules->stages[i]};
        an_pool_run(r.stage->units(w), run_units, &r);
    }
    return now() - start;
}

typedef struct shape {
    int64_t n, c, h, o, k;
    int stride, groups;
} shape;

enum { FORWARD, BY_IMAGES, BY_KERNEL, WAYS };
static const char *const ops[WAYS] = {"conv2d", "conv2d_transpose", "conv2d_kernel_grad"};

/* Operands and result of each way: x, kernel, y in the order that the op has. */
static const int order[WAYS][3] = {{0, 1, 2}, {2, 1, 0}, {0, 2, 1}};

static void prepare(const shape *s, an_tensor t[3])
{
    const int64_t out = (s->h - 1) / s->stride + 1;
    an_tensor_alloc(&t[0], AN_F32, AN_EXTENTS(s->n, s->c, s->h, s->h));
    an_tensor_alloc(&t[1], AN_F32, AN_EXTENTS(s->o, s->c / s->groups, s->k, s->k));
    an_tensor_alloc(&t[2], AN_F32, AN_EXTENTS(s->n, s->o, out, out));
    for (int i = 0; i < 3; i++) fill(&t[i]);
}

/* ---- sgemm, a stripe of rows a thread ------------------------------------ */

static void multiply(void *context, int64_t begin, int64_t end)
{
    float *const *m = context;
    const int rows = EDGE / 16;
    an_blas_enter();
    for (int64_t i = begin; i < end; i++)
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, EDGE, EDGE, 1,
                    m[0] + i * rows * EDGE, EDGE, m[1], EDGE, 0, m[2] + i * rows * EDGE, EDGE);
    an_blas_leave();
}

static double run_sgemm(float *m[3])
{
    const double start = now();
    an_pool_run(16, multiply, m);
    return now() - start;
}

/* ---- all ---------------------------------------------------------------- */

static int bench(const shape *s, float *m[3])
{
    static double time[WAYS + 1][ROUNDS];
    an_tensor t[3] = {{0}}, scratch = {0};
    prepare(s, t);
    const int pad = (int)(s->k - 1) / 2;
    const an_attrs attrs = {.stride = {2, {s->stride, s->stride}},
                            .padding = {4, {pad, pad, pad, pad}}, .dilation = {2, {1, 1}},
                            .groups = s->groups};
    double flops = 0;
    for (int r = 0; r < ROUNDS; r++) {
        for (int way = 0; way < WAYS; way++) {
            const an_tensor in[3] = {t[order[way][0]], t[order[way][1]], {0}};
            const an_tensor out = t[order[way][2]];
            an_work w = {.op = an_op_find(ops[way]), .attrs = &attrs, .inputs = way ? 2 : 3,
                         .outputs = 1, .in = in, .out = &out,
                         .kernels = an_kernels_of(an_runtime_isa())};
            const int64_t bytes = w.op->rules->scratch(&w);
            if (an_tensor_alloc(&scratch, AN_F32, AN_EXTENTS(bytes / 4 + 1)) != AN_OK) return 1;
            w.scratch = scratch.data;
            flops = w.op->rules->count_flops(&w);
            time[way][r] = run_op(&w);
        }
        time[WAYS][r] = run_sgemm(m);
    }
    for (int i = 0; i <= WAYS; i++) qsort(time[i], ROUNDS, sizeof(double), by_size);
    const double peak = 2.0 * EDGE * EDGE * EDGE / time[WAYS][ROUNDS / 2] * 1e-6;
    printf("%lldx%lldx%lldx%lld -> %lld, %lldx%lld, stride %d, groups %d\n", (long long)s->n,
           (long long)s->c, (long long)s->h, (long long)s->h, (long long)s->o, (long long)s->k,
           (long long)s->k, s->stride, s->groups);
    for (int way = 0; way < WAYS; way++) {
        const double ms = time[way][ROUNDS / 2], speed = flops / ms * 1e-6;
        printf("  %-20s %8.3f ms %7.1f GFLOP/s  %.2f of sgemm's %.1f\n", ops[way], ms, speed,
               speed / peak, peak);
    }
    for (int i = 0; i < 3; i++) an_tensor_free(&t[i]);
    an_tensor_free(&scratch);
    return 0;
}

int main(int argc, char **argv)
{
    an_set_threads(argc > 1 ? atoi(argv[1]) : 0);
    printf("%s\n", an_runtime_describe());
    static const shape shapes[] = {
        {32, 64, 32, 64, 3, 1, 1},  {32, 16, 32, 16, 3, 1, 1}, {32, 32, 16, 32, 3, 1, 1},
        {32, 64, 8, 64, 3, 1, 1},   {32, 16, 32, 32, 3, 2, 1}, {32, 3, 32, 16, 3, 1, 1},
        {32, 64, 32, 64, 1, 1, 1},  {32, 64, 32, 64, 3, 1, 64}, {8, 256, 14, 256, 3, 1, 1}};
    an_tensor m[3] = {{0}};
    for (int i = 0; i < 3; i++)
        if (an_tensor_alloc(&m[i], AN_F32, AN_EXTENTS(EDGE, EDGE)) != AN_OK) return 1;
    fill(&m[0]);
    fill(&m[1]);
    float *data[3] = {m[0].data, m[1].data, m[2].data};
    int failed = 0;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) failed |= bench(&shapes[i], data);
    for (int i = 0; i < 3; i++) an_tensor_free(&m[i]);
    return failed;
}
