/* local.c -- values inside both graphs, and where an error comes in.
 *
 * A value of the second graph may be off because its own node errs, or because what it
 * was given was off already. So the nodes that make it are run again on the *first*
 * graph's values, cut at the values that have a partner: what still differs then is
 * made there. The earliest such pair is what a report blames.                */
#include "graph/equal/apart.h"
#include "graph/equal/proof/place.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- values inside ----------------------------------------------------- */

an_status an_check_values(an_trial *t, an_check_row *row)
{
    an_equivalence *r = t->result;
    for (int64_t i = 0; i < r->inner_count; i++) {
        an_inner *inner = &r->inner[i];
        an_compared c;
        an_compare_begin(&c, "value", "");
        const an_judge judge = {.truth = &t->truth[0].e.value[inner->value[0]],
                                .ulps = an_trial_ulps(t),
                                .exact = t->args->data == AN_DATA_EXACT};
        c.degenerate = false; /* not asked for here */
        an_compare_tensors(&c, &t->side[0].e.value[inner->value[0]],
                           &t->side[1].e.value[inner->value[1]], &judge);
        row->tried += t->round == 0 && t->step == 0;
        if (c.different == 0 && c.verdict == AN_BITWISE) continue;
        const an_graph *g = t->side[1].g;
        char where[360];
        an_place_words(g, g->slots[inner->value[1]].node, inner->value[1], where, sizeof where);
        if (!inner->different && inner->proved) /* an unproved pair need not be equal */
            an_check_fail(row, c.verdict, "%.300s differs in %lld of %lld elements", where,
                          (long long)c.different, (long long)c.count);
        r->inner_different += !inner->different;
        inner->different = c.different > inner->different ? c.different : inner->different;
        if (c.verdict > inner->verdict) inner->verdict = c.verdict;
        if (!(c.max_ulp <= inner->max_ulp)) inner->max_ulp = c.max_ulp;
    }
    return AN_OK;
}

/* ---- running a part again ---------------------------------------------- */

typedef struct rerun {
    an_trial *t;
    an_evaluation e; /* of the second graph, on the first one's operands */
    bool *needed;    /* per node of the second graph */
} rerun;

/* What makes `value`, back to values with a partner; those get the partner's values. */
static void mark(rerun *x, uint32_t value)
{
    const an_graph *g = x->e.graph;
    const uint32_t last = g->slots[value].node;
    memset(x->needed, 0, (size_t)g->node_count + 1);
    x->needed[last] = true;
    for (uint32_t i = last; i > 0; i--) {
        const an_node *n = &g->nodes[i];
        for (int k = 0; x->needed[i] && k < n->inputs; k++) {
            const uint32_t in = n->in[k], partner = in ? x->t->partner[1][in] : 0;
            if (!in) continue;
            an_tensor *to = &x->e.value[in];
            const an_tensor *from = &x->t->side[0].e.value[partner];
            if (partner && from->dtype == to->dtype) /* `needed` only after all its users */
                memcpy(to->data, from->data, (size_t)an_tensor_bytes(to));
            else
                x->needed[g->slots[in].node] = true;
        }
    }
}

static an_status run_again(rerun *x, uint32_t value)
{
    an_status status = AN_OK;
    mark(x, value);
    for (uint32_t i = 1; i <= x->e.graph->slots[value].node && status == AN_OK; i++)
        if (x->needed[i]) status = an_evaluation_node(&x->e, i);
    return status;
}

static an_status open_rerun(rerun *x, an_trial *t)
{
    const an_evaluation *like = &t->side[1].e;
    *x = (rerun){.t = t};
    x->needed = an_alloc_zeroed(t->side[1].g->node_count + 1);
    if (!x->needed) return AN_E_MEMORY;
    const an_status status = an_evaluation_begin(&x->e, t->side[1].g, like->bound);
    for (int64_t i = 0; i < x->e.graph->leaf_count && status == AN_OK; i++) {
        const uint32_t id = x->e.graph->leaves[i].value;
        memcpy(x->e.value[id].data, like->value[id].data,
               (size_t)an_tensor_bytes(&x->e.value[id]));
    }
    return status;
}

static void close_rerun(rerun *x)
{
    an_evaluation_free(&x->e);
    an_free(x->needed);
}

/* ---- the first divergence ---------------------------------------------- */

/* Which graph is farther from f64 at the element that is worst: the first graph's node is
 * computed in f64 on its own operands, which were the operands of both. */
