/* conv_kernel.c -- conv2d's gradient by its kernel: sums over all windows of all images.
 *
 * The windows are packed as for conv2d, a row for each plane and tap; what reaches those windows is
 * turned, so that a row has all channels of one window; their product adds to
 * [planes, taps, channels]. A unit is a chunk of windows and a part of the planes: it keeps its sum
 * in the scratch. A second stage adds the chunks up in double, in order. Chunks are of at most
 * MOST windows, so that no sum in f32 grows with the data, and are cut by the shapes alone. */
#include "core/memory.h"
#include "ops/access.h"
#include "ops/images/conv.h"
#include "ops/kernels/kernels.h"

#include <string.h>

#define CHUNKS 16          /* about so many, */
#define FEW 256            /* unless they had fewer windows than this, */
#define MOST 4096          /* or more, */
#define ROOM (INT64_C(1) << 22) /* or more floats for all their sums */
#define COLUMNS 16         /* channels of a unit of the second stage */

typedef struct job {
    const an_work *w;
    an_conv v;
    an_reach reach[2];
    an_conv_cut cut;
    int64_t taps, windows;
    int64_t chunk, chunks;  /* windows of one; how many */
    int64_t parts;          /* of the planes */
    int64_t width, sums;    /* channels of a group, in whole vectors; floats of a chunk's sums */
} job;

static job job_of(const an_work *w)
{
    job k = {.w = w, .v = an_conv_of_work(w)};
    for (int i = 0; i < 2; i++) k.reach[i] = an_conv_reach(&k.v, i);
    k.taps = k.v.window[0] * k.v.window[1];
    k.windows = k.v.images * k.v.out[0] * k.v.out[1];
    k.cut = an_conv_cut_of(k.v.groups, k.v.c, k.taps);
    k.parts = k.cut.groups > 1 ? an_ceil_div(k.v.groups, k.cut.groups)
                               : k.v.groups * an_ceil_div(k.v.c, k.cut.step);
    k.width = an_ceil_div(k.v.o, COLUMNS) * COLUMNS;
    k.sums = k.v.groups * k.v.c * k.taps * k.width;
    int64_t chunk = k.windows / CHUNKS;
    if (chunk < FEW) chunk = FEW;
    if (chunk > MOST) chunk = MOST;
    const int64_t most = k.sums < ROOM ? ROOM / (k.sums > 0 ? k.sums : 1) : 1;
    if (an_ceil_div(k.windows, chunk) > most) chunk = an_ceil_div(k.windows, most);
    k.chunk = an_ceil_div(chunk, AN_PANEL) * AN_PANEL;
    k.chunks = an_ceil_div(k.windows, k.chunk);
    return k;
}

/* A panel of windows, and one of what reaches them. */
static int64_t unit_floats(const job *k)
{
    return an_conv_panel(k->taps) + AN_PANEL * AN_PANEL;
}

int64_t an_conv_kernel_units(const an_work *w)
{
    const job k = job_of(w);
    return w->out[0].data && k.sums > 0 ? k.chunks * k.parts : 0;
}

int64_t an_conv_kernel_scratch(const an_work *w)
{
    const job k = job_of(w);
    int64_t sums, units;
    if (!an_mul_size(k.chunks, k.sums, &sums)) return -1;
    if (!an_mul_size(k.chunks * k.parts, unit_floats(&k), &units)) return -1;
    return an_mul_size(sums + units, (int64_t)sizeof(float), &sums) ? sums : -1;
}

/* ---- stage 1 ------------------------------------------------------------- */

/* What reaches `count` channels of a group from channel o on, at a block of windows: turned. */
static void turn_block(const job *k, const an_conv_block *block, int64_t group, int64_t o,
                       int count, float *to)
{
    const int64_t size = k->v.out[0] * k->v.out[1], all = k->v.groups * k->v.o;
    const float *dy = k->w->in[1].data;
    for (int first = 0, next; first < block->runs; first = next) {
        const an_conv_run *run = &block->run[first];
        int lanes = 0;
        for (next = first; next < block->runs && block->run[next].image == run->image; next++)
            lanes += block->run[next].count;
        const int64_t plane = run->image * all + group * k->v.o + o;
        k->w->kernels->conv_turn(dy + plane * size + run->row * k->v.out[1] + run->column, size,
                                 count, to + run->lane * AN_PANEL, lanes);
    }
}

