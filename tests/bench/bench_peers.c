/* bench_peers.c -- whole models that answer line by line, for peers_*.py to take turns with.
 *
 *   bench_peers MODEL THREADS FILE
 *
 * Writes the weights that it begins with to FILE, then answers each line of its input: a model that
 * trains takes one step and says "milliseconds loss", `generate` writes a text and says
 * "milliseconds token token ...". What is fed depends on the step's number alone, see `feed`.
 *
 *   gpt            6 blocks, 384 wide, 6 heads, 256 places of 256 tokens, 4 texts; AdamW
 *   generate       256 tokens of it, one at a time, the most likely each; keys and values kept
 *   encoder        6 blocks, 384 wide, 12 heads, 8 texts of 128 of 1,000 tokens, two classes; Adam
 *   encoder-short  the same, 32 texts of 64
 *   classifier     the article's, 32 texts of 100 of 88,000 words; Adam
 *   classifier-plain, the same without dropout, for results to be compared
 */
#include "tests/bench/bench.h"
#include "tests/models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 384, BLOCKS = 6, PLACES = 256, TOKENS = 256, MOST = 4096 };

typedef struct model {
    int64_t batch, length, vocabulary; /* of the inputs "ids" */
    an_shape labels;                   /* of the other input, and whether it is of floats */
    bool floats, generates, inference;
    an_graph *g;
    an_value fetch;
    an_updates up;
} model;

/* ---- transformers ---------------------------------------------------------- */

static an_value wide_layers(an_value x, an_form form)
{
    return an_nn_dense(an_gelu(an_nn_dense(x, .units = 4 * WIDTH), form), .units = WIDTH);
}

/* GPT-2's wiring (Radford et al. 2019). `position`: that of the piece behind what is cached. */
static an_value decoder_block(an_value x, an_value position)
{
    an_scope_open_unique(x, "block");
    const an_value seen = an_nn_layer_norm(x, .eps = 1e-5);
    x = an_residual_add(x, an_nn_attention(seen, .heads = 6, .causal = true, .position = position,
                                           .cache = an_is_none(position) ? 0 : PLACES));
    x = an_residual_add(x, wide_layers(an_nn_layer_norm(x, .eps = 1e-5), AN_TANH));
    an_scope_close(x);
    return x;
}

/* BERT's (Devlin et al. 2018). */
static an_value encoder_block(an_value x)
{
    an_scope_open_unique(x, "block");
    x = an_nn_layer_norm(an_residual_add(x, an_nn_attention(x, .heads = 12)), .eps = 1e-5);
    x = an_nn_layer_norm(an_residual_add(x, wide_layers(x, AN_EXACT)), .eps = 1e-5);
    an_scope_close(x);
    return x;
}

/* A vector for each token of ids[B,T] and one for each place. */
static an_value embedded(an_value ids, an_value position, int64_t vocabulary, int64_t places)
{
    an_value place = an_iota(ids.graph, AN_I32, AN_SHAPE(an_dim_of(ids, 1)), 0);
    if (!an_is_none(position)) place = an_add(place, position);
    return an_add(an_nn_embedding(ids, .vocab = vocabulary, .units = WIDTH, .name = "tokens"),
                  an_nn_embedding(place, .vocab = places, .units = WIDTH, .name = "places"));
}

static an_value decoder(an_value ids, an_value position)
{
    an_value x = embedded(ids, position, TOKENS, PLACES);
    for (int i = 0; i < BLOCKS; i++) x = decoder_block(x, position);
    return an_nn_dense(an_nn_layer_norm(x, .eps = 1e-5), .units = TOKENS, .no_bias = true,
                       .name = "logits");
}

static model gpt(void)
{
    model m = {.batch = 4, .length = PLACES, .vocabulary = TOKENS, .labels = AN_SHAPE(4, PLACES),
               .g = an_graph_new("gpt")};
    const an_value ids = an_input(m.g, "ids", AN_I32, AN_SHAPE(4, PLACES));
    const an_value labels = an_input(m.g, "labels", AN_I32, m.labels);
    m.fetch = an_softmax_cross_entropy(decoder(ids, AN_NONE), labels);
    m.up = an_minimize(m.fetch, an_adamw(.rate = 3e-4, .beta2 = 0.95, .eps = 1e-8, .decay = 0.1),
                       .groups = {{.rank_below = 2, .no_decay = true}});
    return m;
}

static model generator(void)
{
    model m = {.generates = true, .inference = true, .g = an_graph_new("gpt with a cache")};
    const an_value ids = an_input(m.g, "ids", AN_I32, AN_SHAPE(1, 1));
    const an_value position = an_input(m.g, "position", AN_I32, AN_SCALAR);
    m.fetch = an_argmax(decoder(ids, position), -1);
    m.up = an_updates_new(m.g, "caches");
    an_updates_take_pending(m.up, m.fetch);
    return m;
}

