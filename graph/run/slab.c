/* slab.c -- best fit over a sorted list of holes.
 *
 * Training frees activations in the reverse of the order they were made in, and
 * inference frees them at once: few holes exist at a time, and the smallest that
 * fits comes within some per cent of what is alive. Touching holes are merged,
 * so the list stays short; a hole that reaches the top is dropped.           */
#include "graph/run/slab.h"

#include <string.h>

static an_status rounded(int64_t size, int64_t *out)
{
    return an_round_up(size > 0 ? size : 1, AN_SLAB_ALIGNMENT, out) ? AN_OK : AN_E_LIMIT;
}

/* Index of the first hole at or beyond `offset`. */
static int64_t hole_after(const an_slab *s, int64_t offset)
{
    int64_t low = 0, high = s->count;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (s->holes[middle].offset < offset) low = middle + 1;
        else high = middle;
    }
    return low;
}

static void remove_hole(an_slab *s, int64_t i)
{
    s->count--;
    memmove(&s->holes[i], &s->holes[i + 1], (size_t)(s->count - i) * sizeof *s->holes);
}

an_status an_slab_take(an_slab *s, int64_t size, int64_t *offset)
{
    an_status status = rounded(size, &size);
    if (status != AN_OK) return status;
    int64_t best = -1;
    for (int64_t i = 0; i < s->count; i++)
        if (s->holes[i].size >= size && (best < 0 || s->holes[i].size < s->holes[best].size))
            best = i;
    if (best >= 0) {
        an_hole *h = &s->holes[best];
        *offset = h->offset;
        h->offset += size;
        h->size -= size;
        if (h->size == 0) remove_hole(s, best);
        return AN_OK;
    }
    int64_t top;
    if (!an_add_size(s->top, size, &top)) return AN_E_LIMIT;
    *offset = s->top;
    s->top = top;
    if (top > s->most) s->most = top;
    return AN_OK;
}

an_status an_slab_give(an_slab *s, int64_t size, int64_t offset)
{
    an_status status = rounded(size, &size);
    if (status != AN_OK) return status;
    int64_t i = hole_after(s, offset);
    if (i < s->count && s->holes[i].offset == offset + size) {
        size += s->holes[i].size;
        remove_hole(s, i);
    }
    if (i > 0 && s->holes[i - 1].offset + s->holes[i - 1].size == offset) {
        offset = s->holes[--i].offset;
        size += s->holes[i].size;
        remove_hole(s, i);
    }
    if (offset + size == s->top) {
        s->top = offset;
        return AN_OK;
    }
    if (!AN_GROW(s->holes, s->capacity, s->count + 1)) return AN_E_MEMORY;
    memmove(&s->holes[i + 1], &s->holes[i], (size_t)(s->count - i) * sizeof *s->holes);
    s->holes[i] = (an_hole){offset, size};
    s->count++;
    return AN_OK;
}

void an_slab_free(an_slab *s)
{
    if (!s) return;
    an_free(s->holes);
    *s = (an_slab){0};
}
