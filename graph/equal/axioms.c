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
#include "graph/equal/values.h"

#include <stdio.h>
#include <string.h>

#define FOLD_ELEMENTS 65536 /* no constant that a pass folds may be left unfolded here */

/* The rules by number, as a proof lists them. */
enum rule {
    COMMUTE, SPELLING, ADD_NORM, ADD_NORM_GRAD, ADD_RMS_NORM, ADD_RMS_NORM_GRAD, RESIDUAL_ADD,
    ACCUMULATE, STOP_GRADIENT, TIMES_ONE, OVER_ONE, TWICE_NEGATED, SAME_FORM, RESHAPED_TWICE,
    UNMOVED, TRANSPOSED_TWICE, WHOLE_SLICE, EMPTY_PAD, LONE_CONCAT, FOLDED, CHOSEN, DEFINED, GIVEN,
    RULES, NO_RULE = -1
};

static const an_proof_rule rules[RULES] = {
    [COMMUTE] = {false, "commute", "x + y = y + x, x * y = y * x", 0},
    [SPELLING] = {false, "spelling", "equal elements of a literal are one", 0},
    [ADD_NORM] = {true, "add_norm", "add_norm computes residual_add, then layer_norm", 0},
    [ADD_NORM_GRAD] = {true, "add_norm_grad",
                       "add_norm_grad computes layer_norm_grad, then accumulate(dsum, dx)", 0},
    [ADD_RMS_NORM] = {true, "add_rms_norm", "add_rms_norm computes residual_add, then rms_norm", 0},
    [ADD_RMS_NORM_GRAD] = {true, "add_rms_norm_grad",
        "add_rms_norm_grad computes rms_norm_grad, then accumulate(dsum, dx)", 0},
    [RESIDUAL_ADD] = {true, "residual_add", "residual_add(x, y) computes x + y", 0},
    [ACCUMULATE] = {true, "accumulate", "accumulate(x, y, z) computes (x + y) + z", 0},
    [STOP_GRADIENT] = {true, "stop_gradient", "stop_gradient(x) hands on x", 0},
    [TIMES_ONE] = {false, "times-one", "x * 1 = x", 0},
    [OVER_ONE] = {false, "over-one", "x / 1 = x", 0},
    [TWICE_NEGATED] = {false, "twice-negated", "-(-x) = x", 0},
    [SAME_FORM] = {false, "same-form", "reshape, broadcast or cast to the type of x is x", 0},
    [RESHAPED_TWICE] = {false, "reshaped-twice", "of two reshapes in a row the second counts", 0},
    [UNMOVED] = {false, "unmoved", "transpose that moves no axis is x", 0},
    [TRANSPOSED_TWICE] = {false, "transposed-twice", "two transposes in a row are one", 0},
    [WHOLE_SLICE] = {false, "whole-slice", "slice of everything is x", 0},
    [EMPTY_PAD] = {false, "empty-pad", "pad by nothing is x", 0},
    [LONE_CONCAT] = {false, "lone-concat", "concat of one operand is that operand", 0},
    [FOLDED] = {false, "folded", "an op on literals is the literal that its kernel computes", 0},
    [CHOSEN] = {false, "chosen", "where a literal chooses, the result is that branch", 0},
    [DEFINED] = {true, "defined", "an op without a kernel computes its meaning", 0},
    [GIVEN] = {true, "given", "an op from outside computes the meaning that its author gave it", 0},
};
_Static_assert(RULES <= AN_PROOF_RULES, "a proof lists them all");

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
static void write_out(an_values *v, const an_node *n, an_value out[])
{
    an_room room;
    an_value *in = an_room_open(&room, n->inputs, sizeof *in);
    if (!in) an_graph_fail(v->graph, (an_at){0}, AN_E_MEMORY, "out of memory");
    for (int i = 0; in && i < n->inputs; i++) in[i] = operand(v, n, i);
    const an_call call = {.op = n->op, .attrs = n->attrs, .inputs = n->inputs,
                          .outputs = n->outputs, .in = in};
    const int64_t leaves = v->graph->leaf_count;
    if (in) call.op->rules->meaning(&call, out); /* n moves; types are compared as of any rule */
    for (int k = 0; in && k < call.outputs; k++)
        if (out[k].graph != v->graph || an_is_poison(out[k]) || v->graph->leaf_count != leaves)
            an_graph_fail(v->graph, (an_at){0}, AN_E_ARGUMENT, "the meaning of %s is none, or has "
                          "leaves of its own", call.op->name);
    an_room_close(&room);
}

