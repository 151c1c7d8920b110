/* expand.c -- see expand.h.
 *
 * A meaning is emitted into a scratch graph whose inputs stand for the operands.
 * Its nodes are then read back in the caller's values: what the meaning returns
 * is the node's own output; any other intermediate becomes a new node (dead code
 * removal drops it again if nobody needs it). Meanings nest to a small depth
 * that is fixed by the op table, not by the user's graph.                    */
#include "graph/expand.h"

#include <stdio.h>

#define DEEPEST 8

void an_expansion_free(an_expansion *e)
{
    if (!e) return;
    an_arena_free(&e->arena);
    an_free(e->at);
    *e = (an_expansion){0};
}

static an_status out_of_memory(an_graph *g)
{
    return an_graph_fail(g, (an_at){0}, AN_E_MEMORY, "out of memory while expanding an op");
}

static an_status append(an_expansion *e, an_graph *g, const an_applied *a)
{
    an_applied kept = *a;
    const int64_t ids = a->inputs > 0 ? a->inputs : 1;
    kept.in = an_arena_copy(&e->arena, a->in, ids * (int64_t)sizeof *a->in);
    kept.out = an_arena_copy(&e->arena, a->out, a->outputs * (int64_t)sizeof *a->out);
    if (!kept.in || !kept.out || !AN_GROW(e->at, e->capacity, e->count + 1))
        return out_of_memory(g);
    e->at[e->count++] = kept;
    return AN_OK;
}

/* ---- the scratch graph ------------------------------------------------- */

typedef struct scratch {
    an_graph *graph;
    uint32_t *real;       /* scratch value id -> id in the caller's graph; 0: not yet */
    int64_t real_count;
    an_room room;
    an_value *in, *out;
} scratch;

static bool make_inputs(scratch *s, const an_graph *g, const an_applied *a)
{
    for (int i = 0; i < a->inputs; i++) {
        s->in[i] = AN_NONE;
        if (!a->in[i]) continue;
        const an_type *type = an_slot_type(g, a->in[i]);
        const an_attrs attrs = {.dtype = type->dtype, .shape = type->shape};
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        const an_spec spec = {.op = an_op(AN_OP_input), .attrs = &attrs, .name = name};
        s->in[i] = (an_value){s->graph, an_graph_add(s->graph, &spec)};
        if (s->in[i].id == 0) return false;
    }
    return true;
}

/* What a scratch graph refuses is an error of whoever wrote the op, unless memory is out. */
static an_status scratch_failed(const scratch *s, an_graph *g, const char *what,
                                const an_op_info *op)
{
    const an_status status = an_graph_status(s->graph);
    const bool ours = op->code && status != AN_E_MEMORY;
    return an_graph_fail(g, (an_at){0}, ours ? AN_E_INTERNAL : status, "%s of %s: %s", what,
                         op->name, an_graph_message(s->graph));
}

static an_status open_scratch(scratch *s, an_graph *g, const an_applied *a)
{
    *s = (scratch){.graph = an_graph_like(g)};
    s->in = an_room_open(&s->room, a->inputs + (int64_t)a->outputs, sizeof *s->in);
    if (!s->graph || !s->in) return out_of_memory(g);
    s->out = s->in + a->inputs;
    if (!make_inputs(s, g, a))
        return scratch_failed(s, g, "the expansion", a->op);
    const an_call call = {.op = a->op, .attrs = a->attrs, .inputs = a->inputs,
                          .outputs = a->outputs, .in = s->in};
    bool good = an_meaning_write(s->graph, a->op->rules->meaning, &call, s->out);
    for (int k = 0; k < a->outputs; k++)
        good = good && an_meaning_fits(s->graph, &call, k, an_slot_type(g, a->out[k]), s->out[k]);
    if (!good)
        return scratch_failed(s, g, "the meaning", a->op);
    s->real_count = s->graph->slot_count + 1;
    s->real = an_alloc_zeroed(s->real_count * (int64_t)sizeof *s->real);
    if (!s->real) return out_of_memory(g);
    for (int i = 0; i < a->inputs; i++)
        if (a->in[i]) s->real[s->in[i].id] = a->in[i];
    for (int k = 0; k < a->outputs; k++)
        if (!s->real[s->out[k].id]) s->real[s->out[k].id] = a->out[k];
    return AN_OK;
}

static void close_scratch(scratch *s)
{
    an_graph_free(s->graph);
    an_free(s->real);
    an_room_close(&s->room);
}

/* ---- reading the meaning back ------------------------------------------ */

/* Dimensions made by the meaning alone must exist in the caller's table too; literals and orders
 * point into the scratch graph, which dies first. */
static an_attrs *translate(an_expansion *e, an_graph *g, const an_graph *from, const an_node *n)
{
    an_attrs *a = an_attrs_copy(n->op, n->attrs, &e->arena);
    if (a) an_attrs_translate(n->op, a, g->dims, from->dims);
    return a;
}

