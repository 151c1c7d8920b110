/* reduction.c -- sums, means and extremes along axes.
 *
 *   sum   y = sum_j x_j                dx_j = dy
 *   mean  y = sum_j x_j / n            dx_j = dy / n
 *   max   y = max_j x_j                dx_j = dy * [x_j = y] / (how many x_j = y)
 *   min   y = min_j x_j                likewise
 *
 * The result's elements walk over the kept axes; for each of them, the reduced
 * axes are walked. If the innermost axis is reduced, an element folds rows of
 * neighbours; if it is kept, whole runs of elements fold columns together.
 * Long folds are cut into segments whose length depends on the shape alone:
 * stage 0 folds the segments, stage 1 folds their results in order, so that any
 * number of threads gives the same bits. Sums are short chains in f32, put
 * together in double (a tree, in effect: N. Higham, "The accuracy of floating
 * point summation", 1993).
 *
 * A NaN makes the result NaN. It equals nothing, so the gradient of a max that is
 * NaN is NaN.                                                                 */
#include "core/memory.h"
#include "ops/access.h"
#include "ops/elementwise.h"
#include "ops/kernels/kernels.h"
#include "ops/walk.h"

#include <limits.h>
#include <math.h>
#include <string.h>

/* ---- axes -------------------------------------------------------------- */

/* Which axes are reduced. */
static void reduced_axes(const an_attrs *a, bool reduced[AN_MAX_RANK])
{
    memset(reduced, 0, AN_MAX_RANK * sizeof *reduced);
    for (int i = 0; i < a->axes.count; i++) reduced[a->axes.at[i]] = true;
}

static an_status reduce_infer(const an_infer *q, an_type out[])
{
    const an_shape *x = &q->in[0].shape;
    const an_axes *axes = &q->attrs->axes;
    bool reduced[AN_MAX_RANK];
    for (int i = 0; i < AN_MAX_RANK; i++) reduced[i] = axes->count < 0;
    if (axes->count > AN_MAX_RANK)
        return an_refuse(q, AN_E_ATTRIBUTE, "%d axes are more than %d", axes->count, AN_MAX_RANK);
    for (int i = 0; i < axes->count; i++) {
        int axis;
        const an_status s = an_want_axis(q, axes->at[i], x->rank, false, &axis);
        if (s != AN_OK) return s;
        if (reduced[axis]) return an_refuse(q, AN_E_ATTRIBUTE, "axis %d is named twice", axis);
        reduced[axis] = true;
    }
    out[0].dtype = q->in[0].dtype;
    for (int i = 0; i < x->rank; i++) {
        if (reduced[i] && !q->attrs->keep) continue;
        out[0].shape.dim[out[0].shape.rank++] = reduced[i] ? 1 : x->dim[i];
    }
    return AN_OK;
}

/* ---- the shape of the work --------------------------------------------- */

#define ROW_SEGMENT 65536    /* elements of a row that one unit folds */
#define COLUMN_SEGMENT 4096  /* the same for columns: rows at most */
#define COLUMN_WIDTH 512     /* elements of the result beside each other in one unit */
#define COLUMN_CHAIN 16      /* rows that sum_columns adds up before */
#define COLUMN_SUMS 64       /* such sums that are added up in f32 */
#define UNIT_WORK 16384      /* elements of x that make a unit worth waking a thread */

typedef struct plan {
    an_walk kept, reduced;    /* operand 0 is x */
    int64_t outputs, folded;  /* elements of y, and of x for each of them */
    bool rows;                /* x's innermost axis is reduced */
    int64_t width;            /* columns: outputs in a run of neighbours */
    int64_t group, pieces;    /* outputs to a piece of y; pieces */
    int64_t segment, segments; /* folded elements to a segment; segments */
} plan;

static void make_walks(const an_work *w, plan *p)
{
    const an_tensor *x = &w->in[0];
    bool reduced[AN_MAX_RANK];
    reduced_axes(w->attrs, reduced);
    int64_t dense[AN_MAX_RANK], extent[2][AN_MAX_RANK], stride[2][1][AN_MAX_RANK];
    an_dense_strides(x, dense);
    int rank[2] = {0, 0};
    p->rows = true;
    for (int i = 0; i < x->rank; i++) {
        const int side = reduced[i];
        extent[side][rank[side]] = x->extent[i];
        stride[side][0][rank[side]++] = dense[i];
        if (x->extent[i] != 1) p->rows = reduced[i];
    }
    an_walk_start(&p->kept, rank[0], extent[0], 1, stride[0]);
    an_walk_start(&p->reduced, rank[1], extent[1], 1, stride[1]);
    p->folded = 1;
    for (int i = 0; i < rank[1]; i++) p->folded *= extent[1][i];
}

