/* recurrent_ref.c -- lstm and its gradient as plain loops in double.
 *
 * The oracle: one row of the batch after the other, one unit after the other, by
 * the formulas at the head of recurrent.c and recurrent_grad.c. It shares neither
 * the packed weights nor the order of rows nor any product with the stages. All
 * sums are kept in double until the result is stored.                        */
#include "ops/recurrent.h"

#include <math.h>

static double sigmoid(double x)
{
    return x >= 0.0 ? 1.0 / (1.0 + exp(-x)) : exp(x) / (1.0 + exp(x));
}

static double at(const an_tensor *t, int64_t i)
{
    return t->data ? an_tensor_get(t, i) : 0.0;
}

static void put(const an_tensor *t, int64_t i, double value)
{
    if (!t->data) return;
    an_tensor to = *t;
    an_tensor_set(&to, i, value);
}

static int64_t length_at(const an_work *w, int operand, int64_t b, int64_t time)
{
    if (!w->in[operand].data) return time;
    const int64_t length = (int64_t)an_tensor_get(&w->in[operand], b);
    if (length >= 0 && length <= time) return length;
    an_raise(w, operand, b, length, time + 1);
    return 0;
}

/* ---- forward ----------------------------------------------------------- */

int64_t an_lstm_ref_scratch(const an_lstm_cut *cut)
{
    int64_t bytes = 0;
    an_lstm_place(&bytes, 3, cut->units, sizeof(double));
    return bytes;
}

/* One step at position p = b T + t: h and c before it, `next` the new h. */
static void ref_step(const an_work *w, int64_t p, const double *h, double *c, double *next)
{
    const int64_t features = w->in[LSTM_X].extent[2];
    const int64_t units = w->in[LSTM_RECURRENT].extent[0], gates = 4 * units;
    for (int64_t u = 0; u < units; u++) {
        double z[4];
        for (int gate = 0; gate < 4; gate++) {
            const int64_t column = gate * units + u;
            z[gate] = at(&w->in[LSTM_BIAS], column);
            for (int64_t k = 0; k < features; k++)
                z[gate] += at(&w->in[LSTM_X], p * features + k) *
                           at(&w->in[LSTM_KERNEL], k * gates + column);
            for (int64_t k = 0; k < units; k++)
                z[gate] += h[k] * at(&w->in[LSTM_RECURRENT], k * gates + column);
        }
        const double value[4] = {sigmoid(z[0]), sigmoid(z[1]), tanh(z[2]), sigmoid(z[3])};
        c[u] = value[1] * c[u] + value[0] * value[2];
        next[u] = value[3] * tanh(c[u]);
        for (int gate = 0; gate < 4; gate++)
            put(&w->out[LSTM_GATES], p * gates + gate * units + u, value[gate]);
        put(&w->out[LSTM_CELLS], p * units + u, c[u]);
        put(&w->out[LSTM_Y], p * units + u, next[u]);
    }
}

static void ref_skip(const an_work *w, int64_t p)
{
    const int64_t units = w->in[LSTM_RECURRENT].extent[0];
    for (int64_t u = 0; u < units; u++) {
        put(&w->out[LSTM_Y], p * units + u, 0.0);
        put(&w->out[LSTM_CELLS], p * units + u, 0.0);
    }
    for (int64_t u = 0; u < 4 * units; u++) put(&w->out[LSTM_GATES], p * 4 * units + u, 0.0);
}

void an_lstm_ref(const an_work *w)
{
    const int64_t batch = w->in[LSTM_X].extent[0], time = w->in[LSTM_X].extent[1];
    const int64_t units = w->in[LSTM_RECURRENT].extent[0];
    double *h = w->scratch, *next = h + units, *c = next + units;
    for (int64_t b = 0; b < batch; b++) {
        const int64_t length = length_at(w, LSTM_LENGTHS, b, time);
        for (int64_t u = 0; u < units; u++) {
            h[u] = at(&w->in[LSTM_H0], b * units + u);
            c[u] = at(&w->in[LSTM_C0], b * units + u);
        }
        for (int64_t s = 0; s < length; s++) {
            ref_step(w, b * time + (w->attrs->reverse ? length - 1 - s : s), h, c, next);
            for (int64_t u = 0; u < units; u++) h[u] = next[u];
        }
        for (int64_t t = length; t < time; t++) ref_skip(w, b * time + t);
        for (int64_t u = 0; u < units; u++) {
            put(&w->out[LSTM_H], b * units + u, h[u]);
            put(&w->out[LSTM_C], b * units + u, c[u]);
        }
    }
}

/* ---- backward ---------------------------------------------------------- */

int64_t an_lstm_grad_ref_scratch(const an_lstm_cut *cut)
{
    int64_t bytes = 0;
    an_lstm_place(&bytes, cut->units, 6, sizeof(double));            /* dh, dc, dz */
    an_lstm_place(&bytes, cut->stacked, cut->gates, sizeof(double)); /* weight gradients */
    return bytes;
}

/* Where the loops stand: a row b, its position p, and the position one step
 * before it, or -1 at the row's first step. */
