/* autoencoder.h -- what autoencoder.c learns without labels, and what few labels make of it. */
#ifndef EXAMPLES_AUTOENCODER_H
#define EXAMPLES_AUTOENCODER_H

#include "examples/images.h"

typedef struct plan {
    example e;
    source from;
    int64_t width, blocks, epochs, batch;
    double rate, noise, hidden; /* deviation of a pixel's noise; share of tiles that are hidden */
    double margin;              /* over the best baseline, that is asked */
} plan;

/* ---- autoencoder_options.c --------------------------------------------- */

/* False after --help or a message: then .e.code is what to return. */
bool read_options(plan *p, int argc, char **argv);

/* ---- autoencoder_probe.c ------------------------------------------------- */

enum { LABELS = 100, DRAWS = 20 };

/* Tells, and keeps as a figure of that name, how well LABELS labels tell classes apart in what a
 * program makes of images, NULL: in the images: set[0] to learn from, set[1] new. The linear probe
 * is ridge regression of the classes, each image going to the class whose sum is largest; *share of
 * the new ones is right, on the mean over DRAWS draws of labels, which follow from the seed.
 * Features count by their deviations from the mean over all of set[0]; how strongly weights are
 * drawn to 0 is what foretells each label best from all others. False after a message. */
bool measure(plan *p, an_program *of, const images *set[2], const char *name, double *share);

#endif
