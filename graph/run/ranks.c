/* ranks.c -- see ranks.h. A tree of bits, 64 to a word: every call touches a word a level, so a
 * set costs the same whatever its size.                                        */
#include "graph/run/ranks.h"

bool an_ranks_make(an_ranks *r, an_arena *arena, int64_t size)
{
    *r = (an_ranks){.size = size};
    for (int l = 0; l < AN_RANK_LEVELS; l++) {
        size = size / 64 + 1;
        r->level[l] = an_arena_alloc(arena, size * (int64_t)sizeof *r->level[l]);
        if (!r->level[l]) return false;
    }
    return true;
}

void an_ranks_put(an_ranks *r, int64_t i)
{
    for (int l = 0; l < AN_RANK_LEVELS; l++, i /= 64) r->level[l][i / 64] |= UINT64_C(1) << i % 64;
}

void an_ranks_drop(an_ranks *r, int64_t i)
{
    for (int l = 0; l < AN_RANK_LEVELS; l++, i /= 64) {
        r->level[l][i / 64] &= ~(UINT64_C(1) << i % 64);
        if (r->level[l][i / 64]) return;
    }
}

int64_t an_ranks_next(const an_ranks *r, int64_t i)
{
    for (int l = 0; l < AN_RANK_LEVELS; l++) {
        const uint64_t word = r->level[l][i / 64] & ~UINT64_C(0) << i % 64;
        if (!word) {
            i = i / 64 + 1; /* the words of a level are one more than it needs */
            continue;
        }
        i = i / 64 * 64 + __builtin_ctzll(word);
        while (l > 0) i = i * 64 + __builtin_ctzll(r->level[--l][i]);
        return i;
    }
    return r->size;
}

int64_t an_ranks_last(const an_ranks *r, int64_t i)
{
    for (int l = 0; l < AN_RANK_LEVELS; l++, i /= 64) {
        const uint64_t word = r->level[l][i / 64] & ~(~UINT64_C(0) << i % 64);
        if (!word) continue;
        i = i / 64 * 64 + 63 - __builtin_clzll(word);
        while (l > 0) {
            l--;
            i = i * 64 + 63 - __builtin_clzll(r->level[l][i]);
        }
        return i;
    }
    return -1;
}
