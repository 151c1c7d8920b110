/* test_fit_ends.c -- how a training ends, and with which states. */
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/frontends/regression.h"

/* ---- what is not finite ------------------------------------------------ */

static arrays first_rows(const arrays *a, int64_t rows)
{
    return (arrays){an_tensor_borrow(AN_F32, AN_EXTENTS(rows, FEATURES), a->x.data),
                    an_tensor_borrow(AN_F32, AN_EXTENTS(rows), a->y.data)};
}

/* The second step meets what the first one did, and is not taken. */
START_TEST(test_a_loss_that_is_not_finite_ends_it)
{
    model m = checked_model(1e20f), one = checked_model(1e20f);
    arrays a = some_arrays(40, 7), part = first_rows(&a, 10);
    an_history *h = an_fit(m.train, .data = {{"x", &a.x}, {"y", &a.y}}, .epochs = 5, .batch = 10,
                           .keep_order = true);
    ck_assert_int_eq(h->status, AN_E_DATA);
    ck_assert_msg(strstr(h->message, "loss is not finite at step 2 of epoch 1; that was not ") &&
                      strstr(h->message, "first came ") &&
                      strstr(h->message, "test_fit_ends.c:") && strstr(h->message, "regression.c:"),
                  "%s", h->message);
    ck_assert_int_eq(h->epoch_count, 0);
    an_history_free(h);
    h = an_fit(one.train, .data = {{"x", &part.x}, {"y", &part.y}}, .batch = 10,
               .keep_order = true);
    check_history(h, 1);
    an_history_free(h);
    expect_same_states(&m, &one);
    free_arrays(&a);
    free_model(&m);
    free_model(&one);
}
END_TEST

/* A step that is left out leaves no trace: neither weights nor moments nor the key of dropout. */
START_TEST(test_steps_may_be_left_out)
{
    model m = checked_model(0.05f), without = checked_model(0.05f);
    arrays a = some_arrays(40, 7), part = first_rows(&a, 30);
    for (int k = 0; k < FEATURES; k++) /* all: dropout may leave one out */
        an_tensor_set(&a.x, 33 * FEATURES + k, (double)NAN);
    an_history *h = an_fit(m.train, .data = {{"x", &a.x}, {"y", &a.y}}, .batch = 10,
                           .keep_order = true);
    ck_assert_int_eq(h->status, AN_E_DATA);
    ck_assert_msg(strstr(h->message, "step 4 of epoch 1") &&
                      strstr(h->message, "feed \"x\": element 18 of 60 is nan"), "%s", h->message);
    an_history_free(h);
    free_model(&m);
    m = checked_model(0.05f);
    h = an_fit(m.train, .data = {{"x", &a.x}, {"y", &a.y}}, .epochs = 3, .batch = 10,
               .keep_order = true, .skip_not_finite = true);
    an_history *k = an_fit(without.train, .data = {{"x", &part.x}, {"y", &part.y}}, .epochs = 3,
                           .batch = 10, .keep_order = true);
    check_history(h, 3);
    check_history(k, 3);
    ck_assert_int_eq(an_history_skipped(h), 3);
    ck_assert_int_eq(an_history_skipped(k), 0);
    ck_assert_int_eq(an_history_skipped(NULL), 0);
    for (int i = 0; i < 3; i++) ck_assert(h->epochs[i].train[0] == k->epochs[i].train[0]);
    expect_same_states(&m, &without);
    an_history_free(h);
    an_history_free(k);
    free_arrays(&a);
    free_model(&m);
    free_model(&without);
}
END_TEST

/* However a training ends, the states become those of the best epoch, which is the first here:
 * from the second epoch on, the targets are others. */
enum { AT_THE_END, BY_WORD, BY_PATIENCE, BY_NAN, BY_SAVING };

typedef struct ending {
    arrays *data;
    int how;
    const char *directory;
} ending;

