/* style.c -- bytes made safe for a context, colours, the legend.
 *
 * Nothing that a user named reaches a picture but through add_escaped. What it
 * cannot show (bytes that are no UTF-8, control characters, which XML forbids)
 * becomes U+FFFD; what is too long to read ends in an ellipsis.              */
#include "graph/picture/style.h"

#include <string.h>

/* ---- escaping ---------------------------------------------------------- */

typedef enum context { QUOTED, TOOLTIP, HTML, MERMAID } context;

/* What stands for an ASCII character in a context; NULL: itself. Both kinds of DOT
 * label read backslash escapes and entities; tooltips read the former twice, and a text in HTML
 * may not begin with ]. */
static const char *escape(char c, context where)
{
    static const struct { char c; const char *as[4]; } table[] = {
        {'"', {"&quot;", "&quot;", "&quot;", "#quot;"}}, {'\\', {"\\\\", "\\\\\\\\", "\\\\", NULL}},
        {'&', {"&amp;", "&amp;", "&amp;", "#amp;"}}, {'<', {NULL, NULL, "&lt;", "#lt;"}},
        {'>', {NULL, NULL, "&gt;", "#gt;"}},         {'\n', {"\\n", "\\n", "<BR/>", "<br/>"}},
        {'\t', {" ", " ", " ", " "}},                {'#', {NULL, NULL, NULL, "#35;"}},
        {'`', {NULL, NULL, NULL, "#96;"}},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].c == c) return table[i].as[where];
    return NULL;
}

static void add_escaped(an_text *out, const char *text, int64_t length, int limit, context where)
{
    if (text == an_lost) an_text_takes(out, text);
    for (int64_t i = 0, shown = 0; i < length; shown++) {
        if (shown == limit) {
            an_text_add(out, "\xe2\x80\xa6");
            return;
        }
        const bool begins = i == 0 || text[i - 1] == '\n';
        const char *instead = where == HTML && begins && text[i] == ']' ? "&#93;"
                                                                     : escape(text[i], where);
        int bytes;
        const bool good = an_xml_character(text + i, length - i, &bytes);
        if (instead) an_text_add(out, instead);
        else if (good) an_text_add_bytes(out, text + i, bytes);
        else an_text_add(out, "\xef\xbf\xbd");
        i += bytes;
    }
}

void an_dot_add_quoted(an_text *out, const char *text, int64_t length)
{
    add_escaped(out, text, length, 2000, QUOTED);
}

void an_dot_add_tooltip(an_text *out, const char *text, int64_t length)
{
    add_escaped(out, text, length, 2000, TOOLTIP);
}

void an_dot_add_html(an_text *out, const char *text, int64_t length)
{
    add_escaped(out, text, length, 64, HTML);
}

void an_dot_add_wrapped(an_text *out, const char *text, int width, int lines)
{
    if (!an_text_takes(out, text)) return;
    for (const char *p = text; *p && lines > 0; lines--) {
        size_t cut = strlen(p);
        if (cut > (size_t)width) {
            size_t blank = (size_t)width;
            while (blank > 0 && p[blank] != ' ') blank--;
            cut = blank > 0 ? blank : strcspn(p, " ");
        }
        if (p != text) an_text_add(out, "<BR/>");
        add_escaped(out, p, (int64_t)cut, width + 24, HTML);
        p += cut;
        p += strspn(p, " ");
        if (*p && lines == 1) an_text_add(out, " \xe2\x80\xa6");
    }
}

void an_mermaid_add(an_text *out, const char *text, int64_t length)
{
    add_escaped(out, text, length, 64, MERMAID);
}

/* ---- colours ----------------------------------------------------------- */

static const an_paint category_paint[AN_CATEGORIES] = {
    [AN_CATEGORY_LEAF] = {"#f1f3f4", "#80868b"},
    [AN_CATEGORY_ELEMENTWISE] = {"#e8f0fe", "#7da7f2"},
    [AN_CATEGORY_SELECT] = {"#e4f7fb", "#4fb6cc"},
    [AN_CATEGORY_REDUCE] = {"#d9f2ee", "#2ba391"},
    [AN_CATEGORY_MOVEMENT] = {"#f6f6f6", "#a8adb3"},
    [AN_CATEGORY_GATHER] = {"#e3f1e5", "#58a868"},
    [AN_CATEGORY_MATMUL] = {"#cfe0ff", "#2f6fde"},
    [AN_CATEGORY_SOFTMAX] = {"#f1e3fc", "#a867dd"},
    [AN_CATEGORY_NORM] = {"#fff1c9", "#dba000"},
    [AN_CATEGORY_FUSED] = {"#ffc15c", "#d35400"},
    [AN_CATEGORY_RECURRENT] = {"#dcefc4", "#6b9a1f"},
    [AN_CATEGORY_RANDOM] = {"#f3ebe5", "#a07f66"},
    [AN_CATEGORY_LOSS] = {"#fddbe4", "#d84a76"},
    [AN_CATEGORY_OPTIMIZER] = {"#e6e0f8", "#7558c8"},
    [AN_CATEGORY_OUTSIDE] = {"#e9ecef", "#495057"},
};
static const an_paint phase_paint[AN_PHASES] = {
    {"#d8e7fb", "#3b78c9"}, {"#fbe3d3", "#c96f2b"}, {"#e6e0f8", "#7558c8"}};
