/* dot.c -- a view of a graph written as Graphviz source.
 *
 * Boxes and arrows are declared flat and plainly, for readers that skip what stands in braces and
 * know of labels "name: n1 type: add" (Netron); then boxes get their looks and are listed in
 * clusters. No string holds a quote, where such readers end it. Gradients are written
 * as reversed arrows (dir=back), so that the backward phase climbs beside the
 * forward phase; written the natural way, layouts of a thousand nodes take minutes.  */
#include "graph/picture/beside.h"
#include "graph/picture/style.h"

#include <limits.h>
#include <string.h>

typedef struct writer {
    const an_view *v;
    const an_dot_args *args;
    an_text *out;
    const char *prefix;    /* of identifiers, so that two graphs stand in one picture */
    const an_beside *side; /* what is known from comparing it with another; NULL: nothing */
    bool *said;            /* per value: an arrow names its type */
} writer;

/* ---- head -------------------------------------------------------------- */

static bool crowded(const writer *w)
{
    return w->side ? w->side->crowded : w->v->edge_count > AN_DOT_LABELLED;
}

static void write_counts(const writer *w)
{
    const an_graph *g = w->v->g;
    const long long parameters = an_graph_parameters(g);
    if (parameters < 0) an_text_takes(w->out, an_lost);
    an_text_addf(w->out, "<FONT POINT-SIZE=\"10\" COLOR=\"#5f6368\">%lld nodes &#183; "
                         "%lld parameters", (long long)g->node_count, parameters);
    const long long fused = an_graph_add_norms(g);
    const long long back = an_graph_add_norm_grads(g);
    if (fused) an_text_addf(w->out, " &#183; %lld fused Add &amp; Norm", fused);
    if (back) an_text_addf(w->out, ", %lld fused backward", back);
    an_text_add(w->out, "</FONT>");
}

#define NOTE "<BR/><FONT POINT-SIZE=\"10\" COLOR=\"#b06000\">"

/* What part of the graph it is, if not the whole. */
static void write_selection(const writer *w)
{
    const an_dot_args *a = w->args;
    const struct { const char *before, *name; } asked[] = {
        {" around ", a->focus}, {" of the phase ", a->phase}, {" in ", a->scope},
        {" from ", a->from}, {" to ", a->to},
    };
    bool any = false;
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        if (!asked[i].name || !asked[i].name[0]) continue;
        if (!any)
            an_text_addf(w->out, NOTE "%lld nodes", (long long)(w->v->shown - w->v->around));
        any = true;
        an_text_add(w->out, asked[i].before);
        an_dot_add_html(w->out, asked[i].name, (int64_t)strlen(asked[i].name));
    }
    if (any && w->v->around > 0) an_text_add(w->out, "; dashed: what they read, what reads them");
    if (any) an_text_add(w->out, "</FONT>");
}

static void write_notes(const writer *w)
{
    const an_view *v = w->v;
    const struct { bool holds; const char *says; } notes[] = {
        {v->repeated, "scopes that repeat are drawn once, with how often"},
        {v->simpler > 0, "drawn simpler than asked, for Graphviz gave up"},
        {crowded(w), "types of values are in the tooltips"},
    };
    if (v->depth != INT_MAX && !v->parts) {
        an_text_add(w->out, NOTE "scopes ");
        if (v->depth > 0) an_text_addf(w->out, "deeper than level %d ", v->depth);
        an_text_addf(w->out, "are drawn as one box each%s</FONT>",
                     v->automatic ? ", for there are too many to read" : "");
    }
    if (v->parts)
        an_text_add(w->out, NOTE "boxes that follow each other are drawn as one, for there are too "
                            "many to read</FONT>");
    write_selection(w);
    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++)
        if (notes[i].holds) an_text_addf(w->out, NOTE "%s</FONT>", notes[i].says);
}

