/* dot_label.c -- what stands in a box, beside an arrow, and in their tooltips. */
#include "graph/picture/style.h"

#include <limits.h>
#include <string.h>

#define SMALL "<BR/><FONT POINT-SIZE=\"9\" COLOR=\"#4a4f55\">"
#define MAX_LINES 6 /* folded weights or steps named; more are counted */

static void add_html(an_text *out, const char *text)
{
    an_dot_add_html(out, text, (int64_t)strlen(text));
}

static void add_type(const an_graph *g, uint32_t value, bool bytes, an_text *out)
{
    an_text type = {0};
    an_type_print(g->dims, an_slot_type(g, value), &type);
    add_html(out, an_text_view(&type));
    an_text_free(&type);
    const int64_t size = an_value_bytes(g, value);
    if (!bytes || size < 0) return;
    an_text_add(out, " &#183; ");
    an_text_add_size(out, (double)size);
}

/* ---- names ------------------------------------------------------------- */

/* What a scope name adds to the cluster around it. */
static void add_scope_rest(const an_view *v, const an_unit *u, an_text *out)
{
    uint32_t inner = u->box, outer = inner;
    while (outer && v->boxes[outer].total <= 1) outer = v->boxes[outer].parent;
    const int from = outer ? v->boxes[outer].length : 0;
    const an_box *b = &v->boxes[inner];
    if (b->length > from)
        an_dot_add_html(out, b->path + from + (from > 0), b->length - from - (from > 0));
}

/* A state's name without the scope its reader stands in. */
static const char *short_name(const char *name, const char *scope)
{
    const size_t length = strlen(scope);
    const bool inside = length > 0 && !strncmp(name, scope, length) && name[length] == '/';
    return inside ? name + length + 1 : name;
}

static void add_constant(const an_graph *g, const an_node *n, an_text *out)
{
    const an_type *t = an_slot_type(g, n->first);
    if (an_node_is_constant(n) && n->attrs->data.count == 1 && n->attrs->data.bytes) {
        an_tensor one = an_tensor_borrow(t->dtype, 0, NULL, (void *)n->attrs->data.bytes);
        an_text_addf(out, "%.6g", an_tensor_get(&one, 0));
    } else {
        an_text_add(out, n->op->name);
        an_text_add(out, " ");
        add_type(g, n->first, false, out);
    }
}

/* ---- lines of a box ---------------------------------------------------- */

/* Is this use of a folded leaf the one that shows it? */
static bool shows(const an_view *v, uint32_t node, int operand)
{
    const an_node *n = &v->g->nodes[node];
    const uint32_t p = n->in[operand] ? v->g->slots[n->in[operand]].node : 0;
    if (!p || !v->folded[p] || !an_view_first_use(v, node, operand)) return false;
    return an_view_is_tiny(v->g, &v->g->nodes[p]) || v->phase[node] == v->phase[p];
}

static void add_folded(const an_view *v, uint32_t node, const char *line, const char *end,
                       an_text *out)
{
    const an_graph *g = v->g;
    const an_node *n = &g->nodes[node];
    int shown = 0, more = 0;
    for (int k = 0; k < n->inputs; k++) {
        if (!shows(v, node, k)) continue;
        if (shown == MAX_LINES) more++;
        if (shown == MAX_LINES) continue;
        shown++;
        const an_node *leaf = an_node_of(g, n->in[k]);
        char operand[64];
        an_op_input_name(n->op, k, operand, sizeof operand);
        const char *name = an_node_is_state(leaf) ? short_name(leaf->name, n->scope) : "";
        an_text_add(out, line);
        if (an_node_is_state(leaf)) {
            an_text_add(out, "<B>");
            add_html(out, name);
            an_text_add(out, "</B> ");
            add_type(g, n->in[k], !an_view_is_tiny(g, leaf), out);
        } else {
            an_text_addf(out, "%s = ", operand);
            add_constant(g, leaf, out);
        }
        an_text_add(out, end);
    }
    if (more) an_text_addf(out, "%sand %d more%s", line, more, end);
}

