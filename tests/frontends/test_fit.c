/* test_fit.c -- the training loop: means as Keras takes them, bits that survive. */
#include <math.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "frontends/data/dataset.h"
#include "tests/frontends/regression.h"

/* ---- what an epoch is -------------------------------------------------- */

/* The loop, written out: the same batches in the same order, the same means. */
static void train_by_hand(const model *m, const arrays *a, int64_t batch, uint64_t seed,
                          uint64_t epoch, double mean[2])
{
    const int64_t n = a->y.extent[0];
    int64_t *const order = malloc((size_t)n * sizeof *order);
    an_shuffle(order, n, seed, epoch);
    mean[0] = mean[1] = 0;
    for (int64_t first = 0; first < n; first += batch) {
        const int64_t rows = batch < n - first ? batch : n - first;
        an_tensor x = {0}, y = {0}, loss = {0}, near = {0};
        ck_assert_int_eq(an_tensor_alloc(&x, AN_F32, AN_EXTENTS(rows, FEATURES)), AN_OK);
        ck_assert_int_eq(an_tensor_alloc(&y, AN_F32, AN_EXTENTS(rows)), AN_OK);
        for (int64_t i = 0; i < rows; i++) {
            const int64_t from = order[first + i];
            an_tensor_set(&y, i, an_tensor_get(&a->y, from));
            for (int64_t k = 0; k < FEATURES; k++)
                an_tensor_set(&x, i * FEATURES + k, an_tensor_get(&a->x, from * FEATURES + k));
        }
        ck_assert_int_eq(an_run(m->train, .feed = {{"x", &x}, {"y", &y}}, .out = {&loss, &near}),
                         AN_OK);
        mean[0] += an_tensor_get(&loss, 0) * (double)rows / (double)n;
        mean[1] += an_tensor_get(&near, 0) * (double)rows / (double)n;
        an_tensor_free(&x);
        an_tensor_free(&y);
        an_tensor_free(&loss);
        an_tensor_free(&near);
    }
    free(order);
}

START_TEST(test_epochs_equal_the_loop_by_hand)
{
    model m = checked_model(0.05f), by_hand = checked_model(0.05f);
    arrays a = some_arrays(53, 1); /* batches of 8, the last of 5 */
    an_history *h = an_fit(m.train, .data = {{"x", &a.x}, {"y", &a.y}}, .epochs = 3, .batch = 8,
                           .seed = 11, .metric = {"loss", "near"});
    check_history(h, 3);
    for (uint64_t epoch = 1; epoch <= 3; epoch++) {
        double mean[2];
        train_by_hand(&by_hand, &a, 8, 11, epoch, mean);
        for (int i = 0; i < 2; i++)
            ck_assert(an_test_close(h->epochs[epoch - 1].train[i], mean[i], 1e-12));
        ck_assert(isnan(h->epochs[epoch - 1].validation[0]));
    }
    char x[65], y[65];
    fingerprint(&m, x);
    fingerprint(&by_hand, y);
    ck_assert_str_eq(x, y);
    ck_assert(h->epochs[2].train[0] < 0.7 * h->epochs[0].train[0]); /* it learns */
    ck_assert(h->epochs[0].step_ms > 0 && h->epochs[0].seconds > 0);
    ck_assert_str_eq(h->metric[1], "near");
    an_history_free(h);
    free_arrays(&a);
    free_model(&m);
    free_model(&by_hand);
}
END_TEST

