/* recurrent_grad.c -- lstm's gradient, through time.
 *
 * From the last step to the first, with dh and dc coming from the step after:
 *   dh_t += dy_t              dc_t += dh_t o (1 - tanh(c_t)^2)
 *   dz_i = dc g i (1 - i)     dz_f = dc c_(t-1) f (1 - f)
 *   dz_c = dc i (1 - g^2)     dz_o = dh tanh(c_t) o (1 - o)
 *   dh_(t-1) = dz recurrent'  dc_(t-1) = dc f
 *   dx_t = dz kernel'         dkernel = sum x_t' dz   drecurrent = sum h_(t-1)' dz
 *   dbias = sum dz
 *
 * Three stages. The first packs both weights transposed and sorts the rows by
 * length. In the second each tile of rows walks back through its steps: per step
 * the gates and one product for dh; per chunk of steps, with its dz still in the
 * cache, dx and one product u' dz (u = [x, 1, h], see recurrent.h) that adds to
 * the tile's own weight gradients. The third sums those over the tiles, in their
 * order. So a sum over steps is cut by the shape, and for a ragged batch by its
 * lengths, but never by threads.                                             */
#include "core/memory.h"
#include "ops/recurrent.h"

#include <string.h>

#define SUM_ROWS 16 /* stacked rows that one unit of the last stage sums */

/* Operand `i`, if present, must have exactly this shape. */
static an_status want_shape(const an_infer *q, int i, an_shape shape)
{
    if (!q->present[i]) return AN_OK;
    const an_shape *is = &q->in[i].shape;
    bool same = is->rank == shape.rank;
    for (int d = 0; same && d < is->rank; d++) same = is->dim[d] == shape.dim[d];
    if (same) return AN_OK;
    char name[32];
    an_op_input_name(q->op, i, name, sizeof name);
    return an_refuse(q, AN_E_SHAPE, "the shape of %s is not what lstm gives or takes", name);
}

/* Everything but x and recurrent, which say what B, T, D and H are. */
static an_status want_shapes(const an_infer *q)
{
    const an_dim *x = q->in[GRAD_X].shape.dim, *weights = q->in[GRAD_RECURRENT].shape.dim;
    const an_shape steps = AN_SHAPE(x[0], x[1], weights[0]), state = AN_SHAPE(x[0], weights[0]);
    const struct { int operand; an_shape shape; } want[] = {
        {GRAD_DY, steps}, {GRAD_Y, steps}, {GRAD_CELLS, steps},
        {GRAD_DH, state}, {GRAD_DC, state}, {GRAD_H0, state}, {GRAD_C0, state},
        {GRAD_GATES, AN_SHAPE(x[0], x[1], weights[1])},
        {GRAD_KERNEL, AN_SHAPE(x[2], weights[1])},
        {GRAD_LENGTHS, AN_SHAPE(x[0])}};
    an_status status = AN_OK;
    for (size_t i = 0; !status && i < sizeof want / sizeof *want; i++)
        status = want_shape(q, want[i].operand, want[i].shape);
    return status;
}

static an_status lstm_grad_infer(const an_infer *q, an_type out[])
{
    an_status status = an_want_float(q, GRAD_X);
    for (int i = 0; !status && i < q->inputs; i++)
        if (q->present[i])
            status = i == GRAD_LENGTHS ? an_want_index(q, i) : an_want_same_dtype(q, GRAD_X, i);
    if (!status) status = an_want_rank(q, GRAD_X, 3, 3);
    if (!status) status = an_want_rank(q, GRAD_RECURRENT, 2, 2);
    if (status) return status;
    const an_type *x = &q->in[GRAD_X], *recurrent = &q->in[GRAD_RECURRENT];
    const an_dim units = recurrent->shape.dim[0], gates = recurrent->shape.dim[1];
    if (gates != an_dims_mul(q->dims, 4, units))
        return an_refuse(q, AN_E_SHAPE, "recurrent must be [units, 4 * units]");
    status = want_shapes(q);
    if (status) return status;
    out[GRAD_DX] = *x;
    out[GRAD_DKERNEL] = q->in[GRAD_KERNEL];
    out[GRAD_DRECURRENT] = *recurrent;
    out[GRAD_DBIAS] = (an_type){x->dtype, AN_SHAPE(gates)};
    out[GRAD_DH0] = out[GRAD_DC0] = (an_type){x->dtype, AN_SHAPE(x->shape.dim[0], units)};
    return AN_OK;
}

