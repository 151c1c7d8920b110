/* nn_recurrent.c -- layers with a memory: LSTM, GRU and simple RNN, one way and both.
 *
 * Each is three functions: the layer in a scope that is open, with the first or the
 * second direction's weights; the layer; and two of them side by side. Gates and
 * formulas are the ops'.                                                      */
#include "frontends/layers/layer.h"

static const an_init glorot = {AN_INIT_GLOROT_UNIFORM, 0, 0};
static const an_init orthogonal = {AN_INIT_ORTHOGONAL, 0, 0};

/* What the three differ in, before their ops do. */
typedef struct cell {
    const char *units; /* what messages call their number */
    int gates;         /* columns of the weights for each unit */
    an_init bias;
} cell;

static const cell lstm = {"LSTM: .units", 4, {AN_INIT_FORGET_BIAS, 0, 0}};
static const cell gru = {"GRU: .units", 3, {AN_INIT_ZEROS, 0, 0}};
static const cell rnn = {"RNN: .units", 1, {AN_INIT_ZEROS, 0, 0}};

enum { KERNEL, RECURRENT, BIAS, WEIGHTS };

/* Makes those of `w` that were not handed in, each from its start or the usual one. H is as asked,
 * or that of the recurrent kernel that was handed in; false if nobody says. */
static bool make(const cell *c, an_at at, an_value x, int64_t asked,
                 const an_start *const starts[WEIGHTS], an_value w[WEIGHTS])
{
    const int64_t units = asked == 0 ? units_of(0, w[RECURRENT]) / c->gates : asked;
    const int64_t columns = units < INT64_MAX / c->gates ? c->gates * units : -1;
    if (!is_told(at, x, c->units, units)) return false;
    w[KERNEL] = weight(at, w[KERNEL], x, "kernel", AN_SHAPE(last_dim(x), columns),
                       start(starts[KERNEL], glorot));
    w[RECURRENT] = weight(at, w[RECURRENT], x, "recurrent", AN_SHAPE(units, columns),
                          start(starts[RECURRENT], orthogonal));
    w[BIAS] = weight(at, w[BIAS], x, "bias", AN_SHAPE(columns), start(starts[BIAS], c->bias));
    return true;
}

/* Two in one scope, [.., 2 * units]. */
static an_value both_ways(an_at at, an_value x, const char *name, const void *args,
                          an_value (*one)(const void *args, bool second, bool reverse))
{
    an_scope_open_unique(x, name);
    an_scope_open(x, "forward");
    const an_value forward = one(args, false, false);
    an_scope_close(x);
    an_scope_open(x, "backward");
    const an_value backward = one(args, true, true);
    an_scope_close(x);
    const an_value y = an_concat_at(at, (an_value[]){forward, backward}, 2, -1);
    an_scope_close(x);
    return y;
}

/* ---- LSTM ---------------------------------------------------------------- */

static an_value lstm_in_scope(const void *args, bool second, bool reverse)
{
    const an_lstm_args *a = args;
    const an_lstm_weights *given = second ? &a->backward : &a->weights;
    const an_start *const starts[] = {&a->kernel_start, &a->recurrent_start, &a->bias_start};
    an_value w[] = {given->kernel, given->recurrent, given->bias};
    if (!make(&lstm, a->at, a->x, a->units, starts, w)) return poison(a->x);
    const an_lstm_operands operands = {.x = a->x, .kernel = w[KERNEL], .recurrent = w[RECURRENT],
                                       .bias = w[BIAS], .h0 = a->h0, .c0 = a->c0,
                                       .lengths = a->lengths};
    const an_value y = an_lstm_at(a->at, operands, reverse);
    return a->last ? an_result(y, 1) : y;
}

an_value an_nn_lstm_with(const an_lstm_args *a)
{
    if (!a || an_is_missing(a->x)) return a ? a->x : AN_NONE;
    an_scope_open_unique(a->x, name_or(a->name, "lstm"));
    const an_value y = lstm_in_scope(a, false, a->reverse);
    an_scope_close(a->x);
    return y;
}

