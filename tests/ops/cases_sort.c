/* cases_sort.c -- sweep cases of ops that put elements in order. */
#include "tests/ops/sweep.h"

const an_case an_cases_sort[] = {
    {"sort", "rows", {"f32[B,T]"}, .attrs = {.axis = -1}, .no_grad_out = 2u,
     .flags = AN_CASE_APART},
    {"sort", "columns, descending", {"f32[T,D]"}, .attrs = {.descending = true},
     .no_grad_out = 2u, .flags = AN_CASE_APART},
    {"sort", "middle", {"f32[B,T,2]"}, .attrs = {.axis = 1}, .no_grad_out = 2u,
     .flags = AN_CASE_APART},
    {"sort", "i32 with ties", {"i32[B,V] -2..2"}, .attrs = {.axis = 1, .descending = true}},
    {"sort", "many", {"f32[20,1200]"}, .attrs = {.axis = 1}, .no_grad_out = 2u,
     .flags = AN_CASE_APART},
    {"top_k", "rows", {"f32[B,T]"}, .attrs = {.axis = -1, .size = 1}, .no_grad_out = 2u,
     .flags = AN_CASE_APART | AN_CASE_NO_EMPTY}, /* no element is the largest of none */
    {"top_k", "columns", {"f32[7,D]"}, .attrs = {.size = 3}, .no_grad_out = 2u,
     .flags = AN_CASE_APART | AN_CASE_NAN_STOPS},
    {"top_k", "all, middle", {"f32[B,T,2]"}, .attrs = {.axis = 1}, .dims = "size=T",
     .no_grad_out = 2u, .flags = AN_CASE_APART},
    {"top_k", "i64 with ties", {"i64[B,9] -2..2"}, .attrs = {.axis = 1, .size = 6}},
    {"top_k", "many", {"f32[20,1200]"}, .attrs = {.axis = 1, .size = 40}, .no_grad_out = 2u,
     .flags = AN_CASE_APART},
    {0}};
