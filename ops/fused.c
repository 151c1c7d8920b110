/* fused.c -- Add & Norm: the ops that the fusion pass creates, two for each norm.
 *
 *   add_norm:           sum = x + skip      y, mean, rstd = layer_norm(sum, gamma, beta)
 *   add_norm_grad:      dx  = dsum + (layer_norm's dx from dy and the saved sum)
 *   add_rms_norm:       sum = x + skip      y, rstd = rms_norm(sum, gamma)
 *   add_rms_norm_grad:  dx  = dsum + (rms_norm's dx from dy and the saved sum)
 *
 * dsum is the gradient that reaches the sum from its other users; it joins after
 * the norm's own and does not pass through it. x and skip both receive dx.
 *
 * All run in one sweep: a row of x and skip is read once, and nothing but results
 * is written. They differ from their meaning in speed only: the same rows go
 * through the same routine with the same rounded sum (kernels/norm_row.h), so the
 * bits are equal, forward and backward. The forward ops have no gradient of their
 * own: they are differentiated through their meaning, and the passes fuse the
 * result again.
 *
 * The residual block of Vaswani et al., "Attention is all you need", 2017 (norm
 * last) and of Xiong et al., "On layer normalization in the transformer
 * architecture", 2020 (norm first): they differ in who reads the sum. With an RMS
 * norm: Touvron et al., "LLaMA", 2023.                                         */
#include "ops/access.h"
#include "ops/norm.h"

/* ---- what both pairs do ---------------------------------------------------- */

/* Checks x, skip and the `count` operands behind them. */
static an_status sum_infer(const an_infer *q, int count, int *axis)
{
    an_status status = an_want_same_dtype(q, 0, 1);
    if (status == AN_OK) status = an_want_same_shape(q, 0, 1);
    if (status == AN_OK) status = an_norm_infer(q, 0, (const int[]){2, 3}, count, axis);
    return status;
}

/* The same of a gradient: as many statistics behind gamma, then dsum. */
static an_status sum_grad_infer(const an_infer *q, int statistics, an_type out[])
{
    const int dsum = 3 + statistics;
    an_status status = an_norm_grad_infer(q, 1, 2, statistics, out);
    if (status != AN_OK || !q->present[dsum]) return status;
    status = an_want_same_dtype(q, 1, dsum);
    return status == AN_OK ? an_want_same_shape(q, 1, dsum) : status;
}

/* The norm's own gradient is accumulate's last operand: the first norm of a sum
 * contributes last. */
static an_value with_rest(an_value dsum, an_value own)
{
    if (an_is_none(dsum)) return own;
    const uint32_t order[] = {0, 1};
    const an_attrs attrs = {.order = {2, order}};
    return an_emit(AN_HERE, AN_OP_accumulate, (const an_value[]){dsum, own}, 2, &attrs);
}

static int64_t units(const an_work *w)
{
    return an_norm_units(w, 0);
}

static int64_t grad_units(const an_work *w)
{
    return an_norm_grad_units(w, 1);
}

static int64_t fold_units(const an_work *w)
{
    return an_norm_fold_units(w, 1);
}

static int64_t grad_scratch(const an_work *w)
{
    return an_norm_grad_scratch(w, 1);
}

/* ---- add_norm: x skip gamma? beta? -> y sum mean rstd ---------------------- */

static an_status add_norm_infer(const an_infer *q, an_type out[])
{
    int axis;
    const an_status status = sum_infer(q, 2, &axis);
    if (status != AN_OK) return status;
    out[0] = out[1] = q->in[0];
    out[2] = out[3] = an_norm_row_type(&q->in[0], axis);
    return AN_OK;
}

static void add_norm_meaning(const an_call *c, an_value out[])
{
    out[1] = an_residual_add(c->in[0], c->in[1]);
    out[0] = an_layer_norm(out[1], c->in[2], c->in[3], c->attrs->axis, c->attrs->eps);
    out[2] = an_result(out[0], 1);
    out[3] = an_result(out[0], 2);
}

static an_norm_parts add_norm_parts(const an_work *w)
{
    return (an_norm_parts){.x = &w->in[0], .skip = &w->in[1], .gamma = &w->in[2],
                           .beta = &w->in[3], .y = &w->out[0], .sum = &w->out[1],
                           .mean = &w->out[2], .rstd = &w->out[3]};
}

