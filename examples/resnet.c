/* resnet.c -- a residual convolutional net (He et al., "Deep Residual Learning", 2015) that tells
 * images apart, and what its residuals are for.
 *
 * The net is the paper's for CIFAR-10: a convolution of 3 x 3, three stages of n blocks of two
 * such, of 1, 2 and 4 times `width` channels on images of edge 1, 1/2, 1/4, the mean of each
 * channel, a dense layer: 6n + 2 layers deep. As in "Identity Mappings" (2016) norm and relu stand
 * before each convolution, so that nothing does but sums from the first layer to the last.
 *
 * By default images are drawn (images.c), a net of 14 layers learns them, and then two of 50,
 * with residuals and without, have the same small number of steps. Files of data sets are read by
 * images_read.c, pictures by images_folder.c and images_picture.c. */
#include "examples/resnet.h"

#include <math.h>
#include <stdio.h>

enum { DEEP = 50 };
static const char *const net_names[] = {"linear", "plain", "residual"};

/* ---- the architecture ---------------------------------------------------- */

static an_value conv(an_value x, int64_t channels, int size, int stride)
{
    return an_nn_conv2d(x, .channels = channels, .size = size, .stride = stride, .same = true,
                        .no_bias = true, .kernel_start = AN_START(AN_INIT_HE_NORMAL));
}

static an_value norm_relu(an_value x) { return an_relu(an_nn_batch_norm(x)); }

static an_value block(an_value x, int64_t channels, int stride, net kind)
{
    const an_value h = norm_relu(x);
    const an_value y = conv(norm_relu(conv(h, channels, 3, stride)), channels, 3, 1);
    if (kind == PLAIN) return y;
    const bool same = stride == 1 && an_dim_of(x, 1) == channels;
    return an_residual_add(same ? x : conv(h, channels, 1, stride), y);
}

static an_value network(an_value x, net kind, int depth, int64_t width, int64_t classes)
{
    if (kind == LINEAR) return an_nn_dense(an_nn_flatten(x), .units = classes);
    const int blocks = (depth - 2) / 6;
    an_value h = conv(x, width, 3, 1);
    for (int stage = 0; stage < 3; stage++) {
        an_scope_open_unique(h, "stage"); /* stage, stage_1, stage_2 */
        for (int i = 0; i < blocks; i++) {
            an_scope_open_unique(h, "block");
            h = block(h, width << stage, stage > 0 && i == 0 ? 2 : 1, kind);
            an_scope_close(h);
        }
        an_scope_close(h);
    }
    return an_nn_dense(an_nn_global_pool(norm_relu(h)), .units = classes, .name = "logits");
}

/* ---- a training ----------------------------------------------------------- */

typedef struct model {
    an_graph *graph;
    an_store *store;
    an_program *train, *test;
} model;

static bool build(model *m, const trial *t, const images *data)
{
    an_graph *g = m->graph = an_graph_new(net_names[t->kind]);
    const an_dim B = an_dim_named(g, "B");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(B, data->channels, data->height,
                                                        data->width));
    const an_value label = an_input(g, "label", AN_I32, AN_SHAPE(B));
    const an_value logits = network(x, t->kind, (int)t->depth, t->width, data->classes);
    const an_value loss = an_softmax_cross_entropy(logits, label);
    const an_value accuracy = an_accuracy(logits, label, 0.5);
    an_graph_output(loss, "loss");
    const int64_t steps = t->epochs * ((data->count + t->batch - 1) / t->batch);
    const an_optimizer adam = an_adam(.schedule = an_warmup_cosine(.peak = t->rate, .steps = steps,
                                                                   .warmup = steps / 10));
    m->store = an_store_new(t->seed);
    m->train = an_compile(g, m->store, .fetch = {loss, accuracy},
                          .update = an_minimize(loss, adam));
    m->test = an_compile(g, m->store, .fetch = {loss, accuracy}, .inference = true);
    if (m->train && m->test) return true;
    fprintf(stderr, "resnet: %s\n", an_compile_message(g));
    return false;
}

static void free_model(model *m)
{
    an_program_free(m->train);
    an_program_free(m->test);
    an_store_free(m->store);
    an_graph_free(m->graph);
}

/* What trains is what was written, gradients, steps and running statistics too: a proof, and
 * numbers in bits. */
static bool verify(const model *m, example *e)
{
    an_equivalence *q = an_equivalent(m->graph, an_program_graph(m->train), .gradients = true,
                                      .subset = true, .bind = "B=2", .quick = true);
    const bool same = example_proves(q);
    printf("what trains: %s\n", same ? "proved, the same bits" : an_equivalence_message(q));
    example_figure(e, same, "proved");
    an_equivalence_free(q);
    return same;
}

