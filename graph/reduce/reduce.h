/* reduce.h -- a graph on which something fails becomes the smallest that still does.
 *
 * Threads: the graph must not change meanwhile. A result is fixed once it is made, and any
 * number of threads may read it.                                             */
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

/* What was found. It belongs to the caller; every call takes NULL, which reads as out of
 * memory.                                                                    */
typedef struct an_reduced an_reduced;

/* Shrinks a graph on which something fails to a small one on which it still does: fewer
 * ops, then fewer nodes, roots and operands, smaller extents, plainer attributes. Values
 * become inputs and outputs (what was %41 is called v41) or are replaced by others of
 * their type. Equal graphs give equal results if `fails` always answers alike. */
AN_API an_reduced *an_reduce_with(const an_reduce_args *args); /* NULL only if out of memory */
#define an_reduce(...) an_reduce_with(&(an_reduce_args){.at = AN_HERE, __VA_ARGS__})
AN_API void an_reduced_free(an_reduced *r);
/* The smallest graph on which it fails, which dies with the result, or NULL: see the status. */
AN_API const an_graph *an_reduced_graph(const an_reduced *r);
AN_API int64_t an_reduced_tries(const an_reduced *r);
/* No single edit makes it smaller; else tries or memory ran out. */
AN_API bool an_reduced_is_minimal(const an_reduced *r);
/* AN_E_MEMORY with a graph: the smallest until then. */
AN_API an_status an_reduced_status(const an_reduced *r);
AN_API const char *an_reduced_message(const an_reduced *r);

#ifdef __cplusplus
}
#endif
#endif
