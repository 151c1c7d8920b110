/* depth.c -- the article's claims about depth, measured.
 *
 * Five nets of the same layers, h -> relu(dense(h)), from 2 to 128 of them: plain; with a
 * layer norm behind each; residual; residual with the norm behind the sum (post) and before
 * the layer (pre). Each is measured at the start, the gradient of every layer's kernel, and
 * after a fixed budget of steps, loss and accuracy on new examples; from three seeds.
 *
 * All begins as in Keras (Glorot); `--he` begins kernels as He et al. (2015) did, for whom
 * plain nets of 30 layers still train. Beside this file: depth_data.c (the task, baselines),
 * depth_report.c (tables, findings, CSV, SVG).                                */
#include "examples/depth.h"

#include <math.h>
#include <stdio.h>

enum { WIDTH = 32 };
const char *const net_names[NETS] = {"plain", "norm alone", "residual", "post-norm", "pre-norm"};

/* ---- the architecture ---------------------------------------------------- */

static an_value layer(an_value h, bool he)
{
    const an_init start = {he ? AN_INIT_HE_UNIFORM : AN_INIT_GLOROT_UNIFORM, 0, 0};
    return an_relu(an_nn_dense(h, .units = WIDTH, .name = "dense", .kernel_start = {true, start}));
}

static an_value block(an_value h, net kind, bool he)
{
    switch (kind) {
    case NORMED: return an_nn_layer_norm(layer(h, he));
    case RESIDUAL: return an_residual_add(h, layer(h, he));
    case POST_NORM: return an_nn_layer_norm(an_residual_add(h, layer(h, he)));
    case PRE_NORM: return an_residual_add(h, layer(an_nn_layer_norm(h), he));
    default: return layer(h, he);
    }
}

static an_value network(an_value x, net kind, int depth, bool he)
{
    an_value h = an_nn_dense(x, .units = WIDTH, .name = "first");
    for (int i = 1; i <= depth; i++) {
        char name[16];
        snprintf(name, sizeof name, "layer%d", i);
        an_scope_open(h, name);
        h = block(h, kind, he);
        an_scope_close(h);
    }
    if (kind == PRE_NORM) h = an_nn_layer_norm(h);
    return an_nn_dense(h, .units = CLASSES, .name = "logits");
}

typedef struct model {
    an_graph *graph;
    an_store *store;
    an_program *train, *test, *start; /* the last: the length of each layer's gradient */
} model;

typedef struct plan {
    int64_t steps, seeds;
    bool he;
    example e;
} plan;

/* [1]: measured in units of the largest element, whose square neither overflows nor vanishes. */
static an_value length_of(an_value x)
{
    const an_value most = an_max_axes(an_abs(x), AN_ALL_AXES, false);
    const an_value unit = an_maximum(most, an_number(most, 1e-37));
    const an_value part = an_div(x, unit);
    return an_reshape(an_mul(unit, an_global_norm(&part, 1, 1)), AN_SHAPE(1));
}

static bool build(model *m, net kind, int depth, bool he, uint64_t seed)
{
    an_graph *g = m->graph = an_graph_new(net_names[kind]);
    const an_dim B = an_dim_named(g, "B");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(B, FEATURES));
    const an_value label = an_input(g, "label", AN_I32, AN_SHAPE(B));
    /* Of no depth, a linear model: a baseline. */
    const an_value logits = depth > 0 ? network(x, kind, depth, he)
                                      : an_nn_dense(x, .units = CLASSES);
    const an_value loss = an_softmax_cross_entropy(logits, label);
    an_graph_output(loss, "loss");
    an_value kernel[DEEPEST], gradient[DEEPEST];
    for (int i = 0; i < depth; i++) {
        char name[32];
        snprintf(name, sizeof name, "layer%d/dense/kernel", i + 1);
        kernel[i] = an_graph_state(g, name);
    }
    if (depth > 0) an_gradients(loss, kernel, depth, gradient);
    for (int i = 0; i < depth; i++) gradient[i] = length_of(gradient[i]);

    m->store = an_store_new(seed);
    m->train = an_compile(g, m->store, .fetch = {loss}, .update = an_minimize(loss, an_adam()));
    m->test = an_compile(g, m->store, .fetch = {loss, an_accuracy(logits, label, 0.5)});
    if (depth > 0) m->start = an_compile(g, m->store, .fetch = {an_concat(gradient, depth, 0)});
    if (m->train && m->test && (m->start || depth == 0)) return true;
    fprintf(stderr, "depth: %s\n", an_compile_message(g));
    return false;
}

static void free_model(model *m)
{
    an_program_free(m->train);
    an_program_free(m->test);
    an_program_free(m->start);
    an_store_free(m->store);
    an_graph_free(m->graph);
}

