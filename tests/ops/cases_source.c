/* cases_source.c -- sweep cases of the leaves. */
#include "tests/ops/sweep.h"

static const float three[] = {1.5f, -2.0f, 0.25f};
static const float half = 0.5f;
static const int64_t large[] = {(int64_t)1 << 60, -7};

const an_case an_cases_source[] = {
    {"input", "f32", {0}, .dims = "shape=[B,4]"},
    {"input", "i64 scalar", {0}, .attrs = {.dtype = AN_I64}},
    {"state", "f32", {0}, .attrs = {.shape = {2, {3, 4}}, .init = {AN_INIT_UNIFORM, -1, 1}}},
    {"constant", "three", {0}, .attrs = {.shape = {1, {3}}, .data = {3, three}}},
    {"constant", "filled", {0}, .attrs = {.data = {1, &half}}, .dims = "shape=[B,4]"},
    {"constant", "i64 beyond 2^53", {0},
     .attrs = {.dtype = AN_I64, .shape = {1, {2}}, .data = {2, large}}},
    {"constant", "several units", {0}, .attrs = {.data = {1, &half}}, .dims = "shape=[B,8200]"},
    {"iota", "last axis", {0}, .attrs = {.axis = -1}, .dims = "shape=[B,T]"},
    {"iota", "first axis, i32", {0}, .attrs = {.dtype = AN_I32, .axis = 0}, .dims = "shape=[T,B]"},
    {"count", "f32", {0}, .dims = "size=4*B*T"},
    {"count", "i64", {0}, .attrs = {.dtype = AN_I64}, .dims = "size=B"},
    {"training", "interpreted", {0}},
    {0}};
