/* axioms.c -- what the prover believes, and nothing else it believes.
 *
 * A lemma says what an op of this library computes; the op's tests hold its
 * kernels to that, bit for bit. An axiom is a law of IEEE arithmetic or of moving
 * elements (axioms_move.c). Both are exact: every bit of every result, and a NaN for
 * a NaN. So x * 1 = x is here and x + 0 = x is not (-0 + 0 is +0), nor is any law
 * that regroups a sum, nor a layer norm written out (its kernel rounds differently):
 * what holds over the reals only is reals.c. max(a, b) does not commute: of +0 and
 * -0 it gives the second. -(x - y) is not y - x, where both are 0.
 *
 * Each rule makes its node disappear in favour of older values or of nodes that
 * are nearer to the normal form, so settling ends, and nests no deeper than the
 * lemmas do and moves are passed. Nothing here is shared with the passes.    */
#include "graph/evaluate.h"
#include "graph/equal/proof/axioms.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define FOLD_ELEMENTS 65536 /* no constant that a pass folds may be left unfolded here */

#define LEMMA(name, says) {true, name, says, 0, false, NULL}
#define AXIOM(name, says) {false, name, says, 0, false, NULL}

static const an_proof_rule rules[AN_RULES] = {
    [AN_COMMUTE] = AXIOM("commute", "x + y = y + x, x * y = y * x; likewise and, or, xor, =, !="),
    [AN_SPELLING] = AXIOM("spelling", "equal elements of a literal are one; a slice ends at its "
                     "last element"),
    [AN_ADD_NORM] = LEMMA("add_norm", "add_norm computes residual_add, then layer_norm"),
    [AN_ADD_NORM_GRAD] = LEMMA("add_norm_grad",
                          "add_norm_grad computes layer_norm_grad, then accumulate(dsum, dx)"),
    [AN_ADD_RMS_NORM] = LEMMA("add_rms_norm", "add_rms_norm computes residual_add, then rms_norm"),
    [AN_ADD_RMS_NORM_GRAD] = LEMMA("add_rms_norm_grad",
        "add_rms_norm_grad computes rms_norm_grad, then accumulate(dsum, dx)"),
    [AN_RESIDUAL_ADD] = LEMMA("residual_add", "residual_add(x, y) computes x + y"),
    [AN_RESIDUAL_SCALED] = LEMMA("residual_add_scaled",
                            "residual_add_scaled(x, y, s) computes x + s * y"),
    [AN_ACCUMULATE] = LEMMA("accumulate", "accumulate(x, y, z) computes (x + y) + z"),
    [AN_STOP_GRADIENT] = LEMMA("stop_gradient", "stop_gradient(x) hands on x"),
    [AN_SQUARE] = LEMMA("square", "square(x) computes x * x"),
    [AN_MINUS] = AXIOM("minus", "x - y = x + (-y)"),
    [AN_TIMES_ONE] = AXIOM("times-one", "x * 1 = x"),
    [AN_OVER_ONE] = AXIOM("over-one", "x / 1 = x"),
    [AN_TIMES_MINUS_ONE] = AXIOM("times-minus-one", "x * -1 = x / -1 = -x"),
    [AN_TWICE_NEGATED] = AXIOM("twice-negated", "-(-x) = x"),
    [AN_DOUBLED] = AXIOM("doubled", "x + x = x * 2"),
    [AN_HALVED] = AXIOM("halved", "x / 2 = x * 0.5, as by any power of two"),
    [AN_TURNED_TEST] = AXIOM("turned-test", "x > y = y < x, x >= y = y <= x"),
    [AN_NOT_CHOSEN] = AXIOM("not-chosen", "where(not c, x, y) = where(c, y, x)"),
    [AN_SAME_FORM] = AXIOM("same-form", "reshape, broadcast or cast to the type of x is x"),
    [AN_RESHAPED_TWICE] = AXIOM("reshaped-twice", "of two reshapes in a row the second counts"),
    [AN_UNMOVED] = AXIOM("unmoved", "transpose that moves no axis is x"),
    [AN_TRANSPOSED_TWICE] = AXIOM("transposed-twice", "two transposes in a row are one"),
    [AN_REPEATED_TWICE] = AXIOM("repeated-twice", "of two broadcasts in a row the second counts"),
    [AN_LEADING_ONES] = AXIOM("leading-ones", "broadcast that only adds axes of extent 1 is a "
                         "reshape"),
    [AN_WHOLE_SLICE] = AXIOM("whole-slice", "slice of everything is x"),
    [AN_SLICED_TWICE] = AXIOM("sliced-twice", "two slices along an axis are one; along two axes "
                         "their order is free"),
    [AN_EMPTY_PAD] = AXIOM("empty-pad", "pad by nothing is x"),
    [AN_LONE_CONCAT] = AXIOM("lone-concat", "concat of one operand is that operand"),
    [AN_CONCATENATED_TWICE] = AXIOM("concatenated-twice", "concat of concats is one concat"),
    [AN_PARTS] = AXIOM("parts", "slices of x that follow each other, put together, are one"),
    [AN_ONE_PART] = AXIOM("one-part", "a slice of a concat that is one of its operands"),
    [AN_REPEATED_OPERAND] = AXIOM("repeated-operand", "element by element, operands are repeated "
                             "as they are read; a filled literal is a scalar"),
    [AN_MOVED_LATER] = AXIOM("moved-later",
                        "element by element before a reshape or transpose is the same after it"),
    [AN_JOINED_LATER] = AXIOM("joined-later",
                         "element by element before a concat is the same after it"),
    [AN_FOLDED] = AXIOM("folded", "an op on literals is the literal that its kernel computes"),
    [AN_CHOSEN] = AXIOM("chosen", "where a literal chooses, the result is that branch"),
    [AN_DEFINED] = LEMMA("defined", "an op without a kernel computes its meaning"),
    [AN_WRITTEN_OUT] = LEMMA("written-out", "an op that rounds otherwise is its meaning over the "
                             "reals"),
    [AN_GIVEN] = LEMMA("given", "an op from outside computes the meaning that its author gave it"),
};
_Static_assert(AN_RULES <= AN_PROOF_RULES, "a proof lists them all");

