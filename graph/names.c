/* names.c -- what a graph finds by its name, and what it keeps only once.
 *
 * Leaves, outputs, update tables and the names that layers took are each told from all others
 * of their kind, and a file may hold any number of them: all are looked up by hash. So are a
 * table's updates, by their state. Texts, attributes and types are kept once, however many
 * nodes have them: a graph of a million has few scopes, files, reasons and shapes. */
#include "core/random.h"
#include "graph/ir.h"

#include <string.h>

/* ---- by name ----------------------------------------------------------- */

typedef const char *(*name_fn)(const an_graph *g, uint32_t number);

static const char *leaf_name(const an_graph *g, uint32_t n) { return g->leaves[n - 1].name; }
static const char *output_name(const an_graph *g, uint32_t n) { return g->outputs[n - 1].name; }
static const char *set_name(const an_graph *g, uint32_t n) { return g->sets[n]; }
static const char *counter_name(const an_graph *g, uint32_t n) { return g->counters[n - 1].name; }
static const char *text_at(const an_graph *g, uint32_t n) { return g->texts[n - 1]; }

/* The number filed under that name, or 0. */
static uint32_t find(const an_graph *g, const an_index *x, name_fn name_of, const char *name,
                     uint64_t hash)
{
    uint64_t probe = 0;
    uint32_t number;
    while ((number = an_index_next(x, hash, &probe)))
        if (!strcmp(name_of(g, number), name)) break;
    return number;
}

bool an_graph_add_leaf(an_graph *g, const char *name, uint32_t id)
{
    if (!AN_GROW(g->leaves, g->leaf_capacity, g->leaf_count + 1) ||
        !an_index_add(&g->by_leaf, an_hash_string(name), (uint32_t)g->leaf_count + 1))
        return false;
    g->leaves[g->leaf_count++] = (an_name_entry){name, id};
    return true;
}

uint32_t an_graph_leaf(const an_graph *g, const char *name)
{
    const uint32_t n = name ? find(g, &g->by_leaf, leaf_name, name, an_hash_string(name)) : 0;
    return n ? g->leaves[n - 1].value : 0;
}

const char *an_graph_leaf_name(const an_graph *g, int64_t i)
{
    return g && i >= 0 && i < g->leaf_count ? g->leaves[i].name : NULL;
}

an_status an_graph_add_output(an_graph *g, const char *name, uint32_t value)
{
    if (!an_is_utf8(name))
        return an_graph_fail(g, (an_at){0}, AN_E_NAME, "the name of an output is not UTF-8");
    const uint64_t hash = an_hash_string(name);
    if (find(g, &g->by_output, output_name, name, hash))
        return an_graph_fail(g, (an_at){0}, AN_E_NAME, "output \"%s\" is declared twice", name);
    const char *kept = an_arena_string(&g->arena, name);
    if (!kept || !AN_GROW(g->outputs, g->output_capacity, g->output_count + 1) ||
        !an_index_add(&g->by_output, hash, (uint32_t)g->output_count + 1))
        return an_graph_fail(g, (an_at){0}, AN_E_MEMORY, "out of memory");
    g->outputs[g->output_count++] = (an_name_entry){kept, value};
    return AN_OK;
}

uint32_t an_graph_named_output(const an_graph *g, const char *name)
{
    const uint32_t n = find(g, &g->by_output, output_name, name, an_hash_string(name));
    return n ? g->outputs[n - 1].value : 0;
}

void an_graph_forget_outputs(an_graph *g)
{
    g->output_count = 0;
    an_index_free(&g->by_output);
}

uint32_t an_graph_add_set(an_graph *g, const char *name)
{
    if (!an_is_utf8(name)) {
        an_graph_fail(g, (an_at){0}, AN_E_NAME, "the name of an update table is not UTF-8");
        return 0;
    }
    const char *kept = an_arena_string(&g->arena, name ? name : "update");
    if (!kept || !AN_GROW(g->sets, g->set_capacity, g->set_count + 2) ||
        !an_index_add(&g->by_set, an_hash_string(kept), (uint32_t)g->set_count + 1)) {
        an_graph_fail(g, (an_at){0}, AN_E_MEMORY, "out of memory");
        return 0;
    }
    g->sets[++g->set_count] = kept;
    return (uint32_t)g->set_count;
}

uint32_t an_graph_set(const an_graph *g, const char *name)
{
    return find(g, &g->by_set, set_name, name, an_hash_string(name));
}

an_name_entry *an_graph_counter(an_graph *g, const char *name)
{
    const uint64_t hash = an_hash_string(name);
    const uint32_t n = find(g, &g->by_counter, counter_name, name, hash);
    if (n) return &g->counters[n - 1];
    const char *kept = an_arena_string(&g->arena, name);
    if (!kept || !AN_GROW(g->counters, g->counter_capacity, g->counter_count + 1) ||
        !an_index_add(&g->by_counter, hash, (uint32_t)g->counter_count + 1))
        return NULL;
    g->counters[g->counter_count] = (an_name_entry){kept, 0};
    return &g->counters[g->counter_count++];
}

