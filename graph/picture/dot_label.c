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
    const double share = 100 * seconds / v->whole;
    if (share < 0.05) an_text_addf(out, "</B>, less than 0.1 %%%s", end);
    else an_text_addf(out, "</B>, %.1f %%%s", share, end);
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

/* "layer_norm" of a layer_norm, or of its gradient, says nothing. */
static bool names_the_op(const char *op, const char *name)
{
    const size_t length = strlen(name);
    return !strncmp(op, name, length) && (!op[length] || !strcmp(op + length, "_grad"));
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
    const bool rest = name.length > 0 && !names_the_op(n->op->name, an_text_view(&name));
    if (rest || n->name[0]) {
        an_text_add(out, "  <I>");
        if (rest) an_text_add(out, an_text_view(&name));
        if (rest && n->name[0]) an_text_add(out, " ");
        add_html(out, n->name);
        an_text_add(out, "</I>");
    }
    an_text_free(&name);
    add_attributes(v, n, SMALL, "</FONT>", out);
    add_folded(v, u->first, SMALL, "</FONT>", out);
    add_commits(v, u->first, out);
    if (an_view_gathers(v, u->first)) an_text_addf(out, SMALL "of %d values</FONT>", n->inputs);
}

/* Bytes of the weights that are seen in no other box. */
static int64_t weight_bytes(const an_view *v, const an_unit *u)
{
    int64_t bytes = 0;
    for (uint32_t i = u->first; i; i = v->next_in_unit[i]) {
        const an_node *n = &v->g->nodes[i];
        for (int k = 0; k < n->inputs; k++) {
            if (!shows(v, i, k) || !an_node_is_state(an_node_of(v->g, n->in[k]))) continue;
            const int64_t more = an_value_bytes(v->g, n->in[k]);
            if (more > 0 && more <= INT64_MAX - bytes) bytes += more;
        }
    }
    return bytes;
}

/* What a box of many nodes holds. */
static void add_contents(const an_view *v, const an_unit *u, an_text *out)
{
    int fused = 0;
    an_text_addf(out, SMALL "%lld nodes</FONT>", (long long)u->nodes);
    for (uint32_t i = u->first; i; i = v->next_in_unit[i])
        fused += v->g->nodes[i].op->rules->title != NULL;
    const int64_t bytes = weight_bytes(v, u);
    if (bytes > 0) {
        an_text_add(out, SMALL "weights ");
        an_text_add_size(out, (double)bytes);
        an_text_add(out, "</FONT>");
    }
    if (fused) an_text_addf(out, SMALL "%d &#215; Add &amp; Norm</FONT>", fused);
}

static void label_scope(const an_view *v, const an_unit *u, an_text *out)
{
    int length;
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
    add_contents(v, u, out);
    for (uint32_t i = u->first, said = 0; i && said < MAX_LINES; i = v->next_in_unit[i]) {
        said += v->becomes[i] != 0;
        add_commits(v, i, out);
    }
}

/* The outermost scope of a node, or what it is. */
static void add_end_of_part(const an_view *v, uint32_t node, an_text *out)
{
    const an_node *n = &v->g->nodes[node];
    int length;
    const char *scope = an_view_scope(v->g, n, &length);
    const int cut = an_view_cut(v, scope, length);
    if (cut > 0) an_dot_add_html(out, scope, cut);
    else if (n->name[0]) add_html(out, n->name);
    else an_text_addf(out, "%s %%%u", n->op->name, n->ordinal);
}

/* How often which ops are in it: the most frequent ones. */
static void add_ops(const an_view *v, const an_unit *u, an_text *out)
{
    enum { SEEN = 64, SHOWN = 3 };
    struct { const an_op_info *op; int64_t count; } seen[SEEN] = {{NULL, 0}};
    for (uint32_t i = u->first; i; i = v->next_in_unit[i]) {
        int k = 0;
        while (k < SEEN && seen[k].op && seen[k].op != v->g->nodes[i].op) k++;
        if (k < SEEN) seen[k].op = v->g->nodes[i].op, seen[k].count++;
    }
    for (int shown = 0; shown < SHOWN; shown++) {
        int most = 0;
        for (int k = 1; k < SEEN; k++)
            if (seen[k].count > seen[most].count) most = k;
        if (seen[most].count == 0) return;
        an_text_addf(out, SMALL "%lld &#215; %s</FONT>", (long long)seen[most].count,
                     seen[most].op->name);
        seen[most].count = 0;
    }
}

