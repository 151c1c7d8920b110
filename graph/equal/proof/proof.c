/* proof.c -- what users see of a proof. Needs nothing but the prover.         */
#include "graph/equal/proof/proof.h"

void an_proof_free(an_proof *p)
{
    if (!p) return;
    an_arena_free(&p->arena);
    an_free(p);
}

an_proof_answer an_proof_says(const an_proof *p)
{
    if (an_proof_holds(p)) return AN_PROOF_PROVED;
    if (p && (p->proved || p->reals)) return AN_PROOF_REALS;
    return p && p->located ? AN_PROOF_LOCATED : AN_PROOF_UNPROVED;
}

const char *an_proof_answer_name(an_proof_answer a)
{
    static const char *const names[] = {"unproved", "located", "reals", "proved"};
    return (unsigned)a < sizeof names / sizeof *names ? names[a] : "?";
}

bool an_proof_holds(const an_proof *p)
{
    return p && p->proved && !p->rounds;
}

const char *an_proof_given(const an_proof *p)
{
    return p ? p->given : "";
}

an_status an_proof_status(const an_proof *p)
{
    return p ? p->status : AN_E_MEMORY;
}

const char *an_proof_message(const an_proof *p)
{
    return p ? p->message : "failed: out of memory";
}

int64_t an_proof_roots(const an_proof *p)
{
    return p ? p->roots : 0;
}

int64_t an_proof_met(const an_proof *p)
{
    return p ? p->met : 0;
}

const an_proof_rule *an_proof_rule_at(const an_proof *p, int64_t i)
{
    return p && i >= 0 && i < p->rules ? &p->rule[i] : NULL;
}

const char *an_proof_root(const an_proof *p)
{
    return p ? p->root : "";
}

const an_place *an_proof_place(const an_proof *p, int graph)
{
    return p && (graph == 0 || graph == 1) && p->at[graph].op ? &p->at[graph] : NULL;
}

const char *an_proof_kind(const an_proof *p)
{
    return p ? p->kind : "";
}

const char *an_proof_difference(const an_proof *p)
{
    return p ? p->difference : "";
}
