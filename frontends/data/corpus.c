/* corpus.c -- generated film reviews whose words do not give the label away.
 *
 * A data set for demonstrations and tests of models with a memory, small enough
 * to train on in seconds and needing no download. One sentence of each review
 * decides its label; it stands anywhere among sentences that say nothing, or say
 * what somebody else thought.
 *
 * Why counting words cannot solve it: a template is drawn without looking at the
 * label, and `$+` stands for a word of the label's own side, `$-` for one of the
 * other side. A template with both slots therefore gives each label the same
 * words in another order ("the plot was dull but the acting was superb" and "the
 * plot was superb but the acting was dull"). A template with one slot has a twin
 * with the other slot and the same remaining words, drawn as often ("not $- and
 * $n", "$+ and not $n").
 *
 * Two things are there for a counter to find, and bound what it can reach: one
 * verdict in four is plain ("the acting was superb"), and the last sentence leans
 * towards the label. Without plain verdicts a recurrent net starts as if from an
 * exclusive or: it learns nothing for ten epochs, then everything in one.     */
#include <string.h>

#include "core/memory.h"
#include "core/random.h"
#include "frontends/data/dataset.h"

#define CORPUS_STREAM 0x636f7270u /* "corp": apart from weights, dropout, order */
#define MOST_ROWS 1000000
#define FEWEST_WORDS 15
#define MOST_WORDS 60
#define MOST_SENTENCES 8
#define MOST_ATTEMPTS 16 /* for each row wanted or there: far more than chance needs */
#define PLAIN 0.25 /* share of reviews with a plain verdict */
#define LEAN 0.7   /* share of last sentences that agree with the label */

#define COUNT_OF(array) ((int64_t)(sizeof(array) / sizeof *(array)))

/* ---- the words --------------------------------------------------------- */

static const char *const good_words[] = {"good",      "great",     "gripping", "moving",
                                         "brilliant", "touching",  "charming", "superb",
                                         "clever",    "wonderful", "fresh",    "convincing"};
static const char *const bad_words[] = {"bad",    "weak",     "dull",     "boring",
                                        "clumsy", "tedious",  "lifeless", "poor",
                                        "messy",  "terrible", "flat",     "hollow"};
static const char *const neutral_words[] = {"long",  "loud",    "dark", "quiet",
                                            "short", "strange", "slow", "busy"};
static const char *const aspects[] = {"plot",      "acting",   "script", "music",
                                      "camera",    "dialogue", "ending", "pacing",
                                      "direction", "humour",   "story",  "cast"};
static const char *const people[] = {"My brother", "My sister", "A friend",    "Our neighbour",
                                     "The critic", "My father", "A colleague", "The man beside me"};
static const char *const places[] = {"at home",       "on a plane",       "in a small theatre",
                                     "at a festival", "in an old cinema", "in the open air"};
static const char *const times[] = {"last night",    "on Sunday",  "in the holidays",
                                    "two weeks ago", "after work", "on a rainy day"};

/* ---- the sentences ----------------------------------------------------- */

/* Slots: $+ and $- see above; $x a judging word of either side, by chance; $n a
 * neutral word; $a and $b two different aspects; $w who; $p where; $t when. */
static const char *const deciding[] = {
    "The $a was $-, but the $b was $+ and that decides it.",
    "The $a may be $-, but the $b is $+.",
    "Although the $a was $-, the $b was $+.",
    "The $a was $+, although the $b was $-.",
    "It begins $- and it ends $+.",
    "I expected a $- film and I saw a $+ one.",
    "I saw a $+ film where I had expected a $- one.",
    "The $a was not $- at all, it was $+.",
    "The $a was $+, it was not $- at all.",
    "Do not believe that the $a is $-, because it is $+.",
    /* twins */
    "In the end the $a was not $- and it was $n.",
    "In the end the $a was $+ and it was not $n.",
    "You would not call the $a $-, you would call it $n.",
    "You would call the $a $+, you would not call it $n.",
};

