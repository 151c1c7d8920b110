/* rnn.c -- rnn: the simple recurrent network over a whole sequence; and its gradient.
 *
 *   h' = tanh(x kernel + bias + h recurrent), or relu of that sum      (Elman 1990)
 *   dz = dh (1 - h'^2), or dh where h' > 0, else 0; the rest: recurrent_back.c
 *
 * It has no gates, so a panel's four vectors are 64 units.                    */
#include "ops/recurrent/recurrent.h"

static const an_recurrent_ports ports = {
    .name = "rnn", .op_grad = AN_OP_rnn_grad, .gates = 1, .columns = "h",
    .x = RNN_X, .kernel = RNN_KERNEL, .recurrent = RNN_RECURRENT, .bias = RNN_BIAS,
    .recurrent_bias = -1, .h0 = RNN_H0, .c0 = -1, .lengths = RNN_LENGTHS,
    .y = RNN_Y, .h = RNN_H, .c = -1, .all_gates = -1, .kept = -1,
    .grad = {.inputs = RNN_GRAD_INPUTS, .dy = RNN_GRAD_DY, .dh = RNN_GRAD_DH, .dc = -1,
             .x = RNN_GRAD_X, .kernel = RNN_GRAD_KERNEL, .recurrent = RNN_GRAD_RECURRENT,
             .h0 = RNN_GRAD_H0, .c0 = -1, .lengths = RNN_GRAD_LENGTHS, .y = RNN_GRAD_Y,
             .all_gates = -1, .kept = -1, .dx = RNN_GRAD_DX, .dkernel = RNN_GRAD_DKERNEL,
             .drecurrent = RNN_GRAD_DRECURRENT, .dbias = RNN_GRAD_DBIAS, .drecurrent_bias = -1,
             .dh0 = RNN_GRAD_DH0, .dc0 = -1}};

static void step(const an_recurrent_tile *k, int64_t running, int64_t n)
{
    for (int64_t panel = 0; panel < k->cut.panels; panel++) {
        const int64_t unit = panel * k->cut.panel_units;
        an_recurrent_add_product(k, panel, running, n, k->h, k->op->layout.h);
        k->w->kernels->rnn_cell(&(an_rnn_cell){
            .rows = running, .left = k->cut.units - unit, .units = k->cut.units,
            .vectors = an_recurrent_used(&k->cut, panel, k->op->layout.h), .at = k->at + n,
            .z = an_recurrent_z(k, panel, n), .h_next = k->h_next + unit, .padded = k->cut.padded,
            .y = an_port_out_from(k->w, RNN_Y, unit), .rectified = k->w->attrs->rectified});
    }
}

static void back(const an_recurrent_tile *k, int64_t s, int64_t running, int64_t n)
{
    (void)s; /* y of the step itself is all that it takes */
    for (int64_t panel = 0; panel < k->cut.panels; panel++) {
        const int64_t unit = panel * k->cut.panel_units;
        k->w->kernels->rnn_cell_grad(&(an_rnn_cell_grad){
            .rows = running, .left = k->cut.units - unit, .units = k->cut.units,
            .vectors = an_recurrent_used(&k->cut, panel, k->op->layout.h), .at = k->at + n,
            .dy = an_port_in_from(k->w, RNN_GRAD_DY, unit),
            .y = an_port_in_from(k->w, RNN_GRAD_Y, unit), .back = k->cut.reverse ? 1 : -1,
            .dh = k->h + unit, .padded = k->cut.padded, .dz = an_recurrent_z(k, panel, n),
            .rectified = k->w->attrs->rectified});
    }
    an_recurrent_spread(k, running, n, k->op->layout.h, k->h, false);
}

static const an_recurrent_op rnn = {
    .ports = &ports,
    .layout = {.panel_units = 64, .kernel = {0, 0, 0, 0}, .recurrent = {0, 0, 0, 0},
               .x = {0, 4}, .h = {0, 4}},
    .step = step, .back = back,
    .ref_scratch = an_rnn_ref_scratch, .grad_ref_scratch = an_rnn_grad_ref_scratch};

/* ---- the records --------------------------------------------------------- */

an_value an_rnn_at(an_at at, an_rnn_operands o, bool rectified, bool reverse)
{
    const an_value in[] = {o.x, o.kernel, o.recurrent, o.bias, o.h0, o.lengths};
    const an_attrs attrs = {.reverse = reverse, .rectified = rectified};
    return an_emit(at, AN_OP_rnn, in, (int)(sizeof in / sizeof *in), &attrs);
}

const an_op_rules an_rules_rnn = {
    .floats = 1u << RNN_X,
    .indices = 1u << RNN_LENGTHS,
    .kin = (1u << RNN_LENGTHS) - 1,
    .ranks = "322121",
    .infer = an_recurrent_infer,
    .grad = an_recurrent_grad,
    .constant_in = 1u << RNN_LENGTHS,
    .stages = {{an_recurrent_prepare_units, an_recurrent_prepare},
               {an_recurrent_walk_units, an_recurrent_walk}},
    .ref = an_rnn_ref,
    .scratch = an_recurrent_scratch,
    .count_flops = an_recurrent_flops,
    .index = {.by = AN_BOUND_LENGTH, .operand = RNN_LENGTHS, .axis = 1},
    .factors = 1u << RNN_X | 1u << RNN_KERNEL | 1u << RNN_RECURRENT,
    .recurrent = {&rnn},
};

const an_op_rules an_rules_rnn_grad = {
    .infer = an_recurrent_infer_grad,
    .no_grad = "rnn has no second derivative",
    .constant_in = 1u << RNN_GRAD_LENGTHS,
    .no_meaning = "its oracle is ref",
    .stages = {{an_recurrent_back_prepare_units, an_recurrent_back_prepare},
               {an_recurrent_back_units, an_recurrent_back},
               {an_recurrent_sum_units, an_recurrent_sum}},
    .ref = an_rnn_grad_ref,
    .scratch = an_recurrent_back_scratch,
    .count_flops = an_recurrent_back_flops,
    .recurrent = {&rnn},
};
