/* index.h -- numbers filed under hashes, so that what has a name is found without a search.
 *
 * What the numbers stand for, and when two of them are equal, is their owner's business.  */
#ifndef AN_CORE_INDEX_H
#define AN_CORE_INDEX_H

#include "core/core.h"

/* Zero-initialised, it is empty and ready. */
typedef struct an_index {
    struct an_index_slot *slots;
    int64_t size, used; /* size: a power of two, or 0 */
} an_index;

/* Files `number`, which is not 0, beside what is there; false if memory is out. */
bool an_index_add(an_index *x, uint64_t hash, uint32_t number);
/* What is filed under `hash`, and perhaps a little else: one number each call, 0 when there are
 * no more. `*probe` is 0 at the first. */
uint32_t an_index_next(const an_index *x, uint64_t hash, uint64_t *probe);
void an_index_free(an_index *x);

#endif
