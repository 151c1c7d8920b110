/* cse.c -- common subexpressions: equal nodes become the first of them.
 *
 * Equal means same op, same operands (in either order where the op commutes bit
 * for bit) and same attributes; dropout's stream is an attribute, so two dropouts
 * stay two. Inputs and states have names and are never merged.               */
#include "core/random.h"
#include "graph/passes/rewrite.h"

#include <string.h>

typedef struct table {
    uint32_t *slot; /* old node numbers; 0: free */
    int64_t size;   /* a power of two, at least twice the nodes */
} table;

/* Operands as they count: new values, the first two sorted where order is free. */
static void key_of(const an_rewrite *rw, const an_node *n, int i, uint32_t *out)
{
    const bool commutes = n->op->traits & AN_TRAIT_COMMUTES;
    uint32_t id = n->in[i] ? rw->value[n->in[i]] : 0;
    if (commutes && i < 2) {
        const uint32_t other = rw->value[n->in[1 - i]];
        const bool smaller = id < other;
        if (i == 0 ? !smaller : smaller) id = other;
    }
    *out = id;
}

static uint64_t hash_node(const an_rewrite *rw, const an_node *n)
{
    uint64_t hash = an_attrs_hash(n->op, n->attrs);
    for (int i = 0; i < n->inputs; i++) {
        uint32_t id;
        key_of(rw, n, i, &id);
        hash = an_hash_bytes(&id, sizeof id, hash);
    }
    return hash;
}

static bool same(const an_rewrite *rw, const an_node *a, const an_node *b)
{
    if (a->op != b->op || a->inputs != b->inputs || !an_attrs_equal(a->op, a->attrs, b->attrs))
        return false;
    if (a->op->opaque && !an_results_alike(rw->from, a, b)) return false;
    for (int i = 0; i < a->inputs; i++) {
        uint32_t x, y;
        key_of(rw, a, i, &x);
        key_of(rw, b, i, &y);
        if (x != y) return false;
    }
    return true;
}

static bool merge(an_rewrite *rw, uint32_t number, void *context)
{
    const an_node *n = &rw->from->nodes[number];
    if (an_node_is_named(n)) return false;
    table *t = context;
    const int64_t mask = t->size - 1;
    for (int64_t i = (int64_t)(hash_node(rw, n) & (uint64_t)mask);; i = (i + 1) & mask) {
        if (t->slot[i] == 0) {
            t->slot[i] = number;
            return false;
        }
        const an_node *first = &rw->from->nodes[t->slot[i]];
        if (!same(rw, first, n)) continue;
        an_rewrite_replace(rw, number, rw->value[first->first]);
        return true;
    }
}

an_status an_pass_cse(an_rewrite *rw)
{
    table t = {.size = 16};
    while (t.size < 2 * (rw->from->node_count + 1)) t.size *= 2;
    t.slot = an_alloc_zeroed(t.size * (int64_t)sizeof *t.slot);
    if (!t.slot) return an_graph_fail(rw->to, (an_at){0}, AN_E_MEMORY, "out of memory");
    const an_status status = an_rewrite_each(rw, merge, &t);
    an_free(t.slot);
    return status;
}
