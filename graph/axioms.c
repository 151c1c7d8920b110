/* axioms.c -- what the prover believes, and nothing else it believes.
 *
 * A lemma says what an op of this library computes; the op's tests hold its
 * kernels to that, bit for bit. An axiom is a law of IEEE arithmetic or of moving
 * elements. Both are exact: every bit of every result, and a NaN for a NaN. So
 * x * 1 = x is here and x + 0 = x is not (-0 + 0 is +0), nor is any law that
 * regroups a sum, nor a layer norm written out (its kernel rounds differently).
 * max(a, b) does not commute: of +0 and -0 it gives the second.
 *
 * Each rule makes its node disappear in favour of older values or of nodes that
 * are nearer to the normal form, so settling ends, and nests no deeper than the
 * lemmas do. Nothing here is shared with the passes.                         */
#include "graph/evaluate.h"
#include "graph/prove.h"

#include <string.h>

#define FOLD_ELEMENTS 65536 /* no constant that a pass folds may be left unfolded here */

static const an_node *made_by(const an_values *v, uint32_t value)
{
    return an_node_of(v->graph, value);
}

static an_value operand(const an_values *v, const an_node *n, int i)
{
    return an_value_of(v->graph, an_operand(v, n, i));
}

static bool same_type(const an_values *v, const an_node *n, int i)
{
    return an_type_equal(an_slot_type(v->graph, n->in[i]), an_slot_type(v->graph, n->first));
}

/* ---- lemmas ------------------------------------------------------------ */

/* The op's own record says what it means, in the form whose bits are promised. */
static bool by_meaning(an_values *v, const an_node *n, an_value out[])
{
    an_value in[8];
    if (n->inputs > 8) return false;
    for (int i = 0; i < n->inputs; i++) in[i] = operand(v, n, i);
    const an_call call = {.op = n->op, .attrs = n->attrs, .inputs = n->inputs,
                          .outputs = n->outputs, .in = in};
    an_op(n->op)->rules->meaning(&call, out);
    return true;
}

static bool unfuse(an_values *v, const an_node *n, an_value out[])
{
    return n->op == AN_OP_add_norm && by_meaning(v, n, out);
}

static bool unfuse_gradient(an_values *v, const an_node *n, an_value out[])
{
    return n->op == AN_OP_add_norm_grad && by_meaning(v, n, out);
}

static bool residual(an_values *v, const an_node *n, an_value out[])
{
    if (n->op != AN_OP_residual_add) return false;
    out[0] = an_add(operand(v, n, 0), operand(v, n, 1));
    return true;
}

/* From the left, one by one; of a single operand there is nothing to add. */
static bool accumulated(an_values *v, const an_node *n, an_value out[])
{
    if (n->op != AN_OP_accumulate) return false;
    out[0] = operand(v, n, 0);
    for (int i = 1; i < n->inputs; i++) out[0] = an_add(out[0], operand(v, n, i));
    return true;
}

static bool stopped(an_values *v, const an_node *n, an_value out[])
{
    if (n->op != AN_OP_stop_gradient) return false;
    out[0] = operand(v, n, 0);
    return true;
}

/* ---- arithmetic -------------------------------------------------------- */

static bool is_one(const an_values *v, uint32_t value)
{
    const an_node *n = made_by(v, value);
    if (n->op != AN_OP_constant || n->attrs->data.count != 1) return false;
    const void *element = n->attrs->data.bytes;
    switch (n->attrs->dtype) {
    case AN_F32: return *(const float *)element == 1;
    case AN_F64: return *(const double *)element == 1;
    case AN_I32: return *(const int32_t *)element == 1;
    case AN_I64: return *(const int64_t *)element == 1;
    default: return false;
    }
}

/* The other operand must have the result's type already: 1 may broadcast it. */
static bool times_one(an_values *v, const an_node *n, an_value out[])
{
    if (n->op != AN_OP_mul) return false;
    for (int i = 0; i < 2; i++)
        if (is_one(v, an_operand(v, n, 1 - i)) && same_type(v, n, i)) {
            out[0] = operand(v, n, i);
            return true;
        }
    return false;
}

static bool over_one(an_values *v, const an_node *n, an_value out[])
{
    if (n->op != AN_OP_div || !is_one(v, an_operand(v, n, 1)) || !same_type(v, n, 0)) return false;
    out[0] = operand(v, n, 0);
    return true;
}

static bool twice_negated(an_values *v, const an_node *n, an_value out[])
{
    if (n->op != AN_OP_neg) return false;
    const an_node *inner = made_by(v, an_operand(v, n, 0));
    if (inner->op != AN_OP_neg) return false;
    out[0] = operand(v, inner, 0);
    return true;
}

/* ---- moving elements --------------------------------------------------- */

static bool same_form(an_values *v, const an_node *n, an_value out[])
{
    if (n->op != AN_OP_reshape && n->op != AN_OP_broadcast && n->op != AN_OP_cast) return false;
    if (!same_type(v, n, 0)) return false;
    out[0] = operand(v, n, 0);
    return true;
}

