/* average.c -- decaying averages of the weights, and evaluating by them.
 *
 * An average asks the table for a weight's new value, so it is one of the weights after this
 * step, not before it.                                                       */
#include "optim/apply.h"

#include "graph/run/store.h"

static const char usual_name[] = "ema";

typedef struct averaging {
    const an_average_args *args;
    an_graph *g;
    an_updates u;
    an_value when;     /* at which runs, AN_NONE: at all */
    const char *timer; /* whose step said so */
    an_value share[2]; /* of the new value, as f32 and f64 */
} averaging;

static an_status fail(const averaging *x, an_status status, const char *why, const char *name)
{
    return an_graph_fail(x->g, x->args->at, status, "an_average: \"%s\" %s", name, why);
}

/* (1 - decay) / (1 - decay^t), in double: in f32 that of a late step would be off. */
static void make_share(averaging *x)
{
    const an_at at = x->args->at;
    const an_init zeros = {AN_INIT_ZEROS, 0, 0};
    const an_value had = an_state_at(at, x->g, "step", AN_I64, AN_SCALAR, zeros);
    const an_value t = an_add_at(at, had, an_number_at(at, had, 1));
    const an_value decay = an_fill_at(at, x->g, AN_F64, AN_SCALAR, x->args->decay);
    const an_value one = an_number_at(at, decay, 1);
    const an_value power = an_power_at(at, decay, an_cast_at(at, t, AN_F64));
    x->share[1] = an_div_at(at, an_sub_at(at, one, decay), an_sub_at(at, one, power));
    x->share[0] = an_cast_at(at, x->share[1], AN_F32);
    an_updates_add(x->u, had, an_is_none(x->when) ? t : an_where_at(at, x->when, t, had));
}

static an_status average_one(averaging *x, an_value w)
{
    const an_at at = x->args->at;
    const char *name = an_node_of(x->g, w.id)->name;
    const an_commit *row = an_graph_commit_of(x->g, x->u.id, w.id);
    an_taken taken = {.when = AN_NONE};
    if (!row) return fail(x, AN_E_STATE, "is not updated by the table", name);
    const an_value next = an_value_of(x->g, row->value);
    const an_type type = an_type_of(w);
    if (!an_dtype_is_float(type.dtype)) return fail(x, AN_E_DTYPE, "holds no floats", name);
    an_taken_apart(x->g, row, &taken);
    if (!x->timer) {
        x->timer = name;
        x->when = taken.when;
        make_share(x);
    } else if (taken.when.graph != x->when.graph || taken.when.id != x->when.id) {
        return an_graph_fail(x->g, at, AN_E_STATE, "an_average: \"%s\" and \"%s\" take their steps "
                             "at different runs\n  hint: average them by calls of their own",
                             x->timer, name);
    }
    const an_value old = an_state_at(at, x->g, name, type.dtype, type.shape,
                                     (an_init){AN_INIT_ZEROS, 0, 0});
    const an_value in[] = {old, next, x->share[type.dtype == AN_F64], x->when};
    return an_updates_add(x->u, old, an_emit(at, AN_OP_average_step, in, 4, NULL));
}

static an_status average_given(averaging *x)
{
    const an_average_args *a = x->args;
    an_status status = AN_OK;
    for (int i = 0; status == AN_OK && (a->state_list ? i < a->count
                                                      : i < AN_MAX_NAMED && a->state[i].graph);
         i++) {
        const an_value w = a->state_list ? a->state_list[i] : a->state[i];
        status = w.graph == x->g && an_is_state(w)
                     ? average_one(x, w)
                     : an_graph_fail(x->g, a->at, AN_E_GRAPH,
                                     "an_average: state[%d] is no state of the table's graph", i);
    }
    return status;
}

static an_status average_all(averaging *x)
{
    an_status status = AN_OK;
    an_taken taken;
    for (int64_t i = 0, count = x->g->commit_count; i < count && status == AN_OK; i++) {
        const an_commit row = x->g->commits[i];
        if (row.set == x->u.id && an_taken_apart(x->g, &row, &taken))
            status = average_one(x, an_value_of(x->g, row.state));
    }
    return status;
}

