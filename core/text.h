/* text.h -- growing strings, exact numbers, and the message an object keeps. */
#ifndef AN_CORE_TEXT_H
#define AN_CORE_TEXT_H

#include "core/core.h"
#include <stdarg.h>

/* ---- growing strings --------------------------------------------------- */

/* Zero-initialised, it is empty and ready. Out of memory is sticky: later
 * appends do nothing, an_text_take gives NULL and an_text_view gives an_lost (core/memory.h),
 * which fails whatever takes it in. So callers need not check. */
typedef struct an_text {
    char *data; /* 0-terminated once anything was appended */
    int64_t length, capacity;
    bool failed;
} an_text;

void an_text_add(an_text *t, const char *string);
void an_text_add_bytes(an_text *t, const char *bytes, int64_t count);
void an_text_addf(an_text *t, const char *format, ...) AN_PRINTF(2, 3);
/* Shortest decimal that reads back to the same number; "inf", "-inf", "nan". */
void an_text_add_f32(an_text *t, float value);
void an_text_add_f64(an_text *t, double value);
/* Reads a number at `*cursor` and moves it on; false and unmoved if there is
 * none. A '.' is the decimal point whatever the locale; "inf" and "nan" too. */
bool an_read_f32(const char **cursor, float *value);
bool an_read_f64(const char **cursor, double *value);
/* A C-like string literal with quotes: \" \\ \n \t \r and \xHH for other control bytes. */
void an_text_add_quoted(an_text *t, const char *string);
/* Whether it is well-formed UTF-8 (the Unicode Standard, table 3-7); NULL is, and a
 * lost text, of which its status tells. */
bool an_is_utf8(const char *text);
/* Whether XML may hold the character at p, of which `left` bytes are there, and how many it takes:
 * 1 where none begins. U+FFFD stands for what it may not hold. */
bool an_xml_character(const char *p, int64_t left, int *takes);
void an_text_add_size(an_text *t, double bytes); /* "12.5 KiB" */
void an_text_add_seconds(an_text *t, double seconds); /* "12.5 ms" */
/* The string, now the caller's (an_free), or NULL; `t` is empty again. */
char *an_text_take(an_text *t);
/* Never NULL, as long as t->length; valid until the next append. */
const char *an_text_view(const an_text *t);
/* For whoever appends a string piece by piece: false, and `t` has failed, if it is lost. */
bool an_text_takes(an_text *t, const char *string);
/* The next word of a list, between any of the separators; false at its end. Replaces what `word`
 * held. */
bool an_text_next_word(const char **list, const char *separators, an_text *word);
void an_text_clear(an_text *t); /* empty and ready again, whatever it was; keeps its memory */
void an_text_free(an_text *t);

/* ---- the message an object keeps --------------------------------------- */

#define AN_ERROR_BYTES 2048

/* The first error wins; later ones are dropped. Zero-initialised: none. Fixed
 * size, so that reporting an error never allocates. */
typedef struct an_error {
    an_status status;
    char text[AN_ERROR_BYTES];
} an_error;

/* Stores "error AN-Eddd: <message>" if `e` holds no error yet. Returns `status`,
 * so that a function can `return an_fail(e, ...)`. NULL `e` is fine. The status of a
 * message that holds a lost string is AN_E_MEMORY. What it quotes otherwise says nothing:
 * the words may be a user's, so whoever passes an error on passes its status on. */
an_status an_fail(an_error *e, an_status status, const char *format, ...) AN_PRINTF(3, 4);
/* The same with a ready text, taken as it is. */
an_status an_fail_text(an_error *e, an_status status, const char *text);
/* Whoever passes a message on says its code once. What follows "error AN-Eddd: " or all of it; and
 * whether a place and a code begin it, "x.an:3: error AN-E013 ...". */
const char *an_after_code(const char *message);
bool an_has_place(const char *message);
void an_error_clear(an_error *e);
/* AN_E_MEMORY if these words hold a lost string, else `status`: for messages kept elsewhere. */
an_status an_status_of(an_status status, const char *words);

#endif
