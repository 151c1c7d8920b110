/* matmul.c -- matrix products, plain and batched.
 *
 *   y[.., i, j] = sum_k op(a)[.., i, k] * op(b)[.., k, j],   op(x) = x or its transpose
 *
 * Leading axes broadcast. With y = A B the gradient is dA = dy B^T, dB = A^T dy;
 * where a stored operand is already the transpose, so is its gradient. Each is
 * again a matmul with flags, so no transpose op is ever made.
 *
 * OpenBLAS does the arithmetic, one thread a call, over a grid of tiles cut by
 * shape alone: BLAS bits change with the size of a call, so a grid that followed
 * the thread count would make results follow it too. The common [B,T,K] x [K,N]
 * is one product of B*T rows. What BLAS cannot index (extents beyond int) runs on
 * plain loops.
 *
 * One row times a matrix as it is, a token of a text that is being written, is a kernel's
 * (row_product): BLAS reads tiles of few columns at half the speed of memory.  */
#include "core/memory.h"
#include "core/runtime.h"
#include "ops/access.h"
#include "ops/kernels/kernels.h"
#include "ops/op.h"

#include <cblas.h>
#include <limits.h>
#include <string.h>

/* ---- shape and gradient ------------------------------------------------ */

static an_status matmul_infer(const an_infer *q, an_type out[])
{
    an_status s = an_want_rank(q, 0, 2, AN_MAX_RANK);
    if (!s) s = an_want_rank(q, 1, 2, AN_MAX_RANK);
    if (s) return s;
    const bool ta = q->attrs->transpose_a, tb = q->attrs->transpose_b;
    an_shape a = q->in[0].shape, b = q->in[1].shape;
    a.rank -= 2;
    b.rank -= 2;
    const an_dim ka = a.dim[a.rank + !ta], kb = b.dim[b.rank + tb];
    if (ka != kb) {
        an_text x = {0}, y = {0};
        an_dims_print(q->dims, ka, &x);
        an_dims_print(q->dims, kb, &y);
        s = an_refuse(q, AN_E_SHAPE, "inner dims differ (%s vs %s)", an_text_view(&x),
                      an_text_view(&y));
        an_text_free(&x);
        an_text_free(&y);
        return an_hint(q, s, "the last dim of a%s meets the first matrix dim of b%s",
                       ta ? " transposed" : "", tb ? " transposed" : "");
    }
    an_shape y = {0};
    s = an_broadcast_shapes(q, &a, &b, &y);
    if (s) return s;
    y.dim[y.rank++] = a.dim[a.rank + ta];
    y.dim[y.rank++] = b.dim[b.rank + !tb];
    out[0] = (an_type){q->in[0].dtype, y};
    return AN_OK;
}

/* [.., M, N] as [.. * M, N]. */
static an_value as_rows(an_value x)
{
    const an_shape shape = an_type_of(x).shape;
    return an_reshape(x, AN_SHAPE(AN_DIM_REST, shape.dim[shape.rank - 1]));
}

/* True if b is one matrix applied to every row of a batch, so that its gradient
 * is one product over all rows. A literal extent of 0 leaves nothing to infer the
 * number of rows from, and nothing to gain. */
static bool rows_share_b(const an_call *c)
{
    const an_shape a = an_type_of(c->in[0]).shape, b = an_type_of(c->in[1]).shape;
    return a.rank > 2 && b.rank == 2 && !c->attrs->transpose_a && b.dim[0] != 0 && b.dim[1] != 0;
}

static void matmul_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    const bool ta = c->attrs->transpose_a, tb = c->attrs->transpose_b;
    an_value a = c->in[0], b = c->in[1], d = dy[0];
    dx[0] = ta ? an_matmul_t(b, tb, d, true) : an_matmul_t(d, false, b, !tb);
    if (rows_share_b(c)) {
        a = as_rows(a);
        d = as_rows(d);
    }
    dx[1] = tb ? an_matmul_t(d, true, a, ta) : an_matmul_t(a, !ta, d, false);
}

/* ---- the product as the kernel sees it --------------------------------- */

/* `items` products of m x k by k x n; `lda`, `ldb` are stored row lengths. */
typedef struct product {
    const an_tensor *a, *b, *y;
    bool ta, tb;
    int64_t items, m, n, k, lda, ldb;
} product;

