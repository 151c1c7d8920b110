/* cases_dropout.c -- sweep cases of ops that draw. A dropped NaN is gone. */
#include "tests/ops/sweep.h"

const an_case an_cases_dropout[] = {
    {"dropout", "a fifth", {"f32[B,K]", "key"}, .attrs = {.rate = 0.2f, .stream = 5},
     .flags = AN_CASE_NAN_STOPS},
    {"dropout", "none", {"f32[B,K]", "key"}, .attrs = {.stream = 6}},
    {"dropout", "several units", {"f32[B,8200]", "key"}, .attrs = {.rate = 0.5f, .stream = 7},
     .flags = AN_CASE_NAN_STOPS},
    {0}};
