/* test_norm_bound.c -- every finite row has its right norm.
 *
 * Over a grid of widths, magnitudes, offsets and kinds of rows, for layer_norm, rms_norm
 * and the two fused with a sum:
 *
 *   |y - y64| <= 4 * 2^-24 * (|xhat * gamma| + |beta| + |gamma|)
 *
 * where y64 comes from the rounded sum s by the formula in long double. Rows in which one
 * element is nearly all of the variance are held to 5: what is added to its square is
 * rounded in the same direction every time, by as much as f32 can (seen: 4.9, in rows of
 * 1000, one in 20,000 of that kind), and all of the error is in that element's y.
 * Backward, with w = gamma * dy, |dx - dx64| is held to 8 * 2^-24 of what dx is the
 * difference of. All instruction sets must give the same bits. The worst points are
 * printed; AN_NORM_WIDTH=10000000 walks wider rows, which takes minutes.            */
#include "tests/ops/run_op.h"
#include "tests/support.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define UNIT 0x1p-24L

/* ---- rows ------------------------------------------------------------------- */

enum { DRAWN, TWO_VALUES, ONE_FAR, ONE_IN_16, CONSTANT, KINDS };
static const char *const kinds[] = {"drawn", "+-a", "one far", "one in 16", "constant"};

typedef struct point { /* of the grid */
    int64_t width;
    double magnitude, offset; /* of the largest element; in deviations or so */
    int kind;
    bool rms, pair;
    float eps;
} point;

enum { X, SKIP, GAMMA, BETA, DY, OPERANDS };
enum { Y, SUM, MEAN, RSTD, DX, DGAMMA, DBETA, RESULTS };

typedef struct row {
    point at;
    an_tensor in[OPERANDS], out[RESULTS];
} row;

static double normal(an_test_random *r)
{
    return sqrt(-2 * log(an_test_uniform(r, 1e-300, 1))) * cos(an_test_uniform(r, 0, 6.2831853));
}

static double element(const point *p, an_test_random *r, int64_t i, double a)
{
    switch (p->kind) {
    case DRAWN: return normal(r);
    case TWO_VALUES: return i % 2 ? a : -a;
    case ONE_FAR: return i == p->width / 2 ? 100 * a : normal(r) / 100;
    case ONE_IN_16: return i % 16 == 3 ? 10 * a : -a;
    default: return a;
    }
}

/* s is divided between x and skip, so that their sum is about as large. */
static void fill(row *w, an_test_random *r)
{
    const point *p = &w->at;
    float *x = w->in[X].data, *skip = w->in[SKIP].data, *s = w->out[SUM].data;
    const double a = an_test_uniform(r, 1, 2), exact = an_test_uniform(r, 0.9, 1);
    double most = 0;
    an_test_random again = *r;
    for (int64_t i = 0; i < p->width; i++)
        most = fmax(most, fabs(element(p, r, i, a) + p->offset));
    const double scale = p->magnitude / most * (p->magnitude > 1e38 ? 1 : exact);
    for (int64_t i = 0; i < p->width; i++) {
        const float v = (float)((element(p, &again, i, a) + p->offset) * scale);
        skip[i] = p->pair ? (float)(an_test_uniform(r, 0, 1) * (double)v) : 0;
        x[i] = v - skip[i];
        s[i] = x[i] + skip[i];
        ((float *)w->in[GAMMA].data)[i] = i % 7 == 6 ? 0 : (float)an_test_uniform(r, -2, 2);
        ((float *)w->in[BETA].data)[i] = i % 5 == 4 ? 0 : (float)an_test_uniform(r, -2, 2);
        ((float *)w->in[DY].data)[i] = (float)an_test_uniform(r, -2, 2);
    }
}

static void open_row(row *w, int64_t width)
{
    const int64_t extent[] = {1, width};
    *w = (row){.at.width = width};
    for (int i = 0; i < OPERANDS + RESULTS; i++) {
        an_tensor *t = i < OPERANDS ? &w->in[i] : &w->out[i - OPERANDS];
        const bool one = i == OPERANDS + MEAN || i == OPERANDS + RSTD;
        const bool scale = i == GAMMA || i == BETA || i >= OPERANDS + DGAMMA;
        ck_assert_int_eq(an_tensor_alloc(t, AN_F32, scale || one ? 1 : 2,
                                         one ? extent : extent + scale), AN_OK);
    }
}

static void close_row(row *w)
{
    for (int i = 0; i < OPERANDS; i++) an_tensor_free(&w->in[i]);
    for (int k = 0; k < RESULTS; k++) an_tensor_free(&w->out[k]);
}

