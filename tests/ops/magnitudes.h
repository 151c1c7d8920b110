/* magnitudes.h -- ops asked for values and gradients at every size a float can have.
 *
 * A truth says what an op computes, in long double and by a formula of its own: the value and
 * the derivative by each operand. The sweep walks ladders of operands, from the least denormal
 * to infinity, and compares. Where an op does not keep the truth, an exception says at which
 * points and why; one that excuses nothing is a mistake itself.                            */
#ifndef AN_TESTS_MAGNITUDES_H
#define AN_TESTS_MAGNITUDES_H

#include "ops/op.h"
#include "tests/support.h"

#define AN_TRUTH_OPERANDS 3
#define AN_TRUTH_EXCEPTIONS 5

typedef long double an_real;
typedef an_real (*an_truth_fn)(const an_real x[]);

/* A floating type: the unit of 1, its least number, the least that is normal, the largest. */
typedef struct an_float_type {
    an_real unit, tiny, least, most;
} an_float_type;

/* What is asked at one point. */
typedef struct an_point {
    an_float_type of;             /* the result's */
    an_real x[AN_TRUTH_OPERANDS];
    int operand;                  /* whose gradient is asked; -1: the value */
    an_real dy;                   /* of a gradient: what reaches the result; 1 for a value */
    an_real value;                /* the truth of the op there */
    an_real want, got;            /* the truth of what is asked, times dy for a gradient */
} an_point;

/* A function and how near it must be met: within `ulps` units in the last place, plus `steep`
 * times what it changes by when every operand moves by one unit. */
typedef struct an_curve {
    an_truth_fn f; /* NULL for an operand without a gradient */
    double ulps, steep;
} an_curve;

enum { AN_OF_VALUE = 1, AN_OF_A = 2, AN_OF_B = 4, AN_OF_C = 8 }; /* gradients by a, b, c */

/* Points at which an op may part from its truth. */
typedef struct an_exception {
    unsigned of;
    bool (*at)(const an_point *p);
    const char *why;
} an_exception;

typedef struct an_truth {
    const char *op, *label;
    int operands, output; /* of the op: which of its results */
    an_attrs attrs;
    an_curve value, slope[AN_TRUTH_OPERANDS]; /* ulps 0 means 2, of a slope 4 */
    double low[AN_TRUTH_OPERANDS], high[AN_TRUTH_OPERANDS]; /* both 0: no bounds */
    bool choice;          /* operand a is a bool */
    an_value (*build)(const an_value in[]); /* NULL: the op itself */
    an_exception but[AN_TRUTH_EXCEPTIONS];
} an_truth;

extern const an_truth an_truths_arithmetic[], an_truths_curves[]; /* ended by empty rows */

typedef struct an_tally {
    int64_t values, gradients;   /* compared */
    int64_t excused[AN_TRUTH_EXCEPTIONS];
    int64_t faults;
    char first[240];             /* the first fault */
} an_tally;

/* Over all magnitudes up to `most`, INFINITY for all. */
void an_try_magnitudes(const an_truth *t, double most, an_tally *tally);

/* How many values a ladder has, and they: both signs of each size, zeros, infinities, NaN. */
enum { AN_LADDER_SPARSE, AN_LADDER_USUAL, AN_LADDER_DENSE };
int64_t an_ladder(an_dtype dtype, int density, double **out);

#endif
