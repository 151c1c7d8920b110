/* dims_print.c -- writes dimensions, shapes and types.
 *
 * What is written here is the canonical text, and the key of the table: what it
 * reads back as is the same dimension, in any table.                          */
#include "core/dims_table.h"

#include <string.h>

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

/* Invalid ones are alike, as they are when written. */
static bool dims_alike(const an_dims *dims, an_dim a, const an_dims *others, an_dim b)
{
    const bool good = an_dims_valid(dims, a), other_good = an_dims_valid(others, b);
    if (!good || !other_good) return good == other_good;
    if (a >= 0 || b >= 0) return a == b;
    return !strcmp(dims->entries[an_dims_index(a)].text, others->entries[an_dims_index(b)].text);
}

bool an_types_alike(const an_dims *dims, const an_type *a, const an_dims *others, const an_type *b)
{
    if (a->dtype != b->dtype || a->shape.rank != b->shape.rank) return false;
    for (int i = 0; i < a->shape.rank; i++)
        if (!dims_alike(dims, a->shape.dim[i], others, b->shape.dim[i])) return false;
    return true;
}
