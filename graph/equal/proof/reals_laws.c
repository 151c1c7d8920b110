/* reals_laws.c -- what ops are over the reals: each as the formula that defines it.
 *
 * A norm, a softmax or a gelu written out by some tool is the same formula in another order, so
 * both come out as one form. Ops without a formula here are atoms of the forms of their operands.
 * Only floats are numbers: integers wrap around, and a cast to them cuts.
 *
 * Assumed: no extent is 0 (the mean of nothing is no number), and both sides have a value (1/x -
 * 1/x is 0, but at 0 it is nothing). No law is here that fails for some number: x/x is not 1,
 * sqrt(x^2) is not x, log x^2 is not 2 log x, exp(log x) is not x.           */
#include "graph/equal/proof/place.h"
#include "graph/equal/proof/reals.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define LAW(name, says) {false, name, says, 0, false, NULL}

static const an_proof_rule laws[AN_REAL_LAWS] = {
    [AN_REAL_SUMS] = LAW("sums", "sums in any order: (x + y) + z = x + (y + z), x - x = 0"),
    [AN_REAL_PRODUCTS] = LAW("products", "products in any order, multiplied out: "
                          "x * (y + z) = x * y + x * z"),
    [AN_REAL_POWERS] = LAW("powers", "x ^ 2 = x * x, x ^ -1 = 1 / x, x ^ 0.5 = sqrt x"),
    [AN_REAL_QUOTIENTS] = LAW("quotients", "x / y = x * (1 / y), 1 / (x * y) = 1 / x * 1 / y"),
    [AN_REAL_MATMUL] = LAW("matmul", "a product of matrices is a sum of products"),
    [AN_REAL_MEAN] = LAW("mean", "mean = sum / count"),
    [AN_REAL_INDEX] = LAW("indices", "moving and repeating elements renames the indices of "
                       "sums and products"),
    [AN_REAL_EXP] = LAW("exp", "exp(x + y) = exp x * exp y"),
    [AN_REAL_LOG] = LAW("log", "log(x * exp y) = log x + y, log(1 / x) = -log x"),
    [AN_REAL_EXP_LOG] = LAW("exp-log", "exp(log x) = x where x is made of exponentials"),
    [AN_REAL_ROOT] = LAW("root", "sqrt(c * x) = sqrt c * sqrt x for c > 0"),
    [AN_REAL_SIGMOID] = LAW("sigmoid", "sigmoid x = 1 / (1 + exp(-x)) = 1 - sigmoid(-x) = "
                         "exp x * sigmoid(-x)"),
    [AN_REAL_TANH] = LAW("tanh", "tanh x = 2 * sigmoid(2 * x) - 1"),
    [AN_REAL_ODD] = LAW("odd", "erf(-x) = -erf x, sin(-x) = -sin x"),
    [AN_REAL_SOFTMAX] = LAW("softmax", "softmax x = exp(x - c) / sum exp(x - c)"),
    [AN_REAL_LAYER_NORM] = LAW("layer_norm",
                            "layer_norm x = (x - mean) / sqrt(variance + eps) * gamma + beta"),
    [AN_REAL_RMS_NORM] = LAW("rms_norm", "rms_norm x = x / sqrt(mean x^2 + eps) * gamma"),
    [AN_REAL_GELU] = LAW("gelu", "gelu x = x / 2 * (1 + erf(x / sqrt 2)), or by tanh"),
    [AN_REAL_SILU] = LAW("silu", "silu x = x * sigmoid x"),
    [AN_REAL_SOFTPLUS] = LAW("softplus", "softplus x = log(1 + exp x), mish = x * tanh of it"),
    [AN_REAL_RELU] = LAW("relu", "relu x = max(x, 0)"),
    [AN_REAL_LARGER] = LAW("larger", "max(x, y) = max(y, x), min likewise"),
    [AN_REAL_LEAST] = LAW("least", "max(x, y) = x for the least y that there is"),
    [AN_REAL_HIDDEN] = LAW("hidden", "where(c, x, -inf) = x + where(c, 0, -inf)"),
    [AN_REAL_CHAIN] = LAW("chain", "chain(x, y) = x * y, or x / y"),
    [AN_REAL_NEAR] = LAW("near", "one-element literals, or 1 / one, are one number if a step "
                      "of f32 from it"),
    [AN_REAL_SAME] = LAW("same", "an op of equal operands is equal"),
};

