/* repeats.c -- which nodes only repeat a value that is there already.
 *
 * Only what keeps every bit: x * 1 is x, x + 0 is not (it turns -0 into +0). Nor is a
 * stop_gradient, without which a later differentiation would mean something else. */
#include "graph/passes/rewrite.h"

static bool is_splat(const an_graph *g, uint32_t value, double wanted)
{
    const an_node *n = an_node_of(g, value);
    if (!an_node_is_constant(n) || n->attrs->data.count != 1) return false;
    if (n->attrs->dtype == AN_F32) return *(const float *)n->attrs->data.bytes == (float)wanted;
    return n->attrs->dtype == AN_F64 && *(const double *)n->attrs->data.bytes == wanted;
}

static bool is_identity_order(const an_axes *axes)
{
    for (int i = 0; i < axes->count; i++)
        if (axes->at[i] != i) return false;
    return true;
}

static bool is_full_slice(const an_attrs *a, const an_shape *shape)
{
    return a->start == 0 && a->step == 1 && a->stop == shape->dim[a->axis];
}

/* Of reshapes in a row the last alone counts, so below them may be what it makes. The walk is
 * short: no two of those that are left have the same shape. */
static uint32_t undone_reshape(const an_graph *g, const an_type *type, uint32_t value)
{
    while (!an_type_equal(an_slot_type(g, value), type)) {
        const an_node *inner = an_node_of(g, value);
        if (!an_is_op(inner, AN_OP_reshape)) return 0;
        value = inner->in[0];
    }
    return value;
}

/* Transposes in a row whose orders undo each other. Axis i of what they make together is axis
 * order[i] of what the innermost reads. */
static uint32_t undone_transpose(const an_graph *g, const an_axes *axes, uint32_t value)
{
    an_axes order = *axes;
    while (!is_identity_order(&order)) {
        const an_node *inner = an_node_of(g, value);
        if (!an_is_op(inner, AN_OP_transpose)) return 0;
        for (int i = 0; i < order.count; i++) order.at[i] = inner->attrs->axes.at[order.at[i]];
        value = inner->in[0];
    }
    return value;
}

uint32_t an_rewrite_repeated(const an_rewrite *rw, const an_node *n)
{
    if (n->inputs == 0 || n->outputs != 1 || !n->in[0]) return 0;
    const an_graph *g = rw->to;
    const uint32_t first = rw->value[n->in[0]];
    const uint32_t second = n->inputs > 1 && n->in[1] ? rw->value[n->in[1]] : 0;
    const an_type *type = an_slot_type(rw->from, n->first);
    const bool same_type = an_type_equal(an_slot_type(g, first), type);
    const an_attrs *a = n->attrs;
    switch (n->op->code) {
    case AN_OP_reshape: return undone_reshape(g, type, first);
    case AN_OP_broadcast:
    case AN_OP_cast: return same_type ? first : 0;
    case AN_OP_transpose: return undone_transpose(g, &a->axes, first);
    case AN_OP_slice: return is_full_slice(a, &an_slot_type(g, first)->shape) ? first : 0;
    case AN_OP_concat:
    case AN_OP_accumulate: return n->inputs == 1 ? first : 0;
    case AN_OP_pad: return a->before == 0 && a->after == 0 && a->interior == 0 ? first : 0;
    case AN_OP_neg:
        return an_is_op(an_node_of(g, first), AN_OP_neg) ? an_node_of(g, first)->in[0] : 0;
    case AN_OP_mul:
        if (same_type && is_splat(g, second, 1)) return first;
        if (an_type_equal(an_slot_type(g, second), type)) return is_splat(g, first, 1) ? second : 0;
        return 0;
    case AN_OP_div: return same_type && is_splat(g, second, 1) ? first : 0;
    default: return 0;
    }
}
