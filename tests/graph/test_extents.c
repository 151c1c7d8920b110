/* test_extents.c -- named dims where programs get them wrong: arithmetic in C in place of
 * an_dim_plus, feeds that say what a name is by an expression, tables that are too short. */
#include "core/dims.h"
#include "graph/evaluate.h"
#include "tests/support.h"

/* ---- arithmetic on handles ------------------------------------------------ */

/* Whatever is done to a few handles in C, no dim comes out. */
START_TEST(test_arithmetic_meets_no_dim)
{
    enum { NAMES = 40 };
    an_graph *g = an_graph_new("t");
    an_dim d[NAMES];
    for (int i = 0; i < NAMES; i++) {
        char name[8];
        snprintf(name, sizeof name, "N%d", i);
        d[i] = i % 2 ? an_dim_plus(g, d[i - 1], i) : an_dim_named(g, name);
    }
    const an_dims *dims = g->dims;
    for (int i = 0; i < NAMES; i++) {
        ck_assert(an_dims_valid(dims, d[i]));
        for (int k = 1; k <= 1000; k++) {
            ck_assert(!an_dims_valid(dims, d[i] + k) && !an_dims_valid(dims, d[i] - k));
            if (k == 1) continue;
            ck_assert(!an_dims_valid(dims, d[i] * k) && !an_dims_valid(dims, d[i] * k + 1));
            ck_assert(!an_dims_valid(dims, d[i] / k));
        }
        for (int j = 0; j < NAMES; j++) {
            ck_assert(!an_dims_valid(dims, d[i] + d[j]));
            if (i != j) ck_assert(!an_dims_valid(dims, d[i] - d[j]));
            ck_assert(!an_dims_valid(dims, 2 * d[i] + d[j] - 1));
        }
    }
    an_graph_free(g);
}
END_TEST

START_TEST(test_a_slip_is_named)
{
    an_graph *g = an_graph_new("t");
    const an_dim B = an_dim_named(g, "B"), T = an_dim_named(g, "T");
    an_input(g, "x", AN_F32, AN_SHAPE(B, T + 1));
    ck_assert_int_eq(an_graph_status(g), AN_E_SHAPE);
    ck_assert_ptr_nonnull(strstr(an_graph_message(g), "an_dim_plus(g, T, 1)"));
    an_graph_free(g);
    g = an_graph_new("t");
    const an_dim S = an_dim_named(g, "S");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(S, 4));
    an_slice(x, 0, 0, S - 1, 1);
    ck_assert_int_ne(an_graph_status(g), AN_OK);
    ck_assert_ptr_nonnull(strstr(an_graph_message(g), "an_dim_"));
    an_graph_free(g);
}
END_TEST

/* ---- feeds ---------------------------------------------------------------- */

/* Runs sum(y) with x fed as i32 of those extents; the message of what went wrong, or "". */
static const char *feed(an_graph *g, an_value y, int rank, const int64_t *extent)
{
    static char message[2048];
    an_store *store = an_store_new(1);
    an_program *p = an_compile(g, store, .fetch = {y});
    ck_assert_msg(p != NULL, "%s%s", an_graph_message(g), an_compile_message(g));
    an_tensor x = {0}, out = {0};
    ck_assert_int_eq(an_tensor_alloc(&x, AN_I32, rank, extent), AN_OK);
    an_run(p, .feed = {{"x", &x}}, .out = {&out});
    snprintf(message, sizeof message, "%s", an_program_message(p));
    an_tensor_free(&x);
    an_tensor_free(&out);
    an_program_free(p);
    an_store_free(store);
    return message;
}

/* iota over T, from a feed whose last dim is `extent`: T as the run has it. */
static const char *learn(an_dim (*last)(an_graph *, an_dim B, an_dim T), int64_t b, int64_t extent,
                         int64_t wanted)
{
    an_graph *g = an_graph_new("t");
    const an_dim B = an_dim_named(g, "B"), T = an_dim_named(g, "T");
    const an_value x = an_input(g, "x", AN_I32, AN_SHAPE(B, last(g, B, T)));
    const an_value n = an_sum_axes(an_iota(g, AN_I32, AN_SHAPE(T), 0), AN_ALL_AXES, false);
    const an_value y = an_add(n, an_sum_axes(x, AN_ALL_AXES, false));
    const char *message = feed(g, y, AN_EXTENTS(b, extent));
    if (wanted >= 0) ck_assert_str_eq(message, "");
    an_graph_free(g);
    return message;
}

static an_dim one_more(an_graph *g, an_dim B, an_dim T) { return (void)B, an_dim_plus(g, T, 1); }
static an_dim twice(an_graph *g, an_dim B, an_dim T) { return (void)B, an_dim_times(g, T, 2); }
static an_dim by_batch(an_graph *g, an_dim B, an_dim T) { return an_dim_times(g, B, T); }
static an_dim square(an_graph *g, an_dim B, an_dim T) { return (void)B, an_dim_times(g, T, T); }
static an_dim half(an_graph *g, an_dim B, an_dim T) { return (void)B, an_dim_over(g, T, 2); }
static an_dim left(an_graph *g, an_dim B, an_dim T) { return an_dim_minus(g, B, T); }

