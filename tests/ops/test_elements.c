/* test_elements.c -- known values at the edges of the elementary ops.
 *
 * The sweep compares the fast kernel with ref; here both are asked for values
 * worked out by hand, at the places where such ops usually go wrong.         */
#include "ops/kernels/kernels.h"
#include "ops/op.h"
#include "tests/support.h"

#include <math.h>

typedef struct call {
    const char *op;
    an_attrs attrs;
    int inputs;
    an_tensor in[3];
    an_tensor out;
} call;

static an_tensor floats(float *data, int64_t count)
{
    return an_tensor_borrow(AN_F32, 1, &count, data);
}

static an_tensor longs(int64_t *data, int64_t count)
{
    return an_tensor_borrow(AN_I64, 1, &count, data);
}

static an_tensor ints(int32_t *data, int64_t count)
{
    return an_tensor_borrow(AN_I32, 1, &count, data);
}

/* Runs ref, or the stages; says whether a fault was raised, and where. */
static bool run(const call *c, bool ref, an_fault *fault)
{
    an_fault none = {.node = 0};
    *fault = none;
    atomic_flag_clear(&fault->lock);
    const an_op_info *op = an_op_find(c->op);
    const an_op_rules *rules = op->rules;
    const an_work w = {.op = op, .attrs = &c->attrs, .inputs = c->inputs, .outputs = 1,
                       .in = c->in, .out = &c->out, .fault = fault,
                       .kernels = an_kernels_of(an_runtime_isa())};
    if (ref) rules->ref(&w);
    for (int i = 0; !ref && i < AN_MAX_STAGES && rules->stages[i].run; i++)
        rules->stages[i].run(&w, 0, rules->stages[i].units(&w));
    return atomic_load(&fault->raised);
}

static void want(call *c, const float *expected, int64_t count)
{
    an_fault fault;
    for (int ref = 0; ref < 2; ref++) {
        ck_assert(!run(c, ref, &fault));
        for (int64_t i = 0; i < count; i++) {
            const double got = an_tensor_get(&c->out, i), must = (double)expected[i];
            ck_assert_msg(isnan(must) ? isnan(got) : got == must, "%s, %s: [%lld] is %g, not %g",
                          c->op, ref ? "ref" : "stages", (long long)i, got, must);
        }
    }
}

START_TEST(test_extremes_hand_on_nan)
{
    float a[] = {NAN, 1, -INFINITY, 0}, b[] = {1, NAN, 5, -0.0f}, y[4];
    call c = {"maximum", {0}, 2, {floats(a, 4), floats(b, 4)}, floats(y, 4)};
    want(&c, (const float[]){NAN, NAN, 5, 0}, 4);
    c.op = "minimum";
    want(&c, (const float[]){NAN, NAN, -INFINITY, 0}, 4);
    call relu = {"relu", {0}, 1, {floats(a, 4)}, floats(y, 4)};
    want(&relu, (const float[]){NAN, 1, 0, 0}, 4);
}
END_TEST

START_TEST(test_argmax_takes_the_first_nan)
{
    float x[] = {1, NAN, 9, NAN}, ties[] = {2, 7, 7, 7};
    int32_t y[1];
    call c = {"argmax", {0}, 1, {floats(x, 4)}, {.dtype = AN_I32, .data = y}};
    want(&c, (const float[]){1}, 1);
    c.in[0] = floats(ties, 4);
    want(&c, (const float[]){1}, 1);
}
END_TEST

START_TEST(test_cast_saturates)
{
    float x[] = {1.9f, -1.9f, 3e9f, -3e9f, NAN, INFINITY};
    int32_t y[6];
    call c = {"cast", {.dtype = AN_I32}, 1, {floats(x, 6)}, ints(y, 6)};
    an_fault fault;
    for (int ref = 0; ref < 2; ref++) {
        ck_assert(!run(&c, ref, &fault));
        const int32_t must[] = {1, -1, INT32_MAX, INT32_MIN, 0, INT32_MAX};
        for (int i = 0; i < 6; i++) ck_assert_int_eq(y[i], must[i]);
    }
}
END_TEST

START_TEST(test_integers_stay_exact)
{
    const int64_t large = ((int64_t)1 << 53) + 1;
    int64_t a[] = {large, INT64_MIN, 7, -7, INT64_MIN}, b[] = {1, 1, 2, 2, -1}, y[5];
    call c = {"add", {0}, 2, {longs(a, 5), longs(b, 5)}, longs(y, 5)};
    an_fault fault;
    ck_assert(!run(&c, true, &fault));
    ck_assert(y[0] == large + 1 && y[1] == INT64_MIN + 1);
    c.op = "sub";
    ck_assert(!run(&c, true, &fault));
    ck_assert(y[0] == large - 1 && y[1] == INT64_MAX); /* wraps around */
    c.op = "div";
    ck_assert(!run(&c, true, &fault));
    ck_assert(y[2] == 3 && y[3] == -3 && y[4] == INT64_MIN);
}
END_TEST

