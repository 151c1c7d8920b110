/* prove.c -- are two graphs the same function? Proved by value graphs.
 *
 * Both graphs go into one value graph (values.h), node by node in their own order:
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
#include "graph/equal/proof/match.h"
#include "graph/equal/proof/prover.h"

#include "core/random.h"

#include <stdio.h>
#include <string.h>

/* ---- hash-consing ------------------------------------------------------ */

/* Operand i as it counts: sorted where the op commutes. */
static uint32_t key(const an_values *v, const an_node *n, int i)
{
    const uint32_t own = an_operand(v, n, i);
    if (i > 1 || !an_axiom_commutes(n)) return own;
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
    if (a->op->opaque && !an_results_alike(v->graph, a, b)) return false;
    for (int i = 0; i < a->inputs; i++)
        if (key(v, a, i) != key(v, b, i)) return false;
    return true;
}

/* The place of a node equal to n, or the free one where it belongs. */
static uint32_t *find_slot(const an_prover *p, const an_node *n)
{
    const uint64_t mask = (uint64_t)p->size - 1;
    uint64_t i = hash_node(&p->values, n) & mask;
    while (p->slot[i] && !same_node(&p->values, &p->values.graph->nodes[p->slot[i]], n))
        i = (i + 1) & mask;
    return &p->slot[i];
}

