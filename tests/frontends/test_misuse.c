/* test_misuse.c -- ill-formed programs never crash, and are told what is wrong: the place, the
 * operands with their shapes and where they were made, and a way out.        */
#include "frontends/addnorm.h"
#include "tests/support.h"

static void expect(an_graph *g, an_status status, const char *const *parts)
{
    ck_assert_msg(an_graph_status(g) == status, "status %d: %s", an_graph_status(g),
                  an_graph_message(g));
    for (int i = 0; parts[i]; i++)
        ck_assert_msg(strstr(an_graph_message(g), parts[i]) != NULL, "no '%s' in: %s", parts[i],
                      an_graph_message(g));
    an_graph_free(g);
}
#define EXPECT(g, status, ...) expect(g, status, (const char *const[]){__VA_ARGS__, NULL})

START_TEST(test_shapes_that_do_not_fit)
{
    an_graph *g = an_graph_new("clf");
    const an_dim B = an_dim_named(g, "B");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(B, 128));
    an_scope_open(x, "encoder");
    const an_value a = an_label(an_nn_dense(x, .units = 256), "wide");
    const an_value y = an_nn_layer_norm(an_residual_add(a, x));
    ck_assert(an_is_poison(y)); /* poison goes through layers too */
    EXPECT(g, AN_E_SHAPE, "test_misuse.c:", "AN-E012", "[encoder]", "residual_add",
           "256 vs 128", "f32[B,256]", "f32[B,128]", "made at", "hint:");
}
END_TEST

START_TEST(test_dtypes_that_do_not_fit)
{
    an_graph *g = an_graph_new("t");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(4));
    an_add(x, an_input(g, "n", AN_I32, AN_SHAPE(4)));
    EXPECT(g, AN_E_DTYPE, "add", "f32 vs i32", "hint:", "an_cast");
    g = an_graph_new("t");
    an_nn_embedding(an_input(g, "x", AN_F32, AN_SHAPE(4)), .vocab = 10, .units = 3);
    EXPECT(g, AN_E_DTYPE, "embedding", "ids", "i32 or i64");
}
END_TEST

START_TEST(test_values_of_another_graph)
{
    an_graph *g = an_graph_new("one"), *other = an_graph_new("two");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(4));
    an_mul(x, an_input(other, "y", AN_F32, AN_SHAPE(4)));
    EXPECT(g, AN_E_GRAPH, "mul", "another graph", "\"two\"");
    ck_assert_int_eq(an_graph_status(other), AN_OK);
    an_graph_free(other);
    g = an_graph_new("t");
    an_neg((an_value){g, 999});
    EXPECT(g, AN_E_GRAPH, "neg", "999");
}
END_TEST

START_TEST(test_senseless_arguments)
{
    an_graph *g = an_graph_new("t");
    an_input(g, "x", AN_F32, AN_SHAPE(4, -3));
    EXPECT(g, AN_E_SHAPE, "dim 1", "-3");
    g = an_graph_new("t");
    an_dropout(an_input(g, "x", AN_F32, AN_SHAPE(4)), 1.5f);
    EXPECT(g, AN_E_ATTRIBUTE, "dropout", "1.5");
    g = an_graph_new("t");
    an_sum(an_input(g, "x", AN_F32, AN_SHAPE(4)), 2);
    EXPECT(g, AN_E_ATTRIBUTE, "sum", "axis 2");
    g = an_graph_new("t");
    an_nn_lstm(an_input(g, "x", AN_F32, AN_SHAPE(2, 3, 4)), .units = 0);
    ck_assert_int_ne(an_graph_status(g), AN_OK);
    an_graph_free(g);
    g = an_graph_new("t");
    an_state(g, "w", AN_F32, AN_SHAPE(2), (an_init){AN_INIT_ZEROS, 0, 0});
    an_state(g, "w", AN_F32, AN_SHAPE(2), (an_init){AN_INIT_ZEROS, 0, 0});
    EXPECT(g, AN_E_NAME, "\"w\"", "taken");
}
END_TEST

/* ---- at run time ------------------------------------------------------- */

typedef struct small {
    an_graph *g;
    an_store *store;
    an_program *p;
} small;

/* ids[B] -> embedding -> loss, minimised: the ids are used forward and backward. */
static small trained(void)
{
    small s = {an_graph_new("t"), an_store_new(1), NULL};
    const an_value ids = an_input(s.g, "ids", AN_I32, AN_SHAPE(an_dim_named(s.g, "B")));
    const an_value h = an_nn_embedding(ids, .vocab = 10, .units = 3);
    const an_value loss = an_mean_axes(an_square(h), AN_ALL_AXES, false);
    s.p = an_compile(s.g, s.store, .fetch = {loss}, .update = an_minimize(loss, an_adam()));
    ck_assert_msg(s.p != NULL, "%s", an_compile_message(s.g));
    return s;
}

static void end(small *s)
{
    an_program_free(s->p);
    an_store_free(s->store);
    an_graph_free(s->g);
}