START_TEST(test_an_expression_binds_its_name)
{
    learn(one_more, 2, 7, 6);
    learn(one_more, 2, 1, 0);
    learn(twice, 2, 8, 4);
    learn(by_batch, 3, 12, 4);
    learn(left, 9, 2, 7);
    ck_assert_ptr_nonnull(strstr(learn(one_more, 2, 0, -1), "no T makes dim 1 of feed \"x\", T+1"));
    ck_assert_ptr_nonnull(strstr(learn(twice, 2, 7, -1), "no T makes dim 1 of feed \"x\", 2*T"));
    ck_assert_ptr_nonnull(strstr(learn(by_batch, 5, 12, -1), "no T makes dim 1 of feed \"x\", B*"));
    ck_assert_ptr_nonnull(strstr(learn(square, 2, 9, -1), "feed \"x\" gives 9 for T*T"));
    ck_assert_ptr_nonnull(strstr(learn(half, 2, 3, -1), "feed \"x\" gives 3 for T/2"));
}
END_TEST

/* What it learns is T: the sum of 0 .. T-1 says so. */
START_TEST(test_the_value_learned)
{
    an_graph *g = an_graph_new("t");
    const an_dim T = an_dim_named(g, "T");
    an_input(g, "x", AN_I32, AN_SHAPE(an_dim_plus(g, T, 1)));
    const an_value y = an_sum_axes(an_iota(g, AN_I32, AN_SHAPE(T), 0), AN_ALL_AXES, false);
    an_store *store = an_store_new(1);
    an_program *p = an_compile(g, store, .fetch = {y});
    int32_t data[8] = {0};
    an_tensor x = an_tensor_borrow(AN_I32, AN_EXTENTS(8), data), out = {0};
    ck_assert_msg(an_run(p, .feed = {{"x", &x}}, .out = {&out}) == AN_OK, "%s",
                  an_program_message(p));
    ck_assert(an_tensor_get(&out, 0) == 21);
    an_tensor_free(&out);
    an_program_free(p);
    an_store_free(store);
    an_graph_free(g);
}
END_TEST

/* ---- a table of positions that is too short -------------------------------- */

static void run_positions(bool train)
{
    an_graph *g = an_graph_new("t");
    const an_dim B = an_dim_named(g, "B"), T = an_dim_named(g, "T");
    const an_value x = an_input(g, "x", AN_I32, AN_SHAPE(B, T));
    const an_value pos = an_state(g, "pos", AN_F32, AN_SHAPE(6, 4),
                                  (an_init){AN_INIT_UNIFORM, -1, 1});
    const an_value cut = an_slice(pos, 0, 0, T, 1);
    const int line = __LINE__ - 1;
    const an_value wide = an_reshape(an_cast(x, AN_F32), AN_SHAPE(B, T, 1));
    const an_value loss = an_mean_axes(an_add(wide, cut), AN_ALL_AXES, false);
    an_store *store = an_store_new(1);
    an_updates up = {0};
    if (train) {
        const an_value slope = an_gradient(loss, pos);
        up = an_updates_new(g, "step");
        an_updates_add(up, pos, an_sub(pos, slope));
    }
    an_program *p = train ? an_compile(g, store, .fetch = {loss}, .update = up)
                          : an_compile(g, store, .fetch = {loss}, .inference = true);
    ck_assert_msg(p != NULL, "%s%s", an_graph_message(g), an_compile_message(g));
    an_tensor t = {0}, out = {0};
    char place[64];
    for (int extent = 5; extent <= 7; extent++) {
        ck_assert_int_eq(an_tensor_alloc(&t, AN_I32, AN_EXTENTS(2, extent)), AN_OK);
        const an_status status = an_run(p, .feed = {{"x", &t}}, .out = {&out});
        ck_assert_int_eq(status, extent > 6 ? AN_E_BINDING : AN_OK);
    }
    const char *got = an_program_message(p);
    snprintf(place, sizeof place, "test_extents.c:%d: error AN-E021 slice: ", line);
    ck_assert_msg(strstr(got, place) != NULL, "%s", got);
    ck_assert_msg(strstr(got, "stop T=7 exceeds 6, the extent of dim 0 of pos") != NULL, "%s", got);
    an_tensor_free(&t);
    an_tensor_free(&out);
    an_program_free(p);
    an_store_free(store);
    an_graph_free(g);
}

START_TEST(test_a_table_too_short)
{
    run_positions(false);
    run_positions(true);
}
END_TEST

/* What no slice explains is told of the first node that has such an extent. */
START_TEST(test_a_negative_extent_has_a_place)
{
    an_graph *g = an_graph_new("t");
    const an_dim T = an_dim_named(g, "T");
    const an_value n = an_iota(g, AN_I32, AN_SHAPE(an_dim_minus(g, T, 3)), 0);
    const an_value x = an_input(g, "x", AN_I32, AN_SHAPE(T));
    const an_value y = an_add(an_sum_axes(n, AN_ALL_AXES, false),
                              an_sum_axes(x, AN_ALL_AXES, false));
    const char *got = feed(g, y, AN_EXTENTS(2));
    ck_assert_msg(strstr(got, "test_extents.c:") != NULL, "%s", got);
    ck_assert_msg(strstr(got, "iota: T-3 would be -1") != NULL, "%s", got);
    ck_assert_msg(strstr(strstr(got, "AN-E021") + 1, "AN-E021") == NULL, "a code twice: %s", got);
    an_graph_free(g);
}
END_TEST

AN_TEST_MAIN("extents", test_arithmetic_meets_no_dim, test_a_slip_is_named,
             test_an_expression_binds_its_name, test_the_value_learned, test_a_table_too_short,
             test_a_negative_extent_has_a_place)
