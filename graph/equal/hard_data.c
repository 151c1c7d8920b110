/* hard_data.c -- rows that hurt a norm, one trouble per variant.
 *
 * Each row of the table makes one element from where it lies; the row's own scale and
 * sign are shared by all leaves, so that an addition of two troubled rows is as
 * troubled. Scales and shifts always hold zeros, of both signs, and negatives. Kernels
 * stay plain: behind one whose rows are far from zero, or hold a NaN, all rows are alike. */
#include "graph/equal/trial_data.h"

#include <float.h>
#include <math.h>

typedef struct spot { /* where an element lies */
    const an_leaf_fill *l;
    int64_t i, row, column, rows, width;
} spot;

/* One of [low, high], the same for the whole row of all leaves. */
static int64_t of_row(const spot *at, int64_t low, int64_t high)
{
    return low + an_random_bits_at(&at->l->shared, at->row) % (high - low + 1);
}

static double uniform(const spot *at) /* in +-1 */
{
    return 2 * an_draw_uniform(&at->l->own, at->i) - 1;
}

/* Uniform in +-sqrt(3) deviates by 1; rows differ in scale and in sign. */
static double far_from_zero(const spot *at, double ratio)
{
    const int64_t scale = of_row(at, -8, 7);
    return ldexp((scale & 1 ? -ratio : ratio) + sqrt(3) * uniform(at), (int)(scale / 2));
}

/* The mean of a constant that needs all 24 bits is rounded, more so in long rows. */
static double constant_row(const spot *at, double most)
{
    const double value = 4 * an_draw_uniform(&at->l->own, at->row) - 2;
    return value * pow(most, (double)of_row(at, 0, 2) / 2);
}

static double zero_row(const spot *at, double other)
{
    return at->row % 2 == 0 ? 0 : other * an_plain_value(&at->l->own, at->i);
}

static double around_zero(const spot *at, double most)
{
    return most * uniform(at);
}

/* In one row, the same in all leaves, and in one column of it. */
static double one_special(const spot *at, double special)
{
    const bool here = at->row == an_random_bits_at(&at->l->shared, 0) % at->rows &&
                      at->column == an_random_bits_at(&at->l->own, 0) % at->width;
    return here ? special : an_plain_value(&at->l->own, at->i);
}

/* One large pattern in all leaves, which an addition of two leaves takes away. */
static double cancelling(const spot *at, double most)
{
    const double large = most * (2 * an_draw_uniform(&at->l->shared, at->i) - 1);
    return (at->l->addend == AN_ADDEND_SECOND ? -large : large) + uniform(at);
}

static const struct {
    const char *name;
    double (*value)(const spot *at, double amount);
    double amount;
    bool inputs; /* weights stay plain */
} troubles[] = {
    {"rows at 1 deviation from zero", far_from_zero, 1, false},
    {"rows at 100 deviations from zero", far_from_zero, 1e2, false},
    {"rows at 1e4 deviations from zero", far_from_zero, 1e4, false},
    {"rows at 1e7 deviations from zero", far_from_zero, 1e7, false},
    {"constant rows", constant_row, 1e7, false},
    {"rows of zeros", zero_row, 1, false},
    {"squares that overflow", around_zero, 1e20, false},
    {"sums that overflow", around_zero, FLT_MAX, false},
    {"denormal rows", around_zero, 1e-40, false},
    {"addends that cancel", cancelling, 1e4, false},
    {"one infinity", one_special, INFINITY, true},
    {"one NaN", one_special, NAN, true},
};
#define TROUBLES ((int)(sizeof troubles / sizeof *troubles))

const char *an_hard_name(int variant)
{
    return variant < TROUBLES ? troubles[variant].name : NULL;
}

/* Of each eight: +-v, -|v|, 0, +-v, +-v, -|v|, -0, +-v. */
static double scale_or_shift(const an_stream *s, int64_t i)
{
    const double v = an_plain_value(s, i);
    if (i % 4 == 2) return i % 8 == 6 ? -0.0 : 0;
    return i % 4 == 1 ? -fabs(v) : v;
}

void an_hard_fill(const an_leaf_fill *l, an_tensor *t)
{
    const bool plain = l->kernel || (l->state && troubles[l->variant].inputs);
    spot at = {.l = l, .width = t->rank > 0 ? t->extent[t->rank - 1] : 1};
    const int64_t count = an_tensor_count(t);
    at.rows = at.width > 0 ? count / at.width : 0;
    for (; at.i < count; at.i++) {
        at.row = at.i / at.width;
        at.column = at.i % at.width;
        const double v = t->rank < 2 ? scale_or_shift(&l->own, at.i)
                         : plain     ? an_plain_value(&l->own, at.i)
                                     : troubles[l->variant].value(&at, troubles[l->variant].amount);
        an_tensor_set(t, at.i, v * l->scale);
    }
}
