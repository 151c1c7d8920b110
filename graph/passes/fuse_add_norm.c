/* fuse_add_norm.c -- residual add + layer norm become one op, forward and backward.
 *
 *   s = residual_add(x, skip);  y, mean, rstd = layer_norm(s, gamma, beta)
 *     ->  y, s, mean, rstd = add_norm(x, skip, gamma, beta)
 *   dx, dgamma, dbeta = layer_norm_grad(dy, s, gamma, mean, rstd);  accumulate(rest..., dx)
 *     ->  dx, dgamma, dbeta = add_norm_grad(dy, s, gamma, mean, rstd, accumulate(rest...))
 *
 * A pair fuses iff: both addends have the sum's own type; the norm is over the
 * trailing axis; it is the sum's first norm; and neither gamma nor beta depends on
 * the sum. Every other user of the sum reads the fused node's sum output. What
 * looks like a pair but is refused leaves a note with a reason code. What depends
 * on what, and in which order all is made, is for group.c to say.            */
#include "graph/passes/group.h"

#include <string.h>

typedef struct matcher {
    an_rewrite *rw;
    const an_graph *g;
    an_groups *groups; /* add and norm; layer_norm_grad and accumulate */
    bool *fused;       /* per node: the first of what becomes one op */
    uint32_t *norm_of; /* per node: the first layer_norm of its sum; 0: none */
} matcher;

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
    if (an_is_op(n, AN_OP_rms_norm)) return "rms-norm";
    if (m->norm_of[add] != number) return "not-first-norm";
    if (!an_type_equal(an_slot_type(g, s->in[0]), sum) ||
        !an_type_equal(an_slot_type(g, s->in[1]), sum))
        return "broadcast";
    if (an_axis(n->attrs->axis, sum->shape.rank) != sum->shape.rank - 1) return "axis-not-trailing";
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
        {"rms-norm", "it has no mean to subtract, as add_norm has"},
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

/* The op between a sum and a norm that would be a pair without it, or 0. */
static const an_node *op_between(const an_graph *g, const an_node *producer)
{
    if (producer->inputs == 0 || !producer->in[0] || is_plain_sum(producer->op)) return NULL;
    const bool simple = producer->inputs == 1 || an_is_op(producer, AN_OP_dropout);
    return simple && is_plain_sum(an_node_of(g, producer->in[0])->op) ? producer : NULL;
}

static void match_norm(matcher *m, uint32_t number)
{
    const an_graph *g = m->g;
    const an_node *n = &g->nodes[number], *producer = an_node_of(g, n->in[0]);
    if (is_plain_sum(producer->op)) {
        const char *reason = refusal(m, n, number, producer);
        if (!reason[0]) reason = join(m, g->slots[n->in[0]].node, number);
        if (!reason[0])
            an_rewrite_note(m->rw, n, "", "%s %%%u and %s %%%u became add_norm",
                            producer->op->name, producer->ordinal, n->op->name,
                            n->ordinal);
        else
            an_rewrite_note(m->rw, n, reason, "%s of %s %%%u does not fuse: %s",
                            n->op->name, producer->op->name, producer->ordinal,
                            in_words(reason));
    } else if (an_is_op(producer, AN_OP_residual_add_scaled)) {
        an_rewrite_note(m->rw, n, "scaled", "the residual is scaled; add_norm adds plainly");
    } else if (an_is_op(producer, AN_OP_add_norm) && n->in[0] == producer->first + 1) {
        an_rewrite_note(m->rw, n, "not-first-norm", "the sum has its norm already");
    } else if (op_between(g, producer)) {
        an_rewrite_note(m->rw, n, "not-adjacent", "%s stands between the sum and its norm",
                        producer->op->name);
    }
}

/* ---- matching backwards ------------------------------------------------ */

/* The forward pair (or add_norm node) whose sum is `value`: gamma, mean and rstd of
 * its norm in old values, and the attributes. False if there is none. */
