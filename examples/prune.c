/* prune.c -- how much of the article's classifier can be taken away.
 *
 * The classifier (classifier_model.c) is trained on reviews, and then a share of each of its
 * matrices is set to 0, from none to 98 %: any weights by chance, for comparison; the smallest, at
 * one shot; and the smallest a level at a time, with an epoch of fine-tuning behind each (Han et
 * al. 2015; Zhu & Gupta 2017). What was taken stays 0, since its gradients are masked: the masks
 * are states, and stand in the graph. Nothing else differs from the classifier, which so runs with
 * what is left of its weights.
 *
 * At each level the weights go to a file that leaves zeros out (prune_file.c), and are read back.
 * prune_mask.c says which weights go, prune_report.c draws accuracy by sparsity, and where the
 * knee is: the last level before more than a point is lost. */
#include "examples/prune.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- the graph --------------------------------------------------------------- */

/* Steps that leave masked weights as they are: of gradients that are 0 there, and moments that
 * never were anything else. */
static an_updates masked_steps(an_value loss, const weights *w, double rate)
{
    an_value gradient[MOST];
    an_gradients(loss, w->value, w->count, gradient);
    an_graph_scope_open(loss.graph, "mask");
    for (int i = 0; i < w->count; i++)
        if (w->matrix[i])
            gradient[i] = an_mul(gradient[i], an_state(loss.graph, w->name[i], AN_F32,
                                                       an_type_of(w->value[i]).shape,
                                                       (an_init){AN_INIT_CONSTANT, 1, 0}));
    an_graph_scope_close(loss.graph);
    return an_apply_gradients(.optimizer = an_adam(.name = "tuning", .rate = rate),
                              .state_list = w->value, .gradient_list = gradient,
                              .count = w->count, .also = loss);
}

static bool build(model *m, const plan *p, int64_t vocabulary, int64_t classes)
{
    an_graph *g = m->graph = an_graph_new("prune");
    const an_dim B = an_dim_named(g, "B"), T = an_dim_named(g, "T");
    const bool binary = classes == 2;
    const an_value ids = an_input(g, "ids", AN_I32, AN_SHAPE(B, T));
    const an_value label = binary ? an_input(g, "label", AN_F32, AN_SHAPE(B, 1))
                                  : an_input(g, "label", AN_I32, AN_SHAPE(B));
    const an_value logits = classifier(ids, p->o.mask, vocabulary, classes);
    const an_value loss = binary ? an_bce_with_logits(logits, label)
                                 : an_softmax_cross_entropy(logits, label);
    const an_value accuracy = an_accuracy(logits, label, binary ? 0 : 0.5);
    if (!find_weights(&m->weights, g)) return false;
    m->store = an_store_new(p->e.seed);
    m->train = an_compile(g, m->store, .fetch = {loss, accuracy},
                          .update = an_minimize(loss, an_adam(.rate = p->rate)));
    m->tune = an_compile(g, m->store, .fetch = {loss, accuracy},
                         .update = masked_steps(loss, &m->weights, p->rate));
    m->test = an_compile(g, m->store, .fetch = {loss, accuracy}, .inference = true);
    if (m->train && m->tune && m->test) return true;
    fprintf(stderr, "prune: %s\n", an_compile_message(g));
    return false;
}

static void free_model(model *m)
{
    an_program_free(m->train);
    an_program_free(m->tune);
    an_program_free(m->test);
    an_store_free(m->store);
    an_graph_free(m->graph);
    free_weights(&m->weights);
}

/* ---- what is done with it ------------------------------------------------------ */

/* Writes what is left, reads it into the same weights, and tests those. */
static bool through_file(const model *m, const char *path, const examples *e, double *accuracy,
                         int64_t *bytes)
{
    *bytes = save_sparse(&m->weights, m->store, path);
    return *bytes > 0 && take_weights(&m->weights, m->store, 1, true, 0) &&
           load_sparse(&m->weights, m->store, path) && test(m, e, accuracy);
}

/* The smallest weights a level at a time, from the whole net on. The sparsest file that loses no
 * more than a point becomes p->keep. */