/* Names each op once. */
static void note_given(an_proof *f, const an_op_info *op)
{
    const size_t used = strlen(f->given), length = strlen(op->name);
    for (const char *at = f->given; (at = strstr(at, op->name)); at += length)
        if ((at == f->given || at[-1] == ' ') && (!at[length] || at[length] == ',')) return;
    snprintf(f->given + used, sizeof f->given - used, used ? ", %s" : "%s", op->name);
    f->rounds = f->rounds || op->meaning_rounds;
}

static int outside(an_values *v, const an_node *n, an_value out[])
{
    const an_op_info *op = n->op;
    if (op->code || op->opaque || !op->rules->meaning) return NO_RULE;
    const bool defined = an_op_is_meaning(op);
    const int needed = op->meaning_rounds ? AN_TRUST_ROUNDING : AN_TRUST_EXACT;
    if (!defined && v->trust < needed) return NO_RULE;
    if (!defined) note_given(v->proof, op);
    write_out(v, n, out);
    return defined ? DEFINED : GIVEN;
}

static int lemma(an_values *v, const an_node *n, an_value out[])
{
    switch (n->op->code) {
    case AN_OP_add_norm: write_out(v, n, out); return ADD_NORM;
    case AN_OP_add_norm_grad: write_out(v, n, out); return ADD_NORM_GRAD;
    case AN_OP_add_rms_norm: write_out(v, n, out); return ADD_RMS_NORM;
    case AN_OP_add_rms_norm_grad: write_out(v, n, out); return ADD_RMS_NORM_GRAD;
    case AN_OP_residual_add:
        out[0] = an_add(operand(v, n, 0), operand(v, n, 1));
        return RESIDUAL_ADD;
    case AN_OP_accumulate: /* from the left; of a single operand there is nothing to add */
        out[0] = operand(v, n, 0);
        for (int i = 1; i < n->inputs; i++) out[0] = an_add(out[0], operand(v, n, i));
        return ACCUMULATE;
    case AN_OP_stop_gradient: out[0] = operand(v, n, 0); return STOP_GRADIENT;
    default: return outside(v, n, out);
    }
}

/* ---- arithmetic -------------------------------------------------------- */

static bool is_one(const an_values *v, uint32_t value)
{
    const an_node *n = made_by(v, value);
    if (!an_node_is_constant(n) || n->attrs->data.count != 1) return false;
    const an_tensor t = {.dtype = n->attrs->dtype, .data = (void *)n->attrs->data.bytes};
    return an_tensor_get(&t, 0) == 1;
}

/* x must have the result's type already, for a 1 may broadcast it. */
static int arithmetic(const an_values *v, const an_node *n, an_value *out)
{
    if (an_is_op(n, AN_OP_neg)) {
        const an_node *inner = made_by(v, an_operand(v, n, 0));
        if (!an_is_op(inner, AN_OP_neg)) return NO_RULE;
        *out = operand(v, inner, 0);
        return TWICE_NEGATED;
    }
    if (!an_is_op(n, AN_OP_mul) && !an_is_op(n, AN_OP_div)) return NO_RULE;
    for (int i = 0; i < (an_is_op(n, AN_OP_mul) ? 2 : 1); i++) {
        if (!is_one(v, an_operand(v, n, 1 - i)) || !same_type(v, n, i)) continue;
        *out = operand(v, n, i);
        return an_is_op(n, AN_OP_mul) ? TIMES_ONE : OVER_ONE;
    }
    return NO_RULE;
}

/* ---- moving elements --------------------------------------------------- */

static bool is_identity(const an_axes *axes)
{
    for (int i = 0; i < axes->count; i++)
        if (axes->at[i] != i) return false;
    return true;
}

static bool is_whole(const an_values *v, const an_node *n)
{
    const an_attrs *a = n->attrs;
    return a->start == 0 && a->step == 1 &&
           a->stop == an_slot_type(v->graph, n->in[0])->shape.dim[a->axis];
}

