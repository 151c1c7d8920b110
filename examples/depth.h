/* depth.h -- what depth.c measures and depth_report.c tells. */
#ifndef EXAMPLES_DEPTH_H
#define EXAMPLES_DEPTH_H

#include "examples/example.h"

enum { FEATURES = 12, CLASSES = 4, BATCH = 64, TEST = 1024 };

typedef struct examples {
    float x[TEST][FEATURES];
    int32_t label[TEST];
} examples;

enum { NETS = 5, MOST_DEPTHS = 7, DEEPEST = 128, MOST_SEEDS = 9 };
typedef enum net { PLAIN, NORMED, RESIDUAL, POST_NORM, PRE_NORM } net;

/* One net of one depth from one seed. */
typedef struct run {
    double gradient[DEEPEST]; /* its length, of the loss by each layer's kernel, at the start */
    double loss, accuracy;    /* on new examples, after the budget */
} run;

typedef struct figures {
    int depths, seeds;
    int depth[MOST_DEPTHS];
    double majority, linear, neighbour; /* accuracies of the baselines */
    run (*runs)[MOST_DEPTHS][MOST_SEEDS]; /* of each net */
} figures;

extern const char *const net_names[NETS];

/* depth_data.c: new examples; the accuracies of those baselines that need no graph, the nearest
 * neighbour among `known` examples. */
void draw_examples(examples *e, int count, uint64_t *random);
void measure_baselines(figures *f, uint64_t seed, int64_t known);

/* depth_report.c: over the seeds, of a net at depth number `d`. */
double mean_accuracy(const figures *f, net n, int d);
double mean_loss(const figures *f, net n, int d);
/* The length of a layer's gradient at the start, from layer 1 on: geometric means. */
double mean_gradient(const figures *f, net n, int d, int layer);
double first_gradient(const figures *f, net n, int d);
double best_baseline(const figures *f);
/* The tables, and which of the article's claims they bear out. */
void print_figures(const figures *f);
void print_findings(const figures *f);
/* Accuracies, losses and first gradients for --json. */
void keep_figures(example *e, const figures *f);
/* net,depth,seed,layer,figure,value: a row each; layer 0 is the whole net. */
bool write_csv(const figures *f, const char *path);
/* Gradients by layer in the deepest nets, and accuracy by depth. */
bool write_svg(const figures *f, const char *path);

#endif
