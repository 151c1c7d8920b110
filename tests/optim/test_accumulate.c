/* test_accumulate.c -- steps over several batches, and averages of the weights.
 *
 * The model is a regression with rows that differ, so that a batch more or less shows. */
#include "frontends/frontends.h"
#include "graph/equal/equal.h"
#include "graph/ir.h"
#include "optim/optim.h"
#include "tests/support.h"

#include <math.h>
#include <unistd.h>

#define ROWS 24 /* in all */
#define WIDTH 3

typedef struct model {
    an_graph *g;
    an_store *store;
    an_value loss;
    an_updates up;
    an_program *train;
} model;

static double x_data[ROWS * WIDTH], y_data[ROWS];

static void make_data(void)
{
    an_test_random r = {5};
    for (int i = 0; i < ROWS * WIDTH; i++) x_data[i] = (double)an_test_int(&r, -1000, 1000) / 500.0;
    for (int i = 0; i < ROWS; i++) y_data[i] = (double)an_test_int(&r, -1000, 1000) / 250.0;
}

static model regression(an_dtype dtype)
{
    model m = {.g = an_graph_new("m"), .store = an_store_new(3)};
    const an_dim B = an_dim_named(m.g, "B");
    const an_value x = an_input(m.g, "x", AN_F64, AN_SHAPE(B, WIDTH));
    const an_value y = an_input(m.g, "y", AN_F64, AN_SHAPE(B, 1));
    const an_init one = {AN_INIT_CONSTANT, 1, 0};
    const an_value w = an_state(m.g, "dense/kernel", dtype, AN_SHAPE(WIDTH, 1), one);
    const an_value b = an_state(m.g, "dense/bias", dtype, AN_SHAPE(1), one);
    m.loss = an_mse(an_add(an_matmul(an_cast(x, dtype), w), b), an_cast(y, dtype));
    make_data();
    return m;
}

static void compile(model *m)
{
    m->train = an_compile(m->g, m->store, .fetch = {m->loss}, .update = m->up);
    ck_assert_msg(m->train != NULL, "%s", an_compile_message(m->g));
}

/* Batches of `rows` rows, number `first` to below `end`. */
static void run(model *m, int rows, int first, int end)
{
    if (!m->train) compile(m);
    for (int i = first; i < end; i++) {
        const int from = i * rows % ROWS;
        const an_tensor x = an_tensor_borrow(AN_F64, AN_EXTENTS(rows, WIDTH),
                                             x_data + from * WIDTH);
        const an_tensor y = an_tensor_borrow(AN_F64, AN_EXTENTS(rows, 1), y_data + from);
        ck_assert_msg(an_run(m->train, .feed = {{"x", &x}, {"y", &y}}) == AN_OK, "%s",
                      an_program_message(m->train));
    }
}

static void end(model *m)
{
    an_program_free(m->train);
    an_store_free(m->store);
    an_graph_free(m->g);
}

static double at(const model *m, const char *state, int i)
{
    const an_tensor *t = an_store_view(m->store, state);
    ck_assert_msg(t != NULL, "no state %s", state);
    return an_tensor_get(t, i);
}

static void expect_same(const model *a, const model *b, double within, const char *what)
{
    for (int i = 0; i <= WIDTH; i++) {
        const char *name = i < WIDTH ? "dense/kernel" : "dense/bias";
        const double x = at(a, name, i % WIDTH), y = at(b, name, i % WIDTH);
        ck_assert_msg(fabs(x - y) <= within * fmax(1, fabs(y)), "%s: %.17g, %.17g", what, x, y);
    }
}

/* ---- accumulation ------------------------------------------------------ */

static const struct {
    const char *what, *moment;
    an_optimizer o;
    double clip;
} kinds[] = {
    {"sgd", NULL, {.kind = AN_SGD, .rate = 0.1}, 0},
    {"momentum, clipped", "sgd/dense/bias/velocity",
     {.kind = AN_SGD, .rate = 0.1, .momentum = 0.9, .decay = 0.1}, 0.5},
    {"adam", "adam/dense/bias/v", {.kind = AN_ADAM, .rate = 0.1}, 0},
    {"adam, clipped, scheduled", "adam/dense/bias/m",
     {.kind = AN_ADAM, .rate = 0.1, .schedule = {AN_SCHEDULE_STEPS, .factor = 0.5, .every = 1}}, 1},
    {"rmsprop", "rmsprop/dense/bias/v", {.kind = AN_RMSPROP, .rate = 0.1}, 0},
    {"adagrad", "adagrad/dense/bias/sum", {.kind = AN_ADAGRAD, .rate = 0.1}, 0},
};

