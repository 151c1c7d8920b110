/* test_norm.c -- the promise of the fused pair, and how exact the norms are.
 *
 * Kernels are run by hand, without a graph: what is compared here is what two
 * sequences of ops write for the same operands, bit by bit. The op sweep compares
 * each op with its ref; this file compares the ops with each other.            */
#include "core/memory.h"
#include "core/runtime.h"
#include "ops/kernels/kernels.h"
#include "ops/op.h"
#include "tests/ops/run_op.h"
#include "tests/support.h"

#include <math.h>

#define SEED 20260u
static an_tensor make(an_dtype dtype, int rank, int64_t a, int64_t b)
{
    an_tensor t = {0};
    const int64_t extent[] = {a, b};
    ck_assert_int_eq(an_tensor_alloc(&t, dtype, rank, extent), AN_OK);
    memset(t.data, 0xFF, (size_t)an_tensor_bytes(&t)); /* NaN until written */
    return t;
}

static void fill(an_tensor *t, an_test_random *r, double centre, double spread)
{
    for (int64_t i = 0; i < an_tensor_count(t); i++)
        an_tensor_set(t, i, centre + spread * an_test_uniform(r, -1, 1));
}

static bool same_bits(const an_tensor *a, const an_tensor *b)
{
    const int64_t size = (int64_t)an_dtype_size(a->dtype);
    if (an_tensor_count(a) != an_tensor_count(b)) return false;
    for (int64_t i = 0; i < an_tensor_count(a); i++) {
        const double u = an_tensor_get(a, i), v = an_tensor_get(b, i);
        if ((isnan(u) && isnan(v)) || (u == 0 && v == 0 && !an_test_zeros_have_signs())) continue;
        const char *x = (const char *)a->data + i * size, *y = (const char *)b->data + i * size;
        if (memcmp(x, y, (size_t)size)) return false;
    }
    return true;
}

/* ---- a block: operands and results of add & norm, there and back ------------ */

enum { X, SKIP, GAMMA, BETA, DY, DSUM, OPERANDS };
enum { Y, SUM, MEAN, RSTD, DX, DGAMMA, DBETA, RESULTS };

typedef struct block {
    bool rms; /* the norm is an rms_norm: no beta, no mean, no dbeta */
    int64_t rows, width;
    an_dtype dtype;
    an_attrs attrs;
    an_tensor in[OPERANDS], out[RESULTS];
} block;

static an_tensor result_of(const block *b, int k)
{
    if (k == MEAN || k == RSTD) return make(b->dtype, 1, b->rows, 0);
    if (k == DGAMMA || k == DBETA) return make(b->dtype, 1, b->width, 0);
    return make(b->dtype, 2, b->rows, b->width);
}

static void renew_results(block *b)
{
    for (int k = 0; k < RESULTS; k++) {
        an_tensor_free(&b->out[k]);
        b->out[k] = result_of(b, k);
    }
}

static block new_block(an_dtype dtype, int64_t rows, int64_t width, float eps, uint64_t seed)
{
    block b = {.rows = rows, .width = width, .dtype = dtype, .attrs = {.axis = -1, .eps = eps}};
    an_test_random r = {seed};
    for (int i = 0; i < OPERANDS; i++) {
        const bool scale = i == GAMMA || i == BETA;
        b.in[i] = scale ? make(dtype, 1, width, 0) : make(dtype, 2, rows, width);
        fill(&b.in[i], &r, i == X ? 3 : 0, 2);
    }
    for (int64_t i = 0; i < width; i += 5) an_tensor_set(&b.in[GAMMA], i, 0);
    renew_results(&b);
    return b;
}

static void free_block(block *b)
{
    for (int i = 0; i < OPERANDS; i++) an_tensor_free(&b->in[i]);
    for (int k = 0; k < RESULTS; k++) an_tensor_free(&b->out[k]);
}

/* Leaves an operand out without freeing it. */
static an_tensor absent_if(bool absent, const an_tensor *t)
{
    return absent ? (an_tensor){0} : *t;
}

