/* grad.c -- reverse-mode differentiation: gradients are ordinary nodes.
 *
 * The forward nodes are first flattened into op applications (expand.h), so that
 * an op made by a pass is differentiated as what it means: differentiating before
 * or after a fusion gives the same graph. Then one walk backwards: the terms that
 * reach a value are collected, summed by one n-ary `accumulate`, and handed to the
 * gradient rule of the op that made the value.
 *
 * The order of those terms is part of the program, for sums round: by the ordinal
 * of the consumer, then by its operand; except that the first norm of a residual
 * sum comes last, which is what the fused gradient computes in one sweep.
 *
 * Summing a gradient down to a broadcast operand's shape happens here, once.  */
#include "graph/expand.h"

#include <stdlib.h>
#include <string.h>

/* One term of a value's gradient. */
typedef struct term {
    uint32_t value;    /* the gradient value */
    uint32_t consumer; /* ordinal of who used the value */
    int operand;
    bool norm;         /* the consumer is a norm of it */
    int64_t next;      /* next term of the same value; 0 ends */
} term;

typedef struct differentiation {
    an_graph *g;
    an_expansion steps;
    term *terms; /* from 1 */
    int64_t term_count, term_capacity;
    int64_t values;    /* ids below this are forward values */
    int64_t *head;     /* per forward value: its first term */
    uint32_t *adjoint; /* per forward value: its gradient, once summed */
    int64_t *maker;    /* per forward value: 1 + the step that makes it; 0: a leaf */
    bool *active;      /* per forward value: depends on what is differentiated by */
} differentiation;

static void free_all(differentiation *d)
{
    an_expansion_free(&d->steps);
    an_free(d->terms);
    an_free(d->head);
    an_free(d->adjoint);
    an_free(d->maker);
    an_free(d->active);
}

static an_status out_of_memory(an_graph *g)
{
    return an_graph_fail(g, (an_at){0}, AN_E_MEMORY, "an_gradients: out of memory");
}

/* ---- preparing --------------------------------------------------------- */

static bool has_own_gradient(const an_op_info *op)
{
    const an_op_rules *rules = op->rules;
    return rules->grad || rules->no_grad || !rules->meaning; /* its author's no is an answer */
}

/* Only what they can depend on: nodes up to their own. */
static an_status flatten(differentiation *d, const an_value *y, int count)
{
    an_graph *g = d->g;
    uint32_t last = 0;
    bool *needed = an_alloc_zeroed(g->node_count + 1);
    if (!needed) return out_of_memory(g);
    for (int k = 0; k < count; k++) {
        const uint32_t node = g->slots[y[k].id].node;
        needed[node] = true;
        last = node > last ? node : last;
    }
    an_graph_mark_needed(g, needed);
    an_status status = AN_OK;
    for (uint32_t i = 1; i <= last && status == AN_OK; i++)
        if (needed[i] && !(g->nodes[i].op->traits & AN_TRAIT_LEAF))
            status = an_expand(&d->steps, g, i, has_own_gradient);
    an_free(needed);
    return status;
}

static an_status prepare(differentiation *d, const an_value *y, int y_count, const an_value *wrt,
                         int count)
{
    const an_status status = flatten(d, y, y_count);
    if (status != AN_OK) return status;
    const int64_t n = d->values = d->g->slot_count + 1;
    d->head = an_alloc_zeroed(n * (int64_t)sizeof *d->head);
    d->adjoint = an_alloc_zeroed(n * (int64_t)sizeof *d->adjoint);
    d->maker = an_alloc_zeroed(n * (int64_t)sizeof *d->maker);
    d->active = an_alloc_zeroed(n);
    if (!d->head || !d->adjoint || !d->maker || !d->active) return out_of_memory(d->g);
    for (int i = 0; i < count; i++) d->active[wrt[i].id] = true;
    for (int64_t s = 0; s < d->steps.count; s++) {
        const an_applied *a = &d->steps.at[s];
        const uint32_t constant = a->op->rules->constant_in;
        bool any = false;
        for (int i = 0; i < a->inputs; i++)
            any = any || (a->in[i] && d->active[a->in[i]] && !an_has_operand(constant, i));
        for (int k = 0; k < a->outputs; k++) {
            d->maker[a->out[k]] = s + 1;
            const bool flows = any && an_dtype_is_float(an_slot_type(d->g, a->out[k])->dtype);
            d->active[a->out[k]] = d->active[a->out[k]] || flows;
        }
    }
    return AN_OK;
}

/* ---- terms ------------------------------------------------------------- */

