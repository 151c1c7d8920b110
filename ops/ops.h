/* ops.h -- every op as a call that adds a node to a graph.
 *
 * A builder takes values and returns the op's first output; an_result(v, k)
 * gives the others. Types and shapes are inferred at once. A mistake is kept by
 * the graph with the caller's file and line (see an_graph_message) and the call
 * returns a poisoned value, which later calls pass on: check once, at the end.
 *
 * Each builder is a macro that adds AN_HERE to a function ending in `_at`;
 * languages without the macros (C++) call the function. Shapes are written
 * f32[B,T,64]; axes may be negative, counting from the end. "Float" means f32
 * or f64; operands of one op must agree in dtype, nothing is promoted silently.
 * An operand that may be absent takes AN_NONE.
 *
 * Threads: a builder changes its graph, so one thread at a time builds in a graph. */
#ifndef AN_OPS_OPS_H
#define AN_OPS_OPS_H

#include "core/core.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct an_graph an_graph;

/* One value of a graph. Copy it freely; it owns nothing. `id` 0 is poison. */
typedef struct an_value {
    an_graph *graph;
    uint32_t id;
} an_value;

#define AN_NONE ((an_value){NULL, 0}) /* an operand left out */

/* ---- attributes -------------------------------------------------------- */

typedef enum an_test { AN_EQ, AN_NE, AN_LT, AN_LE, AN_GT, AN_GE } an_test;
typedef enum an_form { AN_EXACT, AN_TANH } an_form;

/* A list of axes. AN_AXES(0, 2); AN_ALL_AXES; as a permutation AN_AXES(0, 2, 1). */
typedef struct an_axes {
    int count; /* -1: all */
    int at[AN_MAX_RANK];
} an_axes;
#define AN_AXES(...) ((an_axes){(int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int)), {__VA_ARGS__}})
#define AN_ALL_AXES ((an_axes){-1, {0}})

/* A few whole numbers, such as the strides along rows and columns. */
#define AN_MOST_INTS 4
typedef struct an_ints {
    int count;
    int at[AN_MOST_INTS];
} an_ints;

/* How a state gets its first value. Fans count as Keras counts them: of a
 * kernel [in, out] in and out; leading axes multiply both. With a = 1 Glorot and He take it for a
 * convolution's, [out, in, ..], where the axes behind multiply both. */
typedef enum an_init_kind {
    AN_INIT_ZEROS,
    AN_INIT_CONSTANT,       /* a */
    AN_INIT_UNIFORM,        /* [a, b) */
    AN_INIT_NORMAL,         /* mean a, deviation b */
    AN_INIT_GLOROT_UNIFORM, /* +-sqrt(6 / (in + out)) */
    AN_INIT_GLOROT_NORMAL,  /* truncated at two deviations, as in Keras */
    AN_INIT_HE_UNIFORM,     /* +-sqrt(6 / in) */
    AN_INIT_HE_NORMAL,
    AN_INIT_ORTHOGONAL,     /* QR of a normal matrix, signs fixed; gain a, 0 means 1 */
    AN_INIT_FORGET_BIAS,    /* LSTM bias: zeros, ones for the forget gate's quarter */
    AN_INIT_RANDOM_KEY      /* i64[2]: the store's seed, and step 0 */
} an_init_kind;

typedef struct an_init {
    an_init_kind kind;
    double a, b;
} an_init;
/* AN_INIT(AN_INIT_ZEROS), AN_INIT(AN_INIT_UNIFORM, -1, 1): what is left out is 0. */
#define AN_INIT(...) ((an_init){.kind = __VA_ARGS__})

/* Literal elements of a constant: `count` is the tensor's, or 1 to fill it. */
typedef struct an_data {
    int64_t count;
    const void *bytes;
} an_data;

typedef struct an_order {
    int count;
    const uint32_t *at;
} an_order;

/* An attribute that an op from outside names in its definition (ops/define.h). */
typedef enum an_own_kind {
    AN_OWN_I64, AN_OWN_F64, AN_OWN_TEXT, AN_OWN_I64S, AN_OWN_F64S, AN_OWN_TEXTS
} an_own_kind;

typedef struct an_own {
    an_own_kind kind;
    int64_t count; /* of a list */
    union {
        int64_t i64;
        double f64;
        const char *text; /* NULL is "" */
        const int64_t *i64s;
        const double *f64s;
        const char *const *texts;
    };
} an_own;

/* An id, such as a label or a row, or none: AN_ID(0) is the first, {0} is none. */
typedef struct an_id {
    bool set;
    int64_t is;
} an_id;
#define AN_ID(i) ((an_id){true, i})

/* All attributes of all ops, flat; each op uses those its table row names. */
typedef struct an_attrs {
    an_dtype dtype;
    an_shape shape;
    an_data data;
    an_init init;
    bool frozen;
    int axis;
    an_axes axes;
    bool keep;
    an_test test;
    an_form form;
    an_dim start, stop;
    int step;
    an_dim before, after;
    int interior;
    double value;
    an_dim size;
    bool transpose_a, transpose_b;
    float eps;
    bool reverse;
    float rate;
    uint32_t stream;
    float threshold;
    float momentum;
    bool nesterov;
    float beta1, beta2, decay;
    an_order order;
    int own_count;
    const an_own *own; /* in the order of the op's definition; missing ones at the end are zero */
    double alpha, low, high;
    const struct an_written *written; /* a graph's own: its axes as the user wrote them */
    bool divide;
    double clip;
    bool transient, outside;
    float rho;
    bool exclusive, descending;
    float label_smoothing;
    an_id ignore_index;
    an_ints window, stride, padding, dilation;
    int groups;
    bool counted;
    bool reset_after, rectified;
    bool causal;
    float scale;
    bool averaged;
} an_attrs;

