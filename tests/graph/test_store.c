/* test_store.c -- states by name, and what initialisers draw. */
#include "core/random.h"
#include "graph/run/store.h"
#include "tests/support.h"

#include <math.h>

static an_tensor draw(an_init_kind kind, double a, double b, const char *name, int rank,
                      const int64_t *extent)
{
    an_tensor t = {0};
    ck_assert_int_eq(an_tensor_alloc(&t, AN_F64, rank, extent), AN_OK);
    ck_assert_int_eq(an_initialise(&(an_init){kind, a, b}, name, 7, &t), AN_OK);
    return t;
}

static void expect_moments(const an_tensor *t, double mean, double deviation)
{
    const int64_t n = an_tensor_count(t);
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n; i++) sum += an_tensor_get(t, i);
    for (int64_t i = 0; i < n; i++) squares += pow(an_tensor_get(t, i) - sum / (double)n, 2);
    const double found = sqrt(squares / (double)n);
    /* Five standard errors; all seeds are fixed. */
    ck_assert(fabs(sum / (double)n - mean) <= 5 * deviation / sqrt((double)n));
    ck_assert(fabs(found - deviation) <= 5 * deviation / sqrt((double)n));
}

static double largest(const an_tensor *t)
{
    double most = 0;
    for (int64_t i = 0; i < an_tensor_count(t); i++) most = fmax(most, fabs(an_tensor_get(t, i)));
    return most;
}

START_TEST(test_variances_and_limits)
{
    an_tensor t = draw(AN_INIT_GLOROT_UNIFORM, 0, 0, "a", AN_EXTENTS(100, 300));
    ck_assert(largest(&t) <= sqrt(6.0 / 400));
    ck_assert(largest(&t) > 0.99 * sqrt(6.0 / 400));
    expect_moments(&t, 0, sqrt(2.0 / 400));
    an_tensor_free(&t);

    t = draw(AN_INIT_GLOROT_NORMAL, 0, 0, "a", AN_EXTENTS(3, 40, 250)); /* the window multiplies */
    expect_moments(&t, 0, sqrt(2.0 / (3 * 290)));
    ck_assert(largest(&t) <= 2 * sqrt(2.0 / (3 * 290)) / 0.8796);
    an_tensor_free(&t);

    t = draw(AN_INIT_HE_UNIFORM, 0, 0, "a", AN_EXTENTS(50, 600));
    ck_assert(largest(&t) <= sqrt(6.0 / 50));
    expect_moments(&t, 0, sqrt(2.0 / 50));
    an_tensor_free(&t);

    t = draw(AN_INIT_HE_NORMAL, 0, 0, "a", AN_EXTENTS(50, 600));
    expect_moments(&t, 0, sqrt(2.0 / 50));
    an_tensor_free(&t);

    t = draw(AN_INIT_UNIFORM, -1, 3, "a", AN_EXTENTS(30000));
    expect_moments(&t, 1, 4 / sqrt(12));
    an_tensor_free(&t);

    t = draw(AN_INIT_NORMAL, 0.5, 2, "a", AN_EXTENTS(30000));
    expect_moments(&t, 0.5, 2);
    an_tensor_free(&t);
}
END_TEST

START_TEST(test_plain_values)
{
    an_tensor t = draw(AN_INIT_CONSTANT, 1.5, 0, "a", 0, NULL);
    ck_assert_double_eq(an_tensor_get(&t, 0), 1.5);
    an_tensor_free(&t);
    t = draw(AN_INIT_FORGET_BIAS, 0, 0, "a", AN_EXTENTS(12));
    for (int i = 0; i < 12; i++)
        ck_assert_double_eq(an_tensor_get(&t, i), i >= 3 && i < 6 ? 1 : 0);
    an_tensor_free(&t);

    ck_assert_int_eq(an_tensor_alloc(&t, AN_I64, AN_EXTENTS(2)), AN_OK);
    const uint64_t seed = 0xfedcba9876543210u;
    ck_assert_int_eq(an_initialise(&(an_init){AN_INIT_RANDOM_KEY, 0, 0}, "k", seed, &t), AN_OK);
    ck_assert_uint_eq((uint64_t)((int64_t *)t.data)[0], seed);
    ck_assert_int_eq(((int64_t *)t.data)[1], 0);
    an_tensor_free(&t);
}
END_TEST

