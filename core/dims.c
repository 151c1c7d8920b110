/* dims.c -- the table of dimensions: one entry per distinct expression.
 *
 * The canonical form is a polynomial whose atoms are names and floor divisions,
 * written as text with names in alphabetical order. The text is the key of the
 * table, so it does not depend on the order in which expressions were built,
 * and what prints alike is equal. An entry only refers to earlier entries:
 * evaluating them in order needs no recursion.
 *
 * Refuses polynomials beyond the limits of polynomial.h, divisions nested
 * deeper than DEEPEST and texts beyond LONGEST, so that hostile files cannot
 * make expressions explode.                                                  */
#include "core/dims.h"

#include <ctype.h>
#include <string.h>

#include "core/memory.h"
#include "core/polynomial.h"
#include "core/random.h"

#define LONGEST 4096 /* bytes of one expression's text */
#define DEEPEST 24   /* divisions within divisions; the parser accepts more */

typedef enum kind { NAME, DIVISION, POLYNOMIAL } kind;

typedef struct entry {
    kind kind;
    int depth;                   /* of nested divisions */
    int name;                    /* NAME: its number in order of first mention */
    int terms;                   /* POLYNOMIAL */
    const an_term *term;
    an_dim numerator, denominator; /* DIVISION */
    const char *text;
} entry;

struct an_dims {
    an_arena arena; /* texts and terms */
    entry *entries;
    int64_t count, capacity;
    int32_t *names; /* entry of each name */
    int64_t name_count, name_capacity;
    int32_t *slots; /* open addressing by text: entry + 1, or 0 */
    int64_t slot_count; /* a power of two, at least twice `count` */
};

static an_dim dim_of(int64_t index)
{
    return AN_DIM_SYMBOLIC - index;
}

static int64_t index_of(an_dim d)
{
    return AN_DIM_SYMBOLIC - d;
}

/* ---- the table --------------------------------------------------------- */

an_dims *an_dims_new(void)
{
    return an_alloc_zeroed((int64_t)sizeof(an_dims));
}

void an_dims_free(an_dims *dims)
{
    if (!dims) return;
    an_arena_free(&dims->arena);
    an_free(dims->entries);
    an_free(dims->names);
    an_free(dims->slots);
    an_free(dims);
}

/* The slot that holds `text`, or the empty one where it belongs. */
static int32_t *find_slot(const an_dims *dims, const char *text)
{
    const uint64_t mask = (uint64_t)dims->slot_count - 1;
    for (uint64_t i = an_hash_string(text);; i++) {
        int32_t *slot = &dims->slots[i & mask];
        if (*slot == 0 || strcmp(dims->entries[*slot - 1].text, text) == 0) return slot;
    }
}

static bool grow_slots(an_dims *dims)
{
    if ((dims->count + 1) * 2 <= dims->slot_count) return true;
    const int64_t wanted = dims->slot_count > 0 ? dims->slot_count * 2 : 32;
    int32_t *slots = an_alloc_zeroed(wanted * (int64_t)sizeof *slots);
    if (!slots) return false;
    an_free(dims->slots);
    dims->slots = slots;
    dims->slot_count = wanted;
    for (int64_t i = 0; i < dims->count; i++)
        *find_slot(dims, dims->entries[i].text) = (int32_t)(i + 1);
    return true;
}

/* Finds or adds the entry with e->text; terms and text are copied. */
static an_dim intern(an_dims *dims, const entry *e)
{
    if (dims->count >= INT32_MAX - 1 || !grow_slots(dims)) return AN_DIM_BAD;
    int32_t *slot = find_slot(dims, e->text);
    if (*slot) return dim_of(*slot - 1);

    if (!AN_GROW(dims->entries, dims->capacity, dims->count + 1)) return AN_DIM_BAD;
    if (e->kind == NAME && !AN_GROW(dims->names, dims->name_capacity, dims->name_count + 1))
        return AN_DIM_BAD;
    entry added = *e;
    added.text = an_arena_string(&dims->arena, e->text);
    if (!added.text) return AN_DIM_BAD;
    if (e->terms > 0) {
        added.term = an_arena_copy(&dims->arena, e->term, e->terms * (int64_t)sizeof *e->term);
        if (!added.term) return AN_DIM_BAD;
    }
    if (e->kind == NAME) {
        added.name = (int)dims->name_count;
        dims->names[dims->name_count++] = (int32_t)dims->count;
    }
    dims->entries[dims->count] = added;
    *slot = (int32_t)++dims->count;
    return dim_of(dims->count - 1);
}