/* Validation on the last rows, left out of training, equals arrays of just these. */
START_TEST(test_validation_split_is_the_last_rows)
{
    model m = checked_model(0.05f), n = checked_model(0.05f);
    arrays a = some_arrays(50, 2);
    const an_tensor first_x = an_tensor_borrow(AN_F32, AN_EXTENTS(40, FEATURES), a.x.data);
    const an_tensor first_y = an_tensor_borrow(AN_F32, AN_EXTENTS(40), a.y.data);
    const an_tensor last_x = an_tensor_borrow(AN_F32, AN_EXTENTS(10, FEATURES),
                                              (float *)a.x.data + 40 * FEATURES);
    const an_tensor last_y = an_tensor_borrow(AN_F32, AN_EXTENTS(10), (float *)a.y.data + 40);
    an_history *h = an_fit(m.train, .evaluate = m.test, .data = {{"x", &a.x}, {"y", &a.y}},
                           .validation_split = 0.2, .epochs = 2, .batch = 16, .seed = 3);
    an_history *k = an_fit(n.train, .evaluate = n.test, .data = {{"y", &first_y}, {"x", &first_x}},
                           .validation = {{"x", &last_x}, {"y", &last_y}}, .epochs = 2, .batch = 16,
                           .seed = 3);
    check_history(h, 2);
    check_history(k, 2);
    ck_assert(h->validated && k->validated);
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++) {
            ck_assert(h->epochs[i].train[j] == k->epochs[i].train[j]);
            ck_assert(h->epochs[i].validation[j] == k->epochs[i].validation[j]);
        }
    an_scores *s = an_evaluate(m.test, .data = {{"x", &last_x}, {"y", &last_y}}, .batch = 3);
    ck_assert_msg(s->status == AN_OK, "%s", s->message);
    ck_assert_int_eq(s->examples, 10);
    ck_assert_int_eq(s->count, 2);
    ck_assert(an_test_close(s->value[0], h->epochs[1].validation[0], 1e-6));
    ck_assert(an_test_close(s->value[1], h->epochs[1].validation[1], 1e-6));
    an_history_free(h);
    an_history_free(k);
    an_scores_free(s);
    free_arrays(&a);
    free_model(&m);
    free_model(&n);
}
END_TEST

START_TEST(test_predictions_stand_in_their_rows)
{
    model m = checked_model(0.05f);
    arrays a = some_arrays(23, 4);
    an_tensor whole = {0}, parts = {0}, off = {0};
    ck_assert_int_eq(an_predict(m.predict, .data = {{"x", &a.x}, {"y", &a.y}}, .out = {&whole},
                                .batch = 23), AN_OK);
    ck_assert_msg(an_predict(m.predict, .data = {{"x", &a.x}, {"y", &a.y}}, .out = {&parts, &off},
                             .batch = 5) == AN_OK, "%s", an_program_message(m.predict));
    ck_assert_int_eq(parts.rank, 1);
    ck_assert_int_eq(parts.extent[0], 23);
    ck_assert_mem_eq(whole.data, parts.data, 23 * sizeof(float));
    for (int64_t i = 0; i < 23; i++)
        ck_assert(an_test_close(an_tensor_get(&off, i),
                                an_tensor_get(&parts, i) - an_tensor_get(&a.y, i), 1e-6));
    ck_assert_int_eq(an_predict(m.predict, .data = {{"x", &a.x}, {"y", &a.y}}, .out = {&a.y}),
                     AN_E_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(an_program_message(m.predict), "shares memory with feed \"y\""));
    an_tensor loss = {0};
    ck_assert_int_eq(an_predict(m.test, .data = {{"x", &a.x}, {"y", &a.y}}, .out = {&loss}),
                     AN_E_SHAPE); /* no row an example */
    an_tensor_free(&whole);
    an_tensor_free(&parts);
    an_tensor_free(&off);
    free_arrays(&a);
    free_model(&m);
}
END_TEST

/* ---- when it ends ------------------------------------------------------ */

static bool stop_after_two(void *context, const an_history *h)
{
    ++*(int *)context;
    return an_history_epochs(h) < 2;
}

START_TEST(test_the_caller_may_stop)
{
    model m = checked_model(0.05f);
    arrays a = some_arrays(20, 5);
    int calls = 0;
    an_history *h = an_fit(m.train, .data = {{"x", &a.x}, {"y", &a.y}}, .epochs = 9,
                           .on_epoch = stop_after_two, .context = &calls);
    check_history(h, 2);
    ck_assert(h->stopped);
    ck_assert_int_eq(calls, 2);
    an_history_free(h);
    free_arrays(&a);
    free_model(&m);
}
END_TEST

