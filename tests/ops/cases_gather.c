/* cases_gather.c -- sweep cases of ops that take ids. */
#include "tests/ops/sweep.h"

const an_case an_cases_gather[] = {
    {"gather", "rows", {"f32[V,D]", "i32[T]<V"}, .flags = AN_CASE_NAN_STOPS},
    {"gather", "middle axis, ids of rank 2", {"f32[B,V,D]", "i64[T,2]<V"}, .attrs = {.axis = 1},
     .flags = AN_CASE_NAN_STOPS},
    {"gather", "last axis, scalar id", {"f32[B,V]", "i32[]<V"}, .attrs = {.axis = -1},
     .flags = AN_CASE_NAN_STOPS},
    {"gather", "i64 elements", {"i64[V,2] -9..9", "i32[T]<V"}},
    {"gather", "many rows", {"f32[50,40]", "i32[2000]<50"}, .flags = AN_CASE_NAN_STOPS},
    {"scatter_add", "rows", {"i32[T]<V", "f32[T,D]"}, .dims = "size=V", .absolute = 1e-6},
    {"scatter_add", "middle axis", {"i64[T,2]<V", "f32[B,T,2,D]"}, .attrs = {.axis = 1},
     .dims = "size=V", .absolute = 1e-6},
    {"scatter_add", "all to one", {"i32[T]<1", "f32[T,D]"}, .attrs = {.size = 1}, .absolute = 1e-6},
    {"scatter_add", "many rows", {"i32[2000]<50", "f32[2000,40]"}, .attrs = {.size = 50},
     .absolute = 1e-5},
    {"one_hot", "f32", {"i32[B,T]<V"}, .dims = "size=V"},
    {"one_hot", "i32 from i64", {"i64[T]<V"}, .attrs = {.dtype = AN_I32}, .dims = "size=V"},
    {"one_hot", "many rows", {"i32[2000]<40"}, .attrs = {.size = 40}},
    {"embedding", "sentences", {"f32[V,D]", "i32[B,T]<V"}, .flags = AN_CASE_NAN_STOPS},
    {"embedding", "i64 ids", {"f32[V,D]", "i64[T]<V"}, .flags = AN_CASE_NAN_STOPS},
    {"embedding", "many", {"f32[50,40]", "i32[20,100]<50"}, .flags = AN_CASE_NAN_STOPS},
    {0}};
