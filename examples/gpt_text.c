/* gpt_text.c -- what is learned: a file, or lines whose parts depend on each other from afar.
 *
 *     Edith and Bo go to the harbour. The dogs {by the tree [of a man]} are wet. Bo asks Edith to
 *     leave the harbour.
 *
 * Two names and a place come again at the end of a line, the names in turned order; a verb agrees
 * with a noun before any number of brackets, which close as they were opened. None of this can be
 * seen in five bytes. Whoever sees all of it still has to guess what was drawn by chance: that is
 * the text's entropy.                                                          */
#include "examples/gpt.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"Edith", "Bo", "Marcus", "Anna", "Ivo", "Henrietta", "Paul",
                                    "Olga", "Tim", "Zelda", "Conrad", "Maud"};
static const char *const places[] = {"harbour", "mill", "old bridge", "church", "market", "river"};
static const char *const nouns[] = {"dog", "tree", "boat", "farmer", "cart", "lantern", "girl",
                                    "stone"};
static const char *const links[] = {"by", "of", "near", "behind"};
static const char *const states[] = {"wet", "gone", "very old", "quiet", "here again"};
#define COUNT(list) ((int64_t)(sizeof(list) / sizeof *(list)))

/* Where the text is written, and what it took to decide on it. */
typedef struct writer {
    gpt_text *text;
    int64_t room;
    uint64_t random;
    double bits;
} writer;

static void put(writer *w, const char *words)
{
    for (; *words && w->text->count < w->room; words++)
        w->text->byte[w->text->count++] = (unsigned char)*words;
}

static int64_t draw(writer *w, int64_t n)
{
    w->bits += log2((double)n);
    return example_below(&w->random, n);
}

/* A noun, in half the cases followed by another in brackets; whether it is several. */
static bool noun_phrase(writer *w, int depth)
{
    const bool many = draw(w, 2) == 1;
    put(w, nouns[draw(w, COUNT(nouns))]);
    if (many) put(w, "s");
    if (depth == 3 || draw(w, 2) == 0) return many;
    const int64_t bracket = draw(w, 3);
    put(w, (const char *[]){" (", " [", " {"}[bracket]);
    put(w, links[draw(w, COUNT(links))]);
    put(w, " the ");
    noun_phrase(w, depth + 1);
    put(w, (const char *[]){")", "]", "}"}[bracket]);
    return many;
}

static void line(writer *w)
{
    const int64_t first = draw(w, COUNT(names)), other = draw(w, COUNT(names) - 1);
    const char *a = names[first], *b = names[other + (other >= first)];
    const char *place = places[draw(w, COUNT(places))];
    put(w, a), put(w, " and "), put(w, b), put(w, " go to the "), put(w, place), put(w, ". The ");
    put(w, noun_phrase(w, 0) ? " are " : " is ");
    put(w, states[draw(w, COUNT(states))]);
    put(w, ". "), put(w, b), put(w, " asks "), put(w, a), put(w, " to leave the "), put(w, place);
    put(w, ".\n");
}

bool generate_text(gpt_text *t, int64_t count, uint64_t seed)
{
    *t = (gpt_text){.byte = malloc((size_t)count), .held = count - count / 20};
    if (!t->byte) {
        fprintf(stderr, "gpt: out of memory\n");
        return false;
    }
    writer w = {.text = t, .room = count, .random = seed};
    while (t->count < count) line(&w);
    t->entropy = w.bits / (double)count;
    return true;
}

/* Reads on to the end; false if something fails, and errno says what. */
static bool read_all(gpt_text *t, FILE *f)
{
    for (int64_t room = 1 << 16;; room *= 2) {
        unsigned char *more = realloc(t->byte, (size_t)room);
        if (!more) return false;
        t->byte = more;
        t->count += (int64_t)fread(more + t->count, 1, (size_t)(room - t->count), f);
        if (t->count < room) return ferror(f) == 0;
    }
}

bool read_text(gpt_text *t, const char *path)
{
    *t = (gpt_text){0};
    FILE *f = fopen(path, "rb");
    const bool good = f && read_all(t, f);
    if (!good) fprintf(stderr, "gpt: %s: %s\n", path, strerror(errno));
    if (f) fclose(f);
    t->held = t->count - t->count / 20;
    return good;
}

void free_text(gpt_text *t)
{
    free(t->byte);
}
