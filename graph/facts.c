/* facts.c -- what can be said of a graph as it stands: of its nodes and values, for
 * whoever draws, counts, plans or verifies it. Nothing here adds a node.        */
#include "graph/ir.h"

#include <math.h>
#include <string.h>

/* ---- counting and comparing -------------------------------------------- */

int64_t an_graph_node_count(const an_graph *g)
{
    return g ? g->node_count : 0;
}

int64_t an_graph_count(const an_graph *g, const char *op)
{
    int64_t count = 0;
    for (int64_t i = 1; g && op && i <= g->node_count; i++)
        count += !strcmp(g->nodes[i].op->name, op);
    return count;
}

int64_t an_graph_add_norms(const an_graph *g)
{
    int64_t count = 0;
    for (int64_t i = 1; i <= g->node_count; i++) count += an_node_is_add_norm(&g->nodes[i]);
    return count;
}

int64_t an_graph_add_norm_grads(const an_graph *g)
{
    int64_t count = 0;
    for (int64_t i = 1; i <= g->node_count; i++) count += an_node_is_add_norm_grad(&g->nodes[i]);
    return count;
}

void an_graph_mark_needed(const an_graph *g, bool *needed)
{
    for (int64_t i = g->node_count; i > 0; i--)
        for (int k = 0; needed[i] && k < g->nodes[i].inputs; k++)
            if (g->nodes[i].in[k]) needed[g->slots[g->nodes[i].in[k]].node] = true;
}

void an_graph_mark_pending(const an_graph *g, bool *needed)
{
    for (bool more = true; more;) { /* one round, and one for each that only another one needs */
        more = false;
        an_graph_mark_needed(g, needed);
        for (int64_t i = 0; i < g->commit_count; i++) {
            const an_commit *c = &g->commits[i];
            if (c->set != AN_PENDING || !needed[g->slots[c->witness].node]) continue;
            bool *const state = &needed[g->slots[c->state].node];
            bool *const value = &needed[g->slots[c->value].node];
            more = more || !*state || !*value;
            *state = *value = true;
        }
    }
}

void an_graph_mark_live(const an_graph *g, bool *needed)
{
    for (int64_t i = 0; i < g->output_count; i++) needed[g->slots[g->outputs[i].value].node] = true;
    for (int64_t i = 0; i < g->commit_count; i++) {
        if (g->commits[i].set == AN_PENDING) continue;
        needed[g->slots[g->commits[i].state].node] = true;
        needed[g->slots[g->commits[i].value].node] = true;
    }
    an_graph_mark_pending(g, needed);
}

bool an_type_equal(const an_type *a, const an_type *b)
{
    return a->dtype == b->dtype && a->shape.rank == b->shape.rank &&
           !memcmp(a->shape.dim, b->shape.dim, (size_t)a->shape.rank * sizeof a->shape.dim[0]);
}

bool an_results_alike(const an_graph *g, const an_node *a, const an_node *b)
{
    for (int k = 0; a->outputs == b->outputs && k < a->outputs; k++)
        if (!an_type_equal(an_slot_type(g, a->first + (uint32_t)k),
                           an_slot_type(g, b->first + (uint32_t)k)))
            return false;
    return a->outputs == b->outputs;
}

/* ---- phases ------------------------------------------------------------ */

const char *an_phase_name(unsigned phase)
{
    static const char *const name[AN_PHASES] = {"forward", "backward", "update"};
    return name[phase];
}

static an_phase own_phase(const an_node *n)
{
    const an_op_info *op = n->op;
    const char *how = n->from.how ? n->from.how : "";
    if (op->category == AN_CATEGORY_OPTIMIZER || !strcmp(how, "update")) return AN_PHASE_UPDATE;
    const bool derived = !strcmp(how, "grad") || !strcmp(how, "recompute") ||
                         op->traits & AN_TRAIT_DERIVED;
    return derived ? AN_PHASE_BACKWARD : AN_PHASE_FORWARD;
}

/* A node that only updates read (a schedule, a counter) belongs to them; a leaf to
 * the earliest phase that reads it. Users stand behind what they use, so one walk
 * backwards sees every user first. */
static void sink_towards_users(const an_graph *g, uint8_t *phase, uint8_t *earliest)
{
    for (int64_t i = 0; i < g->commit_count; i++)
        earliest[g->slots[g->commits[i].value].node] = AN_PHASE_UPDATE;
    for (int64_t i = 0; i < g->output_count; i++)
        earliest[g->slots[g->outputs[i].value].node] = AN_PHASE_FORWARD;
    for (int64_t i = g->node_count; i > 0; i--) {
        const an_node *n = &g->nodes[i];
        const bool sinks =
            an_node_is_leaf(n) ? !an_node_is_input(n) : earliest[i] == AN_PHASE_UPDATE;
        if (sinks && phase[i] == AN_PHASE_FORWARD && earliest[i] < AN_PHASES)
            phase[i] = earliest[i];
        for (int k = 0; k < n->inputs; k++) {
            const uint32_t p = n->in[k] ? g->slots[n->in[k]].node : 0;
            if (p && earliest[p] > phase[i]) earliest[p] = phase[i];
        }
    }
}

