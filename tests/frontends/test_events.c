/* test_events.c -- watching a training changes no bit of it; files of whole records; what fails. */
#include <dirent.h>
#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "frontends/inspect/events.h"
#include "optim/optim.h"
#include "tests/frontends/regression.h"

/* How many files of events there are, and their bytes, beside what _close_folder removes. */
static int look_into(const char *path, int64_t *bytes, bool remove)
{
    int files = 0;
    *bytes = 0;
    DIR *d = opendir(path);
    if (!d) return 0;
    for (const struct dirent *f; (f = readdir(d)) != NULL;) {
        char name[512];
        struct stat about;
        snprintf(name, sizeof name, "%s/%s", path, f->d_name);
        if (strncmp(f->d_name, "events.out.tfevents.", 20) != 0) continue;
        ck_assert_int_eq(stat(name, &about), 0);
        files++;
        *bytes += about.st_size;
        if (remove) unlink(name);
    }
    closedir(d);
    return files;
}

/* By an optimizer, so that there are gradients; clipped, and with dropout. */
static model by_adam(void)
{
    model m = {an_graph_new("watched"), an_store_new(5), NULL, NULL, NULL};
    const an_dim B = an_dim_named(m.graph, "B");
    const an_value x = an_input(m.graph, "x", AN_F32, AN_SHAPE(B, FEATURES));
    const an_value y = an_input(m.graph, "y", AN_F32, AN_SHAPE(B));
    const an_value h = an_relu(an_nn_dense(an_dropout(x, 0.2f), .units = 5));
    const an_value loss = an_mse(an_reshape(an_nn_dense(h, .units = 1), AN_SHAPE(B)), y);
    const an_value near = an_mean(an_abs(an_sub(y, y)), 0);
    const an_updates up = an_minimize(loss, an_adam(.rate = 0.01), .clip_norm = 0.5);
    m.train = an_compile(m.graph, m.store, .fetch = {loss, near}, .update = up);
    m.test = an_compile(m.graph, m.store, .fetch = {loss, near}, .inference = true);
    m.predict = an_compile(m.graph, m.store, .fetch = {loss}, .inference = true);
    ck_assert_msg(m.train && m.test, "%s", an_compile_message(m.graph));
    return m;
}

START_TEST(test_who_watches_changes_no_bit)
{
    open_folder();
    for (int adam = 0; adam < 2; adam++) {
        model m = adam ? by_adam() : checked_model(0.05f);
        model n = adam ? by_adam() : checked_model(0.05f);
        arrays a = some_arrays(53, 1);
        an_history *h = an_fit(m.train, m.test, .data = {{"x", &a.x}, {"y", &a.y}}, .epochs = 4,
                               .batch = 8, .seed = 11, .validation_split = 0.2);
        an_history *k = an_fit(n.train, n.test, .data = {{"x", &a.x}, {"y", &a.y}}, .epochs = 4,
                               .batch = 8, .seed = 11, .validation_split = 0.2, .events = folder,
                               .histograms = 2);
        check_history(h, 4);
        check_history(k, 4);
        expect_same_epochs(h, k);
        expect_same_states(&m, &n);
        int64_t bytes;
        ck_assert_int_eq(look_into(folder, &bytes, true), 1);
        ck_assert_int_gt(bytes, 1000);
        an_history_free(h);
        an_history_free(k);
        free_arrays(&a);
        free_model(&m);
        free_model(&n);
    }
    close_folder();
}
END_TEST

/* ---- what fails ---------------------------------------------------------- */

static an_status fit_into(const char *events, int64_t histograms, char message[2048])
{
    model m = checked_model(0.05f);
    arrays a = some_arrays(16, 1);
    an_history *h = an_fit(m.train, .data = {{"x", &a.x}, {"y", &a.y}}, .events = events,
                           .histograms = histograms);
    const an_status status = an_history_status(h);
    snprintf(message, 2048, "%s", an_history_message(h));
    an_history_free(h);
    free_arrays(&a);
    free_model(&m);
    return status;
}

