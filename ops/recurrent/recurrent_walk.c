/* recurrent_walk.c -- a whole sequence forward, of any recurrent op.
 *
 * Two stages. The first packs the weights into panels and sorts the rows by
 * length; in the second each tile of rows runs all its steps without a barrier. A
 * tile multiplies the inputs of a chunk of steps at once, then walks the steps: the
 * op's own part, per panel one product with the old state, and the gates while z is
 * still in the nearest cache. See recurrent.h for the stacked form.           */
#include "core/memory.h"
#include "ops/recurrent/recurrent.h"

#include <string.h>

/* ---- scratch ----------------------------------------------------------- */

/* Offsets into scratch; those of a tile's own block count from its start. */
typedef struct layout {
    int64_t rows, bins, weights, tiles;
    int64_t z, input, h, second, at;
    int64_t tile_bytes, bytes;
} layout;

static layout lay_out(const an_recurrent_cut *cut)
{
    layout l = {0};
    l.z = an_lay_out(&l.tile_bytes, cut->apart, cut->panels * AN_PANEL, sizeof(float));
    l.input = an_lay_out(&l.tile_bytes, cut->chunk, cut->features + 1, sizeof(float));
    l.h = an_lay_out(&l.tile_bytes, 2 * cut->rows, cut->padded, sizeof(float));
    l.second = an_lay_out(&l.tile_bytes, cut->rows, cut->padded, sizeof(float));
    l.at = an_lay_out(&l.tile_bytes, cut->chunk, 1, sizeof(int64_t));

    l.rows = an_lay_out(&l.bytes, cut->batch, 1, sizeof(an_recurrent_row));
    l.bins = an_lay_out(&l.bytes, cut->time + 1, 1, sizeof(int64_t));
    l.weights = an_lay_out(&l.bytes, cut->panels * AN_PANEL, cut->stacked, sizeof(float));
    l.tiles = an_lay_out(&l.bytes, cut->tiles, l.tile_bytes, 1);
    return l;
}

int64_t an_recurrent_scratch(const an_work *w)
{
    const an_recurrent_cut cut = an_recurrent_measure(w);
    return an_recurrent_larger(lay_out(&cut).bytes, an_recurrent_of(w)->ref_scratch(w));
}

/* ---- stage 1: pack and sort -------------------------------------------- */

/* Adds a panel's columns of a row of weights, of the gates that `gate` names; NULL adds none. */
static void pack_row(const an_recurrent_cut *cut, int64_t panel, const signed char gate[4],
                     const float *from, float *to, int64_t vector)
{
    for (int v = 0; from && v < 4; v++) {
        int64_t unit;
        const int64_t lanes = an_recurrent_lanes(cut, panel, v, &unit);
        if (gate[v] >= 0)
            an_recurrent_fetch(from, AN_PACK_AHEAD * cut->gates + gate[v] * cut->units + unit);
        for (int64_t i = 0; gate[v] >= 0 && i < lanes; i++)
            to[v * vector + i] += from[gate[v] * cut->units + unit + i];
    }
}

static void pack_panel(const an_work *w, const an_recurrent_cut *cut, int64_t panel, float *to)
{
    const an_packing lies = w->kernels->panel_packing(cut->stacked);
    const an_recurrent_op *op = an_recurrent_of(w);
    const an_recurrent_ports *p = op->ports;
    const float *kernel = an_port_in(w, p->kernel), *recurrent = an_port_in(w, p->recurrent);
    memset(to, 0, (size_t)(cut->stacked * AN_PANEL) * sizeof *to);
    for (int64_t k = 0; k < cut->features; k++, to += lies.row)
        pack_row(cut, panel, op->layout.kernel, kernel + k * cut->gates, to, lies.vector);
    pack_row(cut, panel, op->layout.kernel, an_port_in(w, p->bias), to, lies.vector);
    pack_row(cut, panel, op->layout.recurrent, an_port_in(w, p->recurrent_bias), to, lies.vector);
    for (int64_t k = 0; k < cut->units; k++)
        pack_row(cut, panel, op->layout.recurrent, recurrent + k * cut->gates, to += lies.row,
                 lies.vector);
}

