/* test_along.c -- what the sweep cannot know of ops along an axis: products with zeros in them,
 * sums of a million, variances far from zero, rows of infinities, ties and NaN in order. */
#include "frontends/addnorm.h"
#include "tests/support.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { MOST = 4 };

/* Computes `count` values from x, whose shape is the graph's business. */
static void compute(an_graph *g, const an_value *value, int count, const an_tensor *x,
                    an_tensor *out)
{
    an_store *s = an_store_new(1);
    an_compile_args args = {.graph = g, .store = s};
    an_run_args run = {.feed = {{"x", x}}};
    for (int i = 0; i < count; i++) {
        args.fetch[i] = value[i];
        run.out[i] = &out[i];
    }
    run.program = an_compile_with(&args);
    ck_assert_msg(run.program != NULL, "%s%s", an_graph_message(g), an_compile_message(g));
    ck_assert_msg(an_run_with(&run) == AN_OK, "%s", an_program_message(run.program));
    an_program_free(run.program);
    an_store_free(s);
}

static void want(const an_tensor *t, const char *what, const double *want, int64_t count)
{
    ck_assert_int_eq(an_tensor_count(t), count);
    for (int64_t i = 0; i < count; i++) {
        const double got = an_tensor_get(t, i);
        ck_assert_msg(isnan(want[i]) ? isnan(got)
                                     : got == want[i] || fabs(got - want[i]) <=
                                                             1e-6 * fabs(want[i]),
                      "%s[%d]: %.9g, not %.9g", what, (int)i, got, want[i]);
    }
}

static an_value input(an_graph **g, int64_t rows, int64_t columns)
{
    *g = an_graph_new("t");
    return an_input(*g, "x", AN_F32, AN_SHAPE(rows, columns));
}

/* ---- products ---------------------------------------------------------- */

/* Rows without a zero, with one, with two, with three. What moves element j is the product of all
 * others; what moves that, the product of all but two. */
START_TEST(test_gradients_of_products_with_zeros)
{
    enum { R = 4, N = 4 };
    float x[R][N] = {{2, -3, 5, 0.5f}, {2, 0, 5, 3}, {0, 7, 0, -3}, {0, 0, 4, 0}};
    double first[R * N], second[R * N];
    for (int r = 0; r < R; r++)
        for (int j = 0; j < N; j++) {
            first[r * N + j] = 1;
            second[r * N + j] = 0;
            for (int k = 0; k < N; k++) {
                if (k != j) first[r * N + j] *= (double)x[r][k];
                double but_two = k == j ? 0 : k + 1; /* the direction: 1, 2, 3, 4 */
                for (int i = 0; i < N; i++)
                    if (i != j && i != k) but_two *= (double)x[r][i];
                second[r * N + j] += but_two;
            }
        }
    an_graph *g;
    const an_value v = input(&g, R, N), dx = an_gradient(an_sum(an_prod(v, -1), 0), v);
    const an_value direction = an_add(an_iota(g, AN_F32, AN_SHAPE(R, N), 1), an_number(v, 1));
    const an_value along = an_sum_axes(an_mul(dx, direction), AN_ALL_AXES, false);
    const an_tensor xs = an_tensor_borrow(AN_F32, AN_EXTENTS(R, N), x);
    an_tensor out[2] = {{0}};
    compute(g, (an_value[]){dx, an_gradient(along, v)}, 2, &xs, out);
    want(&out[0], "first", first, R * N);
    want(&out[1], "second", second, R * N);
    for (int i = 0; i < 2; i++) an_tensor_free(&out[i]);
    an_graph_free(g);
}
END_TEST

