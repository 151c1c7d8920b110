/* figures.h -- the inside of a profile. */
#ifndef AN_GRAPH_PROFILE_FIGURES_H
#define AN_GRAPH_PROFILE_FIGURES_H

#include "graph/profile/profile.h"
#include "graph/run/program.h"

struct an_profile {
    an_program *program;
    an_trace *trace; /* the program's */
    uint8_t *phase;    /* per node of its graph */
    an_arena arena;    /* names of the rows */
    an_profile_row *rows;
    int64_t row_count;
    int peak_threads;  /* for which the peaks were measured; 0: never */
    double peak_flops, peak_bytes;
};

/* Seconds of a run, per node of the program's graph, whose room `seconds` has. */
void an_profile_by_node(const an_profile *f, double *seconds);
/* Of what the last runs took: the i-th of them is of[i * stride]. */
double an_profile_median(const an_trace *r, const float *of, int64_t stride);

#endif
