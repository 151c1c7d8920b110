/* op.h -- the contract between an op and everything that uses ops.
 *
 * An op is one row in ops.def and one an_op_rules record in its family file; what a record is
 * made of, infer, gradients, meanings and kernels, is told in define.h: ops from outside are no
 * other.
 * The graph asks `infer` when a node is added, `grad` and `meaning` when it
 * differentiates, expands or proves, and runs `stages` or `ref`. An op sees
 * types and values here, never a graph's inside.                            */
#ifndef AN_OPS_OP_H
#define AN_OPS_OP_H

#include "core/dims.h"
#include "core/scan.h"
#include "core/text.h"
#include "ops/define.h"

#include <stdatomic.h>

/* Without refusing: -1 of rank 3 is 2. */
static inline int an_axis(int axis, int rank) { return axis < 0 ? axis + rank : axis; }

/* What dropout needs of its graph (defined by graph/graph.c): the i64[2] state
 * that holds seed and step, and a stream number made from the open scope. */
an_value an_random_key(an_at at, an_graph *g);
uint32_t an_new_stream(an_at at, an_graph *g);
an_value an_first_row(an_graph *g); /* as an_graph_rows_from said; or AN_NONE */
/* What gradients of slices need: the graph's dimensions, to compute attributes
 * from extents (defined by graph/graph.c). NULL gives NULL. */
an_dims *an_dims_of(an_graph *g);
/* The number as an attribute in f32, for builders; an error of the graph where it would be lost,
 * "layer_norm: eps 1e-50 becomes 0 in f32". */
float an_narrow(an_at at, an_value like, const char *what, double value);
/* Whether v is a literal, and no element of it is 0, infinite or NaN (graph/graph.c). */
bool an_is_ordinary(an_value v);
/* an_emit of an op by its row (graph/build.c). */
an_value an_emit_op(an_at at, const an_op_info *op, const an_value *in, int count,
                    const an_attrs *attrs);
an_value an_emit_opaque(an_at at, const an_op_info *op, const an_value *in, int count,
                        const an_attrs *attrs, const an_type *types, int type_count);

/* What a kernel is told by data that it refuses. The smallest position wins, so
 * the report does not depend on threads. */
typedef struct an_fault {
    atomic_flag lock;
    atomic_bool raised;
    int node; /* which node of the program; set by the executor */
    int operand;
    int64_t position, value, bound;
} an_fault;

/* ---- the record -------------------------------------------------------- */

#define AN_MOST_SHARING 8 /* results beyond lie over no operand */

#define AN_NO_FLOPS -1

/* The part that an operand or a result plays; zero: none does. */
#define AN_IN(i) ((i) + 1)
#define AN_OUT(k) (-1 - (k))

/* What a norm and its gradient are held to: which rows, and what is saved of them. */
typedef struct an_norm_roles {
    signed char row, mean, rstd; /* no mean: rows are not centred (rms_norm) */
    signed char dy, gamma, dsum, dx; /* gradients only */
} an_norm_roles;

/* Bytes of a tensor: `count` pieces of `bytes` each, the first at `first`, each `apart` behind the
 * one before. */
typedef struct an_pieces {
    int64_t count, bytes, first, apart;
} an_pieces;

/* Operand `operand` holds indices, each below this. */
typedef struct an_bound {
    enum { AN_BOUND_NONE, AN_BOUND_EXTENT, AN_BOUND_LENGTH, AN_BOUND_AXIS, AN_BOUND_SIZE,
           AN_BOUND_START } by;
    int operand;
    int axis; /* EXTENT: that of operand 0's axis; LENGTH: that one and no more, so it counts;
               * START: the part (AN_IN, AN_OUT) that begins there in operand 0, along its `axis` */
    int of;   /* of EXTENT and LENGTH: the operand whose axis it is, if not operand 0 */
} an_bound;

/* Whether a set of operands or results, as records hold them, has number i. */
static inline bool an_has_operand(uint32_t set, int i) { return i < 32 && set >> i & 1; }

/* Of an op each of whose elements is a formula of its operands' elements: what the shared
 * functions of elementwise.h go by. */