static plan make_plan(const an_work *w)
{
    plan p = {.outputs = an_elements(&w->out[0])};
    make_walks(w, &p);
    p.width = p.kept.extent[p.kept.rank - 1];
    if (p.rows) {
        p.segment = ROW_SEGMENT;
        const int64_t length = p.folded < p.segment ? p.folded : p.segment;
        p.group = length < 1 ? UNIT_WORK : an_ceil_div(UNIT_WORK, length);
        p.pieces = an_ceil_div(p.outputs, p.group);
    } else {
        p.group = p.width < COLUMN_WIDTH ? p.width : COLUMN_WIDTH;
        p.segment = p.group < 1 ? UNIT_WORK : an_ceil_div(2 * UNIT_WORK, p.group);
        if (p.segment > COLUMN_SEGMENT) p.segment = COLUMN_SEGMENT;
        p.pieces = p.width < 1 ? 0 : p.outputs / p.width * an_ceil_div(p.width, p.group);
    }
    p.segments = p.folded <= p.segment ? 1 : an_ceil_div(p.folded, p.segment);
    return p;
}

/* The outputs of a piece: neighbours, and within one run of columns. */
static int64_t piece_range(const plan *p, int64_t piece, int64_t *first)
{
    if (p->rows) {
        *first = piece * p->group;
        return p->outputs - *first < p->group ? p->outputs - *first : p->group;
    }
    const int64_t chunks = an_ceil_div(p->width, p->group), chunk = piece % chunks * p->group;
    *first = piece / chunks * p->width + chunk;
    return p->width - chunk < p->group ? p->width - chunk : p->group;
}

/* ---- stage 0: fold the segments ---------------------------------------- */

typedef enum fold { FOLD_SUM, FOLD_MAX, FOLD_MIN } fold;

static const double neutral[] = {0.0, -INFINITY, INFINITY};

static double combine(fold how, double a, double b)
{
    if (how == FOLD_SUM) return a + b;
    if (how == FOLD_MAX) return isnan(a) || a > b ? a : b;
    return isnan(a) || a < b ? a : b;
}

/* One output of a rows plan: elements [from, to) of those it folds. */
static double fold_row(const an_work *w, plan *p, fold how, const float *x, int64_t from,
                       int64_t to)
{
    double (*const kernel)(const float *, int64_t) =
        how == FOLD_SUM ? w->kernels->sum_row
                        : how == FOLD_MAX ? w->kernels->max_row : w->kernels->min_row;
    double result = neutral[how];
    an_walk_seek(&p->reduced, from);
    while (from < to) {
        const int64_t run = an_walk_run(&p->reduced, to - from);
        result = combine(how, result, kernel(x + p->reduced.offset[0], run));
        an_walk_step(&p->reduced, run);
        from += run;
    }
    return result;
}

/* `count` neighbouring outputs of a columns plan, into y: COLUMN_SUMS additions at a time, and
 * these together in double. */
static void fold_columns(const an_work *w, plan *p, fold how, const float *x, int64_t from,
                         int64_t to, float *y, int64_t count)
{
    void (*const kernel)(const float *, int64_t, int64_t, float *, int64_t) =
        how == FOLD_SUM ? w->kernels->sum_columns
                        : how == FOLD_MAX ? w->kernels->max_columns : w->kernels->min_columns;
    double total[COLUMN_WIDTH];
    int64_t room = COLUMN_SUMS;
    bool blocks = false;
    for (int64_t i = 0; i < count; i++) y[i] = (float)(total[i] = neutral[how]);
    an_walk_seek(&p->reduced, from);
    while (from < to) {
        const int64_t most = to - from < room * COLUMN_CHAIN ? to - from : room * COLUMN_CHAIN;
        const int64_t run = an_walk_run(&p->reduced, most);
        kernel(x + p->reduced.offset[0], run, an_walk_stride(&p->reduced, 0), y, count);
        an_walk_step(&p->reduced, run);
        from += run;
        room -= an_ceil_div(run, COLUMN_CHAIN);
        if (room > 0 || from == to) continue;
        for (int64_t i = 0; i < count; i++) total[i] = combine(how, total[i], (double)y[i]);
        for (int64_t i = 0; i < count; i++) y[i] = (float)neutral[how];
        room = COLUMN_SUMS;
        blocks = true;
    }
    for (int64_t i = 0; blocks && i < count; i++)
        y[i] = (float)combine(how, total[i], (double)y[i]);
}