/* A rate far too high: epoch 1 is the best, and patience ends it. */
START_TEST(test_patience_and_the_best_states)
{
    model m = checked_model(1.5f), one = checked_model(1.5f);
    arrays a = some_arrays(40, 6);
    an_history *h = an_fit(m.train, .evaluate = m.test, .data = {{"x", &a.x}, {"y", &a.y}},
                           .validation_split = 0.25, .epochs = 9, .batch = 10, .patience = 2,
                           .restore_best = true, .metric = {"loss", "near"});
    an_history *k = an_fit(one.train, .evaluate = one.test, .data = {{"x", &a.x}, {"y", &a.y}},
                           .validation_split = 0.25, .epochs = 1, .batch = 10,
                           .monitor = "val_near");
    check_history(h, 3);
    ck_assert(h->stopped);
    ck_assert_int_eq(h->best, 1);
    ck_assert(h->epochs[2].validation[0] > h->epochs[0].validation[0]);
    ck_assert_int_eq(k->status, AN_E_NAME); /* it was not named so there */
    ck_assert_ptr_nonnull(strstr(k->message, "no metric \"val_near\""));
    an_history_free(k);
    k = an_fit(one.train, .data = {{"x", &a.x}, {"y", &a.y}}, .epochs = 1, .monitor = "val_loss");
    ck_assert_int_eq(k->status, AN_E_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(k->message, "without validation"));
    an_history_free(k);
    k = an_fit(one.train, .evaluate = one.test, .data = {{"x", &a.x}, {"y", &a.y}},
               .validation_split = 0.25, .epochs = 1, .batch = 10, .monitor = "metric1");
    check_history(k, 1);
    char x[65], y[65];
    fingerprint(&m, x);
    fingerprint(&one, y);
    ck_assert_str_eq(x, y); /* back at what it was after epoch 1 */
    an_history_free(h);
    an_history_free(k);
    free_arrays(&a);
    free_model(&m);
    free_model(&one);
}
END_TEST

/* ---- directories ------------------------------------------------------- */

static an_history *fit_in_folder(const model *m, const arrays *a, int64_t epochs, bool resume)
{
    return an_fit(m->train, .evaluate = m->test, .data = {{"x", &a->x}, {"y", &a->y}},
                  .validation_split = 0.2, .epochs = epochs, .batch = 8, .seed = 9,
                  .metric = {"loss", "near"}, .directory = folder, .resume = resume,
                  .arguments = (const an_metadata[]){{"rate", "0.05"}}, .argument_count = 1);
}

START_TEST(test_resuming_is_exact)
{
    open_folder();
    model straight = checked_model(0.05f), first = checked_model(0.05f);
    arrays a = some_arrays(50, 8);
    an_history *whole = fit_in_folder(&straight, &a, 4, false);
    check_history(whole, 4);
    an_history *h = fit_in_folder(&first, &a, 2, false); /* clears what is there */
    check_history(h, 2);
    free_model(&first);
    an_history_free(h);
    first = checked_model(0.05f); /* as a new process would */
    h = fit_in_folder(&first, &a, 4, true);
    check_history(h, 4);
    expect_same_epochs(whole, h);
    char x[65], y[65];
    fingerprint(&straight, x);
    fingerprint(&first, y);
    ck_assert_str_eq(x, y);
    an_history *loaded = an_history_load(folder);
    check_history(loaded, 4);
    expect_same_epochs(h, loaded);
    ck_assert(loaded->epochs[3].seconds == h->epochs[3].seconds);
    an_history_free(h);
    an_history_free(loaded);
    h = fit_in_folder(&first, &a, 4, true); /* nothing is left to do */
    check_history(h, 4);
    an_history_free(h);
    an_history_free(whole);
    h = an_fit(first.train, .data = {{"x", &a.x}, {"y", &a.y}}, .directory = folder,
               .resume = true, .seed = 9, .batch = 9);
    ck_assert_int_eq(h->status, AN_E_STATE);
    ck_assert_ptr_nonnull(strstr(h->message, "seed 9, batch 8 and 40 examples, not 9, 9 and 50"));
    an_history_free(h);
    free_arrays(&a);
    free_model(&straight);
    free_model(&first);
    close_folder();
}
END_TEST

static bool only_one_uses_it(void *context, const an_history *so_far)
{
    (void)so_far;
    const model *const m = context;
    arrays a = some_arrays(50, 8);
    an_history *h = fit_in_folder(m, &a, 1, true);
    ck_assert_int_eq(h->status, AN_E_BUSY);
    an_history_free(h);
    free_arrays(&a);
    return true;
}