/* Moves that move nothing hand on their operand. */
static int no_move(const an_values *v, const an_node *n, an_value *out)
{
    const an_attrs *a = n->attrs;
    int rule = NO_RULE;
    if (an_is_op(n, AN_OP_reshape) || an_is_op(n, AN_OP_broadcast) || an_is_op(n, AN_OP_cast))
        rule = same_type(v, n, 0) ? SAME_FORM : NO_RULE;
    else if (an_is_op(n, AN_OP_transpose))
        rule = is_identity(&a->axes) ? UNMOVED : NO_RULE;
    else if (an_is_op(n, AN_OP_slice))
        rule = is_whole(v, n) ? WHOLE_SLICE : NO_RULE;
    else if (an_is_op(n, AN_OP_pad))
        rule = !a->before && !a->after && !a->interior ? EMPTY_PAD : NO_RULE;
    else if (an_is_op(n, AN_OP_concat))
        rule = n->inputs == 1 ? LONE_CONCAT : NO_RULE;
    if (rule != NO_RULE) *out = operand(v, n, 0);
    return rule;
}

/* Two moves of one kind are one. Axis i of a transpose is axis outer[i] of the inner
 * result, whose own axis j is axis inner[j] of x. */
static int two_moves(const an_values *v, const an_node *n, an_value *out)
{
    if (!an_is_op(n, AN_OP_reshape) && !an_is_op(n, AN_OP_transpose)) return NO_RULE;
    const an_node *inner = made_by(v, an_operand(v, n, 0));
    if (inner->op != n->op) return NO_RULE;
    const an_value x = operand(v, inner, 0);
    if (an_is_op(n, AN_OP_reshape)) {
        *out = an_reshape(x, n->attrs->shape);
        return RESHAPED_TWICE;
    }
    an_axes both = n->attrs->axes;
    for (int i = 0; i < both.count; i++) both.at[i] = inner->attrs->axes.at[both.at[i]];
    *out = an_transpose(x, both);
    return TRANSPOSED_TWICE;
}

/* ---- literals ---------------------------------------------------------- */

/* One element stands for all where all have the same bits. */
static void shorten_literal(an_attrs *a)
{
    const size_t size = an_dtype_size(a->dtype);
    const char *bytes = a->data.bytes;
    for (int64_t i = 1; i < a->data.count; i++)
        if (memcmp(bytes, bytes + (size_t)i * size, size) != 0) return;
    if (a->data.count > 1) a->data.count = 1;
}

/* One result, all operands literal, literal extents and attributes. */
static bool is_literal(const an_values *v, const an_node *n)
{
    const an_shape *shape = &an_slot_type(v->graph, n->first)->shape;
    int64_t count = 1;
    if (n->outputs != 1 || n->inputs == 0) return false;
    for (int i = 0; i < shape->rank; i++)
        if (shape->dim[i] < 0 || !an_mul_size(count, shape->dim[i], &count)) return false;
    for (int i = 0; i < n->inputs; i++)
        if (n->in[i] && !an_node_is_constant(made_by(v, an_operand(v, n, i)))) return false;
    return count > 0 && count <= FOLD_ELEMENTS;
}

/* The node over its literals in a graph that knows no dims: where an attribute
 * depends on one, adding fails and the node stays as it is. */
static an_graph *isolate(const an_values *v, const an_node *n)
{
    an_graph *alone = an_graph_new("literal");
    uint32_t *in = alone ? an_arena_alloc(&alone->arena, n->inputs * (int64_t)sizeof *in) : NULL;
    for (int i = 0; in && i < n->inputs; i++) {
        if (!n->in[i]) continue;
        const an_spec literal = {.op = an_op(AN_OP_constant),
                                 .attrs = made_by(v, an_operand(v, n, i))->attrs};
        in[i] = an_graph_add(alone, &literal);
    }
    const an_spec spec = {.op = n->op, .inputs = n->inputs, .in = in, .attrs = n->attrs};
    if (in && an_graph_add(alone, &spec)) return alone;
    if (!in || an_graph_status(alone) == AN_E_MEMORY)
        an_graph_fail(v->graph, (an_at){0}, AN_E_MEMORY, "out of memory");
    an_graph_free(alone);
    return NULL;
}

/* Many slices of one literal need not spell it out anew for each: moved or not, all its elements
 * are one. pad brings others. */
