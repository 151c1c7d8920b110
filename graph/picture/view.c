/* view.c -- from nodes to boxes. */
#include "graph/picture/view.h"

#include <string.h>

/* ---- boxes ------------------------------------------------------------- */

static uint32_t unit_for(an_view *v, uint32_t number)
{
    const an_node *n = &v->g->nodes[number];
    int length;
    const char *scope = an_view_scope(v->g, n, &length);
    const an_phase phase = (an_phase)v->phase[number];
    const bool outside = v->outside[number];
    const int cut = outside ? an_view_outside_cut(v, scope, length) : length;
    const uint32_t box = an_view_box(v, phase, scope, cut);
    if (!box) return 0;
    for (uint32_t b = v->times[number] ? box : 0; b; b = v->boxes[b].parent)
        if (v->boxes[b].length == v->reach[number]) v->boxes[b].times = v->times[number];
    an_unit unit = {.kind = AN_UNIT_NODE, .phase = phase, .first = number, .box = box,
                    .outside = outside};
    const bool step = n->op->traits & AN_TRAIT_STEP;
    const bool beside = phase == AN_PHASE_UPDATE && !step && length > 0 && !v->open_updates;
    const bool closed = beside || (outside && cut > 0) || an_view_level(v, box) > v->depth;
    const bool deep = closed && !an_node_is_input(n);
    if (deep) {
        if (v->boxes[box].collapsed) return v->boxes[box].collapsed;
        unit.kind = AN_UNIT_SCOPE;
        unit.box = v->boxes[box].parent;
    } else if (step) {
        if (v->boxes[box].steps) return v->boxes[box].steps;
        unit.kind = AN_UNIT_STEPS;
    }
    const uint32_t id = an_view_unit(v, &unit);
    if (deep) v->boxes[box].collapsed = id;
    else if (step) v->boxes[box].steps = id;
    return id;
}

void an_view_file(an_view *v, uint32_t u, uint32_t i)
{
    if (v->units[u].nodes++ > 0) v->next_in_unit[v->last_in_unit[u]] = i;
    v->last_in_unit[u] = i;
}

/* What repeats another node is drawn as that. A closed scope around all repetitions counts them. */
static void file_repetitions(an_view *v)
{
    for (uint32_t i = 1; (int64_t)i <= v->g->node_count; i++) {
        const uint32_t as = v->alike[i], u = as ? v->unit_of[as] : 0;
        if (!as || v->hidden[i]) continue;
        v->shown++;
        v->unit_of[i] = u;
        if (!u || v->units[u].kind != AN_UNIT_SCOPE) continue;
        int length;
        const char *path = an_view_scope(v->g, &v->g->nodes[as], &length);
        if (an_view_cut(v, path, length) < v->reach[as]) an_view_file(v, u, i);
    }
}

bool an_view_units(an_view *v)
{
    v->unit_count = v->shown = v->around = 0;
    if (!an_view_lanes(v)) return false;
    for (uint32_t i = 1; (int64_t)i <= v->g->node_count; i++) {
        v->unit_of[i] = v->next_in_unit[i] = 0;
        if (v->hidden[i] || v->alike[i]) continue;
        v->shown++;
        v->around += v->outside[i];
        if (v->folded[i]) continue;
        const uint32_t u = unit_for(v, i);
        if (!u) return false;
        v->unit_of[i] = u;
        an_view_file(v, u, i);
    }
    file_repetitions(v);
    for (int64_t u = 1; u <= v->unit_count; u++) {
        an_unit *unit = &v->units[u];
        const bool step = v->g->nodes[unit->first].op->traits & AN_TRAIT_STEP;
        if (unit->kind == AN_UNIT_SCOPE && unit->nodes == 1)
            unit->kind = step ? AN_UNIT_STEPS : AN_UNIT_NODE;
    }
    return true;
}

/* ---- the whole --------------------------------------------------------- */

#define SINGLE_OUTPUTS 6 /* of one box that have boxes of their own */

/* Of many outputs of one box all but the first few are one. */
bool an_view_outputs(an_view *v)
{
    const an_graph *g = v->g;
    int64_t *of = an_alloc_zeroed((v->unit_count + 1) * (int64_t)sizeof *of);
    int64_t *last = an_alloc_zeroed((v->unit_count + 1) * (int64_t)sizeof *last);
    an_free(v->outputs);
    v->outputs = an_alloc_zeroed((g->output_count + 1) * (int64_t)sizeof *v->outputs);
    const bool good = of && last && v->outputs;
    for (int64_t i = 0; good && i < g->output_count; i++) {
        const uint32_t unit = v->unit_of[g->slots[g->outputs[i].value].node];
        if (!unit) continue;
        if (of[unit]++ < SINGLE_OUTPUTS) last[unit] = i;
        v->outputs[last[unit]]++;
    }
    an_free(of);
    an_free(last);
    return good;
}

