/* reals.c -- are roots that do not meet equal over the reals?
 *
 * Each value below such a root gets a form (reals.h), after its operands; two with one form are
 * equal, and so is whatever an op makes of them. Values that both graphs have are atoms for those
 * above, so that forms stay short however deep a graph is: first those that the exact proof found,
 * then, round after round, those that were found equal over the reals. A last round looks into
 * them all, if there are not too many, for an atom hides what it is made of.
 *
 * At most ROUNDS rounds, each linear in the graph: it ends. Nothing here is taken back, and nothing
 * found here is called proved: an_proof_says calls it AN_PROOF_REALS.        */
#include "graph/equal/proof/reals.h"

#include <string.h>

#define ROUNDS 4
#define MOST_OPENED 20000 /* nodes, in the round that looks into everything */

/* ---- values by what they are equal to ---------------------------------- */

static uint32_t first_of(an_reals *r, uint32_t value)
{
    while (r->same[value] != value) value = r->same[value] = r->same[r->same[value]];
    return value;
}

/* The older of the two stands for both. */
static bool unite(an_reals *r, uint32_t a, uint32_t b)
{
    a = first_of(r, a);
    b = first_of(r, b);
    if (a == b) return false;
    const uint32_t first = a < b ? a : b, other = a < b ? b : a;
    r->same[other] = first;
    r->sides[first] |= r->sides[other];
    r->steps[first] |= r->steps[other];
    return true;
}

static bool is_shared(an_reals *r, uint32_t value)
{
    return r->sides[first_of(r, value)] == 3;
}

/* ---- a form for each value --------------------------------------------- */

/* What scales and moves is looked through: it makes no form longer. */
static bool is_transparent(const an_reals *r, const an_node *n)
{
    if (n->inputs == 0) return true;
    for (int i = 0; i < 2 && an_is_op(n, AN_OP_mul); i++)
        if (an_node_is_constant(an_node_of(r->p->values.graph, an_operand(&r->p->values, n, i))))
            return true;
    return an_is_op(n, AN_OP_neg) || an_is_op(n, AN_OP_reshape) || an_is_op(n, AN_OP_transpose) ||
           an_is_op(n, AN_OP_broadcast);
}

static bool is_cut(an_reals *r, uint32_t value)
{
    return r->cut && is_shared(r, value) &&
           !is_transparent(r, an_node_of(r->p->values.graph, value));
}

static uint32_t keep_value(an_reals *r, uint32_t value)
{
    an_expr f;
    const an_atom atom = {AN_ATOM_VALUE, .id = first_of(r, value)};
    const an_shape *shape = &an_slot_type(r->p->values.graph, value)->shape;
    if (!an_expr_of_atom(&f, shape, an_atom_keep(r, &atom))) return 0;
    return an_expr_keep(r, &f);
}

/* A literal's step may be as much as it likes to what jumps. */
static bool jumps(const an_reals *r, const an_node *n)
{
    if (!an_dtype_is_float(an_slot_type(r->p->values.graph, n->first)->dtype)) return true;
    return an_is_op(n, AN_OP_floor) || an_is_op(n, AN_OP_ceil) || an_is_op(n, AN_OP_round) ||
           an_is_op(n, AN_OP_sign) || an_is_op(n, AN_OP_accuracy);
}

static bool reads_steps(an_reals *r, const an_node *n)
{
    bool steps = false;
    for (int i = 0; i < n->inputs && !steps; i++) {
        const uint32_t in = an_operand(&r->p->values, n, i);
        steps = in && r->steps[first_of(r, in)];
    }
    return steps;
}

/* Nothing is known of x / 0, log 0 and their like, not even that they are what they are: 0 has a
 * sign in bits. */
static bool is_nothing(const an_reals *r, const an_node *n)
{
    const bool poles = an_is_op(n, AN_OP_div) || an_is_op(n, AN_OP_reciprocal) ||
                       an_is_op(n, AN_OP_rsqrt) || an_is_op(n, AN_OP_log) ||
                       an_is_op(n, AN_OP_power);
    an_expr f;
    for (int i = 0; i < n->inputs && poles; i++) {
        an_expr_load(r, r->form[an_operand(&r->p->values, n, i)], &f);
        if (f.terms == 0) return true;
    }
    return false;
}

/* A node that no law knows: equal to others of its op with equal operands. */
static uint32_t keep_node(an_reals *r, const an_node *n, int k, uint32_t value)
{
    an_expr f;
    an_room room;
    if (n->inputs == 0 || n->op->opaque || is_nothing(r, n) || (jumps(r, n) && reads_steps(r, n)))
        return keep_value(r, value);
    uint32_t *forms = an_room_open(&room, n->inputs, sizeof *forms);
    if (!forms) {
        r->starved = true;
        return 0;
    }
    for (int i = 0; i < n->inputs; i++) {
        const uint32_t in = an_operand(&r->p->values, n, i);
        forms[i] = in ? r->form[in] : 0;
    }
    const an_atom atom = {AN_ATOM_NODE, .id = k, .op = n->op, .attrs = n->attrs,
                          .count = n->inputs, .forms = forms};
    const an_shape *shape = &an_slot_type(r->p->values.graph, value)->shape;
    an_real_used(r, AN_REAL_SAME);
    uint32_t number = 0;
    if (an_expr_of_atom(&f, shape, an_atom_keep(r, &atom))) number = an_expr_keep(r, &f);
    an_room_close(&room);
    return number;
}

