/* autoencoder.c -- images learnt without labels, by restoring them; then a hundred labels.
 *
 * A denoising autoencoder (Vincent et al. 2008): pixels get noise, tiles are hidden as words are in
 * BERT (He et al. 2022), and the net restores the image. Convolutions make a vector of each tile, a
 * Transformer's block with two Add & Norm looks at them all, and of its vector each tile is made
 * again. Noise and what is hidden are drawn in the graph, anew at each step.
 *
 * What it has learnt is told by a linear probe of what its last block makes of an image: 100
 * labels, 20 times over. Beside it stand the pixels, random features of them, and the same encoder
 * untrained, whose norms have seen the images; so what counts is what restoring has taught. A layer
 * of random 3 x 3 filters is measured, too, and told apart: see README.md.
 *
 * Images are those of resnet.c (images.h); autoencoder_options.c has the command line. */
#include "examples/autoencoder.h"

#include <math.h>
#include <stdio.h>

enum { TILE = 4 }; /* its edge, in pixels: two strides of 2 */

/* ---- the architecture ------------------------------------------------------ */

static an_value conv(an_value x, int64_t channels, int stride)
{
    x = an_nn_conv2d(x, .channels = channels, .size = 3, .stride = stride, .same = true,
                     .no_bias = true, .kernel_start = AN_START(AN_INIT_HE_NORMAL));
    return an_relu(an_nn_batch_norm(x));
}

/* As of a Transformer. *hidden: what its perceptron makes of each place. */
static an_value block(an_value x, int64_t width, an_value *hidden)
{
    an_scope_open_unique(x, "block");
    x = an_nn_residual(x, an_nn_attention(x, .heads = 4));
    *hidden = an_gelu(an_nn_dense(x, .units = 2 * width), AN_TANH);
    x = an_nn_residual(x, an_nn_dense(*hidden, .units = width));
    an_scope_close(x);
    return x;
}

/* An image without its brightness and contrast. */
static an_value even(an_value x)
{
    const an_value flat = an_nn_layer_norm(an_nn_flatten(x), .no_scale = true, .no_shift = true);
    return an_reshape(flat, an_type_of(x).shape);
}

/* [B, tiles, width] of an image; *seen[B, 2 * width]: the most
 * that the last block sees of each feature in any tile. */
static an_value encoder(an_value x, const plan *p, an_value *seen)
{
    an_scope_open(x, "encoder");
    const an_dim B = an_dim_of(x, 0);
    const an_type image = an_type_of(x);
    const int64_t tiles = image.shape.dim[2] / TILE * (image.shape.dim[3] / TILE);
    an_value hidden, h = conv(conv(even(x), p->width / 2, 1), p->width / 2, 1);
    h = conv(conv(h, p->width / 2, 2), p->width, 2);
    h = an_transpose(an_reshape(h, AN_SHAPE(B, p->width, AN_DIM_REST)), AN_AXES(0, 2, 1));
    h = an_nn_positions(h, .most = tiles);
    for (int64_t i = 0; i < p->blocks; i++) h = block(h, p->width, &hidden);
    *seen = an_max(hidden, 1);
    an_scope_close(x);
    return h;
}

/* The image again, a tile of each place. */
static an_value decoder(an_value h, an_type image)
{
    const an_dim *d = image.shape.dim;
    h = an_nn_dense(h, .units = d[1] * TILE * TILE, .name = "decoder");
    h = an_reshape(h, AN_SHAPE(d[0], d[2] / TILE, d[3] / TILE, d[1], TILE, TILE));
    return an_reshape(an_transpose(h, AN_AXES(0, 3, 1, 4, 2, 5)), image.shape);
}

/* With noise, and with the mean grey in place of some tiles. */
static an_value spoil(an_value x, const plan *p)
{
    const an_type image = an_type_of(x);
    const an_dim B = image.shape.dim[0], H = image.shape.dim[2], W = image.shape.dim[3];
    x = an_add(x, an_random_normal(x.graph, AN_F32, image.shape, 0, p->noise));
    const an_dim rows = H / TILE, columns = W / TILE;
    an_value hide = an_random_bernoulli(x.graph, AN_SHAPE(B, 1, rows, 1, columns, 1), p->hidden);
    hide = an_broadcast(hide, AN_SHAPE(B, 1, rows, TILE, columns, TILE));
    return an_where(an_reshape(hide, AN_SHAPE(B, 1, H, W)), an_number(x, 0.5), x);
}

/* ---- the programs ------------------------------------------------------------ */

typedef struct model {
    an_graph *restores, *sees, *mixes, *filters; /* the last two: random features */
    an_store *store, *fresh;
    an_program *train, *norms, *learnt, *untrained, *random, *filtered;
} model;

static an_value image(an_graph *g, const images *d)
{
    const an_dim B = an_dim_named(g, "B");
    return an_input(g, "x", AN_F32, AN_SHAPE(B, d->channels, d->height, d->width));
}