/* Four batches of 6 rows step as one of 24 does; between steps nothing moves. */
START_TEST(test_as_one_large_batch)
{
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (int wide = 0; wide < 2; wide++) {
            const an_dtype dtype = wide ? AN_F64 : AN_F32;
            const double within = wide ? 1e-13 : 3e-6;
            model whole = regression(dtype), parts = regression(dtype);
            whole.up = an_minimize(whole.loss, kinds[k].o, .clip_norm = kinds[k].clip);
            parts.up = an_minimize(parts.loss, kinds[k].o, .clip_norm = kinds[k].clip,
                                   .accumulate = 4);
            for (int step = 0; step < 3; step++) {
                run(&whole, ROWS, step, step + 1);
                const double before = step ? at(&parts, "dense/kernel", 0) : 1;
                run(&parts, 6, 4 * step, 4 * step + 3);
                ck_assert(at(&parts, "dense/kernel", 0) == before);
                if (kinds[k].moment && step == 0) ck_assert(at(&parts, kinds[k].moment, 0) == 0);
                run(&parts, 6, 4 * step + 3, 4 * step + 4);
                expect_same(&parts, &whole, within, kinds[k].what);
                ck_assert(at(&parts, "dense/kernel", 0) != before);
                if (kinds[k].moment)
                    ck_assert(an_test_close(at(&parts, kinds[k].moment, 0),
                                            at(&whole, kinds[k].moment, 0), 1e-5));
            }
            end(&whole);
            end(&parts);
        }
}
END_TEST

static double fetched(model *m, an_value v, int rows, int batch)
{
    an_program *p = an_compile(m->g, m->store, .fetch = {v});
    ck_assert_msg(p != NULL, "%s", an_compile_message(m->g));
    const an_tensor x = an_tensor_borrow(AN_F64, AN_EXTENTS(rows, WIDTH),
                                         x_data + batch * rows * WIDTH);
    const an_tensor y = an_tensor_borrow(AN_F64, AN_EXTENTS(rows, 1), y_data + batch * rows);
    an_tensor out = {0};
    ck_assert_int_eq(an_run(p, .feed = {{"x", &x}, {"y", &y}}, .out = {&out}), AN_OK);
    const double got = an_tensor_get(&out, 0);
    an_tensor_free(&out);
    an_program_free(p);
    return got;
}

/* One gradient is of this batch, the other the mean with what came before. */
START_TEST(test_gradients_by_name)
{
    model m = regression(AN_F64);
    m.up = an_minimize(m.loss, an_sgd(), .accumulate = 2);
    const an_value own = an_updates_gradient(m.up, "dense/bias");
    const an_value mean = an_updates_gradient_taken(m.up, "dense/bias");
    const double first = fetched(&m, own, 12, 0), second = fetched(&m, own, 12, 1);
    run(&m, 12, 0, 1);
    ck_assert(fetched(&m, own, 12, 1) == second);
    ck_assert(an_test_close(fetched(&m, mean, 12, 1), (first + second) / 2, 1e-14));
    end(&m);
}
END_TEST

