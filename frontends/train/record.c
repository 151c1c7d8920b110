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
    if (isinf(value)) return json_string(value > 0 ? "inf" : "-inf");
    return isnan(value) ? json_null() : json_real(value);
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
    for (int64_t i = 0; i < h->series_count; i++)
        failed |= json_object_set_new(
            to, h->series[i].name, number(an_history_watched_value(h, i, record->epoch - 1)));
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
    json_t *const watched = h->series_count > 0 ? json_array() : NULL;
    for (int64_t i = 0; i < h->series_count; i++)
        failed |= json_array_append_new(watched, json_string(h->series[i].name));
    if (h->series_count > 0) failed |= json_object_set_new(root, "watched", watched);
    return failed;
}

static int put_place(json_t *root, const an_history *h, const an_within *place)
{
    if (place->step == 0) return 0;
    json_t *const to = json_object(), *const sums = json_array();
    int failed = json_object_set_new(to, "step", json_integer(place->step));
    failed |= json_object_set_new(to, "examples", json_integer(place->examples));
    failed |= json_object_set_new(to, "seconds", number(place->seconds));
    for (int i = 0; i < h->metric_count; i++)
        failed |= json_array_append_new(sums, number(place->sum[i]));
    failed |= json_object_set_new(to, "sums", sums);
    return failed | json_object_set_new(root, "partial", to);
}

an_status an_record_print(const an_history *h, const an_record *r, const an_metadata *arguments,
                          int64_t argument_count, an_text *out, an_error *e)
{
    const an_record_key *const key = &r->key;
    char seed[24]; /* as text: JSON readers make a double of it */
    (void)snprintf(seed, sizeof seed, "%" PRIu64, key->seed);
    json_t *const root = json_object();
    int failed = json_object_set_new(root, "format", json_string(FORMAT));
    failed |= json_object_set_new(root, "arguments", arguments_of(arguments, argument_count));
    failed |= json_object_set_new(root, "fingerprint",
                                  arguments_of(r->basis.facts, r->basis.count));
    failed |= json_object_set_new(root, "seed", json_string(seed));
    failed |= json_object_set_new(root, "batch", json_integer(key->batch));
    failed |= json_object_set_new(root, "examples", json_integer(key->examples));
    failed |= json_object_set_new(root, "best", json_integer(h->best));
    failed |= json_object_set_new(root, "skipped", json_integer(h->skipped));
    failed |= json_object_set_new(root, "validated", json_boolean(h->validated));
    failed |= put_place(root, h, &r->place);
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

/* An epoch a line. */
static void add_line(an_text *out, json_t *epoch)
{
    char *const line = epoch ? json_dumps(epoch, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    an_text_add(out, line ? line : an_lost);
    an_text_add(out, "\n");
    free(line); /* house: jansson took it from malloc */
    json_decref(epoch);
}

char *an_history_jsonl(const an_history *h)
{
    an_text out = {0};
    an_text_add(&out, h ? "" : an_lost);
    for (int64_t i = 0; h && i < h->epoch_count; i++) add_line(&out, epoch_of(h, &h->epochs[i]));
    return an_text_take(&out);
}

/* ---- reading ----------------------------------------------------------- */

static bool read_number(const json_t *from, double *value)
{
    const char *const text = json_string_value(from);
    *value = json_is_null(from) ? (double)NAN : json_number_value(from);
    if (text) *value = text[0] == '-' ? -(double)INFINITY : (double)INFINITY;
    return json_is_null(from) || json_is_number(from) ||
           (text && (strcmp(text, "inf") == 0 || strcmp(text, "-inf") == 0));
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

/* Values of the epoch that was read last, of all that is watched; none in older records. */
static bool read_watched(const json_t *names, const json_t *from, an_history *h, bool *memory)
{
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *const name = json_string_value(json_array_get(names, i));
        double value;
        if (!name || !read_number(json_object_get(from, name), &value)) return false;
        *memory = *memory && an_history_watch(h, name, h->epoch_count, value);
    }
    return !names || json_is_array(names);
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

/* What is not there, as in the records of earlier versions, is nothing. */
static bool read_place(const json_t *from, const an_history *h, an_within *place)
{
    const json_t *const sums = json_object_get(from, "sums");
    if (!from) return true;
    bool good = read_integer(json_object_get(from, "step"), &place->step) && place->step > 0 &&
                read_integer(json_object_get(from, "examples"), &place->examples) &&
                read_number(json_object_get(from, "seconds"), &place->seconds) &&
                json_array_size(sums) == (size_t)h->metric_count;
    for (size_t i = 0; good && i < json_array_size(sums); i++)
        good = read_number(json_array_get(sums, i), &place->sum[i]);
    return good;
}

static bool read_basis(json_t *from, an_basis *basis, bool *memory)
{
    const char *name;
    json_t *value;
    if (from && !json_is_object(from)) return false;
    json_object_foreach(from, name, value)
    {
        if (!json_is_string(value)) return false;
        *memory = *memory && an_basis_add(basis, name, json_string_value(value));
    }
    return true;
}

static bool read_head(const json_t *root, an_history *h, an_record_key *key)
{
    const char *const format = json_string_value(json_object_get(root, "format"));
    const json_t *const validated = json_object_get(root, "validated");
    const json_t *const skipped = json_object_get(root, "skipped");
    h->validated = json_is_true(validated);
    return (!skipped || read_integer(skipped, &h->skipped)) && format &&
           strcmp(format, FORMAT) == 0 && json_is_boolean(validated) &&
           read_key(root, key) && read_names(json_object_get(root, "metrics"), h) &&
           read_integer(json_object_get(root, "best"), &h->best) &&
           json_is_array(json_object_get(root, "epochs"));
}

an_status an_record_parse(const char *json, an_history *h, an_record *r, an_error *e)
{
    json_t *const root = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
    bool memory = true;
    bool good = read_head(root, h, &r->key) &&
                read_place(json_object_get(root, "partial"), h, &r->place) &&
                read_basis(json_object_get(root, "fingerprint"), &r->basis, &memory);
    const json_t *const epochs = json_object_get(root, "epochs");
    for (size_t i = 0; good && memory && i < json_array_size(epochs); i++) {
        an_epoch record;
        good = read_epoch(json_array_get(epochs, i), h, &record);
        memory = !good || an_history_append(h, &record);
        good = good && memory && read_watched(json_object_get(root, "watched"),
                                              json_array_get(epochs, i), h, &memory);
    }
    good = good && h->best <= h->epoch_count;
    json_decref(root);
    if (!memory) return an_fail(e, AN_E_MEMORY, "there is no memory for the training's epochs");
    return good ? AN_OK : an_fail(e, AN_E_FORMAT, "this is not the record of a training");
}
