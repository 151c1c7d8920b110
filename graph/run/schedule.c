/* schedule.c -- which kernels run, in which order, which side by side.
 *
 * The order is the graph's, with three exceptions. A node whose row says BESIDE
 * joins an earlier wave of its own kind if its operands are there by then: the
 * two directions of a bidirectional layer, or three projections of one input,
 * share the threads. What reads a state that is to be changed in place comes before
 * that, if it can. And optimizer steps that nobody reads, but for steps like
 * them (an average of weights), come last, past the gate, because they may
 * overwrite what everything before them reads.
 *
 * Nothing here depends on extents: a program has one schedule.               */
#include "graph/run/schedule.h"

#include <string.h>

/* A wave farther back is not looked at: joining it would lengthen the lives of
 * the operands' and results' bytes for no neighbour's sake. */
#define LOOK_BACK 8

static bool is_final(const an_scheduling *b, const an_node *n)
{
    return (n->op->traits & AN_TRAIT_STEP) && !b->used[n - b->graph->nodes];
}

/* A constant whose bytes in the graph are all its elements needs no kernel. */
static bool is_literal(const an_graph *g, const an_node *n)
{
    const an_type *type = an_slot_type(g, n->first);
    int64_t count;
    return an_node_is_constant(n) && n->attrs->data.bytes &&
           an_count_elements(type->shape.rank, type->shape.dim, &count) &&
           count == n->attrs->data.count;
}

static bool is_wanted(const an_scheduling *b, const an_node *n)
{
    for (int k = 0; k < n->outputs; k++)
        if (b->wanted[n->first + (uint32_t)k]) return true;
    return false;
}

static bool is_task(const an_scheduling *b, const an_node *n)
{
    return !an_node_is_named(n) && !is_literal(b->graph, n) &&
           !(n->op->traits & AN_TRAIT_VIEW) && is_wanted(b, n);
}

/* ---- facts about values ------------------------------------------------ */

static void see_through_views(an_scheduling *b)
{
    const an_graph *g = b->graph;
    uint32_t *root = b->schedule->root;
    for (uint32_t v = 1; (int64_t)v <= g->slot_count; v++) {
        const an_node *n = an_node_of(g, v);
        const bool view = (n->op->traits & AN_TRAIT_VIEW) && g->slots[v].index == 0;
        root[v] = view ? root[n->in[0]] : v;
    }
}

/* From the last node to the first, so that readers are judged before what they read. */
static void mark_uses(an_scheduling *b)
{
    const an_graph *g = b->graph;
    const uint32_t *root = b->schedule->root;
    for (int64_t i = g->node_count; i >= 1; i--) {
        const an_node *n = &g->nodes[i];
        const bool view = n->op->traits & AN_TRAIT_VIEW, final = is_final(b, n);
        for (int j = 0; j < n->inputs; j++) {
            if (!n->in[j]) continue;
            if (!final) b->used[g->slots[n->in[j]].node] = true;
            if (!view) b->wanted[root[n->in[j]]] = true;
        }
    }
    for (int64_t i = 0; i < g->output_count; i++) b->wanted[root[g->outputs[i].value]] = true;
    for (int64_t i = 0; i < g->commit_count; i++)
        if (g->commits[i].set == b->set) {
            b->wanted[root[g->commits[i].value]] = true;
            b->changed[g->commits[i].state] = true;
        }
}

/* The tasks that read a state's old value, in no order. */
static void list_readers(an_scheduling *b)
{
    const an_graph *g = b->graph;
    uint32_t rows = 0;
    for (uint32_t i = 1; (int64_t)i <= g->node_count; i++) {
        const an_node *n = &g->nodes[i];
        for (int j = 0; is_task(b, n) && j < n->inputs; j++) {
            const uint32_t r = n->in[j] ? b->schedule->root[n->in[j]] : 0;
            if (!r || !b->changed[r]) continue;
            b->readers[++rows] = (struct an_reader){i, b->reader[r]};
            b->reader[r] = rows;
        }
    }
}

/* ---- waves ------------------------------------------------------------- */

/* The latest wave near the end that holds this op and starts no earlier than
 * `earliest`; -1 if there is none. */