/* ---- one measurement ------------------------------------------------------ */

/* Runs a program on new examples; `b` may be NULL. */
static bool draw_and_run(an_program *p, int count, uint64_t *random, an_tensor *a, an_tensor *b)
{
    static examples e;
    const an_tensor x = an_tensor_view(AN_F32, AN_EXTENTS(count, FEATURES), e.x);
    const an_tensor label = an_tensor_view(AN_I32, AN_EXTENTS(count), e.label);
    draw_examples(&e, count, random);
    if (an_run(p, .feed = {{"x", &x}, {"label", &label}}, .out = {a, b}) == AN_OK) return true;
    fprintf(stderr, "depth: %s\n", an_program_message(p));
    return false;
}

static bool measure(const plan *p, net kind, int depth, uint64_t seed, run *r)
{
    model m = {0};
    an_tensor lengths = {0}, loss = {0}, accuracy = {0};
    uint64_t random = seed;
    bool good = build(&m, kind, depth, p->he, seed) &&
                draw_and_run(depth > 0 ? m.start : m.test, TEST, &random, &lengths, NULL);
    for (int64_t i = 0; good && i < p->steps; i++)
        good = draw_and_run(m.train, BATCH, &random, &loss, NULL);
    good = good && draw_and_run(m.test, TEST, &random, &loss, &accuracy);
    for (int i = 0; i < depth; i++) r->gradient[i] = an_tensor_get(&lengths, i);
    r->loss = an_tensor_get(&loss, 0);
    r->accuracy = an_tensor_get(&accuracy, 0);
    if (good && kind == PRE_NORM && depth == 4)
        good = example_draw(&p->e, an_program_graph(m.train));
    an_tensor_free(&lengths);
    an_tensor_free(&loss);
    an_tensor_free(&accuracy);
    free_model(&m);
    return good;
}

/* The pre-norm net of four layers, as it was written. */
static bool print(const plan *p)
{
    model m = {0};
    const bool good = build(&m, PRE_NORM, 4, p->he, p->e.seed) && example_print(&p->e, m.graph);
    free_model(&m);
    return good;
}

/* ---- the program ----------------------------------------------------------- */

static bool measure_all(const plan *p, figures *f)
{
    measure_baselines(f, p->e.seed, p->steps * BATCH);
    run linear = {0};
    if (!measure(p, PLAIN, 0, p->e.seed, &linear)) return false;
    f->linear = linear.accuracy;
    for (int d = 0; d < f->depths; d++)
        for (int n = 0; n < NETS; n++)
            for (int s = 0; s < f->seeds; s++)
                if (!measure(p, (net)n, f->depth[d], p->e.seed + (uint64_t)s, &f->runs[n][d][s]))
                    return false;
    return true;
}

int main(int argc, char **argv)
{
    static run runs[NETS][MOST_DEPTHS][MOST_SEEDS];
    figures f = {.depths = MOST_DEPTHS, .depth = {2, 4, 8, 16, 32, 64, 128}, .runs = runs};
    plan p = {.steps = 320, .seeds = 3,
              .e = {.name = "depth", .does = "measures what residuals and layer norms do for depth",
                    .seed = 1, .threads = 1}};
    const char *csv = NULL, *svg = NULL;
    const example_option own[] = {
        {"--steps", "training steps, of 64 examples each", .count = &p.steps},
        {"--seeds", "from which each net is trained, 1 to 9", .count = &p.seeds},
        {"--he", "begin kernels as He et al. did, not as Keras does", .flag = &p.he},
        {"--csv", "a file of all figures", .text = &csv},
        {"--svg", "a file with the two plots", .text = &svg}, {0}};
    if (!example_begin(&p.e, argc, argv, own)) return p.e.code;
    if (p.e.graph) return example_end(&p.e, print(&p));
    if (p.e.small) { /* two depths, one seed */
        p.seeds = 1;
        f.depths = 2;
        f.depth[0] = 4;
        f.depth[1] = 32;
    }
    f.seeds = p.seeds < 1 ? 1 : p.seeds < MOST_SEEDS ? (int)p.seeds : MOST_SEEDS;
    bool good = measure_all(&p, &f);
    if (good) {
        print_figures(&f);
        print_findings(&f);
        keep_figures(&p.e, &f);
        if (csv) good = write_csv(&f, csv);
        if (svg) good = write_svg(&f, svg) && good;
    }
    /* Where the claims ought to be plain, they must be: at the greatest depth pre-norm learns, by
     * ten points more than the best baseline and the plain net. */
    const int last = f.depths - 1;
    const double deep = mean_accuracy(&f, PRE_NORM, last);
    good = good && deep > best_baseline(&f) + 0.1 && deep > mean_accuracy(&f, PLAIN, last) + 0.1;
    return example_end(&p.e, good);
}
