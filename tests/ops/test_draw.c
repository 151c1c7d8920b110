/* test_draw.c -- what is drawn is distributed as it says, and drawn anew when it should. */
#include "core/random.h"
#include "frontends/addnorm.h"
#include "tests/support.h"

#include <math.h>

enum { MANY = 200000, SEED = 20261126 };

/* One run of `value`, whose key is fed. */
static void draw(an_graph *g, an_value value, int64_t seed, int64_t step, an_tensor *out)
{
    int64_t words[] = {seed, step};
    const an_tensor key = an_tensor_borrow(AN_I64, AN_EXTENTS(2), words);
    an_store *s = an_store_new(1);
    an_program *p = an_compile(g, s, .fetch = {value});
    ck_assert_msg(p != NULL, "%s", an_compile_message(g));
    ck_assert_int_eq(an_run(p, .feed = {{"key", &key}}, .out = {out}), AN_OK);
    an_program_free(p);
    an_store_free(s);
}

static an_value key_of(an_graph **g)
{
    *g = an_graph_new("t");
    return an_input(*g, "key", AN_I64, AN_SHAPE(2));
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Kolmogorov-Smirnov: the largest distance of the two distribution functions, times sqrt(n); above
 * 1.95 once in a thousand. */
static double ks(const an_tensor *t, double (*below)(double x))
{
    const int64_t n = an_tensor_count(t);
    double *x = malloc((size_t)n * sizeof *x), most = 0;
    for (int64_t i = 0; i < n; i++) x[i] = an_tensor_get(t, i);
    qsort(x, (size_t)n, sizeof *x, by_size);
    for (int64_t i = 0; i < n; i++) {
        const double p = below(x[i]);
        most = fmax(most, fmax(p - (double)i / (double)n, (double)(i + 1) / (double)n - p));
    }
    free(x);
    return most * sqrt((double)n);
}

/* Mean of f(x_i), and of x_i x_(i+1). */
static double moment(const an_tensor *t, int power)
{
    double sum = 0;
    for (int64_t i = 0; i < MANY; i++) sum += pow(an_tensor_get(t, i), power);
    return sum / MANY;
}

static double neighbours(const an_tensor *t)
{
    double sum = 0;
    for (int64_t i = 0; i + 1 < MANY; i++) sum += an_tensor_get(t, i) * an_tensor_get(t, i + 1);
    return sum / (MANY - 1);
}

static double uniform_below(double x) { return (x + 1) / 4; } /* of -1 .. 3 */
static double normal_below(double x) { return 0.5 * erfc(-x / sqrt(2)); }

static void want_near(const char *what, an_dtype dtype, int64_t step, double got, double want,
                      double deviation)
{
    ck_assert_msg(fabs(got - want) < 5 * deviation / sqrt(MANY), "%s of %s, seed %d step %d: %g, "
                  "not %g", what, an_dtype_name(dtype), SEED, (int)step, got, want);
}

START_TEST(test_distributions)
{
    const an_dtype dtype = _i % 2 ? AN_F64 : AN_F32;
    const int64_t step = _i;
    an_graph *g;
    const an_value key = key_of(&g);
    an_tensor u = {0}, z = {0};
    draw(g, an_random_uniform_keyed(key, 3, dtype, AN_SHAPE(MANY), -1, 3), SEED, step, &u);
    draw(g, an_random_normal_keyed(key, 3, dtype, AN_SHAPE(MANY), 0, 1), SEED, step, &z);
    ck_assert_int_eq(u.dtype, dtype);
    const double of_u = ks(&u, uniform_below), of_z = ks(&z, normal_below);
    ck_assert_msg(of_u < 1.95 && of_z < 1.95, "seed %d step %d: %g and %g", SEED, (int)step, of_u,
                  of_z);
    want_near("mean", dtype, step, moment(&u, 1), 1, sqrt(4.0 / 3));
    want_near("square", dtype, step, moment(&u, 2), 1 + 4.0 / 3, 3);
    want_near("neighbours", dtype, step, neighbours(&u), 1, 2.5);
    want_near("mean", dtype, step, moment(&z, 1), 0, 1);
    want_near("square", dtype, step, moment(&z, 2), 1, sqrt(2));
    want_near("cube", dtype, step, moment(&z, 3), 0, sqrt(15));
    want_near("fourth", dtype, step, moment(&z, 4), 3, sqrt(96));
    want_near("neighbours", dtype, step, neighbours(&z), 0, 1);
    for (int64_t i = 0; i < MANY; i++) {
        const double x = an_tensor_get(&u, i), normal = an_tensor_get(&z, i);
        if (!(x >= -1 && x < 3 && fabs(normal) < 8.7)) ck_abort_msg("%g, %g", x, normal);
    }
    an_tensor_free(&u);
    an_tensor_free(&z);
    an_graph_free(g);
}
END_TEST

/* Element by element what core/random.h says, and normals of it in double. */
START_TEST(test_values)
{
    an_graph *g;
    const an_value key = key_of(&g);
    const an_stream s = {SEED, 9, 77}, angles = {SEED, 9, 77 ^ 0x9e3779b9u};
    an_tensor u = {0}, z = {0};
    draw(g, an_random_uniform_keyed(key, 77, AN_F32, AN_SHAPE(MANY), 0, 1), SEED, 9, &u);
    draw(g, an_random_normal_keyed(key, 77, AN_F32, AN_SHAPE(MANY), 5, 2), SEED, 9, &z);
    for (int64_t i = 0; i < MANY; i++) {
        const double a = ((double)an_random_bits_at(&s, i) + 0.5) * 0x1p-32;
        const double b = ((double)an_random_bits_at(&angles, i) + 0.5) * 0x1p-32;
        const double normal = sqrt(-2 * log(a)) * cos(6.283185307179586 * b);
        const double x = an_tensor_get(&u, i), y = an_tensor_get(&z, i);
        if (!(fabs(x - a) <= 0x1p-24 * a + 0x1p-25) || /* near 1 u's rounding shows */
            !(an_test_close(y, 5 + 2 * normal, 2e-6) || a > 0.999))
            ck_abort_msg("element %d: %g and %g, not %g and %g", (int)i, x, y, a, 5 + 2 * normal);
    }
    an_tensor_free(&u);
    an_tensor_free(&z);
    an_graph_free(g);
}
END_TEST

/* High is left out even of ranges of a few floats. */
START_TEST(test_narrow_ranges)
{
    an_graph *g;
    const an_value key = key_of(&g);
    const double ends[][2] = {{1, 1 + 0x1p-23}, {1, 1 + 0x1p-40}, {-1 - 0x1p-23, -1}, {0, 1e-45},
                              {16777216, 16777218}};
    for (int k = 0; k < 5; k++) {
        an_tensor u = {0};
        draw(g, an_random_uniform_keyed(key, 1, AN_F32, AN_SHAPE(1000), ends[k][0], ends[k][1]),
             SEED, 0, &u);
        const double high = (double)(float)ends[k][1];
        for (int i = 0; i < 1000; i++) {
            const double x = an_tensor_get(&u, i);
            ck_assert_msg(x >= (double)(float)ends[k][0] && (x < high || k == 1), "%d: %g", k, x);
        }
        an_tensor_free(&u);
    }
    an_graph_free(g);
}
END_TEST

START_TEST(test_bernoulli)
{
    const double probability[] = {0, 1e-4, 0.1, 0.5, 0.9, 1};
    an_graph *g;
    const an_value key = key_of(&g);
    for (int k = 0; k < 6; k++) {
        const double p = probability[k];
        an_tensor b = {0};
        draw(g, an_random_bernoulli_keyed(key, 5, AN_SHAPE(MANY), p), SEED, k, &b);
        ck_assert_int_eq(b.dtype, AN_BOOL);
        int64_t count = 0;
        for (int64_t i = 0; i < MANY; i++) count += ((const uint8_t *)b.data)[i];
        ck_assert_msg(fabs((double)count / MANY - p) <= 5 * sqrt(p * (1 - p) / MANY),
                      "seed %d: %lld times with %g", SEED, (long long)count, p);
        an_tensor_free(&b);
    }
    an_graph_free(g);
}
END_TEST

/* Two ops draw apart; a training step draws anew, an inference program the same again. */
START_TEST(test_streams_and_steps)
{
    an_graph *g = an_graph_new("t");
    const an_dim B = an_dim_named(g, "B");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(B));
    const an_value w = an_state(g, "w", AN_F32, AN_SCALAR, AN_INIT(AN_INIT_CONSTANT, 1));
    const an_value a = an_random_normal(g, AN_F32, AN_SHAPE(B), 0, 1);
    const an_value b = an_random_normal(g, AN_F32, AN_SHAPE(B), 0, 1);
    const an_value loss = an_mean(an_square(an_mul(an_add(an_add(a, b), x), w)), 0);
    const an_updates u = an_minimize(loss, an_sgd(.rate = 0.01));
    an_store *s = an_store_new(1);
    an_program *train = an_compile(g, s, .fetch = {a, b}, .update = u);
    ck_assert_msg(train != NULL, "%s", an_compile_message(g));
    an_program *infer = an_compile(g, s, .fetch = {a, b}, .inference = true);
    float zeros[4] = {0};
    const an_tensor xs = an_tensor_borrow(AN_F32, AN_EXTENTS(4), zeros);
    an_tensor out[8] = {{0}};
    for (int k = 0; k < 8; k += 2) {
        an_program *p = k < 4 ? train : infer;
        ck_assert_msg(an_run(p, .feed = {{"x", &xs}}, .out = {&out[k], &out[k + 1]}) == AN_OK, "%s",
                      an_program_message(p));
        ck_assert(an_tensor_get(&out[k], 0) != an_tensor_get(&out[k + 1], 0));
    }
    ck_assert(an_tensor_get(&out[0], 0) != an_tensor_get(&out[2], 0));
    ck_assert_double_eq(an_tensor_get(&out[4], 0), an_tensor_get(&out[6], 0));
    for (int k = 0; k < 8; k++) an_tensor_free(&out[k]);
    an_program_free(train);
    an_program_free(infer);
    an_store_free(s);
    an_graph_free(g);
}
END_TEST