START_TEST(test_a_folder_has_one_user)
{
    open_folder();
    model m = checked_model(0.05f);
    arrays a = some_arrays(50, 8);
    an_history *h = an_fit(m.train, .data = {{"x", &a.x}, {"y", &a.y}}, .directory = folder,
                           .on_epoch = only_one_uses_it, .context = &m);
    check_history(h, 1);
    an_history_free(h);
    free_arrays(&a);
    free_model(&m);
    close_folder();
}
END_TEST

/* One process that trains on and on, killed after a moment. */
static void train_and_kill(const arrays *a, int64_t microseconds)
{
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        model m = a_model(0.05f);
        an_history *h = fit_in_folder(&m, a, 1000000, true);
        fprintf(stderr, "%s\n", h->message); /* it should never come to an end */
        _exit(1);
    }
    usleep((useconds_t)microseconds);
    kill(child, SIGKILL);
    int how;
    ck_assert_int_eq(waitpid(child, &how, 0), child);
    ck_assert_msg(WIFSIGNALED(how), "killed after %lld us", (long long)microseconds);
}

/* Whenever it is killed, the folder is one from which to go on, to the same bits. */
START_TEST(test_kills_leave_a_resumable_state)
{
    open_folder();
    arrays a = some_arrays(50, 8);
    const uint64_t seed = 1;
    an_test_random r = {seed};
    for (int kills = 0; kills < 50; kills++) train_and_kill(&a, an_test_int(&r, 500, 8000));
    model resumed = checked_model(0.05f), straight = checked_model(0.05f);
    an_history *h = fit_in_folder(&resumed, &a, 1, true);
    ck_assert_msg(h->status == AN_OK, "seed %llu: %s", (unsigned long long)seed, h->message);
    const int64_t epochs = h->epoch_count + 2;
    an_history_free(h);
    h = fit_in_folder(&resumed, &a, epochs, true);
    an_history *whole = an_fit(straight.train, .evaluate = straight.test,
                               .data = {{"x", &a.x}, {"y", &a.y}}, .validation_split = 0.2,
                               .epochs = epochs, .batch = 8, .seed = 9, .metric = {"loss", "near"});
    check_history(h, epochs);
    expect_same_epochs(whole, h);
    char x[65], y[65];
    fingerprint(&straight, x);
    fingerprint(&resumed, y);
    ck_assert_msg(strcmp(x, y) == 0, "seed %llu, %lld epochs", (unsigned long long)seed,
                  (long long)epochs);
    an_history_free(h);
    an_history_free(whole);
    free_arrays(&a);
    free_model(&resumed);
    free_model(&straight);
    close_folder();
}
END_TEST

/* ---- what a person sees ------------------------------------------------ */

START_TEST(test_a_plain_line_an_epoch)
{
    model m = checked_model(0.05f);
    arrays a = some_arrays(20, 5);
    char text[512] = {0};
    FILE *const f = fmemopen(text, sizeof text - 1, "w");
    an_history *h = an_fit(m.train, .evaluate = m.test, .data = {{"x", &a.x}, {"y", &a.y}},
                           .validation_split = 0.5, .epochs = 10, .progress = f,
                           .metric = {"loss", "near"}, .on_epoch = stop_after_two,
                           .context = &(int){0});
    fclose(f);
    check_history(h, 2);
    char want[512];
    int at = 0;
    for (int i = 0; i < 2; i++)
        at += snprintf(want + at, sizeof want - (size_t)at,
                       "epoch %2d/10  %.1f s  %.2f ms/step  loss %.4f  near %.4f  val_loss %.4f  "
                       "val_near %.4f\n", i + 1, h->epochs[i].seconds, h->epochs[i].step_ms,
                       h->epochs[i].train[0], h->epochs[i].train[1], h->epochs[i].validation[0],
                       h->epochs[i].validation[1]);
    ck_assert_str_eq(text, want);
    an_history_free(h);
    free_arrays(&a);
    free_model(&m);
}
END_TEST

/* ---- what users read --------------------------------------------------- */

