/* test_plot.c -- the picture of a training: well-formed, whole, always the same bytes. */
#include <locale.h>
#include <math.h>
#include <unistd.h>

#include "frontends/train/history.h"
#include "tests/support.h"

static an_epoch epochs[60];

/* Losses fall; validation turns at epoch 3; accuracies rise. */
static an_history a_history(int64_t count)
{
    an_history h = {.metric_count = 2, .metric = {"loss", "accuracy"}, .validated = true,
                    .epochs = epochs, .epoch_count = count, .best = count < 3 ? count : 3};
    for (int64_t i = 0; i < count; i++) {
        const double t = (double)i;
        epochs[i] = (an_epoch){i + 1, 1.0, 1.0, {0.7 / (t + 1), 1 - 0.4 / (t + 1)},
                               {0.4 + 0.02 * (t - 2) * (t - 2), 0.8 - 0.01 * t}};
    }
    return h;
}

static int count_of(const char *text, const char *what)
{
    int count = 0;
    for (const char *p = text; (p = strstr(p, what)) != NULL; p++) count++;
    return count;
}

/* No number of it is other than a plain decimal, and no point is outside the picture. */
static void check_svg(const char *svg)
{
    ck_assert_ptr_nonnull(svg);
    ck_assert_ptr_eq(strstr(svg, "<svg xmlns=\"http://www.w3.org/2000/svg\""), svg);
    ck_assert_str_eq(svg + strlen(svg) - 7, "</svg>\n");
    ck_assert_ptr_null(strstr(svg, "nan\""));
    ck_assert_ptr_null(strstr(svg, "inf\""));
    ck_assert_int_eq(count_of(svg, "<text"), count_of(svg, "</text>"));
    int width = 0, height = 0;
    ck_assert_int_eq(sscanf(strstr(svg, "viewBox"), "viewBox=\"0 0 %d %d\"", &width, &height), 2);
    for (const char *p = svg; (p = strstr(p, "cx=\"")) != NULL; p++) {
        double x = -1, y = -1;
        ck_assert_int_eq(sscanf(p, "cx=\"%lf\" cy=\"%lf\"", &x, &y), 2);
        ck_assert(x >= 0 && x <= width && y >= 0 && y <= height);
    }
}

START_TEST(test_curves_axes_and_legend)
{
    an_history h = a_history(10);
    char *const svg = an_plot_history(&h, NULL);
    check_svg(svg);
    ck_assert_ptr_nonnull(strstr(svg, ">Training</text>"));
    ck_assert_ptr_nonnull(strstr(svg, ">loss</text>"));
    ck_assert_ptr_nonnull(strstr(svg, ">accuracy</text>"));
    ck_assert_int_eq(count_of(svg, "class=\"curve\""), 4);
    ck_assert_int_eq(count_of(svg, "class=\"dot\""), 40);
    ck_assert_int_eq(count_of(svg, "class=\"best\""), 2);
    ck_assert_int_eq(count_of(svg, ">best, epoch 3</text>"), 2);
    ck_assert_int_eq(count_of(svg, ">validation 0.4000</text>"), 1); /* at the best epoch */
    ck_assert_int_eq(count_of(svg, ">training 0.2333</text>"), 1);
    ck_assert_int_eq(count_of(svg, ">epoch</text>"), 2);
    for (int e = 1; e <= 10; e++) {
        char tick[32];
        snprintf(tick, sizeof tick, ">%d</text>", e);
        ck_assert_int_eq(count_of(svg, tick), 2);
    }
    static const char *const round_ticks[] = {">0</text>", ">0.2</text>", ">1.4</text>"};
    for (int i = 0; i < 3; i++) ck_assert_msg(strstr(svg, round_ticks[i]), "%s", round_ticks[i]);
    an_string_free(svg);
}
END_TEST

START_TEST(test_without_validation)
{
    an_history h = a_history(5);
    h.validated = false;
    h.best = 0;
    char *const svg = an_plot_history(&h, "a < b & \"c\"\x01\xff");
    check_svg(svg);
    ck_assert_ptr_nonnull(strstr(svg, ">a &lt; b &amp; \"c\"\xef\xbf\xbd</text>"));
    ck_assert_int_eq(count_of(svg, "class=\"curve\""), 2);
    ck_assert_int_eq(count_of(svg, "class=\"best\""), 0);
    ck_assert_ptr_null(strstr(svg, "validation"));
    ck_assert_int_eq(count_of(svg, ">last, epoch 5</text>"), 2);
    an_string_free(svg);
}
END_TEST

/* A second subpath begins after the gap of a value that is not finite. */
START_TEST(test_gaps_and_odd_ranges)
{
    static const double odd[] = {0.0, 1.0, -1.0, 1e-7, -3e9, 1e200, 1e-200, 123456.0};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        for (size_t k = 0; k < sizeof odd / sizeof *odd; k++) {
            an_history h = a_history(6);
            for (int e = 0; e < 6; e++) epochs[e].train[0] = e % 2 ? odd[i] : odd[k];
            epochs[3].validation[0] = (double)NAN;
            epochs[4].validation[1] = (double)INFINITY;
            char *const svg = an_plot_history(&h, NULL);
            check_svg(svg);
            const char *const second = strstr(strstr(svg, "stroke=\"#D55E00\" d=\""), " M") + 2;
            ck_assert_ptr_nonnull(strstr(second, " M"));
            ck_assert(strstr(second, " M") < strstr(second, "/>"));
            an_string_free(svg);
        }
    an_history h = a_history(2);
    for (int e = 0; e < 2; e++)
        for (int m = 0; m < 2; m++) epochs[e].train[m] = epochs[e].validation[m] = (double)NAN;
    char *const svg = an_plot_history(&h, NULL);
    check_svg(svg);
    ck_assert_int_eq(count_of(svg, "not finite"), 4);
    ck_assert_int_eq(count_of(svg, "class=\"dot\""), 0);
    an_string_free(svg);
}
END_TEST

