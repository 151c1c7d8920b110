/* npy.c -- NumPy's .npy files, as numpy/lib/format.py describes them.
 *
 *   "\x93NUMPY" major minor  length (2 bytes; 4 from version 2)
 *   {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }   elements
 *
 * A header promises a size; it is believed only as far as the file goes on. What
 * numpy would unpickle or see as a record is refused.                        */
#include "frontends/cli/npy.h"

#include "core/file.h"
#include "core/memory.h"

#include <string.h>

#define MAGIC "\x93NUMPY"

static const struct {
    an_dtype dtype;
    const char *code;
} codes[] = {{AN_F32, "f4"}, {AN_F64, "f8"}, {AN_I32, "i4"}, {AN_I64, "i8"}, {AN_BOOL, "b1"}};
#define CODES ((int)(sizeof codes / sizeof *codes))

typedef struct header {
    an_dtype dtype;
    bool swapped, fortran;
    int rank;
    int64_t extent[AN_MAX_RANK];
    const char *data;
} header;

/* ---- the dictionary ---------------------------------------------------- */

typedef struct scanner {
    const char *at; /* 0-terminated */
    const char *path;
    an_error *error;
} scanner;

/* Headers are ASCII; any other byte is no text that a message may hold. */
static const char *readable(const char *text, char out[32])
{
    int length = 0;
    for (; length < 31 && text[length]; length++)
        out[length] = text[length] >= ' ' && text[length] < 127 ? text[length] : '?';
    out[length] = 0;
    return out;
}

static bool refuse(const scanner *s, const char *what)
{
    char near[32];
    an_fail(s->error, AN_E_FORMAT, "%s: %s; near '%.20s' of its header", s->path, what,
            readable(s->at, near));
    return false;
}

static bool accept(scanner *s, char c)
{
    s->at += strspn(s->at, " \n");
    if (*s->at != c) return false;
    s->at++;
    return true;
}

/* A Python string without escapes, copied if it is short enough. */
static bool read_string(scanner *s, char out[32])
{
    s->at += strspn(s->at, " \n");
    const char quote = *s->at;
    const char *end = quote == '\'' || quote == '"' ? strchr(s->at + 1, quote) : NULL;
    if (!end || end - s->at > 31) return refuse(s, "a short string was expected");
    memcpy(out, s->at + 1, (size_t)(end - s->at - 1));
    out[end - s->at - 1] = 0;
    s->at = end + 1;
    return true;
}

static bool read_descr(scanner *s, header *h)
{
    char text[32];
    s->at += strspn(s->at, " \n");
    if (*s->at == '[') return refuse(s, "it holds records, not numbers");
    if (!read_string(s, text)) return false;
    const char order = text[0];
    const char *code = text + (order && strchr("<>=|", order) ? 1 : 0);
    const uint16_t one = 1;
    const bool little = *(const unsigned char *)&one == 1;
    h->swapped = (order == '>' && little) || (order == '<' && !little);
    for (int i = 0; i < CODES; i++) {
        if (strcmp(codes[i].code, code) != 0) continue;
        h->dtype = codes[i].dtype;
        return true;
    }
    char plain[32];
    an_fail(s->error, AN_E_DTYPE, "%s: elements of type '%s' are not known; save it with "
            ".astype('float32'), or one of float64 int32 int64 bool", s->path,
            readable(text, plain));
    return false;
}

static bool read_extent(scanner *s, int64_t *out)
{
    s->at += strspn(s->at, " \n");
    int64_t n = 0;
    if (*s->at < '0' || *s->at > '9') return refuse(s, "an extent was expected");
    for (; *s->at >= '0' && *s->at <= '9'; s->at++)
        if (!an_mul_size(n, 10, &n) || !an_add_size(n, *s->at - '0', &n))
            return refuse(s, "an extent is too large");
    *out = n;
    return true;
}

static bool read_shape(scanner *s, header *h)
{
    if (!accept(s, '(')) return refuse(s, "a shape was expected");
    while (!accept(s, ')')) {
        if (h->rank == AN_MAX_RANK) return refuse(s, "it has more than 8 axes");
        if (!read_extent(s, &h->extent[h->rank++])) return false;
        if (!accept(s, ',') && *s->at != ')') return refuse(s, "a comma was expected");
    }
    return true;
}

static bool read_order(scanner *s, header *h)
{
    s->at += strspn(s->at, " \n");
    h->fortran = !strncmp(s->at, "True", 4);
    if (!h->fortran && strncmp(s->at, "False", 5) != 0)
        return refuse(s, "True or False was expected");
    s->at += h->fortran ? 4 : 5;
    return true;
}

