/* match.c -- which values of two graphs are the same, read off a finished proof.
 *
 * Both that settled to one normal form are. Where roots did not meet, the couples
 * that the search for the difference has followed are those that should have been
 * one; they are listed too, so that numbers can say where a fault comes in.  */
#include "graph/equal/proof/match.h"
#include "graph/equal/proof/prover.h"

static an_status list_one(an_prover *p, uint32_t a, uint32_t b, bool proved)
{
    an_matches *m = p->matches;
    if (!AN_GROW(m->at, m->capacity, m->count + 1)) return an_prove_no_memory(p);
    m->at[m->count++] = (an_match){{a, b}, proved};
    return AN_OK;
}

an_status an_prove_list(an_prover *p)
{
    if (!p->matches || !p->normal[0] || !p->normal[1]) return AN_OK;
    const an_known *known = p->values.known;
    const int64_t count = p->side[0]->slot_count;
    uint32_t *coupled = an_alloc_zeroed((count + 1) * (int64_t)sizeof *coupled);
    if (!coupled) return an_prove_no_memory(p);
    for (int64_t i = 0; i < p->open_count; i++) {
        const uint32_t a = known[p->open[i].a].value[0], b = known[p->open[i].b].value[1];
        if (a && !coupled[a]) coupled[a] = b;
    }
    an_status status = AN_OK;
    for (uint32_t a = 1; (int64_t)a <= count && status == AN_OK; a++) {
        const uint32_t normal = p->normal[0][a]; /* 0 where a leaf stopped the proof */
        const uint32_t same = normal ? known[normal].value[1] : 0;
        if (same || coupled[a]) status = list_one(p, a, same ? same : coupled[a], same != 0);
    }
    an_free(coupled);
    return status;
}