/* ---- updates by table and state ---------------------------------------- */

static uint64_t hash_commit(uint32_t set, uint32_t state)
{
    const uint32_t key[] = {set, state};
    return an_hash_bytes(key, sizeof key, 0);
}

an_status an_graph_add_commit(an_graph *g, const an_commit *row)
{
    const an_commit c = *row; /* it may be one of those that move */
    if (!AN_GROW(g->commits, g->commit_capacity, g->commit_count + 1) ||
        !an_index_add(&g->by_state, hash_commit(c.set, c.state), (uint32_t)g->commit_count + 1))
        return an_graph_fail(g, (an_at){0}, AN_E_MEMORY, "out of memory");
    g->commits[g->commit_count++] = c;
    return AN_OK;
}

const an_commit *an_graph_commit_of(const an_graph *g, uint32_t set, uint32_t state)
{
    uint64_t probe = 0;
    uint32_t n;
    while ((n = an_index_next(&g->by_state, hash_commit(set, state), &probe)))
        if (g->commits[n - 1].set == set && g->commits[n - 1].state == state) break;
    return n ? &g->commits[n - 1] : NULL;
}

const an_commit *an_graph_commit(const an_graph *g, const char *set, const char *state)
{
    const uint32_t table = an_graph_set(g, set), leaf = an_graph_leaf(g, state);
    return table && leaf ? an_graph_commit_of(g, table, leaf) : NULL;
}

const an_commit *an_graph_pending(const an_graph *g, const char *state)
{
    const uint32_t leaf = an_graph_leaf(g, state);
    return leaf ? an_graph_commit_of(g, AN_PENDING, leaf) : NULL;
}

bool an_graph_both_take(const an_graph *a, const an_commit *x, const an_graph *b,
                        const an_commit *y)
{
    bool taken = false;
    for (uint32_t set = 1; !taken && (int64_t)set <= b->set_count; set++) {
        const an_commit *row = an_graph_commit_of(b, set, y->state);
        if (!row || row->value != y->value) continue;
        row = an_graph_commit_of(a, an_graph_set(a, b->sets[set]), x->state);
        taken = row && row->set != AN_PENDING && row->value == x->value;
    }
    return taken;
}

/* ---- kept once --------------------------------------------------------- */

const char *an_graph_keep_text(an_graph *g, const char *text)
{
    if (!text || !text[0]) return text ? "" : NULL;
    const uint64_t hash = an_hash_string(text);
    const uint32_t n = find(g, &g->by_text, text_at, text, hash);
    if (n) return g->texts[n - 1];
    const char *kept = an_arena_string(&g->arena, text);
    if (!kept || !AN_GROW(g->texts, g->text_capacity, g->text_count + 1) ||
        !an_index_add(&g->by_text, hash, (uint32_t)g->text_count + 1))
        return NULL;
    return g->texts[g->text_count++] = kept;
}

const an_attrs *an_graph_keep_attrs(an_graph *g, const an_op_info *op, const an_attrs *attrs)
{
    const uint64_t hash = an_attrs_hash(op, attrs);
    uint64_t probe = 0;
    for (uint32_t n; (n = an_index_next(&g->by_attrs, hash, &probe));)
        if (an_attrs_equal(op, g->attrs[n - 1], attrs) &&
            an_attrs_spelled_alike(op, g->attrs[n - 1], attrs))
            return g->attrs[n - 1];
    const an_attrs *kept = an_attrs_copy(op, attrs, &g->arena);
    if (!kept || !AN_GROW(g->attrs, g->attrs_capacity, g->attrs_count + 1) ||
        !an_index_add(&g->by_attrs, hash, (uint32_t)g->attrs_count + 1))
        return NULL;
    return g->attrs[g->attrs_count++] = kept;
}

const an_type *an_graph_keep_type(an_graph *g, const an_type *type)
{
    const uint64_t seed = (uint64_t)type->dtype << 32 | (uint64_t)type->shape.rank;
    const int64_t size = type->shape.rank * (int64_t)sizeof type->shape.dim[0];
    const uint64_t hash = an_hash_bytes(type->shape.dim, size, seed);
    uint64_t probe = 0;
    for (uint32_t n; (n = an_index_next(&g->by_type, hash, &probe));)
        if (an_type_equal(g->types[n - 1], type)) return g->types[n - 1];
    const an_type *kept = an_arena_copy(&g->arena, type, sizeof *type);
    if (!kept || !AN_GROW(g->types, g->type_capacity, g->type_count + 1) ||
        !an_index_add(&g->by_type, hash, (uint32_t)g->type_count + 1))
        return NULL;
    return g->types[g->type_count++] = kept;
}
