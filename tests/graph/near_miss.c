/* near_miss.c -- see near_miss.h. Drawing, emitting and predicting share no code.
 *
 * No step is ever drawn twice, no-ops and the order of an addition's terms not
 * counted, so cse finds nothing to merge and every norm keeps its own note.   */
#include "tests/graph/near_miss.h"

static bool commutes(an_near_kind kind)
{
    return kind == AN_NEAR_ADD || kind == AN_NEAR_RESIDUAL || kind == AN_NEAR_MUL;
}

/* The step whose value `step` has once no-ops are gone. */
static int seen_through(const an_near_recipe *r, int step)
{
    while (step >= 0 && r->step[step].kind == AN_NEAR_NOTHING) step = r->step[step].in[0];
    return step;
}

/* ---- drawing ----------------------------------------------------------- */

typedef struct maker {
    an_near_recipe *r;
    an_test_random random;
} maker;

static int draw(maker *m, int low, int high)
{
    return (int)an_test_int(&m->random, low, high);
}

static bool same_step(const an_near_recipe *r, const an_near_step *a, const an_near_step *b)
{
    if (a->kind != b->kind || a->form != b->form || a->detail != b->detail || a->over != b->over ||
        memcmp(&a->eps, &b->eps, sizeof a->eps) != 0)
        return false;
    int x[4], y[4];
    for (int i = 0; i < 4; i++) {
        x[i] = seen_through(r, a->in[i]);
        y[i] = seen_through(r, b->in[i]);
    }
    if (commutes(a->kind) && x[0] == y[1] && x[1] == y[0]) return true;
    return !memcmp(x, y, sizeof x);
}

/* Adds a step, or finds the one that is the same. */
static int keep(maker *m, an_near_step s)
{
    an_near_recipe *r = m->r;
    const bool leaf = s.kind == AN_NEAR_INPUT || s.kind == AN_NEAR_STATE;
    for (int i = 0; i < r->count && !leaf; i++)
        if (same_step(r, &r->step[i], &s)) return i;
    ck_assert_int_lt(r->count, AN_NEAR_MOST);
    r->step[r->count] = s;
    return r->count++;
}

static int combine(maker *m, an_near_kind kind, int a, int b)
{
    const an_near_form fa = m->r->step[a].form, fb = m->r->step[b].form;
    return keep(m, (an_near_step){kind, fa < fb ? fa : fb, {a, b, -1, -1}, 0, 0, false, 0});
}

static int single(maker *m, an_near_kind kind, int a, int detail)
{
    return keep(m, (an_near_step){kind, m->r->step[a].form, {a, -1, -1, -1}, detail, 0, false, 0});
}

static int reduce(maker *m, int a, an_near_form form)
{
    if (m->r->step[a].form == form) return a;
    return keep(m, (an_near_step){AN_NEAR_REDUCE, form, {a, -1, -1, -1}, 0, 0, false, 0});
}

enum { NEGATED = 3, UNARIES = 5, NOTHINGS = 6 };

static int unary(maker *m, int a)
{
    int detail = draw(m, 0, UNARIES - 1);
    const an_near_step *s = &m->r->step[seen_through(m->r, a)];
    if (detail == NEGATED && s->kind == AN_NEAR_UNARY && s->detail == NEGATED)
        detail = 0; /* twice negated is a no-op, and those are drawn elsewhere */
    return single(m, AN_NEAR_UNARY, a, detail);
}

/* In rows alone nothing can turn. */
static int turned(maker *m, int a)
{
    return m->r->step[a].form == AN_NEAR_ROW ? a : single(m, AN_NEAR_TURNED, a, 0);
}

/* A value of that form, mostly a recent one. */
static int pick(maker *m, an_near_form form)
{
    int found[AN_NEAR_MOST], n = 0;
    for (int i = 0; i < m->r->count; i++)
        if (m->r->step[i].form == form) found[n++] = i;
    const int low = draw(m, 0, 2) > 0 && n > 4 ? n - 4 : 0;
    return found[draw(m, low, n - 1)];
}

