/* conv.c -- images on their way into a panel (panel.h), which the product then reads.
 *
 * Nothing is computed here, so nothing can differ between instruction sets. */
#include "core/simd.h"
#include "ops/kernels/kernels.h"

#include <string.h>

/* Rows are short, and so most of the work is their ends: two copies that overlap, not a masked one,
 * which takes a Zen 3 twenty times as long as a plain one where AVX2 is all there is. */
AN_INLINE void put_row(float *to, const float *from, int count)
{
    for (; count >= AN_LANES; count -= AN_LANES, to += AN_LANES, from += AN_LANES)
        an_v_store(to, an_v_load(from));
    if (count >= 8) {
        memcpy(to, from, 8 * sizeof *to);
        memcpy(to + count - 8, from + count - 8, 8 * sizeof *to);
    } else if (count >= 4) {
        memcpy(to, from, 4 * sizeof *to);
        memcpy(to + count - 4, from + count - 4, 4 * sizeof *to);
    } else
        for (int i = 0; i < count; i++) to[i] = from[i];
}

/* At most AN_PANEL. */
AN_INLINE void put_zeros(float *to, int count)
{
    static const float zeros[AN_PANEL];
    put_row(to, zeros, count);
}

AN_INLINE void put_piece(const an_conv_piece *p, const float *from, float *to, int64_t stride)
{
    from += p->from;
    to += p->to;
    if (p->before > 0) put_zeros(to, p->before);
    to += p->before;
    if (stride == 1) put_row(to, from, p->count);
    else
        for (int i = 0; i < p->count; i++) to[i] = from[i * stride];
    if (p->after > 0) put_zeros(to + p->count, p->after);
}

/* Plane by plane: the rows that its pieces share are near then, and planes that lie a power of two
 * apart do not push each other out of the cache. */
void AN_ISA(conv_pack)(const an_conv_pack *p)
{
    for (int64_t plane = 0; plane < p->planes; plane++) {
        const float *from = p->from + plane * p->from_plane;
        float *to = p->to + plane * p->to_plane;
        if (p->stride == 1)
            for (int i = 0; i < p->pieces; i++) put_piece(&p->piece[i], from, to, 1);
        else
            for (int i = 0; i < p->pieces; i++) put_piece(&p->piece[i], from, to, p->stride);
    }
}

#if defined(__clang__) || __GNUC__ >= 12
#define TURN 4
typedef float four __attribute__((vector_size(16)));
#define pick(a, b, i, j, k, l) __builtin_shufflevector(a, b, i, j, k, l)

/* A square of 4: element [i][j] goes to [j][i]. */
AN_INLINE void turn_square(const float *from, int64_t from_row, float *to, int64_t to_row)
{
    four r[TURN];
    for (int i = 0; i < TURN; i++) memcpy(&r[i], from + i * from_row, sizeof r[i]);
    const four a = pick(r[0], r[1], 0, 4, 1, 5), b = pick(r[2], r[3], 0, 4, 1, 5);
    const four c = pick(r[0], r[1], 2, 6, 3, 7), d = pick(r[2], r[3], 2, 6, 3, 7);
    r[0] = pick(a, b, 0, 1, 4, 5);
    r[1] = pick(a, b, 2, 3, 6, 7);
    r[2] = pick(c, d, 0, 1, 4, 5);
    r[3] = pick(c, d, 2, 3, 6, 7);
    for (int i = 0; i < TURN; i++) memcpy(to + i * to_row, &r[i], sizeof r[i]);
}
#else
#define TURN 1
AN_INLINE void turn_square(const float *from, int64_t from_row, float *to, int64_t to_row)
{
    (void)from_row, (void)to_row;
    *to = *from;
}
#endif

/* to[i * AN_PANEL + r] = from[r * from_row + i] for `rows` rows r, at most AN_PANEL, and `count`
 * elements i of each; lanes up to the next whole vector are zeros. */
void AN_ISA(conv_turn)(const float *from, int64_t from_row, int rows, float *to, int count)
{
    const int wide = (rows + AN_LANES - 1) / AN_LANES * AN_LANES;
    if (rows < wide)
        for (int i = 0; i < count; i++) put_zeros(to + i * AN_PANEL + rows, wide - rows);
    int r = 0;
    for (; r + TURN <= rows; r += TURN) {
        int i = 0;
        for (; i + TURN <= count; i += TURN)
            turn_square(from + r * from_row + i, from_row, to + i * AN_PANEL + r, AN_PANEL);
        for (; i < count; i++)
            for (int k = 0; k < TURN; k++) to[i * AN_PANEL + r + k] = from[(r + k) * from_row + i];
    }
    for (; r < rows; r++)
        for (int i = 0; i < count; i++) to[i * AN_PANEL + r] = from[r * from_row + i];
}
