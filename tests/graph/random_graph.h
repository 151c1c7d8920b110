/* random_graph.h -- graphs drawn from a seed, for the planner and the executor. */
#ifndef AN_TESTS_RANDOM_GRAPH_H
#define AN_TESTS_RANDOM_GRAPH_H

#include "graph/evaluate.h"
#include "tests/support.h"

#define AN_TEST_FETCHES 6

/* Inputs "x" f32[B,8] and "ids" i32[B]; states of several shapes, an update table
 * that swaps, copies, steps and recomputes some of them, and fetches of anything. */
typedef struct an_test_graph {
    an_graph *graph;
    an_updates updates;
    an_value fetch[AN_TEST_FETCHES];
} an_test_graph;

an_test_graph an_test_graph_make(uint64_t seed, int nodes);

/* Feeds for them: f32[rows,8], and i32[rows] below 8. */
an_tensor an_test_batch(int64_t rows, uint64_t seed);
an_tensor an_test_indices(int64_t rows, uint64_t seed);
/* Evaluates the program's graph on these feeds and the store's present states. */
void an_test_interpret(an_evaluation *e, an_program *p, an_store *s, const an_tensor *x,
                       const an_tensor *ids);
bool an_test_same(const an_tensor *a, const an_tensor *b); /* equal bits, or both NaN */

#endif