static product describe(const an_work *w)
{
    const an_tensor *a = &w->in[0], *b = &w->in[1], *y = &w->out[0];
    product p = {.a = a, .b = b, .y = y, .ta = w->attrs->transpose_a, .tb = w->attrs->transpose_b};
    p.items = an_span(y, 0, y->rank - 2);
    p.m = y->extent[y->rank - 2];
    p.n = y->extent[y->rank - 1];
    p.lda = a->extent[a->rank - 1];
    p.ldb = b->extent[b->rank - 1];
    p.k = p.ta ? a->extent[a->rank - 2] : p.lda;
    const bool shared = an_span(b, 0, b->rank - 2) == 1 && an_span(a, 0, a->rank - 2) == p.items;
    if (!p.ta && shared && an_mul_size(p.m, p.items, &p.m))
        p.items = 1;
    return p;
}

/* Which matrix of t belongs to matrix `item` of y: axes of extent 1 stand still. */
static int64_t matrix_of(const an_tensor *t, const an_tensor *y, int64_t item)
{
    int64_t index = 0, stride = 1;
    for (int i = y->rank - 3, j = t->rank - 3; j >= 0; i--, j--) {
        if (t->extent[j] != 1) index += item % y->extent[i] * stride;
        item /= y->extent[i];
        stride *= t->extent[j];
    }
    return index;
}

/* ---- the grid ---------------------------------------------------------- */

/* Measured with OpenBLAS 0.3.21 on AVX-512 cores: tiles of 128 rows or columns
 * keep 90 to 95 % of the untiled speed, 256 about 98 %. Up to SMALL
 * multiplications OpenBLAS skips packing, which makes thin products of untransposed
 * operands up to twice as fast (16x1536x384: 108 -> 190 GFLOP/s), so those are cut
 * to stay below it. */
#define SMALL 1000000
#define LEAST 1048576      /* multiplications worth a unit of their own */
#define LEAST_VECTOR 131072 /* the same for matrix times vector, which waits for memory ... */
#define LEAST_WIDE 192      /* ... and reads rows of a matrix, or so many columns of them */

typedef struct grid {
    int64_t rows, columns;            /* of a tile */
    int64_t row_tiles, column_tiles;  /* per item */
    int64_t group;                    /* items per unit if an item is one tile */
} grid;

static int64_t multiplications(const product *p)
{
    int64_t count;
    const bool fits = an_mul_size(p->m, p->n, &count) && an_mul_size(count, p->k, &count);
    return fits ? count : INT64_MAX;
}

/* An even number of tiles, near the size that suits `extent`, multiples of 16. */
static int64_t tile(int64_t extent, int64_t most_tiles)
{
    const int64_t size = extent >= 1024 ? 256 : extent >= 256 ? 128 : 64;
    int64_t tiles = extent / size;
    if (tiles > most_tiles) tiles = most_tiles;
    if (tiles < 2) return extent;
    return an_ceil_div(an_ceil_div(extent, tiles + tiles % 2), 16) * 16;
}

/* Rows or columns that keep a tile below SMALL when the other two extents are
 * given; 0 if that leaves fewer than `least`. */
static int64_t small_tile(int64_t u, int64_t v, int64_t least)
{
    const int64_t size = u > SMALL || v > SMALL ? 0 : SMALL / (u * v) / 16 * 16;
    return size >= least ? size : 0;
}

static grid cut(const product *p)
{
    grid g = {p->m, p->n, 1, 1, 1};
    const int64_t work = multiplications(p);
    const bool vector = p->m == 1 || p->n == 1;
    const int64_t least = vector ? LEAST_VECTOR : LEAST;
    if (work < 2 * least) {
        g.group = work > least / 2 ? 1 : least / (work > 0 ? work : 1);
        return g;
    }
    const bool plain = !p->ta && !p->tb && !vector;
    const int64_t thin = plain && p->m <= 32 ? small_tile(p->m, p->k, 32) : 0;
    const int64_t flat = plain && p->m > 32 ? small_tile(p->n, p->k, 64) : 0;
    if (vector) {
        const int64_t enough = an_ceil_div(least, p->k);
        const int64_t size = p->m == 1 && enough < LEAST_WIDE ? LEAST_WIDE : enough;
        g.rows = p->n == 1 ? size : 1;
        g.columns = p->n == 1 ? 1 : size;
    } else if (thin || flat) {
        g.rows = flat ? flat : p->m;
        g.columns = thin ? thin : p->n;
    } else if ((p->ta || p->m < 256) && p->n >= 128) {
        g.columns = tile(p->n, work / least);
    } else {
        g.rows = tile(p->m, work / least);
    }
    g.row_tiles = an_ceil_div(p->m, g.rows);
    g.column_tiles = an_ceil_div(p->n, g.columns);
    return g;
}

