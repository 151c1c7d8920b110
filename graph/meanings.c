/* meanings.c -- what an op without a kernel computes: its meaning.
 *
 * An op from outside may be defined by its meaning alone. A program writes it out before anything
 * else is done (passes/written_out.c); the interpreter, which runs any node by itself, builds the
 * meaning here over the operands' types and runs that.                         */
#include "graph/evaluate.h"

#include <stdio.h>
#include <string.h>

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

static an_status run_meaning(an_graph *m, const an_node *n, const an_tensor *in, const an_value *x,
                             const an_value *y, const an_tensor *out, an_error *error)
{
    an_evaluation e = {0};
    an_status status = an_evaluation_begin(&e, m, NULL);
    for (int i = 0; status == AN_OK && i < n->inputs; i++)
        if (x[i].graph)
            memcpy(e.value[x[i].id].data, in[i].data, (size_t)an_tensor_bytes(&in[i]));
    if (status == AN_OK) status = an_evaluation_run(&e);
    for (int k = 0; status == AN_OK && k < n->outputs; k++) {
        const an_tensor *made = &e.value[y[k].id];
        const int64_t bytes = an_tensor_bytes(made);
        if (made->dtype != out[k].dtype || bytes != an_tensor_bytes(&out[k]))
            status = an_fail(&e.error, AN_E_INTERNAL, "%s: its meaning is of another type than its "
                             "infer says", n->op->name);
        else if (out[k].data) memcpy(out[k].data, made->data, (size_t)bytes);
    }
    if (status != AN_OK) an_fail(error, status, "%s", e.error.text);
    an_evaluation_free(&e);
    return status;
}

an_status an_evaluate_meaning(const an_graph *g, const an_node *n, const an_tensor *in,
                              const an_tensor *out, an_error *error)
{
    an_room room;
    an_graph *m = an_graph_new("meaning");
    an_value *x = an_room_open(&room, n->inputs + (int64_t)n->outputs, sizeof *x);
    an_value *y = x ? x + n->inputs : NULL;
    an_status status = m && x && an_graph_share_ops(m, g) ? AN_OK : AN_E_MEMORY;
    if (status == AN_OK && add_operands(m, n, in, x)) {
        const an_call call = {.op = n->op, .attrs = n->attrs, .inputs = n->inputs,
                              .outputs = n->outputs, .in = x};
        n->op->rules->meaning(&call, y);
    }
    if (status == AN_OK) status = an_graph_status(m);
    for (int k = 0; status == AN_OK && k < n->outputs; k++)
        if (!y[k].graph) status = an_fail(error, AN_E_INTERNAL, "%s: its meaning leaves result %d "
                                          "out", n->op->name, k);
    if (status == AN_OK) status = run_meaning(m, n, in, x, y, out, error);
    else if (status == AN_E_MEMORY) an_fail(error, status, "out of memory");
    else an_fail(error, status, "%s", an_graph_message(m));
    an_graph_free(m);
    an_room_close(&room);
    return status;
}
