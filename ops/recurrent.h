/* recurrent.h -- how lstm and lstm_grad cut their work, and what both write down.
 *
 * One step of one row is the product of a stacked row u = [x_t, 1, h_(t-1)] with
 * the stacked weights W = [kernel; bias; recurrent]: z = u W. Backward,
 * dW = u' dz and [dx, -, dh] = dz W'. So one packed matrix and one product serve
 * inputs, bias and recurrence alike.
 *
 * The batch is cut into tiles of rows that run all steps alone. Rows are sorted
 * by falling length first, so the rows of a tile still running at a step are its
 * first ones, and steps past a row's length cost nothing. Steps are taken in
 * chunks: products that need not wait for the recurrence are done for a chunk at
 * once, while its numbers are in the cache.                                  */
#ifndef AN_OPS_RECURRENT_H
#define AN_OPS_RECURRENT_H

#include "ops/kernels/kernels.h"
#include "ops/op.h"

enum { LSTM_X, LSTM_KERNEL, LSTM_RECURRENT, LSTM_BIAS, LSTM_H0, LSTM_C0, LSTM_LENGTHS };
enum { LSTM_Y, LSTM_H, LSTM_C, LSTM_GATES, LSTM_CELLS };

enum {
    GRAD_DY, GRAD_DH, GRAD_DC, GRAD_X, GRAD_KERNEL, GRAD_RECURRENT, GRAD_H0, GRAD_C0,
    GRAD_LENGTHS, GRAD_Y, GRAD_GATES, GRAD_CELLS, GRAD_INPUTS
};
enum { GRAD_DX, GRAD_DKERNEL, GRAD_DRECURRENT, GRAD_DBIAS, GRAD_DH0, GRAD_DC0 };

/* A row of the batch, and how many of its steps are real. */
typedef struct an_lstm_row {
    int64_t batch, length;
} an_lstm_row;

/* All of it follows from the shapes, never from the number of threads. */
typedef struct an_lstm_cut {
    int64_t batch, time, features, units; /* B, T, D, H */
    int64_t gates;                        /* 4H */
    int64_t stacked;                      /* D + 1 + H: a row of u */
    int64_t panels, padded;               /* groups of 16 units; H rounded up to them */
    int64_t rows, tiles;                  /* batch rows a tile, and how many tiles */
    int64_t steps, chunk;                 /* steps a chunk, and rows * steps */
    bool reverse;
} an_lstm_cut;

an_lstm_cut an_lstm_measure(const an_work *w, int x, int recurrent);

/* The length of batch row b: T if none are given; outside 0..T it is raised and 0. */
int64_t an_lstm_length(const an_work *w, int lengths, int64_t b, int64_t time);
/* Sets rows[B], sorted by falling length, equal lengths in batch order. `bins` has
 * T + 1 elements. */
void an_lstm_order(const an_work *w, int lengths, const an_lstm_cut *cut, an_lstm_row *rows,
                   int64_t *bins);

/* Where step number s of a row stands in a [B*T, ...] tensor. */
static inline int64_t an_lstm_position(const an_lstm_cut *cut, an_lstm_row row, int64_t s)
{
    return row.batch * cut->time + (cut->reverse ? row.length - 1 - s : s);
}

/* How many of a tile's rows, sorted, still run at step s. */
static inline int64_t an_lstm_running(const an_lstm_row *rows, int64_t count, int64_t s)
{
    while (count > 0 && rows[count - 1].length <= s) count--;
    return count;
}

/* Zeros the elements of rows at or past a length: [T, width] floats of each batch row. */
void an_lstm_skip(const an_lstm_cut *cut, an_lstm_row row, float *data, int64_t width);

/* Copies rows [rows][units] of a state into padded ones, or zeros where absent. */
void an_lstm_load_state(const an_lstm_cut *cut, const an_lstm_row *rows, int64_t count,
                        const float *from, float *to);

/* Asks for a row that is read a step or a chunk later: the rows of a batch lie far
 * apart, more streams than the hardware follows by itself. */
static inline void an_lstm_fetch(const float *row, int64_t count)
{
    for (int64_t i = 0; i < count; i += 16) __builtin_prefetch(row + i);
}

/* Lays a block of a * b elements into scratch at a multiple of 64 bytes: returns
 * its offset and moves *used on; *used becomes -1 when a size overflows. */
int64_t an_lstm_place(int64_t *used, int64_t a, int64_t b, int64_t element);

/* Bytes of scratch that the loops in double need (recurrent_ref.c). */
int64_t an_lstm_ref_scratch(const an_lstm_cut *cut);
int64_t an_lstm_grad_ref_scratch(const an_lstm_cut *cut);
void an_lstm_ref(const an_work *w);
void an_lstm_grad_ref(const an_work *w);

#endif
