/* elementwise.c -- arithmetic of two operands, and the sum of many.
 *
 *   add      y = a + b      da = dy        db = dy
 *   sub      y = a - b      da = dy        db = -dy
 *   mul      y = a * b      da = dy * b    db = dy * a
 *   div      y = a / b      da = dy / b    db = -dy * y / b
 *   power    y = a ^ b      da = dy * b * a^(b-1)    db = dy * y * log a
 *   maximum, minimum        dy goes to the operand chosen, half to each if equal
 *   accumulate  y = ((x0 + x1) + x2) + ...           dx_i = dy
 *
 * Shapes broadcast as in NumPy; the gradients above have the result's shape and
 * the graph sums them down. accumulate alone takes identical types: it is where
 * the contributions to one gradient meet, and its order is part of the program.
 *
 * At the edges: power's da is 0 where b is 0 (else 0 * inf at a = 0), its db is 0
 * where a <= 0, where the logarithm is no real number. maximum and minimum of a
 * NaN are NaN and hand on no gradient. Integers wrap around; their division
 * truncates, and by zero it gives 0 and raises the run's fault.              */
#include "ops/access.h"
#include "ops/elementwise.h"
#include "ops/walk.h"

#include <math.h>

/* ---- shared machinery -------------------------------------------------- */

int64_t an_block_units(const an_work *w)
{
    return (an_elements(&w->out[0]) + AN_BLOCK - 1) / AN_BLOCK;
}

int64_t an_block_range(const an_work *w, int64_t begin, int64_t end, int64_t *first)
{
    const int64_t count = an_elements(&w->out[0]);
    const int64_t last = end > count / AN_BLOCK ? count : end * AN_BLOCK;
    *first = begin * AN_BLOCK;
    return last - *first;
}

static double number_at(const an_attrs *a, size_t offset)
{
    return offset ? *(const double *)((const char *)a + offset) : 0;
}

void an_unary_run_by(const an_work *w, int64_t begin, int64_t end, an_unary_kernel kernel)
{
    if (!w->out[0].data) return;
    const an_formula *f = &w->op->rules->formula;
    int64_t first;
    const int64_t count = an_block_range(w, begin, end, &first);
    if (count > 0)
        kernel((const float *)w->in[0].data + first, (float *)w->out[0].data + first, count,
               (float)number_at(w->attrs, f->p), (float)number_at(w->attrs, f->q));
}

void an_unary_run(const an_work *w, int64_t begin, int64_t end)
{
    an_unary_run_by(w, begin, end, *(const an_unary_kernel *)an_loop_of(w));
}

void an_binary_run_by(const an_work *w, int64_t begin, int64_t end, an_binary_kernel kernel)
{
    if (!w->out[0].data) return;
    int64_t first;
    const int64_t count = an_block_range(w, begin, end, &first);
    const float *a = w->in[0].data, *b = w->in[1].data;
    an_runs r;
    an_walk_broadcast(&r.walk, &w->out[0], 2, w->in);
    for (an_runs_start(&r, first, count); an_next_run(&r);)
        kernel(a + r.walk.offset[0], an_walk_stride(&r.walk, 0), b + r.walk.offset[1],
               an_walk_stride(&r.walk, 1), (float *)w->out[0].data + r.at, r.count);
}

void an_binary_run(const an_work *w, int64_t begin, int64_t end)
{
    an_binary_run_by(w, begin, end, *(const an_binary_kernel *)an_loop_of(w));
}

/* ---- references: plain formulas, element by element -------------------- */

void an_unary_ref_by(const an_work *w, double (*real)(double))
{
    const an_formula *f = &w->op->rules->formula;
    const an_tensor *x = &w->in[0], *y = &w->out[0];
    const int64_t count = y->data ? an_elements(y) : 0;
    const double p = number_at(w->attrs, f->p), q = number_at(w->attrs, f->q);
    for (int64_t i = 0; i < count; i++)
        if (!an_dtype_is_float(y->dtype)) an_put_int(y, i, f->whole(an_get_int(x, i)));
        else an_put(y, i, real ? real(an_get(x, i)) : f->real_of(an_get(x, i), p, q));
}

void an_unary_ref(const an_work *w)
{
    an_unary_ref_by(w, w->op->rules->formula.real);
}

