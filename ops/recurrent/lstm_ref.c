/* lstm_ref.c -- lstm and its gradient as plain loops in double.
 *
 * The oracle: one row of the batch after the other, one step after the other, by
 * the formulas at the head of lstm.c. It shares neither
 * packing nor the order of rows nor any product with the stages. Weights are
 * widened first, [kernel; bias; recurrent] in one block, and all sums are kept in
 * double until the result is stored.                                         */
#include "core/memory.h"
#include "ops/elementwise.h"
#include "ops/recurrent/recurrent.h"

#include <math.h>

/* Not inlined: gcc then keeps the loop's pointers in registers. */
__attribute__((noinline)) void an_recurrent_add_scaled(double *restrict sum, double x,
                                                       const double *restrict row, int64_t count)
{
    for (int64_t i = 0; i < count; i++) sum[i] += x * row[i];
}

/* ---- forward ----------------------------------------------------------- */

int64_t an_lstm_ref_scratch(const an_work *w)
{
    const an_recurrent_cut cut = an_recurrent_measure(w);
    int64_t bytes = 0;
    an_lay_out(&bytes, cut.units, 6, sizeof(double));           /* h, c, z */
    an_lay_out(&bytes, cut.stacked, cut.gates, sizeof(double)); /* weights */
    return bytes;
}

/* One step at position p = b T + t: h and c before it, then after it. */
static void ref_step(const an_work *w, int64_t p, const double *weights, double *h)
{
    const int64_t features = w->in[LSTM_X].extent[2];
    const int64_t units = w->in[LSTM_RECURRENT].extent[0], gates = 4 * units;
    double *c = h + units, *z = c + units;
    for (int64_t j = 0; j < gates; j++) z[j] = weights[features * gates + j];
    for (int64_t k = 0; k < features; k++)
        an_recurrent_add_scaled(z, an_recurrent_at(&w->in[LSTM_X], p * features + k),
                                weights + k * gates, gates);
    for (int64_t k = 0; k < units; k++)
        an_recurrent_add_scaled(z, h[k], weights + (features + 1 + k) * gates, gates);
    for (int64_t u = 0; u < units; u++) {
        const double value[4] = {an_real_sigmoid(z[u]), an_real_sigmoid(z[units + u]),
                                 tanh(z[2 * units + u]), an_real_sigmoid(z[3 * units + u])};
        c[u] = value[1] * c[u] + value[0] * value[2];
        h[u] = value[3] * tanh(c[u]);
        for (int gate = 0; gate < 4; gate++)
            an_put_wanted(&w->out[LSTM_GATES], p * gates + gate * units + u, value[gate]);
        an_put_wanted(&w->out[LSTM_CELLS], p * units + u, c[u]);
        an_put_wanted(&w->out[LSTM_Y], p * units + u, h[u]);
    }
}

static void ref_skip(const an_work *w, int64_t p)
{
    const int64_t units = w->in[LSTM_RECURRENT].extent[0];
    for (int64_t u = 0; u < units; u++) {
        an_put_wanted(&w->out[LSTM_Y], p * units + u, 0.0);
        an_put_wanted(&w->out[LSTM_CELLS], p * units + u, 0.0);
    }
    for (int64_t i = 0; i < 4 * units; i++)
        an_put_wanted(&w->out[LSTM_GATES], p * 4 * units + i, 0.0);
}

