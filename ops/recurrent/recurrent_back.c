/* recurrent_back.c -- a whole sequence backward, of any recurrent op.
 *
 * From the last step to the first, with dh coming from the step after; the op's own
 * part turns it into dz, the gradient of the step's sums, and the rest is common:
 *   dh_(t-1) = dz recurrent'  dx_t = dz kernel'
 *   dkernel = sum x_t' dz     drecurrent = sum h_(t-1)' dz     dbias = sum dz
 *
 * Three stages. The first packs both weights transposed and sorts the rows by
 * length. In the second each tile of rows walks back through its steps: per step
 * the gates and one product for dh; per chunk of steps, with its dz still in the
 * cache, dx and the products u' dz (recurrent_stack.c) that add to the tile's own
 * weight gradients. The third sums those over the tiles, in their
 * order. So a sum over steps is cut by the shape, and for a ragged batch by its
 * lengths, but never by threads.                                             */
#include "core/memory.h"
#include "ops/recurrent/recurrent.h"

#include <string.h>

#define FLAT_ROWS 32 /* of dz that are multiplied at once */
#define SUM_ROWS 16  /* stacked rows that one unit of the last stage sums */

/* ---- scratch ----------------------------------------------------------- */

/* Offsets into scratch; those of a tile's own block count from its start. */
typedef struct layout {
    int64_t rows, bins, kernel, recurrent, tiles;
    int64_t z, flat, input, dx, h, second, first, at, dw;
    int64_t tile_bytes, bytes;
} layout;

/* Floats from one row of `flat` to the next: no multiple of a page. */
static int64_t flat_width(const an_recurrent_cut *cut)
{
    return cut->panels * AN_PANEL + 16;
}

static layout lay_out(const an_recurrent_cut *cut)
{
    layout l = {0};
    const int64_t depth = cut->panels * AN_PANEL;
    const int64_t dx_width = an_ceil_div(cut->features, AN_PANEL) * AN_PANEL;
    l.z = an_lay_out(&l.tile_bytes, cut->apart, depth, sizeof(float));
    l.flat = an_lay_out(&l.tile_bytes, FLAT_ROWS, flat_width(cut), sizeof(float));
    l.input = an_lay_out(&l.tile_bytes, cut->apart, an_recurrent_stacked_width(cut), sizeof(float));
    l.dx = an_lay_out(&l.tile_bytes, cut->chunk, dx_width, sizeof(float));
    l.h = an_lay_out(&l.tile_bytes, cut->rows, cut->padded, sizeof(float));
    l.second = an_lay_out(&l.tile_bytes, cut->rows, cut->padded, sizeof(float));
    l.first = an_lay_out(&l.tile_bytes, cut->rows, cut->padded, sizeof(float));
    l.at = an_lay_out(&l.tile_bytes, cut->chunk, 1, sizeof(int64_t));
    l.dw = an_lay_out(&l.tile_bytes, depth, cut->sums, sizeof(float));

    l.rows = an_lay_out(&l.bytes, cut->batch, 1, sizeof(an_recurrent_row));
    l.bins = an_lay_out(&l.bytes, cut->time + 1, 1, sizeof(int64_t));
    l.kernel = an_lay_out(&l.bytes, depth, dx_width, sizeof(float));
    l.recurrent = an_lay_out(&l.bytes, depth, an_ceil_div(cut->units, AN_PANEL) * AN_PANEL,
                             sizeof(float));
    l.tiles = an_lay_out(&l.bytes, cut->tiles, l.tile_bytes, 1);
    return l;
}

int64_t an_recurrent_back_scratch(const an_work *w)
{
    const an_recurrent_cut cut = an_recurrent_measure_grad(w);
    return an_recurrent_larger(lay_out(&cut).bytes, an_recurrent_of(w)->grad_ref_scratch(w));
}

/* ---- stage 1: pack transposed and sort --------------------------------- */

/* Rows of dz, and so of transposed weights, and how these lie. */
static an_packing packing_of(const an_work *w, const an_recurrent_cut *cut)
{
    return w->kernels->panel_packing(cut->panels * AN_PANEL);
}

/* The part of `from` [columns, gates], transposed, that meets one panel of dz: of each panel of
 * columns those rows that the panel's vectors have in `flat`. */
