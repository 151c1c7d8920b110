/* prove.c -- are two graphs the same function? Proved by value graphs.
 *
 * Both graphs go into one value graph (prove.h), node by node in their own order:
 * a leaf is its name and type; any other node is its op, its attributes and the
 * normal forms of its operands, once the rules of axioms.c have had their say.
 * Equal nodes are made once, so two outputs are equal if they come out as the
 * same value. This is translation validation as in Tristan, Govereau and
 * Morrisett, "Evaluating value-graph translation validation for LLVM", 2011.
 *
 * Nothing is asked of the passes: names, scopes, ordinals, provenance and schedule
 * are ignored, save that a program may name an output by ordinal. A proof holds
 * for every feed, every state and every binding for which both graphs run to their
 * end; it rests on the rules that it lists. Its failure proves nothing: what the
 * rules do not relate may still be equal.                                    */
#include "graph/prove.h"

#include "core/random.h"

#include <stdio.h>
#include <string.h>

#define VALUES 2 /* where a node is: in side 0, in side 1, or in the value graph */

typedef struct couple { /* two values that should have been one */
    uint32_t a, b;
} couple;

typedef struct prover {
    const an_graph *side[2];
    uint32_t *normal[2]; /* per value of a side: its normal form */
    an_values values;
    uint32_t *slot; /* settled nodes by hash; 0: free */
    int64_t size, used;
    couple *open; /* couples still to be looked at */
    int64_t open_count, open_capacity;
    couple first; /* the earliest that differs by itself, and where it is in side 0 */
    uint32_t first_at;
    bool subset;
    an_proof *proof;
} prover;

static an_status out_of_memory(prover *p)
{
    snprintf(p->proof->message, sizeof p->proof->message, "not tried: out of memory");
    return p->proof->status = AN_E_MEMORY;
}

/* ---- hash-consing ------------------------------------------------------ */

/* Operand i as it counts: sorted where the op commutes. */
static uint32_t key(const an_values *v, const an_node *n, int i)
{
    const uint32_t own = an_operand(v, n, i);
    if (i > 1 || !an_axiom_commutes(n->op)) return own;
    const uint32_t other = an_operand(v, n, 1 - i);
    return (own < other) == (i == 0) ? own : other;
}

static uint64_t hash_node(const an_values *v, const an_node *n)
{
    uint64_t hash = an_attrs_hash(n->op, n->attrs);
    for (int i = 0; i < n->inputs; i++) {
        const uint32_t operand = key(v, n, i);
        hash = an_hash_bytes(&operand, sizeof operand, hash);
    }
    return hash;
}

static bool same_node(const an_values *v, const an_node *a, const an_node *b)
{
    if (a->op != b->op || a->inputs != b->inputs || !an_attrs_equal(a->op, a->attrs, b->attrs))
        return false;
    for (int i = 0; i < a->inputs; i++)
        if (key(v, a, i) != key(v, b, i)) return false;
    return true;
}

/* The place of a node equal to n, or the free one where it belongs. */
static uint32_t *find_slot(const prover *p, const an_node *n)
{
    const uint64_t mask = (uint64_t)p->size - 1;
    uint64_t i = hash_node(&p->values, n) & mask;
    while (p->slot[i] && !same_node(&p->values, &p->values.graph->nodes[p->slot[i]], n))
        i = (i + 1) & mask;
    return &p->slot[i];
}

static bool grow_table(prover *p)
{
    if (2 * (p->used + 1) < p->size) return true;
    uint32_t *old = p->slot;
    const int64_t old_size = p->size;
    const int64_t size = old_size ? 2 * old_size : 1024;
    uint32_t *slot = an_alloc_zeroed(size * (int64_t)sizeof *slot);
    if (!slot) return false;
    p->slot = slot;
    p->size = size;
    for (int64_t i = 0; i < old_size; i++)
        if (old[i]) *find_slot(p, &p->values.graph->nodes[old[i]]) = old[i];
    an_free(old);
    return true;
}

/* ---- settling ---------------------------------------------------------- */

/* n's outputs are those of `like`. */
static void become(an_values *v, const an_node *n, const an_node *like)
{
    for (int k = 0; k < n->outputs; k++)
        v->known[n->first + (uint32_t)k].normal = like->first + (uint32_t)k;
}