START_TEST(test_products_over_axes)
{
    float x[2][3] = {{1, 2, 3}, {4, 5, 6}};
    an_graph *g;
    const an_value v = input(&g, 2, 3);
    const an_value y[] = {an_prod_axes(v, AN_ALL_AXES, false), an_prod_axes(v, AN_AXES(-2), true),
                          an_prod_axes(v, AN_AXES(1, 0), true), an_prod(v, 1)};
    const an_tensor xs = an_tensor_borrow(AN_F32, AN_EXTENTS(2, 3), x);
    an_tensor out[MOST] = {{0}};
    compute(g, y, MOST, &xs, out);
    want(&out[0], "all", (double[]){720}, 1);
    want(&out[1], "rows", (double[]){4, 10, 18}, 3);
    want(&out[2], "kept", (double[]){720}, 1);
    want(&out[3], "columns", (double[]){6, 120}, 2);
    ck_assert_int_eq(out[1].rank, 2);
    ck_assert_int_eq(out[2].rank, 2);
    for (int i = 0; i < MOST; i++) an_tensor_free(&out[i]);
    an_prod_axes(v, AN_AXES(1, -1), false);
    ck_assert(strstr(an_graph_message(g), "axis 1 is named twice") != NULL);
    an_graph_free(g);
}
END_TEST

/* ---- sums and variances ------------------------------------------------ */

/* A single f32 sum is off by 1e-2 there. */
START_TEST(test_running_sums_of_many)
{
    enum { MANY = 1000000 };
    float *x = malloc(MANY * sizeof *x);
    for (int i = 0; i < MANY; i++) x[i] = 0.7f;
    an_graph *g;
    const an_value v = input(&g, 1, MANY);
    const an_tensor xs = an_tensor_borrow(AN_F32, AN_EXTENTS(1, MANY), x);
    an_tensor out[2] = {{0}};
    compute(g, (an_value[]){an_cumsum(v, 1, false, false), an_cumsum(v, 1, true, true)}, 2, &xs,
            out);
    for (int i = 0; i < MANY; i += 997) {
        const double up = (i + 1) * (double)0.7f, down = (MANY - 1 - i) * (double)0.7f;
        ck_assert_double_le(fabs(an_tensor_get(&out[0], i) - up), 0x1p-24 * up);
        ck_assert_double_le(fabs(an_tensor_get(&out[1], i) - down), 0x1p-24 * down);
    }
    for (int i = 0; i < 2; i++) an_tensor_free(&out[i]);
    an_graph_free(g);
    free(x);
}
END_TEST

/* Rows up to 1e6 deviations from zero, against long double; a row of equal elements has 0. */
START_TEST(test_variances_far_from_zero)
{
    enum { R = 8, N = 1000 };
    static float x[R][N];
    double biased[R], sample[R];
    const uint64_t seed = 5;
    an_test_random random = {seed};
    for (int r = 0; r < R; r++) {
        const double offset = r == 0 ? 0 : pow(10, r - 1);
        long double sum = 0, squares = 0;
        for (int i = 0; i < N; i++)
            x[r][i] = r == R - 1 ? 0.1f : (float)(offset + an_test_uniform(&random, -1, 1));
        for (int i = 0; i < N; i++) sum += (long double)x[r][i];
        for (int i = 0; i < N; i++) {
            const long double e = (long double)x[r][i] - sum / N;
            squares += e * e;
        }
        biased[r] = r == R - 1 ? 0 : (double)(squares / N);
        sample[r] = r == R - 1 ? 0 : (double)(squares / (N - 1));
    }
    an_graph *g;
    const an_value v = input(&g, R, N);
    const an_value y[] = {an_var(v, 1, 0), an_var(v, -1, 1),
                          an_gradient(an_sum(an_var(v, 1, 1), 0), v)};
    const an_tensor xs = an_tensor_borrow(AN_F32, AN_EXTENTS(R, N), x);
    an_tensor out[3] = {{0}};
    compute(g, y, 3, &xs, out);
    for (int r = 0; r < R; r++) {
        const double off = fabs(an_tensor_get(&out[0], r) - biased[r]);
        const double off_1 = fabs(an_tensor_get(&out[1], r) - sample[r]);
        ck_assert_msg(off <= 4e-7 * biased[r] + 1e-15 && off_1 <= 4e-7 * sample[r] + 1e-15,
                      "row %d, seed %d: off by %g and %g of %g", r, (int)seed, off, off_1,
                      biased[r]);
    }
    long double mean = 0; /* of row 6, 1e5 away */
    for (int i = 0; i < N; i++) mean += (long double)x[6][i] / N;
    for (int i = 0; i < N; i++) {
        const double slope = (double)(2 * ((long double)x[6][i] - mean) / (N - 1));
        ck_assert(an_test_close(an_tensor_get(&out[2], 6 * N + i), slope, 1e-9));
    }
    for (int i = 0; i < 3; i++) an_tensor_free(&out[i]);
    an_graph_free(g);
}
END_TEST

