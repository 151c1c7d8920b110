/* recurrent.c -- the gates of recurrent ops, forward and backward, one panel a call.
 *
 * lstm:
 *   i, f, o = sigmoid(z_i, z_f, z_o)   g = tanh(z_c)
 *   c' = f c + i g                     h = o tanh(c')
 *
 *   dc_total = dc + dh o (1 - tanh(c')^2)
 *   dz_i = dc_total g i (1 - i)        dz_f = dc_total c f (1 - f)
 *   dz_c = dc_total i (1 - g^2)        dz_o = dh tanh(c') o (1 - o)
 *   dc   = dc_total f
 *
 * gru, where a is x's part of the candidate's sum, p the state's, and s = r h:
 *   g = tanh(a + r p), or tanh(a) where a has the product with s in it already
 *   h' = z h + (1 - z) g
 *   da = dh (1 - z) (1 - g^2)          dz_z = dh (h - g) z (1 - z)
 *   dz_r = da p r (1 - r), or ds h r (1 - r)
 *   dh = dh z, and in the latter case + ds r
 *
 * rnn:
 *   h' = tanh(z) or max(z, 0)          dz = dh (1 - h'^2) or dh where h' > 0
 *
 * Everything between the product and the next product happens here, in
 * registers: z is read once, and what the gradient needs is written once.
 * Lanes past the last unit hold zeros in h, c and dz, whatever happens in the
 * others, so that they never reach a sum.                                     */
#include "core/vecmath.h"
#include "ops/kernels/kernels.h"

AN_INLINE an_v load_lanes(const float *p, int64_t lanes)
{
    return an_v_load_part(p, lanes, 0.0f);
}

/* Asks for what the next step of this row will read: the rows of a batch lie far
 * apart, more streams than the hardware follows. `to` is never dereferenced. */
AN_INLINE void fetch(const float *from, int64_t by)
{
    __builtin_prefetch((const char *)((uintptr_t)from + (uintptr_t)(by * (int64_t)sizeof *from)));
}

/* The same of what the next panel will write: the vector after this one. */
AN_INLINE void fetch_next(float *from)
{
    __builtin_prefetch((char *)((uintptr_t)from + AN_LANES * sizeof *from), 1);
}

/* Of sigmoid and tanh, from their values. */
AN_INLINE an_v gate_slope(an_v s)
{
    return s * (1.0f - s);
}

AN_INLINE an_v tanh_slope(an_v t)
{
    return an_v_fma(-t, t, an_v_set(1.0f));
}

void AN_ISA(lstm_cell)(const an_lstm_cell *p)
{
    const int64_t lanes = p->lanes, units = p->units;
    for (int64_t r = 0; r < p->rows; r++) {
        const float *z = p->z + r * 4 * AN_LANES;
        float *c_at = p->c + r * p->padded;
        const an_v i = an_v_sigmoid(an_v_load(z)), f = an_v_sigmoid(an_v_load(z + AN_LANES));
        const an_v g = an_v_tanh(an_v_load(z + 2 * AN_LANES));
        const an_v o = an_v_sigmoid(an_v_load(z + 3 * AN_LANES));
        const an_v c = an_v_fma(f, load_lanes(c_at, lanes), i * g);
        const an_v h = o * an_v_tanh(c);
        an_v_store_part(c_at, lanes, c);
        an_v_store_part(p->h + r * p->padded, lanes, h);
        if (p->y) an_v_store_part(p->y + p->at[r] * units, lanes, h);
        if (p->cells) an_v_store_part(p->cells + p->at[r] * units, lanes, c);
        if (p->gates) {
            float *gates = p->gates + p->at[r] * 4 * units;
            an_v_store_part(gates, lanes, i);
            an_v_store_part(gates + units, lanes, f);
            an_v_store_part(gates + 2 * units, lanes, g);
            an_v_store_part(gates + 3 * units, lanes, o);
        }
    }
}

