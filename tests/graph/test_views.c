/* test_views.c -- what a picture leaves out: scopes that repeat, arrows that would hide the rest,
 * and what Graphviz cannot lay out. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/graph/pictures.h"
#include "tests/models.h"
#include "tests/support.h"

/* A chain of `count` dense layers in scopes; number `other` has another activation. */
static an_graph *chain(int count, int other)
{
    an_graph *g = an_graph_new("chain");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(an_dim_named(g, "B"), 8));
    an_value h = x;
    for (int i = 0; i < count; i++) {
        an_scope_open_unique(h, "block");
        const an_value y = an_nn_dense(h, .units = 8);
        h = i == other ? an_tanh(y) : an_dropout(an_relu(y), 0.1f);
        an_scope_close(h);
    }
    an_graph_output(an_nn_dense(h, .units = 3, .name = "logits"), "y");
    return g;
}

static int64_t count_in(an_graph *g, const char *unfold, const char *text)
{
    char *dot = an_dot(g, .unfold = unfold);
    ck_assert_ptr_nonnull(dot);
    const int64_t count = an_test_count(dot, text);
    an_test_check_reads(dot);
    an_string_free(dot);
    return count;
}

/* Blocks of one making, each behind the other, are one that says how often. */
START_TEST(test_what_repeats_is_drawn_once)
{
    an_graph *g = chain(12, -1);
    ck_assert_int_eq(count_in(g, NULL, "block \303\227 12"), 1);
    ck_assert_int_eq(count_in(g, NULL, "<B>relu</B>"), 1);
    ck_assert_int_eq(count_in(g, "*", "<B>relu</B>"), 12);
    ck_assert_int_eq(count_in(g, "block_7", "<B>relu</B>"), 12);
    ck_assert_int_eq(count_in(g, "attention", "<B>relu</B>"), 1);
    char *dot = an_dot(g, .no_legend = true); /* the road from the input to the output is there */
    ck_assert_ptr_nonnull(strstr(dot, "n1 -> n2 "));
    ck_assert_ptr_null(strstr(dot, "n4 -> n2 ")); /* and not back */
    ck_assert_ptr_nonnull(strstr(dot, "drawn once"));
    an_string_free(dot);
    an_graph_free(g);
    g = chain(7, 3); /* three, one of its own, three */
    ck_assert_int_eq(count_in(g, NULL, "\303\227 3"), 2);
    ck_assert_int_eq(count_in(g, NULL, "<B>tanh</B>"), 1);
    an_graph_free(g);
    g = chain(2, -1);
    ck_assert_int_eq(count_in(g, NULL, "\303\227"), 0);
    an_graph_free(g);
}
END_TEST

/* Side by side they are no chain: what reads which would be lost. */
START_TEST(test_what_stands_side_by_side_does_not_repeat)
{
    an_graph *g = an_graph_new("sides");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(4, 8));
    an_value sum = x;
    for (int i = 0; i < 4; i++) sum = an_add(sum, an_nn_dense(x, .units = 8));
    an_graph_output(sum, "y");
    ck_assert_int_eq(count_in(g, NULL, "\303\227"), 0);
    ck_assert_int_eq(count_in(g, NULL, "<B>matmul</B>"), 4);
    an_graph_free(g);
}
END_TEST

/* Each reads the one before, and a layer between them, too: as one box that would be a circle. */
START_TEST(test_what_others_stand_between_does_not_repeat)
{
    an_graph *g = an_graph_new("stream");
    an_value h = an_input(g, "x", AN_F32, AN_SHAPE(4, 8));
    for (int i = 0; i < 4; i++) {
        const an_value dense = an_nn_dense(h, .units = 8, .name = i % 2 ? "odd" : "even");
        an_scope_open_unique(h, "sum");
        h = an_tanh(an_add(h, dense));
        an_scope_close(h);
    }
    an_graph_output(h, "y");
    ck_assert_int_eq(count_in(g, NULL, "<B>tanh</B>"), 4);
    ck_assert_int_eq(count_in(g, NULL, "\303\227"), 0);
    ck_assert_int_eq(count_in(g, NULL, "minlen=0"), 0);
    an_graph_free(g);
}
END_TEST

