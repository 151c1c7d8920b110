/* index.c -- see index.h. Open addressing, at most two thirds full. A slot keeps 32 bits of
 * the hash and they alone choose its place, so that growing asks nobody.      */
#include "core/index.h"

#include "core/memory.h"

typedef struct an_index_slot {
    uint32_t hash, number; /* number 0: free */
} an_index_slot;

static uint64_t place_of(const an_index *x, uint32_t hash)
{
    return (uint64_t)hash * 0x9e3779b1u & (uint64_t)(x->size - 1);
}

static void file(an_index *x, an_index_slot s)
{
    uint64_t i = place_of(x, s.hash);
    while (x->slots[i].number) i = (i + 1) & (uint64_t)(x->size - 1);
    x->slots[i] = s;
}

static bool grow(an_index *x)
{
    an_index larger = {.size = x->size ? 2 * x->size : 16, .used = x->used};
    larger.slots = an_alloc_zeroed(larger.size * (int64_t)sizeof *larger.slots);
    if (!larger.slots) return false;
    for (int64_t i = 0; i < x->size; i++)
        if (x->slots[i].number) file(&larger, x->slots[i]);
    an_free(x->slots);
    *x = larger;
    return true;
}

bool an_index_add(an_index *x, uint64_t hash, uint32_t number)
{
    if (3 * (x->used + 1) > 2 * x->size && !grow(x)) return false;
    file(x, (an_index_slot){(uint32_t)hash, number});
    x->used++;
    return true;
}

uint32_t an_index_next(const an_index *x, uint64_t hash, uint64_t *probe)
{
    if (x->size == 0) return 0;
    const uint64_t mask = (uint64_t)(x->size - 1), first = place_of(x, (uint32_t)hash);
    for (;;) {
        const an_index_slot *s = &x->slots[(first + (*probe)++) & mask];
        if (s->number == 0 || s->hash == (uint32_t)hash) return s->number;
    }
}

void an_index_free(an_index *x)
{
    an_free(x->slots);
    *x = (an_index){0};
}
