/* rows.c -- long rows and rows beyond f32's sums, against formulas in long double.
 *
 * What all kernels share cannot be seen by comparing them, and what other batteries draw is
 * short and of ordinary size.                                                 */
#include "tests/mutants/mutants.h"
#include "tests/ops/run_op.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#define ISA ((int)an_runtime_isa())

typedef struct trouble {
    const char *name;
    int64_t width;
    float (*value)(int64_t i);
    float eps;
} trouble;

static float two_values(int64_t i) { return i % 2 ? 1.37f : -1.37f; }
static float far(int64_t i) { return 1e6f + 1.1f * (float)(i * 7919 % 13); }
static float large(int64_t i) { return (float)(i % 5 - 2) * 1.1e30f; }
static float largest(int64_t i) { return i % 3 ? 3e38f : -3e38f; }
static float small(int64_t i) { return (float)(i % 5 - 2) * 1.1e-23f; }
static float least(int64_t i) { return (float)(i % 5 - 2) * 1e-39f; }
static float constant(int64_t i) { return (float)i * 0 + 7654321.5f; }
static float one_off(int64_t i) { return i == 5 ? 9999998 : 9999997; }

static const trouble troubles[] = {
    {"+-1.37", 300000, two_values, 1e-5f}, {"far from zero", 300000, far, 1e-5f},
    {"1e30", 40, large, 1e-5f},            {"1e30, long", 3000, large, 1e-5f},
    {"3e38", 40, largest, 1e-5f},          {"1e-23", 40, small, 0},
    {"1e-23, long", 3000, small, 0},       {"1e-39", 40, least, 0},
    {"constant", 1000, constant, 1e-12f},  {"constant, long", 300000, constant, 1e-12f},
    {"all but one alike", 1000, one_off, 0},
};

enum { X, SKIP, DY, DSUM, Y, SUM, DX, DGAMMA, WIDE }; /* then one number each: */
enum { MEAN, RSTD, NUMBERS };

static void object_far(const trouble *t, bool rms, const char *what, int64_t i, double is,
                       long double must, long double allowed)
{
    const long double off = fabsl((long double)is - must);
    if (!(off <= allowed))
        an_object("rows", "%s%s: %s %lld is %g, must be %Lg", t->name, rms ? ", rms" : "", what,
                  (long long)i, is, must);
}

/* As tests/ops/test_norm_bound.c says it, with room to spare. */
static void judge(const trouble *t, bool rms, float *const v[])
{
    const long double width = (long double)t->width, unit = 0x1p-24L;
    long double mean = 0, squares = 0, w = 0, wx = 0, size = 0;
    for (int64_t i = 0; i < t->width && !rms; i++) mean += (long double)v[SUM][i];
    mean /= width;
    for (int64_t i = 0; i < t->width; i++)
        squares += ((long double)v[SUM][i] - mean) * ((long double)v[SUM][i] - mean);
    const long double rstd = 1 / sqrtl(squares / width + (long double)t->eps);
    for (int64_t i = 0; i < t->width; i++) {
        w += rms ? 0 : (long double)v[DY][i] / width;
        wx += (long double)v[DY][i] * ((long double)v[SUM][i] - mean) * rstd / width;
        size += fabsl((long double)v[DY][i]) / width;
    }
    for (int64_t i = 0; i < t->width; i++) {
        const long double hat = ((long double)v[SUM][i] - mean) * rstd;
        const long double d = (((long double)v[DY][i] - w) - hat * wx) * rstd;
        const long double of = fabsl((long double)v[DY][i]) + 2 * size * (1 + fabsl(hat));
        object_far(t, rms, "y", i, (double)v[Y][i], hat, 6 * unit * (1 + fabsl(hat)));
        object_far(t, rms, "dgamma", i, (double)v[DGAMMA][i], hat * (long double)v[DY][i],
                   8 * unit * (1 + fabsl(hat)) * (long double)v[DY][i]);
        if (fabsl(d) < (long double)FLT_MAX / 2)
            object_far(t, rms, "dx", i, (double)v[DX][i], (long double)v[DSUM][i] + d,
                       8 * unit * (of * rstd + fabsl((long double)v[DSUM][i])) + 0x1p-148L);
    }
}