static model encoder(int64_t batch, int64_t length)
{
    model m = {.batch = batch, .length = length, .vocabulary = 1000, .labels = AN_SHAPE(batch),
               .g = an_graph_new("encoder")};
    const an_value ids = an_input(m.g, "ids", AN_I32, AN_SHAPE(batch, length));
    const an_value labels = an_input(m.g, "labels", AN_I32, m.labels);
    an_value x = an_nn_layer_norm(embedded(ids, AN_NONE, 1000, length), .eps = 1e-5);
    for (int i = 0; i < BLOCKS; i++) x = encoder_block(x);
    x = an_nn_dense(an_mean(x, 1), .units = 2, .name = "logits");
    m.fetch = an_softmax_cross_entropy(x, labels);
    m.up = an_minimize(m.fetch, an_adam(.rate = 1e-5, .eps = 1e-8));
    return m;
}

static model classifier(bool plain)
{
    an_model c = an_model_classifier(AN_CLASSIFIER_FULL);
    return (model){.batch = 32, .length = 100, .vocabulary = AN_CLASSIFIER_FULL.vocabulary,
                   .labels = AN_SHAPE(32, 1), .floats = true, .inference = plain, .g = c.g,
                   .fetch = c.loss, .up = an_minimize(c.loss, an_adam(.eps = 1e-8))};
}

static model model_of(const char *name)
{
    if (!strcmp(name, "gpt")) return gpt();
    if (!strcmp(name, "generate")) return generator();
    if (!strcmp(name, "encoder")) return encoder(8, 128);
    if (!strcmp(name, "encoder-short")) return encoder(32, 64);
    if (!strcmp(name, "classifier")) return classifier(false);
    if (!strcmp(name, "classifier-plain")) return classifier(true);
    return (model){0};
}

/* ---- answers --------------------------------------------------------------- */

static bool run(an_program *p, const an_feed feeds[2], an_tensor *out)
{
    const an_status status = an_run(p, .feed_list = feeds, .feed_count = 2, .out = {out});
    if (status != AN_OK) fprintf(stderr, "%s\n", an_program_message(p));
    return status == AN_OK;
}

/* Element i of all that is fed, from step 0 on. */
static int64_t feed(int64_t i, int64_t below) { return i * 7919 % 1000003 % below; }

static bool train(const model *m, an_program *p, int64_t step)
{
    static int32_t ids[MOST], labels[MOST];
    static float floats[MOST];
    const int64_t count = m->batch * m->length;
    const int64_t rows = m->labels.rank == 2 && !m->floats ? count : m->batch;
    for (int64_t i = 0; i < count; i++) ids[i] = (int32_t)feed(step * count + i, m->vocabulary);
    for (int64_t i = 0; i < rows; i++) {
        labels[i] = rows == count ? ids[(i + 1) % count] : ids[i * m->length] % 2;
        floats[i] = (float)labels[i];
    }
    const an_tensor x = an_tensor_borrow(AN_I32, AN_EXTENTS(m->batch, m->length), ids);
    const an_tensor y = an_tensor_borrow(m->floats ? AN_F32 : AN_I32, m->labels.rank, m->labels.dim,
                                         m->floats ? (void *)floats : labels);
    an_tensor loss = {0};
    const double start = now();
    const bool good = run(p, (an_feed[]){{"ids", &x}, {m->floats ? "label" : "labels", &y}}, &loss);
    printf("%.4f %.9g\n", now() - start, an_tensor_get(&loss, 0));
    an_tensor_free(&loss);
    return good;
}

static bool generate(an_program *p)
{
    int32_t id[PLACES + 1] = {1}, position = 0;
    const an_tensor at = an_tensor_borrow(AN_I32, 0, NULL, &position);
    an_tensor next = {0};
    bool good = true;
    const double start = now();
    for (; good && position < PLACES; position++) {
        const an_tensor ids = an_tensor_borrow(AN_I32, AN_EXTENTS(1, 1), &id[position]);
        good = run(p, (an_feed[]){{"ids", &ids}, {"position", &at}}, &next);
        id[position + 1] = (int32_t)an_tensor_get(&next, 0);
    }
    printf("%.4f", now() - start);
    for (int i = 1; i <= PLACES; i++) printf(" %d", id[i]);
    printf("\n");
    an_tensor_free(&next);
    return good;
}

int main(int argc, char **argv)
{
    const model m = argc == 4 ? model_of(argv[1]) : (model){0};
    if (!m.g) return fprintf(stderr, "bench_peers MODEL THREADS FILE\n"), 2;
    an_set_threads(atoi(argv[2]));
    an_store *s = an_store_new(1);
    an_program *p = an_compile(m.g, s, .fetch = {m.fetch}, .update = m.up,
                               .inference = m.inference);
    if (!p) return fprintf(stderr, "%s\n", an_compile_message(m.g)), 1;
    bool good = an_checkpoint_save(s, argv[3], NULL, 0) == AN_OK;
    if (!good) fprintf(stderr, "%s\n", an_store_message(s));
    printf("%s\n", an_runtime_describe());
    fflush(stdout);
    char line[8];
    for (int64_t step = 0; good && fgets(line, sizeof line, stdin); step++) {
        good = m.generates ? generate(p) : train(&m, p, step);
        fflush(stdout);
    }
    an_program_free(p);
    an_store_free(s);
    an_graph_free(m.g);
    return good ? 0 : 1;
}
