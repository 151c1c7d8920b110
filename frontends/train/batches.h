/* batches.h -- named arrays whose axis 0 is the example, a few rows at a time.
 *
 * Rows come either as a view of the arrays, when they lie in order, or gathered
 * into buffers that are made once. Taking a batch never allocates.           */
#ifndef AN_FRONTENDS_TRAIN_BATCHES_H
#define AN_FRONTENDS_TRAIN_BATCHES_H

#include "core/text.h"
#include "frontends/frontends.h"

typedef struct an_batches {
    int count;
    int64_t examples;
    an_tensor all[AN_MAX_NAMED];   /* borrowed: all rows of this set */
    an_tensor batch[AN_MAX_NAMED]; /* borrowed: the rows of the present batch */
    int64_t row_bytes[AN_MAX_NAMED];
    void *buffer[AN_MAX_NAMED];    /* what gathering fills; NULL before an_batches_reserve */
    an_feed feed[AN_MAX_NAMED];    /* the present batch, as an_run takes it */
} an_batches;

/* `b` must stay where it is, since its feeds point into it. Refuses feeds without
 * examples and feeds that disagree in their number, by name. */
an_status an_batches_open(an_batches *b, const an_feed feed[AN_MAX_NAMED], an_at at, an_error *e);
void an_batches_close(an_batches *b);
/* Keeps only rows first .. first+count-1. */
void an_batches_narrow(an_batches *b, int64_t first, int64_t count);
/* Buffers for batches of up to so many rows, for gathering. */
an_status an_batches_reserve(an_batches *b, int64_t rows, an_error *e);

void an_batches_view(an_batches *b, int64_t first, int64_t rows);
void an_batches_gather(an_batches *b, const int64_t *which, int64_t rows);

/* Stores "f.c:12: error AN-E020: <message>" in `e`, as an_fail does. */
an_status an_fail_at(an_error *e, an_at at, an_status status, const char *format, ...)
    AN_PRINTF(4, 5);

#endif