static bool reshaped_twice(an_values *v, const an_node *n, an_value out[])
{
    if (n->op != AN_OP_reshape) return false;
    const an_node *inner = made_by(v, an_operand(v, n, 0));
    if (inner->op != AN_OP_reshape) return false;
    out[0] = an_reshape(operand(v, inner, 0), n->attrs->shape);
    return true;
}

static bool unmoved(an_values *v, const an_node *n, an_value out[])
{
    if (n->op != AN_OP_transpose) return false;
    for (int i = 0; i < n->attrs->axes.count; i++)
        if (n->attrs->axes.at[i] != i) return false;
    out[0] = operand(v, n, 0);
    return true;
}

/* Axis i of the result is axis outer[i] of the inner result, whose own axis j is
 * axis inner[j] of x. */
static bool transposed_twice(an_values *v, const an_node *n, an_value out[])
{
    if (n->op != AN_OP_transpose) return false;
    const an_node *inner = made_by(v, an_operand(v, n, 0));
    if (inner->op != AN_OP_transpose) return false;
    an_axes both = n->attrs->axes;
    for (int i = 0; i < both.count; i++) both.at[i] = inner->attrs->axes.at[both.at[i]];
    out[0] = an_transpose(operand(v, inner, 0), both);
    return true;
}

static bool whole_slice(an_values *v, const an_node *n, an_value out[])
{
    if (n->op != AN_OP_slice) return false;
    const an_attrs *a = n->attrs;
    const an_shape *shape = &an_slot_type(v->graph, n->in[0])->shape;
    if (a->start != 0 || a->step != 1 || a->stop != shape->dim[a->axis]) return false;
    out[0] = operand(v, n, 0);
    return true;
}

static bool empty_pad(an_values *v, const an_node *n, an_value out[])
{
    if (n->op != AN_OP_pad || n->attrs->before || n->attrs->after || n->attrs->interior)
        return false;
    out[0] = operand(v, n, 0);
    return true;
}

static bool lone_concat(an_values *v, const an_node *n, an_value out[])
{
    if (n->op != AN_OP_concat || n->inputs != 1) return false;
    out[0] = operand(v, n, 0);
    return true;
}

/* ---- literals ---------------------------------------------------------- */

/* One element stands for all where all have the same bits. */
static bool shorten_literal(an_attrs *a)
{
    const size_t size = an_dtype_size(a->dtype);
    const char *bytes = a->data.bytes;
    if (a->data.count < 2) return false;
    for (int64_t i = 1; i < a->data.count; i++)
        if (memcmp(bytes, bytes + (size_t)i * size, size) != 0) return false;
    a->data.count = 1;
    return true;
}

/* One result, all operands literal, literal extents and attributes. */
static bool is_literal(const an_values *v, const an_node *n)
{
    const an_shape *shape = &an_slot_type(v->graph, n->first)->shape;
    int64_t count = 1;
    if (n->outputs != 1 || n->inputs == 0 || n->inputs > 16) return false;
    for (int i = 0; i < shape->rank; i++)
        if (shape->dim[i] < 0 || !an_mul_size(count, shape->dim[i], &count)) return false;
    for (int i = 0; i < n->inputs; i++)
        if (n->in[i] && made_by(v, an_operand(v, n, i))->op != AN_OP_constant) return false;
    return count > 0 && count <= FOLD_ELEMENTS;
}

/* The node over its literals in a graph that knows no dims: where an attribute
 * depends on one, adding fails and the node stays as it is. */
static an_graph *isolate(const an_values *v, const an_node *n)
{
    an_graph *alone = an_graph_new("literal");
    uint32_t in[16] = {0};
    for (int i = 0; alone && i < n->inputs; i++) {
        if (!n->in[i]) continue;
        const an_spec literal = {.op = AN_OP_constant,
                                 .attrs = made_by(v, an_operand(v, n, i))->attrs};
        in[i] = an_graph_add(alone, &literal);
    }
    const an_spec spec = {.op = n->op, .inputs = n->inputs, .in = in, .attrs = n->attrs};
    if (alone && an_graph_add(alone, &spec)) return alone;
    an_graph_free(alone);
    return NULL;
}

/* By the kernels that a program would run, so a folded literal has its bits. */
static bool folded(an_values *v, const an_node *n, an_value out[])
{
    if (!is_literal(v, n)) return false;
    an_graph *alone = isolate(v, n);
    if (!alone) return false;
    an_evaluation e = {0};
    const bool done = an_evaluation_begin(&e, alone, NULL) == AN_OK && an_evaluate(&e) == AN_OK;
    if (done) {
        const an_tensor *t = &e.value[alone->nodes[alone->node_count].first];
        const an_attrs attrs = {.dtype = t->dtype, .shape = an_slot_type(v->graph, n->first)->shape,
                                .data = {an_tensor_count(t), t->data}};
        out[0] = an_value_of(v->graph, an_graph_add(v->graph, &(an_spec){.op = AN_OP_constant,
                                                                         .attrs = &attrs}));
    }
    an_evaluation_free(&e);
    an_graph_free(alone);
    return done;
}

