/* classifier.h -- what the files of the classifier share. */
#ifndef EXAMPLES_CLASSIFIER_H
#define EXAMPLES_CLASSIFIER_H

#include <addnorm.h>

typedef struct options {
    const char *train, *test; /* NULL: the generated corpus, no test */
    int64_t epochs, batch, max_length, vocab;
    double validation_split;
    an_side padding, truncating;
    bool mask, characters, resume, plain, help;
    uint64_t seed;
    int threads;
    const char *checkpoint, *dot, *graph, *curves, *json, *predict, *events;
    int64_t generate; /* reviews of the generated corpus */
} options;

/* classifier_options.c: false, with a message on stderr, if the line is wrong. */
bool read_options(int argc, char **argv, options *o);
void print_usage(void);

/* classifier_model.c: logits of ids[B, T], [B, classes], or [B, 1] of two classes. With a mask
 * padding is skipped. */
an_value classifier(an_value ids, bool mask, int64_t vocabulary, int64_t classes);
/* Its two halves: [B, T, 50], and from there; `lengths`[B] of texts, or AN_NONE. */
an_value embed_words(an_value ids, int64_t vocabulary);
an_value classify_embedded(an_value h, an_value lengths, int64_t classes);

/* Texts as the network takes them. */
typedef struct examples {
    an_dataset *texts;
    an_tensor ids;   /* i32[N, T] */
    an_tensor label; /* two classes: f32[N, 1]; more: i32[N] */
} examples;

/* classifier_data.c: reads, encodes and pads. Each returns false after a message. A tokenizer that
 * is there already is used as it is. */
bool read_training_data(const options *o, examples *e, an_tokenizer **tokenizer);
bool read_test_data(const options *o, const examples *like, an_tokenizer *tokenizer, examples *e);
bool encode(const options *o, an_tokenizer *tokenizer, const char *const *texts, int64_t count,
            an_tensor *ids);
void free_examples(examples *e);

/* classifier_report.c */
typedef struct summary {
    const options *options;
    const an_history *history;
    const an_scores *test; /* NULL: none */
    int64_t classes, vocabulary, parameters, fused;
    an_store *store;
} summary;
bool write_json(const summary *s);
/* Reads a text a line and prints probability, class and text. */
bool predict_lines(const options *o, const examples *e, an_tokenizer *tokenizer, an_program *p);

#endif
