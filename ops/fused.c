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

/* The norm's own gradient is accumulate's last operand: the first norm of a sum
 * contributes last. */
static an_value with_rest(an_value dsum, an_value own)
{
    if (an_is_none(dsum)) return own;
    const uint32_t order[] = {0, 1};
    const an_attrs attrs = {.order = {2, order}};
    return an_emit(AN_HERE, AN_OP_accumulate, (const an_value[]){dsum, own}, 2, &attrs);
}

/* ---- add_norm: x skip gamma? beta? -> y sum mean rstd ---------------------- */

static void add_norm_meaning(const an_call *c, an_value out[])
{
    out[1] = an_residual_add(c->in[0], c->in[1]);
    out[0] = an_layer_norm(out[1], c->in[2], c->in[3], c->attrs->axis, c->attrs->eps);
    out[2] = an_result(out[0], 1);
    out[3] = an_result(out[0], 2);
}

an_value an_add_norm_at(an_at at, an_value x, an_value skip, an_value gamma, an_value beta,
                        int axis, double eps)
{
    const an_attrs attrs = {.axis = axis, .eps = an_narrow(at, x, "add_norm: eps", eps)};
    return an_emit(at, AN_OP_add_norm, (const an_value[]){x, skip, gamma, beta}, 4, &attrs);
}

/* y and sum may each lie over x or skip: both are written in the row's last pass,
 * which reads each element of x and skip before it writes there. */
const an_op_rules an_rules_add_norm = {
    .floats = 1,
    .alike = 2,
    .infer = an_norm_infer,
    .meaning = add_norm_meaning,
    .stages = {{an_norm_units, an_norm_run}},
    .ref = an_norm_ref,
    .share = {3, 3},
    .flops = 10,
    .adds = true,
    .norm = {.row = AN_OUT(1), .mean = AN_OUT(2), .rstd = AN_OUT(3)},
    .title = "Add & Norm",
    .member = {"residual_add", "layer_norm"},
};

/* ---- add_norm_grad: dy sum gamma? mean rstd dsum? -> dx dgamma dbeta -------- */

static void add_norm_grad_meaning(const an_call *c, an_value out[])
{
    const an_value g = an_norm_grad_node(c, AN_OP_layer_norm_grad, c->in, 5);
    out[0] = with_rest(c->in[5], g);
    out[1] = an_result(g, 1);
    out[2] = an_result(g, 2);
}

const an_op_rules an_rules_add_norm_grad = {
    .floats = 1,
    .alike = 2 | 32,
    AN_NORM_GRAD_RULES,
    .meaning = add_norm_grad_meaning,
    .share = {1 | 2 | 32},
    .flops = 21,
    .norm = {.dy = AN_IN(0), .row = AN_IN(1), .gamma = AN_IN(2), .mean = AN_IN(3), .rstd = AN_IN(4),
             .dsum = AN_IN(5), .dx = AN_OUT(0)},
    .title = "Add & Norm gradient",
    .member = {"layer_norm_grad", "accumulate"},
};

/* ---- add_rms_norm: x skip gamma? -> y sum rstd ------------------------------ */

static void add_rms_norm_meaning(const an_call *c, an_value out[])
{
    out[1] = an_residual_add(c->in[0], c->in[1]);
    out[0] = an_rms_norm(out[1], c->in[2], c->attrs->axis, c->attrs->eps);
    out[2] = an_result(out[0], 1);
}

an_value an_add_rms_norm_at(an_at at, an_value x, an_value skip, an_value gamma, int axis,
                            double eps)
{
    const an_attrs attrs = {.axis = axis, .eps = an_narrow(at, x, "add_rms_norm: eps", eps)};
    return an_emit(at, AN_OP_add_rms_norm, (const an_value[]){x, skip, gamma}, 3, &attrs);
}

const an_op_rules an_rules_add_rms_norm = {
    .floats = 1,
    .alike = 2,
    .infer = an_norm_infer,
    .meaning = add_rms_norm_meaning,
    .stages = {{an_norm_units, an_norm_run}},
    .ref = an_norm_ref,
    .share = {3, 3},
    .flops = 10,
    .adds = true,
    .norm = {.row = AN_OUT(1), .rstd = AN_OUT(2)},
    .title = "Add & RMS Norm",
    .member = {"residual_add", "rms_norm"},
};

/* ---- add_rms_norm_grad: dy sum gamma? rstd dsum? -> dx dgamma ---------------- */

static void add_rms_norm_grad_meaning(const an_call *c, an_value out[])
{
    const an_value g = an_norm_grad_node(c, AN_OP_rms_norm_grad, c->in, 4);
    out[0] = with_rest(c->in[4], g);
    out[1] = an_result(g, 1);
}

const an_op_rules an_rules_add_rms_norm_grad = {
    .floats = 1,
    .alike = 2 | 16,
    AN_NORM_GRAD_RULES,
    .meaning = add_rms_norm_grad_meaning,
    .share = {1 | 2 | 16},
    .flops = 21,
    .norm = {.dy = AN_IN(0), .row = AN_IN(1), .gamma = AN_IN(2), .rstd = AN_IN(3),
             .dsum = AN_IN(4), .dx = AN_OUT(0)},
    .title = "Add & RMS Norm gradient",
    .member = {"rms_norm_grad", "accumulate"},
};
