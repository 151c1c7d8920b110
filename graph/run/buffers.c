/* buffers.c -- which values share bytes, and from when to when they are needed.
 *
 * Four ways to share: a view is its operand; an output may be written over an
 * operand that dies there, if the op's rules allow it; past the gate an optimizer
 * step may write over the state it updates; and before it ops that change a part
 * of a state only (update_slice) may, if the last of them makes the state's new
 * value and nobody needs what it held: what the parts held is kept then, so that
 * a run that fails can put it back (undo.c). In all other cases a value has a
 * buffer of its own. Every decision is checked again, on other grounds, by
 * plan_check.c.                                                              */
#include "graph/run/schedule.h"

/* Indexed by root value. */
typedef struct lives {
    int64_t *last;    /* the last wave that reads it; -1: none */
    int64_t *readers; /* how many tasks of that wave do */
    int64_t *seen;    /* the task that was counted last, plus one */
    uint32_t *state_of; /* the state it is the new value of, if it is a commit's value; else 0 */
    uint32_t *start;    /* the state of which it differs in parts only, each of the values between
                         * being nobody's but the next one's; else 0 */
    bool *patched;      /* it is made in place in that state, before the gate */
    bool *updated;    /* of a state: the update table changes it */
} lives;

typedef struct sharing {
    an_scheduling *b;
    an_run_schedule *s;
    const an_graph *g;
    lives live;
    uint32_t *holder; /* [buffer] the root value whose bytes it holds now */
    int64_t capacity;
    int64_t write_at; /* next row of writes */
} sharing;

/* ---- lives ------------------------------------------------------------- */

static bool is_state(const sharing *x, uint32_t root)
{
    return an_node_is_state(an_node_of(x->g, root));
}

static void needed_until(sharing *x, uint32_t root, int64_t wave)
{
    if (wave > x->live.last[root]) x->live.last[root] = wave;
}

static void count_readers(sharing *x)
{
    lives *l = &x->live;
    for (int64_t t = 0; t < x->s->task_count; t++) {
        const an_task *task = &x->s->tasks[t];
        const an_node *n = &x->g->nodes[task->node];
        for (int j = 0; j < n->inputs; j++) {
            const uint32_t r = n->in[j] ? x->s->root[n->in[j]] : 0;
            if (!r || l->seen[r] == t + 1) continue;
            l->seen[r] = t + 1;
            if (task->wave > l->last[r]) l->readers[r] = 0;
            needed_until(x, r, task->wave);
            l->readers[r]++;
        }
    }
}

/* How long a fetch or an update needs it: old states are copied at the gate; other values may be
 * made in the caller's memory. */
static int64_t last_look(const sharing *x, uint32_t r)
{
    return is_state(x, r) ? x->s->gate : x->s->end;
}

static void count_roots(sharing *x)
{
    for (int64_t i = 0; i < x->g->output_count; i++) {
        const uint32_t r = x->s->root[x->g->outputs[i].value];
        needed_until(x, r, last_look(x, r));
    }
    for (int64_t i = 0; i < x->g->commit_count; i++) {
        const an_commit *c = &x->g->commits[i];
        if (c->set != x->b->set) continue;
        x->live.updated[c->state] = true;
        x->live.state_of[x->s->root[c->value]] = c->state;
        const uint32_t made = x->s->root[c->value];
        if (made != c->state) needed_until(x, made, last_look(x, made));
    }
}

/* ---- buffers ----------------------------------------------------------- */

static uint32_t add_buffer(sharing *x, an_home home, uint32_t value, int64_t birth, int64_t death)
{
    const uint32_t id = (uint32_t)++x->s->buffer_count;
    x->s->buffers[id] = (an_buffer){home, value, birth, death};
    x->holder[id] = value;
    return id;
}

static void add_leaves(sharing *x)
{
    for (int64_t i = 1; i <= x->g->node_count; i++) {
        const an_node *n = &x->g->nodes[i];
        const an_home home = an_node_is_input(n)   ? AN_HOME_FEED
                             : an_node_is_state(n) ? AN_HOME_STATE
                                                    : AN_HOME_CONSTANT;
        const bool leaf = home != AN_HOME_CONSTANT ||
                          (an_node_is_constant(n) && x->b->wave_of[i] < 0);
        if (leaf) x->s->buffer_of[n->first] = add_buffer(x, home, n->first, -1, x->s->end);
    }
}

/* True if output k may be written over root value `r`, as far as the op and its
 * operands decide: every operand that is r must allow it, and one must be of the
 * output's type. */
