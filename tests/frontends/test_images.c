/* test_images.c -- layers over images: what they make, what they compute, and a residual net of
 * them that trains, is proved and has the same bits on any number of threads. */
#include "frontends/addnorm.h"
#include "graph/ir.h"
#include "tests/support.h"

#include <math.h>

static an_value images(an_graph *g, int64_t channels, int64_t rows, int64_t columns)
{
    return an_input(g, "x", AN_F32, AN_SHAPE(an_dim_named(g, "B"), channels, rows, columns));
}

static void good(const an_graph *g)
{
    ck_assert_msg(an_graph_status(g) == AN_OK, "%s", an_graph_message(g));
}

static void want_shape(an_value v, int64_t channels, int64_t rows, int64_t columns)
{
    const an_shape s = an_type_of(v).shape;
    good(v.graph);
    ck_assert_int_eq(s.rank, columns < 0 ? 3 : 4);
    ck_assert_int_eq(s.dim[1], channels);
    ck_assert_int_eq(s.dim[2], rows);
    if (columns >= 0) ck_assert_int_eq(s.dim[3], columns);
}

/* ---- shapes -------------------------------------------------------------- */

START_TEST(test_shapes)
{
    an_graph *g = an_graph_new("shapes");
    const an_value x = images(g, 6, 9, 14);
    want_shape(an_nn_conv2d(x, .channels = 8, .size = 3), 8, 7, 12);
    want_shape(an_nn_conv2d(x, .channels = 8, .size = 3, .same = true), 8, 9, 14);
    want_shape(an_nn_conv2d(x, .channels = 8, .size = 3, .stride = 2, .same = true), 8, 5, 7);
    want_shape(an_nn_conv2d(x, .channels = 8, .size = 4, .stride = 3, .same = true), 8, 3, 5);
    want_shape(an_nn_conv2d(x, .channels = 6, .size = 3, .window = {.groups = 6}), 6, 7, 12);
    want_shape(an_nn_conv2d(x, .channels = 2, .window = {.size = {1, 5}, .stride = {2, 1},
                                                         .dilation = {1, 3}}), 2, 5, 2);
    want_shape(an_nn_conv2d_transpose(x, .channels = 4, .size = 3), 4, 11, 16);
    want_shape(an_nn_conv2d_transpose(x, .channels = 4, .size = 3, .stride = 2, .same = true), 4,
               18, 28);
    want_shape(an_nn_conv2d_transpose(x, .channels = 4, .size = 2, .stride = 3, .same = true), 4,
               27, 42);
    want_shape(an_nn_conv2d_transpose(x, .channels = 4, .size = 3, .stride = 2, .more = {1, 0},
                                      .window = {.padding = {1, 1, 1, 1}}), 4, 18, 27);
    want_shape(an_nn_max_pool2d(x), 6, 4, 7);
    want_shape(an_nn_avg_pool2d(x, .size = 3, .stride = 2, .same = true), 6, 5, 7);
    const an_value series = an_input(g, "series", AN_F32, AN_SHAPE(2, 5, 20));
    want_shape(an_nn_conv1d(series, .channels = 7, .size = 3), 7, 18, -1);
    want_shape(an_nn_conv1d(series, .channels = 7, .size = 4, .stride = 2, .same = true), 7, 10,
               -1);
    want_shape(an_nn_conv1d(series, .channels = 7, .size = 2,
                            .window = {.padding = {4, 0}, .dilation = {4}}), 7, 20, -1);
    ck_assert_int_eq(an_type_of(an_nn_global_pool(x)).shape.rank, 2);
    good(g);
    an_graph_free(g);
}
END_TEST

static void want_refusal(an_value v, const char *part)
{
    ck_assert(an_is_poison(v));
    ck_assert_msg(strstr(an_graph_message(v.graph), part), "%s", an_graph_message(v.graph));
    an_graph_free(v.graph);
}

