/* plan_check.c -- proves that a plan keeps every value until its last reader.
 *
 * The schedule is acted out on an imaginary slab: a sorted set of ranges, each
 * owned by the value last written there and known by its buffer's number, for a
 * run may give a fetched buffer other bytes. A read must find its operand as the
 * owner; a write must find free bytes, or exactly one owner that may die under
 * it. A state may be written before the gate only by an op that changes a part of
 * it, on the way to its new value, and if what the part held stays in a range of
 * its own up to the gate, to be put back if the run fails. When values are needed
 * is worked out here again, from the graph and the order of the tasks; of the
 * planner's work only the places are believed.
 * n log n, so that every plan is checked, not only those of the tests.       */
#include "graph/run/plan.h"

#include "graph/run/ranks.h"
#include "graph/run/slab.h"

#include <stdlib.h>

typedef struct range {
    int64_t offset, size;
    uint32_t owner;  /* a root value, SCRATCH, or beyond the values: an old state kept, or a part */
    uint32_t buffer; /* under whose number it was written; 0 for scratch */
} range;

#define SCRATCH 0

typedef struct check {
    const an_run_schedule *s;
    const an_plan *p;
    const an_graph *g;
    an_arena arena;
    uint32_t *root;     /* [value] what it is a view of, or itself */
    int64_t *made;      /* [root] wave, -1 for leaves, NEVER */
    int64_t *last;      /* [owner] wave of the last reader */
    int64_t *readers;   /* [root] tasks that read it in that wave */
    int64_t *seen;      /* [root] the task that was counted last, plus one */
    uint32_t *stored;   /* [state] the root value its bytes hold now */
    uint32_t *update;   /* [state] the value it shall have in the end; 0: its own */
    int64_t patched;    /* patches that were acted */
    int64_t *offset;    /* [rank] every offset that the plan names, in order */
    int64_t ranks, claims;
    range *live;        /* [rank] what begins there, if `alive` has the rank */
    an_ranks alive;
    int64_t *expire;    /* [wave] first claim that ends there ... */
    int64_t *expire_next; /* [claim] ... and the next, plus one each; 0 ends */
    range *claim;       /* [claim] */
    an_error *error;
} check;

#define NEVER INT64_MAX

static an_status broken(const check *c, int64_t wave, uint32_t value, const char *what)
{
    return an_fail(c->error, AN_E_INTERNAL, "the memory plan is wrong in wave %lld, value %u: %s",
                   (long long)wave, value, what);
}

/* ---- what the graph demands -------------------------------------------- */

static bool is_op(const check *c, uint32_t value, int op)
{
    return an_is_op(an_node_of(c->g, value), op);
}

static void find_roots(check *c)
{
    for (uint32_t v = 1; (int64_t)v <= c->g->slot_count; v++) {
        const an_node *n = an_node_of(c->g, v);
        c->root[v] = n->op->traits & AN_TRAIT_VIEW ? c->root[n->in[0]] : v;
        const bool leaf = (n->op->traits & AN_TRAIT_LEAF) != 0;
        c->made[v] = leaf ? -1 : NEVER;
        c->last[v] = -1;
        c->stored[v] = v;
    }
}

static an_status read_order(check *c)
{
    const an_run_schedule *s = c->s;
    for (int64_t t = 0; t < s->task_count; t++) {
        const an_task *task = &s->tasks[t];
        const an_node *n = &c->g->nodes[task->node];
        const an_wave *w = &s->waves[task->wave];
        if (t < w->first || t >= w->first + w->count)
            return broken(c, task->wave, n->first, "a task is outside its wave");
        if (task->wave >= s->gate && !(n->op->traits & AN_TRAIT_STEP))
            return broken(c, task->wave, n->first, "a task that may fail runs past the gate");
        for (int k = 0; k < n->outputs; k++) c->made[n->first + (uint32_t)k] = task->wave;
        for (int j = 0; j < n->inputs; j++) {
            const uint32_t r = n->in[j] ? c->root[n->in[j]] : 0;
            if (!r) continue;
            if (c->made[r] == NEVER || c->made[r] >= task->wave)
                return broken(c, task->wave, r, "an operand is read before it is made");
            if (c->seen[r] == t + 1) continue;
            c->seen[r] = t + 1;
            if (task->wave > c->last[r]) c->readers[r] = 0;
            c->last[r] = task->wave > c->last[r] ? task->wave : c->last[r];
            c->readers[r]++;
        }
    }
    return AN_OK;
}

