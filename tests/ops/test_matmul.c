/* test_matmul.c -- what the sweep cannot know about matmul: that a gradient of a dense
 * layer is one product over all rows, and that no grid follows the thread count. */
#include "graph/graph.h"
#include "ops/kernels/kernels.h"
#include "ops/op.h"
#include "tests/support.h"

#include <math.h>

/* [B,T,K] x [K,N]: three products in all, nothing transposed, nothing summed down. */
START_TEST(test_dense_gradient_is_one_product)
{
    an_graph *g = an_graph_new("dense");
    const an_dim B = an_dim_named(g, "B"), T = an_dim_named(g, "T");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(B, T, 8));
    const an_value w = an_state(g, "w", AN_F32, AN_SHAPE(8, 4), (an_init){0});
    const an_value loss = an_sum_axes(an_square(an_matmul(x, w)), AN_ALL_AXES, false);
    an_value dx[2];
    ck_assert_int_eq(an_gradients(loss, (an_value[]){x, w}, 2, dx), AN_OK);
    ck_assert_int_eq(an_graph_count(g, "matmul"), 3);
    ck_assert_int_eq(an_graph_count(g, "transpose"), 0);
    ck_assert_int_eq(an_graph_count(g, "sum"), 1);
    ck_assert_int_eq(an_type_of(dx[1]).shape.rank, 2);
    an_graph_free(g);
}
END_TEST

START_TEST(test_refusals_name_the_dims)
{
    an_graph *g = an_graph_new("refused");
    const an_value a = an_input(g, "a", AN_F32, AN_SHAPE(2, 3));
    const an_value b = an_input(g, "b", AN_F32, AN_SHAPE(4, 5));
    ck_assert(an_is_poison(an_matmul(a, b)));
    ck_assert_int_eq(an_graph_status(g), AN_E_SHAPE);
    ck_assert_ptr_nonnull(strstr(an_graph_message(g), "inner dims differ (3 vs 4)"));
    an_graph_free(g);
}
END_TEST

/* A grid is cut before it is known who runs it: asking for the number of units with
 * another thread count must change nothing. */
START_TEST(test_grid_ignores_threads)
{
    const int64_t a[][2] = {{3200, 50}, {16, 1536}, {1, 3000}, {300, 300}};
    for (int i = 0; i < 4; i++) {
        const int64_t m = a[i][0], k = a[i][1], n = 640;
        float element = 0; /* nothing is read */
        const an_tensor in[] = {an_tensor_borrow(AN_F32, AN_EXTENTS(m, k), &element),
                                an_tensor_borrow(AN_F32, AN_EXTENTS(k, n), &element)};
        const an_tensor out = an_tensor_borrow(AN_F32, AN_EXTENTS(m, n), &element);
        const an_attrs attrs = {0};
        const an_work w = {.attrs = &attrs, .inputs = 2, .outputs = 1, .in = in, .out = &out};
        an_set_threads(1);
        const int64_t units = an_rules_matmul.stages[0].units(&w);
        an_set_threads(7);
        ck_assert_int_eq(an_rules_matmul.stages[0].units(&w), units);
        ck_assert_int_ge(units, 2);
        an_set_threads(0);
    }
}
END_TEST

/* Zeros times NaN and infinity are NaN, on every path that BLAS offers. */
START_TEST(test_nan_is_not_skipped)
{
    const int64_t shapes[][3] = {{1, 70, 70}, {70, 70, 1}, {2, 2, 2}, {40, 70, 50}, {300, 80, 90}};
    const int64_t m = shapes[_i][0], k = shapes[_i][1], n = shapes[_i][2];
    an_tensor in[2] = {{0}}, out = {0};
    ck_assert_int_eq(an_tensor_alloc(&in[0], AN_F32, AN_EXTENTS(m, k)), AN_OK);
    ck_assert_int_eq(an_tensor_alloc(&in[1], AN_F32, AN_EXTENTS(k, n)), AN_OK);
    ck_assert_int_eq(an_tensor_alloc(&out, AN_F32, AN_EXTENTS(m, n)), AN_OK);
    an_tensor_set(&in[1], n - 1, NAN);
    an_tensor_set(&in[1], (k - 1) * n, INFINITY);
    for (int64_t i = 0; i < m * n; i++) an_tensor_set(&out, i, NAN); /* must not be read */
    const an_attrs attrs = {0};
    const an_work w = {.attrs = &attrs, .inputs = 2, .outputs = 1, .in = in, .out = &out,
                       .kernels = an_kernels_of(an_runtime_isa())};
    an_rules_matmul.stages[0].run(&w, 0, an_rules_matmul.stages[0].units(&w));
    for (int64_t i = 0; i < m * n; i++) {
        const bool column = i % n == n - 1 || i % n == 0;
        ck_assert_msg(isnan(an_tensor_get(&out, i)) == column, "element %lld is %g", (long long)i,
                      an_tensor_get(&out, i));
    }
    an_tensor_free(&in[0]);
    an_tensor_free(&in[1]);
    an_tensor_free(&out);
}
END_TEST

