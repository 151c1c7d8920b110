/* finite.c -- a run that commits no infinity and no NaN, and the node that is to blame for one.
 *
 * Watched are what is fetched and what goes into the states: new values that are made
 * before the gate, and what the steps past it read (the gradients, a factor of clipping,
 * the rate). All of that is alive at the gate, and looking at it costs one sweep. The
 * gradient of an embedding's table is large and nearly empty; it is finite if the rows
 * that were added up are, and small enough, and so those few are looked at instead.
 *
 * Nothing is written down while a run goes well. To name a culprit the waves are run a
 * second time, which gives the same bits, and each value is looked at while it is there.
 * An infinity may be meant: a mask is full of them. So a literal, a feed, and whatever
 * holds no NaN and gets its infinities from those alone, is excused. Named is the first
 * value in the graph's order that is not, and from which the one that was refused follows
 * through values that are not finite.                                        */
#include "graph/run/program.h"

#include "core/pool.h"
#include "ops/kernels/kernels.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define UNIT 65536 /* elements that are looked at in one go */

enum { FINE, EXCUSED, BAD, REACHED = 4, KNOWN = 8 }; /* p->health, by root value */

/* ---- what is watched --------------------------------------------------- */

static bool is_float(const an_graph *g, uint32_t v)
{
    return an_dtype_is_float(an_slot_type(g, v)->dtype);
}

/* States and literals are there whatever the run does. */
static void watch(an_program *p, bool *seen, uint32_t value)
{
    const uint32_t root = p->schedule.root[value], buffer = p->schedule.buffer_of[root];
    if (!buffer || seen[root] || !is_float(p->graph, root)) return;
    seen[root] = true;
    const an_home home = p->schedule.buffers[buffer].home;
    const an_node *n = an_node_of(p->graph, root);
    if (home == AN_HOME_CONSTANT || an_node_is_state(n)) return;
    p->watched[p->watched_count++] = root;
}

/* Tasks come in the order of their waves. */
static bool find_sums(an_program *p, bool *watched)
{
    const an_run_schedule *s = &p->schedule;
    p->summed = an_arena_alloc(&p->arena, (p->watched_count + 1) * (int64_t)sizeof *p->summed);
    if (!p->summed) return false;
    memset(watched, 0, (size_t)p->graph->slot_count + 1);
    for (int64_t i = 0; i < p->watched_count; i++) watched[p->watched[i]] = true;
    for (int64_t t = 0; t < s->task_count; t++) {
        const an_node *n = &p->graph->nodes[s->tasks[t].node];
        const int operand = n->op->rules->sums - 1;
        if (operand >= 0 && watched[n->first] && an_slot_type(p->graph, n->first)->dtype == AN_F32)
            p->summed[p->summed_count++] =
                (an_summed){n->first, s->root[n->in[operand]], s->tasks[t].wave};
    }
    return true;
}

bool an_program_watch(an_program *p)
{
    const an_graph *g = p->graph;
    const an_run_schedule *s = &p->schedule;
    an_arena scrap = {0};
    bool *seen = an_arena_alloc(&scrap, g->slot_count + 1);
    p->watched = an_arena_alloc(&p->arena, (g->slot_count + 1) * (int64_t)sizeof *p->watched);
    p->health = an_arena_alloc(&p->arena, g->slot_count + 1);
    const bool good = seen && p->watched && p->health;
    for (int64_t t = 0; good && t < s->task_count; t++) { /* what steps make is not there yet */
        const an_node *n = &g->nodes[s->tasks[t].node];
        for (int k = 0; s->tasks[t].wave > s->gate && k < n->outputs; k++)
            seen[n->first + (uint32_t)k] = true;
    }
    for (int64_t i = 0; good && i < g->output_count; i++) watch(p, seen, g->outputs[i].value);
    for (int64_t i = 0; good && i < g->commit_count; i++)
        if (g->commits[i].set == s->set) watch(p, seen, g->commits[i].value);
    for (int64_t t = 0; good && t < s->task_count; t++) {
        const an_node *n = &g->nodes[s->tasks[t].node];
        for (int j = 0; s->tasks[t].wave > s->gate && j < n->inputs; j++)
            if (n->in[j]) watch(p, seen, n->in[j]);
    }
    const bool done = good && find_sums(p, seen);
    an_arena_free(&scrap);
    return done;
}

/* ---- looking ----------------------------------------------------------- */

typedef struct looking {
    const float *x;
    int64_t count;
    const an_kernels *kernels;
    atomic_bool found;
} looking;

