/* define.h -- ops from outside: what an op is made of, and sets of definitions.
 *
 * An op is what it infers, how it is computed, and how it is differentiated; its kernels see
 * tensors, its gradient and its meaning are graphs. A definition joins a set, the set is given to
 * graphs and to the parser, never to the process. The library's own ops keep the same contract.
 *
 * Threads: one at a time may add to a set or make graphs use it; what a definition points to is
 * called by any of them, kernels by several at once.                          */
#ifndef AN_OPS_DEFINE_H
#define AN_OPS_DEFINE_H

#include "ops/ops.h"

#define AN_MAX_STAGES 6
#define AN_MOST_OWN 24 /* attributes of its own that an op may have */

/* ---- infer: the only place an op may refuse ---------------------------- */

typedef struct an_op_info an_op_info;

typedef struct an_infer {
    const an_op_info *op;
    const an_attrs *attrs;
    int inputs;          /* always all that the row names (any number for `...`) */
    const an_type *in;   /* of an absent operand: undefined */
    const bool *present; /* which operands are there */
    struct an_dims *dims;
    struct an_text *why, *hint; /* filled by an_refuse and an_hint */
} an_infer;

/* Says why, in one line without a final dot, and returns `status`:
 *     return an_refuse(q, AN_E_SHAPE, "shapes differ in dim %d", i);
 * The graph adds op, scope, place and both operands with their types. */
AN_API an_status an_refuse(const an_infer *q, an_status status, const char *format, ...)
    AN_PRINTF(3, 4);
/* Adds a way out to a refusal; returns `status` as given. */
AN_API an_status an_hint(const an_infer *q, an_status status, const char *format, ...)
    AN_PRINTF(3, 4);

/* Checks that most ops need (infer.c); each refuses by itself. */
AN_API an_status an_want_float(const an_infer *q, int operand);
AN_API an_status an_want_index(const an_infer *q, int operand);         /* i32 or i64 */
AN_API an_status an_want_number(const an_infer *q, int operand);        /* anything but bool */
AN_API an_status an_want_bool(const an_infer *q, int operand);
/* Every dim an extent or a dimension of this graph, and the count in range. */
AN_API an_status an_want_shape(const an_infer *q, const an_shape *shape);
AN_API an_status an_want_same_dtype(const an_infer *q, int a, int b);
AN_API an_status an_want_same_shape(const an_infer *q, int a, int b);
AN_API an_status an_want_rank(const an_infer *q, int operand, int low, int high);
/* Makes a negative axis count from the end; `axis` may equal rank only if `past_end`. */
AN_API an_status an_want_axis(const an_infer *q, int axis, int rank, bool past_end, int *out);
/* Dimensions computed from dimensions; AN_DIM_BAD where there is none (a negative extent, an
 * overflow, no whole quotient), which passes on. */
AN_API an_dim an_infer_add(const an_infer *q, an_dim a, an_dim b);
AN_API an_dim an_infer_sub(const an_infer *q, an_dim a, an_dim b);
AN_API an_dim an_infer_mul(const an_infer *q, an_dim a, an_dim b);
AN_API an_dim an_infer_div(const an_infer *q, an_dim a, an_dim b);
/* NumPy broadcasting of two shapes; names the first dim that does not fit. */
AN_API an_status an_broadcast_shapes(const an_infer *q, const an_shape *a, const an_shape *b,
                              an_shape *out);

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
/* Writes the op out of simpler ones: sets every out[k], each to a new value of the type that infer
 * gave, never to an operand. It makes no input or state, and does not lead back to the op. */
typedef void (*an_meaning_fn)(const an_call *c, an_value out[]);

/* ---- kernels ----------------------------------------------------------- */

/* A kernel's whole world. Tensors are dense. A present tensor has non-NULL data
 * even if it has no elements. */
