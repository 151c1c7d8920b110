/* channels.c -- norms whose gamma and beta go by channel, axis 1: batch, group, instance.
 *
 * A group norm is a layer_norm of x seen as [N, groups, what is left], so it has every promise of
 * that; a batch norm has an op of its own, beside which a running mean and variance are kept. */
#include "frontends/layers/layer.h"

static double or_usual(double given, double usual) { return given != 0 ? given : usual; }

static an_value refuse(const an_channel_norm_args *a, const char *why)
{
    an_reject(a->at, a->x.graph, AN_E_ARGUMENT, "%s", why);
    return poison(a->x);
}

static an_value gamma_of(const an_channel_norm_args *a)
{
    return a->no_scale ? AN_NONE
                       : weight(a->at, a->gamma, a->x, "gamma", AN_SHAPE(an_dim_of(a->x, 1)),
                                start(&a->gamma_start, (an_init){AN_INIT_CONSTANT, 1, 0}));
}

static an_value beta_of(const an_channel_norm_args *a)
{
    return a->no_shift ? AN_NONE
                       : weight(a->at, a->beta, a->x, "beta", AN_SHAPE(an_dim_of(a->x, 1)),
                                start(&a->beta_start, (an_init){0}));
}

/* Whether x has channels, and a literal number of them. */
static bool has_channels(const an_channel_norm_args *a)
{
    return an_type_of(a->x).shape.rank >= 2 && an_dim_of(a->x, 1) >= 0;
}

static const char *const no_channels = "x must be [N,C,..] with a literal C";

/* ---- batch norm ---------------------------------------------------------- */

/* A state that minimising leaves alone. */
static an_value running(const an_channel_norm_args *a, an_value given, const char *name,
                        double from)
{
    if (!an_is_none(given)) return given;
    const an_attrs attrs = {.dtype = an_type_of(a->x).dtype, .shape = AN_SHAPE(an_dim_of(a->x, 1)),
                            .init = {from == 0 ? AN_INIT_ZEROS : AN_INIT_CONSTANT, from, 0},
                            .frozen = true};
    return an_emit_leaf(a->at, a->x.graph, an_op_number("state"), name, &attrs);
}

/* (1 - share) * kept + share * now */
static an_value moved(const an_channel_norm_args *a, an_value kept, an_value now)
{
    const double share = or_usual(a->momentum, 0.1);
    return an_add_at(a->at, an_scale_at(a->at, kept, 1 - share), an_scale_at(a->at, now, share));
}

/* n / (n - 1) times the variance of n elements; of one it stays what it is, 0. */
static an_value unbiased(const an_channel_norm_args *a, an_value variance)
{
    const an_value x = a->x, one = an_number_at(a->at, x, 1);
    an_axes axes = {0};
    for (int i = 0; i < an_type_of(x).shape.rank; i++)
        if (i != 1) axes.at[axes.count++] = i;
    const an_value n = an_count_at(a->at, x, axes);
    const an_value rest = an_maximum_at(a->at, an_sub_at(a->at, n, one), one);
    return an_mul_at(a->at, variance, an_div_at(a->at, n, rest));
}

static an_value batch_norm(const an_channel_norm_args *a)
{
    const double eps = or_usual(a->eps, 1e-3);
    if (!has_channels(a)) return refuse(a, no_channels);
    const an_value gamma = gamma_of(a), beta = beta_of(a);
    const an_value mean = running(a, a->running_mean, "running_mean", 0);
    const an_value variance = running(a, a->running_variance, "running_variance", 1);
    const an_value y = an_batch_norm_at(a->at, a->x, gamma, beta, mean, variance, eps);
    if (an_is_poison(y)) return y;
    an_pending(mean, moved(a, mean, an_result(y, 1)), y);
    an_pending(variance, moved(a, variance, unbiased(a, an_result(y, 3))), y);
    return y;
}

an_value an_nn_batch_norm_with(const an_channel_norm_args *a)
{
    if (!a || an_is_missing(a->x)) return a ? a->x : AN_NONE;
    an_scope_open_unique(a->x, name_or(a->name, "batch_norm"));
    const an_value y = batch_norm(a);
    an_scope_close(a->x);
    return y;
}

/* ---- group and instance norm ---------------------------------------------- */

/* Each group of channels of each image by itself. */
static an_value group_norm(const an_channel_norm_args *a, int64_t groups)
{
    if (!has_channels(a)) return refuse(a, no_channels);
    if (groups < 1 || an_dim_of(a->x, 1) % groups != 0)
        return refuse(a, "an_nn_group_norm: .groups does not divide the channels");
    const an_value gamma = gamma_of(a), beta = beta_of(a);
    const an_shape shape = an_type_of(a->x).shape;
    an_value y = an_reshape_at(a->at, a->x, AN_SHAPE(shape.dim[0], groups, AN_DIM_REST));
    y = an_layer_norm_at(a->at, y, AN_NONE, AN_NONE, 2, or_usual(a->eps, 1e-3));
    y = an_reshape_at(a->at, y, shape);
    if (!an_is_none(gamma)) y = an_mul_at(a->at, y, per_channel(a->at, gamma, a->x, "gamma"));
    return an_is_none(beta) ? y : an_add_at(a->at, y, per_channel(a->at, beta, a->x, "beta"));
}

an_value an_nn_group_norm_with(const an_channel_norm_args *a)
{
    if (!a || an_is_missing(a->x)) return a ? a->x : AN_NONE;
    an_scope_open_unique(a->x, name_or(a->name, "group_norm"));
    const an_value y = group_norm(a, a->groups);
    an_scope_close(a->x);
    return y;
}

an_value an_nn_instance_norm_with(const an_channel_norm_args *a)
{
    if (!a || an_is_missing(a->x)) return a ? a->x : AN_NONE;
    an_scope_open_unique(a->x, name_or(a->name, "instance_norm"));
    const an_value y = group_norm(a, has_channels(a) ? an_dim_of(a->x, 1) : 1);
    an_scope_close(a->x);
    return y;
}