void AN_ISA(lstm_cell_grad)(const an_lstm_cell_grad *p)
{
    const int64_t lanes = p->lanes, units = p->units;
    for (int64_t r = 0; r < p->rows; r++) {
        const int64_t at = p->at[r];
        const float *gates = p->gates + at * 4 * units;
        const an_v i = load_lanes(gates, lanes), f = load_lanes(gates + units, lanes);
        const an_v g = load_lanes(gates + 2 * units, lanes);
        const an_v o = load_lanes(gates + 3 * units, lanes);
        const an_v c = p->c_first ? load_lanes(p->c_first + r * p->padded, lanes)
                                  : load_lanes(p->cells + (at + p->back) * units, lanes);
        const an_v t = an_v_tanh(load_lanes(p->cells + at * units, lanes));
        an_v dh = load_lanes(p->dh + r * p->padded, lanes);
        if (p->dy) {
            dh += load_lanes(p->dy + at * units, lanes);
            fetch(p->dy + at * units, p->back * units);
        }
        for (int k = 0; k < 4; k++) fetch(gates + k * units, 4 * p->back * units);
        fetch(p->cells + at * units, 2 * p->back * units);

        float *dc_at = p->dc + r * p->padded;
        const an_v inside = tanh_slope(t);
        const an_v dc = an_v_fma(dh * o, inside, load_lanes(dc_at, lanes));
        float *dz = p->dz + r * 4 * AN_LANES;
        an_v_store(dz, dc * g * gate_slope(i));
        an_v_store(dz + AN_LANES, dc * c * gate_slope(f));
        an_v_store(dz + 2 * AN_LANES, dc * i * tanh_slope(g));
        an_v_store(dz + 3 * AN_LANES, dh * t * gate_slope(o));
        an_v_store_part(dc_at, lanes, dc * f);
    }
}

/* ---- gru ----------------------------------------------------------------- */

void AN_ISA(gru_reset)(const an_gru_cell *p)
{
    for (int64_t r = 0; r < p->rows; r++) {
        float *z = p->z + r * 4 * AN_LANES;
        const an_v reset = an_v_sigmoid(an_v_load(z + 2 * AN_LANES));
        an_v_store(z + AN_LANES, an_v_sigmoid(an_v_load(z + AN_LANES)));
        an_v_store(z + 2 * AN_LANES, reset);
        an_v_store_part(p->reset + r * p->padded, p->lanes,
                    reset * load_lanes(p->h + r * p->padded, p->lanes));
    }
}

/* `late`, a constant at every call: gru_reset has been there. */
AN_INLINE void gru_rows(const an_gru_cell *p, const bool late)
{
    const int64_t lanes = p->lanes, units = p->units;
    for (int64_t r = 0; r < p->rows; r++) {
        const float *at = p->z + r * 4 * AN_LANES;
        an_v sum = an_v_load(at), z = an_v_load(at + AN_LANES), inner;
        an_v reset = an_v_load(at + 2 * AN_LANES);
        if (late) {
            inner = load_lanes(p->reset + r * p->padded, lanes);
        } else {
            inner = an_v_load(at + 3 * AN_LANES);
            z = an_v_sigmoid(z);
            reset = an_v_sigmoid(reset);
            sum = an_v_fma(reset, inner, sum);
        }
        const an_v g = an_v_tanh(sum);
        const an_v h = an_v_fma(z, load_lanes(p->h + r * p->padded, lanes) - g, g);
        an_v_store_part(p->h_next + r * p->padded, lanes, h);
        if (p->y) an_v_store_part(p->y + p->at[r] * units, lanes, h);
        if (p->inner) an_v_store_part(p->inner + p->at[r] * units, lanes, inner);
        if (p->y) fetch_next(p->y + p->at[r] * units);
        if (p->inner) fetch_next(p->inner + p->at[r] * units);
        if (p->gates) {
            float *gates = p->gates + p->at[r] * 3 * units;
            for (int k = 0; k < 3; k++) fetch_next(gates + k * units);
            an_v_store_part(gates, lanes, z);
            an_v_store_part(gates + units, lanes, reset);
            an_v_store_part(gates + 2 * units, lanes, g);
        }
    }
}

void AN_ISA(gru_cell)(const an_gru_cell *p)
{
    if (p->reset) gru_rows(p, true);
    else gru_rows(p, false);
}

AN_INLINE an_v state_before(const an_gru_cell_grad *p, int64_t r)
{
    return p->h_first ? load_lanes(p->h_first + r * p->padded, p->lanes)
                      : load_lanes(p->y + (p->at[r] + p->back) * p->units, p->lanes);
}