static an_status settle_by_table(prover *p, uint32_t number)
{
    an_values *v = &p->values;
    if (!grow_table(p)) return out_of_memory(p);
    const an_node *n = &v->graph->nodes[number];
    uint32_t *slot = find_slot(p, n);
    if (!*slot) {
        *slot = number;
        p->used++;
    }
    const an_node *like = &v->graph->nodes[*slot];
    if (like != n && an_axiom_commutes(n->op) && an_operand(v, n, 0) != an_operand(v, like, 0))
        an_axiom_commuted(v);
    become(v, n, like);
    return AN_OK;
}

static an_status check_graph(prover *p)
{
    const an_status status = an_graph_status(p->values.graph);
    if (status == AN_OK || p->proof->status != AN_OK) return p->proof->status;
    snprintf(p->proof->message, sizeof p->proof->message, "not tried: %.900s",
             an_graph_message(p->values.graph));
    return p->proof->status = status;
}

/* Gives every output of a new node its normal form. What a rule adds is settled
 * at once; rules lead to simpler ops, so that nests a few levels deep. */
static an_status settle(prover *p, uint32_t number)
{
    an_values *v = &p->values;
    an_graph *g = v->graph;
    if (!AN_GROW(v->known, v->capacity, g->slot_count + 1)) return out_of_memory(p);
    const an_node n = g->nodes[number];
    for (int k = 0; k < n.outputs; k++) v->known[n.first + (uint32_t)k] = (an_known){0};
    if (n.op == AN_OP_input || n.op == AN_OP_state) {
        become(v, &n, &n);
        return AN_OK;
    }
    an_axiom_spell(v, number);
    an_value out[AN_MAX_OUTPUTS] = {0};
    const int64_t before = g->node_count;
    const bool rewritten = an_axiom_apply(v, number, out);
    const int64_t after = g->node_count;
    if (check_graph(p) != AN_OK) return p->proof->status;
    if (!rewritten) return settle_by_table(p, number);
    for (int64_t i = before + 1; i <= after; i++)
        if (settle(p, (uint32_t)i) != AN_OK) return p->proof->status;
    for (int k = 0; k < n.outputs; k++) {
        const uint32_t id = n.first + (uint32_t)k, normal = v->known[out[k].id].normal;
        if (!an_type_equal(an_slot_type(g, id), an_slot_type(g, normal)))
            an_graph_fail(g, (an_at){0}, AN_E_INTERNAL, "a rule changes the type of %s",
                          an_op(n.op)->name);
        v->known[id].normal = normal;
    }
    return check_graph(p);
}

/* ---- taking a graph in ------------------------------------------------- */

static an_attrs translate(prover *p, int s, const an_node *n)
{
    an_attrs a = *n->attrs;
    an_dims *to = p->values.graph->dims;
    const an_dims *from = p->side[s]->dims;
    for (int id = 0; id < AN_ATTRS; id++) {
        if (!(an_op(n->op)->attribute_set >> id & 1)) continue;
        an_dim *field = (an_dim *)(void *)((char *)&a + an_attr(id)->offset);
        if (an_attr(id)->kind == AN_KIND_DIM) *field = an_dims_translate(to, from, *field);
        if (an_attr(id)->kind != AN_KIND_SHAPE) continue;
        for (int i = 0; i < a.shape.rank; i++)
            a.shape.dim[i] = an_dims_translate(to, from, a.shape.dim[i]);
    }
    return a;
}

static void differ(prover *p, const char *kind, const char *format, ...) AN_PRINTF(3, 4);
static void differ(prover *p, const char *kind, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    p->proof->kind = kind;
    vsnprintf(p->proof->difference, sizeof p->proof->difference, format, arguments);
    va_end(arguments);
}

/* A leaf that the other graph has too must have the same type there. What a state
 * first holds is the store's affair, not the graph's. */
static uint32_t add_leaf(prover *p, const an_spec *spec)
{
    an_graph *g = p->values.graph;
    const uint32_t found = an_graph_leaf(g, spec->name);
    if (!found) return an_graph_add(g, spec);
    const an_node *leaf = an_node_of(g, found);
    const an_type now = {spec->attrs->dtype, spec->attrs->shape};
    if (leaf->op == spec->op && an_type_equal(an_slot_type(g, found), &now)) return found;
    an_text a = {0}, b = {0};
    an_type_print(g->dims, an_slot_type(g, found), &a);
    an_type_print(g->dims, &now, &b);
    differ(p, "leaf", "\"%.80s\" is %s %.80s in the first graph and %s %.80s in the second",
           spec->name, an_op(leaf->op)->name, an_text_view(&a), an_op(spec->op)->name,
           an_text_view(&b));
    an_text_free(&a);
    an_text_free(&b);
    return 0;
}

