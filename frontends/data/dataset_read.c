/* dataset_read.c -- finding out what a path holds, and reading TSV.
 *
 * A TSV line is label, tab, any columns, tab, text: the first and the last
 * column count, so a file with ids or scores in between needs no preparation.
 * Nothing is quoted; a quote is a character of the text.                     */
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "core/file.h"
#include "core/memory.h"
#include "frontends/data/dataset.h"

/* ---- TSV --------------------------------------------------------------- */

/* Reads the line [at, end), which has no line end. */
static an_status read_line(an_dataset *d, const char *at, const char *end, an_origin origin)
{
    const size_t length = (size_t)(end - at);
    const char *const first = memchr(at, '\t', length);
    if (!first)
        return an_dataset_refuse_row(d, &origin,
                                     "there is no tab in the line; write the label, a tab and the "
                                     "text (a CSV file needs a header line and the name *.csv)");
    const char *const last = memrchr(at, '\t', length);
    const an_row row = {at, last + 1, first - at, end - last - 1, origin};
    return an_dataset_append(d, &row);
}

an_status an_dataset_read_tsv(an_dataset *d, const char *file, const char *bytes, int64_t count)
{
    const char *at = bytes;
    const char *const end = bytes + count;
    for (int64_t line = 1; at < end; line++) {
        const char *const newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline ? newline : end;
        const char *const next = newline ? newline + 1 : end;
        if (stop > at && stop[-1] == '\r') stop--;
        if (stop > at) {
            const an_status status = read_line(d, at, stop, (an_origin){file, line});
            if (status != AN_OK) return status;
        }
        at = next;
    }
    return AN_OK;
}

/* ---- which format ------------------------------------------------------ */

static bool ends_with(const char *path, const char *ending)
{
    const size_t length = strlen(path), tail = strlen(ending);
    return length >= tail && strcasecmp(path + length - tail, ending) == 0;
}

/* By name, else by the first line: a header has commas, a TSV line has a tab. */
static an_dataset_format format_of(const char *path, const char *bytes, int64_t count)
{
    if (ends_with(path, ".csv")) return AN_FORMAT_CSV;
    if (ends_with(path, ".tsv")) return AN_FORMAT_TSV;
    const char *const newline = count > 0 ? memchr(bytes, '\n', (size_t)count) : NULL;
    const size_t length = (size_t)(newline ? newline - bytes : count);
    if (length == 0 || memchr(bytes, '\t', length)) return AN_FORMAT_TSV;
    return memchr(bytes, ',', length) ? AN_FORMAT_CSV : AN_FORMAT_TSV;
}

static bool is_folder(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

/* What Windows tools call "Unicode": two bytes a letter, begun with a mark. */
static bool is_utf16(const an_text *all)
{
    const char *const bytes = an_text_view(all);
    return all->length >= 2 && (!memcmp(bytes, "\xFF\xFE", 2) || !memcmp(bytes, "\xFE\xFF", 2));
}

static an_status read_file(an_dataset *d, const char *path, const an_dataset_options *o)
{
    static const char mark[] = "\xEF\xBB\xBF"; /* the byte-order mark of Windows tools */
    an_text all = {0};
    an_status status = an_file_read(path, &all, &d->error);
    if (status == AN_OK && is_utf16(&all))
        status = an_fail(&d->error, AN_E_DATA, "%s: it is UTF-16, and UTF-8 is read here: iconv "
                         "-f UTF-16 -t UTF-8", path);
    const bool marked = all.length >= 3 && memcmp(an_text_view(&all), mark, 3) == 0;
    const char *const bytes = an_text_view(&all) + (marked ? 3 : 0);
    const int64_t count = all.length - (marked ? 3 : 0);
    const an_dataset_format format =
        o->format == AN_FORMAT_AUTO ? format_of(path, bytes, count) : o->format;

    const char *const file =
        an_arena_string(&d->bytes, strcmp(path, "-") == 0 ? "standard input" : path);
    if (status == AN_OK && !file) status = an_dataset_no_memory(d);
    if (status == AN_OK && format == AN_FORMAT_CSV)
        status = an_dataset_read_csv(d, file, bytes, count, o);
    else if (status == AN_OK) status = an_dataset_read_tsv(d, file, bytes, count);
    an_text_free(&all);
    return status;
}

an_status an_dataset_read(an_dataset *d, const char *path, const an_dataset_options *options)
{
    if (!d) return AN_E_ARGUMENT;
    const int64_t before = an_dataset_begin(d);
    const an_dataset_options defaults = {0};
    const an_dataset_options *const o = options ? options : &defaults;
    if (!path) return an_fail(&d->error, AN_E_ARGUMENT, "data set: there is no path");
    if (o->format < AN_FORMAT_AUTO || o->format > AN_FORMAT_FOLDER)
        return an_fail(&d->error, AN_E_ARGUMENT, "data set: %d is no format", (int)o->format);

    const bool folder =
        o->format == AN_FORMAT_FOLDER || (o->format == AN_FORMAT_AUTO && is_folder(path));
    an_status status = folder ? an_dataset_read_folder(d, path) : read_file(d, path, o);
    if (status == AN_OK && d->count == before)
        status = an_fail(&d->error, AN_E_DATA, "%s: there are no rows in it", path);
    return an_dataset_end(d, before, status);
}
