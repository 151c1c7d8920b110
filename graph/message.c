/* message.c -- error messages that name the place, the operands and a way out.
 *
 *   clf.c:41: error AN-E012 [encoder/res1] residual_add: shapes differ in dim 2 (128 vs 256)
 *     x    = encoder/rnn2  f32[B,T,256]  made at clf.c:39 by lstm
 *     skip = encoder/drop  f32[B,T,128]  made at clf.c:36 by dropout
 *     hint: ...                                                            */
#include "graph/message.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define OPERANDS_SHOWN 8

void an_at_print(an_at at, an_text *out)
{
    if (at.file && at.line > 0) an_text_addf(out, "%s:%d: ", at.file, at.line);
}

void an_node_print(const an_node *node, an_text *out)
{
    const bool leaf = an_node_is_named(node);
    if (leaf) {
        an_text_add(out, node->name);
        return;
    }
    if (node->scope[0]) an_text_addf(out, "%s/", node->scope);
    if (node->name[0])
        an_text_add(out, node->name);
    else
        an_text_addf(out, "%%%u", node->ordinal);
}

static void add_head(const an_spec *s, an_status status, an_text *t)
{
    an_at_print(s->at, t);
    an_text_addf(t, "error AN-E%03d ", (int)status);
    if (s->scope && s->scope[0]) an_text_addf(t, "[%s] ", s->scope);
    an_text_addf(t, "%s: ", s->op->name);
}

/* Whatever goes wrong after a dimension could not be kept goes wrong for that. */
static an_status store(an_graph *g, an_status status, an_text *t)
{
    if (an_dims_starved(g->dims)) t->failed = true;
    status = an_fail_text(&g->error, status, an_text_view(t));
    an_text_free(t);
    return status;
}

void an_message_call(an_graph *g, const an_spec *s, an_status status, const char *format, ...)
{
    char line[600];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    status = an_status_of(status, line);
    an_text t = {0};
    add_head(s, status, &t);
    an_text_add(&t, line);
    store(g, status, &t);
}

/* "lstm(reverse=1)": the call that made a value. */
static void add_call(const an_graph *g, const an_node *n, an_text *t)
{
    an_text_add(t, n->op->name);
    if (an_node_is_named(n) || an_node_is_constant(n)) return;
    an_text attributes = {0};
    an_attrs_print(n->op, n->attrs, g->dims, &attributes);
    if (attributes.length) an_text_addf(t, "(%.80s)", an_text_view(&attributes));
    an_text_free(&attributes);
}

static void add_operand(const an_graph *g, const an_spec *s, int i, int width, an_text *t)
{
    char role[32];
    an_op_input_name(s->op, i, role, sizeof role);
    an_text_addf(t, "\n  %-*s = ", width, role);
    if (s->in[i] == 0) {
        an_text_add(t, "(absent)");
        return;
    }
    const an_node *n = an_node_of(g, s->in[i]);
    an_node_print(n, t);
    if (g->slots[s->in[i]].index > 0) an_text_addf(t, ".%d", g->slots[s->in[i]].index);
    an_text_add(t, "  ");
    an_type_print(g->dims, an_slot_type(g, s->in[i]), t);
    an_text_add(t, "  made ");
    if (n->at.file && n->at.line > 0) an_text_addf(t, "at %s:%d ", n->at.file, n->at.line);
    an_text_add(t, "by ");
    add_call(g, n, t);
}

void an_message_refusal(an_graph *g, const an_spec *s, an_status status, const char *why,
                        const char *hint)
{
    an_text t = {0};
    add_head(s, status, &t);
    an_text_add(&t, why);
    int width = 0;
    const int shown = s->inputs < OPERANDS_SHOWN ? s->inputs : OPERANDS_SHOWN;
    for (int i = 0; i < shown; i++) {
        char role[32];
        an_op_input_name(s->op, i, role, sizeof role);
        if ((int)strlen(role) > width) width = (int)strlen(role);
    }
    for (int i = 0; i < shown; i++) add_operand(g, s, i, width, &t);
    if (shown < s->inputs) an_text_addf(&t, "\n  ... and %d more", s->inputs - shown);
    if (hint[0]) an_text_addf(&t, "\n  hint: %s", hint);
    store(g, status, &t);
}

/* With its place, whatever it is. */
static an_status fail(an_graph *g, an_at at, an_status status, const char *format,
                      va_list arguments)
{
    char line[1000];
    vsnprintf(line, sizeof line, format, arguments);
    status = an_status_of(status, line);
    an_text t = {0};
    an_at_print(at, &t);
    an_text_addf(&t, "error AN-E%03d %s", (int)status, line);
    return store(g, status, &t);
}

void an_reject(an_at at, an_graph *g, an_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (g) fail(g, at, status == AN_OK ? AN_E_ARGUMENT : status, format, arguments);
    va_end(arguments);
}

an_status an_graph_fail(an_graph *g, an_at at, an_status status, const char *format, ...)
{
    if (!g) return status;
    va_list arguments;
    va_start(arguments, format);
    status = fail(g, at, status, format, arguments);
    va_end(arguments);
    return status;
}
