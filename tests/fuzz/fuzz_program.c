/* fuzz_program.c -- programs drawn from the input through the public builders.
 *
 * Each instruction is an opcode byte and, as it needs them, bytes that choose operands, axes and
 * extents; a missing byte is 0. Operands fit where they easily can, or nothing would get deep: a
 * second operand is looked for among values of the first one's type, unless its byte says not to.
 * A call that fails is forgotten: that it leaves a sound graph behind is what is tried here. A good
 * input, for the report, is one that makes a graph of some size. */
#include <stdio.h>
#include <string.h>

#include "frontends/frontends.h"
#include "graph/ir.h"
#include "optim/optim.h"
#include "tests/fuzz/exercise.h"
#include "tests/fuzz/fuzz.h"

#define MOST_VALUES 48

typedef struct maker {
    const uint8_t *at, *end;
    an_graph *g;
    an_value pool[MOST_VALUES];
    int count, names;
    bool anything; /* operands need not fit */
} maker;

/* ---- choosing ---------------------------------------------------------- */

static unsigned byte(maker *m)
{
    return m->at < m->end ? *m->at++ : 0;
}

/* One of the last values. */
static an_value pick(maker *m)
{
    return m->pool[m->count - 1 - (int)(byte(m) % (unsigned)m->count)];
}

static bool alike(an_type a, an_type b, bool shapes)
{
    return a.dtype == b.dtype && (!shapes || (a.shape.rank == b.shape.rank &&
           !memcmp(a.shape.dim, b.shape.dim, (size_t)a.shape.rank * sizeof a.shape.dim[0])));
}

/* One that fits beside x: of its dtype and, if asked, its shape; x itself if there is no other. */
static an_value mate(maker *m, an_value x, bool shapes)
{
    const unsigned start = byte(m);
    for (int i = 0; i < m->count; i++) {
        const an_value v = m->pool[(start + (unsigned)i) % (unsigned)m->count];
        if (m->anything || alike(an_type_of(v), an_type_of(x), shapes)) return v;
    }
    return x;
}

static an_dtype dtype(maker *m)
{
    static const an_dtype of[] = {AN_F32, AN_F32, AN_F32, AN_F64, AN_I32, AN_I64, AN_BOOL};
    return of[byte(m) % 7];
}

static an_dim dim(maker *m)
{
    const an_dim B = an_dim_named(m->g, "B"), T = an_dim_named(m->g, "T");
    const unsigned which = byte(m);
    switch (which % 24) {
    case 0:
    case 1:
    case 2: return B;
    case 3: return T;
    case 4: return an_dim_plus(m->g, T, 1);
    case 5: return an_dim_minus(m->g, B, 1);
    case 6: return an_dim_times(m->g, B, T);
    case 7: return an_dim_over(m->g, T, 2);
    case 8: return which < 128 ? 0 : (an_dim)1 << (which % 64);
    case 9: return an_dim_times(m->g, 4, B);
    default: return which % 24 - 9;
    }
}

static an_shape shape(maker *m)
{
    an_shape s = {.rank = (int)(byte(m) % 4)};
    for (int i = 0; i < s.rank; i++) s.dim[i] = dim(m);
    return s;
}

/* x's own, in part or whole, so that it broadcasts. */
static an_shape tail_shape(maker *m, an_value x)
{
    an_shape s = an_type_of(x).shape;
    const int drop = s.rank > 0 ? (int)(byte(m) % (unsigned)(s.rank + 1)) : 0;
    memmove(s.dim, s.dim + drop, (size_t)(s.rank - drop) * sizeof s.dim[0]);
    s.rank -= drop;
    return s;
}

static int axis(maker *m)
{
    return (int)(byte(m) % 6) - 3;
}

static an_axes axes(maker *m)
{
    an_axes a = {.count = (int)(byte(m) % 5) - 1};
    for (int i = 0; i < a.count; i++) a.at[i] = (int)(byte(m) % 4);
    return a;
}

static float small(maker *m)
{
    return (float)byte(m) / 256;
}

static const char *name(maker *m, char out[16])
{
    snprintf(out, 16, "v%d", m->names++);
    return out;
}

