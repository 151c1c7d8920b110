/* norm.c -- layer_norm and rms_norm, forward.
 *
 *   layer_norm:  y = xhat * gamma + beta     xhat = (x - mean) * rstd
 *                mean = sum(x)/D             rstd = 1/sqrt(sum((x - mean)^2)/D + eps)
 *   rms_norm:    y = x * rstd * gamma        rstd = 1/sqrt(sum(x^2)/D + eps)
 *
 * over rows of width D: the axis and all axes after it. The gradient through y is
 * layer_norm_grad or rms_norm_grad (norm_grad.c). Through the statistics, written
 * out as nodes because hardly anyone takes it:
 *
 *   dx += dmean / D                          d mean / d x_i = 1/D
 *   dx -= drstd * rstd^3 * (x - mean) / D    (rms_norm: without the mean)
 *
 * Ba, Kiros, Hinton, "Layer normalization", 2016; Zhang, Sennrich, "Root mean
 * square layer normalization", 2019. The output `mean` is the rounded mean; what
 * rounding took from it is found again by whoever needs it (kernels/norm_row.h).
 * Rows of width 0 have mean and rstd NaN, as 0/0 is; so has a constant row without
 * eps, but for its mean. All other finite rows have their right y, whatever their width
 * and magnitude. rstd itself is an f32: inf where eps is 0 and the deviation below 2.9e-39,
 * and a few digits short above 8.5e37; the gradients then take it from the row again.    */
#include "ops/access.h"
#include "ops/norm.h"
#include "ops/kernels/kernels.h"
#include "ops/kernels/norm.h"

#define UNIT 16384 /* elements, about */

/* The operand or result that plays a part; NULL: there is none. */
static const an_tensor *part(const an_work *w, int role)
{
    return role > 0 ? &w->in[role - 1] : role < 0 ? &w->out[-1 - role] : NULL;
}

an_norm_parts an_norm_parts_of(const an_work *w)
{
    const an_norm_roles *r = &w->op->rules->norm;
    const bool adds = w->op->rules->adds;
    const int gamma = adds ? 2 : 1;
    return (an_norm_parts){.x = &w->in[0], .skip = adds ? &w->in[1] : NULL, .gamma = &w->in[gamma],
                           .beta = r->mean ? &w->in[gamma + 1] : NULL, .y = &w->out[0],
                           .sum = adds ? part(w, r->row) : NULL, .mean = part(w, r->mean),
                           .rstd = part(w, r->rstd), .rms = !r->mean};
}

an_norm_grad_parts an_norm_grad_parts_of(const an_work *w)
{
    const an_norm_roles *r = &w->op->rules->norm;
    return (an_norm_grad_parts){.dy = part(w, r->dy), .x = part(w, r->row),
                                .gamma = part(w, r->gamma), .mean = part(w, r->mean),
                                .rstd = part(w, r->rstd), .dsum = part(w, r->dsum),
                                .dx = part(w, r->dx), .dgamma = &w->out[1],
                                .dbeta = r->mean ? &w->out[2] : NULL, .rms = !r->mean};
}

an_norm_cut an_norm_cut_of(const an_tensor *x, int axis)
{
    return (an_norm_cut){an_span(x, 0, axis), an_span(x, axis, x->rank)};
}

/* ---- types ---------------------------------------------------------------- */

an_type an_norm_row_type(const an_type *x, int axis)
{
    an_type t = *x;
    t.shape.rank = axis;
    return t;
}

an_type an_norm_scale_type(const an_type *x, int axis)
{
    an_type t = {.dtype = x->dtype, .shape.rank = x->shape.rank - axis};
    for (int i = 0; i < t.shape.rank; i++) t.shape.dim[i] = x->shape.dim[axis + i];
    return t;
}

/* Refuses operand i unless it has that type. */
static an_status want_type(const an_infer *q, int i, int x, const an_type *type)
{
    const an_status status = an_want_same_dtype(q, x, i);
    if (status != AN_OK) return status;
    bool same = q->in[i].shape.rank == type->shape.rank;
    for (int k = 0; same && k < type->shape.rank; k++)
        same = q->in[i].shape.dim[k] == type->shape.dim[k];
    if (same) return AN_OK;
    char name[32];
    an_op_input_name(q->op, i, name, sizeof name);
    an_text has = {0}, wants = {0};
    an_shape_print(q->dims, &q->in[i].shape, &has);
    an_shape_print(q->dims, &type->shape, &wants);
    an_refuse(q, AN_E_SHAPE, "%s must have shape %s, not %s", name, an_text_view(&wants),
              an_text_view(&has));
    an_text_free(&has);
    an_text_free(&wants);
    return AN_E_SHAPE;
}

