/* axioms.h -- what the files of axioms share: the rules by number, and looking at operands.
 *
 * axioms.c has lemmas, arithmetic and literals, axioms_move.c the laws of moving elements. */
#ifndef AN_GRAPH_EQUAL_AXIOMS_H
#define AN_GRAPH_EQUAL_AXIOMS_H

#include "graph/equal/proof/values.h"

/* As a proof lists them. */
enum an_rule {
    AN_COMMUTE, AN_SPELLING, AN_ADD_NORM, AN_ADD_NORM_GRAD, AN_ADD_RMS_NORM, AN_ADD_RMS_NORM_GRAD,
    AN_RESIDUAL_ADD, AN_RESIDUAL_SCALED, AN_ACCUMULATE, AN_STOP_GRADIENT, AN_SQUARE, AN_MINUS,
    AN_TIMES_ONE, AN_OVER_ONE, AN_TIMES_MINUS_ONE, AN_TWICE_NEGATED, AN_DOUBLED, AN_HALVED,
    AN_TURNED_TEST, AN_NOT_CHOSEN, AN_SAME_FORM, AN_RESHAPED_TWICE, AN_UNMOVED,
    AN_TRANSPOSED_TWICE, AN_REPEATED_TWICE, AN_LEADING_ONES, AN_WHOLE_SLICE, AN_SLICED_TWICE,
    AN_EMPTY_PAD, AN_LONE_CONCAT, AN_CONCATENATED_TWICE, AN_PARTS, AN_ONE_PART,
    AN_REPEATED_OPERAND, AN_MOVED_LATER, AN_JOINED_LATER, AN_FOLDED, AN_CHOSEN, AN_DEFINED,
    AN_WRITTEN_OUT, AN_GIVEN,
    AN_RULES, AN_NO_RULE = -1
};

static inline const an_node *an_made_by(const an_values *v, uint32_t value)
{
    return an_node_of(v->graph, value);
}

static inline an_value an_operand_value(const an_values *v, const an_node *n, int i)
{
    return an_value_of(v->graph, an_operand(v, n, i));
}

/* Whether operand i has the type of the result. */
static inline bool an_keeps_type(const an_values *v, const an_node *n, int i)
{
    return an_type_equal(an_slot_type(v->graph, n->in[i]), an_slot_type(v->graph, n->first));
}

/* A literal all elements of which are one: it has that shape, or no axes at all. */
bool an_is_uniform(const an_values *v, uint32_t value);
an_value an_add_uniform(an_values *v, const an_attrs *like, const an_shape *shape);

/* ---- axioms_move.c ----------------------------------------------------- */

/* What a node that moves elements, or that works element by element on moved ones, is instead:
 * the rule, or AN_NO_RULE. */
int an_axiom_move(an_values *v, const an_node *n, an_value *out);
int an_axiom_move_later(an_values *v, const an_node *n, an_value *out);
/* A slice ends behind the last element that it takes; of one there is no step, of none no start. */
void an_axiom_spell_slice(const an_values *v, const an_node *n, an_attrs *a);

#endif