static bool go_gradually(const model *m, const plan *p, const examples *e, findings *f)
{
    char path[4096] = "prune-XXXXXX";
    if (p->keep) snprintf(path, sizeof path, "%s.new", p->keep);
    const int made = p->keep ? -1 : mkstemp(path);
    if (made >= 0) close(made);
    bool good = restore_weights(&m->weights, m->store);
    for (int i = 0; i < LEVELS && good; i++) {
        double *accuracy = &f->accuracy[GRADUAL][i];
        good = take_weights(&m->weights, m->store, levels[i], false, 0) &&
               (i == 0 || (forget(m->store, "tuning") && /* moments are of other weights */
                           fit(m->tune, p, e, p->tuning, p->e.seed + (uint64_t)i))) &&
               through_file(m, path, e, accuracy, &f->bytes[i]);
        if (good) tell_level(f, GRADUAL, i);
        if (good && p->keep && knee(f, GRADUAL, i + 1) == i)
            good = rename(path, p->keep) == 0;
    }
    remove(path);
    return good;
}

/* The same at one shot each, of weights by chance or of the smallest. */
static bool go_at_once(way w, const model *m, const plan *p, const examples *e, findings *f)
{
    bool good = true;
    for (int i = 0; i < LEVELS && good; i++) {
        good = restore_weights(&m->weights, m->store) &&
               take_weights(&m->weights, m->store, levels[i], w == CHANCE, p->e.seed) &&
               test(m, e, &f->accuracy[w][i]);
        if (good) tell_level(f, w, i);
    }
    return good;
}

static bool run(plan *p, model *m, examples *e, an_tokenizer **tokenizer)
{
    findings f = {0};
    if (!read_training_data(&p->o, e, tokenizer) ||
        !build(m, p, an_tokenizer_vocabulary(*tokenizer), an_dataset_classes(e->texts)))
        return false;
    if (p->e.graph) return example_print(&p->e, m->graph);
    if (!example_same(&p->e, m->graph, m->tune, "B=4,T=12") ||
        !example_draw(&p->e, an_program_graph(m->tune)) ||
        !fit(m->train, p, e, p->epochs, p->e.seed) || !keep_weights(&m->weights, m->store))
        return false;
    if (!go_at_once(CHANCE, m, p, e, &f) || !go_at_once(ONE_SHOT, m, p, e, &f) ||
        !go_gradually(m, p, e, &f) || (p->csv && !write_csv(&f, p->csv)) ||
        (p->svg && !write_svg(&f, p->svg)))
        return false;
    return judge(&p->e, &f, p->o.train != NULL);
}

int main(int argc, char **argv)
{
    plan p = {.epochs = 5, .tuning = 1, .rate = 1e-3,
              .o = {.generate = 5000, .max_length = 60, .batch = 16, .truncating = AN_PRE,
                    .padding = AN_POST},
              .e = {.name = "prune", .does = "takes weights away from the classifier", .seed = 1,
                    .threads = 2}};
    const example_option own[] = {
        {"--train", "TSV, CSV or a folder, as of the classifier", .text = &p.o.train},
        {"--generate", "reviews, without --train", .count = &p.o.generate},
        {"--epochs", "of training", .count = &p.epochs},
        {"--tuning", "epochs behind each level", .count = &p.tuning},
        {"--rate", "of Adam", .number = &p.rate},
        {"--batch", "texts of a step", .count = &p.o.batch},
        {"--max-length", "words a text is cut or padded to", .count = &p.o.max_length},
        {"--vocab", "only the N - 1 most frequent words; 0: all", .count = &p.o.vocab},
        {"--mask", "skip the padding", .flag = &p.o.mask},
        {"--csv", "accuracy and bytes of each level", .text = &p.csv},
        {"--svg", "the same as curves", .text = &p.svg},
        {"--keep", "the sparsest file that loses no point", .text = &p.keep}, {0}};
    if (!example_begin(&p.e, argc, argv, own)) return p.e.code;
    if (p.epochs < 1 || p.tuning < 1 || p.o.batch < 1 || p.o.max_length < 1 || p.o.generate < 50 ||
        !(p.rate > 0)) {
        fputs("prune: --epochs, --tuning, --batch and --max-length take 1 or more, --generate 50, "
              "--rate a number above 0\n", stderr);
        return 2;
    }
    if (p.e.small && !p.o.train) { /* the last words of a review say something, and soon */
        p.o.generate = 2000;
        p.o.max_length = 12;
        p.o.batch = 32;
        p.epochs = 3;
    }
    p.o.seed = p.e.seed;
    model m = {0};
    examples e = {0};
    an_tokenizer *tokenizer = NULL;
    const bool good = run(&p, &m, &e, &tokenizer);
    free_model(&m);
    free_examples(&e);
    an_tokenizer_free(tokenizer);
    return example_end(&p.e, good);
}
