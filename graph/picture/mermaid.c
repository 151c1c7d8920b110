/* mermaid.c -- a view of a graph written as a Mermaid flowchart.
 *
 * Mermaid lays out by itself, in a browser: boxes, scopes and types are given,
 * rows are not. Gradients run down, for it knows no reversed arrows.         */
#include "graph/picture/style.h"

#include <string.h>

typedef struct chart {
    const an_view *v;
    an_text *out;
} chart;

static void add(an_text *out, const char *text)
{
    an_mermaid_add(out, text, (int64_t)strlen(text));
}

static void add_type(const chart *c, uint32_t value)
{
    an_text type = {0};
    an_type_print(c->v->g->dims, an_slot_type(c->v->g, value), &type);
    add(c->out, an_text_view(&type));
    an_text_free(&type);
}

static void add_title(const chart *c, const an_unit *u, const an_node *n)
{
    const bool leaf = an_node_is_named(n);
    int length;
    const char *scope = an_view_scope(c->v->g, n, &length);
    if (u->kind == AN_UNIT_SCOPE) an_mermaid_add(c->out, scope, length);
    else if (u->kind == AN_UNIT_PART) an_text_addf(c->out, "from #37;%u", n->ordinal);
    else add(c->out, n->op->rules->title ? n->op->rules->title : n->op->name);
    if (u->nodes > 1) an_text_addf(c->out, "<br/>%lld nodes", (long long)u->nodes);
    if (u->nodes > 1 || !n->name[0]) return;
    an_text_add(c->out, "<br/>");
    add(c->out, n->name);
    if (!leaf) return;
    an_text_add(c->out, " ");
    add_type(c, n->first);
}

static void write_unit(const chart *c, uint32_t id)
{
    const an_unit *u = &c->v->units[id];
    const an_node *n = &c->v->g->nodes[u->first];
    an_text_addf(c->out, "    n%u[\"", id);
    add_title(c, u, n);
    for (int k = 0; u->nodes == 1 && k < n->inputs; k++) {
        const uint32_t p = n->in[k] ? c->v->g->slots[n->in[k]].node : 0;
        const an_node *leaf = &c->v->g->nodes[p];
        if (!p || !c->v->folded[p] || !an_node_is_state(leaf) ||
            c->v->phase[p] != u->phase)
            continue;
        an_text_add(c->out, "<br/>");
        add(c->out, leaf->name);
        an_text_add(c->out, " ");
        add_type(c, n->in[k]);
    }
    an_text_add(c->out, "\"]\n");
    const bool fused = n->op->category == AN_CATEGORY_FUSED;
    if (fused)
        an_text_addf(c->out, "    style n%u fill:#ffc15c,stroke:#d35400,stroke-width:3px\n", id);
}

static void enter(void *context, uint32_t box)
{
    const chart *c = context;
    const an_box *b = &c->v->boxes[box];
    if (an_view_is_cluster(c->v, box)) {
        an_text_addf(c->out, "  subgraph s%u[\"", box);
        const int from = b->parent ? c->v->boxes[b->parent].length : 0, cut = from + (from > 0);
        if (!b->parent) an_text_add(c->out, an_phase_name(b->phase));
        else if (b->length > cut) an_mermaid_add(c->out, b->path + cut, b->length - cut);
        else an_text_add(c->out, "scope");
        if (b->times) an_text_addf(c->out, " \303\227 %u", b->times);
        an_text_add(c->out, "\"]\n");
    }
    for (uint32_t u = b->unit; u; u = c->v->units[u].next) write_unit(c, u);
}

static void leave(void *context, uint32_t box)
{
    const chart *c = context;
    if (an_view_is_cluster(c->v, box)) an_text_add(c->out, "  end\n");
}

static void write_edge(const chart *c, const an_edge *e)
{
    if (e->kind == AN_EDGE_COMMIT) {
        an_text_addf(c->out, "  n%u -.-> n%u\n", e->from, e->to);
        return;
    }
    an_text_addf(c->out, "  n%u %s|\"", e->from, e->kind == AN_EDGE_SAVED ? "-.->" : "-->");
    for (int i = 0; i < e->values && i < AN_EDGE_VALUES; i++) {
        if (i > 0) an_text_add(c->out, "<br/>");
        add_type(c, e->value[i]);
    }
    an_text_addf(c->out, "\"| n%u\n", e->to);
}

char *an_mermaid_with(const an_dot_args *args)
{
    if (!args || !args->graph || an_view_check(args) != AN_OK) return NULL;
    an_dot_args plain = *args;
    plain.diff = NULL;
    an_text out = {0};
    an_view v = {0};
    chart c = {&v, &out};
    out.failed = !an_view_make(&v, &plain);
    if (!out.failed) {
        an_text_add(&out, "flowchart TB\n");
        an_view_walk(&v, enter, leave, &c);
        for (int64_t e = 0; e < v.edge_count; e++) write_edge(&c, &v.edges[e]);
        for (int64_t i = 0; i < v.g->output_count; i++) {
            const uint32_t unit = v.unit_of[v.g->slots[v.g->outputs[i].value].node];
            if (!v.outputs[i]) continue;
            an_text_addf(&out, "  out%lld([\"", (long long)i + 1);
            add(&out, v.g->outputs[i].name);
            if (v.outputs[i] > 1)
                an_text_addf(&out, "<br/>and %lld more outputs", (long long)v.outputs[i] - 1);
            an_text_addf(&out, "\"])\n  n%u --> out%lld\n", unit, (long long)i + 1);
        }
    }
    an_view_free(&v);
    return an_text_take(&out);
}
