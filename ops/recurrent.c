/* recurrent.c -- lstm: a whole sequence in one op.
 *
 *   z_t = x_t kernel + bias + h_(t-1) recurrent,   gates i, f, c, o of H units each
 *   i, f, o = sigmoid(z_i, z_f, z_o)   g = tanh(z_c)
 *   c_t = f c_(t-1) + i g              h_t = o tanh(c_t)
 *
 * (Hochreiter & Schmidhuber 1997; forget gate: Gers, Schmidhuber & Cummins 2000.)
 * The gradient is lstm_grad (recurrent_grad.c), from the saved gates and cells.
 *
 * Two stages. The first packs the weights into panels of 16 units x 4 gates and
 * sorts the rows by length; in the second each tile of rows runs all its steps
 * without a barrier. A tile multiplies the inputs of a chunk of steps at once,
 * then walks the steps: per panel one product with the old state, and the gates
 * while z is still in the nearest cache. See recurrent.h for the stacked form. */
#include "ops/recurrent.h"

#include <string.h>

/* ---- types ------------------------------------------------------------- */

/* Operand `i`, if present, must be a state [B, H] of x's dtype. */
static an_status want_state(const an_infer *q, int i, an_dim batch, an_dim units)
{
    if (!q->present[i]) return AN_OK;
    const an_dim *dim = q->in[i].shape.dim;
    if (dim[0] == batch && dim[1] == units) return AN_OK;
    char name[32];
    an_op_input_name(q->op, i, name, sizeof name);
    return an_refuse(q, AN_E_SHAPE, "%s must be [batch, units] of x and recurrent", name);
}

/* kernel [D, 4H] and recurrent [H, 4H]. */
static an_status want_weights(const an_infer *q)
{
    const an_dim *kernel = q->in[LSTM_KERNEL].shape.dim;
    const an_dim *recurrent = q->in[LSTM_RECURRENT].shape.dim;
    if (recurrent[1] != an_dims_mul(q->dims, 4, recurrent[0])) {
        an_refuse(q, AN_E_SHAPE, "recurrent must be [units, 4 * units]");
        return an_hint(q, AN_E_SHAPE, "its columns are the gates i, f, c, o");
    }
    if (kernel[0] != q->in[LSTM_X].shape.dim[2])
        return an_refuse(q, AN_E_SHAPE, "kernel must have one row per feature of x");
    if (kernel[1] != recurrent[1])
        return an_refuse(q, AN_E_SHAPE, "kernel and recurrent differ in columns");
    return AN_OK;
}

static an_status lstm_infer(const an_infer *q, an_type out[])
{
    an_status status = want_weights(q);
    if (status) return status;
    const an_dim *x = q->in[LSTM_X].shape.dim;
    const an_dim units = q->in[LSTM_RECURRENT].shape.dim[0];
    const an_dim gates = q->in[LSTM_RECURRENT].shape.dim[1];

    if (q->present[LSTM_BIAS] && q->in[LSTM_BIAS].shape.dim[0] != gates)
        return an_refuse(q, AN_E_SHAPE, "bias must have one element per column of kernel");
    status = want_state(q, LSTM_H0, x[0], units);
    if (!status) status = want_state(q, LSTM_C0, x[0], units);
    if (!status && q->present[LSTM_LENGTHS] && q->in[LSTM_LENGTHS].shape.dim[0] != x[0])
        status = an_refuse(q, AN_E_SHAPE, "lengths must have one element per row of the batch");
    if (status) return status;
    const an_dtype dtype = q->in[LSTM_X].dtype;
    out[LSTM_Y] = out[LSTM_CELLS] = (an_type){dtype, AN_SHAPE(x[0], x[1], units)};
    out[LSTM_H] = out[LSTM_C] = (an_type){dtype, AN_SHAPE(x[0], units)};
    out[LSTM_GATES] = (an_type){dtype, AN_SHAPE(x[0], x[1], gates)};
    return AN_OK;
}

