/* diff.c -- what two graphs do not have in common, in lines of the text and in words.
 *
 * Which node is which is told by twins.c. A node that only reads something else than before has
 * changed; what reads that node has not. */
#include "graph/text/diff.h"

#include "graph/text/lines.h"
#include "graph/text/twins.h"

#include <string.h>

typedef struct differ {
    an_diff *d;
    an_twins twins;
    bool failed;
} differ;

/* ---- rows --------------------------------------------------------------- */

/* Keeps a text, without the newline at its end; NULL for none. */
static const char *keep(differ *x, an_text *text)
{
    const char *kept = NULL;
    if (!text->failed) {
        const char *line = an_text_view(text);
        const bool newline = text->length > 0 && line[text->length - 1] == '\n';
        kept = an_arena_text(&x->d->arena, line, text->length - newline);
    }
    x->failed = x->failed || !kept;
    an_text_free(text);
    return kept;
}

/* Takes both texts; an empty one says that the graph has no such line. */
static void add_row(differ *x, char mark, const char *kind, an_text line[2], an_text *differs)
{
    an_diff_row row = {.mark = mark, .kind = kind};
    if (mark != '+') row.line[0] = keep(x, &line[0]);
    if (mark != '-') row.line[1] = keep(x, &line[1]);
    if (mark == '~') row.differs = keep(x, differs);
    if (!AN_GROW(x->d->rows, x->d->capacity, x->d->count + 1)) x->failed = true;
    else x->d->rows[x->d->count++] = row;
}

/* ---- words -------------------------------------------------------------- */

static void begin(an_text *out)
{
    if (out->length > 0) an_text_add(out, "; ");
}

/* "eps 1e-05 -> 0.001", no more of either than tells them apart at a glance; nothing if they are
 * the same. Frees both. */
static void add_change(const char *what, an_text *a, an_text *b, an_text *out)
{
    const char *from = an_text_view(a), *to = an_text_view(b);
    if (an_text_takes(out, from) && an_text_takes(out, to) && strcmp(from, to) != 0) {
        begin(out);
        an_text_addf(out, "%s %.60s -> %.60s", what, from[0] ? from : "none", to[0] ? to : "none");
    }
    an_text_free(a);
    an_text_free(b);
}

static void compare_strings(const char *what, const char *a, const char *b, an_text *out)
{
    an_text x = {0}, y = {0};
    if (a[0]) an_text_add_quoted(&x, a);
    if (b[0]) an_text_add_quoted(&y, b);
    add_change(what, &x, &y, out);
}

static void compare_attributes(const differ *x, const an_node *m, const an_node *n, an_text *out)
{
    const uint64_t both = m->op->attribute_set & n->op->attribute_set;
    const uint64_t typed = UINT64_C(1) << AN_ATTR_dtype | UINT64_C(1) << AN_ATTR_shape;
    for (int id = 0; id < AN_ATTRS; id++) {
        if (!((both & ~typed) >> id & 1)) continue;
        an_text a = {0}, b = {0};
        an_attr_compared(x->twins.g[0], m, id, &a);
        an_attr_compared(x->twins.g[1], n, id, &b);
        add_change(an_attr(id)->name, &a, &b, out);
    }
    for (int i = 0; i < m->op->own_count && i < n->op->own_count; i++) {
        an_text a = {0}, b = {0};
        an_attr_print(m->op, AN_ATTRS + i, m->attrs, x->twins.g[0]->dims, &a);
        an_attr_print(n->op, AN_ATTRS + i, n->attrs, x->twins.g[1]->dims, &b);
        add_change(m->op->own[i].name, &a, &b, out);
    }
}

static void compare_types(const differ *x, const an_node *m, const an_node *n, an_text *out)
{
    const int count = m->outputs > n->outputs ? m->outputs : n->outputs;
    for (int k = 0; k < count; k++) {
        an_text a = {0}, b = {0};
        const uint32_t output = (uint32_t)k;
        if (k < m->outputs)
            an_type_print(x->twins.g[0]->dims, an_slot_type(x->twins.g[0], m->first + output), &a);
        if (k < n->outputs)
            an_type_print(x->twins.g[1]->dims, an_slot_type(x->twins.g[1], n->first + output), &b);
        add_change("type", &a, &b, out);
    }
}

/* "operand 2 %3 -> %4": the numbers may be the same, for they are of two files. */
static void add_move(const differ *x, uint32_t a, uint32_t b, an_text *out)
{
    an_line_value(x->twins.g[0], a, out);
    an_text_add(out, " -> ");
    an_line_value(x->twins.g[1], b, out);
}

static void compare_operands(const differ *x, uint32_t a, uint32_t b, an_text *out)
{
    const an_node *m = &x->twins.g[0]->nodes[a], *n = &x->twins.g[1]->nodes[b];
    const int count = m->inputs > n->inputs ? m->inputs : n->inputs;
    for (int k = 0; k < count; k++) {
        if (an_twins_agree(&x->twins, a, b, k)) continue;
        begin(out);
        an_text_addf(out, "operand %d ", k + 1);
        add_move(x, k < m->inputs ? m->in[k] : 0, k < n->inputs ? n->in[k] : 0, out);
    }
}

/* ---- nodes -------------------------------------------------------------- */

static void add_node(differ *x, int side, uint32_t number)
{
    an_text line[2] = {{0}, {0}};
    an_line_node(x->twins.g[side], number, false, &line[side]);
    add_row(x, side == 0 ? '-' : '+', "node", line, NULL);
}

