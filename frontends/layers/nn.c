/* nn.c -- layers without a memory: a scope, the states in it, and the ops on them.
 *
 * Layers add no op of their own, so a graph shows what they are made of. Every
 * node and state carries the place where the user called the layer.          */
#include "frontends/layers/layer.h"

/* ---- dense, embedding -------------------------------------------------- */

an_value an_nn_dense_with(const an_dense_args *a)
{
    if (!a || an_is_missing(a->x)) return a ? a->x : AN_NONE;
    const an_init glorot = {AN_INIT_GLOROT_UNIFORM, 0, 0}, zeros = {AN_INIT_ZEROS, 0, 0};
    const int64_t units = units_of(a->units, a->kernel);
    if (!is_told(a->at, a->x, "an_nn_dense: .units", units)) return poison(a->x);
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
    if (!a || an_is_missing(a->ids)) return a ? a->ids : AN_NONE;
    const an_init uniform = {AN_INIT_UNIFORM, -0.05, 0.05};
    if (an_is_none(a->table) && (!is_told(a->at, a->ids, "an_nn_embedding: .vocab", a->vocab) ||
                                 !is_told(a->at, a->ids, "an_nn_embedding: .units", a->units)))
        return poison(a->ids);
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
    if (!a || an_is_missing(a->x)) return a ? a->x : AN_NONE;
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
    if (!a || an_is_missing(a->x)) return a ? a->x : AN_NONE;
    an_scope_open_unique(a->x, name_or(a->name, "rms_norm"));
    const an_value y = an_rms_norm_at(a->at, a->x, gamma_of(a), -1, eps_of(a->eps));
    an_scope_close(a->x);
    return y;
}

an_value an_nn_residual_with(const an_residual_args *a)
{
    if (!a || an_is_missing(a->x)) return a ? a->x : AN_NONE;
    if (an_is_missing(a->branch)) return a->branch;
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
