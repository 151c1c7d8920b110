/* count.c -- how many elements a shape has, as a number inside the graph.
 *
 *   n = product of the shape's extents
 *
 * The gradient of a mean divides by it. It is a leaf: it takes the shape, not the
 * tensor of that shape, so a large tensor is not kept alive until the backward
 * pass only to be counted. Named dims get their extents from the run's binding.
 * In f32 a count beyond 2^24 is rounded, as the division by it would be.       */
#include "core/memory.h"
#include "ops/op.h"

static an_status count_infer(const an_infer *q, an_type out[])
{
    if (q->attrs->dtype == AN_BOOL)
        return an_refuse(q, AN_E_DTYPE, "a bool cannot hold a count");
    out[0] = (an_type){q->attrs->dtype, AN_SCALAR};
    return AN_OK;
}

static void count_ref(const an_work *w)
{
    an_tensor y = w->out[0];
    if (!y.data) return;
    const an_shape *counted = &w->attrs->shape;
    /* Of a shape no tensor could have, the product may overflow: then -1. */
    int64_t n = 1;
    for (int i = 0; i < counted->rank; i++)
        if (!an_mul_size(n, an_dim_extent(counted->dim[i], w->extent), &n)) n = -1;
    if (y.dtype == AN_I64)
        *(int64_t *)y.data = n;
    else
        an_tensor_set(&y, 0, (double)n);
}

an_value an_count_at(an_at at, an_value x, an_axes axes)
{
    if (!x.graph || an_is_poison(x)) return (an_value){x.graph, 0};
    const an_type type = an_type_of(x);
    an_attrs attrs = {.dtype = type.dtype, .shape = type.shape};
    if (axes.count >= 0) {
        attrs.shape.rank = axes.count;
        for (int i = 0; i < axes.count && i < AN_MAX_RANK; i++) {
            const int axis = an_axis(axes.at[i], type.shape.rank);
            /* A dim that no shape may have stands for an axis that x does not have. */
            attrs.shape.dim[i] =
                axis >= 0 && axis < type.shape.rank ? type.shape.dim[axis] : AN_DIM_REST;
        }
    }
    return an_emit_leaf(at, x.graph, AN_OP_count, NULL, &attrs);
}

const an_op_rules an_rules_count = {
    .infer = count_infer,
    .ref = count_ref,
};