static void run_norm(block *b, int how, const an_tensor *gamma, const an_tensor *beta)
{
    an_tensor *in = b->in, *out = b->out;
    if (b->rms) {
        an_test_run_op(AN_OP_rms_norm, how, &b->attrs, 2, (an_tensor[]){out[SUM], *gamma}, 2,
            (an_tensor[]){out[Y], out[RSTD]});
        an_test_run_op(AN_OP_rms_norm_grad, how, &b->attrs, 4,
            (an_tensor[]){in[DY], out[SUM], *gamma, out[RSTD]}, 2, &out[DX]);
        return;
    }
    an_test_run_op(AN_OP_layer_norm, how, &b->attrs, 3, (an_tensor[]){out[SUM], *gamma, *beta}, 3,
        (an_tensor[]){out[Y], out[MEAN], out[RSTD]});
    an_test_run_op(AN_OP_layer_norm_grad, how, &b->attrs, 5,
        (an_tensor[]){in[DY], out[SUM], *gamma, out[MEAN], out[RSTD]}, 3, &out[DX]);
}

/* `parts`: bit 0 no gamma, bit 1 no beta, bit 2 no dsum. */
static void run_unfused(block *b, int how, unsigned parts)
{
    an_tensor *in = b->in, *out = b->out;
    const an_tensor gamma = absent_if(parts & 1, &in[GAMMA]);
    const an_tensor beta = absent_if(parts & 2, &in[BETA]);
    an_test_run_op(AN_OP_residual_add, how, &b->attrs, 2, in, 1, &out[SUM]);
    run_norm(b, how, &gamma, &beta);
    if (parts & 4) return;
    for (int64_t i = 0; i < an_tensor_count(&out[DX]); i++) { /* accumulate(dsum, dx) */
        if (b->dtype == AN_F32) ((float *)out[DX].data)[i] += ((float *)in[DSUM].data)[i];
        else ((double *)out[DX].data)[i] += ((double *)in[DSUM].data)[i];
    }
}

static void run_forward(const block *b, int how, const an_tensor in[4], const an_tensor *out)
{
    if (b->rms)
        an_test_run_op(AN_OP_add_rms_norm, how, &b->attrs, 3, in, 3,
            (an_tensor[]){out[Y], out[SUM], out[RSTD]});
    else
        an_test_run_op(AN_OP_add_norm, how, &b->attrs, 4, in, 4, out);
}

/* `dead`: bit k leaves result k out; a dead sum, mean or rstd is made for the way back. */
static void run_fused(block *b, int how, unsigned parts, unsigned dead)
{
    an_tensor out[RESULTS], *in = b->in;
    for (int k = 0; k < RESULTS; k++) out[k] = absent_if(dead >> k & 1, &b->out[k]);
    const an_tensor gamma = absent_if(parts & 1, &in[GAMMA]);
    const an_tensor beta = absent_if(parts & 2, &in[BETA]);
    const an_tensor forward[] = {in[X], in[SKIP], gamma, beta};
    run_forward(b, how, forward, out);
    if (dead & 0xE) run_forward(b, how, forward, b->out);
    const an_tensor dsum = absent_if(parts & 4, &in[DSUM]);
    if (b->rms)
        an_test_run_op(AN_OP_add_rms_norm_grad, how, &b->attrs, 5,
            (an_tensor[]){in[DY], b->out[SUM], gamma, b->out[RSTD], dsum}, 2, &out[DX]);
    else
        an_test_run_op(AN_OP_add_norm_grad, how, &b->attrs, 6,
            (an_tensor[]){in[DY], b->out[SUM], gamma, b->out[MEAN], b->out[RSTD], dsum}, 3,
            &out[DX]);
}

static void want_equal(const block *a, const block *b, unsigned dead, const char *what)
{
    static const char *const names[] = {"y", "sum", "mean", "rstd", "dx", "dgamma", "dbeta"};
    for (int k = 0; k < RESULTS; k++)
        if (!(dead >> k & 1) && !(a->rms && (k == MEAN || k == DBETA)))
            ck_assert_msg(same_bits(&a->out[k], &b->out[k]), "%s: %s differs, %lld x %lld, seed %u",
                          what, names[k], (long long)a->rows, (long long)a->width, SEED);
}