static void look_units(void *context, int64_t begin, int64_t end)
{
    looking *l = context;
    const int64_t first = begin * UNIT, last = end * UNIT < l->count ? end * UNIT : l->count;
    if (!l->kernels->all_finite(last - first, l->x + first))
        atomic_store_explicit(&l->found, true, memory_order_relaxed);
}

static bool is_finite(const an_tensor *t)
{
    const int64_t count = an_tensor_count(t);
    if (t->dtype == AN_F32) {
        looking l = {.x = t->data, .count = count, .kernels = an_kernels_of(an_runtime_isa())};
        an_pool_run(count / UNIT + (count % UNIT != 0), look_units, &l);
        return !atomic_load_explicit(&l.found, memory_order_relaxed);
    }
    for (int64_t i = 0; t->dtype == AN_F64 && i < count; i++)
        if (!isfinite(((const double *)t->data)[i])) return false;
    return true;
}

/* The value as a tensor that borrows its bytes. */
static an_tensor tensor_of(const an_program *p, const an_plan *plan, uint32_t root)
{
    const an_type *type = an_slot_type(p->graph, root);
    int64_t extent[AN_MAX_RANK];
    for (int d = 0; d < type->shape.rank; d++)
        extent[d] = an_dim_extent(type->shape.dim[d], plan->extent);
    return an_tensor_borrow(type->dtype, type->shape.rank, extent,
                            p->at[p->schedule.buffer_of[root]]);
}

/* Whether no sum of elements of `t` can leave the numbers. */
static bool sums_are_finite(const an_tensor *t)
{
    const an_kernels *kernels = an_kernels_of(an_runtime_isa());
    const int64_t count = an_tensor_count(t);
    if (count == 0) return true;
    if (!is_finite(t)) return false;
    const double high = kernels->max_row(t->data, count), low = kernels->min_row(t->data, count);
    return fmax(high, -low) * (double)count < (double)FLT_MAX / 2; /* half for the roundings */
}

void an_program_look_at_sums(an_program *p, const an_plan *plan, int64_t wave, int64_t *next)
{
    for (; *next < p->summed_count && p->summed[*next].wave == wave; ++*next) {
        const an_summed *s = &p->summed[*next];
        const an_tensor t = tensor_of(p, plan, s->operand);
        p->health[s->root] = sums_are_finite(&t) ? KNOWN : FINE;
    }
}

uint32_t an_program_find_unfit(const an_program *p, const an_plan *plan)
{
    for (int64_t i = 0; i < p->watched_count; i++) {
        if (p->health[p->watched[i]] == KNOWN) continue;
        const an_tensor t = tensor_of(p, plan, p->watched[i]);
        if (!is_finite(&t)) return p->watched[i];
    }
    return 0;
}

/* ---- who is to blame --------------------------------------------------- */

static bool holds_nan(const an_tensor *t)
{
    for (int64_t i = 0; i < an_tensor_count(t); i++)
        if (isnan(an_tensor_get(t, i))) return true;
    return false;
}

static uint8_t leaf_health(const an_program *p, const an_plan *plan, const an_node *n)
{
    const an_tensor t = tensor_of(p, plan, n->first);
    if (is_finite(&t)) return FINE;
    return an_node_is_state(n) || holds_nan(&t) ? BAD : EXCUSED;
}

/* Of an output that the node has just made. */
static uint8_t made_health(const an_program *p, const an_plan *plan, const an_node *n, uint32_t v)
{
    const an_tensor t = tensor_of(p, plan, v);
    if (is_finite(&t)) return FINE;
    bool from_excused = false;
    for (int j = 0; j < n->inputs; j++) {
        const uint8_t health = n->in[j] ? p->health[p->schedule.root[n->in[j]]] : FINE;
        if (health == BAD) return BAD;
        from_excused = from_excused || health == EXCUSED;
    }
    return (from_excused || n->inputs == 0) && !holds_nan(&t) ? EXCUSED : BAD;
}

void an_program_blame_begin(an_program *p, const an_plan *plan)
{
    memset(p->health, FINE, (size_t)p->graph->slot_count + 1);
    for (int64_t i = 1; i <= p->graph->node_count; i++) {
        const an_node *n = &p->graph->nodes[i];
        const uint32_t buffer = n->outputs ? p->schedule.buffer_of[n->first] : 0;
        if (buffer && p->schedule.buffers[buffer].home != AN_HOME_SLAB &&
            p->schedule.root[n->first] == n->first && is_float(p->graph, n->first) && p->at[buffer])
            p->health[n->first] = leaf_health(p, plan, n);
    }
}

