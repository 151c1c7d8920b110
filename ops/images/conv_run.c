/* conv_run.c -- conv2d and conv2d_transpose: sums over taps, as products with packed panels.
 *
 * Both are one thing: every target, an element of the result's image, is a sum over source planes
 * and taps of a weight times a source element, or 0 outside. Of conv2d targets are windows, side
 * by side. Of the transpose targets that lie `stride` apart meet the same taps, so there are
 * stride x stride grids of them, each with its own taps; a first stage sorts the kernel by grid,
 * and no product with an interposed zero is ever made.
 *
 * AN_PANEL targets at a time are packed, a row for each source plane and tap, AN_CONV_DEPTH rows a
 * panel, so that it stays in the nearest caches; weights times panel (kernels/panel.c) then adds to
 * all planes of the result. An element is one chain of fma a panel and one sum of panels, in an
 * order that the shapes fix: blocks, grids, panels are cut by them alone.           */
#include "core/memory.h"
#include "ops/access.h"
#include "ops/images/conv.h"
#include "ops/kernels/kernels.h"

#include <string.h>

#define LEAST 2e6      /* multiplications worth a unit */
#define MOST_UNITS 64  /* each has a panel of its own in the scratch */

/* ---- geometry ------------------------------------------------------------ */

bool an_conv_is_transpose(const an_work *w)
{
    return w->op->rules == &an_rules_conv2d_transpose;
}

an_conv an_conv_of(const an_attrs *a, const an_tensor *x, const an_tensor *kernel,
                   const an_tensor *y)
{
    an_conv v = {.images = x->extent[0], .groups = a->groups, .c = kernel->extent[1],
                 .o = kernel->extent[0] / a->groups};
    for (int i = 0; i < 2; i++) {
        v.in[i] = x->extent[2 + i];
        v.out[i] = y->extent[2 + i];
        v.window[i] = kernel->extent[2 + i];
        v.stride[i] = a->stride.at[i];
        v.before[i] = a->padding.at[2 * i];
        v.dilation[i] = a->dilation.at[i];
    }
    return v;
}

an_conv an_conv_of_work(const an_work *w)
{
    if (an_conv_is_transpose(w)) return an_conv_of(w->attrs, &w->out[0], &w->in[1], &w->in[0]);
    if (w->op->rules == &an_rules_conv2d) return an_conv_of(w->attrs, &w->in[0], &w->in[1],
                                                            &w->out[0]);
    return an_conv_of(w->attrs, &w->in[0], &w->out[0], &w->in[1]);
}

double an_conv_products(const an_conv *v)
{
    return (double)v->images * (double)v->groups * (double)v->c * (double)v->o *
           (double)v->window[0] * (double)v->window[1] * (double)v->out[0] * (double)v->out[1];
}

an_reach an_conv_reach(const an_conv *v, int axis)
{
    return (an_reach){.targets = v->out[axis], .every = 1, .taps = v->window[axis], .tap_every = 1,
                      .sources = v->in[axis], .source = -v->before[axis],
                      .move = v->stride[axis], .shift = v->dilation[axis]};
}

