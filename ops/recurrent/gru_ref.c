/* gru_ref.c -- gru and its gradient as plain loops in double.
 *
 * The oracle, by the formulas at the head of gru.c: one row of the batch after the
 * other, one step after the other, x's sums and the state's apart. It shares neither
 * packing nor the order of rows nor any product with the stages.              */
#include "core/memory.h"
#include "ops/elementwise.h"
#include "ops/recurrent/recurrent.h"

#include <math.h>

/* ---- forward ----------------------------------------------------------- */

/* Sums of x and of the state, [z, r, h] each; weights widened. */
typedef struct memory {
    int64_t features, units, gates;
    double *h, *kept, *a, *q, *kernel, *bias, *recurrent, *recurrent_bias;
} memory;

int64_t an_gru_ref_scratch(const an_work *w)
{
    const an_recurrent_cut cut = an_recurrent_measure(w);
    int64_t bytes = 0;
    an_lay_out(&bytes, cut.units, 8, sizeof(double));               /* h, kept, a, q */
    an_lay_out(&bytes, cut.stacked + 1, cut.gates, sizeof(double)); /* weights */
    return bytes;
}

static void widen(double *to, const an_tensor *from, int64_t count)
{
    for (int64_t i = 0; i < count; i++) to[i] = an_recurrent_at(from, i);
}

static memory lay_out(const an_work *w)
{
    const int64_t features = w->in[GRU_X].extent[2], units = w->in[GRU_RECURRENT].extent[0];
    memory m = {.features = features, .units = units, .gates = 3 * units};
    m.h = w->scratch;
    m.kept = m.h + units;
    m.a = m.kept + units;
    m.q = m.a + m.gates;
    m.kernel = m.q + m.gates;
    m.bias = m.kernel + features * m.gates;
    m.recurrent = m.bias + m.gates;
    m.recurrent_bias = m.recurrent + units * m.gates;
    widen(m.kernel, &w->in[GRU_KERNEL], features * m.gates);
    widen(m.bias, &w->in[GRU_BIAS], m.gates);
    widen(m.recurrent, &w->in[GRU_RECURRENT], units * m.gates);
    widen(m.recurrent_bias, &w->in[GRU_RECURRENT_BIAS], m.gates);
    return m;
}

/* q[from..from + count] = recurrent_bias + state * recurrent, of those columns. */
static void sum_state(const memory *m, const double *state, int64_t from, int64_t count)
{
    for (int64_t j = from; j < from + count; j++) m->q[j] = m->recurrent_bias[j];
    for (int64_t k = 0; k < m->units; k++)
        an_recurrent_add_scaled(m->q + from, state[k], m->recurrent + k * m->gates + from, count);
}

/* One step at position p = b T + t: h before it, then after it. */
static void ref_step(const an_work *w, int64_t p, const memory *m)
{
    const int64_t units = m->units;
    const bool after = w->attrs->reset_after;
    for (int64_t j = 0; j < m->gates; j++) m->a[j] = m->bias[j];
    for (int64_t k = 0; k < m->features; k++)
        an_recurrent_add_scaled(m->a, an_recurrent_at(&w->in[GRU_X], p * m->features + k),
                                m->kernel + k * m->gates, m->gates);
    sum_state(m, m->h, 0, after ? m->gates : 2 * units);
    for (int64_t u = 0; u < 2 * units; u++) m->a[u] = an_real_sigmoid(m->a[u] + m->q[u]);
    const double *z = m->a, *r = m->a + units;
    for (int64_t u = 0; u < units; u++) m->kept[u] = after ? m->q[2 * units + u] : r[u] * m->h[u];
    if (!after) sum_state(m, m->kept, 2 * units, units);
    for (int64_t u = 0; u < units; u++) {
        const double state = m->q[2 * units + u];
        const double g = tanh(m->a[2 * units + u] + (after ? r[u] * state : state));
        m->h[u] = z[u] * m->h[u] + (1.0 - z[u]) * g;
        const double value[3] = {z[u], r[u], g};
        for (int gate = 0; gate < 3; gate++)
            an_put_wanted(&w->out[GRU_GATES], (p * 3 + gate) * units + u, value[gate]);
        an_put_wanted(&w->out[GRU_INNER], p * units + u, m->kept[u]);
        an_put_wanted(&w->out[GRU_Y], p * units + u, m->h[u]);
    }
}