/* ---- scratch ----------------------------------------------------------- */

/* Offsets into scratch; those of a tile's own block count from its start. */
typedef struct layout {
    int64_t rows, bins, kernel, recurrent, tiles;
    int64_t dz, stacked, dx, dh, dc, c_first, at, dw;
    int64_t tile_bytes, bytes;
} layout;

static layout lay_out(const an_lstm_cut *cut)
{
    layout l = {0};
    const int64_t depth = cut->panels * AN_PANEL; /* 4H, padded */
    const int64_t dx_width = an_ceil_div(cut->features, AN_PANEL) * AN_PANEL;
    l.dz = an_lstm_place(&l.tile_bytes, cut->chunk, depth, sizeof(float));
    l.stacked = an_lstm_place(&l.tile_bytes, cut->chunk, cut->stacked, sizeof(float));
    l.dx = an_lstm_place(&l.tile_bytes, cut->chunk, dx_width, sizeof(float));
    l.dh = an_lstm_place(&l.tile_bytes, cut->rows, cut->padded, sizeof(float));
    l.dc = an_lstm_place(&l.tile_bytes, cut->rows, cut->padded, sizeof(float));
    l.c_first = an_lstm_place(&l.tile_bytes, cut->rows, cut->padded, sizeof(float));
    l.at = an_lstm_place(&l.tile_bytes, cut->chunk, 1, sizeof(int64_t));
    l.dw = an_lstm_place(&l.tile_bytes, depth, cut->stacked, sizeof(float));

    l.rows = an_lstm_place(&l.bytes, cut->batch, 1, sizeof(an_lstm_row));
    l.bins = an_lstm_place(&l.bytes, cut->time + 1, 1, sizeof(int64_t));
    l.kernel = an_lstm_place(&l.bytes, depth, dx_width, sizeof(float));
    l.recurrent = an_lstm_place(&l.bytes, depth, an_ceil_div(cut->units, AN_PANEL) * AN_PANEL,
                                sizeof(float));
    l.tiles = an_lstm_place(&l.bytes, cut->tiles, l.tile_bytes, 1);
    return l;
}

static an_lstm_cut measure(const an_work *w)
{
    return an_lstm_measure(w, GRAD_X, GRAD_RECURRENT);
}

static int64_t lstm_grad_scratch(const an_work *w)
{
    const an_lstm_cut cut = measure(w);
    const int64_t stages = lay_out(&cut).bytes, ref = an_lstm_grad_ref_scratch(&cut);
    return stages < 0 || ref < 0 ? -1 : stages > ref ? stages : ref;
}

/* ---- stage 1: pack transposed and sort --------------------------------- */

/* The part of `from` [columns, 4H], transposed, that meets one panel of dz: for
 * each panel of columns 64 rows (gate, unit) of 64 columns. */
static void pack_transposed(const an_lstm_cut *cut, int64_t panel, const float *from,
                            int64_t columns, float *to)
{
    const int64_t unit = panel * 16, left = cut->units - unit, lanes = left < 16 ? left : 16;
    const int64_t depth = cut->panels * AN_PANEL;
    for (int64_t q = 0; q < an_ceil_div(columns, AN_PANEL); q++) {
        float *block = to + (q * depth + panel * AN_PANEL) * AN_PANEL;
        memset(block, 0, AN_PANEL * AN_PANEL * sizeof *block);
        for (int64_t j = 0; j < AN_PANEL && q * AN_PANEL + j < columns; j++) {
            const float *row = from + (q * AN_PANEL + j) * cut->gates + unit;
            for (int64_t g = 0; g < 4; g++)
                for (int64_t i = 0; i < lanes; i++)
                    block[(g * 16 + i) * AN_PANEL + j] = row[g * cut->units + i];
        }
    }
}

static int64_t prepare_units(const an_work *w)
{
    return measure(w).panels + 1;
}