/* ---- the list ---------------------------------------------------------- */

typedef struct axiom {
    bool lemma;
    const char *name, *says;
    bool (*apply)(an_values *v, const an_node *n, an_value out[]); /* NULL: not by rewriting */
} axiom;

enum { COMMUTE, SPELLING };

static const axiom axioms[] = {
    [COMMUTE] = {false, "commute", "x + y = y + x, x * y = y * x", NULL},
    [SPELLING] = {false, "spelling", "axes count from the front; equal literal elements are one",
                  NULL},
    {true, "add_norm", "add_norm computes residual_add, then layer_norm", unfuse},
    {true, "add_norm_grad", "add_norm_grad computes layer_norm_grad, then accumulate(dsum, dx)",
     unfuse_gradient},
    {true, "residual_add", "residual_add(x, y) computes x + y", residual},
    {true, "accumulate", "accumulate(x, y, z) computes (x + y) + z", accumulated},
    {true, "stop_gradient", "stop_gradient(x) hands on x", stopped},
    {false, "times-one", "x * 1 = x", times_one},
    {false, "over-one", "x / 1 = x", over_one},
    {false, "twice-negated", "-(-x) = x", twice_negated},
    {false, "same-form", "reshape, broadcast or cast to the type that x has is x", same_form},
    {false, "reshaped-twice", "of two reshapes in a row only the second counts", reshaped_twice},
    {false, "unmoved", "transpose that moves no axis is x", unmoved},
    {false, "transposed-twice", "two transposes in a row are one", transposed_twice},
    {false, "whole-slice", "slice of everything is x", whole_slice},
    {false, "empty-pad", "pad by nothing is x", empty_pad},
    {false, "lone-concat", "concat of one operand is that operand", lone_concat},
    {false, "folded", "an op on literals is the literal that its kernel computes", folded},
};
#define AXIOMS ((int)(sizeof axioms / sizeof *axioms))
_Static_assert(sizeof axioms / sizeof *axioms <= AN_PROOF_RULES, "a proof lists them all");

bool an_axiom(int i, an_proof_rule *rule)
{
    if (i < 0 || i >= AXIOMS) return false;
    *rule = (an_proof_rule){.lemma = axioms[i].lemma, .name = axioms[i].name,
                            .says = axioms[i].says};
    return true;
}

bool an_axiom_apply(an_values *v, uint32_t number, an_value out[])
{
    const an_node n = v->graph->nodes[number]; /* by value: rules may move the array */
    for (int i = 0; i < AXIOMS; i++) {
        if (!axioms[i].apply || !axioms[i].apply(v, &n, out)) continue;
        v->uses[i]++;
        return true;
    }
    return false;
}

bool an_axiom_commutes(int op)
{
    return op == AN_OP_add || op == AN_OP_mul;
}

void an_axiom_commuted(an_values *v)
{
    v->uses[COMMUTE]++;
}

/* ---- spelling ---------------------------------------------------------- */

/* Reductions do not care in which order their axes are listed; -1 lists all. */
static void sort_axes(an_axes *axes, int rank)
{
    bool chosen[AN_MAX_RANK] = {false};
    for (int i = 0; i < rank; i++) chosen[i] = axes->count < 0;
    for (int i = 0; i < axes->count; i++) chosen[an_axis(axes->at[i], rank)] = true;
    *axes = (an_axes){0};
    for (int i = 0; i < rank; i++)
        if (chosen[i]) axes->at[axes->count++] = i;
}

void an_axiom_spell(an_values *v, uint32_t number)
{
    const an_node *n = &v->graph->nodes[number];
    const uint64_t set = an_op(n->op)->attribute_set;
    const an_attrs before = *n->attrs;
    an_attrs *a = n->attrs;
    if (set >> AN_ATTR_axis & 1) { /* counts in the operand where the result loses the axis */
        const bool lost = n->op == AN_OP_argmax || n->op == AN_OP_gather;
        a->axis = an_axis(a->axis, an_slot_type(v->graph, lost ? n->in[0] : n->first)->shape.rank);
    }
    if (set >> AN_ATTR_axes & 1) {
        const int rank = an_slot_type(v->graph, n->in[0])->shape.rank;
        if (n->op == AN_OP_transpose)
            for (int i = 0; i < a->axes.count; i++) a->axes.at[i] = an_axis(a->axes.at[i], rank);
        else
            sort_axes(&a->axes, rank);
    }
    if (n->op == AN_OP_constant) shorten_literal(a);
    v->uses[SPELLING] += !an_attrs_equal(n->op, &before, a);
}
