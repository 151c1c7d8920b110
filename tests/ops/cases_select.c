/* cases_select.c -- sweep cases of comparing and choosing. */
#include "tests/ops/sweep.h"

#define COMPARE(label, which)                                                                      \
    {"compare", label, {"f32[B,T]", "f32[T]"}, .attrs = {.test = which}, .flags = AN_CASE_NAN_STOPS}

#define LOGIC(op)                                                                                  \
    {op, "row broadcast", {"bool[B,T]", "bool[T]"}},                                               \
    {op, "both broadcast", {"bool[B,1]", "bool[T]"}},                                              \
    {op, "several units", {"bool[B,8200]", "bool[B,8200]"}}

const an_case an_cases_select[] = {
    {"compare", "eq", {"f32[B,T]", "f32[T]"}, .attrs = {.test = AN_EQ}, .zero_out = 1,
     .flags = AN_CASE_NAN_STOPS}, /* no two random floats are equal */
    {"compare", "eq, ties", {"f32[B,T] 1..1", "f32[] 1..1"}, .attrs = {.test = AN_EQ},
     .flags = AN_CASE_NAN_STOPS},
    {"compare", "eq, by columns", {"f32[B,1]", "f32[B,8200]"}, .attrs = {.test = AN_NE},
     .flags = AN_CASE_NAN_STOPS},
    COMPARE("ne", AN_NE), COMPARE("lt", AN_LT), COMPARE("le", AN_LE),
    COMPARE("gt", AN_GT), COMPARE("ge", AN_GE),
    {"compare", "i64", {"i64[B,T] -2..2", "i64[B,T] -2..2"}, .attrs = {.test = AN_EQ}},
    {"compare", "i32", {"i32[B,T] -2..2", "i32[] 0..0"}, .attrs = {.test = AN_GE}},
    {"compare", "several units", {"f32[B,8200]", "f32[B,8200]"}, .attrs = {.test = AN_LT},
     .flags = AN_CASE_NAN_STOPS},
    LOGIC("logical_and"), LOGIC("logical_or"), LOGIC("logical_xor"),
    {"logical_not", "matrix", {"bool[B,T]"}},
    {"logical_not", "several units", {"bool[B,8200]"}},
    {"where", "equal shapes", {"bool[B,T]", "f32[B,T]", "f32[B,T]"}, .flags = AN_CASE_NAN_STOPS},
    {"where", "all broadcast", {"bool[B,1]", "f32[T]", "f32[]"}, .flags = AN_CASE_NAN_STOPS},
    {"where", "i64", {"bool[B,T]", "i64[B,T] -9..9", "i64[B,T] -9..9"}},
    {"where", "several units", {"bool[B,8200]", "f32[B,8200]", "f32[B,8200]"},
     .flags = AN_CASE_NAN_STOPS},
    {"stop_gradient", "matrix", {"f32[B,T]"}, .zero_grad = 1},
    {"stop_gradient", "several units", {"f32[B,8200]"}, .zero_grad = 1},
    {0}};