void an_dot_open(bool crowded, an_direction direction, an_text *out)
{
    /* Limits on the layout's iterations; with these 5000 nodes take 4 s instead of 55. Graphviz
     * 2.43 swaps boxes until two clusters stand left of each other, and gives up: of 128 pictures
     * of encoders on 96 without mclimit, on 64 at 0.7, on none at 0.5. */
    const char *limit = crowded ? "0.5" : "2";
    an_text_addf(out, "digraph addnorm {\n  graph [nslimit=%s, nslimit1=%s, mclimit=0.5, ", limit,
                 limit);
    an_text_addf(out, "rankdir=%s, nodesep=0.3, ranksep=0.35, pad=0.3,\n"
                      "         labelloc=t, fontname=\"Helvetica\", fontsize=11,\n"
                      "         label=<", direction == AN_DIRECTION_RIGHT ? "LR" : "TB");
}

void an_dot_title(const char *title, an_text *out)
{
    an_text_add(out, "<FONT POINT-SIZE=\"18\"><B>");
    an_dot_add_html(out, title[0] ? title : "graph", title[0] ? (int64_t)strlen(title) : 5);
    an_text_add(out, "</B></FONT><BR/><FONT POINT-SIZE=\"4\"> </FONT><BR/>");
}

void an_dot_open_end(an_text *out)
{
    an_text_add(out,
                ">];\n"
                "  node [shape=box, style=\"rounded,filled\", fontname=\"Helvetica\", fontsize=11, "
                "margin=\"0.12,0.06\", height=0.3];\n"
                "  edge [fontname=\"Helvetica\", fontsize=9, fontcolor=\"#5f6368\", "
                "color=\"#3c4043\", arrowsize=0.6];\n");
}

static void write_head(const writer *w)
{
    an_dot_open(crowded(w), w->args->direction, w->out);
    an_dot_title(w->args->title ? w->args->title : w->v->g->name, w->out);
    write_counts(w);
    write_notes(w);
    an_dot_open_end(w->out);
}

/* ---- boxes ------------------------------------------------------------- */

static void write_unit(const writer *w, uint32_t id)
{
    const an_unit *u = &w->v->units[id];
    const an_paint paint = an_dot_paint(w->v, u, w->args);
    an_text_addf(w->out, "  %sn%u [fillcolor=\"%s\", color=\"%s\"", w->prefix, id, paint.fill,
                 paint.line);
    if (w->v->ids) an_view_id(w->v, w->prefix, id, w->out);
    if (u->kind == AN_UNIT_GHOST || u->gone) {
        an_text_addf(w->out, ", style=\"rounded,dashed,filled\", fontcolor=\"%s\"", paint.line);
    } else if (u->outside) {
        an_text_add(w->out, ", style=\"rounded,dashed,filled\", fontcolor=\"#5f6368\"");
    } else {
        const an_node *n = &w->v->g->nodes[u->first];
        const an_category category = n->op->category;
        const bool colours = !w->v->before && !w->side; /* of their own, not of a change */
        if (an_node_is_input(n) && colours && u->kind == AN_UNIT_NODE)
            an_text_add(w->out, ", fontcolor=white");
        if (an_node_is_state(n)) an_text_add(w->out, ", shape=cylinder, style=filled");
        if (u->kind == AN_UNIT_SCOPE) an_text_add(w->out, ", shape=tab, style=filled");
        else if (u->kind == AN_UNIT_PART) an_text_add(w->out, ", shape=box3d, style=filled");
        else if (category == AN_CATEGORY_FUSED) an_text_add(w->out, ", penwidth=2.5");
    }
    if (w->side && w->side->mark[id].alarm) an_text_add(w->out, AN_BESIDE_ALARM);
    const bool badge = w->side && w->side->mark[id].badge.length > 0;
    an_text_add(w->out, badge ? ", label=<" AN_BESIDE_TABLE "<TR><TD>" : ", label=<");
    an_dot_label(w->v, id, w->out);
    if (badge)
        an_text_addf(w->out, "</TD></TR>%s</TABLE>", an_text_view(&w->side->mark[id].badge));
    an_text_add(w->out, ">, tooltip=\"");
    an_dot_tooltip(w->v, id, w->out);
    an_text_add(w->out, "\"];\n");
}

