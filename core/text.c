/* text.c -- growing strings, exact numbers, and the message an object keeps.
 *
 * Numbers are written and read with a '.' whatever the locale says, since
 * graph files travel. A string that ran out of memory once stays failed: it is
 * never a silently shortened one.                                            */
#include "core/text.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

/* ---- growing strings --------------------------------------------------- */

/* Nothing of it is left to be read as if it were all. */
static void lose(an_text *t)
{
    an_free(t->data);
    *t = (an_text){.failed = true, .length = (int64_t)strlen(an_lost)};
}

bool an_text_takes(an_text *t, const char *string)
{
    if (!an_is_lost(string)) return true;
    if (t) lose(t);
    return false;
}

/* Room for `count` more bytes and the final 0. */
static bool reserve(an_text *t, int64_t count)
{
    int64_t need;
    if (t->failed) return false;
    if (!an_add_size(t->length, count, &need) || !an_add_size(need, 1, &need) ||
        !AN_GROW(t->data, t->capacity, need))
        lose(t);
    return !t->failed;
}

void an_text_add_bytes(an_text *t, const char *bytes, int64_t count)
{
    if (!t || !bytes || count < 0) return;
    if (bytes == an_lost) lose(t);
    if (!reserve(t, count)) return;
    memcpy(t->data + t->length, bytes, (size_t)count);
    t->length += count;
    t->data[t->length] = 0;
}

void an_text_add(an_text *t, const char *string)
{
    if (string && an_text_takes(t, string))
        an_text_add_bytes(t, string, (int64_t)strlen(string));
}

void an_text_addf(an_text *t, const char *format, ...)
{
    if (!t || !format) return;
    /* Twice: once to learn the length, once into the room made for it. */
    va_list list;
    va_start(list, format);
    const int length = vsnprintf(NULL, 0, format, list);
    va_end(list);
    if (length < 0) lose(t);
    if (length < 0 || !reserve(t, length)) return;
    va_start(list, format);
    vsnprintf(t->data + t->length, (size_t)length + 1, format, list);
    va_end(list);
    if (an_text_takes(t, t->data + t->length)) t->length += length;
}

void an_text_add_quoted(an_text *t, const char *string)
{
    if (!an_text_takes(t, string)) return;
    an_text_add(t, "\"");
    for (const char *s = string ? string : ""; *s; s++) {
        const unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\') an_text_addf(t, "\\%c", c);
        else if (c == '\n') an_text_add(t, "\\n");
        else if (c == '\t') an_text_add(t, "\\t");
        else if (c == '\r') an_text_add(t, "\\r");
        else if (c < 0x20 || c == 0x7f) an_text_addf(t, "\\x%02x", c);
        else an_text_add_bytes(t, s, 1);
    }
    an_text_add(t, "\"");
}

