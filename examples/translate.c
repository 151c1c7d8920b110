/* translate.c -- a Transformer that translates, as Vaswani et al. (2017) drew it.
 *
 * An encoder reads the source, a decoder says the translation word by word: each of its blocks
 * attends to what was said before, then to what the encoder has made of the source, and has three
 * Add & Norm. In training it is told all words before, right ones (teacher forcing), and padding
 * counts for nothing (ignore_index). Afterwards it has to do with its own.
 *
 * The picture is of the graph that gives the loss, without gradients.
 *
 * Beside this file: translate_data.c (the language), translate_baselines.c (a dictionary, a
 * memory), translate_search.c (greedy and beam search), translate_report.c.      */
#include "examples/translate.h"

#include <stdio.h>

enum { HEADS = 4, BLOCKS = 2 };

/* ---- the architecture ------------------------------------------------------ */

/* [B,T] -> [B,T,WIDTH]: a word and its place. */
static an_value embed(an_value ids, int64_t words, const char *name)
{
    const an_value x = an_nn_embedding(ids, .vocab = words, .units = WIDTH, .name = name,
                                       .table_start = AN_START(AN_INIT_NORMAL, 0, 0.3));
    return an_add(x, an_nn_sinusoidal(x, AN_NONE));
}

static an_value feed_forward(an_value x)
{
    return an_nn_dense(an_relu(an_nn_dense(x, .units = 2 * WIDTH)), .units = WIDTH);
}

static an_value encoder(an_value source, an_value length, int64_t words)
{
    an_value x = embed(source, words, "source_words");
    for (int i = 0; i < BLOCKS; i++) {
        an_scope_open_unique(x, "encoder");
        x = an_nn_residual(x, an_nn_attention(x, .heads = HEADS, .lengths = length));
        x = an_nn_residual(x, feed_forward(x));
        an_scope_close(x);
    }
    return x;
}

/* Logits of the word behind each of the target's, [B,T,words]. */
static an_value decoder(an_value target, an_value memory, an_value length, int64_t words)
{
    an_value x = embed(target, words, "target_words");
    for (int i = 0; i < BLOCKS; i++) {
        an_scope_open_unique(x, "decoder");
        x = an_nn_residual(x, an_nn_attention(x, .heads = HEADS, .causal = true));
        x = an_nn_residual(x, an_nn_attention(x, .heads = HEADS, .memory = memory,
                                              .lengths = length, .name = "cross"));
        x = an_nn_residual(x, feed_forward(x));
        an_scope_close(x);
    }
    return an_nn_dense(x, .units = words, .name = "logits");
}

typedef struct model {
    an_graph *graph, *search; /* the whole; the decoder alone, its weights the same by name */
    an_store *store;
    an_program *train, *whole; /* both give the loss; the latter is drawn */
    translator translate;
} model;

static bool build(model *m, const languages *l, int64_t steps, double rate,
                  uint64_t seed)
{
    const int64_t source_words = an_tokenizer_vocabulary(l->source);
    const int64_t target_words = an_tokenizer_vocabulary(l->target);
    an_graph *g = m->graph = an_graph_new("translator");
    const an_dim B = an_dim_named(g, "B");
    const an_value source = an_input(g, "source", AN_I32, AN_SHAPE(B, LENGTH));
    const an_value length = an_input(g, "length", AN_I32, AN_SHAPE(B));
    const an_value target = an_input(g, "target", AN_I32, AN_SHAPE(B, LENGTH));
    const an_value label = an_input(g, "label", AN_I32, AN_SHAPE(B, LENGTH));
    const an_value memory = encoder(source, length, source_words);
    const an_value logits = decoder(target, memory, length, target_words);
    const an_value loss = an_softmax_cross_entropy(logits, label, .ignore_index = AN_ID(0));
    an_graph_output(loss, "loss");
    const an_schedule rising = an_warmup_cosine(.peak = rate, .warmup = steps / 10, .steps = steps);
    const an_updates up = an_minimize(loss, an_adam(.schedule = rising), .clip_norm = 1);
    m->store = an_store_new(seed);
    m->train = an_compile(g, m->store, .fetch = {loss}, .update = up);
    m->whole = an_compile(g, m->store, .fetch = {loss}, .inference = true);
    m->translate.encode = an_compile(g, m->store, .fetch = {memory}, .inference = true);

    an_graph *s = m->search = an_graph_new("decoder");
    const an_dim N = an_dim_named(s, "N"), T = an_dim_named(s, "T");
    const an_value said = an_input(s, "target", AN_I32, AN_SHAPE(N, T));
    const an_value seen = an_input(s, "memory", AN_F32, AN_SHAPE(N, LENGTH, WIDTH));
    const an_value lengths = an_input(s, "length", AN_I32, AN_SHAPE(N));
    const an_value scores = an_log_softmax(decoder(said, seen, lengths, target_words), -1);
    m->translate.decode = an_compile(s, m->store, .fetch = {scores}, .inference = true);
    m->translate.start = l->start;
    m->translate.stop = l->stop;
    const bool good = m->train && m->whole && m->translate.encode;
    if (good && m->translate.decode) return true;
    fprintf(stderr, "translate: %s\n", an_compile_message(good ? s : g));
    return false;
}

