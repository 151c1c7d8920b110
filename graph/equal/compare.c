/* compare.c -- see compare.h. Equal bits are the standard; NaN equals NaN. */
#include "graph/equal/compare.h"

#include "ops/access.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void an_compare_begin(an_compared *c, const char *kind, const char *name)
{
    *c = (an_compared){.name = name, .kind = kind, .verdict = AN_BITWISE, .first = -1,
                       .worst = -1, .exact = -1, .degenerate = true};
}

double an_ulp_at(double x, an_dtype dtype)
{
    const int bits = dtype == AN_F32 ? 24 : 53, lowest = dtype == AN_F32 ? -125 : -1021;
    int exponent = lowest;
    if (isfinite(x) && x != 0) frexp(x, &exponent);
    return ldexp(1, (exponent > lowest ? exponent : lowest) - bits);
}

static bool same_bits(const an_tensor *a, const an_tensor *b, int64_t i)
{
    const size_t size = an_dtype_size(a->dtype);
    const char *x = (const char *)a->data + (size_t)i * size;
    const char *y = (const char *)b->data + (size_t)i * size;
    if (!memcmp(x, y, size)) return true;
    return isnan(an_tensor_get(a, i)) && isnan(an_tensor_get(b, i));
}

/* A rounding in f64 is 2^-29 of one in f32, and so is what sums make of it. */
static bool is_cancellation(const an_judge *j, an_dtype dtype, double largest, double x, double y,
                            int64_t i)
{
    if (!j->other) return false;
    const double t = an_tensor_get(j->truth, i);
    if (dtype == AN_F64) return fabs(y - t) <= 0x1p-44 * largest; /* nothing is truer */
    if (j->reals)
        return fabs(y - an_tensor_get(j->other, i)) <= 0x1p-12 * largest &&
               fabs(t - an_tensor_get(j->other, i)) <= 0x1p-18 * largest;
    return fabs(t - an_tensor_get(j->other, i)) <= 0x1p-20 * fabs(x - y) &&
           fabs(y - t) <= 0x1p-12 * largest;
}

/* What laws over the reals call equal f64 must not tell apart: a step between literals may grow. */
static bool are_apart(const an_judge *j, double largest, int64_t i)
{
    if (!j->reals || !j->other) return false;
    const double t = an_tensor_get(j->truth, i), u = an_tensor_get(j->other, i);
    return isfinite(t) && isfinite(u) && fabs(t - u) > 0x1p-12 * largest;
}

static double largest_of(const an_tensor *t)
{
    double largest = 0;
    for (int64_t i = 0, count = an_tensor_count(t); i < count; i++)
        largest = fmax(largest, fabs(an_tensor_get(t, i)));
    return largest;
}

/* What a difference is. Written so that a NaN never counts as near. */
static an_verdict judge_element(const an_judge *j, double largest, const an_tensor *a, double x,
                                double y, int64_t i)
{
    if (!an_dtype_is_float(a->dtype) || !isfinite(x) || !isfinite(y)) return AN_DIFFERENT;
    const double t = j->truth ? an_tensor_get(j->truth, i) : x;
    if (j->exact && x == t && x != y) return AN_DIFFERENT;
    const double allowed = fmax(2 * fabs(x - t), j->ulps * an_ulp_at(t, a->dtype));
    if (fabs(y - t) <= allowed) return AN_ROUNDING;
    if (is_cancellation(j, a->dtype, largest, x, y, i)) return AN_ROUNDING;
    return fabs(y - t) <= AN_SUSPECT_TIMES * allowed ? AN_SUSPECT : AN_DIFFERENT;
}

static void record(an_compared *c, const an_tensor *a, double x, double y, int64_t i,
                   an_verdict verdict)
{
    const double gap = isfinite(x) && isfinite(y) ? fabs(x - y) : INFINITY;
    const double ulps = gap / an_ulp_at(x, a->dtype);
    const bool worse = verdict > c->verdict || (verdict == c->verdict && !(ulps <= c->max_ulp));
    if (c->first < 0) c->first = i;
    if (!(gap <= c->max_abs)) c->max_abs = gap;
    if (!(gap <= c->max_rel * fabs(x))) c->max_rel = gap / fabs(x);
    if (worse) { /* a NaN's sign means nothing and is not printed */
        c->worst = i;
        c->worst_a = isnan(x) ? NAN : x;
        c->worst_b = isnan(y) ? NAN : y;
    }
    if (!(ulps <= c->max_ulp)) c->max_ulp = ulps;
    if (verdict > c->verdict) c->verdict = verdict;
}

/* Whether some element is neither zero nor infinite nor NaN. */
static bool shows_something(const an_tensor *a)
{
    for (int64_t i = 0, count = an_elements(a); i < count; i++) {
        const double x = an_get(a, i);
        if (isfinite(x) && x != 0) return true;
    }
    return false;
}

static int64_t count_exact(const an_tensor *a, const an_tensor *truth)
{
    int64_t exact = 0;
    for (int64_t i = 0, count = an_elements(a); i < count; i++)
        exact += an_get(a, i) == an_get(truth, i);
    return exact;
}

void an_compare_tensors(an_compared *c, const an_tensor *a, const an_tensor *b,
                        const an_judge *judge)
{
    int64_t different = 0, special = 0;
    c->count = an_tensor_count(a);
    if (a->dtype != b->dtype || c->count != an_tensor_count(b)) {
        c->verdict = AN_DIFFERENT;
        return;
    }
    if (c->degenerate) c->degenerate = !shows_something(a);
    if (judge->exact && judge->truth) {
        const int64_t exact = count_exact(a, judge->truth);
        if (c->exact < 0 || exact < c->exact) c->exact = exact;
    }
    const bool same = !memcmp(a->data, b->data, (size_t)an_tensor_bytes(a));
    if (c->count == 0 || (same && !judge->reals)) return;
    const double largest = judge->other ? largest_of(judge->truth) : 0;
    for (int64_t i = 0; i < c->count; i++) {
        const bool apart = are_apart(judge, largest, i);
        if (!apart && same_bits(a, b, i)) continue;
        const double x = an_get(a, i), y = an_get(b, i);
        different++;
        special += !isfinite(x) || !isfinite(y);
        record(c, a, x, y, i,
               apart ? AN_DIFFERENT : judge_element(judge, largest, a, x, y, i));
    }
    if (different > c->different) c->different = different;
    if (special > c->special) c->special = special;
}