static void pack_transposed(const an_recurrent_cut *cut, const signed char gate[4], int64_t panel,
                            const float *from, int64_t columns, an_packing lies, float *to)
{
    const int64_t depth = cut->panels * AN_PANEL, vector = cut->panels * 16 * lies.row;
    for (int64_t q = 0; q < an_ceil_div(columns, AN_PANEL); q++) {
        float *block = to + q * depth * AN_PANEL + panel * 16 * lies.row;
        for (int64_t i = 0; i < AN_PANEL; i++)
            for (int u = 0; u < 4; u++)
                memset(block + i / 16 * vector + i % 16 * lies.row + u * lies.vector, 0,
                       16 * sizeof *block);
        for (int64_t j = 0; j < AN_PANEL && q * AN_PANEL + j < columns; j++) {
            const float *row = from + (q * AN_PANEL + j) * cut->gates;
            for (int v = 0; v < 4; v++) {
                int64_t unit;
                const int64_t lanes = an_recurrent_lanes(cut, panel, v, &unit);
                if (gate[v] < 0 || lanes == 0) continue;
                const float *piece = row + gate[v] * cut->units + unit;
                float *column = block + v * vector + j / 16 * lies.vector + j % 16;
                an_recurrent_fetch(piece, AN_PACK_AHEAD * cut->gates);
                for (int64_t i = 0; i < lanes; i++) column[i * lies.row] = piece[i];
            }
        }
    }
}

int64_t an_recurrent_back_prepare_units(const an_work *w)
{
    return an_recurrent_measure_grad(w).panels + 1;
}

void an_recurrent_back_prepare(const an_work *w, int64_t begin, int64_t end)
{
    const an_recurrent_op *op = an_recurrent_of(w);
    const an_recurrent_ports *p = op->ports;
    const an_recurrent_cut cut = an_recurrent_measure_grad(w);
    const layout l = lay_out(&cut);
    const an_packing lies = packing_of(w, &cut);
    char *scratch = w->scratch;
    for (int64_t unit = begin; unit < end; unit++) {
        if (unit == cut.panels) {
            an_recurrent_order(w, p->grad.lengths, &cut, (an_recurrent_row *)(scratch + l.rows),
                               (int64_t *)(scratch + l.bins));
            continue;
        }
        pack_transposed(&cut, op->layout.recurrent, unit, an_port_in(w, p->grad.recurrent),
                        cut.units, lies, (float *)(scratch + l.recurrent));
        if (an_port_out(w, p->grad.dx))
            pack_transposed(&cut, op->layout.kernel, unit, an_port_in(w, p->grad.kernel),
                            cut.features, lies, (float *)(scratch + l.kernel));
    }
}

/* ---- stage 2: back through the steps of a tile -------------------------- */

static bool wants_weights(const an_work *w)
{
    const an_recurrent_ports *p = an_recurrent_of(w)->ports;
    return an_port_out(w, p->grad.dkernel) || an_port_out(w, p->grad.drecurrent) ||
           an_port_out(w, p->grad.dbias) || an_port_out(w, p->grad.drecurrent_bias);
}

static an_recurrent_tile open_tile(const an_work *w, const an_recurrent_cut *cut, int64_t number)
{
    const layout l = lay_out(cut);
    char *scratch = w->scratch, *own = scratch + l.tiles + number * l.tile_bytes;
    const int64_t first = number * cut->rows, left = cut->batch - first;
    return (an_recurrent_tile){
        .w = w, .op = an_recurrent_of(w), .cut = *cut, .lies = packing_of(w, cut),
        .rows = (const an_recurrent_row *)(scratch + l.rows) + first,
        .count = left < cut->rows ? left : cut->rows,
        .kernel = (const float *)(scratch + l.kernel),
        .recurrent = (const float *)(scratch + l.recurrent),
        .z = (float *)(own + l.z), .flat = (float *)(own + l.flat),
        .input = (float *)(own + l.input), .dx = (float *)(own + l.dx), .h = (float *)(own + l.h),
        .second = (float *)(own + l.second), .first = (float *)(own + l.first),
        .dw = (float *)(own + l.dw), .at = (int64_t *)(own + l.at),
        .want_dw = wants_weights(w)};
}

/* Puts these vectors of rows n and on of dz into `flat`: a row is then read from end to end, not
 * from panels whose rows meet in the same sets of the nearest cache. */
static void flatten(const an_recurrent_tile *k, int64_t n, int64_t rows, an_vectors v)
{
    const int64_t panels = k->cut.panels, width = flat_width(&k->cut);
    for (int64_t p = 0; p < panels; p++) {
        const int end = v.from + an_recurrent_used(&k->cut, p, v);
        for (int i = v.from; i < v.from + v.count; i++)
            for (int64_t r = 0; r < rows; r++) {
                float *to = k->flat + r * width + (i * panels + p) * 16;
                if (i < end) memcpy(to, an_recurrent_z(k, p, n + r) + i * 16, 16 * sizeof *to);
                else memset(to, 0, 16 * sizeof *to); /* no units */
            }
    }
}

