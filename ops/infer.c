/* infer.c -- the checks and refusals that inference rules share. */
#include "ops/access.h"
#include "ops/op.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void add_formatted(an_text *t, const char *format, va_list arguments)
{
    char line[512];
    vsnprintf(line, sizeof line, format, arguments);
    an_text_add(t, line);
}

an_status an_refuse(const an_infer *q, an_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (q->why && q->why->length == 0) add_formatted(q->why, format, arguments);
    va_end(arguments);
    return status;
}

an_status an_hint(const an_infer *q, an_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (q->hint && q->hint->length == 0) add_formatted(q->hint, format, arguments);
    va_end(arguments);
    return status;
}

/* "x" or "updates": the operand's name as the table gives it. */
static const char *operand(const an_infer *q, int i, char *buffer, int size)
{
    an_op_input_name(q->op, i, buffer, size);
    return buffer;
}

an_dim an_infer_add(const an_infer *q, an_dim a, an_dim b) { return an_dims_add(q->dims, a, b); }
an_dim an_infer_sub(const an_infer *q, an_dim a, an_dim b) { return an_dims_sub(q->dims, a, b); }
an_dim an_infer_mul(const an_infer *q, an_dim a, an_dim b) { return an_dims_mul(q->dims, a, b); }
an_dim an_infer_div(const an_infer *q, an_dim a, an_dim b) { return an_dims_div(q->dims, a, b); }

an_status an_want_float(const an_infer *q, int i)
{
    if (an_dtype_is_float(q->in[i].dtype)) return AN_OK;
    char name[32];
    an_refuse(q, AN_E_DTYPE, "%s must be f32 or f64, not %s", operand(q, i, name, sizeof name),
              an_dtype_name(q->in[i].dtype));
    return an_hint(q, AN_E_DTYPE, "convert it with an_cast(%s, AN_F32)", name);
}

an_status an_want_index(const an_infer *q, int i)
{
    if (q->in[i].dtype == AN_I32 || q->in[i].dtype == AN_I64) return AN_OK;
    char name[32];
    an_refuse(q, AN_E_DTYPE, "%s must be i32 or i64, not %s", operand(q, i, name, sizeof name),
              an_dtype_name(q->in[i].dtype));
    return an_hint(q, AN_E_DTYPE, "declare it as AN_I32, or convert it with an_cast");
}

an_status an_want_number(const an_infer *q, int i)
{
    if (q->in[i].dtype != AN_BOOL) return AN_OK;
    char name[32];
    an_refuse(q, AN_E_DTYPE, "%s must be a number, not bool", operand(q, i, name, sizeof name));
    return an_hint(q, AN_E_DTYPE, "convert it with an_cast(%s, AN_F32), or choose with an_where",
                   name);
}

an_status an_want_bool(const an_infer *q, int i)
{
    if (q->in[i].dtype == AN_BOOL) return AN_OK;
    char name[32];
    an_refuse(q, AN_E_DTYPE, "%s must be bool, not %s", operand(q, i, name, sizeof name),
              an_dtype_name(q->in[i].dtype));
    return an_hint(q, AN_E_DTYPE, "make it with an_compare, or an_cast(%s, AN_BOOL)", name);
}

an_status an_want_shape(const an_infer *q, const an_shape *shape)
{
    if (shape->rank < 0 || shape->rank > AN_MAX_RANK)
        return an_refuse(q, AN_E_SHAPE, "rank %d is not in 0 to %d", shape->rank, AN_MAX_RANK);
    for (int i = 0; i < shape->rank; i++)
        if (!an_dims_valid(q->dims, shape->dim[i])) {
            an_refuse(q, AN_E_SHAPE, "dim %d (%lld) is neither an extent nor of this graph", i,
                      (long long)shape->dim[i]);
            return an_hint(q, AN_E_SHAPE, "T + 1 is written an_dim_plus(g, T, 1), with T named on "
                                          "this graph");
        }
    if (an_dims_count(q->dims, shape) == AN_DIM_BAD)
        return an_refuse(q, AN_E_LIMIT, "the element count overflows");
    return AN_OK;
}

an_status an_want_same_dtype(const an_infer *q, int a, int b)
{
    if (q->in[a].dtype == q->in[b].dtype) return AN_OK;
    an_refuse(q, AN_E_DTYPE, "dtypes differ (%s vs %s)", an_dtype_name(q->in[a].dtype),
              an_dtype_name(q->in[b].dtype));
    return an_hint(q, AN_E_DTYPE, "convert one with an_cast; nothing is promoted silently");
}

static void refuse_dims(const an_infer *q, int dim, an_dim a, an_dim b)
{
    an_text x = {0}, y = {0};
    an_dims_print(q->dims, a, &x);
    an_dims_print(q->dims, b, &y);
    an_refuse(q, AN_E_SHAPE, "shapes differ in dim %d (%s vs %s)", dim, an_text_view(&x),
              an_text_view(&y));
    an_text_free(&x);
    an_text_free(&y);
}

an_status an_want_same_shape(const an_infer *q, int a, int b)
{
    const an_shape *x = &q->in[a].shape, *y = &q->in[b].shape;
    if (x->rank != y->rank)
        return an_refuse(q, AN_E_SHAPE, "ranks differ (%d vs %d)", x->rank, y->rank);
    for (int i = 0; i < x->rank; i++)
        if (x->dim[i] != y->dim[i]) {
            refuse_dims(q, i, x->dim[i], y->dim[i]);
            return AN_E_SHAPE;
        }
    return AN_OK;
}

