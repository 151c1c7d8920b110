/* safetensors.c -- the header of a safetensors file, as text and as a table.
 *
 * Knows the format and nothing of files or stores. The reader trusts nothing: a
 * table it returns tiles the data exactly, every size was multiplied with a
 * check, and no name occurs twice. It refuses dtypes that the format does not
 * have; those it has and we have not are marked, since their size is known.
 *
 * jansson allocates through malloc, not through the library's hook: its own hook
 * is global, and the host program may be using it.                           */
#include "frontends/formats/safetensors.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define METADATA "__metadata__"
#define CHECKS "addnorm.crc32"
#define HEADER_CHECK "addnorm.crc32.header"
#define HEX 9 /* digits of a CRC-32 and the final 0 */
#define ALIGNMENT 64

typedef struct file_dtype {
    const char *name;
    int64_t width;
    bool known;
    an_dtype dtype;
} file_dtype;

static const file_dtype file_dtypes[] = {
    {"F32", 4, true, AN_F32},     {"F64", 8, true, AN_F64},      {"I32", 4, true, AN_I32},
    {"I64", 8, true, AN_I64},     {"BOOL", 1, true, AN_BOOL},    {"F16", 2, false, AN_F32},
    {"BF16", 2, false, AN_F32},   {"U8", 1, false, AN_I32},      {"I8", 1, false, AN_I32},
    {"I16", 2, false, AN_I32},    {"U16", 2, false, AN_I32},     {"U32", 4, false, AN_I64},
    {"U64", 8, false, AN_I64},    {"F8_E4M3", 1, false, AN_F32}, {"F8_E5M2", 1, false, AN_F32},
};
#define FILE_DTYPES ((int)(sizeof file_dtypes / sizeof *file_dtypes))

void an_stored_table_free(an_stored_table *t)
{
    if (!t) return;
    an_arena_free(&t->arena);
    an_free(t->items);
    an_free(t->metadata);
    *t = (an_stored_table){0};
}

static an_status no_memory(an_error *e)
{
    return an_fail(e, AN_E_MEMORY, "there is no memory for the header");
}

/* ---- checksums --------------------------------------------------------- */

static uint32_t check_text(const an_crc32 *c, uint32_t before, const char *text)
{
    return an_crc32_add(c, before, text, (int64_t)strlen(text) + 1);
}

static uint32_t check_entry(const an_crc32 *c, const an_stored *s)
{
    const int64_t numbers[] = {s->type.rank, s->begin, s->end};
    uint32_t crc = check_text(c, check_text(c, 0, s->name), s->file_dtype);
    crc = an_crc32_add(c, crc, numbers, (int64_t)sizeof numbers);
    return an_crc32_add(c, crc, s->type.extent,
                        s->type.rank * (int64_t)sizeof s->type.extent[0]);
}

static uint32_t check_pair(const an_crc32 *c, const char *key, const char *value)
{
    return strcmp(key, HEADER_CHECK) == 0 ? 0 : check_text(c, check_text(c, 0, key), value);
}

static void print_check(uint32_t crc, char hex[HEX])
{
    (void)snprintf(hex, HEX, "%08" PRIx32, crc);
}

/* ---- writing ----------------------------------------------------------- */

an_status an_stored_add(an_stored_table *t, const char *name, const an_tensor *type, an_error *e)
{
    if (strcmp(name, METADATA) == 0)
        return an_fail(e, AN_E_NAME, "a state called \"" METADATA "\" cannot be stored: the format "
                                     "keeps that name for itself");
    int which = 0;
    while (!file_dtypes[which].known || file_dtypes[which].dtype != type->dtype) which++;
    const char *const kept = an_arena_string(&t->arena, name);
    if (!kept || !AN_GROW(t->items, t->capacity, t->count + 1)) return no_memory(e);
    t->items[t->count] = (an_stored){.name = kept,
                                     .file_dtype = file_dtypes[which].name,
                                     .known = true,
                                     .type = *type};
    t->items[t->count++].type.data = NULL;
    return AN_OK;
}

static int by_width_and_name(const void *a, const void *b)
{
    const an_stored *const x = a, *const y = b;
    const size_t wx = an_dtype_size(x->type.dtype), wy = an_dtype_size(y->type.dtype);
    if (wx != wy) return wx < wy ? 1 : -1;
    return strcmp(x->name, y->name);
}