/* What a run may make in the caller's memory must stay to the end, whenever else it is copied. */
static int64_t fetched_until(const check *c, const an_fetch *f)
{
    return f->late || c->s->buffers[f->buffer].home == AN_HOME_SLAB ? c->s->end : c->s->gate;
}

static an_status read_roots(check *c)
{
    for (int64_t i = 0; i < c->g->output_count; i++) {
        const an_fetch *f = &c->s->fetches[i];
        const uint32_t r = c->root[c->g->outputs[i].value];
        const int64_t when = f->late ? c->s->end : c->s->gate, until = fetched_until(c, f);
        if (c->made[r] >= when) return broken(c, when, r, "it is fetched before it is made");
        if (until > c->last[r]) c->last[r] = until;
    }
    for (int64_t i = 0; i < c->g->commit_count; i++) {
        const an_commit *row = &c->g->commits[i];
        if (row->set != c->s->set) continue;
        const uint32_t r = c->root[row->value];
        c->update[row->state] = r;
        if (c->made[r] == NEVER) return broken(c, c->s->end, r, "an update's value is not made");
        if (!is_op(c, r, AN_OP_state)) c->last[r] = c->s->end;
    }
    return AN_OK;
}

/* ---- the imaginary slab ------------------------------------------------ */

static int by_size(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void rank_offsets(check *c)
{
    int64_t count = 0;
    for (int64_t b = 1; b <= c->s->buffer_count; b++) c->offset[count++] = c->p->offset[b];
    for (int64_t t = 0; t < c->s->task_count; t++) c->offset[count++] = c->p->scratch[t];
    qsort(c->offset, (size_t)count, sizeof *c->offset, by_size);
    for (int64_t i = 0; i < count; i++)
        if (i == 0 || c->offset[i] != c->offset[i - 1]) c->offset[c->ranks++] = c->offset[i];
}

static int64_t rank_of(const check *c, int64_t offset)
{
    int64_t low = 0, high = c->ranks;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (c->offset[middle] < offset) low = middle + 1;
        else high = middle;
    }
    return low;
}

/* Does anything alive overlap `r`, which begins at that rank? */
static bool is_taken(const check *c, int64_t rank, const range *r)
{
    const int64_t before = an_ranks_last(&c->alive, rank), next = an_ranks_next(&c->alive, rank);
    return (before >= 0 && c->live[before].offset + c->live[before].size > r->offset) ||
           (next < c->ranks && c->live[next].offset < r->offset + r->size);
}

static void expire_later(check *c, range r, int64_t wave)
{
    if (wave > c->s->end) return;
    c->claim[c->claims] = r;
    c->expire_next[c->claims] = c->expire[wave];
    c->expire[wave] = ++c->claims;
}

/* True if `r`'s bytes are inside the slab, aligned, and free; they are its own then. */
static bool claim(check *c, range r, int64_t until)
{
    if (r.offset < 0 || r.offset % AN_SLAB_ALIGNMENT || r.size > c->p->slab_bytes - r.offset)
        return false;
    const int64_t rank = rank_of(c, r.offset);
    if (is_taken(c, rank, &r)) return false;
    c->live[rank] = r;
    an_ranks_put(&c->alive, rank);
    expire_later(c, r, until);
    return true;
}

static range *find(check *c, int64_t offset)
{
    const int64_t rank = rank_of(c, offset);
    const bool there = rank < c->ranks && an_ranks_next(&c->alive, rank) == rank;
    return there && c->live[rank].offset == offset ? &c->live[rank] : NULL;
}

