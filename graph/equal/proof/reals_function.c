/* reals_function.c -- functions of forms, as far as a law says what they are of their parts.
 *
 *   exp(a + b) = exp a * exp b          exp(c a) = exp(a)^c
 *   1 / (a b) = 1/a * 1/b               1 / exp a = exp(-a)
 *   sqrt(c a) = sqrt c * sqrt a, c > 0  sqrt(exp a) = exp(a / 2)    sqrt(1/a) = 1 / sqrt a
 *   log(c a) = log c + log a, c > 0     log(a exp b) = log a + b    log(1/a) = -log a
 *
 * Each holds for all real numbers, and both sides have a value for the same ones. So sqrt(a b) and
 * log(a b) stay, which have a value where a and b are below 0; so do sqrt(a^2), which is |a|, and
 * a * 1/a, which is 1 but at 0.
 *
 * Of a sum, what all its terms have in common comes out before: the size of the first number, and
 * exponentials that no index of their own is summed with.                    */
#include "graph/equal/proof/reals.h"

#include <math.h>
#include <string.h>

static void begin_like(an_expr *out, const an_expr *f)
{
    memcpy(out, f, offsetof(an_expr, at));
    out->terms = 0;
}

/* 1, of f's shape. */
static void begin_one(an_expr *out, const an_expr *f)
{
    begin_like(out, f);
    out->terms = 1;
    out->at[0].scale = 1;
    out->at[0].factors = out->at[0].own = 0;
}

static bool is_fn(const an_reals *r, const an_factor *f, int code)
{
    const an_atom *a = &r->atoms[f->atom];
    return a->kind == AN_ATOM_FUNCTION && a->op && a->op->code == code;
}

static bool reads_own(const an_factor *f)
{
    for (int k = 0; k < f->length; k++)
        if (f->at[k] >= AN_REAL_OWN && f->at[k] != AN_REAL_END) return true;
    return false;
}

/* The atom that a function is of, read where the function is. */
static bool argument_of(an_reals *r, const an_factor *f, const an_expr *like, an_expr *out)
{
    const an_atom *a = &r->atoms[f->atom];
    an_expr inner;
    an_expr_load(r, a->forms[0], &inner);
    begin_like(out, like);
    /* Axis k of the atom is index k of the inner form; where it is read at several, it is split. */
    int at = 0, index = 0;
    uint8_t to[AN_REAL_INDICES];
    const int axes = inner.indices;
    for (int k = 0; k < axes; k++) {
        int count = 0;
        const int first = at;
        for (; f->at[at] != AN_REAL_END; at++, count++)
            if (f->at[at] >= AN_REAL_OWN) return false;
        at++;
        for (int i = 0; i + 1 < count; i++) {
            const an_dim all = inner.extent[index + i], part = like->extent[f->at[first + i]];
            an_dim rest;
            if (!an_dims_divides(r->p->values.graph->dims, all, part, &rest) ||
                !an_expr_split(&inner, index + i, part, rest))
                return false;
        }
        for (int i = 0; i < count; i++) to[index + i] = f->at[first + i];
        index += count;
    }
    for (int t = 0; t < inner.terms; t++) {
        an_monomial *x = &inner.at[t];
        for (int i = 0; i < x->factors; i++)
            for (int k = 0; k < x->at[i].length; k++)
                if (x->at[i].at[k] < AN_REAL_OWN) x->at[i].at[k] = to[x->at[i].at[k]];
        if (!an_term_tidy(r, x) || !an_expr_add_term(out, x)) return false;
    }
    return true;
}

static bool push(an_monomial *t, an_factor f, double power)
{
    if (t->factors == AN_REAL_FACTORS) return false;
    f.power = power;
    t->at[t->factors++] = f;
    return true;
}

static bool times_into(an_reals *r, an_expr *out, const an_expr *by)
{
    an_expr product;
    if (!an_expr_times(r, out, by, &product)) return false;
    an_expr_copy(out, &product);
    return true;
}

/* ---- what comes out of a sum ------------------------------------------- */

/* Divides f by the size of its first number (with its sign if `sign`), and by the exponentials in
 * all of its terms; `common` becomes that, a single term. */
