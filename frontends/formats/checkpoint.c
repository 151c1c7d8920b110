/* checkpoint.c -- all states of a store in a safetensors file, and back.
 *
 * Saving streams: the header first, then each state's own bytes, into a new file
 * that replaces the old one as a whole. Loading checks everything and has read
 * every byte before it changes the first state, so that a file which is damaged,
 * cut off or of another model leaves the store as it was.                    */
#include "frontends/formats/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "frontends/formats/safetensors.h"
#include "frontends/formats/sha256.h"
#include "graph/run/store.h"

/* Tensors in a file are little-endian and go out as they are. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "big-endian machines need byte swaps");

/* ---- saving ------------------------------------------------------------ */

/* Its checksums come in the header, before the bytes: so these are read twice. */
static an_status tabulate(an_store *s, an_stored_table *t, an_error *e)
{
    an_crc32 c;
    an_crc32_begin(&c, AN_CRC32);
    an_status status = AN_OK;
    for (int64_t i = 0; i < an_store_count(s) && status == AN_OK; i++) {
        if (an_store_is_transient(s, i)) continue;
        const an_tensor *const state = an_store_at(s, i);
        status = an_stored_add(t, an_store_name(s, i), state, e);
        if (status == AN_OK)
            t->items[t->count - 1].crc = an_crc32_add(&c, 0, state->data, an_tensor_bytes(state));
    }
    t->checked = true;
    return status == AN_OK ? an_stored_arrange(t, e) : status;
}

static an_status write_file(an_store *s, const an_stored_table *t, const char *path,
                            const an_text *header, an_error *e)
{
    an_file_writer w;
    an_file_begin(&w, path, e);
    an_file_put(&w, header->data, header->length);
    for (int64_t i = 0; i < t->count; i++) {
        const an_tensor *const state = an_store_view(s, t->items[i].name);
        an_file_put(&w, state->data, an_tensor_bytes(state));
    }
    return an_file_end(&w);
}

an_status an_checkpoint_save(an_store *s, const char *path, const an_metadata *metadata,
                             int64_t count)
{
    if (!s || !path || count < 0 || (count > 0 && !metadata)) return AN_E_ARGUMENT;
    an_error *const e = an_store_begin(s);
    if (!e) return AN_E_BUSY;
    an_stored_table t = {0};
    an_text header = {0};
    an_status status = tabulate(s, &t, e);
    if (status == AN_OK) status = an_stored_print(&t, metadata, count, &header, e);
    if (status == AN_OK) status = write_file(s, &t, path, &header, e);
    an_text_free(&header);
    an_stored_table_free(&t);
    an_store_leave(s);
    return status;
}

/* ---- reading a file ---------------------------------------------------- */

typedef struct reader {
    const char *path;
    int fd;
    int64_t data; /* where the tensors' bytes begin */
    an_stored_table table;
    an_crc32 crc;
    an_error *error;
} reader;

/* All messages of a reader begin with the path. */
static an_status refuse(reader *r, an_status status, const char *why)
{
    return an_fail(r->error, status, "%s: %s", r->path, why);
}

static an_status read_at(reader *r, void *to, int64_t count, int64_t offset)
{
    for (char *p = to; count > 0;) {
        const ssize_t got = pread(r->fd, p, (size_t)count, offset);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return refuse(r, AN_E_IO, "reading it failed");
        if (got == 0) return refuse(r, AN_E_FORMAT, "it became shorter while it was read");
        p += got;
        offset += got;
        count -= got;
    }
    return AN_OK;
}

static an_status read_header(reader *r, int64_t file_bytes)
{
    unsigned char prefix[AN_SAFETENSORS_PREFIX];
    if (file_bytes < AN_SAFETENSORS_PREFIX)
        return refuse(r, AN_E_FORMAT, "it is too short for a safetensors file");
    an_status status = read_at(r, prefix, AN_SAFETENSORS_PREFIX, 0);
    if (status != AN_OK) return status;
    uint64_t length = 0;
    for (int i = 0; i < AN_SAFETENSORS_PREFIX; i++) length |= (uint64_t)prefix[i] << (8 * i);
    if (length < 2 || length > (uint64_t)AN_SAFETENSORS_HEADER_LIMIT ||
        (int64_t)length > file_bytes - AN_SAFETENSORS_PREFIX)
        return refuse(r, AN_E_FORMAT, "it is no safetensors file, or its header is cut off");
    r->data = AN_SAFETENSORS_PREFIX + (int64_t)length;
    char *const header = an_alloc((int64_t)length);
    if (!header) return refuse(r, AN_E_MEMORY, "there is no memory for its header");
    status = read_at(r, header, (int64_t)length, AN_SAFETENSORS_PREFIX);
    an_error inner = {0};
    if (status == AN_OK) {
        status = an_stored_parse(&r->table, header, (int64_t)length, file_bytes - r->data, &inner);
        if (status != AN_OK) refuse(r, status, strchr(inner.text, ':') + 2); /* its own head */
    }
    an_free(header);
    return status;
}

