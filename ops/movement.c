/* movement.c -- the same elements in another shape or order.
 *
 *   reshape    y has x's elements in row-major order     dx = reshape(dy)
 *   transpose  y[i0, i1, ..] = x[.., i_k at axis axes[k], ..]
 *                                                        dx = transpose(dy, inverse)
 *   broadcast  y repeats x along axes where x has extent 1, as in NumPy
 *                                                        dx = dy, summed by the graph
 *
 * No element is computed with, so all dtypes are copied as bytes by the same
 * loops. A reshape must keep the count provably: equal for every binding of the
 * named dims, not only for the one that happens to be fed.                    */
#include "ops/access.h"
#include "ops/elementwise.h"
#include "ops/movement.h"
#include "ops/walk.h"

#include <string.h>

/* ---- reshape ----------------------------------------------------------- */

static an_status refuse_counts(const an_infer *q, an_dim have, an_dim want, bool rest)
{
    an_text x = {0}, y = {0};
    an_dims_print(q->dims, have, &x);
    an_dims_print(q->dims, want, &y);
    if (rest) {
        an_refuse(q, AN_E_SHAPE, "%s elements do not divide by %s", an_text_view(&x),
                  an_text_view(&y));
        an_hint(q, AN_E_SHAPE, "the dims given must divide the count, whatever the names' extents");
    } else {
        an_refuse(q, AN_E_SHAPE, "%s elements cannot become %s", an_text_view(&x),
                  an_text_view(&y));
        an_hint(q, AN_E_SHAPE, "leave one dim to the count with AN_DIM_REST");
    }
    an_text_free(&x);
    an_text_free(&y);
    return AN_E_SHAPE;
}

static an_status reshape_infer(const an_infer *q, an_type out[])
{
    an_shape shape = q->attrs->shape;
    int rest = -1;
    for (int i = 0; i < shape.rank && i < AN_MAX_RANK; i++) {
        if (shape.dim[i] != AN_DIM_REST) continue;
        if (rest >= 0)
            return an_refuse(q, AN_E_SHAPE, "dims %d and %d are both left to the count", rest, i);
        rest = i;
        shape.dim[i] = 1;
    }
    const an_status s = an_want_shape(q, &shape);
    if (s != AN_OK) return s;
    const an_dim have = an_dims_count(q->dims, &q->in[0].shape);
    const an_dim want = an_dims_count(q->dims, &shape);
    if (rest >= 0) {
        if (want == 0 || !an_dims_divides(q->dims, have, want, &shape.dim[rest]))
            return refuse_counts(q, have, want, true);
    } else if (have != want) {
        return refuse_counts(q, have, want, false);
    }
    out[0] = (an_type){q->in[0].dtype, shape};
    return AN_OK;
}

static void reshape_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    dx[0] = an_reshape(dy[0], an_type_of(c->in[0]).shape);
}

an_value an_reshape_at(an_at at, an_value x, an_shape shape)
{
    return an_emit(at, AN_OP_reshape, &x, 1, &(an_attrs){.shape = shape});
}

/* ---- a view that had to be copied -------------------------------------- */

void an_copy_run(const an_work *w, int64_t begin, int64_t end)
{
    if (!w->out[0].data || w->out[0].data == w->in[0].data) return;
    int64_t first;
    const int64_t count = an_block_range(w, begin, end, &first);
    const int64_t size = (int64_t)an_dtype_size(w->out[0].dtype);
    if (count > 0)
        memcpy((char *)w->out[0].data + first * size, (const char *)w->in[0].data + first * size,
               (size_t)(count * size));
}

void an_copy_ref(const an_work *w)
{
    const an_tensor *x = &w->in[0], *y = &w->out[0];
    const size_t size = an_dtype_size(y->dtype);
    if (y->data && y->data != x->data) memcpy(y->data, x->data, (size_t)an_elements(y) * size);
}

const an_op_rules an_rules_reshape = {
    .infer = reshape_infer,
    .grad = reshape_grad,
    .stages = {{an_block_units, an_copy_run}},
    .fast = AN_FAST_ANY,
    .ref = an_copy_ref,
    .share = {1u},
    .flops = AN_NO_FLOPS,
    .moves = true,
};

/* ---- transpose --------------------------------------------------------- */

