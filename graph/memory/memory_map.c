/* memory_map.c -- from a schedule and a plan to boxes, the peak, and sums by scope.
 *
 * The plan knows buffers; several values may hold one, each written over the one before. The box of
 * such a value ends where its successor's kernel runs, so boxes tell who is where at each time.  */
#include "graph/memory/mapping.h"

#include <stdlib.h>
#include <string.h>

#include "core/random.h"

typedef struct mapping {
    an_memory_map *m;
    const an_graph *g;
    const an_run_schedule *s;
    const an_plan *plan;
    uint8_t *phase;   /* [node] */
    uint8_t *reader;  /* [root value] the last phase that reads it; 0: the forward phase or none */
    bool *fetched;    /* [root value] */
    int depth;        /* of scopes that count by themselves; 0: all */
    uint32_t *steps;  /* [node] the parameter whose new value it makes; 0: none */
    uint32_t *maker;  /* [state's value] the node that makes its new value; 0: none */
    int64_t *holder;  /* [buffer] its last box so far, plus one */
    an_index by_scope;
    an_arena scrap;
} mapping;

const char *an_memory_kind_name(an_memory_kind kind)
{
    static const char *const names[AN_MEMORY_KINDS] = {
        "forward", "saved", "fetched", "backward", "update", "scratch", "weights", "optimizer",
        "feeds", "literals"};
    return (unsigned)kind < AN_MEMORY_KINDS ? names[kind] : "";
}

/* ---- what values are for --------------------------------------------------- */

static void look_at_readers(mapping *x)
{
    for (int64_t t = 0; t < x->s->task_count; t++) {
        const uint32_t number = x->s->tasks[t].node;
        const an_node *n = &x->g->nodes[number];
        for (int k = 0; k < n->inputs; k++) {
            const uint32_t r = n->in[k] ? x->s->root[n->in[k]] : 0;
            if (r && x->phase[number] > x->reader[r]) x->reader[r] = x->phase[number];
        }
    }
    for (int64_t i = 0; i < x->g->output_count; i++)
        x->fetched[x->s->root[x->g->outputs[i].value]] = true;
}

static an_memory_kind kind_of(const mapping *x, uint32_t value)
{
    const uint8_t phase = x->phase[x->g->slots[value].node];
    if (phase == AN_PHASE_UPDATE) return AN_MEMORY_UPDATE;
    if (phase == AN_PHASE_BACKWARD) return AN_MEMORY_BACKWARD;
    if (x->reader[value] > AN_PHASE_FORWARD) return AN_MEMORY_SAVED;
    return x->fetched[value] ? AN_MEMORY_FETCHED : AN_MEMORY_FORWARD;
}

/* ---- boxes ------------------------------------------------------------------- */

static const char *keep(mapping *x, an_text *text)
{
    const char *kept = an_arena_string(&x->m->arena, an_text_view(text));
    an_text_free(text);
    return kept;
}

static const char *name_of(mapping *x, const an_node *n, int output, const char *before)
{
    an_text text = {0};
    an_text_add(&text, before);
    if (an_node_is_named(n)) an_text_add(&text, n->name);
    else an_node_print(n, &text);
    if (output >= 0 && n->outputs > 1) an_text_addf(&text, ".%d", output);
    return keep(x, &text);
}

static const char *type_of(mapping *x, uint32_t value)
{
    an_text text = {0};
    an_type_print(x->g->dims, an_slot_type(x->g, value), &text);
    return keep(x, &text);
}

/* Its name and type are the caller's to give; false if there was no memory for one of its texts. */
static bool add_box(mapping *x, uint32_t node, an_memory_box box)
{
    const an_node *n = &x->g->nodes[node];
    box.node = node;
    box.op = an_arena_string(&x->m->arena, n->op->name);
    box.scope = an_arena_string(&x->m->arena, n->scope);
    if (!box.op || !box.scope || !box.name || !box.type) return false;
    x->m->boxes[x->m->box_count++] = box;
    return true;
}

/* The box of a value that holds buffer b from that wave on. */
static bool add_value(mapping *x, uint32_t b, uint32_t value, int64_t wave, const char *before)
{
    const int64_t held = x->holder[b];
    if (held) x->m->boxes[held - 1].death = wave - 1;
    x->holder[b] = x->m->box_count + 1;
    const an_slot *slot = &x->g->slots[value];
    const char *name = name_of(x, &x->g->nodes[slot->node], slot->index, before);
    return add_box(x, slot->node,
                   (an_memory_box){.name = name, .type = type_of(x, value),
                                   .kind = before[0] ? AN_MEMORY_UPDATE : kind_of(x, value),
                                   .buffer = b, .takes_over = held != 0, .birth = wave,
                                   .death = x->s->buffers[b].death, .offset = x->plan->offset[b],
                                   .bytes = x->plan->bytes[b]});
}