static int64_t fold_units(const an_work *w)
{
    const plan p = make_plan(w);
    return p.pieces * p.segments;
}

/* `divide` makes means. Partial results go to scratch[segment][output]. */
static void run_fold(const an_work *w, int64_t begin, int64_t end, fold how, bool divide)
{
    if (!w->out[0].data) return;
    plan p = make_plan(w);
    const double n = divide && p.segments == 1 ? (double)p.folded : 1.0;
    for (int64_t unit = begin; unit < end; unit++) {
        const int64_t segment = unit % p.segments, from = segment * p.segment;
        const int64_t to = p.folded - from < p.segment ? p.folded : from + p.segment;
        int64_t first;
        const int64_t count = piece_range(&p, unit / p.segments, &first);
        float *y = p.segments == 1 ? w->out[0].data : (float *)w->scratch + segment * p.outputs;
        const float *x = w->in[0].data;
        an_walk_seek(&p.kept, first);
        if (!p.rows) {
            fold_columns(w, &p, how, x + p.kept.offset[0], from, to, y + first, count);
            if (n != 1.0) /* not `divide`: 1 changes nothing, and 0 must give NaN */
                for (int64_t i = first; i < first + count; i++) y[i] = (float)((double)y[i] / n);
            continue;
        }
        for (int64_t i = first; i < first + count; i++) {
            y[i] = (float)(fold_row(w, &p, how, x + p.kept.offset[0], from, to) / n);
            an_walk_step(&p.kept, 1);
        }
    }
}

/* ---- stage 1: fold the segments' results, in order ---------------------- */

static int64_t combine_units(const an_work *w)
{
    return make_plan(w).segments == 1 ? 0 : an_block_units(w);
}

static void run_combine(const an_work *w, int64_t begin, int64_t end, fold how, bool divide)
{
    if (!w->out[0].data) return;
    const plan p = make_plan(w);
    const double n = divide ? (double)p.folded : 1.0;
    int64_t first;
    const int64_t count = an_block_range(w, begin, end, &first);
    for (int64_t i = first; i < first + count; i++) {
        double result = neutral[how];
        for (int64_t s = 0; s < p.segments; s++)
            result = combine(how, result, (double)((const float *)w->scratch)[s * p.outputs + i]);
        ((float *)w->out[0].data)[i] = (float)(result / n);
    }
}

static int64_t fold_scratch(const an_work *w)
{
    const plan p = make_plan(w);
    int64_t bytes;
    if (p.segments == 1) return 0;
    if (!an_mul_size(p.segments, p.outputs, &bytes)) return -1;
    return an_mul_size(bytes, (int64_t)sizeof(float), &bytes) ? bytes : -1;
}

/* ---- reference --------------------------------------------------------- */

/* Where element j of those that output i folds lies in x. */
static int64_t folded_index(const an_tensor *x, const bool reduced[], int64_t i, int64_t j)
{
    int64_t index = 0, stride = 1;
    for (int k = x->rank - 1; k >= 0; k--) {
        int64_t *from = reduced[k] ? &j : &i;
        index += *from % x->extent[k] * stride;
        *from /= x->extent[k];
        stride *= x->extent[k];
    }
    return index;
}

static int64_t fold_whole(fold how, int64_t a, int64_t b)
{
    if (how == FOLD_SUM) return (int64_t)((uint64_t)a + (uint64_t)b);
    return (how == FOLD_MAX) == (a > b) ? a : b;
}

static int64_t neutral_whole(fold how, an_dtype dtype)
{
    if (how == FOLD_SUM) return 0;
    if (dtype == AN_I32) return how == FOLD_MAX ? INT32_MIN : INT32_MAX;
    return how == FOLD_MAX ? INT64_MIN : INT64_MAX;
}