void an_lstm_ref(const an_work *w)
{
    const int64_t batch = w->in[LSTM_X].extent[0], time = w->in[LSTM_X].extent[1];
    const int64_t features = w->in[LSTM_X].extent[2];
    const int64_t units = w->in[LSTM_RECURRENT].extent[0], gates = 4 * units;
    double *h = w->scratch, *c = h + units, *weights = h + 6 * units, *to = weights;
    for (int64_t i = 0; i < features * gates; i++) *to++ = an_recurrent_at(&w->in[LSTM_KERNEL], i);
    for (int64_t i = 0; i < gates; i++) *to++ = an_recurrent_at(&w->in[LSTM_BIAS], i);
    for (int64_t i = 0; i < units * gates; i++) *to++ = an_recurrent_at(&w->in[LSTM_RECURRENT], i);
    for (int64_t b = 0; b < batch; b++) {
        const int64_t length = an_recurrent_length(w, LSTM_LENGTHS, b, time);
        for (int64_t u = 0; u < units; u++) {
            h[u] = an_recurrent_at(&w->in[LSTM_H0], b * units + u);
            c[u] = an_recurrent_at(&w->in[LSTM_C0], b * units + u);
        }
        for (int64_t s = 0; s < length; s++)
            ref_step(w, b * time + (w->attrs->reverse ? length - 1 - s : s), weights, h);
        for (int64_t t = length; t < time; t++) ref_skip(w, b * time + t);
        for (int64_t u = 0; u < units; u++) {
            an_put_wanted(&w->out[LSTM_H], b * units + u, h[u]);
            an_put_wanted(&w->out[LSTM_C], b * units + u, c[u]);
        }
    }
}

/* ---- backward ---------------------------------------------------------- */

int64_t an_lstm_grad_ref_scratch(const an_work *w)
{
    const an_recurrent_cut cut = an_recurrent_measure_grad(w);
    int64_t bytes = 0;
    an_lay_out(&bytes, cut.units, 6, sizeof(double));   /* dh, dc, dz */
    an_lay_out(&bytes, cut.stacked, 1, sizeof(double)); /* du */
    an_lay_out(&bytes, cut.stacked, cut.gates, 2 * sizeof(double)); /* W', dW */
    return bytes;
}

/* The scratch: W' is [4H, D + 1 + H], so that each sum goes along a row of it. */
typedef struct memory {
    double *dh, *dc, *dz, *du, *transposed, *dw;
} memory;

static memory lay_out(const an_work *w)
{
    const int64_t units = w->in[GRAD_RECURRENT].extent[0];
    const int64_t stacked = w->in[GRAD_X].extent[2] + 1 + units;
    double *dh = w->scratch, *du = dh + 6 * units;
    return (memory){dh, dh + units, dh + 2 * units, du, du + stacked,
                    du + stacked + 4 * units * stacked};
}

/* Where the loops stand: a row b, its position p, and the position one step
 * before it, or -1 at the row's first step. */
typedef struct place {
    int64_t b, p, before;
} place;

/* Turns dh and dc, the gradients of this step's results, into dz, and dc into
 * the gradient of the cells before. */
static void ref_gates(const an_work *w, place q, const memory *m)
{
    const int64_t units = w->in[GRAD_RECURRENT].extent[0];
    double *dc = m->dc, *dz = m->dz;
    for (int64_t u = 0; u < units; u++) {
        double gate[4];
        for (int g = 0; g < 4; g++)
            gate[g] = an_recurrent_at(&w->in[GRAD_GATES], (q.p * 4 + g) * units + u);
        const double before =
            q.before < 0 ? an_recurrent_at(&w->in[GRAD_C0], q.b * units + u)
                         : an_recurrent_at(&w->in[GRAD_CELLS], q.before * units + u);
        const double t = tanh(an_recurrent_at(&w->in[GRAD_CELLS], q.p * units + u));
        const double dy = m->dh[u] + an_recurrent_at(&w->in[GRAD_DY], q.p * units + u);
        const double total = dc[u] + dy * gate[3] * (1.0 - t * t);
        dz[u] = total * gate[2] * gate[0] * (1.0 - gate[0]);
        dz[units + u] = total * before * gate[1] * (1.0 - gate[1]);
        dz[2 * units + u] = total * gate[0] * (1.0 - gate[2] * gate[2]);
        dz[3 * units + u] = dy * t * gate[3] * (1.0 - gate[3]);
        dc[u] = total * gate[1];
    }
}

