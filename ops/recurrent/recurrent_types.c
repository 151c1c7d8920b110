/* recurrent_types.c -- what the recurrent ops ask of their operands, give as results,
 * and hand to their gradients: all of it follows from which port is which.     */
#include "ops/recurrent/recurrent.h"

/* ---- forward ------------------------------------------------------------ */

/* Operand `i`, if present, must be a state [B, H] of x's dtype. */
static an_status want_state(const an_infer *q, int i, an_dim batch, an_dim units)
{
    if (i < 0 || !q->present[i]) return AN_OK;
    const an_dim *dim = q->in[i].shape.dim;
    if (dim[0] == batch && dim[1] == units) return AN_OK;
    char name[32];
    an_op_input_name(q->op, i, name, sizeof name);
    return an_refuse(q, AN_E_SHAPE, "%s must be [batch, units] of x and recurrent", name);
}

/* Operand `i`, if present, must have one element per column of the weights. */
static an_status want_bias(const an_infer *q, int i, an_dim columns)
{
    if (i < 0 || !q->present[i] || q->in[i].shape.dim[0] == columns) return AN_OK;
    char name[32];
    an_op_input_name(q->op, i, name, sizeof name);
    return an_refuse(q, AN_E_SHAPE, "%s must have one element per column of kernel", name);
}

/* recurrent [H, gates * H]. */
static an_status want_gates(const an_infer *q, const an_recurrent_ports *p, const an_dim *recurrent)
{
    if (recurrent[1] == an_dims_mul(q->dims, p->gates, recurrent[0])) return AN_OK;
    if (p->gates == 1) return an_refuse(q, AN_E_SHAPE, "recurrent must be [units, units]");
    an_refuse(q, AN_E_SHAPE, "recurrent must be [units, %d * units]", p->gates);
    return an_hint(q, AN_E_SHAPE, "its columns are the gates %s", p->columns);
}

static an_status want_weights(const an_infer *q, const an_recurrent_ports *p)
{
    const an_dim *kernel = q->in[p->kernel].shape.dim;
    const an_dim *recurrent = q->in[p->recurrent].shape.dim;
    const an_status status = want_gates(q, p, recurrent);
    if (status) return status;
    if (kernel[0] != q->in[p->x].shape.dim[2])
        return an_refuse(q, AN_E_SHAPE, "kernel must have one row per feature of x");
    if (kernel[1] != recurrent[1])
        return an_refuse(q, AN_E_SHAPE, "kernel and recurrent differ in columns");
    return AN_OK;
}

an_status an_recurrent_infer(const an_infer *q, an_type out[])
{
    const an_recurrent_ports *p = q->op->rules->recurrent[0]->ports;
    an_status status = want_weights(q, p);
    if (status) return status;
    const an_dim *x = q->in[p->x].shape.dim;
    const an_dim units = q->in[p->recurrent].shape.dim[0];
    const an_dim columns = q->in[p->recurrent].shape.dim[1];

    status = want_bias(q, p->bias, columns);
    if (!status) status = want_bias(q, p->recurrent_bias, columns);
    if (!status) status = want_state(q, p->h0, x[0], units);
    if (!status) status = want_state(q, p->c0, x[0], units);
    if (!status && q->present[p->lengths] && q->in[p->lengths].shape.dim[0] != x[0])
        status = an_refuse(q, AN_E_SHAPE, "lengths must have one element per row of the batch");
    if (status) return status;
    const an_dtype dtype = q->in[p->x].dtype;
    const an_type steps = {dtype, AN_SHAPE(x[0], x[1], units)};
    const an_type state = {dtype, AN_SHAPE(x[0], units)};
    out[p->y] = steps;
    out[p->h] = state;
    if (p->c >= 0) out[p->c] = state;
    if (p->all_gates >= 0) out[p->all_gates] = (an_type){dtype, AN_SHAPE(x[0], x[1], columns)};
    if (p->kept >= 0) out[p->kept] = steps;
    return AN_OK;
}

/* ---- backward ----------------------------------------------------------- */

/* Operand `i`, if present, must have exactly this shape. */
static an_status want_shape(const an_infer *q, const an_recurrent_ports *p, int i, an_shape shape)
{
    if (i < 0 || !q->present[i]) return AN_OK;
    const an_shape *is = &q->in[i].shape;
    bool same = is->rank == shape.rank;
    for (int d = 0; same && d < is->rank; d++) same = is->dim[d] == shape.dim[d];
    if (same) return AN_OK;
    char name[32];
    an_op_input_name(q->op, i, name, sizeof name);
    return an_refuse(q, AN_E_SHAPE, "the shape of %s is not what %s gives or takes", name, p->name);
}

