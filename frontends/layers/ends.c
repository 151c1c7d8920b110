/* ends.c -- what stands before and behind a network's body: learned places, a mean over time,
 * flat rows.
 *
 * Places are added to what was embedded, [.., T, D]; behind the last block a series becomes one
 * vector, the mean of its steps, and an image's channels one row.              */
#include "frontends/layers/layer.h"

static an_value refuse(an_at at, an_value x, const char *why)
{
    an_reject(at, x.graph, AN_E_SHAPE, "%s", why);
    return poison(x);
}

/* ---- learned positions --------------------------------------------------- */

/* [T, D]: the table's rows from 0 on, or from the place of row 0. A slice costs nothing where it
 * is all of the table, and its gradient touches each row once. */
static an_value rows_of(const an_positions_args *a, an_value table, an_dim count)
{
    if (an_is_none(a->position)) return an_slice_at(a->at, table, 0, 0, count, 1);
    an_value place = an_iota_at(a->at, a->x.graph, an_type_of(a->position).dtype,
                                AN_SHAPE(count), 0);
    place = an_add_at(a->at, place, a->position);
    return an_embedding_at(a->at, table, place);
}

an_value an_nn_positions_with(const an_positions_args *a)
{
    if (!a || an_is_missing(a->x)) return a ? a->x : AN_NONE;
    const an_shape shape = an_type_of(a->x).shape;
    if (shape.rank < 2) return refuse(a->at, a->x, "an_nn_positions: x must be [.., T, D]");
    if (an_is_none(a->table) && !is_told(a->at, a->x, "an_nn_positions: .most", a->most))
        return poison(a->x);
    const an_init uniform = {AN_INIT_UNIFORM, -0.05, 0.05};
    an_scope_open_unique(a->x, name_or(a->name, "positions"));
    const an_value table = weight(a->at, a->table, a->x, "table",
                                  AN_SHAPE(a->most, shape.dim[shape.rank - 1]),
                                  start(&a->table_start, uniform));
    const an_value y = an_add_at(a->at, a->x, rows_of(a, table, shape.dim[shape.rank - 2]));
    an_scope_close(a->x);
    return y;
}

/* ---- one vector of many steps ------------------------------------------- */

/* v[B,..] as it meets x[B,T,..], from axis 2 on or, without the steps, from axis 1 on. */
static an_value spread(an_at at, an_value v, int rank)
{
    an_shape shape = an_type_of(v).shape;
    while (shape.rank < rank) shape.dim[shape.rank++] = 1;
    return an_reshape_at(at, v, shape);
}

an_value an_nn_mean_over_time_at(an_at at, an_value x, an_value lengths)
{
    if (an_is_missing(x)) return x;
    if (an_is_poison(lengths)) return lengths;
    const an_type type = an_type_of(x);
    if (type.shape.rank < 2) return refuse(at, x, "an_nn_mean_over_time: x must be [B,T,..]");
    if (an_is_none(lengths)) return an_mean_at(at, x, 1);
    if (an_type_of(lengths).shape.rank != 1 || an_dim_of(lengths, 0) != type.shape.dim[0])
        return refuse(at, x, "an_nn_mean_over_time: lengths must be [B] for x[B,T,..]");
    const an_value step = an_iota_at(at, x.graph, an_type_of(lengths).dtype,
                                     AN_SHAPE(1, type.shape.dim[1]), 1);
    const an_value counts = an_compare_at(at, step, AN_LT, spread(at, lengths, 2));
    const an_value kept = an_where_at(at, spread(at, counts, type.shape.rank), x,
                                      an_number_at(at, x, 0));
    const an_value count = an_sum_at(at, an_cast_at(at, counts, type.dtype), 1);
    const an_value divisor = an_maximum_at(at, count, an_number_at(at, count, 1));
    return an_div_at(at, an_sum_at(at, kept, 1), spread(at, divisor, type.shape.rank - 1));
}

/* ---- flat rows ------------------------------------------------------------ */

an_value an_nn_flatten_with(const an_flatten_args *a)
{
    if (!a || an_is_missing(a->x)) return a ? a->x : AN_NONE;
    const an_shape shape = an_type_of(a->x).shape;
    const int keep = a->keep == 0 ? 1 : a->keep;
    if (keep < 0 || keep > shape.rank || keep >= AN_MAX_RANK)
        return refuse(a->at, a->x, "an_nn_flatten: x has not the dims that .keep leaves alone");
    an_shape flat = {.rank = keep + 1, .dim = {0}};
    an_dim joined = 1;
    for (int i = 0; i < keep; i++) flat.dim[i] = shape.dim[i];
    for (int i = keep; i < shape.rank; i++) joined = an_dim_times(a->x.graph, joined, shape.dim[i]);
    flat.dim[keep] = joined;
    return an_reshape_at(a->at, a->x, flat);
}
