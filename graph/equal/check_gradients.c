/* check_gradients.c -- are the gradients of this loss right? Ask differences.
 *
 * In f64 on the reference loops: the analytic gradient of every float leaf against
 * differences (differences.h), element by element for a seeded sample of elements, at data
 * that has zeros; then along random directions of each leaf and of all at once, from a point
 * a little beside it, where zeros are kinks no more.                                      */
#include "graph/equal/differences.h"
#include "graph/equal/result.h"
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
    double *direction; /* of all leaves, one after the other */
    an_gradient_check *result;
    an_error error;
} check;

/* Any loss as a scalar: the sum of its elements, each times a random number. */
static void project(check *c)
{
    const an_value loss = {c->copy, c->loss};
    const an_type type = an_type_of(loss);
    if (type.shape.rank == 0 || !an_dtype_is_float(type.dtype)) return;
    const an_value r = an_input(c->copy, "cotangent of the loss", type.dtype, type.shape);
    c->loss = an_sum_axes(an_mul(loss, r), AN_ALL_AXES, false).id;
}

static an_status differentiate(check *c)
{
    an_graph *g = c->copy;
    const int64_t leaves = g->leaf_count; /* of the user */
    project(c);
    c->wrt = an_alloc_zeroed((g->leaf_count + 1) * (int64_t)sizeof *c->wrt);
    c->gradient = an_alloc_zeroed((g->leaf_count + 1) * (int64_t)sizeof *c->gradient);
    if (!c->wrt || !c->gradient) return an_fail(&c->error, AN_E_MEMORY, "out of memory");
    for (int64_t i = 0; i < leaves; i++)
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
    an_optimised *o = an_optimise(.graph = loss.graph, .passes = "");
    an_status status = an_optimised_status(o);
    if (status != AN_OK) an_fail(&c->error, status, "%s", an_optimised_message(o));
    c->loss = an_optimised_value(o, loss).id;
    c->copy = an_optimised_take(o);
    an_optimised_free(o);
    if (status == AN_OK) status = differentiate(c);
    if (status != AN_OK) return status;
    int64_t *bound = an_alloc_zeroed((an_dims_names(c->copy->dims) + 1) * (int64_t)sizeof *bound);
    if (!bound) return an_fail(&c->error, AN_E_MEMORY, "out of memory");
    status = an_graph_bind(c->copy, c->args->bind, 3, bound, &c->error);
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
        if (c->forward[i]) status = an_evaluation_node(&c->e, i);
    return status == AN_OK ? AN_OK : an_fail(&c->error, status, "%s", c->e.error.text);
}

/* ---- slopes ------------------------------------------------------------ */

/* A line through the leaves [first, last): one element, or c->direction. */
typedef struct line {
    check *c;
    int64_t first, last, element; /* element -1: all */
    double *kept;
} line;

static an_tensor *leaf_of(const check *c, int64_t i)
{
    return &c->e.value[c->wrt[i].id];
}

static int64_t line_count(const line *l)
{
    int64_t count = 0;
    for (int64_t k = l->first; k < l->last; k++) count += an_tensor_count(leaf_of(l->c, k));
    return count;
}

static void move_to(const line *l, double h)
{
    const double *x = l->kept, *d = l->c->direction;
    if (l->element >= 0) {
        an_tensor_set(leaf_of(l->c, l->first), l->element, *x + h);
        return;
    }
    for (int64_t k = l->first; k < l->last; k++) {
        const int64_t count = an_tensor_count(leaf_of(l->c, k));
        for (int64_t i = 0; i < count; i++) an_tensor_set(leaf_of(l->c, k), i, *x++ + h * *d++);
    }
}

static an_status loss_at(void *context, double h, double *loss)
{
    const line *l = context;
    move_to(l, h);
    const an_status status = run_forward(l->c);
    *loss = an_tensor_get(&l->c->e.value[l->c->loss], 0);
    return status;
}

static double analytic_slope(const line *l)
{
    const double *d = l->c->direction;
    double sum = 0;
    for (int64_t k = l->first; k < l->last; k++) {
        const an_tensor *gradient = &l->c->e.value[l->c->gradient[k].id];
        if (l->element >= 0) return an_tensor_get(gradient, l->element);
        const int64_t count = an_tensor_count(gradient);
        for (int64_t i = 0; i < count; i++) sum += an_tensor_get(gradient, i) * *d++;
    }
    return sum;
}

/* With its sign, beyond what the differences may be off by. */
static double relative(double a, const an_slope *s)
{
    const double far = fmax(0, fabs(a - s->value) - s->error);
    return isnan(a) ? INFINITY : far / fmax(1e-3, fmax(fabs(a), fabs(s->value)));
}

static void name_line(const line *l, char *out, size_t size)
{
    const char *name = an_node_of(l->c->copy, l->c->wrt[l->first].id)->name;
    if (l->element >= 0)
        snprintf(out, size, "%.90s[%lld]", name, (long long)l->element);
    else if (l->last == l->first + 1)
        snprintf(out, size, "%.90s along a direction", name);
    else
        snprintf(out, size, "all leaves along a direction");
}

/* An element says more than a direction, which must be worse by far to take its place. */
static an_status try_line(line *l)
{
    an_gradient_check *r = l->c->result;
    const double at = l->element >= 0 ? fabs(*l->kept) : 1;
    const an_line along = {loss_at, l, AN_LINE_STEP * fmax(1, at), 0, NULL};
    an_slope s;
    const double a = analytic_slope(l);
    const an_status status = an_slope_of(&along, &s);
    move_to(l, 0);
    if (status != AN_OK) return status;
    r->tried += s.settled;
    r->passed_over += !s.settled;
    if (!s.settled) return AN_OK;
    const double error = relative(a, &s);
    if (error <= (l->element >= 0 ? 1 : 2) * r->worst) return AN_OK;
    r->worst = error;
    r->analytic = a;
    r->numeric = s.value;
    name_line(l, r->where, sizeof r->where);
    return AN_OK;
}

