/* vecmath_kernels.c -- core/vecmath.h over arrays, compiled once per instruction set. */
#include "tests/core/vecmath_kernels.h"

#include "core/vecmath.h"

#define JOIN(a, b) a##b
#define TABLE(isa) JOIN(an_test_vecmath_, isa)

/* Whole vectors, then what is left: the way kernels use it. */
#define OVER_ARRAY(name)                                                                           \
    static void name##_array(const float *x, float *y, int64_t count)                              \
    {                                                                                              \
        int64_t i = 0;                                                                             \
        for (; i + AN_LANES <= count; i += AN_LANES)                                               \
            an_v_store(y + i, an_v_##name(an_v_load(x + i)));                                      \
        an_v_store_n(y + i, count - i, an_v_##name(an_v_load_n(x + i, count - i, 1.0f)));          \
    }

OVER_ARRAY(exp)
OVER_ARRAY(log)
OVER_ARRAY(tanh)
OVER_ARRAY(sigmoid)
OVER_ARRAY(erf)
OVER_ARRAY(expm1)
OVER_ARRAY(log1p)

static void store_mask(int32_t *p, an_vi mask)
{
    memcpy(p, &mask, sizeof mask);
}

static void lanes(const float *x, const float *y, int64_t n, float fill, an_test_lanes *out)
{
    const an_v a = an_v_load_n(x, n, fill), b = an_v_load_n(y, n, fill);
    an_v_store_n(out->fma, n, an_v_fma(a, b, an_v_set(0.1f)));
    an_acc total = {0};
    an_acc_add(&total, a);
    an_acc_fma(&total, a, b);
    an_v_store_n(out->total, n, an_acc_v(total));
    an_v_store_n(out->sqrt, n, an_v_sqrt(a));
    an_v_store_n(out->abs, n, an_v_abs(a));
    an_v_store_n(out->max, n, an_v_max(a, b));
    an_v_store_n(out->min, n, an_v_min(a, b));
    an_v_store(out->from_int, an_v_from_int(an_vi_iota() * 1000003 - 7));
    store_mask(out->lt, an_v_lt(a, b));
    store_mask(out->le, an_v_le(a, b));
    store_mask(out->gt, an_v_gt(a, b));
    store_mask(out->ge, an_v_ge(a, b));
    store_mask(out->eq, an_v_eq(a, b));
    store_mask(out->ne, an_v_ne(a, b));
    out->sum = an_v_sum(a);
    out->max_all = an_v_max_all(a);
}

const an_test_vecmath TABLE(AN_ISA_SUFFIX) = {
    {exp_array, log_array, tanh_array, sigmoid_array, erf_array, expm1_array, log1p_array}, lanes};
