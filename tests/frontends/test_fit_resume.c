/* test_fit_resume.c -- trainings that are stopped within an epoch, and go on; what must not change.
 *
 * The flag is set when the clock is read for the n-th time, which a training does around every
 * step (--wrap, tests/meson.build): so it is stopped at every place there is. */
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "frontends/addnorm.h"
#include "frontends/train/basis.h"
#include "tests/frontends/regression.h"

static volatile sig_atomic_t stop;
static int64_t readings, stop_at = -1;

int __real_clock_gettime(clockid_t id, struct timespec *t);
int __wrap_clock_gettime(clockid_t id, struct timespec *t);
int __wrap_clock_gettime(clockid_t id, struct timespec *t)
{
    if (readings++ == stop_at) stop = 1;
    return __real_clock_gettime(id, t);
}

/* ---- the flag ---------------------------------------------------------- */

static an_history *fit(const model *m, const arrays *a, int64_t at)
{
    readings = 0;
    stop_at = at;
    stop = 0;
    return an_fit(m->train, .evaluate = m->test, .data = {{"x", &a->x}, {"y", &a->y}},
                  .validation_split = 0.2, .epochs = 3, .batch = 9, .seed = 9,
                  .metric = {"loss", "near"}, .directory = folder, .resume = true, .patience = 2,
                  .min_delta = 0.001, .restore_best = true, .stop = &stop);
}

/* Stopped at every reading, and again some readings later: each time a new process goes on, and
 * ends with the bits and the figures of a training that never was stopped. */
static void stop_anywhere(float rate, int64_t best)
{
    arrays a = some_arrays(50, 8);
    model straight = checked_model(rate);
    open_folder();
    an_history *whole = fit(&straight, &a, -1);
    check_history(whole, 3);
    ck_assert_int_eq(whole->best, best);
    close_folder();
    int64_t at = 0, within = 0;
    for (bool more = true; more; at++) {
        open_folder();
        an_history *h = NULL;
        model m = checked_model(rate);
        for (int part = 0; !h || h->epoch_count < 3; part++) {
            an_history_free(h);
            free_model(&m);
            m = checked_model(rate);
            h = fit(&m, &a, part == 0 ? at : part == 1 ? 7 : -1);
            ck_assert_msg(h->status == AN_OK, "%s", h->message);
            if (part == 0) more = h->epoch_count < 3;
            within += h->epoch_count < 3;
        }
        check_history(h, 3);
        expect_same_epochs(whole, h);
        expect_same_states(&straight, &m);
        an_history *loaded = an_history_load(folder);
        check_history(loaded, 3);
        expect_same_epochs(whole, loaded);
        an_history_free(loaded);
        an_history_free(h);
        free_model(&m);
        close_folder();
    }
    ck_assert_int_gt(within, 40);
    an_history_free(whole);
    free_arrays(&a);
    free_model(&straight);
}

/* The last epoch is the best; and the one before, whose states must come back in the end. */
START_TEST(test_stopped_anywhere)
{
    stop_anywhere(0.05f, 3);
    stop_anywhere(1.5f, 2);
}
END_TEST

/* Stopped again before a step, the best states come back and not those of the middle. */
START_TEST(test_stopped_twice)
{
    arrays a = some_arrays(50, 8);
    model m = checked_model(0.05f), one = checked_model(0.05f);
    open_folder();
    an_history *h = fit(&m, &a, 20); /* within the second epoch */
    ck_assert(h->stopped && h->epoch_count == 1);
    an_history_free(h);
    free_model(&m);
    m = checked_model(0.05f);
    h = fit(&m, &a, 0);
    ck_assert(h->stopped && h->epoch_count == 1 && h->best == 1);
    an_history_free(h);
    h = an_fit(one.train, .evaluate = one.test, .data = {{"x", &a.x}, {"y", &a.y}},
               .validation_split = 0.2, .batch = 9, .seed = 9);
    an_history_free(h);
    expect_same_states(&m, &one);
    free_arrays(&a);
    free_model(&m);
    free_model(&one);
    close_folder();
}
END_TEST

