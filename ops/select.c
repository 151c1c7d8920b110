/* select.c -- comparing, choosing, and cutting off gradients.
 *
 *   compare        y = a ? b as bool          constant almost everywhere
 *   logical_and, _or, _xor, _not              of bools
 *   where          y = condition ? a : b      da = condition ? dy : 0
 *                                             db = condition ? 0 : dy
 *   stop_gradient  y = x                      nothing flows back
 *
 * All operands broadcast. where picks, it does not multiply: an inf or NaN on the
 * side not chosen stays out of the result and of the gradient.                */
#include "ops/access.h"
#include "ops/elementwise.h"
#include "ops/kernels/kernels.h"
#include "ops/movement.h"
#include "ops/walk.h"

#include <string.h>

/* ---- compare ----------------------------------------------------------- */

static an_status compare_infer(const an_infer *q, an_type out[])
{
    out[0].dtype = AN_BOOL;
    if ((unsigned)q->attrs->test <= AN_GE) return AN_OK;
    return an_refuse(q, AN_E_ATTRIBUTE, "%d is no test", (int)q->attrs->test);
}

static void compare_run(const an_work *w, int64_t begin, int64_t end)
{
    if (!w->out[0].data) return;
    int64_t first;
    const int64_t count = an_block_range(w, begin, end, &first);
    const float *a = w->in[0].data, *b = w->in[1].data;
    /* a > b is b < a: four loops serve six tests. */
    const an_test test = w->attrs->test;
    const int swap = test == AN_GT || test == AN_GE;
    const an_test as = test == AN_GT ? AN_LT : test == AN_GE ? AN_LE : test;
    an_runs r;
    an_walk_broadcast(&r.walk, &w->out[0], 2, w->in);
    for (an_runs_start(&r, first, count); an_next_run(&r);) {
        const float *x[2] = {a + r.walk.offset[0], b + r.walk.offset[1]};
        w->kernels->compare((int)as, x[swap], an_walk_stride(&r.walk, swap), x[!swap],
                            an_walk_stride(&r.walk, !swap), (uint8_t *)w->out[0].data + r.at,
                            r.count);
    }
}

static bool holds_real(an_test test, double a, double b)
{
    switch (test) {
    case AN_EQ: return a == b;
    case AN_NE: return a != b;
    case AN_LT: return a < b;
    case AN_LE: return a <= b;
    case AN_GT: return a > b;
    case AN_GE: return a >= b;
    }
    return false;
}

/* As reals the three outcomes of an integer comparison are exact. */
static bool holds_whole(an_test test, int64_t a, int64_t b)
{
    return holds_real(test, a < b ? -1 : a > b, 0);
}

static void compare_ref(const an_work *w)
{
    const an_tensor *a = &w->in[0], *b = &w->in[1], *y = &w->out[0];
    const int64_t count = y->data ? an_elements(y) : 0;
    for (int64_t i = 0; i < count; i++) {
        const int64_t ia = an_broadcast_index(y, a, i), ib = an_broadcast_index(y, b, i);
        if (an_dtype_is_float(a->dtype))
            an_put_int(y, i, holds_real(w->attrs->test, an_get(a, ia), an_get(b, ib)));
        else an_put_int(y, i, holds_whole(w->attrs->test, an_get_int(a, ia), an_get_int(b, ib)));
    }
}

an_value an_compare_at(an_at at, an_value a, an_test test, an_value b)
{
    return an_emit(at, AN_OP_compare, (an_value[]){a, b}, 2, &(an_attrs){.test = test});
}

const an_op_rules an_rules_compare = {
    .broadcast = true,
    .infer = compare_infer,
    .no_grad = "a comparison is constant almost everywhere",
    .stages = {{an_block_units, compare_run}},
    .ref = compare_ref,
};

/* ---- logic ------------------------------------------------------------- */

/* Any byte but 0 is true. */
static int64_t whole_and(int64_t a, int64_t b) { return a != 0 && b != 0; }
static int64_t whole_or(int64_t a, int64_t b) { return a != 0 || b != 0; }
static int64_t whole_xor(int64_t a, int64_t b) { return (a != 0) != (b != 0); }
static int64_t whole_not(int64_t x) { return x == 0; }

