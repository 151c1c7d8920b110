/* cases_softmax.c -- sweep cases of softmax and its logarithm. */
#include "tests/ops/sweep.h"

#define CASES(op)                                                                                  \
    {op, "last axis", {"f32[B,T,K]"}, .attrs = {.axis = -1}, .ulps = 8, .absolute = 5e-7},         \
    {op, "first axis", {"f32[T,K]"}, .attrs = {.axis = 0}, .ulps = 8, .absolute = 5e-7},           \
    {op, "middle axis", {"f32[B,T,K]"}, .attrs = {.axis = 1}, .ulps = 8, .absolute = 5e-7},        \
    {op, "large logits", {"f32[B,K] 80..120"}, .attrs = {.axis = 1}, .ulps = 16,                   \
     .absolute = 2e-5},                                                                            \
    {op, "many rows", {"f32[700,100]"}, .attrs = {.axis = 1}, .ulps = 8, .absolute = 1e-6}

const an_case an_cases_softmax[] = {CASES("softmax"), CASES("log_softmax"), {0}};