/* Sums `dx` down to the shape of the operand it is the gradient of. */
static an_value sum_down(an_value dx, const an_type *to)
{
    const an_type from = an_type_of(dx);
    if (an_type_equal(&from, to)) return dx;
    const int extra = from.shape.rank - to->shape.rank;
    an_axes axes = {0};
    for (int i = 0; i < from.shape.rank; i++)
        if (i < extra || (to->shape.dim[i - extra] == 1 && from.shape.dim[i] != 1))
            axes.at[axes.count++] = i;
    an_value s = axes.count > 0 ? an_sum_axes(dx, axes, false) : dx;
    const an_type now = an_type_of(s);
    if (now.shape.rank != to->shape.rank || !an_type_equal(&now, to)) s = an_reshape(s, to->shape);
    return s;
}

static an_status add_term(differentiation *d, uint32_t value, const term *t)
{
    if (!AN_GROW(d->terms, d->term_capacity, d->term_count + 2)) return out_of_memory(d->g);
    d->terms[++d->term_count] = *t;
    d->terms[d->term_count].next = d->head[value];
    d->head[value] = d->term_count;
    return AN_OK;
}

static bool is_residual_sum(const differentiation *d, uint32_t value)
{
    if (!d->maker[value]) return false;
    const an_op_info *op = d->steps.at[d->maker[value] - 1].op;
    return op->code == AN_OP_add || op->code == AN_OP_residual_add;
}

static bool comes_before(const term *a, const term *b)
{
    return a->consumer != b->consumer ? a->consumer < b->consumer : a->operand < b->operand;
}

/* Of equals the newest first, as they are listed. */
static int by_consumer(const void *a, const void *b)
{
    const term *x = a, *y = b;
    if (comes_before(x, y)) return -1;
    return comes_before(y, x) || x->next < y->next ? 1 : -1;
}

/* The terms of a value in the program's order, in `list`, each with its own number as `next`;
 * returns how many. */
static int64_t sort_terms(const differentiation *d, uint32_t value, term *list)
{
    int64_t count = 0;
    for (int64_t t = d->head[value]; t; t = d->terms[t].next) {
        list[count] = d->terms[t];
        list[count++].next = t;
    }
    qsort(list, (size_t)count, sizeof *list, by_consumer);
    if (!is_residual_sum(d, value)) return count;
    int64_t norm = 0;
    while (norm < count && !list[norm].norm) norm++;
    if (norm == count) return count;
    const term last = list[norm];
    memmove(&list[norm], &list[norm + 1], (size_t)(count - norm - 1) * sizeof *list);
    list[count - 1] = last;
    return count;
}

/* The gradient of a forward value, or none; summed at the first call. */
static an_value adjoint_of(differentiation *d, uint32_t value)
{
    if (d->adjoint[value] || !d->head[value]) return an_value_of(d->g, d->adjoint[value]);
    int64_t count = 0;
    for (int64_t t = d->head[value]; t; t = d->terms[t].next) count++;
    term *list = an_alloc(count * (int64_t)sizeof *list);
    an_value *in = an_alloc(count * (int64_t)sizeof *in);
    uint32_t *order = an_alloc(count * (int64_t)sizeof *order);
    an_value sum = {d->g, 0};
    if (list && in && order) {
        sort_terms(d, value, list);
        for (int64_t i = 0; i < count; i++) {
            in[i] = (an_value){d->g, list[i].value};
            order[i] = list[i].consumer;
        }
        sum = count == 1 ? in[0] : an_accumulate(in, (int)count, order);
    } else {
        out_of_memory(d->g);
    }
    an_free(list);
    an_free(in);
    an_free(order);
    d->adjoint[value] = sum.id;
    return sum;
}

/* ---- one step backwards ------------------------------------------------ */

static an_status no_gradient(differentiation *d, const an_applied *a)
{
    const an_node *n = &d->g->nodes[a->node];
    const char *why = a->op->rules->no_grad;
    an_text name = {0};
    an_node_print(n, &name);
    const an_status status =
        an_graph_fail(d->g, n->at, AN_E_GRADIENT,
                      "an_gradients: %s (%s) has no gradient: %s\n  hint: put an_stop_gradient "
                      "before it, or differentiate with respect to something else",
                      an_text_view(&name), a->op->name, why ? why : "its row has no rule");
    an_text_free(&name);
    return status;
}