void an_text_add_size(an_text *out, double bytes)
{
    static const char *const unit[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    int i = 0;
    for (; bytes >= 1024 && i < 4; i++) bytes /= 1024;
    an_text_addf(out, i > 0 && bytes < 100 ? "%.1f %s" : "%.0f %s", bytes, unit[i]);
}

void an_text_add_seconds(an_text *t, double seconds)
{
    static const char *const unit[] = {"s", "ms", "us", "ns"};
    int i = 0;
    for (; seconds < 1 && i < 3; i++) seconds *= 1000;
    an_text_addf(t, seconds < 100 ? "%.3g %s" : "%.0f %s", seconds, unit[i]);
}

char *an_text_take(an_text *t)
{
    if (!t) return NULL;
    an_text_add_bytes(t, "", 0); /* an empty text is a string too */
    char *string = t->failed ? NULL : t->data;
    if (t->failed) an_free(t->data); /* whoever fails a text by hand leaves that */
    *t = (an_text){0};
    return string;
}

const char *an_text_view(const an_text *t)
{
    if (t && t->failed) return an_lost;
    return t && t->data ? t->data : "";
}

bool an_text_next_word(const char **list, const char *separators, an_text *word)
{
    *list += strspn(*list, separators);
    const size_t length = strcspn(*list, separators);
    an_text_clear(word);
    an_text_add_bytes(word, *list, (int64_t)length);
    *list += length;
    return length > 0;
}

void an_text_clear(an_text *t)
{
    if (!t) return;
    t->length = 0;
    t->failed = false;
    if (t->data) t->data[0] = 0;
}

void an_text_free(an_text *t)
{
    if (!t) return;
    an_free(t->data);
    *t = (an_text){0};
}

/* ---- UTF-8 -------------------------------------------------------------- */

/* How many bytes follow the first one of a character, and between what the second lies; none are
 * encoded longer than need be, no surrogates, nothing above U+10FFFF. -1: it begins none. */
static int following(unsigned char first, unsigned char *low, unsigned char *high)
{
    *low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    *high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    if (first < 0x80) return 0;
    if (first < 0xC2 || first > 0xF4) return -1;
    return first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3;
}

bool an_is_utf8(const char *text)
{
    if (an_is_lost(text)) return true; /* for those who look for such */
    for (const unsigned char *p = (const unsigned char *)text; p && *p;) {
        unsigned char low, high;
        int more = following(*p++, &low, &high);
        if (more < 0) return false;
        for (; more > 0; more--, p++, low = 0x80, high = 0xBF)
            if (*p < low || *p > high) return false;
    }
    return true;
}

bool an_xml_character(const char *text, int64_t left, int *takes)
{
    const unsigned char *p = (const unsigned char *)text;
    unsigned char low, high;
    const int more = following(p[0], &low, &high);
    *takes = 1;
    if (more < 0 || more >= left) return false;
    uint32_t code = more ? p[0] & (0x3fu >> more) : p[0];
    for (int i = 1; i <= more; i++, low = 0x80, high = 0xBF) {
        if (p[i] < low || p[i] > high) return false;
        code = code << 6 | (p[i] & 0x3fu);
    }
    *takes = more + 1;
    return code >= 0x20 && (code < 0x7f || code >= 0xa0) && code != 0xfffe && code != 0xffff;
}

/* ---- exact numbers ----------------------------------------------------- */

/* glibc hands out its built-in C locale here: no allocation, nothing to free. */
static locale_t c_locale(void)
{
    return newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

/* Not strtod and a cast: a decimal rounded twice may miss the nearest float. */
bool an_read_f32(const char **cursor, float *value)
{
    if (!cursor || !*cursor || !value) return false;
    char *end;
    const float read = strtof_l(*cursor, &end, c_locale());
    if (end == *cursor) return false;
    *cursor = end;
    *value = read;
    return true;
}

bool an_read_f64(const char **cursor, double *value)
{
    if (!cursor || !*cursor || !value) return false;
    char *end;
    const double read = strtod_l(*cursor, &end, c_locale());
    if (end == *cursor) return false;
    *cursor = end;
    *value = read;
    return true;
}

/* printf writes the locale's decimal point, of one or more bytes. It is the
 * only thing in a %g number that is neither digit, sign nor 'e'. */
static void print_plain(char *out, size_t size, int precision, double value)
{
    snprintf(out, size, "%.*g", precision, value);
    const size_t before = strspn(out, "+-0123456789e");
    if (!out[before]) return;
    const size_t after = before + strcspn(out + before, "+-0123456789e");
    out[before] = '.';
    memmove(out + before + 1, out + after, strlen(out + after) + 1);
}

/* Written by hand: printf says "-nan" for some NaNs. */
static bool add_special(an_text *t, double value)
{
    if (isnan(value)) an_text_add(t, "nan");
    else if (isinf(value)) an_text_add(t, value > 0 ? "inf" : "-inf");
    else return false;
    return true;
}

/* Any decimal of FLT_DIG digits survives the way through a normal number, so
 * where fewer digits are enough, %g at that precision has dropped the zeros and
 * shows them. Subnormals hold fewer digits: there the search starts at one. */
void an_text_add_f32(an_text *t, float value)
{
    if (add_special(t, (double)value)) return;
    char digits[48];
    for (int precision = isnormal(value) ? 6 : 1; precision <= 9; precision++) {
        print_plain(digits, sizeof digits, precision, (double)value);
        const char *cursor = digits;
        float back = 0;
        if (an_read_f32(&cursor, &back) && back == value) break;
    }
    an_text_add(t, digits);
}

void an_text_add_f64(an_text *t, double value)
{
    if (add_special(t, value)) return;
    char digits[48];
    for (int precision = isnormal(value) ? 15 : 1; precision <= 17; precision++) {
        print_plain(digits, sizeof digits, precision, value);
        const char *cursor = digits;
        double back = 0;
        if (an_read_f64(&cursor, &back) && back == value) break;
    }
    an_text_add(t, digits);
}

/* ---- the message an object keeps --------------------------------------- */

static const char no_memory[] = "error AN-E001: out of memory";

an_status an_status_of(an_status status, const char *words)
{
    return an_is_lost(words) ? AN_E_MEMORY : status;
}

/* Without a locale or an allocation: reporting must not fail. A text too long is
 * cut, which only a message may be. */
static void put_coded(an_error *e, an_status status, const char *words)
{
    const int head = snprintf(e->text, sizeof e->text, "error AN-E%03d: ", (int)status);
    const size_t room = sizeof e->text - (size_t)head - 1, length = strlen(words);
    const size_t kept = length < room ? length : room;
    memcpy(e->text + head, words, kept);
    e->text[(size_t)head + kept] = 0;
}

an_status an_fail(an_error *e, an_status status, const char *format, ...)
{
    an_error unheard, *to = e && e->status == AN_OK ? e : &unheard;
    char words[AN_ERROR_BYTES];
    va_list list;
    va_start(list, format);
    vsnprintf(words, sizeof words, format, list);
    va_end(list);
    to->status = an_status_of(status, words);
    if (an_is_lost(words)) snprintf(to->text, sizeof to->text, "%s", no_memory);
    else if (an_has_place(words)) memcpy(to->text, words, sizeof words);
    else put_coded(to, status, an_after_code(words));
    return to->status;
}

static const char code[] = "error AN-E";

const char *an_after_code(const char *message)
{
    if (strncmp(message, code, sizeof code - 1) != 0) return message;
    const char *p = message + sizeof code - 1;
    const size_t digits = strspn(p, "0123456789");
    p += digits + (p[digits] == ':');
    return p + (*p == ' ');
}

bool an_has_place(const char *message)
{
    const size_t place = strcspn(message, " \n\"");
    return place > 0 && message[place] == ' ' && message[place - 1] == ':' &&
           !strncmp(message + place + 1, code, sizeof code - 1);
}

an_status an_fail_text(an_error *e, an_status status, const char *text)
{
    const an_status told = an_status_of(status, text);
    if (!e || e->status != AN_OK) return told;
    snprintf(e->text, sizeof e->text, "%s", an_is_lost(text) ? no_memory : text ? text : "");
    return e->status = told;
}

void an_error_clear(an_error *e)
{
    if (!e) return;
    e->status = AN_OK;
    e->text[0] = 0;
}
