/* gather.c -- reading and adding by index.
 *
 *   gather       y[.., j, ..] = x[.., ids[j], ..]          dx = scatter_add(ids, dy)
 *   embedding    gather of a table's rows                  likewise; where a row is for padding,
 *                zeros are chosen in its place, through which nothing flows back
 *   scatter_add  y[.., i, ..] = sum of u[.., j, ..] over the j with ids[j] = i
 *                                                          du = gather(dy, ids)
 *   one_hot      y[j, i] = 1 where ids[j] = i, else 0      ids are no function's argument
 *
 * j runs over all elements of ids, whatever their shape. An id outside the axis
 * reads or adds nothing (zeros) and raises the run's fault with its position.
 *
 * scatter_add is the gradient of an embedding: a large table, mostly zeros. The
 * ids' places are sorted by id first; then a unit owns a range of the result's
 * rows, clears it, and adds to each row its updates in their order. So no two units
 * write one row, and the sum's order does not depend on threads. A row that is named
 * more than CHAIN times is added up CHAIN updates at a time, these sums in double.  */
#include "core/memory.h"
#include "ops/access.h"
#include "ops/elementwise.h"
#include "ops/kernels/kernels.h"
#include "ops/movement.h"

#include <limits.h>
#include <string.h>

/* An array seen along the axis: `outer` slabs of `along` rows of `inner` elements. */
typedef struct rows {
    int64_t outer, along, inner;
    int64_t ids;   /* how many */
    int64_t group; /* rows to a unit */
} rows;

static rows rows_of(const an_tensor *x, int axis, const an_tensor *ids)
{
    rows r = {.outer = an_span(x, 0, axis), .along = x->extent[axis],
              .inner = an_span(x, axis + 1, x->rank), .ids = an_elements(ids)};
    r.group = r.inner > 0 && r.inner < AN_BLOCK ? AN_BLOCK / r.inner : 1;
    return r;
}

static double moved_flops(const an_work *w)
{
    return (double)an_elements(&w->in[1]);
}

/* ---- gather and embedding ---------------------------------------------- */

/* x's shape with the axis replaced by all of ids' dims. */
static an_status gather_infer(const an_infer *q, an_type out[])
{
    const an_shape *x = &q->in[0].shape, *ids = &q->in[1].shape;
    an_shape *y = &out[0].shape;
    int axis;
    const an_status s = an_want_axis(q, q->attrs->axis, x->rank, false, &axis);
    if (s != AN_OK) return s;
    if (x->rank - 1 + ids->rank > AN_MAX_RANK)
        return an_refuse(q, AN_E_SHAPE, "the result would have rank %d, more than %d",
                         x->rank - 1 + ids->rank, AN_MAX_RANK);
    for (int i = 0; i < axis; i++) y->dim[y->rank++] = x->dim[i];
    for (int i = 0; i < ids->rank; i++) y->dim[y->rank++] = ids->dim[i];
    for (int i = axis + 1; i < x->rank; i++) y->dim[y->rank++] = x->dim[i];
    out[0].dtype = q->in[0].dtype;
    return AN_OK;
}

/* embedding has no axis attribute: it is 0 there. */
static rows gather_rows(const an_work *w)
{
    return rows_of(&w->in[0], w->attrs->axis, &w->in[1]);
}

static int64_t gather_units(const an_work *w)
{
    const rows r = gather_rows(w);
    return (r.outer * r.ids + r.group - 1) / r.group;
}

static void gather_run(const an_work *w, int64_t begin, int64_t end)
{
    if (!w->out[0].data) return;
    const rows r = gather_rows(w);
    const int64_t all = r.outer * r.ids, last = end * r.group < all ? end * r.group : all;
    const int64_t bytes = r.inner * (int64_t)an_dtype_size(w->out[0].dtype);
    const char *x = w->in[0].data;
    char *y = w->out[0].data;
    for (int64_t i = begin * r.group; i < last; i++) {
        const int64_t id = an_index_at(w, 1, i % r.ids, r.along);
        if (id < 0) memset(y + i * bytes, 0, (size_t)bytes);
        else memcpy(y + i * bytes, x + (i / r.ids * r.along + id) * bytes, (size_t)bytes);
    }
}