/* Gradients and steps of what repeats are drawn once, too, and no arrow leads back to its box. */
START_TEST(test_training_of_what_repeats)
{
    an_transformer_sizes eight = AN_ENCODER;
    eight.blocks = 8;
    an_model m = an_model_minimise(an_model_transformer(eight), 0.01f);
    char *folded = an_dot(m.g, .no_legend = true), *all = an_dot(m.g, .whole = true);
    ck_assert(strlen(folded) * 3 < strlen(all));
    ck_assert_int_ge(an_test_count(folded, "\303\227 "), 3); /* in each lane */
    an_test_check_reads(folded);
    for (int n = 1; n < 200; n++) {
        char self[32];
        snprintf(self, sizeof self, "  n%d -> n%d ", n, n);
        ck_assert_ptr_null(strstr(folded, self));
    }
    an_string_free(folded);
    an_string_free(all);
    an_graph_free(m.g);
}
END_TEST

/* The length of all gradients reads every one of them: its box says how many, without arrows. */
START_TEST(test_a_norm_of_all_gradients_has_no_arrows)
{
    an_model m = an_model_stack(4, true);
    m.up = an_minimize(m.loss, an_adam(.rate = 0.01f), .clip_norm = 1);
    char *dot = an_dot(m.g, .whole = true);
    ck_assert_ptr_nonnull(strstr(dot, "of 52 values"));
    an_test_check_reads(dot);
    an_string_free(dot);
    an_graph_free(m.g);
}
END_TEST

START_TEST(test_the_smallest_graph_is_drawn)
{
    an_graph *g = an_graph_new("one");
    an_graph_output(an_input(g, "x", AN_F32, AN_SHAPE(3)), "x");
    ck_assert_int_eq(count_in(g, NULL, "<B>x</B>"), 2);
    an_graph_free(g);
    g = an_graph_new("none");
    char *dot = an_dot(g);
    an_test_check_reads(dot);
    an_string_free(dot);
    an_graph_free(g);
}
END_TEST

/* A `dot` that fails but for pictures that say they are simpler; it notes each that it is given. */
static void pretend_dot(const char *folder, const char *refuses)
{
    char path[300], script[1000];
    snprintf(path, sizeof path, "%s/dot", folder);
    snprintf(script, sizeof script,
             "#!/bin/sh\ncat >%s/seen\necho >>%s/times\n%s\necho '<svg/>'\n", folder, folder,
             refuses);
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    ck_assert(fputs(script, f) >= 0 && fclose(f) == 0 && chmod(path, 0755) == 0);
}

static int64_t times_tried(const char *folder)
{
    char path[300];
    snprintf(path, sizeof path, "%s/times", folder);
    struct stat s;
    const int64_t count = stat(path, &s) == 0 ? s.st_size : 0;
    unlink(path);
    return count;
}

/* A folder of its own, first on the PATH, for a `dot` and what it draws. */
typedef struct stage {
    char folder[40], picture[60], *usual;
} stage;

static stage open_stage(void)
{
    stage at = {.folder = "/tmp/addnorm-dot-XXXXXX"};
    char searched[8000];
    ck_assert_ptr_nonnull(mkdtemp(at.folder));
    at.usual = strdup(getenv("PATH"));
    snprintf(searched, sizeof searched, "%s:%s", at.folder, at.usual);
    setenv("PATH", searched, 1);
    snprintf(at.picture, sizeof at.picture, "%s/p.svg", at.folder);
    return at;
}

static void close_stage(stage *at)
{
    char command[60];
    setenv("PATH", at->usual, 1);
    free(at->usual);
    snprintf(command, sizeof command, "rm -r %s", at->folder);
    ck_assert_int_eq(system(command), 0);
}

