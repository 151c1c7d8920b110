/* attention_cut.c -- sizes, copies and tiles for attention and attention_grad. */
#include "core/memory.h"
#include "ops/access.h"
#include "ops/attention/attention.h"

#include <math.h>
#include <string.h>

#define COPY_ROWS 256 /* of a unit of the copying stage */

static an_attention_rows_of rows_of(const an_work *w, int operand, int64_t *used)
{
    const an_tensor *t = &w->in[operand];
    an_attention_rows_of m = {.data = t->data, .rows = t->extent[2], .width = t->extent[3],
                              .padded = an_ceil_div(t->extent[3], 16) * 16, .copy = -1,
                              .operand = operand};
    if (m.padded == m.width) return m;
    m.copy = an_lay_out(used, an_span(t, 0, 3), m.padded, sizeof(float));
    m.data = w->scratch ? (const float *)((const char *)w->scratch + m.copy) : NULL;
    return m;
}

/* Held to where all or nothing is seen, so that sums with it stay small. */
static int64_t place_of(const an_work *w, int operand, int64_t queries, int64_t keys)
{
    if (!w->in[operand].data) return keys - queries;
    const int64_t place = an_get_int(&w->in[operand], 0);
    return place < -queries ? -queries : place > keys ? keys : place;
}

an_attention_cut an_attention_measure(const an_work *w, int first)
{
    const int64_t *q = w->in[first + ATT_Q].extent, *k = w->in[first + ATT_K].extent;
    an_attention_cut cut = {.w = w, .first = first, .batch = q[0], .heads = q[1], .groups = k[1],
                            .shared = k[1] > 0 ? q[1] / k[1] : 1, .queries = q[2], .keys = k[2],
                            .depth = q[3], .width = w->in[first + ATT_V].extent[3],
                            .scale = (double)w->attrs->scale};
    if (cut.scale == 0) cut.scale = cut.depth > 0 ? 1 / sqrt((double)cut.depth) : 1;
    cut.blocks = an_ceil_div(cut.queries, AN_ATT_QUERIES);
    cut.tile = cut.keys < AN_ATT_KEYS ? cut.keys : AN_ATT_KEYS;
    cut.q = rows_of(w, first + ATT_Q, &cut.copies);
    cut.k = rows_of(w, first + ATT_K, &cut.copies);
    cut.v = rows_of(w, first + ATT_V, &cut.copies);
    if (first > 0) cut.dy = rows_of(w, GRAD_DY, &cut.copies);
    return cut;
}

an_attention_cut an_attention_open(const an_work *w, int first)
{
    an_attention_cut cut = an_attention_measure(w, first);
    cut.place = place_of(w, first + ATT_POSITION, cut.queries, cut.keys);
    return cut;
}

int64_t an_attention_length(const an_attention_cut *cut, int64_t b)
{
    const int operand = cut->first + ATT_LENGTHS;
    if (!cut->w->in[operand].data) return cut->keys;
    const int64_t length = an_index_at(cut->w, operand, b, cut->keys + 1);
    return length < 0 ? 0 : length;
}

int64_t an_attention_seen(const an_attention_cut *cut, int64_t b, int64_t query, int64_t count)
{
    const int64_t length = an_attention_length(cut, b), end = cut->place + query + count;
    if (!cut->w->attrs->causal || end >= length) return length;
    return end < 0 ? 0 : end;
}

void an_attention_product(const an_panel *p, const an_kernels *k, int64_t columns)
{
    for (int64_t c = 0; c < columns; c += AN_PANEL) {
        an_panel part = *p;
        part.out += c;
        part.b += c;
        part.vectors = columns - c < AN_PANEL ? (int)((columns - c) / 16) : AN_PANEL / 16;
        k->panel_product(&part);
    }
}

/* ---- copies ------------------------------------------------------------ */

