/* apply.c -- from gradients to an update table.
 *
 * In order: the step counter, the sums over batches, the clipping factor, and for each
 * parameter its rate and one optimizer step. The factor goes into the step as an operand,
 * so clipping costs no sweep over the gradients, and neither does the mean over batches.
 *
 * Accumulating, a run adds to the sums, and steps ask whether the batch is their last. */
#include "optim/apply.h"

#include <math.h>

/* ---- the call's arguments ---------------------------------------------- */

static an_optimizer with_defaults(const an_optimizer *given)
{
    an_optimizer o = *given;
    static const char *const names[] = {"sgd", "adam", "adamw", "rmsprop", "adagrad"};
    if (!o.name || !o.name[0]) o.name = names[(unsigned)o.kind <= AN_ADAGRAD ? o.kind : AN_ADAM];
    /* As floats, which attributes are: f64 graphs have trained with these. */
    if (o.rate == 0) o.rate = (double)(o.kind == AN_SGD ? 0.01f : 0.001f);
    if (o.beta1 == 0) o.beta1 = (double)0.9f;
    if (o.beta2 == 0) o.beta2 = (double)0.999f;
    if (o.rho == 0) o.rho = (double)0.9f;
    if (o.eps == 0) o.eps = (double)1e-7f;
    if (o.schedule.peak == 0) o.schedule.peak = o.rate;
    return o;
}

/* What ops do not ask, as these are no attributes of theirs. */
static an_status check_numbers(const an_applying *a)
{
    const double rate = a->o.rate, clip_norm = a->clip_norm, first = a->o.first_sum;
    if (!isfinite(rate) || rate < 0)
        return an_graph_fail(a->g, a->at, AN_E_ARGUMENT,
                             "%s: .rate %g is not finite and at least 0", a->call, rate);
    if (!isfinite(clip_norm) || clip_norm < 0)
        return an_graph_fail(a->g, a->at, AN_E_ARGUMENT,
                             "%s: .clip_norm %g is not finite and at least 0\n  hint: 0 "
                             "does not clip", a->call, clip_norm);
    if (!isfinite(first) || first < 0)
        return an_graph_fail(a->g, a->at, AN_E_ARGUMENT,
                             "%s: .first_sum %g is not finite and at least 0", a->call, first);
    if (a->accumulate < 0)
        return an_graph_fail(a->g, a->at, AN_E_ARGUMENT,
                             "%s: .accumulate %lld is negative\n  hint: it is the number of "
                             "batches of one step", a->call, (long long)a->accumulate);
    const bool joins = a->into.graph != NULL;
    if (joins && (a->into.graph != a->g || !a->into.id || a->into.id > a->g->set_count))
        return an_graph_fail(a->g, a->at, AN_E_GRAPH,
                             "%s: .into is no update table of this graph", a->call);
    return AN_OK;
}

an_status an_applying_begin(an_applying *a, int64_t room, const an_group *inline_groups)
{
    a->o = with_defaults(&a->o);
    const an_status status = check_numbers(a);
    if (status != AN_OK) return status;
    if (a->accumulate == 0) a->accumulate = 1;
    if (!a->groups) {
        a->groups = inline_groups;
        a->group_count = 0;
        for (const an_group *x = a->groups; a->group_count < AN_MAX_GROUPS &&
                                            (an_group_chooses(x) || an_group_changes(x)); x++)
            a->group_count++;
    }
    const int64_t rates = a->group_count > 0 ? 2 * (int64_t)a->group_count + 2 : 2;
    a->state = an_alloc_zeroed(room * (int64_t)sizeof *a->state);
    a->gradient = an_alloc_zeroed(room * (int64_t)sizeof *a->gradient);
    a->group = an_alloc_zeroed(room * (int64_t)sizeof *a->group);
    a->rate = an_alloc_zeroed(rates * (int64_t)sizeof *a->rate);
    return a->state && a->gradient && a->group && a->rate
               ? AN_OK
               : an_graph_fail(a->g, a->at, AN_E_MEMORY, "%s: out of memory", a->call);
}

void an_applying_end(an_applying *a)
{
    an_free(a->state);
    an_free(a->gradient);
    an_free(a->group);
    an_free(a->rate);
}

bool an_applying_is_frozen(const an_applying *a, int i)
{
    return a->group[i] >= 0 && a->groups[a->group[i]].frozen;
}

/* ---- the optimizer's own states ---------------------------------------- */

an_value an_own_state(an_applying *a, const char *name, an_type type, double first)
{
    const an_init init = {first != 0 ? AN_INIT_CONSTANT : AN_INIT_ZEROS, first, 0};
    return an_state_at(a->at, a->g, name, type.dtype, type.shape, init);
}

