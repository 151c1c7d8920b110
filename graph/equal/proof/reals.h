/* reals.h -- values as sums of products in index notation: what is equal over the reals.
 *
 *   y[b,i] = sum over k: 0.5 * x[b,k] * w[k,i] + v[i]
 *
 * is a *form* of two terms. A term is a number times factors, summed over indices that are its
 * own; a factor is an *atom* to a power, read at indices. So products, sums along axes, transposes
 * and repetition are indices and nothing else, and an axis of extent H*D that was cut or put
 * together by a reshape is read at two of them. Atoms are what no law here looks into: leaves,
 * other ops, and functions of forms. Equal forms are one, and have one number.
 *
 *   reals.c            rounds over the cones of roots that do not meet; ops as forms
 *   reals_laws.c       what ops and their usual spellings are
 *   reals_function.c   exp, log, roots and reciprocals of forms
 *   reals_algebra.c    sums, products, moves of forms
 *   reals_form.c       one spelling for each form
 *   reals_keep.c       numbers, forms and atoms, each once
 *
 * Everything is bounded: what has more terms, factors or indices than fit becomes an atom. */
#ifndef AN_GRAPH_EQUAL_REALS_H
#define AN_GRAPH_EQUAL_REALS_H

#include "graph/equal/proof/prover.h"

#include <math.h>

#define AN_REAL_TERMS 16
#define AN_REAL_FACTORS 12
#define AN_REAL_STRING 24  /* indices at which a factor is read, and ends of axes */
#define AN_REAL_INDICES 24 /* of a form; and of a term's own */
#define AN_REAL_OWN 64     /* from here on an index is the term's own, which it is summed over */
#define AN_REAL_END 255    /* ends an axis of an atom; one of extent 1 is read at nothing */

typedef struct an_factor {
    uint32_t atom;
    double power; /* whole and above 0, but of exponentials and extents */
    uint8_t length, at[AN_REAL_STRING];
} an_factor;

typedef struct an_monomial {
    double scale;
    int factors, own;
    an_dim extent[AN_REAL_INDICES]; /* of its own indices */
    an_factor at[AN_REAL_FACTORS];
} an_monomial;

/* The form's own indices run from 0, axis by axis; an axis of extent 1 has none. */
typedef struct an_expr {
    int rank, indices, terms;
    uint8_t count[AN_MAX_RANK];
    an_dim extent[AN_REAL_INDICES];
    an_monomial at[AN_REAL_TERMS];
} an_expr;

/* The laws by number, as a proof lists them. */
enum an_real_law {
    AN_REAL_SUMS, AN_REAL_PRODUCTS, AN_REAL_POWERS, AN_REAL_QUOTIENTS, AN_REAL_MATMUL,
    AN_REAL_MEAN, AN_REAL_INDEX, AN_REAL_EXP, AN_REAL_LOG, AN_REAL_EXP_LOG, AN_REAL_ROOT,
    AN_REAL_SIGMOID, AN_REAL_TANH, AN_REAL_ODD, AN_REAL_SOFTMAX, AN_REAL_LAYER_NORM,
    AN_REAL_RMS_NORM, AN_REAL_GELU, AN_REAL_SILU, AN_REAL_SOFTPLUS, AN_REAL_RELU, AN_REAL_LARGER,
    AN_REAL_LEAST, AN_REAL_HIDDEN, AN_REAL_CHAIN, AN_REAL_NEAR, AN_REAL_SAME, AN_REAL_LAWS
};

typedef enum an_atom_kind {
    AN_ATOM_VALUE,    /* `id`: of the value graph, in normal form, or the first of many equals */
    AN_ATOM_EXTENT,   /* `id`: a dim */
    AN_ATOM_FUNCTION, /* `op` of a form, or the form itself (no op), which has the atom's axes */
    AN_ATOM_NODE      /* result `id` of `op` of forms */
} an_atom_kind;

typedef struct an_atom {
    an_atom_kind kind;
    int64_t id;
    const an_op_info *op;
    const an_attrs *attrs;
    int count;
    const uint32_t *forms;
} an_atom;

typedef struct an_packed {
    const uint8_t *bytes;
    int64_t size;
} an_packed;

typedef struct an_number_entry {
    double value;
    bool literal;
} an_number_entry;