/* Everything but x and recurrent, which say what B, T, D and H are. */
static an_status want_shapes(const an_infer *q, const an_recurrent_ports *p)
{
    const an_dim *x = q->in[p->grad.x].shape.dim;
    const an_dim *weights = q->in[p->grad.recurrent].shape.dim;
    const an_shape steps = AN_SHAPE(x[0], x[1], weights[0]), state = AN_SHAPE(x[0], weights[0]);
    const struct { int operand; an_shape shape; } want[] = {
        {p->grad.dy, steps}, {p->grad.y, steps}, {p->grad.kept, steps},
        {p->grad.dh, state}, {p->grad.dc, state}, {p->grad.h0, state}, {p->grad.c0, state},
        {p->grad.all_gates, AN_SHAPE(x[0], x[1], weights[1])},
        {p->grad.kernel, AN_SHAPE(x[2], weights[1])},
        {p->grad.lengths, AN_SHAPE(x[0])}};
    an_status status = AN_OK;
    for (size_t i = 0; !status && i < sizeof want / sizeof *want; i++)
        status = want_shape(q, p, want[i].operand, want[i].shape);
    return status;
}

an_status an_recurrent_infer_grad(const an_infer *q, an_type out[])
{
    const an_recurrent_ports *p = q->op->rules->recurrent[0]->ports;
    an_status status = an_want_float(q, p->grad.x);
    for (int i = 0; !status && i < q->inputs; i++)
        if (q->present[i])
            status = i == p->grad.lengths ? an_want_index(q, i)
                                          : an_want_same_dtype(q, p->grad.x, i);
    if (!status) status = an_want_rank(q, p->grad.x, 3, 3);
    if (!status) status = an_want_rank(q, p->grad.recurrent, 2, 2);
    if (!status) status = want_gates(q, p, q->in[p->grad.recurrent].shape.dim);
    if (!status) status = want_shapes(q, p);
    if (status) return status;
    const an_type *x = &q->in[p->grad.x], *recurrent = &q->in[p->grad.recurrent];
    const an_type bias = {x->dtype, AN_SHAPE(recurrent->shape.dim[1])};
    const an_type state = {x->dtype, AN_SHAPE(x->shape.dim[0], recurrent->shape.dim[0])};
    out[p->grad.dx] = *x;
    out[p->grad.dkernel] = q->in[p->grad.kernel];
    out[p->grad.drecurrent] = *recurrent;
    out[p->grad.dbias] = bias;
    if (p->grad.drecurrent_bias >= 0) out[p->grad.drecurrent_bias] = bias;
    out[p->grad.dh0] = state;
    if (p->grad.dc0 >= 0) out[p->grad.dc0] = state;
    return AN_OK;
}

/* ---- from the one to the other ------------------------------------------- */

static an_value at(const an_value *values, int port)
{
    return port < 0 ? AN_NONE : values[port];
}

void an_recurrent_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    const an_recurrent_ports *p = c->op->rules->recurrent[0]->ports;
    if (an_is_none(dy[p->y]) && an_is_none(dy[p->h]) && an_is_none(at(dy, p->c))) return;
    const struct { int to; an_value value; } give[] = {
        {p->grad.dy, dy[p->y]}, {p->grad.dh, dy[p->h]}, {p->grad.dc, at(dy, p->c)},
        {p->grad.x, c->in[p->x]}, {p->grad.kernel, c->in[p->kernel]},
        {p->grad.recurrent, c->in[p->recurrent]}, {p->grad.h0, c->in[p->h0]},
        {p->grad.c0, at(c->in, p->c0)}, {p->grad.lengths, c->in[p->lengths]},
        {p->grad.y, c->out[p->y]}, {p->grad.all_gates, at(c->out, p->all_gates)},
        {p->grad.kept, at(c->out, p->kept)}};
    an_value in[GRAD_INPUTS] = {{0}};
    for (size_t i = 0; i < sizeof give / sizeof *give; i++)
        if (give[i].to >= 0) in[give[i].to] = give[i].value;
    const an_attrs attrs = {.reverse = c->attrs->reverse, .reset_after = c->attrs->reset_after,
                            .rectified = c->attrs->rectified};
    const an_value first = an_emit(AN_HERE, p->op_grad, in, p->grad.inputs, &attrs);
    const struct { int operand, result; } take[] = {
        {p->x, p->grad.dx}, {p->kernel, p->grad.dkernel}, {p->recurrent, p->grad.drecurrent},
        {p->bias, p->grad.dbias}, {p->recurrent_bias, p->grad.drecurrent_bias},
        {p->h0, p->grad.dh0}, {p->c0, p->grad.dc0}};
    for (size_t i = 0; i < sizeof take / sizeof *take; i++)
        if (take[i].operand >= 0 && !an_is_none(c->in[take[i].operand]))
            dx[take[i].operand] = an_result(first, take[i].result);
}