an_dims *an_dims_copy(const an_dims *dims)
{
    an_dims *copy = dims ? an_dims_new() : NULL;
    if (!copy) return NULL;
    for (int64_t i = 0; i < dims->count; i++)
        if (intern(copy, &dims->entries[i]) == AN_DIM_BAD) {
            an_dims_free(copy);
            return NULL;
        }
    return copy;
}

bool an_dims_valid(const an_dims *dims, an_dim d)
{
    if (d >= 0) return true;
    return dims && an_dim_is_symbolic(d) && index_of(d) < dims->count;
}

an_dim an_dims_name(an_dims *dims, const char *name)
{
    if (!dims || !name || !(isalpha((unsigned char)*name) || *name == '_')) return AN_DIM_BAD;
    size_t length = 1;
    while (isalnum((unsigned char)name[length]) || name[length] == '_') length++;
    if (name[length] || length > LONGEST) return AN_DIM_BAD;
    return intern(dims, &(entry){.kind = NAME, .text = name});
}

/* ---- the canonical text ------------------------------------------------ */

static const char *atom_text(const an_dims *dims, int32_t atom)
{
    return dims->entries[atom].text;
}

/* Whether a comes after b in print: added terms before subtracted ones, higher
 * degree first, then alphabetically. */
static bool prints_after(const an_dims *dims, const an_term *a, const an_term *b)
{
    if ((a->coef < 0) != (b->coef < 0)) return a->coef < 0;
    if (a->degree != b->degree) return a->degree < b->degree;
    for (int i = 0; i < a->degree; i++) {
        const int order = strcmp(atom_text(dims, a->atom[i]), atom_text(dims, b->atom[i]));
        if (order != 0) return order > 0;
    }
    return false;
}

/* Sorts for print: first the atoms of each term, then the terms. */
static void sort_for_print(const an_dims *dims, an_poly *p)
{
    for (int t = 0; t < p->terms; t++) {
        int32_t *atom = p->term[t].atom;
        for (int i = 1; i < p->term[t].degree; i++)
            for (int k = i;
                 k > 0 && strcmp(atom_text(dims, atom[k - 1]), atom_text(dims, atom[k])) > 0; k--) {
                const int32_t swap = atom[k];
                atom[k] = atom[k - 1];
                atom[k - 1] = swap;
            }
    }
    for (int i = 1; i < p->terms; i++)
        for (int k = i; k > 0 && prints_after(dims, &p->term[k - 1], &p->term[k]); k--) {
            const an_term swap = p->term[k];
            p->term[k] = p->term[k - 1];
            p->term[k - 1] = swap;
        }
}

/* "2*B*T" without its sign. A division needs parentheses inside a product. */
static void write_term(const an_dims *dims, const an_term *t, an_text *out)
{
    const uint64_t coef = t->coef < 0 ? -(uint64_t)t->coef : (uint64_t)t->coef;
    const bool product = t->degree + (coef != 1) > 1;
    if (coef != 1 || t->degree == 0) an_text_addf(out, "%llu", (unsigned long long)coef);
    for (int i = 0; i < t->degree; i++) {
        const entry *e = &dims->entries[t->atom[i]];
        if (i > 0 || coef != 1) an_text_add(out, "*");
        const bool enclose = product && e->kind == DIVISION;
        an_text_addf(out, enclose ? "(%s)" : "%s", e->text);
    }
}