/* ---- the one way in ---------------------------------------------------- */

/* Adds a node. `op` is a number from the table (an_op_number("add")), `in` its
 * operands. All builders end here; graph/build.c defines it. */
AN_API an_value an_emit(an_at at, int op, const an_value *in, int count, const an_attrs *attrs);
/* The same for a leaf, which has no operand to take the graph from; `name` names it. */
AN_API an_value an_emit_leaf(an_at at, an_graph *graph, int op, const char *name,
                             const an_attrs *attrs);
AN_API int an_op_number(const char *name); /* 0 if there is no such op */

/* Refuses in the user's name: the graph keeps the error with this place, in one line and perhaps
 * "\n  hint: ...", unless it has one already. For layers and builders of one's own; what they
 * then return is AN_NONE or any poison. graph/message.c defines it. */
AN_API void an_reject(an_at at, an_graph *graph, an_status status, const char *format, ...)
    AN_PRINTF(4, 5);

/* Output k of the node that made v: an_result(norm, 2) is rstd. */
AN_API an_value an_result(an_value v, int k);
/* The type of v; rank 0 f32 for poison. Defined by graph/build.c. */
AN_API an_type an_type_of(an_value v);
/* Dim `axis` of v's shape, -1 being the last: a named dim or an extent. Outside its rank it is
 * AN_DIM_BAD and an error of the graph. Defined by graph/build.c. */
AN_API an_dim an_dim_of(an_value v, int axis);
AN_API bool an_is_none(an_value v);     /* left out: graph NULL */
AN_API bool an_is_poison(an_value v);   /* a value whose making failed */
AN_API bool an_is_missing(an_value v);  /* one of the two: there is nothing to work on */

/* ---- leaves (source.c, count.c) ---------------------------------------- */

/* A tensor fed at every run under `name`, unique in the graph. */
AN_API an_value an_input_at(an_at at, an_graph *g, const char *name, an_dtype dtype,
                            an_shape shape);
/* A tensor that the store keeps between runs: a weight, a moment, a counter.
 * The name is prefixed by the open scopes and must be new (to tie a weight, use
 * the value again, or an_graph_state). Extents must be literal. */
AN_API an_value an_state_at(an_at at, an_graph *g, const char *name, an_dtype dtype, an_shape shape,
                            an_init init);
/* A state that is not worth saving, as it is made anew: a key/value cache. It is kept between runs
 * as any other, but checkpoints and an_store_sha256 leave it out, and loading one leaves it as it
 * is. It is frozen: minimising leaves it alone. */
AN_API an_value an_cache_at(an_at at, an_graph *g, const char *name, an_dtype dtype, an_shape shape,
                            an_init init);
/* A literal, copied from `t`. */
AN_API an_value an_constant_at(an_at at, an_graph *g, const an_tensor *t);
/* `value` everywhere. */
AN_API an_value an_fill_at(an_at at, an_graph *g, an_dtype dtype, an_shape shape, double value);
/* A scalar of the same dtype and graph as `like`: an_mul(x, an_number(x, 0.5)). */
AN_API an_value an_number_at(an_at at, an_value like, double value);
/* x times a number, which is a literal of x's dtype. */
AN_API an_value an_scale_at(an_at at, an_value x, double factor);
/* Each element's index along `axis`: i32 positions, for instance. */
AN_API an_value an_iota_at(an_at at, an_graph *g, an_dtype dtype, an_shape shape, int axis);
/* How many elements x has along the axes (AN_ALL_AXES: in all), as a scalar of x's
 * dtype. Reads x's shape only, so it works for named dims and keeps no data alive. */
AN_API an_value an_count_at(an_at at, an_value x, an_axes axes);
/* Whether the graph is run to train, a bool[]: an_compile makes it a literal, false where it is
 * asked for `.inference` and else true, and an_where of a literal is the branch it chooses. The
 * interpreter, on which verifying runs, takes it for true. */
AN_API an_value an_training_at(an_at at, an_graph *g);
#define an_input(...) an_input_at(AN_HERE, __VA_ARGS__)
#define an_state(...) an_state_at(AN_HERE, __VA_ARGS__)
#define an_cache(...) an_cache_at(AN_HERE, __VA_ARGS__)
#define an_constant(...) an_constant_at(AN_HERE, __VA_ARGS__)
#define an_fill(...) an_fill_at(AN_HERE, __VA_ARGS__)
#define an_number(...) an_number_at(AN_HERE, __VA_ARGS__)
#define an_scale(...) an_scale_at(AN_HERE, __VA_ARGS__)
#define an_iota(...) an_iota_at(AN_HERE, __VA_ARGS__)
#define an_count(...) an_count_at(AN_HERE, __VA_ARGS__)
#define an_training(...) an_training_at(AN_HERE, __VA_ARGS__)

/* ---- element by element (elementwise.c): shapes broadcast as in NumPy --- */