typedef struct an_formula {
    size_t kernel;               /* AN_LOOP(name): the loop over floats */
    size_t p, q;                 /* AN_NUMBER(name): attributes that the formula uses; 0: none */
    double (*real)(double x);    /* one operand, or one and attributes, or two */
    double (*real_of)(double x, double p, double q);
    double (*real_two)(double a, double b);
    int64_t (*whole)(int64_t x); /* the same of integers; NULL where infer wants floats */
    int64_t (*whole_two)(int64_t a, int64_t b);
    an_value (*slope)(const an_call *c, an_value dy); /* one operand: its gradient */
} an_formula;
#define AN_LOOP(name) offsetof(an_kernels, name)
#define AN_NUMBER(name) offsetof(an_attrs, name)

typedef struct an_op_rules {
    /* What an operand must be if it is there, asked before `infer`: bit i, operand i. */
    uint32_t floats, numbers, indices, bools;
    uint32_t kin, alike;   /* of operand 0's dtype; of its type */
    const char *ranks;     /* a digit an operand, `.` for any: "3221"; NULL: any */
    int axes_in;           /* AN_IN(i): the operand whose rank its axes count in; 0: result 0's */
    bool permutes;         /* its axes are in an order that matters */
    bool broadcast;        /* operands of one dtype, which is result 0's; its shape is theirs, as in
                            * NumPy */
    /* What more there is to ask and to say. out[] is zeroed, but for result 0 of a broadcast. NULL:
     * result 0 is that, or of operand 0's type. */
    an_status (*infer)(const an_infer *q, an_type out[]);
    /* Whether dims among the attributes fit an operand 0 of that shape, called `x`, now that
     * extents are known (-1: unknown); else why not. */
    bool (*fits)(const an_attrs *a, const an_shape *shape, const an_dims *dims,
                 const int64_t *extent, const char *x, an_text *why);
    an_formula formula;
    an_grad_fn grad;       /* NULL: through meaning, or none (see no_grad) */
    const char *no_grad;   /* why there is no gradient; NULL if there is one */
    uint32_t constant_in;  /* bit i: operand i never gets a gradient (ids, labels, keys) */
    an_meaning_fn meaning;   /* simpler ops; mandatory for DERIVED ops unless no_meaning */
    bool meaning_rounds;     /* its meaning has its bits up to rounding only: no exact law */
    const char *no_meaning;  /* why a DERIVED op has none (lstm_grad: the oracle is ref) */
    an_meaning_fn inference; /* what the op becomes in an inference program */
    an_stage stages[AN_MAX_STAGES]; /* the fast kernel; empty: ref is used */
    uint32_t fast;         /* dtypes the stages handle; 0 means AN_FAST_F32 */
    void (*ref)(const an_work *w); /* plain loops in double; shares nothing with the stages */
    int64_t (*scratch)(const an_work *w); /* bytes stages or ref need; -1 on overflow */
    /* Bit i of share[k]: output k may be written over operand i if that dies here
     * and has the same type. Must hold for stages and ref alike. */
    uint32_t share[AN_MOST_SHARING];
    /* For tables only. Per element of output 0 or of operand 0, whichever has more; 0 means one per
     * element of output 0, AN_NO_FLOPS none. Where that does not do, a function. */
    double flops;
    double (*count_flops)(const an_work *w);
    /* What tests, checks and pictures must know. */
    an_bound index;        /* AXIS: the extent of operand 0's axis `axis`; SIZE: attribute `size` */
    uint32_t labels;       /* bit i: operand i is 0 or 1 */
    uint32_t factors;      /* bit i: operand i is multiplied as a matrix */
    uint32_t closed;       /* bit k: no gradient passes through result k */
    bool moves;            /* all elements of result 0 are operand 0's */
    bool adds;             /* operands 0 and 1 are added first */
    int sums;              /* AN_IN(i): result 0 holds sums of operand i's elements, no element in
                            * two of them, and nothing else */
    an_norm_roles norm;
    const char *title, *member[2]; /* in pictures, of what replaces several nodes; and those */
    /* Of recurrent ops and their gradients: how weights lie, what a step does. [1]: a gru whose
     * reset gate comes after the product. */
    const struct an_recurrent_op *recurrent[2];
    /* AN_IN(i): result 0 is operand 0, but for a part as large as operand i; written over operand
     * 0, it changes no byte besides. `patched` says which these are, from data that stand before
     * the op runs; false, with the fault raised: it cannot be done, and nothing may be written. */
    int patch;
    bool (*patched)(const an_work *w, an_pieces *part);
} an_op_rules;