an_value an_own_moment(an_applying *a, an_value param, const char *which, double first)
{
    an_text name = {0};
    an_text_addf(&name, "%s/%s", an_node_of(a->g, param.id)->name, which);
    const an_value v = an_own_state(a, an_text_view(&name), an_type_of(param), first);
    an_text_free(&name);
    return v;
}

/* ---- steps and batches ------------------------------------------------- */

static an_value counted(an_applying *a, an_value before)
{
    return an_add_at(a->at, before, an_number_at(a->at, before, 1));
}

static void count_steps(an_applying *a)
{
    const an_at at = a->at;
    const an_type counter = {AN_I64, AN_SCALAR};
    const an_value before = an_own_state(a, "step", counter, 0);
    a->step = counted(a, before);
    if (a->accumulate < 2) {
        an_updates_add(a->up, before, a->step);
        return;
    }
    const an_value had = an_own_state(a, "batches", counter, 0), have = counted(a, had);
    const an_value none = an_number_at(at, had, 0);
    a->first = an_compare_at(at, had, AN_EQ, none);
    a->last = an_compare_at(at, have, AN_GE, an_number_at(at, have, (double)a->accumulate));
    an_updates_add(a->up, had, an_where_at(at, a->last, none, have));
    an_updates_add(a->up, before, an_where_at(at, a->last, a->step, before));
}

/* From here on a gradient is the sum over the batches since the last step. */
static void add_up(an_applying *a)
{
    for (int i = 0; i < a->count; i++) {
        if (an_applying_is_frozen(a, i)) continue;
        const an_value had = an_own_moment(a, a->state[i], "total", 0);
        const an_value in[] = {had, a->gradient[i], a->first};
        a->gradient[i] = an_emit(a->at, AN_OP_sum_step, in, 3, NULL);
        an_updates_add(a->up, had, a->gradient[i]);
    }
}

/* ---- what all gradients are multiplied by ------------------------------ */

/* The length of all gradients together, and the factor that brings it to what is asked for. */
static void clip(an_applying *a)
{
    an_value *x = an_alloc(a->count * (int64_t)sizeof *x);
    if (!x) {
        an_graph_fail(a->g, a->at, AN_E_MEMORY, "%s: out of memory", a->call);
        return;
    }
    an_dtype widest = AN_F32;
    int many = 0;
    for (int i = 0; i < a->count; i++)
        if (!an_applying_is_frozen(a, i) && an_type_of(a->gradient[i]).dtype == AN_F64)
            widest = AN_F64;
    for (int i = 0; i < a->count; i++) {
        if (an_applying_is_frozen(a, i)) continue;
        const bool alike = an_type_of(a->gradient[i]).dtype == widest;
        x[many++] = alike ? a->gradient[i] : an_cast_at(a->at, a->gradient[i], widest);
    }
    const double batches = (double)a->accumulate;
    const an_value norm = an_global_norm_at(a->at, x, many, a->clip_norm * batches);
    an_value *scale = &a->scale[widest == AN_F64];
    *scale = an_result(norm, 1);
    if (a->accumulate > 1) *scale = an_scale_at(a->at, *scale, 1 / batches);
    an_label(norm, a->accumulate > 1 ? "gradient norm, of the sum" : "gradient norm");
    an_free(x);
}

static an_value scale_of(an_applying *a, an_dtype dtype)
{
    an_value *scale = &a->scale[dtype == AN_F64];
    const an_value other = a->scale[dtype != AN_F64];
    if (scale->graph) return *scale;
    if (other.graph) *scale = an_cast_at(a->at, other, dtype);
    else if (a->accumulate > 1)
        *scale = an_fill_at(a->at, a->g, dtype, AN_SCALAR, 1 / (double)a->accumulate);
    return *scale;
}

/* ---- rates ------------------------------------------------------------- */

/* The optimizer's own. */
static an_value rate_of_all(an_applying *a, an_dtype dtype)
{
    an_value *rate = &a->rate[dtype == AN_F64];
    if (rate->graph) return *rate;
    if (a->o.schedule.kind != AN_SCHEDULE_CONSTANT) {
        *rate = an_schedule_at(a->at, &a->o.schedule, a->step, dtype);
        return *rate;
    }
    const an_value other = a->rate[dtype != AN_F64];
    *rate = other.graph ? an_cast_at(a->at, other, dtype)
                        : an_own_state(a, "rate", (an_type){dtype, AN_SCALAR}, a->o.rate);
    return *rate;
}

