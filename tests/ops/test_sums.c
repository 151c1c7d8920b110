/* test_sums.c -- sums of any length, by whatever op: no error that grows with them.
 *
 * Terms are alike, so that every rounding goes the same way: what a single f32 sum of a
 * million of them gets wrong is 1e-4 or more. All instruction sets must give the same bits. */
#include "tests/ops/run_op.h"
#include "tests/support.h"

#include <math.h>

#define MANY 1000000

static an_tensor filled(int rank, int64_t a, int64_t b, float v)
{
    an_tensor t = {0};
    const int64_t extent[] = {a, b};
    ck_assert_int_eq(an_tensor_alloc(&t, AN_F32, rank, extent), AN_OK);
    for (int64_t i = 0; i < an_tensor_count(&t); i++) ((float *)t.data)[i] = v;
    return t;
}

/* Runs it by every instruction set; all results must be alike, and element 0 near `want`. */
static void try_op(int op, const an_attrs *attrs, int inputs, const an_tensor *in, an_tensor *out,
                   double want, double times)
{
    an_tensor first = {0};
    for (int isa = 0; isa <= (int)an_runtime_isa(); isa++) {
        an_test_run_op(op, isa, attrs, inputs, in, 1, out);
        const double got = an_tensor_get(out, 0), off = fabs(got / want - 1);
        ck_assert_msg(off <= times * 0x1p-24, "%s: %.9g, must be %.9g: off by %.1f * 2^-24",
                      an_op(op)->name, got, want, off * 0x1p24);
        if (isa == 0) first = an_tensor_borrow(AN_F32, out->rank, out->extent,
                                               an_alloc_aligned(an_tensor_bytes(out)));
        if (isa == 0) memcpy(first.data, out->data, (size_t)an_tensor_bytes(out));
        ck_assert(!memcmp(first.data, out->data, (size_t)an_tensor_bytes(out)));
    }
    an_free_aligned(first.data);
}

START_TEST(test_softmax)
{
    static const int64_t shapes[][2] = {{1, MANY}, {MANY, 1}, {MANY / 4, 3}, {1, 1025}};
    for (int n = 0; n < 4; n++) {
        const int axis = shapes[n][0] > 1 ? 0 : 1;
        const int64_t length = shapes[n][axis];
        an_tensor x = filled(2, shapes[n][0], shapes[n][1], -0.7f);
        an_tensor y = filled(2, shapes[n][0], shapes[n][1], 0);
        for (int64_t i = 0; i < shapes[n][1 - axis]; i++) ((float *)x.data)[i] = 0;
        const double sum = 1 + (double)(length - 1) * exp((double)-0.7f);
        try_op(AN_OP_softmax, &(an_attrs){.axis = axis}, 1, &x, &y, 1 / sum, 16);
        try_op(AN_OP_log_softmax, &(an_attrs){.axis = axis}, 1, &x, &y, -log(sum), 16);
        an_tensor_free(&x);
        an_tensor_free(&y);
    }
}
END_TEST

/* The difference of two finite logits may overflow: its exponential is 0 all the same. */
START_TEST(test_softmax_of_far_logits)
{
    float x[] = {3e38f, -3e38f, 2e38f, 3e38f}, y[4];
    const an_tensor in = an_tensor_borrow(AN_F32, AN_EXTENTS(1, 4), x);
    const an_tensor out = an_tensor_borrow(AN_F32, AN_EXTENTS(1, 4), y);
    for (int how = REF; how <= (int)an_runtime_isa(); how++) {
        an_test_run_op(AN_OP_softmax, how, &(an_attrs){.axis = 1}, 1, &in, 1, &out);
        ck_assert(y[0] == 0.5f && y[1] == 0 && y[2] == 0 && y[3] == 0.5f);
        an_test_run_op(AN_OP_log_softmax, how, &(an_attrs){.axis = 1}, 1, &in, 1, &out);
        ck_assert(an_test_close((double)y[0], -log(2), 1e-7) && isinf(y[1])); /* -6e38 */
        ck_assert(an_test_close((double)y[2], -1e38, 1e31));
    }
}
END_TEST

/* The gradient of a table that names one row again and again. */
START_TEST(test_scatter_add)
{
    for (int n = 0; n < 3; n++) {
        const int64_t count = n == 0 ? 64 : n == 1 ? 65 : MANY, inner = n == 2 ? 3 : 300;
        an_tensor u = filled(2, count, inner, 0.1f), y = filled(2, 5, inner, 0), ids = {0};
        ck_assert_int_eq(an_tensor_alloc(&ids, AN_I32, 1, &count), AN_OK);
        for (int64_t i = 0; i < count; i++) ((int32_t *)ids.data)[i] = i % 7 == 6 ? 3 : 0;
        const double want = (double)(count - count / 7) * (double)0.1f;
        try_op(AN_OP_scatter_add, &(an_attrs){.axis = 0, .size = 5}, 2, (an_tensor[]){ids, u}, &y,
               want, 16);
        ck_assert(an_test_close(an_tensor_get(&y, 4 * inner - 1),
                                (double)(count / 7) * (double)0.1f, 1e-6 * want));
        ck_assert(an_tensor_get(&y, inner) == 0);
        an_tensor_free(&u);
        an_tensor_free(&y);
        an_tensor_free(&ids);
    }
}
END_TEST

/* Rows, columns, and columns that lie apart. */
START_TEST(test_reductions)
{
    static const int64_t shapes[][4] = {{1, MANY, 1, 1}, {MANY, 1, 1, 3}, {MANY / 6, 3, 2, 1},
                                        {MANY / 6, 2, 2, 3}};
    for (int n = 0; n < 4; n++) {
        an_tensor x = {0}, y = {0};
        ck_assert_int_eq(an_tensor_alloc(&x, AN_F32, 4, shapes[n]), AN_OK);
        const int64_t *e = shapes[n], *kept = (int64_t[]){e[1], e[3]} + (n == 0);
        ck_assert_int_eq(an_tensor_alloc(&y, AN_F32, n == 0 ? 1 : 2, kept), AN_OK);
        for (int64_t i = 0; i < an_tensor_count(&x); i++) ((float *)x.data)[i] = 0.1f;
        const double count = (double)(e[0] * e[2] * (n == 0 ? e[1] : 1));
        const an_axes axes = n == 0 ? (an_axes){3, {0, 1, 2}} : (an_axes){2, {0, 2}};
        try_op(AN_OP_sum, &(an_attrs){.axes = axes}, 1, &x, &y, count * (double)0.1f, 24);
        try_op(AN_OP_mean, &(an_attrs){.axes = axes}, 1, &x, &y, (double)0.1f, 24);
        an_tensor_free(&x);
        an_tensor_free(&y);
    }
}
END_TEST

AN_TEST_MAIN("sums", test_softmax, test_softmax_of_far_logits, test_scatter_add, test_reductions)
