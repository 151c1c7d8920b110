/* draw.c -- numbers drawn from a key.
 *
 *   random_uniform    y_i = low + (high - low) u_i,  u_i = (d_i + 1/2) / 2^32, below high
 *   random_normal     mean + deviation sqrt(-2 ln u_i) cos(2 pi v_i)
 *   random_bernoulli  whether u_i < probability
 *
 * d_i is the 32-bit draw of element i from (seed, step, stream), as dropout's is; for f64 it has
 * 53 bits. So the ops are pure: the same key and stream are the same numbers, whatever the threads,
 * the instruction set or the order, and nothing is stored. u is never 0, so that its logarithm is
 * finite: f32 normals reach 6.7 deviations, f64 ones 8.6.
 *
 * Only random_uniform is an op. The others are made of it: logarithm and cosine are vectors of
 * fixed arithmetic already, and what is drawn is drawn anew wherever it is needed. v is of another
 * stream.
 *
 * G. Box, M. Muller, "A note on the generation of random normal deviates", 1958.  */
#include "core/random.h"
#include "ops/access.h"
#include "ops/op.h"

#include <math.h>

#define UNIT 8192
#define CHUNK 1024 /* draws made at a time, on the stack */
#define ANGLES 0x9e3779b9u /* tells v's stream from u's; neighbouring streams stay apart */

static an_status uniform_infer(const an_infer *q, an_type out[])
{
    const double low = q->attrs->low, high = q->attrs->high;
    an_status s = an_want_key(q, 0);
    if (s == AN_OK) s = an_want_shape(q, &q->attrs->shape);
    if (s != AN_OK) return s;
    if (!an_dtype_is_float(q->attrs->dtype))
        return an_refuse(q, AN_E_DTYPE, "what is drawn must be f32 or f64, not %s",
                         an_dtype_name(q->attrs->dtype));
    if (!(low <= high && isfinite(high - low)))
        return an_refuse(q, AN_E_ATTRIBUTE, "%g to %g is no finite range", low, high);
    out[0] = (an_type){q->attrs->dtype, q->attrs->shape};
    return AN_OK;
}

static an_stream stream_of(const an_work *w)
{
    const int64_t *key = w->in[0].data;
    return (an_stream){(uint64_t)key[0], (uint64_t)key[1], w->attrs->stream};
}

static int64_t uniform_units(const an_work *w)
{
    const int64_t n = w->out[0].data ? an_elements(&w->out[0]) : 0;
    return n / UNIT + (n % UNIT != 0);
}

static void uniform_run(const an_work *w, int64_t begin, int64_t end)
{
    const int64_t count = an_elements(&w->out[0]);
    const int64_t last = end * UNIT < count ? end * UNIT : count;
    const an_stream stream = stream_of(w);
    const double low = w->attrs->low, step = (w->attrs->high - low) * 0x1p-32;
    const float most = nextafterf((float)w->attrs->high, (float)low);
    uint32_t draw[CHUNK];
    for (int64_t first = begin * UNIT; first < last; first += CHUNK) {
        const int64_t n = last - first < CHUNK ? last - first : CHUNK;
        float *y = (float *)w->out[0].data + first;
        an_random_bits(&stream, first, n, draw);
        for (int64_t i = 0; i < n; i++) {
            const float u = (float)(low + step * ((double)draw[i] + 0.5));
            y[i] = u < most ? u : most;
        }
    }
}

/* What is f32 in the graph is drawn as f32 even if y is not, so that f64 can be its oracle. */
static void uniform_ref(const an_work *w)
{
    const an_tensor *y = &w->out[0];
    const int64_t count = y->data ? an_elements(y) : 0;
    const an_stream stream = stream_of(w);
    const double low = w->attrs->low, range = w->attrs->high - low;
    for (int64_t i = 0; i < count; i++) {
        const double u = w->attrs->dtype == AN_F64
                             ? an_draw_uniform(&stream, i) + 0x1p-54
                             : ((double)an_random_bits_at(&stream, i) + 0.5) / 4294967296.0;
        const double v = low + range * u;
        const double most = y->dtype == AN_F32
                                ? (double)nextafterf((float)w->attrs->high, (float)low)
                                : nextafter(w->attrs->high, low);
        an_put(y, i, v);
        if (!(an_get(y, i) < most)) an_put(y, i, most);
    }
}

const an_op_rules an_rules_random_uniform = {
    .infer = uniform_infer,
    .no_grad = "a draw depends on nothing that a loss can change",
    .constant_in = 1u,
    .stages = {{uniform_units, uniform_run}},
    .ref = uniform_ref,
};

/* ---- builders ---------------------------------------------------------- */

an_value an_random_uniform_keyed_at(an_at at, an_value key, uint32_t stream, an_dtype dtype,
                                    an_shape shape, double low, double high)
{
    const an_attrs attrs = {.dtype = dtype, .shape = shape, .stream = stream, .low = low,
                            .high = high};
    return an_emit(at, AN_OP_random_uniform, &key, 1, &attrs);
}

an_value an_random_normal_keyed_at(an_at at, an_value key, uint32_t stream, an_dtype dtype,
                                   an_shape shape, double mean, double deviation)
{
    if (key.graph && !(isfinite(mean) && deviation >= 0 && isfinite(deviation))) {
        an_reject(at, key.graph, AN_E_ATTRIBUTE,
                  "random_normal: mean %g must be finite, deviation %g finite and at least 0", mean,
                  deviation);
        return (an_value){key.graph, 0};
    }
    const an_value u = an_random_uniform_keyed_at(at, key, stream, dtype, shape, 0, 1);
    const an_value v = an_random_uniform_keyed_at(at, key, stream ^ ANGLES, dtype, shape, 0,
                                                  6.283185307179586);
    const an_value radius = an_sqrt_at(at, an_scale_at(at, an_log_at(at, u), -2));
    const an_value normal = an_mul_at(at, radius, an_cos_at(at, v));
    const an_value wide = deviation == 1 ? normal : an_scale_at(at, normal, deviation);
    return mean == 0 ? wide : an_add_at(at, wide, an_number_at(at, wide, mean));
}

an_value an_random_bernoulli_keyed_at(an_at at, an_value key, uint32_t stream, an_shape shape,
                                      double probability)
{
    if (key.graph && !(probability >= 0 && probability <= 1)) {
        an_reject(at, key.graph, AN_E_ATTRIBUTE,
                  "random_bernoulli: probability %g is not in 0 .. 1", probability);
        return (an_value){key.graph, 0};
    }
    const an_value u = an_random_uniform_keyed_at(at, key, stream, AN_F32, shape, 0, 1);
    return an_compare_at(at, u, AN_LT, an_number_at(at, u, (double)(float)probability));
}

an_value an_random_uniform_at(an_at at, an_graph *g, an_dtype dtype, an_shape shape, double low,
                              double high)
{
    return an_random_uniform_keyed_at(at, an_random_key(at, g), an_new_stream(at, g), dtype, shape,
                                      low, high);
}

an_value an_random_normal_at(an_at at, an_graph *g, an_dtype dtype, an_shape shape, double mean,
                             double deviation)
{
    return an_random_normal_keyed_at(at, an_random_key(at, g), an_new_stream(at, g), dtype, shape,
                                     mean, deviation);
}

an_value an_random_bernoulli_at(an_at at, an_graph *g, an_shape shape, double probability)
{
    return an_random_bernoulli_keyed_at(at, an_random_key(at, g), an_new_stream(at, g), shape,
                                        probability);
}
