/* encoder.c -- BERT in small: an encoder learns words from texts without labels, then a task.
 *
 * Pretraining hides words, and the encoder guesses them (Devlin et al. 2019). Then the same weights
 * of the same store, with another head, are fine-tuned as a classifier on 500 labelled reviews.
 * Beside it stand the same encoder trained on those 500 alone, a linear model of the words that
 * occur, and the most frequent label; all on reviews never seen.
 *
 * Each block is post-norm, twice Add & Norm: every one of them fuses, and the program proves of
 * both training graphs that what runs is what was written. encoder_data.c has the texts,
 * encoder_report.c the proof and the figures. */
#include "examples/encoder.h"

#include <math.h>
#include <stdio.h>

enum { WIDTH = 64, HEADS = 4 };

/* ---- the architecture ---------------------------------------------------- */

/* Places are told by turning queries and keys (Su et al. 2021): what is learnt of a sentence holds
 * wherever in a text it stands. */
static an_value block(an_value x, an_value lengths, double drop)
{
    an_scope_open_unique(x, "block");
    an_value y = an_nn_attention(x, .heads = HEADS, .lengths = lengths, .rotary = 10000);
    x = an_nn_residual(x, an_dropout(y, drop));
    y = an_gelu(an_nn_dense(x, .units = 2 * WIDTH), AN_TANH);
    x = an_nn_residual(x, an_dropout(an_nn_dense(y, .units = WIDTH), drop));
    an_scope_close(x);
    return x;
}

/* [B, T, WIDTH] of ids[B, T]: each word as its text has it. */
static an_value encoder(an_value ids, an_value lengths, double drop, const corpus *c,
                        int64_t blocks)
{
    an_scope_open(ids, "encoder");
    an_value x = an_nn_embedding(ids, .vocab = c->vocabulary, .units = WIDTH, .name = "words");
    x = an_dropout(an_nn_layer_norm(x, .eps = 1e-6), drop);
    for (int64_t i = 0; i < blocks; i++) x = block(x, lengths, drop);
    an_scope_close(ids);
    return x;
}

/* A logit of each word at each place: how near the place is to the word's own embedding. */
static an_value guess_words(an_value h, const corpus *c)
{
    an_graph *g = h.graph;
    h = an_nn_layer_norm(an_gelu(an_nn_dense(h, .units = WIDTH, .name = "guess"), AN_TANH));
    h = an_matmul_t(h, false, an_graph_state(g, "encoder/words/table"), true);
    return an_add(h, an_state(g, "guess/bias_of_word", AN_F32, AN_SHAPE(c->vocabulary),
                              (an_init){AN_INIT_ZEROS, 0, 0}));
}

/* The mean over the words of a text, `is_word`[B, T], then a logit of each class. */
static an_value classify(an_value h, an_value is_word, an_value lengths, const corpus *c)
{
    const an_dim B = an_type_of(h).shape.dim[0], T = an_type_of(h).shape.dim[1];
    is_word = an_reshape(is_word, AN_SHAPE(B, T, 1));
    const an_value sum = an_sum(an_where(is_word, h, an_number(h, 0)), 1);
    const an_value count = an_reshape(an_cast(lengths, AN_F32), AN_SHAPE(B, 1));
    const an_value mean = an_div(sum, an_maximum(count, an_number(count, 1)));
    return an_nn_dense(mean, .units = c->classes, .name = "classes");
}