/* All values added since `before` stand for (a part of) node `number` of side s. */
static void record(prover *p, int s, uint32_t number, int64_t before)
{
    an_values *v = &p->values;
    const an_node *n = &p->side[s]->nodes[number];
    for (int64_t id = before + 1; id <= v->graph->slot_count; id++) {
        an_known *known = &v->known[v->known[id].normal];
        if (!known->node[s]) known->node[s] = number;
    }
    for (int k = 0; k < n->outputs; k++) {
        const uint32_t value = n->first + (uint32_t)k;
        an_known *known = &v->known[p->normal[s][value]];
        if (known->value[s]) continue;
        known->value[s] = value;
        known->node[s] = number;
    }
}

static an_status take_node(prover *p, int s, uint32_t number)
{
    an_graph *g = p->values.graph;
    const an_node *n = &p->side[s]->nodes[number];
    uint32_t few[16], *in = few;
    if (n->inputs > 16) in = an_arena_alloc(&g->arena, n->inputs * (int64_t)sizeof *in);
    if (!in) return out_of_memory(p);
    for (int i = 0; i < n->inputs; i++) in[i] = p->normal[s][n->in[i]];
    const an_attrs attrs = translate(p, s, n);
    const bool leaf = n->op == AN_OP_input || n->op == AN_OP_state;
    const an_spec spec = {.op = n->op, .inputs = n->inputs, .in = in, .attrs = &attrs,
                          .name = leaf ? n->name : NULL};
    const int64_t before = g->slot_count;
    const uint32_t first = leaf ? add_leaf(p, &spec) : an_graph_add(g, &spec);
    if (!first) return check_graph(p) != AN_OK ? p->proof->status : AN_E_NAME;
    if (g->slot_count > before && settle(p, g->slots[first].node) != AN_OK)
        return p->proof->status;
    for (int k = 0; k < n->outputs; k++)
        p->normal[s][n->first + (uint32_t)k] = p->values.known[first + (uint32_t)k].normal;
    record(p, s, number, before);
    return AN_OK;
}

static an_status take_side(prover *p, int s)
{
    const an_graph *g = p->side[s];
    p->normal[s] = an_alloc_zeroed((g->slot_count + 1) * (int64_t)sizeof *p->normal[s]);
    if (!p->normal[s]) return out_of_memory(p);
    an_status status = AN_OK;
    for (uint32_t i = 1; status == AN_OK && (int64_t)i <= g->node_count; i++)
        status = take_node(p, s, i);
    return status;
}

/* ---- what stops matching ----------------------------------------------- */

/* Operand i of a node of a side, or of the value graph, in normal form. */
static uint32_t reads(const prover *p, int where, const an_node *n, int i)
{
    if (where == VALUES) return an_operand(&p->values, n, i);
    return n->in[i] ? p->normal[where][n->in[i]] : 0;
}

/* If both graphs name the value, it is right in itself and its reader is wrong. */
static bool is_shared(const prover *p, uint32_t value)
{
    return p->values.known[value].value[0] && p->values.known[value].value[1];
}

/* Whether operand 0 of m goes with operand 1 of n, as it may where order is free. */
static bool is_crossed(const prover *p, int where_m, const an_node *m, int where_n,
                       const an_node *n)
{
    if (!an_axiom_commutes(m->op) && m->op != AN_OP_residual_add) return false;
    return reads(p, where_m, m, 0) == reads(p, where_n, n, 1) ||
           reads(p, where_m, m, 1) == reads(p, where_n, n, 0);
}

/* Keeps the couple if it is the earliest in the first graph. */
static void blame(prover *p, couple c)
{
    const uint32_t at = p->values.known[c.a].node[0];
    if (p->first_at && p->first_at <= at) return;
    p->first = c;
    p->first_at = at;
}

/* Blames the couple if it differs by itself; else, or if it may have inherited a
 * difference as well, puts its operands on the list. */