typedef struct an_reals {
    an_prover *p;
    an_arena arena;
    an_packed *forms;     /* by number, from 1 */
    an_atom *atoms;       /* likewise */
    an_number_entry *numbers;
    int64_t form_count, form_capacity, atom_count, atom_capacity, number_count, number_capacity;
    an_index by_form, by_atom, by_number;
    bool starved;         /* memory is out */
    int64_t uses[AN_REAL_LAWS];
    uint32_t where[AN_REAL_LAWS]; /* the first value at which each was used */
    uint32_t now;                 /* the value at work */
    /* reals.c */
    uint32_t *form;       /* per value of the value graph in this round; 0: not yet */
    uint32_t *same;       /* per value: an earlier one that is equal over the reals, or itself */
    uint8_t *sides;       /* per such first value: which sides have it */
    uint8_t *steps;       /* likewise: a literal in it is a step away from its number */
    bool cut;             /* values that both sides have are atoms */
} an_reals;

#define AN_REAL_SAME_BITS 0x1p-46

static inline bool an_real_is_close(double x, double y)
{
    return fabs(x - y) <= AN_REAL_SAME_BITS * fmax(fabs(x), fabs(y));
}

static inline void an_real_used(an_reals *r, enum an_real_law law)
{
    if (!r->uses[law]++) r->where[law] = r->now;
}

/* ---- reals_form.c, reals_keep.c: all give false where something does not fit */

void an_expr_copy(an_expr *to, const an_expr *from);
/* A form of that shape without terms: 0 everywhere. */
bool an_expr_begin(an_expr *f, const an_shape *shape);
bool an_expr_number(an_expr *f, const an_shape *shape, double number);
bool an_expr_is_number(const an_expr *f, double *number);
/* The term with one spelling; added to the form, which it may cancel a term of. */
bool an_term_tidy(an_reals *r, an_monomial *t);
bool an_expr_add_term(an_expr *f, const an_monomial *t);
bool an_term_times_extent(an_reals *r, an_monomial *t, an_dim extent, double power);
bool an_expr_settle(an_reals *r, an_expr *f);
/* Of an index: two in its place; the new one follows it. */
bool an_expr_split(an_expr *f, int index, an_dim first, an_dim second);
uint32_t an_expr_keep(an_reals *r, an_expr *f); /* its number; 0 if it does not fit */
void an_expr_load(const an_reals *r, uint32_t number, an_expr *f);
uint32_t an_atom_keep(an_reals *r, const an_atom *a);
bool an_expr_of_atom(an_expr *f, const an_shape *shape, uint32_t atom);
/* op(f), element by element, as an atom; op NULL: f itself. */
bool an_expr_function(an_reals *r, const an_op_info *op, const an_attrs *attrs, const an_expr *f,
                      an_expr *out);
/* What stands for a number of this size; literals of one element also for those a step away. */
double an_real_number(an_reals *r, double x, bool literal);

/* ---- reals_algebra.c ---------------------------------------------------- */

bool an_expr_plus(an_reals *r, const an_expr *f, const an_expr *g, an_expr *out);
bool an_expr_times(an_reals *r, const an_expr *f, const an_expr *g, an_expr *out);
bool an_expr_scaled(an_reals *r, an_expr *f, double by);
/* Axis k is axis from[k], or of extent 1 where that is -1. */
bool an_expr_relaid(an_reals *r, const an_expr *f, int rank, const int *from, an_expr *out);
bool an_expr_repeated(an_reals *r, const an_expr *f, const an_shape *shape, an_expr *out);
bool an_expr_reshaped(an_reals *r, const an_expr *f, const an_shape *shape, an_expr *out);
/* Over the axes in the set; they stay with extent 1. */
bool an_expr_summed(an_reals *r, const an_expr *f, uint32_t axes, bool mean, an_expr *out);

/* ---- reals_function.c: out may not be f --------------------------------- */

bool an_expr_exp(an_reals *r, const an_expr *f, an_expr *out);
bool an_expr_log(an_reals *r, const an_expr *f, an_expr *out);
bool an_expr_root(an_reals *r, const an_expr *f, an_expr *out);
bool an_expr_inverse(an_reals *r, const an_expr *f, an_expr *out);
bool an_expr_sigmoid(an_reals *r, const an_expr *f, an_expr *out);
/* Adds a term to f, and of exp(x) * sigmoid(x) what that is; `left` bounds how often. */
bool an_expr_add_product(an_reals *r, an_expr *f, const an_monomial *t, int left);
bool an_expr_odd(an_reals *r, const an_op_info *op, const an_expr *f, an_expr *out);

/* ---- reals_laws.c -------------------------------------------------------- */

/* Result k of a node by its law, from the forms of its operands; false if there is none. */
bool an_real_apply(an_reals *r, const an_node *n, int k, an_expr *out);
/* Numbers that ops have in them, before any literal is met. */
void an_real_inherent(an_reals *r, const an_node *n);
void an_reals_used(const an_reals *r);

#endif
