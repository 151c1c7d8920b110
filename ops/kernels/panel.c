/* panel.c -- the product of a few rows with a packed panel of weights.
 *
 * A tile of out stays in registers over the whole depth. Every element is one
 * chain of fma, so tiles may differ between instruction sets without changing a
 * bit: 4 rows x 64 columns where there are 32 wide registers, 6 x 16 of 16 with AVX2,
 * 4 x 16 elsewhere. Written on the machine's own vectors: the 16 lanes of simd.h, twice
 * as wide as an AVX2 register, would be kept in memory. A thread that shares its core has
 * half of what it decodes, so whatever is no fma counts: the loops are unrolled, and what
 * is done with the sums is decided once a tile.
 *
 * The product of one row with a matrix as it is waits for memory: the matrix is read once, in the
 * order in which it lies or eight rows side by side.                           */
#include "core/simd.h"
#include "ops/kernels/blocks.h"
#include "ops/kernels/kernels.h"

#if defined(__AVX512F__)
#define TILE_ROWS 4
#define TILE_COLUMNS 64
#define ROW_PARTS 24 /* sums that stay in registers */
typedef __m512 part;
#define part_load _mm512_loadu_ps
#define part_store _mm512_storeu_ps
#define part_set _mm512_set1_ps
#define part_fma _mm512_fmadd_ps
#elif defined(__AVX2__) && defined(__FMA__)
#define TILE_ROWS 6
#define TILE_COLUMNS 16
#define ROW_PARTS 12
typedef __m256 part;
#define part_load _mm256_loadu_ps
#define part_store _mm256_storeu_ps
#define part_set _mm256_set1_ps
#define part_fma _mm256_fmadd_ps
#elif defined(__aarch64__)
#define TILE_ROWS 4
#define TILE_COLUMNS 16
#define ROW_PARTS 24
typedef float32x4_t part;
#define part_load vld1q_f32
#define part_store vst1q_f32
#define part_set vdupq_n_f32
#define part_fma(a, b, c) vfmaq_f32(c, a, b)
#else
#define TILE_ROWS 4
#define TILE_COLUMNS 16
#define ROW_PARTS 12
typedef float part;
#define part_load(p) (*(p))
#define part_store(p, v) (*(p) = (v))
#define part_set(x) (x)
#define part_fma fmaf
#endif

#define PART ((int)(sizeof(part) / sizeof(float)))
#define TILE_PARTS (TILE_COLUMNS / PART)
typedef part sums[TILE_ROWS][TILE_PARTS];

/* Not by hand: gcc would mix one step with the next, and run out of registers. */
#if defined(__clang__)
#define UNROLLED _Pragma("clang loop unroll_count(4)")
#else
#define UNROLLED _Pragma("GCC unroll 4")
#endif

/* Adds up a product. `rows` and `parts` are constants at every call, so `sum` lives in registers;
 * so is `a_row` or `a_step`, 1. */
AN_INLINE void add_up(sums sum, const an_panel *p, const float *a, int64_t a_row, int64_t a_step,
                      const float *b, const int rows, const int parts)
{
    const int64_t b_row = p->b_row ? p->b_row : AN_PANEL;
    const int64_t b_vector = p->b_vector ? p->b_vector : AN_LANES;
    UNROLLED
    for (int64_t k = p->depth; k > 0; k--) {
        part weight[TILE_PARTS];
        for (int v = 0; v < parts; v++)
            weight[v] = part_load(b + v * PART / AN_LANES * b_vector + v * PART % AN_LANES);
        for (int r = 0; r < rows; r++) {
            const part x = part_set(a[r * a_row]);
            for (int v = 0; v < parts; v++) sum[r][v] = part_fma(x, weight[v], sum[r][v]);
        }
        a += a_step;
        b += b_row;
    }
}

/* out = sum, out + sum, or by out + sum: two constants at every call. */
AN_INLINE void put(sums sum, float *out, int64_t out_row, const bool add, const float *by,
                   const int rows, const int parts)
{
    for (int r = 0; r < rows; r++, out += out_row)
        for (int v = 0; v < parts; v++) {
            part total = sum[r][v];
            if (by) total = part_fma(part_set(by[r]), part_load(out + v * PART), total);
            else if (add) total += part_load(out + v * PART);
            part_store(out + v * PART, total);
        }
}

/* Of the vectors from `vector` on. */
AN_INLINE void tile(const an_panel *p, int64_t row, int vector, const int rows, const int parts)
{
    sums sum;
    const int64_t out_row = p->out_row;
    float *out = p->out + row * out_row + vector * AN_LANES;
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < parts; v++) sum[r][v] = part_set(0.0f);
    for (int r = 0; p->add && r < rows; r++) /* it may be far, and the sums take a while */
        for (int v = 0; v < parts * PART; v += AN_LANES)
            __builtin_prefetch(out + r * out_row + v, 1);
    const float *a = p->a + row * p->a_row;
    const float *b = p->b + vector * (p->b_vector ? p->b_vector : AN_LANES);
    if (p->a_step == 1) add_up(sum, p, a, p->a_row, 1, b, rows, parts);
    else add_up(sum, p, a, 1, p->a_step, b, rows, parts);
    if (p->by) put(sum, out, out_row, true, p->by + row, rows, parts);
    else if (p->add) put(sum, out, out_row, true, NULL, rows, parts);
    else put(sum, out, out_row, false, NULL, rows, parts);
}

