/* result.c -- what users see of an equivalence and of a check of gradients.
 *
 * A result that is not there for want of memory reads as a failure.           */
#include "graph/equal/result.h"

static const char no_memory[] = "failed: out of memory";

/* ---- equivalences ------------------------------------------------------ */

void an_equivalence_free(an_equivalence *e)
{
    if (!e) return;
    an_free(e->compared);
    an_free(e->inner);
    an_graph_free(e->owned[0]);
    an_graph_free(e->owned[1]);
    an_optimised_free(e->optimised);
    an_arena_free(&e->proof.arena);
    an_arena_free(&e->arena);
    an_free(e);
}

const char *an_verdict_name(an_verdict v)
{
    static const char *const names[] = {"bitwise",   "rounding", "suspect",
                                        "different", "vacuous",  "failed"};
    return (unsigned)v < sizeof names / sizeof *names ? names[v] : "?";
}

const char *an_rung_name(an_rung r)
{
    static const char *const names[] = {"proved",  "reals",     "bitwise", "rounding",
                                        "suspect", "different", "refused", "failed"};
    return (unsigned)r < sizeof names / sizeof *names ? names[r] : "?";
}

an_rung an_equivalence_rung(const an_equivalence *e)
{
    return e ? e->rung : AN_RUNG_FAILED;
}

bool an_equivalence_holds(const an_equivalence *e, an_rung least)
{
    const bool shown = e && (e->verdict != AN_VACUOUS || e->rung == AN_RUNG_PROVED);
    return shown && e->rung <= least && e->rung < AN_RUNG_REFUSED;
}

an_verdict an_equivalence_numbers(const an_equivalence *e)
{
    return e ? e->verdict : AN_FAILED;
}

const char *an_equivalence_message(const an_equivalence *e)
{
    return e ? e->message : no_memory;
}

const an_compared *an_equivalence_compared(const an_equivalence *e, int64_t i)
{
    return e && i >= 0 && i < e->compared_count ? &e->compared[i] : NULL;
}

const an_compared *an_equivalence_worst(const an_equivalence *e)
{
    return e ? an_equivalence_compared(e, e->worst) : NULL;
}

const an_inner *an_equivalence_inner(const an_equivalence *e, int64_t i)
{
    return e && i >= 0 && i < e->inner_count ? &e->inner[i] : NULL;
}

const char *an_equivalence_aimed(const an_equivalence *e, uint64_t *seed)
{
    if (!e || !e->aimed) return NULL;
    if (seed) *seed = e->aimed_seed;
    return e->aimed;
}

an_status an_equivalence_status(const an_equivalence *e)
{
    return e ? e->status : AN_E_MEMORY;
}

int64_t an_equivalence_memory(const an_equivalence *e)
{
    return e ? e->bytes : 0;
}

int64_t an_equivalence_inners(const an_equivalence *e)
{
    return e ? e->inner_count : 0;
}

int64_t an_equivalence_inners_different(const an_equivalence *e)
{
    return e ? e->inner_different : 0;
}

const an_divergence *an_equivalence_divergence(const an_equivalence *e)
{
    return e && e->divergence.at[1].op ? &e->divergence : NULL;
}

const an_check *an_equivalence_check(const an_equivalence *e, int64_t i)
{
    return e && i >= 0 && i < e->checks ? &e->shown[i] : NULL;
}

const an_optimised *an_equivalence_optimised(const an_equivalence *e)
{
    return e ? e->optimised : NULL;
}

const an_proof *an_equivalence_proof(const an_equivalence *e)
{
    return e ? &e->proof : NULL;
}

const an_graph *an_equivalence_graph(const an_equivalence *e, int graph)
{
    return e && (graph == 0 || graph == 1) ? e->graph[graph] : NULL;
}

int64_t an_equivalence_fused(const an_equivalence *e)
{
    return e ? e->fused_forward : 0;
}

int64_t an_equivalence_fused_backward(const an_equivalence *e)
{
    return e ? e->fused_backward : 0;
}

int64_t an_equivalence_bytes_saved(const an_equivalence *e)
{
    return e ? e->bytes_saved : 0;
}

/* ---- checks of gradients ----------------------------------------------- */

void an_gradient_check_free(an_gradient_check *c)
{
    an_free(c);
}

an_status an_gradient_check_status(const an_gradient_check *c)
{
    return c ? c->status : AN_E_MEMORY;
}

const char *an_gradient_check_message(const an_gradient_check *c)
{
    return c ? c->message : no_memory;
}

double an_gradient_check_worst(const an_gradient_check *c)
{
    return c ? c->worst : 0;
}

const char *an_gradient_check_where(const an_gradient_check *c)
{
    return c ? c->where : "";
}

double an_gradient_check_analytic(const an_gradient_check *c)
{
    return c ? c->analytic : 0;
}

double an_gradient_check_numeric(const an_gradient_check *c)
{
    return c ? c->numeric : 0;
}

int64_t an_gradient_check_tried(const an_gradient_check *c)
{
    return c ? c->tried : 0;
}

int64_t an_gradient_check_passed_over(const an_gradient_check *c)
{
    return c ? c->passed_over : 0;
}
