/* random_graph.h -- graphs drawn from a seed, for the planner and the executor. */
#ifndef AN_TESTS_RANDOM_GRAPH_H
#define AN_TESTS_RANDOM_GRAPH_H

#include "graph/ir.h"
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

#endif
