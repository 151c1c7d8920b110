/* prove_report.c -- where an unproved pair of graphs stops matching.
 *
 * Nothing here decides. From the roots that do not meet, couples of values are
 * followed towards the leaves, operand by operand, as long as both are unknown to
 * the other graph. Where that ends, the couple differs by itself - in its op, an
 * attribute, or an operand that both graphs know - and the earliest such couple in
 * the first graph is what the report blames. Each value is followed once.    */
#include "graph/equal/prover.h"

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
    if (!an_axiom_commutes(m->op) && m->op != AN_OP_residual_add) return false;
    const uint32_t a = an_prove_reads(p, where_m, m, 0), b = an_prove_reads(p, where_m, m, 1);
    const uint32_t c = an_prove_reads(p, where_n, n, 0), d = an_prove_reads(p, where_n, n, 1);
    if (a == c || b == d) return false;
    if (a == d || b == c) return true;
    const an_graph *g = p->values.graph;
    const int op_a = an_node_of(g, a)->op, op_b = an_node_of(g, b)->op;
    const int op_c = an_node_of(g, c)->op, op_d = an_node_of(g, d)->op;
    return op_a == op_d && op_b == op_c && (op_a != op_c || op_b != op_d);
}

bool an_prove_is_crossed(const an_prover *p, const an_node *m, const an_node *n)
{
    return an_prove_crosses(p, AN_PROVE_VALUES, m, AN_PROVE_VALUES, n);
}

/* Where the search stands: the earliest couple so far that differs by itself. */
typedef struct search {
    an_prover *p;
    an_couple first;
    uint32_t at; /* its node in the first graph; 0: none yet */
} search;

static void blame(search *s, an_couple c)
{
    const uint32_t at = s->p->values.known[c.a].node[0];
    if (s->at && s->at <= at) return;
    s->first = c;
    s->at = at;
}

/* Blames the couple if it differs by itself; else, or if it may have inherited a
 * difference as well, puts its operands on the list. */
static an_status look(search *s, an_couple c)
{
    an_prover *p = s->p;
    const an_graph *g = p->values.graph;
    const an_node *m = an_node_of(g, c.a), *n = an_node_of(g, c.b);
    bool here = m->op != n->op || g->slots[c.a].index != g->slots[c.b].index;
    if (here || m->inputs != n->inputs) {
        blame(s, c);
        return AN_OK;
    }
    here = !an_attrs_equal(m->op, m->attrs, n->attrs) || m->inputs == 0;
    const bool crossed = an_prove_crosses(p, AN_PROVE_VALUES, m, AN_PROVE_VALUES, n);
    for (int i = 0; i < m->inputs; i++) {
        const an_couple next = {an_operand(&p->values, m, i),
                             an_operand(&p->values, n, crossed && i < 2 ? 1 - i : i)};
        if (next.a == next.b) continue;
        if (!next.a || !next.b || an_prove_is_shared(p, next.a) || an_prove_is_shared(p, next.b)) {
            here = true;
        } else if (!p->values.known[next.a].paired) {
            p->values.known[next.a].paired = true;
            if (an_prove_doubt(p, next) != AN_OK) return p->proof->status;
        }
    }
    if (here) blame(s, c);
    return AN_OK;
}

/* ---- the search -------------------------------------------------------- */

an_status an_prove_search(an_prover *p)
{
    search s = {.p = p};
    an_couple wrong = {0, 0}; /* a root that names another value which both graphs have */
    an_status status = AN_OK;
    for (int64_t i = 0; i < p->open_count && status == AN_OK; i++) {
        const an_couple c = p->open[i];
        if (an_prove_is_shared(p, c.a) && an_prove_is_shared(p, c.b)) wrong = c;
        else status = look(&s, c);
    }
    if (status != AN_OK) return status;
    p->proof->located = p->place.a || !s.at;
    if (p->place.a) an_prove_explain_place(p, p->place, p->reader);
    else if (s.at) an_prove_explain(p, s.first);
    else an_prove_explain_root(p, wrong);
    return an_prove_add_stops(p);
}

