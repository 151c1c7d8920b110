/* attention_meaning.c -- attention and its gradient in simpler ops.
 *
 *   s = where(seen, scale * q k' + mask, -inf)   e = exp(s - max s)   l = sum e
 *   y = e v / l                                  lse = max s + log l
 *
 *   p  = exp(s - lse)                            ds = p (dy v' - sum(dy y) + dlse)
 *   dv = p' dy        dq = scale * ds k          dk = scale * ds' q        dmask = sum ds
 *
 * A maximum of -inf is held to the least float, so that a query that sees nothing has e and p 0,
 * and `chain` makes 0 of 0 / 0. Grouped heads are an axis of their own, [B,G,H/G,..]: a product
 * then repeats the keys, and what belongs to them is summed over it.          */
#include "ops/attention/attention.h"
#include "ops/elementwise.h"

#include <float.h>
#include <math.h>

/* The operands, each of four axes, and the dims. */
typedef struct written {
    an_value q, k, v, mask, lengths, position;
    an_shape of_q, of_k;
    an_dim shared; /* H / G */
    bool grouped;
    const an_attrs *attrs;
} written;

static written begin(const an_call *c, int first)
{
    const an_value *in = c->in + first;
    written m = {in[ATT_Q], in[ATT_K], in[ATT_V], in[ATT_MASK], in[ATT_LENGTHS], in[ATT_POSITION],
                 an_type_of(in[ATT_Q]).shape, an_type_of(in[ATT_K]).shape, 1, false, c->attrs};
    m.grouped = m.of_q.dim[1] != m.of_k.dim[1];
    if (m.grouped) m.shared = an_dims_div(an_dims_of(m.q.graph), m.of_q.dim[1], m.of_k.dim[1]);
    return m;
}

/* ---- grouped heads ----------------------------------------------------- */

/* [B,H,..] as [B,G,H/G,..]. */
static an_value apart(const written *m, an_value x)
{
    if (!m->grouped) return x;
    const an_shape s = an_type_of(x).shape;
    return an_reshape(x, AN_SHAPE(s.dim[0], m->of_k.dim[1], m->shared, s.dim[2], s.dim[3]));
}

/* [B,G,..] as [B,G,1,..]. */
static an_value alone(const written *m, an_value x)
{
    if (!m->grouped) return x;
    const an_shape s = an_type_of(x).shape;
    return an_reshape(x, AN_SHAPE(s.dim[0], s.dim[1], 1, s.dim[2], s.dim[3]));
}

/* [B,G,H/G,..] as [B,H,..]. */
static an_value together(const written *m, an_value x)
{
    if (!m->grouped) return x;
    const an_shape s = an_type_of(x).shape;
    return an_reshape(x, AN_SHAPE(s.dim[0], m->of_q.dim[1], s.dim[3], s.dim[4]));
}

/* a b', a b with b the keys' or values': [B,H,..]. */
static an_value by_keys(const written *m, an_value a, an_value b, bool transpose)
{
    return together(m, an_matmul_t(apart(m, a), false, alone(m, b), transpose));
}

/* a' b, both of the queries: summed over the heads of a group, [B,G,..]. */
static an_value to_keys(const written *m, an_value a, an_value b)
{
    const an_value y = an_matmul_t(apart(m, a), true, apart(m, b), false);
    return m->grouped ? an_sum(y, 2) : y;
}

/* ---- scores ------------------------------------------------------------ */

static an_value scaled(const written *m, an_value x)
{
    const an_dim depth = m->of_q.dim[3];
    if (m->attrs->scale != 0) return an_mul(x, an_number(x, (double)m->attrs->scale));
    /* Not the literal 1 / sqrt(D): an f32 graph's stays in f32 where all else is redone in f64. */
    if (depth >= 0) return an_mul(x, an_rsqrt(an_number(x, depth > 0 ? (double)depth : 1)));
    return an_mul(x, an_rsqrt(an_maximum(an_count(m->q, AN_AXES(3)), an_number(x, 1))));
}

