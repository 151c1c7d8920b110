/* group.c -- keeps an order of all groups, in which each stands after what it reads.
 *
 * If b's group needs a's in a roundabout way, every group on that way stands between the two.
 * So a join searches back from b and on from a, inside that window, an edge of each in turns.
 * If the searches meet, joining would make a cycle. If one of them ends, what it found can
 * move out of the window, b and all it needs to before a, or a and all that need it to behind
 * b; then the two are one. The smaller side decides what a join costs, and the order is kept,
 * so that no join starts from nothing.
 *
 * The order is a circular list with labels (Dietz and Sleator, "Two algorithms for maintaining
 * order in a list", 1987): which of two stands first is one comparison.
 *
 * No way is known to answer any n such questions in linear time. So steps are counted, and
 * once they are 64 times the graph's nodes and edges, a join that is not decided within a few
 * more is refused: that keeps every graph's cost linear, and few that are not made for it will
 * ever notice.                                                               */
#include "graph/passes/group.h"

#include <stdlib.h>

#define STEPS 64 /* for each node and each edge */

typedef struct found {
    uint64_t place;
    uint32_t group;
} found;

/* One search. Edges are counted over all nodes of a group. */
typedef struct side {
    bool back;       /* to what is read; else to what reads */
    found *found;    /* from found[0], a or b itself */
    int64_t count;
    int64_t entered; /* how many of these were gone into */
    uint32_t number; /* whose edges are looked at; 0: of none */
    int64_t edge;    /* the next of them */
    int direct;      /* seen between a and b */
} side;

/* A group is called by its first node; what is said "of groups" lies at that number. */
struct an_groups {
    an_rewrite *rw;
    const an_graph *g;
    an_arena arena;
    uint32_t *head;  /* its group, or on the way to it */
    uint32_t *next;  /* in its group; 0: it is the last */
    uint32_t *last;  /* of groups: the last node */
    uint32_t *before, *after; /* of groups: in the order; 0 stands before the first */
    uint64_t *label; /* of groups: grows along the order, modulo 2^64, from that of 0 */
    uint32_t *mark;  /* of groups: the search that found it last, and which of its sides */
    int64_t *users;  /* users[i] .. users[i + 1] in `user`: who reads node i */
    uint32_t *user;
    int64_t edges;
    side back, on;
    uint32_t searches;
    int64_t steps;
};

/* ---- groups and the edges between them --------------------------------- */

static uint32_t group_of(an_groups *x, uint32_t number)
{
    uint32_t *head = x->head;
    while (head[number] != number) number = head[number] = head[head[number]];
    return number;
}

static void unite(an_groups *x, uint32_t a, uint32_t b)
{
    x->head[b] = a;
    x->next[x->last[a]] = b;
    x->last[a] = x->last[b];
}

/* Whose value operand k of node i is; 0 if it is absent. */
static uint32_t producer(const an_graph *g, uint32_t i, int64_t k)
{
    const uint32_t value = g->nodes[i].in[k];
    return value ? g->slots[value].node : 0;
}

static int64_t edges_of(const an_groups *x, const side *s)
{
    const uint32_t i = s->number;
    return s->back ? x->g->nodes[i].inputs : x->users[i + 1] - x->users[i];
}

/* The group at the other end of an edge; 0 for an operand that is absent. */
static uint32_t reached(an_groups *x, const side *s, int64_t edge)
{
    const uint32_t i = s->number;
    return group_of(x, s->back ? producer(x->g, i, edge) : x->user[x->users[i] + edge]);
}

/* ---- the order --------------------------------------------------------- */

static uint64_t place(const an_groups *x, uint32_t group)
{
    return x->label[group] - x->label[0];
}

/* The labels free between two groups: all but one if they are the same, once around. */
static uint64_t room(const an_groups *x, uint32_t at, uint32_t past)
{
    return x->label[past] - x->label[at] - 1;
}

/* Makes room behind `at`: the next groups are spread evenly, the fewest of which each gets
 * as much room as they are many. Mostly that is none. */
static void spread(an_groups *x, uint32_t at)
{
    uint32_t past = x->after[at];
    uint64_t count = 1;
    for (; room(x, at, past) <= count * count; count++) past = x->after[past];
    const uint64_t each = room(x, at, past) / count;
    uint64_t label = x->label[at];
    for (uint32_t i = x->after[at]; i != past; i = x->after[i]) x->label[i] = label += each;
    x->steps += (int64_t)count;
}

