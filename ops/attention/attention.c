/* attention.c -- softmax(scale * q k' + mask) v, tile by tile.
 *
 *   s_ij = scale * sum_d q_id k_jd + mask_ij           lse_i = log sum_j exp(s_ij)
 *   y_ie = sum_j exp(s_ij - lse_i) v_je                over the keys j that query i sees
 *
 * (Vaswani et al. 2017.) Never is more than a tile of the scores held: the softmax goes on from one
 * tile of keys to the next with the largest score so far subtracted (Dao et al. 2022, 2023). Tiles
 * of which nothing is seen are passed over. The gradient is attention_grad (attention_grad.c). The
 * kernel rounds otherwise than the meaning, which is products and a softmax.
 *
 * Two stages: copies where rows must be longer (attention_cut.c), then the blocks of queries of all
 * heads, each alone; a unit is some of them and has a slot of scratch.
 *
 * One query, as a cache is asked, would leave 15 of 16 lanes idle: there the keys are turned and
 * stand beside each other. Every sum is the same chain, so a query's bits do not tell how many were
 * asked with it.                                                              */
#include "core/memory.h"
#include "ops/access.h"
#include "ops/attention/attention.h"

#include <math.h>
#include <string.h>

#define LEAST 400000 /* multiplications worth a unit of their own */

/* ---- types ------------------------------------------------------------- */

/* k[B,G,S,D] and v[B,G,S,E] beside q[B,H,T,D]. */
static an_status want_matrices(const an_infer *q, int first)
{
    const an_dim *a = q->in[first + ATT_Q].shape.dim, *k = q->in[first + ATT_K].shape.dim;
    const an_dim *v = q->in[first + ATT_V].shape.dim;
    if (k[0] != a[0] || v[0] != a[0])
        return an_refuse(q, AN_E_SHAPE, "q, k and v differ in their batch");
    if (k[3] != a[3]) return an_refuse(q, AN_E_SHAPE, "q and k differ in their last dim");
    if (v[1] != k[1] || v[2] != k[2])
        return an_refuse(q, AN_E_SHAPE, "k and v differ in heads or in length");
    an_dim shared;
    if (a[1] != k[1] && (k[1] == 0 || !an_dims_divides(q->dims, a[1], k[1], &shared))) {
        an_refuse(q, AN_E_SHAPE, "the heads of q are no multiple of those of k");
        return an_hint(q, AN_E_SHAPE, "query head h reads key head h / (H/G)");
    }
    return AN_OK;
}

static an_status want_mask(const an_infer *q, int first)
{
    if (!q->present[first + ATT_MASK]) return AN_OK;
    const an_dim *a = q->in[first + ATT_Q].shape.dim, *mask = q->in[first + ATT_MASK].shape.dim;
    const an_dim full[4] = {a[0], a[1], a[2], q->in[first + ATT_K].shape.dim[2]};
    for (int i = 0; i < 4; i++)
        if (mask[i] != 1 && mask[i] != full[i]) {
            an_refuse(q, AN_E_SHAPE, "dim %d of mask is neither 1 nor that of the scores", i);
            return an_hint(q, AN_E_SHAPE, "mask is [B,H,T,S], each extent that or 1");
        }
    return AN_OK;
}

an_status an_attention_want(const an_infer *q, int first)
{
    an_status s = want_matrices(q, first);
    if (s == AN_OK) s = want_mask(q, first);
    const int lengths = first + ATT_LENGTHS;
    if (s == AN_OK && q->present[lengths] &&
        q->in[lengths].shape.dim[0] != q->in[first + ATT_Q].shape.dim[0])
        s = an_refuse(q, AN_E_SHAPE, "lengths must have one element per row of the batch");
    return s;
}

