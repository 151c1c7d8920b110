/* prove_words.c -- why a proof failed, in words.
 *
 * Nothing here decides. prove_report.c finds the couple that differs by itself; what is
 * said of it is the attribute, the operand or the op, of the nodes as the user wrote them. */
#include "graph/equal/proof/place.h"
#include "graph/equal/proof/prover.h"

#include <stdio.h>
#include <string.h>

/* ---- leaves ------------------------------------------------------------ */

void an_prove_leaf_differs(an_prover *p, uint32_t first, const an_spec *second)
{
    const an_graph *g = p->values.graph;
    const an_type type = {second->attrs->dtype, second->attrs->shape};
    an_text a = {0}, b = {0};
    an_type_print(g->dims, an_slot_type(g, first), &a);
    an_type_print(g->dims, &type, &b);
    an_prove_differ(p, "leaf",
                    "\"%.80s\" is %s %.80s in the first graph and %s %.80s in the second",
                    second->name, an_node_of(g, first)->op->name, an_text_view(&a),
                    second->op->name, an_text_view(&b));
    an_text_free(&a);
    an_text_free(&b);
}

void an_prove_leaf_changed(an_prover *p)
{
    const an_node *leaf = an_node_of(p->values.graph, p->changed_leaf);
    p->proof->located = true;
    for (int s = 0; s < 2; s++) {
        const uint32_t value = an_graph_leaf(p->side[s], leaf->name);
        if (!an_place_set(&p->proof->at[s], &p->proof->arena, p->side[s],
                          p->side[s]->slots[value].node, 0))
            an_prove_no_memory(p);
    }
    const an_node *m = an_node_of(p->side[0], an_graph_leaf(p->side[0], leaf->name));
    const an_node *n = an_node_of(p->side[1], an_graph_leaf(p->side[1], leaf->name));
    const int id = an_attrs_difference(m->op, m->attrs, n->attrs);
    an_text x = {0}, y = {0};
    an_attr_print(m->op, id, m->attrs, p->side[0]->dims, &x);
    an_attr_print(n->op, id, n->attrs, p->side[1]->dims, &y);
    an_prove_differ(p, "leaf",
                    "%s of \"%.80s\" is %.80s in the first graph and %.80s in the second",
                    an_attr_name(m->op, id), leaf->name, an_text_view(&x), an_text_view(&y));
    an_text_free(&x);
    an_text_free(&y);
}

/* ---- in words ---------------------------------------------------------- */

/* "encoder/%6.mean (layer_norm)", as side s calls it; without ".mean" if the `whole`
 * node is meant. */
static void print_value(const an_prover *p, int s, uint32_t value, bool whole, an_text *out)
{
    if (!value) {
        an_text_add(out, "absent");
        return;
    }
    const an_known *known = &p->values.known[value];
    if (!known->node[s]) s = 1 - s;
    const an_graph *g = p->side[s];
    const an_node *n = &g->nodes[known->node[s]];
    if (!whole && !known->value[s]) an_text_add(out, "a part of ");
    an_place_print(g, n, whole ? 0 : known->value[s], out);
}

static void describe(an_prover *p, int s, uint32_t value, bool whole)
{
    an_place *to = &p->proof->at[s];
    const an_known *known = &p->values.known[value];
    if (!known->node[s]) return;
    if (!an_place_set(to, &p->proof->arena, p->side[s], known->node[s], 0)) an_prove_no_memory(p);
    if (whole) return;
    an_text text = {0};
    print_value(p, s, value, false, &text);
    to->name = an_kept(an_arena_string(&p->proof->arena, an_text_view(&text)));
    if (!to->name[0]) an_prove_no_memory(p);
    an_text_free(&text);
}

static void operand_name(const an_node *n, int i, char *out, int size)
{
    an_op_input_name(n->op, i, out, size);
    const int length = (int)strlen(out);
    if (n->op->max_inputs > 16 && length < size)
        snprintf(out + length, (size_t)(size - length), "[%d]", i);
}

/* The operand with which operand i of n changed places; 0 if with none. */
static int swapped_with(const an_prover *p, const int where[2], const an_node *m, const an_node *n,
                        int i)
{
    for (int j = i + 1; j < m->inputs && j < n->inputs; j++)
        if (an_prove_reads(p, where[0], m, i) == an_prove_reads(p, where[1], n, j) &&
            an_prove_reads(p, where[0], m, j) == an_prove_reads(p, where[1], n, i))
            return j;
    return 0;
}

