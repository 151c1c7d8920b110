/* equivalence.c -- do two graphs compute the same? Tried on numbers, and judged.
 *
 * What is compared are outputs, gradients and updates; the table below lists what is
 * checked beside them. The verdict is the worst of all. What cannot show a fault is
 * called vacuous rather than equal.                                          */
#include "graph/equal/proof/place.h"
#include "graph/equal/trial.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The checks, in the order in which a report lists them. Those that hold numbers to f64, to sums
 * or to differences know what plain, hard and exact data does to rounding, and are not made on
 * data aimed at whatever is wrong. */
static const struct {
    const char *name, *says;
    an_check_fn run;
    bool gradients; /* only if gradients were asked for */
    bool bits;      /* holds nothing to a bound */
} checks[] = {
    {"values", "what the proof pairs inside has the same bits", an_check_values, false, true},
    {"kernels", "each node is as near to f64 on its own operands as rounding allows",
     an_check_kernels, false, false},
    {"memory", "no node writes past its results or its scratch", an_check_memory, false, true},
    {"programs", "the compiled program has the interpreter's bits, on any number of threads",
     an_check_programs, false, true},
    {"norms", "rows that a norm made have the sums that the formula says", an_check_norms, false,
     false},
    {"rules", "each op's gradient is what differences say", an_check_rules, true, false},
    {"orders", "fusing before or after differentiating gives the same graph",
     an_check_orders, true, true},
};
#define CHECKS ((int)(sizeof checks / sizeof *checks))
_Static_assert(sizeof checks / sizeof *checks <= AN_CHECKS, "a result holds them all");

/* ---- looking at a step ------------------------------------------------- */

bool an_trial_is_witnessed(const an_trial *t)
{
    for (int64_t i = 0; i < t->result->compared_count; i++)
        if (t->result->compared[i].verdict != AN_BITWISE) return true;
    return false;
}

static bool same_values(const an_trial *t, const uint32_t value[2])
{
    const an_tensor *a = &t->side[0].e.value[value[0]], *b = &t->side[1].e.value[value[1]];
    return an_tensor_bytes(a) == an_tensor_bytes(b) &&
           !memcmp(a->data, b->data, (size_t)an_tensor_bytes(a));
}

/* Whether this step needs the truth: only differences are held against it, but on exact
 * data it says what is exact. */
static bool needs_truth(const an_trial *t)
{
    const an_equivalence *r = t->result;
    bool same = t->args->data != AN_DATA_EXACT && an_proof_says(&r->proof) != AN_PROOF_REALS;
    for (int64_t i = 0; i < r->compared_count && same; i++)
        same = same_values(t, t->pairs[i].value);
    for (int64_t i = 0; i < r->inner_count && same; i++) same = same_values(t, r->inner[i].value);
    return !same;
}

/* What is too far off by the first graph's truth alone is judged by both, if there are both. */
static an_status compare_pair(an_trial *t, int64_t i)
{
    const uint32_t *value = t->pairs[i].value;
    const an_tensor *a = &t->side[0].e.value[value[0]], *b = &t->side[1].e.value[value[1]];
    an_judge judge = {.truth = &t->truth[0].e.value[value[0]], .ulps = an_trial_ulps(t),
                      .exact = t->args->data == AN_DATA_EXACT,
                      .reals = an_proof_says(&t->result->proof) == AN_PROOF_REALS};
    an_compared first;
    an_status status = AN_OK;
    an_compare_begin(&first, "", "");
    an_compare_tensors(&first, a, b, &judge);
    if ((first.verdict > AN_ROUNDING || judge.reals) && an_trial_has_both(t)) {
        status = an_trial_catch_up(t, 1);
        judge.other = &t->truth[1].e.value[value[1]];
    }
    an_compare_tensors(&t->result->compared[i], a, b, &judge);
    return status;
}

an_status an_trial_compare(an_trial *t)
{
    an_status status = needs_truth(t) ? an_trial_catch_up(t, 0) : AN_OK;
    for (int64_t i = 0; i < t->result->compared_count && status == AN_OK; i++)
        status = compare_pair(t, i);
    return status;
}

