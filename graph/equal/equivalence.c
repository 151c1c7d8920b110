/* equivalence.c -- do two graphs compute the same? Tried on numbers.
 *
 * Both graphs run in the interpreter, which shares nothing with the planner, on
 * the same seeded feeds and weights, several steps in a row with their updates
 * fed back; the first one also in f64 on the reference loops, so that a
 * difference is judged by who is farther from the truth. What cannot show a fault
 * is called vacuous rather than equal.                                       */
#include "graph/equal/equal.h"
#include "graph/equal/compare.h"
#include "graph/equal/trial_data.h"
#include "graph/equal/project.h"

#include <stdio.h>
#include <string.h>

typedef struct side {
    const an_graph *g;
    an_graph *owned; /* if gradients were appended */
    an_evaluation e;
} side;

/* One compared tensor: where it is in each graph, and which state it becomes. */
typedef struct pair {
    uint32_t value[2];
    uint32_t state[2]; /* 0 for outputs and gradients */
} pair;

typedef struct trial {
    const an_equivalent_args *args;
    side a, b, truth;
    an_equivalence *result;
    pair *pairs; /* beside result->compared */
    int64_t pair_capacity, compared_capacity;
    an_error error;
} trial;

/* ---- matching the interfaces ------------------------------------------- */

static bool same_type_text(const an_graph *a, uint32_t va, const an_graph *b, uint32_t vb)
{
    an_text x = {0}, y = {0};
    an_type_print(a->dims, an_slot_type(a, va), &x);
    an_type_print(b->dims, an_slot_type(b, vb), &y);
    const bool same = !x.failed && !y.failed && !strcmp(an_text_view(&x), an_text_view(&y));
    an_text_free(&x);
    an_text_free(&y);
    return same;
}

static an_status add_pair(trial *t, const char *kind, const char *name, const pair *p)
{
    an_equivalence *r = t->result;
    if (!same_type_text(t->a.g, p->value[0], t->b.g, p->value[1]))
        return an_fail(&t->error, AN_E_SHAPE, "%s \"%s\" has another type in each graph", kind,
                       name);
    if (!AN_GROW(t->pairs, t->pair_capacity, r->compared_count + 1) ||
        !AN_GROW(r->compared, t->compared_capacity, r->compared_count + 1))
        return an_fail(&t->error, AN_E_MEMORY, "out of memory");
    an_compare_begin(&r->compared[r->compared_count], kind, name);
    t->pairs[r->compared_count++] = *p;
    return AN_OK;
}

static an_status match_outputs(trial *t)
{
    const an_graph *a = t->a.g, *b = t->b.g;
    const size_t prefix = strlen(AN_GRADIENT_PREFIX);
    for (int64_t i = 0; i < b->output_count; i++) {
        const char *name = b->outputs[i].name;
        const pair p = {.value = {an_graph_root(a, name), b->outputs[i].value}};
        const bool gradient = !strncmp(name, AN_GRADIENT_PREFIX, prefix);
        if (!p.value[0] && gradient && t->args->subset) continue;
        if (!p.value[0])
            return an_fail(&t->error, AN_E_NAME, "the first graph has no output \"%s\"", name);
        const an_status status = add_pair(t, gradient ? "gradient" : "output",
                                          gradient ? name + prefix : name, &p);
        if (status != AN_OK) return status;
    }
    for (int64_t i = 0; i < a->output_count && !t->args->subset; i++)
        if (!an_graph_root(b, a->outputs[i].name))
            return an_fail(&t->error, AN_E_NAME, "the second graph has no output \"%s\"",
                           a->outputs[i].name);
    return AN_OK;
}

static an_status match_updates(trial *t)
{
    const an_graph *a = t->a.g, *b = t->b.g;
    for (int64_t i = 0; i < b->commit_count; i++) {
        const an_commit *c = &b->commits[i];
        const char *set = b->sets[c->set], *state = an_node_of(b, c->state)->name;
        const an_commit *other = an_graph_commit(a, set, state);
        if (!other)
            return an_fail(&t->error, AN_E_NAME,
                           "the first graph does not update \"%s\" in \"%s\"", state, set);
        const pair p = {{other->value, c->value}, {other->state, c->state}};
        const an_status status = add_pair(t, "update", state, &p);
        if (status != AN_OK) return status;
    }
    for (int64_t i = 0; i < a->commit_count && !t->args->subset; i++) {
        const an_commit *c = &a->commits[i];
        const char *set = a->sets[c->set], *state = an_node_of(a, c->state)->name;
        if (!an_graph_commit(b, set, state))
            return an_fail(&t->error, AN_E_NAME,
                           "the second graph does not update \"%s\" in \"%s\"", state, set);
    }
    return AN_OK;
}

