/* leaves.c -- inputs and states by name.
 *
 * Leaves are found through a hash table, since each new one must be told from all
 * others and a file may have any number.                                      */
#include "core/random.h"
#include "graph/ir.h"

#include <string.h>

/* Where leaf `name` is in the table, or the free slot where it belongs. The table is
 * at most half full, so that there always is one. */
static uint32_t *leaf_slot(const an_graph *g, const char *name)
{
    const uint64_t mask = (uint64_t)g->leaf_slot_count - 1;
    uint64_t i = an_hash_string(name) & mask;
    while (g->leaf_slots[i] && strcmp(g->leaves[g->leaf_slots[i] - 1].name, name) != 0)
        i = (i + 1) & mask;
    return &g->leaf_slots[i];
}

static bool double_leaf_slots(an_graph *g)
{
    const int64_t size = g->leaf_slot_count ? 2 * g->leaf_slot_count : 64;
    uint32_t *slots = an_alloc_zeroed(size * (int64_t)sizeof *slots);
    if (!slots) return false;
    an_free(g->leaf_slots);
    g->leaf_slots = slots;
    g->leaf_slot_count = size;
    for (int64_t i = 0; i < g->leaf_count; i++)
        *leaf_slot(g, g->leaves[i].name) = (uint32_t)i + 1;
    return true;
}

bool an_graph_add_leaf(an_graph *g, const char *name, uint32_t id)
{
    if (!AN_GROW(g->leaves, g->leaf_capacity, g->leaf_count + 1)) return false;
    if (2 * (g->leaf_count + 1) > g->leaf_slot_count && !double_leaf_slots(g)) return false;
    uint32_t *slot = leaf_slot(g, name);
    g->leaves[g->leaf_count++] = (an_name_entry){name, id};
    *slot = (uint32_t)g->leaf_count;
    return true;
}

uint32_t an_graph_leaf(const an_graph *g, const char *name)
{
    const uint32_t position = name && g->leaf_slot_count ? *leaf_slot(g, name) : 0;
    return position ? g->leaves[position - 1].value : 0;
}

const char *an_graph_leaf_name(const an_graph *g, int64_t i)
{
    return g && i >= 0 && i < g->leaf_count ? g->leaves[i].name : NULL;
}
