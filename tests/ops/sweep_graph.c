/* sweep_graph.c -- what an op promises inside a graph, checked on one case.
 *
 * Everything runs in f64 on the ref loops, even where the op makes f32. The loss
 * is sum(y * r) over all float outputs y, with random r, so that no term of a
 * gradient can hide behind another:
 *   - d loss against central differences, for every operand that has a gradient
 *   - for ops with the trait SECOND the same of sum(d loss * r2), by operands and r
 *   - both again with one value as two operands
 *   - the op against its meaning: types, and values
 *   - the graph, gradients and all, printed, parsed and printed again           */
#include "graph/evaluate.h"
#include "tests/ops/sweep.h"

#include <math.h>
#include <stdlib.h>

/* Larger cases are about kernels. Of graphs the brief sweep tries the small ones: what they execute
 * is the same. */
#define MOST_ELEMENTS (AN_SWEEP_BRIEF ? 150 : 4000)

typedef struct trial {
    const an_setting *s;
    an_graph *g;
    bool repeated;                     /* in[1..] of in[0]'s type are in[0] */
    an_value in[AN_CASE_OPERANDS], out[AN_CASE_OUTPUTS], meant[AN_CASE_OUTPUTS];
    an_value wrt[AN_CASE_OPERANDS + AN_CASE_OUTPUTS]; /* operands first, then the r of outputs */
    int operand[AN_CASE_OPERANDS];     /* of wrt[i] */
    int operands, wrt_count;
    an_value first, second;            /* the two losses; NONE: not checked */
    an_value first_grad[AN_CASE_OPERANDS], second_grad[AN_CASE_OPERANDS + AN_CASE_OUTPUTS];
    an_evaluation e;
} trial;

static void want_good(const trial *t, const char *what)
{
    an_want(an_graph_status(t->g) == AN_OK, "%s: %s: %s", t->s->name, what,
            an_graph_message(t->g));
}

/* ---- building ---------------------------------------------------------- */

static an_dim translate(const trial *t, an_dim d)
{
    return an_dim_is_symbolic(d) ? an_dims_translate(t->g->dims, t->s->dims, d) : d;
}

static an_shape translate_shape(const trial *t, const an_shape *shape)
{
    an_shape there = {.rank = shape->rank};
    for (int i = 0; i < shape->rank; i++) there.dim[i] = translate(t, shape->dim[i]);
    return there;
}

static an_attrs translate_attributes(const trial *t)
{
    an_attrs a = t->s->attrs;
    a.shape = translate_shape(t, &a.shape);
    a.start = translate(t, a.start);
    a.stop = translate(t, a.stop);
    a.before = translate(t, a.before);
    a.after = translate(t, a.after);
    a.size = translate(t, a.size);
    return a;
}

static bool same_operand_type(const an_setting *s, int i)
{
    const an_type *a = &s->in_type[0], *b = &s->in_type[i];
    return s->present[0] && s->present[i] && an_type_equal(a, b);
}

static void add_operands(trial *t)
{
    for (int i = 0; i < t->s->inputs; i++) {
        t->in[i] = AN_NONE;
        if (!t->s->present[i]) continue;
        if (t->repeated && i > 0 && same_operand_type(t->s, i)) {
            t->in[i] = t->in[0];
            continue;
        }
        char name[16];
        snprintf(name, sizeof name, "in%d", i);
        t->in[i] = an_input(t->g, name, t->s->in_type[i].dtype,
                            translate_shape(t, &t->s->in_type[i].shape));
    }
}

static void add_op(trial *t)
{
    const an_attrs attrs = translate_attributes(t);
    const bool leaf = t->s->op->traits & AN_TRAIT_LEAF;
    const an_value y = leaf ? an_emit_leaf(AN_HERE, t->g, t->s->op->code, "leaf", &attrs)
                            : an_emit_op(AN_HERE, t->s->op, t->in, t->s->inputs, &attrs);
    want_good(t, "adding the op");
    for (int k = 0; k < t->s->outputs; k++) {
        t->out[k] = an_result(y, k);
        t->meant[k] = AN_NONE;
    }
    const an_op_rules *rules = t->s->op->rules;
    if (!rules->meaning) return;
    const an_call call = {.op = t->s->op, .attrs = &attrs, .inputs = t->s->inputs, .in = t->in,
                          .outputs = t->s->outputs, .out = t->out};
    rules->meaning(&call, t->meant);
    want_good(t, "adding its meaning");
}

