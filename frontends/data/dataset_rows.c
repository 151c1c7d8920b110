/* dataset_rows.c -- a row on its way in: repaired, refused or stored.
 *
 * A row's label is kept as its kind, the place of that string in order of first
 * appearance; what number a kind gets is dataset_classes.c's affair.          */
#include "frontends/data/dataset.h"

#include "core/memory.h"
#include "frontends/text/unicode.h"

an_status an_dataset_no_memory(an_dataset *d)
{
    return an_fail(&d->error, AN_E_MEMORY, "data set: no memory for its rows");
}

const char *an_dataset_clean(an_dataset *d, const char *bytes, int64_t count)
{
    an_text_clear(&d->scratch);
    an_utf8_add_clean(&d->scratch, bytes, count);
    an_text_add(&d->scratch, "");
    if (!d->scratch.failed) return an_text_view(&d->scratch);
    an_text_free(&d->scratch);
    return NULL;
}

static bool reserve_row(an_dataset *d)
{
    const int64_t need = d->count + 1;
    return AN_GROW(d->texts, d->text_capacity, need) && AN_GROW(d->kinds, d->kind_capacity, need) &&
           AN_GROW(d->labels, d->label_capacity, need) &&
           AN_GROW(d->origins, d->origin_capacity, need);
}

/* "reviews.tsv:12", or the file alone. */
static void describe_origin(const an_origin *origin, an_text *out)
{
    an_text_add(out, origin->file ? origin->file : "data set");
    if (origin->line > 0) an_text_addf(out, ":%lld", (long long)origin->line);
}

an_status an_dataset_refuse_row(an_dataset *d, const an_origin *origin, const char *why)
{
    an_text place = {0};
    describe_origin(origin, &place);
    const an_status status = an_fail(&d->error, AN_E_DATA, "%s: %s", an_text_view(&place), why);
    an_text_free(&place);
    return status;
}

int64_t an_dataset_begin(an_dataset *d)
{
    an_error_clear(&d->error);
    return d->count;
}

an_status an_dataset_append(an_dataset *d, const an_row *row)
{
    if (row->label_length == 0)
        return an_dataset_refuse_row(d, &row->origin,
                                     "the label is empty; write a class name in its place");
    if (!reserve_row(d)) return an_dataset_no_memory(d);
    if (!an_dataset_clean(d, row->label, row->label_length)) return an_dataset_no_memory(d);
    const int64_t kind = an_strings_add(&d->kind_names, d->scratch.data, d->scratch.length);
    if (kind < 0 || !an_dataset_clean(d, row->text, row->text_length))
        return an_dataset_no_memory(d);
    const char *const text = an_arena_text(&d->bytes, an_text_view(&d->scratch), d->scratch.length);
    if (!text) return an_dataset_no_memory(d);
    d->texts[d->count] = text;
    d->kinds[d->count] = kind;
    d->labels[d->count] = 0;
    d->origins[d->count] = row->origin;
    d->count++;
    return AN_OK;
}
