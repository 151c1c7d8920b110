/* trial_data.c -- see trial_data.h. */
#include "graph/equal/trial_data.h"

#include "graph/run/store.h"
#include "ops/access.h"

#include <math.h>
#include <string.h>

/* ---- what a leaf is for ------------------------------------------------ */

typedef struct purpose {
    int64_t bound;    /* integers: exclusive upper bound; 0: unknown */
    bool label;       /* floats: 0 or 1 */
    bool factor;      /* of a matrix product */
    bool weight;      /* read by something other than an optimizer step's moments */
    an_addend addend; /* of the first addition that reads it beside another leaf */
} purpose;

static int64_t extent_at(const an_evaluation *e, uint32_t value, int axis)
{
    const an_shape *shape = &an_slot_type(e->graph, value)->shape;
    const int i = an_axis(axis, shape->rank);
    return i >= 0 && i < shape->rank ? an_dim_extent(shape->dim[i], e->extent) : 0;
}

/* In how many places along the axis of operand 0 that part of the node may begin. */
static int64_t places_for(const an_evaluation *e, const an_node *n, int part)
{
    const int axis = n->attrs->axis;
    return extent_at(e, n->in[0], axis) - extent_at(e, an_node_role(n, part), axis) + 1;
}

/* The bound that node n puts on its integer operand i; 0: none. */
static int64_t bound_by(const an_evaluation *e, const an_node *n, int i)
{
    const an_bound *b = &n->op->rules->index;
    if (i != b->operand) return 0;
    switch (b->by) {
    case AN_BOUND_NONE: return 0;
    case AN_BOUND_EXTENT: return extent_at(e, n->in[b->of], b->axis);
    case AN_BOUND_LENGTH: return extent_at(e, n->in[b->of], b->axis) + 1;
    case AN_BOUND_AXIS: return extent_at(e, n->in[0], n->attrs->axis);
    case AN_BOUND_START: return places_for(e, n, b->axis);
    case AN_BOUND_SIZE: return an_dim_extent(n->attrs->size, e->extent);
    }
    return 0;
}

static void judge_use(const an_evaluation *e, const an_node *n, int i, purpose *p)
{
    const bool moment = n->op->category == AN_CATEGORY_OPTIMIZER && i > 0;
    p->weight = p->weight || !moment;
    p->label = p->label || an_has_operand(n->op->rules->labels, i);
    p->factor = p->factor || an_has_operand(n->op->rules->factors, i);
    const int64_t bound = bound_by(e, n, i);
    if (bound > 0 && (p->bound == 0 || bound < p->bound)) p->bound = bound;
}

static bool is_leaf(const an_graph *g, uint32_t value)
{
    return value && an_node_is_named(an_node_of(g, value));
}

/* An addition of two leaves says to both as which operand it reads them. */
static void judge_addition(const an_graph *g, const an_node *n, purpose *of)
{
    if (!n->op->rules->adds || !is_leaf(g, n->in[0]) || !is_leaf(g, n->in[1])) return;
    const bool twice = n->in[0] == n->in[1];
    for (int k = 0; k < 2; k++)
        if (of[n->in[k]].addend == AN_ALONE)
            of[n->in[k]].addend = twice ? AN_ADDEND_TWICE : k ? AN_ADDEND_SECOND : AN_ADDEND_FIRST;
}

/* What each leaf is for, by its value; NULL if memory is out. Looks at all users, and through
 * nodes that only move elements. */
static purpose *purposes_of(const an_evaluation *e)
{
    const an_graph *g = e->graph;
    purpose *of = an_alloc_zeroed((g->slot_count + 1) * (int64_t)sizeof *of);
    uint32_t *from = an_alloc_zeroed((g->slot_count + 1) * (int64_t)sizeof *from);
    for (int64_t i = 0; of && from && i < g->leaf_count; i++)
        from[g->leaves[i].value] = g->leaves[i].value;
    for (int64_t i = 1; of && from && i <= g->node_count; i++) {
        const an_node *n = &g->nodes[i];
        judge_addition(g, n, of);
        for (int k = 0; k < n->inputs; k++) {
            if (!n->in[k] || !from[n->in[k]]) continue;
            judge_use(e, n, k, &of[from[n->in[k]]]);
            if (n->op->rules->moves) from[n->first] = from[n->in[k]];
        }
    }
    if (!from) an_free(of), of = NULL;
    an_free(from);
    return of;
}

/* ---- values ------------------------------------------------------------ */

double an_plain_value(const an_stream *s, int64_t i)
{
    const double u = an_draw_uniform(s, i);
    return i > 0 && an_random_bits_at(s, i) % 8 == 0 ? 0 : 4 * u - 2;
}

