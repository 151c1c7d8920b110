/* guess.h -- which of the right names a wrong one is nearest to. */
#ifndef AN_CORE_GUESS_H
#define AN_CORE_GUESS_H

#include "core/text.h"

/* Start with only `word` set, which is not NULL. */
typedef struct an_guess {
    const char *word;
    const char *best; /* NULL: no candidate yet */
    int distance;     /* Levenshtein's; 1 for what the word begins */
} an_guess;

void an_guess_try(an_guess *guess, const char *candidate); /* NULL is fine */
/* "; the nearest is 'x'", or nothing if there was no candidate. */
void an_guess_print(const an_guess *guess, an_text *out);
/* ", did you mean 'x'?" if something is near, else "". `out` keeps the text. */
const char *an_guess_hint(const an_guess *guess, an_text *out);

#endif
