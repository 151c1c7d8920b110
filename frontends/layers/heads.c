/* heads.c -- attention as a layer: projections, heads, a cache; and positions.
 *
 * Heads are an axis: [B,T,H*W] is cut to [B,T,H,W] and turned to [B,H,T,W]. Each projection is a
 * dense layer of its own, named q, k, v and out.                               */
#include "frontends/layers/layer.h"

#include <math.h>

static an_dim dim_from_end(an_value x, int i)
{
    const an_shape shape = an_type_of(x).shape;
    return shape.rank >= i ? shape.dim[shape.rank - i] : -1;
}

/* ---- positions ---------------------------------------------------------- */

/* base^(-2i/W) for i in 0 .. W/2 - 1, of x's dtype. */
static an_value frequencies(an_at at, an_value x, int64_t width, double base)
{
    an_tensor t = {0};
    if (an_tensor_alloc(&t, an_type_of(x).dtype, 1, &(int64_t){width / 2}) != AN_OK) {
        an_reject(at, x.graph, AN_E_MEMORY, "out of memory");
        return poison(x);
    }
    for (int64_t i = 0; i < width / 2; i++)
        an_tensor_set(&t, i, pow(base, -2.0 * (double)i / (double)width));
    const an_value f = an_constant_at(at, x.graph, &t);
    an_tensor_free(&t);
    return f;
}

/* [T, W/2]: by how much row t turns pair i. */
static an_value angles(an_at at, an_value x, an_value position, an_value positions, double base)
{
    const an_dtype dtype = an_type_of(x).dtype;
    const an_dim rows = dim_from_end(x, 2), width = dim_from_end(x, 1);
    if (an_type_of(x).shape.rank < 2 || width < 2 || width % 2 != 0) {
        an_reject(at, x.graph, AN_E_SHAPE, "positions need [.., T, W] with W a literal and even");
        return poison(x);
    }
    an_value t = positions;
    if (an_is_none(t)) {
        t = an_iota_at(at, x.graph, dtype, AN_SHAPE(rows, 1), 0);
        if (!an_is_none(position)) t = an_add_at(at, t, an_cast_at(at, position, dtype));
    } else {
        t = an_reshape_at(at, an_cast_at(at, t, dtype), AN_SHAPE(rows, 1));
    }
    return an_mul_at(at, t, frequencies(at, x, width, base));
}

/* Columns from `start` on, `step` apart, W/2 of them. */
static an_value half(an_at at, an_value x, an_dim start, bool pairs)
{
    const an_dim width = dim_from_end(x, 1);
    return pairs ? an_slice_at(at, x, -1, start, width, 2)
                 : an_slice_at(at, x, -1, start * (width / 2), (start + 1) * (width / 2), 1);
}

/* The inverse: columns of a and b in turns, or behind each other. */
static an_value joined(an_at at, an_value a, an_value b, bool pairs)
{
    an_shape shape = an_type_of(a).shape;
    if (!pairs) return an_concat_at(at, (an_value[]){a, b}, 2, -1);
    an_shape apart = shape;
    apart.dim[apart.rank++] = 1;
    const an_value both[] = {an_reshape_at(at, a, apart), an_reshape_at(at, b, apart)};
    shape.dim[shape.rank - 1] *= 2; /* a literal, see angles */
    return an_reshape_at(at, an_concat_at(at, both, 2, -1), shape);
}

an_value an_nn_rotary_with(const an_rotary_args *a)
{
    if (!a || an_is_missing(a->x)) return a ? a->x : AN_NONE;
    const an_at at = a->at;
    const an_value by = angles(at, a->x, a->position, a->positions, a->base != 0 ? a->base : 1e4);
    if (an_is_poison(by)) return by;
    const an_value c = an_cos_at(at, by), s = an_sin_at(at, by);
    const an_value x = half(at, a->x, 0, a->pairs), y = half(at, a->x, 1, a->pairs);
    return joined(at, an_sub_at(at, an_mul_at(at, x, c), an_mul_at(at, y, s)),
                  an_add_at(at, an_mul_at(at, y, c), an_mul_at(at, x, s)), a->pairs);
}

an_value an_nn_sinusoidal_at(an_at at, an_value x, an_value position)
{
    if (an_is_missing(x)) return x;
    const an_value by = angles(at, x, position, AN_NONE, 1e4);
    return an_is_poison(by) ? by : joined(at, an_sin_at(at, by), an_cos_at(at, by), true);
}

an_value an_nn_causal_mask_at(an_at at, an_value x, an_dim queries, an_dim keys)
{
    if (an_is_missing(x)) return x;
    an_value i = an_iota_at(at, x.graph, AN_I32, AN_SHAPE(queries, 1), 0);
    const an_value j = an_iota_at(at, x.graph, AN_I32, AN_SHAPE(1, keys), 1);
    if (queries != keys)
        i = an_add_at(at, i, an_sub_at(at, an_count_at(at, j, AN_AXES(1)),
                                       an_count_at(at, i, AN_AXES(0))));
    return an_where_at(at, an_compare_at(at, i, AN_GE, j), an_number_at(at, x, 0),
                       an_number_at(at, x, -INFINITY));
}