static an_status match_leaves(trial *t)
{
    const an_graph *a = t->a.g, *b = t->b.g;
    for (int64_t i = 0; i < b->leaf_count; i++) {
        const uint32_t leaf = an_graph_leaf(a, b->leaves[i].name);
        if (!leaf)
            return an_fail(&t->error, AN_E_NAME, "the first graph has no leaf \"%s\"",
                           b->leaves[i].name);
        if (!same_type_text(a, leaf, b, b->leaves[i].value))
            return an_fail(&t->error, AN_E_SHAPE, "leaf \"%s\" has another type in each graph",
                           b->leaves[i].name);
    }
    return AN_OK;
}

/* ---- preparing --------------------------------------------------------- */

/* A copy of `a` whose outputs are those of `b`: a program's fetches may be values
 * that the user's graph does not declare. */
static an_status adopt_outputs(trial *t, side *s, const an_graph *a, const an_graph *b)
{
    an_optimised copy = an_optimise(.graph = a, .passes = "");
    s->owned = copy.graph;
    copy.graph = NULL;
    an_status status = copy.status;
    if (status != AN_OK) an_fail(&t->error, status, "%s", copy.message);
    an_optimised_free(&copy);
    if (status != AN_OK) return status;
    uint32_t *values = an_alloc_zeroed((b->output_count + 1) * (int64_t)sizeof *values);
    if (!values) return an_fail(&t->error, AN_E_MEMORY, "out of memory");
    for (int64_t i = 0; i < b->output_count; i++)
        values[i] = an_graph_root(s->owned, b->outputs[i].name);
    s->owned->output_count = 0;
    for (int64_t i = 0; i < b->output_count && status == AN_OK; i++)
        if (values[i]) status = an_graph_add_output(s->owned, b->outputs[i].name, values[i]);
    an_free(values);
    s->g = s->owned;
    return status == AN_OK ? AN_OK : an_fail(&t->error, status, "%s", an_graph_message(s->g));
}

static an_status open_side(trial *t, side *s, const an_graph *g, const an_graph *like)
{
    s->g = g;
    an_status status = like ? adopt_outputs(t, s, g, like) : AN_OK;
    if (status != AN_OK || !t->args->gradients) return status;
    an_graph *adopted = s->owned;
    s->owned = an_project_gradients(s->g, an_graph_count(g, "add_norm") > 0, &t->error);
    s->g = s->owned;
    an_graph_free(adopted);
    return s->owned ? AN_OK : t->error.status;
}

/* The first graph is bound by the caller's wish, the second by equal names. */
static an_status bind(trial *t, const int64_t *from, side *s)
{
    const an_dims *dims = s->g->dims;
    const int names = an_dims_names(dims);
    int64_t *bound = an_alloc_zeroed((names + 1) * (int64_t)sizeof *bound);
    if (!bound) return an_fail(&t->error, AN_E_MEMORY, "out of memory");
    for (int i = 0; i < names; i++) {
        bound[i] = t->args->extent ? t->args->extent : 4;
        for (int k = 0; k < an_dims_names(t->a.g->dims); k++)
            if (!strcmp(an_dims_name_at(dims, i), an_dims_name_at(t->a.g->dims, k)))
                bound[i] = from[k];
    }
    an_status status = an_evaluation_begin(&s->e, s->g, bound);
    if (status != AN_OK) an_fail_text(&t->error, status, s->e.error.text);
    an_free(bound);
    return status;
}

static an_status bind_all(trial *t)
{
    const int names = an_dims_names(t->a.g->dims);
    int64_t *bound = an_alloc_zeroed((names + 1) * (int64_t)sizeof *bound);
    if (!bound) return an_fail(&t->error, AN_E_MEMORY, "out of memory");
    const int64_t usual = t->args->extent > 0 ? t->args->extent : 4;
    an_status status = an_trial_bind(t->a.g, t->args->bind, usual, bound, &t->error);
    t->truth.g = t->a.g;
    t->truth.e.shadow = true;
    if (status == AN_OK) status = bind(t, bound, &t->a);
    if (status == AN_OK) status = bind(t, bound, &t->b);
    if (status == AN_OK) status = bind(t, bound, &t->truth);
    an_free(bound);
    return status;
}

/* ---- running ----------------------------------------------------------- */

static void copy_values(const an_tensor *from, an_tensor *to)
{
    if (from->dtype == to->dtype) {
        memcpy(to->data, from->data, (size_t)an_tensor_bytes(from));
        return;
    }
    for (int64_t i = 0; i < an_tensor_count(from); i++)
        an_tensor_set(to, i, an_tensor_get(from, i));
}

