/* translate_search.c -- beam search: the likeliest translation, or nearly so.
 *
 * Of each sentence the `beam` likeliest beginnings are kept. Each is tried with every word behind
 * it, and the likeliest of what results are kept in turn, until all have ended. Likely is the sum
 * of log-probabilities, not divided by the length: the language says how long a sentence is. The
 * source is encoded once; the decoder reads each beginning anew, in one run for all. */
#include "examples/translate.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct beginning {
    int32_t word[LENGTH];
    bool ended;
    double score;
} beginning;

/* Puts a candidate where it belongs among the `beam` best, if it is one of them. */
static void offer(beginning *best, int beam, const beginning *b)
{
    int at = beam;
    while (at > 0 && b->score > best[at - 1].score) at--;
    if (at == beam) return;
    memmove(&best[at + 1], &best[at], (size_t)(beam - 1 - at) * sizeof *best);
    best[at] = *b;
}

/* One word more for the beginnings of one sentence, of `t` words; `scores` are those of the next
 * word, a row each `stride` numbers apart. */
static void extend(beginning *kept, int beam, int t, const float *scores, int64_t stride,
                   int64_t words, int32_t stop)
{
    beginning best[MOST_BEAM];
    for (int k = 0; k < beam; k++) best[k] = (beginning){.ended = true, .score = -INFINITY};
    for (int k = 0; k < beam; k++) {
        if (kept[k].ended) {
            offer(best, beam, &kept[k]);
            continue;
        }
        for (int32_t w = 1; w < words; w++) { /* 0 is padding */
            beginning b = {.score = kept[k].score + scores[k * stride + w]};
            if (b.score <= best[beam - 1].score) continue;
            memcpy(b.word, kept[k].word, sizeof b.word);
            b.word[t] = w;
            b.ended = w == stop;
            offer(best, beam, &b);
        }
    }
    memcpy(kept, best, (size_t)beam * sizeof *kept);
}

enum { ROWS = 256 };

/* What the decoder is given: a row for each beginning. */
typedef struct rows {
    float memory[ROWS][LENGTH * WIDTH];
    int32_t length[ROWS], target[ROWS * LENGTH];
    beginning kept[ROWS];
} rows;

static bool begin(const translator *m, rows *r, const pairs *p, int first, int count, int beam)
{
    an_tensor memory = {0};
    const an_tensor source = an_tensor_view(AN_I32, AN_EXTENTS(count, LENGTH),
                                            p->source[first]);
    const an_tensor length = an_tensor_view(AN_I32, AN_EXTENTS(count), &p->length[first]);
    const an_status status = an_run(m->encode, .feed = {{"source", &source}, {"length", &length}},
                                    .out = {&memory});
    for (int i = 0; status == AN_OK && i < count * beam; i++) {
        memcpy(r->memory[i], (float *)memory.data + (size_t)(i / beam) * LENGTH * WIDTH,
               sizeof r->memory[i]);
        r->length[i] = p->length[first + i / beam];
        /* One beginning, the empty one; the others count for nothing. */
        r->kept[i] = (beginning){.ended = i % beam > 0, .score = i % beam > 0 ? -INFINITY : 0};
    }
    an_tensor_free(&memory);
    if (status != AN_OK) fprintf(stderr, "translate: %s\n", an_program_message(m->encode));
    return status == AN_OK;
}

/* Word number t of `count` sentences; *more: some have not ended. */
static bool step(const translator *m, rows *r, int count, int beam, int t, an_tensor *scores,
                 bool *more)
{
    const int all = count * beam, width = t + 1;
    for (int i = 0; i < all; i++) {
        r->target[i * width] = m->start;
        memcpy(&r->target[i * width + 1], r->kept[i].word, (size_t)t * sizeof(int32_t));
    }
    const an_tensor memory = an_tensor_borrow(AN_F32, AN_EXTENTS(all, LENGTH, WIDTH), r->memory);
    const an_tensor length = an_tensor_borrow(AN_I32, AN_EXTENTS(all), r->length);
    const an_tensor target = an_tensor_borrow(AN_I32, AN_EXTENTS(all, width), r->target);
    if (an_run(m->decode, .feed = {{"memory", &memory}, {"length", &length}, {"target", &target}},
               .out = {scores}) != AN_OK) {
        fprintf(stderr, "translate: %s\n", an_program_message(m->decode));
        return false;
    }
    const int64_t words = scores->extent[2], stride = width * words;
    *more = false;
    for (int i = 0; i < all; i += beam) {
        extend(&r->kept[i], beam, t, (float *)scores->data + i * stride + t * words, stride, words,
               m->stop);
        for (int k = 0; k < beam; k++) *more = *more || !r->kept[i + k].ended;
    }
    return true;
}

bool translate_pairs(const translator *m, const pairs *p, int beam, translations to, double *scores)
{
    static rows r;
    an_tensor next = {0};
    bool good = true;
    for (int first = 0, count; good && first < p->count; first += count) {
        count = p->count - first < ROWS / beam ? p->count - first : ROWS / beam;
        good = begin(m, &r, p, first, count, beam);
        bool more = true;
        for (int t = 0; good && more && t < LENGTH; t++)
            good = step(m, &r, count, beam, t, &next, &more);
        for (int i = 0; good && i < count; i++) {
            memcpy(to[first + i], r.kept[i * beam].word, sizeof to[first + i]);
            scores[first + i] = r.kept[i * beam].score;
        }
    }
    an_tensor_free(&next);
    return good;
}
