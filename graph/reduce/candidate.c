/* candidate.c -- see candidate.h. */
#include "graph/reduce/candidate.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

bool an_candidate_open(an_candidate *p, const an_graph *g)
{
    const int64_t values = g->slot_count + 1;
    *p = (an_candidate){.g = g};
    p->node = an_arena_alloc(&p->arena, (g->node_count + 1) * (int64_t)sizeof *p->node);
    p->lost = an_arena_alloc(&p->arena, g->output_count + g->commit_count + 1);
    p->needed = an_arena_alloc(&p->arena, 2 * values);
    p->bared = p->needed ? p->needed + values : NULL;
    p->value = an_arena_alloc(&p->arena, values * (int64_t)sizeof *p->value);
    return p->node && p->lost && p->needed && p->value;
}

void an_candidate_close(an_candidate *p)
{
    an_arena_free(&p->arena);
}

/* ---- what is read by what ---------------------------------------------- */

static an_fate *fate(const an_candidate *p, uint32_t value)
{
    return &p->node[p->g->slots[value].node];
}

/* The value that stands for `v`, by way of all replacements; each is older. */
static uint32_t stands_for(const an_candidate *p, uint32_t v)
{
    while (v && fate(p, v)->instead && p->g->slots[v].index == 0) v = fate(p, v)->instead;
    return v;
}

static uint32_t operand(const an_candidate *p, uint32_t number, int k)
{
    const bool absent = k < 32 && p->node[number].absent >> k & 1;
    return absent ? 0 : stands_for(p, p->g->nodes[number].in[k]);
}

/* Whoever reads what is gone is gone; what the gone read, and is still there, is bared. */
static void spread(an_candidate *p)
{
    const an_graph *g = p->g;
    for (uint32_t i = 1; (int64_t)i <= g->node_count; i++)
        for (int k = 0; k < g->nodes[i].inputs; k++) {
            const uint32_t v = operand(p, i, k);
            if (v && fate(p, v)->gone) p->node[i].gone = true;
        }
    for (uint32_t i = 1; (int64_t)i <= g->node_count; i++)
        for (int k = 0; p->node[i].gone && k < g->nodes[i].inputs; k++) {
            const uint32_t v = operand(p, i, k);
            if (v && !fate(p, v)->gone && an_node_of(g, v)->inputs > 0) p->bared[v] = true;
        }
}

static void mark_needed(an_candidate *p)
{
    const an_graph *g = p->g;
    for (int64_t i = 0; i < g->output_count; i++) {
        const uint32_t v = stands_for(p, g->outputs[i].value);
        p->lost[i] = p->lost[i] || fate(p, v)->gone;
        if (p->lost[i]) continue;
        p->needed[v] = true;
        p->bared[v] = false; /* it is an output already */
    }
    for (int64_t i = 0; i < g->commit_count; i++) {
        const uint32_t state = stands_for(p, g->commits[i].state);
        const uint32_t v = stands_for(p, g->commits[i].value);
        const uint32_t witness = stands_for(p, g->commits[i].witness);
        bool *lost = &p->lost[g->output_count + i];
        *lost = *lost || fate(p, v)->gone || (witness && fate(p, witness)->gone);
        if (!*lost) p->needed[state] = p->needed[v] = p->needed[witness] = true;
    }
    for (int64_t v = 1; v <= g->slot_count; v++) p->needed[v] = p->needed[v] || p->bared[v];
    for (uint32_t i = (uint32_t)g->node_count; i > 0; i--) {
        const an_node *n = &g->nodes[i];
        bool read = false;
        for (int k = 0; k < n->outputs; k++) read = read || p->needed[n->first + (uint32_t)k];
        for (int k = 0; read && !p->node[i].cut && k < n->inputs; k++)
            p->needed[operand(p, i, k)] = true; /* absent: nobody asks for value 0 */
    }
}

/* ---- attributes -------------------------------------------------------- */

/* Axes count from the front, a literal is one element, and the rest is zero, which the
 * text leaves out. An eps stays: without it rows of one element are NaN. */
bool an_attr_plain(const an_node *n, int id, an_attrs *a)
{
    const an_attrs before = *a;
    const bool counts = id == AN_ATTR_axis || id == AN_ATTR_axes;
    if (counts && a->written) {
        a->written = NULL;
        return true;
    }
    if (id == AN_ATTR_data)
        a->data.count = a->data.count > 0;
    else if (id != AN_ATTR_eps && id != AN_ATTR_axes)
        an_attr_clear(id, a);
    return !an_attrs_equal(n->op, &before, a);
}

static void scale(const an_candidate *p, an_dim *d)
{
    if (p->from == 0 || *d <= 0) return;
    if (*d == p->from || (p->multiples && *d % p->from == 0)) *d = *d / p->from * p->to;
}

/* The contributions' consumers go with the contributions. */
static bool drop_order(an_graph *to, const an_fate *f, an_order *order)
{
    if (!f->absent || !order->at) return true;
    uint32_t *kept = an_arena_copy(&to->arena, order->at, order->count * (int64_t)sizeof *kept);
    int count = 0;
    for (int i = 0; kept && i < order->count; i++)
        if (i >= 32 || !(f->absent >> i & 1)) kept[count++] = order->at[i];
    order->at = kept;
    order->count = count;
    return kept != NULL;
}

static bool edit_attributes(const an_candidate *p, an_graph *to, const an_node *n, an_attrs *a)
{
    const an_fate *f = fate(p, n->first);
    const uint64_t set = n->op->attribute_set;
    for (int id = 0; id < AN_ATTRS; id++) {
        if (!(set >> id & 1)) continue;
        if (f->plain >> id & 1) an_attr_plain(n, id, a);
        int count;
        an_dim *d = an_attr_dims(id, a, &count);
        for (int i = 0; i < count; i++) scale(p, &d[i]);
    }
    if (p->tidy) an_attrs_translate(n->op, a, to->dims, p->g->dims);
    return drop_order(to, f, &a->order);
}

