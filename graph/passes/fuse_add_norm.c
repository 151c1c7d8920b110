/* fuse_add_norm.c -- residual add + norm become one op, forward and backward.
 *
 *   s = residual_add(x, skip);  y, mean, rstd = layer_norm(s, gamma, beta)
 *     ->  y, s, mean, rstd = add_norm(x, skip, gamma, beta)
 *   dx, dgamma, dbeta = layer_norm_grad(dy, s, gamma, mean, rstd);  accumulate(rest..., dx)
 *     ->  dx, dgamma, dbeta = add_norm_grad(dy, s, gamma, mean, rstd, accumulate(rest...))
 *
 * and so an rms_norm, which has neither mean nor beta, becomes add_rms_norm. In every such
 * family the operands and results stand in the same order, which is all the pass relies on.
 *
 * A pair fuses iff: both addends have the sum's own type; the norm is over the
 * trailing axis; it is the sum's first norm; and neither gamma nor beta depends on
 * the sum. Every other user of the sum reads the fused node's sum output. What
 * looks like a pair but is refused leaves a note with a reason code. What depends
 * on what, and in which order all is made, is for group.c to say.            */
#include "graph/passes/group.h"

#include <string.h>

/* A norm, its gradient, and what each becomes with its sum:
 *   norm:  x, parameters -> y, saved        fused:  x, skip, parameters -> y, s, saved
 *   grad:  dy, s, gamma, saved -> dx, ...   fused grad:  the same and dsum -> dx, ...
 * Gamma is the first parameter; saved are the statistics of each row. */
enum { NORM, GRAD, FUSED, FUSED_GRAD, PARTS };
typedef struct family {
    int op[PARTS], parameters, saved;
} family;

static const family families[] = {
    {{AN_OP_layer_norm, AN_OP_layer_norm_grad, AN_OP_add_norm, AN_OP_add_norm_grad}, 2, 2},
    {{AN_OP_rms_norm, AN_OP_rms_norm_grad, AN_OP_add_rms_norm, AN_OP_add_rms_norm_grad}, 1, 1},
};
#define MOST 2 /* parameters, and saved results */
#define MOVES 4 /* between a sum and a norm, that a note looks through */

typedef struct matcher {
    an_rewrite *rw;
    const an_graph *g;
    an_groups *groups; /* add and norm; the norm's gradient and accumulate */
    bool *fused;       /* per node: the first of what becomes one op */
    uint32_t *norm_of; /* per node: the first norm of its sum; 0: none */
} matcher;

/* ---- families ---------------------------------------------------------- */

/* The family in which n plays that part; NULL: in none. */
static const family *family_of(const an_node *n, int part)
{
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (an_is_op(n, families[i].op[part])) return &families[i];
    return NULL;
}

static const char *name_of(const family *f, int part)
{
    return an_op(f->op[part])->name;
}

/* ---- matching ---------------------------------------------------------- */

static bool is_plain_sum(const an_op_info *op)
{
    return op->code == AN_OP_add || op->code == AN_OP_residual_add;
}

/* Why norm `n` of plain sum `s` must not fuse; "" if it may. */
static const char *refusal(matcher *m, const an_node *n, uint32_t number, const an_node *s)
{
    const an_graph *g = m->g;
    const uint32_t add = g->slots[n->in[0]].node;
    const an_type *sum = an_slot_type(g, n->in[0]);
    if (m->norm_of[add] != number) return "not-first-norm";
    if (!an_type_equal(an_slot_type(g, s->in[0]), sum) ||
        !an_type_equal(an_slot_type(g, s->in[1]), sum))
        return "broadcast";
    if (n->attrs->axis != sum->shape.rank - 1) return "axis-not-trailing";
    return "";
}

/* Makes the pair one, or says why not. */
static const char *join(matcher *m, uint32_t add, uint32_t norm)
{
    const an_join result = an_groups_join(m->groups, add, norm, 1);
    if (result != AN_JOIN_DONE) return result == AN_JOIN_CYCLE ? "depends-on-sum" : "tangled";
    m->fused[add] = true;
    return "";
}