/* The first operand in which two nodes of one op differ, in words; false if none. */
static bool explain_operands(an_prover *p, const int where[2], const an_node *m, const an_node *n)
{
    const bool crossed = an_prove_crosses(p, where[0], m, where[1], n);
    const int most = m->inputs > n->inputs ? m->inputs : n->inputs;
    for (int i = 0; i < most; i++) {
        const int j = crossed && i < 2 ? 1 - i : i;
        const uint32_t a = i < m->inputs ? an_prove_reads(p, where[0], m, i) : 0;
        const uint32_t b = j < n->inputs ? an_prove_reads(p, where[1], n, j) : 0;
        if (a == b) continue;
        char name[40], other[40];
        operand_name(m, i, name, sizeof name);
        const int with = crossed ? 0 : swapped_with(p, where, m, n, i);
        operand_name(m, with, other, sizeof other);
        an_text x = {0}, y = {0};
        print_value(p, 0, a, false, &x);
        print_value(p, 1, b, false, &y);
        if (m->inputs != n->inputs)
            an_prove_differ(p, "operand", "%d operands in the first graph and %d in the second; "
                            "from %s on they differ (%.80s, %.80s)", m->inputs, n->inputs, name,
                            an_text_view(&x), an_text_view(&y));
        else if (with)
            an_prove_differ(p, "operand", "operands %s and %s are swapped", name, other);
        else
            an_prove_differ(p, "operand", "%s is %.90s in the first graph and %.90s in the second",
                            name, an_text_view(&x), an_text_view(&y));
        an_text_free(&x);
        an_text_free(&y);
        return true;
    }
    return false;
}

static bool explain_attribute(an_prover *p, const an_op_info *op, const an_attrs *a,
                              const an_attrs *b)
{
    const int id = an_attrs_difference(op, a, b);
    const an_dims *dims = p->values.graph->dims;
    if (id < 0) return false;
    an_text x = {0}, y = {0};
    an_attr_print(op, id, a, dims, &x);
    an_attr_print(op, id, b, dims, &y);
    an_prove_differ(p, "attribute", "%s is %.100s in the first graph and %.100s in the second",
           an_attr_name(op, id), an_text_view(&x), an_text_view(&y));
    an_text_free(&x);
    an_text_free(&y);
    return true;
}

/* From two nodes down to the operands in which they differ, if these have one number and one
 * op: then what somebody changed is below, though both graphs have its value elsewhere. */
static bool step_down(const an_prover *p, const an_node **m, const an_node **n)
{
    const bool crossed = an_prove_crosses(p, 0, *m, 1, *n);
    for (int i = 0; i < (*m)->inputs && i < (*n)->inputs; i++) {
        const uint32_t x = (*m)->in[i], y = (*n)->in[crossed && i < 2 ? 1 - i : i];
        if (x && y && p->normal[0][x] == p->normal[1][y]) continue;
        if (!x || !y) return false;
        const an_node *down_m = an_node_of(p->side[0], x), *down_n = an_node_of(p->side[1], y);
        const bool one = p->side[0]->slots[x].index == p->side[1]->slots[y].index;
        if (!one || down_m->op != down_n->op || down_m->ordinal != down_n->ordinal) return false;
        *m = down_m;
        *n = down_n;
        return true;
    }
    return false;
}

/* Two nodes of one op, as they were written: the operand or attribute in which they differ. */
static bool explain_written(an_prover *p, const an_node *m, const an_node *n)
{
    static const int sides[2] = {0, 1};
    const an_node *top_m = m, *top_n = n;
    while (step_down(p, &m, &n)) {}
    for (int s = 0; s < 2 && m != top_m && n != top_n; s++)
        if (!an_place_set(&p->proof->at[s], &p->proof->arena, p->side[s],
                          (uint32_t)((s ? n : m) - p->side[s]->nodes), 0))
            an_prove_no_memory(p);
    if (explain_operands(p, sides, m, n)) return true;
    an_attrs a = *m->attrs, b = *n->attrs;
    an_attrs_translate(m->op, &a, p->values.graph->dims, p->side[0]->dims);
    an_attrs_translate(n->op, &b, p->values.graph->dims, p->side[1]->dims);
    return explain_attribute(p, m->op, &a, &b);
}

/* A literal by which laws say what was written otherwise (x - 3 as x + -3), or a test that they
 * turned: in the words of whoever wrote it. */
