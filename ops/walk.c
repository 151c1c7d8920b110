/* walk.c -- the odometer behind every strided kernel.
 *
 * Invariant: offset[k] is the sum of index[i] * stride[k][i]. Only the axes that
 * could not be merged are counted through, so the cost per run is small and the
 * cost per element is the caller's own loop.                                  */
#include "ops/walk.h"

/* True if axis i directly continues the last axis kept, for every operand. */
static bool continues(const an_walk *walk, int64_t extent, int i,
                      int64_t stride[][AN_MAX_RANK])
{
    for (int k = 0; k < walk->operands; k++)
        if (walk->stride[k][walk->rank - 1] != stride[k][i] * extent) return false;
    return true;
}

void an_walk_start(an_walk *walk, int rank, const int64_t *extent, int operands,
                   int64_t stride[][AN_MAX_RANK])
{
    *walk = (an_walk){.operands = operands};
    for (int i = 0; i < rank; i++) {
        if (extent[i] == 1) continue; /* its strides are never used */
        const bool merge = walk->rank > 0 && continues(walk, extent[i], i, stride);
        if (!merge) walk->extent[walk->rank++] = 1;
        walk->extent[walk->rank - 1] *= extent[i];
        for (int k = 0; k < operands; k++) walk->stride[k][walk->rank - 1] = stride[k][i];
    }
    if (walk->rank > 0) return;
    walk->rank = 1; /* a scalar: one run of one element, read with stride 1 */
    walk->extent[0] = 1;
    for (int k = 0; k < operands; k++) walk->stride[k][0] = 1;
}

void an_dense_strides(const an_tensor *t, int64_t *stride)
{
    int64_t product = 1;
    for (int i = t->rank - 1; i >= 0; i--) {
        stride[i] = product;
        product *= t->extent[i];
    }
}

void an_walk_broadcast(an_walk *walk, const an_tensor *out, int operands, const an_tensor *in)
{
    int64_t stride[AN_WALK_OPERANDS][AN_MAX_RANK] = {{0}};
    for (int k = 0; k < operands; k++) {
        int64_t dense[AN_MAX_RANK];
        an_dense_strides(&in[k], dense);
        const int shift = out->rank - in[k].rank;
        for (int i = 0; i < in[k].rank; i++)
            stride[k][i + shift] = in[k].extent[i] == 1 ? 0 : dense[i];
    }
    an_walk_start(walk, out->rank, out->extent, operands, stride);
}

void an_walk_seek(an_walk *walk, int64_t position)
{
    for (int k = 0; k < walk->operands; k++) walk->offset[k] = 0;
    for (int i = walk->rank - 1; i >= 0; i--) {
        walk->index[i] = walk->extent[i] > 0 ? position % walk->extent[i] : 0;
        position = walk->extent[i] > 0 ? position / walk->extent[i] : 0;
        for (int k = 0; k < walk->operands; k++)
            walk->offset[k] += walk->index[i] * walk->stride[k][i];
    }
}

int64_t an_walk_run(const an_walk *walk, int64_t limit)
{
    const int64_t left = walk->extent[walk->rank - 1] - walk->index[walk->rank - 1];
    return left < limit ? left : limit;
}

void an_walk_step(an_walk *walk, int64_t count)
{
    int i = walk->rank - 1;
    walk->index[i] += count;
    for (int k = 0; k < walk->operands; k++) walk->offset[k] += count * walk->stride[k][i];
    for (; i > 0 && walk->index[i] == walk->extent[i]; i--) {
        walk->index[i] = 0;
        walk->index[i - 1]++;
        for (int k = 0; k < walk->operands; k++)
            walk->offset[k] += walk->stride[k][i - 1] - walk->extent[i] * walk->stride[k][i];
    }
}

void an_runs_start(an_runs *r, int64_t first, int64_t count)
{
    r->at = first;
    r->count = 0;
    r->last = first + count;
    an_walk_seek(&r->walk, first);
}

bool an_next_run(an_runs *r)
{
    if (r->count > 0) an_walk_step(&r->walk, r->count);
    r->at += r->count;
    r->count = r->at < r->last ? an_walk_run(&r->walk, r->last - r->at) : 0;
    return r->count > 0;
}