static void gather_ref(const an_work *w)
{
    if (!w->out[0].data) return;
    const rows r = gather_rows(w);
    const an_tensor *x = &w->in[0], *y = &w->out[0];
    memset(y->data, 0, (size_t)an_elements(y) * an_dtype_size(y->dtype));
    for (int64_t o = 0; o < r.outer; o++)
        for (int64_t j = 0; j < r.ids; j++) {
            const int64_t id = an_index_at(w, 1, j, r.along), to = (o * r.ids + j) * r.inner;
            for (int64_t i = 0; id >= 0 && i < r.inner; i++)
                an_move(y, to + i, x, (o * r.along + id) * r.inner + i);
        }
}

static void gather_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    const an_shape x = an_type_of(c->in[0]).shape;
    dx[0] = an_scatter_add(c->in[1], dy[0], c->attrs->axis, x.dim[c->attrs->axis]);
}

an_value an_gather_at(an_at at, an_value x, an_value ids, int axis)
{
    return an_emit(at, AN_OP_gather, (an_value[]){x, ids}, 2, &(an_attrs){.axis = axis});
}

an_value an_embedding_at(an_at at, an_value table, an_value ids)
{
    return an_emit(at, AN_OP_embedding, (an_value[]){table, ids}, 2, NULL);
}

/* Whether there can be a row of that number in the table. */
static bool has_row(an_value table, int64_t row)
{
    const an_dim count = an_dim_of(table, 0);
    return row >= 0 && (count < 0 || row < count);
}

an_value an_embedding_padded_at(an_at at, an_value table, an_value ids, int64_t padding_row)
{
    const an_value y = an_embedding_at(at, table, ids);
    if (an_is_missing(y)) return y;
    if (!has_row(table, padding_row)) {
        an_reject(at, y.graph, AN_E_ARGUMENT, "an_embedding_padded: the table has no row %lld",
                  (long long)padding_row);
        return (an_value){y.graph, 0};
    }
    an_shape column = an_type_of(ids).shape; /* one rank below y's, whose last axis it meets */
    column.dim[column.rank++] = 1;
    const an_value padding = an_compare_at(at, an_reshape_at(at, ids, column), AN_EQ,
                                           an_number_at(at, ids, (double)padding_row));
    return an_where_at(at, padding, an_number_at(at, y, 0), y);
}

#define GATHER_RULES(ranks_rule, bound)                                                            \
    {                                                                                              \
        .indices = 2u, .ranks = ranks_rule, .infer = gather_infer, .grad = gather_grad,            \
        .constant_in = 2u, .axes_in = AN_IN(0),                                                    \
        .stages = {{gather_units, gather_run}}, .fast = AN_FAST_ANY, .ref = gather_ref,            \
        .flops = AN_NO_FLOPS, .index = {.by = bound, .operand = 1},                                \
    }

const an_op_rules an_rules_gather = GATHER_RULES(NULL, AN_BOUND_AXIS);
const an_op_rules an_rules_embedding = GATHER_RULES("2", AN_BOUND_EXTENT);

/* ---- scatter_add ------------------------------------------------------- */

static an_status scatter_add_infer(const an_infer *q, an_type out[])
{
    const an_shape *ids = &q->in[0].shape, *u = &q->in[1].shape;
    const int rank = u->rank - ids->rank + 1;
    int axis;
    if (rank < 1)
        return an_refuse(q, AN_E_SHAPE, "ids have rank %d, updates only %d", ids->rank, u->rank);
    const an_status s = an_want_axis(q, q->attrs->axis, rank, false, &axis);
    if (s != AN_OK) return s;
    for (int i = 0; i < ids->rank; i++)
        if (u->dim[axis + i] != ids->dim[i]) {
            an_refuse(q, AN_E_SHAPE, "dim %d of updates is not dim %d of ids", axis + i, i);
            return an_hint(q, AN_E_SHAPE, "updates have ids' dims in place of the axis");
        }
    if (!an_dims_valid(q->dims, q->attrs->size))
        return an_refuse(q, AN_E_ATTRIBUTE, "size is neither an extent nor a dim of this graph");
    an_shape *y = &out[0].shape;
    for (int i = 0; i < axis; i++) y->dim[y->rank++] = u->dim[i];
    y->dim[y->rank++] = q->attrs->size;
    for (int i = axis + ids->rank; i < u->rank; i++) y->dim[y->rank++] = u->dim[i];
    out[0].dtype = q->in[1].dtype;
    return AN_OK;
}

