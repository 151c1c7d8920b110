/* speech.c -- which word was said: a residual net on log-mel spectra.
 *
 * A convolution over time halves the frames; then come blocks of two convolutions, each behind an
 * Add & Norm over the channels, and the mean over time. It learns from speakers who do not occur in
 * the test. By default nobody does: words are made by formant synthesis, with other throats, speeds
 * and noises (speech_synth.c); or they are read from folders of WAV files such as those of Speech
 * Commands (Warden 2018), a folder a word:
 *
 *     speech --folder DIR --weights words.safetensors
 *     speech --weights words.safetensors --wav said.wav
 *
 * speech_wav.c reads files, speech_mel.c makes spectra, speech_data.c has sets and baselines,
 * speech_weights.c a net's file. */
#include "examples/speech.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 64, BLOCKS = 3 };

/* ---- the architecture ---------------------------------------------------- */

/* Over time of [B, T, channels]. A convolution has channels before time, a norm behind. */
static an_value conv(an_value x, int size, int stride)
{
    x = an_transpose(x, AN_AXES(0, 2, 1));
    x = an_nn_conv1d(x, .channels = WIDTH, .size = size, .stride = stride, .same = true,
                     .kernel_start = AN_START(AN_INIT_HE_NORMAL, 1));
    return an_transpose(x, AN_AXES(0, 2, 1));
}

static an_value block(an_value x)
{
    an_scope_open_unique(x, "block");
    const an_value y = conv(an_relu(conv(x, 3, 1)), 3, 1);
    x = an_nn_residual(x, an_dropout(y, 0.1));
    an_scope_close(x);
    return x;
}

static an_value network(an_value frames, int64_t words)
{
    an_value h = an_nn_layer_norm(an_relu(conv(frames, 5, 2)));
    for (int i = 0; i < BLOCKS; i++) h = block(h);
    return an_nn_dense(an_nn_mean_over_time(h, AN_NONE), .units = words, .name = "word");
}

typedef struct model {
    an_graph *graph;
    an_store *store;
    an_program *train, *test, *tell;
} model;

typedef struct plan {
    example e;
    const char *folder, *weights, *wav, *write;
    int64_t speakers, unseen, epochs;
    double rate;
} plan;

static bool build(model *m, const plan *p, int64_t words, int64_t count)
{
    an_graph *g = m->graph = an_graph_new("speech");
    const an_dim B = an_dim_named(g, "B");
    const an_value frames = an_input(g, "frames", AN_F32, AN_SHAPE(B, FRAMES, BANDS));
    const an_value label = an_input(g, "label", AN_I32, AN_SHAPE(B));
    const an_value logits = network(frames, words);
    const an_value loss = an_softmax_cross_entropy(logits, label);
    const an_value accuracy = an_accuracy(logits, label, 0.5);
    const int64_t steps = p->epochs * ((count + 31) / 32);
    const an_schedule s = an_warmup_cosine(.peak = p->rate, .warmup = steps / 10, .steps = steps);
    an_graph_output(loss, "loss");
    m->store = an_store_new(p->e.seed);
    m->train = an_compile(g, m->store, .fetch = {loss, accuracy},
                          .update = an_minimize(loss, an_adam(.schedule = s)));
    m->test = an_compile(g, m->store, .fetch = {loss, accuracy}, .inference = true);
    m->tell = an_compile(g, m->store, .fetch = {an_softmax(logits, -1)}, .inference = true);
    if (m->train && m->test && m->tell) return true;
    fprintf(stderr, "speech: %s\n", an_compile_message(g));
    return false;
}

static void free_model(model *m)
{
    an_program_free(m->train);
    an_program_free(m->test);
    an_program_free(m->tell);
    an_store_free(m->store);
    an_graph_free(m->graph);
}

/* ---- training and telling -------------------------------------------------- */

static bool train(const model *m, plan *p, const corpus *c)
{
    const an_tensor x = sounds_frames(&c->known), y = sounds_labels(&c->known);
    an_history *h = an_fit(m->train, .data = {{"frames", &x}, {"label", &y}},
                           .metric = {"loss", "accuracy"}, .epochs = p->epochs,
                           .seed = p->e.seed, .progress = stderr);
    const bool good = an_history_status(h) == AN_OK;
    if (!good) fprintf(stderr, "speech: %s\n", an_history_message(h));
    an_history_free(h);
    return good;
}