static an_status transpose_infer(const an_infer *q, an_type out[])
{
    const an_shape *x = &q->in[0].shape;
    const an_axes *axes = &q->attrs->axes;
    if (axes->count != x->rank) {
        an_refuse(q, AN_E_ATTRIBUTE, "%d axes for rank %d", axes->count, x->rank);
        return an_hint(q, AN_E_ATTRIBUTE, "name every axis of x once, in the result's order");
    }
    bool used[AN_MAX_RANK] = {false};
    for (int i = 0; i < x->rank; i++) {
        int axis;
        const an_status s = an_want_axis(q, axes->at[i], x->rank, false, &axis);
        if (s != AN_OK) return s;
        if (used[axis]) return an_refuse(q, AN_E_ATTRIBUTE, "axis %d is named twice", axis);
        used[axis] = true;
        out[0].shape.dim[i] = x->dim[axis];
    }
    out[0].shape.rank = x->rank;
    out[0].dtype = q->in[0].dtype;
    return AN_OK;
}

static void transpose_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    an_axes inverse = {.count = c->attrs->axes.count};
    for (int i = 0; i < inverse.count; i++)
        inverse.at[c->attrs->axes.at[i]] = i;
    dx[0] = an_transpose(dy[0], inverse);
}

#define TILE 32 /* elements to a tile's side: two tiles of doubles fit the first cache */

/* The result as a matrix of rows along its axis `across`, where x is dense, and
 * columns along its last axis, for each index of the other axes. */
typedef struct flip {
    an_walk others;           /* operand 0 is x, operand 1 is y */
    bool dense;               /* the last axis is dense in x too: rows of bytes */
    int64_t rows, columns;
    int64_t x_step, y_step;   /* between columns in x, between rows in y */
    int64_t matrices, bands;  /* bands of TILE rows to a matrix */
} flip;

static void read_strides(const an_work *w, an_walk *walk)
{
    const an_tensor *x = &w->in[0], *y = &w->out[0];
    int64_t dense[AN_MAX_RANK], stride[1][AN_MAX_RANK];
    an_dense_strides(x, dense);
    for (int i = 0; i < y->rank; i++) stride[0][i] = dense[w->attrs->axes.at[i]];
    an_walk_start(walk, y->rank, y->extent, 1, stride);
}

static flip make_flip(const an_work *w)
{
    an_walk all;
    read_strides(w, &all);
    const int last = all.rank - 1;
    flip f = {.dense = all.stride[0][last] == 1};
    if (f.dense) return f;
    int across = 0;
    for (int i = 0; i < last; i++)
        if (all.stride[0][i] == 1) across = i;
    int64_t extent[AN_MAX_RANK], stride[2][AN_MAX_RANK], y_stride = 1;
    int rank = 0;
    f.matrices = 1;
    for (int i = last; i >= 0; i--) { /* the order of the others does not matter */
        if (i == across) f.y_step = y_stride;
        if (i != across && i != last) {
            extent[rank] = all.extent[i];
            stride[0][rank] = all.stride[0][i];
            stride[1][rank++] = y_stride;
            f.matrices *= all.extent[i];
        }
        y_stride *= all.extent[i];
    }
    an_walk_start(&f.others, rank, extent, 2, stride);
    f.rows = all.extent[across];
    f.columns = all.extent[last];
    f.x_step = all.stride[0][last];
    f.bands = (f.rows + TILE - 1) / TILE;
    return f;
}

/* One tile; `size` is a constant where this is inlined, so a memcpy is a move. */
static inline void flip_tile(const flip *f, const char *x, char *y, int64_t rows, int64_t columns,
                             int64_t size)
{
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            memcpy(y + (i * f->y_step + j) * size, x + (j * f->x_step + i) * size, (size_t)size);
}

static void flip_band(const flip *f, const char *x, char *y, int64_t rows, int64_t size)
{
    for (int64_t j = 0; j < f->columns; j += TILE) {
        const int64_t columns = f->columns - j < TILE ? f->columns - j : TILE;
        const char *from = x + j * f->x_step * size;
        char *to = y + j * size;
        if (size == 4) flip_tile(f, from, to, rows, columns, 4);
        else if (size == 8) flip_tile(f, from, to, rows, columns, 8);
        else flip_tile(f, from, to, rows, columns, 1);
    }
}

static int64_t transpose_units(const an_work *w)
{
    if (an_elements(&w->out[0]) == 0) return 0;
    const flip f = make_flip(w);
    return f.dense ? an_block_units(w) : f.matrices * f.bands;
}

/* [B,T,H,D] -> [B,H,T,D] and its like: the last axis stays, rows are copied. */
static void copy_rows(const an_work *w, int64_t begin, int64_t end)
{
    const int64_t size = (int64_t)an_dtype_size(w->out[0].dtype);
    int64_t first;
    const int64_t count = an_block_range(w, begin, end, &first);
    an_runs r;
    read_strides(w, &r.walk);
    for (an_runs_start(&r, first, count); an_next_run(&r);)
        memcpy((char *)w->out[0].data + r.at * size,
               (const char *)w->in[0].data + r.walk.offset[0] * size, (size_t)(r.count * size));
}