AN_API an_value an_add_at(an_at at, an_value a, an_value b);
AN_API an_value an_sub_at(an_at at, an_value a, an_value b);
AN_API an_value an_mul_at(an_at at, an_value a, an_value b);
AN_API an_value an_div_at(an_at at, an_value a, an_value b); /* integers: truncates; by 0: fault */
AN_API an_value an_power_at(an_at at, an_value a, an_value b); /* float only */
AN_API an_value an_maximum_at(an_at at, an_value a, an_value b);
AN_API an_value an_minimum_at(an_at at, an_value a, an_value b);
AN_API an_value an_neg_at(an_at at, an_value x);
AN_API an_value an_abs_at(an_at at, an_value x);
AN_API an_value an_square_at(an_at at, an_value x);
AN_API an_value an_sqrt_at(an_at at, an_value x);
AN_API an_value an_exp_at(an_at at, an_value x);
AN_API an_value an_log_at(an_at at, an_value x);
AN_API an_value an_sin_at(an_at at, an_value x);
AN_API an_value an_cos_at(an_at at, an_value x);
AN_API an_value an_erf_at(an_at at, an_value x);
AN_API an_value an_tanh_at(an_at at, an_value x);
AN_API an_value an_sigmoid_at(an_at at, an_value x);
AN_API an_value an_relu_at(an_at at, an_value x);
AN_API an_value an_gelu_at(an_at at, an_value x, an_form form); /* Hendrycks & Gimpel 2016 */
AN_API an_value an_silu_at(an_at at, an_value x);
AN_API an_value an_leaky_relu_at(an_at at, an_value x, double alpha); /* PyTorch: 0.01 */
AN_API an_value an_elu_at(an_at at, an_value x, double alpha);        /* Clevert et al. */
AN_API an_value an_softplus_at(an_at at, an_value x);
AN_API an_value an_mish_at(an_at at, an_value x);        /* Misra 2020 */
AN_API an_value an_hardsigmoid_at(an_at at, an_value x); /* (x + 3) / 6; Howard et al. 2019 */
AN_API an_value an_hardswish_at(an_at at, an_value x);
AN_API an_value an_clip_at(an_at at, an_value x, double low, double high); /* may be infinite */
AN_API an_value an_sign_at(an_at at, an_value x);
AN_API an_value an_floor_at(an_at at, an_value x);
AN_API an_value an_ceil_at(an_at at, an_value x);
AN_API an_value an_round_at(an_at at, an_value x); /* halves to the even number */
AN_API an_value an_reciprocal_at(an_at at, an_value x);
AN_API an_value an_rsqrt_at(an_at at, an_value x);
AN_API an_value an_expm1_at(an_at at, an_value x);
AN_API an_value an_log1p_at(an_at at, an_value x);
AN_API an_value an_cast_at(an_at at, an_value x, an_dtype dtype); /* to integers: towards zero */
/* d gelu: dy times gelu'(x). Made by gradients. */
AN_API an_value an_gelu_grad_at(an_at at, an_value dy, an_value x, an_form form);
/* dy * slope, or dy / slope if `divide`; 0 where dy is 0, even if the slope is infinite or NaN.
 * Made by gradients. */
AN_API an_value an_chain_at(an_at at, an_value dy, an_value slope, bool divide);
/* The length of all x together, of one dtype; result 1 is min(1, clip / (norm + 1e-12)), right for
 * any finite x. Made by an_minimize. */
AN_API an_value an_global_norm_at(an_at at, const an_value *x, int count, double clip);
/* ((x0 + x1) + x2) + ...; order[i] is the build ordinal of x_i's consumer. Made by gradients. */
AN_API an_value an_accumulate_at(an_at at, const an_value *x, int count, const uint32_t *order);
#define an_add(...) an_add_at(AN_HERE, __VA_ARGS__)
#define an_sub(...) an_sub_at(AN_HERE, __VA_ARGS__)
#define an_mul(...) an_mul_at(AN_HERE, __VA_ARGS__)
#define an_div(...) an_div_at(AN_HERE, __VA_ARGS__)
#define an_power(...) an_power_at(AN_HERE, __VA_ARGS__)
#define an_maximum(...) an_maximum_at(AN_HERE, __VA_ARGS__)
#define an_minimum(...) an_minimum_at(AN_HERE, __VA_ARGS__)
#define an_neg(...) an_neg_at(AN_HERE, __VA_ARGS__)
#define an_abs(...) an_abs_at(AN_HERE, __VA_ARGS__)
#define an_square(...) an_square_at(AN_HERE, __VA_ARGS__)
#define an_sqrt(...) an_sqrt_at(AN_HERE, __VA_ARGS__)
#define an_exp(...) an_exp_at(AN_HERE, __VA_ARGS__)
#define an_log(...) an_log_at(AN_HERE, __VA_ARGS__)
#define an_sin(...) an_sin_at(AN_HERE, __VA_ARGS__)
#define an_cos(...) an_cos_at(AN_HERE, __VA_ARGS__)
#define an_erf(...) an_erf_at(AN_HERE, __VA_ARGS__)
#define an_tanh(...) an_tanh_at(AN_HERE, __VA_ARGS__)
#define an_sigmoid(...) an_sigmoid_at(AN_HERE, __VA_ARGS__)
#define an_relu(...) an_relu_at(AN_HERE, __VA_ARGS__)
#define an_gelu(...) an_gelu_at(AN_HERE, __VA_ARGS__)
#define an_silu(...) an_silu_at(AN_HERE, __VA_ARGS__)
#define an_leaky_relu(...) an_leaky_relu_at(AN_HERE, __VA_ARGS__)
#define an_elu(...) an_elu_at(AN_HERE, __VA_ARGS__)
#define an_softplus(...) an_softplus_at(AN_HERE, __VA_ARGS__)
#define an_mish(...) an_mish_at(AN_HERE, __VA_ARGS__)
#define an_hardsigmoid(...) an_hardsigmoid_at(AN_HERE, __VA_ARGS__)
#define an_hardswish(...) an_hardswish_at(AN_HERE, __VA_ARGS__)
#define an_clip(...) an_clip_at(AN_HERE, __VA_ARGS__)
#define an_sign(...) an_sign_at(AN_HERE, __VA_ARGS__)
#define an_floor(...) an_floor_at(AN_HERE, __VA_ARGS__)
#define an_ceil(...) an_ceil_at(AN_HERE, __VA_ARGS__)
#define an_round(...) an_round_at(AN_HERE, __VA_ARGS__)
#define an_reciprocal(...) an_reciprocal_at(AN_HERE, __VA_ARGS__)
#define an_rsqrt(...) an_rsqrt_at(AN_HERE, __VA_ARGS__)
#define an_expm1(...) an_expm1_at(AN_HERE, __VA_ARGS__)
#define an_log1p(...) an_log1p_at(AN_HERE, __VA_ARGS__)
#define an_cast(...) an_cast_at(AN_HERE, __VA_ARGS__)
#define an_gelu_grad(...) an_gelu_grad_at(AN_HERE, __VA_ARGS__)
#define an_chain(...) an_chain_at(AN_HERE, __VA_ARGS__)
#define an_global_norm(...) an_global_norm_at(AN_HERE, __VA_ARGS__)
#define an_accumulate(...) an_accumulate_at(AN_HERE, __VA_ARGS__)