static bool rules_allow(const sharing *x, const an_node *n, int k, uint32_t r)
{
    const uint32_t share = an_op_shares(n->op, k);
    bool found = false;
    for (int j = 0; j < n->inputs; j++) {
        if (!n->in[j] || x->s->root[n->in[j]] != r) continue;
        if (j >= 32 || !(share >> j & 1)) return false;
        if (an_type_equal(an_slot_type(x->g, n->in[j]), an_slot_type(x->g, n->first + (uint32_t)k)))
            found = true;
    }
    return found;
}

/* ---- parts of states ------------------------------------------------------ */

/* The state that result 0 of a task would be, but for parts. */
static uint32_t start_of(const sharing *x, const an_task *task)
{
    const an_node *n = &x->g->nodes[task->node];
    if (n->op->rules->patch == 0 || task->wave >= x->s->gate) return 0;
    const uint32_t r = x->s->root[n->in[0]];
    const bool dies = x->live.last[r] == task->wave && x->live.readers[r] == 1;
    return dies && rules_allow(x, n, 0, r) ? x->live.start[r] : 0;
}

/* All on the way from a state to its new value is made in the state, or nothing is. Each value is
 * on one way at most, so this is linear. */
static void find_patches(sharing *x)
{
    lives *l = &x->live;
    for (uint32_t v = 1; (int64_t)v <= x->g->slot_count; v++)
        if (is_state(x, v)) l->start[v] = v;
    for (int64_t t = 0; t < x->s->task_count; t++)
        l->start[x->g->nodes[x->s->tasks[t].node].first] = start_of(x, &x->s->tasks[t]);
    for (int64_t i = 0; i < x->g->commit_count; i++) {
        const an_commit *c = &x->g->commits[i];
        uint32_t v = x->s->root[c->value];
        if (c->set != x->b->set || l->start[v] != c->state) continue;
        for (; v != c->state; v = x->s->root[an_node_of(x->g, v)->in[0]]) l->patched[v] = true;
    }
}

static void add_patch(sharing *x, const an_task *task)
{
    const an_node *n = &x->g->nodes[task->node];
    const uint32_t part = an_node_role(n, n->op->rules->patch);
    x->s->patches[x->s->patch_count++] =
        (an_patch){task - x->s->tasks, add_buffer(x, AN_HOME_SLAB, part, task->wave, x->s->gate)};
}

/* ---- taking over ------------------------------------------------------------ */

/* The buffer that output k of a task may take over from a dying operand; 0: none. */
static uint32_t inherit(const sharing *x, const an_task *task, int k)
{
    const an_node *n = &x->g->nodes[task->node];
    if (x->live.patched[n->first + (uint32_t)k]) return x->s->buffer_of[x->s->root[n->in[0]]];
    if (an_op_shares(n->op, k) == 0) return 0;
    for (int j = 0; j < n->inputs && j < 32; j++) {
        const uint32_t r = n->in[j] ? x->s->root[n->in[j]] : 0;
        const uint32_t buffer = r ? x->s->buffer_of[r] : 0;
        if (!buffer || x->holder[buffer] != r || x->live.last[r] != task->wave ||
            x->live.readers[r] != 1 || !rules_allow(x, n, k, r))
            continue;
        if (x->s->buffers[buffer].home == AN_HOME_SLAB) return buffer;
        /* Over a state only past the gate, only with its own new value. */
        if (x->s->buffers[buffer].home == AN_HOME_STATE && task->wave > x->s->gate &&
            x->live.state_of[n->first + (uint32_t)k] == r)
            return buffer;
    }
    return 0;
}

static void give_buffers(sharing *x, const an_task *task)
{
    const an_node *n = &x->g->nodes[task->node];
    for (int k = 0; k < n->outputs; k++) {
        const uint32_t v = n->first + (uint32_t)k;
        const int64_t death = x->live.last[v];
        if (death < 0) continue;
        if (x->live.patched[v]) add_patch(x, task);
        const uint32_t taken = inherit(x, task, k);
        if (taken) {
            x->holder[taken] = v;
            if (x->s->buffers[taken].home == AN_HOME_SLAB) x->s->buffers[taken].death = death;
        }
        x->s->buffer_of[v] = taken ? taken : add_buffer(x, AN_HOME_SLAB, v, task->wave, death);
    }
}

/* ---- updates ----------------------------------------------------------- */

/* Old values of states that change in the same run are kept aside, so that all
 * updates happen at once: p, q <- q, p swaps. */
static void keep_old_states(sharing *x)
{
    int64_t row = 0;
    for (int64_t i = 0; i < x->g->commit_count; i++) {
        const an_commit *c = &x->g->commits[i];
        if (c->set != x->b->set) continue;
        an_write *w = &x->s->writes[row++];
        const uint32_t r = x->s->root[c->value];
        if (is_state(x, r) && r != c->state && x->live.updated[r])
            w->kept = add_buffer(x, AN_HOME_SLAB, r, x->s->gate, x->s->end);
    }
}