static an_status attention_infer(const an_infer *q, an_type out[])
{
    const an_status s = an_attention_want(q, 0);
    const an_dim *a = q->in[ATT_Q].shape.dim;
    if (s != AN_OK) return s;
    out[ATT_Y] = (an_type){q->in[ATT_Q].dtype,
                           AN_SHAPE(a[0], a[1], a[2], q->in[ATT_V].shape.dim[3])};
    out[ATT_LSE] = (an_type){q->in[ATT_Q].dtype, AN_SHAPE(a[0], a[1], a[2])};
    return AN_OK;
}

static void attention_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    an_value in[GRAD_INPUTS] = {
        [GRAD_DY] = dy[ATT_Y], [GRAD_Q] = c->in[ATT_Q], [GRAD_K] = c->in[ATT_K],
        [GRAD_V] = c->in[ATT_V], [GRAD_MASK] = c->in[ATT_MASK],
        [GRAD_LENGTHS] = c->in[ATT_LENGTHS], [GRAD_POSITION] = c->in[ATT_POSITION],
        [GRAD_Y] = c->out[ATT_Y], [GRAD_LSE] = c->out[ATT_LSE], [GRAD_DLSE] = dy[ATT_LSE]};
    if (an_is_none(in[GRAD_DY]))
        in[GRAD_DY] = an_broadcast(an_number(in[GRAD_Y], 0), an_type_of(in[GRAD_Y]).shape);
    const an_attrs attrs = {.causal = c->attrs->causal, .scale = c->attrs->scale};
    const an_value first = an_emit(AN_HERE, AN_OP_attention_grad, in, GRAD_INPUTS, &attrs);
    dx[ATT_Q] = first;
    dx[ATT_K] = an_result(first, GRAD_DK);
    dx[ATT_V] = an_result(first, GRAD_DV);
    if (!an_is_none(c->in[ATT_MASK])) dx[ATT_MASK] = an_result(first, GRAD_DMASK);
}

/* ---- the work of a block of queries ------------------------------------ */

/* Offsets into scratch; those of a slot count from its start. */
typedef struct layout {
    int64_t score, mask, turned, query, sums, rows, lse, slots, slot_bytes, bytes;
    int64_t group, units; /* blocks of queries a unit, and units */
} layout;

static layout lay_out(const an_attention_cut *cut)
{
    layout l = {.bytes = cut->copies};
    const bool masked = cut->w->in[ATT_MASK].data, one = cut->queries == 1;
    l.score = an_lay_out(&l.slot_bytes, one ? 1 : AN_PANEL, cut->tile, sizeof(float));
    l.mask = an_lay_out(&l.slot_bytes, masked && !one ? AN_PANEL : 0, cut->tile, sizeof(float));
    l.turned = an_lay_out(&l.slot_bytes, cut->depth, AN_PANEL, sizeof(float));
    l.query = an_lay_out(&l.slot_bytes, one, cut->depth, sizeof(float));
    l.sums = an_lay_out(&l.slot_bytes, one ? 1 : AN_ATT_QUERIES, cut->v.padded, sizeof(float));
    l.rows = an_lay_out(&l.slot_bytes, 1, 1, sizeof(an_attention_rows));
    l.lse = an_lay_out(&l.slot_bytes, 1, AN_ATT_QUERIES, sizeof(float));
    const int64_t items = cut->batch * cut->heads * cut->blocks;
    const double work = fmin((double)cut->queries, AN_ATT_QUERIES) * (double)cut->keys *
                        (double)(cut->depth + cut->width);
    l.group = work * (double)items < LEAST ? items : work < LEAST ? (int64_t)(LEAST / work) : 1;
    if (l.group < an_ceil_div(items, AN_ATT_SLOTS)) l.group = an_ceil_div(items, AN_ATT_SLOTS);
    l.units = items > 0 ? an_ceil_div(items, l.group) : 0;
    l.slots = an_lay_out(&l.bytes, l.units, l.slot_bytes, 1);
    return l;
}

static int64_t attention_scratch(const an_work *w)
{
    const an_attention_cut cut = an_attention_measure(w, 0);
    const int64_t stages = lay_out(&cut).bytes, ref = an_attention_ref_scratch(&cut);
    return stages < 0 || ref < 0 ? -1 : stages > ref ? stages : ref;
}