static void write_polynomial(const an_dims *dims, const an_poly *p, an_text *out)
{
    an_poly sorted = *p;
    sort_for_print(dims, &sorted);
    for (int i = 0; i < sorted.terms; i++) {
        if (sorted.term[i].coef < 0) an_text_add(out, "-");
        else if (i > 0) an_text_add(out, "+");
        write_term(dims, &sorted.term[i], out);
    }
}

/* ---- from dimensions to polynomials and back --------------------------- */

static bool load(const an_dims *dims, an_dim d, an_poly *p)
{
    if (!dims || !an_dims_valid(dims, d)) return false;
    if (d >= 0) {
        an_poly_constant(p, d);
        return true;
    }
    const entry *e = &dims->entries[index_of(d)];
    if (e->kind != POLYNOMIAL) {
        an_poly_atom(p, (int32_t)index_of(d));
        return true;
    }
    p->terms = e->terms;
    memcpy(p->term, e->term, (size_t)e->terms * sizeof *e->term);
    return true;
}

/* Interns `e` under the text in `out`, and frees that. */
static an_dim intern_text(an_dims *dims, entry *e, an_text *out)
{
    an_dim d = AN_DIM_BAD;
    if (!out->failed && out->length <= LONGEST && e->depth <= DEEPEST) {
        e->text = an_text_view(out);
        d = intern(dims, e);
    }
    an_text_free(out);
    return d;
}

static an_dim store(an_dims *dims, const an_poly *p)
{
    int64_t value;
    if (an_poly_is_constant(p, &value)) return value < 0 ? AN_DIM_BAD : value;
    const an_term *first = &p->term[0];
    if (p->terms == 1 && first->degree == 1 && first->coef == 1) return dim_of(first->atom[0]);

    entry e = {.kind = POLYNOMIAL, .terms = p->terms, .term = p->term};
    for (int t = 0; t < p->terms; t++)
        for (int i = 0; i < p->term[t].degree; i++) {
            const int depth = dims->entries[p->term[t].atom[i]].depth;
            if (depth > e.depth) e.depth = depth;
        }
    an_text out = {0};
    write_polynomial(dims, p, &out);
    return intern_text(dims, &e, &out);
}

/* ---- arithmetic -------------------------------------------------------- */

an_dim an_dims_add(an_dims *dims, an_dim a, an_dim b)
{
    an_poly x, y, sum;
    if (!load(dims, a, &x) || !load(dims, b, &y)) return AN_DIM_BAD;
    return an_poly_add_scaled(&sum, &x, &y, 1) ? store(dims, &sum) : AN_DIM_BAD;
}

an_dim an_dims_sub(an_dims *dims, an_dim a, an_dim b)
{
    an_poly x, y, difference;
    if (!load(dims, a, &x) || !load(dims, b, &y)) return AN_DIM_BAD;
    return an_poly_add_scaled(&difference, &x, &y, -1) ? store(dims, &difference) : AN_DIM_BAD;
}

an_dim an_dims_mul(an_dims *dims, an_dim a, an_dim b)
{
    an_poly x, y, product;
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
    return d < 0 ? dims->entries[index_of(d)].depth : 0;
}

/* The atom floor(x / y), of polynomials that have nothing more to cancel. */
static an_dim store_division(an_dims *dims, const an_poly *x, const an_poly *y)
{
    const an_dim num = store(dims, x), den = store(dims, y);
    if (num == AN_DIM_BAD || den == AN_DIM_BAD) return AN_DIM_BAD;
    entry e = {.kind = DIVISION, .numerator = num, .denominator = den};
    const int a = depth_of(dims, num), b = depth_of(dims, den);
    e.depth = 1 + (a > b ? a : b);

    /* '/' binds as '*' does, from the left: a product may stand before it bare,
     * after it only a number or a name. */
    const bool bare_num = x->terms == 1 && x->term[0].coef > 0;
    const bool bare_den =
        den >= 0 || dims->entries[index_of(den)].kind == NAME;
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
    if (b == 0 || !load(dims, a, &x) || !load(dims, b, &y)) return AN_DIM_BAD;
    if (an_poly_divide(&q, &x, &y)) return store(dims, &q);
    an_poly_cancel(&x, &y);
    int64_t d;
    if (!an_poly_is_constant(&y, &d)) return store_division(dims, &x, &y);
    return d > 0 ? divide_by_integer(dims, &x, d) : AN_DIM_BAD;
}

