/* initialise.c -- the first values of states.
 *
 * Element i of a state is a pure function of the store's seed, the state's name
 * and i: the same on every machine, for any number of threads, and whatever else
 * the graph holds. Variances, fans and the signs of orthogonal matrices follow
 * Keras, so that a model moved over from there starts alike.
 *
 *   Glorot & Bengio, "Understanding the difficulty of training deep feedforward
 *     neural networks", 2010: variance 2 / (in + out)
 *   He et al., "Delving deep into rectifiers", 2015: variance 2 / in
 *   Saxe et al., "Exact solutions to the nonlinear dynamics of learning in deep
 *     linear neural networks", 2014: orthogonal matrices                      */
#include "graph/run/store.h"

#include "core/pool.h"
#include "core/random.h"

#include <math.h>
#include <string.h>

/* an_tensor_set without its checks for the type that large states have. */
static void put(an_tensor *t, int64_t i, double value)
{
    if (t->dtype == AN_F32) ((float *)t->data)[i] = (float)value;
    else an_tensor_set(t, i, value);
}

/* ---- independent elements ---------------------------------------------- */

typedef enum draw_kind { DRAW_UNIFORM, DRAW_NORMAL, DRAW_TRUNCATED } draw_kind;

typedef struct draw {
    an_stream stream;
    an_tensor *t;
    int64_t count;
    draw_kind kind;
    double a, b; /* low and width, or mean and deviation */
} draw;

#define DRAW_BLOCK 1024 /* elements to a unit: two random words each, on the stack */
#define TRUNCATED_TRIES 32 /* each fails with probability 0.046 */

/* A standard normal number within two deviations: the first good one among
 * independent draws for this element. */
static double truncated(const draw *d, int64_t i)
{
    for (int64_t attempt = 0; attempt < TRUNCATED_TRIES; attempt++) {
        const double z = an_draw_normal(&d->stream, i * TRUNCATED_TRIES + attempt);
        if (fabs(z) <= 2) return z;
    }
    return 0;
}

/* The numbers of an_random_uniform, drawn many words at a time. */
static void draw_uniform(const draw *d, int64_t first, int64_t count)
{
    uint32_t words[2 * DRAW_BLOCK];
    an_random_bits(&d->stream, 2 * first, 2 * count, words);
    for (int64_t i = 0; i < count; i++) {
        const uint64_t wide = (uint64_t)words[2 * i] << 32 | words[2 * i + 1];
        put(d->t, first + i, d->a + d->b * ((double)(wide >> 11) * 0x1p-53));
    }
}

static void draw_blocks(void *context, int64_t begin, int64_t end)
{
    const draw *d = context;
    for (int64_t first = begin * DRAW_BLOCK; first < d->count && first < end * DRAW_BLOCK;
         first += DRAW_BLOCK) {
        const int64_t count = d->count - first < DRAW_BLOCK ? d->count - first : DRAW_BLOCK;
        if (d->kind == DRAW_UNIFORM) {
            draw_uniform(d, first, count);
            continue;
        }
        for (int64_t i = first; i < first + count; i++) {
            const double z = d->kind == DRAW_NORMAL ? an_draw_normal(&d->stream, i)
                                                    : truncated(d, i);
            put(d->t, i, d->a + d->b * z);
        }
    }
}

static void draw_all(draw_kind kind, const an_stream *stream, an_tensor *t, double a, double b)
{
    draw d = {*stream, t, an_tensor_count(t), kind, a, b};
    an_pool_run((d.count + DRAW_BLOCK - 1) / DRAW_BLOCK, draw_blocks, &d);
}

/* ---- fans -------------------------------------------------------------- */

typedef struct fans {
    double in, out;
} fans;

/* Axes before the last two are a window: they multiply both fans. Of a convolution's kernel those
 * behind the first two do, which are out and in. */
static fans fans_of(const an_tensor *t, bool out_first)
{
    const int r = t->rank;
    if (out_first && r >= 2) {
        double taps = 1;
        for (int i = 2; i < r; i++) taps *= (double)t->extent[i];
        return (fans){taps * (double)t->extent[1], taps * (double)t->extent[0]};
    }
    if (r == 0) return (fans){1, 1};
    if (r == 1) return (fans){(double)t->extent[0], (double)t->extent[0]};
    double window = 1;
    for (int i = 0; i < r - 2; i++) window *= (double)t->extent[i];
    return (fans){window * (double)t->extent[r - 2], window * (double)t->extent[r - 1]};
}

/* Draws with that variance. Cutting a normal distribution at two deviations
 * leaves 0.8796 of its deviation, which is made up for. */
static void draw_variance(draw_kind kind, const an_stream *stream, an_tensor *t, double variance)
{
    if (kind == DRAW_UNIFORM) {
        const double limit = sqrt(3 * variance);
        draw_all(kind, stream, t, -limit, 2 * limit);
    } else {
        draw_all(kind, stream, t, 0, sqrt(variance) / 0.87962566103423978);
    }
}

