/* bench_lstm.c -- the recurrent layers of the article's classifier, forward and
 * backward, against the matrix products they cannot do without.
 *
 *   meson compile -C build bench_lstm && build/tests/bench_lstm
 *
 * The yardstick is what a framework without a recurrent op pays at the least: one
 * sgemm for the inputs of all steps, one per step for the state, and backward one
 * per step and three over all steps; no gates, no copies. On two threads each
 * direction, or else each half of the batch, has a thread of the same pool, BLAS
 * staying at one: its own threads would spin on into our turn. Both sides take
 * turns within one run, and medians are compared. Unset OPENBLAS_CORETYPE first. */
#include "core/memory.h"
#include "core/pool.h"
#include "ops/recurrent/recurrent.h"

#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define B 32
#define T 100
#define ROUNDS 61
#define LAYERS 3

typedef struct layer {
    int features, units, directions;
} layer;

static const layer layers[LAYERS] = {{50, 64, 2}, {128, 32, 2}, {64, 64, 1}};

/* One direction of one layer: forward and backward with all their tensors. */
typedef struct direction {
    an_attrs attrs;
    an_tensor in[7], out[5], dy[3], grad_in[GRAD_INPUTS], grad[6];
    an_work forward, backward;
    float *parts; /* the yardstick's weight gradients, of two halves */
} direction;

static void make(an_tensor *t, int rank, int64_t a, int64_t b, int64_t c)
{
    if (an_tensor_alloc(t, AN_F32, rank, (const int64_t[]){a, b, c})) exit(1);
    for (int64_t i = 0; i < an_tensor_count(t); i++)
        ((float *)t->data)[i] = (float)((i * 7919) % 1000) * 2e-4f - 0.1f;
}

static void make_work(an_work *w, int op)
{
    w->op = an_op(op);
    w->kernels = an_kernels_of(an_runtime_isa());
    w->scratch = an_alloc_aligned(w->op->rules->scratch(w));
    if (!w->scratch) exit(1);
}

static void make_direction(direction *d, layer l, bool reverse)
{
    const int64_t h = l.units;
    d->attrs.reverse = reverse;
    make(&d->in[LSTM_X], 3, B, T, l.features);
    make(&d->in[LSTM_KERNEL], 2, l.features, 4 * h, 0);
    make(&d->in[LSTM_RECURRENT], 2, h, 4 * h, 0);
    make(&d->in[LSTM_BIAS], 1, 4 * h, 0, 0);
    make(&d->out[LSTM_Y], 3, B, T, h);
    make(&d->out[LSTM_GATES], 3, B, T, 4 * h);
    make(&d->out[LSTM_CELLS], 3, B, T, h);
    make(&d->dy[0], 3, B, T, h);
    an_tensor *g = d->grad_in;
    g[GRAD_DY] = d->dy[0];
    g[GRAD_X] = d->in[LSTM_X];
    g[GRAD_KERNEL] = d->in[LSTM_KERNEL];
    g[GRAD_RECURRENT] = d->in[LSTM_RECURRENT];
    g[GRAD_Y] = d->out[LSTM_Y];
    g[GRAD_GATES] = d->out[LSTM_GATES];
    g[GRAD_CELLS] = d->out[LSTM_CELLS];
    make(&d->grad[GRAD_DX], 3, B, T, l.features);
    make(&d->grad[GRAD_DKERNEL], 2, l.features, 4 * h, 0);
    make(&d->grad[GRAD_DRECURRENT], 2, h, 4 * h, 0);
    make(&d->grad[GRAD_DBIAS], 1, 4 * h, 0, 0);
    d->forward = (an_work){.attrs = &d->attrs, .inputs = 7, .outputs = 5,
                           .in = d->in, .out = d->out};
    d->backward = (an_work){.attrs = &d->attrs, .inputs = GRAD_INPUTS, .outputs = 6,
                            .in = d->grad_in, .out = d->grad};
    make_work(&d->forward, AN_OP_lstm);
    make_work(&d->backward, AN_OP_lstm_grad);
    d->parts = an_alloc_aligned((int64_t)sizeof(float) * 2 * (l.features + h) * 4 * h);
    if (!d->parts) exit(1);
}

/* ---- ours: the stages of all directions of a layer side by side --------- */

typedef struct beside {
    const an_stage *stage;
    const an_work *work[2];
    int64_t units; /* of the first */
} beside;

static void run_beside(void *context, int64_t begin, int64_t end)
{
    const beside *c = context;
    if (begin < c->units) c->stage->run(c->work[0], begin, end < c->units ? end : c->units);
    if (end > c->units)
        c->stage->run(c->work[1], begin > c->units ? begin - c->units : 0, end - c->units);
}

static void run_op(const an_op_rules *rules, direction *d, int directions, bool backward)
{
    for (int s = 0; s < AN_MAX_STAGES && rules->stages[s].run; s++) {
        beside c = {.stage = &rules->stages[s]};
        int64_t units = 0;
        for (int i = 0; i < directions; i++) {
            c.work[i] = backward ? &d[i].backward : &d[i].forward;
            units += c.stage->units(c.work[i]);
            if (i == 0) c.units = units;
        }
        an_pool_run(units, run_beside, &c);
    }
}

/* ---- the yardstick ------------------------------------------------------ */