#define MOST_BLOCKS 64 /* of rows, in one slab */
#define CHAIN 64       /* updates that are added up in f32 */
#define COLUMNS 256    /* of a row, that wait in double */

/* Rows of y to a block. */
static rows scatter_rows(const an_work *w)
{
    const an_tensor *y = &w->out[0];
    rows r = rows_of(y, w->attrs->axis, &w->in[0]);
    const int64_t fair = (r.along + MOST_BLOCKS - 1) / MOST_BLOCKS;
    r.group = 2 * r.group > fair ? 2 * r.group : fair;
    return r;
}

/* The places of the ids that are i: place[first[i]] up to place[first[i + 1]], in order. */
typedef struct sorted {
    int64_t *first; /* along + 1 */
    int64_t *place; /* ids at most */
} sorted;

static sorted sorted_of(const an_work *w, const rows *r)
{
    int64_t *first = w->scratch;
    return (sorted){first, first + r->along + 1};
}

static int64_t scatter_scratch(const an_work *w)
{
    const rows r = scatter_rows(w);
    int64_t count;
    if (!an_add_size(r.along, 1, &count) || !an_add_size(count, r.ids, &count)) return -1;
    return an_mul_size(count, (int64_t)sizeof(int64_t), &count) ? count : -1;
}

static int64_t sort_units(const an_work *w)
{
    return scatter_rows(w).outer > 0; /* even without rows: somebody must look at the ids */
}

/* Counting sort, from the back: first[i] sinks from the end of i's places to their start. */
static void sort_run(const an_work *w, int64_t begin, int64_t end)
{
    const rows r = scatter_rows(w);
    const sorted s = sorted_of(w, &r);
    if (!w->out[0].data || begin == end) return;
    memset(s.first, 0, (size_t)(r.along + 1) * sizeof *s.first);
    for (int64_t j = 0; j < r.ids; j++) {
        const int64_t id = an_get_int(&w->in[0], j);
        if (id >= 0 && id < r.along) s.first[id]++;
        else an_raise(w, 0, j, id, r.along);
    }
    for (int64_t i = 0; i < r.along; i++) s.first[i + 1] += s.first[i];
    for (int64_t j = r.ids - 1; j >= 0; j--) {
        const int64_t id = an_get_int(&w->in[0], j);
        if (id >= 0 && id < r.along) s.place[--s.first[id]] = j;
    }
}

static int64_t scatter_blocks(const rows *r)
{
    return (r->along + r->group - 1) / r->group;
}

static int64_t scatter_units(const an_work *w)
{
    const rows r = scatter_rows(w);
    return r.outer * scatter_blocks(&r);
}

/* y += the updates at `place`, in order. */
static void add_updates(const an_work *w, const rows *r, float *y, const float *u,
                        const int64_t *place, int64_t count, int64_t width)
{
    if (width == 1) {
        for (int64_t k = 0; k < count; k++) *y += u[place[k] * r->inner];
        return;
    }
    for (int64_t k = 0; k < count; k++)
        w->kernels->add(y, 1, u + place[k] * r->inner, 1, y, width);
}

