/* attrs.c -- attributes by name: hash, equality and text, all from attrs.def.
 *
 * A circle with table.c: that asks for an attribute's number when it first makes the
 * rows, this asks for a row to know which attributes an op has.               */
#include "core/random.h"
#include "ops/kinds.h"
#include "ops/own.h"

#include <math.h>
#include <string.h>

static const an_attr_info table[AN_ATTRS] = {
#define AN_ATTR(field, type, numbers, meaning)                                                     \
    {.name = #field, .doc = meaning, .offset = offsetof(an_attrs, field),                          \
     .kind = &an_kinds[AN_KIND_##type], .range = AN_RANGE_##numbers},
#include "ops/attrs.def"
#undef AN_ATTR
};

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

static an_field field_of(int id, const an_attrs *a, const an_dims *dims)
{
    return (an_field){(char *)(uintptr_t)a + table[id].offset, a, dims};
}

/* The next attribute of a set, which loses it. */
static int take(uint64_t *set)
{
    const int id = __builtin_ctzll(*set);
    *set &= *set - 1;
    return id;
}

/* ---- range ------------------------------------------------------------- */

static const char *const ranges[AN_RANGES] = {
    [AN_RANGE_ANY] = "any number",
    [AN_RANGE_NUMBER] = "a number",
    [AN_RANGE_FINITE] = "finite",
    [AN_RANGE_FROM_0] = "finite and at least 0",
    [AN_RANGE_ABOVE_0] = "finite and above 0",
    [AN_RANGE_UP_TO_1] = "from 0 to 1",
    [AN_RANGE_BELOW_1] = "at least 0 and below 1",
};

static bool is_within(int range, double x)
{
    switch (range) {
    case AN_RANGE_NUMBER: return !isnan(x);
    case AN_RANGE_FINITE: return isfinite(x);
    case AN_RANGE_FROM_0: return isfinite(x) && x >= 0;
    case AN_RANGE_ABOVE_0: return isfinite(x) && x > 0;
    case AN_RANGE_UP_TO_1: return x >= 0 && x <= 1;
    case AN_RANGE_BELOW_1: return x >= 0 && x < 1;
    default: return true;
    }
}

static an_status want_range(const an_infer *q, int id)
{
    const an_attr_info *info = &table[id];
    const an_field f = field_of(id, q->attrs, q->dims);
    const bool wide = info->kind == &an_kinds[AN_KIND_F64];
    if (!wide && info->kind != &an_kinds[AN_KIND_F32]) return AN_OK;
    const double x = wide ? *(const double *)f.at : (double)*(const float *)f.at;
    if (!is_within(info->range, x))
        return an_refuse(q, AN_E_ATTRIBUTE, "%s %g is not %s (%s)", info->name, x,
                         ranges[info->range], info->doc);
    const bool made = q->op->attribute_set >> AN_ATTR_dtype & 1; /* of a type of its own */
    const bool typed = wide && q->inputs > 0 && q->present[0];
    const an_dtype dtype = made ? q->attrs->dtype : q->in[0].dtype;
    if (!typed || an_dtype_size(dtype) == 0 || an_dtype_holds(dtype, x)) return AN_OK;
    return an_refuse(q, AN_E_ATTRIBUTE, "%s %g does not survive %s", info->name, x,
                     an_dtype_name(dtype));
}

an_status an_want_ranges(const an_infer *q)
{
    an_status s = AN_OK;
    for (uint64_t set = q->op->attribute_set; set && s == AN_OK;) s = want_range(q, take(&set));
    return s;
}

float an_narrow(an_at at, an_value like, const char *what, double value)
{
    if (!an_is_none(like) && !an_is_poison(like) && !an_dtype_holds(AN_F32, value))
        an_reject(at, like.graph, AN_E_ATTRIBUTE, "%s %g becomes %g in f32", what, value,
                  (double)(float)value);
    return (float)value;
}

/* ---- equality ---------------------------------------------------------- */

static void bytes_of(int id, const an_attrs *a, an_kind_bytes *b)
{
    const an_field f = field_of(id, a, NULL);
    an_kind_bytes_of(table[id].kind, &f, b);
}

uint64_t an_attrs_hash(const an_op_info *op, const an_attrs *a)
{
    uint64_t hash = op->key;
    for (uint64_t set = op->attribute_set; set;) {
        an_kind_bytes b;
        bytes_of(take(&set), a, &b);
        hash = an_hash_bytes(b.first, b.first_size, hash);
        if (b.second_size > 0) hash = an_hash_bytes(b.second, b.second_size, hash);
    }
    for (int i = 0; i < op->own_count; i++) {
        const an_own v = an_own_at(op, a, i);
        hash = an_own_hash(&v, hash);
    }
    return hash;
}

static bool same_run(const void *a, int64_t na, const void *b, int64_t nb)
{
    return na == nb && (na == 0 || !memcmp(a, b, (size_t)na));
}

int an_attrs_difference(const an_op_info *op, const an_attrs *a, const an_attrs *b)
{
    for (uint64_t set = op->attribute_set; set;) {
        const int id = take(&set);
        an_kind_bytes x, y;
        bytes_of(id, a, &x);
        bytes_of(id, b, &y);
        if (!same_run(x.first, x.first_size, y.first, y.first_size) ||
            !same_run(x.second, x.second_size, y.second, y.second_size))
            return id;
    }
    for (int i = 0; i < op->own_count; i++) {
        const an_own x = an_own_at(op, a, i), y = an_own_at(op, b, i);
        if (!an_own_equal(&x, &y)) return AN_ATTRS + i;
    }
    return -1;
}

bool an_attrs_equal(const an_op_info *op, const an_attrs *a, const an_attrs *b)
{
    return an_attrs_difference(op, a, b) < 0;
}

/* ---- how axes are spelled ---------------------------------------------- */

static void sort_axes(an_axes *axes, int rank)
{
    bool chosen[AN_MAX_RANK] = {false};
    for (int i = 0; i < axes->count; i++) /* one that is none may have been written elsewhere */
        if (axes->at[i] >= 0 && axes->at[i] < rank) chosen[axes->at[i]] = true;
    for (int i = 0; axes->count < 0 && i < rank; i++) chosen[i] = true;
    axes->count = 0;
    for (int i = 0; i < rank; i++)
        if (chosen[i]) axes->at[axes->count++] = i;
}

static void resolve(const an_op_info *op, an_written *w, int rank)
{
    if (op->attribute_set >> AN_ATTR_axis & 1) w->axis = an_axis(w->axis, rank);
    if (!(op->attribute_set >> AN_ATTR_axes & 1)) return;
    for (int i = 0; i < w->axes.count; i++) w->axes.at[i] = an_axis(w->axes.at[i], rank);
    if (!op->rules->permutes) sort_axes(&w->axes, rank);
}

static bool same_axes(const an_op_info *op, const an_written *a, const an_written *b)
{
    const bool one = op->attribute_set >> AN_ATTR_axis & 1;
    const bool many = op->attribute_set >> AN_ATTR_axes & 1;
    const size_t size = a->axes.count > 0 ? (size_t)a->axes.count * sizeof a->axes.at[0] : 0;
    return (!one || a->axis == b->axis) &&
           (!many || (a->axes.count == b->axes.count && !memcmp(a->axes.at, b->axes.at, size)));
}

bool an_op_is_spelled(const an_op_info *op)
{
    return op->attribute_set & (UINT64_C(1) << AN_ATTR_axis | UINT64_C(1) << AN_ATTR_axes |
                                UINT64_C(1) << AN_ATTR_shape);
}

void an_attrs_resolve(const an_op_info *op, an_attrs *a, const an_type *result, int rank,
                      an_written *kept)
{
    if (op->attribute_set >> AN_ATTR_shape & 1) a->shape = result->shape;
    const an_written given = {a->axis, a->axes};
    an_written meant = given, before = a->written ? *a->written : given;
    resolve(op, &meant, rank);
    a->axis = meant.axis;
    a->axes = meant.axes;
    if (!same_axes(op, &given, &meant)) before = given; /* who changed an axis wrote it anew */
    *kept = before;
    resolve(op, &before, rank);
    const bool so = same_axes(op, &before, &meant) && !same_axes(op, kept, &meant);
    a->written = so ? kept : NULL;
}

bool an_attrs_spelled_alike(const an_op_info *op, const an_attrs *a, const an_attrs *b)
{
    if (!a->written || !b->written) return a->written == b->written;
    return same_axes(op, a->written, b->written);
}

/* The attributes as the text has them. */
static an_attrs as_written(const an_attrs *a)
{
    an_attrs shown = *a;
    if (a->written) shown.axis = a->written->axis, shown.axes = a->written->axes;
    return shown;
}

/* ---- dimensions, range and copies -------------------------------------- */

an_dim *an_attr_dims(int id, an_attrs *a, int *count)
{
    const an_field f = field_of(id, a, NULL);
    *count = 0;
    return table[id].kind->dims ? table[id].kind->dims(&f, count) : NULL;
}

void an_attr_clear(int id, an_attrs *a)
{
    const an_kind *kind = table[id].kind;
    if (!kind->typed && !kind->list) memset(field_of(id, a, NULL).at, 0, (size_t)kind->size);
}

void an_attrs_translate(const an_op_info *op, an_attrs *a, an_dims *to, const an_dims *from)
{
    for (uint64_t set = op->attribute_set; set;) {
        int count;
        an_dim *d = an_attr_dims(take(&set), a, &count);
        for (int i = 0; i < count; i++) d[i] = an_dims_translate(to, from, d[i]);
    }
}

/* The dims that are written among the attributes. */
static const an_dim *written_dims(int id, const an_attrs *a, int *count)
{
    const an_kind *kind = table[id].kind;
    const an_field f = field_of(id, a, NULL);
    *count = 0;
    return kind->typed || !kind->dims ? NULL : kind->dims(&f, count);
}

int an_attrs_unbound(const an_op_info *op, const an_attrs *a, const int64_t *extent, an_dim *dim)
{
    for (uint64_t set = op->attribute_set; set;) {
        const int id = take(&set);
        int count;
        const an_dim *d = written_dims(id, a, &count);
        for (int i = 0; i < count; i++)
            if (d[i] <= AN_DIM_SYMBOLIC && an_dim_extent(d[i], extent) < 0) return *dim = d[i], id;
    }
    return -1;
}

int an_attrs_misfit(const an_op_info *op, const an_attrs *a, const an_dims *dims)
{
    for (uint64_t set = op->attribute_set; set;) {
        const int id = take(&set);
        const an_field f = field_of(id, a, dims);
        bool good = an_kind_good(table[id].kind, &f);
        int count;
        const an_dim *d = written_dims(id, a, &count);
        for (int i = 0; i < count; i++) good = good && an_dims_valid(dims, d[i]);
        if (!good) return id;
    }
    return -1;
}

/* As many as the row names, whatever was given. */
static bool copy_own(const an_op_info *op, an_attrs *a, an_arena *arena)
{
    an_own *own = NULL;
    if (op->own_count > 0) own = an_arena_alloc(arena, op->own_count * (int64_t)sizeof *own);
    if (op->own_count > 0 && !own) return false;
    for (int i = 0; i < op->own_count; i++) {
        own[i] = an_own_at(op, a, i);
        if (!an_own_copy(&own[i], arena)) return false;
    }
    a->own = own;
    a->own_count = op->own_count;
    return true;
}

an_attrs *an_attrs_copy(const an_op_info *op, const an_attrs *a, an_arena *arena)
{
    an_attrs *copy = an_arena_copy(arena, a, sizeof *a);
    for (int id = 0; copy && id < AN_ATTRS; id++) {
        const an_kind *kind = table[id].kind;
        if (!kind->list) continue;
        const an_field f = field_of(id, copy, NULL);
        int64_t size = 0;
        if (!(op->attribute_set >> id & 1)) memset(f.at, 0, (size_t)kind->size);
        const void **at = kind->list(&f, &size);
        if (!*at) continue;
        *at = size < 0 ? NULL : an_arena_copy(arena, *at, size > 0 ? size : 1);
        if (!*at) return NULL;
    }
    if (copy && copy->written)
        copy->written = an_arena_copy(arena, copy->written, sizeof *copy->written);
    if (!copy || (a->written && !copy->written)) return NULL;
    return copy_own(op, copy, arena) ? copy : NULL;
}

/* ---- text -------------------------------------------------------------- */

const char *an_attr_name(const an_op_info *op, int id)
{
    return id < AN_ATTRS ? table[id].name : op->own[id - AN_ATTRS].name;
}

void an_attr_print(const an_op_info *op, int id, const an_attrs *a, const an_dims *dims,
                   an_text *out)
{
    if (id >= AN_ATTRS) {
        const an_own v = an_own_at(op, a, id - AN_ATTRS);
        an_own_print(&v, out);
        return;
    }
    const an_field f = field_of(id, a, dims);
    an_kind_print(table[id].kind, &f, out);
}

/* Dtype and shape are not printed: an op that has them gives them to its result,
 * whose type stands beside it. Where zero is a meaning, it is always printed. */
static bool is_silent(const an_attrs *a, int id)
{
    static const an_attrs none;
    const an_kind *kind = table[id].kind;
    if (kind->typed || kind->always) return kind->typed;
    an_kind_bytes x, zero;
    bytes_of(id, a, &x);
    bytes_of(id, &none, &zero);
    return same_run(x.first, x.first_size, zero.first, zero.first_size) && x.second_size == 0;
}

void an_attrs_print(const an_op_info *op, const an_attrs *a, const an_dims *dims, an_text *out)
{
    const int64_t before = out->length;
    const an_attrs shown = as_written(a);
    for (uint64_t set = op->attribute_set; set;) {
        const int id = take(&set);
        if (is_silent(&shown, id)) continue;
        an_text_addf(out, out->length == before ? "%s=" : ", %s=", table[id].name);
        an_attr_print(op, id, &shown, dims, out);
    }
    for (int i = 0; i < op->own_count; i++) {
        const an_own v = an_own_at(op, a, i);
        if (an_own_is_zero(&v)) continue;
        an_text_addf(out, out->length == before ? "%s=" : ", %s=", op->own[i].name);
        an_own_print(&v, out);
    }
}

/* The id that the op knows by that name; -1: none. */
static int find(const an_op_info *op, const char *name)
{
    for (int i = 0; i < op->own_count; i++)
        if (!strcmp(op->own[i].name, name)) return AN_ATTRS + i;
    const int id = an_attr_find(name);
    return id >= 0 && op->attribute_set >> id & 1 ? id : -1;
}

/* Room for the op's own attributes, all of them zero. */
static an_own *make_own(an_scan *s, const an_op_info *op, an_attrs *a)
{
    an_own *own = NULL;
    if (op->own_count > 0) own = an_arena_alloc(&s->arena, op->own_count * (int64_t)sizeof *own);
    for (int i = 0; own && i < op->own_count; i++) own[i] = an_own_at(op, a, i);
    a->own = own;
    a->own_count = own ? op->own_count : 0;
    return own;
}

static bool read_value(an_scan *s, const an_op_info *op, int id, an_attrs *a, an_own *own)
{
    if (id >= AN_ATTRS) return an_own_read(s, op->own[id - AN_ATTRS].kind, &own[id - AN_ATTRS]);
    const an_field f = field_of(id, a, s->dims);
    return an_kind_read(table[id].kind, s, &f);
}

bool an_attrs_read(an_scan *s, const an_op_info *op, const an_type *type, an_attrs *attrs)
{
    uint64_t seen = 0;
    *attrs = (an_attrs){.dtype = type->dtype, .shape = type->shape};
    an_own *own = make_own(s, op, attrs);
    if (op->own_count > 0 && !own) return an_scan_no_memory(s);
    if (!an_scan_is(s, "{")) return !s->failed;
    for (bool first = true; !an_scan_is(s, "}"); first = false) {
        if (!first && !an_scan_expect(s, ",")) return false;
        const char *name = an_scan_word(s);
        if (!name) return false;
        const int id = find(op, name);
        if (id < 0)
            return an_scan_fail(s, "%s has no attribute '%s' (it has: %s)", op->name, name,
                                op->attributes);
        if (id < AN_ATTRS && table[id].kind->typed)
            return an_scan_fail(s, "%s is given by the type", name);
        if (seen >> id & 1) return an_scan_fail(s, "attribute '%s' is given twice", name);
        seen |= (uint64_t)1 << id;
        if (!an_scan_expect(s, "=") || !read_value(s, op, id, attrs, own)) return false;
    }
    return true;
}
