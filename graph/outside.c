/* outside.c -- the ops from outside that a graph may use.
 *
 * A graph holds the sets it was given, and hands them on to its copies: rows must live as long as
 * nodes point to them. Names are looked up in those sets first, then among the library's.  */
#include "graph/message.h"
#include "ops/own.h"
#include "ops/set.h"

#include <string.h>

const an_op_info *an_graph_op(const an_graph *g, const char *name)
{
    for (int64_t i = 0; i < g->ops_count; i++) {
        const an_op_info *op = an_ops_find(g->ops[i], name);
        if (op) return op;
    }
    return an_op_find(name);
}

void an_graph_guess_op(const an_graph *g, an_guess *guess)
{
    for (int64_t s = 0; s < g->ops_count; s++)
        for (int64_t i = 0; an_ops_at(g->ops[s], i); i++)
            an_guess_try(guess, an_ops_at(g->ops[s], i)->name);
    for (int code = 1; code < AN_OPS; code++) an_guess_try(guess, an_op(code)->name);
}

an_status an_graph_use(an_graph *g, an_ops *set)
{
    if (!g || !set) return AN_E_ARGUMENT;
    for (int64_t i = 0; i < g->ops_count; i++)
        if (g->ops[i] == set) return AN_OK;
    if (!AN_GROW(g->ops, g->ops_capacity, g->ops_count + 1))
        return an_graph_fail(g, (an_at){0}, AN_E_MEMORY, "out of memory");
    g->ops[g->ops_count++] = an_ops_hold(set);
    return AN_OK;
}

bool an_graph_share_ops(an_graph *to, const an_graph *from)
{
    for (int64_t i = 0; i < from->ops_count; i++)
        if (an_graph_use(to, from->ops[i]) != AN_OK) return false;
    return true;
}

void an_graph_forget_ops(an_graph *g)
{
    for (int64_t i = 0; i < g->ops_count; i++) an_ops_free(g->ops[i]);
    an_free(g->ops);
}

/* ---- applying one ------------------------------------------------------ */

/* Into the order of the row. */
static bool place_own(an_graph *g, const an_spec *s, const an_own_given *given, an_own *own)
{
    const an_op_info *op = s->op;
    for (int i = 0; i < op->own_count; i++) own[i] = (an_own){.kind = op->own[i].kind};
    for (; given && given->name; given++) {
        int i = 0;
        while (i < op->own_count && strcmp(op->own[i].name, given->name) != 0) i++;
        if (i == op->own_count) {
            an_message_call(g, s, AN_E_ATTRIBUTE, "it has no attribute \"%.60s\" (it has: %s)",
                            given->name, op->attributes);
            return false;
        }
        if (given->value.kind != op->own[i].kind) {
            an_message_call(g, s, AN_E_ATTRIBUTE, "%s is of another kind (it has: %s)",
                            given->name, op->attributes);
            return false;
        }
        if (!an_own_is_whole(&given->value)) {
            an_message_call(g, s, AN_E_ATTRIBUTE, "%s, a list of %lld, is NULL or has a NULL in it",
                            given->name, (long long)given->value.count);
            return false;
        }
        own[i] = given->value;
    }
    return true;
}

static void refuse_op(an_graph *g, an_at at, const char *op)
{
    an_guess guess = {.word = op};
    an_text nearest = {0};
    an_graph_guess_op(g, &guess);
    an_guess_print(&guess, &nearest);
    an_graph_fail(g, at, AN_E_NAME, "an_apply: there is no op \"%.80s\"%s\n  hint: give the graph "
                  "the set that defines it (an_graph_use)", op, an_text_view(&nearest));
    an_text_free(&nearest);
}

/* What the two have in common: the row, and own attributes in its order. */
static const an_op_info *begin(an_at at, an_graph *g, const char *op, const an_own_given *own,
                               an_own *values)
{
    if (g->error.status != AN_OK) return NULL;
    const an_op_info *row = an_graph_op(g, op ? op : "");
    if (!row) refuse_op(g, at, op ? op : "");
    const an_spec named = {.op = row, .at = at, .scope = g->scope};
    return row && place_own(g, &named, own, values) ? row : NULL;
}

an_value an_apply_at(an_at at, const char *op, const an_value *in, int count,
                     const an_own_given *own)
{
    an_graph *g = an_graph_of(in, count);
    an_own values[AN_MOST_OWN];
    if (!g) return AN_NONE;
    const an_op_info *row = begin(at, g, op, own, values);
    if (!row) return (an_value){g, 0};
    const an_attrs attrs = {.own_count = row->own_count, .own = values};
    return an_emit_op(at, row, in, count, &attrs);
}

an_value an_apply_opaque_at(an_at at, const char *op, const an_value *in, int inputs,
                            const an_own_given *own, const an_type *types, int count)
{
    an_graph *g = an_graph_of(in, inputs);
    an_own values[AN_MOST_OWN];
    if (!g) return AN_NONE;
    const an_op_info *row = begin(at, g, op, own, values);
    if (!row) return (an_value){g, 0};
    const an_attrs attrs = {.own_count = row->own_count, .own = values};
    return an_emit_opaque(at, row, in, inputs, &attrs, types, count);
}
