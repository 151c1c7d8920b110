/* oracle.c -- do two training graphs compute the same? Asked of the interpreter alone.
 *
 *   oracle graph NAME    prints a training graph: classifier, gpt, translator, encoder or rms
 *   oracle A             reads paths of other graphs, a line each, and answers with a line:
 *                        "none", "witness NAME" or "no graph"
 *
 * Shares nothing with the prover or with the verifier's data: draws its own, of several
 * kinds, at several extents, and runs several steps with updates fed back. It looks for a
 * witness and proves nothing.                                                */
#include "core/random.h"
#include "graph/evaluate.h"
#include "graph/run/store.h"
#include "tests/models.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 12, STEPS = 3, MOST_DIMS = 8 };

/* ---- data --------------------------------------------------------------- */

/* One element of a float leaf, by the round's kind. */
static double element(int kind, const an_stream *own, const an_stream *all, int64_t i)
{
    static const double few[] = {-1, 0, 0.5, 1};
    switch (kind) {
    case 0: return 2 * an_draw_uniform(own, i) - 1;
    case 1: return few[an_random_bits_at(own, i) % 4];
    case 2: return 1e-3 * (2 * an_draw_uniform(own, i) - 1);
    case 3: return 2 * an_draw_uniform(all, i) - 1;
    default: return 8 * an_draw_uniform(own, i) - 4;
    }
}

/* Kind 5: states as they start. Moments are never negative, ids are 0 or 1. */
static void fill_leaf(const an_node *n, int round, an_tensor *t)
{
    const int kind = round % 6;
    const an_stream own = {.seed = (uint64_t)round, .step = 77,
                           .stream = (uint32_t)an_hash_string(n->name)};
    const an_stream all = {.seed = (uint64_t)round, .step = 78};
    const bool moment = !strncmp(n->name, "adam/", 5);
    if (an_node_is_state(n) && (kind == 5 || !an_dtype_is_float(t->dtype))) {
        an_initialise(&n->attrs->init, n->name, (uint64_t)round, t);
        return;
    }
    for (int64_t i = 0; i < an_tensor_count(t); i++)
        if (!an_dtype_is_float(t->dtype)) an_tensor_set(t, i, an_random_bits_at(&own, i) % 2);
        else if (moment) an_tensor_set(t, i, 0.01 + 0.1 * an_draw_uniform(&own, i));
        else an_tensor_set(t, i, element(kind, &own, &all, i));
}

/* ---- one graph ---------------------------------------------------------- */

static bool begin(an_evaluation *e, const an_graph *g, int round)
{
    static const int64_t extents[3][4] = {{2, 3, 5, 7}, {5, 2, 4, 3}, {3, 4, 2, 6}};
    int64_t bound[MOST_DIMS];
    for (int i = 0; i < MOST_DIMS; i++) bound[i] = extents[round % 3][i % 4];
    if (an_evaluation_begin(e, g, bound) != AN_OK) return false;
    for (int64_t i = 0; i < g->leaf_count; i++)
        fill_leaf(an_node_of(g, g->leaves[i].value), round, &e->value[g->leaves[i].value]);
    return true;
}

/* New values are all there before any state changes. */
static void feed_back(an_evaluation *e)
{
    const an_graph *g = e->graph;
    an_tensor *kept = calloc((size_t)g->commit_count + 1, sizeof *kept);
    for (int64_t i = 0; i < g->commit_count; i++)
        an_tensor_copy(&kept[i], &e->value[g->commits[i].value]);
    for (int64_t i = 0; i < g->commit_count; i++) {
        if (g->commits[i].set != AN_PENDING)
            memcpy(e->value[g->commits[i].state].data, kept[i].data,
                   (size_t)an_tensor_bytes(&kept[i]));
        an_tensor_free(&kept[i]);
    }
    free(kept);
}

/* ---- two graphs --------------------------------------------------------- */

