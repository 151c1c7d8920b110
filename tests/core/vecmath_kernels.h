/* vecmath_kernels.h -- the five functions of core/vecmath.h, per instruction set. */
#ifndef AN_TESTS_VECMATH_KERNELS_H
#define AN_TESTS_VECMATH_KERNELS_H

#include <stdint.h>

#define AN_TEST_FUNCTIONS 5

typedef void (*an_test_array_fn)(const float *x, float *y, int64_t count);

/* exp, log, tanh, sigmoid, erf */
typedef struct an_test_vecmath {
    an_test_array_fn fn[AN_TEST_FUNCTIONS];
} an_test_vecmath;

extern const an_test_vecmath an_test_vecmath_base;
extern const an_test_vecmath an_test_vecmath_avx2;
extern const an_test_vecmath an_test_vecmath_avx512;

#endif
