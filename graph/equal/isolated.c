/* isolated.c -- see isolated.h: a node cut out of its graph, small enough to be tried often.
 *
 * A node of up to OWN elements keeps its extents and the operands that it had in the trial. A
 * larger one is made smaller: every named dim is 3, its operands are drawn as leaves of the
 * small graph would be (so ids stay within bounds), and if that is not enough, for tables of
 * literal size, literal extents above 8 are halved until it is, all of them alike, so that a
 * multiple stays one. Where an op does not take that, the node is passed over.
 *
 * The rule is not asked through a loss: the gradients that reach the results are inputs, so
 * that no other op's rule has a part in what comes out.                                    */
#include "graph/equal/isolated.h"

#include "ops/recurrent/recurrent.h"

#include <stdio.h>
#include <string.h>

#define OWN (1 << 14)
#define SMALL (1 << 17)
#define NAMED 3

/* ---- extents ----------------------------------------------------------- */

static int64_t cut(const an_isolated *p, int64_t extent)
{
    if (p->own || p->shift == 0 || extent <= 8) return extent;
    return extent >> p->shift > 2 ? extent >> p->shift : 2;
}

static an_dim translate(const an_isolated *p, an_dim d)
{
    return d >= 0 ? cut(p, d) : an_dims_translate(p->g->dims, p->side->g->dims, d);
}

static an_shape translate_shape(const an_isolated *p, const an_shape *shape)
{
    an_shape there = {.rank = shape->rank};
    for (int i = 0; i < shape->rank; i++) there.dim[i] = translate(p, shape->dim[i]);
    return there;
}

/* Elements of a value at the small extents; derived dims count as named ones. */
static double elements(const an_isolated *p, uint32_t value)
{
    const an_shape *shape = &an_slot_type(p->side->g, value)->shape;
    double count = 1;
    for (int i = 0; i < shape->rank; i++)
        count *= shape->dim[i] >= 0 ? (double)cut(p, shape->dim[i]) : NAMED;
    return count;
}

static double size_of(const an_isolated *p, const an_node *n)
{
    double count = 0;
    for (int i = 0; i < n->inputs + n->outputs; i++) {
        const uint32_t v = i < n->inputs ? n->in[i] : n->first + (uint32_t)(i - n->inputs);
        if (v) count += p->own ? (double)an_tensor_count(&p->side->e.value[v]) : elements(p, v);
    }
    return count;
}

static void choose_size(an_isolated *p, const an_node *n)
{
    p->own = true;
    if (size_of(p, n) <= OWN) return;
    p->own = false;
    while (size_of(p, n) > SMALL && p->shift < 24) p->shift++;
}

/* ---- the graph --------------------------------------------------------- */

static an_value add_input(an_isolated *p, const char *letter, int i, uint32_t like)
{
    char name[16];
    snprintf(name, sizeof name, "%s%d", letter, i);
    const an_type *type = an_slot_type(p->side->g, like);
    return an_input(p->g, name, type->dtype, translate_shape(p, &type->shape));
}

static bool is_differentiable(const an_isolated *p, const an_node *n, int k, uint32_t here)
{
    return an_dtype_is_float(an_slot_type(p->g, here)->dtype) &&
           !an_has_operand(n->op->rules->closed, k);
}

static bool add_node(an_isolated *p, const an_node *n)
{
    for (int i = 0; i < n->inputs; i++)
        p->in[i] = n->in[i] ? add_input(p, "in", i, n->in[i]) : AN_NONE;
    an_attrs attrs = *n->attrs;
    an_attrs_translate(n->op, &attrs, p->g->dims, p->side->g->dims);
    for (int i = 0; i < attrs.shape.rank; i++)
        if (attrs.shape.dim[i] >= 0) attrs.shape.dim[i] = cut(p, attrs.shape.dim[i]);
    if (attrs.size >= 0) attrs.size = cut(p, attrs.size);
    const an_value y = an_emit_op(n->at, n->op, p->in, n->inputs, &attrs);
    if (an_graph_status(p->g) != AN_OK || !y.id) return false;
    p->node = p->g->slots[y.id].node;
    for (int k = 0; k < n->outputs; k++) {
        const uint32_t here = y.id + (uint32_t)k;
        if (!is_differentiable(p, n, k, here)) continue;
        p->y[p->outputs] = (an_value){p->g, here};
        p->dy[p->outputs] = add_input(p, "dy", k, n->first + (uint32_t)k);
        p->outputs++;
    }
    return p->outputs > 0;
}

