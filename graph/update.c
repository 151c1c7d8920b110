/* update.c -- update tables: which state becomes which value when a run ends. */
#include "graph/ir.h"

an_updates an_updates_new(an_graph *g, const char *name)
{
    if (!g || g->error.status != AN_OK) return (an_updates){g, 0};
    /* The text form tells tables apart by name. */
    an_text unique = {0};
    an_text_add(&unique, name && name[0] ? name : "update");
    while (!unique.failed && an_graph_set(g, an_text_view(&unique))) an_text_add(&unique, "_");
    const an_updates u = {g, an_graph_add_set(g, an_text_view(&unique))};
    an_text_free(&unique);
    return u;
}

an_updates an_updates_at(an_graph *g, int64_t i)
{
    const bool known = g && i >= 0 && i < g->set_count;
    return (an_updates){g, known ? (uint32_t)i + 1 : 0};
}

const char *an_updates_name(const an_graph *g, int64_t i)
{
    return g && i >= 0 && i < g->set_count ? g->sets[i + 1] : NULL;
}

static an_status check_update(an_graph *g, an_updates u, an_value state, an_value value)
{
    if (u.id == 0 || (int64_t)u.id > g->set_count)
        return an_graph_fail(g, (an_at){0}, AN_E_ARGUMENT, "an_updates_add: no such update table");
    if (state.graph != g || value.graph != g || an_is_poison(state) || an_is_poison(value))
        return an_graph_fail(g, (an_at){0}, AN_E_GRAPH,
                             "an_updates_add: state and value must be values of this graph");
    const an_node *n = an_node_of(g, state.id);
    if (!an_node_is_state(n))
        return an_graph_fail(g, n->at, AN_E_ARGUMENT,
                             "an_updates_add: only a state can be updated, not the result of %s",
                             n->op->name);
    if (!an_type_equal(an_slot_type(g, state.id), an_slot_type(g, value.id))) {
        an_text a = {0}, b = {0};
        an_type_print(g->dims, an_slot_type(g, state.id), &a);
        an_type_print(g->dims, an_slot_type(g, value.id), &b);
        const an_status status =
            an_graph_fail(g, n->at, AN_E_STATE,
                          "an_updates_add: state \"%s\" is %s but its new value is %s", n->name,
                          an_text_view(&a), an_text_view(&b));
        an_text_free(&a);
        an_text_free(&b);
        return status;
    }
    return AN_OK;
}

an_status an_updates_add(an_updates u, an_value state, an_value value)
{
    an_graph *g = u.graph;
    if (!g) return AN_E_ARGUMENT;
    if (g->error.status != AN_OK) return g->error.status;
    const an_status status = check_update(g, u, state, value);
    if (status != AN_OK) return status;
    const an_commit *made = an_graph_commit_of(g, u.id, state.id);
    if (made)
        return made->value == value.id
                   ? AN_OK
                   : an_graph_fail(g, an_node_of(g, value.id)->at, AN_E_NAME,
                                   "an_updates_add: state \"%s\" is updated twice in one table",
                                   an_node_of(g, state.id)->name);
    return an_graph_add_commit(g, u.id, state.id, value.id);
}

an_status an_updates_advance_random(an_updates u)
{
    an_graph *g = u.graph;
    if (!g) return AN_E_ARGUMENT;
    if (g->error.status != AN_OK || !g->random_key) return g->error.status;
    const an_value key = {g, g->random_key};
    if (!g->random_next) {
        int64_t one_step[2] = {0, 1};
        const an_tensor t = an_tensor_borrow(AN_I64, AN_EXTENTS(2), one_step);
        an_graph_derive(g, "update", an_node_of(g, key.id));
        g->random_next = an_add(key, an_constant(g, &t)).id;
        an_graph_derive_end(g);
    }
    return an_updates_add(u, key, (an_value){g, g->random_next});
}