static void add_norm_run(const an_work *w, int64_t begin, int64_t end)
{
    const an_norm_parts parts = add_norm_parts(w);
    an_norm_run(w, &parts, begin, end);
}

static void add_norm_ref(const an_work *w)
{
    const an_norm_parts parts = add_norm_parts(w);
    an_norm_ref(w, &parts);
}

an_value an_add_norm_at(an_at at, an_value x, an_value skip, an_value gamma, an_value beta,
                        int axis, float eps)
{
    const an_attrs attrs = {.axis = axis, .eps = eps};
    return an_emit(at, AN_OP_add_norm, (const an_value[]){x, skip, gamma, beta}, 4, &attrs);
}

/* y and sum may each lie over x or skip: both are written in the row's last pass,
 * which reads each element of x and skip before it writes there. */
const an_op_rules an_rules_add_norm = {
    .infer = add_norm_infer,
    .meaning = add_norm_meaning,
    .stages = {{units, add_norm_run}},
    .ref = add_norm_ref,
    .share = {3, 3},
    .flops = 10,
    .adds = true,
    .norm = {.row = AN_OUT(1), .mean = AN_OUT(2), .rstd = AN_OUT(3)},
    .title = "Add & Norm",
    .member = {"residual_add", "layer_norm"},
};

/* ---- add_norm_grad: dy sum gamma? mean rstd dsum? -> dx dgamma dbeta -------- */

static an_status add_norm_grad_infer(const an_infer *q, an_type out[])
{
    const an_status status = sum_grad_infer(q, 2, out);
    out[2] = out[1];
    return status;
}

static void add_norm_grad_meaning(const an_call *c, an_value out[])
{
    const an_value g = an_norm_grad_node(c, AN_OP_layer_norm_grad, c->in, 5);
    out[0] = with_rest(c->in[5], g);
    out[1] = an_result(g, 1);
    out[2] = an_result(g, 2);
}

static an_norm_grad_parts add_norm_grad_parts(const an_work *w)
{
    return (an_norm_grad_parts){.dy = &w->in[0], .x = &w->in[1], .gamma = &w->in[2],
                                .mean = &w->in[3], .rstd = &w->in[4], .dsum = &w->in[5],
                                .dx = &w->out[0], .dgamma = &w->out[1], .dbeta = &w->out[2]};
}

static void add_norm_grad_run(const an_work *w, int64_t begin, int64_t end)
{
    const an_norm_grad_parts parts = add_norm_grad_parts(w);
    an_norm_grad_run(w, &parts, begin, end);
}

static void add_norm_fold_run(const an_work *w, int64_t begin, int64_t end)
{
    const an_norm_grad_parts parts = add_norm_grad_parts(w);
    an_norm_fold_run(w, &parts, begin, end);
}

static void add_norm_grad_ref(const an_work *w)
{
    const an_norm_grad_parts parts = add_norm_grad_parts(w);
    an_norm_grad_ref(w, &parts);
}

const an_op_rules an_rules_add_norm_grad = {
    .infer = add_norm_grad_infer,
    .meaning = add_norm_grad_meaning,
    .stages = {{grad_units, add_norm_grad_run}, {fold_units, add_norm_fold_run}},
    .ref = add_norm_grad_ref,
    .scratch = grad_scratch,
    .share = {1 | 2 | 32},
    .flops = 21,
    .norm = {.dy = AN_IN(0), .row = AN_IN(1), .gamma = AN_IN(2), .mean = AN_IN(3), .rstd = AN_IN(4),
             .dsum = AN_IN(5), .dx = AN_OUT(0)},
    .title = "Add & Norm gradient",
    .member = {"layer_norm_grad", "accumulate"},
};

/* ---- add_rms_norm: x skip gamma? -> y sum rstd ------------------------------ */

static an_status add_rms_norm_infer(const an_infer *q, an_type out[])
{
    int axis;
    const an_status status = sum_infer(q, 1, &axis);
    if (status != AN_OK) return status;
    out[0] = out[1] = q->in[0];
    out[2] = an_norm_row_type(&q->in[0], axis);
    return AN_OK;
}

