/* interface.c -- what two graphs have in common: leaves, outputs, updates, values inside.
 *
 * Leaves, outputs and updates pair by name, and must have equal types. The values
 * inside pair by the proof, which needs no names.                            */
#include "graph/equal/proof/match.h"
#include "graph/equal/project.h"
#include "graph/equal/trial.h"
#include "graph/passes/pipeline.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The graphs offer different things: that is no failure, and nothing is compared. */
static an_status refuse(an_trial *t, an_status status, const char *format, ...) AN_PRINTF(3, 4);
static an_status refuse(an_trial *t, an_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(t->result->message, sizeof t->result->message, format, arguments);
    va_end(arguments);
    if (an_is_lost(t->result->message)) return an_fail(&t->error, AN_E_MEMORY, "out of memory");
    t->result->refused = true;
    return status;
}

static bool same_type(const an_graph *a, uint32_t va, const an_graph *b, uint32_t vb)
{
    return an_types_alike(a->dims, an_slot_type(a, va), b->dims, an_slot_type(b, vb));
}

/* ---- outputs, updates, leaves ------------------------------------------ */

static an_status refuse_types(an_trial *t, const char *kind, const char *name, uint32_t va,
                              uint32_t vb)
{
    an_text x = {0}, y = {0};
    an_type_print(t->side[0].g->dims, an_slot_type(t->side[0].g, va), &x);
    an_type_print(t->side[1].g->dims, an_slot_type(t->side[1].g, vb), &y);
    const an_status status =
        refuse(t, AN_E_SHAPE, "%s \"%.100s\" is %.200s in the first graph and %.200s in the second",
               kind, name, an_text_view(&x), an_text_view(&y));
    an_text_free(&x);
    an_text_free(&y);
    return status;
}

static an_status add_pair(an_trial *t, const char *kind, const char *name, const an_pair *p)
{
    an_equivalence *r = t->result;
    if (!same_type(t->side[0].g, p->value[0], t->side[1].g, p->value[1]))
        return refuse_types(t, kind, name, p->value[0], p->value[1]);
    if (!AN_GROW(t->pairs, t->pair_capacity, r->compared_count + 1) ||
        !AN_GROW(r->compared, t->compared_capacity, r->compared_count + 1))
        return an_fail(&t->error, AN_E_MEMORY, "out of memory");
    const char *kept = an_arena_string(&r->arena, name);
    if (!kept) return an_fail(&t->error, AN_E_MEMORY, "out of memory");
    an_compare_begin(&r->compared[r->compared_count], kind, kept);
    t->pairs[r->compared_count++] = *p;
    return AN_OK;
}

/* What a node of the graph applies under that name, other than `op`; NULL: nothing. */
static const an_op_info *namesake(const an_graph *g, const an_op_info *op)
{
    for (int64_t i = 1; i <= g->node_count; i++)
        if (g->nodes[i].op != op && !strcmp(g->nodes[i].op->name, op->name)) return g->nodes[i].op;
    return NULL;
}

/* An op is told by its name and version: two definitions under one are no op at all, and two
 * versions are two ops. Of opaque ops the prover knows what is one. */
static an_status match_ops(an_trial *t)
{
    const an_graph *a = t->side[0].g, *b = t->side[1].g;
    const an_op_info *last = NULL;
    for (int64_t i = 1; i <= b->node_count; i++) {
        const an_op_info *op = b->nodes[i].op;
        if (op->code || op == last || an_graph_op(a, op->name) == op) continue;
        const an_op_info *other = namesake(a, last = op);
        if (!other || (op->opaque && other->opaque)) continue;
        if (op->opaque || other->opaque)
            return refuse(t, AN_E_NAME, "%s is opaque in the %s graph and defined in the other",
                          op->name, op->opaque ? "second" : "first");
        if (other->key != op->key)
            return refuse(t, AN_E_NAME, "%s is of version %u in the first graph and of version %u "
                          "in the second", op->name, other->version, op->version);
        return refuse(t, AN_E_NAME, "the graphs have two definitions of %s under one version",
                      op->name);
    }
    return AN_OK;
}

static an_status match_outputs(an_trial *t)
{
    const an_graph *a = t->side[0].g, *b = t->side[1].g;
    const size_t prefix = strlen(AN_GRADIENT_PREFIX);
    for (int64_t i = 0; i < b->output_count; i++) {
        const char *name = b->outputs[i].name;
        const an_pair p = {.value = {an_graph_root(a, name), b->outputs[i].value}};
        const bool gradient = !strncmp(name, AN_GRADIENT_PREFIX, prefix);
        if (!p.value[0] && gradient && t->args->subset) continue;
        if (!p.value[0])
            return refuse(t, AN_E_NAME, "the first graph has no output \"%s\"", name);
        const an_status status = add_pair(t, gradient ? "gradient" : "output",
                                          gradient ? name + prefix : name, &p);
        if (status != AN_OK) return status;
    }
    for (int64_t i = 0; i < a->output_count && !t->args->subset; i++)
        if (!an_graph_root(b, a->outputs[i].name))
            return refuse(t, AN_E_NAME, "the second graph has no output \"%s\"",
                           a->outputs[i].name);
    return AN_OK;
}