typedef struct slot {
    float *score, *mask, *turned, *query, *sums, *lse;
    an_attention_rows *rows;
} slot;

static slot slot_of(const an_work *w, const layout *l, int64_t number)
{
    char *at = (char *)w->scratch + l->slots + number * l->slot_bytes;
    return (slot){(float *)(at + l->score), (float *)(at + l->mask), (float *)(at + l->turned),
                  (float *)(at + l->query), (float *)(at + l->sums), (float *)(at + l->lse),
                  (an_attention_rows *)(at + l->rows)};
}

/* sums = shrink sums + weights v, once the weights are there. */
static void add_values(const an_attention_cut *cut, const slot *o, an_attention_spot s, an_panel p)
{
    const int64_t item = s.b * cut->groups + s.h / cut->shared;
    p.out = o->sums;
    p.out_row = p.b_row = cut->v.padded;
    p.a = o->score;
    p.b = an_attention_at_row(&cut->v, item, s.key);
    p.depth = s.count;
    p.by = s.key > 0 ? o->rows->shrink : NULL;
    an_attention_product(&p, cut->w->kernels, cut->v.padded);
}

static void add_tile(const an_attention_cut *cut, const slot *o, an_attention_spot s)
{
    const an_kernels *k = cut->w->kernels;
    const int64_t item = s.b * cut->groups + s.h / cut->shared;
    const an_attention_tile tile = an_attention_tile_at(cut, s, o->score, o->mask);
    k->panel_product(&(an_panel){
        .out = o->score, .out_row = AN_PANEL, .a = an_attention_at_row(&cut->k, item, s.key),
        .a_row = cut->k.padded, .a_step = 1, .b = o->turned, .rows = s.count, .depth = cut->depth,
        .vectors = tile.vectors});
    k->attention_weights(&tile, o->rows);
    add_values(cut, o, s, (an_panel){.a_row = 1, .a_step = AN_PANEL,
                                     .rows = an_attention_rows_in(cut, s.block)});
}

/* The same of one query, with the keys turned. */
static void add_keys(const an_attention_cut *cut, const slot *o, an_attention_spot s)
{
    const an_kernels *k = cut->w->kernels;
    const int64_t item = s.b * cut->groups + s.h / cut->shared;
    for (int64_t j = 0; j < s.count; j += AN_PANEL) {
        const int64_t count = s.count - j < AN_PANEL ? s.count - j : AN_PANEL;
        k->attention_turn(an_attention_at_row(&cut->k, item, s.key + j), cut->k.padded, 1, count,
                          cut->depth, 1.0f, o->turned);
        k->panel_product(&(an_panel){
            .out = o->score + j, .a = o->query, .a_step = 1, .b = o->turned, .rows = 1,
            .depth = cut->depth, .vectors = (int)an_ceil_div(count, 16)});
    }
    int64_t step;
    const float *mask = an_attention_mask_row(cut, s, &step);
    k->attention_row(o->score, s.count, mask, step, o->rows);
    add_values(cut, o, s, (an_panel){.a_step = 1, .rows = 1});
}

/* Turned, or if it is one, as it is. */
static void open_queries(const an_attention_cut *cut, const slot *o, const float *q, int64_t rows)
{
    const an_kernels *k = cut->w->kernels;
    const float scale = (float)(cut->scale * AN_ATT_LOG2E);
    if (cut->queries == 1)
        k->attention_scale_rows(q, 0, &scale, 0, 1, cut->depth, o->query, 0);
    else
        k->attention_turn(q, cut->q.padded, 1, rows, cut->depth, scale, o->turned);
    memset(o->rows, 0, sizeof *o->rows);
    for (int i = 0; i < AN_ATT_QUERIES; i++) o->rows->largest[i] = -INFINITY;
}

