/* test_exact_laws.c -- each exact law over shapes, element types and special values.
 *
 * A law is a function that draws a shape and builds one side or the other. The pair must be
 * proved, by that law among others, and the interpreter must give both sides the same bits on
 * zeros of both signs, infinities, NaN, denormals and the largest numbers. 300 pairs a law;
 * AN_LAWS sets how many, AN_SEED which. Ops that work element by element are tried all.      */
#include "graph/equal/result.h"
#include "graph/ir.h"
#include "frontends/addnorm.h"
#include "tests/graph/random_graph.h"
#include "tests/support.h"

#include <float.h>
#include <math.h>

/* ---- two graphs from one seed ------------------------------------------ */

typedef struct scene {
    an_graph *g;
    an_test_random r; /* drawn from in the same order by both sides */
    int side;
    an_dtype dtype;
    an_dim name; /* a named extent */
} scene;

static const an_dtype numbers[] = {AN_F32, AN_F64, AN_I32, AN_I64};

static an_dim draw_dim(scene *s)
{
    static const int64_t extents[] = {1, 2, 3, 5, 7, 8, 15, 16, 17, 33, 70};
    const int64_t k = an_test_int(&s->r, 0, 12);
    return k > 10 ? s->name : extents[k];
}

static an_shape draw_shape(scene *s, int least, int most)
{
    an_shape shape = {.rank = (int)an_test_int(&s->r, least, most)};
    for (int i = 0; i < shape.rank; i++) shape.dim[i] = draw_dim(s);
    if (shape.rank > 3) shape.dim[0] = 2, shape.dim[1] = 3;
    return shape;
}

/* Some of the last axes, each with the same extent or with 1. */
static an_shape draw_part(scene *s, an_shape whole)
{
    an_shape part = {.rank = (int)an_test_int(&s->r, 0, whole.rank)};
    for (int i = 0; i < part.rank; i++)
        part.dim[i] = an_test_int(&s->r, 0, 2) ? whole.dim[whole.rank - part.rank + i] : 1;
    return part;
}

static an_value leaf(scene *s, const char *name, an_shape shape)
{
    return an_input(s->g, name, s->dtype, shape);
}

/* ---- the laws ---------------------------------------------------------- */

static an_value square(scene *s)
{
    const an_value x = leaf(s, "x", draw_shape(s, 0, 4));
    return s->side ? an_mul(x, x) : an_square(x);
}

static an_value minus(scene *s)
{
    const an_shape shape = draw_shape(s, 0, 4);
    const an_value x = leaf(s, "x", shape), y = leaf(s, "y", draw_part(s, shape));
    const bool turned = an_test_int(&s->r, 0, 1);
    if (!s->side) return turned ? an_sub(y, x) : an_sub(x, y);
    return turned ? an_add(an_neg(x), y) : an_add(x, an_neg(y));
}

static an_value times_minus_one(scene *s)
{
    const an_value x = leaf(s, "x", draw_shape(s, 0, 4)), one = an_number(x, -1);
    const int64_t way = an_test_int(&s->r, 0, 2);
    if (!s->side) return an_neg(x);
    return way == 0 ? an_mul(x, one) : way == 1 ? an_mul(one, x) : an_div(x, one);
}

static an_value doubled(scene *s)
{
    const an_value x = leaf(s, "x", draw_shape(s, 0, 4));
    return s->side ? an_mul(an_number(x, 2), x) : an_add(x, x);
}

static an_value halved(scene *s)
{
    if (!an_dtype_is_float(s->dtype)) s->dtype = AN_F32;
    const an_value x = leaf(s, "x", draw_shape(s, 0, 4));
    const int most = s->dtype == AN_F32 ? 126 : 1022;
    const int64_t exponent = an_test_int(&s->r, -most, most);
    const double by = ldexp(an_test_int(&s->r, 0, 1) ? -1 : 1, exponent ? (int)exponent : 3);
    return s->side ? an_mul(x, an_number(x, 1 / by)) : an_div(x, an_number(x, by));
}

