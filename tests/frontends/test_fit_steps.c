/* test_fit_steps.c -- trainings of so many steps, and of batches that a function gives: which steps
 * it is asked for, also by one that goes on, and that the bits are those of arrays. */
#include "frontends/addnorm.h"
#include "tests/frontends/regression.h"

#include <math.h>

static volatile sig_atomic_t stop;

/* ---- a budget of steps --------------------------------------------------- */

static an_history *fit(const model *m, const arrays *a, int64_t epochs, int64_t steps, bool keep)
{
    return an_fit(m->train, .evaluate = m->test, .data = {{"x", &a->x}, {"y", &a->y}},
                  .validation_split = 0.2, .epochs = epochs, .steps = steps, .batch = 9, .seed = 9,
                  .metric = {"loss", "near"}, .restore_best = true,
                  .directory = keep ? folder : NULL, .resume = keep);
}

/* 40 rows in batches of 9 are 5 steps an epoch: whatever of the two ends first. */
START_TEST(test_so_many_steps)
{
    arrays a = some_arrays(50, 8);
    static const struct { int64_t epochs, steps, told, alike; } rows[] = {
        {0, 5, 1, 1}, {0, 15, 3, 3}, {2, 99, 2, 2}, {2, 10, 2, 2}, {3, 10, 2, 2},
        {0, 3, 1, 0}, {0, 12, 3, 0}, {9, 12, 3, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        model m = checked_model(0.05f), n = checked_model(0.05f);
        an_history *h = fit(&m, &a, rows[i].epochs, rows[i].steps, false);
        check_history(h, rows[i].told);
        ck_assert(!h->stopped);
        ck_assert(isfinite(h->epochs[h->epoch_count - 1].validation[0]));
        an_history *k = fit(&n, &a, rows[i].alike, 0, false);
        if (rows[i].alike > 0) expect_same_epochs(h, k);
        if (rows[i].alike > 0) expect_same_states(&m, &n);
        an_history_free(h);
        an_history_free(k);
        free_model(&m);
        free_model(&n);
    }
    free_arrays(&a);
}
END_TEST

/* Cut at every step, then given more, once and again: as if it never had been cut. What is told
 * then is the same, too, though nothing is left to do. */
START_TEST(test_more_steps_later)
{
    arrays a = some_arrays(50, 8);
    model straight = checked_model(0.05f);
    an_history *whole = fit(&straight, &a, 0, 13, false);
    for (int64_t first = 1; first <= 13; first++) {
        open_folder();
        for (int64_t steps = first;; steps = steps + 2 < 13 ? steps + 2 : 13) {
            model m = checked_model(0.05f);
            an_history *h = fit(&m, &a, 0, steps, true);
            check_history(h, (steps - 1) / 5 + 1);
            model again = checked_model(0.05f);
            an_history *k = fit(&again, &a, 0, steps, true);
            expect_same_epochs(h, k);
            expect_same_states(&m, &again);
            if (steps == 13) expect_same_epochs(whole, h);
            if (steps == 13) expect_same_states(&straight, &m);
            an_history *kept = an_history_load(folder);
            check_history(kept, steps / 5);
            an_history_free(kept);
            an_history_free(h);
            an_history_free(k);
            free_model(&m);
            free_model(&again);
            if (steps == 13) break;
        }
        close_folder();
    }
    an_history_free(whole);
    free_arrays(&a);
    free_model(&straight);
}
END_TEST

/* The cut epoch is the best, or an earlier one is, whose states come back. */
START_TEST(test_the_best_of_a_cut_training)
{
    arrays a = some_arrays(50, 8);
    for (int keep = 0; keep < 2; keep++) {
        model m = checked_model(1.5f), n = checked_model(1.5f);
        if (keep) open_folder();
        an_history *h = fit(&m, &a, 0, 13, keep), *k = fit(&n, &a, 2, 0, false);
        check_history(h, 3);
        ck_assert_int_eq(h->best, 2); /* as test_fit_resume.c has it of that rate */
        expect_same_states(&m, &n);
        an_history_free(h);
        an_history_free(k);
        free_model(&m);
        free_model(&n);
        if (keep) close_folder();
    }
    free_arrays(&a);
}
END_TEST

/* ---- batches from a function --------------------------------------------- */

typedef struct source {
    const arrays *all;
    an_tensor x, y;
    int64_t asked, first, last; /* how often; the first and the last step */
    int64_t stop_at, fail_at;
    int64_t before, now; /* requests of memory when step 8, when the last was asked for */
} source;

/* Rows from 9 * step on, and around; every fourth batch has but 4. */
static bool give(void *context, int64_t step)
{
    source *s = context;
    const int64_t rows = step % 4 == 3 ? 4 : 9, all = s->all->y.extent[0];
    if (s->asked++ == 0) s->first = step;
    s->last = step;
    if (step == s->stop_at) stop = 1;
    if (step == s->fail_at) return false;
    s->now = an_test_heap_requests();
    if (step == 8) s->before = s->now;
    an_tensor *const t[] = {&s->x, &s->y};
    const an_tensor *const from[] = {&s->all->x, &s->all->y};
    for (int k = 0; k < 2; k++) {
        const int64_t width = k == 0 ? FEATURES : 1;
        t[k]->extent[0] = rows;
        for (int64_t i = 0; i < rows * width; i++)
            an_tensor_set(t[k], i, an_tensor_get(from[k], (9 * step * width + i) % (all * width)));
    }
    return true;
}

static float room[2][9 * FEATURES];

static source a_source(const arrays *all)
{
    return (source){.all = all, .stop_at = -1, .fail_at = -1,
                    .x = an_tensor_borrow(AN_F32, AN_EXTENTS(9, FEATURES), room[0]),
                    .y = an_tensor_borrow(AN_F32, AN_EXTENTS(9), room[1])};
}

static an_history *fit_next(const model *m, source *s, const arrays *known, int64_t steps,
                            int64_t epoch_steps, bool keep)
{
    stop = 0;
    return an_fit(m->train, .evaluate = m->test, .data = {{"x", &s->x}, {"y", &s->y}},
                  .validation = {{"x", &known->x}, {"y", &known->y}}, .next = give, .context = s,
                  .steps = steps, .epoch_steps = epoch_steps, .metric = {"loss", "near"},
                  .stop = &stop, .directory = keep ? folder : NULL, .resume = keep);
}

/* Of the same rows the bits are those of arrays that are kept in order. */
START_TEST(test_next_is_like_arrays)
{
    arrays a = some_arrays(27, 8);
    model m = checked_model(0.05f), n = checked_model(0.05f);
    source s = a_source(&a);
    an_history *h = an_fit(m.train, .data = {{"x", &s.x}, {"y", &s.y}}, .next = give,
                           .context = &s, .steps = 3);
    an_history *k = an_fit(n.train, .data = {{"x", &a.x}, {"y", &a.y}}, .keep_order = true,
                           .batch = 9);
    check_history(h, 1);
    ck_assert(h->epochs[0].train[0] == k->epochs[0].train[0]);
    expect_same_states(&m, &n);
    ck_assert(s.asked == 3 && s.first == 0 && s.last == 2);
    an_history_free(h);
    an_history_free(k);
    free_arrays(&a);
    free_model(&m);
    free_model(&n);
}
END_TEST

/* Stopped at every step and gone on with: the steps asked for are those behind, and the end is that
 * of a training which nobody stopped. In epochs of 4 steps, and in one. */
START_TEST(test_next_goes_on)
{
    const int64_t epoch_steps = _i == 0 ? 4 : 0;
    arrays a = some_arrays(50, 8);
    model straight = checked_model(0.05f);
    source s = a_source(&a);
    an_history *whole = fit_next(&straight, &s, &a, 11, epoch_steps, false);
    check_history(whole, _i == 0 ? 3 : 1);
    ck_assert_int_eq(s.asked, 11);
    for (int64_t at = 0; at < 11; at++) {
        open_folder();
        model m = checked_model(0.05f);
        s = a_source(&a);
        s.stop_at = at;
        an_history *h = fit_next(&m, &s, &a, 11, epoch_steps, true);
        ck_assert(h->status == AN_OK && s.asked == at + 1);
        an_history_free(h);
        free_model(&m);
        m = checked_model(0.05f);
        s = a_source(&a);
        h = fit_next(&m, &s, &a, 11, epoch_steps, true);
        ck_assert(s.asked == 10 - at && (at == 10 || (s.first == at + 1 && s.last == 10)));
        expect_same_epochs(whole, h);
        expect_same_states(&straight, &m);
        an_history_free(h);
        free_model(&m);
        close_folder();
    }
    an_history_free(whole);
    free_arrays(&a);
    free_model(&straight);
}
END_TEST

/* Once both sizes of a batch have run. */
START_TEST(test_nothing_is_allocated)
{
    arrays a = some_arrays(50, 8);
    model m = checked_model(0.05f);
    source s = a_source(&a);
    an_test_heap_start(-1);
    an_history *h = an_fit(m.train, .data = {{"x", &s.x}, {"y", &s.y}}, .next = give, .context = &s,
                           .steps = 200);
    check_history(h, 1);
    ck_assert(s.before > 0 && s.now == s.before);
    an_history_free(h);
    an_test_heap_stop();
    free_arrays(&a);
    free_model(&m);
}
END_TEST

/* ---- what means nothing ---------------------------------------------------- */

typedef struct mistake {
    const char *words;
    an_status status;
    an_fit_args args;
} mistake;

START_TEST(test_mistakes)
{
    arrays a = some_arrays(20, 8);
    model m = checked_model(0.05f);
    source s = a_source(&a);
    an_tensor empty = {0}, three = an_tensor_borrow(AN_F32, AN_EXTENTS(3), room[1]);
    const an_fit_args next = {.data = {{"x", &s.x}, {"y", &s.y}}, .next = give, .steps = 4},
                      rows = {.data = {{"x", &a.x}, {"y", &a.y}}};
    mistake all[] = {
        {".epoch_steps is of .next", AN_E_ARGUMENT, rows},
        {"must not be negative", AN_E_ARGUMENT, rows},
        {"must not be negative", AN_E_ARGUMENT, next},
        {".next goes on for ever", AN_E_ARGUMENT, next},
        {".validation_split is of arrays", AN_E_ARGUMENT, next},
        {"feed number 1 has no tensor for .next to fill", AN_E_FEED, next},
        {"feed number 0 has no name", AN_E_FEED, next}, {"no tensors for .next", AN_E_FEED, next},
        {".next has no batch for step 2, counted from 0", AN_E_DATA, next},
        {"feed \"y\" has 3 examples, but feed \"x\" has 9", AN_E_FEED, next},
        {"feed \"z\" is a scalar", AN_E_FEED, next}};
    all[0].args.epoch_steps = 3;
    all[1].args.steps = -1;
    all[2].args.epoch_steps = -1;
    all[3].args.steps = 0;
    all[4].args.validation_split = 0.5;
    all[5].args.data[1].tensor = NULL;
    all[6].args.data[0].name = NULL;
    memset(all[7].args.data, 0, sizeof all[7].args.data);
    all[9].args.data[1].tensor = &three;
    empty.data = room[0];
    all[10].args.data[1] = (an_feed){"z", &empty};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        s = a_source(&a);
        s.fail_at = i == 8 ? 2 : -1;
        all[i].args.train = m.train;
        all[i].args.evaluate = m.test;
        all[i].args.context = &s;
        an_history *h = an_fit_with(&all[i].args);
        ck_assert_msg(strstr(h->message, all[i].words), "%zu: not '%s': %s", i, all[i].words,
                      h->message);
        ck_assert_int_eq(h->status, all[i].status);
        ck_assert_int_eq(h->epoch_count, 0);
        an_history_free(h);
    }
    free_arrays(&a);
    free_model(&m);
}
END_TEST

