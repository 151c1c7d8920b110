/* inference.c -- ops become what they mean outside training.
 *
 * Each op's record says so itself (`inference`); dropout, for one, becomes its
 * input. Asked for by `.inference = true`; not bit-exact by its nature.      */
#include "graph/passes/rewrite.h"

static bool infer(an_rewrite *rw, uint32_t number, void *context)
{
    (void)context;
    const an_node *n = &rw->from->nodes[number];
    const an_op_rules *rules = n->op->rules;
    if (!rules->inference || n->inputs > 16) return false;
    an_value in[16], out[AN_MAX_OUTPUTS] = {0};
    for (int i = 0; i < n->inputs; i++)
        in[i] = n->in[i] ? an_value_of(rw->to, rw->value[n->in[i]]) : AN_NONE;
    const an_call call = {.op = n->op, .attrs = n->attrs, .inputs = n->inputs,
                          .outputs = n->outputs, .in = in};
    an_graph_derive(rw->to, rw->pass, n);
    rules->inference(&call, out);
    an_graph_derive_end(rw->to);
    for (int k = 0; k < n->outputs; k++) rw->value[n->first + (uint32_t)k] = out[k].id;
    return true;
}

an_status an_pass_inference(an_rewrite *rw)
{
    return an_rewrite_each(rw, infer, NULL);
}