/* A refusal's code in words. */
static const char *in_words(const char *reason)
{
    static const char *const words[][2] = {
        {"not-first-norm", "an earlier norm of that sum comes first"},
        {"broadcast", "an addend is broadcast, so this is no residual"},
        {"axis-not-trailing", "it is over more than the trailing axis"},
        {"depends-on-sum", "its gamma or beta is computed from that sum"},
        {"tangled", "finding out whether its gamma or beta needs that sum takes too long"},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strcmp(words[i][0], reason)) return words[i][1];
    return reason;
}

/* The op between a sum and a norm that would be a pair without it, or NULL. A few that only
 * move elements may follow each other. */
static const an_node *op_between(const an_graph *g, const an_node *producer)
{
    const bool moves = producer->op->rules->moves;
    if (producer->inputs == 0 || !producer->in[0]) return NULL;
    if (producer->inputs > 1 && !moves && !an_is_op(producer, AN_OP_dropout)) return NULL;
    const an_node *below = an_node_of(g, producer->in[0]);
    for (int i = 1; moves && i < MOVES && below->op->rules->moves; i++)
        below = an_node_of(g, below->in[0]);
    return is_plain_sum(below->op) ? producer : NULL;
}

static void match_norm(matcher *m, uint32_t number, const family *f)
{
    const an_graph *g = m->g;
    const an_node *n = &g->nodes[number], *producer = an_node_of(g, n->in[0]);
    if (is_plain_sum(producer->op)) {
        const char *reason = refusal(m, n, number, producer);
        if (!reason[0]) reason = join(m, g->slots[n->in[0]].node, number);
        if (!reason[0])
            an_rewrite_note(m->rw, n, "", "%s %%%u and %s %%%u became %s", producer->op->name,
                            producer->ordinal, n->op->name, n->ordinal, name_of(f, FUSED));
        else
            an_rewrite_note(m->rw, n, reason, "%s of %s %%%u does not fuse: %s",
                            n->op->name, producer->op->name, producer->ordinal,
                            in_words(reason));
    } else if (an_is_op(producer, AN_OP_residual_add_scaled)) {
        an_rewrite_note(m->rw, n, "scaled", "the residual is scaled; %s adds plainly",
                        name_of(f, FUSED));
    } else if (family_of(producer, FUSED) && n->in[0] == producer->first + 1) {
        an_rewrite_note(m->rw, n, "not-first-norm", "the sum has its norm already");
    } else if (op_between(g, producer)) {
        an_rewrite_note(m->rw, n, "not-adjacent", "%s stands between the sum and its norm",
                        producer->op->name);
    }
}

/* ---- matching backwards ------------------------------------------------ */

/* A pair, or the op that it is already: what its norm's gradient must read. */
typedef struct pair {
    const family *f;
    uint32_t gamma, saved; /* values of the old graph; saved is the first of them */
    const an_attrs *attrs;
} pair;

/* The pair whose sum is `value`; its family is NULL if there is none. */
static pair pair_of_sum(const matcher *m, uint32_t value)
{
    const an_graph *g = m->g;
    const uint32_t number = g->slots[value].node;
    const an_node *n = &g->nodes[number];
    const family *f = family_of(n, FUSED);
    if (f && value == n->first + 1) return (pair){f, n->in[2], n->first + 2, n->attrs};
    if (!m->fused[number] || !is_plain_sum(n->op)) return (pair){0};
    const an_node *norm = &g->nodes[an_groups_next(m->groups, number)];
    return (pair){family_of(norm, NORM), norm->in[1], norm->first + 1, norm->attrs};
}

static bool is_gradient_of(const pair *p, const family *f, const an_node *n)
{
    if (p->f != f || n->in[2] != p->gamma) return false;
    for (int k = 0; k < f->saved; k++)
        if (n->in[3 + k] != p->saved + (uint32_t)k) return false;
    return true;
}

