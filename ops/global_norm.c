/* global_norm.c -- how long many tensors are together, and what they are to be scaled by.
 *
 *   global_norm   norm  = sqrt(sum over all elements of all operands of x^2)
 *                 scale = min(1, clip / (norm + 1e-12)); NaN stays NaN
 *
 * Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent neural networks", 2013. The
 * factor is an operand of the optimizer's steps, so that clipping costs no sweep that writes.
 *
 * Stage 0 lays out the units, SEGMENT elements of one operand each; stage 1 sums their squares;
 * stage 2 puts the sums together as a chain of square, sum, add and sqrt does. Where squares
 * overflow though no element does, all is measured again in units of a power of two: a
 * finite gradient has its scale, though the norm itself be more than the type holds. Only a
 * scale that is less than the type holds (clip 1e-30 of a length 6e38) is still 0.       */
#include "core/memory.h"
#include "ops/access.h"
#include "ops/elementwise.h"
#include "ops/kernels/kernels.h"

#include <math.h>

#define SEGMENT 65536
#define TINY 1e-12 /* beside the norm, against 0 / 0 */

enum { NORM, SCALE };

static an_status norm_infer(const an_infer *q, an_type out[])
{
    for (int i = 0; i < q->inputs; i++) {
        an_status s = an_want_float(q, i);
        if (s == AN_OK) s = an_want_same_dtype(q, 0, i);
        if (s != AN_OK) return s;
    }
    out[NORM] = out[SCALE] = (an_type){q->in[0].dtype, AN_SCALAR};
    return AN_OK;
}

/* ---- kernel --------------------------------------------------------------- */

static int64_t segments_of(const an_tensor *x)
{
    return an_ceil_div(an_elements(x), SEGMENT);
}

static int64_t all_segments(const an_work *w)
{
    int64_t count = 0;
    for (int i = 0; i < w->inputs; i++) count += segments_of(&w->in[i]);
    return count;
}

/* The scratch: where each operand's sums begin, then the sums. */
static int64_t *beginnings(const an_work *w)
{
    return w->scratch;
}

static double *sums(const an_work *w)
{
    return (double *)w->scratch + w->inputs + 1;
}

static int64_t norm_scratch(const an_work *w)
{
    return (w->inputs + 1 + all_segments(w)) * (int64_t)sizeof(double);
}

static int64_t one_unit(const an_work *w)
{
    return w->out[NORM].data || w->out[SCALE].data;
}

static void lay_out(const an_work *w, int64_t begin, int64_t end)
{
    (void)begin, (void)end;
    int64_t *at = beginnings(w);
    at[0] = 0;
    for (int i = 0; i < w->inputs; i++) at[i + 1] = at[i] + segments_of(&w->in[i]);
}

static int64_t square_units(const an_work *w)
{
    return one_unit(w) ? all_segments(w) : 0;
}

/* The operand that unit is of. */
static int operand_of(const an_work *w, int64_t unit)
{
    const int64_t *at = beginnings(w);
    int low = 0, high = w->inputs;
    while (high - low > 1) {
        const int middle = low + (high - low) / 2;
        if (at[middle] <= unit) low = middle;
        else high = middle;
    }
    return low;
}

static void sum_squares(const an_work *w, int64_t begin, int64_t end)
{
    for (int64_t unit = begin; unit < end; unit++) {
        const int i = operand_of(w, unit);
        const an_tensor *x = &w->in[i];
        const int64_t first = (unit - beginnings(w)[i]) * SEGMENT, left = an_elements(x) - first;
        sums(w)[unit] = w->kernels->squares_row((const float *)x->data + first,
                                                left < SEGMENT ? left : SEGMENT);
    }
}

/* What it is in 2^exponent, which brings the largest element near 1. */
typedef struct measure {
    double norm; /* NaN, or infinite, where an element is */
    int exponent;
} measure;

