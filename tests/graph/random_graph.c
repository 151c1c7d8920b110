/* random_graph.c -- see random_graph.h. */
#include "tests/graph/random_graph.h"

#include "graph/run/store.h"

#include <math.h>

enum { MATRIX, SQUARE, ROW, SCALAR, KINDS }; /* [B,8] [8,8] [8] [] */
#define MOST 400

typedef struct maker {
    an_graph *g;
    an_test_random r;
    an_value pool[KINDS][MOST], states[KINDS][8], ids, x;
    int count[KINDS], state_count[KINDS];
} maker;

static int64_t draw(maker *m, int64_t low, int64_t high)
{
    return an_test_int(&m->r, low, high);
}

static void keep(maker *m, int kind, an_value v)
{
    if (!an_is_poison(v) && m->count[kind] < MOST) m->pool[kind][m->count[kind]++] = v;
}

/* Mostly a recent value, so that graphs are deep; sometimes any. */
static an_value pick(maker *m, int kind)
{
    const int n = m->count[kind];
    const int64_t low = draw(m, 0, 3) > 0 && n > 6 ? n - 6 : 0;
    return m->pool[kind][draw(m, low, n - 1)];
}

static an_value squash(maker *m, an_value v)
{
    switch (draw(m, 0, 4)) {
    case 0: return an_tanh(v);
    case 1: return an_sigmoid(v);
    case 2: return an_sin(v);
    case 3: return an_neg(v);
    default: return an_stop_gradient(v);
    }
}

static an_value product(an_value a, bool transpose_a, an_value b, bool transpose_b)
{
    const an_attrs attrs = {.transpose_a = transpose_a, .transpose_b = transpose_b};
    return an_emit(AN_HERE, AN_OP_matmul, (an_value[]){a, b}, 2, &attrs);
}

static void add_products(maker *m)
{
    const an_value x = pick(m, MATRIX), w = pick(m, SQUARE);
    keep(m, MATRIX, product(x, false, w, draw(m, 0, 1) == 1));
    if (draw(m, 0, 1)) keep(m, SQUARE, an_tanh(product(x, true, pick(m, MATRIX), false)));
    if (draw(m, 0, 1)) keep(m, MATRIX, product(x, false, pick(m, SQUARE), false));
}

static void add_norm(maker *m)
{
    const an_value terms[] = {pick(m, MATRIX), pick(m, MATRIX)};
    const an_value sum = an_emit(AN_HERE, AN_OP_residual_add, terms, 2, NULL);
    const an_value in[] = {sum, pick(m, ROW), draw(m, 0, 1) ? pick(m, ROW) : AN_NONE};
    keep(m, MATRIX, an_emit(AN_HERE, AN_OP_layer_norm, in, 3,
                            &(an_attrs){.axis = -1, .eps = 1e-3f}));
    if (draw(m, 0, 1)) keep(m, MATRIX, sum);
}

static void add_lookup(maker *m)
{
    const an_value in[] = {pick(m, SQUARE), m->ids};
    keep(m, MATRIX, an_emit(AN_HERE, AN_OP_embedding, in, 2, NULL));
}

static void add_one(maker *m)
{
    switch (draw(m, 0, 11)) {
    case 0: keep(m, MATRIX, an_add(pick(m, MATRIX), pick(m, MATRIX))); break;
    case 1: keep(m, MATRIX, an_mul(pick(m, MATRIX), pick(m, ROW))); break;
    case 2: keep(m, MATRIX, an_sub(pick(m, SCALAR), pick(m, MATRIX))); break;
    case 3: keep(m, ROW, an_tanh(an_sum(pick(m, MATRIX), 0))); break;
    case 4: keep(m, SCALAR, an_mean_axes(pick(m, MATRIX), AN_ALL_AXES, false)); break;
    case 5: { /* a view, its user, and a view back */
        const an_value x = pick(m, MATRIX), flat = an_reshape(x, AN_SHAPE(AN_DIM_REST));
        keep(m, MATRIX, an_reshape(squash(m, flat), an_type_of(x).shape));
        break;
    }
    case 6: keep(m, SQUARE, an_transpose(pick(m, SQUARE), AN_AXES(1, 0))); break;
    case 7: {
        const an_value a = pick(m, MATRIX), b = pick(m, MATRIX);
        keep(m, MATRIX, an_where(an_compare(a, AN_LT, b), a, pick(m, ROW)));
        break;
    }
    case 8: add_products(m); break;
    case 9: add_norm(m); break;
    case 10: add_lookup(m); break;
    default: {
        const int kind = (int)draw(m, 0, KINDS - 1);
        keep(m, kind, squash(m, pick(m, kind)));
    }
    }
}

static void add_leaves(maker *m)
{
    const an_dim B = an_dim_named(m->g, "B");
    const an_init init = {AN_INIT_UNIFORM, -1, 1};
    keep(m, MATRIX, m->x = an_input(m->g, "x", AN_F32, AN_SHAPE(B, 8)));
    m->ids = an_input(m->g, "ids", AN_I32, AN_SHAPE(B));
    const an_shape shapes[KINDS] = {AN_SHAPE(5, 8), AN_SHAPE(8, 8), AN_SHAPE(8), AN_SCALAR};
    for (int kind = SQUARE; kind < KINDS; kind++)
        for (int i = 0; i < 5; i++) {
            char name[32];
            snprintf(name, sizeof name, "state%d/%d", kind, i);
            const an_value s = an_state(m->g, name, AN_F32, shapes[kind], init);
            m->states[kind][m->state_count[kind]++] = s;
            keep(m, kind, s);
        }
    keep(m, SCALAR, an_fill(m->g, AN_F32, AN_SCALAR, 0.5));
    keep(m, MATRIX, an_fill(m->g, AN_F32, AN_SHAPE(B, 8), 0.25));
}