/* ---- instructions ------------------------------------------------------ */

static an_value leaf(maker *m)
{
    char text[16];
    const unsigned kind = byte(m);
    const an_dtype type = dtype(m);
    if (kind % 4 == 0) return an_input(m->g, name(m, text), type, shape(m));
    if (kind % 4 == 1) return an_fill(m->g, type, shape(m), small(m) * 8 - 4);
    if (kind % 4 == 2) return an_iota(m->g, type, shape(m), axis(m));
    an_init init = {.kind = (an_init_kind)(byte(m) % 12), .a = small(m), .b = small(m)};
    an_shape s = shape(m);
    for (int i = 0; i < s.rank; i++)
        if (s.dim[i] < 0) s.dim[i] = 3;
    return an_state(m->g, name(m, text), type, s, init);
}

/* A leaf of the type that an operand of x needs. */
static an_value leaf_like(maker *m, an_value x, an_shape s)
{
    char text[16];
    return an_input(m->g, name(m, text), an_type_of(x).dtype, s);
}

static an_value unary(maker *m)
{
    static an_value (*const of[])(an_at, an_value) = {
        an_neg_at,  an_abs_at, an_square_at, an_sqrt_at,    an_exp_at,  an_log_at,  an_sin_at,
        an_cos_at,  an_erf_at, an_tanh_at,   an_sigmoid_at, an_relu_at, an_silu_at,
        an_stop_gradient_at,
    };
    const unsigned which = byte(m) % (sizeof of / sizeof *of);
    return of[which](AN_HERE, pick(m));
}

static an_value binary(maker *m)
{
    static an_value (*const of[])(an_at, an_value, an_value) = {
        an_add_at,     an_sub_at,          an_mul_at, an_div_at,
        an_maximum_at, an_minimum_at,      an_add_at, an_power_at,
        an_mse_at,     an_residual_add_at, an_mul_at, an_bce_with_logits_at,
    };
    const unsigned which = byte(m);
    const an_value x = pick(m);
    return of[which % 12](AN_HERE, x, mate(m, x, which < 192));
}

static an_value along_axis(maker *m)
{
    static an_value (*const of[])(an_at, an_value, int) = {
        an_sum_at, an_mean_at, an_max_at, an_min_at, an_argmax_at, an_softmax_at,
        an_log_softmax_at,
    };
    const unsigned which = byte(m) % 7;
    const an_value x = pick(m);
    return of[which](AN_HERE, x, axis(m));
}

static an_value over_axes(maker *m)
{
    static an_value (*const of[])(an_at, an_value, an_axes, bool) = {
        an_sum_axes_at, an_mean_axes_at, an_max_axes_at, an_min_axes_at,
    };
    const unsigned which = byte(m);
    const an_value x = pick(m);
    return of[which % 4](AN_HERE, x, axes(m), which & 4);
}

static an_value choose(maker *m)
{
    const unsigned which = byte(m);
    const an_value x = pick(m), y = mate(m, x, true);
    const an_value test = an_compare(x, (an_test)(which % 6), y);
    return which & 64 ? test : an_where(test, x, which & 32 ? an_neg(y) : y);
}

static an_value convert(maker *m)
{
    const unsigned which = byte(m);
    const an_value x = pick(m);
    if (which % 4 == 0) return an_gelu(x, (an_form)(which >> 2 & 1));
    if (which % 4 == 1) return an_number(x, small(m));
    if (which % 4 == 2) return an_count(x, axes(m));
    return an_cast(x, dtype(m));
}

