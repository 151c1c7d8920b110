/* recurrent.h -- what lstm, gru, rnn and their gradients share: how they cut their
 * work, how weights lie in panels, and the walk through the steps.
 *
 * One step of one row is the product of a stacked row u = [x_t, 1, h_(t-1)] with
 * the stacked weights W = [kernel; bias; recurrent]: z = u W. Backward,
 * dW = u' dz and [dx, -, dh] = dz W'. So one packed matrix and one product serve
 * inputs, bias and recurrence alike.
 *
 * A panel of W is four vectors of 16 columns. Those of lstm are its gates, of 16
 * units each; of gru one more than it has gates, for its candidate's two sums stay
 * apart until the reset gate is known; those of rnn are 64 units of its one sum. A
 * layout says which columns a vector holds, and which vectors x and h go into.
 *
 * The batch is cut into tiles of rows that run all steps alone. Rows are sorted
 * by falling length first, so the rows of a tile still running at a step are its
 * first ones, and steps past a row's length cost nothing. Steps are taken in
 * chunks: products that need not wait for the recurrence are done for a chunk at
 * once, while its numbers are in the cache.                                  */
#ifndef AN_OPS_RECURRENT_H
#define AN_OPS_RECURRENT_H

#include "ops/access.h"
#include "ops/kernels/kernels.h"
#include "ops/op.h"

/* ---- operands and results ----------------------------------------------- */

enum { LSTM_X, LSTM_KERNEL, LSTM_RECURRENT, LSTM_BIAS, LSTM_H0, LSTM_C0, LSTM_LENGTHS };
enum { LSTM_Y, LSTM_H, LSTM_C, LSTM_GATES, LSTM_CELLS };

enum {
    GRAD_DY, GRAD_DH, GRAD_DC, GRAD_X, GRAD_KERNEL, GRAD_RECURRENT, GRAD_H0, GRAD_C0,
    GRAD_LENGTHS, GRAD_Y, GRAD_GATES, GRAD_CELLS, GRAD_INPUTS
};
enum { GRAD_DX, GRAD_DKERNEL, GRAD_DRECURRENT, GRAD_DBIAS, GRAD_DH0, GRAD_DC0 };

enum { GRU_X, GRU_KERNEL, GRU_RECURRENT, GRU_BIAS, GRU_RECURRENT_BIAS, GRU_H0, GRU_LENGTHS };
enum { GRU_Y, GRU_H, GRU_GATES, GRU_INNER };

enum {
    GRU_GRAD_DY, GRU_GRAD_DH, GRU_GRAD_X, GRU_GRAD_KERNEL, GRU_GRAD_RECURRENT, GRU_GRAD_H0,
    GRU_GRAD_LENGTHS, GRU_GRAD_Y, GRU_GRAD_GATES, GRU_GRAD_INNER, GRU_GRAD_INPUTS
};
enum {
    GRU_GRAD_DX, GRU_GRAD_DKERNEL, GRU_GRAD_DRECURRENT, GRU_GRAD_DBIAS, GRU_GRAD_DRECURRENT_BIAS,
    GRU_GRAD_DH0
};

enum { RNN_X, RNN_KERNEL, RNN_RECURRENT, RNN_BIAS, RNN_H0, RNN_LENGTHS };
enum { RNN_Y, RNN_H };

enum {
    RNN_GRAD_DY, RNN_GRAD_DH, RNN_GRAD_X, RNN_GRAD_KERNEL, RNN_GRAD_RECURRENT, RNN_GRAD_H0,
    RNN_GRAD_LENGTHS, RNN_GRAD_Y, RNN_GRAD_INPUTS
};
enum { RNN_GRAD_DX, RNN_GRAD_DKERNEL, RNN_GRAD_DRECURRENT, RNN_GRAD_DBIAS, RNN_GRAD_DH0 };

/* Which operand or result is what, of an op and of its gradient; -1: it has none. */
typedef struct an_recurrent_ports {
    const char *name;    /* "lstm" */
    int op_grad;         /* the gradient's opcode */
    int gates;           /* columns of the weights, in units */
    const char *columns; /* what they are, for a hint */
    signed char x, kernel, recurrent, bias, recurrent_bias, h0, c0, lengths;
    signed char y, h, c, all_gates, kept; /* kept: [B,T,H] that serves the gradient */
    struct {
        signed char inputs, dy, dh, dc, x, kernel, recurrent, h0, c0, lengths, y, all_gates, kept;
        signed char dx, dkernel, drecurrent, dbias, drecurrent_bias, dh0, dc0;
    } grad;
} an_recurrent_ports;

static inline const float *an_port_in(const an_work *w, int port)
{
    return port < 0 ? NULL : w->in[port].data;
}

static inline float *an_port_out(const an_work *w, int port)
{
    return port < 0 ? NULL : w->out[port].data;
}

/* The same from a unit on; NULL stays. */
static inline const float *an_port_in_from(const an_work *w, int port, int64_t unit)
{
    const float *data = an_port_in(w, port);
    return data ? data + unit : NULL;
}