void an_program_blame_wave(an_program *p, const an_plan *plan, int64_t wave)
{
    const an_wave *w = &p->schedule.waves[wave];
    for (int64_t t = w->first; t < w->first + w->count; t++) {
        const an_node *n = &p->graph->nodes[p->schedule.tasks[t].node];
        for (int k = 0; k < n->outputs; k++) {
            const uint32_t v = n->first + (uint32_t)k;
            if (p->schedule.buffer_of[v] && is_float(p->graph, v))
                p->health[v] = made_health(p, plan, n, v);
        }
    }
}

/* Operands are older than their user, so one walk back reaches everything. */
static void reach(an_program *p, uint32_t refused)
{
    const an_graph *g = p->graph;
    p->health[refused] |= REACHED;
    for (int64_t i = g->slots[refused].node; i > 0; i--) {
        const an_node *n = &g->nodes[i];
        bool reached = false;
        for (int k = 0; k < n->outputs; k++)
            reached = reached || p->health[n->first + (uint32_t)k] & REACHED;
        for (int j = 0; reached && j < n->inputs; j++) {
            uint8_t *const health = n->in[j] ? &p->health[p->schedule.root[n->in[j]]] : NULL;
            if (health && *health != FINE) *health |= REACHED;
        }
    }
}

uint32_t an_program_blame_end(an_program *p, uint32_t refused)
{
    reach(p, refused);
    for (uint32_t v = 1; (int64_t)v <= p->graph->slot_count; v++)
        if (p->health[v] == (BAD | REACHED)) return v;
    return refused;
}

int64_t an_program_wave_of(const an_program *p, uint32_t value)
{
    const uint32_t node = p->graph->slots[value].node;
    for (int64_t t = 0; t < p->schedule.task_count; t++)
        if (p->schedule.tasks[t].node == node) return p->schedule.tasks[t].wave;
    return -1;
}

/* ---- saying so --------------------------------------------------------- */

/* "%12 (exp, made at f.c:3)", "state \"w\"", "feed \"x\"". */
static void describe(const an_program *p, uint32_t v, an_text *out)
{
    const an_node *n = an_node_of(p->graph, v);
    if (an_node_is_named(n)) {
        an_text_addf(out, "%s \"%s\"", an_node_is_state(n) ? "state" : "feed", n->name);
        return;
    }
    an_node_print(n, out);
    an_text_addf(out, " (%s", n->op->name);
    if (n->at.file && n->at.line > 0) an_text_addf(out, ", made at %s:%d", n->at.file, n->at.line);
    an_text_add(out, ")");
}

/* Operands whose infinities may be meant, and which it did not bear. */
static void describe_operands(const an_program *p, uint32_t v, an_text *out)
{
    const an_node *n = an_node_of(p->graph, v);
    for (int j = 0; j < n->inputs; j++) {
        const uint32_t root = n->in[j] ? p->schedule.root[n->in[j]] : 0;
        if (!root || (p->health[root] & (EXCUSED | BAD)) != EXCUSED) continue;
        an_text_add(out, "\n  it read ");
        describe(p, root, out);
        an_text_add(out, ", which holds infinities");
    }
}

/* ": element 3 is inf" */
static void describe_element(const an_tensor *t, an_text *out)
{
    int64_t i = 0;
    while (i < an_tensor_count(t) - 1 && isfinite(an_tensor_get(t, i))) i++;
    an_text_addf(out, ": element %lld of %lld is ", (long long)i, (long long)an_tensor_count(t));
    an_text_add_f64(out, an_tensor_get(t, i));
}

/* The fetch that it is; -1: none. */
static int64_t fetch_of(const an_program *p, uint32_t root)
{
    for (int64_t i = 0; i < p->graph->output_count; i++)
        if (p->schedule.root[p->graph->outputs[i].value] == root) return i;
    return -1;
}

an_status an_program_refuse(an_program *p, an_at at, const an_plan *plan, uint32_t refused,
                            uint32_t blamed)
{
    an_text what = {0}, first = {0};
    const int64_t fetch = p->unfit_fetch = fetch_of(p, refused);
    if (fetch >= 0)
        an_text_addf(&what, "fetch %lld, \"%s\",", (long long)fetch, p->graph->outputs[fetch].name);
    else an_text_add(&what, "what an update reads");
    describe(p, blamed, &first);
    const an_tensor t = tensor_of(p, plan, blamed);
    describe_element(&t, &first);
    describe_operands(p, blamed, &first);
    p->unfit = true;
    const an_status status = an_program_fail(
        p, at, AN_E_DATA, "%s is not finite, so nothing was committed\n  first came %s",
        an_text_view(&what), an_text_view(&first));
    an_text_free(&what);
    an_text_free(&first);
    return status;
}
