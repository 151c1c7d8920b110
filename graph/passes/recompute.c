/* recompute.c -- memory for time: what named scopes made is computed again for the gradients.
 *
 * A training program keeps what its forward phase made until gradients have read it. Of a scope
 * that is named here only those values are kept that something outside it reads, and the backward
 * phase reads copies of the scope's nodes instead of the others. A copy stands before its first
 * reader, and the schedule's order is the graph's, so it runs as late as it may (Chen et al.,
 * "Training Deep Nets with Sublinear Memory Cost", 2016).
 *
 * The bits are those of the original: the same ops on the same operands, dropout's stream among
 * its attributes. To the prover a copy is the value that it copies, and so it is to cse, which
 * therefore comes before.                                                    */
#include "graph/passes/rewrite.h"

#include <string.h>

#include "core/pattern.h"

typedef struct recomputing {
    an_rewrite *rw;
    uint8_t *phase;     /* [node] */
    const char **scope; /* [node] the named scope in which it stands; NULL: none. Each text once */
    bool *kept;         /* [value] */
    uint32_t *late;     /* [value] what the backward phase reads; 0: not there (yet) */
    uint32_t *stack, *operand; /* nodes to copy, each needed by the one below; how far each is */
    int64_t copies;
} recomputing;

/* ---- which nodes ------------------------------------------------------- */

/* The outermost scope around `scope` whose end the pattern takes, kept by the new graph; NULL. */
static const char *named_scope(const recomputing *x, const char *scope)
{
    an_text part = {0};
    const char *found = NULL, *rest = scope;
    while (!found && *rest) {
        const size_t more = strcspn(rest + 1, "/") + 1; /* the next name, with its slash */
        an_text_add_bytes(&part, rest, (int64_t)more);
        rest += more;
        if (an_pattern_takes_end(x->rw->argument, an_text_view(&part)))
            found = an_graph_keep_text(x->rw->to, an_text_view(&part));
    }
    an_text_free(&part);
    return found;
}

static void find_scopes(const recomputing *x)
{
    const an_graph *g = x->rw->from;
    const char *last = NULL, *found = NULL;
    for (int64_t i = 1; i <= g->node_count; i++) {
        const an_node *n = &g->nodes[i];
        if (n->scope != last) found = named_scope(x, n->scope);
        last = n->scope; /* texts are kept once: the same scope is the same pointer */
        if (x->phase[i] == AN_PHASE_FORWARD && !an_node_is_leaf(n)) x->scope[i] = found;
    }
}

static void keep(const recomputing *x, uint32_t value)
{
    if (value) x->kept[value] = true;
}

/* Whatever is read from outside the scope, but for gradients; and what no scope holds. */
static void find_kept(const recomputing *x)
{
    const an_graph *g = x->rw->from;
    for (int64_t i = 1; i <= g->node_count; i++) {
        const an_node *n = &g->nodes[i];
        for (int k = 0; k < n->outputs; k++)
            if (!x->scope[i]) keep(x, n->first + (uint32_t)k);
        for (int j = 0; j < n->inputs && x->phase[i] != AN_PHASE_BACKWARD; j++)
            if (n->in[j] && x->scope[g->slots[n->in[j]].node] != x->scope[i]) keep(x, n->in[j]);
    }
    for (int64_t i = 0; i < g->output_count; i++) keep(x, g->outputs[i].value);
    for (int64_t i = 0; i < g->commit_count; i++) {
        keep(x, g->commits[i].value);
        keep(x, g->commits[i].witness);
    }
}

/* ---- copies ------------------------------------------------------------ */

static void copy_again(recomputing *x, uint32_t number)
{
    const an_node *n = &x->rw->from->nodes[number];
    const an_from from = {.how = x->rw->pass, .count = 1, .of = &n->ordinal};
    const uint32_t first = an_rewrite_copy_reading(x->rw, number, x->late, &from);
    for (int k = 0; k < n->outputs; k++)
        if (!x->kept[n->first + (uint32_t)k]) x->late[n->first + (uint32_t)k] = first + (uint32_t)k;
    x->copies++;
}

