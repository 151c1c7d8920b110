/* trial.c -- runs both graphs, and the first in f64, on the same data, step after step.
 *
 * All three run in the interpreter, which shares nothing with the planner. Before
 * each node its results are poisoned; behind each tensor lies a guard. The truth costs
 * most and judges differences only, so past the first step it is caught up with when
 * there is one.                                                              */
#include "graph/equal/trial.h"

#include "core/pool.h"
#include "graph/run/store.h"
#include "ops/access.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- leaves ------------------------------------------------------------- */

static void copy_values(const an_tensor *from, an_tensor *to)
{
    if (from->dtype == to->dtype) {
        memcpy(to->data, from->data, (size_t)an_tensor_bytes(from));
        return;
    }
    for (int64_t i = 0, count = an_elements(from); i < count; i++) an_put(to, i, an_get(from, i));
}

/* All sides get the first one's values, but for states that are to start each as its own graph
 * says. */
static bool fill_leaves(an_trial *t, const an_draw *draw)
{
    const an_graph *a = t->side[0].g, *b = t->side[1].g;
    an_evaluation *e = &t->side[0].e;
    if (!an_trial_fill(e, draw)) return an_fail(&t->error, AN_E_MEMORY, "out of memory"), false;
    for (int64_t i = 0; i < a->leaf_count; i++)
        copy_values(&e->value[a->leaves[i].value], &t->truth[0].e.value[a->leaves[i].value]);
    for (int64_t i = 0; i < b->leaf_count; i++) {
        const uint32_t id = b->leaves[i].value;
        const an_node *n = an_node_of(b, id);
        an_status status = AN_OK;
        if (an_node_is_state(n) && an_draw_starts(draw))
            status = an_initialise(&n->attrs->init, n->name, draw->seed, &t->side[1].e.value[id]);
        else
            copy_values(&e->value[an_graph_leaf(a, b->leaves[i].name)], &t->side[1].e.value[id]);
        if (status != AN_OK) return an_fail(&t->error, status, "out of memory"), false;
        if (an_trial_has_both(t)) copy_values(&t->side[1].e.value[id], &t->truth[1].e.value[id]);
    }
    t->truth_steps[0] = t->truth_steps[1] = 0;
    return true;
}

/* ---- extents ----------------------------------------------------------- */

/* What dims are bound to that nobody bound: different ones, so that a dim read in place of
 * another shows; powers of two where nothing is to be rounded. If a graph cannot take such
 * (a table has fewer rows), smaller ones are tried, and at last 4 for all. */
#define SETS 3
static int64_t usual_extent(const an_trial *t, int set, int i)
{
    static const int64_t large[] = {3, 5, 7, 11, 13, 17}, small[] = {2, 3, 4, 5, 6, 7};
    static const int64_t exact[] = {4, 8, 2, 16, 32, 1};
    if (t->args->extent > 0) return t->args->extent;
    if (set == SETS - 1) return 4;
    if (t->args->data == AN_DATA_EXACT) return exact[i % 6];
    return (set == 0 ? large : small)[i % 6] + i / 6;
}

/* A dim has the extent that it has in the first graph; those that only the second names come
 * behind. */
static int64_t extent_of(const an_trial *t, const int64_t *first, int set, const an_dims *dims,
                         int i)
{
    const an_dims *known = t->side[0].g->dims;
    const int names = an_dims_names(known);
    for (int k = 0; k < names; k++)
        if (!strcmp(an_dims_name_at(dims, i), an_dims_name_at(known, k))) return first[k];
    return usual_extent(t, set, names + i);
}

/* The extents of side 0 or 1, by its own dims; the caller's. */
static int64_t *extents_of(an_trial *t, const int64_t *first, int set, int side)
{
    const an_dims *dims = t->side[side].g->dims;
    const int names = an_dims_names(dims);
    int64_t *bound = an_alloc_zeroed((names + 1) * (int64_t)sizeof *bound);
    for (int i = 0; bound && i < names; i++) bound[i] = extent_of(t, first, set, dims, i);
    if (!bound) an_fail(&t->error, AN_E_MEMORY, "out of memory");
    return bound;
}

static an_status bind_side(an_trial *t, const int64_t *bound, an_trial_side *s)
{
    s->e.guarded = true;
    const an_status status = an_evaluation_begin(&s->e, s->g, bound);
    return status == AN_OK ? AN_OK : an_fail_text(&t->error, status, s->e.error.text);
}

