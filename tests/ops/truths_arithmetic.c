/* truths_arithmetic.c -- arithmetic, tests, choices and casts, a second time. */
#include "tests/ops/truths.h"

/* ---- two operands and three -------------------------------------------- */

FORMULA(one, 1)
FORMULA(minus_one, -1)
FORMULA(first, a)
FORMULA(second, b)
FORMULA(third, c)
FORMULA(sum, a + b)
FORMULA(difference, a - b)
FORMULA(product, a * b)
FORMULA(quotient, a / b)
FORMULA(quotient_by_a, 1 / b)
FORMULA(quotient_by_b, -a / b / b)
/* Where a is 0 the result is, even if b is infinite, 0 or no number. */
FORMULA(chain, isnan(a * b) && (a == 0 || (b == 0 && !isnan(a))) ? 0 : a * b)
FORMULA(chain_over, a == 0 && (isnan(a / b)) ? 0 : a / b)
FORMULA(chain_over_by_b, a == 0 && isnan(a / b) ? 0 : -a / b / b)
FORMULA(larger, isnan(a) || a > b ? a : b)
FORMULA(smaller, isnan(a) || a < b ? a : b)
FORMULA(above, a > b ? 1 : a == b ? 0.5L : 0)
FORMULA(below, a < b ? 1 : a == b ? 0.5L : 0)
FORMULA(sum_of_three, (a + b) + c)
FORMULA(scaled_sum, a + c * b)
FORMULA(squared_error, (a - b) * (a - b))
FORMULA(squared_error_by_a, 2 * (a - b))
FORMULA(squared_error_by_b, 2 * (b - a))

EXCUSE(value_overflows, overflows(p, p->value) && isinf(p->got))
EXCUSE(sum_overflows, overflows(p, p->x[0] + p->x[1]) && !isfinite(p->got))
EXCUSE(product_overflows, overflows(p, p->x[1] * p->x[2]) && !isfinite(p->got))
EXCUSE(quotients_leave_range,
       !is_ordinary(p, p->dy / p->x[1]) || !is_ordinary(p, p->x[0] / p->x[1]))

/* ---- power ------------------------------------------------------------- */

/* glibc's powl takes -inf ^ -2^63 for inf. */
static an_real power_of(an_real a, an_real b)
{
    return isinf(a) ? (an_real)pow((double)a, (double)b) : powl(a, b);
}

FORMULA(power, power_of(a, b))
FORMULA(power_by_a, b == 0 ? 0 : b * power_of(a, b - 1))
FORMULA(power_by_b, a > 0 ? power_of(a, b) * logl(a) : 0) /* no real number below 0 */

/* Below 0 the gradient by b is 0, at a b of 0 that by a: no exceptions there. */
EXCUSE(power_leaves_range,
       p->x[0] > 0 && (!is_ordinary(p, p->value) || !is_ordinary(p, p->value * logl(p->x[0]))))

static bool lower_power_leaves_range(const an_point *p)
{
    if (p->x[1] == 0) return false;
    const an_real lower = power_of(p->x[0], p->x[1] - 1);
    return !is_ordinary(p, lower) || !is_ordinary(p, p->x[1] * lower);
}

/* By half a unit of b or of 1, which log a multiplies; below 0 it may become whole, or even. */
static bool exponent_rounds(const an_point *p)
{
    const an_real a = p->x[0], size = fabsl(p->x[1]);
    if (a < 0) return (size > 0 && size < 1) || size * p->of.unit >= 1;
    return is_within(p, fabsl(p->want / p->dy) * (4 + 2 * fabsl(logl(a)) * fmaxl(1, size)));
}

/* ---- one operand ------------------------------------------------------- */