static an_near_form pick_form(maker *m)
{
    const int d = draw(m, 0, 9);
    return d < 7 ? AN_NEAR_BLOCK : d < 9 ? AN_NEAR_PLANE : AN_NEAR_ROW;
}

static int maybe(maker *m, an_near_form form)
{
    return draw(m, 0, 3) ? pick(m, form) : -1;
}

/* An rms norm, now and then, where there is no beta. */
static int norm_with(maker *m, int x, int over, int gamma, int beta)
{
    static const float eps[] = {1e-5f, 1e-3f, 0.25f};
    const an_near_kind kind = beta < 0 && draw(m, 0, 1) ? AN_NEAR_RMS : AN_NEAR_NORM;
    return keep(m, (an_near_step){kind, m->r->step[x].form, {x, gamma, beta, -1}, 0, over,
                                  draw(m, 0, 1) == 1, eps[draw(m, 0, 2)]});
}

static int beta_for(maker *m, an_near_form form)
{
    return draw(m, 0, 1) ? maybe(m, form) : -1;
}

static int norm(maker *m, int x)
{
    const int gamma = maybe(m, AN_NEAR_ROW);
    return norm_with(m, x, 1, gamma, beta_for(m, AN_NEAR_ROW));
}

static int plain_sum(maker *m, an_near_form form)
{
    const int a = pick(m, form), b = pick(m, form);
    return combine(m, draw(m, 0, 1) ? AN_NEAR_ADD : AN_NEAR_RESIDUAL, a, b);
}

static void noise(maker *m)
{
    const an_near_form form = pick_form(m);
    const int a = pick(m, form);
    switch (draw(m, 0, 6)) {
    case 0: combine(m, AN_NEAR_MUL, a, pick(m, AN_NEAR_ROW)); break;
    case 1: combine(m, AN_NEAR_ADD, a, pick(m, form)); break;
    case 2: reduce(m, a, AN_NEAR_ROW); break;
    case 3: single(m, AN_NEAR_NOTHING, a, draw(m, 0, NOTHINGS - 1)); break;
    case 4: turned(m, a); break;
    default: unary(m, a); break;
    }
}

/* A parameter of a norm over the trailing axis that is made from `x`. */
static int parameter_from(maker *m, int x)
{
    int row = reduce(m, x, AN_NEAR_ROW);
    for (int i = draw(m, 0, 2); i > 0; i--)
        row = draw(m, 0, 1) ? unary(m, row) : combine(m, AN_NEAR_MUL, row, pick(m, AN_NEAR_ROW));
    return row;
}

static void norm_of_parameter(maker *m, int x, int parameter)
{
    if (draw(m, 0, 1)) norm_with(m, x, 1, parameter, beta_for(m, AN_NEAR_ROW));
    else norm_with(m, x, 1, maybe(m, AN_NEAR_ROW), parameter);
}

static void broadcast_pair(maker *m)
{
    const an_near_form small = draw(m, 0, 1) ? AN_NEAR_ROW : AN_NEAR_PLANE;
    const int a = pick(m, AN_NEAR_BLOCK), b = pick(m, small);
    norm(m, draw(m, 0, 1) ? combine(m, AN_NEAR_ADD, a, b) : combine(m, AN_NEAR_ADD, b, a));
}

static void wide_pair(maker *m)
{
    const int s = plain_sum(m, draw(m, 0, 3) ? AN_NEAR_BLOCK : AN_NEAR_PLANE);
    const int gamma = maybe(m, AN_NEAR_PLANE);
    norm_with(m, s, 2, gamma, beta_for(m, AN_NEAR_PLANE));
}

