/* kinds.c -- see kinds.h. */
#include "ops/kinds.h"

#include <string.h>

/* ---- numbers ----------------------------------------------------------- */

static bool read_int(an_scan *s, int64_t low, int64_t high, int64_t *out)
{
    if (!an_scan_integer(s, out)) return false;
    return (*out >= low && *out <= high) || an_scan_fail(s, "the value is out of range");
}

static void print_bool(const an_field *f, an_text *out)
{
    an_text_add(out, *(const bool *)f->at ? "1" : "0");
}

static bool read_bool(an_scan *s, const an_field *f)
{
    int64_t value = 0;
    const char *begin = s->at + strspn(s->at, " \t");
    if (*begin != '0' && *begin != '1')
        return an_scan_fail(s, "it is 0 (no) or 1 (yes), not '%.*s'",
                            (int)strcspn(begin, " ,}\n"), begin);
    if (!read_int(s, 0, 1, &value)) return false;
    *(bool *)f->at = value != 0;
    return true;
}

static void print_int(const an_field *f, an_text *out)
{
    an_text_addf(out, "%d", *(const int *)f->at);
}

static bool read_whole(an_scan *s, const an_field *f)
{
    int64_t value = 0;
    if (!read_int(s, INT32_MIN, INT32_MAX, &value)) return false;
    *(int *)f->at = (int)value;
    return true;
}

static void print_u32(const an_field *f, an_text *out)
{
    an_text_addf(out, "%u", *(const uint32_t *)f->at);
}

static bool read_u32(an_scan *s, const an_field *f)
{
    int64_t value = 0;
    if (!read_int(s, 0, UINT32_MAX, &value)) return false;
    *(uint32_t *)f->at = (uint32_t)value;
    return true;
}

/* None is zeros, whatever else the field holds. */
static void bytes_of_id(const an_field *f, an_kind_bytes *b)
{
    const an_id *id = f->at;
    b->buffer[0] = id->set;
    b->buffer[1] = id->set ? id->is : 0;
    b->first = b->buffer;
    b->first_size = 2 * (int64_t)sizeof b->buffer[0];
}

static void print_id(const an_field *f, an_text *out)
{
    const an_id *id = f->at;
    if (id->set) an_text_addf(out, "%lld", (long long)id->is);
    else an_text_add(out, "none");
}

static bool read_id(an_scan *s, const an_field *f)
{
    an_id *id = f->at;
    *id = (an_id){.set = !an_scan_is(s, "none")};
    return !id->set || an_scan_integer(s, &id->is);
}

static void print_f32(const an_field *f, an_text *out)
{
    an_text_add_f32(out, *(const float *)f->at);
}

static bool read_f32(an_scan *s, const an_field *f)
{
    return an_scan_f32(s, f->at);
}

static void print_f64(const an_field *f, an_text *out)
{
    an_text_add_f64(out, *(const double *)f->at);
}

static bool read_f64(an_scan *s, const an_field *f)
{
    return an_scan_number(s, f->at);
}

/* ---- enumerations ------------------------------------------------------ */

static const char *const tests[] = {"eq", "ne", "lt", "le", "gt", "ge", NULL};
static const char *const forms[] = {"erf", "tanh", NULL};
static const char *const inits[] = {
    "zeros", "constant", "uniform", "normal", "glorot_uniform", "glorot_normal", "he_uniform",
    "he_normal", "orthogonal", "forget_bias", "random_key", NULL};

static const char *word_at(const char *const *words, int i)
{
    for (int k = 0; words[k]; k++)
        if (k == i) return words[k];
    return "?";
}

const char *an_test_name(an_test test) { return word_at(tests, (int)test); }
const char *an_form_name(an_form form) { return word_at(forms, (int)form); }
const char *an_init_name(an_init_kind kind) { return word_at(inits, (int)kind); }

