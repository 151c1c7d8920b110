/* test_finite.c -- runs that refuse to commit what is not finite, and name who is to blame.
 *
 * Line numbers of the nodes that are named stand behind LINE.                */
#include "frontends/addnorm.h"
#include "tests/support.h"

#include <math.h>

#define LINE(number) (number = __LINE__)

typedef struct trial {
    an_graph *g;
    an_store *store;
    an_program *p;
    char before[65];
} trial;

static trial begin(const char *name)
{
    return (trial){.g = an_graph_new(name), .store = an_store_new(1)};
}

static void compile(trial *t, an_value loss, an_updates up)
{
    t->p = an_compile(t->g, t->store, .fetch = {loss}, .update = up);
    ck_assert_msg(t->p != NULL, "%s", an_compile_message(t->g));
    ck_assert_int_eq(an_store_sha256(t->store, t->before), AN_OK);
}

static void set(trial *t, const char *name, int64_t element, double value)
{
    an_tensor copy = {0};
    ck_assert_int_eq(an_store_get(t->store, name, &copy), AN_OK);
    an_tensor_set(&copy, element, value);
    ck_assert_int_eq(an_store_set(t->store, name, &copy), AN_OK);
    an_tensor_free(&copy);
    ck_assert_int_eq(an_store_sha256(t->store, t->before), AN_OK);
}

static void end(trial *t)
{
    an_program_free(t->p);
    an_store_free(t->store);
    an_graph_free(t->g);
}

static void expect_unchanged(trial *t)
{
    char after[65];
    ck_assert_int_eq(an_store_sha256(t->store, after), AN_OK);
    ck_assert_str_eq(t->before, after);
}

/* Refused, with these words, and nothing committed; without .finite it runs. */
#define EXPECT_REFUSED(t, words, ...)                                                              \
    do {                                                                                           \
        an_tensor out_ = {0};                                                                      \
        ck_assert_int_eq(an_run((t).p, __VA_ARGS__, .out = {&out_}, .finite = true), AN_E_DATA);   \
        const char *const told_ = an_program_message((t).p);                                       \
        ck_assert_msg(strstr(told_, words) != NULL, "%s\nnot: %s", told_, words);                  \
        ck_assert_ptr_nonnull(strstr(told_, "test_finite.c:"));                                    \
        expect_unchanged(&(t));                                                                    \
        ck_assert_int_eq(an_run((t).p, __VA_ARGS__, .out = {&out_}), AN_OK);                       \
        an_tensor_free(&out_);                                                                     \
    } while (0)

static const char *words(const char *format, int line)
{
    static char text[256];
    snprintf(text, sizeof text, format, __FILE__, line);
    return text;
}

START_TEST(test_the_first_node_is_named)
{
    trial t = begin("exp");
    int line;
    const an_value x = an_input(t.g, "x", AN_F32, AN_SHAPE(4));
    const an_value w = an_state(t.g, "w", AN_F32, AN_SHAPE(4), (an_init){AN_INIT_CONSTANT, 1, 0});
    const an_value grown = (LINE(line), an_exp(an_mul(x, w)));
    const an_value loss = an_mean(an_sub(grown, an_mul(grown, x)), 0);
    an_graph_output(loss, "loss");
    compile(&t, loss, an_minimize(loss, an_adam()));
    float values[] = {1, 2, 100, 3};
    const an_tensor feed = an_tensor_borrow(AN_F32, AN_EXTENTS(4), values);
    EXPECT_REFUSED(t, words("(exp, made at %s:%d): element 2 of 4 is inf",
                            line), .feed = {{"x", &feed}});
    end(&t);
    /* A feed with a NaN, and a state that has gone bad, are named themselves. */
    t = begin("leaves");
    const an_value y = an_input(t.g, "y", AN_F32, AN_SHAPE(4));
    const an_value v = an_state(t.g, "v", AN_F32, AN_SHAPE(4), (an_init){AN_INIT_CONSTANT, 1, 0});
    const an_value sum = an_mean(an_mul(y, v), 0);
    an_graph_output(sum, "loss");
    compile(&t, sum, an_minimize(sum, an_sgd(.rate = 1e-3f)));
    values[1] = NAN;
    EXPECT_REFUSED(t, "fetch 0, \"loss\", is not finite, so nothing was committed\n  first came "
                      "feed \"y\": element 1 of 4 is nan", .feed = {{"y", &feed}});
    values[1] = 1;
    set(&t, "v", 1, 1);
    set(&t, "v", 3, (double)INFINITY);
    EXPECT_REFUSED(t, "first came state \"v\": element 3 of 4 is inf", .feed = {{"y", &feed}});
    end(&t);
}
END_TEST