static bool take_common(an_reals *r, an_expr *f, bool sign, an_monomial *common)
{
    *common = (an_monomial){.scale = 1};
    if (!an_expr_settle(r, f) || f->terms == 0) return false;
    const double first = f->at[0].scale;
    common->scale = sign ? first : fabs(first);
    for (int i = 0; i < f->terms; i++) f->at[i].scale /= common->scale;
    for (int i = 0; i < f->at[0].factors; i++) {
        const an_factor x = f->at[0].at[i];
        if (!is_fn(r, &x, AN_OP_exp) || reads_own(&x)) continue;
        double least = x.power, most = x.power;
        for (int t = 1; t < f->terms; t++) {
            double power = 0;
            for (int k = 0; k < f->at[t].factors; k++) {
                const an_factor *y = &f->at[t].at[k];
                if (y->atom == x.atom && y->length == x.length && !memcmp(y->at, x.at, x.length))
                    power = y->power;
            }
            least = fmin(least, power);
            most = fmax(most, power);
        }
        /* In one term alone it may come out, too; but a sum keeps 1 for what lacks it. */
        const double out = f->terms == 1 ? x.power : least > 0 ? least : most < 0 ? most : 0;
        if (out != 0 && !push(common, x, out)) return false;
    }
    for (int i = 0; i < common->factors; i++)
        for (int t = 0; t < f->terms; t++)
            if (!push(&f->at[t], common->at[i], -common->at[i].power)) return false;
    for (int t = 0; t < f->terms; t++)
        if (!an_term_tidy(r, &f->at[t])) return false;
    return true;
}

/* ---- exp --------------------------------------------------------------- */

static bool is_positive(an_reals *r, uint32_t form, int depth);

/* Above 0 whatever it is read at. */
static bool is_factor_positive(an_reals *r, const an_factor *f, int depth)
{
    const an_atom *a = &r->atoms[f->atom];
    if (a->kind == AN_ATOM_EXTENT || is_fn(r, f, AN_OP_exp) || is_fn(r, f, AN_OP_sigmoid))
        return true;
    const bool of_form = a->kind == AN_ATOM_FUNCTION && (!a->op || is_fn(r, f, AN_OP_reciprocal));
    return of_form && is_positive(r, a->forms[0], depth - 1);
}

static bool is_positive(an_reals *r, uint32_t form, int depth)
{
    an_expr f;
    an_expr_load(r, form, &f);
    bool positive = f.terms > 0 && depth > 0;
    for (int t = 0; t < f.terms && positive; t++) {
        positive = f.at[t].scale > 0;
        for (int i = 0; i < f.at[t].factors && positive; i++)
            positive = is_factor_positive(r, &f.at[t].at[i], depth);
    }
    return positive;
}

/* exp(c * log x) = x^c where x is above 0. */
static bool exp_of_log(an_reals *r, const an_monomial *t, const an_expr *like, an_expr *out)
{
    if (t->factors != 1 || t->at[0].power != 1 || fabs(t->scale) != 1 ||
        !is_fn(r, &t->at[0], AN_OP_log) || !is_positive(r, r->atoms[t->at[0].atom].forms[0], 3))
        return false;
    an_expr x;
    if (!argument_of(r, &t->at[0], like, &x)) return false;
    an_real_used(r, AN_REAL_EXP_LOG);
    if (t->scale < 0) return an_expr_inverse(r, &x, out);
    an_expr_copy(out, &x);
    return true;
}

bool an_expr_exp(an_reals *r, const an_expr *f, an_expr *out)
{
    begin_one(out, f);
    for (int i = 0; i < f->terms; i++) {
        an_expr one, power;
        begin_like(&one, f);
        one.at[0] = f->at[i];
        one.terms = 1;
        const double scale = one.at[0].scale;
        if (exp_of_log(r, &one.at[0], f, &power)) {
            if (!times_into(r, out, &power)) return false;
            continue;
        }
        one.at[0].scale = 1;
        if (one.at[0].factors == 0) {
            if (!an_expr_scaled(r, out, an_real_number(r, exp(scale), true))) return false;
            continue;
        }
        if (!an_expr_function(r, an_op(AN_OP_exp), NULL, &one, &power)) return false;
        power.at[0].at[0].power = scale;
        if (!times_into(r, out, &power)) return false;
    }
    an_real_used(r, AN_REAL_EXP);
    return true;
}

/* The sum in the exponent of a product of exponentials. */
static bool exponent_of(an_reals *r, const an_monomial *t, const an_expr *like, an_expr *out)
{
    begin_like(out, like);
    for (int i = 0; i < t->factors; i++) {
        an_expr part, sum;
        if (!is_fn(r, &t->at[i], AN_OP_exp) || !argument_of(r, &t->at[i], like, &part) ||
            !an_expr_scaled(r, &part, t->at[i].power) || !an_expr_plus(r, out, &part, &sum))
            return false;
        an_expr_copy(out, &sum);
    }
    return true;
}

/* ---- sigmoid ----------------------------------------------------------- */

/* op(-x) = -op(x): of two arguments that differ in sign alone, one is taken. */
static bool turn(an_reals *r, an_expr *f)
{
    if (!an_expr_settle(r, f) || f->terms == 0 || f->at[0].scale > 0) return false;
    an_real_used(r, AN_REAL_ODD);
    return an_expr_scaled(r, f, -1);
}

