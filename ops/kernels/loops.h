/* loops.h -- a vector formula as a kernel over whole arrays.
 *
 * A loop handles whole vectors and then the rest through partial loads, so the
 * last elements get the very bits they would get in the middle. Results may be
 * written over an operand: every load of a position comes before its store.   */
#ifndef AN_OPS_KERNELS_LOOPS_H
#define AN_OPS_KERNELS_LOOPS_H

#include "core/vecmath.h"
#include "ops/kernels/kernels.h"

/* Defines the kernel `name` by `formula` of the vectors u and v. The constant
 * arguments let the compiler drop the choice from each of the loops. */
#define BINARY(name, formula)                                                                      \
    AN_INLINE void name##_loop(const float *a, bool stay_a, const float *b, bool stay_b, float *y, \
                               int64_t count)                                                      \
    {                                                                                              \
        const an_v a0 = an_v_set(*a), b0 = an_v_set(*b);                                           \
        int64_t i = 0;                                                                             \
        for (; i + AN_LANES <= count; i += AN_LANES) {                                             \
            const an_v u = stay_a ? a0 : an_v_load(a + i), v = stay_b ? b0 : an_v_load(b + i);     \
            an_v_store(y + i, formula);                                                            \
        }                                                                                          \
        if (i == count) return;                                                                    \
        const int64_t rest = count - i;                                                            \
        const an_v u = stay_a ? a0 : an_v_load_n(a + i, rest, 1.0f);                               \
        const an_v v = stay_b ? b0 : an_v_load_n(b + i, rest, 1.0f);                               \
        an_v_store_n(y + i, rest, formula);                                                        \
    }                                                                                              \
    void AN_ISA(name)(const float *a, int64_t step_a, const float *b, int64_t step_b, float *y,    \
                      int64_t count)                                                               \
    {                                                                                              \
        if (count <= 0) return;                                                                    \
        if (step_a && step_b) name##_loop(a, false, b, false, y, count);                           \
        else if (step_a) name##_loop(a, false, b, true, y, count);                                 \
        else if (step_b) name##_loop(a, true, b, false, y, count);                                 \
        else name##_loop(a, true, b, true, y, count);                                              \
    }

/* Defines the kernel `name` of one operand by `formula` of the vector u, and of p and q. */
#define UNARY(name, formula)                                                                       \
    void AN_ISA(name)(const float *x, float *y, int64_t count, float p, float q)                   \
    {                                                                                              \
        (void)p, (void)q;                                                                          \
        int64_t i = 0;                                                                             \
        for (; i + AN_LANES <= count; i += AN_LANES) {                                             \
            const an_v u = an_v_load(x + i);                                                       \
            an_v_store(y + i, formula);                                                            \
        }                                                                                          \
        if (i == count) return;                                                                    \
        const an_v u = an_v_load_n(x + i, count - i, 1.0f);                                        \
        an_v_store_n(y + i, count - i, formula);                                                   \
    }

#endif