static void free_model(model *m)
{
    an_program_free(m->train);
    an_program_free(m->whole);
    an_program_free(m->translate.encode);
    an_program_free(m->translate.decode);
    an_store_free(m->store);
    an_graph_free(m->graph);
    an_graph_free(m->search);
}

/* How many Add & Norm are one op in each part; whether what trains is what was written. */
static bool check(const model *m, example *e)
{
    const an_graph *made[] = {an_program_graph(m->translate.encode),
                              an_program_graph(m->translate.decode), an_program_graph(m->train)};
    const char *const names[] = {"encoder", "decoder", "training"};
    for (int i = 0; i < 3; i++)
        example_figure(e, (double)an_graph_count(made[i], "add_norm"), "%s_add_norm", names[i]);
    example_figure(e, (double)an_graph_count(made[2], "add_norm_grad"), "training_add_norm_grad");
    an_equivalence *q = an_equivalent(m->graph, made[2], .gradients = true, .subset = true,
                                      .bind = "B=2");
    const bool same = example_proves(q);
    printf("%lld parameters; of %d + %d blocks %lld Add & Norm fused, %lld gradients of one; %s\n",
           (long long)an_graph_parameters(m->graph), BLOCKS, BLOCKS,
           (long long)an_graph_count(made[2], "add_norm"),
           (long long)an_graph_count(made[2], "add_norm_grad"),
           same ? "proved, the same bits" : an_equivalence_message(q));
    example_figure(e, same, "proved");
    an_equivalence_free(q);
    return same && example_draw(e, an_program_graph(m->whole));
}

static bool train(const model *m, const pairs *p, int64_t epochs, int64_t batch, uint64_t seed)
{
    const int64_t n = p->count;
    const an_tensor source = an_tensor_view(AN_I32, AN_EXTENTS(n, LENGTH), p->source);
    const an_tensor length = an_tensor_view(AN_I32, AN_EXTENTS(n), p->length);
    const an_tensor target = an_tensor_view(AN_I32, AN_EXTENTS(n, LENGTH), p->target);
    const an_tensor label = an_tensor_view(AN_I32, AN_EXTENTS(n, LENGTH), p->label);
    if (epochs == 0) return true;
    an_history *h = an_fit(m->train, .data = {{"source", &source}, {"length", &length},
                                              {"target", &target}, {"label", &label}},
                           .epochs = epochs, .batch = batch, .seed = seed, .progress = stdout);
    const bool good = an_history_status(h) == AN_OK;
    if (!good) fprintf(stderr, "translate: %s\n", an_history_message(h));
    an_history_free(h);
    return good;
}

/* ---- the program ----------------------------------------------------------- */

int main(int argc, char **argv)
{
    int64_t epochs = 6, batch = 32, width = 4;
    double rate = 1.5e-3;
    example e = {.name = "translate", .does = "trains an encoder and a decoder to translate",
                 .seed = 1, .depth = 1};
    const example_option own[] = {
        {"--epochs", "of training, over 20000 pairs", .count = &epochs},
        {"--beam", "beginnings kept in beam search, 1 to 16", .count = &width}, {0}};
    if (!example_begin(&e, argc, argv, own)) return e.code;
    if (e.small) { /* few pairs, in more steps */
        epochs = epochs < 3 ? epochs : 3;
        batch = 16;
        rate = 3e-3;
    }
    width = width < 1 ? 1 : width < MOST_BEAM ? width : MOST_BEAM;

    static pairs known, test;
    static results r;
    languages l = {0};
    model m = {0};
    r.width = (int)width;
    uint64_t random = e.seed;
    draw_pairs(&known, e.small ? 2000 : MOST_PAIRS, NULL, &random);
    draw_pairs(&test, e.small ? 100 : TEST, &known, &random);
    const int64_t steps = epochs * ((known.count + batch - 1) / batch);
    bool good = number_words(&l, &known) && number_words(&l, &test) &&
                build(&m, &l, steps > 0 ? steps : 1, rate, e.seed);
    if (good && e.graph) {
        good = example_print(&e, m.graph);
    } else if (good && check(&m, &e) && train(&m, &known, epochs, batch, e.seed) &&
               translate_pairs(&m.translate, &test, 1, r.greedy, r.greedy_score) &&
               translate_pairs(&m.translate, &test, r.width, r.beam, r.beam_score)) {
        translate_words(&l, &known, &test, r.words);
        translate_as_neighbour(&known, &test, r.neighbour);
        good = report(&e, &l, &test, &r);
    } else {
        good = false;
    }
    free_model(&m);
    an_tokenizer_free(l.source);
    an_tokenizer_free(l.target);
    return example_end(&e, good);
}