/* ---- the table --------------------------------------------------------- */

typedef enum an_category {
    AN_CATEGORY_LEAF, AN_CATEGORY_ELEMENTWISE, AN_CATEGORY_SELECT, AN_CATEGORY_REDUCE,
    AN_CATEGORY_MOVEMENT, AN_CATEGORY_GATHER, AN_CATEGORY_MATMUL, AN_CATEGORY_SOFTMAX,
    AN_CATEGORY_NORM, AN_CATEGORY_FUSED, AN_CATEGORY_RECURRENT, AN_CATEGORY_RANDOM,
    AN_CATEGORY_LOSS, AN_CATEGORY_OPTIMIZER, AN_CATEGORY_OUTSIDE, AN_CATEGORIES
} an_category;

enum an_traits {
    AN_TRAIT_LEAF = 1, AN_TRAIT_COMMUTES = 2, AN_TRAIT_VIEW = 4, AN_TRAIT_SECOND = 8,
    AN_TRAIT_DERIVED = 16, AN_TRAIT_BESIDE = 32, AN_TRAIT_STEP = 64, AN_TRAIT_NAMED = 128,
    AN_TRAIT_ACROSS = 256
};

enum an_opcode {
    AN_OP_none = 0,
#define AN_OP(name, category, inputs, outputs, attributes, traits, meaning) AN_OP_##name,
#include "ops/ops.def"
#undef AN_OP
    AN_OPS
};

typedef struct an_own_info {
    const char *name;
    an_own_kind kind;
} an_own_info;

/* What is known of an op. Whoever applies one points to its row: that of the table, or of a set of
 * definitions from outside. */
struct an_op_info {
    int code;     /* AN_OP_x; AN_OP_none: from outside */
    uint32_t version;
    uint64_t key; /* of its name and version: what hashes and orders ops, in any process */
    const char *name, *inputs, *outputs, *attributes, *doc;
    an_category category;
    unsigned traits;
    int min_inputs, max_inputs; /* max is INT_MAX for `...` */
    int outputs_count;
    uint64_t attribute_set;     /* bit AN_ATTR_x for every attribute it has */
    uint64_t optional_set;      /* bit i: operand i may be absent */
    int own_count;              /* attributes of its own, behind those of the set */
    const an_own_info *own;
    const an_op_rules *rules;
    const char *colour;         /* NULL: the category's */
    bool opaque;                /* types given, no kernel, no rules: told by its name */
};

/* The operands over which result k may be written. */
static inline uint32_t an_op_shares(const an_op_info *op, int k)
{
    return k < AN_MOST_SHARING ? op->rules->share[k] : 0;
}
/* Where this CPU's set has the record's loop, of the type that its family's loops have. */
static inline const void *an_loop_of(const an_work *w)
{
    return (const char *)w->kernels + w->op->rules->formula.kernel;
}
/* It has no kernel and runs as its meaning. */
static inline bool an_op_is_meaning(const an_op_info *op)
{
    return !op->rules->ref && !op->rules->stages[0].run && op->rules->meaning;
}
/* Types of all results, or a refusal; out[] must be zeroed. Not of opaque ops (infer.c). */
an_status an_op_infer(const an_infer *q, an_type out[]);
/* Counts, sets and key from a row's own strings. */
void an_op_derive(an_op_info *row, uint32_t version);
/* A random key, i64[2] (infer.c). */
an_status an_want_key(const an_infer *q, int operand);
/* The row of an opcode; never NULL (an unknown one gives a nameless row). */
const an_op_info *an_op(int opcode);
const an_op_info *an_op_find(const char *name); /* NULL if there is no such op */
const char *an_category_name(an_category category); /* "elementwise", ... */
/* Name of operand i ("gamma"; "x[3]" style is left to the caller) into `out`. */
void an_op_input_name(const an_op_info *op, int i, char *out, int size);
void an_op_output_name(const an_op_info *op, int k, char *out, int size);
bool an_op_input_optional(const an_op_info *op, int i);

/* The dtype that decides between stages and ref: that of the first float among
 * present operands, then outputs; without floats output 0's. */
an_dtype an_compute_dtype(const an_work *w);
bool an_is_fast(const an_op_info *op, const an_work *w);
/* What a node computes, by its op's record, and the bytes of all that it reads and writes; of a
 * table from which it takes rows, no more than it takes. For tables and profiles. */