/* What a check could not say for want of memory it has not seen. */
static an_status run_check(an_trial *t, an_check_row *row, an_check_fn run)
{
    const an_status status = run(t, row);
    if (status != AN_OK || !an_is_lost(row->message)) return status;
    return an_fail(&t->error, AN_E_MEMORY, "%s", row->message);
}

static an_status look(an_trial *t)
{
    an_equivalence *r = t->result;
    an_status status = an_trial_compare(t);
    t->varied = t->varied || !an_norms_see_constants(&t->side[0]);
    for (int i = 0; i < r->checks && status == AN_OK; i++)
        for (int k = 0; k < CHECKS && status == AN_OK; k++)
            if (checks[k].name == r->check[i].name)
                status = run_check(t, &r->check[i], checks[k].run);
    if (status == AN_OK && !t->args->quick && !r->divergence.at[1].op &&
        (r->inner_different > 0 || an_trial_is_witnessed(t)))
        status = an_trial_divergence(t);
    return status;
}

static void list_checks(an_equivalence *r, const an_equivalent_args *args)
{
    for (int k = 0; k < CHECKS && !args->quick; k++)
        if ((!checks[k].gradients || args->gradients) &&
            (checks[k].bits || args->data != AN_DATA_AIMED))
            r->check[r->checks++] = (an_check_row){.name = checks[k].name, .says = checks[k].says};
}

/* ---- what a fusion saves ----------------------------------------------- */

static bool is_read(const an_graph *g, uint32_t value)
{
    bool read = false;
    for (int64_t i = 1; i <= g->node_count && !read; i++)
        for (int k = 0; k < g->nodes[i].inputs; k++) read = read || g->nodes[i].in[k] == value;
    for (int64_t i = 0; i < g->output_count; i++) read = read || g->outputs[i].value == value;
    for (int64_t i = 0; i < g->commit_count; i++) read = read || g->commits[i].value == value;
    return read;
}

/* A norm fused with its sum need not read that again, nor write it if nobody else wants it;
 * its gradient neither writes nor reads the norm's part of its dx. */
static int64_t bytes_saved(const an_trial_side *s)
{
    int64_t bytes = 0;
    for (int64_t i = 1; i <= s->g->node_count; i++) {
        const an_node *n = &s->g->nodes[i];
        const an_norm_roles *r = &n->op->rules->norm;
        const int64_t one = an_tensor_bytes(&s->e.value[n->first]);
        if (an_node_is_add_norm(n))
            bytes += one * (is_read(s->g, an_node_role(n, r->row)) ? 1 : 2);
        else if (an_node_role(n, r->dsum))
            bytes += one * 2;
    }
    return bytes;
}

/* ---- the verdict ------------------------------------------------------- */

static bool same_text(an_trial *t)
{
    char *x = an_print(t->side[0].g), *y = an_print(t->side[1].g);
    const bool same = x && y && !strcmp(x, y);
    if (!x || !y) an_fail(&t->error, AN_E_MEMORY, "out of memory");
    an_string_free(x);
    an_string_free(y);
    return same;
}

/* How much a check can say. Only what a program puts out is a witness; of all else somebody
 * should look at it. */
static an_verdict weight(const an_check_row *c)
{
    const bool witness = !strcmp(c->name, "programs");
    if (c->verdict == AN_VACUOUS) return AN_BITWISE;
    return c->verdict == AN_DIFFERENT && !witness ? AN_SUSPECT : c->verdict;
}

static void add_worst(an_equivalence *r, const an_equivalent_args *args)
{
    for (int64_t i = 0; i < r->compared_count; i++) {
        const an_compared *c = &r->compared[i];
        if (c->verdict == AN_BITWISE) continue;
        const bool worse = r->worst < 0 || c->verdict > r->compared[r->worst].verdict ||
                           (c->verdict == r->compared[r->worst].verdict &&
                            c->max_ulp > r->compared[r->worst].max_ulp);
        if (worse) r->worst = i;
        if (c->verdict > r->verdict) r->verdict = c->verdict;
    }
    for (int i = 0; i < r->checks; i++)
        if (weight(&r->check[i]) > r->verdict) r->verdict = weight(&r->check[i]);
    if (args->inexact && !r->proof.proved && r->verdict == AN_BITWISE) r->verdict = AN_ROUNDING;
}

