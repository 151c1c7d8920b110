/* interpret.c -- why the classifier says what it says: what each word of a review does for it.
 *
 * Three answers, of which none trusts the others. Gradient x input takes the slope where the review
 * is (Simonyan et al. 2014). Integrated gradients follow it on the way from a text without words
 * (Sundararajan et al. 2017): their sum is the difference of the two scores, and the way is cut
 * finer where it is not, until it is so within 1 %. Occlusion blanks one word at a time and looks
 * (Zeiler & Fergus 2014). All three come from one graph, whose gradient is of what the words are
 * embedded as.
 *
 * Whether such answers mean anything is then tested: without the words they name, the chance of the
 * class must fall further than without random ones. interpret_ask.c asks, interpret_report.c has
 * the figures, the heat maps of the terminal and the page. */
#include "examples/interpret.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- the architecture ---------------------------------------------------- */

/* What speaks for a class, of two or more: the sigmoid of it is the chance. */
static an_value log_odds(an_value logits, an_value chosen, int64_t classes)
{
    if (classes == 2) { /* one logit, which speaks for class 1 */
        const an_value sign = an_cast(an_sub(an_scale(chosen, 2), an_number(chosen, 1)), AN_F32);
        return an_mul(an_reshape(logits, an_type_of(sign).shape), sign);
    }
    const an_value is = an_one_hot(chosen, classes, AN_F32);
    const an_value others = an_sub(logits, an_scale(is, 1e9));
    return an_sub(an_sum(an_mul(logits, is), -1), an_logsumexp(others, -1));
}

/* As classifier.c has it. */
static void describe_training(model *m, int64_t vocabulary, int64_t classes, double rate)
{
    an_graph *g = m->training = an_graph_new("classifier");
    const an_dim B = an_dim_named(g, "B"), T = an_dim_named(g, "T");
    const an_value ids = an_input(g, "ids", AN_I32, AN_SHAPE(B, T));
    const an_value label = classes == 2 ? an_input(g, "label", AN_F32, AN_SHAPE(B, 1))
                                        : an_input(g, "label", AN_I32, AN_SHAPE(B));
    const an_value logits = classifier(ids, false, vocabulary, classes);
    const an_value loss = classes == 2 ? an_bce_with_logits(logits, label)
                                       : an_softmax_cross_entropy(logits, label);
    const an_value accuracy = an_accuracy(logits, label, 0); /* of one logit: above 0 is class 1 */
    an_graph_output(loss, "loss");
    m->train = an_compile(g, m->store, .fetch = {loss, accuracy},
                          .update = an_minimize(loss, an_adam(.rate = rate)));
    m->test = an_compile(g, m->store, .fetch = {loss, accuracy}, .inference = true);
}

/* Each row stands somewhere on its way from no words, 0, to what it is, 1: the score there, and
 * what each word does for it by the slope there times the whole way. */
static void describe_asking(model *m, int64_t vocabulary, int64_t classes)
{
    an_graph *g = m->asking = an_graph_new("explanation");
    const an_dim B = an_dim_named(g, "B"), T = an_dim_named(g, "T");
    const an_value ids = an_input(g, "ids", AN_I32, AN_SHAPE(B, T));
    const an_value way = an_input(g, "way", AN_F32, AN_SHAPE(B, 1, 1));
    const an_value chosen = an_input(g, "chosen", AN_I32, AN_SHAPE(B));
    const an_value words = embed_words(ids, vocabulary);
    const an_value table = an_graph_state(g, "embedding/table");
    const an_value step = an_sub(words, an_embedding(table, an_number(ids, 0)));
    const an_value here = an_sub(words, an_mul(step, an_sub(an_number(way, 1), way)));
    const an_value score = log_odds(classify_embedded(here, AN_NONE, classes), chosen, classes);
    const an_value slope = an_gradient(an_sum(score, 0), here);
    const an_value does = an_sum(an_mul(slope, step), -1);
    an_graph_output(score, "score");
    an_graph_output(does, "does");
    m->look = an_compile(g, m->store, .fetch = {score}, .inference = true);
    m->explain = an_compile(g, m->store, .fetch = {score, does}, .inference = true);
}

static bool build(model *m, const plan *p, int64_t vocabulary, int64_t classes)
{
    m->store = an_store_new(p->e.seed);
    describe_training(m, vocabulary, classes, p->rate);
    describe_asking(m, vocabulary, classes);
    if (m->train && m->test && m->look && m->explain) return true;
    fprintf(stderr, "interpret: %s%s\n", an_compile_message(m->training),
            an_compile_message(m->asking));
    return false;
}

static void free_model(model *m)
{
    an_program_free(m->train);
    an_program_free(m->test);
    an_program_free(m->look);
    an_program_free(m->explain);
    an_store_free(m->store);
    an_graph_free(m->training);
    an_graph_free(m->asking);
}

/* ---- the program ----------------------------------------------------------- */

static bool train(plan *p, const model *m, const examples *e)
{
    an_history *h = an_fit(m->train, m->test, .data = {{"ids", &e->ids}, {"label", &e->label}},
                           .validation_split = p->data.validation_split, .batch = p->data.batch,
                           .metric = {"loss", "accuracy"}, .epochs = p->data.epochs,
                           .seed = p->e.seed, .progress = stderr);
    const bool good = an_history_status(h) == AN_OK;
    if (!good) fprintf(stderr, "interpret: %s\n", an_history_message(h));
    an_history_free(h);
    return good;
}

