/* dims_arithmetic.c -- sums, products and quotients of dimensions, in canonical form.
 *
 * Refuses polynomials beyond the limits of polynomial.h, divisions nested
 * deeper than DEEPEST and texts beyond LONGEST, so that hostile files cannot
 * make expressions explode.                                                  */
#include "core/dims_table.h"

#include <string.h>

#define LONGEST 4096 /* bytes of one expression's text */
#define DEEPEST 24   /* divisions within divisions; the parser accepts more */

/* ---- from dimensions to polynomials and back --------------------------- */

/* The polynomial a dimension stands for; false if it is none of this table's. */
static bool load(const an_dims *dims, an_dim d, an_poly *p)
{
    if (!dims || !an_dims_valid(dims, d)) return false;
    if (d >= 0) {
        an_poly_constant(p, d);
        return true;
    }
    const an_dims_entry *e = &dims->entries[an_dims_index(d)];
    if (e->kind != AN_DIMS_POLYNOMIAL) {
        an_poly_atom(p, (int32_t)an_dims_index(d));
        return true;
    }
    p->terms = e->terms;
    memcpy(p->term, e->term, (size_t)e->terms * sizeof *e->term);
    return true;
}

/* Interns `e` under the text in `out`, and frees that. */
static an_dim intern_text(an_dims *dims, an_dims_entry *e, an_text *out)
{
    an_dim d = AN_DIM_BAD;
    if (out->failed) dims->starved = true;
    if (!out->failed && out->length <= LONGEST && e->depth <= DEEPEST) {
        e->text = an_text_view(out);
        d = an_dims_intern(dims, e);
    }
    an_text_free(out);
    return d;
}

/* The dimension that a polynomial over this table's atoms is: a literal, an atom
 * itself, or an entry. */
static an_dim store(an_dims *dims, const an_poly *p)
{
    int64_t value;
    if (an_poly_is_constant(p, &value)) return value < 0 ? AN_DIM_BAD : value;
    const an_term *first = &p->term[0];
    if (p->terms == 1 && first->degree == 1 && first->coef == 1) return an_dims_at(first->atom[0]);

    an_dims_entry e = {.kind = AN_DIMS_POLYNOMIAL, .terms = p->terms, .term = p->term};
    for (int t = 0; t < p->terms; t++)
        for (int i = 0; i < p->term[t].degree; i++) {
            const int depth = dims->entries[p->term[t].atom[i]].depth;
            if (depth > e.depth) e.depth = depth;
        }
    an_text out = {0};
    an_dims_write_polynomial(dims, p, &out);
    return intern_text(dims, &e, &out);
}

/* ---- arithmetic -------------------------------------------------------- */

/* Most extents are numbers, and need no polynomial. */
static bool are_literals(const an_dims *dims, an_dim a, an_dim b)
{
    return dims && a >= 0 && b >= 0;
}

an_dim an_dims_add(an_dims *dims, an_dim a, an_dim b)
{
    an_poly x, y, sum;
    int64_t literal;
    if (are_literals(dims, a, b)) return an_add_size(a, b, &literal) ? literal : AN_DIM_BAD;
    if (!load(dims, a, &x) || !load(dims, b, &y)) return AN_DIM_BAD;
    return an_poly_add_scaled(&sum, &x, &y, 1) ? store(dims, &sum) : AN_DIM_BAD;
}

an_dim an_dims_sub(an_dims *dims, an_dim a, an_dim b)
{
    an_poly x, y, difference;
    if (are_literals(dims, a, b)) return a >= b ? a - b : AN_DIM_BAD;
    if (!load(dims, a, &x) || !load(dims, b, &y)) return AN_DIM_BAD;
    return an_poly_add_scaled(&difference, &x, &y, -1) ? store(dims, &difference) : AN_DIM_BAD;
}

an_dim an_dims_mul(an_dims *dims, an_dim a, an_dim b)
{
    an_poly x, y, product;
    int64_t literal;
    if (are_literals(dims, a, b)) return an_mul_size(a, b, &literal) ? literal : AN_DIM_BAD;
    if (!load(dims, a, &x) || !load(dims, b, &y)) return AN_DIM_BAD;
    return an_poly_mul(&product, &x, &y) ? store(dims, &product) : AN_DIM_BAD;
}

bool an_dims_divides(an_dims *dims, an_dim a, an_dim b, an_dim *quotient)
{
    an_poly x, y, q;
    if (!quotient || !load(dims, a, &x) || !load(dims, b, &y) || !an_poly_divide(&q, &x, &y))
        return false;
    const an_dim d = store(dims, &q);
    if (d == AN_DIM_BAD) return false;
    *quotient = d;
    return true;
}