/* The same as data: the type is the op, and attributes say the rest. */
static void write_plain(const writer *w, uint32_t id)
{
    const an_unit *u = &w->v->units[id];
    const an_graph *g = u->kind == AN_UNIT_GHOST ? w->v->before : w->v->g;
    const an_node *n = &g->nodes[u->first];
    const bool many = u->kind == AN_UNIT_SCOPE || u->kind == AN_UNIT_PART;
    an_text_addf(w->out, "  %sn%u [label=\"name: %sn%u type: %s\", ", w->prefix, id, w->prefix, id,
                 many ? "scope" : n->op->name);
    an_text data = {0};
    if (many || u->nodes > 1) an_text_addf(w->out, "nodes=%lld, ", (long long)u->nodes);
    else an_attrs_print(n->op, n->attrs, g->dims, &data);
    an_text_add(w->out, "attributes=\"");
    an_dot_add_quoted(w->out, an_text_view(&data), data.length);
    an_text_clear(&data);
    for (int k = 0; k < n->outputs && !many; k++) {
        an_text_add(&data, k ? ", " : "");
        an_type_print(g->dims, an_slot_type(g, n->first + (uint32_t)k), &data);
    }
    an_text_add(w->out, "\", type=\"");
    an_dot_add_quoted(w->out, an_text_view(&data), data.length);
    an_text_add(w->out, "\", name=\"");
    an_dot_add_quoted(w->out, n->name, (int64_t)strlen(n->name));
    an_text_add(w->out, "\", scope=\"");
    an_dot_add_quoted(w->out, n->scope, (int64_t)strlen(n->scope));
    an_text_add(w->out, "\"];\n");
    an_text_free(&data);
}

static void write_outputs(const writer *w)
{
    const an_graph *g = w->v->g;
    for (int64_t i = 0; i < g->output_count; i++) {
        const uint32_t unit = w->v->unit_of[g->slots[g->outputs[i].value].node];
        if (!w->v->outputs[i]) continue;
        const bool backward = w->v->units[unit].phase == AN_PHASE_BACKWARD;
        const long long k = i + 1;
        const char *p = w->prefix;
        an_text_addf(w->out, "  %sout%lld [label=\"name: %sout%lld type: output\"];\n  {\n", p, k,
                     p, k);
        an_text_addf(w->out, "  %sout%lld [fillcolor=\"#1e6b45\", color=\"#114a2e\", "
                             "fontcolor=white, label=<<B>", p, k);
        const char *name = g->outputs[i].name;
        const bool nameless = !name[0] || name[0] == '%'; /* a program's fetch of any value */
        an_dot_add_html(w->out, nameless ? "fetched" : name,
                        nameless ? 7 : (int64_t)strlen(name));
        an_text_add(w->out, "</B><BR/><FONT POINT-SIZE=\"3\"> </FONT><BR/>"
                            "<FONT POINT-SIZE=\"9\">");
        if (w->v->outputs[i] > 1) {
            an_text_addf(w->out, "and %lld more outputs", (long long)w->v->outputs[i] - 1);
        } else {
            an_text_add(w->out, "output ");
            an_type_print(g->dims, an_slot_type(g, g->outputs[i].value), w->out);
        }
        an_text_add(w->out, "</FONT>>];\n  }\n");
        if (backward) an_text_addf(w->out, "  %sout%lld -> %sn%u [dir=back", p, k, p, unit);
        else an_text_addf(w->out, "  %sn%u -> %sout%lld", p, unit, p, k);
        if (w->side) {
            an_text_add(w->out, backward ? ", " : " [");
            an_beside_arrow(&w->side->ink[g->outputs[i].value], true, w->out);
        }
        an_text_add(w->out, backward || w->side ? "];\n" : ";\n");
    }
}

/* ---- arrows ------------------------------------------------------------ */