START_TEST(test_a_history_is_read_through_calls)
{
    model m = checked_model(0.05f);
    arrays a = some_arrays(20, 5);
    an_history *h = an_fit(m.train, .evaluate = m.test, .data = {{"x", &a.x}, {"y", &a.y}},
                           .validation_split = 0.5, .epochs = 3, .metric = {"loss", "near"},
                           .on_epoch = stop_after_two, .context = &(int){0});
    ck_assert_int_eq(an_history_status(h), AN_OK);
    ck_assert_str_eq(an_history_message(h), "");
    ck_assert_int_eq(an_history_metrics(h), 2);
    ck_assert_str_eq(an_history_metric(h, 0), "loss");
    ck_assert_str_eq(an_history_metric(h, 1), "near");
    ck_assert(an_history_validated(h) && an_history_stopped(h));
    ck_assert_int_eq(an_history_epochs(h), 2);
    ck_assert_int_eq(an_history_best(h), h->best);
    ck_assert(h->best > 0);
    for (int64_t i = 0; i < 2; i++) {
        ck_assert(an_history_seconds(h, i) == h->epochs[i].seconds);
        ck_assert(an_history_step_ms(h, i) == h->epochs[i].step_ms);
        for (int64_t k = 0; k < 2; k++) {
            ck_assert(an_history_train(h, i, k) == h->epochs[i].train[k]);
            ck_assert(an_history_validation(h, i, k) == h->epochs[i].validation[k]);
        }
    }
    static const int64_t outside[] = {-1, 2, INT64_MIN, INT64_MAX};
    for (int k = 0; k < 4; k++) {
        const int64_t i = outside[k];
        ck_assert_ptr_null(an_history_metric(h, i));
        ck_assert(isnan(an_history_seconds(h, i)) && isnan(an_history_step_ms(h, i)));
        ck_assert(isnan(an_history_train(h, i, 0)) && isnan(an_history_train(h, 0, i)));
        ck_assert(isnan(an_history_validation(h, i, 0)) && isnan(an_history_validation(h, 0, i)));
    }
    an_history_free(h);
    free_arrays(&a);
    free_model(&m);
}
END_TEST

START_TEST(test_scores_are_read_through_calls)
{
    model m = checked_model(0.05f);
    arrays a = some_arrays(20, 5);
    an_scores *s = an_evaluate(m.test, .data = {{"x", &a.x}, {"y", &a.y}}, .batch = 6);
    ck_assert_int_eq(an_scores_status(s), AN_OK);
    ck_assert_str_eq(an_scores_message(s), "");
    ck_assert_int_eq(an_scores_count(s), 2);
    ck_assert(an_scores_value(s, 0) == s->value[0] && an_scores_value(s, 1) == s->value[1]);
    ck_assert(isnan(an_scores_value(s, -1)) && isnan(an_scores_value(s, 2)));
    ck_assert_int_eq(an_scores_examples(s), 20);
    ck_assert(an_scores_seconds(s) > 0);
    an_scores_free(s);
    bool failed = true;
    for (int64_t at = 0; failed; at++) {
        an_test_heap_start(at);
        s = an_evaluate(m.test, .data = {{"x", &a.x}, {"y", &a.y}}, .batch = 6);
        failed = an_test_heap_failed();
        ck_assert(s != NULL || at == 0);
        ck_assert((an_scores_status(s) == AN_OK) == !failed);
        ck_assert((an_scores_message(s)[0] != 0) == failed);
        an_scores_free(s);
        an_test_heap_stop();
        ck_assert_int_lt(at, 2000);
    }
    free_arrays(&a);
    free_model(&m);
}
END_TEST