FORMULA(negative, -a)
FORMULA(alone, a) /* of one rank */
FORMULA(size, fabsl(a))
FORMULA(sign, (an_real)((a > 0) - (a < 0)))
FORMULA(square, a * a)
FORMULA(twice, 2 * a)
FORMULA(root, sqrtl(a))
FORMULA(root_slope, 0.5L / fabsl(sqrtl(a)))
FORMULA(sign_or_nan, isnan(a) || a == 0 ? a : sign(x))
FORMULA(inverse_root, 1 / sqrtl(a))
FORMULA(inverse_root_slope, a < 0 ? (an_real)NAN : -0.5L / fabsl(a) / sqrtl(fabsl(a)))
FORMULA(inverse, 1 / a)
FORMULA(inverse_slope, -1 / a / a)
FORMULA(down, floorl(a))
FORMULA(up, ceill(a))
FORMULA(near, rintl(a))
FORMULA(flat, 0)
FORMULA(held, a < -0.5L ? -0.5L : a > 2 ? 2 : a)
FORMULA(held_open, isnan(a) ? 0 : 1)
FORMULA(held_slope, a >= -0.5L && a <= 2 ? 1 : 0)
FORMULA(ramp, a < 0 ? 0 : a)
FORMULA(ramp_slope, a > 0 ? 1 : 0)
FORMULA(leak, a > 0 ? a : a / 8)
FORMULA(leak_slope, a > 0 ? 1 : 0.125L)
FORMULA(hard, a < -3 ? 0 : a > 3 ? 1 : (a + 3) / 6)
FORMULA(hard_slope, fabsl(a) < 3 ? 1 / 6.0L : 0)
FORMULA(hard_swish, (a < -3 ? -3 : a) * hard(x))
FORMULA(hard_swish_slope, isnan(a) ? a : a < -3 ? 0 : a > 3 ? 1 : (2 * a + 3) / 6)

EXCUSE(a_is_minus_zero, p->x[0] == 0 && signbit(p->x[0]) && isinf(p->got))

/* ---- casts, tests, choices --------------------------------------------- */

static an_real whole(an_real a, an_real bound)
{
    if (isnan(a)) return 0;
    return a >= bound ? bound - 1 : a < -bound ? -bound : truncl(a) + 0; /* no -0 */
}

FORMULA(to_i32, whole(a, 0x1p31L))
FORMULA(to_i64, whole(a, 0x1p63L))
FORMULA(to_bool, a != 0)
FORMULA(is_eq, a == b)
FORMULA(is_ne, a != b)
FORMULA(is_lt, a < b)
FORMULA(is_le, a <= b)
FORMULA(is_gt, a > b)
FORMULA(is_ge, a >= b)
FORMULA(chosen, a != 0 ? b : c)
FORMULA(is_chosen, a != 0)
FORMULA(is_left, a == 0)

/* ---- the table --------------------------------------------------------- */