static void expire(check *c, int64_t wave)
{
    for (int64_t e = c->expire[wave]; e; e = c->expire_next[e - 1]) {
        const range *gone = find(c, c->claim[e - 1].offset);
        if (gone && gone->owner == c->claim[e - 1].owner) /* else written over in place */
            an_ranks_drop(&c->alive, gone - c->live);
    }
}

/* ---- reading and writing ----------------------------------------------- */

static int64_t size_in_slab(const check *c, uint32_t buffer)
{
    return c->p->bytes[buffer] > 0 ? c->p->bytes[buffer] : 1;
}

/* Does that buffer hold root value `r` now? */
static bool holds(check *c, uint32_t buffer, uint32_t r)
{
    if (buffer == 0 || (int64_t)buffer > c->s->buffer_count) return false;
    const an_buffer *b = &c->s->buffers[buffer];
    if (b->home == AN_HOME_SLAB) {
        const range *at = find(c, c->p->offset[buffer]);
        return at && at->owner == r && at->buffer == buffer;
    }
    if (b->home == AN_HOME_STATE)
        return is_op(c, b->value, AN_OP_state) && c->stored[b->value] == r;
    const int op = b->home == AN_HOME_FEED ? AN_OP_input : AN_OP_constant;
    return b->value == r && is_op(c, r, op);
}

/* May output k of this task be written over root value `r`, whose bytes it got? */
static bool may_overwrite(const check *c, const an_task *task, int k, uint32_t r)
{
    const an_node *n = &c->g->nodes[task->node];
    const uint32_t share = an_op_shares(n->op, k);
    bool same_type = false;
    if (c->last[r] != task->wave || c->readers[r] != 1) return false;
    for (int j = 0; j < n->inputs; j++) {
        if (!n->in[j] || c->root[n->in[j]] != r) continue;
        if (j >= 32 || !(share & UINT32_C(1) << j)) return false;
        same_type |= an_type_equal(an_slot_type(c->g, n->in[j]),
                                   an_slot_type(c->g, n->first + (uint32_t)k));
    }
    return same_type; /* false too if r is no operand of this task */
}

/* May output k be made in that state, though the run may still fail? */
static bool may_patch(const check *c, const an_task *task, int k, uint32_t state)
{
    const an_node *n = &c->g->nodes[task->node];
    if (k != 0 || n->op->rules->patch == 0 || task->wave >= c->s->gate || c->update[state] == 0)
        return false;
    const uint32_t r = c->root[n->in[0]];
    return c->stored[state] == r && may_overwrite(c, task, k, r);
}

/* What the part held must be kept from this wave on. */
static bool keeps_part(check *c, const an_task *task)
{
    const an_run_schedule *s = c->s;
    if (c->patched == s->patch_count) return false;
    const int64_t number = c->patched++;
    const an_patch *patch = &s->patches[number];
    const an_node *n = &c->g->nodes[task->node];
    const uint32_t part = n->in[n->op->rules->patch - 1], kept = patch->kept;
    if (&s->tasks[patch->task] != task || kept == 0 || (int64_t)kept > s->buffer_count ||
        s->buffers[kept].home != AN_HOME_SLAB ||
        !an_type_equal(an_slot_type(c->g, s->buffers[kept].value), an_slot_type(c->g, part)))
        return false;
    const uint32_t owner = (uint32_t)(c->g->slot_count + 1 + s->write_count + number);
    return claim(c, (range){c->p->offset[kept], size_in_slab(c, kept), owner, kept}, s->gate);
}

static an_status write_state(check *c, const an_task *task, int k, uint32_t state)
{
    const uint32_t v = c->g->nodes[task->node].first + (uint32_t)k;
    const bool step = task->wave > c->s->gate && c->update[state] == v &&
                      c->stored[state] == state && may_overwrite(c, task, k, state);
    const bool patch = !step && may_patch(c, task, k, state);
    if (!step && !patch) return broken(c, task->wave, v, "it overwrites a state that it must not");
    if (patch && !keeps_part(c, task))
        return broken(c, task->wave, v, "what it overwrites of a state is not kept");
    c->stored[state] = v;
    return AN_OK;
}

