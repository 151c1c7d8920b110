/* test_steps.c -- RMSprop, Adagrad and any schedule, against plain loops in double.
 *
 * The loops are the formulas of Keras 3.10 and PyTorch 2.6, written out of their sources;
 * vectors_steps.py prints what these two make of the same gradients, to be held to the same
 * numbers.                                                                   */
#include "graph/ir.h"
#include "optim/optim.h"
#include "tests/support.h"

#include <math.h>

#define STEPS 9
#define COUNT 3

/* loss = sum(c w^2) / 2 from w = 2, so that dw = c w; the numbers of vectors_steps.py. */
static const double slope[COUNT] = {1, -0.5, 3};

typedef struct row {
    const char *what;
    an_optimizer o;
} row;

static const row rows[] = {
    {"rmsprop", {.kind = AN_RMSPROP, .rate = 0.01}},
    {"rmsprop, rho, momentum", {.kind = AN_RMSPROP, .rate = 0.01, .rho = 0.75, .momentum = 0.5}},
    {"rmsprop, centered", {.kind = AN_RMSPROP, .rate = 0.01, .centered = true, .eps = 1e-3}},
    {"rmsprop, all", {.kind = AN_RMSPROP, .rate = 0.01, .centered = true, .eps = 1e-3,
                      .momentum = 0.5, .decay = 0.25}},
    {"rmsprop, as PyTorch", {.kind = AN_RMSPROP, .rate = 0.01, .eps = 1e-3, .eps_outside = true}},
    {"rmsprop, all, as PyTorch", {.kind = AN_RMSPROP, .rate = 0.01, .centered = true, .eps = 1e-3,
                                  .momentum = 0.5, .eps_outside = true}},
    {"adagrad", {.kind = AN_ADAGRAD, .rate = 0.1}},
    {"adagrad, first sum, decay", {.kind = AN_ADAGRAD, .rate = 0.1, .first_sum = 0.1,
                                   .decay = 0.25}},
    {"adagrad, as PyTorch", {.kind = AN_ADAGRAD, .rate = 0.1, .eps = 1e-3, .eps_outside = true}},
};

static double below(const an_optimizer *o, double spread)
{
    const double eps = o->eps != 0 ? o->eps : 1e-7;
    return o->eps_outside ? sqrt(spread) + (double)(float)eps : sqrt(spread + (double)(float)eps);
}

/* What w is after STEPS steps. */
static double by_hand(const an_optimizer *o, double c)
{
    const double rho = (double)(float)(o->rho != 0 ? o->rho : 0.9);
    double w = 2, v = o->kind == AN_ADAGRAD ? o->first_sum : 0, mean = 0, u = 0;
    for (int t = 0; t < STEPS; t++) {
        const double g = c * w;
        double move;
        if (o->kind == AN_ADAGRAD) {
            v += g * g;
            move = o->rate * g / below(o, v);
        } else {
            v = rho * v + (1 - rho) * g * g;
            mean = rho * mean + (1 - rho) * g;
            move = o->rate * g / below(o, o->centered ? v - mean * mean : v);
            u = (double)(float)o->momentum * u + move;
            move = u;
        }
        w -= o->rate * o->decay * w;
        w -= move;
    }
    return w;
}

static an_value quadratic(an_graph *g, an_dtype dtype)
{
    const an_value w = an_state(g, "w", dtype, AN_SHAPE(COUNT), (an_init){AN_INIT_CONSTANT, 2, 0});
    const an_tensor c = an_tensor_borrow(AN_F64, AN_EXTENTS(COUNT), (void *)(uintptr_t)slope);
    const an_value y = an_mul(an_square(w), an_cast(an_constant(g, &c), dtype));
    return an_scale(an_sum_axes(y, AN_ALL_AXES, false), 0.5);
}

static void run(an_graph *g, an_store *s, an_updates up, int times)
{
    an_program *p = an_compile(g, s, .update = up);
    ck_assert_msg(p != NULL, "%s", an_compile_message(g));
    for (int i = 0; i < times; i++)
        ck_assert_msg(an_run(p) == AN_OK, "%s", an_program_message(p));
    an_program_free(p);
}

static double number(an_store *s, const char *name, int i)
{
    return an_tensor_get(an_store_view(s, name), i);
}