/* Inherent: whatever spells these ops out rounds them. */
#define ROOT_HALF 0.70710678118654752440
#define ROOT_TWO_BY_PI 0.79788456080286535588
#define CUBE 0.044715

typedef struct call {
    an_reals *r;
    const an_node *n;
    int k; /* which result */
    const an_shape *shape; /* that result's */
} call;

static const an_type *type_of(const call *c, int i)
{
    return an_slot_type(c->r->p->values.graph, c->n->in[i]);
}

/* The form of operand i; false if it is absent. */
static bool operand(const call *c, int i, an_expr *f)
{
    const uint32_t value = an_operand(&c->r->p->values, c->n, i);
    if (!value) return false;
    an_expr_load(c->r, c->r->form[value], f);
    return true;
}

/* The same, repeated to the result's shape. */
static bool operand_wide(const call *c, int i, an_expr *f)
{
    an_expr x;
    return operand(c, i, &x) && an_expr_repeated(c->r, &x, c->shape, f);
}

static bool use(const call *c, enum an_real_law law, bool holds)
{
    if (holds) an_real_used(c->r, law);
    return holds;
}

/* ---- arithmetic -------------------------------------------------------- */

static bool add_number(const call *c, an_expr *f, double number)
{
    an_expr x, sum;
    const an_shape none = {.rank = 0};
    if (!an_expr_number(&x, &none, number)) return false;
    x.rank = f->rank;
    x.indices = f->indices;
    memcpy(x.count, f->count, sizeof f->count);
    memcpy(x.extent, f->extent, sizeof f->extent);
    if (!an_expr_plus(c->r, f, &x, &sum)) return false;
    an_expr_copy(f, &sum);
    return true;
}

static bool times_into(const call *c, an_expr *f, const an_expr *by)
{
    an_expr product;
    if (!an_expr_times(c->r, f, by, &product)) return false;
    an_expr_copy(f, &product);
    return true;
}

static bool sum_of(const call *c, an_expr *out)
{
    an_expr x, y;
    if (!operand_wide(c, 0, &x) || !operand_wide(c, 1, &y)) return false;
    return use(c, AN_REAL_SUMS, an_expr_plus(c->r, &x, &y, out));
}

static bool product_of(const call *c, an_expr *out)
{
    an_expr x, y;
    if (!operand_wide(c, 0, &x) || !operand_wide(c, 1, &y)) return false;
    return use(c, AN_REAL_PRODUCTS, an_expr_times(c->r, &x, &y, out));
}

static bool quotient_of(const call *c, an_expr *out)
{
    an_expr x, y, by;
    double number;
    if (!operand_wide(c, 0, &x) || !operand_wide(c, 1, &y)) return false;
    an_real_used(c->r, AN_REAL_QUOTIENTS);
    if (an_expr_is_number(&y, &number)) {
        if (number == 0) return false;
        an_expr_copy(out, &x);
        return an_expr_scaled(c->r, out,
                              an_real_number(c->r, 1 / number, type_of(c, 1)->dtype == AN_F32));
    }
    return an_expr_inverse(c->r, &y, &by) && an_expr_times(c->r, &x, &by, out);
}

static bool power_of(const call *c, an_expr *out)
{
    an_expr x, y, one;
    double power;
    if (!operand_wide(c, 0, &x) || !operand_wide(c, 1, &y) || !an_expr_is_number(&y, &power))
        return false;
    an_real_used(c->r, AN_REAL_POWERS);
    const double whole = fabs(power);
    if (whole == 0.5) {
        if (power > 0) return an_expr_root(c->r, &x, out);
        return an_expr_root(c->r, &x, &one) && an_expr_inverse(c->r, &one, out);
    }
    if (whole != floor(whole) || whole < 1 || whole > 4) return false;
    if (power < 0 && !an_expr_inverse(c->r, &x, &one)) return false;
    an_expr_copy(out, power < 0 ? &one : &x);
    an_expr_copy(&x, out);
    for (int i = 1; i < whole; i++)
        if (!times_into(c, out, &x)) return false;
    return true;
}

/* ---- element by element ------------------------------------------------ */

static bool tanh_of(const call *c, an_expr *x, an_expr *out)
{
    an_real_used(c->r, AN_REAL_TANH);
    return an_expr_scaled(c->r, x, 2) && an_expr_sigmoid(c->r, x, out) &&
           an_expr_scaled(c->r, out, 2) && add_number(c, out, -1);
}