static void transpose_run(const an_work *w, int64_t begin, int64_t end)
{
    if (!w->out[0].data) return;
    const int64_t size = (int64_t)an_dtype_size(w->out[0].dtype);
    flip f = make_flip(w);
    if (f.dense) {
        copy_rows(w, begin, end);
        return;
    }
    for (int64_t unit = begin; unit < end; unit++) {
        an_walk_seek(&f.others, unit / f.bands);
        const int64_t row = unit % f.bands * TILE;
        const char *x = (const char *)w->in[0].data + (f.others.offset[0] + row) * size;
        char *y = (char *)w->out[0].data + (f.others.offset[1] + row * f.y_step) * size;
        flip_band(&f, x, y, f.rows - row < TILE ? f.rows - row : TILE, size);
    }
}

static void transpose_ref(const an_work *w)
{
    const an_tensor *x = &w->in[0], *y = &w->out[0];
    int64_t dense[AN_MAX_RANK];
    an_dense_strides(x, dense);
    const int64_t count = y->data ? an_elements(y) : 0;
    for (int64_t i = 0; i < count; i++) {
        int64_t from = 0, left = i;
        for (int k = y->rank - 1; k >= 0; k--) {
            from += left % y->extent[k] * dense[w->attrs->axes.at[k]];
            left /= y->extent[k];
        }
        an_move(y, i, x, from);
    }
}

an_value an_transpose_at(an_at at, an_value x, an_axes axes)
{
    return an_emit(at, AN_OP_transpose, &x, 1, &(an_attrs){.axes = axes});
}

const an_op_rules an_rules_transpose = {
    .infer = transpose_infer,
    .permutes = true,
    .grad = transpose_grad,
    .stages = {{transpose_units, transpose_run}},
    .fast = AN_FAST_ANY,
    .ref = transpose_ref,
    .flops = AN_NO_FLOPS,
    .moves = true,
};

/* ---- broadcast --------------------------------------------------------- */

static an_status broadcast_infer(const an_infer *q, an_type out[])
{
    const an_shape *x = &q->in[0].shape, *shape = &q->attrs->shape;
    an_status s = an_want_shape(q, shape);
    if (s != AN_OK) return s;
    an_shape both;
    s = an_broadcast_shapes(q, x, shape, &both);
    if (s != AN_OK) return s;
    for (int i = 0; i < both.rank; i++)
        if (both.rank > shape->rank || both.dim[i] != shape->dim[i]) {
            an_refuse(q, AN_E_SHAPE, "x is larger than the shape it is to be broadcast to");
            return an_hint(q, AN_E_SHAPE, "an_sum_axes goes the other way");
        }
    out[0] = (an_type){q->in[0].dtype, *shape};
    return AN_OK;
}

static void broadcast_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    (void)c;
    dx[0] = dy[0];
}

void an_fill_bytes(char *to, int64_t count, const char *element, int64_t size)
{
    if (count <= 0) return;
    const int64_t total = count * size;
    memcpy(to, element, (size_t)size);
    for (int64_t done = size; done < total;) { /* doubles what is there */
        const int64_t step = done < total - done ? done : total - done;
        memcpy(to + done, to, (size_t)step);
        done += step;
    }
}

static void broadcast_run(const an_work *w, int64_t begin, int64_t end)
{
    if (!w->out[0].data) return;
    const int64_t size = (int64_t)an_dtype_size(w->out[0].dtype);
    int64_t first;
    const int64_t count = an_block_range(w, begin, end, &first);
    an_runs r;
    an_walk_broadcast(&r.walk, &w->out[0], 1, w->in);
    for (an_runs_start(&r, first, count); an_next_run(&r);) {
        const char *x = (const char *)w->in[0].data + r.walk.offset[0] * size;
        char *y = (char *)w->out[0].data + r.at * size;
        if (an_walk_stride(&r.walk, 0) == 0) an_fill_bytes(y, r.count, x, size);
        else memcpy(y, x, (size_t)(r.count * size));
    }
}

static void broadcast_ref(const an_work *w)
{
    const an_tensor *x = &w->in[0], *y = &w->out[0];
    const int64_t count = y->data ? an_elements(y) : 0;
    for (int64_t i = 0; i < count; i++) an_move(y, i, x, an_broadcast_index(y, x, i));
}

an_value an_broadcast_at(an_at at, an_value x, an_shape shape)
{
    return an_emit(at, AN_OP_broadcast, &x, 1, &(an_attrs){.shape = shape});
}

const an_op_rules an_rules_broadcast = {
    .infer = broadcast_infer,
    .grad = broadcast_grad,
    .stages = {{an_block_units, broadcast_run}},
    .fast = AN_FAST_ANY,
    .ref = broadcast_ref,
    .flops = AN_NO_FLOPS,
    .moves = true,
};