static bool choose(an_scan *s, const char *const *words, int *out)
{
    const char *word = an_scan_word(s);
    if (!word) return false;
    for (*out = 0; words[*out]; ++*out)
        if (!strcmp(words[*out], word)) return true;
    an_text known = {0};
    for (int i = 0; words[i]; i++) an_text_addf(&known, " %s", words[i]);
    an_scan_fail(s, "'%s' is no value of this attribute (it takes:%s)", word,
                 an_text_view(&known));
    an_text_free(&known);
    return false;
}

static bool is_dtype(const an_field *f) { return an_dtype_size(*(const an_dtype *)f->at) > 0; }

static void print_dtype(const an_field *f, an_text *out)
{
    an_text_add(out, an_dtype_name(*(const an_dtype *)f->at));
}

/* ---- shapes and dimensions --------------------------------------------- */

static void use_list(an_kind_bytes *b, int count, const int64_t *dims, const int *axes)
{
    b->buffer[0] = count;
    for (int i = 0; i < count; i++) b->buffer[i + 1] = dims ? dims[i] : axes[i];
    b->first = b->buffer;
    b->first_size = (1 + (count > 0 ? count : 0)) * (int64_t)sizeof b->buffer[0];
}

static void bytes_of_shape(const an_field *f, an_kind_bytes *b)
{
    const an_shape *shape = f->at;
    use_list(b, shape->rank, shape->dim, NULL);
}

static an_dim *dims_of_shape(const an_field *f, int *count)
{
    an_shape *shape = f->at;
    *count = shape->rank;
    return shape->dim;
}

static void print_shape(const an_field *f, an_text *out)
{
    an_shape_print(f->dims, f->at, out);
}

static an_dim *dim_itself(const an_field *f, int *count)
{
    *count = 1;
    return f->at;
}

static void print_dim(const an_field *f, an_text *out)
{
    an_dims_print(f->dims, *(const an_dim *)f->at, out);
}

static bool read_dim(an_scan *s, const an_field *f)
{
    while (*s->at == ' ') s->at++;
    *(an_dim *)f->at = an_dims_parse(s->dims, &s->at);
    return *(an_dim *)f->at != AN_DIM_BAD || an_scan_fail(s, "expected a dimension here");
}

/* ---- axes -------------------------------------------------------------- */

static void bytes_of_axes(const an_field *f, an_kind_bytes *b)
{
    const an_axes *axes = f->at;
    use_list(b, axes->count, NULL, axes->at);
}

static bool are_axes(const an_field *f)
{
    const an_axes *axes = f->at;
    return axes->count >= -1 && axes->count <= AN_MAX_RANK;
}

static void print_axes(const an_field *f, an_text *out)
{
    const an_axes *axes = f->at;
    if (axes->count < 0) {
        an_text_add(out, "all");
        return;
    }
    an_text_add(out, "[");
    for (int i = 0; i < axes->count; i++) an_text_addf(out, i ? ",%d" : "%d", axes->at[i]);
    an_text_add(out, "]");
}

static bool read_axes(an_scan *s, const an_field *f)
{
    an_axes *axes = f->at;
    *axes = (an_axes){0};
    if (an_scan_is(s, "all")) {
        axes->count = -1;
        return true;
    }
    if (!an_scan_expect(s, "[")) return false;
    while (!an_scan_is(s, "]")) {
        int64_t axis = 0;
        if (axes->count > 0 && !an_scan_expect(s, ",")) return false;
        if (axes->count == AN_MAX_RANK) return an_scan_fail(s, "more than %d axes", AN_MAX_RANK);
        if (!an_scan_integer(s, &axis)) return false;
        if (axis < -AN_MAX_RANK || axis >= AN_MAX_RANK) return an_scan_fail(s, "no such axis");
        axes->at[axes->count++] = (int)axis;
    }
    return true;
}

/* ---- a few whole numbers ------------------------------------------------ */