an_status an_average_with(const an_average_args *args)
{
    an_graph *g = args ? args->updates.graph : NULL;
    if (!g) return AN_E_ARGUMENT;
    if (g->error.status != AN_OK) return g->error.status;
    averaging x = {.args = args, .g = g, .u = args->updates};
    if (!x.u.id || x.u.id > g->set_count)
        return an_graph_fail(g, args->at, AN_E_ARGUMENT, "an_average: no such update table");
    if (!(args->decay > 0 && args->decay < 1))
        return an_graph_fail(g, args->at, AN_E_ARGUMENT, "an_average: .decay %g is not above 0 and "
                             "below 1", args->decay);
    const an_value any = {g, 0};
    an_scope_open_unique(any, args->name && args->name[0] ? args->name : usual_name);
    an_graph_derive(g, "update", NULL);
    g->origin_at = args->at;
    an_status status =
        args->state_list || args->state[0].graph ? average_given(&x) : average_all(&x);
    if (status == AN_OK && !x.timer)
        status = an_graph_fail(g, args->at, AN_E_STATE, "an_average: the table steps no state");
    an_graph_derive_end(g);
    if (status == AN_OK) an_graph_freeze(g, g->scope, true);
    an_scope_close(any);
    return an_graph_status(g);
}

/* ---- evaluating by them ------------------------------------------------ */

/* What `from` has for the state: its average, else itself; NULL: neither. False if memory is
 * out. */
static bool find_source(an_store *from, const char *scope, const char *state,
                        const an_tensor **source, bool *average)
{
    an_text name = {0};
    an_text_addf(&name, "%s/%s", scope, state);
    const bool good = !name.failed;
    *source = good ? an_store_view(from, an_text_view(&name)) : NULL;
    *average = *source != NULL;
    if (!*source) *source = an_store_view(from, state);
    an_text_free(&name);
    return good;
}

static an_status gather(an_store *to, an_store *from, const char *scope, an_named_tensor *values,
                        int64_t *count, an_error *e)
{
    int64_t averages = 0;
    for (int64_t i = 0; i < an_store_count(to); i++) {
        const char *name = an_store_name(to, i);
        bool average;
        const an_tensor *source;
        if (!find_source(from, scope, name, &source, &average))
            return an_fail(e, AN_E_MEMORY, "an_store_take_averages: out of memory");
        averages += average;
        if (source && (average || to != from))
            values[(*count)++] = (an_named_tensor){.name = name, .tensor = *source};
    }
    return averages ? AN_OK
                    : an_fail(e, AN_E_STATE, "an_store_take_averages: no state has an average "
                              "\"%s/...\"\n  hint: compile what evaluates first, then its states "
                              "are there", scope);
}

/* Both stores are held. */
static an_status take(an_store *to, an_store *from, const char *scope, an_error *e)
{
    int64_t count = 0;
    an_named_tensor *values =
        an_alloc_zeroed((an_store_count(to) + 1) * (int64_t)sizeof *values);
    if (!values) return an_fail(e, AN_E_MEMORY, "an_store_take_averages: out of memory");
    an_status status = gather(to, from, scope, values, &count, e);
    if (status == AN_OK) status = an_store_take(to, values, count);
    an_free(values);
    return status;
}

an_status an_store_take_averages(an_store *to, an_store *from, const char *name)
{
    if (!to || !from) return AN_E_ARGUMENT;
    an_error *e = an_store_begin(to);
    if (!e) return AN_E_BUSY;
    const bool two = to != from;
    an_status status = !two || an_store_enter(from)
                           ? AN_OK
                           : an_fail(e, AN_E_BUSY, "an_store_take_averages: the store that has the "
                                                   "averages is in use");
    if (status == AN_OK) {
        status = take(to, from, name && name[0] ? name : usual_name, e);
        if (two) an_store_leave(from);
    }
    an_store_leave(to);
    return status;
}
