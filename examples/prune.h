/* prune.h -- what prune.c takes away from a classifier, and what it finds. */
#ifndef EXAMPLES_PRUNE_H
#define EXAMPLES_PRUNE_H

#include "examples/classifier.h"
#include "examples/example.h"

/* ---- prune_mask.c --------------------------------------------------------- */

enum { MOST = 64 };

/* Parameters of a graph by name. Matrices are pruned; biases and what a norm has are few, and
 * stay. */
typedef struct weights {
    int count;
    const char *name[MOST];  /* the graph's */
    an_value value[MOST];
    bool matrix[MOST];
    an_tensor trained[MOST]; /* copies: see keep_weights */
} weights;

/* All float states that the graph has by now. False after a message. */
bool find_weights(weights *w, an_graph *g);
/* Copies what the store has of them; and gives it back, no mask hiding anything. */
bool keep_weights(weights *w, an_store *store);
bool restore_weights(const weights *w, an_store *store);
void free_weights(weights *w);

/* Sets a share of each matrix to 0: the smallest weights (Han et al. 2015) or any; what is 0
 * already goes first. The state "mask/NAME" becomes 0 there and 1 elsewhere. */
bool take_weights(const weights *w, an_store *store, double share, bool by_chance, uint64_t seed);

/* An optimizer's moments and steps become 0; its rate stays. */
bool forget(an_store *store, const char *optimizer);

/* ---- prune_train.c --------------------------------------------------------- */

typedef struct plan {
    example e;
    options o; /* of the data, as the classifier takes them */
    const char *csv, *svg, *keep;
    int64_t epochs, tuning;
    double rate;
} plan;

typedef struct model {
    an_graph *graph;
    an_store *store;
    an_program *train, *tune, *test;
    weights weights;
} model;

/* Epochs of a program on all but the last fifth of the texts, which is for tests. */
bool fit(an_program *train, const plan *p, const examples *e, int64_t epochs, uint64_t seed);
bool test(const model *m, const examples *e, double *accuracy);

/* ---- prune_file.c ----------------------------------------------------------- */

/* The weights in a safetensors file, without what training adds to them. A matrix NAME[R, C] that
 * gets smaller by it is three tensors, as PyTorch's sparse_csr has them: NAME.values, f32[n], what
 * is not 0, row by row; NAME.col_indices, i32[n], the column of each; and NAME.crow_indices,
 * i32[R + 1]: those of row r stand from crow_indices[r] up to crow_indices[r + 1]. All else
 * stands there as it is. The file's bytes; -1 after a message. */
int64_t save_sparse(const weights *w, an_store *store, const char *path);
/* Gives the store, which has weights of those types, the file's. False after a message. */
bool load_sparse(const weights *w, an_store *store, const char *path);

/* ---- prune_report.c ---------------------------------------------------------- */

enum { LEVELS = 9 };
extern const double levels[LEVELS]; /* shares that are taken: from 0 to 0.98 */

typedef enum way { CHANCE, ONE_SHOT, GRADUAL, WAYS } way;
extern const char *const way_names[WAYS];

typedef struct findings {
    double accuracy[WAYS][LEVELS];
    int64_t bytes[LEVELS]; /* of the gradual way's sparse checkpoints */
} findings;

#define POINT 0.01 /* of accuracy: what may be lost */

/* The last of the first `count` levels before more than a point is lost of the best until then:
 * fine-tuning may find what training left. */
int knee(const findings *f, way w, int count);
void tell_level(const findings *f, way w, int level);
/* Tells the knees, and whether they are as asked: the gradual way's at 80 % or above, and above
 * that of one shot. Of --small, that what is whole has
 * learnt something; of other texts than the generated ones nothing. */
bool judge(example *e, const findings *f, bool others);
bool write_csv(const findings *f, const char *path);
bool write_svg(const findings *f, const char *path);

#endif
