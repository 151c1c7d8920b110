/* safetensors.h -- the header of a safetensors file, as text and as a table.
 *
 * A file is 8 bytes that say how long the header is (little-endian), the header,
 * which is a JSON object, and the tensors' bytes without gaps. See
 * https://github.com/huggingface/safetensors, "Format".
 *
 * Checksums are two texts among the metadata, which other tools pass over:
 *   addnorm.crc32         {"w":"9ae0daaf",...}, the CRC-32 of each tensor's bytes, as zlib.crc32
 *   addnorm.crc32.header  the sum, modulo 2^32, of a CRC-32 for each tensor of its name, type
 *                         and place, and for each other pair of the metadata     */
#ifndef AN_FRONTENDS_FORMATS_SAFETENSORS_H
#define AN_FRONTENDS_FORMATS_SAFETENSORS_H

#include "core/memory.h"
#include "core/text.h"
#include "frontends/formats/crc32.h"
#include "frontends/frontends.h"

#define AN_SAFETENSORS_PREFIX 8
#define AN_SAFETENSORS_HEADER_LIMIT ((int64_t)100000000) /* the format's own */

/* One tensor of the file. */
typedef struct an_stored {
    const char *name;
    const char *file_dtype;   /* "F32" */
    bool known;               /* false: a dtype of the format that is none of ours */
    an_tensor type;           /* without data */
    int64_t begin, end;       /* where its bytes are, counted from the header's end */
    uint32_t crc;             /* CRC-32 of its bytes, if the table is checked */
} an_stored;

typedef struct an_stored_table { /* zero-initialised: empty */
    an_arena arena;           /* all strings */
    an_stored *items;
    int64_t count, capacity;
    an_metadata *metadata;
    int64_t metadata_count, metadata_capacity;
    bool checked;             /* the header has checksums */
} an_stored_table;

void an_stored_table_free(an_stored_table *t);

/* Adds a tensor of one of our dtypes; its place is chosen by _arrange. */
an_status an_stored_add(an_stored_table *t, const char *name, const an_tensor *type, an_error *e);
/* Puts the tensors in the file's order (widest elements first, so that each lies
 * on a multiple of its element size; then by name) and gives them their places. */
an_status an_stored_arrange(an_stored_table *t, an_error *e);

/* Appends prefix and header, padded so that the data start on a multiple of 64; with checksums if
 * the table is checked. */
an_status an_stored_print(const an_stored_table *t, const an_metadata *metadata, int64_t count,
                          an_text *out, an_error *e);
/* Reads a header (without prefix) of a file with so many bytes of data. Refuses
 * whatever is ill-formed, and any place that is not exactly its tensor's share:
 * tensors tile the data. Items are then in the order of their places. Where there are
 * checksums, that of the header holds, and those of the tensors are in the items. */
an_status an_stored_parse(an_stored_table *t, const char *header, int64_t length,
                          int64_t data_bytes, an_error *e);

#endif
