/* speech_weights.c -- the file that a net is kept in, and with it the words that it tells. */
#include "examples/speech.h"

#include <stdio.h>
#include <string.h>

/* They stand in the file's metadata as "yes no up". */
bool find_words(const char *path, corpus *c)
{
    FILE *f = path ? fopen(path, "rb") : NULL;
    if (!f) return false;
    fclose(f);
    char *words = an_checkpoint_metadata(path, "words");
    for (char *w = words ? strtok(words, " ") : NULL; w && c->words < MOST_WORDS;
         w = strtok(NULL, " "))
        snprintf(c->name[c->words++], LONGEST_NAME, "%s", w);
    an_string_free(words);
    return true;
}

bool keep_words(an_store *store, const char *path, const corpus *c)
{
    char words[MOST_WORDS * (LONGEST_NAME + 1)] = "";
    for (int64_t w = 0; w < c->words; w++) {
        if (w) strcat(words, " ");
        strcat(words, c->name[w]);
    }
    const an_metadata more[] = {{"words", words}};
    return !path || an_checkpoint_save(store, path, more, 1) == AN_OK;
}