/* Set from the start nothing happens; without a directory the weights stay as they are. */
START_TEST(test_the_flag_alone)
{
    arrays a = some_arrays(50, 8);
    model m = checked_model(0.05f), n = checked_model(0.05f);
    stop_at = -1;
    stop = 1;
    an_history *h = an_fit(m.train, .data = {{"x", &a.x}, {"y", &a.y}}, .stop = &stop);
    ck_assert_int_eq(an_history_status(h), AN_OK);
    ck_assert(an_history_stopped(h) && an_history_epochs(h) == 0 && an_history_best(h) == 0);
    expect_same_states(&m, &n);
    an_history_free(h);
    readings = 0;
    stop_at = 20; /* in the second epoch */
    stop = 0;
    h = an_fit(m.train, .data = {{"x", &a.x}, {"y", &a.y}}, .epochs = 9, .batch = 10,
               .restore_best = true, .stop = &stop);
    an_history *k = an_fit(n.train, .data = {{"x", &a.x}, {"y", &a.y}}, .batch = 10);
    ck_assert(h->stopped && h->epoch_count == 1 && h->best == 1);
    expect_same_states(&m, &n); /* back at the end of the first */
    an_history_free(h);
    an_history_free(k);
    free_arrays(&a);
    free_model(&m);
    free_model(&n);
}
END_TEST

static void set_stop(int number)
{
    stop = number;
}

/* A child that is told to end, as by Ctrl-C: it keeps its last step, and its parent goes on. */
START_TEST(test_a_signal)
{
    arrays a = some_arrays(50, 8);
    open_folder();
    const pid_t child = fork();
    if (child == 0) {
        signal(SIGTERM, set_stop);
        model m = a_model(0.05f);
        stop_at = -1;
        an_history *h = an_fit(m.train, .data = {{"x", &a.x}, {"y", &a.y}}, .epochs = 1000000,
                               .batch = 7, .directory = folder, .stop = &stop);
        _exit(an_history_status(h) == AN_OK && an_history_stopped(h) ? 128 + stop : 1);
    }
    char made[128];
    snprintf(made, sizeof made, "%s/training.json", folder);
    for (int i = 0; i < 2000 && access(made, F_OK) != 0; i++) usleep(1000);
    kill(child, SIGTERM);
    int how;
    ck_assert_int_eq(waitpid(child, &how, 0), child);
    ck_assert(WIFEXITED(how));
    ck_assert_int_eq(WEXITSTATUS(how), 128 + SIGTERM);
    an_history *before = an_history_load(folder);
    ck_assert_int_eq(an_history_status(before), AN_OK);
    const int64_t epochs = an_history_epochs(before) + 1;
    model m = checked_model(0.05f), straight = checked_model(0.05f);
    an_history *h = an_fit(m.train, .data = {{"x", &a.x}, {"y", &a.y}}, .epochs = epochs,
                           .batch = 7, .directory = folder, .resume = true);
    an_history *k = an_fit(straight.train, .data = {{"x", &a.x}, {"y", &a.y}}, .epochs = epochs,
                           .batch = 7);
    check_history(h, epochs);
    check_history(k, epochs);
    expect_same_states(&m, &straight);
    an_history_free(before);
    an_history_free(h);
    an_history_free(k);
    free_arrays(&a);
    free_model(&m);
    free_model(&straight);
    close_folder();
}
END_TEST

/* ---- what has changed -------------------------------------------------- */

typedef struct change {
    const char *named; /* NULL: nothing has changed */
    float rate, dropout;
    double clip, factor;
    bool keep_order, other_y, split, early; /* a node in another place */
    bool plain; /* no fusion */
} change;