/* Q of normal draws A: Q'Q = 1, and Q'A is triangular with a positive diagonal. */
static void expect_orthogonal(int64_t rows, int64_t columns, double gain)
{
    an_tensor t = draw(AN_INIT_ORTHOGONAL, gain, 0, "q", AN_EXTENTS(rows, columns));
    const double *q = t.data, scale = gain == 0 ? 1 : gain;
    const bool wide = rows < columns;
    const int64_t few = wide ? rows : columns, many = wide ? columns : rows;
    const uint64_t hash = an_hash_string("q");
    const an_stream stream = {7, hash >> 32, (uint32_t)hash};
    for (int64_t i = 0; i < few; i++)
        for (int64_t j = 0; j < few; j++) {
            double product = 0, triangle = 0;
            for (int64_t k = 0; k < many; k++) {
                const double qi = wide ? q[i * columns + k] : q[k * columns + i];
                const double qj = wide ? q[j * columns + k] : q[k * columns + j];
                product += qi * qj;
                triangle += qi * an_draw_normal(&stream, k * few + j);
            }
            ck_assert(an_test_close(product, i == j ? scale * scale : 0, 1e-12));
            if (i > j) ck_assert(an_test_close(triangle, 0, 1e-12));
            if (i == j) ck_assert(triangle > 0);
        }
    an_tensor_free(&t);
}

START_TEST(test_orthogonal_is_the_q_of_a_normal_matrix)
{
    expect_orthogonal(16, 16, 0);
    expect_orthogonal(33, 9, 2);
    expect_orthogonal(9, 33, 1);
    expect_orthogonal(1, 1, 1);
    an_tensor empty = draw(AN_INIT_ORTHOGONAL, 1, 0, "q", AN_EXTENTS(0, 4));
    an_tensor_free(&empty);
}
END_TEST

START_TEST(test_draws_depend_on_seed_and_name_only)
{
    const int64_t n = 5000;
    const an_init_kind kinds[] = {AN_INIT_GLOROT_UNIFORM, AN_INIT_HE_NORMAL, AN_INIT_NORMAL};
    for (int k = 0; k < 3; k++) {
        an_tensor a = {0}, b = {0}, c = {0};
        an_tensor_alloc(&a, AN_F32, AN_EXTENTS(n));
        an_tensor_alloc(&b, AN_F32, AN_EXTENTS(n));
        an_tensor_alloc(&c, AN_F32, AN_EXTENTS(n));
        const an_init init = {kinds[k], 0, 1};
        an_set_threads(1);
        an_initialise(&init, "w", 3, &a);
        an_set_threads(3);
        an_initialise(&init, "w", 3, &b);
        an_initialise(&init, "v", 3, &c);
        ck_assert_mem_eq(a.data, b.data, (size_t)an_tensor_bytes(&a));
        ck_assert_mem_ne(a.data, c.data, (size_t)an_tensor_bytes(&a));
        an_initialise(&init, "w", 4, &c);
        ck_assert_mem_ne(a.data, c.data, (size_t)an_tensor_bytes(&a));
        an_tensor_free(&a);
        an_tensor_free(&b);
        an_tensor_free(&c);
    }
    an_set_threads(0);
}
END_TEST

/* ---- the store --------------------------------------------------------- */

static void count_up(void *context, const char *name, uint64_t seed, an_tensor *t)
{
    (void)seed;
    ck_assert_str_eq(name, "own");
    const double start = *(double *)context;
    for (int64_t i = 0; i < an_tensor_count(t); i++) an_tensor_set(t, i, start + (double)i);
}