/* ---- one tile ---------------------------------------------------------- */

/* Pointers to a tile's first elements; rows x columns x k. */
typedef struct block {
    const an_kernels *kernels;
    an_dtype dtype;
    bool ta, tb;
    int64_t rows, columns, k, lda, ldb, ldy;
    const void *a, *b;
    void *y;
} block;

/* For the tiniest products, where a call costs more than the work, and for sizes
 * that BLAS cannot take: those are added up PLAIN_TERMS at a time. */
#define PLAIN_TERMS 64
#define PLAIN(type)                                                                                \
    static type plain_##type##_terms(const block *t, int64_t i, int64_t j, int64_t k, int64_t end) \
    {                                                                                              \
        const type *a = t->a, *b = t->b;                                                           \
        type sum = 0;                                                                              \
        for (; k < end; k++)                                                                       \
            sum += (t->ta ? a[k * t->lda + i] : a[i * t->lda + k]) *                               \
                   (t->tb ? b[j * t->ldb + k] : b[k * t->ldb + j]);                                \
        return sum;                                                                                \
    }                                                                                              \
    static void plain_##type(const block *t)                                                       \
    {                                                                                              \
        for (int64_t i = 0; i < t->rows; i++)                                                      \
            for (int64_t j = 0; j < t->columns; j++) {                                             \
                double sum = 0;                                                                    \
                for (int64_t k = 0, n; k < t->k; k += n) {                                         \
                    n = t->k - k < PLAIN_TERMS ? t->k - k : PLAIN_TERMS;                           \
                    sum += (double)plain_##type##_terms(t, i, j, k, k + n);                        \
                }                                                                                  \
                ((type *)t->y)[i * t->ldy + j] = (type)sum;                                        \
            }                                                                                      \
    }
PLAIN(float)
PLAIN(double)

/* Whether it is a row, elements behind each other, times a matrix that is not transposed: then
 * an element's bits owe nothing to the tile that it is in. */
static bool is_row_product(const block *t)
{
    return t->dtype == AN_F32 && t->rows == 1 && !t->tb && t->lda == (t->ta ? 1 : t->k) && t->k > 0;
}

/* y += M x for a stored matrix, or its transpose. y is zeroed first: not every
 * BLAS leaves an output unread when told to scale it by 0. */
static void gemv(const block *t, bool by_b)
{
    const bool transposed = by_b ? !t->tb : t->ta;
    const int64_t length = by_b ? t->columns : t->rows;
    const int rows = (int)(transposed ? t->k : length), columns = (int)(transposed ? length : t->k);
    const int ld = (int)(by_b ? t->ldb : t->lda);
    const void *matrix = by_b ? t->b : t->a, *x = by_b ? t->a : t->b;
    const CBLAS_TRANSPOSE how = transposed ? CblasTrans : CblasNoTrans;
    memset(t->y, 0, (size_t)length * an_dtype_size(t->dtype));
    if (t->dtype == AN_F32)
        cblas_sgemv(CblasRowMajor, how, rows, columns, 1, matrix, ld, x, 1, 1, t->y, 1);
    else
        cblas_dgemv(CblasRowMajor, how, rows, columns, 1, matrix, ld, x, 1, 1, t->y, 1);
}

/* Zeros and beta 1: the same bits as beta 0, on which OpenBLAS spends a sixth where k is short. */
static void gemm(const block *t)
{
    const int m = (int)t->rows, n = (int)t->columns, k = (int)t->k;
    const int lda = (int)t->lda, ldb = (int)t->ldb, ldy = (int)t->ldy;
    const CBLAS_TRANSPOSE ta = t->ta ? CblasTrans : CblasNoTrans;
    const CBLAS_TRANSPOSE tb = t->tb ? CblasTrans : CblasNoTrans;
    const int64_t size = (int64_t)an_dtype_size(t->dtype);
    for (int64_t r = 0; r < t->rows; r++)
        memset((char *)t->y + r * t->ldy * size, 0, (size_t)(t->columns * size));
    if (t->dtype == AN_F32)
        cblas_sgemm(CblasRowMajor, ta, tb, m, n, k, 1, t->a, lda, t->b, ldb, 1, t->y, ldy);
    else
        cblas_dgemm(CblasRowMajor, ta, tb, m, n, k, 1, t->a, lda, t->b, ldb, 1, t->y, ldy);
}