static an_value binary(int way, an_value x, an_value y)
{
    switch (way) {
    case 0: return an_add(x, y);
    case 1: return an_sub(x, y);
    case 2: return an_mul(x, y);
    case 3: return an_maximum(x, y);
    case 4: return an_minimum(x, y);
    case 5: return an_compare(x, AN_LE, y);
    case 6: return an_compare(x, AN_NE, y);
    case 7: return an_where(an_compare(x, AN_LT, y), x, y);
    case 8: return an_dtype_is_float(an_type_of(x).dtype) ? an_div(x, y) : an_sub(y, x);
    default: return an_dtype_is_float(an_type_of(x).dtype) ? an_power(x, y) : an_add(y, x);
    }
}

/* Repeated before the op or by it; a literal filled or as a scalar. */
static an_value repeated_operand(scene *s)
{
    const an_shape shape = draw_shape(s, 1, 4);
    const an_shape part = draw_part(s, shape);
    const an_value x = leaf(s, "x", shape), y = leaf(s, "y", part);
    const int way = (int)an_test_int(&s->r, 0, 9);
    const double filled = (double)an_test_int(&s->r, -3, 3);
    switch (an_test_int(&s->r, 0, 3)) {
    case 0: return binary(way, x, s->side ? y : an_broadcast(y, shape));
    case 1: return binary(way, s->side ? y : an_broadcast(y, shape), x);
    case 2: return binary(way, x, s->side ? an_number(x, filled)
                                          : an_fill(s->g, s->dtype, shape, filled));
    default: {
        const an_value z = leaf(s, "z", part);
        if (!s->side) return an_broadcast(binary(way, y, z), shape);
        return binary(way, an_broadcast(y, shape), an_broadcast(z, shape));
    }
    }
}

static an_value repeated_twice(scene *s)
{
    const an_shape whole = draw_shape(s, 2, 4), part = draw_part(s, whole);
    const an_value x = leaf(s, "x", part);
    an_shape between = whole;
    between.rank = part.rank > 0 ? part.rank : 1;
    for (int i = 0; i < between.rank; i++)
        between.dim[i] = whole.dim[whole.rank - between.rank + i];
    return an_broadcast(s->side ? an_broadcast(x, between) : x, whole);
}

static an_value leading_ones(scene *s)
{
    const an_shape shape = draw_shape(s, 0, 3);
    an_shape longer = {.rank = shape.rank + 1, .dim = {1}};
    for (int i = 0; i < shape.rank; i++) longer.dim[i + 1] = shape.dim[i];
    const an_value x = leaf(s, "x", shape);
    return s->side ? an_reshape(x, longer) : an_broadcast(x, longer);
}

static an_value sliced_twice(scene *s)
{
    an_shape shape = draw_shape(s, 1, 4);
    const int axis = (int)an_test_int(&s->r, 0, shape.rank - 1);
    const int64_t extent = shape.dim[axis] = an_test_int(&s->r, 2, 40);
    const int64_t a = an_test_int(&s->r, 0, extent - 1), b = an_test_int(&s->r, a, extent);
    const int step = (int)an_test_int(&s->r, 1, 3), again = (int)an_test_int(&s->r, 1, 3);
    const int64_t count = (b - a + step - 1) / step;
    const int64_t c = an_test_int(&s->r, 0, count), d = an_test_int(&s->r, c, count);
    const int64_t left = (d - c + again - 1) / again;
    const int other = (int)an_test_int(&s->r, 0, shape.rank - 1);
    const bool two = other != axis && shape.dim[other] > 1;
    const an_value x = leaf(s, "x", shape);
    if (two) { /* along two axes */
        const an_value y = s->side ? an_slice(x, axis, a, b, step) : an_slice(x, other, 1, 2, 1);
        return s->side ? an_slice(y, other, 1, 2, 1) : an_slice(y, axis, a, b, step);
    }
    if (!s->side) return an_slice(an_slice(x, axis, a, b, step), axis, c, d, again);
    const int64_t start = a + c * step;
    return an_slice(x, axis, left ? start : a, left ? start + (left - 1) * step * again + 1 : a,
                    step * again);
}