static bool gelu_of(const call *c, an_expr *x, an_expr *out)
{
    an_expr y, cube;
    an_real_used(c->r, AN_REAL_GELU);
    if (c->n->attrs->form == AN_EXACT) {
        an_expr_copy(&y, x);
        if (!an_expr_scaled(c->r, &y, an_real_number(c->r, ROOT_HALF, true)) ||
            !an_expr_odd(c->r, an_op(AN_OP_erf), &y, out) || !add_number(c, out, 1))
            return false;
        return times_into(c, out, x) && an_expr_scaled(c->r, out, 0.5);
    }
    an_expr_copy(&cube, x);
    if (!times_into(c, &cube, x) || !times_into(c, &cube, x) ||
        !an_expr_scaled(c->r, &cube, an_real_number(c->r, CUBE, true)) ||
        !an_expr_plus(c->r, x, &cube, &y) ||
        !an_expr_scaled(c->r, &y, 2 * an_real_number(c->r, ROOT_TWO_BY_PI, true)))
        return false;
    return an_expr_sigmoid(c->r, &y, out) && times_into(c, out, x);
}

static bool softplus_of(const call *c, const an_expr *x, an_expr *out)
{
    an_expr y;
    an_real_used(c->r, AN_REAL_SOFTPLUS);
    return an_expr_exp(c->r, x, &y) && add_number(c, &y, 1) && an_expr_log(c->r, &y, out);
}

/* The larger of two, which are taken in one order; of 0 and x it is relu(x). */
static bool larger_of(const call *c, an_expr *out)
{
    an_expr x, y;
    double number;
    if (!operand_wide(c, 0, &x) || !operand_wide(c, 1, &y)) return false;
    for (int i = 0; i < 2 && an_is_op(c->n, AN_OP_maximum); i++)
        if (an_expr_is_number(i ? &x : &y, &number) && number == 0)
            return use(c, AN_REAL_RELU, an_expr_function(c->r, an_op(AN_OP_relu), NULL,
                                                         i ? &y : &x, out));
    const double least = type_of(c, 0)->dtype == AN_F32 ? -(double)FLT_MAX : -DBL_MAX;
    for (int i = 0; i < 2 && an_is_op(c->n, AN_OP_maximum); i++)
        if (an_expr_is_number(i ? &x : &y, &number) && number <= least) {
            an_expr_copy(out, i ? &y : &x);
            return use(c, AN_REAL_LEAST, true);
        }
    uint32_t forms[2] = {an_expr_keep(c->r, &x), an_expr_keep(c->r, &y)};
    if (!forms[0] || !forms[1]) return false;
    an_real_used(c->r, AN_REAL_LARGER);
    if (forms[0] > forms[1]) {
        const uint32_t first = forms[0];
        forms[0] = forms[1];
        forms[1] = first;
    }
    const an_atom atom = {AN_ATOM_NODE, .op = c->n->op, .count = 2, .forms = forms};
    return an_expr_of_atom(out, c->shape, an_atom_keep(c->r, &atom));
}

/* Whether operand i is -inf everywhere, as a literal. */
static bool is_hidden(const call *c, int i)
{
    const an_values *v = &c->r->p->values;
    const an_node *n = an_node_of(v->graph, an_operand(v, c->n, i));
    if (!an_node_is_constant(n) || n->attrs->data.count != 1) return false;
    const an_tensor t = {.dtype = n->attrs->dtype, .data = (void *)n->attrs->data.bytes};
    return an_tensor_get(&t, 0) == -INFINITY;
}

/* x where the condition holds, else -inf: what hides is added, an atom of the condition alone. No
 * other number hides: of -1e9 it says nothing. */
static bool hidden_of(const call *c, an_expr *out)
{
    an_expr x, hides, wide;
    const uint32_t condition = an_operand(&c->r->p->values, c->n, 0);
    if (!is_hidden(c, 2) || !operand_wide(c, 1, &x) || !c->r->form[condition]) return false;
    const an_atom atom = {AN_ATOM_NODE, .op = c->n->op, .count = 1,
                          .forms = &c->r->form[condition]};
    if (!an_expr_of_atom(&hides, &type_of(c, 0)->shape, an_atom_keep(c->r, &atom)) ||
        !an_expr_repeated(c->r, &hides, c->shape, &wide))
        return false;
    return use(c, AN_REAL_HIDDEN, an_expr_plus(c->r, &x, &wide, out));
}