static void take_out(an_groups *x, uint32_t group)
{
    x->after[x->before[group]] = x->after[group];
    x->before[x->after[group]] = x->before[group];
}

static void insert(an_groups *x, uint32_t at, uint32_t group)
{
    spread(x, at);
    const uint32_t past = x->after[at];
    x->label[group] = x->label[at] + 1 + room(x, at, past) / 2;
    x->before[group] = at;
    x->after[group] = past;
    x->after[at] = x->before[past] = group;
}

static int by_place(const void *a, const void *b)
{
    const uint64_t p = ((const found *)a)->place, q = ((const found *)b)->place;
    return p < q ? -1 : p > q;
}

/* What a side found, to behind `at`, among itself as it stood. */
static void move_out(an_groups *x, side *s, uint32_t at)
{
    qsort(s->found, (size_t)s->count, sizeof *s->found, by_place);
    for (int64_t i = 0; i < s->count; at = s->found[i++].group) {
        take_out(x, s->found[i].group);
        insert(x, at, s->found[i].group);
    }
}

/* ---- searching --------------------------------------------------------- */

typedef enum progress { GOING, ENDED, MET } progress;

static uint32_t mark_of(const an_groups *x, const side *s)
{
    return 2 * x->searches + s->back;
}

static void find(an_groups *x, side *s, uint32_t group)
{
    x->mark[group] = mark_of(x, s);
    s->found[s->count++] = (found){place(x, group), group};
}

static void start(an_groups *x, side *s, uint32_t group)
{
    s->count = s->entered = s->direct = 0;
    s->number = 0;
    find(x, s, group);
}

/* One step: into the next group, on to its next node, or along one edge. */
static progress step(an_groups *x, side *s, const side *other, int direct)
{
    x->steps++;
    if (!s->number) {
        if (s->entered == s->count) return ENDED;
        s->number = s->found[s->entered++].group;
        s->edge = 0;
        return GOING;
    }
    if (s->edge == edges_of(x, s)) {
        s->number = x->next[s->number];
        s->edge = 0;
        return GOING;
    }
    const uint32_t group = reached(x, s, s->edge++);
    if (s->entered == 1 && group == other->found[0].group)
        return ++s->direct > direct ? MET : GOING;
    if (x->mark[group] == mark_of(x, other)) return MET;
    if (x->mark[group] == mark_of(x, s)) return GOING;
    const uint64_t end = other->found[0].place;
    if (s->back ? place(x, group) > end : place(x, group) < end) find(x, s, group);
    return GOING;
}

an_join an_groups_join(an_groups *x, uint32_t a, uint32_t b, int direct)
{
    a = group_of(x, a);
    b = group_of(x, b);
    if (a == b) return AN_JOIN_DONE;
    const int64_t few = x->steps + AN_JOIN_STEPS, budget = an_groups_budget(x);
    side *s = &x->on, *other = &x->back;
    x->searches++;
    start(x, s, a);
    start(x, other, b);
    for (progress p = GOING; p != ENDED;) {
        if (x->steps >= budget && x->steps >= few) return AN_JOIN_TANGLED;
        side *const turn = other;
        other = s;
        s = turn;
        p = step(x, s, other, direct);
        if (p == MET) return AN_JOIN_CYCLE;
    }
    move_out(x, s, s->back ? x->before[a] : b);
    take_out(x, b);
    unite(x, a, b);
    return AN_JOIN_DONE;
}

uint32_t an_groups_next(const an_groups *x, uint32_t number)
{
    return x->next[number];
}

int64_t an_groups_steps(const an_groups *x)
{
    return x->steps;
}

int64_t an_groups_budget(const an_groups *x)
{
    return STEPS * (x->g->node_count + x->edges);
}

/* ---- making ------------------------------------------------------------ */

typedef struct maker {
    an_groups *x;
    bool *made;
    uint32_t *stack;
    int64_t top;
} maker;

static void push_missing(maker *m, uint32_t group)
{
    if (!m->made[group]) m->stack[m->top++] = group;
}

static void push_reads(maker *m, uint32_t group)
{
    const an_graph *g = m->x->g;
    for (uint32_t i = group; i; i = m->x->next[i])
        for (int k = 0; k < g->nodes[i].inputs; k++) {
            const uint32_t read = group_of(m->x, producer(g, i, k));
            if (read != group) push_missing(m, read);
        }
}

/* A group after all it needs. There is no cycle, so each on the stack waits for some that do
 * not wait for it, and none is gone into twice before it is made. */
