/* softmax.c -- normalised exponentials along one axis.
 *
 *   softmax:      y_i = exp(x_i - m) / s         m = max_j x_j
 *                 dx  = y * (dy - sum(dy * y))   s = sum_j exp(x_j - m)
 *   log_softmax:  y_i = (x_i - m) - log(s)
 *                 dx  = dy - exp(y) * sum(dy)
 *
 * both from dy_i/dx_j = y_i * ([i = j] - y_j). Subtracting m keeps exp finite; the
 * result does not change. Bridle, "Probabilistic interpretation of feedforward
 * classification network outputs", 1990. A row of nothing but -inf gives NaN, and
 * so does one with +inf or NaN in it: that is what the formula says.
 *
 * Around the axis the tensor is [outer, length, inner]. With inner = 1 a unit is a
 * group of rows, otherwise a group of neighbouring columns of one outer index.  */
#include "core/memory.h"
#include "ops/access.h"
#include "ops/op.h"
#include "ops/kernels/blocks.h"
#include "ops/kernels/kernels.h"

#include <math.h>

#define UNIT 16384 /* elements, about */

typedef struct cut {
    int64_t outer, length, inner;
} cut;

static cut cut_of(const an_work *w)
{
    const an_tensor *x = &w->in[0];
    const int axis = w->attrs->axis;
    return (cut){an_span(x, 0, axis), x->extent[axis], an_span(x, axis + 1, x->rank)};
}

static an_status softmax_infer(const an_infer *q, an_type out[])
{
    int axis;
    out[0] = q->in[0];
    return an_want_axis(q, q->attrs->axis, q->in[0].shape.rank, false, &axis);
}

static an_value sum_along(const an_call *c, an_value v)
{
    return an_sum_axes(v, AN_AXES(c->attrs->axis), true);
}

static void softmax_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    const an_value y = c->out[0];
    dx[0] = an_mul(y, an_sub(dy[0], sum_along(c, an_mul(dy[0], y))));
}

static void log_softmax_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    dx[0] = an_sub(dy[0], an_mul(an_exp(c->out[0]), sum_along(c, dy[0])));
}

/* ---- kernel --------------------------------------------------------------- */

/* How many rows, or columns, make a unit. Columns come in vectors of 16. */
static int64_t per_unit(const cut *c)
{
    const int64_t length = c->length > 0 ? c->length : 1;
    const int64_t fit = length < UNIT ? UNIT / length : 1;
    return c->inner == 1 ? fit : (fit + 15) / 16 * 16;
}

static int64_t softmax_units(const an_work *w)
{
    const cut c = cut_of(w);
    if (c.inner == 1) return an_ceil_div(c.outer, per_unit(&c));
    return c.outer * an_ceil_div(c.inner, per_unit(&c)); /* at most the element count, if not 0 */
}

static void run(const an_work *w, int64_t begin, int64_t end)
{
    const bool log = w->op->code == AN_OP_log_softmax;
    const cut c = cut_of(w);
    const int64_t per = per_unit(&c);
    const float *x = w->in[0].data;
    float *y = w->out[0].data;
    if (!y) return;
    if (c.inner == 1) {
        const int64_t last = end * per < c.outer ? end * per : c.outer;
        (c.length > AN_WHOLE ? w->kernels->softmax_long_rows : w->kernels->softmax_rows)(
            x, y, c.length, begin * per, last, log);
        return;
    }
    const int64_t across = an_ceil_div(c.inner, per);
    for (int64_t unit = begin; unit < end; unit++) {
        const int64_t first = unit % across * per;
        const int64_t at = unit / across * c.length * c.inner + first;
        const int64_t columns = c.inner - first < per ? c.inner - first : per;
        w->kernels->softmax_columns(x + at, y + at, c.length, c.inner, columns, log);
    }
}

/* ---- reference ------------------------------------------------------------ */

/* One row or column; reads x to its end before it writes y, which may be x. */
static void ref_line(const an_work *w, const cut *c, int64_t at, bool log_form)
{
    const an_tensor *x = &w->in[0];
    double m = -INFINITY, sum = 0;
    for (int64_t i = 0; i < c->length; i++) {
        const double v = an_get(x, at + i * c->inner);
        if (v > m) m = v;
    }
    for (int64_t i = 0; i < c->length; i++) sum += exp(an_get(x, at + i * c->inner) - m);
    for (int64_t i = 0; i < c->length; i++) {
        const double v = an_get(x, at + i * c->inner) - m;
        an_put(&w->out[0], at + i * c->inner, log_form ? v - log(sum) : exp(v) / sum);
    }
}

static void ref(const an_work *w)
{
    const cut c = cut_of(w);
    const bool log_form = w->op->code == AN_OP_log_softmax;
    for (int64_t o = 0; o < c.outer && w->out[0].data; o++)
        for (int64_t i = 0; i < c.inner; i++)
            ref_line(w, &c, o * c.length * c.inner + i, log_form);
}

/* ---- builders and records --------------------------------------------------- */

an_value an_softmax_at(an_at at, an_value x, int axis)
{
    const an_attrs attrs = {.axis = axis};
    return an_emit(at, AN_OP_softmax, &x, 1, &attrs);
}

an_value an_log_softmax_at(an_at at, an_value x, int axis)
{
    const an_attrs attrs = {.axis = axis};
    return an_emit(at, AN_OP_log_softmax, &x, 1, &attrs);
}

/* Per element: maximum 1, exp about 20, sum and scale 3. */
#define RULES                                                                                      \
    .floats = 1u, .infer = softmax_infer, .stages = {{softmax_units, run}}, .ref = ref,            \
    .share = {1}, .flops = 24
const an_op_rules an_rules_softmax = {RULES, .grad = softmax_grad};
const an_op_rules an_rules_log_softmax = {RULES, .grad = log_softmax_grad};