/* out[rows][columns] (+)= dz[rows], of these vectors, from row n of the chunk on, * packed
 * weights. */
static void multiply_dz(const an_recurrent_tile *k, int64_t n, an_vectors v, const float *weights,
                        const an_panel *shape)
{
    const int64_t first = v.from * k->cut.panels * 16, depth = k->cut.panels * AN_PANEL;
    for (int64_t r = 0, rows; r < shape->rows; r += rows) {
        rows = shape->rows - r < FLAT_ROWS ? shape->rows - r : FLAT_ROWS;
        flatten(k, n + r, rows, v);
        for (int64_t q = 0; q * AN_PANEL < shape->out_row; q++) {
            const int64_t left = (shape->out_row - q * AN_PANEL) / 16;
            k->w->kernels->panel_product(&(an_panel){
                .out = shape->out + r * shape->out_row + q * AN_PANEL, .out_row = shape->out_row,
                .a = k->flat + first, .a_row = flat_width(&k->cut), .a_step = 1,
                .b = weights + q * depth * AN_PANEL + first * k->lies.row, .b_row = k->lies.row,
                .b_vector = k->lies.vector, .rows = rows, .depth = v.count * k->cut.panels * 16,
                .vectors = left < 4 ? (int)left : 4, .add = shape->add});
        }
    }
}

void an_recurrent_spread(const an_recurrent_tile *k, int64_t running, int64_t n, an_vectors v,
                         float *state, bool add)
{
    multiply_dz(k, n, v, k->recurrent, &(an_panel){.out = state, .out_row = k->cut.padded,
                                                   .rows = running, .add = add});
}

/* Writes dx of the chunk's n rows. */
static void spread_inputs(const an_recurrent_tile *k, int64_t n)
{
    const int64_t features = k->cut.features;
    float *dx = an_port_out(k->w, k->op->ports->grad.dx);
    if (!dx || features == 0) return;
    const int64_t width = (features + 15) / 16 * 16;
    multiply_dz(k, 0, k->op->layout.x, k->kernel,
                &(an_panel){.out = k->dx, .out_row = width, .rows = n});
    for (int64_t i = 0; i < n; i++)
        memcpy(dx + k->at[i] * features, k->dx + i * width, (size_t)features * sizeof *dx);
}

/* dh and dc are now those of the initial states. */
static void finish_rows(const an_recurrent_tile *k)
{
    const int64_t units = k->cut.units;
    float *dh0 = an_port_out(k->w, k->op->ports->grad.dh0);
    float *dc0 = an_port_out(k->w, k->op->ports->grad.dc0);
    for (int64_t r = 0; units > 0 && r < k->count; r++) {
        const int64_t to = k->rows[r].batch * units, from = r * k->cut.padded;
        if (dh0) memcpy(dh0 + to, k->h + from, (size_t)units * sizeof *dh0);
        if (dc0) memcpy(dc0 + to, k->second + from, (size_t)units * sizeof *dc0);
    }
}

static void start_rows(const an_recurrent_tile *k)
{
    const an_recurrent_cut *cut = &k->cut;
    const an_recurrent_ports *p = k->op->ports;
    const float *first = an_port_in(k->w, k->op->cells ? p->grad.c0 : p->grad.h0);
    an_recurrent_load_state(cut, k->rows, k->count, an_port_in(k->w, p->grad.dh), k->h);
    an_recurrent_load_state(cut, k->rows, k->count, an_port_in(k->w, p->grad.dc), k->second);
    an_recurrent_load_state(cut, k->rows, k->count, first, k->first);
    for (int64_t r = 0; r < k->count; r++)
        an_recurrent_skip(cut, k->rows[r], an_port_out(k->w, p->grad.dx), cut->features);
    if (k->want_dw)
        memset(k->dw, 0, (size_t)(cut->panels * cut->sums * AN_PANEL) * sizeof *k->dw);
}