/* The colour of an arrow by what it is for; "" is the default. */
static const char *edge_color(const writer *w, const an_edge *e)
{
    if (e->kind == AN_EDGE_COMMIT) return "#8d76d6";
    if (e->kind == AN_EDGE_GONE) return "#d93025";
    if (e->kind == AN_EDGE_SAVED) return "#b0b5ba";
    if (w->v->units[e->to].phase == AN_PHASE_UPDATE) return "#7558c8";
    return w->v->units[e->from].phase == AN_PHASE_BACKWARD ? "#c96f2b" : "";
}

static void write_paint(const writer *w, const an_edge *e)
{
    const char *color = edge_color(w, e);
    if (e->kind == AN_EDGE_SAVED) an_text_add(w->out, "style=dashed, ");
    if (e->stream && e->kind == AN_EDGE_DATA)
        an_text_add(w->out, "class=stream, penwidth=2.6, arrowsize=0.7, ");
    if (e->kind == AN_EDGE_COMMIT || e->kind == AN_EDGE_GONE)
        an_text_addf(w->out, "style=%s, ", e->kind == AN_EDGE_COMMIT ? "dotted" : "dashed");
    if (w->side) {
        const an_ink ink = an_beside_ink(w->v, w->side, e);
        const bool updates = w->v->units[e->to].phase == AN_PHASE_UPDATE &&
                             w->v->units[e->from].phase != AN_PHASE_UPDATE;
        an_beside_arrow(&ink, (updates || e->kind == AN_EDGE_COMMIT) && !crowded(w), w->out);
    } else if (color[0]) {
        an_text_addf(w->out, "color=\"%s\"%s", color, e->kind == AN_EDGE_GONE ? "" : ", ");
    }
}

static void write_edge(const writer *w, const an_edge *e)
{
    const an_view *v = w->v;
    const an_phase from = v->units[e->from].phase, to = v->units[e->to].phase;
    const bool back = from == AN_PHASE_BACKWARD && to == AN_PHASE_BACKWARD;
    const int32_t rows = back ? v->row[e->from] - v->row[e->to] : v->row[e->to] - v->row[e->from];
    an_text_addf(w->out, "  %sn%u -> %sn%u [", w->prefix, back ? e->to : e->from, w->prefix,
                 back ? e->from : e->to);
    if (back) an_text_add(w->out, "dir=back, ");
    const bool value = e->kind == AN_EDGE_DATA || e->kind == AN_EDGE_SAVED;
    if (value && (from == AN_PHASE_UPDATE || rows < 0)) an_text_add(w->out, "constraint=false, ");
    else if (value && rows != 1 && v->laddered) an_text_addf(w->out, "minlen=%d, ", rows);
    write_paint(w, e);
    if (!value) {
        an_text_add(w->out, e->kind == AN_EDGE_COMMIT ? "constraint=false];\n" : "];\n");
        return;
    }
    if (e->kind == AN_EDGE_DATA && to != AN_PHASE_UPDATE)
        an_text_add(w->out, back ? "weight=2, " : "weight=4, ");
    /* Two graphs are wide enough without the types of what crosses from phase to phase. */
    const bool quiet = crowded(w) || (w->side && from != to);
    an_text label = {0};
    an_dot_edge_label(v, e, quiet ? NULL : w->said, &label);
    if (w->side) {
        const an_ink ink = an_beside_ink(v, w->side, e);
        an_beside_say(&ink, label.length > 0 ? "\\n " : " ", &label);
    }
    an_text_addf(w->out, "%s=\"%s\"];\n", quiet ? "edgetooltip" : "label", an_text_view(&label));
    an_text_free(&label);
}

/* Keeps the updates in one column, each on the row of its gradient. */
static void write_column(const writer *w)
{
    const an_view *v = w->v;
    for (uint32_t u = 1; (int64_t)u <= v->unit_count; u++)
        if (v->below[u])
            an_text_addf(w->out, "  %sn%u -> %sn%u [style=invis, weight=8, minlen=%d];\n",
                         w->prefix, u, w->prefix, v->below[u], v->row[v->below[u]] - v->row[u]);
}

/* ---- clusters ---------------------------------------------------------- */

