/* attention.h -- how attention and its gradient cut their work.
 *
 * The unit of everything is a tile: the scores of a block of up to 64 queries, a lane each, against
 * some keys, [keys][64]. Turned so, K q' and V dy' are products with q and dy turned once a block,
 * and what follows reads the tile as it lies: weights' v and slopes' k by columns, weights dy and
 * slopes q by rows. No other operand is packed; only where D or E is no multiple of 16 are copies
 * made first, whose rows are.
 *
 * Each product is a panel product, one chain of fma an element, and tiles follow from the shapes:
 * neither threads nor the instruction set show in the bits.                  */
#ifndef AN_OPS_ATTENTION_H
#define AN_OPS_ATTENTION_H

#include "ops/kernels/kernels.h"
#include "ops/op.h"

/* Operands, and how many before them attention_grad has. */
enum { ATT_Q, ATT_K, ATT_V, ATT_MASK, ATT_LENGTHS, ATT_POSITION };
enum { ATT_Y, ATT_LSE };
enum {
    GRAD_DY, GRAD_Q, GRAD_K, GRAD_V, GRAD_MASK, GRAD_LENGTHS, GRAD_POSITION, GRAD_Y, GRAD_LSE,
    GRAD_DLSE, GRAD_INPUTS
};
enum { GRAD_DQ, GRAD_DK, GRAD_DV, GRAD_DMASK };

#define AN_ATT_QUERIES 64 /* of a block */
#define AN_ATT_KEYS 128   /* of a tile, at most */
#define AN_ATT_SLOTS 64   /* blocks of scratch, at most */
#define AN_ATT_LOG2E 1.44269504088896340736

/* A stack of matrices with rows of `padded` floats: an operand, or its copy in scratch. */
typedef struct an_attention_rows_of {
    const float *data;
    int64_t rows, width, padded; /* rows of one matrix */
    int64_t copy;                /* where in scratch its copy is; -1: it is the operand itself */
    int operand;
} an_attention_rows_of;

/* All of it follows from the shapes, but for `place`. */
typedef struct an_attention_cut {
    const an_work *w;
    int first; /* operand q is */
    int64_t batch, heads, groups, shared; /* B, H, G, H / G */
    int64_t queries, keys, depth, width;  /* T, S, D, E */
    int64_t blocks, tile;                 /* blocks of queries; keys of a tile */
    int64_t place;                        /* of query 0 among the keys */
    double scale;
    an_attention_rows_of q, k, v, dy;
    int64_t copies;                       /* bytes of scratch that they take */
} an_attention_cut;

an_attention_cut an_attention_measure(const an_work *w, int first); /* reads no data: no `place` */
an_attention_cut an_attention_open(const an_work *w, int first);
/* Keys that are there for row b of the batch; a length outside 0..S is raised, and 0. */
int64_t an_attention_length(const an_attention_cut *cut, int64_t b);
/* Of those, how many the last of `count` queries from `query` on sees, and the others no more. */
int64_t an_attention_seen(const an_attention_cut *cut, int64_t b, int64_t query, int64_t count);
/* Matrix `item` of an operand, from row `row` on. */
static inline const float *an_attention_at_row(const an_attention_rows_of *m, int64_t item,
                                               int64_t row)
{
    return m->data + (item * m->rows + row) * m->padded;
}
/* out (+)= a b, with any number of columns that is a multiple of 16. */
void an_attention_product(const an_panel *p, const an_kernels *k, int64_t columns);

/* The stage that makes the copies: none if none are needed. */
int64_t an_attention_copy_units(const an_attention_cut *cut);
void an_attention_copy(const an_attention_cut *cut, int64_t begin, int64_t end);

/* One tile: queries of block `block` of head h against `count` keys from `key` on. */
typedef struct an_attention_spot {
    int64_t b, h, block, key, count;
} an_attention_spot;
/* How many queries the block has. */
int64_t an_attention_rows_in(const an_attention_cut *cut, int64_t block);
/* What its kernels take, and the mask turned into `mask`. */
an_attention_tile an_attention_tile_at(const an_attention_cut *cut, an_attention_spot s,
                                       float *score, float *mask);

/* Of a single query the mask of the keys from s.key on, `step` apart; NULL: none. */
const float *an_attention_mask_row(const an_attention_cut *cut, an_attention_spot s, int64_t *step);

/* What both ops ask of their operands. */
an_status an_attention_want(const an_infer *q, int first);

/* attention_meaning.c */
void an_attention_meaning(const an_call *c, an_value out[]);
void an_attention_grad_meaning(const an_call *c, an_value out[]);
/* attention_ref.c: plain loops, and the bytes of scratch that they need. */
void an_attention_ref(const an_work *w);
void an_attention_grad_ref(const an_work *w);
int64_t an_attention_ref_scratch(const an_attention_cut *cut);
int64_t an_attention_grad_ref_scratch(const an_attention_cut *cut);

#endif
