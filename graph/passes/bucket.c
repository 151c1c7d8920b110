/* bucket.c -- what ranks add up is gathered, and goes out while the rest is still computed.
 *
 * A user takes the gradients and has each reduced: at the end, one by one. Here all_reduce comes
 * right behind what it reads, so that whoever runs the graph can begin it there and go on with the
 * backward phase (graph/run/collective.c); and neighbours are joined to buckets, since a message
 * has its price however small it is (Li et al., "PyTorch Distributed", 2020). A bucket is
 * all_reduce of a concat; where the reduced value stood, a slice takes it out again.
 *
 * all_reduce works element by element and adds in the order of ranks, so that no bit changes.
 * What has a named dim among its extents, or is read before its bucket is full, goes as it is. */
#include "graph/passes/rewrite.h"

#define MOST_BYTES (4 << 20) /* ten times what 10 Gb/s carry in a round trip of 0.3 ms */
#define MOST_MEMBERS 64      /* as many as the prover looks through (axioms_move.c) */
#define KINDS 32             /* a dtype, averaged or not, of the forward phase or not */

#define FORWARD 1

typedef struct bucket {
    uint32_t member[MOST_MEMBERS]; /* all_reduce nodes of the old graph */
    int members;
    int64_t elements;
} bucket;

typedef struct bucketing {
    an_rewrite *rw;
    uint32_t *waiting; /* [old value] the all_reduce that reads it, to be gathered; 0: none */
    uint32_t *whole;   /* [old node] what its bucket became; 0: nothing yet */
    uint8_t *phase;    /* [old node] */
    int64_t *place;    /* [old node] where it begins there; -1: it is all of it */
    bucket open[KINDS];
    int64_t joined, buckets;
} bucketing;

static bool is_reduction(const an_node *n)
{
    return an_is_op(n, AN_OP_all_reduce);
}

/* Those of one kind may meet. A loss that is told does not wait for gradients: its message goes
 * out beside the backward phase, and gradients of it, taken later, need not pass by theirs. */
static int kind_of(const bucketing *x, uint32_t number)
{
    const an_node *n = &x->rw->from->nodes[number];
    const bool forward = x->phase[x->rw->from->slots[n->in[0]].node] == AN_PHASE_FORWARD;
    return ((int)an_slot_type(x->rw->from, n->first)->dtype * 2 + n->attrs->averaged) * 2 +
           (forward ? FORWARD : 0);
}

/* Elements, or 0 if a named dim decides or there are none. */
static int64_t elements_of(const an_graph *g, uint32_t value)
{
    const an_shape *s = &an_slot_type(g, value)->shape;
    int64_t count;
    for (int i = 0; i < s->rank; i++)
        if (s->dim[i] < 0) return 0;
    return an_count_elements(s->rank, s->dim, &count) ? count : 0;
}

/* ---- making a bucket ------------------------------------------------------- */

static uint32_t add(bucketing *x, const an_node *like, int op, const uint32_t *in, int inputs,
                    const an_attrs *attrs, bool in_place)
{
    const an_spec spec = {.op = an_op(op), .inputs = inputs, .in = in, .attrs = attrs,
                          .scope = like->scope, .at = like->at,
                          .name = in_place ? like->name : NULL,
                          .ordinal = in_place ? like->ordinal : 0,
                          .from = {.how = x->rw->pass, .count = 1, .of = &like->ordinal}};
    return an_graph_add(x->rw->to, &spec);
}

static uint32_t flat(bucketing *x, const an_node *n)
{
    const uint32_t value = x->rw->value[n->in[0]];
    const an_attrs line = {.shape = AN_SHAPE(elements_of(x->rw->from, n->first))};
    if (an_slot_type(x->rw->from, n->first)->shape.rank == 1) return value;
    return add(x, n, AN_OP_reshape, &value, 1, &line, false);
}

/* One alone is only copied sooner. */
static void close_alone(bucketing *x, uint32_t number)
{
    an_rewrite_copy(x->rw, number);
    x->whole[number] = x->rw->value[x->rw->from->nodes[number].first];
    x->place[number] = -1;
}

static void close_joint(bucketing *x, const bucket *b)
{
    const an_graph *g = x->rw->from;
    const an_node *first = &g->nodes[b->member[0]];
    uint32_t in[MOST_MEMBERS], of[MOST_MEMBERS];
    int64_t place = 0;
    for (int i = 0; i < b->members; i++) {
        const an_node *n = &g->nodes[b->member[i]];
        in[i] = flat(x, n);
        of[i] = n->ordinal;
        x->place[b->member[i]] = place;
        place += elements_of(g, n->first);
    }
    in[0] = add(x, first, AN_OP_concat, in, b->members, &(an_attrs){0}, false);
    const an_spec spec = {.op = first->op, .inputs = 1, .in = in, .attrs = first->attrs,
                          .at = first->at, .scope = "",
                          .from = {.how = x->rw->pass, .count = b->members, .of = of}};
    const uint32_t whole = an_graph_add(x->rw->to, &spec);
    for (int i = 0; i < b->members; i++) x->whole[b->member[i]] = whole;
    x->joined += b->members;
    x->buckets++;
}

