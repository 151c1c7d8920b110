/* dropout.c -- dropout.
 *
 *   y_i = x_i / (1 - rate) where d_i >= rate * 2^32, else 0
 *
 * d_i is the 32-bit draw of element i from (seed, step, stream); where x is told to be the rows
 * of a larger one from some row on, i counts from the larger one's first element. The mask is never
 * stored: since a draw depends on nothing else, the gradient is dropout of dy with
 * the same key and stream, and any pass may recompute it. Comparing integers keeps
 * the mask the same in f32 and f64. The factor 1 / (1 - rate) is rounded to the
 * element type, then each product once. A dropped NaN is gone.
 *
 * Srivastava et al., "Dropout: a simple way to prevent neural networks from
 * overfitting", 2014.                                                        */
#include "core/random.h"
#include "ops/access.h"
#include "ops/kernels/kernels.h"
#include "ops/op.h"

#define UNIT 8192
#define CHUNK 1024 /* draws made at a time, on the stack */

static an_status dropout_infer(const an_infer *q, an_type out[])
{
    const an_status s = an_want_key(q, 1);
    if (s != AN_OK) return s;
    const an_type *row = &q->in[2];
    if (q->present[2] && (row->dtype != AN_I64 || row->shape.rank != 0))
        return an_refuse(q, AN_E_DTYPE, "row must be an i64 scalar, the number of x's first row");
    const float rate = q->attrs->rate;
    if (!(rate >= 0 && rate < 1)) {
        an_refuse(q, AN_E_ATTRIBUTE, "rate %g is outside [0, 1)", (double)rate);
        return an_hint(q, AN_E_ATTRIBUTE, "rate is the fraction dropped, not the fraction kept");
    }
    out[0] = q->in[0];
    return AN_OK;
}

static void dropout_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    dx[0] = an_dropout_rows(dy[0], c->in[1], c->in[2], c->attrs->rate, c->attrs->stream);
}

static void dropout_inference(const an_call *c, an_value out[])
{
    out[0] = c->in[0];
}

/* ---- kernels ----------------------------------------------------------- */

static an_stream stream_of(const an_work *w)
{
    const int64_t *key = w->in[1].data;
    return (an_stream){(uint64_t)key[0], (uint64_t)key[1], w->attrs->stream};
}

/* Exact: a float below 1 is at most 1 - 2^-24. */
static uint32_t threshold_of(float rate)
{
    return (uint32_t)((double)rate * 4294967296.0);
}

/* Of element 0 of x. Any row will do: what is beyond 2^64 elements begins anew. */
static int64_t first_of(const an_work *w)
{
    const an_tensor *x = &w->in[0], *row = &w->in[2];
    if (!row->data || x->rank == 0 || x->extent[0] == 0) return 0;
    const uint64_t width = (uint64_t)(an_tensor_count(x) / x->extent[0]);
    return (int64_t)(width * (uint64_t)*(const int64_t *)row->data);
}

static int64_t dropout_units(const an_work *w)
{
    const int64_t n = w->out[0].data ? an_tensor_count(&w->out[0]) : 0;
    return n / UNIT + (n % UNIT != 0);
}

static void run_f64(const an_work *w, int64_t first, int64_t n, const uint32_t *draw)
{
    const double *x = (const double *)w->in[0].data + first;
    double *y = (double *)w->out[0].data + first;
    const double scale = 1 / (1 - (double)w->attrs->rate);
    const uint32_t threshold = threshold_of(w->attrs->rate);
    for (int64_t i = 0; i < n; i++) y[i] = draw[i] >= threshold ? x[i] * scale : 0;
}

static void dropout_run(const an_work *w, int64_t begin, int64_t end)
{
    const int64_t count = an_tensor_count(&w->out[0]);
    const int64_t last = end * UNIT < count ? end * UNIT : count;
    const an_stream stream = stream_of(w);
    const int64_t skipped = first_of(w);
    uint32_t draw[CHUNK];
    for (int64_t first = begin * UNIT; first < last; first += CHUNK) {
        const int64_t n = last - first < CHUNK ? last - first : CHUNK;
        an_random_bits(&stream, skipped + first, n, draw);
        if (w->out[0].dtype == AN_F64) {
            run_f64(w, first, n, draw);
            continue;
        }
        w->kernels->dropout(n, (const float *)w->in[0].data + first, draw,
                            threshold_of(w->attrs->rate),
                            (float)(1 / (1 - (double)w->attrs->rate)),
                            (float *)w->out[0].data + first);
    }
}

static void dropout_ref(const an_work *w)
{
    const an_tensor *x = &w->in[0], *y = &w->out[0];
    if (!y->data) return;
    const an_stream stream = stream_of(w);
    const double limit = (double)w->attrs->rate * 4294967296.0;
    double scale = 1 / (1 - (double)w->attrs->rate);
    if (y->dtype == AN_F32) scale = (double)(float)scale;
    for (int64_t i = 0; i < an_elements(y); i++) {
        const bool kept = (double)an_random_bits_at(&stream, first_of(w) + i) >= limit;
        an_put(y, i, kept ? an_get(x, i) * scale : 0);
    }
}

/* ---- builders ---------------------------------------------------------- */

an_value an_dropout_rows_at(an_at at, an_value x, an_value key, an_value row, double rate,
                            uint32_t stream)
{
    const an_attrs attrs = {.rate = an_narrow(at, x, "dropout: rate", rate), .stream = stream};
    return an_emit(at, AN_OP_dropout, (an_value[]){x, key, row}, 3, &attrs);
}

an_value an_dropout_keyed_at(an_at at, an_value x, an_value key, double rate, uint32_t stream)
{
    return an_dropout_rows_at(at, x, key, AN_NONE, rate, stream);
}

an_value an_dropout_at(an_at at, an_value x, double rate)
{
    if (an_is_missing(x)) return (an_value){x.graph, 0};
    if (rate == 0) return x; /* and no key, which would be a state for nothing */
    const an_value key = an_random_key(at, x.graph);
    const uint32_t stream = an_new_stream(at, x.graph);
    return an_dropout_rows_at(at, x, key, an_first_row(x.graph), rate, stream);
}

const an_op_rules an_rules_dropout = {
    .floats = 1u,
    .infer = dropout_infer,
    .grad = dropout_grad,
    .constant_in = 1u << 1 | 1u << 2,
    .inference = dropout_inference,
    .stages = {{dropout_units, dropout_run}},
    .fast = AN_FAST_F32 | AN_FAST_F64,
    .ref = dropout_ref,
    .share = {1u << 0},
};
