/* intern.c -- a set of strings, numbered in the order they came.
 *
 * Open addressing with linear probing, at most half full. It alone knows how
 * strings are hashed. A failed addition changes nothing.                     */
#include "frontends/text/intern.h"

#include <string.h>

#include "core/random.h"

#define FIRST_SLOTS 64

static uint64_t hash_of(const char *text, int64_t length)
{
    return an_hash_bytes(text, length, 0);
}

/* The slot that holds the string, or the free one where it belongs. */
static int64_t slot_of(const an_strings *s, const char *text, int64_t length, uint64_t hash)
{
    const uint64_t mask = (uint64_t)s->slot_count - 1;
    for (uint64_t i = hash & mask;; i = (i + 1) & mask) {
        if (s->slots[i] == 0) return (int64_t)i;
        const an_interned *const item = &s->items[s->slots[i] - 1];
        if (item->hash == hash && item->length == length &&
            memcmp(item->text, text, (size_t)length) == 0)
            return (int64_t)i;
    }
}

static bool grow_slots(an_strings *s)
{
    int64_t wanted = FIRST_SLOTS, bytes = 0;
    if (s->slot_count > 0 && !an_mul_size(s->slot_count, 2, &wanted)) return false;
    if (!an_mul_size(wanted, (int64_t)sizeof *s->slots, &bytes)) return false;
    int64_t *const slots = an_alloc_zeroed(bytes);
    if (!slots) return false;
    const uint64_t mask = (uint64_t)wanted - 1;
    for (int64_t n = 0; n < s->count; n++) {
        uint64_t i = s->items[n].hash & mask;
        while (slots[i] != 0) i = (i + 1) & mask;
        slots[i] = n + 1;
    }
    an_free(s->slots);
    s->slots = slots;
    s->slot_count = wanted;
    return true;
}

int64_t an_strings_find(const an_strings *s, const char *text, int64_t length)
{
    if (!s || !text || length < 0 || s->slot_count == 0) return -1;
    return s->slots[slot_of(s, text, length, hash_of(text, length))] - 1;
}

int64_t an_strings_add(an_strings *s, const char *text, int64_t length)
{
    if (!s || !text || length < 0) return -1;
    if (s->count >= s->slot_count / 2 && !grow_slots(s)) return -1;
    const uint64_t hash = hash_of(text, length);
    const int64_t slot = slot_of(s, text, length, hash);
    if (s->slots[slot] != 0) return s->slots[slot] - 1;

    if (!AN_GROW(s->items, s->capacity, s->count + 1)) return -1;
    const char *const copy = an_arena_text(&s->bytes, text, length);
    if (!copy) return -1;
    s->items[s->count] = (an_interned){copy, length, hash};
    s->slots[slot] = ++s->count;
    return s->count - 1;
}

void an_strings_free(an_strings *s)
{
    if (!s) return;
    an_free(s->items);
    an_free(s->slots);
    an_arena_free(&s->bytes);
    *s = (an_strings){0};
}
