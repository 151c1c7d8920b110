/* scan.h -- reading tokens of the text form: a cursor that knows line and column.
 *
 * Every reader skips blanks first, moves on only over what it read, and on the
 * first failure records "name:line:column: ..." and fails from then on.     */
#ifndef AN_CORE_SCAN_H
#define AN_CORE_SCAN_H

#include "core/dims.h"
#include "core/memory.h"
#include "core/text.h"

typedef struct an_scan {
    const char *name; /* of the file, for messages */
    const char *at, *line_start;
    int line;
    an_dims *dims;   /* of the dimensions read */
    an_error *error; /* the first one */
    an_arena arena;  /* strings and lists read */
    bool failed;
} an_scan;

/* Records what is wrong, unless something is already; false. */
bool an_scan_fail(an_scan *s, const char *format, ...) AN_PRINTF(2, 3);
bool an_scan_no_memory(an_scan *s);
bool an_scan_is(an_scan *s, const char *token);     /* takes it if it is next */
bool an_scan_expect(an_scan *s, const char *token); /* or fails */
bool an_scan_end_of_line(an_scan *s);               /* nothing or a comment remains */
void an_scan_next_line(an_scan *s);
const char *an_scan_word(an_scan *s);   /* [A-Za-z_][A-Za-z0-9_]*, or NULL and failure */
const char *an_scan_quoted(an_scan *s); /* "...", unescaped, or NULL and failure */
bool an_scan_integer(an_scan *s, int64_t *out);
bool an_scan_number(an_scan *s, double *out); /* also inf, -inf, nan */
bool an_scan_f32(an_scan *s, float *out);     /* rounded once, from the text */

#endif