static void ref_skip(const an_work *w, int64_t p, int64_t units)
{
    for (int64_t u = 0; u < units; u++) {
        an_put_wanted(&w->out[GRU_Y], p * units + u, 0.0);
        an_put_wanted(&w->out[GRU_INNER], p * units + u, 0.0);
    }
    for (int64_t i = 0; i < 3 * units; i++)
        an_put_wanted(&w->out[GRU_GATES], p * 3 * units + i, 0.0);
}

void an_gru_ref(const an_work *w)
{
    const int64_t batch = w->in[GRU_X].extent[0], time = w->in[GRU_X].extent[1];
    const memory m = lay_out(w);
    for (int64_t b = 0; b < batch; b++) {
        const int64_t length = an_recurrent_length(w, GRU_LENGTHS, b, time);
        for (int64_t u = 0; u < m.units; u++)
            m.h[u] = an_recurrent_at(&w->in[GRU_H0], b * m.units + u);
        for (int64_t s = 0; s < length; s++)
            ref_step(w, b * time + (w->attrs->reverse ? length - 1 - s : s), &m);
        for (int64_t t = length; t < time; t++) ref_skip(w, b * time + t, m.units);
        for (int64_t u = 0; u < m.units; u++)
            an_put_wanted(&w->out[GRU_H], b * m.units + u, m.h[u]);
    }
}

/* ---- backward ---------------------------------------------------------- */

/* da, dq: gradients of x's sums and the state's; dh before and, summed up, after a step's. */
typedef struct grads {
    int64_t features, units, gates;
    double *dh, *next, *dreset, *h, *da, *dq;
    double *kernel, *recurrent;     /* transposed: [3H, D], [3H, H] */
    double *dkernel, *drecurrent, *dbias, *drecurrent_bias;
} grads;

int64_t an_gru_grad_ref_scratch(const an_work *w)
{
    const an_recurrent_cut cut = an_recurrent_measure_grad(w);
    int64_t bytes = 0;
    an_lay_out(&bytes, cut.units, 10, sizeof(double));
    an_lay_out(&bytes, cut.stacked + 1, cut.gates, 2 * sizeof(double));
    return bytes;
}

static void transpose(double *to, const an_tensor *from, int64_t rows, int64_t columns)
{
    for (int64_t i = 0; i < rows * columns; i++)
        to[i % columns * rows + i / columns] = an_recurrent_at(from, i);
}

static grads lay_out_grads(const an_work *w)
{
    const int64_t features = w->in[GRU_GRAD_X].extent[2];
    const int64_t units = w->in[GRU_GRAD_RECURRENT].extent[0];
    grads m = {.features = features, .units = units, .gates = 3 * units};
    m.dh = w->scratch;
    m.next = m.dh + units;
    m.dreset = m.next + units;
    m.h = m.dreset + units;
    m.da = m.h + units;
    m.dq = m.da + m.gates;
    m.kernel = m.dq + m.gates;
    m.recurrent = m.kernel + features * m.gates;
    m.dkernel = m.recurrent + units * m.gates;
    m.drecurrent = m.dkernel + features * m.gates;
    m.dbias = m.drecurrent + units * m.gates;
    m.drecurrent_bias = m.dbias + m.gates;
    transpose(m.kernel, &w->in[GRU_GRAD_KERNEL], features, m.gates);
    transpose(m.recurrent, &w->in[GRU_GRAD_RECURRENT], units, m.gates);
    for (double *p = m.dkernel; p < m.drecurrent_bias + m.gates; p++) *p = 0.0;
    return m;
}

/* From dh, the gradient of the step's result, to da, dq and, in dh, what reaches the state
 * before it. */
static void ref_gates(const an_work *w, int64_t p, const grads *m)
{
    const int64_t units = m->units;
    const bool after = w->attrs->reset_after;
    const an_tensor *gates = &w->in[GRU_GRAD_GATES];
    for (int64_t u = 0; u < units; u++) {
        const double z = an_recurrent_at(gates, p * 3 * units + u);
        const double r = an_recurrent_at(gates, (p * 3 + 1) * units + u);
        const double g = an_recurrent_at(gates, (p * 3 + 2) * units + u);
        const double dh = m->dh[u] + an_recurrent_at(&w->in[GRU_GRAD_DY], p * units + u);
        m->da[u] = dh * (m->h[u] - g) * z * (1.0 - z);
        m->da[2 * units + u] = dh * (1.0 - z) * (1.0 - g * g);
        m->dq[2 * units + u] = m->da[2 * units + u] * (after ? r : 1.0);
        m->next[u] = dh * z;
        m->dreset[u] = 0.0;
    }
    for (int64_t j = 2 * units; !after && j < 3 * units; j++)
        an_recurrent_add_scaled(m->dreset, m->dq[j], m->recurrent + j * units, units);
    for (int64_t u = 0; u < units; u++) {
        const double r = an_recurrent_at(gates, (p * 3 + 1) * units + u);
        const double dr = after ? m->da[2 * units + u] *
                                      an_recurrent_at(&w->in[GRU_GRAD_INNER], p * units + u)
                                : m->dreset[u] * m->h[u];
        m->da[units + u] = dr * r * (1.0 - r);
        if (!after) m->next[u] += m->dreset[u] * r;
        m->dq[u] = m->da[u];
        m->dq[units + u] = m->da[units + u];
    }
    for (int64_t j = 0; j < (after ? 3 : 2) * units; j++)
        an_recurrent_add_scaled(m->next, m->dq[j], m->recurrent + j * units, units);
    for (int64_t u = 0; u < units; u++) m->dh[u] = m->next[u];
}