static bool explain_respelled(an_prover *p, const an_node *m, const an_node *own_m,
                              const an_node *own_n, bool parts)
{
    if (parts) return an_node_is_constant(m) && explain_written(p, own_m, own_n);
    an_attrs a = *own_m->attrs, b = *own_n->attrs;
    if (own_m->op != m->op) return false;
    an_attrs_translate(m->op, &a, p->values.graph->dims, p->side[0]->dims);
    an_attrs_translate(m->op, &b, p->values.graph->dims, p->side[1]->dims);
    return explain_attribute(p, m->op, &a, &b);
}

/* x + x is x * 2 to the prover, and to whoever wrote it a sum. */
static an_node as_sum(const an_values *v, const an_node *n, uint32_t in[2])
{
    an_node sum = *n;
    if (!an_is_op(n, AN_OP_mul)) return sum;
    in[0] = in[1] = an_operand(v, n, 0);
    sum.op = an_op(AN_OP_add);
    sum.in = in;
    return sum;
}

static bool explain_sums(an_prover *p, const an_node *m, const an_node *n)
{
    static const int inside[2] = {AN_PROVE_VALUES, AN_PROVE_VALUES};
    uint32_t in[2][2];
    if (!an_is_op(m, AN_OP_add) && !an_is_op(n, AN_OP_add)) return false;
    const an_node x = as_sum(&p->values, m, in[0]), y = as_sum(&p->values, n, in[1]);
    return x.op == y.op && explain_operands(p, inside, &x, &y);
}

/* Whether that node was written as a sum of two, whatever it is. */
static bool was_sum(const an_node *own)
{
    return own->op->rules->adds || an_is_op(own, AN_OP_accumulate);
}

/* Says what is different about the couple: the attribute; the operand, of the
 * nodes as the user wrote them if these are of one op; or the op itself. */
void an_prove_explain(an_prover *p, an_couple c)
{
    static const int inside[2] = {AN_PROVE_VALUES, AN_PROVE_VALUES};
    const an_values *v = &p->values;
    const an_node *m = an_node_of(v->graph, c.a), *n = an_node_of(v->graph, c.b);
    const an_node *own_m = &p->side[0]->nodes[v->known[c.a].node[0]];
    const an_node *own_n = &p->side[1]->nodes[v->known[c.b].node[1]];
    /* Parts of two nodes must not be explained by the operands of the wholes. */
    const bool part_a = !v->known[c.a].value[0], part_b = !v->known[c.b].value[1];
    const bool as_written = own_m->op == own_n->op && part_a == part_b &&
                            (!part_a || own_m->inputs == own_n->inputs);
    const bool respelled = an_is_op(own_m, AN_OP_sub) != an_is_op(own_n, AN_OP_sub) ||
                           an_is_op(own_m, AN_OP_div) != an_is_op(own_n, AN_OP_div);
    const bool attributes = m->op == n->op && !an_attrs_equal(m->op, m->attrs, n->attrs);
    describe(p, 0, c.a, true);
    describe(p, 1, c.b, true);
    if (attributes && as_written && explain_respelled(p, m, own_m, own_n, part_a)) return;
    if (attributes)
        explain_attribute(p, m->op, m->attrs, n->attrs);
    else if (as_written && explain_written(p, own_m, own_n))
        return;
    else if (m->op != n->op && was_sum(own_m) && was_sum(own_n) && explain_sums(p, m, n))
        return;
    else if (m->op != n->op && !strcmp(m->op->name, n->op->name))
        an_prove_differ(p, "op", "the graphs have two definitions of %s, of version %u in the "
                        "first graph and of %u in the second", m->op->name, m->op->version,
                        n->op->version);
    else if (m->op->opaque && m->op == n->op && !an_results_alike(v->graph, m, n))
        an_prove_differ(p, "result", "%s has results of other types", m->op->name);
    else if (m->op != n->op || m->inputs == 0 || respelled)
        an_prove_differ(p, "op", "one is %s, the other %s", p->proof->at[0].name,
                        p->proof->at[1].name);
    else if (!explain_operands(p, inside, m, n))
        an_prove_differ(p, "result", "they are different results of it");
}

/* Of values, stop_gradient changes nothing, so nobody misses it; of gradients it does, and
 * the first difference may lie far from it. */