static void bytes_of_ints(const an_field *f, an_kind_bytes *b)
{
    const an_ints *list = f->at;
    use_list(b, list->count, NULL, list->at);
}

static bool are_ints(const an_field *f)
{
    const an_ints *list = f->at;
    return list->count >= 0 && list->count <= AN_MOST_INTS;
}

static void print_ints(const an_field *f, an_text *out)
{
    const an_ints *list = f->at;
    an_text_add(out, "[");
    for (int i = 0; i < list->count; i++) an_text_addf(out, i ? ",%d" : "%d", list->at[i]);
    an_text_add(out, "]");
}

static bool read_ints(an_scan *s, const an_field *f)
{
    an_ints *list = f->at;
    *list = (an_ints){0};
    if (!an_scan_expect(s, "[")) return false;
    while (!an_scan_is(s, "]")) {
        int64_t value = 0;
        if (list->count > 0 && !an_scan_expect(s, ",")) return false;
        if (list->count == AN_MOST_INTS)
            return an_scan_fail(s, "more than %d numbers", AN_MOST_INTS);
        if (!read_int(s, INT32_MIN, INT32_MAX, &value)) return false;
        list->at[list->count++] = (int)value;
    }
    return true;
}

/* ---- initialisers ------------------------------------------------------ */

static void bytes_of_init(const an_field *f, an_kind_bytes *b)
{
    const an_init *init = f->at;
    b->buffer[0] = init->kind;
    memcpy(&b->buffer[1], &init->a, sizeof init->a);
    memcpy(&b->buffer[2], &init->b, sizeof init->b);
    b->first = b->buffer;
    b->first_size = 3 * (int64_t)sizeof b->buffer[0];
}

static bool is_init(const an_field *f)
{
    return (unsigned)((const an_init *)f->at)->kind <= AN_INIT_RANDOM_KEY;
}

static void print_init(const an_field *f, an_text *out)
{
    const an_init *init = f->at;
    an_text_add(out, an_init_name(init->kind));
    if (init->a == 0 && init->b == 0) return;
    an_text_add(out, "(");
    an_text_add_f64(out, init->a);
    if (init->b != 0) {
        an_text_add(out, ",");
        an_text_add_f64(out, init->b);
    }
    an_text_add(out, ")");
}

static bool read_init(an_scan *s, const an_field *f)
{
    an_init *init = f->at;
    int kind = 0;
    if (!choose(s, inits, &kind)) return false;
    *init = (an_init){.kind = (an_init_kind)kind};
    if (!an_scan_is(s, "(")) return true;
    if (!an_scan_number(s, &init->a)) return false;
    if (an_scan_is(s, ",") && !an_scan_number(s, &init->b)) return false;
    return an_scan_expect(s, ")");
}

/* ---- lists of any length ----------------------------------------------- */

typedef bool (*element_fn)(an_scan *s, const an_attrs *a, void *out);

/* "[1,2]", each element read by `element` into `size` bytes; *count of them, kept by the scan. */
static bool read_list(an_scan *s, int64_t size, element_fn element, const an_attrs *a,
                      const void **at, int64_t *count)
{
    unsigned char *bytes = NULL;
    int64_t capacity = 0;
    bool good = an_scan_expect(s, "[");
    *at = NULL;
    *count = 0;
    while (good && !an_scan_is(s, "]")) {
        int64_t one[1] = {0};
        good = (*count == 0 || an_scan_expect(s, ",")) && element(s, a, one);
        if (good && !an_grow((void **)&bytes, &capacity, *count + 1, size))
            good = an_scan_no_memory(s);
        if (good) memcpy(bytes + (*count)++ * size, one, (size_t)size);
    }
    if (good && *count > 0) *at = an_arena_copy(&s->arena, bytes, *count * size);
    if (good && *count > 0 && !*at) good = an_scan_no_memory(s);
    an_free(bytes);
    return good;
}