START_TEST(test_logsumexp_of_hard_rows)
{
    enum { R = 6, N = 3 };
    const float inf = INFINITY;
    float x[R][N] = {{-inf, -inf, -inf}, {inf, 0, -inf}, {1000, 1000, -inf}, {-1000, -1001, -1002},
                     {3e38f, -3e38f, 0}, {NAN, 0, 0}};
    const double tail = 1 + exp(-1) + exp(-2);
    const double y[R] = {(double)-inf, (double)inf, 1000 + log(2), -1000 + log(tail),
                         (double)3e38f, (double)NAN};
    const double dx[R * N] = {0, 0, 0, 0, 0, 0, 0.5, 0.5, 0, 1 / tail, exp(-1) / tail,
                              exp(-2) / tail, 1, 0, 0, (double)NAN, (double)NAN, (double)NAN};
    an_graph *g;
    const an_value v = input(&g, R, N), sum = an_logsumexp(v, -1);
    const an_value kept = an_logsumexp_axes(v, AN_AXES(1), true);
    const an_value none = an_logsumexp(an_slice(v, 1, 0, 0, 1), 1);
    const an_tensor xs = an_tensor_borrow(AN_F32, AN_EXTENTS(R, N), x);
    an_tensor out[MOST] = {{0}};
    compute(g, (an_value[]){sum, an_gradient(an_sum(sum, 0), v), kept, none}, MOST, &xs, out);
    want(&out[0], "y", y, R);
    want(&out[1], "dx", dx, R * N);
    want(&out[2], "kept", y, R);
    ck_assert_int_eq(out[2].rank, 2);
    for (int r = 0; r < R; r++) ck_assert_double_eq(an_tensor_get(&out[3], r), (double)-inf);
    for (int i = 0; i < MOST; i++) an_tensor_free(&out[i]);
    an_graph_free(g);
}
END_TEST

/* ---- order ------------------------------------------------------------- */

static float number(int at)
{
    static const float special[] = {NAN, INFINITY, -INFINITY, 0, -0.0f, 1, -1, 1e-45f, -1e-45f,
                                    FLT_MAX, -FLT_MAX};
    return special[at % 11];
}

/* Whether a belongs before b, NaN being the largest. */
static bool is_before(float a, float b)
{
    return isnan(b) ? !isnan(a) : a < b;
}

/* Short rows and long ones, full of ties, zeros of both signs and NaN. */
START_TEST(test_order_is_stable_and_total)
{
    static const int64_t lengths[] = {1, 2, 11, 48, 49, 5000};
    an_test_random random = {7};
    for (int n = 0; n < 6; n++) {
        const int64_t count = lengths[n], kept = (count + 1) / 2;
        float *x = malloc((size_t)count * sizeof *x);
        for (int64_t i = 0; i < count; i++) x[i] = number((int)an_test_int(&random, 0, 10));
        an_graph *g;
        const an_value v = input(&g, 1, count), up = an_sort(v, 1, false);
        const an_value top = an_top_k(v, kept, 1);
        const an_value y[] = {up, an_result(up, 1), an_argsort(v, 1, true), top,
                              an_result(top, 1)};
        const an_tensor xs = an_tensor_borrow(AN_F32, AN_EXTENTS(1, count), x);
        an_tensor out[5] = {{0}};
        compute(g, y, 5, &xs, out);
        const int32_t *at = out[1].data, *down = out[2].data, *best = out[4].data;
        for (int64_t j = 0; j < count; j++) {
            ck_assert(!memcmp((const float *)out[0].data + j, x + at[j], sizeof *x));
            if (j == 0) continue;
            const float a = x[at[j - 1]], b = x[at[j]], c = x[down[j - 1]], d = x[down[j]];
            ck_assert(is_before(a, b) || (!is_before(b, a) && at[j - 1] < at[j]));
            ck_assert(is_before(d, c) || (!is_before(c, d) && down[j - 1] < down[j]));
        }
        for (int64_t j = 0; j < kept; j++) {
            ck_assert_int_eq(best[j], down[j]);
            ck_assert(!memcmp((const float *)out[3].data + j, x + down[j], sizeof *x));
        }
        for (int i = 0; i < 5; i++) an_tensor_free(&out[i]);
        an_graph_free(g);
        free(x);
    }
}
END_TEST

