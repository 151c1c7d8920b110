/* select.c -- comparing, choosing, and cutting off gradients.
 *
 *   compare        y = a ? b as bool          constant almost everywhere
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
    if ((unsigned)q->attrs->test > AN_GE)
        return an_refuse(q, AN_E_ATTRIBUTE, "%d is no test", (int)q->attrs->test);
    an_status s = an_want_same_dtype(q, 0, 1);
    if (s == AN_OK) s = an_broadcast_shapes(q, &q->in[0].shape, &q->in[1].shape, &out[0].shape);
    out[0].dtype = AN_BOOL;
    return s;
}

static void compare_run(const an_work *w, int64_t begin, int64_t end)
{
    if (!w->out[0].data) return;
    int64_t at;
    const int64_t count = an_block_range(w, begin, end, &at);
    const float *a = w->in[0].data, *b = w->in[1].data;
    /* a > b is b < a: four loops serve six tests. */
    const an_test test = w->attrs->test;
    const int swap = test == AN_GT || test == AN_GE;
    const an_test as = test == AN_GT ? AN_LT : test == AN_GE ? AN_LE : test;
    an_walk walk;
    an_walk_broadcast(&walk, &w->out[0], 2, w->in);
    an_walk_seek(&walk, at);
    for (const int64_t last = at + count; at < last;) {
        const int64_t run = an_walk_run(&walk, last - at);
        const float *x[2] = {a + walk.offset[0], b + walk.offset[1]};
        w->kernels->compare((int)as, x[swap], an_walk_stride(&walk, swap), x[!swap],
                            an_walk_stride(&walk, !swap), (uint8_t *)w->out[0].data + at, run);
        an_walk_step(&walk, run);
        at += run;
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
    .infer = compare_infer,
    .no_grad = "a comparison is constant almost everywhere",
    .stages = {{an_block_units, compare_run}},
    .ref = compare_ref,
};

/* ---- where ------------------------------------------------------------- */

static an_status where_infer(const an_infer *q, an_type out[])
{
    if (q->in[0].dtype != AN_BOOL) {
        an_refuse(q, AN_E_DTYPE, "condition must be bool, not %s", an_dtype_name(q->in[0].dtype));
        return an_hint(q, AN_E_DTYPE, "make it with an_compare, or an_cast(condition, AN_BOOL)");
    }
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
    int64_t at;
    const int64_t count = an_block_range(w, begin, end, &at);
    const uint8_t *condition = w->in[0].data;
    const float *a = w->in[1].data, *b = w->in[2].data;
    float *y = w->out[0].data;
    an_walk walk;
    an_walk_broadcast(&walk, &w->out[0], 3, w->in);
    an_walk_seek(&walk, at);
    for (const int64_t last = at + count; at < last;) {
        const int64_t run = an_walk_run(&walk, last - at);
        const an_choice x = {condition + walk.offset[0], an_walk_stride(&walk, 0),
                             a + walk.offset[1], an_walk_stride(&walk, 1),
                             b + walk.offset[2], an_walk_stride(&walk, 2)};
        w->kernels->choose(&x, y + at, run);
        an_walk_step(&walk, run);
        at += run;
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
    .infer = where_infer,
    .grad = where_grad,
    .constant_in = 1u,
    .stages = {{an_block_units, where_run}},
    .ref = where_ref,
    .share = {1u | 2u | 4u},
};

/* ---- stop_gradient ----------------------------------------------------- */

static an_status same_infer(const an_infer *q, an_type out[])
{
    out[0] = q->in[0];
    return AN_OK;
}

an_value an_stop_gradient_at(an_at at, an_value x)
{
    return an_emit(at, AN_OP_stop_gradient, &x, 1, NULL);
}

const an_op_rules an_rules_stop_gradient = {
    .infer = same_infer,
    .no_grad = "it is there to stop gradients",
    .constant_in = 1u,
    .stages = {{an_block_units, an_copy_run}},
    .fast = AN_FAST_ANY,
    .ref = an_copy_ref,
    .share = {1u},
    .flops = AN_NO_FLOPS,
    .moves = true,
};