static void add_rms_norm_meaning(const an_call *c, an_value out[])
{
    out[1] = an_residual_add(c->in[0], c->in[1]);
    out[0] = an_rms_norm(out[1], c->in[2], c->attrs->axis, c->attrs->eps);
    out[2] = an_result(out[0], 1);
}

static an_norm_parts add_rms_norm_parts(const an_work *w)
{
    return (an_norm_parts){.x = &w->in[0], .skip = &w->in[1], .gamma = &w->in[2],
                           .y = &w->out[0], .sum = &w->out[1], .rstd = &w->out[2], .rms = true};
}

static void add_rms_norm_run(const an_work *w, int64_t begin, int64_t end)
{
    const an_norm_parts parts = add_rms_norm_parts(w);
    an_norm_run(w, &parts, begin, end);
}

static void add_rms_norm_ref(const an_work *w)
{
    const an_norm_parts parts = add_rms_norm_parts(w);
    an_norm_ref(w, &parts);
}

an_value an_add_rms_norm_at(an_at at, an_value x, an_value skip, an_value gamma, int axis,
                            float eps)
{
    const an_attrs attrs = {.axis = axis, .eps = eps};
    return an_emit(at, AN_OP_add_rms_norm, (const an_value[]){x, skip, gamma}, 3, &attrs);
}

const an_op_rules an_rules_add_rms_norm = {
    .infer = add_rms_norm_infer,
    .meaning = add_rms_norm_meaning,
    .stages = {{units, add_rms_norm_run}},
    .ref = add_rms_norm_ref,
    .share = {3, 3},
    .flops = 10,
    .adds = true,
    .norm = {.row = AN_OUT(1), .rstd = AN_OUT(2)},
    .title = "Add & RMS Norm",
    .member = {"residual_add", "rms_norm"},
};

/* ---- add_rms_norm_grad: dy sum gamma? rstd dsum? -> dx dgamma ---------------- */

static an_status add_rms_norm_grad_infer(const an_infer *q, an_type out[])
{
    return sum_grad_infer(q, 1, out);
}

static void add_rms_norm_grad_meaning(const an_call *c, an_value out[])
{
    const an_value g = an_norm_grad_node(c, AN_OP_rms_norm_grad, c->in, 4);
    out[0] = with_rest(c->in[4], g);
    out[1] = an_result(g, 1);
}

static an_norm_grad_parts add_rms_norm_grad_parts(const an_work *w)
{
    return (an_norm_grad_parts){.dy = &w->in[0], .x = &w->in[1], .gamma = &w->in[2],
                                .rstd = &w->in[3], .dsum = &w->in[4], .dx = &w->out[0],
                                .dgamma = &w->out[1], .rms = true};
}

static void add_rms_norm_grad_run(const an_work *w, int64_t begin, int64_t end)
{
    const an_norm_grad_parts parts = add_rms_norm_grad_parts(w);
    an_norm_grad_run(w, &parts, begin, end);
}

static void add_rms_norm_fold_run(const an_work *w, int64_t begin, int64_t end)
{
    const an_norm_grad_parts parts = add_rms_norm_grad_parts(w);
    an_norm_fold_run(w, &parts, begin, end);
}

static void add_rms_norm_grad_ref(const an_work *w)
{
    const an_norm_grad_parts parts = add_rms_norm_grad_parts(w);
    an_norm_grad_ref(w, &parts);
}

const an_op_rules an_rules_add_rms_norm_grad = {
    .infer = add_rms_norm_grad_infer,
    .meaning = add_rms_norm_grad_meaning,
    .stages = {{grad_units, add_rms_norm_grad_run}, {fold_units, add_rms_norm_fold_run}},
    .ref = add_rms_norm_grad_ref,
    .scratch = grad_scratch,
    .share = {1 | 2 | 16},
    .flops = 21,
    .norm = {.dy = AN_IN(0), .row = AN_IN(1), .gamma = AN_IN(2), .rstd = AN_IN(3),
             .dsum = AN_IN(4), .dx = AN_OUT(0)},
    .title = "Add & RMS Norm gradient",
    .member = {"rms_norm_grad", "accumulate"},
};