/* There and back, fused or not. */
static void run(row *w, int how, bool fused)
{
    const an_attrs attrs = {.axis = -1, .eps = w->at.eps};
    an_tensor *in = w->in, *out = w->out;
    const an_tensor forward[] = {in[X], in[SKIP], in[GAMMA], in[BETA]};
    const an_tensor alone[] = {out[SUM], in[GAMMA], in[BETA]};
    if (fused && w->at.rms) {
        an_test_run_op(AN_OP_add_rms_norm, how, &attrs, 3, forward, 3,
                       (an_tensor[]){out[Y], out[SUM], out[RSTD]});
        an_test_run_op(AN_OP_add_rms_norm_grad, how, &attrs, 5,
                       (an_tensor[]){in[DY], out[SUM], in[GAMMA], out[RSTD], {0}}, 2, &out[DX]);
    } else if (fused) {
        an_test_run_op(AN_OP_add_norm, how, &attrs, 4, forward, 4, out);
        an_test_run_op(AN_OP_add_norm_grad, how, &attrs, 6,
                       (an_tensor[]){in[DY], out[SUM], in[GAMMA], out[MEAN], out[RSTD], {0}}, 3,
                       &out[DX]);
    } else if (w->at.rms) {
        an_test_run_op(AN_OP_rms_norm, how, &attrs, 2, alone, 2, (an_tensor[]){out[Y], out[RSTD]});
        an_test_run_op(AN_OP_rms_norm_grad, how, &attrs, 4,
                       (an_tensor[]){in[DY], out[SUM], in[GAMMA], out[RSTD]}, 2, &out[DX]);
    } else {
        an_test_run_op(AN_OP_layer_norm, how, &attrs, 3, alone, 3,
                       (an_tensor[]){out[Y], out[MEAN], out[RSTD]});
        an_test_run_op(AN_OP_layer_norm_grad, how, &attrs, 5,
                       (an_tensor[]){in[DY], out[SUM], in[GAMMA], out[MEAN], out[RSTD]}, 3,
                       &out[DX]);
    }
}

/* ---- the truth ---------------------------------------------------------------- */

typedef struct worst {
    double y, far, dx; /* far: y of rows with one far element */
    point at_y, at_far, at_dx;
    int64_t rows;
} worst;

static void tell(const char *what, double error, const point *p)
{
    printf("%s: needs %.3f at width %lld, magnitude %g, offset %g, %s, eps %g: %s%s\n", what, error,
           (long long)p->width, p->magnitude, p->offset, kinds[p->kind], (double)p->eps,
           p->pair ? "add_" : "", p->rms ? "rms_norm" : "norm");
}

/* A NaN is more than anything, and stays. */
static void take(double *most, point *at, const point *here, long double error,
                 long double allowed)
{
    const double needs = error == 0 ? 0 : (double)(error / (UNIT * allowed));
    if (needs <= *most || isnan(*most)) return;
    *most = needs;
    *at = *here;
}

typedef struct truth {
    long double mean, rstd, mean_w, mean_wx, size_w;
} truth;

static long double hat(const row *w, const truth *t, int64_t i)
{
    return ((long double)((float *)w->out[SUM].data)[i] - t->mean) * t->rstd;
}

static long double weighted(const row *w, int64_t i)
{
    return (long double)((float *)w->in[GAMMA].data)[i] * (long double)((float *)w->in[DY].data)[i];
}

static truth measure(const row *w)
{
    const float *s = w->out[SUM].data;
    const int64_t width = w->at.width;
    truth t = {0};
    long double squares = 0;
    for (int64_t i = 0; i < width && !w->at.rms; i++) t.mean += (long double)s[i];
    t.mean /= (long double)width;
    for (int64_t i = 0; i < width; i++) {
        const long double d = (long double)s[i] - t.mean;
        squares += d * d;
    }
    t.rstd = 1 / sqrtl(squares / (long double)width + (long double)w->at.eps);
    for (int64_t i = 0; i < width; i++) {
        t.mean_w += w->at.rms ? 0 : weighted(w, i);
        t.mean_wx += weighted(w, i) * hat(w, &t, i);
        t.size_w += fabsl(weighted(w, i));
    }
    t.mean_w /= (long double)width;
    t.mean_wx /= (long double)width;
    t.size_w /= (long double)width;
    return t;
}

