/* unicode.c -- decoding, repairing and lower-casing UTF-8.
 *
 * Knows the two places where Python's str.lower is more than a table of single
 * characters: the final sigma and the dotted capital I. All else is utf8proc's
 * simple mapping. Compared with Python 3.11 over all characters, what differs is
 * what came with Unicode 15 (utf8proc 2.8 has it, that Python has 14).
 *
 * Invariant: what these functions append is well-formed and holds no NUL.    */
#include "frontends/text/unicode.h"

#include <string.h>
#include <utf8proc.h>

#include "core/memory.h"

#define REPLACEMENT 0xFFFD
#define CAPITAL_SIGMA 0x3A3
#define SMALL_SIGMA 0x3C3
#define FINAL_SIGMA 0x3C2
#define CAPITAL_I_WITH_DOT 0x130
#define DOT_ABOVE 0x307

/* ---- decoding ---------------------------------------------------------- */

/* Length of a sequence by its lead byte and the range its second byte must be
 * in: that excludes overlong forms, surrogates and what lies beyond U+10FFFF
 * (Unicode standard, table 3-7). Length 0: not a lead byte. */
typedef struct lead {
    int length;
    unsigned char low, high;
} lead;

static lead lead_of(unsigned char byte)
{
    if (byte < 0x80) return (lead){1, 0, 0};
    if (byte < 0xC2) return (lead){0, 0, 0};
    if (byte < 0xE0) return (lead){2, 0x80, 0xBF};
    if (byte == 0xE0) return (lead){3, 0xA0, 0xBF};
    if (byte == 0xED) return (lead){3, 0x80, 0x9F};
    if (byte < 0xF0) return (lead){3, 0x80, 0xBF};
    if (byte == 0xF0) return (lead){4, 0x90, 0xBF};
    if (byte < 0xF4) return (lead){4, 0x80, 0xBF};
    if (byte == 0xF4) return (lead){4, 0x80, 0x8F};
    return (lead){0, 0, 0};
}

int64_t an_utf8_length(char first)
{
    const int length = lead_of((unsigned char)first).length;
    return length == 0 ? 1 : length;
}

int32_t an_utf8_next(const char **cursor, const char *end)
{
    const unsigned char *p = (const unsigned char *)*cursor;
    const unsigned char *const stop = (const unsigned char *)end;
    const lead l = lead_of(*p);
    if (l.length <= 1) {
        *cursor += 1;
        return l.length == 1 ? *p : REPLACEMENT;
    }
    int32_t character = *p++ & (0x7F >> l.length);
    for (int i = 1; i < l.length; i++, p++) {
        const unsigned char low = i == 1 ? l.low : 0x80, high = i == 1 ? l.high : 0xBF;
        if (p == stop || *p < low || *p > high) { /* what was good so far is one error */
            *cursor = (const char *)p;
            return REPLACEMENT;
        }
        character = character << 6 | (*p & 0x3F);
    }
    *cursor = (const char *)p;
    return character;
}

void an_utf8_add(an_text *out, int32_t character)
{
    utf8proc_uint8_t bytes[4];
    const utf8proc_ssize_t count = utf8proc_encode_char(character, bytes);
    an_text_add_bytes(out, (const char *)bytes, (int64_t)count);
}

/* ---- repairing --------------------------------------------------------- */

/* A lost text must not become a clean one. */
static bool takes(an_text *out, const char *bytes, int64_t count)
{
    return bytes && count > 0 && (bytes != an_lost || an_text_takes(out, bytes));
}

void an_utf8_add_clean(an_text *out, const char *bytes, int64_t count)
{
    if (!takes(out, bytes, count)) return;
    const char *const end = bytes + count;
    const char *run = bytes; /* good bytes that are not appended yet */
    for (const char *at = bytes; at < end;) {
        const char *const from = at;
        const int32_t character = an_utf8_next(&at, end);
        /* A U+FFFD that stands in the text as such has three bytes, too: copying
         * it either way is the same. */
        if (character != 0 && character != REPLACEMENT) continue;
        an_text_add_bytes(out, run, from - run);
        an_utf8_add(out, REPLACEMENT);
        run = at;
    }
    an_text_add_bytes(out, run, end - run);
}

/* ---- lower case -------------------------------------------------------- */

static bool is_ascii(char c) /* and not the NUL that is to be replaced */
{
    return c != 0 && (unsigned char)c < 0x80;
}

/* Punctuation inside words that the casing rules look through: property
 * Word_Break of MidLetter, MidNumLet and Single_Quote. */
static bool is_inside_words(int32_t c)
{
    static const int32_t marks[] = {0x27,   0x2E,   0x3A,   0xB7,   0x387,  0x55F,
                                    0x5F4,  0x2018, 0x2019, 0x2024, 0x2027, 0xFE13,
                                    0xFE52, 0xFE55, 0xFF07, 0xFF0E, 0xFF1A};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (marks[i] == c) return true;
    return false;
}

/* Property Case_Ignorable. */
static bool is_case_ignorable(int32_t c)
{
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
        return true;
    default:
        return is_inside_words(c);
    }
}

/* Property Cased, for characters that are not ignorable: cased letters, then
 * what PropList.txt adds (ordinals, Roman numerals, letters in circles and squares). */
static bool is_cased(int32_t c)
{
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
        return true;
    default:
        break;
    }
    return c == 0xAA || c == 0xBA || (c >= 0x2160 && c <= 0x217F) || (c >= 0x24B6 && c <= 0x24E9) ||
           (c >= 0x1F130 && c <= 0x1F149) || (c >= 0x1F150 && c <= 0x1F169) ||
           (c >= 0x1F170 && c <= 0x1F189);
}

/* Whether a word goes on after a sigma: a cased letter follows, perhaps after
 * ignorable characters. */
static bool cased_follows(const char *at, const char *end)
{
    while (at < end) {
        const int32_t c = an_utf8_next(&at, end);
        if (!is_case_ignorable(c)) return is_cased(c);
    }
    return false;
}

void an_utf8_add_lower(an_text *out, const char *bytes, int64_t count)
{
    if (!takes(out, bytes, count)) return;
    const char *const end = bytes + count;
    bool after_cased = false; /* the last character that is not ignorable was cased */
    for (const char *at = bytes; at < end;) {
        char run[256]; /* ASCII, the bulk of most texts, in one go */
        int64_t length = 0;
        for (; at < end && length < (int64_t)sizeof run && is_ascii(*at); at++) {
            const char c = *at;
            const bool upper = c >= 'A' && c <= 'Z', lower = c >= 'a' && c <= 'z';
            run[length++] = upper ? (char)(c + ('a' - 'A')) : c;
            if (upper || lower) after_cased = true;
            else if (!is_case_ignorable(c)) after_cased = false;
        }
        an_text_add_bytes(out, run, length);
        if (at == end || is_ascii(*at)) continue;

        const int32_t c = an_utf8_next(&at, end);
        if (c == CAPITAL_SIGMA) {
            const bool is_final = after_cased && !cased_follows(at, end);
            an_utf8_add(out, is_final ? FINAL_SIGMA : SMALL_SIGMA);
        } else if (c == CAPITAL_I_WITH_DOT) {
            an_utf8_add(out, 'i');
            an_utf8_add(out, DOT_ABOVE);
        } else {
            an_utf8_add(out, c == 0 ? REPLACEMENT : utf8proc_tolower(c));
        }
        if (!is_case_ignorable(c)) after_cased = is_cased(c);
    }
}
