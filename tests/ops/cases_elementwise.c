/* cases_elementwise.c -- sweep cases of ops that work element by element. */
#include "tests/ops/sweep.h"

/* Two operands of one type, one broadcast each way, a scalar, rank 0, and more
 * than one unit. */
#define BINARY(op, range, ...)                                                                     \
    {op, "equal shapes", {"f32[B,T]" range, "f32[B,T]" range}, __VA_ARGS__},                       \
    {op, "row broadcast", {"f32[B,T]" range, "f32[T]" range}, __VA_ARGS__},                        \
    {op, "both broadcast", {"f32[B,1,K]" range, "f32[T,1]" range}, __VA_ARGS__},                   \
    {op, "scalar", {"f32[]" range, "f32[B,K]" range}, __VA_ARGS__},                                \
    {op, "rank 0", {"f32[]" range, "f32[]" range}, __VA_ARGS__},                                   \
    {op, "several units", {"f32[B,8200]" range, "f32[B,8200]" range}, __VA_ARGS__}
#define INTEGERS(op, high_range)                                                                   \
    {op, "i32", {"i32[B,T] -9..9", "i32[T] " high_range}},                                         \
    {op, "i64", {"i64[B,T] -9..9", "i64[B,T] " high_range}}
#define UNARY(op, range, bits)                                                                     \
    {op, "matrix", {"f32[B,K]" range}, .flags = bits},                                             \
    {op, "rank 0", {"f32[]" range}, .flags = bits},                                                \
    {op, "several units", {"f32[B,8200]" range}, .flags = bits}

#define FLAT(op, range)                                                                            \
    {op, "matrix", {"f32[B,K]" range}, .flags = AN_CASE_APART | AN_CASE_NAN_STOPS,                 \
     .zero_grad = 1},                                                                              \
    {op, "several units", {"f32[B,8200]" range}, .flags = AN_CASE_APART | AN_CASE_NAN_STOPS,       \
     .zero_grad = 1}
#define ALPHA(op, value)                                                                           \
    {op, "matrix", {"f32[B,K]"}, .attrs = {.alpha = value}, .flags = AN_CASE_APART},               \
    {op, "rank 0", {"f32[] -2..-1"}, .attrs = {.alpha = value}},                                   \
    {op, "several units", {"f32[B,8200]"}, .attrs = {.alpha = value}, .flags = AN_CASE_APART}

static const uint32_t order[] = {4, 9, 11};