static int64_t find_company(const an_scheduling *b, const an_op_info *op, int64_t earliest)
{
    if (!(op->traits & AN_TRAIT_BESIDE)) return -1;
    const int64_t low = b->waves > LOOK_BACK ? b->waves - LOOK_BACK : 0;
    for (int64_t w = b->waves - 1; w >= low && w >= earliest; w--)
        if (b->wave_op[w] == op) return w;
    return -1;
}

static void place(an_scheduling *b, uint32_t number)
{
    const an_node *n = &b->graph->nodes[number];
    int64_t earliest = 0;
    for (int j = 0; j < n->inputs; j++) {
        if (!n->in[j]) continue;
        const int64_t made = b->made[b->schedule->root[n->in[j]]];
        if (made >= earliest) earliest = made + 1;
    }
    int64_t wave = find_company(b, n->op, earliest);
    if (wave < 0) {
        wave = b->waves++;
        b->wave_op[wave] = n->op;
    }
    b->wave_of[number] = wave;
    for (int k = 0; k < n->outputs; k++) b->made[n->first + (uint32_t)k] = wave;
}

static bool can_run(const an_scheduling *b, const an_node *n)
{
    if (is_final(b, n)) return false;
    for (int j = 0; j < n->inputs; j++) {
        const uint32_t r = n->in[j] ? b->schedule->root[n->in[j]] : 0;
        if (r && b->made[r] < 0 && is_task(b, an_node_of(b->graph, r))) return false;
    }
    return true;
}

/* Before a part of a state is changed for the first time, all others that read it run, if they can
 * by now: then it can be changed in place (buffers.c). */
static void place_readers(an_scheduling *b, uint32_t number)
{
    const an_node *n = &b->graph->nodes[number];
    const uint32_t state = n->op->rules->patch ? b->schedule->root[n->in[0]] : 0;
    const uint32_t first = state ? b->reader[state] : 0;
    if (first) b->reader[state] = 0;
    for (uint32_t row = first; row; row = b->readers[row].next) {
        const uint32_t other = b->readers[row].node;
        if (other != number && b->wave_of[other] < 0 && !can_run(b, &b->graph->nodes[other]))
            return;
    }
    for (uint32_t row = first; row; row = b->readers[row].next) {
        const uint32_t other = b->readers[row].node;
        if (other != number && b->wave_of[other] < 0) place(b, other);
    }
}

/* Past the gate, behind the steps that it reads. */
static void place_final(an_scheduling *b, uint32_t number)
{
    const an_node *n = &b->graph->nodes[number];
    an_run_schedule *s = b->schedule;
    int64_t wave = s->gate + 1;
    for (int j = 0; j < n->inputs; j++) {
        const int64_t made = n->in[j] ? b->made[s->root[n->in[j]]] : -1;
        if (made >= wave) wave = made + 1;
    }
    b->wave_of[number] = wave;
    for (int k = 0; k < n->outputs; k++) b->made[n->first + (uint32_t)k] = wave;
    if (wave >= s->end) s->end = wave + 1;
}

static void place_all(an_scheduling *b)
{
    const an_graph *g = b->graph;
    memset(b->made, -1, (size_t)(g->slot_count + 1) * sizeof *b->made);
    memset(b->wave_of, -1, (size_t)(g->node_count + 1) * sizeof *b->wave_of);
    list_readers(b);
    for (uint32_t i = 1; (int64_t)i <= g->node_count; i++) {
        const an_node *n = &g->nodes[i];
        if (b->wave_of[i] >= 0 || !is_task(b, n) || is_final(b, n)) continue;
        place_readers(b, i);
        place(b, i);
    }
    an_run_schedule *s = b->schedule;
    s->gate = b->waves;
    s->end = s->gate + 2;
    for (uint32_t i = 1; (int64_t)i <= g->node_count; i++)
        if (is_task(b, &g->nodes[i]) && is_final(b, &g->nodes[i])) place_final(b, i);
    s->wave_count = s->end;
}

