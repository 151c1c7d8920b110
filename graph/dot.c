/* dot.c -- a view of a graph written as Graphviz source.
 *
 * Boxes and arrows are declared flat, then boxes are listed in clusters: readers of
 * DOT lose the attributes of nodes that are declared inside. Gradients are written
 * as reversed arrows (dir=back), so that the backward phase climbs beside the
 * forward phase; written the natural way, layouts of a thousand nodes take minutes.  */
#include "graph/dot.h"

#include <limits.h>
#include <string.h>

#define LABELLED_EDGES 500 /* above, types stand in tooltips only: labels cost layout time */

typedef struct writer {
    const an_view *v;
    const an_dot_args *args;
    an_text *out;
} writer;

/* ---- head -------------------------------------------------------------- */

static void write_counts(const writer *w)
{
    const an_graph *g = w->v->g;
    an_text_addf(w->out, "<FONT POINT-SIZE=\"10\" COLOR=\"#5f6368\">%lld nodes &#183; "
                         "%lld parameters", (long long)g->node_count,
                 (long long)an_graph_parameters(g));
    const long long fused = an_graph_count(g, "add_norm");
    const long long back = an_graph_count(g, "add_norm_grad");
    if (fused) an_text_addf(w->out, " &#183; %lld fused Add &amp; Norm", fused);
    if (back) an_text_addf(w->out, ", %lld fused backward", back);
    an_text_add(w->out, "</FONT>");
}

static void write_notes(const writer *w)
{
    const an_view *v = w->v;
    if (v->depth != INT_MAX) {
        an_text_add(w->out, "<BR/><FONT POINT-SIZE=\"10\" COLOR=\"#b06000\">scopes ");
        if (v->depth > 0) an_text_addf(w->out, "deeper than level %d ", v->depth);
        an_text_addf(w->out, "are drawn as one box each%s</FONT>",
                     v->automatic ? ", for there are too many nodes to read" : "");
    }
    if (v->focused >= 0) {
        an_text_add(w->out, "<BR/><FONT POINT-SIZE=\"10\" COLOR=\"#b06000\">");
        if (v->focused == 0) an_text_add(w->out, "nothing is called ");
        else an_text_addf(w->out, "%lld nodes around ", (long long)v->shown);
        an_dot_add_html(w->out, w->args->focus, (int64_t)strlen(w->args->focus));
        an_text_add(w->out, "</FONT>");
    }
    if (v->edge_count > LABELLED_EDGES)
        an_text_add(w->out, "<BR/><FONT POINT-SIZE=\"10\" COLOR=\"#b06000\">types of values are in "
                            "the tooltips</FONT>");
}

static void write_head(const writer *w)
{
    const char *title = w->args->title ? w->args->title : w->v->g->name;
    /* Limits on the layout's iterations; with these 5000 nodes take 4 s instead of 55. */
    const bool large = w->v->edge_count > LABELLED_EDGES;
    an_text_addf(w->out, "digraph addnorm {\n  graph [%s, ",
                 large ? "nslimit=0.5, nslimit1=0.5, mclimit=0.5" : "nslimit=2, nslimit1=2");
    an_text_add(w->out,
                "rankdir=TB, nodesep=0.3, ranksep=0.35, pad=0.3,\n"
                "         labelloc=t, fontname=\"Helvetica\", fontsize=11,\n"
                "         label=<<FONT POINT-SIZE=\"18\"><B>");
    an_dot_add_html(w->out, title[0] ? title : "graph", title[0] ? (int64_t)strlen(title) : 5);
    an_text_add(w->out, "</B></FONT><BR/>");
    write_counts(w);
    write_notes(w);
    an_text_add(w->out,
                ">];\n"
                "  node [shape=box, style=\"rounded,filled\", fontname=\"Helvetica\", fontsize=11, "
                "margin=\"0.12,0.06\", height=0.3];\n"
                "  edge [fontname=\"Helvetica\", fontsize=8, fontcolor=\"#5f6368\", "
                "color=\"#3c4043\", arrowsize=0.6];\n");
}

