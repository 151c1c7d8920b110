/* test_dims.c -- dimension arithmetic: canonical forms, text, and binding. */
#include "core/dims.h"
#include "core/memory.h"
#include "tests/support.h"

/* Parses all of `text`. */
static an_dim parse(an_dims *dims, const char *text)
{
    const char *cursor = text;
    const an_dim d = an_dims_parse(dims, &cursor);
    return d != AN_DIM_BAD && *cursor == 0 ? d : AN_DIM_BAD;
}

static void expect_text(const an_dims *dims, an_dim d, const char *expected)
{
    an_text text = {0};
    an_dims_print(dims, d, &text);
    ck_assert_str_eq(an_text_view(&text), expected);
    an_text_free(&text);
}

START_TEST(test_equal_expressions_are_one_dimension)
{
    an_dims *dims = an_dims_new();
    const an_dim B = an_dims_name(dims, "B"), T = an_dims_name(dims, "T");
    ck_assert_int_eq(an_dims_sub(dims, an_dims_add(dims, T, 3), 3), T);
    ck_assert_int_eq(an_dims_mul(dims, 2, an_dims_add(dims, T, 1)),
                     an_dims_add(dims, an_dims_mul(dims, T, 2), 2));
    ck_assert_int_eq(an_dims_mul(dims, B, T), an_dims_mul(dims, T, B));
    ck_assert_int_eq(an_dims_sub(dims, B, B), 0);
    ck_assert_int_ne(B, T);
    ck_assert_int_eq(an_dims_name(dims, "B"), B);
    ck_assert_int_eq(an_dims_add(dims, 2, 3), 5);
    ck_assert_int_eq(an_dims_div(dims, 7, 2), 3);
    an_dims_free(dims);
}
END_TEST

