/* test_vecmath.c -- vector math against libm in double, over all kinds of floats.
 *
 * The sample walks through every 2003rd bit pattern: all exponents, both signs,
 * subnormals, infinities and NaNs.                                           */
#include <math.h>

#include "core/runtime.h"
#include "tests/core/vecmath_kernels.h"
#include "tests/support.h"

#define CHUNK 4096
#define STRIDE 2003u

static double sigmoid(double x)
{
    return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
}

/* The errors that core/vecmath.h states, in units of the last place. */
static const struct function {
    const char *name;
    double (*exact)(double);
    double bound;
} functions[AN_TEST_FUNCTIONS] = {
    {"exp", exp, 0.98}, {"log", log, 0.94}, {"tanh", tanh, 0.95}, {"sigmoid", sigmoid, 1.46},
    {"erf", erf, 0.98}, {"expm1", expm1, 1.5}, {"log1p", log1p, 1.7}};

static const an_test_vecmath *const sets[AN_ISAS] = {
    &an_test_vecmath_base,
#if defined(__x86_64__)
    &an_test_vecmath_avx2, &an_test_vecmath_avx512,
#endif
};

/* Fills x with the next bit patterns; 0 when they are through. */
static int64_t next_chunk(uint64_t *bits, float *x)
{
    int64_t count = 0;
    for (; count < CHUNK && *bits <= UINT32_MAX; *bits += STRIDE) {
        const uint32_t pattern = (uint32_t)*bits;
        memcpy(&x[count++], &pattern, sizeof pattern);
    }
    return count;
}

/* Distance in units of the last place of the exact value, as a float has it. */
static double ulps(float found, double exact)
{
    if ((float)exact == found) return 0; /* infinities among them */
    int exponent;
    frexp(exact, &exponent);
    return fabs((double)found - exact) / ldexp(1, (exponent < -125 ? -125 : exponent) - 24);
}

static void check_accuracy(const struct function *f, const float *x, const float *y, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        const double exact = f->exact((double)x[i]);
        const bool good = isnan(exact) ? isnan(y[i]) : ulps(y[i], exact) <= f->bound;
        if (good) continue; /* a Check assertion costs more than the whole function */
        ck_abort_msg("%s(%a) is %a, exactly %a", f->name, (double)x[i], (double)y[i], exact);
    }
}

/* Equal bits, except that any NaN equals any other. */
static void check_same(const struct function *f, const float *x, const float *a, const float *b,
                       int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        if (memcmp(&a[i], &b[i], sizeof *a) == 0 || (isnan(a[i]) && isnan(b[i]))) continue;
        ck_abort_msg("%s(%a) is %a on one instruction set and %a on another", f->name,
                     (double)x[i], (double)a[i], (double)b[i]);
    }
}

START_TEST(test_accuracy_and_equal_bits)
{
    static float x[CHUNK], y[CHUNK], other[CHUNK];
    const int best = (int)an_runtime_isa();
    for (int f = 0; f < AN_TEST_FUNCTIONS; f++) {
        uint64_t bits = 0;
        for (int64_t count; (count = next_chunk(&bits, x)) > 0;) {
            sets[best]->fn[f](x, y, count);
            check_accuracy(&functions[f], x, y, count);
            for (int isa = 0; isa < best; isa++) {
                sets[isa]->fn[f](x, other, count);
                check_same(&functions[f], x, y, other, count);
            }
        }
    }
}
END_TEST

START_TEST(test_limits)
{
    const struct {
        int function;
        float x, y;
    } cases[] = {
        {0, INFINITY, INFINITY}, {0, -INFINITY, 0}, {0, 0, 1},        {0, 1000, INFINITY},
        {0, -1000, 0},           {1, 0, -INFINITY}, {1, 1, 0},        {1, INFINITY, INFINITY},
        {2, INFINITY, 1},        {2, -INFINITY, -1}, {2, 0x1p-149f, 0x1p-149f},
        {3, INFINITY, 1},        {3, -INFINITY, 0}, {3, 0, 0.5f},
        {4, INFINITY, 1},        {4, -INFINITY, -1}, {4, 0, 0},
        {5, INFINITY, INFINITY}, {5, -INFINITY, -1}, {5, 0x1p-149f, 0x1p-149f},
        {6, INFINITY, INFINITY}, {6, -1, -INFINITY}, {6, 0x1p-149f, 0x1p-149f},
    };
    for (int isa = 0; isa <= (int)an_runtime_isa(); isa++)
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            float y;
            sets[isa]->fn[cases[i].function](&cases[i].x, &y, 1);
            ck_assert_msg(y == cases[i].y, "%s: %s(%g) is %g", an_isa_name((an_isa)isa),
                          functions[cases[i].function].name, (double)cases[i].x, (double)y);
        }
}
END_TEST

START_TEST(test_odd_functions_keep_signed_zero)
{
    const float zero = -0.0f;
    float y = 1;
    const int best = (int)an_runtime_isa();
    const int odd[] = {2, 4, 5, 6};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        sets[best]->fn[odd[i]](&zero, &y, 1);
        ck_assert_msg(y == 0 && signbit(y), "%s", functions[odd[i]].name);
    }
}
END_TEST

AN_TEST_MAIN("vecmath", test_accuracy_and_equal_bits, test_limits,
             test_odd_functions_keep_signed_zero)