/* ---- boxes ------------------------------------------------------------- */

static void write_unit(const writer *w, uint32_t id)
{
    const an_unit *u = &w->v->units[id];
    const an_paint paint = an_dot_paint(w->v, u, w->args);
    an_text_addf(w->out, "  n%u [fillcolor=\"%s\", color=\"%s\"", id, paint.fill, paint.line);
    if (u->kind == AN_UNIT_GHOST) {
        an_text_add(w->out, ", style=\"rounded,dashed\", fontcolor=\"#d93025\"");
    } else {
        const an_node *n = &w->v->g->nodes[u->first];
        const an_category category = an_op(n->op)->category;
        if (n->op == AN_OP_input && !w->v->before) an_text_add(w->out, ", fontcolor=white");
        if (n->op == AN_OP_state) an_text_add(w->out, ", shape=cylinder, style=filled");
        if (u->kind == AN_UNIT_SCOPE) an_text_add(w->out, ", shape=tab, style=filled");
        else if (category == AN_CATEGORY_FUSED) an_text_add(w->out, ", penwidth=2.5");
    }
    an_text_add(w->out, ", label=<");
    an_dot_label(w->v, id, w->out);
    an_text_add(w->out, ">, tooltip=\"");
    an_dot_tooltip(w->v, id, w->out);
    an_text_add(w->out, "\"];\n");
}

static void write_outputs(const writer *w)
{
    const an_graph *g = w->v->g;
    for (int64_t i = 0; i < g->output_count; i++) {
        const uint32_t unit = w->v->unit_of[g->slots[g->outputs[i].value].node];
        if (!unit) continue;
        const bool backward = w->v->units[unit].phase == AN_PHASE_BACKWARD;
        const long long k = i + 1;
        an_text_addf(w->out, "  out%lld [fillcolor=\"#1e6b45\", color=\"#114a2e\", "
                             "fontcolor=white, label=<<B>", k);
        const char *name = g->outputs[i].name;
        an_dot_add_html(w->out, name[0] ? name : "?", name[0] ? (int64_t)strlen(name) : 1);
        an_text_add(w->out, "</B><BR/><FONT POINT-SIZE=\"9\">output ");
        an_type_print(g->dims, an_slot_type(g, g->outputs[i].value), w->out);
        an_text_add(w->out, "</FONT>>];\n");
        if (backward) an_text_addf(w->out, "  out%lld -> n%u [dir=back];\n", k, unit);
        else an_text_addf(w->out, "  n%u -> out%lld;\n", unit, k);
    }
}

/* ---- arrows ------------------------------------------------------------ */

static void write_edge(const writer *w, const an_edge *e)
{
    const an_view *v = w->v;
    const an_phase from = v->units[e->from].phase, to = v->units[e->to].phase;
    const bool back = from == AN_PHASE_BACKWARD && to == AN_PHASE_BACKWARD;
    const int32_t rows = back ? v->row[e->from] - v->row[e->to] : v->row[e->to] - v->row[e->from];
    an_text_addf(w->out, "  n%u -> n%u [", back ? e->to : e->from, back ? e->from : e->to);
    if (back) an_text_add(w->out, "dir=back, ");
    if (e->kind == AN_EDGE_GONE) {
        an_text_add(w->out, "style=dashed, color=\"#d93025\"];\n");
        return;
    }
    if (e->kind == AN_EDGE_COMMIT) {
        an_text_add(w->out, "style=dotted, color=\"#b3a3e6\", constraint=false];\n");
        return;
    }
    if (from == AN_PHASE_UPDATE || rows < 0) an_text_add(w->out, "constraint=false, ");
    else if (rows != 1) an_text_addf(w->out, "minlen=%d, ", rows);
    if (e->kind == AN_EDGE_SAVED) an_text_add(w->out, "style=dashed, color=\"#b0b5ba\", ");
    else if (back) an_text_add(w->out, "color=\"#c96f2b\", weight=2, ");
    else if (to == AN_PHASE_UPDATE) an_text_add(w->out, "color=\"#7558c8\", ");
    else an_text_add(w->out, "weight=4, ");
    an_text_add(w->out, v->edge_count > LABELLED_EDGES ? "edgetooltip=\"" : "label=\"");
    an_dot_edge_label(v, e, w->out);
    an_text_add(w->out, "\"];\n");
}