/* The loss is fine and its gradient is not: nothing but the step reads that. */
START_TEST(test_gradients_are_watched)
{
    trial t = begin("sqrt");
    const an_value w = an_state(t.g, "w", AN_F32, AN_SHAPE(3), (an_init){AN_INIT_CONSTANT, 1, 0});
    const an_value loss = an_sum(an_sqrt(w), 0);
    compile(&t, loss, an_minimize(loss, an_adam(.rate = 0.1f)));
    an_tensor out = {0};
    ck_assert_int_eq(an_run(t.p, .out = {&out}, .finite = true), AN_OK);
    set(&t, "w", 1, 0);
    EXPECT_REFUSED(t, "what an update reads is not finite", .feed = {{0}});
    an_tensor_free(&out);
    end(&t);
    for (int clipped = 0; clipped < 2; clipped++) { /* by hand, and with a norm */
        t = begin("by hand");
        const an_value v = an_state(t.g, "v", AN_F64, AN_SHAPE(2), (an_init){0});
        const an_value l = an_sum(an_sqrt(v), 0);
        an_updates up;
        if (clipped) {
            up = an_minimize(l, an_sgd(.rate = 0.1f), .clip_norm = 1);
        } else {
            up = an_updates_new(t.g, "mine");
            an_updates_add(up, v, an_sub(v, an_gradient(l, v)));
        }
        compile(&t, l, up);
        EXPECT_REFUSED(t, "what an update reads is not finite", .feed = {{0}});
        end(&t);
    }
}
END_TEST

/* Infinities that are meant: a mask whose infinities go nowhere, and one that hides a whole row. */
START_TEST(test_masks_are_not_to_blame)
{
    trial t = begin("mask");
    int line;
    const an_value x = an_input(t.g, "x", AN_F32, AN_SHAPE(2, 3));
    const an_value keep = an_input(t.g, "keep", AN_BOOL, AN_SHAPE(2, 3));
    const an_value w = an_state(t.g, "w", AN_F32, AN_SHAPE(3), (an_init){AN_INIT_CONSTANT, 1, 0});
    const an_value seen = an_where(keep, an_mul(x, w), an_number(x, -(double)INFINITY));
    const an_value share = (LINE(line), an_softmax(seen, -1));
    const an_value loss = an_mean_axes(an_square(share), AN_ALL_AXES, false);
    an_graph_output(loss, "loss");
    compile(&t, loss, an_minimize(loss, an_sgd(.rate = 0.1f)));
    float values[] = {1, 2, 3, 4, 5, 6};
    uint8_t mask[] = {1, 0, 1, 1, 1, 0};
    const an_tensor feed = an_tensor_borrow(AN_F32, AN_EXTENTS(2, 3), values);
    const an_tensor kept = an_tensor_borrow(AN_BOOL, AN_EXTENTS(2, 3), mask);
    an_tensor out = {0};
    ck_assert_msg(an_run(t.p, .feed = {{"x", &feed}, {"keep", &kept}}, .out = {&out},
                         .finite = true) == AN_OK, "%s", an_program_message(t.p));
    ck_assert_int_eq(an_store_sha256(t.store, t.before), AN_OK);
    mask[0] = mask[2] = 0;
    EXPECT_REFUSED(t, words("(softmax, made at %s:%d): element 0 of 6 is "
                            "nan\n  it read %%6 (where, ", line),
                   .feed = {{"x", &feed}, {"keep", &kept}});
    an_tensor_free(&out);
    end(&t);
}
END_TEST

/* Nor is log(0) in a branch that was left out: it comes first and goes nowhere. */
START_TEST(test_what_goes_nowhere_is_not_to_blame)
{
    trial t = begin("branch");
    int line;
    const an_value x = an_input(t.g, "x", AN_F32, AN_SHAPE(4));
    const an_value w = an_state(t.g, "w", AN_F32, AN_SHAPE(4), (an_init){AN_INIT_CONSTANT, 1, 0});
    const an_value some = an_compare(x, AN_GT, an_number(x, 0));
    const an_value safe = an_where(some, an_log(x), an_number(x, 0));
    const an_value grown = (LINE(line), an_exp(an_mul(w, x)));
    const an_value loss = an_mean(an_add(safe, grown), 0);
    compile(&t, loss, an_minimize(loss, an_sgd(.rate = 0.1f)));
    float values[] = {1, 0, 100, 3};
    const an_tensor feed = an_tensor_borrow(AN_F32, AN_EXTENTS(4), values);
    EXPECT_REFUSED(t, words("(exp, made at %s:%d): element 2 of 4 is inf", line),
                   .feed = {{"x", &feed}});
    end(&t);
}
END_TEST

