/* cases_step.c -- sweep cases of optimizer steps. Rates and decays are large so that
 * each term shows; second moments are positive, as squares are. */
#include "tests/ops/sweep.h"

/* Late and early counters: the bias corrections matter at 1 and have faded at 1000. */
#define ADAM {.beta1 = 0.9f, .beta2 = 0.999f, .eps = 1e-7f}
#define ADAMW {.beta1 = 0.8f, .beta2 = 0.95f, .eps = 1e-3f, .decay = 0.25f}

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
    {0}};
