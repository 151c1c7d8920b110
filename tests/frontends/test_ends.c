/* test_ends.c -- learned positions, means over time, flat rows: values, gradients, f64, extents of
 * nothing, and what is refused. */
#include "frontends/addnorm.h"
#include "tests/support.h"

#include <math.h>

/* ---- one graph, run once --------------------------------------------------- */

typedef struct run {
    an_graph *g;
    an_store *s;
    an_feed feed[4];
    an_tensor out[3];
} run;

static run a_run(void) { return (run){.g = an_graph_new("ends"), .s = an_store_new(3)}; }

static an_status fetch(run *r, const an_value *values, int count)
{
    ck_assert_msg(an_graph_status(r->g) == AN_OK, "%s", an_graph_message(r->g));
    an_program *p = an_compile(r->g, r->s, .fetch_list = values, .fetch_count = count);
    ck_assert_msg(p, "%s", an_compile_message(r->g));
    an_tensor *out[] = {&r->out[0], &r->out[1], &r->out[2]};
    int feeds = 0;
    while (r->feed[feeds].name) feeds++;
    const an_status status = an_run(p, .feed_list = r->feed, .feed_count = feeds, .out_list = out,
                                    .out_count = count);
    if (status != AN_OK) ck_assert(strstr(an_program_message(p), "position") != NULL);
    an_program_free(p);
    return status;
}

static void end_run(run *r)
{
    for (int i = 0; i < 3; i++) an_tensor_free(&r->out[i]);
    an_store_free(r->s);
    an_graph_free(r->g);
}

static an_tensor filled(an_dtype dtype, int rank, const int64_t *extent)
{
    an_tensor t = {0};
    ck_assert(an_tensor_alloc(&t, dtype, rank, extent) == AN_OK);
    for (int64_t i = 0; i < an_tensor_count(&t); i++) an_tensor_set(&t, i, sin(1.0 + (double)i));
    return t;
}

static void near(double got, double want, an_dtype dtype)
{
    const double most = (dtype == AN_F64 ? 1e-15 : 1e-6) * (1 + fabs(want));
    ck_assert_msg(fabs(got - want) <= most, "%.17g, not %.17g", got, want);
}

/* ---- learned positions ------------------------------------------------------ */

enum { MOST = 6, WIDTH = 3 };

/* x[2,T,WIDTH] of T rows, from `place` on unless that is -1, weighed by x itself. */
static void check_positions(an_dtype dtype, int64_t rows, int64_t place)
{
    run r = a_run();
    const an_dim T = an_dim_named(r.g, "T");
    const an_value x = an_input(r.g, "x", dtype, AN_SHAPE(2, T, WIDTH));
    const an_value position = place < 0 ? AN_NONE : an_input(r.g, "place", AN_I64, AN_SCALAR);
    const an_value y = an_nn_positions(x, .most = MOST, .position = position);
    const an_value table = an_graph_state(r.g, "positions/table");
    const an_value loss = an_sum_axes(an_mul(y, x), AN_ALL_AXES, false);
    an_tensor fed = filled(dtype, AN_EXTENTS(2, rows, WIDTH));
    an_tensor at = an_tensor_borrow(AN_I64, 0, NULL, &place);
    r.feed[0] = (an_feed){"x", &fed};
    if (place >= 0) r.feed[1] = (an_feed){"place", &at};
    const an_value values[] = {y, table, an_gradient(loss, table)};
    ck_assert(an_type_of(table).dtype == dtype && an_type_of(y).dtype == dtype);
    const int64_t first = place < 0 ? 0 : place;
    const bool fits = first + rows <= MOST;
    ck_assert_int_eq(fetch(&r, values, 3) == AN_OK, fits);
    for (int64_t t = 0; fits && t < MOST; t++)
        for (int64_t d = 0; d < WIDTH; d++) {
            const bool used = t >= first && t < first + rows;
            double sum = 0;
            for (int64_t b = 0; used && b < 2; b++) {
                const int64_t i = (b * rows + t - first) * WIDTH + d;
                near(an_tensor_get(&r.out[0], i),
                     an_tensor_get(&fed, i) + an_tensor_get(&r.out[1], t * WIDTH + d), dtype);
                sum += an_tensor_get(&fed, i);
            }
            near(an_tensor_get(&r.out[2], t * WIDTH + d), sum, dtype);
            ck_assert(fabs(an_tensor_get(&r.out[1], t * WIDTH + d)) <= 0.05);
        }
    an_tensor_free(&fed);
    end_run(&r);
}