/* A part of the planes: `groups` groups from `group` on, of each `step` planes from `plane` on. */
typedef struct part {
    int64_t group, groups, plane, step;
} part;

static part part_of(const job *k, int64_t number)
{
    part p = {.groups = 1, .step = k->cut.step};
    if (k->cut.groups > 1) {
        p.group = number * k->cut.groups;
        p.groups = k->v.groups - p.group < k->cut.groups ? k->v.groups - p.group : k->cut.groups;
        return p;
    }
    const int64_t steps = an_ceil_div(k->v.c, k->cut.step);
    p.group = number / steps;
    p.plane = number % steps * k->cut.step;
    if (k->v.c - p.plane < p.step) p.step = k->v.c - p.plane;
    return p;
}

static void add_block(const job *k, const part *p, const an_conv_block *block, const float *panel,
                      float *turned, float *sums, bool add)
{
    for (int64_t i = 0; i < p->groups; i++)
        for (int64_t o = 0; o < k->v.o; o += AN_PANEL) {
            const int count = k->v.o - o < AN_PANEL ? (int)(k->v.o - o) : AN_PANEL;
            turn_block(k, block, p->group + i, o, count, turned);
            k->w->kernels->panel_product(&(an_panel){
                .out = sums + ((p->group + i) * k->v.c + p->plane) * k->taps * k->width + o,
                .out_row = k->width, .a = panel + i * p->step * k->taps * AN_PANEL,
                .a_row = AN_PANEL, .a_step = 1, .b = turned, .rows = p->step * k->taps,
                .depth = block->count, .vectors = (count + 15) / 16, .add = add});
        }
}

static void run_unit(const job *k, int64_t unit)
{
    const int64_t chunk = unit / k->parts;
    const part p = part_of(k, unit % k->parts);
    float *sums = (float *)k->w->scratch + chunk * k->sums;
    float *panel = (float *)k->w->scratch + k->chunks * k->sums + unit * unit_floats(k);
    float *turned = panel + an_conv_panel(k->taps);
    const int64_t begin = chunk * k->chunk;
    const int64_t end = k->windows - begin < k->chunk ? k->windows : begin + k->chunk;
    for (int64_t at = begin; at < end; at += AN_PANEL) {
        an_conv_block block;
        an_conv_block_at(k->reach, k->v.images, at, &block);
        an_conv_pack_block(k->w, k->reach, &block, k->w->in[0].data, k->v.groups * k->v.c,
                           p.group * k->v.c + p.plane, p.groups * p.step, panel);
        add_block(k, &p, &block, panel, turned, sums, at > begin);
    }
}

void an_conv_kernel_run(const an_work *w, int64_t begin, int64_t end)
{
    const job k = job_of(w);
    for (int64_t unit = begin; unit < end; unit++) run_unit(&k, unit);
}

/* ---- stage 2 ------------------------------------------------------------- */

int64_t an_conv_kernel_fold_units(const an_work *w)
{
    const job k = job_of(w);
    return w->out[0].data && k.sums > 0 ? k.v.groups * (k.width / COLUMNS) : 0;
}

/* Up to COLUMNS channels of one group, of all planes and taps. */
static void fold(const job *k, int64_t group, int64_t o)
{
    const float *sums = (const float *)k->w->scratch + group * k->v.c * k->taps * k->width + o;
    const int64_t rows = k->v.c * k->taps;
    float *to = (float *)k->w->out[0].data + (group * k->v.o + o) * rows;
    for (int64_t r = 0; r < rows; r++) {
        double sum[COLUMNS] = {0};
        for (int64_t chunk = 0; chunk < k->chunks; chunk++)
            for (int i = 0; i < COLUMNS; i++)
                sum[i] += (double)sums[chunk * k->sums + r * k->width + i];
        for (int i = 0; i < COLUMNS && o + i < k->v.o; i++) to[i * rows + r] = (float)sum[i];
    }
}

void an_conv_kernel_fold(const an_work *w, int64_t begin, int64_t end)
{
    const job k = job_of(w);
    const int64_t each = k.width / COLUMNS;
    for (int64_t unit = begin; unit < end; unit++) fold(&k, unit / each, unit % each * COLUMNS);
}
