/* dataset.h -- the inside of a data set, shared by its readers.
 *
 * A reader calls an_dataset_begin, appends rows, and ends with an_dataset_end,
 * which keeps all of them or none.                                           */
#ifndef AN_FRONTENDS_DATA_DATASET_H
#define AN_FRONTENDS_DATA_DATASET_H

#include "core/text.h"
#include "frontends/frontends.h"
#include "frontends/text/intern.h"

/* Where a row came from, for messages. */
typedef struct an_origin {
    const char *file; /* in the arena */
    int64_t line;     /* 0 if the file is the row */
} an_origin;

struct an_dataset {
    an_arena bytes; /* texts and file names; freed with the data set */
    const char **texts;
    int64_t *kinds;  /* class of each row, numbered by first appearance */
    int32_t *labels; /* class of each row, as the user sees it */
    an_origin *origins;
    int64_t count, text_capacity, kind_capacity, label_capacity, origin_capacity;

    an_strings kind_names;
    const char **class_names; /* in the order of the labels */
    int64_t classes, class_capacity;
    int32_t *class_of_kind; /* -1: not among the fixed classes */
    int64_t class_of_kind_capacity;
    int64_t numbered; /* kinds that class_of_kind speaks of */
    int64_t fixed;    /* > 0: the first so many kinds are all classes there are */

    an_text scratch;
    an_error error;
};

/* One row on its way in. */
typedef struct an_row {
    const char *label, *text;
    int64_t label_length, text_length;
    an_origin origin;
} an_row;

int64_t an_dataset_begin(an_dataset *d); /* clears the message; the number of rows so far */
/* Repairs and copies the text. An empty label is an error. */
an_status an_dataset_append(an_dataset *d, const an_row *row);
/* Drops the rows from `before` on unless `status` is good; numbers the classes. */
an_status an_dataset_end(an_dataset *d, int64_t before, an_status status);

/* Numbers all classes anew (dataset_classes.c). */
an_status an_dataset_number_classes(an_dataset *d);

/* ---- for whoever adds rows (dataset_rows.c) ------------------------------ */

/* The bytes as clean text in d->scratch; NULL if memory is out. */
const char *an_dataset_clean(an_dataset *d, const char *bytes, int64_t count);
an_status an_dataset_no_memory(an_dataset *d);
/* Fails with "file:line: why". */
an_status an_dataset_refuse_row(an_dataset *d, const an_origin *origin, const char *why);

/* ---- readers and order -------------------------------------------------- */

/* The readers. `file` outlives the data set's rows. */
an_status an_dataset_read_tsv(an_dataset *d, const char *file, const char *bytes, int64_t count);
an_status an_dataset_read_csv(an_dataset *d, const char *file, const char *bytes, int64_t count,
                              const an_dataset_options *options);
an_status an_dataset_read_folder(an_dataset *d, const char *path);

/* Writes a permutation of 0 .. count-1 that depends on (seed, step) alone. */
void an_shuffle(int64_t *order, int64_t count, uint64_t seed, uint64_t step);

#endif
