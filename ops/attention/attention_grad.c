/* attention_grad.c -- attention's gradient, from its lse instead of its weights.
 *
 *   p_ij = exp(s_ij - lse_i)         delta_i = sum_e dy_ie y_ie - dlse_i
 *   ds_ij = p_ij (sum_e dy_ie v_je - delta_i)
 *   dv_j = sum_i p_ij dy_i           dq_i = scale sum_j ds_ij k_j
 *   dk_j = scale sum_i ds_ij q_i     dmask = ds, summed where the mask is repeated
 *
 * (Dao et al. 2022.) Stages: copies where rows must be longer; then a unit for each group of heads
 * and chunk of keys, which goes through the blocks of queries of its heads in order, adds up dk and
 * dv of its keys, and puts dq down beside those of the other chunks; sums of these in the order of
 * chunks; and dmask, if it is wanted, tile by tile from the scores again. Chunks follow from the
 * shapes: there is more than one only where groups are few and keys many.      */
#include "core/memory.h"
#include "ops/access.h"
#include "ops/attention/attention.h"

#include <math.h>
#include <string.h>

#define FEW_UNITS 8      /* of groups; with fewer, keys are cut */
#define CHUNK_KEYS 512   /* at least, where they are */
#define SUM_FLOATS 16384 /* of dq that one unit adds up */

/* ---- types ------------------------------------------------------------- */

static an_status want_shape(const an_infer *q, int i, an_shape shape)
{
    const an_shape *is = &q->in[i].shape;
    bool same = !q->present[i] || is->rank == shape.rank;
    for (int d = 0; same && q->present[i] && d < shape.rank; d++)
        same = is->dim[d] == shape.dim[d];
    if (same) return AN_OK;
    char name[32];
    an_op_input_name(q->op, i, name, sizeof name);
    return an_refuse(q, AN_E_SHAPE, "the shape of %s is not what attention gives", name);
}

static an_status attention_grad_infer(const an_infer *q, an_type out[])
{
    an_status s = an_attention_want(q, GRAD_Q);
    const an_dim *a = q->in[GRAD_Q].shape.dim;
    const an_shape y = AN_SHAPE(a[0], a[1], a[2], q->in[GRAD_V].shape.dim[3]);
    const an_shape lse = AN_SHAPE(a[0], a[1], a[2]);
    if (s == AN_OK) s = want_shape(q, GRAD_DY, y);
    if (s == AN_OK) s = want_shape(q, GRAD_Y, y);
    if (s == AN_OK) s = want_shape(q, GRAD_LSE, lse);
    if (s == AN_OK) s = want_shape(q, GRAD_DLSE, lse);
    if (s != AN_OK) return s;
    out[GRAD_DQ] = q->in[GRAD_Q];
    out[GRAD_DK] = q->in[GRAD_K];
    out[GRAD_DV] = q->in[GRAD_V];
    out[GRAD_DMASK] = q->present[GRAD_MASK] ? q->in[GRAD_MASK]
                                            : (an_type){q->in[GRAD_Q].dtype, AN_SHAPE(1, 1, 1, 1)};
    return AN_OK;
}

/* ---- cut --------------------------------------------------------------- */

/* Offsets into scratch; those of a slot count from its start. */
typedef struct layout {
    int64_t score, slope, mask, q, dy, dq, lse, delta, dk, dv, sums;
    int64_t parts, slots, slot_bytes, bytes;
    int64_t chunks, chunk, items, group, units; /* of keys; units of `group` items */
    int64_t mask_items, mask_group, mask_units;
    int64_t mask_extent[4];
} layout;

static void cut_keys(const an_attention_cut *cut, layout *l)
{
    const int64_t groups = cut->batch * cut->groups;
    l->chunks = groups > 0 && groups < FEW_UNITS ? an_ceil_div(FEW_UNITS, groups) : 1;
    if (l->chunks > cut->keys / CHUNK_KEYS) l->chunks = cut->keys / CHUNK_KEYS;
    if (l->chunks < 1) l->chunks = 1;
    l->chunk = an_ceil_div(an_ceil_div(cut->keys, l->chunks), AN_ATT_KEYS) * AN_ATT_KEYS;
    if (l->chunk > 0) l->chunks = an_ceil_div(cut->keys, l->chunk);
    l->items = groups * l->chunks;
    l->group = an_ceil_div(l->items, AN_ATT_SLOTS);
    l->units = l->items > 0 ? an_ceil_div(l->items, l->group) : 0;
}