static an_value move(maker *m)
{
    const unsigned which = byte(m);
    const an_value x = pick(m);
    switch (which % 6) {
    case 0: return an_reshape(x, which & 8 ? AN_SHAPE(AN_DIM_REST) : shape(m));
    case 1: {
        an_axes order = {.count = an_type_of(x).shape.rank};
        for (int i = 0; i < order.count; i++) order.at[i] = order.count - 1 - i;
        return an_transpose(x, which & 8 ? axes(m) : order);
    }
    case 2: {
        an_shape s = an_type_of(x).shape;
        if (s.rank < AN_MAX_RANK) {
            memmove(s.dim + 1, s.dim, (size_t)s.rank * sizeof s.dim[0]);
            s.dim[0] = dim(m);
            s.rank++;
        }
        return an_broadcast(x, which & 8 ? shape(m) : s);
    }
    case 3: {
        const an_dim start = (an_dim)(byte(m) % 3);
        const int along = axis(m);
        return an_slice(x, along, start, which & 8 ? dim(m) : start + 1, (int)(which >> 4) % 3 + 1);
    }
    case 4: {
        const an_value all[] = {x, mate(m, x, true), x};
        return an_concat(all, 1 + (int)(which >> 3) % 3, axis(m));
    }
    default: {
        const an_dim before = (an_dim)(byte(m) % 3);
        return an_pad(x, axis(m), before, which & 8 ? dim(m) : 1, (int)(which >> 4) % 3, small(m));
    }
    }
}

/* A class for every row of x. */
static an_value labels_for(maker *m, an_value x)
{
    char text[16];
    an_shape s = an_type_of(x).shape;
    if (s.rank > 0) s.rank--;
    return an_input(m->g, name(m, text), AN_I64, s);
}

static an_value index_into(maker *m)
{
    const unsigned which = byte(m);
    const an_value x = pick(m);
    an_value ids = pick(m);
    const an_dtype of = an_type_of(ids).dtype;
    if (of != AN_I32 && of != AN_I64) {
        char text[16];
        ids = an_input(m->g, name(m, text), which & 8 ? AN_I32 : AN_I64, tail_shape(m, x));
    }
    switch (which % 5) {
    case 0: return an_gather(x, ids, axis(m));
    case 1: return an_embedding(x, ids);
    case 2: return an_one_hot(ids, dim(m), dtype(m));
    case 3: return an_scatter_add(ids, x, axis(m), dim(m));
    default: return an_softmax_cross_entropy(x, which & 16 ? ids : labels_for(m, x));
    }
}

static an_value product(maker *m)
{
    const unsigned which = byte(m);
    const an_value x = pick(m);
    const an_shape s = an_type_of(x).shape;
    const bool left = which & 1, right = which & 2;
    if (which & 4 || s.rank < 2) return an_matmul_t(x, left, mate(m, x, which & 8), right);
    const an_dim inner = s.dim[s.rank - (left ? 2 : 1)];
    const an_value w = leaf_like(m, x, right ? AN_SHAPE(5, inner) : AN_SHAPE(inner, 5));
    return an_matmul_t(x, left, w, right);
}

static an_value norm(maker *m)
{
    const unsigned which = byte(m);
    const an_value x = pick(m);
    const an_type type = an_type_of(x);
    const int over = which & 64 ? -2 : -1;
    const float eps = which & 128 ? 0 : 1e-3f;
    an_value gamma = AN_NONE, beta = AN_NONE;
    if (type.shape.rank >= -over) {
        an_shape s = {.rank = -over};
        memcpy(s.dim, type.shape.dim + type.shape.rank + over, (size_t)s.rank * sizeof s.dim[0]);
        if (which & 8) gamma = leaf_like(m, x, s);
        if (which & 16) beta = leaf_like(m, x, s);
    }
    switch (which % 5) {
    case 0: return an_layer_norm(x, gamma, beta, over, eps);
    case 1: return an_rms_norm(x, gamma, over, eps);
    case 2: return an_add_norm(x, mate(m, x, true), gamma, beta, over, eps);
    case 3: return an_residual_add_scaled(x, mate(m, x, true), an_number(x, small(m)));
    default: return an_layer_norm(an_residual_add(x, mate(m, x, true)), gamma, beta, over, eps);
    }
}

