/* data_parallel_rows.c -- the same batches for any number of ranks, and a rank's rows of them. */
#include "examples/data_parallel.h"

#include <stdio.h>
#include <stdlib.h>

static bool complain(const char *what)
{
    fprintf(stderr, "data_parallel: %s\n", what);
    return false;
}

static bool read_reviews(const plan *p, rows *all)
{
    examples e = {0};
    an_tokenizer *words = NULL;
    if (!read_training_data(&p->data, &e, &words)) return false;
    const bool good = an_dataset_classes(e.texts) == 2 || complain("reviews are of two classes");
    *all = (rows){.length = p->data.max_length, .vocabulary = an_tokenizer_vocabulary(words),
                  .count = an_dataset_count(e.texts), .ids = e.ids, .label = e.label};
    all->held = all->count - all->count / 5;
    an_dataset_free(e.texts);
    an_tokenizer_free(words);
    return good;
}

static bool read_lines(const plan *p, rows *all)
{
    all->length = p->config.context;
    if (!(p->data.train ? read_text(&all->text, p->data.train)
                        : generate_text(&all->text, p->e.small ? 100000 : 400000, p->e.seed)))
        return false;
    all->count = all->text.count - all->length - 1;
    all->held = all->text.held - all->length - 1;
    return all->held > all->length || complain("the text is too short");
}

bool read_rows(const plan *p, rows *all)
{
    const bool reviews = p->model[0] == 'c';
    return reviews ? read_reviews(p, all) : read_lines(p, all);
}

void free_rows(rows *all)
{
    an_tensor_free(&all->ids);
    an_tensor_free(&all->label);
    free_text(&all->text);
}

/* ---- batches ------------------------------------------------------------------ */

static void copy_review(const rows *all, int64_t from, int64_t to, piece *out)
{
    const int64_t T = all->length;
    for (int64_t t = 0; t < T; t++)
        an_tensor_set(&out->ids, to * T + t, an_tensor_get(&all->ids, from * T + t));
    an_tensor_set(&out->label, to, an_tensor_get(&all->label, from));
}

static void copy_text(const rows *all, int64_t from, int64_t to, piece *out)
{
    const int64_t T = all->length;
    for (int64_t t = 0; t < T; t++) {
        an_tensor_set(&out->ids, to * T + t, all->text.byte[from + t]);
        an_tensor_set(&out->label, to * T + t, all->text.byte[from + t + 1]);
    }
}

static bool make_room(const rows *all, int64_t count, piece *out)
{
    if (out->ids.data && out->ids.extent[0] == count) return true;
    free_piece(out);
    const bool reviews = all->vocabulary > 0;
    return (an_tensor_alloc(&out->ids, AN_I32, AN_EXTENTS(count, all->length)) == AN_OK &&
            (reviews ? an_tensor_alloc(&out->label, AN_F32, AN_EXTENTS(count, 1))
                     : an_tensor_alloc(&out->label, AN_I32, AN_EXTENTS(count, all->length))) ==
                AN_OK) || complain("there is no memory for a batch");
}

bool take_rows(const plan *p, const rows *all, int64_t step, int64_t first, int64_t count,
               piece *out)
{
    if (!make_room(all, count, out)) return false;
    for (int64_t i = 0; i < count; i++) {
        uint64_t random = p->e.seed * 1000003 + (uint64_t)(step * p->batch + first + i);
        const int64_t from = step < 0 ? all->held + first + i : example_below(&random, all->held);
        if (all->vocabulary > 0) copy_review(all, from, i, out);
        else copy_text(all, from, i, out);
    }
    return true;
}

void free_piece(piece *b)
{
    an_tensor_free(&b->ids);
    an_tensor_free(&b->label);
}
