/* multimodal.c -- questions about pictures: patches and words as tokens in one residual stream.
 *
 * Each patch of a picture and each word of a question becomes a vector of the same width, with what
 * is learnt of its place added; then they are one row of tokens, and blocks of attention and dense
 * layers, an Add & Norm behind each, do not ask which is which. The mean over all of them gives the
 * answer. Beside it stand the same net that sees no picture, the same that reads no question, and
 * the commonest answer.
 *
 * By default scenes and questions are generated (multimodal_scenes.c); --scenes reads PNG files and
 * a TSV (multimodal_data.c). */
#include "examples/multimodal.h"

#include <math.h>
#include <stdio.h>

enum { WIDTH = 64, HEADS = 4, BLOCKS = 3 };
typedef enum senses { BOTH, NO_PICTURE, NO_QUESTION } senses;
static const char *const net_names[] = {"both", "no_picture", "no_question"};

/* ---- the architecture ---------------------------------------------------- */

static an_value block(an_value x, an_value lengths)
{
    an_scope_open_unique(x, "block");
    x = an_nn_residual(x, an_nn_attention(x, .heads = HEADS, .lengths = lengths));
    const an_value y = an_gelu(an_nn_dense(x, .units = 2 * WIDTH), AN_TANH);
    x = an_nn_residual(x, an_nn_dense(y, .units = WIDTH));
    an_scope_close(x);
    return x;
}

static an_value see(an_value picture)
{
    return an_nn_positions(an_nn_dense(picture, .units = WIDTH, .name = "patches"), .most = PATCHES,
                           .name = "places");
}

static an_value hear(an_value words, const corpus *c)
{
    const int64_t longest = c->known.words.extent[1];
    const an_value x = an_nn_embedding(words, .vocab = c->vocabulary, .units = WIDTH,
                                       .name = "words");
    return an_nn_positions(x, .most = longest, .name = "order");
}

static an_value network(an_graph *g, senses with, const corpus *c)
{
    const an_dim B = an_dim_named(g, "B"), T = an_dim_named(g, "T");
    an_value picture = AN_NONE, words = AN_NONE, lengths = AN_NONE, x;
    if (with != NO_PICTURE)
        picture = see(an_input(g, "picture", AN_F32, AN_SHAPE(B, PATCHES, PIXELS)));
    if (with != NO_QUESTION) {
        const an_value ids = an_input(g, "words", AN_I32, AN_SHAPE(B, T));
        lengths = an_sum(an_cast(an_compare(ids, AN_NE, an_number(ids, 0)), AN_I32), 1);
        words = hear(ids, c);
    }
    if (with == BOTH) {
        x = an_concat((an_value[]){picture, words}, 2, 1);
        lengths = an_add(lengths, an_number(lengths, PATCHES));
    } else x = with == NO_PICTURE ? words : picture;
    x = an_nn_layer_norm(x);
    for (int i = 0; i < BLOCKS; i++) x = block(x, lengths);
    return an_nn_dense(an_nn_mean_over_time(x, lengths), .units = c->answers, .name = "answer");
}

/* ---- a training ------------------------------------------------------------ */

typedef struct plan {
    example e;
    const char *scenes, *write;
    int64_t count, new, epochs, batch;
    double rate;
} plan;

typedef struct model {
    an_graph *graph;
    an_store *store;
    an_program *train, *test;
} model;

static bool build(model *m, const plan *p, senses with, const corpus *c)
{
    an_graph *g = m->graph = an_graph_new(net_names[with]);
    const an_value logits = network(g, with, c);
    const an_value answer = an_input(g, "answer", AN_I32, AN_SHAPE(an_dim_of(logits, 0)));
    const an_value loss = an_softmax_cross_entropy(logits, answer);
    const an_value accuracy = an_accuracy(logits, answer, 0.5);
    const int64_t steps = p->epochs * ((c->known.count + p->batch - 1) / p->batch);
    const an_schedule s = an_warmup_cosine(.peak = p->rate, .warmup = steps / 10, .steps = steps);
    an_graph_output(loss, "loss");
    m->store = an_store_new(p->e.seed);
    m->train = an_compile(g, m->store, .fetch = {loss, accuracy},
                          .update = an_minimize(loss, an_adam(.schedule = s), .clip_norm = 1));
    m->test = an_compile(g, m->store, .fetch = {loss, accuracy}, .inference = true);
    if (m->train && m->test) return true;
    fprintf(stderr, "multimodal: %s\n", an_compile_message(g));
    return false;
}

static void free_model(model *m)
{
    an_program_free(m->train);
    an_program_free(m->test);
    an_store_free(m->store);
    an_graph_free(m->graph);
}