static inline float *an_port_out_from(const an_work *w, int port, int64_t unit)
{
    float *data = an_port_out(w, port);
    return data ? data + unit : NULL;
}

/* ---- types and gradients (recurrent_types.c) ---------------------------- */

an_status an_recurrent_infer(const an_infer *q, an_type out[]);
an_status an_recurrent_infer_grad(const an_infer *q, an_type out[]);
/* Through y and the last states; none flows from what is kept for the gradient itself. */
void an_recurrent_grad(const an_call *c, const an_value dy[], an_value dx[]);

/* ---- how work is cut (recurrent_cut.c) ---------------------------------- */

/* Vectors of a panel that lie beside each other. */
typedef struct an_vectors {
    int from, count;
} an_vectors;

typedef struct an_recurrent_layout {
    int panel_units;     /* 16: a vector is a gate; 64: a vector is 16 units of the only one */
    signed char kernel[4], recurrent[4]; /* the gate whose columns a vector holds; -1: none */
    an_vectors x, h;     /* what x and the state are multiplied into */
    bool late;           /* vector 0 is not for the state, but for what `kept` holds of it */
} an_recurrent_layout;

/* A row of the batch, and how many of its steps are real. */
typedef struct an_recurrent_row {
    int64_t batch, length;
} an_recurrent_row;

/* All of it follows from the shapes, never from the number of threads. */
typedef struct an_recurrent_cut {
    int64_t batch, time, features, units; /* B, T, D, H */
    int64_t gates;                        /* columns of the weights: 4H, 3H or H */
    int64_t stacked;                      /* D + 1 + H: a row of u */
    int64_t sums;                         /* the same, and H more if the layout is late */
    int64_t panel_units, panels, padded;  /* H in panels; H rounded up to them */
    int64_t rows, tiles;                  /* batch rows a tile, and how many tiles */
    int64_t steps, chunk;                 /* steps a chunk, and rows * steps */
    int64_t apart; /* rows from a panel of a chunk to the next: not a power of 2, so that the
                    * same row of all panels does not meet in one set of a cache */
    bool reverse;
} an_recurrent_cut;

/* Of an op, and of its gradient. */
an_recurrent_cut an_recurrent_measure(const an_work *w);
an_recurrent_cut an_recurrent_measure_grad(const an_work *w);

/* How many of the 16 units of vector v of a panel there are; the first is *unit. */
int64_t an_recurrent_lanes(const an_recurrent_cut *cut, int64_t panel, int v, int64_t *unit);
/* How many of these vectors of a panel have units. */
int an_recurrent_used(const an_recurrent_cut *cut, int64_t panel, an_vectors v);

/* Packing reads pieces of rows that lie far apart: asks for one AN_PACK_AHEAD rows ahead. */
enum { AN_PACK_AHEAD = 8 };
static inline void an_recurrent_fetch(const float *from, int64_t by)
{
    __builtin_prefetch((const char *)((uintptr_t)from + (uintptr_t)(by * (int64_t)sizeof *from)));
}

/* The length of batch row b: T if none are given; outside 0..T it is raised and 0. */
int64_t an_recurrent_length(const an_work *w, int lengths, int64_t b, int64_t time);
/* Sets rows[B], sorted by falling length, equal lengths in batch order. `bins` has
 * T + 1 elements. */
void an_recurrent_order(const an_work *w, int lengths, const an_recurrent_cut *cut,
                        an_recurrent_row *rows, int64_t *bins);

/* Where step number s of a row stands in a [B*T, ...] tensor. */
static inline int64_t an_recurrent_position(const an_recurrent_cut *cut, an_recurrent_row row,
                                            int64_t s)
{
    return row.batch * cut->time + (cut->reverse ? row.length - 1 - s : s);
}

/* How many of a tile's rows, sorted, still run at step s. */
static inline int64_t an_recurrent_running(const an_recurrent_row *rows, int64_t count, int64_t s)
{
    while (count > 0 && rows[count - 1].length <= s) count--;
    return count;
}

/* Zeros the elements of rows at or past a length: [T, width] floats of each batch row. */
void an_recurrent_skip(const an_recurrent_cut *cut, an_recurrent_row row, float *data,
                       int64_t width);

/* Copies rows [rows][units] of a state into padded ones, or zeros where absent. */
void an_recurrent_load_state(const an_recurrent_cut *cut, const an_recurrent_row *rows,
                             int64_t count, const float *from, float *to);

/* What stages and plain loops can share; -1 if either overflows. */
static inline int64_t an_recurrent_larger(int64_t a, int64_t b)
{
    return a < 0 || b < 0 ? -1 : a > b ? a : b;
}

/* ---- forward (recurrent_walk.c) ----------------------------------------- */

