/* bench_resnet.c -- one training step of a ResNet-20 for images of 32 x 32 (He et al. 2016).
 *
 *   ninja -C build tests/bench_resnet && build/tests/bench_resnet [THREADS [BATCH]]
 *
 * Momentum, cross-entropy of 10 classes; the median of its steps, and what of it the
 * convolutions' arithmetic would take at the speed of bench_conv's 3x3 64 -> 64. On one thread its
 * own time is measured, which others on the machine do not lengthen. */
#include "frontends/addnorm.h"
#include "tests/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>

#define STEPS 11

static double products; /* of all convolutions, forward, for one image */

static an_value conv(an_value x, int64_t channels, int size, int stride)
{
    const an_value y = an_nn_conv2d(x, .channels = channels, .size = size, .stride = stride,
                                    .same = true, .no_bias = true,
                                    .kernel_start = AN_START(AN_INIT_HE_NORMAL));
    products += (double)an_dim_of(x, 1) * (double)channels * size * size *
                (double)an_dim_of(y, 2) * (double)an_dim_of(y, 3);
    return an_nn_batch_norm(y, .eps = 1e-5);
}

static an_value block(an_value x, int64_t channels, int stride)
{
    const an_value h = conv(an_relu(conv(x, channels, 3, stride)), channels, 3, 1);
    return an_relu(an_residual_add(h, stride > 1 ? conv(x, channels, 1, stride) : x));
}

int main(int argc, char **argv)
{
    const int64_t batch = argc > 2 ? atoll(argv[2]) : 32;
    an_set_threads(argc > 1 ? atoi(argv[1]) : 0);
    an_graph *g = an_graph_new("ResNet-20");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(batch, 3, 32, 32));
    const an_value labels = an_input(g, "labels", AN_I32, AN_SHAPE(batch));
    an_value h = an_relu(conv(x, 16, 3, 1));
    for (int i = 0; i < 9; i++) h = block(h, 16 << i / 3, i == 3 || i == 6 ? 2 : 1);
    h = an_nn_dense(an_nn_global_pool(h), .units = 10);
    const an_value loss = an_softmax_cross_entropy(h, labels);
    const an_updates up = an_minimize(loss, an_sgd(.rate = 0.1f, .momentum = 0.9f));
    an_store *s = an_store_new(1);
    an_program *p = an_compile(g, s, .fetch = {loss}, .update = up);
    if (!p) return fprintf(stderr, "%s\n", an_compile_message(g)), 1;
    an_tensor xs = {0}, ls = {0}, out = {0};
    if (an_tensor_alloc(&xs, AN_F32, AN_EXTENTS(batch, 3, 32, 32)) != AN_OK ||
        an_tensor_alloc(&ls, AN_I32, AN_EXTENTS(batch)) != AN_OK)
        return 1;
    for (int64_t i = 0; i < batch; i++) an_tensor_set(&ls, i, (double)(i % 10));
    for (int64_t i = 0; i < an_tensor_count(&xs); i++)
        an_tensor_set(&xs, i, (double)(i * 7919 % 1000) / 500 - 1);
    double time[STEPS];
    for (int i = -2; i < STEPS; i++) {
        const double start = now();
        if (an_run(p, .feed = {{"x", &xs}, {"labels", &ls}}, .out = {&out}) != AN_OK) return 1;
        if (i >= 0) time[i] = now() - start;
    }
    qsort(time, STEPS, sizeof *time, by_size);
    const double flops = 3 * 2 * products * (double)batch;
    printf("%s\n", an_runtime_describe());
    printf("ResNet-20, batch %lld: %.1f ms a step (best %.1f), %.1f GFLOP in convolutions, ",
           (long long)batch, time[STEPS / 2], time[0], flops * 1e-9);
    printf("%.1f GFLOP/s in all; loss %.4f\n", flops / time[STEPS / 2] * 1e-6,
           an_tensor_get(&out, 0));
    an_tensor_free(&xs);
    an_tensor_free(&ls);
    an_tensor_free(&out);
    an_program_free(p);
    an_store_free(s);
    an_graph_free(g);
    return 0;
}
