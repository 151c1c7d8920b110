/* cases_recurrent.c -- sweep cases of the recurrent ops and their gradients.
 *
 * Gates and cells are drawn within their ranges; gradients take them as they are,
 * so they need not come from x. Units beyond 16 (of rnn 64) take a second panel, batches
 * beyond 8 a second tile, steps beyond 16 a second chunk.                      */
#include "tests/ops/sweep.h"

#define X "f32[B,T,D]"
#define KERNEL "f32[D,4*H]"
#define RECURRENT "f32[H,4*H]"
#define STATE "f32[B,H]"
#define STEPS "f32[B,T,H]"
#define GATES "f32[B,T,4*H] 0.05..0.95"
#define SMALL .low = -0.7, .high = 0.7
#define NO_GRAD .no_grad_out = 0x18 /* gates and cells are kept for the gradient only */
#define KERNEL3 "f32[D,3*H]"
#define RECURRENT3 "f32[H,3*H]"
#define GATES3 "f32[B,T,3*H] 0.05..0.95"
#define SQUARE_KERNEL "f32[D,H]"
#define SQUARE "f32[H,H]"
#define NO_GRU_GRAD .no_grad_out = 0xC /* gates and inner, likewise */
#define AFTER .attrs = {.reset_after = true}
#define REVERSE .attrs = {.reverse = true}

