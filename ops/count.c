/* count.c -- how many elements there are, as a number inside the graph.
 *
 *   n = size, a product of dims
 *
 * The gradient of a mean divides by it. It is a leaf: it takes the dimension, not
 * the tensor, so a large tensor is not kept alive until the backward pass only to
 * be counted. Named dims get their extents from the run's binding. In f32 a count
 * beyond 2^24 is rounded, as the division by it would be.                      */
#include "ops/access.h"
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
    const an_tensor *y = &w->out[0];
    if (!y->data) return;
    const int64_t n = an_dim_extent(w->attrs->size, w->extent);
    if (an_dtype_is_float(y->dtype)) an_put(y, 0, (double)n);
    else an_put_int(y, 0, n);
}

an_value an_count_at(an_at at, an_value x, an_axes axes)
{
    if (an_is_missing(x)) return (an_value){x.graph, 0};
    const an_type type = an_type_of(x);
    an_shape counted = type.shape;
    if (axes.count >= 0) counted.rank = axes.count < AN_MAX_RANK ? axes.count : AN_MAX_RANK;
    for (int i = 0; i < axes.count && i < AN_MAX_RANK; i++) {
        const int axis = an_axis(axes.at[i], type.shape.rank);
        /* No dimension stands for an axis that x does not have; it is refused below. */
        counted.dim[i] =
            axis >= 0 && axis < type.shape.rank ? type.shape.dim[axis] : AN_DIM_BAD;
    }
    const an_attrs attrs = {.dtype = type.dtype,
                            .size = an_dims_count(an_dims_of(x.graph), &counted)};
    return an_emit_leaf(at, x.graph, AN_OP_count, NULL, &attrs);
}

const an_op_rules an_rules_count = {
    .infer = count_infer,
    .no_grad = "it has no operand",
    .ref = count_ref,
};