static bool blas_can(const block *t)
{
    return t->rows <= INT_MAX && t->columns <= INT_MAX && t->k <= INT_MAX && t->lda <= INT_MAX &&
           t->ldb <= INT_MAX && t->ldy <= INT_MAX;
}

static void multiply(const block *t)
{
    if (is_row_product(t)) {
        t->kernels->row_product(t->a, t->b, t->ldb, t->k, t->y, t->columns);
        return;
    }
    /* Bounded one by one, so that the product cannot overflow. */
    const bool tiny = t->rows <= 64 && t->columns <= 64 && t->k <= 64 &&
                      t->rows * t->columns * t->k <= 64;
    if (tiny || t->k == 0 || !blas_can(t)) {
        if (t->dtype == AN_F32) plain_float(t);
        else plain_double(t);
        return;
    }
    an_blas_enter();
    if (t->columns == 1 && t->ldb == (t->tb ? t->k : 1) && t->ldy == 1) gemv(t, false);
    else if (t->rows == 1 && t->lda == (t->ta ? 1 : t->k)) gemv(t, true);
    else gemm(t);
    an_blas_leave();
}

/* Multiplies tile `index` of item `item`, or `count` of them, of a row product, in one go. */
static void run_tile(const an_work *w, const product *p, const grid *g, int64_t item, int64_t index,
                     int64_t count)
{
    const int64_t row = index / g->column_tiles * g->rows;
    const int64_t column = index % g->column_tiles * g->columns;
    const int64_t size = (int64_t)an_dtype_size(p->y->dtype);
    /* In range: each is the offset of an element of its tensor. */
    const int64_t a = matrix_of(p->a, p->y, item) * p->m * p->k + (p->ta ? row : row * p->lda);
    const int64_t b =
        matrix_of(p->b, p->y, item) * p->k * p->n + (p->tb ? column * p->ldb : column);
    const int64_t y = (item * p->m + row) * p->n + column;
    const int64_t columns = g->columns * count;
    const block t = {
        .kernels = w->kernels, .dtype = p->y->dtype, .ta = p->ta, .tb = p->tb,
        .rows = p->m - row < g->rows ? p->m - row : g->rows,
        .columns = p->n - column < columns ? p->n - column : columns,
        .k = p->k, .lda = p->lda, .ldb = p->ldb, .ldy = p->n,
        .a = (const char *)p->a->data + a * size,
        .b = (const char *)p->b->data + b * size,
        .y = (char *)p->y->data + y * size,
    };
    multiply(&t);
}

static int64_t matmul_units(const an_work *w)
{
    const product p = describe(w);
    if (!w->out[0].data || p.items == 0 || p.m == 0 || p.n == 0) return 0;
    const grid g = cut(&p);
    return an_ceil_div(p.items, g.group) * g.row_tiles * g.column_tiles;
}

static void matmul_run(const an_work *w, int64_t begin, int64_t end)
{
    const product p = describe(w);
    const grid g = cut(&p);
    const int64_t tiles = g.row_tiles * g.column_tiles;
    const bool one_row = p.m == 1 && p.items == 1 && !p.tb && p.y->dtype == AN_F32;
    if (one_row && begin < end) run_tile(w, &p, &g, 0, begin, end - begin);
    for (int64_t u = begin; !one_row && u < end; u++) {
        const int64_t first = u / tiles * g.group;
        const int64_t last = p.items - first < g.group ? p.items : first + g.group;
        for (int64_t item = first; item < last; item++) run_tile(w, &p, &g, item, u % tiles, 1);
    }
}

/* ---- the oracle -------------------------------------------------------- */

/* Tiles so small that they stay in the nearest cache, whatever the operands' order. */
enum { REF_ROWS = 32, REF_COLUMNS = 16, REF_DEPTH = 128 };

/* op(t) of one item: where it starts, and the steps to the next row and column. */
typedef struct ref_matrix {
    const an_tensor *t;
    int64_t start, row, column;
} ref_matrix;