static void add_attributes(const an_view *v, const an_node *n, const char *line, const char *end,
                           an_text *out)
{
    an_text text = {0};
    an_attrs_print(n->op, n->attrs, v->g->dims, &text);
    an_text_takes(out, an_text_view(&text));
    char *at = text.data; /* the stream of a dropout and the order of a sum are for tooltips */
    static const char *const silent[] = {"stream=", "order="};
    for (size_t i = 0; at && i < 2; i++) {
        char *hit = strstr(at, silent[i]);
        if (hit) *(hit >= at + 2 ? hit - 2 : hit) = 0;
    }
    if (at && at[0]) {
        an_text_add(out, line);
        add_html(out, at);
        an_text_add(out, end);
    }
    an_text_free(&text);
}

/* States of a few elements that become this node's results: counters and keys. */
static void add_commits(const an_view *v, uint32_t node, an_text *out)
{
    for (uint32_t c = v->becomes[node]; c; c = v->becomes_next[c - 1]) {
        const an_commit *commit = &v->g->commits[c - 1];
        const an_node *state = an_node_of(v->g, commit->state);
        if (!an_view_is_tiny(v->g, state)) continue;
        an_text_add(out, commit->set == AN_PENDING ? SMALL "if trained becomes <B>"
                                                   : SMALL "becomes <B>");
        add_html(out, state->name);
        an_text_add(out, "</B></FONT>");
    }
}

/* ---- boxes ------------------------------------------------------------- */

static const an_node *replaced(const an_view *v, uint32_t ordinal)
{
    const uint32_t node = ordinal < v->gone_limit ? v->gone[ordinal] : 0;
    return node ? &v->before->nodes[node] : NULL;
}

/* What it takes of a run, if that was asked for and is not nothing. */
static void add_seconds(const an_view *v, const an_unit *u, const char *line, const char *end,
                        an_text *out)
{
    const double seconds = an_view_seconds(v, u);
    if (seconds <= 0) return;
    an_text_addf(out, "%s<B>", line);
    an_text_add_seconds(out, seconds);
    an_text_addf(out, "</B>, %.1f %%%s", 100 * seconds / v->whole, end);
}

/* What replaced several nodes has a name of its own, and says what it replaced. */
static void label_fused(const an_view *v, const an_unit *u, an_text *out)
{
    const uint32_t node = u->first;
    const an_node *n = &v->g->nodes[node];
    const an_op_rules *rules = n->op->rules;
    an_text_add(out, "<TABLE BORDER=\"0\" CELLBORDER=\"0\" CELLSPACING=\"3\" CELLPADDING=\"3\">"
                     "<TR><TD><FONT POINT-SIZE=\"15\"><B>");
    add_html(out, rules->title);
    an_text_add(out, "</B></FONT></TD></TR>");
    for (int i = 0; i < n->from.count && i < 2; i++) {
        const an_node *old = replaced(v, n->from.of[i]);
        an_text_addf(out, "<TR><TD BGCOLOR=\"#fff6e5\" BORDER=\"1\" COLOR=\"#d35400\" "
                          "STYLE=\"ROUNDED\">%s <FONT POINT-SIZE=\"9\">%%%u</FONT></TD></TR>",
                     old ? old->op->name : rules->member[i], n->from.of[i]);
    }
    add_folded(v, node, "<TR><TD><FONT POINT-SIZE=\"9\">", "</FONT></TD></TR>", out);
    add_attributes(v, n, "<TR><TD><FONT POINT-SIZE=\"9\" COLOR=\"#4a4f55\">", "</FONT></TD></TR>",
                   out);
    add_seconds(v, u, "<TR><TD><FONT POINT-SIZE=\"9\">", "</FONT></TD></TR>", out);
    an_text_add(out, "</TABLE>");
}