/* Proof and numbers together. Proved values whose bits differ mean that a kernel breaks a
 * lemma; a difference that the proof can name is never called equal. */
static an_rung rung_of(const an_equivalence *r)
{
    static const an_rung of[] = {[AN_BITWISE] = AN_RUNG_BITWISE, [AN_ROUNDING] = AN_RUNG_ROUNDING,
                                 [AN_SUSPECT] = AN_RUNG_SUSPECT,
                                 [AN_DIFFERENT] = AN_RUNG_DIFFERENT, [AN_VACUOUS] = AN_RUNG_BITWISE,
                                 [AN_FAILED] = AN_RUNG_FAILED};
    const an_rung numbers = of[r->verdict];
    const an_proof_answer proof = an_proof_says(&r->proof);
    if (proof == AN_PROOF_PROVED && numbers == AN_RUNG_BITWISE) return AN_RUNG_PROVED;
    if (proof == AN_PROOF_REALS && numbers <= AN_RUNG_ROUNDING) return AN_RUNG_REALS;
    if (proof == AN_PROOF_LOCATED && r->worst >= 0) return AN_RUNG_DIFFERENT;
    const bool objects = proof == AN_PROOF_PROVED || proof == AN_PROOF_LOCATED;
    return objects && numbers < AN_RUNG_SUSPECT ? AN_RUNG_SUSPECT : numbers;
}

/* One that no number can be had of, in either graph; NULL if there is none. */
static const an_op_info *opaque_op(const an_trial *t)
{
    for (int s = 0; s < 2; s++)
        for (int64_t i = 1; i <= t->side[s].g->node_count; i++)
            if (t->side[s].g->nodes[i].op->opaque) return t->side[s].g->nodes[i].op;
    return NULL;
}

/* Why equal bits show nothing; NULL if they show something. */
static const char *vacuity(an_trial *t)
{
    const an_equivalence *r = t->result;
    int64_t degenerate = 0, gradients = 0, dead = 0, exact = 0;
    for (int64_t i = 0; i < r->compared_count; i++) {
        const an_compared *c = &r->compared[i];
        degenerate += c->degenerate;
        exact += c->exact > 0;
        if (strcmp(c->kind, "gradient") != 0) continue;
        gradients++;
        dead += c->degenerate;
    }
    if (opaque_op(t)) return "nothing runs an opaque op";
    if (r->compared_count == 0)
        return "nothing was compared: the graphs have no outputs and no updates in common";
    if (degenerate == r->compared_count)
        return "every compared tensor is all zero or not finite on these feeds";
    if (!t->varied) return "every norm saw constant rows only";
    if (gradients > 0 && dead == gradients) return "every gradient is all zero or not finite";
    if (t->args->data == AN_DATA_EXACT && exact == 0)
        return "no result is exact on exact data: some eps or width does not allow it";
    if (t->args->fusions > 0 && r->fused_forward < t->args->fusions)
        return "fewer pairs fused than were expected to";
    if (same_text(t)) return "both graphs are the same, node for node";
    return NULL;
}

static void add(an_equivalence *r, const char *format, ...) AN_PRINTF(2, 3);
static void add(an_equivalence *r, const char *format, ...)
{
    const size_t used = strlen(r->message);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(r->message + used, sizeof r->message - used, format, arguments);
    va_end(arguments);
}

/* The first words name the node and the reason, where both are known. */
static void add_reason(an_equivalence *r)
{
    const an_proof *f = &r->proof;
    char a[340], b[340];
    an_place_describe(&f->at[0], a, sizeof a);
    an_place_describe(&f->at[1], b, sizeof b);
    if (!an_proof_holds(f) && f->at[0].op && f->at[1].op)
        add(r, "%.200s, in the second graph %.200s: %.600s; ", a, b, f->difference);
    else if (r->divergence.at[1].op)
        add(r, "%.500s; ", r->divergence.message);
}