/* What an_fit and an_evaluate give when memory is out reads as a failure. */
START_TEST(test_null_reads_as_out_of_memory)
{
    ck_assert_int_eq(an_history_status(NULL), AN_E_MEMORY);
    ck_assert_str_eq(an_history_message(NULL), "out of memory");
    ck_assert_int_eq(an_history_metrics(NULL), 0);
    ck_assert_ptr_null(an_history_metric(NULL, 0));
    ck_assert(!an_history_validated(NULL) && !an_history_stopped(NULL));
    ck_assert_int_eq(an_history_epochs(NULL), 0);
    ck_assert_int_eq(an_history_best(NULL), 0);
    ck_assert(isnan(an_history_seconds(NULL, 0)) && isnan(an_history_step_ms(NULL, 0)));
    ck_assert(isnan(an_history_train(NULL, 0, 0)) && isnan(an_history_validation(NULL, 0, 0)));
    an_history_free(NULL);
    ck_assert_int_eq(an_scores_status(NULL), AN_E_MEMORY);
    ck_assert_str_eq(an_scores_message(NULL), "out of memory");
    ck_assert_int_eq(an_scores_count(NULL), 0);
    ck_assert(isnan(an_scores_value(NULL, 0)));
    ck_assert_int_eq(an_scores_examples(NULL), 0);
    ck_assert(an_scores_seconds(NULL) == 0);
    an_scores_free(NULL);
}
END_TEST

/* ---- what is refused --------------------------------------------------- */

#define EXPECT(refused, words, ...)                                                                \
    do {                                                                                           \
        an_history *h_ = an_fit(__VA_ARGS__);                                                      \
        ck_assert_int_eq(h_->status, refused);                                                     \
        ck_assert_msg(strstr(h_->message, words) != NULL, "%s", h_->message);                      \
        an_history_free(h_);                                                                       \
    } while (0)

static void expect_history(an_history *h, an_status refused)
{
    ck_assert_int_eq(an_history_status(h), refused);
    ck_assert_str_ne(an_history_message(h), "");
    an_history_free(h);
}

static void expect_scores(an_scores *s, an_status refused)
{
    ck_assert_int_eq(an_scores_status(s), refused);
    ck_assert_str_ne(an_scores_message(s), "");
    an_scores_free(s);
}

START_TEST(test_refusals)
{
    model m = checked_model(0.05f), other = checked_model(0.05f);
    arrays a = some_arrays(20, 5), b = some_arrays(21, 5);
    an_tensor none = an_tensor_borrow(AN_F32, AN_EXTENTS(0), NULL);
    an_tensor scalar = an_tensor_borrow(AN_F32, 0, NULL, b.y.data);
    const an_fit_args good = {.data = {{"x", &a.x}, {"y", &a.y}}};
    EXPECT(AN_E_ARGUMENT, "no training program", NULL);
    EXPECT(AN_E_FEED, "name them in .data", m.train);
    EXPECT(AN_E_FEED, "feed \"y\" has 21 examples, but feed \"x\" has 20", m.train,
           .data = {{"x", &a.x}, {"y", &b.y}});
    EXPECT(AN_E_FEED, "\"x\" is no tensor", m.train, .data = {{"x", NULL}});
    EXPECT(AN_E_FEED, "number 0 has no name", m.train, .data = {{NULL, &a.x}});
    EXPECT(AN_E_FEED, "\"y\" has no examples", m.train, .data = {{"y", &none}});
    EXPECT(AN_E_FEED, "\"y\" is a scalar", m.train, .data = {{"y", &scalar}});
    EXPECT(AN_E_FEED, "no input \"z\"", m.train, .data = {{"x", &a.x}, {"z", &a.y}});
    EXPECT(AN_E_ARGUMENT, "must not be negative", m.train, .epochs = -1);
    EXPECT(AN_E_ARGUMENT, "must not be negative", m.train, .batch = -1);
    EXPECT(AN_E_ARGUMENT, "less than 1", m.train, .validation_split = 1.0);
    EXPECT(AN_E_ARGUMENT, "less than 1", m.train, .validation_split = (double)NAN);
    EXPECT(AN_E_ARGUMENT, ".resume needs", m.train, .resume = true);
    EXPECT(AN_E_ARGUMENT, "no evaluation program", m.train,
           .data = {{"x", &a.x}, {"y", &a.y}}, .validation_split = 0.5);
    EXPECT(AN_E_ARGUMENT, "same store", m.train, .evaluate = other.test,
           .data = {{"x", &a.x}, {"y", &a.y}}, .validation_split = 0.5);
    EXPECT(AN_E_ARGUMENT, "one side of 20 examples empty", m.train, .evaluate = m.test,
           .data = {{"x", &a.x}, {"y", &a.y}}, .validation_split = 0.999);
    EXPECT(AN_E_SHAPE, "fetch 0 of the training program", m.predict,
           .data = {{"x", &a.x}, {"y", &a.y}});
    EXPECT(AN_E_NAME, "cannot be called \"loss\"", m.train, .data = {{"x", &a.x}, {"y", &a.y}},
           .metric = {"loss", "loss"});
    EXPECT(AN_E_ARGUMENT, ".patience", m.train, .data = {{"x", &a.x}, {"y", &a.y}}, .patience = -1);
    EXPECT(AN_E_IO, "/nowhere/x", m.train, .data = {{"x", &a.x}, {"y", &a.y}},
           .directory = "/nowhere/x");
    expect_history(an_fit_with(NULL), AN_E_ARGUMENT);
    expect_history(an_fit_with(&good), AN_E_ARGUMENT);
    expect_scores(an_evaluate_with(NULL), AN_E_ARGUMENT);
    expect_scores(an_evaluate(m.test, .batch = -1), AN_E_ARGUMENT);
    ck_assert_int_eq(an_predict_with(NULL), AN_E_ARGUMENT);
    expect_history(an_history_load(NULL), AN_E_ARGUMENT);
    expect_history(an_history_load("/nowhere"), AN_E_IO);
    free_arrays(&a);
    free_arrays(&b);
    free_model(&m);
    free_model(&other);
}
END_TEST