START_TEST(test_division_by_zero_is_a_fault)
{
    int32_t a[] = {4, 5, 6}, b[] = {2, 0, 0}, y[3];
    call c = {"div", {0}, 2, {ints(a, 3), ints(b, 3)}, ints(y, 3)};
    an_fault fault;
    ck_assert(run(&c, true, &fault));
    ck_assert(fault.operand == 1 && fault.position == 1 && fault.value == 0);
    ck_assert(y[0] == 2 && y[1] == 0 && y[2] == 0);
}
END_TEST

START_TEST(test_slice_past_the_end_is_a_fault)
{
    float x[] = {1, 2, 3, 4}, y[5] = {9, 9, 9, 9, 9};
    call c = {"slice", {.start = 0, .stop = 5, .step = 1}, 1, {floats(x, 4)}, floats(y, 5)};
    an_fault fault;
    for (int ref = 0; ref < 2; ref++) {
        ck_assert(run(&c, ref, &fault));
        ck_assert(fault.operand == 0 && fault.value == 5 && fault.bound == 5);
        for (int i = 0; i < 5; i++) ck_assert(y[i] == 0);
    }
}
END_TEST

START_TEST(test_empty_folds)
{
    float x[1], y[1];
    call c = {"sum", {.axes = {1, {0}}}, 1, {floats(x, 0)}, {.dtype = AN_F32, .data = y}};
    want(&c, (const float[]){0}, 1);
    c.op = "mean";
    want(&c, (const float[]){NAN}, 1);
    c.op = "max";
    want(&c, (const float[]){-INFINITY}, 1);
    c.op = "min";
    want(&c, (const float[]){INFINITY}, 1);
}
END_TEST

/* One chain of three million additions in f32 would be off in the third digit. */
START_TEST(test_long_sums_are_accurate)
{
    const int64_t count = 3000017;
    float *x = malloc((size_t)count * sizeof *x), y[1];
    ck_assert_ptr_nonnull(x);
    for (int64_t i = 0; i < count; i++) x[i] = 0.1f;
    an_fault fault = {0};
    atomic_flag_clear(&fault.lock);
    double partial[64];
    const an_tensor in = floats(x, count), out = {.dtype = AN_F32, .data = y};
    const an_attrs all = {.axes = {1, {0}}};
    const an_op_rules *sum = an_op_find("sum")->rules;
    const an_work w = {.attrs = &all, .inputs = 1, .outputs = 1, .in = &in, .out = &out,
                       .scratch = partial, .fault = &fault,
                       .kernels = an_kernels_of(an_runtime_isa())};
    ck_assert_int_le(sum->scratch(&w), (int64_t)sizeof partial);
    for (int i = 0; i < 2; i++) sum->stages[i].run(&w, 0, sum->stages[i].units(&w));
    const double must = (double)0.1f * (double)count;
    ck_assert_msg(an_test_close((double)y[0], must, 2e-7), "%.9g, not %.9g", (double)y[0], must);
    free(x);
}
END_TEST

/* Fitted tail of the normal distribution against libm, where 1 + erf has no digit left. */
START_TEST(test_gelu_keeps_its_tail)
{
    float x[] = {-1, -3, -5, -8, -12, 0.5f, 6}, y[7];
    call c = {"gelu", {.form = AN_EXACT}, 1, {floats(x, 7)}, floats(y, 7)};
    an_fault fault;
    ck_assert(!run(&c, false, &fault));
    for (int i = 0; i < 7; i++) {
        const double must = (double)x[i] * 0.5 * erfc((double)-x[i] / sqrt(2));
        ck_assert_msg(fabs((double)y[i] - must) <= 8e-7 * fabs(must), "gelu(%g) is %g, not %g",
                      (double)x[i], (double)y[i], must);
    }
}
END_TEST

/* Where x * phi(x) and x v' (1 - s) would be inf * 0. */
START_TEST(test_gelu_is_straight_far_out)
{
    float dy[] = {3, 3, 3, 3, 3, 3}, x[] = {40, -40, 1e30f, -1e30f, INFINITY, -INFINITY}, y[6];
    call c = {"gelu_grad", {.form = AN_EXACT}, 2, {floats(dy, 6), floats(x, 6)}, floats(y, 6)};
    want(&c, (const float[]){3, 0, 3, 0, 3, 0}, 6);
    c.attrs.form = AN_TANH;
    want(&c, (const float[]){3, 0, 3, 0, 3, 0}, 6);
}
END_TEST

AN_TEST_MAIN("elements", test_extremes_hand_on_nan, test_argmax_takes_the_first_nan,
             test_cast_saturates, test_integers_stay_exact, test_division_by_zero_is_a_fault,
             test_slice_past_the_end_is_a_fault, test_empty_folds, test_long_sums_are_accurate,
             test_gelu_keeps_its_tail, test_gelu_is_straight_far_out)