static void try_rows(const trouble *t, bool rms)
{
    float *v[WIDE], number[NUMBERS];
    an_tensor row[WIDE], one[NUMBERS];
    const an_attrs attrs = {.axis = -1, .eps = t->eps};
    const an_tensor none = {0};
    for (int k = 0; k < WIDE; k++) {
        v[k] = an_alloc_zeroed(t->width * (int64_t)sizeof(float));
        if (!v[k]) abort();
        row[k] = an_tensor_borrow(AN_F32, AN_EXTENTS(1, t->width), v[k]);
    }
    for (int k = 0; k < NUMBERS; k++) one[k] = an_tensor_borrow(AN_F32, AN_EXTENTS(1), &number[k]);
    for (int64_t i = 0; i < t->width; i++) {
        v[X][i] = t->value(i);
        v[DY][i] = 0.8f + (float)(i * 31 % 7) / 16;
        v[DSUM][i] = 0.25f * (float)(i % 3) / t->value(1);
        if (!(fabsf(v[DSUM][i]) < 1e30f)) v[DSUM][i] = 0;
    }
    if (rms) {
        an_test_run_op(AN_OP_add_rms_norm, ISA, &attrs, 3,
                       (an_tensor[]){row[X], row[SKIP], none}, 3,
                       (an_tensor[]){row[Y], row[SUM], one[RSTD]});
        an_test_run_op(AN_OP_add_rms_norm_grad, ISA, &attrs, 5,
                       (an_tensor[]){row[DY], row[SUM], none, one[RSTD], row[DSUM]}, 2,
                       (an_tensor[]){row[DX], row[DGAMMA]});
    } else {
        an_test_run_op(AN_OP_add_norm, ISA, &attrs, 4,
                       (an_tensor[]){row[X], row[SKIP], none, none}, 4,
                       (an_tensor[]){row[Y], row[SUM], one[MEAN], one[RSTD]});
        an_test_run_op(AN_OP_add_norm_grad, ISA, &attrs, 6,
                       (an_tensor[]){row[DY], row[SUM], none, one[MEAN], one[RSTD], row[DSUM]}, 3,
                       (an_tensor[]){row[DX], row[DGAMMA], none});
    }
    for (int64_t i = 0; i < t->width; i++)
        object_far(t, rms, "sum", i, (double)v[SUM][i], (long double)v[X][i], 0);
    judge(t, rms, v);
    for (int k = 0; k < WIDE; k++) an_free(v[k]);
}

/* ---- sums of many: softmax, and one id many times ------------------------ */

#define MANY 300000

static void try_sums(void)
{
    float *x = an_alloc_zeroed(MANY * (int64_t)sizeof *x);
    float *y = an_alloc_zeroed(MANY * (int64_t)sizeof *y);
    int32_t *ids = an_alloc_zeroed(MANY * (int64_t)sizeof *ids);
    float sum = 0;
    if (!x || !y || !ids) abort();
    for (int64_t i = 1; i < MANY; i++) x[i] = -0.7f;
    const double all = 1 + (MANY - 1) * exp(-(double)0.7f);
    const int64_t shapes[][2] = {{1, MANY}, {MANY / 2, 2}};
    for (int k = 0; k < 2; k++) {
        an_test_run_op(AN_OP_softmax, ISA, &(an_attrs){.axis = k == 0 ? 1 : 0}, 1,
                       (an_tensor[]){an_tensor_borrow(AN_F32, 2, shapes[k], x)}, 1,
                       (an_tensor[]){an_tensor_borrow(AN_F32, 2, shapes[k], y)});
        const double want = k == 0 ? 1 / all : 1 / (1 + (MANY / 2 - 1) * exp(-(double)0.7f));
        if (!(fabs((double)y[0] / want - 1) <= 1e-6))
            an_object("rows", "softmax of many is off by %g", (double)y[0] / want - 1);
    }
    const an_tensor in[] = {an_tensor_borrow(AN_I32, AN_EXTENTS(MANY), ids),
                            an_tensor_borrow(AN_F32, AN_EXTENTS(MANY), x)};
    an_test_run_op(AN_OP_scatter_add, ISA, &(an_attrs){.size = 1}, 2, in, 1,
                   (an_tensor[]){an_tensor_borrow(AN_F32, AN_EXTENTS(1), &sum)});
    if (!(fabs((double)sum / (-(double)0.7f * (MANY - 1)) - 1) <= 2e-6))
        an_object("rows", "one id many times: %g", (double)sum);
    an_free(x);
    an_free(y);
    an_free(ids);
}

void an_battery_rows(void)
{
    for (size_t i = 0; i < sizeof troubles / sizeof *troubles; i++)
        for (int rms = 0; rms < 2; rms++) try_rows(&troubles[i], rms);
    try_sums();
}