/* The accumulate whose last term is dx and nothing else's; 0 if there is none. */
static uint32_t lone_accumulate(const matcher *m, uint32_t dx, const uint32_t *uses,
                                const uint32_t *user)
{
    if (uses[dx] != 1 || !user[dx]) return 0;
    const an_node *a = &m->g->nodes[user[dx]];
    const bool last = an_is_op(a, AN_OP_accumulate) && a->inputs > 1 && a->in[a->inputs - 1] == dx;
    return last ? user[dx] : 0;
}

static void match_gradient(matcher *m, uint32_t number, const family *f, const uint32_t *uses,
                           const uint32_t *user)
{
    const an_node *n = &m->g->nodes[number];
    const pair p = pair_of_sum(m, n->in[1]);
    if (!p.f) return;
    if (!is_gradient_of(&p, f, n)) {
        an_rewrite_note(m->rw, n, "other-norm", "it is the gradient of another norm of that sum");
        return;
    }
    if (memcmp(&p.attrs->eps, &n->attrs->eps, sizeof n->attrs->eps) != 0 ||
        p.attrs->axis != n->attrs->axis) {
        an_rewrite_note(m->rw, n, "attributes-differ", "its axis or eps is not the norm's");
        return;
    }
    const uint32_t sum = lone_accumulate(m, n->first, uses, user);
    const an_join result = sum ? an_groups_join(m->groups, number, sum, 1) : AN_JOIN_CYCLE;
    m->fused[number] = true;
    if (result == AN_JOIN_TANGLED)
        an_rewrite_note(m->rw, n, "tangled", "the other gradients are added by themselves: whether "
                                             "they need this one takes too long to find out");
    const bool both = result == AN_JOIN_DONE;
    an_rewrite_note(m->rw, n, "", "%s %%%u%s became %s", n->op->name, n->ordinal,
                    both ? " and the sum of the other gradients" : "", name_of(f, FUSED_GRAD));
}

/* ---- emitting ---------------------------------------------------------- */

static void emit_forward(an_rewrite *rw, const an_node *add, const an_node *norm)
{
    const family *f = family_of(norm, NORM);
    uint32_t in[2 + MOST] = {rw->value[add->in[0]], rw->value[add->in[1]]};
    for (int i = 1; i <= f->parameters; i++) in[1 + i] = norm->in[i] ? rw->value[norm->in[i]] : 0;
    const uint32_t of[2] = {add->ordinal, norm->ordinal};
    const uint32_t y = an_rewrite_add(rw, norm, an_op(f->op[FUSED]), in, 2 + f->parameters,
                                      norm->attrs, of, 2);
    if (!y) return;
    rw->value[add->first] = y + 1;
    rw->value[norm->first] = y;
    for (uint32_t k = 1; k <= (uint32_t)f->saved; k++) rw->value[norm->first + k] = y + 1 + k;
}

/* The terms but the last: one value as it is, several as a shorter accumulate. */
static uint32_t emit_rest(an_rewrite *rw, const an_node *sum)
{
    const int terms = sum->inputs - 1;
    if (terms == 1) return rw->value[sum->in[0]];
    uint32_t *in = an_arena_alloc(&rw->to->arena, terms * (int64_t)sizeof *in);
    if (!in) {
        an_graph_fail(rw->to, sum->at, AN_E_MEMORY, "out of memory");
        return 0;
    }
    for (int i = 0; i < terms; i++) in[i] = rw->value[sum->in[i]];
    an_attrs attrs = *sum->attrs;
    attrs.order.count = terms;
    return an_rewrite_add(rw, sum, an_op(AN_OP_accumulate), in, terms, &attrs, &sum->ordinal, 1);
}

