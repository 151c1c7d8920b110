/* translate.h -- what translate.c trains on, how it searches, what it has to beat. */
#ifndef EXAMPLES_TRANSLATE_H
#define EXAMPLES_TRANSLATE_H

#include "examples/example.h"

enum { LENGTH = 18, WIDTH = 64, TEXT = 160, MOST_PAIRS = 20000, TEST = 500, MOST_WORDS = 300 };

/* Sentences and their translations. As ids a sentence ends in padding, which is 0. */
typedef struct pairs {
    int count;
    char source_text[MOST_PAIRS][TEXT], target_text[MOST_PAIRS][TEXT];
    int32_t source[MOST_PAIRS][LENGTH], length[MOST_PAIRS]; /* the latter of the source */
    int32_t target[MOST_PAIRS][LENGTH]; /* what the decoder reads: <s> and the words before */
    int32_t label[MOST_PAIRS][LENGTH];  /* what it is to say: the words and </s> */
} pairs;

/* The words of both languages, as the training pairs have them. */
typedef struct languages {
    an_tokenizer *source, *target;
    int32_t start, stop; /* <s> and </s>, of the target */
} languages;

/* translate_data.c: `count` new pairs, none of them among `known` if that is given. */
void draw_pairs(pairs *p, int count, const pairs *known, uint64_t *random);
/* Ids for the texts; the languages are made of the first pairs that come. False, after a message,
 * if memory is out. */
bool number_words(languages *l, pairs *p);

/* What has been made of the test pairs: the words and </s>, as in a label. */
typedef int32_t (*translations)[LENGTH];

/* translate_baselines.c: each word for itself, by the word that goes with it most surely; and
 * what the training pair with the nearest source says. */
void translate_words(const languages *l, const pairs *known, const pairs *test, translations t);
void translate_as_neighbour(const pairs *known, const pairs *test, translations t);

/* translate_search.c: two programs, and the marks of the target. */
typedef struct translator {
    an_program *encode; /* source [B,LENGTH], length [B]: what the decoder looks at */
    an_program *decode; /* that, length, target [B,T]: log-probabilities of all words */
    int32_t start, stop;
} translator;
enum { MOST_BEAM = 16 };
/* Greedy with a beam of 1. `scores`: the log-probability of each translation. False after a
 * message. */
bool translate_pairs(const translator *m, const pairs *p, int beam, translations t, double *scores);

/* translate_report.c: all that was made of the test pairs; prints it, and some of the sentences.
 * Whether it is good enough. */
typedef struct results {
    int32_t words[TEST][LENGTH], neighbour[TEST][LENGTH], greedy[TEST][LENGTH], beam[TEST][LENGTH];
    double greedy_score[TEST], beam_score[TEST];
    int width; /* of the beam */
} results;
bool report(example *e, const languages *l, const pairs *test, results *r);

#endif