static void cut_mask(const an_attention_cut *cut, layout *l)
{
    const an_tensor *mask = &cut->w->in[GRAD_MASK];
    for (int i = 0; i < 4; i++) l->mask_extent[i] = mask->data ? mask->extent[i] : 1;
    if (!cut->w->out[GRAD_DMASK].data) return;
    l->mask_items = l->mask_extent[0] * l->mask_extent[1] *
                    an_ceil_div(l->mask_extent[2], AN_ATT_QUERIES) * (l->mask_extent[3] > 0);
    l->mask_group = an_ceil_div(l->mask_items, AN_ATT_SLOTS);
    l->mask_units = l->mask_items > 0 ? an_ceil_div(l->mask_items, l->mask_group) : 0;
}

static layout lay_out(const an_attention_cut *cut)
{
    layout l = {.bytes = cut->copies};
    int64_t *slot = &l.slot_bytes;
    const bool masked = cut->w->in[GRAD_MASK].data;
    cut_keys(cut, &l);
    cut_mask(cut, &l);
    l.score = an_lay_out(slot, cut->tile, AN_PANEL, sizeof(float));
    l.slope = an_lay_out(slot, cut->tile, AN_PANEL, sizeof(float));
    l.mask = an_lay_out(slot, masked ? cut->tile : 0, AN_PANEL, sizeof(float));
    l.q = an_lay_out(slot, cut->depth, AN_PANEL, sizeof(float));
    l.dy = an_lay_out(slot, cut->width, AN_PANEL, sizeof(float));
    l.dq = an_lay_out(slot, AN_ATT_QUERIES, cut->q.padded, sizeof(float));
    l.lse = an_lay_out(slot, 1, AN_ATT_QUERIES, sizeof(float));
    l.delta = an_lay_out(slot, 1, AN_ATT_QUERIES, sizeof(float));
    l.dk = an_lay_out(slot, cut->k.copy < 0 ? 0 : l.chunk, cut->k.padded, sizeof(float));
    l.dv = an_lay_out(slot, cut->v.copy < 0 ? 0 : l.chunk, cut->v.padded, sizeof(float));
    l.sums = an_lay_out(slot, l.mask_units > 0 ? AN_ATT_KEYS : 0, AN_PANEL, sizeof(double));
    l.parts = an_lay_out(&l.bytes, l.chunks > 1 ? l.chunks : 0,
                         cut->batch * cut->heads * cut->queries * cut->depth, sizeof(float));
    l.slots = an_lay_out(&l.bytes, l.units > l.mask_units ? l.units : l.mask_units, l.slot_bytes,
                         1);
    return l;
}

static int64_t attention_grad_scratch(const an_work *w)
{
    const an_attention_cut cut = an_attention_measure(w, GRAD_Q);
    const int64_t stages = lay_out(&cut).bytes, ref = an_attention_grad_ref_scratch(&cut);
    return stages < 0 || ref < 0 ? -1 : stages > ref ? stages : ref;
}

typedef struct slot {
    float *score, *slope, *mask, *q, *dy, *dq, *lse, *delta, *dk, *dv;
    double *sums;
} slot;

static slot slot_of(const an_work *w, const layout *l, int64_t number)
{
    char *at = (char *)w->scratch + l->slots + number * l->slot_bytes;
    return (slot){(float *)(at + l->score), (float *)(at + l->slope), (float *)(at + l->mask),
                  (float *)(at + l->q), (float *)(at + l->dy), (float *)(at + l->dq),
                  (float *)(at + l->lse), (float *)(at + l->delta), (float *)(at + l->dk),
                  (float *)(at + l->dv), (double *)(at + l->sums)};
}