int64_t an_recurrent_prepare_units(const an_work *w)
{
    return an_recurrent_measure(w).panels + 1;
}

void an_recurrent_prepare(const an_work *w, int64_t begin, int64_t end)
{
    const an_recurrent_cut cut = an_recurrent_measure(w);
    const layout l = lay_out(&cut);
    const int lengths = an_recurrent_of(w)->ports->lengths;
    char *scratch = w->scratch;
    for (int64_t unit = begin; unit < end; unit++) {
        if (unit == cut.panels)
            an_recurrent_order(w, lengths, &cut, (an_recurrent_row *)(scratch + l.rows),
                               (int64_t *)(scratch + l.bins));
        else
            pack_panel(w, &cut, unit,
                       (float *)(scratch + l.weights) + unit * cut.stacked * AN_PANEL);
    }
}

/* ---- stage 2: all steps of a tile -------------------------------------- */

static an_recurrent_tile open_tile(const an_work *w, const an_recurrent_cut *cut, int64_t number)
{
    const layout l = lay_out(cut);
    char *scratch = w->scratch, *own = scratch + l.tiles + number * l.tile_bytes;
    const int64_t first = number * cut->rows, left = cut->batch - first;
    const float *weights = (const float *)(scratch + l.weights);
    const an_packing lies = w->kernels->panel_packing(cut->stacked);
    return (an_recurrent_tile){
        .w = w, .op = an_recurrent_of(w), .cut = *cut, .lies = lies,
        .rows = (const an_recurrent_row *)(scratch + l.rows) + first,
        .count = left < cut->rows ? left : cut->rows,
        .kernel = weights, .recurrent = weights + (cut->features + 1) * lies.row,
        .z = (float *)(own + l.z), .input = (float *)(own + l.input),
        .second = (float *)(own + l.second), .h = (float *)(own + l.h),
        .h_next = (float *)(own + l.h) + cut->rows * cut->padded, .at = (int64_t *)(own + l.at)};
}

/* Row r has made its last step: its state, in `h` and c, is the result. */
static void finish_row(const an_recurrent_tile *k, int64_t r, const float *h)
{
    const int64_t units = k->cut.units, to = k->rows[r].batch * units;
    const size_t bytes = (size_t)units * sizeof(float);
    float *last_h = an_port_out(k->w, k->op->ports->h);
    float *last_c = an_port_out(k->w, k->op->ports->c);
    if (last_h && units > 0) memcpy(last_h + to, h + r * k->cut.padded, bytes);
    if (last_c && units > 0) memcpy(last_c + to, k->second + r * k->cut.padded, bytes);
}

static void start_rows(const an_recurrent_tile *k)
{
    const an_work *w = k->w;
    const an_recurrent_ports *p = k->op->ports;
    an_recurrent_load_state(&k->cut, k->rows, k->count, an_port_in(w, p->h0), k->h);
    if (k->op->cells)
        an_recurrent_load_state(&k->cut, k->rows, k->count, an_port_in(w, p->c0), k->second);
    for (int64_t r = 0; r < k->count; r++) {
        an_recurrent_skip(&k->cut, k->rows[r], an_port_out(w, p->y), k->cut.units);
        an_recurrent_skip(&k->cut, k->rows[r], an_port_out(w, p->kept), k->cut.units);
        an_recurrent_skip(&k->cut, k->rows[r], an_port_out(w, p->all_gates), k->cut.gates);
        if (k->rows[r].length == 0) finish_row(k, r, k->h);
    }
}

