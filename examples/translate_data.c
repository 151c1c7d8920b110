/* translate_data.c -- a language that has to be translated sentence by sentence.
 *
 *     the old queen will not carry a red stone near the river today
 *     hodi la regin veka jux la vod unen petr ruden porterat ne
 *
 * English goes to an invented language. The verb, second there, is last here, behind the object
 * and the place; the adverb, first or last there, is first; adjectives stand behind their nouns,
 * two of them in reverse. Articles and adjectives end by the gender of the noun, which neither
 * language shows in the noun itself, by number, and by case, which a preposition may govern.
 * The verb ends by number and tense, also where English says "will" whoever does it; "do not"
 * is one word at the end; "know" is another verb for what is alive.                */
#include "examples/translate.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- the lexicon ----------------------------------------------------------- */

enum { NOUNS = 16, ADJECTIVES = 10, VERBS = 8, ADVERBS = 4, PREPOSITIONS = 3, KNOW = 7 };

static const struct noun {
    const char *one, *many, *stem;
    int gender;
    bool alive;
} nouns[NOUNS] = {
    {"dog", "dogs", "kan", 0, true},        {"cat", "cats", "mir", 1, true},
    {"house", "houses", "dom", 2, false},   {"child", "children", "bel", 2, true},
    {"woman", "women", "sir", 1, true},     {"man", "men", "tor", 0, true},
    {"book", "books", "lib", 2, false},     {"river", "rivers", "vod", 1, false},
    {"tree", "trees", "arb", 0, false},     {"horse", "horses", "ekv", 0, true},
    {"bird", "birds", "avi", 1, true},      {"stone", "stones", "petr", 2, false},
    {"king", "kings", "rek", 0, true},      {"queen", "queens", "regin", 1, true},
    {"ship", "ships", "nav", 1, false},     {"village", "villages", "sel", 2, false}};

static const char *const adjectives[ADJECTIVES][2] = {
    {"old", "vek"},   {"young", "jun"}, {"small", "mal"},  {"big", "gran"}, {"red", "rud"},
    {"white", "blan"}, {"quiet", "til"}, {"brave", "fort"}, {"poor", "pov"}, {"good", "bon"}};

static const char *const verbs[VERBS][3] = { /* sees, see */
    {"sees", "see", "vid"},      {"loves", "love", "am"},      {"finds", "find", "trov"},
    {"carries", "carry", "port"}, {"follows", "follow", "sek"}, {"fears", "fear", "tem"},
    {"paints", "paint", "pent"}, {"knows", "know", "kon"}};

static const char *const adverbs[ADVERBS][2] = {
    {"today", "hodi"}, {"often", "saep"}, {"here", "cit"}, {"now", "num"}};

static const struct preposition {
    const char *name, *is;
    bool governs; /* the object's case */
} prepositions[PREPOSITIONS] = {{"in", "en", false}, {"near", "jux", false}, {"with", "kum", true}};

/* Of articles and adjectives, by number and gender; the object's case adds an n. */
static const char *const endings[2][3] = {{"o", "a", "e"}, {"oi", "ai", "ei"}};

/* ---- sentences ------------------------------------------------------------- */

#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
static void say(char *text, const char *format, ...)
{
    const size_t used = strlen(text);
    va_list list;
    va_start(list, format);
    if (used && used + 1 < TEXT) strcat(text, " ");
    vsnprintf(text + strlen(text), TEXT - strlen(text), format, list);
    va_end(list);
}

typedef struct phrase {
    bool many;
    const struct noun *noun;
    char source[TEXT / 4], target[TEXT / 4];
} phrase;

/* An article, up to two adjectives and a noun, in both languages. */
static phrase draw_phrase(bool object, uint64_t *random)
{
    const bool many = example_below(random, 3) == 0;
    phrase p = {.many = many, .noun = &nouns[example_below(random, NOUNS)]};
    const bool definite = example_below(random, 2);
    const int64_t count = example_below(random, 10); /* of adjectives: 0 half the time */
    const int64_t first = example_below(random, ADJECTIVES);
    const int64_t second = (first + 1 + example_below(random, ADJECTIVES - 1)) % ADJECTIVES;
    const char *ending = endings[p.many][p.noun->gender], *last = object ? "n" : "";

    char source[TEXT] = "", target[TEXT] = "";
    say(source, "%s", definite ? "the" : p.many ? "some" : "a");
    say(target, "%s%s%s", definite ? "l" : "un", ending, last);
    if (count >= 5) say(source, "%s", adjectives[first][0]);
    if (count >= 8) say(source, "%s", adjectives[second][0]);
    say(source, "%s", p.many ? p.noun->many : p.noun->one);
    say(target, "%s%s", p.noun->stem, p.many ? "im" : "");
    if (count >= 8) say(target, "%s%s%s", adjectives[second][1], ending, last);
    if (count >= 5) say(target, "%s%s%s", adjectives[first][1], ending, last);
    snprintf(p.source, sizeof p.source, "%s", source);
    snprintf(p.target, sizeof p.target, "%s", target);
    return p;
}

