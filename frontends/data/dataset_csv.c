/* dataset_csv.c -- comma-separated files with a header (RFC 4180).
 *
 * Fields may be quoted, and a quoted field holds commas, line ends and doubled
 * quotes. Where a file breaks the rules, guessing would shift all later columns,
 * so it is refused with the line on which the trouble began.                 */
#include <string.h>
#include <strings.h>

#include "core/memory.h"
#include "frontends/data/dataset.h"
#include "frontends/text/unicode.h"

/* ---- one record -------------------------------------------------------- */

typedef struct csv {
    const char *at, *end;
    int64_t line;    /* of `at`, from 1 */
    int64_t started; /* line on which the record began */
    const char *file;
    an_text bytes; /* the record's fields, one after the other */
    int64_t *stop; /* where each field ends in `bytes` */
    int64_t fields, capacity;
    bool blank; /* the record is an empty line */
} csv;

static an_status refuse(an_dataset *d, const csv *c, int64_t line, const char *why)
{
    const an_origin origin = {c->file, line};
    return an_dataset_refuse_row(d, &origin, why);
}

/* Takes a quoted field up to its closing quote; `at` is behind the opening one. */
static an_status read_quoted(an_dataset *d, csv *c)
{
    const int64_t opened = c->line;
    for (;;) {
        const char *const quote = memchr(c->at, '"', (size_t)(c->end - c->at));
        if (!quote)
            return refuse(d, c, opened,
                          "the quote that opens here is never closed; close it, and "
                          "double every quote inside a quoted field");
        for (const char *p = c->at; p < quote; p++) c->line += *p == '\n';
        an_text_add_bytes(&c->bytes, c->at, quote - c->at);
        c->at = quote + 1;
        if (c->at == c->end || *c->at != '"') return AN_OK;
        an_text_add_bytes(&c->bytes, "\"", 1);
        c->at++;
    }
}

static bool at_line_end(const csv *c)
{
    return c->at == c->end || *c->at == '\n' ||
           (*c->at == '\r' && c->at + 1 < c->end && c->at[1] == '\n');
}

/* Takes one field and leaves `at` on the comma or line end behind it. */
static an_status read_field(an_dataset *d, csv *c)
{
    if (c->at < c->end && *c->at == '"') {
        c->at++;
        const an_status status = read_quoted(d, c);
        if (status != AN_OK) return status;
        if (!at_line_end(c) && *c->at != ',')
            return refuse(d, c, c->line,
                          "something follows a closing quote; double every quote "
                          "inside a quoted field");
    } else {
        const char *const from = c->at;
        for (; !at_line_end(c) && *c->at != ','; c->at++)
            if (*c->at == '"')
                return refuse(d, c, c->line,
                              "a quote stands inside a field without quotes; put "
                              "the whole field in quotes and double the inner ones");
        an_text_add_bytes(&c->bytes, from, c->at - from);
    }
    if (c->bytes.failed || !AN_GROW(c->stop, c->capacity, c->fields + 1))
        return an_dataset_no_memory(d);
    c->stop[c->fields++] = c->bytes.length;
    return AN_OK;
}

static an_status read_record(an_dataset *d, csv *c)
{
    c->started = c->line;
    an_text_clear(&c->bytes);
    c->fields = 0;
    c->blank = at_line_end(c);
    for (;;) {
        const an_status status = read_field(d, c);
        if (status != AN_OK) return status;
        if (at_line_end(c)) break;
        c->at++; /* the comma */
    }
    if (c->at < c->end && *c->at == '\r') c->at++;
    if (c->at < c->end) c->at++;
    c->line++;
    return AN_OK;
}

typedef struct field {
    const char *at;
    int64_t length;
} field;

static field field_of(const csv *c, int64_t i)
{
    const int64_t from = i > 0 ? c->stop[i - 1] : 0;
    return (field){an_text_view(&c->bytes) + from, c->stop[i] - from};
}

/* ---- columns ----------------------------------------------------------- */

/* The first column with that name, in any case; -1 if there is none. */
static int64_t column_named(const csv *c, const char *name)
{
    const int64_t length = (int64_t)strlen(name);
    for (int64_t i = 0; i < c->fields; i++) {
        const field f = field_of(c, i);
        if (f.length == length && strncasecmp(f.at, name, (size_t)length) == 0) return i;
    }
    return -1;
}

/* The column asked for, or the first of two usual names. */
static int64_t find_column(const csv *c, const char *wanted, const char *usual, const char *other)
{
    if (wanted) return column_named(c, wanted);
    const int64_t found = column_named(c, usual);
    return found >= 0 ? found : column_named(c, other);
}

static an_status missing_column(an_dataset *d, const csv *c, const char *wanted, const char *usual)
{
    an_text why = {0};
    an_text_add(&why, "no column is named ");
    an_text_add_quoted(&why, wanted ? wanted : usual);
    an_text_add(&why, "; the header has ");
    for (int64_t i = 0; i < c->fields && i < 8; i++) {
        const field f = field_of(c, i);
        an_text name = {0};
        an_utf8_add_clean(&name, f.at, f.length < 40 ? f.length : 40);
        if (i > 0) an_text_add(&why, ", ");
        an_text_add_quoted(&why, an_text_view(&name));
        an_text_free(&name);
    }
    an_text_add(&why, ". A CSV file starts with a header line; name the right column there "
                      "or in the options");
    const an_status status = refuse(d, c, c->started, an_text_view(&why));
    an_text_free(&why);
    return status;
}

static an_status append_record(an_dataset *d, const csv *c, int64_t columns, int64_t label_at,
                               int64_t text_at)
{
    if (c->fields != columns) {
        an_text why = {0};
        an_text_addf(&why,
                     "%lld fields, but the header names %lld; put a field with commas in "
                     "quotes",
                     (long long)c->fields, (long long)columns);
        const an_status status = refuse(d, c, c->started, an_text_view(&why));
        an_text_free(&why);
        return status;
    }
    const field label = field_of(c, label_at), text = field_of(c, text_at);
    const an_row row = {label.at, text.at, label.length, text.length, {c->file, c->started}};
    return an_dataset_append(d, &row);
}

static an_status read_records(an_dataset *d, csv *c, const an_dataset_options *o)
{
    an_status status = read_record(d, c);
    if (status != AN_OK) return status;
    const int64_t columns = c->fields;
    const int64_t label_at = find_column(c, o->label_column, "label", "sentiment");
    const int64_t text_at = find_column(c, o->text_column, "text", "review");
    if (label_at < 0) return missing_column(d, c, o->label_column, "label");
    if (text_at < 0) return missing_column(d, c, o->text_column, "text");
    while (status == AN_OK && c->at < c->end) {
        status = read_record(d, c);
        if (status == AN_OK && !c->blank) status = append_record(d, c, columns, label_at, text_at);
    }
    return status;
}

an_status an_dataset_read_csv(an_dataset *d, const char *file, const char *bytes, int64_t count,
                              const an_dataset_options *options)
{
    csv c = {.at = bytes, .end = bytes + count, .line = 1, .file = file};
    const an_status status = read_records(d, &c, options);
    an_text_free(&c.bytes);
    an_free(c.stop);
    return status;
}