/* [T,S]: whether query i sees key j, for the keys after it are hidden. */
static an_value not_after(const written *m)
{
    an_graph *g = m->q.graph;
    const an_dtype dtype = an_is_none(m->position) ? AN_I32 : an_type_of(m->position).dtype;
    const an_dim queries = m->of_q.dim[2], keys = m->of_k.dim[2];
    const an_value j = an_iota(g, dtype, AN_SHAPE(1, keys), 1);
    an_value i = an_iota(g, dtype, AN_SHAPE(queries, 1), 0);
    if (!an_is_none(m->position)) i = an_add(i, m->position);
    else if (queries != keys)
        i = an_add(i, an_sub(an_count(j, AN_AXES(1)), an_count(i, AN_AXES(0))));
    return an_compare(i, AN_GE, j);
}

/* [B,1,1,S]: whether key j is there. */
static an_value not_beyond(const written *m)
{
    const an_value j = an_iota(m->q.graph, an_type_of(m->lengths).dtype,
                               AN_SHAPE(1, 1, 1, m->of_k.dim[2]), 3);
    return an_compare(an_reshape(m->lengths, AN_SHAPE(m->of_q.dim[0], 1, 1, 1)), AN_GT, j);
}

static an_value scores(const written *m)
{
    an_value s = scaled(m, by_keys(m, m->q, m->k, true));
    const an_value hidden = an_number(s, -INFINITY);
    if (!an_is_none(m->mask)) s = an_add(s, m->mask);
    if (!an_is_none(m->lengths)) s = an_where(not_beyond(m), s, hidden);
    return m->attrs->causal ? an_where(not_after(m), s, hidden) : s;
}

/* Not below the least number, so that -inf less it is -inf. */
static an_value held(an_value x)
{
    const double least = an_type_of(x).dtype == AN_F32 ? -(double)FLT_MAX : -DBL_MAX;
    return an_maximum(x, an_number(x, least));
}

/* ---- the ops ----------------------------------------------------------- */

void an_attention_meaning(const an_call *c, an_value out[])
{
    const written m = begin(c, 0);
    const an_value s = scores(&m), most = held(an_max_axes(s, AN_AXES(3), true));
    const an_value e = an_exp(an_sub(s, most)), total = an_sum_axes(e, AN_AXES(3), true);
    const an_value lse = an_add(most, an_log(total));
    out[ATT_Y] = an_chain_over(by_keys(&m, e, m.v, false), total);
    out[ATT_LSE] = an_reshape(lse, AN_SHAPE(m.of_q.dim[0], m.of_q.dim[1], m.of_q.dim[2]));
}

/* x[B,H,T] as [B,H,T,1]. */
static an_value column(const written *m, an_value x)
{
    return an_reshape(x, AN_SHAPE(m->of_q.dim[0], m->of_q.dim[1], m->of_q.dim[2], 1));
}

/* Summed down to the mask's shape; all of it if there is none. */
static an_value for_mask(const written *m, an_value ds)
{
    const an_shape full = an_type_of(ds).shape;
    an_axes over = {0};
    for (int i = 0; i < 4; i++)
        if (an_is_none(m->mask) || an_type_of(m->mask).shape.dim[i] != full.dim[i])
            over.at[over.count++] = i;
    return over.count > 0 ? an_sum_axes(ds, over, true) : an_reshape(ds, full);
}

void an_attention_grad_meaning(const an_call *c, an_value out[])
{
    const written m = begin(c, GRAD_Q);
    const an_value dy = c->in[GRAD_DY], dlse = c->in[GRAD_DLSE];
    const an_value p = an_exp(an_sub(scores(&m), held(column(&m, c->in[GRAD_LSE]))));
    an_value delta = an_sum_axes(an_mul(dy, c->in[GRAD_Y]), AN_AXES(3), true);
    if (!an_is_none(dlse)) delta = an_sub(delta, column(&m, dlse));
    const an_value ds = an_mul(p, an_sub(by_keys(&m, dy, m.v, true), delta));
    out[GRAD_DQ] = scaled(&m, by_keys(&m, ds, m.k, false));
    out[GRAD_DK] = scaled(&m, to_keys(&m, ds, m.q));
    out[GRAD_DV] = to_keys(&m, p, dy);
    out[GRAD_DMASK] = for_mask(&m, ds);
}