/* Keys may come in any order; each must come once. */
static bool read_dictionary(scanner *s, header *h)
{
    unsigned seen = 0;
    if (!accept(s, '{')) return refuse(s, "a dictionary was expected");
    while (!accept(s, '}')) {
        static const char *const keys[] = {"descr", "fortran_order", "shape"};
        char key[32];
        unsigned which = 0;
        if (!read_string(s, key)) return false;
        while (which < 3 && strcmp(keys[which], key) != 0) which++;
        if (which == 3 || seen >> which & 1 || !accept(s, ':'))
            return refuse(s, "a key is unknown or comes twice");
        seen |= 1U << which;
        const bool good = which == 0   ? read_descr(s, h)
                          : which == 1 ? read_order(s, h)
                                       : read_shape(s, h);
        if (!good) return false;
        if (!accept(s, ',') && *s->at != '}') return refuse(s, "a comma was expected");
    }
    return seen == 7 || refuse(s, "descr, fortran_order or shape is missing");
}

/* ---- reading ----------------------------------------------------------- */

/* Bytes before the dictionary, and its length; false if this is no .npy file. */
static bool find_dictionary(const an_text *file, int64_t *start, int64_t *length)
{
    const unsigned char *b = (const unsigned char *)an_text_view(file);
    if (file->length < 10 || memcmp(b, MAGIC, 6) != 0 || b[6] < 1 || b[6] > 3) return false;
    *start = b[6] == 1 ? 10 : 12;
    if (file->length < *start) return false;
    *length = b[8] | b[9] << 8;
    if (b[6] > 1) *length |= (int64_t)b[10] << 16 | (int64_t)b[11] << 24;
    return *length <= file->length - *start;
}

static an_status read_header(const an_text *file, const char *path, header *h, an_error *e)
{
    int64_t start = 0, length = 0;
    if (!find_dictionary(file, &start, &length))
        return an_fail(e, AN_E_FORMAT, "%s: this is no .npy file (numpy.save writes one), or it "
                       "was cut off", path);
    an_text dictionary = {0};
    an_text_add_bytes(&dictionary, an_text_view(file) + start, length);
    scanner s = {an_text_view(&dictionary), path, e};
    const bool good = !dictionary.failed && read_dictionary(&s, h);
    an_text_free(&dictionary);
    h->data = an_text_view(file) + start + length;
    if (good) return AN_OK;
    return e->status != AN_OK ? e->status : an_fail(e, AN_E_MEMORY, "%s: out of memory", path);
}

static void swap_bytes(unsigned char *bytes, int64_t count, size_t size)
{
    for (; count > 0; count--, bytes += size)
        for (size_t i = 0; i < size / 2; i++) {
            const unsigned char kept = bytes[i];
            bytes[i] = bytes[size - 1 - i];
            bytes[size - 1 - i] = kept;
        }
}

/* Row-major element i is where its index, read backwards, says. */
static void copy_transposed(const char *from, an_tensor *to)
{
    int64_t index[AN_MAX_RANK] = {0}, stride[AN_MAX_RANK] = {1};
    for (int k = 1; k < to->rank; k++) stride[k] = stride[k - 1] * to->extent[k - 1];
    const size_t size = an_dtype_size(to->dtype);
    char *out = to->data;
    for (int64_t i = an_tensor_count(to); i > 0; i--, out += size) {
        int64_t at = 0;
        for (int k = 0; k < to->rank; k++) at += index[k] * stride[k];
        memcpy(out, from + at * (int64_t)size, size);
        for (int k = to->rank - 1; k >= 0 && ++index[k] == to->extent[k]; k--) index[k] = 0;
    }
}

static an_status fill(const header *h, const an_text *file, const char *path, an_tensor *out,
                      an_error *e)
{
    int64_t count, bytes;
    const int64_t there = an_text_view(file) + file->length - h->data;
    const int64_t size = (int64_t)an_dtype_size(h->dtype);
    if (!an_count_elements(h->rank, h->extent, &count) || !an_mul_size(count, size, &bytes) ||
        bytes != there)
        return an_fail(e, AN_E_FORMAT, "%s: %lld bytes follow its header, which its shape and type "
                       "do not account for: it was cut off, or damaged", path, (long long)there);
    const an_status status = an_tensor_alloc(out, h->dtype, h->rank, h->extent);
    if (status != AN_OK) return an_fail(e, status, "%s: %s", path, an_status_name(status));
    if (h->fortran)
        copy_transposed(h->data, out);
    else if (bytes > 0)
        memcpy(out->data, h->data, (size_t)bytes);
    unsigned char *data = out->data;
    if (h->swapped) swap_bytes(data, count, (size_t)size);
    for (int64_t i = 0; h->dtype == AN_BOOL && i < count; i++) data[i] = data[i] != 0;
    return AN_OK;
}

