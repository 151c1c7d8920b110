/* prove_report.c -- where an unproved pair of graphs stops matching.
 *
 * Nothing here decides. From the roots that do not meet, couples of values are
 * followed towards the leaves, operand by operand, as long as both are unknown to
 * the other graph. Where that ends, the couple differs by itself - in its op, an
 * attribute, or an operand that both graphs know - and the earliest such couple in
 * the first graph is what the report blames. Each value is followed once.    */
#include "graph/equal/proof/prover.h"

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
    here = !an_attrs_equal(m->op, m->attrs, n->attrs) || m->inputs == 0 ||
           (m->op->opaque && !an_results_alike(g, m, n));
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

