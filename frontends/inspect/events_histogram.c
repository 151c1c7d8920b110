/* events_histogram.c -- how many of a tensor's elements are how large.
 *
 * Bounds are four to a power of two, at 1, 1.25, 1.5 and 1.75 times it, from 2^-40 to 2^68 on
 * either side of nothing: a double's exponent and its first two digits, cut out of its bits, are
 * the bucket. What is smaller is nothing, what is larger is of the last. Readers take the bounds
 * from the file, and clip the outermost to the least and the greatest value. */
#include "frontends/inspect/events.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "frontends/inspect/wire.h"

#define FIRST (-40)
#define SIDE (4 * (68 - FIRST))    /* buckets on a side */
#define BUCKETS (2 * SIDE + 1)     /* the middle one is of what is nothing */

typedef struct counted {
    double least, greatest, sum, squares;
    int64_t count;
    int64_t bucket[BUCKETS];
} counted;

/* Which on its side, from 0; -1: so small that it is nothing. */
static int place(double magnitude)
{
    uint64_t bits;
    memcpy(&bits, &magnitude, sizeof bits);
    const int at = (int)(bits >> 50) - 4 * (1023 + FIRST);
    return at < 0 ? -1 : at < SIDE ? at : SIDE - 1;
}

/* Where the bucket on a side begins. */
static double bound(int at)
{
    return ldexp(1 + (at & 3) * 0.25, FIRST + at / 4);
}

/* Where it ends: those of negative numbers at the smaller magnitude. */
static double limit(int bucket)
{
    if (bucket == BUCKETS - 1) return DBL_MAX;
    return bucket < SIDE ? -bound(SIDE - 1 - bucket) : bound(bucket - SIDE);
}

/* What is not finite is no number of any size. */
static void count_one(counted *c, double x)
{
    if (!isfinite(x)) return;
    const int at = place(fabs(x));
    c->bucket[at < 0 ? SIDE : x < 0 ? SIDE - 1 - at : SIDE + 1 + at]++;
    if (c->count == 0 || x < c->least) c->least = x;
    if (c->count == 0 || x > c->greatest) c->greatest = x;
    c->count++;
    c->sum += x;
    c->squares += x * x;
}

/* Buckets from the first that is not empty to the last; empty ones in a row are one. */
static void add_buckets(an_text *to, const counted *c)
{
    an_text limits = {0}, counts = {0};
    int first = 0, last = BUCKETS - 1;
    while (first <= last && c->bucket[first] == 0) first++;
    while (last > first && c->bucket[last] == 0) last--;
    for (int b = first; b <= last; b++) {
        while (b < last && c->bucket[b] == 0 && c->bucket[b + 1] == 0) b++;
        an_wire_add_double(&limits, limit(b));
        an_wire_add_double(&counts, (double)c->bucket[b]);
    }
    an_wire_put(to, 6, &limits);
    an_wire_put(to, 7, &counts);
}

void an_events_count(an_text *histogram, const an_tensor *values)
{
    counted *c = an_alloc_zeroed(sizeof *c);
    if (!c) {
        an_text_takes(histogram, an_lost);
        return;
    }
    const int64_t count = an_tensor_count(values);
    if (values->dtype == AN_F32)
        for (int64_t i = 0; i < count; i++) count_one(c, ((const float *)values->data)[i]);
    else
        for (int64_t i = 0; i < count; i++) count_one(c, an_tensor_get(values, i));
    an_wire_double(histogram, 1, c->least);
    an_wire_double(histogram, 2, c->greatest);
    an_wire_double(histogram, 3, (double)c->count);
    an_wire_double(histogram, 4, c->sum);
    an_wire_double(histogram, 5, c->squares);
    add_buckets(histogram, c);
    an_free(c);
}
