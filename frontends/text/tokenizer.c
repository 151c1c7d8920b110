/* tokenizer.c -- Keras's Tokenizer: words to numbers by falling count.
 *
 * Follows keras_preprocessing 1.1.2 step by step, its oddities included:
 *   - filter characters are replaced by the split string, then the text is cut
 *     at exactly that string and empty pieces are dropped;
 *   - with char_level neither filters nor split are looked at;
 *   - an oov_token gets id 1 and all words move up by one; if the same word
 *     occurs in the texts it has that word's id, and id 1 belongs to nobody.
 *
 * Invariant: once fit has returned, ids are a pure function of the counts and
 * of the order in which words first came.                                    */
#include "frontends/text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "frontends/text/unicode.h"

/* ---- life and death ---------------------------------------------------- */

an_status an_tokenizer_break(an_tokenizer *t, an_status status, const char *why)
{
    t->broken = status;
    an_error_clear(&t->error);
    return an_fail(&t->error, status, "tokenizer: %s", why);
}

/* The option as well-formed UTF-8 of its own; NULL if memory is out. */
static char *own_text(const char *text)
{
    an_text clean = {0};
    an_utf8_add_clean(&clean, text, (int64_t)strlen(text));
    an_text_add(&clean, "");
    return an_text_take(&clean);
}

static bool take_options(an_tokenizer *t, const an_tokenizer_options *o)
{
    t->num_words = o->num_words;
    t->keep_case = o->keep_case;
    t->char_level = o->char_level;
    t->filters = own_text(o->filters ? o->filters : AN_TOKENIZER_FILTERS);
    t->split = own_text(o->split ? o->split : " ");
    t->oov_token = o->oov_token ? own_text(o->oov_token) : NULL;
    if (!t->filters || !t->split || (o->oov_token && !t->oov_token)) return false;

    for (const char *c = t->filters; *c; c++) {
        const unsigned char byte = (unsigned char)*c;
        if (byte < 128) t->separates[byte] = true;
        else t->other_filters = true;
    }
    t->oov_id = t->oov_token ? 1 : 0;
    return true;
}

an_tokenizer *an_tokenizer_new(const an_tokenizer_options *options)
{
    an_tokenizer *const t = an_alloc_zeroed((int64_t)sizeof *t);
    if (!t) return NULL;
    const an_tokenizer_options defaults = {0};
    if (!take_options(t, options ? options : &defaults)) {
        an_tokenizer_free(t);
        return NULL;
    }
    if (t->num_words < 0)
        an_tokenizer_break(t, AN_E_ARGUMENT, "num_words is negative; use 0 for no limit");
    else if (t->split[0] == 0)
        an_tokenizer_break(t, AN_E_ARGUMENT,
                           "the split string is empty; use char_level to cut at every character");
    return t;
}

void an_tokenizer_free(an_tokenizer *t)
{
    if (!t) return;
    an_free(t->filters);
    an_free(t->split);
    an_free(t->oov_token);
    an_strings_free(&t->words);
    an_free(t->of);
    an_free(t->by_rank);
    an_text_free(&t->lowered);
    an_text_free(&t->split_up);
    an_free(t);
}

const char *an_tokenizer_message(const an_tokenizer *t)
{
    return t ? t->error.text : "";
}

/* ---- from a text to its words ------------------------------------------ */

typedef struct piece {
    const char *at;
    int64_t length;
} piece;

static void text_empty(an_text *text) /* keeps the memory for the next one */
{
    an_text_clear(text);
}

static bool separates(const an_tokenizer *t, const char *at, int64_t length)
{
    if (length == 1) return t->separates[(unsigned char)*at];
    return t->other_filters && memmem(t->filters, strlen(t->filters), at, (size_t)length);
}

/* Puts the split string where a filter character stands. */
static void replace_filters(an_tokenizer *t)
{
    const char *at = an_text_view(&t->lowered), *run = at;
    const char *const end = at + t->lowered.length;
    while (at < end) {
        const int64_t length = an_utf8_length(*at);
        if (separates(t, at, length)) {
            an_text_add_bytes(&t->split_up, run, at - run);
            an_text_add(&t->split_up, t->split);
            run = at + length;
        }
        at += length;
    }
    an_text_add_bytes(&t->split_up, run, end - run);
}