static int64_t data_size(const an_data *d, const an_attrs *a)
{
    int64_t size = 0;
    return an_mul_size(d->count, (int64_t)an_dtype_size(a->dtype), &size) ? size : -1;
}

static void bytes_of_data(const an_field *f, an_kind_bytes *b)
{
    const an_data *d = f->at;
    b->buffer[0] = d->count;
    b->first = b->buffer;
    b->first_size = (int64_t)sizeof b->buffer[0];
    b->second = d->bytes;
    b->second_size = d->bytes ? data_size(d, f->attrs) : 0;
}

static const void **list_of_data(const an_field *f, int64_t *size)
{
    an_data *d = f->at;
    *size = data_size(d, f->attrs);
    return &d->bytes;
}

/* One element of a literal, in a form that reads back to the same bits. */
static void print_element(const an_data *d, an_dtype dtype, int64_t i, an_text *out)
{
    switch (dtype) {
    case AN_F32: an_text_add_f32(out, ((const float *)d->bytes)[i]); break;
    case AN_F64: an_text_add_f64(out, ((const double *)d->bytes)[i]); break;
    case AN_I32: an_text_addf(out, "%d", (int)((const int32_t *)d->bytes)[i]); break;
    case AN_I64: an_text_addf(out, "%lld", (long long)((const int64_t *)d->bytes)[i]); break;
    case AN_BOOL: an_text_addf(out, "%d", ((const unsigned char *)d->bytes)[i] != 0); break;
    }
}

static void print_data(const an_field *f, an_text *out)
{
    const an_data *d = f->at;
    an_text_add(out, "[");
    for (int64_t i = 0; i < d->count; i++) {
        if (i > 0) an_text_add(out, ",");
        print_element(d, f->attrs->dtype, i, out);
    }
    an_text_add(out, "]");
}

static bool read_element(an_scan *s, const an_attrs *a, void *out)
{
    int64_t integer = 0;
    if (a->dtype == AN_F32) return an_scan_f32(s, out);
    if (a->dtype == AN_F64) return an_scan_number(s, out);
    if (!an_scan_integer(s, &integer)) return false;
    if (a->dtype == AN_I32 && (integer < INT32_MIN || integer > INT32_MAX))
        return an_scan_fail(s, "the element does not fit i32");
    if (a->dtype == AN_BOOL && (integer < 0 || integer > 1))
        return an_scan_fail(s, "a bool is 0 or 1");
    if (a->dtype == AN_I32) *(int32_t *)out = (int32_t)integer;
    if (a->dtype == AN_I64) *(int64_t *)out = integer;
    if (a->dtype == AN_BOOL) *(unsigned char *)out = (unsigned char)integer;
    return true;
}

static bool read_data(an_scan *s, const an_field *f)
{
    an_data *d = f->at;
    return read_list(s, (int64_t)an_dtype_size(f->attrs->dtype), read_element, f->attrs,
                     &d->bytes, &d->count);
}

static void bytes_of_order(const an_field *f, an_kind_bytes *b)
{
    const an_order *order = f->at;
    b->buffer[0] = order->count;
    b->first = b->buffer;
    b->first_size = (int64_t)sizeof b->buffer[0];
    b->second = order->at;
    b->second_size = order->count * (int64_t)sizeof *order->at;
}

static const void **list_of_order(const an_field *f, int64_t *size)
{
    an_order *order = f->at;
    *size = order->count * (int64_t)sizeof *order->at;
    return (const void **)&order->at;
}

static void print_order(const an_field *f, an_text *out)
{
    const an_order *order = f->at;
    an_text_add(out, "[");
    for (int i = 0; i < order->count; i++) an_text_addf(out, i ? ",%u" : "%u", order->at[i]);
    an_text_add(out, "]");
}

