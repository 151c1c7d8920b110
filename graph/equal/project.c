/* project.c -- see project.h. */
#include "graph/equal/project.h"

#include "core/text.h"
#include "graph/passes/pipeline.h"


/* Nodes that the loss may be made of: each path by which a gradient could leave them
 * has rules all the way. stop_gradient and one_hot have no such path and end it. */
static void mark_differentiable(const an_graph *g, bool *good)
{
    for (int64_t i = 1; i <= g->node_count; i++) {
        const an_node *n = &g->nodes[i];
        const an_op_rules *rules = n->op->rules;
        bool leaves = false, ok = true;
        for (int k = 0; k < n->inputs; k++) {
            const bool constant = an_has_operand(rules->constant_in, k);
            if (!n->in[k] || constant) continue;
            if (!an_dtype_is_float(an_slot_type(g, n->in[k])->dtype)) continue;
            leaves = true;
            ok = ok && good[g->slots[n->in[k]].node];
        }
        good[i] = ok && (!leaves || rules->grad || rules->meaning);
    }
}

/* A name that the graph has not: ticks are added until it is one. NULL if memory is out, and
 * the graph says so. */
static const char *free_name(an_graph *g, const char *prefix, const char *name,
                             bool taken(const an_graph *g, const char *name), an_text *out)
{
    an_text_addf(out, "%s%s", prefix, name);
    while (!out->failed && taken(g, an_text_view(out))) an_text_add(out, "'");
    if (!out->failed) return an_text_view(out);
    an_graph_fail(g, (an_at){0}, AN_E_MEMORY, "out of memory");
    return NULL;
}

static bool is_leaf_name(const an_graph *g, const char *name)
{
    return an_graph_leaf(g, name) != 0;
}

static bool is_output_name(const an_graph *g, const char *name)
{
    return an_graph_root(g, name) != 0;
}

/* sum over outputs of sum(y * r), r an input named after the output. */
static an_value projection(an_graph *g, const bool *good)
{
    an_value loss = AN_NONE;
    for (int64_t i = 0; i < g->output_count; i++) {
        const an_value y = {g, g->outputs[i].value};
        const an_type type = an_type_of(y);
        if (!an_dtype_is_float(type.dtype) || !good[g->slots[y.id].node]) continue;
        an_text name = {0};
        const char *word = free_name(g, "cotangent of ", g->outputs[i].name, is_leaf_name, &name);
        const an_value r = word ? an_input(g, word, type.dtype, type.shape) : AN_NONE;
        an_text_free(&name);
        if (!word) return AN_NONE;
        an_value term = an_sum_axes(an_mul(y, r), AN_ALL_AXES, false);
        if (!loss.graph) {
            loss = term;
            continue;
        }
        if (an_type_of(term).dtype != an_type_of(loss).dtype)
            term = an_cast(term, an_type_of(loss).dtype);
        loss = an_add(loss, term);
    }
    return loss;
}

/* The float leaves that the loss depends on, up to `count` of them. */
static int64_t collect_leaves(const an_graph *g, an_value loss, int64_t leaves, an_value *out)
{
    bool *needed = an_alloc_zeroed(g->node_count + 1);
    if (!needed) return -1;
    needed[g->slots[loss.id].node] = true;
    an_graph_mark_needed(g, needed);
    int64_t count = 0;
    for (int64_t i = 0; i < leaves; i++) {
        const uint32_t v = g->leaves[i].value;
        if (needed[g->slots[v].node] && an_dtype_is_float(an_slot_type(g, v)->dtype))
            out[count++] = an_value_of(g, v);
    }
    an_free(needed);
    return count;
}

static an_status append_gradients(an_graph *g)
{
    const int64_t leaves = g->leaf_count; /* before the projections come in */
    bool *good = an_alloc_zeroed(g->node_count + 1);
    an_value *wrt = an_alloc_zeroed((2 * leaves + 1) * (int64_t)sizeof *wrt);
    an_status status = good && wrt ? AN_OK : AN_E_MEMORY;
    if (status == AN_OK) {
        mark_differentiable(g, good);
        const an_value loss = projection(g, good);
        const int64_t count = loss.graph && loss.id ? collect_leaves(g, loss, leaves, wrt) : 0;
        an_value *out = wrt + leaves;
        if (count < 0) status = AN_E_MEMORY;
        if (count > 0) status = an_gradients(loss, wrt, (int)count, out);
        for (int64_t i = 0; status == AN_OK && i < count; i++) {
            an_text name = {0};
            const char *word = free_name(g, AN_GRADIENT_PREFIX, an_node_of(g, wrt[i].id)->name,
                                         is_output_name, &name);
            status = word ? an_graph_output(out[i], word) : AN_E_MEMORY;
            an_text_free(&name);
        }
    }
    an_free(good);
    an_free(wrt);
    return status == AN_OK ? an_graph_status(g) : status;
}

an_graph *an_project_gradients(const an_graph *g, bool fuse_again, an_error *error)
{
    an_error why = {0};
    an_graph *copy = an_pipeline_copy(g, &why);
    an_status status = copy ? append_gradients(copy) : why.status;
    if (status != AN_OK) {
        an_fail(error, status, "cannot differentiate: %s",
                copy ? an_graph_message(copy) : why.text);
        an_graph_free(copy);
        return NULL;
    }
    if (!fuse_again) return copy;
    an_optimised *fused = an_optimise(.graph = copy);
    an_graph *result = an_optimised_take(fused);
    if (!result) an_fail(error, an_optimised_status(fused), "%s", an_optimised_message(fused));
    an_optimised_free(fused);
    an_graph_free(copy);
    return result;
}
