/* conv.h -- what the packing of windows takes. */
#ifndef AN_OPS_KERNELS_CONV_H
#define AN_OPS_KERNELS_CONV_H

#include <stdint.h>

/* Elements of one row of a plane that become lanes of one row of a panel: `before` zeros, `count`
 * elements, `after` zeros. */
typedef struct an_conv_piece {
    int64_t from, to;
    int before, count, after;
} an_conv_piece;

/* The same pieces of each of `planes` planes, whose elements lie `stride` apart. */
#define AN_CONV_PIECES 64
typedef struct an_conv_pack {
    const float *from;
    float *to;
    int64_t from_plane, to_plane, planes, stride;
    int pieces;
    an_conv_piece piece[AN_CONV_PIECES];
} an_conv_pack;

#endif
