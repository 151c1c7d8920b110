/* print.c -- the canonical text of a graph.
 *
 *   graph "name"
 *   dims B, T
 *   %3: f32[B,16], f32[B], f32[B] = layer_norm %1, _, %2 {axis=-1, eps=1e-05} as "post" in "enc"
 *   output "y" %3
 *   pending %4 <- %8 when %3
 *   update "adam" %2 <- %9.1
 *
 * One node per line, numbered from 1; `%3.1` is output 1, `_` an absent operand.
 * Behind a node: label, scope, ordinal if it is not the number, provenance (whose
 * numbers are ordinals) and, on request, the source location. Everything reads
 * back: print(parse(s)) == s for canonical s.                                */
#include "graph/text/lines.h"

#include "graph/ir.h"
#include "ops/set.h"

#include <string.h>

void an_line_value(const an_graph *g, uint32_t value, an_text *out)
{
    if (!value) {
        an_text_add(out, "_");
        return;
    }
    an_text_addf(out, "%%%u", g->slots[value].node);
    if (g->slots[value].index > 0) an_text_addf(out, ".%d", g->slots[value].index);
}

static void print_operands(const an_graph *g, const an_node *n, an_text *out)
{
    int shown = n->inputs;
    while (shown > 0 && n->in[shown - 1] == 0) shown--; /* absent at the end is left out */
    for (int i = 0; i < shown; i++) {
        an_text_add(out, i ? ", " : " ");
        an_line_value(g, n->in[i], out);
    }
}

static void print_from(const an_from *from, an_text *out)
{
    if (!from->how) return;
    an_text_addf(out, " from %s(", from->how);
    for (int i = 0; i < from->count; i++) an_text_addf(out, i ? ",%%%u" : "%%%u", from->of[i]);
    an_text_add(out, ")");
}

static void print_annotations(const an_node *n, uint32_t number, bool locations, an_text *out)
{
    const bool leaf = an_node_is_named(n);
    if (n->name[0] && !leaf) {
        an_text_add(out, " as ");
        an_text_add_quoted(out, n->name);
    }
    if (n->scope[0]) {
        an_text_add(out, " in ");
        an_text_add_quoted(out, n->scope);
    }
    if (n->ordinal != number) an_text_addf(out, " ordinal %u", n->ordinal);
    print_from(&n->from, out);
    if (locations && n->at.file && n->at.line > 0) {
        an_text_add(out, " at ");
        an_text_add_quoted(out, n->at.file);
        an_text_addf(out, ":%d", n->at.line);
    }
}

void an_line_node(const an_graph *g, uint32_t number, bool locations, an_text *out)
{
    const an_node *n = &g->nodes[number];
    an_text_addf(out, "%%%u: ", number);
    for (int k = 0; k < n->outputs; k++) {
        if (k > 0) an_text_add(out, ", ");
        an_type_print(g->dims, an_slot_type(g, n->first + (uint32_t)k), out);
    }
    an_text_addf(out, " = %s", n->op->name);
    if (an_node_is_named(n)) {
        an_text_add(out, " ");
        an_text_add_quoted(out, n->name);
    }
    print_operands(g, n, out);
    an_text attributes = {0};
    an_attrs_print(n->op, n->attrs, g->dims, &attributes);
    if (attributes.length > 0) {
        an_text_add(out, " {");
        an_text_add(out, an_text_view(&attributes));
        an_text_add(out, "}");
    }
    an_text_free(&attributes);
    print_annotations(n, number, locations, out);
    an_text_add(out, "\n");
}

/* "opaque NAME {alpha:f64}", a line each; not what another set of that graph hides. */
static void print_opaque(const an_graph *g, const an_ops *set, an_text *out)
{
    const an_op_info *op;
    for (int64_t i = 0; (op = an_ops_at(set, i)); i++) {
        if (!op->opaque || an_graph_op(g, op->name) != op) continue;
        an_text_addf(out, "opaque %s", op->name);
        if (op->own_count > 0) an_text_addf(out, " {%s}", op->attributes);
        an_text_add(out, "\n");
    }
}

static void print_head(const an_graph *g, an_text *out)
{
    an_text_add(out, "graph ");
    an_text_add_quoted(out, g->name);
    an_text_add(out, "\n");
    const int names = an_dims_names(g->dims);
    for (int i = 0; i < names; i++)
        an_text_addf(out, i ? ", %s" : "dims %s", an_dims_name_at(g->dims, i));
    if (names > 0) an_text_add(out, "\n");
    for (int64_t i = 0; i < g->ops_count; i++) print_opaque(g, g->ops[i], out);
}

void an_line_commit(const an_graph *g, const an_commit *c, an_text *out)
{
    if (c->set == AN_PENDING) {
        an_text_add(out, "pending ");
    } else {
        an_text_add(out, "update ");
        an_text_add_quoted(out, g->sets[c->set]);
        an_text_add(out, " ");
    }
    an_line_value(g, c->state, out);
    an_text_add(out, " <- ");
    an_line_value(g, c->value, out);
    if (c->set == AN_PENDING) {
        an_text_add(out, " when ");
        an_line_value(g, c->witness, out);
    }
    an_text_add(out, "\n");
}

void an_line_output(const an_graph *g, const char *name, uint32_t value, an_text *out)
{
    an_text_add(out, "output ");
    an_text_add_quoted(out, name);
    an_text_add(out, " ");
    an_line_value(g, value, out);
    an_text_add(out, "\n");
}

static void print_roots(const an_graph *g, an_text *out)
{
    for (int64_t i = 0; i < g->output_count; i++)
        an_line_output(g, g->outputs[i].name, g->outputs[i].value, out);
    for (int64_t i = 0; i < g->commit_count; i++) an_line_commit(g, &g->commits[i], out);
}

char *an_print_with(const an_print_args *args)
{
    if (!args || !args->graph) return NULL;
    an_text out = {0};
    print_head(args->graph, &out);
    for (uint32_t i = 1; (int64_t)i <= args->graph->node_count; i++)
        an_line_node(args->graph, i, args->locations, &out);
    print_roots(args->graph, &out);
    return an_text_take(&out);
}

void an_string_free(char *text)
{
    an_free(text);
}

bool an_text_is_same(const an_graph *a, const an_graph *b)
{
    char *one = an_print(a), *other = an_print(b);
    const bool same = one && other && !strcmp(one, other);
    an_string_free(one);
    an_string_free(other);
    return same;
}