static const an_paint input_paint = {"#263f5c", "#16283c"};
static const an_paint output_paint = {"#1e6b45", "#114a2e"};
static const an_paint scope_paint = {"#ffffff", "#5f6368"};
static const an_paint fused_scope_paint = {"#fff1d6", "#d35400"};
static const an_paint outside_paint = {"#ffffff", "#80868b"};
static const an_paint gone_paint = {"#ffffff", "#d93025"};
static const an_paint merged_paint = {"#ffffff", "#7b3fc4"};
static const an_paint changed_paint = {"#ffe9b0", "#b06000"};
static const an_paint added_paint = {"#b7e5c0", "#188038"};
static const an_paint same_paint = {"#f7f7f7", "#b4b8bd"};

/* What a box takes of all that the threads have to give in a run. Text must stand out on each. */
static const struct {
    double share;
    an_paint paint;
    const char *says;
} heats[] = {
    {0.10, {"#ffb199", "#c92a2a"}, "10 % of a run or more"},
    {0.03, {"#ffd08a", "#c4670d"}, "3 % or more"},
    {0.01, {"#ffeccb", "#c98a2b"}, "1 % or more"},
    {0, {"#fffaf2", "#c9b48f"}, "less"},
};
#define HEATS ((int)(sizeof heats / sizeof *heats))
static const an_paint idle_paint = {"#f7f7f7", "#b4b8bd"};

static bool is_heat(const an_view *v, const an_dot_args *args)
{
    return v->seconds && args->color != AN_COLOR_PHASE;
}

static an_paint heat_of(const an_view *v, const an_unit *u)
{
    const double seconds = an_view_seconds(v, u);
    for (int i = 0; seconds > 0 && i < HEATS; i++)
        if (seconds >= heats[i].share * v->whole) return heats[i].paint;
    return idle_paint;
}

static bool holds_fused(const an_view *v, const an_unit *u)
{
    for (uint32_t i = u->first; i; i = v->next_in_unit[i])
        if (v->g->nodes[i].op->category == AN_CATEGORY_FUSED) return true;
    return false;
}

an_paint an_dot_paint(const an_view *v, const an_unit *u, const an_dot_args *args)
{
    if (u->kind == AN_UNIT_GHOST && u->merged) return merged_paint;
    if (u->kind == AN_UNIT_GHOST || u->gone) return gone_paint;
    if (u->outside) return outside_paint;
    if (u->kind == AN_UNIT_PART && !v->beside && !v->before && !is_heat(v, args))
        return scope_paint;
    const bool fused = v->g->nodes[u->first].op->category == AN_CATEGORY_FUSED;
    if (v->beside && u->added && fused) return category_paint[AN_CATEGORY_FUSED];
    const bool holds = u->kind == AN_UNIT_SCOPE && holds_fused(v, u);
    if (v->beside && v->before && holds) return fused_scope_paint;
    if (v->beside && !u->added) return same_paint;
    if (v->before) return u->added ? added_paint : u->changed ? changed_paint : same_paint;
    const an_node *n = &v->g->nodes[u->first];
    if (an_node_is_input(n)) return input_paint;
    if (is_heat(v, args)) return heat_of(v, u);
    if (args->color == AN_COLOR_PHASE) return phase_paint[u->phase];
    if (u->kind == AN_UNIT_SCOPE) return holds ? fused_scope_paint : scope_paint;
    const an_paint paint = category_paint[n->op->category];
    return n->op->colour ? (an_paint){n->op->colour, paint.line} : paint;
}

/* ---- the legend -------------------------------------------------------- */

static void legend_box(an_paint paint, const char *text, an_text *out)
{
    an_text_addf(out, "<TR><TD BGCOLOR=\"%s\" COLOR=\"%s\" BORDER=\"1\" WIDTH=\"18\"></TD>"
                      "<TD ALIGN=\"LEFT\">%s</TD></TR>", paint.fill, paint.line, text);
}

static void legend_line(const char *line, const char *color, const char *text, an_text *out)
{
    an_text_addf(out, "<TR><TD><FONT COLOR=\"%s\">%s</FONT></TD><TD ALIGN=\"LEFT\">%s</TD></TR>",
                 color, line, text);
}

