/* json_text.c -- see json_text.h. */
#include "frontends/inspect/json_text.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "frontends/text/unicode.h"

json_t *an_json_text(const char *text)
{
    an_text clean = {0};
    an_utf8_add_clean(&clean, text, (int64_t)strlen(text));
    json_t *made = clean.failed ? NULL : json_string(an_text_view(&clean));
    an_text_free(&clean);
    return made;
}

json_t *an_json_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

bool an_json_put(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) == 0; /* frees what it cannot set */
}

bool an_json_push(json_t *list, json_t *value)
{
    return json_array_append_new(list, value) == 0;
}

static int append(const char *bytes, size_t count, void *text)
{
    an_text_add_bytes(text, bytes, (int64_t)count);
    return ((an_text *)text)->failed ? -1 : 0;
}

char *an_json_take(json_t *root, bool whole)
{
    an_text text = {0};
    if (!whole || !root ||
        json_dump_callback(root, append, &text, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) != 0)
        an_text_takes(&text, an_lost);
    json_decref(root);
    an_text_add(&text, "\n");
    return an_text_take(&text);
}