static bool add_task(mapping *x, int64_t t)
{
    const an_task *task = &x->s->tasks[t];
    const an_node *n = &x->g->nodes[task->node];
    for (int k = 0; k < n->outputs; k++) {
        const uint32_t v = n->first + (uint32_t)k, b = x->s->buffer_of[v];
        if (b && x->s->buffers[b].home == AN_HOME_SLAB && !add_value(x, b, v, task->wave, ""))
            return false;
    }
    if (x->plan->scratch[t] < 0) return true;
    return add_box(x, task->node,
                   (an_memory_box){.name = name_of(x, n, -1, "scratch of "), .type = "",
                                   .kind = AN_MEMORY_SCRATCH, .birth = task->wave,
                                   .death = task->wave, .offset = x->plan->scratch[t],
                                   .bytes = x->plan->scratch_bytes[t]});
}

/* What is put back if the run fails. */
static bool add_kept_part(mapping *x, const an_patch *patch)
{
    const an_node *n = &x->g->nodes[x->s->tasks[patch->task].node];
    const an_buffer *b = &x->s->buffers[patch->kept];
    x->holder[patch->kept] = x->m->box_count + 1;
    const uint32_t state = x->s->buffers[x->s->buffer_of[n->first]].value;
    return add_box(x, x->s->tasks[patch->task].node,
                   (an_memory_box){.name = name_of(x, an_node_of(x->g, state), 0, "old part of "),
                                   .type = type_of(x, b->value), .kind = AN_MEMORY_UPDATE,
                                   .buffer = patch->kept, .birth = b->birth, .death = b->death,
                                   .offset = x->plan->offset[patch->kept],
                                   .bytes = x->plan->bytes[patch->kept]});
}

static int by_birth(const void *a, const void *b)
{
    const an_memory_box *x = a, *y = b;
    if (x->birth != y->birth) return x->birth < y->birth ? -1 : 1;
    return (x->offset > y->offset) - (x->offset < y->offset);
}

static bool add_boxes(mapping *x)
{
    for (int64_t t = 0; t < x->s->task_count; t++)
        if (!add_task(x, t)) return false;
    for (int64_t i = 0; i < x->s->patch_count; i++)
        if (!add_kept_part(x, &x->s->patches[i])) return false;
    for (uint32_t b = 1; (int64_t)b <= x->s->buffer_count; b++) { /* kept at the gate */
        const an_buffer *buffer = &x->s->buffers[b];
        if (buffer->home == AN_HOME_SLAB && !x->holder[b] &&
            !add_value(x, b, buffer->value, buffer->birth, "old "))
            return false;
    }
    qsort(x->m->boxes, (size_t)x->m->box_count, sizeof *x->m->boxes, by_birth);
    return true;
}

/* ---- the peak ------------------------------------------------------------------ */

static void find_peak(mapping *x)
{
    an_memory_map *m = x->m;
    for (int64_t i = 0; i < m->box_count; i++) { /* what comes less what went ... */
        m->alive[m->boxes[i].birth] += m->boxes[i].bytes;
        m->alive[m->boxes[i].death + 1] -= m->boxes[i].bytes;
    }
    for (int64_t w = 0; w <= m->facts.end; w++) { /* ... summed up is what is there */
        if (w > 0) m->alive[w] += m->alive[w - 1];
        if (m->alive[w] <= m->facts.alive) continue;
        m->facts.alive = m->alive[w];
        m->facts.peak = w;
    }
    for (int64_t i = 0; i < m->box_count; i++)
        m->boxes[i].at_peak =
            m->boxes[i].birth <= m->facts.peak && m->facts.peak <= m->boxes[i].death;
}