static int64_t copy_units(const an_attention_cut *cut, const an_attention_rows_of *m)
{
    const bool copied = m->padded != m->width;
    return copied ? an_ceil_div(an_span(&cut->w->in[m->operand], 0, 3), COPY_ROWS) : 0;
}

int64_t an_attention_copy_units(const an_attention_cut *cut)
{
    return copy_units(cut, &cut->q) + copy_units(cut, &cut->k) + copy_units(cut, &cut->v) +
           copy_units(cut, &cut->dy);
}

static void copy_rows(const an_attention_cut *cut, const an_attention_rows_of *m, int64_t unit)
{
    const an_tensor *t = &cut->w->in[m->operand];
    const int64_t rows = an_span(t, 0, 3), first = unit * COPY_ROWS;
    const int64_t end = rows - first < COPY_ROWS ? rows : first + COPY_ROWS;
    float *to = (float *)((char *)cut->w->scratch + m->copy) + first * m->padded;
    const float *from = (const float *)t->data + first * m->width;
    for (int64_t r = first; r < end; r++, to += m->padded, from += m->width) {
        memset(to, 0, (size_t)m->padded * sizeof *to);
        memcpy(to, from, (size_t)m->width * sizeof *to);
    }
}

void an_attention_copy(const an_attention_cut *cut, int64_t begin, int64_t end)
{
    const an_attention_rows_of *all[] = {&cut->q, &cut->k, &cut->v, &cut->dy};
    for (int64_t unit = begin; unit < end; unit++) {
        int64_t left = unit;
        int i = 0;
        while (left >= copy_units(cut, all[i])) left -= copy_units(cut, all[i++]);
        copy_rows(cut, all[i], left);
    }
}

/* ---- tiles ------------------------------------------------------------- */

int64_t an_attention_rows_in(const an_attention_cut *cut, int64_t block)
{
    const int64_t left = cut->queries - block * AN_ATT_QUERIES;
    return left < AN_ATT_QUERIES ? left : AN_ATT_QUERIES;
}

/* The mask from the tile's first query and key on; an extent of 1 stands still. */
static const float *mask_at(const an_attention_cut *cut, an_attention_spot s, int64_t *row,
                            int64_t *step)
{
    const an_tensor *mask = &cut->w->in[cut->first + ATT_MASK];
    const int64_t *extent = mask->extent;
    const int64_t item = (extent[0] == 1 ? 0 : s.b) * extent[1] + (extent[1] == 1 ? 0 : s.h);
    *row = extent[2] == 1 ? 0 : extent[3];
    *step = extent[3] == 1 ? 0 : 1;
    return (const float *)mask->data + item * extent[2] * extent[3] +
           s.block * AN_ATT_QUERIES * *row + s.key * *step;
}

const float *an_attention_mask_row(const an_attention_cut *cut, an_attention_spot s, int64_t *step)
{
    int64_t row;
    *step = 0;
    return cut->w->in[cut->first + ATT_MASK].data ? mask_at(cut, s, &row, step) : NULL;
}

/* The part of the mask that lies over the tile. */
static void turn_mask(const an_attention_cut *cut, an_attention_spot s, float *to)
{
    int64_t row, step;
    const float *from = mask_at(cut, s, &row, &step);
    cut->w->kernels->attention_turn(from, row, step, an_attention_rows_in(cut, s.block), s.count,
                                    (float)AN_ATT_LOG2E, to);
}

an_attention_tile an_attention_tile_at(const an_attention_cut *cut, an_attention_spot s,
                                       float *score, float *mask)
{
    const bool masked = cut->w->in[cut->first + ATT_MASK].data;
    if (masked) turn_mask(cut, s, mask);
    return (an_attention_tile){
        .score = score, .mask = masked ? mask : NULL, .keys = s.count,
        .last = cut->w->attrs->causal ? cut->place + s.block * AN_ATT_QUERIES - s.key : s.count,
        .vectors = (int)an_ceil_div(an_attention_rows_in(cut, s.block), 16)};
}
