/* classifier_data.c -- from files to tensors: read, shuffle, tokenise, pad. */
#include "examples/classifier.h"

#include <stdio.h>

static bool fail(const char *message)
{
    fprintf(stderr, "classifier: %s\n", message);
    return false;
}

static bool read_texts(const char *path, an_dataset *d)
{
    if (an_dataset_read(d, path, NULL) != AN_OK) return fail(an_dataset_message(d));
    if (an_dataset_count(d) > 0) return true;
    fprintf(stderr, "classifier: %s holds no texts\n", path);
    return false;
}

bool encode(const options *o, an_tokenizer *tokenizer, const char *const *texts, int64_t count,
            an_tensor *ids)
{
    an_sequences rows = {0};
    if (an_tokenizer_encode(tokenizer, texts, count, &rows) != AN_OK)
        return fail(an_tokenizer_message(tokenizer));
    const an_pad_options pad = {.maxlen = o->max_length, .padding = o->padding,
                                .truncating = o->truncating};
    const an_status status = an_pad_sequences(&rows, &pad, ids);
    an_sequences_free(&rows);
    return status == AN_OK || fail(an_status_name(status));
}

/* Two classes: f32[N,1] for the sigmoid. More: i32[N] for the softmax. */
static bool label(const an_dataset *d, int64_t classes, an_tensor *out)
{
    const int64_t count = an_dataset_count(d), extent[2] = {count, 1};
    const bool binary = classes == 2;
    const an_status status =
        an_tensor_alloc(out, binary ? AN_F32 : AN_I32, binary ? 2 : 1, extent);
    if (status != AN_OK) return fail(an_status_name(status));
    for (int64_t i = 0; i < count; i++) an_tensor_set(out, i, an_dataset_labels(d)[i]);
    return true;
}

static bool to_tensors(const options *o, an_tokenizer *tokenizer, int64_t classes, examples *e)
{
    return encode(o, tokenizer, an_dataset_texts(e->texts), an_dataset_count(e->texts), &e->ids) &&
           label(e->texts, classes, &e->label);
}

/* Keras fits its tokenizer on all texts handed in, the later validation part too. */
bool read_training_data(const options *o, examples *e, an_tokenizer **tokenizer)
{
    e->texts = an_dataset_new();
    const an_tokenizer_options kind = {.num_words = o->vocab, .char_level = o->characters};
    const bool known = *tokenizer != NULL;
    if (!known) *tokenizer = an_tokenizer_new(&kind);
    if (!e->texts || !*tokenizer) return fail("out of memory");
    if (o->train && !read_texts(o->train, e->texts)) return false;
    if (!o->train && an_dataset_generate(e->texts, o->generate, o->seed) != AN_OK)
        return fail(an_dataset_message(e->texts));
    if (an_dataset_classes(e->texts) < 2)
        return fail("the training texts have fewer than two different labels");
    /* Files often hold one class after the other; the last part validates. */
    if (an_dataset_shuffle(e->texts, o->seed) != AN_OK) return fail(an_dataset_message(e->texts));
    if (!known && an_tokenizer_fit(*tokenizer, an_dataset_texts(e->texts),
                                   an_dataset_count(e->texts)) != AN_OK)
        return fail(an_tokenizer_message(*tokenizer));
    return to_tensors(o, *tokenizer, an_dataset_classes(e->texts), e);
}

bool read_test_data(const options *o, const examples *like, an_tokenizer *tokenizer, examples *e)
{
    const char *names[1024];
    const int64_t classes = an_dataset_classes(like->texts);
    e->texts = an_dataset_new();
    if (!e->texts) return fail("out of memory");
    if (classes > 1024) return fail("more than 1024 classes");
    for (int64_t i = 0; i < classes; i++) names[i] = an_dataset_class_name(like->texts, i);
    if (an_dataset_set_classes(e->texts, names, classes) != AN_OK)
        return fail(an_dataset_message(e->texts));
    return read_texts(o->test, e->texts) && to_tensors(o, tokenizer, classes, e);
}

void free_examples(examples *e)
{
    an_dataset_free(e->texts);
    an_tensor_free(&e->ids);
    an_tensor_free(&e->label);
}