static an_status ready(an_store *s, an_graph *g, const char *name, an_error *e)
{
    void *data = NULL;
    const an_status status = an_store_ready(s, g, an_node_of(g, an_graph_leaf(g, name)), &data, e);
    ck_assert((data != NULL) == (status == AN_OK));
    return status;
}

START_TEST(test_get_and_set_check_types)
{
    an_store *s = an_store_new(1);
    an_graph *g = an_graph_new("g");
    an_state(g, "w", AN_F32, AN_SHAPE(2, 3), (an_init){AN_INIT_CONSTANT, 4, 0});
    an_state(g, "rate", AN_F32, AN_SCALAR, (an_init){AN_INIT_CONSTANT, 0.5, 0});
    an_error e = {0};
    ck_assert_int_eq(ready(s, g, "w", &e), AN_OK);
    ck_assert_int_eq(ready(s, g, "rate", &e), AN_OK);
    ck_assert_int_eq(ready(s, g, "w", &e), AN_OK); /* once more: the same one */
    ck_assert_int_eq(an_store_count(s), 2);
    ck_assert_str_eq(an_store_name(s, 1), "rate");

    an_tensor t = {0};
    ck_assert_int_eq(an_store_get(s, "w", &t), AN_OK);
    ck_assert_double_eq(an_tensor_get(&t, 5), 4);
    an_tensor_set(&t, 5, -1);
    ck_assert_double_eq(an_tensor_get(an_store_view(s, "w"), 5), 4); /* it was a copy */
    ck_assert_int_eq(an_store_set(s, "w", &t), AN_OK);
    ck_assert_double_eq(an_tensor_get(an_store_view(s, "w"), 5), -1);

    float six[6] = {0};
    const an_tensor turned = an_tensor_borrow(AN_F32, AN_EXTENTS(3, 2), six);
    ck_assert_int_eq(an_store_set(s, "w", &turned), AN_E_STATE);
    ck_assert_ptr_nonnull(strstr(an_store_message(s), "is f32[2,3] in the store, not f32[3,2]"));
    ck_assert_int_eq(an_store_set_number(s, "rate", 0.25), AN_OK);
    ck_assert_str_eq(an_store_message(s), "");
    ck_assert_double_eq(an_tensor_get(an_store_view(s, "rate"), 0), 0.25);
    ck_assert_int_eq(an_store_set_number(s, "w", 1), AN_E_STATE);
    ck_assert_int_eq(an_store_get(s, "nobody", &t), AN_E_STATE);
    ck_assert_int_eq(an_store_set_number(s, "nobody", 1), AN_E_STATE);
    an_tensor_free(&t);
    an_graph_free(g);
    an_store_free(s);
}
END_TEST

START_TEST(test_values_set_first_are_kept)
{
    an_store *s = an_store_new(1);
    an_graph *g = an_graph_new("g");
    an_state(g, "w", AN_F32, AN_SHAPE(3), (an_init){AN_INIT_ZEROS, 0, 0});
    an_state(g, "own", AN_F32, AN_SHAPE(3), (an_init){AN_INIT_ZEROS, 0, 0});
    float three[3] = {1, 2, 3};
    const an_tensor value = an_tensor_borrow(AN_F32, AN_EXTENTS(3), three);
    double start = 10;
    ck_assert_int_eq(an_store_set(s, "w", &value), AN_OK);
    ck_assert_int_eq(an_store_initialise(s, "own", count_up, &start), AN_OK);
    an_error e = {0};
    ck_assert_int_eq(ready(s, g, "w", &e), AN_OK);
    ck_assert_int_eq(ready(s, g, "own", &e), AN_OK);
    ck_assert_double_eq(an_tensor_get(an_store_view(s, "w"), 2), 3);
    ck_assert_double_eq(an_tensor_get(an_store_view(s, "own"), 2), 12);
    ck_assert_int_eq(an_store_initialise(s, "own", count_up, &start), AN_E_STATE);

    an_graph *other = an_graph_new("other");
    an_state(other, "w", AN_F64, AN_SHAPE(3), (an_init){AN_INIT_ZEROS, 0, 0});
    ck_assert_int_eq(ready(s, other, "w", &e), AN_E_STATE);
    ck_assert_ptr_nonnull(strstr(e.text, "\"w\" is f32[3] in the store, not f64[3]"));
    an_graph_free(other);
    an_graph_free(g);
    an_store_free(s);
}
END_TEST