static void judge(const row *w, worst *most)
{
    const truth t = measure(w);
    const float *y = w->out[Y].data, *dx = w->out[DX].data;
    const float *gammas = w->in[GAMMA].data, *betas = w->in[BETA].data;
    const bool far = w->at.kind == ONE_FAR;
    most->rows++;
    if (isinf((double)t.rstd)) { /* constant, and no eps: 0/0 */
        for (int64_t i = 0; i < w->at.width; i++) ck_assert(isnan(y[i]));
        return;
    }
    for (int64_t i = 0; i < w->at.width; i++) {
        const long double gamma = (long double)gammas[i];
        const long double beta = w->at.rms ? 0 : (long double)betas[i];
        const long double h = hat(w, &t, i), k = weighted(w, i);
        take(far ? &most->far : &most->y, far ? &most->at_far : &most->at_y, &w->at,
             fabsl((long double)y[i] - (h * gamma + beta)),
             fabsl(h * gamma) + fabsl(beta) + fabsl(gamma));
        const long double want = ((k - t.mean_w) - h * t.mean_wx) * t.rstd;
        const long double of = fabsl(k) + t.size_w + fabsl(h) * (fabsl(t.mean_wx) + t.size_w);
        if (fabsl(want) > (long double)FLT_MAX) continue; /* no f32 holds it */
        take(&most->dx, &most->at_dx, &w->at, fabsl((long double)dx[i] - want),
             of * t.rstd + 0x1p-125L); /* half of the least denormal */
    }
}

/* ---- the grid ------------------------------------------------------------------- */

static bool same_results(const row *a, const row *b)
{
    for (int k = 0; k < RESULTS; k++) {
        const float *x = a->out[k].data, *y = b->out[k].data;
        const bool absent = (k == MEAN || k == DBETA) && a->at.rms;
        for (int64_t i = 0; !absent && i < an_tensor_count(&a->out[k]); i++)
            if (memcmp(&x[i], &y[i], sizeof x[i]) && !(isnan(x[i]) && isnan(y[i])) &&
                (x[i] != 0 || y[i] != 0 || an_test_zeros_have_signs()))
                return false;
    }
    return true;
}

static void try_point(row *w, row *other, an_test_random *r, worst *most)
{
    fill(w, r);
    other->at = w->at;
    for (int i = 0; i < OPERANDS; i++)
        memcpy(other->in[i].data, w->in[i].data, (size_t)an_tensor_bytes(&w->in[i]));
    run(w, (int)an_runtime_isa(), w->at.pair);
    judge(w, most);
    for (int isa = 0; isa <= (int)an_runtime_isa(); isa++) {
        memcpy(other->out[SUM].data, w->out[SUM].data, (size_t)an_tensor_bytes(&w->out[SUM]));
        run(other, isa, !w->at.pair && isa % 2 == 0);
        if (same_results(w, other)) continue;
        tell("other bits than the best set's", 0, &w->at);
        ck_abort_msg("fused, unfused or instruction sets differ: %s", an_isa_name((an_isa)isa));
    }
}

/* Of wide rows some points: the troubles do not depend on each other. */
static void try_width(int64_t width, worst *most)
{
    static const double magnitudes[] = {1e-44, 1e-38, 1e-30, 1e-23, 1e-10, 1,
                                        1e5,   1e10,  1e20,  1e30,  1e38,  3e38};
    static const double offsets[] = {0, 1, 1e3, 1e6};
    row w, other;
    an_test_random r = {20261u + (uint64_t)width};
    open_row(&w, width);
    open_row(&other, width);
    for (int n = 0; n < 12 * 4 * KINDS * 8; n++) {
        const point at = {width, magnitudes[n % 12], offsets[n / 12 % 4], n / 48 % KINDS,
                          n / 48 / KINDS & 1, n / 48 / KINDS & 2, n / 48 / KINDS & 4 ? 0 : 1e-5f};
        const bool varies = at.rms || (width > 1 && (at.kind != CONSTANT || at.eps > 0));
        w.at = at;
        const int every = width < 2000 ? 1 : width < 100000 ? 7 : 31;
        if ((varies || at.eps > 0) && n % every == 3 % every)
            try_point(&w, &other, &r, most);
    }
    close_row(&w);
    close_row(&other);
}

START_TEST(test_bound)
{
    static const int64_t widths[] = {1,    2,    3,    8,     31,     64,      100,     768,
                                     1000, 1024, 1025, 1536,  4096,   65536,   1000000, 10000000};
    const char *text = getenv("AN_NORM_WIDTH");
    const int64_t most = text ? atoll(text) : 4096;
    worst all = {0};
    if (an_test_on_valgrind()) {
        an_test_skip("the norms' bound", "Valgrind's long double is a double");
        return;
    }
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
        if (widths[i] <= most) try_width(widths[i], &all);
    printf("%lld rows\n", (long long)all.rows);
    tell("y, of 4", all.y, &all.at_y);
    tell("y with one far element, of 5", all.far, &all.at_far);
    tell("dx, of 8", all.dx, &all.at_dx);
    ck_assert(all.y <= 4);
    ck_assert(all.far <= 5);
    ck_assert(all.dx <= 8);
}
END_TEST

