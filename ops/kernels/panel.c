/* panel.c -- the product of a few rows with a packed panel of weights.
 *
 * A tile of out stays in registers over the whole depth. Every element is one
 * chain of fma, so tiles may differ between instruction sets without changing a
 * bit: 4 rows x 64 columns where there are 32 wide registers, 4 x 16 elsewhere.
 * Written on the machine's own vectors: the 16 lanes of simd.h, twice as wide as
 * an AVX2 register, would be kept in memory.                                 */
#include "core/simd.h"
#include "ops/kernels/kernels.h"

#define TILE_ROWS 4

#if defined(__AVX512F__)
#define TILE_COLUMNS 64
typedef __m512 part;
#define part_load _mm512_loadu_ps
#define part_store _mm512_storeu_ps
#define part_set _mm512_set1_ps
#define part_fma _mm512_fmadd_ps
#elif defined(__AVX2__) && defined(__FMA__)
#define TILE_COLUMNS 16
typedef __m256 part;
#define part_load _mm256_loadu_ps
#define part_store _mm256_storeu_ps
#define part_set _mm256_set1_ps
#define part_fma _mm256_fmadd_ps
#elif defined(__aarch64__)
#define TILE_COLUMNS 16
typedef float32x4_t part;
#define part_load vld1q_f32
#define part_store vst1q_f32
#define part_set vdupq_n_f32
#define part_fma(a, b, c) vfmaq_f32(c, a, b)
#else
#define TILE_COLUMNS 16
typedef float part;
#define part_load(p) (*(p))
#define part_store(p, v) (*(p) = (v))
#define part_set(x) (x)
#define part_fma fmaf
#endif

#define PART ((int)(sizeof(part) / sizeof(float)))
#define TILE_PARTS (TILE_COLUMNS / PART)

/* `rows` and `parts` are constants at every call, so `sum` lives in registers. */
AN_INLINE void tile(const an_panel *p, int64_t row, int column, const int rows, const int parts)
{
    part sum[TILE_ROWS][TILE_PARTS];
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < parts; v++) sum[r][v] = part_set(0.0f);
    for (int r = 0; p->add && r < rows; r++) /* it may be far, and the sums take a while */
        for (int v = 0; v < parts * PART; v += AN_LANES)
            __builtin_prefetch(p->out + (row + r) * p->out_row + column + v, 1);
    const float *a = p->a + row * p->a_row, *b = p->b + column;
    const int64_t a_row = p->a_row, a_step = p->a_step, b_row = p->b_row ? p->b_row : AN_PANEL;
    for (int64_t k = p->depth; k > 0; k--) {
        part weight[TILE_PARTS];
        for (int v = 0; v < parts; v++) weight[v] = part_load(b + v * PART);
        for (int r = 0; r < rows; r++) {
            const part x = part_set(a[r * a_row]);
            for (int v = 0; v < parts; v++) sum[r][v] = part_fma(x, weight[v], sum[r][v]);
        }
        a += a_step;
        b += b_row;
    }
    for (int r = 0; r < rows; r++) {
        float *out = p->out + (row + r) * p->out_row + column;
        for (int v = 0; v < parts; v++, out += PART) {
            part total = sum[r][v];
            if (p->by) total = part_fma(part_set(p->by[row + r]), part_load(out), total);
            else if (p->add) total += part_load(out);
            part_store(out, total);
        }
    }
}

/* All rows of the columns `column` and on. */
AN_INLINE void stripe(const an_panel *p, int column, const int parts)
{
    int64_t row = 0;
    for (; row + TILE_ROWS <= p->rows; row += TILE_ROWS) tile(p, row, column, TILE_ROWS, parts);
    switch (p->rows - row) {
    case 3: tile(p, row, column, 3, parts); break;
    case 2: tile(p, row, column, 2, parts); break;
    case 1: tile(p, row, column, 1, parts); break;
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
    for (int v = 0; v < p->vectors; v++) stripe(p, v * AN_LANES, TILE_PARTS);
#endif
}
