/* attention_ref.c -- attention and its gradient as plain loops in double.
 *
 * The oracle: one query after the other, by the formulas at the heads of attention.c and
 * attention_grad.c, over the keys that it sees and no others. Nothing is turned, cut or shrunk.  */
#include "core/memory.h"
#include "ops/access.h"
#include "ops/attention/attention.h"

#include <math.h>

/* The operands by their elements. */
static double element(const an_attention_cut *cut, int operand, int64_t matrix, int64_t row,
                      int64_t column)
{
    const an_tensor *t = &cut->w->in[cut->first + operand];
    return an_get(t, (matrix * t->extent[2] + row) * t->extent[3] + column);
}

static int64_t mask_index(const an_attention_cut *cut, int64_t b, int64_t h, int64_t i, int64_t j)
{
    const int64_t *e = cut->w->in[cut->first + ATT_MASK].extent;
    const int64_t row = (e[0] == 1 ? 0 : b) * e[1] + (e[1] == 1 ? 0 : h);
    return (row * e[2] + (e[2] == 1 ? 0 : i)) * e[3] + (e[3] == 1 ? 0 : j);
}

/* The scaled and masked score of query i and key j. */
static double score_of(const an_attention_cut *cut, int64_t b, int64_t h, int64_t i, int64_t j)
{
    const an_tensor *mask = &cut->w->in[cut->first + ATT_MASK];
    const int64_t key = b * cut->groups + h / cut->shared, query = b * cut->heads + h;
    double sum = 0;
    for (int64_t d = 0; d < cut->depth; d++)
        sum += element(cut, ATT_Q, query, i, d) * element(cut, ATT_K, key, j, d);
    sum *= cut->scale;
    return mask->data ? sum + an_get(mask, mask_index(cut, b, h, i, j)) : sum;
}

static int64_t seen_by(const an_attention_cut *cut, int64_t b, int64_t i)
{
    const int64_t length = an_attention_length(cut, b), last = cut->place + i;
    if (!cut->w->attrs->causal) return length;
    return last < 0 ? 0 : last + 1 < length ? last + 1 : length;
}

/* ---- forward ----------------------------------------------------------- */

int64_t an_attention_ref_scratch(const an_attention_cut *cut)
{
    int64_t bytes = 0;
    an_lay_out(&bytes, cut->keys, 1, sizeof(double));
    return bytes;
}

static void ref_query(const an_attention_cut *cut, int64_t b, int64_t h, int64_t i)
{
    const an_work *w = cut->w;
    const int64_t seen = seen_by(cut, b, i), key = b * cut->groups + h / cut->shared;
    const int64_t at = (b * cut->heads + h) * cut->queries + i;
    double *p = w->scratch, largest = -INFINITY, sum = 0;
    for (int64_t j = 0; j < seen; j++) {
        p[j] = score_of(cut, b, h, i, j);
        if (!(p[j] <= largest)) largest = p[j];
    }
    const bool blind = largest == -INFINITY;
    for (int64_t j = 0; j < seen; j++) sum += p[j] = blind ? 0 : exp(p[j] - largest);
    for (int64_t e = 0; e < cut->width; e++) {
        double y = 0;
        for (int64_t j = 0; j < seen; j++) y += p[j] * element(cut, ATT_V, key, j, e);
        an_put_wanted(&w->out[ATT_Y], at * cut->width + e, blind ? 0 : y / sum);
    }
    an_put_wanted(&w->out[ATT_LSE], at, blind ? -INFINITY : largest + log(sum));
}

void an_attention_ref(const an_work *w)
{
    const an_attention_cut cut = an_attention_open(w, 0);
    for (int64_t b = 0; b < cut.batch; b++)
        for (int64_t h = 0; h < cut.heads; h++)
            for (int64_t i = 0; i < cut.queries; i++) ref_query(&cut, b, h, i);
}

/* ---- backward ---------------------------------------------------------- */

static int64_t mask_elements(const an_attention_cut *cut)
{
    const an_tensor *mask = &cut->w->in[cut->first + ATT_MASK];
    return mask->data ? an_elements(mask) : 1;
}

