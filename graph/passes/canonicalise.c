/* canonicalise.c -- one spelling per meaning.
 *
 * Axes count from the front, reductions list their axes in order, and nodes that
 * change nothing disappear. Only rewrites that keep every bit are here: x * 1 goes,
 * x + 0 stays (it turns -0 into +0). stop_gradient stays too: removing it would
 * change what a later differentiation means.                                 */
#include "graph/passes/rewrite.h"

#include <string.h>

/* ---- axes -------------------------------------------------------------- */

/* The rank that `axis` counts in. */
static int axis_rank(const an_graph *g, const an_node *n)
{
    const bool by_operand = n->op == AN_OP_argmax || n->op == AN_OP_gather;
    return an_slot_type(g, by_operand ? n->in[0] : n->first)->shape.rank;
}

static void sort_axes(an_axes *axes, int rank)
{
    bool chosen[AN_MAX_RANK] = {false};
    for (int i = 0; i < axes->count; i++) chosen[an_axis(axes->at[i], rank)] = true;
    for (int i = 0; axes->count < 0 && i < rank; i++) chosen[i] = true;
    axes->count = 0;
    for (int i = 0; i < rank; i++)
        if (chosen[i]) axes->at[axes->count++] = i;
}

/* True if an attribute was spelled differently. */
static bool respell(const an_graph *g, const an_node *n, an_attrs *a)
{
    const uint64_t set = an_op(n->op)->attribute_set;
    const an_attrs before = *a;
    if (set >> AN_ATTR_axis & 1) a->axis = an_axis(a->axis, axis_rank(g, n));
    if (set >> AN_ATTR_axes & 1) {
        const int rank = an_slot_type(g, n->in[0])->shape.rank;
        if (n->op == AN_OP_transpose)
            for (int i = 0; i < a->axes.count; i++) a->axes.at[i] = an_axis(a->axes.at[i], rank);
        else
            sort_axes(&a->axes, rank);
    }
    return !an_attrs_equal(n->op, &before, a);
}

/* ---- nodes that change nothing ----------------------------------------- */

static bool is_splat(const an_graph *g, uint32_t value, double wanted)
{
    const an_node *n = an_node_of(g, value);
    if (n->op != AN_OP_constant || n->attrs->data.count != 1) return false;
    if (n->attrs->dtype == AN_F32) return *(const float *)n->attrs->data.bytes == (float)wanted;
    return n->attrs->dtype == AN_F64 && *(const double *)n->attrs->data.bytes == wanted;
}

static bool is_identity_order(const an_axes *axes)
{
    for (int i = 0; i < axes->count; i++)
        if (axes->at[i] != i) return false;
    return true;
}

static bool is_full_slice(const an_graph *g, const an_node *n)
{
    const an_shape *shape = &an_slot_type(g, n->in[0])->shape;
    const an_attrs *a = n->attrs;
    return a->start == 0 && a->step == 1 && a->stop == shape->dim[an_axis(a->axis, shape->rank)];
}

/* Transposing twice with orders that undo each other. */
static uint32_t undone_transpose(const an_graph *g, const an_node *n)
{
    const an_node *inner = an_node_of(g, n->in[0]);
    if (inner->op != AN_OP_transpose) return 0;
    const int rank = n->attrs->axes.count;
    for (int i = 0; i < rank; i++) {
        const int outer = an_axis(n->attrs->axes.at[i], rank);
        if (an_axis(inner->attrs->axes.at[outer], rank) != i) return 0;
    }
    return inner->in[0];
}

/* The old value that node n merely repeats, or 0. */
static uint32_t repeats(const an_graph *g, const an_node *n)
{
    if (n->inputs == 0 || n->outputs != 1 || !n->in[0]) return 0;
    const bool same_type = an_type_equal(an_slot_type(g, n->in[0]), an_slot_type(g, n->first));
    switch (n->op) {
    case AN_OP_reshape:
    case AN_OP_broadcast:
    case AN_OP_cast: return same_type ? n->in[0] : 0;
    case AN_OP_transpose:
        return is_identity_order(&n->attrs->axes) ? n->in[0] : undone_transpose(g, n);
    case AN_OP_slice: return is_full_slice(g, n) ? n->in[0] : 0;
    case AN_OP_concat:
    case AN_OP_accumulate: return n->inputs == 1 ? n->in[0] : 0;
    case AN_OP_pad:
        return n->attrs->before == 0 && n->attrs->after == 0 && n->attrs->interior == 0 ? n->in[0]
                                                                                        : 0;
    case AN_OP_neg: {
        const an_node *inner = an_node_of(g, n->in[0]);
        return inner->op == AN_OP_neg ? inner->in[0] : 0;
    }
    case AN_OP_mul:
        if (same_type && is_splat(g, n->in[1], 1)) return n->in[0];
        if (an_type_equal(an_slot_type(g, n->in[1]), an_slot_type(g, n->first)))
            return is_splat(g, n->in[0], 1) ? n->in[1] : 0;
        return 0;
    case AN_OP_div: return same_type && is_splat(g, n->in[1], 1) ? n->in[0] : 0;
    default: return 0;
    }
}

static bool canonicalise(an_rewrite *rw, uint32_t number, void *context)
{
    (void)context;
    const an_node *n = &rw->from->nodes[number];
    const uint32_t repeated = repeats(rw->from, n);
    if (repeated) {
        an_rewrite_replace(rw, number, rw->value[repeated]);
        return true;
    }
    an_attrs attrs = *n->attrs;
    if (!respell(rw->from, n, &attrs)) return false;
    an_rewrite_copy_with(rw, number, &attrs);
    return true;
}

an_status an_pass_canonicalise(an_rewrite *rw)
{
    return an_rewrite_each(rw, canonicalise, NULL);
}
