/* source.c -- leaves: values that come from outside the graph or are part of it.
 *
 *   input      fed at every run                 (the executor binds its bytes)
 *   state      kept by a store between runs     (the executor binds its bytes)
 *   constant   y_i = data_i, or data_0 everywhere
 *   iota       y_i = the index of i along `axis`
 *   training   y = true                         (programs have a literal instead)
 *
 * A leaf has no operands, hence no gradient to hand on. Refused here: shapes
 * that are no shapes of the graph, a state whose extents are not literal (its
 * store outlives any binding), and literal data that does not fill its shape. */
#include "ops/access.h"
#include "ops/elementwise.h"
#include "ops/movement.h"

#include <math.h>
#include <string.h>

static const char no_operand[] = "a leaf has no operand";

static an_status leaf_infer(const an_infer *q, an_type out[])
{
    if (an_dtype_size(q->attrs->dtype) == 0)
        return an_refuse(q, AN_E_DTYPE, "%d is no element type", (int)q->attrs->dtype);
    const an_status s = an_want_shape(q, &q->attrs->shape);
    if (s != AN_OK) return s;
    out[0] = (an_type){q->attrs->dtype, q->attrs->shape};
    return AN_OK;
}

/* ---- input and state --------------------------------------------------- */

/* What is wrong with an initialiser for a state of that type; NULL: nothing. */
static const char *wrong_init(const an_type *t, const an_init *init)
{
    const double a = init->a, b = init->b;
    const int rank = t->shape.rank;
    const bool is_float = an_dtype_is_float(t->dtype);
    if (init->kind >= AN_INIT_UNIFORM && init->kind <= AN_INIT_FORGET_BIAS && !is_float)
        return "draws floats";
    switch (init->kind) {
    case AN_INIT_CONSTANT: return an_dtype_holds(t->dtype, a) ? NULL : "does not fit the type";
    case AN_INIT_UNIFORM:
        return isfinite(b - a) && a <= b ? NULL : "must go from a finite low to a high";
    case AN_INIT_NORMAL:
        return isfinite(a) && isfinite(b) && b >= 0 ? NULL
                                                    : "needs a finite mean and a deviation of at "
                                                      "least 0";
    case AN_INIT_ORTHOGONAL:
        return rank < 2 ? "is for matrices" : isfinite(a) ? NULL : "needs a finite gain";
    case AN_INIT_FORGET_BIAS:
        return rank == 1 && t->shape.dim[0] % 4 == 0 ? NULL
                                                     : "is for the biases of four gates, [4H]";
    case AN_INIT_RANDOM_KEY:
        return t->dtype == AN_I64 && rank == 1 && t->shape.dim[0] == 2 ? NULL : "is for i64[2]";
    case AN_INIT_GLOROT_UNIFORM:
    case AN_INIT_GLOROT_NORMAL:
    case AN_INIT_HE_UNIFORM:
    case AN_INIT_HE_NORMAL:
        return (a == 0 || a == 1) && b == 0 ? NULL
                                            : "takes no numbers, but 1 for [out, in, ..]";
    default: return a == 0 && b == 0 ? NULL : "takes no numbers";
    }
}

static an_status check_init(const an_infer *q, const an_type *type)
{
    const an_init *init = &q->attrs->init;
    const char *wrong = wrong_init(type, init);
    if (!wrong) return AN_OK;
    if (init->a == 0 && init->b == 0)
        return an_refuse(q, AN_E_ATTRIBUTE, "init %s %s", an_init_name(init->kind), wrong);
    return an_refuse(q, AN_E_ATTRIBUTE, "init %s(%g,%g) %s", an_init_name(init->kind), init->a,
                     init->b, wrong);
}

static an_status state_infer(const an_infer *q, an_type out[])
{
    const an_status s = leaf_infer(q, out);
    if (s != AN_OK) return s;
    for (int i = 0; i < out[0].shape.rank; i++)
        if (an_dim_is_symbolic(out[0].shape.dim[i])) {
            an_refuse(q, AN_E_SHAPE, "dim %d of a state is not a literal extent", i);
            return an_hint(q, AN_E_SHAPE, "a store keeps states for every batch size; "
                                          "feed what depends on one as an an_input");
        }
    return check_init(q, &out[0]);
}

an_value an_input_at(an_at at, an_graph *g, const char *name, an_dtype dtype, an_shape shape)
{
    return an_emit_leaf(at, g, AN_OP_input, name, &(an_attrs){.dtype = dtype, .shape = shape});
}

an_value an_state_at(an_at at, an_graph *g, const char *name, an_dtype dtype, an_shape shape,
                     an_init init)
{
    return an_emit_leaf(at, g, AN_OP_state, name,
                        &(an_attrs){.dtype = dtype, .shape = shape, .init = init});
}

an_value an_cache_at(an_at at, an_graph *g, const char *name, an_dtype dtype, an_shape shape,
                     an_init init)
{
    return an_emit_leaf(at, g, AN_OP_state, name,
                        &(an_attrs){.dtype = dtype, .shape = shape, .init = init, .frozen = true,
                                    .transient = true});
}

const an_op_rules an_rules_input = {.infer = leaf_infer, .no_grad = no_operand};
const an_op_rules an_rules_state = {.infer = state_infer, .no_grad = no_operand};

/* ---- constant ---------------------------------------------------------- */