static bool differ(const an_tensor *x, const an_tensor *y)
{
    const size_t size = an_dtype_size(x->dtype);
    for (int64_t i = 0; i < an_tensor_count(x); i++) {
        const char *p = (const char *)x->data + (size_t)i * size;
        if (!memcmp(p, (const char *)y->data + (size_t)i * size, size)) continue;
        if (!isnan(an_tensor_get(x, i)) || !isnan(an_tensor_get(y, i))) return true;
    }
    return false;
}

static const char *compare(const an_evaluation *x, const an_evaluation *y)
{
    const an_graph *a = x->graph, *b = y->graph;
    for (int64_t i = 0; i < a->output_count; i++)
        for (int64_t k = 0; k < b->output_count; k++)
            if (!strcmp(a->outputs[i].name, b->outputs[k].name) &&
                differ(&x->value[a->outputs[i].value], &y->value[b->outputs[k].value]))
                return a->outputs[i].name;
    for (int64_t i = 0; i < a->commit_count; i++)
        for (int64_t k = 0; k < b->commit_count; k++) {
            const char *name = an_node_of(a, a->commits[i].state)->name;
            if (!strcmp(name, an_node_of(b, b->commits[k].state)->name) &&
                differ(&x->value[a->commits[i].value], &y->value[b->commits[k].value]))
                return name;
        }
    return NULL;
}

static const char *run_round(const an_graph *a, const an_graph *b, int round)
{
    an_evaluation x = {0}, y = {0};
    const char *name = NULL;
    const bool good = begin(&x, a, round) && begin(&y, b, round);
    for (int step = 0; good && step < STEPS && !name; step++) {
        if (an_evaluation_run(&x) != AN_OK || an_evaluation_run(&y) != AN_OK) break;
        name = compare(&x, &y);
        feed_back(&x);
        feed_back(&y);
    }
    an_evaluation_free(&x);
    an_evaluation_free(&y);
    return name;
}

static an_graph *read_graph(const char *path)
{
    static char text[1 << 20];
    FILE *f = fopen(path, "r");
    const size_t size = f ? fread(text, 1, sizeof text - 1, f) : 0;
    text[size] = 0;
    if (f) fclose(f);
    return size ? an_parse(.text = text, .name = path) : NULL;
}

static void answer(const an_graph *a, const char *path)
{
    an_graph *b = read_graph(path);
    const bool good = b && an_graph_status(b) == AN_OK;
    const char *name = NULL;
    for (int round = 0; good && round < ROUNDS && !name; round++) name = run_round(a, b, round);
    if (!good) puts("no graph");
    else if (name) printf("witness %s\n", name);
    else puts("none");
    fflush(stdout);
    an_graph_free(b);
}

/* ---- the graphs --------------------------------------------------------- */

static int print_graph(const char *name)
{
    const an_transformer_sizes gpt = {.name = "gpt", .tokens = 11, .length = 6, .width = 8,
                                      .heads = 2, .blocks = 1, .pre_norm = true, .causal = true,
                                      .tied = true};
    const an_transformer_sizes translator = {.name = "translator", .tokens = 11, .length = 6,
                                             .width = 8, .heads = 2, .blocks = 1};
    an_model m = !strcmp(name, "gpt")          ? an_model_transformer(gpt)
                 : !strcmp(name, "translator") ? an_model_translator(translator)
                 : !strcmp(name, "rms")        ? an_model_rms_stack(1)
                 : !strcmp(name, "encoder")    ? an_model_transformer(AN_ENCODER)
                                               : an_model_classifier(AN_CLASSIFIER_SMALL);
    m = an_model_minimise(m, 1e-3f);
    char *text = an_print(m.g);
    if (text) fputs(text, stdout);
    else fprintf(stderr, "%s\n", an_graph_message(m.g));
    const int status = text ? 0 : 1;
    an_string_free(text);
    an_graph_free(m.g);
    return status;
}

int main(int argc, char **argv)
{
    if (argc == 3 && !strcmp(argv[1], "graph")) return print_graph(argv[2]);
    if (argc != 2) return 2;
    an_graph *a = read_graph(argv[1]);
    char path[4096];
    while (a && fgets(path, sizeof path, stdin)) {
        path[strcspn(path, "\n")] = 0;
        answer(a, path);
    }
    an_graph_free(a);
    return 0;
}