static bool curve(const call *c, an_expr *x, an_expr *out)
{
    an_reals *r = c->r;
    an_expr y;
    switch (c->n->op->code) {
    case AN_OP_exp: return an_expr_exp(r, x, out);
    case AN_OP_expm1: return an_expr_exp(r, x, out) && add_number(c, out, -1);
    case AN_OP_log: return an_expr_log(r, x, out);
    case AN_OP_log1p: return add_number(c, x, 1) && an_expr_log(r, x, out);
    case AN_OP_sqrt: return an_expr_root(r, x, out);
    case AN_OP_rsqrt: return an_expr_root(r, x, &y) && an_expr_inverse(r, &y, out);
    case AN_OP_reciprocal:
        return use(c, AN_REAL_QUOTIENTS, an_expr_inverse(r, x, out));
    case AN_OP_sigmoid: return an_expr_sigmoid(r, x, out);
    case AN_OP_tanh: return tanh_of(c, x, out);
    case AN_OP_silu:
        return use(c, AN_REAL_SILU, an_expr_sigmoid(r, x, out) && times_into(c, out, x));
    case AN_OP_gelu: return gelu_of(c, x, out);
    case AN_OP_softplus: return softplus_of(c, x, out);
    case AN_OP_mish: {
        an_expr z;
        return softplus_of(c, x, &y) && tanh_of(c, &y, &z) && an_expr_times(r, &z, x, out);
    }
    case AN_OP_erf: case AN_OP_sin: return an_expr_odd(r, c->n->op, x, out);
    default: return false;
    }
}

static bool unary(const call *c, an_expr *out)
{
    an_expr x;
    if (!operand(c, 0, &x)) return false;
    if (an_is_op(c->n, AN_OP_neg)) {
        an_expr_copy(out, &x);
        return an_expr_scaled(c->r, out, -1);
    }
    if (curve(c, &x, out)) return true;
    switch (c->n->op->code) {
    case AN_OP_floor: case AN_OP_ceil: case AN_OP_round: case AN_OP_sign: return false;
    case AN_OP_log: case AN_OP_rsqrt: case AN_OP_reciprocal:
        if (!operand(c, 0, &x) || x.terms == 0) return false;
        break;
    default: break;
    }
    const an_attrs *attrs = c->n->op->attribute_set ? c->n->attrs : NULL;
    return operand(c, 0, &x) && an_expr_function(c->r, c->n->op, attrs, &x, out);
}

/* ---- along axes -------------------------------------------------------- */

static uint32_t axes_of(const call *c)
{
    const an_axes *axes = &c->n->attrs->axes;
    uint32_t set = 0;
    if (axes->count < 0) return (1u << type_of(c, 0)->shape.rank) - 1;
    for (int i = 0; i < axes->count; i++) set |= 1u << axes->at[i];
    return set;
}

/* Without the axes of the set, which have extent 1. */
static bool without(const call *c, const an_expr *f, uint32_t axes, an_expr *out)
{
    int from[AN_MAX_RANK], rank = 0;
    for (int k = 0; k < f->rank; k++)
        if (!(axes >> k & 1)) from[rank++] = k;
    return an_expr_relaid(c->r, f, rank, from, out);
}

static bool reduced(const call *c, an_expr *out)
{
    an_expr x, y;
    const bool mean = an_is_op(c->n, AN_OP_mean);
    if (!operand(c, 0, &x) || !an_expr_summed(c->r, &x, axes_of(c), mean, &y)) return false;
    an_real_used(c->r, mean ? AN_REAL_MEAN : AN_REAL_SUMS);
    if (!c->n->attrs->keep) return without(c, &y, axes_of(c), out);
    an_expr_copy(out, &y);
    return true;
}

/* Batch axes, then an axis that the other operand has, then the one summed over last. */
static bool matrix(const call *c, int i, bool transposed, bool left, an_expr *out)
{
    int from[AN_MAX_RANK + 1];
    an_expr x;
    const int rank = type_of(c, i)->shape.rank;
    if (!operand(c, i, &x) || rank + 1 > AN_MAX_RANK || rank < 2) return false;
    for (int k = 0; k < rank - 2; k++) from[k] = k;
    const int row = rank - (transposed ? 1 : 2), column = rank - (transposed ? 2 : 1);
    from[rank - 2] = left ? row : -1;
    from[rank - 1] = left ? -1 : column;
    from[rank] = left ? column : row;
    return an_expr_relaid(c->r, &x, rank + 1, from, out);
}