/* ---- orthogonal -------------------------------------------------------- */

/* Partial sums in eight fixed lanes: fast, and the same everywhere. */
static double dot(const double *a, const double *b, int64_t count)
{
    double lane[8] = {0};
    int64_t i = 0;
    for (; i + 8 <= count; i += 8)
        for (int k = 0; k < 8; k++) lane[k] += a[i + k] * b[i + k];
    for (int k = 0; i < count; i++, k++) lane[k] += a[i] * b[i];
    for (int k = 0; k < 4; k++) lane[k] += lane[k + 4];
    return (lane[0] + lane[2]) + (lane[1] + lane[3]);
}

static void remove_component(double *v, const double *unit, int64_t length)
{
    const double share = dot(v, unit, length);
    for (int64_t i = 0; i < length; i++) v[i] -= share * unit[i];
}

/* Makes `columns` vectors of `length` >= columns orthonormal by Gram-Schmidt, each
 * twice, which is enough for full precision (Giraud et al., 2005). It is the QR
 * factor whose R has a positive diagonal, the one Keras picks by sign. */
static void orthonormalise(double *v, int64_t columns, int64_t length)
{
    for (int64_t j = 0; j < columns; j++) {
        double *column = v + j * length;
        for (int pass = 0; pass < 2; pass++)
            for (int64_t k = 0; k < j; k++) remove_component(column, v + k * length, length);
        const double norm = sqrt(dot(column, column, length));
        for (int64_t i = 0; i < length; i++) column[i] = norm > 0 ? column[i] / norm : 0;
    }
}

/* As a matrix of all leading axes by the last: orthonormal columns, or rows if
 * there are more columns than rows. */
static an_status draw_orthogonal(const an_stream *stream, an_tensor *t, double gain)
{
    const int64_t count = an_tensor_count(t);
    if (count == 0) return AN_OK;
    const int64_t columns = t->rank > 0 ? t->extent[t->rank - 1] : 1, rows = count / columns;
    const int64_t vectors = rows < columns ? rows : columns, length = count / vectors;
    int64_t bytes;
    double *v = an_mul_size(count, (int64_t)sizeof *v, &bytes) ? an_alloc(bytes) : NULL;
    if (!v) return AN_E_MEMORY;
    for (int64_t j = 0; j < vectors; j++)
        for (int64_t i = 0; i < length; i++)
            v[j * length + i] = an_draw_normal(stream, i * vectors + j);
    orthonormalise(v, vectors, length);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < columns; c++) {
            const double q = rows < columns ? v[r * length + c] : v[c * length + r];
            put(t, r * columns + c, gain * q);
        }
    an_free(v);
    return AN_OK;
}

/* ---- all of them ------------------------------------------------------- */

static void fill(an_tensor *t, int64_t begin, int64_t end, double value)
{
    for (int64_t i = begin; i < end; i++) put(t, i, value);
}

static void set_key(an_tensor *t, uint64_t seed)
{
    fill(t, 0, an_tensor_count(t), 0);
    if (t->dtype == AN_I64 && an_tensor_count(t) > 0) *(int64_t *)t->data = (int64_t)seed;
}

an_status an_initialise(const an_init *init, const char *name, uint64_t seed, an_tensor *t)
{
    const uint64_t hash = an_hash_string(name);
    const an_stream stream = {.seed = seed, .step = hash >> 32, .stream = (uint32_t)hash};
    const int64_t count = an_tensor_count(t);
    const fans f = fans_of(t, init->a == 1); /* asked by Glorot and He alone */
    switch (init->kind) {
    case AN_INIT_ZEROS: memset(t->data, 0, (size_t)an_tensor_bytes(t)); break;
    case AN_INIT_CONSTANT: fill(t, 0, count, init->a); break;
    case AN_INIT_UNIFORM:
        draw_all(DRAW_UNIFORM, &stream, t, init->a, init->b - init->a);
        break;
    case AN_INIT_NORMAL: draw_all(DRAW_NORMAL, &stream, t, init->a, init->b); break;
    case AN_INIT_GLOROT_UNIFORM:
        draw_variance(DRAW_UNIFORM, &stream, t, 2 / (f.in + f.out));
        break;
    case AN_INIT_GLOROT_NORMAL:
        draw_variance(DRAW_TRUNCATED, &stream, t, 2 / (f.in + f.out));
        break;
    case AN_INIT_HE_UNIFORM: draw_variance(DRAW_UNIFORM, &stream, t, 2 / f.in); break;
    case AN_INIT_HE_NORMAL: draw_variance(DRAW_TRUNCATED, &stream, t, 2 / f.in); break;
    case AN_INIT_ORTHOGONAL: return draw_orthogonal(&stream, t, init->a == 0 ? 1 : init->a);
    case AN_INIT_FORGET_BIAS:
        fill(t, 0, count, 0);
        fill(t, count / 4, count / 2, 1);
        break;
    case AN_INIT_RANDOM_KEY: set_key(t, seed); break;
    }
    return AN_OK;
}
