/* near_miss.h -- graphs that nearly fuse, drawn from a seed, and what must become of them.
 *
 * A graph is drawn as a *recipe*: a list of steps that knows what each was meant to
 * be. The same recipe can be emitted in any order its steps allow. What the pass
 * must do is worked out from the recipe alone, never from a graph, and by other
 * means than the pass uses: dependence is a transitive closure over bit masks. */
#ifndef AN_TESTS_NEAR_MISS_H
#define AN_TESTS_NEAR_MISS_H

#include "graph/ir.h"
#include "tests/support.h"

#define AN_NEAR_MOST 64   /* steps: one bit each in a mask */
#define AN_NEAR_STOP 4    /* the detail of a unary step that is a stop_gradient */
#define AN_NEAR_INPUTS 3  /* inputs "x0" .. "x2" of f32[B,3,8] */

typedef enum an_near_kind {
    AN_NEAR_INPUT,
    AN_NEAR_STATE,
    AN_NEAR_UNARY,
    AN_NEAR_NOTHING, /* nodes that canonicalise takes away again: reshaped and back, ... */
    AN_NEAR_MUL,
    AN_NEAR_DROPOUT,
    AN_NEAR_TURNED,  /* transposed, then reshaped to what it was: two nodes */
    AN_NEAR_REDUCE,  /* a sum over leading axes */
    AN_NEAR_ADD,
    AN_NEAR_RESIDUAL,
    AN_NEAR_SCALED,
    AN_NEAR_NORM,
    AN_NEAR_RMS,
    AN_NEAR_MADE,    /* an add_norm built by hand; detail 1: an add_rms_norm */
    AN_NEAR_MADE_SUM /* the sum it hands on */
} an_near_kind;

typedef enum an_near_form { AN_NEAR_BLOCK, AN_NEAR_PLANE, AN_NEAR_ROW, AN_NEAR_FORMS } an_near_form;

typedef struct an_near_step {
    an_near_kind kind;
    an_near_form form; /* of its result: f32[B,3,8], [3,8] or [8] */
    int in[4];         /* steps; -1 where absent. A norm's are x, gamma, beta */
    int detail;        /* which unary op, which no-op */
    int over;          /* how many trailing axes a norm is over */
    bool negative;     /* its axis counts from the end */
    float eps;
} an_near_step;

typedef struct an_near_recipe {
    uint64_t seed;
    int count;
    an_near_step step[AN_NEAR_MOST];
    uint64_t outputs, statistics; /* steps that are outputs; norms whose rstd is one */
    uint64_t dropped;             /* steps left out by shrinking; nothing kept reads them */
} an_near_recipe;

typedef struct an_near_built {
    an_graph *graph;
    int count, order[AN_NEAR_MOST]; /* the steps as they were emitted */
    an_value value[AN_NEAR_MOST];
} an_near_built;

an_near_recipe an_near_draw(uint64_t seed);
/* `order` 0: as drawn; else another order drawn from it. */
an_near_built an_near_emit(const an_near_recipe *r, uint64_t order);

typedef struct an_near_expected {
    const char *reason[AN_NEAR_MOST]; /* NULL: no candidate; "": it fuses; else why not */
    int64_t add_norms;                /* in the optimised graph, of either norm */
    int64_t distinct;                 /* of these, once cse has seen them too */
} an_near_expected;

/* What fuse_add_norm must do with the steps emitted in that order. */
an_near_expected an_near_expect(const an_near_recipe *r, const int *order, int count);

static inline bool an_near_is_norm(const an_near_step *s)
{
    return s->kind == AN_NEAR_NORM || s->kind == AN_NEAR_RMS;
}

static inline bool an_near_has(uint64_t mask, int step)
{
    return mask >> step & 1;
}

#endif
