/* trace.h -- what each thread did in a run, and when.
 *
 * A *lane* is a thread's: the caller's own first, then the pool's workers. An event is a stretch of
 * time in which one thread ran units of one stage of one kernel, or did what is no kernel. Without
 * a record a run pays one look at a pointer for each piece of work.
 *
 * Of complete runs the record keeps the events of the last, and of the last AN_SAMPLES how long
 * each kernel and each lane was busy.                                         */
#ifndef AN_GRAPH_RUN_TRACE_H
#define AN_GRAPH_RUN_TRACE_H

#include "graph/run/plan.h"

#define AN_SAMPLES 64

/* What is no kernel, in place of a task's number. */
typedef enum an_chore {
    AN_CHORE_READY = -1, /* feeds and outs are checked, a new binding is planned */
    AN_CHORE_LOOK = -2,  /* is all finite? */
    AN_CHORE_COPY = -3   /* to outs and states */
} an_chore;

typedef struct an_event {
    int64_t task; /* of the schedule; or an an_chore */
    int stage;
    int64_t begin, end; /* nanoseconds of a clock that never goes back */
} an_event;

typedef struct an_lane { /* a cache line each: threads write side by side */
    _Alignas(64) an_event *events;
    int64_t count;
} an_lane;

typedef struct an_trace {
    const an_run_schedule *schedule;
    int threads;        /* lanes; as many as were set when the last run began */
    int64_t capacity;   /* events a lane */
    an_lane *now, *last;
    int64_t began, last_began, last_ended;
    bool on;            /* this run is recorded */
    int64_t runs;       /* complete ones */
    double *flops, *bytes, *seconds; /* per task, of all runs: what it computed, moved, took */
    float *sample;      /* [AN_SAMPLES][tasks]: seconds of all threads */
    float step[AN_SAMPLES];
    float *busy;        /* [AN_SAMPLES][threads] */
    float *chores;      /* [AN_SAMPLES][threads] */
} an_trace;

/* NULL if memory is out. It borrows the schedule. */
an_trace *an_trace_new(const an_run_schedule *s);
void an_trace_free(an_trace *r);

/* Around a run. If there is no memory for the lanes, the run is not recorded. */
void an_trace_begin(an_trace *r);
void an_trace_end(an_trace *r, const an_plan *plan);

int64_t an_trace_clock(void); /* nanoseconds */
/* Adds an event of this thread that began at `since` and ends now. */
void an_trace_add(an_trace *r, int64_t task, int stage, int64_t since);

/* What the executor says. All take NULL, which is nobody who wants to know. */
static inline int64_t an_trace_since(const an_trace *r)
{
    return r ? an_trace_clock() : 0;
}

static inline void an_trace_note(an_trace *r, int64_t task, int stage, int64_t since)
{
    if (r) an_trace_add(r, task, stage, since);
}

#endif