/* sum(v * r), added to `loss` unless that is NONE; r is a new input. */
static an_value add_projection(trial *t, an_value loss, an_value v, const char *letter, int i,
                               an_value *r)
{
    char name[16];
    snprintf(name, sizeof name, "%s%d", letter, i);
    const an_type type = an_type_of(v);
    *r = an_input(t->g, name, type.dtype, type.shape);
    const an_value term = an_sum_axes(an_mul(v, *r), AN_ALL_AXES, false);
    return an_is_none(loss) ? term : an_add(loss, term);
}

static bool wants_gradient(const trial *t, int i)
{
    return t->s->present[i] && an_dtype_is_float(t->s->in_type[i].dtype) &&
           !(t->s->op->rules->constant_in >> i & 1) && !(t->repeated && i > 0 &&
           t->in[i].id == t->in[0].id);
}

/* The first loss and its gradients. */
static void add_first(trial *t)
{
    t->first = t->second = AN_NONE;
    an_value r[AN_CASE_OUTPUTS];
    int r_count = 0;
    for (int i = 0; i < t->s->inputs; i++) {
        if (!wants_gradient(t, i)) continue;
        t->operand[t->operands] = i;
        t->wrt[t->operands++] = t->in[i];
    }
    t->wrt_count = t->operands;
    if (t->operands == 0 || t->s->op->rules->no_grad) return;
    for (int k = 0; k < t->s->outputs; k++)
        if (an_dtype_is_float(t->s->out_type[k].dtype) && !(t->s->c->no_grad_out >> k & 1))
            t->first = add_projection(t, t->first, t->out[k], "r", k, &r[r_count++]);
    if (an_is_none(t->first)) return;
    an_gradients(t->first, t->wrt, t->operands, t->first_grad);
    want_good(t, "differentiating");
    for (int k = 0; k < r_count; k++) t->wrt[t->wrt_count++] = r[k];
}

/* The second loss: a projection of the first one's gradients. */
static void add_second(trial *t)
{
    if (an_is_none(t->first) || !(t->s->op->traits & AN_TRAIT_SECOND)) return;
    for (int i = 0; i < t->operands; i++) {
        an_value unused;
        t->second = add_projection(t, t->second, t->first_grad[i], "q", i, &unused);
    }
    an_gradients(t->second, t->wrt, t->wrt_count, t->second_grad);
    want_good(t, "differentiating twice");
}

/* ---- evaluating -------------------------------------------------------- */

static void begin(trial *t)
{
    const an_dims *dims = t->g->dims;
    int64_t bound[16];
    ck_assert_int_le(an_dims_names(dims), 16);
    for (int i = 0; i < an_dims_names(dims); i++)
        for (int j = 0; j < an_dims_names(t->s->dims); j++)
            if (!strcmp(an_dims_name_at(dims, i), an_dims_name_at(t->s->dims, j)))
                bound[i] = t->s->bound[j];
    t->e.shadow = true;
    an_want(an_evaluation_begin(&t->e, t->g, bound) == AN_OK, "%s: %s", t->s->name,
            t->e.error.text);
    an_test_random r = {t->s->seed ^ 77};
    for (int64_t n = 1; n <= t->g->node_count; n++) {
        if (!an_node_is_input(&t->g->nodes[n])) continue;
        an_tensor *leaf = &t->e.value[t->g->nodes[n].first];
        for (int64_t i = 0; i < an_tensor_count(leaf); i++)
            an_tensor_set(leaf, i, an_test_uniform(&r, -1, 1));
    }
    for (int i = 0; i < t->s->inputs; i++)
        if (t->s->present[i] && !(t->repeated && i > 0 && t->in[i].id == t->in[0].id))
            an_want_ok(an_tensor_copy(&t->e.value[t->in[i].id], &t->s->in[i]));
}

