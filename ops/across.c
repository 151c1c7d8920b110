/* across.c -- what goes on among processes that run the same graph.
 *
 *   all_reduce   y = sum of all ranks' x, or that over their number      dx = all_reduce(dy)
 *
 * Ranks add in the order of their numbers, in double: every rank gets the same bits. A record
 * sees one process alone, whose sum is x; what others have is brought by whoever runs the graph
 * (graph/run/collective.c). Whoever computes nodes beforehand must leave it alone: AN_TRAIT_ACROSS.
 *
 * The gradient is that of the sum of all ranks' losses: the adjoint of a sum that everybody gets
 * is the sum of everybody's dy (Bradbury et al., JAX: psum), and a mean's is the mean.      */
#include "ops/access.h"
#include "ops/elementwise.h"

#include <string.h>

static an_status all_reduce_infer(const an_infer *q, an_type out[])
{
    if (q->attrs->averaged && !an_dtype_is_float(q->in[0].dtype)) {
        an_refuse(q, AN_E_DTYPE, "the mean of integers over ranks is none");
        return an_hint(q, AN_E_DTYPE, "leave averaged out for their sum, or use an_cast");
    }
    out[0] = q->in[0];
    return AN_OK;
}

static void all_reduce_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    if (an_dtype_is_float(an_type_of(c->in[0]).dtype))
        dx[0] = an_all_reduce(dy[0], c->attrs->averaged);
}

static void all_reduce_run(const an_work *w, int64_t begin, int64_t end)
{
    const an_tensor *x = &w->in[0], *y = &w->out[0];
    const int64_t size = (int64_t)an_dtype_size(y->dtype);
    int64_t first;
    const int64_t count = an_block_range(w, begin, end, &first);
    if (y->data && y->data != x->data)
        memcpy((char *)y->data + first * size, (const char *)x->data + first * size,
               (size_t)(count * size));
}

static void all_reduce_ref(const an_work *w)
{
    const an_tensor *x = &w->in[0], *y = &w->out[0];
    if (y->data && y->data != x->data) memcpy(y->data, x->data, (size_t)an_tensor_bytes(x));
}

an_value an_all_reduce_at(an_at at, an_value x, bool averaged)
{
    return an_emit(at, AN_OP_all_reduce, &x, 1, &(an_attrs){.averaged = averaged});
}

const an_op_rules an_rules_all_reduce = {
    .numbers = 1u,
    .infer = all_reduce_infer,
    .grad = all_reduce_grad,
    .stages = {{an_block_units, all_reduce_run}},
    .fast = AN_FAST_F32 | AN_FAST_F64,
    .ref = all_reduce_ref,
    .share = {1u << 0},
    .flops = AN_NO_FLOPS,
};