static an_status write_output(check *c, const an_task *task, int k)
{
    const an_node *n = &c->g->nodes[task->node];
    const uint32_t v = n->first + (uint32_t)k, buffer = c->s->arguments[task->arg + n->inputs + k];
    if (buffer == 0)
        return c->last[v] < 0 ? AN_OK : broken(c, task->wave, v, "it is read but has no place");
    const an_buffer *b = &c->s->buffers[buffer];
    if (b->home == AN_HOME_STATE) return write_state(c, task, k, b->value);
    if (b->home != AN_HOME_SLAB)
        return broken(c, task->wave, v, "it overwrites a feed or a constant");
    const range r = {c->p->offset[buffer], size_in_slab(c, buffer), v, buffer};
    const int64_t until = c->last[v] > task->wave ? c->last[v] : task->wave;
    if (b->value == v && claim(c, r, until)) return AN_OK;
    range *there = find(c, c->p->offset[buffer]);
    if (!there || there->buffer != buffer || (int64_t)there->owner > c->g->slot_count ||
        !may_overwrite(c, task, k, there->owner))
        return broken(c, task->wave, v, "its bytes overlap a value that is still needed");
    there->owner = v;
    expire_later(c, r, until);
    return AN_OK;
}

static an_status act_wave(check *c, int64_t wave)
{
    const an_wave *w = &c->s->waves[wave];
    for (int64_t t = w->first; t < w->first + w->count; t++) {
        const an_task *task = &c->s->tasks[t];
        const an_node *n = &c->g->nodes[task->node];
        for (int j = 0; j < n->inputs; j++)
            if (n->in[j] && !holds(c, c->s->arguments[task->arg + j], c->root[n->in[j]]))
                return broken(c, wave, n->in[j], "its bytes hold something else when it is read");
    }
    for (int64_t t = w->first; t < w->first + w->count; t++) {
        const an_task *task = &c->s->tasks[t];
        const an_node *n = &c->g->nodes[task->node];
        const range scratch = {c->p->scratch[t], c->p->scratch_bytes[t], SCRATCH, 0};
        if (scratch.size > 0 && !claim(c, scratch, wave))
            return broken(c, wave, n->first, "its scratch overlaps something");
        for (int k = 0; k < n->outputs; k++) {
            const an_status status = write_output(c, task, k);
            if (status != AN_OK) return status;
        }
    }
    return AN_OK;
}

/* ---- the gate and the end ---------------------------------------------- */

static an_status act_fetches(check *c, int64_t wave)
{
    for (int64_t i = 0; i < c->g->output_count; i++) {
        const an_fetch *f = &c->s->fetches[i];
        const uint32_t r = c->root[c->g->outputs[i].value];
        const bool now = wave == c->s->gate ? !f->late : fetched_until(c, f) == wave;
        if (now && !holds(c, f->buffer, r)) return broken(c, wave, r, "it is gone when fetched");
    }
    return AN_OK;
}

static an_status keep_states(check *c)
{
    for (int64_t i = 0; i < c->s->write_count; i++) {
        const uint32_t kept = c->s->writes[i].kept;
        if (kept == 0) continue;
        const an_buffer *from = &c->s->buffers[c->s->writes[i].from];
        if (from->home != AN_HOME_STATE || c->stored[from->value] != from->value)
            return broken(c, c->s->gate, from->value, "an old state is kept too late");
        const uint32_t owner = (uint32_t)(c->g->slot_count + 1 + i);
        const range r = {c->p->offset[kept], size_in_slab(c, kept), owner, kept};
        if (!claim(c, r, c->s->end))
            return broken(c, c->s->gate, c->s->buffers[kept].value, "an old state is not kept");
    }
    return AN_OK;
}

/* One update that is copied: its source must hold the right value, and not be a
 * state that other updates change. */