an_status an_stored_arrange(an_stored_table *t, an_error *e)
{
    if (t->count > 0) qsort(t->items, (size_t)t->count, sizeof *t->items, by_width_and_name);
    int64_t end = 0;
    for (int64_t i = 0; i < t->count; i++) {
        t->items[i].begin = end;
        if (!an_add_size(end, an_tensor_bytes(&t->items[i].type), &end))
            return an_fail(e, AN_E_LIMIT, "the states together are too large for a file");
        t->items[i].end = end;
    }
    return AN_OK;
}

/* {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]} */
static json_t *entry_of(const an_stored *s)
{
    json_t *const shape = json_array(), *const places = json_array(), *const to = json_object();
    int failed = 0;
    for (int i = 0; i < s->type.rank; i++)
        failed |= json_array_append_new(shape, json_integer(s->type.extent[i]));
    failed |= json_array_append_new(places, json_integer(s->begin));
    failed |= json_array_append_new(places, json_integer(s->end));
    failed |= json_object_set_new(to, "dtype", json_string(s->file_dtype));
    failed |= json_object_set_new(to, "shape", shape);
    failed |= json_object_set_new(to, "data_offsets", places);
    if (!failed) return to;
    json_decref(to);
    return NULL;
}

/* jansson took no text and does not say why: what it takes unchecked is not UTF-8. */
static an_status refuse_text(const char *key, const char *what, const char *text, an_error *e)
{
    json_t *const unchecked = json_string_nocheck(text);
    if (!unchecked) return no_memory(e);
    json_decref(unchecked);
    return an_fail(e, AN_E_ARGUMENT, "%s: %s is not UTF-8", key, what);
}

/* Sets to[key]; the key may be what the user gave. */
static an_status put(json_t *to, const char *key, json_t *value, an_error *e)
{
    if (!value) return no_memory(e);
    if (json_object_get(to, key)) {
        json_decref(value);
        return an_fail(e, AN_E_ARGUMENT, "%s: it is given twice", key);
    }
    if (json_object_set_new(to, key, value) == 0) return AN_OK;
    return refuse_text(key, "the name", key, e);
}

static an_status put_text(json_t *to, const char *key, const char *text, an_error *e)
{
    json_t *const value = json_string(text);
    return value ? put(to, key, value, e) : refuse_text(key, "its value", text, e);
}

/* {"w":"9ae0daaf"} as a text; NULL if memory is out. */
static char *checks_of(const an_stored_table *t)
{
    json_t *const checks = json_object();
    int failed = checks == NULL;
    for (int64_t i = 0; i < t->count; i++) {
        char hex[HEX];
        print_check(t->items[i].crc, hex);
        failed |= json_object_set_new(checks, t->items[i].name, json_string(hex));
    }
    char *const text = failed ? NULL : json_dumps(checks, JSON_COMPACT);
    json_decref(checks);
    return text;
}

/* The two texts, behind all others. A name that is no UTF-8 is told of by its entry. */
static an_status put_checks(json_t *about, const an_stored_table *t, an_error *e)
{
    char *const checks = checks_of(t);
    if (!checks) return AN_OK;
    an_status status = put_text(about, CHECKS, checks, e);
    free(checks); /* house: jansson took it from malloc */
    an_crc32 c;
    an_crc32_begin(&c, AN_CRC32);
    uint32_t sum = 0;
    const char *key;
    json_t *value;
    json_object_foreach(about, key, value) sum += check_pair(&c, key, json_string_value(value));
    for (int64_t i = 0; i < t->count; i++) sum += check_entry(&c, &t->items[i]);
    char hex[HEX];
    print_check(sum, hex);
    return status == AN_OK ? put_text(about, HEADER_CHECK, hex, e) : status;
}

static an_status fill_root(json_t *root, const an_stored_table *t, const an_metadata *metadata,
                           int64_t count, an_error *e)
{
    json_t *const about = json_object();
    an_status status = AN_OK;
    for (int64_t i = 0; i < count && status == AN_OK; i++) {
        if (!metadata[i].key || !metadata[i].value)
            status = an_fail(e, AN_E_ARGUMENT, "metadata needs a key and a value");
        else status = put_text(about, metadata[i].key, metadata[i].value, e);
    }
    if (status == AN_OK && t->checked) status = put_checks(about, t, e);
    if (status == AN_OK && json_object_size(about) > 0)
        status = put(root, METADATA, json_incref(about), e);
    json_decref(about);
    for (int64_t i = 0; i < t->count && status == AN_OK; i++)
        status = put(root, t->items[i].name, entry_of(&t->items[i]), e);
    return status;
}

