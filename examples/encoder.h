/* encoder.h -- what encoder.c trains on, encoder_data.c reads and encoder_report.c judges. */
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
    int64_t blocks;
    const char *train;            /* a file of unlabelled texts, one a line; NULL: generated */
    example e;
} plan;

/* Texts with a label and without; in a batch of pretraining, and of fine-tuning. */
enum { LABELLED = 500, HELD_OUT = 2000, BATCH = 32, FEW = 16, LONGEST = 512 };

/* All of the texts, no two of the generated ones alike; and what the tokenizer knows, which never
 * saw those held out. False after a message. */
bool load_corpus(corpus *c, const plan *p);
void free_corpus(corpus *c);

/* BATCH unlabelled texts by chance, cut to the longest of them, which is the result T: [BATCH, T].
 * 40 % of the words are to be guessed (Wettig et al. 2023; 15 % in Devlin et al. 2019). Of these
 * 80 % are shown as the mask, 10 % as some word, 10 % as they are. In `hidden` stands the word to
 * be guessed, elsewhere 0. */
int64_t hide_words(const corpus *c, uint64_t *random, int32_t *shown, int32_t *hidden);

/* The loss of guessing each hidden word by how often it occurs: the entropy of words, in nats. */
double loss_by_frequency(const corpus *c);

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

/* What runs against what was written, gradients and steps and all: a proof, and numbers. */
bool verify(example *e, const task *t, const an_program *p);

/* Tells the figures of all four, and whether they are what is asked: 5 points over the same encoder
 * from scratch. Of other texts than the generated ones, and of --small, nothing is asked. */
bool judge(plan *p, double most, double bag, double scratch, double tuned);

#endif