static void close_bucket(bucketing *x, bucket *b)
{
    if (b->members == 1) close_alone(x, b->member[0]);
    else close_joint(x, b);
    b->members = 0;
    b->elements = 0;
}

/* The old node's value has been made: it goes where it is waited for. */
static void gather(bucketing *x, uint32_t value)
{
    const uint32_t number = x->waiting[value];
    if (!number) return;
    const an_graph *g = x->rw->from;
    bucket *b = &x->open[kind_of(x, number)];
    b->member[b->members++] = number;
    b->elements += elements_of(g, value);
    const int64_t size = (int64_t)an_dtype_size(an_slot_type(g, value)->dtype);
    if (b->members == MOST_MEMBERS || b->elements >= MOST_BYTES / size) close_bucket(x, b);
}

/* ---- where it stood ---------------------------------------------------------- */

static void take_out(bucketing *x, uint32_t number)
{
    const an_graph *g = x->rw->from;
    const an_node *n = &g->nodes[number];
    if (!x->whole[number]) close_bucket(x, &x->open[kind_of(x, number)]);
    const int64_t from = x->place[number];
    if (from < 0) return;
    const an_shape *shape = &an_slot_type(g, n->first)->shape;
    const an_attrs part = {.start = from, .stop = from + elements_of(g, n->first), .step = 1};
    const bool lies = shape->rank == 1;
    uint32_t value = add(x, n, AN_OP_slice, &x->whole[number], 1, &part, lies);
    if (!lies) value = add(x, n, AN_OP_reshape, &value, 1, &(an_attrs){.shape = *shape}, true);
    an_rewrite_replace(x->rw, number, value);
}

/* Nothing is added to them any more. */
static void close_forward(bucketing *x)
{
    for (int kind = FORWARD; kind < KINDS; kind += 2)
        if (x->open[kind].members > 0) close_bucket(x, &x->open[kind]);
}

static bool copy_node(an_rewrite *rw, uint32_t number, void *context)
{
    bucketing *x = context;
    const an_node *n = &rw->from->nodes[number];
    if (x->phase[number] != AN_PHASE_FORWARD) close_forward(x);
    if (is_reduction(n) && x->waiting[n->in[0]] == number) take_out(x, number);
    else an_rewrite_copy(rw, number);
    for (int k = 0; k < n->outputs && an_graph_status(rw->to) == AN_OK; k++)
        gather(x, n->first + (uint32_t)k);
    return true;
}

static bool begin(bucketing *x, an_arena *a)
{
    const an_graph *g = x->rw->from;
    x->waiting = an_arena_alloc(a, (g->slot_count + 1) * (int64_t)sizeof *x->waiting);
    x->whole = an_arena_alloc(a, (g->node_count + 1) * (int64_t)sizeof *x->whole);
    x->place = an_arena_alloc(a, (g->node_count + 1) * (int64_t)sizeof *x->place);
    x->phase = an_arena_alloc(a, g->node_count + 1);
    if (!x->waiting || !x->whole || !x->place || !x->phase || !an_graph_phases(g, x->phase))
        return false;
    for (uint32_t i = 1; (int64_t)i <= g->node_count; i++) {
        const an_node *n = &g->nodes[i];
        if (is_reduction(n) && elements_of(g, n->first) > 0 && !x->waiting[n->in[0]])
            x->waiting[n->in[0]] = i;
    }
    return true;
}

an_status an_pass_bucket(an_rewrite *rw)
{
    const an_graph *g = rw->from;
    const an_node *last = NULL;
    int64_t reductions = 0;
    for (int64_t i = 1; i <= g->node_count; i++) {
        if (!is_reduction(&g->nodes[i])) continue;
        last = &g->nodes[i];
        reductions++;
    }
    if (reductions == 0) return an_rewrite_each(rw, NULL, NULL);
    an_arena scrap = {0};
    bucketing x = {.rw = rw};
    const an_status status =
        begin(&x, &scrap) ? an_rewrite_each(rw, copy_node, &x)
                          : an_graph_fail(rw->to, (an_at){0}, AN_E_MEMORY, "out of memory");
    if (status == AN_OK && x.joined > 0)
        an_rewrite_note(rw, last, "", "of %lld all_reduce %lld became %lld in buckets",
                        (long long)reductions, (long long)x.joined, (long long)x.buckets);
    an_arena_free(&scrap);
    return status;
}
