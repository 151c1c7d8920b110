/* dims.h -- the arithmetic of named dimensions.
 *
 * A symbolic dimension is a polynomial with integer coefficients whose atoms are
 * names and floor divisions. Everything is hash-consed in its canonical form, so
 * equality of an_dim is equality of expressions: T+3-3 is T, B*(T+1) is B*T+B,
 * (T-1)/2+1 is (T+1)/2. One table belongs to one graph; a copied table gives the
 * same numbers to the same expressions, so handles survive the passes.
 *
 * An extent is never negative, so a difference like T-3 also says T >= 3: bind
 * checks it. Dividing by T says T > 0, and T/T is 1.                         */
#ifndef AN_CORE_DIMS_H
#define AN_CORE_DIMS_H

#include "core/core.h"
#include "core/text.h"

typedef struct an_dims an_dims;

/* What the arithmetic returns when memory is out, an extent overflows, an operand
 * is no dimension, or an expression exceeds the limits in dims.c. It is below
 * AN_DIM_SYMBOLIC yet never an entry. */
#define AN_DIM_BAD INT64_MIN
/* Whether it was memory since the last time this was asked. */
bool an_dims_starved(an_dims *dims);

an_dims *an_dims_new(void);
an_dims *an_dims_copy(const an_dims *dims);
void an_dims_free(an_dims *dims);

/* The dimension of that name, made at its first mention. Names are C
 * identifiers; anything else gives AN_DIM_BAD. */
an_dim an_dims_name(an_dims *dims, const char *name);
bool an_dims_valid(const an_dims *dims, an_dim d); /* an extent, or an entry of this table */

/* Sums, differences and products; literal extents fold. A difference that is a
 * negative literal gives AN_DIM_BAD; a symbolic one is checked when bound. */
an_dim an_dims_add(an_dims *dims, an_dim a, an_dim b);
an_dim an_dims_sub(an_dims *dims, an_dim a, an_dim b);
an_dim an_dims_mul(an_dims *dims, an_dim a, an_dim b);
/* Floor division by a positive dimension. Exact where the factors cancel
 * (2*B*T / T is 2*B), otherwise a derived atom. AN_DIM_BAD for a literal 0. */
an_dim an_dims_div(an_dims *dims, an_dim a, an_dim b);
/* True if b certainly divides a: the quotient then holds no new division. */
bool an_dims_divides(an_dims *dims, an_dim a, an_dim b, an_dim *quotient);
/* False if the extents that are numbers alone make a tensor too large (AN_MOST_ELEMENTS). */
bool an_dims_fit(const an_shape *shape);
/* Product of all dims of a shape, as one dimension; AN_DIM_BAD if it does not fit. */
an_dim an_dims_count(an_dims *dims, const an_shape *shape);
/* The same dimension, written in `from`, in this table (names meet names). */
an_dim an_dims_translate(an_dims *dims, const an_dims *from, an_dim d);

/* Text: "12", "B", "2*B*T", "T+1", "(T+1)/2". */
void an_dims_print(const an_dims *dims, an_dim d, an_text *out);
void an_shape_print(const an_dims *dims, const an_shape *shape, an_text *out); /* [B,T,64] */
void an_type_print(const an_dims *dims, const an_type *type, an_text *out);    /* f32[B,T,64] */
/* Whether two types, each of its own table, would be written alike. Allocates nothing. */
bool an_types_alike(const an_dims *dims, const an_type *a, const an_dims *others, const an_type *b);
/* Parses a dimension at `*cursor` and moves it on; AN_DIM_BAD if ill-formed, and
 * then the cursor stays. A copied or another table reads it as the same thing. */
an_dim an_dims_parse(an_dims *dims, const char **cursor);

/* ---- binding: from names to extents ------------------------------------ */

int an_dims_names(const an_dims *dims);                    /* how many names */
const char *an_dims_name_at(const an_dims *dims, int i);   /* the i-th, in order of first mention */
int an_dims_entries(const an_dims *dims);                  /* how many entries, names included */
/* The index of `d`'s name if it is a bare name, else -1. */
int an_dims_name_index(const an_dims *dims, an_dim d);

/* Computes every entry from the names' extents (`bound[i]` for name i, -1 where
 * unbound) into `extent[an_dims_entries]`; -1 where a needed name is unbound.
 * AN_E_BINDING and a message if an entry comes out negative, AN_E_LIMIT if it
 * overflows. Allocates nothing. */
an_status an_dims_bind(const an_dims *dims, const int64_t *bound, int64_t *extent, an_error *e);
/* The same, and which entry it was: AN_DIM_BAD if none. All others are computed all the same, but
 * for those made of it. */
an_status an_dims_bind_all(const an_dims *dims, const int64_t *bound, int64_t *extent,
                           an_dim *culprit, an_error *e);
/* What `value` for `d` says of the names in it, by `bound`. */
typedef enum an_dims_answer {
    AN_DIMS_OPEN,  /* nothing: several names are unbound, or it is not linear in the one (*name is
                    * one of them, -2 of those in a division); or none is (-1) */
    AN_DIMS_SAYS,  /* name *name is *extent */
    AN_DIMS_NEVER  /* no extent of name *name gives that */
} an_dims_answer;
an_dims_answer an_dims_solve(const an_dims *dims, an_dim d, int64_t value, const int64_t *bound,
                             int *name, int64_t *extent);
/* The extent of `d` under such a binding; -1 if unbound. */
int64_t an_dim_extent(an_dim d, const int64_t *extent);
static inline bool an_dim_is_symbolic(an_dim d) { return d <= AN_DIM_SYMBOLIC && d != AN_DIM_BAD; }

#endif