/* A result through which none passes must not swallow one. */
static an_status closed_result(differentiation *d, const an_applied *a, int k)
{
    const an_node *n = &d->g->nodes[a->node];
    char result[32];
    an_op_output_name(a->op, k, result, sizeof result);
    an_text name = {0};
    an_node_print(n, &name);
    const an_status status = an_graph_fail(
        d->g, n->at, AN_E_GRADIENT,
        "an_gradients: no gradient passes through `%s`, result %d of %s (%s)\n  hint: take it from "
        "another result, or put an_stop_gradient behind this one", result, k, an_text_view(&name),
        a->op->name);
    an_text_free(&name);
    return status;
}

static an_status check_closed(differentiation *d, const an_applied *a, const an_value *dy)
{
    for (int k = 0; k < a->outputs; k++)
        if (dy[k].graph && an_has_operand(a->op->rules->closed, k)) return closed_result(d, a, k);
    return AN_OK;
}

/* The gradients of a step's results; false if none reaches it. No rule is asked of poison. */
static bool collect_adjoints(differentiation *d, const an_applied *a, an_value *dy)
{
    bool any = false;
    for (int k = 0; k < a->outputs; k++) {
        dy[k] = d->active[a->out[k]] ? adjoint_of(d, a->out[k]) : AN_NONE;
        any = any || dy[k].graph;
    }
    return any && an_graph_status(d->g) == AN_OK;
}

/* Whether `to` broadcasts to `from`, counted from the last dim; what `from` lacks is 1. */
static bool broadcasts(const an_shape *to, const an_shape *from)
{
    for (int i = 1; i <= to->rank; i++) {
        const an_dim want = to->dim[to->rank - i];
        const an_dim have = i <= from->rank ? from->dim[from->rank - i] : 1;
        if (want != 1 && want != have) return false;
    }
    return true;
}

/* What a rule gave for operand i, summed down to its type; poison if it cannot be that. */
static an_value gradient_of(differentiation *d, const an_applied *a, int i, an_value dx)
{
    const an_type type = *an_slot_type(d->g, a->in[i]);
    const char *why = NULL;
    if (dx.graph != d->g) why = "is a value of another graph";
    else if (an_is_poison(dx)) why = "is no value";
    else {
        const an_type from = an_type_of(dx);
        if (from.dtype != type.dtype) why = "has another dtype";
        else if (!broadcasts(&type.shape, &from.shape)) why = "cannot be summed to its shape";
        else return sum_down(dx, &type);
    }
    char name[32];
    an_op_input_name(a->op, i, name, sizeof name);
    an_graph_fail(d->g, d->g->nodes[a->node].at, AN_E_GRADIENT,
                  "an_gradients: what the gradient of %s gives for %s %s", a->op->name, name, why);
    return (an_value){d->g, 0};
}

static void file_terms(differentiation *d, const an_applied *a, const an_value *dx)
{
    an_graph *g = d->g;
    const an_norm_roles *norm = &a->op->rules->norm;
    for (int i = 0; i < a->inputs && an_graph_status(g) == AN_OK; i++) {
        const bool constant = an_has_operand(a->op->rules->constant_in, i);
        if (!dx[i].graph || constant || !a->in[i] || !d->active[a->in[i]]) continue;
        const an_value down = gradient_of(d, a, i, dx[i]);
        const term t = {.value = down.id, .consumer = a->ordinal, .operand = i,
                        .norm = norm->row == AN_IN(i) && !norm->dy};
        if (down.id) add_term(d, a->in[i], &t);
    }
}

/* Hands the gradients of a step's results to its rule and files what comes back. */
static an_status step_back(differentiation *d, const an_applied *a)
{
    an_graph *g = d->g;
    const an_op_rules *rules = a->op->rules;
    bool wanted = false;
    for (int i = 0; i < a->inputs; i++) wanted = wanted || (a->in[i] && d->active[a->in[i]]);
    if (!wanted) return AN_OK;
    const an_node node = g->nodes[a->node];
    an_graph_derive(g, "grad", &node);
    an_value *in = an_alloc_zeroed(2 * (a->inputs + (int64_t)a->outputs) * (int64_t)sizeof *in);
    if (!in) return out_of_memory(g);
    an_value *dx = in + a->inputs, *out = dx + a->inputs, *dy = out + a->outputs;
    const bool any = collect_adjoints(d, a, dy);
    if (any && rules->grad && check_closed(d, a, dy) == AN_OK) {
        for (int i = 0; i < a->inputs; i++) in[i] = an_value_of(g, a->in[i]);
        for (int k = 0; k < a->outputs; k++) out[k] = an_value_of(g, a->out[k]);
        const an_call call = {.op = a->op, .attrs = a->attrs, .inputs = a->inputs,
                              .outputs = a->outputs, .in = in, .out = out};
        rules->grad(&call, dy, dx);
        file_terms(d, a, dx);
    }
    an_free(in);
    return any && !rules->grad ? no_gradient(d, a) : an_graph_status(g);
}