/* ---- one tile: weights and slopes -------------------------------------- */

/* q and dy turned, and lse and delta of the block's queries. What dy and delta are multiplied by,
 * the slopes are. */
static void open_block(const an_attention_cut *cut, const slot *o, int64_t head, int64_t block,
                       float factor)
{
    const an_work *w = cut->w;
    const an_kernels *k = w->kernels;
    const int64_t rows = an_attention_rows_in(cut, block), first = block * AN_ATT_QUERIES;
    const int64_t at = head * cut->queries + first;
    const float *lse = (const float *)w->in[GRAD_LSE].data + at;
    const float *dlse = w->in[GRAD_DLSE].data ? (const float *)w->in[GRAD_DLSE].data + at : NULL;
    k->attention_turn(an_attention_at_row(&cut->q, head, first), cut->q.padded, 1, rows, cut->depth,
                      (float)(cut->scale * AN_ATT_LOG2E), o->q);
    k->attention_turn(an_attention_at_row(&cut->dy, head, first), cut->dy.padded, 1, rows,
                      cut->width, factor, o->dy);
    k->attention_dots((const float *)w->in[GRAD_DY].data + at * cut->width, cut->width,
                      (const float *)w->in[GRAD_Y].data + at * cut->width, cut->width, rows,
                      cut->width, o->delta);
    for (int64_t i = 0; i < AN_ATT_QUERIES; i++) {
        const float l = i < rows ? lse[i] : -INFINITY;
        o->lse[i] = l == -INFINITY ? INFINITY : l * (float)AN_ATT_LOG2E;
        o->delta[i] = i < rows ? factor * (o->delta[i] - (dlse ? dlse[i] : 0)) : 0;
    }
}

static void make_slopes(const an_attention_cut *cut, const slot *o, an_attention_spot s)
{
    const an_kernels *k = cut->w->kernels;
    const int64_t item = s.b * cut->groups + s.h / cut->shared;
    const an_attention_tile tile = an_attention_tile_at(cut, s, o->score, o->mask);
    an_panel p = {.out = o->score, .out_row = AN_PANEL,
                  .a = an_attention_at_row(&cut->k, item, s.key), .a_row = cut->k.padded,
                  .a_step = 1, .b = o->q, .rows = s.count, .depth = cut->depth,
                  .vectors = tile.vectors};
    k->panel_product(&p);
    p.out = o->slope;
    p.a = an_attention_at_row(&cut->v, item, s.key);
    p.a_row = cut->v.padded;
    p.b = o->dy;
    p.depth = cut->width;
    k->panel_product(&p);
    k->attention_slopes(&tile, o->lse, o->delta, o->slope);
}

/* ---- dq, dk, dv -------------------------------------------------------- */

/* One item: a group's keys from `key` to `end`, and where their gradients are added up. */
typedef struct item {
    int64_t b, g, chunk, key, end;
    bool whole;     /* the first block of queries sees all of them: what it finds need not be 0 */
    float *dk, *dv; /* NULL: not wanted */
} item;

static float *sums_of(const an_tensor *t, const an_attention_rows_of *m, float *own, int64_t row)
{
    if (!t->data) return NULL;
    return m->copy < 0 ? (float *)t->data + row * m->padded : own;
}

/* Rows of a copy, back to their width. */
static void shorten(const an_attention_cut *cut, const float *from, int64_t padded, int64_t rows,
                    int64_t width, float *to)
{
    const float one = 1;
    cut->w->kernels->attention_scale_rows(from, padded, &one, 0, rows, width, to, width);
}

