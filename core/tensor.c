/* tensor.c -- dense row-major arrays: the one kind of data users hand over.
 *
 * A tensor owns (`capacity` > 0) or borrows its memory; a call is refused that would
 * replace borrowed memory, or write into what is read only (`capacity` < 0). Everything
 * here bears hostile fields, since a tensor is a plain struct that callers fill in. */
#include "core/core.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"

int64_t an_tensor_count(const an_tensor *t)
{
    int64_t count;
    return t && an_count_elements(t->rank, t->extent, &count) ? count : 0;
}

/* A tensor whose extents make no sense has no elements: every loop over it is
 * then empty, and every access out of range. */
int64_t an_tensor_bytes(const an_tensor *t)
{
    int64_t bytes;
    if (!t || !an_mul_size(an_tensor_count(t), (int64_t)an_dtype_size(t->dtype), &bytes)) return 0;
    return bytes;
}

/* Writes the type over `t`, keeping data and capacity. */
static void describe(an_tensor *t, an_dtype dtype, int rank, const int64_t *extent)
{
    t->dtype = dtype;
    t->rank = rank;
    for (int i = 0; i < AN_MAX_RANK; i++) t->extent[i] = i < rank ? extent[i] : 0;
}

an_status an_tensor_alloc(an_tensor *t, an_dtype dtype, int rank, const int64_t *extent)
{
    const int64_t width = (int64_t)an_dtype_size(dtype);
    if (!t || width == 0 || rank < 0 || (rank > 0 && !extent)) return AN_E_ARGUMENT;
    int64_t count, bytes;
    if (!an_count_elements(rank, extent, &count) || !an_mul_size(count, width, &bytes))
        return AN_E_LIMIT;
    if (t->data && t->capacity <= 0) return AN_E_STATE; /* the caller's memory is not ours */

    /* An empty array owns a few bytes too: then `data` is never NULL, and an
     * owned tensor can be told from a borrowed one. */
    const int64_t need = bytes > 0 ? bytes : 1;
    if (need > t->capacity) {
        void *data = an_alloc_aligned(need);
        if (!data) return AN_E_MEMORY;
        an_free_aligned(t->data);
        t->data = data;
        t->capacity = need;
    }
    /* All can succeed from here on; before this, `t` was left alone. */
    memset(t->data, 0, (size_t)need);
    describe(t, dtype, rank, extent);
    return AN_OK;
}

an_tensor an_tensor_borrow(an_dtype dtype, int rank, const int64_t *extent, void *data)
{
    an_tensor t = {.data = data};
    if (rank < 0 || rank > AN_MAX_RANK || (rank > 0 && !extent)) {
        t.rank = -1; /* cannot fail here: every later call refuses it */
        return t;
    }
    describe(&t, dtype, rank, extent);
    return t;
}

an_tensor an_tensor_view(an_dtype dtype, int rank, const int64_t *extent, const void *data)
{
    an_tensor t = an_tensor_borrow(dtype, rank, extent, (void *)data);
    t.capacity = -1;
    return t;
}

void an_tensor_free(an_tensor *t)
{
    if (!t) return;
    if (t->capacity > 0) an_free_aligned(t->data);
    *t = (an_tensor){0};
}

/* One element, copied in and out of its place: a borrowed tensor may lie anywhere. */
typedef union element {
    float f32;
    double f64;
    int32_t i32;
    int64_t i64;
    uint8_t truth;
} element;

static char *place_of(const an_tensor *t, int64_t i)
{
    if (!t || !t->data || i < 0 || i >= an_tensor_count(t)) return NULL;
    return (char *)t->data + i * (int64_t)an_dtype_size(t->dtype);
}

double an_tensor_get(const an_tensor *t, int64_t i)
{
    const char *place = place_of(t, i);
    if (!place) return (double)NAN;
    element e;
    memcpy(&e, place, an_dtype_size(t->dtype));
    switch (t->dtype) {
    case AN_F32: return (double)e.f32;
    case AN_F64: return e.f64;
    case AN_I32: return (double)e.i32;
    case AN_I64: return (double)e.i64;
    case AN_BOOL: return (double)e.truth;
    }
    return (double)NAN;
}

/* A double as an integer in [low, high]: converting one that does not fit would
 * be undefined. `high` is passed exactly, as the first double beyond the range. */
static int64_t to_integer(double value, double low, double beyond, int64_t least, int64_t most)
{
    if (isnan(value)) return 0;
    if (value < low) return least;
    if (value >= beyond) return most;
    return (int64_t)value;
}

void an_tensor_set(an_tensor *t, int64_t i, double value)
{
    char *place = place_of(t, i);
    if (!place || t->capacity < 0) return;
    element e = {0};
    switch (t->dtype) {
    case AN_F32: e.f32 = (float)value; break;
    case AN_F64: e.f64 = value; break;
    case AN_I32: e.i32 = (int32_t)to_integer(value, -0x1p31, 0x1p31, INT32_MIN, INT32_MAX); break;
    case AN_I64: e.i64 = to_integer(value, -0x1p63, 0x1p63, INT64_MIN, INT64_MAX); break;
    case AN_BOOL: e.truth = value != 0; break;
    }
    memcpy(place, &e, an_dtype_size(t->dtype));
}

bool an_dtype_holds(an_dtype dtype, double value)
{
    int64_t room = 0;
    an_tensor one = an_tensor_borrow(dtype, 0, NULL, &room);
    an_tensor_set(&one, 0, value);
    const double kept = an_tensor_get(&one, 0);
    if (!an_dtype_is_float(dtype)) return kept == value;
    return isfinite(value) ? isfinite(kept) && (kept != 0) == (value != 0) : true;
}

an_status an_tensor_copy(an_tensor *to, const an_tensor *from)
{
    if (!to || !from || !from->data) return AN_E_ARGUMENT;
    if (to == from) return AN_OK; /* allocating would clear the source */
    const an_status status = an_tensor_alloc(to, from->dtype, from->rank, from->extent);
    if (status != AN_OK) return status;
    memcpy(to->data, from->data, (size_t)an_tensor_bytes(from));
    return AN_OK;
}