/* Which laws, that is; a step between literals is told by its place. */
static void add_laws(an_equivalence *r)
{
    const an_proof *f = &r->proof;
    const char *between = ", by ";
    for (int i = 0; i < f->rules; i++) {
        const an_proof_rule *law = &f->rule[i];
        if (!law->real) continue;
        add(r, "%s%s", between, law->name);
        if (!strcmp(law->name, "near")) add(r, " (%.200s)", law->where ? law->where : "?");
        between = ", ";
    }
}

static void add_tensors(an_equivalence *r)
{
    const bool one = r->compared_count == 1;
    add(r, "%lld tensor%s agree%s in every bit", (long long)r->compared_count, one ? "" : "s",
        one ? "s" : "");
}

static void add_difference(an_equivalence *r)
{
    if (r->worst >= 0) {
        const an_compared *w = &r->compared[r->worst];
        add(r, "%s \"%.100s\" differs in %lld of %lld elements; the worst, element %lld, is %.9g "
               "in the first graph and %.9g in the second (%.3g ulp)",
            w->kind, w->name, (long long)w->different, (long long)w->count, (long long)w->worst,
            w->worst_a, w->worst_b, w->max_ulp);
        if (r->aimed)
            add(r, ", on data aimed at it (%s, seed %llu)", r->aimed,
                (unsigned long long)r->aimed_seed);
        return;
    }
    add_tensors(r);
    for (int i = 0; i < r->checks; i++)
        if (weight(&r->check[i]) == r->verdict && r->check[i].failed > 0) {
            add(r, ", but %s: %.500s", r->check[i].name, r->check[i].message);
            return;
        }
    add(r, "; but a pass that is not exact is within rounding at best");
}

static void add_numbers(an_equivalence *r, const char *vacuous)
{
    add(r, "numbers: %s, ", an_verdict_name(r->verdict));
    if (vacuous) add(r, "%s", vacuous);
    else if (r->verdict == AN_BITWISE) add_tensors(r);
    else add_difference(r);
}

static void add_proof(an_equivalence *r)
{
    const an_proof *f = &r->proof;
    add(r, "; proof: %s", an_proof_answer_name(an_proof_says(f)));
    if (an_proof_holds(f) && r->worst >= 0)
        add(r, ", yet bits differ: a kernel breaks a lemma of the proof");
    else if (!f->proved && f->roots > f->met)
        add(r, ", %lld of %lld outputs and updates do not meet", (long long)(f->roots - f->met),
            (long long)f->roots);
    else if (f->status != AN_OK && f->message[0])
        add(r, ", %.300s", f->message);
    else if (!f->proved && !f->at[0].op)
        add(r, ", %.300s", f->difference[0] ? f->difference : "there is nothing to prove");
}

/* Where only gradients round, why they do. */
static void add_orders(an_equivalence *r)
{
    for (int i = 0; i < r->checks && r->verdict == AN_ROUNDING && r->worst >= 0; i++)
        if (!strcmp(r->check[i].name, "orders") && r->check[i].failed)
            add(r, "; %.300s", r->check[i].message);
}

static an_status conclude(an_trial *t)
{
    an_equivalence *r = t->result;
    r->verdict = AN_BITWISE;
    add_worst(r, t->args);
    const char *vacuous = r->verdict == AN_BITWISE ? vacuity(t) : NULL;
    if (vacuous) r->verdict = AN_VACUOUS;
    if (t->error.status != AN_OK) r->verdict = AN_FAILED;
    if (t->error.status != AN_OK) return t->error.status;
    r->rung = rung_of(r);
    add(r, "%s: ", an_rung_name(r->rung));
    if (r->rung <= AN_RUNG_REALS) {
        add(r, r->rung == AN_RUNG_PROVED ? "equal for every feed, state and extent"
                                         : "equal over the reals");
        add_laws(r);
        if (r->proof.given[0]) add(r, ", given the meaning of %s (not ours)", r->proof.given);
        add(r, "; ");
        if (r->rung == AN_RUNG_REALS && r->proof.at[1].op) add(r, "in bits "), add_reason(r);
        add_numbers(r, vacuous);
        add_orders(r);
        return AN_OK;
    }
    add_reason(r);
    add_numbers(r, vacuous);
    add_orders(r);
    add_proof(r);
    return AN_OK;
}