/* Fills the rows in; those written in place already, or not changed, fall out. */
static void list_writes(sharing *x)
{
    int64_t row = 0;
    for (int64_t i = 0; i < x->g->commit_count; i++) {
        const an_commit *c = &x->g->commits[i];
        if (c->set != x->b->set) continue;
        an_write w = x->s->writes[row++];
        w.state = x->s->buffer_of[c->state];
        w.from = x->s->buffer_of[x->s->root[c->value]];
        if (w.from != w.state) x->s->writes[x->s->write_count++] = w;
    }
}

/* ---- results ----------------------------------------------------------- */

static void list_arguments(sharing *x)
{
    int64_t next = 0;
    for (int64_t t = 0; t < x->s->task_count; t++) {
        an_task *task = &x->s->tasks[t];
        const an_node *n = &x->g->nodes[task->node];
        task->arg = next;
        for (int j = 0; j < n->inputs; j++, next++) x->s->argument_value[next] = n->in[j];
        for (int k = 0; k < n->outputs; k++, next++)
            x->s->argument_value[next] = n->first + (uint32_t)k;
    }
    for (int64_t i = 0; i < x->s->argument_count; i++)
        x->s->arguments[i] = x->s->buffer_of[x->s->argument_value[i]];
}

static void list_fetches(sharing *x)
{
    for (int64_t i = 0; i < x->g->output_count; i++) {
        const uint32_t r = x->s->root[x->g->outputs[i].value];
        x->s->fetches[i] = (an_fetch){x->s->buffer_of[r], x->b->made[r] > x->s->gate};
    }
}

static bool begin(sharing *x)
{
    const int64_t slots = x->g->slot_count + 1;
    an_arena *work = &x->b->arena, *kept = &x->s->arena;
    lives *l = &x->live;
    x->capacity = slots + x->g->commit_count + 1;
    l->last = an_arena_alloc(work, slots * (int64_t)sizeof *l->last);
    l->readers = an_arena_alloc(work, slots * (int64_t)sizeof *l->readers);
    l->seen = an_arena_alloc(work, slots * (int64_t)sizeof *l->seen);
    l->state_of = an_arena_alloc(work, slots * (int64_t)sizeof *l->state_of);
    l->start = an_arena_alloc(work, slots * (int64_t)sizeof *l->start);
    l->patched = an_arena_alloc(work, slots * (int64_t)sizeof *l->patched);
    l->updated = an_arena_alloc(work, slots * (int64_t)sizeof *l->updated);
    x->holder = an_arena_alloc(work, x->capacity * (int64_t)sizeof *x->holder);
    an_run_schedule *s = x->s;
    s->buffer_of = an_arena_alloc(kept, slots * (int64_t)sizeof *s->buffer_of);
    s->buffers = an_arena_alloc(kept, x->capacity * (int64_t)sizeof *s->buffers);
    s->arguments = an_arena_alloc(kept, s->argument_count * (int64_t)sizeof *s->arguments);
    s->argument_value = an_arena_alloc(kept, s->argument_count * (int64_t)sizeof *s->arguments);
    s->fetches = an_arena_alloc(kept, x->g->output_count * (int64_t)sizeof *s->fetches);
    s->writes = an_arena_alloc(kept, x->g->commit_count * (int64_t)sizeof *s->writes);
    s->patches = an_arena_alloc(kept, s->task_count * (int64_t)sizeof *s->patches);
    for (int64_t v = 0; l->last && v < slots; v++) l->last[v] = -1;
    return l->last && l->readers && l->seen && l->state_of && l->start && l->patched &&
           l->updated && x->holder && s->buffer_of && s->buffers && s->arguments &&
           s->argument_value && s->fetches && s->writes && s->patches;
}

bool an_schedule_buffers(an_scheduling *b)
{
    sharing x = {.b = b, .s = b->schedule, .g = b->graph};
    if (!begin(&x)) return false;
    count_readers(&x);
    count_roots(&x);
    add_leaves(&x);
    find_patches(&x);
    int64_t t = 0;
    for (; t < x.s->task_count && x.s->tasks[t].wave < x.s->gate; t++)
        give_buffers(&x, &x.s->tasks[t]);
    keep_old_states(&x);
    for (; t < x.s->task_count; t++) give_buffers(&x, &x.s->tasks[t]);
    for (uint32_t v = 1; (int64_t)v <= x.g->slot_count; v++)
        x.s->buffer_of[v] = x.s->buffer_of[x.s->root[v]];
    list_arguments(&x);
    list_writes(&x);
    list_fetches(&x);
    return true;
}