/* ---- lemmas ------------------------------------------------------------ */

/* The op's own record says what it means, in the form whose bits are promised. */
static void write_out(an_values *v, const an_node *n, an_value out[])
{
    an_room room;
    an_value *in = an_room_open(&room, n->inputs, sizeof *in);
    if (!in) an_graph_fail(v->graph, (an_at){0}, AN_E_MEMORY, "out of memory");
    for (int i = 0; in && i < n->inputs; i++) in[i] = an_operand_value(v, n, i);
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
}

/* What an op is by its meaning: one without a kernel; one whose author says so, as far as he is
 * trusted; one of ours that rounds otherwise. */
static int by_meaning(an_values *v, const an_node *n, an_value out[])
{
    const an_op_info *op = n->op;
    const int needed = an_trust_needed(op);
    const bool defined = !op->opaque && an_op_is_meaning(op), ours = op->code;
    if (!defined && (needed == AN_TRUST_NONE || v->trust < needed)) return AN_NO_RULE;
    v->proof->rounds = v->proof->rounds || needed == AN_TRUST_ROUNDING;
    if (!defined && !ours) note_given(v->proof, op);
    write_out(v, n, out);
    return defined ? AN_DEFINED : ours ? AN_WRITTEN_OUT : AN_GIVEN;
}

static int lemma(an_values *v, const an_node *n, an_value out[])
{
    switch (n->op->code) {
    case AN_OP_add_norm: write_out(v, n, out); return AN_ADD_NORM;
    case AN_OP_add_norm_grad: write_out(v, n, out); return AN_ADD_NORM_GRAD;
    case AN_OP_add_rms_norm: write_out(v, n, out); return AN_ADD_RMS_NORM;
    case AN_OP_add_rms_norm_grad: write_out(v, n, out); return AN_ADD_RMS_NORM_GRAD;
    case AN_OP_residual_add:
        out[0] = an_add(an_operand_value(v, n, 0), an_operand_value(v, n, 1));
        return AN_RESIDUAL_ADD;
    case AN_OP_residual_add_scaled: write_out(v, n, out); return AN_RESIDUAL_SCALED;
    case AN_OP_square:
        out[0] = an_mul(an_operand_value(v, n, 0), an_operand_value(v, n, 0));
        return AN_SQUARE;
    case AN_OP_accumulate: /* from the left; of a single operand there is nothing to add */
        out[0] = an_operand_value(v, n, 0);
        for (int i = 1; i < n->inputs; i++) out[0] = an_add(out[0], an_operand_value(v, n, i));
        return AN_ACCUMULATE;
    case AN_OP_stop_gradient: out[0] = an_operand_value(v, n, 0); return AN_STOP_GRADIENT;
    default: return by_meaning(v, n, out);
    }
}

/* ---- arithmetic -------------------------------------------------------- */

/* The one element of a literal that has but one for all; NaN: there is none. */
static double number_of(const an_values *v, uint32_t value)
{
    const an_node *n = an_made_by(v, value);
    if (!an_node_is_constant(n) || n->attrs->data.count != 1) return NAN;
    const an_tensor t = {.dtype = n->attrs->dtype, .data = (void *)n->attrs->data.bytes};
    return an_tensor_get(&t, 0);
}

