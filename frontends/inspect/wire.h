/* wire.h -- the way out into protobuf's wire format: protobuf.dev/programming-guides/encoding.
 *
 * A message is its fields one behind another, so it is an an_text that grows; one within another is
 * made first and then put in whole.                                           */
#ifndef AN_FRONTENDS_INSPECT_WIRE_H
#define AN_FRONTENDS_INSPECT_WIRE_H

#include "core/text.h"

void an_wire_integer(an_text *to, int field, int64_t value); /* of any integer type, bool, enum */
void an_wire_float(an_text *to, int field, float value);
void an_wire_double(an_text *to, int field, double value);
/* A string: readers refuse a whole message for what is no UTF-8, so that becomes U+FFFD. */
void an_wire_string(an_text *to, int field, const char *text);
/* A message or packed numbers; frees them. If they are lost, so is `to`. */
void an_wire_put(an_text *to, int field, an_text *part);
/* An element of packed doubles. */
void an_wire_add_double(an_text *packed, double value);
void an_wire_add_word(an_text *to, uint64_t word, int bytes); /* the lowest first */

#endif
