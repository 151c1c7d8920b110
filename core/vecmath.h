/* vecmath.h -- exp, log, expm1, log1p, tanh, sigmoid and erf of sixteen floats.
 *
 * Polynomials with explicit fma, hence the same bits on every instruction set.
 * Each was fitted for least largest relative error (Lawson's reweighting), one
 * coefficient after the other rounded to single precision and the rest fitted
 * again. The error stated at each function bounds the largest
 * found over every 37th float against libm's double functions, in units of the
 * last place of the exact result; tests/core/test_vecmath.c repeats that over
 * fewer floats.
 *
 * NaN gives NaN, infinities give their limits, subnormal arguments and results
 * are exact or correctly rounded like any other: nothing is flushed.         */
#ifndef AN_CORE_VECMATH_H
#define AN_CORE_VECMATH_H

#include "core/simd.h"

/* The value of c[0] + c[1] x + ... + c[count-1] x^(count-1), by Horner's rule.
 * `count` is a constant wherever this is called, so the loop unrolls. */
AN_INLINE an_v an_v_polynomial(an_v x, const float *c, int count)
{
    an_v p = an_v_set(c[count - 1]);
    for (int i = count - 2; i >= 0; i--) p = an_v_fma(p, x, an_v_set(c[i]));
    return p;
}

/* Takes the sign of `sign`; x must not be negative. */
AN_INLINE an_v an_v_with_sign(an_v x, an_v sign)
{
    return (an_v)((an_vi)x | ((an_vi)sign & an_vi_set(INT32_MIN)));
}

/* 2^n for -126 <= n <= 127, made from its bits. */
AN_INLINE an_v an_v_power_of_two(an_vi n)
{
    return (an_v)((n + 127) << 23);
}

/* exp(r) - 1 for r = x - n log 2, |r| <= log(2)/2, and n in *exponent; |x| below 105. Adding
 * 1.5 * 2^23 rounds x/log 2 to the integer n and leaves it in the low bits. */
AN_INLINE an_v an_v_expm1_reduced(an_v x, an_vi *exponent)
{
    static const float c[] = {0x1p-1f,        0x1.555554p-3f,  0x1.5554e8p-5f,
                              0x1.111312p-7f, 0x1.6d4cfap-10f, 0x1.9df44cp-13f};
    const an_v magic = an_v_set(0x1.8p23f);
    const an_v shifted = an_v_fma(x, an_v_set(0x1.715476p0f), magic);
    const an_v n = shifted - magic;
    an_v r = an_v_fma(n, an_v_set(-0x1.62e43p-1f), x); /* log 2 in two parts */
    r = an_v_fma(n, an_v_set(0x1.05c61p-29f), r);
    *exponent = (an_vi)shifted - (an_vi)magic;
    return an_v_fma(an_v_polynomial(r, c, 6), r * r, r);
}

/* exp(x) = 2^n exp(r), r = x - n log 2, |r| <= log(2)/2. 2^n is applied in two factors: n
 * runs from -150 to 128, and a result below 2^-126 is rounded once, by the last product.
 *
 * Error below 0.98 ulp, subnormal results included; overflow gives inf. */
AN_INLINE an_v an_v_exp(an_v x)
{
    /* Beyond these the result is inf or 0 anyway. A NaN passes both. */
    x = an_v_select(an_v_gt(x, an_v_set(89.0f)), an_v_set(89.0f), x);
    x = an_v_select(an_v_lt(x, an_v_set(-104.0f)), an_v_set(-104.0f), x);
    an_vi exponent;
    const an_v p = an_v_expm1_reduced(x, &exponent) + 1.0f;
    const an_vi half = exponent >> 1;
    return p * an_v_power_of_two(half) * an_v_power_of_two(exponent - half);
}

/* exp(x) - 1 = 2^n (exp(r) - 1) + (2^n - 1); above 5 the 1 no longer cancels.
 *
 * Error below 1.5 ulp; expm1(-0) = -0. */
AN_INLINE an_v an_v_expm1(an_v x)
{
    const an_vi far = an_v_gt(x, an_v_set(5.0f));
    an_v near = an_v_select(far, an_v_set(0.0f), x);
    near = an_v_select(an_v_lt(near, an_v_set(-20.0f)), an_v_set(-20.0f), near);
    an_vi exponent;
    const an_v p = an_v_expm1_reduced(near, &exponent), scale = an_v_power_of_two(exponent);
    const an_v y = an_v_with_sign(an_v_abs(an_v_fma(p, scale, scale - 1.0f)), x);
    return an_v_select(far, an_v_exp(x) - 1.0f, y);
}

/* log(x) = e log 2 + log(m), m in [2/3, 4/3), f = m - 1 exactly, and
 * log(1 + f) = f - f^2/2 + f^3 P(f).
 *
 * Error below 0.94 ulp. log(0) = -inf; a negative x gives NaN. */
