/* panel.h -- what the panel product takes: one block of columns of out = a b.
 *
 * `b` is packed: depth rows of AN_PANEL floats, whatever part of them is used, or as
 * panel_packing says; or a matrix as it is, if it has 16 * vectors columns.
 * Packing once and multiplying often is what makes thin products fast.       */
#ifndef AN_OPS_KERNELS_PANEL_H
#define AN_OPS_KERNELS_PANEL_H

#include <stdbool.h>
#include <stdint.h>

#define AN_PANEL 64 /* columns of a panel: four vectors */

/* Floats from one row of what is packed to the next, and from 16 columns to the next. */
typedef struct an_packing {
    int64_t row, vector;
} an_packing;

/* out[r][j] = (by ? by[r] out[r][j] : add ? out[r][j] : 0) + sum over k of a[r][k] * b[k][j],
 * with j in 16 * vectors columns. The sum runs over rising k with one fma each, from zero,
 * so neither the number of rows nor the instruction set shows in the bits. */
typedef struct an_panel {
    float *out;
    int64_t out_row; /* floats from one row of out to the next */
    const float *a;
    int64_t a_row, a_step; /* floats from a row to the next, and from a k; one of both is 1 */
    const float *b;
    int64_t rows, depth;
    int vectors; /* 1 to 4 */
    bool add;
    int64_t b_row;    /* floats from one row of b to the next; 0: AN_PANEL */
    int64_t b_vector; /* floats from 16 columns of b to the next; 0: 16, beside each other */
    const float *by; /* NULL, or of each row by what it is multiplied, rounded with the addition */
} an_panel;

#endif