/* Keeps the updates in one column, each on the row of its gradient. */
static void write_column(const writer *w)
{
    const an_view *v = w->v;
    for (uint32_t u = 1; (int64_t)u <= v->unit_count; u++)
        if (v->below[u])
            an_text_addf(w->out, "  n%u -> n%u [style=invis, weight=8, minlen=%d];\n", u,
                         v->below[u], v->row[v->below[u]] - v->row[u]);
}

/* ---- clusters ---------------------------------------------------------- */

static void open_cluster(const writer *w, uint32_t box)
{
    static const char *const phase_name[AN_PHASES] = {"forward", "backward", "update"};
    static const char *const tint[AN_PHASES] = {"#f5f9ff", "#fff8f2", "#f9f7ff"};
    static const char *const line[AN_PHASES] = {"#a8c3ea", "#eabf9e", "#c4b5ec"};
    const an_box *b = &w->v->boxes[box];
    an_text_addf(w->out, "  subgraph cluster_%u {\n    label=\"", box);
    if (b->parent) {
        const int from = w->v->boxes[b->parent].length;
        const int cut = from + (from > 0);
        an_dot_add_quoted(w->out, b->path + cut, b->length - cut);
    } else {
        an_text_add(w->out, phase_name[b->phase]);
    }
    an_text_addf(w->out, "\"; labeljust=l; style=\"rounded,filled\"; fillcolor=\"%s\"; "
                         "color=\"%s\"; fontsize=%d; fontcolor=\"#3c4043\"; margin=%d;\n",
                 b->parent ? "#00000008" : tint[b->phase], line[b->phase], b->parent ? 10 : 14,
                 b->parent ? 8 : 14);
}

static void list_units(const writer *w, const an_box *b)
{
    const an_view *v = w->v;
    for (uint32_t u = b->unit; u; u = v->units[u].next) {
        if (!v->units[u].ghosts) {
            an_text_addf(w->out, "    n%u;\n", u);
            continue;
        }
        an_text_addf(w->out, "    subgraph cluster_fused%u { label=\"fused\"; style=\"rounded\"; "
                             "color=\"#d35400\"; penwidth=2; fontsize=10; n%u;", u, u);
        for (uint32_t ghost = v->units[u].ghosts; ghost; ghost = v->units[ghost].next)
            an_text_addf(w->out, " n%u;", ghost);
        an_text_add(w->out, " }\n");
    }
}

static void enter(void *writer_, uint32_t box)
{
    const writer *w = writer_;
    if (an_view_is_cluster(w->v, box)) open_cluster(w, box);
    list_units(w, &w->v->boxes[box]);
}

static void leave(void *writer_, uint32_t box)
{
    const writer *w = writer_;
    if (an_view_is_cluster(w->v, box)) an_text_add(w->out, "  }\n");
}

/* ---- the call ---------------------------------------------------------- */

char *an_dot_with(const an_dot_args *args)
{
    if (!args || !args->graph) return NULL;
    an_text out = {0};
    an_view v = {0};
    writer w = {&v, args, &out};
    out.failed = !an_view_make(&v, args);
    if (!out.failed) {
        write_head(&w);
        for (uint32_t u = 1; (int64_t)u <= v.unit_count; u++) write_unit(&w, u);
        write_outputs(&w);
        for (int64_t e = 0; e < v.edge_count; e++) write_edge(&w, &v.edges[e]);
        write_column(&w);
        an_view_walk(&v, enter, leave, &w);
        if (!args->no_legend) an_dot_legend(&v, args, &out);
        an_text_add(&out, "}\n");
    }
    an_view_free(&v);
    return an_text_take(&out);
}