void an_binary_ref_by(const an_work *w, double (*real)(double, double))
{
    int64_t (*whole)(int64_t, int64_t) = w->op->rules->formula.whole_two;
    const an_tensor *a = &w->in[0], *b = &w->in[1], *y = &w->out[0];
    const int64_t count = y->data ? an_elements(y) : 0, row = an_row(y);
    const int64_t step_a = an_broadcast_step(a), step_b = an_broadcast_step(b);
    const bool is_float = an_dtype_is_float(y->dtype);
    for (int64_t i = 0, ia = 0, ib = 0; i < count; i++, ia += step_a, ib += step_b) {
        if (i % row == 0) {
            ia = an_broadcast_index(y, a, i);
            ib = an_broadcast_index(y, b, i);
        }
        if (is_float) an_put(y, i, real(an_get(a, ia), an_get(b, ib)));
        else an_put_int(y, i, whole(an_get_int(a, ia), an_get_int(b, ib)));
    }
}

void an_binary_ref(const an_work *w)
{
    an_binary_ref_by(w, w->op->rules->formula.real_two);
}

/* ---- gradients that many share ----------------------------------------- */

void an_unary_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    dx[0] = c->op->rules->formula.slope(c, dy[0]);
}

an_value an_flat(const an_call *c, an_value dy)
{
    (void)c, (void)dy;
    return AN_NONE;
}

an_value an_gate(an_value condition, an_value dy)
{
    return an_where(condition, dy, an_number(dy, 0));
}

/* ---- each element ------------------------------------------------------ */

static double real_add(double a, double b) { return a + b; }
static double real_sub(double a, double b) { return a - b; }
static double real_mul(double a, double b) { return a * b; }
static double real_div(double a, double b) { return a / b; }
static double real_maximum(double a, double b) { return isnan(a) || a > b ? a : b; }
static double real_minimum(double a, double b) { return isnan(a) || a < b ? a : b; }

/* Unsigned, because that is what wraps around. */
static int64_t whole_add(int64_t a, int64_t b) { return (int64_t)((uint64_t)a + (uint64_t)b); }
static int64_t whole_sub(int64_t a, int64_t b) { return (int64_t)((uint64_t)a - (uint64_t)b); }
static int64_t whole_mul(int64_t a, int64_t b) { return (int64_t)((uint64_t)a * (uint64_t)b); }
static int64_t whole_maximum(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t whole_minimum(int64_t a, int64_t b) { return a < b ? a : b; }

static int64_t whole_div(int64_t a, int64_t b)
{
    if (b == 0) return 0;
    return b == -1 ? whole_sub(0, a) : a / b; /* the least integer / -1 would trap */
}

/* A zero divisor is reported at its own place; whole_div then writes 0. */
static void raise_zero_divisors(const an_work *w)
{
    const an_tensor *b = &w->in[1];
    if (an_dtype_is_float(b->dtype) || an_elements(&w->out[0]) == 0) return;
    const int64_t count = an_elements(b);
    for (int64_t i = 0; i < count; i++)
        if (an_get_int(b, i) == 0) an_raise(w, 1, i, 0, 0);
}

/* ---- gradients --------------------------------------------------------- */

static void add_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    for (int i = 0; i < c->inputs; i++) dx[i] = dy[0];
}

static void sub_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    (void)c;
    dx[0] = dy[0];
    dx[1] = an_neg(dy[0]);
}

static void mul_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    dx[0] = an_mul(dy[0], c->in[1]);
    dx[1] = an_mul(dy[0], c->in[0]);
}

static void div_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    dx[0] = an_chain_over(dy[0], c->in[1]);
    dx[1] = an_neg(an_chain_times(dx[0], c->out[0]));
}

static void power_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    const an_value a = c->in[0], b = c->in[1];
    const an_value zero = an_number(a, 0), one = an_number(a, 1);
    dx[0] = an_chain_times(dy[0], an_chain_times(b, an_power(a, an_sub(b, one))));
    /* The inner choice keeps the logarithm's own gradient finite where it is not used. */
    const an_value positive = an_compare(a, AN_GT, zero);
    const an_value log_a = an_log(an_where(positive, a, one));
    dx[1] = an_chain_times(dy[0], an_where(positive, an_mul(c->out[0], log_a), zero));
}

/* `test` says when a was chosen outright. */
static void choice_grad(const an_call *c, const an_value dy, an_test test, an_value dx[])
{
    const an_value a = c->in[0], b = c->in[1], zero = an_number(dy, 0);
    const an_value half = an_mul(dy, an_number(dy, 0.5));
    const an_value tie = an_compare(a, AN_EQ, b);
    const an_test other = test == AN_GT ? AN_LT : AN_GT;
    dx[0] = an_where(an_compare(a, test, b), dy, an_where(tie, half, zero));
    dx[1] = an_where(an_compare(a, other, b), dy, an_where(tie, half, zero));
}

static void maximum_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    choice_grad(c, dy[0], AN_GT, dx);
}