/* Of the questions, what a net with such senses is fed. */
typedef struct feeds {
    an_tensor answers, pictures;
    an_feed answer, first, second;
} feeds;

static void feed(feeds *f, const questions *q, senses with)
{
    f->answers = an_tensor_view(AN_I32, AN_EXTENTS(q->count), q->answer);
    f->pictures = an_tensor_view(AN_F32, AN_EXTENTS(q->count, PATCHES, PIXELS), q->patches);
    const an_feed picture = {"picture", &f->pictures}, words = {"words", &q->words}, none = {0};
    f->answer = (an_feed){"answer", &f->answers};
    f->first = with == NO_QUESTION ? picture : words;
    f->second = with == BOTH ? picture : none;
}

/* The share of new questions that a net answers right after training; NaN after a message. */
static double measure(plan *p, const corpus *c, senses with)
{
    model m = {0};
    feeds known, new;
    double right = NAN;
    feed(&known, &c->known, with);
    feed(&new, &c->new, with);
    if (!build(&m, p, with, c) ||
        (with == BOTH && (!example_same(&p->e, m.graph, m.train, "B=2,T=6") ||
                          !example_draw(&p->e, an_program_graph(m.test)))))
        return free_model(&m), NAN;
    an_history *h = an_fit(m.train, .data = {known.answer, known.first, known.second},
                           .metric = {"loss", "accuracy"}, .epochs = p->epochs,
                           .batch = p->batch, .seed = p->e.seed, .progress = stderr);
    an_scores *s = an_evaluate(m.test, .data = {new.answer, new.first, new.second}, .batch = 100);
    if (an_history_status(h) != AN_OK)
        fprintf(stderr, "multimodal: %s\n", an_history_message(h));
    else if (an_scores_status(s) != AN_OK)
        fprintf(stderr, "multimodal: %s\n", an_scores_message(s));
    else right = an_scores_value(s, 1);
    an_history_free(h);
    an_scores_free(s);
    free_model(&m);
    printf("%-12s %.4f of %lld new questions\n", net_names[with], right, (long long)c->new.count);
    example_figure(&p->e, right, "%s", net_names[with]);
    return right;
}

/* ---- the program ----------------------------------------------------------- */

/* The net of both as it was written. */
static bool print(const plan *p, const corpus *c)
{
    model m = {0};
    const bool good = build(&m, p, BOTH, c) && example_print(&p->e, m.graph);
    free_model(&m);
    return good;
}

static bool run(plan *p, corpus *c)
{
    const bool good = (p->scenes ? read_all(c, p->scenes)
                                 : draw_all(c, p->e.seed, p->count, p->new)) && encode_words(c);
    if (!good || p->e.graph) return good && print(p, c);
    const double both = measure(p, c, BOTH), most = majority(c);
    if (!isfinite(both)) return false;
    const double blind = measure(p, c, NO_PICTURE), deaf = measure(p, c, NO_QUESTION);
    const double best = fmax(most, fmax(blind, deaf));
    printf("%-12s %.4f\n%+.1f points over the best of these\n", "commonest", most,
           100 * (both - best));
    example_figure(&p->e, most, "majority");
    example_figure(&p->e, both - best, "margin");
    /* Of other scenes than the generated ones nothing is asked but that it be better. */
    return isfinite(best) && both > best + (p->scenes ? 0 : p->e.small ? 0.03 : 0.2);
}

int main(int argc, char **argv)
{
    plan p = {.count = 12000, .new = 2000, .epochs = 8, .batch = 64, .rate = 2e-3,
              .e = {.name = "multimodal", .does = "answers questions about pictures", .seed = 1,
                    .threads = 2}};
    const example_option own[] = {
        {"--scenes", "a TSV of picture, question, answer; none: generated", .text = &p.scenes},
        {"--questions", "generated ones to learn from", .count = &p.count},
        {"--new", "and to test on", .count = &p.new},
        {"--epochs", "of training", .count = &p.epochs},
        {"--rate", "Adam's at its peak", .number = &p.rate},
        {"--write", "DIR for the generated ones as --scenes reads them", .text = &p.write}, {0}};
    if (!example_begin(&p.e, argc, argv, own)) return p.e.code;
    if (p.e.small) { /* asks that it uses both, no more */
        p.count = 4000;
        p.new = 500;
        p.batch = 32;
        if (p.epochs > 3) p.epochs = 3;
    }
    if (p.write) return write_all(p.write, p.e.seed, p.count) ? 0 : 1;
    corpus c = {0};
    const bool good = run(&p, &c);
    free_corpus(&c);
    return example_end(&p.e, good);
}
