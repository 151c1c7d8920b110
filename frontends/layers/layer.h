/* layer.h -- what layers begin with: names, starts, and weights that may be handed in. */
#ifndef AN_FRONTENDS_LAYERS_LAYER_H
#define AN_FRONTENDS_LAYERS_LAYER_H

#include "frontends/frontends.h"

static inline an_init start(const an_start *given, an_init usual)
{
    return given->set ? given->init : usual;
}

static inline const char *name_or(const char *name, const char *usual)
{
    return name && name[0] ? name : usual;
}

static inline an_value poison(an_value x) { return (an_value){x.graph, 0}; }

/* The extent of the last axis; 0, which infer then refuses, for a scalar. */
static inline an_dim last_dim(an_value x)
{
    const an_shape shape = an_type_of(x).shape;
    return shape.rank > 0 ? shape.dim[shape.rank - 1] : 0;
}

/* Whether a layer was told how many; refused if not. */
static inline bool is_told(an_at at, an_value x, const char *what, int64_t count)
{
    if (count < 1)
        an_reject(at, x.graph, AN_E_ARGUMENT, "%s is %lld, not at least 1", what, (long long)count);
    return count >= 1;
}

/* The state handed in, or a new one. */
static inline an_value weight(an_at at, an_value given, an_value like, const char *name,
                              an_shape shape, an_init init)
{
    if (!an_is_none(given)) return given;
    return an_state_at(at, like.graph, name, an_type_of(like).dtype, shape, init);
}

/* v[C], one number for each channel of x[N,C,..], as it broadcasts against x; `what` it is. */
static inline an_value per_channel(an_at at, an_value v, an_value x, const char *what)
{
    const an_shape given = an_type_of(v).shape;
    if (an_is_missing(v)) return v;
    if (given.rank != 1 || given.dim[0] != an_dim_of(x, 1)) {
        an_reject(at, x.graph, AN_E_SHAPE, "%s must be [C], one number for each of %lld channels",
                  what, (long long)an_dim_of(x, 1));
        return poison(x);
    }
    an_shape shape = {.rank = an_type_of(x).shape.rank - 1, .dim = {given.dim[0]}};
    for (int i = 1; i < shape.rank; i++) shape.dim[i] = 1;
    return an_reshape_at(at, v, shape);
}

/* As asked, or as many columns as the matrix that was handed in has. */
static inline int64_t units_of(int64_t units, an_value matrix)
{
    const an_dim columns = an_is_missing(matrix) ? 0 : last_dim(matrix);
    return units == 0 && columns > 0 ? columns : units;
}

#endif
