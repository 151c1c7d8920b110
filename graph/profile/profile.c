/* profile.c -- from what was recorded to figures: medians, groups, shares of the machine. */
#include "graph/profile/figures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/random.h"

an_profile *an_profile_new(an_program *p)
{
    if (!p || p->trace) return NULL;
    an_profile *f = an_alloc_zeroed(sizeof *f);
    if (!f) return NULL;
    f->program = p;
    f->phase = an_alloc_zeroed(p->graph->node_count + 1);
    f->trace = an_trace_new(&p->schedule);
    if (!f->phase || !f->trace || !an_graph_phases(p->graph, f->phase)) {
        an_profile_free(f);
        return NULL;
    }
    p->trace = f->trace;
    return f;
}

void an_profile_free(an_profile *f)
{
    if (!f) return;
    if (f->program->trace == f->trace) f->program->trace = NULL;
    an_trace_free(f->trace);
    an_arena_free(&f->arena);
    an_free(f->rows);
    an_free(f->phase);
    an_free(f);
}

/* ---- medians ------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static int samples_of(const an_trace *r)
{
    return r->runs < AN_SAMPLES ? (int)r->runs : AN_SAMPLES;
}

double an_profile_median(const an_trace *r, const float *of, int64_t stride)
{
    float sorted[AN_SAMPLES];
    const int n = samples_of(r);
    for (int i = 0; i < n; i++) sorted[i] = of[i * stride];
    qsort(sorted, (size_t)n, sizeof *sorted, compare);
    return n == 0 ? 0 : ((double)sorted[n / 2] + (double)sorted[(n - 1) / 2]) / 2;
}

int64_t an_profile_runs(const an_profile *f)
{
    return f ? f->trace->runs : 0;
}

int an_profile_threads(const an_profile *f)
{
    return f ? f->trace->threads : 0;
}

double an_profile_seconds(const an_profile *f)
{
    return f ? an_profile_median(f->trace, f->trace->step, 1) : 0;
}

static double of_thread(const an_profile *f, const float *of, int thread)
{
    const int threads = f->trace->threads;
    return thread < 0 || thread >= threads ? 0
                                           : an_profile_median(f->trace, of + thread, threads);
}

double an_profile_busy(const an_profile *f, int thread)
{
    return f ? of_thread(f, f->trace->busy, thread) : 0;
}

double an_profile_chores(const an_profile *f, int thread)
{
    return f ? of_thread(f, f->trace->chores, thread) : 0;
}

double an_profile_node_seconds(const an_profile *f, uint32_t node)
{
    const an_run_schedule *s = f ? f->trace->schedule : NULL;
    for (int64_t t = 0; s && t < s->task_count; t++)
        if (s->tasks[t].node == node)
            return an_profile_median(f->trace, f->trace->sample + t, s->task_count);
    return 0;
}

void an_profile_by_node(const an_profile *f, double *seconds)
{
    const an_run_schedule *s = f->trace->schedule;
    for (int64_t t = 0; t < s->task_count; t++)
        seconds[s->tasks[t].node] =
            an_profile_median(f->trace, f->trace->sample + t, s->task_count);
}

/* ---- groups --------------------------------------------------------------- */

/* While rows are made: tasks of one key are one row. */
typedef struct grouping {
    an_profile *f;
    const an_run_schedule *s;
    an_profile_by by;
    uint32_t *row_of;  /* [task] */
    an_index by_key;
    double *seconds;   /* [row] of all runs */
    float *sample;     /* [row][AN_SAMPLES] */
} grouping;

static const char *keep(an_profile *f, an_text *text)
{
    const char *kept = an_arena_string(&f->arena, an_text_view(text));
    an_text_free(text);
    return kept;
}

static const char *name_of(const grouping *x, int64_t task)
{
    const an_node *n = &x->f->program->graph->nodes[x->s->tasks[task].node];
    an_text text = {0};
    switch (x->by) {
    case AN_BY_NODE: an_node_print(n, &text); break;
    case AN_BY_OP: an_text_add(&text, n->op->name); break;
    case AN_BY_SCOPE: an_text_add(&text, n->scope); break;
    case AN_BY_PHASE: an_text_add(&text, an_phase_name(x->f->phase[x->s->tasks[task].node])); break;
    case AN_BY_WAVE: an_text_addf(&text, "wave %lld", (long long)x->s->tasks[task].wave); break;
    }
    return keep(x->f, &text);
}

