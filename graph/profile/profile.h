/* profile.h -- where the time of a program's runs goes.
 *
 *     an_profile *f = an_profile_new(program);
 *     ... run or fit as ever ...
 *     char *table = an_profile_table(f, AN_BY_OP);
 *
 * From an_profile_new to an_profile_free every complete run of the program is timed, by whomever it
 * is run; without a profile it costs nothing, with one some 50 ns for each piece of a kernel. The
 * clock is one on the wall: on a machine that does other work times are longer.
 *
 * A second of a thread is a second whatever it does: on four threads a run of a millisecond has
 * four milliseconds to give, to kernels, to chores (feeds checked, results copied) and to waiting.
 * Times of nodes are sums over threads, so they are what the work costs and not how long it takes.
 *
 * Calls take NULL, which has no rows. Threads: one at a time, and none while the program runs. */
#ifndef AN_GRAPH_PROFILE_PROFILE_H
#define AN_GRAPH_PROFILE_PROFILE_H

#include "graph/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

/* NULL if memory is out or the program has one already. It must be freed before its program. */
AN_API an_profile *an_profile_new(an_program *p);
AN_API void an_profile_free(an_profile *f);

/* Complete runs so far, on the number of threads of the last: another number begins anew. Figures
 * below are medians of the last 64 of them; what was computed and moved are means of all. */
AN_API int64_t an_profile_runs(const an_profile *f);
AN_API int an_profile_threads(const an_profile *f);
/* Seconds of a run from its first check to its last copy; of thread i (0: the caller's) in kernels,
 * and in chores. What is left of a run, that thread waited. */
AN_API double an_profile_seconds(const an_profile *f);
AN_API double an_profile_busy(const an_profile *f, int thread);
AN_API double an_profile_chores(const an_profile *f, int thread);

typedef enum an_profile_by {
    AN_BY_NODE,
    AN_BY_OP,
    AN_BY_SCOPE, /* "" : outside all scopes */
    AN_BY_PHASE, /* forward, backward, update */
    AN_BY_WAVE   /* what may run side by side */
} an_profile_by;

typedef struct an_profile_row {
    const char *name;      /* "encoder/%12", "matmul", "encoder", "backward", "wave 7" */
    const char *op;        /* of a node, or of a group that is all of one; else "" */
    const char *scope, *phase; /* of a node; else "" */
    uint32_t node;         /* its number in the program's graph; 0 for groups */
    int64_t wave;          /* of a node; -1 for groups */
    int64_t nodes;         /* how many it stands for */
    double seconds;        /* a run, of all threads */
    double flops, bytes;   /* a run; bytes are those of operands and results, cached or not */
    double flop_rate, byte_rate; /* a second of a thread */
    double roof;           /* its share of what one thread of this machine can do of such work;
                              above 1 where operands come from a cache. -1: it computes and moves
                              nothing, or the peaks were not measured */
} an_profile_row;

/* The rows by what takes longest; how many, or -1 if memory is out. They belong to the profile and
 * hold until the next call or run. Nodes that cost nothing, views and leaves, are not there. */
AN_API int64_t an_profile_rows(an_profile *f, an_profile_by by, const an_profile_row **rows);
/* Seconds of a run in that node of an_program_graph(p), by its number; 0 where no kernel is. */
AN_API double an_profile_node_seconds(const an_profile *f, uint32_t node);

/* What one thread of this machine can do while all an_threads() do it: the product of two large
 * matrices, in FLOP/s, and a sum of arrays too large for any cache, in byte/s. Measured at the
 * first call, for some tenths of a second and 96 MiB; false if there is no memory for that. */
AN_API bool an_profile_peaks(an_profile *f, double *flop_rate, double *byte_rate);

/* Rows, threads and peaks as a table; an_string_free. NULL if out of memory. */
AN_API char *an_profile_table(an_profile *f, an_profile_by by);
/* "op", "node", "scope", "phase", "wave"; false if it is none of these. */
AN_API bool an_profile_by_name(const char *name, an_profile_by *by);

#ifdef __cplusplus
}
#endif
#endif
