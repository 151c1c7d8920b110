/* recurrent.c -- the gates of an LSTM, forward and backward, one panel a call.
 *
 *   i, f, o = sigmoid(z_i, z_f, z_o)   g = tanh(z_c)
 *   c' = f c + i g                     h = o tanh(c')
 *
 *   dc_total = dc + dh o (1 - tanh(c')^2)
 *   dz_i = dc_total g i (1 - i)        dz_f = dc_total c f (1 - f)
 *   dz_c = dc_total i (1 - g^2)        dz_o = dh tanh(c') o (1 - o)
 *   dc   = dc_total f
 *
 * Everything between the product and the next product happens here, in
 * registers: z is read once, and what the gradient needs is written once.
 * Lanes past the last unit hold zeros in h, c and dz, whatever happens in the
 * others, so that they never reach a sum.                                     */
#include "core/vecmath.h"
#include "ops/kernels/kernels.h"

AN_INLINE an_v load_lanes(const float *p, int64_t lanes)
{
    return lanes == AN_LANES ? an_v_load(p) : an_v_load_n(p, lanes, 0.0f);
}

AN_INLINE void store_lanes(float *p, int64_t lanes, an_v v)
{
    if (lanes == AN_LANES) an_v_store(p, v);
    else an_v_store_n(p, lanes, v);
}

/* Asks for what the next step of this row will read: the rows of a batch lie far
 * apart, more streams than the hardware follows. `to` is never dereferenced. */
AN_INLINE void fetch(const float *from, int64_t by)
{
    __builtin_prefetch((const char *)((uintptr_t)from + (uintptr_t)(by * (int64_t)sizeof *from)));
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
        store_lanes(c_at, lanes, c);
        store_lanes(p->h + r * p->padded, lanes, h);
        if (p->y) store_lanes(p->y + p->at[r] * units, lanes, h);
        if (p->cells) store_lanes(p->cells + p->at[r] * units, lanes, c);
        if (p->gates) {
            float *gates = p->gates + p->at[r] * 4 * units;
            store_lanes(gates, lanes, i);
            store_lanes(gates + units, lanes, f);
            store_lanes(gates + 2 * units, lanes, g);
            store_lanes(gates + 3 * units, lanes, o);
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
        const an_v inside = an_v_fma(-t, t, an_v_set(1.0f));
        const an_v dc = an_v_fma(dh * o, inside, load_lanes(dc_at, lanes));
        float *dz = p->dz + r * 4 * AN_LANES;
        an_v_store(dz, dc * g * (i * (1.0f - i)));
        an_v_store(dz + AN_LANES, dc * c * (f * (1.0f - f)));
        an_v_store(dz + 2 * AN_LANES, dc * i * an_v_fma(-g, g, an_v_set(1.0f)));
        an_v_store(dz + 3 * AN_LANES, dh * t * (o * (1.0f - o)));
        store_lanes(dc_at, lanes, dc * f);
    }
}
