/* polynomial.c -- see polynomial.h.
 *
 * The order is a monomial order (a < b implies a*c < b*c), which is what makes
 * division by leading terms exact: if b divides a, then b's leading term divides
 * the leading term of every remainder on the way to zero.                    */
#include "core/polynomial.h"

#include <string.h>

void an_poly_constant(an_poly *p, int64_t value)
{
    p->terms = value != 0;
    p->term[0] = (an_term){.coef = value};
}

void an_poly_atom(an_poly *p, int32_t atom)
{
    p->terms = 1;
    p->term[0] = (an_term){.coef = 1, .degree = 1, .atom = {atom}};
}

bool an_poly_is_constant(const an_poly *p, int64_t *value)
{
    if (p->terms > 1 || (p->terms == 1 && p->term[0].degree > 0)) return false;
    *value = p->terms == 0 ? 0 : p->term[0].coef;
    return true;
}

/* Positive if a's atoms come before b's in a polynomial. For equal degrees, the
 * smaller first differing atom is the higher power of an earlier indeterminate. */
static int compare(const an_term *a, const an_term *b)
{
    if (a->degree != b->degree) return a->degree < b->degree ? -1 : 1;
    for (int i = 0; i < a->degree; i++)
        if (a->atom[i] != b->atom[i]) return a->atom[i] < b->atom[i] ? 1 : -1;
    return 0;
}

/* Adds a term that comes after all of p's; a coefficient of 0 adds nothing, so
 * that cancelled terms vanish. */
static bool append(an_poly *p, const an_term *term, int64_t coef)
{
    if (coef == 0) return true;
    if (p->terms == AN_POLY_TERMS) return false;
    p->term[p->terms] = *term;
    p->term[p->terms++].coef = coef;
    return true;
}

/* p = a + scale * b, a merge of two ordered lists. */
bool an_poly_add_scaled(an_poly *p, const an_poly *a, const an_poly *b, int64_t scale)
{
    p->terms = 0;
    int i = 0, k = 0;
    while (i < a->terms || k < b->terms) {
        const int order = i == a->terms   ? -1
                          : k == b->terms ? 1
                                          : compare(&a->term[i], &b->term[k]);
        int64_t coef = 0, sum = order >= 0 ? a->term[i].coef : 0;
        if (order <= 0 && __builtin_mul_overflow(b->term[k].coef, scale, &coef)) return false;
        if (__builtin_add_overflow(sum, coef, &sum)) return false;
        if (!append(p, order >= 0 ? &a->term[i] : &b->term[k], sum)) return false;
        if (order >= 0) i++;
        if (order <= 0) k++;
    }
    return true;
}

/* t = a * b */
static bool mul_terms(an_term *t, const an_term *a, const an_term *b)
{
    *t = (an_term){.degree = a->degree + b->degree};
    if (t->degree > AN_POLY_DEGREE || __builtin_mul_overflow(a->coef, b->coef, &t->coef))
        return false;
    /* Both lists ascend, so a merge keeps the product in order. */
    for (int n = 0, i = 0, k = 0; n < t->degree; n++) {
        const bool from_a = k == b->degree || (i < a->degree && a->atom[i] <= b->atom[k]);
        t->atom[n] = from_a ? a->atom[i++] : b->atom[k++];
    }
    return true;
}

/* p = b * t; keeps the order of b, since the order is monomial. */
static bool mul_by_term(an_poly *p, const an_poly *b, const an_term *t)
{
    p->terms = b->terms;
    for (int i = 0; i < b->terms; i++)
        if (!mul_terms(&p->term[i], &b->term[i], t)) return false;
    return true;
}

bool an_poly_mul(an_poly *p, const an_poly *a, const an_poly *b)
{
    an_poly sum, product;
    p->terms = 0;
    for (int i = 0; i < a->terms; i++) {
        if (!mul_by_term(&product, b, &a->term[i])) return false;
        sum = *p;
        if (!an_poly_add_scaled(p, &sum, &product, 1)) return false;
    }
    return true;
}

/* t = a / b, if b's atoms are among a's and the coefficients divide. */
static bool divide_terms(an_term *t, const an_term *a, const an_term *b)
{
    *t = (an_term){0};
    if (b->coef == -1) { /* INT64_MIN / -1 overflows, and so does its remainder */
        if (__builtin_sub_overflow((int64_t)0, a->coef, &t->coef)) return false;
    } else {
        if (a->coef % b->coef != 0) return false;
        t->coef = a->coef / b->coef;
    }
    /* What is not matched, in order, by one of b's atoms is the quotient. */
    int k = 0;
    for (int i = 0; i < a->degree; i++)
        if (k < b->degree && a->atom[i] == b->atom[k]) k++;
        else t->atom[t->degree++] = a->atom[i];
    return k == b->degree;
}

/* School division: take the leading term of what is left, subtract, repeat. The
 * leading term falls each time, so it ends; a product outgrowing the limits says
 * "not divisible", which is the safe answer. */
bool an_poly_divide(an_poly *q, const an_poly *a, const an_poly *b)
{
    an_poly rest = *a, product, next;
    q->terms = 0;
    while (rest.terms > 0) {
        an_term t;
        if (b->terms == 0 || !divide_terms(&t, &rest.term[0], &b->term[0])) return false;
        if (!append(q, &t, t.coef)) return false; /* each is smaller than the one before */
        if (!mul_by_term(&product, b, &t)) return false;
        if (!an_poly_add_scaled(&next, &rest, &product, -1)) return false;
        rest = next;
    }
    return true;
}

bool an_poly_split(an_poly *q, an_poly *r, const an_poly *a, int64_t d)
{
    q->terms = r->terms = 0;
    for (int i = 0; i < a->terms; i++) {
        const int64_t c = a->term[i].coef;
        const int64_t floor = c / d - (c % d < 0); /* C truncates towards zero */
        if (!append(q, &a->term[i], floor) || !append(r, &a->term[i], c - floor * d)) return false;
    }
    return true;
}

/* |x| without the overflow of -INT64_MIN. */
static uint64_t magnitude(int64_t x)
{
    return x < 0 ? -(uint64_t)x : (uint64_t)x;
}

static uint64_t gcd(uint64_t a, uint64_t b)
{
    while (b != 0) {
        const uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* The atoms common to a and b, into a; coefficients are left to the caller. */
static void common_atoms(an_term *a, const an_term *b)
{
    an_term c = {.coef = 1};
    for (int i = 0, k = 0; i < a->degree && k < b->degree;) {
        if (a->atom[i] == b->atom[k]) c.atom[c.degree++] = a->atom[i], i++, k++;
        else if (a->atom[i] < b->atom[k]) i++;
        else k++;
    }
    *a = c;
}

void an_poly_cancel(an_poly *a, an_poly *b)
{
    if (a->terms == 0 || b->terms == 0) return;
    an_term common = b->term[0];
    uint64_t content = 0;
    for (int i = 0; i < a->terms + b->terms; i++) {
        const an_term *t = i < a->terms ? &a->term[i] : &b->term[i - a->terms];
        common_atoms(&common, t);
        content = gcd(content, magnitude(t->coef));
    }
    if (content > INT64_MAX) return; /* all are INT64_MIN: leave them alone */
    common.coef = (int64_t)content;
    for (int i = 0; i < a->terms + b->terms; i++) {
        an_term *t = i < a->terms ? &a->term[i] : &b->term[i - a->terms];
        an_term reduced;
        if (divide_terms(&reduced, t, &common)) *t = reduced; /* always divides */
    }
}
