/* record.h -- what a training has done so far, as JSON.                      */
#ifndef AN_FRONTENDS_TRAIN_RECORD_H
#define AN_FRONTENDS_TRAIN_RECORD_H

#include "core/text.h"
#include "frontends/train/history.h"

/* What must not change between the parts of an interrupted training. */
typedef struct an_record_key {
    uint64_t seed;
    int64_t batch, examples;
} an_record_key;

/* Appends the JSON. Numbers read back to the same bits; NaN becomes null. */
an_status an_record_print(const an_history *h, const an_record_key *key,
                          const an_metadata *arguments, int64_t argument_count, an_text *out,
                          an_error *e);
/* Fills `h` (which must be empty) and `key`; the arguments are passed over.
 * Messages do not name the file. */
an_status an_record_parse(const char *json, an_history *h, an_record_key *key, an_error *e);

#endif
