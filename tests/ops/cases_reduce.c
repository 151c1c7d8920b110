/* cases_reduce.c -- sweep cases of reductions. The several-units cases are large
 * in each of the ways a reduction can be: many rows, long rows, many columns. */
#include "tests/ops/sweep.h"

#define ALL {-1, {0}}
#define REDUCTION(op, error, bits)                                                                 \
    {op, "last axis", {"f32[B,T,K]"}, .attrs = {.axes = {1, {-1}}}, .absolute = error, .flags = bits}, \
    {op, "first axis", {"f32[B,T,K]"}, .attrs = {.axes = {1, {0}}}, .absolute = error, .flags = bits}, \
    {op, "middle axis kept", {"f32[B,T,K]"}, .attrs = {.axes = {1, {1}}, .keep = true},            \
     .absolute = error, .flags = bits},                                                            \
    {op, "outer two", {"f32[B,T,K]"}, .attrs = {.axes = {2, {0, 1}}}, .absolute = error, .flags = bits}, \
    {op, "first and last", {"f32[B,T,K]"}, .attrs = {.axes = {2, {2, 0}}, .keep = true},           \
     .absolute = error, .flags = bits},                                                            \
    {op, "all", {"f32[B,T,K]"}, .attrs = {.axes = ALL}, .absolute = error, .flags = bits},         \
    {op, "rank 0", {"f32[]"}, .attrs = {.axes = ALL}, .absolute = error, .flags = bits},           \
    {op, "many rows", {"f32[700,100]"}, .attrs = {.axes = {1, {1}}}, .absolute = 2 * (error),      \
     .flags = bits},                                                                               \
    {op, "many columns", {"f32[100,700]"}, .attrs = {.axes = {1, {0}}}, .absolute = 2 * (error),   \
     .flags = bits},                                                                               \
    {op, "one long row", {"f32[70001]"}, .attrs = {.axes = ALL}, .absolute = 20 * (error),         \
     .flags = bits}

const an_case an_cases_reduce[] = {
    REDUCTION("sum", 2e-6, 0),
    {"sum", "i64", {"i64[B,T] -9..9"}, .attrs = {.axes = {1, {0}}}},
    REDUCTION("mean", 2e-6, 0),
    REDUCTION("max", 0.0, AN_CASE_APART),
    {"max", "ties", {"f32[B,T] 1..1"}, .attrs = {.axes = {1, {1}}}, .flags = AN_CASE_NO_GRAPH},
    REDUCTION("min", 0.0, AN_CASE_APART),
    {"argmax", "last axis", {"f32[B,T,K]"}, .attrs = {.axis = -1}, .flags = AN_CASE_APART},
    {"argmax", "first axis kept", {"f32[T,B]"}, .attrs = {.axis = 0, .keep = true},
     .flags = AN_CASE_APART},
    {"argmax", "ties", {"f32[B,8] 1..1"}, .attrs = {.axis = 1}, .zero_out = 1},
    {"argmax", "many rows", {"f32[700,100]"}, .attrs = {.axis = 1}, .flags = AN_CASE_APART},
    {0}};