static bool matmul_of(const call *c, an_expr *out)
{
    an_expr a, b, x, y;
    const an_attrs *attrs = c->n->attrs;
    const an_shape *left = &type_of(c, 0)->shape;
    if (!matrix(c, 0, attrs->transpose_a, true, &a) || !matrix(c, 1, attrs->transpose_b, false, &b))
        return false;
    an_shape all = *c->shape;
    all.dim[all.rank++] = left->dim[left->rank - (attrs->transpose_a ? 2 : 1)];
    if (all.rank > AN_MAX_RANK || !an_expr_repeated(c->r, &a, &all, &x) ||
        !an_expr_repeated(c->r, &b, &all, &y) || !an_expr_times(c->r, &x, &y, &a) ||
        !an_expr_summed(c->r, &a, 1u << (all.rank - 1), false, &b))
        return false;
    return use(c, AN_REAL_MATMUL, without(c, &b, 1u << (all.rank - 1), out));
}

static bool softmax_of(const call *c, an_expr *out)
{
    an_expr x, e, total, wide;
    const uint32_t axis = 1u << c->n->attrs->axis;
    if (!operand(c, 0, &x) || !an_expr_exp(c->r, &x, &e) ||
        !an_expr_summed(c->r, &e, axis, false, &total))
        return false;
    an_real_used(c->r, AN_REAL_SOFTMAX);
    if (an_is_op(c->n, AN_OP_log_softmax)) {
        if (!an_expr_log(c->r, &total, &e) || !an_expr_scaled(c->r, &e, -1)) return false;
        return an_expr_repeated(c->r, &e, c->shape, &wide) && an_expr_plus(c->r, &x, &wide, out);
    }
    return an_expr_inverse(c->r, &total, &x) && an_expr_repeated(c->r, &x, c->shape, &wide) &&
           an_expr_times(c->r, &e, &wide, out);
}

/* ---- norms ------------------------------------------------------------- */

/* d / sqrt(mean d^2 + eps), with rstd apart. */
static bool normalised(const call *c, const an_expr *d, uint32_t axes, an_expr *y, an_expr *rstd)
{
    an_expr square, mean;
    const an_shape *shape = &type_of(c, 0)->shape;
    if (!an_expr_times(c->r, d, d, &square) ||
        !an_expr_summed(c->r, &square, axes, true, &mean) ||
        !add_number(c, &mean, (double)c->n->attrs->eps) || !an_expr_root(c->r, &mean, &square) ||
        !an_expr_inverse(c->r, &square, rstd))
        return false;
    return an_expr_repeated(c->r, rstd, shape, &square) && an_expr_times(c->r, d, &square, y);
}

static bool norm_of(const call *c, an_expr *out)
{
    const bool rms = an_is_op(c->n, AN_OP_rms_norm);
    const an_shape *shape = &type_of(c, 0)->shape;
    const uint32_t axes = ((1u << shape->rank) - 1) & ~((1u << c->n->attrs->axis) - 1);
    an_expr x, mean, y, rstd, part;
    if (!operand(c, 0, &x)) return false;
    an_real_used(c->r, rms ? AN_REAL_RMS_NORM : AN_REAL_LAYER_NORM);
    if (!rms) {
        if (!an_expr_summed(c->r, &x, axes, true, &mean)) return false;
        if (c->k == 1) return without(c, &mean, axes, out);
        if (!an_expr_repeated(c->r, &mean, shape, &y) || !an_expr_scaled(c->r, &y, -1) ||
            !an_expr_plus(c->r, &x, &y, &part))
            return false;
        an_expr_copy(&x, &part);
    }
    if (!normalised(c, &x, axes, &y, &rstd)) return false;
    if (c->k != 0) return without(c, &rstd, axes, out);
    if (operand_wide(c, 1, &part) && !times_into(c, &y, &part)) return false;
    if (!rms && operand_wide(c, 2, &part)) return an_expr_plus(c->r, &y, &part, out);
    an_expr_copy(out, &y);
    return true;
}

/* ---- by op ------------------------------------------------------------- */

static bool moved(const call *c, an_expr *out)
{
    an_expr x;
    bool fits = operand(c, 0, &x);
    if (an_is_op(c->n, AN_OP_reshape)) fits = fits && an_expr_reshaped(c->r, &x, c->shape, out);
    else if (an_is_op(c->n, AN_OP_broadcast))
        fits = fits && an_expr_repeated(c->r, &x, c->shape, out);
    else fits = fits && an_expr_relaid(c->r, &x, c->shape->rank, c->n->attrs->axes.at, out);
    return use(c, AN_REAL_INDEX, fits);
}

