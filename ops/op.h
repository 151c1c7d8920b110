/* op.h -- the contract between an op and everything that uses ops.
 *
 * An op is one row in ops.def and one an_op_rules record in its family file.
 * The graph asks `infer` when a node is added, `grad` and `meaning` when it
 * differentiates, expands or proves, and runs `stages` or `ref`. An op sees
 * types and values here, never a graph's inside.                            */
#ifndef AN_OPS_OP_H
#define AN_OPS_OP_H

#include "core/dims.h"
#include "core/scan.h"
#include "core/text.h"
#include "ops/ops.h"

#include <stdatomic.h>

#define AN_MAX_OUTPUTS 8
#define AN_MAX_STAGES 6

/* ---- infer: the only place an op may refuse ---------------------------- */

typedef struct an_op_info an_op_info;

typedef struct an_infer {
    const an_op_info *op;
    const an_attrs *attrs;
    int inputs;          /* always all that the row names (any number for `...`) */
    const an_type *in;   /* of an absent operand: undefined */
    const bool *present; /* which operands are there */
    an_dims *dims;
    an_text *why, *hint; /* filled by an_refuse and an_hint */
} an_infer;

/* Says why, in one line without a final dot, and returns `status`:
 *     return an_refuse(q, AN_E_SHAPE, "shapes differ in dim %d", i);
 * The graph adds op, scope, place and both operands with their types. */
an_status an_refuse(const an_infer *q, an_status status, const char *format, ...) AN_PRINTF(3, 4);
/* Adds a way out to a refusal; returns `status` as given. */
an_status an_hint(const an_infer *q, an_status status, const char *format, ...) AN_PRINTF(3, 4);

/* Checks that most ops need (infer.c); each refuses by itself. */
an_status an_want_float(const an_infer *q, int operand);
an_status an_want_index(const an_infer *q, int operand);         /* i32 or i64 */
an_status an_want_number(const an_infer *q, int operand);        /* anything but bool */
/* Every dim an extent or a dimension of this graph, and the count in range. */
an_status an_want_shape(const an_infer *q, const an_shape *shape);
an_status an_want_same_dtype(const an_infer *q, int a, int b);
an_status an_want_same_shape(const an_infer *q, int a, int b);
an_status an_want_rank(const an_infer *q, int operand, int low, int high);
/* Makes a negative axis count from the end; `axis` may equal rank only if `past_end`. */
an_status an_want_axis(const an_infer *q, int axis, int rank, bool past_end, int *out);
/* NumPy broadcasting of two shapes; names the first dim that does not fit. */
an_status an_broadcast_shapes(const an_infer *q, const an_shape *a, const an_shape *b,
                              an_shape *out);

/* Without refusing: -1 of rank 3 is 2. */
static inline int an_axis(int axis, int rank) { return axis < 0 ? axis + rank : axis; }

/* ---- grad and meaning: ops written as graphs --------------------------- */

/* One application of an op. Its operands and results are ordinary values that
 * the bare builders of ops.h take. */
typedef struct an_call {
    const an_op_info *op;
    const an_attrs *attrs;
    int inputs, outputs;
    const an_value *in;  /* AN_NONE where absent */
    const an_value *out; /* meaning: undefined; grad: the results */
} an_call;

/* dy[k] is AN_NONE where no gradient reaches output k; at least one is there.
 * Leave dx[i] AN_NONE where operand i gets none. A dx may still have the
 * broadcast shape of the result: grad.c sums it down to the operand's. */
typedef void (*an_grad_fn)(const an_call *c, const an_value dy[], an_value dx[]);
/* Writes the op out of simpler ones: sets every out[k], each to a new value, never to an
 * operand. */
typedef void (*an_meaning_fn)(const an_call *c, an_value out[]);

/* What dropout needs of its graph (defined by graph/graph.c): the i64[2] state
 * that holds seed and step, and a stream number made from the open scope. */
an_value an_random_key(an_at at, an_graph *g);
uint32_t an_new_stream(an_at at, an_graph *g);
/* What gradients of slices need: the graph's dimensions, to compute attributes
 * from extents (defined by graph/graph.c). NULL gives NULL. */
