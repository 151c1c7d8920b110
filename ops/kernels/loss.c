/* loss.c -- losses and their sums, sixteen elements at a time.
 *
 * A sum runs in lanes over BLOCK elements, is folded by the fixed tree and goes on
 * in double: its rounding error does not grow with the tensor.               */
#include "core/vecmath.h"
#include "ops/kernels/kernels.h"

#define BLOCK 1024

/* v in the first `left` lanes, 0 in the others. */
AN_INLINE an_v keep(an_v v, int64_t left)
{
    if (left >= AN_LANES) return v;
    return an_v_select(an_vi_iota() < an_vi_set((int32_t)left), v, an_v_set(0));
}

/* ---- one loss per element ---------------------------------------------- */

/* log(1 + e), 0 <= e <= 1. With u = 1 + e rounded, log(u) / (u - 1) is smooth, so
 * multiplying it by e makes good what the rounding lost (Kahan). */
AN_INLINE an_v log_1_plus(an_v e)
{
    const an_v one = an_v_set(1), u = e + one;
    return an_v_select(an_v_eq(u, one), e, an_v_log(u) * (e / (u - one)));
}

/* max(x, 0) - x z + log(1 + e^-|x|); the first two terms without cancellation, and 0 where the
 * label is what even an infinite logit says. */
AN_INLINE an_v bce(an_v x, an_v z)
{
    const an_v zero = an_v_set(0), size = an_v_abs(x);
    const an_v wrong = an_v_select(an_v_ge(x, zero), an_v_set(1) - z, z);
    const an_v linear = an_v_select(an_v_eq(wrong, zero), zero, size * wrong);
    return linear + log_1_plus(an_v_exp(zero - size));
}

AN_INLINE an_v squared_error(an_v a, an_v b)
{
    const an_v d = a - b;
    return d * d;
}

/* Writes f(a, b) to `each`, unless that is NULL, and returns the sum. */
AN_INLINE double sum_of(an_v (*f)(an_v, an_v), int64_t n, const float *a, const float *b,
                        float *each)
{
    double total = 0;
    for (int64_t first = 0; first < n; first += BLOCK) {
        const int64_t last = n - first < BLOCK ? n : first + BLOCK;
        an_v sum = an_v_set(0);
        for (int64_t i = first; i < last; i += AN_LANES) {
            const an_v v = f(an_v_load_part(a + i, n - i, 0), an_v_load_part(b + i, n - i, 0));
            if (each) an_v_store_part(each + i, n - i, v);
            sum += keep(v, n - i);
        }
        total += (double)an_v_sum(sum);
    }
    return total;
}

double AN_ISA(bce)(int64_t n, const float *logits, const float *labels, float *each)
{
    return sum_of(bce, n, logits, labels, each);
}

double AN_ISA(squared_error)(int64_t n, const float *a, const float *b, float *each)
{
    return sum_of(squared_error, n, a, b, each);
}

/* ---- one loss per row -------------------------------------------------- */

static float largest(int64_t n, const float *x)
{
    an_v m = an_v_set(-INFINITY);
    for (int64_t i = 0; i < n; i += AN_LANES)
        m = an_v_max(m, an_v_load_part(x + i, n - i, -INFINITY));
    return an_v_max_all(m);
}

/* Sum of e^(x - m); writes the terms to `y` unless it is NULL. y may be x. */
static double sum_of_exp(int64_t n, const float *x, float m, float *y)
{
    const an_v shift = an_v_set(m);
    double total = 0;
    for (int64_t first = 0; first < n; first += BLOCK) {
        const int64_t last = n - first < BLOCK ? n : first + BLOCK;
        an_v sum = an_v_set(0);
        for (int64_t i = first; i < last; i += AN_LANES) {
            const an_v e = an_v_exp(an_v_load_part(x + i, n - i, 0) - shift);
            if (y) an_v_store_part(y + i, n - i, e);
            sum += keep(e, n - i);
        }
        total += (double)an_v_sum(sum);
    }
    return total;
}