static const char *const plain[] = {
    "The $a was $+.",
    "All in all the $a was $+.",
    "I must say that the $a is $+.",
};

static const char *const fillers[] = {
    "I watched it $p $t.",
    "We saw it $p with some friends.",
    "$w came along $t.",
    "The seats were full and the room was $n.",
    "It is about a family that moves to the coast.",
    "It tells of two strangers who meet on a train.",
    "The hero is a teacher who loses his job.",
    "Most of it takes place in one house.",
    "I have not read the book.",
    "I did not know the actors before.",
    "The film runs for about two hours.",
    "It was made some ten years ago.",
    "There is a $n scene on a bridge, but I will not spoil it.",
    "Somebody behind us was eating all the time.",
    "The tickets were not cheap.",
    "It was shown with subtitles.",
    "$w had chosen it for us.",
    "There is a second part, but we have not seen it.",
};

/* What others think is no part of the verdict. */
static const char *const hearsay[] = {
    "$w found it $x.",
    "$w had told me that the $a was $x.",
    "$w called the $b $x.",
    "$w would not say that it was $x.",
};

static const char *const warm_ends[] = {"We talked about it for hours.", "I bought the poster.",
                                        "I may see it again."};
static const char *const cold_ends[] = {"We went home early.", "I forgot the title.",
                                        "Once is enough."};

/* ---- drawing ----------------------------------------------------------- */

/* One review's own sequence of random numbers. */
typedef struct dice {
    an_stream stream;
    int64_t drawn;
} dice;

static int64_t draw(dice *r, int64_t below)
{
    const double u = an_draw_uniform(&r->stream, r->drawn++);
    return (int64_t)(u * (double)below); /* `below` is tiny: never rounds up to it */
}

static bool chance(dice *r, double probability)
{
    return an_draw_uniform(&r->stream, r->drawn++) < probability;
}

static const char *pick(dice *r, const char *const *words, int64_t count)
{
    return words[draw(r, count)];
}
#define PICK(r, words) pick((r), (words), COUNT_OF(words))

/* Two different aspects for the slots of one sentence. */
typedef struct subjects {
    const char *a, *b;
} subjects;

static subjects pick_subjects(dice *r)
{
    const int64_t count = COUNT_OF(aspects), a = draw(r, count);
    const int64_t b = (a + 1 + draw(r, count - 1)) % count;
    return (subjects){aspects[a], aspects[b]};
}

static const char *fill_slot(dice *r, char slot, bool positive, const subjects *s)
{
    switch (slot) {
    case '+':
        return positive ? PICK(r, good_words) : PICK(r, bad_words);
    case '-':
        return positive ? PICK(r, bad_words) : PICK(r, good_words);
    case 'x':
        return chance(r, 0.5) ? PICK(r, good_words) : PICK(r, bad_words);
    case 'n':
        return PICK(r, neutral_words);
    case 'a':
        return s->a;
    case 'b':
        return s->b;
    case 'w':
        return PICK(r, people);
    case 'p':
        return PICK(r, places);
    case 't':
        return PICK(r, times);
    default:
        return "";
    }
}

static void say(dice *r, const char *sentence, bool positive, an_text *out)
{
    const subjects s = pick_subjects(r);
    if (out->length > 0) an_text_add(out, " ");
    for (const char *at = sentence; *at;) {
        const char *const slot = strchr(at, '$');
        if (!slot) {
            an_text_add(out, at);
            break;
        }
        an_text_add_bytes(out, at, slot - at);
        an_text_add(out, fill_slot(r, slot[1], positive, &s));
        at = slot + 2;
    }
}

/* ---- one review -------------------------------------------------------- */

static const char *new_filler(dice *r, const char *const *said, int64_t count)
{
    for (;;) { /* there are many more fillers than sentences */
        const char *const filler = PICK(r, fillers);
        bool again = false;
        for (int64_t i = 0; i < count; i++) again = again || said[i] == filler;
        if (!again) return filler;
    }
}