typedef struct place {
    int64_t b, p, before;
} place;

/* Turns dh and dc, the gradients of this step's results, into dz, and dc into
 * the gradient of the cells before. */
static void ref_gates(const an_work *w, place q, const double *dh, double *dc, double *dz)
{
    const int64_t units = w->in[GRAD_RECURRENT].extent[0];
    for (int64_t u = 0; u < units; u++) {
        double gate[4];
        for (int g = 0; g < 4; g++)
            gate[g] = at(&w->in[GRAD_GATES], (q.p * 4 + g) * units + u);
        const double before = q.before < 0 ? at(&w->in[GRAD_C0], q.b * units + u)
                                           : at(&w->in[GRAD_CELLS], q.before * units + u);
        const double t = tanh(at(&w->in[GRAD_CELLS], q.p * units + u));
        const double dy = dh[u] + at(&w->in[GRAD_DY], q.p * units + u);
        const double total = dc[u] + dy * gate[3] * (1.0 - t * t);
        dz[u] = total * gate[2] * gate[0] * (1.0 - gate[0]);
        dz[units + u] = total * before * gate[1] * (1.0 - gate[1]);
        dz[2 * units + u] = total * gate[0] * (1.0 - gate[2] * gate[2]);
        dz[3 * units + u] = dy * t * gate[3] * (1.0 - gate[3]);
        dc[u] = total * gate[1];
    }
}

/* Sends dz to x, to the state before (dh) and to the weights (dw, stacked). */
static void ref_spread(const an_work *w, place q, const double *dz, double *dh, double *dw)
{
    const int64_t features = w->in[GRAD_X].extent[2];
    const int64_t units = w->in[GRAD_RECURRENT].extent[0], gates = 4 * units;
    for (int64_t k = 0; k < features; k++) {
        const double x = at(&w->in[GRAD_X], q.p * features + k);
        double sum = 0.0;
        for (int64_t j = 0; j < gates; j++) {
            sum += dz[j] * at(&w->in[GRAD_KERNEL], k * gates + j);
            dw[k * gates + j] += x * dz[j];
        }
        put(&w->out[GRAD_DX], q.p * features + k, sum);
    }
    for (int64_t j = 0; j < gates; j++) dw[features * gates + j] += dz[j];
    for (int64_t k = 0; k < units; k++) {
        const double h = q.before < 0 ? at(&w->in[GRAD_H0], q.b * units + k)
                                      : at(&w->in[GRAD_Y], q.before * units + k);
        dh[k] = 0.0;
        for (int64_t j = 0; j < gates; j++) {
            dh[k] += dz[j] * at(&w->in[GRAD_RECURRENT], k * gates + j);
            dw[(features + 1 + k) * gates + j] += h * dz[j];
        }
    }
}

static void ref_row(const an_work *w, int64_t b, double *dh, double *dw)
{
    const int64_t time = w->in[GRAD_X].extent[1], features = w->in[GRAD_X].extent[2];
    const int64_t units = w->in[GRAD_RECURRENT].extent[0];
    double *dc = dh + units, *dz = dc + units;
    const bool reverse = w->attrs->reverse;
    const int64_t length = length_at(w, GRAD_LENGTHS, b, time);
    for (int64_t u = 0; u < units; u++) {
        dh[u] = at(&w->in[GRAD_DH], b * units + u);
        dc[u] = at(&w->in[GRAD_DC], b * units + u);
    }
    for (int64_t s = length - 1; s >= 0; s--) {
        const int64_t p = b * time + (reverse ? length - 1 - s : s);
        const place q = {b, p, s == 0 ? -1 : reverse ? p + 1 : p - 1};
        ref_gates(w, q, dh, dc, dz);
        ref_spread(w, q, dz, dh, dw);
    }
    for (int64_t i = length * features; i < time * features; i++)
        put(&w->out[GRAD_DX], b * time * features + i, 0.0);
    for (int64_t u = 0; u < units; u++) {
        put(&w->out[GRAD_DH0], b * units + u, dh[u]);
        put(&w->out[GRAD_DC0], b * units + u, dc[u]);
    }
}

void an_lstm_grad_ref(const an_work *w)
{
    const int64_t batch = w->in[GRAD_X].extent[0], features = w->in[GRAD_X].extent[2];
    const int64_t units = w->in[GRAD_RECURRENT].extent[0], gates = 4 * units;
    double *dh = w->scratch, *dw = dh + 6 * units;
    for (int64_t i = 0; i < (features + 1 + units) * gates; i++) dw[i] = 0.0;
    for (int64_t b = 0; b < batch; b++) ref_row(w, b, dh, dw);
    for (int64_t i = 0; i < features * gates; i++) put(&w->out[GRAD_DKERNEL], i, dw[i]);
    for (int64_t i = 0; i < gates; i++) put(&w->out[GRAD_DBIAS], i, dw[features * gates + i]);
    for (int64_t i = 0; i < units * gates; i++)
        put(&w->out[GRAD_DRECURRENT], i, dw[(features + 1) * gates + i]);
}
