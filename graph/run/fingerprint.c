/* fingerprint.c -- what a program computes, as three numbers: to tell whether it is the same still.
 *
 * Taken of the graph before any pass, so it does not depend on what fuses. Each value's
 * number is made of its op, its attributes and its operands' numbers, down to the names
 * and types of inputs and states; neither the order nor the place of a definition counts.
 * The optimizer's takes the gradients for any values of their types, so that it changes
 * with the optimizer alone; of its own states, how they begin belongs to it (the rate).
 * What a transient state becomes is left out, as the state is of checkpoints. */
#include "graph/run/program.h"

#include "core/random.h"

typedef struct numbers { /* of values */
    uint64_t *whole; /* all it depends on */
    uint64_t *own;   /* as far as only updates read it */
} numbers;

static uint64_t mix(uint64_t hash, uint64_t more)
{
    return an_hash_bytes(&more, sizeof more, hash);
}

static uint64_t type_hash(const an_graph *g, uint32_t v)
{
    const an_type *type = an_slot_type(g, v);
    uint64_t hash = mix((uint64_t)type->dtype, (uint64_t)type->shape.rank);
    for (int d = 0; d < type->shape.rank; d++) hash = mix(hash, (uint64_t)type->shape.dim[d]);
    return hash;
}

static void number_leaf(const an_graph *g, const an_node *n, bool updates, numbers *x)
{
    const uint64_t hash = mix(an_hash_string(n->name), type_hash(g, n->first));
    const bool begins = updates && an_node_is_state(n);
    x->own[n->first] = begins ? mix(hash, an_attrs_hash(n->op, n->attrs)) : hash;
    x->whole[n->first] = x->own[n->first];
}

static void number_node(const an_graph *g, const an_node *n, bool updates, numbers *x)
{
    an_attrs attrs = *n->attrs;
    attrs.order = (an_order){0}; /* build ordinals: where things were defined */
    uint64_t whole = an_attrs_hash(n->op, &attrs), own = whole;
    for (int i = 0; i < n->inputs; i++) {
        whole = mix(whole, n->in[i] ? x->whole[n->in[i]] : 0);
        own = mix(own, n->in[i] ? x->own[n->in[i]] : 0);
    }
    for (int k = 0; k < n->outputs; k++) {
        const uint32_t v = n->first + (uint32_t)k;
        const uint64_t type = type_hash(g, v);
        x->whole[v] = mix(mix(whole, (uint64_t)k), type);
        x->own[v] = updates ? mix(mix(own, (uint64_t)k), type) : type;
    }
}

/* Updates are a set: their numbers are added, so that their order does not count. */
static void sum_up(const an_graph *g, uint32_t set, const numbers *x, an_fingerprint *out)
{
    *out = (an_fingerprint){0};
    for (int64_t i = 0; i < g->output_count; i++)
        out->fetched = mix(out->fetched, x->whole[g->outputs[i].value]);
    for (int64_t i = 0; i < g->commit_count; i++) {
        const an_commit *c = &g->commits[i];
        if (c->set != set || set == 0 || an_node_of(g, c->state)->attrs->transient) continue;
        out->updates += mix(x->whole[c->state], x->whole[c->value]);
        out->optimizer += mix(x->own[c->state], x->own[c->value]);
    }
}

bool an_graph_fingerprint(const an_graph *g, uint32_t set, an_fingerprint *out)
{
    an_arena scrap = {0};
    const int64_t slots = g->slot_count + 1;
    numbers x = {an_arena_alloc(&scrap, slots * (int64_t)sizeof *x.whole),
                 an_arena_alloc(&scrap, slots * (int64_t)sizeof *x.own)};
    uint8_t *phase = an_arena_alloc(&scrap, g->node_count + 1);
    const bool good = x.whole && x.own && phase && an_graph_phases(g, phase);
    for (int64_t i = 1; good && i <= g->node_count; i++) {
        const an_node *n = &g->nodes[i];
        const bool updates = phase[i] == AN_PHASE_UPDATE;
        if (an_node_is_named(n)) number_leaf(g, n, updates, &x);
        else number_node(g, n, updates, &x);
    }
    if (good) sum_up(g, set, &x, out);
    an_arena_free(&scrap);
    return good;
}