/* A checkpoint in the middle of a step: sum and count go on. */
START_TEST(test_checkpoint_within_a_step)
{
    char path[] = "/tmp/addnorm-accumulate-XXXXXX";
    const int file = mkstemp(path);
    ck_assert_int_ge(file, 0);
    close(file);
    model straight = regression(AN_F32), first = regression(AN_F32), second = regression(AN_F32);
    model *const all[] = {&straight, &first, &second};
    for (int i = 0; i < 3; i++) {
        all[i]->up = an_minimize(all[i]->loss, an_adam(.rate = 0.1), .accumulate = 4);
        ck_assert_int_eq(an_average(all[i]->up, .decay = 0.5), AN_OK);
    }
    run(&straight, 6, 0, 12);
    run(&first, 6, 0, 6);
    ck_assert(at(&first, "adam/batches", 0) == 2 && at(&first, "adam/step", 0) == 1);
    ck_assert(at(&first, "adam/dense/bias/total", 0) != 0);
    ck_assert_int_eq(an_checkpoint_save(first.store, path, NULL, 0), AN_OK);
    ck_assert_int_eq(an_checkpoint_load(second.store, path, NULL), AN_OK);
    run(&second, 6, 6, 12);
    char a[65], b[65];
    ck_assert_int_eq(an_store_sha256(straight.store, a), AN_OK);
    ck_assert_int_eq(an_store_sha256(second.store, b), AN_OK);
    ck_assert_str_eq(a, b);
    for (int i = 0; i < 3; i++) end(all[i]);
    unlink(path);
}
END_TEST

/* Sums begin anew at each step, whatever was there; counters count beyond 2^24; with fewer batches
 * than were summed up, the step is taken at once. */
START_TEST(test_sums_begin_anew)
{
    model m = regression(AN_F32);
    m.up = an_minimize(m.loss, an_sgd(.rate = 1e-3), .accumulate = 2);
    run(&m, 6, 0, 2);
    ck_assert(at(&m, "sgd/batches", 0) == 0);
    ck_assert_int_eq(an_store_set_number(m.store, "sgd/dense/bias/total", NAN), AN_OK);
    run(&m, 6, 0, 2);
    ck_assert(isfinite(at(&m, "sgd/dense/bias/total", 0)) && isfinite(at(&m, "dense/bias", 0)));
    ck_assert_int_eq(an_store_set_number(m.store, "sgd/step", 0x1p24 + 1), AN_OK);
    ck_assert_int_eq(an_store_set_number(m.store, "sgd/batches", 7), AN_OK);
    run(&m, 6, 0, 1);
    ck_assert(at(&m, "sgd/step", 0) == 0x1p24 + 2 && at(&m, "sgd/batches", 0) == 0);
    end(&m);
    /* One batch a step is as none are counted. */
    m = regression(AN_F32);
    m.up = an_minimize(m.loss, an_sgd(), .accumulate = 1);
    run(&m, 6, 0, 1);
    ck_assert_ptr_null(an_store_view(m.store, "sgd/batches"));
    end(&m);
}
END_TEST

/* What is pending goes on at every run: so many draws of dropout as runs. */
START_TEST(test_dropout_draws_at_every_run)
{
    an_graph *g = an_graph_new("d");
    an_store *s = an_store_new(1);
    const an_value w = an_state(g, "w", AN_F32, AN_SHAPE(4), (an_init){AN_INIT_CONSTANT, 1, 0});
    const an_value loss = an_sum_axes(an_dropout(w, 0.5), AN_ALL_AXES, false);
    const an_updates up = an_minimize(loss, an_sgd(), .accumulate = 3);
    an_program *p = an_compile(g, s, .update = up);
    for (int i = 0; i < 4; i++) ck_assert_int_eq(an_run(p), AN_OK);
    ck_assert(an_tensor_get(an_store_view(s, "random/key"), 1) == 4);
    an_program_free(p);
    an_store_free(s);
    an_graph_free(g);
}
END_TEST

/* ---- averages ---------------------------------------------------------- */

/* Against the mean of all weights so far, the last one's share being the largest. */
START_TEST(test_average_is_of_new_weights)
{
    for (int wide = 0; wide < 2; wide++)
        for (int k = 1; k <= 2; k++) { /* batches a step */
            model m = regression(wide ? AN_F64 : AN_F32);
            m.up = an_minimize(m.loss, an_sgd(.rate = 0.1), .accumulate = k);
            ck_assert_int_eq(an_average(m.up, .decay = 0.75), AN_OK);
            double sum = 0, weight = 0;
            for (int t = 1; t <= 5; t++) {
                run(&m, 12 / k, k * (t - 1), k * t);
                sum = 0.75 * sum + at(&m, "dense/kernel", 1);
                weight = 0.75 * weight + 1;
                const double average = at(&m, "ema/dense/kernel", 1);
                ck_assert_msg(fabs(average - sum / weight) <= (wide ? 1e-14 : 3e-7),
                              "%.17g, not %.17g", average, sum / weight);
                if (t == 1) ck_assert(average == at(&m, "dense/kernel", 1));
            }
            ck_assert(at(&m, "ema/step", 0) == 5);
            end(&m);
        }
}
END_TEST