/* Gives every output of scratch node `n` an id in g, adding a node where the
 * expanded op itself does not deliver it. */
static an_status realise(scratch *s, an_graph *g, const an_node *n, const an_applied *part)
{
    bool known = true;
    for (int k = 0; k < n->outputs; k++) known = known && s->real[n->first + (uint32_t)k];
    if (known) return AN_OK;
    const an_node whole = g->nodes[part->node]; /* by value: adding may move the array */
    const an_spec spec = {.op = part->op, .inputs = part->inputs, .in = part->in,
                          .attrs = part->attrs, .scope = whole.scope, .at = whole.at,
                          .from = {.how = "meaning", .count = 1, .of = &whole.ordinal}};
    const uint32_t first = an_graph_add(g, &spec);
    if (!first) return an_graph_status(g);
    for (int k = 0; k < n->outputs; k++)
        if (!s->real[n->first + (uint32_t)k]) s->real[n->first + (uint32_t)k] = first + (uint32_t)k;
    return AN_OK;
}

/* Node n of the meaning, in g's values, appended to `parts`; attributes and
 * operand lists live in e's arena, which outlives the list. */
static an_status read_node(an_expansion *e, an_expansion *parts, an_graph *g, scratch *s,
                           const an_node *n, const an_applied *a)
{
    const an_from *from = &g->nodes[a->node].from;
    const int64_t index = parts->count;
    an_applied part = {.op = n->op, .inputs = n->inputs, .outputs = n->outputs, .node = a->node,
                       .attrs = translate(e, g, s->graph, n),
                       .ordinal = index < from->count ? from->of[index] : a->ordinal};
    uint32_t *in = an_arena_alloc(&e->arena, (n->inputs + 1) * (int64_t)sizeof *in);
    uint32_t *out = an_arena_alloc(&e->arena, n->outputs * (int64_t)sizeof *out);
    if (!part.attrs || !in || !out) return out_of_memory(g);
    for (int i = 0; i < n->inputs; i++) in[i] = n->in[i] ? s->real[n->in[i]] : 0;
    part.in = in;
    const an_status status = realise(s, g, n, &part);
    if (status != AN_OK) return status;
    for (int k = 0; k < n->outputs; k++) out[k] = s->real[n->first + (uint32_t)k];
    part.out = out;
    return append(parts, g, &part);
}

/* An output that the meaning hands on as it is (an operand, or what another output
 * is too) has no node of its own: reshaped to its own shape it gets one, so that a
 * gradient finds its way. */
static an_status read_aliases(an_expansion *e, an_expansion *parts, an_graph *g, const scratch *s,
                              const an_applied *a)
{
    for (int k = 0; k < a->outputs; k++) {
        const uint32_t real = s->real[s->out[k].id];
        if (real == a->out[k]) continue;
        const an_attrs attrs = {.shape = an_slot_type(g, real)->shape};
        const an_applied part = {.op = an_op(AN_OP_reshape), .inputs = 1, .outputs = 1, .in = &real,
                                 .out = &a->out[k], .node = a->node, .ordinal = a->ordinal,
                                 .attrs = an_arena_copy(&e->arena, &attrs, sizeof attrs)};
        if (!part.attrs) return out_of_memory(g);
        const an_status status = append(parts, g, &part);
        if (status != AN_OK) return status;
    }
    return AN_OK;
}

static an_status expand_one(an_expansion *e, an_graph *g, const an_applied *a,
                            bool (*whole)(const an_op_info *op), int depth)
{
    if (depth >= DEEPEST || whole(a->op) || !a->op->rules->meaning) return append(e, g, a);
    scratch s;
    an_status status = open_scratch(&s, g, a);
    an_expansion parts = {0};
    for (int64_t i = 1; status == AN_OK && i <= s.graph->node_count; i++)
        if (!an_node_is_input(&s.graph->nodes[i]))
            status = read_node(e, &parts, g, &s, &s.graph->nodes[i], a);
    if (status == AN_OK) status = read_aliases(e, &parts, g, &s, a);
    close_scratch(&s);
    for (int64_t i = 0; status == AN_OK && i < parts.count; i++)
        status = expand_one(e, g, &parts.at[i], whole, depth + 1);
    an_expansion_free(&parts);
    return status;
}

an_status an_expand(an_expansion *e, an_graph *g, uint32_t number,
                    bool (*whole)(const an_op_info *op))
{
    const an_node *n = &g->nodes[number];
    an_room room;
    uint32_t *out = an_room_open(&room, n->outputs, sizeof *out);
    if (!out) return out_of_memory(g);
    for (int k = 0; k < n->outputs; k++) out[k] = n->first + (uint32_t)k;
    const an_applied a = {.op = n->op, .inputs = n->inputs, .outputs = n->outputs,
                          .attrs = n->attrs, .in = n->in ? n->in : out, .out = out,
                          .ordinal = n->ordinal, .node = number};
    const an_status status = expand_one(e, g, &a, whole, 0);
    an_room_close(&room);
    return status;
}