static bool spoil(void *context, const an_history *h)
{
    const ending *const e = context;
    const int64_t epoch = an_history_epochs(h);
    if (epoch == 1)
        for (int64_t i = 0; i < 40; i++) an_tensor_set(&e->data->y, i, 50.0);
    if (epoch == 3 && e->how == BY_NAN) an_tensor_set(&e->data->y, 7, (double)NAN);
    if (epoch == 3 && e->how == BY_SAVING) { /* no file can be made in a file */
        char name[128], away[128];
        snprintf(name, sizeof name, "%s/model.safetensors", e->directory);
        snprintf(away, sizeof away, "%s/model.safetensors/x", e->directory);
        ck_assert_int_eq(unlink(name), 0);
        ck_assert_int_eq(mkdir(name, 0700), 0);
        ck_assert_int_eq(mkdir(away, 0700), 0);
    }
    return epoch < (e->how == BY_WORD ? 3 : 9);
}

static void try_ending(int how, const char *directory)
{
    model m = checked_model(0.05f), one = checked_model(0.05f);
    arrays a = some_arrays(40, 7), b = some_arrays(40, 7);
    ending e = {&a, how, directory};
    an_history *h = an_fit(m.train, .data = {{"x", &a.x}, {"y", &a.y}}, .epochs = 4, .batch = 10,
                           .patience = how == BY_PATIENCE ? 2 : 0, .restore_best = true,
                           .on_epoch = spoil, .context = &e, .directory = directory);
    an_history *k = an_fit(one.train, .data = {{"x", &b.x}, {"y", &b.y}}, .batch = 10);
    const an_status wanted = how == BY_NAN ? AN_E_DATA : how == BY_SAVING ? AN_E_IO : AN_OK;
    ck_assert_msg(h->status == wanted, "%d: %s", how, h->message);
    ck_assert(how != BY_NAN || strstr(h->message, "of epoch 4; that was not taken"));
    ck_assert_int_eq(h->epoch_count, how == AT_THE_END || how == BY_SAVING ? 4 : 3);
    ck_assert_int_eq(h->best, 1);
    expect_same_states(&m, &one);
    an_history_free(h);
    an_history_free(k);
    free_arrays(&a);
    free_arrays(&b);
    free_model(&m);
    free_model(&one);
}

START_TEST(test_the_best_states_however_it_ends)
{
    for (int how = AT_THE_END; how <= BY_NAN; how++) try_ending(how, NULL);
    for (int how = AT_THE_END; how <= BY_SAVING; how++) {
        open_folder();
        try_ending(how, folder);
        char command[256];
        snprintf(command, sizeof command, "rm -rf '%s/model.safetensors'", folder);
        ck_assert_int_eq(system(command), 0);
        close_folder();
    }
}
END_TEST

/* As in Keras the first epoch is the best so far, also at infinity. */
START_TEST(test_the_first_epoch_is_the_best_so_far)
{
    for (int k = 0; k < 2; k++) {
        model m = checked_model(0.05f), one = checked_model(0.05f);
        arrays a = some_arrays(20, 3), b = some_arrays(8, 4);
        an_tensor_set(&b.y, 0, k ? (double)NAN : 1e30); /* its square is no f32 */
        an_history *h = an_fit(m.train, .evaluate = m.test, .data = {{"x", &a.x}, {"y", &a.y}},
                               .validation = {{"x", &b.x}, {"y", &b.y}}, .epochs = 5,
                               .restore_best = true, .patience = 3);
        check_history(h, 3);
        ck_assert(h->stopped && !isfinite(h->epochs[0].validation[0]));
        ck_assert_int_eq(h->best, 1);
        an_history_free(h);
        h = an_fit(one.train, .data = {{"x", &a.x}, {"y", &a.y}});
        check_history(h, 1);
        an_history_free(h);
        expect_same_states(&m, &one);
        free_arrays(&a);
        free_arrays(&b);
        free_model(&m);
        free_model(&one);
    }
}
END_TEST

AN_TEST_MAIN("fit_ends", test_a_loss_that_is_not_finite_ends_it, test_steps_may_be_left_out,
             test_the_best_states_however_it_ends, test_the_first_epoch_is_the_best_so_far)
