/* rewrite.c -- see rewrite.h. */
#include "graph/passes/rewrite.h"

#include <stdarg.h>
#include <stdio.h>

an_status an_rewrite_copy(an_rewrite *rw, uint32_t number)
{
    return an_rewrite_copy_with(rw, number, rw->from->nodes[number].attrs);
}

/* A copy that reads what `value` says its operands have become; of another origin if that is
 * given, and under an ordinal of its own then. */
static uint32_t copy(an_rewrite *rw, uint32_t number, const an_attrs *attrs, const uint32_t *value,
                     const an_from *from)
{
    const an_node *n = &rw->from->nodes[number];
    an_room room;
    uint32_t *in = an_room_open(&room, n->inputs, sizeof *in);
    if (!in) an_graph_fail(rw->to, n->at, AN_E_MEMORY, "%s: out of memory", rw->pass);
    if (!in) return 0;
    for (int i = 0; i < n->inputs; i++) {
        in[i] = n->in[i] ? value[n->in[i]] : 0;
        if (n->in[i] && !in[i])
            an_graph_fail(rw->to, n->at, AN_E_INTERNAL,
                          "%s: operand %d of node %u is gone but still used", rw->pass, i, number);
    }
    const an_spec spec = {.op = n->op, .inputs = n->inputs, .in = in, .attrs = attrs,
                          .name = n->name, .scope = n->scope, .at = n->at,
                          .ordinal = from ? 0 : n->ordinal, .from = from ? *from : n->from};
    const uint32_t first = an_graph_add_like(rw->to, &spec, rw->from, n);
    an_room_close(&room);
    return first;
}

an_status an_rewrite_copy_with(an_rewrite *rw, uint32_t number, const an_attrs *attrs)
{
    const uint32_t first = copy(rw, number, attrs, rw->value, NULL);
    if (!first) return an_graph_status(rw->to);
    an_rewrite_replace(rw, number, first);
    return AN_OK;
}

uint32_t an_rewrite_copy_reading(an_rewrite *rw, uint32_t number, const uint32_t *value,
                                 const an_from *from)
{
    return copy(rw, number, rw->from->nodes[number].attrs, value, from);
}

uint32_t an_rewrite_add(an_rewrite *rw, const an_node *like, const an_op_info *op,
                        const uint32_t *in, int inputs, const an_attrs *attrs, const uint32_t *of,
                        int replaced)
{
    const an_spec spec = {.op = op, .inputs = inputs, .in = in, .attrs = attrs, .name = like->name,
                          .scope = like->scope, .at = like->at, .ordinal = like->ordinal,
                          .from = {.how = rw->pass, .count = replaced, .of = of}};
    return an_graph_add(rw->to, &spec);
}

void an_rewrite_replace(an_rewrite *rw, uint32_t number, uint32_t first)
{
    const an_node *n = &rw->from->nodes[number];
    for (int k = 0; k < n->outputs; k++) rw->value[n->first + (uint32_t)k] = first + (uint32_t)k;
}

an_status an_rewrite_each(an_rewrite *rw, an_replace_fn replace, void *context)
{
    an_status status = AN_OK;
    for (uint32_t i = 1; status == AN_OK && (int64_t)i <= rw->from->node_count; i++) {
        if (replace && replace(rw, i, context))
            status = an_graph_status(rw->to);
        else
            status = an_rewrite_copy(rw, i);
    }
    return status;
}

void an_rewrite_note(an_rewrite *rw, const an_node *n, const char *reason, const char *format, ...)
{
    an_notes *notes = rw->notes;
    if (!notes) return;
    char line[600];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    an_text text = {0};
    an_at_print(n->at, &text);
    an_node_print(n, &text);
    an_text_addf(&text, ": %s", line);
    const char *kept = an_arena_string(&notes->arena, an_text_view(&text));
    an_text_free(&text);
    if (!kept || !AN_GROW(notes->at, notes->capacity, notes->count + 1)) {
        notes->failed = true;
        return;
    }
    notes->at[notes->count++] = (an_note){.pass = rw->pass, .done = !reason[0], .reason = reason,
                                          .ordinal = n->ordinal, .text = kept};
}

/* ---- the frame --------------------------------------------------------- */

/* Roots are mapped last, when every value has its successor. */
static an_status map_roots(an_rewrite *rw)
{
    const an_graph *from = rw->from;
    for (int64_t i = 0; i < from->output_count; i++) {
        const uint32_t value = rw->value[from->outputs[i].value];
        if (!value)
            return an_graph_fail(rw->to, (an_at){0}, AN_E_INTERNAL, "%s: output \"%s\" is gone",
                                 rw->pass, from->outputs[i].name);
        const an_status status = an_graph_add_output(rw->to, from->outputs[i].name, value);
        if (status != AN_OK) return status;
    }
    for (int64_t i = 0; i < from->commit_count; i++) {
        const an_commit *c = &from->commits[i];
        const an_commit now = {c->set, rw->value[c->state], rw->value[c->value],
                               rw->value[c->witness]};
        if (c->set == AN_PENDING && !now.witness) continue; /* it goes with its witness */
        if (!now.state || !now.value)
            return an_graph_fail(rw->to, (an_at){0}, AN_E_INTERNAL, "%s: an update is gone",
                                 rw->pass);
        const an_status status = an_graph_add_commit(rw->to, &now);
        if (status != AN_OK) return status;
    }
    return AN_OK;
}

an_graph *an_pass_apply(const an_pass *pass, const an_graph *from, uint32_t *value, an_notes *notes,
                        an_error *error)
{
    for (int64_t i = 0; i <= from->slot_count; i++) value[i] = 0;
    an_rewrite rw = {.pass = pass->name, .argument = pass->argument, .from = from,
                     .to = an_graph_like(from), .value = value, .notes = notes};
    if (!rw.to || !an_graph_reserve(rw.to, from->node_count + 1, from->slot_count + 1)) {
        an_graph_free(rw.to);
        an_fail(error, AN_E_MEMORY, "%s: out of memory", pass->name);
        return NULL;
    }
    an_status status = pass->run(&rw);
    if (status == AN_OK) status = map_roots(&rw);
    if (status == AN_OK) status = an_graph_status(rw.to);
    if (status == AN_OK) {
        char report[512];
        status = an_graph_verify(rw.to, report, sizeof report);
        if (status != AN_OK) an_fail(error, status, "after %s: %s", pass->name, report);
    } else {
        an_fail(error, status, "%s: %s", pass->name, an_graph_message(rw.to));
    }
    if (status == AN_OK) return rw.to;
    an_graph_free(rw.to);
    return NULL;
}