static void add_tile(const an_attention_cut *cut, const slot *o, const item *t, an_attention_spot s,
                     float *dq)
{
    const an_kernels *k = cut->w->kernels;
    const int64_t rows = an_attention_rows_in(cut, s.block), from = s.key - t->key;
    const int64_t head = s.b * cut->heads + s.h, first = s.block * AN_ATT_QUERIES;
    make_slopes(cut, o, s);
    an_panel p = {.a_row = AN_PANEL, .a_step = 1, .rows = s.count, .depth = rows,
                  .add = !t->whole || s.block > 0 || s.h > t->g * cut->shared};
    if (t->dv) {
        p.out = t->dv + from * cut->v.padded;
        p.a = o->score;
        p.b = an_attention_at_row(&cut->dy, head, first);
        p.out_row = p.b_row = cut->v.padded;
        an_attention_product(&p, k, cut->v.padded);
    }
    p.a = o->slope;
    if (t->dk) {
        p.out = t->dk + from * cut->k.padded;
        p.b = an_attention_at_row(&cut->q, head, first);
        p.out_row = p.b_row = cut->q.padded;
        an_attention_product(&p, k, cut->q.padded);
    }
    if (!dq) return;
    an_attention_product(&(an_panel){
        .out = dq, .out_row = cut->q.padded, .a = o->slope, .a_row = 1, .a_step = AN_PANEL,
        .b = an_attention_at_row(&cut->k, t->b * cut->groups + t->g, s.key),
        .b_row = cut->k.padded, .rows = rows, .depth = s.count, .add = s.key > t->key}, k,
        cut->q.padded);
}

/* Where the chunk puts dq of all queries; NULL: not wanted. */
static float *slopes_of_queries(const an_attention_cut *cut, const layout *l, const item *t)
{
    const int64_t all = cut->batch * cut->heads * cut->queries * cut->depth;
    if (l->chunks == 1 || !cut->w->out[GRAD_DQ].data) return cut->w->out[GRAD_DQ].data;
    return (float *)((char *)cut->w->scratch + l->parts) + t->chunk * all;
}

static void run_block(const an_attention_cut *cut, const layout *l, const slot *o, const item *t,
                      int64_t h, int64_t block)
{
    const int64_t rows = an_attention_rows_in(cut, block), first = block * AN_ATT_QUERIES;
    const int64_t head = t->b * cut->heads + h, at = (head * cut->queries + first) * cut->depth;
    const int64_t seen = an_attention_seen(cut, t->b, first, rows);
    const int64_t end = seen < t->end ? seen : t->end;
    float *to = slopes_of_queries(cut, l, t), *dq = to && cut->q.copy < 0 ? to + at : o->dq;
    if (t->key >= end) memset(dq, 0, (size_t)(rows * cut->q.padded) * sizeof(float));
    if (t->key < end) open_block(cut, o, head, block, (float)cut->scale);
    for (int64_t key = t->key; key < end; key += cut->tile)
        add_tile(cut, o, t, (an_attention_spot){t->b, h, block, key,
                                                end - key < cut->tile ? end - key : cut->tile},
                 to ? dq : NULL);
    if (to && dq == o->dq) shorten(cut, dq, cut->q.padded, rows, cut->depth, to + at);
}

static void run_item(const an_attention_cut *cut, const layout *l, const slot *o, int64_t number)
{
    const an_work *w = cut->w;
    const int64_t group = number / l->chunks, chunk = number % l->chunks, key = chunk * l->chunk;
    const int64_t end = cut->keys - key < l->chunk ? cut->keys : key + l->chunk;
    const int64_t row = group * cut->keys + key, count = end - key;
    const int64_t b = group / cut->groups;
    const int64_t seen = an_attention_seen(cut, b, 0, an_attention_rows_in(cut, 0));
    const item t = {b, group % cut->groups, chunk, key, end, cut->queries > 0 && seen >= end,
                    sums_of(&w->out[GRAD_DK], &cut->k, o->dk, row),
                    sums_of(&w->out[GRAD_DV], &cut->v, o->dv, row)};
    if (t.dk && !t.whole) memset(t.dk, 0, (size_t)(count * cut->k.padded) * sizeof(float));
    if (t.dv && !t.whole) memset(t.dv, 0, (size_t)(count * cut->v.padded) * sizeof(float));
    for (int64_t h = t.g * cut->shared; h < (t.g + 1) * cut->shared; h++)
        for (int64_t block = 0; block < cut->blocks; block++) run_block(cut, l, o, &t, h, block);
    if (t.dk && cut->k.copy >= 0)
        shorten(cut, t.dk, cut->k.padded, count, cut->depth,
                (float *)w->out[GRAD_DK].data + row * cut->depth);
    if (t.dv && cut->v.copy >= 0)
        shorten(cut, t.dv, cut->v.padded, count, cut->width,
                (float *)w->out[GRAD_DV].data + row * cut->width);
}

