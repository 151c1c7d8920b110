/* random.c -- Philox 4x32-10 as a pure function of (seed, step, stream, index).
 *
 * One draw goes through Random123's own header, which is the oracle; many draws
 * go through the same ten rounds written for sixteen blocks at a time. Both give
 * the same bits, and a test holds them to it.                                */
#include "core/random.h"

#include <math.h>
#include <string.h>

#include <Random123/philox.h>

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

void an_random_bits(const an_stream *s, int64_t first, int64_t count, uint32_t *out)
{
    if (!s || !out) return;
    for (int64_t i = 0; i < count; i++) out[i] = an_random_bits_at(s, first + i);
}

/* ---- numbers ----------------------------------------------------------- */

/* Two words of the stream for number `index`: draws 2*index and 2*index+1. */
static uint64_t wide_bits(const an_stream *s, int64_t index)
{
    const uint64_t i = (uint64_t)index * 2;
    const philox4x32_ctr_t words = philox4x32(counter_of(s, i / 4), key_of(s));
    return (uint64_t)words.v[i % 4] << 32 | words.v[i % 4 + 1];
}

double an_random_uniform(const an_stream *s, int64_t index)
{
    return s ? (double)(wide_bits(s, index) >> 11) * 0x1p-53 : 0;
}

/* Box-Muller: radius from one draw, angle from the next. 1 - u is in (0, 1], so
 * the logarithm is finite. */
double an_random_normal(const an_stream *s, int64_t index)
{
    const double radius = sqrt(-2 * log(1 - an_random_uniform(s, 2 * index)));
    const double turn = 6.283185307179586 * an_random_uniform(s, 2 * index + 1);
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
        for (int64_t k = 0; k < 8 && i + k < size; k++) word |= (uint64_t)bytes[i + k] << 8 * k;
        hash = mix((hash ^ word) + 0x9e3779b97f4a7c15u);
    }
    return hash;
}

uint64_t an_hash_string(const char *text)
{
    return an_hash_bytes(text, text ? (int64_t)strlen(text) : 0, 0);
}
