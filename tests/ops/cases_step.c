/* cases_step.c -- sweep cases of optimizer steps. Rates and decays are large so that
 * each term shows; second moments are positive, as squares are. */
#include "tests/ops/sweep.h"

/* Late and early counters: the bias corrections matter at 1 and have faded at 1000. */
#define ADAM {.beta1 = 0.9f, .beta2 = 0.999f, .eps = 1e-7f}
#define RMSPROP {.rho = 0.9f, .eps = 1e-7f}
#define ADAMW {.beta1 = 0.8f, .beta2 = 0.95f, .eps = 1e-3f, .decay = 0.25f}

/* The last operand: whether a step is taken, or a gradient is the first. */
static void say_no(an_tensor in[])
{
    int last = 0;
    while (in[last].dtype != AN_BOOL) last++;
    *(bool *)in[last].data = false;
}

static void say_yes(an_tensor in[])
{
    int last = 0;
    while (in[last].dtype != AN_BOOL) last++;
    *(bool *)in[last].data = true;
}

const an_case an_cases_step[] = {
    {"global_norm", "clipped", {"f32[B,K]", "f32[K]", "f32[]"}, .attrs = {.clip = 0.25}},
    {"global_norm", "below", {"f32[B,K]"}, .attrs = {.clip = 1000}, .zero_grad = 0},
    {"global_norm", "several units", {"f32[B,65539]", "f32[9]"}, .attrs = {.clip = 1}},
    {"sgd_step", "plain", {"f32[B,K]", "f32[B,K]", "f32[] 0.2..0.5"}},
    {"sgd_step", "decay, scaled", {"f32[K]", "f32[K]", "f32[] 0.2..0.5", "f32[] 0.3..0.6"},
     .attrs = {.decay = 0.25f}, .absolute = 1e-6},
    {"sgd_step", "several units", {"f32[B,16390]", "f32[B,16390]", "f32[] 0.2..0.5"},
     .absolute = 1e-6},
    {"momentum_step", "plain", {"f32[B,K]", "f32[B,K]", "f32[B,K]", "f32[] 0.2..0.5"},
     .attrs = {.momentum = 0.9f}, .absolute = 1e-6},
    {"momentum_step", "nesterov, decay, scaled",
     {"f32[K]", "f32[K]", "f32[K]", "f32[] 0.2..0.5", "f32[] 0.3..0.6"},
     .attrs = {.momentum = 0.8f, .nesterov = true, .decay = 0.25f}, .absolute = 1e-6},
    {"momentum_step", "several units",
     {"f32[B,16390]", "f32[B,16390]", "f32[B,16390]", "f32[] 0.2..0.5"},
     .attrs = {.momentum = 0.9f}, .absolute = 1e-6},
    {"adam_step", "first step",
     {"f32[B,K]", "f32[B,K]", "f32[B,K]", "f32[B,K]", "f32[] 0.2..0.5", "i64[] 1..1"},
     .attrs = ADAM, .low = 0.1, .high = 2, .absolute = 4e-6},
    {"adam_step", "decay, scaled",
     {"f32[K]", "f32[K]", "f32[K]", "f32[K]", "f32[] 0.2..0.5", "i64[] 2..9",
      "f32[] 0.3..0.6"},
     .attrs = ADAMW, .low = 0.1, .high = 2, .absolute = 4e-6},
    {"adam_step", "several units",
     {"f32[B,16390]", "f32[B,16390]", "f32[B,16390]", "f32[B,16390]", "f32[] 0.2..0.5",
      "i64[] 1000..1000"},
     .attrs = ADAM, .low = 0.1, .high = 2, .absolute = 4e-6},
    {"rmsprop_step", "plain", {"f32[B,K]", "f32[B,K]", "f32[B,K]", "-", "-", "f32[] 0.2..0.5"},
     .attrs = RMSPROP, .low = 0.1, .high = 2, .absolute = 4e-6},
    {"rmsprop_step", "centered, velocity, decay, scaled",
     {"f32[K]", "f32[K] 0.1..0.5", "f32[K] 1..2", "f32[K] -0.5..0.5", "f32[K]", "f32[] 0.2..0.5",
      "f32[] 0.3..0.6"},
     .attrs = {.rho = 0.8f, .momentum = 0.75f, .eps = 1e-3f, .decay = 0.25f}, .absolute = 4e-6},
    {"rmsprop_step", "centered, eps outside",
     {"f32[K]", "f32[K] 0.1..0.5", "f32[K] 1..2", "f32[K] -0.5..0.5", "-", "f32[] 0.2..0.5"},
     .attrs = {.rho = 0.8f, .eps = 0.125f, .outside = true}, .absolute = 4e-6},
    {"rmsprop_step", "the mean's square above the mean of squares",
     {"f32[K]", "f32[K] 0.1..0.5", "f32[K] 0.01..0.02", "f32[K] 1..2", "-", "f32[] 0.2..0.5"},
     .attrs = {.rho = 0.8f, .eps = 0.125f}, .absolute = 4e-6},
    {"rmsprop_step", "several units",
     {"f32[B,16390]", "f32[B,16390]", "f32[B,16390]", "-", "f32[B,16390]", "f32[] 0.2..0.5"},
     .attrs = {.rho = 0.9f, .momentum = 0.5f, .eps = 1e-7f}, .low = 0.1, .high = 2,
     .absolute = 4e-6},
    {"adagrad_step", "plain", {"f32[B,K]", "f32[B,K]", "f32[B,K] 0.1..2", "f32[] 0.2..0.5"},
     .attrs = {.eps = 1e-7f}, .absolute = 4e-6},
    {"adagrad_step", "eps outside, decay, scaled",
     {"f32[K]", "f32[K]", "f32[K] 0.1..2", "f32[] 0.2..0.5", "f32[] 0.3..0.6"},
     .attrs = {.eps = 0.125f, .outside = true, .decay = 0.25f}, .absolute = 4e-6},
    {"adagrad_step", "several units",
     {"f32[B,16390]", "f32[B,16390]", "f32[B,16390] 0.1..2", "f32[] 0.2..0.5"},
     .attrs = {.eps = 1e-7f}, .absolute = 4e-6},
    {"sgd_step", "taken", {"f32[K]", "f32[K]", "f32[] 0.2..0.5", "-", "bool[]"},
     .prepare = say_yes},
    {"sgd_step", "not taken", {"f32[K]", "f32[K]", "f32[] 0.2..0.5", "-", "bool[]"},
     .prepare = say_no, .flags = AN_CASE_NAN_STOPS, .zero_grad = 6},
    {"momentum_step", "not taken, several units",
     {"f32[B,16390]", "f32[B,16390]", "f32[B,16390]", "f32[] 0.2..0.5", "f32[] 0.3..0.6", "bool[]"},
     .attrs = {.momentum = 0.9f}, .prepare = say_no, .flags = AN_CASE_NAN_STOPS,
     .zero_grad = 2 | 8 | 16},
    {"adam_step", "taken",
     {"f32[K]", "f32[K]", "f32[K]", "f32[K]", "f32[] 0.2..0.5", "i64[] 2..9", "-", "bool[]"},
     .attrs = ADAMW, .low = 0.1, .high = 2, .absolute = 4e-6, .prepare = say_yes},
    {"adam_step", "not taken",
     {"f32[K]", "f32[K]", "f32[K]", "f32[K]", "f32[] 0.2..0.5", "i64[] 2..9", "-", "bool[]"},
     .attrs = ADAMW, .low = 0.1, .high = 2, .prepare = say_no, .flags = AN_CASE_NAN_STOPS,
     .zero_grad = 2 | 16},
    {"rmsprop_step", "not taken",
     {"f32[K]", "f32[K]", "f32[K]", "-", "f32[K]", "f32[] 0.2..0.5", "-", "bool[]"},
     .attrs = RMSPROP, .low = 0.1, .high = 2, .prepare = say_no, .flags = AN_CASE_NAN_STOPS,
     .zero_out = 4, .zero_grad = 2 | 32},
    {"adagrad_step", "not taken",
     {"f32[K]", "f32[K]", "f32[K] 0.1..2", "f32[] 0.2..0.5", "-", "bool[]"},
     .attrs = {.eps = 1e-7f}, .prepare = say_no, .flags = AN_CASE_NAN_STOPS,
     .zero_grad = 2 | 8},
    {"sum_step", "first", {"f32[B,K]", "f32[B,K]", "bool[]"}, .prepare = say_yes,
     .flags = AN_CASE_NAN_STOPS, .zero_grad = 1},
    {"sum_step", "several units", {"f32[B,16390]", "f32[B,16390]", "bool[]"}, .prepare = say_no,
     .absolute = 1e-6},
    {"average_step", "plain", {"f32[B,K]", "f32[B,K]", "f32[] 0.1..0.9"}, .absolute = 1e-6},
    {"average_step", "taken, several units",
     {"f32[B,16390]", "f32[B,16390]", "f32[] 0.1..0.9", "bool[]"}, .prepare = say_yes,
     .absolute = 1e-6},
    {"average_step", "not taken", {"f32[K]", "f32[K]", "f32[] 0.1..0.9", "bool[]"},
     .prepare = say_no, .flags = AN_CASE_NAN_STOPS, .zero_grad = 2 | 4},
    {0}};