static double loss_of(model *m, an_store *store)
{
    an_program *p = an_compile(m->g, store, .fetch = {m->loss}, .inference = true);
    const an_tensor x = an_tensor_borrow(AN_F64, AN_EXTENTS(ROWS, WIDTH), x_data);
    const an_tensor y = an_tensor_borrow(AN_F64, AN_EXTENTS(ROWS, 1), y_data);
    an_tensor out = {0};
    ck_assert_int_eq(an_run(p, .feed = {{"x", &x}, {"y", &y}}, .out = {&out}), AN_OK);
    const double loss = an_tensor_get(&out, 0);
    an_tensor_free(&out);
    an_program_free(p);
    return loss;
}

/* A store of averages beside the one that trains, then in its place. */
START_TEST(test_evaluating_by_averages)
{
    model m = regression(AN_F32);
    m.up = an_minimize(m.loss, an_sgd(.rate = 0.1));
    ck_assert_int_eq(an_average(m.up, .decay = 0.9), AN_OK);
    run(&m, 2, 0, 40); /* so few rows that the weights jump about */
    an_store *averages = an_store_new(9);
    ck_assert_int_eq(an_store_take_averages(averages, m.store, NULL), AN_E_STATE);
    ck_assert_ptr_nonnull(strstr(an_store_message(averages), "compile what evaluates first"));
    const double fresh = loss_of(&m, averages), trained = loss_of(&m, m.store);
    ck_assert_msg(an_store_take_averages(averages, m.store, NULL) == AN_OK, "%s",
                  an_store_message(averages));
    const double averaged = loss_of(&m, averages);
    ck_assert_msg(averaged < trained && averaged < fresh, "%g, %g, %g", averaged, trained, fresh);
    ck_assert(loss_of(&m, m.store) == trained);
    ck_assert_int_eq(an_store_count(averages), 2); /* no moments, no averages */
    ck_assert_int_eq(an_store_take_averages(m.store, m.store, "ema"), AN_OK);
    ck_assert(loss_of(&m, m.store) == averaged);
    ck_assert_int_eq(an_store_take_averages(m.store, m.store, "ama"), AN_E_STATE);
    ck_assert_int_eq(an_store_take_averages(NULL, m.store, NULL), AN_E_ARGUMENT);
    an_store_free(averages);
    /* Of another type: nothing is taken. */
    averages = an_store_new(1);
    float w[4] = {0}, b = 7;
    const an_tensor odd = an_tensor_borrow(AN_F32, AN_EXTENTS(4, 1), w);
    const an_tensor bias = an_tensor_borrow(AN_F32, AN_EXTENTS(1), &b);
    ck_assert_int_eq(an_store_set(averages, "dense/bias", &bias), AN_OK);
    ck_assert_int_eq(an_store_set(averages, "dense/kernel", &odd), AN_OK);
    ck_assert_int_eq(an_store_take_averages(averages, m.store, NULL), AN_E_STATE);
    ck_assert(an_tensor_get(an_store_view(averages, "dense/bias"), 0) == 7);
    an_store_free(averages);
    end(&m);
}
END_TEST

