/* vecmath_kernels.h -- core/vecmath.h and core/simd.h, per instruction set. */
#ifndef AN_TESTS_VECMATH_KERNELS_H
#define AN_TESTS_VECMATH_KERNELS_H

#include <stdint.h>

#define AN_TEST_FUNCTIONS 7

typedef void (*an_test_array_fn)(const float *x, float *y, int64_t count);

/* What simd.h makes of the first n of sixteen lanes of x and y; the lanes beyond
 * n are loaded as `fill` and not stored. */
typedef struct an_test_lanes {
    float fma[16], total[16], sqrt[16], abs[16], max[16], min[16], from_int[16];
    int32_t lt[16], le[16], gt[16], ge[16], eq[16], ne[16];
    float sum, max_all;
} an_test_lanes;

typedef struct an_test_vecmath {
    an_test_array_fn fn[AN_TEST_FUNCTIONS]; /* exp, log, tanh, sigmoid, erf, expm1, log1p */
    void (*lanes)(const float *x, const float *y, int64_t n, float fill, an_test_lanes *out);
} an_test_vecmath;

extern const an_test_vecmath an_test_vecmath_base;
extern const an_test_vecmath an_test_vecmath_avx2;
extern const an_test_vecmath an_test_vecmath_avx512;

#endif