/* Either the guessing of words or the labelling of texts, by so many steps. */
static task describe(const plan *p, const corpus *c, bool guess, int64_t steps)
{
    const char *name = guess ? "pretraining" : "tuning";
    task t = {.graph = an_graph_new(name)};
    const an_dim B = an_dim_named(t.graph, "B"), T = an_dim_named(t.graph, "T");
    const an_value ids = an_input(t.graph, "text", AN_I32, AN_SHAPE(B, T));
    const an_value is_word = an_compare(ids, AN_NE, an_number(ids, 0));
    const an_value lengths = an_sum(an_cast(is_word, AN_I32), 1);
    const an_value h = encoder(ids, lengths, guess ? 0 : 0.1, c, p->blocks);
    if (guess) {
        const an_value hidden = an_input(t.graph, "label", AN_I32, AN_SHAPE(B, T));
        t.loss = an_softmax_cross_entropy(guess_words(h, c), hidden, .ignore_index = AN_ID(0));
    } else {
        const an_value label = an_input(t.graph, "label", AN_I32, AN_SHAPE(B));
        const an_value logits = classify(h, is_word, lengths, c);
        t.loss = an_softmax_cross_entropy(logits, label);
        t.accuracy = an_accuracy(logits, label, 0.5);
    }
    an_graph_output(t.loss, "loss");
    /* Each optimizer's states bear its name: fine-tuning begins with moments of its own. */
    const double peak = guess ? 5e-3 : 1e-3;
    const an_schedule s = an_warmup_cosine(.peak = peak, .warmup = steps / 10, .steps = steps);
    t.step = an_minimize(t.loss, an_adamw(.name = name, .decay = 0.01, .schedule = s),
                         .clip_norm = 1, .groups = {{.rank_below = 2, .no_decay = true}});
    return t;
}

static an_program *compile(const task *t, an_store *store, bool train)
{
    an_program *p = an_compile(t->graph, store, .fetch = {t->loss, t->accuracy},
                               .inference = !train, .update = train ? t->step : (an_updates){0});
    if (!p) fprintf(stderr, "encoder: %s\n", an_compile_message(t->graph));
    return p;
}

/* ---- training ------------------------------------------------------------ */

/* Steps on texts by chance, each with other words hidden. */
static bool pretrain(plan *p, const corpus *c, an_program *train)
{
    static int32_t shown[BATCH * LONGEST], hidden[BATCH * LONGEST];
    const int64_t part = p->steps < 10 ? 1 : p->steps / 10;
    const double by_frequency = loss_by_frequency(c);
    uint64_t random = p->e.seed;
    an_tensor loss = {0};
    double sum = 0, last = INFINITY;
    an_status status = AN_OK;
    printf("perplexity of a hidden word, by frequency %.3f\n", exp(by_frequency));
    for (int64_t i = 1; status == AN_OK && i <= p->steps; i++) {
        const int64_t T = hide_words(c, &random, shown, hidden);
        const an_tensor text = an_tensor_borrow(AN_I32, AN_EXTENTS(BATCH, T), shown);
        const an_tensor label = an_tensor_borrow(AN_I32, AN_EXTENTS(BATCH, T), hidden);
        status = an_run(train, .feed = {{"text", &text}, {"label", &label}}, .out = {&loss});
        sum += an_tensor_get(&loss, 0);
        if (i % part) continue;
        last = sum / (double)part;
        sum = 0;
        printf("  step %5d: %.3f\n", (int)i, exp(last));
        example_figure(&p->e, last, "masked_loss_%d", (int)i);
    }
    an_tensor_free(&loss);
    example_figure(&p->e, by_frequency, "loss_by_frequency");
    const bool good = status == AN_OK && (p->train || last < by_frequency - 0.5);
    if (!good)
        fprintf(stderr, "encoder: %s\n", status != AN_OK ? an_program_message(train)
                : "it guesses words hardly better than by their frequency");
    return good;
}

