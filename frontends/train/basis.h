/* basis.h -- what a training rests on: its graph, its optimizer, its data.
 *
 * Named texts, kept in the record: a training that goes on compares them with its own
 * and says which of them have changed.                                       */
#ifndef AN_FRONTENDS_TRAIN_BASIS_H
#define AN_FRONTENDS_TRAIN_BASIS_H

#include "core/memory.h"
#include "core/text.h"
#include "frontends/frontends.h"

typedef struct an_basis { /* zero-initialised: empty */
    an_arena arena;
    an_metadata *facts; /* "optimizer", "feed x" ... */
    int64_t count, capacity;
} an_basis;

/* Reads all arrays once. The programs and feeds must have been looked at. */
an_status an_basis_make(an_basis *b, const an_fit_args *args, an_error *e);
bool an_basis_add(an_basis *b, const char *name, const char *value); /* false: out of memory */
void an_basis_free(an_basis *b);
/* Appends the names of what differs, "the optimizer, feed x"; nothing if all is the same, or
 * if the earlier one is empty. */
void an_basis_compare(const an_basis *before, const an_basis *now, an_text *out);

#endif