/* The same for many updates, to a row of zeros. */
static void add_many(const an_work *w, const rows *r, float *y, const float *u,
                     const int64_t *place, int64_t count)
{
    double total[COLUMNS];
    for (int64_t c = 0; c < r->inner; c += COLUMNS) {
        const int64_t width = r->inner - c < COLUMNS ? r->inner - c : COLUMNS;
        memset(total, 0, sizeof total);
        for (int64_t k = 0; k < count; k += CHAIN) {
            const int64_t chain = count - k < CHAIN ? count - k : CHAIN;
            memset(y + c, 0, (size_t)width * sizeof *y);
            add_updates(w, r, y + c, u + c, place + k, chain, width);
            for (int64_t i = 0; i < width; i++) total[i] += (double)y[c + i];
        }
        for (int64_t i = 0; i < width; i++) y[c + i] = (float)total[i];
    }
}

/* Rows [from, to) of slab `outer`. */
static void scatter_block(const an_work *w, const rows *r, int64_t outer, int64_t from, int64_t to)
{
    const sorted s = sorted_of(w, r);
    float *y = (float *)w->out[0].data + outer * r->along * r->inner;
    const float *u = (const float *)w->in[1].data + outer * r->ids * r->inner;
    memset(y + from * r->inner, 0, (size_t)((to - from) * r->inner) * sizeof *y);
    for (int64_t i = from; i < to; i++) {
        const int64_t *place = s.place + s.first[i], count = s.first[i + 1] - s.first[i];
        if (count > CHAIN) add_many(w, r, y + i * r->inner, u, place, count);
        else if (count > 0) add_updates(w, r, y + i * r->inner, u, place, count, r->inner);
    }
}

static void scatter_run(const an_work *w, int64_t begin, int64_t end)
{
    if (!w->out[0].data) return;
    const rows r = scatter_rows(w);
    const int64_t blocks = scatter_blocks(&r);
    for (int64_t unit = begin; unit < end; unit++) {
        const int64_t from = unit % blocks * r.group;
        const int64_t to = r.along - from < r.group ? r.along : from + r.group;
        scatter_block(w, &r, unit / blocks, from, to);
    }
}

/* Element by element, so that f32 is rounded once: fine for an oracle. */
static void scatter_ref_narrow(const an_work *w, const rows *r)
{
    for (int64_t o = 0; o < r->outer; o++)
        for (int64_t k = 0; k < r->along * r->inner; k++) {
            double sum = 0;
            for (int64_t j = 0; j < r->ids; j++)
                if (an_get_int(&w->in[0], j) == k / r->inner)
                    sum += an_get(&w->in[1], (o * r->ids + j) * r->inner + k % r->inner);
            an_put(&w->out[0], o * r->along * r->inner + k, sum);
        }
}

/* Update by update: f64 and integers lose nothing, and may run on large tables. */
static void scatter_ref_wide(const an_work *w, const rows *r)
{
    const an_tensor *u = &w->in[1], *y = &w->out[0];
    memset(y->data, 0, (size_t)an_elements(y) * an_dtype_size(y->dtype));
    for (int64_t o = 0; o < r->outer; o++)
        for (int64_t j = 0; j < r->ids; j++) {
            const int64_t id = an_get_int(&w->in[0], j);
            if (id < 0 || id >= r->along) continue;
            for (int64_t i = 0; i < r->inner; i++) {
                const int64_t to = (o * r->along + id) * r->inner + i;
                const int64_t from = (o * r->ids + j) * r->inner + i;
                if (y->dtype == AN_F64) an_put(y, to, an_get(y, to) + an_get(u, from));
                else an_put_int(y, to, (int64_t)((uint64_t)an_get_int(y, to) +
                                                 (uint64_t)an_get_int(u, from)));
            }
        }
}

static void scatter_ref(const an_work *w)
{
    if (!w->out[0].data) return;
    const rows r = scatter_rows(w);
    for (int64_t j = 0; r.outer > 0 && j < r.ids; j++) an_index_at(w, 0, j, r.along);
    if (w->out[0].dtype == AN_F32) scatter_ref_narrow(w, &r);
    else scatter_ref_wide(w, &r);
}

static void scatter_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    dx[1] = an_gather(dy[0], c->in[0], c->attrs->axis);
}