static an_value layer(maker *m)
{
    const unsigned which = byte(m);
    const an_value x = pick(m);
    const int64_t units = 1 + byte(m) % 5;
    switch (which % 7) {
    case 0: return an_nn_dense(x, .units = units, .no_bias = which & 8);
    case 1: return an_nn_embedding(x, .vocab = 4, .units = units);
    case 2:
        if (which & 64) return an_nn_gru(x, .units = units, .reset_before = which & 8);
        return an_nn_lstm(x, .units = units, .reverse = which & 8, .last = which & 16);
    case 3:
        if (which & 64) return an_nn_birnn(x, .units = units, .relu = which & 8);
        return an_nn_bilstm(x, .units = units, .last = which & 16);
    case 4: return an_nn_layer_norm(x, .no_scale = which & 8, .no_shift = which & 16);
    case 5: return an_nn_rms_norm(x, .no_scale = which & 8);
    default: return an_nn_residual(x, .branch = mate(m, x, which & 8), .no_norm = which & 16);
    }
}

static an_value chance(maker *m)
{
    const unsigned which = byte(m);
    const an_value x = pick(m);
    if (which & 1) return an_accuracy(x, mate(m, x, true), small(m));
    return an_dropout(x, small(m));
}

/* What makes no value of its own, or reads one in another way. */
static an_value aside(maker *m)
{
    const unsigned which = byte(m);
    const an_value x = pick(m);
    char text[16];
    switch (which % 6) {
    case 0: return an_result(x, (int)(byte(m) % 6));
    case 1: an_scope_open_unique(x, "part"); return x;
    case 2: an_scope_close(x); return x;
    case 3: an_graph_output(x, name(m, text)); return x;
    case 4: return an_label(x, "label \"\xc3\xa4\"");
    default: {
        const an_value y = pick(m);
        return an_gradient(an_mean_axes(x, AN_ALL_AXES, false), y);
    }
    }
}

static an_value next(maker *m)
{
    static an_value (*const of[])(maker *) = {
        leaf,    unary, binary,  along_axis, over_axes, choose, convert,    move,
        product, norm,  layer,   chance,     aside,     binary, index_into, unary,
    };
    return of[byte(m) % 16](m);
}

/* ---- a program --------------------------------------------------------- */

static an_updates minimise(maker *m, unsigned which)
{
    const an_value last = m->pool[m->count - 1];
    an_value loss = an_mean_axes(last, AN_ALL_AXES, false);
    if (which & 8) return (an_updates){0};
    const an_optimizer o = which & 1 ? an_adam(.rate = 0.1f, .decay = which & 2 ? 0.01f : 0)
                                     : an_sgd(.momentum = which & 2 ? 0.9f : 0,
                                              .nesterov = which & 4);
    return an_minimize(loss, o, .clip_norm = which & 4 ? 1 : 0);
}

/* The first error is the graph's for good, and poison spreads; so it is taken back. */
static bool forget_error(maker *m)
{
    const an_status status = an_graph_status(m->g);
    if (status == AN_OK) return false;
    an_fuzz_demand_sane(status, "building", an_graph_message(m->g));
    an_error_clear(&m->g->error);
    return true;
}

static void keep(maker *m, an_value v)
{
    if (forget_error(m) || an_is_none(v) || an_is_poison(v)) return;
    if (m->count == MOST_VALUES)
        memmove(m->pool, m->pool + 1, (size_t)--m->count * sizeof m->pool[0]);
    m->pool[m->count++] = v;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    an_fuzz_begin();
    maker m = {.at = data, .end = data + size, .g = an_graph_new("fuzz")};
    const unsigned how = byte(&m);
    const an_dim B = an_dim_named(m.g, "B"), T = an_dim_named(m.g, "T");
    const an_dtype type = how & 32 ? AN_F64 : AN_F32;
    m.anything = how & 16;
    keep(&m, an_input(m.g, "x", type, AN_SHAPE(B, 4)));
    keep(&m, an_input(m.g, "y", type, AN_SHAPE(B, T, 4)));
    while (m.at < m.end && m.g->node_count < 100) keep(&m, next(&m));
    const an_updates updates = minimise(&m, how);
    const bool failed = forget_error(&m);
    if (m.g->node_count > 20) an_fuzz_good();
    an_fuzz_reread(m.g);
    if (m.g->output_count == 0) an_graph_output(m.pool[m.count - 1], "last");
    an_fuzz_exercise(m.g, failed ? (an_updates){0} : updates, an_fuzz_hash(data, size));
    an_graph_free(m.g);
    an_fuzz_end();
    return 0;
}
