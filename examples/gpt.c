/* gpt.c -- a decoder-only language model of characters, against a model that counts.
 *
 *     gpt                                           learns generated lines, and writes some
 *     gpt --norm rms --rotary                       other norms and positions
 *     gpt --train book.txt --weights book.safetensors --steps 5000
 *     gpt --train book.txt --weights book.safetensors --generate 500 --prompt "It was"
 *
 * Characters are bytes of UTF-8. The text is generated unless a file is given, and its last
 * twentieth is held out. What the model makes of that, in bits a byte, is compared with an
 * interpolated Kneser-Ney model of 5 bytes, counted on the whole rest; the generated lines hang
 * together over more than 5. The answer is 0 if the model is the better one (with --small, or of a
 * file: 0.3 bits better than a model of single bytes), what is trained is proved to be what was
 * written, and it writes the same text with its cache of keys and values as without.
 * The picture is of the graph that writes without the cache.
 *
 * Beside this file: gpt_model.c (the architecture), gpt_train.c, gpt_generate.c, gpt_text.c,
 * gpt_ngram.c.                                                                 */
#include "examples/gpt.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_BYTES = 100000 }; /* that are written */

typedef struct options {
    gpt_config config;
    gpt_sampling sampling;
    const char *norm, *file, *weights;
    example e;
} options;

/* ---- bits a byte ----------------------------------------------------------- */

static double count_bits(const gpt_text *t, int order, int64_t first, int64_t count)
{
    ngram *n = ngram_new(order, t->byte, t->held);
    const double bits = n ? ngram_bits(n, t->byte + first, count) : NAN;
    if (!n) fprintf(stderr, "gpt: out of memory\n");
    ngram_free(n);
    return bits;
}

static double uniform_bits(const gpt_text *t)
{
    bool seen[BYTES] = {false};
    int kinds = 0;
    for (int64_t i = 0; i < t->count; i++) {
        kinds += !seen[t->byte[i]];
        seen[t->byte[i]] = true;
    }
    return log2(kinds);
}

/* Prints all figures and keeps them; whether the model is good enough. */
static bool compare(options *o, const gpt *m, const gpt_text *t)
{
    double bits = NAN;
    int64_t first = 0, count = 0;
    if (!gpt_test(m, t, &bits, &first, &count)) return false;
    const double unigram = count_bits(t, 1, first, count), five = count_bits(t, 5, first, count);
    const struct { const char *name; double bits; } rows[] = {
        {"uniform", uniform_bits(t)}, {"unigram", unigram}, {"five_gram", five}, {"gpt", bits},
        {"margin", five - bits}, {"entropy", t->entropy}};
    printf("\nbits a byte of %lld held out:\n", (long long)count);
    for (int i = 0; i < (t->entropy > 0 ? 6 : 5); i++) {
        printf("  %-10s %.3f\n", rows[i].name, rows[i].bits);
        example_figure(&o->e, rows[i].bits, "%s", rows[i].name);
    }
    return o->e.small || o->file ? bits < unigram - 0.3 : bits < five;
}

/* ---- proof, weights, text ---------------------------------------------------- */

/* The graph that trains is the one that was written, with gradients and updates. */
static bool prove(options *o, const gpt *m)
{
    const an_graph *g = an_program_graph(m->train);
    an_proof *p = an_prove(.a = m->graph, .b = g, .subset = true);
    const char *op = m->config.norm == GPT_RMS ? "add_rms_norm" : "add_norm";
    const char *gradient = m->config.norm == GPT_RMS ? "add_rms_norm_grad" : "add_norm_grad";
    printf("%s: %lld weights, %lld %s, %lld %s; %s\n", o->norm,
           (long long)an_graph_parameters(m->graph), (long long)an_graph_count(g, op), op,
           (long long)an_graph_count(g, gradient), gradient,
           an_proof_answer_name(an_proof_says(p)));
    const bool holds = an_proof_holds(p);
    if (!holds) fprintf(stderr, "gpt: %s\n", an_proof_message(p));
    example_figure(&o->e, (double)an_graph_count(g, op), "fused");
    example_figure(&o->e, (double)an_graph_count(g, gradient), "fused_gradients");
    an_proof_free(p);
    return holds;
}

/* Weights come from the file, if there is one; else they are trained, and go there. */
static bool find_weights(const options *o, const gpt *m, const gpt_text *t)
{
    FILE *there = o->weights ? fopen(o->weights, "rb") : NULL;
    bool good = true;
    if (there) {
        fclose(there);
        good = an_checkpoint_load(m->store, o->weights, NULL) == AN_OK;
    } else {
        if (!gpt_train(m, t, o->e.seed)) return false;
        if (o->weights) good = an_checkpoint_save(m->store, o->weights, NULL, 0) == AN_OK;
    }
    if (!good) fprintf(stderr, "gpt: %s\n", an_store_message(m->store));
    return good;
}