static bool build(model *m, const plan *p, const images *d)
{
    m->restores = an_graph_new("autoencoder");
    m->sees = an_graph_new("encoder");
    m->mixes = an_graph_new("random");
    m->filters = an_graph_new("filters");
    an_value seen, x = image(m->restores, d);
    const an_value loss = an_mse(decoder(encoder(spoil(x, p), p, &seen), an_type_of(x)), x);
    const int64_t steps = p->epochs * ((d->count + p->batch - 1) / p->batch);
    const an_schedule s = an_warmup_cosine(.peak = p->rate, .steps = steps, .warmup = steps / 10);
    const an_updates up = an_minimize(loss, an_adamw(.decay = 0.01, .schedule = s));
    const an_updates norms = an_updates_new(m->restores, "norms"); /* learns nothing but means */
    an_updates_take_pending(norms, loss);
    encoder(image(m->sees, d), p, &seen);
    const an_value mix = an_relu(an_nn_dense(an_nn_flatten(image(m->mixes, d)), .units = 1024));
    const an_value filters = an_nn_global_pool(conv(even(image(m->filters, d)), p->width, 1));
    m->store = an_store_new(p->e.seed);
    m->fresh = an_store_new(p->e.seed);
    m->train = an_compile(m->restores, m->store, .fetch = {loss}, .update = up);
    m->norms = an_compile(m->restores, m->fresh, .fetch = {loss}, .update = norms);
    m->learnt = an_compile(m->sees, m->store, .fetch = {seen}, .inference = true);
    m->untrained = an_compile(m->sees, m->fresh, .fetch = {seen}, .inference = true);
    m->random = an_compile(m->mixes, m->fresh, .fetch = {mix}, .inference = true);
    m->filtered = an_compile(m->filters, m->fresh, .fetch = {filters}, .inference = true);
    if (m->train && m->norms && m->learnt && m->untrained && m->random && m->filtered) return true;
    fprintf(stderr, "autoencoder: %s%s\n", an_compile_message(m->restores),
            an_compile_message(m->sees));
    return false;
}

static void free_model(model *m)
{
    an_program *const programs[] = {m->train, m->norms, m->learnt, m->untrained, m->random,
                                    m->filtered};
    an_graph *const graphs[] = {m->restores, m->sees, m->mixes, m->filters};
    for (int i = 0; i < 6; i++) an_program_free(programs[i]);
    an_store_free(m->store);
    an_store_free(m->fresh);
    for (int i = 0; i < 4; i++) an_graph_free(graphs[i]);
}

static bool train(an_program *program, const plan *p, const images *known, int64_t epochs)
{
    const an_tensor x = images_pixels(known);
    an_history *h = an_fit(program, .data = {{"x", &x}}, .epochs = epochs, .batch = p->batch,
                           .seed = p->e.seed, .progress = stderr);
    const bool good = an_history_status(h) == AN_OK;
    if (!good) fprintf(stderr, "autoencoder: %s\n", an_history_message(h));
    an_history_free(h);
    return good;
}

/* ---- what came of it ----------------------------------------------------------- */

static bool run(plan *p, const images *known, const images *new)
{
    const images *set[2] = {known, new};
    model m = {0};
    double pixels, random, untrained, filters, learnt = 0;
    if (p->e.graph) {
        const bool printed = build(&m, p, known) && example_print(&p->e, m.restores);
        free_model(&m);
        return printed;
    }
    bool good = build(&m, p, known) && example_same(&p->e, m.restores, m.train, "B=2") &&
                example_draw(&p->e, an_program_graph(m.learnt));
    if (good) printf("right with %d labels, on the mean over %d draws of them\n", LABELS, DRAWS);
    good = good && measure(p, NULL, set, "pixels", &pixels) &&
           measure(p, m.random, set, "random features", &random) &&
           train(m.norms, p, known, 1) &&
           measure(p, m.untrained, set, "encoder untrained", &untrained) &&
           train(m.train, p, known, p->epochs) && measure(p, m.learnt, set, "encoder", &learnt) &&
           measure(p, m.filtered, set, "random filters", &filters);
    if (good) {
        const double best = fmax(pixels, fmax(random, untrained));
        printf("above the best of pixels, random features and the encoder untrained by %.1f "
               "points;\n%s a layer of random 3 x 3 filters alone by %.1f\n",
               100 * (learnt - best), learnt > filters ? "above" : "below",
               100 * fabs(learnt - filters));
        example_figure(&p->e, learnt - best, "margin");
        example_figure(&p->e, learnt - filters, "over_filters");
        good = learnt - best >= p->margin;
    }
    free_model(&m);
    return good;
}

int main(int argc, char **argv)
{
    plan p;
    images known = {0}, new = {0};
    if (!read_options(&p, argc, argv)) return p.e.code;
    bool good = images_from(&p.from, p.e.seed, &known, &new);
    if (good && (known.height % TILE || known.width % TILE)) {
        fprintf(stderr, "autoencoder: the edges of images have to be multiples of %d\n", TILE);
        good = false;
    }
    good = good && run(&p, &known, &new);
    images_free(&known);
    images_free(&new);
    return example_end(&p.e, good);
}