static int farther(an_trial *t, uint32_t value, const an_compared *c)
{
    an_trial_side *s = &t->side[0];
    const an_node *n = an_node_of(s->g, value);
    if (n->inputs == 0 || c->worst < 0) return -1;
    an_apart p;
    an_status status = an_apart_open(&p, s, s->g->slots[value].node);
    if (status == AN_OK) status = an_apart_run(&p, s, s->g->slots[value].node);
    const an_tensor *result = &p.out[s->g->slots[value].index];
    const double truth = status == AN_OK ? an_tensor_get(result, c->worst) : NAN;
    if (status == AN_E_MEMORY) an_fail(&t->error, status, "out of memory");
    an_apart_close(&p);
    const double x = fabs(c->worst_a - truth), y = fabs(c->worst_b - truth);
    return x == y || isnan(truth) ? -1 : !(y <= x);
}

static void blame(an_trial *t, const uint32_t value[2], const an_compared *local,
                  const an_compared *whole)
{
    an_divergence *d = &t->result->divergence;
    for (int s = 0; s < 2; s++)
        if (!an_place_set(&d->at[s], &t->result->arena, t->side[s].g,
                          t->side[s].g->slots[value[s]].node, value[s]))
            an_fail(&t->error, AN_E_MEMORY, "out of memory");
    d->verdict = local->verdict;
    d->local_ulp = local->max_ulp;
    d->total_ulp = whole->max_ulp;
    d->farther = t->result->proof.proved ? farther(t, value[0], local) : -1;
}

static void compare(an_trial *t, const uint32_t value[2], const an_tensor *b, an_compared *c)
{
    const an_judge judge = {.ulps = an_trial_ulps(t), .exact = t->args->data == AN_DATA_EXACT};
    an_compare_begin(c, "value", "");
    an_compare_tensors(c, &t->side[0].e.value[value[0]], b, &judge);
}

/* Sees one pair; a worse kind of error takes the blame over from a lesser, earlier one. */
static an_status look(rerun *x, const uint32_t value[2])
{
    an_trial *t = x->t;
    an_divergence *d = &t->result->divergence;
    an_compared whole, local;
    compare(t, value, &t->side[1].e.value[value[1]], &whole);
    if (whole.verdict == AN_BITWISE) return AN_OK;
    const an_status status = run_again(x, value[1]);
    if (status != AN_OK) return status;
    compare(t, value, &x->e.value[value[1]], &local);
    if (local.verdict == AN_BITWISE) d->inherited++;
    else if (!d->at[1].op || (d->verdict == AN_ROUNDING && local.verdict > AN_ROUNDING))
        blame(t, value, &local, &whole);
    return AN_OK;
}

static void say(an_trial *t)
{
    an_equivalence *r = t->result;
    an_divergence *d = &r->divergence;
    static const char *const who[] = {"; of the two graphs' values the second one's",
                                      "; of the two graphs' values the first one's"};
    char a[360], b[360];
    if (!d->at[1].op) return;
    an_place_describe(&d->at[0], a, sizeof a);
    an_place_describe(&d->at[1], b, sizeof b);
    d->message = an_kept(an_arena_printf(
        &r->arena,
             "%.150s and %.150s differ by themselves, by %.3g ulp on the same operands "
             "(%.3g with what they were given)%s%s; %lld later values only inherit",
             a, b, d->local_ulp, d->total_ulp, d->farther < 0 ? "" : who[d->farther],
             d->farther < 0 ? "" : " is nearer to f64", (long long)d->inherited));
    if (!d->message[0]) an_fail(&t->error, AN_E_MEMORY, "out of memory");
}

an_status an_trial_divergence(an_trial *t)
{
    an_equivalence *r = t->result;
    rerun x;
    an_status status = open_rerun(&x, t);
    for (int64_t i = 0; i < r->inner_count && status == AN_OK; i++)
        status = look(&x, r->inner[i].value);
    for (int64_t i = 0; i < r->compared_count && status == AN_OK; i++)
        if (t->partner[1][t->pairs[i].value[1]] != t->pairs[i].value[0])
            status = look(&x, t->pairs[i].value);
    if (status != AN_OK)
        an_fail(&t->error, status, "%.400s",
                x.e.error.status != AN_OK ? x.e.error.text : "out of memory");
    close_rerun(&x);
    say(t);
    return status == AN_OK ? t->error.status : status;
}