static an_status constant_infer(const an_infer *q, an_type out[])
{
    const an_status s = leaf_infer(q, out);
    if (s != AN_OK) return s;
    const an_data *data = &q->attrs->data;
    if (data->count > 0 && !data->bytes)
        return an_refuse(q, AN_E_ATTRIBUTE, "%lld elements, but no bytes", (long long)data->count);
    const an_dim count = an_dims_count(q->dims, &q->attrs->shape);
    if (data->count == 1 || data->count == count) return AN_OK;
    an_refuse(q, AN_E_ATTRIBUTE, "%lld elements do not fill the shape", (long long)data->count);
    return an_hint(q, AN_E_ATTRIBUTE, "give one element for each of the shape, or one for all");
}

static void constant_run(const an_work *w, int64_t begin, int64_t end)
{
    if (!w->out[0].data) return;
    int64_t first;
    const int64_t count = an_block_range(w, begin, end, &first);
    const int64_t size = (int64_t)an_dtype_size(w->out[0].dtype);
    const char *data = w->attrs->data.bytes;
    char *y = (char *)w->out[0].data + first * size;
    if (w->attrs->data.count == 1) an_fill_bytes(y, count, data, size);
    else if (count > 0) memcpy(y, data + first * size, (size_t)(count * size));
}

/* Element by element: in a shadow run y is f64 though the literal is f32. */
static void constant_ref(const an_work *w)
{
    const an_tensor *y = &w->out[0];
    const an_tensor data = {.dtype = w->attrs->dtype, .data = (void *)w->attrs->data.bytes};
    const int64_t count = y->data ? an_elements(y) : 0;
    for (int64_t i = 0; i < count; i++) {
        const int64_t j = w->attrs->data.count == 1 ? 0 : i;
        if (an_dtype_is_float(y->dtype)) an_put(y, i, an_get(&data, j));
        else an_put_int(y, i, an_get_int(&data, j));
    }
}

an_value an_constant_at(an_at at, an_graph *g, const an_tensor *t)
{
    an_attrs a = {.data = {-1, NULL}}; /* refused by infer: no tensor */
    if (t && t->rank >= 0 && t->rank <= AN_MAX_RANK) {
        a.dtype = t->dtype;
        a.shape.rank = t->rank;
        for (int i = 0; i < t->rank; i++) a.shape.dim[i] = t->extent[i];
        a.data = (an_data){an_tensor_count(t), t->data};
    }
    return an_emit_leaf(at, g, AN_OP_constant, NULL, &a);
}

an_value an_fill_at(an_at at, an_graph *g, an_dtype dtype, an_shape shape, double value)
{
    if (an_dtype_size(dtype) > 0 && !an_dtype_holds(dtype, value)) {
        int64_t kept = 0;
        an_tensor lost = an_tensor_borrow(dtype, 0, NULL, &kept);
        an_tensor_set(&lost, 0, value);
        an_reject(at, g, AN_E_ATTRIBUTE, "%g becomes %g in %s", value, an_tensor_get(&lost, 0),
                  an_dtype_name(dtype));
    }
    int64_t bytes = 0; /* room for one element of any type */
    an_tensor one = an_tensor_borrow(dtype, 0, NULL, &bytes);
    an_tensor_set(&one, 0, value);
    return an_emit_leaf(at, g, AN_OP_constant, NULL,
                        &(an_attrs){.dtype = dtype, .shape = shape, .data = {1, &bytes}});
}

an_value an_number_at(an_at at, an_value like, double value)
{
    if (an_is_missing(like)) return like;
    return an_fill_at(at, like.graph, an_type_of(like).dtype, AN_SCALAR, value);
}

an_value an_scale_at(an_at at, an_value x, double factor)
{
    return an_mul_at(at, x, an_number_at(at, x, factor));
}

const an_op_rules an_rules_constant = {
    .infer = constant_infer,
    .no_grad = no_operand,
    .stages = {{an_block_units, constant_run}},
    .fast = AN_FAST_ANY,
    .ref = constant_ref,
};

/* ---- iota -------------------------------------------------------------- */

static an_status iota_infer(const an_infer *q, an_type out[])
{
    an_status s = leaf_infer(q, out);
    if (s != AN_OK) return s;
    if (out[0].dtype == AN_BOOL) return an_refuse(q, AN_E_DTYPE, "an index is not a bool");
    int axis;
    return an_want_axis(q, q->attrs->axis, out[0].shape.rank, false, &axis);
}

static void iota_ref(const an_work *w)
{
    const an_tensor *y = &w->out[0];
    if (!y->data) return;
    const int axis = w->attrs->axis;
    const int64_t inner = an_span(y, axis + 1, y->rank), count = an_elements(y);
    for (int64_t i = 0; i < count; i++) {
        const int64_t index = i / inner % y->extent[axis];
        if (an_dtype_is_float(y->dtype)) an_put(y, i, (double)index);
        else an_put_int(y, i, index);
    }
}

an_value an_iota_at(an_at at, an_graph *g, an_dtype dtype, an_shape shape, int axis)
{
    return an_emit_leaf(at, g, AN_OP_iota, NULL,
                        &(an_attrs){.dtype = dtype, .shape = shape, .axis = axis});
}

const an_op_rules an_rules_iota = {.infer = iota_infer, .no_grad = no_operand, .ref = iota_ref};

/* ---- training ---------------------------------------------------------- */

static an_status training_infer(const an_infer *q, an_type out[])
{
    (void)q;
    out[0] = (an_type){AN_BOOL, AN_SCALAR};
    return AN_OK;
}

static void training_ref(const an_work *w)
{
    if (w->out[0].data) an_put_int(&w->out[0], 0, true);
}

an_value an_training_at(an_at at, an_graph *g)
{
    return an_emit_leaf(at, g, AN_OP_training, NULL, &(an_attrs){0});
}

const an_op_rules an_rules_training = {
    .infer = training_infer,
    .no_grad = no_operand,
    .ref = training_ref,
};