/* By a named extent. */
static an_value sliced_by_name(scene *s)
{
    an_shape shape = draw_shape(s, 1, 3);
    const int axis = (int)an_test_int(&s->r, 0, shape.rank - 1);
    const an_dim stop = an_dim_plus(s->g, s->name, 3);
    shape.dim[axis] = an_dim_plus(s->g, s->name, 9);
    const int64_t a = an_test_int(&s->r, 0, 4), c = an_test_int(&s->r, 0, 2);
    const an_value x = leaf(s, "x", shape);
    if (s->side)
        return an_slice(x, axis, a + c, an_dim_plus(s->g, s->name, 3 + a), 1);
    return an_slice(an_slice(x, axis, a, an_dim_plus(s->g, s->name, 8), 1), axis, c, stop, 1);
}

static an_value concatenated_twice(scene *s)
{
    const an_shape shape = draw_shape(s, 1, 4);
    const int axis = (int)an_test_int(&s->r, 0, shape.rank - 1);
    const int count = (int)an_test_int(&s->r, 3, 6), cut = (int)an_test_int(&s->r, 2, count - 1);
    an_value x[6];
    for (int i = 0; i < count; i++) {
        an_shape own = shape;
        own.dim[axis] = an_test_int(&s->r, 1, 9);
        char name[8];
        snprintf(name, sizeof name, "x%d", i);
        x[i] = leaf(s, name, own);
    }
    if (s->side) return an_concat(x, count, axis);
    const an_value head = an_concat(x, cut, axis);
    x[cut - 1] = head;
    return an_concat(x + cut - 1, count - cut + 1, axis);
}

/* Pieces of x, put together, are x or a piece of it. */
static an_value parts(scene *s)
{
    an_shape shape = draw_shape(s, 1, 4);
    const int axis = (int)an_test_int(&s->r, 0, shape.rank - 1);
    const int64_t extent = shape.dim[axis] = an_test_int(&s->r, 3, 40);
    const int64_t first = an_test_int(&s->r, 0, 1) ? 0 : an_test_int(&s->r, 0, extent - 3);
    const int64_t last = an_test_int(&s->r, 0, 1) ? extent : an_test_int(&s->r, first + 2, extent);
    const an_value x = leaf(s, "x", shape);
    an_value piece[40];
    int count = 0;
    for (int64_t at = first; at < last;) {
        const int64_t to = an_test_int(&s->r, at + 1, count == 0 ? last - 1 : last);
        if (!s->side) piece[count] = an_slice(x, axis, at, to, 1);
        count++;
        at = to;
    }
    return s->side ? an_slice(x, axis, first, last, 1) : an_concat(piece, count, axis);
}

static an_value turned_test(scene *s)
{
    const an_shape shape = draw_shape(s, 0, 4);
    const an_value x = leaf(s, "x", shape), y = leaf(s, "y", draw_part(s, shape));
    const bool equal = an_test_int(&s->r, 0, 1);
    return s->side ? an_compare(y, equal ? AN_LE : AN_LT, x)
                   : an_compare(x, equal ? AN_GE : AN_GT, y);
}

static an_value commuted(scene *s)
{
    const an_shape shape = draw_shape(s, 0, 4);
    an_value x = leaf(s, "x", shape), y = leaf(s, "y", draw_part(s, shape));
    const int64_t way = an_test_int(&s->r, 0, 6);
    if (way >= 4) {
        x = an_compare(x, AN_LT, an_number(x, 1));
        y = an_compare(y, AN_LE, an_number(y, 0));
    }
    const an_value a = s->side ? y : x, b = s->side ? x : y;
    switch (way) {
    case 0: return an_add(a, b);
    case 1: return an_mul(a, b);
    case 2: return an_compare(a, AN_EQ, b);
    case 3: return an_compare(a, AN_NE, b);
    case 4: return an_logical_and(a, b);
    case 5: return an_logical_or(a, b);
    default: return an_logical_xor(a, b);
    }
}