const an_case an_cases_elementwise[] = {
    BINARY("add", "", .flags = 0),
    INTEGERS("add", "1..9"),
    BINARY("sub", "", .flags = 0),
    INTEGERS("sub", "1..9"),
    BINARY("mul", "", .flags = 0),
    INTEGERS("mul", "1..9"),
    BINARY("div", " 0.5..3", .flags = AN_CASE_NAN_STOPS), /* x / inf is 0 */
    INTEGERS("div", "1..9"),
    BINARY("chain", "", .flags = 0),
    BINARY("chain", " 0.5..3", .attrs = {.divide = true}, .flags = AN_CASE_NAN_STOPS),
    BINARY("power", " 0.5..2", .flags = AN_CASE_NAN_STOPS), /* 1 ^ NaN is 1 */
    /* One operand may win everywhere. */
    BINARY("maximum", "", .flags = AN_CASE_APART, .zero_grad = 3),
    INTEGERS("maximum", "1..9"),
    BINARY("minimum", "", .flags = AN_CASE_APART, .zero_grad = 3),
    INTEGERS("minimum", "1..9"),
    UNARY("neg", "", 0),
    {"neg", "i32", {"i32[B,T] -9..9"}},
    UNARY("abs", "", AN_CASE_APART),
    /* Constant almost everywhere. */
    FLAT("sign", " -9..9"),
    FLAT("floor", " -9..9"),
    FLAT("ceil", " -9..9"),
    FLAT("round", " -9..9"),
    {"sign", "i32", {"i32[B,T] -9..9"}},
    UNARY("square", "", 0),
    UNARY("sqrt", " 0.1..4", 0),
    UNARY("rsqrt", " 0.1..4", AN_CASE_NAN_STOPS),      /* 1 / sqrt(inf) is 0 */
    UNARY("reciprocal", " 0.1..4", AN_CASE_NAN_STOPS), /* 1 / inf is 0 */
    UNARY("exp", "", 0),
    UNARY("expm1", "", 0),
    {"expm1", "to the ends of f32", {"f32[B,K] -100..88"}},
    {"exp", "to the ends of f32", {"f32[B,K] -100..88"}},
    UNARY("log", " 0.1..4", 0),
    UNARY("log1p", " -0.9..4", 0),
    UNARY("sin", "", 0),
    UNARY("cos", "", 0),
    UNARY("erf", "", 0),
    UNARY("tanh", "", 0),
    {"tanh", "saturated", {"f32[B,K] -30..30"}},
    UNARY("sigmoid", "", 0),
    {"sigmoid", "saturated", {"f32[B,K] -80..80"}},
    {"relu", "matrix", {"f32[B,K]"}, .flags = AN_CASE_APART},
    {"relu", "rank 0", {"f32[] 0.5..2"}},
    {"relu", "several units", {"f32[B,8200]"}, .flags = AN_CASE_APART},
    ALPHA("leaky_relu", 0.125),
    ALPHA("elu", 1.5),
    UNARY("softplus", "", 0),
    {"softplus", "saturated", {"f32[B,K] -80..80"}},
    UNARY("mish", "", 0),
    UNARY("hardsigmoid", " -2.5..2.5", AN_CASE_NAN_STOPS), /* of inf it is 1 */
    UNARY("hardswish", " -2.5..2.5", 0),
    {"clip", "matrix", {"f32[B,K]"}, .attrs = {.low = -9, .high = 9}, .flags = AN_CASE_NAN_STOPS},
    {"clip", "rank 0", {"f32[] 5..6"}, .attrs = {.low = -1, .high = 1}, .zero_grad = 1,
     .flags = AN_CASE_NAN_STOPS},
    {"clip", "several units", {"f32[B,8200]"}, .attrs = {.low = -INFINITY, .high = 9},
     .flags = AN_CASE_NAN_STOPS},
    UNARY("all_reduce", "", 0),
    {"all_reduce", "averaged", {"f32[B,8200]"}, .attrs = {.averaged = true}},
    {"all_reduce", "integers", {"i32[B,K] -9..9"}},
    UNARY("gelu", "", 0),
    {"gelu", "by tanh", {"f32[B,K]"}, .ulps = 8, .attrs = {.form = AN_TANH}},
    {"gelu_grad", "by erf", {"f32[B,K]", "f32[B,K]"}, .absolute = 3e-7},
    {"gelu_grad", "by tanh", {"f32[B,K]", "f32[B,K]"}, .attrs = {.form = AN_TANH},
     .absolute = 3e-7}, /* the derivative passes through 0 */
    {"gelu_grad", "several units", {"f32[B,8200]", "f32[B,8200]"}, .absolute = 3e-7},
    UNARY("silu", "", 0),
    {"cast", "f32 to f64", {"f32[B,K]"}, .attrs = {.dtype = AN_F64}},
    {"cast", "f64 to f32", {"f64[B,K]"}, .attrs = {.dtype = AN_F32}},
    {"cast", "i32 to f32", {"i32[B,K] -9..9"}, .attrs = {.dtype = AN_F32}},
    {"cast", "f32 to i32", {"f32[B,K] -9..9"}, .attrs = {.dtype = AN_I32},
     .flags = AN_CASE_NAN_STOPS},
    {"cast", "bool to f32", {"bool[B,K]"}, .attrs = {.dtype = AN_F32}},
    {"cast", "several units", {"f32[B,8200]"}, .attrs = {.dtype = AN_F64}},
    {"cast", "i32, several units", {"i32[B,8200] -9..9"}, .attrs = {.dtype = AN_F32}},
    {"cast", "f32 to bool", {"f32[B,K]"}, .attrs = {.dtype = AN_BOOL}, .flags = AN_CASE_NAN_STOPS},
    {"accumulate", "three terms", {"f32[B,K]", "f32[B,K]", "f32[B,K]"},
     .attrs = {.order = {3, order}},
     .absolute = 4e-7}, /* the kernel rounds in between */
    {"accumulate", "two terms, several units", {"f32[B,8200]", "f32[B,8200]"},
     .attrs = {.order = {2, order}}},
    {0}};
