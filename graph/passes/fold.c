/* fold.c -- computes now what depends on literals only, and chooses where a literal chooses.
 *
 * A node folds if its operands are constants, its result has literal extents and
 * at most FOLD_ELEMENTS elements, and computing it raises no fault. Operands may be
 * larger, but not as large as one literal can be said to fill. It runs on the
 * kernels that the program would use, so no bit changes. Random ops read a state
 * and therefore never fold. What multiplies by a 1 that was only just computed, as
 * the gradient of a sum does, is gone too: no second round would find more to do. */
#include "graph/evaluate.h"
#include "graph/passes/rewrite.h"

#include <string.h>

#define FOLD_ELEMENTS 4096
#define FOLD_OPERAND 65536 /* elements of an operand, which folding spells out */

static bool foldable(const an_rewrite *rw, const an_node *n)
{
    if (n->outputs != 1 || n->inputs == 0 || an_is_op(n, AN_OP_accumulate)) return false;
    if (n->op->traits & AN_TRAIT_ACROSS) return false;
    int64_t count = 1;
    const an_type *type = an_slot_type(rw->from, n->first);
    for (int i = 0; i < type->shape.rank; i++) {
        if (type->shape.dim[i] < 0 || !an_mul_size(count, type->shape.dim[i], &count)) return false;
    }
    for (int i = 0; i < n->inputs; i++) {
        if (!n->in[i]) continue;
        const uint32_t operand = rw->value[n->in[i]];
        if (!an_node_is_constant(an_node_of(rw->to, operand))) return false;
        if (an_value_bytes(rw->to, operand) < 0) return false;
        if (an_value_elements(rw->to, operand) > FOLD_OPERAND) return false;
    }
    return count <= FOLD_ELEMENTS;
}

/* The node alone, over copies of its constants, in a graph of its own. That graph knows
 * no dims: a node whose attributes depend on one cannot be added and is not folded. */
static an_graph *isolate(const an_rewrite *rw, const an_node *n)
{
    an_graph *g = an_graph_new("fold");
    uint32_t *in = g ? an_arena_alloc(&g->arena, n->inputs * (int64_t)sizeof *in) : NULL;
    for (int i = 0; in && i < n->inputs; i++) {
        if (!n->in[i]) continue;
        const an_spec constant = {.op = an_op(AN_OP_constant),
                                  .attrs = an_node_of(rw->to, rw->value[n->in[i]])->attrs};
        in[i] = an_graph_add(g, &constant);
    }
    const an_spec spec = {.op = n->op, .inputs = n->inputs, .in = in, .attrs = n->attrs};
    if (in && an_graph_add(g, &spec)) return g;
    if (!in || an_graph_status(g) == AN_E_MEMORY)
        an_graph_fail(rw->to, n->at, AN_E_MEMORY, "out of memory");
    an_graph_free(g);
    return NULL;
}

/* One element is enough if all have the same bits. */
static int64_t literal_count(const an_tensor *t)
{
    const int64_t count = an_tensor_count(t);
    const size_t size = an_dtype_size(t->dtype);
    for (int64_t i = 1; i < count; i++)
        if (memcmp(t->data, (const char *)t->data + (size_t)i * size, size) != 0) return count;
    return count > 0 ? 1 : 0;
}

/* Whether all elements of a literal condition choose one branch, operand 1 or 2: which, or 0. */
static int choice(const an_node *condition)
{
    const an_data *data = &condition->attrs->data;
    if (!an_node_is_constant(condition) || data->count < 1) return 0;
    const uint8_t *holds = data->bytes;
    for (int64_t i = 1; i < data->count; i++)
        if (!holds[i] != !holds[0]) return 0;
    return holds[0] ? 1 : 2;
}

/* Where a literal chooses a branch, nobody need compute the other: the node as the one that
 * broadcasts that branch, which `room` is for. Any other node is as it is. */
static an_node chosen(const an_rewrite *rw, const an_node *n, an_attrs *room)
{
    an_node as = *n;
    if (!an_is_op(n, AN_OP_where)) return as;
    const int branch = choice(an_node_of(rw->to, rw->value[n->in[0]]));
    if (!branch) return as;
    *room = (an_attrs){.shape = an_slot_type(rw->from, n->first)->shape};
    as.op = an_op(AN_OP_broadcast);
    as.inputs = 1;
    as.in += branch;
    as.attrs = room;
    return as;
}

static bool compute(an_rewrite *rw, uint32_t number, const an_node *n)
{
    if (!foldable(rw, n)) return false;
    an_graph *alone = isolate(rw, n);
    if (!alone) return false;
    an_evaluation e = {0};
    const uint32_t result = alone->nodes[alone->node_count].first;
    bool done = an_evaluation_begin(&e, alone, NULL) == AN_OK && an_evaluation_run(&e) == AN_OK;
    const an_tensor *t = done ? &e.value[result] : NULL;
    if (done && literal_count(t) > 0) {
        const an_attrs attrs = {.dtype = t->dtype, .shape = an_slot_type(rw->from, n->first)->shape,
                                .data = {literal_count(t), t->data}};
        const uint32_t first =
            an_rewrite_add(rw, n, an_op(AN_OP_constant), NULL, 0, &attrs, &n->ordinal, 1);
        if (first) an_rewrite_replace(rw, number, first);
    } else {
        done = false;
    }
    if (e.error.status == AN_E_MEMORY)
        an_graph_fail(rw->to, n->at, AN_E_MEMORY, "out of memory");
    an_evaluation_free(&e);
    an_graph_free(alone);
    return done;
}

static bool fold(an_rewrite *rw, uint32_t number, void *context)
{
    (void)context;
    an_attrs room;
    const an_node *own = &rw->from->nodes[number], n = chosen(rw, own, &room);
    if (compute(rw, number, &n)) return true;
    uint32_t instead = an_rewrite_repeated(rw, &n);
    if (!instead && n.op != own->op)
        instead = an_rewrite_add(rw, own, n.op, &rw->value[n.in[0]], 1, n.attrs, &own->ordinal, 1);
    if (instead) an_rewrite_replace(rw, number, instead);
    return instead != 0;
}

an_status an_pass_fold(an_rewrite *rw)
{
    return an_rewrite_each(rw, fold, NULL);
}
