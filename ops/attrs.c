/* attrs.c -- attributes by name: hash, equality and text, all from attrs.def.
 *
 * A circle with table.c: that asks for an attribute's number when it first makes the
 * rows, this asks for a row to know which attributes an op has.               */
#include "core/random.h"
#include "ops/op.h"

#include <string.h>

static const an_attr_info table[AN_ATTRS] = {
#define AN_ATTR(field, type, meaning)                                                              \
    {.name = #field, .doc = meaning, .kind = AN_KIND_##type, .offset = offsetof(an_attrs, field)},
#include "ops/attrs.def"
#undef AN_ATTR
};

static const char *const tests[] = {"eq", "ne", "lt", "le", "gt", "ge"};
static const char *const forms[] = {"erf", "tanh"};
static const char *const inits[] = {
    "zeros", "constant", "uniform", "normal", "glorot_uniform", "glorot_normal",
    "he_uniform", "he_normal", "orthogonal", "forget_bias", "random_key"};
#define COUNT(array) (sizeof(array) / sizeof *(array))

const an_attr_info *an_attr(int id)
{
    return &table[id >= 0 && id < AN_ATTRS ? id : 0];
}

int an_attr_find(const char *name)
{
    for (int i = 0; name && i < AN_ATTRS; i++)
        if (!strcmp(table[i].name, name)) return i;
    return -1;
}

const char *an_test_name(an_test test)
{
    return (size_t)test < COUNT(tests) ? tests[test] : "?";
}

const char *an_form_name(an_form form)
{
    return (size_t)form < COUNT(forms) ? forms[form] : "?";
}

const char *an_init_name(an_init_kind kind)
{
    return (size_t)kind < COUNT(inits) ? inits[kind] : "?";
}

/* ---- what an attribute's bytes are ------------------------------------- */

/* An attribute as up to two runs of bytes without padding: enough to hash and to
 * compare. Struct fields are flattened into `buffer`. */
typedef struct bytes {
    int64_t buffer[AN_MAX_RANK + 3];
    const void *first, *second;
    int64_t first_size, second_size;
} bytes;

static void use_buffer(bytes *b, int words)
{
    b->first = b->buffer;
    b->first_size = words * (int64_t)sizeof b->buffer[0];
}

static void data_bytes(bytes *b, const an_data *d, an_dtype dtype)
{
    b->buffer[0] = d->count;
    use_buffer(b, 1);
    b->second = d->bytes;
    b->second_size = d->bytes ? d->count * (int64_t)an_dtype_size(dtype) : 0;
}

static void list_bytes(bytes *b, int count, const int64_t *dims, const int *axes)
{
    b->buffer[0] = count;
    for (int i = 0; i < count; i++) b->buffer[i + 1] = dims ? dims[i] : axes[i];
    use_buffer(b, 1 + (count > 0 ? count : 0));
}

static void attribute_bytes(const an_attrs *a, const an_attr_info *info, bytes *b)
{
    b->first = b->second = NULL; /* the buffer is filled as far as it is used */
    b->first_size = b->second_size = 0;
    const void *field = (const char *)a + info->offset;
    switch (info->kind) {
    case AN_KIND_SHAPE: list_bytes(b, a->shape.rank, a->shape.dim, NULL); break;
    case AN_KIND_AXES: list_bytes(b, a->axes.count, NULL, a->axes.at); break;
    case AN_KIND_DATA: data_bytes(b, &a->data, a->dtype); break;
    case AN_KIND_INIT:
        b->buffer[0] = a->init.kind;
        memcpy(&b->buffer[1], &a->init.a, sizeof(double));
        memcpy(&b->buffer[2], &a->init.b, sizeof(double));
        use_buffer(b, 3);
        break;
    case AN_KIND_ORDER:
        b->buffer[0] = a->order.count;
        use_buffer(b, 1);
        b->second = a->order.at;
        b->second_size = a->order.count * (int64_t)sizeof(uint32_t);
        break;
    case AN_KIND_BOOL: b->first = field; b->first_size = sizeof(bool); break;
    case AN_KIND_DIM:
    case AN_KIND_F64: b->first = field; b->first_size = 8; break;
    case AN_KIND_DTYPE:
    case AN_KIND_TEST:
    case AN_KIND_FORM:
    case AN_KIND_INT:
    case AN_KIND_F32:
    case AN_KIND_U32: b->first = field; b->first_size = 4; break;
    }
}

uint64_t an_attrs_hash(const an_op_info *op, const an_attrs *a)
{
    uint64_t hash = op->key;
    const uint64_t set = op->attribute_set;
    for (uint64_t left = set; left; left &= left - 1) {
        const int id = __builtin_ctzll(left);
        bytes b;
        attribute_bytes(a, &table[id], &b);
        hash = an_hash_bytes(b.first, b.first_size, hash);
        if (b.second_size > 0) hash = an_hash_bytes(b.second, b.second_size, hash);
    }
    return hash;
}

static bool same_run(const void *a, int64_t na, const void *b, int64_t nb)
{
    return na == nb && (na == 0 || !memcmp(a, b, (size_t)na));
}

int an_attrs_difference(const an_op_info *op, const an_attrs *a, const an_attrs *b)
{
    const uint64_t set = op->attribute_set;
    for (uint64_t left = set; left; left &= left - 1) {
        const int id = __builtin_ctzll(left);
        bytes x, y;
        attribute_bytes(a, &table[id], &x);
        attribute_bytes(b, &table[id], &y);
        if (!same_run(x.first, x.first_size, y.first, y.first_size) ||
            !same_run(x.second, x.second_size, y.second, y.second_size))
            return id;
    }
    return -1;
}

bool an_attrs_equal(const an_op_info *op, const an_attrs *a, const an_attrs *b)
{
    return an_attrs_difference(op, a, b) < 0;
}

void an_attrs_translate(const an_op_info *op, an_attrs *a, an_dims *to, const an_dims *from)
{
    const uint64_t set = op->attribute_set;
    for (int id = 0; id < AN_ATTRS; id++) {
        if (!(set >> id & 1)) continue;
        an_dim *field = (an_dim *)(void *)((char *)a + table[id].offset);
        if (table[id].kind == AN_KIND_DIM) *field = an_dims_translate(to, from, *field);
        for (int i = 0; table[id].kind == AN_KIND_SHAPE && i < a->shape.rank; i++)
            a->shape.dim[i] = an_dims_translate(to, from, a->shape.dim[i]);
    }
}

/* ---- text -------------------------------------------------------------- */

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

static void print_data(const an_data *d, an_dtype dtype, an_text *out)
{
    an_text_add(out, "[");
    for (int64_t i = 0; i < d->count; i++) {
        if (i > 0) an_text_add(out, ",");
        print_element(d, dtype, i, out);
    }
    an_text_add(out, "]");
}

static void print_init(const an_init *init, an_text *out)
{
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

static void print_axes(const an_axes *axes, an_text *out)
{
    if (axes->count < 0) {
        an_text_add(out, "all");
        return;
    }
    an_text_add(out, "[");
    for (int i = 0; i < axes->count; i++) an_text_addf(out, i ? ",%d" : "%d", axes->at[i]);
    an_text_add(out, "]");
}

static void print_order(const an_order *order, an_text *out)
{
    an_text_add(out, "[");
    for (int i = 0; i < order->count; i++) an_text_addf(out, i ? ",%u" : "%u", order->at[i]);
    an_text_add(out, "]");
}

void an_attr_print(int id, const an_attrs *a, const an_dims *dims, an_text *out)
{
    const an_attr_info *info = an_attr(id);
    const char *field = (const char *)a + info->offset;
    switch (info->kind) {
    case AN_KIND_DTYPE: an_text_add(out, an_dtype_name(a->dtype)); break;
    case AN_KIND_SHAPE: an_shape_print(dims, &a->shape, out); break;
    case AN_KIND_DATA: print_data(&a->data, a->dtype, out); break;
    case AN_KIND_INIT: print_init(&a->init, out); break;
    case AN_KIND_BOOL: an_text_add(out, *(const bool *)field ? "1" : "0"); break;
    case AN_KIND_INT: an_text_addf(out, "%d", *(const int *)(const void *)field); break;
    case AN_KIND_AXES: print_axes(&a->axes, out); break;
    case AN_KIND_TEST: an_text_add(out, an_test_name(a->test)); break;
    case AN_KIND_FORM: an_text_add(out, an_form_name(a->form)); break;
    case AN_KIND_DIM: an_dims_print(dims, *(const an_dim *)(const void *)field, out); break;
    case AN_KIND_F64: an_text_add_f64(out, *(const double *)(const void *)field); break;
    case AN_KIND_F32: an_text_add_f32(out, *(const float *)(const void *)field); break;
    case AN_KIND_U32: an_text_addf(out, "%u", *(const uint32_t *)(const void *)field); break;
    case AN_KIND_ORDER: print_order(&a->order, out); break;
    }
}

/* Dtype and shape are not printed: an op that has them gives them to its result,
 * whose type stands beside it. Where zero is a meaning, it is always printed. */
static bool is_silent(const an_attrs *a, const an_attr_info *info)
{
    static const an_attrs none;
    if (info->kind == AN_KIND_DTYPE || info->kind == AN_KIND_SHAPE) return true;
    if (info->kind == AN_KIND_TEST || info->kind == AN_KIND_AXES || info->kind == AN_KIND_FORM ||
        info->kind == AN_KIND_DATA)
        return false;
    bytes x, zero;
    attribute_bytes(a, info, &x);
    attribute_bytes(&none, info, &zero);
    return same_run(x.first, x.first_size, zero.first, zero.first_size) && x.second_size == 0;
}

void an_attrs_print(const an_op_info *op, const an_attrs *a, const an_dims *dims, an_text *out)
{
    const uint64_t set = op->attribute_set;
    bool first = true;
    for (int id = 0; id < AN_ATTRS; id++) {
        if (!(set >> id & 1) || is_silent(a, &table[id])) continue;
        if (!first) an_text_add(out, ", ");
        first = false;
        an_text_add(out, table[id].name);
        an_text_add(out, "=");
        an_attr_print(id, a, dims, out);
    }
}