static void open_cluster(const writer *w, uint32_t box)
{
    static const char *const tint[AN_PHASES] = {"#f5f9ff", "#fff8f2", "#f9f7ff"};
    static const char *const line[AN_PHASES] = {"#a8c3ea", "#eabf9e", "#c4b5ec"};
    const an_box *b = &w->v->boxes[box];
    an_text_addf(w->out, "  subgraph cluster_%s%u {\n    label=\"", w->prefix, box);
    if (b->parent) {
        const int from = w->v->boxes[b->parent].length;
        const int cut = from + (from > 0);
        an_dot_add_quoted(w->out, b->path + cut, b->length - cut);
        if (b->times) an_text_addf(w->out, " \303\227 %u", b->times);
    } else {
        an_text_add(w->out, an_phase_name(b->phase));
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
        if (!v->units[u].ghosts || w->side) {
            an_text_addf(w->out, "    %sn%u;\n", w->prefix, u);
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

static void write_clusters(writer *w)
{
    an_view_walk(w->v, enter, leave, w);
}

/* ---- the calls --------------------------------------------------------- */

static void write_flat(const writer *w)
{
    const bool ghosts = !w->side;
    for (uint32_t u = 1; (int64_t)u <= w->v->unit_count; u++)
        if (ghosts || w->v->units[u].kind != AN_UNIT_GHOST) write_plain(w, u);
    an_text_add(w->out, "  {\n");
    for (uint32_t u = 1; (int64_t)u <= w->v->unit_count; u++)
        if (ghosts || w->v->units[u].kind != AN_UNIT_GHOST) write_unit(w, u);
    an_text_add(w->out, "  }\n");
    write_outputs(w);
    writer telling = *w;
    telling.said = an_alloc_zeroed(w->v->g->slot_count + 1);
    if (!telling.said) w->out->failed = true;
    for (int64_t e = 0; e < w->v->edge_count; e++) write_edge(&telling, &w->v->edges[e]);
    an_free(telling.said);
    write_column(w);
}

void an_dot_side(const an_view *v, const an_dot_args *args, const an_beside *side, an_text *out)
{
    writer w = {v, args, out, side->prefix, side, NULL};
    write_flat(&w);
    an_text_addf(out, "  subgraph cluster_%s {\n    label=<<FONT POINT-SIZE=\"16\"><B>%s</B></FONT>"
                      "<BR/>", side->prefix, side->title);
    write_counts(&w);
    write_notes(&w);
    an_text_add(out, ">; style=\"rounded,filled\"; fillcolor=white; color=\"#9aa0a6\"; "
                     "margin=16;\n");
    write_clusters(&w);
    for (long long i = 1; i <= v->g->output_count; i++)
        if (v->outputs[i - 1])
            an_text_addf(out, "    %sout%lld;\n", side->prefix, i);
    an_text_add(out, "  }\n");
}

char *an_dot_sketch(const void *arguments, an_sketch *sketch)
{
    const an_dot_args *args = arguments;
    if (!args || !args->graph || an_view_check(args) != AN_OK) return NULL;
    an_text out = {0};
    an_view v = {.simpler = sketch->simpler, .closed = sketch->closed, .ids = sketch->ids,
                 .reversed = sketch->order == AN_ORDER_REVERSED};
    writer w = {&v, args, &out, "", NULL, NULL};
    out.failed = !an_view_make(&v, args);
    sketch->closes = v.closes;
    sketch->paged = args->depth == 0 && !args->whole;
    sketch->lanes = args->direction == AN_DIRECTION_DOWN && v.edge_count <= AN_DOT_LABELLED;
    if (!out.failed) {
        write_head(&w);
        write_flat(&w);
        write_clusters(&w);
        an_dot_lead(&v, "", sketch->order, &out);
        if (!args->no_legend) an_dot_legend(&v, args, &out);
        an_text_add(&out, "}\n");
    }
    an_view_free(&v);
    return an_text_take(&out);
}

char *an_dot_with(const an_dot_args *args)
{
    an_sketch sketch = {0};
    return an_dot_sketch(args, &sketch);
}