static an_status match_updates(an_trial *t)
{
    const an_graph *a = t->side[0].g, *b = t->side[1].g;
    for (int64_t i = 0; i < b->commit_count; i++) {
        const an_commit *c = &b->commits[i];
        if (c->set == AN_PENDING) continue;
        const char *set = b->sets[c->set], *state = an_node_of(b, c->state)->name;
        const an_commit *other = an_graph_commit(a, set, state);
        if (!other)
            return refuse(t, AN_E_NAME,
                           "the first graph does not update \"%s\" in \"%s\"", state, set);
        const an_pair p = {{other->value, c->value}, {other->state, c->state}};
        const an_status status = add_pair(t, "update", state, &p);
        if (status != AN_OK) return status;
    }
    for (int64_t i = 0; i < a->commit_count && !t->args->subset; i++) {
        const an_commit *c = &a->commits[i];
        if (c->set == AN_PENDING) continue;
        const char *set = a->sets[c->set], *state = an_node_of(a, c->state)->name;
        if (!an_graph_commit(b, set, state))
            return refuse(t, AN_E_NAME,
                           "the second graph does not update \"%s\" in \"%s\"", state, set);
    }
    return AN_OK;
}

/* No step feeds it back, for no table commits it. What one table of both took is compared as
 * that one's. */
static an_status match_pending(an_trial *t, const an_commit *a, const an_commit *b)
{
    const an_graph *const g[2] = {t->side[0].g, t->side[1].g};
    if (an_graph_both_take(g[0], a, g[1], b)) return AN_OK;
    const an_pair p = {.value = {a->value, b->value}};
    return add_pair(t, "pending update", an_node_of(g[0], a->state)->name, &p);
}

static bool is_live(const an_graph *g, const bool *live, const an_commit *c)
{
    return c && c->set == AN_PENDING && live[g->slots[c->witness].node];
}

/* Those that outputs or tables of either graph need. A program has nothing pending: its table
 * took what it needed. */
static an_status match_live(an_trial *t, bool *const live[2])
{
    const an_graph *a = t->side[0].g, *b = t->side[1].g;
    an_status status = AN_OK;
    for (int64_t i = 0; i < b->commit_count && status == AN_OK; i++) {
        const an_commit *c = &b->commits[i];
        const char *state = an_node_of(b, c->state)->name;
        const an_commit *other = c->set == AN_PENDING ? an_graph_pending(a, state) : NULL;
        if (!is_live(b, live[1], c) && !is_live(a, live[0], other)) continue;
        status = other ? match_pending(t, other, c)
                       : refuse(t, AN_E_NAME,
                                "the first graph has no pending update of \"%s\"", state);
    }
    for (int64_t i = 0; i < a->commit_count && status == AN_OK && !t->args->subset; i++) {
        const char *state = an_node_of(a, a->commits[i].state)->name;
        if (is_live(a, live[0], &a->commits[i]) && !an_graph_pending(b, state))
            status = refuse(t, AN_E_NAME, "the second graph has no pending update of \"%s\"",
                            state);
    }
    return status;
}

static an_status match_all_pending(an_trial *t)
{
    an_arena scrap = {0};
    bool *live[2];
    an_status status = AN_OK;
    for (int s = 0; s < 2; s++) {
        live[s] = an_arena_alloc(&scrap, t->side[s].g->node_count + 1);
        if (live[s]) an_graph_mark_live(t->side[s].g, live[s]);
        else status = an_fail(&t->error, AN_E_MEMORY, "out of memory");
    }
    if (status == AN_OK) status = match_live(t, live);
    an_arena_free(&scrap);
    return status;
}

static an_status match_leaves(an_trial *t)
{
    const an_graph *a = t->side[0].g, *b = t->side[1].g;
    for (int64_t i = 0; i < b->leaf_count; i++) {
        const uint32_t leaf = an_graph_leaf(a, b->leaves[i].name);
        if (!leaf)
            return refuse(t, AN_E_NAME, "the first graph has no leaf \"%s\"",
                           b->leaves[i].name);
        if (an_node_of(a, leaf)->op != an_node_of(b, b->leaves[i].value)->op)
            return refuse(t, AN_E_NAME, "\"%s\" is an input in one graph and a state in "
                           "the other", b->leaves[i].name);
        if (!same_type(a, leaf, b, b->leaves[i].value))
            return refuse_types(t, "leaf", b->leaves[i].name, leaf, b->leaves[i].value);
    }
    return AN_OK;
}

/* ---- values inside ----------------------------------------------------- */