static bool reserve(an_view *v)
{
    const int64_t n = v->g->node_count + 1, words = n * (int64_t)sizeof(uint32_t);
    v->unit_of = an_alloc_zeroed(words);
    v->next_in_unit = an_alloc_zeroed(words);
    v->last_in_unit = an_alloc_zeroed(words);
    v->phase = an_alloc_zeroed(n);
    v->folded = an_alloc_zeroed(n);
    v->hidden = an_alloc_zeroed(n);
    v->outside = an_alloc_zeroed(n);
    v->alike = an_alloc_zeroed(words);
    v->block = an_alloc_zeroed(words);
    v->times = an_alloc_zeroed(words);
    v->reach = an_alloc_zeroed(words);
    return v->alike && v->block && v->times && v->reach && v->unit_of && v->next_in_unit &&
           v->last_in_unit && v->phase && v->folded && v->hidden && v->outside;
}

static bool find_commits(an_view *v)
{
    const an_graph *g = v->g;
    v->becomes = an_alloc_zeroed((g->node_count + 1) * (int64_t)sizeof *v->becomes);
    v->becomes_next = an_alloc_zeroed((g->commit_count + 1) * (int64_t)sizeof *v->becomes_next);
    if (!v->becomes || !v->becomes_next) return false;
    for (int64_t c = g->commit_count - 1; c >= 0; c--) {
        const an_commit *row = &g->commits[c];
        if (row->set == AN_PENDING && an_graph_both_take(g, row, g, row)) continue; /* a table's */
        uint32_t *first = &v->becomes[g->slots[g->commits[c].value].node];
        v->becomes_next[c] = *first;
        *first = (uint32_t)c + 1;
    }
    return true;
}

static bool take_profile(an_view *v, const an_dot_args *args)
{
    const an_profile *f = args->profile;
    if (!f || f->program->graph != v->g || an_profile_runs(f) == 0) return true;
    v->seconds = an_alloc_zeroed((v->g->node_count + 1) * (int64_t)sizeof *v->seconds);
    if (v->seconds) an_profile_by_node(f, v->seconds);
    v->whole = an_profile_seconds(f) * an_profile_threads(f);
    for (int64_t i = 1; v->seconds && i <= v->g->node_count; i++) {
        if (!v->alike[i]) continue;
        v->seconds[v->alike[i]] += v->seconds[i];
        v->seconds[i] = 0;
    }
    return v->seconds != NULL;
}

double an_view_seconds(const an_view *v, const an_unit *u)
{
    double sum = 0;
    if (!v->seconds || u->kind == AN_UNIT_GHOST) return 0;
    for (uint32_t i = u->first; i; i = v->next_in_unit[i]) sum += v->seconds[i];
    return sum;
}

/* Whether what repeats is drawn once: not if all is asked for, a place, or a comparison. */
static bool folds(const an_view *v, const an_dot_args *args)
{
    return !args->whole && !args->focus && !args->scope && !args->from && !args->to &&
           !args->diff && !v->beside;
}

bool an_view_make(an_view *v, const an_dot_args *args)
{
    v->g = args->graph;
    v->before = args->diff;
    v->open_updates = args->depth != 0 || args->whole || args->focus || args->scope || args->phase;
    return reserve(v) && an_graph_phases(v->g, v->phase) &&
           (!folds(v, args) || an_view_alike(v, args->unfold)) && find_commits(v) &&
           take_profile(v, args) && an_view_fold(v) &&
           an_view_select(v, args) && an_view_open(v, args);
}

void an_view_free(an_view *v)
{
    an_free(v->units);
    an_free(v->boxes);
    an_free(v->edges);
    an_free(v->unit_of);
    an_free(v->next_in_unit);
    an_free(v->last_in_unit);
    an_free(v->phase);
    an_free(v->folded);
    an_free(v->again);
    an_free(v->operands);
    an_free(v->becomes);
    an_free(v->becomes_next);
    an_free(v->hidden);
    an_free(v->outside);
    an_free(v->alike);
    an_free(v->block);
    an_free(v->times);
    an_free(v->reach);
    an_free(v->seconds);
    an_free(v->outputs);
    an_index_free(&v->by_path);
    an_view_forget(v);
}
