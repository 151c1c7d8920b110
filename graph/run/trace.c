/* trace.c -- see trace.h. The only place that allocates for it during a run is its begin, when
 * the number of threads has changed.                                         */
#define _POSIX_C_SOURCE 200809L
#include "graph/run/trace.h"

#include "core/pool.h"
#include "ops/op.h"

#include <string.h>
#include <time.h>

int64_t an_trace_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- memory -------------------------------------------------------------- */

/* A thread runs a stage of a task in one stretch, for it claims units in their order; the rest are
 * looks at sums, one a wave, and the chores of the run as a whole. */
static int64_t most_events(const an_run_schedule *s)
{
    return s->task_count * AN_MAX_STAGES + s->wave_count + 8;
}

an_trace *an_trace_new(const an_run_schedule *s)
{
    an_trace *r = an_alloc_zeroed(sizeof *r);
    if (!r) return NULL;
    r->schedule = s;
    r->capacity = most_events(s);
    const int64_t tasks = s->task_count + 1;
    r->flops = an_alloc_zeroed(tasks * (int64_t)sizeof *r->flops);
    r->bytes = an_alloc_zeroed(tasks * (int64_t)sizeof *r->bytes);
    r->seconds = an_alloc_zeroed(tasks * (int64_t)sizeof *r->seconds);
    r->sample = an_alloc_zeroed(AN_SAMPLES * tasks * (int64_t)sizeof *r->sample);
    if (r->flops && r->bytes && r->seconds && r->sample) return r;
    an_trace_free(r);
    return NULL;
}

static void free_lanes(an_lane *lanes, int count)
{
    for (int i = 0; lanes && i < count; i++) an_free(lanes[i].events);
    an_free_aligned(lanes);
}

static an_lane *new_lanes(const an_trace *r, int count)
{
    an_lane *lanes = an_alloc_aligned(count * (int64_t)sizeof *lanes);
    bool good = lanes != NULL;
    if (good) memset(lanes, 0, (size_t)count * sizeof *lanes);
    for (int i = 0; good && i < count; i++)
        good = (lanes[i].events = an_alloc(r->capacity * (int64_t)sizeof(an_event))) != NULL;
    if (good) return lanes;
    free_lanes(lanes, count);
    return NULL;
}

static void drop_lanes(an_trace *r)
{
    free_lanes(r->now, r->threads);
    free_lanes(r->last, r->threads);
    an_free(r->busy);
    an_free(r->chores);
    r->now = r->last = NULL;
    r->busy = r->chores = NULL;
    r->threads = 0;
}

void an_trace_free(an_trace *r)
{
    if (!r) return;
    drop_lanes(r);
    an_free(r->flops);
    an_free(r->bytes);
    an_free(r->seconds);
    an_free(r->sample);
    an_free(r);
}

/* With other threads than before, what was recorded begins anew: its shares are of those. */
static bool ready_lanes(an_trace *r)
{
    const int threads = an_threads();
    if (threads == r->threads) return true;
    drop_lanes(r);
    r->runs = 0;
    const size_t tasks = (size_t)r->schedule->task_count;
    memset(r->flops, 0, tasks * sizeof *r->flops);
    memset(r->bytes, 0, tasks * sizeof *r->bytes);
    memset(r->seconds, 0, tasks * sizeof *r->seconds);
    r->now = new_lanes(r, threads);
    r->last = new_lanes(r, threads);
    r->busy = an_alloc_zeroed(AN_SAMPLES * threads * (int64_t)sizeof *r->busy);
    r->chores = an_alloc_zeroed(AN_SAMPLES * threads * (int64_t)sizeof *r->chores);
    r->threads = threads;
    if (r->now && r->last && r->busy && r->chores) return true;
    drop_lanes(r);
    return false;
}

/* ---- a run --------------------------------------------------------------- */

void an_trace_begin(an_trace *r)
{
    if (!r) return;
    r->on = ready_lanes(r);
    for (int i = 0; i < r->threads; i++) r->now[i].count = 0;
    r->began = an_trace_clock();
}

void an_trace_add(an_trace *r, int64_t task, int stage, int64_t since)
{
    const int thread = an_pool_thread();
    if (!r->on || thread >= r->threads) return; /* more threads than the run began with */
    an_lane *lane = &r->now[thread];
    an_event *before = lane->count ? &lane->events[lane->count - 1] : NULL;
    if (before && before->task == task && before->stage == stage && task >= 0)
        before->end = an_trace_clock();
    else if (lane->count < r->capacity)
        lane->events[lane->count++] = (an_event){task, stage, since, an_trace_clock()};
}

static void sum_lane(an_trace *r, int thread, int64_t sample)
{
    const int64_t tasks = r->schedule->task_count;
    const an_lane *lane = &r->now[thread];
    double busy = 0, chores = 0;
    for (int64_t i = 0; i < lane->count; i++) {
        const an_event *e = &lane->events[i];
        const double took = (double)(e->end - e->begin) * 1e-9;
        if (e->task < 0) {
            chores += took;
            continue;
        }
        busy += took;
        r->seconds[e->task] += took;
        r->sample[sample * tasks + e->task] += (float)took;
    }
    r->busy[sample * r->threads + thread] = (float)busy;
    r->chores[sample * r->threads + thread] = (float)chores;
}

void an_trace_end(an_trace *r, const an_plan *plan)
{
    if (!r || !r->on) return;
    r->on = false;
    if (!plan) return; /* it failed */
    const int64_t tasks = r->schedule->task_count, sample = r->runs++ % AN_SAMPLES;
    r->last_began = r->began;
    r->last_ended = an_trace_clock();
    r->step[sample] = (float)((double)(r->last_ended - r->began) * 1e-9);
    memset(&r->sample[sample * tasks], 0, (size_t)tasks * sizeof *r->sample);
    for (int i = 0; i < r->threads; i++) sum_lane(r, i, sample);
    for (int64_t t = 0; t < tasks; t++) {
        r->flops[t] += an_work_flops(&plan->works[t]);
        r->bytes[t] += an_work_bytes(&plan->works[t]);
    }
    an_lane *const done = r->now;
    r->now = r->last;
    r->last = done;
}
