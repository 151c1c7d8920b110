/* schedule.h -- what schedule.c and buffers.c share while a schedule is made. */
#ifndef AN_GRAPH_RUN_SCHEDULE_H
#define AN_GRAPH_RUN_SCHEDULE_H

#include "graph/run/plan.h"

typedef struct an_scheduling {
    an_run_schedule *schedule;
    const an_graph *graph;
    uint32_t set;
    an_arena arena;   /* everything below */
    bool *used;       /* [node] some node reads an output of it, no step past the gate */
    bool *wanted;     /* [root value] a kernel, a fetch or an update reads it */
    bool *changed;    /* [state] the table gives it a new value */
    uint32_t *reader; /* [state] the first row of `readers`; 0: none */
    struct an_reader {
        uint32_t node, next; /* the row behind it; 0 ends */
    } *readers;       /* from 1 */
    int64_t *made;    /* [root value] the wave that computes it; -1: it is there before */
    int64_t *wave_of; /* [node] -1: no kernel runs */
    const an_op_info **wave_op; /* [wave] the op that opened it */
    int64_t *filled;  /* [wave] */
    int64_t waves;
} an_scheduling;

/* Decides who shares a buffer with whom, and how long each lives (buffers.c).
 * False if out of memory. */
bool an_schedule_buffers(an_scheduling *b);

#endif
