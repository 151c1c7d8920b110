/* batches.c -- named arrays whose axis 0 is the example, a few rows at a time. */
#include "frontends/train/batches.h"

#include <stdio.h>
#include <string.h>

#include "core/memory.h"

static int count_feeds(const an_feed *feed)
{
    int count = 0;
    for (int i = 0; i < AN_MAX_NAMED; i++)
        if (feed[i].name || feed[i].tensor) count = i + 1;
    return count;
}

static an_status open_feed(an_batches *b, const an_feed *feed, int i, an_at at, an_error *e)
{
    const an_tensor *const t = feed->tensor;
    if (!feed->name) return an_fail_at(e, at, AN_E_FEED, "feed number %d has no name", i);
    int64_t count, bytes;
    if (!t || t->rank > AN_MAX_RANK || !an_count_elements(t->rank, t->extent, &count) ||
        !an_mul_size(count, (int64_t)an_dtype_size(t->dtype), &bytes) || (bytes > 0 && !t->data))
        return an_fail_at(e, at, AN_E_FEED, "feed \"%s\" is no tensor", feed->name);
    if (t->rank == 0)
        return an_fail_at(e, at, AN_E_FEED, "feed \"%s\" is a scalar\n  hint: axis 0 of every feed "
                          "counts the examples", feed->name);
    if (t->extent[0] == 0)
        return an_fail_at(e, at, AN_E_FEED, "feed \"%s\" has no examples", feed->name);
    if (i > 0 && t->extent[0] != b->examples)
        return an_fail_at(e, at, AN_E_FEED, "feed \"%s\" has %lld examples, but feed \"%s\" has "
                          "%lld\n  hint: axis 0 of every feed counts the examples", feed->name,
                          (long long)t->extent[0], b->feed[0].name, (long long)b->examples);
    b->examples = t->extent[0];
    b->all[i] = an_tensor_borrow(t->dtype, t->rank, t->extent, t->data);
    b->batch[i] = b->all[i];
    b->row_bytes[i] = bytes / b->examples;
    b->feed[i] = (an_feed){feed->name, &b->batch[i]};
    return AN_OK;
}

an_status an_batches_open(an_batches *b, const an_feed feed[AN_MAX_NAMED], an_at at, an_error *e)
{
    *b = (an_batches){.count = count_feeds(feed)};
    if (b->count == 0)
        return an_fail_at(e, at, AN_E_FEED, "there are no arrays: name them in .data, as in "
                          ".data = {{\"x\", &x}}");
    an_status status = AN_OK;
    for (int i = 0; i < b->count && status == AN_OK; i++) status = open_feed(b, &feed[i], i, at, e);
    return status;
}

void an_batches_close(an_batches *b)
{
    for (int i = 0; i < b->count; i++) an_free_aligned(b->buffer[i]);
    *b = (an_batches){0};
}

static void *row_at(const an_batches *b, int i, int64_t row)
{
    return b->all[i].data ? (char *)b->all[i].data + row * b->row_bytes[i] : NULL;
}

void an_batches_narrow(an_batches *b, int64_t first, int64_t count)
{
    for (int i = 0; i < b->count; i++) {
        b->all[i].data = row_at(b, i, first);
        b->all[i].extent[0] = count;
    }
    b->examples = count;
}

an_status an_batches_reserve(an_batches *b, int64_t rows, an_error *e)
{
    for (int i = 0; i < b->count; i++) {
        int64_t bytes;
        if (!an_mul_size(b->row_bytes[i], rows, &bytes))
            return an_fail(e, AN_E_LIMIT, "a batch of %lld rows is too large", (long long)rows);
        b->buffer[i] = an_alloc_aligned(bytes > 0 ? bytes : 1);
        if (!b->buffer[i])
            return an_fail(e, AN_E_MEMORY, "there is no memory for a batch of feed \"%s\"",
                           b->feed[i].name);
    }
    return AN_OK;
}

void an_batches_view(an_batches *b, int64_t first, int64_t rows)
{
    for (int i = 0; i < b->count; i++) {
        b->batch[i].data = row_at(b, i, first);
        b->batch[i].extent[0] = rows;
    }
}

void an_batches_gather(an_batches *b, const int64_t *which, int64_t rows)
{
    for (int i = 0; i < b->count; i++) {
        const size_t bytes = (size_t)b->row_bytes[i];
        char *to = b->buffer[i];
        for (int64_t r = 0; r < rows && bytes > 0; r++, to += bytes)
            memcpy(to, row_at(b, i, which[r]), bytes);
        b->batch[i].data = b->buffer[i];
        b->batch[i].extent[0] = rows;
    }
}

an_status an_fail_at(an_error *e, an_at at, an_status status, const char *format, ...)
{
    char line[1200], text[AN_ERROR_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    status = an_status_of(status, line);
    if (!at.file) return an_fail(e, status, "%s", line);
    snprintf(text, sizeof text, "%.600s:%d: error AN-E%03d: %s", at.file, at.line, (int)status,
             line);
    return an_fail_text(e, status, text);
}