static void ref_fold(const an_work *w, fold how, bool divide)
{
    const an_tensor *x = &w->in[0], *y = &w->out[0];
    bool reduced[AN_MAX_RANK];
    reduced_axes(w->attrs, reduced);
    int64_t folded = 1;
    for (int k = 0; k < x->rank; k++) folded *= reduced[k] ? x->extent[k] : 1;
    const int64_t count = y->data ? an_elements(y) : 0;
    for (int64_t i = 0; i < count; i++) {
        double real = neutral[how];
        int64_t whole = neutral_whole(how, x->dtype);
        for (int64_t j = 0; j < folded; j++) {
            const int64_t at = folded_index(x, reduced, i, j);
            if (an_dtype_is_float(x->dtype)) real = combine(how, real, an_get(x, at));
            else whole = fold_whole(how, whole, an_get_int(x, at));
        }
        if (an_dtype_is_float(y->dtype)) an_put(y, i, divide ? real / (double)folded : real);
        else an_put_int(y, i, whole);
    }
}

/* ---- gradients --------------------------------------------------------- */

/* v, which has y's shape, with the reduced axes put back as ones. */
static an_value with_ones(const an_call *c, an_value v)
{
    if (c->attrs->keep) return v;
    an_shape shape = an_type_of(c->in[0]).shape;
    bool reduced[AN_MAX_RANK];
    reduced_axes(c->attrs, reduced);
    for (int i = 0; i < shape.rank; i++)
        if (reduced[i]) shape.dim[i] = 1;
    return an_reshape(v, shape);
}

static void sum_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    dx[0] = an_broadcast(with_ones(c, dy[0]), an_type_of(c->in[0]).shape);
}

static void mean_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    const an_value share = an_div(dy[0], an_count(c->in[0], c->attrs->axes));
    dx[0] = an_broadcast(with_ones(c, share), an_type_of(c->in[0]).shape);
}

static void extreme_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    const an_value x = c->in[0];
    const an_value hit = an_compare(x, AN_EQ, with_ones(c, c->out[0]));
    const an_value mask = an_cast(hit, an_type_of(x).dtype);
    const an_value ties = an_sum_axes(mask, c->attrs->axes, true);
    dx[0] = an_mul(mask, an_div(with_ones(c, dy[0]), ties));
}

/* ---- the rows ---------------------------------------------------------- */

#define REDUCTION(op, how, divide, operands, grad_rule)                                            \
    static void op##_run(const an_work *w, int64_t begin, int64_t end)                             \
    {                                                                                              \
        run_fold(w, begin, end, how, divide);                                                      \
    }                                                                                              \
    static void op##_combine(const an_work *w, int64_t begin, int64_t end)                         \
    {                                                                                              \
        run_combine(w, begin, end, how, divide);                                                   \
    }                                                                                              \
    static void op##_ref(const an_work *w)                                                         \
    {                                                                                              \
        ref_fold(w, how, divide);                                                                  \
    }                                                                                              \
    an_value an_##op##_at(an_at at, an_value x, int axis)                                          \
    {                                                                                              \
        return an_##op##_axes_at(at, x, AN_AXES(axis), false);                                     \
    }                                                                                              \
    an_value an_##op##_axes_at(an_at at, an_value x, an_axes axes, bool keep)                      \
    {                                                                                              \
        return an_emit(at, AN_OP_##op, &x, 1, &(an_attrs){.axes = axes, .keep = keep});            \
    }                                                                                              \
    const an_op_rules an_rules_##op = {                                                            \
        .operands = 1u, .infer = reduce_infer, .axes_in = AN_IN(0),                                \
        .grad = grad_rule,                                                                         \
        .stages = {{fold_units, op##_run}, {combine_units, op##_combine}},                         \
        .ref = op##_ref,                                                                           \
        .scratch = fold_scratch,                                                                   \
        .flops = 1,                                                                                \
    };

REDUCTION(sum, FOLD_SUM, false, numbers, sum_grad)
REDUCTION(mean, FOLD_SUM, true, floats, mean_grad)
REDUCTION(max, FOLD_MAX, false, numbers, extreme_grad)
REDUCTION(min, FOLD_MIN, false, numbers, extreme_grad)