/* All rows of the vectors from `vector` on. A tile of two rows takes as long as one of four, so
 * that the last eight are two fours, not six and two. */
AN_INLINE void stripe(const an_panel *p, int vector, const int parts)
{
    int64_t row = 0, left = p->rows;
    for (; TILE_ROWS > 4 && (left > 8 || left == TILE_ROWS); left -= TILE_ROWS, row += TILE_ROWS)
        tile(p, row, vector, TILE_ROWS, parts);
    for (; left >= 4; left -= 4, row += 4) tile(p, row, vector, 4, parts);
    switch (left) {
    case 3: tile(p, row, vector, 3, parts); break;
    case 2: tile(p, row, vector, 2, parts); break;
    case 1: tile(p, row, vector, 1, parts); break;
    default: break;
    }
}

void AN_ISA(panel_product)(const an_panel *p)
{
#if TILE_COLUMNS == AN_PANEL
    switch (p->vectors) {
    case 4: stripe(p, 0, 4); break;
    case 3: stripe(p, 0, 3); break;
    case 2: stripe(p, 0, 2); break;
    default: stripe(p, 0, 1); break;
    }
#else
    for (int v = 0; v < p->vectors; v++) stripe(p, v, TILE_PARTS);
#endif
}

/* How b lies well. Vectors beside each other where a tile takes them all; elsewhere one behind the
 * other, for of rows of 64 floats those of one vector meet in a quarter of the nearest cache. */
an_packing AN_ISA(panel_packing)(int64_t depth)
{
    if (TILE_COLUMNS == AN_PANEL) return (an_packing){AN_PANEL, AN_LANES};
    return (an_packing){AN_LANES, depth * AN_LANES};
}

/* ---- one row ------------------------------------------------------------- */

#define ROWS_ASIDE 8
#define ROW_CHUNK 1024 /* columns whose sums stay in the nearest cache */

/* z[j] goes on by x[r] b[r][j] for each of the rows. */
AN_INLINE void aside(const float *x, const float *b, int64_t b_row, float *z, int64_t columns,
                     const int rows)
{
    part factor[ROWS_ASIDE];
    int64_t j = 0;
    for (int r = 0; r < rows; r++) factor[r] = part_set(x[r]);
    for (; j + PART <= columns; j += PART) {
        part sum = part_load(z + j);
        for (int r = 0; r < rows; r++)
            sum = part_fma(factor[r], part_load(b + r * b_row + j), sum);
        part_store(z + j, sum);
    }
    for (; j < columns; j++)
        for (int r = 0; r < rows; r++) z[j] = fmaf(x[r], b[r * b_row + j], z[j]);
}

/* The same from zero for all of a matrix of 4 * `fours` vectors a row, which lie behind each other.
 * Loops of few turns, or gcc would keep the sums in memory. */
AN_INLINE void along(const float *x, const float *b, int64_t depth, float *z, const int fours)
{
    part sum[ROW_PARTS / 4][4];
    for (int u = 0; u < fours; u++)
        for (int v = 0; v < 4; v++) sum[u][v] = part_set(0.0f);
    for (int64_t k = 0; k < depth; k++) {
        const part factor = part_set(x[k]);
        for (int u = 0; u < fours; u++, b += 4 * PART)
            for (int v = 0; v < 4; v++)
                sum[u][v] = part_fma(factor, part_load(b + v * PART), sum[u][v]);
    }
    for (int u = 0; u < fours; u++)
        for (int v = 0; v < 4; v++) part_store(z + (4 * u + v) * PART, sum[u][v]);
}

/* z[j] = sum over k of x[k] b[k][j], one chain of fma from zero. */
static void chains(const float *x, const float *b, int64_t b_row, int64_t depth, float *z,
                   int64_t columns)
{
    if (columns == b_row)
        switch (columns % (4 * PART) ? 0 : columns / (4 * PART)) {
#if ROW_PARTS == 24
        case 6: along(x, b, depth, z, 6); return;
        case 5: along(x, b, depth, z, 5); return;
        case 4: along(x, b, depth, z, 4); return;
#endif
        case 3: along(x, b, depth, z, 3); return;
        case 2: along(x, b, depth, z, 2); return;
        case 1: along(x, b, depth, z, 1); return;
        default: break;
        }
    int64_t k = 0;
    for (int64_t j = 0; j < columns; j++) z[j] = 0;
    for (; k + ROWS_ASIDE <= depth; k += ROWS_ASIDE)
        aside(x + k, b + k * b_row, b_row, z, columns, ROWS_ASIDE);
    for (; k < depth; k++) aside(x + k, b + k * b_row, b_row, z, columns, 1);
}

/* y[j] = sum over k of x[k] b[k][j]: chains of AN_BLOCK_ROW terms, added up in order, so that
 * neither the cut into columns nor the instruction set shows in the bits. */
void AN_ISA(row_product)(const float *x, const float *b, int64_t b_row, int64_t depth, float *y,
                         int64_t columns)
{
    float z[ROW_CHUNK];
    for (int64_t j = 0, n; j < columns; j += n) {
        n = columns - j < ROW_CHUNK ? columns - j : ROW_CHUNK;
        for (int64_t k = 0; k < depth; k += AN_BLOCK_ROW) {
            chains(x + k, b + k * b_row + j, b_row, an_block_at(depth, k), k ? z : y + j, n);
            for (int64_t i = 0; k && i < n; i++) y[j + i] += z[i];
        }
    }
}