START_TEST(test_positions)
{
    for (int64_t rows = 0; rows <= MOST; rows++)
        for (int64_t place = -1; place + rows <= MOST; place++) {
            check_positions(AN_F32, rows, place);
            check_positions(AN_F64, rows, place);
        }
}
END_TEST

/* At the run where T is fed, else at the definition. */
START_TEST(test_a_table_too_short)
{
    check_positions(AN_F32, MOST + 1, -1);
    check_positions(AN_F32, 3, MOST - 2);
    an_graph *g = an_graph_new("short");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(2, MOST + 1, WIDTH));
    ck_assert(an_is_poison(an_nn_positions(x, .most = MOST)));
    ck_assert_msg(strstr(an_graph_message(g), "test_ends.c"), "%s", an_graph_message(g));
    an_graph_free(g);
}
END_TEST

/* The table handed in is the one used, and names are as they are asked for. */
START_TEST(test_a_table_of_ones_own)
{
    an_graph *g = an_graph_new("own");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(2, 4, WIDTH));
    const an_value mine = an_state(g, "mine", AN_F32, AN_SHAPE(5, WIDTH), (an_init){0});
    an_nn_positions(x, .table = mine);
    an_nn_positions(x, .most = 4, .name = "places", .table_start = AN_START(AN_INIT_ZEROS, 0, 0));
    ck_assert_msg(an_graph_status(g) == AN_OK, "%s", an_graph_message(g));
    ck_assert(!an_is_poison(an_graph_state(g, "places/table")));
    an_value all[4];
    ck_assert_int_eq(an_graph_parameters_of(g, "", all, 4), 2);
    an_graph_free(g);
}
END_TEST

/* ---- means over time ---------------------------------------------------------- */

/* x[B,T,D] with NaN behind each length; x[B,T] if D is 0. What is told is the sum of squares of the
 * means, of which the gradient is 2 mean / length. */
static void check_mean(an_dtype dtype, an_dtype whole, int64_t B, int64_t T, int64_t D,
                       const int64_t *length)
{
    run r = a_run();
    const an_dim b = an_dim_named(r.g, "B"), t = an_dim_named(r.g, "T");
    const an_value x = an_input(r.g, "x", dtype, D ? AN_SHAPE(b, t, 1, D) : AN_SHAPE(b, t));
    const an_value lengths = an_input(r.g, "lengths", whole, AN_SHAPE(b));
    const an_value y = an_nn_mean_over_time(x, lengths);
    const an_value loss = an_sum_axes(an_square(y), AN_ALL_AXES, false);
    const int64_t width = D ? D : 1;
    an_tensor fed = D ? filled(dtype, AN_EXTENTS(B, T, 1, D)) : filled(dtype, AN_EXTENTS(B, T));
    an_tensor counts = filled(whole, AN_EXTENTS(B));
    for (int64_t i = 0; i < B; i++) an_tensor_set(&counts, i, (double)length[i]);
    for (int64_t i = 0; i < B * T * width; i++)
        if (i / width % T >= length[i / width / T]) an_tensor_set(&fed, i, NAN);
    r.feed[0] = (an_feed){"x", &fed};
    r.feed[1] = (an_feed){"lengths", &counts};
    const an_value values[] = {y, an_gradient(loss, x)};
    ck_assert_int_eq(fetch(&r, values, 2), AN_OK);
    ck_assert_int_eq(r.out[0].rank, D ? 3 : 1);
    for (int64_t i = 0; i < B * width; i++) {
        const int64_t row = i / width, column = i % width;
        const int64_t n = length[row] < 0 ? 0 : length[row] < T ? length[row] : T;
        double sum = 0;
        for (int64_t k = 0; k < n; k++)
            sum += an_tensor_get(&fed, (row * T + k) * width + column);
        const double mean = n ? sum / (double)n : 0;
        near(an_tensor_get(&r.out[0], i), mean, dtype);
        for (int64_t k = 0; k < T; k++)
            near(an_tensor_get(&r.out[1], (row * T + k) * width + column),
                 k < n ? 2 * mean / (double)n : 0, dtype);
    }
    an_tensor_free(&fed);
    an_tensor_free(&counts);
    end_run(&r);
}

