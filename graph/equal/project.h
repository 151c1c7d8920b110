/* project.h -- a graph with the gradients of its outputs appended as outputs.
 *
 * What verifying gradients stands on: every float output is multiplied by an
 * input of its own type, its cotangent (fed with random numbers), all products are
 * summed, and that scalar is differentiated with respect to float states and inputs.     */
#ifndef AN_GRAPH_PROJECT_H
#define AN_GRAPH_PROJECT_H

#include "graph/ir.h"

#define AN_GRADIENT_PREFIX "gradient of "

/* A copy of g with outputs "gradient of <leaf>" for every float leaf that reaches
 * a differentiable output. Fused nodes are differentiated as what they mean; if
 * `fuse_again`, the default passes then run on the copy. NULL and a message if it
 * fails; a copy without gradients if no output has any. */
an_graph *an_project_gradients(const an_graph *g, bool fuse_again, an_error *error);

#endif
