/* access.h -- typed element access for reference loops.
 *
 * A reference loop reads an element as double, or, where the tensor holds
 * integers, as int64_t: doubles would mangle i64 beyond 2^53. The caller answers
 * for the index; nothing is checked here.                                    */
#ifndef AN_OPS_ACCESS_H
#define AN_OPS_ACCESS_H

#include "core/core.h"

#include <string.h>

/* Elements of a tensor whose extents were checked when it was planned. */
static inline int64_t an_elements(const an_tensor *t)
{
    int64_t count = 1;
    for (int i = 0; i < t->rank; i++) count *= t->extent[i];
    return count;
}

/* Product of extents [from, to): rows, columns and what lies between them. */
static inline int64_t an_span(const an_tensor *t, int from, int to)
{
    int64_t count = 1;
    for (int i = from; i < to; i++) count *= t->extent[i];
    return count;
}

static inline int64_t an_get_int(const an_tensor *t, int64_t i)
{
    if (t->dtype == AN_I32) return ((const int32_t *)t->data)[i];
    if (t->dtype == AN_I64) return ((const int64_t *)t->data)[i];
    return ((const uint8_t *)t->data)[i] != 0;
}

/* Keeps the low bits, as integer arithmetic that wraps around does. */
static inline void an_put_int(const an_tensor *t, int64_t i, int64_t value)
{
    if (t->dtype == AN_I32) ((int32_t *)t->data)[i] = (int32_t)(uint32_t)(uint64_t)value;
    else if (t->dtype == AN_I64) ((int64_t *)t->data)[i] = value;
    else ((uint8_t *)t->data)[i] = value != 0;
}

static inline double an_get(const an_tensor *t, int64_t i)
{
    if (t->dtype == AN_F32) return (double)((const float *)t->data)[i];
    if (t->dtype == AN_F64) return ((const double *)t->data)[i];
    return (double)an_get_int(t, i);
}

/* Float tensors only: it rounds once, to the tensor's type. */
static inline void an_put(const an_tensor *t, int64_t i, double value)
{
    if (t->dtype == AN_F32) ((float *)t->data)[i] = (float)value;
    else ((double *)t->data)[i] = value;
}

/* The same, for an output that perhaps nobody reads. */
static inline void an_put_wanted(const an_tensor *t, int64_t i, double value)
{
    if (t && t->data) an_put(t, i, value);
}

/* y[i] = x[from], of whatever type both have. */
static inline void an_move(const an_tensor *y, int64_t i, const an_tensor *x, int64_t from)
{
    const size_t size = an_dtype_size(y->dtype);
    memmove((char *)y->data + (size_t)i * size, (const char *)x->data + (size_t)from * size, size);
}

/* Elements along the last axis: they lie side by side. */
static inline int64_t an_row(const an_tensor *t)
{
    return t->rank > 0 ? t->extent[t->rank - 1] : 1;
}

/* How far an operand that is broadcast moves from one element of a row to the next. */
static inline int64_t an_broadcast_step(const an_tensor *t)
{
    return an_row(t) != 1;
}

/* Where NumPy's broadcasting reads `t` for element `i` of `out`. */
static inline int64_t an_broadcast_index(const an_tensor *out, const an_tensor *t, int64_t i)
{
    int64_t index = 0, stride = 1;
    for (int k = out->rank - 1, j = t->rank - 1; j >= 0; k--, j--) {
        if (t->extent[j] != 1) index += i % out->extent[k] * stride;
        stride *= t->extent[j];
        i /= out->extent[k];
    }
    return index;
}

#endif