AN_INLINE an_v an_v_log(an_v x)
{
    static const float c[] = {0x1.555506p-2f,  -0x1.fffefap-3f, 0x1.99d05cp-3f, -0x1.559c3p-3f,
                              0x1.1ed452p-3f, -0x1.f33c0ap-4f, 0x1.1e72ap-3f,  -0x1.07ab7p-3f};
    const an_vi small = an_v_lt(x, an_v_set(0x1p-126f)); /* subnormals get their leading bit */
    const an_v scaled = an_v_select(small, x * 0x1p23f, x);

    /* Less the bits of 2/3; unsigned, as those of a negative x overflow, whose y nobody reads. */
    const an_vi exponent = (an_vi)((an_vu)scaled - 0x3f2aaaab) >> 23;
    const an_v m = (an_v)((an_vu)scaled - ((an_vu)exponent << 23));
    const an_v e = an_v_from_int(exponent + (small & -23));
    const an_v f = m - 1.0f, f2 = f * f;
    const an_v p = an_v_fma(an_v_polynomial(f, c, 8), f, an_v_set(-0.5f));
    const an_v y = an_v_fma(e, an_v_set(0x1.62e43p-1f), an_v_fma(p, f2, f));

    const an_v infinity = an_v_set(INFINITY);
    an_v special = an_v_select(an_v_eq(x, an_v_set(0.0f)), -infinity, an_v_set(NAN));
    special = an_v_select(an_v_eq(x, infinity), infinity, special);
    return an_v_select(an_v_gt(x, an_v_set(0.0f)) & an_v_lt(x, infinity), y, special);
}

/* log(1 + x) = log(u) + c/u, u = 1 + x rounded, c what rounding lost.
 *
 * Error below 1.7 ulp; log1p(-0) = -0, log1p(-1) = -inf; below -1 it is a NaN. */
AN_INLINE an_v an_v_log1p(an_v x)
{
    const an_v u = 1.0f + x, lost = x - (u - 1.0f), infinity = an_v_set(INFINITY);
    const an_vi inside = an_v_gt(u, an_v_set(0.0f)) & an_v_lt(u, infinity);
    const an_v y = an_v_log(u);
    return an_v_select(inside, an_v_with_sign(an_v_abs(y + lost / u), x), y);
}

/* tanh(x) = x + x^3 P(x^2) near zero, else 1 - 2/(exp(2|x|) + 1) with the sign
 * of x.
 *
 * Error below 0.95 ulp; tanh(-0) = -0. */
AN_INLINE an_v an_v_tanh(an_v x)
{
    static const float c[] = {-0x1.555552p-2f, 0x1.11103cp-3f,  -0x1.b9f6dap-5f,
                              0x1.64c044p-6f,  -0x1.18db64p-7f, 0x1.8f862cp-9f,
                              -0x1.ae8cbap-11f, 0x1.e76c16p-14f};
    const an_v size = an_v_abs(x), s = x * x;
    const an_v near = an_v_fma(an_v_polynomial(s, c, 8) * s, size, size);
    const an_v far = 1.0f - 2.0f / (an_v_exp(size + size) + 1.0f);
    return an_v_with_sign(an_v_select(an_v_lt(size, an_v_set(1.0f)), near, far), x);
}

/* sigmoid(x) = 1/(1 + z) for x >= 0 and z/(1 + z) for x < 0, z = exp(-|x|): z
 * never overflows, and far negative arguments keep full relative accuracy. The
 * quotient q is corrected by its remainder, in which `lost` is what rounding
 * 1 + z dropped.
 *
 * Error below 1.46 ulp. */
AN_INLINE an_v an_v_sigmoid(an_v x)
{
    const an_v z = an_v_exp(-an_v_abs(x));
    const an_v over = an_v_select(an_v_lt(x, an_v_set(0.0f)), z, an_v_set(1.0f));
    const an_v d = 1.0f + z, lost = z - (d - 1.0f), inverse = 1.0f / d;
    const an_v q = over * inverse;
    const an_v rest = an_v_fma(-q, lost, an_v_fma(-q, d, over));
    return an_v_fma(rest, inverse, q);
}

/* erf(x) = x + x P(x^2) near zero, else 1 - exp(-t + t R(t)), t = |x|, with the
 * sign of x: the exponent is a fit of log(erfc(t)). From t = 4 on the result is
 * 1 in single precision.
 *
 * Error below 0.98 ulp; erf(-0) = -0. */
AN_INLINE an_v an_v_erf(an_v x)
{
    static const float near_c[] = {0x1.06eba8p-3f,  -0x1.81273ep-2f, 0x1.ce2ce6p-4f,
                                   -0x1.b7f71ap-6f, 0x1.53f224p-8f,  -0x1.a3515ep-11f,
                                   0x1.4771fcp-14f};
    static const float far_c[] = {-0x1.078ae8p-3f, -0x1.45208ep-1f, -0x1.b40fa2p-4f, 0x1.886bc2p-6f,
                                  -0x1.e8fea4p-9f, 0x1.68f2f8p-12f, -0x1.bfcfbap-17f};
    const an_v size = an_v_abs(x);
    const an_v near = an_v_fma(an_v_polynomial(x * x, near_c, 7), size, size);
    const an_v t = an_v_select(an_v_gt(size, an_v_set(4.0f)), an_v_set(4.0f), size);
    const an_v far = 1.0f - an_v_exp(an_v_fma(an_v_polynomial(t, far_c, 7), t, -t));
    return an_v_with_sign(an_v_select(an_v_lt(size, an_v_set(1.0f)), near, far), x);
}

#endif
