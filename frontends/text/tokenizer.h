/* tokenizer.h -- the inside of a tokenizer, shared with its JSON form.       */
#ifndef AN_FRONTENDS_TEXT_TOKENIZER_H
#define AN_FRONTENDS_TEXT_TOKENIZER_H

#include "core/text.h"
#include "frontends/frontends.h"
#include "frontends/text/intern.h"

/* What is known of word number n; the words stand in `an_tokenizer.words`. */
typedef struct an_word {
    int64_t count;     /* occurrences */
    int64_t texts;     /* texts it occurs in */
    int64_t last_text; /* the text (counted from 1) that raised `texts` last */
    int32_t id;        /* 0 until numbered */
} an_word;

struct an_tokenizer {
    int64_t num_words;
    char *filters, *split, *oov_token; /* well-formed UTF-8; oov_token may be NULL */
    bool keep_case, char_level;
    bool separates[128]; /* the ASCII characters of `filters` */
    bool other_filters;  /* `filters` has characters beyond ASCII */

    an_strings words; /* in order of first appearance */
    an_word *of;      /* one for each word */
    int64_t capacity;
    int64_t documents;
    int64_t *by_rank; /* all word numbers, by falling count */
    int64_t rank_capacity;
    int32_t oov_id; /* 0 without an oov_token */

    an_text lowered, split_up; /* scratch */
    an_status broken;          /* not AN_OK: refuses every use, `error` says why */
    an_error error;
};

/* Numbers the words by what was counted (fit and the JSON reader end with it). */
an_status an_tokenizer_rank(an_tokenizer *t);
/* Number of the word, entered with counts of 0 if it is new; -1: no memory. */
int64_t an_tokenizer_enter(an_tokenizer *t, const char *word, int64_t length);
/* Makes `status` and its message permanent: nothing works on `t` any more. */
an_status an_tokenizer_break(an_tokenizer *t, an_status status, const char *why);
/* The JSON of Tokenizer.to_json. */
an_status an_tokenizer_to_json(an_tokenizer *t, an_text *out);

#endif
