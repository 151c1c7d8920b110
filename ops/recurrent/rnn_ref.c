/* rnn_ref.c -- rnn and its gradient as plain loops in double: the oracle, by the formulas
 * at the head of rnn.c, row by row and step by step.                          */
#include "core/memory.h"
#include "ops/recurrent/recurrent.h"

#include <math.h>

/* ---- forward ----------------------------------------------------------- */

int64_t an_rnn_ref_scratch(const an_work *w)
{
    const an_recurrent_cut cut = an_recurrent_measure(w);
    int64_t bytes = 0;
    an_lay_out(&bytes, cut.units, 2, sizeof(double));           /* h, z */
    an_lay_out(&bytes, cut.stacked, cut.units, sizeof(double)); /* weights */
    return bytes;
}

/* One step at position p = b T + t; `weights` are [kernel; bias; recurrent], widened. */
static void ref_step(const an_work *w, int64_t p, const double *weights, double *h)
{
    const int64_t features = w->in[RNN_X].extent[2], units = w->in[RNN_RECURRENT].extent[0];
    double *z = h + units;
    for (int64_t u = 0; u < units; u++) z[u] = weights[features * units + u];
    for (int64_t k = 0; k < features; k++)
        an_recurrent_add_scaled(z, an_recurrent_at(&w->in[RNN_X], p * features + k),
                                weights + k * units, units);
    for (int64_t k = 0; k < units; k++)
        an_recurrent_add_scaled(z, h[k], weights + (features + 1 + k) * units, units);
    for (int64_t u = 0; u < units; u++) {
        h[u] = !w->attrs->rectified ? tanh(z[u]) : z[u] < 0.0 ? 0.0 : z[u];
        an_put_wanted(&w->out[RNN_Y], p * units + u, h[u]);
    }
}

void an_rnn_ref(const an_work *w)
{
    const int64_t batch = w->in[RNN_X].extent[0], time = w->in[RNN_X].extent[1];
    const int64_t features = w->in[RNN_X].extent[2], units = w->in[RNN_RECURRENT].extent[0];
    double *h = w->scratch, *weights = h + 2 * units, *to = weights;
    for (int64_t i = 0; i < features * units; i++) *to++ = an_recurrent_at(&w->in[RNN_KERNEL], i);
    for (int64_t i = 0; i < units; i++) *to++ = an_recurrent_at(&w->in[RNN_BIAS], i);
    for (int64_t i = 0; i < units * units; i++) *to++ = an_recurrent_at(&w->in[RNN_RECURRENT], i);
    for (int64_t b = 0; b < batch; b++) {
        const int64_t length = an_recurrent_length(w, RNN_LENGTHS, b, time);
        for (int64_t u = 0; u < units; u++) h[u] = an_recurrent_at(&w->in[RNN_H0], b * units + u);
        for (int64_t s = 0; s < length; s++)
            ref_step(w, b * time + (w->attrs->reverse ? length - 1 - s : s), weights, h);
        for (int64_t i = length * units; i < time * units; i++)
            an_put_wanted(&w->out[RNN_Y], b * time * units + i, 0.0);
        for (int64_t u = 0; u < units; u++) an_put_wanted(&w->out[RNN_H], b * units + u, h[u]);
    }
}

/* ---- backward ---------------------------------------------------------- */

typedef struct memory {
    int64_t features, units;
    double *dh, *dz, *du, *transposed, *dw; /* of [kernel; bias; recurrent] */
} memory;

int64_t an_rnn_grad_ref_scratch(const an_work *w)
{
    const an_recurrent_cut cut = an_recurrent_measure_grad(w);
    int64_t bytes = 0;
    an_lay_out(&bytes, cut.units, 2, sizeof(double));
    an_lay_out(&bytes, cut.stacked, 1, sizeof(double));
    an_lay_out(&bytes, cut.stacked, cut.units, 2 * sizeof(double));
    return bytes;
}

