/* conv.h -- what the three convolution ops share: one geometry, two ways to walk it.
 *
 * conv2d, its gradient by x and its gradient by the kernel are one sum over the same terms
 * x[n, c, i] kernel[o, c, t] dy[n, o, p], where tap t of window p lies over element i; each leaves
 * another of the three tensors free. The fast kernels and the reference loops share the geometry
 * of the call alone.                                                           */
#ifndef AN_OPS_CONV_H
#define AN_OPS_CONV_H

#include "ops/images/window.h"

/* Extents of the three tensors; index 0 is rows, 1 columns. */
typedef struct an_conv {
    int64_t images, groups;
    int64_t c, o;                      /* channels of a group: of the images, of the windows */
    int64_t in[2], out[2], window[2];
    int64_t stride[2], before[2], dilation[2];
} an_conv;
an_conv an_conv_of(const an_attrs *a, const an_tensor *x, const an_tensor *kernel,
                   const an_tensor *y);
double an_conv_products(const an_conv *v); /* multiplications, if no tap lies outside */

/* One axis of a grid of targets, each a sum over taps of a kernel at sources:
 * target first + every * i takes, through kernel index tap + tap_every * t, source
 * source + move * i + shift * t; it counts if that is in 0 .. sources. */
typedef struct an_reach {
    int64_t targets, first, every;
    int64_t taps, tap, tap_every;
    int64_t sources, source, move, shift;
} an_reach;
an_reach an_conv_reach(const an_conv *v, int axis);

/* Up to AN_PANEL targets, row by row of a grid, image by image. */
typedef struct an_conv_run {
    int64_t image, row, column;
    int count, lane;
} an_conv_run;
typedef struct an_conv_block {
    an_conv_run run[64];
    int runs, count;
} an_conv_block;
void an_conv_block_at(const an_reach reach[2], int64_t images, int64_t target,
                      an_conv_block *block);

/* Packs `planes` planes of `x`, which has `all` planes an image, from `plane` on: row
 * (plane, tap) of the panel holds what that tap sees from each target of the block. */
void an_conv_pack_block(const an_work *w, const an_reach reach[2], const an_conv_block *block,
                        const float *x, int64_t all, int64_t plane, int64_t planes, float *panel);

#define AN_CONV_DEPTH 256 /* rows of a panel, unless a plane alone has more taps */
/* How planes are cut that fall into groups of `planes`: `groups` whole ones at once, or one, `step`
 * planes at a time. */
typedef struct an_conv_cut {
    int64_t groups, step;
} an_conv_cut;
an_conv_cut an_conv_cut_of(int64_t groups, int64_t planes, int64_t taps);
int64_t an_conv_panel(int64_t taps); /* floats */

int64_t an_conv2d_weigh_units(const an_work *w);
void an_conv2d_weigh(const an_work *w, int64_t begin, int64_t end);
int64_t an_conv2d_units(const an_work *w);
void an_conv2d_run(const an_work *w, int64_t begin, int64_t end);
int64_t an_conv2d_scratch(const an_work *w);

int64_t an_conv_kernel_units(const an_work *w);
void an_conv_kernel_run(const an_work *w, int64_t begin, int64_t end);
int64_t an_conv_kernel_fold_units(const an_work *w);
void an_conv_kernel_fold(const an_work *w, int64_t begin, int64_t end);
int64_t an_conv_kernel_scratch(const an_work *w);

void an_conv2d_ref(const an_work *w);
void an_conv2d_transpose_ref(const an_work *w);
void an_conv_kernel_ref(const an_work *w);

/* Whether w's op leaves the images free: conv2d_transpose. */
bool an_conv_is_transpose(const an_work *w);
an_conv an_conv_of_work(const an_work *w);

#endif