/* Fillers, perhaps hearsay, the deciding sentence in a place of its own. */
static void write_review(dice *r, bool positive, an_text *out)
{
    const char *sentences[MOST_SENTENCES];
    int64_t count = 0;
    const int64_t wanted = 2 + draw(r, 4);
    for (; count < wanted; count++) sentences[count] = new_filler(r, sentences, count);
    if (chance(r, 0.5)) sentences[draw(r, count)] = PICK(r, hearsay);
    const int64_t place = draw(r, count + 1);
    memmove(sentences + place + 1, sentences + place, (size_t)(count - place) * sizeof *sentences);
    sentences[place] = chance(r, PLAIN) ? PICK(r, plain) : PICK(r, deciding);
    count++;
    if (chance(r, 0.5)) {
        const bool warm = chance(r, LEAN) == positive;
        sentences[count++] = warm ? PICK(r, warm_ends) : PICK(r, cold_ends);
    }
    for (int64_t i = 0; i < count; i++) say(r, sentences[i], positive, out);
}

static int64_t count_words(const char *text)
{
    int64_t words = *text != 0;
    for (; *text; text++) words += *text == ' ';
    return words;
}

/* ---- all of them ------------------------------------------------------- */

/* Rows come in pairs, one of each label, the order within a pair by chance: so any
 * part of the data set has both in (nearly) equal number. */
static bool label_of(uint64_t seed, int64_t row)
{
    const an_stream s = {seed, UINT32_MAX, CORPUS_STREAM};
    const bool first = an_draw_uniform(&s, row / 2) < 0.5;
    return row % 2 == 0 ? first : !first;
}

static an_status generate(an_dataset *d, int64_t count, uint64_t seed, an_strings *known)
{
    uint64_t attempt = 0;
    an_text text = {0};
    an_status status = AN_OK;
    const uint64_t most = MOST_ATTEMPTS * ((uint64_t)count + (uint64_t)d->count) + 1000;
    for (int64_t row = 0; row < count && status == AN_OK; attempt++) {
        if (attempt == most) {
            status = an_fail(&d->error, AN_E_LIMIT,
                             "data set: there are not enough different reviews left to generate");
            break;
        }
        const bool positive = label_of(seed, row);
        dice r = {{seed, attempt, CORPUS_STREAM}, 0};
        an_text_clear(&text);
        write_review(&r, positive, &text);
        if (text.failed) {
            status = an_dataset_no_memory(d);
            break;
        }
        const int64_t words = count_words(an_text_view(&text)), before = known->count;
        if (words < FEWEST_WORDS || words > MOST_WORDS) continue;
        if (an_strings_add(known, text.data, text.length) < 0) status = an_dataset_no_memory(d);
        if (known->count == before) continue; /* such a review is there already */
        const char *const label = positive ? "positive" : "negative";
        const an_row new_row = {
            label, text.data, (int64_t)strlen(label), text.length, {"generated", row + 1}};
        status = an_dataset_append(d, &new_row);
        row++;
    }
    an_text_free(&text);
    return status;
}

an_status an_dataset_generate(an_dataset *d, int64_t count, uint64_t seed)
{
    if (!d) return AN_E_ARGUMENT;
    const int64_t before = an_dataset_begin(d);
    if (count < 0 || count > MOST_ROWS)
        return an_fail(&d->error, AN_E_ARGUMENT,
                       "data set: %lld reviews cannot be generated; ask "
                       "for at most %d",
                       (long long)count, MOST_ROWS);
    an_strings known = {0};
    an_status status = AN_OK;
    for (int64_t i = 0; i < d->count && status == AN_OK; i++)
        if (an_strings_add(&known, d->texts[i], (int64_t)strlen(d->texts[i])) < 0)
            status = an_dataset_no_memory(d);
    if (status == AN_OK) status = generate(d, count, seed, &known);
    an_strings_free(&known);
    return an_dataset_end(d, before, status);
}