static an_value scaled(scene *s)
{
    if (!an_dtype_is_float(s->dtype)) s->dtype = AN_F32;
    const an_shape shape = draw_shape(s, 0, 4);
    const an_value x = leaf(s, "x", shape), y = leaf(s, "y", shape);
    const an_value scale = leaf(s, "s", draw_part(s, shape)), one = an_number(x, 1);
    switch (an_test_int(&s->r, 0, 2)) {
    case 0:
        return s->side ? an_add(x, an_mul(scale, y)) : an_residual_add_scaled(x, y, scale);
    case 1: return s->side ? an_residual_add(x, y) : an_residual_add_scaled(x, y, one);
    default: return s->side ? an_sub(x, y) : an_residual_add_scaled(x, y, an_neg(one));
    }
}

static an_value not_chosen(scene *s)
{
    const an_shape shape = draw_shape(s, 0, 4);
    const an_value x = leaf(s, "x", shape), y = leaf(s, "y", draw_part(s, shape));
    const an_value c = an_input(s->g, "c", AN_BOOL, draw_part(s, shape));
    return s->side ? an_where(c, y, x) : an_where(an_logical_not(c), x, y);
}

/* ---- element by element, before and after a move ------------------------ */

static bool is_pointwise(const an_op_info *op)
{
    const bool kind = op->category == AN_CATEGORY_ELEMENTWISE ||
                      op->category == AN_CATEGORY_SELECT;
    return kind && (op->max_inputs == 1 || op->rules->broadcast) && op->outputs_count == 1;
}

/* An op of the table, of operands that it takes; others are passed over. */
static const an_op_info *draw_op(scene *s)
{
    for (;;) {
        const an_op_info *op = an_op((int)an_test_int(&s->r, 1, AN_OPS - 1));
        const bool whole = !an_dtype_is_float(s->dtype);
        const bool numeric = op->rules->numbers || op->code == AN_OP_compare ||
                             op->code == AN_OP_cast;
        if (is_pointwise(op) && !op->rules->bools && !(whole && !numeric) &&
            !(whole && op->code == AN_OP_div))
            return op;
    }
}

static an_value apply(scene *s, const an_op_info *op, an_value x, an_value y)
{
    const an_attrs attrs = {.low = -0.5, .high = 0.75, .alpha = 0.1, .test = AN_LE,
                            .dtype = s->dtype == AN_F32 ? AN_I32 : AN_F32};
    const uint32_t in[2] = {x.id, y.id};
    const an_spec spec = {.op = op, .inputs = op->max_inputs == 1 ? 1 : 2, .in = in,
                          .attrs = &attrs};
    return an_value_of(s->g, an_graph_add(s->g, &spec));
}

/* All axes before the last `kept` as one. */
static an_shape flattened(scene *s, an_shape shape, int kept)
{
    an_shape flat = {.rank = kept + 1, .dim = {AN_DIM_REST}};
    (void)s;
    for (int i = 0; i < kept; i++) flat.dim[i + 1] = shape.dim[shape.rank - kept + i];
    return flat;
}

static an_value moved_later(scene *s)
{
    const an_shape shape = draw_shape(s, 2, 4);
    const an_op_info *op = draw_op(s);
    const bool reshapes = an_test_int(&s->r, 0, 1);
    const int kept = (int)an_test_int(&s->r, 0, shape.rank - 1);
    const an_shape flat = flattened(s, shape, kept);
    an_axes axes = {.count = shape.rank};
    for (int i = 0; i < shape.rank; i++) axes.at[i] = (i + 1) % shape.rank;
    const an_value x = leaf(s, "x", shape);
    an_shape tail = {.rank = kept};
    for (int i = 0; i < kept; i++) tail.dim[i] = shape.dim[shape.rank - kept + i];
    const int64_t with = an_test_int(&s->r, 0, 2); /* moved as well, a scalar, the last axes */
    const an_value y = with == 0 ? leaf(s, "y", shape)
                                 : leaf(s, "y", with == 1 || !reshapes ? AN_SCALAR : tail);
    if (s->side) {
        const an_value z = apply(s, op, x, y);
        return reshapes ? an_reshape(z, flat) : an_transpose(z, axes);
    }
    const an_value moved = reshapes ? an_reshape(x, flat) : an_transpose(x, axes);
    if (with != 0) return apply(s, op, moved, y);
    return apply(s, op, moved, reshapes ? an_reshape(y, flat) : an_transpose(y, axes));
}