/* ---- dmask ------------------------------------------------------------- */

/* Which part of the mask: its own matrix, and the block of its rows, or all of them. */
typedef struct mask_part {
    int64_t b, h, block;
} mask_part;

/* Adds the slopes of a tile where the mask has one element for several. */
static void add_slopes(const an_attention_cut *cut, const layout *l, const slot *o,
                       an_attention_spot s)
{
    const int64_t rows = an_attention_rows_in(cut, s.block);
    const int64_t key = l->mask_extent[3] == 1 ? 0 : AN_PANEL, query = l->mask_extent[2] != 1;
    for (int64_t j = 0; j < s.count; j++)
        for (int64_t i = 0; i < rows; i++)
            o->sums[j * key + i * query] += (double)o->slope[j * AN_PANEL + i];
}

/* What all heads and blocks that read this part make of `count` keys from `key` on. */
static void add_all(const an_attention_cut *cut, const layout *l, const slot *o, mask_part m,
                    int64_t key, int64_t count)
{
    const int64_t *e = l->mask_extent;
    const int64_t b_end = e[0] == 1 ? cut->batch : m.b + 1;
    const int64_t h_end = e[1] == 1 ? cut->heads : m.h + 1;
    const int64_t end = e[2] == 1 ? cut->blocks : m.block + 1;
    for (int64_t b = e[0] == 1 ? 0 : m.b; b < b_end; b++)
        for (int64_t h = e[1] == 1 ? 0 : m.h; h < h_end; h++)
            for (int64_t block = e[2] == 1 ? 0 : m.block; block < end; block++) {
                const int64_t seen = an_attention_seen(cut, b, block * AN_ATT_QUERIES,
                                                       an_attention_rows_in(cut, block));
                const int64_t left = seen - key < count ? seen - key : count;
                if (left <= 0) continue;
                const an_attention_spot s = {b, h, block, key, left};
                open_block(cut, o, b * cut->heads + h, block, 1);
                make_slopes(cut, o, s);
                add_slopes(cut, l, o, s);
            }
}

static void put_sums(const an_attention_cut *cut, const layout *l, const slot *o, mask_part m,
                     int64_t key, int64_t count)
{
    const int64_t *e = l->mask_extent, first = m.block * AN_ATT_QUERIES;
    const int64_t rows = e[2] - first < AN_ATT_QUERIES ? e[2] - first : AN_ATT_QUERIES;
    float *to = (float *)cut->w->out[GRAD_DMASK].data +
                ((m.b * e[1] + m.h) * e[2] + first) * e[3] + key;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < count; j++)
            to[i * e[3] + j] = (float)o->sums[j * AN_PANEL + i];
}

static void run_mask(const an_attention_cut *cut, const layout *l, const slot *o, int64_t number)
{
    const int64_t blocks = an_ceil_div(l->mask_extent[2], AN_ATT_QUERIES);
    const int64_t matrix = number / blocks;
    const mask_part m = {matrix / l->mask_extent[1], matrix % l->mask_extent[1], number % blocks};
    const size_t bytes = AN_ATT_KEYS * AN_PANEL * sizeof *o->sums;
    const bool whole = l->mask_extent[3] == 1;
    memset(o->sums, 0, bytes);
    for (int64_t key = 0; key < cut->keys; key += cut->tile) {
        const int64_t count = cut->keys - key < cut->tile ? cut->keys - key : cut->tile;
        add_all(cut, l, o, m, key, count);
        if (whole) continue;
        put_sums(cut, l, o, m, key, count);
        memset(o->sums, 0, bytes);
    }
    if (whole) put_sums(cut, l, o, m, 0, 1);
}

/* ---- stages ------------------------------------------------------------ */

