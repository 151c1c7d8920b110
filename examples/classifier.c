/* classifier.c -- the article's text classifier (classifier_model.c), trained on real text.
 *
 * Two labels give one logit and the sigmoid; more give one logit each and the
 * softmax. `classifier --help` lists the options. Beside this file:
 * classifier_options.c, classifier_data.c (tokenise, pad), classifier_report.c
 * (JSON, predictions).                                                       */
#include "examples/classifier.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

/* ---- being stopped ------------------------------------------------------ */

static volatile sig_atomic_t stop; /* the signal that said so */

static void on_signal(int number)
{
    stop = number;
    signal(number, SIG_DFL); /* a second one ends the program at once */
}

/* While it trains; what is ignored (nohup) stays so. */
static void hear_signals(bool on)
{
    static const int numbers[] = {SIGINT, SIGTERM};
    for (int i = 0; i < 2; i++)
        if (signal(numbers[i], on ? on_signal : SIG_DFL) == SIG_IGN) signal(numbers[i], SIG_IGN);
}

/* ---- the programs ------------------------------------------------------ */

typedef struct model {
    an_graph *graph;
    an_store *store;
    an_program *train, *evaluate, *predict;
} model;

static bool build(model *m, const options *o, int64_t vocabulary, int64_t classes)
{
    an_graph *g = m->graph = an_graph_new("classifier");
    const an_dim B = an_dim_named(g, "B"), T = an_dim_named(g, "T");
    const bool binary = classes == 2;
    const an_value ids = an_input(g, "ids", AN_I32, AN_SHAPE(B, T));
    const an_value label = binary ? an_input(g, "label", AN_F32, AN_SHAPE(B, 1))
                                  : an_input(g, "label", AN_I32, AN_SHAPE(B));
    const an_value logits = classifier(ids, o->mask, vocabulary, classes);
    const an_value chance = binary ? an_sigmoid(logits) : an_softmax(logits, -1);
    const an_value loss = binary ? an_bce_with_logits(logits, label)
                                 : an_softmax_cross_entropy(logits, label);
    const an_value accuracy = an_accuracy(chance, label, 0.5f);
    an_graph_output(loss, "loss");
    an_graph_output(chance, "probability");
    const an_updates up = an_minimize(loss, an_adam());

    const char *passes = o->plain ? "canonicalise,fold,cse,dce" : NULL; /* all but the fusion */
    m->store = an_store_new(o->seed);
    m->train = an_compile(g, m->store, .fetch = {loss, accuracy}, .update = up, .passes = passes);
    m->evaluate = an_compile(g, m->store, .fetch = {loss, accuracy}, .inference = true);
    m->predict = an_compile(g, m->store, .fetch = {chance}, .inference = true);
    if (m->train && m->evaluate && m->predict) return true;
    fprintf(stderr, "classifier: %s\n", an_compile_message(g));
    return false;
}

static void free_model(model *m)
{
    an_program_free(m->train);
    an_program_free(m->evaluate);
    an_program_free(m->predict);
    an_store_free(m->store);
    an_graph_free(m->graph);
}

/* ---- what is done with them -------------------------------------------- */

static bool train(const options *o, const model *m, const examples *e, an_history **history)
{
    hear_signals(true);
    *history = an_fit(m->train, m->evaluate,
                      .data = {{"ids", &e->ids}, {"label", &e->label}},
                      .validation_split = o->validation_split, .metric = {"loss", "accuracy"},
                      .epochs = o->epochs, .batch = o->batch, .seed = o->seed, .progress = stderr,
                      .directory = o->checkpoint, .resume = o->resume, .stop = &stop,
                      .events = o->events, .histograms = o->events ? 1 : 0);
    hear_signals(false);
    if (an_history_status(*history) == AN_OK) return true;
    fprintf(stderr, "classifier: %s\n", an_history_message(*history));
    return false;
}

/* Beside the weights, so that the folder is all that is needed to use them. */
static bool keep_vocabulary(const options *o, an_tokenizer *tokenizer)
{
    char path[4096];
    if (!o->checkpoint) return true;
    snprintf(path, sizeof path, "%s/tokenizer.json", o->checkpoint);
    if (an_tokenizer_save(tokenizer, path) == AN_OK) return true;
    fprintf(stderr, "classifier: %s\n", an_tokenizer_message(tokenizer));
    return false;
}

