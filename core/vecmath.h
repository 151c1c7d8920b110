/* vecmath.h -- exp, log, tanh, sigmoid and erf of sixteen floats.
 *
 * Polynomials with explicit fma, hence the same bits on every instruction set.
 * Errors are measured over all floats by tests/core: see the table at each
 * function. NaN gives NaN, infinities give their limits.                     */
#ifndef AN_CORE_VECMATH_H
#define AN_CORE_VECMATH_H

#include "core/simd.h"

AN_INLINE an_v an_v_exp(an_v x);
AN_INLINE an_v an_v_log(an_v x);
AN_INLINE an_v an_v_tanh(an_v x);
AN_INLINE an_v an_v_sigmoid(an_v x);
AN_INLINE an_v an_v_erf(an_v x);

#endif