static int64_t common(int64_t a, int64_t b)
{
    while (b != 0) {
        const int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* Elements first, first + stride, ... of the images, as sums over the windows that see them:
 * window (i + before - dilation * tap) / stride, where that is whole. */
static an_reach back_reach(const an_conv *v, int axis, int64_t first)
{
    const int64_t stride = v->stride[axis], dilation = v->dilation[axis];
    const int64_t every = stride / common(stride, dilation), from = first + v->before[axis];
    an_reach r = {.targets = (v->in[axis] - first + stride - 1) / stride, .first = first,
                  .every = stride, .tap_every = every, .sources = v->out[axis], .move = 1,
                  .shift = -(every * dilation / stride)};
    while (r.tap < every && (from - r.tap * dilation) % stride != 0) r.tap++;
    if (r.tap == every || r.tap >= v->window[axis]) return r;
    r.source = (from - r.tap * dilation) / stride;
    r.taps = (v->window[axis] - 1 - r.tap) / every + 1;
    return r;
}

/* ---- the work of one call ------------------------------------------------ */

typedef struct job {
    const an_work *w;
    an_conv v;
    bool back;
    const float *source, *weights, *bias;
    float *target;
    int64_t planes, rows;            /* of a group: source planes, result planes */
    int64_t grids[2], extent[2];     /* along each axis: grids; the result's */
    int64_t blocks, units;
} job;

/* One grid: its targets, and the weights of its taps, [groups, rows, planes, taps]. */
typedef struct grid {
    an_reach reach[2];
    int64_t taps, targets, blocks;
    const float *weights;
} grid;

static grid grid_of(const job *k, int64_t number, const float *weights)
{
    grid g = {.weights = weights};
    const int64_t first[] = {number / k->grids[1], number % k->grids[1]};
    for (int i = 0; i < 2; i++)
        g.reach[i] = k->back ? back_reach(&k->v, i, first[i]) : an_conv_reach(&k->v, i);
    g.taps = g.reach[0].taps * g.reach[1].taps;
    g.targets = k->v.images * g.reach[0].targets * g.reach[1].targets;
    g.blocks = g.targets / AN_PANEL + (g.targets % AN_PANEL != 0);
    return g;
}

static int64_t weights_of(const job *k, const grid *g)
{
    return k->v.groups * k->rows * k->planes * g->taps;
}

static int64_t at_least_1(int64_t n) { return n > 1 ? n : 1; }

static job job_of(const an_work *w)
{
    job k = {.w = w, .v = an_conv_of_work(w), .back = an_conv_is_transpose(w)};
    const an_conv *v = &k.v;
    k.source = w->in[0].data;
    k.weights = k.back ? w->scratch : w->in[1].data;
    k.bias = k.back ? NULL : w->in[2].data;
    k.target = w->out[0].data;
    k.planes = k.back ? v->o : v->c;
    k.rows = k.back ? v->c : v->o;
    for (int i = 0; i < 2; i++) {
        k.extent[i] = k.back ? v->in[i] : v->out[i];
        k.grids[i] = !k.back ? 1 : v->stride[i] < v->in[i] ? v->stride[i] : v->in[i];
    }
    for (int64_t i = 0; i < k.grids[0] * k.grids[1]; i++) k.blocks += grid_of(&k, i, NULL).blocks;
    const double units = an_conv_products(v) / LEAST;
    k.units = units < 1 ? 1 : units > MOST_UNITS ? MOST_UNITS : (int64_t)units;
    if (k.units > k.blocks) k.units = k.blocks;
    return k;
}

/* ---- scratch: the sorted kernel, then a panel and a tile for each unit ------ */

static int64_t weight_floats(const job *k)
{
    const an_conv *v = &k->v;
    const int64_t weights = v->groups * v->c * v->o * v->window[0] * v->window[1];
    return k->back ? an_ceil_div(weights, 16) * 16 : 0;
}

int64_t an_conv_panel(int64_t taps)
{
    return (taps > AN_CONV_DEPTH ? taps : AN_CONV_DEPTH) * AN_PANEL;
}

static int64_t unit_floats(const job *k)
{
    return an_conv_panel(k->v.window[0] * k->v.window[1]) + at_least_1(k->rows) * AN_PANEL;
}

int64_t an_conv2d_scratch(const an_work *w)
{
    const job k = job_of(w);
    int64_t bytes;
    if (!an_mul_size(k.units, unit_floats(&k), &bytes)) return -1;
    bytes += weight_floats(&k);
    return an_mul_size(bytes, (int64_t)sizeof(float), &bytes) ? bytes : -1;
}

/* ---- stage 1 of the transpose: the kernel, sorted by grid ------------------- */

int64_t an_conv2d_weigh_units(const an_work *w)
{
    const job k = job_of(w);
    return w->out[0].data ? k.v.groups * k.rows : 0;
}

/* Weights of one row of a grid: result plane c of a group from all its source planes. */
static float *weigh(const job *k, const grid *g, int64_t group, int64_t c, float *to)
{
    const an_reach *row = &g->reach[0], *column = &g->reach[1];
    const an_conv *v = &k->v;
    const float *kernel = k->w->in[1].data;
    for (int64_t o = 0; o < k->planes; o++)
        for (int64_t i = 0; i < row->taps; i++)
            for (int64_t j = 0; j < column->taps; j++)
                *to++ = kernel[(((group * v->o + o) * v->c + c) * v->window[0] + row->tap +
                                i * row->tap_every) * v->window[1] + column->tap +
                               j * column->tap_every];
    return to;
}

void an_conv2d_weigh(const an_work *w, int64_t begin, int64_t end)
{
    const job k = job_of(w);
    float *weights = w->scratch;
    for (int64_t i = 0; i < k.grids[0] * k.grids[1]; i++) {
        const grid g = grid_of(&k, i, NULL);
        for (int64_t row = begin; row < end; row++)
            weigh(&k, &g, row / k.rows, row % k.rows, weights + row * k.planes * g.taps);
        weights += weights_of(&k, &g);
    }
}

/* ---- packing ------------------------------------------------------------- */

an_conv_cut an_conv_cut_of(int64_t groups, int64_t planes, int64_t taps)
{
    const int64_t fit = at_least_1(AN_CONV_DEPTH / at_least_1(taps));
    if (planes >= fit || planes == 0) {
        const int64_t parts = at_least_1(an_ceil_div(planes, fit));
        return (an_conv_cut){1, at_least_1(an_ceil_div(planes, parts))};
    }
    const int64_t whole = fit / planes;
    return (an_conv_cut){whole < groups ? whole : groups, planes};
}

void an_conv_block_at(const an_reach reach[2], int64_t images, int64_t target,
                      an_conv_block *block)
{
    const int64_t rows = reach[0].targets, columns = reach[1].targets;
    const int64_t left = images * rows * columns - target;
    block->count = left < AN_PANEL ? (int)left : AN_PANEL;
    block->runs = 0;
    for (int lane = 0; lane < block->count;) {
        const int64_t at = target + lane, column = at % columns;
        const int64_t most = columns - column, rest = block->count - lane;
        const int count = (int)(most < rest ? most : rest);
        block->run[block->runs++] = (an_conv_run){at / columns / rows, at / columns % rows, column,
                                                  count, lane};
        lane += count;
    }
}

/* How many of `count` lanes whose sources are at, at + move, ... lie before `bound`. */
static int lanes_before(int64_t at, int64_t move, int64_t bound, int count)
{
    if (at >= bound) return 0;
    const int64_t lanes = (bound - at + move - 1) / move;
    return lanes < count ? (int)lanes : count;
}

/* What tap (i, j) sees from a run; places count from the run's image and from the panel's plane. */
static an_conv_piece piece_of(const an_reach reach[2], const an_conv_run *run, int64_t i, int64_t j,
                              int64_t image)
{
    const an_reach *rows = &reach[0], *columns = &reach[1];
    const int64_t row = rows->source + rows->move * run->row + rows->shift * i;
    const int64_t at = columns->source + columns->move * run->column + columns->shift * j;
    const bool inside = row >= 0 && row < rows->sources;
    const int before = inside ? lanes_before(at, columns->move, 0, run->count) : run->count;
    const int end = lanes_before(at, columns->move, columns->sources, run->count);
    an_conv_piece p = {.to = (i * columns->taps + j) * AN_PANEL + run->lane, .before = before,
                       .count = end > before ? end - before : 0};
    p.after = run->count - before - p.count;
    if (p.count > 0)
        p.from = run->image * image + row * columns->sources + at + before * columns->move;
    return p;
}

/* Rows that lie behind each other, in the plane as in the panel, are one piece: so it is with taps
 * in a window's middle column. */
static void add_piece(an_conv_pack *pack, const an_conv_piece *p)
{
    an_conv_piece *last = pack->pieces > 0 ? &pack->piece[pack->pieces - 1] : NULL;
    if (last && pack->stride == 1 && last->after == 0 && p->before == 0 && last->count > 0 &&
        p->count > 0 && p->from == last->from + last->count &&
        p->to == last->to + last->before + last->count) {
        last->count += p->count;
        last->after = p->after;
    } else
        pack->piece[pack->pieces++] = *p;
}

static void flush(const an_work *w, an_conv_pack *pack)
{
    if (pack->pieces > 0) w->kernels->conv_pack(pack);
    pack->pieces = 0;
}

void an_conv_pack_block(const an_work *w, const an_reach reach[2], const an_conv_block *block,
                        const float *x, int64_t all, int64_t plane, int64_t planes, float *panel)
{
    const int64_t size = reach[0].sources * reach[1].sources;
    const int64_t taps = reach[0].taps * reach[1].taps;
    an_conv_pack pack;
    pack.from = x + plane * size, pack.from_plane = size, pack.stride = reach[1].move;
    pack.to = panel, pack.to_plane = taps * AN_PANEL, pack.planes = planes;
    pack.pieces = 0;
    for (int64_t i = 0; i < reach[0].taps; i++)
        for (int64_t j = 0; j < reach[1].taps; j++)
            for (int r = 0; r < block->runs; r++) {
                if (pack.pieces == AN_CONV_PIECES) flush(w, &pack);
                const an_conv_piece p = piece_of(reach, &block->run[r], i, j, all * size);
                add_piece(&pack, &p);
            }
    flush(w, &pack);
}

/* ---- products ------------------------------------------------------------ */

/* Where results of a block go: straight to the images, or to a tile first. */
typedef struct place {
    float *at;
    int64_t row;
    bool direct;
} place;

static place place_of(const job *k, const grid *g, const an_conv_block *block, float *tile)
{
    const an_conv_run *first = &block->run[0];
    const int64_t size = k->extent[0] * k->extent[1];
    const bool whole = g->reach[0].every == 1 && g->reach[1].every == 1 &&
                       first->image == block->run[block->runs - 1].image;
    if (!whole || block->count % 16 != 0) return (place){tile, AN_PANEL, false};
    return (place){k->target + first->image * k->v.groups * k->rows * size +
                       first->row * k->extent[1] + first->column,
                   size, true};
}

static void put_bias(const job *k, int64_t group, const place *p, int count)
{
    for (int64_t r = 0; r < k->rows; r++)
        for (int i = 0; i < count; i++) p->at[r * p->row + i] = k->bias[group * k->rows + r];
}

/* From a tile to where a group's results belong. */
static void put_tile(const job *k, const grid *g, const an_conv_block *block, int64_t group,
                     const float *tile)
{
    const an_reach *rows = &g->reach[0], *columns = &g->reach[1];
    for (int64_t r = 0; r < k->rows; r++)
        for (int n = 0; n < block->runs; n++) {
            const an_conv_run *run = &block->run[n];
            const int64_t plane = (run->image * k->v.groups + group) * k->rows + r;
            float *to = k->target +
                        (plane * k->extent[0] + rows->first + rows->every * run->row) *
                            k->extent[1] + columns->first + columns->every * run->column;
            const float *from = tile + r * AN_PANEL + run->lane;
            if (columns->every == 1) memcpy(to, from, (size_t)run->count * sizeof *to);
            else
                for (int i = 0; i < run->count; i++) to[i * columns->every] = from[i];
        }
}

/* Adds `planes` planes from `plane` on of one group, packed in `panel`, to a block of results. */
static void multiply(const job *k, const grid *g, int64_t group, int64_t plane, int64_t planes,
                     const float *panel, const place *p, int count)
{
    if (plane == 0 && k->bias) put_bias(k, group, p, count);
    const int64_t depth = k->planes * g->taps;
    k->w->kernels->panel_product(&(an_panel){
        .out = p->at, .out_row = p->row,
        .a = g->weights + group * k->rows * depth + plane * g->taps, .a_row = depth, .a_step = 1,
        .b = panel, .rows = k->rows, .depth = planes * g->taps, .vectors = (count + 15) / 16,
        .add = plane > 0 || k->bias});
}

static void run_block(const job *k, const grid *g, int64_t number, float *panel, float *tile)
{
    an_conv_block block;
    an_conv_block_at(g->reach, k->v.images, number * AN_PANEL, &block);
    const an_conv_cut cut = an_conv_cut_of(k->v.groups, k->planes, g->taps);
    const place first = place_of(k, g, &block, tile);
    const int64_t size = k->extent[0] * k->extent[1], all = k->v.groups * k->planes;
    for (int64_t group = 0, groups; group < k->v.groups; group += groups) {
        groups = k->v.groups - group < cut.groups ? k->v.groups - group : cut.groups;
        for (int64_t plane = 0; plane == 0 || plane < k->planes; plane += cut.step) {
            const int64_t left = k->planes - plane, step = left < cut.step ? left : cut.step;
            an_conv_pack_block(k->w, g->reach, &block, k->source, all, group * k->planes + plane,
                               groups * step, panel);
            for (int64_t i = 0; i < groups; i++) {
                place p = first;
                if (p.direct) p.at += (group + i) * k->rows * size;
                multiply(k, g, group + i, plane, step, panel + i * step * g->taps * AN_PANEL, &p,
                         block.count);
                if (!p.direct && left <= step) put_tile(k, g, &block, group + i, tile);
            }
        }
    }
}

int64_t an_conv2d_units(const an_work *w)
{
    const job k = job_of(w);
    return w->out[0].data && k.v.groups * k.rows > 0 ? k.units : 0;
}

/* A unit does a run of all blocks, grid by grid. */
static void run_unit(const job *k, int64_t unit)
{
    float *panel = (float *)k->w->scratch + weight_floats(k) + unit * unit_floats(k);
    float *tile = panel + an_conv_panel(k->v.window[0] * k->v.window[1]);
    const int64_t each = k->blocks / k->units, more = k->blocks % k->units;
    int64_t begin = unit * each + (unit < more ? unit : more);
    int64_t end = begin + each + (unit < more);
    const float *weights = k->weights;
    for (int64_t i = 0; end > 0; i++) {
        const grid g = grid_of(k, i, weights);
        for (int64_t n = begin > 0 ? begin : 0; n < end && n < g.blocks; n++)
            run_block(k, &g, n, panel, tile);
        begin -= g.blocks;
        end -= g.blocks;
        weights += weights_of(k, &g);
    }
}

void an_conv2d_run(const an_work *w, int64_t begin, int64_t end)
{
    const job k = job_of(w);
    for (int64_t unit = begin; unit < end; unit++) run_unit(&k, unit);
}
