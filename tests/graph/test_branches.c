/* test_branches.c -- no NaN from the branch not taken: where no gradient arrives none goes on, of
 * any order, though the slope there be infinite or no number. */
#include "graph/evaluate.h"
#include "tests/support.h"

#include <math.h>

/* A function of one x whose slope is wanted at points. */
typedef struct curve {
    const char *name;
    an_value (*of)(an_value x);
    int order;    /* of the derivative */
    double at[4], slope[4];
    int points;
} curve;

static an_value number(an_value x, double v) { return an_number(x, v); }
static an_value above(an_value x, double v) { return an_compare(x, AN_GT, number(x, v)); }

static an_value root_or_x(an_value x) { return an_where(above(x, 0), an_sqrt(x), x); }
static an_value log_or_x(an_value x) { return an_where(above(x, 0), an_log(x), x); }
static an_value log1p_or_x(an_value x) { return an_where(above(x, -1), an_log1p(x), x); }
static an_value rsqrt_or_x(an_value x) { return an_where(above(x, 0), an_rsqrt(x), x); }
static an_value one_over_or_x(an_value x)
{
    return an_where(an_compare(x, AN_NE, number(x, 0)), an_div(number(x, 1), x), x);
}
static an_value reciprocal_or_x(an_value x)
{
    return an_where(an_compare(x, AN_NE, number(x, 0)), an_reciprocal(x), x);
}
static an_value power_or_x(an_value x)
{
    return an_where(above(x, 0), an_power(x, number(x, 0.5)), x);
}
static an_value exp_or_x(an_value x) { return an_where(above(x, 0), x, an_exp(x)); }
static an_value expm1_or_x(an_value x) { return an_where(above(x, 0), x, an_expm1(x)); }
static an_value largest_root(an_value x) { return an_maximum(an_sqrt(x), number(x, 1)); }
static an_value least_inverse(an_value x)
{
    return an_minimum(an_div(number(x, 1), x), number(x, 1));
}
/* Clipping a length: at 0 the factor is 1, and 1/0 is not chosen. */
static an_value clipped(an_value x)
{
    const an_value length = an_sqrt(an_square(x));
    return an_mul(x, an_minimum(an_div(number(x, 1), length), number(x, 1)));
}
static an_value raised(an_value x, double k) { return an_power(x, number(x, k)); }
static an_value constant(an_value x) { return raised(x, 0); }
static an_value squared(an_value x) { return raised(x, 2); }
static an_value polynomial(an_value x)
{
    return an_add(an_add(raised(x, 1), raised(x, 2)), an_add(raised(x, 3), raised(x, 4)));
}
/* dy is 0 at x = 1, where the slope is plain: nothing may be lost of the next order. */
static an_value log_squared(an_value x) { return an_square(an_log(x)); }

static const curve curves[] = {
    {"where sqrt", root_or_x, 1, {4, 0, -3}, {0.25, 1, 1}, 3},
    {"where sqrt", root_or_x, 2, {4, 0, -3}, {-0.03125, 0, 0}, 3},
    {"where log", log_or_x, 1, {4, 0, -3}, {0.25, 1, 1}, 3},
    {"where log", log_or_x, 3, {4, 0, -3}, {0.03125, 0, 0}, 3},
    {"where log1p", log1p_or_x, 1, {3, -1, -3}, {0.25, 1, 1}, 3},
    {"where rsqrt", rsqrt_or_x, 1, {4, 0, -3}, {-0.0625, 1, 1}, 3},
    {"where rsqrt", rsqrt_or_x, 2, {4, 0, -3}, {0.0234375, 0, 0}, 3},
    {"where 1/x", one_over_or_x, 1, {4, 0, -2}, {-0.0625, 1, -0.25}, 3},
    {"where 1/x", one_over_or_x, 2, {4, 0, -2}, {0.03125, 0, -0.25}, 3},
    {"where reciprocal", reciprocal_or_x, 1, {4, 0, -2}, {-0.0625, 1, -0.25}, 3},
    {"where reciprocal", reciprocal_or_x, 2, {4, 0, -2}, {0.03125, 0, -0.25}, 3},
    {"where power", power_or_x, 1, {4, 0, -3}, {0.25, 1, 1}, 3},
    {"where power", power_or_x, 2, {4, 0, -3}, {-0.03125, 0, 0}, 3},
    {"where exp", exp_or_x, 1, {1000, 0}, {1, 1}, 2},
    {"where exp", exp_or_x, 2, {1000, 0}, {0, 1}, 2},
    {"where expm1", expm1_or_x, 1, {1000, 0}, {1, 1}, 2},
    {"maximum of sqrt", largest_root, 1, {4, 0, 0.25}, {0.25, 0, 0}, 3},
    {"minimum of 1/x", least_inverse, 1, {4, 0}, {-0.0625, 0}, 2},
    {"clipped by its length", clipped, 1, {0, 0.5, 2}, {1, 1, 0}, 3},
    {"x^0", constant, 1, {0, 2}, {0, 0}, 2},
    {"x^0", constant, 2, {0, 2}, {0, 0}, 2},
    {"x^2", squared, 4, {0, 2}, {0, 0}, 2},
    {"x + x^2 + x^3 + x^4", polynomial, 1, {0, 1}, {1, 10}, 2},
    {"x + x^2 + x^3 + x^4", polynomial, 4, {0, 1}, {24, 24}, 2},
    {"x + x^2 + x^3 + x^4", polynomial, 6, {0, 1}, {0, 0}, 2},
    {"(log x)^2", log_squared, 2, {1}, {2}, 1},
    {"(log x)^2", log_squared, 3, {1}, {-6}, 1},
};