/* Rows of a table: the gradient is finite where its few rows are, unless their sum is not. */
START_TEST(test_sums_of_rows)
{
    for (int type = 0; type < 2; type++) {
        trial t = begin("rows");
        const an_value ids = an_input(t.g, "ids", AN_I32, AN_SHAPE(4));
        const an_value by = an_input(t.g, "by", type ? AN_F64 : AN_F32, AN_SHAPE(4, 2));
        const an_value table = an_state(t.g, "table", type ? AN_F64 : AN_F32, AN_SHAPE(1000, 2),
                                        (an_init){0});
        const an_value read = an_gather(table, ids, 0);
        const an_value loss = an_sum_axes(an_mul(read, by), AN_ALL_AXES, false);
        compile(&t, loss, an_minimize(loss, an_sgd(.rate = 1e-30f)));
        int32_t which[] = {7, 8, 9, 999};
        an_tensor idt = an_tensor_borrow(AN_I32, AN_EXTENTS(4), which), factor = {0}, out = {0};
        ck_assert_int_eq(an_tensor_alloc(&factor, type ? AN_F64 : AN_F32, AN_EXTENTS(4, 2)), AN_OK);
        const double large = type ? 1.5e308 : 3e38;
        for (int i = 0; i < 8; i++) an_tensor_set(&factor, i, i % 2 ? 0 : large);
        const an_feed feeds[] = {{"ids", &idt}, {"by", &factor}};
        ck_assert_int_eq(an_run(t.p, .feed_list = feeds, .feed_count = 2, .out = {&out},
                                .finite = true), AN_OK); /* large, and looked at as a whole */
        an_tensor zeros = {0};
        an_store_get(t.store, "table", &zeros);
        for (int i = 0; i < 2000; i++) an_tensor_set(&zeros, i, 0);
        an_store_set(t.store, "table", &zeros);
        an_tensor_free(&zeros);
        ck_assert_int_eq(an_store_sha256(t.store, t.before), AN_OK);
        which[1] = 7; /* two rows into one */
        EXPECT_REFUSED(t, "(scatter_add", .feed_list = feeds, .feed_count = 2);
        an_tensor_free(&factor);
        an_tensor_free(&out);
        end(&t);
    }
}
END_TEST

/* Larger than one look, at any place, with any number of threads. */
START_TEST(test_large_values)
{
    const int64_t count = 300001;
    trial t = begin("large");
    const an_value x = an_input(t.g, "x", AN_F32, AN_SHAPE(count));
    const an_value w = an_state(t.g, "w", AN_F32, AN_SHAPE(count), (an_init){0});
    const an_value loss = an_sum(an_mul(an_minimum(x, an_number(x, 1)), w), 0);
    const an_updates up = an_updates_new(t.g, "mine");
    an_updates_add(up, w, an_add(w, x));
    compile(&t, loss, up);
    an_tensor feed = {0};
    ck_assert_int_eq(an_tensor_alloc(&feed, AN_F32, AN_EXTENTS(count)), AN_OK);
    static const int64_t places[] = {0, 15, 31, 65535, 65536, 131072, 299999, 300000};
    for (int threads = 1; threads < 4; threads += 2)
        for (int i = 0; i < 8; i++)
            for (int k = 0; k < 3; k++) {
                an_set_threads(threads);
                an_tensor_set(&feed, places[i], k ? k > 1 ? -(double)INFINITY : (double)INFINITY
                                                  : (double)NAN);
                an_tensor out = {0};
                ck_assert_int_eq(an_run(t.p, .feed = {{"x", &feed}}, .out = {&out},
                                        .finite = true), AN_E_DATA);
                expect_unchanged(&t);
                an_tensor_set(&feed, places[i], 0);
                an_tensor_free(&out);
            }
    an_set_threads(0);
    an_tensor out = {0};
    ck_assert_int_eq(an_run(t.p, .feed = {{"x", &feed}}, .out = {&out}, .finite = true), AN_OK);
    an_tensor_free(&out);
    an_tensor_free(&feed);
    end(&t);
}
END_TEST

/* Looking allocates nothing, and changes no bit of a training that goes well. */
START_TEST(test_good_runs_are_as_before)
{
    char hex[2][65];
    for (int finite = 0; finite < 2; finite++) {
        trial t = begin("line");
        const an_value x = an_input(t.g, "x", AN_F32, AN_SHAPE(8, 3));
        const an_value loss = an_mse(an_nn_dense(an_dropout(x, 0.2f), .units = 1),
                                     an_input(t.g, "y", AN_F32, AN_SHAPE(8, 1)));
        compile(&t, loss, an_minimize(loss, an_adam(.rate = 0.1f), .clip_norm = 1));
        float xs[24], ys[8], l;
        for (int i = 0; i < 24; i++) xs[i] = (float)(i * 5 % 7) - 3;
        for (int i = 0; i < 8; i++) ys[i] = (float)(i % 3);
        an_tensor a = an_tensor_borrow(AN_F32, AN_EXTENTS(8, 3), xs), b, out;
        b = an_tensor_borrow(AN_F32, AN_EXTENTS(8, 1), ys);
        out = an_tensor_borrow(AN_F32, 0, NULL, &l);
        for (int i = 0; i < 20; i++) {
            if (i == 1) an_test_heap_start(0); /* from now on there is none */
            ck_assert_int_eq(an_run(t.p, .feed = {{"x", &a}, {"y", &b}}, .out = {&out},
                                    .finite = finite), AN_OK);
        }
        an_test_heap_stop();
        ck_assert_int_eq(an_store_sha256(t.store, hex[finite]), AN_OK);
        end(&t);
    }
    ck_assert_str_eq(hex[0], hex[1]);
}
END_TEST

AN_TEST_MAIN("finite", test_the_first_node_is_named, test_gradients_are_watched,
             test_masks_are_not_to_blame, test_what_goes_nowhere_is_not_to_blame,
             test_sums_of_rows, test_large_values, test_good_runs_are_as_before)