static void want_refusal(an_graph *g, const char *text)
{
    ck_assert_msg(strstr(an_graph_message(g), text) != NULL, "%s", an_graph_message(g));
    an_graph_free(g);
}

START_TEST(test_refusals)
{
    an_graph *g = an_graph_new("t");
    an_random_uniform(g, AN_F32, AN_SHAPE(3), 1, 0);
    want_refusal(g, "1 to 0 is no finite range");
    g = an_graph_new("t");
    an_random_uniform(g, AN_I32, AN_SHAPE(3), 0, 9);
    want_refusal(g, "what is drawn must be f32 or f64, not i32");
    g = an_graph_new("t");
    an_random_normal(g, AN_F32, AN_SHAPE(3), 0, -1);
    want_refusal(g, "deviation -1 finite and at least 0");
    g = an_graph_new("t");
    an_random_bernoulli(g, AN_SHAPE(3), 1.5);
    want_refusal(g, "probability 1.5 is not in 0 .. 1");
    g = an_graph_new("t");
    an_random_uniform_keyed(an_input(g, "k", AN_I64, AN_SHAPE(3)), 0, AN_F32, AN_SCALAR, 0, 1);
    want_refusal(g, "key must be i64[2]: seed and step");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("draw");
    TCase *group = tcase_create("all");
    tcase_add_loop_test(group, test_distributions, 0, 6);
    tcase_add_test(group, test_values);
    tcase_add_test(group, test_narrow_ranges);
    tcase_add_test(group, test_bernoulli);
    tcase_add_test(group, test_streams_and_steps);
    tcase_add_test(group, test_refusals);
    suite_add_tcase(suite, group);
    return an_test_run_suite(suite);
}