START_TEST(test_misuse)
{
    char message[2048];
    ck_assert_int_eq(fit_into(NULL, 1, message), AN_E_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(message, ".histograms"));
    ck_assert_int_eq(fit_into("/dev/null/x", 0, message), AN_E_IO);
    ck_assert_ptr_nonnull(strstr(message, "/dev/null/x: cannot make the folder"));
    ck_assert_int_eq(an_events_scalar(NULL, "x", 1, 1), AN_E_MEMORY);
    ck_assert_str_eq(an_events_message(NULL), "out of memory");
    ck_assert_ptr_null(an_events_path(NULL));
    an_events_close(NULL);
    an_events *e = an_events_open("");
    ck_assert_int_eq(an_events_status(e), AN_E_ARGUMENT);
    ck_assert_int_eq(an_events_scalar(e, "x", 1, 1), AN_E_ARGUMENT);
    ck_assert_ptr_null(an_events_path(e));
    an_events_close(e);
    open_folder();
    int64_t bytes;
    for (int call = 0; call < 3; call++) {
        e = an_events_open(folder);
        ck_assert_int_eq(call == 0   ? an_events_scalar(e, NULL, 1, 1)
                         : call == 1 ? an_events_histogram(e, "x", 1, NULL)
                                     : an_events_graph(e, NULL), AN_E_ARGUMENT);
        an_events_close(e);
    }
    ck_assert_int_eq(look_into(folder, &bytes, true), 3); /* each a file of its own */
    close_folder();
}
END_TEST

/* A disk that is full: what was written of a record is cut off again, and nothing follows. */
START_TEST(test_a_record_is_whole_or_not_there)
{
    open_folder();
    an_events *e = an_events_open(folder);
    ck_assert_int_eq(an_events_status(e), AN_OK);
    int64_t before, after;
    look_into(folder, &before, false);
    struct rlimit old, small;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = (rlim_t)before + 10;
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    ck_assert_int_eq(an_events_scalar(e, "x", 1, 1), AN_E_IO);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, SIG_DFL);
    look_into(folder, &after, false);
    ck_assert_int_eq(after, before);
    ck_assert_int_eq(an_events_scalar(e, "x", 1, 1), AN_E_IO);
    ck_assert_ptr_nonnull(strstr(an_events_message(e), "cannot write"));
    an_events_close(e);
    look_into(folder, &after, true);
    ck_assert_int_eq(after, before);
    close_folder();
}
END_TEST

START_TEST(test_histories_as_tables)
{
    an_history h = {.metric_count = 2, .metric = {"loss", "a,\"b\""}, .validated = true};
    const double inf = (double)INFINITY;
    ck_assert(an_history_append(&h, &(an_epoch){1, 0.5, 2, {1.5, NAN}, {0.1, inf}}));
    char *csv = an_history_csv(&h), *lines = an_history_jsonl(&h);
    ck_assert_str_eq(csv, "epoch,seconds,step_ms,loss,\"a,\"\"b\"\"\",val_loss,"
                          "\"val_a,\"\"b\"\"\"\n1,0.5,2,1.5,nan,0.1,inf\n");
    ck_assert_str_eq(lines, "{\"epoch\":1,\"seconds\":0.5,\"step_ms\":2.0,\"loss\":1.5,"
                            "\"a,\\\"b\\\"\":null,\"val_loss\":0.10000000000000001,"
                            "\"val_a,\\\"b\\\"\":\"inf\"}\n");
    an_string_free(csv);
    an_string_free(lines);
    ck_assert_ptr_null(an_history_csv(NULL));
    ck_assert_ptr_null(an_history_jsonl(NULL));
    an_history_reset(&h);
}
END_TEST

AN_TEST_MAIN("events", test_who_watches_changes_no_bit, test_misuse,
             test_a_record_is_whole_or_not_there, test_histories_as_tables)
