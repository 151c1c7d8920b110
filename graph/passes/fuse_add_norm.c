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
 * looks like a pair but is refused leaves a note with a reason code.
 *
 * Users of the sum may stand before the norm's parameters in the old order, so
 * nodes are emitted by demand: each after what it needs.                     */
#include "graph/passes/rewrite.h"

#include <string.h>

typedef struct fusion {
    uint32_t first, second; /* add and norm; or layer_norm_grad and accumulate (0: none) */
    bool backward;
} fusion;

typedef struct matcher {
    an_rewrite *rw;
    const an_graph *g;
    fusion *fusions; /* from 1 */
    int64_t count, capacity;
    uint32_t *member;  /* per node: the fusion it belongs to; 0: none */
    uint32_t *norm_of; /* per node: the first layer_norm of its sum; 0: none */
    uint32_t *stack;
    uint32_t *seen;    /* per node: stamp of the last search that visited it */
    uint32_t stamp;
    bool *emitted;
} matcher;

/* ---- what a node, or the fusion it is in, reads ------------------------ */

typedef void (*visit_fn)(matcher *m, uint32_t producer, int64_t *top);

static void visit_operands(matcher *m, const an_node *n, int from, int to, visit_fn visit,
                           int64_t *top)
{
    for (int i = from; i < to; i++)
        if (n->in[i]) visit(m, m->g->slots[n->in[i]].node, top);
}

static void visit_reads(matcher *m, uint32_t number, visit_fn visit, int64_t *top)
{
    const an_node *n = &m->g->nodes[number];
    const fusion *f = m->member[number] ? &m->fusions[m->member[number]] : NULL;
    if (!f) {
        visit_operands(m, n, 0, n->inputs, visit, top);
        return;
    }
    const an_node *first = &m->g->nodes[f->first];
    visit_operands(m, first, 0, first->inputs, visit, top);
    if (!f->second) return;
    const an_node *second = &m->g->nodes[f->second];
    if (f->backward)
        visit_operands(m, second, 0, second->inputs - 1, visit, top); /* the last is dx itself */
    else
        visit_operands(m, second, 1, second->inputs, visit, top); /* the first is the sum itself */
}

static void push_unseen(matcher *m, uint32_t producer, int64_t *top)
{
    if (m->seen[producer] == m->stamp) return;
    m->seen[producer] = m->stamp;
    m->stack[(*top)++] = producer;
}

/* True if computing any of `count` values needs node a or node b, fusions made so
 * far counting as one node each. */
static bool depends(matcher *m, const uint32_t *values, int count, uint32_t a, uint32_t b)
{
    int64_t top = 0;
    m->stamp++;
    for (int i = 0; i < count; i++)
        if (values[i]) push_unseen(m, m->g->slots[values[i]].node, &top);
    while (top > 0) {
        const uint32_t number = m->stack[--top];
        if (number == a || number == b) return true;
        visit_reads(m, number, push_unseen, &top);
    }
    return false;
}

/* ---- matching ---------------------------------------------------------- */

static bool is_plain_sum(int op)
{
    return op == AN_OP_add || op == AN_OP_residual_add;
}

static bool add_fusion(matcher *m, uint32_t first, uint32_t second, bool backward)
{
    if (!AN_GROW(m->fusions, m->capacity, m->count + 2)) {
        an_graph_fail(m->rw->to, (an_at){0}, AN_E_MEMORY, "out of memory");
        return false;
    }
    m->fusions[++m->count] = (fusion){first, second, backward};
    m->member[first] = (uint32_t)m->count;
    if (second) m->member[second] = (uint32_t)m->count;
    return true;
}

/* Why norm `n` of plain sum `s` must not fuse; "" if it may. */
static const char *refusal(matcher *m, const an_node *n, uint32_t number, const an_node *s)
{
    const an_graph *g = m->g;
    const uint32_t add = g->slots[n->in[0]].node;
    const an_type *sum = an_slot_type(g, n->in[0]);
    if (n->op == AN_OP_rms_norm) return "rms-norm";
    if (m->norm_of[add] != number) return "not-first-norm";
    if (!an_type_equal(an_slot_type(g, s->in[0]), sum) ||
        !an_type_equal(an_slot_type(g, s->in[1]), sum))
        return "broadcast";
    if (an_axis(n->attrs->axis, sum->shape.rank) != sum->shape.rank - 1) return "axis-not-trailing";
    if (depends(m, &n->in[1], 2, add, number)) return "depends-on-sum";
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
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strcmp(words[i][0], reason)) return words[i][1];
    return reason;
}

