/* near_miss_oracle.c -- what fuse_add_norm must do with a recipe, from the recipe.
 *
 * Dependence is a closure of bit masks: needs[i] holds every step that step i needs,
 * itself included. A pair that fuses becomes one step, so whatever needs either of
 * the two needs all that both need.                                          */
#include "tests/graph/near_miss.h"

typedef struct oracle {
    const an_near_recipe *r;
    uint64_t needs[AN_NEAR_MOST];
    int first[AN_NEAR_MOST]; /* per step: the first norm of its value, or -1 */
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

/* Nodes that only move elements a note looks through, four of them, to a sum. */
static int below_moves(const an_near_recipe *r, int step)
{
    for (int left = 4; step >= 0;) {
        const an_near_step *s = &r->step[step];
        const bool stops = s->kind == AN_NEAR_UNARY && s->detail == AN_NEAR_STOP;
        const int nodes = s->kind == AN_NEAR_TURNED ? 2 : stops ? 1 : 9;
        if (nodes > left) break;
        left -= nodes;
        step = operand(r, step, 0);
    }
    return step;
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
    case AN_NEAR_TURNED: return is_sum(r, below_moves(r, x)) ? "not-adjacent" : NULL;
    case AN_NEAR_UNARY:
    case AN_NEAR_REDUCE:
    case AN_NEAR_DROPOUT:
        return is_sum(r, operand(r, x, 0)) || is_sum(r, below_moves(r, x)) ? "not-adjacent" : NULL;
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

/* ---- what is equal once pairs have fused ------------------------------- */

static bool centres(const an_near_step *s)
{
    return s->kind == AN_NEAR_MADE ? s->detail == 0 : s->kind == AN_NEAR_NORM;
}

/* A made add_norm, and a pair that fused, by its operands; false for other steps. */
static bool is_fused(const an_near_recipe *r, const an_near_expected *e, const int *same, int step,
                     int operands[4])
{
    const an_near_step *n = &r->step[step];
    const bool pair = e->reason[step] && !e->reason[step][0];
    if (n->kind != AN_NEAR_MADE && !pair) return false;
    const int sum = pair ? operand(r, step, 0) : step;
    const int found[4] = {operand(r, sum, 0), operand(r, sum, 1), operand(r, step, pair ? 1 : 2),
                          pair ? operand(r, step, 2) : -1};
    for (int k = 0; k < 4; k++) operands[k] = found[k] < 0 ? -1 : same[found[k]];
    return true;
}

/* The fused step that hands on this sum, or -1. */
static int hands_on(const oracle *o, const an_near_expected *e, int step)
{
    if (o->r->step[step].kind == AN_NEAR_MADE_SUM) return operand(o->r, step, 0);
    if (!is_sum(o->r, step) || o->first[step] < 0) return -1;
    const char *reason = e->reason[o->first[step]];
    return reason && !reason[0] ? o->first[step] : -1;
}

static bool are_equal(const oracle *o, const an_near_expected *e, const int *same, int i, int j)
{
    const an_near_recipe *r = o->r;
    const an_near_step *a = &r->step[i], *b = &r->step[j];
    int x[4], y[4];
    if (is_fused(r, e, same, i, x) && is_fused(r, e, same, j, y))
        return centres(a) == centres(b) && a->eps == b->eps && !memcmp(x, y, sizeof x);
    const int p = hands_on(o, e, i), q = hands_on(o, e, j);
    if (p >= 0 && q >= 0) return same[p] == same[q];
    if (a->kind != b->kind || a->kind <= AN_NEAR_STATE || a->form != b->form ||
        a->detail != b->detail || a->over != b->over || a->eps != b->eps)
        return false;
    for (int k = 0; k < 4; k++) {
        const int from = operand(r, i, k), other = operand(r, j, k);
        x[k] = from < 0 ? -1 : same[from];
        y[k] = other < 0 ? -1 : same[other];
    }
    const bool commutes = is_sum(r, i) || a->kind == AN_NEAR_MUL;
    return !memcmp(x, y, sizeof x) || (commutes && x[0] == y[1] && x[1] == y[0]);
}

/* No step is drawn twice, but a pair may fuse into what was made by hand, or an add and a
 * residual of the same two values into one; then what reads them may be equal, too. */
static int64_t count_fused(const oracle *o, const an_near_expected *e, uint64_t live)
{
    int same[AN_NEAR_MOST], operands[4];
    int64_t count = 0;
    for (int i = 0; i < AN_NEAR_MOST; i++) same[i] = i;
    for (bool again = true; again;) {
        again = false;
        for (int i = 0; i < o->r->count; i++)
            for (int j = 0; j < i; j++) {
                if (same[i] == same[j] || !an_near_has(live, i) || !an_near_has(live, j) ||
                    !are_equal(o, e, same, i, j))
                    continue;
                const int low = same[i] < same[j] ? same[i] : same[j];
                const int high = same[i] < same[j] ? same[j] : same[i];
                for (int k = 0; k < o->r->count; k++)
                    if (same[k] == high) same[k] = low;
                again = true;
            }
    }
    for (int i = 0; i < o->r->count; i++) {
        bool first = an_near_has(live, i) && is_fused(o->r, e, same, i, operands);
        for (int j = 0; j < i && first; j++)
            first = !(an_near_has(live, j) && same[j] == same[i] &&
                      is_fused(o->r, e, same, j, operands));
        count += first;
    }
    return count;
}

an_near_expected an_near_expect(const an_near_recipe *r, const int *order, int count)
{
    an_near_expected e = {{0}, 0, 0};
    oracle o = {.r = r};
    close_needs(&o);
    const uint64_t live = alive(&o);
    for (int i = 0; i < AN_NEAR_MOST; i++) o.first[i] = -1;
    for (int i = 0; i < count; i++) {
        if (!an_near_is_norm(&r->step[order[i]]) || !an_near_has(live, order[i])) continue;
        int *first = &o.first[operand(r, order[i], 0)];
        if (*first < 0) *first = order[i];
    }
    for (int i = 0; i < count; i++) {
        const int norm = order[i];
        if (!an_near_is_norm(&r->step[norm]) || !an_near_has(live, norm)) continue;
        e.reason[norm] = judge(&o, norm);
        if (e.reason[norm] && !e.reason[norm][0]) become_one(&o, operand(r, norm, 0), norm);
    }
    for (int i = 0; i < r->count; i++) {
        const bool made = r->step[i].kind == AN_NEAR_MADE && an_near_has(live, i);
        if (made || (e.reason[i] && !e.reason[i][0])) e.add_norms++;
    }
    e.distinct = count_fused(&o, &e, live);
    return e;
}