static void make_form(an_reals *r, uint32_t value)
{
    const an_graph *g = r->p->values.graph;
    const an_node *n = an_node_of(g, value);
    const int k = g->slots[value].index;
    an_expr f;
    r->now = value;
    uint32_t number = 0;
    const int64_t steps = r->uses[AN_REAL_NEAR];
    const bool cut = is_cut(r, value); /* then its operands have no forms */
    if (cut) number = keep_value(r, value);
    if (!cut && an_real_apply(r, n, k, &f)) number = an_expr_keep(r, &f);
    if (!cut && !number && !r->starved) number = keep_node(r, n, k, value);
    if (!number) r->starved = true;
    r->form[value] = number;
    if (r->uses[AN_REAL_NEAR] > steps || (!cut && reads_steps(r, n)))
        r->steps[first_of(r, value)] = 1;
}

/* Puts operands that have no form yet on the stack; whether there are any. */
static bool wait(an_reals *r, uint32_t value, uint32_t *stack, int64_t *depth)
{
    const an_node *n = an_node_of(r->p->values.graph, value);
    const int64_t before = *depth;
    for (int i = 0; i < n->inputs && !is_cut(r, value); i++) {
        const uint32_t in = an_operand(&r->p->values, n, i);
        if (in && !r->form[in]) stack[(*depth)++] = in;
    }
    return *depth > before;
}

/* Every value is put on the stack by each of its readers at most once. */
static bool form_all(an_reals *r)
{
    const an_prover *p = r->p;
    const an_graph *g = p->values.graph;
    int64_t most = 2 * p->open_count + 1, depth = 0;
    for (int64_t i = 1; i <= g->node_count; i++) most += g->nodes[i].inputs * g->nodes[i].outputs;
    uint32_t *stack = an_alloc(most * (int64_t)sizeof *stack);
    if (!stack) return false;
    for (int64_t i = 0; i < p->open_count; i++) {
        stack[depth++] = p->open[i].a;
        stack[depth++] = p->open[i].b;
    }
    while (depth > 0 && !r->starved) {
        const uint32_t value = stack[depth - 1];
        if (r->form[value]) depth--;
        else if (!wait(r, value, stack, &depth)) make_form(r, value);
    }
    an_free(stack);
    return !r->starved;
}

/* ---- rounds ------------------------------------------------------------ */

/* Values of one form are one; *more: some were not before. */
static bool unite_forms(an_reals *r, bool *more)
{
    const int64_t count = r->p->values.graph->slot_count;
    uint32_t *first = an_alloc_zeroed((r->form_count + 1) * (int64_t)sizeof *first);
    if (!first) return false;
    for (uint32_t value = 1; (int64_t)value <= count; value++) {
        const uint32_t form = r->form[value];
        if (!form) continue;
        const an_graph *g = r->p->values.graph;
        if (!first[form]) first[form] = value;
        else if (an_slot_type(g, first[form])->dtype == an_slot_type(g, value)->dtype &&
                 unite(r, first[form], value))
            *more = true;
    }
    an_free(first);
    return true;
}

static bool all_meet(an_reals *r)
{
    for (int64_t i = 0; i < r->p->open_count; i++)
        if (first_of(r, r->p->open[i].a) != first_of(r, r->p->open[i].b)) return false;
    return true;
}

static bool round_of(an_reals *r, bool cut, bool *more)
{
    r->cut = cut;
    memset(r->form, 0, (size_t)(r->p->values.graph->slot_count + 1) * sizeof *r->form);
    return form_all(r) && unite_forms(r, more);
}

static bool run_rounds(an_reals *r, bool *met)
{
    bool more = true;
    for (int i = 0; i < ROUNDS && more && !*met; i++) {
        more = false;
        if (!round_of(r, true, &more)) return false;
        *met = all_meet(r);
    }
    if (*met || r->p->values.graph->node_count > MOST_OPENED) return true;
    if (!round_of(r, false, &more)) return false;
    *met = all_meet(r);
    if (*met || !more) return true;
    if (!round_of(r, true, &more)) return false;
    *met = all_meet(r);
    return true;
}

static bool begin(an_reals *r)
{
    const an_graph *g = r->p->values.graph;
    const int64_t count = g->slot_count + 1;
    r->form = an_alloc_zeroed(count * (int64_t)sizeof *r->form);
    r->same = an_alloc_zeroed(count * (int64_t)sizeof *r->same);
    r->sides = an_alloc_zeroed(count);
    r->steps = an_alloc_zeroed(count);
    if (!r->form || !r->same || !r->sides || !r->steps) return false;
    for (uint32_t i = 1; (int64_t)i < count; i++) {
        const an_known *known = &r->p->values.known[i];
        r->same[i] = i;
        r->sides[i] = (uint8_t)((known->node[0] ? 1 : 0) | (known->node[1] ? 2 : 0));
    }
    for (int64_t i = 1; i <= g->node_count; i++) an_real_inherent(r, &g->nodes[i]);
    return !r->starved;
}

an_status an_prove_reals(an_prover *p, bool *equal)
{
    an_reals r = {.p = p};
    const bool done = begin(&r) && run_rounds(&r, equal);
    if (done && *equal) {
        an_axioms_used(&p->values, p->proof);
        an_reals_used(&r);
    }
    an_arena_free(&r.arena);
    an_free(r.forms);
    an_free(r.atoms);
    an_free(r.numbers);
    an_free(r.form);
    an_free(r.same);
    an_free(r.sides);
    an_free(r.steps);
    an_index_free(&r.by_form);
    an_index_free(&r.by_atom);
    an_index_free(&r.by_number);
    if (!done || an_dims_starved(p->values.graph->dims)) return an_prove_no_memory(p);
    return AN_OK;
}
