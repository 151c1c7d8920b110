/* step.c -- optimizer steps in one sweep: each tensor is read and written once.
 *
 * in[] and out[] are the op's tensor operands and results in table order, from
 * the first element of the unit. An out may be an in (every vector is loaded
 * before any is stored) or NULL, which is skipped.                           */
#include "core/simd.h"
#include "ops/kernels/kernels.h"

AN_INLINE an_v load(const float *p, int64_t left)
{
    return an_v_load_part(p, left, 0.0f);
}

AN_INLINE void store(float *p, int64_t i, int64_t left, an_v v)
{
    if (p) an_v_store_part(p + i, left, v);
}

#define BLOCK 1024

/* The squares of a block round before they are added, by 64 chains: as sum_row adds what `square`
 * wrote. */
AN_INLINE float squares_block(const float *x, int64_t count)
{
    an_v sum[4] = {{0}, {0}, {0}, {0}};
    int64_t i = 0;
    for (; i + 4 * AN_LANES <= count; i += 4 * AN_LANES)
        for (int k = 0; k < 4; k++) {
            const an_v v = an_v_load(x + i + k * AN_LANES);
            sum[k] += v * v;
        }
    for (; i + AN_LANES <= count; i += AN_LANES) sum[0] += an_v_load(x + i) * an_v_load(x + i);
    if (i < count) {
        const an_v v = an_v_load_n(x + i, count - i, 0);
        sum[1] += v * v;
    }
    return an_v_sum((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

double AN_ISA(squares_row)(const float *x, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i += BLOCK)
        sum += (double)squares_block(x + i, count - i < BLOCK ? count - i : BLOCK);
    return sum;
}

/* p - amount * p; an infinite parameter without decay must not become NaN. */
AN_INLINE an_v shrink(an_v p, float amount)
{
    return amount == 0 ? p : an_v_fma(an_v_set(-amount), p, p);
}

void AN_ISA(sgd_step)(const an_step *s, int64_t n, const float *const in[], float *const out[])
{
    const an_v scale = an_v_set(s->scale), rate = an_v_set(-s->rate), decay = an_v_set(s->decay);
    for (int64_t i = 0; i < n; i += AN_LANES) {
        const an_v p = load(in[0] + i, n - i);
        const an_v g = load(in[1] + i, n - i) * scale;
        const an_v whole = s->decay == 0 ? g : an_v_fma(decay, p, g);
        store(out[0], i, n - i, an_v_fma(rate, whole, p));
    }
}

void AN_ISA(momentum_step)(const an_step *s, int64_t n, const float *const in[],
                           float *const out[])
{
    const an_v scale = an_v_set(s->scale), rate = an_v_set(-s->rate);
    const an_v momentum = an_v_set(s->momentum);
    for (int64_t i = 0; i < n; i += AN_LANES) {
        const an_v p = shrink(load(in[0] + i, n - i), s->decay);
        const an_v move = load(in[1] + i, n - i) * scale * rate;
        const an_v v = an_v_fma(momentum, load(in[2] + i, n - i), move);
        store(out[0], i, n - i, p + (s->nesterov ? an_v_fma(momentum, v, move) : v));
        store(out[1], i, n - i, v);
    }
}

void AN_ISA(adam_step)(const an_step *s, int64_t n, const float *const in[], float *const out[])
{
    const an_v scale = an_v_set(s->scale), alpha = an_v_set(s->alpha), eps = an_v_set(s->eps);
    const an_v beta1 = an_v_set(s->beta1), rest1 = an_v_set(s->rest1);
    const an_v beta2 = an_v_set(s->beta2), rest2 = an_v_set(s->rest2);
    for (int64_t i = 0; i < n; i += AN_LANES) {
        const an_v p = shrink(load(in[0] + i, n - i), s->decay);
        const an_v g = load(in[1] + i, n - i) * scale;
        const an_v m = an_v_fma(beta1, load(in[2] + i, n - i), rest1 * g);
        const an_v v = an_v_fma(beta2, load(in[3] + i, n - i), rest2 * (g * g));
        store(out[0], i, n - i, p - alpha * m / (an_v_sqrt(v) + eps));
        store(out[1], i, n - i, m);
        store(out[2], i, n - i, v);
    }
}

/* What a gradient is divided by: the root of its spread and eps. */
AN_INLINE an_v root(const an_step *s, an_v spread)
{
    const an_v eps = an_v_set(s->eps);
    return s->outside ? an_v_sqrt(spread) + eps : an_v_sqrt(spread + eps);
}

/* in[3], the mean, and in[4], the velocity, may be NULL. */
void AN_ISA(rmsprop_step)(const an_step *s, int64_t n, const float *const in[],
                          float *const out[])
{
    const an_v scale = an_v_set(s->scale), rate = an_v_set(s->rate), zero = {0};
    const an_v rho = an_v_set(s->rho), rest = an_v_set(s->rest);
    const an_v momentum = an_v_set(s->momentum);
    for (int64_t i = 0; i < n; i += AN_LANES) {
        const an_v p = shrink(load(in[0] + i, n - i), s->decay);
        const an_v g = load(in[1] + i, n - i) * scale;
        const an_v v = an_v_fma(rho, load(in[2] + i, n - i), rest * (g * g));
        const an_v mean = in[3] ? an_v_fma(rho, load(in[3] + i, n - i), rest * g) : rest * g;
        const an_v spread = in[3] ? an_v_max(v - mean * mean, zero) : v;
        const an_v move = rate * g / root(s, spread);
        const an_v u = in[4] ? an_v_fma(momentum, load(in[4] + i, n - i), move) : move;
        store(out[0], i, n - i, p - u);
        store(out[1], i, n - i, v);
        store(out[2], i, n - i, mean);
        store(out[3], i, n - i, u);
    }
}

void AN_ISA(adagrad_step)(const an_step *s, int64_t n, const float *const in[],
                          float *const out[])
{
    const an_v scale = an_v_set(s->scale), rate = an_v_set(s->rate);
    for (int64_t i = 0; i < n; i += AN_LANES) {
        const an_v p = shrink(load(in[0] + i, n - i), s->decay);
        const an_v g = load(in[1] + i, n - i) * scale;
        const an_v sum = an_v_fma(g, g, load(in[2] + i, n - i));
        store(out[0], i, n - i, p - rate * g / root(s, sum));
        store(out[1], i, n - i, sum);
    }
}

void AN_ISA(sum_step)(const an_step *s, int64_t n, const float *const in[], float *const out[])
{
    for (int64_t i = 0; i < n; i += AN_LANES) {
        const an_v g = load(in[1] + i, n - i);
        store(out[0], i, n - i, s->first ? g : load(in[0] + i, n - i) + g);
    }
}

void AN_ISA(average_step)(const an_step *s, int64_t n, const float *const in[],
                          float *const out[])
{
    const an_v share = an_v_set(s->rate);
    for (int64_t i = 0; i < n; i += AN_LANES) {
        const an_v average = load(in[0] + i, n - i);
        store(out[0], i, n - i, an_v_fma(share, load(in[1] + i, n - i) - average, average));
    }
}

/* Added to an exponent of all ones, which infinities and NaN have, a one carries into the sign. */
AN_INLINE an_vu carry(an_v x)
{
    const an_vu magnitude = (an_vu)x & (an_vu)an_vi_set(0x7fffffff);
    return magnitude + (an_vu)an_vi_set(0x00800000);
}

bool AN_ISA(all_finite)(int64_t n, const float *x)
{
    an_vu a = {0}, b = {0};
    int64_t i = 0;
    for (; i + 2 * AN_LANES <= n; i += 2 * AN_LANES) {
        a |= carry(an_v_load(x + i));
        b |= carry(an_v_load(x + i + AN_LANES));
    }
    for (; i < n; i += AN_LANES) a |= carry(load(x + i, n - i));
    a |= b;
    uint32_t sign = 0;
    for (int k = 0; k < AN_LANES; k++) sign |= a[k];
    return !(sign >> 31);
}
