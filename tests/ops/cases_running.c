/* cases_running.c -- sweep cases of running sums and products. */
#include "tests/ops/sweep.h"

const an_case an_cases_running[] = {
    {"cumsum", "rows", {"f32[B,T]"}, .attrs = {.axis = 1}, .absolute = 1e-6},
    {"cumsum", "columns, exclusive", {"f32[T,D]"}, .attrs = {.exclusive = true},
     .absolute = 1e-6, .flags = AN_CASE_NAN_STOPS},
    {"cumsum", "middle, reversed", {"f32[B,T,D]"}, .attrs = {.axis = -2, .reverse = true},
     .absolute = 1e-6},
    {"cumsum", "reversed, exclusive", {"f32[B,T]"},
     .attrs = {.axis = 1, .reverse = true, .exclusive = true}, .absolute = 1e-6,
     .flags = AN_CASE_NAN_STOPS},
    {"cumsum", "i32", {"i32[B,T] -9..9"}, .attrs = {.axis = 1}},
    {"cumsum", "many", {"f32[60,7,200]"}, .attrs = {.axis = 1}, .absolute = 1e-6},
    {"prod", "rows", {"f32[B,T]"}, .attrs = {.axis = 1}},
    {"prod", "columns", {"f32[T,D]"}},
    {"prod", "middle, kept", {"f32[B,T,D]"}, .attrs = {.axis = -2, .keep = true}},
    {"prod", "i64", {"i64[B,4] -9..9"}, .attrs = {.axis = 1}},
    {"prod", "many", {"f32[9000,6]"}, .attrs = {.axis = 1}},
    {"linear_scan", "rows", {"f32[B,T]", "f32[B,T]"}, .attrs = {.axis = 1, .value = 0.5},
     .absolute = 1e-6, .flags = AN_CASE_NAN_STOPS},
    {"linear_scan", "columns, reversed", {"f32[T,D]", "f32[T,D]"}, .attrs = {.reverse = true},
     .absolute = 1e-6, .flags = AN_CASE_NAN_STOPS},
    {"linear_scan", "products", {"f32[B,T,4]", "-"}, .attrs = {.axis = 1, .value = 1},
     .flags = AN_CASE_NAN_STOPS},
    {"linear_scan", "many", {"f32[40,9,100] -1..1", "f32[40,9,100]"}, .attrs = {.axis = 1},
     .absolute = 1e-6, .flags = AN_CASE_NAN_STOPS},
    {0}};