bool an_graph_phases(const an_graph *g, uint8_t *phase)
{
    for (int64_t i = 1; i <= g->node_count; i++) {
        const an_node *n = &g->nodes[i];
        phase[i] = (uint8_t)(an_node_is_leaf(n) ? AN_PHASE_FORWARD : own_phase(n));
        for (int k = 0; k < n->inputs; k++) {
            const uint32_t p = n->in[k] ? g->slots[n->in[k]].node : 0;
            if (p && phase[p] > phase[i]) phase[i] = phase[p];
        }
    }
    uint8_t *earliest = an_alloc(g->node_count + 1);
    if (!earliest) return false;
    memset(earliest, AN_PHASES, (size_t)g->node_count + 1);
    sink_towards_users(g, phase, earliest);
    an_free(earliest);
    return true;
}

/* ---- sizes ------------------------------------------------------------- */

int64_t an_value_bytes(const an_graph *g, uint32_t value)
{
    const an_type *t = an_slot_type(g, value);
    int64_t count = -1;
    for (int i = 0; i < t->shape.rank; i++)
        if (t->shape.dim[i] < 0) return -1;
    if (!an_count_elements(t->shape.rank, t->shape.dim, &count)) return -1;
    return an_mul_size(count, (int64_t)an_dtype_size(t->dtype), &count) ? count : -1;
}

int64_t an_value_elements(const an_graph *g, uint32_t value)
{
    const int64_t bytes = an_value_bytes(g, value);
    const size_t size = an_dtype_size(an_slot_type(g, value)->dtype);
    return bytes < 0 || size == 0 ? 0 : bytes / (int64_t)size;
}

bool an_graph_is_parameter(const an_graph *g, const uint8_t *phase, uint32_t node)
{
    const an_node *n = &g->nodes[node];
    return an_node_is_state(n) && !n->attrs->transient && phase[node] == AN_PHASE_FORWARD &&
           an_dtype_is_float(an_slot_type(g, n->first)->dtype);
}

int64_t an_graph_parameters(const an_graph *g)
{
    if (!g) return 0;
    uint8_t *phase = an_alloc_zeroed(g->node_count + 1);
    const bool known = phase && an_graph_phases(g, phase);
    int64_t sum = known ? 0 : -1;
    for (uint32_t i = 1; known && (int64_t)i <= g->node_count; i++)
        if (an_graph_is_parameter(g, phase, i) && !g->nodes[i].attrs->frozen)
            an_add_size(sum, an_value_elements(g, g->nodes[i].first), &sum);
    an_free(phase);
    return sum;
}

/* ---- extents ----------------------------------------------------------- */

an_status an_graph_bind(const an_graph *g, const char *text, int64_t usual, int64_t *bound,
                        an_error *error)
{
    const int names = an_dims_names(g->dims);
    for (int i = 0; i < names; i++) bound[i] = usual;
    for (const char *p = text ? text : ""; *p;) {
        p += strspn(p, ", ");
        if (!*p) break;
        const size_t length = strcspn(p, "=,");
        const char *value = p + length + 1;
        int found = -1;
        for (int i = 0; i < names; i++)
            if (strlen(an_dims_name_at(g->dims, i)) == length &&
                !strncmp(an_dims_name_at(g->dims, i), p, length))
                found = i;
        double extent = -1;
        if (p[length] != '=' || !an_read_f64(&value, &extent) || extent < 0 || extent > 0x1p40)
            return an_fail(error, AN_E_ARGUMENT, "'%s' is no list like B=32,T=100", text);
        if (found < 0)
            return an_fail(error, AN_E_NAME, "the graph has no dim '%.*s'", (int)length, p);
        bound[found] = (int64_t)extent;
        p = value;
    }
    return AN_OK;
}

/* ---- FLOPs ------------------------------------------------------------- */

/* A tensor without data, as long as the value is; false if that is too long. */
static bool shape_tensor(const an_graph *g, uint32_t value, const int64_t *extent, an_tensor *out)
{
    static const char present; /* rules ask whether data is there, never what it is */
    *out = (an_tensor){0};
    if (!value) return true;
    const an_type *type = an_slot_type(g, value);
    *out = (an_tensor){.dtype = type->dtype, .rank = type->shape.rank, .data = (void *)&present};
    for (int i = 0; i < type->shape.rank; i++)
        out->extent[i] = an_dim_extent(type->shape.dim[i], extent);
    int64_t count; /* so that rules may multiply extents */
    return an_count_elements(out->rank, out->extent, &count);
}

double an_node_flops(const an_graph *g, uint32_t number, const int64_t *extent)
{
    const an_node *n = &g->nodes[number];
    if (n->op->traits & AN_TRAIT_LEAF) return 0;
    an_tensor *all = an_alloc_zeroed((n->inputs + n->outputs) * (int64_t)sizeof *all);
    bool good = true;
    if (!all) return -1;
    for (int i = 0; i < n->inputs; i++) good = good && shape_tensor(g, n->in[i], extent, &all[i]);
    for (int k = 0; k < n->outputs; k++)
        good = good && shape_tensor(g, n->first + (uint32_t)k, extent, &all[n->inputs + k]);
    const an_work w = {.op = n->op, .attrs = n->attrs, .extent = extent, .inputs = n->inputs,
                       .outputs = n->outputs, .in = all, .out = all + n->inputs};
    const double flops = good ? an_work_flops(&w) : (double)NAN;
    an_free(all);
    return flops;
}
