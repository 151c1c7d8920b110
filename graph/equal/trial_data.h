/* trial_data.h -- seeded values for the leaves of any graph.
 *
 * Verifying needs data that can show a fault: weights with zeros and negatives,
 * ids and lengths within their bounds, labels that are labels, moments as their
 * initialiser makes them. What a leaf is for is read off its users.         */
#ifndef AN_GRAPH_EQUAL_TRIAL_DATA_H
#define AN_GRAPH_EQUAL_TRIAL_DATA_H

#include "graph/equal/equal.h"
#include "graph/evaluate.h"

/* "B=32,T=100" over `usual` for every other name: `bound` has one entry per name. */
an_status an_trial_bind(const an_graph *g, const char *text, int64_t usual, int64_t *bound,
                        an_error *error);

/* One draw of data: the seed, and the kind with its variant (see an_trial_variants). */
typedef struct an_draw {
    uint64_t seed;
    an_trial_kind data;
    int variant;
} an_draw;

/* How many variants a kind of data has (1 for plain), and what one is called:
 * "a row far from zero"; NULL past the last. */
int an_trial_variants(an_trial_kind data);
const char *an_trial_variant_name(an_trial_kind data, int variant);

/* Fills the tensor of leaf `id`, which has its extents already. Values depend on the
 * draw and the leaf's name only, so that equal leaves of two graphs agree. */
void an_trial_fill(const an_evaluation *e, uint32_t id, const an_draw *draw, an_tensor *t);

#endif