/* One optimizer step that updates two or three states at once. */
static void step(maker *m, an_updates u, int kind)
{
    const an_value *s = m->states[kind], grad = pick(m, kind), rate = pick(m, SCALAR);
    if (draw(m, 0, 1)) {
        const an_value third = an_fill(m->g, AN_I64, AN_SCALAR, 3); /* which step it is */
        const an_value in[] = {s[0], grad, s[1], s[2], rate, third, AN_NONE};
        const an_attrs a = {.beta1 = 0.9f, .beta2 = 0.99f, .eps = 1e-3f};
        const an_value v = an_emit(AN_HERE, AN_OP_adam_step, in, 7, &a);
        for (int k = 0; k < 3; k++) an_updates_add(u, s[k], an_result(v, k));
        if (draw(m, 0, 3) == 0) keep(m, kind, v); /* its new value is used: no longer final */
    } else {
        const an_value in[] = {s[0], grad, s[1], rate, AN_NONE};
        const an_attrs a = {.momentum = 0.5f};
        const an_value v = an_emit(AN_HERE, AN_OP_momentum_step, in, 5, &a);
        an_updates_add(u, s[0], v);
        if (draw(m, 0, 1)) an_updates_add(u, s[1], an_result(v, 1));
        if (draw(m, 0, 2) == 0) keep(m, kind, v);
    }
}

static void add_updates(maker *m, an_updates u)
{
    for (int kind = SQUARE; kind < KINDS; kind++) {
        an_value *s = m->states[kind];
        if (draw(m, 0, 2) > 0) step(m, u, kind);
        switch (draw(m, 0, 4)) {
        case 0: /* a swap */
            an_updates_add(u, s[3], s[4]);
            an_updates_add(u, s[4], s[3]);
            break;
        case 1: an_updates_add(u, s[3], s[0]); break; /* the old one, whatever becomes of it */
        case 2: an_updates_add(u, s[3], s[3]); break;
        case 3: an_updates_add(u, s[4], an_stop_gradient(s[3])); /* fall through */
        default: an_updates_add(u, s[3], pick(m, kind)); break;
        }
    }
}

an_test_graph an_test_graph_make(uint64_t seed, int nodes)
{
    maker m = {.g = an_graph_new("random"), .r = {seed}};
    an_test_graph t = {.graph = m.g};
    add_leaves(&m);
    for (int i = 0; i < nodes; i++) add_one(&m);
    t.updates = an_updates_new(m.g, "update");
    add_updates(&m, t.updates);
    for (int i = 0; i < 3; i++) add_one(&m);
    for (int i = 0; i < AN_TEST_FETCHES; i++) t.fetch[i] = pick(&m, (int)draw(&m, 0, KINDS - 1));
    t.fetch[0] = pick(&m, MATRIX);
    if (draw(&m, 0, 1)) t.fetch[1] = m.states[SQUARE][draw(&m, 0, 4)];
    return t;
}

/* ---- against the interpreter ------------------------------------------- */

bool an_test_same(const an_tensor *a, const an_tensor *b)
{
    if (a->dtype != b->dtype || an_tensor_bytes(a) != an_tensor_bytes(b)) return false;
    if (!an_dtype_is_float(a->dtype))
        return !memcmp(a->data, b->data, (size_t)an_tensor_bytes(a));
    const int64_t size = (int64_t)an_dtype_size(a->dtype);
    for (int64_t i = 0; i < an_tensor_count(a); i++) {
        const bool nan = isnan(an_tensor_get(a, i));
        if (nan ? !isnan(an_tensor_get(b, i))
                : memcmp((const char *)a->data + i * size, (const char *)b->data + i * size,
                         (size_t)size) != 0)
            return false;
    }
    return true;
}

an_tensor an_test_batch(int64_t rows, uint64_t seed)
{
    an_tensor t = {0};
    an_test_random r = {seed};
    ck_assert_int_eq(an_tensor_alloc(&t, AN_F32, AN_EXTENTS(rows, 8)), AN_OK);
    for (int64_t i = 0; i < rows * 8; i++) an_tensor_set(&t, i, an_test_uniform(&r, -2, 2));
    return t;
}

an_tensor an_test_indices(int64_t rows, uint64_t seed)
{
    an_tensor t = {0};
    an_test_random r = {seed};
    ck_assert_int_eq(an_tensor_alloc(&t, AN_I32, AN_EXTENTS(rows)), AN_OK);
    for (int64_t i = 0; i < rows; i++) an_tensor_set(&t, i, (double)an_test_int(&r, 0, 7));
    return t;
}

static void fill_leaf(an_evaluation *e, an_store *s, const char *name, const an_tensor *value)
{
    const uint32_t leaf = an_graph_leaf(e->graph, name);
    const an_tensor *from = value ? value : an_store_view(s, name);
    if (leaf) memcpy(e->value[leaf].data, from->data, (size_t)an_tensor_bytes(from));
}

void an_test_interpret(an_evaluation *e, an_program *p, an_store *s, const an_tensor *x,
                       const an_tensor *ids)
{
    const int64_t bound[] = {x->extent[0]};
    *e = (an_evaluation){0};
    ck_assert_int_eq(an_evaluation_begin(e, an_program_graph(p), bound), AN_OK);
    fill_leaf(e, s, "x", x);
    fill_leaf(e, s, "ids", ids);
    for (int64_t i = 0; i < an_store_count(s); i++) fill_leaf(e, s, an_store_name(s, i), NULL);
    ck_assert_int_eq(an_evaluation_run(e), AN_OK);
}