/* Sets `rest` to what is left to be cut into words. False: no memory. */
static bool prepare(an_tokenizer *t, const char *text, piece *rest)
{
    const int64_t length = (int64_t)strlen(text);
    text_empty(&t->lowered);
    text_empty(&t->split_up);
    if (t->keep_case) an_utf8_add_clean(&t->lowered, text, length);
    else an_utf8_add_lower(&t->lowered, text, length);
    if (!t->char_level && !t->lowered.failed) replace_filters(t);
    const an_text *const result = t->char_level ? &t->lowered : &t->split_up;
    const bool good = !t->lowered.failed && !t->split_up.failed;
    if (!good) { /* forget the sticky failure: memory may come back */
        an_text_free(&t->lowered);
        an_text_free(&t->split_up);
        return false;
    }
    *rest = (piece){an_text_view(result), result->length};
    return true;
}

/* Takes the next word off `rest`; false at the end. */
static bool next_word(const an_tokenizer *t, piece *rest, piece *word)
{
    const int64_t split_length = (int64_t)strlen(t->split);
    while (rest->length > 0) {
        const char *const at = rest->at;
        int64_t length, step;
        if (t->char_level) {
            length = step = an_utf8_length(*at);
        } else {
            const char *const cut =
                memmem(at, (size_t)rest->length, t->split, (size_t)split_length);
            length = cut ? cut - at : rest->length;
            step = cut ? length + split_length : length;
        }
        *rest = (piece){at + step, rest->length - step};
        *word = (piece){at, length};
        if (length > 0) return true;
    }
    return false;
}

/* ---- counting and numbering -------------------------------------------- */

int64_t an_tokenizer_enter(an_tokenizer *t, const char *word, int64_t length)
{
    if (!AN_GROW(t->of, t->capacity, t->words.count + 1)) return -1;
    const int64_t known = t->words.count;
    const int64_t n = an_strings_add(&t->words, word, length);
    if (n == known) t->of[n] = (an_word){0};
    return n;
}

static bool count_words(an_tokenizer *t, const char *text)
{
    piece rest, word;
    if (!prepare(t, text, &rest)) return false;
    t->documents++;
    while (next_word(t, &rest, &word)) {
        const int64_t n = an_tokenizer_enter(t, word.at, word.length);
        if (n < 0) return false;
        an_word *const w = &t->of[n];
        w->count++;
        if (w->last_text != t->documents) w->texts++;
        w->last_text = t->documents;
    }
    return true;
}

/* Falling count, then first appearance: a total order, so any sort will do. */
static int compare_words(const void *a, const void *b, void *words)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    const an_word *const of = words;
    if (of[x].count != of[y].count) return of[x].count > of[y].count ? -1 : 1;
    return x < y ? -1 : x > y;
}

an_status an_tokenizer_rank(an_tokenizer *t)
{
    const int64_t count = t->words.count;
    if (count >= INT32_MAX - 1)
        return an_tokenizer_break(t, AN_E_LIMIT, "more words than a 32-bit id can number");
    if (!AN_GROW(t->by_rank, t->rank_capacity, count))
        return an_tokenizer_break(t, AN_E_MEMORY, "no memory to number the words");
    for (int64_t i = 0; i < count; i++) t->by_rank[i] = i;
    if (count > 0) qsort_r(t->by_rank, (size_t)count, sizeof *t->by_rank, compare_words, t->of);
    const int32_t first = t->oov_token ? 2 : 1;
    for (int64_t i = 0; i < count; i++) t->of[t->by_rank[i]].id = first + (int32_t)i;
    if (t->oov_token) {
        const int64_t n = an_strings_find(&t->words, t->oov_token, (int64_t)strlen(t->oov_token));
        t->oov_id = n < 0 ? 1 : t->of[n].id;
    }
    return AN_OK;
}

/* ---- the calls --------------------------------------------------------- */

/* Every call starts with no message, unless the tokenizer is beyond use. */
static an_status begin(an_tokenizer *t, const char *const *texts, int64_t count)
{
    if (!t) return AN_E_ARGUMENT;
    if (t->broken != AN_OK) return t->broken;
    an_error_clear(&t->error);
    if (count < 0 || (count > 0 && !texts))
        return an_fail(&t->error, AN_E_ARGUMENT, "tokenizer: there are no texts");
    for (int64_t i = 0; i < count; i++)
        if (!texts[i])
            return an_fail(&t->error, AN_E_ARGUMENT, "tokenizer: text %lld is NULL", (long long)i);
    return AN_OK;
}

