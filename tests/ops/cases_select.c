/* cases_select.c -- sweep cases of comparing and choosing. */
#include "tests/ops/sweep.h"

#define COMPARE(label, which)                                                                      \
    {"compare", label, {"f32[B,T]", "f32[T]"}, .attrs = {.test = which}, .flags = AN_CASE_NAN_STOPS}

const an_case an_cases_select[] = {
    COMPARE("eq", AN_EQ), COMPARE("ne", AN_NE), COMPARE("lt", AN_LT), COMPARE("le", AN_LE),
    COMPARE("gt", AN_GT), COMPARE("ge", AN_GE),
    {"compare", "i64", {"i64[B,T] -2..2", "i64[B,T] -2..2"}, .attrs = {.test = AN_EQ}},
    {"compare", "i32", {"i32[B,T] -2..2", "i32[] 0..0"}, .attrs = {.test = AN_GE}},
    {"compare", "several units", {"f32[B,8200]", "f32[B,8200]"}, .attrs = {.test = AN_LT},
     .flags = AN_CASE_NAN_STOPS},
    {"where", "equal shapes", {"bool[B,T]", "f32[B,T]", "f32[B,T]"}, .flags = AN_CASE_NAN_STOPS},
    {"where", "all broadcast", {"bool[B,1]", "f32[T]", "f32[]"}, .flags = AN_CASE_NAN_STOPS},
    {"where", "i64", {"bool[B,T]", "i64[B,T] -9..9", "i64[B,T] -9..9"}},
    {"where", "several units", {"bool[B,8200]", "f32[B,8200]", "f32[B,8200]"},
     .flags = AN_CASE_NAN_STOPS},
    {"stop_gradient", "matrix", {"f32[B,T]"}, .zero_grad = 1},
    {0}};
