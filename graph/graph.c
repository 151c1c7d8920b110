/* graph.c -- a graph's life, scopes, roots and look-ups.
 *
 * What has a name is filed and found in names.c.                              */
#include "core/random.h"
#include "graph/ir.h"

#include <stdio.h>
#include <string.h>

/* ---- life -------------------------------------------------------------- */

an_graph *an_graph_new(const char *name)
{
    an_graph *g = an_alloc_zeroed(sizeof *g);
    if (!g) return NULL;
    g->dims = an_dims_new();
    g->name = an_arena_string(&g->arena, name ? name : "graph");
    g->scope = an_arena_string(&g->arena, "");
    g->next_ordinal = 1;
    atomic_flag_clear(&g->telling);
    if (!g->dims || !g->name || !g->scope) {
        an_graph_free(g);
        return NULL;
    }
    if (!an_is_utf8(name)) {
        g->name = "graph"; /* an arena's and a literal's are freed alike: not at all */
        an_graph_fail(g, (an_at){0}, AN_E_NAME, "an_graph_new: the graph's name is not UTF-8");
    }
    return g;
}

void an_graph_free(an_graph *g)
{
    if (!g) return;
    an_dims_free(g->dims);
    an_arena_free(&g->arena);
    an_free(g->nodes);
    an_free(g->slots);
    an_free(g->outputs);
    an_free(g->commits);
    an_free(g->sets);
    an_free(g->leaves);
    an_free(g->enclosing);
    an_free(g->counters);
    an_free(g->texts);
    an_free(g->attrs);
    an_free(g->types);
    an_graph_forget_ops(g);
    an_index *const indices[] = {&g->by_leaf, &g->by_output, &g->by_set, &g->by_state,
                                 &g->by_counter, &g->by_text, &g->by_attrs, &g->by_type};
    for (size_t i = 0; i < sizeof indices / sizeof *indices; i++) an_index_free(indices[i]);
    an_free(g);
}

an_graph *an_graph_like(const an_graph *g)
{
    an_graph *copy = an_alloc_zeroed(sizeof *copy);
    if (!copy) return NULL;
    copy->dims = an_dims_copy(g->dims);
    copy->name = an_arena_string(&copy->arena, g->name);
    copy->scope = an_arena_string(&copy->arena, "");
    copy->next_ordinal = g->next_ordinal;
    copy->trains = g->trains;
    bool good = copy->dims && copy->name && copy->scope && an_graph_share_ops(copy, g);
    for (int64_t i = 1; good && i <= g->set_count; i++)
        good = an_graph_add_set(copy, g->sets[i]) != 0;
    if (good) return copy;
    an_graph_free(copy);
    return NULL;
}

bool an_graph_reserve(an_graph *g, int64_t nodes, int64_t slots)
{
    int64_t bytes;
    void *room;
    if (nodes + 1 > g->node_capacity) {
        if (!an_mul_size(nodes + 1, (int64_t)sizeof *g->nodes, &bytes) ||
            !(room = an_resize(g->nodes, bytes)))
            return false;
        g->nodes = room;
        g->node_capacity = nodes + 1;
    }
    if (slots + 1 > g->slot_capacity) {
        if (!an_mul_size(slots + 1, (int64_t)sizeof *g->slots, &bytes) ||
            !(room = an_resize(g->slots, bytes)))
            return false;
        g->slots = room;
        g->slot_capacity = slots + 1;
    }
    return true;
}

const char *an_graph_name(const an_graph *g)
{
    return g ? g->name : "";
}

an_status an_graph_status(const an_graph *g)
{
    return g ? g->error.status : AN_E_ARGUMENT;
}

const char *an_graph_message(const an_graph *g)
{
    return g ? g->error.text : "there is no graph";
}

/* ---- dims -------------------------------------------------------------- */

static an_dim checked_dim(an_graph *g, const char *call, an_dim d)
{
    if (d == AN_DIM_BAD)
        an_graph_fail(g, (an_at){0}, AN_E_SHAPE,
                      "%s: not a dimension (an ill-formed name, a negative or overflowing extent, "
                      "or a dim of another graph)", call);
    return d;
}

an_dim an_dim_named(an_graph *g, const char *name)
{
    return g ? checked_dim(g, "an_dim_named", an_dims_name(g->dims, name)) : AN_DIM_BAD;
}