/* The row of the task's group; -1: memory is out. */
static int64_t row_for(grouping *x, int64_t task)
{
    an_profile *f = x->f;
    const uint32_t number = x->s->tasks[task].node;
    const an_node *n = &f->program->graph->nodes[number];
    const char *name = name_of(x, task);
    if (!name) return -1;
    const uint64_t hash = an_hash_string(name);
    uint64_t probe = 0;
    for (uint32_t i; x->by != AN_BY_NODE && (i = an_index_next(&x->by_key, hash, &probe));)
        if (!strcmp(f->rows[i - 1].name, name)) return i - 1;
    const bool alone = x->by == AN_BY_NODE;
    if (!alone && !an_index_add(&x->by_key, hash, (uint32_t)f->row_count + 1)) return -1;
    f->rows[f->row_count] = (an_profile_row){
        .name = name, .op = n->op->name, .scope = alone ? n->scope : "",
        .phase = alone ? an_phase_name(f->phase[number]) : "", .node = alone ? number : 0,
        .wave = alone ? x->s->tasks[task].wave : -1};
    return f->row_count++;
}

static bool group(grouping *x)
{
    const an_trace *r = x->f->trace;
    const int64_t tasks = x->s->task_count;
    for (int64_t t = 0; t < tasks; t++) {
        const int64_t i = row_for(x, t);
        if (i < 0) return false;
        an_profile_row *row = &x->f->rows[i];
        if (strcmp(row->op, x->f->program->graph->nodes[x->s->tasks[t].node].op->name))
            row->op = "";
        row->nodes++;
        row->flops += r->flops[t];
        row->bytes += r->bytes[t];
        x->seconds[i] += r->seconds[t];
        for (int k = 0; k < samples_of(r); k++)
            x->sample[i * AN_SAMPLES + k] += r->sample[k * tasks + t];
    }
    return true;
}

/* The best a thread could do: as fast as it computes, or as it moves what is computed on. */
static double roof_of(const an_profile *f, const an_profile_row *row)
{
    const double least = fmax(row->flop_rate / f->peak_flops, row->byte_rate / f->peak_bytes);
    return row->flops + row->bytes > 0 && f->peak_threads && isfinite(least) ? least : -1;
}

static void finish(grouping *x)
{
    const an_trace *r = x->f->trace;
    const double runs = r->runs ? (double)r->runs : 1;
    for (int64_t i = 0; i < x->f->row_count; i++) {
        an_profile_row *row = &x->f->rows[i];
        row->seconds = an_profile_median(r, &x->sample[i * AN_SAMPLES], 1);
        row->flop_rate = x->seconds[i] > 0 ? row->flops / x->seconds[i] : 0;
        row->byte_rate = x->seconds[i] > 0 ? row->bytes / x->seconds[i] : 0;
        row->roof = roof_of(x->f, row);
        row->flops /= runs;
        row->bytes /= runs;
    }
}

static int by_time(const void *a, const void *b)
{
    const an_profile_row *x = a, *y = b;
    if (x->seconds != y->seconds) return x->seconds < y->seconds ? 1 : -1;
    if (x->wave != y->wave) return x->wave < y->wave ? -1 : 1;
    return strcmp(x->name, y->name);
}

int64_t an_profile_rows(an_profile *f, an_profile_by by, const an_profile_row **rows)
{
    if (rows) *rows = NULL;
    if (!f || !rows) return f ? -1 : 0;
    const an_run_schedule *s = f->trace->schedule;
    const int64_t room = s->task_count + 1;
    an_free(f->rows);
    an_arena_free(&f->arena);
    f->row_count = 0;
    grouping x = {.f = f, .s = s, .by = by};
    f->rows = an_alloc_zeroed(room * (int64_t)sizeof *f->rows);
    x.seconds = an_alloc_zeroed(room * (int64_t)sizeof *x.seconds);
    x.sample = an_alloc_zeroed(room * AN_SAMPLES * (int64_t)sizeof *x.sample);
    const bool good = f->rows && x.seconds && x.sample && group(&x);
    if (good) {
        finish(&x);
        qsort(f->rows, (size_t)f->row_count, sizeof *f->rows, by_time);
    }
    an_index_free(&x.by_key);
    an_free(x.seconds);
    an_free(x.sample);
    *rows = good ? f->rows : NULL;
    return good ? f->row_count : -1;
}
