/* update.c -- update tables: which state becomes which value when a run ends.
 *
 * A pending update waits for tables. One takes it if what it is of, its witness, is among
 * what the table's values are made of; then it is a row like any other, so nothing that
 * runs, plans or rewrites a table knows of it.                                */
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

static an_status check_table(an_graph *g, const char *call, an_updates u)
{
    const bool known = u.id != 0 && (int64_t)u.id <= g->set_count;
    return known ? AN_OK : an_graph_fail(g, (an_at){0}, AN_E_ARGUMENT,
                                         "%s: no such update table", call);
}

static an_status check_update(an_graph *g, const char *call, an_value state, an_value value)
{
    if (state.graph != g || value.graph != g || an_is_poison(state) || an_is_poison(value))
        return an_graph_fail(g, (an_at){0}, AN_E_GRAPH,
                             "%s: state and value must be values of this graph", call);
    const an_node *n = an_node_of(g, state.id);
    if (!an_node_is_state(n))
        return an_graph_fail(g, n->at, AN_E_ARGUMENT,
                             "%s: only a state can be updated, not the result of %s", call,
                             n->op->name);
    if (!an_type_equal(an_slot_type(g, state.id), an_slot_type(g, value.id))) {
        an_text a = {0}, b = {0};
        an_type_print(g->dims, an_slot_type(g, state.id), &a);
        an_type_print(g->dims, an_slot_type(g, value.id), &b);
        const an_status status =
            an_graph_fail(g, n->at, AN_E_STATE, "%s: state \"%s\" is %s but its new value is %s",
                          call, n->name, an_text_view(&a), an_text_view(&b));
        an_text_free(&a);
        an_text_free(&b);
        return status;
    }
    return AN_OK;
}

/* Named are the places where the two new values were made. */
static an_status fail_twice(an_graph *g, const an_commit *made, an_value value)
{
    an_text first = {0};
    an_at_print(an_node_of(g, made->value)->at, &first);
    const int length = (int)(first.length > 2 ? first.length - 2 : 0); /* without ": " */
    const an_status status =
        an_graph_fail(g, an_node_of(g, value.id)->at, AN_E_NAME,
                      "an_updates_add: state \"%s\" is updated twice in one table%s%.*s",
                      an_node_of(g, made->state)->name, length ? ", first at " : "", length,
                      an_text_view(&first));
    an_text_free(&first);
    return status;
}

an_status an_updates_add(an_updates u, an_value state, an_value value)
{
    static const char call[] = "an_updates_add";
    an_graph *g = u.graph;
    if (!g) return AN_E_ARGUMENT;
    if (g->error.status != AN_OK) return g->error.status;
    an_status status = check_table(g, call, u);
    if (status == AN_OK) status = check_update(g, call, state, value);
    if (status != AN_OK) return status;
    const an_commit *made = an_graph_commit_of(g, u.id, state.id);
    if (made) return made->value == value.id ? AN_OK : fail_twice(g, made, value);
    return an_graph_add_commit(g, &(an_commit){.set = u.id, .state = state.id, .value = value.id});
}

an_value an_updates_value(an_updates u, an_value state)
{
    const bool known = u.graph && u.id && state.graph == u.graph && !an_is_poison(state);
    const an_commit *row = known ? an_graph_commit_of(u.graph, u.id, state.id) : NULL;
    return row ? an_value_of(u.graph, row->value) : AN_NONE;
}

an_status an_updates_join(an_updates u, an_updates more)
{
    static const char call[] = "an_updates_join";
    an_graph *g = u.graph;
    if (!g) return AN_E_ARGUMENT;
    if (g->error.status != AN_OK) return g->error.status;
    if (more.graph != g)
        return an_graph_fail(g, (an_at){0}, AN_E_GRAPH, "%s: the tables are of two graphs", call);
    an_status status = check_table(g, call, u);
    if (status == AN_OK) status = check_table(g, call, more);
    for (int64_t i = 0, count = g->commit_count; i < count && status == AN_OK; i++) {
        const an_commit c = g->commits[i];
        if (c.set == more.id)
            status = an_updates_add(u, an_value_of(g, c.state), an_value_of(g, c.value));
    }
    return status;
}

/* ---- pending updates --------------------------------------------------- */

an_status an_pending(an_value state, an_value value, an_value witness)
{
    static const char call[] = "an_pending";
    an_graph *g = state.graph;
    if (!g) return AN_E_ARGUMENT;
    if (g->error.status != AN_OK) return g->error.status;
    const an_status status = check_update(g, call, state, value);
    if (status != AN_OK) return status;
    if (witness.graph != g || an_is_poison(witness))
        return an_graph_fail(g, (an_at){0}, AN_E_GRAPH,
                             "an_pending: the witness must be a value of this graph");
    const an_commit *made = an_graph_commit_of(g, AN_PENDING, state.id);
    if (made)
        return made->value == value.id && made->witness == witness.id
                   ? AN_OK
                   : an_graph_fail(g, an_node_of(g, value.id)->at, AN_E_NAME,
                                   "an_pending: state \"%s\" has a pending update already",
                                   an_node_of(g, state.id)->name);
    return an_graph_add_commit(g, &(an_commit){AN_PENDING, state.id, value.id, witness.id});
}

/* Dropout's: whoever reads the key is to draw anew at the next run. It is made when a table
 * first needs it, so a graph that never trains has no nodes for it. */
static an_status await_random(an_graph *g, const bool *needed)
{
    const uint32_t id = an_graph_random_key(g);
    if (!id || !needed[g->slots[id].node] || an_graph_commit_of(g, AN_PENDING, id)) return AN_OK;
    const an_value key = {g, id};
    int64_t one_step[2] = {0, 1};
    const an_tensor t = an_tensor_borrow(AN_I64, AN_EXTENTS(2), one_step);
    an_graph_derive(g, "update", an_node_of(g, id));
    const an_value next = an_add(key, an_constant(g, &t));
    an_graph_derive_end(g);
    return an_pending(key, next, key);
}

static an_status take(an_updates u, const bool *needed)
{
    an_graph *g = u.graph;
    an_status status = await_random(g, needed);
    for (int64_t i = 0, count = g->commit_count; i < count && status == AN_OK; i++) {
        const an_commit c = g->commits[i];
        if (c.set != AN_PENDING || !needed[g->slots[c.witness].node]) continue;
        if (!an_graph_commit_of(g, u.id, c.state))
            status = an_graph_add_commit(g, &(an_commit){u.id, c.state, c.value, 0});
    }
    return status;
}

an_status an_updates_take_pending(an_updates u, an_value also)
{
    static const char call[] = "an_updates_take_pending";
    an_graph *g = u.graph;
    if (!g) return AN_E_ARGUMENT;
    if (g->error.status != AN_OK) return g->error.status;
    an_status status = check_table(g, call, u);
    if (status == AN_OK && also.graph && (also.graph != g || an_is_poison(also)))
        status = an_graph_fail(g, (an_at){0}, AN_E_GRAPH, "%s: that is no value of this graph",
                               call);
    if (status != AN_OK) return status;
    bool *needed = an_alloc_zeroed(g->node_count + 1);
    if (!needed) return an_graph_fail(g, (an_at){0}, AN_E_MEMORY, "%s: out of memory", call);
    if (also.graph) needed[g->slots[also.id].node] = true;
    for (int64_t i = 0; i < g->commit_count; i++)
        if (g->commits[i].set == u.id) needed[g->slots[g->commits[i].value].node] = true;
    an_graph_mark_pending(g, needed);
    status = take(u, needed);
    an_free(needed);
    return status;
}