static void row_times(const an_tensor in[2], an_tensor *out, an_isa isa, bool at_once)
{
    const an_attrs attrs = {0};
    const an_work w = {.attrs = &attrs, .inputs = 2, .outputs = 1, .in = in, .out = out,
                       .kernels = an_kernels_of(isa)};
    const int64_t units = an_rules_matmul.stages[0].units(&w);
    for (int64_t i = 0; i < an_tensor_count(out); i++) an_tensor_set(out, i, NAN);
    if (at_once) an_rules_matmul.stages[0].run(&w, 0, units);
    for (int64_t u = units; !at_once && u > 0; u--) an_rules_matmul.stages[0].run(&w, u - 1, u);
}

static void want_row(const an_tensor in[2], const an_tensor *out, int64_t k, int64_t n)
{
    for (int64_t j = 0; j < n; j++) {
        double sum = 0, size = 0;
        for (int64_t i = 0; i < k; i++) {
            const double term = an_tensor_get(&in[0], i) * an_tensor_get(&in[1], i * n + j);
            sum += term;
            size += fabs(term);
        }
        const double off = fabs(an_tensor_get(out, j) - sum);
        ck_assert_msg(off <= 2e-6 * size, "%dx%d: [%d] is off by %g", (int)k, (int)n, (int)j, off);
    }
}

/* A row times a matrix has the same bits unit by unit, in one go, and by every instruction set. */
START_TEST(test_a_row_is_cut_anywhere)
{
    const int64_t shapes[][2] = {{1, 1}, {3, 5}, {8, 64}, {384, 384}, {384, 1536}, {1536, 384},
                                 {513, 96}, {700, 100}, {1100, 1301}, {64, 4801}, {9000, 33}};
    const int64_t k = shapes[_i][0], n = shapes[_i][1];
    an_tensor in[2] = {{0}}, out[2] = {{0}};
    an_test_random r = {9};
    ck_assert_int_eq(an_tensor_alloc(&in[0], AN_F32, AN_EXTENTS(1, k)), AN_OK);
    ck_assert_int_eq(an_tensor_alloc(&in[1], AN_F32, AN_EXTENTS(k, n)), AN_OK);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(an_tensor_alloc(&out[i], AN_F32, AN_EXTENTS(1, n)), AN_OK);
        for (int64_t j = 0; j < an_tensor_count(&in[i]); j++)
            an_tensor_set(&in[i], j, an_test_uniform(&r, -2, 2));
    }
    row_times(in, &out[0], an_runtime_isa(), true);
    want_row(in, &out[0], k, n);
    for (int isa = AN_ISA_BASE; isa <= (int)an_runtime_isa(); isa++)
        for (int at_once = 0; at_once < 2; at_once++) {
            row_times(in, &out[1], (an_isa)isa, at_once);
            ck_assert_mem_eq(out[0].data, out[1].data, (size_t)n * sizeof(float));
        }
    for (int i = 0; i < 2; i++) {
        an_tensor_free(&in[i]);
        an_tensor_free(&out[i]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("matmul");
    TCase *group = tcase_create("all");
    tcase_add_test(group, test_dense_gradient_is_one_product);
    tcase_add_test(group, test_refusals_name_the_dims);
    tcase_add_test(group, test_grid_ignores_threads);
    tcase_add_loop_test(group, test_nan_is_not_skipped, 0, 5);
    tcase_add_loop_test(group, test_a_row_is_cut_anywhere, 0, 11);
    suite_add_tcase(suite, group);
    return an_test_run_suite(suite);
}
