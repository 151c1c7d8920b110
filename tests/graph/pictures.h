/* pictures.h -- what tests of pictures share: Graphviz as a judge, and graphs worth drawing. */
#ifndef AN_TESTS_GRAPH_PICTURES_H
#define AN_TESTS_GRAPH_PICTURES_H

#include "graph/graph.h"

/* Whether Graphviz is installed; if not, `what` is said to be skipped. */
bool an_test_have_graphviz(const char *what);
/* Lays `text` out (labels are only read then); Graphviz must have nothing to say. */
void an_test_check_reads(const char *text);
/* How often `what` occurs. */
int an_test_count(const char *text, const char *what);

/* The recurrent classifier, its gradients and Adam if `training`. */
an_graph *an_test_classifier(bool training);
/* Names that would leave a string, a label or a picture if they could; NULL ends them. */
extern const char *const an_test_hostile[];
extern const char *const an_test_not_utf8[]; /* as file names only: a graph takes no such name */

#endif
