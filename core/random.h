/* random.h -- counter-based random numbers (Philox 4x32-10, Random123).
 *
 * A draw is a pure function of (seed, step, stream, index): nothing is stored,
 * nothing depends on order or threads, and a mask can be drawn again in the
 * backward pass. (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
 * SC 2011.)                                                                 */
#ifndef AN_CORE_RANDOM_H
#define AN_CORE_RANDOM_H

#include "core/core.h"

/* The four words of block `index / 4`; word `index % 4` belongs to the element.
 * key = seed; counter = block (low 32, next 16 bits with step's high 16), step
 * low 32, stream. Streams and steps use their low 32 and 48 bits. */
typedef struct an_stream {
    uint64_t seed, step;
    uint32_t stream;
} an_stream;

/* Fills out[0..count) with 32-bit draws for elements first .. first+count-1.
 * Vectorised over blocks where that is faster; same bits either way. */
void an_random_bits(const an_stream *s, int64_t first, int64_t count, uint32_t *out);
uint32_t an_random_bits_at(const an_stream *s, int64_t index); /* one draw; the oracle */

double an_draw_uniform(const an_stream *s, int64_t index); /* [0, 1), 53 bits */
double an_draw_normal(const an_stream *s, int64_t index);  /* Box-Muller, from two draws */

/* A well-mixed 64-bit hash of a string: names become streams with it. */
uint64_t an_hash_string(const char *text);
uint64_t an_hash_bytes(const void *data, int64_t size, uint64_t seed);

#endif