/* An op of the family: in its record, and in that of its gradient. */
typedef struct an_recurrent_tile an_recurrent_tile;
typedef struct an_recurrent_op {
    const an_recurrent_ports *ports;
    an_recurrent_layout layout;
    bool cells; /* there is a state c beside h */
    /* Forward: the first `running` rows, whose z, x's part of it, begins at row n of the chunk. */
    void (*step)(const an_recurrent_tile *k, int64_t running, int64_t n);
    /* Backward: step s, from dh to the dh before; its dz becomes rows n and on of the chunk. */
    void (*back)(const an_recurrent_tile *k, int64_t s, int64_t running, int64_t n);
    /* Bytes that the loops in double need. */
    int64_t (*ref_scratch)(const an_work *w);
    int64_t (*grad_ref_scratch)(const an_work *w);
} an_recurrent_op;

/* That of a piece of work: with the reset gate after the product, the record's second one. */
static inline const an_recurrent_op *an_recurrent_of(const an_work *w)
{
    return w->op->rules->recurrent[w->attrs->reset_after];
}

/* What a tile of rows works on; of a gradient z is dz, h is dh, and so on. */
struct an_recurrent_tile {
    const an_work *w;
    const an_recurrent_op *op;
    an_recurrent_cut cut;
    const an_recurrent_row *rows; /* of this tile */
    int64_t count;
    const float *kernel, *recurrent; /* packed */
    an_packing lies;                 /* how */
    float *z, *h;
    float *second;       /* c, or of a late layout what `kept` will hold; its gradient */
    float *h_next;       /* forward: the states after the step; h: before it */
    float *first;        /* backward: h0, or c0 where there are cells */
    float *input;        /* rows of the chunk that are multiplied at once */
    float *dx, *dw;
    float *flat;         /* backward: rows of dz, [vector][panel][16] */
    int64_t *at;
    bool want_dw;
};

/* z += state * the recurrent weights of these vectors of a panel. */
void an_recurrent_add_product(const an_recurrent_tile *k, int64_t panel, int64_t running,
                              int64_t n, const float *state, an_vectors v);
/* The chunk's z of a panel from row n on. */
static inline float *an_recurrent_z(const an_recurrent_tile *k, int64_t panel, int64_t n)
{
    return k->z + (panel * k->cut.apart + n) * AN_PANEL;
}

/* The stages, and the rest of a record. */
int64_t an_recurrent_scratch(const an_work *w);
int64_t an_recurrent_prepare_units(const an_work *w);
void an_recurrent_prepare(const an_work *w, int64_t begin, int64_t end);
int64_t an_recurrent_walk_units(const an_work *w);
void an_recurrent_walk(const an_work *w, int64_t begin, int64_t end);
double an_recurrent_flops(const an_work *w);

/* ---- backward (recurrent_back.c) ---------------------------------------- */

/* state (+)= dz * transposed recurrent weights, of these vectors of all panels. */
void an_recurrent_spread(const an_recurrent_tile *k, int64_t running, int64_t n, an_vectors v,
                         float *state, bool add);

/* The stacked rows of a chunk (recurrent_stack.c): floats of one; those of a step, which begin at
 * row n, beside their dz; and with the chunk's n rows of dz, what they add to the weights'
 * gradients of the tile. */
int64_t an_recurrent_stacked_width(const an_recurrent_cut *cut);
void an_recurrent_stack_step(const an_recurrent_tile *k, int64_t s, int64_t running, int64_t n);
void an_recurrent_add_weights(const an_recurrent_tile *k, int64_t n);

int64_t an_recurrent_back_scratch(const an_work *w);
int64_t an_recurrent_back_prepare_units(const an_work *w);
void an_recurrent_back_prepare(const an_work *w, int64_t begin, int64_t end);
int64_t an_recurrent_back_units(const an_work *w);
void an_recurrent_back(const an_work *w, int64_t begin, int64_t end);
int64_t an_recurrent_sum_units(const an_work *w);
void an_recurrent_sum(const an_work *w, int64_t begin, int64_t end);
double an_recurrent_back_flops(const an_work *w);

/* ---- the loops in double (lstm_ref.c, gru_ref.c, rnn_ref.c) -------------- */

/* 0 where it is absent. */
static inline double an_recurrent_at(const an_tensor *t, int64_t i)
{
    return t->data ? an_get(t, i) : 0.0;
}
/* sum += x * row */
void an_recurrent_add_scaled(double *restrict sum, double x, const double *restrict row,
                             int64_t count);

int64_t an_lstm_ref_scratch(const an_work *w);
int64_t an_lstm_grad_ref_scratch(const an_work *w);
void an_lstm_ref(const an_work *w);
void an_lstm_grad_ref(const an_work *w);
int64_t an_gru_ref_scratch(const an_work *w);
int64_t an_gru_grad_ref_scratch(const an_work *w);
void an_gru_ref(const an_work *w);
void an_gru_grad_ref(const an_work *w);
int64_t an_rnn_ref_scratch(const an_work *w);
int64_t an_rnn_grad_ref_scratch(const an_work *w);
void an_rnn_ref(const an_work *w);
void an_rnn_grad_ref(const an_work *w);

#endif