/* No gradient flows from gates and cells: they are there for lstm_grad. */
static void lstm_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    if (an_is_none(dy[LSTM_Y]) && an_is_none(dy[LSTM_H]) && an_is_none(dy[LSTM_C])) return;
    const an_value in[GRAD_INPUTS] = {
        [GRAD_DY] = dy[LSTM_Y], [GRAD_DH] = dy[LSTM_H], [GRAD_DC] = dy[LSTM_C],
        [GRAD_X] = c->in[LSTM_X], [GRAD_KERNEL] = c->in[LSTM_KERNEL],
        [GRAD_RECURRENT] = c->in[LSTM_RECURRENT], [GRAD_H0] = c->in[LSTM_H0],
        [GRAD_C0] = c->in[LSTM_C0], [GRAD_LENGTHS] = c->in[LSTM_LENGTHS],
        [GRAD_Y] = c->out[LSTM_Y], [GRAD_GATES] = c->out[LSTM_GATES],
        [GRAD_CELLS] = c->out[LSTM_CELLS]};
    const an_attrs attrs = {.reverse = c->attrs->reverse};
    const an_value first = an_emit(AN_HERE, AN_OP_lstm_grad, in, GRAD_INPUTS, &attrs);
    dx[LSTM_X] = first;
    dx[LSTM_KERNEL] = an_result(first, GRAD_DKERNEL);
    dx[LSTM_RECURRENT] = an_result(first, GRAD_DRECURRENT);
    if (!an_is_none(c->in[LSTM_BIAS])) dx[LSTM_BIAS] = an_result(first, GRAD_DBIAS);
    if (!an_is_none(c->in[LSTM_H0])) dx[LSTM_H0] = an_result(first, GRAD_DH0);
    if (!an_is_none(c->in[LSTM_C0])) dx[LSTM_C0] = an_result(first, GRAD_DC0);
}

/* ---- scratch ----------------------------------------------------------- */

/* Offsets into scratch; those of a tile's own block count from its start. */
typedef struct layout {
    int64_t rows, bins, weights, tiles;
    int64_t z, input, h, c, at;
    int64_t tile_bytes, bytes;
} layout;

static layout lay_out(const an_lstm_cut *cut)
{
    layout l = {0};
    l.z = an_lstm_place(&l.tile_bytes, cut->chunk, cut->panels * AN_PANEL, sizeof(float));
    l.input = an_lstm_place(&l.tile_bytes, cut->chunk, cut->features + 1, sizeof(float));
    l.h = an_lstm_place(&l.tile_bytes, 2 * cut->rows, cut->padded, sizeof(float));
    l.c = an_lstm_place(&l.tile_bytes, cut->rows, cut->padded, sizeof(float));
    l.at = an_lstm_place(&l.tile_bytes, cut->chunk, 1, sizeof(int64_t));

    l.rows = an_lstm_place(&l.bytes, cut->batch, 1, sizeof(an_lstm_row));
    l.bins = an_lstm_place(&l.bytes, cut->time + 1, 1, sizeof(int64_t));
    l.weights = an_lstm_place(&l.bytes, cut->panels * AN_PANEL, cut->stacked, sizeof(float));
    l.tiles = an_lstm_place(&l.bytes, cut->tiles, l.tile_bytes, 1);
    return l;
}

static int64_t lstm_scratch(const an_work *w)
{
    const an_lstm_cut cut = an_lstm_measure(w, LSTM_X, LSTM_RECURRENT);
    const int64_t stages = lay_out(&cut).bytes, ref = an_lstm_ref_scratch(&cut);
    return stages < 0 || ref < 0 ? -1 : stages > ref ? stages : ref;
}

/* ---- stage 1: pack and sort -------------------------------------------- */

/* Columns of one panel from a row of 4H weights; NULL packs zeros. */
static void pack_row(const an_lstm_cut *cut, int64_t panel, const float *from, float *to)
{
    const int64_t first = panel * 16;
    const int64_t lanes = cut->units - first < 16 ? cut->units - first : 16;
    memset(to, 0, AN_PANEL * sizeof *to);
    if (!from) return;
    for (int gate = 0; gate < 4; gate++)
        memcpy(to + gate * 16, from + gate * cut->units + first, (size_t)lanes * sizeof *to);
}

static void pack_panel(const an_work *w, const an_lstm_cut *cut, int64_t panel, float *to)
{
    const float *kernel = w->in[LSTM_KERNEL].data, *recurrent = w->in[LSTM_RECURRENT].data;
    for (int64_t k = 0; k < cut->features; k++, to += AN_PANEL)
        pack_row(cut, panel, kernel + k * cut->gates, to);
    pack_row(cut, panel, w->in[LSTM_BIAS].data, to);
    for (int64_t k = 0; k < cut->units; k++)
        pack_row(cut, panel, recurrent + k * cut->gates, to += AN_PANEL);
}

