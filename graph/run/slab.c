/* slab.c -- best fit over the holes that dead buffers leave.
 *
 * Training frees activations in the reverse of the order they were made in, and
 * inference frees them at once: the smallest hole that fits, of those the lowest,
 * comes within some per cent of what is alive. Touching holes are merged; a hole
 * that reaches the top is dropped. What is freed behind the gate can leave as many
 * holes as there are updates, so they are found through treaps: search trees that
 * stay shallow because a scrambled number decides who stands above whom.       */
#include "graph/run/slab.h"

enum { BY_OFFSET, BY_SIZE };

static an_status rounded(int64_t size, int64_t *out)
{
    return an_round_up(size > 0 ? size : 1, AN_SLAB_ALIGNMENT, out) ? AN_OK : AN_E_LIMIT;
}

/* ---- the trees --------------------------------------------------------- */

static bool less(int tree, const an_hole *a, const an_hole *b)
{
    if (tree == BY_SIZE && a->size != b->size) return a->size < b->size;
    return a->offset < b->offset;
}

static uint32_t rank_of(uint32_t hole)
{
    return hole * UINT32_C(0x9e3779b1);
}

/* The first hole that is not less than `key`, or the last that is; 0 if there is none. */
static uint32_t find(const an_slab *s, int tree, const an_hole *key, bool last_less)
{
    uint32_t found = 0;
    for (uint32_t i = s->root[tree]; i;) {
        const bool is_less = less(tree, &s->holes[i], key);
        if (is_less == last_less) found = i;
        i = is_less ? s->holes[i].above[tree] : s->holes[i].below[tree];
    }
    return found;
}

static void insert(an_slab *s, int tree, uint32_t hole)
{
    an_hole *h = &s->holes[hole];
    uint32_t *at = &s->root[tree];
    while (*at && rank_of(*at) > rank_of(hole))
        at = less(tree, &s->holes[*at], h) ? &s->holes[*at].above[tree]
                                           : &s->holes[*at].below[tree];
    uint32_t *below = &h->below[tree], *above = &h->above[tree];
    uint32_t rest = *at; /* stands under the new hole from now on, cut in two */
    *at = hole;
    while (rest) {
        const bool is_less = less(tree, &s->holes[rest], h);
        *(is_less ? below : above) = rest;
        if (is_less) below = &s->holes[rest].above[tree];
        else above = &s->holes[rest].below[tree];
        rest = is_less ? *below : *above;
    }
    *below = *above = 0;
}

static void take_out(an_slab *s, int tree, uint32_t hole)
{
    const an_hole *h = &s->holes[hole];
    uint32_t *at = &s->root[tree];
    while (*at != hole)
        at = less(tree, &s->holes[*at], h) ? &s->holes[*at].above[tree]
                                           : &s->holes[*at].below[tree];
    uint32_t below = h->below[tree], above = h->above[tree];
    while (below && above) {
        const bool higher = rank_of(below) > rank_of(above);
        *at = higher ? below : above;
        at = higher ? &s->holes[below].above[tree] : &s->holes[above].below[tree];
        if (higher) below = *at;
        else above = *at;
    }
    *at = below ? below : above;
}

/* ---- holes ------------------------------------------------------------- */

static bool add_hole(an_slab *s, int64_t offset, int64_t size)
{
    uint32_t hole = s->spare;
    if (hole) s->spare = s->holes[hole].below[0];
    else if (AN_GROW(s->holes, s->capacity, s->made + 2)) hole = (uint32_t)++s->made;
    if (!hole) return false;
    s->holes[hole] = (an_hole){.offset = offset, .size = size};
    insert(s, BY_OFFSET, hole);
    insert(s, BY_SIZE, hole);
    s->count++;
    return true;
}

static void remove_hole(an_slab *s, uint32_t hole)
{
    take_out(s, BY_OFFSET, hole);
    take_out(s, BY_SIZE, hole);
    s->holes[hole].below[0] = s->spare;
    s->spare = hole;
    s->count--;
}

/* ---- the calls --------------------------------------------------------- */

an_status an_slab_take(an_slab *s, int64_t size, int64_t *offset)
{
    an_status status = rounded(size, &size);
    if (status != AN_OK) return status;
    const uint32_t best = find(s, BY_SIZE, &(an_hole){.offset = -1, .size = size}, false);
    if (best) {
        const an_hole h = s->holes[best];
        *offset = h.offset;
        remove_hole(s, best);
        if (h.size > size) add_hole(s, h.offset + size, h.size - size); /* in what is spare */
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
    const uint32_t after = find(s, BY_OFFSET, &(an_hole){.offset = offset}, false);
    const uint32_t before = find(s, BY_OFFSET, &(an_hole){.offset = offset}, true);
    if (after && s->holes[after].offset == offset + size) {
        size += s->holes[after].size;
        remove_hole(s, after);
    }
    if (before && s->holes[before].offset + s->holes[before].size == offset) {
        offset = s->holes[before].offset;
        size += s->holes[before].size;
        remove_hole(s, before);
    }
    if (offset + size == s->top) {
        s->top = offset;
        return AN_OK;
    }
    return add_hole(s, offset, size) ? AN_OK : AN_E_MEMORY;
}

void an_slab_free(an_slab *s)
{
    if (!s) return;
    an_free(s->holes);
    *s = (an_slab){0};
}