an_dim an_dim_plus(an_graph *g, an_dim a, an_dim b)
{
    return g ? checked_dim(g, "an_dim_plus", an_dims_add(g->dims, a, b)) : AN_DIM_BAD;
}

an_dim an_dim_minus(an_graph *g, an_dim a, an_dim b)
{
    return g ? checked_dim(g, "an_dim_minus", an_dims_sub(g->dims, a, b)) : AN_DIM_BAD;
}

an_dim an_dim_times(an_graph *g, an_dim a, an_dim b)
{
    return g ? checked_dim(g, "an_dim_times", an_dims_mul(g->dims, a, b)) : AN_DIM_BAD;
}

an_dim an_dim_over(an_graph *g, an_dim a, an_dim b)
{
    return g ? checked_dim(g, "an_dim_over", an_dims_div(g->dims, a, b)) : AN_DIM_BAD;
}

an_dims *an_dims_of(an_graph *g)
{
    return g ? g->dims : NULL;
}

/* ---- scopes ------------------------------------------------------------ */

static void open_scope(an_graph *g, const char *name)
{
    an_text path = {0};
    if (g->scope[0]) an_text_addf(&path, "%s/", g->scope);
    an_text_add(&path, name);
    char *joined = path.failed ? NULL : an_arena_string(&g->arena, an_text_view(&path));
    an_text_free(&path);
    if (!joined || !AN_GROW(g->enclosing, g->depth_capacity, g->depth + 1)) {
        an_graph_fail(g, (an_at){0}, AN_E_MEMORY, "an_scope_open: out of memory");
        return;
    }
    g->enclosing[g->depth++] = g->scope;
    g->scope = joined;
}

/* `name` as it is the first time it is taken in the open scope, then name_1 ... */
static const char *unique_name(an_graph *g, const char *name, an_text *out)
{
    an_text key = {0};
    an_text_addf(&key, "%s/%s", g->scope, name);
    an_name_entry *taken = key.failed ? NULL : an_graph_counter(g, an_text_view(&key));
    if (!taken)
        an_graph_fail(g, (an_at){0}, AN_E_MEMORY, "out of memory while naming \"%s\"", name);
    an_text_add(out, name);
    if (taken && taken->value++ > 0) an_text_addf(out, "_%u", taken->value - 1);
    an_text_free(&key);
    return an_text_view(out);
}

void an_graph_scope_open(an_graph *g, const char *name)
{
    if (!g) return;
    if (!name || !name[0])
        an_graph_fail(g, (an_at){0}, AN_E_NAME, "an_scope_open: a scope needs a name");
    else if (!an_is_utf8(name))
        an_graph_fail(g, (an_at){0}, AN_E_NAME, "an_scope_open: the scope's name is not UTF-8");
    else
        open_scope(g, name);
}

void an_graph_scope_close(an_graph *g)
{
    if (!g) return;
    if (g->depth > 0)
        g->scope = g->enclosing[--g->depth];
    else
        an_graph_fail(g, (an_at){0}, AN_E_ARGUMENT, "an_scope_close: no scope is open");
}

void an_scope_open(an_value any, const char *name)
{
    an_graph_scope_open(any.graph, name);
}

void an_scope_open_unique(an_value any, const char *name)
{
    if (!any.graph) return;
    an_text unique = {0};
    an_graph_scope_open(any.graph, unique_name(any.graph, name ? name : "layer", &unique));
    an_text_free(&unique);
}

void an_scope_close(an_value any)
{
    an_graph_scope_close(any.graph);
}

an_value an_label(an_value v, const char *label)
{
    if (!v.graph || !label || an_is_poison(v)) return v;
    an_graph *g = v.graph;
    if (!an_is_utf8(label)) {
        an_graph_fail(g, an_node_of(g, v.id)->at, AN_E_NAME, "an_label: the label is not UTF-8");
        return v;
    }
    an_node *n = &g->nodes[g->slots[v.id].node];
    if (an_node_is_named(n)) return v;
    const char *kept = an_graph_keep_text(g, label);
    if (kept) n->name = kept;
    else an_graph_fail(g, n->at, AN_E_MEMORY, "an_label: out of memory");
    return v;
}

/* ---- roots ------------------------------------------------------------- */

