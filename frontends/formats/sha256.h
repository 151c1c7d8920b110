/* sha256.h -- SHA-256 of bytes that come in pieces (FIPS 180-4).             */
#ifndef AN_FRONTENDS_FORMATS_SHA256_H
#define AN_FRONTENDS_FORMATS_SHA256_H

#include "core/core.h"

typedef struct an_sha256 {
    uint32_t state[8];
    uint64_t length;   /* bytes so far */
    uint8_t block[64]; /* the last length % 64 of them */
} an_sha256;

#define AN_SHA256_HEX 65 /* 64 hex digits and the final 0 */

void an_sha256_begin(an_sha256 *h);
void an_sha256_add(an_sha256 *h, const void *bytes, int64_t count);
/* Lower-case hex. `h` must be begun again before further use. */
void an_sha256_end(an_sha256 *h, char hex[AN_SHA256_HEX]);

#endif
