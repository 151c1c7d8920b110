/* differences.h -- the slope of a function along a line, from its values alone.
 *
 * What gradients are held against. The step is chosen by what the values say of their own
 * error, never by the gradient in question, so a wrong rule cannot profit from a lucky step. */
#ifndef AN_GRAPH_EQUAL_DIFFERENCES_H
#define AN_GRAPH_EQUAL_DIFFERENCES_H

#include "core/core.h"

typedef struct an_line {
    an_status (*value)(void *context, double h, double *f); /* f at the point + h * direction */
    void *context;
    double step; /* the largest to try */
    double reach; /* size of the largest coordinate, for moving one rounds it; 0: small */
    const double *terms; /* size of what the last value was added up from; NULL: the value's */
} an_line;

#define AN_LINE_STEP 0x1p-6 /* for points and directions of size 1 */

typedef struct an_slope {
    bool settled; /* false: a kink, noise, or no finite values; the rest shows nothing */
    double value, error; /* and how far off it may be, by its own estimate */
} an_slope;

/* The slope at h = 0. The value at 0 is asked for first; the caller puts the point back. */
an_status an_slope_of(const an_line *line, an_slope *s);

/* How two analytic slopes miss two settled ones, as an end of a sentence: ": opposite sign",
 * ": off by a factor of 2", ": it is zero", or "". The directions must differ, for one
 * number is always some factor of another. */
void an_slope_words(const double analytic[2], const double numeric[2], char *out, int64_t size);

#endif
