/* encoder_data.c -- texts to learn words from, and a few with labels.
 *
 * The labelled texts are generated film reviews (an_dataset_generate): which words occur says
 * little about the label, their order decides it. A file's texts, or more reviews of which the
 * labels are not looked at, are for pretraining. Here are the baselines as well.        */
#include "examples/encoder.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static bool fail(const char *message)
{
    fprintf(stderr, "encoder: %s\n", message);
    return false;
}

/* A text a line; what is longer than the buffer is several texts. */
static bool read_lines(const char *path, an_dataset *d)
{
    static char line[1 << 16];
    FILE *f = fopen(path, "r");
    an_status status = AN_OK;
    while (f && status == AN_OK && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\r\n")] = 0;
        if (*line) status = an_dataset_add(d, "none", line);
    }
    const bool good = f && !ferror(f);
    if (!good) fprintf(stderr, "encoder: %s: %s\n", path, strerror(errno));
    if (f) fclose(f);
    if (good && status != AN_OK) return fail(an_dataset_message(d));
    return good;
}

/* Rows from `first` on; their labels as well. */
static bool encode(const corpus *c, const an_dataset *d, int64_t first, int64_t count, texts *t)
{
    an_sequences rows = {0};
    const an_pad_options pad = {.maxlen = c->length, .padding = AN_POST, .truncating = AN_POST};
    if (an_tokenizer_encode(c->words, an_dataset_texts(d) + first, count, &rows) != AN_OK)
        return fail(an_tokenizer_message(c->words));
    an_status status = an_pad_sequences(&rows, &pad, &t->ids);
    if (status == AN_OK) status = an_tensor_alloc(&t->label, AN_I32, 1, &count);
    for (int64_t i = 0; i < count && status == AN_OK; i++)
        an_tensor_set(&t->label, i, an_dataset_labels(d)[first + i]);
    an_sequences_free(&rows);
    return status == AN_OK || fail(an_status_name(status));
}

static int64_t row_length(const corpus *c, const int32_t *row)
{
    int64_t n = 0;
    while (n < c->length && row[n]) n++;
    return n;
}

/* Texts of about the same length one behind the other, so that a batch has little padding. */
static bool sort_by_length(corpus *c)
{
    an_tensor sorted = {0};
    const size_t bytes = (size_t)c->length * sizeof(int32_t);
    if (an_tensor_copy(&sorted, &c->unlabelled.ids) != AN_OK) return fail("out of memory");
    int32_t *to = sorted.data;
    const int32_t *ids = c->unlabelled.ids.data, *end = ids + an_tensor_count(&sorted);
    for (int64_t n = 0; n <= c->length; n++)
        for (const int32_t *row = ids; row < end; row += c->length)
            if (row_length(c, row) == n) {
                memcpy(to, row, bytes);
                to += c->length;
            }
    an_tensor_free(&c->unlabelled.ids);
    c->unlabelled.ids = sorted;
    return true;
}

/* In the order: labelled, held out and, unless there is a file of them, unlabelled. */
static bool load(corpus *c, const plan *p, an_dataset *reviews, an_dataset *file)
{
    const int64_t known = LABELLED + HELD_OUT;
    if (an_dataset_generate(reviews, known + (p->train ? 0 : p->texts), p->e.seed) != AN_OK)
        return fail(an_dataset_message(reviews));
    if (p->train && !read_lines(p->train, file)) return false;
    const an_dataset *more = p->train ? file : reviews;
    const int64_t first = p->train ? 0 : known, count = an_dataset_count(more) - first;
    if (count < BATCH) return fail("a batch needs 32 texts without a label");
    if (an_tokenizer_fit(c->words, an_dataset_texts(reviews), LABELLED) != AN_OK ||
        an_tokenizer_fit(c->words, an_dataset_texts(more) + first, count) != AN_OK)
        return fail(an_tokenizer_message(c->words));
    c->mask = (int32_t)an_tokenizer_vocabulary(c->words);
    c->vocabulary = c->mask + 1;
    c->classes = an_dataset_classes(reviews);
    return encode(c, more, first, count, &c->unlabelled) &&
           encode(c, reviews, 0, LABELLED, &c->labelled) &&
           encode(c, reviews, LABELLED, HELD_OUT, &c->held_out) && sort_by_length(c);
}

