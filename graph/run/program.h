/* program.h -- the inside of a program: its graph, schedule, plans and memory.
 *
 * Whoever changes anything here holds the program's store, so one run at a time
 * is the rule for all programs of a store.                                   */
#ifndef AN_GRAPH_RUN_PROGRAM_H
#define AN_GRAPH_RUN_PROGRAM_H

#include "graph/run/plan.h"
#include "graph/run/trace.h"
#include "graph/run/store.h"

#include <stdatomic.h>

#define AN_PLANS 8 /* bindings kept planned; the one that ran longest ago makes room */

/* An input of the graph that was compiled, whether the program needs it or not. */
typedef struct an_port {
    const char *name;
    an_type type;
    uint32_t buffer;      /* 0: the program does not need it */
    const an_tensor *fed; /* at this run; NULL: not */
} an_port;

/* Memory from outside that a run reads or writes. */
typedef struct an_span {
    uintptr_t begin, end;
    int64_t tag; /* an out's place, -1 less a port's; of what is updated a state */
} an_span;

/* A watched value that is finite if what it sums up is small enough. */
typedef struct an_summed {
    uint32_t root, operand; /* root values */
    int64_t wave;
} an_summed;

/* What it computes, in numbers that are the same for the same (fingerprint.c). */
typedef struct an_fingerprint {
    uint64_t fetched, optimizer, updates; /* the optimizer's without the gradients */
} an_fingerprint;

/* An all_reduce: its task, and the wave before which it must have ended. */
typedef struct an_shared {
    int64_t task, due;
} an_shared;

struct an_program {
    an_graph *graph;
    an_store *store;
    const an_communicator *communicator; /* NULL: this process alone */
    an_shared *shared; /* in the order in which they begin and end */
    int64_t shared_count, begun, ended;
    bool lost; /* a rank is */
    an_fingerprint print;
    an_run_schedule schedule;
    struct an_unsaved *unsaved; /* with .recompute only (saved.c) */
    an_trace *trace;        /* NULL: nobody times its runs */
    an_arena arena;
    an_port *ports; /* by name */
    int64_t port_count;
    an_span *spans; /* [ports and outputs] room for sorting feeds and outs */
    an_span *written; /* of the states that are updated, in order */
    int64_t written_count;
    int64_t *bound;     /* [dim name] extent at this run, -1 where unbound */
    int64_t *bound_by;  /* [dim name] the port that said so */
    void **at;          /* [buffer] address; of states and constants for good */
    int64_t *first_unit; /* [tasks of the widest wave + 1] */
    an_plan *plans[AN_PLANS];
    int plan_count;
    uint64_t runs;
    char *slab; /* shared by all plans, as large as the largest needs */
    int64_t slab_bytes;
    bool poison; /* tests: fill the slab with NaN before each run */
    uint32_t *watched; /* root values that .finite looks at, the fetched ones first */
    an_summed *summed; /* of those, in order of their waves */
    int64_t watched_count, summed_count;
    uint8_t *health; /* [value] while a culprit is looked for (finite.c) */
    bool unfit; /* the last run was refused for a value that is not finite: */
    int64_t unfit_fetch; /* for this fetch; -1: for what an update reads */
    an_fault fault;
    atomic_bool refused; /* the last run found the store busy */
    an_error error;
};

/* Of a graph's outputs and its update table `set`; false if memory is out (fingerprint.c). */
bool an_graph_fingerprint(const an_graph *g, uint32_t set, an_fingerprint *out);

/* Whether the file that the store was loaded from has all states that it needs (complete.c);
 * the message names what of the user's graph `g` is missing, and what is unused. */
an_status an_program_check_complete(const an_program *p, const an_graph *g, an_error *e);

/* Keeps "f.c:12: error AN-E020: ..." as the run's error; returns `status`. */
an_status an_program_fail(an_program *p, an_at at, an_status status, const char *format, ...)
    AN_PRINTF(4, 5);

/* Matches feeds with ports, checks them, and collects the binding (feed.c). */
an_status an_program_feed(an_program *p, an_at at, const an_feed *feeds, int count);
/* After planning: dims that are expressions, such as 2*B, against their extents. */
/* After a plan for want of an extent: which feed has an expression that does not tell. */
void an_program_hint_open(const an_program *p, an_text *out);
an_status an_program_check_feeds(an_program *p, an_at at, const an_plan *plan);

void an_program_sort_written(an_program *p); /* once the states have their memory (outs.c) */

/* After planning: checks that outs overlap no feed, no state and no other out; readies them
 * (outs.c). */
an_status an_program_ready_outs(an_program *p, an_at at, const an_plan *plan,
                                an_tensor *const *out, int count);

/* What is written into states before the gate (undo.c). Before a wave runs: what its kernels are
 * about to overwrite is kept, `done` of the patches are by now. False, with the fault raised: a
 * part does not fit, and the wave must not run. */
bool an_program_keep_parts(an_program *p, an_plan *plan, int64_t wave, int64_t *done);
/* Puts it back: the states are as they were before the run. */
void an_program_undo(an_program *p, const an_plan *plan, int64_t *done);

/* Runs that ranks make together (collective.c). Lists what they share; false if memory is out. */
bool an_program_list_shared(an_program *p);
/* Before the first wave: AN_OK if all ranks can run, with the same program. `mine` is whether this
 * one can; what keeps it from that is already its error. Else AN_E_RANK. */
an_status an_program_meet(an_program *p, an_at at, const an_plan *plan, an_status mine);
void an_program_end_shared(an_program *p, int64_t wave);   /* before it runs, and at the gate */
void an_program_begin_shared(an_program *p, const an_plan *plan, int64_t wave); /* behind it */
/* At the gate: AN_OK if nobody else keeps this rank from what it means to do, which is to commit
 * unless it is faulty or its values unfit. `again`: it must run again whatever that is, for
 * somebody looks for who is to blame. */
an_status an_program_settle(an_program *p, an_at at, bool faulty, bool unfit, bool *again);

/* Lists what a run with .finite looks at; false if memory is out (finite.c). */
bool an_program_watch(an_program *p);
/* Behind each wave before the gate, while operands are there; `next` counts from 0. */
void an_program_look_at_sums(an_program *p, const an_plan *plan, int64_t wave, int64_t *next);
/* At the gate: the first watched value that is not finite; 0: all are. */
uint32_t an_program_find_unfit(const an_program *p, const an_plan *plan);
/* Who is to blame for it: between _begin and _end the waves before the gate are run again, each
 * followed by _wave. The value's own bytes are there behind its wave only. */
void an_program_blame_begin(an_program *p, const an_plan *plan);
void an_program_blame_wave(an_program *p, const an_plan *plan, int64_t wave);
uint32_t an_program_blame_end(an_program *p, uint32_t refused);
/* The wave that makes it; -1: it is there before. */
int64_t an_program_wave_of(const an_program *p, uint32_t value);
/* Says so, while the bytes of `blamed` are there. */
an_status an_program_refuse(an_program *p, an_at at, const an_plan *plan, uint32_t refused,
                            uint32_t blamed);

/* What .recompute saves is told beside what would be planned without it. `g`, which it takes, is
 * what would run then; false if memory is out (saved.c). */
bool an_program_compare_with(an_program *p, an_graph *g, uint32_t set);
/* After planning p->bound. */
void an_program_note_saved(an_program *p, const an_plan *plan);
void an_program_forget_unsaved(an_program *p);

/* The plan for p->bound, made if it is new, with the slab large enough for it. */
an_plan *an_program_plan(an_program *p, an_at at);

#endif