static void label_node(const an_view *v, const an_unit *u, an_text *out)
{
    const an_node *n = &v->g->nodes[u->first];
    if (n->op->rules->title) {
        label_fused(v, u, out);
        return;
    }
    const bool leaf = an_node_is_named(n);
    an_text_add(out, "<B>");
    add_html(out, !leaf ? n->op->name : n->name[0] ? n->name : "?");
    an_text_add(out, "</B>");
    if (leaf) {
        an_text_addf(out, "<BR/><FONT POINT-SIZE=\"9\">%s ", n->op->name);
        add_type(v->g, n->first, an_node_is_state(n), out);
        an_text_add(out, "</FONT>");
        return;
    }
    an_text name = {0};
    if (v->boxes[u->box].total <= 1) add_scope_rest(v, u, &name);
    if (name.length > 0 || n->name[0]) {
        an_text_add(out, "  <I>");
        an_text_add(out, an_text_view(&name));
        if (name.length > 0 && n->name[0]) an_text_add(out, " ");
        add_html(out, n->name);
        an_text_add(out, "</I>");
    }
    an_text_free(&name);
    add_attributes(v, n, SMALL, "</FONT>", out);
    add_folded(v, u->first, SMALL, "</FONT>", out);
    add_commits(v, u->first, out);
    if (an_view_gathers(v, u->first)) an_text_addf(out, SMALL "of %d values</FONT>", n->inputs);
}

static void label_scope(const an_view *v, const an_unit *u, an_text *out)
{
    int length, fused = 0;
    const char *scope = an_view_scope(v->g, &v->g->nodes[u->first], &length);
    const int cut = an_view_cut(v, scope, length);
    const int from = v->boxes[u->box].length;
    const int skip = from + (from > 0);
    an_text_add(out, "<B>");
    if (cut > skip) an_dot_add_html(out, scope + skip, cut - skip);
    else an_text_add(out, "scope");
    an_text_add(out, "</B>");
    if (v->times[u->first] && cut == v->reach[u->first])
        an_text_addf(out, " &#215; %u", v->times[u->first]);
    an_text_addf(out, SMALL "%lld nodes</FONT>", (long long)u->nodes);
    int64_t bytes = 0;
    for (uint32_t i = u->first; i; i = v->next_in_unit[i]) {
        const an_node *n = &v->g->nodes[i];
        fused += n->op->rules->title != NULL;
        for (int k = 0; k < n->inputs; k++) {
            if (!shows(v, i, k) || !an_node_is_state(an_node_of(v->g, n->in[k]))) continue;
            const int64_t more = an_value_bytes(v->g, n->in[k]);
            if (more > 0 && more <= INT64_MAX - bytes) bytes += more;
        }
    }
    if (bytes > 0) {
        an_text_add(out, SMALL "weights ");
        an_text_add_size(out, (double)bytes);
        an_text_add(out, "</FONT>");
    }
    if (fused) an_text_addf(out, SMALL "%d &#215; Add &amp; Norm</FONT>", fused);
}

static void label_steps(const an_view *v, const an_unit *u, an_text *out)
{
    an_text_addf(out, "<B>%s</B>", v->g->nodes[u->first].op->name);
    int shown = 0;
    for (uint32_t i = u->first; i && shown < MAX_LINES; i = v->next_in_unit[i], shown++) {
        const an_node *n = &v->g->nodes[i];
        const an_node *parameter = n->inputs > 0 && n->in[0] ? an_node_of(v->g, n->in[0]) : n;
        int length;
        an_view_scope(v->g, n, &length);
        an_text_add(out, SMALL);
        add_html(out, parameter->name + length + (length > 0));
        an_text_add(out, " ");
        add_type(v->g, n->in[0], false, out);
        an_text_add(out, "</FONT>");
    }
    if (u->nodes > shown)
        an_text_addf(out, SMALL "and %lld more</FONT>", (long long)(u->nodes - shown));
}

static void label_ghost(const an_view *v, const an_unit *u, an_text *out)
{
    const an_node *n = &v->before->nodes[u->first];
    an_text_addf(out, "<B>%s</B> %%%u", n->op->name, n->ordinal);
    if (!n->name[0]) return;
    an_text_add(out, "<BR/><I>");
    add_html(out, n->name);
    an_text_add(out, "</I>");
}

