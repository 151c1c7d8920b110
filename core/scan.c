/* scan.c -- see scan.h. */
#include "core/scan.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A dimension that could not be kept is no slip of the text. */
bool an_scan_fail(an_scan *s, const char *format, ...)
{
    if (s->failed) return false;
    if (an_dims_starved(s->dims)) return an_scan_no_memory(s);
    s->failed = true;
    char line[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    an_text t = {0};
    an_text_addf(&t, "%s:%d:%d: error AN-E%03d %s", s->name, s->line,
                 (int)(s->at - s->line_start) + 1, (int)AN_E_SYNTAX, line);
    an_fail_text(s->error, AN_E_SYNTAX, an_text_view(&t));
    an_text_free(&t);
    return false;
}

bool an_scan_no_memory(an_scan *s)
{
    if (!s->failed) an_fail(s->error, AN_E_MEMORY, "%s: out of memory", s->name);
    s->failed = true;
    return false;
}

static void skip_blanks(an_scan *s)
{
    while (*s->at == ' ' || *s->at == '\t' || *s->at == '\r') s->at++;
}

static bool is_word_part(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

bool an_scan_is(an_scan *s, const char *token)
{
    if (s->failed) return false;
    skip_blanks(s);
    const size_t length = strlen(token);
    if (strncmp(s->at, token, length) != 0) return false;
    if (is_word_part(token[length - 1]) && is_word_part(s->at[length])) return false;
    s->at += length;
    return true;
}

bool an_scan_expect(an_scan *s, const char *token)
{
    if (an_scan_is(s, token)) return true;
    return an_scan_fail(s, "expected '%s' here", token);
}

bool an_scan_end_of_line(an_scan *s)
{
    skip_blanks(s);
    return *s->at == '\n' || *s->at == 0 || *s->at == '#';
}

void an_scan_next_line(an_scan *s)
{
    s->at += strcspn(s->at, "\n");
    if (*s->at == '\n') s->at++;
    s->line_start = s->at;
    s->line++;
}

const char *an_scan_word(an_scan *s)
{
    if (s->failed) return NULL;
    skip_blanks(s);
    int64_t length = 0;
    while (is_word_part(s->at[length])) length++;
    if (length == 0 || isdigit((unsigned char)s->at[0])) {
        an_scan_fail(s, "expected a name here");
        return NULL;
    }
    const char *word = an_arena_text(&s->arena, s->at, length);
    s->at += length;
    if (!word) an_scan_no_memory(s);
    return word;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The character behind a backslash; moves `*p` onto its last byte. -1 if unknown. */
static int unescape(const char **p)
{
    switch (**p) {
    case 'n': return '\n';
    case 't': return '\t';
    case 'r': return '\r';
    case '"':
    case '\\': return **p;
    case 'x': {
        const int high = hex_digit((*p)[1]), low = high < 0 ? -1 : hex_digit((*p)[2]);
        if (low < 0 || high * 16 + low == 0) return -1;
        *p += 2;
        return high * 16 + low;
    }
    default: return -1;
    }
}

const char *an_scan_quoted(an_scan *s)
{
    if (!an_scan_expect(s, "\"")) return NULL;
    const int64_t room = (int64_t)strcspn(s->at, "\n") + 1;
    char *out = an_arena_alloc(&s->arena, room);
    if (!out) {
        an_scan_no_memory(s);
        return NULL;
    }
    int64_t length = 0;
    for (; *s->at != '"'; s->at++) {
        if (*s->at == '\n' || *s->at == 0) {
            an_scan_fail(s, "a quoted string ends here without its quote");
            return NULL;
        }
        int c = (unsigned char)*s->at;
        if (c == '\\') {
            s->at++;
            c = unescape(&s->at);
        }
        if (c < 0) {
            an_scan_fail(s, "unknown escape; there are \\\\ \\\" \\n \\t \\r \\xHH");
            return NULL;
        }
        out[length++] = (char)c;
    }
    if (an_is_lost(out)) { /* as a message it would say that memory is out */
        an_scan_fail(s, "no name holds the bytes that mark a text as lost; they are no UTF-8");
        return NULL;
    }
    s->at++;
    return out;
}

bool an_scan_integer(an_scan *s, int64_t *out)
{
    if (s->failed) return false;
    skip_blanks(s);
    char *end;
    errno = 0;
    const long long value = strtoll(s->at, &end, 10);
    if (end == s->at || errno != 0 || isspace((unsigned char)*s->at) || *s->at == '+')
        return an_scan_fail(s, "expected an integer here");
    s->at = end;
    *out = value;
    return true;
}

/* A written number that its type cannot hold is not silently another one. */
static bool is_kept(an_scan *s, const char *before, double got, const char *type)
{
    if (errno != ERANGE || (got != 0 && !isinf(got))) return true;
    const int length = (int)(s->at - before < 40 ? s->at - before : 40);
    return an_scan_fail(s, "%.*s becomes %g in %s", length, before, got, type);
}

bool an_scan_number(an_scan *s, double *out)
{
    if (s->failed) return false;
    skip_blanks(s);
    const char *before = s->at;
    errno = 0;
    if (isspace((unsigned char)*s->at) || !an_read_f64(&s->at, out))
        return an_scan_fail(s, "expected a number here");
    return is_kept(s, before, *out, "f64");
}

bool an_scan_f32(an_scan *s, float *out)
{
    if (s->failed) return false;
    skip_blanks(s);
    const char *before = s->at;
    errno = 0;
    if (isspace((unsigned char)*s->at) || !an_read_f32(&s->at, out))
        return an_scan_fail(s, "expected a number here");
    return is_kept(s, before, (double)*out, "f32");
}
