/* conv.h -- what the packing of windows takes. */
#ifndef AN_OPS_KERNELS_CONV_H
#define AN_OPS_KERNELS_CONV_H

#include <stdint.h>

/* Of each of `planes` planes some elements of one row become lanes of one row of a panel:
 * `before` zeros, `count` elements that lie `stride` apart, `after` zeros. */
typedef struct an_conv_pack {
    const float *from;
    int64_t from_plane, stride;
    float *to;
    int64_t to_plane;
    int64_t planes;
    int before, count, after;
} an_conv_pack;

#endif