bool load_corpus(corpus *c, const plan *p)
{
    const an_tokenizer_options kind = {.num_words = p->vocab, .oov_token = "[unknown]"};
    an_dataset *reviews = an_dataset_new(), *file = an_dataset_new();
    c->words = an_tokenizer_new(&kind);
    c->length = p->length;
    const bool good = reviews && file && c->words ? load(c, p, reviews, file)
                                                  : fail("out of memory");
    an_dataset_free(reviews);
    an_dataset_free(file);
    return good;
}

void free_corpus(corpus *c)
{
    texts *const all[] = {&c->unlabelled, &c->labelled, &c->held_out};
    for (int i = 0; i < 3; i++) {
        an_tensor_free(&all[i]->ids);
        an_tensor_free(&all[i]->label);
    }
    an_tokenizer_free(c->words);
}

int64_t hide_words(const corpus *c, uint64_t *random, int32_t *shown, int32_t *hidden)
{
    const int64_t first = example_below(random, c->unlabelled.ids.extent[0] - BATCH + 1);
    const int32_t *rows = (const int32_t *)c->unlabelled.ids.data + first * c->length;
    int64_t longest = row_length(c, rows + (BATCH - 1) * c->length);
    longest = longest < c->length - 7 ? (longest + 7) / 8 * 8 : c->length; /* few lengths to plan */
    for (int64_t i = 0; i < BATCH * longest; i++) {
        const int32_t id = rows[i / longest * c->length + i % longest];
        const bool chosen = id && example_uniform(random) < 0.4;
        const double how = chosen ? example_uniform(random) : 1;
        hidden[i] = chosen ? id : 0;
        shown[i] = how < 0.8   ? c->mask
                   : how < 0.9 ? 1 + (int32_t)example_below(random, c->mask - 1) : id;
    }
    return longest;
}

/* ---- what needs no encoder --------------------------------------------------- */

double loss_by_frequency(const corpus *c)
{
    an_tensor count = {0};
    const int32_t *ids = c->unlabelled.ids.data, *end = ids + an_tensor_count(&c->unlabelled.ids);
    if (an_tensor_alloc(&count, AN_F64, 1, (const int64_t[]){c->vocabulary}) != AN_OK) return NAN;
    double *of = count.data, words = 0, loss = 0;
    for (; ids < end; ids++)
        if (*ids) of[*ids]++, words++;
    for (int32_t i = 0; i < c->vocabulary; i++)
        if (of[i] > 0) loss -= of[i] / words * log(of[i] / words);
    an_tensor_free(&count);
    return loss;
}

/* [N, vocabulary]: 1 where the text has the word. */
static bool count_words(const corpus *c, const texts *t, an_tensor *bag)
{
    const int64_t count = t->ids.extent[0];
    if (an_tensor_alloc(bag, AN_F32, 2, (const int64_t[]){count, c->vocabulary}) != AN_OK)
        return fail("out of memory");
    const int32_t *ids = t->ids.data;
    float *has = bag->data;
    for (int64_t i = 0; i < count * c->length; i++)
        if (ids[i]) has[i / c->length * c->vocabulary + ids[i]] = 1;
    return true;
}

double majority(const corpus *c)
{
    const int64_t count = an_tensor_count(&c->held_out.label);
    int64_t most = 0;
    for (int64_t k = 0; k < c->classes; k++) {
        int64_t of_class = 0;
        for (int64_t i = 0; i < count; i++)
            of_class += ((const int32_t *)c->held_out.label.data)[i] == k;
        if (of_class > most) most = of_class;
    }
    return (double)most / (double)count;
}

/* A linear model of which words occur. */
double bag_of_words(plan *p, const corpus *c)
{
    task t = {.graph = an_graph_new("bag of words")};
    an_store *store = an_store_new(p->e.seed);
    const an_dim B = an_dim_named(t.graph, "B");
    const an_value x = an_input(t.graph, "text", AN_F32, AN_SHAPE(B, c->vocabulary));
    const an_value label = an_input(t.graph, "label", AN_I32, AN_SHAPE(B));
    const an_value logits = an_nn_dense(x, .units = c->classes);
    t.loss = an_softmax_cross_entropy(logits, label);
    t.accuracy = an_accuracy(logits, label, 0.5);
    t.step = an_minimize(t.loss, an_adamw(.rate = 1e-2, .decay = 0.1));
    an_tensor bag = {0}, held_out = {0};
    double accuracy = NAN;
    if (count_words(c, &c->labelled, &bag) && count_words(c, &c->held_out, &held_out))
        accuracy = tune(p, c, &t, store, &bag, &held_out, "bag_of_words");
    an_tensor_free(&bag);
    an_tensor_free(&held_out);
    an_store_free(store);
    an_graph_free(t.graph);
    return accuracy;
}