/* ---- choosing (select.c) ----------------------------------------------- */

/* bool of the broadcast shape. NaN compares unequal to everything. */
AN_API an_value an_compare_at(an_at at, an_value a, an_test test, an_value b);
/* Of bools, which broadcast. */
AN_API an_value an_logical_and_at(an_at at, an_value a, an_value b);
AN_API an_value an_logical_or_at(an_at at, an_value a, an_value b);
AN_API an_value an_logical_xor_at(an_at at, an_value a, an_value b);
AN_API an_value an_logical_not_at(an_at at, an_value x);
/* a where the bool condition holds, else b; all three broadcast. */
AN_API an_value an_where_at(an_at at, an_value condition, an_value a, an_value b);
AN_API an_value an_stop_gradient_at(an_at at, an_value x);
/* Matrices of x's last two axes, with 0 above diagonal k (tril) or below it (triu); 0 is the main
 * one, above it k is positive. */
AN_API an_value an_tril_at(an_at at, an_value x, int k);
AN_API an_value an_triu_at(an_at at, an_value x, int k);
#define an_tril(...) an_tril_at(AN_HERE, __VA_ARGS__)
#define an_triu(...) an_triu_at(AN_HERE, __VA_ARGS__)
#define an_compare(...) an_compare_at(AN_HERE, __VA_ARGS__)
#define an_logical_and(...) an_logical_and_at(AN_HERE, __VA_ARGS__)
#define an_logical_or(...) an_logical_or_at(AN_HERE, __VA_ARGS__)
#define an_logical_xor(...) an_logical_xor_at(AN_HERE, __VA_ARGS__)
#define an_logical_not(...) an_logical_not_at(AN_HERE, __VA_ARGS__)
#define an_where(...) an_where_at(AN_HERE, __VA_ARGS__)
#define an_stop_gradient(...) an_stop_gradient_at(AN_HERE, __VA_ARGS__)

/* ---- along axes (reduce.c) --------------------------------------------- */

/* One axis, removed. Over no elements: sum 0, mean NaN, max -inf, min +inf. */
AN_API an_value an_sum_at(an_at at, an_value x, int axis);
AN_API an_value an_mean_at(an_at at, an_value x, int axis);
AN_API an_value an_max_at(an_at at, an_value x, int axis);
AN_API an_value an_min_at(an_at at, an_value x, int axis);
/* Any axes; `keep` leaves them with extent 1. */
AN_API an_value an_sum_axes_at(an_at at, an_value x, an_axes axes, bool keep);
AN_API an_value an_mean_axes_at(an_at at, an_value x, an_axes axes, bool keep);
AN_API an_value an_max_axes_at(an_at at, an_value x, an_axes axes, bool keep);
AN_API an_value an_min_axes_at(an_at at, an_value x, an_axes axes, bool keep);
/* i32; the axis is removed and must not be empty (-1 if a named one turns out so). */
AN_API an_value an_argmax_at(an_at at, an_value x, int axis);
/* Index of the least, likewise: of the first NaN if there is one. */
AN_API an_value an_argmin_at(an_at at, an_value x, int axis);
/* Float. Sum of squared deviations over n - ddof: 0 biased, 1 as a sample's. As exact for rows far
 * from 0. */
AN_API an_value an_var_at(an_at at, an_value x, int axis, int ddof);
AN_API an_value an_var_axes_at(an_at at, an_value x, an_axes axes, int ddof, bool keep);
/* Float. log sum e^x of any x: over -inf alone, or nothing, it is -inf, where an inf is, inf; the
 * gradient of both is 0. */
AN_API an_value an_logsumexp_at(an_at at, an_value x, int axis);
AN_API an_value an_logsumexp_axes_at(an_at at, an_value x, an_axes axes, bool keep);
/* x in order, stable, and as result 1 (i32) the index each had. A NaN counts as the largest: it
 * comes last, or first if `descending`. */
AN_API an_value an_sort_at(an_at at, an_value x, int axis, bool descending);
AN_API an_value an_argsort_at(an_at at, an_value x, int axis, bool descending); /* those indices */
/* The k largest of x, from the largest down, and their indices (i32); of equal ones the first. */
AN_API an_value an_top_k_at(an_at at, an_value x, an_dim k, int axis);
/* Running sums along the axis; `exclusive` leaves each element itself out, `reverse` begins at the
 * end. f32 is summed in double; integers wrap around. */
AN_API an_value an_cumsum_at(an_at at, an_value x, int axis, bool exclusive, bool reverse);
/* Products; over no elements 1. Gradients of any order are right with any number of zeros, and
 * overflow only where a product of some of a row's elements does. */
AN_API an_value an_prod_at(an_at at, an_value x, int axis);
AN_API an_value an_prod_axes_at(an_at at, an_value x, an_axes axes, bool keep);
/* h_j along the axis, where h_0 = value and h_(j+1) = a_j h_j + b_j; b, of a's type, may be
 * AN_NONE. Made by gradients. */