static void prepare_run(const an_work *w, int64_t begin, int64_t end)
{
    const an_lstm_cut cut = measure(w);
    const layout l = lay_out(&cut);
    char *scratch = w->scratch;
    for (int64_t unit = begin; unit < end; unit++) {
        if (unit == cut.panels) {
            an_lstm_order(w, GRAD_LENGTHS, &cut, (an_lstm_row *)(scratch + l.rows),
                          (int64_t *)(scratch + l.bins));
            continue;
        }
        pack_transposed(&cut, unit, w->in[GRAD_RECURRENT].data, cut.units,
                        (float *)(scratch + l.recurrent));
        if (w->out[GRAD_DX].data)
            pack_transposed(&cut, unit, w->in[GRAD_KERNEL].data, cut.features,
                            (float *)(scratch + l.kernel));
    }
}

/* ---- stage 2: back through the steps of a tile -------------------------- */

typedef struct tile {
    const an_work *w;
    an_lstm_cut cut;
    const an_lstm_row *rows; /* of this tile */
    int64_t count;
    const float *kernel, *recurrent; /* packed, transposed */
    float *dz, *stacked, *dx, *dh, *dc, *c_first, *dw;
    int64_t *at;
    bool want_dw;
} tile;

static bool wants_weights(const an_work *w)
{
    return w->out[GRAD_DKERNEL].data || w->out[GRAD_DRECURRENT].data || w->out[GRAD_DBIAS].data;
}

static tile open_tile(const an_work *w, const an_lstm_cut *cut, int64_t number)
{
    const layout l = lay_out(cut);
    char *scratch = w->scratch, *own = scratch + l.tiles + number * l.tile_bytes;
    const int64_t first = number * cut->rows, left = cut->batch - first;
    return (tile){.w = w, .cut = *cut, .rows = (const an_lstm_row *)(scratch + l.rows) + first,
                  .count = left < cut->rows ? left : cut->rows,
                  .kernel = (const float *)(scratch + l.kernel),
                  .recurrent = (const float *)(scratch + l.recurrent),
                  .dz = (float *)(own + l.dz), .stacked = (float *)(own + l.stacked),
                  .dx = (float *)(own + l.dx), .dh = (float *)(own + l.dh),
                  .dc = (float *)(own + l.dc), .c_first = (float *)(own + l.c_first),
                  .dw = (float *)(own + l.dw), .at = (int64_t *)(own + l.at),
                  .want_dw = wants_weights(w)};
}

/* out[rows][columns] = dz[rows] (from row n of the chunk) * packed weights. */
static void multiply_dz(const tile *k, int64_t n, int64_t rows, const float *weights,
                        const an_panel *shape)
{
    const int64_t panels = k->cut.panels;
    for (int64_t q = 0; q * AN_PANEL < shape->out_row; q++) {
        const int64_t left = (shape->out_row - q * AN_PANEL) / 16;
        for (int64_t p = 0; p < panels; p++)
            k->w->kernels->panel_product(&(an_panel){
                .out = shape->out + q * AN_PANEL, .out_row = shape->out_row,
                .a = k->dz + (p * k->cut.chunk + n) * AN_PANEL, .a_row = AN_PANEL, .a_step = 1,
                .b = weights + (q * panels + p) * AN_PANEL * AN_PANEL,
                .rows = rows, .depth = AN_PANEL, .vectors = left < 4 ? (int)left : 4,
                .add = p > 0});
    }
}

static const float *from_unit(const an_tensor *t, int64_t unit)
{
    return t->data ? (const float *)t->data + unit : NULL;
}

/* Step s of the first `running` rows; its dz becomes rows n and on of the chunk. */
static void step(const tile *k, int64_t s, int64_t running, int64_t n)
{
    const an_lstm_cut *cut = &k->cut;
    const an_tensor *in = k->w->in;
    for (int64_t r = 0; r < running; r++) k->at[n + r] = an_lstm_position(cut, k->rows[r], s);
    for (int64_t panel = 0; panel < cut->panels; panel++) {
        const int64_t unit = panel * 16, left = cut->units - unit;
        k->w->kernels->lstm_cell_grad(&(an_lstm_cell_grad){
            .rows = running, .lanes = left < 16 ? left : 16, .units = cut->units, .at = k->at + n,
            .dy = from_unit(&in[GRAD_DY], unit),
            .gates = from_unit(&in[GRAD_GATES], unit), .cells = from_unit(&in[GRAD_CELLS], unit),
            .back = cut->reverse ? 1 : -1, .c_first = s == 0 ? k->c_first + unit : NULL,
            .dh = k->dh + unit, .dc = k->dc + unit, .padded = cut->padded,
            .dz = k->dz + (panel * cut->chunk + n) * AN_PANEL});
    }
    multiply_dz(k, n, running, k->recurrent, &(an_panel){.out = k->dh, .out_row = cut->padded});
}

