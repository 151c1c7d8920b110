/* unicode.h -- decoding, repairing and lower-casing UTF-8.                   */
#ifndef AN_FRONTENDS_TEXT_UNICODE_H
#define AN_FRONTENDS_TEXT_UNICODE_H

#include "core/text.h"

/* Decodes the character at `*cursor` (which must be before `end`) and moves on.
 * Each maximal ill-formed part is one U+FFFD (Unicode 3.9, and Python). */
int32_t an_utf8_next(const char **cursor, const char *end);
/* Bytes that the well-formed character starting with byte `lead` takes. */
int64_t an_utf8_length(char lead);
void an_utf8_add(an_text *out, int32_t character);

/* Appends the text with ill-formed parts and NUL bytes replaced by U+FFFD. */
void an_utf8_add_clean(an_text *out, const char *bytes, int64_t count);
/* The same in lower case, as Python's str.lower gives it. */
void an_utf8_add_lower(an_text *out, const char *bytes, int64_t count);

#endif