bool an_expr_odd(an_reals *r, const an_op_info *op, const an_expr *f, an_expr *out)
{
    an_expr x;
    an_expr_copy(&x, f);
    const bool turned = turn(r, &x);
    if (!an_expr_function(r, op, NULL, &x, out)) return false;
    return turned ? an_expr_scaled(r, out, -1) : true;
}

/* sigmoid(-x) = 1 - sigmoid(x) */
bool an_expr_sigmoid(an_reals *r, const an_expr *f, an_expr *out)
{
    an_expr x, y, one;
    an_expr_copy(&x, f);
    const bool turned = turn(r, &x);
    if (!an_expr_function(r, an_op(AN_OP_sigmoid), NULL, &x, turned ? &y : out)) return false;
    if (!turned) return true;
    begin_one(&one, f);
    return an_expr_scaled(r, &y, -1) && an_expr_plus(r, &one, &y, out);
}

/* 1 / (1 + exp x) = sigmoid(-x), where f is 1 + exp x. */
static bool inverse_is_sigmoid(an_reals *r, an_expr *f, an_expr *out)
{
    an_expr x;
    if (!an_expr_settle(r, f) || f->terms != 2 || f->at[0].factors != 0 || f->at[1].own != 0)
        return false;
    if (fabs(f->at[0].scale - 1) > 1e-12 || fabs(f->at[1].scale - 1) > 1e-12) return false;
    if (!exponent_of(r, &f->at[1], f, &x) || !an_expr_scaled(r, &x, -1)) return false;
    an_real_used(r, AN_REAL_SIGMOID);
    return an_expr_sigmoid(r, &x, out);
}

/* By which power of exp(u) the term is multiplied, rounded towards 0; e is exp(u). */
static int exponential_in(const an_monomial *t, const an_monomial *e)
{
    double least = 0;
    for (int i = 0; i < e->factors; i++) {
        double times = 0;
        for (int k = 0; k < t->factors; k++)
            if (t->at[k].atom == e->at[i].atom && t->at[k].length == e->at[i].length &&
                !memcmp(t->at[k].at, e->at[i].at, e->at[i].length))
                times = t->at[k].power / e->at[i].power;
        if (i == 0 || fabs(times) < fabs(least)) least = times;
        if (times * least < 0) return 0;
    }
    return least > 1 - 1e-12 ? 1 : least < -1 + 1e-12 ? -1 : 0;
}

static bool take_exponential(an_reals *r, an_monomial *t, const an_monomial *e, int times)
{
    for (int i = 0; i < e->factors; i++)
        if (!push(t, e->at[i], -times * e->at[i].power)) return false;
    return an_term_tidy(r, t);
}

/* exp(u) * s = exp(u) - s, exp(-u) * s = 1 - s, where s = sigmoid(u). */
bool an_expr_add_product(an_reals *r, an_expr *f, const an_monomial *t, int left)
{
    int at = -1;
    bool any = false;
    for (int i = 0; i < t->factors; i++) {
        any = any || is_fn(r, &t->at[i], AN_OP_exp);
        if (is_fn(r, &t->at[i], AN_OP_sigmoid) && t->at[i].power == 1) at = i;
    }
    an_expr u, e;
    if (at < 0 || !any || !left || !argument_of(r, &t->at[at], f, &u) || !an_expr_exp(r, &u, &e) ||
        e.terms != 1 || e.at[0].scale != 1)
        return an_expr_add_term(f, t);
    const int times = exponential_in(t, &e.at[0]);
    if (times == 0) return an_expr_add_term(f, t);
    an_monomial one = *t, other = *t;
    an_real_used(r, AN_REAL_SIGMOID);
    one.at[at] = one.at[--one.factors];
    if (!an_term_tidy(r, &one) || !take_exponential(r, &other, &e.at[0], times)) return false;
    if (times < 0 && !take_exponential(r, &one, &e.at[0], times)) return false;
    other.scale = -other.scale;
    return an_expr_add_product(r, f, &one, left - 1) && an_expr_add_product(r, f, &other, left - 1);
}

/* ---- 1 / x, sqrt, log --------------------------------------------------- */

/* A term without what its own indices are read by, and that part apart. */
static void part_own(const an_monomial *t, an_monomial *free, an_monomial *own)
{
    *free = *own = (an_monomial){.scale = 1};
    free->scale = t->scale;
    own->own = t->own;
    memcpy(own->extent, t->extent, sizeof own->extent);
    for (int i = 0; i < t->factors; i++) {
        an_monomial *to = reads_own(&t->at[i]) ? own : free;
        to->at[to->factors++] = t->at[i];
    }
}

