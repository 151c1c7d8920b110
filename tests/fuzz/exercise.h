/* exercise.h -- what the two targets that make graphs do with them. */
#ifndef AN_TESTS_FUZZ_EXERCISE_H
#define AN_TESTS_FUZZ_EXERCISE_H

#include "graph/graph.h"

/* Demands of a good graph that it is sound, and that its text reads back to the same text. */
void an_fuzz_reread(const an_graph *g);

/* Does with a good graph what one can do with it: pictures, passes; and, if at small extents it is
 * small, gradients, programs, the verifier. `choice` says which of these, and with what. Adds nodes
 * to the graph. */
void an_fuzz_exercise(an_graph *g, an_updates updates, uint64_t choice);

#endif
