/* norm_grad.c -- layer_norm and rms_norm, backward through y.
 *
 * With w = gamma * dy and xhat = (x - mean) * rstd, per row of width D:
 *
 *   dxhat = w;  d mean and d rstd depend on every x of the row, which leaves
 *   dx     = (w - sum(w)/D - xhat * sum(w * xhat)/D) * rstd
 *   dgamma = sum over rows of dy * xhat      dbeta = sum over rows of dy
 *
 * rms_norm does not centre: xhat = x * rstd, and the sum(w)/D term is absent. The
 * centred form is taken from x, not from y: gamma may be 0. Ba et al. 2016.
 *
 * Two stages. Blocks of rows, cut by the shape alone, write dx and each their own
 * row of partial sums; then columns fold those rows in a fixed tree. So dgamma and
 * dbeta have the same bits for any number of threads.                          */
#include "core/memory.h"
#include "ops/access.h"
#include "ops/norm.h"
#include "ops/kernels/kernels.h"
#include "ops/kernels/norm.h"

/* A block has at least UNIT elements to be worth a task, at most LONGEST rows so
 * that its running sums stay accurate, and there are about BLOCKS of them where
 * that allows: each costs a row of scratch. */
#define UNIT 16384
#define BLOCKS 64
#define LONGEST 512
#define COLUMNS 256 /* of one unit of the second stage */

static int64_t rows_per_block(const an_norm_cut *cut)
{
    int64_t rows = cut->rows / BLOCKS + (cut->rows % BLOCKS != 0);
    const int64_t least = UNIT / (cut->width > 0 ? cut->width : 1);
    if (rows < least) rows = least;
    if (rows > LONGEST) rows = LONGEST;
    return rows > 0 ? rows : 1;
}

/* At least one block: without rows dgamma and dbeta are still zeros to be written. */
static int64_t blocks_of(const an_norm_cut *cut)
{
    const int64_t per = rows_per_block(cut);
    const int64_t blocks = cut->rows / per + (cut->rows % per != 0);
    return blocks > 0 ? blocks : 1;
}

static an_norm_cut cut_of(const an_work *w)
{
    return an_norm_cut_of(&w->in[w->op->rules->norm.row - 1], w->attrs->axis);
}

int64_t an_norm_grad_units(const an_work *w)
{
    const an_norm_cut cut = cut_of(w);
    return blocks_of(&cut);
}

int64_t an_norm_grad_scratch(const an_work *w)
{
    const an_norm_cut cut = cut_of(w);
    /* ref keeps one row of doubles: as much as two blocks. */
    const int64_t blocks = blocks_of(&cut) > 2 ? blocks_of(&cut) : 2;
    int64_t bytes;
    if (!an_mul_size(blocks, cut.width, &bytes)) return -1;
    return an_mul_size(bytes, 2 * (int64_t)sizeof(float), &bytes) ? bytes : -1;
}

static bool wants_scales(const an_norm_grad_parts *p)
{
    return an_norm_floats(p->dgamma) || an_norm_floats(p->dbeta);
}

void an_norm_grad_run(const an_work *w, int64_t begin, int64_t end)
{
    const an_norm_grad_parts parts = an_norm_grad_parts_of(w), *p = &parts;
    const an_norm_cut cut = an_norm_cut_of(p->x, w->attrs->axis);
    const int64_t per = rows_per_block(&cut);
    an_norm_grad_rows rows = {
        .dy = an_norm_floats(p->dy), .x = an_norm_floats(p->x),
        .gamma = an_norm_floats(p->gamma), .mean = an_norm_floats(p->mean),
        .rstd = an_norm_floats(p->rstd), .dsum = an_norm_floats(p->dsum),
        .dx = an_norm_floats(p->dx), .width = cut.width, .eps = w->attrs->eps, .rms = p->rms,
        .stream = an_norm_streams(&cut, p->dx, NULL),
    };
    for (int64_t block = begin; block < end; block++) {
        const int64_t first = block * per;
        if (wants_scales(p) && cut.width > 0)
            rows.partial = (float *)w->scratch + block * 2 * cut.width;
        w->kernels->norm_grad_rows(&rows, first, cut.rows - first < per ? cut.rows : first + per);
    }
}

int64_t an_norm_fold_units(const an_work *w)
{
    const an_norm_cut cut = cut_of(w);
    return cut.width / COLUMNS + (cut.width % COLUMNS != 0);
}

