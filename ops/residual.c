/* residual.c -- the sum that carries a residual stream on.
 *
 *   residual_add:         y = x + skip             dx = dy    dskip = dy
 *   residual_add_scaled:  y = x + scale * skip     dx = dy    dskip = scale * dy
 *                                                  dscale = sum(dy * skip)
 *
 * He, Zhang, Ren, Sun, "Deep residual learning for image recognition", 2016; with
 * a learned scale: Touvron et al., "Going deeper with image transformers", 2021.
 * Unlike add, nothing broadcasts but the scale, so a wrong wiring is an error and
 * not a larger tensor. The product is rounded before the sum, so that the scaled
 * form has the bits of the mul and add it stands for.                          */
#include "ops/access.h"
#include "ops/elementwise.h"
#include "ops/norm.h"
#include "ops/walk.h"

/* The usual mistake is a branch of another width: say how to widen the skip path. */
static an_status hint_at_width(const an_infer *q, an_status status)
{
    const an_shape *x = &q->in[0].shape;
    if (status != AN_E_SHAPE || x->rank == 0) return status;
    an_text width = {0};
    an_dims_print(q->dims, x->dim[x->rank - 1], &width);
    an_hint(q, status, "give both sides the same units, or project the skip path with "
            "an_nn_dense(skip, .units = %s); to broadcast on purpose use an_add",
            an_text_view(&width));
    an_text_free(&width);
    return status;
}

static an_status residual_add_infer(const an_infer *q, an_type out[])
{
    an_status status = an_want_same_dtype(q, 0, 1);
    if (status == AN_OK) status = hint_at_width(q, an_want_same_shape(q, 0, 1));
    out[0] = q->in[0];
    return status;
}

static void residual_add_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    (void)c;
    dx[0] = dx[1] = dy[0];
}

static void residual_add_run(const an_work *w, int64_t begin, int64_t end)
{
    if (!w->out[0].data) return;
    const an_norm_cut flat = {1, AN_BLOCK}; /* a unit starts on a boundary if the tensor does */
    int64_t first;
    const int64_t count = an_block_range(w, begin, end, &first);
    w->kernels->residual_add(w->in[0].data, w->in[1].data, w->out[0].data, first, first + count,
                             an_norm_streams(&flat, &w->out[0], NULL));
}

an_value an_residual_add_at(an_at at, an_value x, an_value skip)
{
    return an_emit(at, AN_OP_residual_add, (const an_value[]){x, skip}, 2, NULL);
}

static double real_sum(double x, double skip)
{
    return x + skip;
}

const an_op_rules an_rules_residual_add = {
    .floats = 1u,
    .infer = residual_add_infer,
    .grad = residual_add_grad,
    .stages = {{an_block_units, residual_add_run}},
    .ref = an_binary_ref,
    .share = {3},
    .formula = {.real_two = real_sum},
    .adds = true,
};

/* ---- scaled ------------------------------------------------------------- */

static an_status scaled_infer(const an_infer *q, an_type out[])
{
    an_status status = residual_add_infer(q, out);
    if (status == AN_OK) status = an_want_same_dtype(q, 0, 2);
    if (status != AN_OK) return status;
    an_shape wide;
    status = an_broadcast_shapes(q, &q->in[0].shape, &q->in[2].shape, &wide);
    if (status != AN_OK) return status;
    bool same = wide.rank == q->in[0].shape.rank;
    for (int i = 0; same && i < wide.rank; i++) same = wide.dim[i] == q->in[0].shape.dim[i];
    if (same) return AN_OK;
    an_refuse(q, AN_E_SHAPE, "scale does not broadcast to the shape of x");
    return an_hint(q, AN_E_SHAPE, "use a scalar, or one scale per feature of the last axis");
}

static void scaled_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    dx[0] = dy[0];
    dx[1] = an_mul(c->in[2], dy[0]);
    dx[2] = an_mul(dy[0], c->in[1]);
}

static void scaled_meaning(const an_call *c, an_value out[])
{
    out[0] = an_add(c->in[0], an_mul(c->in[2], c->in[1]));
}

static void scaled_run(const an_work *w, int64_t begin, int64_t end)
{
    if (!w->out[0].data) return;
    const float *x = w->in[0].data, *skip = w->in[1].data, *scale = w->in[2].data;
    float *y = w->out[0].data;
    int64_t first;
    const int64_t count = an_block_range(w, begin, end, &first);
    an_runs r;
    an_walk_broadcast(&r.walk, &w->out[0], 1, &w->in[2]);
    for (an_runs_start(&r, first, count); an_next_run(&r);)
        w->kernels->residual_scaled(x + r.at, skip + r.at, scale + r.walk.offset[0],
                                    an_walk_stride(&r.walk, 0), y + r.at, r.count);
}

static void scaled_ref(const an_work *w)
{
    const an_tensor *y = &w->out[0];
    if (!y->data) return;
    const int64_t n = an_elements(y);
    for (int64_t i = 0; i < n; i++) {
        const double scale = an_get(&w->in[2], an_broadcast_index(y, &w->in[2], i));
        an_put(y, i, an_get(&w->in[0], i) + scale * an_get(&w->in[1], i));
    }
}

an_value an_residual_add_scaled_at(an_at at, an_value x, an_value skip, an_value scale)
{
    return an_emit(at, AN_OP_residual_add_scaled, (const an_value[]){x, skip, scale}, 3, NULL);
}

const an_op_rules an_rules_residual_add_scaled = {
    .floats = 1u,
    .infer = scaled_infer,
    .grad = scaled_grad,
    .meaning = scaled_meaning,
    .stages = {{an_block_units, scaled_run}},
    .ref = scaled_ref,
    .share = {3},
};
