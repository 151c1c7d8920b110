/* bench_gru.c -- gru and rnn beside lstm, forward and backward, by the operation.
 *
 *   meson compile -C build bench_gru && build/tests/bench_gru [THREADS]
 *
 * Training programs of one layer, from x to the gradients of x and all weights; a gru
 * has 3/4 of an lstm's products, an rnn 1/4, so that the time a product takes tells how
 * well each is done. All take turns in one run; medians. peers_gru.py
 * puts PyTorch beside it.                                                     */
#include "frontends/addnorm.h"
#include "tests/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>

enum { KINDS = 4, SIZES = 3, ROUNDS = 31 };
static const char *const names[KINDS] = {"lstm", "gru", "gru, reset before", "rnn"};
static const int gates[KINDS] = {4, 3, 3, 1};
static const struct { int64_t batch, time, features, units; } sizes[SIZES] = {
    {32, 100, 50, 64}, {32, 100, 128, 128}, {64, 50, 256, 256}};

static an_value layer(int kind, an_value x, int64_t units)
{
    if (kind == 0) return an_nn_lstm(x, .units = units);
    if (kind == 3) return an_nn_rnn(x, .units = units);
    return an_nn_gru(x, .units = units, .reset_before = kind == 2);
}

static an_program *build(int kind, int size, an_store **store, int *outs)
{
    an_graph *g = an_graph_new(names[kind]);
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(sizes[size].batch, sizes[size].time,
                                                         sizes[size].features));
    const an_value y = layer(kind, x, sizes[size].units);
    an_value wrt[8] = {x}, fetch[8];
    const int count = 1 + (int)an_graph_parameters_of(g, "", wrt + 1, 7);
    an_gradients(an_mean_axes(an_square(y), AN_ALL_AXES, false), wrt, count, fetch);
    *outs = count;
    *store = an_store_new(1);
    an_program *p = an_compile(g, *store, .fetch_list = fetch, .fetch_count = count);
    if (!p) fprintf(stderr, "%s\n", an_compile_message(g));
    an_graph_free(g);
    if (!p) exit(1);
    return p;
}

static double run(an_program *p, const an_tensor *x, an_tensor out[8], int count)
{
    an_tensor *outs[8];
    for (int i = 0; i < 8; i++) outs[i] = &out[i];
    const double start = now();
    const an_status status = an_run(p, .feed = {{"x", x}}, .out_list = outs, .out_count = count);
    if (status != AN_OK) fprintf(stderr, "%s\n", an_program_message(p));
    if (status != AN_OK) exit(1);
    return now() - start;
}

int main(int argc, char **argv)
{
    an_set_threads(argc > 1 ? atoi(argv[1]) : 1);
    printf("%s\n  B   T   D   H   milliseconds (fastest), picoseconds a product (fastest)\n",
           an_runtime_describe());
    for (int s = 0; s < SIZES; s++) {
        static double times[KINDS][ROUNDS];
        static an_tensor out[KINDS][8];
        an_store *store[KINDS];
        an_program *p[KINDS];
        int outs[KINDS];
        an_tensor x = {0};
        const int64_t extent[3] = {sizes[s].batch, sizes[s].time, sizes[s].features};
        if (an_tensor_alloc(&x, AN_F32, 3, extent)) return 1;
        for (int64_t i = 0; i < an_tensor_count(&x); i++)
            an_tensor_set(&x, i, (double)(i * 7919 % 1000) * 2e-3 - 1);
        for (int k = 0; k < KINDS; k++) p[k] = build(k, s, &store[k], &outs[k]);
        for (int round = -2; round < ROUNDS; round++)
            for (int k = 0; k < KINDS; k++) {
                const double took = run(p[k], &x, out[k], outs[k]);
                if (round >= 0) times[k][round] = took;
            }
        for (int k = 0; k < KINDS; k++) {
            qsort(times[k], ROUNDS, sizeof(double), by_size);
            const double products = 3.0 * (double)(sizes[s].batch * sizes[s].time * gates[k]) *
                                    (double)((sizes[s].features + sizes[s].units) * sizes[s].units);
            printf("%3d %3d %3d %3d  %-18s %8.3f (%8.3f)  %8.1f (%8.1f)\n", (int)extent[0],
                   (int)extent[1], (int)extent[2], (int)sizes[s].units, names[k],
                   times[k][ROUNDS / 2], times[k][0], times[k][ROUNDS / 2] * 1e9 / products,
                   times[k][0] * 1e9 / products);
            an_program_free(p[k]);
            an_store_free(store[k]);
            for (int i = 0; i < 8; i++) an_tensor_free(&out[k][i]);
        }
        an_tensor_free(&x);
    }
    return 0;
}