void an_norm_fold_run(const an_work *w, int64_t begin, int64_t end)
{
    const an_norm_grad_parts parts = an_norm_grad_parts_of(w), *p = &parts;
    const an_norm_cut cut = an_norm_cut_of(p->x, w->attrs->axis);
    const int64_t first = begin * COLUMNS;
    const int64_t last = end * COLUMNS < cut.width ? end * COLUMNS : cut.width;
    float *to[] = {an_norm_floats(p->dgamma), an_norm_floats(p->dbeta)};
    for (int k = 0; k < 2; k++) {
        if (!to[k]) continue;
        float *rows = (float *)w->scratch + k * cut.width;
        w->kernels->fold_rows(rows, blocks_of(&cut), 2 * cut.width, first, last);
        for (int64_t i = first; i < last; i++) to[k][i] = rows[i];
    }
}

/* ---- layer_norm_grad: dy x gamma? mean rstd -> dx dgamma dbeta ------------- */

/* Sums over the axes before the norm's. There may be none: then the sum of one
 * term stays, since a result of a meaning must not be one of its operands. */
static an_value over_rows(an_value v, int axis)
{
    return an_sum_axes(v, an_norm_leading(axis), false);
}

/* dx from w and xhat; `centred` says whether the mean of w is taken off. */
static an_value dx_of(an_value w, an_value hat, an_value rstd, an_axes axes, bool centred)
{
    const an_value product = an_mean_axes(an_mul(w, hat), axes, true);
    const an_value rest = centred ? an_sub(w, an_mean_axes(w, axes, true)) : w;
    return an_mul(an_sub(rest, an_mul(hat, product)), rstd);
}

/* Equal to the kernel in exact arithmetic, not in its last bits. The statistics
 * are operands here, so this differentiates again: what their own dependence on
 * x adds comes through layer_norm's mean and rstd. */
static void layer_norm_grad_meaning(const an_call *c, an_value out[])
{
    const an_value dy = c->in[0], x = c->in[1], gamma = c->in[2];
    const int axis = c->attrs->axis;
    const an_axes axes = an_norm_axes(x, axis);
    const an_value rstd = an_norm_keep(c->in[4], x, axis);
    const an_value off = an_sub(x, an_norm_keep(c->in[3], x, axis));
    const an_value hat = an_mul(an_sub(off, an_mean_axes(off, axes, true)), rstd);
    const an_value w = an_is_none(gamma) ? dy : an_mul(dy, gamma);
    out[0] = dx_of(w, hat, rstd, axes, true);
    out[1] = over_rows(an_mul(dy, hat), axis);
    out[2] = over_rows(dy, axis);
}

/* ---- rms_norm_grad: dy x gamma? rstd -> dx dgamma --------------------------- */

static void rms_norm_grad_meaning(const an_call *c, an_value out[])
{
    const an_value dy = c->in[0], x = c->in[1], gamma = c->in[2];
    const int axis = c->attrs->axis;
    const an_value rstd = an_norm_keep(c->in[3], x, axis), hat = an_mul(x, rstd);
    const an_value w = an_is_none(gamma) ? dy : an_mul(dy, gamma);
    out[0] = dx_of(w, hat, rstd, an_norm_axes(x, axis), false);
    out[1] = over_rows(an_mul(dy, hat), axis);
}

/* ---- records ---------------------------------------------------------------- */

/* Per element: shift 2, sums 7, dgamma and dbeta 3, dx 8. */
const an_op_rules an_rules_layer_norm_grad = {
    .floats = 1,
    .alike = 2,
    AN_NORM_GRAD_RULES,
    .meaning = layer_norm_grad_meaning,
    .share = {3},
    .flops = 20,
    .norm = {.dy = AN_IN(0), .row = AN_IN(1), .gamma = AN_IN(2), .mean = AN_IN(3), .rstd = AN_IN(4),
             .dx = AN_OUT(0)},
};

const an_op_rules an_rules_rms_norm_grad = {
    .floats = 1,
    .alike = 2,
    AN_NORM_GRAD_RULES,
    .meaning = rms_norm_grad_meaning,
    .share = {3},
    .flops = 20,
    .norm = {.dy = AN_IN(0), .row = AN_IN(1), .gamma = AN_IN(2), .rstd = AN_IN(3), .dx = AN_OUT(0)},
};