/* One run of two operands; compilers make vectors of it. */
#define LOGIC(op, test)                                                                            \
    static void op##_each(const uint8_t *a, int64_t step_a, const uint8_t *b, int64_t step_b,      \
                          uint8_t *y, int64_t count)                                               \
    {                                                                                              \
        for (int64_t i = 0; i < count; i++) y[i] = (a[i * step_a] != 0)test(b[i * step_b] != 0);   \
    }                                                                                              \
    static void op##_run(const an_work *w, int64_t begin, int64_t end)                             \
    {                                                                                              \
        logic_run(w, begin, end, op##_each);                                                       \
    }
#define LOGIC_OP(op, whole)                                                                        \
    an_value an_logical_##op##_at(an_at at, an_value a, an_value b)                                \
    {                                                                                              \
        return an_emit(at, AN_OP_logical_##op, (an_value[]){a, b}, 2, NULL);                       \
    }                                                                                              \
    const an_op_rules an_rules_logical_##op = {                                                    \
        .bools = 1u | 2u, .broadcast = true, .no_grad = no_truth_grad,                             \
        .stages = {{an_block_units, op##_run}}, .fast = AN_DTYPE_BIT(AN_BOOL),                     \
        .ref = an_binary_ref, .share = {1u | 2u}, .formula = {.whole_two = whole},                 \
    };

static const char no_truth_grad[] = "whether something holds has no gradient";

typedef void (*logic_fn)(const uint8_t *a, int64_t step_a, const uint8_t *b, int64_t step_b,
                         uint8_t *y, int64_t count);

static void logic_run(const an_work *w, int64_t begin, int64_t end, logic_fn each)
{
    if (!w->out[0].data) return;
    int64_t first;
    const int64_t count = an_block_range(w, begin, end, &first);
    const uint8_t *a = w->in[0].data, *b = w->in[1].data;
    an_runs r;
    an_walk_broadcast(&r.walk, &w->out[0], 2, w->in);
    for (an_runs_start(&r, first, count); an_next_run(&r);)
        each(a + r.walk.offset[0], an_walk_stride(&r.walk, 0), b + r.walk.offset[1],
             an_walk_stride(&r.walk, 1), (uint8_t *)w->out[0].data + r.at, r.count);
}

LOGIC(and, &)
LOGIC(or, |)
LOGIC(xor, !=)
LOGIC_OP(and, whole_and)
LOGIC_OP(or, whole_or)
LOGIC_OP(xor, whole_xor)

static void not_run(const an_work *w, int64_t begin, int64_t end)
{
    if (!w->out[0].data) return;
    int64_t first;
    const int64_t count = an_block_range(w, begin, end, &first);
    const uint8_t *x = (const uint8_t *)w->in[0].data + first;
    uint8_t *y = (uint8_t *)w->out[0].data + first;
    for (int64_t i = 0; i < count; i++) y[i] = x[i] == 0;
}

an_value an_logical_not_at(an_at at, an_value x)
{
    return an_emit(at, AN_OP_logical_not, &x, 1, NULL);
}

const an_op_rules an_rules_logical_not = {
    .bools = 1u,
    .no_grad = no_truth_grad,
    .stages = {{an_block_units, not_run}},
    .fast = AN_DTYPE_BIT(AN_BOOL),
    .ref = an_unary_ref,
    .share = {1u},
    .formula = {.whole = whole_not},
};

/* ---- where ------------------------------------------------------------- */

static an_status where_infer(const an_infer *q, an_type out[])
{
    an_shape values;
    an_status s = an_want_same_dtype(q, 1, 2);
    if (s == AN_OK) s = an_broadcast_shapes(q, &q->in[1].shape, &q->in[2].shape, &values);
    if (s == AN_OK) s = an_broadcast_shapes(q, &q->in[0].shape, &values, &out[0].shape);
    out[0].dtype = q->in[1].dtype;
    return s;
}

static void where_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    const an_value zero = an_number(dy[0], 0);
    dx[1] = an_where(c->in[0], dy[0], zero);
    dx[2] = an_where(c->in[0], zero, dy[0]);
}

static void where_run(const an_work *w, int64_t begin, int64_t end)
{
    if (!w->out[0].data) return;
    int64_t first;
    const int64_t count = an_block_range(w, begin, end, &first);
    const uint8_t *condition = w->in[0].data;
    const float *a = w->in[1].data, *b = w->in[2].data;
    float *y = w->out[0].data;
    an_runs r;
    an_walk_broadcast(&r.walk, &w->out[0], 3, w->in);
    for (an_runs_start(&r, first, count); an_next_run(&r);) {
        const an_choice x = {condition + r.walk.offset[0], an_walk_stride(&r.walk, 0),
                             a + r.walk.offset[1], an_walk_stride(&r.walk, 1),
                             b + r.walk.offset[2], an_walk_stride(&r.walk, 2)};
        w->kernels->choose(&x, y + r.at, r.count);
    }
}

static void where_ref(const an_work *w)
{
    const an_tensor *condition = &w->in[0], *y = &w->out[0];
    const int64_t count = y->data ? an_elements(y) : 0;
    const int64_t row = an_row(y), step = an_broadcast_step(condition);
    for (int64_t i = 0, at = 0; i < count; i++, at += step) {
        if (i % row == 0) at = an_broadcast_index(y, condition, i);
        const bool yes = an_get_int(condition, at) != 0;
        const an_tensor *from = &w->in[yes ? 1 : 2];
        an_move(y, i, from, an_broadcast_index(y, from, i));
    }
}

an_value an_where_at(an_at at, an_value condition, an_value a, an_value b)
{
    return an_emit(at, AN_OP_where, (an_value[]){condition, a, b}, 3, NULL);
}

const an_op_rules an_rules_where = {
    .bools = 1u,
    .infer = where_infer,
    .grad = where_grad,
    .constant_in = 1u,
    .stages = {{an_block_units, where_run}},
    .ref = where_ref,
    .share = {1u | 2u | 4u},
};

/* ---- stop_gradient ----------------------------------------------------- */

an_value an_stop_gradient_at(an_at at, an_value x)
{
    return an_emit(at, AN_OP_stop_gradient, &x, 1, NULL);
}

const an_op_rules an_rules_stop_gradient = {
    .no_grad = "it is there to stop gradients",
    .constant_in = 1u,
    .stages = {{an_block_units, an_copy_run}},
    .fast = AN_FAST_ANY,
    .ref = an_copy_ref,
    .share = {1u},
    .flops = AN_NO_FLOPS,
    .moves = true,
};
