/* record.h -- what a training has done so far, as JSON.                      */
#ifndef AN_FRONTENDS_TRAIN_RECORD_H
#define AN_FRONTENDS_TRAIN_RECORD_H

#include "core/text.h"
#include "frontends/train/basis.h"
#include "frontends/train/history.h"

/* What must not change between the parts of an interrupted training. */
typedef struct an_record_key {
    uint64_t seed;
    int64_t batch, examples;
} an_record_key;

/* How far a training has come in the epoch behind the last whole one. */
typedef struct an_within {
    int64_t step;     /* steps behind it, those left out among them; 0: at the beginning */
    int64_t examples; /* that were counted */
    double sum[AN_MAX_METRICS]; /* of the metrics, times examples */
    double seconds;
} an_within;

typedef struct an_record { /* zero-initialised: empty */
    an_record_key key;
    an_basis basis;
    an_within place;
} an_record;

/* Appends the JSON. Numbers read back to the same bits; NaN becomes null. */
an_status an_record_print(const an_history *h, const an_record *r, const an_metadata *arguments,
                          int64_t argument_count, an_text *out, an_error *e);
/* Fills `h` and `r`, which must be empty; the arguments are passed over. Messages do not
 * name the file. */
an_status an_record_parse(const char *json, an_history *h, an_record *r, an_error *e);

#endif