/* Two pairs, each with a parameter made from the other's sum: one of them fuses. */
static void two_that_wait_for_each_other(maker *m)
{
    const int a = plain_sum(m, AN_NEAR_BLOCK), b = plain_sum(m, AN_NEAR_BLOCK);
    const int from_a = parameter_from(m, a), from_b = parameter_from(m, b);
    norm_of_parameter(m, a, from_b);
    norm_of_parameter(m, b, from_a);
}

static void scaled_pair(maker *m)
{
    const an_near_form form = pick_form(m);
    const int a = pick(m, form), b = pick(m, form), scale = pick(m, AN_NEAR_ROW);
    norm(m, keep(m, (an_near_step){AN_NEAR_SCALED, form, {a, b, scale, -1}, 0, 0, false, 0}));
}

/* The norm of either kind that comes first is the one that fuses. */
static void rms_pair(maker *m)
{
    const int s = plain_sum(m, pick_form(m));
    if (!draw(m, 0, 2)) norm_with(m, s, 1, maybe(m, AN_NEAR_ROW), pick(m, AN_NEAR_ROW));
    keep(m, (an_near_step){AN_NEAR_RMS, m->r->step[s].form, {s, maybe(m, AN_NEAR_ROW), -1, -1}, 0,
                           1, false, 1e-3f});
    if (!draw(m, 0, 2)) norm_with(m, s, 1, maybe(m, AN_NEAR_ROW), pick(m, AN_NEAR_ROW));
}

static void made_pair(maker *m)
{
    const an_near_form form = pick_form(m);
    const int a = pick(m, form), b = pick(m, form), gamma = maybe(m, AN_NEAR_ROW);
    const int y = keep(m, (an_near_step){AN_NEAR_MADE, form, {a, b, gamma, -1}, draw(m, 0, 1), 1,
                                         false, 1e-3f});
    norm(m, draw(m, 0, 2) ? single(m, AN_NEAR_MADE_SUM, y, 0) : y);
}

static void between(maker *m)
{
    const int s = plain_sum(m, pick_form(m));
    switch (draw(m, 0, 5)) {
    case 0: norm(m, single(m, AN_NEAR_DROPOUT, s, m->r->count)); break;
    case 5: norm(m, turned(m, s)); break;
    case 1: norm(m, combine(m, AN_NEAR_MUL, s, pick(m, AN_NEAR_ROW))); break;
    case 2: norm(m, reduce(m, s, AN_NEAR_ROW)); break;
    default: norm(m, unary(m, s)); break;
    }
}

/* Near-misses and pairs that must fuse; at most ten steps. */
static void pair(maker *m)
{
    const int d = draw(m, 0, 12);
    if (d <= 4) {
        int s = plain_sum(m, pick_form(m));
        if (d == 0) unary(m, s); /* another user before the norm's parameters */
        if (d == 1) s = single(m, AN_NEAR_NOTHING, s, draw(m, 0, NOTHINGS - 1));
        const int y = norm(m, s);
        if (d == 2) norm(m, s);
        if (d == 3) norm_of_parameter(m, s, parameter_from(m, draw(m, 0, 1) ? y : s));
    } else if (d == 5) {
        const int s = plain_sum(m, pick_form(m));
        norm_of_parameter(m, s, parameter_from(m, s));
    } else {
        static void (*const others[])(maker *) = {
            broadcast_pair, wide_pair, two_that_wait_for_each_other, scaled_pair, rms_pair,
            made_pair, between};
        others[d - 6](m);
    }
}

static void draw_outputs(maker *m)
{
    an_near_recipe *r = m->r;
    uint64_t read = 0;
    for (int i = 0; i < r->count; i++)
        for (int k = 0; k < 4; k++)
            if (r->step[i].in[k] >= 0) read |= 1ull << r->step[i].in[k];
    for (int i = 0; i < r->count; i++) {
        if (r->step[i].kind <= AN_NEAR_STATE) continue;
        const bool end = !an_near_has(read, i);
        if (end ? draw(m, 0, 9) > 0 : draw(m, 0, 5) == 0) r->outputs |= 1ull << i;
        if (an_near_is_norm(&r->step[i]) && draw(m, 0, 5) == 0) r->statistics |= 1ull << i;
    }
    r->outputs |= 1ull << (r->count - 1);
}