static bool literal(const call *c, an_expr *out)
{
    const an_attrs *a = c->n->attrs;
    const an_tensor t = {.dtype = a->dtype, .data = (void *)a->data.bytes};
    if (a->data.count != 1) return false;
    return an_expr_number(out, c->shape,
                          an_real_number(c->r, an_tensor_get(&t, 0), a->dtype == AN_F32));
}

static bool extent_of(const call *c, an_expr *out)
{
    an_expr_number(out, c->shape, 1);
    return an_term_times_extent(c->r, &out->at[0], c->n->attrs->size, 1);
}

bool an_real_apply(an_reals *r, const an_node *n, int k, an_expr *out)
{
    const an_graph *g = r->p->values.graph;
    const an_type *type = an_slot_type(g, n->first + (uint32_t)k);
    const call c = {r, n, k, &type->shape};
    if (n->op->opaque || !n->op->code || !an_dtype_is_float(type->dtype)) return false;
    if (an_is_op(n, AN_OP_where)) return hidden_of(&c, out);
    for (int i = 0; i < n->inputs; i++)
        if (n->in[i] && an_slot_type(g, n->in[i])->dtype != type->dtype) return false;
    switch (n->op->code) {
    case AN_OP_constant: return literal(&c, out);
    case AN_OP_count: return extent_of(&c, out);
    case AN_OP_add: return sum_of(&c, out);
    case AN_OP_mul: return product_of(&c, out);
    case AN_OP_div: return quotient_of(&c, out);
    case AN_OP_power: return power_of(&c, out);
    case AN_OP_chain:
        return use(&c, AN_REAL_CHAIN,
                   n->attrs->divide ? quotient_of(&c, out) : product_of(&c, out));
    case AN_OP_maximum: case AN_OP_minimum: return larger_of(&c, out);
    case AN_OP_sum: case AN_OP_mean: return reduced(&c, out);
    case AN_OP_matmul: return matmul_of(&c, out);
    case AN_OP_reshape: case AN_OP_broadcast: case AN_OP_transpose: return moved(&c, out);
    case AN_OP_softmax: case AN_OP_log_softmax: return softmax_of(&c, out);
    case AN_OP_layer_norm: case AN_OP_rms_norm: return norm_of(&c, out);
    default: break;
    }
    const bool one = n->op->category == AN_CATEGORY_ELEMENTWISE && n->op->max_inputs == 1;
    return one && unary(&c, out);
}

void an_real_inherent(an_reals *r, const an_node *n)
{
    const an_graph *g = r->p->values.graph;
    if (an_is_op(n, AN_OP_gelu)) {
        an_real_number(r, ROOT_HALF, true);
        an_real_number(r, ROOT_TWO_BY_PI, true);
        an_real_number(r, 2 * ROOT_TWO_BY_PI, true);
        an_real_number(r, CUBE * ROOT_TWO_BY_PI, true);
        an_real_number(r, CUBE, true);
    }
    if (!an_is_op(n, AN_OP_mean) && !an_is_op(n, AN_OP_layer_norm) && !an_is_op(n, AN_OP_rms_norm))
        return;
    const an_shape *x = &an_slot_type(g, n->in[0])->shape;
    const bool mean = an_is_op(n, AN_OP_mean);
    double count = 1;
    for (int k = 0; k < x->rank; k++) {
        bool over = !mean && k >= n->attrs->axis;
        for (int i = 0; mean && i < n->attrs->axes.count; i++)
            over = over || n->attrs->axes.at[i] == k;
        if (over && x->dim[k] < 0) return;
        if (over) count *= (double)x->dim[k];
    }
    if (count > 0) an_real_number(r, 1 / count, true);
}

void an_reals_used(const an_reals *r)
{
    an_proof *f = r->p->proof;
    for (int i = 0; i < AN_REAL_LAWS; i++) {
        if (!r->uses[i] || f->rules == AN_PROOF_RULES) continue;
        an_proof_rule *to = &f->rule[f->rules++];
        *to = laws[i];
        to->real = true;
        to->uses = r->uses[i];
        const an_known *known = r->where[i] ? &r->p->values.known[r->where[i]] : NULL;
        if (!known) continue;
        const int s = known->node[0] ? 0 : 1;
        char where[240];
        if (!known->node[s]) continue;
        an_place_words(r->p->side[s], known->node[s], 0, where, sizeof where);
        to->where = an_kept(an_arena_string(&f->arena, where));
    }
}