static void evaluate(trial *t, uint32_t node)
{
    an_want(an_evaluation_node(&t->e, node) == AN_OK, "%s: %s", t->s->name, t->e.error.text);
}

/* ---- central differences ----------------------------------------------- */

/* A line through the operands' values: x + h * direction, in one leaf. Whoever walks along it
 * returns to h = 0, so that all values stay those of the start. */
typedef struct line {
    an_value loss, leaf;
    const double *start, *direction;
    const uint32_t *between; /* the nodes that lead from the leaf to the loss, in order; then 0 */
} line;

/* Only these change along the line: a caller frees the list. */
static uint32_t *nodes_between(const trial *t, an_value leaf, an_value loss)
{
    const an_graph *g = t->g;
    const uint32_t from = g->slots[leaf.id].node, to = g->slots[loss.id].node;
    bool *follows = calloc((size_t)to + 1, sizeof *follows);
    bool *needed = calloc((size_t)to + 1, sizeof *needed);
    uint32_t *list = calloc((size_t)to + 1, sizeof *list), count = 0;
    an_want(follows && needed && list, "out of memory");
    follows[from] = needed[to] = true;
    for (uint32_t n = 1; n <= to; n++)
        for (int i = 0; i < g->nodes[n].inputs; i++)
            if (g->nodes[n].in[i] && follows[g->slots[g->nodes[n].in[i]].node]) follows[n] = true;
    for (uint32_t n = to; n > 0; n--)
        for (int i = 0; i < g->nodes[n].inputs && needed[n]; i++)
            if (g->nodes[n].in[i]) needed[g->slots[g->nodes[n].in[i]].node] = true;
    for (uint32_t n = from + 1; n <= to; n++)
        if (follows[n] && needed[n]) list[count++] = n;
    free(follows);
    free(needed);
    return list;
}

static double along(trial *t, const line *l, double h)
{
    an_tensor *x = &t->e.value[l->leaf.id];
    for (int64_t i = 0; i < an_tensor_count(x); i++)
        an_tensor_set(x, i, l->start[i] + h * l->direction[i]);
    for (const uint32_t *n = l->between; *n; n++) evaluate(t, *n);
    return an_tensor_get(&t->e.value[l->loss.id], 0);
}

static double five_points(trial *t, const line *l, double h)
{
    return (8 * (along(t, l, h) - along(t, l, -h)) - (along(t, l, 2 * h) - along(t, l, -2 * h))) /
           (12 * h);
}

/* Halves the step until two estimates agree best: large steps bend, small ones round. */
static double slope(trial *t, const line *l)
{
    double h = t->s->spacing > 0 ? fmin(4e-3, t->s->spacing / 8) : 4e-3;
    double best = five_points(t, l, h), before = best, least = INFINITY;
    for (int i = 0; i < 4 && least > 1e-10 * (1 + fabs(best)); i++) {
        h /= 4;
        const double now = five_points(t, l, h);
        if (fabs(now - before) < least) {
            least = fabs(now - before);
            best = now;
        }
        before = now;
    }
    return best;
}

static void compare_slope(trial *t, const line *l, const an_tensor *gradient, const char *what,
                          double most)
{
    double analytic = 0;
    for (int64_t i = 0; i < an_tensor_count(gradient); i++)
        analytic += an_tensor_get(gradient, i) * l->direction[i];
    const double numeric = slope(t, l);
    const double tolerance = t->s->c->gradient > 0 ? t->s->c->gradient : 1e-6;
    const double scale = fmax(fmax(fabs(analytic), fabs(numeric)), fmax(most, 1e-3));
    an_want(fabs(analytic - numeric) <= tolerance * scale,
            "%s%s: %s: gradient %.12g, central differences %.12g", t->s->name,
            t->repeated ? " (x, x)" : "", what, analytic, numeric);
}