an_value an_scatter_add_at(an_at at, an_value ids, an_value updates, int axis, an_dim size)
{
    return an_emit(at, AN_OP_scatter_add, (an_value[]){ids, updates}, 2,
                   &(an_attrs){.axis = axis, .size = size});
}

const an_op_rules an_rules_scatter_add = {
    .sums = AN_IN(1),
    .indices = 1u,
    .numbers = 2u,
    .infer = scatter_add_infer,
    .grad = scatter_grad,
    .constant_in = 1u,
    .stages = {{sort_units, sort_run}, {scatter_units, scatter_run}},
    .ref = scatter_ref,
    .scratch = scatter_scratch,
    .count_flops = moved_flops,
    .index = {.by = AN_BOUND_SIZE, .operand = 0, .axis = 0},
};

/* ---- one_hot ----------------------------------------------------------- */

static an_status one_hot_infer(const an_infer *q, an_type out[])
{
    const an_shape *ids = &q->in[0].shape;
    if (an_dtype_size(q->attrs->dtype) == 0)
        return an_refuse(q, AN_E_DTYPE, "%d is no element type", (int)q->attrs->dtype);
    if (!an_dims_valid(q->dims, q->attrs->size))
        return an_refuse(q, AN_E_ATTRIBUTE, "size is neither an extent nor a dim of this graph");
    if (ids->rank == AN_MAX_RANK)
        return an_refuse(q, AN_E_SHAPE, "the result would have rank %d", AN_MAX_RANK + 1);
    out[0] = (an_type){q->attrs->dtype, *ids};
    out[0].shape.dim[out[0].shape.rank++] = q->attrs->size;
    return AN_OK;
}

static int64_t one_hot_group(const an_work *w)
{
    const int64_t size = w->out[0].extent[w->out[0].rank - 1];
    return size > 0 && size < AN_BLOCK ? AN_BLOCK / size : 1;
}

static int64_t one_hot_units(const an_work *w)
{
    const int64_t group = one_hot_group(w);
    return (an_elements(&w->in[0]) + group - 1) / group;
}

static void one_hot_run(const an_work *w, int64_t begin, int64_t end)
{
    const an_tensor *y = &w->out[0];
    if (!y->data) return;
    const int64_t group = one_hot_group(w), size = y->extent[y->rank - 1];
    const int64_t all = an_elements(&w->in[0]), last = end * group < all ? end * group : all;
    const int64_t bytes = size * (int64_t)an_dtype_size(y->dtype);
    for (int64_t j = begin * group; j < last; j++) {
        memset((char *)y->data + j * bytes, 0, (size_t)bytes);
        const int64_t id = an_index_at(w, 0, j, size);
        if (id < 0) continue;
        if (an_dtype_is_float(y->dtype)) an_put(y, j * size + id, 1);
        else an_put_int(y, j * size + id, 1);
    }
}

static void one_hot_ref(const an_work *w)
{
    const an_tensor *y = &w->out[0];
    if (!y->data) return;
    const int64_t size = y->extent[y->rank - 1], all = an_elements(&w->in[0]);
    for (int64_t j = 0; j < all; j++) {
        const int64_t id = an_index_at(w, 0, j, size);
        for (int64_t i = 0; i < size; i++)
            if (an_dtype_is_float(y->dtype)) an_put(y, j * size + i, i == id ? 1 : 0);
            else an_put_int(y, j * size + i, i == id);
    }
}

an_value an_one_hot_at(an_at at, an_value ids, an_dim size, an_dtype dtype)
{
    return an_emit(at, AN_OP_one_hot, &ids, 1, &(an_attrs){.size = size, .dtype = dtype});
}

const an_op_rules an_rules_one_hot = {
    .indices = 1u,
    .infer = one_hot_infer,
    .no_grad = "an id is not something a loss can change a little",
    .constant_in = 1u,
    .stages = {{one_hot_units, one_hot_run}},
    .fast = AN_FAST_ANY,
    .ref = one_hot_ref,
    .flops = AN_NO_FLOPS,
    .index = {.by = AN_BOUND_SIZE, .operand = 0, .axis = 0},
};
