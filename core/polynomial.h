/* polynomial.h -- small polynomials with integer coefficients.
 *
 * What dims.c computes with. Atoms are small numbers whose meaning (a name, a
 * floor division) stays with dims.c; here they are indeterminates. Terms are
 * kept in one order, so equal polynomials are equal field by field. Sizes are
 * fixed: a dimension with more terms is refused, not grown.                  */
#ifndef AN_CORE_POLYNOMIAL_H
#define AN_CORE_POLYNOMIAL_H

#include "core/core.h"

#define AN_POLY_TERMS 32  /* terms of one polynomial */
#define AN_POLY_DEGREE 16 /* factors of one term, repeats counted */

typedef struct an_term {
    int64_t coef; /* never 0 */
    int32_t degree;
    int32_t atom[AN_POLY_DEGREE]; /* ascending; the rest 0 */
} an_term;

/* Terms in descending graded lexicographic order: a constant comes last. */
typedef struct an_poly {
    int terms;
    an_term term[AN_POLY_TERMS];
} an_poly;

void an_poly_constant(an_poly *p, int64_t value);
void an_poly_atom(an_poly *p, int32_t atom);
/* True, and the value, if no atom occurs. */
bool an_poly_is_constant(const an_poly *p, int64_t *value);

/* All give false when a coefficient overflows or a limit is exceeded; the
 * result is then unspecified. `p` must not be `a` or `b`. */
bool an_poly_add_scaled(an_poly *p, const an_poly *a, const an_poly *b, int64_t scale); /* a+sb */
bool an_poly_mul(an_poly *p, const an_poly *a, const an_poly *b);
/* The q with q * b == a, if there is one with integer coefficients; b not 0. */
bool an_poly_divide(an_poly *q, const an_poly *a, const an_poly *b);
/* a == q * d + r and every coefficient of r in [0, d); d positive. */
bool an_poly_split(an_poly *q, an_poly *r, const an_poly *a, int64_t d);
/* Divides both by their greatest common term (an integer times atoms). */
void an_poly_cancel(an_poly *a, an_poly *b);

#endif