/* ---- rows that went wrong ------------------------------------------------------- */

static void constant_row(int64_t width, float x, float skip, float eps, double rstd)
{
    row w;
    open_row(&w, width);
    w.at = (point){.width = width, .eps = eps};
    for (int64_t i = 0; i < width; i++) {
        ((float *)w.in[X].data)[i] = x;
        ((float *)w.in[SKIP].data)[i] = skip;
        ((float *)w.in[GAMMA].data)[i] = 1;
        ((float *)w.in[BETA].data)[i] = 0;
        ((float *)w.in[DY].data)[i] = (float)(i % 3);
    }
    for (int isa = 0; isa <= (int)an_runtime_isa(); isa++) {
        run(&w, isa, true);
        ck_assert(an_test_close(an_tensor_get(&w.out[RSTD], 0), rstd, 1e-7));
        ck_assert(an_test_close(an_tensor_get(&w.out[MEAN], 0) / (double)(x + skip), 1, 1e-6));
        for (int64_t i = 0; i < width; i += 7) {
            ck_assert(an_tensor_get(&w.out[Y], i) == 0);
            ck_assert(isfinite(an_tensor_get(&w.out[DX], i)));
        }
    }
    close_row(&w);
}

START_TEST(test_constant_rows)
{
    constant_row(65536, 128141.195f, 0, 1e-5f, 1 / sqrt(1e-5));
    constant_row(1048576, 0.7f, 0, 1e-12f, 1e6);
    constant_row(8, 4.2e37f, 4.3e37f, 1e-5f, 1 / sqrt(1e-5));
    constant_row(7, 0.1f, 0, 1e-12f, 1e6);
    constant_row(768, 3.3e38f, 0, 1e-5f, 1 / sqrt(1e-5));
}
END_TEST

/* f32 cannot hold 1e39 nor all of 3e-39: forward is right, and backward finds rstd again. */
START_TEST(test_rstd_beyond_f32)
{
    static const float sizes[] = {1e-39f, 3e38f, 1e-44f};
    for (int n = 0; n < 3; n++) {
        row w;
        open_row(&w, 4);
        w.at.rms = false;
        for (int64_t i = 0; i < 4; i++) {
            ((float *)w.out[SUM].data)[i] = i % 2 ? sizes[n] : -sizes[n];
            ((float *)w.in[GAMMA].data)[i] = 1;
            ((float *)w.in[BETA].data)[i] = 0;
            ((float *)w.in[DY].data)[i] = i == 0 ? 1e-7f : 0;
        }
        run(&w, (int)an_runtime_isa(), false);
        ck_assert(isinf(an_tensor_get(&w.out[RSTD], 0)) == (sizes[n] < 1));
        for (int64_t i = 0; i < 4; i++) ck_assert(an_tensor_get(&w.out[Y], i) == (i % 2 ? 1 : -1));
        /* w - mean(w) - xhat mean(w xhat), over the row's deviation */
        const double dx = (1 - 0.25 - 0.25) * (double)1e-7f / (double)sizes[n];
        const double got = an_tensor_get(&w.out[DX], 0);
        ck_assert_msg(dx > (double)FLT_MAX ? isinf(got) : an_test_close(got, dx, 1e-6 * dx + 1e-45),
                      "dx is %g, not %g", got, dx);
        ck_assert(an_test_close(an_tensor_get(&w.out[DGAMMA], 0), -(double)1e-7f, 1e-13));
        close_row(&w);
    }
}
END_TEST

/* What a row cannot have: NaN in, NaN out, on every path. */
START_TEST(test_rows_that_are_not_finite)
{
    for (int n = 0; n < 4; n++) {
        row w;
        an_test_random r = {7};
        open_row(&w, n < 2 ? 40 : 3000);
        w.at = (point){w.at.width, 1, 0, DRAWN, n % 2, true, 1e-5f};
        fill(&w, &r);
        ((float *)w.in[X].data)[17] = NAN;
        run(&w, (int)an_runtime_isa(), true);
        for (int64_t i = 0; i < w.at.width; i++) {
            ck_assert(isnan(an_tensor_get(&w.out[Y], i)) || i % 7 == 6);
            ck_assert(isnan(an_tensor_get(&w.out[DX], i)));
        }
        close_row(&w);
    }
}
END_TEST

AN_TEST_MAIN("norm_bound", test_bound, test_constant_rows, test_rstd_beyond_f32,
             test_rows_that_are_not_finite)
