/* guess.c -- see guess.h. */
#include "core/guess.h"

#include <string.h>

#define LONGEST 48 /* of longer words only the beginning counts */

static int shorter(size_t length)
{
    return length < LONGEST ? (int)length : LONGEST;
}

/* Levenshtein's distance: insertions, deletions and replacements between a and b. */
static int distance(const char *a, const char *b)
{
    int row[LONGEST + 1];
    const int na = shorter(strlen(a)), nb = shorter(strlen(b));
    for (int j = 0; j <= nb; j++) row[j] = j;
    for (int i = 1; i <= na; i++) {
        int corner = row[0]; /* the distance of both words one letter shorter */
        row[0] = i;
        for (int j = 1; j <= nb; j++) {
            const int replaced = corner + (a[i - 1] != b[j - 1]);
            corner = row[j];
            const int either = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            row[j] = replaced < either ? replaced : either;
        }
    }
    return row[nb];
}

void an_guess_try(an_guess *guess, const char *candidate)
{
    if (!candidate) return;
    const bool begun = guess->word[0] && !strncmp(candidate, guess->word, strlen(guess->word));
    const int d = begun ? 1 : distance(guess->word, candidate);
    if (guess->best && d >= guess->distance) return;
    guess->best = candidate;
    guess->distance = d;
}

const char *an_guess_hint(const an_guess *guess, an_text *out)
{
    const int near = 1 + shorter(strlen(guess->word)) / 3;
    if (guess->best && guess->distance <= near)
        an_text_addf(out, ", did you mean '%s'?", guess->best);
    return an_text_view(out);
}

void an_guess_print(const an_guess *guess, an_text *out)
{
    if (guess->best) an_text_addf(out, "; the nearest is '%.80s'", guess->best);
}
