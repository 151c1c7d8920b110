/* canonicalise.c -- one spelling per meaning: axes count from the front, reductions list
 * their axes in order, and nodes that only repeat a value (repeats.c) disappear. */
#include "graph/passes/rewrite.h"

/* ---- axes -------------------------------------------------------------- */

/* The rank that `axis` counts in. */
static int axis_rank(const an_graph *g, const an_node *n)
{
    const bool by_operand = an_is_op(n, AN_OP_argmax) || an_is_op(n, AN_OP_gather);
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
    const uint64_t set = n->op->attribute_set;
    const an_attrs before = *a;
    if (set >> AN_ATTR_axis & 1) a->axis = an_axis(a->axis, axis_rank(g, n));
    if (set >> AN_ATTR_axes & 1) {
        const int rank = an_slot_type(g, n->in[0])->shape.rank;
        if (an_is_op(n, AN_OP_transpose))
            for (int i = 0; i < a->axes.count; i++) a->axes.at[i] = an_axis(a->axes.at[i], rank);
        else
            sort_axes(&a->axes, rank);
    }
    return !an_attrs_equal(n->op, &before, a);
}

/* ---- the pass ----------------------------------------------------------- */

static bool canonicalise(an_rewrite *rw, uint32_t number, void *context)
{
    (void)context;
    const an_node *n = &rw->from->nodes[number];
    const uint32_t repeated = an_rewrite_repeated(rw, n);
    if (repeated) {
        an_rewrite_replace(rw, number, repeated);
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