static an_status look(prover *p, couple c)
{
    const an_graph *g = p->values.graph;
    const an_node *m = an_node_of(g, c.a), *n = an_node_of(g, c.b);
    bool here = m->op != n->op || g->slots[c.a].index != g->slots[c.b].index;
    if (here || m->inputs != n->inputs) {
        blame(p, c);
        return AN_OK;
    }
    here = !an_attrs_equal(m->op, m->attrs, n->attrs) || m->inputs == 0;
    const bool crossed = is_crossed(p, VALUES, m, VALUES, n);
    for (int i = 0; i < m->inputs; i++) {
        const couple next = {an_operand(&p->values, m, i),
                             an_operand(&p->values, n, crossed && i < 2 ? 1 - i : i)};
        if (next.a == next.b) continue;
        if (!next.a || !next.b || is_shared(p, next.a) || is_shared(p, next.b)) {
            here = true;
        } else if (!p->values.known[next.a].paired) {
            p->values.known[next.a].paired = true;
            if (!AN_GROW(p->open, p->open_capacity, p->open_count + 1)) return out_of_memory(p);
            p->open[p->open_count++] = next;
        }
    }
    if (here) blame(p, c);
    return AN_OK;
}

/* ---- in words ---------------------------------------------------------- */

/* "encoder/%6.mean (layer_norm)", as side s calls it; without ".mean" if the `whole`
 * node is meant. */
static void print_value(const prover *p, int s, uint32_t value, bool whole, an_text *out)
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
    an_node_print(g, n, out);
    if (!whole && known->value[s] && n->outputs > 1) {
        char name[32];
        an_op_output_name(n->op, g->slots[known->value[s]].index, name, sizeof name);
        an_text_addf(out, ".%s", name);
    }
    an_text_addf(out, " (%s)", an_op(n->op)->name);
}

static void describe(const prover *p, int s, uint32_t value, bool whole)
{
    an_proof_place *to = &p->proof->at[s];
    const an_known *known = &p->values.known[value];
    if (!known->node[s]) return;
    const an_node *n = &p->side[s]->nodes[known->node[s]];
    an_text text = {0};
    print_value(p, s, value, whole, &text);
    snprintf(to->name, sizeof to->name, "%s", an_text_view(&text));
    an_text_free(&text);
    if (n->at.file && n->at.line > 0)
        snprintf(to->file, sizeof to->file, "%s:%d", n->at.file, n->at.line);
    to->op = an_op(n->op)->name;
    to->node = known->node[s];
    to->ordinal = n->ordinal;
}

static void operand_name(const an_node *n, int i, char *out, int size)
{
    an_op_input_name(n->op, i, out, size);
    const int length = (int)strlen(out);
    if (an_op(n->op)->max_inputs > 16 && length < size)
        snprintf(out + length, (size_t)(size - length), "[%d]", i);
}

/* The operand with which operand i of n changed places; 0 if with none. */
static int swapped_with(const prover *p, const int where[2], const an_node *m, const an_node *n,
                        int i)
{
    for (int j = i + 1; j < m->inputs && j < n->inputs; j++)
        if (reads(p, where[0], m, i) == reads(p, where[1], n, j) &&
            reads(p, where[0], m, j) == reads(p, where[1], n, i))
            return j;
    return 0;
}

/* The first operand in which two nodes of one op differ, in words; false if none. */
static bool explain_operands(prover *p, const int where[2], const an_node *m, const an_node *n)
{
    const bool crossed = is_crossed(p, where[0], m, where[1], n);
    const int most = m->inputs > n->inputs ? m->inputs : n->inputs;
    for (int i = 0; i < most; i++) {
        const int j = crossed && i < 2 ? 1 - i : i;
        const uint32_t a = i < m->inputs ? reads(p, where[0], m, i) : 0;
        const uint32_t b = j < n->inputs ? reads(p, where[1], n, j) : 0;
        if (a == b) continue;
        char name[40], other[40];
        operand_name(m, i, name, sizeof name);
        const int with = crossed ? 0 : swapped_with(p, where, m, n, i);
        operand_name(m, with, other, sizeof other);
        an_text x = {0}, y = {0};
        print_value(p, 0, a, false, &x);
        print_value(p, 1, b, false, &y);
        if (with)
            differ(p, "operand", "operands %s and %s are swapped", name, other);
        else
            differ(p, "operand", "%s is %.90s in the first graph and %.90s in the second", name,
                   an_text_view(&x), an_text_view(&y));
        if (m->inputs != n->inputs)
            differ(p, "operand", "%d operands in the first graph and %d in the second; from %s on "
                   "they differ (%.80s, %.80s)", m->inputs, n->inputs, name, an_text_view(&x),
                   an_text_view(&y));
        an_text_free(&x);
        an_text_free(&y);
        return true;
    }
    return false;
}