AN_API an_value an_linear_scan_at(an_at at, an_value a, an_value b, int axis, bool reverse,
                                  double value);
#define an_sum(...) an_sum_at(AN_HERE, __VA_ARGS__)
#define an_mean(...) an_mean_at(AN_HERE, __VA_ARGS__)
#define an_max(...) an_max_at(AN_HERE, __VA_ARGS__)
#define an_min(...) an_min_at(AN_HERE, __VA_ARGS__)
#define an_sum_axes(...) an_sum_axes_at(AN_HERE, __VA_ARGS__)
#define an_mean_axes(...) an_mean_axes_at(AN_HERE, __VA_ARGS__)
#define an_max_axes(...) an_max_axes_at(AN_HERE, __VA_ARGS__)
#define an_min_axes(...) an_min_axes_at(AN_HERE, __VA_ARGS__)
#define an_argmax(...) an_argmax_at(AN_HERE, __VA_ARGS__)
#define an_argmin(...) an_argmin_at(AN_HERE, __VA_ARGS__)
#define an_var(...) an_var_at(AN_HERE, __VA_ARGS__)
#define an_var_axes(...) an_var_axes_at(AN_HERE, __VA_ARGS__)
#define an_logsumexp(...) an_logsumexp_at(AN_HERE, __VA_ARGS__)
#define an_logsumexp_axes(...) an_logsumexp_axes_at(AN_HERE, __VA_ARGS__)
#define an_sort(...) an_sort_at(AN_HERE, __VA_ARGS__)
#define an_argsort(...) an_argsort_at(AN_HERE, __VA_ARGS__)
#define an_top_k(...) an_top_k_at(AN_HERE, __VA_ARGS__)
#define an_cumsum(...) an_cumsum_at(AN_HERE, __VA_ARGS__)
#define an_prod(...) an_prod_at(AN_HERE, __VA_ARGS__)
#define an_prod_axes(...) an_prod_axes_at(AN_HERE, __VA_ARGS__)
#define an_linear_scan(...) an_linear_scan_at(AN_HERE, __VA_ARGS__)

/* ---- moving elements (movement.c) -------------------------------------- */

/* Same element count; one dim may be AN_DIM_REST. */
AN_API an_value an_reshape_at(an_at at, an_value x, an_shape shape);
/* Axis i of the result is axis axes.at[i] of x. */
AN_API an_value an_transpose_at(an_at at, an_value x, an_axes axes);
AN_API an_value an_broadcast_at(an_at at, an_value x, an_shape shape);
/* x[start:stop:step] along the axis; 0 <= start <= stop <= extent, step >= 1. */
AN_API an_value an_slice_at(an_at at, an_value x, int axis, an_dim start, an_dim stop, int step);
AN_API an_value an_concat_at(an_at at, const an_value *x, int count, int axis);
/* `before` and `after` elements of `value` at the ends, `interior` between neighbours. */
AN_API an_value an_pad_at(an_at at, an_value x, int axis, an_dim before, an_dim after, int interior,
                          double value);
#define an_reshape(...) an_reshape_at(AN_HERE, __VA_ARGS__)
#define an_transpose(...) an_transpose_at(AN_HERE, __VA_ARGS__)
#define an_broadcast(...) an_broadcast_at(AN_HERE, __VA_ARGS__)
#define an_slice(...) an_slice_at(AN_HERE, __VA_ARGS__)
#define an_concat(...) an_concat_at(AN_HERE, __VA_ARGS__)
#define an_pad(...) an_pad_at(AN_HERE, __VA_ARGS__)

/* ---- by index (gather.c, dynamic.c): i32 or i64; out of range fails the run */

/* x[.., n, ..], ids[..] -> x's dims with the axis replaced by ids' dims. */
AN_API an_value an_gather_at(an_at at, an_value x, an_value ids, int axis);
/* Adjoint of gather: updates' ids-dims shrink to one axis of extent `size`. */
AN_API an_value an_scatter_add_at(an_at at, an_value ids, an_value updates, int axis, an_dim size);
/* ids[..] -> dtype[.., size]. */
AN_API an_value an_one_hot_at(an_at at, an_value ids, an_dim size, an_dtype dtype);
/* table[V,D], ids[..] -> [.., D]. */
AN_API an_value an_embedding_at(an_at at, an_value table, an_value ids);
/* x[start : start + size] along the axis, where start, a scalar i32 or i64, is known at the run;
 * outside 0 .. extent - size it is a fault, too, and not moved inside. */
AN_API an_value an_dynamic_slice_at(an_at at, an_value x, an_value start, int axis, an_dim size);
/* x with `update`, which differs from x in the axis' extent alone, in place of what begins at
 * `start`: written over x if nobody else reads x. */
AN_API an_value an_update_slice_at(an_at at, an_value x, an_value update, an_value start, int axis);
/* The same, but ids that are `padding_row`, in 0 .. V-1, give zeros, whatever the table holds
 * there, and that row takes no gradient. */
AN_API an_value an_embedding_padded_at(an_at at, an_value table, an_value ids, int64_t padding_row);
#define an_gather(...) an_gather_at(AN_HERE, __VA_ARGS__)
#define an_scatter_add(...) an_scatter_add_at(AN_HERE, __VA_ARGS__)
#define an_one_hot(...) an_one_hot_at(AN_HERE, __VA_ARGS__)
#define an_embedding(...) an_embedding_at(AN_HERE, __VA_ARGS__)
#define an_dynamic_slice(...) an_dynamic_slice_at(AN_HERE, __VA_ARGS__)
#define an_update_slice(...) an_update_slice_at(AN_HERE, __VA_ARGS__)
#define an_embedding_padded(...) an_embedding_padded_at(AN_HERE, __VA_ARGS__)

/* ---- products (matmul.c) ----------------------------------------------- */