static int64_t prepare_units(const an_work *w)
{
    return an_lstm_measure(w, LSTM_X, LSTM_RECURRENT).panels + 1;
}

static void prepare_run(const an_work *w, int64_t begin, int64_t end)
{
    const an_lstm_cut cut = an_lstm_measure(w, LSTM_X, LSTM_RECURRENT);
    const layout l = lay_out(&cut);
    char *scratch = w->scratch;
    for (int64_t unit = begin; unit < end; unit++) {
        if (unit == cut.panels)
            an_lstm_order(w, LSTM_LENGTHS, &cut, (an_lstm_row *)(scratch + l.rows),
                          (int64_t *)(scratch + l.bins));
        else
            pack_panel(w, &cut, unit,
                       (float *)(scratch + l.weights) + unit * cut.stacked * AN_PANEL);
    }
}

/* ---- stage 2: all steps of a tile -------------------------------------- */

typedef struct tile {
    const an_work *w;
    an_lstm_cut cut;
    const an_lstm_row *rows; /* of this tile */
    int64_t count;
    const float *weights;
    float *z, *input, *c;
    float *h, *h_next; /* the states before and after the current step */
    int64_t *at;
} tile;

static tile open_tile(const an_work *w, const an_lstm_cut *cut, int64_t number)
{
    const layout l = lay_out(cut);
    char *scratch = w->scratch, *own = scratch + l.tiles + number * l.tile_bytes;
    const int64_t first = number * cut->rows, left = cut->batch - first;
    return (tile){.w = w, .cut = *cut, .rows = (const an_lstm_row *)(scratch + l.rows) + first,
                  .count = left < cut->rows ? left : cut->rows,
                  .weights = (const float *)(scratch + l.weights),
                  .z = (float *)(own + l.z), .input = (float *)(own + l.input),
                  .c = (float *)(own + l.c), .h = (float *)(own + l.h),
                  .h_next = (float *)(own + l.h) + cut->rows * cut->padded,
                  .at = (int64_t *)(own + l.at)};
}

/* Row r has made its last step: its state, in `h` and c, is the result. */
static void finish_row(const tile *k, int64_t r, const float *h)
{
    const int64_t units = k->cut.units, to = k->rows[r].batch * units;
    const size_t bytes = (size_t)units * sizeof(float);
    float *last_h = k->w->out[LSTM_H].data, *last_c = k->w->out[LSTM_C].data;
    if (last_h && units > 0) memcpy(last_h + to, h + r * k->cut.padded, bytes);
    if (last_c && units > 0) memcpy(last_c + to, k->c + r * k->cut.padded, bytes);
}

static void start_rows(const tile *k)
{
    const an_work *w = k->w;
    an_lstm_load_state(&k->cut, k->rows, k->count, w->in[LSTM_H0].data, k->h);
    an_lstm_load_state(&k->cut, k->rows, k->count, w->in[LSTM_C0].data, k->c);
    for (int64_t r = 0; r < k->count; r++) {
        an_lstm_skip(&k->cut, k->rows[r], w->out[LSTM_Y].data, k->cut.units);
        an_lstm_skip(&k->cut, k->rows[r], w->out[LSTM_CELLS].data, k->cut.units);
        an_lstm_skip(&k->cut, k->rows[r], w->out[LSTM_GATES].data, k->cut.gates);
        if (k->rows[r].length == 0) finish_row(k, r, k->h);
    }
}

/* Gathers [x_t, 1] of all running rows of steps begin..end and multiplies. */
static void project_chunk(const tile *k, int64_t begin, int64_t end)
{
    const an_lstm_cut *cut = &k->cut;
    const int64_t features = cut->features;
    const float *x = k->w->in[LSTM_X].data;
    int64_t n = 0;
    for (int64_t s = begin; s < end; s++) {
        const int64_t running = an_lstm_running(k->rows, k->count, s);
        for (int64_t r = 0; r < running; r++, n++) {
            float *row = k->input + n * (features + 1);
            k->at[n] = an_lstm_position(cut, k->rows[r], s);
            if (features > 0) memcpy(row, x + k->at[n] * features, (size_t)features * sizeof *row);
            row[features] = 1.0f;
        }
    }
    for (int64_t panel = 0; panel < cut->panels; panel++)
        k->w->kernels->panel_product(&(an_panel){
            .out = k->z + panel * cut->chunk * AN_PANEL, .out_row = AN_PANEL,
            .a = k->input, .a_row = features + 1, .a_step = 1,
            .b = k->weights + panel * cut->stacked * AN_PANEL,
            .rows = n, .depth = features + 1, .vectors = 4});
}

