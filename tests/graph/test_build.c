/* test_build.c -- adding nodes: what is checked, and what a message says. */
#include "core/core.h"
#include "graph/ir.h"
#include "tests/support.h"

START_TEST(test_scopes_nest_and_close)
{
    an_graph *g = an_graph_new("t");
    an_graph_scope_open(g, "outer");
    an_graph_scope_open(g, "inner");
    ck_assert_str_eq(g->scope, "outer/inner");
    an_graph_scope_close(g);
    ck_assert_str_eq(g->scope, "outer");
    an_graph_scope_close(g);
    an_graph_scope_close(g);
    ck_assert_int_eq(an_graph_status(g), AN_E_ARGUMENT);
    an_graph_free(g);
}
END_TEST

START_TEST(test_null_is_survived)
{
    an_graph_free(NULL);
    ck_assert_int_eq(an_graph_status(NULL), AN_E_ARGUMENT);
    ck_assert(an_is_none(an_emit(AN_HERE, AN_OP_add, NULL, 0, NULL)));
    ck_assert(an_is_none(an_graph_find(NULL, "x")));
    ck_assert_int_eq(an_graph_count(NULL, "add"), 0);
    an_scope_open(AN_NONE, "x");
}
END_TEST

START_TEST(test_dims_scales_and_parameters)
{
    an_graph *g = an_graph_new("t");
    const an_dim B = an_dim_named(g, "B");
    const an_value x = an_input(g, "x", AN_F64, AN_SHAPE(B, 3));
    ck_assert_int_eq(an_dim_of(x, 0), B);
    ck_assert_int_eq(an_dim_of(x, -1), 3);
    const an_init zeros = {AN_INIT_ZEROS, 0, 0};
    const an_value a = an_state(g, "a/kernel", AN_F32, AN_SHAPE(3), zeros);
    const an_value b = an_state(g, "a/bias", AN_F64, AN_SHAPE(3), zeros);
    an_state(g, "a/steps", AN_I64, AN_SCALAR, zeros);
    an_state(g, "ab", AN_F32, AN_SHAPE(3), zeros);
    an_value found[2] = {{0}};
    ck_assert_int_eq(an_graph_parameters_of(g, "", NULL, 0), 3);
    ck_assert_int_eq(an_graph_parameters_of(g, "a/", found, 2), 2);
    ck_assert(found[0].id == a.id && found[1].id == b.id);
    ck_assert_int_eq(an_graph_freeze(g, "a/kernel", true), 1);
    ck_assert_int_eq(an_graph_parameters_of(g, "a", found, 1), 1);
    ck_assert(found[0].id == b.id);
    ck_assert_int_eq(an_graph_parameters_of(g, "b", found, 1), 0);
    const an_value half = an_scale(x, 0.5);
    ck_assert_int_eq(an_type_of(half).dtype, AN_F64);
    ck_assert(an_is_op(an_node_of(g, half.id), AN_OP_mul));
    ck_assert_int_eq(an_graph_status(g), AN_OK);
    ck_assert_int_eq(an_dim_of(x, 2), AN_DIM_BAD);
    ck_assert_ptr_nonnull(strstr(an_graph_message(g), "there is no axis 2 of rank 2"));
    an_graph_free(g);
}
END_TEST

AN_TEST_MAIN("build", test_scopes_nest_and_close, test_null_is_survived,
             test_dims_scales_and_parameters)
