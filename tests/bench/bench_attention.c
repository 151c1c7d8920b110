/* bench_attention.c -- attention, forward and backward, against products and a softmax.
 *
 *   meson compile -C build bench_attention && build/tests/bench_attention [THREADS]
 *
 * Milliseconds and GFLOP/s, of the products alone: 4 T S D a head forward, 10 backward more
 * (causal: counted whole for the written-out graph, which computes all of it, and half for ours).
 * Both programs take turns within one run, medians are compared; the last column is what sgemm,
 * on one thread, gives for the scores of such a head, T x S x D. Unset OPENBLAS_CORETYPE first.  */
#include "core/memory.h"
#include "frontends/addnorm.h"
#include "tests/bench/bench.h"

#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct shape {
    int64_t b, h, t, d;
    bool causal;
} shape;

static const shape shapes[] = {{8, 12, 128, 32, false}, {8, 12, 128, 32, true},
                               {1, 8, 1024, 64, false}, {1, 8, 1024, 64, true},
                               {4, 4, 32, 32, false},   {4, 4, 64, 64, false},
                               {2, 8, 256, 64, false},  {1, 4, 4096, 64, true}};

typedef struct setup {
    an_graph *g;
    an_store *s;
    an_program *p;
    an_tensor q, k, v, r, dq, dk, dv;
} setup;

static an_value written_out(an_value q, an_value k, an_value v, const shape *s)
{
    an_value x = an_scale(an_matmul_t(q, false, k, true), 1 / sqrt((double)s->d));
    if (s->causal) {
        const an_value i = an_iota(q.graph, AN_I32, AN_SHAPE(s->t, 1), 0);
        const an_value j = an_iota(q.graph, AN_I32, AN_SHAPE(1, s->t), 1);
        x = an_where(an_compare(i, AN_GE, j), x, an_number(x, -INFINITY));
    }
    return an_matmul(an_softmax(x, -1), v);
}

static void fill(an_tensor *t, const shape *s)
{
    if (an_tensor_alloc(t, AN_F32, 4, (const int64_t[]){s->b, s->h, s->t, s->d})) exit(1);
    for (int64_t i = 0; i < an_tensor_count(t); i++)
        ((float *)t->data)[i] = (float)((i * 7919) % 1009) / 504 - 1;
}

static setup prepare(const shape *s, bool ours)
{
    setup x = {.g = an_graph_new("attention"), .s = an_store_new(1)};
    const an_shape all = AN_SHAPE(s->b, s->h, s->t, s->d);
    const an_value q = an_input(x.g, "q", AN_F32, all), k = an_input(x.g, "k", AN_F32, all);
    const an_value v = an_input(x.g, "v", AN_F32, all), r = an_input(x.g, "r", AN_F32, all);
    const an_value y = ours ? an_attention(q, k, v, .causal = s->causal) : written_out(q, k, v, s);
    const an_value in[] = {q, k, v};
    an_value d[3];
    an_gradients(an_sum_axes(an_mul(y, r), AN_ALL_AXES, false), in, 3, d);
    x.p = an_compile(x.g, x.s, .fetch = {d[0], d[1], d[2]});
    if (!x.p) fprintf(stderr, "%s\n", an_compile_message(x.g)), exit(1);
    an_tensor *t[] = {&x.q, &x.k, &x.v, &x.r, &x.dq, &x.dk, &x.dv};
    for (int i = 0; i < 7; i++) fill(t[i], s);
    return x;
}

static double measure(setup *x, int times)
{
    const double start = now();
    for (int i = 0; i < times; i++)
        if (an_run(x->p, .feed = {{"q", &x->q}, {"k", &x->k}, {"v", &x->v}, {"r", &x->r}},
                   .out = {&x->dq, &x->dk, &x->dv}) != AN_OK)
            exit(1);
    return (now() - start) / times;
}

static double sgemm_speed(const shape *s)
{
    static float a[4096 * 64], b[4096 * 64];
    float *c = malloc(sizeof(float) * (size_t)(s->t * s->t));
    double best = 0;
    for (int i = 0; i < 9 && c; i++) {
        const int times = 1 + (int)(20000000 / (s->t * s->t * s->d));
        const double start = now();
        for (int j = 0; j < times; j++)
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)s->t, (int)s->t, (int)s->d, 1,
                        a, (int)s->d, b, (int)s->d, 0, c, (int)s->t);
        best = fmax(best, 2e-6 * (double)(s->t * s->t * s->d) * times / (now() - start));
    }
    free(c);
    return best;
}

int main(int count, char **word)
{
    an_set_threads(count > 1 ? atoi(word[1]) : 1);
    printf("%-24s  ours: ms (GFLOP/s)   written out: ms (GFLOP/s)  times  sgemm\n", "BxHxTxD");
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        enum { ROUNDS = 15 };
        const shape *s = &shapes[i];
        setup x[2] = {prepare(s, true), prepare(s, false)};
        double time[2][ROUNDS];
        const double flops = 14e-6 * (double)(s->b * s->h * s->t * s->t * s->d);
        const int times = 1 + (int)(300 / flops), rounds = flops > 20000 ? 3 : ROUNDS;
        for (int w = 0; w < 2; w++) measure(&x[w], times);
        for (int r = 0; r < rounds; r++)
            for (int w = 0; w < 2; w++) time[w][r] = measure(&x[w], times);
        for (int w = 0; w < 2; w++) qsort(time[w], (size_t)rounds, sizeof(double), by_size);
        const double ours = time[0][rounds / 2], theirs = time[1][rounds / 2];
        printf("%2lldx%2lldx%4lldx%2lld %-8s  %8.3f (%5.1f)  %8.3f (%5.1f)  %5.2f  %5.1f\n",
               (long long)s->b, (long long)s->h, (long long)s->t, (long long)s->d,
               s->causal ? "causal" : "", ours, flops / ours / (s->causal ? 2 : 1), theirs,
               flops / theirs, theirs / ours, sgemm_speed(s));
        for (int w = 0; w < 2; w++) {
            an_program_free(x[w].p);
            an_store_free(x[w].s);
            an_graph_free(x[w].g);
            an_tensor *t[] = {&x[w].q, &x[w].k, &x[w].v, &x[w].r, &x[w].dq, &x[w].dk, &x[w].dv};
            for (int k = 0; k < 7; k++) an_tensor_free(t[k]);
        }
    }
    return 0;
}