/* a[..,M,K] b[..,K,N] -> [..,M,N]; leading axes broadcast; float. */
AN_API an_value an_matmul_at(an_at at, an_value a, an_value b);
/* The same with operands read transposed in their last two axes, at no cost. */
AN_API an_value an_matmul_t_at(an_at at, an_value a, bool transpose_a, an_value b,
                               bool transpose_b);
/* Sums of products in Einstein's notation, of any number of operands from 1 on:
 * an_einsum("bhtd,bhsd->bhts", q, k). A letter is an axis, of one extent wherever it stands; what
 * the result does not name is summed; twice in an operand it is the diagonal; `...` stands for all
 * other axes, which broadcast; without `->` the result names what occurs once, by the alphabet.
 * Becomes matmul, mul, sum, transpose and reshape, operands taken from the left. */
AN_API an_value an_einsum_at(an_at at, const char *equation, const an_value *in, int count);
#define an_einsum(equation, ...)                                                                   \
    an_einsum_at(AN_HERE, equation, (const an_value[]){__VA_ARGS__},                               \
                 (int)(sizeof((const an_value[]){__VA_ARGS__}) / sizeof(an_value)))
#define an_matmul(...) an_matmul_at(AN_HERE, __VA_ARGS__)
#define an_matmul_t(...) an_matmul_t_at(AN_HERE, __VA_ARGS__)

/* ---- windows that slide over images (images/) -------------------------------- */

/* Where windows lie over images [N,C,H,W]; what is 0 has its usual value. A window of extent k over
 * rows takes k rows that are `dilation` apart; there are
 *     (H + above + below - dilation * (k - 1) - 1) / stride + 1
 * of them, rounded down, and likewise over columns. */
typedef struct an_window {
    int size[2];     /* rows, columns; of pools only */
    int stride[2];   /* usually 1, of pools the size */
    int padding[4];  /* above, below, left, right: zeros, of max_pool2d -inf */
    int dilation[2]; /* usually 1; of convolutions only */
    int groups;      /* usually 1; of convolutions only */
    bool counted;    /* avg_pool2d: padding counts as elements */
} an_window;

/* x [N,C,H,W], kernel [O,C/groups,KH,KW], bias [O] or AN_NONE -> [N,O,OH,OW]: what deep learning
 * calls a convolution, the kernel is not mirrored. KH and KW are literal. Output channel o sees
 * the channels of its group, which is number o / (O/groups). LeCun et al. 1989. */
AN_API an_value an_conv2d_at(an_at at, an_value x, an_value kernel, an_value bias,
                             an_window window);
/* What conv2d with that kernel and window does, backwards: x [N,O,OH,OW], kernel
 * [O,C/groups,KH,KW] -> [N,C,H,W], the gradient of conv2d by its images. Of the extents H that
 * conv2d takes to OH, the least plus `more_rows`, which is below the stride; W likewise. Zeiler et
 * al. 2010. */
AN_API an_value an_conv2d_transpose_at(an_at at, an_value x, an_value kernel, an_window window,
                                       int more_rows, int more_columns);
/* The largest element of each window of each channel, of `size`; results: y, and i64 `at`, its
 * place among all elements of x. Of equal ones the first, and a NaN before all, get the gradient.
 * An image without elements, of which padding alone makes windows, has none to give it to: a fault
 * when that gradient runs. */
AN_API an_value an_max_pool2d_at(an_at at, an_value x, an_window window);
/* The mean of each window. */
AN_API an_value an_avg_pool2d_at(an_at at, an_value x, an_window window);
#define an_max_pool2d(...) an_max_pool2d_at(AN_HERE, __VA_ARGS__)
#define an_avg_pool2d(...) an_avg_pool2d_at(AN_HERE, __VA_ARGS__)
#define an_conv2d(...) an_conv2d_at(AN_HERE, __VA_ARGS__)
#define an_conv2d_transpose(...) an_conv2d_transpose_at(AN_HERE, __VA_ARGS__)

/* ---- softmax (softmax.c) ----------------------------------------------- */

/* A row that is all -inf gives NaN, as the formula does. */
AN_API an_value an_softmax_at(an_at at, an_value x, int axis);
AN_API an_value an_log_softmax_at(an_at at, an_value x, int axis);
#define an_softmax(...) an_softmax_at(AN_HERE, __VA_ARGS__)
#define an_log_softmax(...) an_log_softmax_at(AN_HERE, __VA_ARGS__)

/* ---- attention (attention/) -------------------------------------------- */

/* Operands of attention: q[B,H,T,D], k[B,G,S,D], v[B,G,S,E]. H is a multiple of G: query head h
 * reads key head h / (H/G). Of the others any may be left out. `mask` is added to the scaled
 * scores: [B,H,T,S], each extent that or 1. `lengths`[B] (i32 or i64, 0..S): keys at and beyond it
 * are not seen. `causal`: query i sees the keys up to `position` + i; position[] (i32 or i64) is
 * the place of query 0 among the keys, S - T without one. `scale` is a number of f32, as eps and
 * rates are, whatever the operands; 0 is 1 / sqrt(D). */
typedef struct an_attention_operands {
    an_at at; /* set by the macro */
    an_value q, k, v, mask, lengths, position;
    bool causal;
    double scale;
} an_attention_operands;
/* y[B,H,T,E] = softmax(scale * q k' + mask) v over the keys that a query sees, and lse[B,H,T], the
 * log of the sum of exponentials of those scores. A query that sees none has y 0, lse -inf and
 * gradients 0. Keys and values that are not seen must be numbers all the same. In f32 no [T,S] is
 * ever held: memory is linear in T and S. A length outside 0..S is a fault.
 * Vaswani et al. 2017; Dao et al. 2022; grouped heads: Ainslie et al. 2023. */