an_dims *an_dims_of(an_graph *g);
/* an_emit of an op by its row (graph/build.c). */
an_value an_emit_op(an_at at, const an_op_info *op, const an_value *in, int count,
                    const an_attrs *attrs);

/* ---- kernels ----------------------------------------------------------- */

/* What a kernel is told by data that it refuses. The smallest position wins, so
 * the report does not depend on threads. */
typedef struct an_fault {
    atomic_flag lock;
    atomic_bool raised;
    int node; /* which node of the program; set by the executor */
    int operand;
    int64_t position, value, bound;
} an_fault;

/* A kernel's whole world. Tensors are dense. A present tensor has non-NULL data
 * even if it has no elements. */
typedef struct an_work {
    const an_attrs *attrs;
    const int64_t *extent;   /* the binding, for an_dim_extent(attrs->start, w->extent) */
    int inputs, outputs;
    const an_tensor *in;     /* data NULL: absent */
    const an_tensor *out;    /* data NULL: nobody reads it, so it is not written */
    void *scratch;           /* 64-byte aligned, as large as rules->scratch said */
    an_fault *fault;
    int node;                /* for the fault's report */
    const struct an_kernels *kernels; /* vector kernels of this CPU (kernels/kernels.h) */
} an_work;

/* One stage of a kernel: `units` independent pieces of work. Stages run one
 * after the other; units of a stage in any order, on any thread. Cut by shape
 * alone: never look at the number of threads. `run` is serial code: no
 * allocation, no locks; each unit writes its part of every wanted output. */
typedef struct an_stage {
    int64_t (*units)(const an_work *w);
    void (*run)(const an_work *w, int64_t begin, int64_t end);
} an_stage;

/* Element `position` of `operand` holds `value`, outside [0, bound). The kernel
 * goes on and writes zeros; the run fails before it changes any state. */
void an_raise(const an_work *w, int operand, int64_t position, int64_t value, int64_t bound);
/* That element of an integer operand, or -1 and raised if it lies outside [0, bound). */
int64_t an_index_at(const an_work *w, int operand, int64_t position, int64_t bound);

/* ---- the record -------------------------------------------------------- */

#define AN_DTYPE_BIT(dtype) (1u << (dtype))
#define AN_FAST_F32 AN_DTYPE_BIT(AN_F32)
#define AN_FAST_F64 AN_DTYPE_BIT(AN_F64)
#define AN_NO_FLOPS -1

/* The part that an operand or a result plays; zero: none does. */
#define AN_IN(i) ((i) + 1)
#define AN_OUT(k) (-1 - (k))

/* What a norm and its gradient are held to: which rows, and what is saved of them. */
typedef struct an_norm_roles {
    signed char row, mean, rstd; /* no mean: rows are not centred (rms_norm) */
    signed char dy, gamma, dsum, dx; /* gradients only */
} an_norm_roles;

/* Operand `operand` holds indices, each below this. */
typedef struct an_bound {
    enum { AN_BOUND_NONE, AN_BOUND_EXTENT, AN_BOUND_LENGTH, AN_BOUND_AXIS, AN_BOUND_SIZE } by;
    int operand;
    int axis; /* EXTENT: that of operand 0's axis; LENGTH: that one and no more, so it counts */
} an_bound;

/* Whether a set of operands, as records hold them, has operand i. */
static inline bool an_has_operand(uint32_t set, int i) { return i < 32 && set >> i & 1; }

