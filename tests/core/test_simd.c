/* test_simd.c -- every lane of core/simd.h against plain C, on every instruction set. */
#include <math.h>

#include "core/runtime.h"
#include "tests/core/vecmath_kernels.h"
#include "tests/support.h"

#define LANES 16

static const an_test_vecmath *const sets[AN_ISAS] = {
    &an_test_vecmath_base,
#if defined(__x86_64__)
    &an_test_vecmath_avx2, &an_test_vecmath_avx512,
#endif
};

/* Ordinary numbers, with equal pairs and the awkward ones among them. */
static void fill_lanes(an_test_random *r, float *x, float *y)
{
    static const float awkward[] = {0, -0.0f, INFINITY, -INFINITY, NAN, 0x1p-149f};
    for (int i = 0; i < LANES; i++) {
        x[i] = (float)an_test_uniform(r, -4, 4);
        y[i] = (float)an_test_uniform(r, -4, 4);
        if (an_test_int(r, 0, 3) == 0) y[i] = x[i];
        if (an_test_int(r, 0, 7) == 0) x[i] = awkward[an_test_int(r, 0, 5)];
        if (an_test_int(r, 0, 7) == 0) y[i] = awkward[an_test_int(r, 0, 5)];
    }
}

static bool same(float a, float b)
{
    return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b));
}

/* Where a zero meets a zero of the other sign either may be the larger. */
static bool same_extreme(float found, float a, float b, float extreme)
{
    if (isnan(a) || isnan(b)) return isnan(found);
    return found == extreme;
}

static void check_lane(const an_test_lanes *l, int i, float x, float y)
{
    ck_assert(same(l->fma[i], fmaf(x, y, 0.1f)));
    ck_assert(same(l->total[i], fmaf(x, y, 0.0f + x)));
    ck_assert(same(l->sqrt[i], sqrtf(x)));
    ck_assert(same(l->abs[i], fabsf(x)));
    ck_assert(same_extreme(l->max[i], x, y, fmaxf(x, y)));
    ck_assert(same_extreme(l->min[i], x, y, fminf(x, y)));
    ck_assert_int_eq(l->lt[i], -(x < y));
    ck_assert_int_eq(l->le[i], -(x <= y));
    ck_assert_int_eq(l->gt[i], -(x > y));
    ck_assert_int_eq(l->ge[i], -(x >= y));
    ck_assert_int_eq(l->eq[i], -(x == y));
    ck_assert_int_eq(l->ne[i], -(x != y));
    ck_assert(l->from_int[i] == (float)(i * 1000003 - 7));
}

START_TEST(test_lanes)
{
    an_test_random r = {31};
    for (int isa = 0; isa <= (int)an_runtime_isa(); isa++)
        for (int round = 0; round < 50; round++) {
            float x[LANES], y[LANES];
            fill_lanes(&r, x, y);
            an_test_lanes l;
            sets[isa]->lanes(x, y, LANES, 0, &l);
            for (int i = 0; i < LANES; i++) check_lane(&l, i, x[i], y[i]);
        }
}
END_TEST

/* The arrays end where they must not be read: sanitizers and valgrind watch. */
START_TEST(test_part_of_a_vector)
{
    for (int isa = 0; isa <= (int)an_runtime_isa(); isa++)
        for (int n = 0; n <= LANES; n++) {
            float *x = malloc(n > 0 ? (size_t)n * sizeof *x : 1);
            ck_assert_ptr_nonnull(x);
            for (int i = 0; i < n; i++) x[i] = (float)(i + 1);
            an_test_lanes l;
            memset(&l, 0x7f, sizeof l);
            const an_test_lanes before = l;
            sets[isa]->lanes(x, x, n, -2, &l);
            for (int i = 0; i < n; i++) ck_assert(l.abs[i] == x[i]);
            for (int i = n; i < LANES; i++) ck_assert(same(l.abs[i], before.abs[i]));
            ck_assert(l.sum == (float)(n * (n + 1) / 2 - 2 * (LANES - n)));
            ck_assert(l.max_all == (n > 0 ? (float)n : -2));
            free(x);
        }
}
END_TEST

START_TEST(test_sum_is_one_tree)
{
    an_test_random r = {77};
    for (int round = 0; round < 100; round++) {
        float x[LANES], tree[LANES];
        for (int i = 0; i < LANES; i++) tree[i] = x[i] = (float)an_test_uniform(&r, -1, 1);
        for (int half = LANES / 2; half > 0; half /= 2)
            for (int i = 0; i < half; i++) tree[i] += tree[i + half];
        for (int isa = 0; isa <= (int)an_runtime_isa(); isa++) {
            an_test_lanes l;
            sets[isa]->lanes(x, x, LANES, 0, &l);
            ck_assert(same(l.sum, tree[0]));
        }
    }
}
END_TEST

START_TEST(test_largest_lane_propagates_nan)
{
    for (int isa = 0; isa <= (int)an_runtime_isa(); isa++)
        for (int at = 0; at < LANES; at++) {
            float x[LANES];
            for (int i = 0; i < LANES; i++) x[i] = (float)i;
            x[at] = NAN;
            an_test_lanes l;
            sets[isa]->lanes(x, x, LANES, 0, &l);
            ck_assert(isnan(l.max_all));
        }
}
END_TEST

AN_TEST_MAIN("simd", test_lanes, test_part_of_a_vector, test_sum_is_one_tree,
             test_largest_lane_propagates_nan)