/* `sum` may be NULL. */
static void emit_backward(an_rewrite *rw, uint32_t number, const an_node *sum)
{
    const an_node *grad = &rw->from->nodes[number];
    const family *f = family_of(grad, GRAD);
    const int dsum = 3 + f->saved;
    uint32_t in[4 + MOST] = {0};
    for (int i = 0; i < dsum; i++) in[i] = grad->in[i] ? rw->value[grad->in[i]] : 0;
    if (sum) in[dsum] = emit_rest(rw, sum);
    const uint32_t of[2] = {grad->ordinal, sum ? sum->ordinal : 0};
    const uint32_t dx = an_rewrite_add(rw, grad, an_op(f->op[FUSED_GRAD]), in, dsum + 1,
                                       grad->attrs, of, sum ? 2 : 1);
    if (!dx) return;
    an_rewrite_replace(rw, number, dx);
    if (sum) rw->value[sum->first] = dx;
}

static an_status emit(an_rewrite *rw, uint32_t number, void *context)
{
    const matcher *m = context;
    if (!m->fused[number]) return an_rewrite_copy(rw, number);
    const an_node *first = &m->g->nodes[number];
    const uint32_t second = an_groups_next(m->groups, number);
    if (is_plain_sum(first->op))
        emit_forward(rw, first, &m->g->nodes[second]);
    else
        emit_backward(rw, number, second ? &m->g->nodes[second] : NULL);
    return an_graph_status(rw->to);
}

/* ---- the pass ---------------------------------------------------------- */

static void find_first_norms(matcher *m)
{
    for (int64_t i = 1; i <= m->g->node_count; i++) {
        const an_node *n = &m->g->nodes[i];
        if (!family_of(n, NORM)) continue;
        const uint32_t sum = m->g->slots[n->in[0]].node;
        uint32_t *first = &m->norm_of[sum];
        if (!*first || n->ordinal < m->g->nodes[*first].ordinal) *first = (uint32_t)i;
    }
}

static void match_gradients(matcher *m)
{
    const an_graph *g = m->g;
    uint32_t *uses = an_alloc_zeroed(2 * (g->slot_count + 1) * (int64_t)sizeof *uses);
    if (!uses) {
        an_graph_fail(m->rw->to, (an_at){0}, AN_E_MEMORY, "out of memory");
        return;
    }
    uint32_t *user = uses + g->slot_count + 1;
    for (int64_t i = 1; i <= g->node_count; i++)
        for (int k = 0; k < g->nodes[i].inputs; k++) {
            uses[g->nodes[i].in[k]]++;
            user[g->nodes[i].in[k]] = (uint32_t)i;
        }
    for (int64_t i = 0; i < g->output_count; i++) uses[g->outputs[i].value] += 2;
    for (int64_t i = 0; i < g->commit_count; i++) {
        uses[g->commits[i].value] += 2;
        uses[g->commits[i].witness] += 2; /* of a row that has none: value 0's, never read */
    }
    for (int64_t i = 1; i <= g->node_count; i++) {
        const family *f = family_of(&g->nodes[i], GRAD);
        if (f) match_gradient(m, (uint32_t)i, f, uses, user);
    }
    an_free(uses);
}

static void match_all(matcher *m)
{
    find_first_norms(m);
    for (int64_t i = 1; i <= m->g->node_count; i++) {
        const family *f = family_of(&m->g->nodes[i], NORM);
        if (f) match_norm(m, (uint32_t)i, f);
    }
    match_gradients(m);
}

an_status an_pass_fuse_add_norm(an_rewrite *rw)
{
    const int64_t nodes = rw->from->node_count;
    matcher m = {.rw = rw, .g = rw->from, .groups = an_groups_new(rw)};
    m.fused = an_alloc_zeroed(nodes + 1);
    m.norm_of = an_alloc_zeroed((nodes + 1) * (int64_t)sizeof *m.norm_of);
    if (!m.fused || !m.norm_of) an_graph_fail(rw->to, (an_at){0}, AN_E_MEMORY, "out of memory");
    an_status status = an_graph_status(rw->to);
    if (status == AN_OK) {
        match_all(&m);
        status = an_graph_status(rw->to);
    }
    if (status == AN_OK) status = an_groups_each(m.groups, emit, &m);
    an_groups_free(m.groups);
    an_free(m.fused);
    an_free(m.norm_of);
    return status;
}