static void minimum_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    choice_grad(c, dy[0], AN_LT, dx);
}

/* ---- the rows ---------------------------------------------------------- */

static void div_ref(const an_work *w)
{
    raise_zero_divisors(w);
    an_binary_ref(w);
}

/* The builder of an op, and its record but for what is peculiar to it. */
#define BINARY_OP(op, operands, ...)                                                               \
    an_value an_##op##_at(an_at at, an_value a, an_value b)                                        \
    {                                                                                              \
        return an_emit(at, AN_OP_##op, (an_value[]){a, b}, 2, NULL);                               \
    }                                                                                              \
    const an_op_rules an_rules_##op = {                                                            \
        .operands = 1u, .broadcast = true, .grad = op##_grad, AN_BINARY_RULES, __VA_ARGS__};
#define FORMULA(op)                                                                                \
    .formula = {AN_LOOP(op), .real_two = real_##op, .whole_two = whole_##op}

BINARY_OP(add, numbers, FORMULA(add), .adds = true)
BINARY_OP(sub, numbers, FORMULA(sub))
BINARY_OP(mul, numbers, FORMULA(mul))
BINARY_OP(maximum, numbers, FORMULA(maximum))
BINARY_OP(minimum, numbers, FORMULA(minimum))
BINARY_OP(power, floats, .formula = {AN_LOOP(power), .real_two = pow})

const an_op_rules an_rules_div = {
    .numbers = 1u,
    .broadcast = true,
    .grad = div_grad,
    .stages = {{an_block_units, an_binary_run}},
    .ref = div_ref,
    .share = {1u | 2u},
    FORMULA(div),
};

an_value an_div_at(an_at at, an_value a, an_value b)
{
    return an_emit(at, AN_OP_div, (an_value[]){a, b}, 2, NULL);
}

/* ---- accumulate -------------------------------------------------------- */

static an_status accumulate_infer(const an_infer *q, an_type out[])
{
    an_status s = AN_OK;
    for (int i = 1; s == AN_OK && i < q->inputs; i++) {
        s = an_want_same_dtype(q, 0, i);
        if (s == AN_OK) s = an_want_same_shape(q, 0, i);
    }
    if (s == AN_OK && q->attrs->order.count != 0 && q->attrs->order.count != q->inputs)
        s = an_refuse(q, AN_E_ATTRIBUTE, "%d ordinals for %d operands", q->attrs->order.count,
                      q->inputs);
    out[0] = q->in[0];
    return s;
}

/* Operand by operand over one block at a time, so that the sum stays in cache. */
static void accumulate_run(const an_work *w, int64_t begin, int64_t end)
{
    if (!w->out[0].data) return;
    for (int64_t unit = begin; unit < end; unit++) {
        int64_t first;
        const int64_t count = an_block_range(w, unit, unit + 1, &first);
        float *y = (float *)w->out[0].data + first;
        const float *x = (const float *)w->in[0].data + first;
        if (w->inputs == 1) w->kernels->copy(x, y, count);
        for (int i = 1; i < w->inputs; i++) {
            w->kernels->add(x, 1, (const float *)w->in[i].data + first, 1, y, count);
            x = y;
        }
    }
}

static void accumulate_ref(const an_work *w)
{
    const an_tensor *y = &w->out[0];
    const int64_t count = y->data ? an_elements(y) : 0;
    for (int64_t i = 0; i < count; i++) {
        double real = an_get(&w->in[0], i);
        int64_t whole = an_dtype_is_float(y->dtype) ? 0 : an_get_int(&w->in[0], i);
        for (int k = 1; k < w->inputs; k++) {
            real += an_get(&w->in[k], i);
            if (!an_dtype_is_float(y->dtype)) whole = whole_add(whole, an_get_int(&w->in[k], i));
        }
        if (an_dtype_is_float(y->dtype)) an_put(y, i, real);
        else an_put_int(y, i, whole);
    }
}

static double accumulate_flops(const an_work *w)
{
    return (w->inputs - 1) * (double)an_elements(&w->out[0]);
}

an_value an_accumulate_at(an_at at, const an_value *x, int count, const uint32_t *order)
{
    return an_emit(at, AN_OP_accumulate, x, count,
                   &(an_attrs){.order = {order ? count : 0, order}});
}

/* In place over x0 or x1 only: later operands are read after y was written. */
const an_op_rules an_rules_accumulate = {
    .numbers = 1u,
    .infer = accumulate_infer,
    .grad = add_grad,
    .stages = {{an_block_units, accumulate_run}},
    .ref = accumulate_ref,
    .share = {1u | 2u},
    .count_flops = accumulate_flops,
};