an_status an_tokenizer_fit(an_tokenizer *t, const char *const *texts, int64_t count)
{
    const an_status status = begin(t, texts, count);
    if (status != AN_OK) return status;
    for (int64_t i = 0; i < count; i++)
        if (!count_words(t, texts[i]))
            return an_tokenizer_break(t, AN_E_MEMORY, "no memory to count words; start anew");
    return an_tokenizer_rank(t);
}

/* The id that stands in a sequence for this word; 0 where nothing does. */
static int32_t encoded(const an_tokenizer *t, const piece *word)
{
    const int64_t n = an_strings_find(&t->words, word->at, word->length);
    if (n < 0) return t->oov_id;
    const int32_t id = t->of[n].id;
    return t->num_words > 0 && id >= t->num_words ? t->oov_id : id;
}

static bool encode_texts(an_tokenizer *t, const char *const *texts, int64_t count,
                         an_sequences *out)
{
    int64_t starts = 0, capacity = 0, used = 0, ends = 0;
    if (!an_add_size(count, 1, &ends) || !AN_GROW(out->start, starts, ends)) return false;
    out->count = count;
    out->start[0] = 0;
    for (int64_t i = 0; i < count; i++) {
        piece rest, word;
        if (!prepare(t, texts[i], &rest)) return false;
        while (next_word(t, &rest, &word)) {
            const int32_t id = encoded(t, &word);
            if (id == 0) continue;
            if (!AN_GROW(out->ids, capacity, used + 1)) return false;
            out->ids[used++] = id;
        }
        out->start[i + 1] = used;
    }
    return true;
}

an_status an_tokenizer_encode(an_tokenizer *t, const char *const *texts, int64_t count,
                              an_sequences *out)
{
    const an_status status = begin(t, texts, count);
    if (status != AN_OK) return status;
    if (!out) return an_fail(&t->error, AN_E_ARGUMENT, "tokenizer: nowhere to put the sequences");
    an_sequences fresh = {0};
    if (!encode_texts(t, texts, count, &fresh)) {
        an_sequences_free(&fresh);
        return an_fail(&t->error, AN_E_MEMORY, "tokenizer: no memory for the sequences");
    }
    an_sequences_free(out);
    *out = fresh;
    return AN_OK;
}

/* ---- looking things up ------------------------------------------------- */

/* Whether the oov_token is a word of word_index that no text holds. */
static bool has_own_oov(const an_tokenizer *t)
{
    return t->oov_token && t->oov_id == 1;
}

int64_t an_tokenizer_words(const an_tokenizer *t)
{
    return t ? t->words.count + (has_own_oov(t) ? 1 : 0) : 0;
}

int64_t an_tokenizer_vocabulary(const an_tokenizer *t)
{
    if (!t) return 0;
    const int64_t rows = t->words.count + (t->oov_token ? 2 : 1);
    if (t->num_words == 0 || rows <= t->num_words) return rows;
    return t->oov_id >= t->num_words ? (int64_t)t->oov_id + 1 : t->num_words;
}

int64_t an_tokenizer_documents(const an_tokenizer *t)
{
    return t ? t->documents : 0;
}

static int64_t number_of(const an_tokenizer *t, const char *word)
{
    return t && word ? an_strings_find(&t->words, word, (int64_t)strlen(word)) : -1;
}

int32_t an_tokenizer_id(const an_tokenizer *t, const char *word)
{
    const int64_t n = number_of(t, word);
    if (n >= 0) return t->of[n].id;
    return t && word && has_own_oov(t) && strcmp(word, t->oov_token) == 0 ? 1 : 0;
}

const char *an_tokenizer_word(const an_tokenizer *t, int32_t id)
{
    if (!t || t->broken != AN_OK) return NULL;
    if (id == 1 && has_own_oov(t)) return t->oov_token;
    const int64_t rank = (int64_t)id - (t->oov_token ? 2 : 1);
    if (rank < 0 || rank >= t->words.count) return NULL;
    return t->words.items[t->by_rank[rank]].text;
}

int64_t an_tokenizer_count(const an_tokenizer *t, const char *word)
{
    const int64_t n = number_of(t, word);
    return n < 0 ? 0 : t->of[n].count;
}