static void run_block(const an_attention_cut *cut, slot o, int64_t item)
{
    const an_work *w = cut->w;
    const int64_t block = item % cut->blocks, head = item / cut->blocks;
    const int64_t b = head / cut->heads, first = block * AN_ATT_QUERIES;
    const int64_t rows = an_attention_rows_in(cut, block), at = head * cut->queries + first;
    const int64_t seen = an_attention_seen(cut, b, first, rows);
    float *y = w->out[ATT_Y].data, *lse = w->out[ATT_LSE].data;
    if (y) y += at * cut->width;
    if (y && cut->width == cut->v.padded) o.sums = y;
    open_queries(cut, &o, an_attention_at_row(&cut->q, head, first), rows);
    if (seen == 0) memset(o.sums, 0, (size_t)(rows * cut->v.padded) * sizeof(float));
    for (int64_t key = 0; key < seen; key += cut->tile)
        (cut->queries == 1 ? add_keys : add_tile)(
            cut, &o, (an_attention_spot){b, head % cut->heads, block, key,
                                         seen - key < cut->tile ? seen - key : cut->tile});
    w->kernels->attention_finish(o.rows, (int)an_ceil_div(rows, 16), o.lse);
    if (y)
        w->kernels->attention_scale_rows(o.sums, cut->v.padded, o.rows->shrink, 1, rows, cut->width,
                                         y, cut->width);
    if (lse) memcpy(lse + at, o.lse, (size_t)rows * sizeof *lse);
}

/* ---- stages ------------------------------------------------------------ */

static int64_t copy_units(const an_work *w)
{
    const an_attention_cut cut = an_attention_measure(w, 0);
    return an_attention_copy_units(&cut);
}

static void copy_run(const an_work *w, int64_t begin, int64_t end)
{
    const an_attention_cut cut = an_attention_measure(w, 0);
    an_attention_copy(&cut, begin, end);
}

static int64_t block_units(const an_work *w)
{
    const an_attention_cut cut = an_attention_measure(w, 0);
    return lay_out(&cut).units;
}

static void block_run(const an_work *w, int64_t begin, int64_t end)
{
    const an_attention_cut cut = an_attention_open(w, 0);
    const layout l = lay_out(&cut);
    const int64_t items = cut.batch * cut.heads * cut.blocks;
    for (int64_t unit = begin; unit < end; unit++) {
        const slot o = slot_of(w, &l, unit);
        for (int64_t i = unit * l.group; i < (unit + 1) * l.group && i < items; i++)
            run_block(&cut, o, i);
    }
}

/* ---- the record -------------------------------------------------------- */

static double attention_flops(const an_work *w)
{
    const an_attention_cut cut = an_attention_measure(w, 0);
    return 2.0 * (double)(cut.batch * cut.heads) * (double)cut.queries * (double)cut.keys *
           (double)(cut.depth + cut.width);
}

an_value an_attention_with(const an_attention_operands *a)
{
    const an_value in[] = {a->q, a->k, a->v, a->mask, a->lengths, a->position};
    const an_attrs attrs = {.causal = a->causal,
                            .scale = an_narrow(a->at, a->q, "attention: scale", a->scale)};
    return an_emit(a->at, AN_OP_attention, in, (int)(sizeof in / sizeof *in), &attrs);
}

const an_op_rules an_rules_attention = {
    .floats = 1u << ATT_Q,
    .indices = 1u << ATT_LENGTHS | 1u << ATT_POSITION,
    .kin = 1u << ATT_K | 1u << ATT_V | 1u << ATT_MASK,
    .ranks = "444410",
    .infer = attention_infer,
    .grad = attention_grad,
    .constant_in = 1u << ATT_LENGTHS | 1u << ATT_POSITION,
    .meaning = an_attention_meaning,
    .meaning_rounds = true,
    .stages = {{copy_units, copy_run}, {block_units, block_run}},
    .ref = an_attention_ref,
    .scratch = attention_scratch,
    .count_flops = attention_flops,
    .index = {.by = AN_BOUND_LENGTH, .operand = ATT_LENGTHS, .axis = 2, .of = ATT_K},
    .factors = 1u << ATT_Q | 1u << ATT_K | 1u << ATT_V,
};