static void compare_nodes(differ *x, uint32_t a, uint32_t b)
{
    const an_node *m = &x->twins.g[0]->nodes[a], *n = &x->twins.g[1]->nodes[b];
    const an_facet *f = &x->twins.facet[0][a], *h = &x->twins.facet[1][b];
    an_text differs = {0}, line[2] = {{0}, {0}};
    if (f->op != h->op) compare_strings("op", m->op->name, n->op->name, &differs);
    if (f->attrs != h->attrs) compare_attributes(x, m, n, &differs);
    if (f->types != h->types) compare_types(x, m, n, &differs);
    if (f->label != h->label) compare_strings("name", m->name, n->name, &differs);
    if (f->scope != h->scope) compare_strings("scope", m->scope, n->scope, &differs);
    compare_operands(x, a, b, &differs);
    if (differs.length > 0 || differs.failed) {
        an_line_node(x->twins.g[0], a, false, &line[0]);
        an_line_node(x->twins.g[1], b, false, &line[1]);
        add_row(x, '~', "node", line, &differs);
    }
    an_text_free(&differs);
}

/* Rows for what is gone of the first graph, from *from up to before `to`. */
static void add_gone(differ *x, uint32_t *from, uint32_t to)
{
    for (; *from < to; (*from)++)
        if (!x->twins.of[0][*from]) add_node(x, 0, *from);
}

static void compare_all_nodes(differ *x)
{
    const uint32_t *twin = x->twins.of[1];
    const uint32_t all = (uint32_t)x->twins.g[0]->node_count + 1;
    const int64_t count = x->twins.g[1]->node_count;
    uint32_t gone = 1, ahead = 1; /* ahead: the next of the second graph that has a twin */
    for (uint32_t i = 1; (int64_t)i <= count; i++) {
        while ((int64_t)ahead <= count && (ahead < i || !twin[ahead])) ahead++;
        add_gone(x, &gone, (int64_t)ahead <= count ? twin[ahead] : all);
        if (twin[i]) compare_nodes(x, twin[i], i);
        else add_node(x, 1, i);
    }
    add_gone(x, &gone, all);
}

/* ---- roots -------------------------------------------------------------- */

static void compare_outputs(differ *x)
{
    const an_graph *a = x->twins.g[0], *b = x->twins.g[1];
    for (int64_t i = 0; i < a->output_count; i++) {
        const an_name_entry *output = &a->outputs[i];
        const uint32_t now = an_graph_named_output(b, output->name);
        an_text line[2] = {{0}, {0}}, differs = {0};
        if (now && an_twins_same(&x->twins, output->value, now)) continue;
        an_line_output(a, output->name, output->value, &line[0]);
        if (now) {
            an_line_output(b, output->name, now, &line[1]);
            an_text_add(&differs, "value ");
            add_move(x, output->value, now, &differs);
        }
        add_row(x, now ? '~' : '-', "output", line, &differs);
    }
    for (int64_t i = 0; i < b->output_count; i++) {
        const an_name_entry *output = &b->outputs[i];
        an_text line[2] = {{0}, {0}};
        if (an_graph_named_output(a, output->name)) continue;
        an_line_output(b, output->name, output->value, &line[1]);
        add_row(x, '+', "output", line, NULL);
    }
}

/* The row of graph `to` that updates what row `c` of graph `from` does. */
static const an_commit *same_row(const an_graph *from, const an_commit *c, const an_graph *to)
{
    const char *state = an_node_of(from, c->state)->name;
    return c->set == AN_PENDING ? an_graph_pending(to, state)
                                : an_graph_commit(to, from->sets[c->set], state);
}

static void compare_commits(differ *x)
{
    const an_graph *a = x->twins.g[0], *b = x->twins.g[1];
    for (int64_t i = 0; i < a->commit_count; i++) {
        const an_commit *c = &a->commits[i], *now = same_row(a, c, b);
        const char *kind = c->set == AN_PENDING ? "pending" : "update";
        an_text line[2] = {{0}, {0}}, differs = {0};
        const bool value = !now || !an_twins_same(&x->twins, c->value, now->value);
        if (!value && an_twins_same(&x->twins, c->witness, now->witness)) continue;
        an_line_commit(a, c, &line[0]);
        if (now) {
            an_line_commit(b, now, &line[1]);
            an_text_add(&differs, value ? "value " : "witness ");
            add_move(x, value ? c->value : c->witness, value ? now->value : now->witness,
                     &differs);
        }
        add_row(x, now ? '~' : '-', kind, line, &differs);
    }
    for (int64_t i = 0; i < b->commit_count; i++) {
        const an_commit *c = &b->commits[i];
        an_text line[2] = {{0}, {0}};
        if (same_row(b, c, a)) continue;
        an_line_commit(b, c, &line[1]);
        add_row(x, '+', c->set == AN_PENDING ? "pending" : "update", line, NULL);
    }
}

/* ---- all of it ---------------------------------------------------------- */

static void compare_names(differ *x)
{
    an_text line[2] = {{0}, {0}}, differs = {0};
    if (!strcmp(x->twins.g[0]->name, x->twins.g[1]->name)) return;
    for (int side = 0; side < 2; side++) {
        an_text_add(&line[side], "graph ");
        an_text_add_quoted(&line[side], x->twins.g[side]->name);
    }
    an_text_add(&differs, "name");
    add_row(x, '~', "graph", line, &differs);
}

bool an_diff_make(an_diff *d, const an_graph *a, const an_graph *b)
{
    differ x = {.d = d};
    x.failed = !an_twins_find(&x.twins, a, b);
    if (!x.failed) {
        compare_names(&x);
        compare_all_nodes(&x);
        compare_outputs(&x);
        compare_commits(&x);
    }
    an_twins_free(&x.twins);
    return !x.failed;
}

void an_diff_free(an_diff *d)
{
    an_free(d->rows);
    an_arena_free(&d->arena);
}
