/* walk.h -- visiting an array in row-major order while others are read by strides.
 *
 * Broadcasting, transposing and strided reading are one thing: for each element
 * of a dense array, where is the operand's? A walk answers run by run. It merges
 * the axes it can, so that tensors of the same shape are a single run and a bias
 * repeats along its own axis only.                                            */
#ifndef AN_OPS_WALK_H
#define AN_OPS_WALK_H

#include "core/core.h"

#define AN_WALK_OPERANDS 3

typedef struct an_walk {
    int rank, operands;           /* rank is at least 1, whatever the tensor's */
    int64_t extent[AN_MAX_RANK];  /* of the array walked, merged */
    int64_t stride[AN_WALK_OPERANDS][AN_MAX_RANK]; /* in elements; 0 repeats */
    int64_t index[AN_MAX_RANK];   /* where the walk stands ... */
    int64_t offset[AN_WALK_OPERANDS]; /* ... and that element in each operand */
} an_walk;

/* Over `extent`, reading operand k with stride[k]. Stands at element 0. */
void an_walk_start(an_walk *walk, int rank, const int64_t *extent, int operands,
                   int64_t stride[][AN_MAX_RANK]);
/* Over `out`, each operand broadcast to it. */
void an_walk_broadcast(an_walk *walk, const an_tensor *out, int operands, const an_tensor *in);

void an_walk_seek(an_walk *walk, int64_t position); /* to an element, in row-major order */
/* How many elements from here lie in the last merged axis; at most `limit`. */
int64_t an_walk_run(const an_walk *walk, int64_t limit);
void an_walk_step(an_walk *walk, int64_t count);    /* on by a run or a part of one */

/* Elements [at, last) of a walk, run by run:
 *     for (an_runs_start(&r, first, count); an_next_run(&r);)
 *         ... r.at, and from there r.count elements; operand k at r.walk.offset[k] ... */
typedef struct an_runs {
    an_walk walk; /* to be set up first */
    int64_t at, count, last;
} an_runs;
void an_runs_start(an_runs *r, int64_t first, int64_t count);
bool an_next_run(an_runs *r);

/* Stride of operand k along the last axis: within a run it is constant. */
static inline int64_t an_walk_stride(const an_walk *walk, int k)
{
    return walk->stride[k][walk->rank - 1];
}

/* Row-major strides of a dense tensor, in elements. */
void an_dense_strides(const an_tensor *t, int64_t *stride);

#endif