/* Each element by itself if there are few; else some, and two random directions. */
static void check_leaf(trial *t, an_value loss, an_value leaf, const an_tensor *gradient,
                       const char *what)
{
    const int64_t count = an_tensor_count(gradient);
    double *start = calloc((size_t)count + 1, sizeof *start), most = 0;
    double *direction = calloc((size_t)count + 1, sizeof *direction);
    for (int64_t i = 0; i < count; i++) {
        start[i] = an_tensor_get(&t->e.value[leaf.id], i);
        most = fmax(most, fabs(an_tensor_get(gradient, i)));
    }
    uint32_t *between = nodes_between(t, leaf, loss);
    const line l = {loss, leaf, start, direction, between};
    an_test_random r = {t->s->seed ^ 99};
    const bool few = count <= 24;
    for (int64_t n = 0; n < (few ? count : 8); n++) {
        const int64_t i = few ? n : an_test_int(&r, 0, count - 1);
        direction[i] = 1;
        compare_slope(t, &l, gradient, what, most);
        direction[i] = 0;
    }
    for (int n = 0; n < 2 && count > 1; n++) {
        for (int64_t i = 0; i < count; i++) direction[i] = an_test_uniform(&r, -1, 1);
        compare_slope(t, &l, gradient, what, most);
    }
    along(t, &l, 0);
    free(between);
    free(start);
    free(direction);
}

static double largest(const an_tensor *v)
{
    double most = 0;
    for (int64_t i = 0; i < an_tensor_count(v); i++) most = fmax(most, fabs(an_tensor_get(v, i)));
    return most;
}

static void check_losses(trial *t, bool substance)
{
    for (int i = 0; i < t->wrt_count && !an_is_none(t->first); i++) {
        char what[64];
        an_tensor gradient = {0};
        if (i < t->operands) {
            snprintf(what, sizeof what, "operand %d", t->operand[i]);
            an_want_ok(an_tensor_copy(&gradient, &t->e.value[t->first_grad[i].id]));
            an_want(!substance || t->s->c->zero_grad >> t->operand[i] & 1 ||
                        largest(&gradient) >= 1e-3,
                    "%s: the gradient of %s stays below 1e-3", t->s->name, what);
            check_leaf(t, t->first, t->wrt[i], &gradient, what);
        }
        if (!an_is_none(t->second)) {
            snprintf(what, sizeof what, "%s %d, twice", i < t->operands ? "operand" : "upstream",
                     i < t->operands ? t->operand[i] : i - t->operands);
            an_want_ok(an_tensor_copy(&gradient, &t->e.value[t->second_grad[i].id]));
            check_leaf(t, t->second, t->wrt[i], &gradient, what);
        }
        an_tensor_free(&gradient);
    }
}

/* ---- values ------------------------------------------------------------ */

/* The interpreter gives what ref gives, also where attributes say f32 and the
 * values are held in f64. */
static void check_values(trial *t)
{
    const an_how how = {.what = "ref", .ref = true};
    an_outcome o;
    an_setting_run(t->s, &how, &o);
    for (int k = 0; k < t->s->outputs; k++) {
        const an_tensor *got = &t->e.value[t->out[k].id], *want = &o.out[k];
        const double ulps = want->dtype == AN_F32 ? 0x1p-23 : 0;
        for (int64_t i = 0; i < an_tensor_count(want); i++) {
            const double g = an_tensor_get(got, i), w = an_tensor_get(want, i);
            an_want(fabs(g - w) <= ulps * fabs(w) || g == w || (isnan(g) && isnan(w)),
                    "%s: output %d[%lld] is %.17g in a graph, by ref alone %.17g", t->s->name, k,
                    (long long)i, g, w);
        }
    }
    an_outcome_free(&o);
}

/* ---- meaning ----------------------------------------------------------- */