/* Writes dx of the chunk's n rows. */
static void spread_inputs(const tile *k, int64_t n)
{
    const int64_t features = k->cut.features;
    float *dx = k->w->out[GRAD_DX].data;
    if (!dx || features == 0) return;
    const int64_t width = (features + 15) / 16 * 16;
    if (k->cut.panels == 0) memset(k->dx, 0, (size_t)(n * width) * sizeof *dx); /* no units */
    multiply_dz(k, 0, n, k->kernel, &(an_panel){.out = k->dx, .out_row = width});
    for (int64_t i = 0; i < n; i++)
        memcpy(dx + k->at[i] * features, k->dx + i * width, (size_t)features * sizeof *dx);
}

/* The rows u = [x_t, 1, h_(t-1)] of one step, beside its dz. */
static void stack_step(const tile *k, int64_t s, int64_t running, int64_t n)
{
    const an_lstm_cut *cut = &k->cut;
    const float *x = k->w->in[GRAD_X].data, *y = k->w->in[GRAD_Y].data;
    const float *h0 = k->w->in[GRAD_H0].data;
    const size_t units = (size_t)cut->units * sizeof(float);
    const int64_t back = cut->reverse ? 1 : -1;
    for (int64_t r = 0; r < running; r++) {
        float *row = k->stacked + (n + r) * cut->stacked;
        const int64_t at = k->at[n + r];
        if (s > 0) an_lstm_fetch(x + (at + back) * cut->features, cut->features);
        if (s > 1) an_lstm_fetch(y + (at + 2 * back) * cut->units, cut->units);
        if (cut->features > 0)
            memcpy(row, x + at * cut->features, (size_t)cut->features * sizeof *row);
        row[cut->features] = 1.0f;
        row += cut->features + 1;
        if (cut->units == 0) continue;
        if (s > 0) memcpy(row, y + (at + back) * cut->units, units);
        else if (h0) memcpy(row, h0 + k->rows[r].batch * cut->units, units);
        else memset(row, 0, units);
    }
}

/* Adds the chunk's u' dz to the tile's weight gradients. */
static void add_weights(const tile *k, int64_t n)
{
    const an_lstm_cut *cut = &k->cut;
    for (int64_t panel = 0; panel < cut->panels; panel++)
        k->w->kernels->panel_product(&(an_panel){
            .out = k->dw + panel * cut->stacked * AN_PANEL, .out_row = AN_PANEL,
            .a = k->stacked, .a_row = 1, .a_step = cut->stacked,
            .b = k->dz + panel * cut->chunk * AN_PANEL,
            .rows = cut->stacked, .depth = n, .vectors = 4, .add = true});
}

/* dh and dc are now those of the initial states. */
static void finish_rows(const tile *k)
{
    const int64_t units = k->cut.units;
    float *dh0 = k->w->out[GRAD_DH0].data, *dc0 = k->w->out[GRAD_DC0].data;
    for (int64_t r = 0; units > 0 && r < k->count; r++) {
        const int64_t to = k->rows[r].batch * units, from = r * k->cut.padded;
        if (dh0) memcpy(dh0 + to, k->dh + from, (size_t)units * sizeof *dh0);
        if (dc0) memcpy(dc0 + to, k->dc + from, (size_t)units * sizeof *dc0);
    }
}

