/* recurrent_cut.c -- sizes, tiles and the order of rows for the recurrent ops.
 *
 * This file alone decides how recurrent work is cut. A tile has 8 rows: enough to
 * use each packed weight twice from the nearest cache, few enough that a batch of
 * 32 keeps four threads busy; it has 16 where the weights are too many for a core's own
 * cache, and a batch of 64 does. Large batches get larger tiles, so that at most 64
 * tiles hold partial weight gradients.                                       */
#include "core/memory.h"
#include "ops/recurrent/recurrent.h"

#include <string.h>

#define TILE_ROWS 8
#define MANY_WEIGHTS (128 * 1024) /* that the state meets at a step */
#define MAX_TILES 64
#define CHUNK_ROWS 128

static an_recurrent_cut measure(const an_work *w, int x, int recurrent)
{
    const an_recurrent_layout *layout = &an_recurrent_of(w)->layout;
    const int64_t *extent = w->in[x].extent;
    an_recurrent_cut cut = {.batch = extent[0], .time = extent[1], .features = extent[2],
                            .units = w->in[recurrent].extent[0],
                            .gates = w->in[recurrent].extent[1],
                            .panel_units = layout->panel_units, .reverse = w->attrs->reverse};
    cut.stacked = cut.features + 1 + cut.units;
    cut.sums = cut.stacked + (layout->late ? cut.units : 0);
    cut.panels = an_ceil_div(cut.units, cut.panel_units);
    cut.padded = cut.panels * cut.panel_units;
    const int64_t least = cut.batch >= 8 * TILE_ROWS && cut.units * cut.gates > MANY_WEIGHTS
                              ? 2 * TILE_ROWS : TILE_ROWS;
    cut.rows = an_ceil_div(an_ceil_div(cut.batch, MAX_TILES), 4) * 4;
    if (cut.rows < least) cut.rows = cut.batch < least ? cut.batch : least;
    cut.tiles = cut.rows > 0 ? an_ceil_div(cut.batch, cut.rows) : 0;
    cut.steps = cut.rows > 0 && cut.rows < CHUNK_ROWS ? CHUNK_ROWS / cut.rows : 1;
    if (cut.steps > cut.time) cut.steps = cut.time;
    cut.chunk = cut.rows * cut.steps;
    cut.apart = cut.chunk + 1;
    return cut;
}

an_recurrent_cut an_recurrent_measure(const an_work *w)
{
    const an_recurrent_ports *p = an_recurrent_of(w)->ports;
    return measure(w, p->x, p->recurrent);
}

an_recurrent_cut an_recurrent_measure_grad(const an_work *w)
{
    const an_recurrent_ports *p = an_recurrent_of(w)->ports;
    return measure(w, p->grad.x, p->grad.recurrent);
}

int64_t an_recurrent_lanes(const an_recurrent_cut *cut, int64_t panel, int v, int64_t *unit)
{
    *unit = panel * cut->panel_units + (cut->panel_units == 16 ? 0 : v * 16);
    const int64_t left = cut->units - *unit;
    return left < 0 ? 0 : left < 16 ? left : 16;
}

int an_recurrent_used(const an_recurrent_cut *cut, int64_t panel, an_vectors v)
{
    const int64_t left = an_ceil_div(cut->units - panel * cut->panel_units, 16);
    return cut->panel_units == 16 || left >= v.count ? v.count : (int)left;
}

int64_t an_recurrent_length(const an_work *w, int lengths, int64_t b, int64_t time)
{
    const int64_t length = w->in[lengths].data ? an_index_at(w, lengths, b, time + 1) : time;
    return length < 0 ? 0 : length;
}

/* A counting sort: bins[n] becomes the place of the next row of length n. */
void an_recurrent_order(const an_work *w, int lengths, const an_recurrent_cut *cut,
                        an_recurrent_row *rows, int64_t *bins)
{
    memset(bins, 0, (size_t)(cut->time + 1) * sizeof *bins);
    for (int64_t b = 0; b < cut->batch; b++) bins[an_recurrent_length(w, lengths, b, cut->time)]++;
    int64_t place = 0;
    for (int64_t n = cut->time; n >= 0; n--) {
        const int64_t count = bins[n];
        bins[n] = place;
        place += count;
    }
    for (int64_t b = 0; b < cut->batch; b++) {
        const int64_t n = an_recurrent_length(w, lengths, b, cut->time);
        rows[bins[n]++] = (an_recurrent_row){b, n};
    }
}

void an_recurrent_skip(const an_recurrent_cut *cut, an_recurrent_row row, float *data,
                       int64_t width)
{
    if (!data || row.length == cut->time) return;
    float *first = data + (row.batch * cut->time + row.length) * width;
    memset(first, 0, (size_t)((cut->time - row.length) * width) * sizeof *first);
}

void an_recurrent_load_state(const an_recurrent_cut *cut, const an_recurrent_row *rows,
                             int64_t count, const float *from, float *to)
{
    if (cut->units == 0) return;
    for (int64_t r = 0; r < count; r++) {
        float *row = to + r * cut->padded;
        memset(row, 0, (size_t)cut->padded * sizeof *row);
        if (from)
            memcpy(row, from + rows[r].batch * cut->units, (size_t)cut->units * sizeof *row);
    }
}