START_TEST(test_a_held_store_refuses)
{
    an_store *s = an_store_new(1);
    float one = 1;
    const an_tensor value = an_tensor_borrow(AN_F32, 0, NULL, &one);
    an_tensor copy = {0};
    ck_assert_int_eq(an_store_set(s, "x", &value), AN_OK);
    ck_assert(an_store_enter(s));
    ck_assert(!an_store_enter(s));
    ck_assert_int_eq(an_store_set(s, "x", &value), AN_E_BUSY);
    ck_assert_int_eq(an_store_get(s, "x", &copy), AN_E_BUSY);
    ck_assert_ptr_nonnull(strstr(an_store_message(s), "in use"));
    an_store_leave(s);
    ck_assert_int_eq(an_store_get(s, "x", &copy), AN_OK);
    ck_assert_str_eq(an_store_message(s), "");
    an_tensor_free(&copy);
    an_store_free(s);
}
END_TEST

START_TEST(test_many_names_are_found)
{
    an_store *s = an_store_new(1);
    char name[32];
    for (int32_t i = 0; i < 3000; i++) {
        const an_tensor value = an_tensor_borrow(AN_I32, 0, NULL, &i);
        snprintf(name, sizeof name, "layer%d/kernel", (int)i);
        ck_assert_int_eq(an_store_set(s, name, &value), AN_OK);
    }
    for (int i = 0; i < 3000; i++) {
        snprintf(name, sizeof name, "layer%d/kernel", i);
        ck_assert_double_eq(an_tensor_get(an_store_view(s, name), 0), i);
        ck_assert_str_eq(an_store_name(s, i), name);
    }
    ck_assert_ptr_null(an_store_view(s, "layer3000/kernel"));
    ck_assert_ptr_null(an_store_name(s, 3000));
    an_store_free(s);
}
END_TEST

START_TEST(test_null_is_survived)
{
    an_store_free(NULL);
    ck_assert_int_eq(an_store_count(NULL), 0);
    ck_assert_ptr_null(an_store_view(NULL, "x"));
    ck_assert_int_eq(an_store_set(NULL, "x", NULL), AN_E_ARGUMENT);
    an_store *s = an_store_new(9);
    ck_assert_uint_eq(an_store_seed(s), 9);
    ck_assert_ptr_null(an_store_view(s, NULL));
    ck_assert_int_eq(an_store_set(s, "x", NULL), AN_E_ARGUMENT);
    const an_tensor hollow = {.dtype = AN_F32, .rank = 1, .extent = {4}};
    ck_assert_int_eq(an_store_set(s, "x", &hollow), AN_E_ARGUMENT);
    ck_assert_int_eq(an_store_get(s, "x", NULL), AN_E_ARGUMENT);
    ck_assert_int_eq(an_store_initialise(s, "x", NULL, NULL), AN_E_ARGUMENT);
    an_store_free(s);
}
END_TEST

AN_TEST_MAIN("store", test_variances_and_limits, test_plain_values,
             test_orthogonal_is_the_q_of_a_normal_matrix, test_draws_depend_on_seed_and_name_only,
             test_get_and_set_check_types, test_values_set_first_are_kept,
             test_a_held_store_refuses, test_many_names_are_found, test_null_is_survived)
