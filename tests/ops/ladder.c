/* ladder.c -- the sizes at which ops are tried.
 *
 * Three ladders, as points multiply with operands: all powers of two for one operand, the rungs
 * where functions turn, saturate or overflow for two, few for three.                          */
#include "tests/ops/magnitudes.h"

#include <float.h>
#include <math.h>

/* Where e^x, its sums and squares leave f32 and f64, and where nothing should happen. */
static const double usual[] = {
    0x1p-149, 3e-45, 1e-42, 0x1.fffffcp-127, 0x1p-126, 1e-35, 1e-30, 1e-23, 1e-20, 1e-15, 1e-10,
    1e-7, 1e-5, 1e-3, 0.1, 0.25, 0.5, 0.75, 0.999, 1, 1.001, 1.5, 2, 3, 4, 5.5, 7, 10, 13, 15, 17,
    20, 38, 50, 87, 88, 88.7, 89, 100, 104, 110, 300, 709, 710, 745, 746, 1e3, 1e4, 1e6, 0x1p24,
    0x1p31, 1e10, 0x1p63, 1e15, 1e19, 1e20, 1e30, 1e37, 1.7e38, 3e38, (double)FLT_MAX,
    /* and those of f64 alone */
    0x1p-1074, 1e-310, 0x1p-1022, 1e-300, 1e-200, 1e-160, 1e-100, 1e-50, 1e-38, 1e50, 1e100, 1e150,
    1e160, 1e200, 1e300, 1.7e308, DBL_MAX};
static const double sparse[] = {0x1p-149, 1e-38, 1e-30, 1e-10, 1e-3, 1, 3, 100, 1e4, 1e10, 1e30,
                                (double)FLT_MAX, 0x1p-1074, 1e-160, 1e160, DBL_MAX};

typedef struct ladder {
    an_dtype dtype;
    double *value;
    int64_t count;
} ladder;

/* Rounded to the dtype; what becomes 0 or infinite by that belongs to the wider one. */
static void add_rung(ladder *l, double size)
{
    const double v = l->dtype == AN_F32 ? (double)(float)size : size;
    if (v == 0 || isinf(v)) return;
    l->value[l->count++] = v;
    l->value[l->count++] = -v;
}

static void add_powers(ladder *l)
{
    const int low = l->dtype == AN_F32 ? -149 : -1074, high = l->dtype == AN_F32 ? 127 : 1023;
    for (int e = low; e <= high; e++) {
        add_rung(l, ldexp(1.37, e));
        add_rung(l, ldexp(1.9, e));
    }
}

int64_t an_ladder(an_dtype dtype, int density, double **out)
{
    const bool few = density == AN_LADDER_SPARSE;
    const double *rung = few ? sparse : usual;
    const size_t rungs = few ? sizeof sparse / sizeof *sparse : sizeof usual / sizeof *usual;
    ladder l = {dtype, malloc(sizeof *l.value * 10000), 0};
    ck_assert_ptr_nonnull(l.value);
    for (size_t i = 0; i < rungs; i++) add_rung(&l, rung[i]);
    if (density == AN_LADDER_DENSE) add_powers(&l);
    const double special[] = {0.0, -0.0, (double)INFINITY, -(double)INFINITY, (double)NAN};
    for (size_t i = 0; i < sizeof special / sizeof *special; i++) l.value[l.count++] = special[i];
    *out = l.value;
    return l.count;
}
