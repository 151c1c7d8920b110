/* data_parallel.h -- one training on many ranks: who has which rows, and which net learns. */
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

#endif