static an_status open_reader(reader *r, const char *path, an_error *e)
{
    *r = (reader){.path = path, .error = e};
    an_crc32_begin(&r->crc, AN_CRC32);
    r->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* or a pipe would make us wait */
    struct stat about;
    if (r->fd < 0 || fstat(r->fd, &about) != 0) {
        char buffer[128];
        return refuse(r, AN_E_IO, strerror_r(errno, buffer, sizeof buffer));
    }
    if (!S_ISREG(about.st_mode)) return refuse(r, AN_E_IO, "it is not a plain file");
    return read_header(r, about.st_size);
}

static void close_reader(reader *r)
{
    if (r->fd >= 0) close(r->fd);
    an_stored_table_free(&r->table);
}

/* ---- loading ----------------------------------------------------------- */

static bool is_bool(const an_tensor *t)
{
    for (int64_t i = 0; i < t->capacity && i < an_tensor_bytes(t); i++)
        if (((const unsigned char *)t->data)[i] > 1) return false;
    return true;
}

/* The tensor with its bytes, owned by `out`. */
static an_status read_tensor(reader *r, const an_stored *s, an_named_tensor *out)
{
    const an_tensor *const type = &s->type;
    out->name = s->name;
    if (!s->known)
        return an_fail(r->error, AN_E_DTYPE, "%s: tensor \"%.200s\" is of dtype %s, which is not "
                       "supported; convert it to F32", r->path, s->name, s->file_dtype);
    an_status status = an_tensor_alloc(&out->tensor, type->dtype, type->rank, type->extent);
    if (status != AN_OK) return refuse(r, status, "there is no memory for its tensors");
    const int64_t bytes = s->end - s->begin;
    status = read_at(r, out->tensor.data, bytes, r->data + s->begin);
    if (status == AN_OK && r->table.checked &&
        an_crc32_add(&r->crc, 0, out->tensor.data, bytes) != s->crc)
        status = an_fail(r->error, AN_E_FORMAT, "%s: tensor \"%.200s\" is damaged: its bytes are "
                         "not those that were saved, as its checksum says", r->path, s->name);
    if (status == AN_OK && type->dtype == AN_BOOL && !is_bool(&out->tensor))
        status = an_fail(r->error, AN_E_DATA, "%s: tensor \"%.200s\" holds a BOOL that is neither "
                         "0 nor 1", r->path, s->name);
    return status;
}

