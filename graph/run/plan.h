/* plan.h -- what a program does (schedule) and where its bytes are (plan).
 *
 * A schedule holds for every binding: which kernels run in which wave, which
 * values share a buffer, and when a buffer is born and dies. A plan adds what a
 * binding of the named dims decides: sizes, offsets in the slab, scratch.
 *
 * Time is counted in waves. The nodes of a wave run side by side; a wave starts
 * when the one before it is done.
 *
 *   0 .. gate-1   everything that may meet bad data. Parts of states may change here, if
 *                 what they held is kept aside
 *   gate          faults are read: past it the run will complete. Fetched values
 *                 that were not made in their outs are copied into them, and old
 *                 states that an update still needs kept
 *   gate+1 ..     optimizer steps that nothing waits for but other such steps, written
 *                 in place over the states they update where that is legal
 *   end           the other updates are copied into their states, and what the
 *                 steps made is copied out                                    */
#ifndef AN_GRAPH_RUN_PLAN_H
#define AN_GRAPH_RUN_PLAN_H

#include "graph/ir.h"

typedef enum an_home { /* whose bytes a buffer is */
    AN_HOME_SLAB, AN_HOME_FEED, AN_HOME_STATE, AN_HOME_CONSTANT
} an_home;

typedef struct an_buffer {
    an_home home;
    uint32_t value;       /* one whose type gives the size; outside the slab the leaf */
    int64_t birth, death; /* first and last wave that needs it; in the slab only */
} an_buffer;

typedef struct an_task { /* one kernel to run */
    uint32_t node;
    int64_t wave;
    bool fast;     /* its stages, else its ref */
    int64_t arg;   /* where its operands, then its outputs, begin among all arguments */
} an_task;

typedef struct an_wave {
    int64_t first, count; /* tasks */
} an_wave;

typedef struct an_fetch {
    uint32_t buffer;
    bool late; /* made by a step: copied out at the end */
} an_fetch;

typedef struct an_write { /* a state's new value, where it is not written in place */
    uint32_t state, from; /* buffers */
    uint32_t kept;        /* buffer that takes a copy of `from` at the gate; 0: none is needed */
} an_write;

typedef struct an_patch { /* a part of a state, written before the gate */
    int64_t task;  /* whose result 0 is made over its operand 0, the state as it is by then */
    uint32_t kept; /* buffer that keeps what the part held, from that wave to the gate */
} an_patch;

typedef struct an_run_schedule {
    const an_graph *graph;
    uint32_t set; /* the update table it commits; 0: none */
    an_arena arena;
    an_task *tasks; /* in the order of their waves */
    an_wave *waves; /* [wave_count]; the gate is an empty one */
    int64_t task_count, wave_count, gate, end;
    int64_t widest; /* most tasks in one wave */
    uint32_t *root;      /* [value]: the value whose bytes these are: views see through */
    uint32_t *buffer_of; /* [value]: 0 if nobody reads it */
    an_buffer *buffers;  /* [1 .. buffer_count], in order of birth */
    int64_t buffer_count;
    uint32_t *arguments; /* [argument_count]: buffers, 0 where absent or dead */
    uint32_t *argument_value; /* ... and the values they hold */
    int64_t argument_count;
    an_fetch *fetches;   /* per output of the graph */
    an_write *writes;
    int64_t write_count;
    an_patch *patches;   /* in the order of their tasks */
    int64_t patch_count;
} an_run_schedule;

/* For a program that fetches g's outputs and commits its update table `set`.
 * Only AN_E_MEMORY can go wrong in a verified graph. */
an_status an_run_schedule_make(an_run_schedule *s, const an_graph *g, uint32_t set);
void an_run_schedule_free(an_run_schedule *s);

typedef struct an_plan {
    an_arena arena;
    int64_t *bound;       /* the binding: extents of the names, -1 where unbound */
    int64_t *extent;      /* of every dims entry */
    int64_t *bytes;       /* [buffer] */
    int64_t *offset;      /* [buffer] in the slab; -1 elsewhere */
    int64_t *scratch;     /* [task] offset in the slab; -1: none */
    int64_t *scratch_bytes; /* [task] */
    an_tensor *arguments; /* as in the schedule; data is filled in at each run */
    an_work *works;       /* [task] */
    an_pieces *parts;     /* [patch] which bytes it wrote in this run */
    int64_t slab_bytes;
    int64_t live_bytes;   /* the most bytes alive in one wave: no plan can need less */
    uint64_t used;        /* when it last ran, for the cache */
} an_plan;

/* Plans one binding and has the result checked. On failure the reason is in `e`. */
an_plan *an_plan_new(const an_run_schedule *s, const int64_t *bound, an_error *e);
void an_plan_free(an_plan *p);

/* Proves from the graph alone, trusting nothing the planner concluded, that every
 * kernel reads what its operand's kernel wrote: no two live values overlap, what
 * is overwritten in place may be, and states change only where the update table
 * says so. It holds as well if fetched buffers lie elsewhere, each apart from all
 * else: they keep what is fetched to the end. AN_E_INTERNAL and the first fault
 * found in `e` otherwise. */
an_status an_plan_check(const an_run_schedule *s, const an_plan *p, an_error *e);

#endif
