/* inference.c -- ops become what they mean: in training or outside it, because they have no
 * kernel, or because someone wants to see what a fused one stands for.
 *
 * Each op's record says so itself. Outside training (`inference`) dropout, for one, becomes its
 * input; asked for by `.inference = true`, and not bit-exact by its nature. The leaf `training` is
 * false then; every other program has it true. An op from outside may have no kernel: then it is
 * its meaning, which a program writes out first.                               */
#include "graph/expand.h"
#include "graph/passes/rewrite.h"

static bool write_out(an_rewrite *rw, const an_node *n, an_meaning_fn meaning)
{
    an_arena scrap = {0};
    an_value *in = an_arena_alloc(&scrap, (n->inputs + n->outputs) * (int64_t)sizeof *in);
    an_value *out = in ? in + n->inputs : NULL;
    if (!in) an_graph_fail(rw->to, n->at, AN_E_MEMORY, "out of memory");
    for (int i = 0; in && i < n->inputs; i++)
        in[i] = n->in[i] ? an_value_of(rw->to, rw->value[n->in[i]]) : AN_NONE;
    const an_call call = {.op = n->op, .attrs = n->attrs, .inputs = n->inputs,
                          .outputs = n->outputs, .in = in};
    an_graph_derive(rw->to, rw->pass, n);
    const bool good = out && an_meaning_write(rw->to, meaning, &call, out);
    an_graph_derive_end(rw->to);
    for (int k = 0; good && k < n->outputs; k++) {
        an_meaning_fits(rw->to, &call, k, an_slot_type(rw->from, n->first + (uint32_t)k), out[k]);
        rw->value[n->first + (uint32_t)k] = out[k].id;
    }
    an_arena_free(&scrap);
    return true;
}

static bool say_training(an_rewrite *rw, uint32_t number, bool trains)
{
    const an_node *n = &rw->from->nodes[number];
    if (!an_is_op(n, AN_OP_training)) return false;
    const an_attrs attrs = {.dtype = AN_BOOL, .data = {1, &trains}};
    const uint32_t literal =
        an_rewrite_add(rw, n, an_op(AN_OP_constant), NULL, 0, &attrs, &n->ordinal, 1);
    if (literal) an_rewrite_replace(rw, number, literal);
    return true;
}

static bool train(an_rewrite *rw, uint32_t number, void *context)
{
    (void)context;
    return say_training(rw, number, true);
}

an_status an_pass_training(an_rewrite *rw)
{
    rw->to->trains = true;
    return an_rewrite_each(rw, train, NULL);
}

static bool infer(an_rewrite *rw, uint32_t number, void *context)
{
    (void)context;
    const an_node *n = &rw->from->nodes[number];
    if (say_training(rw, number, false)) return true;
    return n->op->rules->inference && write_out(rw, n, n->op->rules->inference);
}

an_status an_pass_inference(an_rewrite *rw)
{
    return an_rewrite_each(rw, infer, NULL);
}

static bool give_kernel(an_rewrite *rw, uint32_t number, void *context)
{
    (void)context;
    const an_node *n = &rw->from->nodes[number];
    return an_op_is_meaning(n->op) && write_out(rw, n, n->op->rules->meaning);
}

an_status an_pass_written_out(an_rewrite *rw)
{
    return an_rewrite_each(rw, give_kernel, NULL);
}

static bool take_apart(an_rewrite *rw, uint32_t number, void *context)
{
    (void)context;
    const an_node *n = &rw->from->nodes[number];
    if (n->op->category != AN_CATEGORY_FUSED || !n->op->rules->meaning) return false;
    an_rewrite_note(rw, n, "", "%s is the ops that it stands for", n->op->name);
    return write_out(rw, n, n->op->rules->meaning);
}

an_status an_pass_unfuse(an_rewrite *rw)
{
    return an_rewrite_each(rw, take_apart, NULL);
}