/* Sends da to x, and both to the weights. */
static void ref_spread(const an_work *w, int64_t p, const grads *m)
{
    const int64_t units = m->units, features = m->features;
    for (int64_t k = 0; k < features; k++) {
        double dx = 0.0;
        for (int64_t j = 0; j < m->gates; j++) dx += m->da[j] * m->kernel[j * features + k];
        an_put_wanted(&w->out[GRU_GRAD_DX], p * features + k, dx);
        an_recurrent_add_scaled(m->dkernel + k * m->gates,
                                an_recurrent_at(&w->in[GRU_GRAD_X], p * features + k), m->da,
                                m->gates);
    }
    for (int64_t k = 0; k < units; k++) {
        const double met = w->attrs->reset_after /* by the candidate's columns */
                               ? m->h[k]
                               : an_recurrent_at(&w->in[GRU_GRAD_INNER], p * units + k);
        double *row = m->drecurrent + k * m->gates;
        an_recurrent_add_scaled(row, m->h[k], m->dq, 2 * units);
        an_recurrent_add_scaled(row + 2 * units, met, m->dq + 2 * units, units);
    }
    an_recurrent_add_scaled(m->dbias, 1.0, m->da, m->gates);
    an_recurrent_add_scaled(m->drecurrent_bias, 1.0, m->dq, m->gates);
}

static void ref_row(const an_work *w, int64_t b, const grads *m)
{
    const int64_t time = w->in[GRU_GRAD_X].extent[1], units = m->units;
    const bool reverse = w->attrs->reverse;
    const int64_t length = an_recurrent_length(w, GRU_GRAD_LENGTHS, b, time);
    for (int64_t u = 0; u < units; u++)
        m->dh[u] = an_recurrent_at(&w->in[GRU_GRAD_DH], b * units + u);
    for (int64_t s = length - 1; s >= 0; s--) {
        const int64_t p = b * time + (reverse ? length - 1 - s : s);
        const int64_t earlier = reverse ? p + 1 : p - 1;
        for (int64_t u = 0; u < units; u++)
            m->h[u] = s == 0 ? an_recurrent_at(&w->in[GRU_GRAD_H0], b * units + u)
                             : an_recurrent_at(&w->in[GRU_GRAD_Y], earlier * units + u);
        ref_gates(w, p, m);
        ref_spread(w, p, m);
    }
    for (int64_t i = length * m->features; i < time * m->features; i++)
        an_put_wanted(&w->out[GRU_GRAD_DX], b * time * m->features + i, 0.0);
    for (int64_t u = 0; u < units; u++)
        an_put_wanted(&w->out[GRU_GRAD_DH0], b * units + u, m->dh[u]);
}

void an_gru_grad_ref(const an_work *w)
{
    const int64_t batch = w->in[GRU_GRAD_X].extent[0];
    const grads m = lay_out_grads(w);
    for (int64_t b = 0; b < batch; b++) ref_row(w, b, &m);
    for (int64_t i = 0; i < m.features * m.gates; i++)
        an_put_wanted(&w->out[GRU_GRAD_DKERNEL], i, m.dkernel[i]);
    for (int64_t i = 0; i < m.units * m.gates; i++)
        an_put_wanted(&w->out[GRU_GRAD_DRECURRENT], i, m.drecurrent[i]);
    for (int64_t j = 0; j < m.gates; j++) {
        an_put_wanted(&w->out[GRU_GRAD_DBIAS], j, m.dbias[j]);
        an_put_wanted(&w->out[GRU_GRAD_DRECURRENT_BIAS], j, m.drecurrent_bias[j]);
    }
}
