/* recurrent_stack.c -- the stacked rows u of a chunk, and the gradients of the weights from them.
 *
 *   u = [x_t, 1, h_(t-1)], of a late layout [x_t, 1, h_(t-1), kept_t]      dW = sum u' dz
 *
 * The product reads u down its columns, a few at a time, so the rows lie in blocks of 16
 * columns, [block][row][16]: plain rows would be far apart, and for some widths meet in a few
 * sets of the nearest cache. x and the 1 begin a block, and so do h and what is kept. A
 * chunk's sum is one chain over its rows, which is then added to those before.           */
#include "core/memory.h"
#include "ops/recurrent/recurrent.h"

#include <string.h>

#define BLOCK 16 /* columns of u */

static int64_t state_block(const an_recurrent_cut *cut)
{
    return an_ceil_div(cut->features + 1, BLOCK);
}

static int64_t kept_block(const an_recurrent_cut *cut)
{
    return state_block(cut) + an_ceil_div(cut->units, BLOCK);
}

int64_t an_recurrent_stacked_width(const an_recurrent_cut *cut)
{
    const bool late = cut->sums > cut->stacked;
    return (kept_block(cut) + (late ? kept_block(cut) - state_block(cut) : 0)) * BLOCK;
}

/* Row n of a block. */
static float *stacked(const an_recurrent_tile *k, int64_t block, int64_t n)
{
    return k->input + (block * k->cut.apart + n) * BLOCK;
}

/* Puts columns of row n into this block and the next ones; NULL: zeros. */
static void stack(const an_recurrent_tile *k, int64_t block, int64_t n, const float *from,
                  int64_t columns)
{
    for (; columns > 0; block++, columns -= BLOCK) {
        float *to = stacked(k, block, n);
        if (!from) memset(to, 0, BLOCK * sizeof *to);
        else if (columns >= BLOCK) memcpy(to, from, BLOCK * sizeof *to);
        else memcpy(to, from, (size_t)columns * sizeof *to);
        if (from) from += BLOCK;
    }
}

/* Asks for a row that is read a step or a chunk later: the rows of a batch lie far
 * apart, more streams than the hardware follows by itself. */
static void fetch(const float *row, int64_t count)
{
    for (int64_t i = 0; i < count; i += 16) __builtin_prefetch(row + i);
}

void an_recurrent_stack_step(const an_recurrent_tile *k, int64_t s, int64_t running, int64_t n)
{
    const an_recurrent_cut *cut = &k->cut;
    const an_recurrent_ports *p = k->op->ports;
    const int64_t features = cut->features, units = cut->units;
    const float *x = an_port_in(k->w, p->grad.x), *y = an_port_in(k->w, p->grad.y);
    const float *h0 = an_port_in(k->w, p->grad.h0), *kept = an_port_in(k->w, p->grad.kept);
    const int64_t back = cut->reverse ? 1 : -1;
    for (int64_t r = 0; r < running; r++, n++) {
        const int64_t at = k->at[n];
        if (s > 0) fetch(x + (at + back) * features, features);
        if (s > 1) fetch(y + (at + 2 * back) * units, units);
        stack(k, 0, n, x + at * features, features);
        stacked(k, features / BLOCK, n)[features % BLOCK] = 1.0f;
        if (s > 0) stack(k, state_block(cut), n, y + (at + back) * units, units);
        else stack(k, state_block(cut), n, h0 ? h0 + k->rows[r].batch * units : NULL, units);
        if (k->op->layout.late) stack(k, kept_block(cut), n, kept + at * units, units);
    }
}

/* Adds the chunk's u' dz, of these vectors of dz, to rows of the tile's weight gradients; u' begins
 * in the block at `u`. */
static void add_rows(const an_recurrent_tile *k, int64_t n, const float *u, int64_t row,
                     int64_t rows, an_vectors v)
{
    const an_recurrent_cut *cut = &k->cut;
    for (int64_t panel = 0; panel < cut->panels; panel++)
        for (int64_t i = 0; i < rows; i += BLOCK)
            k->w->kernels->panel_product(&(an_panel){
                .out = k->dw + (panel * cut->sums + row + i) * AN_PANEL + v.from * 16,
                .out_row = AN_PANEL, .a = u + i * cut->apart, .a_row = 1, .a_step = BLOCK,
                .b = an_recurrent_z(k, panel, 0) + v.from * 16,
                .rows = rows - i < BLOCK ? rows - i : BLOCK, .depth = n,
                .vectors = an_recurrent_used(cut, panel, v), .add = true});
}

void an_recurrent_add_weights(const an_recurrent_tile *k, int64_t n)
{
    const an_recurrent_cut *cut = &k->cut;
    const an_recurrent_layout *form = &k->op->layout;
    const an_vectors all = {0, form->h.from + form->h.count}, late = {0, 1};
    const float *one = stacked(k, cut->features / BLOCK, 0) + cut->features % BLOCK;
    const bool whole = form->x.count == all.count; /* x meets all that the 1 does */
    add_rows(k, n, k->input, 0, cut->features + whole, form->x);
    if (!whole) add_rows(k, n, one, cut->features, 1, all);
    add_rows(k, n, stacked(k, state_block(cut), 0), cut->features + 1, cut->units, form->h);
    if (form->late)
        add_rows(k, n, stacked(k, kept_block(cut), 0), cut->stacked, cut->units, late);
}
