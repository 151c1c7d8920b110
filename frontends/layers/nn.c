/* nn.c -- layers: a scope, the states in it, and the ops on them.
 *
 * Layers add no op of their own, so a graph shows what they are made of. Every
 * node and state carries the place where the user called the layer.          */
#include "frontends/frontends.h"

/* ---- helpers ----------------------------------------------------------- */

static an_init start(const an_start *given, an_init usual)
{
    return given->set ? given->init : usual;
}

static const char *name_or(const char *name, const char *usual)
{
    return name && name[0] ? name : usual;
}

/* The extent of the last axis; 0, which infer then refuses, for a scalar. */
static an_dim last_dim(an_value x)
{
    const an_shape shape = an_type_of(x).shape;
    return shape.rank > 0 ? shape.dim[shape.rank - 1] : 0;
}

/* Whether a layer was told how many; refused if not. */
static bool is_told(an_at at, an_value x, const char *what, int64_t count)
{
    if (count < 1)
        an_reject(at, x.graph, AN_E_ARGUMENT, "%s is %lld, not at least 1", what, (long long)count);
    return count >= 1;
}

/* The state handed in, or a new one. */
static an_value weight(an_at at, an_value given, an_value like, const char *name, an_shape shape,
                       an_init init)
{
    if (!an_is_none(given)) return given;
    return an_state_at(at, like.graph, name, an_type_of(like).dtype, shape, init);
}

/* ---- dense, embedding -------------------------------------------------- */

/* As asked, or as many columns as the matrix that was handed in has. */
static int64_t units_of(int64_t units, an_value matrix)
{
    const an_dim columns = an_is_none(matrix) || an_is_poison(matrix) ? 0 : last_dim(matrix);
    return units == 0 && columns > 0 ? columns : units;
}

an_value an_nn_dense_with(const an_dense_args *a)
{
    if (!a || an_is_none(a->x) || an_is_poison(a->x)) return a ? a->x : AN_NONE;
    const an_init glorot = {AN_INIT_GLOROT_UNIFORM, 0, 0}, zeros = {AN_INIT_ZEROS, 0, 0};
    const int64_t units = units_of(a->units, a->kernel);
    if (!is_told(a->at, a->x, "an_nn_dense: .units", units)) return (an_value){a->x.graph, 0};
    an_scope_open_unique(a->x, name_or(a->name, "dense"));
    const an_value kernel = weight(a->at, a->kernel, a->x, "kernel",
                                   AN_SHAPE(last_dim(a->x), units),
                                   start(&a->kernel_start, glorot));
    an_value y = an_matmul_at(a->at, a->x, kernel);
    if (!a->no_bias) {
        const an_value bias = weight(a->at, a->bias, a->x, "bias", AN_SHAPE(units),
                                     start(&a->bias_start, zeros));
        y = an_add_at(a->at, y, bias);
    }
    an_scope_close(a->x);
    return y;
}

an_value an_nn_embedding_with(const an_embedding_args *a)
{
    if (!a || an_is_none(a->ids) || an_is_poison(a->ids)) return a ? a->ids : AN_NONE;
    const an_init uniform = {AN_INIT_UNIFORM, -0.05, 0.05};
    if (an_is_none(a->table) && (!is_told(a->at, a->ids, "an_nn_embedding: .vocab", a->vocab) ||
                                 !is_told(a->at, a->ids, "an_nn_embedding: .units", a->units)))
        return (an_value){a->ids.graph, 0};
    an_scope_open_unique(a->ids, name_or(a->name, "embedding"));
    an_value table = a->table;
    if (an_is_none(table))
        table = an_state_at(a->at, a->ids.graph, "table", AN_F32, AN_SHAPE(a->vocab, a->units),
                            start(&a->table_start, uniform));
    const an_value y = a->padding_row.set
                           ? an_embedding_padded_at(a->at, table, a->ids, a->padding_row.is)
                           : an_embedding_at(a->at, table, a->ids);
    an_scope_close(a->ids);
    return y;
}

/* ---- LSTM -------------------------------------------------------------- */

