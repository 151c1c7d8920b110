/* cases_dynamic.c -- sweep cases of slices whose start is data. */
#include "tests/ops/sweep.h"

const an_case an_cases_dynamic[] = {
    {"dynamic_slice", "rows", {"f32[T,D]", "i32[]<T-1"}, .attrs = {.size = 2},
     .flags = AN_CASE_NAN_STOPS},
    {"dynamic_slice", "middle axis", {"f32[B,V,D]", "i64[]<V-T+1"}, .attrs = {.axis = 1},
     .dims = "size=T", .flags = AN_CASE_NAN_STOPS},
    {"dynamic_slice", "one of the last axis", {"f32[B,V]", "i32[]<V"},
     .attrs = {.axis = -1, .size = 1}, .flags = AN_CASE_NAN_STOPS},
    {"dynamic_slice", "all there is", {"f32[B,T]", "i32[]<1"}, .attrs = {.axis = 1},
     .dims = "size=T", .flags = AN_CASE_NAN_STOPS},
    {"dynamic_slice", "nothing", {"i64[B,T] -9..9", "i32[]<T+1"}, .attrs = {.axis = 1},
     .zero_out = 1},
    {"dynamic_slice", "many", {"f32[40,900]", "i32[]<401"}, .attrs = {.axis = 1, .size = 500},
     .flags = AN_CASE_NAN_STOPS},
    {"update_slice", "rows", {"f32[T,D]", "f32[2,D]", "i32[]<T-1"}, .flags = AN_CASE_NAN_STOPS},
    {"update_slice", "middle axis", {"f32[B,V,D]", "f32[B,T,D]", "i64[]<V-T+1"},
     .attrs = {.axis = 1}, .flags = AN_CASE_NAN_STOPS},
    {"update_slice", "one of the last axis", {"f32[B,V]", "f32[B,1]", "i32[]<V"},
     .attrs = {.axis = -1}, .flags = AN_CASE_NAN_STOPS},
    {"update_slice", "all there is", {"f32[B,T]", "f32[B,T]", "i32[]<1"}, .attrs = {.axis = 1},
     .zero_grad = 1, .flags = AN_CASE_NAN_STOPS},
    {"update_slice", "by nothing", {"f32[B,T]", "f32[B,0]", "i32[]<T+1"}, .attrs = {.axis = 1}},
    {"update_slice", "i32", {"i32[B,V] -9..9", "i32[B,2] -9..9", "i32[]<V-1"},
     .attrs = {.axis = 1}},
    {"update_slice", "many", {"f32[40,900]", "f32[40,500]", "i32[]<401"}, .attrs = {.axis = 1},
     .flags = AN_CASE_NAN_STOPS},
    {0}};