/* ---- the call ---------------------------------------------------------- */

/* How many of the fused gradients were in the graph before --gradients added its own. */
static int64_t fused_before(const an_equivalence *r, const an_equivalent_args *args)
{
    const an_graph *const given[2] = {args->a, args->b ? args->b : args->a};
    int64_t count[2] = {0};
    for (int s = 0; s < 2; s++)
        for (int64_t i = 1; i <= r->graph[s]->node_count; i++) {
            const an_node *n = &r->graph[s]->nodes[i];
            count[s] += an_node_is_add_norm_grad(n) && n->ordinal < given[s]->next_ordinal;
        }
    return count[1] - count[0];
}

static an_status try_numbers(an_trial *t)
{
    an_equivalence *r = t->result;
    an_status status = an_trial_bind_sides(t);
    if (status == AN_OK)
        r->bytes_saved = bytes_saved(&t->side[1]) - bytes_saved(&t->side[0]);
    if (status == AN_OK) status = an_trial_run(t, look);
    return status == AN_OK ? an_trial_aim(t) : status;
}

static an_status run(an_trial *t)
{
    an_equivalence *r = t->result;
    const an_equivalent_args *args = t->args;
    list_checks(r, args);
    an_status status = an_trial_open(t);
    if (status != AN_OK) return status;
    const an_graph *const *g = r->graph;
    r->fused_forward = an_graph_add_norms(g[1]) - an_graph_add_norms(g[0]);
    r->fused_backward = an_graph_add_norm_grads(g[1]) - an_graph_add_norm_grads(g[0]);
    r->own_backward = fused_before(r, args);
    if (opaque_op(t)) r->compared_count = 0; /* the proof is all there is */
    else status = try_numbers(t);
    for (int i = 0; i < r->checks; i++)
        if (r->check[i].tried == 0 && r->check[i].failed == 0) r->check[i].verdict = AN_VACUOUS;
    return status;
}

static void show_checks(an_equivalence *r)
{
    for (int i = 0; i < r->checks; i++) {
        const an_check_row *c = &r->check[i];
        r->shown[i] = (an_check){c->name, c->says, c->verdict, c->tried, c->failed, c->message};
    }
}

/* Says so before what it is that does not match. */
static void refused(an_equivalence *r)
{
    char why[sizeof r->message];
    memcpy(why, r->message, sizeof why);
    r->rung = AN_RUNG_REFUSED;
    snprintf(r->message, sizeof r->message, "refused: %.1900s", why);
}

an_equivalence *an_equivalent_with(const an_equivalent_args *args)
{
    an_equivalence *r = an_alloc_zeroed(sizeof *r);
    if (!r) return NULL;
    r->verdict = AN_FAILED;
    r->rung = AN_RUNG_FAILED;
    r->worst = -1;
    r->divergence.message = r->proof.kind = "";
    for (int s = 0; s < 2; s++)
        r->divergence.at[s] = r->proof.at[s] = (an_place){.name = "", .file = ""};
    if (!args || !args->a) {
        r->status = AN_E_ARGUMENT;
        snprintf(r->message, sizeof r->message, "failed: an_equivalent needs a graph");
        return r;
    }
    an_trial t = {.args = args, .result = r};
    an_status status = run(&t);
    if (status == AN_OK) status = conclude(&t);
    if (status != AN_OK) r->checks = 0, r->compared_count = 0; /* nothing was carried out */
    if (status != AN_OK && r->refused) refused(r);
    else if (status != AN_OK)
        snprintf(r->message, sizeof r->message, "failed: not compared: %.900s", t.error.text);
    r->status = status;
    show_checks(r);
    an_programs_free(t.programs);
    an_trial_close(&t);
    return r;
}