typedef struct an_op_rules {
    an_status (*infer)(const an_infer *q, an_type out[]); /* out[] zeroed */
    an_grad_fn grad;       /* NULL: through meaning, or none (see no_grad) */
    const char *no_grad;   /* why there is no gradient; NULL if there is one */
    uint32_t constant_in;  /* bit i: operand i never gets a gradient (ids, labels, keys) */
    an_meaning_fn meaning;   /* simpler ops; mandatory for DERIVED ops unless no_meaning */
    const char *no_meaning;  /* why a DERIVED op has none (lstm_grad: the oracle is ref) */
    an_meaning_fn inference; /* what the op becomes in an inference program */
    an_stage stages[AN_MAX_STAGES]; /* the fast kernel; empty: ref is used */
    uint32_t fast;         /* dtypes the stages handle; 0 means AN_FAST_F32 */
    void (*ref)(const an_work *w); /* plain loops in double; shares nothing with the stages */
    int64_t (*scratch)(const an_work *w); /* bytes stages or ref need; -1 on overflow */
    /* Bit i of share[k]: output k may be written over operand i if that dies here
     * and has the same type. Must hold for stages and ref alike. */
    uint32_t share[AN_MAX_OUTPUTS];
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
    an_norm_roles norm;
    const char *title, *member[2]; /* in pictures, of what replaces several nodes; and those */
} an_op_rules;

/* ---- the table --------------------------------------------------------- */

typedef enum an_category {
    AN_CATEGORY_LEAF, AN_CATEGORY_ELEMENTWISE, AN_CATEGORY_SELECT, AN_CATEGORY_REDUCE,
    AN_CATEGORY_MOVEMENT, AN_CATEGORY_GATHER, AN_CATEGORY_MATMUL, AN_CATEGORY_SOFTMAX,
    AN_CATEGORY_NORM, AN_CATEGORY_FUSED, AN_CATEGORY_RECURRENT, AN_CATEGORY_RANDOM,
    AN_CATEGORY_LOSS, AN_CATEGORY_OPTIMIZER, AN_CATEGORIES
} an_category;

enum an_traits {
    AN_TRAIT_LEAF = 1, AN_TRAIT_COMMUTES = 2, AN_TRAIT_VIEW = 4, AN_TRAIT_SECOND = 8,
    AN_TRAIT_DERIVED = 16, AN_TRAIT_BESIDE = 32, AN_TRAIT_STEP = 64, AN_TRAIT_NAMED = 128
};

enum an_opcode {
    AN_OP_none = 0,
#define AN_OP(name, category, inputs, outputs, attributes, traits, meaning) AN_OP_##name,
#include "ops/ops.def"
#undef AN_OP
    AN_OPS
};

/* What is known of an op. Whoever applies one points to its row: that of the table, or of a set of
 * definitions from outside. */
struct an_op_info {
    int code;     /* AN_OP_x; AN_OP_none: from outside */
    uint64_t key; /* of its name and version: what hashes and orders ops, in any process */
    const char *name, *inputs, *outputs, *attributes, *doc;
    an_category category;
    unsigned traits;
    int min_inputs, max_inputs; /* max is INT_MAX for `...` */
    int outputs_count;
    uint64_t attribute_set;     /* bit AN_ATTR_x for every attribute it has */
    uint64_t optional_set;      /* bit i: operand i may be absent */
    const an_op_rules *rules;
};

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

#define AN_OP(name, category, inputs, outputs, attributes, traits, meaning)                        \
    extern const an_op_rules an_rules_##name;
#include "ops/ops.def"
#undef AN_OP

/* ---- attributes by name ------------------------------------------------ */

enum an_attr_id {
#define AN_ATTR(name, kind, meaning) AN_ATTR_##name,
#include "ops/attrs.def"
#undef AN_ATTR
    AN_ATTRS
};

typedef struct an_attr_info {
    const char *name, *doc;
    const struct an_kind *kind; /* ops/kinds.h */
    size_t offset; /* of the field in an_attrs */
} an_attr_info;

const an_attr_info *an_attr(int id);
int an_attr_find(const char *name); /* -1 if there is no such attribute */
/* Over the attributes that `opcode` has, and no others (bit equality for floats). */
uint64_t an_attrs_hash(const an_op_info *op, const an_attrs *a);
bool an_attrs_equal(const an_op_info *op, const an_attrs *a, const an_attrs *b);
/* The first attribute that differs, an id; -1: equal. */
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
void an_attr_print(int id, const an_attrs *a, const an_dims *dims, an_text *out); /* "1e-05" */
const char *an_test_name(an_test test);   /* "eq" ... */
const char *an_form_name(an_form form);   /* "erf", "tanh" */
const char *an_init_name(an_init_kind kind);

#endif