static const struct law {
    const char *rule;
    an_value (*build)(scene *s);
} laws[] = {
    {"square", square}, {"minus", minus}, {"times-minus-one", times_minus_one},
    {"doubled", doubled}, {"halved", halved}, {"repeated-operand", repeated_operand},
    {"repeated-twice", repeated_twice}, {"leading-ones", leading_ones},
    {"sliced-twice", sliced_twice}, {"sliced-twice", sliced_by_name},
    {"concatenated-twice", concatenated_twice}, {"parts", parts}, {"turned-test", turned_test},
    {"commute", commuted}, {"residual_add_scaled", scaled}, {"not-chosen", not_chosen},
    {"moved-later", moved_later},
};
#define LAWS ((int)(sizeof laws / sizeof *laws))

/* ---- trying ------------------------------------------------------------ */

static double draw_special(an_test_random *r, an_dtype dtype)
{
    static const double reals[] = {0, -0.0, INFINITY, -INFINITY, NAN, 1, -1, 0.5, -3, FLT_MAX,
                                   -FLT_MAX, FLT_MIN, 1e-45, -1e-45, 7e-42, 1e30, -1e-30};
    static const double whole[] = {0, 1, -1, 2, 3, -7, INT32_MAX, INT32_MIN, INT32_MIN + 1.0};
    if (dtype == AN_BOOL) return (double)an_test_int(r, 0, 1);
    if (an_test_int(r, 0, 1)) {
        const double u = an_test_uniform(r, -4, 4);
        return an_dtype_is_float(dtype) ? u : floor(u);
    }
    if (!an_dtype_is_float(dtype)) return whole[an_test_int(r, 0, 8)];
    const double x = reals[an_test_int(r, 0, 16)];
    return dtype == AN_F64 && fabs(x) == FLT_MAX ? copysign(DBL_MAX, x)
                                                 : dtype == AN_F64 && x == 1e-45 ? 5e-324 : x;
}

static scene build(const struct law *law, uint64_t seed, int side)
{
    scene s = {.g = an_graph_new("law"), .r = {seed}, .side = side};
    s.dtype = numbers[an_test_int(&s.r, 0, 3)];
    s.name = an_dim_named(s.g, "N");
    an_graph_output(law->build(&s), "out");
    return s;
}

static void evaluate(an_evaluation *e, an_graph *g, uint64_t seed)
{
    const int64_t bound = 1 + (int64_t)(seed % 11);
    ck_assert_int_eq(an_evaluation_begin(e, g, &bound), AN_OK);
    for (int64_t i = 1; i <= g->node_count; i++) {
        if (!an_node_is_input(&g->nodes[i])) continue;
        an_tensor *x = &e->value[g->nodes[i].first];
        an_test_random r = {seed ^ (uint64_t)g->nodes[i].name[0] << 32};
        const int64_t count = an_tensor_count(x);
        for (int64_t k = 0; k < count; k++) an_tensor_set(x, k, draw_special(&r, x->dtype));
    }
    ck_assert_msg(an_evaluation_run(e) == AN_OK, "%s", e->error.text);
}

static int64_t uses(const an_proof *f, const char *rule)
{
    for (int i = 0; i < f->rules; i++)
        if (!strcmp(f->rule[i].name, rule)) return f->rule[i].uses;
    return 0;
}

