/* cases_reduction.c -- sweep cases of reductions. The several-units cases are large
 * in each of the ways a reduction can be: many rows, long rows, many columns. */
#include "tests/ops/sweep.h"

#define ALL {-1, {0}}
#define REDUCE(op, label, type, error, bits, ...)                                                  \
    {op, label, {type}, .attrs = {__VA_ARGS__}, .absolute = error, .flags = bits}
#define REDUCTION(op, error, bits)                                                                 \
    REDUCE(op, "last axis", "f32[B,T,K]", error, bits, .axes = {1, {-1}}),                         \
    REDUCE(op, "first axis", "f32[B,T,K]", error, bits, .axes = {1, {0}}),                         \
    REDUCE(op, "middle axis kept", "f32[B,T,K]", error, bits, .axes = {1, {1}}, .keep = true),     \
    REDUCE(op, "outer two", "f32[B,T,K]", error, bits, .axes = {2, {0, 1}}),                       \
    REDUCE(op, "first and last", "f32[B,T,K]", error, bits, .axes = {2, {2, 0}}, .keep = true),    \
    REDUCE(op, "all", "f32[B,T,K]", error, bits, .axes = ALL),                                     \
    REDUCE(op, "rank 0", "f32[]", error, bits, .axes = ALL),                                       \
    REDUCE(op, "many rows", "f32[700,100]", 2 * (error), bits, .axes = {1, {1}}),                  \
    REDUCE(op, "many columns", "f32[100,700]", 2 * (error), bits, .axes = {1, {0}}),               \
    REDUCE(op, "one long row", "f32[70001]", 20 * (error), bits, .axes = ALL)

/* An index cannot show a NaN: test_elements.c asks where it points. */
#define INDEX (AN_CASE_APART | AN_CASE_NAN_STOPS)

const an_case an_cases_reduction[] = {
    REDUCTION("sum", 2e-6, 0),
    {"sum", "i64", {"i64[B,T] -9..9"}, .attrs = {.axes = {1, {0}}}},
    REDUCTION("mean", 2e-6, 0),
    REDUCTION("max", 0.0, AN_CASE_APART),
    {"max", "ties", {"f32[B,T] 1..1"}, .attrs = {.axes = {1, {1}}}, .flags = AN_CASE_NO_GRAPH},
    REDUCTION("min", 0.0, AN_CASE_APART),
    {"argmax", "last axis", {"f32[B,T,K]"}, .attrs = {.axis = -1}, .flags = INDEX},
    {"argmax", "first axis", {"f32[T,B]"}, .attrs = {.axis = 0}, .flags = INDEX},
    {"argmax", "i64", {"i64[B,T] -9..9"}, .attrs = {.axis = 1}},
    {"argmax", "ties", {"f32[B,8] 1..1"}, .attrs = {.axis = 1}, .zero_out = 1,
     .flags = AN_CASE_NAN_STOPS},
    {"argmax", "many rows", {"f32[700,100]"}, .attrs = {.axis = 1}, .flags = INDEX},
    {0}};