static an_program *build(const change *c, an_graph *g, an_store *s)
{
    const an_dim B = an_dim_named(g, "B");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(B, FEATURES));
    an_value y = AN_NONE;
    if (c->early) y = an_input(g, "y", AN_F32, AN_SHAPE(B));
    an_value h = an_nn_dense(an_dropout(x, c->dropout), .units = 8);
    h = an_nn_layer_norm(an_residual_add(h, an_relu(h)));
    const an_value p = an_sum(an_nn_dense(h, .units = 1), 1);
    if (!c->early) y = an_input(g, "y", AN_F32, AN_SHAPE(B));
    const an_value loss = an_mul(an_mse(p, y), an_number(p, c->factor));
    const an_updates up = an_minimize(loss, an_adam(.rate = c->rate), .clip_norm = c->clip);
    an_program *const made = an_compile(g, s, .fetch = {loss}, .update = up,
                                        .passes = c->plain ? "cse,dce" : NULL);
    ck_assert_msg(made != NULL, "%s", an_compile_message(g));
    return made;
}

static void go_on(const change *c, const arrays *a, bool resume)
{
    an_graph *const g = an_graph_new("g");
    an_store *const s = an_store_new(5);
    an_program *const p = build(c, g, s), *const q = p;
    arrays b = some_arrays(50, c->other_y ? 9 : 8);
    an_history *h = an_fit(p, .evaluate = c->split ? q : NULL, .data = {{"x", &a->x},
                           {"y", c->other_y ? &b.y : &a->y}}, .epochs = resume ? 2 : 1,
                           .keep_order = c->keep_order, .directory = folder, .resume = resume);
    if (!c->named) {
        check_history(h, resume ? 2 : 1);
    } else {
        char words[96];
        snprintf(words, sizeof words, "of which this has changed: %s\n  hint: ", c->named);
        ck_assert_int_eq(h->status, AN_E_STATE);
        ck_assert_msg(strstr(h->message, words) && strstr(h->message, folder), "not '%s': %s",
                      words, h->message);
    }
    an_history_free(h);
    an_program_free(p);
    an_store_free(s);
    an_graph_free(g);
    free_arrays(&b);
}

START_TEST(test_bases_are_compared)
{
    an_basis a = {0}, b = {0}, none = {0};
    an_text out = {0};
    an_basis_add(&a, "same", "1");
    an_basis_add(&b, "same", "1");
    an_basis_compare(&a, &b, &out);
    ck_assert_str_eq(an_text_view(&out), "");
    an_basis_add(&a, "gone", "1");
    an_basis_add(&b, "new", "1");
    an_basis_compare(&a, &b, &out);
    ck_assert_str_eq(an_text_view(&out), "new, gone");
    an_text_clear(&out);
    an_basis_compare(&none, &b, &out); /* a record of an earlier version */
    ck_assert_str_eq(an_text_view(&out), "");
    an_text_free(&out);
    an_basis_free(&a);
    an_basis_free(&b);
}
END_TEST

START_TEST(test_what_has_changed_is_named)
{
    const change usual = {.rate = 0.01f, .dropout = 0.2f, .clip = 1, .factor = 1};
    change others[] = {usual, usual, usual, usual, usual, usual, usual, usual, usual};
    others[0].named = "optimizer", others[0].rate = 0.02f;
    others[1].named = "optimizer", others[1].clip = 2;
    others[2].named = "optimizer", others[2].clip = 0;
    others[3].named = "graph", others[3].factor = 2;
    others[4].named = "graph", others[4].dropout = 0.3f;
    others[5].named = "feed y", others[5].other_y = true;
    others[6].named = "optimizer, order, feed y", others[6].other_y = others[6].keep_order = true;
    others[6].rate = 1;
    others[7].early = true; /* these compute the same */
    others[8].plain = true;
    arrays a = some_arrays(50, 8);
    for (int i = 0; i < 9; i++) {
        open_folder();
        go_on(&usual, &a, false);
        go_on(&others[i], &a, true);
        close_folder();
    }
    free_arrays(&a);
}
END_TEST

AN_TEST_MAIN("fit_resume", test_stopped_anywhere, test_stopped_twice, test_the_flag_alone,
             test_a_signal, test_bases_are_compared, test_what_has_changed_is_named)