const an_case an_cases_recurrent[] = {
    {"lstm", "plain", {X, KERNEL, RECURRENT, "-", "-", "-", "-"}, SMALL, NO_GRAD, .absolute = 1e-6},
    {"lstm", "bias and states", {X, KERNEL, RECURRENT, "f32[4*H]", STATE, STATE, "-"},
     SMALL, NO_GRAD, .absolute = 1e-6},
    {"lstm", "ragged", {X, KERNEL, RECURRENT, "f32[4*H]", STATE, STATE, "i32[B]<T+1"},
     SMALL, NO_GRAD, .absolute = 1e-6, .flags = AN_CASE_NAN_STOPS},
    {"lstm", "ragged, reverse", {X, KERNEL, RECURRENT, "-", STATE, "-", "i64[B]<T+1"},
     SMALL, NO_GRAD, .absolute = 1e-6, REVERSE, .flags = AN_CASE_NAN_STOPS},
    {"lstm", "tiles", {"f32[21,19,D]", "f32[D,148]", "f32[37,148]", "f32[148]", "-", "f32[21,37]",
                       "i32[21]<20"},
     SMALL, NO_GRAD, .absolute = 4e-6, .flags = AN_CASE_NAN_STOPS},
    {"lstm", "tiles, reverse", {"f32[12,19,D]", "f32[D,64]", "f32[16,64]", "-", "-", "-", "-"},
     SMALL, NO_GRAD, .absolute = 2e-6, REVERSE},

    /* Of y only the steps before another one count: a NaN in the last is not met. */
    {"lstm_grad", "plain",
     {STEPS, STATE, STATE, X, KERNEL, RECURRENT, "-", "-", "-", STEPS, GATES, STEPS}, SMALL,
     .absolute = 4e-6, .flags = AN_CASE_NAN_STOPS},
    {"lstm_grad", "through the last state",
     {"-", STATE, "-", X, KERNEL, RECURRENT, STATE, "-", "-", STEPS, GATES, STEPS}, SMALL,
     .absolute = 4e-6, .flags = AN_CASE_NAN_STOPS},
    {"lstm_grad", "ragged",
     {STEPS, STATE, STATE, X, KERNEL, RECURRENT, STATE, STATE, "i32[B]<T+1", STEPS, GATES, STEPS},
     SMALL, .absolute = 4e-6, .flags = AN_CASE_NAN_STOPS},
    {"lstm_grad", "ragged, reverse",
     {STEPS, "-", STATE, X, KERNEL, RECURRENT, STATE, STATE, "i64[B]<T+1", STEPS, GATES, STEPS},
     SMALL, .absolute = 4e-6, REVERSE, .flags = AN_CASE_NAN_STOPS},
    {"lstm_grad", "tiles",
     {"f32[21,19,37]", "f32[21,37]", "-", "f32[21,19,70]", "f32[70,148]", "f32[37,148]", "-",
      "f32[21,37]", "i32[21]<20", "f32[21,19,37]", "f32[21,19,148] 0.05..0.95", "f32[21,19,37]"},
     SMALL, .absolute = 1e-4, .flags = AN_CASE_NAN_STOPS},
    {"lstm_grad", "tiles, reverse",
     {"f32[12,19,16]", "-", "-", "f32[12,19,D]", "f32[D,64]", "f32[16,64]", "-", "-", "-",
      "f32[12,19,16]", "f32[12,19,64] 0.05..0.95", "f32[12,19,16]"},
     SMALL, .absolute = 4e-5, REVERSE, .flags = AN_CASE_NAN_STOPS},

    {"gru", "reset before", {X, KERNEL3, RECURRENT3, "-", "-", "-", "-"}, SMALL, NO_GRU_GRAD,
     .absolute = 1e-6},
    {"gru", "reset after", {X, KERNEL3, RECURRENT3, "f32[3*H]", "f32[3*H]", STATE, "-"},
     SMALL, NO_GRU_GRAD, .absolute = 1e-6, AFTER},
    {"gru", "reset before, both biases",
     {X, KERNEL3, RECURRENT3, "f32[3*H]", "f32[3*H]", STATE, "-"},
     SMALL, NO_GRU_GRAD, .absolute = 1e-6},
    {"gru", "ragged", {X, KERNEL3, RECURRENT3, "f32[3*H]", "-", STATE, "i32[B]<T+1"},
     SMALL, NO_GRU_GRAD, .absolute = 1e-6, .flags = AN_CASE_NAN_STOPS},
    {"gru", "ragged, reverse, after",
     {X, KERNEL3, RECURRENT3, "-", "f32[3*H]", STATE, "i64[B]<T+1"},
     SMALL, NO_GRU_GRAD, .absolute = 1e-6, .attrs = {.reverse = true, .reset_after = true},
     .flags = AN_CASE_NAN_STOPS},
    {"gru", "tiles", {"f32[21,19,D]", "f32[D,111]", "f32[37,111]", "f32[111]", "-", "f32[21,37]",
                      "i32[21]<20"},
     SMALL, NO_GRU_GRAD, .absolute = 4e-6, .flags = AN_CASE_NAN_STOPS},
    {"gru", "tiles, after", {"f32[21,19,D]", "f32[D,111]", "f32[37,111]", "-", "f32[111]", "-",
                             "i32[21]<20"},
     SMALL, NO_GRU_GRAD, .absolute = 4e-6, AFTER, .flags = AN_CASE_NAN_STOPS},
    {"gru", "tiles, reverse", {"f32[12,19,D]", "f32[D,48]", "f32[16,48]", "-", "-", "-", "-"},
     SMALL, NO_GRU_GRAD, .absolute = 2e-6, REVERSE},

    {"gru_grad", "reset before",
     {STEPS, STATE, X, KERNEL3, RECURRENT3, "-", "-", STEPS, GATES3, STEPS},
     SMALL, .absolute = 4e-6, .flags = AN_CASE_NAN_STOPS},
    {"gru_grad", "reset after",
     {STEPS, STATE, X, KERNEL3, RECURRENT3, STATE, "-", STEPS, GATES3, STEPS},
     SMALL, .absolute = 4e-6, AFTER, .flags = AN_CASE_NAN_STOPS},
    {"gru_grad", "through the last state",
     {"-", STATE, X, KERNEL3, RECURRENT3, STATE, "-", STEPS, GATES3, STEPS}, SMALL,
     .absolute = 4e-6, .flags = AN_CASE_NAN_STOPS},
    {"gru_grad", "ragged",
     {STEPS, STATE, X, KERNEL3, RECURRENT3, STATE, "i32[B]<T+1", STEPS, GATES3, STEPS},
     SMALL, .absolute = 4e-6, .flags = AN_CASE_NAN_STOPS},
    {"gru_grad", "ragged, reverse, after",
     {STEPS, "-", X, KERNEL3, RECURRENT3, STATE, "i64[B]<T+1", STEPS, GATES3, STEPS},
     SMALL, .absolute = 4e-6, .attrs = {.reverse = true, .reset_after = true},
     .flags = AN_CASE_NAN_STOPS},
    {"gru_grad", "tiles",
     {"f32[21,19,37]", "f32[21,37]", "f32[21,19,70]", "f32[70,111]", "f32[37,111]", "-",
      "i32[21]<20", "f32[21,19,37]", "f32[21,19,111] 0.05..0.95", "f32[21,19,37]"},
     SMALL, .absolute = 1e-4, .flags = AN_CASE_NAN_STOPS},
    {"gru_grad", "tiles, reverse, after",
     {"f32[12,19,37]", "-", "f32[12,19,D]", "f32[D,111]", "f32[37,111]", "f32[12,37]", "-",
      "f32[12,19,37]", "f32[12,19,111] 0.05..0.95", "f32[12,19,37]"},
     SMALL, .absolute = 1e-4, .attrs = {.reverse = true, .reset_after = true},
     .flags = AN_CASE_NAN_STOPS},

    {"rnn", "tanh", {X, SQUARE_KERNEL, SQUARE, "f32[H]", STATE, "-"}, SMALL, .absolute = 1e-6},
    {"rnn", "relu", {X, SQUARE_KERNEL, SQUARE, "f32[H]", "-", "-"}, SMALL, .absolute = 1e-6,
     .attrs = {.rectified = true}, .flags = AN_CASE_NAN_STOPS},
    {"rnn", "ragged, reverse", {X, SQUARE_KERNEL, SQUARE, "-", STATE, "i64[B]<T+1"}, SMALL,
     .absolute = 1e-6, REVERSE, .flags = AN_CASE_NAN_STOPS},
    {"rnn", "tiles", {"f32[21,19,D]", "f32[D,85]", "f32[85,85] -0.1..0.1", "f32[85]", "f32[21,85]",
                      "i32[21]<20"},
     SMALL, .absolute = 4e-6, .flags = AN_CASE_NAN_STOPS},
    {"rnn", "tiles, relu", {"f32[12,19,D]", "f32[D,16]", "f32[16,16] -0.1..0.1", "-", "-", "-"},
     SMALL, .absolute = 4e-6, .attrs = {.rectified = true}, .flags = AN_CASE_NAN_STOPS},

    {"rnn_grad", "tanh", {STEPS, STATE, X, SQUARE_KERNEL, SQUARE, STATE, "-", STEPS},
     SMALL, .absolute = 4e-6, .flags = AN_CASE_NAN_STOPS},
    {"rnn_grad", "relu", {STEPS, "-", X, SQUARE_KERNEL, SQUARE, "-", "-", STEPS},
     SMALL, .absolute = 4e-6, .attrs = {.rectified = true}, .flags = AN_CASE_NAN_STOPS},
    {"rnn_grad", "through the last state, ragged",
     {"-", STATE, X, SQUARE_KERNEL, SQUARE, STATE, "i32[B]<T+1", STEPS},
     SMALL, .absolute = 4e-6, REVERSE, .flags = AN_CASE_NAN_STOPS},
    {"rnn_grad", "tiles",
     {"f32[21,19,85]", "f32[21,85]", "f32[21,19,70]", "f32[70,85]", "f32[85,85] -0.1..0.1", "-",
      "i32[21]<20", "f32[21,19,85]"},
     SMALL, .absolute = 1e-4, .flags = AN_CASE_NAN_STOPS},
    {0}};
