/* cases_recurrent.c -- sweep cases of the LSTM and its gradient.
 *
 * Gates and cells are drawn within their ranges; lstm_grad takes them as they
 * are, so they need not come from x. Units beyond 16 take a second panel, batches
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
    {0}};
