/* place.c -- where a value is, in the words that every report uses. */
#include "graph/equal/proof/place.h"

#include <stdio.h>

void an_place_print(const an_graph *g, const an_node *n, uint32_t value, an_text *out)
{
    an_node_print(n, out);
    if (value && n->outputs > 1) {
        char name[32];
        an_op_output_name(n->op, g->slots[value].index, name, sizeof name);
        an_text_addf(out, ".%s", name);
    }
    an_text_addf(out, " (%s)", n->op->name);
}

bool an_place_set(an_place *place, an_arena *arena, const an_graph *g, uint32_t node,
                  uint32_t value)
{
    const an_node *n = &g->nodes[node];
    const bool known = n->at.file && n->at.line > 0;
    an_text text = {0};
    an_place_print(g, n, value, &text);
    const char *name = an_arena_string(arena, an_text_view(&text));
    const char *file = known ? an_arena_printf(arena, "%s:%d", n->at.file, n->at.line) : "";
    *place = (an_place){.name = an_kept(name), .file = an_kept(file), .op = n->op->name,
                        .node = node, .ordinal = n->ordinal};
    an_text_free(&text);
    return name && file;
}

void an_place_describe(const an_place *place, char *out, int64_t size)
{
    snprintf(out, (size_t)size, "%s%s%s", place->name, place->file[0] ? " at " : "", place->file);
}

void an_place_words(const an_graph *g, uint32_t node, uint32_t value, char *out, int64_t size)
{
    an_place place = {0};
    an_arena arena = {0};
    if (an_place_set(&place, &arena, g, node, value)) an_place_describe(&place, out, size);
    else snprintf(out, (size_t)size, "%s", an_lost);
    an_arena_free(&arena);
}