static memory lay_out(const an_work *w)
{
    memory m = {.features = w->in[RNN_GRAD_X].extent[2],
                .units = w->in[RNN_GRAD_RECURRENT].extent[0]};
    const int64_t stacked = m.features + 1 + m.units;
    m.dh = w->scratch;
    m.dz = m.dh + m.units;
    m.du = m.dz + m.units;
    m.transposed = m.du + stacked;
    m.dw = m.transposed + stacked * m.units;
    for (int64_t k = 0; k < stacked; k++)
        for (int64_t j = 0; j < m.units; j++) {
            const int64_t state = k - m.features - 1;
            m.transposed[j * stacked + k] =
                state >= 0 ? an_recurrent_at(&w->in[RNN_GRAD_RECURRENT], state * m.units + j)
                : state < -1 ? an_recurrent_at(&w->in[RNN_GRAD_KERNEL], k * m.units + j)
                             : 0.0;
            m.dw[k * m.units + j] = 0.0;
        }
    return m;
}

/* One step back at position p, whose state before stands at `from` of `before`. */
static void ref_back(const an_work *w, int64_t p, const an_tensor *before, int64_t from,
                     const memory *m)
{
    const int64_t units = m->units, features = m->features, stacked = features + 1 + units;
    for (int64_t u = 0; u < units; u++) {
        const double y = an_recurrent_at(&w->in[RNN_GRAD_Y], p * units + u);
        const double dh = m->dh[u] + an_recurrent_at(&w->in[RNN_GRAD_DY], p * units + u);
        m->dz[u] = !w->attrs->rectified ? dh * (1.0 - y * y) : y > 0.0 ? dh : 0.0;
    }
    for (int64_t k = 0; k < stacked; k++) m->du[k] = 0.0;
    for (int64_t j = 0; j < units; j++)
        an_recurrent_add_scaled(m->du, m->dz[j], m->transposed + j * stacked, stacked);
    for (int64_t k = 0; k < stacked; k++) {
        const double u = k < features ? an_recurrent_at(&w->in[RNN_GRAD_X], p * features + k)
                         : k == features ? 1.0
                                         : an_recurrent_at(before, from + k - features - 1);
        an_recurrent_add_scaled(m->dw + k * units, u, m->dz, units);
    }
    for (int64_t k = 0; k < features; k++)
        an_put_wanted(&w->out[RNN_GRAD_DX], p * features + k, m->du[k]);
    for (int64_t u = 0; u < units; u++) m->dh[u] = m->du[features + 1 + u];
}

static void ref_row(const an_work *w, int64_t b, const memory *m)
{
    const int64_t time = w->in[RNN_GRAD_X].extent[1], units = m->units;
    const bool reverse = w->attrs->reverse;
    const int64_t length = an_recurrent_length(w, RNN_GRAD_LENGTHS, b, time);
    for (int64_t u = 0; u < units; u++)
        m->dh[u] = an_recurrent_at(&w->in[RNN_GRAD_DH], b * units + u);
    for (int64_t s = length - 1; s >= 0; s--) {
        const int64_t p = b * time + (reverse ? length - 1 - s : s);
        if (s == 0) ref_back(w, p, &w->in[RNN_GRAD_H0], b * units, m);
        else ref_back(w, p, &w->in[RNN_GRAD_Y], (reverse ? p + 1 : p - 1) * units, m);
    }
    for (int64_t i = length * m->features; i < time * m->features; i++)
        an_put_wanted(&w->out[RNN_GRAD_DX], b * time * m->features + i, 0.0);
    for (int64_t u = 0; u < units; u++)
        an_put_wanted(&w->out[RNN_GRAD_DH0], b * units + u, m->dh[u]);
}

void an_rnn_grad_ref(const an_work *w)
{
    const int64_t batch = w->in[RNN_GRAD_X].extent[0];
    const memory m = lay_out(w);
    for (int64_t b = 0; b < batch; b++) ref_row(w, b, &m);
    const int64_t bias = m.features * m.units, recurrent = bias + m.units;
    for (int64_t i = 0; i < bias; i++) an_put_wanted(&w->out[RNN_GRAD_DKERNEL], i, m.dw[i]);
    for (int64_t u = 0; u < m.units; u++)
        an_put_wanted(&w->out[RNN_GRAD_DBIAS], u, m.dw[bias + u]);
    for (int64_t i = 0; i < m.units * m.units; i++)
        an_put_wanted(&w->out[RNN_GRAD_DRECURRENT], i, m.dw[recurrent + i]);
}
