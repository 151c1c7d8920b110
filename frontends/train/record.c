/* record.c -- what a training has done so far, as JSON.
 *
 * The same text is training.json and, in a checkpoint's header, what a resumed
 * training starts from. The reader believes nothing: a record with a gap in its
 * epochs or a number of another type is refused.
 *
 * jansson allocates through malloc, not through the library's hook: its own hook
 * is global, and the host program may be using it.                           */
#include "frontends/train/record.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

#define FORMAT "addnorm training 1"
#define NAME_BYTES ((int)sizeof((an_history *)0)->metric[0])

/* ---- writing ----------------------------------------------------------- */

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static int put_metrics(json_t *to, const an_history *h, const char *prefix, const double *values)
{
    int failed = 0;
    for (int i = 0; i < h->metric_count; i++) {
        char key[NAME_BYTES + 8];
        (void)snprintf(key, sizeof key, "%s%s", prefix, h->metric[i]);
        failed |= json_object_set_new(to, key, number(values[i]));
    }
    return failed;
}

static json_t *epoch_of(const an_history *h, const an_epoch *record)
{
    json_t *const to = json_object();
    int failed = json_object_set_new(to, "epoch", json_integer(record->epoch));
    failed |= json_object_set_new(to, "seconds", number(record->seconds));
    failed |= json_object_set_new(to, "step_ms", number(record->step_ms));
    failed |= put_metrics(to, h, "", record->train);
    if (h->validated) failed |= put_metrics(to, h, "val_", record->validation);
    if (!failed) return to;
    json_decref(to);
    return NULL;
}

static json_t *arguments_of(const an_metadata *arguments, int64_t count)
{
    json_t *const to = json_object();
    for (int64_t i = 0; i < count; i++)
        if (!arguments[i].key || !arguments[i].value ||
            json_object_set_new(to, arguments[i].key, json_string(arguments[i].value)) != 0) {
            json_decref(to);
            return NULL;
        }
    return to;
}

static int put_lists(json_t *root, const an_history *h)
{
    json_t *const metrics = json_array(), *const epochs = json_array();
    int failed = 0;
    for (int i = 0; i < h->metric_count; i++)
        failed |= json_array_append_new(metrics, json_string(h->metric[i]));
    for (int64_t i = 0; i < h->epoch_count; i++)
        failed |= json_array_append_new(epochs, epoch_of(h, &h->epochs[i]));
    failed |= json_object_set_new(root, "metrics", metrics);
    failed |= json_object_set_new(root, "epochs", epochs);
    return failed;
}

an_status an_record_print(const an_history *h, const an_record_key *key,
                          const an_metadata *arguments, int64_t argument_count, an_text *out,
                          an_error *e)
{
    char seed[24]; /* as text: JSON readers make a double of it */
    (void)snprintf(seed, sizeof seed, "%" PRIu64, key->seed);
    json_t *const root = json_object();
    int failed = json_object_set_new(root, "format", json_string(FORMAT));
    failed |= json_object_set_new(root, "arguments", arguments_of(arguments, argument_count));
    failed |= json_object_set_new(root, "seed", json_string(seed));
    failed |= json_object_set_new(root, "batch", json_integer(key->batch));
    failed |= json_object_set_new(root, "examples", json_integer(key->examples));
    failed |= json_object_set_new(root, "best", json_integer(h->best));
    failed |= json_object_set_new(root, "validated", json_boolean(h->validated));
    failed |= put_lists(root, h);
    char *const text = failed ? NULL : json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(17));
    json_decref(root);
    if (text) an_text_add(out, text);
    const bool good = text && !out->failed;
    free(text); /* house: jansson took it from malloc */
    if (good) return AN_OK;
    if (out->failed) return an_fail(e, AN_E_MEMORY, "there is no memory for the training's record");
    return an_fail(e, AN_E_ARGUMENT, "the training's record cannot be written: an argument or a "
                                     "metric's name is not UTF-8, or memory is out");
}

/* ---- reading ----------------------------------------------------------- */

static bool read_number(const json_t *from, double *value)
{
    *value = json_is_null(from) ? (double)NAN : json_number_value(from);
    return json_is_null(from) || json_is_number(from);
}

static bool read_integer(const json_t *from, int64_t *value)
{
    *value = json_integer_value(from);
    return json_is_integer(from) && *value >= 0;
}

static bool read_metrics(const json_t *from, const an_history *h, const char *prefix,
                         double values[AN_MAX_METRICS])
{
    bool good = true;
    for (int i = 0; i < h->metric_count; i++) {
        char key[NAME_BYTES + 8];
        (void)snprintf(key, sizeof key, "%s%s", prefix, h->metric[i]);
        good = read_number(json_object_get(from, key), &values[i]) && good;
    }
    return good;
}

static bool read_epoch(const json_t *from, const an_history *h, an_epoch *record)
{
    for (int i = 0; i < AN_MAX_METRICS; i++)
        record->train[i] = record->validation[i] = (double)NAN;
    return read_integer(json_object_get(from, "epoch"), &record->epoch) &&
           record->epoch == h->epoch_count + 1 &&
           read_number(json_object_get(from, "seconds"), &record->seconds) &&
           read_number(json_object_get(from, "step_ms"), &record->step_ms) &&
           read_metrics(from, h, "", record->train) &&
           (!h->validated || read_metrics(from, h, "val_", record->validation));
}

static bool read_names(const json_t *names, an_history *h)
{
    const size_t count = json_array_size(names);
    if (count < 1 || count > AN_MAX_METRICS) return false;
    h->metric_count = (int)count;
    for (size_t i = 0; i < count; i++) {
        const char *const name = json_string_value(json_array_get(names, i));
        if (!name || !name[0] || strlen(name) >= (size_t)NAME_BYTES) return false;
        memcpy(h->metric[i], name, strlen(name) + 1);
    }
    return true;
}

static bool read_key(const json_t *root, an_record_key *key)
{
    const char *const seed = json_string_value(json_object_get(root, "seed"));
    char *end = NULL;
    if (seed) key->seed = strtoull(seed, &end, 10);
    return end && end != seed && *end == 0 &&
           read_integer(json_object_get(root, "batch"), &key->batch) &&
           read_integer(json_object_get(root, "examples"), &key->examples);
}

static bool read_head(const json_t *root, an_history *h, an_record_key *key)
{
    const char *const format = json_string_value(json_object_get(root, "format"));
    const json_t *const validated = json_object_get(root, "validated");
    h->validated = json_is_true(validated);
    return format && strcmp(format, FORMAT) == 0 && json_is_boolean(validated) &&
           read_key(root, key) && read_names(json_object_get(root, "metrics"), h) &&
           read_integer(json_object_get(root, "best"), &h->best) &&
           json_is_array(json_object_get(root, "epochs"));
}

an_status an_record_parse(const char *json, an_history *h, an_record_key *key, an_error *e)
{
    json_t *const root = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
    bool good = read_head(root, h, key), memory = true;
    const json_t *const epochs = json_object_get(root, "epochs");
    for (size_t i = 0; good && memory && i < json_array_size(epochs); i++) {
        an_epoch record;
        good = read_epoch(json_array_get(epochs, i), h, &record);
        memory = !good || an_history_append(h, &record);
    }
    good = good && h->best <= h->epoch_count;
    json_decref(root);
    if (!memory) return an_fail(e, AN_E_MEMORY, "there is no memory for the training's epochs");
    return good ? AN_OK : an_fail(e, AN_E_FORMAT, "this is not the record of a training");
}
