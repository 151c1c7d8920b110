/* curves.h -- functions of a vector that formulas.def is made of.
 *
 * None cancels where it need not, and none makes a NaN of an infinity that has a limit there.
 *
 * Phi(x), the share of a normal distribution below x, is computed from its tail:
 * 1 + erf would lose every digit where x is negative, which is where gelu bends.
 *
 *   Phi(-z) = e^(-z^2/2) P(t) / (z + 5/2),   t = (z - 5/2) / (z + 5/2),  z >= 0
 *
 * P was fitted for least largest relative error over 0 <= z <= 14.5 (Lawson's
 * reweighting), then rounded coefficient by coefficient. z^2 is kept in two
 * parts, as exp multiplies its argument's error by z^2. Within 6 ulp of the
 * exact tail.                                                                 */
#ifndef AN_OPS_KERNELS_CURVES_H
#define AN_OPS_KERNELS_CURVES_H

#include "core/vecmath.h"

typedef struct normal {
    an_v share, density; /* Phi(x), and its derivative phi(x) */
} normal;

/* x, but no further from 0 than `most`: there all that fades with x has faded, and an x or x^2
 * of infinity would make a NaN of it. A NaN comes to `most`, too: what fades is one by itself. */
AN_INLINE an_v within(an_v x, float most)
{
    const an_v size = an_v_abs(x), end = an_v_set(most);
    return an_v_with_sign(an_v_select(an_v_lt(size, end), size, end), x);
}

AN_INLINE an_vi is_zero(an_v x)
{
    return an_v_eq(x, an_v_set(0.0f));
}

/* x, but 0 where it is NaN and `nothing` came in. */
AN_INLINE an_v or_nothing(an_v x, an_vi nothing)
{
    return an_v_select(nothing, an_v_select(an_v_eq(x, x), x, an_v_set(0.0f)), x);
}

#define TAIL 15.0f /* from there on the tail and the density are 0 */

AN_INLINE normal normal_at(an_v x)
{
    static const float c[] = {0x1.69cee6p-1f,  -0x1.bc19cap-2f,  0x1.0e4fc0p-3f, 0x1.2eb4f6p-7f,
                              -0x1.0c9964p-6f, -0x1.a6543cp-10f, 0x1.4d487cp-9f, 0x1.71c164p-11f,
                              -0x1.55e14ep-12f, -0x1.69f2ecp-13f};
    const an_v z = an_v_min(an_v_abs(x), an_v_set(TAIL));
    const an_v square = z * z, lost = an_v_fma(z, z, -square);
    const an_v bell = an_v_exp(-0.5f * square);
    const an_v exact = an_v_fma(bell, -0.5f * lost, bell);
    const an_v inverse = 1.0f / (z + 2.5f);
    const an_v tail = exact * an_v_polynomial((z - 2.5f) * inverse, c, 10) * inverse;
    const an_v share = an_v_select(an_v_gt(x, an_v_set(0.0f)), 1.0f - tail, tail);
    return (normal){share, 0x1.988454p-2f * exact}; /* 1 / sqrt(2 pi) */
}

/* 2u of gelu's tanh form: 1 + tanh(u) is 2 sigmoid(2u), which does not cancel. */
#define LINEAR 0x1.988454p+0f   /* 2 sqrt(2 / pi) */
#define CUBIC 0x1.2444f2p-4f    /* 0.044715 times that */

AN_INLINE an_v gelu_tanh_share(an_v x)
{
    return an_v_sigmoid(x * an_v_fma(an_v_set(CUBIC), x * x, an_v_set(LINEAR)));
}

AN_INLINE an_v gelu_erf_slope(an_v x)
{
    const normal n = normal_at(x);
    return an_v_fma(within(x, TAIL), n.density, n.share);
}

AN_INLINE an_v gelu_tanh_slope(an_v far)
{
    const an_v s = gelu_tanh_share(far), x = within(far, 16.0f); /* s is 0 or 1 from 11 on */
    const an_v inner = an_v_fma(an_v_set(3.0f * CUBIC), x * x, an_v_set(LINEAR));
    return s * an_v_fma(x * (1.0f - s), inner, an_v_set(1.0f));
}

/* -1, 0 or 1; a zero and a NaN stay as they are. */
AN_INLINE an_v sign_of(an_v x)
{
    const an_vi some = an_v_gt(an_v_abs(x), an_v_set(0.0f));
    return an_v_select(some, an_v_with_sign(an_v_set(1.0f), x), x);
}

#define WHOLE 0x1p23f /* from here on every float is a whole number */

/* To the nearest whole number, halves to the even one; the sign of x stays, that of a zero too. */
AN_INLINE an_v rounded(an_v x)
{
    const an_v size = an_v_abs(x), near = (size + WHOLE) - WHOLE;
    return an_v_select(an_v_lt(size, an_v_set(WHOLE)), an_v_with_sign(near, x), x);
}

AN_INLINE an_v floor_of(an_v x)
{
    const an_v near = rounded(x), below = near - 1.0f;
    return an_v_select(an_v_gt(near, x), below, near);
}

AN_INLINE an_v elu_of(an_v x, float alpha)
{
    const an_v zero = an_v_set(0.0f);
    const an_vi above = an_v_gt(x, zero);
    return an_v_select(above, x, alpha * an_v_expm1(an_v_select(above, zero, x)));
}

/* x tanh(softplus(x)) = x n / d with e = e^-|x|: n = 1 + 2e, d = n + 2e^2, and below zero
 * n = e (2 + e), d = n + 2. From -128 on e is 0. */
AN_INLINE an_v mish_of(an_v x)
{
    const an_vi below = an_v_lt(x, an_v_set(0.0f));
    const an_v e = an_v_exp(-an_v_abs(x));
    const an_v n = an_v_select(below, e * (2.0f + e), 1.0f + 2.0f * e);
    const an_v d = n + an_v_select(below, an_v_set(2.0f), 2.0f * e * e);
    return an_v_max(x, an_v_set(-128.0f)) * (n / d);
}

/* (x + 3) / 6, held to 0 and 1. */
AN_INLINE an_v sixth(an_v x)
{
    return an_v_min(an_v_max(x + 3.0f, an_v_set(0.0f)), an_v_set(6.0f)) / 6.0f;
}

#undef TAIL
#undef LINEAR
#undef CUBIC
#undef WHOLE
#endif