START_TEST(test_a_simpler_picture_is_better_than_none)
{
    char message[500] = "?";
    stage at = open_stage();
    an_graph *g = chain(3, 1);
    const char *const refusals[] = {
        "true",
        "grep -q 'drawn simpler' ${0%/*}/seen || { echo 'Error: no way' >&2; exit 1; }",
        "echo 'Error: never' >&2; exit 1",
        "grep -q subgraph ${0%/*}/seen && kill -SEGV $$",
    };
    const struct { an_status status; int64_t times; const char *says; } want[] = {
        {AN_OK, 1, ""},
        {AN_OK, 2, "drawn simpler than asked, for dot failed"},
        {AN_E_IO, 5, "never"},
        {AN_OK, 4, "drawn simpler than asked"}, /* closed scopes need no clusters */
    };
    for (int i = 0; i < 4; i++) {
        pretend_dot(at.folder, refusals[i]);
        const an_status status = an_dot_file(g, at.picture, .message = message,
                                             .message_size = sizeof message);
        ck_assert_msg(status == want[i].status, "%d: status %d: %s", i, (int)status, message);
        ck_assert_msg(strstr(message, want[i].says) && (i || !message[0]), "%d: %s", i, message);
        const int64_t tries = times_tried(at.folder);
        ck_assert_msg(tries == want[i].times, "%d: %d tries", i, (int)tries);
        ck_assert_int_eq(access(at.picture, F_OK) == 0, want[i].status == AN_OK);
        unlink(at.picture);
    }
    an_graph_free(g);
    close_stage(&at);
}
END_TEST

/* What is larger than a page is closed further, until it fits; lanes in another order are drawn
 * again with a hint, and kept if none helps. */
START_TEST(test_a_picture_that_is_not_as_it_should_be)
{
    char message[500] = "?";
    stage at = open_stage();
    an_graph *g = an_test_classifier(true);
    const struct { const char *does; int64_t times; const char *says; } tries[] = {
        {"grep -q 'deeper than level 1' ${0%/*}/seen || { echo '<svg width=\"9pt\" "
         "height=\"4001pt\"'; exit; }", 2, ""},
        {"echo '<svg width=\"4001pt\" height=\"9pt\"'; exit", 10, "for it was too large"},
        {"grep -q 'lead0' ${0%/*}/seen || { echo '<title>cluster_1</title> <path d=\"M9,-1C' "
         "'<title>cluster_2</title> <path d=\"M-7,1C'; exit; }", 2, ""},
        {"grep -q 'lead0' ${0%/*}/seen && { echo 'Error: trouble in init_rank' >&2; exit 1; }; "
         "echo '<title>cluster_1</title> <path d=\"M9,-1C' "
         "'<title>cluster_2</title> <path d=\"M-7,1C'; exit", 11, ""},
        {"echo '<title>cluster_1</title> <polygon points=\"20,-1 ' "
         "'<title>cluster_13</title> <polygon points=\"1,-1 ' "
         "'<title>cluster_3</title> <polygon points=\"7,1 '; exit", 8, ""},
        {"echo '<title>cluster_a2</title> <path d=\"M9,-1C' "
         "'<title>cluster_b1</title> <path d=\"M7,1C'; exit", 1, ""},
    };
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        pretend_dot(at.folder, tries[i].does);
        const an_status status = an_dot_file(g, at.picture, .message = message,
                                             .message_size = sizeof message);
        ck_assert_msg(status == AN_OK && strstr(message, tries[i].says) &&
                      (tries[i].says[0] || !message[0]), "%d: %s", (int)i, message);
        const int64_t times = times_tried(at.folder);
        ck_assert_msg(times == tries[i].times, "%d: %d times", (int)i, (int)times);
        ck_assert_int_eq(access(at.picture, F_OK), 0);
        unlink(at.picture);
    }
    an_graph_free(g);
    close_stage(&at);
}
END_TEST

AN_TEST_MAIN("views", test_what_repeats_is_drawn_once,
             test_what_stands_side_by_side_does_not_repeat,
             test_what_others_stand_between_does_not_repeat, test_training_of_what_repeats,
             test_a_norm_of_all_gradients_has_no_arrows, test_the_smallest_graph_is_drawn,
             test_a_simpler_picture_is_better_than_none,
             test_a_picture_that_is_not_as_it_should_be)
