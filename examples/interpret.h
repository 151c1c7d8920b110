/* interpret.h -- what interpret.c asks the classifier, and what is made of the answers. */
#ifndef EXAMPLES_INTERPRET_H
#define EXAMPLES_INTERPRET_H

#include "examples/classifier.h"
#include "examples/example.h"

/* Ways of saying what each word does for the class. */
enum { SLOPE, PATH, WITHOUT, METHODS };
enum { LONGEST = 400 };

/* One review. Scores are log-odds of the class that the net chose: their sigmoid is its chance. */
typedef struct explained {
    int64_t words;
    int32_t id[LONGEST];           /* padding behind the words */
    double by[METHODS][LONGEST];   /* what each word does for the score */
    int32_t chosen, label;
    double score, empty;           /* of the review, and of a text without words */
    double path_error;             /* the sum of by[PATH] against score - empty, as a share of it */
    int64_t points;                /* on the path, as many as it took */
    double fall[METHODS + 1];      /* of the chance without the words a method puts first; and
                                    * without as many random words, the mean of DRAWS draws */
} explained;
enum { DRAWS = 20 };

typedef struct plan {
    example e;
    options data;     /* where the reviews are from, as of the classifier */
    const char *checkpoint, *html;
    double rate;
    int64_t reviews, blanked; /* to be explained; words blanked in each to test that */
    bool color;
} plan;

/* ---- interpret.c ------------------------------------------------------- */

typedef struct model {
    an_graph *training, *asking;
    an_store *store;
    an_program *train, *test;
    an_program *look, *explain; /* of ids[B,T], way[B,1,1], chosen[B]: score[B]; does[B,T], too */
} model;

/* ---- interpret_ask.c ----------------------------------------------------- */

/* All about each of the last p->reviews texts. False after a message. */
bool explain_last(plan *p, const model *m, const examples *e, explained *all);

/* ---- interpret_report.c -------------------------------------------------- */

double chance(double log_odds);

/* The k-th word by its value, the largest first: an index; `order` has room for r->words. */
void rank_words(const explained *r, int method, int64_t *order);

/* Prints the first reviews and the figures, writes the page, and judges: paths complete within 1 %,
 * and the chance falls further without the words that the path names than without random ones, by
 * so much. False after a message. */
bool report(plan *p, const explained *all, const an_tokenizer *words, const an_dataset *texts,
            double accuracy);

#endif
