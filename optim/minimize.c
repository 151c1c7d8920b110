/* minimize.c -- from a loss to an update table: which states, and their gradients.
 *
 * All that comes behind the gradients is apply.c's.                          */
#include "optim/apply.h"

/* ---- what is minimised by ---------------------------------------------- */

/* Marks the nodes the loss depends on. */
static bool *ancestors(const an_graph *g, uint32_t loss)
{
    bool *needed = an_alloc_zeroed(g->node_count + 1);
    if (!needed) return NULL;
    needed[g->slots[loss].node] = true;
    an_graph_mark_needed(g, needed);
    return needed;
}

static void choose_all(an_applying *a, const bool *needed)
{
    const an_graph *g = a->g;
    for (int64_t i = 0; i < g->leaf_count; i++) {
        const uint32_t v = g->leaves[i].value;
        const an_node *n = an_node_of(g, v);
        if (an_node_is_state(n) && needed[g->slots[v].node] && !n->attrs->frozen &&
            an_dtype_is_float(an_slot_type(g, v)->dtype))
            a->state[a->count++] = an_value_of(g, v);
    }
}

static an_status choose_given(an_applying *a, const an_minimize_args *args)
{
    for (int i = 0;
         args->wrt_list ? i < args->wrt_count : i < AN_MAX_NAMED && args->wrt[i].graph; i++) {
        const an_value v = args->wrt_list ? args->wrt_list[i] : args->wrt[i];
        if (v.graph != a->g || !an_is_state(v))
            return an_graph_fail(a->g, a->at, AN_E_GRAPH,
                                 "an_minimize: wrt[%d] is no state of the loss's graph", i);
        a->state[a->count++] = v;
    }
    return AN_OK;
}

static an_status choose(an_applying *a, const an_minimize_args *args)
{
    an_status status = AN_OK;
    if (args->wrt_list || args->wrt[0].graph) {
        status = choose_given(a, args);
    } else {
        bool *needed = ancestors(a->g, args->loss.id);
        if (!needed) return an_graph_fail(a->g, a->at, AN_E_MEMORY, "an_minimize: out of memory");
        choose_all(a, needed);
        an_free(needed);
    }
    if (status == AN_OK && a->count == 0)
        status = an_graph_fail(a->g, a->at, AN_E_GRADIENT,
                               "an_minimize: the loss depends on no state that may change\n  hint: "
                               "make weights with an_nn_... or an_state, or thaw them");
    return status;
}

/* ---- gradients --------------------------------------------------------- */

/* Of all that no group freezes. */
static an_status differentiate(an_applying *a, an_value loss, bool all_reduce)
{
    const int64_t bytes = 2 * a->count * (int64_t)sizeof(an_value);
    an_value *wrt = an_alloc_zeroed(bytes), *out = wrt ? wrt + a->count : NULL;
    if (!wrt) return an_graph_fail(a->g, a->at, AN_E_MEMORY, "an_minimize: out of memory");
    int wanted = 0, taken = 0;
    for (int i = 0; i < a->count; i++)
        if (!an_applying_is_frozen(a, i)) wrt[wanted++] = a->state[i];
    const an_status status = wanted > 0
        ? an_gradients(loss, wrt, wanted, out)
        : an_graph_fail(a->g, a->at, AN_E_GRADIENT, "an_minimize: the groups freeze every state");
    for (int i = 0; i < a->count && status == AN_OK; i++)
        if (!an_applying_is_frozen(a, i)) {
            a->gradient[i] = all_reduce ? an_all_reduce_at(a->at, out[taken], true) : out[taken];
            taken++;
        }
    an_free(wrt);
    return status == AN_OK ? an_graph_status(a->g) : status;
}

an_updates an_minimize_with(const an_minimize_args *args)
{
    an_graph *g = args ? args->loss.graph : NULL;
    const an_updates none = {g, 0};
    if (!g || g->error.status != AN_OK) return none;
    if (an_is_poison(args->loss)) {
        an_graph_fail(g, args->at, AN_E_GRAPH, "an_minimize: the loss is no value");
        return none;
    }
    an_applying a = {.call = "an_minimize", .at = args->at, .g = g, .o = args->optimizer,
                     .clip_norm = args->clip_norm, .accumulate = args->accumulate,
                     .into = args->into, .also = args->loss, .groups = args->group_list,
                     .group_count = args->group_count};
    const int64_t room = g->leaf_count + AN_MAX_NAMED + (args->wrt_count > 0 ? args->wrt_count : 0);
    an_status status = an_applying_begin(&a, room, args->groups);
    if (status == AN_OK) status = choose(&a, args);
    if (status == AN_OK) status = an_groups_assign(&a);
    if (status == AN_OK) status = differentiate(&a, args->loss, args->all_reduce);
    const an_updates up = status == AN_OK ? an_applying_emit(&a) : none;
    an_applying_end(&a);
    return an_graph_status(g) == AN_OK ? up : none;
}
