/* compare.c -- see compare.h. Equal bits are the standard; NaN equals NaN. */
#include "graph/equal/compare.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void an_compare_begin(an_compared *c, const char *kind, const char *name)
{
    *c = (an_compared){.kind = kind, .verdict = AN_BITWISE, .worst = -1, .degenerate = true};
    snprintf(c->name, sizeof c->name, "%s", name);
}

/* One unit in the last place at x. */
static double ulp_at(double x, an_dtype dtype)
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

/* Whether a difference is what rounding may do. Written so that NaN says no. */
static bool is_rounding(const an_tensor *a, const an_tensor *truth, double x, double y, int64_t i,
                        double ulps)
{
    if (!an_dtype_is_float(a->dtype) || !isfinite(x) || !isfinite(y)) return false;
    const double t = truth ? an_tensor_get(truth, i) : x;
    const double allowed = fmax(2 * fabs(x - t), ulps * ulp_at(t, a->dtype));
    return fabs(y - t) <= allowed;
}

static void record(an_compared *c, const an_tensor *a, double x, double y, int64_t i, bool rounding)
{
    const double gap = isfinite(x) && isfinite(y) ? fabs(x - y) : INFINITY;
    const double ulps = gap / ulp_at(x, a->dtype);
    const an_verdict verdict = rounding ? AN_ROUNDING : AN_DIFFERENT;
    const bool worse = verdict > c->verdict || (verdict == c->verdict && !(ulps <= c->max_ulp));
    c->different++;
    if (!(gap <= c->max_abs)) c->max_abs = gap;
    if (!(gap <= c->max_rel * fabs(x))) c->max_rel = gap / fabs(x);
    if (worse) {
        c->worst = i;
        c->worst_a = x;
        c->worst_b = y;
    }
    if (!(ulps <= c->max_ulp)) c->max_ulp = ulps;
    if (verdict > c->verdict) c->verdict = verdict;
}

void an_compare_tensors(an_compared *c, const an_tensor *a, const an_tensor *b,
                        const an_tensor *truth, double ulps)
{
    c->count = an_tensor_count(a);
    if (a->dtype != b->dtype || c->count != an_tensor_count(b)) {
        c->verdict = AN_DIFFERENT;
        return;
    }
    for (int64_t i = 0; i < c->count; i++) {
        const double x = an_tensor_get(a, i);
        if (isfinite(x) && x != 0) c->degenerate = false;
        if (same_bits(a, b, i)) continue;
        const double y = an_tensor_get(b, i);
        record(c, a, x, y, i, is_rounding(a, truth, x, y, i, ulps));
    }
}
