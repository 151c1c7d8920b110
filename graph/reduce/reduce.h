/* reduce.h -- a graph on which something fails becomes the smallest that still does. */
#ifndef AN_GRAPH_REDUCE_REDUCE_H
#define AN_GRAPH_REDUCE_REDUCE_H

#include "graph/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

/* True if what is looked for is still so of the candidate: a graph with roots, checked. */
typedef bool (*an_fails_fn)(void *context, const an_graph *candidate);

typedef struct an_reduce_args {
    an_at at;
    const an_graph *graph;
    an_fails_fn fails;
    void *context;
    int64_t tries; /* ask `fails` at most so often; 0: 10000 */
    void (*progress)(void *context, const an_graph *best, int64_t tries); /* or NULL */
} an_reduce_args;

typedef struct an_reduced {
    an_graph *graph;  /* the smallest on which it fails; NULL: see `status`. The caller's */
    int64_t tries;
    bool minimal;     /* no single edit makes it smaller; else tries or memory ran out */
    an_status status; /* AN_E_MEMORY with a graph: the smallest until then */
    char message[512];
} an_reduced;

/* Shrinks a graph on which something fails to a small one on which it still does: fewer
 * ops, then fewer nodes, roots and operands, smaller extents, plainer attributes. Values
 * become inputs and outputs (what was %41 is called v41) or are replaced by others of
 * their type. Equal graphs give equal results if `fails` always answers alike. */
AN_API an_reduced an_reduce_with(const an_reduce_args *args);
#define an_reduce(...) an_reduce_with(&(an_reduce_args){.at = AN_HERE, __VA_ARGS__})

#ifdef __cplusplus
}
#endif
#endif
