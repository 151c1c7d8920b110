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

const an_test_vecmath TABLE(AN_ISA_SUFFIX) = {
    {exp_array, log_array, tanh_array, sigmoid_array, erf_array}};