an_status an_graph_output(an_value v, const char *name)
{
    if (!v.graph || !name || !name[0]) return AN_E_ARGUMENT;
    if (v.graph->error.status != AN_OK) return v.graph->error.status;
    if (an_is_poison(v))
        return an_graph_fail(v.graph, (an_at){0}, AN_E_GRAPH, "output \"%s\" is no value", name);
    return an_graph_add_output(v.graph, name, v.id);
}

/* ---- look-ups ---------------------------------------------------------- */

/* The first node of that ordinal that has so many outputs, or 0. Only where a pass or
 * a file put ordinals out of order are all nodes looked at. */
static uint32_t node_of_ordinal(const an_graph *g, uint32_t ordinal, int outputs)
{
    int64_t low = 1, high = g->node_count + 1; /* the first that is not before it */
    while (!g->disordered && low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (g->nodes[middle].ordinal < ordinal) low = middle + 1;
        else high = middle;
    }
    for (int64_t i = low; i <= g->node_count; i++) {
        if (g->nodes[i].ordinal == ordinal && outputs <= g->nodes[i].outputs) return (uint32_t)i;
        if (g->nodes[i].ordinal > ordinal && !g->disordered) return 0;
    }
    return 0;
}

uint32_t an_graph_root(const an_graph *g, const char *name)
{
    const uint32_t named = an_graph_named_output(g, name);
    if (named) return named;
    unsigned ordinal = 0;
    int k = 0;
    if (sscanf(name, "%%%u.%d", &ordinal, &k) < 1 || k < 0) return 0;
    const uint32_t node = node_of_ordinal(g, ordinal, k + 1);
    return node ? g->nodes[node].first + (uint32_t)k : 0;
}

an_value an_graph_find(an_graph *g, const char *name)
{
    if (!g || !name) return AN_NONE;
    const uint32_t leaf = an_graph_leaf(g, name);
    if (leaf) return (an_value){g, leaf};
    const uint32_t output = an_graph_named_output(g, name);
    return output ? (an_value){g, output} : AN_NONE;
}

const char *an_graph_output_name(const an_graph *g, int64_t i)
{
    return g && i >= 0 && i < g->output_count ? g->outputs[i].name : NULL;
}

an_value an_graph_output_value(an_graph *g, int64_t i)
{
    return g && i >= 0 && i < g->output_count ? (an_value){g, g->outputs[i].value} : AN_NONE;
}

const char *an_graph_dim_name(const an_graph *g, int64_t i)
{
    const bool known = g && i >= 0 && i < an_dims_names(g->dims);
    return known ? an_dims_name_at(g->dims, (int)i) : NULL;
}

an_value an_graph_state(an_graph *g, const char *name)
{
    if (!g) return AN_NONE;
    const an_value v = {g, an_graph_leaf(g, name)};
    if (an_is_state(v)) return v;
    an_guess guess = {.word = name ? name : ""};
    an_text nearest = {0};
    for (int64_t i = 0; i < g->leaf_count; i++)
        if (an_is_state(an_value_of(g, g->leaves[i].value)))
            an_guess_try(&guess, g->leaves[i].name);
    an_guess_print(&guess, &nearest);
    an_graph_fail(g, (an_at){0}, AN_E_NAME, "an_graph_state: there is no state \"%s\"%s",
                  name ? name : "(null)", an_text_view(&nearest));
    an_text_free(&nearest);
    return (an_value){g, 0};
}

bool an_is_state(an_value v)
{
    return v.graph && !an_is_poison(v) && an_node_is_state(an_node_of(v.graph, v.id));
}

bool an_is_ordinary(an_value v)
{
    if (!v.graph || an_is_poison(v)) return false;
    const an_node *n = an_node_of(v.graph, v.id);
    const an_data *data = &n->attrs->data; /* of literals only */
    const an_tensor t = {.dtype = n->attrs->dtype, .rank = 1, .extent = {data->count},
                         .data = (void *)(uintptr_t)data->bytes};
    bool ordinary = data->count > 0;
    for (int64_t i = 0; i < data->count && ordinary; i++) {
        const double x = an_tensor_get(&t, i);
        ordinary = x != 0 && x - x == 0;
    }
    return ordinary;
}

/* "encoder/kernel" is of "encoder", of "encoder/" and of "". */
static bool is_of(const char *state, const char *name)
{
    const size_t length = strlen(name);
    if (strncmp(state, name, length) != 0) return false;
    return length == 0 || name[length - 1] == '/' || !state[length] || state[length] == '/';
}