double an_work_flops(const an_work *w);
double an_work_bytes(const an_work *w);

#define AN_OP(name, category, inputs, outputs, attributes, traits, meaning)                        \
    extern const an_op_rules an_rules_##name;
#include "ops/ops.def"
#undef AN_OP

/* ---- how axes are spelled ---------------------------------------------- */

/* In a graph, axes count from the front and a set of them is in order: whoever reads attributes
 * need not know which rank counts. What the user wrote stays for the text alone; hashes and
 * comparisons do not see it. */
typedef struct an_written {
    int axis;
    an_axes axes;
} an_written;
/* Brings attributes that infer has passed into that form, and the shape, of which a part may have
 * been left over, to that of result 0. Axes count in `rank` (see axes_in); a->written may point to
 * `kept` then. */
void an_attrs_resolve(const an_op_info *op, an_attrs *a, const an_type *result, int rank,
                      an_written *kept);
/* Whether any of that can concern an op. */
bool an_op_is_spelled(const an_op_info *op);
bool an_attrs_spelled_alike(const an_op_info *op, const an_attrs *a, const an_attrs *b);

/* ---- attributes by name ------------------------------------------------ */

enum an_attr_id {
#define AN_ATTR(name, kind, range, meaning) AN_ATTR_##name,
#include "ops/attrs.def"
#undef AN_ATTR
    AN_ATTRS
};

typedef struct an_attr_info {
    const char *name, *doc;
    const struct an_kind *kind; /* ops/kinds.h */
    int range;                  /* likewise: AN_RANGE_x */
    size_t offset; /* of the field in an_attrs */
} an_attr_info;

const an_attr_info *an_attr(int id);
/* Refuses a number among the attributes that lies outside what it means, or that operand 0's
 * type does not hold. */
an_status an_want_ranges(const an_infer *q);
int an_attr_find(const char *name); /* -1 if there is no such attribute */
/* Over the attributes that `opcode` has, and no others (bit equality for floats). */
uint64_t an_attrs_hash(const an_op_info *op, const an_attrs *a);
bool an_attrs_equal(const an_op_info *op, const an_attrs *a, const an_attrs *b);
/* The first attribute that differs, an id, or AN_ATTRS + i for the op's own i; -1: equal. */
int an_attrs_difference(const an_op_info *op, const an_attrs *a, const an_attrs *b);
/* Makes it zero, which the text leaves out; not what is typed, nor a list. */
void an_attr_clear(int id, an_attrs *a);
/* The dimensions among an attribute: where the first is, and in *count how many. */
an_dim *an_attr_dims(int id, an_attrs *a, int *count);
/* Writes every dimension, given in `from`, in the other table. */
void an_attrs_translate(const an_op_info *op, an_attrs *a, an_dims *to, const an_dims *from);
/* A copy with all that it points to, nothing where the op has not the attribute; NULL if memory
 * is out. */
an_attrs *an_attrs_copy(const an_op_info *op, const an_attrs *a, an_arena *arena);
/* The first attribute that names a dim which has no extent, and that dim; -1: none does. What the
 * result's type says, shapes, is left to whoever asks for the result. */
int an_attrs_unbound(const an_op_info *op, const an_attrs *a, const int64_t *extent, an_dim *dim);
/* The first attribute that no op could have so, whatever it is: an id; -1: all are in range. */
int an_attrs_misfit(const an_op_info *op, const an_attrs *a, const an_dims *dims);
/* Reads what an_attrs_print wrote, between braces or not there at all, of a node whose result 0
 * has `type`. */
bool an_attrs_read(an_scan *s, const an_op_info *op, const an_type *type, an_attrs *attrs);
/* "axis=-1, eps=1e-05"; left out are those at their zero default, and dtype and
 * shape, which are those of result 0 for every op that has them. */
void an_attrs_print(const an_op_info *op, const an_attrs *a, const an_dims *dims, an_text *out);
/* "1e-05", and "eps", of such an id. */
void an_attr_print(const an_op_info *op, int id, const an_attrs *a, const an_dims *dims,
                   an_text *out);
const char *an_attr_name(const an_op_info *op, int id);
const char *an_test_name(an_test test);   /* "eq" ... */
const char *an_form_name(an_form form);   /* "erf", "tanh" */
const char *an_init_name(an_init_kind kind);

#endif
