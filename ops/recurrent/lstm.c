/* lstm.c -- lstm: a whole sequence in one op; and its gradient.
 *
 *   z_t = x_t kernel + bias + h_(t-1) recurrent,   gates i, f, c, o of H units each
 *   i, f, o = sigmoid(z_i, z_f, z_o)   g = tanh(z_c)
 *   c_t = f c_(t-1) + i g              h_t = o tanh(c_t)
 *
 * (Hochreiter & Schmidhuber 1997; forget gate: Gers, Schmidhuber & Cummins 2000.)
 * The gradient, through time, from the saved gates and cells:
 *
 *   dh_t += dy_t              dc_t += dh_t o (1 - tanh(c_t)^2)
 *   dz_i = dc g i (1 - i)     dz_f = dc c_(t-1) f (1 - f)
 *   dz_c = dc i (1 - g^2)     dz_o = dh tanh(c_t) o (1 - o)
 *   dc_(t-1) = dc f           the rest: recurrent_back.c
 *
 * A panel's four vectors are the four gates.                                  */
#include "ops/recurrent/recurrent.h"

static const an_recurrent_ports ports = {
    .name = "lstm", .op_grad = AN_OP_lstm_grad, .gates = 4, .columns = "i, f, c, o",
    .x = LSTM_X, .kernel = LSTM_KERNEL, .recurrent = LSTM_RECURRENT, .bias = LSTM_BIAS,
    .recurrent_bias = -1, .h0 = LSTM_H0, .c0 = LSTM_C0, .lengths = LSTM_LENGTHS,
    .y = LSTM_Y, .h = LSTM_H, .c = LSTM_C, .all_gates = LSTM_GATES, .kept = LSTM_CELLS,
    .grad = {.inputs = GRAD_INPUTS, .dy = GRAD_DY, .dh = GRAD_DH, .dc = GRAD_DC, .x = GRAD_X,
             .kernel = GRAD_KERNEL, .recurrent = GRAD_RECURRENT, .h0 = GRAD_H0, .c0 = GRAD_C0,
             .lengths = GRAD_LENGTHS, .y = GRAD_Y, .all_gates = GRAD_GATES, .kept = GRAD_CELLS,
             .dx = GRAD_DX, .dkernel = GRAD_DKERNEL, .drecurrent = GRAD_DRECURRENT,
             .dbias = GRAD_DBIAS, .drecurrent_bias = -1, .dh0 = GRAD_DH0, .dc0 = GRAD_DC0}};

static void step(const an_recurrent_tile *k, int64_t running, int64_t n)
{
    const an_work *w = k->w;
    for (int64_t panel = 0; panel < k->cut.panels; panel++) {
        int64_t unit;
        const int64_t lanes = an_recurrent_lanes(&k->cut, panel, 0, &unit);
        an_recurrent_add_product(k, panel, running, n, k->h, k->op->layout.h);
        w->kernels->lstm_cell(&(an_lstm_cell){
            .rows = running, .lanes = lanes, .units = k->cut.units, .at = k->at + n,
            .z = an_recurrent_z(k, panel, n), .c = k->second + unit, .h = k->h_next + unit,
            .padded = k->cut.padded, .y = an_port_out_from(w, LSTM_Y, unit),
            .gates = an_port_out_from(w, LSTM_GATES, unit),
            .cells = an_port_out_from(w, LSTM_CELLS, unit)});
    }
}

static void back(const an_recurrent_tile *k, int64_t s, int64_t running, int64_t n)
{
    const an_work *w = k->w;
    for (int64_t panel = 0; panel < k->cut.panels; panel++) {
        int64_t unit;
        const int64_t lanes = an_recurrent_lanes(&k->cut, panel, 0, &unit);
        w->kernels->lstm_cell_grad(&(an_lstm_cell_grad){
            .rows = running, .lanes = lanes, .units = k->cut.units, .at = k->at + n,
            .dy = an_port_in_from(w, GRAD_DY, unit), .gates = an_port_in_from(w, GRAD_GATES, unit),
            .cells = an_port_in_from(w, GRAD_CELLS, unit), .back = k->cut.reverse ? 1 : -1,
            .c_first = s == 0 ? k->first + unit : NULL, .dh = k->h + unit,
            .dc = k->second + unit, .padded = k->cut.padded, .dz = an_recurrent_z(k, panel, n)});
    }
    an_recurrent_spread(k, running, n, k->op->layout.h, k->h, false);
}

static const an_recurrent_op lstm = {
    .ports = &ports,
    .layout = {.panel_units = 16, .kernel = {0, 1, 2, 3}, .recurrent = {0, 1, 2, 3},
               .x = {0, 4}, .h = {0, 4}},
    .cells = true, .step = step, .back = back,
    .ref_scratch = an_lstm_ref_scratch, .grad_ref_scratch = an_lstm_grad_ref_scratch};

/* ---- the records --------------------------------------------------------- */

an_value an_lstm_at(an_at at, an_lstm_operands o, bool reverse)
{
    const an_value in[] = {o.x, o.kernel, o.recurrent, o.bias, o.h0, o.c0, o.lengths};
    const an_attrs attrs = {.reverse = reverse};
    return an_emit(at, AN_OP_lstm, in, (int)(sizeof in / sizeof *in), &attrs);
}

const an_op_rules an_rules_lstm = {
    .floats = 1u << LSTM_X,
    .indices = 1u << LSTM_LENGTHS,
    .kin = (1u << LSTM_LENGTHS) - 1,
    .ranks = "3221221",
    .infer = an_recurrent_infer,
    .grad = an_recurrent_grad,
    .constant_in = 1u << LSTM_LENGTHS,
    .stages = {{an_recurrent_prepare_units, an_recurrent_prepare},
               {an_recurrent_walk_units, an_recurrent_walk}},
    .ref = an_lstm_ref,
    .scratch = an_recurrent_scratch,
    .count_flops = an_recurrent_flops,
    .index = {.by = AN_BOUND_LENGTH, .operand = LSTM_LENGTHS, .axis = 1},
    .factors = 1u << LSTM_X | 1u << LSTM_KERNEL | 1u << LSTM_RECURRENT,
    .closed = 1u << LSTM_GATES | 1u << LSTM_CELLS, /* kept for its gradient only: refused */
    .recurrent = {&lstm},
};

const an_op_rules an_rules_lstm_grad = {
    .infer = an_recurrent_infer_grad,
    .no_grad = "lstm has no second derivative",
    .constant_in = 1u << GRAD_LENGTHS,
    .no_meaning = "its oracle is ref",
    .stages = {{an_recurrent_back_prepare_units, an_recurrent_back_prepare},
               {an_recurrent_back_units, an_recurrent_back},
               {an_recurrent_sum_units, an_recurrent_sum}},
    .ref = an_lstm_grad_ref,
    .scratch = an_recurrent_back_scratch,
    .count_flops = an_recurrent_back_flops,
    .recurrent = {&lstm}};