/* Whether the law was used: a pair may be the same graph twice, as of one axis of extent 1. */
static bool try_pair(const struct law *law, uint64_t seed)
{
    scene s[2];
    for (int k = 0; k < 2; k++) {
        s[k] = build(law, seed, k);
        ck_assert_msg(an_graph_status(s[k].g) == AN_OK, "%s, seed %d: %s", law->rule, (int)seed,
                      an_graph_message(s[k].g));
    }
    an_proof *f = an_prove(.a = s[0].g, .b = s[1].g);
    if (!an_proof_holds(f))
        ck_abort_msg("%s, seed %d: %s\n%s\n%s", law->rule, (int)seed, f->message,
                     an_print(s[0].g), an_print(s[1].g));
    const bool used = uses(f, law->rule) > 0;
    an_evaluation e[2] = {{0}, {0}};
    for (int k = 0; k < 2; k++) evaluate(&e[k], s[k].g, seed);
    if (!an_test_same(&e[0].value[s[0].g->outputs[0].value], &e[1].value[s[1].g->outputs[0].value]))
        ck_abort_msg("%s, seed %d: bits differ\n%s\n%s", law->rule, (int)seed, an_print(s[0].g),
                     an_print(s[1].g));
    an_proof_free(f);
    for (int k = 0; k < 2; k++) {
        an_evaluation_free(&e[k]);
        an_graph_free(s[k].g);
    }
    return used;
}

START_TEST(test_law)
{
    const struct law *law = &laws[_i];
    const char *many = getenv("AN_LAWS"), *from = getenv("AN_SEED");
    const int pairs = many ? atoi(many) : 300;
    const uint64_t first = (from ? strtoull(from, NULL, 10) : 1) * 1000000;
    int tried = 0, same = 0;
    for (uint64_t seed = first; tried < pairs; seed++)
        if (try_pair(law, seed)) tried++;
        else ck_assert_msg(++same <= 5 * pairs, "%s is hardly used", law->rule);
    printf("%s: %d pairs proved by it, the same bits in all; %d more that did not need it\n",
           law->rule, tried, same);
}
END_TEST

/* ---- what is no law ---------------------------------------------------- */

