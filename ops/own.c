/* own.c -- see own.h. */
#include "ops/own.h"

#include <math.h>
#include <string.h>

#include "core/random.h"

static const char *const kinds[] = {"i64", "f64", "text", "i64s", "f64s", "texts"};
#define KINDS ((int)(sizeof kinds / sizeof *kinds))

bool an_own_kind_find(const char *name, int length, an_own_kind *kind)
{
    for (int k = 0; k < KINDS; k++)
        if ((int)strlen(kinds[k]) == length && !memcmp(kinds[k], name, (size_t)length)) {
            *kind = (an_own_kind)k;
            return true;
        }
    return false;
}

an_own an_own_at(const an_op_info *op, const an_attrs *a, int i)
{
    if (!op || !a || i < 0 || i >= op->own_count) return (an_own){0};
    const bool given = i < a->own_count && a->own[i].kind == op->own[i].kind;
    an_own v = given ? a->own[i] : (an_own){.kind = op->own[i].kind};
    if (v.kind == AN_OWN_TEXT && !v.text) v.text = "";
    return v;
}

/* Of another kind it is as if it were not given. */
int64_t an_own_i64(const an_op_info *op, const an_attrs *a, int i)
{
    const an_own v = an_own_at(op, a, i);
    return v.kind == AN_OWN_I64 ? v.i64 : 0;
}

double an_own_f64(const an_op_info *op, const an_attrs *a, int i)
{
    const an_own v = an_own_at(op, a, i);
    return v.kind == AN_OWN_F64 ? v.f64 : 0;
}

const char *an_own_text(const an_op_info *op, const an_attrs *a, int i)
{
    const an_own v = an_own_at(op, a, i);
    return v.kind == AN_OWN_TEXT ? v.text : "";
}

/* ---- lists ------------------------------------------------------------- */

static bool is_list(const an_own *v) { return v->kind >= AN_OWN_I64S; }

/* What element i of a list is, as a value by itself. */
static an_own element(const an_own *v, int64_t i)
{
    switch (v->kind) {
    case AN_OWN_I64S: return (an_own){.kind = AN_OWN_I64, .i64 = v->i64s[i]};
    case AN_OWN_F64S: return (an_own){.kind = AN_OWN_F64, .f64 = v->f64s[i]};
    case AN_OWN_TEXTS: return (an_own){.kind = AN_OWN_TEXT, .text = v->texts[i]};
    default: return *v;
    }
}

/* ---- equality ---------------------------------------------------------- */

/* Texts do not tell one NaN from another, so nothing does. */
static const void *bytes_of(const an_own *v, int64_t *size)
{
    static const double nan = NAN;
    *size = v->kind == AN_OWN_TEXT ? (int64_t)strlen(v->text) : (int64_t)sizeof v->i64;
    if (v->kind == AN_OWN_TEXT) return v->text;
    return v->kind == AN_OWN_F64 && isnan(v->f64) ? (const void *)&nan : &v->i64;
}

uint64_t an_own_hash(const an_own *v, uint64_t seed)
{
    int64_t size;
    if (!is_list(v)) {
        const void *bytes = bytes_of(v, &size);
        return an_hash_bytes(bytes, size, seed);
    }
    seed = an_hash_bytes(&v->count, (int64_t)sizeof v->count, seed);
    for (int64_t i = 0; i < v->count; i++) {
        const an_own one = element(v, i);
        seed = an_own_hash(&one, seed);
    }
    return seed;
}

bool an_own_equal(const an_own *a, const an_own *b)
{
    if (a->kind != b->kind || (is_list(a) && a->count != b->count)) return false;
    for (int64_t i = 0; i < (is_list(a) ? a->count : 1); i++) {
        const an_own x = element(a, i), y = element(b, i);
        int64_t nx, ny;
        const void *px = bytes_of(&x, &nx), *py = bytes_of(&y, &ny);
        if (nx != ny || memcmp(px, py, (size_t)nx) != 0) return false;
    }
    return true;
}

bool an_own_is_zero(const an_own *v)
{
    if (is_list(v)) return v->count == 0;
    return v->kind == AN_OWN_TEXT ? v->text[0] == 0 : v->i64 == 0;
}

/* ---- copies ------------------------------------------------------------ */

static bool copy_texts(an_own *v, an_arena *arena)
{
    const char **list = an_arena_alloc(arena, v->count * (int64_t)sizeof *list);
    for (int64_t i = 0; list && i < v->count; i++)
        if (!(list[i] = an_arena_string(arena, v->texts[i]))) return false;
    v->texts = list;
    return list != NULL;
}

bool an_own_is_whole(const an_own *v)
{
    if (!is_list(v) || v->count <= 0) return true;
    for (int64_t i = 0; v->kind == AN_OWN_TEXTS && v->texts && i < v->count; i++)
        if (!v->texts[i]) return false;
    return v->i64s != NULL;
}

bool an_own_copy(an_own *v, an_arena *arena)
{
    if (v->kind == AN_OWN_TEXT) return (v->text = an_arena_string(arena, v->text)) != NULL;
    if (!is_list(v)) return true;
    if (v->count <= 0) v->count = 0, v->i64s = NULL;
    if (v->count == 0) return true;
    if (v->kind == AN_OWN_TEXTS) return copy_texts(v, arena);
    int64_t size;
    if (!an_mul_size(v->count, (int64_t)sizeof *v->i64s, &size)) return false;
    return (v->i64s = an_arena_copy(arena, v->i64s, size)) != NULL; /* doubles are as long */
}

/* ---- text -------------------------------------------------------------- */

void an_own_print(const an_own *v, an_text *out)
{
    switch (v->kind) {
    case AN_OWN_I64: an_text_addf(out, "%lld", (long long)v->i64); return;
    case AN_OWN_F64: an_text_add_f64(out, v->f64); return;
    case AN_OWN_TEXT: an_text_add_quoted(out, v->text); return;
    default: break;
    }
    an_text_add(out, "[");
    for (int64_t i = 0; i < v->count; i++) {
        const an_own one = element(v, i);
        if (i > 0) an_text_add(out, ",");
        an_own_print(&one, out);
    }
    an_text_add(out, "]");
}

static bool read_one(an_scan *s, an_own_kind kind, an_own *v)
{
    *v = (an_own){.kind = kind};
    if (kind == AN_OWN_I64) return an_scan_integer(s, &v->i64);
    if (kind == AN_OWN_F64) return an_scan_number(s, &v->f64);
    return (v->text = an_scan_quoted(s)) != NULL;
}

bool an_own_read(an_scan *s, an_own_kind kind, an_own *v)
{
    if (kind < AN_OWN_I64S) return read_one(s, kind, v);
    int64_t *list = NULL, count = 0, capacity = 0; /* of any kind: eight bytes each */
    bool good = an_scan_expect(s, "[");
    while (good && !an_scan_is(s, "]")) {
        an_own one;
        good = (count == 0 || an_scan_expect(s, ",")) &&
               read_one(s, (an_own_kind)(kind - AN_OWN_I64S), &one);
        if (good && !AN_GROW(list, capacity, count + 1)) good = an_scan_no_memory(s);
        if (good) memcpy(&list[count++], &one.i64, sizeof *list);
    }
    *v = (an_own){.kind = kind, .count = count};
    if (good && count > 0) v->i64s = an_arena_copy(&s->arena, list, count * (int64_t)sizeof *list);
    if (good && count > 0 && !v->i64s) good = an_scan_no_memory(s);
    an_free(list);
    return good;
}