AN_API an_value an_attention_with(const an_attention_operands *args);
#define an_attention(...) an_attention_with(&(an_attention_operands){.at = AN_HERE, __VA_ARGS__})

/* ---- residuals and norms (norm.c, fused.c) ----------------------------- */

/* x + skip; types must be identical, unlike add, so that a wrong wiring cannot
 * broadcast its way through. He et al., "Deep residual learning", 2016. */
AN_API an_value an_residual_add_at(an_at at, an_value x, an_value skip);
/* x + scale * skip; `scale` broadcasts to x's shape (a scalar, or one per feature). */
AN_API an_value an_residual_add_scaled_at(an_at at, an_value x, an_value skip, an_value scale);
/* Normalises over `axis` and all axes after it. gamma and beta, of exactly those
 * axes' shape, may be AN_NONE. Results: y like x, mean and rstd = 1/sqrt(var+eps)
 * with x's leading dims. eps is finite and at
 * least 0. Ba, Kiros, Hinton, "Layer
 * normalization", 2016. */
AN_API an_value an_layer_norm_at(an_at at, an_value x, an_value gamma, an_value beta, int axis,
                                 double eps);
/* x * rstd * gamma with rstd = 1/sqrt(mean(x^2) + eps). Results: y, rstd. Zhang &
 * Sennrich, "Root mean square layer normalization", 2019. */
AN_API an_value an_rms_norm_at(an_at at, an_value x, an_value gamma, int axis, double eps);
/* layer_norm(residual_add(x, skip)) in one sweep, with the same bits. Results:
 * y, sum, mean, rstd. fuse_add_norm makes these; calling it by hand is fine. */
AN_API an_value an_add_norm_at(an_at at, an_value x, an_value skip, an_value gamma, an_value beta,
                               int axis, double eps);
/* rms_norm(residual_add(x, skip)), likewise. Results: y, sum, rstd. */
AN_API an_value an_add_rms_norm_at(an_at at, an_value x, an_value skip, an_value gamma, int axis,
                                   double eps);
/* Normalises each channel, axis 1, over all other axes; gamma and beta [C] may be AN_NONE.
 * Results: y like x; mean, rstd = 1/sqrt(variance + eps) and variance, the biased one, [C]. In an
 * inference program running_mean and running_variance [C], if they are not AN_NONE, stand for those
 * of the batch; who moves them is a layer's concern (an_nn_batch_norm). Second derivatives are
 * those of training. Ioffe & Szegedy 2015. */
AN_API an_value an_batch_norm_at(an_at at, an_value x, an_value gamma, an_value beta,
                                 an_value running_mean, an_value running_variance, double eps);
#define an_residual_add(...) an_residual_add_at(AN_HERE, __VA_ARGS__)
#define an_residual_add_scaled(...) an_residual_add_scaled_at(AN_HERE, __VA_ARGS__)
#define an_layer_norm(...) an_layer_norm_at(AN_HERE, __VA_ARGS__)
#define an_rms_norm(...) an_rms_norm_at(AN_HERE, __VA_ARGS__)
#define an_batch_norm(...) an_batch_norm_at(AN_HERE, __VA_ARGS__)
#define an_add_norm(...) an_add_norm_at(AN_HERE, __VA_ARGS__)
#define an_add_rms_norm(...) an_add_rms_norm_at(AN_HERE, __VA_ARGS__)

/* ---- sequences (lstm.c, gru.c, rnn.c) ---------------------------------- */

/* Operands of lstm: x[B,T,D] kernel[D,4H] recurrent[H,4H] bias[4H] h0[B,H] c0[B,H]
 * lengths[B] (i32 or i64, 0..T). Those after recurrent may be AN_NONE: no bias,
 * zero start, all T steps. */
typedef struct an_lstm_operands {
    an_value x, kernel, recurrent, bias, h0, c0, lengths;
} an_lstm_operands;
/* Gates i, f, c, o with sigmoid and tanh, as Keras orders them. Results:
 * y[B,T,H], h[B,H] and c[B,H] after the last step (the initial ones at length
 * 0), and gates[B,T,4H] and cells[B,T,H], which serve the gradient and pass none
 * on. Steps at or past a row's length are skipped: all three are 0 there.
 * `reverse` starts at a row's last real step; y stays in x's order. A length
 * outside 0..T is a fault. No second derivative.
 * Hochreiter & Schmidhuber 1997; Gers et al. 2000 (forget gate). */
AN_API an_value an_lstm_at(an_at at, an_lstm_operands operands, bool reverse);
#define an_lstm(...) an_lstm_at(AN_HERE, __VA_ARGS__)

/* Operands of gru: x[B,T,D] kernel[D,3H] recurrent[H,3H] bias[3H] recurrent_bias[3H]
 * h0[B,H] lengths[B]. Those after recurrent may be AN_NONE, as of lstm. */
typedef struct an_gru_operands {
    an_value x, kernel, recurrent, bias, recurrent_bias, h0, lengths;
} an_gru_operands;
/* h' = z h + (1 - z) g with gates z, r, h as Keras orders them (PyTorch: r, z, n, which is our
 * h), where g = tanh(a + r (h U + c)) if `reset_after` (cuDNN, PyTorch, Keras 2), else
 * tanh(a + c + (r h) U) (Cho et al. 2014): a is x's part with the bias, U and c are recurrent's
 * and recurrent_bias's last H columns. Results: y[B,T,H], h[B,H], and gates[B,T,3H] and
 * inner[B,T,H], which serve the gradient and pass none on. Lengths, faults and `reverse` as of
 * lstm. No second derivative. */
AN_API an_value an_gru_at(an_at at, an_gru_operands operands, bool reset_after, bool reverse);
#define an_gru(...) an_gru_at(AN_HERE, __VA_ARGS__)

