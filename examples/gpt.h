/* gpt.h -- what the files of the language model share. */
#ifndef EXAMPLES_GPT_H
#define EXAMPLES_GPT_H

#include "examples/example.h"

enum { BYTES = 256 }; /* a token is a byte of UTF-8 */

/* ---- gpt_text.c: what is learned ----------------------------------------- */

typedef struct gpt_text {
    unsigned char *byte; /* `count` of them; the last twentieth, from `held` on, is held out */
    int64_t count, held;
    double entropy;      /* bits a byte that were drawn by chance; 0: a file's */
} gpt_text;

/* Generated from a seed, or a file's; false, after a message, if there is none. */
bool generate_text(gpt_text *t, int64_t count, uint64_t seed);
bool read_text(gpt_text *t, const char *path);
void free_text(gpt_text *t);

/* ---- gpt_ngram.c: the baseline ------------------------------------------- */

typedef struct ngram ngram;
enum { MOST_ORDER = 5 };
/* Counts a text; order 1 to MOST_ORDER. NULL if out of memory. */
ngram *ngram_new(int order, const unsigned char *text, int64_t count);
void ngram_free(ngram *m);
/* Of the byte at `at`, given the order - 1 bytes before it. */
double ngram_probability(const ngram *m, const unsigned char *at);
/* Bits a byte, a mean over `count` bytes from `at` on. */
double ngram_bits(const ngram *m, const unsigned char *at, int64_t count);

/* ---- gpt_model.c: the architecture ---------------------------------------- */

typedef enum gpt_norm { GPT_PRE, GPT_POST, GPT_RMS } gpt_norm;

typedef struct gpt_config {
    gpt_norm norm;
    bool rotary; /* positions; else they are learned */
    int64_t context, width, heads, blocks, steps; /* the first: bytes that are seen */
} gpt_config;
enum { MOST_CONTEXT = 1024 };

typedef struct gpt {
    gpt_config config;
    an_graph *graph, *piece; /* of whole texts; of a piece behind what is cached */
    an_value loss;
    an_updates steps, caches;
    an_store *store;
    an_program *train, *test; /* give the loss, the latter of labels that are not -1 */
    an_program *whole, *next; /* logits of ids[B,T]; of the last of ids[1,T] from `position` on */
} gpt;

/* ids[B,T] -> logits[B,T,BYTES] of the bytes that follow. */
an_value gpt_logits(an_value ids, const gpt_config *c);
bool gpt_build(gpt *m, const gpt_config *config, uint64_t seed);
void gpt_free(gpt *m);

/* ---- gpt_train.c: learning, and what was learned --------------------------- */

bool gpt_train(const gpt *m, const gpt_text *t, uint64_t random);
/* Bits a byte of `count` held-out bytes from number `first` on: but for half a context all of
 * them, each scored once and with at least so many before it. */
bool gpt_test(const gpt *m, const gpt_text *t, double *bits, int64_t *first, int64_t *count);

/* ---- gpt_generate.c: text from the model ---------------------------------- */

typedef struct gpt_sampling {
    const char *prompt;
    int64_t count, top_k; /* bytes; the most likely of which one is drawn, 0: all */
    double temperature;   /* 0: always the most likely */
    uint64_t seed;
} gpt_sampling;

/* Writes `count` bytes that follow the prompt, and the seconds they took. Without `cached` every
 * byte costs a run of all that came before it. */
bool gpt_generate(const gpt *m, const gpt_sampling *s, bool cached, unsigned char *out,
                  double *seconds);

#endif