/* Its reciprocal is as exact as it is, and neither is so small that digits are lost. */
static bool is_power_of_two(an_dtype dtype, double x)
{
    int exponent;
    const int most = dtype == AN_F32 ? 126 : 1022;
    return an_dtype_is_float(dtype) && fabs(frexp(x, &exponent)) == 0.5 && exponent - 1 <= most &&
           exponent - 1 >= -most;
}

/* x by a literal; x must have the result's type already, for a literal may broadcast it. */
static int by_literal(const an_values *v, const an_node *n, int i, an_value *out)
{
    const double by = number_of(v, an_operand(v, n, 1 - i));
    const bool divides = an_is_op(n, AN_OP_div);
    if (isnan(by) || !an_keeps_type(v, n, i)) return AN_NO_RULE;
    const an_value x = an_operand_value(v, n, i);
    if (by == 1) *out = x;
    else if (by == -1) *out = an_neg(x);
    else if (divides && is_power_of_two(an_type_of(x).dtype, by))
        *out = an_mul(x, an_number(x, 1 / by));
    else return AN_NO_RULE;
    if (by == -1) return AN_TIMES_MINUS_ONE;
    return by != 1 ? AN_HALVED : divides ? AN_OVER_ONE : AN_TIMES_ONE;
}

static int negated(const an_values *v, const an_node *n, an_value *out)
{
    const an_node *inner = an_made_by(v, an_operand(v, n, 0));
    if (!an_is_op(inner, AN_OP_neg)) return AN_NO_RULE;
    *out = an_operand_value(v, inner, 0);
    return AN_TWICE_NEGATED;
}

static int arithmetic(const an_values *v, const an_node *n, an_value *out)
{
    int rule;
    switch (n->op->code) {
    case AN_OP_neg: return negated(v, n, out);
    case AN_OP_div: return by_literal(v, n, 0, out);
    case AN_OP_mul:
        rule = by_literal(v, n, 0, out);
        return rule == AN_NO_RULE ? by_literal(v, n, 1, out) : rule;
    case AN_OP_sub:
        *out = an_add(an_operand_value(v, n, 0), an_neg(an_operand_value(v, n, 1)));
        return AN_MINUS;
    case AN_OP_add:
        if (an_operand(v, n, 0) != an_operand(v, n, 1)) return AN_NO_RULE;
        *out = an_mul(an_operand_value(v, n, 0), an_number(an_operand_value(v, n, 0), 2));
        return AN_DOUBLED;
    default: return AN_NO_RULE;
    }
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

/* One result, all operands literal. */
static bool is_literal(const an_values *v, const an_node *n)
{
    if (n->outputs != 1 || n->inputs == 0) return false;
    for (int i = 0; i < n->inputs; i++)
        if (n->in[i] && !an_node_is_constant(an_made_by(v, an_operand(v, n, i)))) return false;
    return true;
}

/* Literal extents, and neither none nor too many. */
static bool is_small(const an_values *v, const an_node *n)
{
    const an_shape *shape = &an_slot_type(v->graph, n->first)->shape;
    int64_t count = 1;
    for (int i = 0; i < shape->rank; i++)
        if (shape->dim[i] < 0 || !an_mul_size(count, shape->dim[i], &count)) return false;
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
                                 .attrs = an_made_by(v, an_operand(v, n, i))->attrs};
        in[i] = an_graph_add(alone, &literal);
    }
    const an_spec spec = {.op = n->op, .inputs = n->inputs, .in = in, .attrs = n->attrs};
    if (in && an_graph_add(alone, &spec)) return alone;
    if (!in || an_graph_status(alone) == AN_E_MEMORY)
        an_graph_fail(v->graph, (an_at){0}, AN_E_MEMORY, "out of memory");
    an_graph_free(alone);
    return NULL;
}

bool an_is_uniform(const an_values *v, uint32_t value)
{
    const an_node *n = an_made_by(v, value);
    return an_node_is_constant(n) && n->attrs->data.count == 1;
}

/* Many slices of one literal need not spell it out anew for each: moved or not, all its elements
 * are one. pad brings others. */
static bool moves_uniform(const an_values *v, const an_node *n)
{
    const bool moves = an_is_op(n, AN_OP_reshape) || an_is_op(n, AN_OP_transpose) ||
                       an_is_op(n, AN_OP_broadcast) || an_is_op(n, AN_OP_slice);
    return moves && an_is_uniform(v, an_operand(v, n, 0));
}

static an_value add_literal(an_values *v, an_dtype dtype, const an_shape *shape, an_data data)
{
    const an_attrs attrs = {.dtype = dtype, .shape = *shape, .data = data};
    const an_spec literal = {.op = an_op(AN_OP_constant), .attrs = &attrs};
    return an_value_of(v->graph, an_graph_add(v->graph, &literal));
}

an_value an_add_uniform(an_values *v, const an_attrs *like, const an_shape *shape)
{
    return add_literal(v, like->dtype, shape, like->data);
}

