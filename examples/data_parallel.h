/* data_parallel.h -- one training on many ranks: the net, who has which rows, a rank's steps. */
#ifndef EXAMPLES_DATA_PARALLEL_H
#define EXAMPLES_DATA_PARALLEL_H

#include "examples/classifier.h"
#include "examples/example.h"
#include "examples/gpt.h"

typedef struct plan {
    example e;
    options data;      /* where reviews are from, as of the classifier */
    gpt_config config; /* of the language model */
    const char *model; /* "classifier" or "gpt" */
    const char *checkpoint;
    int64_t batch, steps, save_every, stop; /* batch: rows of all ranks together */
    bool resume, alone; /* alone: once more on rank 0 without the others, to compare */
    double rate;
} plan;

/* ---- data_parallel_net.c: the graph ------------------------------------------ */

typedef struct net {
    an_graph *graph;
    an_value loss, right; /* of all ranks: the mean loss, and of reviews the share that is right */
    an_updates step;
} net;

/* Of rows with T words or bytes each; `vocabulary` of reviews. */
net describe(const plan *p, int64_t vocabulary);

/* ---- data_parallel_rows.c: what is learned ------------------------------------- */

typedef struct rows {
    int64_t length, vocabulary, count, held; /* of reviews: how many, and where the test begins */
    an_tensor ids, label;  /* reviews, all of them: each rank takes its rows out of a batch */
    gpt_text text;
} rows;

bool read_rows(const plan *p, rows *all);
void free_rows(rows *all);

/* Rows `first` .. `first + count` of the global batch of that step: the same batch whatever the
 * number of ranks, drawn from seed and step. The tensors are owned and reused. */
typedef struct piece {
    an_tensor ids, label;
} piece;
bool take_rows(const plan *p, const rows *all, int64_t step, int64_t first, int64_t count,
               piece *out);
void free_piece(piece *b);

/* ---- data_parallel_train.c -------------------------------------------------------- */

enum { FIRST = 3 }; /* losses that are compared */

typedef struct training {
    const plan *plan;
    const rows *rows;
    net net;
    an_communicator *ranks; /* NULL: without the others */
    int rank, count;        /* of ranks */
    an_store *store;
    an_program *program, *tester;
    double first[FIRST], loss, score, seconds; /* score: right reviews, or bits a byte; a step's */
    int64_t done;
} training;

bool fail(const char *why); /* says so on stderr; false */
/* Weights from the seed, or the checkpoint; the program, with the others if there are ranks. */
bool prepare(training *t);
/* All steps that are left, up to where the plan stops; rank 0 of several saves. */
bool train(training *t);
/* On what is held out, in batches of 100 rows, by this rank alone. */
bool test(training *t);
void end(training *t);

#endif