START_TEST(test_refusals)
{
    const struct { an_window w; const char *part; } rows[] = {
        {{.size = {12, 3}}, "does not fit"}, {{.size = {3, 3}, .groups = 4}, "4 groups"},
        {{.size = {3, 3}, .padding = {-1}}, "padding -1"},
        {{.size = {3, 3}, .stride = {-1}}, "stride"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        an_graph *g = an_graph_new("refused");
        want_refusal(an_nn_conv2d(images(g, 6, 9, 14), .channels = 6, .window = rows[i].w),
                     rows[i].part);
    }
    an_graph *g = an_graph_new("named");
    const an_dim height = an_dim_named(g, "H");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(1, 2, height, 8));
    want_shape(an_nn_conv2d(x, .channels = 3, .size = 3, .same = true), 3, height, 8);
    want_refusal(an_nn_conv2d(x, .channels = 3, .size = 3, .stride = 2, .same = true), "literal");
    g = an_graph_new("pool");
    want_refusal(an_max_pool2d(images(g, 1, 4, 4), (an_window){.size = {2, 2}, .padding = {2}}),
                 "not below");
    g = an_graph_new("channels");
    const an_value kernel = an_input(g, "k", AN_F32, AN_SHAPE(4, 5, 3, 3));
    want_refusal(an_conv2d(images(g, 6, 9, 14), kernel, AN_NONE, (an_window){.stride = {1, 1}}),
                 "channels must be 5, not 6");
    /* As many numbers as channels, in one dim: not one for all, not the same number otherwise. */
    for (int i = 0; i < 4; i++) {
        g = an_graph_new("numbers");
        const an_shape shape = i % 2 ? AN_SHAPE(2, 3) : AN_SHAPE(1);
        const an_value b = an_input(g, "b", AN_F32, shape), y = images(g, 6, 9, 14);
        want_refusal(i < 2 ? an_nn_conv2d_transpose(y, .channels = 6, .size = 1, .bias = b)
                           : an_nn_group_norm(y, .groups = 2, .gamma = b),
                     i < 2 ? "bias must be [C], one number for each of 6 channels"
                           : "gamma must be [C], one number for each of 6 channels");
    }
}
END_TEST

/* ---- numbers ------------------------------------------------------------- */

/* The value of `v`, a kernel and images being given. */
static void evaluate(an_value v, const float *x, const an_tensor *k, an_tensor *out)
{
    an_store *s = an_store_new(1);
    an_program *p = an_compile(v.graph, s, .fetch = {v});
    ck_assert_msg(p, "%s", an_compile_message(v.graph));
    const an_tensor xs = an_tensor_borrow(AN_F32, AN_EXTENTS(1, 1, 3, 3), (void *)(uintptr_t)x);
    ck_assert_int_eq(k ? an_run(p, .feed = {{"x", &xs}, {"k", k}}, .out = {out})
                       : an_run(p, .feed = {{"x", &xs}}, .out = {out}), AN_OK);
    an_program_free(p);
    an_store_free(s);
}

static void want_numbers(const an_tensor *t, const float *want, int64_t count)
{
    ck_assert_int_eq(an_tensor_count(t), count);
    for (int64_t i = 0; i < count; i++)
        ck_assert_msg(an_tensor_get(t, i) == (double)want[i], "[%d] is %g, not %g", (int)i,
                      an_tensor_get(t, i), (double)want[i]);
}