/* What the boxes are, whatever colours stand for. */
static void legend_kinds(const an_view *v, an_text *out)
{
    bool input = false, state = false, scope = false, part = false, fused = false;
    for (int64_t u = 1; u <= v->unit_count; u++) {
        const an_node *n = &v->g->nodes[v->units[u].first];
        scope = scope || v->units[u].kind == AN_UNIT_SCOPE;
        fused = fused || (v->units[u].kind == AN_UNIT_SCOPE && holds_fused(v, &v->units[u]));
        part = part || v->units[u].kind == AN_UNIT_PART;
        input = input || (v->units[u].kind == AN_UNIT_NODE && an_node_is_input(n));
        state = state || (v->units[u].kind == AN_UNIT_NODE && an_node_is_state(n));
    }
    if (input && !v->before) legend_box(input_paint, "input", out);
    if (v->g->output_count) legend_box(output_paint, "output", out);
    if (state) legend_line("&#9645;", "#5f6368", "drum: a weight or other state", out);
    if (scope) legend_line("&#9645;", "#5f6368", "tab: all of a scope", out);
    if (fused && !v->before) legend_box(fused_scope_paint, "... with Add &amp; Norm in it", out);
    if (part) legend_line("&#9645;", "#5f6368", "block: boxes that follow each other", out);
}

static void legend_colours(const an_view *v, const an_dot_args *args, an_text *out)
{
    if (v->before) {
        bool merged = false, changed = false;
        for (int64_t u = 1; u <= v->unit_count; u++) {
            merged = merged || v->units[u].merged;
            changed = changed || (v->units[u].changed && !v->units[u].added);
        }
        legend_box(added_paint, "new", out);
        legend_box(gone_paint, "gone", out);
        if (merged) legend_box(merged_paint, "merged: an equal one stayed", out);
        if (changed) legend_box(changed_paint, "changed", out);
        legend_box(same_paint, "as before", out);
        return;
    }
    if (is_heat(v, args)) {
        for (int i = 0; i < HEATS; i++) legend_box(heats[i].paint, heats[i].says, out);
        legend_box(idle_paint, "no kernel", out);
        return;
    }
    bool phase[AN_PHASES] = {false}, category[AN_CATEGORIES] = {false};
    for (int64_t u = 1; u <= v->unit_count; u++) {
        const an_node *n = &v->g->nodes[v->units[u].first];
        phase[v->units[u].phase] = true;
        const an_unit_kind k = v->units[u].kind;
        if (k != AN_UNIT_SCOPE && k != AN_UNIT_PART && !an_node_is_input(n))
            category[n->op->category] = true;
    }
    if (args->color == AN_COLOR_PHASE) {
        for (int p = 0; p < AN_PHASES; p++)
            if (phase[p]) legend_box(phase_paint[p], an_phase_name((unsigned)p), out);
        return;
    }
    for (int c = 0; c < AN_CATEGORIES; c++)
        if (category[c]) legend_box(category_paint[c], an_category_name((an_category)c), out);
}

void an_dot_legend(const an_view *v, const an_dot_args *args, an_text *out)
{
    bool kind[4] = {false}, backward = false;
    if (v->unit_count == 0) return;
    for (int64_t e = 0; e < v->edge_count; e++) kind[v->edges[e].kind] = true;
    for (int64_t u = 1; u <= v->unit_count; u++)
        backward = backward || v->units[u].phase == AN_PHASE_BACKWARD;
    an_text_add(out, "  legend [shape=plain, fillcolor=white, label=<<TABLE BORDER=\"1\" "
                     "COLOR=\"#dadce0\" CELLBORDER=\"0\" CELLSPACING=\"3\" CELLPADDING=\"2\" "
                     "STYLE=\"ROUNDED\">");
    legend_colours(v, args, out);
    legend_kinds(v, out);
    if (kind[AN_EDGE_DATA]) legend_line("&#8594;", "#3c4043", "value, its type once", out);
    bool stream = false;
    for (int64_t e = 0; e < v->edge_count; e++) stream = stream || v->edges[e].stream;
    if (stream) legend_line("<B>&#8594;</B>", "#3c4043", "<B>thick: the residual stream</B>", out);
    if (backward) legend_line("&#8593;", "#a85a1c", "gradient, flowing up", out);
    if (kind[AN_EDGE_SAVED]) legend_line("- - &#8594;", "#5f6368", "kept for backward", out);
    if (kind[AN_EDGE_COMMIT]) legend_line("&#183; &#183; &#8594;", "#7558c8", "updates", out);
    an_text_add(out, "</TABLE>>];\n");
}
