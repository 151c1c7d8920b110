/* own.h -- attributes that an op from outside names in its definition ("alpha:f64 taps:i64s").
 *
 * They lie in attrs->own in the order of the op's row. What is not given, at the end or at all, is
 * zero, an empty text or an empty list; the text form leaves it out.           */
#ifndef AN_OPS_OWN_H
#define AN_OPS_OWN_H

#include "ops/op.h"

uint64_t an_own_hash(const an_own *v, uint64_t seed);
bool an_own_equal(const an_own *a, const an_own *b); /* bit equality for floats; NaN is NaN */
bool an_own_is_zero(const an_own *v);
bool an_own_is_whole(const an_own *v); /* a list has all its elements: no NULL among them */
bool an_own_copy(an_own *v, an_arena *arena); /* what it points to; false if memory is out */
void an_own_print(const an_own *v, an_text *out);
bool an_own_read(an_scan *s, an_own_kind kind, an_own *v); /* lists and texts are the scan's */
/* "f64": the kind of that name, of `length` bytes; false if there is none. */
bool an_own_kind_find(const char *name, int length, an_own_kind *kind);

#endif
