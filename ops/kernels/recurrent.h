/* recurrent.h -- what the gate kernels of the recurrent ops take.
 *
 * They work on one panel: 16 units of each of a few rows at one step. A row of
 * the panel is 64 floats, the gates i, f, c, o of the 16 units. Row r of the
 * batch stands at step at[r] of the tensors [B*T, ...], which are passed with
 * the panel's first unit added: y + 16 * panel, gates + 16 * panel, and so on. */
#ifndef AN_OPS_KERNELS_RECURRENT_H
#define AN_OPS_KERNELS_RECURRENT_H

#include <stdint.h>

/* From z (64 a row) and the old cells to the new state. */
typedef struct an_lstm_cell {
    int64_t rows, lanes, units; /* lanes: how many of the 16 units exist; units: H */
    const int64_t *at;
    const float *z;
    float *c, *h;               /* states, `padded` floats a row; c is updated in place */
    int64_t padded;
    float *y, *gates, *cells;   /* NULL: not wanted */
} an_lstm_cell;

/* From dh and the saved gates to dz (64 a row) and the cells' new gradient. */
typedef struct an_lstm_cell_grad {
    int64_t rows, lanes, units;
    const int64_t *at;
    const float *dy;            /* NULL: none */
    const float *gates, *cells;
    int64_t back;               /* the step before at[r] is at[r] + back ... */
    const float *c_first;       /* ... unless this is set: `padded` floats a row */
    const float *dh;
    float *dc;                  /* updated in place */
    int64_t padded;
    float *dz;
} an_lstm_cell_grad;

#endif