/* A panel's sums that x has no part in begin at the bias. */
static void start_at_bias(const an_recurrent_tile *k, int64_t panel, int64_t n)
{
    const an_vectors x = k->op->layout.x, h = k->op->layout.h;
    const float *bias =
        k->kernel + panel * k->cut.stacked * AN_PANEL + k->cut.features * k->lies.row;
    for (int v = x.from + x.count; v < h.from + h.count; v++)
        for (int64_t i = 0; i < n; i++)
            memcpy(an_recurrent_z(k, panel, i) + v * 16, bias + v * k->lies.vector,
                   16 * sizeof *bias);
}

/* Gathers [x_t, 1] of all running rows of steps begin..end and multiplies. */
static void project_chunk(const an_recurrent_tile *k, int64_t begin, int64_t end)
{
    const an_recurrent_cut *cut = &k->cut;
    const int64_t features = cut->features;
    const float *x = an_port_in(k->w, k->op->ports->x);
    int64_t n = 0;
    for (int64_t s = begin; s < end; s++) {
        const int64_t running = an_recurrent_running(k->rows, k->count, s);
        for (int64_t r = 0; r < running; r++, n++) {
            float *row = k->input + n * (features + 1);
            k->at[n] = an_recurrent_position(cut, k->rows[r], s);
            if (features > 0) memcpy(row, x + k->at[n] * features, (size_t)features * sizeof *row);
            row[features] = 1.0f;
        }
    }
    const an_vectors v = k->op->layout.x;
    for (int64_t panel = 0; panel < cut->panels; panel++) {
        k->w->kernels->panel_product(&(an_panel){
            .out = an_recurrent_z(k, panel, 0) + v.from * 16, .out_row = AN_PANEL,
            .a = k->input, .a_row = features + 1, .a_step = 1,
            .b = k->kernel + panel * cut->stacked * AN_PANEL + v.from * k->lies.vector,
            .b_row = k->lies.row, .b_vector = k->lies.vector, .rows = n, .depth = features + 1,
            .vectors = an_recurrent_used(cut, panel, v)});
        start_at_bias(k, panel, n);
    }
}

void an_recurrent_add_product(const an_recurrent_tile *k, int64_t panel, int64_t running,
                              int64_t n, const float *state, an_vectors v)
{
    k->w->kernels->panel_product(&(an_panel){
        .out = an_recurrent_z(k, panel, n) + v.from * 16, .out_row = AN_PANEL,
        .a = state, .a_row = k->cut.padded, .a_step = 1,
        .b = k->recurrent + panel * k->cut.stacked * AN_PANEL + v.from * k->lies.vector,
        .b_row = k->lies.row, .b_vector = k->lies.vector, .rows = running, .depth = k->cut.units,
        .vectors = an_recurrent_used(&k->cut, panel, v), .add = true});
}

static void run_tile(an_recurrent_tile *k)
{
    start_rows(k);
    const int64_t last = k->count > 0 ? k->rows[0].length : 0;
    for (int64_t begin = 0; begin < last; begin += k->cut.steps) {
        const int64_t end = begin + k->cut.steps < last ? begin + k->cut.steps : last;
        project_chunk(k, begin, end);
        for (int64_t s = begin, n = 0; s < end; s++) {
            const int64_t running = an_recurrent_running(k->rows, k->count, s);
            k->op->step(k, running, n);
            n += running;
            float *h = k->h;
            k->h = k->h_next;
            k->h_next = h;
            for (int64_t r = running; r-- > 0 && k->rows[r].length == s + 1;)
                finish_row(k, r, k->h);
        }
    }
}

int64_t an_recurrent_walk_units(const an_work *w)
{
    return an_recurrent_measure(w).tiles;
}

void an_recurrent_walk(const an_work *w, int64_t begin, int64_t end)
{
    const an_recurrent_cut cut = an_recurrent_measure(w);
    for (int64_t unit = begin; unit < end; unit++) {
        an_recurrent_tile k = open_tile(w, &cut, unit);
        run_tile(&k);
    }
}

double an_recurrent_flops(const an_work *w)
{
    const an_recurrent_cut cut = an_recurrent_measure(w);
    return 2.0 * (double)cut.batch * (double)cut.time * (double)cut.stacked * (double)cut.gates;
}
