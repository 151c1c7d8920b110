/* blocks.h -- how long a sum may run in f32.
 *
 * The lanes of a row of up to AN_WHOLE elements are summed in one go and folded by one
 * tree; a longer row's a block of AN_BLOCK_ROW at a time, and the blocks' sums are added
 * in double, in order. So the error does not grow with the row, and the tree depends on
 * its width alone. Measured on rows of +-a, of one far element and of drawn ones: at
 * 4096 elements one go is up to 8 units of rounding off, and blocks are 2. */
#ifndef AN_OPS_KERNELS_BLOCKS_H
#define AN_OPS_KERNELS_BLOCKS_H

#include <stdint.h>

#define AN_WHOLE 1024
#define AN_BLOCK_ROW 512

/* Elements of the block that begins at i, in a row longer than AN_WHOLE. */
static inline int64_t an_block_at(int64_t width, int64_t i)
{
    return width - i < AN_BLOCK_ROW ? width - i : AN_BLOCK_ROW;
}

#endif