static bool train(const model *m, const trial *t, const images *data)
{
    const an_tensor x = images_pixels(data), label = images_labels(data);
    an_history *h = an_fit(m->train, .data = {{"x", &x}, {"label", &label}},
                           .metric = {"loss", "accuracy"}, .epochs = t->epochs, .batch = t->batch,
                           .seed = t->seed, .progress = t->kind == LINEAR ? NULL : stderr);
    const bool good = an_history_status(h) == AN_OK;
    if (!good) fprintf(stderr, "resnet: %s\n", an_history_message(h));
    an_history_free(h);
    return good;
}

static bool test(const model *m, const images *data, double *accuracy)
{
    const an_tensor x = images_pixels(data), label = images_labels(data);
    an_scores *s = an_evaluate(m->test, .data = {{"x", &x}, {"label", &label}}, .batch = 128);
    const bool good = an_scores_status(s) == AN_OK;
    if (good) *accuracy = an_scores_value(s, 1);
    else fprintf(stderr, "resnet: %s\n", an_scores_message(s));
    an_scores_free(s);
    return good;
}

/* ---- the program ----------------------------------------------------------- */

/* Trains a net of that kind and depth, and keeps its accuracy on new images. */
static bool measure(plan *p, const images *known, const images *new, net kind, int64_t depth,
                    int64_t epochs, double *accuracy)
{
    model m = {0};
    trial t = p->t;
    t.kind = kind;
    t.depth = depth;
    t.epochs = epochs;
    const bool main_net = kind == RESIDUAL && depth == p->t.depth;
    const bool good = build(&m, &t, known) && (!main_net || verify(&m, &p->e)) &&
                      train(&m, &t, known) && test(&m, new, accuracy) &&
                      (!main_net || example_draw(&p->e, an_program_graph(m.test)));
    free_model(&m);
    if (!good) return false;
    printf("%-10s %3lld layers  %.4f\n", net_names[kind], (long long)depth, *accuracy);
    example_figure(&p->e, *accuracy, "%s_%lld", net_names[kind], (long long)depth);
    return true;
}

/* The net that is trained, as it was written. */
static bool print(const plan *p, const images *known)
{
    model m = {0};
    trial t = p->t;
    t.kind = RESIDUAL;
    const bool good = build(&m, &t, known) && example_print(&p->e, m.graph);
    free_model(&m);
    return good;
}

/* The nets against what needs none. */
static bool compare(plan *p, const images *known, const images *new, bool *passed)
{
    const int64_t looked = new->count < 1000 ? new->count : 1000; /* for time's sake */
    const double common = majority_accuracy(known, new);
    const double near = neighbour_accuracy(known, new, looked);
    double linear, deep;
    printf("majority               %.4f\nnearest neighbour      %.4f  (of %lld images)\n", common,
           near, (long long)looked);
    if (!measure(p, known, new, LINEAR, 1, 5, &linear) ||
        !measure(p, known, new, RESIDUAL, p->t.depth, p->t.epochs, &deep))
        return false;
    const double best = fmax(fmax(common, near), linear);
    printf("above the best baseline by %.1f points\n", 100 * (deep - best));
    example_figure(&p->e, common, "majority");
    example_figure(&p->e, near, "nearest_neighbour");
    example_figure(&p->e, deep - best, "margin");
    *passed = deep > (p->at_least > 0 ? p->at_least : best);
    return true;
}

/* Fifty layers, with residuals and without: one epoch each. */
static bool test_depth(plan *p, const images *known, const images *new, bool *passed)
{
    double with, without;
    if (!measure(p, known, new, RESIDUAL, DEEP, 1, &with) ||
        !measure(p, known, new, PLAIN, DEEP, 1, &without))
        return false;
    printf("what residuals are for, at %d layers: %.1f points\n", DEEP, 100 * (with - without));
    example_figure(&p->e, with - without, "depth_margin");
    *passed = *passed && with >= without + 0.1;
    return true;
}

int main(int argc, char **argv)
{
    plan p;
    if (!read_options(&p, argc, argv)) return p.e.code;
    images known = {0}, new = {0};
    bool passed = false, good = images_from(&p.from, p.e.seed, &known, &new);
    if (good && p.e.graph) passed = print(&p, &known);
    else good = good && compare(&p, &known, &new, &passed);
    if (good && p.depth_test && !p.e.graph) good = test_depth(&p, &known, &new, &passed);
    images_free(&known);
    images_free(&new);
    return example_end(&p.e, good && passed);
}