static an_status act_write(check *c, int64_t i)
{
    const an_write *w = &c->s->writes[i];
    const uint32_t state = c->s->buffers[w->state].value, r = c->update[state];
    if (!r || c->stored[state] != state) return broken(c, c->s->end, state, "it is updated twice");
    bool good;
    if (w->kept) {
        const range *at = find(c, c->p->offset[w->kept]);
        good = at && at->owner == (uint32_t)(c->g->slot_count + 1 + i) &&
               c->s->buffers[w->from].value == r;
    } else {
        good = holds(c, w->from, r) && (!is_op(c, r, AN_OP_state) || c->update[r] == 0);
    }
    if (!good) return broken(c, c->s->end, state, "its update copies the wrong bytes");
    return AN_OK;
}

static an_status act_end(check *c)
{
    an_status status = AN_OK;
    if (c->patched != c->s->patch_count)
        status = broken(c, c->s->end, 0, "parts of states are kept that nobody writes");
    for (int64_t i = 0; status == AN_OK && i < c->s->write_count; i++) status = act_write(c, i);
    if (status == AN_OK) status = act_fetches(c, c->s->end);
    for (int64_t i = 0; i < c->s->write_count; i++) {
        const uint32_t state = c->s->buffers[c->s->writes[i].state].value;
        c->stored[state] = c->update[state];
    }
    for (uint32_t v = 1; status == AN_OK && (int64_t)v <= c->g->slot_count; v++)
        if (is_op(c, v, AN_OP_state) && c->stored[v] != (c->update[v] ? c->update[v] : v))
            status = broken(c, c->s->end, v, "it does not end with its update");
    return status;
}

/* ---- the call ---------------------------------------------------------- */

static bool begin(check *c)
{
    const int64_t slots = c->g->slot_count + 1, claims = c->s->argument_count + c->s->task_count +
                          c->s->write_count + c->s->patch_count + 1;
    an_arena *a = &c->arena;
    c->root = an_arena_alloc(a, slots * (int64_t)sizeof *c->root);
    c->made = an_arena_alloc(a, slots * (int64_t)sizeof *c->made);
    c->last = an_arena_alloc(a, slots * (int64_t)sizeof *c->last);
    c->readers = an_arena_alloc(a, slots * (int64_t)sizeof *c->readers);
    c->stored = an_arena_alloc(a, slots * (int64_t)sizeof *c->stored);
    c->update = an_arena_alloc(a, slots * (int64_t)sizeof *c->update);
    c->seen = an_arena_alloc(a, slots * (int64_t)sizeof *c->seen);
    const int64_t offsets = c->s->buffer_count + c->s->task_count + 1;
    c->offset = an_arena_alloc(a, offsets * (int64_t)sizeof *c->offset);
    c->live = an_arena_alloc(a, offsets * (int64_t)sizeof *c->live);
    c->claim = an_arena_alloc(a, claims * (int64_t)sizeof *c->claim);
    c->expire = an_arena_alloc(a, (c->s->end + 1) * (int64_t)sizeof *c->expire);
    c->expire_next = an_arena_alloc(a, claims * (int64_t)sizeof *c->expire_next);
    if (!c->root || !c->made || !c->last || !c->readers || !c->stored || !c->update || !c->seen ||
        !c->offset || !c->live || !c->claim || !c->expire || !c->expire_next)
        return false;
    rank_offsets(c);
    return an_ranks_make(&c->alive, a, c->ranks);
}

an_status an_plan_check(const an_run_schedule *s, const an_plan *p, an_error *e)
{
    check c = {.s = s, .p = p, .g = s->graph, .error = e};
    an_status status = begin(&c) ? AN_OK : an_fail(e, AN_E_MEMORY, "out of memory while planning");
    if (status == AN_OK) find_roots(&c);
    if (status == AN_OK) status = read_order(&c);
    if (status == AN_OK) status = read_roots(&c);
    for (int64_t w = 0; status == AN_OK && w < s->wave_count; w++) {
        status = act_wave(&c, w);
        if (status == AN_OK && w == s->gate) status = act_fetches(&c, w);
        if (status == AN_OK && w == s->gate) status = keep_states(&c);
        expire(&c, w);
    }
    if (status == AN_OK) status = act_end(&c);
    an_arena_free(&c.arena);
    return status;
}
