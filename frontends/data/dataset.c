/* dataset.c -- rows of (text, class): their life and their order.
 *
 * How a row is stored is in dataset_rows.c, what class number it gets in
 * dataset_classes.c. Invariant between calls: every row has a label, all
 * texts are well-formed UTF-8 without NUL, and a failed call has added nothing. */
#include "frontends/data/dataset.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "core/random.h"

/* Streams of the random numbers, apart from those of weights and dropout. */
#define SHUFFLE_STREAM 0x73687566u /* "shuf" */

/* ---- life, death, looking ---------------------------------------------- */

an_dataset *an_dataset_new(void)
{
    return an_alloc_zeroed((int64_t)sizeof(an_dataset));
}

void an_dataset_free(an_dataset *d)
{
    if (!d) return;
    an_arena_free(&d->bytes);
    an_free(d->texts);
    an_free(d->kinds);
    an_free(d->labels);
    an_free(d->origins);
    an_strings_free(&d->kind_names);
    an_free(d->class_names);
    an_free(d->class_of_kind);
    an_text_free(&d->scratch);
    an_free(d);
}

const char *an_dataset_message(const an_dataset *d)
{
    return d ? d->error.text : "";
}

int64_t an_dataset_count(const an_dataset *d)
{
    return d ? d->count : 0;
}

const char *const *an_dataset_texts(const an_dataset *d)
{
    return d ? d->texts : NULL;
}

const int32_t *an_dataset_labels(const an_dataset *d)
{
    return d ? d->labels : NULL;
}

int64_t an_dataset_classes(const an_dataset *d)
{
    return d ? d->classes : 0;
}

const char *an_dataset_class_name(const an_dataset *d, int64_t i)
{
    return d && i >= 0 && i < d->classes ? d->class_names[i] : NULL;
}

/* ---- appending --------------------------------------------------------- */

an_status an_dataset_add(an_dataset *d, const char *label, const char *text)
{
    if (!d) return AN_E_ARGUMENT;
    const int64_t before = an_dataset_begin(d);
    if (!label || !text)
        return an_fail(&d->error, AN_E_ARGUMENT, "data set: a row needs a label and a text");
    const an_row row = {label, text, (int64_t)strlen(label), (int64_t)strlen(text), {0}};
    return an_dataset_end(d, before, an_dataset_append(d, &row));
}

/* ---- ending a read ------------------------------------------------------ */

/* Whether rows from `first` on are all of classes that have their number. */
static bool classes_known(const an_dataset *d, int64_t first)
{
    for (int64_t i = first; i < d->count; i++)
        if (d->kinds[i] >= d->numbered || d->class_of_kind[d->kinds[i]] < 0) return false;
    return true;
}

an_status an_dataset_end(an_dataset *d, int64_t before, an_status status)
{
    if (status == AN_OK && classes_known(d, before))
        for (int64_t i = before; i < d->count; i++) d->labels[i] = d->class_of_kind[d->kinds[i]];
    else if (status == AN_OK) status = an_dataset_number_classes(d);
    if (status != AN_OK) d->count = before;
    return status;
}

/* ---- order ------------------------------------------------------------- */

/* A number in [0, below) from draw number `index`. */
static int64_t draw_below(const an_stream *s, int64_t index, int64_t below)
{
    const int64_t drawn = (int64_t)(an_draw_uniform(s, index) * (double)below);
    return drawn < below ? drawn : below - 1;
}

void an_shuffle(int64_t *order, int64_t count, uint64_t seed, uint64_t step)
{
    const an_stream s = {seed, step, SHUFFLE_STREAM};
    for (int64_t i = 0; i < count; i++) order[i] = i;
    for (int64_t i = count - 1; i > 0; i--) {
        const int64_t j = draw_below(&s, i, i + 1), kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
}

static void swap_rows(an_dataset *d, int64_t i, int64_t j)
{
    const char *const text = d->texts[i];
    const int64_t kind = d->kinds[i];
    const int32_t label = d->labels[i];
    const an_origin origin = d->origins[i];
    d->texts[i] = d->texts[j];
    d->kinds[i] = d->kinds[j];
    d->labels[i] = d->labels[j];
    d->origins[i] = d->origins[j];
    d->texts[j] = text;
    d->kinds[j] = kind;
    d->labels[j] = label;
    d->origins[j] = origin;
}

an_status an_dataset_shuffle(an_dataset *d, uint64_t seed)
{
    if (!d) return AN_E_ARGUMENT;
    an_dataset_begin(d);
    const an_stream s = {seed, 0, SHUFFLE_STREAM};
    for (int64_t i = d->count - 1; i > 0; i--) swap_rows(d, i, draw_below(&s, i, i + 1));
    return AN_OK;
}

int64_t an_dataset_split(an_dataset *d, double fraction)
{
    if (!d) return -1;
    an_dataset_begin(d);
    if (!(fraction >= 0.0 && fraction < 1.0)) {
        an_fail(&d->error, AN_E_ARGUMENT,
                "data set: the validation part is %g; it must be at "
                "least 0 and less than 1",
                fraction);
        return -1;
    }
    const int64_t split = (int64_t)floor((double)d->count * (1.0 - fraction));
    if (fraction > 0.0 && (split == 0 || split == d->count)) {
        an_fail(&d->error, AN_E_ARGUMENT,
                "data set: a validation part of %g leaves one side of "
                "%lld rows empty",
                fraction, (long long)d->count);
        return -1;
    }
    return split;
}