/* Copies the node that makes `value` and all of its scope that it needs, operands first. */
static void copy_cone(recomputing *x, uint32_t value)
{
    const an_graph *g = x->rw->from;
    int64_t depth = 0;
    x->stack[depth] = g->slots[value].node;
    x->operand[depth++] = 0;
    while (depth > 0 && an_graph_status(x->rw->to) == AN_OK) {
        const an_node *n = &g->nodes[x->stack[depth - 1]];
        const uint32_t j = x->operand[depth - 1]++;
        if ((int)j == n->inputs) {
            copy_again(x, x->stack[--depth]);
        } else if (n->in[j] && !x->late[n->in[j]]) {
            x->stack[depth] = g->slots[n->in[j]].node;
            x->operand[depth++] = 0;
        }
    }
}

static void copy_backward(recomputing *x, uint32_t number)
{
    const an_node *n = &x->rw->from->nodes[number];
    for (int j = 0; j < n->inputs; j++)
        if (n->in[j] && !x->late[n->in[j]]) copy_cone(x, n->in[j]);
    const uint32_t first = an_rewrite_copy_reading(x->rw, number, x->late, NULL);
    if (first) an_rewrite_replace(x->rw, number, first);
}

static bool copy_node(an_rewrite *rw, uint32_t number, void *context)
{
    recomputing *x = context;
    const an_node *n = &rw->from->nodes[number];
    if (x->phase[number] == AN_PHASE_BACKWARD) copy_backward(x, number);
    else an_rewrite_copy(rw, number);
    for (int k = 0; k < n->outputs; k++) {
        const uint32_t v = n->first + (uint32_t)k;
        if (x->kept[v]) x->late[v] = rw->value[v];
    }
    return true;
}

/* ---- the pass ---------------------------------------------------------- */

static bool begin(recomputing *x, an_arena *a)
{
    const int64_t nodes = x->rw->from->node_count + 1, values = x->rw->from->slot_count + 1;
    x->phase = an_arena_alloc(a, nodes);
    x->scope = an_arena_alloc(a, nodes * (int64_t)sizeof *x->scope);
    x->kept = an_arena_alloc(a, values);
    x->late = an_arena_alloc(a, values * (int64_t)sizeof *x->late);
    x->stack = an_arena_alloc(a, nodes * (int64_t)sizeof *x->stack);
    x->operand = an_arena_alloc(a, nodes * (int64_t)sizeof *x->operand);
    return x->phase && x->scope && x->kept && x->late && x->stack && x->operand &&
           an_graph_phases(x->rw->from, x->phase);
}

/* A name that is no scope's is a mistake; one whose values no gradient reads is not. */
static an_status no_scope(const an_rewrite *rw)
{
    an_text nearest = {0};
    an_guess guess = {.word = rw->argument};
    for (int64_t i = 1; i <= rw->from->node_count; i++)
        an_guess_try(&guess, rw->from->nodes[i].scope);
    an_guess_print(&guess, &nearest);
    an_graph_fail(rw->to, (an_at){0}, AN_E_NAME, "no scope is named \"%s\"%s", rw->argument,
                  an_text_view(&nearest));
    an_text_free(&nearest);
    return AN_E_NAME;
}

an_status an_pass_recompute(an_rewrite *rw)
{
    an_arena scrap = {0};
    recomputing x = {.rw = rw};
    const bool ready = begin(&x, &scrap);
    an_status status =
        ready ? AN_OK : an_graph_fail(rw->to, (an_at){0}, AN_E_MEMORY, "out of memory");
    int64_t inside = 0;
    if (ready) {
        find_scopes(&x);
        find_kept(&x);
        for (int64_t i = 1; i <= rw->from->node_count; i++) inside += x.scope[i] != NULL;
        status = inside > 0 ? an_rewrite_each(rw, copy_node, &x) : no_scope(rw);
    }
    for (int64_t i = 1; status == AN_OK && i <= rw->from->node_count; i++) {
        if (!x.scope[i]) continue;
        an_rewrite_note(rw, &rw->from->nodes[i], "",
                        "of %lld nodes in scopes \"%s\" %lld are computed again for gradients",
                        (long long)inside, rw->argument, (long long)x.copies);
        break;
    }
    an_arena_free(&scrap);
    return status;
}