/* ---- the calls --------------------------------------------------------- */

static an_status check_call(an_value loss, const an_value *wrt, int count)
{
    an_graph *g = loss.graph;
    const an_type type = *an_slot_type(g, loss.id);
    if (type.shape.rank != 0 || !an_dtype_is_float(type.dtype)) {
        an_text t = {0};
        an_type_print(g->dims, &type, &t);
        const an_status status =
            an_graph_fail(g, an_node_of(g, loss.id)->at, AN_E_SHAPE,
                          "an_gradients: the loss must be a float scalar, not %s\n  hint: reduce "
                          "it with an_sum_axes(x, AN_ALL_AXES, false) or an_mean_axes",
                          an_text_view(&t));
        an_text_free(&t);
        return status;
    }
    for (int i = 0; i < count; i++) {
        if (wrt[i].graph != g || wrt[i].id == 0 || (int64_t)wrt[i].id > g->slot_count)
            return an_graph_fail(g, (an_at){0}, AN_E_GRAPH,
                                 "an_gradients: wrt[%d] is no value of the loss's graph", i);
        if (!an_dtype_is_float(an_slot_type(g, wrt[i].id)->dtype))
            return an_graph_fail(g, an_node_of(g, wrt[i].id)->at, AN_E_DTYPE,
                                 "an_gradients: wrt[%d] is %s; only floats have gradients", i,
                                 an_dtype_name(an_slot_type(g, wrt[i].id)->dtype));
    }
    return AN_OK;
}

static an_status seed(differentiation *d, uint32_t loss)
{
    const an_node node = *an_node_of(d->g, loss);
    an_graph_derive(d->g, "grad", &node);
    const an_value one = an_number((an_value){d->g, loss}, 1.0);
    if (!one.id) return an_graph_status(d->g);
    return add_term(d, loss, &(term){.value = one.id, .consumer = UINT32_MAX});
}

static an_status walk_back(differentiation *d)
{
    an_status status = AN_OK;
    for (int64_t s = d->steps.count; s > 0 && status == AN_OK; s--)
        status = step_back(d, &d->steps.at[s - 1]);
    return status;
}

static an_status collect(differentiation *d, const an_value *wrt, int count, an_value *out)
{
    an_graph *g = d->g;
    for (int i = 0; i < count; i++) {
        const an_node node = *an_node_of(g, wrt[i].id);
        an_graph_derive(g, "grad", &node);
        out[i] = adjoint_of(d, wrt[i].id);
        if (out[i].graph) continue;
        const an_type type = *an_slot_type(g, wrt[i].id);
        out[i] = an_fill(g, type.dtype, type.shape, 0.0);
    }
    return an_graph_status(g);
}

an_status an_gradients(an_value loss, const an_value *wrt, int count, an_value *out)
{
    an_graph *g = loss.graph;
    if (!g || !wrt || !out || count < 0) return AN_E_ARGUMENT;
    for (int i = 0; i < count; i++) out[i] = (an_value){g, 0};
    if (g->error.status != AN_OK) return g->error.status;
    if (an_is_poison(loss))
        return an_graph_fail(g, (an_at){0}, AN_E_GRAPH, "an_gradients: the loss is no value");
    an_status status = check_call(loss, wrt, count);
    if (status != AN_OK) return status;
    differentiation d = {.g = g};
    status = prepare(&d, &loss, 1, wrt, count);
    if (status == AN_OK && d.active[loss.id]) status = seed(&d, loss.id);
    if (status == AN_OK) status = walk_back(&d);
    if (status == AN_OK) status = collect(&d, wrt, count, out);
    an_graph_derive_end(g);
    free_all(&d);
    return status;
}

an_status an_gradients_from(const an_value *y, const an_value *dy, int count, const an_value *wrt,
                            int wanted, an_value *out)
{
    an_graph *g = y[0].graph;
    differentiation d = {.g = g};
    an_status status = prepare(&d, y, count, wrt, wanted);
    for (int k = 0; k < count && status == AN_OK; k++)
        if (d.active[y[k].id])
            status = add_term(&d, y[k].id, &(term){.value = dy[k].id, .consumer = UINT32_MAX});
    if (status == AN_OK) status = walk_back(&d);
    if (status == AN_OK) status = collect(&d, wrt, wanted, out);
    an_graph_derive_end(g);
    free_all(&d);
    return status;
}

an_value an_gradient(an_value loss, an_value wrt)
{
    an_value out = {loss.graph, 0};
    an_gradients(loss, &wrt, 1, &out);
    return out;
}