static void label_part(const an_view *v, const an_unit *u, uint32_t last, an_text *out)
{
    an_text_add(out, "<B>");
    add_end_of_part(v, u->first, out);
    an_text_add(out, " &#8230; ");
    add_end_of_part(v, last, out);
    an_text_add(out, "</B>");
    add_contents(v, u, out);
    add_ops(v, u, out);
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
    if (u->merged)
        an_text_addf(out, SMALL "is %%%u now</FONT>", v->g->nodes[v->merged[u->first]].ordinal);
    if (!n->name[0]) return;
    an_text_add(out, "<BR/><I>");
    add_html(out, n->name);
    an_text_add(out, "</I>");
}

/* The lines of a box, its title clear of what stands below it: underscores reach down. */
static void add_spaced(an_text *lines, an_text *out)
{
    const char *all = an_text_view(lines), *end = strstr(all, "<BR/>");
    an_text_takes(out, all);
    if (end) an_text_add_bytes(out, all, end - all);
    an_text_add(out, end ? "<BR/><FONT POINT-SIZE=\"3\"> </FONT>" : all);
    if (end) an_text_add(out, end);
    an_text_free(lines);
}

void an_dot_label(const an_view *v, uint32_t unit, an_text *to)
{
    const an_unit *u = &v->units[unit];
    an_text lines = {0}, *out = &lines;
    if (u->kind == AN_UNIT_NODE) label_node(v, u, out);
    if (u->kind == AN_UNIT_SCOPE) label_scope(v, u, out);
    if (u->kind == AN_UNIT_PART) label_part(v, u, v->last_in_unit[unit], out);
    if (u->kind == AN_UNIT_STEPS) label_steps(v, u, out);
    if (u->kind == AN_UNIT_GHOST) label_ghost(v, u, out);
    const bool table = u->kind == AN_UNIT_NODE && v->g->nodes[u->first].op->rules->title;
    if (!table) add_seconds(v, u, SMALL, "</FONT>", out);
    add_spaced(&lines, to);
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
    an_dot_add_tooltip(out, an_text_view(&text), text.length);
    an_text_free(&text);
}

/* Names of what is kept for backward, if there is a choice: types would be a second time there. */
static void name_saved(const an_view *v, const an_edge *e, an_text *out)
{
    for (int i = 0; i < e->values && i < AN_EDGE_VALUES; i++) {
        const an_slot *slot = &v->g->slots[e->value[i]];
        char name[64];
        an_op_output_name(v->g->nodes[slot->node].op, slot->index, name, sizeof name);
        if (v->g->nodes[slot->node].outputs > 1)
            an_text_addf(out, out->length > 1 ? ", %s" : "%s", name);
    }
}

void an_dot_edge_label(const an_view *v, const an_edge *e, bool *said, an_text *out)
{
    an_text text = {0};
    const an_type *last = NULL;
    an_text_add(&text, " "); /* keeps the label off the arrow */
    if (e->kind == AN_EDGE_SAVED) name_saved(v, e, &text);
    for (int i = 0; e->kind != AN_EDGE_SAVED && i < e->values && i < AN_EDGE_VALUES; i++) {
        const uint32_t value = e->value[i];
        const an_slot *slot = &v->g->slots[value];
        const bool named = v->g->nodes[slot->node].outputs > 1 && slot->index > 0;
        if ((said && said[value]) || (!named && slot->type == last)) continue;
        if (said) said[value] = true;
        if (text.length > 1) an_text_add(&text, "\n ");
        char name[64];
        an_op_output_name(v->g->nodes[slot->node].op, slot->index, name, sizeof name);
        if (named) an_text_addf(&text, "%s ", name);
        else last = slot->type;
        an_type_print(v->g->dims, slot->type, &text);
    }
    if (e->values > AN_EDGE_VALUES)
        an_text_addf(&text, "%s%lld values", text.length > 1 ? "\n " : "", (long long)e->values);
    if (text.length > 1 || text.failed) an_dot_add_quoted(out, an_text_view(&text), text.length);
    an_text_free(&text);
}