static void fill_leaves(trial *t, uint64_t seed)
{
    const an_graph *a = t->a.g, *b = t->b.g;
    for (int64_t i = 0; i < a->leaf_count; i++) {
        const uint32_t id = a->leaves[i].value;
        an_trial_fill(&t->a.e, id, seed, &t->a.e.value[id]);
        copy_values(&t->a.e.value[id], &t->truth.e.value[id]);
    }
    for (int64_t i = 0; i < b->leaf_count; i++) {
        const uint32_t id = b->leaves[i].value;
        copy_values(&t->a.e.value[an_graph_leaf(a, b->leaves[i].name)], &t->b.e.value[id]);
    }
}

/* All states at once, as a run commits them: new values may be states themselves. */
static an_status feed_back(trial *t, side *s, int which)
{
    const int64_t count = t->result->compared_count;
    an_tensor *kept = an_alloc_zeroed((count + 1) * (int64_t)sizeof *kept);
    an_status status = kept ? AN_OK : AN_E_MEMORY;
    for (int64_t i = 0; i < count && status == AN_OK; i++)
        if (t->pairs[i].state[which])
            status = an_tensor_copy(&kept[i], &s->e.value[t->pairs[i].value[which]]);
    for (int64_t i = 0; i < count && status == AN_OK; i++)
        if (t->pairs[i].state[which])
            copy_values(&kept[i], &s->e.value[t->pairs[i].state[which]]);
    for (int64_t i = 0; kept && i < count; i++) an_tensor_free(&kept[i]);
    an_free(kept);
    return status == AN_OK ? AN_OK : an_fail(&t->error, status, "out of memory");
}

static an_status run_side(trial *t, side *s)
{
    const an_status status = an_evaluate(&s->e);
    return status == AN_OK ? AN_OK : an_fail(&t->error, status, "%s", s->e.error.text);
}

static an_status run_step(trial *t)
{
    an_equivalence *r = t->result;
    an_status status = run_side(t, &t->a);
    if (status == AN_OK) status = run_side(t, &t->b);
    if (status == AN_OK) status = run_side(t, &t->truth);
    if (status != AN_OK) return status;
    const double ulps = t->args->ulps > 0 ? t->args->ulps : 16;
    for (int64_t i = 0; i < r->compared_count; i++)
        an_compare_tensors(&r->compared[i], &t->a.e.value[t->pairs[i].value[0]],
                           &t->b.e.value[t->pairs[i].value[1]],
                           &t->truth.e.value[t->pairs[i].value[0]], ulps);
    status = feed_back(t, &t->a, 0);
    if (status == AN_OK) status = feed_back(t, &t->b, 1);
    if (status == AN_OK) status = feed_back(t, &t->truth, 0);
    return status;
}

static an_status run_all(trial *t)
{
    const int seeds = t->args->seeds > 0 ? t->args->seeds : 1;
    const int steps = t->args->steps > 0 ? t->args->steps : 1;
    an_status status = AN_OK;
    for (int s = 0; s < seeds && status == AN_OK; s++) {
        fill_leaves(t, t->args->seed + (uint64_t)s);
        for (int k = 0; k < steps && status == AN_OK; k++) status = run_step(t);
    }
    return status;
}

/* ---- the verdict ------------------------------------------------------- */

static bool same_text(const an_graph *a, const an_graph *b)
{
    char *x = an_print(a), *y = an_print(b);
    const bool same = x && y && !strcmp(x, y);
    an_string_free(x);
    an_string_free(y);
    return same;
}

static void conclude(trial *t)
{
    an_equivalence *r = t->result;
    int64_t degenerate = 0;
    r->verdict = AN_BITWISE;
    for (int64_t i = 0; i < r->compared_count; i++) {
        const an_compared *c = &r->compared[i];
        degenerate += c->degenerate;
        if (c->verdict == AN_BITWISE) continue;
        const bool worse = r->worst < 0 || c->verdict > r->compared[r->worst].verdict ||
                           (c->verdict == r->compared[r->worst].verdict &&
                            c->max_ulp > r->compared[r->worst].max_ulp);
        if (worse) r->worst = i;
        if (c->verdict > r->verdict) r->verdict = c->verdict;
    }
    if (r->verdict != AN_BITWISE) {
        const an_compared *w = &r->compared[r->worst];
        snprintf(r->message, sizeof r->message,
                 "%s: %s \"%.100s\" differs in %lld of %lld elements; the worst, element %lld, is "
                 "%.9g in the first graph and %.9g in the second (%.3g ulp)",
                 an_verdict_name(r->verdict), w->kind, w->name, (long long)w->different,
                 (long long)w->count, (long long)w->worst, w->worst_a, w->worst_b, w->max_ulp);
        return;
    }
    const char *why = NULL;
    if (r->compared_count == 0)
        why = "nothing was compared: the graphs have no outputs and no updates in common";
    else if (degenerate == r->compared_count)
        why = "every compared tensor is all zero or not finite on these feeds";
    else if (same_text(t->args->a, t->args->b))
        why = "both graphs are the same, node for node";
    if (why) r->verdict = AN_VACUOUS;
    snprintf(r->message, sizeof r->message, "%s: %lld tensors agree in every bit%s%s",
             an_verdict_name(r->verdict), (long long)r->compared_count, why ? "; but " : "",
             why ? why : "");
}