/* The weights of a folder that classifier.c made. */
static bool load(const plan *p, const model *m)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/model.safetensors", p->checkpoint);
    const an_checkpoint_options weights = {.known_only = true};
    if (an_checkpoint_load(m->store, path, &weights) == AN_OK) return true;
    fprintf(stderr, "interpret: %s\n", an_store_message(m->store));
    return false;
}

static bool find_tokenizer(const plan *p, an_tokenizer **tokenizer)
{
    char path[4096];
    if (!p->checkpoint) return true;
    snprintf(path, sizeof path, "%s/tokenizer.json", p->checkpoint);
    *tokenizer = an_tokenizer_load(path);
    if (*tokenizer && !*an_tokenizer_message(*tokenizer)) return true;
    fprintf(stderr, "interpret: %s\n", *tokenizer ? an_tokenizer_message(*tokenizer)
                                                  : "there is no memory");
    return false;
}

/* The share that is right of the reviews not trained on: the last, or all with a checkpoint. */
static bool test(const plan *p, const model *m, const examples *e, double *accuracy)
{
    const int64_t count = an_dataset_count(e->texts), length = e->ids.extent[1];
    const int64_t first =
        p->checkpoint ? 0 : an_dataset_split(e->texts, p->data.validation_split);
    const int32_t *ids = (const int32_t *)e->ids.data + first * length;
    const an_tensor x = an_tensor_view(AN_I32, AN_EXTENTS(count - first, length), ids);
    const char *labels = (const char *)e->label.data + first * 4; /* f32 or i32 */
    const int64_t extent[] = {count - first, 1};
    const an_tensor y = an_tensor_view(e->label.dtype, e->label.rank, extent, labels);
    an_scores *s = an_evaluate(m->test, .data = {{"ids", &x}, {"label", &y}});
    const bool good = an_scores_status(s) == AN_OK;
    if (!good) fprintf(stderr, "interpret: %s\n", an_scores_message(s));
    *accuracy = an_scores_value(s, 1);
    an_scores_free(s);
    return good;
}

static bool run(plan *p, examples *e, an_tokenizer **tokenizer)
{
    model m = {0};
    double accuracy = NAN;
    if (!find_tokenizer(p, tokenizer) || !read_training_data(&p->data, e, tokenizer)) return false;
    const int64_t classes = an_dataset_classes(e->texts), count = an_dataset_count(e->texts);
    if (p->reviews > count) p->reviews = count;
    bool good = build(&m, p, an_tokenizer_vocabulary(*tokenizer), classes);
    if (good && p->e.graph) {
        good = example_print(&p->e, m.asking);
        free_model(&m);
        return good;
    }
    good = good && example_same(&p->e, m.training, m.train, "B=2,T=9") &&
           example_draw(&p->e, an_program_graph(m.explain)) &&
           (p->checkpoint ? load(p, &m) : train(p, &m, e)) && test(p, &m, e, &accuracy);
    explained *all = good ? calloc((size_t)p->reviews + 1, sizeof *all) : NULL;
    good = all && explain_last(p, &m, e, all) && report(p, all, *tokenizer, e->texts, accuracy);
    free(all);
    free_model(&m);
    return good;
}

int main(int argc, char **argv)
{
    plan p = {.reviews = 100, .blanked = 3, .rate = 0,
              .data = {.epochs = 5, .batch = 32, .max_length = 60, .validation_split = 0.2,
                       .generate = 5000},
              .e = {.name = "interpret", .does = "says what each word does for a verdict",
                    .seed = 1, .threads = 2}};
    const example_option own[] = {
        {"--checkpoint", "a folder of classifier's; none: trains", .text = &p.checkpoint},
        {"--train", "texts as classifier takes them; none: generated", .text = &p.data.train},
        {"--generate", "how many", .count = &p.data.generate},
        {"--max-length", "words a text is cut or padded to", .count = &p.data.max_length},
        {"--epochs", "of training", .count = &p.data.epochs},
        {"--rate", "Adam's; 0: .002, small .003", .number = &p.rate},
        {"--reviews", "to be explained, the last ones", .count = &p.reviews},
        {"--blank", "words blanked to test the answers", .count = &p.blanked},
        {"--html", "FILE: the reviews in colours", .text = &p.html},
        {"--color", "colours here, terminal or not", .flag = &p.color}, {0}};
    if (!example_begin(&p.e, argc, argv, own)) return p.e.code;
    if (p.data.max_length < 1 || p.data.max_length > LONGEST || p.data.epochs < 1)
        return fprintf(stderr, "interpret: --max-length is 1 to %d, --epochs from 1\n", LONGEST), 2;
    if (p.rate <= 0) p.rate = p.e.small ? 3e-3 : 2e-3;
    p.data.seed = p.e.seed;
    p.data.padding = AN_POST;
    if (p.e.small) { /* asks that answers hold of a net that has learnt little */
        p.data.generate = 2000;
        p.data.epochs = 3;
        p.data.batch = 16;
        p.reviews = 10;
    }
    examples e = {0};
    an_tokenizer *tokenizer = NULL;
    const bool good = run(&p, &e, &tokenizer);
    free_examples(&e);
    an_tokenizer_free(tokenizer);
    return example_end(&p.e, good);
}