static bool as_function(an_reals *r, int code, const an_monomial *t, const an_expr *like,
                        an_expr *out)
{
    an_expr f;
    begin_like(&f, like);
    f.at[0] = *t;
    f.terms = 1;
    return an_expr_function(r, code ? an_op(code) : NULL, NULL, &f, out);
}

/* 1 / a factor. */
static bool invert_factor(an_reals *r, const an_factor *f, const an_expr *like, an_expr *out)
{
    const bool free = is_fn(r, f, AN_OP_exp) || r->atoms[f->atom].kind == AN_ATOM_EXTENT;
    an_monomial t = {.scale = 1};
    push(&t, *f, free ? -f->power : 1);
    if (free) {
        begin_like(out, like);
        out->at[0] = t;
        out->terms = 1;
        return true;
    }
    if (!as_function(r, AN_OP_reciprocal, &t, like, out)) return false;
    out->at[0].at[0].power = f->power;
    return true;
}

bool an_expr_inverse(an_reals *r, const an_expr *f, an_expr *out)
{
    an_expr x, part;
    an_monomial common, free, own;
    an_expr_copy(&x, f);
    if (x.terms == 2 && inverse_is_sigmoid(r, &x, out)) return true;
    an_expr_copy(&x, f);
    if (!take_common(r, &x, true, &common)) return false;
    begin_one(out, &x);
    out->at[0].scale = 1 / common.scale;
    for (int i = 0; i < common.factors; i++)
        if (!push(&out->at[0], common.at[i], -common.at[i].power)) return false;
    if (!isfinite(out->at[0].scale)) return false;
    if (x.terms > 1) {
        if (inverse_is_sigmoid(r, &x, &part)) return times_into(r, out, &part);
        if (!an_expr_function(r, an_op(AN_OP_reciprocal), NULL, &x, &part)) return false;
        return times_into(r, out, &part);
    }
    part_own(&x.at[0], &free, &own);
    for (int i = 0; i < free.factors; i++)
        if (!invert_factor(r, &free.at[i], &x, &part) || !times_into(r, out, &part)) return false;
    if (own.factors == 0) return true;
    return as_function(r, AN_OP_reciprocal, &own, &x, &part) && times_into(r, out, &part);
}

/* The only factor of a single term, once, if it is 1 / something. */
static bool is_inverse(const an_reals *r, const an_expr *f)
{
    const an_monomial *t = &f->at[0];
    return f->terms == 1 && t->factors == 1 && t->own == 0 && t->at[0].power == 1 &&
           is_fn(r, &t->at[0], AN_OP_reciprocal);
}

bool an_expr_root(an_reals *r, const an_expr *f, an_expr *out)
{
    an_expr x, part, inner;
    an_monomial common;
    an_expr_copy(&x, f);
    if (!take_common(r, &x, false, &common)) return false;
    begin_one(out, &x);
    out->at[0].scale = sqrt(common.scale);
    for (int i = 0; i < common.factors; i++)
        if (!push(&out->at[0], common.at[i], common.at[i].power / 2)) return false;
    an_real_used(r, AN_REAL_ROOT);
    double number;
    if (an_expr_is_number(&x, &number) && number == 1) return true;
    if (is_inverse(r, &x)) {
        if (!argument_of(r, &x.at[0].at[0], &x, &inner) ||
            !an_expr_function(r, an_op(AN_OP_sqrt), NULL, &inner, &part) ||
            !an_expr_inverse(r, &part, &inner))
            return false;
        return times_into(r, out, &inner);
    }
    return an_expr_function(r, an_op(AN_OP_sqrt), NULL, &x, &part) && times_into(r, out, &part);
}

bool an_expr_log(an_reals *r, const an_expr *f, an_expr *out)
{
    an_expr x, part, sum;
    an_monomial common;
    an_expr_copy(&x, f);
    if (!take_common(r, &x, false, &common)) return false;
    begin_one(out, &x);
    out->at[0].scale = an_real_number(r, log(common.scale), true);
    out->terms = common.scale != 1;
    common.scale = 1;
    if (!exponent_of(r, &common, &x, &part) || !an_expr_plus(r, out, &part, &sum)) return false;
    an_real_used(r, AN_REAL_LOG);
    double number;
    if (an_expr_is_number(&x, &number) && number == 1) {
        an_expr_copy(out, &sum);
        return true;
    }
    const bool inverse = is_inverse(r, &x);
    an_expr inner;
    if (inverse && !argument_of(r, &x.at[0].at[0], &x, &inner)) return false;
    if (!an_expr_function(r, an_op(AN_OP_log), NULL, inverse ? &inner : &x, &part)) return false;
    if (inverse && !an_expr_scaled(r, &part, -1)) return false;
    return an_expr_plus(r, &sum, &part, out);
}
