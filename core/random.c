/* random.c -- Philox 4x32-10 as a pure function of (seed, step, stream, index).
 *
 * One draw goes through Random123's own header, which is the oracle; many draws
 * go through the same ten rounds written for sixteen blocks at a time. Both give
 * the same bits, and a test holds them to it.                                */
#include "core/random.h"

#include <math.h>
#include <string.h>

#include <Random123/philox.h>

#include "core/runtime.h"

/* ---- one block --------------------------------------------------------- */

static philox4x32_ctr_t counter_of(const an_stream *s, uint64_t block)
{
    const uint32_t high = (uint32_t)(block >> 32 & 0xffff) | (uint32_t)(s->step >> 32) << 16;
    return (philox4x32_ctr_t){{(uint32_t)block, high, (uint32_t)s->step, s->stream}};
}

static philox4x32_key_t key_of(const an_stream *s)
{
    return (philox4x32_key_t){{(uint32_t)s->seed, (uint32_t)(s->seed >> 32)}};
}

uint32_t an_random_bits_at(const an_stream *s, int64_t index)
{
    if (!s) return 0;
    const uint64_t i = (uint64_t)index;
    return philox4x32(counter_of(s, i / 4), key_of(s)).v[i % 4];
}

/* ---- many blocks ------------------------------------------------------- */

/* Blocks at a time: so many that gcc turns the loops into vector code instead of
 * unrolling them away. */
#define BATCH 64

/* The draws of BATCH blocks from `block` on. Plain loops over lanes, in a shape that
 * gcc and clang turn into widening vector multiplications. */
static inline __attribute__((always_inline)) void draw_batch(const an_stream *s, uint64_t block,
                                                             uint32_t out[4 * BATCH])
{
    uint32_t c0[BATCH], c1[BATCH], c2[BATCH], c3[BATCH];
    uint32_t k0 = (uint32_t)s->seed, k1 = (uint32_t)(s->seed >> 32);
    for (int i = 0; i < BATCH; i++) {
        const uint64_t b = block + (uint64_t)i;
        c0[i] = (uint32_t)b;
        c1[i] = (uint32_t)(b >> 32 & 0xffff) | (uint32_t)(s->step >> 32) << 16;
        c2[i] = (uint32_t)s->step;
        c3[i] = s->stream;
    }
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < BATCH; i++) {
            const uint64_t p = (uint64_t)c0[i] * PHILOX_M4x32_0;
            const uint64_t q = (uint64_t)c2[i] * PHILOX_M4x32_1;
            c0[i] = (uint32_t)(q >> 32) ^ c1[i] ^ k0;
            c1[i] = (uint32_t)q;
            c2[i] = (uint32_t)(p >> 32) ^ c3[i] ^ k1;
            c3[i] = (uint32_t)p;
        }
        k0 += PHILOX_W32_0;
        k1 += PHILOX_W32_1;
    }
    for (int i = 0; i < BATCH; i++) {
        out[4 * i] = c0[i];
        out[4 * i + 1] = c1[i];
        out[4 * i + 2] = c2[i];
        out[4 * i + 3] = c3[i];
    }
}

/* The loop over whole batches, once per instruction set: integers give the same
 * bits on all of them. `target` on each copy, not target_clones, whose resolvers
 * crash under ThreadSanitizer. */
#define DRAW_BATCHES(suffix, target)                                                               \
    target static void draw_batches_##suffix(const an_stream *s, uint64_t block, int64_t batches,  \
                                             uint32_t *out)                                        \
    {                                                                                              \
        for (int64_t i = 0; i < batches; i++)                                                      \
            draw_batch(s, block + BATCH * (uint64_t)i, out + 4 * BATCH * i);                       \
    }

DRAW_BATCHES(base, )
#if defined(__x86_64__)
DRAW_BATCHES(avx2, __attribute__((target("avx2"))))
DRAW_BATCHES(avx512, __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq"))))
#endif

static void draw_batches(const an_stream *s, uint64_t block, int64_t batches, uint32_t *out)
{
    switch (an_runtime_isa()) {
#if defined(__x86_64__)
    case AN_ISA_AVX512: draw_batches_avx512(s, block, batches, out); return;
    case AN_ISA_AVX2: draw_batches_avx2(s, block, batches, out); return;
#endif
    default: draw_batches_base(s, block, batches, out); return;
    }
}

void an_random_bits(const an_stream *s, int64_t first, int64_t count, uint32_t *out)
{
    if (!s || !out || first < 0) return;
    int64_t done = 0;
    while (done < count && (first + done) % 4 != 0) { /* up to the first whole block */
        out[done] = an_random_bits_at(s, first + done);
        done++;
    }
    const int64_t batches = (count - done) / (4 * BATCH);
    if (batches > 0) draw_batches(s, (uint64_t)(first + done) / 4, batches, out + done);
    if (batches > 0) done += 4 * BATCH * batches;
    if (count - done >= BATCH) {
        uint32_t last[4 * BATCH];
        draw_batches(s, (uint64_t)(first + done) / 4, 1, last);
        memcpy(out + done, last, (size_t)(count - done) * sizeof *last);
        return;
    }
    for (; done < count; done++) out[done] = an_random_bits_at(s, first + done);
}

/* ---- numbers ----------------------------------------------------------- */

/* Two words of the stream for number `index`: draws 2*index and 2*index+1. */
static uint64_t wide_bits(const an_stream *s, int64_t index)
{
    const uint64_t i = (uint64_t)index * 2;
    const philox4x32_ctr_t words = philox4x32(counter_of(s, i / 4), key_of(s));
    return (uint64_t)words.v[i % 4] << 32 | words.v[i % 4 + 1];
}

double an_draw_uniform(const an_stream *s, int64_t index)
{
    return s ? (double)(wide_bits(s, index) >> 11) * 0x1p-53 : 0;
}

/* Box-Muller: radius from one draw, angle from the next. 1 - u is in (0, 1], so
 * the logarithm is finite. */
double an_draw_normal(const an_stream *s, int64_t index)
{
    const double radius = sqrt(-2 * log(1 - an_draw_uniform(s, 2 * index)));
    const double turn = 6.283185307179586 * an_draw_uniform(s, 2 * index + 1);
    return radius * cos(turn);
}

/* ---- hashes ------------------------------------------------------------ */

/* The finaliser of SplitMix64: every input bit reaches every output bit. */
static uint64_t mix(uint64_t z)
{
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint64_t an_hash_bytes(const void *data, int64_t size, uint64_t seed)
{
    const unsigned char *bytes = data;
    uint64_t hash = mix(seed ^ (uint64_t)size * 0x9e3779b97f4a7c15u);
    for (int64_t i = 0; bytes && i < size; i += 8) {
        uint64_t word = 0; /* little-endian whatever the machine: hashes are stored in files */
        if (i + 8 <= size)
            for (int k = 0; k < 8; k++) word |= (uint64_t)bytes[i + k] << 8 * k; /* one load */
        else
            for (int64_t k = 0; i + k < size; k++) word |= (uint64_t)bytes[i + k] << 8 * k;
        hash = mix((hash ^ word) + 0x9e3779b97f4a7c15u);
    }
    return hash;
}

uint64_t an_hash_string(const char *text)
{
    return an_hash_bytes(text, text ? (int64_t)strlen(text) : 0, 0);
}