an_status an_stored_print(const an_stored_table *t, const an_metadata *metadata, int64_t count,
                          an_text *out, an_error *e)
{
    json_t *const root = json_object();
    if (!root) return no_memory(e);
    an_status status = fill_root(root, t, metadata, count, e);
    char *const text = status == AN_OK ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    if (status != AN_OK) return status;
    if (!text) return no_memory(e);
    int64_t length = (int64_t)strlen(text), padded;
    if (!an_round_up(AN_SAFETENSORS_PREFIX + length, ALIGNMENT, &padded) ||
        padded > AN_SAFETENSORS_HEADER_LIMIT) {
        free(text); /* house: jansson took it from malloc */
        return an_fail(e, AN_E_LIMIT, "the header would pass the format's limit of 100 MB");
    }
    for (int i = 0; i < AN_SAFETENSORS_PREFIX; i++) {
        const char byte = (char)((uint64_t)(padded - AN_SAFETENSORS_PREFIX) >> (8 * i) & 0xff);
        an_text_add_bytes(out, &byte, 1);
    }
    an_text_add_bytes(out, text, length);
    free(text); /* house: jansson took it from malloc */
    for (length += AN_SAFETENSORS_PREFIX; length < padded; length++) an_text_add(out, " ");
    return out->failed ? no_memory(e) : AN_OK;
}

/* ---- reading ----------------------------------------------------------- */

static an_status bad(an_error *e, const char *name, const char *why)
{
    return an_fail(e, AN_E_FORMAT, "tensor \"%.200s\": %s", name, why);
}

static bool read_shape(const json_t *shape, an_tensor *type)
{
    if (!json_is_array(shape) || json_array_size(shape) > AN_MAX_RANK) return false;
    type->rank = (int)json_array_size(shape);
    for (int i = 0; i < type->rank; i++) {
        const json_t *const extent = json_array_get(shape, (size_t)i);
        type->extent[i] = json_integer_value(extent);
        if (!json_is_integer(extent) || type->extent[i] < 0) return false;
    }
    return true;
}

static bool read_places(const json_t *places, an_stored *s)
{
    const json_t *const begin = json_array_get(places, 0), *const end = json_array_get(places, 1);
    s->begin = json_integer_value(begin);
    s->end = json_integer_value(end);
    return json_array_size(places) == 2 && json_is_integer(begin) && json_is_integer(end) &&
           s->begin >= 0 && s->end >= s->begin;
}

static an_status read_entry(an_stored_table *t, const char *name, const json_t *entry, an_error *e)
{
    an_stored s = {.name = an_arena_string(&t->arena, name)};
    if (!s.name || !AN_GROW(t->items, t->capacity, t->count + 1)) return no_memory(e);
    const char *const dtype = json_string_value(json_object_get(entry, "dtype"));
    int which = 0;
    while (dtype && which < FILE_DTYPES && strcmp(file_dtypes[which].name, dtype) != 0) which++;
    if (!dtype || which == FILE_DTYPES) return bad(e, name, "its dtype is missing or unknown");
    s.file_dtype = file_dtypes[which].name;
    s.known = file_dtypes[which].known;
    s.type.dtype = file_dtypes[which].dtype;
    if (!read_shape(json_object_get(entry, "shape"), &s.type))
        return bad(e, name, "its shape is not a list of up to 8 extents");
    if (!read_places(json_object_get(entry, "data_offsets"), &s))
        return bad(e, name, "its data_offsets are not a begin and an end");
    int64_t count, bytes;
    if (!an_count_elements(s.type.rank, s.type.extent, &count) ||
        !an_mul_size(count, file_dtypes[which].width, &bytes) || bytes != s.end - s.begin)
        return bad(e, name, "its data_offsets do not fit its dtype and shape");
    t->items[t->count++] = s;
    return AN_OK;
}

static an_status read_metadata(an_stored_table *t, json_t *about, an_error *e)
{
    if (!json_is_object(about)) return an_fail(e, AN_E_FORMAT, METADATA " is not an object");
    const char *key;
    json_t *value;
    json_object_foreach(about, key, value)
    {
        if (!json_is_string(value))
            return an_fail(e, AN_E_FORMAT, METADATA ": \"%.200s\" is not a string", key);
        const an_metadata pair = {an_arena_string(&t->arena, key),
                                  an_arena_string(&t->arena, json_string_value(value))};
        if (!pair.key || !pair.value ||
            !AN_GROW(t->metadata, t->metadata_capacity, t->metadata_count + 1))
            return no_memory(e);
        t->metadata[t->metadata_count++] = pair;
    }
    return AN_OK;
}

