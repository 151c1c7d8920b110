/* check_gradients.c -- are the gradients of this loss right? Ask differences.
 *
 * In f64 on the reference loops: the analytic gradient of every float leaf that
 * the loss depends on against central differences, element by element for a
 * seeded sample of elements. The step is tried at three sizes and the best match
 * counts, so that neither rounding nor curvature is mistaken for a wrong rule; a
 * wrong rule misses at every size.                                           */
#include "graph/equal/equal.h"
#include "graph/equal/trial_data.h"
#include "core/random.h"

#include <math.h>
#include <stdio.h>

typedef struct check {
    const an_check_gradients_args *args;
    an_graph *copy;
    an_evaluation e;
    uint32_t loss;
    bool *forward; /* per node: the loss needs it */
    an_value *wrt, *gradient;
    int64_t count;
    an_gradient_check *result;
    an_error error;
} check;

static an_status differentiate(check *c)
{
    an_graph *g = c->copy;
    c->wrt = an_alloc_zeroed((g->leaf_count + 1) * (int64_t)sizeof *c->wrt);
    c->gradient = an_alloc_zeroed((g->leaf_count + 1) * (int64_t)sizeof *c->gradient);
    if (!c->wrt || !c->gradient) return an_fail(&c->error, AN_E_MEMORY, "out of memory");
    for (int64_t i = 0; i < g->leaf_count; i++)
        if (an_dtype_is_float(an_slot_type(g, g->leaves[i].value)->dtype))
            c->wrt[c->count++] = an_value_of(g, g->leaves[i].value);
    if (c->count == 0) return an_fail(&c->error, AN_E_GRADIENT, "the loss has no float leaf");
    const an_status status =
        an_gradients((an_value){g, c->loss}, c->wrt, (int)c->count, c->gradient);
    return status == AN_OK ? AN_OK : an_fail(&c->error, status, "%s", an_graph_message(g));
}

static an_status mark_forward(check *c)
{
    const an_graph *g = c->copy;
    c->forward = an_alloc_zeroed(g->node_count + 1);
    if (!c->forward) return an_fail(&c->error, AN_E_MEMORY, "out of memory");
    c->forward[g->slots[c->loss].node] = true;
    an_graph_mark_needed(g, c->forward);
    return AN_OK;
}

/* The loss's own part of the graph: an optimizer that hangs on it is left out. */
static an_status prepare(check *c)
{
    const an_value loss = c->args->loss;
    if (!loss.graph || an_is_poison(loss))
        return an_fail(&c->error, AN_E_GRAPH, "an_check_gradients: the loss is no value");
    an_optimised o = an_optimise(.graph = loss.graph, .passes = "");
    if (o.status != AN_OK) return an_fail(&c->error, o.status, "%s", o.message);
    c->copy = o.graph;
    c->loss = o.value[loss.id];
    o.graph = NULL;
    an_optimised_free(&o);
    an_status status = differentiate(c);
    if (status != AN_OK) return status;
    int64_t *bound = an_alloc_zeroed((an_dims_names(c->copy->dims) + 1) * (int64_t)sizeof *bound);
    if (!bound) return an_fail(&c->error, AN_E_MEMORY, "out of memory");
    status = an_trial_bind(c->copy, c->args->bind, 3, bound, &c->error);
    c->e.shadow = true;
    if (status == AN_OK) status = an_evaluation_begin(&c->e, c->copy, bound);
    if (status != AN_OK) an_fail_text(&c->error, status, c->e.error.text);
    an_free(bound);
    return status == AN_OK ? mark_forward(c) : status;
}

/* The loss alone: gradients computed before stay as they are. */
static an_status run_forward(check *c)
{
    an_status status = AN_OK;
    for (uint32_t i = 1; status == AN_OK && (int64_t)i <= c->copy->node_count; i++)
        if (c->forward[i]) status = an_evaluate_node(&c->e, i);
    return status == AN_OK ? AN_OK : an_fail(&c->error, status, "%s", c->e.error.text);
}

