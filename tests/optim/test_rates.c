/* test_rates.c -- schedules against tables: the rates that Keras and PyTorch give.
 *
 * The rate of step t is read off how far a constant gradient moves a weight. A row is the rate
 * of steps 1, 2, 3 ...; what other tools call step 0 is the first.             */
#include "optim/optim.h"
#include "tests/support.h"

#include <math.h>

#define MOST 12

typedef struct row {
    const char *what;
    an_schedule schedule;
    int count;
    double rate[MOST];
} row;

static const row rows[] = {
    /* PyTorch: StepLR(step_size=3, gamma=0.5); Keras: ExponentialDecay(0.8, 3, 0.5, True) */
    {"steps", {AN_SCHEDULE_STEPS, .peak = 0.8, .factor = 0.5, .every = 3}, 8,
     {0.8, 0.8, 0.8, 0.4, 0.4, 0.4, 0.2, 0.2}},
    {"every step", {AN_SCHEDULE_STEPS, .peak = 1, .factor = 0.1, .every = 1}, 4,
     {1, 0.1, 0.01, 0.001}},
    {"a factor of 0", {AN_SCHEDULE_STEPS, .peak = 1, .factor = 0, .every = 2}, 4, {1, 1, 0, 0}},
    /* PyTorch: CosineAnnealingLR(T_max=4, eta_min=0.2); Keras: CosineDecay(1, 4, alpha=0.2) */
    {"cosine", {AN_SCHEDULE_COSINE, .peak = 1, .steps = 4, .floor = 0.2}, 7,
     {1, 0.88284271247461898, 0.6, 0.31715728752538104, 0.2, 0.2, 0.2}},
    {"cosine of one step", {AN_SCHEDULE_COSINE, .peak = 0.3, .steps = 1}, 3, {0.3, 0, 0}},
    {"cosine of two", {AN_SCHEDULE_COSINE, .peak = 1, .steps = 2}, 4, {1, 0.5, 0, 0}},
    /* PyTorch: LinearLR(start_factor=1/4, total_iters=3), then CosineAnnealingLR(T_max=8,
     * eta_min=0.1) from step 4 on; Keras's CosineDecay(warmup_steps=4) is the same behind it */
    {"warm-up", {AN_SCHEDULE_COSINE, .peak = 1, .warmup = 4, .steps = 12, .floor = 0.1}, 12,
     {0.25, 0.5, 0.75, 1, 1, 0.9657457896300791, 0.8681980515339464, 0.7222075445642904, 0.55,
      0.3777924554357096, 0.23180194846605365, 0.13425421036992097}},
    {"all of it warm-up", {AN_SCHEDULE_COSINE, .peak = 1, .warmup = 2, .steps = 2}, 5,
     {0.5, 1, 1, 0, 0}},
    {"constant", {AN_SCHEDULE_CONSTANT, .peak = 0.5}, 3, {0.01, 0.01, 0.01}}, /* the optimizer's */
};

static void try(const row *r, an_dtype dtype, double within)
{
    an_graph *g = an_graph_new("s");
    an_store *store = an_store_new(1);
    const an_value w = an_state(g, "w", dtype, AN_SCALAR, (an_init){AN_INIT_ZEROS, 0, 0});
    const an_updates up = an_minimize(w, an_sgd(.schedule = r->schedule));
    an_program *p = an_compile(g, store, .update = up);
    ck_assert_msg(p != NULL, "%s: %s", r->what, an_compile_message(g));
    for (int i = 0; i < r->count; i++) {
        ck_assert_int_eq(an_store_set_number(store, "w", 0), AN_OK);
        ck_assert_int_eq(an_run(p), AN_OK);
        const double rate = -an_tensor_get(an_store_view(store, "w"), 0);
        ck_assert_msg(fabs(rate - r->rate[i]) <= within, "%s: step %d: %.17g, not %.17g", r->what,
                      i + 1, rate, r->rate[i]);
    }
    an_program_free(p);
    an_store_free(store);
    an_graph_free(g);
}

START_TEST(test_tables)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        /* .rate is a float, so the constant one is 0.01f in f64, too. */
        try(&rows[i], AN_F64, rows[i].schedule.kind == AN_SCHEDULE_CONSTANT ? 1e-9 : 1e-15);
        try(&rows[i], AN_F32, 1e-7);
    }
}
END_TEST

static double rate_at(an_schedule s, int64_t t, an_dtype dtype)
{
    an_graph *g = an_graph_new("s");
    an_store *store = an_store_new(1);
    const an_value step = an_state(g, "step", AN_I64, AN_SCALAR, (an_init){0});
    const an_value rate = an_schedule_at(AN_HERE, &s, step, dtype);
    an_program *p = an_compile(g, store, .fetch = {rate});
    ck_assert_msg(p != NULL, "%s", an_compile_message(g));
    an_tensor out = {0};
    ck_assert_int_eq(an_store_set_number(store, "step", (double)t), AN_OK);
    ck_assert_int_eq(an_run(p, .out = {&out}), AN_OK);
    const double found = an_tensor_get(&out, 0);
    an_tensor_free(&out);
    an_program_free(p);
    an_store_free(store);
    an_graph_free(g);
    return found;
}

/* The peak is met exactly, and 2^24 steps do not blur in f32. */
START_TEST(test_peaks_and_long_trainings)
{
    const int64_t many = 1 << 26;
    const an_schedule wave = an_warmup_cosine(.peak = 0.003, .warmup = 7, .steps = 20);
    ck_assert(rate_at(wave, 7, AN_F64) == 0.003 && rate_at(wave, 8, AN_F64) == 0.003);
    ck_assert(rate_at(wave, 7, AN_F32) == (double)0.003f);
    const an_schedule plain = an_warmup_cosine(.peak = 0.003, .steps = 20);
    ck_assert(rate_at(plain, 1, AN_F32) == (double)0.003f);
    const an_schedule late = an_warmup_cosine(.peak = 1, .warmup = many, .steps = many + 8);
    ck_assert(an_test_close(rate_at(late, many + 2, AN_F32), (1 + cos(M_PI / 8)) / 2, 1e-6));
    const an_schedule steps = an_step_decay(.peak = 1, .factor = 0.5, .every = many + 1);
    ck_assert(rate_at(steps, many + 1, AN_F32) == 1 && rate_at(steps, many + 2, AN_F32) == 0.5);
}
END_TEST

AN_TEST_MAIN("rates", test_tables, test_peaks_and_long_trainings)
