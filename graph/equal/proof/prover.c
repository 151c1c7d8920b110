/* prover.c -- what the prover's files share: giving up, saying so, reading operands.  */
#include "graph/equal/proof/prover.h"

#include <stdarg.h>
#include <stdio.h>

an_status an_prove_doubt(an_prover *p, an_couple c)
{
    if (!AN_GROW(p->open, p->open_capacity, p->open_count + 1))
        return an_prove_no_memory(p);
    p->open[p->open_count++] = c;
    return AN_OK;
}

void an_prove_differ(an_prover *p, const char *kind, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    p->proof->kind = kind;
    vsnprintf(p->proof->difference, sizeof p->proof->difference, format, arguments);
    va_end(arguments);
    if (an_is_lost(p->proof->difference)) an_prove_no_memory(p);
}

an_status an_prove_give_up(an_prover *p, an_status status, const char *why)
{
    if (p->proof->status != AN_OK) return p->proof->status;
    snprintf(p->proof->message, sizeof p->proof->message, "not tried: %.900s", why);
    p->proof->difference[0] = 0;
    return p->proof->status = status;
}

an_status an_prove_no_memory(an_prover *p)
{
    return an_prove_give_up(p, AN_E_MEMORY, "out of memory");
}

an_status an_prove_check(an_prover *p, const an_graph *g)
{
    const an_status status = an_graph_status(g);
    return status == AN_OK ? AN_OK : an_prove_give_up(p, status, an_graph_message(g));
}

/* ---- what stops matching ----------------------------------------------- */

uint32_t an_prove_reads(const an_prover *p, int where, const an_node *n, int i)
{
    if (where == AN_PROVE_VALUES) return an_operand(&p->values, n, i);
    return n->in[i] ? p->normal[where][n->in[i]] : 0;
}

bool an_prove_is_shared(const an_prover *p, uint32_t value)
{
    return p->values.known[value].value[0] && p->values.known[value].value[1];
}

/* One of them is the same value, or else they look more alike that way. */
bool an_prove_crosses(const an_prover *p, int where_m, const an_node *m, int where_n,
                      const an_node *n)
{
    if (!an_axiom_commutes(m) && !an_is_op(m, AN_OP_residual_add)) return false;
    const uint32_t a = an_prove_reads(p, where_m, m, 0), b = an_prove_reads(p, where_m, m, 1);
    const uint32_t c = an_prove_reads(p, where_n, n, 0), d = an_prove_reads(p, where_n, n, 1);
    if (a == c || b == d) return false;
    if (a == d || b == c) return true;
    const an_graph *g = p->values.graph;
    const an_op_info *op_a = an_node_of(g, a)->op, *op_b = an_node_of(g, b)->op;
    const an_op_info *op_c = an_node_of(g, c)->op, *op_d = an_node_of(g, d)->op;
    return op_a == op_d && op_b == op_c && (op_a != op_c || op_b != op_d);
}

bool an_prove_is_crossed(const an_prover *p, const an_node *m, const an_node *n)
{
    return an_prove_crosses(p, AN_PROVE_VALUES, m, AN_PROVE_VALUES, n);
}