static void run_tile(const an_recurrent_tile *k)
{
    const an_recurrent_cut *cut = &k->cut;
    start_rows(k);
    for (int64_t end = k->count > 0 ? k->rows[0].length : 0; end > 0; end -= cut->steps) {
        const int64_t begin = end > cut->steps ? end - cut->steps : 0;
        int64_t n = 0;
        for (int64_t s = end - 1; s >= begin; s--) {
            const int64_t running = an_recurrent_running(k->rows, k->count, s);
            for (int64_t r = 0; r < running; r++)
                k->at[n + r] = an_recurrent_position(cut, k->rows[r], s);
            k->op->back(k, s, running, n);
            if (k->want_dw) an_recurrent_stack_step(k, s, running, n);
            n += running;
        }
        spread_inputs(k, n);
        if (k->want_dw) an_recurrent_add_weights(k, n);
    }
    finish_rows(k);
}

int64_t an_recurrent_back_units(const an_work *w)
{
    return an_recurrent_measure_grad(w).tiles;
}

void an_recurrent_back(const an_work *w, int64_t begin, int64_t end)
{
    const an_recurrent_cut cut = an_recurrent_measure_grad(w);
    for (int64_t unit = begin; unit < end; unit++) {
        const an_recurrent_tile k = open_tile(w, &cut, unit);
        run_tile(&k);
    }
}

/* ---- stage 3: sum over the tiles ---------------------------------------- */

int64_t an_recurrent_sum_units(const an_work *w)
{
    const an_recurrent_cut cut = an_recurrent_measure_grad(w);
    return wants_weights(w) ? (cut.sums + SUM_ROWS - 1) / SUM_ROWS : 0;
}

/* Writes those columns of a row of a weight's gradient that vectors from..to of the panel hold;
 * NULL: nobody reads it. */
static void put_row(const an_recurrent_cut *cut, int64_t panel, const signed char gate[4],
                    an_vectors vectors, const float *sum, float *to)
{
    for (int v = vectors.from; to && v < vectors.from + vectors.count; v++) {
        int64_t unit;
        const int64_t lanes = an_recurrent_lanes(cut, panel, v, &unit);
        if (gate[v] >= 0 && lanes > 0)
            memcpy(to + gate[v] * cut->units + unit, sum + v * 16, (size_t)lanes * sizeof *to);
    }
}

/* A row of u' dz is one of the gradient of kernel, of both biases, or of recurrent. */
static void put_sum(const an_work *w, const an_recurrent_cut *cut, int64_t panel, int64_t row,
                    const float *sum)
{
    const an_recurrent_op *op = an_recurrent_of(w);
    const an_recurrent_ports *p = op->ports;
    const an_recurrent_layout *form = &op->layout;
    const an_vectors all = {0, form->h.from + form->h.count}, late = {0, 1};
    const int64_t state = row - cut->features - 1;
    if (row < cut->features) {
        put_row(cut, panel, form->kernel, form->x, sum,
                an_port_out_from(w, p->grad.dkernel, row * cut->gates));
    } else if (state < 0) {
        put_row(cut, panel, form->kernel, all, sum, an_port_out(w, p->grad.dbias));
        put_row(cut, panel, form->recurrent, all, sum, an_port_out(w, p->grad.drecurrent_bias));
    } else {
        const bool kept = state >= cut->units;
        put_row(cut, panel, form->recurrent, kept ? late : form->h, sum,
                an_port_out_from(w, p->grad.drecurrent,
                                 (kept ? state - cut->units : state) * cut->gates));
    }
}

static void sum_row(const an_work *w, const an_recurrent_cut *cut, const layout *l, int64_t panel,
                    int64_t row)
{
    const char *first = (const char *)w->scratch + l->tiles + l->dw;
    float sum[AN_PANEL] = {0};
    for (int64_t k = 0; k < cut->tiles; k++) {
        const float *part = (const float *)(first + k * l->tile_bytes) +
                            (panel * cut->sums + row) * AN_PANEL;
        for (int j = 0; j < AN_PANEL; j++) sum[j] += part[j];
    }
    put_sum(w, cut, panel, row, sum);
}

void an_recurrent_sum(const an_work *w, int64_t begin, int64_t end)
{
    const an_recurrent_cut cut = an_recurrent_measure_grad(w);
    const layout l = lay_out(&cut);
    for (int64_t unit = begin; unit < end; unit++)
        for (int64_t panel = 0; panel < cut.panels; panel++)
            for (int64_t i = 0, row = unit * SUM_ROWS; i < SUM_ROWS && row < cut.sums; i++, row++)
                sum_row(w, &cut, &l, panel, row);
}

double an_recurrent_back_flops(const an_work *w)
{
    const an_recurrent_cut cut = an_recurrent_measure_grad(w);
    return 4.0 * (double)cut.batch * (double)cut.time * (double)cut.stacked * (double)cut.gates;
}