/* Another size of its epochs, another feed, arrays: a training of them does not go on. */
START_TEST(test_another_source)
{
    arrays a = some_arrays(50, 8);
    open_folder();
    static const char *const words[] = {"", "has changed: epoch_steps", "batch 0 and 0 examples"};
    for (int i = 0; i < 3; i++) {
        model m = checked_model(0.05f);
        source s = a_source(&a);
        an_history *h = i < 2 ? fit_next(&m, &s, &a, 6, i == 0 ? 3 : 2, true)
                              : fit(&m, &a, 0, 7, true);
        ck_assert_int_eq(h->status, i == 0 ? AN_OK : AN_E_STATE);
        ck_assert_msg(strstr(h->message, words[i]), "%s", h->message);
        an_history_free(h);
        free_model(&m);
    }
    close_folder();
    free_arrays(&a);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fit_steps");
    TCase *c = tcase_create("all");
    const TTest *const tests[] = {test_so_many_steps, test_more_steps_later,
                                  test_the_best_of_a_cut_training, test_next_is_like_arrays,
                                  test_nothing_is_allocated, test_mistakes, test_another_source};
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) tcase_add_test(c, tests[i]);
    tcase_add_loop_test(c, test_next_goes_on, 0, 2);
    suite_add_tcase(suite, c);
    return an_test_run_suite(suite);
}