START_TEST(test_numbers_by_hand)
{
    static const float x[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    float k[4] = {1, 10, 100, 1000};
    const an_tensor kernel = an_tensor_borrow(AN_F32, AN_EXTENTS(1, 1, 2, 2), k);
    an_tensor out = {0};
    an_graph *g = an_graph_new("by hand");
    const an_value xs = an_input(g, "x", AN_F32, AN_SHAPE(1, 1, 3, 3));
    const an_value ks = an_input(g, "k", AN_F32, AN_SHAPE(1, 1, 2, 2));
    evaluate(an_conv2d(xs, ks, AN_NONE, (an_window){.stride = {1, 1}}), x, &kernel, &out);
    want_numbers(&out, (const float[]){5421, 6532, 8754, 9865}, 4);
    evaluate(an_conv2d(xs, ks, AN_NONE, (an_window){.stride = {2, 2}, .padding = {1, 0, 1, 0}}), x,
             &kernel, &out);
    want_numbers(&out, (const float[]){1000, 3200, 7040, 9865}, 4);
    evaluate(an_conv2d_transpose(xs, ks, (an_window){.stride = {2, 2}}, 0, 0), x, &kernel, &out);
    want_numbers(&out, (const float[]){1, 10, 2, 20, 3, 30, 100, 1000, 200, 2000, 300, 3000,
                                       4, 40, 5, 50, 6, 60, 400, 4000, 500, 5000, 600, 6000,
                                       7, 70, 8, 80, 9, 90, 700, 7000, 800, 8000, 900, 9000}, 36);
    const an_window twos = {.size = {2, 2}, .stride = {1, 2}, .padding = {0, 0, 1, 0}};
    evaluate(an_avg_pool2d(xs, twos), x, NULL, &out);
    want_numbers(&out, (const float[]){2.5f, 4, 5.5f, 7}, 4);
    evaluate(an_max_pool2d(xs, twos), x, NULL, &out);
    want_numbers(&out, (const float[]){4, 6, 7, 9}, 4);
    an_tensor_free(&out);
    an_graph_free(g);
}
END_TEST

/* Of equal elements the first gets the gradient, and a NaN before all. */
START_TEST(test_the_first_of_equals)
{
    float x[9] = {1, 7, 7, 7, 0, 7, 2, NAN, NAN};
    an_tensor out = {0};
    an_graph *g = an_graph_new("ties");
    const an_value xs = an_input(g, "x", AN_F32, AN_SHAPE(1, 1, 3, 3));
    const an_value y = an_max_pool2d(xs, (an_window){.size = {2, 2}, .stride = {1, 1}});
    an_value dx;
    an_gradients(an_sum_axes(y, AN_ALL_AXES, false), &xs, 1, &dx);
    evaluate(dx, x, NULL, &out);
    want_numbers(&out, (const float[]){0, 2, 0, 0, 0, 0, 0, 2, 0}, 9);
    evaluate(y, x, NULL, &out);
    ck_assert(an_tensor_get(&out, 0) == 7 && isnan(an_tensor_get(&out, 3)));
    an_tensor_free(&out);
    an_graph_free(g);
}
END_TEST

/* ---- a batch norm's running statistics ----------------------------------- */

#define SAMPLES 5
#define PLANE 6

static void channel(const float *x, int c, double *mean, double *variance)
{
    double sum = 0, squares = 0;
    for (int n = 0; n < SAMPLES; n++)
        for (int i = 0; i < PLANE; i++) sum += (double)x[(n * 3 + c) * PLANE + i];
    *mean = sum / (SAMPLES * PLANE);
    for (int n = 0; n < SAMPLES; n++)
        for (int i = 0; i < PLANE; i++)
            squares += pow((double)x[(n * 3 + c) * PLANE + i] - *mean, 2);
    *variance = squares / (SAMPLES * PLANE - 1);
}

static void want_state(an_store *s, const char *name, const double want[3])
{
    const an_tensor *t = an_store_view(s, name);
    ck_assert_ptr_nonnull(t);
    for (int c = 0; c < 3; c++)
        ck_assert_msg(an_test_close(an_tensor_get(t, c), want[c], 1e-6), "%s[%d] is %.9g, not %.9g",
                      name, c, an_tensor_get(t, c), want[c]);
}

START_TEST(test_running_statistics)
{
    an_graph *g = an_graph_new("batch norm");
    const an_value x = images(g, 3, 2, 3), y = an_nn_batch_norm(x, .momentum = 0.25);
    const an_value loss = an_mean_axes(an_square(an_sub(y, an_number(y, 1))), AN_ALL_AXES, false);
    const an_updates up = an_minimize(loss, an_sgd(.rate = 0.1f));
    an_store *s = an_store_new(1);
    an_program *train = an_compile(g, s, .fetch = {loss}, .update = up);
    ck_assert_msg(train, "%s", an_compile_message(g));
    an_test_random r = {3};
    float data[SAMPLES * 3 * PLANE];
    const an_tensor xs = an_tensor_borrow(AN_F32, AN_EXTENTS(SAMPLES, 3, 2, 3), data);
    double mean[3] = {0}, variance[3] = {1, 1, 1};
    for (int step = 0; step < 3; step++) {
        for (int i = 0; i < SAMPLES * 3 * PLANE; i++)
            data[i] = (float)an_test_uniform(&r, -1, 3 + i % 2);
        ck_assert_int_eq(an_run(train, .feed = {{"x", &xs}}), AN_OK);
        for (int c = 0; c < 3; c++) {
            double m, v;
            channel(data, c, &m, &v);
            mean[c] = 0.75 * mean[c] + 0.25 * m;
            variance[c] = 0.75 * variance[c] + 0.25 * v;
        }
    }
    want_state(s, "batch_norm/running_mean", mean);
    want_state(s, "batch_norm/running_variance", variance);
    an_program *use = an_compile(g, s, .fetch = {y}, .inference = true);
    ck_assert_msg(use, "%s", an_compile_message(g));
    ck_assert_int_eq(an_graph_count(an_program_graph(use), "batch_norm"), 0);
    an_tensor out = {0};
    ck_assert_int_eq(an_run(use, .feed = {{"x", &xs}}, .out = {&out}), AN_OK);
    const double gamma = an_tensor_get(an_store_view(s, "batch_norm/gamma"), 1);
    const double beta = an_tensor_get(an_store_view(s, "batch_norm/beta"), 1);
    ck_assert(gamma != 1 && beta != 0);
    const double want = ((double)data[PLANE] - mean[1]) / sqrt(variance[1] + 1e-3) * gamma + beta;
    ck_assert_msg(an_test_close(an_tensor_get(&out, PLANE), want, 1e-5), "%.9g, not %.9g",
                  an_tensor_get(&out, PLANE), want);
    an_tensor_free(&out);
    an_program_free(use);
    an_program_free(train);
    an_store_free(s);
    an_graph_free(g);
}
END_TEST

/* Every group of every image has mean 0 and variance 1; with one group a channel it is an
 * instance norm. */
START_TEST(test_group_norms)
{
    for (int groups = 1; groups <= 4; groups++) {
        if (groups == 3) continue;
        an_graph *g = an_graph_new("groups");
        const an_value x = images(g, 4, 2, 3);
        const an_value y = groups == 4 ? an_nn_instance_norm(x, .eps = 1e-12)
                                       : an_nn_group_norm(x, .groups = groups, .eps = 1e-12);
        an_store *s = an_store_new(1);
        an_program *p = an_compile(g, s, .fetch = {y});
        ck_assert_msg(p, "%s", an_compile_message(g));
        float data[2 * 4 * 6];
        an_test_random r = {5};
        for (int i = 0; i < 48; i++) data[i] = (float)an_test_uniform(&r, 2, 9);
        const an_tensor xs = an_tensor_borrow(AN_F32, AN_EXTENTS(2, 4, 2, 3), data);
        an_tensor out = {0};
        ck_assert_int_eq(an_run(p, .feed = {{"x", &xs}}, .out = {&out}), AN_OK);
        const int width = 24 / groups;
        for (int row = 0; row < 2 * groups; row++) {
            double sum = 0, squares = 0;
            for (int i = 0; i < width; i++) {
                const double v = an_tensor_get(&out, row * width + i);
                sum += v, squares += v * v;
            }
            ck_assert(fabs(sum / width) < 1e-6 && fabs(squares / width - 1) < 1e-5);
        }
        an_tensor_free(&out);
        an_program_free(p);
        an_store_free(s);
        an_graph_free(g);
    }
}
END_TEST

/* ---- starts -------------------------------------------------------------- */

/* He: variance 2 / (in * taps), whatever the kernel's number of channels out. */
START_TEST(test_fans_of_kernels)
{
    an_graph *g = an_graph_new("fans");
    const an_value y = an_nn_conv2d(images(g, 16, 9, 9), .channels = 128, .size = 5,
                                    .kernel_start = AN_START(AN_INIT_HE_NORMAL));
    an_store *s = an_store_new(4);
    an_program *p = an_compile(g, s, .fetch = {y});
    ck_assert_msg(p, "%s", an_compile_message(g));
    const an_tensor *k = an_store_view(s, "conv2d/kernel");
    double squares = 0;
    for (int64_t i = 0; i < an_tensor_count(k); i++) squares += pow(an_tensor_get(k, i), 2);
    const double variance = squares / (double)an_tensor_count(k);
    ck_assert_msg(fabs(variance * (16 * 25) / 2 - 1) < 0.03, "variance %g", variance);
    an_program_free(p);
    an_store_free(s);
    an_graph_free(g);
}
END_TEST

/* ---- a residual net ------------------------------------------------------ */

static an_value normal_conv(an_value x, int64_t channels, int size, int stride)
{
    return an_nn_batch_norm(an_nn_conv2d(x, .channels = channels, .size = size, .stride = stride,
                                         .same = true, .no_bias = true,
                                         .kernel_start = AN_START(AN_INIT_HE_NORMAL)));
}

static an_value block(an_value x, int64_t channels, int stride)
{
    an_value h = an_relu(normal_conv(x, channels, 3, stride));
    h = normal_conv(h, channels, 3, 1);
    const an_value skip = stride > 1 ? normal_conv(x, channels, 1, stride) : x;
    return an_relu(an_residual_add(h, skip));
}

typedef struct net {
    an_graph *g;
    an_value loss;
    an_updates up;
} net;

static net a_net(void)
{
    net n = {.g = an_graph_new("residual net")};
    const an_value x = images(n.g, 3, 8, 8);
    const an_value labels = an_input(n.g, "labels", AN_I32, AN_SHAPE(an_dim_named(n.g, "B")));
    an_value h = an_relu(normal_conv(x, 8, 3, 1));
    h = block(block(an_nn_max_pool2d(h, .size = 3, .stride = 1, .same = true), 8, 1), 16, 2);
    h = an_nn_dense(an_nn_global_pool(h), .units = 4);
    n.loss = an_softmax_cross_entropy(h, labels);
    an_graph_output(n.loss, "loss");
    n.up = an_minimize(n.loss, an_adam(.rate = 1e-2f));
    good(n.g);
    return n;
}

/* Images in which one channel and place is bright; label by the place. */
static void draw_images(float *x, int32_t *labels, int count)
{
    an_test_random r = {11};
    for (int n = 0; n < count; n++) {
        labels[n] = n % 4;
        for (int i = 0; i < 3 * 64; i++) {
            const bool bright = i / 64 == n % 3 && i % 8 / 4 + i % 64 / 32 * 2 == n % 4;
            x[n * 192 + i] = (float)an_test_uniform(&r, 0, 1) + (bright ? 1.0f : 0.0f);
        }
    }
}

static double train_net(int threads, int steps, double *first, uint64_t *hash)
{
    net n = a_net();
    an_store *s = an_store_new(7);
    an_set_threads(threads);
    an_program *p = an_compile(n.g, s, .fetch = {n.loss}, .update = n.up);
    ck_assert_msg(p, "%s", an_compile_message(n.g));
    static float x[24 * 192];
    static int32_t labels[24];
    draw_images(x, labels, 24);
    const an_tensor xs = an_tensor_borrow(AN_F32, AN_EXTENTS(24, 3, 8, 8), x);
    const an_tensor ls = an_tensor_borrow(AN_I32, AN_EXTENTS(24), labels);
    an_tensor out = {0};
    *hash = 0;
    for (int step = 0; step < steps; step++) {
        ck_assert_int_eq(an_run(p, .feed = {{"x", &xs}, {"labels", &ls}}, .out = {&out}), AN_OK);
        uint32_t bits;
        memcpy(&bits, out.data, sizeof bits);
        *hash = *hash * 31 + bits;
        if (step == 0) *first = an_tensor_get(&out, 0);
    }
    const double last = an_tensor_get(&out, 0);
    an_tensor_free(&out);
    an_program_free(p);
    an_store_free(s);
    an_graph_free(n.g);
    an_set_threads(0);
    return last;
}

START_TEST(test_a_residual_net_trains)
{
    double first[2];
    uint64_t hash[2];
    const double last = train_net(1, 25, &first[0], &hash[0]);
    ck_assert_msg(last < first[0] / 4, "from %g to %g", first[0], last);
    train_net(3, 25, &first[1], &hash[1]);
    ck_assert_msg(hash[0] == hash[1], "three threads give other losses than one");
}
END_TEST

START_TEST(test_a_residual_net_is_proved)
{
    net n = a_net();
    an_store *s = an_store_new(7);
    an_program *p = an_compile(n.g, s, .fetch = {n.loss}, .update = n.up);
    ck_assert_msg(p, "%s", an_compile_message(n.g));
    an_equivalence *e = an_equivalent(n.g, an_program_graph(p), .gradients = true, .subset = true,
                                      .bind = "B=3");
    ck_assert_msg(an_equivalence_rung(e) == AN_RUNG_PROVED, "%s", an_equivalence_message(e));
    an_equivalence_free(e);
    an_program_free(p);
    an_store_free(s);
    an_graph_free(n.g);
}
END_TEST

AN_TEST_MAIN("images", test_shapes, test_refusals, test_numbers_by_hand, test_the_first_of_equals,
             test_running_statistics, test_group_norms, test_fans_of_kernels,
             test_a_residual_net_trains, test_a_residual_net_is_proved)