/* The loss with element i of tensor t moved by `step`; the tensor is put back. */
static an_status loss_at(check *c, an_tensor *t, int64_t i, double step, double *loss)
{
    const double kept = an_tensor_get(t, i);
    an_tensor_set(t, i, kept + step);
    const an_status status = run_forward(c);
    *loss = an_tensor_get(&c->e.value[c->loss], 0);
    an_tensor_set(t, i, kept);
    return status;
}

static double relative(double a, double b)
{
    return fabs(a - b) / fmax(1e-3, fmax(fabs(a), fabs(b)));
}

/* Central differences of fourth order at three steps; the one nearest to the
 * analytic value. */
static an_status numeric(check *c, an_tensor *t, int64_t i, double analytic, double *best)
{
    static const double steps[] = {1e-3, 1e-4, 1e-5};
    *best = NAN;
    for (int s = 0; s < 3; s++) {
        double f[4];
        const double h = steps[s] * fmax(1, fabs(an_tensor_get(t, i)));
        const double at[4] = {-2 * h, -h, h, 2 * h};
        for (int k = 0; k < 4; k++) {
            const an_status status = loss_at(c, t, i, at[k], &f[k]);
            if (status != AN_OK) return status;
        }
        const double d = (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * h);
        if (isnan(*best) || relative(d, analytic) < relative(*best, analytic)) *best = d;
    }
    return AN_OK;
}

static an_status check_leaf(check *c, int64_t leaf, const an_tensor *analytic)
{
    an_gradient_check *r = c->result;
    an_tensor *t = &c->e.value[c->wrt[leaf].id];
    const int64_t count = an_tensor_count(t);
    const int64_t samples = c->args->samples > 0 ? c->args->samples : 16;
    const an_stream s = {.seed = c->args->seed, .step = 2, .stream = (uint32_t)leaf};
    for (int64_t k = 0; k < samples && k < count; k++) {
        const double u = an_random_uniform(&s, k);
        const int64_t i = count <= samples ? k : (int64_t)(u * (double)count);
        const double a = an_tensor_get(analytic, i);
        double n;
        const an_status status = numeric(c, t, i, a, &n);
        if (status != AN_OK) return status;
        const double error = relative(a, n);
        if (error <= r->worst) continue; /* NaN is worst of all */
        r->worst = error;
        r->analytic = a;
        r->numeric = n;
        snprintf(r->where, sizeof r->where, "%.100s[%lld]",
                 an_node_of(c->copy, c->wrt[leaf].id)->name, (long long)i);
    }
    return AN_OK;
}

static an_status run_check(check *c)
{
    const uint64_t seed = c->args->seed;
    for (int64_t i = 0; i < c->copy->leaf_count; i++) {
        const uint32_t id = c->copy->leaves[i].value;
        an_trial_fill(&c->e, id, &(an_draw){.seed = seed}, &c->e.value[id]);
    }
    an_status status = an_evaluate(&c->e);
    if (status != AN_OK) return an_fail(&c->error, status, "%s", c->e.error.text);
    for (int64_t i = 0; i < c->count && status == AN_OK; i++)
        status = check_leaf(c, i, &c->e.value[c->gradient[i].id]);
    return status;
}

an_gradient_check an_check_gradients_with(const an_check_gradients_args *args)
{
    an_gradient_check r = {0};
    if (!args) {
        r.status = AN_E_ARGUMENT;
        return r;
    }
    check c = {.args = args, .result = &r};
    r.status = prepare(&c);
    if (r.status == AN_OK) r.status = run_check(&c);
    const double tolerance = args->tolerance > 0 ? args->tolerance : 1e-6;
    if (r.status != AN_OK) {
        snprintf(r.message, sizeof r.message, "%.500s", c.error.text);
    } else if (r.worst <= tolerance) {
        snprintf(r.message, sizeof r.message, "gradients agree with differences within %.2g",
                 r.worst);
    } else {
        r.status = AN_E_GRADIENT;
        snprintf(r.message, sizeof r.message,
                 "the gradient of %s is %.9g, but differences say %.9g", r.where, r.analytic,
                 r.numeric);
    }
    an_evaluation_free(&c.e);
    an_graph_free(c.copy);
    an_free(c.forward);
    an_free(c.wrt);
    an_free(c.gradient);
    return r;
}
