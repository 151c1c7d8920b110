/* differences.c -- see differences.h.
 *
 * Central differences at steps that shrink by four; two of them make an estimate R that is
 * exact to fourth order. An estimate's error is made of these parts: how far it is from the
 * one before, times GAP; what the second difference over h leaves when its smooth part (which
 * is proportional to h) is taken away, for that is the jump of the slope at a kink; and what
 * rounding of the values, and of a large coordinate that is moved by h, does to a difference
 * over h. Large steps bend, small ones round: the estimate with the smallest error is taken. */
#include "graph/equal/differences.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

#define STEPS 8
#define GAP 4
#define ROUNDING 8
#define ENOUGH 1e-8   /* of the slope: smaller steps are not tried */
#define LEAST 1e-4    /* of the slope: an error above it shows nothing */
#define NOTHING 1e-8  /* of the values: an error below it may stand beside a slope of 0 */

an_status an_slope_of(const an_line *line, an_slope *s)
{
    double zero, central[STEPS], bend[STEPS], most = 0, h = line->step;
    *s = (an_slope){.value = NAN, .error = INFINITY};
    an_status status = line->value(line->context, 0, &zero);
    for (int i = 0; i < STEPS && status == AN_OK; i++, h /= 4) {
        double up = 0, down = 0;
        status = line->value(line->context, h, &up);
        if (status == AN_OK) status = line->value(line->context, -h, &down);
        const double terms = line->terms ? *line->terms : 0;
        const double here = fmax(fmax(fabs(zero), terms), fmax(fabs(up), fabs(down)));
        central[i] = (up - down) / (2 * h);
        bend[i] = ((up - zero) - (zero - down)) / h;
        if (i < 2) continue;
        const double before = (16 * central[i - 1] - central[i - 2]) / 15;
        const double now = (16 * central[i] - central[i - 1]) / 15;
        const double kink = fabs(4 * bend[i] - bend[i - 1]) / 3;
        const double rounding = ROUNDING * DBL_EPSILON * (here + line->reach * fabs(now)) / h;
        const double error = GAP * fabs(now - before) + kink + rounding;
        if (error < s->error) { /* false for NaN */
            *s = (an_slope){.value = now, .error = error};
            most = here;
        }
        if (s->error <= ENOUGH * fabs(s->value)) break;
    }
    s->settled = s->error <= LEAST * fabs(s->value) || s->error <= NOTHING * most;
    return status;
}

void an_slope_words(const double analytic[2], const double numeric[2], char *out, int64_t size)
{
    const double k = analytic[0] / numeric[0], again = analytic[1] / numeric[1];
    const bool constant = isfinite(k) && fabs(k - again) <= 1e-3 * fmax(fabs(k), fabs(again));
    if (analytic[0] == 0 && analytic[1] == 0)
        snprintf(out, (size_t)size, ": it is zero");
    else if (constant && fabs(k + 1) <= 1e-3)
        snprintf(out, (size_t)size, ": opposite sign");
    else if (constant)
        snprintf(out, (size_t)size, ": off by a factor of %.6g", k);
    else
        out[0] = 0;
}