static bool is_uniform(const an_values *v, const an_node *n)
{
    const bool moves = an_is_op(n, AN_OP_reshape) || an_is_op(n, AN_OP_transpose) ||
                       an_is_op(n, AN_OP_broadcast) || an_is_op(n, AN_OP_slice);
    return moves && made_by(v, an_operand(v, n, 0))->attrs->data.count == 1;
}

static int add_literal(an_values *v, const an_node *n, an_dtype dtype, an_data data, an_value *out)
{
    const an_attrs attrs = {.dtype = dtype, .shape = an_slot_type(v->graph, n->first)->shape,
                            .data = data};
    const an_spec literal = {.op = an_op(AN_OP_constant), .attrs = &attrs};
    *out = an_value_of(v->graph, an_graph_add(v->graph, &literal));
    return FOLDED;
}

/* By the kernels that a program would run, so a folded literal has its bits. */
static int fold(an_values *v, const an_node *n, an_value *out)
{
    if (!is_literal(v, n)) return NO_RULE;
    if (is_uniform(v, n)) {
        const an_attrs *x = made_by(v, an_operand(v, n, 0))->attrs;
        return add_literal(v, n, x->dtype, x->data, out);
    }
    an_graph *alone = isolate(v, n);
    if (!alone) return NO_RULE;
    an_evaluation e = {0};
    const bool done =
        an_evaluation_begin(&e, alone, NULL) == AN_OK && an_evaluation_run(&e) == AN_OK;
    if (done) {
        const an_tensor *t = &e.value[alone->nodes[alone->node_count].first];
        add_literal(v, n, t->dtype, (an_data){an_tensor_count(t), t->data}, out);
    }
    if (e.error.status == AN_E_MEMORY)
        an_graph_fail(v->graph, (an_at){0}, AN_E_MEMORY, "out of memory");
    an_evaluation_free(&e);
    an_graph_free(alone);
    return done ? FOLDED : NO_RULE;
}

/* An element of a literal condition that stands for all of it. */
static int choose(const an_values *v, const an_node *n, an_value *out)
{
    if (!an_is_op(n, AN_OP_where)) return NO_RULE;
    const an_node *condition = made_by(v, an_operand(v, n, 0));
    if (!an_node_is_constant(condition) || condition->attrs->data.count != 1) return NO_RULE;
    const bool holds = *(const uint8_t *)condition->attrs->data.bytes != 0;
    *out = an_broadcast(operand(v, n, holds ? 1 : 2), an_slot_type(v->graph, n->first)->shape);
    return CHOSEN;
}

/* ---- the way in -------------------------------------------------------- */

bool an_axiom_apply(an_values *v, uint32_t number, an_value out[])
{
    const an_node n = v->graph->nodes[number]; /* by value: rules may move the array */
    int rule = lemma(v, &n, out);
    if (rule == NO_RULE) rule = arithmetic(v, &n, out);
    if (rule == NO_RULE) rule = no_move(v, &n, out);
    if (rule == NO_RULE) rule = two_moves(v, &n, out);
    if (rule == NO_RULE) rule = fold(v, &n, out);
    if (rule == NO_RULE) rule = choose(v, &n, out);
    if (rule == NO_RULE) return false;
    v->uses[rule]++;
    return true;
}

void an_axioms_used(const an_values *v, an_proof *proof)
{
    for (int i = 0; i < RULES; i++) {
        if (!v->uses[i]) continue;
        proof->rule[proof->rules] = rules[i];
        proof->rule[proof->rules++].uses = v->uses[i];
    }
}

void an_axiom_commuted(an_values *v)
{
    v->uses[COMMUTE]++;
}

/* ---- spelling ---------------------------------------------------------- */

void an_axiom_spell(an_values *v, uint32_t number)
{
    const an_node *n = &v->graph->nodes[number];
    if (!an_node_is_constant(n)) return;
    an_attrs spelled = *n->attrs, *a = &spelled;
    shorten_literal(a);
    if (an_attrs_equal(n->op, n->attrs, a)) return;
    v->uses[SPELLING]++;
    const an_attrs *kept = an_graph_keep_attrs(v->graph, n->op, a);
    if (kept) v->graph->nodes[number].attrs = kept;
    else an_graph_fail(v->graph, (an_at){0}, AN_E_MEMORY, "out of memory");
}
