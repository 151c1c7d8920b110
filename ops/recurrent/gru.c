/* gru.c -- gru: a gated recurrent unit over a whole sequence; and its gradient.
 *
 *   z, r = sigmoid(x kernel + bias + h recurrent + recurrent_bias)  of their columns
 *   g    = tanh(a + r (h recurrent_h + recurrent_bias_h))           reset_after, or
 *   g    = tanh(a + recurrent_bias_h + (r h) recurrent_h)           a = x kernel_h + bias_h
 *   h'   = z h + (1 - z) g
 *
 * (Cho et al. 2014, who reset before the product; after it: cuDNN, PyTorch, Keras 2.)
 * Columns are the gates z, r, h as Keras orders them; PyTorch's are r, z, n, where n
 * is our h and its sum h' = (1 - z) n + z h the same.
 *
 * A panel's vectors are a, z, r and the state's part of the candidate, so that x goes
 * into the first three and the state into the last three: no product is made twice
 * or for nothing. Where the reset comes before, a step is two walks over the panels,
 * for r h must be whole before the candidate's product: the state goes into z and r
 * only, r h into a. `inner` holds what the reset gate met, or left: the state's part
 * of the candidate, or r h.
 *
 * Backward (p: the state's part; s = r h; the rest is in recurrent_back.c):
 *   da = dh (1 - z) (1 - g^2)      dz_z = dh (h - g) z (1 - z)
 *   after:  dz_r = da p r (1 - r)  dp = da r    dh_before = dh z + [dz_z, dz_r, dp] recurrent'
 *   before: ds = da recurrent_h'   dz_r = ds h r (1 - r)
 *           dh_before = dh z + ds r + [dz_z, dz_r] recurrent_zr'                */
#include "ops/recurrent/recurrent.h"

static const an_recurrent_ports ports = {
    .name = "gru", .op_grad = AN_OP_gru_grad, .gates = 3, .columns = "z, r, h",
    .x = GRU_X, .kernel = GRU_KERNEL, .recurrent = GRU_RECURRENT, .bias = GRU_BIAS,
    .recurrent_bias = GRU_RECURRENT_BIAS, .h0 = GRU_H0, .c0 = -1, .lengths = GRU_LENGTHS,
    .y = GRU_Y, .h = GRU_H, .c = -1, .all_gates = GRU_GATES, .kept = GRU_INNER,
    .grad = {.inputs = GRU_GRAD_INPUTS, .dy = GRU_GRAD_DY, .dh = GRU_GRAD_DH, .dc = -1,
             .x = GRU_GRAD_X, .kernel = GRU_GRAD_KERNEL, .recurrent = GRU_GRAD_RECURRENT,
             .h0 = GRU_GRAD_H0, .c0 = -1, .lengths = GRU_GRAD_LENGTHS, .y = GRU_GRAD_Y,
             .all_gates = GRU_GRAD_GATES, .kept = GRU_GRAD_INNER, .dx = GRU_GRAD_DX,
             .dkernel = GRU_GRAD_DKERNEL, .drecurrent = GRU_GRAD_DRECURRENT,
             .dbias = GRU_GRAD_DBIAS, .drecurrent_bias = GRU_GRAD_DRECURRENT_BIAS,
             .dh0 = GRU_GRAD_DH0, .dc0 = -1}};

static const an_vectors candidate = {0, 1}; /* of a panel */

/* ---- forward ------------------------------------------------------------- */

static an_gru_cell cell_of(const an_recurrent_tile *k, int64_t panel, int64_t running, int64_t n)
{
    const an_work *w = k->w;
    int64_t unit;
    const int64_t lanes = an_recurrent_lanes(&k->cut, panel, 0, &unit);
    return (an_gru_cell){
        .rows = running, .lanes = lanes, .units = k->cut.units, .at = k->at + n,
        .z = an_recurrent_z(k, panel, n), .h = k->h + unit, .h_next = k->h_next + unit,
        .reset = k->op->layout.late ? k->second + unit : NULL, .padded = k->cut.padded,
        .y = an_port_out_from(w, GRU_Y, unit), .gates = an_port_out_from(w, GRU_GATES, unit),
        .inner = an_port_out_from(w, GRU_INNER, unit)};
}

static void step_after(const an_recurrent_tile *k, int64_t running, int64_t n)
{
    for (int64_t panel = 0; panel < k->cut.panels; panel++) {
        const an_gru_cell cell = cell_of(k, panel, running, n);
        an_recurrent_add_product(k, panel, running, n, k->h, k->op->layout.h);
        k->w->kernels->gru_cell(&cell);
    }
}

static void step_before(const an_recurrent_tile *k, int64_t running, int64_t n)
{
    for (int64_t panel = 0; panel < k->cut.panels; panel++) {
        const an_gru_cell cell = cell_of(k, panel, running, n);
        an_recurrent_add_product(k, panel, running, n, k->h, k->op->layout.h);
        k->w->kernels->gru_reset(&cell);
    }
    for (int64_t panel = 0; panel < k->cut.panels; panel++) {
        const an_gru_cell cell = cell_of(k, panel, running, n);
        an_recurrent_add_product(k, panel, running, n, k->second, candidate);
        k->w->kernels->gru_cell(&cell);
    }
}