static const char *metadata_of(const an_stored_table *t, const char *key)
{
    for (int64_t i = 0; i < t->metadata_count; i++)
        if (strcmp(t->metadata[i].key, key) == 0) return t->metadata[i].value;
    return NULL;
}

static bool read_check(const char *hex, uint32_t *crc)
{
    if (!hex || strlen(hex) != HEX - 1 || strspn(hex, "0123456789abcdef") != HEX - 1) return false;
    *crc = (uint32_t)strtoul(hex, NULL, 16);
    return true;
}

static bool read_checks(an_stored_table *t, const char *checks)
{
    json_t *const root = json_loads(checks, JSON_REJECT_DUPLICATES, NULL);
    bool good = json_object_size(root) == (size_t)t->count;
    for (int64_t i = 0; i < t->count && good; i++) {
        an_stored *const s = &t->items[i];
        good = read_check(json_string_value(json_object_get(root, s->name)), &s->crc);
    }
    json_decref(root);
    return good;
}

/* Both texts or none; the header's is looked at before the others are believed. */
static an_status check_header(an_stored_table *t, an_error *e)
{
    const char *const checks = metadata_of(t, CHECKS), *const whole = metadata_of(t, HEADER_CHECK);
    if (!checks && !whole) return AN_OK;
    an_crc32 c;
    an_crc32_begin(&c, AN_CRC32);
    uint32_t sum = 0, wanted = 0;
    for (int64_t i = 0; i < t->count; i++) sum += check_entry(&c, &t->items[i]);
    for (int64_t i = 0; i < t->metadata_count; i++)
        sum += check_pair(&c, t->metadata[i].key, t->metadata[i].value);
    t->checked = checks && read_check(whole, &wanted) && wanted == sum && read_checks(t, checks);
    if (t->checked) return AN_OK;
    return an_fail(e, AN_E_FORMAT, "the header is damaged: it is not the one that was saved, as "
                   "its checksum says\n  hint: where another tool changed it, let that leave out "
                   "\"" CHECKS "\" and \"" HEADER_CHECK "\"");
}

static int by_place(const void *a, const void *b)
{
    const an_stored *const x = a, *const y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end); /* empty ones first */
}

/* Whether the tensors, sorted by place, tile the data. */
static an_status check_tiling(const an_stored_table *t, int64_t data_bytes, an_error *e)
{
    int64_t end = 0;
    for (int64_t i = 0; i < t->count; i++) {
        const an_stored *const s = &t->items[i];
        if (s->begin < end) return bad(e, s->name, "it overlaps another tensor");
        if (s->begin > end) return bad(e, s->name, "there are unused bytes before it");
        end = s->end;
    }
    if (end > data_bytes)
        return an_fail(e, AN_E_FORMAT, "the file is cut off: %lld bytes of tensors are missing",
                       (long long)(end - data_bytes));
    if (end < data_bytes)
        return an_fail(e, AN_E_FORMAT, "%lld bytes follow the last tensor",
                       (long long)(data_bytes - end));
    return AN_OK;
}

an_status an_stored_parse(an_stored_table *t, const char *header, int64_t length,
                          int64_t data_bytes, an_error *e)
{
    json_error_t where;
    json_t *const root = json_loadb(header, (size_t)length, JSON_REJECT_DUPLICATES, &where);
    if (!root && json_error_code(&where) == json_error_out_of_memory) return no_memory(e);
    if (!root) return an_fail(e, AN_E_FORMAT, "the header is not JSON: %s", where.text);
    an_status status = json_is_object(root) && header[0] == '{'
                           ? AN_OK
                           : an_fail(e, AN_E_FORMAT, "the header is not a JSON object");
    const char *key;
    json_t *value;
    json_object_foreach(root, key, value)
    {
        if (status != AN_OK) break;
        status = strcmp(key, METADATA) == 0 ? read_metadata(t, value, e)
                                            : read_entry(t, key, value, e);
    }
    json_decref(root);
    if (status != AN_OK) return status;
    if (t->count > 0) qsort(t->items, (size_t)t->count, sizeof *t->items, by_place);
    status = check_tiling(t, data_bytes, e);
    return status == AN_OK ? check_header(t, e) : status;
}
