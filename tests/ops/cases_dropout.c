/* cases_dropout.c -- sweep cases of ops that draw. A dropped NaN is gone. */
#include "tests/ops/sweep.h"

const an_case an_cases_dropout[] = {
    {"dropout", "a fifth", {"f32[B,K]", "key"}, .attrs = {.rate = 0.2f, .stream = 5},
     .flags = AN_CASE_NAN_STOPS},
    {"dropout", "none", {"f32[B,K]", "key"}, .attrs = {.stream = 6}},
    {"dropout", "several units", {"f32[B,8200]", "key"}, .attrs = {.rate = 0.5f, .stream = 7},
     .flags = AN_CASE_NAN_STOPS},
    {"dropout", "rows of a larger one", {"f32[B,K]", "key", "i64[] 3..9"},
     .attrs = {.rate = 0.2f, .stream = 5}, .flags = AN_CASE_NAN_STOPS},
    {"random_uniform", "f32", {"key"},
     .attrs = {.dtype = AN_F32, .stream = 8, .low = -1, .high = 3}, .dims = "shape=[B,T]"},
    {"random_uniform", "a scalar, f64", {"key"},
     .attrs = {.dtype = AN_F64, .stream = 9, .high = 2}},
    {"random_uniform", "one number", {"key"},
     .attrs = {.dtype = AN_F32, .low = 2, .high = 2}, .dims = "shape=[T]"},
    {"random_uniform", "several units", {"key"},
     .attrs = {.dtype = AN_F32, .stream = 10, .high = 1, .shape = {2, {3, 8199}}}},
    {0}};