START_TEST(test_tables)
{
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
        for (int wide = 0; wide < 2; wide++) {
            an_graph *g = an_graph_new("q");
            an_store *s = an_store_new(1);
            const an_value loss = quadratic(g, wide ? AN_F64 : AN_F32);
            run(g, s, an_minimize(loss, rows[k].o), STEPS);
            for (int i = 0; i < COUNT; i++) {
                const double w = by_hand(&rows[k].o, slope[i]), got = number(s, "w", i);
                ck_assert_msg(fabs(got - w) <= (wide ? 1e-12 : 2e-6) * fabs(w),
                              "%s: w[%d] is %.15g, not %.15g", rows[k].what, i, got, w);
            }
            an_store_free(s);
            an_graph_free(g);
        }
}
END_TEST

/* Where gradients do not change, mean^2 exceeds v by rounding: PyTorch and Keras have NaN. */
START_TEST(test_centered_with_equal_gradients)
{
    an_graph *g = an_graph_new("q");
    an_store *s = an_store_new(1);
    const an_value w = an_state(g, "w", AN_F32, AN_SHAPE(64), (an_init){AN_INIT_UNIFORM, -1, 1});
    const an_value push = an_scale(an_stop_gradient(an_add(an_sub(w, w), an_number(w, 1.1))), 3);
    run(g, s, an_apply_gradients(an_rmsprop(.centered = true, .eps = 1e-12), .state = {w},
                                 .gradient = {push}), 300);
    for (int i = 0; i < 64; i++) ck_assert(isfinite(number(s, "w", i)));
    an_store_free(s);
    an_graph_free(g);
}
END_TEST

/* ---- any schedule ------------------------------------------------------ */

/* Vaswani et al. 2017: scale * min(t^-1/2, t * warmup^-3/2). */
static an_value inverse_root(void *context, an_value t, an_dtype dtype)
{
    const double warmup = *(const double *)context;
    const an_value x = an_cast(t, dtype);
    return an_scale(an_minimum(an_rsqrt(x), an_scale(x, pow(warmup, -1.5))), 0.5);
}

/* Rises over 4 steps, then falls to 0 at step 12, in a straight line. */
static an_value up_and_down(void *context, an_value t, an_dtype dtype)
{
    (void)context;
    const an_value x = an_cast(t, dtype);
    const an_value rest = an_scale(an_sub(an_number(x, 12), x), 0.125);
    return an_maximum(an_minimum(an_scale(x, 0.25), rest), an_number(x, 0));
}

static double expected_rate(bool linear, int t)
{
    if (!linear) return 0.5 * fmin(1 / sqrt(t), t * pow(4, -1.5));
    return fmax(fmin(t / 4.0, (12 - t) / 8.0), 0);
}

START_TEST(test_schedule_by_function)
{
    double warmup = 4;
    for (int linear = 0; linear < 2; linear++)
        for (int wide = 0; wide < 2; wide++) {
            an_graph *g = an_graph_new("s");
            an_store *s = an_store_new(1);
            const an_value w = an_state(g, "w", wide ? AN_F64 : AN_F32, AN_SCALAR,
                                        (an_init){AN_INIT_ZEROS, 0, 0});
            const an_schedule by = linear ? an_rate_by(up_and_down)
                                          : an_rate_by(inverse_root, .context = &warmup);
            const an_updates up = an_minimize(w, an_sgd(.schedule = by));
            ck_assert_ptr_null(an_store_view(s, "sgd/rate"));
            for (int t = 1; t <= 14; t++) {
                if (t > 1) ck_assert_int_eq(an_store_set_number(s, "w", 0), AN_OK);
                run(g, s, up, 1);
                ck_assert(an_test_close(-number(s, "w", 0), expected_rate(linear, t),
                                        wide ? 1e-12 : 1e-6));
            }
            /* Steps are counted exactly where f32 cannot count. */
            ck_assert_int_eq(an_store_set_number(s, "sgd/step", 0x1p24 + 2), AN_OK);
            run(g, s, up, 2);
            ck_assert(number(s, "sgd/step", 0) == 0x1p24 + 4);
            an_store_free(s);
            an_graph_free(g);
        }
}
END_TEST

