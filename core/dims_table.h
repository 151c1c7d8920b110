/* dims_table.h -- what the files of the dimension table share.
 *
 * dims.c owns the table, dims_print.c writes, dims_arithmetic.c computes, dims_parse.c
 * reads and dims_bind.c evaluates. An entry refers only to entries before it. */
#ifndef AN_CORE_DIMS_TABLE_H
#define AN_CORE_DIMS_TABLE_H

#include "core/dims.h"
#include "core/memory.h"
#include "core/polynomial.h"

typedef enum an_dims_kind { AN_DIMS_NAME, AN_DIMS_DIVISION, AN_DIMS_POLYNOMIAL } an_dims_kind;

typedef struct an_dims_entry {
    an_dims_kind kind;
    int depth; /* of nested divisions */
    int name;  /* AN_DIMS_NAME: its number in order of first mention */
    int terms; /* AN_DIMS_POLYNOMIAL: count and terms; atoms are entries */
    const an_term *term;
    an_dim numerator, denominator; /* AN_DIMS_DIVISION */
    const char *text;              /* canonical, and the key of the table */
} an_dims_entry;

struct an_dims {
    an_arena arena; /* texts and terms */
    an_dims_entry *entries;
    int64_t count, capacity;
    int32_t *names; /* entry of each name */
    int64_t name_count, name_capacity;
    int32_t *slots;     /* open addressing by text: entry + 1, or 0 */
    int64_t slot_count; /* a power of two, at least twice `count` */
    bool starved;       /* something could not be kept for want of memory */
};

/* Handles lie APART from each other, a prime, and begin where multiples of what they begin with
 * are far from any of them: the golden section of APART. So T + 1, T - B, 2 * T or B + T, written
 * in C where an_dim_plus and its like were meant, meets no other handle: with what is added below
 * 500,000 and factors up to 1,000. */
#define AN_DIMS_APART INT64_C(2147483629)
#define AN_DIMS_FIRST (AN_DIM_SYMBOLIC - AN_DIM_SYMBOLIC % AN_DIMS_APART - INT64_C(1327217871))

static inline int64_t an_dims_index(an_dim d)
{
    return (AN_DIMS_FIRST - d) / AN_DIMS_APART;
}

static inline an_dim an_dims_at(int64_t index)
{
    return AN_DIMS_FIRST - index * AN_DIMS_APART;
}

/* Finds or adds the entry with e->text; terms and text are copied. AN_DIM_BAD if the
 * table is full or memory is out. */
an_dim an_dims_intern(an_dims *dims, const an_dims_entry *e);

#define AN_DIMS_NAME_LONGEST 256 /* bytes */

/* Bytes of the C identifier at `text`; 0 if there is none. Not isalpha(): what a
 * name is must not depend on the locale. */
static inline int64_t an_dims_name_length(const char *text)
{
    int64_t n = 0;
    for (;; n++) {
        const char c = text[n];
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && !(n > 0 && c >= '0' && c <= '9')) return n;
    }
}

/* Appends the canonical text of a polynomial over the table's entries. */
void an_dims_write_polynomial(const an_dims *dims, const an_poly *p, an_text *out);

#endif