#define CAST(to, f, by_a)                                                                          \
    {"cast", "to " #to, 1, .attrs = {.dtype = AN_##to}, .value = EXACT(f), .slope = {{by_a}}}
#define COMPARE(which, f) {"compare", #which, 2, .attrs = {.test = AN_##which}, .value = EXACT(f)}

const an_truth an_truths_arithmetic[] = {
    {"add", 0, 2, .value = EXACT(sum), .slope = {{one}, {one}}},
    {"residual_add", 0, 2, .value = EXACT(sum), .slope = {{one}, {one}}},
    {"sub", 0, 2, .value = EXACT(difference), .slope = {{one}, {minus_one}}},
    {"mul", 0, 2, .value = EXACT(product), .slope = {{second}, {first}}},
    {"div", 0, 2, .value = EXACT(quotient), .slope = {{quotient_by_a}, {quotient_by_b}},
     .but = {{AN_OF_B, quotients_leave_range,
              "dy / b or y leaves the range, their product does not"}}},
    {"chain", "times", 2, .value = EXACT(chain), .slope = {{second}, {first}}},
    {"chain", "over", 2, .attrs = {.divide = true}, .value = EXACT(chain_over),
     .slope = {{quotient_by_a}, {chain_over_by_b}},
     .but = {{AN_OF_B, quotients_leave_range,
              "dy / b or y leaves the range, their product does not"}}},
    {"power", 0, 2, .value = {power},
     .slope = {{power_by_a, .steep = 2}, {power_by_b, .steep = 2}},
     .but = {{AN_OF_A, lower_power_leaves_range,
              "a ^ (b - 1) leaves the range, its product with b and dy does not"},
             {AN_OF_A, exponent_rounds, "b - 1 rounds"},
             {AN_OF_B, power_leaves_range,
              "y or y log a leaves the range, its product with dy does not"}}},
    {"maximum", 0, 2, .value = EXACT(larger), .slope = {{above}, {below}}},
    {"minimum", 0, 2, .value = EXACT(smaller), .slope = {{below}, {above}}},
    {"accumulate", 0, 3, .value = {sum_of_three, .steep = 1}, .slope = {{one}, {one}, {one}},
     .but = {{AN_OF_VALUE, sum_overflows, "documented: x0 + x1 rounds, here to infinity"}}},
    {"residual_add_scaled", 0, 3, .value = {scaled_sum, .steep = 1},
     .slope = {{one}, {third}, {second}},
     .but = {{AN_OF_VALUE, product_overflows, "documented: the product rounds, here to infinity"}}},
    {"mse", 0, 2, .output = 1, .value = {squared_error, .steep = 1},
     .slope = {{squared_error_by_a}, {squared_error_by_b}},
     .but = {{AN_OF_A | AN_OF_B, value_overflows,
              "2 (p - t) overflows before a tiny dy comes; the loss is infinite already"}}},

    {"all_reduce", 0, 1, .value = EXACT(alone), .slope = {{one}}},
    {"neg", 0, 1, .value = EXACT(negative), .slope = {{minus_one}}},
    {"abs", 0, 1, .value = EXACT(size), .slope = {{sign}}},
    {"square", 0, 1, .value = EXACT(square), .slope = {{twice}},
     .but = {{AN_OF_A, value_overflows,
              "2x overflows before a tiny dy comes; y is infinite already"}}},
    {"sqrt", 0, 1, .value = EXACT(root), .slope = {{root_slope}},
     .but = {{AN_OF_A, a_is_minus_zero, "sqrt(-0) is -0 by IEEE 754, and 1 / -0 is -inf"}}},
    {"sign", 0, 1, .value = EXACT(sign_or_nan), .slope = {{flat}}},
    {"rsqrt", 0, 1, .value = {inverse_root}, .slope = {{inverse_root_slope}}},
    {"reciprocal", 0, 1, .value = EXACT(inverse), .slope = {{inverse_slope}}},
    {"floor", 0, 1, .value = EXACT(down), .slope = {{flat}}},
    {"ceil", 0, 1, .value = EXACT(up), .slope = {{flat}}},
    {"round", 0, 1, .value = EXACT(near), .slope = {{flat}}},
    {"clip", 0, 1, .attrs = {.low = -0.5, .high = 2}, .value = EXACT(held),
     .slope = {{held_slope}}},
    {"clip", "open", 1, .attrs = {.low = -INFINITY, .high = INFINITY}, .value = EXACT(first),
     .slope = {{held_open}}},
    {"leaky_relu", 0, 1, .attrs = {.alpha = 0.125}, .value = EXACT(leak), .slope = {{leak_slope}}},
    {"hardsigmoid", 0, 1, .value = {hard}, .slope = {{hard_slope}}},
    {"hardswish", 0, 1, .value = {hard_swish}, .slope = {{hard_swish_slope, .steep = 1}}},
    {"relu", 0, 1, .value = EXACT(ramp), .slope = {{ramp_slope}}},

    CAST(F32, first, one),
    CAST(F64, first, one),
    CAST(I32, to_i32, NULL),
    CAST(I64, to_i64, NULL),
    CAST(BOOL, to_bool, NULL),
    COMPARE(EQ, is_eq),
    COMPARE(NE, is_ne),
    COMPARE(LT, is_lt),
    COMPARE(LE, is_le),
    COMPARE(GT, is_gt),
    COMPARE(GE, is_ge),
    {"where", 0, 3, .value = EXACT(chosen), .choice = true, .slope = {{0}, {is_chosen}, {is_left}}},
    {"stop_gradient", 0, 1, .value = EXACT(first)},
    {0}};