/* ---- copying forward --------------------------------------------------- */

/* What was %41 is called v41, as an input and as an output. */
static void name_value(const an_candidate *p, const an_graph *to, uint32_t v, char name[64])
{
    const int index = p->g->slots[v].index;
    const unsigned ordinal = an_node_of(p->g, v)->ordinal;
    int used = snprintf(name, 64, index ? "v%u.%d" : "v%u", ordinal, index);
    for (bool taken = true; taken && used < 60; used++) {
        taken = p->bared[v] ? false : an_graph_leaf(p->g, name) || an_graph_leaf(to, name);
        for (int64_t i = 0; p->bared[v] && i < to->output_count; i++)
            taken = taken || !strcmp(to->outputs[i].name, name);
        if (taken) memcpy(name + used, "_", 2);
    }
}

static bool add_input(an_candidate *p, an_graph *to, uint32_t v)
{
    const an_node *n = an_node_of(p->g, v);
    const an_type *type = an_slot_type(p->g, v);
    an_attrs attrs = {.dtype = type->dtype, .shape = type->shape};
    for (int i = 0; i < attrs.shape.rank; i++) scale(p, &attrs.shape.dim[i]);
    char name[64];
    name_value(p, to, v, name);
    const an_spec spec = {.op = an_op(AN_OP_input), .attrs = &attrs, .name = name,
                          .scope = n->scope, .at = n->at};
    p->value[v] = an_graph_add(to, &spec);
    return p->value[v] != 0;
}

static bool copy_node(an_candidate *p, an_graph *to, uint32_t number)
{
    const an_node *n = &p->g->nodes[number];
    const bool any = n->op->max_inputs == INT_MAX;
    uint32_t *in = an_arena_alloc(&to->arena, (n->inputs + 1) * (int64_t)sizeof *in);
    an_attrs attrs = *n->attrs;
    if (!in || !edit_attributes(p, to, n, &attrs))
        return an_graph_fail(to, n->at, AN_E_MEMORY, "out of memory") == AN_OK;
    int inputs = 0;
    for (int k = 0; k < n->inputs; k++) {
        const uint32_t v = operand(p, number, k);
        if (v || !any) in[inputs++] = v ? p->value[v] : 0;
    }
    const bool leaf = an_node_is_named(n);
    an_spec spec = {.op = n->op, .inputs = inputs, .in = in, .attrs = &attrs, .name = n->name,
                    .scope = n->scope, .at = n->at, .ordinal = n->ordinal, .from = n->from};
    if (p->tidy)
        spec = (an_spec){.op = n->op, .inputs = inputs, .in = in, .attrs = &attrs,
                         .name = leaf ? n->name : NULL};
    const uint32_t first = an_graph_add_like(to, &spec, p->g, n);
    for (int k = 0; first && k < n->outputs; k++)
        p->value[n->first + (uint32_t)k] = first + (uint32_t)k;
    return first != 0;
}

static bool copy_nodes(an_candidate *p, an_graph *to)
{
    bool good = true;
    for (uint32_t i = 1; good && (int64_t)i <= p->g->node_count; i++) {
        const an_node *n = &p->g->nodes[i];
        bool read = false;
        for (int k = 0; k < n->outputs && good; k++) {
            const uint32_t v = n->first + (uint32_t)k;
            read = read || p->needed[v];
            if (p->needed[v] && p->node[i].cut) good = add_input(p, to, v);
        }
        if (good && read && !p->node[i].cut) good = copy_node(p, to, i);
    }
    return good;
}

static bool copy_roots(an_candidate *p, an_graph *to)
{
    const an_graph *g = p->g;
    bool good = true;
    for (int64_t i = 0; i < g->output_count && good; i++)
        if (!p->lost[i])
            good = an_graph_add_output(to, g->outputs[i].name,
                                       p->value[stands_for(p, g->outputs[i].value)]) == AN_OK;
    for (int64_t v = 1; v <= g->slot_count && good; v++) {
        if (!p->bared[v]) continue;
        char name[64];
        name_value(p, to, (uint32_t)v, name);
        good = an_graph_add_output(to, name, p->value[v]) == AN_OK;
    }
    for (int64_t i = 1; p->tidy && i <= g->set_count && good; i++)
        good = an_graph_add_set(to, g->sets[i]) != 0;
    for (int64_t i = 0; i < g->commit_count && good; i++) {
        const an_commit *c = &g->commits[i];
        if (p->lost[g->output_count + i]) continue;
        const an_value state = {to, p->value[stands_for(p, c->state)]};
        const an_value value = {to, p->value[stands_for(p, c->value)]};
        const an_value witness = {to, p->value[stands_for(p, c->witness)]};
        good = (c->set == AN_PENDING ? an_pending(state, value, witness)
                                     : an_updates_add((an_updates){to, c->set}, state, value)) ==
               AN_OK;
    }
    return good;
}

an_graph *an_candidate_build(an_candidate *p, an_status *status)
{
    an_graph *to = p->tidy ? an_graph_new(p->g->name) : an_graph_like(p->g);
    *status = to ? AN_OK : AN_E_MEMORY;
    if (!to) return NULL;
    spread(p);
    mark_needed(p);
    const bool good = copy_nodes(p, to) && copy_roots(p, to);
    if (good && to->output_count + to->commit_count > 0) *status = an_graph_verify(to, NULL, 0);
    else *status = an_graph_status(to) != AN_OK ? an_graph_status(to) : AN_E_GRAPH;
    if (*status == AN_OK) return to;
    an_graph_free(to);
    return NULL;
}
