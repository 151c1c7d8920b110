/* truths.h -- what the tables of truths share: how formulas and excuses are written.
 *
 * Formulas are in long double, whose exponents no f64 reaches: most may be the plain definition,
 * which an op's own formula may not. At infinities they give the limit. An excuse says no more
 * than it must: where it can, how far off a result may still be.                             */
#ifndef AN_TESTS_TRUTHS_H
#define AN_TESTS_TRUTHS_H

#include "tests/ops/magnitudes.h"

#include <math.h>

/* The function `name` of the operands a, b and c. */
#define FORMULA(name, formula)                                                                     \
    static an_real name(const an_real x[])                                                         \
    {                                                                                              \
        const an_real a = x[0], b = x[1], c = x[2];                                                \
        (void)a, (void)b, (void)c;                                                                 \
        return formula;                                                                            \
    }

/* Whether `condition` holds at the point p. */
#define EXCUSE(name, condition)                                                                    \
    static bool name(const an_point *p)                                                            \
    {                                                                                              \
        return condition;                                                                          \
    }

/* Correctly rounded, but for long double's own rounding. */
#define EXACT(f) {f, 0.5005}

static inline an_real at(an_truth_fn f, an_real a)
{
    return f((an_real[AN_TRUTH_OPERANDS]){a});
}

/* Neither 0 nor denormal nor infinite in the type: known to a unit of its own. */
static inline bool is_ordinary(const an_point *p, an_real v)
{
    return fabsl(v) >= p->of.least && fabsl(v) <= p->of.most;
}

static inline bool overflows(const an_point *p, an_real v)
{
    return fabsl(v) > p->of.most;
}

/* Off by no more than so many units of 1, which dy multiplies. */
static inline bool is_within(const an_point *p, an_real units)
{
    return fabsl(p->got - p->want) <= units * p->of.unit * fabsl(p->dy);
}

/* Off by no more than so many of the least numbers, which dy may multiply. */
static inline bool is_lost_below(const an_point *p, an_real count)
{
    return fabsl(p->got - p->want) <= count * p->of.tiny * (1 + fabsl(p->dy));
}

#endif
