/* test_norms.c -- norms by channel against PyTorch: values, gradients, running statistics.
 *
 * vectors_norms.py made the numbers, in double: in f32 a layer may be off by 2e-6 of the largest of
 * each, in f64 by the digits that the header holds.                              */
#include "frontends/addnorm.h"
#include "tests/frontends/vectors_norms.h"
#include "tests/support.h"

#include <math.h>

enum { X, GAMMA, BETA, DY, FEEDS, Y = 0, MEAN = 4, VARIANCE, EVALUATED, PARTS };
static const char *const names[FEEDS] = {"x", "gamma", "beta", "dy"};
static const char *const parts[PARTS] = {"y",    "dx",       "dgamma",   "dbeta",
                                         "mean", "variance", "evaluated"};

typedef struct norm_vectors row;

static bool is_batch(const row *r) { return !strcmp(r->kind, "batch"); }

/* ---- what the script draws ------------------------------------------------ */

static double drawn(int64_t i, int64_t by, int64_t modulus)
{
    return (double)(i * by % modulus - modulus / 2) / 512;
}

static double element(const row *r, int feed, int64_t i)
{
    switch (feed) {
    case X: return drawn(i, 7919, 1009) + r->far;
    case GAMMA: return (double)(i * 5 % 7 - 2) / 4;
    case BETA: return (double)(i * 3 % 5 - 2) / 8;
    default: return drawn(i, 5741, 1013);
    }
}

static void draw(const row *r, an_dtype dtype, int feed, an_tensor *t)
{
    const bool whole = feed == X || feed == DY;
    ck_assert_int_eq(an_tensor_alloc(t, dtype, whole ? r->rank : 1,
                                     whole ? r->extent : &r->extent[1]), AN_OK);
    for (int64_t i = 0; i < an_tensor_count(t); i++) an_tensor_set(t, i, element(r, feed, i));
}

/* ---- the layers ------------------------------------------------------------ */

static an_value layer(const row *r, const an_value in[FEEDS])
{
    if (is_batch(r))
        return an_nn_batch_norm(in[X], .gamma = in[GAMMA], .beta = in[BETA], .eps = r->eps,
                                .momentum = 0.25);
    if (!strcmp(r->kind, "instance"))
        return an_nn_instance_norm(in[X], .gamma = in[GAMMA], .beta = in[BETA], .eps = r->eps);
    return an_nn_group_norm(in[X], .groups = r->groups, .gamma = in[GAMMA], .beta = in[BETA],
                            .eps = r->eps);
}

/* Both the first axis and, where there are two or more behind the channels, the last have a
 * name. */
static an_shape shape_of(const row *r, an_graph *g)
{
    an_shape s = {.rank = r->rank};
    for (int i = 0; i < r->rank; i++) s.dim[i] = r->extent[i];
    s.dim[0] = an_dim_named(g, "B");
    if (r->rank >= 4) s.dim[r->rank - 1] = an_dim_named(g, "W");
    return s;
}

typedef struct run {
    an_graph *graph;
    an_value fetch[4]; /* y, and the gradients of x, gamma and beta */
    an_updates statistics;
    an_store *store;
    an_tensor feed[FEEDS], out[PARTS];
} run;

static void build(run *u, const row *r, an_dtype dtype)
{
    an_graph *g = u->graph = an_graph_new(r->kind);
    const an_shape shape = shape_of(r, g), channels = AN_SHAPE(r->extent[1]);
    an_value in[FEEDS];
    for (int i = 0; i < FEEDS; i++)
        in[i] = an_input(g, names[i], dtype, i == X || i == DY ? shape : channels);
    u->fetch[Y] = layer(r, in);
    an_gradients(an_sum_axes(an_mul(u->fetch[Y], in[DY]), AN_ALL_AXES, false), in, 3,
                 u->fetch + 1);
    u->statistics = an_updates_new(g, "statistics");
    an_updates_take_pending(u->statistics, u->fetch[Y]);
    ck_assert_msg(an_graph_status(g) == AN_OK, "%s", an_graph_message(g));
    u->store = an_store_new(1);
}

static void twice(run *u)
{
    an_program *p = an_compile(u->graph, u->store, .fetch_list = u->fetch, .fetch_count = 4,
                               .update = u->statistics);
    ck_assert_msg(p, "%s", an_compile_message(u->graph));
    for (int i = 0; i < 2; i++) {
        const an_status status = an_run(
            p, .feed = {{"x", &u->feed[X]}, {"gamma", &u->feed[GAMMA]}, {"beta", &u->feed[BETA]},
                        {"dy", &u->feed[DY]}},
            .out = {&u->out[0], &u->out[1], &u->out[2], &u->out[3]});
        ck_assert_msg(status == AN_OK, "%s", an_program_message(p));
    }
    an_program_free(p);
}

static void evaluate(run *u)
{
    an_program *p = an_compile(u->graph, u->store, .fetch = {u->fetch[Y]}, .inference = true);
    ck_assert_msg(p, "%s", an_compile_message(u->graph));
    const an_status status = an_run(
        p, .feed = {{"x", &u->feed[X]}, {"gamma", &u->feed[GAMMA]}, {"beta", &u->feed[BETA]}},
        .out = {&u->out[EVALUATED]});
    ck_assert_msg(status == AN_OK, "%s", an_program_message(p));
    an_program_free(p);
}

/* ---- held to the vectors --------------------------------------------------- */

/* By how much of the largest they are off; where all are 0, by how much itself. */
static double off(const an_tensor *t, const double *want, int64_t every)
{
    double largest = 0, most = 0;
    for (int64_t i = 0; i * every < an_tensor_count(t); i++) {
        const double by = fabs(an_tensor_get(t, i * every) - want[i]);
        if (!(by <= most)) most = by;
        if (fabs(want[i]) > largest) largest = fabs(want[i]);
    }
    return largest > 1e-12 ? most / largest : most;
}

static void hold(const row *r, an_dtype dtype, double bound)
{
    run u = {0};
    build(&u, r, dtype);
    for (int i = 0; i < FEEDS; i++) draw(r, dtype, i, &u.feed[i]);
    twice(&u);
    if (is_batch(r)) evaluate(&u);
    for (int i = 0; i < (is_batch(r) ? PARTS : MEAN); i++) {
        const an_tensor *t = i == MEAN ? an_store_view(u.store, "batch_norm/running_mean")
                             : i == VARIANCE ? an_store_view(u.store, "batch_norm/running_variance")
                                             : &u.out[i];
        const double by = off(t, r->part[i], i < 2 || i == EVALUATED ? r->every : 1);
        ck_assert_msg(by <= bound, "row %d, %s norm, %s: %s is off by %.2g", (int)(r - vectors),
                      r->kind, dtype == AN_F32 ? "f32" : "f64", parts[i], by);
    }
    for (int i = 0; i < FEEDS; i++) an_tensor_free(&u.feed[i]);
    for (int i = 0; i < PARTS; i++) an_tensor_free(&u.out[i]);
    an_store_free(u.store);
    an_graph_free(u.graph);
}

START_TEST(test_f32)
{
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) hold(&vectors[i], AN_F32, 2e-6);
}
END_TEST

START_TEST(test_f64)
{
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) hold(&vectors[i], AN_F64, 1e-11);
}
END_TEST

AN_TEST_MAIN("norms by channel", test_f32, test_f64)