/* Operand `gamma` and, where rows are centred, beta behind it. */
static an_status want_scales(const an_infer *q, int x, int gamma, bool centred, int axis)
{
    const an_type scale = an_norm_scale_type(&q->in[x], axis);
    an_status status = AN_OK;
    for (int i = gamma; i <= gamma + centred && status == AN_OK; i++)
        if (q->present[i]) status = want_type(q, i, x, &scale);
    return status;
}

an_status an_norm_infer(const an_infer *q, an_type out[])
{
    const an_op_rules *r = q->op->rules;
    int axis;
    an_status status = an_want_axis(q, q->attrs->axis, q->in[0].shape.rank, false, &axis);
    if (status == AN_OK) status = want_scales(q, 0, r->adds ? 2 : 1, r->norm.mean != 0, axis);
    if (status != AN_OK) return status;
    const an_type row = an_norm_row_type(&q->in[0], axis);
    out[0] = q->in[0];
    if (r->adds) out[1] = q->in[0];
    if (r->norm.mean) out[-1 - r->norm.mean] = row;
    out[-1 - r->norm.rstd] = row;
    return AN_OK;
}

an_status an_norm_grad_infer(const an_infer *q, an_type out[])
{
    const an_norm_roles *r = &q->op->rules->norm;
    const int x = r->row - 1;
    int axis;
    an_status status = an_want_axis(q, q->attrs->axis, q->in[x].shape.rank, false, &axis);
    if (status == AN_OK) status = want_scales(q, x, r->gamma - 1, false, axis);
    if (status != AN_OK) return status;
    const an_type row = an_norm_row_type(&q->in[x], axis);
    if (r->mean) status = want_type(q, r->mean - 1, x, &row);
    if (status == AN_OK) status = want_type(q, r->rstd - 1, x, &row);
    out[0] = q->in[x];
    out[1] = an_norm_scale_type(&q->in[x], axis);
    if (r->mean) out[2] = out[1];
    return status;
}

/* ---- gradients ------------------------------------------------------------ */

an_value an_norm_keep(an_value statistic, an_value x, int axis)
{
    an_shape shape = an_type_of(x).shape;
    for (int i = axis; i < shape.rank; i++) shape.dim[i] = 1;
    return an_reshape(statistic, shape);
}

/* Axes [from, to). */
static an_axes axes_between(int from, int to)
{
    an_axes axes = {0};
    for (int i = from; i < to; i++) axes.at[axes.count++] = i;
    return axes;
}

an_axes an_norm_axes(an_value x, int axis)
{
    return axes_between(axis, an_type_of(x).shape.rank);
}

an_axes an_norm_leading(int axis)
{
    return axes_between(0, axis);
}

an_value an_norm_grad_node(const an_call *c, int op, const an_value *in, int count)
{
    const an_attrs attrs = {.axis = c->attrs->axis, .eps = c->attrs->eps};
    return an_emit(AN_HERE, op, in, count, &attrs);
}

static an_value plus(an_value a, an_value b)
{
    return an_is_none(a) ? b : an_add(a, b);
}

/* -drstd * rstd^3 * centred / D, where d rstd / d variance = -rstd^3 / 2. */
static an_value through_rstd(const an_call *c, an_value drstd, an_value rstd, an_value centred)
{
    const an_value x = c->in[0], cube = an_mul(an_square(rstd), rstd);
    const an_value n = an_count(x, an_norm_axes(x, c->attrs->axis));
    const an_value slope = an_neg(an_div(an_mul(drstd, cube), n));
    return an_mul(centred, an_norm_keep(slope, x, c->attrs->axis));
}

static void layer_norm_grad_rule(const an_call *c, const an_value dy[], an_value dx[])
{
    const an_value x = c->in[0];
    if (!an_is_none(dy[0])) {
        const an_value in[] = {dy[0], x, c->in[1], c->out[1], c->out[2]};
        const an_value g = an_norm_grad_node(c, AN_OP_layer_norm_grad, in, 5);
        dx[0] = g;
        if (!an_is_none(c->in[1])) dx[1] = an_result(g, 1);
        if (!an_is_none(c->in[2])) dx[2] = an_result(g, 2);
    }
    if (!an_is_none(dy[1])) {
        const an_value n = an_count(x, an_norm_axes(x, c->attrs->axis));
        const an_value each = an_norm_keep(an_div(dy[1], n), x, c->attrs->axis);
        dx[0] = plus(dx[0], an_broadcast(each, an_type_of(x).shape));
    }
    if (!an_is_none(dy[2])) {
        const an_value centred = an_sub(x, an_norm_keep(c->out[1], x, c->attrs->axis));
        dx[0] = plus(dx[0], through_rstd(c, dy[2], c->out[2], centred));
    }
}

