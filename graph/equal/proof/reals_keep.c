/* reals_keep.c -- numbers, forms and atoms, each once.
 *
 * Numbers are computed in double. Those that agree to 46 bits are one, and so are literals of
 * one element (and what is computed of one) a float's step apart: the first is what all are held
 * against, so steps do not add up.                                           */
#include "graph/equal/proof/reals.h"

#include "core/random.h"

#include <math.h>
#include <string.h>

static uint64_t mix(uint64_t hash, uint64_t x)
{
    return an_hash_bytes(&x, sizeof x, hash);
}

static uint64_t bits_of(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* ---- numbers ----------------------------------------------------------- */

/* Whether y is x, or a step of a float away from it. */
static bool is_near(double x, double y)
{
    const float a = (float)x, b = (float)y;
    return a == b || nextafterf(a, b) == b;
}

/* A place of the index for all numbers that may be one; its neighbours may hold some, too. */
static uint64_t place_of(double x)
{
    return bits_of(x) >> 32;
}

double an_real_number(an_reals *r, double x, bool literal)
{
    if (x == 0 || x == 1 || x == -1 || !isfinite(x)) return x + 0.0;
    uint32_t near = 0;
    for (int k = -1; k <= 1; k++) {
        uint64_t probe = 0;
        uint32_t i;
        while ((i = an_index_next(&r->by_number, place_of(x) + (uint64_t)k, &probe)) != 0) {
            const an_number_entry *e = &r->numbers[i];
            if (an_real_is_close(e->value, x)) return e->value;
            if (literal && e->literal && !near && is_near(e->value, x)) near = i;
        }
    }
    if (near) {
        an_real_used(r, AN_REAL_NEAR);
        return r->numbers[near].value;
    }
    const int64_t i = r->number_count + 1;
    if (!AN_GROW(r->numbers, r->number_capacity, i + 1) ||
        !an_index_add(&r->by_number, place_of(x), (uint32_t)i)) {
        r->starved = true;
        return x;
    }
    r->numbers[i] = (an_number_entry){x, literal};
    r->number_count = i;
    return x;
}

/* ---- each form once ---------------------------------------------------- */

typedef struct writer {
    uint8_t bytes[sizeof(an_expr)];
    int64_t size;
} writer;

static void put(writer *w, const void *data, size_t size)
{
    memcpy(w->bytes + w->size, data, size);
    w->size += (int64_t)size;
}

static void pack(an_reals *r, const an_expr *f, writer *w)
{
    const uint8_t head[3] = {(uint8_t)f->rank, (uint8_t)f->indices, (uint8_t)f->terms};
    w->size = 0;
    put(w, head, sizeof head);
    put(w, f->count, (size_t)f->rank);
    put(w, f->extent, (size_t)f->indices * sizeof f->extent[0]);
    for (int i = 0; i < f->terms; i++) {
        const an_monomial *t = &f->at[i];
        const double scale = an_real_number(r, t->scale, false);
        const uint8_t counts[2] = {(uint8_t)t->factors, (uint8_t)t->own};
        put(w, &scale, sizeof scale);
        put(w, counts, sizeof counts);
        put(w, t->extent, (size_t)t->own * sizeof t->extent[0]);
        for (int k = 0; k < t->factors; k++) {
            const an_factor *x = &t->at[k];
            const double power = an_real_number(r, x->power, false);
            put(w, &x->atom, sizeof x->atom);
            put(w, &power, sizeof power);
            put(w, &x->length, 1);
            put(w, x->at, x->length);
        }
    }
}

static void get(const uint8_t **at, void *data, size_t size)
{
    memcpy(data, *at, size);
    *at += size;
}

void an_expr_load(const an_reals *r, uint32_t number, an_expr *f)
{
    const uint8_t *at = r->forms[number].bytes;
    uint8_t head[3], counts[2];
    get(&at, head, sizeof head);
    f->rank = head[0];
    f->indices = head[1];
    f->terms = head[2];
    get(&at, f->count, (size_t)f->rank);
    get(&at, f->extent, (size_t)f->indices * sizeof f->extent[0]);
    for (int i = 0; i < f->terms; i++) {
        an_monomial *t = &f->at[i];
        get(&at, &t->scale, sizeof t->scale);
        get(&at, counts, sizeof counts);
        t->factors = counts[0];
        t->own = counts[1];
        get(&at, t->extent, (size_t)t->own * sizeof t->extent[0]);
        for (int k = 0; k < t->factors; k++) {
            an_factor *x = &t->at[k];
            get(&at, &x->atom, sizeof x->atom);
            get(&at, &x->power, sizeof x->power);
            get(&at, &x->length, 1);
            get(&at, x->at, x->length);
        }
    }
}

uint32_t an_expr_keep(an_reals *r, an_expr *f)
{
    if (!an_expr_settle(r, f)) return 0;
    writer w;
    pack(r, f, &w);
    const uint64_t hash = an_hash_bytes(w.bytes, w.size, 1);
    uint64_t probe = 0;
    uint32_t i;
    while ((i = an_index_next(&r->by_form, hash, &probe)) != 0)
        if (r->forms[i].size == w.size && !memcmp(r->forms[i].bytes, w.bytes, (size_t)w.size))
            return i;
    const int64_t number = r->form_count + 1;
    const uint8_t *bytes = an_arena_copy(&r->arena, w.bytes, w.size);
    if (!bytes || !AN_GROW(r->forms, r->form_capacity, number + 1) ||
        !an_index_add(&r->by_form, hash, (uint32_t)number)) {
        r->starved = true;
        return 0;
    }
    r->forms[number] = (an_packed){bytes, w.size};
    r->form_count = number;
    return (uint32_t)number;
}

/* ---- each atom once ---------------------------------------------------- */

static bool same_atom(const an_atom *a, const an_atom *b)
{
    if (a->kind != b->kind || a->id != b->id || a->op != b->op || a->count != b->count)
        return false;
    if (a->count && memcmp(a->forms, b->forms, (size_t)a->count * sizeof *a->forms)) return false;
    return !a->attrs == !b->attrs && (!a->attrs || an_attrs_equal(a->op, a->attrs, b->attrs));
}

uint32_t an_atom_keep(an_reals *r, const an_atom *a)
{
    uint64_t hash = mix(mix((uint64_t)a->kind + 1, (uint64_t)a->id), a->op ? a->op->key : 0);
    if (a->attrs) hash = mix(hash, an_attrs_hash(a->op, a->attrs));
    for (int i = 0; i < a->count; i++) hash = mix(hash, a->forms[i]);
    uint64_t probe = 0;
    uint32_t i;
    while ((i = an_index_next(&r->by_atom, hash, &probe)) != 0)
        if (same_atom(&r->atoms[i], a)) return i;
    const int64_t number = r->atom_count + 1, size = a->count * (int64_t)sizeof *a->forms;
    const uint32_t *forms = size ? an_arena_copy(&r->arena, a->forms, size) : NULL;
    if ((size && !forms) || !AN_GROW(r->atoms, r->atom_capacity, number + 1) ||
        !an_index_add(&r->by_atom, hash, (uint32_t)number)) {
        r->starved = true;
        return 0;
    }
    r->atoms[number] = *a;
    r->atoms[number].forms = forms;
    r->atom_count = number;
    return (uint32_t)number;
}