/* By the kernels that a program would run, so a folded literal has its bits. */
static int fold(an_values *v, const an_node *n, an_value *out)
{
    if (!is_literal(v, n) || (n->op->traits & AN_TRAIT_ACROSS)) return AN_NO_RULE;
    const an_shape *shape = &an_slot_type(v->graph, n->first)->shape;
    if (moves_uniform(v, n)) {
        *out = an_add_uniform(v, an_made_by(v, an_operand(v, n, 0))->attrs, shape);
        return AN_FOLDED;
    }
    if (!is_small(v, n)) return AN_NO_RULE;
    an_graph *alone = isolate(v, n);
    if (!alone) return AN_NO_RULE;
    an_evaluation e = {0};
    const bool done =
        an_evaluation_begin(&e, alone, NULL) == AN_OK && an_evaluation_run(&e) == AN_OK;
    if (done) {
        const an_tensor *t = &e.value[alone->nodes[alone->node_count].first];
        *out = add_literal(v, t->dtype, shape, (an_data){an_tensor_count(t), t->data});
    }
    if (e.error.status == AN_E_MEMORY)
        an_graph_fail(v->graph, (an_at){0}, AN_E_MEMORY, "out of memory");
    an_evaluation_free(&e);
    an_graph_free(alone);
    return done ? AN_FOLDED : AN_NO_RULE;
}

/* ---- choosing ---------------------------------------------------------- */

/* An element of a literal condition that stands for all of it; or the other branch. */
static int choose(const an_values *v, const an_node *n, an_value *out)
{
    const an_node *condition = an_made_by(v, an_operand(v, n, 0));
    const an_value a = an_operand_value(v, n, 1), b = an_operand_value(v, n, 2);
    if (an_is_op(condition, AN_OP_logical_not)) {
        *out = an_where(an_operand_value(v, condition, 0), b, a);
        return AN_NOT_CHOSEN;
    }
    if (!an_is_uniform(v, an_operand(v, n, 0))) return AN_NO_RULE;
    const bool holds = *(const uint8_t *)condition->attrs->data.bytes != 0;
    *out = an_broadcast(holds ? a : b, an_slot_type(v->graph, n->first)->shape);
    return AN_CHOSEN;
}

static int select(const an_values *v, const an_node *n, an_value *out)
{
    if (an_is_op(n, AN_OP_where)) return choose(v, n, out);
    const an_test test = n->attrs->test;
    if (!an_is_op(n, AN_OP_compare) || (test != AN_GT && test != AN_GE)) return AN_NO_RULE;
    *out = an_compare(an_operand_value(v, n, 1), test == AN_GT ? AN_LT : AN_LE,
                      an_operand_value(v, n, 0));
    return AN_TURNED_TEST;
}

/* ---- the way in -------------------------------------------------------- */

bool an_axiom_apply(an_values *v, uint32_t number, an_value out[])
{
    const an_node n = v->graph->nodes[number]; /* by value: rules may move the array */
    int rule = lemma(v, &n, out);
    if (rule == AN_NO_RULE) rule = fold(v, &n, out);
    if (rule == AN_NO_RULE) rule = arithmetic(v, &n, out);
    if (rule == AN_NO_RULE) rule = select(v, &n, out);
    if (rule == AN_NO_RULE) rule = an_axiom_move(v, &n, out);
    if (rule == AN_NO_RULE) rule = an_axiom_move_later(v, &n, out);
    if (rule == AN_NO_RULE) return false;
    v->uses[rule]++;
    return true;
}

void an_axioms_used(const an_values *v, an_proof *proof)
{
    for (int i = 0; i < AN_RULES; i++) {
        if (!v->uses[i]) continue;
        proof->rule[proof->rules] = rules[i];
        proof->rule[proof->rules++].uses = v->uses[i];
    }
}

void an_axiom_commuted(an_values *v)
{
    v->uses[AN_COMMUTE]++;
}

/* ---- spelling ---------------------------------------------------------- */

void an_axiom_spell(an_values *v, uint32_t number)
{
    const an_node *n = &v->graph->nodes[number];
    if (!an_node_is_constant(n) && !an_is_op(n, AN_OP_slice)) return;
    an_attrs spelled = *n->attrs, *a = &spelled;
    if (an_node_is_constant(n)) shorten_literal(a);
    else an_axiom_spell_slice(v, n, a);
    if (an_attrs_equal(n->op, n->attrs, a)) return;
    v->uses[AN_SPELLING]++;
    const an_attrs *kept = an_graph_keep_attrs(v->graph, n->op, a);
    if (kept) v->graph->nodes[number].attrs = kept;
    else an_graph_fail(v->graph, (an_at){0}, AN_E_MEMORY, "out of memory");
}