int64_t *an_memory_map_at_peak(const an_memory_map *m, int64_t *count)
{
    int64_t *at = an_alloc((m->box_count + 1) * (int64_t)sizeof *at), n = 0;
    for (int64_t i = 0; at && i < m->box_count; i++)
        if (m->boxes[i].at_peak) at[n++] = i;
    /* Shell's order: no context for a comparison is needed, and a peak has few boxes. */
    for (int64_t gap = n / 2; gap > 0; gap /= 2)
        for (int64_t i = gap; i < n; i++) {
            const int64_t one = at[i];
            int64_t k = i;
            for (; k >= gap && m->boxes[at[k - gap]].bytes < m->boxes[one].bytes; k -= gap)
                at[k] = at[k - gap];
            at[k] = one;
        }
    *count = n;
    return at;
}

/* ---- sums by scope -------------------------------------------------------------- */

/* Bytes of the name of the scope that counts for this one. */
static size_t length_of(const mapping *x, const char *scope)
{
    int depth = 0;
    if (x->depth < 0) return 0;
    for (const char *p = scope; *p; p++)
        if (*p == '/' && ++depth == x->depth) return (size_t)(p - scope);
    return strlen(scope);
}

static an_memory_sum *sum_for(mapping *x, const char *scope)
{
    an_memory_map *m = x->m;
    const char *kept = an_arena_text(&x->scrap, scope, (int64_t)length_of(x, scope));
    if (!kept) return NULL;
    const uint64_t hash = an_hash_string(kept);
    uint64_t probe = 0;
    for (uint32_t i; (i = an_index_next(&x->by_scope, hash, &probe));)
        if (!strcmp(m->scopes[i - 1].scope, kept)) return &m->scopes[i - 1];
    kept = an_arena_string(&m->arena, kept);
    if (!kept || !an_index_add(&x->by_scope, hash, (uint32_t)m->scope_count + 1)) return NULL;
    m->scopes[m->scope_count].scope = kept;
    return &m->scopes[m->scope_count++];
}

static bool count(mapping *x, const char *scope, an_memory_kind kind, int64_t bytes, bool at_peak)
{
    an_memory_sum *own = sum_for(x, scope), *const both[2] = {own, &x->m->whole};
    for (int i = 0; own && i < 2; i++) {
        both[i]->values++;
        both[i]->bytes[kind] += bytes;
        if (at_peak) both[i]->at_peak += bytes;
    }
    return own != NULL;
}

/* What is there between runs; of the feeds those that are needed. */
static an_memory_kind resident(const mapping *x, const an_buffer *b)
{
    if (b->home == AN_HOME_FEED) return AN_MEMORY_FEEDS;
    if (b->home == AN_HOME_CONSTANT) return AN_MEMORY_LITERALS;
    return x->phase[x->g->slots[b->value].node] == AN_PHASE_UPDATE ? AN_MEMORY_OPTIMIZER
                                                                    : AN_MEMORY_WEIGHTS;
}

/* Whose cost it is: moments stand with the weights of whose step they are. */
static const char *scope_of(const mapping *x, uint32_t leaf)
{
    const uint32_t maker = x->maker[leaf], weights = maker ? x->steps[maker] : 0;
    return an_node_of(x->g, weights ? weights : leaf)->scope;
}

static void look_at_steps(mapping *x)
{
    for (int64_t i = 0; i < x->g->commit_count; i++) {
        const an_commit *c = &x->g->commits[i];
        if (c->set != x->s->set) continue;
        const uint32_t maker = x->g->slots[c->value].node;
        x->maker[c->state] = maker;
        if (an_graph_is_parameter(x->g, x->phase, x->g->slots[c->state].node))
            x->steps[maker] = c->state;
    }
}

static int by_cost(const void *a, const void *b)
{
    const an_memory_sum *x = a, *y = b;
    if (x->at_peak != y->at_peak) return x->at_peak < y->at_peak ? 1 : -1;
    for (int k = 0; k < AN_MEMORY_KINDS; k++)
        if (x->bytes[k] != y->bytes[k]) return x->bytes[k] < y->bytes[k] ? 1 : -1;
    return strcmp(x->scope, y->scope);
}

static bool add_sums(mapping *x)
{
    an_memory_map *m = x->m;
    look_at_steps(x);
    for (int64_t i = 0; i < m->box_count; i++) {
        const an_memory_box *b = &m->boxes[i];
        if (!count(x, b->scope, b->kind, b->bytes, b->at_peak)) return false;
    }
    for (int64_t i = 1; i <= x->s->buffer_count; i++) {
        const an_buffer *b = &x->s->buffers[i];
        if (b->home != AN_HOME_SLAB &&
            !count(x, scope_of(x, b->value), resident(x, b), x->plan->bytes[i], false))
            return false;
    }
    qsort(m->scopes, (size_t)m->scope_count, sizeof *m->scopes, by_cost);
    return true;
}