/* The op between a sum and a norm that would be a pair without it, or 0. */
static const an_node *op_between(const an_graph *g, const an_node *producer)
{
    if (producer->inputs == 0 || !producer->in[0] || is_plain_sum(producer->op)) return NULL;
    const bool simple = producer->inputs == 1 || producer->op == AN_OP_dropout;
    return simple && is_plain_sum(an_node_of(g, producer->in[0])->op) ? producer : NULL;
}

static void match_norm(matcher *m, uint32_t number)
{
    const an_graph *g = m->g;
    const an_node *n = &g->nodes[number], *producer = an_node_of(g, n->in[0]);
    if (is_plain_sum(producer->op)) {
        const char *reason = refusal(m, n, number, producer);
        if (!reason[0] && add_fusion(m, g->slots[n->in[0]].node, number, false))
            an_rewrite_note(m->rw, n, "", "%s %%%u and %s %%%u became add_norm",
                            an_op(producer->op)->name, producer->ordinal, an_op(n->op)->name,
                            n->ordinal);
        else if (reason[0])
            an_rewrite_note(m->rw, n, reason, "%s of %s %%%u does not fuse: %s",
                            an_op(n->op)->name, an_op(producer->op)->name, producer->ordinal,
                            in_words(reason));
    } else if (producer->op == AN_OP_residual_add_scaled) {
        an_rewrite_note(m->rw, n, "scaled", "the residual is scaled; add_norm adds plainly");
    } else if (producer->op == AN_OP_add_norm && n->in[0] == producer->first + 1) {
        an_rewrite_note(m->rw, n, "not-first-norm", "the sum has its norm already");
    } else if (op_between(g, producer)) {
        an_rewrite_note(m->rw, n, "not-adjacent", "%s stands between the sum and its norm",
                        an_op(producer->op)->name);
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
    if (n->op == AN_OP_add_norm && value == n->first + 1) {
        parts[0] = n->in[2];
        parts[1] = n->first + 2;
        parts[2] = n->first + 3;
        *attrs = n->attrs;
        return true;
    }
    if (!m->member[number] || m->fusions[m->member[number]].backward) return false;
    const fusion *f = &m->fusions[m->member[number]];
    if (f->first != number) return false;
    const an_node *norm = &g->nodes[f->second];
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
    const bool last = a->op == AN_OP_accumulate && a->inputs > 1 && a->in[a->inputs - 1] == dx;
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
    uint32_t sum = lone_accumulate(m, n->first, uses, user);
    if (sum && depends(m, m->g->nodes[sum].in, m->g->nodes[sum].inputs - 1, number, sum)) sum = 0;
    if (!add_fusion(m, number, sum, true)) return;
    an_rewrite_note(m->rw, n, "", sum ? "layer_norm_grad %%%u and the sum of the other gradients "
                                        "became add_norm_grad"
                                      : "layer_norm_grad %%%u became add_norm_grad", n->ordinal);
}

/* ---- emitting ---------------------------------------------------------- */

static void emit_forward(matcher *m, const fusion *f)
{
    an_rewrite *rw = m->rw;
    const an_node *add = &m->g->nodes[f->first], *norm = &m->g->nodes[f->second];
    const uint32_t in[4] = {rw->value[add->in[0]], rw->value[add->in[1]],
                            norm->in[1] ? rw->value[norm->in[1]] : 0,
                            norm->in[2] ? rw->value[norm->in[2]] : 0};
    const uint32_t of[2] = {add->ordinal, norm->ordinal};
    const uint32_t y = an_rewrite_add(rw, norm, AN_OP_add_norm, in, 4, norm->attrs, of, 2);
    if (!y) return;
    rw->value[add->first] = y + 1;
    rw->value[norm->first] = y;
    rw->value[norm->first + 1] = y + 2;
    rw->value[norm->first + 2] = y + 3;
}

/* The terms but the last: one value as it is, several as a shorter accumulate. */
static uint32_t emit_rest(matcher *m, const an_node *sum)
{
    an_rewrite *rw = m->rw;
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
    return an_rewrite_add(rw, sum, AN_OP_accumulate, in, terms, &attrs, &sum->ordinal, 1);
}

static void emit_backward(matcher *m, const fusion *f)
{
    an_rewrite *rw = m->rw;
    const an_node *grad = &m->g->nodes[f->first];
    const an_node *sum = f->second ? &m->g->nodes[f->second] : NULL;
    uint32_t in[6] = {0};
    for (int i = 0; i < 5; i++) in[i] = grad->in[i] ? rw->value[grad->in[i]] : 0;
    if (sum) in[5] = emit_rest(m, sum);
    const uint32_t of[2] = {grad->ordinal, sum ? sum->ordinal : 0};
    const uint32_t dx =
        an_rewrite_add(rw, grad, AN_OP_add_norm_grad, in, 6, grad->attrs, of, sum ? 2 : 1);
    if (!dx) return;
    an_rewrite_replace(rw, f->first, dx);
    if (sum) rw->value[sum->first] = dx;
}

static void push_unemitted(matcher *m, uint32_t producer, int64_t *top)
{
    if (!m->emitted[producer]) m->stack[(*top)++] = producer;
}

static an_status emit(matcher *m, uint32_t number)
{
    const fusion *f = m->member[number] ? &m->fusions[m->member[number]] : NULL;
    m->emitted[number] = true;
    if (!f) return an_rewrite_copy(m->rw, number);
    m->emitted[f->first] = true;
    if (f->second) m->emitted[f->second] = true;
    if (f->backward)
        emit_backward(m, f);
    else
        emit_forward(m, f);
    return an_graph_status(m->rw->to);
}

/* Emits a node after everything it needs. The graph has no cycle, with fusions as
 * nodes either, so each node on the stack waits for ones that do not wait for it. */
static an_status emit_by_demand(matcher *m, uint32_t number, int64_t stack_size)
{
    int64_t top = 0;
    an_status status = AN_OK;
    push_unemitted(m, number, &top);
    while (top > 0 && status == AN_OK) {
        const uint32_t now = m->stack[top - 1];
        if (m->emitted[now]) {
            top--;
            continue;
        }
        const int64_t before = top;
        visit_reads(m, now, push_unemitted, &top);
        if (top == before) status = emit(m, now);
        if (top >= stack_size / 2)
            return an_graph_fail(m->rw->to, (an_at){0}, AN_E_INTERNAL,
                                 "fuse_add_norm: the fusions made a cycle");
    }
    return status;
}

/* ---- the pass ---------------------------------------------------------- */

static void find_first_norms(matcher *m)
{
    for (int64_t i = 1; i <= m->g->node_count; i++) {
        const an_node *n = &m->g->nodes[i];
        if (n->op != AN_OP_layer_norm) continue;
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
        if (g->nodes[i].op == AN_OP_layer_norm_grad) match_gradient(m, (uint32_t)i, uses, user);
    an_free(uses);
}

static bool allocate(matcher *m, int64_t nodes, int64_t edges)
{
    m->member = an_alloc_zeroed((nodes + 1) * (int64_t)sizeof *m->member);
    m->norm_of = an_alloc_zeroed((nodes + 1) * (int64_t)sizeof *m->norm_of);
    m->seen = an_alloc_zeroed((nodes + 1) * (int64_t)sizeof *m->seen);
    m->emitted = an_alloc_zeroed(nodes + 1);
    m->stack = an_alloc_zeroed((edges + nodes + 2) * 2 * (int64_t)sizeof *m->stack);
    return m->member && m->norm_of && m->seen && m->emitted && m->stack;
}

an_status an_pass_fuse_add_norm(an_rewrite *rw)
{
    const an_graph *g = rw->from;
    matcher m = {.rw = rw, .g = g};
    int64_t edges = 0;
    for (int64_t i = 1; i <= g->node_count; i++) edges += g->nodes[i].inputs;
    const bool ready = allocate(&m, g->node_count, edges);
    if (!ready) an_graph_fail(rw->to, (an_at){0}, AN_E_MEMORY, "out of memory");
    if (ready) {
        find_first_norms(&m);
        for (int64_t i = 1; i <= g->node_count; i++)
            if (g->nodes[i].op == AN_OP_layer_norm || g->nodes[i].op == AN_OP_rms_norm)
                match_norm(&m, (uint32_t)i);
        match_gradients(&m);
    }
    an_status status = an_graph_status(rw->to);
    for (int64_t i = 1; status == AN_OK && i <= g->node_count; i++)
        status = emit_by_demand(&m, (uint32_t)i, (edges + g->node_count + 2) * 2);
    an_free(m.fusions);
    an_free(m.member);
    an_free(m.norm_of);
    an_free(m.seen);
    an_free(m.emitted);
    an_free(m.stack);
    return status;
}
