/* sequences.c -- Keras's pad_sequences: ragged rows of ids to one rectangle.
 *
 * Pre is the default on both sides, as in Keras: a long row keeps its last
 * `maxlen` ids, a short one gets its filling in front.                       */
#include <string.h>

#include "core/memory.h"
#include "frontends/frontends.h"

void an_sequences_free(an_sequences *s)
{
    if (!s) return;
    an_free(s->start);
    an_free(s->ids);
    *s = (an_sequences){0};
}

static int64_t longest_row(const an_sequences *s)
{
    int64_t longest = 0;
    for (int64_t i = 0; i < s->count; i++) {
        const int64_t length = s->start[i + 1] - s->start[i];
        if (length > longest) longest = length;
    }
    return longest;
}

static bool is_side(an_side side)
{
    return side == AN_PRE || side == AN_POST;
}

/* One row of the result. */
static void pad_row(const int32_t *ids, int64_t length, int64_t columns, const an_pad_options *o,
                    int32_t *row)
{
    if (length > columns) {
        if (o->truncating == AN_PRE) ids += length - columns;
        length = columns;
    }
    const int64_t first = o->padding == AN_PRE ? columns - length : 0;
    for (int64_t i = 0; i < columns; i++) row[i] = o->value;
    if (length > 0) memcpy(row + first, ids, (size_t)length * sizeof *row);
}

an_status an_pad_sequences(const an_sequences *s, const an_pad_options *options, an_tensor *out)
{
    const an_pad_options defaults = {0};
    const an_pad_options *const o = options ? options : &defaults;
    if (!s || !out || s->count < 0 || (s->count > 0 && !s->start)) return AN_E_ARGUMENT;
    if (o->maxlen < 0 || !is_side(o->padding) || !is_side(o->truncating)) return AN_E_ARGUMENT;

    const int64_t columns = o->maxlen > 0 ? o->maxlen : longest_row(s);
    const int64_t extent[] = {s->count, columns};
    const an_status status = an_tensor_alloc(out, AN_I32, 2, extent);
    if (status != AN_OK) return status;
    static const int32_t no_words[1]; /* every row empty: there may be no ids at all */
    const int32_t *ids = s->ids ? s->ids : no_words;
    for (int64_t i = 0; i < s->count; i++)
        pad_row(ids + s->start[i], s->start[i + 1] - s->start[i], columns, o,
                (int32_t *)out->data + i * columns);
    return AN_OK;
}