/* Operands of rnn: x[B,T,D] kernel[D,H] recurrent[H,H] bias[H] h0[B,H] lengths[B]. Those after
 * recurrent may be AN_NONE, as of lstm. */
typedef struct an_rnn_operands {
    an_value x, kernel, recurrent, bias, h0, lengths;
} an_rnn_operands;
/* h' = tanh(x kernel + bias + h recurrent), or relu if `rectified`. Results: y[B,T,H], h[B,H].
 * Lengths, faults and `reverse` as of lstm. No second derivative. Elman 1990. */
AN_API an_value an_rnn_at(an_at at, an_rnn_operands operands, bool rectified, bool reverse);
#define an_rnn(...) an_rnn_at(AN_HERE, __VA_ARGS__)

/* ---- chance (random.c) ------------------------------------------------- */
/* ---- chance (dropout.c, draw.c) ------------------------------------------------- */

/* x / (1 - rate) with probability 1 - rate, else 0; 0 <= rate < 1. Draws depend
 * on the store's seed, the training step and the node's scope and name only. In
 * an inference program it is x. Srivastava et al. 2014. */
AN_API an_value an_dropout_at(an_at at, an_value x, double rate);
/* The same with the key (i64[2]: seed, step) and stream given. */
AN_API an_value an_dropout_keyed_at(an_at at, an_value x, an_value key, double rate,
                                    uint32_t stream);
/* The same of x whose rows (along axis 0) are those from `row` on, an i64 scalar, of a larger x:
 * it draws what the larger one's dropout draws for them. AN_NONE: the first is row 0. */
AN_API an_value an_dropout_rows_at(an_at at, an_value x, an_value key, an_value row, double rate,
                                   uint32_t stream);
/* Tensors of independent draws, made anew when the training step advances, as dropout's masks are;
 * in an inference program, too, but the step stays there. f32 or f64; no gradient reaches them:
 * an_add(mean, an_mul(deviation, normal)) has those of mean and deviation.
 * From low up to high, which is left out. */
AN_API an_value an_random_uniform_at(an_at at, an_graph *g, an_dtype dtype, an_shape shape,
                                     double low, double high);
/* Box & Muller 1958. */
AN_API an_value an_random_normal_at(an_at at, an_graph *g, an_dtype dtype, an_shape shape,
                                    double mean, double deviation);
/* bool: true with that probability, which is taken as an f32. */
AN_API an_value an_random_bernoulli_at(an_at at, an_graph *g, an_shape shape, double probability);
/* The same of a key (i64[2]: seed, step) and a stream: alike are the same numbers. */
AN_API an_value an_random_uniform_keyed_at(an_at at, an_value key, uint32_t stream, an_dtype dtype,
                                           an_shape shape, double low, double high);
AN_API an_value an_random_normal_keyed_at(an_at at, an_value key, uint32_t stream, an_dtype dtype,
                                          an_shape shape, double mean, double deviation);
AN_API an_value an_random_bernoulli_keyed_at(an_at at, an_value key, uint32_t stream,
                                             an_shape shape, double probability);
#define an_random_uniform(...) an_random_uniform_at(AN_HERE, __VA_ARGS__)
#define an_random_normal(...) an_random_normal_at(AN_HERE, __VA_ARGS__)
#define an_random_bernoulli(...) an_random_bernoulli_at(AN_HERE, __VA_ARGS__)
#define an_random_uniform_keyed(...) an_random_uniform_keyed_at(AN_HERE, __VA_ARGS__)
#define an_random_normal_keyed(...) an_random_normal_keyed_at(AN_HERE, __VA_ARGS__)
#define an_random_bernoulli_keyed(...) an_random_bernoulli_keyed_at(AN_HERE, __VA_ARGS__)
#define an_dropout(...) an_dropout_at(AN_HERE, __VA_ARGS__)
#define an_dropout_keyed(...) an_dropout_keyed_at(AN_HERE, __VA_ARGS__)
#define an_dropout_rows(...) an_dropout_rows_at(AN_HERE, __VA_ARGS__)

/* ---- among processes (across.c) ------------------------------------------------ */

/* The sum over all ranks of a program's communicator (an_compile's .communicator) of what each
 * has for x, or `averaged` over their number; floats or integers, a mean of floats only. Added in
 * double in the ranks' order, so that all have the same bits. Without a communicator it is x. Its
 * gradient is all_reduce of dy: that of the sum, or the mean, of all ranks' losses. */
AN_API an_value an_all_reduce_at(an_at at, an_value x, bool averaged);
#define an_all_reduce(...) an_all_reduce_at(AN_HERE, __VA_ARGS__)

/* ---- losses and metrics (loss.c, cross_entropy.c): output 0 the mean, output 1 each ------
 * Without options; `losses.h` has their macros, which take some, and other losses. */

/* logits and labels of the same float type; labels in [0, 1]. Stable for any logit. */
AN_API an_value an_bce_with_logits_at(an_at at, an_value logits, an_value labels);
/* logits[..,C] float, labels[..] i32 or i64 in [0, C). */
AN_API an_value an_softmax_cross_entropy_at(an_at at, an_value logits, an_value labels);
AN_API an_value an_mse_at(an_at at, an_value prediction, an_value target);
/* Labels of the prediction's own shape: right if (prediction > threshold) ==
 * (label > 0.5). Integer labels of one rank less: right if the largest of the
 * last axis is at the label. Output 0 is the share, f32 or f64 as the prediction. */
AN_API an_value an_accuracy_at(an_at at, an_value prediction, an_value labels, double threshold);
#define an_accuracy(...) an_accuracy_at(AN_HERE, __VA_ARGS__)

#ifdef __cplusplus
}
#endif
#endif