static an_status make(maker *m, uint32_t group, an_emit_fn emit, void *context)
{
    an_rewrite *rw = m->x->rw;
    const int64_t most = m->x->g->node_count + m->x->edges;
    an_status status = AN_OK;
    push_missing(m, group);
    while (m->top > 0 && status == AN_OK) {
        const uint32_t now = m->stack[m->top - 1];
        if (m->made[now]) {
            m->top--;
            continue;
        }
        const int64_t before = m->top;
        push_reads(m, now);
        if (m->top > most)
            return an_graph_fail(rw->to, (an_at){0}, AN_E_INTERNAL,
                                 "%s: what became one made a cycle", rw->pass);
        if (m->top > before) continue;
        m->made[now] = true;
        status = emit(rw, now, context);
    }
    return status;
}

an_status an_groups_each(an_groups *x, an_emit_fn emit, void *context)
{
    const int64_t nodes = x->g->node_count, most = nodes + x->edges;
    maker m = {.x = x, .made = an_arena_alloc(&x->arena, nodes + 1)};
    m.stack = an_arena_alloc(&x->arena, 2 * (most + 1) * (int64_t)sizeof *m.stack);
    if (!m.made || !m.stack)
        return an_graph_fail(x->rw->to, (an_at){0}, AN_E_MEMORY, "out of memory");
    m.made[0] = true; /* an absent operand is nothing to wait for */
    an_status status = AN_OK;
    for (int64_t i = 1; status == AN_OK && i <= nodes; i++)
        status = make(&m, group_of(x, (uint32_t)i), emit, context);
    return status;
}

/* ---- beginning and end ------------------------------------------------- */

static void *per_node(an_groups *x, int64_t width)
{
    return an_arena_alloc(&x->arena, (x->g->node_count + 2) * width);
}

static bool allocate(an_groups *x)
{
    for (int64_t i = 1; i <= x->g->node_count; i++) x->edges += x->g->nodes[i].inputs;
    x->head = per_node(x, sizeof *x->head);
    x->next = per_node(x, sizeof *x->next);
    x->last = per_node(x, sizeof *x->last);
    x->before = per_node(x, sizeof *x->before);
    x->after = per_node(x, sizeof *x->after);
    x->label = per_node(x, sizeof *x->label);
    x->mark = per_node(x, sizeof *x->mark);
    x->users = per_node(x, sizeof *x->users);
    x->back.found = per_node(x, sizeof *x->back.found);
    x->on.found = per_node(x, sizeof *x->on.found);
    x->user = an_arena_alloc(&x->arena, (x->edges + 1) * (int64_t)sizeof *x->user);
    return x->head && x->next && x->last && x->before && x->after && x->label && x->mark &&
           x->users && x->back.found && x->on.found && x->user;
}

/* The nodes' own order is the first one. */
static void line_up(an_groups *x)
{
    const uint32_t nodes = (uint32_t)x->g->node_count;
    for (uint32_t i = 0; i <= nodes; i++) {
        x->head[i] = x->last[i] = i;
        x->before[i] = i > 0 ? i - 1 : nodes;
        x->after[i] = i < nodes ? i + 1 : 0;
        x->label[i] = i * (UINT64_MAX / ((uint64_t)nodes + 1));
    }
}

/* users[i + 1] counts, then says where node i's users begin, and in the end where they end. */
static void list_users(an_groups *x)
{
    const an_graph *g = x->g;
    const uint32_t nodes = (uint32_t)g->node_count;
    int64_t *end = x->users + 1, sum = 0;
    for (uint32_t i = 1; i <= nodes; i++)
        for (int k = 0; k < g->nodes[i].inputs; k++) end[producer(g, i, k)]++;
    for (uint32_t i = 0; i <= nodes; i++) {
        const int64_t count = end[i];
        end[i] = sum;
        sum += count;
    }
    for (uint32_t i = 1; i <= nodes; i++)
        for (int k = 0; k < g->nodes[i].inputs; k++)
            x->user[end[producer(g, i, k)]++] = i;
}

an_groups *an_groups_new(an_rewrite *rw)
{
    an_groups *x = an_alloc_zeroed(sizeof *x);
    if (x) *x = (an_groups){.rw = rw, .g = rw->from, .back = {.back = true}};
    if (!x || !allocate(x)) {
        an_graph_fail(rw->to, (an_at){0}, AN_E_MEMORY, "out of memory");
        an_groups_free(x);
        return NULL;
    }
    line_up(x);
    list_users(x);
    return x;
}

void an_groups_free(an_groups *x)
{
    if (x) an_arena_free(&x->arena);
    an_free(x);
}