static bool pair_of_sum(const matcher *m, uint32_t value, uint32_t parts[3], const an_attrs **attrs)
{
    const an_graph *g = m->g;
    const uint32_t number = g->slots[value].node;
    const an_node *n = &g->nodes[number];
    if (an_is_op(n, AN_OP_add_norm) && value == n->first + 1) {
        parts[0] = n->in[2];
        parts[1] = n->first + 2;
        parts[2] = n->first + 3;
        *attrs = n->attrs;
        return true;
    }
    if (!m->fused[number] || !is_plain_sum(n->op)) return false;
    const an_node *norm = &g->nodes[an_groups_next(m->groups, number)];
    parts[0] = norm->in[1];
    parts[1] = norm->first + 1;
    parts[2] = norm->first + 2;
    *attrs = norm->attrs;
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

static void match_gradient(matcher *m, uint32_t number, const uint32_t *uses, const uint32_t *user)
{
    const an_node *n = &m->g->nodes[number];
    uint32_t parts[3];
    const an_attrs *attrs;
    if (!pair_of_sum(m, n->in[1], parts, &attrs)) return;
    if (n->in[2] != parts[0] || n->in[3] != parts[1] || n->in[4] != parts[2]) {
        an_rewrite_note(m->rw, n, "other-norm", "it is the gradient of another norm of that sum");
        return;
    }
    const int rank = an_slot_type(m->g, n->in[1])->shape.rank;
    if (memcmp(&attrs->eps, &n->attrs->eps, sizeof attrs->eps) != 0 ||
        an_axis(attrs->axis, rank) != an_axis(n->attrs->axis, rank)) {
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
    an_rewrite_note(m->rw, n, "", both ? "layer_norm_grad %%%u and the sum of the other gradients "
                                         "became add_norm_grad"
                                       : "layer_norm_grad %%%u became add_norm_grad", n->ordinal);
}

/* ---- emitting ---------------------------------------------------------- */

static void emit_forward(an_rewrite *rw, const an_node *add, const an_node *norm)
{
    const uint32_t in[4] = {rw->value[add->in[0]], rw->value[add->in[1]],
                            norm->in[1] ? rw->value[norm->in[1]] : 0,
                            norm->in[2] ? rw->value[norm->in[2]] : 0};
    const uint32_t of[2] = {add->ordinal, norm->ordinal};
    const uint32_t y = an_rewrite_add(rw, norm, an_op(AN_OP_add_norm), in, 4, norm->attrs, of, 2);
    if (!y) return;
    rw->value[add->first] = y + 1;
    rw->value[norm->first] = y;
    rw->value[norm->first + 1] = y + 2;
    rw->value[norm->first + 2] = y + 3;
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
    uint32_t in[6] = {0};
    for (int i = 0; i < 5; i++) in[i] = grad->in[i] ? rw->value[grad->in[i]] : 0;
    if (sum) in[5] = emit_rest(rw, sum);
    const uint32_t of[2] = {grad->ordinal, sum ? sum->ordinal : 0};
    const uint32_t dx =
        an_rewrite_add(rw, grad, an_op(AN_OP_add_norm_grad), in, 6, grad->attrs, of, sum ? 2 : 1);
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
        if (!an_is_op(n, AN_OP_layer_norm)) continue;
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
    for (int64_t i = 0; i < g->commit_count; i++) uses[g->commits[i].value] += 2;
    for (int64_t i = 1; i <= g->node_count; i++)
        if (an_is_op(&g->nodes[i], AN_OP_layer_norm_grad))
            match_gradient(m, (uint32_t)i, uses, user);
    an_free(uses);
}

static void match_all(matcher *m)
{
    find_first_norms(m);
    for (int64_t i = 1; i <= m->g->node_count; i++)
        if (an_node_is_norm(&m->g->nodes[i]) && !an_is_op(&m->g->nodes[i], AN_OP_add_norm))
            match_norm(m, (uint32_t)i);
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