START_TEST(test_means)
{
    const int64_t length[] = {3, 5, 0, 1, 9, -2};
    for (int wide = 0; wide < 2; wide++)
        for (int whole = 0; whole < 2; whole++)
            for (int64_t D = 0; D < 5; D += 4) {
                const an_dtype dtype = wide ? AN_F64 : AN_F32, kind = whole ? AN_I64 : AN_I32;
                check_mean(dtype, kind, 6, 5, D, length);
                check_mean(dtype, kind, 6, 0, D, length);
                check_mean(dtype, kind, 0, 5, D, length);
            }
}
END_TEST

START_TEST(test_a_mean_of_all)
{
    an_graph *g = an_graph_new("all");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(2, 3, 4));
    const an_value y = an_nn_mean_over_time(x, AN_NONE), z = an_mean(x, 1);
    an_graph_output(y, "y");
    an_graph_output(z, "z");
    char *text = an_print(g);
    ck_assert_msg(text && strstr(text, "mean") && !strstr(text, "where"), "%s", text);
    an_string_free(text);
    const an_value few = an_input(g, "few", AN_I32, AN_SHAPE(3));
    ck_assert(an_is_poison(an_nn_mean_over_time(x, few)));
    ck_assert_msg(strstr(an_graph_message(g), "lengths must be [B]"), "%s", an_graph_message(g));
    an_graph_free(g);
}
END_TEST

/* ---- flat rows ------------------------------------------------------------------ */

START_TEST(test_flat)
{
    for (int64_t N = 0; N < 3; N++) {
        run r = a_run();
        const an_dim B = an_dim_named(r.g, "B"), T = an_dim_named(r.g, "T");
        const an_value x = an_input(r.g, "x", AN_F64, AN_SHAPE(B, 2, T, 3));
        an_tensor fed = filled(AN_F64, AN_EXTENTS(N, 2, 4, 3));
        r.feed[0] = (an_feed){"x", &fed};
        const an_value flat = an_nn_flatten(x), rows = an_nn_flatten(x, .keep = 2);
        const an_value loss = an_sum_axes(an_square(flat), AN_ALL_AXES, false);
        const an_value values[] = {flat, rows, an_gradient(loss, x)};
        ck_assert_int_eq(fetch(&r, values, 3), AN_OK);
        ck_assert(r.out[0].rank == 2 && r.out[0].extent[0] == N && r.out[0].extent[1] == 24);
        ck_assert(r.out[1].rank == 3 && r.out[1].extent[1] == 2 && r.out[1].extent[2] == 12);
        for (int64_t i = 0; i < N * 24; i++) {
            const double want = an_tensor_get(&fed, i);
            ck_assert(an_tensor_get(&r.out[0], i) == want && an_tensor_get(&r.out[1], i) == want);
            ck_assert(an_tensor_get(&r.out[2], i) == 2 * want);
        }
        an_tensor_free(&fed);
        end_run(&r);
    }
}
END_TEST

START_TEST(test_flat_edges)
{
    an_graph *g = an_graph_new("edges");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(5));
    const an_value column = an_nn_flatten(x);
    ck_assert(an_type_of(column).shape.rank == 2 && an_dim_of(column, 1) == 1);
    const an_value deep = an_reshape(x, AN_SHAPE(5, 1, 1, 1, 1, 1, 1, 1));
    ck_assert_int_eq(an_type_of(an_nn_flatten(deep, .keep = 7)).shape.rank, 8);
    ck_assert(an_is_poison(an_nn_flatten(x, .keep = 2)));
    ck_assert_msg(strstr(an_graph_message(g), ".keep leaves alone"), "%s", an_graph_message(g));
    ck_assert(an_is_poison(an_nn_flatten(deep, .keep = 8)) &&
              an_is_poison(an_nn_flatten(deep, .keep = -1)));
    an_graph_free(g);
}
END_TEST

AN_TEST_MAIN("ends", test_positions, test_a_table_too_short, test_a_table_of_ones_own, test_means,
             test_a_mean_of_all, test_flat, test_flat_edges)