void an_dot_label(const an_view *v, uint32_t unit, an_text *out)
{
    const an_unit *u = &v->units[unit];
    if (u->kind == AN_UNIT_NODE) label_node(v, u, out);
    if (u->kind == AN_UNIT_SCOPE) label_scope(v, u, out);
    if (u->kind == AN_UNIT_STEPS) label_steps(v, u, out);
    if (u->kind == AN_UNIT_GHOST) label_ghost(v, u, out);
    const bool table = u->kind == AN_UNIT_NODE && v->g->nodes[u->first].op->rules->title;
    if (!table) add_seconds(v, u, SMALL, "</FONT>", out);
}

/* ---- tooltips ---------------------------------------------------------- */

static void describe_value(const an_graph *g, uint32_t value, an_text *out)
{
    const an_node *n = an_node_of(g, value);
    char name[64];
    an_op_output_name(n->op, g->slots[value].index, name, sizeof name);
    an_text_addf(out, "%s ", name);
    an_type_print(g->dims, an_slot_type(g, value), out);
    const int64_t bytes = an_value_bytes(g, value);
    if (bytes < 0) return;
    an_text_add(out, ", ");
    an_text_add_size(out, (double)bytes);
}

static void describe_node(const an_graph *g, const an_node *n, an_text *out)
{
    an_text_addf(out, "%s %%%u", n->op->name, n->ordinal);
    if (n->name[0]) an_text_addf(out, " %s", n->name);
    if (n->scope[0]) an_text_addf(out, " in %s", n->scope);
    if (n->at.file && n->at.line > 0) an_text_addf(out, "\n%s:%d", n->at.file, n->at.line);
    if (n->from.how) {
        an_text_addf(out, "\nfrom %s", n->from.how);
        for (int i = 0; i < n->from.count; i++) an_text_addf(out, " %%%u", n->from.of[i]);
    }
    an_text attributes = {0};
    an_attrs_print(n->op, n->attrs, g->dims, &attributes);
    if (attributes.length > 0) an_text_addf(out, "\n%s", an_text_view(&attributes));
    an_text_free(&attributes);
    for (int k = 0; k < n->outputs; k++) {
        an_text_add(out, "\n-> ");
        describe_value(g, n->first + (uint32_t)k, out);
    }
}

void an_dot_tooltip(const an_view *v, uint32_t unit, an_text *out)
{
    const an_unit *u = &v->units[unit];
    const an_graph *g = u->kind == AN_UNIT_GHOST ? v->before : v->g;
    an_text text = {0};
    int shown = 0;
    for (uint32_t i = u->first; i && shown < 12; shown++) {
        if (shown) an_text_add(&text, "\n");
        describe_node(g, &g->nodes[i], &text);
        i = u->kind == AN_UNIT_GHOST ? 0 : v->next_in_unit[i];
    }
    if (u->nodes > shown)
        an_text_addf(&text, "\nand %lld more nodes", (long long)(u->nodes - shown));
    an_dot_add_quoted(out, an_text_view(&text), text.length);
    an_text_free(&text);
}

void an_dot_edge_label(const an_view *v, const an_edge *e, an_text *out)
{
    an_text text = {0};
    an_text_add(&text, " "); /* keeps the label off the arrow */
    for (int i = 0; i < e->values && i < AN_EDGE_VALUES; i++) {
        const uint32_t value = e->value[i];
        const an_slot *slot = &v->g->slots[value];
        const an_op_info *op = v->g->nodes[slot->node].op;
        char name[64];
        an_op_output_name(op, slot->index, name, sizeof name);
        const bool many = v->g->nodes[slot->node].outputs > 1;
        if (e->kind == AN_EDGE_SAVED) {
            if (many) an_text_addf(&text, text.length > 1 ? ", %s" : "%s", name);
            continue;
        }
        if (i > 0) an_text_add(&text, "\n ");
        if (many && slot->index > 0) an_text_addf(&text, "%s ", name);
        an_type_print(v->g->dims, slot->type, &text);
    }
    if (e->values > AN_EDGE_VALUES)
        an_text_addf(&text, "\nand %lld more", (long long)(e->values - AN_EDGE_VALUES));
    an_dot_add_quoted(out, an_text_view(&text), text.length);
    an_text_free(&text);
}