START_TEST(test_feeds_that_do_not_fit)
{
    small s = trained();
    float wrong[2] = {0};
    int32_t ids[4] = {1, 2, 3, 4};
    const an_tensor floats = an_tensor_borrow(AN_F32, AN_EXTENTS(2), wrong);
    const an_tensor square = an_tensor_borrow(AN_I32, AN_EXTENTS(2, 2), ids);
    const an_tensor good = an_tensor_borrow(AN_I32, AN_EXTENTS(4), ids);
    ck_assert_int_eq(an_run(s.p), AN_E_FEED);
    ck_assert_ptr_nonnull(strstr(an_program_message(s.p), "ids"));
    ck_assert_int_eq(an_run(s.p, .feed = {{"ids", &floats}}), AN_E_FEED);
    ck_assert_int_eq(an_run(s.p, .feed = {{"ids", &square}}), AN_E_FEED);
    ck_assert_int_eq(an_run(s.p, .feed = {{"ids", &good}, {"idz", &good}}), AN_E_FEED);
    ck_assert_ptr_nonnull(strstr(an_program_message(s.p), "idz"));
    ck_assert_int_eq(an_run(s.p, .feed = {{"ids", &good}}), AN_OK);
    end(&s);
}
END_TEST

START_TEST(test_an_id_out_of_range_commits_nothing)
{
    small s = trained();
    int32_t ids[4] = {1, 2, 10, 4};
    const an_tensor bad = an_tensor_borrow(AN_I32, AN_EXTENTS(4), ids);
    char before[65], after[65];
    ck_assert_int_eq(an_store_sha256(s.store, before), AN_OK);
    ck_assert_int_eq(an_run(s.p, .feed = {{"ids", &bad}}), AN_E_DATA);
    static const char *const parts[] = {"embedding", "ids[2]", "10", "0..9", "test_misuse.c:"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        ck_assert_msg(strstr(an_program_message(s.p), parts[i]) != NULL, "no '%s' in: %s",
                      parts[i], an_program_message(s.p));
    ck_assert_int_eq(an_store_sha256(s.store, after), AN_OK);
    ck_assert_str_eq(before, after);
    ids[2] = -1;
    ck_assert_int_eq(an_run(s.p, .feed = {{"ids", &bad}}), AN_E_DATA);
    ids[2] = 9;
    ck_assert_int_eq(an_run(s.p, .feed = {{"ids", &bad}}), AN_OK);
    ck_assert_int_eq(an_store_sha256(s.store, after), AN_OK);
    ck_assert_str_ne(before, after);
    end(&s);
}
END_TEST

/* The gradient alone reads the ids here: its kernel must refuse them as well. */
START_TEST(test_a_bad_id_in_the_gradient_kernel)
{
    an_graph *g = an_graph_new("t");
    const an_value ids = an_input(g, "ids", AN_I32, AN_SHAPE(3));
    const an_value dy = an_input(g, "dy", AN_F32, AN_SHAPE(3, 2));
    const an_value w = an_state(g, "w", AN_F32, AN_SHAPE(5, 2), (an_init){AN_INIT_ZEROS, 0, 0});
    const an_updates up = an_updates_new(g, "up");
    an_updates_add(up, w, an_scatter_add(ids, dy, 0, 5));
    an_store *store = an_store_new(1);
    an_program *p = an_compile(g, store, .update = up);
    ck_assert_msg(p != NULL, "%s", an_compile_message(g));
    int32_t i[3] = {0, 5, 1};
    float d[6] = {1, 2, 3, 4, 5, 6};
    const an_tensor it = an_tensor_borrow(AN_I32, AN_EXTENTS(3), i);
    const an_tensor dt = an_tensor_borrow(AN_F32, AN_EXTENTS(3, 2), d);
    ck_assert_int_eq(an_run(p, .feed = {{"ids", &it}, {"dy", &dt}}), AN_E_DATA);
    ck_assert(an_tensor_get(an_store_view(store, "w"), 0) == 0);
    an_program_free(p);
    an_store_free(store);
    an_graph_free(g);
}
END_TEST

START_TEST(test_null_everywhere)
{
    ck_assert_ptr_null(an_compile_with(NULL));
    ck_assert_ptr_null(an_compile(.graph = NULL));
    ck_assert_int_eq(an_run_with(NULL), AN_E_ARGUMENT);
    ck_assert_int_ne(an_run(.program = NULL), AN_OK);
    an_program_free(NULL);
    an_store_free(NULL);
    ck_assert(an_is_none(an_nn_dense_with(NULL)));
    ck_assert(an_is_none(an_nn_dense(AN_NONE, .units = 3)));
    ck_assert(an_is_none(an_nn_residual(AN_NONE, AN_NONE)));
    ck_assert_int_eq(an_minimize(AN_NONE, an_adam()).id, 0);
    ck_assert_ptr_null(an_print(.graph = NULL));
    an_history *untrained = an_fit_with(NULL);
    ck_assert_int_eq(an_history_status(untrained), AN_E_ARGUMENT);
    an_history_free(untrained);
    an_equivalence *nothing = an_equivalent_with(NULL);
    ck_assert_int_eq(an_equivalence_rung(nothing), AN_RUNG_FAILED);
    an_equivalence_free(nothing);
    ck_assert_int_eq(an_optimised_status(NULL), AN_E_MEMORY);
    ck_assert_str_eq(an_optimised_message(NULL), "out of memory");
    ck_assert_ptr_null(an_optimised_take(NULL));
    ck_assert_ptr_null(an_optimised_note(NULL, 0));
    ck_assert(an_is_none(an_optimised_value(NULL, AN_NONE)));
    an_optimised_free(NULL);
    an_optimised *none = an_optimise_with(NULL);
    ck_assert_int_eq(an_optimised_status(none), AN_E_ARGUMENT);
    an_optimised_free(none);
}
END_TEST

AN_TEST_MAIN("misuse", test_shapes_that_do_not_fit, test_dtypes_that_do_not_fit,
             test_values_of_another_graph, test_senseless_arguments, test_feeds_that_do_not_fit,
             test_an_id_out_of_range_commits_nothing, test_a_bad_id_in_the_gradient_kernel,
             test_null_everywhere)