/* Both sides and their truths; nothing is allocated before it is known how much that is. */
static an_status bind_all(an_trial *t, int64_t *first, int set)
{
    const int names = an_dims_names(t->side[0].g->dims);
    int64_t *bound[2] = {NULL, NULL};
    an_status status = an_graph_bind(t->side[0].g, t->args->bind, -1, first, &t->error);
    for (int i = 0; i < names; i++)
        if (first[i] < 0) first[i] = usual_extent(t, set, i);
    int64_t largest = 0;
    t->result->bytes = 0;
    for (int s = 0; s < 2 && status == AN_OK; s++) {
        t->truth[s].g = t->side[s].g;
        t->truth[s].e.shadow = true;
        bound[s] = extents_of(t, first, set, s);
        status = bound[s] ? an_trial_needs(t, s, bound[s], &largest) : AN_E_MEMORY;
    }
    if (status == AN_OK) status = an_trial_check_needs(t);
    for (int s = 0; s < 2 && status == AN_OK; s++) {
        status = bind_side(t, bound[s], &t->side[s]);
        if (status == AN_OK && (s == 0 || an_trial_has_both(t)))
            status = bind_side(t, bound[s], &t->truth[s]);
    }
    an_free(bound[0]);
    an_free(bound[1]);
    return status;
}

static void unbind(an_trial *t)
{
    an_trial_side *const sides[] = {&t->side[0], &t->side[1], &t->truth[0], &t->truth[1]};
    for (int s = 0; s < 4; s++) {
        an_evaluation_free(&sides[s]->e);
        sides[s]->e = (an_evaluation){.graph = sides[s]->g};
    }
    t->error = (an_error){0};
}

/* Whether the interpreter can carry out every node at these extents: ends of slices and rows
 * of tables are checked by nobody else. */
static bool runs(an_trial *t)
{
    const bool filled = fill_leaves(t, &(an_draw){.seed = t->args->seed});
    const an_status status = filled ? an_evaluation_run(&t->side[0].e) : AN_E_MEMORY;
    if (status == AN_E_MEMORY) an_fail(&t->error, status, "out of memory");
    return status == AN_OK;
}

an_status an_trial_bind_sides(an_trial *t)
{
    const int names = an_dims_names(t->side[0].g->dims);
    int64_t *bound = an_alloc_zeroed((names + 1) * (int64_t)sizeof *bound);
    if (!bound) return an_fail(&t->error, AN_E_MEMORY, "out of memory");
    const bool free = t->args->extent <= 0 && names > 0;
    an_status status = AN_OK;
    for (int set = 0; set < SETS; set++) {
        status = bind_all(t, bound, set);
        const bool last = !free || set == SETS - 1 || status == AN_E_MEMORY;
        if (last || (status == AN_OK && runs(t))) break;
        if (t->error.status == AN_E_MEMORY) { /* which says nothing of these extents */
            status = AN_E_MEMORY;
            break;
        }
        unbind(t);
    }
    an_free(bound);
    return status;
}

/* ---- data -------------------------------------------------------------- */

static bool is_leaf(const an_graph *g, uint32_t value)
{
    return an_node_of(g, value)->op->traits & AN_TRAIT_LEAF;
}

/* All states at once, as a run commits them: a new value that is a state itself must be
 * kept before that one changes. */
static an_status feed_back(an_trial *t, an_trial_side *s, int which)
{
    const int64_t count = t->result->compared_count;
    an_tensor *kept = an_alloc_zeroed((count + 1) * (int64_t)sizeof *kept);
    an_status status = kept ? AN_OK : AN_E_MEMORY;
    for (int64_t i = 0; i < count && status == AN_OK; i++)
        if (t->pairs[i].state[which] && is_leaf(s->g, t->pairs[i].value[which]))
            status = an_tensor_copy(&kept[i], &s->e.value[t->pairs[i].value[which]]);
    for (int64_t i = 0; i < count && status == AN_OK; i++)
        if (t->pairs[i].state[which])
            copy_values(kept[i].data ? &kept[i] : &s->e.value[t->pairs[i].value[which]],
                        &s->e.value[t->pairs[i].state[which]]);
    for (int64_t i = 0; kept && i < count; i++) an_tensor_free(&kept[i]);
    an_free(kept);
    return status == AN_OK ? AN_OK : an_fail(&t->error, status, "out of memory");
}