/* ---- the calls -------------------------------------------------------------------- */

static bool add_facts(mapping *x)
{
    an_memory_facts *f = &x->m->facts;
    an_text bound = {0};
    const an_dims *dims = x->g->dims;
    for (int i = 0; i < an_dims_names(dims); i++)
        if (x->plan->bound[i] >= 0)
            an_text_addf(&bound, "%s%s=%lld", bound.length ? ", " : "", an_dims_name_at(dims, i),
                         (long long)x->plan->bound[i]);
    *f = (an_memory_facts){.graph = an_arena_string(&x->m->arena, x->g->name),
                           .binding = keep(x, &bound), .slab = x->plan->slab_bytes,
                           .gate = x->s->gate, .end = x->s->end, .backward = x->s->end + 1};
    for (int64_t t = x->s->task_count - 1; t >= 0; t--)
        if (x->phase[x->s->tasks[t].node] == AN_PHASE_BACKWARD) f->backward = x->s->tasks[t].wave;
    return f->graph && f->binding;
}

static bool allocate(mapping *x)
{
    const int64_t slots = x->g->slot_count + 1, buffers = x->s->buffer_count + 1;
    const int64_t boxes = slots + buffers + x->s->task_count;
    an_arena *scrap = &x->scrap, *kept = &x->m->arena;
    x->phase = an_arena_alloc(scrap, x->g->node_count + 1);
    x->reader = an_arena_alloc(scrap, slots);
    x->fetched = an_arena_alloc(scrap, slots * (int64_t)sizeof *x->fetched);
    x->steps = an_arena_alloc(scrap, (x->g->node_count + 1) * (int64_t)sizeof *x->steps);
    x->maker = an_arena_alloc(scrap, slots * (int64_t)sizeof *x->maker);
    x->holder = an_arena_alloc(scrap, buffers * (int64_t)sizeof *x->holder);
    x->m->boxes = an_arena_alloc(kept, boxes * (int64_t)sizeof *x->m->boxes);
    x->m->scopes = an_arena_alloc(kept, (boxes + buffers) * (int64_t)sizeof *x->m->scopes);
    x->m->alive = an_arena_alloc(kept, (x->s->end + 2) * (int64_t)sizeof *x->m->alive);
    return x->phase && x->reader && x->fetched && x->steps && x->maker && x->holder &&
           x->m->boxes && x->m->scopes && x->m->alive && an_graph_phases(x->g, x->phase);
}

static const an_plan *last_plan(const an_program *p)
{
    const an_plan *last = NULL;
    for (int i = 0; i < p->plan_count; i++)
        if (!last || p->plans[i]->used > last->used) last = p->plans[i];
    return last;
}

an_memory_map *an_memory_map_new(const an_program *p, int depth)
{
    const an_plan *plan = p ? last_plan(p) : NULL;
    mapping x = {.m = plan ? an_alloc_zeroed(sizeof *x.m) : NULL, .plan = plan, .depth = depth};
    if (!x.m) return NULL;
    x.g = p->graph;
    x.s = &p->schedule;
    bool good = allocate(&x) && add_facts(&x);
    if (good) look_at_readers(&x);
    good = good && add_boxes(&x);
    if (good) find_peak(&x);
    good = good && add_sums(&x);
    an_index_free(&x.by_scope);
    an_arena_free(&x.scrap);
    if (good) return x.m;
    an_memory_map_free(x.m);
    return NULL;
}

void an_memory_map_free(an_memory_map *m)
{
    if (!m) return;
    an_arena_free(&m->arena);
    an_free(m);
}

int64_t an_memory_map_boxes(const an_memory_map *m, const an_memory_box **boxes)
{
    if (boxes) *boxes = m ? m->boxes : NULL;
    return m ? m->box_count : 0;
}

int64_t an_memory_map_scopes(const an_memory_map *m, const an_memory_sum **scopes)
{
    if (scopes) *scopes = m ? m->scopes : NULL;
    return m ? m->scope_count : 0;
}

const an_memory_sum *an_memory_map_whole(const an_memory_map *m)
{
    return m ? &m->whole : NULL;
}

an_memory_facts an_memory_map_facts(const an_memory_map *m)
{
    return m ? m->facts : (an_memory_facts){.graph = "", .binding = ""};
}
