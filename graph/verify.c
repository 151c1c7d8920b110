/* verify.c -- every invariant of the IR, checked after each pass and on demand.
 *
 * The graph should be right by construction; this is for the day it is not. It
 * infers every node again, so that an op whose rules contradict a stored type is
 * caught where the type was stored.                                          */
#include "graph/ir.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct report {
    char *text;
    int64_t size;
    an_status status;
} report;

static bool broken(report *r, const char *format, ...) AN_PRINTF(2, 3);

static bool broken(report *r, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (r->text && r->size > 0) vsnprintf(r->text, (size_t)r->size, format, arguments);
    va_end(arguments);
    if (r->status == AN_OK) r->status = AN_E_INTERNAL;
    return false;
}

static bool no_memory(report *r)
{
    r->status = AN_E_MEMORY;
    return broken(r, "out of memory");
}

static bool check_slots(const an_graph *g, uint32_t number, uint32_t expected, report *r)
{
    const an_node *n = &g->nodes[number];
    if (n->first != expected)
        return broken(r, "node %u: its outputs start at value %u, not %u", number, n->first,
                      expected);
    for (int k = 0; k < n->outputs; k++) {
        const an_slot *slot = &g->slots[n->first + (uint32_t)k];
        if (slot->node != number || slot->index != k)
            return broken(r, "node %u: value %u does not point back to its output %d", number,
                          n->first + (uint32_t)k, k);
    }
    return true;
}

static bool check_operands(const an_graph *g, uint32_t number, report *r)
{
    const an_node *n = &g->nodes[number];
    const an_op_info *op = n->op;
    if (!op->rules) return broken(r, "node %u: there is no such op", number);
    if (!op->opaque && n->outputs != op->outputs_count)
        return broken(r, "node %u: %s has %d outputs, not %d", number, op->name, op->outputs_count,
                      n->outputs);
    if (n->inputs < op->min_inputs || n->inputs > op->max_inputs)
        return broken(r, "node %u: %s takes no %d operands", number, op->name, n->inputs);
    for (int i = 0; i < n->inputs; i++) {
        if (n->in[i] == 0 && !an_op_input_optional(n->op, i))
            return broken(r, "node %u: operand %d of %s is absent", number, i, op->name);
        if (n->in[i] >= n->first)
            return broken(r, "node %u: operand %d (value %u) is not made before it", number, i,
                          n->in[i]);
    }
    return true;
}

/* Inference again. It may intern dimensions, hence the copied table. */
static bool check_types_in(const an_graph *g, an_dims *dims, uint32_t number, report *r,
                           an_type *types, bool *present)
{
    const an_node *n = &g->nodes[number];
    an_type *out = types + n->inputs;
    for (int i = 0; i < n->inputs; i++) {
        present[i] = n->in[i] != 0;
        types[i] = present[i] ? *an_slot_type(g, n->in[i]) : (an_type){AN_F32, AN_SCALAR};
    }
    an_text why = {0}, hint = {0};
    const an_infer q = {.op = n->op, .attrs = n->attrs, .inputs = n->inputs, .in = types,
                        .present = present, .dims = dims, .why = &why, .hint = &hint};
    bool good = an_op_infer(&q, out) == AN_OK;
    if (an_dims_starved(dims) || why.failed)
        good = no_memory(r);
    else if (!good)
        broken(r, "node %u: %s refuses its operands: %s", number, n->op->name,
               an_text_view(&why));
    for (int k = 0; good && k < n->outputs; k++)
        if (!an_type_equal(&out[k], an_slot_type(g, n->first + (uint32_t)k)))
            good = broken(r, "node %u: the stored type of output %d of %s is not what it infers",
                          number, k, n->op->name);
    an_text_free(&why);
    an_text_free(&hint);
    return good;
}

static bool check_types(const an_graph *g, an_dims *dims, uint32_t number, report *r)
{
    const an_node *n = &g->nodes[number];
    if (n->op->opaque) return true; /* its types were given */
    an_room types_room, present_room;
    an_type *types = an_room_open(&types_room, n->inputs + (int64_t)n->outputs, sizeof *types);
    bool *present = an_room_open(&present_room, n->inputs, sizeof *present);
    const bool good = types && present ? check_types_in(g, dims, number, r, types, present)
                                       : no_memory(r);
    an_room_close(&types_room);
    an_room_close(&present_room);
    return good;
}

static bool check_nodes(const an_graph *g, report *r)
{
    an_dims *dims = an_dims_copy(g->dims);
    if (!dims) return no_memory(r);
    uint32_t expected = 1;
    bool good = true;
    for (uint32_t i = 1; good && (int64_t)i <= g->node_count; i++) {
        good = check_slots(g, i, expected, r) && check_operands(g, i, r) &&
               check_types(g, dims, i, r);
        expected += (uint32_t)g->nodes[i].outputs;
    }
    an_dims_free(dims);
    if (good && (int64_t)expected != g->slot_count + 1)
        return broken(r, "there are %lld values, the nodes make %u", (long long)g->slot_count,
                      expected - 1);
    return good;
}

static bool check_roots(const an_graph *g, report *r)
{
    for (int64_t i = 0; i < g->output_count; i++)
        if (g->outputs[i].value == 0 || (int64_t)g->outputs[i].value > g->slot_count)
            return broken(r, "output \"%s\" is no value", g->outputs[i].name);
    for (int64_t i = 0; i < g->commit_count; i++) {
        const an_commit *c = &g->commits[i];
        if ((int64_t)c->set > g->set_count || c->state == 0 || c->value == 0 ||
            (int64_t)c->state > g->slot_count || (int64_t)c->value > g->slot_count)
            return broken(r, "update %lld refers to nothing", (long long)i);
        if ((c->set == AN_PENDING) != (c->witness != 0) || (int64_t)c->witness > g->slot_count)
            return broken(r, "update %lld is pending without a witness, or has one and is not",
                          (long long)i);
        if (!an_node_is_state(an_node_of(g, c->state)))
            return broken(r, "update %lld is of something that is no state", (long long)i);
        if (!an_type_equal(an_slot_type(g, c->state), an_slot_type(g, c->value)))
            return broken(r, "update of \"%s\": its new value has another type",
                          an_node_of(g, c->state)->name);
        if (an_graph_commit_of(g, c->set, c->state) != c)
            return broken(r, "state \"%s\" is updated twice in \"%s\"",
                          an_node_of(g, c->state)->name, c->set ? g->sets[c->set] : "pending");
    }
    return true;
}

static bool check_names(const an_graph *g, report *r)
{
    int64_t leaves = 0;
    for (int64_t i = 1; i <= g->node_count; i++) {
        const an_node *n = &g->nodes[i];
        if (!an_node_is_named(n)) continue;
        leaves++;
        if (an_graph_leaf(g, n->name) != n->first)
            return broken(r, "the name \"%s\" stands for two leaves", n->name);
    }
    if (leaves != g->leaf_count)
        return broken(r, "%lld leaves, but %lld names", (long long)leaves,
                      (long long)g->leaf_count);
    return true;
}

an_status an_graph_verify(const an_graph *g, char *text, int64_t size)
{
    report r = {.text = text, .size = size};
    if (text && size > 0) text[0] = 0;
    if (!g) {
        broken(&r, "there is no graph");
        return AN_E_ARGUMENT;
    }
    if (check_nodes(g, &r) && check_roots(g, &r)) check_names(g, &r);
    return r.status;
}