static bool differentiate(an_isolated *p, const an_node *n)
{
    const uint32_t constant = n->op->rules->constant_in;
    for (int i = 0; i < n->inputs; i++) {
        if (!n->in[i] || an_has_operand(constant, i)) continue;
        if (!an_dtype_is_float(an_slot_type(p->g, p->in[i].id)->dtype)) continue;
        p->operand[p->operands] = i;
        p->wrt[p->operands++] = p->in[i];
    }
    return p->operands > 0 && an_gradients_from(p->y, p->dy, p->outputs, p->wrt, p->operands,
                                                p->dx) == AN_OK;
}

/* ---- values ------------------------------------------------------------ */

static bool bind(an_isolated *p, an_status *status)
{
    const an_dims *dims = p->g->dims, *from = p->side->g->dims;
    const int names = an_dims_names(dims);
    int64_t *bound = an_alloc_zeroed((names + 1) * (int64_t)sizeof *bound);
    for (int i = 0; bound && i < names; i++) {
        bound[i] = NAMED;
        for (int k = 0; p->own && k < an_dims_names(from); k++)
            if (!strcmp(an_dims_name_at(dims, i), an_dims_name_at(from, k)))
                bound[i] = p->side->e.bound[k];
    }
    p->e.shadow = true;
    *status = bound ? an_evaluation_begin(&p->e, p->g, bound) : AN_E_MEMORY;
    an_free(bound);
    return *status == AN_OK;
}

static an_status fill(an_isolated *p, const an_node *n)
{
    if (!an_trial_fill(&p->e, &(an_draw){.seed = 1})) return AN_E_MEMORY;
    for (int i = 0; p->own && i < n->inputs; i++) {
        if (!n->in[i]) continue;
        const an_tensor *value = &p->side->e.value[n->in[i]];
        for (int64_t k = 0; k < an_tensor_count(value); k++)
            an_tensor_set(&p->e.value[p->in[i].id], k, an_tensor_get(value, k));
    }
    return AN_OK;
}

static bool make_room(an_isolated *p, const an_node *n)
{
    const int64_t values = 3 * n->inputs + 2 * (int64_t)n->outputs;
    p->in = an_arena_alloc(&p->room, values * (int64_t)sizeof *p->in);
    p->operand = an_arena_alloc(&p->room, (n->inputs + 1) * (int64_t)sizeof *p->operand);
    if (!p->in || !p->operand) return false;
    p->wrt = p->in + n->inputs;
    p->dx = p->wrt + n->inputs;
    p->y = p->dx + n->inputs;
    p->dy = p->y + n->outputs;
    return true;
}

an_status an_isolated_open(an_isolated *p, const an_trial_side *side, uint32_t number, bool *shows)
{
    const an_node *n = &side->g->nodes[number];
    *p = (an_isolated){.side = side, .number = number};
    choose_size(p, n);
    p->g = an_graph_new("isolated");
    an_status status = AN_OK;
    const bool room = p->g && make_room(p, n);
    *shows = room && add_node(p, n) && differentiate(p, n) && bind(p, &status);
    if (!room || an_graph_status(p->g) == AN_E_MEMORY) status = AN_E_MEMORY;
    if (*shows) status = fill(p, n);
    if (status != AN_OK) *shows = false;
    return status == AN_E_MEMORY ? status : AN_OK;
}

void an_isolated_close(an_isolated *p)
{
    an_evaluation_free(&p->e);
    an_graph_free(p->g);
    an_arena_free(&p->room);
}