static an_value rate_of(an_applying *a, int group, an_dtype dtype)
{
    const an_group *x = group >= 0 ? &a->groups[group] : NULL;
    const bool scheduled = x && x->schedule.kind != AN_SCHEDULE_CONSTANT;
    const bool scaled = x && x->rate != 0 && x->rate != 1;
    if (!scheduled && !scaled) return rate_of_all(a, dtype);
    an_value *rate = &a->rate[2 * group + 2 + (dtype == AN_F64)];
    if (rate->graph) return *rate;
    an_schedule own = x->schedule;
    if (own.peak == 0) own.peak = a->o.rate;
    *rate = scheduled ? an_schedule_at(a->at, &own, a->step, dtype) : rate_of_all(a, dtype);
    if (scaled) *rate = an_scale_at(a->at, *rate, x->rate);
    return *rate;
}

static double decay_of(const an_applying *a, int group)
{
    const an_group *x = group >= 0 ? &a->groups[group] : NULL;
    if (x && x->no_decay) return 0;
    return x && x->decay != 0 ? x->decay : a->o.decay;
}

/* ---- all of it --------------------------------------------------------- */

static void step_all(an_applying *a)
{
    for (int i = 0; i < a->count && an_graph_status(a->g) == AN_OK; i++) {
        if (an_applying_is_frozen(a, i)) continue;
        const an_dtype dtype = an_type_of(a->state[i]).dtype;
        const an_value rate = rate_of(a, a->group[i], dtype), scale = scale_of(a, dtype);
        an_emit_step(a, a->state[i], a->gradient[i], decay_of(a, a->group[i]), rate, scale);
    }
}

an_updates an_applying_emit(an_applying *a)
{
    an_graph *g = a->g;
    const an_value any = a->state[0];
    an_scope_open_unique(any, a->o.name);
    an_graph_derive(g, "update", NULL);
    g->origin_at = a->at; /* the user's call, which made all of this */
    a->up = a->into.graph ? a->into : an_updates_new(g, g->scope);
    count_steps(a);
    if (a->accumulate > 1) add_up(a);
    if (a->clip_norm > 0) clip(a);
    step_all(a);
    an_graph_derive_end(g);
    an_graph_freeze(g, g->scope, true); /* moments and counters are no parameters */
    an_scope_close(any);
    an_updates_take_pending(a->up, a->also);
    return a->up;
}

/* ---- gradients that are given ------------------------------------------ */

static an_status take_given(an_applying *a, const an_apply_gradients_args *args, int count)
{
    for (int i = 0; i < count; i++) {
        const an_value v = args->state_list ? args->state_list[i] : args->state[i];
        const an_value d = args->state_list ? args->gradient_list[i] : args->gradient[i];
        const char *wrong = NULL;
        if (v.graph != a->g || !an_is_state(v)) wrong = "state is no state of the graph";
        else if (!an_dtype_is_float(an_type_of(v).dtype)) wrong = "state holds no floats";
        else if (d.graph != a->g || an_is_poison(d)) wrong = "gradient is no value of the graph";
        else if (!an_type_equal(an_slot_type(a->g, v.id), an_slot_type(a->g, d.id)))
            wrong = "gradient is not of the state's type";
        if (wrong)
            return an_graph_fail(a->g, a->at, AN_E_GRAPH, "%s: of pair %d the %s", a->call, i,
                                 wrong);
        a->state[a->count] = v;
        a->gradient[a->count++] = d;
    }
    return a->count ? AN_OK
                    : an_graph_fail(a->g, a->at, AN_E_ARGUMENT, "%s: there are no states", a->call);
}

an_updates an_apply_gradients_with(const an_apply_gradients_args *args)
{
    const bool listed = args && args->state_list;
    an_graph *g = !args ? NULL : args->state[0].graph;
    if (listed) g = args->count > 0 ? args->state_list[0].graph : NULL;
    const an_updates none = {g, 0};
    if (!g || g->error.status != AN_OK) return none;
    an_applying a = {.call = "an_apply_gradients", .at = args->at, .g = g, .o = args->optimizer,
                     .clip_norm = args->clip_norm, .accumulate = args->accumulate,
                     .into = args->into, .also = args->also, .groups = args->group_list,
                     .group_count = args->group_count};
    int count = listed ? args->count : 0;
    while (!listed && count < AN_MAX_NAMED && args->state[count].graph) count++;
    an_status status = an_applying_begin(&a, count, args->groups);
    if (status == AN_OK && listed && !args->gradient_list)
        status = an_graph_fail(g, a.at, AN_E_ARGUMENT, "%s: there is no .gradient_list", a.call);
    if (status == AN_OK) status = take_given(&a, args, count);
    if (status == AN_OK) status = an_groups_assign(&a);
    const an_updates up = status == AN_OK ? an_applying_emit(&a) : none;
    an_applying_end(&a);
    return an_graph_status(g) == AN_OK ? up : none;
}