/* Near each law what only looks like it: the values for which it fails are named. */
static const struct {
    const char *left, *right, *why;
} others[] = {
    {"%5: f32[4] = sub %1, %2\n%6: f32[4] = neg %5\n", "%5: f32[4] = sub %2, %1\n"
     "%6: f32[4] = neg %5\n%7: f32[4] = neg %6\n",
     "-(0 - 0) is -0"},
    {"%5: f32[] = constant {data=[0]}\n%6: f32[4] = mul %1, %5\n",
     "%5: f32[4] = constant {data=[0]}\n", "0 * inf, 0 * -1"},
    {"%5: f32[4] = sub %1, %1\n", "%5: f32[4] = constant {data=[0]}\n", "inf - inf"},
    {"%5: f32[4] = div %1, %1\n", "%5: f32[4] = constant {data=[1]}\n", "0 / 0"},
    {"%5: f32[] = constant {data=[0]}\n%6: f32[4] = sub %1, %5\n%7: f32[4] = neg %6\n",
     "%5: f32[] = constant {data=[0]}\n%6: f32[4] = sub %5, %1\n", "0 - 0 is +0, -(0 - 0) -0"},
    {"%5: f32[] = constant {data=[3]}\n%6: f32[4] = div %1, %5\n",
     "%5: f32[] = constant {data=[0.333333343]}\n%6: f32[4] = mul %1, %5\n", "1/3 is rounded"},
    {"%5: f32[] = constant {data=[1.7014118e+38]}\n%6: f32[4] = div %1, %5\n",
     "%5: f32[] = constant {data=[5.877472e-39]}\n%6: f32[4] = mul %1, %5\n",
     "2^-127 is no normal number"},
    {"%5: bool[4] = compare %1, %2 {test=lt}\n%6: bool[4] = logical_not %5\n"
     "%7: f32[4] = where %6, %1, %2\n",
     "%5: bool[4] = compare %1, %2 {test=ge}\n%7: f32[4] = where %5, %1, %2\n", "NaN is neither"},
    {"%5: bool[4] = compare %1, %2 {test=lt}\n%7: f32[4] = where %5, %1, %2\n",
     "%5: bool[4] = compare %2, %1 {test=lt}\n%7: f32[4] = where %5, %1, %2\n",
     "turned, but the test was not"},
    {"%5: f32[2] = slice %1 {axis=0, start=0, stop=2, step=1}\n"
     "%6: f32[2] = slice %1 {axis=0, start=2, stop=4, step=1}\n"
     "%7: f32[4] = concat %6, %5 {axis=0}\n%8: f32[4] = tanh %7\n",
     "%5: f32[4] = tanh %1\n", "parts in another order"},
    {"%5: f32[2] = slice %1 {axis=0, start=0, stop=2, step=1}\n"
     "%6: f32[2] = slice %2 {axis=0, start=2, stop=4, step=1}\n"
     "%7: f32[4] = concat %5, %6 {axis=0}\n%8: f32[4] = tanh %7\n",
     "%5: f32[4] = tanh %1\n", "parts of two"},
    {"%5: f32[2] = slice %1 {axis=0, start=0, stop=4, step=2}\n"
     "%6: f32[2] = slice %1 {axis=0, start=1, stop=4, step=2}\n"
     "%7: f32[4] = concat %5, %6 {axis=0}\n%8: f32[4] = tanh %7\n",
     "%5: f32[4] = tanh %1\n", "every other element"},
    {"%5: f32[2,2] = reshape %1\n%6: f32[2,2] = transpose %5 {axes=[1,0]}\n"
     "%7: f32[2,2] = add %6, %5\n",
     "%5: f32[2,2] = reshape %1\n%6: f32[2,2] = add %5, %5\n"
     "%7: f32[2,2] = transpose %6 {axes=[1,0]}\n", "one operand moved"},
    {"%5: f32[2,2] = reshape %1\n%6: f32[2] = slice %2 {axis=0, start=0, stop=2, step=1}\n"
     "%7: f32[2,2] = transpose %5 {axes=[1,0]}\n%8: f32[2,2] = add %7, %6\n",
     "%5: f32[2,2] = reshape %1\n%6: f32[2] = slice %2 {axis=0, start=0, stop=2, step=1}\n"
     "%7: f32[2,2] = add %5, %6\n%8: f32[2,2] = transpose %7 {axes=[1,0]}\n",
     "a row is no column"},
    {"%5: f32[1,4] = reshape %1\n%6: f32[4,4] = broadcast %5\n%7: f32[4,4] = add %6, %2\n",
     "%5: f32[4,1] = reshape %1\n%6: f32[4,4] = add %5, %2\n", "an axis in front is none behind"},
};

START_TEST(test_no_laws)
{
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        an_graph *g[2];
        for (int k = 0; k < 2; k++) {
            char text[2048];
            const char *body = k ? others[i].right : others[i].left;
            const char *last = strrchr(body, '%');
            for (const char *p = body; *p; p++)
                if (*p == '%' && (p == body || p[-1] == '\n')) last = p;
            snprintf(text, sizeof text, "graph \"g\"\n%%1: f32[4] = input \"x\"\n"
                     "%%2: f32[4] = input \"y\"\n%soutput \"out\" %%%d\n", body, atoi(last + 1));
            g[k] = an_parse(.text = text, .name = "text");
            ck_assert_msg(an_graph_status(g[k]) == AN_OK, "%s", an_graph_message(g[k]));
        }
        an_proof *f = an_prove(.a = g[0], .b = g[1]);
        ck_assert_msg(an_proof_status(f) == AN_OK && !an_proof_holds(f), "%s: %s", others[i].why,
                      an_proof_message(f));
        an_proof_free(f);
        an_graph_free(g[0]);
        an_graph_free(g[1]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("exact_laws");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 300);
    tcase_add_loop_test(t, test_law, 0, LAWS);
    tcase_add_test(t, test_no_laws);
    suite_add_tcase(suite, t);
    return an_test_run_suite(suite);
}