static an_value lstm_in_scope(const an_lstm_args *a, const an_lstm_weights *given, bool reverse)
{
    const an_init glorot = {AN_INIT_GLOROT_UNIFORM, 0, 0}, forget = {AN_INIT_FORGET_BIAS, 0, 0};
    const an_init orthogonal = {AN_INIT_ORTHOGONAL, 0, 0};
    const int64_t known = units_of(0, given->recurrent) / 4;
    const int64_t units = a->units == 0 ? known : a->units;
    if (!is_told(a->at, a->x, "LSTM: .units", units)) return (an_value){a->x.graph, 0};
    const int64_t gates = units < INT64_MAX / 4 ? 4 * units : -1;
    const an_lstm_operands operands = {
        .x = a->x,
        .kernel = weight(a->at, given->kernel, a->x, "kernel", AN_SHAPE(last_dim(a->x), gates),
                         start(&a->kernel_start, glorot)),
        .recurrent = weight(a->at, given->recurrent, a->x, "recurrent", AN_SHAPE(units, gates),
                            start(&a->recurrent_start, orthogonal)),
        .bias = weight(a->at, given->bias, a->x, "bias", AN_SHAPE(gates),
                       start(&a->bias_start, forget)),
        .h0 = a->h0,
        .c0 = a->c0,
        .lengths = a->lengths};
    const an_value y = an_lstm_at(a->at, operands, reverse);
    return a->last ? an_result(y, 1) : y;
}

an_value an_nn_lstm_with(const an_lstm_args *a)
{
    if (!a || an_is_none(a->x) || an_is_poison(a->x)) return a ? a->x : AN_NONE;
    an_scope_open_unique(a->x, name_or(a->name, "lstm"));
    const an_value y = lstm_in_scope(a, &a->weights, a->reverse);
    an_scope_close(a->x);
    return y;
}

an_value an_nn_bilstm_with(const an_lstm_args *a)
{
    if (!a || an_is_none(a->x) || an_is_poison(a->x)) return a ? a->x : AN_NONE;
    an_lstm_args one = *a;
    one.h0 = one.c0 = AN_NONE;
    an_scope_open_unique(a->x, name_or(a->name, "bilstm"));
    an_scope_open(a->x, "forward");
    const an_value forward = lstm_in_scope(&one, &a->weights, false);
    an_scope_close(a->x);
    an_scope_open(a->x, "backward");
    const an_value backward = lstm_in_scope(&one, &a->backward, true);
    an_scope_close(a->x);
    const an_value both[2] = {forward, backward};
    const an_value y = an_concat_at(a->at, both, 2, -1);
    an_scope_close(a->x);
    return y;
}

/* ---- norms and residuals ----------------------------------------------- */

static an_value gamma_of(const an_norm_args *a)
{
    return a->no_scale ? AN_NONE
                       : weight(a->at, a->gamma, a->x, "gamma", AN_SHAPE(last_dim(a->x)),
                                start(&a->gamma_start, (an_init){AN_INIT_CONSTANT, 1, 0}));
}

static double eps_of(double eps)
{
    return eps != 0 ? eps : 1e-3;
}

an_value an_nn_layer_norm_with(const an_norm_args *a)
{
    if (!a || an_is_none(a->x) || an_is_poison(a->x)) return a ? a->x : AN_NONE;
    an_scope_open_unique(a->x, name_or(a->name, "layer_norm"));
    const an_value gamma = gamma_of(a);
    const an_value beta = a->no_shift ? AN_NONE
                                      : weight(a->at, a->beta, a->x, "beta",
                                               AN_SHAPE(last_dim(a->x)),
                                               start(&a->beta_start, (an_init){0}));
    const an_value y = an_layer_norm_at(a->at, a->x, gamma, beta, -1, eps_of(a->eps));
    an_scope_close(a->x);
    return y;
}

an_value an_nn_rms_norm_with(const an_norm_args *a)
{
    if (!a || an_is_none(a->x) || an_is_poison(a->x)) return a ? a->x : AN_NONE;
    an_scope_open_unique(a->x, name_or(a->name, "rms_norm"));
    const an_value y = an_rms_norm_at(a->at, a->x, gamma_of(a), -1, eps_of(a->eps));
    an_scope_close(a->x);
    return y;
}

an_value an_nn_residual_with(const an_residual_args *a)
{
    if (!a || an_is_none(a->x) || an_is_poison(a->x)) return a ? a->x : AN_NONE;
    if (an_is_none(a->branch) || an_is_poison(a->branch)) return a->branch;
    an_scope_open_unique(a->x, name_or(a->name, "residual"));
    an_value skip = a->x;
    const an_dim wide = last_dim(a->branch);
    if (last_dim(skip) != wide)
        skip = an_nn_dense_with(&(an_dense_args){.at = a->at, .x = skip, .units = wide,
                                                 .name = "project", .no_bias = true,
                                                 .kernel = a->project});
    an_value y = an_residual_add_at(a->at, a->branch, skip);
    if (!a->no_norm)
        y = an_nn_layer_norm_with(&(an_norm_args){.at = a->at, .x = y, .eps = a->eps,
                                                  .gamma = a->gamma, .beta = a->beta});
    an_scope_close(a->x);
    return y;
}
