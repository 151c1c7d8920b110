/* locate.c -- does a single difference explain why two values are not one?
 *
 * A couple of values is *located* at a couple further down if it would be one value
 * were those: both apply the same op with the same attributes, and whatever operands are
 * not proved equal are located at that same place. A place is a couple that applies the
 * same op to operands all of which are proved equal, and differs in an attribute; or two
 * leaves or literals; or two results of one node. Several places are none: (x * 3) * 5 and
 * (x * 5) * 3 differ in two literals, and may yet be equal.
 *
 * A couple is judged once, whoever reads it, so the work is linear. A value that would have
 * to be equal to two others is located nowhere.                              */
#include "graph/equal/proof/prover.h"

typedef struct verdict {
    uint32_t partner;   /* the value of the second graph that it should be; 0: not met yet */
    bool judged;
    an_couple place, reader; /* where it is located, and who reads that; a 0: nowhere, a root */
} verdict;

typedef struct locator {
    const an_prover *p;
    verdict *of; /* per value of the value graph: first of a couple */
    an_couple *stack;
    int64_t depth, capacity;
} locator;

/* Puts a couple on the stack unless it is judged; false if memory is out. */
static bool visit(locator *l, an_couple c, bool *waits)
{
    verdict *v = &l->of[c.a];
    if (v->partner && v->partner != c.b) v->judged = true, v->place = (an_couple){0, 0};
    if (!v->partner) v->partner = c.b;
    if (v->judged) return true;
    *waits = true;
    if (!AN_GROW(l->stack, l->capacity, l->depth + 1)) return false;
    l->stack[l->depth++] = c;
    return true;
}

static bool is_place(const locator *l, an_couple c, const an_node *m, const an_node *n)
{
    const an_values *v = &l->p->values;
    if (m == n) return true; /* two results of one node */
    if (m->inputs == 0) return m->op == n->op;
    if (an_attrs_equal(m->op, m->attrs, n->attrs)) return false;
    for (int i = 0; i < m->inputs; i++)
        if (an_operand(v, m, i) != an_operand(v, n, i)) return false;
    return v->graph->slots[c.a].index == v->graph->slots[c.b].index;
}

static bool are_alike(const locator *l, an_couple c, const an_node *m, const an_node *n)
{
    const an_slot *slots = l->p->values.graph->slots;
    return m->op == n->op && m->inputs == n->inputs && slots[c.a].index == slots[c.b].index;
}

/* Judges the couple, or puts operands on the stack that have to be judged before. */
static bool judge(locator *l, an_couple c)
{
    const an_values *v = &l->p->values;
    const an_node *m = an_node_of(v->graph, c.a), *n = an_node_of(v->graph, c.b);
    verdict *own = &l->of[c.a];
    an_couple place = {0, 0}, reader = {0, 0};
    bool waits = false, good = are_alike(l, c, m, n);
    if (m == n || (good && is_place(l, c, m, n))) {
        place = c;
    } else if (good && an_attrs_equal(m->op, m->attrs, n->attrs)) {
        const bool crossed = an_prove_is_crossed(l->p, m, n);
        for (int i = 0; i < m->inputs && good; i++) {
            const an_couple next = {an_operand(v, m, i),
                                    an_operand(v, n, crossed && i < 2 ? 1 - i : i)};
            if (next.a == next.b) continue;
            good = next.a && next.b;
            if (good && !visit(l, next, &waits)) return false;
            if (!good || waits) continue;
            const verdict *w = &l->of[next.a];
            good = w->place.a && (!place.a || place.a == w->place.a);
            place = w->place;
            reader = w->reader.a ? w->reader : c;
        }
        if (waits && good) return true;
    }
    own->judged = true;
    if (good || place.a == c.a) own->place = place, own->reader = reader;
    l->depth--;
    return true;
}

/* The place of root couple c, and who reads it there. */
static bool locate(locator *l, an_couple c, an_couple *place, an_couple *reader)
{
    bool waits = false;
    l->depth = 0;
    if (!visit(l, c, &waits)) return false;
    while (l->depth > 0)
        if (l->of[l->stack[l->depth - 1].a].judged) l->depth--;
        else if (!judge(l, l->stack[l->depth - 1])) return false;
    *place = l->of[c.a].place;
    *reader = l->of[c.a].reader;
    return true;
}

an_status an_prove_locate(an_prover *p)
{
    locator l = {.p = p};
    l.of = an_alloc_zeroed((p->values.graph->slot_count + 1) * (int64_t)sizeof *l.of);
    bool good = l.of != NULL;
    uint32_t earliest = 0;
    for (int64_t i = 0; i < p->open_count && good; i++) {
        an_couple found = {0, 0}, by = {0, 0};
        good = locate(&l, p->open[i], &found, &by);
        const uint32_t at = found.a ? p->values.known[found.a].node[0] : 0;
        if (!good || !found.a || (earliest && earliest <= at)) continue;
        earliest = at;
        p->place = found;
        p->reader = by;
    }
    an_free(l.of);
    an_free(l.stack);
    return good ? AN_OK : an_prove_no_memory(p);
}
