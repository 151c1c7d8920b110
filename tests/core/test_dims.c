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
    ck_assert_int_ne(B, T);
    ck_assert_int_eq(an_dims_name(dims, "B"), B);
    an_dims_free(dims);
}
END_TEST

START_TEST(test_canonical_text)
{
    static const char *const cases[][2] = {
        {"12", "12"}, {"B", "B"}, {"T*B*2", "2*B*T"}, {"1+T", "T+1"}, {"(1+T)/2", "(T+1)/2"},
        {"2*(T+1)", "2*T+2"}, {"(2*B*T)/T", "2*B"}, {"(T+2)/2", "T/2+1"}, {"(T-1)/2+1", "(T+1)/2"},
        {"B*(T/2)", "B*(T/2)"}, {"3-T", "3-T"}, {"(B*T+T)/(2*T)", "(B+1)/2"},
        {"(2*T+1)/4", "T/2"}, {"T/(B+1)", "T/(B+1)"}, {"(B*T+B)/(T+1)", "B"},
        {" 2 * T + 1", "2*T+1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        an_dims *dims = an_dims_new();
        expect_text(dims, parse(dims, cases[i][0]), cases[i][1]);
        an_dims_free(dims);
    }
}
END_TEST

AN_TEST_MAIN("dims", test_equal_expressions_are_one_dimension, test_canonical_text)