static void check_meaning(trial *t)
{
    for (int k = 0; k < t->s->outputs; k++) {
        if (an_is_none(t->meant[k])) continue;
        const an_type type = an_type_of(t->out[k]), meant = an_type_of(t->meant[k]);
        an_want(an_type_equal(&type, &meant), "%s: output %d and its meaning differ in type",
                t->s->name, k);
        const an_tensor *a = &t->e.value[t->out[k].id], *b = &t->e.value[t->meant[k].id];
        const double scale = fmax(1e-3, largest(a));
        for (int64_t i = 0; i < an_tensor_count(a); i++) {
            const double x = an_tensor_get(a, i), y = an_tensor_get(b, i);
            an_want(fabs(x - y) <= 1e-12 * scale || (isnan(x) && isnan(y)) || x == y,
                    "%s: output %d[%lld] is %.17g, by its meaning %.17g", t->s->name, k,
                    (long long)i, x, y);
        }
    }
}

/* ---- text -------------------------------------------------------------- */

static void check_text(const trial *t)
{
    char *text = an_print(t->g);
    an_want(text, "out of memory");
    an_graph *again = an_parse(.text = text, .name = "sweep");
    an_want(again && an_graph_status(again) == AN_OK, "%s: does not parse: %s\n%s", t->s->name,
            an_graph_message(again), text);
    char *second = an_print(again);
    an_want(second && !strcmp(text, second), "%s: changes its text:\n%s\nand then\n%s",
            t->s->name, text, second);
    an_string_free(text);
    an_string_free(second);
    an_graph_free(again);
}

/* ---- a case ------------------------------------------------------------ */

static bool has_empty(const an_setting *s)
{
    for (int i = 0; i < s->inputs; i++)
        if (s->present[i] && an_tensor_count(&s->in[i]) == 0) return true;
    for (int k = 0; k < s->outputs; k++)
        if (an_tensor_count(&s->out[k]) == 0) return true;
    return false;
}

static void try_setting(const an_setting *s, bool repeated, bool substance)
{
    trial t = {.s = s, .repeated = repeated};
    t.g = an_graph_new("sweep");
    an_want(t.g, "out of memory");
    add_operands(&t);
    add_op(&t);
    add_first(&t);
    add_second(&t);
    check_text(&t);
    begin(&t);
    for (uint32_t n = 1; n <= (uint32_t)t.g->node_count; n++) evaluate(&t, n);
    if (!repeated && s->op->rules->ref) check_values(&t);
    check_meaning(&t);
    const bool undefined = repeated && !an_is_none(t.first) &&
                           !isfinite(an_tensor_get(&t.e.value[t.first.id], 0));
    /* x, x may leave what the op is defined on; a mean over nothing has no slope. */
    if (!undefined && !has_empty(s)) check_losses(&t, substance);
    an_evaluation_free(&t.e);
    an_graph_free(t.g);
}

static bool can_repeat(const an_setting *s)
{
    const uint32_t constant = s->op->rules->constant_in;
    for (int i = 1; i < s->inputs; i++)
        if (same_operand_type(s, i) && an_dtype_is_float(s->in_type[0].dtype))
            return !((constant | constant >> i) & 1);
    return false;
}

static bool small_enough(const an_setting *s)
{
    int64_t elements = 0;
    for (int i = 0; i < s->inputs; i++) elements += an_tensor_count(&s->in[i]);
    for (int k = 0; k < s->outputs; k++) elements += an_tensor_count(&s->out[k]);
    return elements <= MOST_ELEMENTS;
}

void an_check_graphs(const an_case *c)
{
    if (c->flags & AN_CASE_NO_GRAPH) return;
    an_setting s;
    for (int variant = 0;; variant++) {
        const an_making made = an_setting_make(&s, c, variant, true);
        if (made == AN_NO_MORE) break;
        if (made == AN_SKIPPED) continue;
        if (!s.hopeless && small_enough(&s)) {
            try_setting(&s, false, variant == 0 && an_sweep_seed() == 1);
            if (variant == 0 && can_repeat(&s)) try_setting(&s, true, false);
        }
        an_setting_free(&s);
    }
}