void AN_ISA(gru_cell_grad)(const an_gru_cell_grad *p)
{
    const int64_t lanes = p->lanes, units = p->units;
    for (int64_t r = 0; r < p->rows; r++) {
        const int64_t at = p->at[r];
        const float *gates = p->gates + at * 3 * units;
        const an_v z = load_lanes(gates, lanes), reset = load_lanes(gates + units, lanes);
        const an_v g = load_lanes(gates + 2 * units, lanes);
        float *dh_at = p->dh + r * p->padded;
        an_v dh = load_lanes(dh_at, lanes);
        if (p->dy) {
            dh += load_lanes(p->dy + at * units, lanes);
            fetch(p->dy + at * units, p->back * units);
        }
        for (int k = 0; k < 3; k++) fetch(gates + k * units, 3 * p->back * units);
        fetch(p->y + at * units, 2 * p->back * units);

        float *dz = p->dz + r * 4 * AN_LANES;
        const an_v da = dh * (1.0f - z) * tanh_slope(g);
        an_v_store(dz, da);
        an_v_store(dz + AN_LANES, dh * (state_before(p, r) - g) * gate_slope(z));
        if (!p->late) {
            const an_v inner = load_lanes(p->inner + at * units, lanes);
            fetch(p->inner + at * units, p->back * units);
            an_v_store(dz + 2 * AN_LANES, da * inner * gate_slope(reset));
            an_v_store(dz + 3 * AN_LANES, da * reset);
        }
        an_v_store_part(dh_at, lanes, dh * z);
    }
}

void AN_ISA(gru_reset_grad)(const an_gru_cell_grad *p)
{
    const int64_t lanes = p->lanes, units = p->units;
    for (int64_t r = 0; r < p->rows; r++) {
        const an_v reset = load_lanes(p->gates + (p->at[r] * 3 + 1) * units, lanes);
        const an_v ds = load_lanes(p->dreset + r * p->padded, lanes);
        float *dh = p->dh + r * p->padded;
        an_v_store(p->dz + (r * 4 + 2) * AN_LANES,
                   ds * state_before(p, r) * gate_slope(reset));
        an_v_store_part(dh, lanes, an_v_fma(ds, reset, load_lanes(dh, lanes)));
    }
}

/* ---- rnn ----------------------------------------------------------------- */

void AN_ISA(rnn_cell)(const an_rnn_cell *p)
{
    const an_v zero = an_v_set(0.0f);
    for (int64_t r = 0; r < p->rows; r++)
        for (int v = 0; v < p->vectors; v++) {
            const int64_t unit = v * AN_LANES, left = p->left - unit;
            const int64_t lanes = left < AN_LANES ? left : AN_LANES;
            const an_v z = an_v_load(p->z + r * 4 * AN_LANES + unit);
            const an_v h = p->rectified ? an_v_max(zero, z) : an_v_tanh(z);
            an_v_store_part(p->h_next + r * p->padded + unit, lanes, h);
            if (p->y) an_v_store_part(p->y + p->at[r] * p->units + unit, lanes, h);
        }
}

void AN_ISA(rnn_cell_grad)(const an_rnn_cell_grad *p)
{
    const an_v zero = an_v_set(0.0f);
    for (int64_t r = 0; r < p->rows; r++)
        for (int v = 0; v < p->vectors; v++) {
            const int64_t unit = v * AN_LANES, left = p->left - unit;
            const int64_t lanes = left < AN_LANES ? left : AN_LANES;
            const int64_t at = p->at[r] * p->units + unit;
            const an_v y = load_lanes(p->y + at, lanes);
            an_v dh = load_lanes(p->dh + r * p->padded + unit, lanes);
            if (p->dy) {
                dh += load_lanes(p->dy + at, lanes);
                fetch(p->dy + at, p->back * p->units);
            }
            fetch(p->y + at, p->back * p->units);
            an_v_store(p->dz + r * 4 * AN_LANES + unit,
                       p->rectified ? an_v_select(an_v_gt(y, zero), dh, zero)
                                    : dh * tanh_slope(y));
        }
}