static float *from_unit(const an_tensor *t, int64_t unit)
{
    return t->data ? (float *)t->data + unit : NULL;
}

/* One step of the first `running` rows, whose z begins at row n of the chunk. */
static void step(const tile *k, int64_t running, int64_t n)
{
    const an_lstm_cut *cut = &k->cut;
    const an_tensor *out = k->w->out;
    for (int64_t panel = 0; panel < cut->panels; panel++) {
        const int64_t unit = panel * 16, left = cut->units - unit;
        float *z = k->z + (panel * cut->chunk + n) * AN_PANEL;
        k->w->kernels->panel_product(&(an_panel){
            .out = z, .out_row = AN_PANEL, .a = k->h, .a_row = cut->padded, .a_step = 1,
            .b = k->weights + (panel * cut->stacked + cut->features + 1) * AN_PANEL,
            .rows = running, .depth = cut->units, .vectors = 4, .add = true});
        k->w->kernels->lstm_cell(&(an_lstm_cell){
            .rows = running, .lanes = left < 16 ? left : 16, .units = cut->units, .at = k->at + n,
            .z = z, .c = k->c + unit, .h = k->h_next + unit, .padded = cut->padded,
            .y = from_unit(&out[LSTM_Y], unit), .gates = from_unit(&out[LSTM_GATES], unit),
            .cells = from_unit(&out[LSTM_CELLS], unit)});
    }
}

static void run_tile(tile *k)
{
    start_rows(k);
    const int64_t last = k->count > 0 ? k->rows[0].length : 0;
    for (int64_t begin = 0; begin < last; begin += k->cut.steps) {
        const int64_t end = begin + k->cut.steps < last ? begin + k->cut.steps : last;
        project_chunk(k, begin, end);
        for (int64_t s = begin, n = 0; s < end; s++) {
            const int64_t running = an_lstm_running(k->rows, k->count, s);
            step(k, running, n);
            n += running;
            float *h = k->h;
            k->h = k->h_next;
            k->h_next = h;
            for (int64_t r = running; r-- > 0 && k->rows[r].length == s + 1;)
                finish_row(k, r, k->h);
        }
    }
}

static int64_t tile_units(const an_work *w)
{
    return an_lstm_measure(w, LSTM_X, LSTM_RECURRENT).tiles;
}

static void tile_run(const an_work *w, int64_t begin, int64_t end)
{
    const an_lstm_cut cut = an_lstm_measure(w, LSTM_X, LSTM_RECURRENT);
    for (int64_t unit = begin; unit < end; unit++) {
        tile k = open_tile(w, &cut, unit);
        run_tile(&k);
    }
}

/* ---- the record -------------------------------------------------------- */

static double lstm_flops(const an_work *w)
{
    const an_lstm_cut cut = an_lstm_measure(w, LSTM_X, LSTM_RECURRENT);
    return 2.0 * (double)cut.batch * (double)cut.time * (double)cut.stacked * (double)cut.gates;
}

an_value an_lstm_at(an_at at, an_lstm_operands o, bool reverse)
{
    const an_value in[] = {o.x, o.kernel, o.recurrent, o.bias, o.h0, o.c0, o.lengths};
    const an_attrs attrs = {.reverse = reverse};
    return an_emit(at, AN_OP_lstm, in, (int)(sizeof in / sizeof *in), &attrs);
}

const an_op_rules an_rules_lstm = {
    .floats = 1u << LSTM_X,
    .indices = 1u << LSTM_LENGTHS,
    .kin = (1u << LSTM_LENGTHS) - 1,
    .ranks = "3221221",
    .infer = lstm_infer,
    .grad = lstm_grad,
    .constant_in = 1u << LSTM_LENGTHS,
    .stages = {{prepare_units, prepare_run}, {tile_units, tile_run}},
    .ref = an_lstm_ref,
    .scratch = lstm_scratch,
    .count_flops = lstm_flops,
    .index = {AN_BOUND_LENGTH, LSTM_LENGTHS, 1},
    .factors = 1u << LSTM_X | 1u << LSTM_KERNEL | 1u << LSTM_RECURRENT,
    .closed = 1u << LSTM_GATES | 1u << LSTM_CELLS, /* kept for its gradient only: refused */
};