static double scale_of(bool state, const an_tensor *t)
{
    if (!state || t->rank < 2 || t->extent[t->rank - 2] < 1) return 1;
    return 1 / sqrt((double)t->extent[t->rank - 2]);
}

static void fill_integers(const an_stream *s, const purpose *p, an_tensor *t)
{
    const int64_t bound = t->dtype == AN_BOOL ? 2 : p->bound > 0 ? p->bound : 2;
    for (int64_t i = 0, count = an_elements(t); i < count; i++)
        an_put_int(t, i, (int64_t)(an_draw_uniform(s, i) * (double)bound));
}

static void fill_labels(const an_stream *s, an_tensor *t)
{
    for (int64_t i = 0, count = an_elements(t); i < count; i++)
        an_put(t, i, (double)(an_random_bits_at(s, i) & 1));
}

/* Kernels are scaled by the root of their rows, or deep graphs would saturate. */
static void fill_plain(const an_leaf_fill *l, an_tensor *t)
{
    for (int64_t i = 0, count = an_elements(t); i < count; i++)
        an_put(t, i, an_plain_value(&l->own, i) * l->scale);
}

/* A counter or key goes on from where it starts, for much is the same in the first step. A
 * moment is a few sixteenths: of m and v only the latter must not be negative, and on exact data
 * nothing is rounded. */
static bool fill_unread(const an_node *n, uint64_t seed, const an_stream *s, an_tensor *t)
{
    const bool moment = an_dtype_is_float(t->dtype);
    if (an_initialise(&n->attrs->init, n->name, seed, t) != AN_OK) return false;
    for (int64_t i = 0, count = t->dtype == AN_BOOL ? 0 : an_elements(t); i < count; i++)
        if (moment) an_put(t, i, an_get(t, i) + (1 + an_random_bits_at(s, i) % 4) / 16.0);
        else an_put_int(t, i, an_get_int(t, i) + 1);
    return true;
}

static const char *plain_name(int variant)
{
    return variant == 0 ? "plain" : NULL;
}

static const struct {
    const char *(*name)(int variant);
    void (*fill)(const an_leaf_fill *l, an_tensor *t);
} kinds[] = {
    [AN_DATA_PLAIN] = {plain_name, fill_plain},
    [AN_DATA_HARD] = {an_hard_name, an_hard_fill},
    [AN_DATA_EXACT] = {an_exact_name, an_exact_fill},
    [AN_DATA_AIMED] = {an_aimed_name, an_aimed_fill},
};

int an_trial_variants(an_trial_kind data)
{
    int n = 0;
    while (an_trial_variant_name(data, n)) n++;
    return n;
}

const char *an_trial_variant_name(an_trial_kind data, int variant)
{
    const bool known = (unsigned)data < sizeof kinds / sizeof *kinds && variant >= 0;
    return known ? kinds[data].name(variant) : NULL;
}

static bool fill_leaf(const an_evaluation *e, uint32_t id, const purpose *p, const an_draw *draw)
{
    an_tensor *t = &e->value[id];
    const uint64_t seed = draw->seed;
    const an_node *n = an_node_of(e->graph, id);
    const bool state = an_node_is_state(n);
    const bool is_float = an_dtype_is_float(t->dtype);
    const an_stream s = {.seed = seed, .step = 1, .stream = (uint32_t)an_hash_string(n->name)};
    if (state && an_draw_starts(draw))
        return an_initialise(&n->attrs->init, n->name, seed, t) == AN_OK;
    if (state && (is_float ? !p->weight : !p->bound)) return fill_unread(n, seed, &s, t);
    if (!is_float) fill_integers(&s, p, t);
    else if (p->label) fill_labels(&s, t);
    else kinds[draw->data].fill(&(an_leaf_fill){.e = e, .id = id, .variant = draw->variant,
                                                .addend = p->addend, .state = state,
                                                .kernel = state && p->factor,
                                                .scale = scale_of(state, t), .own = s,
                                                .shared = {.seed = seed, .step = 2},
                                                .at = draw->at}, t);
    return true;
}

bool an_trial_fill(const an_evaluation *e, const an_draw *draw)
{
    const an_graph *g = e->graph;
    purpose *of = purposes_of(e);
    bool good = of != NULL;
    for (int64_t i = 0; good && i < g->leaf_count; i++)
        if (!e->only_inputs || an_node_is_input(an_node_of(g, g->leaves[i].value)))
            good = fill_leaf(e, g->leaves[i].value, &of[g->leaves[i].value], draw);
    an_free(of);
    return good;
}