/* The net on words of speakers whom it does not know, against what needs none. */
static bool judge(const model *m, plan *p, const corpus *c, bool *passed)
{
    const an_tensor x = sounds_frames(&c->unseen), y = sounds_labels(&c->unseen);
    an_scores *s = an_evaluate(m->test, .data = {{"frames", &x}, {"label", &y}}, .batch = 100);
    const bool good = an_scores_status(s) == AN_OK;
    if (!good) fprintf(stderr, "speech: %s\n", an_scores_message(s));
    const double right = an_scores_value(s, 1), most = majority(c), near = nearest_centroid(c);
    const double best = fmax(most, near);
    an_scores_free(s);
    if (!good) return false;
    printf("commonest word    %.4f\nnearest centroid  %.4f\nthe net           %.4f of %lld words by"
           " speakers unseen: %+.1f points over the best\n", most, near, right,
           (long long)c->unseen.count, 100 * (right - best));
    example_figure(&p->e, most, "majority");
    example_figure(&p->e, near, "nearest_centroid");
    example_figure(&p->e, right, "accuracy");
    example_figure(&p->e, right - best, "margin");
    *passed = p->folder ? right > best : p->e.small ? right >= best + 0.05
                                                    : right > 0.95 && right >= best + 0.15;
    return true;
}

/* Says which word the file holds, and the next likely ones. */
static bool tell(const model *m, const corpus *c, const char *path)
{
    static float x[FEATURES];
    int64_t count = 0;
    float *samples = wav_read(path, &count);
    if (!samples) return false;
    hear(samples, count, x);
    free(samples);
    const an_tensor frames = an_tensor_borrow(AN_F32, AN_EXTENTS(1, FRAMES, BANDS), x);
    an_tensor chance = {0};
    const bool good = an_run(m->tell, .feed = {{"frames", &frames}}, .out = {&chance}) == AN_OK;
    if (!good) fprintf(stderr, "speech: %s\n", an_program_message(m->tell));
    for (int k = 0; good && k < 3 && k < c->words; k++) {
        int64_t best = 0;
        for (int64_t w = 1; w < c->words; w++)
            if (an_tensor_get(&chance, w) > an_tensor_get(&chance, best)) best = w;
        printf("%s%s %.1f %%", k ? ", " : "", c->name[best], 100 * an_tensor_get(&chance, best));
        an_tensor_set(&chance, best, -1);
    }
    puts("");
    an_tensor_free(&chance);
    return good;
}

/* ---- the program ------------------------------------------------------------ */

static bool run(plan *p, corpus *c, bool *passed)
{
    model m = {0};
    corpus saved = {0};
    const bool there = find_words(p->weights, &saved), only_tell = there && p->wav;
    bool good = only_tell || (p->folder ? read_words(c, p->folder)
                                        : speak_all(c, p->e.seed, p->speakers, p->unseen));
    if (only_tell) *c = saved;
    if (good && there && (saved.words != c->words || memcmp(saved.name, c->name, sizeof c->name))) {
        fprintf(stderr, "speech: %s: the net there tells other words\n", p->weights);
        return false;
    }
    good = good && build(&m, p, c->words, c->known.count + 1);
    if (good && p->e.graph) {
        *passed = good = example_print(&p->e, m.graph);
        free_model(&m);
        return good;
    }
    if (good && there) good = an_checkpoint_load(m.store, p->weights, NULL) == AN_OK;
    else if (good) good = example_same(&p->e, m.graph, m.train, "B=2") && train(&m, p, c) &&
                          keep_words(m.store, p->weights, c);
    if (!good && m.store && *an_store_message(m.store))
        fprintf(stderr, "speech: %s\n", an_store_message(m.store));
    good = good && example_draw(&p->e, an_program_graph(m.tell));
    *passed = only_tell;
    if (good && !only_tell) good = judge(&m, p, c, passed);
    if (good && p->wav) good = tell(&m, c, p->wav);
    free_model(&m);
    return good;
}

int main(int argc, char **argv)
{
    plan p = {.speakers = 120, .unseen = 40, .epochs = 8, .rate = 3e-3,
              .e = {.name = "speech", .does = "learns which word was said", .seed = 1,
                    .threads = 2}};
    const example_option own[] = {
        {"--folder", "WAV files, a folder a word; none: synthesised", .text = &p.folder},
        {"--speakers", "synthetic ones", .count = &p.speakers},
        {"--unseen", "of them to test on", .count = &p.unseen},
        {"--epochs", "of training", .count = &p.epochs},
        {"--rate", "Adam's at its peak", .number = &p.rate},
        {"--weights", "FILE to take them from, or if there is none, to leave them in",
         .text = &p.weights},
        {"--wav", "FILE to be told", .text = &p.wav},
        {"--write", "DIR for the speakers' words as --folder reads them", .text = &p.write}, {0}};
    if (!example_begin(&p.e, argc, argv, own)) return p.e.code;
    if (p.e.small) {
        p.speakers = 30;
        p.unseen = 10;
        if (p.epochs > 5) p.epochs = 5;
    }
    if (p.write) return write_words(p.e.seed, p.write, p.speakers) ? 0 : 1;
    corpus c = {0};
    bool passed = false;
    const bool good = run(&p, &c, &passed);
    free_corpus(&c);
    return example_end(&p.e, good && passed);
}