static void rms_norm_grad_rule(const an_call *c, const an_value dy[], an_value dx[])
{
    if (!an_is_none(dy[0])) {
        const an_value in[] = {dy[0], c->in[0], c->in[1], c->out[1]};
        const an_value g = an_norm_grad_node(c, AN_OP_rms_norm_grad, in, 4);
        dx[0] = g;
        if (!an_is_none(c->in[1])) dx[1] = an_result(g, 1);
    }
    if (!an_is_none(dy[1])) dx[0] = plus(dx[0], through_rstd(c, dy[1], c->out[1], c->in[0]));
}

/* ---- kernel --------------------------------------------------------------- */

static int64_t rows_per_unit(const an_norm_cut *cut)
{
    return cut->width >= UNIT ? 1 : UNIT / (cut->width > 0 ? cut->width : 1);
}

int64_t an_norm_units(const an_work *w)
{
    const an_norm_cut cut = an_norm_cut_of(&w->in[0], w->attrs->axis);
    const int64_t per = rows_per_unit(&cut);
    return cut.rows / per + (cut.rows % per != 0);
}

bool an_norm_streams(const an_norm_cut *cut, const an_tensor *a, const an_tensor *b)
{
    int64_t bytes = 0;
    bool aligned = cut->width % 16 == 0;
    for (int i = 0; i < 2; i++) {
        const an_tensor *t = i == 0 ? a : b;
        if (!t || !t->data) continue;
        bytes += an_elements(t) * (int64_t)sizeof(float);
        aligned = aligned && (uintptr_t)t->data % 64 == 0;
    }
    return aligned && bytes > AN_STREAM_BYTES;
}

void an_norm_run(const an_work *w, int64_t begin, int64_t end)
{
    const an_norm_parts parts = an_norm_parts_of(w), *p = &parts;
    const an_norm_cut cut = an_norm_cut_of(p->x, w->attrs->axis);
    const int64_t per = rows_per_unit(&cut);
    const an_norm_rows rows = {
        .x = an_norm_floats(p->x), .skip = an_norm_floats(p->skip),
        .gamma = an_norm_floats(p->gamma), .beta = an_norm_floats(p->beta),
        .y = an_norm_floats(p->y), .sum = an_norm_floats(p->sum),
        .mean = an_norm_floats(p->mean), .rstd = an_norm_floats(p->rstd),
        .width = cut.width, .eps = w->attrs->eps, .rms = p->rms,
        .stream = an_norm_streams(&cut, p->y, p->sum),
    };
    w->kernels->norm_rows(&rows, begin * per, end * per < cut.rows ? end * per : cut.rows);
}

/* ---- builders and records --------------------------------------------------- */

an_value an_layer_norm_at(an_at at, an_value x, an_value gamma, an_value beta, int axis, double eps)
{
    const an_attrs attrs = {.axis = axis, .eps = an_narrow(at, x, "layer_norm: eps", eps)};
    return an_emit(at, AN_OP_layer_norm, (const an_value[]){x, gamma, beta}, 3, &attrs);
}

an_value an_rms_norm_at(an_at at, an_value x, an_value gamma, int axis, double eps)
{
    const an_attrs attrs = {.axis = axis, .eps = an_narrow(at, x, "rms_norm: eps", eps)};
    return an_emit(at, AN_OP_rms_norm, (const an_value[]){x, gamma}, 2, &attrs);
}

/* Per element: sum 1, squares 3, y 5. y may lie over x: a row is read to its end before any of it
 * is written. */
const an_op_rules an_rules_layer_norm = {
    .floats = 1,
    .infer = an_norm_infer,
    .grad = layer_norm_grad_rule,
    .stages = {{an_norm_units, an_norm_run}},
    .ref = an_norm_ref,
    .share = {1},
    .flops = 9,
    .norm = {.row = AN_IN(0), .mean = AN_OUT(1), .rstd = AN_OUT(2)},
};

const an_op_rules an_rules_rms_norm = {
    .floats = 1,
    .infer = an_norm_infer,
    .grad = rms_norm_grad_rule,
    .stages = {{an_norm_units, an_norm_run}},
    .ref = an_norm_ref,
    .share = {1},
    .flops = 9,
    .norm = {.row = AN_IN(0), .rstd = AN_OUT(1)},
};
