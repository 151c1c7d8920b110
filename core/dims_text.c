/* dims_text.c -- writes dimensions, shapes and types, and reads dimensions.
 *
 *   sum     = ["-"] product { ("+" | "-") product }
 *   product = factor { ("*" | "/") factor }        from left to right
 *   factor  = number | name | "(" sum ")"
 *
 * Spaces may stand between tokens. What is added and what is subtracted is
 * summed apart, so that "3-T+U" never asks for the dimension 3-T on its way.
 * What is written here is the canonical text: what it reads back as is the same
 * dimension, in any table. Parentheses nest at most DEEPEST deep.            */
#include <string.h>

#include "core/dims_table.h"

#define DEEPEST 64

/* ---- writing ----------------------------------------------------------- */

/* Order by text, not by number: numbers depend on which name was met first. */
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
        const an_dims_entry *e = &dims->entries[t->atom[i]];
        if (i > 0 || coef != 1) an_text_add(out, "*");
        const bool enclose = product && e->kind == AN_DIMS_DIVISION;
        an_text_addf(out, enclose ? "(%s)" : "%s", e->text);
    }
}

void an_dims_write_polynomial(const an_dims *dims, const an_poly *p, an_text *out)
{
    an_poly sorted = *p;
    sort_for_print(dims, &sorted);
    for (int i = 0; i < sorted.terms; i++) {
        if (sorted.term[i].coef < 0) an_text_add(out, "-");
        else if (i > 0) an_text_add(out, "+");
        write_term(dims, &sorted.term[i], out);
    }
}

void an_dims_print(const an_dims *dims, an_dim d, an_text *out)
{
    if (!an_dims_valid(dims, d)) an_text_add(out, "?");
    else if (d >= 0) an_text_addf(out, "%lld", (long long)d);
    else an_text_add(out, dims->entries[an_dims_index(d)].text);
}

void an_shape_print(const an_dims *dims, const an_shape *shape, an_text *out)
{
    an_text_add(out, "[");
    for (int i = 0; shape && i < shape->rank && i < AN_MAX_RANK; i++) {
        if (i > 0) an_text_add(out, ",");
        an_dims_print(dims, shape->dim[i], out);
    }
    an_text_add(out, "]");
}

void an_type_print(const an_dims *dims, const an_type *type, an_text *out)
{
    an_text_add(out, type ? an_dtype_name(type->dtype) : "?");
    an_shape_print(dims, type ? &type->shape : NULL, out);
}

/* ---- reading ----------------------------------------------------------- */

typedef struct parser {
    an_dims *dims;
    const char *at;
    int depth;
} parser;

/* Moves past spaces and `c` if that comes next; otherwise stays. */
static bool accept(parser *p, char c)
{
    const char *next = p->at + strspn(p->at, " ");
    if (*next != c) return false;
    p->at = next + 1;
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* A number too large for an extent is ill-formed, not wrapped. */
static an_dim parse_number(parser *p)
{
    an_dim value = 0;
    for (; is_digit(*p->at); p->at++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, *p->at - '0', &value))
            return AN_DIM_BAD;
    return value;
}

static an_dim parse_name(parser *p)
{
    char name[AN_DIMS_NAME_LONGEST + 1];
    const int64_t length = an_dims_name_length(p->at);
    if (length == 0 || length > AN_DIMS_NAME_LONGEST) return AN_DIM_BAD;
    memcpy(name, p->at, (size_t)length);
    name[length] = 0;
    p->at += length;
    return an_dims_name(p->dims, name);
}

static an_dim parse_sum(parser *p);

/* The only place that recurses, hence the only one that counts depth. */
static an_dim parse_factor(parser *p)
{
    p->at += strspn(p->at, " ");
    if (is_digit(*p->at)) return parse_number(p);
    if (!accept(p, '(')) return parse_name(p);
    if (p->depth == DEEPEST) return AN_DIM_BAD;
    p->depth++;
    const an_dim inner = parse_sum(p);
    p->depth--;
    return accept(p, ')') ? inner : AN_DIM_BAD;
}

static an_dim parse_product(parser *p)
{
    an_dim product = parse_factor(p);
    while (product != AN_DIM_BAD) {
        if (accept(p, '*')) product = an_dims_mul(p->dims, product, parse_factor(p));
        else if (accept(p, '/')) product = an_dims_div(p->dims, product, parse_factor(p));
        else break;
    }
    return product;
}

static an_dim parse_sum(parser *p)
{
    an_dim added = 0, subtracted = 0;
    bool minus = accept(p, '-');
    do {
        an_dim *part = minus ? &subtracted : &added;
        *part = an_dims_add(p->dims, *part, parse_product(p));
        if (*part == AN_DIM_BAD) return AN_DIM_BAD;
        minus = accept(p, '-');
    } while (minus || accept(p, '+'));
    return an_dims_sub(p->dims, added, subtracted);
}

an_dim an_dims_parse(an_dims *dims, const char **cursor)
{
    if (!dims || !cursor || !*cursor) return AN_DIM_BAD;
    parser p = {.dims = dims, .at = *cursor};
    const an_dim d = parse_sum(&p);
    if (d != AN_DIM_BAD) *cursor = p.at;
    return d;
}

/* By way of the canonical text: it means the same in every table. */
an_dim an_dims_translate(an_dims *dims, const an_dims *from, an_dim d)
{
    if (!dims || !an_dims_valid(from, d)) return AN_DIM_BAD;
    if (d >= 0) return d;
    an_text text = {0};
    an_dims_print(from, d, &text);
    const char *cursor = an_text_view(&text);
    const an_dim translated = text.failed ? AN_DIM_BAD : an_dims_parse(dims, &cursor);
    an_text_free(&text);
    return translated;
}
