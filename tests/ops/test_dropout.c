/* test_dropout.c -- what the sweep cannot know about dropout: how often it drops,
 * and what changes a mask.                                                    */
#include "ops/op.h"
#include "tests/support.h"

#include <math.h>

#define MANY 200000

/* By ref: the sweep holds the stages against it. */
static void drop(an_tensor *x, an_tensor *y, int64_t seed, int64_t step, float rate,
                 uint32_t stream)
{
    int64_t words[2] = {seed, step};
    const an_attrs attrs = {.rate = rate, .stream = stream};
    const an_tensor in[] = {*x, an_tensor_borrow(AN_I64, AN_EXTENTS(2), words), {0}};
    const an_work w = {.attrs = &attrs, .inputs = 3, .outputs = 1, .in = in, .out = y};
    an_rules_dropout.ref(&w);
}

static void make(an_tensor *t, an_dtype dtype, double value)
{
    ck_assert_int_eq(an_tensor_alloc(t, dtype, AN_EXTENTS(MANY)), AN_OK);
    for (int64_t i = 0; i < MANY; i++) an_tensor_set(t, i, value);
}

/* Within five deviations, and every kept element is scaled by the same factor. */
START_TEST(test_rate)
{
    const float rates[] = {0.1f, 0.2f, 0.5f, 0.9f, 0.99f};
    const double rate = rates[_i];
    an_tensor x = {0}, y = {0};
    make(&x, AN_F32, 3);
    make(&y, AN_F32, -1);
    drop(&x, &y, 7, 11, rates[_i], 5);
    int64_t dropped = 0;
    for (int64_t i = 0; i < MANY; i++) {
        const double v = an_tensor_get(&y, i);
        ck_assert(v == 0 || an_test_close(v, 3 / (1 - rate), 1e-6));
        dropped += v == 0;
    }
    const double deviation = sqrt(rate * (1 - rate) / MANY);
    ck_assert(fabs((double)dropped / MANY - rate) < 5 * deviation);
    an_tensor_free(&x);
    an_tensor_free(&y);
}
END_TEST

/* Seed, step and stream each change the mask; the element type does not. */
START_TEST(test_masks)
{
    an_tensor x = {0}, wide = {0}, y[4] = {{0}}, z = {0};
    make(&x, AN_F32, 1);
    make(&wide, AN_F64, 1);
    make(&z, AN_F64, 0);
    for (int k = 0; k < 4; k++) make(&y[k], AN_F32, 0);
    drop(&x, &y[0], 1, 1, 0.5f, 1);
    drop(&x, &y[1], 2, 1, 0.5f, 1);
    drop(&x, &y[2], 1, 2, 0.5f, 1);
    drop(&x, &y[3], 1, 1, 0.5f, 2);
    drop(&wide, &z, 1, 1, 0.5f, 1);
    int64_t differ[4] = {0};
    for (int64_t i = 0; i < MANY; i++) {
        ck_assert(an_tensor_get(&z, i) == an_tensor_get(&y[0], i));
        for (int k = 1; k < 4; k++)
            differ[k] += an_tensor_get(&y[0], i) != an_tensor_get(&y[k], i);
    }
    for (int k = 1; k < 4; k++) /* independent masks differ in half of their elements */
        ck_assert(fabs((double)differ[k] / MANY - 0.5) < 0.01);
    an_tensor_free(&x);
    an_tensor_free(&wide);
    an_tensor_free(&z);
    for (int k = 0; k < 4; k++) an_tensor_free(&y[k]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("random");
    TCase *group = tcase_create("all");
    tcase_add_loop_test(group, test_rate, 0, 5);
    tcase_add_test(group, test_masks);
    suite_add_tcase(suite, group);
    return an_test_run_suite(suite);
}