START_TEST(test_canonical_text)
{
    static const char *const cases[][2] = {
        {"12", "12"},
        {"B", "B"},
        {"T*B*2", "2*B*T"},
        {"1+T", "T+1"},
        {"-T+3", "3-T"},
        {"-3+T", "T-3"},
        {" 2 * T + 1", "2*T+1"},
        {"2*(T+1)", "2*T+2"},
        {"(B+1)*(T-1)", "B*T+T-B-1"},
        {"(1+T)/2", "(T+1)/2"},
        {"(2*B*T)/T", "2*B"},
        {"2*B*T/T", "2*B"},
        {"(B*T+B)/(T+1)", "B"},
        {"(B*T+T)/(2*T)", "(B+1)/2"},
        {"(T+2)/2", "T/2+1"},
        {"(T-1)/2+1", "(T+1)/2"}, /* a strided convolution, two ways */
        {"(2*T+1)/4", "T/2"},
        {"(4*T+3)/2", "2*T+1"},
        {"(T/2)*B", "B*(T/2)"},
        {"2*(T/2)", "2*(T/2)"},
        {"T/2/3", "T/2/3"},
        {"T/(B+1)", "T/(B+1)"},
        {"7/T", "7/T"},
        {"T/(U/2)", "T/(U/2)"},
        {"0*T", "0"},
        {"((((T))))", "T"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        an_dims *dims = an_dims_new();
        const an_dim d = parse(dims, cases[i][0]);
        expect_text(dims, d, cases[i][1]);
        ck_assert_int_eq(parse(dims, cases[i][1]), d);
        an_dims_free(dims);
    }
}
END_TEST

START_TEST(test_text_does_not_depend_on_the_order_of_names)
{
    an_dims *one = an_dims_new(), *two = an_dims_new();
    const char *const text = "B*T+U/2+T-3";
    const an_dim d = parse(one, text);
    an_dims_name(two, "U"), an_dims_name(two, "T");
    const an_dim e = an_dims_translate(two, one, d);
    ck_assert_int_ne(e, AN_DIM_BAD);
    an_text a = {0}, b = {0};
    an_dims_print(one, d, &a);
    an_dims_print(two, e, &b);
    ck_assert_str_eq(an_text_view(&a), an_text_view(&b));
    ck_assert_int_eq(an_dims_translate(one, two, e), d);
    an_text_free(&a), an_text_free(&b);
    an_dims_free(one), an_dims_free(two);
}
END_TEST

START_TEST(test_refusals)
{
    an_dims *dims = an_dims_new(), *other = an_dims_new();
    const an_dim T = an_dims_name(dims, "T");
    ck_assert_int_eq(an_dims_sub(dims, 2, 3), AN_DIM_BAD);
    ck_assert_int_eq(an_dims_div(dims, T, 0), AN_DIM_BAD);
    ck_assert_int_eq(an_dims_add(dims, T, AN_DIM_BAD), AN_DIM_BAD);
    ck_assert_int_eq(an_dims_add(dims, T, -3), AN_DIM_BAD);
    ck_assert_int_eq(an_dims_add(dims, T, T - 1), AN_DIM_BAD); /* beyond the table */
    ck_assert_int_eq(an_dims_add(NULL, T, T), AN_DIM_BAD);
    ck_assert_int_eq(an_dims_mul(dims, INT64_MAX, 2), AN_DIM_BAD);
    ck_assert_int_eq(an_dims_mul(dims, an_dims_mul(dims, INT64_MAX, T), 2), AN_DIM_BAD);
    ck_assert(!an_dims_valid(other, T));
    ck_assert(!an_dims_valid(dims, AN_DIM_REST));
    ck_assert(!an_dims_valid(NULL, T));
    static const char *const names[] = {"", "1a", "a-b", "a b", "\xc3\xa9"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        ck_assert_int_eq(an_dims_name(dims, names[i]), AN_DIM_BAD);
    ck_assert_int_eq(an_dims_name(dims, NULL), AN_DIM_BAD);
    static const char *const texts[] = {"",     "+",   "T+",  "(T",  "T)",  "2-3", "T/0",
                                        "*T",   "T**2", "T T", "-",   "()",  "9223372036854775808",
                                        "T+-1", "1.5", "#"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        ck_assert_msg(parse(dims, texts[i]) == AN_DIM_BAD, "'%s' was accepted", texts[i]);
    an_dims_free(dims), an_dims_free(other);
}
END_TEST

START_TEST(test_hostile_sizes_are_refused)
{
    an_dims *dims = an_dims_new();
    an_text text = {0};
    for (int i = 0; i < 5000; i++) an_text_add(&text, "(");
    const char *cursor = an_text_view(&text);
    ck_assert_int_eq(an_dims_parse(dims, &cursor), AN_DIM_BAD);
    an_text_free(&text);

    an_dim nested = an_dims_name(dims, "T"), wide = 1;
    int depth = 0;
    for (; nested != AN_DIM_BAD && depth < 1000; depth++)
        nested = an_dims_div(dims, an_dims_add(dims, nested, 1), 2);
    ck_assert_int_lt(depth, 100);
    ck_assert_int_gt(depth, 10);
    int factors = 0;
    for (; wide != AN_DIM_BAD && factors < 1000; factors++) {
        char name[16];
        snprintf(name, sizeof name, "n%d", factors);
        wide = an_dims_mul(dims, wide, an_dims_add(dims, an_dims_name(dims, name), 1));
    }
    ck_assert_int_lt(factors, 20);
    ck_assert_int_gt(factors, 4);
    an_dims_free(dims);
}
END_TEST

START_TEST(test_divides)
{
    an_dims *dims = an_dims_new();
    an_dim q = -7;
    ck_assert(an_dims_divides(dims, 12, 4, &q) && q == 3);
    ck_assert(!an_dims_divides(dims, 12, 5, &q));
    ck_assert(!an_dims_divides(dims, 12, 0, &q));
    ck_assert(an_dims_divides(dims, 0, parse(dims, "T"), &q) && q == 0);
    ck_assert(an_dims_divides(dims, parse(dims, "6*B*T"), parse(dims, "3*T"), &q));
    ck_assert_int_eq(q, parse(dims, "2*B"));
    ck_assert(!an_dims_divides(dims, parse(dims, "6*B*T"), parse(dims, "4*T"), &q));
    ck_assert(!an_dims_divides(dims, parse(dims, "T+1"), 2, &q));
    ck_assert(an_dims_divides(dims, parse(dims, "B*T+2*B+T+2"), parse(dims, "T+2"), &q));
    ck_assert_int_eq(q, parse(dims, "B+1"));
    const an_shape shape = AN_SHAPE(parse(dims, "B"), 3, parse(dims, "T+1"));
    ck_assert_int_eq(an_dims_count(dims, &shape), parse(dims, "3*B*T+3*B"));
    ck_assert_int_eq(an_dims_count(dims, &AN_SCALAR), 1);
    an_dims_free(dims);
}
END_TEST

START_TEST(test_binding)
{
    an_dims *dims = an_dims_new();
    const an_dim B = an_dims_name(dims, "B"), T = an_dims_name(dims, "T");
    const an_dim half = parse(dims, "(T+1)/2"), both = parse(dims, "2*B*T");
    const an_dim less = parse(dims, "T-4");
    ck_assert_int_eq(an_dims_names(dims), 2);
    ck_assert_str_eq(an_dims_name_at(dims, 1), "T");
    ck_assert_ptr_null(an_dims_name_at(dims, 2));
    ck_assert_int_eq(an_dims_name_index(dims, T), 1);
    ck_assert_int_eq(an_dims_name_index(dims, both), -1);
    ck_assert_int_eq(an_dims_name_index(dims, 5), -1);

    int64_t extent[16];
    an_error e = {0};
    ck_assert_int_le(an_dims_entries(dims), 16);
    ck_assert_int_eq(an_dims_bind(dims, (int64_t[]){3, 10}, extent, &e), AN_OK);
    ck_assert_int_eq(an_dim_extent(B, extent), 3);
    ck_assert_int_eq(an_dim_extent(half, extent), 5);
    ck_assert_int_eq(an_dim_extent(both, extent), 60);
    ck_assert_int_eq(an_dim_extent(less, extent), 6);
    ck_assert_int_eq(an_dim_extent(17, extent), 17);
    ck_assert_int_eq(an_dim_extent(AN_DIM_REST, extent), -1);

    ck_assert_int_eq(an_dims_bind(dims, (int64_t[]){-1, 10}, extent, &e), AN_OK);
    ck_assert_int_eq(an_dim_extent(both, extent), -1);
    ck_assert_int_eq(an_dim_extent(half, extent), 5);

    ck_assert_int_eq(an_dims_bind(dims, (int64_t[]){1, 3}, extent, &e), AN_E_BINDING);
    ck_assert_str_eq(e.text, "error AN-E021: T-4 would be -1");
    an_error_clear(&e);
    ck_assert_int_eq(an_dims_bind(dims, (int64_t[]){INT64_MAX, 4}, extent, &e), AN_E_LIMIT);
    ck_assert_int_eq(an_dims_bind(NULL, NULL, extent, NULL), AN_E_ARGUMENT);
    an_dims_free(dims);
}
END_TEST

START_TEST(test_division_by_zero_is_a_binding_error)
{
    an_dims *dims = an_dims_new();
    parse(dims, "T/U");
    int64_t extent[8];
    an_error e = {0};
    ck_assert_int_eq(an_dims_bind(dims, (int64_t[]){4, 0}, extent, &e), AN_E_BINDING);
    ck_assert_str_eq(e.text, "error AN-E021: T/U divides by zero");
    an_dims_free(dims);
}
END_TEST

START_TEST(test_shapes_and_types_print)
{
    an_dims *dims = an_dims_new();
    const an_type type = {AN_F32, AN_SHAPE(an_dims_name(dims, "B"), parse(dims, "T+1"), 64)};
    an_text text = {0};
    an_type_print(dims, &type, &text);
    an_type_print(dims, &(an_type){AN_I32, AN_SCALAR}, &text);
    an_shape_print(dims, &AN_SHAPE(AN_DIM_REST), &text);
    ck_assert_str_eq(an_text_view(&text), "f32[B,T+1,64]i32[][?]");
    an_text_free(&text);
    an_dims_free(dims);
}
END_TEST

/* ---- random expressions ------------------------------------------------ */

#define BINDINGS 4
#define NAMES 4
#define EXPRESSIONS 60

/* A dimension, and what it must come to under each binding. */
typedef struct expression {
    an_dim dim;
    int64_t value[BINDINGS];
} expression;

/* The operation on every value; false where the result would not be an extent. */
static bool apply(char op, const expression *a, const expression *b, expression *result)
{
    for (int i = 0; i < BINDINGS; i++) {
        const int64_t x = a->value[i], y = b->value[i];
        if (op == '/' && y == 0) return false;
        result->value[i] = op == '+' ? x + y : op == '-' ? x - y : op == '*' ? x * y : x / y;
        if (result->value[i] < 0 || result->value[i] > 1 << 24) return false;
    }
    return true;
}

static an_dim apply_dims(an_dims *dims, char op, an_dim a, an_dim b)
{
    return op == '+'   ? an_dims_add(dims, a, b)
           : op == '-' ? an_dims_sub(dims, a, b)
           : op == '*' ? an_dims_mul(dims, a, b)
                       : an_dims_div(dims, a, b);
}

/* Fills `pool` with names, small numbers, and combinations of earlier ones;
 * returns how many operations the table refused. */
static int make_expressions(an_dims *dims, an_test_random *r, int64_t bound[BINDINGS][NAMES],
                            expression *pool)
{
    int refused = 0, count = 0;
    for (; count < NAMES; count++) {
        pool[count].dim = an_dims_name(dims, (const char *[]){"B", "T", "U", "a1"}[count]);
        for (int i = 0; i < BINDINGS; i++) pool[count].value[i] = bound[i][count];
    }
    for (; count < NAMES + 4; count++) {
        pool[count].dim = an_test_int(r, 0, 9);
        for (int i = 0; i < BINDINGS; i++) pool[count].value[i] = pool[count].dim;
    }
    while (count < EXPRESSIONS) {
        const expression *a = &pool[an_test_int(r, 0, count - 1)];
        const expression *b = &pool[an_test_int(r, 0, count - 1)];
        const char op = "+-*/"[an_test_int(r, 0, 3)];
        if (!apply(op, a, b, &pool[count])) continue;
        pool[count].dim = apply_dims(dims, op, a->dim, b->dim);
        if (pool[count].dim == AN_DIM_BAD) refused++;
        if (pool[count].dim == AN_DIM_BAD && refused < 1000) continue;
        ck_assert_int_ne(pool[count].dim, AN_DIM_BAD);
        count++;
    }
    return refused;
}

static void check_values(an_dims *dims, int64_t bound[BINDINGS][NAMES], const expression *pool,
                         uint64_t seed)
{
    int64_t *extent = an_alloc(an_dims_entries(dims) * (int64_t)sizeof *extent);
    ck_assert_ptr_nonnull(extent);
    for (int i = 0; i < BINDINGS; i++) {
        an_error e = {0};
        ck_assert_msg(an_dims_bind(dims, bound[i], extent, &e) == AN_OK, "seed %llu: %s",
                      (unsigned long long)seed, e.text);
        for (int k = 0; k < EXPRESSIONS; k++)
            ck_assert_msg(an_dim_extent(pool[k].dim, extent) == pool[k].value[i],
                          "seed %llu, binding %d, expression %d", (unsigned long long)seed, i, k);
    }
    an_free(extent);
}

/* Text, copies and other tables lead back to the same handle. */
static void check_handles(an_dims *dims, const expression *pool, uint64_t seed)
{
    const int entries = an_dims_entries(dims);
    an_dims *copy = an_dims_copy(dims), *other = an_dims_new();
    an_dims_name(other, "U"), an_dims_name(other, "T");
    for (int k = 0; k < EXPRESSIONS; k++) {
        an_text text = {0}, copied = {0};
        an_dims_print(dims, pool[k].dim, &text);
        an_dims_print(copy, pool[k].dim, &copied);
        ck_assert_str_eq(an_text_view(&text), an_text_view(&copied));
        ck_assert_msg(parse(copy, an_text_view(&text)) == pool[k].dim, "seed %llu: %s",
                      (unsigned long long)seed, an_text_view(&text));
        const an_dim there = an_dims_translate(other, dims, pool[k].dim);
        expect_text(other, there, an_text_view(&text));
        ck_assert_int_eq(an_dims_translate(dims, other, there), pool[k].dim);
        an_text_free(&text), an_text_free(&copied);
    }
    ck_assert_int_ge(an_dims_entries(dims), entries);
    an_dims_free(copy), an_dims_free(other);
}

/* Laws of arithmetic, as equalities of handles. A law is skipped where a step of
 * it exceeds the table's limits. */
static int check_laws(an_dims *dims, an_test_random *r, const expression *pool)
{
    int checked = 0;
    for (int round = 0; round < 50; round++) {
        const an_dim a = pool[an_test_int(r, 0, EXPRESSIONS - 1)].dim;
        const an_dim b = pool[an_test_int(r, 0, EXPRESSIONS - 1)].dim;
        const an_dim c = pool[an_test_int(r, 0, EXPRESSIONS - 1)].dim;
        const an_dim sum = an_dims_add(dims, a, b), product = an_dims_mul(dims, a, b);
        const an_dim left = an_dims_mul(dims, sum, c);
        const an_dim right =
            an_dims_add(dims, an_dims_mul(dims, a, c), an_dims_mul(dims, b, c));
        if (left == AN_DIM_BAD || right == AN_DIM_BAD || product == AN_DIM_BAD) continue;
        ck_assert_int_eq(left, right);
        ck_assert_int_eq(sum, an_dims_add(dims, b, a));
        ck_assert_int_eq(product, an_dims_mul(dims, b, a));
        ck_assert_int_eq(an_dims_sub(dims, sum, b), a);
        an_dim quotient = AN_DIM_BAD;
        if (b != 0) {
            ck_assert_int_eq(an_dims_div(dims, product, b), a);
            ck_assert(an_dims_divides(dims, product, b, &quotient));
            ck_assert_int_eq(quotient, a);
        }
        checked++;
    }
    return checked;
}

START_TEST(test_random_expressions)
{
    int refused = 0, laws = 0;
    for (uint64_t seed = 1; seed <= 150; seed++) {
        an_test_random r = {seed};
        an_dims *dims = an_dims_new();
        int64_t bound[BINDINGS][NAMES];
        for (int i = 0; i < BINDINGS; i++)
            for (int k = 0; k < NAMES; k++) bound[i][k] = an_test_int(&r, 1, 12);
        expression pool[EXPRESSIONS];
        refused += make_expressions(dims, &r, bound, pool);
        check_values(dims, bound, pool, seed);
        check_handles(dims, pool, seed);
        laws += check_laws(dims, &r, pool);
        an_dims_free(dims);
    }
    ck_assert_int_lt(refused, 150 * EXPRESSIONS / 20); /* the limits are seldom met */
    ck_assert_int_gt(laws, 150 * 25);
}
END_TEST

/* ---- memory runs out --------------------------------------------------- */

/* False if anything was refused. Frees all either way. */
static bool build_and_copy(void)
{
    an_dims *dims = an_dims_new();
    const an_dim d = parse(dims, "(B*T+U-3)/(T+1)+2*B*(T/2)");
    bool good = d != AN_DIM_BAD;
    for (int i = 0; good && i < 40; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%d", i);
        good = an_dims_name(dims, name) != AN_DIM_BAD;
    }
    an_dims *copy = an_dims_copy(dims), *other = an_dims_new();
    good = good && copy && an_dims_translate(other, dims, d) != AN_DIM_BAD;
    an_dims_free(dims), an_dims_free(copy), an_dims_free(other);
    return good;
}

START_TEST(test_out_of_memory)
{
    int64_t fail_at = 0;
    for (bool failed = true; failed; fail_at++) {
        an_test_heap_start(fail_at);
        const bool good = build_and_copy();
        failed = an_test_heap_failed();
        ck_assert_int_eq(an_test_heap_stop(), 0);
        ck_assert(good != failed);
    }
    ck_assert_int_gt(fail_at, 20);
}
END_TEST

AN_TEST_MAIN("dims", test_equal_expressions_are_one_dimension, test_canonical_text,
             test_text_does_not_depend_on_the_order_of_names, test_refusals,
             test_hostile_sizes_are_refused, test_divides, test_binding,
             test_division_by_zero_is_a_binding_error, test_shapes_and_types_print,
             test_random_expressions, test_out_of_memory)