static void draw_sentence(char *source, char *target, uint64_t *random)
{
    const int64_t adverb = example_below(random, 2 * ADVERBS); /* half of them have none */
    const int64_t verb = example_below(random, VERBS);
    const bool early = example_below(random, 2), place = example_below(random, 2);
    const bool not = example_below(random, 4) == 0, will = example_below(random, 3) == 0;
    const struct preposition *at = &prepositions[example_below(random, PREPOSITIONS)];
    const phrase subject = draw_phrase(false, random), object = draw_phrase(true, random);
    const phrase where = draw_phrase(at->governs, random);

    source[0] = target[0] = 0;
    if (adverb < ADVERBS && early) say(source, "%s", adverbs[adverb][0]);
    say(source, "%s", subject.source);
    if (will || not) say(source, "%s", will ? "will" : subject.many ? "do" : "does");
    if (not) say(source, "not");
    say(source, "%s %s", verbs[verb][will || not || subject.many], object.source);
    if (place) say(source, "%s %s", at->name, where.source);
    if (adverb < ADVERBS && !early) say(source, "%s", adverbs[adverb][0]);

    if (adverb < ADVERBS) say(target, "%s", adverbs[adverb][1]);
    say(target, "%s", subject.target);
    if (place) say(target, "%s %s", at->is, where.target);
    say(target, "%s", object.target);
    say(target, "%s%s%s", verb == KNOW && !object.noun->alive ? "sap" : verbs[verb][2],
        will ? "er" : "", subject.many ? "an" : "at");
    if (not) say(target, "ne");
}

static bool among(const pairs *known, const char *source)
{
    for (int i = 0; known && i < known->count; i++)
        if (!strcmp(known->source_text[i], source)) return true;
    return false;
}

void draw_pairs(pairs *p, int count, const pairs *known, uint64_t *random)
{
    for (p->count = 0; p->count < count; p->count++)
        do draw_sentence(p->source_text[p->count], p->target_text[p->count], random);
        while (among(known, p->source_text[p->count]));
}

/* ---- numbers --------------------------------------------------------------- */

static bool make_languages(languages *l, const char *const *source, const char *const *target,
                           int count)
{
    /* A word that no training pair has is "?", which nobody can get right. */
    const an_tokenizer_options o = {.filters = "", .oov_token = "?"};
    l->source = an_tokenizer_new(&o);
    l->target = an_tokenizer_new(&o);
    const char *const marks[] = {"<s> </s>"};
    if (!l->source || !l->target || an_tokenizer_fit(l->source, source, count) != AN_OK ||
        an_tokenizer_fit(l->target, target, count) != AN_OK ||
        an_tokenizer_fit(l->target, marks, 1) != AN_OK)
        return false;
    l->start = an_tokenizer_id(l->target, "<s>");
    l->stop = an_tokenizer_id(l->target, "</s>");
    return true;
}

bool number_words(languages *l, pairs *p)
{
    static const char *source[MOST_PAIRS], *target[MOST_PAIRS];
    for (int i = 0; i < p->count; i++) {
        source[i] = p->source_text[i];
        target[i] = p->target_text[i];
    }
    an_sequences in = {0}, out = {0};
    const bool good = (l->source || make_languages(l, source, target, p->count)) &&
                      an_tokenizer_encode(l->source, source, p->count, &in) == AN_OK &&
                      an_tokenizer_encode(l->target, target, p->count, &out) == AN_OK;
    for (int i = 0; good && i < p->count; i++) {
        const int64_t length = in.start[i + 1] - in.start[i];
        const int64_t said = out.start[i + 1] - out.start[i];
        memset(p->source[i], 0, sizeof p->source[i]);
        memset(p->target[i], 0, sizeof p->target[i]);
        memset(p->label[i], 0, sizeof p->label[i]);
        p->length[i] = (int32_t)length;
        memcpy(p->source[i], in.ids + in.start[i], (size_t)length * sizeof(int32_t));
        memcpy(p->label[i], out.ids + out.start[i], (size_t)said * sizeof(int32_t));
        memcpy(p->target[i] + 1, p->label[i], (size_t)said * sizeof(int32_t));
        p->target[i][0] = l->start;
        p->label[i][said] = l->stop;
    }
    an_sequences_free(&in);
    an_sequences_free(&out);
    if (!good) fputs("translate: the words could not be numbered\n", stderr);
    return good;
}