/* Fused against unfused, and against the plainest instruction set. */
static void compare_norm(block *b, unsigned parts)
{
    const an_isa best = an_runtime_isa();
    block plain = *b;
    memset(plain.out, 0, sizeof plain.out);
    renew_results(&plain);
    run_unfused(&plain, AN_ISA_BASE, parts);
    for (int isa = REF; isa <= (int)best; isa++) {
        block other = *b;
        memset(other.out, 0, sizeof other.out);
        renew_results(b);
        renew_results(&other);
        run_unfused(&other, isa, parts);
        run_fused(b, isa, parts, 0);
        want_equal(&other, b, 0, isa == REF ? "fused ref" : an_isa_name((an_isa)isa));
        if (isa != REF) want_equal(&plain, b, 0, "instruction sets");
        for (int k = 0; k < RESULTS; k++) an_tensor_free(&other.out[k]);
    }
    for (int k = 0; k < RESULTS; k++) an_tensor_free(&plain.out[k]);
}

/* The same, of either norm; of a layer norm last. */
static void compare_fusion(block *b, unsigned parts)
{
    for (int rms = 1; rms >= 0; rms--) {
        b->rms = rms;
        compare_norm(b, parts);
    }
}

static const int64_t widths[] = {1, 7, 15, 16, 17, 35, 64, 123, 768, 1600, 3000};

START_TEST(test_fusion_keeps_every_bit)
{
    const float eps[] = {0, 1e-12f, 1e-3f};
    const int64_t rows[] = {1, 2, 5, 33};
    unsigned n = 0;
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
        for (size_t r = 0; r < 4; r++) {
            n++;
            block b = new_block(AN_F32, rows[r], widths[i], eps[n % 3], SEED + n);
            for (unsigned parts = 0; parts < 8; parts++)
                if (widths[i] < 200 || parts == n % 8) compare_fusion(&b, parts);
            free_block(&b);
        }
}
END_TEST

/* More rows than one block, so that the fold of dgamma and dbeta has work. */
START_TEST(test_fusion_over_many_rows)
{
    block b = new_block(AN_F32, 1500, 35, 1e-5f, SEED);
    compare_fusion(&b, 0);
    free_block(&b);
}
END_TEST

START_TEST(test_fusion_of_bad_rows)
{
    block b = new_block(AN_F32, 9, 35, 0, SEED);
    for (int64_t i = 0; i < 35; i++) {
        an_tensor_set(&b.in[X], 2 * 35 + i, 4);
        an_tensor_set(&b.in[SKIP], 2 * 35 + i, -0.5); /* row 2 is constant: rstd inf or NaN */
    }
    an_tensor_set(&b.in[X], 4 * 35 + 34, (double)NAN);
    an_tensor_set(&b.in[SKIP], 5 * 35, (double)INFINITY);
    an_tensor_set(&b.in[X], 6 * 35 + 20, 3e38);
    an_tensor_set(&b.in[SKIP], 6 * 35 + 20, 3e38);
    an_tensor_set(&b.in[DY], 7 * 35 + 3, -(double)INFINITY);
    compare_fusion(&b, 0);
    for (int64_t row = 0; row < 9; row++) {
        const double y = an_tensor_get(&b.out[Y], row * 35 + 7);
        const bool good = row != 2 && row != 4 && row != 5 && row != 6;
        ck_assert_msg(good ? (bool)isfinite(y) : !isfinite(y), "row %d: y is %g", (int)row, y);
    }
    free_block(&b);
}
END_TEST

START_TEST(test_f64_fusion_keeps_every_bit)
{
    for (size_t i = 0; i < 18; i++) {
        block b = new_block(AN_F64, 5, widths[i / 2], 1e-5f, SEED + i);
        b.rms = i % 2;
        block other = b;
        memset(other.out, 0, sizeof other.out);
        renew_results(&other);
        run_unfused(&other, REF, i / 2 % 8);
        run_fused(&b, REF, i / 2 % 8, 0);
        want_equal(&other, &b, 0, "f64");
        for (int k = 0; k < RESULTS; k++) an_tensor_free(&other.out[k]);
        free_block(&b);
    }
}
END_TEST