START_TEST(test_a_k_that_does_not_fit_is_told)
{
    an_graph *g = an_graph_new("t");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(an_dim_named(g, "T")));
    an_store *s = an_store_new(1);
    an_program *p = an_compile(g, s, .fetch = {an_top_k(x, 5, 0)});
    float few[3] = {1, 2, 3};
    const an_tensor xs = an_tensor_borrow(AN_F32, AN_EXTENTS(3), few);
    an_tensor out = {0};
    ck_assert_int_ne(an_run(p, .feed = {{"x", &xs}}, .out = {&out}), AN_OK);
    ck_assert_msg(strstr(an_program_message(p), "k is 5, dim 0 of x has only 3 elements") != NULL,
                  "%s", an_program_message(p));
    an_top_k(an_slice(x, 0, 0, 2, 1), 3, 0);
    ck_assert(strstr(an_graph_message(g), "k is 3, the axis has only 2 elements") != NULL);
    an_program_free(p);
    an_store_free(s);
    an_graph_free(g);
}
END_TEST

START_TEST(test_the_least)
{
    float x[3][3] = {{2, -1, -1}, {5, NAN, 1}, {-INFINITY, 0, -INFINITY}};
    an_graph *g;
    const an_value v = input(&g, 3, 3);
    int32_t ends[] = {INT32_MIN + 1, INT32_MAX, INT32_MIN, 0};
    const an_tensor whole = an_tensor_borrow(AN_I32, AN_EXTENTS(4), ends);
    const an_tensor xs = an_tensor_borrow(AN_F32, AN_EXTENTS(3, 3), x);
    an_tensor out[2] = {{0}};
    compute(g, (an_value[]){an_argmin(v, 1), an_argmin(an_constant(g, &whole), 0)}, 2, &xs, out);
    want(&out[0], "floats", (double[]){1, 1, 0}, 3);
    want(&out[1], "integers", (double[]){2}, 1);
    for (int i = 0; i < 2; i++) an_tensor_free(&out[i]);
    an_graph_free(g);
}
END_TEST

/* ---- triangles --------------------------------------------------------- */

START_TEST(test_triangles)
{
    float x[2][3][4];
    for (int i = 0; i < 24; i++) ((float *)x)[i] = (float)(i + 1);
    an_graph *g = an_graph_new("t");
    const an_value v = an_input(g, "x", AN_F32, AN_SHAPE(an_dim_named(g, "B"), 3, 4));
    const an_tensor xs = an_tensor_borrow(AN_F32, AN_EXTENTS(2, 3, 4), x);
    for (int k = -4; k <= 5; k++) {
        an_tensor out[3] = {{0}};
        const an_value low = an_tril(v, k);
        const an_value loss = an_sum_axes(low, AN_ALL_AXES, false);
        compute(g, (an_value[]){low, an_triu(v, k), an_gradient(loss, v)}, 3, &xs, out);
        for (int i = 0; i < 24; i++) {
            const int row = i / 4 % 3, column = i % 4;
            ck_assert_double_eq(an_tensor_get(&out[0], i), column <= row + k ? i + 1 : 0);
            ck_assert_double_eq(an_tensor_get(&out[1], i), column >= row + k ? i + 1 : 0);
            ck_assert_double_eq(an_tensor_get(&out[2], i), column <= row + k);
        }
        for (int i = 0; i < 3; i++) an_tensor_free(&out[i]);
    }
    an_tril(an_sum(an_sum(v, 0), 0), 0);
    ck_assert_msg(strstr(an_graph_message(g), "tril: x must have rank 2 or more, not 1") != NULL,
                  "%s", an_graph_message(g));
    an_graph_free(g);
}
END_TEST

AN_TEST_MAIN("along", test_gradients_of_products_with_zeros, test_products_over_axes,
             test_running_sums_of_many, test_variances_far_from_zero,
             test_logsumexp_of_hard_rows, test_order_is_stable_and_total,
             test_a_k_that_does_not_fit_is_told, test_the_least, test_triangles)