double tune(plan *p, const corpus *c, const task *t, an_store *store, const an_tensor *text,
            const an_tensor *held_out, const char *name)
{
    double accuracy = NAN;
    an_program *train = compile(t, store, true), *test = compile(t, store, false);
    an_history *h = an_fit(train, .data = {{"text", text}, {"label", &c->labelled.label}},
                           .metric = {"loss", "accuracy"}, .epochs = p->epochs, .batch = FEW,
                           .seed = p->e.seed);
    an_scores *s = an_evaluate(test, .data = {{"text", held_out}, {"label", &c->held_out.label}},
                               .batch = 100);
    if (an_history_status(h) != AN_OK)
        fprintf(stderr, "encoder: %s: %s\n", name, an_history_message(h));
    else if (an_scores_status(s) != AN_OK)
        fprintf(stderr, "encoder: %s: %s\n", name, an_scores_message(s));
    else {
        accuracy = an_scores_value(s, 1);
        printf("%-14s %.4f of %d texts held out (%.3f of the %d trained on)\n", name, accuracy,
               HELD_OUT, an_history_train(h, p->epochs - 1, 1), LABELLED);
        example_figure(&p->e, accuracy, "%s", name);
    }
    an_history_free(h);
    an_scores_free(s);
    an_program_free(train);
    an_program_free(test);
    return accuracy;
}

/* ---- the program ----------------------------------------------------------- */

/* What pretrains, as it was written. */
static bool print(const plan *p, const corpus *c)
{
    const task words = describe(p, c, true, p->steps);
    const bool good = example_print(&p->e, words.graph);
    an_graph_free(words.graph);
    return good;
}

static bool run(plan *p, const corpus *c)
{
    const task words = describe(p, c, true, p->steps);
    const task labels = describe(p, c, false, p->epochs * ((LABELLED + FEW - 1) / FEW));
    an_store *store = an_store_new(p->e.seed), *fresh = an_store_new(p->e.seed);
    an_program *guess = compile(&words, store, true), *label = compile(&labels, fresh, true);
    bool good = guess && label && verify(&p->e, &words, guess) && verify(&p->e, &labels, label) &&
                example_draw(&p->e, an_program_graph(guess)) && pretrain(p, c, guess);
    if (good) {
        const an_tensor *text = &c->labelled.ids, *held_out = &c->held_out.ids;
        const double most = majority(c), bag = bag_of_words(p, c);
        const double scratch = tune(p, c, &labels, fresh, text, held_out, "from_scratch");
        const double tuned = tune(p, c, &labels, store, text, held_out, "fine_tuned");
        good = judge(p, most, bag, scratch, tuned);
    }
    an_program_free(guess);
    an_program_free(label);
    an_store_free(store);
    an_store_free(fresh);
    an_graph_free(words.graph);
    an_graph_free(labels.graph);
    return good;
}

int main(int argc, char **argv)
{
    plan p = {.texts = 40000, .length = 64, .vocab = 8000, .steps = 1500, .epochs = 40,
              .blocks = 2,
              .e = {.name = "encoder", .does = "pretrains an encoder, fine-tunes it on few labels",
                    .seed = 1, .threads = 2}};
    const example_option own[] = {
        {"--train", "unlabelled texts to pretrain on, one a line", .text = &p.train},
        {"--texts", "generated ones, without --train", .count = &p.texts},
        {"--length", "words of a text; what is longer is cut", .count = &p.length},
        {"--vocab", "words known, the most frequent", .count = &p.vocab},
        {"--blocks", "of attention and a wide layer", .count = &p.blocks},
        {"--steps", "of pretraining, each of 32 texts", .count = &p.steps},
        {"--epochs", "of fine-tuning", .count = &p.epochs}, {0}};
    if (!example_begin(&p.e, argc, argv, own)) return p.e.code;
    if (p.e.small) { /* asks that it learns to guess, no more */
        p.texts = 1000;
        p.length = 32;
        p.epochs = 2;
        if (p.steps > 100) p.steps = 100;
    }
    p.length = p.length < 1 ? 1 : p.length < LONGEST ? p.length : LONGEST;
    corpus c = {0};
    const bool good = load_corpus(&c, &p) && (p.e.graph ? print(&p, &c) : run(&p, &c));
    free_corpus(&c);
    return example_end(&p.e, good);
}