/* ---- backward ------------------------------------------------------------ */

static an_gru_cell_grad cell_grad_of(const an_recurrent_tile *k, int64_t panel, int64_t s,
                                     int64_t running, int64_t n)
{
    const an_work *w = k->w;
    int64_t unit;
    const int64_t lanes = an_recurrent_lanes(&k->cut, panel, 0, &unit);
    return (an_gru_cell_grad){
        .rows = running, .lanes = lanes, .units = k->cut.units, .at = k->at + n,
        .dy = an_port_in_from(w, GRU_GRAD_DY, unit),
        .gates = an_port_in_from(w, GRU_GRAD_GATES, unit),
        .inner = an_port_in_from(w, GRU_GRAD_INNER, unit),
        .y = an_port_in_from(w, GRU_GRAD_Y, unit), .back = k->cut.reverse ? 1 : -1,
        .h_first = s == 0 ? k->first + unit : NULL, .dh = k->h + unit, .dreset = k->second + unit,
        .padded = k->cut.padded, .dz = an_recurrent_z(k, panel, n), .late = k->op->layout.late};
}

static void back(const an_recurrent_tile *k, int64_t s, int64_t running, int64_t n)
{
    for (int64_t panel = 0; panel < k->cut.panels; panel++) {
        const an_gru_cell_grad cell = cell_grad_of(k, panel, s, running, n);
        k->w->kernels->gru_cell_grad(&cell);
    }
    if (k->op->layout.late) {
        an_recurrent_spread(k, running, n, candidate, k->second, false);
        for (int64_t panel = 0; panel < k->cut.panels; panel++) {
            const an_gru_cell_grad cell = cell_grad_of(k, panel, s, running, n);
            k->w->kernels->gru_reset_grad(&cell);
        }
    }
    an_recurrent_spread(k, running, n, k->op->layout.h, k->h, true);
}

/* ---- the records --------------------------------------------------------- */

static const an_recurrent_op before = {
    .ports = &ports,
    .layout = {.panel_units = 16, .kernel = {2, 0, 1, -1}, .recurrent = {2, 0, 1, -1},
               .x = {0, 3}, .h = {1, 2}, .late = true},
    .step = step_before, .back = back,
    .ref_scratch = an_gru_ref_scratch, .grad_ref_scratch = an_gru_grad_ref_scratch};

static const an_recurrent_op after = {
    .ports = &ports,
    .layout = {.panel_units = 16, .kernel = {2, 0, 1, -1}, .recurrent = {-1, 0, 1, 2},
               .x = {0, 3}, .h = {1, 3}},
    .step = step_after, .back = back,
    .ref_scratch = an_gru_ref_scratch, .grad_ref_scratch = an_gru_grad_ref_scratch};

an_value an_gru_at(an_at at, an_gru_operands o, bool reset_after, bool reverse)
{
    const an_value in[] = {o.x, o.kernel, o.recurrent, o.bias, o.recurrent_bias, o.h0, o.lengths};
    const an_attrs attrs = {.reverse = reverse, .reset_after = reset_after};
    return an_emit(at, AN_OP_gru, in, (int)(sizeof in / sizeof *in), &attrs);
}

const an_op_rules an_rules_gru = {
    .floats = 1u << GRU_X,
    .indices = 1u << GRU_LENGTHS,
    .kin = (1u << GRU_LENGTHS) - 1,
    .ranks = "3221121",
    .infer = an_recurrent_infer,
    .grad = an_recurrent_grad,
    .constant_in = 1u << GRU_LENGTHS,
    .stages = {{an_recurrent_prepare_units, an_recurrent_prepare},
               {an_recurrent_walk_units, an_recurrent_walk}},
    .ref = an_gru_ref,
    .scratch = an_recurrent_scratch,
    .count_flops = an_recurrent_flops,
    .index = {.by = AN_BOUND_LENGTH, .operand = GRU_LENGTHS, .axis = 1},
    .factors = 1u << GRU_X | 1u << GRU_KERNEL | 1u << GRU_RECURRENT,
    .closed = 1u << GRU_GATES | 1u << GRU_INNER, /* kept for its gradient only: refused */
    .recurrent = {&before, &after},
};

const an_op_rules an_rules_gru_grad = {
    .infer = an_recurrent_infer_grad,
    .no_grad = "gru has no second derivative",
    .constant_in = 1u << GRU_GRAD_LENGTHS,
    .no_meaning = "its oracle is ref",
    .stages = {{an_recurrent_back_prepare_units, an_recurrent_back_prepare},
               {an_recurrent_back_units, an_recurrent_back},
               {an_recurrent_sum_units, an_recurrent_sum}},
    .ref = an_gru_grad_ref,
    .scratch = an_recurrent_back_scratch,
    .count_flops = an_recurrent_back_flops,
    .recurrent = {&before, &after},
};
