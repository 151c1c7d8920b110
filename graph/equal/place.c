/* place.c -- where a value is, in the words that every report uses. */
#include "graph/equal/place.h"

#include <stdio.h>

void an_place_print(const an_graph *g, const an_node *n, uint32_t value, an_text *out)
{
    an_node_print(g, n, out);
    if (value && n->outputs > 1) {
        char name[32];
        an_op_output_name(n->op, g->slots[value].index, name, sizeof name);
        an_text_addf(out, ".%s", name);
    }
    an_text_addf(out, " (%s)", an_op(n->op)->name);
}

void an_place_set(an_place *place, const an_graph *g, uint32_t node, uint32_t value)
{
    const an_node *n = &g->nodes[node];
    an_text text = {0};
    an_place_print(g, n, value, &text);
    snprintf(place->name, sizeof place->name, "%s", an_text_view(&text));
    an_text_free(&text);
    place->file[0] = 0;
    if (n->at.file && n->at.line > 0)
        snprintf(place->file, sizeof place->file, "%s:%d", n->at.file, n->at.line);
    place->op = an_op(n->op)->name;
    place->node = node;
    place->ordinal = n->ordinal;
}

void an_place_describe(const an_place *place, char *out, int64_t size)
{
    snprintf(out, (size_t)size, "%s%s%s", place->name, place->file[0] ? " at " : "", place->file);
}