an_status an_prove_add_stops(an_prover *p)
{
    int32_t *more = an_alloc_zeroed((p->values.graph->slot_count + 1) * (int64_t)sizeof *more);
    if (!more) return an_prove_no_memory(p);
    for (int pass = 0; pass < 2; pass++)
        for (int s = 0; s < 2; s++)
            for (uint32_t i = 1; (int64_t)i <= p->side[s]->node_count; i++) {
                const an_node *n = &p->side[s]->nodes[i];
                if (!an_is_op(n, AN_OP_stop_gradient)) continue;
                const int32_t one = s == 0 ? 1 : -1;
                int32_t *count = &more[p->normal[s][n->in[0]]];
                if (pass == 0) *count += one;
                if (pass == 0 || *count * one <= 0) continue;
                char *end = p->proof->difference + strlen(p->proof->difference), where[240];
                an_place_words(p->side[s], i, 0, where, sizeof where);
                snprintf(end, sizeof p->proof->difference - (size_t)(end - p->proof->difference),
                         "; %s ends gradients in the %s graph only", where,
                         s == 0 ? "first" : "second");
                *count = 0;
            }
    an_free(more);
    return AN_OK;
}

/* A root that names another value, which both graphs have. */
void an_prove_explain_root(an_prover *p, an_couple wrong)
{
    describe(p, 0, wrong.a, false);
    describe(p, 1, wrong.b, false);
    an_prove_differ(p, "root", "%s is %.90s in the first graph and %.90s in the second",
                    p->proof->root, p->proof->at[0].name, p->proof->at[1].name);
}

/* Of leaves, of results and of what both graphs have, the reader is what somebody changed. */
void an_prove_explain_place(an_prover *p, an_couple place, an_couple reader)
{
    const an_graph *g = p->values.graph;
    const an_node *m = an_node_of(g, place.a), *n = an_node_of(g, place.b);
    const bool leaf = an_node_is_named(m);
    const bool shared = an_prove_is_shared(p, place.a) && an_prove_is_shared(p, place.b);
    /* A literal that is written in one graph only: x * 0.5 against x / 0.5. */
    const bool made = !p->values.known[place.a].value[0] != !p->values.known[place.b].value[1];
    const bool read = m == n || leaf || shared || (made && an_node_is_constant(m));
    if (read && reader.a) an_prove_explain(p, reader);
    else if (read) an_prove_explain_root(p, place);
    else an_prove_explain(p, place);
}

static void add_count(an_text *out, int count, const char *what, const char *and)
{
    an_text_addf(out, "%s%d %s%s", and, count, what, count == 1 ? "" : "s");
}

void an_prove_conclude(an_prover *p)
{
    an_proof *f = p->proof;
    int lemmas = 0, laws = 0;
    for (int i = 0; i < f->rules; i++) lemmas += f->rule[i].lemma, laws += f->rule[i].real;
    an_text by = {0};
    add_count(&by, lemmas, "lemma", "");
    add_count(&by, f->rules - lemmas - laws, "axiom", laws ? ", " : " and ");
    if (laws) add_count(&by, laws, "law", " and ");
    if (an_is_lost(an_text_view(&by))) an_prove_no_memory(p);
    else if (f->proved || f->reals)
        snprintf(f->message, sizeof f->message, "%s: %lld of %lld outputs and updates are "
                 "equal%s, by %s%s%s%s%s%s%.500s", an_proof_answer_name(an_proof_says(f)),
                 (long long)(f->reals ? f->roots : f->met), (long long)f->roots,
                 an_proof_holds(f) ? "" : " over the reals",
                 an_text_view(&by), laws ? " of real numbers" : "",
                 f->given[0] ? ", given the meaning of " : "", f->given,
                 f->given[0] ? " (not ours)" : "",
                 f->difference[0] ? "; in bits they differ: " : "", f->difference);
    else if (f->roots == 0 && !f->difference[0])
        snprintf(f->message, sizeof f->message, "unproved: there is nothing to prove");
    else if (!f->at[0].name[0])
        snprintf(f->message, sizeof f->message, "unproved: %s", f->difference);
    else if (f->met == f->roots)
        snprintf(f->message, sizeof f->message, "located: %lld of %lld outputs and updates are "
                 "equal, but %s starts or trains otherwise: %s", (long long)f->met,
                 (long long)f->roots, f->at[0].name, f->difference);
    else
        snprintf(f->message, sizeof f->message, "%s: %lld of %lld outputs and updates "
                 "differ, such as %s; what differs first is %s, in the second graph %s: %s",
                 an_proof_answer_name(an_proof_says(f)), (long long)(f->roots - f->met),
                 (long long)f->roots, f->root, f->at[0].name,
                 f->at[1].name, f->difference);
    an_text_free(&by);
}