typedef struct an_work {
    const an_op_info *op;
    const an_attrs *attrs;
    const int64_t *extent;   /* the binding, for an_dim_extent(attrs->start, w->extent) */
    int inputs, outputs;
    const an_tensor *in;     /* data NULL: absent */
    const an_tensor *out;    /* data NULL: nobody reads it, so it is not written */
    void *scratch;           /* 64-byte aligned, as large as `scratch` said */
    /* The library's own: who hears of a fault, about which node, and this CPU's vector kernels. */
    struct an_fault *fault;
    int node;
    const struct an_kernels *kernels;
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
AN_API void an_raise(const an_work *w, int operand, int64_t position, int64_t value, int64_t bound);
/* That element of an integer operand, or -1 and raised if it lies outside [0, bound). */
AN_API int64_t an_index_at(const an_work *w, int operand, int64_t position, int64_t bound);

/* Own attributes, by their place in the definition. One that was not given, is of another kind or
 * is not there at all is 0, "" or empty. */
AN_API int64_t an_own_i64(const an_op_info *op, const an_attrs *a, int i);
AN_API double an_own_f64(const an_op_info *op, const an_attrs *a, int i);
AN_API const char *an_own_text(const an_op_info *op, const an_attrs *a, int i);
AN_API an_own an_own_at(const an_op_info *op, const an_attrs *a, int i);

/* ---- definitions ------------------------------------------------------- */

#define AN_DTYPE_BIT(dtype) (1u << (dtype))
#define AN_FAST_F32 AN_DTYPE_BIT(AN_F32)
#define AN_FAST_F64 AN_DTYPE_BIT(AN_F64)

/* Fields are only ever appended; those beyond `size` are zero. */
typedef struct an_op_def {
    size_t size;         /* sizeof(an_op_def), as the author's compiler saw it; what lies beyond
                          * this library's must be zero */
    const char *name;    /* a C identifier that no op of the library has */
    uint32_t version;    /* another where results differ: an op is told by name and version, and
                          * graphs of two versions are not compared */
    const char *inputs;  /* "x bias? skip...": `?` may be absent, `...` one or more; at least one */
    const char *outputs; /* "y mean"; NULL: "y" */
    const char *attributes; /* "alpha:f64 mode:text taps:i64s": i64 f64 text and lists of them */
    const char *doc, *title, *colour; /* one line; in pictures, NULL: the name; "#rrggbb" */
    an_status (*infer)(const an_infer *q, an_type out[]); /* NULL: result 0 is like
                          * operand 0, a float */
    an_grad_fn grad;     /* NULL: through the meaning, or none */
    const char *no_grad; /* why there is none, though there be a meaning */
    uint32_t constant_in; /* bit i: operand i never gets a gradient */
    an_meaning_fn meaning;
    bool meaning_rounds; /* the kernel has the meaning's bits up to rounding only */
    /* The kernel, and plain loops, which f64, tests and checks run. With neither, the op runs as
     * its meaning. */
    an_stage stages[AN_MAX_STAGES];
    uint32_t fast;       /* dtypes of the stages; 0: AN_FAST_F32 */
    void (*ref)(const an_work *w);
    int64_t (*scratch)(const an_work *w); /* bytes; -1 on overflow; NULL: none */
    uint32_t share;      /* bit i: output 0 may be written over operand i */
} an_op_def;

typedef struct an_ops an_ops;

/* An empty set, counted: every graph that uses it holds it, too. NULL if memory is out. */
AN_API an_ops *an_ops_new(void);
AN_API void an_ops_free(an_ops *set); /* NULL is fine */
/* Copies the definition into the set. AN_E_NAME: the name is taken or no identifier; AN_E_ARGUMENT:
 * something is missing or contradicts itself. */
AN_API an_status an_ops_add(an_ops *set, const an_op_def *definition);
/* An op of which nothing is known but its name and attributes: types are given where it is applied.
 * It is printed, drawn, summarised, and to a proof it is itself; running it is an error. Two of one
 * name and attributes are the same op, whatever set they come from. */
AN_API an_status an_ops_add_opaque(an_ops *set, const char *name, const char *attributes);
AN_API const char *an_ops_message(const an_ops *set); /* of the last failed call */

/* Applies an op by name: one of the sets that the graph of the operands uses, else one of the
 * library's. Own attributes by name, up to one without: {{"alpha", {AN_OWN_F64, .f64 = 0.5}}, {0}}.
 * Result 0; an_result gives the others. */
typedef struct an_own_given {
    const char *name;
    an_own value;
} an_own_given;
AN_API an_value an_apply_at(an_at at, const char *op, const an_value *in, int count,
                            const an_own_given *own);
#define an_apply(...) an_apply_at(AN_HERE, __VA_ARGS__)
/* The same of an opaque op, whose `count` results have these types. */
AN_API an_value an_apply_opaque_at(an_at at, const char *op, const an_value *in, int inputs,
                                   const an_own_given *own, const an_type *types, int count);
#define an_apply_opaque(...) an_apply_opaque_at(AN_HERE, __VA_ARGS__)

#endif