static ref_matrix ref_matrix_of(const an_tensor *t, bool transposed, const an_tensor *y,
                                int64_t item)
{
    const int64_t width = t->extent[t->rank - 1];
    ref_matrix m = {t, 0, transposed ? 1 : width, transposed ? width : 1};
    int64_t stride = t->extent[t->rank - 2] * width;
    for (int d = t->rank - 3, e = y->rank - 3; d >= 0; d--, e--) {
        if (t->extent[d] != 1) m.start += item % y->extent[e] * stride;
        stride *= t->extent[d];
        item /= y->extent[e];
    }
    return m;
}

static double ref_element(const ref_matrix *m, int64_t i, int64_t j)
{
    return an_get(m->t, m->start + i * m->row + j * m->column);
}

/* Rows from i0 and columns from j0 of a product: each sum from left to right, in double. */
static void ref_tile(const ref_matrix *a, const ref_matrix *b, int64_t inner, int64_t i0,
                     int64_t rows, int64_t j0, int64_t columns, double sum[][REF_COLUMNS])
{
    double part[REF_DEPTH][REF_COLUMNS] = {{0}}; /* of b, as doubles */
    memset(sum, 0, REF_ROWS * sizeof *sum);
    for (int64_t k0 = 0; k0 < inner; k0 += REF_DEPTH) {
        const int64_t depth = inner - k0 < REF_DEPTH ? inner - k0 : REF_DEPTH;
        for (int64_t k = 0; k < depth; k++)
            for (int64_t j = 0; j < columns; j++) part[k][j] = ref_element(b, k0 + k, j0 + j);
        for (int64_t i = 0; i < rows; i++) {
            double row[REF_COLUMNS];
            memcpy(row, sum[i], sizeof row);
            for (int64_t k = 0; k < depth; k++) {
                const double x = ref_element(a, i0 + i, k0 + k);
                for (int j = 0; j < REF_COLUMNS; j++) row[j] += x * part[k][j];
            }
            memcpy(sum[i], row, sizeof row);
        }
    }
}

static void matmul_ref(const an_work *w)
{
    const an_tensor *a = &w->in[0], *b = &w->in[1], *y = &w->out[0];
    const bool ta = w->attrs->transpose_a;
    const int64_t inner = a->extent[ta ? a->rank - 2 : a->rank - 1];
    const int64_t m = y->extent[y->rank - 2], n = y->extent[y->rank - 1];
    const int64_t items = y->data ? an_span(y, 0, y->rank - 2) : 0;
    double sum[REF_ROWS][REF_COLUMNS];
    for (int64_t item = 0; item < items; item++) {
        const ref_matrix left = ref_matrix_of(a, ta, y, item);
        const ref_matrix right = ref_matrix_of(b, w->attrs->transpose_b, y, item);
        for (int64_t i0 = 0; i0 < m; i0 += REF_ROWS)
            for (int64_t j0 = 0; j0 < n; j0 += REF_COLUMNS) {
                const int64_t rows = m - i0 < REF_ROWS ? m - i0 : REF_ROWS;
                const int64_t columns = n - j0 < REF_COLUMNS ? n - j0 : REF_COLUMNS;
                ref_tile(&left, &right, inner, i0, rows, j0, columns, sum);
                for (int64_t i = 0; i < rows; i++)
                    for (int64_t j = 0; j < columns; j++)
                        an_put(y, (item * m + i0 + i) * n + j0 + j, sum[i][j]);
            }
    }
}

static double matmul_flops(const an_work *w)
{
    const product p = describe(w);
    return 2 * (double)multiplications(&p) * (double)p.items;
}

/* ---- builders ---------------------------------------------------------- */

an_value an_matmul_t_at(an_at at, an_value a, bool transpose_a, an_value b, bool transpose_b)
{
    const an_attrs attrs = {.transpose_a = transpose_a, .transpose_b = transpose_b};
    return an_emit(at, AN_OP_matmul, (an_value[]){a, b}, 2, &attrs);
}

an_value an_matmul_at(an_at at, an_value a, an_value b)
{
    return an_matmul_t_at(at, a, false, b, false);
}

const an_op_rules an_rules_matmul = {
    .floats = 1u,
    .kin = 2u,
    .infer = matmul_infer,
    .grad = matmul_grad,
    .stages = {{matmul_units, matmul_run}},
    .fast = AN_FAST_F32 | AN_FAST_F64,
    .ref = matmul_ref,
    .count_flops = matmul_flops,
    .factors = 3u,
};
