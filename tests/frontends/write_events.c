/* write_events.c DIRECTORY -- files of events for events.py: a training in two parts, and a loop.
 *
 * One batch is an epoch, by SGD without clipping, so that norms, rates and changes of the weights
 * must fit together. The history is printed as CSV and as lines of JSON, for events.py to compare.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontends/addnorm.h"

#define ROWS 24

static void check(bool good, const char *what)
{
    if (good) return;
    fprintf(stderr, "write_events: %s\n", what);
    exit(1);
}

static void write_training(const char *directory)
{
    an_graph *g = an_graph_new("two layers");
    const an_dim B = an_dim_named(g, "B");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(B, 5));
    const an_value hidden = an_nn_dense(an_dropout(x, 0.1f), .units = 4, .name = "a");
    const an_value y = an_nn_dense(an_relu(hidden), .units = 1, .name = "b");
    const an_value loss = an_mse(y, an_input(g, "y", AN_F32, AN_SHAPE(B, 1)));
    const an_updates up = an_minimize(loss, an_sgd(.rate = 0.05),
                                      .groups = {{.names = "b/*", .rate = 0.5}});
    an_store *store = an_store_new(3);
    an_program *train = an_compile(g, store, .fetch = {loss}, .update = up);
    an_program *evaluate = an_compile(g, store, .fetch = {loss}, .inference = true);
    check(train && evaluate, an_compile_message(g));
    an_tensor data = {0}, target = {0};
    check(an_tensor_alloc(&data, AN_F32, 2, (int64_t[]){2 * ROWS, 5}) == AN_OK &&
              an_tensor_alloc(&target, AN_F32, 2, (int64_t[]){2 * ROWS, 1}) == AN_OK, "memory");
    for (int64_t i = 0; i < an_tensor_count(&data); i++) an_tensor_set(&data, i, sin((double)i));
    for (int64_t i = 0; i < 2 * ROWS; i++) an_tensor_set(&target, i, cos(0.1 * (double)i));
    char kept[4200];
    snprintf(kept, sizeof kept, "%s.kept", directory);
    an_history *h = NULL;
    for (int part = 1; part <= 2; part++) {
        an_history_free(h);
        h = an_fit(train, evaluate, .data = {{"x", &data}, {"y", &target}}, .epochs = 3 * part,
                   .batch = ROWS, .keep_order = true, .validation_split = 0.5, .directory = kept,
                   .resume = part == 2, .events = directory, .histograms = 1);
        check(an_history_status(h) == AN_OK, an_history_message(h));
    }
    char *csv = an_history_csv(h), *lines = an_history_jsonl(h);
    check(csv && lines, "memory");
    printf("%s\n%s", csv, lines);
    an_string_free(csv);
    an_string_free(lines);
    an_history_free(h);
    an_tensor_free(&data);
    an_tensor_free(&target);
    an_program_free(train);
    an_program_free(evaluate);
    an_store_free(store);
    an_graph_free(g);
}

static void put_values(an_events *e, const char *tag, an_dtype dtype, int64_t count,
                       double (*value)(int64_t))
{
    an_tensor t = {0};
    check(an_tensor_alloc(&t, dtype, 1, &count) == AN_OK, "memory");
    for (int64_t i = 0; i < count; i++) an_tensor_set(&t, i, value(i));
    an_events_histogram(e, tag, 7, &t);
    an_tensor_free(&t);
}

/* What events.py calls by the same names. */
static double ramp(int64_t i) { return (double)i / 8 - 3; }
static double huge(int64_t i) { return (i & 1 ? -1 : 1) * ldexp(1, (int)i * 25 - 250); }
static double few(int64_t i) { return i == 0 ? NAN : i == 1 ? INFINITY : (double)i; }

static an_graph *hostile_graph(void)
{
    static const char *const labels[] = {"^caret", "a:1", "a:1", "a:1_6", "<&\"'>\n\t", "a/b//c/",
                                         "\xe2\x82\xac", "\x01\x7f"};
    an_graph *g = an_graph_new("hostile");
    an_value v = an_input(g, "x", AN_F32, AN_SHAPE(an_dim_named(g, "B"), 3));
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++)
        v = an_add(an_label(an_neg(v), labels[i]), v);
    check(an_graph_output(v, "y") == AN_OK, an_graph_message(g));
    return g;
}

static void write_loop(const char *directory)
{
    an_events *e = an_events_open(directory);
    for (int64_t i = 0; i < 10; i++) an_events_scalar(e, "square/x", i * 100, (double)(i * i));
    an_events_scalar(e, "square/negative step", -1, 1e300);
    an_events_scalar(e, "nan", INT64_MAX, NAN);
    an_events_scalar(e, "bytes \xff\xc3(\xed\xa0\x80 \xf0\x9f\x8c\x8d", 1, 1);
    put_values(e, "ramp", AN_F32, 49, ramp);
    put_values(e, "ramp64", AN_F64, 49, ramp);
    put_values(e, "whole", AN_I32, 49, ramp);
    put_values(e, "huge", AN_F64, 21, huge);
    put_values(e, "few", AN_F32, 4, few);
    put_values(e, "none", AN_F32, 0, ramp);
    an_graph *g = hostile_graph();
    an_events_graph(e, g);
    an_graph_free(g);
    check(an_events_status(e) == AN_OK, an_events_message(e));
    an_events_close(e);
}

int main(int argc, char **argv)
{
    char path[4096];
    check(argc == 2, "one directory");
    snprintf(path, sizeof path, "%s/training", argv[1]);
    write_training(path);
    snprintf(path, sizeof path, "%s/deep/loop", argv[1]);
    write_loop(path);
    return 0;
}