/* -log softmax(x)[label], 0 <= label < n */
double AN_ISA(cross_entropy)(int64_t n, const float *x, int64_t label)
{
    const float m = largest(n, x);
    return log(sum_of_exp(n, x, m, NULL)) - ((double)x[label] - (double)m);
}

/* dx = (softmax(x) - [i == label]) * scale; dx may be x. */
void AN_ISA(cross_entropy_grad)(int64_t n, const float *x, int64_t label, float scale, float *dx)
{
    const float m = largest(n, x);
    const double sum = sum_of_exp(n, x, m, dx);
    const float at_label = (float)((double)dx[label] / sum - 1) * scale;
    const an_v factor = an_v_set((float)((double)scale / sum));
    for (int64_t i = 0; i < n; i += AN_LANES)
        an_v_store_part(dx + i, n - i, an_v_load_part(dx + i, n - i, 0) * factor);
    dx[label] = at_label;
}

/* ---- one loss per row, of a target spread over all classes --------------- */

#define SCALE 0x1p-11f /* no sum of BLOCK differences of finite logits overflows */

/* Sum of w_j (log_sum + m - x_j), no term of which is negative; w NULL for 1 each. A weight of 0
 * counts nothing, whatever the logit. */
static double sum_of_losses(int64_t n, const float *x, const float *w, float m, double log_sum)
{
    const an_v scale = an_v_set(SCALE), top = an_v_set(m * SCALE), zero = an_v_set(0);
    const an_v more = an_v_set((float)(log_sum * (double)SCALE));
    double total = 0;
    for (int64_t first = 0; first < n; first += BLOCK) {
        const int64_t last = n - first < BLOCK ? n : first + BLOCK;
        an_v sum = zero;
        for (int64_t i = first; i < last; i += AN_LANES) {
            const an_v weight = w ? an_v_load_part(w + i, n - i, 0) : an_v_set(1);
            const an_v term = weight * (top - an_v_load_part(x + i, n - i, 0) * scale + more);
            sum += keep(an_v_select(an_v_eq(weight, zero), zero, term), n - i);
        }
        total += (double)an_v_sum(sum);
    }
    return total / (double)SCALE;
}

/* sum_j q_j (log sum_k e^(x_k - m) - (x_j - m)); 0 <= label < n */
double AN_ISA(cross_entropy_soft)(int64_t n, const float *x, const an_soft_target *q)
{
    const float m = largest(n, x);
    const double log_sum = log(sum_of_exp(n, x, m, NULL));
    const double at_label = log_sum + ((double)m - (double)x[q->label]);
    const double hit = q->hit != 0 ? q->hit * at_label : 0;
    return q->base != 0 ? hit + q->base * sum_of_losses(n, x, q->weights, m, log_sum) : hit;
}

/* dx_j = (total softmax(x)_j - q_j) * scale; dx may be x. */
void AN_ISA(cross_entropy_soft_grad)(int64_t n, const float *x, const an_soft_target *q,
                                     float scale, float *dx)
{
    const float m = largest(n, x);
    const double sum = sum_of_exp(n, x, m, dx), share = q->total / sum;
    const double weight = q->weights ? (double)q->weights[q->label] : 1;
    const double left = (double)dx[q->label] * share - q->base * weight - q->hit;
    const an_v factor = an_v_set((float)share), base = an_v_set((float)q->base);
    const an_v times = an_v_set(scale);
    for (int64_t i = 0; i < n; i += AN_LANES) {
        const an_v even = q->weights ? base * an_v_load_part(q->weights + i, n - i, 0) : base;
        an_v_store_part(dx + i, n - i, (an_v_load_part(dx + i, n - i, 0) * factor - even) * times);
    }
    dx[q->label] = (float)left * scale;
}
