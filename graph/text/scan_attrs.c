/* scan_attrs.c -- reading attributes: the inverse of an_attrs_print.
 *
 * Which attributes an op has and of what kind comes from the tables in ops/; what
 * is read here is only how each kind is spelled.                             */
#include "graph/text/scan.h"

#include <stdio.h>
#include <string.h>

typedef const char *(*name_fn)(int);

static const char *test_name(int i) { return an_test_name((an_test)i); }
static const char *form_name(int i) { return an_form_name((an_form)i); }
static const char *init_name(int i) { return an_init_name((an_init_kind)i); }

/* One of a list of names that ends with "?". */
static bool choice(an_scan *s, name_fn name, int *out)
{
    const char *word = an_scan_word(s);
    if (!word) return false;
    for (int i = 0; strcmp(name(i), "?") != 0; i++)
        if (!strcmp(name(i), word)) {
            *out = i;
            return true;
        }
    char known[200] = "";
    for (int i = 0; strcmp(name(i), "?") != 0; i++) {
        const size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, " %s", name(i));
    }
    return an_scan_fail(s, "'%s' is no value of this attribute (it takes:%s)", word, known);
}

static bool read_init(an_scan *s, an_init *init)
{
    int kind = 0;
    if (!choice(s, init_name, &kind)) return false;
    *init = (an_init){.kind = (an_init_kind)kind};
    if (!an_scan_is(s, "(")) return true;
    if (!an_scan_number(s, &init->a)) return false;
    if (an_scan_is(s, ",") && !an_scan_number(s, &init->b)) return false;
    return an_scan_expect(s, ")");
}

static bool read_axes(an_scan *s, an_axes *axes)
{
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

static bool read_order(an_scan *s, an_order *order)
{
    uint32_t *list = NULL;
    int64_t count = 0, capacity = 0;
    bool good = an_scan_expect(s, "[");
    while (good && !an_scan_is(s, "]")) {
        int64_t ordinal = 0;
        good = (count == 0 || an_scan_expect(s, ",")) && an_scan_integer(s, &ordinal);
        if (good && (ordinal < 0 || ordinal > UINT32_MAX))
            good = an_scan_fail(s, "an ordinal is outside 0..4294967295");
        if (good && !AN_GROW(list, capacity, count + 1)) good = an_scan_no_memory(s);
        if (good) list[count++] = (uint32_t)ordinal;
    }
    *order = (an_order){0};
    if (good && count > 0) {
        order->count = (int)count;
        order->at = an_arena_copy(&s->arena, list, count * (int64_t)sizeof *list);
        if (!order->at) good = an_scan_no_memory(s);
    }
    an_free(list);
    return good;
}

static bool read_element(an_scan *s, an_dtype dtype, void *out)
{
    int64_t integer = 0;
    if (dtype == AN_F32) return an_scan_f32(s, out);
    if (dtype == AN_F64) return an_scan_number(s, out);
    if (!an_scan_integer(s, &integer)) return false;
    if (dtype == AN_I32 && (integer < INT32_MIN || integer > INT32_MAX))
        return an_scan_fail(s, "the element does not fit i32");
    if (dtype == AN_BOOL && (integer < 0 || integer > 1))
        return an_scan_fail(s, "a bool is 0 or 1");
    if (dtype == AN_I32) *(int32_t *)out = (int32_t)integer;
    if (dtype == AN_I64) *(int64_t *)out = integer;
    if (dtype == AN_BOOL) *(unsigned char *)out = (unsigned char)integer;
    return true;
}

static bool read_data(an_scan *s, an_dtype dtype, an_data *data)
{
    const int64_t size = (int64_t)an_dtype_size(dtype);
    unsigned char *bytes = NULL;
    int64_t count = 0, capacity = 0;
    bool good = an_scan_expect(s, "[");
    while (good && !an_scan_is(s, "]")) {
        double element[1];
        good = (count == 0 || an_scan_expect(s, ",")) && read_element(s, dtype, element);
        if (good && !an_grow((void **)&bytes, &capacity, count + 1, size))
            good = an_scan_no_memory(s);
        if (good) memcpy(bytes + count++ * size, element, (size_t)size);
    }
    *data = (an_data){0};
    if (good && count > 0) {
        *data = (an_data){count, an_arena_copy(&s->arena, bytes, count * size)};
        if (!data->bytes) good = an_scan_no_memory(s);
    }
    an_free(bytes);
    return good;
}

static bool read_dim(an_scan *s, an_dim *out)
{
    while (*s->at == ' ') s->at++;
    *out = an_dims_parse(s->graph->dims, &s->at);
    return *out != AN_DIM_BAD || an_scan_fail(s, "expected a dimension here");
}

static bool read_int(an_scan *s, int64_t low, int64_t high, int64_t *out)
{
    if (!an_scan_integer(s, out)) return false;
    return (*out >= low && *out <= high) || an_scan_fail(s, "the value is out of range");
}

static bool read_value(an_scan *s, const an_attr_info *info, const an_type *type, an_attrs *a)
{
    void *field = (char *)a + info->offset;
    int64_t integer = 0;
    int chosen = 0;
    switch (info->kind) {
    case AN_KIND_DTYPE:
    case AN_KIND_SHAPE: return an_scan_fail(s, "%s is given by the type", info->name);
    case AN_KIND_DATA: return read_data(s, type->dtype, field);
    case AN_KIND_INIT: return read_init(s, field);
    case AN_KIND_AXES: return read_axes(s, field);
    case AN_KIND_ORDER: return read_order(s, field);
    case AN_KIND_DIM: return read_dim(s, field);
    case AN_KIND_F64: return an_scan_number(s, field);
    case AN_KIND_F32: return an_scan_f32(s, field);
    case AN_KIND_BOOL:
        if (!read_int(s, 0, 1, &integer)) return false;
        *(bool *)field = integer != 0;
        return true;
    case AN_KIND_INT:
        if (!read_int(s, INT32_MIN, INT32_MAX, &integer)) return false;
        *(int *)field = (int)integer;
        return true;
    case AN_KIND_U32:
        if (!read_int(s, 0, UINT32_MAX, &integer)) return false;
        *(uint32_t *)field = (uint32_t)integer;
        return true;
    case AN_KIND_TEST:
        if (!choice(s, test_name, &chosen)) return false;
        a->test = (an_test)chosen;
        return true;
    case AN_KIND_FORM:
        if (!choice(s, form_name, &chosen)) return false;
        a->form = (an_form)chosen;
        return true;
    }
    return false;
}

bool an_scan_attributes(an_scan *s, const an_op_info *op, const an_type *type, an_attrs *attrs)
{
    uint64_t seen = 0;
    *attrs = (an_attrs){.dtype = type->dtype, .shape = type->shape};
    if (!an_scan_is(s, "{")) return !s->failed;
    for (bool first = true; !an_scan_is(s, "}"); first = false) {
        if (!first && !an_scan_expect(s, ",")) return false;
        const char *name = an_scan_word(s);
        if (!name) return false;
        const int id = an_attr_find(name);
        if (id < 0 || !(op->attribute_set >> id & 1))
            return an_scan_fail(s, "%s has no attribute '%s' (it has: %s)", op->name, name,
                                op->attributes);
        if (seen >> id & 1) return an_scan_fail(s, "attribute '%s' is given twice", name);
        seen |= (uint64_t)1 << id;
        if (!an_scan_expect(s, "=") || !read_value(s, an_attr(id), type, attrs)) return false;
    }
    return true;
}