an_status an_want_rank(const an_infer *q, int i, int low, int high)
{
    const int rank = q->in[i].shape.rank;
    if (rank >= low && rank <= high) return AN_OK;
    char name[32];
    operand(q, i, name, sizeof name);
    if (low == high)
        return an_refuse(q, AN_E_SHAPE, "%s must have rank %d, not %d", name, low, rank);
    return an_refuse(q, AN_E_SHAPE, "%s must have rank %d to %d, not %d", name, low, high, rank);
}

an_status an_want_key(const an_infer *q, int i)
{
    const an_type *key = &q->in[i];
    if (key->dtype == AN_I64 && key->shape.rank == 1 && key->shape.dim[0] == 2) return AN_OK;
    return an_refuse(q, AN_E_SHAPE, "key must be i64[2]: seed and step");
}

an_status an_want_axis(const an_infer *q, int axis, int rank, bool past_end, int *out)
{
    const int positive = an_axis(axis, rank);
    const int limit = past_end ? rank : rank - 1;
    if (positive < 0 || positive > limit)
        return an_refuse(q, AN_E_ATTRIBUTE, "axis %d is out of range for rank %d", axis, rank);
    *out = positive;
    return AN_OK;
}

an_status an_broadcast_shapes(const an_infer *q, const an_shape *a, const an_shape *b,
                              an_shape *out)
{
    const int rank = a->rank > b->rank ? a->rank : b->rank;
    out->rank = rank;
    for (int i = 0; i < rank; i++) {
        const int ia = i - (rank - a->rank), ib = i - (rank - b->rank);
        const an_dim da = ia < 0 ? 1 : a->dim[ia], db = ib < 0 ? 1 : b->dim[ib];
        if (da != db && da != 1 && db != 1) {
            refuse_dims(q, i, da, db);
            return an_hint(q, AN_E_SHAPE,
                           "broadcasting needs equal dims, or 1, counted from the end");
        }
        out->dim[i] = da == 1 ? db : da;
    }
    return AN_OK;
}

/* ---- what the record asks ---------------------------------------------- */

static an_status want_operand(const an_infer *q, int i)
{
    const an_op_rules *r = q->op->rules;
    an_status s = AN_OK;
    if (an_has_operand(r->floats, i)) s = an_want_float(q, i);
    if (s == AN_OK && an_has_operand(r->numbers, i)) s = an_want_number(q, i);
    if (s == AN_OK && an_has_operand(r->indices, i)) s = an_want_index(q, i);
    if (s == AN_OK && an_has_operand(r->bools, i)) s = an_want_bool(q, i);
    if (s == AN_OK && an_has_operand(r->kin | r->alike, i)) s = an_want_same_dtype(q, 0, i);
    if (s == AN_OK && an_has_operand(r->alike, i)) s = an_want_same_shape(q, 0, i);
    const char *rank = r->ranks && i < (int)strlen(r->ranks) ? &r->ranks[i] : ".";
    if (s == AN_OK && *rank != '.') s = an_want_rank(q, i, *rank - '0', *rank - '0');
    return s;
}

static an_status broadcast_all(const an_infer *q, an_type *out)
{
    *out = q->in[0];
    for (int i = 1; i < q->inputs; i++) {
        const an_shape before = out->shape;
        an_status s = an_want_same_dtype(q, 0, i);
        if (s == AN_OK) s = an_broadcast_shapes(q, &before, &q->in[i].shape, &out->shape);
        if (s != AN_OK) return s;
    }
    return AN_OK;
}

an_status an_op_infer(const an_infer *q, an_type out[])
{
    const an_op_rules *r = q->op->rules;
    const bool asks = r->ranks || (r->floats | r->numbers | r->indices | r->bools | r->kin |
                                   r->alike) != 0;
    an_status s = AN_OK;
    for (int i = 0; asks && i < q->inputs && s == AN_OK; i++)
        if (q->present[i]) s = want_operand(q, i);
    if (s == AN_OK && r->broadcast) s = broadcast_all(q, &out[0]);
    if (s == AN_OK && !r->broadcast && !r->infer) out[0] = q->in[0];
    if (s == AN_OK) s = an_want_ranges(q);
    return s == AN_OK && r->infer ? r->infer(q, out) : s;
}

/* ---- faults ------------------------------------------------------------ */

void an_raise(const an_work *w, int operand_index, int64_t position, int64_t value, int64_t bound)
{
    an_fault *f = w->fault;
    if (!f) return;
    while (atomic_flag_test_and_set_explicit(&f->lock, memory_order_acquire)) {}
    const bool first = !atomic_load_explicit(&f->raised, memory_order_relaxed) ||
                       w->node < f->node || (w->node == f->node && operand_index < f->operand) ||
                       (w->node == f->node && operand_index == f->operand &&
                        position < f->position);
    if (first) {
        f->node = w->node;
        f->operand = operand_index;
        f->position = position;
        f->value = value;
        f->bound = bound;
        atomic_store_explicit(&f->raised, true, memory_order_relaxed);
    }
    atomic_flag_clear_explicit(&f->lock, memory_order_release);
}

int64_t an_index_at(const an_work *w, int operand, int64_t position, int64_t bound)
{
    const int64_t index = an_get_int(&w->in[operand], position);
    if (index >= 0 && index < bound) return index;
    an_raise(w, operand, position, index, bound);
    return -1;
}
