/* test_f64.c -- f64 graphs compute in f64 throughout: within 1e-12 of long double.
 *
 * A result that went through f32 anywhere would miss by about 1e-7.          */
#include "graph/evaluate.h"
#include "tests/support.h"

#include <math.h>

enum { ROWS = 7, COLUMNS = 33 };

typedef struct trial {
    an_graph *g;
    an_value x;
    an_evaluation e;
} trial;

static trial begin(double low, double high, an_value (*build)(an_value), an_value *y)
{
    trial t = {.g = an_graph_new("f64")};
    t.x = an_input(t.g, "x", AN_F64, AN_SHAPE(ROWS, COLUMNS));
    *y = build(t.x);
    ck_assert_msg(an_graph_status(t.g) == AN_OK, "%s", an_graph_message(t.g));
    ck_assert_int_eq(an_evaluation_begin(&t.e, t.g, NULL), AN_OK);
    an_test_random r = {.state = 99};
    for (int i = 0; i < ROWS * COLUMNS; i++)
        an_tensor_set(&t.e.value[t.x.id], i, an_test_uniform(&r, low, high));
    ck_assert_msg(an_evaluation_run(&t.e) == AN_OK, "%s", t.e.error.text);
    return t;
}

static void end(trial *t)
{
    an_evaluation_free(&t->e);
    an_graph_free(t->g);
}

static void check(const char *op, double got, long double want)
{
    const long double scale = fmaxl(1, fabsl(want));
    ck_assert_msg(fabsl((long double)got - want) <= 1e-12L * scale, "%s: %.17g, not %.20Lg", op,
                  got, want);
}

/* ---- one element at a time --------------------------------------------- */

#define UNARY(op) static an_value build_##op(an_value x) { return an_##op(x); }
UNARY(exp) UNARY(log) UNARY(sqrt) UNARY(sin) UNARY(cos) UNARY(erf) UNARY(tanh) UNARY(sigmoid)
UNARY(silu) UNARY(square)
static an_value build_gelu(an_value x) { return an_gelu(x, AN_EXACT); }
static an_value build_gelu_tanh(an_value x) { return an_gelu(x, AN_TANH); }
static an_value build_power(an_value x) { return an_power(x, an_number(x, 1.7)); }
static an_value build_div(an_value x) { return an_div(an_number(x, 1), x); }

static long double sigmoid_l(long double x) { return 1 / (1 + expl(-x)); }
static long double silu_l(long double x) { return x * sigmoid_l(x); }
static long double square_l(long double x) { return x * x; }
static long double gelu_l(long double x) { return x * (1 + erfl(x / sqrtl(2))) / 2; }
static long double gelu_tanh_l(long double x)
{
    const long double c = sqrtl(2 / 3.14159265358979323846264338327950288L);
    return x / 2 * (1 + tanhl(c * (x + 0.044715L * x * x * x)));
}
static long double power_l(long double x) { return powl(x, (long double)1.7); }
static long double div_l(long double x) { return 1 / x; }

START_TEST(test_elements)
{
    static const struct {
        const char *name;
        an_value (*build)(an_value);
        long double (*truth)(long double);
    } ops[] = {
        {"exp", build_exp, expl}, {"log", build_log, logl}, {"sqrt", build_sqrt, sqrtl},
        {"sin", build_sin, sinl}, {"cos", build_cos, cosl}, {"erf", build_erf, erfl},
        {"tanh", build_tanh, tanhl}, {"sigmoid", build_sigmoid, sigmoid_l},
        {"silu", build_silu, silu_l}, {"square", build_square, square_l},
        {"gelu", build_gelu, gelu_l}, {"gelu tanh", build_gelu_tanh, gelu_tanh_l},
        {"power", build_power, power_l}, {"div", build_div, div_l},
    };
    for (size_t k = 0; k < sizeof ops / sizeof *ops; k++) {
        an_value y;
        trial t = begin(0.05, 4, ops[k].build, &y);
        for (int i = 0; i < ROWS * COLUMNS; i++)
            check(ops[k].name, an_tensor_get(&t.e.value[y.id], i),
                  ops[k].truth((long double)an_tensor_get(&t.e.value[t.x.id], i)));
        end(&t);
    }
}
END_TEST

/* ---- rows and products ------------------------------------------------- */

static an_value build_mean(an_value x) { return an_mean(x, 1); }
static an_value build_softmax(an_value x) { return an_softmax(x, 1); }
static an_value build_log_softmax(an_value x) { return an_log_softmax(x, 1); }
static an_value build_gram(an_value x) { return an_matmul_t(x, false, x, true); }
static an_value build_norm(an_value x)
{
    return an_layer_norm(an_residual_add(x, an_square(x)), AN_NONE, AN_NONE, -1, 1e-5f);
}

START_TEST(test_rows)
{
    an_value y, z;
    trial t = begin(-3, 3, build_softmax, &y), u = begin(-3, 3, build_log_softmax, &z);
    an_value m;
    trial v = begin(-3, 3, build_mean, &m);
    for (int r = 0; r < ROWS; r++) {
        long double sum = 0, total = 0;
        for (int c = 0; c < COLUMNS; c++) {
            const long double x = (long double)an_tensor_get(&t.e.value[t.x.id], r * COLUMNS + c);
            sum += expl(x);
            total += x;
        }
        check("mean", an_tensor_get(&v.e.value[m.id], r), total / COLUMNS);
        for (int c = 0; c < COLUMNS; c++) {
            const int i = r * COLUMNS + c;
            const long double x = (long double)an_tensor_get(&t.e.value[t.x.id], i);
            check("softmax", an_tensor_get(&t.e.value[y.id], i), expl(x) / sum);
            check("log_softmax", an_tensor_get(&u.e.value[z.id], i), x - logl(sum));
        }
    }
    end(&t);
    end(&u);
    end(&v);
}
END_TEST

START_TEST(test_products_and_norms)
{
    an_value y, z;
    trial t = begin(-3, 3, build_gram, &y), u = begin(-3, 3, build_norm, &z);
    const an_tensor *x = &t.e.value[t.x.id];
    for (int r = 0; r < ROWS; r++) {
        for (int s = 0; s < ROWS; s++) {
            long double sum = 0;
            for (int c = 0; c < COLUMNS; c++)
                sum += (long double)an_tensor_get(x, r * COLUMNS + c) *
                       (long double)an_tensor_get(x, s * COLUMNS + c);
            check("matmul", an_tensor_get(&t.e.value[y.id], r * ROWS + s), sum);
        }
        long double row[COLUMNS], mean = 0, variance = 0;
        for (int c = 0; c < COLUMNS; c++) {
            const long double a = (long double)an_tensor_get(x, r * COLUMNS + c);
            row[c] = a + a * a;
            mean += row[c] / COLUMNS;
        }
        for (int c = 0; c < COLUMNS; c++) variance += (row[c] - mean) * (row[c] - mean) / COLUMNS;
        for (int c = 0; c < COLUMNS; c++)
            check("layer_norm", an_tensor_get(&u.e.value[z.id], r * COLUMNS + c),
                  (row[c] - mean) / sqrtl(variance + (long double)1e-5f));
    }
    end(&t);
    end(&u);
}
END_TEST

AN_TEST_MAIN("f64", test_elements, test_rows, test_products_and_norms)