an_value an_nn_bilstm_with(const an_lstm_args *a)
{
    if (!a || an_is_missing(a->x)) return a ? a->x : AN_NONE;
    an_lstm_args one = *a;
    one.h0 = one.c0 = AN_NONE;
    return both_ways(a->at, a->x, name_or(a->name, "bilstm"), &one, lstm_in_scope);
}

/* ---- GRU ----------------------------------------------------------------- */

static an_value gru_in_scope(const void *args, bool second, bool reverse)
{
    const an_gru_args *a = args;
    const an_gru_weights *given = second ? &a->backward : &a->weights;
    const an_start *const starts[] = {&a->kernel_start, &a->recurrent_start, &a->bias_start};
    an_value w[] = {given->kernel, given->recurrent, given->bias}, other = given->recurrent_bias;
    if (!make(&gru, a->at, a->x, a->units, starts, w)) return poison(a->x);
    if (!a->reset_before) /* else it is one with the bias */
        other = weight(a->at, other, a->x, "recurrent_bias", AN_SHAPE(last_dim(w[BIAS])),
                       start(starts[BIAS], gru.bias));
    const an_gru_operands operands = {.x = a->x, .kernel = w[KERNEL], .recurrent = w[RECURRENT],
                                      .bias = w[BIAS], .recurrent_bias = other, .h0 = a->h0,
                                      .lengths = a->lengths};
    const an_value y = an_gru_at(a->at, operands, !a->reset_before, reverse);
    return a->last ? an_result(y, 1) : y;
}

an_value an_nn_gru_with(const an_gru_args *a)
{
    if (!a || an_is_missing(a->x)) return a ? a->x : AN_NONE;
    an_scope_open_unique(a->x, name_or(a->name, "gru"));
    const an_value y = gru_in_scope(a, false, a->reverse);
    an_scope_close(a->x);
    return y;
}

an_value an_nn_bigru_with(const an_gru_args *a)
{
    if (!a || an_is_missing(a->x)) return a ? a->x : AN_NONE;
    an_gru_args one = *a;
    one.h0 = AN_NONE;
    return both_ways(a->at, a->x, name_or(a->name, "bigru"), &one, gru_in_scope);
}

/* ---- simple RNN ------------------------------------------------------------ */

static an_value rnn_in_scope(const void *args, bool second, bool reverse)
{
    const an_rnn_args *a = args;
    const an_rnn_weights *given = second ? &a->backward : &a->weights;
    const an_start *const starts[] = {&a->kernel_start, &a->recurrent_start, &a->bias_start};
    an_value w[] = {given->kernel, given->recurrent, given->bias};
    if (!make(&rnn, a->at, a->x, a->units, starts, w)) return poison(a->x);
    const an_rnn_operands operands = {.x = a->x, .kernel = w[KERNEL], .recurrent = w[RECURRENT],
                                      .bias = w[BIAS], .h0 = a->h0, .lengths = a->lengths};
    const an_value y = an_rnn_at(a->at, operands, a->relu, reverse);
    return a->last ? an_result(y, 1) : y;
}

an_value an_nn_rnn_with(const an_rnn_args *a)
{
    if (!a || an_is_missing(a->x)) return a ? a->x : AN_NONE;
    an_scope_open_unique(a->x, name_or(a->name, "rnn"));
    const an_value y = rnn_in_scope(a, false, a->reverse);
    an_scope_close(a->x);
    return y;
}

an_value an_nn_birnn_with(const an_rnn_args *a)
{
    if (!a || an_is_missing(a->x)) return a ? a->x : AN_NONE;
    an_rnn_args one = *a;
    one.h0 = AN_NONE;
    return both_ways(a->at, a->x, name_or(a->name, "birnn"), &one, rnn_in_scope);
}