static void explain_attribute(prover *p, const an_node *m, const an_node *n)
{
    const int id = an_attrs_difference(m->op, m->attrs, n->attrs);
    const an_dims *dims = p->values.graph->dims;
    an_text x = {0}, y = {0};
    an_attr_print(id, m->attrs, dims, &x);
    an_attr_print(id, n->attrs, dims, &y);
    differ(p, "attribute", "%s is %.100s in the first graph and %.100s in the second",
           an_attr(id)->name, an_text_view(&x), an_text_view(&y));
    an_text_free(&x);
    an_text_free(&y);
}

/* Says what is different about the couple: the attribute; the operand, of the
 * nodes as the user wrote them if these are of one op; or the op itself. */
static void explain(prover *p, couple c)
{
    static const int sides[2] = {0, 1}, inside[2] = {VALUES, VALUES};
    const an_values *v = &p->values;
    const an_node *m = an_node_of(v->graph, c.a), *n = an_node_of(v->graph, c.b);
    const an_node *own_m = &p->side[0]->nodes[v->known[c.a].node[0]];
    const an_node *own_n = &p->side[1]->nodes[v->known[c.b].node[1]];
    /* Parts of two nodes must not be explained by the operands of the wholes. */
    const bool part_a = !v->known[c.a].value[0], part_b = !v->known[c.b].value[1];
    const bool as_written = own_m->op == own_n->op && part_a == part_b &&
                            (!part_a || own_m->inputs == own_n->inputs);
    describe(p, 0, c.a, true);
    describe(p, 1, c.b, true);
    if (m->op == n->op && !an_attrs_equal(m->op, m->attrs, n->attrs))
        explain_attribute(p, m, n);
    else if (as_written && explain_operands(p, sides, own_m, own_n))
        return;
    else if (m->op != n->op || m->inputs == 0)
        differ(p, "op", "one is %s, the other %s", p->proof->at[0].name, p->proof->at[1].name);
    else if (!explain_operands(p, inside, m, n))
        differ(p, "result", "they are different results of it");
}

/* ---- roots ------------------------------------------------------------- */

static an_status meet(prover *p, const char *kind, const char *name, uint32_t a, uint32_t b)
{
    const couple c = {p->normal[0][a], p->normal[1][b]};
    p->proof->roots++;
    if (c.a == c.b) {
        p->proof->met++;
        return AN_OK;
    }
    if (p->proof->roots == p->proof->met + 1)
        snprintf(p->proof->root, sizeof p->proof->root, "%s \"%.100s\"", kind, name);
    if (!AN_GROW(p->open, p->open_capacity, p->open_count + 1)) return out_of_memory(p);
    p->open[p->open_count++] = c;
    return AN_OK;
}

static an_status missing(prover *p, const char *graph, const char *kind, const char *name)
{
    differ(p, "interface", "the %s graph has no %s \"%.100s\"", graph, kind, name);
    return AN_E_NAME;
}

static an_status meet_outputs(prover *p)
{
    const an_graph *a = p->side[0], *b = p->side[1];
    an_status status = AN_OK;
    for (int64_t i = 0; i < b->output_count && status == AN_OK; i++) {
        const char *name = b->outputs[i].name;
        const uint32_t value = an_graph_root(a, name);
        status = value ? meet(p, "output", name, value, b->outputs[i].value)
                       : missing(p, "first", "output", name);
    }
    for (int64_t i = 0; i < a->output_count && status == AN_OK && !p->subset; i++)
        if (!an_graph_root(b, a->outputs[i].name))
            status = missing(p, "second", "output", a->outputs[i].name);
    return status;
}

