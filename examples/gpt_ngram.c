/* gpt_ngram.c -- the baseline: an interpolated Kneser-Ney model of bytes.
 *
 * With h the bytes before w, and h' those without their first,
 *
 *     P(w | h) = (max(c(hw) - D, 0) + D * kinds(h) * P(w | h')) / total(h)
 *
 * where c counts occurrences for the longest h, and for shorter ones the different bytes that
 * stand before hw; total(h) is the sum of c(hw) over all w and kinds(h) how many w there are.
 * A history that never occurred hands on to h'; behind the empty one every byte is equally
 * likely. D = n1 / (n1 + 2 n2), one for each length, from how many n-grams of that length have
 * a count of 1 and of 2; a half where none has a count of 1. Kneser & Ney 1995, interpolated as
 * in Chen & Goodman 1999.                                                      */
#include "examples/gpt.h"

#include <math.h>
#include <stdlib.h>

/* A string of up to MOST_ORDER bytes: as an n-gram, and as a history of longer ones. */
typedef struct gram {
    uint64_t key; /* 0: free */
    uint32_t count, total, kinds;
} gram;

struct ngram {
    int order;
    double discount[MOST_ORDER + 1];
    gram *table; /* open addressing */
    uint64_t used, slots; /* slots: a power of two */
};

/* The n bytes that end before `end`; their length makes it differ from 0 and from others. */
static uint64_t key_of(const unsigned char *end, int n)
{
    uint64_t key = (uint64_t)n + 1;
    for (int i = n; i > 0; i--) key = key << 8 | end[-i];
    return key;
}

static gram *slot_of(gram *table, uint64_t slots, uint64_t key)
{
    uint64_t hash = key * 0x9e3779b97f4a7c15u, i = (hash ^ hash >> 32) & (slots - 1);
    while (table[i].key && table[i].key != key) i = (i + 1) & (slots - 1);
    return &table[i];
}

static bool grow(ngram *m)
{
    const uint64_t slots = m->slots ? 2 * m->slots : 1024;
    gram *table = calloc(slots, sizeof *table);
    if (!table) return false;
    for (uint64_t i = 0; i < m->slots; i++)
        if (m->table[i].key) *slot_of(table, slots, m->table[i].key) = m->table[i];
    free(m->table);
    m->table = table;
    m->slots = slots;
    return true;
}

/* The entry of a string, made if there is none; room for it there is, see count_at. */
static gram *entry(ngram *m, uint64_t key)
{
    gram *g = slot_of(m->table, m->slots, key);
    m->used += g->key == 0;
    g->key = key;
    return g;
}

/* Counts the n-gram that ends before `end`. One that is new is another kind behind its history,
 * and another byte before the n-gram without its first. */
static bool count_at(ngram *m, const unsigned char *end)
{
    if (2 * (m->used + 2 * MOST_ORDER) > m->slots && !grow(m)) return false;
    for (int n = m->order; n > 0; n--) {
        const bool is_new = entry(m, key_of(end, n))->count++ == 0;
        gram *history = entry(m, key_of(end - 1, n - 1));
        history->total++;
        history->kinds += is_new;
        if (!is_new) break;
    }
    return true;
}

static void find_discounts(ngram *m)
{
    double with[MOST_ORDER + 1][3] = {{0}};
    for (uint64_t i = 0; i < m->slots; i++) {
        int n = -1;
        for (uint64_t key = m->table[i].key; key; key >>= 8) n += key >> 8 == 0 ? (int)key : 0;
        if (n > 0 && m->table[i].count < 3) with[n][m->table[i].count]++;
    }
    for (int n = 1; n <= m->order; n++)
        m->discount[n] = with[n][1] > 0 ? with[n][1] / (with[n][1] + 2 * with[n][2]) : 0.5;
}

ngram *ngram_new(int order, const unsigned char *text, int64_t count)
{
    ngram *m = calloc(1, sizeof *m);
    bool good = m && grow(m);
    if (m) m->order = order;
    for (int64_t end = order; good && end <= count; end++) good = count_at(m, text + end);
    if (good) {
        find_discounts(m);
        return m;
    }
    ngram_free(m);
    return NULL;
}

void ngram_free(ngram *m)
{
    if (m) free(m->table);
    free(m);
}

double ngram_probability(const ngram *m, const unsigned char *at)
{
    double p = 1.0 / BYTES;
    for (int n = 1; n <= m->order; n++) {
        const gram *history = slot_of(m->table, m->slots, key_of(at, n - 1));
        if (history->total == 0) break;
        const double count = slot_of(m->table, m->slots, key_of(at + 1, n))->count;
        const double kept = count > m->discount[n] ? count - m->discount[n] : 0;
        p = (kept + m->discount[n] * history->kinds * p) / history->total;
    }
    return p;
}

double ngram_bits(const ngram *m, const unsigned char *at, int64_t count)
{
    double bits = 0;
    for (int64_t i = 0; i < count; i++) bits -= log2(ngram_probability(m, at + i));
    return bits / (double)count;
}