static an_status keep_matches(an_trial *t, const an_matches *m)
{
    an_equivalence *r = t->result;
    r->inner = an_alloc_zeroed((m->count + 1) * (int64_t)sizeof *r->inner);
    for (int s = 0; s < 2; s++)
        t->partner[s] = an_alloc_zeroed((t->side[s].g->slot_count + 1) *
                                        (int64_t)sizeof *t->partner[s]);
    if (!r->inner || !t->partner[0] || !t->partner[1])
        return an_fail(&t->error, AN_E_MEMORY, "out of memory");
    for (int64_t i = 0; i < m->count; i++) {
        const uint32_t a = m->at[i].value[0], b = m->at[i].value[1];
        if (!same_type(t->side[0].g, a, t->side[1].g, b)) continue;
        t->partner[0][a] = b;
        if (!t->partner[1][b]) t->partner[1][b] = a;
        r->inner[r->inner_count++] = (an_inner){.value = {a, b}, .proved = m->at[i].proved};
    }
    return AN_OK;
}

static an_status match_values(an_trial *t)
{
    an_matches matches = {0};
    const an_prove_args args = {.a = t->side[0].g, .b = t->side[1].g,
                                .subset = t->args->subset};
    an_prove_matching(&t->result->proof, &args, &matches);
    const bool tried = an_proof_status(&t->result->proof) != AN_E_MEMORY;
    const an_status status = tried ? keep_matches(t, &matches)
                                   : an_fail(&t->error, AN_E_MEMORY, "out of memory");
    an_free(matches.at);
    return status;
}

/* ---- opening ----------------------------------------------------------- */

/* A copy of `a` whose outputs are those of `b`: a program's fetches may be values
 * that the user's graph does not declare. */
static an_graph *adopt_outputs(an_trial *t, const an_graph *a, const an_graph *b)
{
    an_graph *g = an_pipeline_copy(a, &t->error);
    if (!g) return NULL;
    uint32_t *values = an_alloc_zeroed((b->output_count + 1) * (int64_t)sizeof *values);
    an_status status = values ? AN_OK : AN_E_MEMORY;
    for (int64_t i = 0; i < b->output_count && status == AN_OK; i++)
        values[i] = an_graph_root(g, b->outputs[i].name);
    an_graph_forget_outputs(g);
    for (int64_t i = 0; i < b->output_count && status == AN_OK; i++)
        if (values[i]) status = an_graph_add_output(g, b->outputs[i].name, values[i]);
    an_free(values);
    if (status == AN_OK) return g;
    an_fail(&t->error, status, "the outputs cannot be taken over");
    an_graph_free(g);
    return NULL;
}

/* Where one graph is what a training program runs, `training` is true in the other, too. */
static an_status open_training(an_trial *t, int s, const an_graph *g)
{
    an_graph **owned = &t->result->owned[s];
    const an_graph *a = t->args->a, *b = t->args->b;
    const bool trains = (a && a->trains) || (b && b->trains);
    if (!trains || an_graph_count(g, "training") == 0) return AN_OK;
    if (!*owned) *owned = an_pipeline_copy(g, &t->error);
    *owned = an_pipeline_training(*owned, &t->error);
    return *owned ? AN_OK : t->error.status;
}

static an_status open_side(an_trial *t, int s, const an_graph *g, const an_graph *like)
{
    an_graph **owned = &t->result->owned[s];
    if (like && !(*owned = adopt_outputs(t, g, like))) return t->error.status;
    if (open_training(t, s, g) != AN_OK) return t->error.status;
    if (t->args->gradients) {
        an_graph *adopted = *owned;
        *owned = an_project_gradients(adopted ? adopted : g, an_graph_add_norms(g) > 0,
                                      &t->error);
        an_graph_free(adopted);
        if (!*owned) return t->error.status;
    }
    t->side[s].g = t->result->graph[s] = *owned ? *owned : g;
    return AN_OK;
}

/* The second side is what the passes make of the first, gradients and all: only so do equal
 * nodes that they merge have their gradients summed once in both. */
static an_status open_optimised(an_trial *t)
{
    an_equivalence *r = t->result;
    r->optimised = an_optimise(.graph = t->side[0].g, .passes = t->args->passes);
    t->side[1].g = r->graph[1] = an_optimised_graph(r->optimised);
    if (t->side[1].g) return AN_OK;
    return an_fail(&t->error, an_optimised_status(r->optimised), "the passes failed: %.900s",
                   an_optimised_message(r->optimised));
}

an_status an_trial_open(an_trial *t)
{
    const an_equivalent_args *args = t->args;
    const an_graph *const given[2] = {args->a, args->b};
    for (int s = 0; s < 2; s++)
        if (given[s] && an_graph_status(given[s]) != AN_OK)
            return an_fail(&t->error, an_graph_status(given[s]), "%s", an_graph_message(given[s]));
    an_status status = open_side(t, 0, args->a, args->subset ? args->b : NULL);
    if (status == AN_OK) status = args->b ? open_side(t, 1, args->b, NULL) : open_optimised(t);
    if (status == AN_OK) status = match_ops(t);
    if (status == AN_OK) status = match_values(t);
    if (status == AN_OK) status = match_leaves(t);
    if (status == AN_OK) status = match_outputs(t);
    if (status == AN_OK) status = match_updates(t);
    if (status == AN_OK) status = match_all_pending(t);
    return status;
}
