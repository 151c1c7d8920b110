/* group_trial.h -- graphs on which nodes are made one, and what an oracle says of it. */
#ifndef AN_TESTS_GROUP_TRIAL_H
#define AN_TESTS_GROUP_TRIAL_H

#include "graph/ir.h"

/* Draws a graph of so many nodes, joins nodes of it and asks after each what an oracle says,
 * which searches anew each time. NULL, or what was wrong. `refused`, `tangled` (NULL is fine)
 * add up how often joining was refused. */
#define AN_GROUP_MOST 400 /* nodes */
const char *an_group_trial(uint64_t seed, int nodes, int *refused, int *tangled);

/* So many sums, each of the one before, and their norms with one gamma computed from the last:
 * no pair may fuse, and who asks each walks all the way. Behind that two pairs that do fuse,
 * the second with its gradient, but not with the sum of the gradients: whether that one needs
 * the gradient is more than a few steps away. */
an_graph *an_group_tangle(int norms);

#endif