/* ---- the layer ----------------------------------------------------------- */

/* What the arguments come to. */
typedef struct sizes {
    int64_t heads, groups, width;
} sizes;

static bool refuse(const an_attention_args *a, const char *why)
{
    an_reject(a->at, a->x.graph, AN_E_ARGUMENT, "an_nn_attention: %s", why);
    return false;
}

static bool size_up(const an_attention_args *a, sizes *s)
{
    const an_dim features = dim_from_end(a->x, 1);
    if (an_type_of(a->x).shape.rank != 3) return refuse(a, "x must be [B,T,D]");
    if (a->heads < 1) return refuse(a, ".heads must be at least 1");
    *s = (sizes){a->heads, a->key_heads == 0 ? a->heads : a->key_heads, a->width};
    if (s->groups < 1 || s->heads % s->groups != 0)
        return refuse(a, ".heads must be a multiple of .key_heads");
    if (s->width == 0 && (features < 1 || features % s->heads != 0))
        return refuse(a, "D must be a multiple of .heads, or .width be given");
    if (s->width == 0) s->width = features / s->heads;
    if (s->width < 1 || s->width > INT32_MAX || s->heads > INT32_MAX)
        return refuse(a, ".width and .heads must be at least 1, and below 2^31");
    if (a->cache < 0) return refuse(a, ".cache must not be negative");
    if (a->cache > 0 && (an_is_none(a->position) || !an_is_none(a->memory)))
        return refuse(a, ".cache needs .position, and no .memory");
    return true;
}

static an_value dense(const an_attention_args *a, an_value x, const char *name, an_value kernel,
                      an_value bias, int64_t units)
{
    return an_nn_dense_with(&(an_dense_args){.at = a->at, .x = x, .units = units, .name = name,
                                             .no_bias = a->no_bias, .kernel = kernel,
                                             .bias = bias});
}

/* [B,T,H*W] as [B,H,T,W]. */
static an_value to_heads(const an_attention_args *a, an_value x, int64_t heads, int64_t width)
{
    if (an_is_poison(x)) return x;
    const an_dim *dim = an_type_of(x).shape.dim;
    x = an_reshape_at(a->at, x, AN_SHAPE(dim[0], dim[1], heads, width));
    return an_transpose_at(a->at, x, AN_AXES(0, 2, 1, 3));
}

static an_value turned(const an_attention_args *a, an_value x)
{
    if (a->rotary == 0) return x;
    return an_nn_rotary_with(&(an_rotary_args){.at = a->at, .x = x, .position = a->position,
                                               .base = a->rotary, .pairs = a->rotary_pairs});
}

/* The state with x put at its place; *old is the state. */
static an_value cached(const an_attention_args *a, const char *name, an_value x, an_value *old)
{
    if (an_is_poison(x)) return *old = x;
    an_type type = an_type_of(x);
    type.shape.dim[2] = a->cache;
    *old = an_cache_at(a->at, x.graph, name, type.dtype, type.shape, (an_init){0});
    return an_update_slice_at(a->at, *old, x, a->position, 2);
}

static an_value in_scope(const an_attention_args *a, const sizes *s)
{
    const an_attention_weights *w = &a->weights;
    const an_value from = an_is_none(a->memory) ? a->x : a->memory;
    const int64_t queries = s->heads * s->width, keys = s->groups * s->width;
    an_value q = dense(a, a->x, "q", w->q, w->q_bias, queries);
    an_value k = dense(a, from, "k", w->k, w->k_bias, keys);
    an_value v = dense(a, from, "v", w->v, w->v_bias, keys);
    q = turned(a, to_heads(a, q, s->heads, s->width));
    k = turned(a, to_heads(a, k, s->groups, s->width));
    v = to_heads(a, v, s->groups, s->width);
    an_value old_k = AN_NONE, old_v = AN_NONE;
    if (a->cache > 0) {
        an_scope_open(a->x, "cache");
        k = cached(a, "k", k, &old_k);
        v = cached(a, "v", v, &old_v);
        an_scope_close(a->x);
    }
    an_value y = an_attention_with(&(an_attention_operands){
        .at = a->at, .q = q, .k = k, .v = v, .mask = a->mask, .lengths = a->lengths,
        .position = a->position, .causal = a->causal || a->cache > 0});
    if (an_is_poison(y)) return y;
    y = an_transpose_at(a->at, y, AN_AXES(0, 2, 1, 3));
    const an_dim *dim = an_type_of(y).shape.dim;
    y = an_reshape_at(a->at, y, AN_SHAPE(dim[0], dim[1], queries));
    y = dense(a, y, "out", w->out, w->out_bias, dim_from_end(a->x, 1));
    if (a->cache > 0 && !an_is_poison(y)) {
        an_pending(old_k, k, y);
        an_pending(old_v, v, y);
    }
    return y;
}

an_value an_nn_attention_with(const an_attention_args *a)
{
    sizes s;
    if (!a || an_is_missing(a->x)) return a ? a->x : AN_NONE;
    if (!size_up(a, &s)) return poison(a->x);
    an_scope_open_unique(a->x, name_or(a->name, "attention"));
    const an_value y = in_scope(a, &s);
    an_scope_close(a->x);
    return y;
}
