/* exact_data.c -- rows on which a norm and its gradient need no rounding.
 *
 * A row is m + d*p: p is a pattern with mean 0 and mean square 1, d a power of two, m a
 * multiple of it. At power-of-two widths its mean is m and its variance d*d. Then rstd
 * is a power of two, too, if eps is 0 or 3*4^k with d = 2^k (4^k + 3*4^k = 4^(k+1)), and
 * scales of powers of two and small dyadic gradients do the rest. All leaves share p, so
 * a sum of two is such a row if their d's add up; which ones are added is read off the
 * graph. Deeper norms, and other eps, round: exact results are counted, not assumed. */
#include "graph/equal/trial_data.h"

#include <math.h>

static const struct {
    const char *name;
    bool few;       /* p: two of eight are +-2 (at multiples of eight); or else all are +-1 */
    int64_t most;   /* |m| / 2^k */
    int k;          /* d = 2^k, where eps leaves the choice */
} patterns[] = {
    {"pairs around zero", false, 0, 0},
    {"pairs around small numbers", false, 8, -2},
    {"pairs far from zero", false, 256, 0},
    {"few and larger pairs", true, 8, 3},
};
#define PATTERNS ((int)(sizeof patterns / sizeof *patterns))

const char *an_exact_name(int variant)
{
    return variant < PATTERNS ? patterns[variant].name : NULL;
}

/* ---- what the graph allows ---------------------------------------------- */

/* True if eps is 3*4^k for some k of a sensible size. */
static bool is_three_fourths(double eps, int *k)
{
    int exponent = 0;
    if (!(eps > 0) || frexp(eps / 3, &exponent) != 0.5) return false;
    *k = (exponent - 1) / 2;
    return (exponent - 1) % 2 == 0 && *k >= -8 && *k <= 8;
}

/* The k that all norms of the graph share, or the variant's own. */
static int scale_for(const an_leaf_fill *l)
{
    const an_graph *g = l->e->graph;
    int k = patterns[l->variant].k, shared = 0;
    bool first = true;
    for (int64_t i = 1; i <= g->node_count; i++) {
        const an_node *n = &g->nodes[i];
        if (!an_node_is_norm(n)) continue;
        if (!is_three_fourths((double)n->attrs->eps, &k) || (!first && k != shared))
            return patterns[l->variant].k;
        shared = k;
        first = false;
    }
    return k;
}

/* Whether nobody but products and gradients reads the leaf: then any small dyadic will
 * do, and one that is unlike the rows shows more. */
static bool is_factor(const an_leaf_fill *l)
{
    const an_graph *g = l->e->graph;
    for (int64_t i = 1; i <= g->node_count; i++) {
        const an_node *n = &g->nodes[i];
        for (int k = 0; k < n->inputs; k++)
            if (n->in[k] == l->id && !an_is_op(n, AN_OP_mul) && !an_is_op(n, AN_OP_accumulate) &&
                !n->op->rules->norm.dy)
                return false;
    }
    return true;
}

/* ---- values ------------------------------------------------------------- */

static double pattern_at(const an_leaf_fill *l, int64_t i, int64_t column, int64_t width)
{
    if (patterns[l->variant].few && width % 8 == 0) {
        const uint32_t bits = an_random_bits_at(&l->shared, i - column % 8);
        const uint32_t up = bits % 8, down = (up + 1 + bits / 8 % 7) % 8;
        return column % 8 == up ? 2 : column % 8 == down ? -2 : 0;
    }
    const uint32_t bit = an_random_bits_at(&l->shared, i - column % 2) & 1;
    return bit == (uint32_t)(column % 2) ? 1 : -1;
}

static double power_of_two(const an_stream *s, int64_t i)
{
    static const double values[8] = {0, 1, -1, 2, -2, 0.5, -0.5, 1};
    const uint32_t bits = an_random_bits_at(s, i);
    return values[i > 0 ? bits % 8 : 1 + bits % 7]; /* as an_plain_value */
}

void an_exact_fill(const an_leaf_fill *l, an_tensor *t)
{
    /* Of the addends' deviations, which must sum up to 1, and differ where they can. */
    static const double shares[] = {[AN_ALONE] = 1, [AN_ADDEND_FIRST] = 0.75,
                                    [AN_ADDEND_SECOND] = 0.25, [AN_ADDEND_TWICE] = 0.5};
    const int64_t width = t->rank > 0 ? t->extent[t->rank - 1] : 1;
    const int64_t most = patterns[l->variant].most;
    const int k = scale_for(l);
    const bool factor = is_factor(l);
    for (int64_t i = 0; i < an_tensor_count(t); i++) {
        double v = power_of_two(&l->own, i);
        if (t->rank >= 2 && factor) {
            v = (double)(an_random_bits_at(&l->own, i) % 9) / 2 - 2;
        } else if (t->rank >= 2) {
            const int64_t m = (int64_t)(an_random_bits_at(&l->own, i / width) % (2 * most + 1));
            v = (double)(m - most) + shares[l->addend] * pattern_at(l, i, i % width, width);
            v = ldexp(v, k);
        }
        an_tensor_set(t, i, v);
    }
}
