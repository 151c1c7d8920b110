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

AN_TEST_MAIN("build", test_scopes_nest_and_close, test_null_is_survived)