/* Element k of u = [x_t, 1, h_(t-1)]. */
static double ref_input(const an_work *w, place q, int64_t k)
{
    const int64_t features = w->in[GRAD_X].extent[2], unit = k - features - 1;
    const int64_t units = w->in[GRAD_RECURRENT].extent[0];
    if (k < features) return an_recurrent_at(&w->in[GRAD_X], q.p * features + k);
    if (k == features) return 1.0;
    return q.before < 0 ? an_recurrent_at(&w->in[GRAD_H0], q.b * units + unit)
                        : an_recurrent_at(&w->in[GRAD_Y], q.before * units + unit);
}

/* Sends dz to x, to the state before (dh) and to the weights. */
static void ref_spread(const an_work *w, place q, const memory *m)
{
    const int64_t features = w->in[GRAD_X].extent[2];
    const int64_t units = w->in[GRAD_RECURRENT].extent[0], gates = 4 * units;
    const int64_t stacked = features + 1 + units;
    for (int64_t k = 0; k < stacked; k++) m->du[k] = 0.0;
    for (int64_t j = 0; j < gates; j++)
        an_recurrent_add_scaled(m->du, m->dz[j], m->transposed + j * stacked, stacked);
    for (int64_t k = 0; k < stacked; k++)
        an_recurrent_add_scaled(m->dw + k * gates, ref_input(w, q, k), m->dz, gates);
    for (int64_t k = 0; k < features; k++)
        an_put_wanted(&w->out[GRAD_DX], q.p * features + k, m->du[k]);
    for (int64_t k = 0; k < units; k++) m->dh[k] = m->du[features + 1 + k];
}

static void ref_row(const an_work *w, int64_t b, const memory *m)
{
    const int64_t time = w->in[GRAD_X].extent[1], features = w->in[GRAD_X].extent[2];
    const int64_t units = w->in[GRAD_RECURRENT].extent[0];
    const bool reverse = w->attrs->reverse;
    const int64_t length = an_recurrent_length(w, GRAD_LENGTHS, b, time);
    for (int64_t u = 0; u < units; u++) {
        m->dh[u] = an_recurrent_at(&w->in[GRAD_DH], b * units + u);
        m->dc[u] = an_recurrent_at(&w->in[GRAD_DC], b * units + u);
    }
    for (int64_t s = length - 1; s >= 0; s--) {
        const int64_t p = b * time + (reverse ? length - 1 - s : s);
        const place q = {b, p, s == 0 ? -1 : reverse ? p + 1 : p - 1};
        ref_gates(w, q, m);
        ref_spread(w, q, m);
    }
    for (int64_t i = length * features; i < time * features; i++)
        an_put_wanted(&w->out[GRAD_DX], b * time * features + i, 0.0);
    for (int64_t u = 0; u < units; u++) {
        an_put_wanted(&w->out[GRAD_DH0], b * units + u, m->dh[u]);
        an_put_wanted(&w->out[GRAD_DC0], b * units + u, m->dc[u]);
    }
}

void an_lstm_grad_ref(const an_work *w)
{
    const int64_t batch = w->in[GRAD_X].extent[0], features = w->in[GRAD_X].extent[2];
    const int64_t units = w->in[GRAD_RECURRENT].extent[0], gates = 4 * units;
    const int64_t stacked = features + 1 + units;
    const memory m = lay_out(w);
    for (int64_t i = 0; i < stacked * gates; i++) {
        const int64_t k = i / gates, j = i % gates;
        const double weight = k < features ? an_recurrent_at(&w->in[GRAD_KERNEL], i)
                              : k == features ? 0.0
                              : an_recurrent_at(&w->in[GRAD_RECURRENT], i - (features + 1) * gates);
        m.transposed[j * stacked + k] = weight;
        m.dw[i] = 0.0;
    }
    for (int64_t b = 0; b < batch; b++) ref_row(w, b, &m);
    for (int64_t i = 0; i < stacked * gates; i++) {
        const int64_t bias = i - features * gates, recurrent = bias - gates;
        if (bias < 0) an_put_wanted(&w->out[GRAD_DKERNEL], i, m.dw[i]);
        else if (recurrent < 0) an_put_wanted(&w->out[GRAD_DBIAS], bias, m.dw[i]);
        else an_put_wanted(&w->out[GRAD_DRECURRENT], recurrent, m.dw[i]);
    }
}