static void multiply(bool ta, bool tb, int64_t m, int64_t n, int64_t k, const float *a,
                     const float *b, float *c)
{
    cblas_sgemm(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans,
                (int)m, (int)n, (int)k, 1.0f, a, (int)(ta ? m : k), b, (int)(tb ? k : n), 0.0f, c,
                (int)n);
}

/* A layer's products, cut into parts: directions, or row ranges of one. */
typedef struct bare {
    direction *d;
    layer l;
    int64_t rows; /* of the batch in a part */
    bool backward;
} bare;

static void bare_forward(direction *d, layer l, int64_t first, int64_t rows)
{
    const float *weights = d->in[LSTM_RECURRENT].data, *x = d->in[LSTM_X].data;
    const int64_t gates = 4 * l.units, at = first * T;
    float *z = (float *)d->out[LSTM_GATES].data + at * gates;
    const float *h = (const float *)d->out[LSTM_Y].data + at * l.units;
    multiply(false, false, rows * T, gates, l.features, x + at * l.features,
             d->in[LSTM_KERNEL].data, z);
    for (int t = 0; t < T; t++)
        multiply(false, false, rows, gates, l.units, h + t * rows * l.units, weights,
                 z + t * rows * gates);
}

/* Halves sum their weight gradients apart; adding them up is left out. */
static void bare_backward(direction *d, layer l, int64_t first, int64_t rows)
{
    const int64_t gates = 4 * l.units, at = first * T;
    const float *dz = (const float *)d->out[LSTM_GATES].data + at * gates;
    const float *h = (const float *)d->out[LSTM_Y].data + at * l.units;
    const float *x = (const float *)d->in[LSTM_X].data + at * l.features;
    float *dh = (float *)d->dy[0].data + at * l.units;
    float *dx = (float *)d->grad[GRAD_DX].data + at * l.features;
    for (int t = T; t-- > 0;)
        multiply(false, true, rows, l.units, gates, dz + t * rows * gates,
                 d->in[LSTM_RECURRENT].data, dh + t * rows * l.units);
    multiply(false, true, rows * T, l.features, gates, dz, d->in[LSTM_KERNEL].data, dx);
    float *own = d->parts + (first > 0) * (l.features + l.units) * gates;
    multiply(true, false, l.features, gates, rows * T, x, dz, own);
    multiply(true, false, l.units, gates, rows * T, h, dz, own + l.features * gates);
}

static void run_bare(void *context, int64_t begin, int64_t end)
{
    const bare *c = context;
    for (int64_t part = begin; part < end; part++) {
        direction *d = &c->d[part * c->rows / B];
        const int64_t first = part * c->rows % B;
        if (c->backward) bare_backward(d, c->l, first, c->rows);
        else bare_forward(d, c->l, first, c->rows);
    }
}

/* ---- taking turns ------------------------------------------------------- */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median and the fastest: on a busy machine only the latter says much. */
static void two_times(double *times, double *median, double *fastest)
{
    qsort(times, ROUNDS, sizeof *times, by_size);
    *median = times[ROUNDS / 2];
    *fastest = times[0];
}

enum { OURS_FORWARD, OURS_BACKWARD, BARE_FORWARD, BARE_BACKWARD, SIDES };

static void one_side(int side, direction *d, layer l)
{
    if (side == OURS_FORWARD) run_op(&an_rules_lstm, d, l.directions, false);
    else if (side == OURS_BACKWARD) run_op(&an_rules_lstm_grad, d, l.directions, true);
    else {
        const int parts = l.directions > an_threads() ? l.directions : an_threads();
        bare c = {d, l, B * l.directions / parts, side == BARE_BACKWARD};
        an_pool_run(parts, run_bare, &c);
    }
}

static void measure(direction d[LAYERS][2], int threads)
{
    static double times[LAYERS][SIDES][ROUNDS];
    an_set_threads(threads);
    for (int round = -5; round < ROUNDS; round++)
        for (int side = 0; side < SIDES; side++)
            for (int i = 0; i < LAYERS; i++) {
                const double start = now();
                one_side(side, d[i], layers[i]);
                if (round >= 0) times[i][side][round] = now() - start;
            }
    double total[SIDES] = {0}, least[SIDES] = {0};
    for (int i = 0; i < LAYERS; i++) {
        printf("%d  %3d -> %2d x%d", threads, layers[i].features, layers[i].units,
               layers[i].directions);
        for (int side = 0; side < SIDES; side++) {
            double middle, fastest;
            two_times(times[i][side], &middle, &fastest);
            total[side] += middle;
            least[side] += fastest;
            printf("  %6.2f (%6.2f)", middle, fastest);
        }
        printf("\n");
    }
    printf("%d  all         ", threads);
    for (int side = 0; side < SIDES; side++) printf("  %6.2f (%6.2f)", total[side], least[side]);
    printf("\n   ours / bare: %.2f (%.2f)\n", (total[0] + total[1]) / (total[2] + total[3]),
           (least[0] + least[1]) / (least[2] + least[3]));
}

int main(void)
{
    static direction d[LAYERS][2];
    printf("%s\n", an_runtime_describe());
    printf("B=%d T=%d, milliseconds: median (fastest) of %d\n", B, T, ROUNDS);
    printf("threads, layer   ours forward    ours backward    bare forward   bare backward\n");
    for (int i = 0; i < LAYERS; i++)
        for (int k = 0; k < layers[i].directions; k++) make_direction(&d[i][k], layers[i], k == 1);
    for (int threads = 1; threads <= 2; threads++) measure(d, threads);
    return 0;
}
