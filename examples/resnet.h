/* resnet.h -- what resnet.c trains, and how it is told. */
#ifndef EXAMPLES_RESNET_H
#define EXAMPLES_RESNET_H

#include "examples/images.h"

/* ---- resnet_options.c ---------------------------------------------------- */

typedef enum net { LINEAR, PLAIN, RESIDUAL } net;

/* One training. */
typedef struct trial {
    net kind;
    int64_t depth, width, epochs, batch;
    double rate;
    uint64_t seed;
} trial;

typedef struct plan {
    example e;
    source from;
    trial t;         /* of the net that is compared with the baselines */
    bool depth_test;
    double at_least; /* accuracy that it must be above; 0: the best baseline's */
} plan;

/* False after --help or a message: then .e.code is what to return. */
bool read_options(plan *p, int argc, char **argv);

#endif
