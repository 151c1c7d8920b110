/* attention.h -- what the attention kernels take: one tile of scores, a query to a lane.
 *
 * A tile is [keys][AN_PANEL] floats: a row of 64 queries for each key, in units of log 2, so that
 * a weight is 2^score. So sums over keys run down the columns, and the tile is read as it lies by
 * the products that follow, one way or the other.                            */
#ifndef AN_OPS_KERNELS_ATTENTION_H
#define AN_OPS_KERNELS_ATTENTION_H

#include <stdint.h>

/* Query lane i sees the keys j <= `last` + i of the tile, and no others. */
typedef struct an_attention_tile {
    float *score;       /* becomes the weights */
    const float *mask;  /* added first, of the same form; NULL: none */
    int64_t keys, last;
    int vectors;        /* of 16 queries; 1 to 4 */
} an_attention_tile;

/* How far 64 queries have come: the largest score met, what the weights relative to that add up
 * to, and by what the last tile shrank that which was added up before it. */
typedef struct an_attention_rows {
    float largest[64], shrink[64];
    double sum[64];
} an_attention_rows;

#endif