an_near_recipe an_near_draw(uint64_t seed)
{
    an_near_recipe r = {.seed = seed};
    maker m = {&r, {seed}};
    for (int i = 0; i < AN_NEAR_INPUTS + 5; i++) {
        const bool input = i < AN_NEAR_INPUTS;
        const an_near_form form = input ? AN_NEAR_BLOCK
                                        : i < AN_NEAR_INPUTS + 2 ? AN_NEAR_PLANE : AN_NEAR_ROW;
        keep(&m, (an_near_step){input ? AN_NEAR_INPUT : AN_NEAR_STATE, form, {-1, -1, -1, -1}, i, 0,
                                false, 0});
    }
    for (int pairs = draw(&m, 1, 4); pairs > 0; pairs--) {
        for (int n = draw(&m, 0, 2); n > 0; n--) noise(&m);
        pair(&m);
    }
    for (int n = draw(&m, 0, 3); n > 0; n--) noise(&m);
    draw_outputs(&m);
    return r;
}

/* ---- emitting ---------------------------------------------------------- */

static an_shape shape_of(an_graph *g, an_near_form form)
{
    if (form == AN_NEAR_BLOCK) return AN_SHAPE(an_dim_named(g, "B"), 3, 8);
    return form == AN_NEAR_PLANE ? AN_SHAPE(3, 8) : AN_SHAPE(8);
}

static an_value emit_leaf(an_graph *g, const an_near_step *s)
{
    char name[16];
    snprintf(name, sizeof name, s->kind == AN_NEAR_INPUT ? "x%d" : "w%d", s->detail);
    if (s->kind == AN_NEAR_INPUT) return an_input(g, name, AN_F32, shape_of(g, s->form));
    return an_state(g, name, AN_F32, shape_of(g, s->form), (an_init){AN_INIT_UNIFORM, -2, 2});
}

static an_value emit_unary(an_value x, int detail)
{
    switch (detail) {
    case 0: return an_tanh(x);
    case 1: return an_sigmoid(x);
    case 2: return an_sin(x);
    case NEGATED: return an_neg(x);
    default: return an_stop_gradient(x);
    }
}

/* The last two axes swapped, as a shape; [8] becomes [2,4]. */
static an_shape swapped(an_shape shape)
{
    const int last = shape.rank - 1;
    if (last == 0) return AN_SHAPE(2, 4);
    const an_dim d = shape.dim[last];
    shape.dim[last] = shape.dim[last - 1];
    shape.dim[last - 1] = d;
    return shape;
}

static an_value emit_turned(an_value x)
{
    const an_shape shape = an_type_of(x).shape;
    const an_axes swap = shape.rank == 3 ? AN_AXES(0, 2, 1) : AN_AXES(1, 0);
    return an_reshape(an_transpose(x, swap), shape);
}

static an_value emit_nothing(an_value x, int detail)
{
    const an_shape shape = an_type_of(x).shape;
    if (detail == 0) return an_neg(an_neg(x));
    if (detail == 1) return an_mul(x, an_number(x, 1));
    if (detail == 4) return an_reshape(an_reshape(x, swapped(shape)), shape);
    if (detail == 5 && shape.rank == 3) {
        const an_axes on = AN_AXES(1, 2, 0);
        return an_transpose(an_transpose(an_transpose(x, on), on), on);
    }
    if (detail == 5 && shape.rank == 2)
        return an_reshape(an_reshape(an_reshape(x, AN_SHAPE(24)), swapped(shape)), shape);
    if (detail == 2 && shape.rank > 1) {
        const an_axes swap = shape.rank == 3 ? AN_AXES(0, 2, 1) : AN_AXES(1, 0);
        return an_transpose(an_transpose(x, swap), swap);
    }
    return an_reshape(x, shape);
}