int64_t an_attention_grad_ref_scratch(const an_attention_cut *cut)
{
    int64_t bytes = 0;
    an_lay_out(&bytes, cut->keys, cut->depth + cut->width, sizeof(double)); /* dk, dv */
    an_lay_out(&bytes, cut->depth, 1, sizeof(double));                      /* dq */
    an_lay_out(&bytes, mask_elements(cut), 1, sizeof(double));              /* dmask */
    return bytes;
}

typedef struct memory {
    double *dk, *dv, *dq, *dmask;
} memory;

static memory lay_out(const an_attention_cut *cut)
{
    double *dk = cut->w->scratch, *dv = dk + cut->keys * cut->depth;
    double *dq = dv + cut->keys * cut->width;
    return (memory){dk, dv, dq, dq + cut->depth};
}

/* What one query adds to everything. */
static void ref_slopes(const an_attention_cut *cut, int64_t b, int64_t h, int64_t i,
                       const memory *m)
{
    const an_work *w = cut->w;
    const int64_t seen = seen_by(cut, b, i), key = b * cut->groups + h / cut->shared;
    const int64_t query = b * cut->heads + h, at = query * cut->queries + i;
    const double lse = an_get(&w->in[GRAD_LSE], at);
    double delta = w->in[GRAD_DLSE].data ? -an_get(&w->in[GRAD_DLSE], at) : 0;
    for (int64_t e = 0; e < cut->width; e++)
        delta += an_get(&w->in[GRAD_DY], at * cut->width + e) *
                 an_get(&w->in[GRAD_Y], at * cut->width + e);
    for (int64_t d = 0; d < cut->depth; d++) m->dq[d] = 0;
    for (int64_t j = 0; j < seen && lse != -INFINITY; j++) {
        const double p = exp(score_of(cut, b, h, i, j) - lse);
        double dp = -delta;
        for (int64_t e = 0; e < cut->width; e++) {
            const double dy = an_get(&w->in[GRAD_DY], at * cut->width + e);
            dp += dy * element(cut, ATT_V, key, j, e);
            m->dv[j * cut->width + e] += p * dy;
        }
        const double slope = p * dp;
        for (int64_t d = 0; d < cut->depth; d++) {
            m->dq[d] += slope * cut->scale * element(cut, ATT_K, key, j, d);
            m->dk[j * cut->depth + d] += slope * cut->scale * element(cut, ATT_Q, query, i, d);
        }
        m->dmask[w->in[GRAD_MASK].data ? mask_index(cut, b, h, i, j) : 0] += slope;
    }
    for (int64_t d = 0; d < cut->depth; d++)
        an_put_wanted(&w->out[GRAD_DQ], at * cut->depth + d, m->dq[d]);
}

static void ref_group(const an_attention_cut *cut, int64_t b, int64_t g, const memory *m)
{
    const an_work *w = cut->w;
    const int64_t dks = cut->keys * cut->depth, dvs = cut->keys * cut->width;
    const int64_t key = b * cut->groups + g;
    for (int64_t i = 0; i < dks + dvs; i++) m->dk[i] = 0; /* dv is behind it */
    for (int64_t h = g * cut->shared; h < (g + 1) * cut->shared; h++)
        for (int64_t i = 0; i < cut->queries; i++) ref_slopes(cut, b, h, i, m);
    for (int64_t i = 0; i < dks; i++) an_put_wanted(&w->out[GRAD_DK], key * dks + i, m->dk[i]);
    for (int64_t i = 0; i < dvs; i++) an_put_wanted(&w->out[GRAD_DV], key * dvs + i, m->dv[i]);
}

void an_attention_grad_ref(const an_work *w)
{
    const an_attention_cut cut = an_attention_open(w, GRAD_Q);
    const memory m = lay_out(&cut);
    const int64_t masks = mask_elements(&cut);
    for (int64_t i = 0; i < masks; i++) m.dmask[i] = 0;
    for (int64_t b = 0; b < cut.batch; b++)
        for (int64_t g = 0; g < cut.groups; g++) ref_group(&cut, b, g, &m);
    for (int64_t i = 0; i < masks; i++) an_put_wanted(&w->out[GRAD_DMASK], i, m.dmask[i]);
}