static bool test(const options *o, const model *m, const examples *like, an_tokenizer *tokenizer,
                 an_scores **scores)
{
    examples e = {0};
    bool good = read_test_data(o, like, tokenizer, &e);
    if (good) {
        *scores = an_evaluate(m->evaluate, .data = {{"ids", &e.ids}, {"label", &e.label}});
        good = an_scores_status(*scores) == AN_OK;
        if (good)
            fprintf(stderr, "test: loss %.4f, accuracy %.4f on %lld texts\n",
                    an_scores_value(*scores, 0), an_scores_value(*scores, 1),
                    (long long)an_scores_examples(*scores));
        else
            fprintf(stderr, "classifier: %s\n", an_scores_message(*scores));
    }
    free_examples(&e);
    return good;
}

static bool draw(const options *o, const model *m)
{
    char message[512];
    if (!o->dot || an_dot_file(an_program_graph(m->train), o->dot, .message = message,
                               .message_size = sizeof message) == AN_OK)
        return true;
    fprintf(stderr, "classifier: %s\n", message);
    return false;
}

/* The graph as it was defined, with gradients and updates. */
static bool write_graph(const options *o, const model *m)
{
    if (!o->graph) return true;
    char *text = an_print(m->graph, .locations = true);
    FILE *f = text ? fopen(o->graph, "w") : NULL;
    bool good = f && fputs(text, f) >= 0;
    if (f && fclose(f) != 0) good = false;
    if (!good) perror(o->graph);
    an_string_free(text);
    return good;
}

static bool plot(const options *o, const an_history *history)
{
    const an_status status = an_plot_history_file(o->curves, history, "classifier");
    if (status != AN_OK)
        fprintf(stderr, "classifier: %s: %s\n", o->curves, an_status_name(status));
    return status == AN_OK;
}

static bool run(const options *o, model *m, examples *e, an_tokenizer **tokenizer)
{
    if (!read_training_data(o, e, tokenizer)) return false;
    const int64_t classes = an_dataset_classes(e->texts);
    const int64_t vocabulary = an_tokenizer_vocabulary(*tokenizer);
    if (!build(m, o, vocabulary, classes)) return false;
    const int64_t fused = an_graph_count(an_program_graph(m->train), "add_norm");
    fprintf(stderr,
            "%lld texts, %lld classes, vocabulary %lld, %lld parameters, %lld add_norm\n%s\n",
            (long long)an_dataset_count(e->texts), (long long)classes, (long long)vocabulary,
            (long long)an_graph_parameters(m->graph), (long long)fused, an_runtime_describe());
    if (!draw(o, m) || !write_graph(o, m)) return false;

    an_history *history = NULL;
    an_scores *scores = NULL;
    bool good = train(o, m, e, &history) && keep_vocabulary(o, *tokenizer);
    if (good && stop) {
        fprintf(stderr, "classifier: stopped by signal %d%s\n", (int)stop,
                o->checkpoint ? "; --resume goes on from here" : "; nothing was kept");
        good = false;
    }
    if (good && o->test) good = test(o, m, e, *tokenizer, &scores);
    const summary s = {.options = o, .history = history, .test = scores,
                       .classes = classes, .vocabulary = vocabulary, .fused = fused,
                       .parameters = an_graph_parameters(m->graph), .store = m->store};
    if (good && o->json) good = write_json(&s);
    if (good && o->curves) good = plot(o, history);
    if (good && o->predict) good = predict_lines(o, e, *tokenizer, m->predict);
    an_history_free(history);
    an_scores_free(scores);
    return good;
}

int main(int argc, char **argv)
{
    options o;
    if (!read_options(argc, argv, &o)) return 2;
    if (o.help) {
        print_usage();
        return 0;
    }
    an_set_threads(o.threads);
    model m = {0};
    examples e = {0};
    an_tokenizer *tokenizer = NULL;
    const bool good = run(&o, &m, &e, &tokenizer);
    free_model(&m);
    free_examples(&e);
    an_tokenizer_free(tokenizer);
    if (stop) return 128 + stop;
    return good ? 0 : 1;
}