static an_status check_elements(check *c, int64_t leaf)
{
    const int64_t count = an_tensor_count(leaf_of(c, leaf));
    const int64_t samples = c->args->samples > 0 ? c->args->samples : 16;
    const an_stream s = {.seed = c->args->seed, .step = 2, .stream = (uint32_t)leaf};
    an_status status = AN_OK;
    for (int64_t k = 0; k < samples && k < count && status == AN_OK; k++) {
        const double u = an_draw_uniform(&s, k);
        const int64_t i = count <= samples ? k : (int64_t)(u * (double)count);
        double kept = an_tensor_get(leaf_of(c, leaf), i);
        status = try_line(&(line){c, leaf, leaf + 1, i, &kept});
    }
    return status;
}

static an_status check_directions(check *c, int64_t first, int64_t last)
{
    line l = {c, first, last, -1, NULL};
    const int64_t count = line_count(&l);
    const int directions = c->args->directions > 0 ? c->args->directions : 2;
    double *to = l.kept = c->direction + count;
    for (int64_t k = first; k < last; k++)
        for (int64_t i = 0; i < an_tensor_count(leaf_of(c, k)); i++)
            *to++ = an_tensor_get(leaf_of(c, k), i);
    an_status status = AN_OK;
    for (int n = 0; n < directions && status == AN_OK; n++) {
        const an_stream s = {.seed = c->args->seed, .step = 3 + (uint64_t)n,
                             .stream = (uint32_t)(first + 64 * last)};
        for (int64_t i = 0; i < count; i++) c->direction[i] = 2 * an_draw_uniform(&s, i) - 1;
        status = try_line(&l);
    }
    return status;
}

/* ---- the call ---------------------------------------------------------- */

/* By up to a hundredth, so that no element is a zero. */
static void move_beside(check *c)
{
    for (int64_t k = 0; k < c->count; k++) {
        const an_stream s = {.seed = c->args->seed, .step = 1000, .stream = (uint32_t)k};
        an_tensor *t = leaf_of(c, k);
        const int64_t count = an_tensor_count(t);
        for (int64_t i = 0; i < count; i++)
            an_tensor_set(t, i, an_tensor_get(t, i) + 0.01 * an_draw_uniform(&s, i));
    }
}

static an_status run_check(check *c)
{
    const line all = {c, 0, c->count, -1, NULL};
    c->direction = an_alloc((2 * line_count(&all) + 1) * (int64_t)sizeof *c->direction);
    if (!c->direction) return an_fail(&c->error, AN_E_MEMORY, "out of memory");
    if (!an_trial_fill(&c->e, &(an_draw){.seed = c->args->seed}))
        return an_fail(&c->error, AN_E_MEMORY, "out of memory");
    an_status status = an_evaluation_run(&c->e);
    for (int64_t i = 0; i < c->count && status == AN_OK; i++) status = check_elements(c, i);
    move_beside(c);
    if (status == AN_OK) status = an_evaluation_run(&c->e);
    for (int64_t i = 0; i < c->count && status == AN_OK; i++)
        status = check_directions(c, i, i + 1);
    if (status == AN_OK && c->count > 1) status = check_directions(c, 0, c->count);
    return status == AN_OK ? AN_OK : an_fail(&c->error, status, "%s", c->e.error.text);
}

static void conclude(an_gradient_check *r, const an_check_gradients_args *args)
{
    const double tolerance = args->tolerance > 0 ? args->tolerance : 1e-6;
    const bool opposite = fabs(r->analytic + r->numeric) <= 1e-3 * fabs(r->numeric);
    if (r->worst > tolerance) {
        r->status = AN_E_GRADIENT;
        snprintf(r->message, sizeof r->message,
                 "the gradient of %s is %.9g, but differences say %.9g%s", r->where, r->analytic,
                 r->numeric, opposite ? ": opposite sign" : "");
    } else if (r->tried == 0) {
        r->status = AN_E_GRADIENT;
        snprintf(r->message, sizeof r->message,
                 "nothing could be tried: the loss has no slope at any of %lld places",
                 (long long)r->passed_over);
    } else {
        char near[40] = "in every digit";
        if (r->worst > 0) snprintf(near, sizeof near, "within %.2g", r->worst);
        snprintf(r->message, sizeof r->message,
                 "gradients agree with differences %s: %lld slopes, %lld passed over for a kink",
                 near, (long long)r->tried, (long long)r->passed_over);
    }
}

an_gradient_check *an_check_gradients_with(const an_check_gradients_args *args)
{
    an_gradient_check *r = an_alloc_zeroed(sizeof *r);
    if (!r) return NULL;
    if (!args) {
        r->status = AN_E_ARGUMENT;
        return r;
    }
    check c = {.args = args, .result = r};
    r->status = prepare(&c);
    if (r->status == AN_OK) r->status = run_check(&c);
    if (r->status == AN_OK) conclude(r, args);
    else snprintf(r->message, sizeof r->message, "%.500s", c.error.text);
    an_evaluation_free(&c.e);
    an_graph_free(c.copy);
    an_free(c.direction);
    an_free(c.forward);
    an_free(c.wrt);
    an_free(c.gradient);
    return r;
}