/* ---- running ----------------------------------------------------------- */

static void evaluate_two(void *evaluations, int64_t begin, int64_t end)
{
    an_evaluation *const *e = evaluations;
    for (int64_t i = begin; i < end; i++) an_evaluation_run(e[i]);
}

static an_status check_side(an_trial *t, const an_trial_side *s)
{
    const an_error *error = &s->e.error;
    return error->status == AN_OK ? AN_OK : an_fail_text(&t->error, error->status, error->text);
}

an_status an_trial_catch_up(an_trial *t, int graph)
{
    an_status status = AN_OK;
    an_trial_side *truth = &t->truth[graph];
    for (int *done = &t->truth_steps[graph]; *done <= t->step && status == AN_OK; ++*done) {
        if (*done > 0) status = feed_back(t, truth, graph);
        if (status == AN_OK) an_evaluation_run(&truth->e);
        if (status == AN_OK) status = check_side(t, truth);
    }
    return status;
}

/* The first step of a round is run in f64 beside the graphs, on another thread if there
 * is one; later steps when a difference asks for it. */
static an_status run_step(an_trial *t, an_status (*look)(an_trial *t))
{
    an_evaluation *first[] = {&t->truth[0].e, &t->side[0].e}, *later[] = {&t->side[0].e,
                                                                       &t->side[1].e};
    if (t->step == 0) {
        an_pool_run(2, evaluate_two, first);
        an_evaluation_run(&t->side[1].e);
        t->truth_steps[0] = 1;
    } else {
        an_pool_run(2, evaluate_two, later);
    }
    an_status status = check_side(t, &t->side[0]);
    if (status == AN_OK) status = check_side(t, &t->side[1]);
    if (status == AN_OK) status = check_side(t, &t->truth[0]);
    if (status == AN_OK) status = look(t);
    if (status == AN_OK) status = feed_back(t, &t->side[0], 0);
    if (status == AN_OK) status = feed_back(t, &t->side[1], 1);
    return status;
}

/* What the first step makes of zeros, a velocity say, is seen at the second. */
static int steps_of(const an_trial *t)
{
    const an_graph *g = t->side[1].g;
    bool updates = false; /* what is pending waits for a table */
    for (int64_t i = 0; i < g->commit_count; i++)
        updates = updates || g->commits[i].set != AN_PENDING;
    return t->args->steps > 0 ? t->args->steps : updates ? 2 : 1;
}

an_status an_trial_round(an_trial *t, const an_draw *draw, an_status (*look)(an_trial *t))
{
    an_status status = fill_leaves(t, draw) ? AN_OK : AN_E_MEMORY;
    for (t->step = 0; t->step < steps_of(t) && status == AN_OK; t->step++)
        status = run_step(t, look);
    return status;
}

an_status an_trial_run(an_trial *t, an_status (*look)(an_trial *t))
{
    const int variants = an_trial_variants(t->args->data);
    const int seeds = t->args->seeds > 0 ? t->args->seeds : variants;
    an_status status = AN_OK;
    for (t->round = 0; t->round < seeds && status == AN_OK; t->round++) {
        const an_draw draw = {.seed = t->args->seed + (uint64_t)t->round, .data = t->args->data,
                              .variant = variants > 0 ? t->round % variants : 0, .at = {0, 1}};
        status = an_trial_round(t, &draw, look);
    }
    return status;
}

void an_trial_close(an_trial *t)
{
    an_evaluation_free(&t->side[0].e);
    an_evaluation_free(&t->side[1].e);
    an_evaluation_free(&t->truth[0].e);
    an_evaluation_free(&t->truth[1].e);
    an_free(t->partner[0]);
    an_free(t->partner[1]);
    an_free(t->pairs);
}

/* ---- what checks share -------------------------------------------------- */

void an_check_fail(an_check_row *row, an_verdict verdict, const char *format, ...)
{
    row->failed++;
    if (verdict > row->verdict || row->verdict == AN_VACUOUS) row->verdict = verdict;
    if (row->message[0]) return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(row->message, sizeof row->message, format, arguments);
    va_end(arguments);
}