START_TEST(test_averages_that_are_none)
{
    static const char *const words[] = {
        ".decay 1 is not above 0", ".decay nan is not above 0", "the table steps no state",
        "state[0] is no state of the table's graph", "\"dense/bias\" is not updated by the table",
        "take their steps at different runs\n  hint: average them by calls of their own"};
    for (int k = 0; k < (int)(sizeof words / sizeof *words); k++) {
        model m = regression(AN_F32);
        const an_value w = an_graph_state(m.g, "dense/kernel");
        const an_value b = an_graph_state(m.g, "dense/bias");
        const an_updates none = an_updates_new(m.g, "none");
        const an_updates up = an_minimize(m.loss, an_sgd(), .wrt = {w});
        if (k == 0) an_average(up, .decay = 1);
        if (k == 1) an_average(up, .decay = NAN);
        if (k == 2) an_average(none, .decay = 0.5);
        if (k == 3) an_average(up, .decay = 0.5, .state = {m.loss});
        if (k == 4) an_average(up, .decay = 0.5, .state = {w, b});
        if (k == 5) {
            an_minimize(m.loss, an_sgd(), .wrt = {b}, .accumulate = 2, .into = up);
            an_average(up, .decay = 0.5);
        }
        ck_assert_msg(strstr(an_graph_message(m.g), words[k]) != NULL, "%s",
                      an_graph_message(m.g));
        end(&m);
    }
    ck_assert_int_eq(an_average_with(NULL), AN_E_ARGUMENT);
}
END_TEST

/* Each by a call of its own; the second call's scope has another name. */
START_TEST(test_two_averages)
{
    model m = regression(AN_F32);
    const an_value w = an_graph_state(m.g, "dense/kernel");
    const an_value b = an_graph_state(m.g, "dense/bias");
    m.up = an_minimize(m.loss, an_sgd(), .wrt = {w});
    an_minimize(m.loss, an_sgd(), .wrt = {b}, .accumulate = 2, .into = m.up);
    ck_assert_int_eq(an_average(m.up, .decay = 0.5, .state = {w}), AN_OK);
    ck_assert_int_eq(an_average(m.up, .decay = 0.5, .state = {b}, .name = "slow"), AN_OK);
    run(&m, 6, 0, 4);
    ck_assert(at(&m, "ema/step", 0) == 4 && at(&m, "slow/step", 0) == 2);
    end(&m);
}
END_TEST

/* Sums, steps and averages, one behind the other, are written where the states are; a run that
 * takes no step leaves all but the sum as it is. */
START_TEST(test_all_is_in_place)
{
    enum { N = 40000 };
    for (int clipped = 0; clipped < 2; clipped++) {
        an_graph *g = an_graph_new("d");
        an_store *s = an_store_new(1);
        const an_init any = {AN_INIT_UNIFORM, -1, 1};
        const an_value w = an_state(g, "w", AN_F32, AN_SHAPE(N), any);
        const an_value d = an_state(g, "d", AN_F32, AN_SHAPE(N), any);
        const an_updates up = an_apply_gradients(an_adam(), .state = {w}, .gradient = {d},
                                                 .accumulate = 2, .clip_norm = clipped);
        ck_assert_int_eq(an_average(up, .decay = 0.5), AN_OK);
        an_program *p = an_compile(g, s, .update = up);
        ck_assert_msg(p != NULL, "%s", an_compile_message(g));
        const double first = an_tensor_get(an_store_view(s, "w"), N - 1);
        ck_assert_int_eq(an_run(p), AN_OK);
        ck_assert(an_program_bytes(p) < (clipped ? 2 : 1) * 4 * N); /* the sum, if it is measured */
        ck_assert(an_tensor_get(an_store_view(s, "w"), N - 1) == first);
        ck_assert(an_tensor_get(an_store_view(s, "adam/w/m"), N - 1) == 0);
        ck_assert(an_tensor_get(an_store_view(s, "ema/w"), N - 1) == 0);
        ck_assert_int_eq(an_run(p), AN_OK);
        const double second = an_tensor_get(an_store_view(s, "w"), N - 1);
        ck_assert(second != first && an_tensor_get(an_store_view(s, "ema/w"), N - 1) == second);
        an_program_free(p);
        an_store_free(s);
        an_graph_free(g);
    }
}
END_TEST

AN_TEST_MAIN("accumulate", test_as_one_large_batch, test_gradients_by_name,
             test_checkpoint_within_a_step, test_sums_begin_anew, test_dropout_draws_at_every_run,
             test_average_is_of_new_weights, test_evaluating_by_averages,
             test_averages_that_are_none, test_two_averages, test_all_is_in_place)
