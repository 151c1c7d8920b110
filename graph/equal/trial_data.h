/* trial_data.h -- seeded values for the leaves of any graph.
 *
 * Verifying needs data that can show a fault: weights with zeros and negatives,
 * ids and lengths within their bounds, labels that are labels, moments that are not
 * zero. What a leaf is for is read off its users.                            */
#ifndef AN_GRAPH_EQUAL_TRIAL_DATA_H
#define AN_GRAPH_EQUAL_TRIAL_DATA_H

#include "core/random.h"
#include "graph/equal/equal.h"
#include "graph/evaluate.h"

/* One draw of data: the seed, and the kind with its variant (see an_trial_variants). */
typedef struct an_draw {
    uint64_t seed;
    an_trial_kind data;
    int variant;
    double at[2]; /* aimed data: what a located difference lies between */
} an_draw;

/* How many variants a kind of data has (1 for plain), and what one is called:
 * "rows at 1e7 deviations from zero"; NULL past the last. */
int an_trial_variants(an_trial_kind data);
const char *an_trial_variant_name(an_trial_kind data, int variant);

/* Fills the tensors of all leaves, or of inputs if those alone are there, which have their extents
 * already; false if memory is out.
 * Values depend on the draw, the leaf's name and what it is for. */
bool an_trial_fill(const an_evaluation *e, const an_draw *draw);
/* Whether each state is what its own initialiser makes of the seed, in either graph. */
bool an_draw_starts(const an_draw *draw);

/* ---- for the files that make one kind of data --------------------------- */

typedef enum an_addend { AN_ALONE, AN_ADDEND_FIRST, AN_ADDEND_SECOND, AN_ADDEND_TWICE } an_addend;

/* A float leaf to be filled. Random numbers of its own come from `own`, those that all
 * leaves share from `shared`: that is how rows of two leaves are made to fit. */
typedef struct an_leaf_fill {
    const an_evaluation *e;
    uint32_t id;
    int variant;
    an_addend addend;   /* whether some addition of two leaves reads it, and as which operand */
    bool state, kernel;  /* a state; one that something is multiplied by as a matrix */
    double scale;       /* keeps products with kernels near 1 */
    an_stream own, shared;
    const double *at;
} an_leaf_fill;

/* Uniform in +-2 with every eighth a zero, so that zeros are tried too; but not the first, or the
 * cotangent of a loss could be one, and hide all that it multiplies. */
double an_plain_value(const an_stream *s, int64_t i);

/* A row is what lies along the last axis of a tensor of rank 2 or more. Tensors of a
 * lower rank are taken for scales and shifts. */
const char *an_hard_name(int variant);
void an_hard_fill(const an_leaf_fill *l, an_tensor *t);   /* hard_data.c */
const char *an_exact_name(int variant);
void an_exact_fill(const an_leaf_fill *l, an_tensor *t);  /* exact_data.c */
const char *an_aimed_name(int variant);
void an_aimed_fill(const an_leaf_fill *l, an_tensor *t);  /* aimed_data.c */

#endif