/* ---- allocations ------------------------------------------------------- */

START_TEST(test_every_allocation_may_fail)
{
    open_folder();
    arrays a = some_arrays(12, 5);
    model m = checked_model(0.05f);
    bool failed = true;
    for (int64_t at = 0; failed; at++) {
        an_test_heap_start(at);
        an_history *h = at % 2 ? fit_in_folder(&m, &a, 2, false)
                               : an_fit(m.train, .data = {{"x", &a.x}, {"y", &a.y}}, .epochs = 2,
                                        .batch = 5, .restore_best = true);
        failed = an_test_heap_failed();
        const bool good = an_history_status(h) == AN_OK;
        ck_assert_msg(good || an_history_message(h)[0], "allocation %lld", (long long)at);
        ck_assert(good || failed);
        an_history_free(h);
        an_test_heap_stop();
        ck_assert_int_lt(at, 2000);
    }
    free_arrays(&a);
    free_model(&m);
    close_folder();
}
END_TEST

/* Requests grow with neither the steps of an epoch nor, but for the record, epochs. */
static int64_t live_requests(const model *m, const arrays *a, int64_t batch)
{
    int64_t at = 0;
    for (bool failed = true; failed; at++) {
        an_test_heap_start(at);
        an_history *h = an_fit(m->train, .data = {{"x", &a->x}, {"y", &a->y}}, .batch = batch);
        failed = an_test_heap_failed();
        an_history_free(h);
        an_test_heap_stop();
    }
    return at;
}

START_TEST(test_steps_allocate_nothing)
{
    model m = checked_model(0.05f);
    arrays a = some_arrays(64, 5);
    an_history *h = an_fit(m.train, .data = {{"x", &a.x}, {"y", &a.y}}, .batch = 32);
    check_history(h, 1);
    an_history_free(h);
    h = an_fit(m.train, .data = {{"x", &a.x}, {"y", &a.y}}, .batch = 2);
    check_history(h, 1);
    an_history_free(h); /* both bindings are planned now */
    ck_assert_int_eq(live_requests(&m, &a, 32), live_requests(&m, &a, 2));
    free_arrays(&a);
    free_model(&m);
}
END_TEST

AN_TEST_MAIN("fit", test_epochs_equal_the_loop_by_hand, test_validation_split_is_the_last_rows,
             test_predictions_stand_in_their_rows, test_the_caller_may_stop,
             test_patience_and_the_best_states,
             test_resuming_is_exact, test_a_folder_has_one_user,
             test_kills_leave_a_resumable_state, test_a_plain_line_an_epoch,
             test_a_history_is_read_through_calls, test_scores_are_read_through_calls,
             test_null_reads_as_out_of_memory, test_refusals, test_every_allocation_may_fail,
             test_steps_allocate_nothing)