/* What the proof has to say about the numbers. */
static void add_proof(an_equivalence *r)
{
    const an_proof *f = &r->proof;
    const size_t used = strlen(r->message);
    char *end = r->message + used;
    const size_t left = sizeof r->message - used;
    if (f->proved && (r->verdict == AN_ROUNDING || r->verdict == AN_DIFFERENT))
        snprintf(end, left, "; yet they are proved equal: a kernel breaks a lemma of the proof");
    else if (f->proved)
        snprintf(end, left, "; proved equal for every feed, state and extent");
    else
        snprintf(end, left, "; %.900s", f->message);
}

static void close_trial(trial *t)
{
    an_evaluation_free(&t->a.e);
    an_evaluation_free(&t->b.e);
    an_evaluation_free(&t->truth.e);
    an_graph_free(t->a.owned);
    an_graph_free(t->b.owned);
    an_free(t->pairs);
}

an_equivalence an_equivalent_with(const an_equivalent_args *args)
{
    an_equivalence r = {.verdict = AN_FAILED, .worst = -1};
    if (!args || !args->a || !args->b) {
        snprintf(r.message, sizeof r.message, "an_equivalent: two graphs are needed");
        return r;
    }
    trial t = {.args = args, .result = &r};
    r.fused_forward = an_graph_count(args->b, "add_norm") - an_graph_count(args->a, "add_norm");
    r.fused_backward =
        an_graph_count(args->b, "add_norm_grad") - an_graph_count(args->a, "add_norm_grad");
    an_status status = open_side(&t, &t.a, args->a, args->subset ? args->b : NULL);
    if (status == AN_OK) status = open_side(&t, &t.b, args->b, NULL);
    if (status == AN_OK) status = match_leaves(&t);
    if (status == AN_OK) status = match_outputs(&t);
    if (status == AN_OK) status = match_updates(&t);
    if (t.a.g && t.b.g) r.proof = an_prove(.a = t.a.g, .b = t.b.g, .subset = args->subset);
    if (status == AN_OK) status = bind_all(&t);
    if (status == AN_OK) status = run_all(&t);
    if (status == AN_OK)
        conclude(&t);
    else
        snprintf(r.message, sizeof r.message, "not compared: %.900s", t.error.text);
    if (status == AN_OK) add_proof(&r);
    close_trial(&t);
    return r;
}

void an_equivalence_free(an_equivalence *e)
{
    if (!e) return;
    an_free(e->compared);
    e->compared = NULL;
    e->compared_count = 0;
}

const char *an_verdict_name(an_verdict v)
{
    static const char *const names[] = {"bitwise", "rounding", "different", "vacuous", "failed"};
    return (unsigned)v < sizeof names / sizeof *names ? names[v] : "?";
}

char *an_equivalence_report(const an_equivalence *e)
{
    if (!e) return NULL;
    an_text t = {0};
    an_text_addf(&t, "%s\n", e->message);
    for (int i = 0; i < e->proof.rules; i++)
        an_text_addf(&t, "  %s %-16s %s (%lld times)\n", e->proof.rule[i].lemma ? "lemma" : "axiom",
                     e->proof.rule[i].name, e->proof.rule[i].says,
                     (long long)e->proof.rule[i].uses);
    an_text_addf(&t, "fused: %lld forward, %lld backward\n", (long long)e->fused_forward,
                 (long long)e->fused_backward);
    for (int64_t i = 0; i < e->compared_count; i++) {
        const an_compared *c = &e->compared[i];
        an_text_addf(&t, "  %-9s %-9s %-40s %lld elements", an_verdict_name(c->verdict), c->kind,
                     c->name, (long long)c->count);
        if (c->different)
            an_text_addf(&t, ", %lld differ: max %.3g ulp, abs %.3g, rel %.3g, at %lld",
                         (long long)c->different, c->max_ulp, c->max_abs, c->max_rel,
                         (long long)c->worst);
        an_text_add(&t, c->degenerate ? " (all zero or not finite)\n" : "\n");
    }
    return an_text_take(&t);
}
