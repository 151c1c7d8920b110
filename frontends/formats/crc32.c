/* crc32.c -- see crc32.h. Eight bytes at a time, as in Kounavis & Berry, "Novel table
 * lookup-based algorithms for high-performance CRC generation", 2008.       */
#include "frontends/formats/crc32.h"

#include <string.h>

void an_crc32_begin(an_crc32 *c, uint32_t polynomial)
{
    for (uint32_t b = 0; b < 256; b++) {
        uint32_t rest = b;
        for (int bit = 0; bit < 8; bit++) rest = rest >> 1 ^ (rest & 1 ? polynomial : 0);
        c->table[0][b] = rest;
    }
    for (int k = 1; k < 8; k++)
        for (int b = 0; b < 256; b++) {
            const uint32_t rest = c->table[k - 1][b];
            c->table[k][b] = rest >> 8 ^ c->table[0][rest & 255];
        }
}

static uint32_t read_word(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

uint32_t an_crc32_add(const an_crc32 *c, uint32_t before, const void *bytes, int64_t count)
{
    const uint8_t *p = bytes;
    uint32_t rest = ~before;
    for (; count >= 8; count -= 8, p += 8) {
        const uint32_t low = rest ^ read_word(p), high = read_word(p + 4);
        rest = c->table[7][low & 255] ^ c->table[6][low >> 8 & 255] ^ c->table[5][low >> 16 & 255] ^
               c->table[4][low >> 24] ^ c->table[3][high & 255] ^ c->table[2][high >> 8 & 255] ^
               c->table[1][high >> 16 & 255] ^ c->table[0][high >> 24];
    }
    for (; count > 0; count--, p++) rest = rest >> 8 ^ c->table[0][(rest ^ *p) & 255];
    return ~rest;
}