static int name_order(const void *key, const void *item)
{
    return strcmp(key, *(const char *const *)item);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* What of the store the file lacks, and what of the file no state takes. */
static void compare_names(const reader *r, const an_store *s, const char *const *sorted,
                          an_name_list *missing, an_name_list *unused)
{
    const size_t count = (size_t)r->table.count;
    for (int64_t i = 0; i < an_store_count(s); i++) {
        const char *const name = an_store_name(s, i);
        if (!an_store_is_transient(s, i) &&
            !bsearch(name, sorted, count, sizeof *sorted, name_order))
            an_name_list_add(missing, name);
    }
    for (size_t i = 0; i < count; i++)
        if (!an_store_knows(s, sorted[i])) an_name_list_add(unused, sorted[i]);
}

/* Whether the file has every state of the store and, once a program uses that, no more. Before,
 * the first compile asks. */
static an_status check_complete(reader *r, an_store *s, const an_checkpoint_options *o)
{
    const int64_t count = r->table.count;
    const char **names = an_alloc((count + 1) * (int64_t)sizeof *names);
    if (!names) return refuse(r, AN_E_MEMORY, "there is no memory for its names");
    for (int64_t i = 0; i < count; i++) names[i] = r->table.items[i].name;
    if (count > 0) qsort(names, (size_t)count, sizeof *names, by_name);
    an_name_list missing = {0}, unused = {0};
    compare_names(r, s, names, &missing, &unused);
    an_status status = AN_OK;
    if (missing.count || (unused.count && an_store_is_used(s) && !o->known_only))
        status = an_fail(r->error, AN_E_STATE, "%s: it is not of this model\n  missing: %s\n  "
                         "unused: %s\n  hint: .partial takes what it has, .known_only passes over "
                         "what is unused", r->path, an_name_list_end(&missing),
                         an_name_list_end(&unused));
    an_text_free(&missing.text);
    an_text_free(&unused.text);
    an_free(names);
    return status;
}

static an_status check(reader *r, an_store *s, const an_checkpoint_options *o)
{
    if (o->partial) return AN_OK;
    if (o->known_only && an_store_count(s) == 0 && r->table.count > 0)
        return refuse(r, AN_E_STATE, "the store has no states yet, so .known_only would take "
                                     "nothing\n  hint: compile a program first");
    return check_complete(r, s, o);
}

/* All checks that need no tensor; then the tensors; then, at once, the states. */
static an_status load(reader *r, an_store *s, const an_checkpoint_options *o)
{
    an_status status = check(r, s, o);
    if (status != AN_OK) return status;
    int64_t bytes, taken = 0;
    if (!an_mul_size(r->table.count + 1, (int64_t)sizeof(an_named_tensor), &bytes))
        return refuse(r, AN_E_LIMIT, "it has too many tensors");
    an_text sealed = {0};
    if (!o->partial) an_text_add(&sealed, r->path);
    an_named_tensor *const values = sealed.failed ? NULL : an_alloc_zeroed(bytes);
    if (!values) {
        an_text_free(&sealed);
        return refuse(r, AN_E_MEMORY, "there is no memory for its tensors");
    }
    for (int64_t i = 0; i < r->table.count && status == AN_OK; i++) {
        const an_stored *const item = &r->table.items[i];
        if (o->known_only && !an_store_view(s, item->name)) continue;
        status = read_tensor(r, item, &values[taken++]);
    }
    if (status == AN_OK) status = an_store_take(s, values, taken);
    if (status == AN_OK) an_store_seal(s, &sealed);
    an_text_free(&sealed);
    for (int64_t i = 0; i < taken; i++) an_tensor_free(&values[i].tensor);
    an_free(values);
    return status;
}

an_status an_checkpoint_load(an_store *s, const char *path, const an_checkpoint_options *options)
{
    if (!s || !path) return AN_E_ARGUMENT;
    an_error *const e = an_store_begin(s);
    if (!e) return AN_E_BUSY;
    const an_checkpoint_options o = options ? *options : (an_checkpoint_options){0};
    reader r;
    an_status status = open_reader(&r, path, e);
    if (status == AN_OK) status = load(&r, s, &o);
    close_reader(&r);
    an_store_leave(s);
    return status;
}

/* ---- looking ----------------------------------------------------------- */

an_status an_checkpoint_read_metadata(const char *path, const char *key, an_text *out,
                                      an_error *e)
{
    reader r;
    an_status status = open_reader(&r, path, e);
    const char *value = NULL;
    for (int64_t i = 0; i < r.table.metadata_count && status == AN_OK; i++)
        if (strcmp(r.table.metadata[i].key, key) == 0) value = r.table.metadata[i].value;
    if (status == AN_OK && !value)
        status = an_fail(e, AN_E_NAME, "%s: its metadata have no \"%.200s\"", path, key);
    if (value) an_text_add(out, value);
    if (status == AN_OK && out->failed) status = refuse(&r, AN_E_MEMORY, "out of memory");
    close_reader(&r);
    return status;
}

char *an_checkpoint_metadata(const char *path, const char *key)
{
    if (!path || !key) return NULL;
    an_text value = {0};
    if (an_checkpoint_read_metadata(path, key, &value, NULL) == AN_OK) return an_text_take(&value);
    an_text_free(&value);
    return NULL;
}

/* ---- the fingerprint --------------------------------------------------- */

/* name, 0, "f32[2,3]", 0, bytes: no two sets of states give the same stream. */
static void hash_state(an_sha256 *h, const char *name, const an_tensor *t, an_text *type)
{
    an_text_clear(type);
    an_text_addf(type, "%s[", an_dtype_name(t->dtype));
    for (int i = 0; i < t->rank; i++)
        an_text_addf(type, "%s%lld", i ? "," : "", (long long)t->extent[i]);
    an_text_add(type, "]");
    an_sha256_add(h, name, (int64_t)strlen(name) + 1);
    an_sha256_add(h, an_text_view(type), type->length + 1);
    an_sha256_add(h, t->data, an_tensor_bytes(t));
}

static an_status hash_states(an_store *s, char *hex, an_error *e)
{
    const char **names = an_alloc((an_store_count(s) + 1) * (int64_t)sizeof *names);
    if (!names) return an_fail(e, AN_E_MEMORY, "there is no memory to sort the states");
    int64_t count = 0;
    for (int64_t i = 0; i < an_store_count(s); i++)
        if (!an_store_is_transient(s, i)) names[count++] = an_store_name(s, i);
    qsort(names, (size_t)count, sizeof *names, by_name);
    an_sha256 h;
    an_sha256_begin(&h);
    an_text type = {0};
    for (int64_t i = 0; i < count && !type.failed; i++)
        hash_state(&h, names[i], an_store_view(s, names[i]), &type);
    const bool failed = type.failed;
    an_text_free(&type);
    an_free(names);
    if (failed) return an_fail(e, AN_E_MEMORY, "there is no memory for a type's text");
    an_sha256_end(&h, hex);
    return AN_OK;
}

an_status an_store_sha256(an_store *s, char hex[65])
{
    if (hex) hex[0] = 0;
    if (!s || !hex) return AN_E_ARGUMENT;
    an_error *const e = an_store_begin(s);
    if (!e) return AN_E_BUSY;
    const an_status status = hash_states(s, hex, e);
    an_store_leave(s);
    return status;
}
