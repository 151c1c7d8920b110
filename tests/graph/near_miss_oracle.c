/* near_miss_oracle.c -- what fuse_add_norm must do with a recipe, from the recipe.
 *
 * Dependence is a closure of bit masks: needs[i] holds every step that step i needs,
 * itself included. A pair that fuses becomes one step, so whatever needs either of
 * the two needs all that both need.                                          */
#include "tests/graph/near_miss.h"

typedef struct oracle {
    const an_near_recipe *r;
    uint64_t needs[AN_NEAR_MOST];
    int first[AN_NEAR_MOST]; /* per step: the first layer norm of its value, or -1 */
} oracle;

/* The operand as it is once no-ops are gone; -1 if there is none. */
static int operand(const an_near_recipe *r, int step, int k)
{
    int i = r->step[step].in[k];
    while (i >= 0 && r->step[i].kind == AN_NEAR_NOTHING) i = r->step[i].in[0];
    return i;
}

static bool is_sum(const an_near_recipe *r, int step)
{
    return r->step[step].kind == AN_NEAR_ADD || r->step[step].kind == AN_NEAR_RESIDUAL;
}

/* Operands come before their users in a recipe, so one sweep closes the masks. */
static void close_needs(oracle *o)
{
    for (int i = 0; i < o->r->count; i++) {
        o->needs[i] = 1ull << i;
        for (int k = 0; k < 4; k++) {
            const int from = operand(o->r, i, k);
            if (from >= 0) o->needs[i] |= o->needs[from];
        }
    }
}

static void become_one(oracle *o, int sum, int norm)
{
    const uint64_t both = o->needs[sum] | o->needs[norm];
    for (int i = 0; i < o->r->count; i++)
        if (an_near_has(o->needs[i], sum) || an_near_has(o->needs[i], norm)) o->needs[i] |= both;
}

/* The reason for a norm whose operand is a plain sum. */
static const char *judge_pair(const oracle *o, int norm, int sum)
{
    const an_near_recipe *r = o->r;
    const an_near_step *n = &r->step[norm], *s = &r->step[sum];
    if (n->kind == AN_NEAR_RMS) return "rms-norm";
    if (o->first[sum] != norm) return "not-first-norm";
    for (int k = 0; k < 2; k++)
        if (r->step[s->in[k]].form != s->form) return "broadcast";
    if (n->over != 1) return "axis-not-trailing";
    for (int k = 1; k < 3; k++) {
        const int parameter = operand(r, norm, k);
        if (parameter < 0) continue;
        if (an_near_has(o->needs[parameter], sum) || an_near_has(o->needs[parameter], norm))
            return "depends-on-sum";
    }
    return "";
}

static const char *judge(const oracle *o, int norm)
{
    const an_near_recipe *r = o->r;
    const int x = operand(r, norm, 0);
    switch (r->step[x].kind) {
    case AN_NEAR_ADD:
    case AN_NEAR_RESIDUAL: return judge_pair(o, norm, x);
    case AN_NEAR_SCALED: return "scaled";
    case AN_NEAR_MADE_SUM: return "not-first-norm";
    case AN_NEAR_UNARY:
    case AN_NEAR_REDUCE:
    case AN_NEAR_DROPOUT: return is_sum(r, operand(r, x, 0)) ? "not-adjacent" : NULL;
    default: return NULL;
    }
}

/* Steps that an output needs. The others are gone before anything fuses. */
static uint64_t alive(const oracle *o)
{
    const an_near_recipe *r = o->r;
    uint64_t mask = 0;
    for (int i = 0; i < r->count; i++)
        if (an_near_has((r->outputs | r->statistics) & ~r->dropped, i)) mask |= o->needs[i];
    return mask;
}

an_near_expected an_near_expect(const an_near_recipe *r, const int *order, int count)
{
    an_near_expected e = {{0}, 0};
    oracle o = {.r = r};
    close_needs(&o);
    const uint64_t live = alive(&o);
    for (int i = 0; i < AN_NEAR_MOST; i++) o.first[i] = -1;
    for (int i = 0; i < count; i++) {
        if (r->step[order[i]].kind != AN_NEAR_NORM || !an_near_has(live, order[i])) continue;
        int *first = &o.first[operand(r, order[i], 0)];
        if (*first < 0) *first = order[i];
    }
    for (int i = 0; i < count; i++) {
        const int norm = order[i];
        const an_near_kind kind = r->step[norm].kind;
        if ((kind != AN_NEAR_NORM && kind != AN_NEAR_RMS) || !an_near_has(live, norm)) continue;
        e.reason[norm] = judge(&o, norm);
        if (e.reason[norm] && !e.reason[norm][0]) become_one(&o, operand(r, norm, 0), norm);
    }
    for (int i = 0; i < r->count; i++) {
        const bool made = r->step[i].kind == AN_NEAR_MADE && an_near_has(live, i);
        if (made || (e.reason[i] && !e.reason[i][0])) e.add_norms++;
    }
    return e;
}