START_TEST(test_dead_results)
{
    block b = new_block(AN_F32, 40, 83, 1e-5f, SEED), other = b;
    memset(other.out, 0, sizeof other.out);
    renew_results(&other);
    const int how[] = {REF, (int)an_runtime_isa()};
    for (int h = 0; h < 4; h++) {
        b.rms = other.rms = h >= 2;
        renew_results(&b);
        run_fused(&b, how[h % 2], 0, 0);
        for (unsigned dead = 1; dead < 1u << RESULTS; dead++) {
            renew_results(&other);
            run_fused(&other, how[h % 2], 0, dead);
            want_equal(&b, &other, dead, "with dead results");
        }
    }
    for (int k = 0; k < RESULTS; k++) an_tensor_free(&other.out[k]);
    free_block(&b);
}
END_TEST

/* Tensors above AN_STREAM_BYTES are written past the cache, if they are aligned.
 * The same block one float further on is not: the bits must not tell. */
START_TEST(test_streaming_changes_nothing)
{
    block b = new_block(AN_F32, 1100, 1024, 1e-5f, SEED), other = b;
    float *shifted[RESULTS];
    memset(other.out, 0, sizeof other.out);
    renew_results(&other);
    for (int k = 0; k < RESULTS; k++) {
        const int64_t bytes = an_tensor_bytes(&other.out[k]);
        shifted[k] = an_alloc_aligned(bytes + 64);
        an_tensor_free(&other.out[k]);
        other.out[k] = an_tensor_borrow(AN_F32, b.out[k].rank, b.out[k].extent, shifted[k] + 1);
    }
    for (int n = 0; n < 2 * ((int)an_runtime_isa() + 1); n++) {
        const int isa = n / 2;
        b.rms = other.rms = n % 2;
        run_unfused(&b, isa, 0);
        run_fused(&other, isa, 0, 0);
        want_equal(&b, &other, 0, "streamed against plain");
        renew_results(&b);
        run_fused(&b, isa, 0, 0);
        want_equal(&b, &other, 0, "fused, streamed against plain");
    }
    for (int k = 0; k < RESULTS; k++) an_free_aligned(shifted[k]);
    free_block(&b);
}
END_TEST

/* ---- exactness -------------------------------------------------------------- */

/* Largest error of y and rstd of a bare layer_norm against long double. */
static void norm_error(an_dtype dtype, int how, double ratio, int64_t width, double *y,
                       double *rstd)
{
    an_test_random r = {SEED};
    const an_attrs attrs = {.axis = 1, .eps = 1e-12f};
    an_tensor in[3] = {make(dtype, 2, 4, width)};
    an_tensor out[3] = {make(dtype, 2, 4, width), make(dtype, 1, 4, 0), make(dtype, 1, 4, 0)};
    fill(&in[0], &r, ratio, 1);
    an_test_run_op(AN_OP_layer_norm, how, &attrs, 3, in, 3, out);
    *y = *rstd = 0;
    for (int64_t row = 0; row < 4; row++) {
        long double sum = 0, squares = 0;
        for (int64_t i = 0; i < width; i++) /* small terms: the oracle must not round either */
            sum += (long double)an_tensor_get(&in[0], row * width + i) - (long double)ratio;
        const long double mean = (long double)ratio + sum / (long double)width;
        for (int64_t i = 0; i < width; i++) {
            const long double d = (long double)an_tensor_get(&in[0], row * width + i) - mean;
            squares += d * d;
        }
        const long double scale =
            1 / sqrtl(squares / (long double)width + (long double)attrs.eps);
        *rstd = fmax(*rstd, fabs((double)((long double)an_tensor_get(&out[2], row) / scale - 1)));
        for (int64_t i = 0; i < width; i++) {
            const long double want =
                ((long double)an_tensor_get(&in[0], row * width + i) - mean) * scale;
            const long double got = (long double)an_tensor_get(&out[0], row * width + i);
            ck_assert(!isnan((double)got));
            *y = fmax(*y, fabs((double)(got - want)));
        }
    }
    for (int k = 0; k < 3; k++) an_tensor_free(&out[k]);
    an_tensor_free(&in[0]);
}