START_TEST(test_few_and_many_epochs)
{
    for (int64_t count = 0; count <= 60; count++) {
        an_history h = a_history(count);
        char *const svg = an_plot_history(&h, NULL);
        check_svg(svg);
        ck_assert_int_eq(count_of(svg, "class=\"dot\""), count <= 40 ? (int)(4 * count) : 0);
        an_string_free(svg);
    }
}
END_TEST

START_TEST(test_same_bytes_whatever_the_locale)
{
    an_history h = a_history(10);
    char *const first = an_plot_history(&h, NULL);
    /* Where none of these is installed the comparison is of two equal runs. */
    if (!setlocale(LC_ALL, "de_DE.UTF-8")) setlocale(LC_ALL, "fr_FR.UTF-8");
    char *const again = an_plot_history(&h, NULL);
    setlocale(LC_ALL, "C");
    ck_assert_str_eq(first, again);
    an_string_free(first);
    an_string_free(again);
}
END_TEST

START_TEST(test_file_and_refusals)
{
    an_history h = a_history(3), none = {0};
    char path[] = "/tmp/addnorm-plot-XXXXXX";
    const int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    ck_assert_int_eq(an_plot_history_file(path, &h, "x"), AN_OK);
    FILE *const f = fopen(path, "r");
    char *const svg = an_plot_history(&h, "x"), *const bytes = calloc(strlen(svg) + 2, 1);
    ck_assert_uint_eq(fread(bytes, 1, strlen(svg) + 1, f), strlen(svg));
    ck_assert_str_eq(bytes, svg);
    fclose(f);
    free(bytes);
    an_string_free(svg);
    unlink(path);
    ck_assert_ptr_null(an_plot_history(NULL, NULL));
    ck_assert_ptr_null(an_plot_history(&none, NULL));
    ck_assert_int_eq(an_plot_history_file(NULL, &h, NULL), AN_E_ARGUMENT);
    ck_assert_int_eq(an_plot_history_file(path, &none, NULL), AN_E_ARGUMENT);
    ck_assert_int_eq(an_plot_history_file("/nowhere/x.svg", &h, NULL), AN_E_IO);
}
END_TEST

START_TEST(test_every_allocation_may_fail)
{
    an_history h = a_history(10);
    bool failed = true;
    for (int64_t at = 0; failed; at++) {
        an_test_heap_start(at);
        char *const svg = an_plot_history(&h, "a title");
        failed = an_test_heap_failed();
        ck_assert((svg != NULL) == !failed);
        an_string_free(svg);
        ck_assert_int_eq(an_test_heap_stop(), 0);
    }
}
END_TEST

/* Of each family the six that end highest have names and colours; gaps are bridged. */
START_TEST(test_what_was_watched)
{
    an_history h = {.metric_count = 1, .metric = {"loss"}};
    for (int64_t epoch = 1; epoch <= 6; epoch++) {
        const an_epoch one = {epoch, 1, 1, {1 / (double)epoch}, {NAN}};
        ck_assert(an_history_append(&h, &one));
        if (epoch % 2) continue;
        ck_assert(an_history_watch(&h, "learning_rate", epoch, 0.1));
        for (int k = 0; k < 9; k++) {
            char name[40];
            snprintf(name, sizeof name, "gradient_norm/<%d>/w", k);
            ck_assert(an_history_watch(&h, name, epoch, k ? pow(10, k - 5) : 0));
        }
    }
    ck_assert_int_eq(an_history_watched(&h), 10);
    ck_assert_str_eq(an_history_watched_name(&h, 9), "gradient_norm/<8>/w");
    ck_assert_ptr_null(an_history_watched_name(&h, 10));
    ck_assert(isnan(an_history_watched_value(&h, 9, 0)));
    ck_assert(isnan(an_history_watched_value(&h, 9, 6)));
    ck_assert(an_history_watched_value(&h, 9, 1) == 1000);
    char *const svg = an_plot_history(&h, NULL);
    check_svg(svg);
    ck_assert_ptr_nonnull(strstr(svg, ">learning rate</text>"));
    ck_assert_ptr_nonnull(strstr(svg, ">all parameters</text>"));
    ck_assert_ptr_nonnull(strstr(svg, ">norm of the gradient</text>"));
    ck_assert_ptr_null(strstr(svg, "by the weights'"));
    ck_assert_ptr_nonnull(strstr(svg, ">&lt;3&gt;/w</text>"));
    ck_assert_ptr_null(strstr(svg, ">&lt;2&gt;/w</text>"));
    ck_assert_ptr_nonnull(strstr(svg, ">and 3 below these, in grey</text>"));
    ck_assert_ptr_nonnull(strstr(svg, "<title>&lt;8&gt;/w, epoch 2: 1000"));
    ck_assert_ptr_nonnull(strstr(svg, ">1e-4</text>"));
    ck_assert_int_eq(count_of(svg, "class=\"curve\""), 1 + 1 + 9);
    ck_assert_int_eq(count_of(svg, "class=\"dot\""), 6 + 3 + 8 * 3);
    an_string_free(svg);
    an_history_reset(&h);
}
END_TEST

AN_TEST_MAIN("plot", test_curves_axes_and_legend, test_without_validation, test_gaps_and_odd_ranges,
             test_few_and_many_epochs, test_same_bytes_whatever_the_locale, test_file_and_refusals,
             test_what_was_watched, test_every_allocation_may_fail)