/* Writes text with the cache and without: it must be the same. */
static bool write_text(options *o, const gpt *m)
{
    static unsigned char cached[MOST_BYTES], plain[MOST_BYTES];
    const int64_t count = o->sampling.count;
    if (count == 0) return true;
    double fast = 0, slow = 0;
    if (!gpt_generate(m, &o->sampling, true, cached, &fast) ||
        !gpt_generate(m, &o->sampling, false, plain, &slow)) return false;
    const bool same = !memcmp(cached, plain, (size_t)count);
    printf("\n%s", o->sampling.prompt);
    fwrite(cached, 1, (size_t)count, stdout);
    printf("\n\n%.0f bytes a second with the cache, %.0f without; %s text\n", (double)count / fast,
           (double)count / slow, same ? "the same" : "ANOTHER");
    example_figure(&o->e, (double)count / fast, "bytes_per_second");
    example_figure(&o->e, slow / fast, "cache_speedup");
    example_figure(&o->e, same, "cached_is_uncached");
    return same;
}

static bool check(options *o)
{
    static const char *const norms[] = {"pre", "post", "rms"};
    gpt_config *c = &o->config;
    int norm = 0;
    while (norm < 3 && strcmp(norms[norm], o->norm)) norm++;
    c->norm = (gpt_norm)norm;
    const bool good = norm < 3 && c->context >= 2 && c->context <= MOST_CONTEXT && c->steps > 0 &&
                      o->sampling.count <= MOST_BYTES && o->sampling.prompt[0] &&
                      o->sampling.temperature >= 0;
    if (!good) fprintf(stderr, "gpt: a norm is pre, post or rms; the context 2 to %d; there is a "
                       "step, a prompt, no cold below 0, and at most %d bytes; see gpt --help\n",
                       MOST_CONTEXT, MOST_BYTES);
    return good;
}

static bool long_enough(const options *o, const gpt_text *t)
{
    const bool good = t->count - t->held > 2 * o->config.context;
    if (!good) fprintf(stderr, "gpt: %lld bytes are too few: a twentieth is held out, and must be "
                       "more than 2 contexts\n", (long long)t->count);
    return good;
}

int main(int argc, char **argv)
{
    options o = {.config = {.context = 128, .width = 64, .heads = 4, .blocks = 2, .steps = 1400},
                 .sampling = {"Edith and ", .count = 300, .top_k = 20, .temperature = 0.8},
                 .norm = "pre",
                 .e = {.name = "gpt", .does = "learns to write", .seed = 1}};
    const example_option own[] = {
        {"--norm", "pre, post or rms", .text = &o.norm},
        {"--rotary", "positions turn queries and keys; else they are learned",
         .flag = &o.config.rotary},
        {"--train", "a file to learn; else lines are generated", .text = &o.file},
        {"--weights", "a file to take them from, or if there is none, to leave them in",
         .text = &o.weights},
        {"--steps", "of 16 pieces of text each", .count = &o.config.steps},
        {"--context", "bytes that are seen", .count = &o.config.context},
        {"--width", "numbers a byte becomes", .count = &o.config.width},
        {"--heads", "of attention", .count = &o.config.heads},
        {"--blocks", "of attention and a wide layer", .count = &o.config.blocks},
        {"--generate", "bytes to write", .count = &o.sampling.count},
        {"--prompt", "what they follow", .text = &o.sampling.prompt},
        {"--top-k", "of how many likely bytes one is drawn; 0: all", .count = &o.sampling.top_k},
        {"--temperature", "below 1 the likely ones gain", .number = &o.sampling.temperature}, {0}};
    if (!example_begin(&o.e, argc, argv, own)) return o.e.code;
    if (!check(&o)) return 2;
    if (o.e.small) {
        if (o.config.context > 64) o.config.context = 64;
        if (o.config.steps > 100) o.config.steps = 100;
        if (o.sampling.count > 100) o.sampling.count = 100;
    }
    o.sampling.seed = o.e.seed;
    gpt_text t = {0};
    gpt m = {0};
    bool good = o.file ? read_text(&t, o.file)
                       : generate_text(&t, o.e.small ? 100000 : 640000, o.e.seed);
    good = good && long_enough(&o, &t) && gpt_build(&m, &o.config, o.e.seed);
    if (good && o.e.graph) {
        good = example_print(&o.e, m.graph);
    } else if (good && prove(&o, &m) && find_weights(&o, &m, &t) &&
               example_draw(&o.e, an_program_graph(m.whole))) {
        const bool better = compare(&o, &m, &t);
        good = write_text(&o, &m) && better;
    } else {
        good = false;
    }
    gpt_free(&m);
    free_text(&t);
    return example_end(&o.e, good);
}