START_TEST(test_exact_at_any_mean)
{
    const bool oracle = !an_test_on_valgrind();
    if (!oracle) an_test_skip("exactness of f64 norms", "Valgrind's long double is a double");
    for (double ratio = 1; ratio <= 1e7; ratio *= 10)
        for (int64_t width = 17; width < 4000; width *= 6) {
            double y, rstd;
            norm_error(AN_F32, (int)an_runtime_isa(), ratio, width, &y, &rstd);
            ck_assert_msg(y <= 2e-6 && rstd <= 4e-7, "ratio %g, width %d: y off by %g, rstd by %g",
                          ratio, (int)width, y, rstd);
            if (!oracle) continue;
            norm_error(AN_F64, REF, ratio, width, &y, &rstd);
            ck_assert_msg(y <= 1e-12 && rstd <= 1e-12, "f64, ratio %g: y off by %g, rstd by %g",
                          ratio, y, rstd);
        }
}
END_TEST

/* 1 2 3 4 has mean 2.5 and variance 1.25; with eps 0 nothing is added to it. */
START_TEST(test_known_values)
{
    float x[] = {1, 2, 3, 4, 5, 5, 5, 5}, y[8], mean[2], rstd[2];
    const an_attrs attrs = {.axis = -1};
    const an_tensor in[3] = {an_tensor_borrow(AN_F32, AN_EXTENTS(2, 4), x)};
    const an_tensor out[3] = {an_tensor_borrow(AN_F32, AN_EXTENTS(2, 4), y),
                              an_tensor_borrow(AN_F32, AN_EXTENTS(2), mean),
                              an_tensor_borrow(AN_F32, AN_EXTENTS(2), rstd)};
    for (int how = REF; how <= (int)an_runtime_isa(); how++) {
        an_test_run_op(AN_OP_layer_norm, how, &attrs, 3, in, 3, out);
        ck_assert(mean[0] == 2.5f && mean[1] == 5);
        ck_assert(an_test_close((double)rstd[0], 1 / sqrt(1.25), 1e-7));
        ck_assert(an_test_close((double)y[3], 1.5 / sqrt(1.25), 2e-7));
        ck_assert(isinf(rstd[1]) && isnan(y[5])); /* (5 - 5) / 0 */
        an_test_run_op(AN_OP_rms_norm, how, &attrs, 2, in, 2, (an_tensor[]){out[0], out[2]});
        ck_assert(an_test_close((double)rstd[0], 1 / sqrt(7.5), 1e-7));
        ck_assert(an_test_close((double)y[4], 1, 2e-7));
    }
}
END_TEST

/* Rows of nothing have the statistics of nothing; no rows still write dgamma. */
START_TEST(test_empty)
{
    block wide = new_block(AN_F32, 3, 0, 1e-5f, SEED);
    block flat = new_block(AN_F32, 0, 20, 1e-5f, SEED);
    for (int how = REF; how <= (int)an_runtime_isa(); how++) {
        renew_results(&wide);
        for (int i = 0; i < 3; i++) an_tensor_set(&wide.out[MEAN], i, 1);
        run_fused(&wide, how, 0, 0);
        ck_assert(isnan(an_tensor_get(&wide.out[MEAN], 2)));
        renew_results(&flat);
        run_fused(&flat, how, 0, 0);
        for (int64_t i = 0; i < 20; i++) {
            ck_assert(an_tensor_get(&flat.out[DGAMMA], i) == 0);
            ck_assert(an_tensor_get(&flat.out[DBETA], i) == 0);
        }
    }
    free_block(&wide);
    free_block(&flat);
}
END_TEST

AN_TEST_MAIN("norm", test_fusion_keeps_every_bit, test_fusion_over_many_rows,
             test_fusion_of_bad_rows, test_f64_fusion_keeps_every_bit, test_dead_results,
             test_streaming_changes_nothing, test_exact_at_any_mean, test_known_values, test_empty)