static an_status meet_updates(prover *p)
{
    const an_graph *a = p->side[0], *b = p->side[1];
    an_status status = AN_OK;
    for (int64_t i = 0; i < b->commit_count && status == AN_OK; i++) {
        const an_commit *c = &b->commits[i];
        const char *state = an_node_of(b, c->state)->name;
        const an_commit *other = an_graph_commit(a, b->sets[c->set], state);
        status = other ? meet(p, "update", state, other->value, c->value)
                       : missing(p, "first", "update of", state);
    }
    for (int64_t i = 0; i < a->commit_count && status == AN_OK && !p->subset; i++) {
        const an_commit *c = &a->commits[i];
        const char *state = an_node_of(a, c->state)->name;
        if (!an_graph_commit(b, a->sets[c->set], state))
            status = missing(p, "second", "update of", state);
    }
    return status;
}

/* From roots that do not meet down to where the difference is made. */
static an_status search(prover *p)
{
    const int64_t roots = p->open_count;
    an_status status = AN_OK;
    couple wrong = {0}; /* a root that names another value which both graphs have */
    for (int64_t i = 0; i < roots && !wrong.a; i++)
        if (is_shared(p, p->open[i].a) && is_shared(p, p->open[i].b)) wrong = p->open[i];
    while (p->open_count > 0 && status == AN_OK) {
        const couple c = p->open[--p->open_count];
        if (!is_shared(p, c.a) || !is_shared(p, c.b)) status = look(p, c);
    }
    if (status != AN_OK) return status;
    if (p->first_at) {
        explain(p, p->first);
        return AN_OK;
    }
    describe(p, 0, wrong.a, false);
    describe(p, 1, wrong.b, false);
    differ(p, "root", "%s is %.90s in the first graph and %.90s in the second", p->proof->root,
           p->proof->at[0].name, p->proof->at[1].name);
    return AN_OK;
}

/* ---- the proof --------------------------------------------------------- */

static void conclude(prover *p)
{
    an_proof *f = p->proof;
    int lemmas = 0;
    an_proof_rule rule;
    for (int i = 0; an_axiom(i, &rule); i++) {
        rule.uses = p->values.uses[i];
        if (!rule.uses) continue;
        f->rule[f->rules++] = rule;
        lemmas += rule.lemma;
    }
    f->proved = !f->difference[0] && f->roots > 0 && f->met == f->roots;
    if (f->proved)
        snprintf(f->message, sizeof f->message, "proved: all %lld outputs and updates are equal, "
                 "by %d lemmas and %d axioms", (long long)f->roots, lemmas, f->rules - lemmas);
    else if (f->roots == 0 && !f->difference[0])
        snprintf(f->message, sizeof f->message, "unproved: there is nothing to prove");
    else if (!f->at[0].name[0])
        snprintf(f->message, sizeof f->message, "unproved: %s", f->difference);
    else
        snprintf(f->message, sizeof f->message, "unproved: %lld of %lld outputs and updates "
                 "differ, such as %s; what differs first is %s, in the second graph %s: %s",
                 (long long)(f->roots - f->met), (long long)f->roots, f->root, f->at[0].name,
                 f->at[1].name, f->difference);
}

static void run(prover *p)
{
    an_status status = p->values.graph ? AN_OK : out_of_memory(p);
    if (status == AN_OK) status = take_side(p, 0);
    if (status == AN_OK) status = take_side(p, 1);
    if (status == AN_OK) status = meet_outputs(p);
    if (status == AN_OK) status = meet_updates(p);
    if (status == AN_OK && p->open_count > 0) status = search(p);
    if (p->proof->status == AN_OK) conclude(p);
}

an_proof an_prove_with(const an_prove_args *args)
{
    an_proof f = {.kind = ""};
    if (!args || !args->a || !args->b) {
        snprintf(f.message, sizeof f.message, "not tried: two graphs are needed");
        f.status = AN_E_ARGUMENT;
        return f;
    }
    prover p = {.side = {args->a, args->b}, .subset = args->subset, .proof = &f,
                .values = {.graph = an_graph_new("values")}};
    for (int s = 0; s < 2 && f.status == AN_OK; s++) {
        f.status = an_graph_status(p.side[s]);
        if (f.status != AN_OK)
            snprintf(f.message, sizeof f.message, "not tried: %.900s",
                     an_graph_message(p.side[s]));
    }
    if (f.status == AN_OK) run(&p);
    an_graph_free(p.values.graph);
    an_free(p.values.known);
    an_free(p.normal[0]);
    an_free(p.normal[1]);
    an_free(p.slot);
    an_free(p.open);
    return f;
}
