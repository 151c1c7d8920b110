/* events_graph.c -- a graph as TensorFlow's GraphDef, which TensorBoard's graph tab draws.
 *
 * The tab takes scopes from the names of nodes, between slashes, and wants each name once; inputs
 * are "name" or "name:1", output 1 of it, and "^name" would be an order without a value. Phases are
 * devices, by which it colours. */
#include "frontends/inspect/events.h"

#include <string.h>

#include "core/index.h"
#include "core/random.h"
#include "frontends/inspect/wire.h"
#include "frontends/text/unicode.h"
#include "graph/ir.h"

enum { NODE = 1, VERSIONS = 4, NAME = 1, OP = 2, INPUT = 3, DEVICE = 4, ATTR = 5 };

typedef struct drawing {
    const an_graph *g;
    const char **name; /* [node], each once */
    uint8_t *phase;    /* [node] */
    an_index taken;    /* nodes by the hashes of their names */
    an_arena arena;
} drawing;

/* ---- names --------------------------------------------------------------- */

static bool is_taken(const drawing *d, const char *name)
{
    uint64_t probe = 0;
    const uint64_t hash = an_hash_string(name);
    for (uint32_t n; (n = an_index_next(&d->taken, hash, &probe)) != 0;)
        if (!strcmp(d->name[n], name)) return true;
    return false;
}

/* "scope/label", and where there is no label "scope/op"; "^" would be no name's beginning. */
static void wish(const an_node *n, an_text *out)
{
    const bool leaf = an_node_is_named(n);
    if (!leaf && n->scope[0]) an_text_addf(out, "%s/", n->scope);
    an_text_add(out, n->name[0] ? n->name : n->op->name);
    if (!out->failed && out->data && out->data[0] == '^') out->data[0] = '_';
}

/* A second one of its name has its number behind it. */
static bool name_node(drawing *d, uint32_t node)
{
    an_text raw = {0}, name = {0};
    wish(&d->g->nodes[node], &raw);
    if (!raw.failed) an_utf8_add_clean(&name, raw.data, raw.length);
    if (is_taken(d, an_text_view(&name))) an_text_addf(&name, "_%u", node);
    while (!name.failed && is_taken(d, an_text_view(&name))) an_text_add(&name, "_");
    const bool lost = raw.failed || name.failed;
    const char *made = lost ? NULL : an_arena_string(&d->arena, an_text_view(&name));
    d->name[node] = made;
    an_text_free(&raw);
    an_text_free(&name);
    return made && an_index_add(&d->taken, an_hash_string(made), node);
}

/* ---- nodes --------------------------------------------------------------- */

/* An entry of the map of attributes. */
static void put_attribute(an_text *node, const char *key, int field, an_text *value)
{
    an_text attribute = {0}, entry = {0};
    an_wire_put(&attribute, field, value);
    an_wire_string(&entry, 1, key);
    an_wire_put(&entry, 2, &attribute);
    an_wire_put(node, ATTR, &entry);
}

static void put_words(an_text *node, const char *key, const char *words)
{
    an_text clean = {0};
    an_utf8_add_clean(&clean, words, (int64_t)strlen(words));
    put_attribute(node, key, 2, &clean);
}

/* What the tab writes beside arrows. */
static void put_shapes(an_text *node, const an_graph *g, const an_node *n)
{
    an_text list = {0};
    for (int k = 0; k < n->outputs; k++) {
        const an_shape *its = &an_slot_type(g, n->first + (uint32_t)k)->shape;
        an_text shape = {0};
        for (int i = 0; i < its->rank; i++) {
            an_text dim = {0};
            an_wire_integer(&dim, 1, its->dim[i] < 0 ? -1 : its->dim[i]);
            an_wire_put(&shape, 2, &dim);
        }
        an_wire_put(&list, 7, &shape);
    }
    put_attribute(node, "_output_shapes", 1, &list);
}

static void put_input(an_text *node, const drawing *d, uint32_t value)
{
    const an_slot *slot = &d->g->slots[value];
    an_text input = {0};
    an_text_add(&input, d->name[slot->node]);
    /* A colon in the name would else pass for the output's. */
    if (slot->index > 0 || strchr(d->name[slot->node], ':'))
        an_text_addf(&input, ":%d", slot->index);
    an_wire_put(node, INPUT, &input);
}

static void put_node(an_text *graph, const drawing *d, uint32_t number)
{
    const an_graph *g = d->g;
    const an_node *n = &g->nodes[number];
    an_text node = {0}, type = {0}, at = {0};
    an_wire_string(&node, NAME, d->name[number]);
    an_wire_string(&node, OP, n->op->name);
    for (int i = 0; i < n->inputs; i++)
        if (n->in[i]) put_input(&node, d, n->in[i]);
    an_wire_string(&node, DEVICE, an_phase_name(d->phase[number]));
    for (int k = 0; k < n->outputs; k++) {
        if (k > 0) an_text_add(&type, ", ");
        an_type_print(g->dims, an_slot_type(g, n->first + (uint32_t)k), &type);
    }
    put_words(&node, "type", an_text_view(&type));
    put_shapes(&node, g, n);
    if (n->at.file && n->at.line > 0) {
        an_text_addf(&at, "%s:%d", n->at.file, n->at.line);
        put_words(&node, "at", an_text_view(&at));
    }
    if (type.failed || at.failed) an_text_takes(&node, an_lost);
    an_text_free(&type);
    an_text_free(&at);
    an_wire_put(graph, NODE, &node);
}

void an_events_draw(an_text *graph, const an_graph *g)
{
    drawing d = {.g = g};
    const int64_t room = g->node_count + 1;
    d.name = an_arena_alloc(&d.arena, room * (int64_t)sizeof *d.name);
    d.phase = an_arena_alloc(&d.arena, room);
    bool good = d.name && d.phase && an_graph_phases(g, d.phase);
    for (int64_t i = 1; good && i < room; i++) good = name_node(&d, (uint32_t)i);
    for (int64_t i = 1; good && i < room; i++) put_node(graph, &d, (uint32_t)i);
    if (!good) an_text_takes(graph, an_lost);
    an_text version = {0};
    an_wire_integer(&version, 1, 22); /* GraphDefs of TensorFlow 1.0 and later */
    an_wire_put(graph, VERSIONS, &version);
    an_index_free(&d.taken);
    an_arena_free(&d.arena);
}
