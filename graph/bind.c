/* bind.c -- from the extents of names to all extents, and what nodes then find wrong with them.
 *
 * What does not fit is told of the node that asked for it, at its place in the user's program: a
 * slice past the end of a table, a type whose extent would be negative. In a training graph, too,
 * where the first to be negative may be an extent of a gradient.             */
#include "graph/ir.h"

/* "pos.c:12: error AN-E021 [encoder] slice: why" */
static an_status fail(const an_node *n, an_status status, const char *why, an_error *e)
{
    an_text t = {0};
    an_at_print(n->at, &t);
    an_text_addf(&t, "error AN-E%03d ", (int)status);
    if (n->scope[0]) an_text_addf(&t, "[%s] ", n->scope);
    an_text_addf(&t, "%s: %s", n->op->name, an_after_code(why));
    status = an_fail_text(e, status, an_text_view(&t));
    an_text_free(&t);
    return status;
}

/* Whether a node's attributes fit, and else why not, with its operand 0 called `x`. */
static bool fits(const an_graph *g, const an_node *n, const int64_t *extent, const char *x,
                 an_text *why)
{
    return !n->op->rules->fits || !n->in[0] ||
           n->op->rules->fits(n->attrs, &an_slot_type(g, n->in[0])->shape, g->dims, extent, x, why);
}

/* The first node whose attributes do not fit; 0: none. The operand's name is made for that one
 * alone. */
static uint32_t misfit(const an_graph *g, const int64_t *extent, an_text *why)
{
    uint32_t i = 1;
    while ((int64_t)i <= g->node_count && fits(g, &g->nodes[i], extent, "", why)) i++;
    if ((int64_t)i > g->node_count) return 0;
    an_text x = {0};
    an_node_print(an_node_of(g, g->nodes[i].in[0]), &x);
    an_text_clear(why);
    fits(g, &g->nodes[i], extent, an_text_view(&x), why);
    an_text_free(&x);
    return i;
}

/* The first node with a result that has such a dim. */
static uint32_t first_with(const an_graph *g, an_dim d)
{
    for (uint32_t i = 1; (int64_t)i <= g->node_count; i++)
        for (int k = 0; k < g->nodes[i].outputs; k++) {
            const an_shape *shape = &an_slot_type(g, g->nodes[i].first + (uint32_t)k)->shape;
            for (int a = 0; a < shape->rank; a++)
                if (shape->dim[a] == d) return i;
        }
    return 0;
}

an_status an_graph_extents(const an_graph *g, const int64_t *bound, int64_t *extent, an_error *e)
{
    an_error error = {0};
    an_dim culprit;
    const an_status status = an_dims_bind_all(g->dims, bound, extent, &culprit, &error);
    if (status != AN_OK && culprit == AN_DIM_BAD) return an_fail_text(e, status, error.text);
    an_text why = {0};
    const uint32_t number = misfit(g, extent, &why);
    an_status told = AN_OK;
    if (number) {
        told = fail(&g->nodes[number], AN_E_BINDING, an_text_view(&why), e);
    } else if (status != AN_OK) {
        const uint32_t with = first_with(g, culprit);
        if (with) told = fail(&g->nodes[with], status, error.text, e);
        else told = an_fail_text(e, status, error.text);
    }
    an_text_free(&why);
    return told;
}
