/* composed.c -- what is said in other ops at once: builders, no rows of the table.
 *
 *   var        sum (e - mean e)^2 / (n - ddof),  e = x - mean x      of two passes, see below
 *   logsumexp  m + log sum e^(x - m)             m the largest, 0 where that is infinite
 *   tril       x where j <= i + k, else 0        i, j along the last two axes
 *   triu       x where j >= i + k, else 0
 *   argmin     argmax of -x, of integers -1 - x: every one has another, which -x has not
 *
 * Each is as exact as an op of its own would be, and its gradients of any order are those of its
 * parts. What a formula is only shifted by (the mean, the largest) is a constant to gradients:
 * it cancels.
 *
 * var: the mean of x is rounded, by much if x lies far from 0. e is small, and exact where x and
 * the mean are near each other, so that its mean can be told, and what is squared is right for rows
 * that lie 1e6 deviations from 0. (T. Chan, G. Golub, R. LeVeque, "Algorithms for computing the
 * sample variance", 1983.)                                                     */
#include "ops/op.h"

#include <math.h>

an_value an_var_axes_at(an_at at, an_value x, an_axes axes, int ddof, bool keep)
{
    const an_value shift = an_stop_gradient_at(at, an_mean_axes_at(at, x, axes, true));
    const an_value e = an_sub_at(at, x, shift);
    const an_value apart = an_square_at(at, an_sub_at(at, e, an_mean_axes_at(at, e, axes, true)));
    if (ddof == 0) return an_mean_axes_at(at, apart, axes, keep);
    const an_value n = an_count_at(at, x, axes);
    return an_div_at(at, an_sum_axes_at(at, apart, axes, keep),
                     an_sub_at(at, n, an_number_at(at, n, ddof)));
}

an_value an_var_at(an_at at, an_value x, int axis, int ddof)
{
    return an_var_axes_at(at, x, AN_AXES(axis), ddof, false);
}

/* x without its kept axes of extent 1: of the shape that a sum without `keep` has. */
static an_value without(an_at at, an_value x, an_value like)
{
    return an_reshape_at(at, x, an_type_of(like).shape);
}

an_value an_logsumexp_axes_at(an_at at, an_value x, an_axes axes, bool keep)
{
    const an_value most = an_stop_gradient_at(at, an_max_axes_at(at, x, axes, true));
    const an_value far = an_number_at(at, x, (double)INFINITY);
    const an_value is_finite = an_compare_at(at, an_abs_at(at, most), AN_LT, far);
    const an_value shift = an_where_at(at, is_finite, most, an_number_at(at, x, 0));
    const an_value sum =
        an_sum_axes_at(at, an_exp_at(at, an_sub_at(at, x, shift)), axes, keep);
    /* Nothing in a row: its log, -inf, is chosen, so that no gradient divides by 0. */
    const an_value nothing = an_compare_at(at, sum, AN_EQ, an_number_at(at, x, 0));
    const an_value some = an_where_at(at, nothing, an_number_at(at, x, 1), sum);
    const an_value y = an_add_at(at, an_log_at(at, some), without(at, shift, sum));
    return an_where_at(at, nothing, an_number_at(at, x, -(double)INFINITY), y);
}

an_value an_logsumexp_at(an_at at, an_value x, int axis)
{
    return an_logsumexp_axes_at(at, x, AN_AXES(axis), false);
}

/* Whether column `test` row + k, for each element of a matrix of x's last two axes. */
static an_value triangle(an_at at, an_value x, const char *op, an_test test, int k)
{
    const an_shape shape = an_type_of(x).shape;
    if (an_is_missing(x)) return (an_value){x.graph, 0};
    if (shape.rank < 2) {
        an_reject(at, x.graph, AN_E_SHAPE, "%s: x must have rank 2 or more, not %d", op,
                  shape.rank);
        return (an_value){x.graph, 0};
    }
    const an_dim rows = shape.dim[shape.rank - 2], columns = shape.dim[shape.rank - 1];
    const an_value row = an_iota_at(at, x.graph, AN_I64, AN_SHAPE(rows, 1), 0);
    const an_value column = an_iota_at(at, x.graph, AN_I64, AN_SHAPE(1, columns), 1);
    const an_value inside =
        an_compare_at(at, column, test, an_add_at(at, row, an_number_at(at, row, k)));
    return an_where_at(at, inside, x, an_number_at(at, x, 0));
}

an_value an_tril_at(an_at at, an_value x, int k)
{
    return triangle(at, x, "tril", AN_LE, k);
}

an_value an_triu_at(an_at at, an_value x, int k)
{
    return triangle(at, x, "triu", AN_GE, k);
}

an_value an_argmin_at(an_at at, an_value x, int axis)
{
    const bool is_float = an_dtype_is_float(an_type_of(x).dtype);
    if (is_float) return an_argmax_at(at, an_neg_at(at, x), axis);
    return an_argmax_at(at, an_sub_at(at, an_number_at(at, x, -1), x), axis);
}
