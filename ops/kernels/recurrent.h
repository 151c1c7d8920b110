/* recurrent.h -- what the gate kernels of the recurrent ops take.
 *
 * They work on one panel of a few rows at one step. A row of the panel is four
 * vectors of 16 floats: the gates i, f, c, o of 16 units of an lstm; of a gru the
 * candidate's sum, the gates z and r, and the state's part of the candidate; of an
 * rnn 64 units. Row r of the batch stands at step at[r] of the tensors [B*T, ...],
 * which are passed with the panel's first unit added: y + unit, gates + unit. */
#ifndef AN_OPS_KERNELS_RECURRENT_H
#define AN_OPS_KERNELS_RECURRENT_H

#include <stdbool.h>
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

typedef struct an_gru_cell {
    int64_t rows, lanes, units;
    const int64_t *at;
    float *z;                   /* 64 a row; gru_reset turns its gates into their values */
    const float *h;             /* the old states, `padded` floats a row */
    float *h_next;
    float *reset;               /* r h, likewise; NULL: the reset gate comes after the product */
    int64_t padded;
    float *y, *gates, *inner;   /* NULL: not wanted */
} an_gru_cell;

typedef struct an_gru_cell_grad {
    int64_t rows, lanes, units;
    const int64_t *at;
    const float *dy;            /* NULL: none */
    const float *gates, *inner, *y;
    int64_t back;               /* the step before at[r] is at[r] + back ... */
    const float *h_first;       /* ... unless this is set: `padded` floats a row */
    float *dh;                  /* becomes what reaches the state before past all products */
    const float *dreset;        /* gru_reset_grad: the gradient of r h */
    int64_t padded;
    float *dz;                  /* 64 a row */
    bool late;                  /* the reset gate's turn comes in gru_reset_grad */
} an_gru_cell_grad;

/* `vectors` of 16 units each, `left` of which exist. */
typedef struct an_rnn_cell {
    int64_t rows, left, units;
    int vectors;
    const int64_t *at;
    const float *z;
    float *h_next;
    int64_t padded;
    float *y;                   /* NULL: not wanted */
    bool rectified;             /* relu in place of tanh */
} an_rnn_cell;

typedef struct an_rnn_cell_grad {
    int64_t rows, left, units;
    int vectors;
    const int64_t *at;
    const float *dy;            /* NULL: none */
    const float *y;
    int64_t back;
    const float *dh;
    int64_t padded;
    float *dz;
    bool rectified;
} an_rnn_cell_grad;

#endif
