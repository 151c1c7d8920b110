/* json_text.h -- what this room's writers of JSON share. A failed piece is NULL, and whoever was to
 * take it says so: at the end there is a text of all, or none.                */
#ifndef AN_FRONTENDS_INSPECT_JSON_TEXT_H
#define AN_FRONTENDS_INSPECT_JSON_TEXT_H

#include <jansson.h>

#include "core/text.h"

/* Any bytes as a string: what is no UTF-8 becomes U+FFFD. */
json_t *an_json_text(const char *text);
/* null where JSON has no word for it. */
json_t *an_json_number(double value);
/* Adds and takes over; false, and the value is freed, if memory was out. */
bool an_json_put(json_t *object, const char *key, json_t *value);
bool an_json_push(json_t *list, json_t *value);
/* The text of a root that is whole, else NULL; frees the root. To be freed with an_string_free. */
char *an_json_take(json_t *root, bool whole);

#endif