/* The dtype that decides (an_compute_dtype), which is a matter of types alone. */
static an_dtype decisive(const an_graph *g, const an_node *n)
{
    for (int i = 0; i < n->inputs; i++)
        if (n->in[i] && an_dtype_is_float(an_slot_type(g, n->in[i])->dtype))
            return an_slot_type(g, n->in[i])->dtype;
    for (int k = 0; k < n->outputs; k++) {
        const an_dtype dtype = an_slot_type(g, n->first + (uint32_t)k)->dtype;
        if (an_dtype_is_float(dtype)) return dtype;
    }
    return an_slot_type(g, n->first)->dtype;
}

static bool has_fast_kernel(const an_graph *g, const an_node *n)
{
    const an_tensor any = {.dtype = decisive(g, n)};
    const an_work w = {.op = n->op, .outputs = 1, .out = &any};
    return an_is_fast(n->op, &w);
}

/* A counting sort: tasks by wave, in node order within one. */
static bool lay_out_waves(an_scheduling *b)
{
    const an_graph *g = b->graph;
    an_run_schedule *s = b->schedule;
    s->waves = an_arena_alloc(&s->arena, (s->wave_count + 1) * (int64_t)sizeof *s->waves);
    if (!s->waves) return false;
    for (int64_t i = 1; i <= g->node_count; i++) {
        if (b->wave_of[i] < 0) continue;
        s->waves[b->wave_of[i]].count++;
        s->task_count++;
        s->argument_count += g->nodes[i].inputs + g->nodes[i].outputs;
    }
    s->tasks = an_arena_alloc(&s->arena, s->task_count * (int64_t)sizeof *s->tasks);
    if (!s->tasks) return false;
    for (int64_t w = 0, next = 0; w < s->wave_count; next += s->waves[w++].count) {
        s->waves[w].first = next;
        if (s->waves[w].count > s->widest) s->widest = s->waves[w].count;
    }
    int64_t *filled = b->filled;
    for (uint32_t i = 1; (int64_t)i <= g->node_count; i++) {
        const int64_t w = b->wave_of[i];
        if (w < 0) continue;
        s->tasks[s->waves[w].first + filled[w]++] =
            (an_task){.node = i, .wave = w, .fast = has_fast_kernel(g, &g->nodes[i])};
    }
    return true;
}

/* ---- the call ---------------------------------------------------------- */

static bool begin(an_scheduling *b)
{
    const int64_t slots = b->graph->slot_count + 1, nodes = b->graph->node_count + 1;
    an_arena *a = &b->arena;
    b->schedule->root = an_arena_alloc(&b->schedule->arena, slots * (int64_t)sizeof(uint32_t));
    b->used = an_arena_alloc(a, nodes * (int64_t)sizeof *b->used);
    b->wanted = an_arena_alloc(a, slots * (int64_t)sizeof *b->wanted);
    int64_t operands = 1;
    for (int64_t i = 1; i < nodes; i++) operands += b->graph->nodes[i].inputs;
    b->changed = an_arena_alloc(a, slots * (int64_t)sizeof *b->changed);
    b->reader = an_arena_alloc(a, slots * (int64_t)sizeof *b->reader);
    b->readers = an_arena_alloc(a, operands * (int64_t)sizeof *b->readers);
    b->made = an_arena_alloc(a, slots * (int64_t)sizeof *b->made);
    b->wave_of = an_arena_alloc(a, nodes * (int64_t)sizeof *b->wave_of);
    b->wave_op = an_arena_alloc(a, nodes * (int64_t)sizeof *b->wave_op);
    b->filled = an_arena_alloc(a, (nodes + 2) * (int64_t)sizeof *b->filled);
    return b->schedule->root && b->used && b->wanted && b->changed && b->reader && b->readers &&
           b->made && b->wave_of && b->wave_op && b->filled;
}

an_status an_run_schedule_make(an_run_schedule *s, const an_graph *g, uint32_t set)
{
    *s = (an_run_schedule){.graph = g, .set = set};
    an_scheduling b = {.schedule = s, .graph = g, .set = set};
    bool good = begin(&b);
    if (good) {
        see_through_views(&b);
        mark_uses(&b);
        place_all(&b);
        good = lay_out_waves(&b) && an_schedule_buffers(&b);
    }
    an_arena_free(&b.arena);
    return good ? AN_OK : AN_E_MEMORY;
}

void an_run_schedule_free(an_run_schedule *s)
{
    if (s) an_arena_free(&s->arena);
}