an_status an_npy_read(const char *path, an_tensor *out, an_error *e)
{
    an_text file = {0};
    header h = {0};
    an_status status = an_file_read(path, &file, e);
    if (status == AN_OK) status = read_header(&file, path, &h, e);
    if (status == AN_OK) status = fill(&h, &file, path, out, e);
    an_text_free(&file);
    return status;
}

/* ---- converting -------------------------------------------------------- */

static int64_t integer_at(const an_tensor *t, int64_t i)
{
    switch (t->dtype) {
    case AN_I32: return ((const int32_t *)t->data)[i];
    case AN_I64: return ((const int64_t *)t->data)[i];
    default: return ((const uint8_t *)t->data)[i];
    }
}

/* Through doubles an i64 would lose its low bits. */
static bool convert_integers(const an_tensor *from, an_tensor *to)
{
    for (int64_t i = 0; i < an_tensor_count(from); i++) {
        const int64_t n = integer_at(from, i);
        if (to->dtype == AN_I32 && (n < INT32_MIN || n > INT32_MAX)) return false;
        if (to->dtype == AN_BOOL && (n < 0 || n > 1)) return false;
        if (to->dtype == AN_I32) ((int32_t *)to->data)[i] = (int32_t)n;
        if (to->dtype == AN_I64) ((int64_t *)to->data)[i] = n;
        if (to->dtype == AN_BOOL) ((uint8_t *)to->data)[i] = (uint8_t)n;
    }
    return true;
}

an_status an_npy_convert(an_tensor *t, an_dtype dtype, const char *path, an_error *e)
{
    if (t->dtype == dtype) return AN_OK;
    const bool to_float = an_dtype_is_float(dtype);
    if (an_dtype_is_float(t->dtype) && !to_float)
        return an_fail(e, AN_E_DTYPE, "%s: it holds %s, but %s is needed; save it with "
                       ".astype('%s')", path, an_dtype_name(t->dtype), an_dtype_name(dtype),
                       dtype == AN_I32 ? "int32" : dtype == AN_I64 ? "int64" : "bool");
    an_tensor made = {0};
    const an_status status = an_tensor_alloc(&made, dtype, t->rank, t->extent);
    if (status != AN_OK) return an_fail(e, status, "%s: %s", path, an_status_name(status));
    if (!to_float && !convert_integers(t, &made)) {
        an_tensor_free(&made);
        return an_fail(e, AN_E_DTYPE, "%s: a number in it is no %s", path, an_dtype_name(dtype));
    }
    for (int64_t i = 0; to_float && i < an_tensor_count(t); i++)
        an_tensor_set(&made, i, an_tensor_get(t, i));
    an_tensor_free(t);
    *t = made;
    return AN_OK;
}

/* ---- writing ----------------------------------------------------------- */

void an_npy_add(const an_tensor *t, an_text *out)
{
    an_text dictionary = {0};
    const uint16_t one = 1;
    const char order = t->dtype == AN_BOOL ? '|' : *(const char *)&one == 1 ? '<' : '>';
    an_text_addf(&dictionary, "{'descr': '%c%s', 'fortran_order': False, 'shape': (", order,
                 codes[t->dtype].code);
    for (int k = 0; k < t->rank; k++)
        an_text_addf(&dictionary, k ? ", %lld" : "%lld", (long long)t->extent[k]);
    an_text_add(&dictionary, t->rank == 1 ? ",), }" : "), }"); /* to Python (3) is no tuple */
    /* Data starts at a multiple of 64, so that it may be mapped. */
    while ((10 + dictionary.length + 1) % 64 != 0 && !dictionary.failed)
        an_text_add(&dictionary, " ");
    an_text_add(&dictionary, "\n");
    const unsigned char length[2] = {(unsigned char)(dictionary.length & 255),
                                     (unsigned char)(dictionary.length >> 8)};
    an_text_add_bytes(out, MAGIC "\x01\x00", 8);
    an_text_add_bytes(out, (const char *)length, 2);
    an_text_add_bytes(out, an_text_view(&dictionary), dictionary.length);
    an_text_add_bytes(out, t->data, an_tensor_bytes(t));
    out->failed = out->failed || dictionary.failed;
    an_text_free(&dictionary);
}
