/* elementwise.c -- arithmetic, functions and masks of floats, sixteen at a time. */
#include "ops/kernels/loops.h"
#include "ops/ops.h"

void AN_ISA(copy)(const float *x, float *y, int64_t count)
{
    if (x != y && count > 0) memcpy(y, x, (size_t)count * sizeof *y);
}

/* ---- two operands: each moves (step 1) or stays (step 0) ---------------- */

BINARY(add, u + v)
BINARY(sub, u - v)
BINARY(mul, u * v)
BINARY(div, u / v)
BINARY(maximum, an_v_max(u, v))
BINARY(minimum, an_v_min(u, v))

/* ---- one operand ------------------------------------------------------- */

UNARY(neg, -u)
UNARY(abs, an_v_abs(u))
UNARY(square, u * u)
UNARY(sqrt, an_v_sqrt(u))
UNARY(exp, an_v_exp(u))
UNARY(log, an_v_log(u))
UNARY(erf, an_v_erf(u))
UNARY(tanh, an_v_tanh(u))
UNARY(sigmoid, an_v_sigmoid(u))
UNARY(relu, an_v_max(an_v_set(0.0f), u))

/* ---- masks ------------------------------------------------------------- */

/* Plain loops: here the compiler packs lanes into bytes well. */
#define COMPARE_STEPS(test)                                                                        \
    do {                                                                                           \
        if (step_a == 1 && step_b == 1) {                                                          \
            for (int64_t i = 0; i < count; i++) y[i] = a[i] test b[i];                             \
        } else if (step_a == 1) {                                                                  \
            const float fixed = *b;                                                                \
            for (int64_t i = 0; i < count; i++) y[i] = a[i] test fixed;                            \
        } else {                                                                                   \
            const float fixed = *a;                                                                \
            for (int64_t i = 0; i < count; i++) y[i] = fixed test b[i * step_b];                   \
        }                                                                                          \
    } while (0)

void AN_ISA(compare)(int test, const float *restrict a, int64_t step_a, const float *restrict b,
                     int64_t step_b, uint8_t *restrict y, int64_t count)
{
    if (count <= 0) return;
    if (test == AN_EQ) COMPARE_STEPS(==);
    else if (test == AN_NE) COMPARE_STEPS(!=);
    else if (test == AN_LT) COMPARE_STEPS(<);
    else COMPARE_STEPS(<=);
}

typedef uint8_t mask_bytes __attribute__((vector_size(AN_LANES)));

/* Bytes of a mask as lanes: -1 where set. */
AN_INLINE an_vi mask_load(const uint8_t *p, int64_t step, int64_t n)
{
    mask_bytes bytes;
    if (step && n == AN_LANES) {
        memcpy(&bytes, p, sizeof bytes);
    } else {
        for (int i = 0; i < AN_LANES; i++) bytes[i] = i < n ? p[i * step] : 0;
    }
    return __builtin_convertvector(bytes, an_vi) != an_vi_set(0);
}

void AN_ISA(choose)(const an_choice *x, float *y, int64_t count)
{
    const an_v a0 = an_v_set(*x->a), b0 = an_v_set(*x->b);
    for (int64_t i = 0; i < count; i += AN_LANES) {
        const int64_t n = count - i < AN_LANES ? count - i : AN_LANES;
        const an_vi mask = mask_load(x->condition + i * x->step_condition, x->step_condition, n);
        const an_v a = x->step_a ? an_v_load_n(x->a + i, n, 0.0f) : a0;
        const an_v b = x->step_b ? an_v_load_n(x->b + i, n, 0.0f) : b0;
        an_v_store_n(y + i, n, an_v_select(mask, a, b));
    }
}
