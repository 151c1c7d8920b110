/* kinds.h -- the kinds of attributes: how each is compared, copied, checked, printed and read.
 *
 * One record a kind (kinds.c); attrs.c asks it of every attribute that an op has. A field without
 * functions of its own is its bytes.                                          */
#ifndef AN_OPS_KINDS_H
#define AN_OPS_KINDS_H

#include "ops/op.h"

typedef enum an_kind_id {
    AN_KIND_DTYPE, AN_KIND_SHAPE, AN_KIND_DATA, AN_KIND_INIT, AN_KIND_BOOL, AN_KIND_INT,
    AN_KIND_AXES, AN_KIND_TEST, AN_KIND_FORM, AN_KIND_DIM, AN_KIND_F64, AN_KIND_F32,
    AN_KIND_U32, AN_KIND_ORDER, AN_KIND_ID, AN_KIND_INTS, AN_KINDS
} an_kind_id;

/* Which numbers an attribute takes. */
enum an_range {
    AN_RANGE_ANY,     /* its op says */
    AN_RANGE_NUMBER,  /* not NaN */
    AN_RANGE_FINITE,
    AN_RANGE_FROM_0,  /* finite, at least 0 */
    AN_RANGE_ABOVE_0, /* finite, above 0 */
    AN_RANGE_UP_TO_1, /* 0 to 1 */
    AN_RANGE_BELOW_1, /* 0 to 1, not 1 itself */
    AN_RANGES
};

/* What a field holds, as up to two runs of bytes without padding. */
typedef struct an_kind_bytes {
    int64_t buffer[AN_MAX_RANK + 3]; /* where the first is made, if it must be */
    const void *first, *second;
    int64_t first_size, second_size;
} an_kind_bytes;

/* An attribute of a node: the field in `attrs`, whose dtype says what elements a list has. `dims`
 * only to print it. */
typedef struct an_field {
    void *at;
    const an_attrs *attrs;
    const an_dims *dims;
} an_field;

typedef struct an_kind {
    int size;                 /* bytes of the field */
    bool typed;               /* the result's type says it: neither printed nor read */
    bool always;              /* printed even where it is zero, which is a meaning */
    const char *const *words; /* of an enumeration, up to a NULL */
    void (*bytes)(const an_field *f, an_kind_bytes *b);
    /* What it points to: where the pointer is, and how many bytes; NULL: the field is all. */
    const void **(*list)(const an_field *f, int64_t *size);
    an_dim *(*dims)(const an_field *f, int *count);
    bool (*good)(const an_field *f);
    void (*print)(const an_field *f, an_text *out);
    bool (*read)(an_scan *s, const an_field *f);
} an_kind;

extern const an_kind an_kinds[AN_KINDS];

void an_kind_bytes_of(const an_kind *kind, const an_field *f, an_kind_bytes *b);
void an_kind_print(const an_kind *kind, const an_field *f, an_text *out);
bool an_kind_read(const an_kind *kind, an_scan *s, const an_field *f);
bool an_kind_good(const an_kind *kind, const an_field *f); /* as far as no dims decide */

#endif