static int depth_of(const an_dims *dims, an_dim d)
{
    return d < 0 ? dims->entries[an_dims_index(d)].depth : 0;
}

/* The atom floor(x / y), of polynomials that have nothing more to cancel. */
static an_dim store_division(an_dims *dims, const an_poly *x, const an_poly *y)
{
    const an_dim num = store(dims, x), den = store(dims, y);
    if (num == AN_DIM_BAD || den == AN_DIM_BAD) return AN_DIM_BAD;
    an_dims_entry e = {.kind = AN_DIMS_DIVISION, .numerator = num, .denominator = den};
    const int a = depth_of(dims, num), b = depth_of(dims, den);
    e.depth = 1 + (a > b ? a : b);

    /* '/' binds as '*' does, from the left: a product may stand before it bare,
     * after it only a number or a name. */
    const bool bare_num = x->terms == 1 && x->term[0].coef > 0;
    const bool bare_den = den >= 0 || dims->entries[an_dims_index(den)].kind == AN_DIMS_NAME;
    an_text out = {0};
    an_text_add(&out, bare_num ? "" : "(");
    an_dims_print(dims, num, &out);
    an_text_add(&out, bare_num ? "/" : ")/");
    an_text_add(&out, bare_den ? "" : "(");
    an_dims_print(dims, den, &out);
    an_text_add(&out, bare_den ? "" : ")");
    return intern_text(dims, &e, &out);
}

static int64_t gcd(int64_t a, int64_t b)
{
    while (b != 0) {
        const int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* floor(x / d) for a positive integer d. Whole multiples of d leave the
 * division, so (T+2)/2 is T/2+1; then with g = gcd of d and the atoms'
 * coefficients, floor((g*P + c) / (g*e)) = floor((P + floor(c/g)) / e). */
static an_dim divide_by_integer(an_dims *dims, const an_poly *x, int64_t d)
{
    an_poly quotient, rest, reduced = {0};
    int64_t ignored;
    if (!an_poly_split(&quotient, &rest, x, d)) return AN_DIM_BAD;
    if (an_poly_is_constant(&rest, &ignored)) return store(dims, &quotient);

    int64_t common = d;
    for (int i = 0; i < rest.terms; i++)
        if (rest.term[i].degree > 0) common = gcd(common, rest.term[i].coef);
    for (int i = 0; i < rest.terms; i++) {
        an_term t = rest.term[i];
        t.coef /= common;
        if (t.coef != 0) reduced.term[reduced.terms++] = t;
    }
    an_poly divisor;
    an_poly_constant(&divisor, d / common);
    const an_dim atom = store_division(dims, &reduced, &divisor);
    an_poly part;
    if (atom == AN_DIM_BAD || !load(dims, atom, &part)) return AN_DIM_BAD;
    an_poly sum;
    return an_poly_add_scaled(&sum, &quotient, &part, 1) ? store(dims, &sum) : AN_DIM_BAD;
}

an_dim an_dims_div(an_dims *dims, an_dim a, an_dim b)
{
    an_poly x, y, q;
    if (are_literals(dims, a, b)) return b > 0 ? a / b : AN_DIM_BAD;
    if (b == 0 || !load(dims, a, &x) || !load(dims, b, &y)) return AN_DIM_BAD;
    if (an_poly_divide(&q, &x, &y)) return store(dims, &q);
    an_poly_cancel(&x, &y);
    int64_t d;
    if (!an_poly_is_constant(&y, &d)) return store_division(dims, &x, &y);
    return d > 0 ? divide_by_integer(dims, &x, d) : AN_DIM_BAD;
}

bool an_dims_fit(const an_shape *shape)
{
    int64_t extent[AN_MAX_RANK], count;
    if (shape->rank < 0 || shape->rank > AN_MAX_RANK) return false;
    for (int i = 0; i < shape->rank; i++) extent[i] = shape->dim[i] < 0 ? 1 : shape->dim[i];
    return an_count_elements(shape->rank, extent, &count);
}

an_dim an_dims_count(an_dims *dims, const an_shape *shape)
{
    if (!dims || !shape || !an_dims_fit(shape)) return AN_DIM_BAD;
    an_dim count = 1;
    for (int i = 0; i < shape->rank; i++) count = an_dims_mul(dims, count, shape->dim[i]);
    return count;
}
