/* encoder.h -- what encoder.c trains on and encoder_data.c reads. */
#ifndef EXAMPLES_ENCODER_H
#define EXAMPLES_ENCODER_H

#include "examples/example.h"

/* Texts as rows of word ids, padded with 0 behind; of those with a label, the label. */
typedef struct texts {
    an_tensor ids, label; /* i32 [N, length] and [N] */
} texts;

typedef struct corpus {
    an_tokenizer *words;
    int32_t vocabulary, mask; /* ids there are; the last of them stands for a hidden word */
    int64_t length, classes;
    texts unlabelled, labelled, held_out;
} corpus;

typedef struct plan {
    int64_t texts, length, vocab; /* unlabelled ones; words of a text; of the vocabulary */
    int64_t steps, epochs;        /* of pretraining, of fine-tuning */
    const char *train;            /* a file of unlabelled texts, one a line; NULL: generated */
    example e;
} plan;

enum { LABELLED = 500, HELD_OUT = 2000, BATCH = 16, LONGEST = 512 };

/* All of the texts, no two of the generated ones alike; and what the tokenizer knows, which never
 * saw those held out. False after a message. */
bool load_corpus(corpus *c, const plan *p);
void free_corpus(corpus *c);

/* BATCH unlabelled texts by chance, cut to the longest of them, which is the result T: [BATCH, T].
 * Devlin et al. 2019: 15 % of the words are to be guessed. Of these 80 % are shown as the mask,
 * 10 % as some word, 10 % as they are. In `hidden` stands the word to be guessed, elsewhere 0. */
int64_t hide_words(const corpus *c, uint64_t *random, int32_t *shown, int32_t *hidden);

/* Baselines: the share of the most frequent label among those held out; a linear model of which
 * words occur. */
double majority(const corpus *c);
double bag_of_words(plan *p, const corpus *c);

/* A graph to be trained: its loss, what is measured of it, a step. */
typedef struct task {
    an_graph *graph;
    an_value loss, accuracy;
    an_updates step;
} task;

/* Trains on the labelled texts, as `text` has them; the share that is right of those held out. NaN
 * after a message. */
double tune(plan *p, const corpus *c, const task *t, an_store *store, const an_tensor *text,
            const an_tensor *held_out, const char *name);

#endif