static double largest(const an_work *w)
{
    double most = 0;
    for (int i = 0; i < w->inputs; i++)
        for (int64_t k = 0; k < an_elements(&w->in[i]); k++) {
            const double size = fabs(an_get(&w->in[i], k));
            if (!(size <= most)) most = size;
            if (isnan(size)) return size;
        }
    return most;
}

/* Squares overflow, or an element is not finite: one after the other, which is rare enough. */
static measure measure_scaled(const an_work *w)
{
    measure m = {.norm = largest(w)};
    if (!isfinite(m.norm) || m.norm == 0) return m;
    double sum = 0;
    frexp(m.norm, &m.exponent);
    for (int i = 0; i < w->inputs; i++)
        for (int64_t k = 0; k < an_elements(&w->in[i]); k++) {
            const double x = ldexp(an_get(&w->in[i], k), -m.exponent);
            sum += x * x;
        }
    m.norm = sqrt(sum);
    return m;
}

static void put_scaled(const an_work *w)
{
    const measure m = measure_scaled(w);
    const double scale = ldexp(w->attrs->clip / m.norm, -m.exponent);
    an_put_wanted(&w->out[NORM], 0, ldexp(m.norm, m.exponent));
    an_put_wanted(&w->out[SCALE], 0, isnan(scale) || scale < 1 ? scale : 1);
}

static void put_together(const an_work *w, int64_t begin, int64_t end)
{
    (void)begin, (void)end;
    const int64_t *at = beginnings(w);
    float total = 0;
    for (int i = 0; i < w->inputs; i++) {
        double sum = 0;
        for (int64_t k = at[i]; k < at[i + 1]; k++) sum += (double)(float)sums(w)[k];
        total = i == 0 ? (float)sum : total + (float)sum;
    }
    if (!isfinite(total)) {
        put_scaled(w);
        return;
    }
    const float norm = sqrtf(total), scale = (float)w->attrs->clip / (norm + (float)TINY);
    an_put_wanted(&w->out[NORM], 0, (double)norm);
    an_put_wanted(&w->out[SCALE], 0, scale < 1.0f ? (double)scale : 1);
}

static void norm_ref(const an_work *w)
{
    double total = 0;
    for (int i = 0; i < w->inputs; i++) {
        double sum = 0;
        for (int64_t k = 0; k < an_elements(&w->in[i]); k++)
            sum += an_get(&w->in[i], k) * an_get(&w->in[i], k);
        total += sum;
    }
    const double norm = sqrt(total), scale = w->attrs->clip / (norm + TINY);
    if (!isfinite(total)) {
        put_scaled(w);
        return;
    }
    an_put_wanted(&w->out[NORM], 0, norm);
    an_put_wanted(&w->out[SCALE], 0, scale < 1 ? scale : 1);
}

/* ---- the row ---------------------------------------------------------------- */

static void norm_meaning(const an_call *c, an_value out[])
{
    an_value sum = AN_NONE;
    for (int i = 0; i < c->inputs; i++) {
        const an_value s = an_sum_axes(an_square(c->in[i]), AN_ALL_AXES, false);
        sum = i == 0 ? s : an_add(sum, s);
    }
    out[NORM] = an_sqrt(sum);
    const an_value below = an_add(out[NORM], an_number(sum, TINY));
    const an_value ratio = an_div(an_number(sum, c->attrs->clip), below);
    out[SCALE] = an_minimum(ratio, an_number(sum, 1));
}

static double norm_flops(const an_work *w)
{
    double count = 0;
    for (int i = 0; i < w->inputs; i++) count += 2 * (double)an_elements(&w->in[i]);
    return count;
}

an_value an_global_norm_at(an_at at, const an_value *x, int count, double clip)
{
    return an_emit(at, AN_OP_global_norm, x, count, &(an_attrs){.clip = clip});
}

const an_op_rules an_rules_global_norm = {
    .infer = norm_infer,
    .meaning = norm_meaning,
    .stages = {{one_unit, lay_out}, {square_units, sum_squares}, {one_unit, put_together}},
    .ref = norm_ref,
    .scratch = norm_scratch,
    .count_flops = norm_flops,
};
