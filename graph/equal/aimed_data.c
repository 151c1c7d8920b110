/* aimed_data.c -- values at which ops turn, one kind of them per variant.
 *
 * A comparison shows only at ties whether it is lt or le, an eps where rows hardly vary, a
 * threshold where something lies between the old one and the new. When a proof locates a
 * difference that ordinary data does not show, each variant is tried, with the two values
 * that differ in `at`. What lies deep inside of a graph may stay out of reach: leaves are
 * all that can be aimed with.                                                */
#include "graph/equal/trial_data.h"

#include <math.h>

static double plain(const an_leaf_fill *l, int64_t i, double amount)
{
    return amount * an_plain_value(&l->own, i) * l->scale;
}

/* Of few values two are often equal. */
static double few(const an_leaf_fill *l, int64_t i, double amount)
{
    static const double of[] = {0, 1, -1, 0.5, 0, 2, 1, -0.5};
    return amount * of[an_random_bits_at(&l->own, i) % 8];
}

/* The same in all leaves, element for element; every fourth its own. */
static double equal(const an_leaf_fill *l, int64_t i, double amount)
{
    return amount * an_plain_value(i % 4 == 3 ? &l->own : &l->shared, i);
}

/* Either value or a step beside it. */
static double between(const an_leaf_fill *l, int64_t i, double amount)
{
    const uint32_t bits = an_random_bits_at(&l->own, i);
    const float at = (float)(amount * l->at[bits & 1]);
    return bits & 2 ? at : nextafterf(at, bits & 4 ? -INFINITY : INFINITY);
}

/* Rows of all sizes down to 10^-amount, kernels as usual. */
static double small(const an_leaf_fill *l, int64_t i, double amount)
{
    return plain(l, i, l->kernel ? 1 : pow(10, -amount * an_draw_uniform(&l->own, i / 8)));
}

static double one_in_eight(const an_leaf_fill *l, int64_t i, double special)
{
    return an_random_bits_at(&l->own, i) % 8 == 1 ? special : plain(l, i, 1);
}

static const struct {
    const char *name;
    double (*value)(const an_leaf_fill *l, int64_t i, double amount);
    double amount;
    bool starts; /* states are what their initialisers make */
} aims[] = {
    {"each state as it starts", plain, 1, true},
    {"another draw", plain, 1, false},
    {"few values, so many are equal", few, 1, false},
    {"all leaves equal, element for element", equal, 1, false},
    {"values at those that differ", between, 1, false},
    {"values at those that differ, and below zero", between, -1, false},
    {"rows of all sizes down to 1e-4", small, 4, false},
    {"all leaves near 1e-2", plain, 1e-2, false},
    {"all leaves near 1e-3", plain, 1e-3, false},
    {"all leaves near 1e-5", plain, 1e-5, false},
    {"all leaves near 100", plain, 100, false},
    {"zeros among the values", one_in_eight, 0, false},
    {"NaNs among the values", one_in_eight, NAN, false},
};
#define AIMS ((int)(sizeof aims / sizeof *aims))

const char *an_aimed_name(int variant)
{
    return variant < AIMS ? aims[variant].name : NULL;
}

bool an_draw_starts(const an_draw *draw)
{
    return draw->data == AN_DATA_AIMED && aims[draw->variant].starts;
}

void an_aimed_fill(const an_leaf_fill *l, an_tensor *t)
{
    const int64_t count = an_tensor_count(t);
    for (int64_t i = 0; i < count; i++)
        an_tensor_set(t, i, aims[l->variant].value(l, i, aims[l->variant].amount));
}
