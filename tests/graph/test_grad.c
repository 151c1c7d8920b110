/* test_grad.c -- differentiation: structure, order of terms, and values. */
#include "graph/evaluate.h"
#include "tests/support.h"

#include <math.h>

/* sum(x * x + 3 x), by hand: 2 x + 3. */
START_TEST(test_values_by_hand)
{
    an_graph *g = an_graph_new("t");
    const an_value x = an_input(g, "x", AN_F64, AN_SHAPE(3));
    const an_value y = an_add(an_mul(x, x), an_mul(x, an_number(x, 3)));
    const an_value loss = an_sum_axes(y, AN_ALL_AXES, false);
    const an_value dx = an_gradient(loss, x);
    ck_assert_msg(an_graph_status(g) == AN_OK, "%s", an_graph_message(g));
    an_evaluation e = {0};
    ck_assert_int_eq(an_evaluation_begin(&e, g, NULL), AN_OK);
    for (int i = 0; i < 3; i++) an_tensor_set(&e.value[x.id], i, i - 1.5);
    ck_assert_msg(an_evaluation_run(&e) == AN_OK, "%s", e.error.text);
    for (int i = 0; i < 3; i++)
        ck_assert(an_test_close(an_tensor_get(&e.value[dx.id], i), 2 * (i - 1.5) + 3, 1e-14));
    an_evaluation_free(&e);
    an_graph_free(g);
}
END_TEST

/* A value with three users: one accumulate of three terms, in the users' order. */
START_TEST(test_terms_meet_in_one_accumulate)
{
    an_graph *g = an_graph_new("t");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(4));
    const an_value a = an_neg(x), b = an_mul(x, x), c = an_sub(b, x);
    const an_value loss = an_sum_axes(an_add(an_add(a, b), c), AN_ALL_AXES, false);
    const an_value dx = an_gradient(loss, x);
    ck_assert_msg(an_graph_status(g) == AN_OK, "%s", an_graph_message(g));
    const an_node *n = an_node_of(g, dx.id);
    ck_assert(an_is_op(n, AN_OP_accumulate));
    ck_assert_int_eq(n->inputs, 4); /* neg, mul twice, sub */
    for (int i = 1; i < n->inputs; i++)
        ck_assert_uint_le(n->attrs->order.at[i - 1], n->attrs->order.at[i]);
    an_graph_free(g);
}
END_TEST

START_TEST(test_broadcast_gradients_are_summed_down)
{
    an_graph *g = an_graph_new("t");
    const an_dim B = an_dim_named(g, "B");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(B, 1, 3));
    const an_value w = an_state(g, "w", AN_F32, AN_SHAPE(5, 1), (an_init){AN_INIT_ZEROS, 0, 0});
    const an_value loss = an_sum_axes(an_mul(x, w), AN_ALL_AXES, false);
    an_value d[2];
    ck_assert_int_eq(an_gradients(loss, (an_value[]){x, w}, 2, d), AN_OK);
    for (int i = 0; i < 2; i++) {
        const an_type got = an_type_of(d[i]), want = an_type_of(i ? w : x);
        ck_assert(an_type_equal(&got, &want));
    }
    an_graph_free(g);
}
END_TEST

START_TEST(test_independent_values_get_zeros)
{
    an_graph *g = an_graph_new("t");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(3));
    const an_value z = an_input(g, "z", AN_F32, AN_SHAPE(2));
    const an_value dz = an_gradient(an_sum_axes(x, AN_ALL_AXES, false), z);
    ck_assert(an_is_op(an_node_of(g, dz.id), AN_OP_constant));
    an_graph_free(g);
}
END_TEST

START_TEST(test_misuse_is_refused)
{
    an_graph *g = an_graph_new("t"), *other = an_graph_new("o");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(3));
    const an_value foreign = an_input(other, "x", AN_F32, AN_SHAPE(3));
    ck_assert(an_is_poison(an_gradient(x, x)));
    ck_assert_ptr_nonnull(strstr(an_graph_message(g), "must be a float scalar"));
    an_graph_free(g);
    g = an_graph_new("t");
    const an_value y = an_input(g, "x", AN_F32, AN_SCALAR);
    ck_assert(an_is_poison(an_gradient(y, foreign)));
    ck_assert_int_eq(an_graph_status(g), AN_E_GRAPH);
    an_graph_free(g);
    an_graph_free(other);
}
END_TEST

AN_TEST_MAIN("grad", test_values_by_hand, test_terms_meet_in_one_accumulate,
             test_broadcast_gradients_are_summed_down, test_independent_values_get_zeros,
             test_misuse_is_refused)