static an_value emit_step(an_near_built *b, const an_near_step *s, int number)
{
    an_graph *g = b->graph;
    an_value in[4];
    for (int k = 0; k < 4; k++) in[k] = s->in[k] < 0 ? AN_NONE : b->value[s->in[k]];
    const int rank = AN_NEAR_FORMS - (int)s->form;
    const int axis = s->negative ? -s->over : rank - s->over;
    switch (s->kind) {
    case AN_NEAR_UNARY: return emit_unary(in[0], s->detail);
    case AN_NEAR_NOTHING: return emit_nothing(in[0], s->detail);
    case AN_NEAR_MUL: return an_mul(in[0], in[1]);
    case AN_NEAR_DROPOUT:
        return an_dropout_keyed(in[0], an_graph_state(g, "key"), 0.25f, (uint32_t)number);
    case AN_NEAR_TURNED: return emit_turned(in[0]);
    case AN_NEAR_REDUCE: {
        const int leading = an_type_of(in[0]).shape.rank - rank;
        return an_sum_axes(in[0], leading == 2 ? AN_AXES(0, 1) : AN_AXES(0), false);
    }
    case AN_NEAR_ADD: return an_add(in[0], in[1]);
    case AN_NEAR_RESIDUAL: return an_residual_add(in[0], in[1]);
    case AN_NEAR_SCALED: return an_residual_add_scaled(in[0], in[1], in[2]);
    case AN_NEAR_NORM: return an_layer_norm(in[0], in[1], in[2], axis, s->eps);
    case AN_NEAR_RMS: return an_rms_norm(in[0], in[1], axis, s->eps);
    case AN_NEAR_MADE:
        if (s->detail) return an_add_rms_norm(in[0], in[1], in[2], axis, s->eps);
        return an_add_norm(in[0], in[1], in[2], AN_NONE, axis, s->eps);
    case AN_NEAR_MADE_SUM: return an_result(in[0], 1);
    default: return emit_leaf(g, s);
    }
}

/* Any step whose operands are there: the first, or one drawn. */
static int next_step(const an_near_recipe *r, uint64_t there, an_test_random *random)
{
    int ready[AN_NEAR_MOST], n = 0;
    for (int i = 0; i < r->count; i++) {
        bool can = !an_near_has(there | r->dropped, i);
        for (int k = 0; k < 4; k++)
            can = can && (r->step[i].in[k] < 0 || an_near_has(there, r->step[i].in[k]));
        if (can) ready[n++] = i;
    }
    if (n == 0) return -1;
    return random ? ready[an_test_int(random, 0, n - 1)] : ready[0];
}

an_near_built an_near_emit(const an_near_recipe *r, uint64_t order)
{
    an_near_built b = {.graph = an_graph_new("near miss")};
    an_test_random random = {order};
    uint64_t there = 0;
    an_state(b.graph, "key", AN_I64, AN_SHAPE(2), (an_init){AN_INIT_RANDOM_KEY, 0, 0});
    for (int i; (i = next_step(r, there, order ? &random : NULL)) >= 0; there |= 1ull << i) {
        b.value[i] = emit_step(&b, &r->step[i], i);
        b.order[b.count++] = i;
    }
    for (int i = 0; i < r->count; i++) {
        char name[16];
        snprintf(name, sizeof name, "y%d", i);
        if (an_near_has(r->outputs & there, i)) an_graph_output(b.value[i], name);
        snprintf(name, sizeof name, "rstd%d", i);
        const int rstd = r->step[i].kind == AN_NEAR_RMS ? 1 : 2;
        if (an_near_has(r->statistics & there, i))
            an_graph_output(an_result(b.value[i], rstd), name);
    }
    return b;
}
