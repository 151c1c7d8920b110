/* minimize.c -- from a loss to an update table.
 *
 * In order: which states, their gradients, the step counter and the rate, the
 * clipping factor, and one optimizer step per parameter. The factor goes into the
 * step as an operand, so clipping costs no sweep over the gradients.         */
#include "graph/ir.h"
#include "optim/optim.h"

#include <math.h>

typedef struct minimizer {
    const an_minimize_args *args;
    an_optimizer o; /* with defaults filled in */
    an_graph *g;
    an_at at;
    an_value *wrt, *grad; /* `count` each */
    int count;
    an_updates up;
    an_value step;     /* this run's step, from 1 */
    an_value rate[2];  /* as f32 and f64; made when first needed */
    an_value scale[2];
} minimizer;

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

static void choose_all(minimizer *m, const bool *needed)
{
    const an_graph *g = m->g;
    for (int64_t i = 0; i < g->leaf_count; i++) {
        const uint32_t v = g->leaves[i].value;
        const an_node *n = an_node_of(g, v);
        if (an_node_is_state(n) && needed[g->slots[v].node] && !n->attrs->frozen &&
            an_dtype_is_float(an_slot_type(g, v)->dtype))
            m->wrt[m->count++] = an_value_of(g, v);
    }
}

static an_status choose_given(minimizer *m)
{
    const an_minimize_args *a = m->args;
    for (int i = 0; a->wrt_list ? i < a->wrt_count : i < AN_MAX_NAMED && a->wrt[i].graph; i++) {
        const an_value v = a->wrt_list ? a->wrt_list[i] : a->wrt[i];
        if (v.graph != m->g || !an_is_state(v))
            return an_graph_fail(m->g, m->at, AN_E_GRAPH,
                                 "an_minimize: wrt[%d] is no state of the loss's graph", i);
        m->wrt[m->count++] = v;
    }
    return AN_OK;
}

static an_status choose(minimizer *m)
{
    const an_minimize_args *a = m->args;
    const bool given = a->wrt_list || a->wrt[0].graph;
    const int64_t room = m->g->leaf_count + AN_MAX_NAMED + (a->wrt_count > 0 ? a->wrt_count : 0);
    m->wrt = an_alloc_zeroed(room * (int64_t)sizeof *m->wrt);
    m->grad = an_alloc_zeroed(room * (int64_t)sizeof *m->grad);
    bool *needed = ancestors(m->g, a->loss.id);
    an_status status = AN_OK;
    if (!m->wrt || !m->grad || !needed)
        status = an_graph_fail(m->g, m->at, AN_E_MEMORY, "an_minimize: out of memory");
    else if (given)
        status = choose_given(m);
    else
        choose_all(m, needed);
    an_free(needed);
    if (status == AN_OK && m->count == 0)
        status = an_graph_fail(m->g, m->at, AN_E_GRADIENT,
                               "an_minimize: the loss depends on no state that may change\n  hint: "
                               "make weights with an_nn_... or an_state, or thaw them");
    return status;
}

/* ---- the optimizer's own values ---------------------------------------- */

static an_value own_state(minimizer *m, const char *name, an_type type, double first)
{
    const an_init init = {first != 0 ? AN_INIT_CONSTANT : AN_INIT_ZEROS, first, 0};
    return an_state_at(m->at, m->g, name, type.dtype, type.shape, init);
}

static void count_steps(minimizer *m)
{
    const an_value before = own_state(m, "step", (an_type){AN_I64, AN_SCALAR}, 0);
    m->step = an_add_at(m->at, before, an_number_at(m->at, before, 1));
    an_updates_add(m->up, before, m->step);
}

static an_value rate_of(minimizer *m, an_dtype dtype)
{
    an_value *rate = &m->rate[dtype == AN_F64];
    if (rate->graph) return *rate;
    if (m->o.schedule.kind != AN_SCHEDULE_CONSTANT) {
        *rate = an_schedule_at(m->at, &m->o.schedule, m->step, dtype);
        return *rate;
    }
    const an_value other = m->rate[dtype != AN_F64];
    *rate = other.graph ? an_cast_at(m->at, other, dtype)
                        : own_state(m, "rate", (an_type){dtype, AN_SCALAR}, m->o.rate);
    return *rate;
}

/* The factor that brings all gradients together to the length asked for. */
static void clip(minimizer *m)
{
    an_value *x = an_alloc(m->count * (int64_t)sizeof *x);
    if (!x) {
        an_graph_fail(m->g, m->at, AN_E_MEMORY, "an_minimize: out of memory");
        return;
    }
    an_dtype widest = AN_F32;
    for (int i = 0; i < m->count; i++)
        if (an_type_of(m->grad[i]).dtype == AN_F64) widest = AN_F64;
    for (int i = 0; i < m->count; i++) {
        const bool alike = an_type_of(m->grad[i]).dtype == widest;
        x[i] = alike ? m->grad[i] : an_cast_at(m->at, m->grad[i], widest);
    }
    const an_value norm = an_global_norm_at(m->at, x, m->count, m->args->clip_norm);
    m->scale[widest == AN_F64] = an_result(an_label(norm, "gradient norm"), 1);
    an_free(x);
}

static an_value scale_of(minimizer *m, an_dtype dtype)
{
    an_value *scale = &m->scale[dtype == AN_F64];
    const an_value other = m->scale[dtype != AN_F64];
    if (!scale->graph && other.graph) *scale = an_cast_at(m->at, other, dtype);
    return *scale;
}