static bool grow_table(an_prover *p)
{
    if (2 * (p->used + 1) < p->size) return true;
    uint32_t *old = p->slot;
    const int64_t old_size = p->size, size = old_size ? 2 * old_size : 1024;
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

static an_status settle_by_table(an_prover *p, uint32_t number)
{
    an_values *v = &p->values;
    if (!grow_table(p)) return an_prove_no_memory(p);
    const an_node *n = &v->graph->nodes[number];
    uint32_t *slot = find_slot(p, n);
    if (!*slot) {
        *slot = number;
        p->used++;
    }
    const an_node *like = &v->graph->nodes[*slot];
    if (like != n && an_axiom_commutes(n) && an_operand(v, n, 0) != an_operand(v, like, 0))
        an_axiom_commuted(v);
    become(v, n, like);
    return AN_OK;
}

/* Ops from outside whose meanings are being settled: nobody else sees to it that these are of
 * simpler ops. */
typedef struct opened {
    const an_op_info *op;
    const struct opened *up;
} opened;

static bool is_open(const opened *up, const an_op_info *op)
{
    while (up && up->op != op) up = up->up;
    return up;
}

static an_status settle_by_law(an_prover *p, uint32_t number, const an_node *n, an_value *out,
                               const opened *up);

/* Gives every output of a new node its normal form. What a rule adds is settled
 * at once; rules lead to simpler ops, so that nests a few levels deep. */
static an_status settle(an_prover *p, uint32_t number, const opened *up)
{
    an_values *v = &p->values;
    an_graph *g = v->graph;
    if (!AN_GROW(v->known, v->capacity, g->slot_count + 1)) return an_prove_no_memory(p);
    const an_node n = g->nodes[number];
    for (int k = 0; k < n.outputs; k++) v->known[n.first + (uint32_t)k] = (an_known){0};
    if (an_node_is_named(&n)) {
        become(v, &n, &n);
        return AN_OK;
    }
    an_axiom_spell(v, number);
    if (n.op->opaque) return settle_by_table(p, number);
    an_room room;
    an_value *out = an_room_open(&room, n.outputs, sizeof *out);
    if (!out) return an_prove_no_memory(p);
    const an_status status = settle_by_law(p, number, &n, out, up);
    an_room_close(&room);
    return status;
}

/* What the laws make of it, if one applies; room for its outputs is given. */
static an_status settle_by_law(an_prover *p, uint32_t number, const an_node *made, an_value *out,
                               const opened *up)
{
    an_values *v = &p->values;
    an_graph *g = v->graph;
    const an_node n = *made;
    const opened here = {n.op, up};
    if (!n.op->code && is_open(up, n.op))
        an_graph_fail(g, (an_at){0}, AN_E_ARGUMENT, "the meaning of %s is made of the op itself",
                      n.op->name);
    if (an_prove_check(p, g) != AN_OK) return p->proof->status;
    const int64_t before = g->node_count;
    const bool rewritten = an_axiom_apply(v, number, out);
    const int64_t after = g->node_count;
    if (an_prove_check(p, g) != AN_OK) return p->proof->status;
    if (!rewritten) return settle_by_table(p, number);
    for (int64_t i = before + 1; i <= after; i++)
        if (settle(p, (uint32_t)i, n.op->code ? up : &here) != AN_OK) return p->proof->status;
    for (int k = 0; k < n.outputs; k++) {
        const uint32_t id = n.first + (uint32_t)k, normal = v->known[out[k].id].normal;
        if (!an_type_equal(an_slot_type(g, id), an_slot_type(g, normal)))
            an_graph_fail(g, (an_at){0}, n.op->code ? AN_E_INTERNAL : AN_E_ARGUMENT,
                          "a rule changes the type of %s", n.op->name);
        v->known[id].normal = normal;
    }
    return an_prove_check(p, g);
}

/* ---- taking a graph in ------------------------------------------------- */

static bool is_needed(const an_prover *p, int s, const char *leaf)
{
    const uint32_t value = an_graph_leaf(p->side[s], leaf);
    return value && p->needed[s][p->side[s]->slots[value].node];
}

static bool mark_needed(an_prover *p, int s)
{
    const an_graph *g = p->side[s];
    bool *needed = p->needed[s] = an_alloc_zeroed(g->node_count + 1);
    if (!needed) return false;
    an_graph_mark_live(g, needed);
    return true;
}

/* Whether two leaves of one op and type are alike in all else. */
static bool starts_alike(const an_op_info *op, const an_attrs *a, const an_attrs *b)
{
    an_attrs typed = *b;
    typed.dtype = a->dtype;
    typed.shape = a->shape;
    return an_attrs_equal(op, a, &typed);
}

/* A leaf that the other graph has too must have the same type there. What a state first
 * holds, and whether it trains, changes no run but the training: the two are one value,
 * and what is said of them is not proved. */
static uint32_t add_leaf(an_prover *p, int s, const an_spec *spec)
{
    an_graph *g = p->values.graph;
    const uint32_t found = an_graph_leaf(g, spec->name);
    if (!found) return an_graph_add(g, spec);
    const an_node *leaf = an_node_of(g, found);
    const an_type now = {spec->attrs->dtype, spec->attrs->shape};
    if (leaf->op == spec->op && an_type_equal(an_slot_type(g, found), &now)) {
        if (!p->changed_leaf && is_needed(p, s, spec->name) && is_needed(p, 1 - s, spec->name) &&
            !starts_alike(leaf->op, leaf->attrs, spec->attrs))
            p->changed_leaf = found;
        return found;
    }
    an_prove_leaf_differs(p, found, spec);
    return 0;
}

/* All values added since `before` stand for (a part of) node `number` of side s. */
static void record(an_prover *p, int s, uint32_t number, int64_t before)
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

static an_status take_node(an_prover *p, int s, uint32_t number)
{
    an_graph *g = p->values.graph;
    const an_node *n = &p->side[s]->nodes[number];
    uint32_t *in = an_arena_alloc(&g->arena, (n->inputs + 1) * (int64_t)sizeof *in);
    if (!in) return an_prove_no_memory(p);
    for (int i = 0; i < n->inputs; i++) in[i] = p->normal[s][n->in[i]];
    an_attrs attrs = *n->attrs;
    an_attrs_translate(n->op, &attrs, g->dims, p->side[s]->dims);
    if (an_dims_starved(g->dims)) return an_prove_no_memory(p);
    const bool leaf = an_node_is_named(n);
    /* Opaque ops of one name are one, whichever set they come from. */
    const an_op_info *own = n->op->opaque ? an_graph_op(g, n->op->name) : n->op;
    const bool same = own && own->opaque && own->key == n->op->key;
    const an_spec spec = {.op = same ? own : n->op, .inputs = n->inputs, .in = in,
                          .attrs = &attrs, .name = leaf ? n->name : NULL};
    const int64_t before = g->slot_count;
    const uint32_t first = leaf ? add_leaf(p, s, &spec)
                                : an_graph_add_like(g, &spec, p->side[s], n);
    if (!first) return an_prove_check(p, g) != AN_OK ? p->proof->status : AN_E_NAME;
    if (g->slot_count > before && settle(p, g->slots[first].node, NULL) != AN_OK)
        return p->proof->status;
    for (int k = 0; k < n->outputs; k++)
        p->normal[s][n->first + (uint32_t)k] = p->values.known[first + (uint32_t)k].normal;
    record(p, s, number, before);
    return AN_OK;
}

static an_status take_side(an_prover *p, int s)
{
    const an_graph *g = p->side[s];
    p->normal[s] = an_alloc_zeroed((g->slot_count + 1) * (int64_t)sizeof *p->normal[s]);
    if (!p->normal[s]) return an_prove_no_memory(p);
    an_status status = AN_OK;
    for (uint32_t i = 1; status == AN_OK && (int64_t)i <= g->node_count; i++)
        status = take_node(p, s, i);
    return status;
}

/* ---- roots ------------------------------------------------------------- */

/* The first root that does not meet is the one that the proof names. */
static an_status meet(an_prover *p, const char *kind, const char *name, uint32_t a, uint32_t b)
{
    const an_couple c = {p->normal[0][a], p->normal[1][b]};
    an_proof *f = p->proof;
    f->roots++;
    f->met += c.a == c.b;
    if (c.a == c.b) return AN_OK;
    if (f->roots == f->met + 1) snprintf(f->root, sizeof f->root, "%s \"%.100s\"", kind, name);
    return an_prove_doubt(p, c);
}

static an_status missing(an_prover *p, const char *graph, const char *kind, const char *name)
{
    an_prove_differ(p, "interface", "the %s graph has no %s \"%.100s\"", graph, kind, name);
    return AN_E_NAME;
}

static an_status meet_outputs(an_prover *p)
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

static an_status meet_updates(an_prover *p)
{
    const an_graph *a = p->side[0], *b = p->side[1];
    an_status status = AN_OK;
    for (int64_t i = 0; i < b->commit_count && status == AN_OK; i++) {
        const an_commit *c = &b->commits[i];
        if (c->set == AN_PENDING) continue;
        const char *state = an_node_of(b, c->state)->name;
        const an_commit *other = an_graph_commit(a, b->sets[c->set], state);
        status = other ? meet(p, "update", state, other->value, c->value)
                       : missing(p, "first", "update of", state);
    }
    for (int64_t i = 0; i < a->commit_count && status == AN_OK && !p->subset; i++) {
        const an_commit *c = &a->commits[i];
        const char *state = an_node_of(a, c->state)->name;
        if (c->set != AN_PENDING && !an_graph_commit(b, a->sets[c->set], state))
            status = missing(p, "second", "update of", state);
    }
    return status;
}

static bool is_live(const an_prover *p, int s, const an_commit *c)
{
    return p->needed[s][p->side[s]->slots[c->witness].node];
}

/* A pending update and the other graph's of the same state. What one table of both took was met
 * there; what it is of is only told if it differs, for it is no result. */
static an_status meet_pending(an_prover *p, const an_commit *a, const an_commit *b)
{
    const char *state = an_node_of(p->side[0], a->state)->name;
    an_status status = AN_OK;
    if (!an_graph_both_take(p->side[0], a, p->side[1], b))
        status = meet(p, "pending update", state, a->value, b->value);
    if (status != AN_OK || p->normal[0][a->witness] == p->normal[1][b->witness]) return status;
    return meet(p, "pending witness", state, a->witness, b->witness);
}

/* Those that an output or a table of either graph needs: no other is ever taken for them. A
 * program has what its table took, and nothing is pending there. */
static an_status meet_all_pending(an_prover *p)
{
    const an_graph *a = p->side[0], *b = p->side[1];
    an_status status = AN_OK;
    for (int64_t i = 0; i < b->commit_count && status == AN_OK; i++) {
        const an_commit *c = &b->commits[i];
        if (c->set != AN_PENDING) continue;
        const char *state = an_node_of(b, c->state)->name;
        const an_commit *other = an_graph_pending(a, state);
        if (!is_live(p, 1, c) && !(other && is_live(p, 0, other))) continue;
        status = other ? meet_pending(p, other, c)
                       : missing(p, "first", "pending update of", state);
    }
    for (int64_t i = 0; i < a->commit_count && status == AN_OK && !p->subset; i++) {
        const an_commit *c = &a->commits[i];
        const char *state = an_node_of(a, c->state)->name;
        if (c->set == AN_PENDING && is_live(p, 0, c) && !an_graph_pending(b, state))
            status = missing(p, "second", "pending update of", state);
    }
    return status;
}

/* ---- the proof --------------------------------------------------------- */

static void run(an_prover *p)
{
    an_status status = AN_OK;
    for (int s = 0; s < 2 && status == AN_OK; s++) status = an_prove_check(p, p->side[s]);
    for (int s = 0; s < 2 && status == AN_OK; s++)
        if (!mark_needed(p, s)) status = an_prove_no_memory(p);
    if (status == AN_OK) status = take_side(p, 0);
    if (status == AN_OK) status = take_side(p, 1);
    if (status == AN_OK) status = meet_outputs(p);
    if (status == AN_OK) status = meet_updates(p);
    if (status == AN_OK) status = meet_all_pending(p);
    bool reals = false;
    if (status == AN_OK && p->open_count > 0 && p->reals) status = an_prove_reals(p, &reals);
    if (status == AN_OK && p->open_count > 0) status = an_prove_locate(p);
    if (status == AN_OK && p->open_count > 0) status = an_prove_search(p);
    if (p->proof->status != AN_OK || an_prove_list(p) != AN_OK) return;
    if (p->proof->rules == 0) an_axioms_used(&p->values, p->proof);
    const bool met = p->proof->roots > 0 && p->proof->met == p->proof->roots;
    p->proof->proved = status == AN_OK && met && !p->changed_leaf;
    p->proof->reals = status == AN_OK && reals && !p->changed_leaf;
    if (status == AN_OK && met && p->changed_leaf) an_prove_leaf_changed(p);
    if (p->proof->status == AN_OK) an_prove_conclude(p);
}

an_proof *an_prove_with(const an_prove_args *args)
{
    an_proof *f = an_alloc_zeroed(sizeof *f);
    if (f) an_prove_matching(f, args, NULL);
    return f;
}

/* As far as one may go: which ops have a kernel, and a meaning that may be taken beside it. */
static int most_trust(const an_prove_args *args)
{
    int most = AN_TRUST_NONE;
    const an_graph *const side[] = {args->a, args->b};
    for (int s = 0; s < 2; s++)
        for (int64_t i = 1; i <= side[s]->node_count; i++) {
            const an_op_info *op = side[s]->nodes[i].op;
            const int needed = an_trust_needed(op);
            if (needed > most) most = needed;
        }
    return most;
}

static void attempt(an_proof *f, const an_prove_args *args, an_matches *matches, int trust,
                    bool reals)
{
    an_prover p = {.proof = f, .matches = matches, .subset = args->subset, .reals = reals,
                   .side = {args->a, args->b}, .values = {.trust = trust, .proof = f}};
    an_arena_free(&f->arena);
    *f = (an_proof){.kind = "", .at = {{.name = "", .file = ""}, {.name = "", .file = ""}}};
    if (matches) matches->count = 0;
    p.values.graph = an_graph_new("values");
    if (p.values.graph && an_graph_share_ops(p.values.graph, args->a) &&
        an_graph_share_ops(p.values.graph, args->b))
        run(&p);
    else an_prove_no_memory(&p);
    an_graph_free(p.values.graph);
    an_free(p.values.known);
    for (int s = 0; s < 2; s++) {
        an_free(p.normal[s]);
        an_free(p.needed[s]);
    }
    an_free(p.slot);
    an_free(p.open);
}

/* Without the word of others first, then with as much of it as there is; in bits, then over the
 * reals. */
void an_prove_matching(an_proof *f, const an_prove_args *args, an_matches *matches)
{
    if (!args || !args->a || !args->b) {
        an_prover p = {.proof = f};
        f->kind = "";
        f->at[0] = f->at[1] = (an_place){.name = "", .file = ""};
        an_prove_give_up(&p, AN_E_ARGUMENT, "two graphs are needed");
        return;
    }
    const int most = most_trust(args);
    attempt(f, args, matches, AN_TRUST_NONE, most == AN_TRUST_NONE);
    for (int trust = 1; trust <= most && !f->proved && f->status == AN_OK; trust++)
        attempt(f, args, matches, trust, false);
    for (int trust = 0; trust <= most && most && !f->proved && !f->reals && f->status == AN_OK;
         trust += most)
        attempt(f, args, matches, trust, true);
}