static int64_t copy_units(const an_work *w)
{
    const an_attention_cut cut = an_attention_measure(w, GRAD_Q);
    return an_attention_copy_units(&cut);
}

static void copy_run(const an_work *w, int64_t begin, int64_t end)
{
    const an_attention_cut cut = an_attention_measure(w, GRAD_Q);
    an_attention_copy(&cut, begin, end);
}

static int64_t item_units(const an_work *w)
{
    const an_attention_cut cut = an_attention_measure(w, GRAD_Q);
    return lay_out(&cut).units;
}

static void item_run(const an_work *w, int64_t begin, int64_t end)
{
    const an_attention_cut cut = an_attention_open(w, GRAD_Q);
    const layout l = lay_out(&cut);
    for (int64_t unit = begin; unit < end; unit++) {
        const slot o = slot_of(w, &l, unit);
        for (int64_t i = unit * l.group; i < (unit + 1) * l.group && i < l.items; i++)
            run_item(&cut, &l, &o, i);
    }
}

static int64_t sum_units(const an_work *w)
{
    const an_attention_cut cut = an_attention_measure(w, GRAD_Q);
    const bool parts = lay_out(&cut).chunks > 1 && w->out[GRAD_DQ].data;
    return parts ? an_ceil_div(an_elements(&w->in[GRAD_Q]), SUM_FLOATS) : 0;
}

static void sum_run(const an_work *w, int64_t begin, int64_t end)
{
    const an_attention_cut cut = an_attention_measure(w, GRAD_Q);
    const layout l = lay_out(&cut);
    const int64_t all = an_elements(&w->in[GRAD_Q]);
    const float *part = (const float *)((const char *)w->scratch + l.parts);
    float *dq = w->out[GRAD_DQ].data;
    for (int64_t i = begin * SUM_FLOATS; i < end * SUM_FLOATS && i < all; i++) {
        float sum = part[i];
        for (int64_t c = 1; c < l.chunks; c++) sum += part[c * all + i];
        dq[i] = sum;
    }
}

static int64_t mask_units(const an_work *w)
{
    const an_attention_cut cut = an_attention_measure(w, GRAD_Q);
    return lay_out(&cut).mask_units;
}

static void mask_run(const an_work *w, int64_t begin, int64_t end)
{
    const an_attention_cut cut = an_attention_open(w, GRAD_Q);
    const layout l = lay_out(&cut);
    for (int64_t unit = begin; unit < end; unit++) {
        const slot o = slot_of(w, &l, unit);
        for (int64_t i = unit * l.mask_group; i < (unit + 1) * l.mask_group && i < l.mask_items;
             i++)
            run_mask(&cut, &l, &o, i);
    }
}

/* ---- the record -------------------------------------------------------- */

static double attention_grad_flops(const an_work *w)
{
    const an_attention_cut cut = an_attention_measure(w, GRAD_Q);
    return 2.0 * (double)(cut.batch * cut.heads) * (double)cut.queries * (double)cut.keys *
           (double)(3 * cut.depth + 2 * cut.width);
}

const an_op_rules an_rules_attention_grad = {
    .floats = 1u << GRAD_DY,
    .indices = 1u << GRAD_LENGTHS | 1u << GRAD_POSITION,
    .kin = ((1u << GRAD_INPUTS) - 1) & ~(1u << GRAD_LENGTHS | 1u << GRAD_POSITION | 1u),
    .ranks = "4444410433",
    .infer = attention_grad_infer,
    .constant_in = 1u << GRAD_LENGTHS | 1u << GRAD_POSITION,
    .meaning = an_attention_grad_meaning,
    .meaning_rounds = true,
    .stages = {{copy_units, copy_run}, {item_units, item_run}, {sum_units, sum_run},
               {mask_units, mask_run}},
    .ref = an_attention_grad_ref,
    .scratch = attention_grad_scratch,
    .count_flops = attention_grad_flops,
    .index = {.by = AN_BOUND_LENGTH, .operand = GRAD_LENGTHS, .axis = 2, .of = GRAD_K},
};
