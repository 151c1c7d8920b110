/* aim.c -- looks for data that shows a difference which a proof has located.
 *
 * Equal bits on ordinary data say little of an attribute that is one step off; the proof says
 * where to look, so the trial goes on with data made for it until an output, gradient or update
 * differs. That is a witness, and the same seed finds it again.              */
#include "graph/equal/trial.h"

#include "ops/access.h"

#define SEEDS 8         /* of all variants, where the graphs are small */
#define WORK (1 << 24)  /* elements that a further seed may cost; the first costs what it costs */

/* ---- what differs, as numbers ------------------------------------------ */

static bool number_of(const an_attrs *a, int id, double *value)
{
    switch (id) {
    case AN_ATTR_eps: *value = a->eps; return true;
    case AN_ATTR_rate: *value = a->rate; return true;
    case AN_ATTR_threshold: *value = a->threshold; return true;
    case AN_ATTR_value: *value = a->value; return true;
    default: return false;
    }
}

/* The first element that differs of two literals. */
static void read_literals(const an_attrs *a, const an_attrs *b, double at[2])
{
    const an_tensor x = {.dtype = a->dtype, .data = (void *)a->data.bytes};
    const an_tensor y = {.dtype = b->dtype, .data = (void *)b->data.bytes};
    for (int64_t i = 0; i < a->data.count && i < b->data.count; i++) {
        at[0] = an_get(&x, i);
        at[1] = an_get(&y, i);
        if (at[0] != at[1]) return;
    }
}

/* The two values between which data is to lie; 0 and 1 if what differs is no number. */
static void read_place(const an_trial *t, double at[2])
{
    const an_place *place = t->result->proof.at;
    at[0] = 0;
    at[1] = 1;
    if (!place[0].op || !place[1].op) return;
    const an_node *m = &t->side[0].g->nodes[place[0].node];
    const an_node *n = &t->side[1].g->nodes[place[1].node];
    if (m->op != n->op) return;
    if (an_node_is_constant(m)) read_literals(m->attrs, n->attrs, at);
    const int id = an_attrs_difference(m->op, m->attrs, n->attrs);
    double found[2];
    if (!number_of(m->attrs, id, &found[0]) || !number_of(n->attrs, id, &found[1])) return;
    at[0] = found[0];
    at[1] = found[1];
}

/* ---- the search -------------------------------------------------------- */

static int seeds_for(const an_trial *t)
{
    int64_t elements = 1;
    for (int64_t i = 1; i <= t->side[0].g->slot_count && elements < WORK; i++)
        elements += an_tensor_count(&t->side[0].e.value[i]);
    return elements > WORK / SEEDS ? 1 : SEEDS;
}

/* An id that was computed may leave its table on such data: that draw shows nothing. */
static void pass_over(an_trial *t)
{
    an_evaluation *const e[] = {&t->side[0].e, &t->side[1].e, &t->truth[0].e, &t->truth[1].e};
    for (int i = 0; i < 4; i++) {
        an_error_clear(&e[i]->error);
        atomic_store(&e[i]->fault.raised, false);
    }
    an_error_clear(&t->error);
}

an_status an_trial_aim(an_trial *t)
{
    an_equivalence *r = t->result;
    if (an_proof_says(&r->proof) != AN_PROOF_LOCATED || an_trial_is_witnessed(t)) return AN_OK;
    an_draw draw = {.data = AN_DATA_AIMED};
    read_place(t, draw.at);
    const int variants = an_trial_variants(AN_DATA_AIMED), seeds = seeds_for(t);
    an_status status = AN_OK;
    for (int k = 0; k < seeds * variants && status == AN_OK && !r->aimed; k++) {
        draw.variant = k % variants;
        draw.seed = t->args->seed + (uint64_t)(k / variants);
        status = an_trial_round(t, &draw, an_trial_compare);
        if (status == AN_E_DATA) pass_over(t), status = AN_OK;
        if (an_trial_is_witnessed(t)) r->aimed = an_trial_variant_name(AN_DATA_AIMED, draw.variant);
        r->aimed_seed = draw.seed;
    }
    return status;
}