static void run_tile(const tile *k)
{
    const an_lstm_cut *cut = &k->cut;
    const an_tensor *in = k->w->in;
    an_lstm_load_state(cut, k->rows, k->count, in[GRAD_DH].data, k->dh);
    an_lstm_load_state(cut, k->rows, k->count, in[GRAD_DC].data, k->dc);
    an_lstm_load_state(cut, k->rows, k->count, in[GRAD_C0].data, k->c_first);
    for (int64_t r = 0; r < k->count; r++)
        an_lstm_skip(cut, k->rows[r], k->w->out[GRAD_DX].data, cut->features);
    if (k->want_dw)
        memset(k->dw, 0, (size_t)(cut->panels * cut->stacked * AN_PANEL) * sizeof *k->dw);

    for (int64_t end = k->count > 0 ? k->rows[0].length : 0; end > 0; end -= cut->steps) {
        const int64_t begin = end > cut->steps ? end - cut->steps : 0;
        int64_t n = 0;
        for (int64_t s = end - 1; s >= begin; s--) {
            const int64_t running = an_lstm_running(k->rows, k->count, s);
            step(k, s, running, n);
            if (k->want_dw) stack_step(k, s, running, n);
            n += running;
        }
        spread_inputs(k, n);
        if (k->want_dw) add_weights(k, n);
    }
    finish_rows(k);
}

static int64_t tile_units(const an_work *w)
{
    return measure(w).tiles;
}

static void tile_run(const an_work *w, int64_t begin, int64_t end)
{
    const an_lstm_cut cut = measure(w);
    for (int64_t unit = begin; unit < end; unit++) {
        const tile k = open_tile(w, &cut, unit);
        run_tile(&k);
    }
}

/* ---- stage 3: sum over the tiles ---------------------------------------- */

static int64_t sum_units(const an_work *w)
{
    const an_lstm_cut cut = measure(w);
    return wants_weights(w) ? (cut.stacked + SUM_ROWS - 1) / SUM_ROWS : 0;
}

/* Where row `row` of the stacked weights' gradient goes; NULL if nobody reads it. */
static float *stacked_row(const an_work *w, const an_lstm_cut *cut, int64_t row)
{
    const int output = row < cut->features    ? GRAD_DKERNEL
                       : row == cut->features ? GRAD_DBIAS
                                              : GRAD_DRECURRENT;
    const int64_t first = output == GRAD_DKERNEL ? 0 : cut->features + (output != GRAD_DBIAS);
    float *data = w->out[output].data;
    return data ? data + (row - first) * cut->gates : NULL;
}

static void sum_row(const an_work *w, const an_lstm_cut *cut, const layout *l, int64_t row)
{
    float *to = stacked_row(w, cut, row);
    if (!to) return;
    const char *first = (const char *)w->scratch + l->tiles + l->dw;
    for (int64_t panel = 0; panel < cut->panels; panel++) {
        const int64_t unit = panel * 16, left = cut->units - unit, lanes = left < 16 ? left : 16;
        float sum[AN_PANEL] = {0};
        for (int64_t k = 0; k < cut->tiles; k++) {
            const float *part = (const float *)(first + k * l->tile_bytes) +
                                (panel * cut->stacked + row) * AN_PANEL;
            for (int j = 0; j < AN_PANEL; j++) sum[j] += part[j];
        }
        for (int64_t g = 0; g < 4; g++)
            memcpy(to + g * cut->units + unit, sum + g * 16, (size_t)lanes * sizeof *to);
    }
}

static void sum_run(const an_work *w, int64_t begin, int64_t end)
{
    const an_lstm_cut cut = measure(w);
    const layout l = lay_out(&cut);
    for (int64_t row = begin * SUM_ROWS; row < end * SUM_ROWS && row < cut.stacked; row++)
        sum_row(w, &cut, &l, row);
}

/* ---- the record -------------------------------------------------------- */

static double lstm_grad_flops(const an_work *w)
{
    const an_lstm_cut cut = measure(w);
    return 4.0 * (double)cut.batch * (double)cut.time * (double)cut.stacked * (double)cut.gates;
}

const an_op_rules an_rules_lstm_grad = {
    .infer = lstm_grad_infer,
    .no_grad = "lstm has no second derivative",
    .constant_in = 1u << GRAD_LENGTHS,
    .no_meaning = "its oracle is ref",
    .stages = {{prepare_units, prepare_run}, {tile_units, tile_run}, {sum_units, sum_run}},
    .ref = an_lstm_grad_ref,
    .scratch = lstm_grad_scratch,
    .count_flops = lstm_grad_flops};