int64_t an_graph_parameters_of(an_graph *g, const char *name, an_value *out, int64_t room)
{
    int64_t found = 0;
    for (int64_t i = 0; g && name && i < g->leaf_count; i++) {
        const uint32_t v = g->leaves[i].value;
        const an_node *n = an_node_of(g, v);
        if (!an_node_is_state(n) || n->attrs->frozen || !is_of(n->name, name)) continue;
        if (!an_dtype_is_float(an_slot_type(g, v)->dtype)) continue;
        if (out && found < room) out[found] = an_value_of(g, v);
        found++;
    }
    return found;
}

int an_graph_freeze(an_graph *g, const char *name, bool frozen)
{
    if (!g || !name) return 0;
    int found = 0;
    for (int64_t i = 1; i <= g->node_count; i++) {
        an_node *n = &g->nodes[i];
        if (!an_node_is_state(n) || !is_of(n->name, name)) continue;
        an_attrs attrs = *n->attrs;
        attrs.frozen = frozen;
        const an_attrs *kept = an_graph_keep_attrs(g, n->op, &attrs);
        if (!kept) return an_graph_fail(g, n->at, AN_E_MEMORY, "out of memory"), found;
        n->attrs = kept;
        found++;
    }
    return found;
}

/* ---- what dropout needs ------------------------------------------------ */

static const char random_key[] = "random/key";

static bool is_random_key(const an_graph *g, uint32_t leaf)
{
    const an_node *n = an_node_of(g, leaf);
    return an_node_is_state(n) && n->attrs->init.kind == AN_INIT_RANDOM_KEY;
}

/* By the name that it is given here; in a file it may have another. */
uint32_t an_graph_random_key(const an_graph *g)
{
    const uint32_t named = an_graph_leaf(g, random_key);
    if (named && is_random_key(g, named)) return named;
    for (int64_t i = g->leaf_count; i > 0; i--)
        if (is_random_key(g, g->leaves[i - 1].value)) return g->leaves[i - 1].value;
    return 0;
}

an_value an_random_key(an_at at, an_graph *g)
{
    if (!g) return AN_NONE;
    const uint32_t made = an_graph_random_key(g);
    if (made) return (an_value){g, made};
    const an_attrs attrs = {.dtype = AN_I64, .shape = AN_SHAPE(2),
                            .init = {AN_INIT_RANDOM_KEY, 0, 0},
                            .frozen = true};
    const an_spec spec = {.op = an_op(AN_OP_state), .attrs = &attrs, .name = random_key,
                          .at = at};
    return (an_value){g, an_graph_add(g, &spec)};
}

void an_graph_rows_from(an_graph *g, an_value row)
{
    if (g && (row.graph == g || an_is_none(row))) g->first_row = row.id;
}

an_value an_first_row(an_graph *g)
{
    return g ? an_value_of(g, g->first_row) : AN_NONE;
}

uint32_t an_new_stream(an_at at, an_graph *g)
{
    if (!g) return 0;
    an_text unique = {0}, path = {0};
    an_text_addf(&path, "%s/%s", g->scope, unique_name(g, "stream", &unique));
    const uint64_t hash = an_hash_string(an_text_view(&path));
    if (path.failed) an_graph_fail(g, at, AN_E_MEMORY, "out of memory while naming a stream");
    an_text_free(&unique);
    an_text_free(&path);
    return (uint32_t)(hash ^ hash >> 32);
}

/* ---- derived nodes ----------------------------------------------------- */

void an_graph_derive(an_graph *g, const char *how, const an_node *node)
{
    g->deriving = true;
    g->origin_at = node ? node->at : (an_at){0};
    g->origin_scope = node ? node->scope : g->scope;
    const size_t size = sizeof node->ordinal;
    g->origin = (an_from){.how = how, .count = node ? 1 : 0,
                          .of = node ? an_arena_copy(&g->arena, &node->ordinal, (int64_t)size)
                                     : NULL};
    if (!node || g->origin.of) return;
    g->origin.count = 0;
    an_graph_fail(g, node->at, AN_E_MEMORY, "out of memory");
}

void an_graph_derive_end(an_graph *g)
{
    g->deriving = false;
}