static bool read_ordinal(an_scan *s, const an_attrs *a, void *out)
{
    (void)a;
    int64_t ordinal = 0;
    if (!an_scan_integer(s, &ordinal)) return false;
    if (ordinal < 0 || ordinal > UINT32_MAX)
        return an_scan_fail(s, "an ordinal is outside 0..4294967295");
    *(uint32_t *)out = (uint32_t)ordinal;
    return true;
}

static bool read_order(an_scan *s, const an_field *f)
{
    an_order *order = f->at;
    const void *at;
    int64_t count = 0;
    const bool good = read_list(s, (int64_t)sizeof *order->at, read_ordinal, f->attrs, &at, &count);
    *order = (an_order){(int)count, at};
    return good;
}

/* ---- the records ------------------------------------------------------- */

const an_kind an_kinds[AN_KINDS] = {
    [AN_KIND_DTYPE] = {.size = sizeof(an_dtype), .typed = true, .good = is_dtype,
                       .print = print_dtype},
    [AN_KIND_SHAPE] = {.size = sizeof(an_shape), .typed = true, .bytes = bytes_of_shape,
                       .dims = dims_of_shape, .print = print_shape},
    [AN_KIND_DATA] = {.size = sizeof(an_data), .always = true, .bytes = bytes_of_data,
                      .list = list_of_data, .print = print_data, .read = read_data},
    [AN_KIND_INIT] = {.size = sizeof(an_init), .bytes = bytes_of_init, .good = is_init,
                      .print = print_init, .read = read_init},
    [AN_KIND_BOOL] = {.size = sizeof(bool), .print = print_bool, .read = read_bool},
    [AN_KIND_INT] = {.size = sizeof(int), .print = print_int, .read = read_whole},
    [AN_KIND_AXES] = {.size = sizeof(an_axes), .always = true, .bytes = bytes_of_axes,
                      .good = are_axes, .print = print_axes, .read = read_axes},
    [AN_KIND_TEST] = {.size = sizeof(an_test), .always = true, .words = tests},
    [AN_KIND_FORM] = {.size = sizeof(an_form), .always = true, .words = forms},
    [AN_KIND_DIM] = {.size = sizeof(an_dim), .dims = dim_itself, .print = print_dim,
                     .read = read_dim},
    [AN_KIND_F64] = {.size = sizeof(double), .print = print_f64, .read = read_f64},
    [AN_KIND_F32] = {.size = sizeof(float), .print = print_f32, .read = read_f32},
    [AN_KIND_U32] = {.size = sizeof(uint32_t), .print = print_u32, .read = read_u32},
    [AN_KIND_ORDER] = {.size = sizeof(an_order), .bytes = bytes_of_order,
                       .list = list_of_order, .print = print_order, .read = read_order},
    [AN_KIND_ID] = {.size = sizeof(an_id), .bytes = bytes_of_id, .print = print_id,
                    .read = read_id},
    [AN_KIND_INTS] = {.size = sizeof(an_ints), .bytes = bytes_of_ints, .good = are_ints,
                      .print = print_ints, .read = read_ints},
};

void an_kind_bytes_of(const an_kind *kind, const an_field *f, an_kind_bytes *b)
{
    b->first = f->at; /* the buffer is filled as far as it is used */
    b->first_size = kind->size;
    b->second = NULL;
    b->second_size = 0;
    if (kind->bytes) kind->bytes(f, b);
}

void an_kind_print(const an_kind *kind, const an_field *f, an_text *out)
{
    if (kind->words) an_text_add(out, word_at(kind->words, *(const int *)f->at));
    else kind->print(f, out);
}

bool an_kind_read(const an_kind *kind, an_scan *s, const an_field *f)
{
    return kind->words ? choose(s, kind->words, f->at) : kind->read(s, f);
}

bool an_kind_good(const an_kind *kind, const an_field *f)
{
    if (kind->words) return strcmp(word_at(kind->words, *(const int *)f->at), "?") != 0;
    return !kind->good || kind->good(f);
}