an_dim an_dims_count(an_dims *dims, const an_shape *shape)
{
    if (!dims || !shape || shape->rank < 0 || shape->rank > AN_MAX_RANK) return AN_DIM_BAD;
    an_dim count = 1;
    for (int i = 0; i < shape->rank; i++) count = an_dims_mul(dims, count, shape->dim[i]);
    return count;
}

void an_dims_print(const an_dims *dims, an_dim d, an_text *out)
{
    if (!an_dims_valid(dims, d)) an_text_add(out, "?");
    else if (d >= 0) an_text_addf(out, "%lld", (long long)d);
    else an_text_add(out, dims->entries[index_of(d)].text);
}

/* ---- binding ----------------------------------------------------------- */

int an_dims_names(const an_dims *dims)
{
    return dims ? (int)dims->name_count : 0;
}

const char *an_dims_name_at(const an_dims *dims, int i)
{
    if (!dims || i < 0 || i >= dims->name_count) return NULL;
    return dims->entries[dims->names[i]].text;
}

int an_dims_entries(const an_dims *dims)
{
    return dims ? (int)dims->count : 0;
}

int an_dims_name_index(const an_dims *dims, an_dim d)
{
    if (!an_dim_is_symbolic(d) || !an_dims_valid(dims, d)) return -1;
    const entry *e = &dims->entries[index_of(d)];
    return e->kind == NAME ? e->name : -1;
}

int64_t an_dim_extent(an_dim d, const int64_t *extent)
{
    if (d >= 0) return d;
    return extent && an_dim_is_symbolic(d) ? extent[index_of(d)] : -1;
}

/* Value of a polynomial; false on overflow. *known turns false at an atom that
 * is not bound. */
static bool evaluate(const entry *e, const int64_t *extent, int64_t *value, bool *known)
{
    int64_t sum = 0;
    for (int t = 0; t < e->terms; t++) {
        int64_t product = e->term[t].coef;
        for (int i = 0; i < e->term[t].degree; i++) {
            const int64_t factor = extent[e->term[t].atom[i]];
            if (factor < 0) *known = false;
            else if (__builtin_mul_overflow(product, factor, &product)) return false;
        }
        if (__builtin_add_overflow(sum, product, &sum)) return false;
    }
    *value = sum;
    return true;
}

/* One entry, from those before it; -1 if it depends on an unbound name. */
static an_status bind_entry(const entry *e, const int64_t *bound, int64_t *extent, int64_t *value,
                            an_error *error)
{
    bool known = true;
    if (e->kind == NAME) {
        *value = bound[e->name];
        known = *value != -1;
    } else if (e->kind == DIVISION) {
        const int64_t num = an_dim_extent(e->numerator, extent);
        const int64_t den = an_dim_extent(e->denominator, extent);
        known = num >= 0 && den >= 0;
        if (den == 0) return an_fail(error, AN_E_BINDING, "%s divides by zero", e->text);
        *value = known ? num / den : -1;
    } else if (!evaluate(e, extent, value, &known)) {
        return an_fail(error, AN_E_LIMIT, "%s overflows", e->text);
    }
    if (!known) *value = -1;
    else if (*value < 0)
        return an_fail(error, AN_E_BINDING, "%s would be %lld", e->text, (long long)*value);
    return AN_OK;
}

an_status an_dims_bind(const an_dims *dims, const int64_t *bound, int64_t *extent, an_error *e)
{
    if (!dims || (dims->name_count > 0 && !bound) || (dims->count > 0 && !extent))
        return an_fail(e, AN_E_ARGUMENT, "an_dims_bind: an argument is NULL");
    for (int64_t i = 0; i < dims->count; i++) {
        const an_status status = bind_entry(&dims->entries[i], bound, extent, &extent[i], e);
        if (status != AN_OK) return status;
    }
    return AN_OK;
}
