/* crc32.h -- CRCs of 32 bits, to find bytes that changed by accident: that of zlib, gzip and PNG
 * (ISO-HDLC), and Castagnoli's, which iSCSI, ext4 and TensorFlow's records have.
 *
 * It finds every change of one bit, every burst of up to 32, and of other changes all but one in
 * 2^32. zlib has it, too: forty lines here are less than a dependency, and no slower. */
#ifndef AN_FRONTENDS_FORMATS_CRC32_H
#define AN_FRONTENDS_FORMATS_CRC32_H

#include "core/core.h"

typedef struct an_crc32 {
    uint32_t table[8][256]; /* [k][b]: what byte b does to the rest, k bytes later */
} an_crc32;

/* Polynomials, the lowest power in the highest bit. */
#define AN_CRC32 0xedb88320u  /* x^32 + x^26 + x^23 + ... + 1 */
#define AN_CRC32C 0x82f63b78u /* x^32 + x^28 + x^27 + ... + 1 */

void an_crc32_begin(an_crc32 *c, uint32_t polynomial);
/* The CRC of bytes whose beginning has the CRC `before`; 0 for none. */
uint32_t an_crc32_add(const an_crc32 *c, uint32_t before, const void *bytes, int64_t count);

#endif
