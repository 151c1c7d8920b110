/* compare.c -- what compare.sh asks of a build: its models as text, or the weights it trains.
 *
 *   compare graph NAME     the training graph of a model, as .an text
 *   compare weights NAME   SHA-256 of all states after a few steps on seeded data
 *
 * Built against the library of either tree with that tree's tests/models.c, so it keeps
 * to calls that stay.                                                        */
#include "tests/models.h"

#include <stdio.h>
#include <string.h>

static an_model make(const char *name)
{
    an_model m;
    if (!strcmp(name, "classifier")) m = an_model_classifier(AN_CLASSIFIER_SMALL);
    else if (!strcmp(name, "gpt")) m = an_model_transformer(AN_GPT);
    else if (!strcmp(name, "pre")) m = an_model_stack(3, true);
    else if (!strcmp(name, "post")) m = an_model_stack(3, false);
    else m = an_model_transformer(AN_ENCODER);
    return an_model_minimise(m, 1e-3f);
}

/* Every input of every batch: ids below 20, labels among them, floats of a sawtooth. */
static void fill(an_tensor *t, an_dtype dtype, int64_t rows, int64_t columns, int step)
{
    an_tensor_alloc(t, dtype, 2, (int64_t[]){rows, columns});
    for (int64_t i = 0; i < rows * columns; i++) {
        const int64_t n = (i * 7 + step * 13 + i / 5) % 19;
        an_tensor_set(t, i, an_dtype_is_float(dtype) ? (double)n / 19 : (double)n);
    }
}

static int train(const char *name, an_model m)
{
    const bool ids = !strcmp(name, "classifier") || !strcmp(name, "encoder");
    const bool labels = !strcmp(name, "encoder");
    an_store *store = an_store_new(7);
    an_program *p = an_compile(m.g, store, .fetch = {m.loss}, .update = m.up);
    an_tensor x = {0}, y = {0}, loss = {0};
    an_status status = p ? AN_OK : AN_E_GRAPH;
    for (int step = 0; step < 5 && status == AN_OK; step++) {
        fill(&x, ids ? AN_I32 : AN_F32, 6, 16, step);
        if (labels) fill(&y, AN_I32, 6, 16, step + 1);
        else fill(&y, AN_F32, 6, ids ? 1 : 3, step + 1);
        const char *second = labels ? "labels" : ids ? "label" : "target";
        status = an_run(p, .feed = {{ids ? "ids" : "x", &x}, {second, &y}}, .out = {&loss});
    }
    char hex[65] = "";
    if (status == AN_OK) status = an_store_sha256(store, hex);
    printf("%s %s loss %.9g\n", name, hex, an_tensor_get(&loss, 0));
    if (status != AN_OK)
        fprintf(stderr, "%s\n", p ? an_program_message(p) : an_compile_message(m.g));
    an_tensor_free(&x);
    an_tensor_free(&y);
    an_tensor_free(&loss);
    an_program_free(p);
    an_store_free(store);
    return status == AN_OK ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc != 3) return 2;
    an_model m = make(argv[2]);
    int status = 0;
    if (!strcmp(argv[1], "graph")) {
        char *text = an_print(m.g);
        fputs(text ? text : "", stdout);
        an_string_free(text);
    } else {
        status = train(argv[2], m);
    }
    an_graph_free(m.g);
    return status;
}