/* A value of the graph: fed, or made of a counter of one's own in a table that both share. */
START_TEST(test_schedule_by_value)
{
    an_graph *g = an_graph_new("s");
    an_store *s = an_store_new(1);
    const an_value w = an_state(g, "w", AN_F32, AN_SCALAR, (an_init){AN_INIT_ZEROS, 0, 0});
    const an_updates up = an_updates_new(g, "train");
    const an_value runs = an_count_runs(up, "runs");
    const an_value rate = an_scale(an_cast(runs, AN_F64), 0.25);
    an_minimize(w, an_sgd(.schedule = an_rate_is(rate)), .into = up);
    run(g, s, up, 3);
    ck_assert(number(s, "w", 0) == -0.25 * (1 + 2 + 3) && number(s, "runs", 0) == 3);
    const an_value fed = an_input(g, "rate", AN_F32, AN_SCALAR);
    const an_updates next = an_minimize(w, an_sgd(.schedule = an_rate_is(fed)));
    an_program *p = an_compile(g, s, .update = next);
    ck_assert_msg(p != NULL, "%s", an_compile_message(g));
    float half = 0.5f;
    const an_tensor t = an_tensor_borrow(AN_F32, 0, NULL, &half);
    ck_assert_int_eq(an_run(p, .feed = {{"rate", &t}}), AN_OK);
    ck_assert(number(s, "w", 0) == -2);
    an_program_free(p);
    an_store_free(s);
    an_graph_free(g);
}
END_TEST

static an_value no_value(void *context, an_value t, an_dtype dtype)
{
    (void)context, (void)t, (void)dtype;
    return AN_NONE;
}

static an_value the_step(void *context, an_value t, an_dtype dtype)
{
    (void)context, (void)dtype;
    return t;
}

static an_value my_words(void *context, an_value t, an_dtype dtype)
{
    (void)context, (void)dtype;
    an_reject(AN_HERE, t.graph, AN_E_ARGUMENT, "mine: no such rate");
    return AN_NONE;
}

START_TEST(test_schedules_that_are_none)
{
    const struct { an_schedule s; const char *words; } wrong[] = {
        {an_rate_by(no_value), "schedule: the rate is no value of the graph"},
        {an_rate_by(the_step), "schedule: the rate must be one f32 or f64"},
        {an_rate_by(my_words), "mine: no such rate"},
        {an_rate_by(NULL), "schedule: there is no .function"},
        {an_rate_is(AN_NONE), "schedule: the rate is no value of the graph"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        an_graph *g = an_graph_new("s");
        const an_value w = an_state(g, "w", AN_F32, AN_SCALAR, (an_init){AN_INIT_ZEROS, 0, 0});
        ck_assert_int_eq(an_minimize(w, an_sgd(.schedule = wrong[i].s)).id, 0);
        ck_assert_msg(strstr(an_graph_message(g), wrong[i].words) != NULL, "%s",
                      an_graph_message(g));
        an_graph_free(g);
    }
}
END_TEST

START_TEST(test_numbers_that_mean_nothing)
{
    const struct { an_optimizer o; const char *words; } wrong[] = {
        {an_rmsprop(.rho = 1), "rho"}, {an_rmsprop(.rho = -0.5), "rho"},
        {an_rmsprop(.momentum = 2), "momentum"}, {an_rmsprop(.eps = -1), "eps"},
        {an_adagrad(.eps = NAN), "eps"}, {an_adagrad(.decay = -1), "decay"},
        {an_adagrad(.first_sum = -0.1), ".first_sum"},
        {an_adagrad(.first_sum = INFINITY), ".first_sum"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        an_graph *g = an_graph_new("s");
        const an_value w = an_state(g, "w", AN_F32, AN_SCALAR, (an_init){AN_INIT_ZEROS, 0, 0});
        ck_assert_int_eq(an_minimize(w, wrong[i].o).id, 0);
        ck_assert_msg(strstr(an_graph_message(g), wrong[i].words) != NULL, "%zu: %s", i,
                      an_graph_message(g));
        an_graph_free(g);
    }
}
END_TEST

AN_TEST_MAIN("steps", test_tables, test_centered_with_equal_gradients, test_schedule_by_function,
             test_schedule_by_value, test_schedules_that_are_none, test_numbers_that_mean_nothing)
