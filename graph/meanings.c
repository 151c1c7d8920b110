/* meanings.c -- what an op without a kernel computes: its meaning.
 *
 * An op from outside may be defined by its meaning alone. A program writes it out before anything
 * else is done (passes/inference.c); the interpreter, which runs any node by itself, builds the
 * meaning here over the operands' types and runs that. Whoever else asks an op from outside what
 * it means gets what its author returns, and it is looked at here.              */
#include "graph/evaluate.h"
#include "graph/expand.h"

#include <stdio.h>
#include <string.h>

#define DEEPEST 16 /* meanings of meanings */

static bool refuse(an_graph *to, const an_call *call, const char *why, int result)
{
    an_graph_fail(to, (an_at){0}, call->op->code ? AN_E_INTERNAL : AN_E_ARGUMENT,
                  "the meaning of %s %s (result %d)", call->op->name, why, result);
    return false;
}

bool an_meaning_fits(an_graph *to, const an_call *call, int k, const an_type *must, an_value y)
{
    return an_type_equal(must, an_slot_type(to, y.id)) ||
           refuse(to, call, "is of another type than its infer says", k);
}

bool an_meaning_write(an_graph *to, an_meaning_fn meaning, const an_call *call, an_value out[])
{
    const int64_t nodes = to->node_count, leaves = to->leaf_count;
    meaning(call, out);
    if (an_graph_status(to) != AN_OK) return false;
    for (int64_t i = nodes + 1; i <= to->node_count; i++)
        if (to->nodes[i].op == call->op) return refuse(to, call, "is made of the op itself", 0);
    if (to->leaf_count > leaves) return refuse(to, call, "makes a leaf of its own", 0);
    for (int k = 0; k < call->outputs; k++) {
        if (!out[k].graph || an_is_poison(out[k]))
            return refuse(to, call, "leaves a result out", k);
        if (out[k].graph != to) return refuse(to, call, "returns a value of another graph", k);
    }
    return true;
}

/* ---- evaluating one ----------------------------------------------------- */

static bool add_operands(an_graph *g, const an_node *n, const an_tensor *in, an_value *x)
{
    for (int i = 0; i < n->inputs; i++) {
        char name[16];
        an_shape shape = {.rank = in[i].rank};
        for (int d = 0; d < in[i].rank; d++) shape.dim[d] = in[i].extent[d];
        snprintf(name, sizeof name, "x%d", i);
        x[i] = n->in[i] ? an_input(g, name, in[i].dtype, shape) : AN_NONE;
    }
    return an_graph_status(g) == AN_OK;
}

static void write_out(an_graph *m, const an_node *n, const an_value *x, const an_tensor *out,
                      an_value *y)
{
    const an_call call = {.op = n->op, .attrs = n->attrs, .inputs = n->inputs,
                          .outputs = n->outputs, .in = x};
    if (!an_meaning_write(m, n->op->rules->meaning, &call, y)) return;
    for (int k = 0; k < n->outputs; k++) {
        an_type must = {.dtype = out[k].dtype, .shape.rank = out[k].rank};
        for (int d = 0; d < out[k].rank; d++) must.shape.dim[d] = out[k].extent[d];
        an_meaning_fits(m, &call, k, &must, y[k]);
    }
}

static an_status run_meaning(an_graph *m, int depth, const an_node *n, const an_tensor *in,
                             const an_value *x, const an_value *y, const an_tensor *out,
                             an_error *error)
{
    an_evaluation e = {.depth = depth};
    an_status status = an_evaluation_begin(&e, m, NULL);
    for (int i = 0; status == AN_OK && i < n->inputs; i++)
        if (x[i].graph)
            memcpy(e.value[x[i].id].data, in[i].data, (size_t)an_tensor_bytes(&in[i]));
    if (status == AN_OK) status = an_evaluation_run(&e);
    for (int k = 0; status == AN_OK && k < n->outputs; k++)
        if (out[k].data)
            memcpy(out[k].data, e.value[y[k].id].data, (size_t)an_tensor_bytes(&out[k]));
    if (status != AN_OK) an_fail(error, status, "%s", e.error.text);
    an_evaluation_free(&e);
    return status;
}

an_status an_evaluate_meaning(an_evaluation *e, const an_node *n, const an_tensor *in,
                              const an_tensor *out)
{
    if (e->depth == DEEPEST)
        return an_fail(&e->error, AN_E_LIMIT, "meanings need meanings %d deep", DEEPEST);
    an_room room;
    an_graph *m = an_graph_new("meaning");
    an_value *x = an_room_open(&room, n->inputs + (int64_t)n->outputs, sizeof *x);
    an_value *y = x ? x + n->inputs : NULL;
    an_status status = m && x && an_graph_share_ops(m, e->graph) ? AN_OK : AN_E_MEMORY;
    if (status == AN_OK && add_operands(m, n, in, x)) write_out(m, n, x, out, y);
    if (status == AN_OK) status = an_graph_status(m);
    if (status == AN_OK) status = run_meaning(m, e->depth + 1, n, in, x, y, out, &e->error);
    else if (status == AN_E_MEMORY) an_fail(&e->error, status, "out of memory");
    else an_fail(&e->error, status, "%s", an_graph_message(m));
    an_graph_free(m);
    an_room_close(&room);
    return status;
}
