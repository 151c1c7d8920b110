/* sha256.c -- SHA-256 (FIPS 180-4), to tell whether two sets of weights are equal.
 *
 * Not for secrets: it is plain C whose speed (some 300 MB/s) and timing were
 * given no thought. Words are big-endian whatever the machine.               */
#include "frontends/formats/sha256.h"

#include <string.h>

/* The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
static const uint32_t round_constant[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

/* The same of the square roots of the first eight primes. */
static const uint32_t first_state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

static uint32_t rotate(uint32_t x, int by)
{
    return x >> by | x << (32 - by);
}

static uint32_t read_word(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The message schedule W of FIPS 180-4, 6.2.2, step 1. */
static void schedule(const uint8_t *block, uint32_t w[64])
{
    for (int t = 0; t < 16; t++) w[t] = read_word(block + 4 * t);
    for (int t = 16; t < 64; t++) {
        const uint32_t a = w[t - 15], b = w[t - 2];
        const uint32_t s0 = rotate(a, 7) ^ rotate(a, 18) ^ a >> 3;
        const uint32_t s1 = rotate(b, 17) ^ rotate(b, 19) ^ b >> 10;
        w[t] = w[t - 16] + s0 + w[t - 7] + s1;
    }
}

/* Steps 2 to 4: v holds a .. h. */
static void compress(uint32_t state[8], const uint8_t *block)
{
    uint32_t w[64], v[8];
    schedule(block, w);
    memcpy(v, state, sizeof v);
    for (int t = 0; t < 64; t++) {
        const uint32_t a = v[0], e = v[4];
        const uint32_t s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
        const uint32_t choice = (e & v[5]) ^ (~e & v[6]);
        const uint32_t t1 = v[7] + s1 + choice + round_constant[t] + w[t];
        const uint32_t s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
        const uint32_t majority = (a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]);
        memmove(v + 1, v, 7 * sizeof v[0]);
        v[4] += t1;
        v[0] = t1 + s0 + majority;
    }
    for (int i = 0; i < 8; i++) state[i] += v[i];
}

void an_sha256_begin(an_sha256 *h)
{
    memset(h, 0, sizeof *h);
    memcpy(h->state, first_state, sizeof h->state);
}

void an_sha256_add(an_sha256 *h, const void *bytes, int64_t count)
{
    const uint8_t *p = bytes;
    while (count > 0) {
        const int64_t held = (int64_t)(h->length % 64);
        if (held == 0 && count >= 64) { /* no need to copy */
            compress(h->state, p);
            h->length += 64;
            p += 64;
            count -= 64;
            continue;
        }
        const int64_t taken = count < 64 - held ? count : 64 - held;
        memcpy(h->block + held, p, (size_t)taken);
        h->length += (uint64_t)taken;
        p += taken;
        count -= taken;
        if (h->length % 64 == 0) compress(h->state, h->block);
    }
}

void an_sha256_end(an_sha256 *h, char hex[AN_SHA256_HEX])
{
    static const char digit[] = "0123456789abcdef";
    const uint64_t bits = 8 * h->length;
    uint8_t size[8];
    for (int i = 0; i < 8; i++) size[i] = (uint8_t)(bits >> (56 - 8 * i));
    an_sha256_add(h, "\x80", 1);
    while (h->length % 64 != 56) an_sha256_add(h, "", 1);
    an_sha256_add(h, size, 8);
    for (int i = 0; i < 64; i++) hex[i] = digit[h->state[i / 8] >> (28 - 4 * (i % 8)) & 15];
    hex[64] = 0;
}