static void try_curve(const curve *c, an_dtype dtype)
{
    an_graph *g = an_graph_new("t");
    const an_value x = an_input(g, "x", dtype, AN_SHAPE(c->points));
    an_value y = c->of(x);
    for (int i = 0; i < c->order; i++) {
        y = an_gradient(an_sum_axes(y, AN_ALL_AXES, false), x);
        if (y.id == 0) y = an_mul(x, an_number(x, 0)); /* it does not depend on x any more */
    }
    ck_assert_msg(an_graph_status(g) == AN_OK, "%s: %s", c->name, an_graph_message(g));
    an_evaluation e = {0};
    ck_assert_int_eq(an_evaluation_begin(&e, g, NULL), AN_OK);
    for (int i = 0; i < c->points; i++) an_tensor_set(&e.value[x.id], i, c->at[i]);
    ck_assert_msg(an_evaluation_run(&e) == AN_OK, "%s", e.error.text);
    for (int i = 0; i < c->points; i++) {
        const double got = an_tensor_get(&e.value[y.id], i);
        ck_assert_msg(an_test_close(got, c->slope[i], 1e-6),
                      "%s (%s): derivative %d at %g is %.9g, not %.9g", c->name,
                      an_dtype_name(dtype), c->order, c->at[i], got, c->slope[i]);
    }
    an_evaluation_free(&e);
    an_graph_free(g);
}

START_TEST(test_derivatives)
{
    for (size_t i = 0; i < sizeof curves / sizeof *curves; i++) {
        try_curve(&curves[i], AN_F32);
        try_curve(&curves[i], AN_F64);
    }
}
END_TEST

/* NaN still goes through where a gradient arrives. */
START_TEST(test_a_nan_that_is_asked_for_stays)
{
    an_graph *g = an_graph_new("t");
    const an_value x = an_input(g, "x", AN_F64, AN_SHAPE(4));
    const an_value dx = an_gradient(an_sum_axes(an_sqrt(x), AN_ALL_AXES, false), x);
    an_evaluation e = {0};
    ck_assert_int_eq(an_evaluation_begin(&e, g, NULL), AN_OK);
    const double at[] = {-1, NAN, 0, 4};
    for (int i = 0; i < 4; i++) an_tensor_set(&e.value[x.id], i, at[i]);
    ck_assert_int_eq(an_evaluation_run(&e), AN_OK);
    ck_assert(isnan(an_tensor_get(&e.value[dx.id], 0)) && isnan(an_tensor_get(&e.value[dx.id], 1)));
    ck_assert(isinf(an_tensor_get(&e.value[dx.id], 2)));
    ck_assert(an_tensor_get(&e.value[dx.id], 3) == 0.25);
    an_evaluation_free(&e);
    an_graph_free(g);
}
END_TEST

/* What is divided by a plain literal needs no guard, and gets none. */
START_TEST(test_a_plain_literal_is_no_slope_to_fear)
{
    an_graph *g = an_graph_new("t");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(4));
    const an_value safe = an_gradient(an_sum(an_div(x, an_number(x, 2)), 0), x);
    const an_value unsafe = an_gradient(an_sum(an_div(x, an_number(x, 0)), 0), x);
    ck_assert(an_is_op(an_node_of(g, safe.id), AN_OP_div));
    ck_assert(an_is_op(an_node_of(g, unsafe.id), AN_OP_chain));
    an_graph_free(g);
}
END_TEST

AN_TEST_MAIN("branches", test_derivatives, test_a_nan_that_is_asked_for_stays,
             test_a_plain_literal_is_no_slope_to_fear)