/* ---- one step per parameter -------------------------------------------- */

static an_value moment(minimizer *m, an_value param, const char *which)
{
    an_text name = {0};
    an_text_addf(&name, "%s/%s", an_node_of(m->g, param.id)->name, which);
    const an_value v = own_state(m, an_text_view(&name), an_type_of(param), 0);
    an_text_free(&name);
    return v;
}

static void step_sgd(minimizer *m, an_value p, an_value g, an_value rate, an_value scale)
{
    const an_attrs attrs = {.momentum = an_narrow(m->at, p, "momentum", m->o.momentum),
                            .nesterov = m->o.nesterov,
                            .decay = an_narrow(m->at, p, "decay", m->o.decay)};
    if (m->o.momentum == 0) {
        const an_value in[] = {p, g, rate, scale};
        an_updates_add(m->up, p, an_emit(m->at, AN_OP_sgd_step, in, 4, &attrs));
        return;
    }
    const an_value velocity = moment(m, p, "velocity");
    const an_value in[] = {p, g, velocity, rate, scale};
    const an_value next = an_emit(m->at, AN_OP_momentum_step, in, 5, &attrs);
    an_updates_add(m->up, p, next);
    an_updates_add(m->up, velocity, an_result(next, 1));
}

static void step_adam(minimizer *m, an_value p, an_value g, an_value rate, an_value scale)
{
    const an_attrs attrs = {.beta1 = an_narrow(m->at, p, "beta1", m->o.beta1),
                            .beta2 = an_narrow(m->at, p, "beta2", m->o.beta2),
                            .eps = an_narrow(m->at, p, "eps", m->o.eps),
                            .decay = an_narrow(m->at, p, "decay", m->o.decay)};
    const an_value first = moment(m, p, "m"), second = moment(m, p, "v");
    const an_value in[] = {p, g, first, second, rate, m->step, scale};
    const an_value next = an_emit(m->at, AN_OP_adam_step, in, 7, &attrs);
    an_updates_add(m->up, p, next);
    an_updates_add(m->up, first, an_result(next, 1));
    an_updates_add(m->up, second, an_result(next, 2));
}

static void step_all(minimizer *m)
{
    for (int i = 0; i < m->count && an_graph_status(m->g) == AN_OK; i++) {
        const an_value p = m->wrt[i];
        const an_dtype dtype = an_type_of(p).dtype;
        const an_value rate = rate_of(m, dtype), scale = scale_of(m, dtype);
        if (m->o.kind == AN_SGD)
            step_sgd(m, p, m->grad[i], rate, scale);
        else
            step_adam(m, p, m->grad[i], rate, scale);
    }
}

/* ---- the call ---------------------------------------------------------- */

static an_optimizer with_defaults(const an_optimizer *given)
{
    an_optimizer o = *given;
    static const char *const names[] = {"sgd", "adam", "adamw"};
    if (!o.name || !o.name[0]) o.name = names[(unsigned)o.kind <= AN_ADAMW ? o.kind : AN_ADAM];
    /* As floats, which attributes are: f64 graphs have trained with these. */
    if (o.rate == 0) o.rate = (double)(o.kind == AN_SGD ? 0.01f : 0.001f);
    if (o.beta1 == 0) o.beta1 = (double)0.9f;
    if (o.beta2 == 0) o.beta2 = (double)0.999f;
    if (o.eps == 0) o.eps = (double)1e-7f;
    if (o.schedule.peak == 0) o.schedule.peak = o.rate;
    return o;
}

/* What ops do not ask, as these are no attributes of theirs. */
static an_status check_numbers(const minimizer *m)
{
    const double rate = m->o.rate, clip_norm = m->args->clip_norm;
    if (!isfinite(rate) || rate < 0)
        return an_graph_fail(m->g, m->at, AN_E_ARGUMENT,
                             "an_minimize: .rate %g is not finite and at least 0", rate);
    if (!isfinite(clip_norm) || clip_norm < 0)
        return an_graph_fail(m->g, m->at, AN_E_ARGUMENT,
                             "an_minimize: .clip_norm %g is not finite and at least 0\n  hint: 0 "
                             "does not clip", clip_norm);
    return AN_OK;
}

static void emit(minimizer *m)
{
    an_graph *g = m->g;
    an_scope_open_unique(m->args->loss, m->o.name);
    an_graph_derive(g, "update", NULL);
    g->origin_at = m->at; /* the user's call, which made all of this */
    m->up = an_updates_new(g, g->scope);
    count_steps(m);
    if (m->args->clip_norm > 0) clip(m);
    step_all(m);
    an_graph_derive_end(g);
    an_graph_freeze(g, g->scope, true); /* moments and counters are no parameters */
    an_scope_close(m->args->loss);
    an_updates_take_pending(m->up, m->args->loss);
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
    minimizer m = {.args = args, .o = with_defaults(&args->optimizer), .g = g, .at = args->at};
    an_status status = check_numbers(&m);
    if (status == AN_OK) status = choose(&m);
    if (status == AN_OK) status = an_gradients(args->loss, m.wrt, m.count, m.grad);
    if (status == AN_OK) emit(&m);
    an_free(m.wrt);
    an_free(m.grad);
    return an_graph_status(g) == AN_OK ? m.up : none;
}
